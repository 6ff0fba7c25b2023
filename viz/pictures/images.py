"""Rows of small grey images: inputs, what became of them, what a network makes of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .figures import new_figure, plain_text, read_span, values
from .tiles import columns_for, sheet, square

__all__ = ["images"]


def images(
    images: ArrayLike | Mapping[str, ArrayLike],
    shape: tuple[int, int] | None = None,
    *,
    titles: Sequence[Any] | None = None,
    span: tuple[float, float] | None = None,
    cmap: str = "gray_r",
    title: str | None = None,
) -> Any:
    """Draw small images beside each other, and return the matplotlib figure.

    ``images`` has shape (n, pixels), each of ``shape`` (rows, columns) or square, or (n, rows,
    columns). A mapping from names to such arrays draws a row of images for each, for instance
    inputs and under them their reconstructions. ``titles`` stand above: one for each image, or of a
    mapping one for each column.

    All have one scale, from white for the lowest to black for the highest value (``cmap="gray"``:
    the other way round), or for those of ``span``.

    Raises:
        ValueError: shapes or titles that do not fit, NaN or inf.
        ImportError: no matplotlib.

    >>> figure = images({"digits": np.eye(16)[:3], "noise": np.ones((3, 16))})
    >>> [word.get_text() for word in figure.axes[0].get_yticklabels()]
    ['digits', 'noise']
    """
    named = isinstance(images, Mapping)
    given = dict(images) if isinstance(images, Mapping) else {"": images}
    rows = [_pictures(array, shape, name) for name, array in given.items()]
    sizes = {row.shape[1:] for row in rows}
    if len(sizes) != 1:
        raise ValueError(
            f"images: the rows have images of different sizes: {sorted(sizes)}"
            if sizes
            else "images: nothing to draw: the mapping is empty"
        )
    ((tall, wide),) = sizes
    most = max(map(len, rows))
    columns = most if named else columns_for(most)
    words = [plain_text(str(word)) for word in ([] if titles is None else titles)]
    if titles is not None and len(words) != most:
        raise ValueError(
            f"images: there are {len(words)} titles for {most} {'columns' if named else 'images'}"
        )
    # What a row lacks to the longest one stays blank.
    tiles = np.concatenate(
        [part for row in rows for part in (row, np.full((-len(row) % columns, tall, wide), np.nan))]
    )
    lines = len(tiles) // columns
    # Words above each row of a single array need room between the rows.
    gap = max(1, math.ceil(0.35 * tall)) if words and not named else 1
    down, across = lines * (tall + gap), columns * (wide + 1)
    inches = max(min(9.0 / across, 9.0 / down, 0.8 / max(tall, wide)), 2 / 150)
    size = (across * inches + (1.2 if named else 0.3), down * inches + (0.5 if words else 0.2))
    figure = new_figure(*size, "images", title)
    axes = figure.subplots()
    low, high = (np.nanmin(tiles), np.nanmax(tiles)) if span is None else read_span(span, "images")
    axes.imshow(sheet(tiles, columns, gap), cmap=cmap, vmin=low, vmax=high, interpolation="nearest")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks([])
    places = np.arange(lines if named else 0) * (tall + gap) + (tall - 1) / 2
    axes.set_yticks(places, [plain_text(name) for name in given][: len(places)])
    for j, word in enumerate(words):
        x, y = j % columns * (wide + 1) + (wide - 1) / 2, j // columns * (tall + gap) - 0.8
        axes.text(x, y, word, ha="center", va="bottom", fontsize="small")
    return figure


def _pictures(array: ArrayLike, shape: tuple[int, int] | None, name: str) -> NDArray[Any]:
    """Images as n × rows × columns of pixels."""
    given, of = values(array), f" of {name!r}" if name else ""
    if given.dtype.kind not in "biuf":
        raise TypeError(f"images: the images{of} must be real numbers, not {given.dtype}")
    if given.ndim not in (2, 3) or not given.size:
        raise ValueError(
            f"images: the images{of} must have shape (n, pixels) or (n, rows, columns), "
            f"got {given.shape}"
        )
    if given.ndim == 2:
        tile = square(given.shape[1], shape)
        if tile is None:
            raise ValueError(
                f"images: {given.shape[1]} pixels{of} "
                + ("make no square image; say its shape=(rows, columns), or pass x[None] if it is "
                   "a single image" if shape is None
                   else f"do not fill images of shape {tuple(shape)}")
            )  # fmt: skip
        given = given.reshape(-1, *tile)
    elif shape is not None and tuple(shape) != given.shape[1:]:
        raise ValueError(f"images: the images{of} have shape {given.shape[1:]}, not {tuple(shape)}")
    pictures = given.astype(float)
    if not np.isfinite(pictures).all():
        n, i, j = np.argwhere(~np.isfinite(pictures))[0]
        raise ValueError(f"images: image {n}{of} is {pictures[n, i, j]} at pixel ({i}, {j})")
    return pictures
