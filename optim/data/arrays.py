"""Data: splitting, classes as rows, and checks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

import autograd_core as ag

from ..options import as_generator, count, fraction

__all__ = ["check_finite", "one_hot", "train_val_test_split"]

#: Inputs and targets of some of the examples.
Part = tuple[NDArray[Any], NDArray[Any]]


def train_val_test_split(
    X: ArrayLike,
    y: ArrayLike,
    validation: float = 0.2,
    test: float = 0.2,
    stratify: bool = True,
    rng: np.random.Generator | None = None,
) -> tuple[Part, Part, Part]:
    """Split the examples by chance into those to learn from, to choose by and to judge by.

    ``validation`` and ``test`` are shares of the whole. With ``stratify`` each class of ``y``
    has its share of both, to within one example, and training has what remains. Returns three
    pairs (inputs, targets). Shares that leave nothing for training, of the whole or of a class, are
    a ``ValueError``.
    Parts are copies: of a memory map split the numbers of its rows instead, ``np.arange(len(X))``
    for ``X``, and give each part to ``Minibatches(X, y, rows=...)``.

    >>> X, y = np.arange(20).reshape(10, 2), np.repeat([0, 1], 5)
    >>> train, val, test = train_val_test_split(X, y)
    >>> [len(part[1]) for part in (train, val, test)], [int(sum(p[1])) for p in (train, val, test)]
    ([6, 2, 2], [3, 1, 1])
    """
    inputs, targets = as_array(X), as_array(y)
    n = common_length([inputs, targets], "train_val_test_split")
    for name, share in (("validation", validation), ("test", test)):
        fraction("train_val_test_split", name, share)
    if validation + test >= 1:
        raise ValueError(
            f"train_val_test_split: validation={validation} and test={test} leave nothing to train"
        )
    if stratify and targets.ndim != 1:
        raise ValueError(
            f"train_val_test_split: with stratify y is a class for each row, and not of shape "
            f"{targets.shape}; use stratify=False"
        )
    generator = as_generator(rng)
    order = generator.permutation(n)
    # Without stratify, all examples are of one class.
    classes, index, counts = np.unique(
        np.asarray(targets)[order] if stratify else np.zeros(n),
        return_inverse=True,
        return_counts=True,
    )
    by_class = np.split(order[np.argsort(index, kind="stable")], np.cumsum(counts)[:-1])
    parts: list[list[NDArray[Any]]] = [[], [], []]
    before = 0
    for label, rows in zip(classes, by_class, strict=True):
        # Differences of rounded running counts: right to within one, in each class and in total.
        after = before + len(rows)
        tested = round(after * test) - round(before * test)
        held_out = tested + round(after * validation) - round(before * validation)
        if held_out >= len(rows):
            raise ValueError(
                f"train_val_test_split: no example {f'of class {label} ' if stratify else ''}is "
                f"left to train with, of {len(rows)}; use smaller shares"
                + (" or stratify=False" if stratify else "")
            )
        parts[0].append(rows[held_out:])
        parts[1].append(rows[tested:held_out])
        parts[2].append(rows[:tested])
        before = after
    # Mixed again, so that the classes do not come one after the other.
    train, val, last = (generator.permutation(np.concatenate(part)) for part in parts)
    return (
        (inputs[train], targets[train]),
        (inputs[val], targets[val]),
        (inputs[last], targets[last]),
    )


def one_hot(
    labels: ArrayLike, n_classes: int | None = None, dtype: DTypeLike | None = None
) -> NDArray[Any]:
    """Write each label y as the row e(y) that is 1 at y and 0 elsewhere.

    Labels of any shape are whole numbers from 0 on, and the classes become a last axis; there are
    ``n_classes``, or one more than the largest label. ``dtype`` is the default dtype if None. A
    label out of range is a ``ValueError`` that says where.

    >>> one_hot([0, 2, 1])
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 1., 0.]])
    """
    index = np.asarray(labels)
    if not index.size and not hasattr(labels, "dtype"):
        index = index.astype(int)  # an empty list says nothing of a kind
    if index.dtype.kind not in "biu":
        raise TypeError(
            f"one_hot: labels must be whole numbers, not {index.dtype}; "
            f"np.unique(labels, return_inverse=True) numbers them"
        )
    if n_classes is not None:
        n_classes = count("one_hot", "n_classes", n_classes)
    elif not index.size:
        raise ValueError("one_hot: there are no labels; say how many classes with n_classes")
    else:
        n_classes = max(int(index.max()) + 1, 1)
    wrong = np.argwhere((index < 0) | (index >= n_classes))
    if len(wrong):
        where = tuple(int(i) for i in wrong[0])
        place = f" at {where[0] if len(where) == 1 else where}" if where else ""
        raise ValueError(f"one_hot: label {index[where]}{place} is not in 0 to {n_classes - 1}")
    rows = np.zeros((*index.shape, n_classes), ag.get_default_dtype() if dtype is None else dtype)
    np.put_along_axis(rows, index[..., None].astype(np.intp), 1, axis=-1)
    return rows


def check_finite(array: Any, name: str = "X", who: str = "check_finite") -> Any:
    """Return the array, or refuse NaN and infinity by row and column with a ``ValueError``.

    Memory maps are read in parts; what holds no floating-point numbers is returned unread.

    >>> check_finite(np.array([[1.0, 2.0], [3.0, np.nan]]))
    Traceback (most recent call last):
        ...
    ValueError: check_finite: X has nan in row 1, column 1; remove or replace such values first
    """
    data: NDArray[Any] = np.asarray(array)
    if data.dtype.kind in "fc":
        if data.ndim:
            for part in row_parts(data):
                finite_rows(data[part], who, name, part.start)
        elif not np.isfinite(data):
            raise ValueError(f"{who}: {name} is {data}")
    return array


def as_array(x: Any) -> Any:
    """Make an array of what is none; memory maps and other kinds of arrays stay what they are."""
    # What pandas has is read by labels, and not by the numbers of rows.
    duck = hasattr(x, "shape") and hasattr(x, "dtype") and not hasattr(x, "iloc")
    return x if duck else np.asarray(x)


def is_dask(array: Any) -> bool:
    """Whether an array is Dask's, found out without importing it."""
    return hasattr(array, "__dask_graph__") and hasattr(array, "chunks")


def common_length(arrays: list[Any], who: str) -> int:
    """Return the number of rows, the same in all arrays."""
    shapes = {i: array.shape for i, array in enumerate(arrays) if array is not None}
    if not shapes:
        raise ValueError(f"{who}: give at least one array")
    for i, shape in shapes.items():
        if not shape:
            raise ValueError(f"{who}: array {i} is a single number; rows are needed")
    lengths = {i: shape[0] for i, shape in shapes.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"array {i} has {length}" for i, length in lengths.items())
        raise ValueError(f"{who}: the arrays must have the same number of rows, but {told}")
    (n,) = set(lengths.values())
    if not n:
        raise ValueError(f"{who}: there are no examples, shapes are {list(shapes.values())}")
    return int(n)


#: How many numbers of a large array are looked at in one go: they fit in a cache.
_PART = 1 << 18


def row_parts(data: NDArray[Any]) -> Iterator[slice]:
    """Cut the rows into parts that need little memory."""
    rows = max(1, _PART // max(1, math.prod(data.shape[1:])))
    for start in range(0, len(data), rows):
        yield slice(start, start + rows)


def finite_rows(data: NDArray[Any], who: str, name: str, first: int) -> NDArray[Any]:
    """Refuse NaN and infinity in rows that are counted from ``first``."""
    finite = np.isfinite(data)
    if not finite.all():
        index = tuple(np.argwhere(~finite)[0])
        row, *inner = (int(i) for i in index)
        where = f"row {first + row}"
        if inner:
            where += f", column {inner[0]}" if len(inner) == 1 else f" at {tuple(inner)}"
        raise ValueError(
            f"{who}: {name} has {data[index]} in {where}; remove or replace such values first"
        )
    return data
