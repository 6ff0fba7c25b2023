"""Reductions: sum, mean, prod, var, std, max, min, cumsum."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..registry import defop, derived


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


def _count(x: Any, axis: Any) -> int:
    return math.prod(x.shape[a] for a in reduced_axes(axis, x.ndim))


defop(
    np.sum,
    lambda g, _out, _x, axis=None, keepdims=False: spread(g, _x, axis, keepdims),
    kind="linear",
    symbol="Σ",
)
defop(
    np.mean,
    lambda g, _out, _x, axis=None, keepdims=False: spread(
        g * (1.0 / max(_count(_x, axis), 1)), _x, axis, keepdims
    ),
    kind="linear",
)


def _prod(g: Any, out: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    if not keepdims:
        g, out = keep_reduced(g, x, axis), keep_reduced(out, x, axis)
    if np.all(np.isfinite(out) & (out != 0)):
        return g * out / x
    # The product of the others, exactly: of those before times of those behind.
    axes = reduced_axes(axis, x.ndim)
    order = tuple(i for i in range(x.ndim) if i not in axes) + axes
    moved = np.transpose(x, order)
    rows = np.reshape(moved, (*moved.shape[: x.ndim - len(axes)], _count(x, axis)))
    others = _products_before(rows) * np.flip(_products_before(np.flip(rows, -1)), -1)
    back = tuple(order.index(i) for i in range(x.ndim))
    return g * np.transpose(np.reshape(others, moved.shape), back)


def _products_before(x: Any) -> Any:
    """For each element the product of those before it in the last axis, without dividing."""
    n = x.shape[-1]

    def shifted(x: Any, step: int) -> Any:
        ones = np.ones((*x.shape[:-1], min(step, n)), x.dtype)
        return np.concatenate([ones, x[..., : n - min(step, n)]], axis=-1)

    x, step = shifted(x, 1), 1
    while step < n:  # each round doubles how far back the products reach
        x, step = x * shifted(x, step), 2 * step
    return x


defop(np.prod, _prod, symbol="Π")


def _extremum(g: Any, out: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Share the gradient equally among the elements that attain the extremum, NaN included."""
    if not keepdims:
        g, out = keep_reduced(g, x, axis), keep_reduced(out, x, axis)
    attained = (x == out) | ((x != x) & (out != out))
    count = np.sum(attained, axis=None if axis is None else axis, keepdims=True)
    return np.where(attained, g / count, 0.0)


defop(np.max, _extremum)
defop(np.min, _extremum)
defop(np.argmax, None)
defop(np.argmin, None)
defop(np.all, None)
defop(np.any, None)
defop(np.count_nonzero, None)
defop(
    np.cumsum,
    lambda g, _out, _x, axis=None: np.reshape(
        np.flip(np.cumsum(np.flip(g, axis=axis or 0), axis=axis or 0), axis=axis or 0), _x.shape
    ),
    kind="linear",
)


@derived(np.var)
def var(a: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    """Mean of the squared deviations, divided by ``n - ddof`` instead of ``n``."""
    deviation = a - np.mean(a, axis=axis, keepdims=True)
    n = _count(a, axis)
    return np.sum(deviation * deviation, axis=axis, keepdims=keepdims) / (n - ddof)


@derived(np.std)
def std(a: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    """Square root of the variance; its derivative at a constant is 0."""
    squared = np.var(a, axis=axis, ddof=ddof, keepdims=keepdims)
    constant = squared == 0
    return np.where(constant, 0.0, np.sqrt(np.where(constant, 1.0, squared)))
