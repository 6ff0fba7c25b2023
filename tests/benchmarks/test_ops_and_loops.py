"""The benchmarks over the table of ops and of loops: every op has a case, all sides agree."""

import math
import sys

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import loops, ops_cases, ops_table
from benchmarks.loops import KINDS, LENGTHS
from benchmarks.ops_table import QUICK, Effort, Measured, Sweep

TABLE = ops_cases.table()
NAMES = list(ops_cases.cases())


def test_every_differentiable_op_has_a_case() -> None:
    covered = {ops_cases.name_of(name) for name in NAMES}
    assert set(TABLE) - covered - set(ops_cases.WITHOUT) == set()
    assert not covered & set(ops_cases.WITHOUT)


def test_no_case_is_of_an_unknown_op() -> None:
    # An older NumPy lacks a few functions, an absent SciPy its own: their cases are left out.
    unknown = {ops_cases.name_of(name) for name in ops_cases.CASES} - set(TABLE)
    missing = {name for name in unknown if not _in_numpy(name)}
    assert unknown == missing
    assert set(ops_cases.NEEDED) <= set(NAMES)


def _in_numpy(name: str) -> bool:
    if not name.startswith("numpy."):
        return True
    module, _, function = name.rpartition(".")
    return hasattr(sys.modules[module], function)


@pytest.mark.parametrize("name", NAMES)
def test_rules_by_hand_and_engine_agree(name: str) -> None:
    found = ops_table.measure(name, Effort(seconds=0.0, least=1, size=300))
    assert not found.detail, found.detail
    assert found.agrees
    assert found.turns == 1
    assert found.ratio > 0


@pytest.mark.parametrize("name", ["numpy.multiply, a row", "numpy.sum", "numpy.linalg.slogdet"])
def test_operands_are_as_large_as_they_are_said_to_be(name: str) -> None:
    arrays, _ = ops_cases.CASES[name](ops_cases.Size())
    assert 90_000 <= max(x.size for x in arrays) <= 110_000


def test_a_wrong_gradient_is_void(monkeypatch: pytest.MonkeyPatch) -> None:
    right = ops_table.ByHand.own
    monkeypatch.setattr(ops_table.ByHand, "own", lambda self, g: 1.001 * right(self, g))
    found = ops_table.measure("numpy.multiply", QUICK)
    assert not found.agrees
    assert "VOID: multiply" in Sweep([found]).text()


def test_a_failure_is_told() -> None:
    found = ops_table.measure("numpy.no_such_op", QUICK)
    assert "KeyError" in found.detail
    sweep = Sweep([found])
    assert "failed: no_such_op" in sweep.text()
    assert not sweep.void
    assert sweep.as_json()["failed"] == ["numpy.no_such_op"]


def test_copies_are_counted_on_both_sides() -> None:
    """The gradient of a view is a view, of the seed here; `.grad` is a copy of it."""
    pair = ops_table.Pair("numpy.reshape", 300)
    (hand,), (ours,) = pair.numpy()[2], pair.ours()[2]
    assert not np.shares_memory(hand, pair.seeds[0])
    assert not np.shares_memory(ours, pair.seeds[0])
    assert np.array_equal(hand, ours)


def test_the_worst_comes_first_and_is_counted() -> None:
    named = ["numpy.sum", "numpy.fft.fft, real", "autograd_core.ops.activations.softmax"]
    results = [
        Measured(name, 1e-6, 2e-6, 3e-6, 4e-6, ratio, 1, agrees=True)
        for name, ratio in zip(named, (2.0, 1.5, 0.9), strict=True)
    ]
    sweep = Sweep(results)
    assert [r.name for r in sweep.over] == ["numpy.sum"]
    assert "1 of 3 calls over it, median 1.50" in sweep.text()
    assert [ops_table.short(name) for name in named] == ["sum", "fft.fft, real", "softmax"]


def test_the_command_runs_some_ops(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ops_table, "names", _two)  # by its name: it is asked for in the process
    run = ops_table.run
    monkeypatch.setattr(ops_table, "run", lambda effort, say: run(effort, say, _two()))
    assert command.main(["OPS", "--quick"]) == 0
    assert "of 2 calls over it" in capsys.readouterr().out


def _two() -> list[str]:
    return ["numpy.sum", "numpy.multiply"]


# --- loops --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", loops.BUILDS)
def test_loops_agree_with_finite_differences(kind: str, name: str) -> None:
    build, needs, _ = loops.BUILDS[name]
    for module in needs:
        pytest.importorskip(module)
    job = build(kind, 6)
    for _ in range(2):  # gradients start anew each time
        for stage in ("forward", "backward", "free"):
            job.stages[stage]()
    assert job.check is not None
    assert job.check() == pytest.approx(_by_differences(kind), rel=1e-6)


def _by_differences(kind: str) -> list[float]:
    """What `Loop.check` gives of the gradients, from values of the loop alone."""
    how = KINDS[kind]
    it = loops.Loop(6, how.rows)

    def loss() -> float:
        it.x, it.a = it.x0, it.a0
        how.forward(it, np.zeros) if how.fills else how.forward(it)
        return float(np.sum(it.end * it.g if how.fills else it.end))

    grads = []
    for name in how.leaves:
        leaf = np.array(getattr(it, f"{name}0"))
        setattr(it, f"{name}0", leaf)
        g = np.zeros_like(leaf)
        for index in np.ndindex(*leaf.shape):
            kept, ends = leaf[index], []
            for step in (1e-6, -1e-6):
                leaf[index] = kept + step
                ends.append(loss())
            leaf[index] = kept
            g[index] = (ends[0] - ends[1]) / 2e-6
        grads.append(g)
    it.grads = tuple(grads)
    return it.check()


def test_every_loop_has_each_length() -> None:
    names = {contestant.name for contestant in loops.LOOPS.contestants}
    assert {f"ours, {kind}, {label}" for kind in KINDS for label in LENGTHS} <= names
    assert all(math.isfinite(n) for n in LENGTHS.values())
