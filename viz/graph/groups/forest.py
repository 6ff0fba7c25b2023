"""A forest of groups that changes: levels, their order, and the joining of what is in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import final

from ..altered import altered
from ..ir import Graph, Group
from ..order import topological
from .ancestry import Ancestry

__all__ = ["Choice", "Forest", "Level"]

#: How many inputs and final outputs stay outside of all groups that have no module to them.
_IN_SIGHT = 30

#: Items to join, and the kind and label of the group that they become.
Choice = tuple[list[int], str, str]


@dataclass(slots=True)
class Level:
    """What is directly inside a group: items and edges ``(item, item, id)`` between them.

    An item is a vertex by its id, or a group by its id plus the number of vertices.
    """

    group: int
    items: list[int] = field(default_factory=list)
    edges: list[tuple[int, int, int]] = field(default_factory=list)


@final
class Forest:
    """Groups by lists: of each its parent, and of each vertex its group; -1 is around all."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.n = len(graph.vertices)
        self.leaf = [vertex.op is None for vertex in graph.vertices]
        self.of = [-1] * self.n
        self.groups: list[Group] = []
        self.parent: list[int] = []
        #: The first op in each group, else the first vertex, else -1; known after `find_heads`.
        self.head: list[int] = []
        #: Inputs and outputs that stay in sight.
        self.held: set[int] = set()

    def add(self, made: Group, parent: int) -> int:
        """Take a group into the forest."""
        self.groups.append(made)
        self.parent.append(parent)
        return len(self.groups) - 1

    def find_heads(self) -> None:
        """For each group the first op inside, or the first vertex; -1 if it is empty."""
        far = 2 * self.n
        self.head = [far] * len(self.groups)
        for v in range(self.n):
            if self.of[v] >= 0:
                early = v + self.n if self.leaf[v] else v
                self.head[self.of[v]] = min(self.head[self.of[v]], early)
        for g in reversed(range(len(self.groups))):
            if self.parent[g] >= 0:
                self.head[self.parent[g]] = min(self.head[self.parent[g]], self.head[g])
        self.head = [-1 if v == far else v % self.n for v in self.head]

    def keep_in_sight(self) -> None:
        """Hold inputs and final outputs outside, if they are few."""
        used = {edge.source for edge in self.graph.edges}
        loose = [v for v in self.graph.vertices if self.of[v.id] < 0]
        inputs = [v.id for v in loose if v.kind == "input" and v.stands_for is None]
        outputs = [v.id for v in loose if v.kind == "output" and v.id not in used]
        few = [ids for ids in (inputs, outputs) if len(ids) <= _IN_SIGHT]
        self.held = {v for ids in few for v in ids}

    def levels(self) -> dict[int, Level]:
        """Return what is directly inside each group, and inside the one around all."""
        levels = {g: Level(g) for g in range(-1, len(self.groups))}
        for g, around in enumerate(self.parent):
            if self.head[g] >= 0:
                levels[around].items.append(self.n + g)
        for v, around in enumerate(self.of):
            levels[around].items.append(v)
        ancestry = Ancestry(self.parent)
        for k, edge in enumerate(self.graph.edges):
            u, v = edge.source, edge.target
            around, a, b = ancestry.apart(self.of[u], self.of[v])
            ends = (u if a < 0 else self.n + a, v if b < 0 else self.n + b, k)
            levels[around].edges.append(ends)
        return levels

    def ends(self, level: Level) -> tuple[dict[int, int], list[tuple[int, int]]]:
        """Items but for leaves by their first vertices, and the edges between these."""
        heads = {self.head_of(item): item for item in level.items if not self.is_leaf(item)}
        edges = [
            (self.head_of(a), self.head_of(b)) for a, b, _ in level.edges if not self.is_leaf(a)
        ]
        return heads, edges

    def head_of(self, item: int) -> int:
        """Return the vertex that an item counts as in an order."""
        return item if item < self.n else self.head[item - self.n]

    def is_leaf(self, item: int) -> bool:
        """Whether an item is a vertex that nothing computes."""
        return item < self.n and self.leaf[item]

    def order(self, level: Level) -> list[int]:
        """Items but for leaves, in topological order, by time as far as that goes."""
        heads, edges = self.ends(level)
        return [heads[v] for v in topological(sorted(heads), edges)]

    def crowd(self, level: Level) -> int:
        """How many boxes a level shows, beside those that stay in sight."""
        return len(level.items) - sum(item in self.held for item in level.items)

    def merge(self, level: Level, chosen: Iterable[Choice]) -> list[Level]:
        """Make groups of items of a level; return the new levels inside.

        A leaf of which all users in the level go into one group goes there too.
        """
        into: dict[int, int] = {}
        made: dict[int, Level] = {}
        for items, kind, label in chosen:
            g = self.add(Group(0, None, kind, label), level.group)
            self.head.append(min(self.head_of(item) for item in items))
            into.update(dict.fromkeys(items, g))
            made[g] = Level(g)
        if not made:
            return []
        goes: dict[int, int] = {}
        for a, b, _ in level.edges:
            if self.is_leaf(a) and a not in into and a not in self.held:
                g = into.get(b, -1)
                goes[a] = g if goes.get(a, g) == g else -1
        into.update((leaf, g) for leaf, g in goes.items() if g >= 0)
        for item, g in into.items():
            if item < self.n:
                self.of[item] = g
            else:
                self.parent[item - self.n] = g
        left = [self.n + g for g in made]
        for item in level.items:
            (made[into[item]].items if item in into else left).append(item)
        between = []
        for a, b, k in level.edges:
            x, y = into.get(a, -1), into.get(b, -1)
            if x == y and x >= 0:
                made[x].edges.append((a, b, k))
            else:
                between.append((a if x < 0 else self.n + x, b if y < 0 else self.n + y, k))
        level.items, level.edges = left, between
        return list(made.values())

    def numbered(self) -> Graph:
        """Number the groups outer before inner, and otherwise by their first vertices."""
        inner: dict[int, list[int]] = {g: [] for g in range(-1, len(self.groups))}
        for g, around in enumerate(self.parent):
            inner[around].append(g)
        count = [0] * (len(self.groups) + 1)
        for g in self.of:
            count[g] += 1
        for g in reversed(_outer_first(inner)):
            count[self.parent[g]] += count[g]
        for children in inner.values():
            # Parts of one level are numbered as they were cut.
            children[:] = sorted(
                (g for g in children if count[g]),
                key=lambda g: (0, g) if self.groups[g].kind == "band" else (1, self.head[g]),
            )
        order = _outer_first(inner)
        new = {g: i for i, g in enumerate(order)}
        groups = []
        for i, g in enumerate(order):
            made, around = self.groups[g], self.parent[g]
            parent = None if around < 0 else new[around]
            groups.append(dataclasses.replace(made, id=i, parent=parent))
        vertices = []
        for vertex, g in zip(self.graph.vertices, self.of, strict=True):
            inside = None if g < 0 else new[g]
            same = inside == vertex.group
            vertices.append(vertex if same else altered(vertex, group=inside))
        return dataclasses.replace(self.graph, vertices=tuple(vertices), groups=tuple(groups))


def _outer_first(inner: dict[int, list[int]]) -> list[int]:
    """Return all groups in preorder."""
    order = []
    left = list(reversed(inner[-1]))
    while left:
        g = left.pop()
        order.append(g)
        left += reversed(inner[g])
    return order
