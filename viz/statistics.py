"""Numbers per layer, over the layers or over the steps of training."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .figures import BLUE, DASHES, dress, floats, new_figure, plain_text

__all__ = ["layer_statistics"]

Record = Mapping[str, Mapping[str, float | Iterable[float]]]


def layer_statistics(
    record: Record, *, xlabel: str = "step", title: str | None = None, log: bool | None = None
) -> Any:
    """Draw what was measured in each layer, one panel a statistic, as a matplotlib figure.

    ``record`` maps layers, from the first to the last, to statistics: ``{"layers.0": {"gradient
    norm": 0.3, ...}, ...}``. A statistic that is one number a layer is drawn over the layers; one
    that is a list of numbers, over the steps with a line for each layer, dark to light from the
    first to the last. A layer may lack a statistic. What is not finite is left out and counted.

    The axis of a statistic is logarithmic if its values are positive and span more than two powers
    of ten; ``log`` decides otherwise.

    Raises:
        ValueError: nothing to draw; a list here and a number there; zeros on a logarithmic axis.
        ImportError: no matplotlib.

    >>> figure = layer_statistics({"first": {"norm": 1e-4}, "second": {"norm": 1.0}})
    >>> figure.axes[0].get_yscale()
    'log'
    """
    panels = _panels(record)
    columns = min(3, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = new_figure(4.8 * columns, 3.5 * rows, "layer_statistics", title)
    places = figure.subplots(rows, columns, squeeze=False).flat
    order = list(record)
    lines: dict[str, Any] = {}
    # The panels first: zip takes one place too many from what it takes from first.
    for (statistic, (over_steps, layers)), axes in zip(panels.items(), places, strict=False):
        finite = np.concatenate([v[np.isfinite(v)] for v in layers.values()])
        lost = sum(int(np.count_nonzero(~np.isfinite(v))) for v in layers.values())
        logarithmic = _logarithmic(finite, log, statistic)
        name = f"{statistic} (log scale)" if logarithmic else statistic
        if over_steps:
            _over_steps(axes, layers, order)
        else:
            axes.plot(
                [order.index(layer) for layer in layers], [v[0] for v in layers.values()],
                "o-", color=BLUE, linewidth=1.6,
            )  # fmt: skip
            words = [plain_text(layer) for layer in order]
            slanted = sum(map(len, words)) > 40
            axes.set_xticks(
                range(len(order)), words, rotation=30 if slanted else 0,
                ha="right" if slanted else "center",
            )  # fmt: skip
            axes.set_xlim(-0.4, len(order) - 0.6)
        if logarithmic:
            axes.set_yscale("log")
        told = f"{lost} not finite, left out" if lost else None
        dress(axes, xlabel if over_steps else "layer", name, told)
        if over_steps:
            lines.update({line.get_label(): line for line in axes.get_lines()})
    for axes in places:
        axes.set_visible(False)
    if lines:
        words = [plain_text(layer) for layer in order]
        shown = [word for word in words if word in lines]
        figure.legend([lines[word] for word in shown], shown, loc="outside right upper")
    return figure


def _panels(record: Record) -> dict[str, tuple[bool, dict[str, Any]]]:
    """For each statistic, whether it runs over steps, and its values by layer."""
    if not isinstance(record, Mapping) or not all(isinstance(m, Mapping) for m in record.values()):
        raise TypeError(
            "layer_statistics: record maps layers to mappings from statistics to numbers, for "
            'instance {"layers.0": {"gradient norm": 0.3}}'
        )
    panels: dict[str, tuple[bool, dict[str, Any]]] = {}
    for layer, statistics in record.items():
        for statistic, given in statistics.items():
            array = floats(given, f"layer_statistics: {statistic!r} of {layer!r}")
            if array.ndim > 1:
                raise ValueError(
                    f"layer_statistics: {statistic!r} of {layer!r} has shape {array.shape}, "
                    "expected a number or a list of numbers over the steps"
                )
            over_steps, layers = panels.setdefault(statistic, (array.ndim == 1, {}))
            if over_steps != (array.ndim == 1):
                raise ValueError(
                    f"layer_statistics: {statistic!r} is a list for some layers and one number for "
                    f"others, {layer!r} among them"
                )
            layers[layer] = np.atleast_1d(array)
    for statistic, (_, layers) in list(panels.items()):
        if not any(np.isfinite(v).any() for v in layers.values()):
            del panels[statistic]
    if not panels:
        raise ValueError(
            "layer_statistics: nothing to draw: record maps layers to statistics, and those to a "
            "number or a list of them, of which none here is finite"
        )
    return panels


def _over_steps(axes: Any, layers: Mapping[str, Any], order: list[str]) -> None:
    """A line a layer: the colour tells how deep it lies, dashes tell neighbours apart."""
    from matplotlib import colormaps

    shades = colormaps["viridis"](np.linspace(0.0, 0.86, max(2, len(order))))
    for layer, series in layers.items():
        i = order.index(layer)
        steps = np.arange(1, len(series) + 1)
        there = np.isfinite(series)
        axes.plot(
            steps[there], series[there], color=shades[i], linewidth=1.6, label=plain_text(layer),
            linestyle=DASHES[i % len(DASHES)], marker="o" if len(series) == 1 else None,
        )  # fmt: skip
    axes.xaxis.get_major_locator().set_params(integer=True)


def _logarithmic(finite: Any, log: bool | None, statistic: str) -> bool:
    positive = bool(finite.min() > 0)
    if log and not positive:
        raise ValueError(
            f"layer_statistics: {statistic!r} has the value {finite.min():.3g}, and a logarithmic "
            "axis shows positive ones only; use log=False"
        )
    return positive and bool(finite.max() > 100 * finite.min()) if log is None else log
