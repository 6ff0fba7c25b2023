"""What is written in each box, what it looks like, and so how large it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..graph.contents import Contents, contents
from ..graph.ir import Graph, Vertex
from ..graph.names import local, uncounted
from ..graph.summary import Summary, figures
from ..text import fit, number, shape_text, width

if TYPE_CHECKING:
    from ..graph.view import View

__all__ = [
    "ALARM", "CHANGES", "GRADIENT", "NOW", "STYLES", "Box", "Line", "Style", "box",
    "frame_title", "group_boxes", "group_hint", "hint", "role", "vertex_boxes", "view_boxes",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Style:
    """How a role looks: by colour, by shape and by border, so that none of them is needed.

    ``dashes`` are of the border, "" for a whole line; ``stacked`` is the shadow of cards below.
    """

    fill: str
    line: str
    stroke: float
    rounded: bool = False
    dashes: str = ""
    double: bool = False
    stacked: bool = False
    says: str = ""

    @property
    def dashed(self) -> bool:
        """Whether the border is interrupted."""
        return bool(self.dashes)


# Hues of Okabe and Ito's palette, which colour-blind people tell apart; the fills are light, so
# that text on them has a contrast above 7.
STYLES = {
    "input": Style("#deeefa", "#00639e", 1.4, says="input"),
    "parameter": Style("#fdebcf", "#b36200", 2.2, says="parameter"),
    "buffer": Style("#f1eedb", "#665c1e", 2.2, dashes="9 3", says="buffer"),
    "constant": Style("#f6f6f6", "#6f6f6f", 1.2, dashes="4 3", says="constant"),
    "op": Style("#eff2f6", "#56687c", 1.2, rounded=True, says="operation"),
    "rule": Style("#f8e9f2", "#86205f", 1.2, rounded=True, dashes="7 2 2 2",
                  says="operation of a backward rule"),
    "output": Style("#dcf3e9", "#00704f", 1.4, double=True, says="output"),
    "group": Style("#e6e9ee", "#3d4a58", 1.4, rounded=True, stacked=True, says="folded"),
    "frame": Style("#fafbfc", "#a3aeb9", 1.0, rounded=True, says="module"),
}  # fmt: skip
TEXT, FAINT, GRADIENT, ALARM, EDGE = "#18212b", "#57626f", "#86205f", "#c0101e", "#76838f"
#: The mark around what a step is about.
NOW = "#f2b600"
#: How a difference of two graphs is drawn: a sign, a fill, and what it says.
CHANGES = {
    "added": ("+", "#bfdcf5", "added"),
    "removed": ("−", "#fbd3ae", "removed"),
    "changed": ("~", "#fbf0a0", "changed"),
}

LABEL_SIZE, META_SIZE, FIGURE_SIZE = 13.0, 10.0, 10.5
_WIDEST, _TITLE, _PAD, _MARK = 230.0, 330.0, 10.0, 12.0
ORIGIN = "{} first not finite"
#: While a backward pass is stepped through, a box says how many contributions have come.
_COUNTED = "∇ 1 of 2"
_CALL = re.compile(r"(\w+)\((.+)\)", re.DOTALL)


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


def role(vertex: Vertex) -> str:
    """The name of the style of ``vertex``."""
    return "rule" if vertex.kind == "op" and vertex.rule_of is not None else vertex.kind


def box(vertex: Vertex, graph: Graph | None = None) -> Box:
    """Write the box of ``vertex``; no line is wider than the box less its margins.

    In a frame of ``graph`` its name is written without the path of the frame.
    """
    again = f" ↻{vertex.uses}" if vertex.uses > 1 else ""
    room = _WIDEST - 2 * _MARK * vertex.kept - width(again, LABEL_SIZE)
    lines = [Line(fit(_title(vertex, graph), LABEL_SIZE, room) + again, "label")]
    if vertex.stands_for is not None:
        return _sized(lines, vertex.kept)
    meta = list(vertex.params)
    if vertex.shape is None or vertex.shape != ():
        shape = shape_text(vertex.shape)
        meta.append("shape not kept" if vertex.shape is None else f"{shape} {vertex.dtype}")
    lines += [Line(fit(part, META_SIZE, _WIDEST), "meta") for part in _wrap(meta)]
    lines += _figures(vertex)
    return _sized(lines, vertex.kept)


def _figures(vertex: Vertex) -> list[Line]:
    """The lines of value and gradient, and where one of them is the first that is not finite."""
    lines = []
    for sign, kind, summary, note, origin in (
        ("=", "value", vertex.value, vertex.value_note, vertex.origin),
        ("∇", "gradient", vertex.gradient, vertex.gradient_note, vertex.gradient_origin),
    ):
        if summary is not None:
            finite = summary.finite
            lines.append(Line(f"{sign} {figures(summary)}", kind if finite else "alarm"))
        elif note:
            lines.append(Line(f"{sign} {note}", kind, note=True))
        if origin:
            lines.append(Line(ORIGIN.format(sign), "alarm"))
    return lines


def _sized(lines: Sequence[Line], kept: bool, more: float = 0.0) -> Box:
    """A box around ``lines``, figures shortened; ``more`` is how much wider it is."""
    lines = tuple(
        replace(line, text=fit(line.text, line.size, 1.2 * _WIDEST, fixed=True))
        if line.figures else line for line in lines
    )  # fmt: skip
    room = max(width(line.text, line.size, fixed=line.figures) for line in lines)
    room = max(room, width(lines[0].text, LABEL_SIZE) + 2 * _MARK * kept, 24.0)
    if any(line.text.startswith("∇") for line in lines):
        room = max(room, width(_COUNTED, FIGURE_SIZE, fixed=True))
    return Box(lines, room + 2 * _PAD + more, sum(line.height for line in lines) + 11.0)


def vertex_boxes(graph: Graph) -> list[Box]:
    """The box of each vertex."""
    return [box(vertex, graph) for vertex in graph.vertices]


def group_boxes(graph: Graph) -> list[Box]:
    """The box of each group, for where it is drawn as one."""
    return [_group_box(graph, i, held) for i, held in enumerate(contents(graph))]


def view_boxes(view: View) -> list[Box]:
    """The boxes of a view, of vertices and of folded groups."""
    graph, vertices = view.graph, view.graph.vertices
    folded = group_boxes(graph) if any(b.group is not None for b in view.boxes) else []
    return [
        folded[shown.group] if shown.group is not None else box(vertices[shown.vertex or 0], graph)
        for shown in view.boxes
    ]


def _group_box(graph: Graph, number: int, held: Contents) -> Box:
    group = graph.groups[number]
    room = _WIDEST - 2 * _MARK * held.kept
    label, meta = uncounted(group.label) if held.parameters else group.label, []
    if group.name and group.name != label:
        meta.append(local(graph, group.name, group.parent))
    if width(label, LABEL_SIZE) > room and (call := _CALL.fullmatch(label)):
        label = call[1]
        meta += _wrap(call[2].split(", "), ", ")
    lines = [Line(fit(label, LABEL_SIZE, room), "label")]
    lines += [Line(fit(part, META_SIZE, _WIDEST), "meta") for part in meta]
    counts = [f"{held.ops:,} {'op' if held.ops == 1 else 'ops'}"] if held.ops else []
    if held.parameters:
        counts.append(f"{held.parameters:,} parameter{'s' * (held.parameters != 1)}")
    out = [graph.vertices[v] for v in held.outputs]
    if len(out) == 1 and out[0].shape:
        counts.append(f"→ {shape_text(out[0].shape)}")
    elif len(out) > 1:
        counts.append(f"{len(out):,} results")
    lines += [Line(fit(part, META_SIZE, _WIDEST), "meta") for part in _wrap(counts)]
    if len(out) == 1:
        shown = replace(out[0], origin=held.origin, gradient_origin=held.gradient_origin)
    else:
        shown = Vertex(0, "op", None, "", None, (), None, origin=held.origin,
                       gradient_origin=held.gradient_origin)  # fmt: skip
    return _sized(lines + _figures(shown), held.kept)


def frame_title(graph: Graph, group: int) -> Box:
    """What is written on top of an open group, and the room that it takes.

    Its path is that within the frame around. Where it is long, arguments are left out first.
    """
    held = graph.groups[group]
    path = f"{local(graph, held.name, held.parent)} · " if held.name not in ("", held.label) else ""
    text = path + held.label
    if width(text, META_SIZE) > _TITLE and (call := _CALL.match(held.label)):
        text = f"{path}{call[1]}(…){held.label[call.end() :]}"
    line = Line(fit(text, META_SIZE, _TITLE), "meta")
    return Box((line,), width(line.text, META_SIZE) + 2 * _PAD, 20.0)


def _title(vertex: Vertex, graph: Graph | None = None) -> str:
    name = (vertex.name or "") if vertex.op is not None else vertex.label
    if graph is not None:
        name = local(graph, name, vertex.group)
    if vertex.op is None:
        return name
    return f"{name} = {vertex.label}" if name else vertex.label


def _wrap(parts: list[str], between: str = " · ") -> list[str]:
    """Join parts to lines that are not too wide."""
    lines: list[str] = []
    for part in parts:
        joined = f"{lines[-1]}{between}{part}" if lines else part
        if lines and width(joined, META_SIZE) <= _WIDEST * 0.8:
            lines[-1] = joined
        else:
            lines.append(part)
    return lines


def hint(vertex: Vertex, graph: Graph) -> str:
    """What a pointer resting on the box is told: all that is known."""
    kind = STYLES[role(vertex)].says
    what = f"{kind}: {_title(vertex)}"
    if vertex.op is not None and vertex.op != vertex.label:
        what += f" ({vertex.op})"
    lines = [what, *vertex.params]
    if vertex.uses > 1:
        lines.append(f"drawn at each of its {vertex.uses} uses")
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
    if vertex.dead is not None:
        lines.append(f"{100 * vertex.dead:.3g} % of the units are zero for every example")
    if vertex.seconds is not None:
        lines.append(f"took {1e3 * vertex.seconds:.3g} ms")
    if vertex.kept:
        size = f", {vertex.held:,} bytes" if vertex.held else ""
        lines.append(f"kept for the backward pass{size}")
    if vertex.origin:
        lines.append("not finite here, though all that it is computed from is")
    if vertex.gradient_origin:
        lines.append("the gradient is not finite here, though all that it is computed from is")
    if vertex.change:
        lines.append(vertex.change)
    if vertex.line:
        lines.append(vertex.line)
    return "\n".join(lines)


def group_hint(graph: Graph, number: int, held: Contents) -> str:
    """What a pointer resting on a folded group is told."""
    group = graph.groups[number]
    lines = [f"folded: {group.label}"]
    if group.name and group.name != group.label:
        lines.append(group.name)
    lines.append(f"{held.ops:,} ops in {len(held.vertices):,} boxes")
    if held.parameters:
        lines.append(f"{held.parameters:,} parameters")
    if held.held:
        lines.append(f"{held.held:,} bytes kept for the backward pass")
    lines += [f"result: {hint(graph.vertices[v], graph)}" for v in held.outputs[:3]]
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
