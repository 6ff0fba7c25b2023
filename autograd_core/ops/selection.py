"""Ops that pick elements by comparing: maximum, minimum, clip, where, abs. Ties are shared."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..registry import defop, derived


def _shared(g: Any, mine: Any, other: Any) -> Any:
    return np.where(mine, np.where(other, 0.5 * g, g), 0.0)


# `x != x` is true of NaN: the value is NaN then, and the gradient goes to what made it so.
defop(
    np.maximum,
    lambda g, _out, x, y: _shared(g, (x >= y) | (x != x), (y >= x) | (y != y)),
    lambda g, _out, x, y: _shared(g, (y >= x) | (y != y), (x >= y) | (x != x)),
)
defop(
    np.minimum,
    lambda g, _out, x, y: _shared(g, (x <= y) | (x != x), (y <= x) | (y != y)),
    lambda g, _out, x, y: _shared(g, (y <= x) | (y != y), (x <= y) | (x != x)),
)
defop(np.absolute, lambda g, _out, x: g * np.sign(x), symbol="|x|", operator=operator.abs)
defop(np.fabs, lambda g, _out, x: g * np.sign(x), symbol="|x|")

where = defop(
    np.where,
    None,
    lambda g, _out, c, _x, _y: np.where(c, g, 0.0),
    lambda g, _out, c, _x, _y: np.where(c, 0.0, g),
    kind="elementwise",
    signature="condition x y",
)


def _between(x: Any, low: Any, high: Any) -> Any:
    """``x`` held between ``low`` and ``high``, which broadcast; ``high`` wins if they cross."""
    return np.minimum(np.maximum(x, low), high)


between = defop(
    _between,
    lambda g, _out, x, low, high: np.where(~(x < low) & ~(x > high) & (low < high), g, 0.0),
    lambda g, _out, x, low, high: np.where((x < low) & (low < high), g, 0.0),
    lambda g, _out, x, low, high: np.where((x > high) | (low >= high), g, 0.0),
    kind="elementwise",
    name="clip",
)


@derived(np.clip)
def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """Limit to the closed interval, on which it is the identity; a bound of None is absent."""
    low = a_min if a_min is not None else min
    high = a_max if a_max is not None else max
    return between(a, -math.inf if low is None else low, math.inf if high is None else high)
