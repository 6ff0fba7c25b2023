"""First-layer weights as image tiles: what each hidden unit looks for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .figures import new_figure, plain_text, values

__all__ = ["filters"]


def filters(
    weight: ArrayLike,
    shape: tuple[int, int] | None = None,
    *,
    scale: str = "common",
    columns: int | None = None,
    title: str | None = None,
) -> Any:
    """Draw the weights into each unit as an image, and return the matplotlib figure.

    ``weight`` has shape (inputs, units), as an ``nn.Linear`` holds it; column j is drawn as a tile
    of ``shape`` (rows, columns) of pixels, by default square. Blue is negative, red positive, white
    zero: at one common ``scale``, or with ``"each"`` every tile at its own, divided by its largest
    absolute weight. The axes count the units: row plus column is j.

    Raises:
        ValueError: the tile's shape does not fit the inputs, no unit, NaN or inf. ImportError: no
        matplotlib.

    >>> figure = filters(np.eye(6), shape=(2, 3))
    >>> figure.axes[0].get_title()
    '6 units, 2×3 inputs each'
    """
    tiles = _tiles(weight, shape)
    if scale not in ("common", "each"):
        raise ValueError(f"filters: scale is 'common' or 'each', not {scale!r}")
    units, tall, wide = tiles.shape
    if columns is None:
        # Tens, so that the number of a unit is read off at a glance.
        columns = min(units, 5 if units <= 25 else 10 if units <= 100 else 20)
    elif not isinstance(columns, (int, np.integer)) or columns < 1:
        raise ValueError(f"filters: columns is a whole number from 1 up, not {columns!r}")
    if scale == "each":
        # A unit whose weights are all zero stays white.
        largest = abs(tiles).max(axis=(1, 2), keepdims=True)
        tiles = tiles / np.where(largest > 0, largest, 1.0)
    rows = math.ceil(units / columns)
    sheet = np.full((rows * (tall + 1) - 1, columns * (wide + 1) - 1), np.nan)
    for j, tile in enumerate(tiles):
        top, left = j // columns * (tall + 1), j % columns * (wide + 1)
        sheet[top : top + tall, left : left + wide] = tile
    bound = float(abs(tiles).max()) or 1.0
    # Large enough for the eye, and for `save_figure`, which writes 150 dots an inch.
    inches = max(min(7.0 / max(sheet.shape), 1.5 / max(tall, wide)), 2 / 150)
    size = (max(3.2, sheet.shape[1] * inches) + 1.4, max(1.6, sheet.shape[0] * inches) + 0.9)
    figure = new_figure(*size, "filters", title)
    axes = figure.subplots()
    image = axes.imshow(sheet, cmap=_colours(), vmin=-bound, vmax=bound, interpolation="nearest")
    axes.set_xticks(np.arange(columns) * (wide + 1) + (wide - 1) / 2, range(columns))
    axes.set_yticks(np.arange(rows) * (tall + 1) + (tall - 1) / 2, np.arange(rows) * columns)
    axes.tick_params(length=0, labelsize="small")
    axes.spines[:].set_visible(False)
    axes.set_xlabel("column (unit = row + column)")
    axes.set_ylabel("row")
    each = f"{units} unit{'s' if units > 1 else ''}, {tall}×{wide} inputs each"
    axes.set_title(plain_text(each), fontsize="medium")
    bar = figure.colorbar(image, ax=axes, shrink=0.9, format="%.2g")
    bar.set_label("weight" if scale == "common" else "weight / its unit's largest |weight|")
    return figure


def _tiles(weight: ArrayLike, shape: tuple[int, int] | None) -> NDArray[Any]:
    """The weights as units × rows × columns of pixels."""
    array = values(weight)
    if array.ndim != 2 or not array.size:
        raise ValueError(
            f"filters: weight must have shape (inputs, units), as Linear's, got {array.shape}"
        )
    if not np.isfinite(array).all():
        i, j = np.argwhere(~np.isfinite(array))[0]
        raise ValueError(f"filters: the weight of unit {j} for input {i} is {array[i, j]}")
    inputs, units = array.shape
    if shape is None:
        side = math.isqrt(inputs)
        if side * side != inputs:
            turned = math.isqrt(units) ** 2 == units
            hint = f", or pass weight.T if its {inputs} rows are the units" if turned else ""
            raise ValueError(
                f"filters: {inputs} inputs make no square tile; say its shape=(rows, columns){hint}"
            )
        shape = (side, side)
    if len(shape) != 2 or min(shape) < 1 or shape[0] * shape[1] != inputs:
        raise ValueError(
            f"filters: tiles of shape {tuple(shape)} do not hold the {inputs} inputs of a weight "
            f"of shape {array.shape}"
        )
    return array.T.reshape(units, *shape).astype(float)


def _colours() -> Any:
    """Blue, white, red; what is between the tiles is grey."""
    from matplotlib import colormaps

    return colormaps["RdBu_r"].with_extremes(bad="#c3cad1")
