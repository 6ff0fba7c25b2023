"""Indexing: reading and writing by any index of NumPy's, with gradients that sum repeats."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..registry import Scatter, defop, is_basic


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
    return Scatter(index, g).dense(shape, g.dtype)


scatter = defop(_scatter, lambda g, _out, _x, index, shape: g[index], kind="linear", name="scatter")


def _setitem(x: Any, value: Any, index: Any) -> Any:
    """A copy of ``x`` with ``value`` written at ``index``."""
    out = np.array(x)  # a scalar too becomes an array that can be written
    out[index] = value
    return out


def _setitem_x(g: Any, _out: Any, _x: Any, _value: Any, index: Any) -> Any:
    return setitem(g, 0.0, index)


def _setitem_value(g: Any, _out: Any, _x: Any, _value: Any, index: Any) -> Any:
    region = g[index]
    if len(_value.shape) > len(region.shape):  # NumPy lets the value have further axes of one
        region = np.reshape(region, (1,) * (len(_value.shape) - len(region.shape)) + region.shape)
    if is_basic(index):
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


def _along(x: Any, indices: Any, axis: int) -> tuple[Any, ...]:
    """The advanced index by which ``take_along_axis`` reads ``x``."""
    axis = axis % len(x.shape)
    grid = np.ogrid[tuple(slice(n) for n in x.shape)]
    return tuple(indices if a == axis else grid[a] for a in range(len(x.shape)))


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
