"""How much Python a training step of a small network costs: calls are counted, nothing is timed."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
import optim

HOMES = tuple(str(Path(package.__file__).parent) + os.sep for package in (nn, optim))


def calls(step: Callable[[], Any]) -> int:
    """How many of the functions of ``nn`` and ``optim`` a step calls, once it is warm."""
    count = 0

    def profile(frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        # A comprehension is a call before Python 3.12.
        inner = frame.f_code.co_name.startswith("<")
        if event == "call" and not inner and frame.f_code.co_filename.startswith(HOMES):
            count += 1

    for _ in range(3):
        step()
    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        step()
    finally:
        sys.setprofile(before)
    return count


def training(sizes: list[int], kind: str) -> Callable[[], None]:
    rng = np.random.default_rng(0)
    model = nn.MLP(sizes, activation="tanh", dtype="float32", rng=rng)
    optimizer = optim.make_optimizer(kind, model.parameters(), lr=0.01)
    x = ag.Tensor(rng.normal(size=(32, sizes[0])).astype("float32"))
    y = rng.integers(sizes[-1], size=32)

    def step() -> None:
        loss = nn.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


@pytest.mark.parametrize(("kind", "most"), [("sgd", 33), ("adam", 36)])
def test_a_step_of_a_small_network_makes_few_calls(kind: str, most: int) -> None:
    assert calls(training([64, 64, 10], kind)) <= most


def test_a_layer_more_costs_eight_calls_and_no_more() -> None:
    # The layer, its activation, what it computes, and three rules, of which two call another.
    two, three = (calls(training([64] * n + [10], "sgd")) for n in (2, 3))
    assert three - two <= 8


def test_parameters_more_are_no_calls_more_for_the_optimizer() -> None:
    def update(n: int) -> Callable[[], None]:
        parameters = [ag.Tensor(np.ones(3), requires_grad=True) for _ in range(n)]
        for p in parameters:
            p.grad = np.ones(3)
        optimizer = optim.Adam(parameters)
        return optimizer.step

    assert calls(update(2)) == calls(update(50))
