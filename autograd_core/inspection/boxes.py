"""Which compositions a node is part of: `std` for the square root that it takes at the end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..graph import Node

__all__ = ["enclosing"]


def enclosing(nodes: Iterable[Node]) -> dict[Node, tuple[Any, ...]]:
    """From a node to the ops of the compositions that recorded it, the innermost first.

    ``nodes`` are those of one recording, in order; nodes outside every composition are left out.
    """
    ordered = sorted(nodes, key=lambda node: node.number)
    ranges = sorted(
        ((n.derived.first, n.number, n.derived.op) for n in ordered if n.derived is not None),
        key=lambda r: (r[0], -r[1]),
    )
    found: dict[Node, tuple[Any, ...]] = {}
    open_ranges: list[tuple[int, Any]] = []
    ahead = iter(ranges)
    following = next(ahead, None)
    for node in ordered:
        while following is not None and following[0] < node.number:
            open_ranges.append(following[1:])
            following = next(ahead, None)
        open_ranges = [r for r in open_ranges if r[0] >= node.number]
        if open_ranges:
            found[node] = tuple(op for _, op in reversed(open_ranges))
    return found
