"""Nested dicts, lists and tuples of arrays: taken apart into leaves and put together again."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

__all__ = ["flatten", "flatten_like", "named_leaves"]


def flatten(tree: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """List the leaves of ``tree``, and return the function that puts others in their place.

    >>> leaves, rebuild = flatten({"w": 1, "b": [2, (3,)]})
    >>> rebuild([10 * leaf for leaf in leaves])
    {'w': 10, 'b': [20, (30,)]}
    """
    leaves: list[Any] = []
    plan = _collect(tree, leaves)
    return leaves, lambda values: _assemble(plan, values)


def _collect(part: Any, leaves: list[Any]) -> Any:
    if isinstance(part, dict):
        return part, {key: _collect(value, leaves) for key, value in part.items()}
    if isinstance(part, (list, tuple)):
        return part, [_collect(value, leaves) for value in part]
    leaves.append(part)
    return len(leaves) - 1


def _assemble(plan: Any, values: list[Any]) -> Any:
    if isinstance(plan, int):
        return values[plan]
    original, parts = plan
    if isinstance(parts, dict):
        built = {key: _assemble(part, values) for key, part in parts.items()}
        if type(original) is dict:
            return built
        same = copy.copy(original)  # a defaultdict stays one
        same.update(built)
        return same
    items = [_assemble(part, values) for part in parts]
    if hasattr(original, "_make"):
        return original._make(items)
    return tuple(items) if isinstance(original, tuple) else items


def flatten_like(tree: Any, pattern: Any, what: str, place: str = "") -> list[Any]:
    """List the leaves of ``tree`` in the order of ``pattern``, which it must have the form of.

    >>> flatten_like({"b": 2, "a": 1}, {"a": 0, "b": 0}, "tangents")
    [1, 2]
    """
    at = f" at {place}" if place else ""
    if isinstance(pattern, dict):
        if not isinstance(tree, dict) or set(tree) != set(pattern):
            raise ValueError(f"{what}{at} must be a dict with the keys {list(pattern)}")
        parts = [(key, tree[key], part) for key, part in pattern.items()]
    elif isinstance(pattern, (list, tuple)):
        if not isinstance(tree, (list, tuple)) or len(tree) != len(pattern):
            raise ValueError(f"{what}{at} must be a sequence of length {len(pattern)}")
        parts = [(i, *both) for i, both in enumerate(zip(tree, pattern, strict=True))]
    else:
        return [tree]
    return [
        leaf
        for key, part, like in parts
        for leaf in flatten_like(part, like, what, f"{place}[{key!r}]")
    ]


def named_leaves(tree: Any, prefix: str = "") -> list[str]:
    """Name the leaves of ``tree`` by their places, in the order of `flatten`.

    >>> named_leaves([1, {"w": 2, "b": (3,)}])
    ['0', '1.w', '1.b.0']
    """
    if isinstance(tree, dict):
        parts = list(tree.items())
    elif isinstance(tree, (list, tuple)):
        parts = list(enumerate(tree))
    else:
        return [prefix]
    return [
        name
        for key, part in parts
        for name in named_leaves(part, f"{prefix}.{key}" if prefix else str(key))
    ]
