"""The way of each edge: curves between the rows, straight down inside a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from .columns import isotonic
from .place import Placed

__all__ = ["Layout", "Point", "draw", "joined"]

Point = tuple[float, float]

#: The straight end of an edge, where the arrowhead is drawn.
_TIP = 11.0


@dataclass(frozen=True, slots=True)
class Layout:
    """The place of each box (its centre), the way of each edge, and the size of the whole.

    A way is a list of pieces, each a start followed by cubic Bézier triples (two controls, an
    end). It is one piece, but for an edge too long to be drawn, which is its two ends alone. Edges
    from one box share a trunk: it is in the way of one of them, and the others start from it.
    A frame is ``(x, y, width, height)`` from its top left corner.
    """

    centres: list[Point]
    routes: list[list[list[Point]]]
    width: float
    height: float
    frames: list[tuple[float, float, float, float]] = field(default_factory=list)


def draw(placed: Placed, corner: Point) -> list[list[list[Point]]]:
    """Draw the links of one frame, whose top left corner is given, in absolute coordinates."""
    net, (left, upper) = placed.net, corner
    x = [left + at for at in placed.x]
    top = [upper + at for at in placed.top]
    floors = [a + b for a, b in zip(top, placed.tall, strict=False)]
    ports = _ports(placed)
    drawn = []
    for k, (value, v) in enumerate(net.links):
        u = net.start[value]
        bend = x[u] + net.start_at[value]
        foot = upper + placed.y[u] + 0.5 * net.height[u]
        head = upper + placed.y[v] - 0.5 * net.height[v]
        if v >= net.boxes:
            head = upper + placed.height
        path, end = net.paths[k], left + ports[k]
        if not path:
            drawn.append([_straight((bend, foot), foot + _TIP),
                          _straight((end, head - 1.6 * _TIP), head)])  # fmt: skip
            continue
        way = [(bend, foot) if path[0] == u else (x[path[0]], floors[net.row[path[0]]])]
        for a, b in pairwise(path):
            floor, to = floors[net.row[a]], x[b] if b != v else end
            if abs(to - way[-1][0]) < 1e-6:
                continue
            if floor - way[-1][1] > 1e-6:
                way += _straight(way[-1], floor)[1:]
            way += _curve(way[-1], (to, top[net.row[b]] - _TIP))
        drawn.append([way + _straight(way[-1], head)[1:]])
    return drawn


def _ports(placed: Placed) -> list[float]:
    """Choose where each link enters its box: straight below where it comes from, if it can."""
    net, x = placed.net, placed.x
    entering: list[list[int]] = [[] for _ in range(net.boxes)]
    ports = [0.0] * len(net.links)
    for k, (_, v) in enumerate(net.links):
        if v >= net.boxes or net.frame[v]:
            ports[k] = x[v] + net.end_at[k]
        else:
            entering[v].append(k)
    for v, into in enumerate(entering):
        if not into:
            continue
        # Those that come on one line enter together.
        joint = [k for k in into if net.gathered[net.start[net.links[k][0]]]]
        into = [k for k in into if not net.gathered[net.start[net.links[k][0]]]] + joint[:1]
        origin = {k: _origin(placed, k) for k in into}
        into.sort(key=origin.__getitem__)
        half = max(0.0, 0.5 * net.width[v] - 12.0)
        step = min(16.0, 2 * half / max(1, len(into) - 1))
        wish = [origin[k] - x[v] for k in into]
        free = isotonic(wish, [1.0] * len(into), [step] * (len(into) - 1))
        for i, (k, at) in enumerate(zip(into, free, strict=True)):
            low, high = -half + i * step, half - (len(into) - 1 - i) * step
            ports[k] = x[v] + max(low, min(high, at))
        for k in joint:
            ports[k] = ports[joint[0]]
    return ports


def _origin(placed: Placed, k: int) -> float:
    """Where the last segment of a link comes from; right above its end if it is not drawn."""
    net, path = placed.net, placed.net.paths[k]
    value, v = net.links[k]
    if not path:
        return placed.x[v]
    u = path[-2]
    return placed.x[u] + (net.start_at[value] if u == net.start[value] else 0.0)


def _straight(start: Point, to: float) -> list[Point]:
    third = (to - start[1]) / 3
    return [start, (start[0], start[1] + third), (start[0], to - third), (start[0], to)]


def _curve(start: Point, end: Point) -> list[Point]:
    """A curve that leaves and arrives vertically and runs downward all the way."""
    bend = 0.5 * (end[1] - start[1])
    return [(start[0], start[1] + bend), (end[0], end[1] - bend), end]


def joined(
    ways: Sequence[Sequence[tuple[int, int]]], drawn: Sequence[Sequence[list[list[Point]]]]
) -> list[list[list[Point]]]:
    """The way of each edge: the links that it takes, less those that an edge before it took."""
    taken: set[tuple[int, int]] = set()
    routes = []
    for way in ways:
        route: list[list[Point]] = []
        for level, link in way:
            if (level, link) in taken:
                continue
            taken.add((level, link))
            pieces = drawn[level][link]
            if route:
                route[-1] = route[-1] + pieces[0][1:]
                route += pieces[1:]
            else:
                route = list(pieces)
        routes.append(route)
    return routes
