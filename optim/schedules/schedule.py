"""What a schedule of the learning rate is, and schedules made of others.

A schedule is a function of the step, t = 0, 1, ..., that says what the initial learning rate is
multiplied by. Whether a step is an epoch or an update is up to whoever calls the scheduler.
"""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from ..options import Check, count, non_negative

__all__ = ["Constant", "Schedule", "check_state", "settle"]


class Schedule(ABC):
    """What the initial learning rate is multiplied by at step t = 0, 1, ...

    ``a * b`` multiplies two schedules, ``a.then(b, at=n)`` goes from one to the other.

    >>> from optim import Exponential, WarmUp
    >>> schedule = WarmUp(4).then(Exponential(0.5))
    >>> [schedule.factor(t) for t in range(7)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 0.5, 0.25]
    """

    #: Whether the schedule is told a validation measure, and without one does nothing.
    needs_metric: bool = False
    #: Whether that measure is to fall, "min", or to rise, "max".
    mode: str = "min"

    @abstractmethod
    def factor(self, t: int) -> float:
        """Give the factor for step t, a number that is not negative."""

    def observe(self, value: float, t: int = 0) -> None:  # noqa: B027  most do not listen
        """Hear of a validation measure, as it is after step t."""

    def reset(self) -> None:  # noqa: B027  most have nothing to forget
        """Forget what was heard, as a scheduler asks when it is made: a training begins."""

    def state_dict(self) -> dict[str, Any]:
        """Give what the schedule remembers, as plain data; most remember nothing."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` gave; another schedule's is a ``ValueError``."""
        check_state(self, state, self.state_dict())

    def then(self, following: Schedule, at: int | None = None) -> Schedule:
        """Follow this schedule until step ``at``, and from there ``following``, from its t = 0.

        ``at`` defaults to this schedule's length, where it has one.

        >>> from optim import Exponential
        >>> schedule = Constant().then(Exponential(0.5), at=3)
        >>> [schedule.factor(t) for t in range(6)]
        [1.0, 1.0, 1.0, 1.0, 0.5, 0.25]
        """
        if not isinstance(following, Schedule):
            raise TypeError(f"then: what follows must be a schedule, not {following!r}")
        end = _end(self) if at is None else at
        if end is None:
            raise ValueError(f"then: {self} has no end of its own; say where with at=...")
        return _Then(self, following, count("then", "at", end))

    def __mul__(self, other: Schedule | float) -> Schedule:
        if isinstance(other, numbers.Real):
            other = Constant(float(other))
        return _Product(self, other) if isinstance(other, Schedule) else NotImplemented

    __rmul__ = __mul__


@final
@dataclass(frozen=True)
class Constant(Schedule):
    """The same factor always.

    >>> Constant(0.5).factor(7)
    0.5
    """

    value: float = 1.0

    def __post_init__(self) -> None:
        settle(self, value=non_negative)

    def factor(self, t: int) -> float:
        """Give the value."""
        return self.value


@final
class _Product(Schedule):
    """Two schedules multiplied."""

    def __init__(self, first: Schedule, second: Schedule) -> None:
        self.first, self.second = first, second
        self.needs_metric, self.mode = _listening(first, second)

    def factor(self, t: int) -> float:
        return self.first.factor(t) * self.second.factor(t)

    def observe(self, value: float, t: int = 0) -> None:
        self.first.observe(value, t)
        self.second.observe(value, t)

    def reset(self) -> None:
        self.first.reset()
        self.second.reset()

    def state_dict(self) -> dict[str, Any]:
        return _both(self.first, self.second)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        _load_both(self, self.first, self.second, state)

    def __repr__(self) -> str:
        return f"{self.first} * {self.second}"


@final
class _Then(Schedule):
    """One schedule until a step, another from there."""

    def __init__(self, first: Schedule, second: Schedule, at: int) -> None:
        self.first, self.second, self.at = first, second, at
        self.needs_metric, self.mode = _listening(first, second)
        after = _end(second)
        self.length = None if after is None else at + after

    def factor(self, t: int) -> float:
        return self.first.factor(t) if t < self.at else self.second.factor(t - self.at)

    def observe(self, value: float, t: int = 0) -> None:
        # Only the one in force: a plateau while warming up is none.
        if t < self.at:
            self.first.observe(value, t)
        else:
            self.second.observe(value, t - self.at)

    def reset(self) -> None:
        self.first.reset()
        self.second.reset()

    def state_dict(self) -> dict[str, Any]:
        return _both(self.first, self.second)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        _load_both(self, self.first, self.second, state)

    def __repr__(self) -> str:
        return f"{self.first}.then({self.second}, at={self.at})"


def _end(schedule: Schedule) -> int | None:
    return getattr(schedule, "length", None)


def _listening(first: Schedule, second: Schedule) -> tuple[bool, str]:
    """Whether one of two needs a measure, and whether that is to fall or to rise."""
    modes = {each.mode for each in (first, second) if each.needs_metric}
    if len(modes) > 1:
        raise ValueError(
            f"{first} and {second} cannot be parts of one schedule: they are told the same "
            f"measure, and one waits for it to fall, the other for it to rise"
        )
    return bool(modes), min(modes, default="min")


def _both(first: Schedule, second: Schedule) -> dict[str, Any]:
    return {"first": first.state_dict(), "second": second.state_dict()}


def _load_both(
    owner: Schedule, first: Schedule, second: Schedule, state: Mapping[str, Any]
) -> None:
    check_state(owner, state, _both(first, second))
    before = first.state_dict()
    first.load_state_dict(state["first"])
    try:
        second.load_state_dict(state["second"])
    except Exception:
        first.load_state_dict(before)
        raise


def settle(schedule: Schedule, **checks: Check) -> None:
    """Check the fields of a frozen dataclass, and keep them as what the checks return."""
    for name, check in checks.items():
        found = check(type(schedule).__name__, name, getattr(schedule, name))
        object.__setattr__(schedule, name, found)


def check_state(owner: object, state: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Refuse a state that has other names than the owner's."""
    if set(state) != set(own):
        raise ValueError(
            f"this state is not of {owner}: it has {sorted(state) or 'nothing'} where "
            f"{sorted(own) or 'nothing'} is needed"
        )
