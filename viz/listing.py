"""The graph as text, one box a line: for terminals, screen readers and diffs.

Boxes come in an order in which they can be computed, those of a group together below its line,
with what they compute of which others, written with names. A box that nobody named is called as in
the captions of steps: v1, v2 and so on. What stands in columns is padded to multiples of eight, so
that a longer name moves the other lines seldom, and a diff shows what changed.
"""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Iterator
from dataclasses import replace

from .graph.contents import Contents, contents
from .graph.ir import Graph, Vertex
from .graph.names import local, names_of
from .graph.summary import figures
from .graph.view import Arrow, View, shown_as
from .text import shape_text

__all__ = ["about", "listing"]

#: Labels that are written between two operands, or before or after a constant.
_INFIX = {"+", "−", "×", "÷", "@", "·", "⊗", "∗", "**", "mod", "//"}
_INDENT = "  "

# Where a box or a frame would like to come: by a box's index, what is computed from nothing before.
_Place = tuple[int, int, int]


def listing(view: View, lines: int | None = 200) -> str:
    """List the boxes of ``view``; at most ``lines`` of them, or all with None."""
    rows = list(_rows(view))
    left = 0 if lines is None else max(0, len(rows) - max(1, lines))
    shown = rows[: len(rows) - left]
    columns = [_padded([row[column] for row in shown]) for column in range(3)]
    listed = ["".join(cells) + row[3] for *cells, row in zip(*columns, shown, strict=True)]
    parts = [about(view), *(line.rstrip() for line in listed)]
    if left:
        parts.append(f"… and {left} more lines; text(lines=None) tells them all")
    graph = view.graph
    if graph.no_gradient:
        parts.append(f"gradients: {graph.no_gradient}")
    if graph.caption:
        parts.append(graph.caption)
    return "\n".join(parts) + "\n"


def about(view: View) -> str:
    """Say in one line what is drawn: its name, how many boxes, and what is folded."""
    graph = view.graph
    outputs = [v.name or v.op or v.label for v in graph.vertices if v.kind == "output"]
    named = ", ".join(outputs[:3]) + (", …" if len(outputs) > 3 else "")
    folded = shown_as(view)
    return f"Flow graph of {named}: {folded or _count(len(graph.vertices), 'box', 'boxes')}"


def _count(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


def _padded(cells: list[str]) -> list[str]:
    """Pad a column to a multiple of eight; an exceptionally wide cell moves its own row only."""
    widths = sorted(len(cell) for cell in cells)
    most = min(widths[-1], max(40, widths[len(widths) * 9 // 10]))
    wide = -(-(most + 2) // 8) * 8 if most else 0
    return [
        cell.ljust(wide) if len(cell) + 2 <= wide or not cell else f"{cell}  " for cell in cells
    ]


def _rows(view: View) -> Iterator[tuple[str, str, str, str]]:
    """What is written of each box and each open group: four cells."""
    graph = view.graph
    names = _names(view)
    into: dict[int, list[Arrow]] = {}
    for arrow in view.edges:
        into.setdefault(arrow.target, []).append(arrow)
    sums = contents(graph)
    for depth, kind, index in _in_order(view):
        indent = _INDENT * depth
        if kind == "frame":
            yield f"{indent}{_title(graph, view.frames[index].group)}:", "", "", ""
            continue
        shown = view.boxes[index]
        # A folded group has one arrow to a box that reads it twice.
        read = sorted(
            (graph.edges[i].operand, names[arrow.source])
            for arrow in into.get(index, [])
            for i in arrow.edges
        )
        sources = _once([name for _, name in read])
        if shown.group is not None:
            sources = list(dict.fromkeys(names[arrow.source] for arrow in into.get(index, [])))
            yield _folded(graph, shown.group, sums[shown.group], indent, names[index], sources)
        else:
            vertex = graph.vertices[shown.vertex]  # type: ignore[index]
            yield _row(graph, vertex, indent, names[index], sources)


def _once(names: list[str]) -> list[str]:
    """Write what comes three times or more in a row once: many results of one folded group.

    >>> _once(["Cell × 7", "Cell × 7", "Cell × 7", "x", "x"])
    ['Cell × 7', '…', 'x', 'x']
    """
    written: list[str] = []
    for name, run in itertools.groupby(names):
        count = len(list(run))
        written += [name] * count if count < 3 else [name, "…"]
    return written


def _row(
    graph: Graph, vertex: Vertex, indent: str, name: str, sources: list[str]
) -> tuple[str, str, str, str]:
    if vertex.op is None:
        words = [f"↻{vertex.uses}"] if vertex.uses > 1 else []
        first = "  ".join([f"{indent}{name}", vertex.kind, *words])
    else:
        first = f"{indent}{name} = {_formula(vertex, sources)}"
        first += "  output" if vertex.kind == "output" else ""
    first += f"  {', '.join(vertex.params)}" if vertex.params else ""
    notes = _notes(vertex, graph)
    # Of the line of code where it is: the formula says what it is.
    place = re.match(r".*?:\d+(?=: |$)", vertex.line)
    notes += [text for text in (vertex.change, place[0] if place else vertex.line) if text]
    return first, _size(vertex), _value(vertex), "  ".join(notes)


def _folded(
    graph: Graph, number: int, sums: Contents, indent: str, name: str, sources: list[str]
) -> tuple[str, str, str, str]:
    """A group that is drawn as one box; of one result, that one's figures."""
    group = graph.groups[number]
    first = indent + (name if group.label == name else f"{name} = {group.label}")
    first += f" of {', '.join(sources)}" if sources else ""
    out = [graph.vertices[v] for v in sums.outputs]
    notes = [_count(len(sums.vertices), "box", "boxes")]
    notes += [group.change] if group.change else []
    if len(out) != 1:
        size = _count(len(out), "result", "results") if out else ""
        return first, size, "", "  ".join(notes)
    only = replace(out[0], origin=sums.origin, gradient_origin=sums.gradient_origin)
    return first, _size(only), _value(only), "  ".join([*_notes(only, graph), *notes])


def _size(vertex: Vertex) -> str:
    return (
        "" if vertex.shape is None else f"{shape_text(vertex.shape)} {vertex.dtype or ''}".strip()
    )


def _value(vertex: Vertex) -> str:
    if vertex.value is not None:
        return f"= {figures(vertex.value)}"
    return f"= {vertex.value_note}" if vertex.value_note else ""


def _notes(vertex: Vertex, graph: Graph) -> list[str]:
    """The gradient, and where numbers stop being finite."""
    notes = []
    if vertex.gradient is not None:
        notes.append(f"∇ {figures(vertex.gradient)}")
    elif vertex.gradient_note and not graph.no_gradient:
        # Why there are none is said once, below.
        notes.append(f"∇ {vertex.gradient_note}")
    if vertex.origin:
        notes.append("!! value first not finite here")
    if vertex.gradient_origin:
        notes.append("!! gradient first not finite here")
    return notes


def _formula(vertex: Vertex, sources: list[str]) -> str:
    """Write what is computed with the operands' names where the label has them.

    >>> vertex = Vertex(1, "op", "multiply", "× 2", None, (), "float64")
    >>> _formula(vertex, ["h"])
    'h × 2'
    """
    label, words = vertex.label, vertex.label.split(" ")
    if label in _INFIX and len(sources) == 2:
        return f"{sources[0]} {label} {sources[1]}"
    if len(sources) == 1 and len(words) == 2 and words[0] in _INFIX:
        return f"{sources[0]} {label}"
    if len(sources) == 1 and len(words) == 2 and words[1] in _INFIX:
        return f"{label} {sources[0]}"
    if len(sources) == 1 and label.startswith("[") and label.endswith("]") and label != "[ ]":
        return f"{sources[0]}{label}"
    if label.endswith(")") and label.count("·") == len(sources) > 0:
        start, *rest = label.split("·")
        return start + "".join(f"{name}{text}" for name, text in zip(sources, rest, strict=True))
    name = label if label.isidentifier() or label in ("Σ", "Π", "√", "∛") else vertex.op
    return f"{name}({', '.join(sources)})"


def _title(graph: Graph, group_id: int) -> str:
    """A group's name within the one around it, and what it is."""
    group = graph.groups[group_id]
    name = local(graph, group.name, group.parent)
    return f"{name}: {group.label}" if name and name != group.label else group.label


def _names(view: View) -> list[str]:
    """A name for each box: of a vertex that in the captions, of a group its path or label; the
    second group of one name gets ``_1``."""
    groups = view.graph.groups
    of_vertices = names_of(view.graph.vertices)
    taken = set(of_vertices)
    tries: dict[str, int] = {}
    names = []
    for shown in view.boxes:
        if shown.vertex is not None:
            names.append(of_vertices[shown.vertex])
            continue
        base = name = groups[shown.group].name or groups[shown.group].label  # type: ignore[index]
        while name in taken:
            tries[base] = tries.get(base, 0) + 1
            name = f"{base}_{tries[base]}"
        taken.add(name)
        names.append(name)
    return names


def _in_order(view: View) -> Iterator[tuple[int, str, int]]:
    """Yield ``(depth, "frame" or "box", index)``: groups whole, and what is read before its reader.

    Among the boxes and groups that could come next within one group, that which began first does;
    what is computed from nothing comes next to its first reader.
    """
    count = len(view.boxes)
    # Frames are counted on behind the boxes; -1 is the drawing itself.
    within = [shown.frame for shown in view.boxes] + [frame.parent for frame in view.frames]
    computed = {arrow.target for arrow in view.edges}
    reader = list(range(count))
    # Of several that one reads, in the order of its operands.
    operand = list(range(count))
    for arrow in view.edges:
        known = reader[arrow.source]
        if arrow.source not in computed and (known == arrow.source or arrow.target < known):
            reader[arrow.source] = arrow.target
            operand[arrow.source] = view.graph.edges[arrow.edges[0]].operand
    first = [(at, int(i in computed), operand[i]) for i, at in enumerate(reader)]
    first += [(count, 0, count + i) for i in range(len(view.frames))]
    for index, shown in enumerate(view.boxes):
        frame = shown.frame
        while frame >= 0 and first[count + frame] > first[index]:
            first[count + frame] = first[index]
            frame = view.frames[frame].parent
    readers: list[list[int]] = [[] for _ in within]
    waits = [0] * len(within)
    for arrow in view.edges:
        # The two that lie in one frame, of those that hold the ends.
        ends = []
        for end in (arrow.source, arrow.target):
            chain = [end]
            while within[chain[-1]] >= 0:
                chain.append(count + within[chain[-1]])
            ends.append(chain[::-1])
        source, target = next(((a, b) for a, b in zip(*ends, strict=False) if a != b), (-1, -1))
        if source >= 0:
            readers[source].append(target)
            waits[target] += 1
    members: dict[int, list[int]] = {}
    for index, frame in enumerate(within):
        members.setdefault(frame, []).append(index)
    stack = [(0, _sorted(members.get(-1, []), first, readers, waits))]
    while stack:
        depth, waiting = stack.pop()
        for index in waiting:
            if index < count:
                yield depth, "box", index
                continue
            yield depth, "frame", index - count
            inside = _sorted(members.get(index - count, []), first, readers, waits)
            stack += [(depth, waiting), (depth + 1, inside)]
            break


def _sorted(
    members: list[int], first: list[_Place], readers: list[list[int]], waits: list[int]
) -> Iterator[int]:
    """The members of one frame, each behind those that it reads; a cycle is cut where it begins."""
    left = set(members)
    ready = [(first[one], one) for one in members if not waits[one]]
    heapq.heapify(ready)
    while left:
        if not ready:
            one = min(left, key=lambda member: first[member])
            ready.append((first[one], one))
        _, one = heapq.heappop(ready)
        if one not in left:
            continue
        left.remove(one)
        for reader in readers[one]:
            waits[reader] -= 1
            if not waits[reader]:
                heapq.heappush(ready, (first[reader], reader))
        yield one
