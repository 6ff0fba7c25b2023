"""The ways of a drawing: its arrows, plain, by the norm of the gradient, explained, and those that
answer them on the way back; and what is written beside them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..layout import Layout, Point
from ..text import clean, number, width
from .boxes import ALARM, EDGE, FAINT, GRADIENT, Box
from .labels import Area, Room
from .legend import edge_colour, edge_width
from .looks import Looks, Scale, edge_norm, edge_share
from .progress import Progress

if TYPE_CHECKING:
    from ..graph.view import Arrow, View

__all__ = ["SYMMETRIC", "Note", "Way", "notes", "ways"]

#: The order of the operands of these does not matter, so it need not be told.
SYMMETRIC = {"add", "multiply", "maximum", "minimum", "fmax", "fmin", "logaddexp", "hypot"}
#: How far the arrow sent back runs beside the other.
_AWAY = 7.0
#: More words than this are left to the hints.
_MANY_WORDS = 400
SENT_DASHES, FAR_DASHES, REMOVED_DASHES = "5 3", "3 3", "2 4"


@dataclass(slots=True)
class Way:
    """An arrow from box ``source`` to ``target``; with ``back`` its head is at ``source``.

    ``says`` are words for beside it: the first for which there is room.
    """

    source: int
    target: int
    pieces: list[list[Point]]
    colour: str
    wide: float
    dashes: str
    told: str = ""
    says: tuple[str, ...] = ()
    explained: bool = False
    pale: bool = False
    now: bool = False
    back: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """Words that start at ``x`` on the base line ``y``."""

    x: float
    y: float
    words: str
    size: float
    colour: str


def ways(
    view: View, layout: Layout, looks: Looks, widths: Scale | None, state: Progress | None
) -> list[Way]:
    """The arrows forward, then those back; what a step has not reached is pale."""
    graph = view.graph
    drawn: list[Way] = []
    routes = layout.routes
    if looks != Looks() or any(e.change or e.share is not None for e in graph.edges):
        routes = whole(view, layout)
    for arrow, route in zip(view.edges, routes, strict=True):
        change = {graph.edges[e].change for e in arrow.edges}
        dashes = FAR_DASHES if len(route) > 1 else REMOVED_DASHES if change == {"removed"} else ""
        told = _told(view, arrow)
        way = Way(arrow.source, arrow.target, route, EDGE, 1.3, dashes, told)
        share = edge_share(graph, arrow)
        if share:
            way.colour, way.wide = GRADIENT, 2.0 + 5.0 * min(1.0, abs(share))
            way.says, way.explained = (f"{number(100 * share)} %",), True
        if looks.edges == "gradient":
            flows = state is None or any(e in state.sent for e in arrow.edges)
            norm = edge_norm(graph, arrow) if flows else None
            part = None if widths is None else widths.at(norm)
            way.colour, way.wide = EDGE, 0.8
            if norm is not None and not math.isfinite(norm):
                way.colour, way.wide = ALARM, 3.0
            elif part is not None:
                way.colour, way.wide = edge_colour(part), edge_width(part)
        if state is not None:
            targets = {graph.edges[e].target for e in arrow.edges}
            way.now = state.step.phase == "forward" and state.step.vertex in targets
            way.pale = targets <= state.waiting
        drawn.append(way)
    # Where they share a trunk, what matters most is drawn over the others.
    drawn.sort(key=lambda way: (way.now, not way.pale, way.dashes != REMOVED_DASHES, way.wide))
    if looks.backward or state is not None:
        drawn += sorted(_sent(view, layout, routes, state), key=lambda way: way.now)
    return drawn


def whole(view: View, layout: Layout) -> list[list[list[Point]]]:
    """The routes from box to box: a trunk that several share is in the layout in one of them."""
    found = list(layout.routes)
    leaving: dict[int, list[int]] = {}
    for i, arrow in enumerate(view.edges):
        leaving.setdefault(arrow.source, []).append(i)
    for arrows in leaving.values():
        # From the one that has all of it, downward.
        arrows.sort(key=lambda i: found[i][0][0][1])
        border = found[arrows[0]][0][0][1]
        # By their x, the nodes of the routes so far: the route, and which of its points.
        nodes: dict[float, list[tuple[int, int]]] = {}
        for i in arrows:
            if len(found[i]) > 1:
                continue
            points, before = found[i][0], 0
            if points[0][1] > border + 1.0:
                for j, k in nodes.get(round(points[0][0], 3), ()):
                    trunk = _trunk(found[j][0], k, points[0])
                    if trunk:
                        found[i], before = [trunk + points[1:]], len(trunk) - 1
                        break
            for k in range(0, len(points), 3):
                nodes.setdefault(round(points[k][0], 3), []).append((i, before + k))
    return found


def _trunk(points: Sequence[Point], k: int, end: Point) -> list[Point]:
    """The start of a route up to ``end``, at its point ``k`` or straight below it, else nothing."""
    (x, y), to = points[k], end[1]
    if abs(y - to) < 0.01:
        return list(points[: k + 1])
    piece = points[k : k + 4]
    if len(piece) < 4 or not y < to < piece[3][1] or any(abs(p[0] - x) > 0.01 for p in piece):
        return []
    third = (to - y) / 3
    return [*points[: k + 1], (x, y + third), (x, to - third), (x, to)]


def _told(view: View, arrow: Arrow) -> str:
    """What a pointer resting on it is told."""
    graph = view.graph
    said = []
    for e in arrow.edges[:4]:
        edge = graph.edges[e]
        text = f"operand {edge.operand + 1} of {graph.vertices[edge.target].label}"
        if edge.norm is not None:
            text += f"; norm of the gradient sent back {number(edge.norm)}"
        said.append(text)
    return "\n".join(said + ["..."] * (len(arrow.edges) > 4))


def _sent(
    view: View, layout: Layout, routes: Sequence[list[list[Point]]], state: Progress | None
) -> Iterator[Way]:
    """The arrows of the backward pass, beside those that they answer.

    At a step, only what it sends is told in figures.
    """
    graph = view.graph
    sent = {s.edge: s.sent for s in graph.steps if s.phase == "backward" and s.edge is not None}
    by_norm = state is None and not sent
    if state is not None:
        sent = dict(state.sent)
    right = _rightmost(view, layout)
    for i, (arrow, route) in enumerate(zip(view.edges, routes, strict=True)):
        norm = edge_norm(graph, arrow)
        if not (norm is not None if by_norm else any(e in sent for e in arrow.edges)):
            continue
        away = -_AWAY if i in right else _AWAY
        pieces = [_beside(piece, away) for piece in reversed(route)]
        way = Way(arrow.source, arrow.target, pieces, GRADIENT, 1.4, SENT_DASHES, back=True)
        way.now = state is not None and state.step.edge in arrow.edges
        if way.now or state is None:
            says = [clean(sent[e]) for e in arrow.edges if len(arrow.edges) == 1 and sent.get(e)]
            way.says = (*says, *([] if norm is None else [f"norm {number(norm)}"]))
        yield way


def _beside(points: Sequence[Point], away: float) -> list[Point]:
    """The same way in the other direction, ``away`` to the left of the one that is drawn."""
    moved = []
    last = len(points) - 1
    for i, (x, y) in enumerate(points):
        dx = points[min(i + 1, last)][0] - points[max(i - 1, 0)][0]
        dy = points[min(i + 1, last)][1] - points[max(i - 1, 0)][1]
        length = (dx * dx + dy * dy) ** 0.5 or 1.0
        moved.append((x - away * dy / length, y + away * dx / length))
    # Its ends are level with the other's, on the borders of the boxes.
    moved[0], moved[-1] = (moved[0][0], points[0][1]), (moved[-1][0], points[-1][1])
    return moved[::-1]


def _rightmost(view: View, layout: Layout) -> set[int]:
    """Of arrows between the same two boxes the last one: what answers it runs on its other side."""
    last: dict[tuple[int, int], list[tuple[float, int]]] = {}
    for i, (arrow, route) in enumerate(zip(view.edges, layout.routes, strict=True)):
        last.setdefault((arrow.source, arrow.target), []).append((route[-1][-1][0], i))
    return {max(ends)[1] for ends in last.values() if len(ends) > 1}


def notes(
    view: View, boxes: Sequence[Box], layout: Layout, drawn: Sequence[Way], sent: bool
) -> list[Note]:
    """What is written beside the arrows: operands' numbers, and figures where there is room."""
    found = _operand_numbers(view, boxes, layout, sent)
    said = [way for way in drawn if way.says]
    if not said or len(said) > _MANY_WORDS:
        return found
    left, top, right, bottom = zip(*map(_around, said), strict=True)
    wide = 20.0 + max(width(words, Room.size, fixed=True) for way in said for words in way.says)
    near = (min(left) - wide, min(top) - 20.0, max(right) + wide, max(bottom) + 20.0)
    room = Room((0.0, 0.0, layout.width, layout.height), near)
    for box, (x, y) in zip(boxes, layout.centres, strict=True):
        w, h = 0.5 * box.width + 2.0, 0.5 * box.height + 2.0
        room.take((x - w, y - h, x + w, y + h))
    for x, y, w, h in layout.frames:
        # Its title, and its border.
        room.take((x, y, x + w, y + 18.0))
        room.take((x, y + h - 1.0, x + w, y + h + 1.0))
        room.take((x - 1.0, y, x + 1.0, y + h))
        room.take((x + w - 1.0, y, x + w + 1.0, y + h))
    for way in drawn:
        if not room.reaches(_around(way)):
            continue
        for piece in way.pieces:
            room.take_way(piece)
        x, y = way.pieces[-1][-1]
        # The arrowhead, which is below its tip where it points up.
        high, half = 6.4 + 1.2 * way.wide, 2.0 + 0.6 * way.wide
        room.take((x - half, y - high * (not way.back), x + half, y + high * way.back))
    for way in said:
        for words in way.says:
            place = room.find(words, max(way.pieces, key=len), 0.5 * way.wide)
            if place is not None:
                found.append(Note(*place, words, room.size, GRADIENT))
                break
    return found


def _around(way: Way) -> Area:
    """The rectangle around an arrow."""
    x, y = zip(*(point for piece in way.pieces for point in piece), strict=True)
    return min(x), min(y), max(x), max(y)


def _operand_numbers(view: View, boxes: Sequence[Box], layout: Layout, sent: bool) -> list[Note]:
    """Number the arrows into a box that come in another order than its operands."""
    into: dict[int, list[tuple[float, float, int]]] = {}
    graph = view.graph
    for arrow, route in zip(view.edges, layout.routes, strict=True):
        if view.boxes[arrow.target].vertex is None or len(arrow.edges) != 1:
            continue
        edge = graph.edges[arrow.edges[0]]
        (x, y), before = route[-1][-1], route[-1][-2]
        # On the side that the arrow does not come from, or the one sent back does not run on.
        aside = -9.5 if before[0] > x + 1 and not sent else 4.5
        beside = x - layout.centres[arrow.target][0]
        if abs(beside) > 0.5 * boxes[arrow.target].width - 3.0:
            # `dot` lets it come in at the side of the box, or at its corner.
            aside = 4.5 if beside > 0 else -9.5
        into.setdefault(edge.target, []).append((x + aside, y, edge.operand))
    numbers = []
    for target, ends in into.items():
        operands = [operand for _, _, operand in sorted(ends)]
        if graph.vertices[target].op not in SYMMETRIC and operands != sorted(operands):
            numbers += [Note(x, y - 4.0, str(operand + 1), 9.0, FAINT) for x, y, operand in ends]
    return numbers
