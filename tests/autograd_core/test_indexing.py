"""Reading, writing, sorting and picking by index: ties, parameters, bad input, other sources."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_core as ag

NAN, INF = np.nan, np.inf


def tracked(values: Any) -> ag.Tensor:
    return ag.Tensor(values, requires_grad=True)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def weighted(f: Callable[..., Any], *xs: Any, argnum: Any = 0) -> Any:
    """The gradient of <u, f> with random u, and u."""
    u = rng(7).normal(size=np.shape(f(*map(np.array, xs))))
    return ag.grad(lambda *a: ag.sum(f(*a) * u), argnum)(*map(np.array, xs)), u


def written(f: Callable[..., None]) -> Callable[..., Any]:
    """The function that returns what ``f`` made of a copy of its first argument."""

    def functional(a: Any, *rest: Any) -> Any:
        target = a * 1.0
        assert f(target, *rest) is None
        return target

    return functional


# --- against an independent source --------------------------------------------------------------

X = rng(1).normal(size=(3, 4))
V = rng(2).normal(size=(5,))
INDEX = np.array([[1, 0, 2, 1], [3, 3, 0, 2], [0, 1, 2, 3]])
MASK = X > 0.2

READ: dict[str, Callable[[Any, Any], Any]] = {
    "take": lambda np, x: np.take(x, np.array([5, 0, 5, 11])),
    "take, axis, negative": lambda np, x: np.take(x, np.array([[-1, 0], [2, -1]]), axis=1),
    "take, wrap": lambda np, x: np.take(x, np.array([7, -9, 3]), axis=0, mode="wrap"),
    "take, clip": lambda np, x: np.take(x, np.array([7, -9, 3]), axis=1, mode="clip"),
    "take_along_axis": lambda np, x: np.take_along_axis(x, np.asarray(INDEX), axis=1),
    "take_along_axis, None": lambda np, x: np.take_along_axis(x, np.array([5, 5, 0]), axis=None),
    "compress": lambda np, x: np.compress(np.array([True, False, True]), x, axis=1),
    "extract": lambda np, x: np.extract(np.asarray(MASK), x),
    "diag": lambda np, x: np.diag(x, -1),
    "diagflat": lambda np, x: np.diagflat(x, 2),
    "diagonal": lambda np, x: np.diagonal(x.reshape(2, 3, 2), -1, 2, 0),
    "linalg.diagonal": lambda np, x: np.linalg.diagonal(x.reshape(2, 3, 2), offset=1),
    "tril": lambda np, x: np.tril(x, 1),
    "triu": lambda np, x: np.triu(x.reshape(2, 3, 2), -1),
    "select": lambda np, x: np.select([x > 0.5, x > 0.0], [x * x, 3.0 * x], 0.5),
    "choose": lambda np, x: np.choose(np.asarray(INDEX) % 3, [x, x * x, x[0]]),
    "sort": lambda np, x: np.sort(x, axis=0),
    "sort, None": lambda np, x: np.sort(x, axis=None),
    "partition": lambda np, x: np.partition(x, 2, axis=1)[:, 2],
    "nan_to_num": lambda np, x: np.nan_to_num(x + np.array([1.0, np.nan, np.inf, -1.0])),
    "fmax": lambda np, x: np.fmax(x, np.array([0.1, np.nan, -0.3, 0.0])),
    "clip": lambda np, x: np.clip(x, np.array([-0.5]), 0.4),
    "heaviside": lambda np, x: np.heaviside(np.array([0.0, 1.0, -1.0, 0.0]), x),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", READ)
def test_reading_agrees_with_jax(name: str) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    f = READ[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = jax.numpy.asarray(f(jax.numpy, jax.numpy.asarray(X)))
        u = rng(3).normal(size=expected.shape)
        theirs = jax.grad(lambda x: jax.numpy.sum(f(jax.numpy, x) * u))(jax.numpy.asarray(X))
    x = tracked(X)
    y = f(np, x)
    np.testing.assert_allclose(y.detach(), expected, rtol=1e-14)
    y.backward(u)
    np.testing.assert_allclose(x.grad, theirs, rtol=1e-13, atol=1e-15)


WRITE: dict[str, Callable[[Any, Any, Any, dict[str, Any]], Any]] = {
    "put": lambda np, x, v, k: np.put(x, np.array([1, 5, -1]), v, **k),
    "put, fewer values": lambda np, x, v, k: np.put(x, np.arange(9), v, mode="clip", **k),
    "put, wrap": lambda np, x, v, k: np.put(x, np.array([13, 30, 2]), v, mode="wrap", **k),
    "place": lambda np, x, v, k: np.place(x, np.asarray(MASK), v, **k),
    "fill_diagonal": lambda np, x, v, k: np.fill_diagonal(x, v[0], **k),
    "put_along_axis": lambda np, x, v, k: np.put_along_axis(
        x, np.array([[1, 0, 2, 1]]), v[:4].reshape(1, 4), axis=0, **k
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITE)
def test_writing_agrees_with_jax(name: str) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    f, u = WRITE[name], rng(3).normal(size=X.shape)

    def theirs(x: Any, v: Any) -> Any:
        return f(jax.numpy, x, v, {"inplace": False})

    expected = theirs(jax.numpy.asarray(X), jax.numpy.asarray(V))
    grads = jax.grad(lambda x, v: jax.numpy.sum(theirs(x, v) * u), (0, 1))(
        jax.numpy.asarray(X), jax.numpy.asarray(V)
    )
    x, v = tracked(X), tracked(V)
    y = x * 1.0
    assert f(np, y, v, {}) is None
    np.testing.assert_array_equal(y.detach(), expected)
    y.backward(u)
    np.testing.assert_allclose(x.grad, grads[0], rtol=1e-14)
    np.testing.assert_allclose(v.grad, grads[1], rtol=1e-14)


# --- in place -----------------------------------------------------------------------------------

FILL: dict[str, Callable[..., None]] = {
    "put": lambda a, v: np.put(a, [0, 4], v),
    "place": lambda a, v: np.place(a, [[True, False, False], [False, True, False]], v),
    "putmask": lambda a, v: np.putmask(a, [[True, False, False], [False, True, False]], v),
    "copyto": lambda a, v: np.copyto(a, v, where=np.eye(2, 3, dtype=bool)),
    "fill_diagonal": lambda a, v: np.fill_diagonal(a, v),
    "put_along_axis": lambda a, v: np.put_along_axis(a, np.array([[0], [1]]), v, 1),
}
fills = pytest.mark.parametrize("fill", FILL.values(), ids=FILL)


@fills
def test_writes_on_a_tensor_are_recorded(fill: Callable[..., None]) -> None:
    x, v = tracked(np.arange(6.0).reshape(2, 3)), tracked(9.0)
    y = x * 1.0
    before, seen = y.data, y * 2.0
    fill(y, v)
    np.testing.assert_array_equal(y.data, [[9.0, 1.0, 2.0], [3.0, 9.0, 5.0]])
    np.testing.assert_array_equal(before, np.arange(6.0).reshape(2, 3))
    u, w = rng(0).normal(size=(2, 2, 3))
    (y * u + seen * w).sum().backward()
    written = np.eye(2, 3, dtype=bool)
    np.testing.assert_allclose(x.grad, np.where(written, 0.0, u) + 2.0 * w)
    np.testing.assert_allclose(v.grad, u[written].sum())


@fills
def test_writes_on_an_untracked_tensor(fill: Callable[..., None]) -> None:
    t = ag.Tensor(np.zeros((2, 3)))
    published, copy = t.data, t.detach()
    fill(t, 9.0)
    np.testing.assert_array_equal(t.data, 9.0 * np.eye(2, 3))
    np.testing.assert_array_equal(published, np.zeros((2, 3)))
    np.testing.assert_array_equal(copy.data, np.zeros((2, 3)))
    fill(t, ag.Tensor(4.0))  # an untracked tensor as the value
    np.testing.assert_array_equal(t.data, 4.0 * np.eye(2, 3))
    v = tracked(5.0)
    fill(t, v)  # and a tracked one makes it part of the graph
    t.backward(np.arange(6.0).reshape(2, 3))
    assert v.grad == 4.0


@fills
def test_writes_on_a_leaf(fill: Callable[..., None]) -> None:
    x = tracked(np.zeros((2, 3)))
    with pytest.raises(ag.InPlaceError, match=r"np\.\w+ on leaf.*no_grad"):
        fill(x, 1.0)
    with ag.no_grad():
        fill(x, 1.0)
    assert x.is_leaf
    np.testing.assert_array_equal(x.data, np.eye(2, 3))


@fills
def test_writes_refuse_views_and_arrays(fill: Callable[..., None]) -> None:
    whole = tracked(np.zeros((2, 2, 3))) * 1.0
    view = whole[0]
    with pytest.raises(ag.InPlaceError, match="read out of another"):
        fill(view, 1.0)
    array = np.zeros((2, 3))
    with pytest.raises((ag.InPlaceError, ag.NotDifferentiableError), match="from the graph unseen"):
        fill(array, tracked(1.0))
    assert not array.any()


@pytest.mark.parametrize("name", FILL)
def test_our_own_writes_refuse_arrays_and_name_the_remedy(name: str) -> None:
    array = np.zeros(4)
    arguments = {
        "put": ([0], tracked(1.0)),
        "place": ([True] * 4, tracked([1.0])),
        "putmask": ([True] * 4, tracked(1.0)),
        "copyto": (tracked(1.0),),
        "fill_diagonal": (tracked(1.0),),
        "put_along_axis": (np.array([0]), tracked([1.0]), 0),
    }[name]
    with pytest.raises(ag.InPlaceError, match=rf"{name}.*Pass a Tensor to write into"):
        getattr(ag, name)(array, *arguments)
    assert not array.any()
    if name != "fill_diagonal":
        with ag.no_grad():
            getattr(np, name)(array, *arguments)
        assert array.any()


@fills
def test_writes_to_arrays_are_numpys(fill: Callable[..., None]) -> None:
    a = np.zeros((2, 3))
    fill(a, 2.0)
    np.testing.assert_array_equal(a, 2.0 * np.eye(2, 3))


def test_writes_by_keyword() -> None:
    t = ag.Tensor(np.zeros(2))
    ag.copyto(dst=t, src=tracked([1.0, 2.0]))
    assert t.requires_grad
    with pytest.raises(TypeError, match="nonsense"):
        np.put(t, [0], 1.0, mode="raise", nonsense=1)  # type: ignore[call-overload]


def test_a_loop_of_puts_does_not_copy() -> None:
    v = tracked(np.arange(5.0))
    y = ag.Tensor(np.zeros(5))
    np.put(y, 0, v[0])
    where = y._value.ctypes.data
    for i in range(1, 5):
        np.put(y, i, v[i])
    assert y._value.ctypes.data == where
    y.backward(np.arange(5.0))
    np.testing.assert_array_equal(v.grad, np.arange(5.0))


def test_the_last_of_repeated_writes_takes_the_gradient() -> None:
    (to_a, to_v), u = weighted(
        written(lambda a, v: np.put(a, [1, 2, 1], v)), np.zeros(4), np.arange(3.0), argnum=(0, 1)
    )
    np.testing.assert_array_equal(to_a, [u[0], 0.0, 0.0, u[3]])
    np.testing.assert_array_equal(to_v, [0.0, u[2], u[1]])


def test_putmask_counts_all_elements_and_place_those_that_hold() -> None:
    mask = np.array([False, True, False, True, True])
    for f, expected in ((np.putmask, [2, 2, 1]), (np.place, [1, 2, 1])):
        a, v = np.zeros(5), np.array([1.0, 2.0, 3.0])[:2]
        f(a, mask, v)
        write = written(lambda a, v, f=f: f(a, mask, v))
        (_, to_v), u = weighted(write, np.zeros(5), v, argnum=(0, 1))
        picked = a[mask]
        np.testing.assert_array_equal(picked, expected)
        np.testing.assert_allclose(to_v, [u[mask][picked == 1].sum(), u[mask][picked == 2].sum()])


def test_fill_diagonal_wraps_tall_matrices() -> None:
    for wrap in (False, True):
        x, plain = tracked(np.zeros((7, 2))), np.zeros((7, 2))
        y = x * 1.0
        np.fill_diagonal(y, tracked([1.0, 2.0]), wrap)
        np.fill_diagonal(plain, [1.0, 2.0], wrap)
        np.testing.assert_array_equal(y.detach(), plain)
    cube = ag.Tensor(np.zeros((3, 3, 3)))
    np.fill_diagonal(cube, tracked(5.0))
    np.testing.assert_array_equal(cube.data, 5.0 * np.einsum("ij,jk->ijk", np.eye(3), np.eye(3)))


def test_copyto_casts_and_broadcasts_as_numpy() -> None:
    half = ag.Tensor(np.zeros((2, 3), np.float16))
    v = tracked(np.arange(3.0)[None, None])
    np.copyto(half, v)
    assert half.dtype == np.float16
    half.sum().backward()
    assert v.grad.dtype == np.float64
    np.testing.assert_array_equal(v.grad, np.full((1, 1, 3), 2.0))
    with pytest.raises(TypeError, match="according to the rule 'same_kind'"):
        np.copyto(ag.Tensor([1, 2]), 1.5)
    with pytest.raises(TypeError, match="according to the rule 'safe'"):
        np.copyto(half, v, casting="safe")
    with pytest.raises(TypeError, match="according to the rule 'same_kind'"):
        np.copyto(half, ag.Tensor(1j))
    with pytest.raises(ValueError, match="broadcast"):
        np.copyto(half, tracked([1.0, 2.0]))
    with pytest.raises(ValueError, match="broadcast"):
        np.copyto(half, v, where=np.ones((3, 3), bool))


def test_complex_values_are_written() -> None:
    v = tracked([1.0 + 2.0j, 3.0])
    y = ag.Tensor(np.zeros(4, complex))
    np.put(y, [3, 0], v)
    y.backward(np.array([1.0j, 2.0, 3.0, 1.0 + 1.0j]))
    np.testing.assert_array_equal(v.grad, [1.0 + 1.0j, 1.0j])
    with pytest.raises(ag.InPlaceError, match="complex"):
        np.put(ag.Tensor(np.zeros(4)), [0], v)


def test_what_writes_refuse() -> None:
    t, v = ag.Tensor(np.zeros((2, 3))), tracked([1.0])
    with pytest.raises(IndexError, match="index 6 is out of bounds for axis 0 with size 6"):
        np.put(t, [0, 6], v)
    with pytest.raises(TypeError, match="Cannot cast"):
        np.put(t, np.array([0.5]), v)
    with pytest.raises(ValueError, match="place: mask and data must be the same size"):
        np.place(t, [True, False], v)
    with pytest.raises(ValueError, match="Cannot insert from an empty array"):
        np.place(t, np.ones((2, 3), bool), tracked([]))
    with pytest.raises(ValueError, match="putmask: mask and data must be the same size"):
        np.putmask(t, [True, False], v)
    with pytest.raises(ValueError, match="at least 2-d"):
        np.fill_diagonal(ag.Tensor(np.zeros(3)), v)
    with pytest.raises(ValueError, match="equal length"):
        np.fill_diagonal(ag.Tensor(np.zeros((2, 3, 3))), v)
    with pytest.raises(ValueError, match="same number of dimensions"):
        np.put_along_axis(t, np.array([0]), v, 0)
    with pytest.raises(ValueError, match="single dimension"):
        np.put_along_axis(t, np.array([[0]]), v, None)
    with pytest.raises(np.exceptions.AxisError):
        np.put_along_axis(t, np.array([[0]]), v, 2)
    with pytest.raises(IndexError, match="integer"):
        np.put_along_axis(t, np.array([[0.0]]), v, 0)
    with pytest.raises(ag.InPlaceError, match="dtype int64"):
        np.put(ag.Tensor([1, 2]), [0], v)
    assert not t.data.any()
    np.put(t, [0], [])  # nothing to write
    np.putmask(t, t.data == 0, [])
    assert not t.requires_grad


def test_writing_nothing_is_still_recorded() -> None:
    for fill in (
        lambda a, v: np.put(a, np.zeros(0, int), v),
        lambda a, v: np.place(a, np.zeros(3, bool), v),
        lambda a, v: np.copyto(a, v, where=False),
    ):
        v, y = tracked([1.0]), ag.Tensor(np.ones(3))
        fill(y, v)
        y.sum().backward()
        assert v.grad == 0.0


# --- reading ------------------------------------------------------------------------------------


def test_indices_of_any_kind() -> None:
    x = tracked(np.arange(6.0).reshape(2, 3))
    for indices in ([1, 1], (1, 1), np.array([1, 1], np.uint8), ag.Tensor([1, 1]), [-2, -2]):
        (to_x, u) = weighted(lambda t, i=indices: np.take(t, i, axis=1), x.data)
        np.testing.assert_allclose(to_x[:, 1], u.sum(axis=1))
        assert not to_x[:, [0, 2]].any()
    assert np.take(x, [], axis=1).shape == (2, 0)
    assert np.take(x, True).item() == 1.0
    assert np.take(x, 4).item() == 4.0
    y = np.take(tracked(3.0), [0, 0])
    np.testing.assert_array_equal(y.detach(), [3.0, 3.0])
    many = tracked(np.arange(1000.0))
    np.take(many, np.arange(200, 256, dtype=np.uint8)).sum().backward()
    assert many.grad[200:256].all()
    assert many.grad.sum() == 56.0
    with pytest.raises(IndexError, match="out of bounds"):
        np.take(x, [6])
    with pytest.raises(np.exceptions.AxisError, match="axis 2"):
        np.take(x, 0, axis=2)
    with pytest.raises(ag.InPlaceError, match="out= of take"):
        np.take(x, [0], None, np.zeros(1))
    out = ag.Tensor(np.zeros(1))
    assert np.take(x, [5], None, out) is out
    assert out.requires_grad


def test_reading_in_a_loop_adds_into_one_buffer() -> None:
    x = tracked(rng().normal(size=(4, 3)))
    total = sum(
        np.take(x, i, axis=0) * i + np.take(x, [i]) + np.take_along_axis(x, np.array([i]), None)
        for i in range(4)
    )
    total.sum().backward()
    expected = np.arange(4.0)[:, None] * np.ones(3)
    expected.reshape(-1)[:4] += 6.0
    np.testing.assert_allclose(x.grad, expected)


def test_facts_are_numpys_and_untracked() -> None:
    x = np.array([[0.5, 0.0, -1.0], [2.0, 0.0, 3.0]])
    t = tracked(x)
    for f in (
        np.nonzero, np.flatnonzero, np.argwhere, np.argsort, np.lexsort, np.tril_indices_from,
        np.triu_indices_from, lambda a: np.where(a > 0), lambda a: np.argpartition(a, 1),
        lambda a: np.searchsorted(np.arange(3.0), a), lambda a: np.digitize(a, [0.0, 1.0]),
        lambda a: np.isin(a, [0.0, 2.0]), lambda a: np.isin([0.0, 2.0], a),
        lambda a: np.lexsort((a[0], a[1])), lambda a: np.diag_indices_from(a[:, :2]),
    ):  # fmt: skip
        got, expected = f(t), f(x)
        assert type(got) is type(expected) or isinstance(got, ag.Tensor)
        for g, e in zip(
            got if isinstance(got, tuple) else [got],
            expected if isinstance(expected, tuple) else [expected],
            strict=True,
        ):
            assert not g.requires_grad
            np.testing.assert_array_equal(g, e)
    rows, columns = ag.Tensor([0, 1]), ag.Tensor([2, 0])
    assert np.ravel_multi_index((rows, columns), (2, 3)).tolist() == [2, 3]
    assert [i.tolist() for i in np.unravel_index(ag.Tensor([2, 3]), (2, 3))] == [[0, 1], [2, 0]]
    np.testing.assert_array_equal(t[np.ix_(rows, columns)].detach(), x[np.ix_([0, 1], [2, 0])])
    assert len(np.ix_(rows)) == 1
    assert len(np.ix_(rows, columns, rows)) == 3


# --- by conditions ------------------------------------------------------------------------------


def test_python_numbers_among_choices_are_weak() -> None:
    x = tracked(np.ones(2, np.float32))
    conditions = [np.array([True, False]), np.array([False, False])]
    for y in (
        np.select(conditions, [x, 2.0], 0.5),
        np.select(conditions, [1, x]),
        np.choose([0, 1], [x, 0.5]),
        np.choose([1, 0], [0, x]),
    ):
        assert y.dtype == np.float32
        assert y.requires_grad
    assert np.select(conditions, [x, np.float64(2.0)]).dtype == np.float64
    np.testing.assert_array_equal(np.select(conditions, [x, 2.0], 0.5).detach(), [1.0, 0.5])


def test_choices_of_a_tensor_and_to_a_default() -> None:
    to_x, u = weighted(lambda x: np.choose([[0, 1], [2, 0]], x), np.arange(6.0).reshape(3, 2))
    np.testing.assert_allclose(to_x, [[u[0, 0], u[1, 1]], [0.0, u[0, 1]], [u[1, 0], 0.0]])
    to_d, u = weighted(lambda x, d: ag.select([x > 0], [x], d), [1.0, -1.0, -2.0], 5.0, argnum=1)
    np.testing.assert_allclose(to_d, u[1] + u[2])
    assert np.choose(np.zeros(3, int), [tracked(2.0)]).shape == (3,)


def test_piecewise_as_numpy() -> None:
    x = np.array([-2.0, -1.0, 1.0, 2.0])

    def f(t: Any) -> Any:
        return np.piecewise(t, [t < -1.5, t > 0], [np.exp, lambda s: s * s, 7.0])

    t = tracked(x)
    np.testing.assert_array_equal(f(t).detach(), f(x))
    to_x, u = weighted(f, x)
    np.testing.assert_allclose(to_x, u * [np.exp(-2.0), 0.0, 2.0, 4.0])
    for conditions in (x > 0, [x > 0], tracked(x) > 0, [tracked(x) > 0], (x > 0).tolist()):
        y = np.piecewise(t, conditions, [lambda s, k: s * k, 0.0], 3.0)
        np.testing.assert_array_equal(y.detach(), [0.0, 0.0, 3.0, 6.0])
    assert np.piecewise(tracked(2.0), [True, False], [np.square, 1.0]).item() == 4.0
    nowhere = np.piecewise(t, [x > 9], [np.exp])
    nowhere.sum().backward()
    np.testing.assert_array_equal(t.grad, np.zeros(4))
    with pytest.raises(ValueError, match="with 1 condition"):
        np.piecewise(t, [x > 0], [np.exp] * 3)


def test_what_choices_refuse() -> None:
    x = tracked([1.0, 2.0])
    with pytest.raises(ValueError, match="invalid entry in choice array"):
        np.choose([0, 2], [x, x])
    with pytest.raises(ValueError, match="invalid entry in choice array"):
        np.choose([0, -1], [x, x])
    with pytest.raises(ValueError, match="same length"):
        np.select([x > 0], [x, x])
    with pytest.raises(TypeError, match="invalid entry 0 in condlist"):
        np.select([np.array([0, 1])], [x])
    with pytest.raises(ValueError, match="1-d"):
        np.compress([[True]], x)
    with pytest.raises(IndexError, match="out of bounds"):
        np.compress([False, False, True], x)


def test_nan_to_num() -> None:
    x = np.array([NAN, INF, -INF, 2.0, -0.0])
    to_x, u = weighted(np.nan_to_num, x)
    np.testing.assert_array_equal(to_x, [0.0, 0.0, 0.0, u[3], u[4]])
    for dtype in (np.float16, np.float32, np.float64, np.complex64, np.complex128):
        values = x.astype(dtype)
        for params in ({}, {"nan": 1.0, "posinf": 2.0}, {"neginf": -3.0}):
            expected = np.nan_to_num(values, **params)
            for t in (tracked(values), ag.Tensor(values)):
                got = np.nan_to_num(t, **params)
                assert got.dtype == dtype
                np.testing.assert_array_equal(got.detach(), expected)
    z = np.array([NAN + 2.0j, 1.0 + INF * 1j])
    t = tracked(z)
    np.nan_to_num(t).backward(np.array([3.0 + 4.0j, 5.0 + 6.0j]))
    np.testing.assert_array_equal(t.grad, [4.0j, 5.0 if z[1].real == 1.0 else 0.0])


def test_nan_to_num_in_place() -> None:
    t = ag.Tensor([NAN, 1.0])
    published = t.data
    assert np.nan_to_num(t, copy=False) is t
    np.testing.assert_array_equal(t.data, [0.0, 1.0])
    assert np.isnan(published[0])
    y = tracked([NAN, 2.0]) * 1.0
    assert np.nan_to_num(y, copy=False) is y
    np.testing.assert_array_equal(y.detach(), [0.0, 2.0])
    with pytest.raises(ag.InPlaceError, match="copy=False"):
        np.nan_to_num(tracked([1.0]), copy=False)


def test_parameters_of_clip() -> None:
    x = np.array([-1.0, 0.5, 3.0])
    for f in (
        lambda t: np.clip(t, 0.0, 1.0),
        lambda t: np.clip(t, a_min=0.0, a_max=1.0),
        lambda t: np.clip(a=t, a_min=[0.0, 0.0, 0.0], a_max=1.0),
    ):
        to_x, u = weighted(f, x)
        np.testing.assert_array_equal(to_x, [0.0, u[1], 0.0])
    np.testing.assert_array_equal(np.clip(tracked(x), None, 1.0).detach(), [-1.0, 0.5, 1.0])
    np.testing.assert_array_equal(ag.clip(tracked(x), min=0.0).detach(), [0.0, 0.5, 3.0])
    np.testing.assert_array_equal(ag.clip(tracked(x), max=1.0).detach(), [-1.0, 0.5, 1.0])
    assert np.clip(tracked(x), 0.0, 1.0, dtype=np.float32).dtype == np.float32
    out = ag.Tensor(np.zeros(3))
    published = out.data
    t = tracked(x)
    assert np.clip(t, 0.0, 1.0, out) is out
    out.sum().backward()
    np.testing.assert_array_equal(t.grad, [0.0, 1.0, 0.0])
    assert np.clip(ag.Tensor(x), 0.0, 1.0, out) is out
    assert not published.any()
    with pytest.raises(ag.InPlaceError, match="out= of clip"):
        np.clip(t, 0.0, 1.0, np.zeros(3))
    with pytest.raises(ValueError, match="forbidden"):
        np.clip(t, 0.0, 1.0, min=2.0)
    with pytest.raises(ag.NotDifferentiableError, match="'where'"):
        np.clip(t, 0.0, 1.0, where=x > 0)


# --- ties and kinks -----------------------------------------------------------------------------


def test_sort_and_partition_keep_the_order_of_ties() -> None:
    x = np.array([2.0, 1.0, 2.0, NAN, 1.0, NAN])
    to_x, u = weighted(np.sort, x)
    np.testing.assert_array_equal(to_x, [u[2], u[0], u[3], u[4], u[1], u[5]])
    to_x, u = weighted(lambda t: np.partition(t, 2), x[[0, 1, 2, 4]])
    np.testing.assert_array_equal(np.sort(to_x), np.sort(u))
    out = np.partition(x[[0, 1, 2, 4]], 2)
    assert {*to_x[[1, 3]]} == {*u[out == 1.0]}


@pytest.mark.parametrize("kth", [2, -1, [0, 3], (1, 2, 4)])
def test_partition_moves_each_gradient_with_its_value(kth: Any) -> None:
    x = rng(4).normal(size=(3, 6))
    for axis in (0, 1, -1, None):
        if axis == 0 and kth != 2 and kth != -1:
            continue
        to_x, u = weighted(lambda t, axis=axis: np.partition(t, kth, axis=axis), x)
        y = np.partition(x, kth, axis=axis)
        for value, g in zip(y.ravel(), u.ravel(), strict=True):
            assert to_x[x == value] == g


def test_equal_elements_share_the_gradient_of_unique() -> None:
    x = np.array([[2.0, 1.0], [2.0, 1.0], [3.0, 2.0]])
    to_x, u = weighted(np.unique, x)
    np.testing.assert_allclose(to_x, [[u[1] / 3, u[0] / 2], [u[1] / 3, u[0] / 2], [u[2], u[1] / 3]])
    to_x, u = weighted(lambda t: np.unique(t, axis=0), x)
    np.testing.assert_allclose(to_x, [u[0] / 2, u[0] / 2, u[1]])
    # The largest of them is the maximum, with the same gradient.
    last = ag.grad(lambda t: np.unique(t)[-1])(np.array([1.0, 3.0, 3.0]))
    np.testing.assert_array_equal(last, ag.grad(np.max)(np.array([1.0, 3.0, 3.0])))
    nans = np.array([NAN, 1.0, NAN])
    to_x, u = weighted(np.unique, nans)
    np.testing.assert_allclose(to_x, [u[1] / 2, u[0], u[1] / 2])
    to_x, u = weighted(lambda t: np.unique(t, equal_nan=False), nans)
    np.testing.assert_allclose(to_x, [u[1], u[0], u[2]])


def test_unique_returns_what_numpy_does() -> None:
    x = np.array([3.0, 1.0, 3.0, NAN, 2.0, NAN])
    for flags in [(True, False, False), (False, True, False), (False, False, True), (True,) * 3]:
        got, expected = np.unique(tracked(x), *flags), np.unique(x, *flags)
        assert len(got) == len(expected)
        for g, e in zip(got, expected, strict=True):
            np.testing.assert_array_equal(g.detach(), e)
    for f in (np.unique_all, np.unique_counts, np.unique_inverse):
        got, expected = f(tracked(x)), f(x)
        assert type(got) is type(expected)
        assert got.values.requires_grad
        for g, e in zip(got, expected, strict=True):
            np.testing.assert_array_equal(g.detach(), e)
    np.testing.assert_array_equal(
        np.unique_values(tracked(x)).detach(), np.sort(np.unique_values(x))
    )


def test_sets() -> None:
    x, y = np.array([3.0, 1.0, 3.0, 2.0]), np.array([2.0, 5.0, 3.0])
    for f in (np.intersect1d, np.union1d, np.setdiff1d, np.setxor1d):
        np.testing.assert_array_equal(f(tracked(x), tracked(y)).detach(), f(x, y))
        np.testing.assert_array_equal(f(x, tracked(y)).detach(), f(x, y))
    (to_x, to_y), u = weighted(np.intersect1d, x, y, argnum=(0, 1))
    np.testing.assert_allclose(to_x, [u[1] / 4, 0.0, u[1] / 4, u[0] / 2])
    np.testing.assert_allclose(to_y, [u[0] / 2, 0.0, u[1] / 2])
    (to_x, to_y), u = weighted(np.union1d, x, y, argnum=(0, 1))
    np.testing.assert_allclose(to_x, [u[2] / 3, u[0], u[2] / 3, u[1] / 2])
    np.testing.assert_allclose(to_y, [u[1] / 2, u[3], u[2] / 3])
    values, first, second = np.intersect1d(tracked(x), y, return_indices=True)
    assert values.requires_grad
    assert (first.tolist(), second.tolist()) == ([3, 0], [0, 2])


@pytest.mark.parametrize("f", [np.fmax, np.fmin])
def test_fmax_and_fmin_pass_over_nan(f: Any) -> None:
    x, y = np.array([1.0, 2.0, 3.0, NAN, 1.0, NAN]), np.array([1.0, 3.0, 2.0, 1.0, NAN, NAN])
    to_x, to_y = ag.grad(lambda *a: ag.sum(f(*a)), (0, 1))(x, y)
    larger = [0.0, 1.0] if f is np.fmax else [1.0, 0.0]
    np.testing.assert_array_equal(to_x, [0.5, *larger, 0.0, 1.0, 0.5])
    np.testing.assert_array_equal(to_x + to_y, np.ones(6))


def test_clip_with_nan() -> None:
    x, low, high = np.array([NAN, 0.5, 0.5, 0.5]), np.array([0.0, NAN, 0.0, NAN]), 1.0
    high = np.array([1.0, 1.0, NAN, NAN])
    grads = ag.grad(lambda *a: ag.sum(np.clip(*a)), (0, 1, 2))(x, low, high)
    np.testing.assert_array_equal(
        grads, [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]
    )


def test_heaviside_is_its_second_argument_at_zero() -> None:
    x, y = np.array([-1.0, 0.0, 2.0, -0.0, NAN]), np.full(5, 0.5)
    (to_x, to_y), u = weighted(np.heaviside, x, y, argnum=(0, 1))
    np.testing.assert_array_equal(to_x, np.zeros(5))
    np.testing.assert_array_equal(to_y, [0.0, u[1], 0.0, u[3], 0.0])


def test_absolute_of_complex_numbers() -> None:
    z = np.array([3.0 + 4.0j, 0.0, -2.0, 1.0j])
    t = tracked(z)
    np.abs(t).backward(np.array([5.0, 1.0, 1.0, 2.0]))
    # PyTorch's convention: the gradient of |z| is z / |z|.
    np.testing.assert_allclose(t.grad, [3.0 + 4.0j, 0.0, -1.0, 2.0j])

    def squared(a: Any) -> Any:
        return ag.sum(np.abs(a) ** 2)

    # |z|² = x² + y²: the gradient of its slope along d is 2 d, at the origin as well.
    d = rng().normal(size=4) + 1j * rng(1).normal(size=4)
    curve = ag.grad(lambda a: ag.sum(np.real(np.conj(d) * ag.grad(squared)(a))))(z)
    np.testing.assert_allclose(curve[[0, 2, 3]], 2.0 * d[[0, 2, 3]], rtol=1e-12)


@pytest.mark.slow
def test_order_two_of_absolute_agrees_with_jax() -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    parts, d = rng(2).normal(size=(2, 5)), rng(3).normal(size=(2, 5))

    def f(np: Any, x: Any) -> Any:
        return np.sum(np.absolute(x[0] + 1j * x[1]) ** 3)

    theirs = jax.grad(lambda x: (jax.grad(lambda y: f(jax.numpy, y))(x) * d).sum())(parts)
    ours = ag.grad(lambda x: ag.sum(ag.grad(lambda y: f(np, y))(x) * d))(parts)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


# --- order two and dtypes -----------------------------------------------------------------------


def test_order_two_through_writes_and_sorts() -> None:
    x = np.array([0.3, -1.2, 2.0, 0.7])

    def f(t: Any) -> Any:
        y = t * t
        np.put(y, [1, 1], np.stack([t[0] ** 3, t[3] ** 3]))
        np.fill_diagonal(m := np.stack([y, y * t]), t[2])
        return ag.sum(np.sort(m, axis=1) * np.arange(8.0).reshape(2, 4))

    def numeric(v: Any) -> Any:
        h = 1e-6
        return (ag.grad(f)(x + h * v) - ag.grad(f)(x - h * v)) / (2 * h)

    v, w = rng(5).normal(size=(2, 4))
    product = ag.grad(lambda t: ag.sum(ag.grad(f)(t) * w))(x)
    np.testing.assert_allclose(product @ v, numeric(v) @ w, rtol=1e-7)
    np.testing.assert_allclose(product @ v, numeric(w) @ v, rtol=1e-7)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.complex64])
def test_dtypes_survive(dtype: Any) -> None:
    x = np.array([[3.0, 1.0], [2.0, 5.0]], dtype)
    v = np.array([7.0, 8.0], dtype)
    for f in (
        lambda t: np.sort(t), lambda t: np.partition(t, 1), lambda t: np.take(t, [0, 0]),
        lambda t: np.unique(t), lambda t: np.diag(t), lambda t: np.tril(t),
        lambda t: np.select([np.eye(2, dtype=bool)], [t], 0.5), lambda t: np.choose([0, 1], [t, v]),
        lambda t: np.nan_to_num(t), lambda t: np.extract(np.eye(2, dtype=bool), t),
    ):  # fmt: skip
        t = tracked(x)
        y = f(t)
        assert y.dtype == dtype
        y.backward(np.ones(y.shape))
        assert t.grad.dtype == dtype


# --- arguments as NumPy takes them ----------------------------------------------------------------


def test_take_casts_indices_as_numpy() -> None:
    for indices in ([1.5], 1.5, [True], [], np.array([1, 1], np.uint64)):
        t = tracked([1.0, 2.0])
        y = np.take(t, indices)
        np.testing.assert_array_equal(y.detach().numpy(), np.take(np.array([1.0, 2.0]), indices))
        y.sum().backward()
        np.testing.assert_array_equal(t.grad, [0.0, y.size])
    with pytest.raises(TypeError, match="same_kind"):
        np.take(tracked([1.0, 2.0]), np.array([1.5]))


def test_clip_takes_both_bounds_or_keywords() -> None:
    t = tracked([1.0, 2.0])
    for call in (lambda: np.clip(t, -0.5), lambda: np.clip(t, a_max=1.0)):
        with pytest.raises(TypeError, match="missing 1 required positional argument"):
            call()
    with pytest.raises(ValueError, match="forbidden"):
        np.clip(t, None, 1.5, max=2.0)
    for y in (np.clip(t, max=1.5), np.clip(t, None, 1.5), t.clip(max=1.5)):
        np.testing.assert_array_equal(y.detach().numpy(), [1.0, 1.5])
    np.testing.assert_array_equal(np.clip(t).detach().numpy(), [1.0, 2.0])
    with pytest.raises(TypeError, match="cannot cast complex128 to float32"):
        np.clip(tracked([1.0 + 2j]), -1, 1, dtype=np.float32)


def test_piecewise_hands_keywords_to_its_functions() -> None:
    t = tracked([1.0, 2.0])
    y = np.piecewise(t, [np.array([False, True])], [lambda x, k=1: x * k], k=3)
    y.sum().backward()
    np.testing.assert_array_equal(y.detach().numpy(), [0.0, 6.0])
    np.testing.assert_array_equal(t.grad, [0.0, 3.0])
    with pytest.raises(TypeError, match="condlist"):
        np.piecewise(t, None, [1])


@pytest.mark.parametrize("what", ["a", None])
def test_what_is_no_number_is_refused_by_name(what: Any) -> None:
    t = tracked([1.0, 2.0])
    with pytest.raises(TypeError, match="union1d"):
        np.union1d(t, what)
    with pytest.raises(TypeError, match="nan_to_num"):
        np.nan_to_num(t, nan=what)
    if what is not None:
        with pytest.raises(TypeError, match="interp"):
            np.interp(t, [1.0, 2.0], [1.0, 2.0], left=what)


def test_nan_to_num_keeps_the_dtype() -> None:
    t = tracked(np.array([NAN, INF], "f4"))
    y = np.nan_to_num(t, nan=np.float64(2.0), posinf=np.float64(3.0))
    assert y.dtype == np.float32
    with pytest.raises(TypeError, match="cannot cast complex128 to float32"):
        np.nan_to_num(t, nan=2j)
