"""The losses of support vector machines: right by a margin, or else."""

from __future__ import annotations

from typing import Any

import numpy as np

import autograd_core as ag
from autograd_core.registry import known

from .distributions import harmless
from .labels import checked_labels, of_the_right, one_hot
from .shared import array, check_mask, check_reduction, first, outputs, pair, place, reduce, value

__all__ = ["hinge_loss"]

MULTICLASS = ("crammer-singer", "weston-watkins")


def hinge_loss(
    output: Any,
    target: Any,
    reduction: str = "mean",
    *,
    multiclass: str = "crammer-singer",
    mask: Any = None,
) -> Any:
    """Compute the hinge loss: zero for what is right by a margin of 1, and linear from there.

    For targets y of -1 and 1, in the shape of the outputs a, it is max(0, 1 - y a). For classes,
    integers in the shape without the last axis of the outputs (..., classes), it is by
    ``multiclass``

    - ``"crammer-singer"`` (2001): max(0, 1 + max over j ≠ y of a_j - a_y);
    - ``"weston-watkins"`` (1999): Σ over j ≠ y of max(0, 1 + a_j - a_y), which PyTorch divides by
      the number of classes.

    Targets of another shape, other than -1 and 1 or outside the classes are a ``ValueError`` that
    says where.

    >>> hinge_loss([2.0, 0.5, 0.5], [1, 1, -1], "none")
    array([0. , 0.5, 1.5])
    >>> a = [[1.0, 0.5, 0.25]]
    >>> hinge_loss(a, [0], "none"), hinge_loss(a, [0], "none", multiclass="weston-watkins")
    (array([0.5]), array([0.75]))
    """
    who = "hinge_loss"
    check_reduction(who, reduction)
    if multiclass not in MULTICLASS:
        raise ValueError(
            f"{who}: unknown multiclass {multiclass!r}, known are {', '.join(MULTICLASS)}"
        )
    a, y = outputs(who, output), array(value(target))
    if y.shape != a.shape and y.shape == a.shape[:-1] and a.shape[-1] > 1:
        return _of_classes(a, y, reduction, multiclass, mask)
    a, y = pair(who, a, y)
    keep = None
    if mask is not None:
        keep = check_mask(who, mask, a.shape)
        a, y = np.where(keep, a, 0.0), np.where(keep, y, 1.0)
    if known(y) and not (np.abs(y) == 1).all():
        at = first(np.abs(y) != 1)
        hint = "; write 2 * target - 1 for targets of 0 and 1" if y[at] == 0 else ""
        raise ValueError(
            f"{who}: the targets have {y[at]} in {place(at)}, and must be -1 or 1{hint}"
        )
    return reduce(who, ag.relu(1.0 - y * a), reduction, keep)


def _of_classes(a: Any, y: Any, reduction: str, multiclass: str, mask: Any) -> Any:
    keep, index = checked_labels("hinge_loss", y, a.shape, reduction, mask=mask)
    if keep is not None:
        a = harmless(keep, a)
    # The right class takes part with a margin of 0, and so adds nothing.
    margin = 1.0 - one_hot(index, a.shape[-1]).astype(a.dtype)
    short = a + margin - of_the_right(a, index)[..., None]
    if multiclass == "crammer-singer":
        each = np.max(short, axis=-1)
    else:
        each = np.sum(ag.relu(short), axis=-1)
    return reduce("hinge_loss", each, reduction, keep)
