"""Losses of classes: the negative log-likelihood, of pre-activations or of log-probabilities."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import autograd_core as ag
from autograd_core import Tensor
from autograd_core.apply import apply_fresh
from autograd_core.registry import known
from optim.options import fraction

from ..affine import FEW, ones
from .distributions import checked_probabilities, harmless, only, soft_cross_entropy
from .labels import (
    as_index,
    check_log_probabilities,
    checked_labels,
    of_the_right,
    one_hot,
    weights_of_classes,
    weights_of_labels,
)
from .shared import array, check_mask, check_reduction, divisor, outputs, pair, reduce, value

__all__ = ["cross_entropy", "nll_loss"]

#: Pre-activations that differ by less than this have powers that sum without overflow.
NEAR = 60.0


def cross_entropy(
    pre_activation: Any,
    target: Any,
    reduction: str = "mean",
    *,
    label_smoothing: float = 0.0,
    class_weights: Sequence[float] | NDArray[Any] | None = None,
    ignore_index: int | None = None,
    mask: Any = None,
) -> Any:
    """Compute the negative log-likelihood -log f(x)_y of the right classes, f being the softmax.

    From the pre-activations a, as log Σ e^aⱼ - a_y = -log softmax(a)_y, and never as the logarithm
    of a probability that may have rounded to zero. Its gradient at a is f(x) - e(y).

    ``pre_activation`` has shape (..., classes). The targets are integers, in the shape without the
    last axis; or probabilities p in the shape of the pre-activations, and the loss is then
    -Σ p log f.

    ``label_smoothing``
        the ε in [0, 1) of (1 - ε) e(y) + ε / classes, which then takes the place of e(y)
        (Szegedy et al. 2016).
    ``class_weights``
        a factor w for each class. The mean of losses of integer targets is then Σ w_y l / Σ w_y,
        as in PyTorch; with probabilities it stays the mean over the examples.
    ``ignore_index``
        the label of examples that do not count; ``mask`` leaves out examples by their place.

    Labels that are not integers are a ``TypeError``. Labels of another shape or outside the
    classes are a ``ValueError``, as are probabilities that are negative or do not sum to one.
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
    check_reduction("cross_entropy", reduction)
    a, y = array(pre_activation), target
    if type(y) is not np.ndarray:
        if isinstance(y, Tensor):
            # Of labels the values; probabilities may depend on something, and stay what they are.
            y = y.data if y.dtype.kind != "f" else y
        elif not hasattr(y, "__array_function__"):
            y = np.asarray(y)
    shape = a.shape
    soft = y.dtype.kind == "f" and y.shape == shape
    if not (soft or label_smoothing or ignore_index is not None) and class_weights is mask is None:
        index = as_index("cross_entropy", y, shape, reduction)
        params = {"reduction": reduction, "_memo": []}
        return apply_fresh(_SOFTMAX_CROSS_ENTROPY, (a, index), params)
    return _in_general(a, y, soft, reduction, label_smoothing, class_weights, ignore_index, mask)


def _forward(a: Any, labels: Any, reduction: str, _memo: list[Any] | None = None) -> Any:
    if a.dtype.kind != "f":  # also so that differences of unsigned integers do not wrap around
        a = outputs("cross_entropy", a)
    if isinstance(a, np.ndarray) and isinstance(labels, np.ndarray):
        losses, exponentials, total, right = _parts(a, labels)
        if _memo is not None:
            # The rule needs them again. With `a`, so that it sees whether they are of its operand.
            _memo[:] = [(a, exponentials, total, right)]
    else:
        shifted = a - a.max(axis=-1, keepdims=True)
        chosen = one_hot(labels, shifted.shape[-1])
        losses = np.log(np.exp(shifted).sum(axis=-1)) - np.where(chosen, shifted, 0.0).sum(axis=-1)
        losses = np.where(chosen.any(axis=-1), losses, np.nan)
    if reduction == "none":
        return losses
    if isinstance(losses, np.ndarray) and losses.ndim == 1 and losses.size < FEW:
        total = losses.dot(ones(losses.size, losses.dtype))
    else:
        total = losses.sum()
    return total if reduction == "sum" else total / losses.size


def _parts(a: Any, labels: Any) -> tuple[Any, Any, Any, Any]:
    """Return the losses log Σ e^(aⱼ-s) - (a_y-s), the e^(aⱼ-s) and Σ, and where the a_y are.

    That is in ``a`` read as one, to which end the powers are in order "C", whatever that of ``a``.
    The shift s of a row is a_y, whose power then is 1, as long as no other overflows; else it is
    the largest, for which many short rows have to be looked through one by one.
    """
    classes = a.shape[-1]
    # Only of small batches: what is remembered is not freed.
    starts = _starts(a.size, classes) if labels.size < FEW else np.arange(0, a.size, classes)
    right = (starts if labels.ndim == 1 else starts.reshape(labels.shape)) + labels
    shift = a.take(right)
    # Written so that NaN is far; methods that find a place take a third of the time of `max`.
    near = a.size and a.itemsize > 2 and a.item(a.argmax()) - shift.item(shift.argmin()) < NEAR
    if not near:
        shift = a.max(axis=-1)
    powers = np.subtract(a, shift[..., None], order="C")
    rest = None if near else powers.take(right)
    np.exp(powers, out=powers)
    total = powers.dot(ones(classes, powers.dtype)) if classes < FEW else powers.sum(axis=-1)
    losses = np.log(total)
    return losses if near else losses - rest, powers, total, right


@functools.lru_cache(maxsize=64)
def _starts(size: int, classes: int) -> Any:
    """Where each row starts in the array read as one; a vector that nobody may write."""
    starts = np.arange(0, size, classes)
    starts.flags.writeable = False
    return starts


def _rule(
    g: Any, _out: Any, a: Any, labels: Any, reduction: str, _memo: list[Any] | None = None
) -> Any:
    # The lecture's f(x) - e(y), for each row by as much as the row counts.
    if reduction == "mean":
        g = g / labels.size
    if isinstance(a, np.ndarray) and isinstance(labels, np.ndarray) and not isinstance(g, Tensor):
        f, total, right = _recalled(a, labels, _memo)
        f.reshape(-1)[right] -= total
        np.multiply(f, (g / total)[..., None], out=f)
        return f
    f = ag.softmax(a, axis=-1)  # recorded as one op
    return (f - one_hot(labels, a.shape[-1])) * (g[..., None] if reduction == "none" else g)


def _recalled(a: Any, labels: Any, memo: list[Any] | None) -> Any:
    """Take out of the memo what the forward pass left there; another time, find it again."""
    try:
        seen, *found = [None] if memo is None else memo.pop()  # of two threads one gets it
    except IndexError:
        seen = None
    return found if seen is a else _parts(a, labels)[1:]


def _by_parts(a: Any, labels: Any, reduction: str, _memo: Any = None) -> Any:
    """The same by other ops, for many examples at once under `vmap`."""
    shifted = a - ag.stop_gradient(np.max(a, axis=-1, keepdims=True))
    chosen = np.take_along_axis(shifted, labels[..., None], axis=-1)[..., 0]
    losses = np.log(np.sum(np.exp(shifted), axis=-1)) - chosen
    if reduction == "none":
        return losses
    return np.sum(losses) if reduction == "sum" else np.mean(losses)


# An op of its own for speed: composed of log_softmax, indexing and a mean it takes three times as
# long, which for a small network is more than all its layers.
ag.defop(_forward, _rule, None, name="cross_entropy", module="nn.losses", otherwise=_by_parts)
_SOFTMAX_CROSS_ENTROPY = ag.OPS[_forward]


def _in_general(
    a: Any,
    y: Any,
    soft: bool,
    reduction: str,
    smoothing: float,
    class_weights: Any,
    ignore_index: int | None,
    mask: Any,
) -> Any:
    """Do what `cross_entropy` does when it is asked for more than the plain case."""
    who = "cross_entropy"
    a = outputs(who, a)
    smoothing = fraction(who, "label_smoothing", smoothing)
    total = None
    if soft:
        if ignore_index is not None:
            raise ValueError(f"{who}: ignore_index is for integer labels; pass mask instead")
        a, p = pair(who, a, y)
        keep = None if mask is None else check_mask(who, mask, a.shape[:-1])
        if keep is not None:
            a, p = harmless(keep, a), only(keep, p)
        checked_probabilities(who, p, keep)
        weights = weights_of_classes(who, class_weights, a)
    else:
        keep, index = checked_labels(who, y, a.shape, reduction, ignore_index, mask)
        if keep is not None:
            a = harmless(keep, a)
        weights = weights_of_classes(who, class_weights, a)
        share: Any = None if weights is None else weights_of_labels(weights, index)
        if keep is not None:
            share = (keep if share is None else np.where(keep, share, 0.0)).astype(a.dtype)
        if weights is not None:
            total = np.sum(share)
        if not smoothing:
            params = {"reduction": "none", "_memo": []}
            each = apply_fresh(_SOFTMAX_CROSS_ENTROPY, (a, index), params)
            if share is None:
                return reduce(who, each, reduction)
            over = divisor(who, a.shape[:-1], reduction, keep, total)
            if over is None:
                return each * share
            return np.sum(each * (share / over).astype(a.dtype))
        p = one_hot(index, a.shape[-1]).astype(a.dtype)
        if not known(index):
            p = np.where(p.any(axis=-1)[..., None], p, np.nan)  # a label that is no class
    if smoothing:
        p = (1 - smoothing) * p + smoothing / a.shape[-1]
    if weights is not None:
        p = p * weights
    if keep is not None and not (soft and not smoothing):
        p = only(keep, p)
    over = divisor(who, a.shape[:-1], reduction, keep, total)
    lazy = over is not None and not known(over)
    return soft_cross_entropy(a, p, over=over.astype(a.dtype) if lazy else over)


def nll_loss(
    log_probabilities: Any,
    target: Any,
    reduction: str = "mean",
    *,
    class_weights: Sequence[float] | NDArray[Any] | None = None,
    ignore_index: int | None = None,
    mask: Any = None,
) -> Any:
    """Compute the negative log-likelihood -log f(x)_y from log f(x), as log-softmax gives it.

    ``cross_entropy`` is this loss of the log-softmax of its pre-activations, faster; shapes,
    weights, means and errors are those of integer labels there. Values above 0, which are the
    logarithm of no probability, are a ``ValueError``.

    >>> float(nll_loss(np.log([[0.25, 0.75], [0.5, 0.5]]), [1, 0]).round(4))
    0.4904
    """
    who = "nll_loss"
    check_reduction(who, reduction)
    x = outputs(who, log_probabilities)
    y = array(value(target))
    keep, index = checked_labels(who, y, x.shape, reduction, ignore_index, mask)
    if keep is not None:
        x = harmless(keep, x)
    check_log_probabilities(who, value(x))
    each = -of_the_right(x, index)
    weights, total = weights_of_classes(who, class_weights, x), None
    if weights is not None:
        share = weights_of_labels(weights, index)
        total = np.sum(share if keep is None else np.where(keep, share, 0.0))
        each = each * share
    return reduce(who, each, reduction, keep, total)
