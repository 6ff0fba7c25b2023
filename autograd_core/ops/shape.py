"""Ops that move elements about: reshape, transpose, broadcast, join, split."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..registry import defop
from .indexing import scatter


def _reshape(
    g: Any, _out: Any, _x: Any, shape: Any = None, order: Any = "C", newshape: Any = None
) -> Any:  # NumPy 2.0 has `newshape` where later ones have `shape`
    if order not in ("C", "F"):
        raise ValueError(
            f"reshape with order={order!r} depends on how memory is laid out, and has no "
            "derivative here; use 'C' or 'F'"
        )
    return np.reshape(g, _x.shape, order=order)


defop(np.reshape, _reshape, kind="linear")
defop(
    np.ravel,
    lambda g, _out, _x, order="C": _reshape(g, _out, _x, order=order),
    kind="linear",
)
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
defop(np.expand_dims, lambda g, _out, _x, axis: np.reshape(g, _x.shape), kind="linear")
defop(np.squeeze, lambda g, _out, _x, axis=None: np.reshape(g, _x.shape), kind="linear")
defop(np.flip, lambda g, _out, _x, axis=None: np.flip(g, axis=axis), kind="linear")
# The engine sums the gradient back over what was broadcast.
defop(np.broadcast_to, lambda g, _out, _x, shape: g, kind="linear", broadcasting=True)


def _cast(x: Any, dtype: Any) -> Any:
    """A copy of ``x`` with another ``dtype``; the gradient comes back in that of ``x``."""
    return x.astype(dtype)


# The engine casts the gradient back.
cast = defop(_cast, lambda g, _out, _x, dtype: g, kind="linear", name="astype")


def _concatenate(g: Any, _out: Any, i: int, *_xs: Any, axis: int | None = 0) -> Any:
    if axis is None:
        start = sum(x.size for x in _xs[:i])
        return np.reshape(g[start : start + _xs[i].size], _xs[i].shape)
    axis = axis % _xs[i].ndim
    start = sum(x.shape[axis] for x in _xs[:i])
    return g[(slice(None),) * axis + (slice(start, start + _xs[i].shape[axis]),)]


defop(
    np.concatenate,
    _concatenate,
    kind="linear",
    variadic=True,
    signature="arrays axis",
)


def _stack(g: Any, _out: Any, i: int, *_xs: Any, axis: int = 0) -> Any:
    axis = axis % (_xs[i].ndim + 1)
    return g[(slice(None),) * axis + (i,)]


defop(np.stack, _stack, kind="linear", variadic=True, signature="arrays axis")


def _split(g: Any, _out: Any, _x: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    pieces = [
        np.zeros(shape, _x.dtype) if piece is None else piece
        for piece, shape in zip(g, _out.shape, strict=True)
    ]
    n = _x.shape[axis]
    if isinstance(indices_or_sections, int | np.integer):
        return np.concatenate(pieces, axis=axis)
    cuts = [0, *(int(cut) for cut in indices_or_sections), n]
    if cuts == sorted(cuts) and cuts[-2] <= n:
        return np.concatenate(pieces, axis=axis)
    # Pieces that overlap, or leave gaps: each is added where it was read.
    total: Any = 0.0
    for piece, start, end in zip(pieces, cuts[:-1], cuts[1:], strict=True):
        index = (slice(None),) * (axis % len(_x.shape)) + (slice(start, end),)
        total = total + scatter(piece, index=index, shape=_x.shape)
    return total


defop(np.split, _split, kind="linear")
defop(np.array_split, _split, kind="linear")

# Facts about a shape, and arrays made in the likeness of another: nothing to differentiate.
for _fn in (np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.empty_like):
    defop(_fn, None)
