"""Boxes whose inside is not kept: one node for a whole function, run again when it is needed.

The inputs of such a function are its arguments and what it reads besides, the parameters of a
module for example. Those are found by the clock: what its results depend on and what is older
than the call comes from outside.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from .. import record
from ..graph import Node, topological_order
from ..record import project
from ..registry import ZERO, Op, known, make_op
from ..tensor import Tensor, value_of, wrap
from .batched import one_example

__all__ = [
    "Inside",
    "Outside",
    "box_op",
    "changed_outside",
    "inside",
    "is_box",
    "outside_of",
    "record_box",
    "relink",
]


class Inside(Protocol):
    """What a box does when it is asked for derivatives; gradients as inside `backprop`."""

    def pull(self, g: list[Any], out: list[Any], operands: Sequence[Any]) -> list[Any]:
        """The gradients at all operands, None for zero; ``g`` and ``out`` for each output."""

    def push(self, tangents: Sequence[Any], out: list[Any], operands: Sequence[Any]) -> list[Any]:
        """The tangents of all outputs; ``tangents`` for each operand, None for zero."""


def box_op(name: str) -> Op:
    """An op outside the table, whose nodes carry their `Inside` with them, as the parameter f."""
    return make_op(
        _not_called, _rule, kind="general", variadic=True, name=name, joint=_joint, tangent=_tangent
    )


def is_box(op: Op | None) -> bool:
    """Whether `box_op` made ``op``."""
    return op is not None and op.fn is _not_called


def _not_called(operands: Any, f: Inside) -> Any:
    raise TypeError("a box is recorded by the function that it stands for, and never called")


def _rule(g: Any, out: Any, i: int, *operands: Any, f: Inside) -> Any:
    return _joint(g, out, operands, {"f": f})[i]


def _joint(g: Any, out: Any, operands: Sequence[Any], params: dict[str, Any]) -> list[Any]:
    with one_example():
        found = params["f"].pull(g if type(g) is list else [g], _each(out), operands)
    return [ZERO if part is None else part for part in found]


def _tangent(tangents: Any, out: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
    with one_example():
        moved = params["f"].push(tangents, _each(out), operands)
    return moved if isinstance(out, (list, tuple)) else moved[0]


def _each(out: Any) -> list[Any]:
    return list(out) if isinstance(out, (list, tuple)) else [out]


class Outside(NamedTuple):
    """What a function reads besides its arguments: a node, and its value if a rule kept it."""

    node: Node
    value: Any

    @property
    def operand(self) -> Any:
        return self.node if self.value is None else self.value


def inside(roots: Sequence[Node], first: int, variables: Collection[Node]) -> list[Node]:
    """What was recorded since ``first`` to compute ``roots`` from ``variables``."""
    return [node for node in topological_order(roots, first) if node not in variables]


def outside_of(inner: Sequence[Node], first: int) -> list[Outside]:
    """What is older than ``first`` among what ``inner`` reads."""
    found: dict[Node, Any] = {}
    for node in inner:
        for parent, x in zip(node.parents, node.operands or node.parents, strict=True):
            if parent is not None and parent.number < first and found.get(parent) is None:
                found[parent] = None if type(x) is Node else x
    return [Outside(node, value) for node, value in found.items()]


def changed_outside(found: Sequence[Outside], before: dict[Node, Any]) -> str | None:
    """Say what is read from outside now that was not ``before``, or was another value."""
    for node, value in found:
        kind = "leaf" if node.op is None else node.op.name
        what = f"{kind} {node.name!r}" if node.name else f"{kind} of shape {node.shape}"
        if node not in before:
            return f"it read {what}, which the first run did not"
        then = value_of(before[node])
        if type(then) is Node or value is None or then is value or not known(value):
            continue
        if not np.array_equal(then, value, equal_nan=True):
            return f"{what} had another value"
    return None


def relink(inner: Sequence[Node], instead: dict[Node, Node]) -> None:
    """Have ``inner`` point to other nodes where it pointed outside."""
    for node in inner:
        if not instead.keys().isdisjoint(node.parents):
            operands = node.operands or ()
            node.operands = tuple(instead.get(x, x) if type(x) is Node else x for x in operands)
            node.parents = tuple(
                None if parent is None else instead.get(parent, parent) for parent in node.parents
            )


def record_box(
    op: Op,
    f: Inside,
    values: Sequence[Any],
    operands: Sequence[Any],
    parents: Sequence[Node | None],
) -> list[Tensor]:
    """Make the box, and the tensors of its outputs, ``values``."""
    single = len(values) == 1
    value = values[0] if single else tuple(values)
    tracked = sum(1 << i for i, parent in enumerate(parents) if parent is not None)
    node = record.record(op, value, tuple(operands), tuple(parents), tracked, {"f": f})
    if node is None:
        return [wrap(v, None) for v in values]
    node.operands = tuple(operands)  # all of them: the function will be run again
    node.out = value
    if single:
        return [wrap(value, node)]
    return [wrap(v, project(node, k)) for k, v in enumerate(values)]
