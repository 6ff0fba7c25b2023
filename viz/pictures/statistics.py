"""Numbers per layer, over the layers or over the steps of training."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .figures import BLUE, DASHES, MARKERS, PALETTE, dress, floats, new_figure, plain_text, values
from .given import module_of, weights_of

__all__ = ["layer_statistics"]

Record = Mapping[str, Mapping[str, float | Iterable[float]]]


@dataclass(frozen=True, slots=True)
class _Panel:
    """What one pair of axes shows of a statistic: lines over the layers or over the steps.

    Over the steps a line is a layer's; over the layers it is a network's, and has no name if there
    is but one.
    """

    statistic: str
    title: str
    over_steps: bool
    lines: dict[str, dict[str, Any]]


def layer_statistics(
    record: Any,
    *,
    statistics: Sequence[str] | None = None,
    xlabel: str | None = None,
    title: str | None = None,
    log: bool | None = None,
) -> Any:
    """Draw what was measured in each layer, one panel a statistic, as a matplotlib figure.

    ``record`` maps layers, from the first to the last, to statistics: ``{"layers.0": {"gradient
    norm": 0.3, ...}, ...}``. A statistic that is one number a layer is drawn over the layers; one
    that is a list of numbers, over the steps with a line for each layer, dark to light from the
    first to the last. A layer may lack a statistic. What is not finite is left out and counted.
    ``statistics`` names those to draw, instead of all.

    What holds such a record as ``layers`` may be given itself: the callback
    ``optim.LayerStatistics`` that followed a training, what ``optim.diagnose`` found. Of a module
    the norms of its weights are drawn, and of their gradients, if ``backward()`` left some.

    A mapping from names of networks to any of these compares them: over the layers by a line for
    each, over the steps by a panel for each, at one scale.

    The axis of a statistic is logarithmic if its values are positive and span more than two powers
    of ten; ``log`` decides otherwise.

    Raises:
        ValueError: nothing to draw; a list here and a number there; zeros on a logarithmic axis; a
            statistic that no layer has.
        ImportError: no matplotlib.

    >>> figure = layer_statistics({"first": {"norm": 1e-4}, "second": {"norm": 1.0}})
    >>> figure.axes[0].get_yscale()
    'log'
    """
    records, at, along = _by_name(record)
    panels = _panels(records, statistics)
    xlabel = xlabel or along
    order = list(dict.fromkeys(layer for of in records.values() for layer in of))
    beside = len(records) if any(panel.over_steps for panel in panels) else 1
    columns = beside if 1 < beside <= 4 else min(3, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = new_figure(4.8 * columns, 3.5 * rows, "layer_statistics", title)
    places = list(figure.subplots(rows, columns, squeeze=False).flat)
    lines: dict[str, Any] = {}
    limits: dict[str, list[Any]] = {}
    for panel, axes in zip(panels, places, strict=False):
        arrays = [
            v for each in panels if each.statistic == panel.statistic
            for line in each.lines.values() for v in line.values()
        ]  # fmt: skip
        finite = np.concatenate([v[np.isfinite(v)] for v in arrays])
        logarithmic = _logarithmic(finite, log, panel.statistic)
        shown = [v for line in panel.lines.values() for v in line.values()]
        lost = sum(int(np.count_nonzero(~np.isfinite(v))) for v in shown)
        if panel.over_steps:
            _over_steps(axes, panel.lines, order, at.get(panel.title))
        else:
            _over_layers(axes, panel.lines, order)
        if logarithmic:
            axes.set_yscale("log")
        told = [panel.title, f"{lost} not finite, left out" if lost else ""]
        dress(
            axes, xlabel if panel.over_steps else "layer",
            f"{panel.statistic} (log scale)" if logarithmic else panel.statistic,
            ": ".join(word for word in told if word),
        )  # fmt: skip
        limits.setdefault(panel.statistic, []).append(axes)
        if panel.over_steps:
            lines.update({line.get_label(): line for line in axes.get_lines()})
    for same in limits.values():
        ends = [end for axes in same for end in axes.get_ylim()]
        for axes in same:
            axes.set_ylim(min(ends), max(ends))
    for axes in places[len(panels) :]:
        axes.set_visible(False)
    if lines:
        words = [plain_text(layer) for layer in order]
        shown_words = [word for word in words if word in lines]
        figure.legend([lines[word] for word in shown_words], shown_words, loc="outside right upper")
    return figure


def _by_name(record: Any) -> tuple[dict[str, Record], dict[str, Any], str]:
    """The records by network, the only one without a name; where steps lie, and what they are."""
    given = record if isinstance(record, Mapping) else {"": record}
    at, along = {}, "step"
    held: dict[str, Any] = {}
    for name, each in given.items():
        of = _held(each)
        held[name] = each if of is None else of
        if of is not None:
            at[name] = getattr(each, "at", None)
            along = getattr(each, "xlabel", along)
    if not isinstance(record, Mapping):
        return _checked(held[""]), at, along
    return _checked(held), at, along


def _held(x: Any) -> Record | None:
    """The record that ``x`` holds; None if it may be one itself."""
    if isinstance(x, Mapping):
        return None
    module = module_of(x)
    if module is None:
        layers = getattr(x, "layers", None)
        return layers if isinstance(layers, Mapping) else None
    record: dict[str, dict[str, float]] = {}
    if not weights_of(module):
        raise ValueError(f"layer_statistics: {type(x).__name__} has no weights to draw")
    for name, weight in weights_of(module):
        record[name] = {"weight norm": float(np.linalg.norm(values(weight)))}
        if weight.grad is not None:
            record[name]["gradient norm"] = float(np.linalg.norm(values(weight.grad)))
    return record


def _checked(record: Any) -> dict[str, Record]:
    wrong = TypeError(
        "layer_statistics: record maps layers to mappings from statistics to numbers, for "
        'instance {"layers.0": {"gradient norm": 0.3}}, or names of networks to such records; or '
        "it is a module, an optim.LayerStatistics or what optim.diagnose returned"
    )
    if not isinstance(record, Mapping) or not all(isinstance(m, Mapping) for m in record.values()):
        raise wrong
    kinds = {isinstance(value, Mapping) for of in record.values() for value in of.values()}
    if len(kinds) > 1:
        raise wrong
    return dict(record) if True in kinds else {"": record}


def _panels(records: dict[str, Record], statistics: Sequence[str] | None) -> list[_Panel]:
    """What to draw, in order: statistic by statistic, of each network."""
    found: dict[str, dict[str, tuple[bool, dict[str, Any]]]] = {}
    for name, record in records.items():
        for statistic, measured in _measured(record).items():
            found.setdefault(statistic, {})[name] = measured
    if statistics is not None:
        chosen = [statistics] if isinstance(statistics, str) else list(statistics)
        for statistic in chosen:
            if statistic not in found:
                raise ValueError(
                    f"layer_statistics: no layer has a finite {statistic!r}; there are "
                    f"{', '.join(map(repr, found)) or 'none'}"
                )
        found = {statistic: found[statistic] for statistic in chosen}
    if not found:
        raise ValueError(
            "layer_statistics: nothing to draw: record maps layers to statistics, and those to a "
            "number or a list of them, of which none here is finite"
        )
    panels = []
    for statistic, by_name in found.items():
        if len({over_steps for over_steps, _ in by_name.values()}) > 1:
            raise ValueError(
                f"layer_statistics: {statistic!r} is a list for some networks and one number for "
                f"others"
            )
        if next(iter(by_name.values()))[0]:
            panels += [
                _Panel(statistic, name, True, {"": layers}) for name, (_, layers) in by_name.items()
            ]
        else:
            together = {name: layers for name, (_, layers) in by_name.items()}
            panels.append(_Panel(statistic, "", False, together))
    return panels


def _measured(record: Record) -> dict[str, tuple[bool, dict[str, Any]]]:
    """For each statistic, whether it runs over steps, and its values by layer."""
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
    return panels


def _over_layers(axes: Any, lines: Mapping[str, Any], order: list[str]) -> None:
    """A line a network."""
    for k, (name, layers) in enumerate(lines.items()):
        i = k % len(PALETTE)
        axes.plot(
            [order.index(layer) for layer in layers], [v[0] for v in layers.values()],
            color=PALETTE[i] if name else BLUE, linestyle=DASHES[i % len(DASHES)] if name else "-",
            marker=MARKERS[i] if name else "o", linewidth=1.6, label=plain_text(name),
        )  # fmt: skip
    words = [plain_text(layer) for layer in order]
    slanted = sum(map(len, words)) > 40
    axes.set_xticks(
        range(len(order)), words, rotation=30 if slanted else 0, ha="right" if slanted else "center"
    )
    axes.set_xlim(-0.4, len(order) - 0.6)
    if any(lines):
        axes.legend(frameon=False)


def _over_steps(axes: Any, lines: Mapping[str, Any], order: list[str], at: Any) -> None:
    """A line a layer: the colour tells how deep it lies, dashes tell neighbours apart."""
    from matplotlib import colormaps

    # As far as it has a contrast of three to one with white.
    shades = colormaps["plasma"](np.linspace(0.0, 0.62, max(2, len(order))))
    for layer, series in lines[""].items():
        i = order.index(layer)
        steps = np.arange(1, len(series) + 1) if at is None else np.asarray(at)
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
