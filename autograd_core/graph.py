"""The recorded graph: nodes, the clock that numbers them, and the order in which to visit them.

A :class:`Node` is plain data and knows nothing of tensors. Nodes point only to older nodes, so a
graph has no reference cycle and is freed as soon as the last tensor on it goes.
"""

from __future__ import annotations

import itertools
import math
import weakref
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from operator import attrgetter
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from .errors import ReleasedError, ShapeError

__all__ = [
    "Derived",
    "Node",
    "Operand",
    "StandIn",
    "conj",
    "leaf",
    "next_number",
    "topological_order",
]

#: The clock: every node takes the next number when it is made, and keeps it.
next_number: Callable[[], int] = itertools.count(1).__next__


class StandIn:
    """What is left of an array that no rule reads: its shape and dtype."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape = shape
        self.dtype = dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    def __repr__(self) -> str:
        return f"StandIn(shape={self.shape}, dtype={self.dtype})"


class Operand(NamedTuple):
    """What is told of an array that a composition was called with: its node's number, 0 if none."""

    number: int
    shape: tuple[int, ...]


class Derived(NamedTuple):
    """Of which composition, ``var`` say, a node is the result; see `Node.derived`.

    What the node reaches with a number of at least ``first`` was recorded inside. ``args`` and
    ``kwargs`` are what ``op`` was called with, an `Operand` for each array; ``output`` is which of
    several results it is, or None.
    """

    op: Any
    first: int
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = MappingProxyType({})
    output: int | None = None


class Node:
    """One box of the flow graph: an op that was applied, or a leaf.

    ``op``
        the :class:`~autograd_core.registry.Op`, or None for a leaf.
    ``parents``
        a node for each operand, None where the operand is not tracked.
    ``operands``
        for each operand its value if a rule reads it, else a stand-in with shape and dtype: the
        parent's node, or a :class:`StandIn`. The whole tuple is None once backward released it.
    ``out``
        the value, if a rule reads it; else None.
    ``params``
        the op's parameters by name, ``axis`` and friends.
    ``shape``, ``dtype``
        of the value; tuples of them where the op has several outputs.
    ``number``
        the creation number: parents have smaller ones, so sorting by it is a topological order.
    ``grad``, ``name``
        the accumulated gradient of a leaf, or of a node that keeps it; a name to draw.
    ``derived``
        None, or of the result of a composition such as ``var`` a `Derived`.
    ``rule``
        of what a rule computed on a walk back that was recorded, the number of the node whose rule
        it is; not set on others.
    ``hooks``
        None, or what is called with the gradient here; see `autograd_core.hooks`.
    """

    __slots__ = (
        "derived",
        "dtype",
        "grad",
        "hooks",
        "name",
        "number",
        "op",
        "operands",
        "out",
        "params",
        "parents",
        "rule",
        "shape",
    )

    rule: int

    def __init__(
        self,
        op: Any,
        parents: tuple[Node | None, ...],
        operands: tuple[Any, ...] | None,
        out: Any,
        params: dict[str, Any],
        shape: Any,
        dtype: Any,
    ) -> None:
        self.op = op
        self.parents = parents
        self.operands = operands
        self.out = out
        self.params = params
        self.shape = shape
        self.dtype = dtype
        self.number = next_number()
        self.grad: Any = None
        self.name: str | None = None
        self.derived: Derived | None = None
        self.hooks: Any = None

    @property
    def ndim(self) -> int:
        """The number of axes of the value."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements of the value."""
        return math.prod(self.shape)

    @property
    def local_derivatives(self) -> tuple[Callable[[Any], Any], ...]:
        """For each tracked operand, the function from a gradient here to the gradient there."""
        return tuple(
            partial(self._pull, i) for i, parent in enumerate(self.parents) if parent is not None
        )

    def _pull(self, i: int, g: Any) -> Any:
        if self.operands is None:
            raise ReleasedError(f"backward() released what this {self.op.name} kept; compute anew")
        out = self if self.out is None else self.out
        # Inside the engine gradients of complex values are conjugated; see `backprop`.
        back = self.op.pull_array(i, conj(g), out, self.operands, self.params, self.parents[i])
        return conj(back)

    def __repr__(self) -> str:
        what = "leaf" if self.op is None else self.op.name
        name = f" {self.name!r}" if self.name else ""
        return f"<Node {self.number}: {what}{name}, shape {self.shape}, {self.dtype}>"


def refuse_unknown_shape(shape: Any, what: str) -> None:
    """Refuse the shape of a lazy array that was picked by a mask, of unknown length."""
    if any(n != n for n in shape):
        raise ShapeError(
            f"{what}: a value of shape {shape}, whose length is not known before it is computed, "
            "cannot be differentiated. Use np.where(mask, x, 0.0) instead of x[mask], or let Dask "
            "count first, by compute_chunk_sizes()"
        )


def conj(g: Any) -> Any:
    """The complex conjugate of a gradient, or of the list of those of several outputs."""
    if type(g) is list:
        return [None if part is None else conj(part) for part in g]
    return np.conjugate(g) if g.dtype.kind == "c" else g


def leaf(shape: tuple[int, ...], dtype: Any, name: str | None = None) -> Node:
    """Make the node of a value that nothing in the graph computed."""
    node = Node(None, (), (), None, {}, shape, dtype)
    node.name = name
    return node


_by_number = attrgetter("number")


def topological_order(roots: Iterable[Node], oldest: int = 0) -> list[Node]:
    """List what ``roots`` depend on, themselves included, each node after its parents.

    Nodes with a number below ``oldest`` are left out: a walk that seeks the gradient of a given
    node never needs what is older than it. Iterative, so that depth has no limit.

    >>> a = leaf((), float)
    >>> b = Node(None, (a, a), (), None, {}, (), float)
    >>> topological_order([b]) == [a, b]
    True
    """
    found: dict[Node, None] = {root: None for root in roots if root.number >= oldest}
    stack = list(found)
    push, pop = stack.append, stack.pop
    while stack:
        for parent in pop().parents:
            if parent is not None and parent not in found and parent.number >= oldest:
                found[parent] = None
                if parent.parents:
                    push(parent)
    order = list(found)
    # A depth-first search finds long chains newest first: reversed, the sort is nearly linear.
    order.reverse()
    order.sort(key=_by_number)
    return order


# Arrays that were overwritten in place behind a published value (`p.data -= ...`): by the array
# that owns the memory, the spans of bytes, when, and whose. Nodes older than that which kept
# those bytes must not be used; see `find_overwritten`.
_overwritten: dict[int, tuple[Any, dict[tuple[int, int], tuple[int, str]]]] = {}


def _owner(array: Any) -> Any:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def mark_overwritten(array: Any, whose: str) -> None:
    """Note that ``array``, which belongs to ``whose``, was overwritten at this moment."""
    owner = _owner(array)
    key = id(owner)
    if key not in _overwritten:
        _overwritten[key] = (weakref.ref(owner, lambda _: _overwritten.pop(key, None)), {})
    _overwritten[key][1][np.lib.array_utils.byte_bounds(array)] = (next_number(), whose)


def find_overwritten(order: Iterable[Node]) -> tuple[Node, str] | None:
    """Find a node in ``order`` that kept an array overwritten since, and whose array that was."""
    if not _overwritten:
        return None
    for node in order:
        for value in (node.out, *(node.operands or ())):
            if not isinstance(value, np.ndarray) or id(_owner(value)) not in _overwritten:
                continue
            low, high = np.lib.array_utils.byte_bounds(value)
            spans = list(_overwritten[id(_owner(value))][1].items())  # other threads may add
            for (start, end), (when, whose) in spans:
                if node.number < when and low < end and start < high:
                    return node, whose
    return None
