"""What the strategies promise holds, everything that they may draw is drawn, and shrinks well."""

from __future__ import annotations

import itertools
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

import autograd_core as ag
from autograd_core.registry import Domain
from autograd_core.testing import check_gradients
from autograd_core.testing.strategies import (
    INDEX_KINDS,
    arrays,
    away_from,
    axes,
    broadcastable_shapes,
    distinct,
    einsum_calls,
    indices,
    nonzero,
    orthogonal,
    positive,
    positive_definite,
    shapes,
    simplex,
    tensors,
    unit_interval,
    well_conditioned,
)

REAL = st.sampled_from([np.float64, np.float32])
ANY = st.sampled_from([np.float64, np.float32, np.complex128, np.complex64])
LARGE = (7, 13)  # more elements than Hypothesis draws one by one
SOME_SHAPES = shapes() | st.just(LARGE)
# Enough examples that what is promised of each would be seen broken, in any profile.
many = settings(max_examples=25, database=None)


def collect(strategy: st.SearchStrategy[Any], number: int = 120) -> list[Any]:
    """Draw examples, the same ones every time."""
    drawn: list[Any] = []

    @settings(max_examples=number, database=None, derandomize=True, deadline=None)
    @given(strategy)
    def keep(value: Any) -> None:
        drawn.append(value)

    keep()
    return drawn


# -- numbers --------------------------------------------------------------------------------------


@many
@given(st.data(), ANY)
def test_arrays_have_the_shape_the_dtype_and_the_domain(data: st.DataObject, dtype: Any) -> None:
    shape = data.draw(SOME_SHAPES)
    low = data.draw(st.sampled_from([-np.inf, -100.0, -1.0, 0.0, 1e-3]))
    high = data.draw(st.sampled_from([np.inf, 1000.0, 1.0, 2e-3]).filter(lambda h: h > low))
    x = data.draw(arrays(shape, dtype, (low, high)))
    assert type(x) is np.ndarray
    assert (x.shape, x.dtype) == (shape, dtype)
    for part in (x.real, x.imag) if x.dtype.kind == "c" else (x,):
        assert np.all((low < part) & (part < high))


@many
@given(arrays(SOME_SHAPES, float))
def test_numbers_have_few_digits(x: np.ndarray) -> None:
    assert np.array_equal(x, np.round(x, 3))
    assert not np.any(np.signbit(x) & (x == 0))
    # What is printed is what was computed with, in single precision too.
    assert np.array_equal(np.array(eval(repr(x.tolist()))).reshape(x.shape), x)
    single = x.astype(np.float32)
    assert np.array_equal(np.array([float(str(v)) for v in single.flat], np.float32), single.flat)


def test_an_explicit_margin_is_kept_and_a_narrow_domain_gets_more_digits() -> None:
    x = np.concatenate([np.ravel(v) for v in collect(arrays((5,), float, (0, 1), margin=0.3))])
    assert x.min() >= 0.3 - 1e-12
    assert x.max() <= 0.7 + 1e-12
    narrow = np.concatenate(collect(arrays((5,), float, (1.0, 1.00001)), 50))
    assert np.all((narrow > 1.0) & (narrow < 1.00001))
    assert len(set(narrow.tolist())) > 20


@pytest.mark.parametrize("margin", [0, 1e-9, 0.1])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_ends_and_holes_are_outside_whatever_the_margin(margin: float, dtype: Any) -> None:
    for strategy, holds in (
        (positive(dtype=dtype, margin=margin), lambda x: x > 0),
        (unit_interval(dtype=dtype, margin=margin), lambda x: (x > 0) & (x < 1)),
        (nonzero(dtype=dtype, margin=margin), lambda x: x != 0),
        (away_from(1.0, dtype=dtype, margin=margin), lambda x: x != 1),
        (arrays(dtype=dtype, domain=(-1, 1), margin=margin), lambda x: abs(x) < 1),
    ):

        @settings(max_examples=30)
        @given(strategy)
        def check(x: np.ndarray) -> None:
            assert holds(x).all()  # noqa: B023

        check()


def test_holes_of_an_ops_domain_are_left_out() -> None:
    domain = Domain(-1.0, np.inf, 0.5, holes=(0.0, 2.0))
    x = np.concatenate(collect(arrays((6,), float, domain)))
    assert np.all(np.abs(x[:, None] - [0.0, 2.0]).min(1) >= 0.1 - 1e-12)
    assert x.min() > -1
    for between in ((-1, 0), (0, 2), (2, 8)):
        assert np.any((between[0] < x) & (x < between[1]))


@pytest.mark.parametrize(
    ("strategy", "holds"),
    [
        (positive, lambda x: x >= 0.1 - 1e-6),
        (unit_interval, lambda x: (x >= 0.05 - 1e-6) & (x <= 0.95 + 1e-6)),
        (nonzero, lambda x: np.abs(x) >= 0.1 - 1e-6),
        (lambda s, d: away_from([-1, 1 / 3], s, d), lambda x: np.abs(x + 1) >= 0.1 - 1e-6),
        (lambda s, d: away_from([-1, 1 / 3], s, d), lambda x: np.abs(x - 1 / 3) >= 0.1 - 1e-6),
        (lambda s, d: away_from(2, s, d, (0, 3), margin=0.5), lambda x: np.abs(x - 2) >= 0.499),
        (lambda s, d: away_from(2, s, d, (0, 3), margin=0.5), lambda x: abs(x - 1.5) <= 1.001),
    ],
)
@pytest.mark.parametrize("shape", [(3,), LARGE])
def test_promises(strategy: Callable[..., Any], holds: Callable[..., Any], shape: Any) -> None:
    for x in collect(strategy(shape, REAL), 25):
        assert x.shape == shape
        assert np.all(holds(x.astype(float)))


@pytest.mark.parametrize("strategy", [nonzero, lambda *args: away_from([0, 2], *args)])
def test_both_sides_of_a_kink_are_drawn_and_complex_numbers(strategy: Callable[..., Any]) -> None:
    for shape in ((4,), LARGE):
        x = np.concatenate([v.ravel() for v in collect(strategy(shape, float), 50)])
        assert min(np.mean(x > 0), np.mean(x < 0)) > 0.1
    z = np.concatenate(collect(strategy((4,), complex), 50))
    assert np.all(np.abs(z) >= 0.1 - 1e-12)
    assert np.any(z.imag == 0) or np.any(np.abs(z.imag) < 0.1)
    assert np.any(z.imag > 0.5)


@many
@given(st.data(), SOME_SHAPES, REAL, st.sampled_from([0.1, 1e-3, 2.0]))
def test_distinct_has_no_ties(data: st.DataObject, shape: Any, dtype: Any, gap: float) -> None:
    x = data.draw(distinct(shape, dtype, gap=gap))
    assert (x.shape, x.dtype) == (shape, dtype)
    between = np.diff(np.sort(x.astype(float), axis=None))
    assert np.all(between >= gap * (1 - 1e-4))


@many
@given(simplex(shapes(min_dims=1, min_side=1) | st.just(LARGE), REAL))
def test_a_simplex_is_positive_and_sums_to_one(p: np.ndarray) -> None:
    assert np.all(p > 0)
    assert np.allclose(p.sum(-1), 1, rtol=1e-6 if p.dtype == np.float32 else 1e-14)


def test_tensors_are_leaves() -> None:
    for t in collect(tensors(dtype=ANY), 20):
        assert type(t) is ag.Tensor
        assert t.is_leaf
        assert t.requires_grad
    assert not collect(tensors((), requires_grad=False), 1)[0].requires_grad


# -- matrices -------------------------------------------------------------------------------------

BATCHES = st.sampled_from([(), (2,), (1, 3), (0,)])


@many
@given(st.data(), st.integers(1, 5) | st.just(12), ANY, st.sampled_from([1.2, 3.0, 10.0, 1e4]))
def test_conditions_are_bounded(data: st.DataObject, n: int, dtype: Any, bound: float) -> None:
    batch = data.draw(BATCHES)
    a = data.draw(well_conditioned(n, dtype, condition=bound, batch=batch))
    assert (a.shape, a.dtype) == ((*batch, n, n), dtype)
    if a.size:
        assert np.max(np.linalg.cond(a)) <= bound * (1 + 1e-4)
    s = data.draw(positive_definite(n, dtype, condition=bound, batch=batch))
    assert (s.shape, s.dtype) == ((*batch, n, n), dtype)
    assert np.array_equal(s, np.conj(np.swapaxes(s, -1, -2)))
    if s.size:
        eigenvalues = np.linalg.eigvalsh(s.astype(np.complex128))
        assert eigenvalues.min() > 0
        assert np.max(eigenvalues[..., -1] / eigenvalues[..., 0]) <= bound * (1 + 1e-4)


@many
@given(st.data(), st.integers(1, 5) | st.just(12), ANY)
def test_orthogonal_matrices(data: st.DataObject, n: int, dtype: Any) -> None:
    batch = data.draw(BATCHES)
    q = data.draw(orthogonal(n, dtype, batch=batch))
    assert (q.shape, q.dtype) == ((*batch, n, n), dtype)
    product = np.conj(np.swapaxes(q, -1, -2)) @ q
    close = 1e-5 if np.finfo(dtype).bits == 32 else 1e-13
    assert np.allclose(product, np.eye(n), atol=close)


def test_matrices_are_not_all_alike() -> None:
    drawn = collect(well_conditioned(3), 100)
    assert any(a[0, 0] == 0 or abs(a[0, 0]) < 0.5 for a in drawn), "rows are never exchanged"
    assert any(not np.allclose(a, a.T) for a in drawn)
    assert min(np.linalg.det(a) for a in drawn) < 0 < max(np.linalg.det(a) for a in drawn)
    reached = max(np.linalg.cond(a) for a in collect(positive_definite(3), 100))
    assert reached > 3, "the bound on the condition is never nearly used"
    turned = collect(orthogonal(3), 100)
    assert any(np.linalg.det(q) < 0 for q in turned)
    assert any(np.abs(q).max() < 0.95 for q in turned)


# -- shapes, axes, indices, einsum ----------------------------------------------------------------


@many
@given(st.integers(1, 4).flatmap(broadcastable_shapes))
def test_shapes_broadcast(drawn: tuple[tuple[int, ...], ...]) -> None:
    np.broadcast_shapes(*drawn)


def test_shapes_that_broadcast_differ() -> None:
    drawn = collect(broadcastable_shapes(2), 100)
    assert sum(a != b for a, b in drawn) > 20
    assert any(len(a) != len(b) for a, b in drawn)
    assert any(1 in a and a != b and len(a) == len(b) for a, b in drawn)


@many
@given(st.data(), shapes())
def test_axes_are_axes(data: st.DataObject, shape: tuple[int, ...]) -> None:
    axis = data.draw(axes(shape, empty=True))
    np.sum(np.zeros(shape), axis=axis)


def test_axes_of_all_kinds() -> None:
    drawn = collect(axes(3, empty=True))
    kinds = Counter(type(axis) for axis in drawn)
    assert set(kinds) == {type(None), int, tuple}
    assert {axis for axis in drawn if isinstance(axis, int)} == set(range(-3, 3))
    assert {len(axis) for axis in drawn if isinstance(axis, tuple)} == {0, 1, 2, 3}
    assert any(isinstance(axis, tuple) and len({a < 0 for a in axis}) == 2 for axis in drawn)
    assert all(isinstance(axis, int) for axis in collect(axes(2, none=False, several=False), 30))
    assert set(collect(axes(()), 5)) == {None}


def kinds_of(index: Any) -> set[str]:
    names = {int: "integer", slice: "slice", type(Ellipsis): "ellipsis", type(None): "newaxis"}
    parts = index if isinstance(index, tuple) else (index,)
    return {
        ("mask" if p.dtype == bool else "integers") if isinstance(p, np.ndarray) else names[type(p)]
        for p in parts
    }


@settings(max_examples=60, database=None)
@given(st.data(), shapes(min_side=0))
def test_indices_are_indices(data: st.DataObject, shape: tuple[int, ...]) -> None:
    index = data.draw(indices(shape))
    x = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    x[index]  # does not raise


def test_indices_of_all_kinds_occur() -> None:
    shape = (3, 4, 2)
    x = np.arange(24).reshape(shape)
    drawn = collect(indices(shape), 400)
    single = Counter(next(iter(kinds_of(i))) for i in drawn if len(kinds_of(i)) == 1)
    assert set(single) == set(INDEX_KINDS)
    together = Counter(
        pair for i in drawn for pair in itertools.combinations(sorted(kinds_of(i)), 2)
    )
    assert len(together) == 15, "two kinds never meet"
    parts = [p for i in drawn for p in (i if isinstance(i, tuple) else (i,))]
    steps = {p.step for p in parts if isinstance(p, slice)}
    assert {None, 1, 2, -1, -2} <= steps
    assert any(isinstance(p, int) and p < 0 for p in parts)
    places = [p for p in parts if isinstance(p, np.ndarray) and p.dtype != bool]
    assert any(len(set(p.flat)) < p.size for p in places), "no repeats"
    assert any(np.any(p < 0) for p in places)
    assert {p.ndim for p in places} >= {1, 2}
    masks = [p for p in parts if isinstance(p, np.ndarray) and p.dtype == bool]
    assert {m.ndim for m in masks} == {1, 2, 3}
    assert any(x[i].size == 0 for i in drawn)
    assert any(isinstance(i, tuple) and len(i) == 1 for i in drawn)
    assert any(not isinstance(i, tuple) for i in drawn)
    # Arrays with a basic part between them, where NumPy moves their dimension to the front.
    assert any(
        isinstance(i, tuple)
        and "".join("a" if isinstance(p, np.ndarray) else "b" for p in i).strip("b").count("b")
        for i in drawn
    )


@pytest.mark.parametrize("kind", INDEX_KINDS)
def test_kinds_of_indices_can_be_chosen(kind: str) -> None:
    drawn = collect(indices((3, 2), kinds=[kind]), 30)
    assert {k for i in drawn for k in kinds_of(i)} == {kind}
    assert all(np.zeros((3, 2))[i].size for i in collect(indices((3, 2), empty=False), 60))


@settings(max_examples=50, database=None)
@given(einsum_calls(dtype=REAL))
def test_einsum_calls_are_calls_of_einsum(call: Any) -> None:
    value = np.einsum(call.subscripts, *call.operands)
    # The implicit output is that which NumPy documents: the letters that come once, in order.
    if "->" not in call.subscripts:
        letters = call.subscripts.replace(",", "").replace(".", "")
        free = "".join(sorted(x for x in set(letters) if letters.count(x) == 1))
        dots = "..." if "." in call.subscripts else ""
        explicit = np.einsum(f"{call.subscripts}->{dots}{free}", *call.operands)
        assert np.array_equal(value, explicit)


def words(call: Any) -> list[str]:
    """The letters of each operand."""
    inputs = call.subscripts.split("->")[0]
    return [word.replace(".", "") for word in inputs.split(",")]


def has_a_side_of_1_beside_longer_ones(call: Any) -> bool:
    sides: dict[str, set[int]] = {}
    for word, x in zip(words(call), call.operands, strict=True):
        if "." not in call.subscripts:
            for letter, side in zip(word, x.shape, strict=True):
                sides.setdefault(letter, set()).add(side)
    return any(len(found) == 2 and 1 in found for found in sides.values())


EINSUM_KINDS: dict[str, Callable[[Any], bool]] = {
    "one operand": lambda call: len(call.operands) == 1,
    "two operands": lambda call: len(call.operands) == 2,
    "three operands": lambda call: len(call.operands) == 3,
    "explicit": lambda call: "->" in call.subscripts,
    "implicit": lambda call: "->" not in call.subscripts,
    "no ellipsis": lambda call: "." not in call.subscripts,
    "ellipsis first": lambda call: any(
        word.startswith("...") and len(word) > 3
        for word in call.subscripts.split("->")[0].split(",")
    ),
    "ellipsis within": lambda call: any(
        "..." in word[1:] and not word.endswith("...")
        for word in call.subscripts.split("->")[0].split(",")
    ),
    "trace": lambda call: any(len(set(word)) < len(word) for word in words(call)),
    "contraction": lambda call: (
        len(words(call)) > 1 and bool(set.intersection(*map(set, words(call))))
    ),
    "broadcasting": has_a_side_of_1_beside_longer_ones,
}


@pytest.mark.parametrize("kind", EINSUM_KINDS)
def test_einsum_calls_of_all_kinds(kind: str) -> None:
    # How often Hypothesis draws each depends on its version and on what else is loaded: it also
    # draws constants that it finds in the modules there are. None may be out of its reach.
    search = settings(max_examples=5000, database=None, derandomize=True, deadline=None)
    assert EINSUM_KINDS[kind](find(einsum_calls(), EINSUM_KINDS[kind], settings=search))


# -- with the engine ------------------------------------------------------------------------------


@settings(max_examples=20, database=None, deadline=None)
@given(shapes().flatmap(lambda shape: st.tuples(arrays(shape), indices(shape))))
def test_the_engines_indexing_is_right_at_all_of_them(case: tuple[np.ndarray, Any]) -> None:
    x, index = case
    check_gradients(lambda t: t[index], x, order=1)


@settings(max_examples=20, database=None, deadline=None)
@given(einsum_calls())
def test_the_engines_einsum_is_right_at_all_of_them(call: Any) -> None:
    check_gradients(lambda *xs: np.einsum(call.subscripts, *xs), *call.operands, order=1)


# -- shrinking ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "condition", "simplest"),
    [
        (arrays(), lambda x: True, np.array(0.0)),
        (arrays(), lambda x: np.any(x > 1), np.array(2.0)),
        (arrays(), lambda x: np.any(x < -1.2), np.array(-2.0)),
        (arrays(dtype=np.float32), lambda x: x.ndim == 2, np.zeros((1, 1), np.float32)),
        (arrays(dtype=complex), lambda z: np.any(z.imag > 0), np.array(1j)),
        (arrays((3,)), lambda x: x.sum() > 1, np.array([0.0, 0.0, 2.0])),
        (positive(), lambda x: np.any(x > 2.5), np.array(3.0)),
        (nonzero(), lambda x: np.any(x < 0), np.array(-1.0)),
        (unit_interval(), lambda x: np.any(x > 0.5), np.array(0.75)),
        (away_from(1), lambda x: True, np.array(0.0)),
        (distinct(), lambda x: x.size == 2, np.array([0.0, 1.0])),
        (simplex(), lambda p: p.size == 2, np.array([0.5, 0.5])),
        (positive_definite(2), lambda a: True, np.eye(2)),
        (orthogonal(3), lambda q: True, np.eye(3)),
        (well_conditioned(2, batch=(1,)), lambda a: True, np.eye(2)[None]),
        (axes((2, 3)), lambda a: a is not None, 0),
        (indices((3, 4)), lambda i: i is not None, 0),
        (indices((3, 4)), lambda i: isinstance(i, slice), slice(None)),
        (indices((5,)), lambda i: isinstance(i, np.ndarray) and i.dtype != bool and i.size == 2,
         np.array([0, 0])),
    ],
)  # fmt: skip
def test_minimal_examples(strategy: Any, condition: Any, simplest: Any) -> None:
    found = find(strategy, condition, settings=settings(max_examples=500, database=None))
    assert type(found) is type(simplest)
    if isinstance(simplest, np.ndarray):
        assert (found.dtype, found.shape) == (simplest.dtype, simplest.shape)
        assert np.array_equal(found, simplest), f"{found!r} can be simplified"
    else:
        assert found == simplest


def test_an_einsum_shrinks_to_the_fewest_letters() -> None:
    call = find(
        einsum_calls(),
        lambda c: len(c.operands) == 2 and np.einsum(c.subscripts, *c.operands).size > 1,
        settings=settings(max_examples=500, database=None),
    )
    assert len(call.subscripts.replace(",", "").replace("->", "")) <= 4, call
    assert max(x.size for x in call.operands) == 2
    assert not any(np.any(x) for x in call.operands)


# -- what is wrong --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: arrays(dtype=int), ValueError, "arrays: dtype must be floating or complex, not"),
        (lambda: positive(dtype=complex), ValueError, "positive: dtype must be floating, not"),
        (lambda: arrays(domain=(2, 1)), ValueError, r"the domain \(2, 1\) is empty"),
        (lambda: arrays(margin=-1), ValueError, "margin must be a number from 0 on"),
        (lambda: arrays((2, -1)), ValueError, "shape is a tuple of sides or a strategy of such"),
        (lambda: arrays(float), ValueError, "shape is a tuple of sides or a strategy of such"),
        (lambda: arrays(domain=(0, 1), margin=0.7), ValueError, "nothing of the domain"),
        (lambda: away_from(0.5, (), domain=(0, 1), margin=0.4), ValueError, "and from 0.5"),
        (lambda: away_from(np.nan), ValueError, "a kink is a finite number"),
        (lambda: distinct(gap=0), ValueError, "gap must be positive"),
        (lambda: broadcastable_shapes(0), ValueError, "how many shapes"),
        (lambda: axes((), none=False), ValueError, "has no axis"),
        (lambda: indices((3,), kinds=["int"]), ValueError, "kinds are some of integer, slice"),
        (lambda: einsum_calls(0), ValueError, "max_operands must be at least 1"),
        (lambda: well_conditioned(0), ValueError, "n is the number of rows"),
        (lambda: well_conditioned(2, condition=1), ValueError, "condition must be a number above"),
    ],
)  # fmt: skip
def test_bad_arguments(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_hypothesis_is_needed_only_when_a_strategy_is_named() -> None:
    code = """
        import sys
        sys.modules["hypothesis"] = sys.modules["pytest"] = None  # as if not installed
        import numpy as np
        from autograd_core import testing
        testing.check_gradients(np.tanh, np.ones(2))
        assert "arrays" in dir(testing)
        for name in ("arrays", "given_tensors"):
            try:
                getattr(testing, name)
            except ImportError as error:
                assert "pip install 'autograd-core[testing]'" in str(error), error
            else:
                raise AssertionError(name)
        assert not hasattr(testing, "nothing")
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
