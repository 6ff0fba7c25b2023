"""Calls of modules, and blocks of `scope`: what recorded a node, the innermost of them known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Call"]


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A call of a module, or a block of `autograd_core.scope`.

    ``part``
        the module; of a block its name.
    ``nth``
        how many calls of the same part came before.
    ``inside``
        the call around this one.
    ``number``
        how many calls came before, of whatever.
    """

    part: Any
    nth: int
    inside: Call | None
    number: int

    def __repr__(self) -> str:
        what = repr(self.part) if isinstance(self.part, str) else type(self.part).__name__
        return f"<Call {self.number}: {what}, nth {self.nth}>"

    def around(self) -> Iterator[Call]:
        """Yield this call and those around it, the innermost first."""
        call: Call | None = self
        while call is not None:
            yield call
            call = call.inside
