"""Reductions: sum, mean, prod, max, min, var, std, their cumulative and their NaN-blind forms."""

from __future__ import annotations

import functools
import math
import warnings
from typing import Any

import numpy as np

from ..registry import defop, derived, known
from .complex import is_complex
from .indexing import plain


def reduced_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes that ``axis`` (None, an integer or several) names, none of them negative."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, tuple | list) else (axis,)
    return tuple(int(a) % ndim for a in axes) if ndim else ()


def keep_reduced(g: Any, x: Any, axis: Any) -> Any:
    """Give ``g`` back the reduced axes of ``x``, with length one."""
    axes = reduced_axes(axis, x.ndim)
    return np.reshape(g, tuple(1 if i in axes else n for i, n in enumerate(x.shape)))


def spread(g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Copy the gradient at a reduction to every element that went into it."""
    return np.broadcast_to(g if keepdims else keep_reduced(g, x, axis), x.shape)


def joined(x: Any, axis: Any) -> tuple[Any, Any]:
    """``x`` with the axes that ``axis`` names made one, the last, and the way back from there."""
    axes = tuple(sorted(reduced_axes(axis, x.ndim)))
    order = tuple(i for i in range(x.ndim) if i not in axes) + axes
    moved = np.transpose(x, order)
    shape = moved.shape
    inverse = tuple(order.index(i) for i in range(x.ndim))
    rows = np.reshape(moved, (*shape[: x.ndim - len(axes)], _count(x, axis)))
    return rows, lambda y: np.transpose(np.reshape(y, shape), inverse)


def cast(x: Any, dtype: Any) -> Any:
    """``x`` as an array of ``dtype``, or of its own where that is None."""
    if not hasattr(x, "dtype"):
        x = np.asarray(x)
    return x if dtype is None or x.dtype == dtype else x.astype(dtype)


def unused_as_zero(g: Any, factor: Any) -> Any:
    """``factor``, but 0 where it is not finite and meets a gradient of 0, which stays 0."""
    if known(factor) and np.all(np.isfinite(factor)):
        return factor
    return np.where((g == 0) & np.logical_not(np.isfinite(factor)), 0.0, factor)


def _count(x: Any, axis: Any) -> int:
    return math.prod(x.shape[a] for a in reduced_axes(axis, x.ndim))


def _present(x: Any, where: Any = True) -> Any:
    """Where ``x`` is not NaN, among the elements that ``where`` picks."""
    present = np.logical_not(np.isnan(x))
    return present if where is True else np.logical_and(present, where)


# --- sum and mean -----------------------------------------------------------------------------


def _sum(
    g: Any, _out: Any, _x: Any, axis: Any = None, keepdims: bool = False, where: Any = True
) -> Any:
    g = spread(g, _x, axis, keepdims)
    return g if where is True else np.where(where, g, 0.0)


def _mean(
    g: Any, _out: Any, _x: Any, axis: Any = None, keepdims: bool = False, where: Any = True
) -> Any:
    if where is True:
        return spread(g * (1.0 / max(_count(_x, axis), 1)), _x, axis, keepdims)
    n = np.sum(np.broadcast_to(where, _x.shape), axis=axis, keepdims=keepdims)
    return _sum(g / n, _out, _x, axis, keepdims, where)


def _total(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    a, where = _filled(cast(a, dtype), where)
    total = np.sum(a, axis=axis, keepdims=keepdims, **_picked(where))
    return total if initial is None else total + _initial(initial, total.dtype)


def _initial(initial: Any, dtype: Any) -> Any:
    """The number that a sum or product begins with, which does not change its dtype."""
    if np.ndim(initial):
        raise ValueError(f"initial must be a number, not an array of shape {np.shape(initial)}")
    if is_complex(initial) and dtype.kind != "c":
        raise TypeError(f"initial must be real where the result is {dtype}, not {initial!r}")
    return cast(initial, dtype)


def _picked(where: Any) -> dict[str, Any]:
    """The parameter ``where``, if it is needed: Dask has none."""
    return {} if where is True else {"where": where}


def _filled(a: Any, where: Any) -> tuple[Any, Any]:
    """``a`` with zeros where it is not picked, if the function itself cannot pick."""
    if where is True or known(a):
        return a, where
    return np.where(where, a, 0.0), True


def _average(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    *,
    where: Any = True,
) -> Any:
    a = cast(a, dtype)
    if where is not True and not known(a):
        n = np.sum(np.broadcast_to(where, a.shape), axis=axis, keepdims=keepdims)
        return cast(_total(a, axis, None, keepdims, where=where) / n, a.dtype)
    return np.mean(a, axis=axis, keepdims=keepdims, **_picked(where))


defop(np.sum, _sum, kind="linear", symbol="Σ", otherwise=_total)
defop(np.mean, _mean, kind="linear", otherwise=_average)


def _nan_total(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    return _total(a, axis, dtype, keepdims, initial, _present(a, where))


def _nan_average(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    *,
    where: Any = True,
) -> Any:
    return _average(a, axis, dtype, keepdims, where=_present(a, where))


# Not linear: which elements count depends on x.
defop(
    np.nansum,
    lambda g, _out, x, axis=None, keepdims=False, where=True: _sum(
        g, _out, x, axis, keepdims, _present(x, where)
    ),
    otherwise=_nan_total,
)
defop(
    np.nanmean,
    lambda g, _out, x, axis=None, keepdims=False, where=True: _mean(
        g, _out, x, axis, keepdims, _present(x, where)
    ),
    otherwise=_nan_average,
)


# --- products ---------------------------------------------------------------------------------


def _prod(g: Any, out: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    if not keepdims:
        g, out = keep_reduced(g, x, axis), keep_reduced(out, x, axis)
    if _all_regular(out):
        # The first is one pass less over all elements, but g * out may leave the range.
        share = g * out
        return share / x if _all_regular(share) else g * (out / x)
    # The product of the others, exactly: of those before times of those behind.
    rows, back = joined(x, axis)
    others = back(_products_before(rows) * np.flip(_products_before(np.flip(rows, -1)), -1))
    return g * unused_as_zero(g, others)


def _all_regular(out: Any) -> bool:
    """Whether products can be divided by their factors; False where that is not known now.

    Not where they have lost digits, below the smallest normal number.
    """
    return known(out) and _normal(out.dtype, *_sizes(out))


def _sizes(x: Any) -> tuple[Any, Any]:
    """The smallest and the largest absolute value, both NaN if there is one."""
    size = np.absolute(plain(x))
    return (np.min(size), np.max(size)) if size.size else (1.0, 1.0)


def _normal(dtype: Any, low: Any, high: Any) -> bool:
    tiny, largest = _limits(dtype)
    return bool(low >= tiny and high <= largest)


@functools.cache
def _limits(dtype: Any) -> tuple[float, float]:
    """The smallest and the largest number that have all digits."""
    return np.finfo(dtype).tiny, np.finfo(dtype).max


def _products_before(x: Any) -> Any:
    """For each element the product of those before it in the last axis, without dividing."""
    n = x.shape[-1]

    def shifted(x: Any, step: int) -> Any:
        ones = np.ones_like(x, shape=(*x.shape[:-1], min(step, n)))
        return np.concatenate([ones, x[..., : n - min(step, n)]], axis=-1)

    x, step = shifted(x, 1), 1
    while step < n:  # each round doubles how far back the products reach
        x, step = x * shifted(x, step), 2 * step
    return x


def _product(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    a = cast(a, dtype)
    if where is not True:
        a = np.where(np.broadcast_to(where, a.shape), a, 1.0)
    product = np.prod(a, axis=axis, keepdims=keepdims)
    return product if initial is None else product * _initial(initial, product.dtype)


defop(np.prod, _prod, symbol="Π", otherwise=_product)


@derived(np.nanprod)
def nanprod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """Product of the elements that are not NaN."""
    return _product(a, axis, dtype, keepdims, initial, _present(a, where))


# --- the largest and the smallest -------------------------------------------------------------


def _extremum(
    g: Any,
    out: Any,
    x: Any,
    axis: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """Share the gradient equally among the elements that attain the extremum, NaN included."""
    if not keepdims:
        g, out = keep_reduced(g, x, axis), keep_reduced(out, x, axis)
    attained = _same(x, out)
    if where is not True:
        attained = attained & where
    count = np.sum(attained, axis=axis, keepdims=True)
    if initial is not None:
        count = count + _same(initial, out)
    return np.where(attained, g / count, 0.0)


def _same(x: Any, y: Any) -> Any:
    return (x == y) | ((x != x) & (y != y))


# NumPy has max and amax, min and amin as functions of their own.
for _extreme in (np.max, np.min, np.amax, np.amin, np.nanmax, np.nanmin):
    defop(_extreme, _extremum)
for _fact in (np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.all, np.any, np.count_nonzero):
    defop(_fact, None)


@derived(np.ptp)
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    """Largest minus smallest element."""
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


# --- cumulative -------------------------------------------------------------------------------


def _cumsum(g: Any, _out: Any, _x: Any, axis: Any = None) -> Any:
    return np.reshape(_sums_behind(g, axis or 0), _x.shape)


def _sums_behind(g: Any, axis: int) -> Any:
    """For each element the sum of itself and those behind it."""
    return np.flip(np.cumsum(np.flip(g, axis=axis), axis=axis), axis=axis)


def _cumprod(g: Any, out: Any, x: Any, axis: Any = None) -> Any:
    shape = x.shape
    if axis is None:
        x, axis = np.reshape(x, (-1,)), 0
    if _all_regular(out):
        parts = g * out
        low, high = _sizes(parts)
        if low == 0:  # where g is, unless digits are lost
            low = _sizes(np.where(g == 0, 1.0, parts))[0]
        if _normal(out.dtype, low, float(high) * x.shape[axis]):  # and so are the sums
            return np.reshape(_sums_behind(parts, axis) / x, shape)
    # Exactly: the product of those before, times s[j] = g[j] + x[j+1] s[j+1].
    rows = np.moveaxis(x, axis, -1)
    s = _continued(np.moveaxis(g, axis, -1), rows[..., 1:])
    before = unused_as_zero(s, _products_before(rows))
    return np.reshape(np.moveaxis(before * s, -1, axis), shape)


def _continued(b: Any, a: Any) -> Any:
    """Solve s[j] = b[j] + a[j] s[j+1] in the last axis, where ``a`` is shorter by one."""
    n, step = b.shape[-1], 1
    while step < n:  # each round doubles how far ahead the sums reach
        ahead = b[..., : n - step] + unused_as_zero(b[..., step:], a) * b[..., step:]
        b = np.concatenate([ahead, b[..., n - step :]], axis=-1)
        a, step = a[..., : max(n - 2 * step, 0)] * a[..., step:], 2 * step
    return b


def _cumulated(fn: Any, a: Any, axis: Any = None, dtype: Any = None) -> Any:
    return fn(cast(a, dtype), axis=axis)


defop(
    np.cumsum,
    _cumsum,
    kind="linear",
    otherwise=lambda *args, **kwargs: _cumulated(np.cumsum, *args, **kwargs),
)
defop(
    np.cumprod,
    _cumprod,
    otherwise=lambda *args, **kwargs: _cumulated(np.cumprod, *args, **kwargs),
)


@derived(np.nancumsum)
def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Cumulative sum in which NaN counts as 0."""
    return _cumulated(np.cumsum, np.where(np.isnan(a), 0.0, a), axis, dtype)


@derived(np.nancumprod)
def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Cumulative product in which NaN counts as 1."""
    return _cumulated(np.cumprod, np.where(np.isnan(a), 1.0, a), axis, dtype)


def _include(first: float, fn: Any, x: Any, axis: Any, dtype: Any, include_initial: bool) -> Any:
    x = cast(x, dtype)
    if x.ndim == 0:
        x = np.reshape(x, (1,))
    if axis is None:
        if x.ndim > 1:
            raise ValueError("For arrays which have more than one dimension ``axis`` is required.")
        axis = 0
    result = fn(x, axis=axis)
    if not include_initial:
        return result
    axis = axis % x.ndim
    ones = np.full((*x.shape[:axis], 1, *x.shape[axis + 1 :]), first, result.dtype)
    return np.concatenate([ones, result], axis=axis)


# NumPy has them since 2.1; before that this is the function itself.
@derived(getattr(np, "cumulative_sum", None), module="numpy")
def cumulative_sum(
    x: Any,
    /,
    *,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    include_initial: bool = False,
) -> Any:
    """Sums of the elements up to each, with ``include_initial`` after a zero."""
    return _include(0.0, np.cumsum, x, axis, dtype, include_initial)


@derived(getattr(np, "cumulative_prod", None), module="numpy")
def cumulative_prod(
    x: Any,
    /,
    *,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    include_initial: bool = False,
) -> Any:
    """Products of the elements up to each, with ``include_initial`` after a one."""
    return _include(1.0, np.cumprod, x, axis, dtype, include_initial)


# --- variance ---------------------------------------------------------------------------------


def _var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: bool = False,
    *,
    where: Any = True,
    mean: Any = None,
    correction: Any = None,
) -> Any:
    """Mean of the squared sizes of the deviations, divided by ``n - ddof`` instead of ``n``."""
    if correction is not None:
        if ddof != 0:
            raise ValueError("ddof and correction can't be provided simultaneously.")
        ddof = correction
    a = cast(a, dtype)
    if where is not True:
        where = np.broadcast_to(where, a.shape)
    n = _count(a, axis) if where is True else np.sum(where, axis=axis, keepdims=keepdims)
    if known(n) and np.any(ddof >= n):
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=2)
    if mean is None:
        mean = _mean_of(_masked(a, where), axis, True, where)
    deviation = _masked(a - mean, where)
    if deviation.dtype.kind == "c" and a.dtype.kind != "c":
        raise TypeError("the mean of a real array must be real")
    if deviation.dtype.kind == "c":
        squared = np.real(deviation) ** 2 + np.imag(deviation) ** 2
    else:
        squared = deviation * deviation
    return _mean_of(squared, axis, keepdims, where, ddof)


def _masked(a: Any, where: Any) -> Any:
    return a if where is True else np.where(where, a, 0.0)


def _mean_of(a: Any, axis: Any, keepdims: bool, where: Any, ddof: Any = 0) -> Any:
    """Mean of the elements that ``where`` picks, where the others are 0."""
    if where is True and isinstance(ddof, int) and ddof == 0 and a.size:
        return np.mean(a, axis=axis, keepdims=keepdims)
    total = np.sum(a, axis=axis, keepdims=keepdims)
    if where is True:
        return total / max(_count(a, axis) - ddof, 0)
    n = np.maximum(np.sum(where, axis=axis, keepdims=keepdims) - ddof, 0)
    return cast(total / n, total.dtype)


derived(np.var)(_var)


def _std(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: bool = False,
    *,
    where: Any = True,
    mean: Any = None,
    correction: Any = None,
) -> Any:
    """Square root of the variance; its derivative at a constant is 0."""
    return _root(
        _var(a, axis, dtype, out, ddof, keepdims, where=where, mean=mean, correction=correction)
    )


def _root(squared: Any) -> Any:
    constant = squared == 0
    return np.where(constant, 0.0, np.sqrt(np.where(constant, 1.0, squared)))


derived(np.std)(_std)


def _nanvar(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: bool = False,
    *,
    where: Any = True,
    mean: Any = None,
    correction: Any = None,
) -> Any:
    """Variance of the elements that are not NaN."""
    where = _present(a, where)
    n = np.sum(np.broadcast_to(where, a.shape), axis=axis, keepdims=keepdims)
    with np.errstate(divide="ignore", invalid="ignore"):
        squared = _var(
            a, axis, dtype, out, ddof, keepdims, where=where, mean=mean, correction=correction
        )
    return np.where(n > (ddof if correction is None else correction), squared, math.nan)


derived(np.nanvar)(_nanvar)


@derived(np.nanstd)
def nanstd(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: bool = False,
    *,
    where: Any = True,
    mean: Any = None,
    correction: Any = None,
) -> Any:
    """Standard deviation of the elements that are not NaN."""
    return _root(
        _nanvar(a, axis, dtype, out, ddof, keepdims, where=where, mean=mean, correction=correction)
    )
