"""From each unit vector of a space through one graph: many in one walk where that can be.

The graph is that of one example. What goes along it, gradients back or tangents forward, is then
one for each unit vector, as values under `vmap` are: each rule is called once, and the batch is
axis 0 of what it computes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import hooks
from ..graph import Node, topological_order
from ..record import watcher
from ..registry import OPS, PROJECTION, known
from ..tensor import Tensor, value_of, wrap
from .batched import Batched, begun, lower
from .variables import hidden_axes

__all__ = ["at_once", "from_units"]

#: How many elements of one array there are at most, while unit vectors go together: those of
#: larger arrays gain nothing by it, and memory stays bounded.
MOST = 1 << 18
#: So few are walked one by one: a rule costs several times as much on values of `vmap`.
FEW = 4

#: From a seed, and whether to look closely at singular points (see `backprop.transpose`), to what
#: is found: a list, with None for zeros.
Walk = Callable[[Any, bool | None], list[Any]]


def at_once(outputs: Sequence[Tensor], nodes: Sequence[Node]) -> int:
    """How many unit vectors may go together between ``nodes`` and ``outputs``; 1: each alone.

    Hooks, inspection and the rules of users' primitives and of boxes are shown one gradient.
    """
    if watcher.get() is not None or not all(known(t._value) for t in outputs):
        return 1
    roots = [t._node for t in outputs if t._node is not None]
    order = topological_order(roots, min((node.number for node in nodes), default=0))
    if hooks.hooked(order) is not None:
        return 1
    largest = 1
    for node in order:
        op = node.op
        if op is PROJECTION:
            continue  # it has the shape of one of its parent's
        if op is not None and OPS.get(op.fn) is not op:
            return 1
        several = isinstance(node.dtype, tuple)
        largest = max(largest, *map(math.prod, node.shape) if several else (node.size,))
    count = MOST // largest
    return count if count > FEW else 1


def from_units(
    walk: Walk, shape: tuple[int, ...], dtype: Any, lift: Any, together: int
) -> list[Any]:
    """What ``walk`` finds from each unit vector of the arrays of ``shape``, stacked along axis 0.

    Under `vmap` they are those of one example, the same for all. ``together`` go in one walk.
    """
    size = math.prod(shape[hidden_axes() :])
    together = together if size > FEW else 1
    parts, start = [], 0
    while start < size:
        units = _units(shape, dtype, start, min(start + together, size))
        try:
            found = (_alone if together == 1 else _together)(walk, units, lift)
        except Exception:
            if together == 1:
                raise
            together = 1  # a rule must look at its gradient: one by one it may, or says what it is
            continue
        parts.append([_Part(len(units), x) for x in found])
        start += len(units)
    return [_joined(each) for each in zip(*parts, strict=True)]


class _Part(NamedTuple):
    """What was found from some of the unit vectors, along axis 0; None is zeros."""

    length: int
    found: Any


def _units(shape: tuple[int, ...], dtype: Any, start: int, stop: int) -> Any:
    """Some of the unit vectors, along axis 0."""
    hidden = hidden_axes()
    count, rest = stop - start, shape[hidden:]
    units = np.zeros((count, math.prod(rest)), dtype)
    units[np.arange(count), np.arange(start, stop)] = 1.0
    units = units.reshape(count, *(1,) * hidden, *rest)
    return np.broadcast_to(units, (count, *shape)) if hidden else units


def _alone(walk: Walk, units: Any, lift: Any) -> list[Any]:
    found = walk(wrap(units[0], None) if lift else units[0], None)
    return [None if x is None else x[None] for x in found]


def _together(walk: Walk, units: Any, lift: Any) -> list[Any]:
    count = len(units)
    with begun(count) as level:
        seed = lower(level, wrap(units, None) if lift else units)
        found = [_whole(x, level, count) for x in walk(seed, False)]
        if any(x is not None and np.isnan(value_of(x)).any() for x in found):
            found = [_whole(x, level, count) for x in walk(seed, True)]
        return found


def _whole(x: Any, level: int, count: int) -> Any:
    if type(x) is Batched and x._level == level:
        return x._whole
    return None if x is None else np.broadcast_to(x, (count, *x.shape))


def _joined(parts: Sequence[_Part]) -> Any:
    """The parts one after another; None where all are zeros."""
    like = next((part.found for part in parts if part.found is not None), None)
    if like is None or len(parts) == 1:
        return like
    return np.concatenate(
        [
            np.zeros((part.length, *like.shape[1:]), like.dtype)
            if part.found is None
            else part.found
            for part in parts
        ]
    )
