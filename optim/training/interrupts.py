"""Ctrl-C while training: noticed at once, acted on between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

__all__ = ["Interrupts", "deferred"]


@final
class Interrupts:
    """A handler of Ctrl-C: ``asked`` says whether it was pressed."""

    __slots__ = ("asked",)

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, number: int, frame: Any) -> None:
        """Note it once, and the second time raise KeyboardInterrupt."""
        if self.asked:
            signal.default_int_handler(number, frame)
        self.asked = True


@contextmanager
def deferred() -> Iterator[Interrupts]:
    """Note the first Ctrl-C in the block; the second one is a KeyboardInterrupt, as usual.

    Signals reach the main thread only. A handler that somebody else installed is left in place; a
    block within another shares its handler, so that the first Ctrl-C ends both.
    """
    interrupts = Interrupts()
    handler = signal.getsignal(signal.SIGINT)
    main = threading.current_thread() is threading.main_thread()
    if not main or handler is not signal.default_int_handler:
        yield handler if main and isinstance(handler, Interrupts) else interrupts
        return
    signal.signal(signal.SIGINT, interrupts)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
