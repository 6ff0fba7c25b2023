"""Elementwise ops and complex numbers: conventions, closed forms, and values equal to NumPy's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core.ops.elementwise import i1
from autograd_core.registry import OPS

INF, NAN = np.inf, np.nan


def slope(f: Any, x: Any, order: int = 1) -> Any:
    """The derivative of an elementwise ``f`` at each element of ``x``."""
    for _ in range(order):
        f = ag.grad(lambda t, f=f: ag.sum(f(t)))
    return f(np.asarray(x, float))


# --- the table ----------------------------------------------------------------------------------


def test_every_ufunc_is_declared() -> None:
    missing = [n for n, f in vars(np).items() if isinstance(f, np.ufunc) and f not in OPS]
    assert not missing


# --- conventions, and orders beyond the first ---------------------------------------------------


def test_sinc_is_smooth_at_zero() -> None:
    at = [0.0, -0.0, 1e-9]
    np.testing.assert_allclose(slope(np.sinc, at), [0.0, 0.0, -3.289868133696453e-9], atol=1e-300)
    np.testing.assert_allclose(slope(np.sinc, at, 2), [-(math.pi**2) / 3] * 3)
    np.testing.assert_allclose(slope(np.sinc, at[:2], 3), [0.0, 0.0])
    np.testing.assert_allclose(slope(np.sinc, 0.0, 4), math.pi**4 / 5)
    # At a whole number n the slope is (-1)^n / n, and the second derivative -2 (-1)^n / n².
    np.testing.assert_allclose(slope(np.sinc, [1.0, 2.0, -3.0]), [-1.0, 0.5, 1 / 3])
    np.testing.assert_allclose(slope(np.sinc, [1.0, 2.0, -3.0], 2), [2.0, -0.5, 2 / 9])


def test_sinc_has_no_seam_between_its_formulas() -> None:
    below, above = np.nextafter(0.5, 0.0), 0.5
    for order in (1, 2, 3):
        a, b = slope(np.sinc, [below, above], order)
        assert a == pytest.approx(b, rel=1e-12)


def test_powers_with_a_negative_base() -> None:
    x = [-2.0, -0.5, 3.0]
    for n in (0, 1, 2, 3, -1, -2):
        expected = [n * v ** (n - 1) for v in x]
        twice = [n * (n - 1) * v ** (n - 2) for v in x]
        for exponent in (n, float(n), np.full(3, float(n))):
            np.testing.assert_allclose(slope(lambda t, e=exponent: t**e, x), expected)
            np.testing.assert_allclose(slope(lambda t, e=exponent: t**e, x, 2), twice)
            np.testing.assert_allclose(
                slope(lambda t, e=exponent: np.float_power(t, e), x), expected
            )


@pytest.mark.parametrize("power", [np.power, np.float_power])
def test_powers_at_zero(power: Any) -> None:
    n = np.array([0.0, 1.0, 2.0, 3.0])
    np.testing.assert_array_equal(slope(lambda t: power(t, n), np.zeros(4)), [0, 1, 0, 0])
    np.testing.assert_array_equal(slope(lambda t: power(t, n), np.zeros(4), 2), [0, 0, 2, 0])
    for order in (1, 2):
        np.testing.assert_array_equal(slope(lambda y: power(0.0, y), [0.0, 0.5, 2.0], order), 0.0)
    np.testing.assert_array_equal(slope(lambda t: t**0, [0.0, 2.0]), [0.0, 0.0])


def test_cbrt_of_negative_numbers() -> None:
    np.testing.assert_allclose(slope(np.cbrt, [-8.0, 8.0]), [1 / 12, 1 / 12])
    np.testing.assert_allclose(slope(np.cbrt, [-8.0, 8.0], 2), [1 / 144, -1 / 144])
    assert slope(np.cbrt, 0.0) == INF


@pytest.mark.parametrize("f", [np.exp, np.exp2, np.expm1, np.sinh, np.cosh])
def test_a_hidden_overflow_leaves_zero(f: Any) -> None:
    def hidden(t: Any) -> Any:
        return np.where(t > 100.0, 0.0, f(t))

    with np.errstate(over="ignore"):
        for order in (1, 2):
            seen = slope(hidden, [1e4, 0.5], order)
            np.testing.assert_allclose(seen, [0.0, slope(f, 0.5, order)])


@pytest.mark.parametrize("f", [np.logaddexp, np.logaddexp2])
def test_logaddexp_shares_equally(f: Any) -> None:
    for both in (-INF, INF, 3.0):
        assert slope(lambda t, b=both: f(t, b), both) == 0.5
        assert slope(lambda t, b=both: f(b, t), both) == 0.5
        assert slope(lambda t: f(t, t), both) == 1.0
    assert slope(lambda t: f(t, 0.0), -INF) == 0.0
    assert slope(lambda t: f(t, -INF), 1e4) == 1.0
    base = math.e if f is np.logaddexp else 2.0
    expected = base**0.3 / (base**0.3 + base**-1.2)
    assert slope(lambda t: f(t, -1.2), 0.3) == pytest.approx(expected)


def test_remainders_use_the_whole_number_that_numpy_used() -> None:
    # 1 / 0.1 rounds to 10, but nine times 0.1000000000000000055 fits into 1.
    for f in (np.remainder, np.fmod):
        assert slope(lambda y, f=f: f(1.0, y), 0.1) == -9.0
    assert slope(lambda y: np.fmod(-7.0, y), 2.0) == 3.0
    assert slope(lambda y: np.remainder(-7.0, y), 2.0) == 4.0
    assert slope(lambda y: np.divmod(-7.0, y)[1], 2.0) == 4.0
    assert slope(lambda x: np.divmod(x, 2.0)[0], 3.3) == 0.0


def test_copysign_and_nextafter() -> None:
    x, y = np.array([2.0, 2.0, -2.0, -2.0, 0.0]), np.array([1.0, -0.0, 3.0, -1.0, -1.0])
    np.testing.assert_array_equal(slope(lambda t: np.copysign(t, y), x), [1, -1, -1, 1, 0])
    np.testing.assert_array_equal(slope(lambda t: np.copysign(x, t), y), np.zeros(5))
    np.testing.assert_array_equal(slope(lambda t: np.nextafter(t, INF), x), np.ones(5))
    np.testing.assert_array_equal(slope(lambda t: np.nextafter(x, t), y), np.zeros(5))


@pytest.mark.parametrize("f", [np.arcsinh, np.arccosh])
def test_slopes_at_large_numbers_do_not_vanish(f: Any) -> None:
    np.testing.assert_allclose(slope(f, [1e160, 1e300]), [1e-160, 1e-300])
    half = ag.grad(lambda t: ag.sum(f(t)))(np.array([300.0], np.float16))
    np.testing.assert_allclose(half, 1 / 300, rtol=2e-3)


@pytest.mark.parametrize("f", [np.arcsin, np.arctanh])
def test_slopes_near_one_are_exact(f: Any) -> None:
    e = 2.0**-50
    expected = 1 / (e * (2 - e))
    assert slope(f, 1.0 - e) == pytest.approx(
        math.sqrt(expected) if f is np.arcsin else expected, rel=1e-14
    )


def test_angles() -> None:
    for turn in (np.degrees, np.rad2deg):
        assert slope(turn, 0.3) == pytest.approx(180 / math.pi)
    for turn in (np.radians, np.deg2rad):
        assert slope(turn, 0.3) == pytest.approx(math.pi / 180)


def test_unwrap() -> None:
    x = np.array([[0.0, 3.5, 7.0, -1.0], [1.0, -2.5, 9.0, 4.0]])
    g = np.random.default_rng(0).normal(size=x.shape)
    for kwargs in ({}, {"axis": 0}, {"discont": 4.0}, {"period": 3.0}):
        t = ag.Tensor(x, requires_grad=True)
        y = np.unwrap(t, **kwargs)
        np.testing.assert_array_equal(y.detach().numpy(), np.unwrap(x, **kwargs))
        y.backward(g)
        np.testing.assert_array_equal(t.grad, g)


# --- Bessel functions ---------------------------------------------------------------------------


def test_i0_against_its_integral() -> None:
    """I_n(x) is the mean of exp(x cos θ) cos nθ; derivatives multiply by cos θ (DLMF 10.32.3)."""
    theta = (np.arange(400) + 0.5) * (math.pi / 400)
    x = np.array([-30.0, -19.9, -3.0, 0.0, 0.4, 19.99, 20.01, 45.0])
    for order in (1, 2, 3):
        weights = np.exp(x[:, None] * np.cos(theta)) * np.cos(theta) ** order
        # Scaled by I0: odd orders are 0 at 0.
        size = np.i0(x)
        np.testing.assert_allclose(
            slope(np.i0, x, order) / size, weights.mean(axis=1) / size, rtol=1e-10, atol=1e-13
        )


def test_i1_is_finite_as_long_as_it_can_be() -> None:
    assert np.isfinite(i1(np.array([-713.0, 713.0]))).all()
    np.testing.assert_array_equal(i1(np.array([-713.0])), -i1(np.array([713.0])))
    assert i1(np.array([3.0], np.float16)).dtype == np.float16
    # Abramowitz and Stegun, table 9.8: exp(-x) I1(x) at 1 and 5.
    np.testing.assert_allclose(
        i1(np.array([1.0, 5.0])) * np.exp([-1.0, -5.0]), [0.2079104154, 0.1639722669], rtol=1e-9
    )


# --- several outputs ----------------------------------------------------------------------------


@pytest.mark.parametrize("f", [np.modf, np.frexp])
def test_parts_of_a_number_are_numpys(f: Any) -> None:
    x = np.array([0.0, -0.0, 1.0, -2.5, 1e-310, -1e300, INF, -INF, NAN])
    for part, expected in zip(f(ag.Tensor(x, requires_grad=True)), f(x), strict=True):
        finite = np.isfinite(x)
        np.testing.assert_array_equal(part.detach().numpy()[finite], expected[finite])
        if expected.dtype.kind == "f":
            np.testing.assert_array_equal(part.detach().numpy(), expected)
            np.testing.assert_array_equal(np.signbit(part.detach().numpy()), np.signbit(expected))


def test_gradients_of_parts() -> None:
    x, g = np.array([2.5, -0.3, 5.0]), np.array([1.0, -2.0, 3.0])
    t = ag.Tensor(x, requires_grad=True)
    fraction, whole = np.modf(t)
    (fraction * g + 7.0 * whole).sum().backward()
    np.testing.assert_array_equal(t.grad, g)
    t = ag.Tensor(x, requires_grad=True)
    mantissa, exponent = np.frexp(t)
    assert not exponent.requires_grad
    assert exponent.dtype == np.frexp(x)[1].dtype
    np.ldexp(mantissa * g, exponent).sum().backward()  # the way back again: the factors cancel
    np.testing.assert_array_equal(t.grad, g)
    np.testing.assert_array_equal(slope(lambda t: np.ldexp(t, [1, -2, 3]), x), [2.0, 0.25, 8.0])


# --- zero gradients, and none -------------------------------------------------------------------


@pytest.mark.parametrize("f", [np.round, np.around])
def test_rounding(f: Any) -> None:
    x = np.array([1.234, -5.678])
    for decimals in (0, 2, -1):
        t = ag.Tensor(x, requires_grad=True)
        y = f(t, decimals=decimals)
        np.testing.assert_array_equal(y.detach().numpy(), f(x, decimals=decimals))
        y.sum().backward()
        np.testing.assert_array_equal(t.grad, [0.0, 0.0])
    np.testing.assert_array_equal(slope(np.fix, x), [0.0, 0.0])
    np.testing.assert_array_equal(slope(np.spacing, x), [0.0, 0.0])


def test_tests_are_not_recorded() -> None:
    t = ag.Tensor([1.0, NAN, -INF], requires_grad=True)
    x = t.detach().numpy()
    for f in (np.isposinf, np.isneginf, np.isreal, np.iscomplex):
        np.testing.assert_array_equal(f(t), f(x))
    assert np.isrealobj(t)
    assert not np.iscomplexobj(t)
    np.testing.assert_array_equal(np.isclose(t, x, equal_nan=True), [True] * 3)
    assert np.allclose(t, x, equal_nan=True)
    assert not np.array_equal(t, x)
    assert np.array_equiv(t[:1], np.ones(3))
    whole = ag.Tensor([12, 18])
    np.testing.assert_array_equal(np.gcd(whole, 8), [4, 2])
    np.testing.assert_array_equal(np.lcm(whole, 8), [24, 72])
    np.testing.assert_array_equal(np.bitwise_count(whole), [2, 2])


# --- complex numbers ----------------------------------------------------------------------------

RNG = np.random.default_rng(5)
PLANE = np.concatenate(
    [RNG.normal(size=12) + 1j * RNG.normal(size=12), [-2.0 + 0.3j, -2.0 - 0.3j, 2.0 - 0.3j]]
)
COTANGENT = RNG.normal(size=15) + 1j * RNG.normal(size=15)


def pulled(f: Any, z: Any, g: Any) -> Any:
    t = ag.Tensor(z, requires_grad=True)
    y = f(t)
    y.backward(g if y.dtype.kind == "c" else g.real)
    return t.grad


HOLOMORPHIC = [
    "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh",
    "arccosh", "arctanh", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "square",
    "reciprocal", "sinc",
]  # fmt: skip


@pytest.mark.parametrize("name", HOLOMORPHIC)
def test_holomorphic_functions_multiply_by_their_derivative(name: str) -> None:
    """f' from differences along the real axis and the imaginary one; on both sides of cuts."""
    f = getattr(np, name)
    h = 1e-5
    along_x = (f(PLANE + h) - f(PLANE - h)) / (2 * h)
    along_y = (f(PLANE + 1j * h) - f(PLANE - 1j * h)) / (2j * h)
    got = pulled(f, PLANE, COTANGENT)
    # The gradient at z of a real L is the conjugate of what multiplies dz.
    np.testing.assert_allclose(got, COTANGENT * np.conj(along_x), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(got, COTANGENT * np.conj(along_y), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [("sign", "sgn"), ("angle", "angle"), ("real", "real"), ("imag", "imag"),
     ("conjugate", "conj"), ("arccosh", "acosh"), ("arcsinh", "asinh"), ("sqrt", "sqrt")],
)  # fmt: skip
def test_complex_gradients_are_pytorchs(name: str, theirs: str) -> None:
    torch = pytest.importorskip("torch")
    leaf = torch.tensor(PLANE, requires_grad=True)
    y = getattr(torch, theirs)(leaf)
    y.backward(torch.tensor(COTANGENT if y.is_complex() else COTANGENT.real))
    np.testing.assert_allclose(
        pulled(getattr(np, name), PLANE, COTANGENT), leaf.grad.resolve_conj().numpy(), rtol=1e-12
    )


def test_complex_powers() -> None:
    z, w = PLANE[:6], PLANE[6:12]
    g = COTANGENT[:6]
    np.testing.assert_allclose(
        pulled(lambda t: np.power(t, w), z, g), g * np.conj(w * z ** (w - 1)), rtol=1e-12
    )
    np.testing.assert_allclose(
        pulled(lambda t: np.power(z, t), w, g), g * np.conj(z**w * np.log(z)), rtol=1e-12
    )
    # A real base: the gradient is real; the logarithm of a negative one is not.
    x = np.array([-2.0, -0.5, 0.7])
    w, g = w[:3], g[:3]
    by_x = pulled(lambda t: np.power(t, w), x, g)
    assert by_x.dtype == np.float64
    np.testing.assert_allclose(by_x, (np.conj(g) * (w * x ** (w - 1))).real, rtol=1e-12)
    for base in (x, ag.Tensor(x)):
        np.testing.assert_allclose(
            pulled(lambda t, b=base: np.power(b, t), w, g),
            g * np.conj(x**w * np.log(x + 0j)),
            rtol=1e-12,
        )
    scalar = pulled(lambda t: (-2.0) ** t, w, g)
    np.testing.assert_allclose(scalar, g * np.conj((-2.0 + 0j) ** w * np.log(-2.0 + 0j)))


def test_the_origin_of_sign_and_angle() -> None:
    z, g = np.array([0j, 1.0 + 0j]), np.array([1.0 + 1j, 1.0 + 1j])
    np.testing.assert_array_equal(pulled(np.sign, z, g), [0.0, 1j])
    np.testing.assert_array_equal(pulled(np.angle, z, g), [0.0, 1j])
    np.testing.assert_allclose(pulled(lambda t: np.angle(t, deg=True), z, g), [0, 180j / math.pi])


@pytest.mark.parametrize("f", [np.imag, np.angle, np.sign])
def test_real_numbers_have_none_of_it(f: Any) -> None:
    x = np.array([1.0, -2.0])
    np.testing.assert_array_equal(slope(f, x), [0.0, 0.0])
    value, tangent = ag.jvp(f, (x,), (x,))
    np.testing.assert_array_equal(value, f(x))
    np.testing.assert_array_equal(tangent, [0.0, 0.0])


def test_real_if_close() -> None:
    for z in (PLANE[:3], PLANE[:3].real + 1e-16j):
        t = ag.Tensor(z, requires_grad=True)
        y = np.real_if_close(t)
        assert y.dtype == np.real_if_close(z).dtype
        y.backward(COTANGENT[:3] if y.dtype.kind == "c" else COTANGENT[:3].real)
        np.testing.assert_array_equal(
            t.grad, COTANGENT[:3] if y.dtype.kind == "c" else COTANGENT[:3].real
        )


ACTIVATIONS = [
    "sigmoid", "relu", "leaky_relu", "elu", "selu", "silu", "gelu", "normal_cdf", "softplus",
    "softmax", "log_softmax", "logsumexp",
]  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_refuse_complex_numbers(name: str) -> None:
    for z in (PLANE, ag.Tensor(PLANE), ag.Tensor(PLANE, requires_grad=True)):
        with pytest.raises(TypeError, match=f"{name} is defined for real numbers only"):
            getattr(ag, name)(z)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_keep_float16(name: str) -> None:
    t = ag.Tensor(np.array([-2.0, 0.5, 9.0], np.float16), requires_grad=True)
    y = getattr(ag, name)(t)
    assert y.dtype == np.float16
    y.sum().backward()
    assert t.grad.dtype == np.float16
