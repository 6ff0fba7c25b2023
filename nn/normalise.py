"""What a normalisation computes, as one op."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import autograd_core as ag
from autograd_core.apply import apply_fresh

from .affine import FEW, ones, sum_rows

__all__ = ["normalise"]


def _forward(x: Any, gain: Any, shift: Any, axes: tuple[int, ...], eps: float) -> Any:
    # Squares of more than 255 are infinite in half precision, and so are sums.
    half = x.dtype == np.float16
    if half:
        x = x.astype(np.float32)
    n = _averaged(x.shape, axes)
    mean = _total(x, axes) / n
    centred = x - mean
    square = centred * centred
    variance = _total(square, axes) / n
    # Nobody else has seen these two, and new memory costs more than the numbers in it.
    plain = type(square) is type(gain) is type(shift) is np.ndarray
    own = plain and square.dtype == gain.dtype == shift.dtype
    normal = np.divide(centred, np.sqrt(variance + eps), out=centred if own else None)
    y = np.multiply(normal, gain, out=square if own else None)
    y = np.add(y, shift, out=y if own else None)
    return y.astype(gain.dtype) if half else y, normal, mean, variance


def _rule_x(
    g: Any, out: Any, _x: Any, gain: Any, _shift: Any, axes: tuple[int, ...], eps: float
) -> Any:
    """Ioffe & Szegedy 2015, section 3: gradients flow through μ and σ² too."""
    of_y, of_normal, of_mean, of_variance = g
    _, normal, _, variance = out
    share = 1.0 / _averaged(normal.shape, axes)
    scale = 1.0 / np.sqrt(variance + eps)
    if of_y is not None and of_normal is None and normal.ndim - 1 not in axes:
        of_normal, scale = of_y, gain * scale  # one γ for all that a mean is over
    elif of_y is not None:
        through = of_y * gain
        of_normal = through if of_normal is None else of_normal + through
    if of_normal is None:
        total = np.zeros_like(normal)
    else:
        level = _total(of_normal, axes) * share
        along = _total(of_normal * normal, axes) * share
        # In one expression, of which NumPy computes a part within the memory of another.
        total = (of_normal - level - normal * along) * scale
    # Of the statistics: asked for by second derivatives.
    if of_mean is not None:
        total = total + of_mean * share
    if of_variance is not None:
        total = total + of_variance * (2.0 * share) * normal * np.sqrt(variance + eps)
    return total


def _rule_gain(
    g: Any, out: Any, _x: Any, _gain: Any, _shift: Any, axes: tuple[int, ...], eps: float
) -> Any:
    return np.zeros(_gain.shape, _gain.dtype) if g[0] is None else sum_rows(g[0] * out[1])


def _rule_shift(
    g: Any, _out: Any, _x: Any, _gain: Any, _shift: Any, axes: tuple[int, ...], eps: float
) -> Any:
    return np.zeros(_shift.shape, _shift.dtype) if g[0] is None else sum_rows(g[0])


def _total(x: Any, axes: tuple[int, ...]) -> Any:
    """Sum over axes, which stay with length 1."""
    if type(x) is np.ndarray and x.ndim == 2 and len(x) < FEW and x.dtype != np.float16:
        if axes == (0,):
            return ones(len(x), x.dtype).dot(x)[np.newaxis]
        if x.shape[1] < FEW:
            return x.dot(ones(x.shape[1], x.dtype))[:, np.newaxis]
    return x.sum(axis=axes, keepdims=True)


def _averaged(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    """Return how many elements a mean is over; 1 for none, of which there is nothing to divide."""
    return max(1, math.prod([shape[axis] for axis in axes]))


# An op of its own for speed: one box instead of nine, with what is normalised and the statistics
# as further outputs, so that neither the running averages nor the rules compute them again.
# Under `vmap` the same function goes through other ops, for many examples at once.
ag.defop(
    _forward,
    _rule_x,
    _rule_gain,
    _rule_shift,
    name="normalise",
    symbol="γ x̂ + β",
    module="nn",
    otherwise=_forward,
)
_NORMALISE = ag.OPS[_forward]


def normalise(x: Any, gain: Any, shift: Any, axes: tuple[int, ...], eps: float) -> Any:
    """Compute γ x̂ + β with x̂ = (x - μ) / √(σ² + ε), then x̂, μ and σ² over ``axes``.

    These are all axes of x but the last, or the last. γ and β have a number for each feature.

    >>> y, normal, mean, variance = normalise(
    ...     ag.Tensor([[1.0], [3.0]]), ag.Tensor([2.0]), ag.Tensor([5.0]), (0,), 1e-9
    ... )
    >>> y.data.round(6).tolist(), normal.data.round(6).tolist(), mean.item(), variance.item()
    ([[3.0], [7.0]], [[-1.0], [1.0]], 2.0, 1.0)
    """
    return apply_fresh(_NORMALISE, (x, gain, shift), {"axes": axes, "eps": eps})
