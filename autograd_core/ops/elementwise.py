"""Elementwise ops: arithmetic, powers, exponentials, trigonometric and hyperbolic functions."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..registry import REAL, ZERO, Domain, defop
from .activations import sigmoid

POSITIVE = Domain(0.0, math.inf, 1.0)
NONZERO = Domain(-math.inf, math.inf, 1.0, holes=(0.0,))
UNIT = Domain(-1.0, 1.0, 0.5)
ABOVE_ONE = Domain(1.0, math.inf, 2.0)
ABOVE_MINUS_ONE = Domain(-1.0, math.inf, 0.5)


def _ratio(x: Any, y: Any) -> Any:
    """Divide, with 0 where the divisor is 0: the convention at the origin of hypot and kin."""
    at_origin = y == 0
    return np.where(at_origin, 0.0, x / np.where(at_origin, 1.0, y))


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
# The smooth piece: x mod y = x - y floor(x / y).
defop(
    np.remainder,
    lambda g, _out, _x, _y: g,
    lambda g, _out, x, y: -g * np.floor(x / y),
    symbol="mod",
    domains=(REAL, NONZERO),
    operator=operator.mod,
)
defop(np.floor_divide, ZERO, ZERO, symbol="//", domains=(REAL, NONZERO), operator=operator.floordiv)


# --- powers ---------------------------------------------------------------------------------


def _power_x(g: Any, _out: Any, x: Any, y: Any) -> Any:
    if isinstance(y, (int, float)):
        return g * (y * x ** (y - 1)) if y != 0 else np.zeros_like(x) * g
    # x**0 is constant at x = 0 too; elsewhere the formula knows it, and how that changes with y.
    flat = (y == 0) & (x == 0)
    return np.where(flat, 0.0, g * (y * x ** np.where(flat, 1.0, y - 1)))


def _power_y(g: Any, out: Any, x: Any, _y: Any) -> Any:
    # 0**y is flat in y > 0, and 0 by convention at y = 0.
    at_zero = x == 0
    return np.where(at_zero, 0.0, g * (out * np.log(np.where(at_zero, 1.0, x))))


defop(np.power, _power_x, _power_y, symbol="**", domains=(POSITIVE, REAL), operator=operator.pow)
defop(np.sqrt, lambda g, out, _x: g / (2.0 * out), symbol="√", domains=(POSITIVE,))
defop(np.cbrt, lambda g, out, _x: g / (3.0 * out * out), symbol="∛", domains=(NONZERO,))
defop(
    np.hypot,
    lambda g, out, x, _y: g * _ratio(x, out),
    lambda g, out, _x, y: g * _ratio(y, out),
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


def _share(x: Any, y: Any) -> Any:
    """The weight of x in logaddexp(x, y); equal weights where both are the same infinity."""
    return sigmoid(np.where(np.isinf(x) & (x == y), 0.0, x - y))


defop(
    np.logaddexp,
    lambda g, _out, x, y: g * _share(x, y),
    lambda g, _out, x, y: g * _share(y, x),
)

# --- trigonometric and hyperbolic -------------------------------------------------------------

defop(np.sin, lambda g, _out, x: g * np.cos(x))
defop(np.cos, lambda g, _out, x: -g * np.sin(x))
defop(np.tan, lambda g, out, _x: g * (1.0 + out * out), domains=(Domain(-1.4, 1.4, 0.5),))
defop(np.arcsin, lambda g, _out, x: g / np.sqrt(1.0 - x * x), domains=(UNIT,))
defop(np.arccos, lambda g, _out, x: -g / np.sqrt(1.0 - x * x), domains=(UNIT,))
defop(np.arctan, lambda g, _out, x: g / (1.0 + x * x))


def _arctan2(g: Any, x: Any, y: Any) -> Any:
    # Not by the sum of squares, which overflows and underflows much sooner.
    h = np.hypot(x, y)
    return g * _ratio(_ratio(y, h), h)


defop(
    np.arctan2,
    lambda g, _out, x, y: _arctan2(g, x, y),
    lambda g, _out, x, y: -_arctan2(g, y, x),
    domains=(NONZERO, NONZERO),
)
defop(np.sinh, lambda g, _out, x: g * np.cosh(x))
defop(np.cosh, lambda g, _out, x: g * np.sinh(x))
defop(np.tanh, lambda g, out, _x: g * (1.0 - out * out))
defop(np.arcsinh, lambda g, _out, x: g / np.sqrt(1.0 + x * x))
defop(np.arccosh, lambda g, _out, x: g / np.sqrt(x * x - 1.0), domains=(ABOVE_ONE,))
defop(np.arctanh, lambda g, _out, x: g / (1.0 - x * x), domains=(UNIT,))

# --- piecewise constant, and tests: no gradient -------------------------------------------------

for _step in (np.sign, np.floor, np.ceil, np.trunc, np.rint):
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
):
    defop(_test, None, None, operator=_operator)
defop(np.invert, None, operator=operator.invert)
for _query in (np.isnan, np.isinf, np.isfinite, np.signbit, np.logical_not):
    defop(_query, None)
