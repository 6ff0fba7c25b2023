"""Many examples at once against one at a time: values, gradients, every op of the table."""

from __future__ import annotations

import gc
import itertools
import sys
import threading
import tracemalloc
import warnings
import weakref
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import autograd_core as ag
import nn
from autograd_core.errors import GradientError, InPlaceError, ShapeError
from autograd_core.registry import OPS, PROJECTION, running
from autograd_core.transforms import batching
from autograd_core.transforms.batched import ACTIVE
from autograd_core.transforms.batching import RULES
from autograd_core.tree import flatten
from tests.autograd_core.samples import DIFFERENTIABLE, FACTS, TABLE, Case, strategy
from tests.autograd_core.test_table import Scalar, outputs

ALL = sorted(DIFFERENTIABLE)
FEW = max(2, settings().max_examples // 5)
RNG = np.random.default_rng(0)


def plain(x: Any) -> Any:
    return x.data if isinstance(x, ag.Tensor) else np.asarray(x)


def assert_same(got: Any, expected: Any, tol: float = 1e-9) -> None:
    """Compare two trees of arrays or tensors: shapes, dtypes, values."""
    a, b = flatten(got)[0], flatten(expected)[0]
    assert len(a) == len(b)
    for x, y in zip(map(plain, a), map(plain, b), strict=True):
        assert x.shape == y.shape, (x.shape, y.shape)
        assert x.dtype == y.dtype, (x.dtype, y.dtype)
        np.testing.assert_allclose(x, y, rtol=tol, atol=tol)


def one_by_one(f: Callable[..., Any], in_axes: Any, *args: Any) -> Any:
    """What `vmap` says it computes, by a loop and `np.stack`."""
    axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(args)
    (n,) = {np.shape(x)[a] for x, a in zip(args, axes, strict=True) if a is not None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = [
            f(*(x if a is None else np.take(x, i, a) for x, a in zip(args, axes, strict=True)))
            for i in range(n)
        ]
    leaves, rebuild = zip(*map(flatten, results), strict=True)
    return rebuild[0]([np.stack(list(map(plain, each))) for each in zip(*leaves, strict=True)])


def check(f: Callable[..., Any], *args: Any, in_axes: Any = 0, tol: float = 1e-9) -> None:
    assert_same(ag.vmap(f, in_axes)(*args), one_by_one(f, in_axes, *args), tol)


# --- every op of the table ---------------------------------------------------------------------


def batches(case: Case, which: tuple[bool, ...]) -> tuple[list[Any], tuple[Any, ...]]:
    """Three examples near the drawn one, of the arrays that ``which`` says; the rest for all."""
    scaled = [
        np.stack([x, 0.99 * x, 0.97 * x]).astype(x.dtype) if mine else x
        for x, mine in zip(case.arrays, which, strict=True)
    ]
    return scaled, tuple(0 if mine else None for mine in which)


def some_batched(data: Any, case: Case, name: str) -> tuple[bool, ...]:
    """All of a call's arrays, or some; what is written into must be."""
    every = list(itertools.product([True, False], repeat=len(case.arrays)))[:-1]
    if TABLE[name].mutates:
        every = [which for which in every if which[0]]
    return data.draw(st.sampled_from(every[:1] * 2 + every))


@pytest.mark.parametrize("name", ALL)
@given(data=st.data())
@settings(max_examples=FEW)
def test_values_are_those_of_a_loop(name: str, data: Any) -> None:
    check_values(name, data)


def check_values(name: str, data: Any) -> None:
    case, function = data.draw(strategy(name)), TABLE[name].function

    def f(*xs: Any) -> list[Any]:
        return outputs(case.value(function, *xs))

    arrays, in_axes = batches(case, some_batched(data, case, name))
    expected = one_by_one(f, in_axes, *arrays)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_same(ag.vmap(f, in_axes)(*arrays), expected)
        assert_same(ag.vmap(f, in_axes)(*map(ag.Tensor, arrays)), expected)


@pytest.mark.parametrize("name", ALL)
@given(data=st.data())
@settings(max_examples=FEW)
def test_gradients_are_those_of_a_loop(name: str, data: Any) -> None:
    """`vmap` of `grad`; and `grad` of `vmap`, where what all share gets the sum over examples."""
    case = data.draw(strategy(name))
    f = Scalar(case, TABLE[name].function)
    everything = tuple(range(len(case.arrays)))
    gradient = ag.grad(f, everything)
    arrays, in_axes = batches(case, some_batched(data, case, name))
    expected = one_by_one(gradient, in_axes, *arrays)
    weights = np.array([0.7, -1.3, 0.4])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_same(ag.vmap(gradient, in_axes)(*arrays), expected, 1e-7)
        through = ag.grad(lambda *xs: np.sum(ag.vmap(f, in_axes)(*xs) * weights), everything)
        got = through(*arrays)
    weighted = [np.moveaxis(np.moveaxis(g, 0, -1) * weights, -1, 0) for g in expected]
    shared = [g if a == 0 else g.sum(0) for g, a in zip(weighted, in_axes, strict=True)]
    assert_same(got, tuple(shared), 1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
@given(data=st.data())
@settings(max_examples=FEW)
def test_second_derivatives_are_those_of_a_loop(name: str, data: Any) -> None:
    """In both orders of modes."""
    case = data.draw(strategy(name))
    f = Scalar(case, TABLE[name].function)
    w = f.directions()
    everything = tuple(range(len(case.arrays)))

    def along(*xs: Any) -> Any:
        gradient = ag.grad(f, everything)(*xs)
        return sum(ag.sum(ag.real(g * d)) for g, d in zip(gradient, w, strict=True))

    def forward(*xs: Any) -> Any:
        return ag.jvp(along, xs, tuple(w))[1]

    arrays, in_axes = batches(case, some_batched(data, case, name))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for second in (ag.grad(along, everything), forward):
            expected = one_by_one(second, in_axes, *arrays)
            assert_same(ag.vmap(second, in_axes)(*arrays), expected, 1e-6)


NO_FACTS_OF_NUMBERS = {"isnat", "broadcast_shapes", "result_type", "can_cast", "einsum_path"}
TEXTS = {"array_repr", "array_str", "array2string"}


@pytest.mark.parametrize("name", sorted(TABLE.keys() - DIFFERENTIABLE.keys()))
def test_facts_are_those_of_a_loop(name: str) -> None:
    op = TABLE[name]
    if op is PROJECTION or op.name in NO_FACTS_OF_NUMBERS | TEXTS:
        return
    x = np.array([[0.5, 1.5], [2.5, 0.25]])
    integers = op.name.startswith(("bitwise", "left", "right", "invert"))
    operands = FACTS.get(name) or [x.astype(int) if integers else x] * op.arity
    # NumPy wants some sorted, and some below a bound: they are the same for all, or reversed.
    same = {"searchsorted": {0}, "digitize": {1}, "ravel_multi_index": {1}}.get(op.name, set())
    arrays = [
        np.stack([v, v[::-1], v]) if isinstance(v, np.ndarray) and i not in same else v
        for i, v in enumerate(operands)
    ]
    if op.name == "ravel_multi_index":
        arrays[0] = np.stack([operands[0]] * 3)
    axes = tuple(
        0 if isinstance(v, np.ndarray) and i not in same else None for i, v in enumerate(arrays)
    )
    got = ag.vmap(op.function, axes)(*arrays)
    if op.name == "empty_like":
        assert got.shape == (3, 2, 2)
    else:
        assert_same(got, one_by_one(op.fn, axes, *arrays))


def test_facts_of_shape_and_dtype_are_those_of_one_example() -> None:
    seen: list[Any] = []

    def f(x: Any) -> Any:
        seen.append((np.shape(x), np.ndim(x), np.size(x), x.shape, x.ndim, x.size, len(x)))
        seen.append((np.result_type(x, np.float32), np.can_cast(x, np.float32), x.dtype))
        seen.append(np.einsum_path("ij->i", x)[0])
        seen.append(np.diag_indices_from(np.ones((2, 2)))[0].tolist())
        assert "examples=4" in np.array_repr(x)
        assert "examples=4" in f"{x}"
        return x

    ag.vmap(f)(np.ones((4, 2, 3)))
    assert seen[0] == ((2, 3), 2, 6, (2, 3), 2, 6, 2)
    assert seen[1] == (np.float64, False, np.float64)


# --- what has no rule --------------------------------------------------------------------------

#: Ops that are called once for each example, and why.
LOOPS = {
    "the shape of the result depends on the values": {
        "argwhere", "flatnonzero", "nonzero", "unique", "unique_all", "unique_counts",
        "unique_inverse", "unique_values", "union1d", "intersect1d", "setdiff1d", "setxor1d",
        "trim_zeros", "ix_", "real_if_close", "unique's distinct",
    },
    "NumPy has it for one matrix only": {"lstsq"},
    "the bins depend on the values": {"histogram", "histogram2d", "histogram_bin_edges"},
    "seldom met": {"array_equiv", "broadcast_shapes"},
}  # fmt: skip


def test_the_table_says_which_ops_are_looped() -> None:
    found = {op.name for op in TABLE.values() if batching.batching(op) == "loop"}
    expected = set().union(*LOOPS.values()) - {"unique's distinct"} | {"distinct"}
    assert found - {"projection", "lstsq"} == expected - {"lstsq"}
    assert batching.batching(TABLE["autograd_core.ops.linalg.lstsq"]) == "loop"


@contextmanager
def looped(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The names of the ops that are looped in the block."""
    names: set[str] = set()
    real = batching.loop

    def loop(b: Any, op: Any, args: Any, kwargs: Any) -> Any:
        names.add(op.name)
        return real(b, op, args, kwargs)

    monkeypatch.setattr(batching, "loop", loop)
    yield names
    monkeypatch.undo()


def test_ops_with_rules_do_not_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    x, m = RNG.normal(size=(5, 4)), RNG.normal(size=(5, 3, 3))
    with looped(monkeypatch) as names:
        ag.vmap(lambda x: np.sort(np.cumsum(np.tanh(x)))[np.argmax(x)])(x)
        ag.vmap(lambda m, x: np.linalg.solve(m, x[:3]) @ np.linalg.inv(m))(m, x)
        ag.vmap(lambda m: np.linalg.svd(m)[1].sum() + np.linalg.norm(m) + np.var(m))(m)
        ag.vmap(lambda m, x: np.einsum("ij,j->i", m, x[1:]) + np.tensordot(m, x[1:], 1))(m, x)
        ag.vmap(lambda x: np.stack([np.fft.fft(x).real, np.convolve(x, x)[:4]]))(x)
        ag.vmap(lambda x: ag.softmax(x) + np.median(x) + np.quantile(x, [0.2, 0.4])[0])(x)
        ag.vmap(ag.grad(lambda x: nn.losses.cross_entropy(x, 1)))(x)
        assert not names
        ag.vmap(np.nonzero)(np.ones((2, 3)))
        assert names == {"nonzero"}


def test_results_of_different_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(2,\) for one .* \(1,\) for another.*np.where"):
        ag.vmap(lambda x: x[x > 0])(np.array([[1.0, 2.0], [1.0, -1.0]]))
    # Of the same shape they are stacked.
    check(lambda x: x[x > 0], np.array([[1.0, -2.0], [-1.0, 3.0]]))
    check(np.unique, np.array([[1.0, 2.0, 1.0], [3.0, 3.0, 2.0]]))


def test_no_examples_at_all() -> None:
    assert ag.vmap(lambda x: np.tanh(x).sum())(np.ones((0, 3))).shape == (0,)
    assert ag.vmap(lambda x: np.unique(x, axis=None))(np.ones((0, 3))).shape == (0, 1)
    assert ag.vmap(ag.grad(lambda x: np.sum(x * x)))(np.ones((0, 3))).shape == (0, 3)
    for f in (np.median, lambda x: np.quantile(x, 0.3), np.linalg.inv, ag.hessian(np.sum), np.cov):
        assert ag.vmap(f)(np.ones((0, 2, 2))).shape == (0, *f(np.eye(2)).shape)


# --- a wrong rule is caught ---------------------------------------------------------------------


def first_axis(b: Any, op: Any, operands: Any, params: Any) -> Any:
    """Of an axis of one example it makes the same axis of the whole."""
    return op.function(b.whole(operands[0]), **{"axis": 0, **params})


def unaligned(b: Any, op: Any, operands: Any, params: Any) -> Any:
    """The batch meets another axis where operands differ in rank."""
    return op.function(*map(b.whole, operands), **params)


def of_the_first(b: Any, op: Any, operands: Any, params: Any) -> Any:
    """All examples are the first one."""
    real = real_rules[op](b, op, operands, params)
    return np.broadcast_to(real[:1], real.shape)


real_rules = {op: rule for op, (_, rule) in RULES.items()}
ELEMENTWISE = batching.KINDS["elementwise"]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("numpy.sum", first_axis), ("numpy.cumsum", first_axis), ("numpy.sort", first_axis),
        ("numpy.matmul", unaligned), ("numpy.add", unaligned), ("numpy.linalg.solve", unaligned),
        ("numpy.stack", of_the_first), ("numpy.tanh", of_the_first),
        ("autograd_core.ops.indexing.getitem", of_the_first), ("numpy.linalg.inv", of_the_first),
    ],
)  # fmt: skip
def test_a_wrong_rule_is_caught(name: str, wrong: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    op = TABLE[name]

    @given(data=st.data())
    @settings(max_examples=FEW, phases=[Phase.generate])
    def values_are_those_of_a_loop(data: Any) -> None:
        check_values(name, data)

    values_are_those_of_a_loop()  # by the right one
    real_rules.setdefault(op, ELEMENTWISE[1])
    monkeypatch.setitem(RULES, op, (RULES.get(op, ELEMENTWISE)[0], wrong))

    def many() -> None:
        for _ in range(50):  # a few drawn examples may all have shapes for which it is right
            values_are_those_of_a_loop()

    with pytest.raises((AssertionError, ValueError, IndexError, ExceptionGroup)):
        many()


# --- indices -----------------------------------------------------------------------------------

_I, _J = np.array([0, 1, 1]), np.array([[1], [0]])
INDICES: list[Any] = [
    0, -1, slice(1, None), (..., 0), (None, 1), (slice(None), [0, 1]), [[0, 1], [1, 0]], (0, [1]),
    (_I, slice(None), _I), (0, slice(None), _I), (_I, None, _I), (slice(None), _I, _I),
    (..., _I), (_J, ..., _I), (slice(None), _I, None), np.array([True, False]), (_I, ..., 1),
    (slice(None), np.array([True, False, True])), np.array(1), (slice(None), _J, _I), [], ...,
    (slice(None), 1, _I), (np.ones((2, 3), bool), 2),
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_an_index_reads_and_writes_where_numpy_does(index: Any) -> None:
    x = RNG.normal(size=(4, 2, 3, 4))
    y = np.stack([v[index] for v in RNG.normal(size=x.shape)])
    check(lambda x: x[index] * 1.0, x)

    def written(x: Any, y: Any) -> Any:
        z = ag.asarray(x) * 1.0
        z[index] = y
        return z

    def one(x: Any, y: Any) -> Any:
        z = x * 1.0
        z[index] = y
        return z

    for in_axes in ((0, 0), (0, None)):
        value = y if in_axes[1] == 0 else y[0]
        assert_same(ag.vmap(written, in_axes)(x, value), one_by_one(one, in_axes, x, value))


def indexed(x: Any, i: Any, j: Any, form: str) -> Any:
    """An index with parts of their own for each example."""
    return {
        "i": lambda: x[i],
        "i,j": lambda: x[i, j],
        ":,i": lambda: x[:, i],
        "i,:,j": lambda: x[i, :, j],
        ":,i,j": lambda: x[:, i, j],
        "...,i": lambda: x[..., i],
        "i[0]": lambda: x[i[0]],
        "1,:,i": lambda: x[1, :, i],
        ":,i[0],j": lambda: x[:, i[0], j],
        "None,i": lambda: x[None, i],
        ":,None,i": lambda: x[:, None, i],
        ":,i,list": lambda: x[:, i, [0, 1]],
        "matrix": lambda: x[:, i[:, None], j],
    }[form]()


FORMS = [
    "i", "i,j", ":,i", "i,:,j", ":,i,j", "...,i", "i[0]", "1,:,i", ":,i[0],j", "None,i",
    ":,None,i", ":,i,list", "matrix",
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_indices_for_each_example(form: str) -> None:
    x = RNG.normal(size=(4, 2, 2, 3))
    i, j = RNG.integers(-2, 2, (2, 4, 2))
    for in_axes in ((0, 0, 0), (None, 0, 0), (0, 0, None), (None, 0, None), (0, None, 0)):
        args = [v if a == 0 else v[0] for v, a in zip((x, i, j), in_axes, strict=True)]

        def f(x: Any, i: Any, j: Any) -> Any:
            return indexed(ag.asarray(x), *((i, j)), form)

        # The loop indexes arrays by arrays.
        expected = one_by_one(lambda x, i, j: indexed(x, i, j, form), in_axes, *args)
        assert_same(ag.vmap(f, in_axes)(*args), expected)
        weights = RNG.normal(size=expected.shape[1:])

        def total(x: Any, i: Any, j: Any, weights: Any = weights) -> Any:
            return np.sum(f(x, i, j) ** 2 * weights)

        assert_same(
            ag.vmap(ag.grad(total), in_axes)(*args),
            one_by_one(ag.grad(total), in_axes, *args),
        )


def test_values_are_written_where_the_index_of_each_example_says() -> None:
    x, i = RNG.normal(size=(4, 5)), RNG.integers(0, 5, 4)

    def f(x: Any, i: Any) -> Any:
        z = x * 1.0
        z[i] = 7.0
        z[1:3] = z[2:4] * 2.0
        z[z > 1.0] = 0.5
        z[0] += 1.0
        return z

    check(f, x, i)
    check(lambda x, i: np.sum(f(x, i) ** 3), x, i)
    gradient = ag.grad(lambda x, i: np.sum(f(x, i) ** 3))
    check(gradient, x, i)


def test_the_arguments_are_not_written_into() -> None:
    x = RNG.normal(size=(4, 3))
    before = x.copy()

    def f(x: Any) -> Any:
        x[0] = 0.0
        x += 1.0
        x.sort()
        return x

    np.testing.assert_array_equal(ag.vmap(f)(x), [f(v) for v in before.copy()])
    np.testing.assert_array_equal(x, before)
    same = ag.vmap(lambda x: x)(x)
    assert not np.shares_memory(same, x)
    t = ag.Tensor(x)
    ag.vmap(f)(t)
    np.testing.assert_array_equal(t.data, before)


def test_what_has_no_place_for_many_is_refused() -> None:
    x = np.ones((4, 3))
    for target in (ag.zeros(3), ag.zeros(3, requires_grad=True)):

        def store(x: Any, target: Any = target) -> Any:
            target[0] = x[0]
            return target

        with pytest.raises(InPlaceError, match=r"no place under vmap.*zeros_like"):
            ag.vmap(store)(x)

    def added(x: Any) -> Any:
        total = ag.zeros(3)
        total += x
        return total

    with pytest.raises(InPlaceError, match=r"x \+= \.\.\..*Write x = x \+ y"):
        ag.vmap(added)(x)

    def stored_at(x: Any) -> Any:
        z = ag.zeros(3)
        z[np.argmax(x)] = 1.0
        return z

    with pytest.raises(InPlaceError, match="the index, is one for each example"):
        ag.vmap(stored_at)(x)
    with pytest.raises(InPlaceError, match="out= of multiply"):
        ag.vmap(lambda x: np.multiply(x, 2.0, out=np.zeros(3)))(x)
    with pytest.raises(InPlaceError, match="put"):
        ag.vmap(lambda x: ag.put(ag.zeros(3), [0], x[0]))(x)

    def view(x: Any) -> Any:
        r = x[0:2]
        r += 1.0
        return x

    with pytest.raises(InPlaceError, match="read out of another"):
        ag.vmap(view)(x)


def test_an_index_of_each_example_where_numpy_takes_one() -> None:
    x, i = RNG.normal(size=(4, 3)), RNG.integers(0, 3, (4, 2))
    check(lambda x, i: np.delete(x, i[0]), x, i)
    check(lambda x, i: np.insert(x, i[0], 9.0), x, i)
    check(lambda i: np.choose(i, [np.zeros(2), np.ones(2), np.full(2, 2.0)]), i)
    check(lambda i: np.bincount(i, minlength=3), i)
    check(lambda x, i: np.where(x[i] > 9.0)[0], x, i)

    def counted(x: Any, i: Any) -> Any:
        y = x * 0.0
        np.add.at(y, i, x[0] ** 2)
        np.subtract.at(y, (i,), 1.0)
        return y

    check(counted, x, i)
    gradient = ag.grad(lambda x, i: np.sum(counted(ag.asarray(x), i) ** 2))
    check(gradient, x, i)


@pytest.mark.parametrize("shape", [(4, 2), (4,), (4, 1), (3,), (1, 4, 2)])
def test_what_is_written_fits_one_example(shape: tuple[int, ...]) -> None:
    """Not the whole: one value for all is not taken for a row of each example."""

    def stored(x: Any, index: Any) -> Any:
        z = x * 1.0
        z[index] = np.ones(shape)
        return z

    x = np.ones((4, 3))
    with pytest.raises(ShapeError, match=rf"from shape \({shape[0]},.* into shape \(2,\)"):
        ag.vmap(lambda x: stored(x, slice(2)))(x)
    with pytest.raises(ShapeError, match=r"into shape \(2,\)"):
        ag.vmap(stored)(x, np.zeros((4, 2), int))


def test_an_index_out_of_range_says_that_axis_0_is_the_batch() -> None:
    with pytest.raises(IndexError, match="out of bounds") as caught:
        ag.vmap(lambda x: x[5])(np.ones((4, 3)))
    assert caught.value.__notes__ == ["under vmap: axis 0, of length 4, is the batch of examples"]


def test_results_are_written_into_each_alone() -> None:
    x = RNG.normal(size=(4, 3))

    def twice(v: Any) -> Any:
        y = v * 2.0
        return y, y, v, y[::-1]

    for batch in (x.copy(), ag.Tensor(x)):
        y, z, v, flipped = ag.vmap(twice)(batch)
        y[0] = v[0] = 9.0
        np.testing.assert_array_equal(plain(z), 2.0 * x)
        np.testing.assert_array_equal(plain(flipped), 2.0 * x[:, ::-1])
        np.testing.assert_array_equal(plain(batch), x)

    def outer(v: Any) -> Any:
        y, z, w, _ = ag.vmap(twice)(v)
        y[0] = w[0] = 9.0
        return z, v

    z, v = ag.vmap(outer)(x[None])
    np.testing.assert_array_equal(z[0], 2.0 * x)
    np.testing.assert_array_equal(v[0], x)


def test_a_value_of_an_outer_vmap_is_written_into_an_inner_one() -> None:
    a, x, i = RNG.normal(size=(5, 3)), RNG.normal(size=(4, 3)), RNG.integers(0, 3, 4)

    def inner(a: Any, x: Any, i: Any) -> Any:
        y = a * 1.0
        y[0] = x[1]
        y[i] = a[0]
        return y

    expected = [[inner(v, u, k) for v in a] for u, k in zip(x, i, strict=True)]
    got = ag.vmap(lambda u, k: ag.vmap(lambda v: inner(v, u, k))(a))(x, i)
    np.testing.assert_array_equal(got, expected)


# --- axes --------------------------------------------------------------------------------------


def test_axes_in_and_out() -> None:
    x, y = RNG.normal(size=(3, 4)), RNG.normal(size=(5, 4))
    got = ag.vmap(np.outer, in_axes=(1, -1), out_axes=-1)(x, y)
    np.testing.assert_allclose(got, np.einsum("in,jn->ijn", x, y))
    tree = {"a": x, "b": [y, (x, y)]}
    got = ag.vmap(
        lambda t, s: {"sum": t["a"].sum() * s, "b": (t["b"][0], t["b"][1][0])},
        in_axes=({"a": 1, "b": [1, (None, 1)]}, None),
        out_axes={"sum": 0, "b": (1, None)},
    )(tree, 2.0)
    np.testing.assert_allclose(got["sum"], 2 * x.sum(0))
    np.testing.assert_array_equal(got["b"][0], y)
    assert got["b"][1] is x
    assert ag.vmap(lambda x: 1.0)(x).tolist() == [1.0] * 3
    assert ag.vmap(lambda x: x.sum(), None, axis_size=2)(x).shape == (2,)
    np.testing.assert_array_equal(ag.vmap(lambda *, x: x * 2)(x=x), 2 * x)


def test_none_is_no_array_and_stays_none() -> None:
    def f(p: Any, mask: Any = None) -> Any:
        return {"y": p["w"] * (2.0 if mask is None else mask), "rest": p["b"]}

    x = RNG.normal(size=(4, 3))
    got = ag.vmap(f)({"w": x, "b": None}, mask=None)
    np.testing.assert_array_equal(got["y"], 2.0 * x)
    assert got["rest"] is None


def test_arrays_give_arrays_and_tensors_tensors() -> None:
    x = RNG.normal(size=(4, 3))
    assert type(ag.vmap(np.tanh)(x)) is np.ndarray
    for tracked in (False, True):
        y = ag.vmap(lambda x: (np.tanh(x), np.argmax(x), 1.0))(ag.Tensor(x, requires_grad=tracked))
        assert [type(t) for t in y] == [ag.Tensor] * 3
        assert [t.requires_grad for t in y] == [tracked, False, False]
    nested = ag.vmap(ag.vmap(lambda x: (np.tanh(x), 1.0)))
    assert [type(y) for y in nested(x)] == [np.ndarray] * 2
    assert [type(y) for y in nested(ag.Tensor(x))] == [ag.Tensor] * 2
    along = ag.vmap(lambda x, v: ag.jvp(np.sin, (x,), (v,))[1])
    assert type(along(x, x)) is np.ndarray
    assert type(along(x, ag.Tensor(x))) is ag.Tensor
    w = ag.Tensor(RNG.normal(size=3), requires_grad=True)
    assert ag.vmap(lambda x: x @ w)(x).requires_grad
    single = x.astype("float32")
    for f in (np.sin, lambda x: np.clip(x, -0.5, 0.7), lambda x: 2.0 * x[0], lambda x: x.mean()):
        assert ag.vmap(f)(single).dtype == ag.vmap(f)(ag.Tensor(single)).dtype == np.float32
    with ag.no_grad():
        assert not ag.vmap(lambda x: x @ w)(x).requires_grad


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: ag.vmap(np.add)(x, x[:2]), "3 along axis 0 of argument 0, 2 along axis 0 of"),
        (lambda x: ag.vmap(np.sum, 5)(x), r"argument 0 is of shape \(3, 4\) and has no axis 5"),
        (lambda x: ag.vmap(np.sum, None)(x), "in_axes is None for all"),
        (lambda x: ag.vmap(np.sum, (0, 0))(x), "2 entries, but there are 1"),
        (lambda x: ag.vmap(lambda t: t, ({"a": 0},))({"b": x}), r"in_axes\[0\] is a dict"),
        (lambda x: ag.vmap(lambda t: t["w"])({"w": x, "v": x.T}), "4 along axis 0 of argument"),
        (lambda x: ag.vmap(np.sum, axis_size=7)(x), "axis_size=7"),
        (lambda x: ag.vmap(lambda: 1.0, axis_size=-1)(), "axis_size is -1; it is the number"),
        (lambda x: ag.vmap(lambda: 1.0, axis_size=2.5)(), "axis_size is 2.5"),
        (lambda x: ag.vmap(lambda t, u: u, {"a": 0})({"a": x}, x), "1 entries, but there are 2"),
        (lambda x: ag.vmap(np.sum, out_axes=1)(x), r"<?sum>? is of shape \(\) for one example"),
        (lambda x: ag.vmap(np.sum, out_axes=None)(x), "depends on the example"),
        (lambda x: ag.vmap(np.multiply)(x, 2.0), "argument 1 is of shape"),
        (lambda x: ag.vmap(lambda x: x + np.ones(7))(x), r"shapes \(4,\) and \(7,\)"),
        (lambda x: ag.vmap(lambda x: np.sum(x, axis=-2))(x), "axis -2 is out of bounds"),
        (lambda x: ag.vmap(lambda x: np.reshape(x, (3,)))(x), r"\(4,\) into \(3,\)"),
    ],
)  # fmt: skip
def test_errors_name_argument_and_axis(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(np.ones((3, 4)))


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: 1.0 if x.sum() > 0 else 2.0, r"bool\(x\).*np.where"),
        (lambda x: float(x[0]), r"float\(x\)"),
        (lambda x: x[0].item(), r"item\(\)"),
        (lambda x: x.tolist(), r"tolist\(\)"),
        (lambda x: np.arange(3)[np.argmax(x)], r"ag.asarray\(a\)\[x\]"),
        (lambda x: np.asarray(x), "as a plain array"),
        (lambda x: 1.0 in x, r"np.any"),
        (lambda x: "text", "returned str"),
        (lambda x: ag.vmap(None), "takes a function"),
        (lambda x: ag.vmap(np.sum, "x")(x), "an axis is an integer"),
        (lambda x: ag.vmap(np.sum, True)(x), "an axis is an integer"),
        (lambda x: ag.vmap(lambda x, how: x)(x[None], how="a"), "'how' is no .*functools.partial"),
        (lambda x: ag.vmap(lambda x, how: x)(x[None], "a"), "give in_axes None for it"),
        (lambda x: ag.vmap(np.sum)(np.ma.ones(3)), "MaskedArray computes by rules of its own"),
    ],
)
def test_one_value_is_not_handed_out_for_many(f: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        ag.vmap(f)(np.ones((3, 4)))
    assert ACTIVE.get() == ()


def test_a_value_cannot_leave_its_vmap() -> None:
    kept: list[Any] = []
    ag.vmap(lambda x: kept.append(x) or x)(np.ones((3, 4)))
    for use in (np.tanh, lambda x: x + 1, lambda x: x[0], np.sum, ag.softmax, ag.grad(np.sum)):
        with pytest.raises(RuntimeError, match="a vmap is used that has returned"):
            use(kept[0])


def test_threads_have_their_own() -> None:
    found: list[Any] = []

    def work(k: float) -> None:
        for _ in range(20):
            g = ag.vmap(ag.grad(lambda x: np.sum(np.tanh(x * k) ** 2)))(X)
        found.append(np.max(np.abs(g - ag.grad(lambda x: np.sum(np.tanh(x * k) ** 2))(X))))

    threads = [threading.Thread(target=work, args=(k,)) for k in (1.0, 2.0, 3.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert max(found) < 1e-15
    assert not running


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="references are not counted to the end")
@pytest.mark.parametrize("product", [lambda w, x: w @ x, lambda w, x: x @ w, lambda w, x: x @ w.T])
def test_gradients_for_each_example_are_not_copied(product: Any) -> None:
    """They are by far the largest arrays: a copy would double the memory, and most of the time."""
    w, x = RNG.normal(size=(40, 40)), RNG.normal(size=(60, 40))
    gradient = ag.vmap(ag.grad(lambda w, x: np.sum(np.tanh(product(w, x)))), (None, 0))
    gradient(w, x)
    tracemalloc.start()
    result = gradient(w, x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * result.nbytes
    result[0] = 1.0
    assert not np.shares_memory(result, w)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: np.sum(x + y), lambda x, y: np.sum(np.exp(x - y)), lambda x, y: x @ y,
        lambda x, y: np.sum(x), lambda x, y: np.sum(np.reshape(x, (-1, 1)).T * y),
        lambda x, y: np.sum(np.flip(x) * y),
        lambda x, y: np.sum((np.flip(x) + np.flip(y)) * np.arange(3.0)),
    ],
)  # fmt: skip
def test_gradients_are_seen_by_nobody_else(f: Any) -> None:
    """Neither by each other, nor by the arguments, nor by what `vjp` was given."""
    x, y = RNG.normal(size=(2, 5, 3))
    before = [v.copy() for v in (x, y, *ag.vmap(ag.grad(f, (0, 1)))(x, y))]
    for i in range(2):
        found = ag.vmap(ag.grad(f, (0, 1)))(x, y)
        found[i][...] = 9.0
        for got, expected in zip((x, y, found[1 - i]), (*before[:2], before[3 - i]), strict=True):
            np.testing.assert_array_equal(got, expected)
        seed = np.array(2.0)
        for _ in range(2):
            pulled = ag.vjp(f, x[0], y[0])[1](seed)
            np.testing.assert_allclose(pulled[1 - i], 2.0 * before[3 - i][0])
            pulled[i][...] = 9.0
            np.testing.assert_allclose(pulled[1 - i], 2.0 * before[3 - i][0])
        assert seed == 2.0


def test_nothing_is_left_when_it_is_done() -> None:
    kept: list[Any] = []

    def f(x: Any) -> Any:
        y = np.tanh(x) * 2.0
        kept.append(weakref.ref(y._whole))
        return np.sum(y**2)

    gc.disable()
    try:
        ag.vmap(ag.grad(f))(X)
        assert kept[0]() is None
    finally:
        gc.enable()
    with pytest.raises(ZeroDivisionError):
        ag.vmap(lambda x: 1 / 0)(X)
    assert not running


# --- with other transforms ----------------------------------------------------------------------

X = RNG.normal(size=(5, 3))


def curve(x: Any) -> Any:
    return np.tanh(x[:2] * x[1]) * np.sum(x**3)


def bowl(x: Any) -> Any:
    return np.sum(np.tanh(x) ** 2 * x[0])


TRANSFORMS: dict[str, Callable[[Any], Any]] = {
    "grad": ag.grad(bowl),
    "value_and_grad": ag.value_and_grad(bowl),
    "aux": ag.value_and_grad(lambda x: (bowl(x), {"x": x + 1.0}), has_aux=True),
    "second": ag.grad(lambda x: ag.grad(bowl)(x) @ np.array([0.3, -1.0, 2.0])),
    "third": ag.grad(lambda x: ag.grad(lambda y: ag.grad(bowl)(y)[0])(x)[1]),
    "jvp": lambda x: ag.jvp(curve, (x,), (x[::-1],)),
    "jvp along one for all": lambda x: ag.jvp(curve, (x,), (X[0],)),
    "vjp": lambda x: ag.vjp(curve, x)[1](x[1:]),
    "linearize": lambda x: ag.linearize(curve, x)[1](x * 2.0),
    "jacobian": ag.jacobian(curve),
    "forward": ag.jacobian(curve, mode="forward"),
    "reverse": ag.jacobian(curve, mode="reverse"),
    "hessian": ag.hessian(bowl),
    "hvp": lambda x: ag.hvp(bowl, (x,), (x[::-1],)),
    "elementwise": ag.elementwise_grad(np.sinh),
    "stopped": ag.grad(lambda x: np.sum(x * ag.stop_gradient(x) ** 2)),
    "checkpoint": ag.grad(lambda x: np.sum(ag.checkpoint(curve)(x))),
    "constant": ag.grad(lambda x: 3.0),
    "of another": lambda x: ag.grad(lambda w: np.sum(w * x) ** 2)(np.ones(3)),
}


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_transforms_of_each_example(name: str, dtype: str) -> None:
    f, x = TRANSFORMS[name], X.astype(dtype)
    tol = 1e-9 if dtype == "float64" else 1e-4
    check(f, x, tol=tol)
    got = ag.vmap(f)(ag.Tensor(x))
    assert_same(got, one_by_one(f, 0, x), tol)
    if name != "of another":
        assert all(type(t) is ag.Tensor for t in flatten(got)[0])
    # A vmap within a vmap has two hidden axes.
    pairs = np.stack([x, 0.5 * x])
    assert_same(
        ag.vmap(ag.vmap(f))(pairs), one_by_one(lambda y: one_by_one(f, 0, y), 0, pairs), tol
    )


def test_complex_jacobians_of_each_example() -> None:
    z = X[:, :2] + 1j * X[:, 1:]
    check(ag.jacobian(lambda z: np.exp(z) * z[0]), z)
    check(ag.grad(lambda z: np.sum(np.abs(z) ** 2 * z[0].real)), z)


def model(p: Any, x: Any) -> Any:
    return np.sum(np.tanh(p["w"] @ x + p["b"][0]) * p["b"][1])


PARAMETERS = {"w": RNG.normal(size=(4, 3)), "b": [RNG.normal(size=4), RNG.normal(size=4)]}


def test_gradients_for_each_example_of_parameters() -> None:
    got = ag.vmap(ag.grad(model), in_axes=(None, 0))(PARAMETERS, X)
    each = [ag.grad(model)(PARAMETERS, x) for x in X]
    np.testing.assert_allclose(got["w"], [g["w"] for g in each])
    np.testing.assert_allclose(got["b"][1], [g["b"][1] for g in each])
    closed = np.stack([
        np.outer((1 - np.tanh(h) ** 2) * PARAMETERS["b"][1], x)
        for x in X
        for h in [PARAMETERS["w"] @ x + PARAMETERS["b"][0]]
    ])  # fmt: skip
    np.testing.assert_allclose(got["w"], closed, rtol=1e-12)


def test_through_vmap_to_what_all_share() -> None:
    """Order two, mixed: against central differences."""

    def penalty(w: Any) -> Any:
        slopes = ag.vmap(ag.grad(lambda x: np.sum(np.tanh(w * x) * x)))(X)
        return np.sum(slopes**2)

    w, h = RNG.normal(size=3), 1e-5
    expected = [(penalty(w + h * e) - penalty(w - h * e)) / (2 * h) for e in np.eye(3)]
    np.testing.assert_allclose(ag.grad(penalty)(w), expected, rtol=1e-7)
    tracked = ag.Tensor(w, requires_grad=True)
    penalty(tracked).backward()
    np.testing.assert_allclose(tracked.grad, expected, rtol=1e-7)


def test_pull_backs_and_linear_maps_of_a_batch_of_vectors() -> None:
    """What was recorded before a `vmap`, at one point or at one for each example."""

    def columns(x: Any) -> Any:
        return ag.vmap(ag.linearize(curve, x)[1], out_axes=-1)(np.eye(3))

    def rows(x: Any) -> Any:
        pull_back = ag.vjp(curve, x)[1]
        return ag.vmap(ag.vmap(pull_back))(np.eye(2)[None])[0][0]

    for f in (columns, rows):
        np.testing.assert_allclose(f(X[0]), ag.jacobian(curve)(X[0]), rtol=1e-12)
        np.testing.assert_allclose(ag.vmap(f)(X), ag.vmap(ag.jacobian(curve))(X), rtol=1e-12)

    pull_back = ag.vjp(curve, X[0])[1]
    for_all = ag.vmap(lambda v: pull_back(np.ones(2))[0] * v)(X)
    np.testing.assert_allclose(for_all, np.ones(2) @ ag.jacobian(curve)(X[0]) * X)
    pull_back = ag.vjp(lambda x, y: {"p": x * y, "s": np.sum(x)}, X[0], X[1])[1]
    got = ag.vmap(pull_back, ({"p": 0, "s": None},))({"p": X[2:], "s": 0.5})
    np.testing.assert_allclose(got[0], X[2:] * X[1] + 0.5)
    np.testing.assert_allclose(got[1], X[2:] * X[0])

    def roughness(w: Any) -> Any:
        pull_back = ag.vjp(lambda x: np.tanh(w * x), X[0])[1]
        return np.sum(ag.vmap(pull_back)(X)[0] ** 2)

    w, h = RNG.normal(size=3), 1e-5
    expected = [(roughness(w + h * e) - roughness(w - h * e)) / (2 * h) for e in np.eye(3)]
    np.testing.assert_allclose(ag.grad(roughness)(w), expected, rtol=1e-7)

    kept: list[Any] = []
    ag.vmap(lambda x: kept.append(ag.vjp(curve, x)[1]) or x)(X)
    for use in (kept[0], ag.vmap(kept[0])):
        with pytest.raises(RuntimeError, match="a vmap is used that has returned"):
            use(np.ones((2, 2)))


def test_nested_vmaps_read_what_is_around_them() -> None:
    a, b = RNG.normal(size=(3, 4)), RNG.normal(size=(5, 4))

    def f(x: Any, y: Any) -> Any:
        z = np.zeros_like(x * y)
        z[0], z[1:3] = x[1], y[2:]
        z[np.argmax(y)] += np.linalg.norm(x - y)
        return np.sort(z) @ x

    expected = [[f(x, y) for y in b] for x in a]
    np.testing.assert_allclose(ag.vmap(lambda x: ag.vmap(lambda y: f(x, y))(b))(a), expected)
    np.testing.assert_allclose(ag.vmap(ag.vmap(f, (None, 0)), (0, None))(a, b), expected)
    slope = ag.vmap(lambda x: ag.vmap(lambda y: ag.grad(lambda t: f(t, y))(x))(b))(a)
    np.testing.assert_allclose(slope, [[ag.grad(f)(x, y) for y in b] for x in a])


def test_gradients_of_values_are_for_each_example_or_refused() -> None:
    w = ag.Tensor(RNG.normal(size=3), requires_grad=True)
    got = ag.vmap(lambda x: ag.gradients(np.sum((x * w) ** 2), x))(ag.Tensor(X, requires_grad=True))
    np.testing.assert_allclose(got.data, 2 * X * w.data**2)
    weighted = ag.vmap(lambda x: ag.gradients(x * w, x, x))(ag.Tensor(X, requires_grad=True))
    np.testing.assert_allclose(weighted.data, X * w.data)
    with pytest.raises(GradientError, match=r"same for all examples.*grad\(f\) under vmap"):
        ag.vmap(lambda x: ag.gradients(np.sum((x * w) ** 2), w))(X)
    with pytest.raises(GradientError, match=r"vmap\(grad\(f\)\)"):
        ag.vmap(lambda x: np.sum(x * w).backward())(X)
    with pytest.raises(GradientError, match="shape \\(3,\\); a gradient needs one number"):
        ag.vmap(ag.grad(lambda x: x * 2.0))(X)


def test_a_module_is_a_function_of_one_example() -> None:
    net = nn.MLP([3, 4, 2])
    y = ag.vmap(net)(X)
    np.testing.assert_allclose(y.data, net(X).data)
    (y * y).sum().backward()
    at_once = [p.grad.copy() for p in net.parameters()]
    for p in net.parameters():
        p.zero_grad()
    sum((net(x) ** 2).sum() for x in X).backward()
    for got, p in zip(at_once, net.parameters(), strict=True):
        np.testing.assert_allclose(got, p.grad)


def test_noise_and_loops_and_branches_inside() -> None:
    def f(x: Any) -> Any:
        for _ in range(3):
            x = np.where(x.sum() > 0, np.sin(x), x * 2.0)
        total = ag.zeros_like(x[0])
        for element in x:
            total = total + element
        total += 2.0
        return divmod(total, 0.75)[1] + 2.0**-total

    check(lambda x: f(ag.asarray(x)), X)


@pytest.mark.parametrize(
    "f",
    [
        np.add.reduce, np.multiply.accumulate, lambda x: np.subtract.outer(x, x),
        lambda x: np.maximum.reduceat(x, [0, 2]), lambda x: np.add.reduce(x, where=x > 0),
        lambda x: np.sum(x, where=x > 0, initial=2.0), lambda x: x.clip(0, x[0]),
        lambda x: np.take(x, np.argsort(x)), lambda x: ag.asarray(x).astype("float32") * 2,
        lambda x: np.select([x > 1, x > 0], [x, 2 * x]), lambda x: [1.0, 2.0, 3.0] * x,
        lambda x: np.array_equal(x, np.sort(x)), lambda x: np.allclose(x, x[0], atol=1.0),
        lambda x: np.block([[x[:2], x[2:]], [x]]), lambda x: np.interp(x, np.sort(x), x),
        lambda x: x.var(ddof=1), lambda x: np.einsum("i,j->", x, x), lambda x: x @ np.eye(3) @ x,
        lambda x: np.ones((2, 3)) @ x, lambda x: np.linalg.norm(np.outer(x, x), 2),
        lambda x: np.bincount([0, 1, 1], weights=x), lambda x: np.correlate(x, x, "same"),
        lambda x: np.moveaxis(x[None, :, None], 1, 0), lambda x: np.full_like(x, x[0]),
        lambda x: np.piecewise(x, [x > 0], [lambda v: v * v, 0.0]), lambda x: np.cross(x, x[::-1]),
        lambda x: np.concatenate([x, np.zeros(2)], axis=None), lambda x: np.cov(x, x[::-1]),
    ],
)  # fmt: skip
def test_calls_of_many_kinds(f: Any) -> None:
    check(f, X)
    assert_same(ag.vmap(f)(ag.Tensor(X, requires_grad=True)), one_by_one(f, 0, X), 1e-6)


# --- what users declare --------------------------------------------------------------------------


@ag.primitive(arrays=True)
def ranked(x: Any, y: Any) -> Any:
    """General, on plain arrays: a loop."""
    return np.sort(x) * y.sum()


@ranked.rule
def _(g: Any, out: Any, x: Any, y: Any) -> Any:
    dx = np.empty_like(x)
    dx[np.argsort(x)] = g * y.sum()
    return dx, np.full_like(y, np.sum(g * np.sort(x)))


@ag.primitive(kind="elementwise")
def cube(x: Any) -> Any:
    """By element: no loop."""
    return x**3


@cube.rule
def _(g: Any, out: Any, x: Any) -> Any:
    return 3.0 * g * x * x


def test_primitives(monkeypatch: pytest.MonkeyPatch) -> None:
    f = ag.grad(lambda x: np.sum(ranked(x, np.tanh(x)) ** 2))
    check(f, X)
    with looped(monkeypatch) as names:
        check(ag.hessian(lambda x: np.sum(cube(x) * x[0])), X)
        assert not names


def test_functions_outside_the_table_are_looped() -> None:
    special = pytest.importorskip("scipy.special")
    x = np.abs(X) + 0.5
    check(lambda x: np.linspace(x[0], x[1], 4) * x[2], x)
    check(lambda x: special.spence(x) + x[0], x)
    for call in (lambda x: np.linspace(x[0], x[1], 4), lambda x: special.spence(x)):
        with pytest.raises(ag.NotDifferentiableError, match="has no declared derivative"):
            ag.vmap(ag.grad(lambda x, call=call: np.sum(call(x))))(x)


def test_solvers_are_called_for_one_example_after_the_other() -> None:
    def newton(a: Any, x: float = 1.0) -> Any:
        while abs(x**3 - a) > 1e-13 * abs(a):  # as often as it takes
            x = x - (x**3 - a) / (3 * x * x)
        return x

    root = ag.implicit_root(lambda x, a: x**3 - a, newton)
    a = np.array([8.0, 0.3, 27.0])
    np.testing.assert_allclose(ag.vmap(root)(a), np.cbrt(a))
    np.testing.assert_allclose(ag.vmap(ag.grad(root))(a), np.cbrt(a) / (3 * a), rtol=1e-9)
    b = np.array([1.0, 2.0])
    slopes = ag.vmap(lambda a: ag.vmap(lambda b: ag.grad(lambda t: root(t) * b)(a))(b))(a)
    np.testing.assert_allclose(slopes, np.outer(np.cbrt(a) / (3 * a), b), rtol=1e-9)
    tracked = ag.Tensor(a, requires_grad=True)
    ag.vmap(lambda a: root(a) * 2.0)(tracked).sum().backward()
    np.testing.assert_allclose(tracked.grad, 2 * np.cbrt(a) / (3 * a), rtol=1e-9)


def test_transforms_within_a_loop() -> None:
    """A function that is called for one example after the other may take gradients itself."""

    def slopes(x: Any) -> Any:
        return np.apply_along_axis(lambda row: ag.grad(bowl)(row), 0, x)

    @ag.primitive(arrays=True)
    def slope(x: Any) -> Any:
        return ag.grad(bowl)(x)

    check(slopes, X)
    check(slope, X)
    assert_same(
        ag.vmap(ag.vmap(slope))(X[None]), ag.grad(lambda x: np.sum(ag.vmap(bowl)(x)))(X)[None]
    )


# --- other libraries -----------------------------------------------------------------------------


def test_gradients_for_each_example_agree_with_torch() -> None:
    torch = pytest.importorskip("torch")
    p = {k: torch.tensor(v) for k, v in {"w": PARAMETERS["w"], "b": PARAMETERS["b"][0]}.items()}

    def theirs(p: Any, x: Any) -> Any:
        return torch.sum(torch.tanh(p["w"] @ x + p["b"]) ** 2)

    def ours(p: Any, x: Any) -> Any:
        return np.sum(np.tanh(p["w"] @ x + p["b"]) ** 2)

    expected = torch.func.vmap(torch.func.grad(theirs), (None, 0))(p, torch.tensor(X))
    got = ag.vmap(ag.grad(ours), (None, 0))({k: v.numpy() for k, v in p.items()}, X)
    for key, value in got.items():
        np.testing.assert_allclose(value, expected[key].numpy(), rtol=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what it imports then
        hessians = torch.func.vmap(torch.func.hessian(theirs, 1), (None, 0))(p, torch.tensor(X))
    got = ag.vmap(ag.hessian(ours, 1), (None, 0))({k: v.numpy() for k, v in p.items()}, X)
    np.testing.assert_allclose(got, hessians.numpy(), rtol=1e-10, atol=1e-12)


def test_every_public_name_is_declared_in_the_table_or_handled() -> None:
    """No op of the table is without an answer to how it is batched."""
    kinds = {
        "elementwise", "axis", "leading", "product", "join", "shape", "index", "fact", "parts",
        "loop",
    }  # fmt: skip
    assert {batching.batching(op) for op in OPS.values()} == kinds
