"""Fair clocks: warm up, take turns, keep the medians.

Contestants play in turns, A B C A B C, so that whatever else the machine is doing falls on all of
them alike; only ratios within one run mean anything.
"""

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass
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
    def turn(self, steps: int) -> Laps: ...
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

    def turn(self, steps: int) -> Laps:
        stages, clock = tuple(self.job.stages.values()), time.perf_counter
        laps = []
        for _ in range(steps):
            marks = [clock()]
            for stage in stages:
                stage()
                marks.append(clock())
            laps.append([after - before for before, after in pairwise(marks)])
            if not self.collector:
                gc.collect()  # a peer's cycles must not fill the memory; not on its clock
        return laps

    def facts(self) -> dict[str, float]:
        return dict(self.job.facts()) if self.job.facts else {}


@dataclass(frozen=True)
class Pace:
    """How many turns there are and how long they last.

    Many short turns rather than a few long ones: other work on the machine comes and goes within
    seconds, and all contestants should see the same share of it.
    """

    rounds: int = 50  # of at least one step each, so that medians are over 50 steps or more
    turn_seconds: float = 0.01  # a turn of fast steps lasts about so long
    slow_step: float = 1.0  # seconds; from there on ...
    slow_runs: int = 5  # ... so many runs of one step are enough
    cold_step: float = 0.1  # shorter ones feel cold caches and threads: one in a turn is untimed
    rest: float = 0.03  # between turns: BLAS's threads may spin before they sleep

    def plan(self, step_seconds: float) -> tuple[int, int]:
        """Turns, and timed steps in each, for a contestant whose step takes so long."""
        turns = self.rounds if step_seconds <= self.slow_step else min(self.rounds, self.slow_runs)
        return turns, max(1, int(self.turn_seconds / step_seconds))


QUICK = Pace(rounds=5, slow_runs=1)


def interleave(players: Sequence[Player], openings: Sequence[Opening], pace: Pace) -> list[Laps]:
    """Turns in a fixed order, round after round; slow players leave after their last turn."""
    laps: list[Laps] = [[] for _ in players]
    for round_ in range(pace.rounds):
        for player, opening, kept in zip(players, openings, laps, strict=True):
            turns, steps = pace.plan(opening.step_seconds)
            if round_ < turns:
                time.sleep(pace.rest)
                cold = int(opening.step_seconds < pace.cold_step)
                kept += player.turn(cold + steps)[cold:]
    return laps


def quartiles(numbers: Sequence[float]) -> tuple[float, float, float]:
    """The lower quartile, the median and the upper one; quartiles are the nearest number."""
    ordered = sorted(numbers)
    last = len(ordered) - 1
    return ordered[round(last / 4)], median(ordered), ordered[round(3 * last / 4)]
