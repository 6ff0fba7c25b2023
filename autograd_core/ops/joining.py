"""Ops that join, split, insert and delete."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..registry import defop, derived
from .indexing import scatter
from .shape import as_array, own, stored


def part(axis: int, *ends: int | None) -> tuple[slice, ...]:
    """The index of a slice along one axis."""
    return (slice(None),) * axis + (slice(*ends),)


# --- join -------------------------------------------------------------------------------------


def _as_stored(arrays: Any, dtype: Any, casting: Any) -> Any:
    """The arrays as ``dtype=`` and ``casting=`` want them."""
    arrays = list(map(as_array, arrays))
    if dtype is None and casting == "same_kind":
        return arrays
    target = np.dtype(dtype) if dtype is not None else np.result_type(*(x.dtype for x in arrays))
    for x in arrays:
        if not np.can_cast(x.dtype, target, casting):
            raise TypeError(
                f"Cannot cast array data from {x.dtype!r} to {target!r} according to the rule "
                f"{casting!r}"
            )
    return [stored(x, target) for x in arrays]


def _concatenate(g: Any, _out: Any, i: int, *_xs: Any, axis: int | None = 0) -> Any:
    if axis is None:
        start = sum(x.size for x in _xs[:i])
        return np.reshape(g[start : start + _xs[i].size], _xs[i].shape)
    axis = axis % _xs[i].ndim
    start = sum(x.shape[axis] for x in _xs[:i])
    return g[part(axis, start, start + _xs[i].shape[axis])]


defop(
    np.concatenate,
    _concatenate,
    kind="linear",
    variadic=True,
    signature="arrays axis out",
    otherwise=lambda arrays, axis=0, *, dtype=None, casting="same_kind": np.concatenate(
        _as_stored(arrays, dtype, casting), axis=axis
    ),
)


def _stack(g: Any, _out: Any, i: int, *_xs: Any, axis: int = 0) -> Any:
    axis = axis % (_xs[i].ndim + 1)
    return g[(slice(None),) * axis + (i,)]


defop(
    np.stack,
    _stack,
    kind="linear",
    variadic=True,
    signature="arrays axis out",
    otherwise=lambda arrays, axis=0, *, dtype=None, casting="same_kind": np.stack(
        _as_stored(arrays, dtype, casting), axis=axis
    ),
)


def _several(function: Any, arrays: Any) -> list[Any]:
    """``function`` of each of the arrays, of which one alone comes without a tuple."""
    return [function(x) for x in arrays]


@derived(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    """Join along the second axis, or the only one."""
    arrays = _several(np.atleast_1d, _as_stored(tup, dtype, casting))
    return np.concatenate(arrays, axis=0 if arrays and arrays[0].ndim == 1 else 1)


@derived(np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    """Join rows, or matrices, along the first axis."""
    return np.concatenate(_several(np.atleast_2d, _as_stored(tup, dtype, casting)), axis=0)


@derived(np.dstack)
def dstack(tup: Any) -> Any:
    """Join along the third axis."""
    return np.concatenate(_several(np.atleast_3d, map(as_array, tup)), axis=2)


@derived(np.column_stack)
def column_stack(tup: Any) -> Any:
    """Join vectors as the columns of a matrix; matrices as they are."""
    arrays = [as_array(x) for x in tup]
    columns = [np.reshape(x, (-1, 1)) if x.ndim < 2 else x for x in arrays]
    return np.concatenate(columns, axis=1)


@derived(np.append)
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """Join along ``axis``, or both flattened."""
    return np.concatenate([as_array(arr), as_array(values)], axis=axis)


def _depth(arrays: Any, place: str = "arrays") -> int:
    """How deep the lists of `block` are nested, the same everywhere."""
    if isinstance(arrays, tuple):
        raise TypeError(f"block: {place} is a tuple; only lists arrange blocks")
    if not isinstance(arrays, list):
        return 0
    if not arrays:
        raise ValueError(f"block: the list {place} is empty")
    depths = [_depth(x, f"{place}[{i}]") for i, x in enumerate(arrays)]
    if len(set(depths)) > 1:
        raise ValueError(
            f"block: list depths are mismatched: below {place} they are {depths}; all must be equal"
        )
    return 1 + depths[0]


def _leaves(arrays: Any) -> list[Any]:
    return [x for a in arrays for x in _leaves(a)] if isinstance(arrays, list) else [arrays]


@derived(np.block)
def block(arrays: Any) -> Any:
    """Join nested lists of blocks: the innermost along the last axis."""
    depth = _depth(arrays)
    ndim = max(depth, *(np.ndim(x) for x in _leaves(arrays)), 0)

    def joined(arrays: Any, axis: int) -> Any:
        if isinstance(arrays, list):
            return np.concatenate([joined(x, axis + 1) for x in arrays], axis=axis)
        x = as_array(arrays)
        return np.reshape(x, (1,) * (ndim - x.ndim) + x.shape)

    return joined(arrays, -depth) if depth else own(joined(arrays, 0))


# --- split ------------------------------------------------------------------------------------


def _split(g: Any, _out: Any, _x: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    pieces = [
        np.zeros(shape, _x.dtype) if piece is None else piece
        for piece, shape in zip(g, _out.shape, strict=True)
    ]
    n = _x.shape[axis]
    if np.ndim(indices_or_sections) == 0:
        return np.concatenate(pieces, axis=axis)
    cuts = [0, *(int(cut) for cut in indices_or_sections), n]
    if cuts == sorted(cuts) and cuts[-2] <= n:
        return np.concatenate(pieces, axis=axis)
    # Pieces that overlap, or leave gaps: each is added where it was read.
    total: Any = 0.0
    for piece, start, end in zip(pieces, cuts[:-1], cuts[1:], strict=True):
        index = part(axis % len(_x.shape), start, end)
        total = total + scatter(piece, index=index, shape=_x.shape)
    return total


defop(np.split, _split, kind="linear")
defop(np.array_split, _split, kind="linear")


@derived(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Split along the second axis, or the only one."""
    if ary.ndim == 0:
        raise ValueError("hsplit only works on arrays of 1 or more dimensions")
    return np.split(ary, indices_or_sections, axis=min(ary.ndim - 1, 1))


@derived(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Split along the first axis."""
    if ary.ndim < 2:
        raise ValueError("vsplit only works on arrays of 2 or more dimensions")
    return np.split(ary, indices_or_sections, axis=0)


@derived(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Split along the third axis."""
    if ary.ndim < 3:
        raise ValueError("dsplit only works on arrays of 3 or more dimensions")
    return np.split(ary, indices_or_sections, axis=2)


if hasattr(np, "unstack"):  # NumPy 2.1

    @derived(np.unstack)
    def unstack(x: Any, *, axis: int = 0) -> Any:
        """The parts at each place of an axis: `stack`, undone."""
        if x.ndim == 0:
            raise ValueError("unstack: the array must have at least one axis")
        axis = normalize_axis_index(axis, x.ndim)
        return tuple(x[(slice(None),) * axis + (i,)] for i in range(x.shape[axis]))


# --- read in another order, along an axis -----------------------------------------------------


def runs(index: Any) -> list[tuple[int, int, int]]:
    """Cut a list of positions into steps that are equal: (first, step, count).

    >>> runs(np.array([2, 1, 0, 1, 2, 2]))
    [(2, -1, 3), (1, 1, 2), (2, 0, 1)]
    """
    steps = np.diff(index)
    ends = [*(np.flatnonzero(np.diff(steps)) + 1).tolist(), len(steps)]
    found, start = [], 0
    for end in ends:  # of the places where the step is the same
        if end > start:
            found.append((int(index[start]), int(steps[start]), end - start + 1))
            start = end + 1
    if start < len(index):
        found.append((int(index[start]), 0, 1))
    return found


def read(x: Any, index: Any, axis: int) -> Any:
    """``np.take(x, index, axis)``: slices, joined, where that is few of them."""
    return np.concatenate(_pieces(x, index, axis), axis)


def _pieces(x: Any, index: Any, axis: int) -> list[Any]:
    # At most two changes of the step part one run from the next: many are told without a loop.
    steps = np.diff(index)
    many = np.count_nonzero(steps[1:] != steps[:-1]) > 40
    found = [] if many else runs(index)
    if many or len(found) > 16:
        return [x[(slice(None),) * axis + (index,)]]
    return [_run(x, axis, *run) for run in found] or [x[part(axis, 0)]]


def _run(x: Any, axis: int, first: int, step: int, count: int) -> Any:
    if step == 0:
        shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
        return np.broadcast_to(x[part(axis, first, first + 1)], shape)
    end = first + step * count
    return x[part(axis, first, end if end >= 0 else None, step)]


@derived(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """Read ``arr`` and ``values`` along an axis in the order that results."""
    arr, values = as_array(arr), as_array(values)
    if axis is None:
        arr, axis = np.ravel(arr), 0
    axis = normalize_axis_index(axis, arr.ndim)
    n = arr.shape[axis]
    if values.ndim < arr.ndim:
        values = np.reshape(values, (1,) * (arr.ndim - values.ndim) + values.shape)
    if not isinstance(obj, slice) and np.ndim(obj) == 0:
        values = np.moveaxis(values, 0, axis)
    # Where things go is NumPy's to say: it inserts their positions among those of `arr`.
    obj = getattr(obj, "_value", obj)
    count = np.insert(np.arange(n), obj, 0).size - n
    if count == 1:
        count = values.shape[axis]
    order = np.insert(np.arange(n), obj, n + np.arange(count))
    shape = (*arr.shape[:axis], count, *arr.shape[axis + 1 :])
    values = np.broadcast_to(stored(values, arr.dtype), shape)
    cuts = np.flatnonzero(np.diff(order >= n)) + 1
    if len(cuts) > 16:
        return read(np.concatenate([arr, values], axis=axis), order, axis)
    pieces = []
    for index in np.split(order, cuts):
        new = index.size and index[0] >= n
        pieces += _pieces(values, index - n, axis) if new else _pieces(arr, index, axis)
    return np.concatenate(pieces, axis)


@derived(np.delete)
def delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    """Read what remains."""
    arr = as_array(arr)
    if axis is None:
        arr, axis = np.ravel(arr), 0
    axis = normalize_axis_index(axis, arr.ndim)
    return read(arr, np.delete(np.arange(arr.shape[axis]), getattr(obj, "_value", obj)), axis)
