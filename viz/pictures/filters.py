"""First-layer weights as image tiles: what each hidden unit looks for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .figures import new_figure, plain_text, values
from .given import first_weight, named
from .tiles import columns_for, sheet, square

__all__ = ["filters"]


def filters(
    weight: Any,
    shape: tuple[int, int] | None = None,
    *,
    scale: str = "common",
    columns: int | None = None,
    title: str | None = None,
    label: str | None = None,
) -> Any:
    """Draw the weights into each unit as an image, and return the matplotlib figure.

    ``weight`` has shape (inputs, units), as an ``nn.Linear`` holds it; column j is drawn as a tile
    of ``shape`` (rows, columns) of pixels, by default square. Of a module or a fitted estimator it
    is the first layer's; inputs that make no square are then drawn as a row for each unit. A
    mapping from titles to weights draws them side by side. Blue is negative, red positive, white
    zero: at one common ``scale``, or with ``"each"`` every tile at its own, divided by its largest
    absolute weight. The axes count the units: row plus column is j. ``label`` says what the numbers
    are, where not weights.

    Raises:
        ValueError: the tile's shape does not fit the inputs, no unit, NaN or inf.
        ImportError: no matplotlib.

    >>> figure = filters(np.eye(6), shape=(2, 3))
    >>> figure.axes[0].get_title()
    '6 units, 2×3 inputs each'
    """
    given = dict(weight) if isinstance(weight, Mapping) else {"": weight}
    if not given:
        raise ValueError("filters: nothing to draw: the mapping is empty")
    if scale not in ("common", "each"):
        raise ValueError(f"filters: scale is 'common' or 'each', not {scale!r}")
    if columns is not None and (not isinstance(columns, (int, np.integer)) or columns < 1):
        raise ValueError(f"filters: columns is a whole number from 1 up, not {columns!r}")
    panels = {name: _tiles(array, shape, name) for name, array in given.items()}
    if columns is None and all(tiles.shape[1] == 1 < tiles.shape[2] for tiles in panels.values()):
        columns = 1
    if scale == "each":
        # A unit whose weights are all zero stays white.
        for name, tiles in panels.items():
            largest = abs(tiles).max(axis=(1, 2), keepdims=True)
            panels[name] = tiles / np.where(largest > 0, largest, 1.0)
    bound = max(float(abs(tiles).max()) for tiles in panels.values()) or 1.0
    wrapped = {name: columns or columns_for(len(tiles)) for name, tiles in panels.items()}
    # Rows of single pixels stand close: the weights as a matrix, a row a unit.
    gap = 0 if all(tiles.shape[1] == wrapped[name] == 1 for name, tiles in panels.items()) else 1
    sheets = {name: sheet(tiles, wrapped[name], gap) for name, tiles in panels.items()}
    tall = max(laid.shape[0] for laid in sheets.values())
    wide = max(laid.shape[1] for laid in sheets.values())
    n, pixels = len(sheets), max(max(tiles.shape[1:]) for tiles in panels.values())
    # Large enough for the eye, and for `save_figure`, which writes 150 dots an inch.
    across = 7.0 if n == 1 else max(7.0 / n, 3.4)
    inches = max(min(across / wide, 7.0 / tall, 1.5 / pixels), 2 / 150)
    size = (n * max(3.2 if n == 1 else 2.6, wide * inches) + 1.4, max(1.6, tall * inches) + 0.9)
    figure = new_figure(*size, "filters", title)
    places = figure.subplots(1, n, squeeze=False)[0]
    for axes, (name, tiles) in zip(places, panels.items(), strict=True):
        units, height, width = tiles.shape
        image = axes.imshow(
            sheets[name], cmap=_colours(), vmin=-bound, vmax=bound, interpolation="nearest",
            aspect="auto" if gap == 0 else "equal",
        )  # fmt: skip
        count, rows = wrapped[name], math.ceil(units / wrapped[name])
        axes.tick_params(length=0, labelsize="small")
        axes.spines[:].set_visible(False)
        shown = np.arange(0, rows, math.ceil(rows / 30))
        axes.set_yticks(shown * (height + gap) + (height - 1) / 2, shown * count)
        if gap == 0:
            inputs = np.arange(0, width, math.ceil(width / 15))
            axes.set_xticks(inputs, inputs)
            axes.set_xlabel("input")
            axes.set_ylabel("unit")
        else:
            axes.set_xticks(np.arange(count) * (width + 1) + (width - 1) / 2, range(count))
            axes.set_xlabel("column (unit = row + column)")
            axes.set_ylabel("row")
        each = f"{units} unit{'s' * (units > 1)}, "
        if gap == 0:
            each += f"{width} input{'s' * (width > 1)} each"
        else:
            each += f"{height}×{width} inputs each"
        axes.set_title(plain_text(name or each), fontsize="medium")
    bar = figure.colorbar(image, ax=list(places), shrink=0.9, format="%.2g")
    what = label or "weight"
    bar.set_label(
        plain_text(what if scale == "common" else f"{what} / its unit's largest |{what}|")
    )
    return figure


def _tiles(weight: Any, shape: tuple[int, int] | None, name: str) -> NDArray[Any]:
    """The weights as units × rows × columns of pixels."""
    held, of = first_weight(weight, "filters"), f" of {name!r}" if name else ""
    array = values(weight) if held is None else held
    if array.dtype.kind not in "biuf":
        if array.dtype == object:
            hint = "; pass the step that holds the weights" if hasattr(weight, "steps") else ""
            raise TypeError(
                f"filters: weight{of} must be an array, a module or a fitted estimator, not "
                f"{named(weight)}{hint}"
            )
        raise TypeError(f"filters: weight{of} must be real numbers, not {array.dtype}")
    if array.ndim != 2 or not array.size:
        raise ValueError(
            f"filters: weight{of} must have shape (inputs, units), as Linear's, got {array.shape}"
        )
    if not np.isfinite(array).all():
        i, j = np.argwhere(~np.isfinite(array))[0]
        raise ValueError(f"filters: the weight{of} of unit {j} for input {i} is {array[i, j]}")
    inputs, units = array.shape
    tile = square(inputs, shape)
    if tile is None and shape is None and held is not None:
        tile = (1, inputs)
    if tile is None and shape is None:
        turned = math.isqrt(units) ** 2 == units
        hint = f", or pass weight.T if its {inputs} rows are the units" if turned else ""
        raise ValueError(
            f"filters: {inputs} inputs make no square tile; say its shape=(rows, columns){hint}"
        )
    if tile is None:
        raise ValueError(
            f"filters: tiles of shape {tuple(shape or ())} do not hold the {inputs} inputs of a "
            f"weight of shape {array.shape}"
        )
    return array.T.reshape(units, *tile).astype(float)


def _colours() -> Any:
    """Blue, white, red; what is between the tiles is grey."""
    from matplotlib import colormaps

    return colormaps["RdBu_r"].with_extremes(bad="#c3cad1")
