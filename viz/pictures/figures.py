"""What all matplotlib pictures share: colours, figures without global state, text, saving."""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_core import Tensor

from ..files import write
from ..text import clean, short

__all__ = ["save_figure", "subplots"]

# Okabe and Ito's colours, which colour-blind people tell apart. The green and the purple are darker
# than theirs, so that thin lines stand out from white.
BLUE, VERMILION, GREEN, PURPLE = "#0072b2", "#d55e00", "#007a5a", "#aa4d84"
ORANGE, SKY, YELLOW, BLACK = "#e69f00", "#56b4e9", "#f0e442", "#18212b"
PALETTE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, YELLOW, BLACK)
# What tells lines and points apart without colour.
DASHES = ("solid", (0, (3.5, 1.5)), (0, (1, 1.5)), (0, (4.5, 1.5, 1, 1.5)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

TEXT, FAINT, GRID = BLACK, "#57626f", "#e3e7eb"


def save_figure(figure: Any, path: str | Path) -> Path:
    """Write a matplotlib figure to a ``.png``, ``.svg`` or ``.pdf`` file and return its path.

    The file is whole or not there at all, and holds no date and no random names: the same figure
    gives the same bytes.

    Raises:
        TypeError: no figure.
        ValueError: another suffix.
        OSError: no such folder.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".png", ".svg", ".pdf"):
        raise ValueError(f"cannot save {path.name!r}: the known suffixes are .png, .svg, .pdf")
    if not hasattr(figure, "savefig"):
        raise TypeError(
            f"save_figure: expected a matplotlib figure, got {type(figure).__name__}; axes have "
            "theirs in `.figure`"
        )
    from matplotlib import rc_context

    dated = {".svg": "Date", ".pdf": "CreationDate"}.get(suffix)
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "autograd_core"}):
        metadata = {dated: None} if dated else None
        figure.savefig(buffer, format=suffix[1:], dpi=150, metadata=metadata)
    write(path, buffer.getvalue())
    return path


def subplots(
    nrows: int = 1,
    ncols: int = 1,
    *,
    figsize: tuple[float, float] = (6.4, 3.6),
    title: str | None = None,
    **options: Any,
) -> tuple[Any, Any]:
    """Make a figure and its axes, as ``matplotlib.pyplot.subplots`` does, in the looks of `viz`.

    Lines take turns in colours that colour-blind people tell apart, and in dashes. Nothing global
    is changed: pyplot does not know the figure. ``options`` (``sharex``, ``sharey``, ...) are those
    of ``Figure.subplots``; there are axes or an array of them, as there.

    Raises:
        ImportError: no matplotlib.

    >>> figure, axes = subplots()
    >>> lines = [axes.plot([0, 1], [0, k])[0] for k in range(5)]
    >>> len({(line.get_color(), line.get_linestyle()) for line in lines})
    5
    """
    figure = new_figure(*figsize, "subplots", title)
    axes = figure.subplots(nrows, ncols, **options)
    dashes = [DASHES[i % len(DASHES)] for i in range(len(PALETTE))]
    for each in np.ravel(axes):
        each.set_prop_cycle(color=PALETTE, linestyle=dashes)
        _recede(each)
    return figure, axes


def new_figure(
    width: float, height: float, who: str, title: str | None = None, instead: str = ""
) -> Any:
    """Make an empty figure of a size in inches, outside of pyplot: nothing global changes.

    A notebook shows it all the same, as the value of a cell.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            f"viz.{who} draws with matplotlib, which is not installed: "
            f"`pip install 'autograd-core[viz]'`{instead and f'; {instead}'}"
        ) from error
    figure: Any = Figure(figsize=(width, height), layout="constrained")
    if title:
        figure.suptitle(plain_text(title))
    # Jupyter knows how to show a figure only where pyplot was imported. No method of a class of our
    # own, so that the figure is matplotlib's, also when pickled.
    figure._repr_png_ = functools.partial(_png, figure)
    return figure


def _png(figure: Any) -> tuple[bytes, dict[str, int]]:
    """The figure in twice as many dots as it is shown at, and how large that is."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=2 * figure.dpi)
    width, height = np.round(figure.get_size_inches() * figure.dpi)
    return buffer.getvalue(), {"width": int(width), "height": int(height)}


def dress(axes: Any, xlabel: str, ylabel: str, title: str | None = None) -> None:
    """Label axes, and make what is no data stand back."""
    axes.set_xlabel(plain_text(xlabel))
    axes.set_ylabel(plain_text(ylabel))
    if title:
        axes.set_title(plain_text(title), fontsize="medium")
    _recede(axes)


def _recede(axes: Any) -> None:
    """Make what is no data stand back."""
    axes.grid(color=GRID)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def plain_text(text: str) -> str:
    """Text that matplotlib does not read as a formula, nor as "leave out of the legend"."""
    # The pictures of control characters are in few fonts.
    safe = "".join(" " if "\u2400" <= c <= "\u2421" else c for c in clean(text))
    safe = safe.replace("$", r"\$")
    return f" {safe}" if safe.startswith("_") else safe


def floats(x: Any, what: str) -> NDArray[Any]:
    """A number, or numbers in any iterable, as an array of floats; None is NaN."""
    try:
        given = values(list(x) if isinstance(x, Iterable) and not isinstance(x, str) else x)
        return given.astype(float)
    except (TypeError, ValueError):
        raise TypeError(f"{what} must be a number or a list of numbers, got {short(x)}") from None


def extremes(line: Any, most: int = 4000) -> NDArray[Any]:
    """Where the points of a line lie that draw the same as all do: of each stretch the extremes.

    In a long line a gap of NaN that is shorter than a stretch is closed.

    >>> few = extremes(np.arange(100_000) % 7)
    >>> len(few) < 4002, few[0], few[-1]
    (True, np.int64(0), np.int64(99999))
    """
    y = np.asarray(line, dtype=float)
    if len(y) <= most:
        return np.arange(len(y))
    size = math.ceil(2 * len(y) / (most - 4))
    whole = len(y) // size * size
    table, first = y[:whole].reshape(-1, size), np.arange(0, whole, size)
    low = first + np.where(np.isnan(table), np.inf, table).argmin(axis=1)
    high = first + np.where(np.isnan(table), -np.inf, table).argmax(axis=1)
    kept: NDArray[Any] = np.unique(np.concatenate([[0], low, high, [len(y) - 1]]))
    return kept


def read_span(span: tuple[float, float], who: str) -> tuple[float, float]:
    """The two ends of a scale."""
    ends = np.asarray(span, dtype=float)
    if ends.shape != (2,) or not np.isfinite(ends).all() or ends[0] >= ends[1]:
        raise ValueError(f"{who}: span is (low, high) with low < high, not {span!r}")
    return float(ends[0]), float(ends[1])


def values(x: Any) -> NDArray[Any]:
    """The plain array in a tensor, or of whatever is none."""
    return np.asarray(x.data if isinstance(x, Tensor) else x)
