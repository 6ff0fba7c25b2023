"""What each frame holds, and where values cross its border."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

__all__ = ["PORT", "Level", "levels", "reading"]

#: Where a value comes from that enters a frame by a port, and where one goes that leaves it so.
PORT = -1


@final
class Level:
    """What stands directly in a frame, or on the page: boxes, and frames as one box each.

    A box is its number, frame ``f`` is the number of boxes plus ``f``. Links carry values, named by
    the box that computes them, from where they start in this frame to where they end in it. Links
    into a frame, and out by a port, are shared by all edges that carry the value there.
    """

    def __init__(self) -> None:
        self.units: list[int] = []
        self.values: list[int] = []
        self.starts: list[int] = []
        self.links: list[tuple[int, int]] = []
        self._number: dict[int, int] = {}
        self._shared: dict[tuple[int, int], int] = {}

    def link(self, value: int, start: int, end: int, boxes: int) -> int:
        """The link that carries a value from a box, frame or port to another."""
        number = self._number.get(value)
        if number is None:
            number = self._number[value] = len(self.values)
            self.values.append(value)
            self.starts.append(start)
        if not 0 <= end < boxes:
            if (number, end) in self._shared:
                return self._shared[number, end]
            self._shared[number, end] = len(self.links)
        self.links.append((number, end))
        return len(self.links) - 1

    def sort(self, boxes: int) -> None:
        """Bring the boxes and frames in topological order; as they come if that is one."""
        parents: dict[int, list[int]] = {unit: [] for unit in self.units}
        for number, end in self.links:
            if end != PORT and self.starts[number] != PORT:
                parents[end].append(self.starts[number])
        done: dict[int, bool] = {}
        order = []
        for unit in self.units:
            stack = [unit]
            while stack:
                top = stack[-1]
                if done.get(top):
                    stack.pop()
                elif top in done:
                    done[top] = True
                    order.append(stack.pop())
                else:
                    done[top] = False
                    for parent in parents[top]:
                        if done.get(parent) is False:
                            names = " and ".join(
                                f"frame {u - boxes}" if u >= boxes else f"box {u}"
                                for u in sorted({top, parent}, reverse=True)
                            )
                            raise ValueError(
                                f"{names} would each have to be above the other: a way that leaves "
                                "a frame comes back to it"
                            )
                        if parent not in done:
                            stack.append(parent)
        self.units = order


def reading(n: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The edges as a reader meets them: upwards from the results, operands left to right."""
    into: list[list[int]] = [[] for _ in range(n)]
    result = [True] * n
    for k, (u, v) in enumerate(edges):
        into[v].append(k)
        result[u] = False
    read, seen = [], [False] * n
    stack = [k for v in reversed(range(n)) if result[v] for k in reversed(into[v])]
    while stack:
        k = stack.pop()
        read.append(k)
        u = edges[k][0]
        if not seen[u]:
            seen[u] = True
            stack.extend(reversed(into[u]))
    return read


def levels(
    n: int, edges: Sequence[tuple[int, int]], homes: Sequence[int], parents: Sequence[int]
) -> tuple[list[Level], list[list[tuple[int, int]]]]:
    """Cut the graph at the borders of the frames; level 0 is the page, ``f + 1`` is frame ``f``.

    Also returns per edge the links that it takes, as (level, link): up to the innermost frame that
    holds both ends, and down again.
    """
    plan = [Level() for _ in range(len(parents) + 1)]
    up = [0, *[parent + 1 for parent in parents]]
    depth = [0] * len(plan)
    placed = [True] + [False] * len(parents)
    for level in range(1, len(plan)):
        depth[level] = depth[up[level]] + 1
    for unit, home in [*enumerate(homes), *[(-1, f) for f in range(len(parents))]]:
        level = home + 1
        if unit >= 0:
            plan[level].units.append(unit)
        while not placed[level]:
            placed[level] = True
            plan[up[level]].units.append(n + level - 1)
            level = up[level]
    ways = []
    for u, v in edges:
        a, b = homes[u] + 1, homes[v] + 1
        way: list[tuple[int, int]] = []
        start, falls = u, [v]
        while a != b:
            if depth[a] >= depth[b]:
                way.append((a, plan[a].link(u, start, PORT, n)))
                start, a = n + a - 1, up[a]
            else:
                falls.append(n + b - 1)
                b = up[b]
        for end in reversed(falls):
            way.append((a, plan[a].link(u, start, end, n)))
            start, a = PORT, end - n + 1
        ways.append(way)
    for level_ in plan:
        level_.sort(n)
    return plan, ways
