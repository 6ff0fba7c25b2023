"""P5: micrograd's demonstration on two moons as a graph of scalars, forward and backward.

A multilayer network 2-16-16-1 with ReLU scores 100 points; the loss is the mean hinge loss plus
alpha times the sum of squared parameters. Every number is a box: 65,818 of them in micrograd.
"""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.contest import Contestant, Job, Row, Target

ALPHA = 1e-4
Scalar = Any  # micrograd's Value, or our Tensor


@dataclass(frozen=True)
class Moons:
    """The points, their labels ±1 and the network's sizes; both scalar engines start from these."""

    points: int = 100
    sizes: tuple[int, ...] = (2, 16, 16, 1)

    def data(self) -> tuple[list[list[float]], list[float]]:
        """Two half circles, interleaved and noisy."""
        rng = np.random.default_rng(1337)
        half = self.points // 2
        angle = np.linspace(0, math.pi, half)
        upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
        x = np.concatenate([upper, lower]) + rng.normal(scale=0.1, size=(2 * half, 2))
        labels = [-1.0] * half + [1.0] * half
        return x.tolist(), labels

    def start(self) -> list[list[list[float]]]:
        """By layer and neuron: its weights, uniform in (-1, 1), and last its bias, 0."""
        rng = np.random.default_rng(1337)
        return [
            [[*rng.uniform(-1, 1, inputs).tolist(), 0.0] for _ in range(outputs)]
            for inputs, outputs in pairwise(self.sizes)
        ]


def total_loss(
    scalar: Callable[[float], Scalar], moons: Moons
) -> tuple[Callable[[], Scalar], list[Scalar]]:
    """The demonstration's loss in scalars of any kind, as a function of nothing; its parameters."""
    layers = [[[scalar(p) for p in neuron] for neuron in layer] for layer in moons.start()]
    parameters = [p for layer in layers for neuron in layer for p in neuron]
    points, labels = moons.data()

    def score(inputs: Sequence[Scalar]) -> Scalar:
        h = inputs
        for layer in layers:
            # A neuron adds its products to the bias one by one, as micrograd's does.
            a = [sum((w * x for w, x in zip(n, h, strict=False)), n[-1]) for n in layer]
            h = a if layer is layers[-1] else [one.relu() for one in a]
        return h[0]

    def loss() -> Scalar:
        scores = [score([scalar(x) for x in point]) for point in points]
        hinges = [(1 + -y * s).relu() for y, s in zip(labels, scores, strict=True)]
        data_loss = sum(hinges) * (1.0 / len(hinges))
        return data_loss + ALPHA * sum(p * p for p in parameters)

    return loss, parameters


def summary(loss: float, grads: list[float]) -> list[float]:
    """What must agree: the loss and the norm of the gradient."""
    return [loss, math.hypot(*grads)]


def micrograd(moons: Moons) -> Job:
    """micrograd's Value."""
    from micrograd.engine import Value

    # Its backward recurses as deep as the graph: the sum over points, then a network.
    sys.setrecursionlimit(100_000)
    forward_pass, parameters = total_loss(Value, moons)
    loss: Any = None

    def forward() -> None:
        nonlocal loss
        loss = forward_pass()

    def backward() -> None:
        for p in parameters:
            p.grad = 0
        loss.backward()

    def facts() -> dict[str, float]:
        seen, waiting = set(), [loss]
        while waiting:
            value = waiting.pop()
            if value not in seen:
                seen.add(value)
                waiting.extend(value._prev)
        return {"nodes": len(seen)}

    def check() -> list[float]:
        return summary(loss.data, [p.grad for p in parameters])

    return Job({"forward": forward, "backward": backward}, check, facts=facts)


def ours(moons: Moons) -> Job:
    """Our Tensor holding scalars, by the same expressions."""
    import autograd_core as ag
    from autograd_core.graph import topological_order

    forward_pass, parameters = total_loss(ag.Tensor, moons)
    for p in parameters:
        p.requires_grad_()
    loss: Any = None

    def forward() -> None:
        nonlocal loss
        loss = forward_pass()

    def backward() -> None:
        for p in parameters:
            p.zero_grad()
        loss.backward()

    def facts() -> dict[str, float]:
        return {"nodes": len(topological_order([loss._node]))}

    def check() -> list[float]:
        return summary(loss.item(), [p.grad.item() for p in parameters])

    return Job({"forward": forward, "backward": backward}, check, facts=facts)


BUILDS = (("ours", ours, ("autograd_core",)), ("micrograd", micrograd, ("micrograd",)))


def contestants(moons: Moons) -> tuple[Contestant, ...]:
    """Both engines, with the garbage collector as it comes and without it."""
    return tuple(
        Contestant(
            name + suffix,
            partial(build, moons),
            needs,
            rival="ours" + suffix,
            collector=not suffix,
        )
        for suffix in ("", ", collector off")
        for name, build, needs in BUILDS
    )


P5 = Row(
    "P5",
    "scalar graph: MLP 2-16-16-1 on 100 points, hinge loss and L2, forward and backward",
    contestants(Moons()),
    unit="ms",
    warm_up=2,
    checked="loss, norm of the gradient",
    tolerance=1e-9,
    targets=(
        Target("ours", "micrograd", 0.12),
        Target("ours, collector off", "micrograd, collector off", 0.6),
    ),
)
