"""What is written in each box, what it looks like, and so how large it is."""

from __future__ import annotations

from dataclasses import dataclass

from .ir import Graph, Vertex
from .summary import Summary
from .text import clean, fit, number, shape_text, width

__all__ = ["ALARM", "GRADIENT", "STYLES", "Box", "Line", "Style", "box", "hint", "legend"]


@dataclass(frozen=True, slots=True)
class Style:
    """How a role looks: by colour, by shape and by border, so that none of them is needed."""

    fill: str
    line: str
    stroke: float
    rounded: bool = False
    dashed: bool = False
    double: bool = False
    says: str = ""


# Hues of Okabe and Ito's palette, which colour-blind people tell apart; the fills are light, so
# that text on them has a contrast above 7.
STYLES = {
    "input": Style("#deeefa", "#00639e", 1.4, says="input"),
    "parameter": Style("#fdebcf", "#b36200", 2.2, says="parameter"),
    "constant": Style("#f6f6f6", "#6f6f6f", 1.2, dashed=True, says="constant"),
    "op": Style("#eff2f6", "#56687c", 1.2, rounded=True, says="operation"),
    "output": Style("#dcf3e9", "#00704f", 1.4, double=True, says="output"),
}
TEXT, FAINT, GRADIENT, ALARM, EDGE = "#18212b", "#57626f", "#86205f", "#c0101e", "#76838f"

LABEL_SIZE, META_SIZE, FIGURE_SIZE = 13.0, 10.0, 10.5
_WIDEST, _PAD, _MARK = 230.0, 10.0, 12.0


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text; ``role`` is ``label``, ``meta``, ``value``, ``gradient`` or ``alarm``.

    ``note`` marks the words that stand for figures that are not there.
    """

    text: str
    role: str
    note: bool = False

    @property
    def figures(self) -> bool:
        """Whether it is set in a fixed-width face."""
        return self.role in ("value", "gradient", "alarm")

    @property
    def size(self) -> float:
        """The font size."""
        return {"label": LABEL_SIZE, "meta": META_SIZE}.get(self.role, FIGURE_SIZE)

    @property
    def height(self) -> float:
        """The distance from the line before."""
        return {"label": 17.0, "meta": 14.0}.get(self.role, 14.5)


@dataclass(frozen=True, slots=True)
class Box:
    """The lines of a box and its size."""

    lines: tuple[Line, ...]
    width: float
    height: float


def box(vertex: Vertex) -> Box:
    """Write the box of ``vertex``; no line is wider than the box less its margins."""
    mark = 2 * _MARK if vertex.kept else 0.0
    lines = [Line(fit(_title(vertex), LABEL_SIZE, _WIDEST - mark), "label")]
    meta = list(vertex.params)
    if vertex.shape is None or vertex.shape != ():
        shape = shape_text(vertex.shape)
        meta.append("shape not kept" if vertex.shape is None else f"{shape} {vertex.dtype}")
    lines += [Line(fit(part, META_SIZE, _WIDEST), "meta") for part in _wrap(meta)]
    if vertex.value is not None:
        alarm = not vertex.value.finite
        lines.append(Line(f"= {figures(vertex.value)}", "alarm" if alarm else "value"))
    elif vertex.value_note:
        lines.append(Line(f"= {vertex.value_note}", "value", note=True))
    if vertex.gradient is not None:
        alarm = not vertex.gradient.finite
        lines.append(Line(f"∇ {figures(vertex.gradient)}", "alarm" if alarm else "gradient"))
    elif vertex.gradient_note:
        lines.append(Line(f"∇ {vertex.gradient_note}", "gradient", note=True))
    lines = [
        Line(fit(line.text, line.size, 1.2 * _WIDEST, fixed=True), line.role, line.note)
        if line.figures else line for line in lines
    ]  # fmt: skip
    room = max(width(line.text, line.size, fixed=line.figures) for line in lines)
    room = max(room, width(lines[0].text, LABEL_SIZE) + mark, 24.0)
    return Box(tuple(lines), room + 2 * _PAD, sum(line.height for line in lines) + 11.0)


def _title(vertex: Vertex) -> str:
    if vertex.op is not None and vertex.name:
        return f"{vertex.name} = {vertex.label}"
    return vertex.label


def _wrap(parts: list[str]) -> list[str]:
    """Join parts to lines that are not too wide."""
    lines: list[str] = []
    for part in parts:
        joined = f"{lines[-1]} · {part}" if lines else part
        if lines and width(joined, META_SIZE) <= _WIDEST * 0.8:
            lines[-1] = joined
        else:
            lines.append(part)
    return lines


def figures(summary: Summary) -> str:
    """Write an array in one line: all of it if it is short, else its statistics.

    >>> figures(Summary(2, 0, 0, 0.5, 0.5, 0.0, 1.0, (0.0, 1.0)))
    '[0, 1]'
    >>> figures(Summary(640, 1, 0, 0.5, 0.25, 0.0, 1.0, (0.0, 1.0)))
    'NaN×1 0.5 ±0.25 [0, 1]'
    """
    if summary.size == 0:
        return "empty"
    if summary.size == 1:
        return number(summary.preview[0], 4)
    if summary.size <= len(summary.preview):
        return f"[{', '.join(number(x) for x in summary.preview)}]"
    bad = [f"{name}×{n}" for name, n in (("NaN", summary.nan), ("inf", summary.inf)) if n]
    low, high = summary.min, summary.max
    if summary.mean is None or low is None or high is None:
        return " ".join(bad)
    if low == high:
        bad.append(f"{'all' if not bad else 'else'} {number(low)}")
    else:
        # What rounding left of zero is told as zero.
        noise = abs(summary.mean) < 1e-12 * max(abs(low), abs(high))
        mean = "0" if noise else number(summary.mean)
        bad.append(f"{mean} ±{number(summary.std, 2)} [{number(low)}, {number(high)}]")
    return " ".join(bad)


def hint(vertex: Vertex, graph: Graph) -> str:
    """What a pointer resting on the box is told: all that is known."""
    role = {"op": "operation"}.get(vertex.kind, vertex.kind)
    what = f"{role}: {_title(vertex)}"
    if vertex.op is not None and vertex.op != vertex.label:
        what += f" ({vertex.op})"
    lines = [what, *vertex.params]
    if vertex.shape is not None:
        lines.append(f"shape {shape_text(vertex.shape)}, {vertex.dtype}")
    for name, summary, note in (
        ("value", vertex.value, vertex.value_note),
        ("gradient", vertex.gradient, vertex.gradient_note),
    ):
        if summary is not None:
            lines += _tell(name, summary)
        elif note:
            lines.append(f"{name}: {note}")
    if vertex.kept:
        lines.append("kept for the backward pass")
    if vertex.origin:
        lines.append("not finite here, though all that it is computed from is")
    return "\n".join(lines)


def _tell(name: str, s: Summary) -> list[str]:
    more = ", ..." if s.size > len(s.preview) else ""
    lines = [f"{name}: {', '.join(number(x, 6) for x in s.preview)}{more}"]
    if s.mean is not None and s.size > 1:
        lines.append(
            f"  mean {number(s.mean, 4)}, standard deviation {number(s.std, 4)}, "
            f"from {number(s.min, 4)} to {number(s.max, 4)}"
        )
    if not s.finite:
        lines.append(f"  {s.nan} NaN and {s.inf} infinite of {s.size}")
    return lines


def legend(graph: Graph, shortened: bool) -> list[tuple[str, str]]:
    """What the drawing shows and what it means, as ``(sign, words)``; roles sign by name."""
    kinds = {vertex.kind for vertex in graph.vertices}
    signs = [(kind, style.says) for kind, style in STYLES.items() if kind in kinds]
    summaries = [v.value for v in graph.vertices] + [v.gradient for v in graph.vertices]
    arrays = any(s is not None and s.size > len(s.preview) for s in summaries)
    how = ", mean ± standard deviation [least, greatest]" if arrays else ""
    signs.append(("=", f"value{how}"))
    if any(v.gradient or v.gradient_note for v in graph.vertices):
        output = next(v for v in graph.vertices if v.kind == "output")
        name = fit(output.name, META_SIZE, 150.0) if output.name else "the output"
        why = f" ({clean(graph.no_gradient)})" if graph.no_gradient else ""
        signs.append(("∇", fit(f"gradient of {name}{why}", META_SIZE, 500.0)))
    if any(v.kept for v in graph.vertices):
        signs.append(("●", "kept for the backward pass"))
    if any(not s.finite for s in summaries if s is not None):
        signs.append(("!", "not finite"))
    if any(v.origin for v in graph.vertices):
        signs.append(("!!", "where that began"))
    if shortened:
        signs.append(("--", "goes on far away; its ends are drawn alone"))
    return signs
