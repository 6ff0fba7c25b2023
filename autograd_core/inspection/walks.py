"""What a walk back did: the gradient at each box, and what each sent to its operands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .. import walk
from ..graph import Node, conj
from ..registry import PROJECTION, ZERO, Erase, Scatter, known

__all__ = ["Sent", "Walk", "all_finite", "pull"]


class Sent(NamedTuple):
    """What the rule for one operand returned: the part that this reader adds to its gradient."""

    node: Node
    #: Which operand of ``node``.
    operand: int
    parent: Node
    contribution: Any


class Walk:
    """One walk back, in the order in which the engine made it.

    ``roots``
        the outputs, and the gradients that the walk started from.
    ``visited``
        the nodes, newest first.
    ``seconds``
        how long the walk was at each node, inspection's own time left out.
    ``guarded``
        whether it was repeated with zero gradients kept zero (see the page on the engine).
    ``inside``
        the walk around this one, of which a rule or a hook made it, as that of a `checkpoint` does.
    ``complete``
        whether it came to its end: an error in a rule or a hook ends it before.

    Gradients are arrays in the convention that `Tensor.grad` has; of a node with several outputs,
    the list of theirs, None where one is not used.
    """

    def __init__(
        self,
        roots: dict[Node, Any],
        order: list[Node],
        guarded: bool = False,
        inside: Walk | None = None,
    ) -> None:
        self._roots = {node: value_of(g) for node, g in roots.items()}
        self._order = order
        self.guarded = guarded
        self.inside = inside
        self.complete = False
        self._gradients: dict[Node, Any] = {}
        self._sent: dict[Node, list[Any]] = {}
        self.seconds: dict[Node, float] = {}

    # --- what the engine tells --------------------------------------------------------------

    def visit(self, node: Node, g: Any) -> None:
        self._gradients[node] = value_of(g)  # of a tensor the value: its graph may go
        self._sent[node] = []

    def add(self, node: Node, contribution: Any) -> None:
        self._sent[node].append(value_of(contribution))

    # --- what came of it --------------------------------------------------------------------

    @property
    def roots(self) -> dict[Node, Any]:
        """The outputs that the walk started from, and their gradients."""
        return {node: conj(g) for node, g in self._roots.items()}

    @property
    def order(self) -> list[Node]:
        """The nodes that the walk was for, oldest first; none is visited that got no gradient."""
        return list(self._order)

    @property
    def visited(self) -> list[Node]:
        """The nodes in the order in which the walk came to them."""
        return list(self._gradients)

    @property
    def gradients(self) -> dict[Node, Any]:
        """The whole gradient at each node."""
        return {node: conj(g) for node, g in self._gradients.items()}

    @property
    def sent(self) -> Iterator[Sent]:
        """Each contribution that was sent, in order; they add up to the gradients."""
        for edge in self.edges():
            yield edge._replace(contribution=conj(edge.contribution))

    def inner(self, node: Node) -> Any:
        """The gradient at ``node`` as the walk has it, conjugated; None if it did not come."""
        return self._gradients.get(node)

    def seed(self, node: Node) -> Any:
        """What the walk started from at ``node``, conjugated; None where it did not start."""
        return self._roots.get(node)

    def edges(self) -> Iterator[Sent]:
        """The contributions as the walk has them, conjugated."""
        included = set(self._order)
        for node, parts in self._sent.items():
            g = self.inner(node)
            if node.op is PROJECTION:
                parent: Any = node.parents[0]
                yield Sent(node, 0, parent, g)
                continue
            places = [(i, p) for i, p in enumerate(node.parents) if p is not None and p in included]
            # A walk that failed has fewer parts.
            for (i, parent), part in zip(places, parts, strict=False):
                yield Sent(node, i, parent, as_array(node, i, parent, g, part))


def pull(node: Node, i: int, g: Any) -> Any:
    """Send a gradient to operand ``i`` as the walk does, conjugated, zeros kept zero."""
    op, parent = node.op, node.parents[i]
    assert parent is not None
    if node.operands is None:
        raise walk.released(node)
    out = node if node.out is None else node.out
    if op is not PROJECTION and op.kind == "elementwise":
        found = walk.pull_guarded(op, i, g, out, node.operands, node.params, parent, None)
        return np.zeros(parent.shape, parent.dtype) if found is ZERO else found
    return op.pull_array(i, g, out, node.operands, node.params, parent)


def value_of(x: Any) -> Any:
    """The array of what a walk holds: itself, that of a tensor, or those of a list."""
    if type(x) is list:
        return [None if part is None else value_of(part) for part in x]
    return getattr(x, "_value", x)


def as_array(node: Node, i: int, parent: Node, g: Any, part: Any) -> Any:
    """What a rule returned, with the shape and dtype of its operand."""
    if part is ZERO:
        return np.zeros(parent.shape, parent.dtype)
    if type(part) is Scatter:
        return Scatter(part.index, value_of(part.g)).dense(parent.shape, parent.dtype)
    if type(part) is Erase:
        kept = np.array(g, parent.dtype)
        kept[part.index] = 0.0
        return kept
    if part.shape == parent.shape and part.dtype == parent.dtype:
        return part  # summed over broadcast axes already, by a guarded pull
    return node.op.fit(i, part, parent, g)


def all_finite(x: Any) -> bool:
    """Whether no element is inf or nan; True of what cannot be looked at without computing it."""
    if isinstance(x, (tuple, list)):
        return all(part is None or all_finite(part) for part in x)
    if not known(x) or getattr(x, "dtype", _FLOAT).kind not in "fc":
        return True
    return bool(np.isfinite(x).all())


_FLOAT = np.dtype(float)
