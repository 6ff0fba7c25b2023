"""Left to right in each row, with few crossings."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence

from .net import Net

__all__ = ["order"]

#: How much work to spend: vertices and segments, times pairs of sweeps; and how many starts to try.
_MUCH_WORK, _STARTS, _MANY_STARTS = 200_000, 8, 800
#: The same for exchanges: the most vertices and segments, passes, and pairs of segments.
_EXCHANGED, _EXCHANGES, _MUCH_GAIN = 8_000, 8, 400


def order(net: Net, nets: int) -> None:
    """Choose the order in each row: of several starts, the one that ends with least crossings.

    ``nets`` is how many are laid out in all: where they are hundreds, each has fewer starts.
    """
    size = max(1, len(net.row) + sum(map(len, net.below)))
    best, fewest = _sweep(net, 0, size)
    for start in range(1, min(_STARTS, max(2, _MANY_STARTS // nets), _MUCH_WORK // (20 * size))):
        if fewest == 0:
            break
        rows, crossings = _sweep(net, start, size)
        if crossings < fewest:
            best, fewest = rows, crossings
    net.rows = best


def _sweep(net: Net, start: int, size: int) -> tuple[list[list[int]], int]:
    """Start from the order in which a reader would meet the boxes (upwards from the results,
    operands left to right), then sort rows by barycentre in turn, down and up.

    In all starts but the first, some boxes' operands are met from right to left. Returns the order
    with the fewest crossings, and how many.
    """
    rows = net.rows = _first(net, start)
    place = [0] * len(net.row)
    for line in rows:
        for i, v in enumerate(line):
            place[v] = i
    best, fewest = [list(line) for line in rows], _crossings(net, place)
    stale = 0
    for turn in range(min(12, max(1, _MUCH_WORK // size))):
        if fewest == 0 or stale == 3:
            break
        for line in rows[1:]:
            _sort(line, net.above, net.above_lean, place, turn % 2 == 1)
        for line in reversed(rows[:-1]):
            _sort(line, net.below, net.below_lean, place, turn % 2 == 1)
        crossings = _crossings(net, place)
        stale += 1
        if crossings < fewest:
            best, fewest, stale = [list(line) for line in rows], crossings, 0
    if fewest and size <= _EXCHANGED:
        net.rows = best
        fewest = _exchange(net)
    return best, fewest


def _first(net: Net, start: int) -> list[list[int]]:
    rows: list[list[int]] = [[] for _ in range(max(net.row, default=0) + 1)]
    seen = [False] * len(net.row)
    # The ports as a reader comes upon them, from the results upwards: so edges were sorted.
    outs = range(net.boxes, net.boxes + net.outs)
    for last in [*outs, *range(net.boxes)]:
        stack = [last] if not net.below[last] else []
        while stack:
            v = stack.pop()
            if not seen[v]:
                seen[v] = True
                rows[net.row[v]].append(v)
                flip = start and (v + 1) * (104_729 + 7_919 * start) % 1_021 % 2
                stack.extend(net.above[v] if flip else reversed(net.above[v]))
    return rows


def _sort(line: list[int], near: list[list[int]], lean: list[float], place: list[int],
          flip: bool) -> None:  # fmt: skip
    """Sort a row by the mean place of the neighbours; what has none keeps its place.

    ``flip`` exchanges equal ones, a way out of an order where no sort changes anything.
    """
    movable = [v for v in line if near[v]]
    key = {v: (sum([place[u] for u in near[v]]) + lean[v]) / len(near[v]) for v in movable}
    if flip:
        movable.reverse()
    movable.sort(key=key.__getitem__)
    turn = iter(movable)
    for i, v in enumerate(line):
        if near[v]:
            v = line[i] = next(turn)
        place[v] = i


def _exchange(net: Net) -> int:
    """Exchange neighbours in a row as long as that takes a crossing away; returns what is left."""
    place = [0] * len(net.row)
    for line in net.rows:
        for i, v in enumerate(line):
            place[v] = i
    for _ in range(_EXCHANGES):
        better = 0
        for line in net.rows:
            for i in range(len(line) - 1):
                u, v = line[i], line[i + 1]
                gain = _gain(_over(net, u, place), _over(net, v, place))
                gain += _gain(_under(net, u, place), _under(net, v, place))
                if gain > 0:
                    line[i], line[i + 1] = v, u
                    place[u], place[v] = i + 1, i
                    better += 1
        if not better:
            break
    return _crossings(net, place)


def _over(net: Net, v: int, place: list[int]) -> list[float]:
    return [place[u] + out for u, out in zip(net.above[v], net.above_ports[v], strict=True)]


def _under(net: Net, u: int, place: list[int]) -> list[float]:
    return [place[v] + into for v, (_, into) in zip(net.below[u], net.below_ports[u], strict=True)]


def _gain(left: list[float], right: list[float]) -> int:
    """How many crossings it takes away to exchange two vertices with these ends."""
    if len(left) * len(right) > _MUCH_GAIN:
        return 0
    gain = 0
    for a in left:
        for b in right:
            gain += (a > b) - (a < b)
    return gain


def _crossings(net: Net, place: list[int]) -> int:
    """Count the pairs of segments that cross: inversions of one end when sorted by the other.

    And the pairs of values of a state that would cross on their way to a next frame like this one.
    """
    state = sorted(
        (place[v], place[out])
        for v, out in zip(net.state, range(net.boxes, net.boxes + net.outs), strict=False)
    )
    total = _inversions([out for _, out in state])
    for line in net.rows:
        total += _inversions([end for v in line for end in net.ends(v, place)])
    return total


def _inversions(ends: Sequence[float]) -> int:
    total = 0
    seen: list[float] = []
    for end in ends:
        total += len(seen) - bisect_right(seen, end)
        insort(seen, end)
    return total
