"""Schedules by a formula without an end: inverse time, power, step, exponential."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from ..options import count, non_negative, number, positive
from .schedule import Schedule, settle

__all__ = ["Exponential", "InverseTime", "Power", "Step"]


@final
@dataclass(frozen=True)
class InverseTime(Schedule):
    """1 / (1 + δt), falling slowly at first when the decay δ ≥ 0 is small (L18).

    >>> [InverseTime(0.5).factor(t) for t in (0, 2, 6)]
    [1.0, 0.5, 0.25]
    """

    decay: float

    def __post_init__(self) -> None:
        settle(self, decay=non_negative)

    def factor(self, t: int) -> float:
        """Give 1 / (1 + δt)."""
        return 1 / (1 + self.decay * t)


@final
@dataclass(frozen=True)
class Power(Schedule):
    """t^-δ with 0.5 < δ ≤ 1, steps counted from 1 (L18).

    For such δ the rates sum to infinity and their squares do not (0.5 is the border), which is
    what stochastic approximation needs to converge (Robbins & Monro 1951).

    >>> [Power(1.0).factor(t) for t in (0, 1, 3)]
    [1.0, 0.5, 0.25]
    """

    exponent: float

    def __post_init__(self) -> None:
        settle(self, exponent=_slow)

    def factor(self, t: int) -> float:
        """Give (t + 1)^-δ, for t counts from 0 here."""
        return float((t + 1) ** -self.exponent)


@final
@dataclass(frozen=True)
class Step(Schedule):
    """γ^⌊t / every⌋: multiplied by γ once in so many steps.

    >>> [Step(2, 0.5).factor(t) for t in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    every: int
    gamma: float = 0.1

    def __post_init__(self) -> None:
        settle(self, every=count, gamma=positive)

    def factor(self, t: int) -> float:
        """Give γ to the number of times that ``every`` steps have passed."""
        return float(self.gamma ** (t // self.every))


@final
@dataclass(frozen=True)
class Exponential(Schedule):
    """γ^t; with γ above 1 the rate grows, as in a search for the largest that can be used.

    >>> [Exponential(0.5).factor(t) for t in range(4)]
    [1.0, 0.5, 0.25, 0.125]
    """

    gamma: float

    def __post_init__(self) -> None:
        settle(self, gamma=positive)

    def factor(self, t: int) -> float:
        """Give γ^t."""
        return float(self.gamma**t)


def _slow(owner: str, name: str, value: Any) -> float:
    """An exponent for which the rates' sum diverges and that of their squares does not."""
    found = number(owner, name, value)
    if not 0.5 < found <= 1:
        raise ValueError(f"{owner}: {name} must be in (0.5, 1], not {value}")
    return found
