"""Where boxes and edges go: a layered layout (after Sugiyama) that needs no other program.

Boxes stand in rows, every edge runs from a row to a lower one. Five steps, each a function:

1. ``_rows``       a row for each box: the longest path, then as near to its use as it can
2. ``_thread``     an edge over several rows gets a dummy in each of them, so that it has a place
3. ``_order``      left to right in each row, with few crossings: barycentre sweeps
4. ``_columns``    x coordinates that keep that order: isotonic regression towards the neighbours
5. ``_routes``     curves between the rows; inside a row an edge runs straight down in its own place

Curves bend only between rows, where no box is, and a dummy keeps boxes off its straight part: so
no edge can cross a foreign box. Everything is a loop, and equal input gives equal output.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Layout", "Point", "layered"]

Point = tuple[float, float]

_BETWEEN_BOXES = 26.0
_BETWEEN_LINES = 14.0
#: The height of the space between two rows, and how much a long way sideways adds to it.
_BETWEEN_ROWS, _STEEPNESS, _AT_MOST = 38.0, 0.10, 120.0
#: The straight end of an edge, where the arrowhead is drawn.
_TIP = 11.0
#: How much a segment wants to be vertical: of a source, and along a line of dummies.
_WEAK, _STIFF = 1e-5, 1e4
#: How much work to spend: dummies, and vertices times pairs of sweeps.
_MANY_DUMMIES, _MUCH_WORK = 60_000, 100_000


@dataclass(frozen=True, slots=True)
class Layout:
    """The place of each box (its centre), the way of each edge, and the size of the whole.

    A way is a list of pieces, each a start followed by cubic Bézier triples (two controls, an
    end). It is one piece, but for an edge too long to be drawn, which is its two ends alone. Edges
    from one box share a trunk: it is in the way of one of them, and the others start from it.
    """

    centres: list[Point]
    routes: list[list[list[Point]]]
    width: float
    height: float


def layered(sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]]) -> Layout:
    """Lay out boxes of the given ``(width, height)``, joined by edges ``(from, to)``.

    Boxes are numbered in topological order: ``from < to`` on every edge, else a `ValueError`.
    Edges that name the same two boxes are drawn side by side.

    >>> drawing = layered([(40, 20), (40, 20)], [(0, 1)])
    >>> drawing.centres
    [(20.0, 10.0), (20.0, 68.0)]
    """
    for u, v in edges:
        if not 0 <= u < v < len(sizes):
            raise ValueError(f"edge {(u, v)}: edges must run from a smaller to a larger box number")
    if not sizes:
        return Layout([], [], 0.0, 0.0)
    row = _rows(len(sizes), edges)
    net = _thread(sizes, edges, row)
    _order(net)
    x = _columns(net)
    return _routes(sizes, edges, net, x)


def _rows(n: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Give each box a row: below all its parents, then as near to its first use as it can slide.

    Sources slide, and what stands on sources alone: the input's part in a recurrent step. So does
    a branch that hangs on nothing else, such as a weight transposed and scaled. Other boxes slide
    as far as that makes no edge longer: where each parent's trunk reaches further down anyway.
    """
    parents: list[list[int]] = [[] for _ in range(n)]
    children: list[list[int]] = [[] for _ in range(n)]
    for u, v in edges:
        parents[v].append(u)
        children[u].append(v)
    row = [0] * n
    reach = [0] * n
    loose = [True] * n
    holding: list[list[int]] = [[] for _ in range(n)]
    for v in range(n):
        for u in parents[v]:
            row[v] = max(row[v], row[u] + 1)
            alone = loose[u] and children[u][0] == children[u][-1]
            loose[v] = loose[v] and alone
            if parents[u] and not alone:
                holding[v].append(u)
        for u in parents[v]:
            reach[u] = max(reach[u], row[v])
    for v in reversed(range(n)):
        if children[v]:
            use = min([row[child] for child in children[v]])
            row[v] = max(row[v], min([use - 1, *[reach[u] for u in holding[v]]]))
        for u in parents[v]:
            reach[u] = max(reach[u], row[v])
    return row


class _Net:
    """The boxes and dummies, row by row, and the segments between neighbouring rows."""

    def __init__(self, sizes: Sequence[tuple[float, float]], row: list[int]) -> None:
        self.width = [width for width, _ in sizes]
        self.row = list(row)
        self.boxes = len(row)
        self.above: list[list[int]] = [[] for _ in row]
        self.below: list[list[int]] = [[] for _ in row]
        self.rows: list[list[int]] = []
        #: Per edge the vertices that it visits, from where it leaves what is already drawn to the
        #: box that it enters; empty if it is not drawn.
        self.paths: list[list[int]] = []

    def dummy(self, row: int) -> int:
        self.width.append(0.0)
        self.row.append(row)
        self.above.append([])
        self.below.append([])
        return len(self.row) - 1

    def join(self, u: int, v: int) -> None:
        self.above[v].append(u)
        self.below[u].append(v)


def _thread(sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]],
            row: list[int]) -> _Net:  # fmt: skip
    """Cut edges at every row they pass. Edges from one box share one trunk of dummies."""
    net = _Net(sizes, row)
    reach = [0] * len(row)
    for u, v in edges:
        reach[u] = max(reach[u], row[v] - row[u] - 1)
    # Where thousands of values live long, trunks would fill the page: leave out the longest.
    longest, left = max(reach, default=0), _MANY_DUMMIES + 2 * len(row)
    if sum(reach) > left:
        longest = 0
        passing = len(reach)
        by_length = sorted(reach)
        while longest < by_length[-1] and left >= passing:
            left -= passing
            longest += 1
            passing = len(reach) - bisect_right(by_length, longest)
    trunks: list[list[int]] = [[u] for u in range(len(row))]
    drawn = [0] * len(row)
    for u, v in edges:
        span = row[v] - row[u]
        if span - 1 > longest:
            net.paths.append([])
            continue
        trunk = trunks[u]
        while len(trunk) < span:
            trunk.append(net.dummy(row[u] + len(trunk)))
            net.join(trunk[-2], trunk[-1])
        net.join(trunk[span - 1], v)
        start = min(drawn[u], span - 1)
        drawn[u] = max(drawn[u], span - 1)
        net.paths.append([*trunk[start:span], v])
    return net


def _order(net: _Net) -> None:
    """Choose the order in each row. Starts from the order in which a reader would meet the boxes
    (upwards from the results, operands left to right), then sorts rows by barycentre in turn,
    down and up, and keeps the order with the fewest crossings.
    """
    rows: list[list[int]] = [[] for _ in range(max(net.row) + 1)]
    seen = [False] * len(net.row)
    for last in reversed(range(len(net.row))):
        stack = [last] if not net.below[last] else []
        while stack:
            v = stack.pop()
            if not seen[v]:
                seen[v] = True
                rows[net.row[v]].append(v)
                stack.extend(reversed(net.above[v]))
    net.rows = rows
    place = [0] * len(net.row)
    for line in rows:
        for i, v in enumerate(line):
            place[v] = i
    best, fewest = [list(line) for line in rows], _crossings(net, place)
    stale = 0
    for turn in range(min(12, max(2, _MUCH_WORK // len(net.row)))):
        if fewest == 0 or stale == 3:
            break
        for line in rows[1:]:
            _sort(line, net.above, place, turn % 2 == 1)
        for line in reversed(rows[:-1]):
            _sort(line, net.below, place, turn % 2 == 1)
        crossings = _crossings(net, place)
        stale += 1
        if crossings < fewest:
            best, fewest, stale = [list(line) for line in rows], crossings, 0
    net.rows = best


def _sort(line: list[int], near: list[list[int]], place: list[int], flip: bool) -> None:
    """Sort a row by the mean place of the neighbours; what has none keeps its place.

    ``flip`` exchanges equal ones, a way out of an order where no sort changes anything.
    """
    movable = [v for v in line if near[v]]
    key = {v: sum([place[u] for u in near[v]]) / len(near[v]) for v in movable}
    if flip:
        movable.reverse()
    movable.sort(key=key.__getitem__)
    turn = iter(movable)
    for i, v in enumerate(line):
        if near[v]:
            v = line[i] = next(turn)
        place[v] = i


def _crossings(net: _Net, place: list[int]) -> int:
    """Count the pairs of segments that cross: inversions of one end when sorted by the other."""
    total = 0
    for line in net.rows:
        ends: list[int] = []
        for v in sorted(line, key=place.__getitem__):
            below = sorted([place[w] for w in net.below[v]])
            total += sum([len(ends) - bisect_right(ends, end) for end in below])
            for end in below:
                insort(ends, end)
    return total


def _columns(net: _Net) -> list[float]:
    """Place the rows' vertices in x: each as near to its neighbours as its row allows.

    A segment's weight says how much it wants to be vertical. Lines of dummies come first, then
    the chain of ops; a parameter or constant stands aside of the chain, never the other way.
    """
    source = [not up for up in net.above]

    def pulls(v: int, around: list[int]) -> list[tuple[int, float]]:
        lines = v >= net.boxes
        return [
            (u, _WEAK if source[u] or source[v] else (1.0, 4.0, _STIFF)[lines + (u >= net.boxes)])
            for u in around
        ]

    above = [pulls(v, around) for v, around in enumerate(net.above)]
    below = [pulls(v, around) for v, around in enumerate(net.below)]
    gaps = [[0.5 * (net.width[u] + net.width[v])
             + (_BETWEEN_BOXES if u < net.boxes and v < net.boxes else _BETWEEN_LINES)
             for u, v in pairwise(line)] for line in net.rows]  # fmt: skip
    x = [0.0] * len(net.row)
    for line, gap in zip(net.rows, gaps, strict=True):
        at = -0.5 * sum(gap)
        for v, step in zip(line, [*gap, 0.0], strict=True):
            x[v] = at
            at += step
    rows = list(zip(net.rows, gaps, strict=True))
    turns = 9 if len(net.row) < 3_000 else 5
    for turn in range(turns + 1):
        up = turn % 2 == 1
        for line, gap in reversed(rows) if up else rows:
            wish, weight = [], []
            for v in line:
                near = below[v] if up else above[v]
                # At last only sources move, to above where they are used.
                if not near or (turn == turns and not source[v]):
                    wish.append(x[v])
                    weight.append(1e-3 * _WEAK if turn < turns else _STIFF)
                elif len(near) == 1:
                    wish.append(x[near[0][0]])
                    weight.append(near[0][1])
                else:
                    total = sum([w for _, w in near])
                    wish.append(sum([w * x[u] for u, w in near]) / total)
                    weight.append(total)
            for v, at in zip(line, _isotonic(wish, weight, gap), strict=True):
                x[v] = at
    left = min(x[v] - 0.5 * net.width[v] for v in range(len(x)))
    return [at - left for at in x]


def _isotonic(wish: list[float], weight: list[float], gap: list[float]) -> list[float]:
    """Minimise Σ weight·(x - wish)² subject to x[i+1] - x[i] ≥ gap[i].

    Without the gaps this is isotonic regression: pool neighbours that are in the wrong order
    into blocks at their weighted mean.
    """
    if len(wish) == 1:
        return wish
    blocks: list[tuple[float, float, int]] = []  # mean, weight, length
    offset = 0.0
    offsets = []
    for i, want in enumerate(wish):
        offset += gap[i - 1] if i else 0.0
        offsets.append(offset)
        mean, mass, length = want - offset, weight[i], 1
        while blocks and blocks[-1][0] >= mean:
            before, heavy, count = blocks.pop()
            mean = (mean * mass + before * heavy) / (mass + heavy)
            mass += heavy
            length += count
        blocks.append((mean, mass, length))
    means = [mean for mean, _, length in blocks for _ in range(length)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


def _routes(sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]],
            net: _Net, x: list[float]) -> Layout:  # fmt: skip
    """Put the rows below each other and draw the edges between them."""
    tall = [max([sizes[v][1] for v in line if v < net.boxes], default=0.0) for line in net.rows]
    wide = [0.0] * len(net.rows)
    for v, above in enumerate(net.above):
        for u in above:
            wide[net.row[u]] = max(wide[net.row[u]], abs(x[u] - x[v]))
    top = [0.0]
    for height, far in zip(tall, wide, strict=True):
        top.append(top[-1] + height + min(_BETWEEN_ROWS + _STEEPNESS * far, _AT_MOST))
    y = [top[net.row[v]] + 0.5 * tall[net.row[v]] for v in range(net.boxes)]
    ports = _ports(sizes, edges, net, x)
    routes = []
    for e, (u, v) in enumerate(edges):
        foot, head = y[u] + 0.5 * sizes[u][1], y[v] - 0.5 * sizes[v][1]
        if not net.paths[e]:
            routes.append([_straight((x[u], foot), foot + _TIP),
                           _straight((ports[e], head - 1.6 * _TIP), head)])  # fmt: skip
            continue
        start = net.paths[e][0]
        floor = top[net.row[start]] + tall[net.row[start]]
        way = [(x[start], foot if start == u else floor)]
        for a, b in pairwise(net.paths[e]):
            floor = top[net.row[a]] + tall[net.row[a]]
            if way[-1][1] < floor:
                way += _straight(way[-1], floor)[1:]
            way += _curve(way[-1], (x[b] if b != v else ports[e], top[net.row[b]] - _TIP))
        routes.append([way + _straight(way[-1], head)[1:]])
    height = top[len(tall) - 1] + tall[-1]
    width = max(x[v] + 0.5 * net.width[v] for v in range(len(x)))
    return Layout([(x[v], y[v]) for v in range(net.boxes)], routes, width, height)


def _ports(sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]],
           net: _Net, x: list[float]) -> list[float]:  # fmt: skip
    """Choose where each edge enters its box: straight below where it comes from, if it can."""
    entering: list[list[int]] = [[] for _ in sizes]
    for e, (_, v) in enumerate(edges):
        entering[v].append(e)
    ports = [0.0] * len(edges)
    for v, into in enumerate(entering):
        if not into:
            continue
        origin = {e: x[net.paths[e][-2]] if net.paths[e] else x[v] for e in into}
        into.sort(key=origin.__getitem__)
        half = max(0.0, 0.5 * sizes[v][0] - 12.0)
        step = min(16.0, 2 * half / max(1, len(into) - 1))
        wish = [origin[e] - x[v] for e in into]
        free = _isotonic(wish, [1.0] * len(into), [step] * (len(into) - 1))
        for i, (e, at) in enumerate(zip(into, free, strict=True)):
            left, right = -half + i * step, half - (len(into) - 1 - i) * step
            ports[e] = x[v] + max(left, min(right, at))
    return ports


def _straight(start: Point, to: float) -> list[Point]:
    third = (to - start[1]) / 3
    return [start, (start[0], start[1] + third), (start[0], to - third), (start[0], to)]


def _curve(start: Point, end: Point) -> list[Point]:
    """A curve that leaves and arrives vertically and runs downward all the way."""
    bend = 0.5 * (end[1] - start[1])
    return [(start[0], start[1] + bend), (end[0], end[1] - bend), end]
