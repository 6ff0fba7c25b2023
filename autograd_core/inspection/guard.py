"""The mutation guard: checksums of the arrays that a graph keeps."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ..errors import OverwrittenError
from ..graph import Node

__all__ = ["check", "checksums"]

#: Which array of a node: its operand i, or output k of -1 - k; and its checksum.
Sums = tuple[tuple[int, int], ...]


def checksums(node: Node) -> Sums:
    """The checksums of the arrays that ``node`` keeps; of an immutable number there is none."""
    return tuple((slot, _checksum(array)) for slot, array in _kept(node))


def check(
    order: Iterable[Node], sums: dict[Node, Sums], where: Callable[[Node], str | None]
) -> None:
    """Raise if an array that a node of ``order`` keeps is not what it was.

    Raises:
        OverwrittenError: it names the op, its line (``where``), the operand and its shape.
    """
    for node in order:
        noted = dict(sums.get(node, ()))
        for slot, array in _kept(node) if noted else ():
            if slot in noted and _checksum(array) != noted[slot]:
                raise OverwrittenError(_explain(node, slot, array, where(node)))


def _kept(node: Node) -> Iterator[tuple[int, Any]]:
    outputs = node.out if isinstance(node.out, (tuple, list)) else (node.out,)
    for slot, array in (
        *enumerate(node.operands or ()),
        *((-1 - k, out) for k, out in enumerate(outputs)),
    ):
        if isinstance(array, np.ndarray) and (array.ndim or slot < 0 or _is_read(node, slot)):
            yield slot, array


def _is_read(node: Node, slot: int) -> bool:
    """Whether a rule reads an operand; one without axes is kept in any case."""
    tracked = sum(1 << i for i, parent in enumerate(node.parents) if parent is not None)
    _, read = node.op.kept(tracked, len(node.parents))
    return bool(read[slot])


def _checksum(array: Any) -> int:
    if not array.flags.c_contiguous:
        array = array.T if array.flags.f_contiguous else np.ascontiguousarray(array)
    return zlib.crc32(array)


def _explain(node: Node, slot: int, array: Any, where: str | None) -> str:
    place = f" at {where}" if where else ""
    parent = node.parents[slot] if slot >= 0 else node
    if slot < 0:
        what, remedy = "its result", "write into a copy, t.data.copy()"
    elif parent is None:
        what = f"its operand {slot}, an array that is not tracked"
        remedy = "pass a copy of the array, a.copy(), or fill a new one each time"
    elif parent.op is None:
        name = f" {parent.name!r}" if parent.name else ""
        what = f"its operand {slot}, the value of the leaf{name}"
        remedy = "assign a new array, p.data = p.data - step, which the graph sees"
    else:
        what = f"its operand {slot}, the result of {parent.op.name}"
        remedy = "write into a copy, t.data.copy()"
    return (
        f"{node.op.name}{place} kept {what}, of shape {array.shape}, and it was written since, "
        "through NumPy or another name of the same memory: the gradient would be wrong. Call "
        f"backward() before the write, or {remedy}."
    )
