"""Turns, medians, agreement, processes and tables of the benchmarks; no time is asserted."""

import json
import math
import os
import pickle
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import machine, race, table, worker
from benchmarks.contest import UNITS, Contestant, Job, Row, Target
from benchmarks.mlp_numpy import by_hand, products
from benchmarks.mlp_problem import Problem
from benchmarks.race import Outcome, Result
from benchmarks.rows import LISTED, NAMES, ROWS
from benchmarks.timing import QUICK, Laps, LocalPlayer, Opening, Pace, interleave, quartiles
from benchmarks.worker import PlayerFailed, RemotePlayer, environment

TINY = Problem((4, 3, 2), batch=5)
BRIEF = Pace(rounds=2, least_steps=2, turn_seconds=0, settle=0, rest=0)
HAND = Contestant("hand NumPy", partial(by_hand, TINY))
FLOOR = Contestant("products", partial(products, TINY), rival="hand NumPy")


class Recorder:
    """A player that writes down when it was asked."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log, self.asked = name, log, 0
        self.settled: list[float] = []

    def open(self, warm_up: int) -> Opening:
        raise NotImplementedError

    def turn(self, steps: int, settle: float = 0.0) -> Laps:
        self.log.append(self.name)
        self.asked += steps
        self.settled.append(settle)
        return [[1.0]] * steps

    def rest(self, at_most: float) -> None:
        self.log.append("z")

    def facts(self) -> dict[str, float]:
        return {}


def opening(seconds: float) -> Opening:
    return Opening(["step"], None, 1, seconds)


def test_turns_alternate_and_slow_players_leave() -> None:
    log: list[str] = []
    pace = Pace(rounds=4, least_steps=8, slow_runs=2, rest=0, turn_seconds=0.02)
    players = [Recorder("A", log), Recorder("B", log)]
    laps = interleave(players, [opening(0.01), opening(2)], pace)
    assert "".join(log) == "AzBzAzBzAzAz"  # a turn ends when the player sleeps
    assert [len(kept) for kept in laps] == [8, 2]
    assert [player.asked for player in players] == [8, 2]
    assert [player.settled for player in players] == [[pace.settle] * 4, [0.0] * 2]


@pytest.mark.parametrize("seconds", [1e-6, 1e-4, 1e-2, 0.9])
def test_at_least_fifty_steps_unless_a_step_is_slow(seconds: float) -> None:
    turns, steps = Pace().plan(seconds)
    assert turns >= 30
    assert turns * steps >= 50
    assert Pace().plan(1.5) == (5, 1)


def test_a_row_may_say_how_many_turns() -> None:
    assert Pace().of(15).plan(3) == Pace().of(15).plan(1e-6) == (15, 1)
    assert Pace().of(15).settle == 0
    assert QUICK.of(15).plan(3) == (3, 1)


def test_what_settles_is_not_timed() -> None:
    done: list[int] = []
    player = LocalPlayer(Contestant("x", lambda: Job({"step": lambda: done.append(1)})))
    assert len(player.turn(3, settle=1e-9)) == 3
    assert len(done) == 4
    assert len(player.turn(3)) == 3
    assert len(done) == 7


def test_times_that_a_job_is_told_are_not_measured() -> None:
    job = Job({"a": lambda: 5.0, "b": lambda: 7}, told=True)
    assert LocalPlayer(Contestant("x", lambda: job)).turn(2) == [[5.0, 7.0]] * 2


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


def spinning(seconds: float) -> Job:
    """A job after whose step a thread of its own goes on for a while."""

    def spin() -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass

    return Job({"step": lambda: threading.Thread(target=spin).start()})


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="only Linux tells")
def test_rest_lasts_until_all_threads_sleep() -> None:
    player = RemotePlayer(Contestant("x", partial(spinning, 1.0)), threads=1)
    try:
        player.rest(60)
        assert worker.sleeps(player.process.pid)
        player.turn(1)
        assert not worker.sleeps(player.process.pid)
        player.rest(60)
        assert worker.sleeps(player.process.pid)
    finally:
        player.close()
    assert not worker.sleeps(None)


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


TARGETS = (
    Target("ours", "peer", 0.45),
    Target("ours", "peer", 0.9, of="forward"),
    Target("ours", ("peer", "other peer"), 0.9),
    Target("ours", (), 400, of="bytes a node"),
    Target("ours", "other peer"),
    Target("ours", "absent", 1),
)
MEASURED = (0.5, 0.25, 2.0, 312.0, 2.0, None)


@pytest.fixture
def measured() -> Outcome:
    """A row in which a target is a ratio, a stage's, that to the fastest, a fact."""
    row = Row("T", "a test", (), targets=TARGETS)

    def result(name: str, forward: float, backward: float) -> Result:
        stages = {"forward": forward, "backward": backward}
        whole = forward + backward
        return Result(name, None, whole, whole, whole, 50, 2, stages)

    ours = result("ours", 1, 3)
    ours.facts = {"bytes a node": 312.0}
    return Outcome(row, [ours, result("peer", 4, 4), result("other peer", 1, 1)])


def test_what_a_target_can_bound(measured: Outcome) -> None:
    assert tuple(map(measured.reached, TARGETS)) == MEASURED
    titles = [target.title for target in TARGETS]
    assert titles[1] == "forward, ours / peer"
    assert titles[2] == "ours / fastest of peer, other peer"
    assert titles[3] == "bytes a node, ours"
    lines = table.target_lines(measured)
    assert lines[0] == "- ours / peer, at most 0.45: 0.50, MISSED"
    assert lines[1] == "- forward, ours / peer, at most 0.9: 0.25, reached"
    assert lines[4] == "- ours / other peer: 2.00"
    assert lines[5] == "- ours / absent, at most 1: not measured"


def test_the_summary_has_every_target(measured: Outcome, void: Outcome) -> None:
    lines = table.summary([measured, void]).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:-2]]
    assert [line[3] for line in cells] == ["0.50", "0.25", "2.00", "312", "2.00", "-", "-"]
    assert [line[4] for line in cells[:4]] == ["NO", "yes", "NO", "yes"]
    assert [line[4] for line in cells[4:]] == ["-", "not measured", "not measured"]
    assert lines[-1] == "2 of 4 reached."


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
    assert {name for t in row.targets for name in (t.above, *t.rivals)} <= set(names)
    titles = [target.title for target in row.targets]
    assert len(set(titles)) == len(titles)
    assert row.unit in UNITS
    pickle.dumps(row)  # contestants are sent to their processes


def test_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = Row("P1", "tiny", (HAND,), targets=(Target("hand NumPy", (), 1e9),))
    monkeypatch.setitem(command.ROWS, "P1", tiny)
    monkeypatch.setattr(command, "QUICK", BRIEF)
    out = tmp_path / "out.json"
    assert command.main(["p1", "--quick", "--threads", "1", "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "### P1: tiny" in printed
    assert printed.endswith("1 of 1 reached.\n\n")
    report = json.loads(out.read_text(encoding="utf-8"))
    assert report["machine"]["threads"] == 1
    assert report["rows"][0]["contestants"][0]["name"] == "hand NumPy"
    assert report["rows"][0]["targets"][0]["at_most"] == 1e9
    assert set(report["markdown"]) == {"P1", "machine", "summary"}
    assert report["markdown"]["P1"] in printed
    assert str(Path.cwd()) not in out.read_text(encoding="utf-8")


@pytest.mark.parametrize("arguments", [["P99"], ["--threads", "0"]])
def test_the_command_refuses(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert arguments[-1] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [
        ([], [row.id for row in LISTED]),
        (["all"], list(NAMES)),
        (["--quick"], list(NAMES)),
        (["--quick", "p3-adam"], ["P3-ADAM"]),
    ],
)
def test_rows_are_chosen(arguments: list[str], chosen: list[str]) -> None:
    assert command.parse(arguments).chosen == chosen


def test_quick_is_quick() -> None:
    turns, steps = QUICK.plan(1e-3)
    assert turns * steps <= 100
