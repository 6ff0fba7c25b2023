"""Leaves that are used in many places, drawn once at each of them.

One weight read by 25 steps of a recurrent net would draw 25 long lines through the picture. A small
proxy at each use says the same: the name, and how many uses there are.
"""

from __future__ import annotations

from dataclasses import replace

from .altered import altered
from .ir import Edge, Graph, Vertex

__all__ = ["share", "single"]

#: One box serves this many uses, if they lie at most so many rows apart.
_USES, _ROWS = 8, 3
#: An input is what flows, and its long lines tell: this many uses have them.
_FAR_USES = 3
#: A graph of more boxes than this is drawn in parts, and a leaf that several use is in none.
_WHOLE = 500


def share(graph: Graph, how: str = "proxy") -> Graph:
    """Give leaves that are used here and there one vertex at each box that uses them.

    A leaf stays one vertex if few boxes use it, close together: x in ``x * sin(x)``. It becomes
    several if more than 8 boxes use it, or boxes more than 3 rows apart, or, but for inputs, boxes
    of different groups: each call of a module has its weights. In a graph of more than 500 boxes
    any two boxes have theirs: such a graph is drawn in parts, which nobody knows yet. An input's
    uses may lie far apart if there are at most 3: what skips far ahead is worth its line. A box
    that uses a leaf twice has one proxy, with two edges.

    The first keeps the leaf's place in the order, others come just before their use. All of them
    have the leaf's value and gradient. Edges keep their ids, so that a step of the backward pass
    still names the edge of the use that it is for.

    Args:
        graph: boxes and edges.
        how: ``"proxy"``, or ``"single"``, which leaves the graph as it is.

    Raises:
        ValueError: another ``how``.
    """
    if how not in ("proxy", "single"):
        raise ValueError(f"shared={how!r}: it is 'proxy' or 'single'")
    users = _apart(graph) if how == "proxy" else {}
    if not users:
        return graph
    before: list[list[int]] = [[] for _ in graph.vertices]
    for leaf, using in users.items():
        for target in using[1:]:
            before[target].append(leaf)
    place: list[int] = []
    #: What stands for a leaf at a box.
    proxies: dict[tuple[int, int], int] = {}
    made: list[Vertex] = []
    for vertex in graph.vertices:
        for leaf in before[vertex.id]:
            proxies[leaf, vertex.id] = len(made)
            made.append(altered(graph.vertices[leaf], stands_for=place[leaf]))
        place.append(len(made))
        first = vertex.stands_for
        made.append(vertex if first is None else altered(vertex, stands_for=place[first]))
    for leaf, using in users.items():
        for i in (place[leaf], *(proxies[leaf, target] for target in using[1:])):
            made[i] = altered(made[i], uses=len(using))
    return _renumbered(graph, made, place, proxies)


def single(graph: Graph) -> Graph:
    """Undo `share`: draw each leaf once, where it was.

    >>> empty = Graph((), (), (), ())
    >>> single(empty) is empty
    True
    """
    if all(vertex.stands_for is None for vertex in graph.vertices):
        return graph
    place: list[int] = []
    kept: list[Vertex] = []
    for vertex in graph.vertices:  # The first stands before the others.
        first = vertex.stands_for
        place.append(len(kept) if first is None else place[first])
        if first is None:
            kept.append(vertex if vertex.uses == 1 else altered(vertex, uses=1))
    return _renumbered(graph, kept, place, {})


def _renumbered(
    graph: Graph, vertices: list[Vertex], place: list[int], proxies: dict[tuple[int, int], int]
) -> Graph:
    """Put other vertices into a graph: where each went, and from where else an edge comes."""
    numbered = []
    for i, vertex in enumerate(vertices):
        rule = None if vertex.rule_of is None else place[vertex.rule_of]
        numbered.append(
            vertex if i == vertex.id and rule == vertex.rule_of
            else altered(vertex, id=i, rule_of=rule)
        )  # fmt: skip
    edges = []
    for edge in graph.edges:
        u, v = edge.source, edge.target
        source = proxies.get((u, v), place[u])
        edges.append(Edge(source, place[v], edge.operand, edge.norm, edge.share, edge.change))
    return replace(
        graph,
        vertices=tuple(numbered),
        edges=tuple(edges),
        forward=tuple(place[v] for v in graph.forward),
        backward=tuple(place[v] for v in graph.backward),
        steps=tuple(replace(step, vertex=place[step.vertex]) for step in graph.steps),
    )


def _apart(graph: Graph) -> dict[int, list[int]]:
    """The leaves to draw at each use, and the boxes that use them in order."""
    row = _rows(graph)
    users: dict[int, dict[int, None]] = {}
    for edge in graph.edges:
        source = graph.vertices[edge.source]
        if source.op is None and source.uses == 1:
            users.setdefault(edge.source, {})[edge.target] = None
    apart = {}
    large = len(graph.vertices) > _WHOLE
    for leaf, using in users.items():
        rows = [row[target] for target in using]
        far = max(rows) - min(rows) > _ROWS
        if graph.vertices[leaf].kind == "input":
            split = far and len(using) > _FAR_USES
        else:
            split = large or far or len({graph.vertices[target].group for target in using}) > 1
        if len(using) > 1 and (split or len(using) > _USES):
            apart[leaf] = sorted(using)
    return apart


def _rows(graph: Graph) -> list[int]:
    """The row of each box: below all that it needs; what needs only leaves, just above its use."""
    n = len(graph.vertices)
    row = [0] * n
    loose = [True] * n
    targets: list[list[int]] = [[] for _ in range(n)]
    for edge in graph.edges:
        targets[edge.source].append(edge.target)
    for v in range(n):  # Topological: what comes before is final.
        for target in targets[v]:
            row[target] = max(row[target], row[v] + 1)
            alone = targets[v][0] == targets[v][-1]
            loose[target] &= graph.vertices[v].op is None or (loose[v] and alone)
    for v in reversed(range(n)):
        if loose[v] and targets[v]:
            row[v] = max(row[v], min(row[target] for target in targets[v]) - 1)
    return row
