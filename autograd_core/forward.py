"""Forward mode: push tangents through the recorded graph, in order of creation.

There is no second table. How a tangent passes an op follows from the op's kind:

* elementwise: the rule itself, on the tangent, broadcast as the operand is;
* linear: the op, applied to the tangents;
* multilinear: the op with one operand replaced by its tangent, summed over the operands;
* any other: its rule is linear in ``g``, so recording it and going back transposes it.

An op of a user's may bring a rule for tangents, which is used instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from . import backprop, walk
from .backprop import Lift
from .graph import Node, leaf, topological_order
from .ops.indexing import scatter, setitem
from .record import explain_rule, run, watched, watcher
from .registry import OPS, PROJECTION, ZERO, Erase, Op, Scatter, known
from .tensor import LIFT, Tensor, wrap

__all__ = ["push_forward"]


def push_forward(
    roots: Iterable[Node],
    seeds: dict[Node, Any],
    lift: Lift | None = None,
    closely: bool | None = None,
) -> dict[Node, Any]:
    """Return the tangent at every node from the ``seeds`` (node to tangent) to the ``roots``.

    With ``lift`` what is done with tangents is recorded; they are tensors, or arrays where nothing
    tracked is in them. ``closely`` says whether zero tangents are kept zero at singular points,
    which takes a look at each op; None: where a root's tangent holds NaN.
    """
    roots = list(roots)
    order = topological_order(roots, min((n.number for n in seeds), default=0))
    watch = watcher.get()
    if watch is None:
        if closely is None:
            tangents = _pushed(order, seeds, lift, False)
            found = [tangents[node] for node in roots if node in tangents]
            if not any(backprop.holds_nan(t, lift) for t in found):
                return tangents
        return _pushed(order, seeds, lift, closely is not False)
    watch.verify(order)
    # Rules that are recorded only to be transposed are no part of what is watched.
    with watched(watch if lift else None):
        tangents = _pushed(order, seeds, lift, True)
    watch.pushed(roots, order, tangents)
    return tangents


def _pushed(
    order: list[Node], seeds: dict[Node, Any], lift: Lift | None, closely: bool
) -> dict[Node, Any]:
    used: dict[Node | None, set[int]] = {}
    for node in order:
        if node.op is PROJECTION:
            used.setdefault(node.parents[0], set()).add(node.params["index"])
    tangents = dict(seeds)
    with np.errstate(all="ignore"):
        for node in order:
            if node in tangents:
                continue
            moved = [None if p is None else tangents.get(p) for p in node.parents]
            if all(t is None for t in moved):
                continue
            try:
                tangent = _push(node, moved, used.get(node), lift, closely)
            except Exception as error:
                explain_rule(error, "the tangent of", node, None)
                raise
            if tangent is not None:
                tangents[node] = tangent
    return tangents


class _Box(NamedTuple):
    """A node, with what its rules need: values, or tensors where tangents are recorded."""

    node: Node
    op: Op
    out: Any
    operands: tuple[Any, ...]
    lift: Lift | None
    #: Which outputs of several are looked at; None where there is one.
    used: set[int] | None
    #: Whether zero tangents are kept zero at singular points.
    closely: bool


def _push(
    node: Node, tangents: list[Any], used: set[int] | None, lift: Lift | None, closely: bool
) -> Any:
    op: Op = node.op
    if op is PROJECTION:
        return tangents[0][node.params["index"]]
    out, operands = walk.lifted(node, lift) if lift else (node.out, node.operands)
    if operands is None:
        raise walk.released(node)
    if op.tangent is not None:
        moved = op.tangent(tangents, node if out is None else out, operands, node.params)
        return _cast(moved, node.dtype)
    if op.kind == "linear":
        moved = [_tangent(op, i, t, operands[i]) for i, t in enumerate(tangents)]
        return _cast(_apply(op, moved, node), node.dtype)
    box = _Box(node, op, node if out is None else out, operands, lift, used, closely)
    terms = [_term(box, i, t) for i, t in enumerate(tangents) if t is not None]
    terms = [t for t in terms if t is not None]
    if not terms:
        return None
    total = terms[0]
    for term in terms[1:]:
        total = [_plus(a, b) for a, b in zip(total, term, strict=True)] if used else total + term
    return total if used else _cast(_broadcast(total, node.shape), node.dtype)


def _broadcast(tangent: Any, shape: tuple[int, ...]) -> Any:
    return tangent if tangent.shape == shape else np.broadcast_to(tangent, shape)


def _cast(tangent: Any, dtype: Any) -> Any:
    """The tangent in the dtype of the value; that of a real one is real."""
    if isinstance(tangent, (tuple, list)) or tangent.dtype == dtype:
        return tangent
    if tangent.dtype.kind == "c" and dtype.kind != "c":
        tangent = np.real(tangent)
    return tangent.astype(dtype)


def _real(node: Node) -> bool:
    return bool(node.dtype.kind == "f")


def _plus(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b


def _apply(op: Op, operands: list[Any], node: Node) -> Any:
    if any(isinstance(x, Tensor) for x in operands):
        if op.operator is not None and not node.params:
            return op.operator(*operands)  # the same, faster
        return op.function(*([operands] if op.variadic else operands), **node.params)
    return run(op, operands, node.params)


def _tangent(op: Op, i: int, tangent: Any, operand: Any) -> Any:
    """What a linear op is applied to: the tangent, zero without one, or what is no operand."""
    if tangent is not None:
        return tangent
    if not op.variadic and op.rules[i] is None:
        return operand
    return np.zeros(getattr(operand, "shape", ()), getattr(operand, "dtype", float))


def _zeros(shape: Any, dtype: Any, like: Any) -> Any:
    """Zeros: an array of the kind that ``like`` is, in chunks where that is."""
    like = getattr(like, "_value", like)
    if known(like) or isinstance(like, Tensor):  # of a batch of tangents the zeros of each
        return np.zeros(shape, dtype)
    return np.zeros_like(like, dtype=dtype, shape=shape)


def _term(box: _Box, i: int, tangent: Any) -> Any:
    """What the tangent of operand ``i`` adds to that of the output."""
    op, node = box.op, box.node
    if op.kind == "multilinear":
        replaced = [tangent if k == i else x for k, x in enumerate(box.operands)]
        return _apply(op, replaced, node)
    if not op.variadic and (op.rules[i] is ZERO or op.rules[i] is None):
        return None
    if op.kind == "elementwise":
        if not box.closely and OPS.get(op.fn) is op:
            rule: Any = op.rules[i]
            if box.lift and not isinstance(tangent, Tensor):
                tangent = box.lift.wrap(tangent, None)  # an array's operators go the long way
            # It broadcasts the tangent itself, or else `_push` does.
            moved = rule(tangent, box.out, *box.operands, **node.params)
            return None if moved is ZERO else moved
        return _along_rule(box, i, _broadcast(tangent, node.shape))
    return _transposed(box, i, tangent)


def _along_rule(box: _Box, i: int, tangent: Any) -> Any:
    """Apply the rule of an elementwise op to a tangent: it multiplies by the local derivative.

    A zero stays zero, as in reverse mode: a zero tangent at a singular point, and an infinite
    tangent, which comes from one, where the derivative is zero.
    """
    node, op, out, operands, lift, _, closely = box
    if not closely:
        moved = op.pull(i, tangent, out, operands, node.params, node)
        return None if moved is ZERO else moved
    value = lift.value if lift else walk.itself
    moved = walk.pull_guarded(op, i, tangent, out, operands, node.params, node, lift)
    if moved is ZERO:
        return None
    lost = np.isnan(value(moved))
    if not known(lost) or np.any(lost):
        ones = np.ones_like(value(moved))
        slope = op.pull(i, ones, out, operands, node.params, node)
        moved = np.where(lost & (value(slope) == 0), 0.0, moved)
    return moved


def _transposed(box: _Box, i: int, tangent: Any) -> Any:
    """Go back through the recorded rule of operand ``i``: ⟨Jᵀu, t⟩ has the gradient Jt in u."""
    node, op, out, operands, lift, used, closely = box
    parent: Any = node.parents[i]
    simple = not closely and node.shape == () and _real(node) and _real(parent)
    if simple and OPS.get(op.fn) is op:  # a user's rule may forbid forward mode
        # The Jacobian of one number is one row: its product with the tangent.
        one = node.dtype.type(1.0)
        row = op.pull(i, one, out, operands, node.params, parent)
        if row is ZERO:
            return None
        if type(row) not in (Scatter, Erase):
            return (row * tangent).sum()
    several = used is not None
    shapes = node.shape if several else (node.shape,)
    dtypes = node.dtype if several else (node.dtype,)
    probes = [
        wrap(_zeros(shape, dtype, tangent), leaf(shape, dtype))
        if used is None or k in used
        else None
        for k, (shape, dtype) in enumerate(zip(shapes, dtypes, strict=True))
    ]
    back = op.pull(i, probes if several else probes[0], out, operands, node.params, parent)
    if type(back) is Scatter:
        back = scatter(back.g, index=back.index, shape=parent.shape)
    if type(back) is Erase:
        back = setitem(probes[0], 0.0, index=back.index)
    if type(back) is not Tensor or back._node is None:
        return None
    nodes = [None if p is None else p._node for p in probes]
    seed = tangent if lift is None or isinstance(tangent, Tensor) else LIFT.wrap(tangent, None)
    wanted = [n for n in nodes if n is not None]
    look = None if closely else False
    found = backprop.transpose({back._node: seed}, wanted, lift, watch=None, closely=look)
    pushed = [None if n is None else found.get(n) for n in nodes]
    return pushed if several else pushed[0]
