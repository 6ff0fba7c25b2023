"""A call of every differentiable op of the table, on about 10^5 elements.

An elementwise op needs none written down: its operands are drawn well inside its domain. A name
followed by a comma and some words is a further call of the same op.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from autograd_core.registry import OPS, PROJECTION, REAL, ZERO, Domain, Op


class Case(NamedTuple):
    """One call: ``call(function, *arrays)`` applies the function to what takes a gradient."""

    arrays: tuple[np.ndarray, ...]
    call: Callable[..., Any]


#: Reasons why a differentiable op has no case.
WITHOUT: dict[str, str] = dict.fromkeys(
    ["numpy.can_cast", "numpy.result_type"], "tells a fact of dtypes; nothing to differentiate"
)


def _with_vectors(x: Any) -> Any:
    return np.linalg.svd(x, full_matrices=False)


def _companion(p: Any) -> Any:
    c = np.eye(len(p) - 1, k=-1)
    c[0] = -p[1:] / p[0]
    return np.linalg.eig(c)


def _with_inverse(*xs: Any) -> Any:
    return np.unique(np.concatenate(xs), return_inverse=True)


#: What NumPy's forward pass is where the function throws away what its derivative is made of.
NEEDED: dict[str, Callable[..., Any]] = {
    "numpy.linalg.eigvalsh": np.linalg.eigh,
    "numpy.linalg.eigvals": np.linalg.eig,
    "numpy.linalg.svdvals": _with_vectors,
    "numpy.linalg.cond": _with_vectors,
    "numpy.linalg.norm, nuclear": lambda x, _ord: _with_vectors(x),
    "numpy.roots": _companion,
    **dict.fromkeys(
        [f"numpy.{name}" for name in ("unique", "unique_values", "unique_counts", "union1d")],
        _with_inverse,
    ),
}

Build = Callable[["Size"], Case]


@functools.cache
def table() -> dict[str, Op]:
    """Every op that has a derivative, by module and name; SciPy's where it is installed."""
    from autograd_core.ops import special

    special.declare()
    return {
        f"{op.module}.{op.name}": op
        for op in OPS.values()
        if op is not PROJECTION
        and op.module.split(".")[0] in ("numpy", "scipy", "autograd_core")  # others may declare too
        and (op.composition is not None or any(r is not None and r is not ZERO for r in op.rules))
    }


class Size(NamedTuple):
    """How large the operands are: about `n` elements each, or an `n`-th of a large one."""

    n: int = 100_000

    @property
    def vector(self) -> tuple[int]:
        return (self.n,)

    @property
    def table(self) -> tuple[int, int]:
        """Rows and columns, 250 × 400 of 10^5."""
        rows = max(2, round(math.sqrt(self.n / 1.6)))
        return rows, max(2, self.n // rows)

    @property
    def side(self) -> int:
        """Of a square matrix."""
        return max(4, math.isqrt(self.n))

    @property
    def square(self) -> tuple[int, int]:
        return self.side, self.side

    @property
    def tall(self) -> tuple[int, int]:
        return self.table[::-1]

    @property
    def stack(self) -> tuple[int, int, int]:
        """Small matrices, 1000 of 10 × 10."""
        k = 10 if self.n >= 1000 else 3
        return max(2, self.n // (k * k)), k, k

    @property
    def cube(self) -> tuple[int, int, int]:
        """40 × 50 × 50 of 10^5."""
        k = max(2, round((self.n * 1.25) ** (1 / 3)))
        return max(2, self.n // (k * k)), k, k


def numbers(shape: tuple[int, ...], domain: Domain = REAL, salt: int = 0) -> Any:
    """Numbers well inside ``domain``."""
    rng = np.random.default_rng([salt, *shape])
    low = max(domain.low, -2.0) + 0.1
    x = rng.uniform(low, min(domain.high, low + 3.9) - 0.1, shape)
    for hole in domain.holes:
        x = np.where(np.abs(x - hole) < 0.05, hole + 0.3, x)
    return x


def complex_numbers(shape: tuple[int, ...], salt: int = 0) -> Any:
    return numbers(shape, salt=salt) + 1j * numbers(shape, salt=salt + 100)


def one(pick: Callable[[Size], tuple[int, ...]], *args: Any, **kwargs: Any) -> Build:
    """A function of one array, with parameters."""
    return lambda s: Case((numbers(pick(s)),), lambda f, x: f(x, *args, **kwargs))


def one_complex(pick: Callable[[Size], tuple[int, ...]], *args: Any, **kwargs: Any) -> Build:
    return lambda s: Case((complex_numbers(pick(s)),), lambda f, x: f(x, *args, **kwargs))


def some(*picks: Callable[[Size], tuple[int, ...]], **kwargs: Any) -> Build:
    """A function of several arrays, one after the other."""
    return lambda s: Case(
        tuple(numbers(pick(s), salt=i) for i, pick in enumerate(picks)),
        lambda f, *xs: f(*xs, **kwargs),
    )


def listed(*picks: Callable[[Size], tuple[int, ...]], **kwargs: Any) -> Build:
    """A function of a sequence of arrays."""
    return lambda s: Case(
        tuple(numbers(pick(s), salt=i) for i, pick in enumerate(picks)),
        lambda f, *xs: f(list(xs), **kwargs),
    )


def vector(s: Size) -> tuple[int, ...]:
    return s.vector


def rows(s: Size) -> tuple[int, ...]:
    return s.table


def row(s: Size) -> tuple[int, ...]:
    return s.table[1:]


def scalar(_: Size) -> tuple[int, ...]:
    return ()


def square(s: Size) -> tuple[int, ...]:
    return s.square


def tall(s: Size) -> tuple[int, ...]:
    return s.tall


def side(s: Size) -> tuple[int, ...]:
    return (s.side,)


def stack(s: Size) -> tuple[int, ...]:
    return s.stack


def cube(s: Size) -> tuple[int, ...]:
    return s.cube


def half_spectrum(s: Size) -> tuple[int, ...]:
    return (s.n // 2 + 1,)


# --- matrices -----------------------------------------------------------------------------------


def well_conditioned(shape: tuple[int, ...]) -> Any:
    """Random matrices with a heavy diagonal, all of whose elements differ."""
    n = min(shape[-2:])
    x = numbers(shape) / math.sqrt(n)
    x[..., range(n), range(n)] += np.linspace(4.0, 8.0, n)
    return x


def matrix(pick: Callable[[Size], tuple[int, ...]], *args: Any, **kwargs: Any) -> Build:
    return lambda s: Case((well_conditioned(pick(s)),), lambda f, x: f(x, *args, **kwargs))


def symmetric(pick: Callable[[Size], tuple[int, ...]], **kwargs: Any) -> Build:
    def build(s: Size) -> Case:
        x = well_conditioned(pick(s))
        return Case((x + x.swapaxes(-1, -2),), lambda f, x: f(x, **kwargs))

    return build


def system(
    pick: Callable[[Size], tuple[int, ...]], columns: Callable[[Size], tuple[int, ...]]
) -> Build:
    return lambda s: Case(
        (well_conditioned(pick(s)), numbers((*pick(s)[:-1], *columns(s)[-1:]), salt=1)),
        lambda f, a, b: f(a, b),
    )


def eigenvectors(pick: Callable[[Size], tuple[int, ...]]) -> Build:
    """Of the vectors only what does not change with their phases, which are arbitrary."""

    def call(f: Any, x: Any) -> Any:
        w, v = f(x)
        return w, v * np.conj(v)

    return lambda s: Case((well_conditioned(pick(s)),), call)


def least_squares(s: Size) -> Case:
    return Case(
        (well_conditioned(s.tall), numbers(s.tall[:1], salt=1)),
        lambda f, a, b: f(a, b, rcond=None)[0],
    )


def tensor_matrix(s: Size) -> Any:
    n = s.side // 4
    return well_conditioned((4 * n, 4 * n)).reshape(4, n, 4 * n)


# --- calls that need more than shapes -----------------------------------------------------------


def remainder(s: Size) -> Case:
    x, y = numbers(s.table), numbers(s.table, Domain(0.5, math.inf, 1.0), salt=1)
    return Case((x, y), lambda f, *xs: f(*xs))


def clipped(bounds: bool) -> Build:
    def build(s: Size) -> Case:
        if bounds:
            low, high = numbers(s.table, salt=1) - 1.0, numbers(s.table, salt=2) + 1.0
            return Case((numbers(s.table), low, high), lambda f, *xs: f(*xs))
        return Case((numbers(s.table),), lambda f, x: f(x, -0.5, 0.7))

    return build


def where(s: Size) -> Case:
    mask = numbers(s.table, salt=5) > 0
    arrays = (numbers(s.table), numbers(s.table, salt=1))
    return Case(arrays, lambda f, *xs: f(mask, *xs))


def chosen(s: Size) -> Case:
    mask = numbers(s.table, salt=5)
    arrays = tuple(numbers(s.table, salt=i) for i in range(3))
    return Case(arrays, lambda f, x, y, z: f([mask > 0.5, mask > -0.5], [x, y], z))


def choose(s: Size) -> Case:
    index = np.random.default_rng(0).integers(0, 3, s.table)
    arrays = tuple(numbers(s.table, salt=i) for i in range(3))
    return Case(arrays, lambda f, *xs: f(index, xs))


def piecewise(s: Size) -> Case:
    x = numbers(s.table)
    return Case((x,), lambda f, t: f(t, [x > 0.5, x < -0.5], [lambda u: u * u, 3.0, np.negative]))


def with_nans(*args: Any, **kwargs: Any) -> Build:
    def build(s: Size) -> Case:
        x = numbers(s.table)
        x[np.random.default_rng(0).random(s.table) < 0.1] = np.nan
        return Case((x,), lambda f, t: f(t, *args, **kwargs))

    return build


def indexed(index: Callable[[Size], Any]) -> Build:
    def build(s: Size) -> Case:
        at = index(s)
        return Case((numbers(s.table),), lambda f, x: f(x, index=at))

    return build


def scattered(index: Callable[[Size], Any]) -> Build:
    def build(s: Size) -> Case:
        at, shape = index(s), s.table
        g = numbers(np.zeros(shape)[at].shape)
        return Case((g,), lambda f, x: f(x, index=at, shape=shape))

    return build


def written(index: Callable[[Size], Any]) -> Build:
    def build(s: Size) -> Case:
        at = index(s)
        arrays = (numbers(s.table), numbers(np.zeros(s.table)[at].shape, salt=1))
        return Case(arrays, lambda f, x, v: f(x, v, index=at))

    return build


def a_slice(_: Size) -> Any:
    return (slice(10, None), slice(None, None, 2))


def some_rows(s: Size) -> Any:
    return np.random.default_rng(0).integers(0, s.table[0], s.table[0])


def elements(s: Size) -> Any:
    """Both indices of as many elements as there are, some of them more than once."""
    rng = np.random.default_rng(0)
    return tuple(rng.integers(0, n, s.n) for n in s.table)


def a_mask(s: Size) -> Any:
    return numbers(s.table, salt=5) > 0


def taken(s: Size) -> Case:
    index = np.random.default_rng(0).integers(0, s.n, s.n)
    return Case((numbers(s.vector),), lambda f, x: f(x, index))


def taken_rows(s: Size) -> Case:
    index = some_rows(s)
    return Case((numbers(s.table),), lambda f, x: f(x, index, axis=0))


def along_axis(s: Size) -> Case:
    index = np.argsort(numbers(s.table, salt=1), axis=-1)
    return Case((numbers(s.table),), lambda f, x: f(x, index, axis=-1))


def by_mask(first: bool) -> Build:
    def build(s: Size) -> Case:
        mask = numbers(s.vector, salt=5) > 0
        return Case((numbers(s.vector),), lambda f, x: f(mask, x))

    return build


def writing(write: Callable[[Size], tuple[Any, Callable[..., Any]]]) -> Build:
    """A function that writes values into a copy of its first argument."""

    def build(s: Size) -> Case:
        values, into = write(s)

        def call(f: Any, x: Any, v: Any) -> Any:
            target = np.copy(x)
            into(f, target, v)
            return target

        return Case((numbers(s.table), values), call)

    return build


def put(s: Size) -> tuple[Any, Callable[..., Any]]:
    index = np.random.default_rng(0).permutation(s.n // 2)
    return numbers((s.n // 2,), salt=1), lambda f, a, v: f(a, index, v)


def put_where(s: Size) -> tuple[Any, Callable[..., Any]]:
    mask = a_mask(s)
    return numbers(s.table, salt=1), lambda f, a, v: f(a, mask, v)


def copied_where(s: Size) -> tuple[Any, Callable[..., Any]]:
    mask = a_mask(s)
    return numbers(s.table, salt=1), lambda f, a, v: f(a, v, where=mask)


def on_the_diagonal(s: Size) -> tuple[Any, Callable[..., Any]]:
    return numbers((s.table[0],), salt=1), lambda f, a, v: f(a, v)


def put_along(s: Size) -> tuple[Any, Callable[..., Any]]:
    index = np.argsort(numbers(s.table, salt=1), axis=-1)
    return numbers(s.table, salt=1), lambda f, a, v: f(a, index, v, -1)


def in_blocks(s: Size) -> Case:
    n = s.side // 2
    arrays = tuple(numbers((n, n), salt=i) for i in range(4))
    return Case(arrays, lambda f, a, b, c, d: f([[a, b], [c, d]]))


def between_zeros(s: Size) -> Case:
    x = numbers(s.vector)
    x[:10] = x[-10:] = 0.0
    return Case((x,), lambda f, t: f(t))


def runs(s: Size) -> Case:
    counts = np.full(s.n // 4, 4)
    return Case((numbers((4 * (s.n // 4),)),), lambda f, x: f(x, counts=counts, axis=0))


def framed(s: Size) -> Case:
    return Case((numbers(s.table),), lambda f, x: f(x, widths=[(2, 3), (4, 5)], values=1.5))


def inserted(s: Size) -> Case:
    index = np.random.default_rng(0).integers(0, s.n // 2, s.n // 2)
    arrays = numbers((s.n // 2,)), numbers((s.n // 2,), salt=1)
    return Case(arrays, lambda f, x, v: f(x, index, v))


def deleted(s: Size) -> Case:
    index = np.random.default_rng(0).integers(0, s.n, s.n // 10)
    return Case((numbers(s.vector),), lambda f, x: f(x, index))


def distinct(s: Size) -> Case:
    x = np.round(numbers(s.vector), 3)
    _, first, inverse = np.unique(x, True, True)
    return Case((x,), lambda f, t: f(t, first=first, inverse=inverse.reshape(-1), axis=None))


def values_of(build: Build) -> Build:
    """The first of several results, that has a derivative."""

    def built(s: Size) -> Case:
        arrays, call = build(s)
        return Case(arrays, lambda f, *xs: call(f, *xs)[0])

    return built


def two_sets(s: Size) -> Case:
    x = numbers((s.n // 2,))
    return Case((x, np.concatenate([x[::2], x[::2] + 5.0])), lambda f, *xs: f(*xs))


def weighted(s: Size) -> Case:
    w = numbers(s.table, Domain(0.0, 2.0, 1.0), salt=1)
    return Case((numbers(s.table), w), lambda f, x, w: f(x, weights=w))


def counted(s: Size) -> Case:
    bins = np.random.default_rng(0).integers(0, 1000, s.n)
    return Case((numbers(s.vector),), lambda f, w: f(bins, w))


def angles(s: Size) -> Case:
    return Case((np.cumsum(numbers(s.table), axis=-1),), lambda f, x: f(x))


def scaled_by_powers(s: Size) -> Case:
    powers = np.random.default_rng(0).integers(-3, 4, s.table)
    return Case((numbers(s.table),), lambda f, x: f(x, powers))


def einsum(subscripts: str, *shapes: Callable[[Size], tuple[int, ...]], **kwargs: Any) -> Build:
    return lambda s: Case(
        tuple(numbers(pick(s), salt=i) for i, pick in enumerate(shapes)),
        lambda f, *xs: f(subscripts, *xs, **kwargs),
    )


def contraction(s: Size) -> Case:
    arrays = (numbers(s.square), numbers(s.square, salt=1))
    return Case(arrays, lambda f, *xs: f(xs, subscripts="ij,jk->ik", optimize=True))


def interpolated(s: Size) -> Case:
    xp = np.linspace(-2.5, 2.5, 1000)
    arrays = numbers(s.vector), xp, numbers((1000,), salt=1)
    return Case(arrays, lambda f, *xs: f(*xs))


def signal(s: Size, *args: Any) -> Case:
    arrays = numbers(s.vector), numbers((min(100, s.n),), salt=1)
    return Case(arrays, lambda f, *xs: f(*xs, *args))


def polynomial(s: Size) -> Case:
    return Case((numbers((10,)), numbers(s.vector, salt=1) / 4.0), lambda f, *xs: f(*xs))


def polynomials(n: Callable[[Size], int], m: Callable[[Size], int]) -> Build:
    def build(s: Size) -> Case:
        p, q = numbers((n(s),)), numbers((m(s),), salt=1) / m(s)
        q[0] = 3.0  # the leading coefficient, which `polydiv` divides by
        return Case((p, q), lambda f, *xs: f(*xs))

    return build


def polynomial_with_roots(s: Size) -> Case:
    return Case((numbers((min(s.side, 100),)) + 3.0,), lambda f, p: f(p))


def fitted(s: Size) -> Case:
    x = np.linspace(-1.0, 1.0, s.n)
    return Case((numbers(s.vector),), lambda f, y: f(x, y, 5))


def windows(s: Size) -> Case:
    shape = (s.n // 10, 10)
    return Case((numbers(shape),), lambda f, x: f(x, widths=(10,), axes=(0,)))


def broadcast(s: Size) -> Case:
    shape = s.table
    return Case((numbers(shape[1:]),), lambda f, x: f(x, shape))


def filled(s: Size) -> Case:
    # NumPy asks its first argument, not the second, whether it is a tensor.
    shape = s.table
    return Case((numbers(shape[1:]),), lambda f, x: f(np.broadcast_to(x, shape), x))


def reshaped(s: Size) -> Case:
    shape = s.table[::-1]
    return Case((numbers(s.table),), lambda f, x: f(x, shape))


def resized(s: Size) -> Case:
    shape = (2 * s.table[0], s.table[1])
    return Case((numbers(s.table),), lambda f, x: f(x, shape))


def cast(s: Size) -> Case:
    return Case((numbers(s.table),), lambda f, x: f(x, np.float32))


def tens(s: Size) -> tuple[int, ...]:
    return (10, s.n // 10)


def planes(s: Size) -> tuple[int, ...]:
    return (*tens(s)[::-1], 1)


def columns_of_three(s: Size) -> tuple[int, ...]:
    return (s.n // 3, 3)


def variables(s: Size) -> tuple[int, ...]:
    return (min(50, s.n // 20), 20 * (s.n // 1000 or 1))


def short(s: Size) -> tuple[int, ...]:
    return (s.n // 10,)


def quarter(s: Size) -> tuple[int, ...]:
    """Whose Kronecker product with itself is as large as the others' operands."""
    n = max(2, math.isqrt(s.side))
    return (n, n)


def special_weights(s: Size) -> Case:
    b = numbers(s.table, Domain(0.0, 2.0, 1.0), salt=1)
    return Case((numbers(s.table), b), lambda f, *xs: f(*xs, axis=-1))


def sum_of_squares(row: Any) -> Any:
    return (row * row).sum()


_FFT = "numpy.fft."
_LINALG = "numpy.linalg."
_INDEXING = "autograd_core.ops.indexing."

CASES: dict[str, Build] = {
    # elementwise, beside those that come by themselves
    "numpy.multiply, a row": some(rows, row),
    "numpy.multiply, a scalar": some(rows, scalar),
    "numpy.add, a row": some(rows, row),
    "numpy.divide, a row": some(rows, row),
    "numpy.power, squared": one(rows, 2.0),
    "numpy.remainder": remainder,
    "numpy.fmod": remainder,
    "numpy.divmod": remainder,
    "numpy.modf": one(rows),
    "numpy.frexp": values_of(one(rows)),
    "numpy.ldexp": scaled_by_powers,
    "numpy.unwrap": angles,
    **dict.fromkeys(
        [
            f"numpy.{name}"
            for name in ("conjugate", "real", "imag", "angle", "sign", "real_if_close")
        ],
        one_complex(rows),
    ),
    "numpy.absolute, complex": one_complex(rows),
    "numpy.multiply, complex": lambda s: Case(
        (complex_numbers(s.table), complex_numbers(s.table, 1)), lambda f, *xs: f(*xs)
    ),
    # activations
    "autograd_core.ops.activations.softmax": one(rows),
    "autograd_core.ops.activations.log_softmax": one(rows),
    "autograd_core.ops.activations.logsumexp": one(rows, axis=-1),
    # reductions
    **dict.fromkeys(
        [
            f"numpy.{name}"
            for name in (
                *("sum", "mean", "prod", "max", "min", "amax", "amin", "ptp", "var", "std"),
                *("cumsum", "cumprod", "median", "average"),
            )
        ],
        one(rows),
    ),
    **dict.fromkeys(
        [
            f"numpy.{name}, rows"
            for name in (
                *("sum", "mean", "prod", "max", "min", "ptp", "var", "std", "median"),
                *("cumsum", "cumprod"),
            )
        ],
        one(rows, axis=-1),
    ),
    "numpy.sum, columns": one(rows, axis=0),
    "numpy.var, columns": one(rows, axis=0),
    **dict.fromkeys(
        [
            f"numpy.nan{name}"
            for name in (
                *("sum", "mean", "max", "min", "prod", "cumsum", "cumprod", "var", "std"),
                "median",
            )
        ],
        with_nans(axis=-1),
    ),
    "numpy.nanquantile": with_nans([0.1, 0.7], axis=-1),
    "numpy.nanpercentile": with_nans([10.0, 70.0], axis=-1),
    "numpy.cumulative_sum": one(vector),
    "numpy.cumulative_prod": one(vector),
    "numpy.quantile": one(rows, [0.1, 0.7]),
    "numpy.quantile, rows": one(rows, [0.1, 0.7], axis=-1),
    "numpy.percentile": one(rows, [10.0, 70.0]),
    "numpy.average, weighted": weighted,
    "numpy.cov": one(variables),
    "numpy.corrcoef": one(variables),
    "numpy.diff": one(vector),
    "numpy.diff, columns": one(rows, axis=0),
    "numpy.ediff1d": one(vector),
    "numpy.gradient": one(vector),
    "numpy.gradient, two axes": one(rows),
    "numpy.trapezoid": some(vector, vector),
    "numpy.bincount": counted,
    # indexing
    "numpy.take": taken,
    "numpy.take, rows": taken_rows,
    "numpy.take_along_axis": along_axis,
    "numpy.compress": by_mask(True),
    "numpy.extract": by_mask(True),
    "numpy.diagonal": one(square),
    "numpy.diag": one(square),
    "numpy.diag, of a vector": one(side),
    "numpy.diagflat": one(side),
    "numpy.tril": one(square),
    "numpy.triu": one(square),
    f"{_LINALG}diagonal": one(stack),
    f"{_INDEXING}getitem": indexed(a_slice),
    f"{_INDEXING}getitem, rows": indexed(some_rows),
    f"{_INDEXING}getitem, elements": indexed(elements),
    f"{_INDEXING}getitem, a mask": indexed(a_mask),
    f"{_INDEXING}scatter": scattered(a_slice),
    f"{_INDEXING}scatter, elements": scattered(elements),
    f"{_INDEXING}setitem": written(a_slice),
    f"{_INDEXING}setitem, rows": written(some_rows),
    f"{_INDEXING}setitem, a mask": written(a_mask),
    "numpy.put": writing(put),
    "numpy.place": writing(put_where),
    "numpy.putmask": writing(put_where),
    "numpy.copyto": writing(copied_where),
    "numpy.fill_diagonal": writing(on_the_diagonal),
    "numpy.put_along_axis": writing(put_along),
    # selection
    "numpy.where": where,
    "numpy.select": chosen,
    "numpy.choose": choose,
    "numpy.piecewise": piecewise,
    "numpy.nan_to_num": with_nans(),
    "numpy.clip": clipped(False),
    "numpy.clip, arrays": clipped(True),
    "autograd_core.ops.selection.clip": clipped(True),
    # shape
    "numpy.reshape": reshaped,
    "numpy.ravel": one(rows),
    "numpy.expand_dims": one(rows, 1),
    "numpy.squeeze": one(planes),
    "numpy.atleast_1d": one(vector),
    "numpy.atleast_2d": one(vector),
    "numpy.atleast_3d": one(vector),
    "numpy.copy": one(rows),
    "numpy.ascontiguousarray": one(rows),
    "numpy.asfortranarray": one(rows),
    "numpy.astype": cast,
    "autograd_core.ops.shape.astype": cast,
    "numpy.transpose": one(rows),
    "numpy.matrix_transpose": one(stack),
    f"{_LINALG}matrix_transpose": one(stack),
    "numpy.swapaxes": one(cube, 0, 2),
    "numpy.moveaxis": one(cube, 0, 2),
    "numpy.rollaxis": one(cube, 2),
    "numpy.flip": one(rows),
    "numpy.fliplr": one(rows),
    "numpy.flipud": one(rows),
    "numpy.rot90": one(rows),
    "numpy.roll": one(vector, 7),
    "numpy.roll, two axes": one(rows, (3, 5), axis=(0, 1)),
    "numpy.broadcast_to": broadcast,
    "numpy.broadcast_arrays": some(rows, row),
    "numpy.meshgrid": some(lambda s: s.table[:1], row),
    "numpy.full_like": filled,
    "numpy.tile": one(short, 10),
    "numpy.repeat": one(short, 10),
    "numpy.resize": resized,
    "numpy.trim_zeros": between_zeros,
    "autograd_core.ops.shape.sum_runs": runs,
    # joining and splitting
    **dict.fromkeys(
        [
            f"numpy.{name}"
            for name in ("concatenate", "stack", "hstack", "vstack", "dstack", "column_stack")
        ],
        listed(rows, rows),
    ),
    "numpy.append": some(rows, rows),
    "numpy.block": in_blocks,
    "numpy.split": one(tens, 10),
    "numpy.array_split": one(tens, 3),
    "numpy.hsplit": one(tens, 10),
    "numpy.vsplit": one(tens, 10),
    "numpy.dsplit": one(lambda s: (10, s.n // 100, 10), 10),
    "numpy.unstack": one(tens),
    "numpy.insert": inserted,
    "numpy.delete": deleted,
    "numpy.pad": one(rows, 5),
    "numpy.pad, reflect": one(rows, 5, mode="reflect"),
    "numpy.pad, edge": one(rows, 5, mode="edge"),
    "autograd_core.ops.padding.frame": framed,
    # products
    "numpy.matmul": some(square, square),
    "numpy.matmul, a vector": some(square, side),
    "numpy.matmul, stacks": some(stack, stack),
    "numpy.matmul, a stack and a matrix": some(stack, lambda s: s.stack[1:]),
    "numpy.matvec": some(square, side),
    "numpy.vecmat": some(side, square),
    "numpy.vecdot": some(rows, rows),
    "numpy.tensordot": lambda s: Case(
        (numbers(s.cube), numbers((*s.cube[1:], 20), salt=1)), lambda f, *xs: f(*xs)
    ),
    "numpy.dot": some(square, square),
    "numpy.dot, vectors": some(vector, vector),
    "numpy.inner": some(square, square),
    "numpy.vdot": some(vector, vector),
    "numpy.outer": some(side, side),
    "numpy.kron": some(quarter, quarter),
    "numpy.cross": some(columns_of_three, columns_of_three),
    "numpy.trace": one(square),
    f"{_LINALG}matmul": some(square, square),
    f"{_LINALG}outer": some(side, side),
    f"{_LINALG}tensordot": some(square, square, axes=1),
    f"{_LINALG}vecdot": some(rows, rows),
    f"{_LINALG}cross": some(columns_of_three, columns_of_three),
    f"{_LINALG}trace": one(stack),
    "numpy.einsum": einsum("ij,jk->ik", square, square),
    "numpy.einsum, a stack": einsum("bij,bjk->bik", stack, stack),
    "numpy.einsum, sums": einsum("ij,j->i", rows, row),
    "numpy.einsum, ellipsis": einsum("...ij,...j->...i", stack, lambda s: s.stack[:2]),
    "numpy.einsum, a chain, optimized": einsum(
        "ij,jk,kl->il", square, square, square, optimize=True
    ),
    "numpy.einsum, four operands, optimized": einsum(
        "ij,ik,kl,jl->", square, square, square, square, optimize="optimal"
    ),
    "autograd_core.ops.products.einsum": contraction,
    # linear algebra
    **dict.fromkeys(
        [f"{_LINALG}{name}" for name in ("inv", "det", "slogdet", "cond", "eigvals")],
        matrix(square),
    ),
    f"{_LINALG}eig": eigenvectors(square),
    f"{_LINALG}eig, a stack": eigenvectors(stack),
    **dict.fromkeys(
        [f"{_LINALG}{name}, a stack" for name in ("inv", "det", "slogdet")], matrix(stack)
    ),
    "autograd_core.ops.linalg.cofactor": matrix(square),
    f"{_LINALG}solve": system(square, square),
    f"{_LINALG}solve, a stack": system(stack, stack),
    f"{_LINALG}pinv": matrix(tall),
    f"{_LINALG}lstsq": least_squares,
    "autograd_core.ops.linalg.lstsq": least_squares,
    f"{_LINALG}tensorinv": lambda s: Case((tensor_matrix(s),), lambda f, x: f(x, ind=2)),
    f"{_LINALG}tensorsolve": lambda s: Case(
        (tensor_matrix(s), numbers(tensor_matrix(s).shape[:2], salt=1)), lambda f, *xs: f(*xs)
    ),
    f"{_LINALG}matrix_power": matrix(square, 5),
    f"{_LINALG}multi_dot": listed(square, square, square),
    **dict.fromkeys(
        [f"{_LINALG}{name}" for name in ("cholesky", "eigh", "eigvalsh")], symmetric(square)
    ),
    **dict.fromkeys(
        [f"{_LINALG}{name}, a stack" for name in ("cholesky", "eigh", "eigvalsh")],
        symmetric(stack),
    ),
    f"{_LINALG}qr": matrix(tall),
    "autograd_core.ops.linalg.qr": matrix(tall, mode="reduced"),
    f"{_LINALG}svd": matrix(tall, full_matrices=False),
    f"{_LINALG}svd, a stack": matrix(stack),
    "autograd_core.ops.linalg.svd": matrix(tall),
    f"{_LINALG}svdvals": matrix(tall),
    f"{_LINALG}norm": one(rows),
    f"{_LINALG}norm, rows": one(rows, axis=-1),
    f"{_LINALG}norm, ord=3": one(vector, 3),
    f"{_LINALG}norm, nuclear": matrix(square, "nuc"),
    f"{_LINALG}vector_norm": one(rows),
    f"{_LINALG}matrix_norm": one(stack),
    "autograd_core.ops.linalg.norm": one(rows, axis=None, keepdims=False),
    "autograd_core.ops.linalg.p_norm": one(vector, ord=3, axis=None, keepdims=False),
    # Fourier transforms
    f"{_FFT}fft": one_complex(vector),
    f"{_FFT}fft, real": one(vector),
    f"{_FFT}ifft": one_complex(vector),
    f"{_FFT}rfft": one(vector),
    f"{_FFT}irfft": one_complex(half_spectrum),
    f"{_FFT}hfft": one_complex(half_spectrum),
    f"{_FFT}ihfft": one(vector),
    **dict.fromkeys([f"{_FFT}{name}" for name in ("fft2", "ifft2", "irfft2")], one_complex(rows)),
    f"{_FFT}rfft2": one(rows),
    **dict.fromkeys([f"{_FFT}{name}" for name in ("fftn", "ifftn", "irfftn")], one_complex(cube)),
    f"{_FFT}rfftn": one(cube),
    f"{_FFT}fftshift": one(rows),
    f"{_FFT}ifftshift": one(rows),
    # sorting and sets
    "numpy.sort": one(rows),
    "numpy.sort, all": one(vector),
    "numpy.partition": lambda s: Case((numbers(s.vector),), lambda f, x: f(x, s.n // 2)),
    "numpy.sort_complex": one_complex(vector),
    "numpy.unique": one(vector),
    "numpy.unique_values": one(vector),
    **dict.fromkeys(
        [f"numpy.unique_{name}" for name in ("all", "counts", "inverse")], values_of(one(vector))
    ),
    **dict.fromkeys(
        [f"numpy.{name}" for name in ("union1d", "intersect1d", "setdiff1d", "setxor1d")], two_sets
    ),
    "autograd_core.ops.sorting.distinct": distinct,
    # windows, convolutions, polynomials
    "numpy.lib.stride_tricks.sliding_window_view": one(vector, 10),
    "autograd_core.ops.windows.overlap_add": windows,
    "numpy.convolve": signal,
    "numpy.convolve, valid": lambda s: signal(s, "valid"),
    "numpy.correlate": signal,
    "numpy.interp": interpolated,
    "numpy.polyval": polynomial,
    "numpy.vander": one(short, 10),
    "numpy.polyadd": polynomials(lambda s: s.n, lambda s: s.n // 2),
    "numpy.polysub": polynomials(lambda s: s.n, lambda s: s.n // 2),
    "numpy.polymul": polynomials(lambda s: s.n, lambda s: min(100, s.n)),
    # NumPy divides by a loop over the coefficients of the quotient: 100 of them.
    "numpy.polydiv": polynomials(lambda s: 1100, lambda s: 1001),
    # The roots are eigenvalues of a companion matrix, as large as the others' matrices.
    "numpy.poly": one(lambda s: (min(s.side, 100),)),
    "numpy.roots": polynomial_with_roots,
    "numpy.polyfit": fitted,
    "numpy.polyder": one(vector),
    "numpy.polyint": one(vector),
    "numpy.apply_along_axis": lambda s: Case(
        (numbers(s.table),), lambda f, x: f(sum_of_squares, -1, x)
    ),
    "numpy.apply_over_axes": lambda s: Case((numbers(s.table),), lambda f, x: f(np.sum, x, [0, 1])),
    # special functions
    "autograd_core.ops.special.logsumexp": special_weights,
    "autograd_core.ops.special.polygamma": lambda s: Case(
        (numbers(s.table, Domain(0.5, math.inf, 1.0)),), lambda f, x: f(x, n=1)
    ),
}


def elementwise(op: Op) -> Build:
    """Operands of equal shapes, well inside the domain."""

    def build(s: Size) -> Case:
        picked = [i for i, rule in enumerate(op.rules) if rule is not None and rule is not ZERO]
        arrays = [numbers(s.table, domain, i) for i, domain in enumerate(op.domains)]

        def call(f: Any, *xs: Any) -> Any:
            given: list[Any] = list(arrays)
            for i, x in zip(picked, xs, strict=True):
                given[i] = x
            return f(*given)

        return Case(tuple(arrays[i] for i in picked), call)

    return build


def name_of(case: str) -> str:
    """The op that a case calls."""
    return case.partition(",")[0]


@functools.cache
def cases() -> dict[str, Build]:
    """Every case of an op that this NumPy and this SciPy have, in the table's order."""
    found: dict[str, Build] = {}
    for name, op in table().items():
        own = {case: build for case, build in CASES.items() if name_of(case) == name}
        if name not in own and op.kind == "elementwise":
            own = {name: elementwise(op)} | own
        found |= own
    return found
