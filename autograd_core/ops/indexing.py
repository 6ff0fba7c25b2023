"""Indexing: reading and writing by any index of NumPy's, with gradients that sum repeats."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..registry import Scatter, defop


def is_basic(index: Any) -> bool:
    """Whether NumPy answers ``x[index]`` with a view: integers, slices, ``...`` and None."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None
        or part is Ellipsis
        or isinstance(part, slice)
        or (isinstance(part, int | np.integer) and not isinstance(part, bool))
        for part in parts
    )


def _getitem(x: Any, index: Any) -> Any:
    """``x[index]``."""
    return x[index]


getitem = defop(
    _getitem,
    lambda g, _out, _x, index: Scatter(index, g),
    kind="linear",
    name="getitem",
    symbol="[ ]",
)


def _scatter(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of ``shape`` with ``g`` added at ``index``, repeats summed: reading, transposed."""
    out = np.zeros(shape, g.dtype)
    add_at(out, index, g)
    return out


def add_at(buffer: Any, index: Any, g: Any) -> None:
    """Add ``g`` to ``buffer[index]`` in place, an element named twice twice."""
    if is_basic(index):
        buffer[index] += g
    else:
        np.add.at(buffer, index, g)


scatter = defop(_scatter, lambda g, _out, _x, index, shape: g[index], kind="linear", name="scatter")


def _setitem(x: Any, value: Any, index: Any) -> Any:
    """A copy of ``x`` with ``value`` written at ``index``."""
    out = x.copy()
    out[index] = value
    return out


def _setitem_x(g: Any, _out: Any, _x: Any, _value: Any, index: Any) -> Any:
    return setitem(g, 0.0, index)


def _setitem_value(g: Any, _out: Any, _x: Any, _value: Any, index: Any) -> Any:
    if is_basic(index):
        return g[index]
    # Where an element is named more than once, only the write that won has a gradient; which one
    # that is NumPy tells when positions are written through the same index.
    winner = np.full(_x.shape, -1)
    region = winner[index]
    position = np.arange(region.size).reshape(region.shape)
    winner[index] = position
    return np.where(winner[index] == position, g[index], 0.0)


setitem = defop(
    _setitem,
    _setitem_x,
    _setitem_value,
    kind="linear",
    broadcasting=True,
    name="setitem",
    symbol="[ ] =",
)


def _along(x: Any, indices: Any, axis: int) -> tuple[Any, ...]:
    """The advanced index by which ``take_along_axis`` reads ``x``."""
    axis = axis % x.ndim
    grid = np.ogrid[tuple(slice(n) for n in indices.shape)]
    return tuple(indices if a == axis else grid[a] for a in range(x.ndim))


defop(
    np.take_along_axis,
    lambda g, _out, _x, indices, axis=-1: (
        Scatter(_along(_x, indices, axis), g)
        if axis is not None
        else np.reshape(scatter(g, indices, (_x.size,)), _x.shape)
    ),
    None,
    kind="linear",
)
defop(np.nonzero, None)
defop(np.argsort, None)
defop(np.searchsorted, None, None)
