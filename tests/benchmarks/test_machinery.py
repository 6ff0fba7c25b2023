"""Turns, medians, agreement, processes and tables of the benchmarks; no time is asserted."""

import json
import math
import os
import pickle
from functools import partial
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import machine, race, table
from benchmarks.contest import UNITS, Contestant, Job, Row, Target
from benchmarks.mlp_numpy import by_hand, products
from benchmarks.mlp_problem import Problem
from benchmarks.race import Outcome, Result
from benchmarks.rows import ROWS
from benchmarks.timing import QUICK, Laps, LocalPlayer, Opening, Pace, interleave, quartiles
from benchmarks.worker import PlayerFailed, RemotePlayer, environment

TINY = Problem((4, 3, 2), batch=5)
BRIEF = Pace(rounds=2, turn_seconds=0, rest=0)
HAND = Contestant("hand NumPy", partial(by_hand, TINY))
FLOOR = Contestant("products", partial(products, TINY), rival="hand NumPy")


class Recorder:
    """A player that writes down when it was asked."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log, self.asked = name, log, 0

    def open(self, warm_up: int) -> Opening:
        raise NotImplementedError

    def turn(self, steps: int) -> Laps:
        self.log.append(self.name)
        self.asked += steps
        return [[1.0]] * steps

    def facts(self) -> dict[str, float]:
        return {}


def opening(seconds: float) -> Opening:
    return Opening(["step"], None, 1, seconds)


def test_turns_alternate_and_slow_players_leave() -> None:
    log: list[str] = []
    pace = Pace(rounds=4, slow_runs=2, rest=0, turn_seconds=0.02)
    players = [Recorder("A", log), Recorder("B", log)]
    laps = interleave(players, [opening(0.01), opening(2)], pace)
    assert "".join(log) == "ABABAA"
    assert [len(kept) for kept in laps] == [8, 2]
    assert [player.asked for player in players] == [12, 2]  # one of A's in a turn is untimed


@pytest.mark.parametrize("seconds", [1e-6, 1e-4, 1e-2, 0.9])
def test_at_least_fifty_steps_unless_a_step_is_slow(seconds: float) -> None:
    turns, steps = Pace().plan(seconds)
    assert turns * steps >= 50
    assert Pace().plan(1.5) == (5, 1)


def test_quartiles() -> None:
    assert quartiles([5, 1, 4, 2, 3]) == (2, 3, 4)
    assert quartiles([1, 2]) == (1, 1.5, 2)
    assert quartiles([7]) == (7, 7, 7)


def test_stages_are_timed_in_their_order() -> None:
    log: list[str] = []
    job = Job({"a": lambda: log.append("a"), "b": lambda: log.append("b")}, lambda: [len(log)])
    player = LocalPlayer(Contestant("x", lambda: job))
    assert player.open(warm_up=2).check == [4]
    laps = player.turn(1)
    assert log == ["a", "b"] * 3
    assert [len(lap) for lap in laps] == [2]


@pytest.mark.parametrize(
    ("mine", "others", "fine"),
    [
        ([1.0, 2.0], [1.0, 2.00001], True),
        ([1.0, 2.0], [1.0, 2.001], False),
        ([1.0], [1.0, 2.0], False),
        ([math.nan], [math.nan], False),
        ([0.0], [0.0], True),
    ],
)
def test_agreement(mine: list[float], others: list[float], fine: bool) -> None:
    assert race.agree(mine, others, 1e-4) is fine


def test_checks_are_held_against_the_peer_with_the_same_rival() -> None:
    names = {"ours": "ours", "peer": "ours", "ours, b": "ours, b", "peer b": "ours, b"}
    contestants = [Contestant(name, dict, rival=rival) for name, rival in names.items()]
    checks: list[list[float]] = [[1.0], [2.0], [3.0], [3.0]]
    results = [Result(name, check=check) for name, check in zip(names, checks, strict=True)]
    race.compare(contestants, results, 1e-6)
    assert [result.agrees for result in results] == [False, True, True, True]


def test_a_row_with_a_missing_and_a_failing_contestant() -> None:
    row = Row(
        "T",
        "a test",
        (
            HAND,
            FLOOR,
            Contestant("absent", HAND.build, needs=("no_such_module",)),
            Contestant("broken", partial(math.sqrt, -1.0)),  # type: ignore[arg-type]
        ),
        targets=(Target("hand NumPy", "products", 1e9), Target("hand NumPy", "absent", 1)),
    )
    outcome = race.run(row, threads=1, pace=BRIEF, quick=True, say=lambda _: None)
    hand, floor, absent, broken = outcome.results
    assert hand.steps == 2
    assert list(hand.stages) == ["forward", "backward", "update"]
    assert floor.ratio is not None
    assert absent.problem == "not installed (no_such_module)"
    assert broken.problem is not None
    assert broken.problem.startswith("failed: ValueError: math domain error")
    text = table.text(outcome)
    assert "not installed (no_such_module)" in text
    assert "hand NumPy / products, at most 1000000000.0: " in text
    assert "hand NumPy / absent, at most 1: not measured" in text
    assert "Traceback" not in json.dumps(outcome.as_json(), allow_nan=False)


def test_a_process_has_its_limits_and_its_errors_come_back() -> None:
    # The check's characters are read as numbers: "3" is [3.0].
    job = partial(Job, {"step": os.getpid}, partial(os.getenv, "OMP_NUM_THREADS"))
    before = dict(os.environ)
    player = RemotePlayer(Contestant("x", job, threads=3), threads=1)
    try:
        assert player.open(1).check == [3.0]
        with pytest.raises(PlayerFailed, match="has no attribute 'dance'"):
            player.call("dance")
        assert len(player.turn(2)) == 2
    finally:
        player.close()
    assert dict(os.environ) == before


def test_the_environment_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("NPROC", raising=False)
    with environment(machine.thread_limits(2)):
        assert os.environ["OMP_NUM_THREADS"] == os.environ["NPROC"] == "2"
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "NPROC" not in os.environ


@pytest.fixture
def void() -> Outcome:
    """A row in which somebody computed something else."""
    row = Row("T", "a test", (), targets=(Target("ours", "peer", 0.5),))
    ours = Result("ours", median=1e-6, low=1e-6, high=2e-6, check=[0.5], agrees=False)
    peer = Result("peer", median=1.0, low=1.0, high=1.0, check=[0.7], agrees=True)
    return Outcome(row, [ours, peer])


def test_a_void_row_has_no_ratio(void: Outcome) -> None:
    text = table.text(void)
    assert void.ratio("ours", "peer") is None
    assert "VOID: 0.5" in text
    assert "VOID, ours computed something else" in text
    assert "ours / peer, at most 0.5: not measured" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.01234, "0.012"), (1.234, "1.23"), (12.34, "12.3"), (12345.6, "12 346")],
)
def test_numbers(value: float, text: str) -> None:
    assert table.number(value) == text


def test_columns_are_aligned() -> None:
    lines = table.markdown(["", "long head"], [["name", "1"], ["x", "1234567890"]]).splitlines()
    assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_rows_are_consistent(row: Row) -> None:
    names = [contestant.name for contestant in row.contestants]
    assert len(set(names)) == len(names)
    assert {contestant.rival for contestant in row.contestants} <= set(names)
    assert {name for t in row.targets for name in (t.above, t.below)} <= set(names)
    assert row.unit in UNITS
    pickle.dumps(row)  # contestants are sent to their processes


def test_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(command.ROWS, "P1", Row("P1", "tiny", (HAND,)))
    monkeypatch.setattr(command, "QUICK", BRIEF)
    out = tmp_path / "out.json"
    assert command.main(["p1", "--quick", "--threads", "1", "--json", str(out)]) == 0
    assert "### P1: tiny" in capsys.readouterr().out
    report = json.loads(out.read_text(encoding="utf-8"))
    assert report["machine"]["threads"] == 1
    assert report["rows"][0]["contestants"][0]["name"] == "hand NumPy"
    assert str(Path.cwd()) not in out.read_text(encoding="utf-8")


@pytest.mark.parametrize("arguments", [["P99"], ["--threads", "0"]])
def test_the_command_refuses(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert arguments[-1] in capsys.readouterr().err


def test_quick_is_quick() -> None:
    turns, steps = QUICK.plan(1e-3)
    assert turns * steps <= 100
