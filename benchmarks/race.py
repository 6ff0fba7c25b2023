"""Run a row: who can take part, do they agree, how long do they take."""

import importlib.util
import math
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from benchmarks.contest import Contestant, Row, Target
from benchmarks.timing import Laps, Opening, Pace, interleave, quartiles
from benchmarks.worker import PlayerFailed, RemotePlayer


@dataclass
class Result:
    """A contestant's times, in seconds for a unit of the row's work, or what kept it out."""

    name: str
    problem: str | None = None
    low: float = math.nan  # quartiles
    median: float = math.nan
    high: float = math.nan
    steps: int = 0
    threads: int = 0
    stages: dict[str, float] = field(default_factory=dict)
    check: list[float] | None = None
    agrees: bool | None = None  # with the row's reference; None where there is nothing to check
    facts: dict[str, float] = field(default_factory=dict)
    ratio: float | None = None  # the rival's median over this one's
    detail: str = ""  # a traceback


@dataclass
class Outcome:
    """A row with its results, in the contestants' order."""

    row: Row
    results: list[Result]

    def number(self, name: str, of: str = "") -> float | None:
        """A contestant's median, or its stage or fact; None where it is missing or void."""
        result = next((r for r in self.results if r.name == name), None)
        if result is None or result.problem or result.agrees is False:
            return None
        return {"": result.median, **result.stages, **result.facts}.get(of)

    def ratio(self, above: str, below: str, of: str = "") -> float | None:
        """The ratio of two contestants' numbers; None where one is missing or doesn't agree."""
        pair = self.number(above, of), self.number(below, of)
        return pair[0] / pair[1] if pair[0] is not None and pair[1] else None

    def reached(self, target: Target) -> float | None:
        """What a target bounds, as measured."""
        if not target.rivals:
            return self.number(target.above, target.of)
        ratios = [self.ratio(target.above, name, target.of) for name in target.rivals]
        found = [ratio for ratio in ratios if ratio is not None]
        return max(found, default=None)

    @property
    def void(self) -> list[str]:
        """Who computed something else than the reference, so that the times mean nothing."""
        return [result.name for result in self.results if result.agrees is False]

    def targets(self) -> list[dict[str, Any]]:
        """Each target of the row beside what was reached."""
        return [
            {"title": target.title, "at_most": target.at_most, "reached": self.reached(target)}
            for target in self.row.targets
        ]

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.row.id,
            "title": self.row.title,
            "unit": self.row.unit,
            "seconds": self.row.per,
            "checked": f"{self.row.checked} after {self.row.warm_up} steps",
            "tolerance": self.row.tolerance,
            "contestants": [finite(asdict(result)) for result in self.results],
            "targets": self.targets(),
        }


def finite(entry: dict[str, Any]) -> dict[str, Any]:
    """NaN has no place in JSON; nor has a traceback, which holds paths."""
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in entry.items()
        if name != "detail"
    }


def missing(contestant: Contestant) -> list[str]:
    """The modules that a contestant needs and this Python doesn't have, and the programs."""
    modules = [name for name in contestant.needs if importlib.util.find_spec(name) is None]
    return modules + [name for name in contestant.programs if shutil.which(name) is None]


def run(row: Row, threads: int, pace: Pace, quick: bool, say: Callable[[str], None]) -> Outcome:
    """Start every contestant that can take part, check that they agree, and time them in turns."""
    contestants = [c for c in row.contestants if not (quick and c.slow)]
    pace = pace if row.turns is None else pace.of(row.turns)
    results = [Result(c.name, threads=c.threads or threads) for c in contestants]
    players: dict[int, RemotePlayer] = {}
    openings: dict[int, Opening] = {}
    with ExitStack() as stack:
        for index, (contestant, result) in enumerate(zip(contestants, results, strict=True)):
            if absent := missing(contestant):
                result.problem = f"not installed ({', '.join(absent)})"
                continue
            say(f"{row.id}: {contestant.name} warms up")
            try:
                player = RemotePlayer(contestant, threads)
                stack.callback(player.close)
                openings[index] = player.open(row.warm_up)
                players[index] = player
            except PlayerFailed as failure:
                result.detail = str(failure)
                result.problem = f"failed: {result.detail.strip().splitlines()[-1][:100]}"
        say(f"{row.id}: {len(players)} contestants take turns")
        laps = interleave(list(players.values()), list(openings.values()), pace)
        for index, kept in zip(players, laps, strict=True):
            summarise(results[index], openings[index], kept)
            say(f"{row.id}: {results[index].name} counts")
            results[index].facts = players[index].facts()
    compare(contestants, results, row.tolerance)
    outcome = Outcome(row, results)
    # A contestant is its own rival where it leads a group, and then there is no ratio to print.
    for contestant, result in zip(contestants, results, strict=True):
        if contestant.rival != contestant.name:
            result.ratio = outcome.ratio(contestant.rival, contestant.name)
    return outcome


def summarise(result: Result, opening: Opening, laps: Laps) -> None:
    """Medians of the steps, and of each stage, by the unit."""
    units = opening.units
    result.low, result.median, result.high = quartiles([sum(lap) / units for lap in laps])
    result.steps = len(laps)
    columns = zip(*laps, strict=True)
    result.stages = {
        stage: median(column) / units for stage, column in zip(opening.stages, columns, strict=True)
    }
    result.check = opening.check


def compare(contestants: Sequence[Contestant], results: Sequence[Result], tolerance: float) -> None:
    """Hold each check against a reference among those with the same rival: a peer before ours."""
    groups: dict[str, list[Result]] = {}
    for contestant, result in zip(contestants, results, strict=True):
        if result.check is not None:
            groups.setdefault(contestant.rival, []).append(result)
    for group in groups.values():
        reference = next((r for r in group if not r.name.startswith("ours")), group[0])
        for result in group if len(group) > 1 else ():
            result.agrees = agree(result.check, reference.check, tolerance)


def agree(check: list[float] | None, reference: list[float] | None, tolerance: float) -> bool:
    """Whether all numbers are finite and equal, relative to the tolerance."""
    return bool(
        check
        and reference
        and len(check) == len(reference)
        and all(math.isfinite(number) for number in check)
        and all(
            math.isclose(mine, other, rel_tol=tolerance, abs_tol=tolerance * 1e-6)
            for mine, other in zip(check, reference, strict=True)
        )
    )
