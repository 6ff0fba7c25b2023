"""Elementwise ops: arithmetic, powers, exponentials, trigonometric and hyperbolic functions.

Every ufunc of NumPy is declared here, in ``complex``, in ``selection`` or in ``linalg``.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..registry import REAL, ZERO, Domain, defop, derived
from .activations import sigmoid
from .complex import is_complex, ratio

POSITIVE = Domain(0.0, math.inf, 1.0)
NONZERO = Domain(-math.inf, math.inf, 1.0, holes=(0.0,))
UNIT = Domain(-1.0, 1.0, 0.5)
ABOVE_ONE = Domain(1.0, math.inf, 2.0)
ABOVE_MINUS_ONE = Domain(-1.0, math.inf, 0.5)


# --- arithmetic -----------------------------------------------------------------------------

defop(
    np.add,
    lambda g, _out, _x, _y: g,
    lambda g, _out, _x, _y: g,
    symbol="+",
    operator=operator.add,
)
defop(
    np.subtract,
    lambda g, _out, _x, _y: g,
    lambda g, _out, _x, _y: -g,
    symbol="-",
    operator=operator.sub,
)
defop(
    np.multiply,
    lambda g, _out, _x, y: g * y,
    lambda g, _out, x, _y: g * x,
    symbol="×",
    operator=operator.mul,
)
defop(
    np.divide,
    lambda g, _out, _x, y: g / y,
    lambda g, out, _x, y: -g * out / y,
    symbol="÷",
    domains=(REAL, NONZERO),
    operator=operator.truediv,
)
defop(np.negative, lambda g, _out, _x: -g, symbol="-", operator=operator.neg)
defop(np.positive, lambda g, _out, _x: g, symbol="+", operator=operator.pos)
defop(np.square, lambda g, _out, x: g * (2.0 * x), symbol="x²")
defop(np.reciprocal, lambda g, out, _x: -g * (out * out), symbol="1/x", domains=(NONZERO,))
# The smooth piece, x mod y = x - y floor(x / y), or trunc in place of floor. The whole number is
# the one that NumPy used, which the rounded quotient's need not be: 1.0 // 0.1 is 9.
defop(
    np.remainder,
    lambda g, _out, _x, _y: g,
    lambda g, _out, x, y: -g * np.floor_divide(x, y),
    symbol="mod",
    domains=(REAL, NONZERO),
    operator=operator.mod,
)
defop(
    np.fmod,
    lambda g, _out, _x, _y: g,
    lambda g, out, x, y: -g * np.rint((x - out) / y),
    domains=(REAL, NONZERO),
)
defop(np.floor_divide, ZERO, ZERO, symbol="//", domains=(REAL, NONZERO), operator=operator.floordiv)


@derived(np.divmod)
def quotient_and_remainder(x: Any, y: Any) -> Any:
    """The whole quotient and the remainder."""
    return np.floor_divide(x, y), np.remainder(x, y)


# --- powers ---------------------------------------------------------------------------------


# For negative numbers NumPy's power takes up to 200 times as long as a few products.
_FEW_PRODUCTS = frozenset((3, 4, 5, 6))


def pow_(x: Any, y: Any) -> Any:
    """Same as a ** b."""
    if type(x) is np.ndarray and (type(y) is int or type(y) is float) and y in _FEW_PRODUCTS:
        return _by_products(x, y) if x.ndim and x.dtype.char in "fd" else x**y
    return x**y


def _by_products(x: Any, n: float) -> Any:
    out = x * x if n < 6 else x * x * x
    if n > 3:
        out *= out
    if n % 2:
        out *= x
    return out


def _power_x(g: Any, _out: Any, x: Any, y: Any) -> Any:
    if isinstance(y, (int, float)):
        return g * (y * pow_(x, y - 1)) if y != 0 else np.zeros_like(x) * g
    # x**0 is constant at x = 0 too; elsewhere the formula knows it, and how that changes with y.
    flat = (y == 0) & (x == 0)
    # Not `y - 1`, which unsigned exponents and the smallest of the others do not have.
    return np.where(flat, 0.0, g * (y * x ** np.where(flat, 1.0, y - 1.0)))


def _power_y(g: Any, out: Any, x: Any, _y: Any) -> Any:
    # 0**y is flat in y > 0, and 0 by convention at y = 0.
    at_zero = x == 0
    if is_complex(out) and not is_complex(x):
        x = x + 0j  # a negative base of a complex power has a logarithm
    return np.where(at_zero, 0.0, g * (out * np.log(np.where(at_zero, 1.0, x))))


defop(np.power, _power_x, _power_y, symbol="**", domains=(POSITIVE, REAL), operator=pow_)
defop(np.float_power, _power_x, _power_y, symbol="**", domains=(POSITIVE, REAL))
defop(np.sqrt, lambda g, out, _x: g / (2.0 * out), symbol="√", domains=(POSITIVE,))
defop(np.cbrt, lambda g, out, _x: g / (3.0 * out * out), symbol="∛", domains=(NONZERO,))
defop(
    np.hypot,
    lambda g, out, x, _y: g * ratio(x, out),
    lambda g, out, _x, y: g * ratio(y, out),
    domains=(NONZERO, NONZERO),
)

# --- exponentials and logarithms --------------------------------------------------------------

defop(np.exp, lambda g, out, _x: g * out)
defop(np.exp2, lambda g, out, _x: g * (out * math.log(2.0)))
defop(np.expm1, lambda g, out, _x: g * (out + 1.0))
defop(np.log, lambda g, _out, x: g / x, domains=(POSITIVE,))
defop(np.log2, lambda g, _out, x: g / (x * math.log(2.0)), domains=(POSITIVE,))
defop(np.log10, lambda g, _out, x: g / (x * math.log(10.0)), domains=(POSITIVE,))
defop(np.log1p, lambda g, _out, x: g / (1.0 + x), domains=(ABOVE_MINUS_ONE,))


def _share(x: Any, y: Any, scale: float = 1.0) -> Any:
    """The weight of x in logaddexp(x, y); equal weights where both are the same infinity."""
    return sigmoid(scale * np.where(np.isinf(x) & (x == y), 0.0, x - y))


defop(
    np.logaddexp,
    lambda g, _out, x, y: g * _share(x, y),
    lambda g, _out, x, y: g * _share(y, x),
)
defop(
    np.logaddexp2,
    lambda g, _out, x, y: g * _share(x, y, math.log(2.0)),
    lambda g, _out, x, y: g * _share(y, x, math.log(2.0)),
)

# --- trigonometric and hyperbolic -------------------------------------------------------------

defop(np.sin, lambda g, _out, x: g * np.cos(x))
defop(np.cos, lambda g, _out, x: -g * np.sin(x))
defop(np.tan, lambda g, out, _x: g * (1.0 + out * out), domains=(Domain(-1.4, 1.4, 0.5),))
defop(np.arcsin, lambda g, _out, x: g / np.sqrt((1.0 - x) * (1.0 + x)), domains=(UNIT,))
defop(np.arccos, lambda g, _out, x: -g / np.sqrt((1.0 - x) * (1.0 + x)), domains=(UNIT,))
defop(np.arctan, lambda g, _out, x: g / (1.0 + x * x))


def _arctan2(g: Any, x: Any, y: Any) -> Any:
    # Not by the sum of squares, which overflows and underflows much sooner.
    h = np.hypot(x, y)
    return g * ratio(ratio(y, h), h)


defop(
    np.arctan2,
    lambda g, _out, x, y: _arctan2(g, x, y),
    lambda g, _out, x, y: -_arctan2(g, y, x),
    domains=(NONZERO, NONZERO),
)
defop(np.sinh, lambda g, _out, x: g * np.cosh(x))
defop(np.cosh, lambda g, _out, x: g * np.sinh(x))
defop(np.tanh, lambda g, out, _x: g * (1.0 - out * out))
# The square of a large x would overflow; two roots of one are right on either side of complex cuts.
defop(
    np.arcsinh,
    lambda g, _out, x: g / (np.sqrt(1.0 + x * x) if is_complex(x) else np.hypot(1.0, x)),
)
defop(
    np.arccosh,
    lambda g, _out, x: g / (np.sqrt(x - 1.0) * np.sqrt(x + 1.0)),
    domains=(ABOVE_ONE,),
)
defop(np.arctanh, lambda g, _out, x: g / ((1.0 - x) * (1.0 + x)), domains=(UNIT,))
for _degrees in (np.degrees, np.rad2deg):
    defop(_degrees, lambda g, _out, _x: g * (180.0 / math.pi))
for _radians in (np.radians, np.deg2rad):
    defop(_radians, lambda g, _out, _x: g * (math.pi / 180.0))
# Whole turns are added, constant between the jumps.
defop(np.unwrap, lambda g, _out, _p, discont=None, axis=-1, period=2.0 * math.pi: g)


def power_series(coefficients: Sequence[float], x: Any) -> Any:
    """Horner's rule, from the constant term on."""
    total: Any = 0.0
    for coefficient in reversed(coefficients):
        total = coefficient + x * total
    return total


# sinc'(x) = x sum over k of these times x^(2k).
_SINC_SLOPE = tuple(
    (-1) ** m * 2 * m * math.pi ** (2 * m) / math.factorial(2 * m + 1) for m in range(1, 14)
)


def _sinc(g: Any, _out: Any, x: Any) -> Any:
    """(cos πx - sinc x) / x; near 0, where that cancels, by its power series."""
    near = np.absolute(x) < 0.5
    small, large = np.where(near, x, 0.0), np.where(near, 1.0, x)
    series = power_series(_SINC_SLOPE, small * small)
    far = (np.cos(math.pi * large) - np.sinc(large)) / large
    return g * np.where(near, small * series, far)


defop(np.sinc, _sinc, kind="elementwise")

# --- Bessel functions I0 and I1 -----------------------------------------------------------------


def _i1(x: Any) -> Any:
    """The modified Bessel function of the first kind and order 1, I0'; NumPy has only order 0.

    Abramowitz and Stegun, 9.6.10 below 20, where all terms are positive; 9.7.1 beyond.
    """
    size = np.absolute(x)
    small, large = np.minimum(size, 20.0), np.maximum(size, 20.0)
    square, series = 0.25 * (small * small), 1.0
    for k in range(50, 0, -1):
        series = 1.0 + square * series * (1.0 / (k * (k + 1)))
    inverse, tail = 1.0 / large, 1.0
    for k in range(25, 0, -1):
        tail = 1.0 - (4 - (2 * k - 1) ** 2) / (8 * k) * inverse * tail
    # The exponential in two halves, or it would overflow before the quotient does.
    beyond = size > 20.0
    half = np.exp(np.where(beyond, 0.5 * size, 0.0))
    far = half * (half * (tail / np.sqrt(2.0 * math.pi * large)))
    return np.copysign(np.where(beyond, far, 0.5 * small * series), x)


# I1' = I0 - I1 / x, with 1/2 for the quotient at 0.
i1 = defop(
    _i1,
    lambda g, out, x: g * (np.i0(x) - ratio(out, x, 0.5)),
    kind="elementwise",
    name="i1",
)
defop(np.i0, lambda g, _out, x: g * i1(x), kind="elementwise")

# --- the parts of a floating-point number -------------------------------------------------------

defop(
    np.modf,
    lambda g, _out, _x: ZERO if g[0] is None else g[0],
    kind="general",
)


def _exponent(x: Any) -> Any:
    """The exponent of the binary representation: ``x = mantissa * 2**exponent``."""
    return np.frexp(x)[1]


exponent = defop(_exponent, None, name="exponent")


@derived(np.frexp)
def frexp(x: Any) -> Any:
    """The mantissa, and the exponent, a whole number through which no gradient flows."""
    power = exponent(x)
    return np.ldexp(x, -power), power


# The interior point of the exponent is whole: no floating number can stand in its place.
defop(
    np.ldexp,
    lambda g, _out, _x, i: np.ldexp(g, i),
    None,
    domains=(REAL, Domain(-np.inf, np.inf, 0)),
)
# |x| with the sign of y; 0 at x = 0, as |x|.
defop(
    np.copysign,
    lambda g, _out, x, y: g * (np.sign(x) * np.copysign(1.0, y)),
    ZERO,
    domains=(NONZERO, NONZERO),
)
# One step away from x, wherever x is.
defop(np.nextafter, lambda g, _out, _x, _y: g, ZERO)

# --- piecewise constant, and tests: no gradient -------------------------------------------------

for _step in (np.floor, np.ceil, np.trunc, np.rint, np.fix, np.round, np.around, np.spacing):
    defop(_step, ZERO)
for _test, _operator in (
    (np.equal, operator.eq),
    (np.not_equal, operator.ne),
    (np.less, operator.lt),
    (np.less_equal, operator.le),
    (np.greater, operator.gt),
    (np.greater_equal, operator.ge),
    (np.bitwise_and, operator.and_),
    (np.bitwise_or, operator.or_),
    (np.bitwise_xor, operator.xor),
    (np.left_shift, operator.lshift),
    (np.right_shift, operator.rshift),
    (np.logical_and, None),
    (np.logical_or, None),
    (np.logical_xor, None),
    (np.gcd, None),
    (np.lcm, None),
    (np.isclose, None),
    (np.allclose, None),
    (np.array_equal, None),
    (np.array_equiv, None),
):
    defop(_test, None, None, operator=_operator)
defop(np.invert, None, operator=operator.invert)
for _query in (
    np.isnan,
    np.isinf,
    np.isfinite,
    np.isposinf,
    np.isneginf,
    np.isnat,
    np.signbit,
    np.logical_not,
    np.bitwise_count,
):
    defop(_query, None)
