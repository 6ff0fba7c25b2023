"""Users' own operations: declared with their rules, checked, and ops like all others."""

from __future__ import annotations

from .primitive import Primitive, primitive

__all__ = ["Primitive", "primitive"]
