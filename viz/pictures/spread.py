"""Several runs that differ by chance only: each of them, their mean, their spread."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..text import number
from .figures import DASHES, MARKERS, PALETTE, TEXT, dress, extremes, floats, new_figure, plain_text

__all__ = ["spread"]

Runs = Mapping[str, Iterable[float | Iterable[float]]]


def spread(
    runs: Any,
    *,
    quantity: str | None = None,
    xlabel: str = "epoch",
    first: int = 1,
    title: str | None = None,
) -> Any:
    """Draw runs over several seeds with their mean and spread, as a matplotlib figure.

    ``runs`` maps names to runs, or is a list of runs. If a run is a curve (a list of numbers, the
    first at ``first``), it is a faint line, the mean a strong one, and the band around it one
    standard deviation (over n - 1) to each side; the mean goes as far as every run does and is
    finite. If a run is a mapping, as ``optim.fit`` returns, ``quantity`` says which of its curves
    is drawn: by default the validation loss, or else the training loss. If a run is one number, it
    is a dot, and mean and standard deviation stand beside the dots and under them. Names hold up to
    8 kinds of runs. A single run has no spread; where each name has but one, they are not counted.

    Raises:
        ValueError: no runs, curves mixed with numbers, nothing finite.
        ImportError: no matplotlib.

    >>> figure = spread({"random": [0.94, 0.96], "pre-trained": [0.97, 0.97]}, quantity="accuracy")
    >>> figure.axes[0].get_xticklabels()[0].get_text()
    'random\\n0.950 ± 0.014 (2 runs)'
    """
    runs, quantity = _of_quantity(runs, quantity)
    groups, curves = _groups(runs)
    single = all(len(lines) == 1 for lines in groups.values())
    figure = new_figure(5.8 if curves else max(4.2, 1.9 * len(groups) + 1.0), 4.0, "spread", title)
    axes = figure.subplots()
    if curves:
        for i, (name, lines) in enumerate(groups.items()):
            _draw_curves(axes, _titled(name, lines, single), lines, first, i)
        axes.xaxis.get_major_locator().set_params(integer=True)
        dress(axes, xlabel, quantity)
        axes.legend(frameon=False, fontsize="small")
        return figure
    words = []
    for i, (name, scalars) in enumerate(groups.items()):
        numbers = np.array([float(scalar[0]) for scalar in scalars])
        words.append(f"{plain_text(name)}\n{_draw_numbers(axes, numbers, i, single)}")
    dress(axes, "", quantity)
    axes.set_xticks(range(len(words)), words)
    axes.set_xlim(-0.5, len(words) - 0.5)
    axes.grid(visible=False, axis="x")
    return figure


def _of_quantity(runs: Any, quantity: str | None) -> tuple[Runs, str]:
    """Runs by name, as numbers; where they are histories, their curves of one quantity."""
    if not isinstance(runs, Mapping):
        if not isinstance(runs, Iterable) or isinstance(runs, str):
            raise TypeError(
                "spread: runs maps names to lists of runs, or is a list of runs, not "
                f"{type(runs).__name__}"
            )
        runs = {"": list(runs)}
    given = {name: list(of) for name, of in runs.items() if isinstance(of, Iterable)}
    histories = [run for of in given.values() for run in of if isinstance(run, Mapping)]
    if len(given) < len(runs) or not histories:
        return runs, quantity or "value"
    losses = ("validation loss", "training loss")
    known = dict.fromkeys(name for run in histories for name in run)
    chosen = quantity or next((q for q in losses if all(q in run for run in histories)), None)
    if chosen is None or not all(chosen in run for run in histories):
        what = "a loss" if chosen is None else repr(chosen)
        there = f"choose a quantity of {', '.join(map(repr, known))}" if known else "all are empty"
        raise ValueError(f"spread: not every run has {what}; {there}")
    pick = {
        name: [run[chosen] if isinstance(run, Mapping) else run for run in of]
        for name, of in given.items()
    }
    return pick, chosen


def _titled(name: str, lines: list[NDArray[Any]], single: bool) -> str:
    """What the legend says of a name."""
    if single and name:
        return name
    return f"{name}: {_counted(lines)}" if name else _counted(lines)


def _counted(lines: list[NDArray[Any]]) -> str:
    return f"mean ± 1 std. dev. of {len(lines)} runs" if len(lines) > 1 else "1 run"


def _draw_curves(axes: Any, label: str, lines: list[NDArray[Any]], first: int, i: int) -> None:
    colour = PALETTE[i]
    for line in lines:
        finite, at = np.where(np.isfinite(line), line, np.nan), extremes(line)
        axes.plot(first + at, finite[at], color=colour, alpha=0.3, lw=0.8)
    shared = min(map(len, lines))
    table = np.stack([line[:shared] for line in lines])
    told = np.isfinite(table).all(axis=0)
    steps, table = np.arange(first, first + shared)[told], table[:, told]
    mean = table.mean(axis=0)
    n, at = len(lines), extremes(mean)
    axes.plot(
        steps[at], mean[at], color=colour, linestyle=DASHES[i % len(DASHES)], linewidth=2.2,
        label=plain_text(label), marker="o" if len(steps) == 1 else None,
    )  # fmt: skip
    if n > 1 and len(steps):
        off = table.std(axis=0, ddof=1)
        at = np.union1d(extremes(mean - off), extremes(mean + off))
        low, high = (mean - off)[at], (mean + off)[at]
        axes.fill_between(steps[at], low, high, color=colour, alpha=0.15, linewidth=0)


def _draw_numbers(axes: Any, numbers: NDArray[Any], i: int, single: bool) -> str:
    """Draw one name's dots at place i, and say their mean and standard deviation."""
    finite = numbers[np.isfinite(numbers)]
    lost = len(numbers) - len(finite)
    counted = f"{len(finite)} run{'s' if len(finite) != 1 else ''}"
    counted += f", {lost} not finite" if lost else ""
    if not len(finite):
        return f"({counted})"
    # Side by side in the order of the runs, so that equal ones do not hide each other.
    beside = i + np.linspace(-0.16, 0.16, len(finite)) if len(finite) > 1 else np.array([i])
    marker = MARKERS[i % len(MARKERS)]
    axes.scatter(beside, finite, s=24, color=PALETTE[i], marker=marker, alpha=0.75, linewidth=0)
    mean = float(finite.mean())
    off = float(finite.std(ddof=1)) if len(finite) > 1 else 0.0
    axes.errorbar(
        [i + 0.28], [mean], yerr=[off], color=TEXT, marker=marker, markersize=6, capsize=4, lw=1.6
    )
    told = _with_spread(mean, off if len(finite) > 1 else None)
    return told if single else f"{told} ({counted})"


def _with_spread(mean: float, off: float | None) -> str:
    """Write a mean as far as its spread lets it be known.

    >>> _with_spread(0.95213, 0.00264), _with_spread(123.4, 56.7), _with_spread(0.5, None)
    ('0.9521 ± 0.0026', '123 ± 57', '0.5')
    """
    if off is None:
        return number(mean, 4)
    decimals = 1 - math.floor(math.log10(off)) if off > 0 else -1
    if not 0 <= decimals <= 6:
        return f"{number(mean, 4)} ± {number(off, 2)}"
    return f"{mean:.{decimals}f} ± {off:.{decimals}f}"


def _groups(runs: Runs) -> tuple[dict[str, list[NDArray[Any]]], bool]:
    """The runs as lists of numbers by name, and whether they are curves."""
    groups: dict[str, list[NDArray[Any]]] = {}
    curves: set[bool] = set()
    for name, given in runs.items():
        arrays = [floats(run, f"spread: run {k} of {name!r}") for k, run in enumerate(given)]
        if not arrays:
            raise ValueError(f"spread: {name!r} has no runs")
        for k, array in enumerate(arrays):
            if array.ndim > 1 or not array.size:
                raise ValueError(
                    f"spread: run {k} of {name!r} has shape {array.shape}, expected one number, or "
                    "a list of numbers: a curve"
                )
            curves.add(array.ndim == 1)
        groups[name] = [np.atleast_1d(array) for array in arrays]
    if not groups:
        raise ValueError("spread: nothing to draw: runs maps names to lists of runs")
    if len(curves) > 1:
        raise ValueError("spread: some runs are curves and some one number; draw them apart")
    if len(groups) > len(PALETTE):
        raise ValueError(
            f"spread: {len(groups)} names, and colours tell {len(PALETTE)} apart; draw fewer"
        )
    if not any(np.isfinite(array).any() for group in groups.values() for array in group):
        raise ValueError("spread: nothing to draw: no run has a finite value")
    return groups, curves == {True}
