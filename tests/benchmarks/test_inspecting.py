"""The benchmark of inspection: what is looked into computes the same, and is looked into."""

import math
from typing import Any

import pytest

import autograd_core as ag
from benchmarks import inspecting
from benchmarks.contest import Job
from benchmarks.mlp_problem import Problem
from benchmarks.race import missing

BUILDS = {contestant.name: contestant for contestant in inspecting.INSPECT.contestants}


def numbers(job: Job, steps: int = 3) -> list[float]:
    for _ in range(steps):
        job.stages["step"]()
    assert job.check is not None
    return list(job.check())


@pytest.mark.parametrize("name", [name for name in BUILDS if "looked into" in name])
def test_looking_changes_nothing(name: str) -> None:
    contestant = BUILDS[name]
    if absent := missing(contestant):
        pytest.skip(f"{', '.join(absent)} not installed")
    found = numbers(contestant.build())
    assert found == numbers(BUILDS[contestant.rival].build())
    assert all(math.isfinite(number) for number in found)


def test_ours_is_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    inspect = ag.inspect

    def noted() -> Any:
        block = inspect()
        seen.append(block)
        return block

    monkeypatch.setattr(ag, "inspect", noted)
    numbers(inspecting.train("ours", True, Problem((3, 2), batch=2)), 2)
    assert len(seen) == 2
    numbers(inspecting.chain("ours", True, 2), 1)
    assert len(seen) == 3
    numbers(inspecting.chain("ours", False, 2), 1)
    assert len(seen) == 3
