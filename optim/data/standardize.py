"""Standardizing data, in one pass over rows that need not fit in memory (L17)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self, final

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

import autograd_core as ag

from .arrays import finite_rows, row_parts

__all__ = ["Standardize"]


@final
class Standardize:
    """Subtract the training mean and divide by the training standard deviation, per column.

    A column that is constant in the training data is divided by 1. The standard deviation is
    that of the population (over n, not n - 1). Data are rows of numbers; floating-point dtypes are
    kept, integers become the default dtype. NaN or infinity, and another number of columns
    than in ``fit``, are a ``ValueError`` that says where; using it before ``fit`` is a
    ``RuntimeError``.

    ``fit`` reads the rows once, a part at a time, so that a memory map may be larger than memory;
    ``partial_fit`` goes on with more rows, for data that come as batches.

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
        self._moments: _Moments | None = None

    def fit(self, X: ArrayLike) -> Self:
        """Learn mean and standard deviation of each column; rows are examples."""
        data = _table(X, "fit")
        if not len(data):
            raise ValueError("Standardize.fit: there are no rows to learn from")
        return self._learn(None, data, "fit")

    def partial_fit(self, X: ArrayLike) -> Self:
        """Learn from more rows: mean and deviation are then those of all rows seen since ``fit``.

        Parts are joined by the formulas of Chan, Golub & LeVeque (1979), which cancel no digits.
        """
        data = _table(X, "partial_fit")
        if self.mean is not None and data.shape[1] != len(self.mean):
            raise ValueError(
                f"Standardize.partial_fit: X has {data.shape[1]} columns, and the rows before "
                f"had {len(self.mean)}"
            )
        return self._learn(self._moments, data, "partial_fit") if len(data) else self

    def _learn(self, moments: _Moments | None, data: NDArray[Any], who: str) -> Self:
        # An overflow is told below, by the column.
        with np.errstate(over="ignore", invalid="ignore"):
            for part in row_parts(data):
                here = _moments(finite_rows(data[part], f"Standardize.{who}", "X", part.start))
                moments = here if moments is None else _joined(moments, here)
        assert moments is not None
        scale = np.sqrt(moments.squares / moments.rows)
        if not np.isfinite(scale).all():
            column = int(np.flatnonzero(~np.isfinite(scale))[0])
            raise ValueError(f"Standardize.{who}: column {column} is too large to square")
        # By the values, for rounding can miss a deviation of zero; and what is too small to square
        # has one of zero though it varies.
        scale[(moments.low == moments.high) | (scale == 0)] = 1.0
        self.mean, self.scale, self._moments = moments.mean, scale, moments
        return self

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Compute (x - mean) / deviation, with the mean and deviation of the training data."""
        return self._computed(X, "transform", lambda rows, mean, scale: (rows - mean) / scale)

    def fit_transform(self, X: ArrayLike) -> NDArray[Any]:
        """Learn from X and transform it."""
        return self.fit(X).transform(X)

    def inverse_transform(self, X: ArrayLike) -> NDArray[Any]:
        """Undo ``transform``."""
        return self._computed(X, "inverse_transform", lambda rows, mean, scale: rows * scale + mean)

    def state_dict(self) -> dict[str, Any]:
        """Give what was learned, as plain data and arrays; before ``fit`` all is None."""
        known = dict.fromkeys(("scale", *_Moments._fields))
        if self._moments is not None:
            known = {"scale": self.scale, **self._moments._asdict()}
        return {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in known.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` gave; with an error nothing changes."""
        own = {"scale", *_Moments._fields}
        if set(state) != own:
            raise ValueError(
                f"this state is not of Standardize: it has {sorted(state)} where {sorted(own)} "
                f"is needed"
            )
        if state["rows"] is None:
            self.mean = self.scale = self._moments = None
            return
        scale, mean, squares, low, high = (
            np.array(state[name]) for name in ("scale", "mean", "squares", "low", "high")
        )
        shapes = {array.shape for array in (scale, mean, squares, low, high)}
        if len(shapes) > 1 or mean.ndim != 1:
            raise ValueError(f"this state is not of Standardize: its shapes are {sorted(shapes)}")
        moments = _Moments(int(state["rows"]), mean, squares, low, high)
        self.mean, self.scale, self._moments = mean, scale, moments

    def _computed(
        self, X: ArrayLike, who: str, compute: Callable[[Any, Any, Any], NDArray[Any]]
    ) -> NDArray[Any]:
        if self.mean is None or self.scale is None:
            raise RuntimeError(f"Standardize.{who}: call fit with the training data first")
        data = _table(X, who)
        if data.shape[1] != len(self.mean):
            raise ValueError(
                f"Standardize.{who}: X has {data.shape[1]} columns, and it was fitted to "
                f"{len(self.mean)}"
            )
        # In double precision as in fit, for rounded first the mean of large numbers is another one;
        # and in parts, so that the whole is never there in double precision.
        result: NDArray[Any] = np.empty(data.shape, _floating(data))
        for part in row_parts(data):
            rows = finite_rows(data[part], f"Standardize.{who}", "X", part.start)
            result[part] = compute(rows, self.mean, self.scale)
        return result


class _Moments(NamedTuple):
    """What is known of each column of some rows; the squares are of differences to the mean."""

    rows: int
    mean: NDArray[Any]
    squares: NDArray[Any]
    low: NDArray[Any]
    high: NDArray[Any]


def _moments(data: NDArray[Any]) -> _Moments:
    # In double precision: the mean of many float32 is worth more than float32.
    mean = data.mean(axis=0, dtype=np.float64)
    squares = ((data - mean) ** 2).sum(axis=0)
    return _Moments(len(data), mean, squares, data.min(axis=0), data.max(axis=0))


def _joined(a: _Moments, b: _Moments) -> _Moments:
    """Join what is known of some rows and of some others."""
    rows = a.rows + b.rows
    difference = b.mean - a.mean
    return _Moments(
        rows,
        a.mean + difference * (b.rows / rows),
        a.squares + b.squares + difference**2 * (a.rows * b.rows / rows),
        np.minimum(a.low, b.low),
        np.maximum(a.high, b.high),
    )


def _table(X: ArrayLike, who: str) -> NDArray[Any]:
    """Return rows and columns of real numbers, or say what is wrong."""
    data: NDArray[Any] = np.asarray(X)
    if data.ndim != 2:
        raise ValueError(
            f"Standardize.{who}: X must have rows and columns, and not shape {data.shape}; "
            f"reshape it to (examples, features)"
        )
    if data.dtype.kind not in "fbiu":
        raise TypeError(f"Standardize.{who}: X must hold real numbers, not {data.dtype}")
    return data


def _floating(data: NDArray[Any]) -> DTypeLike:
    """Return the dtype of what is computed from data: theirs, or for integers the default one."""
    return data.dtype if data.dtype.kind == "f" else ag.get_default_dtype()
