"""Data: splitting, standardizing, and mini-batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

import autograd_core as ag

__all__ = ["Standardize", "minibatches", "train_val_test_split"]

#: Inputs and targets of some of the examples.
Part = tuple[NDArray[Any], NDArray[Any]]


def minibatches(
    *arrays: ArrayLike,
    batch_size: int,
    rng: np.random.Generator | None = None,
    shuffle: bool = True,
    drop_last: bool = False,
) -> Iterator[Any]:
    """Go through the examples once, in batches of ``batch_size`` rows.

    Yields a batch of the array or, given several of equal lengths (inputs, targets, ...), a
    tuple of batches with the same rows of each; None is passed through. The last batch is what
    remains, unless ``drop_last``. Arrays of different lengths are a ``ValueError``, as is nothing
    to go through. ``rng`` defaults to the context's generator.

    >>> X, y = np.arange(10).reshape(5, 2), np.arange(5)
    >>> for batch, labels in minibatches(X, y, batch_size=2, shuffle=False):
    ...     print(batch.shape, labels)
    (2, 2) [0 1]
    (2, 2) [2 3]
    (1, 2) [4]
    """
    held = [None if array is None else _array(array) for array in arrays]
    n = _length(held, "minibatches")
    if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)):
        raise TypeError(f"minibatches: batch_size must be a whole number, not {batch_size!r}")
    if batch_size < 1:
        raise ValueError(f"minibatches: batch_size must be 1 or more, not {batch_size}")
    if drop_last and batch_size > n:
        raise ValueError(
            f"minibatches: drop_last leaves no batch at all, for there are {n} examples and "
            f"batches have {batch_size}"
        )
    end = n - n % batch_size if drop_last else n
    generator = _generator(rng) if shuffle else None

    # A generator of its own, so that the checks above are made at the call and not at first use.
    def batches() -> Iterator[Any]:
        order = np.arange(n) if generator is None else generator.permutation(n)
        for start in range(0, end, batch_size):
            rows = order[start : start + batch_size]
            batch = tuple(None if array is None else array[rows] for array in held)
            yield batch if len(batch) > 1 else batch[0]

    return batches()


@final
class Standardize:
    """Subtract the training mean and divide by the training standard deviation, per column.

    A column that is constant in the training data is divided by 1. The standard deviation is
    that of the population (over n, not n - 1). Data are rows of numbers; floating-point dtypes are
    kept, integers become the default dtype. NaN or infinity, and another number of columns
    than in ``fit``, are a ``ValueError`` that says where; using it before ``fit`` is a
    ``RuntimeError``.

    >>> X = np.array([[1.0, 7.0], [3.0, 7.0]])
    >>> scale = Standardize().fit(X)
    >>> scale.transform(X)
    array([[-1.,  0.],
           [ 1.,  0.]])
    >>> scale.inverse_transform([[0.0, 0.0]])
    array([[2., 7.]])
    """

    def __init__(self) -> None:
        self.mean: NDArray[Any] | None = None
        self.scale: NDArray[Any] | None = None

    def fit(self, X: ArrayLike) -> Self:
        """Learn mean and standard deviation of each column; rows are examples."""
        data = _table(X, "fit")
        if not len(data):
            raise ValueError("Standardize.fit: there are no rows to learn from")
        # In double precision: the mean of many float32 is worth more than float32.
        with np.errstate(over="ignore", invalid="ignore"):
            mean = data.mean(axis=0, dtype=np.float64)
            scale = data.std(axis=0, dtype=np.float64)
        if not np.isfinite(scale).all():
            column = int(np.flatnonzero(~np.isfinite(scale))[0])
            raise ValueError(f"Standardize.fit: column {column} is too large to square")
        # By the values, for rounding can miss a deviation of zero; and what is too small to square
        # has one of zero though it varies.
        scale[(data.min(axis=0) == data.max(axis=0)) | (scale == 0)] = 1.0
        self.mean, self.scale = mean, scale
        return self

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Compute (x - mean) / deviation, with the mean and deviation of the training data."""
        data, mean, scale = self._ready(X, "transform")
        result: NDArray[Any] = ((data - mean) / scale).astype(data.dtype, copy=False)
        return result

    def fit_transform(self, X: ArrayLike) -> NDArray[Any]:
        """Learn from X and transform it."""
        return self.fit(X).transform(X)

    def inverse_transform(self, X: ArrayLike) -> NDArray[Any]:
        """Undo ``transform``."""
        data, mean, scale = self._ready(X, "inverse_transform")
        result: NDArray[Any] = (data * scale + mean).astype(data.dtype, copy=False)
        return result

    def _ready(self, X: ArrayLike, who: str) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        if self.mean is None or self.scale is None:
            raise RuntimeError(f"Standardize.{who}: call fit with the training data first")
        data = _table(X, who)
        if data.shape[1] != len(self.mean):
            raise ValueError(
                f"Standardize.{who}: X has {data.shape[1]} columns, and it was fitted to "
                f"{len(self.mean)}"
            )
        # In double precision as in fit: rounded first, the mean of large numbers is another one.
        return data, self.mean, self.scale


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
    has its share in each part, to within one example. Returns three pairs (inputs, targets). Shares
    that leave nothing for training, of the whole or of a class, are a ``ValueError``.

    >>> X, y = np.arange(20).reshape(10, 2), np.repeat([0, 1], 5)
    >>> train, val, test = train_val_test_split(X, y)
    >>> [len(part[1]) for part in (train, val, test)], [int(sum(p[1])) for p in (train, val, test)]
    ([6, 2, 2], [3, 1, 1])
    """
    inputs, targets = _array(X), _array(y)
    n = _length([inputs, targets], "train_val_test_split")
    for name, share in (("validation", validation), ("test", test)):
        if not 0 <= share < 1:
            raise ValueError(f"train_val_test_split: {name} must be in [0, 1), not {share}")
    if validation + test >= 1:
        raise ValueError(
            f"train_val_test_split: validation={validation} and test={test} leave nothing to train"
        )
    if stratify and targets.ndim != 1:
        raise ValueError(
            f"train_val_test_split: with stratify y is a class for each row, and not of shape "
            f"{targets.shape}; use stratify=False"
        )
    generator = _generator(rng)
    order = generator.permutation(n)
    # Without stratify, all examples are of one class.
    classes, index = np.unique(targets[order] if stratify else np.zeros(n), return_inverse=True)
    parts: list[list[NDArray[Any]]] = [[], [], []]
    before = 0
    for k, label in enumerate(classes):
        rows = order[index == k]
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


def _array(x: Any) -> Any:
    """Make an array of what is none; memory maps and other kinds of arrays stay what they are."""
    return x if hasattr(x, "shape") and hasattr(x, "dtype") else np.asarray(x)


def _length(arrays: list[Any], who: str) -> int:
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


def _table(X: ArrayLike, who: str) -> NDArray[Any]:
    """Return rows and columns of finite floating-point numbers, or say what is wrong where."""
    data = np.asarray(X)
    if data.ndim != 2:
        raise ValueError(
            f"Standardize.{who}: X must have rows and columns, and not shape {data.shape}; "
            f"reshape it to (examples, features)"
        )
    if data.dtype.kind in "biu":
        data = data.astype(ag.get_default_dtype())
    if data.dtype.kind != "f":
        raise TypeError(f"Standardize.{who}: X must hold real numbers, not {data.dtype}")
    finite = np.isfinite(data)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise ValueError(
            f"Standardize.{who}: X has {data[row, column]} in row {row}, column {column}; remove "
            f"or replace such values first"
        )
    return data


def _generator(rng: np.random.Generator | None) -> np.random.Generator:
    generator = ag.random_generator() if rng is None else rng
    if not isinstance(generator, np.random.Generator):
        raise TypeError(
            f"rng must be a NumPy Generator, not {generator!r}; "
            f"np.random.default_rng(seed) makes one"
        )
    return generator
