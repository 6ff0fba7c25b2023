"""Nested dicts, lists and tuples of arrays: taken apart into leaves and put together again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["flatten", "tree_map"]


def flatten(tree: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """List the leaves of ``tree``, and return the function that puts others in their place.

    >>> leaves, rebuild = flatten({"w": 1, "b": [2, (3,)]})
    >>> rebuild([10 * leaf for leaf in leaves])
    {'w': 10, 'b': [20, (30,)]}
    """
    leaves: list[Any] = []

    def collect(part: Any) -> Any:
        if isinstance(part, dict):
            return part, {key: collect(value) for key, value in part.items()}
        if isinstance(part, (list, tuple)):
            return part, [collect(value) for value in part]
        leaves.append(part)
        return len(leaves) - 1

    plan = collect(tree)

    def rebuild(values: list[Any]) -> Any:
        return _assemble(plan, values)

    return leaves, rebuild


def _assemble(plan: Any, values: list[Any]) -> Any:
    if isinstance(plan, int):
        return values[plan]
    original, parts = plan
    if isinstance(parts, dict):
        return {key: _assemble(part, values) for key, part in parts.items()}
    built = [_assemble(part, values) for part in parts]
    if hasattr(original, "_make"):
        return original._make(built)
    return tuple(built) if isinstance(original, tuple) else built


def tree_map(function: Callable[[Any], Any], tree: Any) -> Any:
    """Apply ``function`` to every leaf of ``tree``."""
    leaves, rebuild = flatten(tree)
    return rebuild([function(leaf) for leaf in leaves])
