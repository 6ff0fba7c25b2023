"""The heights of the rows, and so the size of a frame and where its ports are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

from .levels import PORT, Level
from .net import Net

__all__ = ["Placed", "cut", "place", "ports"]

#: The height of the space between two rows, and how much a long way sideways adds to it.
_BETWEEN_ROWS, _STEEPNESS, _AT_MOST = 32.0, 0.07, 100.0
#: The same at a border, where a line that has nowhere to turn needs little.
_AT_BORDER = 16.0
#: The space between a frame and what is in it.
_PAD = 16.0
_BESIDE_TITLE = 10.0


@final
class Placed:
    """A frame (or the page) laid out: its size, and what is where in it, from its corner."""

    def __init__(self, net: Net, x: list[float], top: list[float], tall: list[float],
                 y: list[float], size: tuple[float, float]) -> None:  # fmt: skip
        self.net, self.x, self.top, self.tall, self.y = net, x, top, tall, y
        self.width, self.height = size
        #: Where values enter and leave.
        self.enter: dict[int, float] = {}
        self.leave: dict[int, float] = {}


def place(net: Net, x: list[float], title: tuple[float, float] | None) -> Placed:
    """Put the rows below each other; ``title`` is the size of a frame's title, None on the page.

    In a row with a tall frame, sources stand at its bottom, near to their use, others at its top.
    """
    count = len(net.rows)
    tall, low = [0.0] * count, [0.0] * count
    for v in range(net.ins, net.boxes):
        r = net.row[v]
        tall[r] = max(tall[r], net.height[v])
        if not net.frame[v]:
            low[r] = max(low[r], net.height[v])
    wide = [0.0] * count
    for v, above in enumerate(net.above):
        for u, aside in zip(above, net.above_aside[v], strict=True):
            wide[net.row[u]] = max(wide[net.row[u]], abs(x[u] + aside - x[v]))
    if title is not None:
        tall[0] = title[1]
    top = [0.0]
    for r in range(count):
        least = _BETWEEN_ROWS
        if title is not None:
            if r == 0:
                least = min(least, _AT_BORDER + 0.5 * wide[0]) if net.ins else _PAD
            elif net.outs and r == count - 2:
                least = min(least, _AT_BORDER + 0.5 * wide[r])
        top.append(top[r] + tall[r] + min(least + _STEEPNESS * wide[r], _AT_MOST))
    height = top[count - 1] + tall[count - 1]
    left = right = 0.0
    for v in range(len(x)):
        low_x, high_x = x[v] - 0.5 * net.width[v], x[v] + 0.5 * net.width[v]
        left, right = (min(left, low_x), max(right, high_x)) if v else (low_x, high_x)
    if title is not None:
        left, right, beside = left - _PAD, right + _PAD, title[0] + _BESIDE_TITLE
        first = min(x[: net.ins], default=math.inf)
        if first == math.inf:
            # What is narrower than the title stands below its middle.
            spare = 0.5 * max(0.0, beside - (right - left))
            left, right = left - spare, right + spare
        elif first - beside < left:
            # A value comes in right of the title; as much room is at its other side.
            left, right = first - beside, max(right, first + beside)
        if not net.outs:
            height += _PAD
    y = [0.0] * len(net.width)
    for v in range(net.ins, net.boxes):
        r = net.row[v]
        band = tall[r] if net.frame[v] else low[r]
        y[v] = top[r] + 0.5 * band
        if band < tall[r] and not net.frame[v] and (not net.above[v] or net.side[v]):
            y[v] += tall[r] - band
    return Placed(net, [at - left for at in x], top, tall, y, (right - left, height))


def cut(level: Level, sizes: Sequence[tuple[float, float]], placed: dict[int, Placed],
        depth: Sequence[int]) -> Net:  # fmt: skip
    """The vertices of a level: the frames in it are laid out already, so they are boxes.

    ``depth`` is the length of the longest way to each box. Of the values that enter, as many as
    leave and that are deeper than the others are a state: what the frame before computed.
    """
    n = len(sizes)
    inner = {unit: placed[unit - n] for unit in level.units if unit >= n}
    here = [(inner[u].width, inner[u].height) if u >= n else sizes[u] for u in level.units]
    enter = [u for u, start in zip(level.values, level.starts, strict=True) if start == PORT]
    leave = [k for k, (_, end) in enumerate(level.links) if end == PORT]
    net = Net(len(enter), here, len(leave))
    net.computed = [depth[u] > 0 for u in enter]
    deep = sorted(range(net.ins), key=lambda v: -depth[enter[v]])
    last = depth[enter[deep[net.outs - 1]]] if 0 < net.outs <= net.ins else 0
    if last and (net.outs == net.ins or depth[enter[deep[net.outs]]] < last):
        net.state = sorted(deep[: net.outs])
    vertex = {unit: v for v, unit in enumerate(level.units, net.ins)}
    for unit in inner:
        net.frame[vertex[unit]] = True
    ports = iter(range(net.ins))
    for value, start in zip(level.values, level.starts, strict=True):
        net.start.append(next(ports) if start == PORT else vertex[start])
        net.start_at.append(inner[start].leave[value] if start in inner else 0.0)
    ports = iter(range(net.boxes, net.boxes + net.outs))
    for number, end in level.links:
        net.links.append((number, next(ports) if end == PORT else vertex[end]))
        net.end_at.append(inner[end].enter[level.values[number]] if end in inner else 0.0)
    return net


def ports(level: Level, placed: Placed) -> None:
    """Note where values enter and leave a frame, from its middle."""
    middle = 0.5 * placed.width
    for value, start, v in zip(level.values, level.starts, placed.net.start, strict=True):
        if start == PORT:
            placed.enter[value] = placed.x[v] - middle
    for (number, end), (_, v) in zip(level.links, placed.net.links, strict=True):
        if end == PORT:
            placed.leave[level.values[number]] = placed.x[v] - middle
