"""What both passes did, one by one: the order, and what was sent along which edge, as recorded.

Nothing is derived here: the order and the contributions are those that the engine told inspection
(`Walk.visited`, `Walk.sent`). Where the engine went wrong, the steps show it.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autograd_core.graph import Node, Operand
from autograd_core.registry import PROJECTION, REAL, Op, known

from ..graph.ir import Step, Vertex
from ..graph.summary import figures, summarize
from . import captions

__all__ = ["Trace", "take_steps"]


@dataclass(slots=True)
class Trace:
    """Which boxes nodes are: see `build`. ``names`` are those of the boxes in captions.

    ``members`` goes from the node of a box to those that fold into it, ``edge_of`` from an operand
    of a node to its edge, ``operands`` from a box to its operands: boxes, or folded numbers;
    ``composed`` are the boxes of compositions, ``whole`` their results, also of a single op;
    ``numbered`` are the nodes by their numbers.
    """

    names: Sequence[str]
    members: dict[Node, list[Node]]
    box_of: dict[Node, int]
    edge_of: dict[tuple[Node, int], int]
    operands: dict[int, list[int | str]]
    composed: set[int]
    whole: set[Node]
    numbered: dict[int, Node]
    walk: Any


def take_steps(
    trace: Trace, vertices: Sequence[Vertex]
) -> tuple[tuple[Step, ...], dict[int, float]]:
    """List the steps, and the norm of what was sent along each edge."""
    steps = [_forward(trace, node, vertices) for node in trace.members]
    norms: dict[int, float] = {}
    if trace.walk is not None:
        steps += _backward(trace, vertices, norms)
    return tuple(steps), norms


def _forward(trace: Trace, node: Node, vertices: Sequence[Vertex]) -> Step:
    box = trace.box_of[node]
    name, vertex = trace.names[box], vertices[box]
    operands = [x if isinstance(x, str) else trace.names[x] for x in trace.operands[box]]
    what = node
    if node.op is PROJECTION:
        index = node.params["index"]
        what = trace.members[node][0]
    if node in trace.whole and node.derived is not None:
        value = captions.call(node.derived, functools.partial(_argument, trace, box, vertices))
    elif what is not node:
        value = f"{captions.value(what.op, operands, vertex.params)}[{index}]"
    elif what.op is PROJECTION:
        value = f"{operands[0]}[{index}]"
    else:
        value = captions.value(what.op, operands, vertex.params, node.params.get("index"))
    by_rule = ""
    if vertex.rule_of is not None:
        whose = f"the rule of {trace.names[vertex.rule_of]}" if vertex.rule_of != box else "a rule"
        by_rule = f", by {whose}"
    return Step("forward", box, f"fprop {_called(vertex)}: {name} = {value}{by_rule}")


def _argument(trace: Trace, box: int, vertices: Sequence[Vertex], operand: Operand) -> str:
    """Name an array that the composition drawn as ``box`` was called with."""
    node = trace.numbered.get(operand.number)
    if node is not None:
        return trace.names[trace.box_of[node]]
    # What is not tracked has no number; there may be just one constant like it.
    alike = [
        x
        for x in trace.operands[box]
        if not isinstance(x, str)
        and vertices[x].kind in ("constant", "input", "buffer")
        and (vertices[x].gradient, vertices[x].gradient_note) == (None, "")
        and vertices[x].shape == operand.shape
    ]
    return trace.names[alike[0]] if len(alike) == 1 else f"array {operand.shape}"


def _backward(trace: Trace, vertices: Sequence[Vertex], norms: dict[int, float]) -> list[Step]:
    walk, box_of = trace.walk, trace.box_of
    steps: list[Step] = []
    seeds = {node: g for node, g in walk.roots.items() if node in box_of}
    sent = [edge for edge in walk.sent if (edge.node, edge.operand) in trace.edge_of]
    # By boxes: a leaf and its casts, as transforms make of arguments, are one.
    count = Counter(box_of[edge.parent] for edge in sent)
    count.update(box_of[node] for node in seeds)
    arrived: Counter[int] = Counter()
    gradients = walk.gradients
    totals: dict[int, Any] = {}
    along: dict[int, list[Any]] = {}

    def arrive(node: Node, part: Any) -> tuple[int, int, str, str]:
        to = box_of[node]
        arrived[to] += 1
        n = count[to]
        g = vertices[to].gradient
        # The array that is the whole gradient is written in the box already.
        whole = n == 1 and g is not None and part is gradients.get(node)
        shown = figures(g) if whole and g is not None else _shown(part)
        if n == 1 or isinstance(part, list) or isinstance(node.dtype, tuple):
            return arrived[to], n, shown, shown if n == 1 else ""
        with np.errstate(all="ignore"):
            totals[to] = totals[to] + part if to in totals else part
        first = arrived[to] == 1
        return arrived[to], n, shown, shown if first else _shown(totals[to])

    for node, g in seeds.items():
        nth, n, shown, total = arrive(node, g)
        box = box_of[node]
        caption = f"seed: grad {trace.names[box]} = {shown}{_of(nth, n)}"
        caption += _hooked(node, nth == n, total, vertices[box])
        steps.append(Step("seed", box, caption, None, nth, n, shown, total))
    for edge in sent:
        nth, n, shown, total = arrive(edge.parent, edge.contribution)
        place = trace.edge_of[edge.node, edge.operand]
        along.setdefault(place, []).append(edge.contribution)
        box = box_of[edge.node]
        caption = f"bprop {_told(trace, edge, vertices)}{_of(nth, n)}"
        caption += _hooked(edge.parent, nth == n, total, vertices[box_of[edge.parent]])
        steps.append(Step("backward", box, caption, place, nth, n, shown, total))
    if not walk.complete and steps:
        steps[-1] = replace(steps[-1], caption=f"{steps[-1].caption}; here an error ended the pass")
    for place, parts in along.items():
        if all(known(part) for part in parts):
            norms[place] = _norm(parts)
    return steps


def _hooked(node: Node, last: bool, total: str, vertex: Vertex) -> str:
    """Say what a hook did with the sum that it got."""
    g = vertex.gradient
    if not last or node.hooks is None or g is None or figures(g) == total:
        return ""
    return f"; a hook makes it {figures(g)}"


def _rule(trace: Trace, node: Node, i: int, vertices: Sequence[Vertex]) -> str:
    """The formula of the rule of ``node`` for operand ``i``; "" where there is none to show."""
    box = trace.box_of[node]
    operands = trace.operands[box]
    if box in trace.composed or len(operands) != len(node.parents):
        return ""
    names = [x if isinstance(x, str) else trace.names[x] for x in operands]
    shapes = [() if isinstance(x, str) else vertices[x].shape for x in operands]
    guarded = (
        trace.walk.guarded and node.op.guarded and not _smooth(node.op, box, operands, vertices)
    )
    return captions.gradient(node, i, names, shapes, trace.names[box], guarded)


def _smooth(op: Op, box: int, operands: list[int | str], vertices: Sequence[Vertex]) -> bool:
    """Whether no zero gradient can have met a singular point: of numbers there is none."""
    values = [vertices[x].value for x in (box, *operands) if not isinstance(x, str)]
    return all(domain == REAL for domain in op.domains) and all(
        value is not None and value.finite for value in values
    )


def _told(trace: Trace, edge: Any, vertices: Sequence[Vertex]) -> str:
    """Say what is sent along an edge."""
    node, i = edge.node, edge.operand
    box = trace.box_of[node]
    to = trace.names[trace.box_of[edge.parent]]
    if node.op is PROJECTION:
        return f"{vertices[box].label}: hands its gradient to {to}"
    what = _called(vertices[box])
    if box in trace.composed:
        return f"{what}, its {node.op.name}: grad {to}"
    rule = _rule(trace, node, i, vertices)
    return f"{what}: grad {to} = {rule}" if rule else f"{what}: grad {to}, of operand {i + 1}"


def _called(vertex: Vertex) -> str:
    return vertex.label if vertex.op == PROJECTION.name else vertex.op or vertex.kind


def _of(nth: int, count: int) -> str:
    return f" ({nth} of {count})" if count > 1 else ""


def _shown(part: Any) -> str:
    if isinstance(part, list):
        return ", ".join("none" if one is None else _shown(one) for one in part)
    return figures(summarize(part)) if known(part) else "not computed yet"


#: The squares of numbers that are smaller than the root of this lose digits.
_SMALL = 1e-280


def _norm(parts: list[Any]) -> float:
    """The Euclidean norm of what was sent in sum."""
    total = parts[0]
    if len(parts) == 1 and np.size(total) == 1:
        return float(abs(total.item()))
    with np.errstate(all="ignore"):
        for part in parts[1:]:
            total = total + part
        flat = np.ravel(total)
        flat = (np.abs(flat) if flat.dtype.kind == "c" else flat).astype(np.float64, copy=False)
        square = float(flat.dot(flat))
        if _SMALL < square < math.inf:
            return math.sqrt(square)
        flat = np.abs(flat)
        largest = float(flat.max(initial=0.0))
        if not 0 < largest < math.inf:
            return largest
        return largest * float(np.sqrt(((flat / largest) ** 2).sum()))
