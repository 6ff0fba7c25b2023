"""What is alike: a number for each box and group, equal where all inside is equal."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import final

from ..ir import Vertex
from ..names import uncounted
from .forest import Choice, Forest, Level
from .repeats import look, repeated, unit_label

__all__ = ["Structures"]

_DIGITS = re.compile(r"\d+")


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

    def repeats(self, level: Level, key: dict[int, int], by_line: bool = False) -> list[Level]:
        """Join what comes again and again in a level, by the numbers of its items.

        Modules whose paths differ in more than numbers are no repetition, whatever is in them:
        query, key and value. What is joined is told by its modules, or ``by_line`` of code.
        """
        order = self._forest.order(level)
        names = [self._name(item) for item in order]
        held = self._forest.held
        keys: list[Hashable] = [
            ("in sight", item) if item in held else (key[item], _DIGITS.sub("", name))
            for item, name in zip(order, names, strict=True)
        ]
        labels = [self._label(item, by_line) for item in order]
        worth = [item >= self._forest.n for item in order]
        chosen: list[Choice] = []
        users: dict[int, set[int]] = {}
        for a, b, _ in level.edges:
            users.setdefault(a, set()).add(b)
        for run in repeated(keys, worth, [look(label) for label in labels]):
            turn, items = slice(run.start, run.start + run.period), order[run.start : run.end]
            again = names[turn] * run.count == names[run.start : run.end]
            if again or _closed(items, run.period, users):
                label = unit_label(labels[turn], run.count, worth[turn])
                chosen.append((items, "repeat", label))
        return self._forest.merge(level, chosen)

    def _name(self, item: int) -> str:
        return "" if item < self._forest.n else self._forest.groups[item - self._forest.n].name

    def _label(self, item: int, by_line: bool) -> str:
        if item >= self._forest.n:
            return uncounted(self._forest.groups[item - self._forest.n].label)
        vertex = self._forest.graph.vertices[item]
        if by_line and vertex.line:
            return vertex.line
        # Each step of a recurrent net reads another place.
        return "[·]" if vertex.op == "getitem" else vertex.label


def _closed(items: list[int], period: int, users: dict[int, set[int]]) -> bool:
    """Whether what is computed before the last turn goes nowhere else, or all to the same places.

    Where each turn's result is used in a place of its own, as on the way down of a U-net, a reader
    wants to see from where to where.
    """
    inside = set(items)
    ways = [
        set().union(*(users.get(item, ()) for item in items[i : i + period])) - inside
        for i in range(0, len(items) - period, period)
    ]
    return all(way == ways[0] for way in ways)


def alike(vertex: Vertex, exactly: bool = True) -> Hashable:
    """Return what makes two vertices the same to the eye; or the same but for small constants.

    What a loop counts is such a constant.
    """
    what: Hashable
    if vertex.op is None:
        what = vertex.kind
    else:
        what = (vertex.label, vertex.params) if exactly and vertex.op != "getitem" else None
    return vertex.op, what, str(vertex.shape), vertex.dtype, vertex.change
