"""What is alike: a number for each box and group, equal where all inside is equal."""

from __future__ import annotations

from collections.abc import Hashable
from typing import final

from ..ir import Vertex
from .forest import Choice, Forest, Level
from .repeats import look, repeated, unit_label

__all__ = ["Structures"]


@final
class Structures:
    """The numbers given so far: equal things have equal ones, so that comparing is cheap."""

    def __init__(self, forest: Forest) -> None:
        self._forest = forest
        self._numbers: dict[Hashable, int] = {}

    def of_levels(self, levels: dict[int, Level]) -> dict[int, int]:
        """Number every item of every level."""
        forest = self._forest
        order = {g: forest.order(level) for g, level in levels.items()}
        start, place = self._places(order)
        vertices = forest.graph.vertices
        key = {v.id: self.number(alike(v)) for v in vertices}
        for g in reversed(range(len(forest.groups))):
            inner: list[tuple[int, int, int]] = []
            fed: list[tuple[int, int, int]] = []
            for _, _, k in levels[g].edges:
                edge = forest.graph.edges[k]
                to = place[edge.target] - start[g]
                if vertices[edge.source].kind == "constant":
                    continue  # It is data that enters here, as what is computed enters elsewhere.
                if forest.leaf[edge.source]:
                    fed.append((to, edge.operand, edge.source))
                else:
                    inner.append((place[edge.source] - start[g], to, edge.operand))
            # A leaf has no place; it is known by its uses.
            leaves: dict[int, int] = {}
            named = [(t, o, key[v], leaves.setdefault(v, len(leaves))) for t, o, v in sorted(fed)]
            of = forest.groups[g]
            items = tuple(key[item] for item in order[g])
            what = (of.label, of.change, items, tuple(sorted(inner)), tuple(named))
            key[forest.n + g] = self.number(what)
        return key

    def _places(self, order: dict[int, list[int]]) -> tuple[list[int], list[int]]:
        """Number ops so that a group is an interval; return where each starts, and each op's."""
        forest = self._forest
        # The last of the lists, [-1], is of what is around all.
        size = [0] * (len(forest.groups) + 1)
        for v, around in enumerate(forest.of):
            size[around] += not forest.leaf[v]
        for g in reversed(range(len(forest.groups))):
            size[forest.parent[g]] += size[g]
        start = [0] * (len(forest.groups) + 1)
        place = [0] * forest.n
        for g in range(-1, len(forest.groups)):
            at = start[g]
            for item in order[g]:
                if item < forest.n:
                    place[item] = at
                    at += 1
                else:
                    start[item - forest.n] = at
                    at += size[item - forest.n]
        return start, place

    def number(self, what: Hashable) -> int:
        """Return the number of a thing, a new one if no equal thing has one."""
        return self._numbers.setdefault(what, len(self._numbers))

    def repeats(self, level: Level, key: dict[int, int]) -> list[Level]:
        """Join what comes again and again in a level, by the numbers of its items."""
        order = self._forest.order(level)
        keys, labels = [key[item] for item in order], [self._label(item) for item in order]
        worth = [item >= self._forest.n for item in order]
        chosen: list[Choice] = []
        for run in repeated(keys, worth, [look(label) for label in labels]):
            turn = slice(run.start, run.start + run.period)
            label = unit_label(labels[turn], run.count, worth[turn])
            chosen.append((order[run.start : run.end], "repeat", label))
        return self._forest.merge(level, chosen)

    def _label(self, item: int) -> str:
        if item >= self._forest.n:
            return self._forest.groups[item - self._forest.n].label
        vertex = self._forest.graph.vertices[item]
        # Each step of a recurrent net reads another place.
        return "[·]" if vertex.op == "getitem" else vertex.label


def alike(vertex: Vertex) -> Hashable:
    """Return what makes two vertices the same to the eye."""
    what: Hashable
    if vertex.op is None:
        what = vertex.kind
    else:
        what = None if vertex.op == "getitem" else (vertex.label, vertex.params)
    return vertex.op, what, str(vertex.shape), vertex.dtype, vertex.change
