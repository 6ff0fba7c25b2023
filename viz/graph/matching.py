"""Which boxes and groups of two graphs are the same, before and after a change."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from .alignment import align
from .ir import Graph, Vertex

__all__ = ["Matching", "match"]

#: How far around a box its surroundings reach.
_RADIUS = 2


@dataclass(frozen=True, slots=True)
class Matching:
    """For each vertex and group of the first graph that of the second which it is, or -1.

    Ops keep their order: of two that are matched, the later one is matched with a later one.
    """

    vertices: list[int]
    groups: list[int]


def match(before: Graph, after: Graph) -> Matching:
    """Match what is the same.

    Ops by the weights that they read, their surroundings, their module's path, as far as that goes;
    leaves by what they are an operand of, else by name; groups by what they hold. Where weights
    tell which call of a module is which, other ops of the one are matched with those of the other
    only: of a recurrent net of more steps, whole steps are new.
    """
    ops = [[v.id for v in graph.vertices if v.op is not None] for graph in (before, after)]
    weights, *keys = _keys(before, after)
    found = _aligned(before, ops, [weights])
    tags = _tags(before, after, _match_groups(before, after, found))
    tagged = [
        [
            [(tag, key) for tag, key in zip(of, level, strict=True)]
            for of, level in zip(tags, levels, strict=True)
        ]
        for levels in keys
    ]
    found = _aligned(before, ops, [weights, *tagged])
    _match_leaves(before, after, found)
    return Matching(found, _match_groups(before, after, found))


def _aligned(
    before: Graph, ops: list[list[int]], keys: list[Sequence[Sequence[Hashable]]]
) -> list[int]:
    """For each vertex of the first graph the op of the second that it is, or -1."""
    found = [-1] * len(before.vertices)
    levels = [([level[0][v] for v in ops[0]], [level[1][w] for w in ops[1]]) for level in keys]
    for a, b in align(levels):
        found[ops[0][a]] = ops[1][b]
    return found


def _tags(before: Graph, after: Graph, same: list[int]) -> tuple[list[int], list[int]]:
    """For each vertex of both graphs the innermost group around that is in both, or -1."""
    both = set(same)
    of_groups: tuple[list[int], list[int]] = ([], [])
    for graph, tags, known in (
        (before, of_groups[0], same),
        (after, of_groups[1], [h if h in both else -1 for h in range(len(after.groups))]),
    ):
        for group, tag in zip(graph.groups, known, strict=True):
            around = -1 if group.parent is None else tags[group.parent]
            tags.append(tag if tag >= 0 else around)
    ours, theirs = (
        [-1 if vertex.group is None else tags[vertex.group] for vertex in graph.vertices]
        for graph, tags in zip((before, after), of_groups, strict=True)
    )
    return ours, theirs


def _keys(before: Graph, after: Graph) -> list[Sequence[Sequence[Hashable]]]:
    """For each level, finest first, for each graph, for each vertex, what it must equal."""
    graphs = (before, after)
    numbers: dict[Hashable, int] = {}

    def levels_of(tell: Callable[[Graph, Vertex], Hashable]) -> Sequence[Sequence[Hashable]]:
        return [[tell(graph, vertex) for vertex in graph.vertices] for graph in graphs]

    def number(keys: Iterable[Hashable]) -> list[int]:
        return [numbers.setdefault(key, len(numbers)) for key in keys]

    alone = [number(map(_alone, graph.vertices)) for graph in graphs]
    around = alone
    for _ in range(_RADIUS):
        around = [
            number(_with_neighbours(graph, keys))
            for graph, keys in zip(graphs, around, strict=True)
        ]
    return [
        [_weights(graph) for graph in graphs],
        around,
        levels_of(lambda graph, v: (_path(graph, v), _alone(v))),
        alone,
        levels_of(lambda graph, v: (_path(graph, v), v.op)),
        levels_of(lambda _, v: v.op),
    ]


def _alone(vertex: Vertex) -> Hashable:
    return vertex.op, vertex.label, vertex.params, str(vertex.shape), vertex.dtype


def _path(graph: Graph, vertex: Vertex) -> str:
    return "" if vertex.group is None else graph.groups[vertex.group].name


def _with_neighbours(graph: Graph, keys: list[int]) -> list[Hashable]:
    """Each key with those of the operands and of the users (Weisfeiler and Leman 1968)."""
    operands: list[list[tuple[int, int]]] = [[] for _ in keys]
    users: list[list[tuple[int, int]]] = [[] for _ in keys]
    for edge in graph.edges:
        operands[edge.target].append((edge.operand, keys[edge.source]))
        users[edge.source].append((edge.operand, keys[edge.target]))
    return [
        (key, tuple(sorted(ins)), tuple(sorted(outs)))
        for key, ins, outs in zip(keys, operands, users, strict=True)
    ]


def _weights(graph: Graph) -> list[Hashable]:
    """What arrays an op reads from leaves that stay from one run to the next; None if none."""
    read: list[list[Hashable]] = [[] for _ in graph.vertices]
    for edge in graph.edges:
        leaf = graph.vertices[edge.source]
        if leaf.kind in ("parameter", "buffer") and leaf.value is not None:
            v = leaf.value
            read[edge.target].append((edge.operand, v.preview, v.mean, v.std, str(leaf.shape)))
    return [
        (vertex.op, *arrays) if arrays else None
        for vertex, arrays in zip(graph.vertices, read, strict=True)
    ]


def _match_leaves(before: Graph, after: Graph, found: list[int]) -> None:
    taken = set(found)

    def pair(v: int, w: int) -> None:
        alike = w >= 0 and before.vertices[v].kind == after.vertices[w].kind
        if alike and found[v] < 0 and w not in taken:
            found[v] = w
            taken.add(w)

    leaf_at = {
        (edge.target, edge.operand): edge.source
        for edge in after.edges
        if after.vertices[edge.source].op is None
    }
    for edge in before.edges:
        if before.vertices[edge.source].op is None and found[edge.target] >= 0:
            pair(edge.source, leaf_at.get((found[edge.target], edge.operand), -1))
    # Of what is left, as many as there are on both sides by one name are the same, in order.
    left: list[dict[Hashable, list[int]]] = [{}, {}]
    for graph, by_name, matched in ((before, left[0], _matched(found)), (after, left[1], taken)):
        for vertex in graph.vertices:
            if vertex.op is None and vertex.id not in matched:
                by_name.setdefault(_name(graph, vertex), []).append(vertex.id)
    for name, ours in left[0].items():
        theirs = left[1].get(name, [])
        if len(ours) == len(theirs):
            for v, w in zip(ours, theirs, strict=True):
                pair(v, w)


def _matched(found: list[int]) -> set[int]:
    return {v for v, w in enumerate(found) if w >= 0}


def _name(graph: Graph, leaf: Vertex) -> Hashable:
    """What a leaf is known by, wherever it is used; if it has no name, its value."""
    if leaf.name:
        return _path(graph, leaf), leaf.name
    value = leaf.value and (leaf.value.preview, leaf.value.mean)
    return _path(graph, leaf), leaf.kind, str(leaf.shape), value


def _match_groups(before: Graph, after: Graph, found: list[int]) -> list[int]:
    """A group is the one that holds most of what it holds, in a group that is the same too."""
    votes: list[dict[int, int]] = [{} for _ in before.groups]
    for vertex in before.vertices:
        g = vertex.group
        h = after.vertices[found[vertex.id]].group if found[vertex.id] >= 0 else None
        if vertex.op is not None and g is not None and h is not None:
            votes[g][h] = votes[g].get(h, 0) + 1
    for group in reversed(before.groups):  # Inner ones first: what is inside votes outside too.
        for h, n in votes[group.id].items():
            around = after.groups[h].parent
            if group.parent is not None and around is not None:
                outer = votes[group.parent]
                outer[around] = outer.get(around, 0) + n
    # Where nothing inside is the same, the path says, if both are at the same place.
    place = _places(before, after, found)
    at: dict[Hashable, list[int]] = {}
    for other in after.groups:
        at.setdefault((other.parent, other.name, other.label), []).append(other.id)
    same = [-1] * len(before.groups)
    taken: set[int] = set()
    for group in before.groups:
        around = None if group.parent is None else same[group.parent]
        if around == -1:
            continue
        inside = votes[group.id]
        ranked = sorted(inside, key=lambda h: (-inside[h], h))
        for h in [*ranked, *at.get((around, group.name, group.label), [])]:
            if (
                h not in taken
                and after.groups[h].parent == around
                and (h in inside or place(group.id, h))
            ):
                same[group.id] = h
                taken.add(h)
                break
    return same


def _places(before: Graph, after: Graph, found: list[int]) -> Callable[[int, int], bool]:
    """Tell whether two groups lie between the same ops of both graphs."""
    (first, last), (start, end) = (_spans(graph) for graph in (before, after))
    n, far = len(before.vertices), len(after.vertices)
    reached, ahead = [-1] * (n + 1), [far] * (n + 1)
    matched = [found[vertex.id] if vertex.op is not None else -1 for vertex in before.vertices]
    for v, w in enumerate(matched):
        reached[v + 1] = max(reached[v], w)
    for v in reversed(range(n)):
        ahead[v] = matched[v] if matched[v] >= 0 else ahead[v + 1]
    return lambda g, h: reached[first[g]] < start[h] and end[h] < ahead[last[g] + 1]


def _spans(graph: Graph) -> tuple[list[int], list[int]]:
    """The first and the last op of each group, those of inner groups included."""
    n = len(graph.vertices)
    first, last = [n] * len(graph.groups), [-1] * len(graph.groups)
    for vertex in graph.vertices:
        if vertex.op is not None and vertex.group is not None:
            first[vertex.group] = min(first[vertex.group], vertex.id)
            last[vertex.group] = vertex.id
    for group in reversed(graph.groups):
        if group.parent is not None:
            first[group.parent] = min(first[group.parent], first[group.id])
            last[group.parent] = max(last[group.parent], last[group.id])
    return first, last
