"""Topological order, the same wherever it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush

__all__ = ["topological"]


def topological(vertices: Sequence[int], edges: Iterable[tuple[int, int]]) -> list[int]:
    """Sort ``vertices`` so that every edge points onward (Kahn 1962); the smallest first.

    ``vertices`` are ascending. What lies on a cycle, or behind one, is left out.

    >>> topological([1, 2, 3], [(3, 1), (3, 2)])
    [3, 1, 2]
    """
    edges = list(edges)
    if all(u < v for u, v in edges):
        return list(vertices)
    waits = dict.fromkeys(vertices, 0)
    targets: dict[int, list[int]] = {v: [] for v in vertices}
    for u, v in edges:
        targets[u].append(v)
        waits[v] += 1
    ready = [v for v in vertices if not waits[v]]
    heapify(ready)
    order = []
    while ready:
        u = heappop(ready)
        order.append(u)
        for v in targets[u]:
            waits[v] -= 1
            if not waits[v]:
                heappush(ready, v)
    return order
