"""What a derivative is where it isn't one: the rows of the conventions, for the ops that exist."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import autograd_core as ag

INF, NAN = np.inf, np.nan


def first(f: Any, *xs: Any, argnum: int = 0) -> np.ndarray:
    """The gradient of the sum of ``f``, without a warning from the backward pass."""
    arrays = [np.asarray(x, float) for x in xs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(ag.grad(lambda *a: ag.sum(f(*a)), argnum)(*arrays))


def second(f: Any, x: Any) -> np.ndarray:
    return first(lambda t: ag.grad(lambda s: ag.sum(f(s)))(t), x)


# --- a zero gradient stays zero -----------------------------------------------------------------

TRAPS = [
    (np.log, -1.0), (np.log, 0.0), (np.sqrt, 0.0), (np.sqrt, -1.0), (np.log2, 0.0), (np.log10, 0.0),
    (np.log1p, -1.0), (np.arcsin, 1.0), (np.arccos, -1.0), (np.arctanh, 1.0), (np.arccosh, 1.0),
    (np.reciprocal, 0.0), (np.cbrt, 0.0), (lambda x: 1.0 / x, 0.0), (lambda x: x**0.5, 0.0),
    (lambda x: x**-1.0, 0.0), (lambda x: x / x, 0.0), (np.exp, 1e4), (np.sinh, 1e4),
    (lambda x: np.exp(x * x), 1e3), (lambda x: np.log(np.exp(x) - 1.0), 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("f", "trap"), TRAPS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_where_hides_a_singular_point(f: Any, trap: float, dtype: Any) -> None:
    x = np.array([trap, 0.5 if f is not np.arccosh else 1.5], dtype)
    hidden = x == trap

    def masked(t: Any) -> Any:
        return np.where(hidden, 0.0, f(t))

    alone = first(f, x[1:])
    np.testing.assert_allclose(first(masked, x), [0.0, alone[0]], rtol=1e-6)
    np.testing.assert_allclose(second(masked, x), [0.0, second(f, x[1:])[0]], rtol=1e-5)


def test_order_two_at_a_zero_gradient_is_right() -> None:
    assert second(lambda x: np.log(x) ** 2, 1.0) == pytest.approx(2.0)
    # x·sqrt(x) behind a mask, and without one where it is smooth.
    assert second(lambda x: x * np.sqrt(x), 4.0) == pytest.approx(0.75 / 2.0)


def test_what_is_infinite_stays_so() -> None:
    assert first(np.sqrt, 0.0) == INF
    assert first(np.log, 0.0) == INF


# --- ties and kinks -----------------------------------------------------------------------------


def test_relu_and_abs() -> None:
    x = [-1.0, 0.0, 2.0]
    np.testing.assert_array_equal(first(ag.relu, x), [0.0, 0.0, 1.0])
    np.testing.assert_array_equal(first(abs, x), [-1.0, 0.0, 1.0])
    np.testing.assert_array_equal(first(np.sign, x), [0.0, 0.0, 0.0])
    np.testing.assert_array_equal(second(lambda t: ag.relu(t) ** 2, x), [0.0, 0.0, 2.0])


@pytest.mark.parametrize("f", [np.maximum, np.minimum])
def test_maximum_and_minimum(f: Any) -> None:
    x, y = [1.0, 2.0, 3.0, NAN, 1.0, NAN], [1.0, 3.0, 2.0, 1.0, NAN, NAN]
    to_x, to_y = first(f, x, y), first(f, x, y, argnum=1)
    larger = [0.5, 0.0, 1.0] if f is np.maximum else [0.5, 1.0, 0.0]
    np.testing.assert_array_equal(to_x, [*larger, 1.0, 0.0, 0.5])
    np.testing.assert_array_equal(to_x + to_y, np.ones(6))
    assert first(lambda t: f(t, t), 2.0) == 1.0


@pytest.mark.parametrize("f", [np.max, np.min])
def test_extrema_share_ties(f: Any) -> None:
    np.testing.assert_allclose(first(f, [2.0, 2.0, 2.0]), [1 / 3] * 3)
    np.testing.assert_array_equal(first(f, [NAN, 1.0, NAN]), [0.5, 0.0, 0.5])
    x = np.array([[1.0, 1.0], [3.0, 4.0]])
    expected = [[0.5, 0.5], [0.0, 1.0]] if f is np.max else [[0.5, 0.5], [1.0, 0.0]]
    np.testing.assert_array_equal(first(lambda t: f(t, axis=1), x), expected)


def test_clip() -> None:
    x = [-1.0, 0.0, 0.5, 1.0, 2.0]
    lo, hi = np.zeros(5), np.ones(5)
    np.testing.assert_array_equal(first(np.clip, x, lo, hi), [0, 1, 1, 1, 0])
    np.testing.assert_array_equal(first(np.clip, x, lo, hi, argnum=1), [1, 0, 0, 0, 0])
    np.testing.assert_array_equal(first(np.clip, x, lo, hi, argnum=2), [0, 0, 0, 0, 1])
    for i, expected in enumerate([0.0, 0.0, 1.0]):
        assert first(np.clip, 0.5, 2.0, 1.0, argnum=i) == expected
        assert first(np.clip, 1.0, 1.0, 1.0, argnum=i) == expected


def test_hinge_at_one() -> None:
    assert first(lambda x: ag.relu(1.0 - x), 1.0) == 0.0


# --- singular points ----------------------------------------------------------------------------


def test_origin_of_hypot_std_and_arctan2() -> None:
    for i in (0, 1):
        assert first(np.hypot, 0.0, 0.0, argnum=i) == 0.0
        assert first(np.arctan2, 0.0, 0.0, argnum=i) == 0.0
    np.testing.assert_array_equal(first(np.std, [2.0, 2.0, 2.0]), np.zeros(3))
    np.testing.assert_array_equal(first(np.var, [2.0, 2.0, 2.0]), np.zeros(3))


def test_powers() -> None:
    assert first(lambda x: x**0, 0.0) == 0.0
    assert first(lambda x: x**0.0, 0.0) == 0.0
    assert first(np.power, 0.0, 0.0) == 0.0
    assert first(np.power, 0.0, 2.0, argnum=1) == 0.0
    assert first(np.power, 0.0, 0.0, argnum=1) == 0.0
    assert first(lambda x: x**1, 0.0) == 1.0
    assert first(lambda x: x**2, 0.0) == 0.0
    assert second(lambda x: x**2, 0.0) == 2.0
    assert second(lambda x: np.power(x, np.array(2.0)), 0.0) == 2.0
    assert first(lambda x: x**3, -2.0) == 12.0


def test_products_with_zeros_are_exact() -> None:
    np.testing.assert_array_equal(first(np.prod, [0.0, 2.0, 3.0]), [6.0, 0.0, 0.0])
    np.testing.assert_array_equal(first(np.prod, [0.0, 0.0, 3.0]), [0.0, 0.0, 0.0])
    w = np.array([1.0, 10.0, 100.0])
    # The Hessian of x y z applied to w, at points with one and two zeros.
    for x, y, z in ([0.0, 2.0, 3.0], [0.0, 0.0, 3.0]):
        hessian = np.array([[0.0, z, y], [z, 0.0, x], [y, x, 0.0]])
        found = first(lambda t: (ag.grad(np.prod)(t) * w).sum(), [x, y, z])
        np.testing.assert_array_equal(found, hessian @ w)
    tiny = np.array([1e-200, 1e-200, 1.0])
    np.testing.assert_array_equal(first(np.prod, tiny), [1e-200, 1e-200, 0.0])


def test_equal_weights_where_all_is_minus_infinity() -> None:
    x = [-INF, -INF]
    np.testing.assert_array_equal(first(ag.logsumexp, x), [0.5, 0.5])
    np.testing.assert_array_equal(ag.softmax(np.array(x)), [0.5, 0.5])
    np.testing.assert_allclose(ag.log_softmax(np.array(x)), np.log([0.5, 0.5]))
    rows = np.array([x, [-INF, 0.0], [1.0, 1.0]])
    np.testing.assert_allclose(np.exp(ag.log_softmax(rows)), ag.softmax(rows))
    for i in (0, 1):
        assert first(np.logaddexp, -INF, -INF, argnum=i) == 0.5
    np.testing.assert_array_equal(first(ag.logsumexp, [-INF, 0.0]), [0.0, 1.0])


def test_remainder_is_its_smooth_piece() -> None:
    assert first(np.remainder, 7.5, 2.0) == 1.0
    assert first(np.remainder, 7.5, 2.0, argnum=1) == -3.0
    assert first(np.remainder, 6.0, 2.0) == 1.0
    assert first(np.floor_divide, 7.5, 2.0) == 0.0


def test_repeated_indices_sum() -> None:
    np.testing.assert_array_equal(first(lambda t: t[[0, 0, 1]], [1.0, 2.0]), [2.0, 1.0])


def test_repeated_singular_values() -> None:
    eye = np.eye(3)
    g = first(lambda a: np.linalg.svd(a, compute_uv=False), eye)
    np.testing.assert_allclose(g, eye, atol=1e-14)
    with pytest.raises(np.linalg.LinAlgError, match="repeat"):
        second(lambda a: np.linalg.svd(a, compute_uv=False) ** 2, eye)
    with pytest.raises(np.linalg.LinAlgError, match="repeat"):
        first(lambda a: np.linalg.svd(a)[0], eye)
    # The basis of the columns that complete the full form is arbitrary.
    with pytest.raises(np.linalg.LinAlgError, match="further columns"):
        first(lambda a: np.linalg.svd(a)[0], [[2.0, 0.0], [0.5, 1.0], [0.0, 0.3], [0.2, 0.1]])


# --- extremes and empty -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        ag.sigmoid,
        np.tanh,
        ag.relu,
        ag.softmax,
        ag.log_softmax,
        ag.softplus,
        ag.leaky_relu,
        ag.elu,
        ag.selu,
        ag.silu,
        ag.normal_cdf,
        ag.gelu,
        lambda x: ag.gelu(x, approximate="tanh"),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_are_finite_and_silent(f: Any, dtype: Any) -> None:
    x = ag.Tensor(np.array([-1e4, -1.0, 0.0, 1.0, 1e4], dtype), requires_grad=True)
    y = f(x)  # a warning would be an error here
    assert y.dtype == dtype
    assert np.isfinite(y.data).all()
    y.backward(np.arange(1, 6, dtype=dtype))
    assert np.isfinite(x.grad).all()


def test_activation_values_by_their_definitions() -> None:
    x = np.linspace(-5, 5, 11)
    e = np.exp(x)
    np.testing.assert_allclose(ag.sigmoid(x), 1 / (1 + np.exp(-x)), rtol=1e-14)
    np.testing.assert_allclose(ag.softplus(x), np.log(1 + e), rtol=1e-12)
    np.testing.assert_allclose(ag.softmax(x), e / e.sum(), rtol=1e-14)
    np.testing.assert_allclose(ag.log_softmax(x), np.log(e / e.sum()), rtol=1e-12)
    np.testing.assert_allclose(ag.logsumexp(x), np.log(e.sum()), rtol=1e-14)
    # far below zero the logistic function still has all its digits
    assert ag.sigmoid(np.array(-50.0)) == pytest.approx(np.exp(-50.0), rel=1e-12)


def test_empty_arrays() -> None:
    x = ag.Tensor(np.zeros((0, 3)), requires_grad=True)
    np.sum(x).backward()
    assert x.grad.shape == (0, 3)
    assert ag.softmax(np.zeros((3, 0))).shape == (3, 0)
    with pytest.raises(ValueError, match="zero-size"):
        np.max(x)


EMPTY = [
    ("sum", {}, ()), ("sum", {"axis": 0}, (3,)), ("sum", {"axis": 1}, (0,)),
    ("prod", {"axis": 0}, (3,)), ("cumsum", {"axis": 0}, (0, 3)), ("transpose", {}, (3, 0)),
    ("reshape", {"shape": (3, 0)}, (3, 0)),
    ("flip", {}, (0, 3)), ("squeeze", {}, (0, 3)), ("expand_dims", {"axis": 0}, (1, 0, 3)),
    ("softmax", {"axis": 1}, (0, 3)), ("log_softmax", {"axis": 0}, (0, 3)),
    ("logsumexp", {"axis": 1}, (0,)), ("max", {"axis": 1}, (0,)), ("mean", {"axis": 1}, (0,)),
    ("clip", {"a_min": 0.0, "a_max": 1.0}, (0, 3)), ("var", {"axis": 1}, (0,)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "params", "shape"), EMPTY)
def test_shapes_of_nothing_are_kept(name: str, params: dict[str, Any], shape: Any) -> None:
    x = ag.Tensor(np.zeros((0, 3)), requires_grad=True)
    y = getattr(ag, name)(x, **params)
    assert y.shape == shape
    y.backward(np.ones(shape))
    assert x.grad.shape == (0, 3)


def test_joining_and_multiplying_nothing() -> None:
    x, y = (ag.Tensor(np.zeros(s), requires_grad=True) for s in ((0, 3), (3, 0)))
    ag.concatenate([x, np.ones((2, 3))]).sum().backward()
    (y @ x).sum().backward()
    (x @ y).sum().backward()
    ag.einsum("ij,ji->", x, y).backward()
    assert (x.grad.shape, y.grad.shape) == ((0, 3), (3, 0))
    assert not x.grad.any()
