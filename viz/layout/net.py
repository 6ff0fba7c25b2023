"""What a frame holds, as rows of vertices: its boxes, its frames, its ports, and lines between.

A *value* is what one box computes; every link that carries it shares its trunk. A vertex is, in
this order: a port through which a value comes in; a box, or a frame as one box; a port through
which a value goes out; a dummy, which keeps a line's place in a row that the line passes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import final

__all__ = ["Net"]

#: The dummies that lines may have; beyond that the longest lines are not drawn.
MANY_DUMMIES = 20_000


@final
class Net:
    """The vertices of one frame (or of the page), row by row, and the segments between rows."""

    def __init__(self, ins: int, sizes: Sequence[tuple[float, float]], outs: int) -> None:
        none = [0.0] * ins, [0.0] * outs
        self.width = [*none[0], *[width for width, _ in sizes], *none[1]]
        self.height = [*none[0], *[height for _, height in sizes], *none[1]]
        #: Boxes and frames are the vertices from ``ins`` to ``boxes``.
        self.ins, self.boxes, self.outs = ins, ins + len(sizes), outs
        n = len(self.width)
        self.row = [0] * n
        self.rows: list[list[int]] = []
        #: The neighbours in the rows above and below, and how far right of straight each is: the
        #: ports of a frame are not in its middle.
        self.above: list[list[int]] = [[] for _ in range(n)]
        self.below: list[list[int]] = [[] for _ in range(n)]
        self.above_aside: list[list[float]] = [[] for _ in range(n)]
        self.below_aside: list[list[float]] = [[] for _ in range(n)]
        #: The same for the order in a row, in widths: the sum over the segments above and below,
        #: per segment above how far aside it leaves, and per segment below how far aside it leaves
        #: and enters.
        self.above_lean, self.below_lean = [0.0] * n, [0.0] * n
        self.above_ports: list[list[float]] = [[] for _ in range(n)]
        self.below_ports: list[list[tuple[float, float]]] = [[] for _ in range(n)]
        #: Per value where it starts: the vertex, and how far right of its middle.
        self.start: list[int] = []
        self.start_at: list[float] = []
        #: Per link its value, the vertex where it ends, and how far right of its middle; where
        #: that is free it is 0 so far.
        self.links: list[tuple[int, int]] = []
        self.end_at: list[float] = []
        #: Whether what comes in by a port is computed, not a parameter or an input.
        self.computed = [False] * ins
        #: The ports through which comes what a frame before has computed and this one computes on.
        self.state: list[int] = []
        #: Whether a box stands aside of the chain: it only prepares what a later box takes in.
        self.side = [False] * n
        #: Whether the links of a box join others' on their way.
        self.gathered = [False] * n
        #: Whether a vertex is a frame, whose ports are where its inside has put them.
        self.frame = [False] * n
        #: Per link the vertices that it visits, from where it leaves what is already drawn to the
        #: one that it enters; empty if it is not drawn.
        self.paths: list[list[int]] = []

    def line(self, v: int) -> bool:
        """Whether a vertex is a place on a line: a port or a dummy."""
        return not self.ins <= v < self.boxes

    def dummy(self, row: int) -> int:
        """A new vertex in a row that a line passes."""
        self.width.append(0.0)
        self.row.append(row)
        self.above.append([])
        self.below.append([])
        self.above_aside.append([])
        self.below_aside.append([])
        self.above_lean.append(0.0)
        self.below_lean.append(0.0)
        self.above_ports.append([])
        self.below_ports.append([])
        return len(self.row) - 1

    def join(self, u: int, v: int, leave: float, enter: float) -> None:
        """A segment from a vertex to one in the next row."""
        self.above[v].append(u)
        self.below[u].append(v)
        self.above_aside[v].append(leave - enter)
        self.below_aside[u].append(enter - leave)
        out, into = leave / (self.width[u] or 1.0), enter / (self.width[v] or 1.0)
        self.above_lean[v] += out
        self.below_lean[u] += into
        self.above_ports[v].append(out)
        self.below_ports[u].append((out, into))

    def ends(self, u: int, place: list[int]) -> list[float]:
        """Where the segments below a vertex end, in the order in which they leave it."""
        below, ports = self.below[u], self.below_ports[u]
        if len(below) == 1:
            return [place[below[0]] + ports[0][1]]
        leaving = [(out, place[v] + into) for v, (out, into) in zip(below, ports, strict=True)]
        return [end for _, end in sorted(leaving)]

    def thread(self) -> None:
        """Cut links at every row they pass. Links of one value share one trunk of dummies."""
        reach = [0] * len(self.start)
        for value, v in self.links:
            reach[value] = max(reach[value], self.row[v] - self.row[self.start[value]] - 1)
        longest = _longest(reach, MANY_DUMMIES + 2 * len(self.row))
        trunks = [[v] for v in self.start]
        drawn = [0] * len(self.start)
        gather: dict[int, list[int]] = {}
        for (value, v), enter in zip(self.links, self.end_at, strict=True):
            trunk, top = trunks[value], self.row[self.start[value]]
            span = self.row[v] - top
            if span - 1 > longest:
                self.paths.append([])
                continue
            leave = self.start_at[value]
            if self.gathered[self.start[value]]:
                self.paths.append(self._gather(self.start[value], gather.setdefault(v, [v])))
                continue
            while len(trunk) < span:
                trunk.append(self.dummy(top + len(trunk)))
                self.join(trunk[-2], trunk[-1], leave if len(trunk) == 2 else 0.0, 0.0)
            self.join(trunk[span - 1], v, leave if span == 1 else 0.0, enter)
            start = min(drawn[value], span - 1)
            drawn[value] = max(drawn[value], span - 1)
            self.paths.append([*trunk[start:span], v])
        for line in gather.values():
            for v, u in pairwise(line):
                # The line comes in the middle of those that join it.
                self.above[v].remove(u)
                self.above[v].insert(len(self.above[v]) // 2, u)

    def _gather(self, u: int, line: list[int]) -> list[int]:
        """Lead a link to the line, from its end upwards, on which such links come to a box."""
        while self.row[line[-1]] > self.row[u] + 1:
            line.append(self.dummy(self.row[line[-1]] - 1))
            self.join(line[-1], line[-2], 0.0, 0.0)
        into = self.row[line[0]] - self.row[u] - 1
        self.join(u, line[into], 0.0, 0.0)
        return [u, *reversed(line[: into + 1])]


def _longest(reach: list[int], left: int) -> int:
    """The longest line to draw, in rows passed.

    Where thousands of values live long, trunks would fill the page: leave out the longest.
    """
    longest = max(reach, default=0)
    if sum(reach) <= left:
        return longest
    by_length = sorted(reach)
    longest, passing = 0, len(reach)
    while longest < by_length[-1] and left >= passing:
        left -= passing
        longest += 1
        passing = len(reach) - bisect_right(by_length, longest)
    return longest
