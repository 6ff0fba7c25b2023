"""A module before any data: one graph of two, run at different numbers of examples."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..graph.ir import Graph, Vertex

__all__ = ["BATCHES", "symbolic"]

#: A module before any data is run with each number of examples: lengths that differ are theirs.
BATCHES = (2, 3)


def symbolic(graphs: Sequence[Graph]) -> Graph:
    """Merge graphs of one model at the numbers of examples in `BATCHES`: what differs is N.

    Raises:
        ValueError: the graph itself depends on the number of examples.
    """
    first, other = graphs
    try:
        if [e.source for e in first.edges] != [e.source for e in other.edges]:
            raise ValueError
        vertices = tuple(
            _symbolic(v, w) for v, w in zip(first.vertices, other.vertices, strict=True)
        )
        steps = tuple(
            replace(s, caption=_texts(s.caption, t.caption))
            for s, t in zip(first.steps, other.steps, strict=True)
        )
    except ValueError:
        raise ValueError(
            "flow_graph: what the model computes depends on the number of examples; pass data "
            "instead of input_shape=, flow_graph(model, x)"
        ) from None
    caption = "before any data: N is the number of examples"
    return replace(first, vertices=vertices, steps=steps, caption=caption)


def _symbolic(v: Vertex, w: Vertex) -> Vertex:
    if (v.op, v.kind, v.name) != (w.op, w.kind, w.name):
        raise ValueError
    return replace(
        v,
        label=_texts(v.label, w.label),
        params=tuple(_texts(p, q) for p, q in zip(v.params, w.params, strict=True)),
        shape=_lengths(v.shape, w.shape),
        nbytes=v.nbytes if v.nbytes == w.nbytes else None,
        held=0,
    )


def _lengths(one: Any, other: Any) -> Any:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return tuple(_lengths(a, b) for a, b in zip(one, other, strict=True))
    return one if one == other else _multiple(one, other)


def _multiple(one: int, other: int) -> str:
    """What was counted once with 2 and once with 3 examples: a multiple of N, or not known."""
    if one * BATCHES[1] != other * BATCHES[0]:
        return "?"
    return "N" if one == BATCHES[0] else f"{one // BATCHES[0]}N"


def _texts(one: str, other: str) -> str:
    """Merge two texts that differ in numbers only."""
    if one == other:
        return one
    ours, theirs = re.split(r"(\d+)", one), re.split(r"(\d+)", other)
    return "".join(
        a if a == b else _multiple(int(a), int(b)) for a, b in zip(ours, theirs, strict=True)
    )
