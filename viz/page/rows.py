"""The graph as the page reads it: JSON in rows, to be small.

A text that occurs more than once is in ``s``, and where a text is due an integer is its place
there; what is last in a row and empty is left out.

==  ====================================================================================
s   texts
r   roles of lines: name, height
v   boxes: kind (its place in `STYLES`), group + 1, width, height, lines, flags, op, value,
    gradient, more.
    Lines are the label, then role and text of each other one, the role + 20 for a note;
    the text is only its sign where the array gives the rest. Flags are the sum of `_FLAGS`;
    with the last of them the name is the label, below the path of the innermost group.
    An array is its first values, or in a row with these its size, mean, deviation, least,
    greatest, the number of NaN and of infinities. More is by name, see `_more`
e   edges: source, target, operand, norm, share, change
g   groups: parent + 1, kind, width, height, title, its width, its height, lines, name,
    change, the box whose value is its result + 1
t   steps: phase (0 forward, 1 seed, 2 backward), box, caption, edge + 1, nth, count, sent,
    total; the last two are empty where they are what the box says at last
o   the open groups
n   what steps call each box that nobody named, with spaces between; "" for the others
l   the legend: sign, words
c   the caption
==  ====================================================================================
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from ..drawing.boxes import CHANGES, META_SIZE, STYLES, Box, frame_title, role
from ..drawing.legend import changes_of, gradient_says, value_says
from ..drawing.ways import SYMMETRIC
from ..graph.contents import Contents, contents
from ..graph.ir import Graph, Step, Vertex
from ..graph.names import local, names_of
from ..graph.summary import Summary
from ..text import clean, number, width

__all__ = ["encode"]

_FLAGS = {"kept": 1, "origin": 2, "gradient_origin": 4, "ordered": 8, "within": 16}
_PHASES = {"forward": 0, "seed": 1, "backward": 2}
#: The height of the line that counts contributions, and the sign before an open group's title.
_COUNTED, _SIGN = 14.0, 16.0


def encode(
    graph: Graph, boxes: Sequence[Box], group_boxes: Sequence[Box], opened: Collection[int]
) -> dict[str, Any]:
    """Return the graph as the rows that the page reads."""
    counts = _counts(graph)
    roles: dict[str, float] = {}
    for box in (*boxes, *group_boxes):
        roles.update((line.role, line.height) for line in box.lines)
    known = list(roles)
    kinds = list(STYLES)
    vertices = []
    for vertex, box in zip(graph.vertices, boxes, strict=True):
        value, gradient = _array(vertex.value), _array(vertex.gradient)
        within = _within(graph, vertex, box)
        vertices.append([
            kinds.index(role(vertex)), _up(vertex.group), *_size(box, counts.get(vertex.id, 1)),
            _lines(box, known, value, gradient), _flags(vertex, within), vertex.op or "", value,
            gradient, _more(vertex, box, within),
        ])  # fmt: skip
    edges = [
        [e.source, e.target, e.operand, _round(e.norm), _round(e.share), e.change]
        for e in graph.edges
    ]
    groups = [
        _group(graph, g, box, known, held)
        for g, (box, held) in enumerate(zip(group_boxes, contents(graph), strict=True))
    ]
    finals = [_final(box) for box in boxes]
    steps = [_step(step, graph, finals) for step in graph.steps]
    rows = {
        "r": [[role, height] for role, height in roles.items()],
        "v": vertices,
        "e": edges,
        "g": groups,
        "t": steps,
        "n": _called(graph) if steps else "",
        "l": _signs(graph),
        "c": clean(graph.caption),
    }
    return {**_shared(rows), "o": sorted(opened)}


def _called(graph: Graph) -> str:
    """What the words of steps call the boxes that nobody named."""
    names = names_of(graph.vertices)
    return " ".join("" if v.name else name for v, name in zip(graph.vertices, names, strict=True))


def _counts(graph: Graph) -> dict[int, int]:
    """How many contributions each box gets, where it is more than one."""
    counts: dict[int, int] = {}
    for step in graph.steps:
        if step.edge is not None and step.count > 1:
            source = graph.vertices[graph.edges[step.edge].source]
            counts[source.id if source.stands_for is None else source.stands_for] = step.count
    return counts


def _size(box: Box, count: int) -> list[float]:
    """The size of a box, with a line for the contributions if there are several."""
    wide, high = box.width, box.height
    if count > 1:
        wide = max(wide, width(f"{count} of {count} contributions", META_SIZE) + 20.0)
        high += _COUNTED
    return [round(wide, 1), round(high, 1)]


def _lines(box: Box, roles: list[str], value: Any = 0, gradient: Any = 0) -> list[Any]:
    """The lines; without the text of those that the page writes from the statistics."""
    first, *rest = box.lines
    known = (f"= {_figures(value)}", f"∇ {_figures(gradient)}")
    row: list[Any] = [first.text]
    for line in rest:
        derived = line.role in ("value", "gradient") and line.text in known
        row += [roles.index(line.role) + 20 * line.note, line.text[0] if derived else line.text]
    return row


def _figures(row: Any) -> str:
    """How the page writes an array, from its row."""
    if not isinstance(row, list):
        return str(row or "")
    _, _, mean, std, low, high, *_ = row
    if mean is None:
        return ""
    return f"{number(mean)} ±{number(std, 2)} [{number(low)}, {number(high)}]"


def _within(graph: Graph, vertex: Vertex, box: Box) -> bool:
    """Whether the box says the name of a leaf less the path of the frame around, and all of it."""
    if vertex.op is not None or not vertex.name:
        return False
    name = local(graph, vertex.name, vertex.group)
    return name != vertex.name and name == _said(vertex, box)


def _said(vertex: Vertex, box: Box) -> str:
    """The label of a box, without the count of uses."""
    return box.lines[0].text.removesuffix(f" ↻{vertex.uses}")


def _flags(vertex: Vertex, within: bool) -> int:
    ordered = vertex.op is not None and vertex.op not in SYMMETRIC
    held = {"kept": vertex.kept, "origin": vertex.origin,
            "gradient_origin": vertex.gradient_origin, "ordered": ordered,
            "within": within}  # fmt: skip
    return sum(_FLAGS[name] for name, on in held.items() if on)


def _array(summary: Summary | None) -> Any:
    """An array: its first values, and if there are more than one, the statistics."""
    if summary is None:
        return 0
    first = ", ".join(number(x, 4) for x in summary.preview)
    if summary.size == 1:
        return first
    statistics = (summary.mean, summary.std, summary.min, summary.max)
    return [first, summary.size, *map(_round, statistics), summary.nan, summary.inf]


def _more(vertex: Vertex, box: Box, within: bool) -> dict[str, Any]:
    """What few boxes have; defaults are left out."""
    name = vertex.name or ""
    told = within or (_said(vertex, box) == name if vertex.op is None else vertex.label == name)
    more = {
        "name": "" if told else name,
        "line": vertex.line,
        "seconds": _round(vertex.seconds),
        "back": _round(vertex.backward_seconds),
        "bytes": vertex.nbytes or 0,
        "held": vertex.held,
        "dead": _round(vertex.dead),
        "change": vertex.change,
        "of": _up(vertex.stands_for),
        "uses": vertex.uses if vertex.uses > 1 else 0,
        "rule": _up(vertex.rule_of),
    }
    return {key: held for key, held in more.items() if held or isinstance(held, float)}


def _group(graph: Graph, number: int, box: Box, roles: list[str], held: Contents) -> list[Any]:
    group, title = graph.groups[number], frame_title(graph, number)
    return [
        _up(group.parent), group.kind, round(box.width, 1), round(box.height, 1),
        title.lines[0].text, round(title.width + _SIGN, 1), title.height, _lines(box, roles),
        group.name, group.change, _up(held.outputs[0]) if len(held.outputs) == 1 else 0,
    ]  # fmt: skip


def _signs(graph: Graph) -> list[list[str]]:
    """The signs that are in the graph, and what they mean."""
    kinds = {role(vertex) for vertex in graph.vertices}
    signs = [[kind, style.says] for kind, style in STYLES.items() if kind in kinds]
    for sign, says in (("=", value_says(graph)), ("∇", gradient_says(graph))):
        if says:
            signs.append([sign, says])
    if any(v.kept for v in graph.vertices):
        signs.append(["●", "kept for the backward pass"])
    if any(v.uses > 1 for v in graph.vertices):
        signs.append(["↻", "drawn at each of its uses"])
    changed = changes_of(graph)
    return signs + [[sign, says] for name, (sign, _, says) in CHANGES.items() if name in changed]


def _final(box: Box) -> str:
    """What the box says of its gradient when all is done."""
    lines = [line.text for line in box.lines if line.text.startswith("∇ ") and not line.note]
    return lines[-1].removeprefix("∇ ") if lines else ""


def _step(step: Step, graph: Graph, finals: list[str]) -> list[Any]:
    taker = step.vertex if step.edge is None else graph.edges[step.edge].source
    said = finals[taker]
    sent = "" if step.sent == said else step.sent
    # A sum that is not known is none of the texts that are left out.
    total = step.total or ("" if step.nth == 1 else "…")
    total = "" if total == said or (step.nth == 1 and sent) else total
    return [
        _PHASES[step.phase], step.vertex, step.caption, _up(step.edge),
        step.nth if step.count > 1 else 0, step.count if step.count > 1 else 0, sent, total,
    ]  # fmt: skip


def _up(index: int | None) -> int:
    """An index as a row holds it: 0 for none."""
    return 0 if index is None else index + 1


def _round(x: float | None) -> Any:
    """Four digits of a number; zero stays a float, which a row keeps even at its end."""
    if x is None or x != x or x in (float("inf"), float("-inf")):
        return None
    rounded = float(f"{x:.4g}")
    return int(rounded) if rounded and rounded.is_integer() and abs(rounded) < 1e9 else rounded


def _shared(rows: dict[str, Any]) -> dict[str, Any]:
    """Put texts that recur in a table, and leave out what is empty at the end of each row."""
    counted = Counter(_texts(rows))
    often = [text for text, n in counted.most_common() if n > 1 and len(text) > 2]
    place = {text: i for i, text in enumerate(often)}

    def pack(held: Any) -> Any:
        kind = type(held)
        if kind is str:
            return place.get(held, held)
        if kind is dict:
            return {key: pack(part) for key, part in held.items()}
        if kind is list:
            end = len(held)
            while end and not held[end - 1] and not isinstance(held[end - 1], float):
                end -= 1
            return [pack(part) for part in held[:end]]
        return held

    return {"s": often, **{key: pack(part) for key, part in rows.items()}}


def _texts(rows: dict[str, Any]) -> list[str]:
    """Every text in the rows, and in the rows within them."""
    texts: list[str] = []
    left: list[Any] = [rows]
    while left:
        held = left.pop()
        for part in held.values() if type(held) is dict else held:
            if type(part) is str:
                texts.append(part)
            elif type(part) is list or type(part) is dict:
                left.append(part)
    return texts
