"""Ops that give elements another place: reshape, transpose, broadcast, copy, roll, tile, repeat."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..registry import defop, derived


def as_array(x: Any) -> Any:
    """Numbers, arrays and nested lists of them as one array; a list of tensors is stacked."""
    if isinstance(x, (list, tuple)):
        if any(isinstance(v, (list, tuple)) or hasattr(v, "__array_function__") for v in x):
            return np.stack([as_array(v) for v in x])
        return np.asarray(x)
    return x if hasattr(x, "__array_function__") else np.asarray(x)


def numbers(name: str, x: Any) -> Any:
    """``x`` as an array, of numbers: the op ``name`` computes with nothing else."""
    array = as_array(x)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"{name} takes numbers and arrays of them, not {x!r}")
    return array


def stored(x: Any, dtype: Any) -> Any:
    """``x`` as it is read back from an array of ``dtype``."""
    x = as_array(x)
    return x if x.dtype == dtype else x.astype(dtype)


def own(x: Any) -> Any:
    """A copy, a lazy one of a lazy array, of which `np.copy` would compute the elements."""
    return x.astype(x.dtype)


def _memory(x: Any) -> Any:
    """The array behind a tensor, to ask how its elements lie in memory."""
    return getattr(x, "_value", x)


def _is_fortran(x: Any) -> bool:
    flags = getattr(_memory(x), "flags", None)
    return flags is not None and bool(flags.fnc)  # duck arrays may have no layout to speak of


# --- the same elements in the same order ------------------------------------------------------


def _order(name: str, order: str | None, known: tuple[str, ...]) -> str:
    """Which order of elements is meant; None is the default."""
    if order is not None and not isinstance(order, str):
        raise TypeError(f"{name}: order must be a str, not {type(order).__name__}")
    found = "C" if order is None else order.upper()
    if found not in known:
        raise ValueError(f"{name}: order must be one of {known} (got {order!r})")
    return found


def _reshape_in_order(
    a: Any,
    shape: Any = None,
    order: str | None = "C",
    newshape: Any = None,
    copy: bool | None = None,
) -> Any:
    """Reshape by transposing first and last; which order "A" means is asked of the memory now."""
    shape = newshape if shape is None else shape
    order = _order("reshape", order, ("C", "F", "A"))
    if order == "F" or (order == "A" and _is_fortran(a)):
        shape = tuple(shape) if np.ndim(shape) else (shape,)
        y = np.transpose(np.reshape(np.transpose(a), shape[::-1]))
    else:
        y = np.reshape(a, shape)
    if copy:
        return own(y)
    if copy is False and y.size and not np.may_share_memory(_memory(y), _memory(a)):
        raise ValueError("reshape: this shape needs a copy, and copy=False was given")
    return y


# NumPy 2.0 has `newshape` where later ones have `shape`.
defop(
    np.reshape,
    lambda g, _out, _x, shape=None, newshape=None: np.reshape(g, _x.shape),
    kind="linear",
    otherwise=_reshape_in_order,
)


def _ravel_in_order(a: Any, order: str | None = "C") -> Any:
    """Ravel after a transpose; "A" and "K" read the axes as they lie in memory now."""
    order = _order("ravel", order, ("C", "F", "A", "K"))
    if order == "K" and hasattr(_memory(a), "strides"):
        steps = [abs(step) for step in _memory(a).strides]
        return np.ravel(np.transpose(a, sorted(range(a.ndim), key=lambda i: -steps[i])))
    if order == "F" or (order == "A" and _is_fortran(a)):
        a = np.transpose(a)
    return np.ravel(a)


defop(
    np.ravel,
    lambda g, _out, _x: np.reshape(g, _x.shape),
    kind="linear",
    otherwise=_ravel_in_order,
)
defop(np.expand_dims, lambda g, _out, _x, axis: np.reshape(g, _x.shape), kind="linear")
defop(np.squeeze, lambda g, _out, _x, axis=None: np.reshape(g, _x.shape), kind="linear")


def _each(function: Any, arys: tuple[Any, ...]) -> Any:
    results = tuple(function(as_array(x)) for x in arys)
    return results[0] if len(results) == 1 else results


@derived(np.atleast_1d)
def atleast_1d(*arys: Any) -> Any:
    """Each array with at least one axis."""
    return _each(lambda x: np.reshape(x, (1,)) if x.ndim == 0 else x, arys)


@derived(np.atleast_2d)
def atleast_2d(*arys: Any) -> Any:
    """Each array with at least two axes, new ones in front."""
    return _each(lambda x: np.reshape(x, (1, -1)) if x.ndim < 2 else x, arys)


@derived(np.atleast_3d)
def atleast_3d(*arys: Any) -> Any:
    """Each array with at least three axes, new ones on both sides."""

    def three(x: Any) -> Any:
        if x.ndim == 2:
            return np.reshape(x, (*x.shape, 1))
        return np.reshape(x, (1, -1, 1)) if x.ndim < 2 else x

    return _each(three, arys)


defop(
    np.copy,
    lambda g, _out, _x, order="K", subok=False: g,
    kind="linear",
)


def _in_layout(a: Any, dtype: Any, order: str) -> Any:
    x = atleast_1d(as_array(a))
    if dtype is not None:
        x = stored(x, np.dtype(dtype))
    flags = getattr(_memory(x), "flags", None)
    if flags is None or (flags.c_contiguous if order == "C" else flags.f_contiguous):
        return x
    return np.copy(x, order=order)  # type: ignore[call-overload]


# NumPy's own take no tensors: they do not ask an argument how it wants to be treated.
@derived(module="numpy")
def ascontiguousarray(a: Any, dtype: Any = None) -> Any:
    """Rows one after the other in memory: ``a`` itself, or a copy."""
    return _in_layout(a, dtype, "C")


@derived(module="numpy")
def asfortranarray(a: Any, dtype: Any = None) -> Any:
    """Columns one after the other in memory: ``a`` itself, or a copy."""
    return _in_layout(a, dtype, "F")


def _cast(x: Any, dtype: Any) -> Any:
    """A copy of ``x`` with another ``dtype``; the gradient comes back in that of ``x``."""
    return x.astype(dtype)


# The engine casts the gradient back.
cast = defop(_cast, lambda g, _out, _x, dtype: g, kind="linear", name="astype")

if hasattr(np, "astype"):  # NumPy 2.1

    @derived(np.astype)
    def astype(x: Any, dtype: Any, *, copy: bool = True, device: Any = None) -> Any:
        """``x`` in another dtype; an integer or boolean one has no gradient."""
        if device not in (None, "cpu"):
            raise ValueError(f"astype: the device is 'cpu' (got {device!r})")
        return x if not copy and x.dtype == np.dtype(dtype) else x.astype(dtype)


# --- the same elements in another order -------------------------------------------------------

defop(
    np.transpose,
    lambda g, _out, _x, axes=None: np.transpose(
        g, None if axes is None else tuple(int(a) for a in np.argsort([a % _x.ndim for a in axes]))
    ),
    kind="linear",
)
defop(
    np.matrix_transpose,
    lambda g, _out, _x: np.matrix_transpose(g),
    kind="linear",
)
defop(
    np.swapaxes,
    lambda g, _out, _x, axis1, axis2: np.swapaxes(g, axis1, axis2),
    kind="linear",
)
defop(
    np.moveaxis,
    lambda g, _out, _x, source, destination: np.moveaxis(g, destination, source),
    kind="linear",
)


@derived(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """Move an axis to stand before that which is now at ``start``."""
    # What becomes of axes of length 0, 1, 2, ... is NumPy's to say, and so are its errors.
    order = np.rollaxis(np.broadcast_to(0, tuple(range(a.ndim))), axis, start).shape
    return np.transpose(a, order)


defop(np.flip, lambda g, _out, _x, axis=None: np.flip(g, axis=axis), kind="linear")
defop(np.fliplr, lambda g, _out, _x: np.fliplr(g), kind="linear")
defop(np.flipud, lambda g, _out, _x: np.flipud(g), kind="linear")
defop(np.rot90, lambda g, _out, _x, k=1, axes=(0, 1): np.rot90(g, -k, axes), kind="linear")
defop(
    np.roll,
    lambda g, _out, _x, shift, axis=None: np.roll(g, np.negative(shift), axis),
    kind="linear",
)


# --- elements more than once ------------------------------------------------------------------

# The engine sums the gradient back over what was broadcast.
defop(
    np.broadcast_to,
    lambda g, _out, _x, shape, subok=False: g,
    kind="linear",
    broadcasting=True,
)
defop(np.broadcast_shapes)  # a fact about shapes: no operands, so no rules


@derived(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    """The arrays, each broadcast to the shape that they have together."""
    shape = np.broadcast_shapes(*(np.shape(x) for x in args))
    return tuple(np.broadcast_to(as_array(x), shape) for x in args)


@derived(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    """Coordinates of a grid: each vector along an axis of its own, broadcast to all of them."""
    if indexing not in ("xy", "ij"):
        raise ValueError("meshgrid: valid values for `indexing` are 'xy' and 'ij'")
    n = len(xi)
    places = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else list(range(n))
    grids: Any = [
        np.reshape(as_array(x), (1,) * i + (-1,) + (1,) * (n - i - 1))
        for i, x in zip(places, xi, strict=True)
    ]
    if not sparse:
        grids = broadcast_arrays(*grids)
    return tuple(map(own, grids)) if copy else tuple(grids)


defop(
    np.full_like,
    None,
    lambda g, _out, _a, _value, dtype=None, order="K", subok=True, shape=None, device=None: g,
    broadcasting=True,
)


def _tile(g: Any, _out: Any, _x: Any, reps: Any) -> Any:
    """Sum over the tiles, which lie apart on axes of their own after a reshape."""
    times = [int(n) for n in np.ravel(reps)]
    ndim = max(len(times), _x.ndim)
    times = [1] * (ndim - len(times)) + times
    sides = (1,) * (ndim - _x.ndim) + _x.shape
    apart = [n for pair in zip(times, sides, strict=True) for n in pair]
    return np.reshape(np.sum(np.reshape(g, apart), axis=tuple(range(0, 2 * ndim, 2))), _x.shape)


defop(np.tile, _tile, kind="linear")


def _sum_runs(x: Any, counts: Any, axis: int) -> Any:
    """Sums of ``counts`` neighbours each, along an axis: `np.repeat`, transposed."""
    shape = list(x.shape)
    shape[axis] = len(counts)
    out = np.zeros(shape, x.dtype)
    filled = counts > 0
    if out.size and filled.any():
        starts = (np.cumsum(counts) - counts)[filled]
        # `reduceat` is the one function that sums runs of any length at NumPy's speed.
        out[(slice(None),) * axis + (filled,)] = np.add.reduceat(x, starts, axis)
    return out


sum_runs = defop(
    _sum_runs,
    lambda g, _out, _x, counts, axis: np.repeat(g, counts, axis),
    kind="linear",
    name="sum_runs",
)


def _repeat(g: Any, _out: Any, _x: Any, repeats: Any, axis: int | None = None) -> Any:
    shape = (_x.size,) if axis is None or _x.ndim == 0 else _x.shape
    axis = 0 if axis is None else axis % len(shape)
    counts = np.asarray(repeats)
    if counts.size == 1:
        apart = (*shape[: axis + 1], int(counts.item()), *shape[axis + 1 :])
        total = np.sum(np.reshape(g, apart), axis=axis + 1)
    else:
        total = sum_runs(g, counts=counts, axis=axis)
    return np.reshape(total, _x.shape)


defop(np.repeat, _repeat, kind="linear")


def _resize(g: Any, _out: Any, _x: Any, new_shape: Any) -> Any:
    """Sum over the copies of which the result was filled, the last one cut short."""
    n, size = _x.size, g.size
    if n == 0 or size == 0:
        return np.zeros(_x.shape, g.dtype)
    copies = math.ceil(size / n)
    flat = np.concatenate([np.ravel(g), np.zeros(copies * n - size, g.dtype)])
    return np.reshape(np.sum(np.reshape(flat, (copies, n)), axis=0), _x.shape)


defop(np.resize, _resize, kind="linear")


# --- fewer elements ---------------------------------------------------------------------------


@derived(np.trim_zeros)
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    """Cut zeros off the front and the back; the place of the cut is taken for constant."""
    sides = trim.lower()
    if sides not in ("f", "b", "fb", "bf"):
        raise ValueError(f"trim_zeros: unexpected character(s) in `trim`: {trim!r}")
    axes = range(filt.ndim) if axis is None else normalize_axis_tuple(axis, filt.ndim)
    places = np.nonzero(filt) if filt.ndim else ()
    index = [slice(None)] * filt.ndim
    for i in axes:
        if places[i].size == 0:
            index[i] = slice(0, 0)
        else:
            first, last = int(np.min(places[i])), int(np.max(places[i]))
            index[i] = slice(first if "f" in sides else None, last + 1 if "b" in sides else None)
    return filt[tuple(index)] if axes else filt


# Facts about a shape, and arrays made in the likeness of another: nothing to differentiate.
for _fn in (np.shape, np.ndim, np.size, np.zeros_like, np.ones_like):
    defop(_fn, None)
defop(np.empty_like, None, signature="prototype dtype order subok shape device")
for _text in (np.array_repr, np.array_str, np.array2string):
    defop(_text, None)

# They know arrays by their dtype alone.
defop(np.result_type, signature="")
defop(np.can_cast, signature="")
