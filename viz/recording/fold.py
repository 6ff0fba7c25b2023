"""Which nodes are one box: a composition such as ``var``, an op and its one output used."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import numpy as np

from autograd_core.graph import Derived, Node, Operand
from autograd_core.registry import PROJECTION, Op

__all__ = ["Folded", "arguments", "fold", "usual"]


class Folded(NamedTuple):
    """For each node that gets a box, the ``members`` that fold into it, oldest first.

    ``whole`` are the results of compositions that were folded. One is not if anything outside reads
    what was computed inside: the graph of a gradient, or another of its results. ``idle`` are casts
    to the dtype that their operand has, as transforms do to arguments: its box is theirs.
    """

    members: dict[Node, list[Node]]
    whole: set[Node]
    idle: set[Node]


def fold(order: list[Node], roots: Collection[Node]) -> Folded:
    """Decide which nodes are one box."""
    torn: set[Node] = set()
    while True:
        owner, more = _owners(order, torn)
        if not more:
            break
        torn |= more
    whole = {node for node, result in owner.items() if node is result}
    outputs: dict[Node, list[Node]] = {}
    for node in order:
        if node.op is PROJECTION and node not in owner and node.parents[0] not in owner:
            outputs.setdefault(node.parents[0], []).append(node)  # type: ignore[arg-type]
    for node, used in outputs.items():
        if len(used) == 1:
            owner[node] = owner[used[0]] = used[0]
    members: dict[Node, list[Node]] = {}
    idle: set[Node] = set()
    for node in order:
        if node.op is not None:
            if node in owner or node in roots or not _is_idle(node):
                members.setdefault(owner.get(node, node), []).append(node)
            else:
                idle.add(node)
    return Folded(members, whole, idle)


def _owners(order: list[Node], torn: set[Node]) -> tuple[dict[Node, Node], set[Node]]:
    """Whose result each node of a composition is part of; and which of them have to be torn too."""
    owner: dict[Node, Node] = {}
    more: set[Node] = set()
    for node in reversed(order):
        if node.derived is None or node in owner or node in torn:
            continue
        first = node.derived.first
        stack = [node]
        owner[node] = node
        while stack:
            for parent in stack.pop().parents:
                if parent is None or parent.op is None or parent.number < first:
                    continue
                if parent not in owner:
                    owner[parent] = node
                    stack.append(parent)
                elif owner[parent] is not node:
                    more |= {node, owner[parent]}
    if owner:
        for node in order:
            result = owner.get(node)
            for parent in node.parents:
                inside = None if parent is None else owner.get(parent)
                if inside is not None and inside is not result and inside is not parent:
                    more.add(inside)
    return owner, more


def _is_idle(node: Node) -> bool:
    if node.op.name != "astype":
        return False
    parent = node.parents[0]
    return parent is not None and parent.dtype == node.dtype


def arguments(derived: Derived) -> dict[str, Any]:
    """The parameters that a composition was called with, by name: what holds no array."""
    given = {**dict(zip(derived.op.names, derived.args, strict=False)), **derived.kwargs}
    return {key: value for key, value in given.items() if not _holds_array(value)}


def usual(op: Op, name: str, value: Any) -> bool:
    """Whether ``value`` says nothing: None or False, unless another one is the default."""
    if value is not None and value is not False:
        return False
    default = _defaults(op.fn).get(name, value)
    return default is value or default is _NO_VALUE


#: The default of NumPy's reductions where a keyword is not given.
_NO_VALUE = getattr(np, "_NoValue", None)


@functools.cache
def _defaults(fn: Callable[..., Any]) -> dict[str, Any]:
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):  # some functions written in C tell no signature
        return {}
    empty = inspect.Parameter.empty
    return {p.name: p.default for p in parameters if p.default is not empty}


def _holds_array(x: Any) -> bool:
    if type(x) is Operand:
        return True
    return type(x) in (list, tuple) and any(map(_holds_array, x))
