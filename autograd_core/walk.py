"""One walk back over a graph: visit the boxes in reverse order, and pull the gradient back.

The gradient of a real L at a complex z = x + iy is ∂L/∂x + i ∂L/∂y for users, PyTorch's convention.
Inside the walk it is the conjugate of that, so that dL = Re(g dz) and the rule of a holomorphic op
multiplies by its derivative as for real values: `backprop` conjugates seeds and results, no rule.
"""

from __future__ import annotations

import sys
from bisect import bisect
from collections.abc import Callable, Collection, Iterable
from sys import getrefcount
from typing import Any, NamedTuple

import numpy as np

from . import hooks
from .errors import ReleasedError
from .graph import RELEASED, Node, next_number
from .ops.indexing import scatter, setitem
from .record import Watcher, explain_rule, project
from .registry import PROJECTION, REAL, ZERO, Erase, Op, Scatter, known

__all__ = ["Lift", "Walk", "itself", "lifted", "pull_guarded", "released"]

#: Whether the count of references tells who holds an array: from Python 3.14 on what a variable
#: holds is not counted.
COUNTED = sys.version_info < (3, 14)

#: The dtype of NumPy's scalars by their type: NumPy takes its time to tell it of one.
SCALARS = {
    kind: np.dtype(kind)
    for kind in (np.float16, np.float32, np.float64, np.complex64, np.complex128)
}


class Lift(NamedTuple):
    """How to make a tensor of a value and a node, and how to get the value back."""

    wrap: Callable[[Any, Node | None], Any]
    value: Callable[[Any], Any]


class Walk:
    """A walk over ``order`` from its end, starting from ``seeds``.

    Args:
        order: the nodes, each after its parents.
        seeds: the gradient to start from at some of them.
        wanted: whose gradients to find; None means all leaves, and then ``order`` is the whole
            graph.
        lift: where given gradients are tensors and the rules are recorded.
        guarded: whether a zero gradient is to stay zero at singular points.
        hooked: the nodes that have hooks or keep their gradient, or None.
        watch: who is told, or None.
    """

    __slots__ = (
        "found",
        "gradients",
        "guarded",
        "hooked",
        "included",
        "lift",
        "order",
        "owned",
        "visits",
        "wanted",
        "watch",
    )

    def __init__(
        self,
        order: list[Node],
        seeds: dict[Node, Any],
        wanted: Collection[Node] | None,
        lift: Lift | None,
        guarded: bool = False,
        hooked: set[Node] | None = None,
        watch: Watcher | None = None,
    ) -> None:
        if watch is not None:
            watch.begin(seeds, order, guarded)
        self.order, self.wanted, self.lift = order, wanted, lift
        self.guarded, self.hooked, self.watch = guarded, hooked, watch
        self.included = None if wanted is None else set(order)
        self.gradients: dict[Node, Any] = dict(seeds)
        # Nodes whose gradient is an array that nobody else can see: added to in place.
        self.owned: set[Node] = set()
        self.found: dict[Node, Any] = {}
        # When each node was visited, where what rules record is to be told by it.
        self.visits: list[tuple[int, int]] = []

    def run(self) -> dict[Node, Any]:
        """Visit all nodes, and return the gradients that were wanted."""
        gradients, found, owned = self.gradients, self.found, self.owned
        wanted, included = self.wanted, self.included
        # Nothing out of the ordinary: then ops of one or two operands are visited right here, since
        # a call for each would cost as much as the rule of a small one. All others are by `visit`.
        told = self.lift or self.hooked or self.watch
        odd = self.guarded or told is not None
        pop, get, scalar = gradients.pop, gradients.get, SCALARS.get
        array = np.ndarray
        for node in reversed(self.order):
            g = pop(node, None)
            if g is None:
                continue
            op = node.op
            if odd:
                self.visit(node, g)
                continue
            if op is None:
                if wanted is None or node in wanted:
                    found[node] = g
                continue
            if not op.plain or node.params:
                self.visit(node, g)
                continue
            if wanted is not None and node in wanted:
                found[node] = g
            out, x, y = node.out, node.x, node.y
            if x is RELEASED:
                raise released(node)
            if out is None:
                out = node
            rules = op.rules
            pair = len(rules) == 2
            place = 0
            parent = node.left
            try:
                while True:
                    if parent is not None and (included is None or parent in included):
                        # `op.pull` and `deliver`, written out.
                        part = rules[place](g, out, x, y) if pair else rules[0](g, out, x)
                        kind = type(part)
                        if kind is array:
                            shape = parent.shape
                            if part.dtype is parent.dtype and part.shape == shape:
                                present = get(parent)
                                if not shape:
                                    # NumPy is several times faster with scalars: on with one.
                                    part = part[()]
                                    gradients[parent] = part if present is None else present + part
                                elif present is None:
                                    gradients[parent] = part
                                elif parent in owned and type(present) is array:
                                    present += part
                                else:
                                    self.add(parent, present, part)
                            else:
                                self.deliver(node, place, parent, part, g)
                        elif scalar(kind) is parent.dtype and not parent.shape:
                            present = get(parent)
                            gradients[parent] = part if present is None else present + part
                        else:
                            self.deliver(node, place, parent, part, g)
                    if place or not pair:
                        break
                    place, parent = 1, node.right
            except Exception as error:
                explain_rule(error, "the gradient of", node, place)
                raise
        if self.visits:
            _mark_rules(found.values(), self.visits)
        return found

    def visit(self, node: Node, g: Any) -> None:
        """Pull the gradient ``g`` at ``node`` back to its operands, whatever the node is."""
        op, lift, watch, hooked = node.op, self.lift, self.watch, self.hooked
        if hooked is not None and op is not None and node in hooked:
            g = hooks.run(node, g, lift)
            self.owned.discard(node)  # a hook may have kept what it saw
            if self.wanted is None and node.hooks.retains:
                self.found[node] = g
        if watch is not None:
            watch.visit(node, g)
        if op is None if self.wanted is None else node in self.wanted:
            self.found[node] = g
        if op is None:
            return
        if op is PROJECTION:
            _project_back(self.gradients, node, g)
            return
        if node.more is not None:
            parents, operands = node.more
        else:
            parents = (node.left, node.right) if op.arity == 2 else (node.left,)
            operands = None if node.x is RELEASED else (node.x, node.y)[: op.arity]
        if operands is None:
            raise released(node)
        out, params = node.out, node.params
        if lift is not None:
            self.visits.append((next_number(), node.number))
            out, operands = lifted(node, lift)
        if out is None:
            out = node
        closely = self.guarded and op.kind == "elementwise"
        pull = op.pull if op.joint is None else op.at_once().pull
        gradients, included = self.gradients, self.included
        erased = None
        place = -1
        try:
            for parent in parents:
                place += 1
                if parent is None or (included is not None and parent not in included):
                    continue
                if closely:
                    part = pull_guarded(op, place, g, out, operands, params, parent, lift)
                elif op.direct:
                    part = op.rules[place](g, out, *operands, **params)
                else:
                    part = pull(place, g, out, operands, params, parent)
                if watch is not None:
                    watch.sent(node, part)
                if (
                    type(part) is np.ndarray
                    and part.dtype is parent.dtype
                    and part.shape == parent.shape
                    and parent not in gradients
                ):
                    gradients[parent] = part  # `deliver`, written out for the most common case
                elif type(part) is Erase:
                    erased = parent, part.index  # last: others read `g` as it is
                else:
                    self.deliver(node, place, parent, part, g)
        except Exception as error:
            explain_rule(error, "the gradient of", node, place)
            raise
        if erased is not None:
            self._erase(node, *erased, g)

    def deliver(self, node: Node, place: int, parent: Node, part: Any, g: Any) -> None:
        """Add ``part``, what the rule of an operand made of ``g``, to the gradient there."""
        try:
            fits = part.dtype is parent.dtype and part.shape == parent.shape
        except AttributeError:  # no array at all: `op.fit` complains
            fits = False
        if not fits:
            if part is ZERO:
                return
            if type(part) is Scatter:
                self._scatter(parent, part)
                return
            part = node.op.fit(place, part, parent, g)
        present = self.gradients.get(parent)
        if present is None:
            self.gradients[parent] = part
        elif type(part) is np.ndarray and self.lift is None:
            self.add(parent, present, part)
        else:
            self.gradients[parent] = present + part
            self.owned.discard(parent)

    def add(self, parent: Node, present: Any, part: Any) -> None:
        """Add an array to ``present``, the gradient at ``parent``: in place, where it is ours."""
        if type(present) is np.ndarray and (
            parent in self.owned
            or (
                COUNTED
                # By `gradients`, by the caller, by `present` and by this call, so by nobody else.
                and getrefcount(present) <= 4
                and present.base is None
                and present.flags.writeable
            )
        ):
            present += part
        else:
            total = self.gradients[parent] = present + part
            if type(total) is not np.ndarray:
                self.owned.discard(parent)
                return
        self.owned.add(parent)

    def _erase(self, node: Node, parent: Node, index: Any, g: Any) -> None:
        """Hand ``g`` on with zeros at ``index``: in place if it is ours, so that a loop that fills
        a tensor element by element goes back in linear time."""
        gradients = self.gradients
        if self.lift is not None or type(g) is not np.ndarray:
            g = setitem(g, 0.0, index=index)
        elif node in self.owned and node not in self.found and self.watch is None:
            for other in node.parents:
                part = None if other is None else gradients.get(other)
                if part is not None and np.may_share_memory(part, g):
                    gradients[other] = part.copy()  # type: ignore[index]
            g[index] = 0.0
        else:
            g = g.copy()
            g[index] = 0.0
        present = gradients.get(parent)
        if present is not None:
            g = present + g
        gradients[parent] = g
        if type(g) is np.ndarray:
            self.owned.add(parent)
        else:
            self.owned.discard(parent)

    def _scatter(self, parent: Node, part: Scatter) -> None:
        """Add a gradient at an index: into one buffer, so that reading in a loop stays linear."""
        gradients = self.gradients
        present = gradients.get(parent)
        if self.lift is not None or not known(part.g) or not known(gradients.get(parent, 0.0)):
            self.owned.discard(parent)
            g = part.g if part.g.dtype == parent.dtype else part.g.astype(parent.dtype)
            spread = scatter(g, index=part.index, shape=parent.shape)
            gradients[parent] = spread if present is None else present + spread
            return
        if parent not in self.owned:
            buffer = np.zeros(parent.shape, parent.dtype)
            if present is not None:
                buffer += present
            gradients[parent] = buffer
            self.owned.add(parent)
        part.add_to(gradients[parent])


def released(node: Node) -> ReleasedError:
    """Build the error for a node whose operands backward has released."""
    return ReleasedError(
        f"the graph was released: backward() went through this {node.op.name} before. Compute "
        "the value again, or call backward(retain_graph=True) the first time."
    )


def _mark_rules(found: Iterable[Any], visits: list[tuple[int, int]]) -> None:
    """Note on nodes that rules recorded, whose rule it was: the node visited when they were."""
    first = [number for number, _ in visits]
    stack = [g._node for g in found if getattr(g, "_node", None) is not None]
    seen = set(stack)
    while stack:
        node = stack.pop()
        place = bisect(first, node.number) - 1
        if place < 0:
            continue  # older than the walk
        if not hasattr(node, "rule"):
            node.rule = visits[place][1]
        for parent in node.parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)


def lifted(node: Node, lift: Lift) -> tuple[Any, tuple[Any, ...]]:
    """The output and operands as tensors on the graph, so that rules are recorded."""
    out = node.out
    if isinstance(out, (tuple, list)):
        # Integers among several outputs, positions say, have no gradient.
        out = [
            lift.wrap(y, project(node, k) if y.dtype.kind in "fc" else None)
            for k, y in enumerate(out)
        ]
    elif out is not None:
        out = lift.wrap(out, node)
    assert node.operands is not None
    operands = tuple(
        lift.wrap(x, parent) if parent is not None and x is not parent else x
        for x, parent in zip(node.operands, node.parents, strict=True)
    )
    return out, operands


def _project_back(gradients: dict[Node, Any], node: Node, g: Any) -> None:
    """Put the gradient of one output in its place among those of the op's others."""
    parent = node.left
    assert parent is not None
    slots = gradients.setdefault(parent, [None] * len(parent.shape))
    i = node.params["index"]
    slots[i] = g if slots[i] is None else slots[i] + g


def pull_guarded(
    op: Op,
    i: int,
    g: Any,
    out: Any,
    operands: tuple[Any, ...],
    params: dict[str, Any],
    parent: Node,
    lift: Lift | None,
) -> Any:
    """Pull back with a zero gradient staying zero where the derivative is not finite.

    There the rule is applied at an interior point of the domain instead, chosen by a `where`
    that is recorded like everything else, so that higher orders are right too.
    """
    value = lift.value if lift else itself
    # Before the sum over broadcast axes: one element of many may be the one.
    rule: Any = op.rules[i]
    raw = rule(g, out, *operands, **params)
    if raw is ZERO:
        return ZERO
    keep_out, keep = op.keeps[i]
    if not keep_out and True not in keep:  # a rule that reads no value meets no singular point
        return op.fit(i, raw, parent, g)
    trap = np.isnan(value(raw)) & (value(g) == 0)
    if known(trap) and not np.any(trap):
        return op.fit(i, raw, parent, g)
    safe = tuple(
        np.where(trap, domain.interior, x)
        if hasattr(x, "__array_function__") or np.isscalar(x)
        else x
        for x, domain in zip(operands, op.domains or (REAL,) * len(operands), strict=True)
    )
    if type(out) is not Node:
        out = np.where(trap, value(op.fn(*(d.interior for d in op.domains), **params)), out)
    return op.pull(i, g, out, safe, params, parent)


def itself(x: Any) -> Any:
    return x
