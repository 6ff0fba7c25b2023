"""Forward mode: push tangents through the recorded graph, in order of creation.

There is no second table. How a tangent passes an op follows from the op's kind:

* elementwise: the rule itself, on the tangent broadcast to the output's shape;
* linear: the op, applied to the tangents;
* multilinear: the op with one operand replaced by its tangent, summed over the operands;
* any other: its rule is linear in ``g``, so recording it and going back transposes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from . import backprop
from .backprop import Lift
from .graph import Node, leaf, topological_order
from .ops.indexing import scatter
from .record import run
from .registry import PROJECTION, ZERO, Op, Scatter
from .tensor import LIFT, Tensor, wrap

__all__ = ["push_forward"]


def push_forward(
    roots: Iterable[Node], seeds: dict[Node, Any], lift: Lift | None = None
) -> dict[Node, Any]:
    """Return the tangent at every node from the ``seeds`` (node to tangent) to the ``roots``.

    With ``lift`` tangents are tensors and what is done with them is recorded.
    """
    order = topological_order(roots, min((n.number for n in seeds), default=0))
    used: dict[Node | None, set[int]] = {}
    for node in order:
        if node.op is PROJECTION:
            used.setdefault(node.parents[0], set()).add(node.params["index"])
    tangents = dict(seeds)
    with np.errstate(all="ignore"):
        for node in order:
            if node in tangents or not any(p in tangents for p in node.parents):
                continue
            moved = [None if p is None else tangents.get(p) for p in node.parents]
            tangent = _push(node, moved, used.get(node), lift)
            if tangent is not None:
                tangents[node] = tangent
    return tangents


def _push(node: Node, tangents: list[Any], used: set[int] | None, lift: Lift | None) -> Any:
    op: Op = node.op
    if op is PROJECTION:
        return tangents[0][node.params["index"]]
    out, operands = backprop._lifted(node, lift) if lift else (node.out, node.operands)
    if operands is None:
        raise backprop.released(node)
    if op.kind == "linear":
        return _apply(op, [_tangent(op, i, t, operands[i]) for i, t in enumerate(tangents)], node)
    terms = [
        _term(op, i, t, node, node if out is None else out, operands, used, lift)
        for i, t in enumerate(tangents)
        if t is not None
    ]
    terms = [t for t in terms if t is not None]
    if not terms:
        return None
    total = terms[0]
    for term in terms[1:]:
        total = [_plus(a, b) for a, b in zip(total, term, strict=True)] if used else total + term
    if used is None and total.dtype != node.dtype:
        total = total.astype(node.dtype)
    return total


def _plus(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b


def _apply(op: Op, operands: list[Any], node: Node) -> Any:
    if any(type(x) is Tensor for x in operands):
        return op.function(*([operands] if op.variadic else operands), **node.params)
    return run(op, operands, node.params)


def _tangent(op: Op, i: int, tangent: Any, operand: Any) -> Any:
    """What a linear op is applied to: the tangent, zero without one, or what is no operand."""
    if tangent is not None:
        return tangent
    if not op.variadic and op.rules[i] is None:
        return operand
    return np.zeros(getattr(operand, "shape", ()), getattr(operand, "dtype", float))


def _term(
    op: Op,
    i: int,
    tangent: Any,
    node: Node,
    out: Any,
    operands: tuple[Any, ...],
    used: set[int] | None,
    lift: Lift | None,
) -> Any:
    if op.kind == "multilinear":
        replaced = [tangent if k == i else x for k, x in enumerate(operands)]
        return _apply(op, replaced, node)
    if not op.variadic and (op.rules[i] is ZERO or op.rules[i] is None):
        return None
    if op.kind == "elementwise":
        if tangent.shape != node.shape:
            tangent = np.broadcast_to(tangent, node.shape)
        return _along_rule(op, i, tangent, node, out, operands, lift)
    return _transposed(op, i, tangent, node, out, operands, used, lift)


def _along_rule(
    op: Op,
    i: int,
    tangent: Any,
    node: Node,
    out: Any,
    operands: tuple[Any, ...],
    lift: Lift | None,
) -> Any:
    """Apply the rule of an elementwise op to a tangent: it multiplies by the local derivative.

    A zero stays zero, as in reverse mode: a zero tangent at a singular point, and an infinite
    tangent, which comes from one, where the derivative is zero.
    """
    params = node.params
    moved = backprop._pull_guarded(op, i, tangent, out, operands, params, node, lift)
    lost = np.isnan(lift.value(moved) if lift else moved)
    if np.any(lost):
        ones = np.ones(node.shape, node.dtype)
        slope = op.pull(i, ones, out, operands, params, node)
        moved = np.where(lost & ((lift.value(slope) if lift else slope) == 0), 0.0, moved)
    return moved


def _transposed(
    op: Op,
    i: int,
    tangent: Any,
    node: Node,
    out: Any,
    operands: tuple[Any, ...],
    used: set[int] | None,
    lift: Lift | None,
) -> Any:
    """Go back through the recorded rule of operand ``i``: ⟨Jᵀu, t⟩ has the gradient Jt in u."""
    if used is None:
        probe: Any = wrap(np.zeros(node.shape, node.dtype), leaf(node.shape, node.dtype))
        probes = [probe]
    else:
        probe = [
            wrap(np.zeros(s, d), leaf(s, d)) if k in used else None
            for k, (s, d) in enumerate(zip(node.shape, node.dtype, strict=True))
        ]
        probes = [p for p in probe if p is not None]
    parent: Any = node.parents[i]
    back = op.pull(i, probe, out, operands, node.params, parent)
    if type(back) is Scatter:
        back = scatter(back.g, index=back.index, shape=parent.shape)
    if type(back) is not Tensor or back._node is None:
        return None
    nodes = [p._node for p in probes]
    seed = tangent if lift is None or type(tangent) is Tensor else LIFT.wrap(tangent, None)
    found = backprop.differentiate({back._node: seed}, nodes, lift)
    if used is None:
        return found.get(probe._node)
    return [None if p is None else found.get(p._node) for p in probe]
