"""What a graph keeps alive until `backward` releases it: how many bytes, of which op."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..errors import GradientError
from ..graph import Node, StandIn, topological_order
from ..record import NO_PARAMS
from ..registry import OPS, PROJECTION
from ..tensor import Tensor
from ..views import GETITEM, VIEWS
from .summary import table

__all__ = ["Held", "HeldArray", "held"]


class HeldArray(NamedTuple):
    """Memory that a graph holds: an array, or what views of one that it holds look into."""

    shape: tuple[int, ...]
    dtype: Any
    nbytes: int
    #: ``"result"`` of an op, value of a ``"leaf"``, or an ``"operand"`` that is not tracked, or a
    #: ``"parameter"`` such as an index; or a ``"note"`` of the forward pass for the rule, which
    #: need not compute it again.
    kind: str
    #: The nodes that hold it, oldest first.
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Held:
    """What a graph holds.

    ``arrays``
        the memory, largest first, each piece once whoever holds it and through however many views.
    ``nodes``
        how many nodes there are, leaves included.
    ``bookkeeping``
        an estimate of the bytes of the nodes themselves.
    """

    arrays: tuple[HeldArray, ...]
    nodes: int
    bookkeeping: int

    @property
    def total(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self.arrays)

    @property
    def leaves(self) -> int:
        """The part of ``total`` that is values of leaves, alive with their tensors in any case."""
        return sum(array.nbytes for array in self.arrays if array.kind == "leaf")

    @property
    def by_op(self) -> dict[str, tuple[int, int]]:
        """By the name of the op that held it first: how many arrays, and their bytes; adds up."""
        found: dict[str, tuple[int, int]] = {}
        for array in self.arrays:
            name = array.nodes[0].op.name
            count, nbytes = found.get(name, (0, 0))
            found[name] = count + 1, nbytes + array.nbytes
        return dict(sorted(found.items(), key=lambda item: -item[1][1]))

    def __str__(self) -> str:
        head = (
            f"{_size(self.total)} in {_count(len(self.arrays), 'array')}, {_size(self.leaves)} of "
            f"it values of leaves; {_count(self.nodes, 'node')}, about {_size(self.bookkeeping)}"
        )
        if not self.arrays:
            return head
        by_op: list[tuple[str, ...]] = [("op", "arrays", "bytes")]
        by_op += [(name, str(count), _size(n)) for name, (count, n) in self.by_op.items()]
        largest: list[tuple[str, ...]] = [("largest", "dtype", "bytes", "what", "held by")]
        for array in self.arrays[:_MOST]:
            names = list(dict.fromkeys(node.op.name for node in array.nodes))
            holders = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
            largest.append(
                (str(array.shape), str(array.dtype), _size(array.nbytes), array.kind, holders)
            )
        return "\n".join([head, "", *table(by_op), "", *table(largest)])


_MOST = 10


#: From a node to the operands, the result and the parameters that it keeps.
Kept = Callable[[Node], tuple[tuple[Any, ...] | None, Any, dict[str, Any]]]


def _now(node: Node) -> tuple[tuple[Any, ...] | None, Any, dict[str, Any]]:
    return node.operands, node.out, node.params


def held(tensor: Tensor) -> Held:
    """Count what the graph behind ``tensor`` keeps alive for the backward pass.

    What is kept are the arrays that a rule will read, which ``backward()`` releases, and parameters
    of ops, such as a mask to select by, which go with the graph. Lazy arrays are not counted. The
    value of ``tensor`` itself counts only if a rule reads it.

    Raises:
        GradientError: nothing was recorded.

    >>> x = Tensor(np.ones(1000), requires_grad=True)
    >>> y = np.tanh(x).sum()
    >>> held(y).total, held(y).by_op
    (8000, {'tanh': (1, 8000)})
    >>> y.backward()
    >>> held(y).total
    0
    """
    return held_by([tensor])


def held_by(tensors: Iterable[Tensor | Node], kept: Kept = _now) -> Held:
    """Do what `held` does for several tensors or nodes, each node holding what ``kept`` tells."""
    roots = []
    for t in tensors:
        node = t if type(t) is Node else t._node if type(t) is Tensor else t
        if node is None:
            raise GradientError(
                "held: nothing was recorded for this tensor, since it depends on no leaf with "
                "requires_grad=True, or was computed within no_grad()"
            )
        if type(node) is not Node:
            raise TypeError(f"held: a Tensor is needed, not {type(t).__name__}")
        roots.append(node)
    order = topological_order(roots)
    # By the array that owns the memory, which is kept so that its identity stays its own.
    holders: dict[int, tuple[Any, str, dict[Node, None]]] = {}
    bookkeeping = 0
    for node in order:
        bookkeeping += _bookkeeping(node)
        for array, kind in _arrays(node, *kept(node)):
            owner = _owner(array)
            entry = holders.setdefault(id(owner), (owner, kind, {}))
            entry[2][node] = None
    arrays = [
        HeldArray(owner.shape, owner.dtype, owner.nbytes, kind, tuple(nodes))
        for owner, kind, nodes in holders.values()
    ]
    arrays.sort(key=lambda array: -array.nbytes)
    return Held(tuple(arrays), len(order), bookkeeping)


def _owner(array: Any) -> Any:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _arrays(
    node: Node, operands: tuple[Any, ...] | None, out: Any, params: dict[str, Any]
) -> Iterator[tuple[Any, str]]:
    """The arrays that a node holds, and what they are to it."""
    for x, parent in zip(operands or (), node.parents, strict=False):
        if isinstance(x, np.ndarray):
            if parent is None:
                yield x, "operand"
            else:
                yield x, "leaf" if _viewed(parent).op is None else "result"
    for x in _inner(out):
        yield x, "result"
    for key, value in params.items():
        for x in _inner(value):
            yield x, "note" if key.startswith("_") else "parameter"


def _viewed(node: Node) -> Node:
    """The node whose memory the value of ``node`` surely is; itself if it may be its own."""
    while node.op in _ALWAYS_VIEWS:
        parent = node.parents[0]
        if parent is None:
            break
        node = parent
    return node


# The others copy where they must, or a small part of something large.
_ALWAYS_VIEWS = (VIEWS | {PROJECTION}) - {GETITEM, OPS[np.reshape], OPS[np.ravel]}


def _inner(x: Any) -> Iterator[Any]:
    if isinstance(x, np.ndarray):
        yield x
    elif isinstance(x, (tuple, list)):
        for part in x:
            yield from _inner(part)
    elif isinstance(x, dict):
        yield from _inner(list(x.values()))


def _bookkeeping(node: Node) -> int:
    """About the bytes of a node: itself and the tuples, dicts and numbers that are its own."""
    size = sys.getsizeof(node) + sys.getsizeof(node.number)
    # There is but one empty tuple.
    size += sys.getsizeof(node.shape) if node.shape else 0
    for own in node.more or ():
        size += 0 if own is None else sys.getsizeof(own)
    if node.params is not NO_PARAMS and node.params:
        size += sys.getsizeof(node.params)
    for x in node.operands or ():
        if isinstance(x, StandIn):
            size += sys.getsizeof(x) + sys.getsizeof(x.shape)
        elif isinstance(x, np.generic):
            size += sys.getsizeof(x)
        elif isinstance(x, np.ndarray):
            size += _HEADER  # the array object, beside its elements
    return size + (_HEADER if isinstance(node.out, np.ndarray) else 0)


_HEADER = sys.getsizeof(np.empty(0))


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _size(nbytes: int) -> str:
    if nbytes < 1000:
        return f"{nbytes} B"
    for unit, scale in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if nbytes < 999.5 * scale or unit == "GB":
            return f"{nbytes / scale:.3g} {unit}"
    raise AssertionError
