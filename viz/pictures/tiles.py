"""Small images laid out on one sheet, as `filters` and `images` draw them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["columns_for", "sheet", "square"]


def sheet(tiles: NDArray[Any], columns: int, gap: int = 1) -> NDArray[Any]:
    """Lay tiles × rows × columns of pixels out row by row, NaN between them.

    Rows of tiles are ``gap`` pixels apart, and columns of them one pixel.

    >>> sheet(np.ones((3, 1, 1)), columns=2)
    array([[ 1., nan,  1.],
           [nan, nan, nan],
           [ 1., nan, nan]])
    """
    count, tall, wide = tiles.shape
    rows = math.ceil(count / columns)
    laid = np.full((rows * (tall + gap) - gap, columns * (wide + 1) - 1), np.nan)
    for j, tile in enumerate(tiles):
        top, left = j // columns * (tall + gap), j % columns * (wide + 1)
        laid[top : top + tall, left : left + wide] = tile
    return laid


def columns_for(count: int) -> int:
    """How many tiles to put in a row: in tens, so that a number is read off at a glance."""
    return min(count, 5 if count <= 25 else 10 if count <= 100 else 20)


def square(pixels: int, shape: Sequence[int] | None) -> tuple[int, int] | None:
    """The shape of a tile of so many pixels, by default square; None if they do not fill it."""
    if shape is None:
        side = math.isqrt(pixels)
        shape = (side, side)
    if not isinstance(shape, Sequence):
        raise TypeError(f"the shape of a tile is (rows, columns), not {shape!r}")
    if len(shape) != 2 or min(shape) < 1 or shape[0] * shape[1] != pixels:
        return None
    return int(shape[0]), int(shape[1])
