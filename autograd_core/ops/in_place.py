"""Functions of NumPy that write into their first argument: on a tensor, writes by an index.

The tensor becomes a handle on the result, as by ``x[index] = value``, and whoever read it before
keeps what they read.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..registry import derived
from .indexing import along, flat_index, plain, positions


def _write(what: Any, a: Any, index: Any, value: Any) -> None:
    a._check_in_place(f"np.{what.__name__}")
    a[index] = value


def _repeated(values: Any, count: Any) -> Any:
    """The elements of ``values`` for the writes numbered ``count``, from the start if they end."""
    flat = np.ravel(values)
    return flat[count % flat.size]


def _check_casting(a: Any, value: Any, casting: str = "same_kind") -> None:
    """Raise what NumPy does where ``value`` may not be cast to the dtype of ``a``."""
    empty = np.empty(0, value.dtype) if hasattr(value, "dtype") else value
    np.copyto(np.empty(0, a.dtype), empty, casting=casting)  # type: ignore[arg-type]


def _size(values: Any) -> int:
    return int(values.size if hasattr(values, "size") else np.size(values))


@derived(np.put, mutates=True)
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """Write ``v``, repeated as needed, at positions ``ind`` of the ravelled ``a``."""
    ind = np.ravel(plain(ind))
    if mode == "raise":
        for index in ind[(ind < -a.size) | (ind >= a.size)][:1]:
            raise IndexError(f"index {index} is out of bounds for axis 0 with size {a.size}")
    if a.ndim == 0:
        if _size(v) and ind.size:
            _write(np.put, a, ..., _repeated(v, ind.size - 1))  # the last write wins
    elif _size(v):
        index = flat_index(positions(ind, a.size, mode), a.shape)
        _write(np.put, a, index, _repeated(v, np.arange(ind.size)))


def _mask(name: str, a: Any, mask: Any) -> Any:
    mask = plain(mask).astype(bool)
    if mask.size != a.size:
        raise ValueError(f"{name}: mask and data must be the same size")
    return np.reshape(mask, a.shape)


@derived(np.place, mutates=True)
def place(arr: Any, mask: Any, vals: Any) -> None:
    """Write ``vals`` in their order, repeated as needed, where ``mask`` holds."""
    mask = _mask("place", arr, mask)
    count = np.count_nonzero(mask)
    if count and not _size(vals):
        raise ValueError("Cannot insert from an empty array!")
    if _size(vals):
        _write(np.place, arr, mask, _repeated(vals, np.arange(count)))


@derived(np.putmask, mutates=True)
def putmask(a: Any, mask: Any, values: Any) -> None:
    """Write where ``mask`` holds the element of ``values``, repeated, that is as far in."""
    mask = _mask("putmask", a, mask)
    if _size(values):
        _write(np.putmask, a, mask, _repeated(values, np.flatnonzero(mask)))


@derived(np.copyto, mutates=True)
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    """Write ``src``, broadcast, into ``dst`` where the mask ``where``, broadcast, holds."""
    if isinstance(src, (list, tuple)):
        src = np.asarray(src)
    _check_casting(dst, src, casting)
    if where is True:
        _write(np.copyto, dst, ..., src)
        return
    mask = np.broadcast_to(plain(where).astype(bool), dst.shape)
    if hasattr(src, "shape") and src.shape:
        extra = len(src.shape) - len(dst.shape)
        if extra > 0 and src.shape[:extra] == (1,) * extra:
            src = np.reshape(src, src.shape[extra:])
        src = np.broadcast_to(src, dst.shape)[mask]
    _write(np.copyto, dst, mask, src)


@derived(np.fill_diagonal, mutates=True)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """Write ``val``, repeated as needed, on the main diagonal, of a tall matrix again and again."""
    if a.ndim < 2:
        raise ValueError("array must be at least 2-d")
    if a.ndim > 2 and len(set(a.shape)) > 1:
        raise ValueError("All dimensions of input must be of equal length")
    if a.ndim > 2:
        index: tuple[Any, ...] = (np.arange(a.shape[0]),) * a.ndim
    else:
        rows, columns = a.shape
        steps = np.arange(0, a.size if wrap else min(a.size, columns * columns), columns + 1)
        index = np.unravel_index(steps, (rows, columns))
    if _size(val):
        _write(np.fill_diagonal, a, index, _repeated(val, np.arange(index[0].size)))


@derived(np.put_along_axis, mutates=True)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None) -> None:
    """Write ``values`` at the elements that ``take_along_axis`` reads by ``indices``."""
    indices = plain(indices)
    if axis is None:
        if indices.ndim != 1:
            raise ValueError("when `axis=None`, `indices` must have a single dimension.")
    elif not -arr.ndim <= axis < arr.ndim:
        raise np.exceptions.AxisError(axis, arr.ndim)
    elif indices.ndim != arr.ndim:
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    elif indices.dtype.kind not in "iu":
        raise IndexError("`indices` must be an integer array")
    if arr.ndim == 0:
        if indices.size:
            last = np.broadcast_to(values, indices.shape)[-1]
            _write(np.put_along_axis, arr, ..., last)
        return
    _write(np.put_along_axis, arr, along(arr.shape, indices, axis), values)
