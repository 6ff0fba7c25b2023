"""Ops that pick elements by comparing: maximum, minimum, clip, where, abs. Ties are shared."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..registry import ZERO, defop, derived
from .complex import is_complex, ratio
from .indexing import plain, setitem
from .shape import cast, numbers


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
# These pass over NaN: an element whose partner is NaN is the value.
defop(
    np.fmax,
    lambda g, _out, x, y: _shared(g, (x >= y) | (y != y), (y >= x) | (x != x)),
    lambda g, _out, x, y: _shared(g, (y >= x) | (x != x), (x >= y) | (y != y)),
)
defop(
    np.fmin,
    lambda g, _out, x, y: _shared(g, (x <= y) | (y != y), (y <= x) | (x != x)),
    lambda g, _out, x, y: _shared(g, (y <= x) | (x != x), (x <= y) | (y != y)),
)


def _absolute(g: Any, _out: Any, x: Any) -> Any:
    """d|z| = Re(conj(z) dz) / |z|; 0 at the origin."""
    return g * (ratio(np.conj(x), np.absolute(x)) if is_complex(x) else np.sign(x))


defop(np.absolute, _absolute, symbol="|x|", operator=operator.abs)
defop(np.fabs, lambda g, _out, x: g * np.sign(x), symbol="|x|")
defop(np.heaviside, ZERO, lambda g, _out, x, _y: np.where(x == 0, g, 0.0))

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


# A bound that is NaN makes the value NaN, and takes the gradient.
between = defop(
    _between,
    lambda g, _out, x, low, high: np.where(~(x < low) & ~(x > high) & (low < high), g, 0.0),
    lambda g, _out, x, low, high: np.where(
        ((x < low) & (low < high)) | ((low != low) & (high == high)), g, 0.0
    ),
    lambda g, _out, x, low, high: np.where((x > high) | (low >= high) | (high != high), g, 0.0),
    kind="elementwise",
    name="clip",
)


#: No argument: NumPy tells a bound that is None from one that is not given.
ABSENT: Any = np._NoValue


@derived(np.clip)
def clip(
    a: Any,
    a_min: Any = ABSENT,
    a_max: Any = ABSENT,
    out: Any = None,
    *,
    min: Any = ABSENT,
    max: Any = ABSENT,
    dtype: Any = None,
) -> Any:
    """Limit to the closed interval, on which it is the identity; a bound of None is absent."""
    if a_min is ABSENT and a_max is ABSENT:
        a_min, a_max = (None if bound is ABSENT else bound for bound in (min, max))
    elif a_min is ABSENT or a_max is ABSENT:
        name = "a_min" if a_min is ABSENT else "a_max"
        raise TypeError(f"clip() missing 1 required positional argument: {name!r}")
    elif min is not ABSENT or max is not ABSENT:
        raise ValueError(
            "Passing `min` or `max` keyword argument when `a_min` and `a_max` are provided is "
            "forbidden."
        )
    low = -math.inf if a_min is None else a_min
    high = math.inf if a_max is None else a_max
    if dtype is not None:
        dtype = np.dtype(dtype)
        for x in (a, low, high):
            found = numbers("clip", x).dtype
            if not np.can_cast(found, dtype, "same_kind"):
                raise TypeError(f"clip: cannot cast {found} to {dtype}")
        a, low, high = (cast(x, dtype) if hasattr(x, "dtype") else x for x in (a, low, high))
    return between(a, low, high)


# --- by conditions ------------------------------------------------------------------------------

_NUMBERS = (int, float, complex)


def _first_of(conditions: Sequence[Any], choices: Sequence[Any], default: Any) -> Any:
    """For each element the choice whose condition is the first to hold, else ``default``."""
    values = [
        x if hasattr(x, "dtype") or type(x) in _NUMBERS else np.asarray(x)
        for x in (*choices, default)
    ]
    # Python numbers do not raise the precision, in whatever order they are met.
    dtype = np.result_type(*(x.dtype if hasattr(x, "dtype") else x for x in values))
    *values, result = (x if hasattr(x, "dtype") else np.full((), x, dtype) for x in values)
    for condition, value in zip(reversed(conditions), reversed(values), strict=True):
        result = np.where(condition, value, result)
    return result if result.dtype == dtype else cast(result, dtype)


@derived(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """For each element the choice whose condition is the first to hold, else ``default``."""
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    if len(condlist) == 0:
        raise ValueError("select with an empty condition list is not possible")
    conditions = [plain(condition) for condition in condlist]
    for i, condition in enumerate(conditions):
        if condition.dtype != bool:
            raise TypeError(f"invalid entry {i} in condlist: should be boolean ndarray")
    return _first_of(conditions, list(choicelist), default)


@derived(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: Any = "raise") -> Any:
    """For each element the one of ``choices`` that the index ``a`` names."""
    values = list(choices)
    # NumPy's own errors and modes, on the numbers of the choices.
    index = np.choose(plain(a), np.arange(len(values)), mode=mode)
    last = max(len(values) - 1, 1)
    return _first_of([index == i for i in range(last)], values[:last], values[-1])


@derived(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """Each function applied to the elements for which its condition is the last to hold."""
    if condlist is None:
        raise TypeError("piecewise: condlist must be a condition or a list of them, not None")
    if not isinstance(condlist, (list, tuple)):
        conditions = plain(condlist).astype(bool)
    else:
        conditions = np.array([plain(condition) for condition in condlist], bool)
    if conditions.ndim == 0 or (conditions.ndim == 1 and x.ndim != 0):
        conditions = conditions[None]
    n, count = len(conditions), len(funclist)
    if n == count - 1:
        conditions = np.concatenate([conditions, ~np.any(conditions, axis=0, keepdims=True)])
    elif n != count:
        raise ValueError(f"with {n} condition(s), either {n} or {n + 1} functions are expected")
    y = np.where(False, x, 0)  # part of the graph even if no condition holds anywhere
    for condition, function in zip(conditions, funclist, strict=True):
        value = function
        if callable(function):
            part = x[condition]
            if not part.size:
                continue
            value = function(part, *args, **kw)
        y = setitem(y, value, index=condition)
    return y


def _put(x: Any, value: Any) -> Any:
    """What `nan_to_num` puts into ``x``, in its dtype."""
    value = numbers("nan_to_num", value)
    if not np.can_cast(value.dtype, x.dtype, "same_kind"):
        raise TypeError(f"nan_to_num: cannot cast {value.dtype} to {x.dtype}")
    return cast(value, x.dtype)


@derived(np.nan_to_num, mutates=True)
def nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    """Replace NaN and the infinities, of complex numbers in each part; constant there."""
    if is_complex(x):
        re, im = (nan_to_num(part, True, nan, posinf, neginf) for part in (np.real(x), np.imag(x)))
        y = re + 1j * im
    elif x.dtype.kind == "f":
        largest = np.finfo(x.dtype).max
        y = np.where(x == math.inf, _put(x, largest if posinf is None else posinf), x)
        y = np.where(x == -math.inf, _put(x, -largest if neginf is None else neginf), y)
        y = np.where(x != x, _put(x, nan), y)
    else:
        y = cast(x, x.dtype)  # an integer is always finite
    if copy:
        return y
    x._check_in_place("np.nan_to_num with copy=False")
    x[...] = y
    return x
