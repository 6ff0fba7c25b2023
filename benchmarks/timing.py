"""Fair clocks: warm up, take turns, keep the medians.

Contestants play in turns, A B C A B C, so that whatever else the machine is doing falls on all of
them alike; only ratios within one run mean anything.
"""

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import Protocol

from benchmarks.contest import Contestant

Laps = list[list[float]]  # seconds, for each step and each of its stages


@dataclass(frozen=True)
class Opening:
    """What a contestant shows before it is timed: its stages, its check, how long a step takes."""

    stages: list[str]
    check: list[float] | None
    units: int
    step_seconds: float


class Player(Protocol):
    """Someone who can be asked for a turn: a contestant here, or one in another process."""

    def open(self, warm_up: int) -> Opening: ...
    def turn(self, steps: int, settle: float = 0.0) -> Laps: ...
    def rest(self, at_most: float) -> None: ...
    def facts(self) -> dict[str, float]: ...


class LocalPlayer:
    """A contestant in this process."""

    def __init__(self, contestant: Contestant) -> None:
        self.collector = contestant.collector
        self.job = contestant.build()
        # What the imports left behind is nobody's work.
        gc.collect()
        if not self.collector:
            gc.disable()

    def open(self, warm_up: int) -> Opening:
        laps = self.turn(warm_up)
        check = [float(number) for number in self.job.check()] if self.job.check else None
        # The first steps compile, allocate and fill caches: the last third tells the pace.
        pace = median(sum(lap) for lap in laps[-max(1, warm_up // 3) :])
        return Opening(list(self.job.stages), check, self.job.units, pace)

    def turn(self, steps: int, settle: float = 0.0) -> Laps:
        """Time so many steps, after untimed ones for `settle` seconds: at least one, unless 0."""
        stages, clock = tuple(self.job.stages.values()), time.perf_counter
        settled, until = not settle, clock() + settle
        while not settled:
            for stage in stages:
                stage()
            if not self.collector:
                gc.collect()
            settled = clock() >= until
        laps = []
        for _ in range(steps):
            if self.job.told:
                laps.append([float(stage()) for stage in stages])
                continue
            marks = [clock()]
            for stage in stages:
                stage()
                marks.append(clock())
            laps.append([after - before for before, after in pairwise(marks)])
            if not self.collector:
                gc.collect()  # a peer's cycles must not fill the memory; not on its clock
        return laps

    def rest(self, at_most: float) -> None:
        """Wait for threads that spin: there is nobody here whom they would hinder."""

    def facts(self) -> dict[str, float]:
        return dict(self.job.facts()) if self.job.facts else {}


@dataclass(frozen=True)
class Pace:
    """How many turns there are and how long they last.

    Many short turns rather than a few long ones: other work on the machine comes and goes within
    seconds, and all contestants should see the same share of it. A turn begins with untimed steps,
    the same while for all, since who has slept finds caches cold and its threads perhaps woken on
    one core, until the system's scheduler looks again. It ends when all its threads sleep:
    OpenBLAS's spin for a tenth of a second after a product, on a core that the next one needs.
    """

    rounds: int = 30
    least_steps: int = 50  # timed in all; long steps have as many turns
    turn_seconds: float = 0.02  # a turn of fast steps lasts about so long
    settle: float = 0.02  # before it: several ticks of the scheduler
    slow_step: float = 1.0  # seconds; from there on ...
    slow_runs: int = 5  # ... so many runs of one step are enough
    cold_step: float = 0.1  # longer ones need not settle
    rest: float = 0.3  # at most so long, after a turn, until its threads sleep

    def plan(self, step_seconds: float) -> tuple[int, int]:
        """Turns, and timed steps in each, for a contestant whose step takes so long."""
        steps = max(1, int(self.turn_seconds / step_seconds))
        turns = max(self.rounds, -(-self.least_steps // steps))
        return (turns if step_seconds <= self.slow_step else min(turns, self.slow_runs)), steps

    def of(self, turns: int) -> "Pace":
        """So many turns of one step whatever it takes, or fewer where slow runs are fewer."""
        turns = max(1, turns * self.slow_runs // Pace.slow_runs)
        return replace(
            self, rounds=turns, least_steps=turns, slow_runs=turns, turn_seconds=0.0, settle=0.0
        )


QUICK = Pace(rounds=5, least_steps=5, slow_runs=1)


def interleave(players: Sequence[Player], openings: Sequence[Opening], pace: Pace) -> list[Laps]:
    """Turns in a fixed order, round after round; players leave after their last turn."""
    laps: list[Laps] = [[] for _ in players]
    plans = [pace.plan(opening.step_seconds) for opening in openings]
    for round_ in range(max((turns for turns, _ in plans), default=0)):
        for player, opening, (turns, steps), kept in zip(
            players, openings, plans, laps, strict=True
        ):
            if round_ < turns:
                settle = pace.settle if opening.step_seconds < pace.cold_step else 0.0
                kept += player.turn(steps, settle)
                player.rest(pace.rest)
    return laps


def quartiles(numbers: Sequence[float]) -> tuple[float, float, float]:
    """The lower quartile, the median and the upper one; quartiles are the nearest number."""
    ordered = sorted(numbers)
    last = len(ordered) - 1
    return ordered[round(last / 4)], median(ordered), ordered[round(3 * last / 4)]
