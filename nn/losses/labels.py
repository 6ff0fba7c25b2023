"""Checks of labels, and of what goes with them: which count, and what each class weighs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_core.registry import known

from .shared import check_mask, first, place, value


def one_hot(labels: Any, classes: int) -> Any:
    """Return the lecture's e(y), as booleans, in each row."""
    if isinstance(labels, np.ndarray):
        return labels[..., None] == np.arange(classes)
    return labels[..., None] == np.arange(classes, like=labels)


def of_the_right(x: Any, index: Any) -> Any:
    """Return x_y of each example."""
    if known(index) and known(value(x)):
        return np.take_along_axis(x, index[..., None], axis=-1)[..., 0]
    chosen = one_hot(index, x.shape[-1])
    found = np.sum(np.where(chosen, x, 0.0), axis=-1)
    return np.where(chosen.any(axis=-1), found, np.nan)  # NaN for a label that is no class


def as_index(
    who: str, y: NDArray[Any], shape: tuple[int, ...], reduction: str
) -> NDArray[np.int64]:
    """Return the labels as an index, or say what is wrong with them, and where."""
    if type(y) is not np.ndarray:
        if isinstance(y, np.ma.MaskedArray):
            raise TypeError(f"{who}: labels are a MaskedArray; pass y.filled(0) and mask=~y.mask")
        if any(n != n for n in shape):
            raise ValueError(
                f"{who}: pre-activations of shape {shape}, of unknown length, have no mean: "
                "let Dask count the data first, by compute_chunk_sizes()"
            )
    if not shape or not shape[-1]:
        raise ValueError(f"{who}: pre-activations need a last axis, one entry per class")
    if y.shape != shape[:-1]:
        hint = "; for one-hot rows pass labels.argmax(axis=-1)" if y.shape == shape else ""
        if who == "cross_entropy":
            hint += f", or probabilities, floating-point numbers of shape {shape}"
        raise ValueError(
            f"{who}: labels of shape {y.shape} for pre-activations of shape {shape}: "
            f"expected {shape[:-1]}, one integer for each row{hint}"
        )
    if y.size == 0 and reduction == "mean":
        raise ValueError(f"{who}: the mean over an empty batch has no value")
    if y.dtype.kind not in "iu":
        raise TypeError(
            f"{who}: labels must be integers, not {y.dtype}; convert them, "
            f"for instance with labels.astype(int)"
        )
    # A copy, which the graph can keep: whoever fills a buffer with labels may fill it again.
    index = y.astype(np.int64)
    if not isinstance(index, np.ndarray):
        return index
    classes = shape[-1]
    # Read without a sign, a negative label is a huge one: a single pass finds both kinds. That for
    # the place of the largest is the fastest.
    unsigned = index.view(np.uint64)
    if y.size and unsigned.item(unsigned.argmax()) >= classes:
        wrong = tuple(np.argwhere(unsigned >= classes)[0])
        row = ", ".join(map(str, wrong))
        raise ValueError(
            f"{who}: row {row} has the label {y[wrong]}, outside the {classes} "
            f"classes 0 to {classes - 1} (the last axis of the pre-activations)"
        )
    return index


def checked_labels(
    who: str,
    y: Any,
    shape: tuple[int, ...],
    reduction: str,
    ignore_index: int | None = None,
    mask: Any = None,
) -> tuple[Any, Any]:
    """Return which examples count, None for all, and the labels as an index, 0 for the others."""
    keep = None if mask is None else check_mask(who, mask, shape[:-1])
    if y.shape == shape[:-1] and y.dtype.kind in "iuf":
        if keep is not None:
            # What is masked out need not even be an integer: NaN marks what is missing.
            y = _whole(np.where(keep, y, 0))
        if ignore_index is not None:
            counts = y != ignore_index
            y = np.where(counts, y, 0)
            keep = counts if keep is None else keep & counts
    return keep, as_index(who, y, shape, reduction)


def _whole(y: Any) -> Any:
    """Return numbers that are whole as integers: NaN among labels made them floats."""
    if y.dtype.kind == "f" and known(y) and np.isfinite(y).all() and (y == np.trunc(y)).all():
        return y.astype(np.int64)
    return y


def weights_of_classes(who: str, class_weights: Any, outputs: Any) -> Any:
    """Return the classes' weights in the outputs' dtype, or None."""
    if class_weights is None:
        return None
    weights = np.asarray(value(class_weights))
    classes = outputs.shape[-1]
    if weights.dtype.kind not in "biuf" or weights.shape != (classes,):
        raise ValueError(
            f"{who}: class_weights must be {classes} numbers, one for each class, and not "
            f"{weights.dtype} of shape {weights.shape}"
        )
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        (k,) = first(wrong)
        raise ValueError(
            f"{who}: class_weights must be finite and not negative, and that of class {k} is "
            f"{weights[k]}"
        )
    return weights.astype(outputs.dtype)


def weights_of_labels(weights: Any, index: Any) -> Any:
    """Return w_y of each example."""
    if known(index):
        return weights[index]
    return np.sum(one_hot(index, len(weights)) * weights, axis=-1)


def check_log_probabilities(who: str, x: Any) -> None:
    # As much above zero as rounding makes of a probability of one.
    if known(x) and x.size and x.max() > (1e-2 if x.dtype.itemsize < 4 else 1e-4):
        at = first(x == x.max())
        raise ValueError(
            f"{who}: {x[at]} in {place(at)} is the logarithm of no probability, being above 0; "
            f"cross_entropy takes pre-activations"
        )
