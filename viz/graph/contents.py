"""What a group of boxes holds in sum, for where it is drawn as one box."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from .ir import Graph, Vertex

__all__ = ["Contents", "around", "contents"]


@dataclass(slots=True)
class Contents:
    """The sums of a group, nested ones included.

    ``outputs`` are the vertices whose value leaves it, oldest first; ``parameters`` counts numbers,
    of a parameter drawn at several uses once.
    """

    vertices: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    ops: int = 0
    parameters: int = 0
    seconds: float | None = None
    nbytes: int = 0
    held: int = 0
    kept: bool = False
    origin: bool = False
    gradient_origin: bool = False


def around(graph: Graph, group: int | None) -> Iterator[int]:
    """The group and those around it, inner before outer."""
    while group is not None and group >= 0:
        yield group
        group = graph.groups[group].parent


def contents(graph: Graph) -> list[Contents]:
    """The contents of every group of ``graph``."""
    held = [Contents() for _ in graph.groups]
    counted: set[tuple[int, int]] = set()
    for vertex in graph.vertices:
        first = vertex.id if vertex.stands_for is None else vertex.stands_for
        for group in around(graph, vertex.group):
            sums = held[group]
            sums.vertices.append(vertex.id)
            _add(sums, vertex, again=(group, first) in counted)
            counted.add((group, first))
            if vertex.kind == "output":
                sums.outputs.append(vertex.id)
    leaving: set[tuple[int, int]] = set()
    for edge in graph.edges:
        source, target = graph.vertices[edge.source], graph.vertices[edge.target]
        if source.group == target.group:
            continue
        inside = set(around(graph, target.group))
        for group in around(graph, source.group):
            if group in inside:
                break
            if (group, source.id) not in leaving and source.kind != "output":
                leaving.add((group, source.id))
                held[group].outputs.append(source.id)
    for sums in held:
        # What is computed leaves it; a parameter read from elsewhere too is no result of it.
        sums.outputs = sorted(v for v in sums.outputs if graph.vertices[v].op is not None)
    return held


def _add(sums: Contents, vertex: Vertex, again: bool) -> None:
    sums.ops += vertex.op is not None
    sums.kept |= vertex.kept
    sums.origin |= vertex.origin
    sums.gradient_origin |= vertex.gradient_origin
    if vertex.seconds is not None:
        sums.seconds = (sums.seconds or 0.0) + vertex.seconds
    if again:
        return
    sums.nbytes += vertex.nbytes or 0
    sums.held += vertex.held
    if vertex.kind == "parameter" and isinstance(vertex.shape, tuple):
        sums.parameters += math.prod(vertex.shape)
