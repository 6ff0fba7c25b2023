"""What of a graph is drawn while some of its groups are open: boxes, arrows and frames.

The page computes the same from the same data, see ``page/view.js``; a golden file of random graphs
holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from .ir import Graph, Group
from .order import topological

__all__ = [
    "Arrow",
    "Frame",
    "Shown",
    "View",
    "open_to_depth",
    "opened_at_most",
    "opened_by",
    "shown_as",
    "view",
]

#: In a graph of more boxes than this, what repeats is drawn once, "Block × 12"; so are parts that
#: only a large graph has, which nobody wrote.
_FOLD_ABOVE, _FOLDED = 60, ("repeat", "chain", "band")
#: A caption names as many groups as this, and counts more.
_NAMED = 2


@dataclass(frozen=True, slots=True)
class Frame:
    """An open group; ``parent`` is the index of the frame around it, or -1."""

    group: int
    parent: int


@dataclass(frozen=True, slots=True)
class Shown:
    """What is drawn as one box: a vertex, or a group that is not open.

    ``frame`` is the index of the innermost frame around it, or -1.
    """

    vertex: int | None
    group: int | None
    frame: int


@dataclass(frozen=True, slots=True)
class Arrow:
    """What is drawn from one box to another, by their indices, and the edges that it stands for."""

    source: int
    target: int
    edges: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class View:
    """The boxes of a graph while some groups are open.

    ``frames`` are the open groups, outer before inner. ``boxes`` are in topological order: an arrow
    runs from a smaller to a larger index. Two vertices have an arrow per edge; a group that is not
    open has one arrow to each of its neighbours.
    """

    graph: Graph
    boxes: tuple[Shown, ...]
    edges: tuple[Arrow, ...]
    frames: tuple[Frame, ...]


def view(graph: Graph, opened: Collection[int]) -> View:
    """Show ``graph`` with the groups ``opened``, as far as the groups around them are open too.

    Every vertex is in exactly one box: its own, or that of the outermost group around it that is
    not open. The order is that of the boxes' first vertices, as far as arrows allow.

    Raises:
        ValueError: a group that is drawn as one box lies on a cycle.
    """
    inside = _counts(graph)
    frames: list[Frame] = []
    #: Per group the index of its frame, or -1; and the group whose box it is in, or -1.
    frame_of = [-1] * len(graph.groups)
    closed = [-1] * len(graph.groups)
    for group in graph.groups:
        around = group.parent
        if around is not None and closed[around] >= 0:
            closed[group.id] = closed[around]
        elif group.id in opened and inside[group.id]:
            frame_of[group.id] = len(frames)
            frames.append(Frame(group.id, -1 if around is None else frame_of[around]))
        else:
            closed[group.id] = group.id

    # A box is known by its first vertex until the order is known.
    first = [-1] * len(graph.groups)
    box_of = [-1 if vertex.group is None else closed[vertex.group] for vertex in graph.vertices]
    heads: list[int] = []
    head: list[int] = []
    for v, box in enumerate(box_of):
        if box >= 0 and first[box] >= 0:
            head.append(first[box])
            continue
        heads.append(v)
        head.append(v)
        if box >= 0:
            first[box] = v

    ends: list[tuple[int, int]] = []
    stands: list[list[int]] = []
    known: dict[tuple[int, int], int] = {}
    for k, edge in enumerate(graph.edges):
        u, v = head[edge.source], head[edge.target]
        if u == v:
            continue
        if box_of[u] >= 0 or box_of[v] >= 0:
            if (u, v) in known:
                stands[known[u, v]].append(k)
                continue
            known[u, v] = len(ends)
        ends.append((u, v))
        stands.append([k])

    order = topological(heads, ends)
    if len(order) < len(heads):
        raise ValueError(
            "a group that would be one box lies on a cycle: open it, or make groups by group()"
        )
    index = {v: i for i, v in enumerate(order)}
    boxes = []
    for v in order:
        g = graph.vertices[v].group
        if box_of[v] < 0:
            boxes.append(Shown(v, None, -1 if g is None else frame_of[g]))
        else:
            around = graph.groups[box_of[v]].parent
            boxes.append(Shown(None, box_of[v], -1 if around is None else frame_of[around]))
    arrows = [
        Arrow(index[u], index[v], tuple(edges)) for (u, v), edges in zip(ends, stands, strict=True)
    ]
    return View(graph, tuple(boxes), tuple(arrows), tuple(frames))


def _counts(graph: Graph) -> list[int]:
    """How many vertices each group holds, within inner groups too."""
    count = [0] * len(graph.groups)
    for vertex in graph.vertices:
        if vertex.group is not None:
            count[vertex.group] += 1
    for group in reversed(graph.groups):  # A parent's id is smaller.
        if group.parent is not None:
            count[group.parent] += count[group.id]
    return count


def open_to_depth(graph: Graph, depth: int) -> set[int]:
    """Return the groups to open so that ``depth`` levels are drawn as frames: 0 opens none."""
    return {g for g, level in enumerate(_levels(graph)) if level < depth}


def opened_by(graph: Graph, predicate: Callable[[Group], bool]) -> set[int]:
    """Return the groups for which ``predicate`` is true, less those inside others that stay shut.

    >>> opened_by(Graph((), (), (), ()), lambda group: group.kind == "module")
    set()
    """
    opened: set[int] = set()
    for group in graph.groups:
        if (group.parent is None or group.parent in opened) and predicate(group):
            opened.add(group.id)
    return opened


def opened_at_most(graph: Graph, boxes: int = 500) -> set[int]:
    """Return the groups to open so that at most ``boxes`` boxes are drawn: outermost first.

    Whole levels are opened, as many as there is room for; none if the outermost already exceeds it.
    In a graph of more than 60 boxes, what repeats ("Block × 12") stays shut, and so do chains and
    bands: a reader opens the one that matters.
    """
    fold = len(graph.vertices) > _FOLD_ABOVE
    levels = _levels(graph)
    inside = _counts(graph)
    deepest = max(levels, default=-1) + 1
    # What appears when level d opens: its vertices, and inner groups in place of the group.
    more = [0] * (deepest + 1)
    opens = opened_by(graph, lambda group: not (fold and group.kind in _FOLDED))
    for group in graph.groups:
        if inside[group.id] and (group.parent is None or group.parent in opens):
            level = levels[group.id]
            more[level] += 1
            if group.id in opens:
                more[level + 1] -= 1
    for vertex in graph.vertices:
        if vertex.group is None:
            more[0] += 1
        elif vertex.group in opens:
            more[levels[vertex.group] + 1] += 1
    shown, depth = more[0], 0
    while depth < deepest and shown + more[depth + 1] <= boxes:
        depth += 1
        shown += more[depth]
    return {g for g in opens if levels[g] < depth}


def _levels(graph: Graph) -> list[int]:
    """How many groups there are around each group."""
    levels: list[int] = []
    for group in graph.groups:
        levels.append(0 if group.parent is None else levels[group.parent] + 1)
    return levels


def shown_as(drawn: View) -> str:
    """Say what is drawn as one box, for a caption; "" if every vertex has its own.

    >>> shown_as(view(Graph((), (), (), ()), ()))
    ''
    """
    groups = [drawn.graph.groups[box.group] for box in drawn.boxes if box.group is not None]
    if not groups:
        return ""
    kinds: dict[str, int] = {}
    for group in groups:
        kinds[group.kind] = kinds.get(group.kind, 0) + 1
    words = {
        "module": ("call of a module", "calls of modules"),
        "repeat": ("run of alike parts", "runs of alike parts"),
        "line": ("line of code", "lines of code"),
        "chain": ("chain of operations", "chains of operations"),
        "band": ("part", "parts"),
    }
    told = [f"{n:,} {words[kind][n > 1]}" for kind, n in kinds.items()]
    if len(groups) <= _NAMED:
        told = [group.label for group in groups]
    listed = ", ".join(told[:-1]) + " and " + told[-1] if len(told) > 1 else told[0]
    each = "is one box" if len(groups) == 1 else "are one box each"
    many = f"{len(drawn.graph.vertices):,} boxes, shown as {len(drawn.boxes):,}"
    return f"{many}: {listed} {each}"
