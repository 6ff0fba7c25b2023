"""What the attributes of a module hold, and what is a parameter among it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autograd_core import Tensor

__all__ = ["flatten", "in_its_place", "is_leaf", "is_parameter", "join"]


def flatten(path: str, held: Any) -> Iterator[tuple[str, Any]]:
    """Yield what an attribute holds: itself or, for lists, tuples and dicts, their items."""
    if isinstance(held, (list, tuple)):
        for i, item in enumerate(held):
            yield from flatten(f"{path}.{i}", item)
    elif isinstance(held, dict):
        for key, item in held.items():
            yield from flatten(f"{path}.{key}", item)
    else:
        yield path, held


def is_leaf(value: Any) -> bool:
    """Whether it is a tensor that was made, not computed."""
    return isinstance(value, Tensor) and value.is_leaf


def is_parameter(value: Any) -> bool:
    """Whether it is a leaf that requires a gradient, or did until it was frozen."""
    # One that was frozen keeps the node it had.
    return is_leaf(value) and (value.requires_grad or hasattr(value, "_resting"))


def join(path: str, name: str) -> str:
    """Return the path of what is called ``name`` in the module at ``path``."""
    return f"{path}.{name}" if path else name


def in_its_place(owner: str, name: str, value: Any, parameter: bool) -> str:
    """Say what is wrong with ``owner.name = value`` where a parameter or a buffer is."""
    what, make = ("parameter", "Parameter") if parameter else ("buffer", "Buffer")
    remedy = f"or a new {what} with nn.{make}(...)"
    if parameter and is_leaf(value):
        remedy += ", or set it to None before; freeze() stops learning"
    elif isinstance(value, Tensor) and not parameter:
        remedy += "; what is only to be looked at is stored as t.detach()"
    return (
        f"{owner}.{name} is a {what}, and {_described(value)} would take its place: "
        f"give it a new value with `.{name}.data = ...`, {remedy}"
    )


def _described(value: Any) -> str:
    if is_leaf(value):
        return "a tensor that requires no gradient"
    if isinstance(value, Tensor):
        return "a computed tensor"
    return f"an object of type {type(value).__name__}"
