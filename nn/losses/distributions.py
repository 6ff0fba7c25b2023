"""Targets that are probabilities, and how far a distribution is from them."""

from __future__ import annotations

from typing import Any

import numpy as np

import autograd_core as ag
from autograd_core import Tensor
from autograd_core.registry import known

from .shared import check_mask, check_reduction, first, pair, place, reduce, value

__all__ = ["checked_probabilities", "harmless", "kl_divergence", "only", "soft_cross_entropy"]


def _forward(a: Any, p: Any, over: Any) -> Any:
    if not a.ndim:
        raise ValueError("cross_entropy: pre-activations need a last axis, one entry per class")
    if a.dtype.kind == "c" or p.dtype.kind == "c":
        raise TypeError("cross_entropy is defined for real numbers only, but was given complex")
    shifted = a - a.max(axis=-1, keepdims=True)
    log_total = np.log(np.exp(shifted).sum(axis=-1))
    right = (p * shifted).sum(axis=-1)
    if known(right) and not np.isfinite(right).all():
        # A class that is ruled out by -inf, and has no share in the target.
        right = (p * np.where(p == 0, 0.0, shifted)).sum(axis=-1)
    each = log_total * p.sum(axis=-1) - right
    return each if over is None else each.sum() / over


def _rule_a(g: Any, _out: Any, a: Any, p: Any, over: Any) -> Any:
    # f(x) - p, for each row by as much as the row counts.
    share = g[..., None] if over is None else g / over
    if not (type(a) is type(p) is np.ndarray) or isinstance(g, Tensor):
        return (ag.softmax(a, axis=-1) * p.sum(axis=-1, keepdims=True) - p) * share
    f = a - a.max(axis=-1, keepdims=True)
    np.exp(f, out=f)
    f *= p.sum(axis=-1, keepdims=True) / f.sum(axis=-1, keepdims=True)
    f -= p
    f *= share
    return f


def _rule_p(g: Any, _out: Any, a: Any, _p: Any, over: Any) -> Any:
    return -ag.log_softmax(a, axis=-1) * (g[..., None] if over is None else g / over)


def _by_parts(a: Any, p: Any, over: Any) -> Any:
    """The same by other ops, for many examples at once under `vmap`."""
    each = -np.sum(p * ag.log_softmax(a, axis=-1), axis=-1)
    return each if over is None else np.sum(each) / over


# -Σ p log f, whatever the rows of p sum to: class weights and what does not count are in them. An
# op of its own for speed: composed it takes twice as long.
soft_cross_entropy = ag.defop(
    _forward,
    _rule_a,
    _rule_p,
    name="soft_cross_entropy",
    module="nn.losses",
    otherwise=_by_parts,
)


def kl_divergence(
    pre_activation: Any, target: Any, reduction: str = "mean", *, mask: Any = None
) -> Any:
    """Compute the divergence Σ p log(p / q) of q, the softmax of the outputs, from targets p.

    (Kullback & Leibler 1951.) It is the cross-entropy less the entropy of p: not negative, zero
    where q = p, and with the same gradient q - p at the pre-activations. Logarithms of
    probabilities are pre-activations too, their softmax being those probabilities.

    Both have shape (..., classes); the mean is over the examples (PyTorch's ``"batchmean"``), and
    ``mask`` is for examples. Rows of p that are no distribution are a ``ValueError``, as for
    ``cross_entropy``.

    >>> kl_divergence(np.log([[0.5, 0.5], [0.5, 0.5]]), [[0.5, 0.5], [1.0, 0.0]], "none").round(4)
    array([0.    , 0.6931])
    """
    who = "kl_divergence"
    check_reduction(who, reduction)
    a, p = pair(who, pre_activation, target)
    keep = None
    if mask is not None:
        keep = check_mask(who, mask, a.shape[:-1])
        a, p = harmless(keep, a), only(keep, p)
    checked_probabilities(who, p, keep)
    entropy = p * np.log(np.where(p > 0, p, 1.0))  # 0 log 0 is 0
    each = np.sum(entropy - p * ag.log_softmax(a, axis=-1), axis=-1)
    return reduce(who, each, reduction, keep)


def only(keep: Any, x: Any) -> Any:
    """Return the rows that count, and zeros for the others."""
    return np.where(keep[..., None], x, 0.0)


def harmless(keep: Any, a: Any) -> Any:
    """Return outputs whose losses, times zero, are zero where they do not count."""
    # For the most part they are that already, and a copy of all would cost more than a look at
    # those few.
    found = value(a)
    if known(found) and known(keep) and np.isfinite(found[~keep]).all():
        return a
    return only(keep, a)


def checked_probabilities(who: str, target: Any, keep: Any = None) -> None:
    """Refuse rows that are no distributions, among those that count."""
    p = value(target)
    if not p.shape or not p.shape[-1]:
        raise ValueError(f"{who}: pre-activations need a last axis, one entry per class")
    if not known(p) or not p.size:
        return
    # Looking for what is right and not for what is wrong finds NaN as well.
    wrong = ~(p >= 0) if not p.min() >= 0 else None
    if wrong is not None:
        at = first(wrong)
        raise ValueError(
            f"{who}: the target probabilities have {p[at]} in {place(at)}; they must be 0 or more"
        )
    sums = p.sum(axis=-1)
    off = ~(np.abs(sums - 1) <= (1e-2 if p.dtype.itemsize < 4 else 1e-4))
    if keep is not None:
        off &= keep
    if off.any():
        at = first(off)
        row = "the only row sums" if not at else f"row {', '.join(map(str, at))} sums"
        raise ValueError(
            f"{who}: the target probabilities of each row must sum to 1, and {row} to {sums[at]}; "
            f"divide by target.sum(axis=-1, keepdims=True)"
        )
