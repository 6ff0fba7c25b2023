"""Training and validation curves: a matplotlib figure, or plain SVG where matplotlib is missing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files import write
from ..text import LABEL_FONT, attribute, clean, content, fit, number, short, width
from .figures import (
    BLUE,
    FAINT,
    GREEN,
    GRID,
    PURPLE,
    TEXT,
    VERMILION,
    dress,
    extremes,
    new_figure,
    plain_text,
    save_figure,
)

__all__ = ["curves", "curves_svg", "save_curves"]

History = Mapping[str, Iterable[float | None]]

# Each colour has its own dashes besides.
_LOOKS = {"training": (BLUE, ""), "validation": (VERMILION, "7 3"), "test": (GREEN, "2 3")}
_OTHERS = ((BLUE, ""), (VERMILION, "7 3"), (GREEN, "2 3"), (PURPLE, "9 3 2 3"))
_STOP_DASHES = "6 3 1 3"
_ROLES = {"train": "training", "val": "validation", "valid": "validation"}
_ROLES.update((role, role) for role in _LOOKS)
#: A quantity that is worth drawing only if it changes.
_RATE = "learning rate"
#: So many panels stand beside each other.
_ACROSS = 3
#: No axes reach further, whose length is a number as well.
_LARGEST = 1e300
_HIGHER_IS_BETTER = ("accuracy", "acc", "score", "auc", "f1", "r2", "precision", "recall")


@dataclass(frozen=True, slots=True)
class _Curve:
    """One line: its name, how it looks, and the points to draw, epochs from 1."""

    name: str
    role: str
    colour: str
    dashes: str
    epochs: tuple[int, ...]
    values: tuple[float, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class _Panel:
    """The curves of one quantity, the best of its validation curve (epoch and value), the stop."""

    quantity: str
    curves: tuple[_Curve, ...]
    best: tuple[int, float] | None
    stop: int | None
    epochs: int


def curves(history: History, *, stop: int | None = None, title: str | None = None) -> Any:
    """Draw training and validation curves and return the matplotlib figure.

    ``history`` maps names to one number for each epoch: ``{"training loss": [...], "validation
    loss": [...]}``. Names that differ only in "training", "validation" or "test" (also "train",
    "val", "valid") share axes. None means "not measured"; what is not finite is left out and
    counted. The best validation epoch is marked: the lowest, or the highest of an accuracy or
    score; and so is the epoch ``stop``, where early stopping ended a run, or would have. A
    "learning rate" that never changes has no axes beside others.

    What ``optim.fit`` returns knows its stop, and whether more or less is better of what stopped
    it. A data frame with a column for each, or a fitted estimator that has a ``loss_curve_``, may
    be given as well.

    Raises:
        ImportError: no matplotlib; `curves_svg` needs none.
        TypeError: no mapping from names to lists of numbers.
        ValueError: nothing to draw; a stop outside the epochs.
    """
    panels = _panels(history, stop)
    rows, columns = _grid(len(panels))
    figure = new_figure(5.6 * columns, 3.8 * rows, "curves", title, "viz.curves_svg needs none")
    places = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in places[len(panels) :]:
        axes.remove()
    for axes, panel in zip(places, panels, strict=False):
        for curve in panel.curves:
            dashes = tuple(int(d) / 2 for d in curve.dashes.split())
            mark = "o" if len(curve.values) == 1 else None
            axes.plot(
                curve.epochs, curve.values, color=curve.colour, marker=mark,
                linestyle=(0, dashes) if dashes else "solid",
                linewidth=1.8, label=plain_text(_name(curve)),
            )  # fmt: skip
        if panel.best is not None:
            epoch, value = panel.best
            axes.axvline(epoch, color=FAINT, linewidth=0.9, linestyle=":")
            best = plain_text(_best_words(panel))
            # Either may lie on the border, at the last epoch.
            axes.plot([epoch], [value], "D", color=TEXT, markersize=6, label=best, clip_on=False)
        if panel.stop is not None:
            axes.axvline(
                panel.stop, color=PURPLE, linewidth=1.2, linestyle="-.", clip_on=False,
                label=_stop_words(panel),
            )  # fmt: skip
        axes.set_xlim(1, max(2, panel.epochs))
        dress(axes, "epoch", panel.quantity)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(frameon=False)
    return figure


def curves_svg(history: History, *, stop: int | None = None, title: str | None = None) -> str:
    """Draw what `curves` does as SVG text, without matplotlib.

    >>> drawing = curves_svg({"training loss": [2.0, 1.0], "validation loss": [2.0, 1.5]})
    >>> "best: 1.5 at epoch 2" in drawing
    True
    """
    panels = _panels(history, stop)
    wide, tall, top = 470.0, 320.0, 34.0 if title else 8.0
    rows, columns = _grid(len(panels))
    total = (wide * columns, tall * rows + top)
    about = f"Curves of {', '.join(panel.quantity for panel in panels)} over epochs"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total[0]:g}" height="{total[1]:g}" '
        f'viewBox="0 0 {total[0]:g} {total[1]:g}" role="img" aria-label={attribute(about)} '
        f'font-family="{LABEL_FONT}" font-size="11">',
        f'<rect width="{total[0]:g}" height="{total[1]:g}" fill="#ffffff"/>',
    ]
    if title:
        words = content(fit(clean(title), 14, total[0] - 20))
        parts.append(
            f'<text x="{total[0] / 2:g}" y="22" font-size="14" font-weight="bold" fill="{TEXT}" '
            f'text-anchor="middle">{words}</text>'
        )
    for i, panel in enumerate(panels):
        x, y = wide * (i % columns), top + tall * (i // columns)
        parts += [f'<g transform="translate({x:g} {y:g})">', *_axes(panel, wide, tall), "</g>"]
    return "\n".join([*parts, "</svg>\n"])


def save_curves(
    history: History, path: str | Path, *, stop: int | None = None, title: str | None = None
) -> Path:
    """Write the curves to a file and return its path: ``.svg`` always, ``.png`` and ``.pdf`` with
    matplotlib.

    Raises:
        ValueError: another suffix.
        ImportError: no matplotlib for a form that needs it.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".svg":
        write(path, curves_svg(history, stop=stop, title=title))
    elif suffix in (".png", ".pdf"):
        save_figure(curves(history, stop=stop, title=title), path)
    else:
        raise ValueError(f"cannot save {path.name!r}: the known suffixes are .svg, .png, .pdf")
    return path


def _grid(panels: int) -> tuple[int, int]:
    """Rows and columns of so many panels; four are two by two."""
    columns = 2 if panels == 4 else min(panels, _ACROSS)
    return math.ceil(panels / columns), columns


def _panels(history: History, stop: int | None) -> list[_Panel]:
    """Sort the curves by what they measure, in the order in which they come."""
    found: dict[str, list[tuple[str, str, list[float | None]]]] = {}
    history, stop, modes = _read(history, stop)
    for name, values in history.items():
        words = name.replace("_", " ").replace("/", " ").replace("-", " ").split()
        roles = [_ROLES[word.lower()] for word in words if word.lower() in _ROLES]
        rest = " ".join(word for word in words if word.lower() not in _ROLES)
        numbers = _numbers(name, values)
        role = roles[0] if roles else ""
        found.setdefault(clean(rest or "value"), []).append((clean(name), role, numbers))
    if not any(numbers for group in found.values() for _, _, numbers in group):
        raise ValueError("nothing to draw: history maps names to numbers, one for each epoch")
    rates = found.get(_RATE, [])
    if len(found) > 1 and len({value for *_, numbers in rates for value in numbers}) == 1:
        del found[_RATE]
    panels = [_panel(quantity, group, stop, modes) for quantity, group in found.items()]
    epochs = max(panel.epochs for panel in panels)
    if stop is not None and not 1 <= stop <= epochs:
        raise ValueError(f"the stop is an epoch from 1 to {epochs}, which the history has: {stop}")
    return panels


def _read(history: Any, stop: int | None) -> tuple[History, int | None, dict[str, str]]:
    """The curves, the stop, and of which of them more ("max") or less ("min") is better."""
    modes: dict[str, str] = {}
    if hasattr(history, "loss_curve_"):
        scores = getattr(history, "validation_scores_", None)
        if scores is not None and len(scores) and stop is None:
            # Scores are there if it was to stop early, and epochs are left if it did.
            epochs = len(history.loss_curve_)
            stop = epochs if epochs < getattr(history, "max_iter", epochs) else None
        history = {"training loss": history.loss_curve_}
        if scores is not None and len(scores):
            history["validation score"] = scores
    elif isinstance(history, Mapping) or hasattr(history, "to_dict"):
        reason, monitor = getattr(history, "stopped", None), getattr(history, "monitor", None)
        if stop is None and str(reason).startswith("early stopping"):
            stop = getattr(history, "epochs", None)
        if isinstance(monitor, str):
            modes[clean(monitor)] = getattr(history, "mode", "min")
    else:
        raise TypeError(
            "curves: history maps names to numbers, one for each epoch, as optim.fit returns it, "
            f"not {type(history).__name__}"
        )
    return history, stop, modes


def _numbers(name: Any, values: Any) -> list[float | None]:
    try:
        return [None if value is None else float(value) for value in values]
    except (TypeError, ValueError):
        raise TypeError(
            f"curves: {name!r} must be a list of numbers, one for each epoch, got {short(values)}"
        ) from None


def _panel(
    quantity: str,
    group: Sequence[tuple[str, str, list[float | None]]],
    stop: int | None,
    modes: Mapping[str, str],
) -> _Panel:
    lines: list[_Curve] = []
    for i, (name, role, numbers) in enumerate(group):
        look = _LOOKS.get(role) or _OTHERS[i % len(_OTHERS)]
        points = [
            (epoch, value)
            for epoch, value in enumerate(numbers, 1)
            if value is not None and abs(value) < _LARGEST
        ]
        left_out = sum(value is not None for value in numbers) - len(points)
        kept = [points[i] for i in extremes([v for _, v in points])]
        epochs, values = tuple(e for e, _ in kept), tuple(v for _, v in kept)
        lines.append(_Curve(name, role, *look, epochs, values, left_out))
    best = None
    for line in lines:
        if line.role == "validation" and line.values and best is None:
            words = quantity.lower().split()
            more = "max" if any(word in _HIGHER_IS_BETTER for word in words) else "min"
            choose = max if modes.get(line.name, more) == "max" else min
            value = choose(line.values)
            best = (line.epochs[line.values.index(value)], value)
    return _Panel(quantity, tuple(lines), best, stop, max(len(numbers) for _, _, numbers in group))


def _name(curve: _Curve) -> str:
    lost = f" ({curve.left_out} not finite)" if curve.left_out else ""
    return f"{curve.name}{lost}"


def _best_words(panel: _Panel) -> str:
    epoch, value = panel.best or (0, 0.0)
    return f"best: {number(value, 4)} at epoch {epoch}"


def _stop_words(panel: _Panel) -> str:
    return f"stop: epoch {panel.stop}"


def _ticks(low: float, high: float, about: int, whole: bool = False) -> list[float]:
    """Round numbers from ``low`` to ``high``, some ``about`` of them.

    >>> _ticks(0.0, 2.3, 5)
    [0.0, 0.5, 1.0, 1.5, 2.0]
    """
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = max(m * power for m in (1, 2, 5, 10) if m * power <= 1.5 * raw)
    if whole:
        step = max(1.0, step)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [i * step + 0.0 for i in range(first, last + 1)]


def _axes(panel: _Panel, wide: float, tall: float) -> list[str]:
    """Draw one panel: grid, ticks, labels, curves, the best epoch, and which line is which."""
    names = [(curve.colour, curve.dashes, _name(curve)) for curve in panel.curves]
    if panel.best is not None:
        names.append((TEXT, "best", _best_words(panel)))
    if panel.stop is not None:
        names.append((PURPLE, _STOP_DASHES, _stop_words(panel)))
    names = [(colour, dashes, fit(name, 11, wide - 110)) for colour, dashes, name in names]
    # The key stands above the axes, in rows, where it covers no curve.
    rows: list[list[tuple[str, str, str]]] = [[]]
    for name in names:
        if rows[-1] and sum(width(n[2], 11) + 52 for n in [*rows[-1], name]) > wide - 60:
            rows.append([])
        rows[-1].append(name)
    left, right, top, bottom = 62.0, wide - 16.0, 14.0 + 18.0 * len(rows), tall - 44.0
    values = [value for curve in panel.curves for value in curve.values] or [0.0, 1.0]
    low, high = min(values), max(values)
    margin = 0.05 * (high - low) or 0.1 * abs(high) or 0.5
    low, high = (0.0 if 0 <= low < 0.3 * high else low - margin), high + margin
    last = max(2, panel.epochs)

    def x(epoch: float) -> float:
        return left + (epoch - 1) / (last - 1) * (right - left)

    def y(value: float) -> float:
        return bottom - (value - low) / (high - low) * (bottom - top)

    parts = [f'<g fill="{FAINT}" stroke="none">']
    lines = []
    for tick in _ticks(low, high, 5):
        lines.append(f"M{left:.1f} {y(tick):.1f}H{right:.1f}")
        parts.append(
            f'<text x="{left - 7:.1f}" y="{y(tick) + 3.8:.1f}" text-anchor="end">'
            f"{number(tick, 4)}</text>"
        )
    epochs = sorted({1.0, *(t for t in _ticks(1, last, 7, whole=True) if t >= 1)})
    if len(epochs) > 2 and x(epochs[1]) - x(1) < 24:
        del epochs[1]
    parts += [
        f'<text x="{x(tick):.1f}" y="{bottom + 17:.1f}" text-anchor="middle">{tick:g}</text>'
        for tick in epochs
    ]
    middle = 0.5 * (top + bottom)
    quantity = content(fit(panel.quantity, 12, bottom - top))
    parts += [
        f'<text x="{0.5 * (left + right):.1f}" y="{tall - 8:.1f}" font-size="12" '
        f'text-anchor="middle">epoch</text>',
        f'<text transform="translate(15 {middle:.1f}) rotate(-90)" font-size="12" '
        f'text-anchor="middle">{quantity}</text>',
        "</g>",
        f'<path d="{"".join(lines)}" stroke="{GRID}"/>',
        f'<path d="M{left:.1f} {top:.1f}V{bottom:.1f}H{right:.1f}" fill="none" stroke="{FAINT}"/>',
    ]
    if panel.best is not None:
        parts.append(
            f'<path d="M{x(panel.best[0]):.1f} {top:.1f}V{bottom:.1f}" stroke="{FAINT}" '
            'stroke-dasharray="2 3"/>'
        )
    if panel.stop is not None:
        parts.append(
            f'<path d="M{x(panel.stop):.1f} {top:.1f}V{bottom:.1f}" stroke="{PURPLE}" '
            f'stroke-width="1.5" stroke-dasharray="{_STOP_DASHES}"/>'
        )
    for curve in panel.curves:
        points = list(zip(curve.epochs, curve.values, strict=True))
        if len(points) == 1:
            parts.append(
                f'<circle cx="{x(points[0][0]):.1f}" cy="{y(points[0][1]):.1f}" r="3.5" '
                f'fill="{curve.colour}"/>'
            )
        elif points:
            path = " ".join(f"{x(epoch):.1f},{y(value):.1f}" for epoch, value in points)
            parts.append(f'<polyline points="{path}" fill="none" {_stroke(curve)}/>')
    if panel.best is not None:
        parts.append(_diamond(x(panel.best[0]), y(panel.best[1])))
    for i, row in enumerate(rows):
        at, line = left, 16.0 + 18.0 * i
        for colour, dashes, words in row:
            if dashes == "best":
                parts.append(_diamond(at + 14, line))
            else:
                dash = f' stroke-dasharray="{dashes}"' if dashes else ""
                parts.append(
                    f'<path d="M{at:.1f} {line:.1f}h28" stroke="{colour}" stroke-width="2"{dash}/>'
                )
            parts.append(
                f'<text x="{at + 34:.1f}" y="{line + 4:.1f}" fill="{TEXT}">{content(words)}</text>'
            )
            at += width(words, 11) + 52
    return parts


def _stroke(curve: _Curve) -> str:
    dash = f' stroke-dasharray="{curve.dashes}"' if curve.dashes else ""
    return f'stroke="{curve.colour}" stroke-width="2" stroke-linejoin="round"{dash}'


def _diamond(x: float, y: float) -> str:
    return f'<path d="M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z" fill="{TEXT}" stroke="#ffffff"/>'
