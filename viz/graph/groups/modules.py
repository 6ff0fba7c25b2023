"""The groups that are calls of modules: where their leaves go, and which can be drawn as one."""

from __future__ import annotations

from dataclasses import replace

from ..altered import altered
from ..ir import Graph, Group
from ..order import topological
from .ancestry import Ancestry
from .forest import Forest

__all__ = ["keep_modules", "only_modules"]


def only_modules(graph: Graph) -> Graph:
    """The graph without the groups that `group` made: what they are depends on all of it."""
    if all(one.kind == "module" for one in graph.groups):
        return graph
    new: dict[int | None, int | None] = {None: None}
    groups: list[Group] = []
    for one in graph.groups:
        if one.kind == "module":
            new[one.id] = len(groups)
            groups.append(replace(one, id=len(groups), parent=new[one.parent]))
        else:
            new[one.id] = new[one.parent]
    vertices = tuple(
        vertex if vertex.group is None else altered(vertex, group=new[vertex.group])
        for vertex in graph.vertices
    )
    return replace(graph, vertices=vertices, groups=tuple(groups))


def keep_modules(forest: Forest) -> None:
    """Take over the groups that are modules' calls, less those that are not safe."""
    new: dict[int | None, int] = {None: -1}
    for old in forest.graph.groups:
        if old.kind == "module":
            new[old.id] = forest.add(old, new[old.parent])
        else:
            new[old.id] = new[old.parent]
    for vertex in forest.graph.vertices:
        forest.of[vertex.id] = new[vertex.group]
    _drop_unsafe(forest)


def _drop_unsafe(forest: Forest) -> None:
    """Put leaves beside their users, and leave out groups that do not let themselves order."""
    while True:
        _place_leaves(forest)
        forest.find_heads()
        bad: set[int] = set()
        for level in forest.levels().values():
            heads, edges = forest.ends(level)
            order = topological(sorted(heads), edges)
            if len(order) < len(heads):
                # A cycle has an edge that runs back in time, of which one end is a group.
                behind = set(heads).difference(order)
                for u, v in edges:
                    if u > v and u in behind and v in behind:
                        bad.update(g - forest.n for g in (heads[u], heads[v]) if g >= forest.n)
        if not bad:
            return
        kept: dict[int, int] = {-1: -1}
        groups, parents = forest.groups, forest.parent
        forest.groups, forest.parent = [], []
        for g, (old, around) in enumerate(zip(groups, parents, strict=True)):
            kept[g] = kept[around] if g in bad else forest.add(old, kept[around])
        forest.of = [kept[g] for g in forest.of]


def _place_leaves(forest: Forest) -> None:
    if not forest.groups:
        return
    ancestry = Ancestry(forest.parent)
    place: dict[int, int] = {}
    for edge in forest.graph.edges:
        if forest.leaf[edge.source]:
            around = forest.of[edge.target]
            if edge.source in place:
                around = ancestry.apart(place[edge.source], around)[0]
            place[edge.source] = around
    for leaf, around in place.items():
        # What flows into a model stands before it; what stands for that, at its use.
        vertex = forest.graph.vertices[leaf]
        outside = vertex.kind == "input" and vertex.stands_for is None
        forest.of[leaf] = -1 if outside else around
