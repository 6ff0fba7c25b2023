"""A row for each vertex: the longest path, then as near to its use as it can."""

from __future__ import annotations

import math

from .net import Net

__all__ = ["rows"]

#: The most boxes in a row, where rows can be broken.
_LONG = 32


def rows(net: Net, framed: bool) -> None:
    """Give each vertex a row: below all its parents, then as near to its first use as it can slide.

    Sources slide, and what stands on sources alone: the input's part in a recurrent step, a weight
    transposed and scaled. Other boxes slide as far as each parent's trunk reaches down anyway, or
    as two of its uses can stand, since one longer trunk is less than two long edges below them:
    the products of a unit's value in a scalar network, which are added later.
    In a frame the first row is the ports' (and the title's), and the last one where values leave.
    """
    row, first, n = net.row, int(framed), len(net.row)
    parents: list[list[int]] = [[] for _ in row]
    children: list[list[int]] = [[] for _ in row]
    for value, v in net.links:
        parents[v].append(net.start[value])
        children[net.start[value]].append(v)
    late, last = _wrap(net, parents, children)
    reach = [0] * n
    loose = [v >= net.ins for v in range(n)]
    holding: list[list[int]] = [[] for _ in row]
    bottom = 0
    for v in range(net.ins, net.boxes):
        row[v] = first
        for u in parents[v]:
            row[v] = max(row[v], row[u] + 1)
            alone = loose[u] and (not parents[u] or children[u][0] == children[u][-1])
            loose[v] = loose[v] and alone
            if not alone:
                holding[v].append(u)
        row[v] += late[v]
        bottom = max(bottom, row[v])
    for v in range(net.boxes, n):
        row[v] = bottom + 1
    # Where a chain takes in what comes from sources alone, in fewer steps, that stands aside.
    early = [v < net.ins and not net.computed[v] for v in range(n)]
    for v in range(net.ins, net.boxes):
        early[v] = all(early[u] for u in parents[v])
    for v in reversed(range(net.ins, net.boxes)):
        if early[v] and parents[v] and children[v] and children[v][0] == children[v][-1]:
            use = children[v][0]
            net.side[v] = net.side[use] or any(
                not early[u] or row[u] > row[v] for u in parents[use] if u != v
            )
    # As low as each box could stand, and so as far as each trunk may reach.
    low = list(row)
    for v in reversed(range(net.ins, net.boxes)):
        if children[v]:
            use = min([low[child] for child in children[v]]) - (last[v] - late[v])
            low[v] = max(low[v], use - 1)
    for u, below in enumerate(children):
        lowest = sorted([0, 0, *[low[v] for v in set(below)]])
        reach[u] = max([lowest[-2], *[row[v] for v in below]])
    for v in reversed(range(net.ins, net.boxes)):
        if children[v]:
            use = min([row[child] for child in children[v]]) - (last[v] - late[v])
            if last[v] and holding[v]:
                use = 0
            row[v] = max(row[v], min([use - 1, *[reach[u] for u in holding[v]]]))
        for u in parents[v]:
            reach[u] = max(reach[u], row[v])


def _wrap(
    net: Net, parents: list[list[int]], children: list[list[int]]
) -> tuple[list[int], list[int]]:
    """Break rows that are too long to read: per box how many rows later it stands, and the last.

    That is done with boxes of one use by one box, and of one parent, apart from a parameter or
    constant of their own: the 2,000 parts of a sum. Their links then share a line to their use.
    """
    late, last = [0] * len(net.row), [0] * len(net.row)
    groups: dict[tuple[int, int], list[int]] = {}
    own = [not up and len(down) == 1 for up, down in zip(parents, children, strict=True)]
    for v in range(net.ins, net.boxes):
        above = {u for u in parents[v] if not own[u] or u < net.ins}
        below = set(children[v])
        if net.frame[v] or len(above) > 1 or len(below) > 1:
            continue
        use = max(below, default=-1)
        if use < net.boxes and not (use >= 0 and net.frame[use]):
            groups.setdefault((max(above, default=-1), use), []).append(v)
    for (_, use), group in groups.items():
        if len(group) <= _LONG:
            continue
        long = max(_LONG, math.ceil(math.sqrt(len(group))))
        step = 2 if any(own[u] for v in group for u in parents[v]) else 1
        for i, v in enumerate(group):
            late[v] = step * (i // long)
            last[v] = step * ((len(group) - 1) // long)
            net.gathered[v] = use >= 0
    return late, last
