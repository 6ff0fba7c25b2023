"""Ops that slide along an axis: windows, convolution, interpolation, functions of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple
from numpy.lib.stride_tricks import sliding_window_view

from ..registry import defop, derived, known
from .padding import framed
from .shape import as_array, numbers, stored

# --- windows ----------------------------------------------------------------------------------


def _overlap_add(x: Any, widths: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """Add windows up where they were read: `sliding_window_view`, transposed.

    The last axes of ``x`` are within the windows, one for each of ``axes``. One addition of
    whole slices for each place in a window, or for each window where those are fewer.
    """
    for width, axis in zip(reversed(widths), reversed(axes), strict=True):
        count = x.shape[axis]
        shape = list(x.shape[:-1])
        shape[axis] += width - 1
        lead = (slice(None),) * axis
        if not known(x):  # nothing can be added to in place
            x = sum(_padded(x[..., i], axis, i, shape[axis]) for i in range(width))
            continue
        total = np.zeros_like(x, shape=tuple(shape))  # lazy where x is
        if width <= count:
            for i in range(width):
                total[(*lead, slice(i, i + count))] += x[..., i]
        else:
            for i in range(count):
                total[(*lead, slice(i, i + width))] += np.moveaxis(x[(*lead, i)], -1, axis)
        x = total
    return x


def _padded(x: Any, axis: int, before: int, n: int) -> Any:
    """``x`` with zeros around it along an axis, ``n`` long in the end."""
    widths = [(0, 0)] * x.ndim
    widths[axis] = (before, n - before - x.shape[axis])
    return np.pad(x, widths)


overlap_add = defop(
    _overlap_add,
    lambda g, _out, _x, widths, axes: sliding_window_view(g, widths, axes),
    kind="linear",
    name="overlap_add",
)


def _windows(
    g: Any,
    _out: Any,
    _x: Any,
    window_shape: Any,
    axis: Any = None,
    subok: bool = False,
    writeable: bool = False,
) -> Any:
    widths = tuple(int(n) for n in np.ravel(window_shape))
    axes = range(_x.ndim) if axis is None else normalize_axis_tuple(axis, _x.ndim, "axis", True)
    return overlap_add(g, widths=widths, axes=tuple(axes))


defop(sliding_window_view, _windows, kind="linear")


# --- convolution ------------------------------------------------------------------------------


def _full(g: Any, n: int, m: int) -> Any:
    """The gradient of a convolution, whatever its mode, in its place among all overlaps."""
    long, short = max(n, m), min(n, m)
    size = g.shape[0]
    if size == n + m - 1:
        return g
    start = (short - 1) // 2 if size == long else short - 1
    return framed(g, widths=((start, n + m - 1 - size - start),))


def _convolve_a(g: Any, _out: Any, _a: Any, v: Any, mode: Any = "full") -> Any:
    v = np.reshape(as_array(v), -1)
    g = np.convolve(_full(g, _a.size, v.size), np.flip(v), "valid")
    return np.reshape(g, _a.shape)


def _convolve_v(g: Any, _out: Any, a: Any, _v: Any, mode: Any = "full") -> Any:
    a = np.reshape(as_array(a), -1)
    g = np.convolve(_full(g, a.size, _v.size), np.flip(a), "valid")
    return np.reshape(g, _v.shape)


defop(np.convolve, _convolve_a, _convolve_v, kind="multilinear", symbol="∗")


@derived(np.correlate)
def correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    """The convolution with the second operand reversed and conjugated."""
    a, v = as_array(a), as_array(v)
    if a.ndim != 1 or v.ndim != 1 or 0 in (a.size, v.size):
        raise ValueError(
            f"correlate takes two vectors that are not empty, not shapes {a.shape} and {v.shape}"
        )
    n, m = a.shape[0], v.shape[0]
    v = np.flip(np.conj(v) if v.dtype.kind == "c" else v)
    if mode == "same" and n < m:  # NumPy swaps the two, and cuts from the other end
        return np.convolve(a, v, "full")[n // 2 : n // 2 + m]
    return np.convolve(a, v, mode)


# --- interpolation ----------------------------------------------------------------------------


@derived(np.interp)
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    """Piecewise linear: ``fp[k] + slope[k] (x - xp[k])`` with ``xp[k] <= x < xp[k + 1]``.

    The slope at a knot is that of the interval which begins there, and at the last knot that of
    the last interval; beyond the knots it is 0.
    """
    x, xp, fp = (as_array(v) for v in (x, xp, fp))
    if x.dtype.kind == "c" or xp.dtype.kind == "c":
        raise TypeError("interp: x and xp must be real; only fp may be complex")
    if xp.ndim != 1 or fp.ndim != 1:
        raise ValueError("interp: data points must be 1-D sequences")
    if xp.shape != fp.shape:
        raise ValueError("interp: fp and xp are not of the same length")
    left, right = (None if v is None else numbers("interp", v) for v in (left, right))
    n = xp.shape[0]
    if n == 0:
        raise ValueError("interp: array of sample points is empty")
    # NumPy computes in double precision, whatever it is given.
    x, xp = stored(x, np.dtype(float)), stored(xp, np.dtype(float))
    fp = stored(fp, np.dtype(complex if fp.dtype.kind == "c" else float))
    if period is not None:
        if period == 0:
            raise ValueError("interp: period must be a non-zero value")
        period, left, right = abs(period), None, None
        x, xp = x % period, xp % period
        order = np.argsort(xp)
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
        n += 2
    k = np.maximum(np.searchsorted(xp, x, side="right") - 1, 0)
    y = fp[k]
    if n > 1:
        width = xp[1:] - xp[:-1]
        slope = (fp[1:] - fp[:-1]) / np.where(width == 0, 1.0, width)
        y = y + slope[np.minimum(k, n - 2)] * (x - xp[k])
    y = np.where(x > xp[-1], fp[-1] if right is None else right, y)
    return np.where(x < xp[0], fp[0] if left is None else left, y)


# --- along an axis, by a function of one's own -------------------------------------------------


@derived(np.apply_along_axis)
def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """``func1d`` of each row along an axis, stacked; its result stands where the axis was."""
    arr = as_array(arr)
    axis = normalize_axis_index(axis, arr.ndim)
    rows = np.moveaxis(arr, axis, -1)
    lead = rows.shape[:-1]
    if 0 in lead:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    results = [func1d(rows[index], *args, **kwargs) for index in np.ndindex(*lead)]
    stacked = np.stack([as_array(y) for y in results])
    y = np.reshape(stacked, lead + stacked.shape[1:])
    inner = range(len(lead), y.ndim)
    return np.moveaxis(y, inner, range(axis, axis + len(inner)))


@derived(np.apply_over_axes)
def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    """``func(a, axis)`` for one axis after the other; an axis that it takes away comes back."""
    value = as_array(a)
    for axis in np.ravel(axes):
        axis = normalize_axis_index(int(axis), value.ndim)
        result = func(value, axis)
        if result.ndim == value.ndim:
            value = result
            continue
        value = np.expand_dims(result, axis)
        if value.ndim != np.ndim(a):
            raise ValueError("function is not returning an array of the correct shape")
    return value
