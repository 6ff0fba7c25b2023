"""Indexing: reading and writing by any index of NumPy's, with gradients that sum repeats."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..registry import Erase, Scatter, defop, derived, is_basic, known


def _getitem(x: Any, index: Any) -> Any:
    """``x[index]``."""
    if type(x) is np.ndarray or known(x) or not _known_index(index):
        return x[index]
    try:
        part = x[index]
        if all(n == n for n in part.shape):
            return part
    except (NotImplementedError, TypeError, ValueError):
        pass
    # Dask knows few kinds of indices, and of a mask not how much it picks; but it can pick any
    # positions of the ravelled array.
    place = np.arange(math.prod(x.shape)).reshape(x.shape)[index]
    return np.reshape(np.reshape(x, (-1,))[place.ravel()], place.shape)


getitem = defop(
    _getitem,
    lambda g, _out, _x, index: Scatter(index, g),
    kind="linear",
    name="getitem",
    symbol="[ ]",
)


def _scatter(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of ``shape`` with ``g`` added at ``index``, repeats summed: reading, transposed."""
    return Scatter(index, g).dense(shape, g.dtype)


scatter = defop(
    _scatter,
    lambda g, _out, _x, index, shape: getitem(g, index),
    kind="linear",
    name="scatter",
)


def _setitem(x: Any, value: Any, index: Any) -> Any:
    """A copy of ``x`` with ``value`` written at ``index``."""
    if not known(x):
        return _stored(x, value, index)
    out = np.array(x)  # a scalar too becomes an array that can be written
    out[index] = value
    return out


def _stored(x: Any, value: Any, index: Any) -> Any:
    """``x`` with ``value`` at ``index``, for arrays of other kinds than NumPy's."""
    out = x.copy()
    try:
        out[index] = value
    except (NotImplementedError, TypeError, ValueError, IndexError, AttributeError):
        # Dask stores by few kinds of indices, but each element can pick what is written there.
        if not _known_index(index):
            raise
        place = np.full(x.shape, -1)
        region = place[index].shape
        if 0 in region:
            return x
        place[index] = np.arange(math.prod(region)).reshape(region)
        if np.ndim(value) > len(region):  # NumPy lets the value have further axes of one
            value = np.reshape(value, np.shape(value)[np.ndim(value) - len(region) :])
        flat = np.reshape(np.broadcast_to(value, region), (-1,))
        picked = np.reshape(flat[np.maximum(place, 0).ravel()], x.shape)
        out = np.where(place >= 0, picked, x).astype(x.dtype)
    return out


def _known_index(index: Any) -> bool:
    """Whether an index holds no array that is not computed yet."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(known(part) or not hasattr(part, "__array_function__") for part in parts)


def _setitem_x(_g: Any, _out: Any, _x: Any, _value: Any, index: Any) -> Any:
    return Erase(index)


def _setitem_value(g: Any, _out: Any, _x: Any, _value: Any, index: Any) -> Any:
    region = getitem(g, index)
    if len(_value.shape) > len(region.shape):  # NumPy lets the value have further axes of one
        region = np.reshape(region, (1,) * (len(_value.shape) - len(region.shape)) + region.shape)
    if is_basic(index) or getattr(index, "dtype", None) == np.dtype(bool):
        return region
    # Where an element is named more than once, only the write that won has a gradient; which one
    # that is NumPy tells when positions are written through the same index.
    winner = np.full(_x.shape, -1)
    position = np.arange(winner[index].size).reshape(winner[index].shape)
    winner[index] = position
    return np.where(winner[index] == position, region, 0.0)


setitem = defop(
    _setitem,
    _setitem_x,
    _setitem_value,
    kind="linear",
    broadcasting=True,
    name="setitem",
    symbol="[ ] =",
)


def plain(x: Any) -> Any:
    """The array of an index or a mask, which has no gradient."""
    value = getattr(x, "_value", x)
    return value if hasattr(value, "dtype") else np.asarray(value)


def positions(indices: Any, n: int, mode: Any = "raise") -> Any:
    """``indices`` as NumPy's ``mode`` finds them along an axis of length ``n``."""
    if hasattr(indices, "dtype"):
        index = plain(indices).astype(np.intp, casting="same_kind", copy=False)
    else:  # of a list NumPy cuts fractions off
        index = np.asarray(indices, np.intp)
    return index if mode == "raise" else np.ravel_multi_index((index,), (n,), mode=mode)


def flat_index(index: Any, shape: tuple[int, ...]) -> Any:
    """The index by which an array of ``shape`` is read at the positions ``index`` of its ravel."""
    # NumPy adds at one array of indices much faster than at a tuple of them.
    if len(shape) == 1:
        return index
    return np.unravel_index(np.where(index < 0, index + math.prod(shape), index), shape)


def _take(
    g: Any, _out: Any, _x: Any, indices: Any, axis: int | None = None, mode: str = "raise"
) -> Any:
    if not _x.shape:
        return np.sum(g)
    if axis is None:
        return Scatter(flat_index(positions(indices, _x.size, mode), _x.shape), g)
    axis = axis % len(_x.shape)
    index = positions(indices, _x.shape[axis], mode)
    return Scatter((slice(None),) * axis + (index,) if axis else index, g)


# A primitive: NumPy reads by `take` several times faster than by the same index in brackets.
defop(np.take, _take, kind="linear")


def along(shape: tuple[int, ...], indices: Any, axis: int | None) -> Any:
    """The index by which ``take_along_axis`` reads an array of ``shape``."""
    if axis is None:
        return flat_index(positions(indices, math.prod(shape)), shape)
    if len(shape) == 1:
        return indices
    axis = axis % len(shape)
    grid = np.ogrid[tuple(slice(n) for n in shape)]
    return tuple(indices if a == axis else grid[a] for a in range(len(shape)))


def _take_along_axis(g: Any, _out: Any, _x: Any, indices: Any, axis: int | None = -1) -> Any:
    return Scatter(along(_x.shape, indices, axis), g) if _x.shape else np.sum(g)


defop(np.take_along_axis, _take_along_axis, None, kind="linear")


@derived(np.compress)
def compress(condition: Any, a: Any, axis: int | None = None, out: Any = None) -> Any:
    """The slices along ``axis`` for which the 1-d ``condition`` holds, which may be shorter."""
    mask = plain(condition)
    if mask.ndim != 1:
        raise ValueError("condition must be a 1-d array")
    if axis is None:
        a, axis = np.ravel(a), 0
    return np.take(a, np.flatnonzero(mask), axis=axis)  # `out` is the caller's business


@derived(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """The elements of the ravelled ``arr`` for which the ravelled ``condition`` holds."""
    return np.take(np.ravel(arr), np.flatnonzero(plain(condition)), axis=0)


# --- diagonals and triangles ------------------------------------------------------------------


def _diagonal(
    g: Any, _out: Any, _x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1
) -> Scatter:
    axis1, axis2 = axis1 % len(_x.shape), axis2 % len(_x.shape)
    down, right = max(-offset, 0), max(offset, 0)
    along = np.arange(g.shape[-1])
    index: list[Any] = [slice(None)] * len(_x.shape)
    index[axis1], index[axis2] = along + down, along + right
    # By such an index NumPy reads the diagonal where the two axes are, or first if they are apart.
    place = min(axis1, axis2) if abs(axis1 - axis2) == 1 else 0
    return Scatter(tuple(index), np.moveaxis(g, -1, place))


defop(np.diagonal, _diagonal, kind="linear")
# Of a vector the matrix that has it as its diagonal, of a matrix its diagonal.
defop(
    np.diag,
    lambda g, _out, _x, k=0: (
        np.diagonal(g, k) if len(_x.shape) == 1 else _diagonal(g, _out, _x, offset=k)
    ),
    kind="linear",
)


@derived(np.linalg.diagonal, module="numpy.linalg")
def diagonal(x: Any, *, offset: int = 0) -> Any:
    """The diagonals of a stack of matrices."""
    return np.diagonal(x, offset, -2, -1)


@derived(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    """The matrix that has the ravelled ``v`` as its diagonal."""
    return np.diag(np.ravel(v), k)


# The triangle of a vector is that of the matrix whose rows it is.
defop(np.tril, lambda g, _out, _x, k=0: np.tril(g, k), kind="linear", broadcasting=True)
defop(np.triu, lambda g, _out, _x, k=0: np.triu(g, k), kind="linear", broadcasting=True)

# --- indices: facts without a gradient --------------------------------------------------------

for _fact in (
    np.nonzero,
    np.flatnonzero,
    np.argwhere,
    np.diag_indices_from,
    np.tril_indices_from,
    np.triu_indices_from,
):
    defop(_fact, None)
defop(np.unravel_index, None, signature="indices shape order")
defop(np.ravel_multi_index, None, variadic=True, signature="multi_index dims mode order")
defop(np.ix_, None, None, signature="x y")
