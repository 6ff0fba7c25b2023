"""Modules, met by what they can do: nothing here imports the package that they come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["buffers", "is_module", "leaves", "parts"]


def is_module(x: Any) -> bool:
    """Whether ``x`` looks like a module."""
    return hasattr(x, "named_parameters") and not isinstance(x, type)


def buffers(module: Any) -> list[tuple[str, Any]]:
    """The buffers of a module, by their paths; none where it does not know of any."""
    return list(module.named_buffers()) if hasattr(module, "named_buffers") else []


def leaves(module: Any) -> list[tuple[str, Any]]:
    """The parameters and buffers of a module, by their paths."""
    return [*module.named_parameters(), *buffers(module)]


def parts(module: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the modules in a module, itself first, with their paths; ``path`` is its own."""
    named = module.named_modules() if hasattr(module, "named_modules") else [("", module)]
    for name, part in named:
        yield ".".join(p for p in (path, name) if p), part
