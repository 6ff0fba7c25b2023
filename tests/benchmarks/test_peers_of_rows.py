"""The networks with Adam, P4, P6, P10 to P12 and the costs, against textbook values in float64."""

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from benchmarks import costs, fresh, p1_p3_mlp, p10_second_order, p11_imports, p12_memory
from benchmarks import p4_autoencoder as p4
from benchmarks import p6_elementwise as p6
from benchmarks.contest import Contestant, Job
from benchmarks.mlp_numpy import by_hand
from benchmarks.mlp_problem import Problem
from benchmarks.race import missing
from benchmarks.timing import LocalPlayer

TINY = Problem((6, 5, 4, 3), batch=7)
ADAM = replace(TINY, adam=True, lr=1e-2)
SMALL = Problem((6, 5, 3), batch=7)


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """What peers warn of is no failure of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def check(build: Callable[[], Job], steps: int, needs: tuple[str, ...] = ()) -> list[float]:
    """What a contestant's check gives after some steps."""
    contestant = Contestant("", build, needs)
    if absent := missing(contestant):
        pytest.skip(f"{', '.join(absent)} not installed")
    found = LocalPlayer(contestant).open(steps).check
    assert found is not None
    return found


def names(builds: object) -> list[str]:
    return [build[0] for build in builds]  # type: ignore[attr-defined]


# --- the network, in float64 ---------------------------------------------------------------------


def loss_and_slopes(
    parameters: list[np.ndarray], x: np.ndarray, labels: np.ndarray
) -> tuple[float, list[np.ndarray]]:
    """Mean softmax cross-entropy of tanh layers W, b, W, b, ..., and its gradients."""
    pairs = list(zip(parameters[::2], parameters[1::2], strict=True))
    h = [x.astype(float)]
    for w, b in pairs[:-1]:
        h.append(np.tanh(h[-1] @ w + b))
    a = h[-1] @ pairs[-1][0] + pairs[-1][1]
    f = np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)
    e = np.eye(a.shape[1])[labels]
    g = (f - e) / len(x)
    slopes: list[np.ndarray] = []
    for k in range(len(pairs) - 1, -1, -1):
        slopes = [h[k].T @ g, g.sum(axis=0), *slopes]
        g = (g @ pairs[k][0].T) * (1 - h[k] ** 2)
    return float(-np.mean(np.log((f * e).sum(axis=1)))), slopes


def start(problem: Problem) -> list[np.ndarray]:
    return [part.astype(float) for layer in problem.start() for part in layer]


def loss_with_adam(problem: Problem, steps: int) -> float:
    """The loss after some steps of Adam, by the paper's algorithm 1."""
    parameters, stream, loss = start(problem), problem.stream(), math.nan
    m = [np.zeros_like(p) for p in parameters]
    v = [np.zeros_like(p) for p in parameters]
    beta1, beta2 = problem.betas
    for t in range(1, steps + 1):
        loss, grads = loss_and_slopes(parameters, *next(stream))
        for i, g in enumerate(grads):
            m[i] = beta1 * m[i] + (1 - beta1) * g
            v[i] = beta2 * v[i] + (1 - beta2) * g**2
            mean, square = m[i] / (1 - beta1**t), v[i] / (1 - beta2**t)
            parameters[i] = parameters[i] - problem.lr * mean / (np.sqrt(square) + problem.eps)
    return loss


CHECKED = [build for build in p1_p3_mlp.ADAM_BUILDS if "alone" not in build[0]]


@pytest.mark.parametrize(("_name", "build", "how"), CHECKED, ids=names(CHECKED))
def test_networks_train_alike_with_adam(
    _name: str, build: p1_p3_mlp.Build, how: dict[str, tuple[str, ...]]
) -> None:
    found = check(partial(build, ADAM), 30, how.get("needs", ()))
    assert found == pytest.approx([loss_with_adam(ADAM, 30)], rel=1e-4)


def test_chunks_that_do_not_divide_are_all_updated() -> None:
    assert check(partial(by_hand, ADAM, chunk=7), 30) == check(partial(by_hand, ADAM), 30)


# --- P4 ------------------------------------------------------------------------------------------

DENOISING = p4.Denoising(inputs=9, hidden=5, batch=4)
TRAINING = [build for build in p4.BUILDS if "alone" not in build[0]]


def loss_of_autoencoder(it: p4.Denoising, steps: int) -> float:
    """The loss after some steps, from the definition: -Σ x log x̂ + (1-x) log(1-x̂)."""
    w, b, c = (part.astype(float) for part in it.start())
    loss = math.nan
    for step in range(steps):
        x, clean = (part.astype(float) for part in it.data()[step % it.batches])
        h = 1 / (1 + np.exp(-(x @ w + b)))
        f = 1 / (1 + np.exp(-(h @ w.T + c)))
        loss = -(clean * np.log(f) + (1 - clean) * np.log(1 - f)).sum() / it.batch
        g = (f - clean) / it.batch
        into_h = (g @ w) * h * (1 - h)
        w = w - it.lr * (x.T @ into_h + g.T @ h)
        b = b - it.lr * into_h.sum(axis=0)
        c = c - it.lr * g.sum(axis=0)
    return float(loss)


@pytest.mark.parametrize(("_name", "build", "how"), TRAINING, ids=names(TRAINING))
def test_autoencoders_train_alike(
    _name: str, build: p4.Build, how: dict[str, tuple[str, ...]]
) -> None:
    found = check(partial(build, DENOISING), 30, how.get("needs", ()))
    assert found == pytest.approx([loss_of_autoencoder(DENOISING, 30)], rel=1e-5)


def test_the_data_are_corrupted_and_can_be_learnt() -> None:
    for corrupted, clean in DENOISING.data():
        assert ((corrupted == clean) | (corrupted == 0)).all()
        assert 0 < (corrupted != clean).mean() < 0.6
        assert clean.min() >= 0
        assert clean.max() <= 1
    assert loss_of_autoencoder(DENOISING, 200) < loss_of_autoencoder(DENOISING, 1)


# --- P6 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("contestant", p6.contestants(50), ids=lambda c: c.name)
def test_elementwise_chains_agree(contestant: Contestant) -> None:
    x, g = (part.astype(float) for part in p6.data(50))

    def y(x: np.ndarray) -> np.ndarray:
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    # A complex step: the derivative of an analytic function without a difference.
    slope = y(x + 1e-30j).imag / 1e-30
    expected = [y(x)] if "forward only" in contestant.name else [y(x), g * slope]
    found = check(contestant.build, 2, contestant.needs)
    assert found == pytest.approx(p6.summary(*expected), rel=1e-5)


# --- P10 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("_name", "build", "needs"),
    p10_second_order.HVP,
    ids=[name for name, *_ in p10_second_order.HVP],
)
def test_hessian_vector_products_agree(
    _name: str, build: Callable[[Problem], Job], needs: tuple[str, ...]
) -> None:
    parameters, vector = p10_second_order.places(SMALL)
    batch = SMALL.data()[0]
    ends = []
    for step in (1e-5, -1e-5):
        moved = [p + step * v.astype(float) for p, v in zip(parameters, vector, strict=True)]
        ends.append(loss_and_slopes(moved, *batch)[1])
    product = [(a - b) / 2e-5 for a, b in zip(*ends, strict=True)]
    expected = p6.summary(np.concatenate([part.ravel() for part in product]))
    assert check(partial(build, SMALL), 2, needs) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("_name", "build", "needs"),
    p10_second_order.JACOBIAN,
    ids=[name for name, *_ in p10_second_order.JACOBIAN],
)
def test_jacobians_agree(_name: str, build: Callable[[int], Job], needs: tuple[str, ...]) -> None:
    x, w, b = (part.astype(float) for part in p10_second_order.layer(5))
    columns = [np.tanh((x + 1e-30j * e) @ w + b).imag / 1e-30 for e in np.eye(5)]
    expected = p6.summary(np.stack(columns, axis=1).ravel())
    assert check(partial(build, 5), 2, needs) == pytest.approx(expected, rel=1e-5)


# --- P11, P12: fresh processes -------------------------------------------------------------------


def test_an_import_is_timed_in_a_process_of_its_own() -> None:
    slow = partial(p11_imports.importing, "time.sleep(0.05)")
    player = LocalPlayer(Contestant("", slow))
    ((seconds,),) = player.turn(1)
    assert seconds >= 0.05
    facts = player.facts()
    assert facts["s a process"] > seconds
    if fresh.STATUS.exists():
        assert 2 < facts["MB"] < 200


def test_the_most_memory_is_what_was_taken_and_given_back() -> None:
    if not fresh.STATUS.exists():
        pytest.skip("only Linux tells")
    code = (
        "from benchmarks.fresh import megabytes; import json; a = megabytes('VmHWM'); "
        "block = bytearray(50 * 2**20); block[::4096] = b'x' * len(block[::4096]); del block; "
        "print(json.dumps([a, megabytes('VmRSS'), megabytes('VmHWM')]))"
    )
    before, now, most = fresh.ask(code)
    assert 45 < most - before < 60
    assert now < most - 40


def test_errors_of_fresh_processes_come_back() -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        fresh.ask("1 / 0")


@pytest.mark.parametrize("name", p12_memory.IMPORTS)
def test_memory_is_of_a_training_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    needs = {build[0]: build[2].get("needs", ()) for build in p1_p3_mlp.BUILDS}[name]
    if absent := missing(Contestant("", dict, needs)):
        pytest.skip(f"{', '.join(absent)} not installed")
    monkeypatch.setattr(p12_memory, "STEPS", 30)
    said = p12_memory.run(name, TINY, warm=False)
    direct = check(partial(by_hand, TINY), 30)
    assert [said["loss"]] == pytest.approx(direct, rel=1e-5)
    assert "MB grown" in said
    assert set(p12_memory.run(name, TINY, warm=True)) == {
        "seconds",
        "loss",
        "MB grown after a tiny step",
    }


def test_a_run_of_memory_in_its_own_process() -> None:
    said = p12_memory.both("hand NumPy", "P1")
    assert said["loss"] == pytest.approx(
        check(partial(by_hand, p1_p3_mlp.SMALL), p12_memory.STEPS)[0], rel=1e-5
    )
    if fresh.STATUS.exists():
        assert 0 <= said["MB grown"] < said["MB at most"] < 500


# --- the costs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("contestant", costs.COSTS.contestants, ids=lambda c: c.name)
def test_costs_are_of_what_they_say(contestant: Contestant) -> None:
    if absent := missing(contestant):
        pytest.skip(f"{', '.join(absent)} not installed")
    _name, _, what = contestant.name.partition(": ")
    player = LocalPlayer(contestant)
    found = player.open(2).check
    problem = p1_p3_mlp.SMALL
    parameters, (x, labels) = start(problem), problem.data()[0]
    if what == costs.ENTERED:
        assert found is None
    elif what in (costs.RECORDED, costs.UNRECORDED):
        a, b = costs.vectors()
        assert found == pytest.approx([float(a.astype(float) @ b)], rel=1e-5)
    elif what in (costs.ASKED, costs.ASKED_PLAINLY):
        w1, b1, w2, b2 = parameters
        y = np.tanh(x @ w1 + b1) @ w2 + b2
        assert found == pytest.approx([float((y * y).sum())], rel=1e-5)
    else:
        slopes = loss_and_slopes(parameters, x, labels)[1]
        assert found == pytest.approx([float(np.linalg.norm(g)) for g in slopes], rel=1e-4)
        facts = player.facts()
        if what == costs.HOOKED:
            assert facts["calls of hooks"] == 2 * len(parameters)
        elif what == costs.KEPT:
            assert facts["numbers kept"] == problem.batch * problem.sizes[1]
        else:
            assert facts == {}


def test_nothing_is_imported_before_the_clock_starts() -> None:
    """P11's process has NumPy only where the import brings it."""
    look = "assert 'numpy' not in sys.modules and 'json' not in sys.modules"
    assert fresh.ask(p11_imports.CODE.format(imports=look))["seconds"] >= 0
