"""x coordinates that keep each row's order: isotonic regression towards the neighbours."""

from __future__ import annotations

import math
from itertools import pairwise

from .net import Net

__all__ = ["columns", "isotonic"]

_BETWEEN_BOXES = 26.0
_BETWEEN_LINES = 14.0
#: How much a segment wants to be vertical: of a source, at the end of a line of dummies, between
#: boxes, and along a line.
_WEAK, _BENDS, _CHAIN, _STIFF = 1e-5, 1e-3, 1e8, 1e4
_FIXED = 1e12
#: What a column may be too narrow for a line.
_HAIR = 0.01


def columns(net: Net) -> list[float]:
    """Place the rows' vertices in x: each as near to its neighbours as its row allows.

    A segment's weight says how much it wants to be vertical. Lines of dummies come first, then
    the chain of ops, then where they meet: a line bends to the chain, never the other way. So does
    a parameter or constant, which stands aside.
    """
    n = len(net.row)
    line = [net.line(v) for v in range(n)]
    source = [not line[v] and (not net.above[v] or net.side[v]) for v in range(n)]
    # Below a port a line is still on its way to the first box, if that is its only use.
    dummy = [
        v >= net.boxes + net.outs
        and (
            (up := max(net.above[v])) >= net.ins
            or len(net.below[up]) > 1
            or min(net.below[v]) >= net.boxes
        )
        for v in range(n)
    ]

    def pulls(v: int, around: list[int], aside: list[float]) -> list[tuple[int, float, float]]:
        return [
            (
                u,
                _WEAK if source[u] or source[v] else (_CHAIN, _BENDS, _STIFF)[dummy[v] + dummy[u]],
                shift,
            )
            for u, shift in zip(around, aside, strict=True)
        ]

    above = [pulls(v, net.above[v], net.above_aside[v]) for v in range(n)]
    below = [pulls(v, net.below[v], net.below_aside[v]) for v in range(n)]
    gaps = [[0.5 * (net.width[u] + net.width[v])
             + (_BETWEEN_LINES if line[u] or line[v] else _BETWEEN_BOXES)
             for u, v in pairwise(row)] for row in net.rows]  # fmt: skip
    x = [0.0] * n
    # In a frame into which nothing comes, the row of the ports is empty.
    rows = [(row, gap) for row, gap in zip(net.rows, gaps, strict=True) if row]
    for row, gap in rows:
        at = 0.0
        for step in gap:
            at -= 0.5 * step
        for v, step in zip(row, [*gap, 0.0], strict=True):
            x[v] = at
            at += step
    turns = 9 if n < 3_000 else 5 if n < 20_000 else 3
    for turn in range(turns + 1):
        if turn == turns:
            _straighten(net, gaps, dummy, x)
            _align(net, rows, x)
        up = turn % 2 == 1
        if turn == max(1, turns - 4):
            # From now on lines do not follow the boxes at their ends, but keep out of their way.
            for v in range(net.boxes + net.outs, n):
                if not dummy[v]:
                    continue
                before, after = max(net.above[v]), max(net.below[v])
                if not dummy[before] and dummy[after]:
                    above[v] = [(after, _STIFF, 0.0)]
                elif dummy[before] and not dummy[after]:
                    below[v] = [(before, _STIFF, 0.0)]
        for row, gap in reversed(rows) if up else rows:
            wish, weight = [], []
            for v in row:
                near = below[v] if up else above[v]
                # At last only sources move, to above where they are used.
                if not near or (turn == turns and not source[v]):
                    wish.append(x[v])
                    weight.append(1e-3 * _WEAK if turn < turns else _FIXED)
                elif len(near) == 1:
                    u, w, shift = near[0]
                    wish.append(x[u] + shift)
                    weight.append(w)
                else:
                    pull = total = 0.0
                    for u, w, shift in near:
                        pull += w * (x[u] + shift)
                        total += w
                    wish.append(pull / total)
                    weight.append(total)
            for v, at in zip(row, isotonic(wish, weight, gap), strict=True):
                x[v] = at
    return x


def _align(net: Net, rows: list[tuple[list[int], list[float]]], x: list[float]) -> None:
    """Let a state come in above where it goes out, so that frames in a row of such stand straight.

    That is what a step hands on to the next one, or a block's signal.
    """
    if not net.state:
        return
    row, gap = rows[0]
    state = set(net.state)
    leave = iter(sorted(range(net.boxes, net.boxes + net.outs), key=x.__getitem__))
    wish = [x[next(leave)] if v in state else x[v] for v in row]
    weight = [1.0 if v in state else _WEAK for v in row]
    for v, at in zip(row, isotonic(wish, weight, gap), strict=True):
        x[v] = at


def _straighten(net: Net, gaps: list[list[float]], dummy: list[bool], x: list[float]) -> None:
    """Put each line of dummies in one column, as near to its ends as what is beside it lets it."""
    left, right = [(-1, 0.0)] * len(x), [(-1, 0.0)] * len(x)
    for row, gap in zip(net.rows, gaps, strict=True):
        for (u, v), between in zip(pairwise(row), gap, strict=True):
            left[v], right[u] = (u, between), (v, between)
    lines = []
    for v in range(net.boxes + net.outs, len(x)):
        if dummy[v] and not dummy[max(net.above[v])]:
            way = [v]
            while dummy[after := max(net.below[way[-1]])]:
                way.append(after)
            lines.append(way)
    for turn in (lines, lines[::-1]):
        for line in turn:
            low, high = -math.inf, math.inf
            for v in line:
                (u, before), (w, behind) = left[v], right[v]
                if u >= 0:
                    low = max(low, x[u] + before)
                if w >= 0:
                    high = min(high, x[w] - behind)
            if low <= high + _HAIR:
                start, end = x[max(net.above[line[0]])], x[max(net.below[line[-1]])]
                # Straight below where it comes from, or above where it goes to, it bends but once.
                wish = next((at for at in (start, end) if low <= at <= high), 0.5 * (start + end))
                for v in line:
                    x[v] = max(low, min(high, wish))


def isotonic(wish: list[float], weight: list[float], gap: list[float]) -> list[float]:
    """Minimise Σ weight·(x - wish)² subject to x[i+1] - x[i] ≥ gap[i].

    Without the gaps this is isotonic regression: pool neighbours that are in the wrong order
    into blocks at their weighted mean.
    """
    if len(wish) == 1:
        return wish
    blocks: list[tuple[float, float, int]] = []  # mean, weight, length
    offset = 0.0
    offsets = []
    for i, want in enumerate(wish):
        offset += gap[i - 1] if i else 0.0
        offsets.append(offset)
        mean, mass, length = want - offset, weight[i], 1
        while blocks and blocks[-1][0] >= mean:
            before, heavy, count = blocks.pop()
            mean = (mean * mass + before * heavy) / (mass + heavy)
            mass += heavy
            length += count
        blocks.append((mean, mass, length))
    means = [mean for mean, _, length in blocks for _ in range(length)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]
