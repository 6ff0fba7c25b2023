"""Losses: one number that says how wrong the outputs are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import autograd_core as ag
from autograd_core import Tensor

__all__ = ["cross_entropy"]

REDUCTIONS = ("mean", "sum", "none")


def cross_entropy(pre_activation: Any, labels: Any, reduction: str = "mean") -> Any:
    """Compute the negative log-likelihood -log f(x)_y of the right classes, f being the softmax.

    From the pre-activations a, as log Σ e^aⱼ - a_y = -log softmax(a)_y, and never as the logarithm
    of a probability that may have rounded to zero. Its gradient at a is f(x) - e(y).

    ``pre_activation`` has shape (..., classes) and ``labels``, integers, the shape without
    the last axis. ``reduction`` is ``"mean"``, ``"sum"`` or ``"none"``. Labels that are not
    integers are a ``TypeError``; labels of another shape or outside the classes a ``ValueError``.
    Labels that are not computed yet, of a Dask array, cannot be looked at: the loss of one outside
    the classes is NaN.

    >>> a = ag.Tensor([[2.0, 0.0], [0.0, 0.0]], requires_grad=True)
    >>> loss = cross_entropy(a, [0, 1])
    >>> print(f"{loss:.4f}")
    0.4100
    >>> loss.backward()
    >>> a.grad.round(2)
    array([[-0.06,  0.06],
           [ 0.25, -0.25]])
    """
    if reduction not in REDUCTIONS:
        raise ValueError(
            f"cross_entropy: unknown reduction {reduction!r}, known are {', '.join(REDUCTIONS)}"
        )
    a = pre_activation if hasattr(pre_activation, "shape") else np.asarray(pre_activation)
    y = labels.data if isinstance(labels, Tensor) else labels
    if not hasattr(y, "__array_function__"):
        y = np.asarray(y)
    index = _checked(y, a.shape, reduction)
    return _softmax_cross_entropy(a, index, reduction=reduction)


def _forward(a: Any, labels: NDArray[np.int64], reduction: str) -> Any:
    shifted = a - a.max(axis=-1, keepdims=True)
    log_total = np.log(np.exp(shifted).sum(axis=-1))
    if isinstance(shifted, np.ndarray) and isinstance(labels, np.ndarray):
        rows = np.arange(0, shifted.size, shifted.shape[-1]).reshape(labels.shape)
        losses = log_total - shifted.take(rows + labels)
    else:
        chosen = _one_hot(labels, shifted.shape[-1])
        losses = log_total - np.where(chosen, shifted, 0.0).sum(axis=-1)
        losses = np.where(chosen.any(axis=-1), losses, np.nan)
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.sum() / losses.size


def _one_hot(labels: Any, classes: int) -> Any:
    if isinstance(labels, np.ndarray):
        return labels[..., None] == np.arange(classes)
    return labels[..., None] == np.arange(classes, like=labels)


def _rule(g: Any, _out: Any, a: Any, labels: NDArray[np.int64], reduction: str) -> Any:
    # The lecture's f(x) - e(y), for each row by as much as the row counts.
    f = np.exp(a - a.max(axis=-1, keepdims=True))
    f = f / f.sum(axis=-1, keepdims=True)
    e = _one_hot(labels, a.shape[-1])
    if reduction == "none":
        g = g[..., None]
    elif reduction == "mean":
        g = g / labels.size
    return (f - e) * g


def _by_parts(a: Any, labels: Any, reduction: str) -> Any:
    """The same by other ops, for many examples at once under `vmap`."""
    shifted = a - ag.stop_gradient(np.max(a, axis=-1, keepdims=True))
    chosen = np.take_along_axis(shifted, labels[..., None], axis=-1)[..., 0]
    losses = np.log(np.sum(np.exp(shifted), axis=-1)) - chosen
    if reduction == "none":
        return losses
    return np.sum(losses) if reduction == "sum" else np.mean(losses)


# An op of its own for speed: composed of log_softmax, indexing and a mean it takes three times as
# long, which for a small network is more than all its layers.
_softmax_cross_entropy = ag.defop(_forward, _rule, None, name="cross_entropy", otherwise=_by_parts)


def _checked(y: NDArray[Any], shape: tuple[int, ...], reduction: str) -> NDArray[np.int64]:
    """Return the labels as an index, or say what is wrong with them, and where."""
    if any(n != n for n in shape):
        raise ValueError(
            f"cross_entropy: pre-activations of shape {shape}, of unknown length, have no mean: "
            "let Dask count the data first, by compute_chunk_sizes()"
        )
    if not shape or not shape[-1]:
        raise ValueError("cross_entropy: pre-activations need a last axis, one entry per class")
    if y.shape != shape[:-1]:
        hint = "; for one-hot rows pass labels.argmax(axis=-1)" if y.shape == shape else ""
        raise ValueError(
            f"cross_entropy: labels of shape {y.shape} for pre-activations of shape {shape}: "
            f"expected {shape[:-1]}, one integer for each row{hint}"
        )
    if y.size == 0 and reduction == "mean":
        raise ValueError("cross_entropy: the mean over an empty batch has no value")
    if y.dtype.kind not in "iu":
        raise TypeError(
            f"cross_entropy: labels must be integers, not {y.dtype}; convert them, "
            f"for instance with labels.astype(int)"
        )
    # A copy, which the graph can keep: whoever fills a buffer with labels may fill it again.
    index = y.astype(np.int64)
    if not isinstance(index, np.ndarray):
        return index
    # Read without a sign, a negative label is a huge one: a single pass finds both kinds.
    unsigned = index.view(np.uint64)
    classes = shape[-1]
    if y.size and unsigned.max() >= classes:
        wrong = tuple(np.argwhere(unsigned >= classes)[0])
        row = ", ".join(map(str, wrong))
        raise ValueError(
            f"cross_entropy: row {row} has the label {y[wrong]}, outside the {classes} "
            f"classes 0 to {classes - 1} (the last axis of the pre-activations)"
        )
    return index
