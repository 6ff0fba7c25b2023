"""What is compared: a row is some work, a contestant one way of doing it, a job is it, ready.

A contestant's `build` is a function that can be imported by name (or a `partial` of one): each
contestant runs in a process of its own, so that no library's threads, allocator or objects known
to the garbage collector weigh on another's times.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Times are kept in seconds and printed in the unit that a row names.
UNITS = {"s": 1.0, "ms": 1e3, "µs": 1e6, "ns": 1e9}


@dataclass(frozen=True)
class Job:
    """Work that is built and ready: `stages` in their order make one step, each timed by itself.

    `check` gives the numbers that all contestants of a row must agree on (a loss, a gradient);
    `units` is how many pieces of work a step holds, where a row counts by the piece;
    `facts` is asked once, after all timing, for what isn't time (nodes, bytes). A job that is
    `told` its times has stages that return seconds: what takes them is another process.
    """

    stages: Mapping[str, Callable[[], Any]]
    check: Callable[[], Sequence[float]] | None = None
    units: int = 1
    facts: Callable[[], Mapping[str, float]] | None = None
    told: bool = False


@dataclass(frozen=True)
class Contestant:
    """One way of doing a row's work.

    `needs` are the modules it can't do without, `programs` those on the PATH; `rival` names the
    contestant whose median is divided by this one's, and all with the same rival must agree;
    `threads` overrides the run's number; without `collector` the garbage collector is off while it
    is timed, and runs between its steps; `slow` ones are left out by --quick.
    """

    name: str
    build: Callable[[], Job]
    needs: tuple[str, ...] = ()
    rival: str = "ours"
    threads: int | None = None
    collector: bool = True
    slow: bool = False
    programs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """A bound on a ratio: `above`'s median over `below`'s, or over the fastest of several.

    `of` names a stage or a fact that is meant instead of the whole time; without `below` the
    number itself is bounded. Without `at_most` it is shown, and nothing is asked of it.
    """

    above: str
    below: str | tuple[str, ...] = ()
    at_most: float | None = None
    of: str = ""

    @property
    def rivals(self) -> tuple[str, ...]:
        """The names of `below`."""
        return (self.below,) if isinstance(self.below, str) else self.below

    @property
    def title(self) -> str:
        """What is bounded, in words."""
        what = f"{self.of}, {self.above}" if self.of else self.above
        if len(self.rivals) > 1:
            return f"{what} / fastest of {', '.join(self.rivals)}"
        return " / ".join([what, *self.rivals])


@dataclass(frozen=True)
class Row:
    """One line of the list of measurements: some work, and who does it."""

    id: str
    title: str
    contestants: tuple[Contestant, ...]
    unit: str = "µs"
    per: str = "a step"
    warm_up: int = 20  # steps before any is timed; the check is read after them
    checked: str = "loss"  # what `check` gives, in words
    tolerance: float = 1e-4  # relative
    targets: tuple[Target, ...] = ()
    turns: int | None = None  # so many, of one step, however long it takes
