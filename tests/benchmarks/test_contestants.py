"""All contestants of a row compute the same: losses and gradients on tiny problems."""

import gc
import math
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import chains, mlp_peers, p1_p3_mlp, p5_scalar_graph, p7_p8_chain, p9_scaling
from benchmarks.contest import Contestant
from benchmarks.mlp_numpy import by_hand
from benchmarks.mlp_problem import Problem
from benchmarks.p5_scalar_graph import ALPHA, Moons
from benchmarks.race import missing
from benchmarks.timing import LocalPlayer

TINY = Problem((6, 5, 4, 3), batch=7)


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Contestants change their process, which in these tests is everybody's."""
    limit = sys.getrecursionlimit()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what peers warn of is no failure of ours
        yield
    sys.setrecursionlimit(limit)
    gc.enable()


def check(contestant: Contestant, steps: int) -> list[float]:
    """What a contestant's check gives after some steps."""
    if absent := missing(contestant):
        pytest.skip(f"{', '.join(absent)} not installed")
    found = LocalPlayer(contestant).open(steps).check
    assert found is not None
    return found


def losses_by_textbook(problem: Problem, steps: int) -> float:
    """The loss after some steps, in float64, without any of the benchmarks' own arithmetic."""
    layers = [[w.astype(float), b.astype(float)] for w, b in problem.start()]
    velocity = [[np.zeros_like(w), np.zeros_like(b)] for w, b in layers]
    stream, loss = problem.stream(), math.nan
    for _ in range(steps):
        x, labels = next(stream)
        h = [x.astype(float)]
        for w, b in layers[:-1]:
            h.append(np.tanh(h[-1] @ w + b))
        a = h[-1] @ layers[-1][0] + layers[-1][1]
        f = np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)
        e = np.eye(problem.sizes[-1])[labels]
        loss = float(-np.mean(np.log((f * e).sum(axis=1))))
        g = (f - e) / len(x)
        for k in range(len(layers) - 1, -1, -1):
            grads = [h[k].T @ g, g.sum(axis=0)]
            g = (g @ layers[k][0].T) * (1 - h[k] ** 2)
            for i in range(2):
                velocity[k][i] = problem.momentum * velocity[k][i] + grads[i]
                layers[k][i] = layers[k][i] - problem.lr * velocity[k][i]
    return loss


CHECKED = [build for build in p1_p3_mlp.BUILDS if "alone" not in build[0]]


@pytest.mark.parametrize(("name", "build", "how"), CHECKED, ids=[name for name, *_ in CHECKED])
def test_networks_train_alike(name: str, build: p1_p3_mlp.Build, how: dict[str, object]) -> None:
    needs = how.get("needs", ())
    contestant = Contestant(name, lambda: build(TINY), needs=needs)  # type: ignore[arg-type]
    assert check(contestant, 30) == pytest.approx([losses_by_textbook(TINY, 30)], rel=1e-5)


def test_training_lowers_the_loss() -> None:
    long = replace(TINY, batches=1)
    first, later = (check(Contestant("", lambda: by_hand(long)), n)[0] for n in (1, 50))
    assert later < first / 2


@pytest.mark.parametrize(("name", "build", "needs"), p5_scalar_graph.BUILDS)
def test_scalar_graphs_agree(name: str, build: object, needs: tuple[str, ...]) -> None:
    moons = Moons(points=6, sizes=(2, 4, 3, 1))
    contestant = Contestant(name, lambda: build(moons), needs=needs)  # type: ignore[operator]
    loss, norm = check(contestant, 2)
    x, y = map(np.asarray, moons.data())
    parameters = moons.start()

    def textbook(parameters: list[list[list[float]]]) -> float:
        h = x
        for k, layer in enumerate(parameters):
            h = h @ np.array(layer)[:, :-1].T + np.array(layer)[:, -1]
            h = h if k == len(parameters) - 1 else np.maximum(h, 0)
        squares = sum(p * p for layer in parameters for neuron in layer for p in neuron)
        return float(np.maximum(1 - y * h[:, 0], 0).mean() + ALPHA * squares)

    assert loss == pytest.approx(textbook(parameters), rel=1e-12)
    slopes = []
    for layer in parameters:
        for neuron in layer:
            for i, kept in enumerate(list(neuron)):
                ends = []
                for step in (1e-6, -1e-6):
                    neuron[i] = kept + step
                    ends.append(textbook(parameters))
                neuron[i] = kept
                slopes.append((ends[0] - ends[1]) / 2e-6)
    assert norm == pytest.approx(math.hypot(*slopes), rel=1e-6)


def test_micrograd_has_the_nodes_that_it_is_known_for() -> None:
    pytest.importorskip("micrograd")
    player = LocalPlayer(Contestant("micrograd", lambda: p5_scalar_graph.micrograd(Moons())))
    player.turn(1)
    assert player.facts() == {"nodes": 65_818}


VECTORS = tuple(v.astype(float) for v in chains.vectors())


def slopes(x: np.ndarray | float, w: np.ndarray | float, n: int) -> list[float]:
    """The gradients of Σ x wⁿ at x and w, each summed."""
    return [float(np.sum(w**n)), float(np.sum(n * x * w ** (n - 1)))]


@pytest.mark.parametrize("contestant", p7_p8_chain.P7.contestants, ids=lambda c: c.name)
def test_chains_agree(contestant: Contestant) -> None:
    x, w = p7_p8_chain.inputs(vector=False) if "scalar" in contestant.name else VECTORS
    expected = slopes(x, w, p7_p8_chain.LENGTH)
    if "constant" in contestant.name:
        expected.pop()
    assert check(contestant, 3) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("contestant", p7_p8_chain.P8.contestants[:-1], ids=lambda c: c.name)
def test_one_multiplication_is_recorded(contestant: Contestant) -> None:
    x, w = p7_p8_chain.inputs(vector=False) if "scalar" in contestant.name else VECTORS
    assert check(contestant, 1) == pytest.approx(slopes(x, w, 1), rel=1e-6)


@pytest.mark.parametrize("name", p9_scaling.REACH)
def test_scaling_counts_what_it_makes(name: str) -> None:
    engine, needs = chains.ENGINES[name]
    traced = name != "PyTorch eager"
    contestant = Contestant(name, lambda: p9_scaling.scaling(engine, 20, traced), needs=needs)
    assert check(contestant, 2) == pytest.approx([1, 20 * 0.5])
    if traced:
        facts = LocalPlayer(contestant).facts()
        assert 50 < facts["bytes a node"] < 5000


def test_peers_start_where_we_start() -> None:
    torch = pytest.importorskip("torch")
    first = check(Contestant("", lambda: mlp_peers.pytorch(TINY)), 1)
    assert first == pytest.approx([losses_by_textbook(TINY, 1)], rel=1e-6)
    assert torch.get_default_dtype() == torch.float32
