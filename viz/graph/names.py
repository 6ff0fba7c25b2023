"""Names as they are written inside a frame: less the path of the frame around."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .contents import around
from .ir import Graph, Vertex

__all__ = ["local", "names_of", "uncounted"]

_COUNT = re.compile(r" · [\d,]+ parameters?$")
#: What nobody named is called, by its kind.
_LETTERS = {"parameter": "p", "constant": "c", "buffer": "b", "input": "x"}


def local(graph: Graph, name: str, group: int | None) -> str:
    """What is left of a path within ``group``: of ``"layers.0.weight"`` in layer 0 ``"weight"``.

    The path of the innermost group around that has one is left out, where the name begins with it.
    """
    if "." not in name:
        return name
    for one in around(graph, group):
        path = graph.groups[one].name
        if path:
            return name.removeprefix(f"{path}.")
    return name


def uncounted(label: str) -> str:
    """A module's label less the number of its parameters, where that is told beside it.

    >>> uncounted("Linear(784, 100) · 78,500 parameters")
    'Linear(784, 100)'
    """
    return _COUNT.sub("", label)


def names_of(vertices: Sequence[Vertex]) -> list[str]:
    """Name every box, no two alike but the boxes of one leaf.

    A computed one that nobody named is v1, v2 and so on, a constant c1; the second of two that
    have one name gets ``_1``. What was removed from a graph comes last, so that all others are
    called as in the graph itself.
    """
    given = {vertex.name for vertex in vertices}
    taken: set[str] = set()
    counts: dict[str, int] = {}
    names: dict[int, str] = {}
    own = [vertex for vertex in vertices if vertex.stands_for is None]
    for vertex in sorted(own, key=lambda one: one.change == "removed"):
        base = vertex.name or _LETTERS.get(vertex.kind, "v")
        name = vertex.name or ""
        while not name or name in taken or (name != vertex.name and name in given):
            counts[base] = counts.get(base, 0) + 1
            name = f"{base}_{counts[base]}" if vertex.name else f"{base}{counts[base]}"
        taken.add(name)
        names[vertex.id] = name
    return [names[v.id if v.stands_for is None else v.stands_for] for v in vertices]
