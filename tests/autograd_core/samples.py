"""For every op in the table, a strategy that draws calls of it, well inside its domain.

An elementwise op needs none written down: its declaration says its domain. Any other op has an
entry in `SAMPLES`, or a test fails that names it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograd_core.registry import OPS, PROJECTION, ZERO, Domain, Op

# Every op once; this package's own functions stand in the table twice.
TABLE = {f"{getattr(op.fn, '__module__', None) or 'numpy'}.{op.name}": op for op in OPS.values()}


def has_rule(op: Op) -> bool:
    """Whether there is a derivative to test."""
    return op.composition is not None or any(
        callable(rule) and rule is not ZERO for rule in op.rules
    )


DIFFERENTIABLE = {name: op for name, op in TABLE.items() if has_rule(op) and op is not PROJECTION}


class Case(NamedTuple):
    """One call: ``call(function, *arrays)`` applies the function to the arrays it is about."""

    arrays: tuple[np.ndarray, ...]
    call: Callable[..., Any]
    text: str

    def value(self, function: Callable[..., Any], *arrays: Any) -> Any:
        """Call ``function``, its several outputs joined in a list."""
        return self.call(function, *arrays)


Draw = Callable[[st.SearchStrategy[Any]], Any]


def numbers(
    draw: Draw, shape: tuple[int, ...], domain: Domain | None = None, salt: int = 0
) -> np.ndarray:
    """Numbers well inside ``domain``; with another ``salt`` others, so that there are no ties."""
    rng = np.random.default_rng([salt, draw(st.integers(0, 2**32 - 1))])
    low, high, _, holes = domain or Domain(-math.inf, math.inf, 0.0)
    low, high = max(low, -2.0) + 0.1, min(high, max(low, -2.0) + 4.0) - 0.1
    # Places on a grid that no other element has, and no other operand: finite differences never
    # step over a tie. None is zero, where many an op has its kink.
    size = math.prod(shape)
    place = 3 * rng.permutation(max(size, 27))[:size] + salt % 3 + rng.uniform(0.15, 0.35)
    x = (low + (high - low) * place / (3 * max(size, 27))).reshape(shape)
    for hole in holes:
        x = np.where(np.abs(x - hole) < 0.1, hole + 0.3, x)
    return np.asarray(x)


def shapes(draw: Draw, min_dims: int = 0, max_dims: int = 3, min_side: int = 1) -> tuple[int, ...]:
    return draw(
        hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=3)
    )


def elementwise(op: Op) -> st.SearchStrategy[Case]:
    @st.composite
    def cases(draw: Draw) -> Case:
        together = draw(
            hnp.mutually_broadcastable_shapes(num_shapes=op.arity, max_dims=3, max_side=3)
        ).input_shapes
        arrays = [
            numbers(draw, shape, domain, salt)
            for salt, (shape, domain) in enumerate(zip(together, op.domains, strict=True))
        ]
        picked = [i for i, rule in enumerate(op.rules) if rule is not None and rule is not ZERO]
        others = {i: _fixed(x) for i, x in enumerate(arrays) if i not in picked}

        def call(function: Callable[..., Any], *xs: Any) -> Any:
            given = dict(zip(picked, xs, strict=True)) | others
            return function(*(given[i] for i in range(op.arity)))

        return Case(tuple(arrays[i] for i in picked), call, f"shapes {together}")

    return cases()


def _fixed(x: np.ndarray) -> np.ndarray:
    """A condition, for the operand of `where` that has no gradient."""
    return x > 0


def axis_of(draw: Draw, ndim: int, several: bool = True) -> Any:
    """None, an axis or a tuple of axes of an array of ``ndim`` dimensions."""
    if ndim == 0:
        return None
    single = st.integers(-ndim, ndim - 1)
    options = [st.none(), single]
    if several:
        options.append(st.lists(st.integers(0, ndim - 1), min_size=1, unique=True).map(tuple))
    return draw(st.one_of(options))


SAMPLES: dict[str, Callable[[], st.SearchStrategy[Case]]] = {}


def sample_for(*names: str) -> Callable[[Callable[..., Case]], Callable[..., Case]]:
    """Enter a function that draws a case for each of the named ops."""

    def enter(function: Callable[..., Case]) -> Callable[..., Case]:
        strategy = st.composite(function)
        for name in names:
            SAMPLES[name] = strategy
        return function

    return enter


def strategy(name: str) -> st.SearchStrategy[Case]:
    """The strategy of an op of the table; KeyError where none was written."""
    op = TABLE[name]
    if name in SAMPLES:
        return SAMPLES[name]()
    if op.kind == "elementwise":
        return elementwise(op)
    raise KeyError(f"{name} has no sample strategy: write one in {__name__}.SAMPLES")


def one(x: np.ndarray, *args: Any, **kwargs: Any) -> Case:
    """The case of a function of one array, with parameters."""
    return Case((x,), lambda f, t: f(t, *args, **kwargs), f"{x.shape}, {args}, {kwargs}")


@sample_for("numpy.remainder")
def remainder(draw: Draw) -> Case:
    """Away from the jumps at whole multiples of the divisor."""
    y = numbers(draw, shapes(draw), Domain(0.0, math.inf, 1.0))
    whole = draw(st.integers(-3, 3))
    x = y * (whole + 0.5 + numbers(draw, (), Domain(-0.4, 0.4, 0.0)))
    return Case((np.asarray(x), np.asarray(y)), lambda f, *xs: f(*xs), f"{x.shape}")


# --- reductions -------------------------------------------------------------------------------


@sample_for("numpy.sum", "numpy.mean", "numpy.max", "numpy.min", "numpy.var", "numpy.std")
def reduction(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=draw(st.sampled_from([0, 1, 2]))))
    return one(x, axis=axis_of(draw, x.ndim), keepdims=draw(st.booleans()))


@sample_for("numpy.prod")
def product(draw: Draw) -> Case:
    case = reduction(draw)
    x = case.arrays[0]
    zeros = draw(hnp.arrays(bool, x.shape, elements=st.sampled_from([False, False, True])))
    return case._replace(arrays=(np.where(zeros, 0.0, x),))


_ACTIVATIONS = "autograd_core.ops.activations"


@sample_for(f"{_ACTIVATIONS}.logsumexp")
def log_sum_exp(draw: Draw) -> Case:
    return reduction(draw)


@sample_for(f"{_ACTIVATIONS}.softmax", f"{_ACTIVATIONS}.log_softmax")
def soft(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    return one(x, axis=axis_of(draw, x.ndim))


@sample_for("numpy.cumsum")
def cumulative(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    return one(x, axis=axis_of(draw, x.ndim, several=False))


# --- selection and shape ------------------------------------------------------------------------


@sample_for("numpy.clip")
def clip(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw))
    low, high = draw(st.sampled_from([(-0.5, 0.7), (None, 0.3), (0.1, None)]))
    if draw(st.booleans()) and low is not None and high is not None:
        bounds = (np.full(x.shape[-1:], low), np.full((), high))
        return Case((x, *bounds), lambda f, *xs: f(*xs), f"{x.shape}, arrays as bounds")
    return one(x, low, high)


@sample_for("numpy.reshape")
def reshape(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw))
    new = draw(st.sampled_from([(-1,), (x.size, 1), (1, x.size), x.shape[::-1]]))
    return one(x, new, order=draw(st.sampled_from("CF")))


@sample_for("numpy.ravel")
def ravel(draw: Draw) -> Case:
    return one(numbers(draw, shapes(draw)), order=draw(st.sampled_from("CF")))


@sample_for("numpy.transpose")
def transpose(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw))
    axes = draw(st.one_of(st.none(), st.permutations(range(x.ndim)).map(tuple)))
    return one(x, axes)


@sample_for("numpy.matrix_transpose")
def matrix_transpose(draw: Draw) -> Case:
    return one(numbers(draw, shapes(draw, min_dims=2)))


@sample_for("numpy.swapaxes", "numpy.moveaxis")
def two_axes(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    axis = st.integers(-x.ndim, x.ndim - 1)
    return one(x, draw(axis), draw(axis))


@sample_for("numpy.expand_dims")
def expand_dims(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw))
    axis = draw(st.one_of(st.integers(-x.ndim - 1, x.ndim), st.just((0, -1))))
    return one(x, axis)


@sample_for("numpy.squeeze")
def squeeze(draw: Draw) -> Case:
    x = numbers(draw, (1, *shapes(draw), 1))
    return one(x, axis=draw(st.sampled_from([None, 0, -1, (0, -1)])))


@sample_for("numpy.flip")
def flip(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    return one(x, axis=axis_of(draw, x.ndim))


@sample_for("numpy.broadcast_to")
def broadcast_to(draw: Draw) -> Case:
    shape = shapes(draw)
    x = numbers(draw, tuple(n if draw(st.booleans()) else 1 for n in shape))
    return one(x, (2, *shape))


@sample_for("autograd_core.ops.shape.astype")
def cast(draw: Draw) -> Case:
    return one(numbers(draw, shapes(draw)), dtype=np.float64)


@sample_for("numpy.concatenate")
def concatenate(draw: Draw) -> Case:
    shape = shapes(draw, min_dims=1)
    axis = axis_of(draw, len(shape), several=False)
    sides = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    arrays = []
    for n in sides:
        own = list(shape)
        own[0 if axis is None else axis] = n
        arrays.append(numbers(draw, tuple(own)))
    return Case(tuple(arrays), lambda f, *xs: f(xs, axis=axis), f"{sides}, axis {axis}")


@sample_for("numpy.stack")
def stack(draw: Draw) -> Case:
    shape = shapes(draw)
    axis = draw(st.integers(-len(shape) - 1, len(shape)))
    arrays = tuple(numbers(draw, shape) for _ in range(draw(st.integers(1, 3))))
    return Case(arrays, lambda f, *xs: f(list(xs), axis=axis), f"{shape}, axis {axis}")


@sample_for("numpy.split", "numpy.array_split")
def split(draw: Draw) -> Case:
    x = numbers(draw, (6, *shapes(draw, max_dims=1)))
    sections = draw(st.sampled_from([1, 2, 3, [2], [1, 4], [0, 6]]))
    axis = draw(st.sampled_from([0, -x.ndim]))
    return one(x, sections, axis=axis)


# --- indexing -----------------------------------------------------------------------------------


def index_of(draw: Draw, shape: tuple[int, ...]) -> Any:
    """A basic index, an advanced one that may repeat, or a mask."""
    kind = draw(st.sampled_from(["basic", "basic", "advanced", "mask", "mixed"]))
    if kind == "mask":
        return draw(hnp.arrays(bool, shape))
    if kind == "advanced":
        return draw(hnp.integer_array_indices(shape))
    if kind == "mixed" and len(shape) >= 2:
        return (slice(None, None, -1), draw(hnp.integer_array_indices(shape[1:2]))[0])
    return draw(hnp.basic_indices(shape, allow_newaxis=True))


_INDEXING = "autograd_core.ops.indexing"


@sample_for(f"{_INDEXING}.getitem")
def getitem(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    return one(x, index=index_of(draw, x.shape))


@sample_for(f"{_INDEXING}.scatter")
def scatter(draw: Draw) -> Case:
    shape = shapes(draw, min_dims=1)
    index = index_of(draw, shape)
    g = numbers(draw, np.zeros(shape)[index].shape)
    return one(g, index=index, shape=shape)


@sample_for(f"{_INDEXING}.setitem")
def setitem(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    index = index_of(draw, x.shape)
    value = numbers(draw, x[index].shape if draw(st.booleans()) else ())
    return Case((x, value), lambda f, a, b: f(a, b, index=index), f"{x.shape}[{index!r}]")


@sample_for("numpy.take_along_axis")
def take_along_axis(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    shape = list(x.shape)
    shape[axis] = draw(st.integers(1, 4))
    indices = draw(hnp.arrays(np.intp, tuple(shape), elements=st.integers(0, x.shape[axis] - 1)))
    return one(x, indices, axis=axis)


# --- linear algebra -----------------------------------------------------------------------------

_MATMUL = [
    ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)), ((5, 2, 3), (5, 3, 4)), ((5, 1, 2, 3), (4, 3, 2)), ((3,), (5, 3, 2)),
    ((5, 2, 3), (3,)), ((0, 3), (3, 2)), ((2, 0), (0, 3)), ((1, 2, 3), (5, 3, 2)),
]  # fmt: skip


@sample_for("numpy.matmul")
def matmul(draw: Draw) -> Case:
    x, y = draw(st.sampled_from(_MATMUL))
    return Case((numbers(draw, x), numbers(draw, y)), lambda f, *xs: f(*xs), f"{x} @ {y}")


_DOT = [
    *(pair for pair in _MATMUL if max(map(len, pair)) <= 2),
    ((), (3,)), ((2, 3), ()), ((5, 2, 3), (3,)), ((2, 3), (4, 3, 2)), ((4, 3), (3, 2)),
]  # fmt: skip


@sample_for("numpy.dot")
def dot(draw: Draw) -> Case:
    x, y = draw(st.sampled_from(_DOT))
    return Case((numbers(draw, x), numbers(draw, y)), lambda f, *xs: f(*xs), f"{x} . {y}")


_EINSUM = [
    ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("i,j->ij", (2,), (3,)),
    ("ij->ji", (2, 3)), ("ij->", (2, 3)), ("ii->i", (3, 3)), ("ii", (3, 3)), ("iij->j", (2, 2, 3)),
    ("...ij,...jk->...ik", (5, 2, 3), (3, 4)), ("...i,i", (2, 3), (3,)),
    ("i,i,i->i", (3,), (3,), (3,)),
    ("ij,k->k", (2, 3), (4,)), ("ij,ij->", (2, 3), (2, 3)), ("bij,bj->bi", (1, 2, 3), (4, 3)),
    ("iii->i", (2, 2, 2)), ("a...,...->a...", (2, 3), (3,)),
]  # fmt: skip


@sample_for("numpy.einsum")
def einsum(draw: Draw) -> Case:
    subscripts, *sizes = draw(st.sampled_from(_EINSUM))
    optimize = draw(st.booleans())
    arrays = tuple(numbers(draw, shape) for shape in sizes)
    return Case(arrays, lambda f, *xs: f(subscripts, *xs, optimize=optimize), subscripts)


@sample_for("autograd_core.ops.linalg.einsum")
def contraction(draw: Draw) -> Case:
    subscripts, *sizes = draw(
        st.sampled_from([e for e in _EINSUM if "->" in e[0] and "." not in e[0]])
    )
    arrays = tuple(numbers(draw, shape) for shape in sizes)
    # The value is computed from operands; users' calls, like the engine's, pass one sequence.
    return Case(arrays, lambda f, *xs: f(xs, subscripts=subscripts), subscripts)


def matrices(draw: Draw) -> np.ndarray:
    """Matrices with singular values well apart, in a stack or alone."""
    rows, columns = draw(st.sampled_from([(2, 2), (3, 3), (3, 2), (2, 3), (1, 2)]))
    stack = draw(st.sampled_from([(), (2,)]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    u = np.linalg.qr(rng.normal(size=(*stack, rows, rows)))[0]
    v = np.linalg.qr(rng.normal(size=(*stack, columns, columns)))[0]
    k = min(rows, columns)
    values = np.sort(rng.uniform(0.0, 0.5, (*stack, k)) + np.arange(1, k + 1), axis=-1)[..., ::-1]
    return (u[..., :, :k] * values[..., None, :]) @ np.swapaxes(v[..., :, :k], -1, -2)


def triplets(result: Any) -> list[Any]:
    """The singular values, and each pair of vectors multiplied: their common sign is arbitrary."""
    u, s, vh = result
    return [s, np.einsum("...ik,...kj->...kij", u, vh), np.einsum("...ik,...jk->...kij", u, u)]


@sample_for("autograd_core.ops.linalg.svd")
def reduced_svd(draw: Draw) -> Case:
    x = matrices(draw)
    return Case((x,), lambda f, t: triplets(f(t)), f"{x.shape}")


@sample_for("numpy.linalg.svd")
def svd(draw: Draw) -> Case:
    x = matrices(draw)
    if draw(st.booleans()):
        return one(x, compute_uv=False)
    return Case((x,), lambda f, t: triplets(f(t, full_matrices=False)), f"{x.shape}")


# --- ops of the other packages --------------------------------------------------------------------


@sample_for("nn.losses.cross_entropy")
def cross_entropy(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    labels = draw(hnp.arrays(np.int64, x.shape[:-1], elements=st.integers(0, x.shape[-1] - 1)))
    reduction = draw(st.sampled_from(["mean", "sum", "none"]))
    return one(x, labels, reduction=reduction)
