"""Calls of modules, and blocks of `scope`: what recorded a node, the innermost of them known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

__all__ = ["Call", "entered", "innermost", "opened", "outside"]


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A call of a module, or a block of `autograd_core.scope`.

    ``part``
        the module; of a block its name.
    ``nth``
        how many calls of the same part, or blocks of the same name, came before.
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


#: The calls that are open, each with who notes it, the innermost last. Local to the context: a new
#: thread is in no call, a task in those around the place where it was made.
_open: ContextVar[tuple[tuple[Any, Call], ...]] = ContextVar("autograd_core.calls", default=())


def opened(by: Any) -> list[Call]:
    """The calls that are open here and noted ``by`` somebody, the innermost last."""
    return [call for who, call in _open.get() if who is by]


def innermost(by: Any) -> Call | None:
    """The last of the calls that are `opened`."""
    return next((call for who, call in reversed(_open.get()) if who is by), None)


@contextmanager
def entered(by: Any, call: Call) -> Iterator[None]:
    """A block that is ``call``."""
    entry = by, call
    _open.set((*_open.get(), entry))
    try:
        yield
    finally:
        # Generators may be left in another order than they were entered.
        _open.set(tuple(one for one in _open.get() if one is not entry))


@contextmanager
def outside() -> Iterator[None]:
    """A block that is in no call, whatever is around it."""
    around = _open.set(())
    try:
        yield
    finally:
        _open.reset(around)
