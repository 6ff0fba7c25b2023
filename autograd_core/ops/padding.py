"""Padding, in every mode of NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..errors import NotDifferentiableError
from ..registry import defop, derived
from .complex import is_complex
from .joining import part, read
from .shape import as_array, stored


def _framed(x: Any, widths: Any, values: Any = 0) -> Any:
    """``x`` in a frame of constants; ``widths`` are a pair for each axis."""
    return np.pad(x, widths or 0, constant_values=values)


def _framed_rule(g: Any, _out: Any, _x: Any, widths: Any, values: Any = 0) -> Any:
    index = zip(widths, _x.shape, strict=True)
    return g[tuple(slice(before, before + n) for (before, _), n in index)]


# Not linear: the constants stay what they are.
framed = defop(_framed, _framed_rule, name="frame")

#: What each mode of `np.pad` takes.
_PAD_PARAMETERS = {
    "constant": "constant_values", "empty": "", "edge": "", "wrap": "", "linear_ramp": "end_values",
    "maximum": "stat_length", "mean": "stat_length", "median": "stat_length",
    "minimum": "stat_length", "reflect": "reflect_type", "symmetric": "reflect_type",
}  # fmt: skip

_STATISTICS: dict[str, Any] = {
    "maximum": np.max,
    "mean": np.mean,
    "median": np.median,
    "minimum": np.min,
}


def _widths(pad_width: Any, ndim: int) -> tuple[tuple[int, int], ...]:
    if isinstance(pad_width, dict):
        given = {normalize_axis_index(k, ndim): width for k, width in pad_width.items()}
        pad_width = [np.broadcast_to(given.get(axis, 0), 2) for axis in range(ndim)]
    widths = np.asarray(getattr(pad_width, "_value", pad_width))
    if widths.dtype.kind not in "iu" and widths.size:
        raise TypeError("pad: `pad_width` must be of integral type")
    if (widths < 0).any():
        raise ValueError("pad: `pad_width` can't contain negative values")
    return tuple((int(a), int(b)) for a, b in np.broadcast_to(widths, (ndim, 2)))


@derived(np.pad)
def pad(
    array: Any,
    pad_width: Any,
    mode: Any = "constant",
    *,
    constant_values: Any = None,
    end_values: Any = None,
    stat_length: Any = None,
    reflect_type: Any = None,
) -> Any:
    """Join what the mode says in front of each axis and behind it, one axis after the other."""
    x = as_array(array)
    if callable(mode):
        raise NotDifferentiableError(
            "pad: a function as mode writes in place and has no derivative here; join what it "
            "computes with np.concatenate"
        )
    if mode not in _PAD_PARAMETERS:
        raise ValueError(f"pad: mode {mode!r} is not supported")
    given = {
        "constant_values": constant_values, "end_values": end_values,
        "stat_length": stat_length, "reflect_type": reflect_type,
    }  # fmt: skip
    for name, value in given.items():
        if value is not None and name != _PAD_PARAMETERS[mode]:
            raise ValueError(f"pad: unsupported keyword argument for mode {mode!r}: {name}")
    for value in (constant_values, end_values):
        if value is not None and is_complex(as_array(value)) and not is_complex(x):
            raise TypeError(f"pad: a complex value does not fit around an array of {x.dtype}")
    widths = _widths(pad_width, x.ndim)
    if mode in ("constant", "empty"):
        values = 0 if constant_values is None else constant_values
        if not hasattr(as_array(values), "_node"):
            return framed(x, widths=widths, values=values)
        constants = stored(np.broadcast_to(as_array(values), (x.ndim, 2)), x.dtype)
        for axis, (before, after) in enumerate(widths):
            sides = [
                np.broadcast_to(constants[axis, k], (*x.shape[:axis], width, *x.shape[axis + 1 :]))
                for k, width in enumerate((before, after))
            ]
            x = np.concatenate([sides[0], x, sides[1]], axis=axis)
        return x
    for axis, (before, after) in enumerate(widths):
        if before == after == 0:
            continue
        if x.shape[axis] == 0:
            raise ValueError(
                f"pad: can't extend empty axis {axis} using modes other than 'constant' or 'empty'"
            )
        if mode == "linear_ramp":
            ends = np.broadcast_to(as_array(0 if end_values is None else end_values), (x.ndim, 2))
            sides = [
                _ramp(x, axis, before, ends[axis, 0], 0),
                _ramp(x, axis, after, ends[axis, 1], -1),
            ]
        elif mode in _STATISTICS:
            lengths = np.broadcast_to(np.asarray(stat_length), (x.ndim, 2))[axis]
            sides = _statistics(x, axis, (before, after), lengths, mode)
        elif reflect_type == "odd" and x.shape[axis] > 1:
            sides = _odd(x, axis, before, after, mode)
        else:
            x = read(x, np.pad(np.arange(x.shape[axis]), (before, after), mode), axis)
            continue
        x = np.concatenate([sides[0], x, sides[1]], axis=axis)
    return x


def _along(weights: Any, x: Any, axis: int) -> Any:
    """``weights`` as a factor along one axis of ``x``."""
    return np.reshape(weights, (-1,) + (1,) * (x.ndim - axis - 1)).astype(x.dtype)


def _ramp(x: Any, axis: int, width: int, end: Any, edge: int) -> Any:
    """From ``end``, on the outside, to the edge, which belongs to the array."""
    steps = np.arange(width) / max(width, 1)
    slope = _along(steps if edge == 0 else steps[::-1], x, axis)
    first = x[part(axis, 0, 1) if edge == 0 else part(axis, -1, None)]
    return stored(end + (first - end) * slope, x.dtype)


def _statistics(x: Any, axis: int, widths: Any, lengths: Any, mode: str) -> list[Any]:
    n, sides = x.shape[axis], []
    for width, length, behind in zip(widths, lengths, (False, True), strict=True):
        count = n if length is None else min(int(length), n)
        if count < 0:
            raise ValueError("pad: `stat_length` can't contain negative values")
        if count == 0 and mode in ("maximum", "minimum"):
            raise ValueError("pad: stat_length of 0 yields no value for padding")
        region = x[part(axis, n - count, n) if behind else part(axis, 0, count)]
        value = _STATISTICS[mode](region, axis=axis, keepdims=True)
        shape = (*x.shape[:axis], width, *x.shape[axis + 1 :])
        sides.append(np.broadcast_to(stored(value, x.dtype), shape))
    return sides


def _odd(x: Any, axis: int, before: int, after: int, mode: Any) -> list[Any]:
    """Reflect through the edges: ``±x[i] + b x[0] + c x[-1]``, each reflection turning the sign.

    NumPy's own padding of a unit at either end gives b and c, and that of a bump the sign.
    """
    n = x.shape[axis]
    places = np.arange(n)
    index = np.pad(places, (before, after), mode)
    bump, first, last = (
        np.pad(unit, (before, after), mode, reflect_type="odd")
        for unit in (places * (n - 1 - places), 1 * (places == 0), 1 * (places == n - 1))
    )
    # An element that is an edge is read as one: nothing is added to it that is no number.
    factors = np.where(index == 0, first, np.where(index == n - 1, last, np.sign(bump)))
    first, last = np.where(index == 0, 0, first), np.where(index == n - 1, 0, last)
    sides = []
    for here in (slice(0, before), slice(before + n, None)):
        side = read(x, index[here], axis) * _along(factors[here], x, axis)
        for weights, edge in ((first, part(axis, 0, 1)), (last, part(axis, -1, None))):
            if weights[here].any():
                side = side + x[edge] * _along(weights[here], x, axis)
        sides.append(side)
    return sides
