"""The schedule that begins with small steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from ..options import count
from .schedule import Schedule, settle

__all__ = ["WarmUp"]


@final
@dataclass(frozen=True)
class WarmUp(Schedule):
    """Up to 1 in ``length`` equal steps, and then 1: (t + 1) / length.

    The last of them has the full rate. The first has 1 / length of it and not zero, which would be
    a step for nothing.

    >>> [WarmUp(4).factor(t) for t in range(6)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    """

    length: int

    def __post_init__(self) -> None:
        settle(self, length=count)

    def factor(self, t: int) -> float:
        """Give (t + 1) / length, at most 1."""
        return min((t + 1) / self.length, 1.0)
