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
    """``asked`` says whether Ctrl-C was pressed."""

    __slots__ = ("asked",)

    def __init__(self) -> None:
        self.asked = False


@contextmanager
def deferred() -> Iterator[Interrupts]:
    """Note the first Ctrl-C in the block; the second one is a KeyboardInterrupt, as usual.

    Signals reach the main thread only. A handler that somebody else installed is left in place.
    """
    interrupts = Interrupts()
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield interrupts
        return

    def note(number: int, frame: Any) -> None:
        if interrupts.asked:
            signal.default_int_handler(number, frame)
        interrupts.asked = True

    signal.signal(signal.SIGINT, note)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
