"""What changed from one graph to another: both in one drawing, what is alike drawn once."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from typing import Any, final

from .flow_graph import FlowGraph, Options
from .graph.altered import altered
from .graph.groups import group, only_modules
from .graph.ir import Edge, Graph, Group, Step, Vertex
from .graph.matching import match
from .graph.share import share, single
from .graph.view import opened_by, view
from .text import shape_text

__all__ = ["difference"]

#: Up to so many boxes all is drawn; of more, groups in which nothing changed are one box each.
_SMALL, _MOST = 60, 500


def difference(
    before: FlowGraph | Graph,
    after: FlowGraph | Graph,
    *,
    engine: str = "auto",
    timeout: float = 5.0,
    depth: int | None = None,
    collapse: str | Callable[[Group], bool] | None = None,
    shared: str = "proxy",
) -> FlowGraph:
    """Draw two graphs as one: what was added, what was removed, what changed, and what did not.

    Boxes are the same if they read the same weights, else if they and what is around them are
    alike, else if they are alike and of one module, and so on, in the order of the computation. A
    box that is in both with another shape, type or parameter is ``"changed"``, and says what it
    was. Where one op took another's place, the one is ``"removed"`` and the other ``"added"``.
    Values, gradients and steps are those of ``after``; of what was removed, those of ``before``.
    In a graph of more than 60 boxes, groups without a change are drawn shut.

    Args:
        before: what `flow_graph` returned, or its ``graph``, before the change.
        after: the same after the change.
        engine: as in `flow_graph`, as are ``timeout``, ``depth``, ``collapse`` and ``shared``.

    Raises:
        TypeError: no flow graphs.
        ValueError, DotError: as `flow_graph` does.

    >>> from autograd_core import Tensor, tanh
    >>> from viz import flow_graph
    >>> x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    >>> drawing = difference(flow_graph((x * x).sum()), flow_graph(tanh(x * x).sum()))
    >>> [(vertex.label, vertex.change) for vertex in drawing.vertices]
    [('x', ''), ('×', ''), ('tanh', 'added'), ('Σ', '')]
    >>> drawing.graph.caption
    '1 box added'
    """
    options = Options(engine, timeout, depth, collapse, shared)
    graphs = []
    for word, given in (("before", before), ("after", after)):
        found = given.graph if isinstance(given, FlowGraph) else given
        if not isinstance(found, Graph):
            raise TypeError(
                f"difference: {word} must be what flow_graph returned, or a Graph, not a "
                f"{type(given).__name__}: difference(flow_graph(f, x), flow_graph(g, x))"
            )
        graphs.append(only_modules(single(found)))
    graph = _told(group(share(_Union(*graphs).graph(), shared)))
    opened = options.opened(graph)
    if opened is None and len(graph.vertices) > _SMALL:
        changed = opened_by(graph, lambda one: one.change == "changed")
        if len(view(graph, changed).boxes) <= _MOST:
            opened = changed
    return FlowGraph(graph, engine, timeout, opened)


@final
class _Union:
    """Two graphs, and which of their vertices and groups are the same."""

    def __init__(self, before: Graph, after: Graph) -> None:
        self.before, self.after = before, after
        same = match(before, after)
        self.match, self.same = same.vertices, same.groups
        self.found = [-1] * len(after.vertices)
        for v, w in enumerate(self.match):
            if w >= 0:
                self.found[w] = v

    def graph(self) -> Graph:
        order = self._order()
        place = {at: i for i, at in enumerate(order)}
        for v, w in enumerate(self.match):
            if w >= 0:
                place[0, v] = place[1, w]
        groups, group_of = self._groups()
        vertices = []
        for i, (side, v) in enumerate(order):
            graph = self.after if side else self.before
            vertex = graph.vertices[v]
            changes: dict[str, Any] = {"change": "added" if side else "removed"}
            if side and self.found[v] >= 0:
                changes = _changes(self.before.vertices[self.found[v]], vertex)
            inside = None if vertex.group is None else group_of[side][vertex.group]
            rule = None if vertex.rule_of is None else place[side, vertex.rule_of]
            vertices.append(altered(vertex, id=i, group=inside, rule_of=rule, **changes))
        edges, edge_of = self._edges(place)
        steps = tuple(self._step(step, place, edge_of) for step in self.after.steps)
        return Graph(
            tuple(vertices),
            edges,
            tuple(place[at] for at in order if vertices[place[at]].op is not None),
            tuple(place[1, w] for w in self.after.backward),
            self.after.no_gradient,
            groups,
            steps,
        )

    def _order(self) -> list[tuple[int, int]]:
        """An order that suits both graphs: ``(0, id)`` is of the first, ``(1, id)`` of the second
        or of both."""
        graphs = (self.before, self.after)
        leaves: list[list[list[int]]] = [[[] for _ in graph.vertices] for graph in graphs]
        for graph, of in zip(graphs, leaves, strict=True):
            for edge in graph.edges:
                if graph.vertices[edge.source].op is None:
                    of[edge.target].append(edge.source)
        order: dict[tuple[int, int], None] = {}

        def emit(side: int, v: int) -> None:
            other = (self.match, self.found)[side][v]
            for leaf in leaves[side][v]:
                emit(side, leaf)
            if other >= 0:
                for leaf in leaves[1 - side][other]:
                    emit(1 - side, leaf)
            order[(1, other) if other >= 0 and not side else (side, v)] = None

        def removed(v: int) -> None:
            """Take what was removed from ``v`` on, up to an op that was not."""
            for i in range(v, len(self.before.vertices)):
                if self.before.vertices[i].op is None:
                    continue
                if self.match[i] >= 0:
                    return
                emit(0, i)

        removed(0)
        for vertex in self.after.vertices:
            emit(1, vertex.id)
            if vertex.op is not None and self.found[vertex.id] >= 0:
                removed(self.found[vertex.id] + 1)
        for vertex in self.before.vertices:
            emit(0, vertex.id)  # Leaves that nothing uses any more.
        return list(order)

    def _edges(self, place: dict[tuple[int, int], int]) -> tuple[tuple[Edge, ...], dict[int, int]]:
        ends = {
            (place[0, edge.source], place[0, edge.target], edge.operand): edge
            for edge in self.before.edges
        }
        made: list[tuple[tuple[int, int], Edge, int]] = []
        for k, edge in enumerate(self.after.edges):
            u, v = place[1, edge.source], place[1, edge.target]
            change = "" if ends.pop((u, v, edge.operand), None) else "added"
            made.append(((v, k), _moved(edge, u, v, change), k))
        for n, ((u, v, _), edge) in enumerate(ends.items()):
            gone = _moved(edge, u, v, "removed")
            made.append(((v, len(self.after.edges) + n), gone, -1))
        made.sort(key=lambda one: one[0])
        edge_of = {k: i for i, (_, _, k) in enumerate(made) if k >= 0}
        return tuple(edge for _, edge, _ in made), edge_of

    def _step(self, step: Step, place: dict[tuple[int, int], int], edge_of: dict[int, int]) -> Step:
        edge = None if step.edge is None else edge_of[step.edge]
        return Step(
            step.phase, place[1, step.vertex], step.caption, edge, step.nth, step.count, step.sent,
            step.total,
        )  # fmt: skip

    def _groups(self) -> tuple[tuple[Group, ...], tuple[list[int], list[int]]]:
        """The groups of both, and for each graph where its own are among them."""
        groups = list(self.after.groups)
        ours: list[int] = []
        for old, h in zip(self.before.groups, self.same, strict=True):
            if h < 0:
                h = len(groups)
                parent = None if old.parent is None else ours[old.parent]
                groups.append(dataclasses.replace(old, id=h, parent=parent))
            ours.append(h)
        return tuple(groups), (ours, list(range(len(self.after.groups))))


def _moved(edge: Edge, source: int, target: int, change: str) -> Edge:
    return Edge(source, target, edge.operand, edge.norm, edge.share, change)


def _changes(old: Vertex, new: Vertex) -> dict[str, Any]:
    """What to write into a vertex that is in both graphs."""
    was = []
    if old.op is not None and (old.label, old.params) != (new.label, new.params):
        was = [*([old.label] if old.label != new.label else []), *old.params]
    if (str(old.shape), old.dtype) != (str(new.shape), new.dtype):
        was.append("unknown shape" if old.shape is None else f"{shape_text(old.shape)} {old.dtype}")
    if not was:
        return {}
    return {"change": "changed", "params": (*new.params, f"was {', '.join(was)}")}


def _told(graph: Graph) -> Graph:
    """Tell of each group whether all in it was added or removed, or some of it changed, and in the
    caption how much of everything there is."""
    ops: list[set[str]] = [set() for _ in graph.groups]
    leaves: list[set[str]] = [set() for _ in graph.groups]
    for vertex in graph.vertices:
        if vertex.group is not None:
            (leaves if vertex.op is None else ops)[vertex.group].add(vertex.change)
    for inner in reversed(graph.groups):
        if inner.parent is not None:
            for changes in (ops, leaves):
                changes[inner.parent] |= changes[inner.id]
    groups = []
    for one, what, read in zip(graph.groups, ops, leaves, strict=True):
        # A call that is new is new all over, though it may read what was there.
        inside = what if what in ({"added"}, {"removed"}) else what | read
        change = next(iter(inside)) if len(inside) == 1 else "changed"
        groups.append(dataclasses.replace(one, change=change))
    count = Counter(vertex.change for vertex in graph.vertices if vertex.stands_for is None)
    told: list[str] = []
    for change in ("added", "removed", "changed"):
        n = count[change]
        if n:
            boxes = "" if told else " box" if n == 1 else " boxes"
            told.append(f"{n:,}{boxes} {change}")
    if not told and any(edge.change for edge in graph.edges):
        told = ["the same boxes, joined otherwise"]
    caption = ", ".join(told) or "no difference"
    return dataclasses.replace(graph, groups=tuple(groups), caption=caption)
