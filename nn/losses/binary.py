"""The loss of outputs that are each a yes or no."""

from __future__ import annotations

from typing import Any

import numpy as np

import autograd_core as ag
from autograd_core import Tensor
from autograd_core.apply import apply_fresh
from autograd_core.registry import known

from .shared import check_mask, check_reduction, count, first, pair, place, reduce, value

__all__ = ["binary_cross_entropy", "checked_binary", "sigmoid_cross_entropy"]


def _forward(a: Any, t: Any, over: float | None) -> Any:
    at = a * t
    if at.dtype.kind == "c":
        raise TypeError(
            "binary_cross_entropy is defined for real numbers only, but was given complex ones"
        )
    # softplus(a) - a t: NumPy's logaddexp would take twenty times as long as this softplus.
    if type(a) is np.ndarray and type(at) is np.ndarray and a.shape == at.shape != ():
        # Step by step in two buffers: new ones for each would take longer than what is computed.
        each = np.abs(a)
        np.negative(each, out=each)
        np.exp(each, out=each)
        np.log1p(each, out=each)
        each -= at
        each += np.maximum(a, 0.0, out=at)
    else:
        each = np.maximum(a, 0.0) - at + np.log1p(np.exp(-np.abs(a)))
    return each if over is None else each.sum() / over


def _rule_a(g: Any, _out: Any, a: Any, t: Any, over: float | None) -> Any:
    share = g if over is None else g / over
    if not (type(a) is type(t) is np.ndarray and a.ndim) or isinstance(g, Tensor):
        return (ag.sigmoid(a) - t) * share
    # Of arrays the sigmoid may overflow on its way to 0, which is right and twice as fast.
    f = np.negative(a)
    with np.errstate(over="ignore"):
        np.exp(f, out=f)
    f += 1.0
    np.reciprocal(f, out=f)
    f -= t
    f *= share
    return f


def _rule_t(g: Any, _out: Any, a: Any, _t: Any, over: float | None) -> Any:
    return -a * (g if over is None else g / over)


def _by_parts(a: Any, t: Any, over: float | None) -> Any:
    """The same by other ops, for many examples at once under `vmap`."""
    each = ag.softplus(a) - a * t
    return each if over is None else np.sum(each) / over


# An op of its own for speed: composed, it takes more than twice as long.
ag.defop(
    _forward,
    _rule_a,
    _rule_t,
    name="binary_cross_entropy",
    module="nn.losses",
    otherwise=_by_parts,
)
_OP = ag.OPS[_forward]


def sigmoid_cross_entropy(a: Any, t: Any, over: float | None) -> Any:
    """Compute the loss of checked operands: each element's, or their sum divided by ``over``."""
    return apply_fresh(_OP, (a, t), {"over": over})


def binary_cross_entropy(
    pre_activation: Any, target: Any, reduction: str = "mean", *, mask: Any = None
) -> Any:
    """Compute -t log f - (1 - t) log(1 - f), f being the sigmoid of the pre-activation a.

    As log(1 + e^a) - t a, never from a probability that may have rounded to 0 or 1. Its gradient
    at a is f - t. Pre-activations and targets have one shape, and the mean is over all elements.
    Targets outside [0, 1], NaN among them, are a ``ValueError`` that says where; so are other
    shapes.

    >>> a = ag.Tensor([0.0, 1e4], requires_grad=True)
    >>> loss = binary_cross_entropy(a, [1.0, 1.0], "sum")
    >>> loss.backward()
    >>> print(f"{loss:.4f}", a.grad)
    0.6931 [-0.5  0. ]
    """
    who = "binary_cross_entropy"
    check_reduction(who, reduction)
    a, t = pair(who, pre_activation, target)
    if mask is not None:
        keep = check_mask(who, mask, a.shape)
        a, t = np.where(keep, a, 0.0), np.where(keep, t, 0.0)
        each = sigmoid_cross_entropy(a, checked_binary(who, t), over=None)
        return reduce(who, each, reduction, keep)
    checked_binary(who, t)
    over = None if reduction == "none" else 1 if reduction == "sum" else count(who, a.shape)
    return sigmoid_cross_entropy(a, t, over=over)


def checked_binary(who: str, target: Any, hint: str = "") -> Any:
    """Return the targets, or say which of them is outside [0, 1]."""
    t = value(target)
    # A comparison with NaN is false, so that it is found as well.
    if known(t) and t.size and not (t.min() >= 0 and t.max() <= 1):
        at = first(~((t >= 0) & (t <= 1)))
        raise ValueError(
            f"{who}: the targets have {t[at]} in {place(at)}, and must be between 0 and 1{hint}"
        )
    return target
