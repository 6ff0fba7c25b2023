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
from typing import Any

import numpy as np

from .errors import ReleasedError, ShapeError

__all__ = [
    "Derived",
    "Node",
    "Operand",
    "StandIn",
    "conj",
    "leaf",
    "make_node",
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


# Not tuples with names: making one of those takes as long as importing a small module.
class Operand:
    """What is told of an array that a composition was called with: its node's number, 0 if none."""

    __slots__ = ("number", "shape")

    def __init__(self, number: int, shape: tuple[int, ...]) -> None:
        self.number = number
        self.shape = shape

    def __repr__(self) -> str:
        return f"Operand(number={self.number}, shape={self.shape})"


class Derived:
    """Of which composition, ``var`` say, a node is the result; see `Node.derived`.

    What the node reaches with a number of at least ``first`` was recorded inside. ``args`` and
    ``kwargs`` are what ``op`` was called with, an `Operand` for each array; ``output`` is which of
    several results it is, or None.
    """

    __slots__ = ("args", "first", "kwargs", "op", "output")

    def __init__(
        self,
        op: Any,
        first: int,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] = MappingProxyType({}),
        output: int | None = None,
    ) -> None:
        self.op = op
        self.first = first
        self.args = args
        self.kwargs = kwargs
        self.output = output


class _Released:
    """Stands for what a node kept until backward released it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "RELEASED"


RELEASED = _Released()


def _seldom(slot: str, doc: str) -> property:
    """A field that few nodes have: its slot stays empty, which costs nothing, and reads as None."""
    return property(
        lambda node: getattr(node, slot, None), lambda node, new: setattr(node, slot, new), doc=doc
    )


class Node:
    """One box of the flow graph: an op that was applied, or a leaf.

    ``op``
        the :class:`~autograd_core.registry.Op`, or None for a leaf.
    ``left``, ``right``
        the nodes of its first two operands, None where there is none or it is not tracked.
    ``x``, ``y``
        what is kept of these two operands: the value if a rule reads it, else a stand-in with
        shape and dtype, which is the parent's node or a :class:`StandIn`. ``x`` is RELEASED
        once backward released what the node kept.
    ``more``
        None; of an op that may have more than two operands a pair in place of those four fields:
        all its parents, and what is kept of all its operands (None once released).
    ``out``
        the value, if a rule reads it; else None.
    ``params``
        the op's parameters by name, ``axis`` and friends.
    ``shape``, ``dtype``
        of the value; tuples of them where the op has several outputs.
    ``grad``
        the accumulated gradient of a leaf, or of a node that keeps it; else None.
    ``hooks``
        None, or what is called with the gradient here; see `autograd_core.hooks`.
    ``number``
        the creation number: parents have smaller ones, so sorting by it is a topological order.
    ``rule``
        of what a rule computed on a walk back that was recorded, the number of the node whose rule
        it is; not set on others.

    A graph may have millions of nodes, each of which the garbage collector looks at, as it does at
    every tuple: so one or two operands, all but a few ops have no more, have fields of their own.
    Whoever isn't in a hurry reads ``parents`` and ``operands``.
    """

    __slots__ = (
        "_derived",
        "_name",
        "dtype",
        "grad",
        "hooks",
        "left",
        "more",
        "number",
        "op",
        "out",
        "params",
        "right",
        "rule",
        "shape",
        "x",
        "y",
    )

    op: Any
    left: Node | None
    right: Node | None
    x: Any
    y: Any
    more: tuple[tuple[Node | None, ...], tuple[Any, ...] | None] | None
    out: Any
    params: dict[str, Any]
    shape: Any
    dtype: Any
    number: int
    rule: int
    grad: Any
    hooks: Any

    name = _seldom("_name", "A name to draw.")
    derived = _seldom("_derived", "None, or of the result of a composition a `Derived`.")

    @property
    def parents(self) -> tuple[Node | None, ...]:
        """A node for each operand, None where the operand is not tracked; assignable."""
        if self.more is not None:
            return self.more[0]
        if self.op is None:
            return ()
        return (self.left,) if self.op.arity == 1 else (self.left, self.right)

    @parents.setter
    def parents(self, new: tuple[Node | None, ...]) -> None:
        if self.more is not None:
            self.more = new, self.more[1]
        elif new:
            self.left, self.right = new[0], new[1] if len(new) > 1 else None

    @property
    def operands(self) -> tuple[Any, ...] | None:
        """What is kept of each operand; None once backward released it; assignable."""
        if self.more is not None:
            return self.more[1]
        if self.op is None:
            return ()
        if self.x is RELEASED:
            return None
        return (self.x,) if self.op.arity == 1 else (self.x, self.y)

    @operands.setter
    def operands(self, new: tuple[Any, ...]) -> None:
        if self.more is not None:
            self.more = self.more[0], new
        elif new:
            self.x, self.y = new[0], new[1] if len(new) > 1 else None

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
        operands = self.operands
        if operands is None:
            raise ReleasedError(f"backward() released what this {self.op.name} kept; compute anew")
        out = self if self.out is None else self.out
        # Inside the engine gradients of complex values are conjugated; see `backprop`.
        back = self.op.pull_array(i, conj(g), out, operands, self.params, self.parents[i])
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
    node = make_node(None, (), (), None, {}, shape, dtype)
    if name is not None:
        node.name = name
    return node


def make_node(
    op: Any,
    parents: tuple[Node | None, ...],
    operands: tuple[Any, ...],
    out: Any,
    params: dict[str, Any],
    shape: Any,
    dtype: Any,
) -> Node:
    """Make a node of any number of operands; `record` does so faster for one and two."""
    # A class with an ``__init__`` takes twice as long to call, so it has none.
    node = Node()
    node.op = op
    node.left = node.right = node.x = node.y = node.more = None
    node.grad = node.hooks = None
    if op is not None and not op.few:
        node.more = parents, operands
    else:
        node.parents, node.operands = parents, operands
    node.out = out
    node.params = params
    node.shape = shape
    node.dtype = dtype
    node.number = next_number()
    return node


_by_number = attrgetter("number")


def topological_order(roots: Iterable[Node], oldest: int = 0) -> list[Node]:
    """List what ``roots`` depend on, themselves included, each node after its parents.

    Nodes with a number below ``oldest`` are left out: a walk that seeks the gradient of a given
    node never needs what is older than it. Iterative, so that depth has no limit.

    >>> x = leaf((), float)
    >>> y = leaf((), float)
    >>> topological_order([y, x]) == [x, y]
    True
    """
    found: dict[Node, None] = {root: None for root in roots if root.number >= oldest}
    stack = list(found)
    push, pop = stack.append, stack.pop
    while stack:
        node = pop()
        for parent in (node.left, node.right) if node.more is None else node.more[0]:
            if parent is not None and parent not in found and parent.number >= oldest:
                found[parent] = None
                if parent.op is not None:
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
