"""Groups of boxes that calls of modules computed, as inspection noted them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from autograd_core import Inspection
from autograd_core.graph import Node

from ..graph.ir import Group
from ..text import clean
from .modules import parts as parts_of

__all__ = ["groups_of"]


def groups_of(
    members: Iterable[Node], seen: Inspection, parts: Mapping[int, str], counted: bool
) -> tuple[tuple[Group, ...], dict[Node, int]]:
    """Make a group of each call of a module, or block of `scope`, that computed a box.

    ``parts`` are the paths of modules by their ``id``; ``counted`` adds how many parameters they
    have. Returned are the groups, and the innermost one of each node.
    """
    calls: dict[int, Any] = {}
    inner: dict[Node, Any] = {}
    for node in members:
        call = seen.call(node)
        if call is not None:
            inner[node] = call
            for around in call.around():
                if around.number in calls:
                    break
                calls[around.number] = around
    ids = {number: i for i, number in enumerate(sorted(calls))}
    paths = dict(parts)
    labels: dict[int, str] = {}
    groups = []
    for place, i in ids.items():
        call = calls[place]
        part = call.part
        if not isinstance(part, str) and id(part) not in labels:
            labels[id(part)] = _module_label(part, counted)
            if id(part) not in paths:
                for path, module in parts_of(part):
                    paths.setdefault(id(module), path)
        groups.append(
            Group(
                i,
                None if call.inside is None else ids[call.inside.number],
                "module",
                clean(part) if isinstance(part, str) else labels[id(part)],
                clean(paths.get(id(part), "")),
            )
        )
    return tuple(groups), {node: ids[call.number] for node, call in inner.items()}


def _module_label(module: Any, counted: bool) -> str:
    """The first line of a module's ``repr``; its class where that is no more than an address."""
    first = repr(module).split("\n", 1)[0].strip()
    label = type(module).__name__ if not first or first.startswith("<") else first
    label = label.removesuffix("()")
    if counted and hasattr(module, "parameters"):
        count = sum(parameter.size for parameter in module.parameters())
        if count:
            label += f" · {count:,} parameter{'s' * (count != 1)}"
    return clean(label)
