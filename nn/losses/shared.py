"""What the losses share: checks that say what is wrong where, masks, reductions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import autograd_core as ag
from autograd_core import Tensor
from autograd_core.registry import known

REDUCTIONS = ("mean", "sum", "none")


def check_reduction(who: str, reduction: str) -> None:
    """Refuse an unknown reduction."""
    if reduction not in REDUCTIONS:
        raise ValueError(
            f"{who}: unknown reduction {reduction!r}, known are {', '.join(REDUCTIONS)}"
        )


def array(x: Any) -> Any:
    """Make an array of what is none; tensors and other kinds of arrays stay what they are."""
    return x if hasattr(x, "__array_function__") else np.asarray(x)


def outputs(who: str, x: Any) -> Any:
    """Return outputs as floating-point numbers."""
    x = array(x)
    if x.dtype.kind == "f":
        return x
    if x.dtype.kind not in "biu":
        raise TypeError(f"{who}: outputs must be real numbers, not {x.dtype}")
    return x.astype(ag.get_default_dtype())


def pair(who: str, output: Any, target: Any) -> tuple[Any, Any]:
    """Return outputs and targets, of one shape and the outputs' dtype."""
    x, y = outputs(who, output), array(target)
    if y.shape != x.shape:
        raise ValueError(
            f"{who}: targets of shape {y.shape} for outputs of shape {x.shape}: they must be "
            f"equal{_reshaping(x.shape, y.shape)}"
        )
    if y.dtype != x.dtype:
        if y.dtype.kind not in "biuf":
            raise TypeError(f"{who}: targets must be real numbers, not {y.dtype}")
        y = y.astype(x.dtype)
    return x, y


def _reshaping(x: tuple[int, ...], y: tuple[int, ...]) -> str:
    if x == (*y, 1):
        return "; write target[..., None], for broadcasting would pair each output with all targets"
    if y == (*x, 1):
        return "; write output[..., None], for broadcasting would pair each output with all targets"
    return ""


def value(x: Any) -> Any:
    """Return what a tensor holds, to look at."""
    return x.data if isinstance(x, Tensor) else x


def place(index: Any) -> str:
    """Say where an element is: row 3, column 1."""
    names = [int(i) for i in index]
    if not names:
        return "the only element"
    if len(names) == 1:
        return f"row {names[0]}"
    return f"row {', '.join(map(str, names[:-1]))}, column {names[-1]}"


def first(wrong: Any) -> tuple[int, ...]:
    """Return the index of the first element that is wrong."""
    return tuple(np.argwhere(wrong)[0])


MASK = "; replace it, or leave it out with mask=np.isfinite(target)"


def check_finite(who: str, target: Any, keep: Any = None, hint: str = MASK) -> None:
    """Refuse targets that hold NaN or infinity where they count."""
    y = value(target)
    if not known(y):
        return
    wrong = ~np.isfinite(y)
    if keep is not None:
        wrong &= keep
    if wrong.any():
        at = first(wrong)
        raise ValueError(f"{who}: the targets have {y[at]} in {place(at)}{hint}")


def check_mask(who: str, mask: Any, shape: tuple[int, ...]) -> Any:
    """Return the mask, as booleans in the shape of the losses."""
    keep = array(value(mask))
    if keep.dtype != bool:
        raise TypeError(
            f"{who}: a mask holds booleans, True where something counts, not {keep.dtype}; "
            f"for instance mask=mask.astype(bool)"
        )
    try:
        return np.broadcast_to(keep, shape)
    except ValueError:
        raise ValueError(
            f"{who}: a mask of shape {keep.shape} for losses of shape {shape}"
        ) from None


def count(who: str, shape: tuple[int, ...]) -> int:
    """Return the number of elements that a mean is over."""
    n = math.prod(shape)
    if n == 0:
        raise ValueError(f"{who}: the mean over an empty batch has no value")
    if n != n:
        raise ValueError(
            f"{who}: outputs of shape {shape}, of unknown length, have no mean: let Dask count "
            f"the data first, by compute_chunk_sizes()"
        )
    return n


def divisor(
    who: str, shape: tuple[int, ...], reduction: str, keep: Any = None, total: Any = None
) -> Any:
    """Return what the sum of losses of this shape is divided by, or None if they stay apart.

    For a mean that is ``total`` or, without one, the number of the losses that count.
    """
    if reduction == "none":
        return None
    if reduction == "sum":
        return 1
    if total is None:
        total = count(who, shape) if keep is None else np.sum(keep)
    if not known(total):
        return total * 1.0
    if not total > 0:
        raise ValueError(
            f"{who}: the mean has no value, for "
            + ("nothing in the batch counts" if math.prod(shape) else "the batch is empty")
        )
    return float(total)  # not in double precision, which a NumPy scalar would make of float32


def reduce(who: str, each: Any, reduction: str, keep: Any = None, total: Any = None) -> Any:
    """Reduce losses to what was asked for, see ``divisor``."""
    if keep is not None:
        each = np.where(keep, each, 0.0)
    over = divisor(who, each.shape, reduction, keep, total)
    if over is None:
        return each
    return np.sum(each) / (over if known(over) else over.astype(each.dtype))
