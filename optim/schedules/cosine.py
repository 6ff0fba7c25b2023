"""Schedules whose way is half a cosine: down only, and one cycle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from ..options import count, share
from .schedule import Schedule, settle

__all__ = ["Cosine", "OneCycle"]


@final
@dataclass(frozen=True)
class Cosine(Schedule):
    """From 1 to ``end`` by half a cosine, over ``length`` steps, and then ``end``.

    end + (1 - end) · (1 + cos(πt / length)) / 2 (Loshchilov & Hutter 2017, without restarts).

    >>> [round(Cosine(4).factor(t), 3) for t in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """

    length: int
    end: float = 0.0

    def __post_init__(self) -> None:
        settle(self, length=count, end=share)

    def factor(self, t: int) -> float:
        """Give the cosine's value."""
        return _anneal(1.0, self.end, min(t / self.length, 1.0))


@final
@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up from ``start`` to the full rate in a share of the steps, then down to ``end``.

    Smith & Topin (2018), in PyTorch's form: both ways by half a cosine, the defaults are its own,
    and the learning rate of the optimizer is the largest, ``max_lr`` there. The momentum, which the
    paper moves the other way, is left alone. After ``length`` steps the rate stays at ``end``.

    >>> [round(OneCycle(6, warm=0.5).factor(t), 3) for t in range(6)]
    [0.04, 0.52, 1.0, 0.75, 0.25, 0.0]
    """

    length: int
    warm: float = 0.3
    start: float = 1 / 25
    end: float = 1 / 25e4

    def __post_init__(self) -> None:
        settle(self, length=count, warm=share, start=share, end=share)

    def factor(self, t: int) -> float:
        """Give the place in the cycle."""
        top, last = self.warm * self.length - 1, self.length - 1
        if t < top:
            return _anneal(self.start, 1.0, t / top)
        return _anneal(1.0, self.end, min((t - top) / (last - top), 1.0) if last > top else 1.0)


def _anneal(start: float, end: float, place: float) -> float:
    """Go from start to end by half a cosine, as the place goes from 0 to 1."""
    return end + (start - end) * (1 + math.cos(math.pi * place)) / 2
