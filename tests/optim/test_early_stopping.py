"""Early stopping: when it stops, what it keeps, and that it goes on from its state."""

import math
from typing import Any

import numpy as np
import pytest

import nn
from optim import EarlyStopping


class Weight(nn.Module):
    """A parameter and a buffer that say when they were seen."""

    def __init__(self) -> None:
        self.weight = nn.Parameter([0.0])
        self.seen = nn.Buffer(np.array([0]))

    def forward(self, x: Any) -> Any:
        return x * self.weight

    def set(self, step: int) -> None:
        self.weight.data = [float(step)]
        self.seen._swap(np.array([step]))


def run(stopping: EarlyStopping, values: list[float], model: Weight, first: int = 0) -> int | None:
    """At which value it stopped."""
    for step, value in enumerate(values, first):
        model.set(step)
        if stopping.update(value, model):
            return step
    return None


@pytest.mark.parametrize(
    ("values", "patience", "mode", "min_delta", "stopped", "best"),
    [
        ([5, 4, 3, 4, 4, 4, 1], 3, "min", 0.0, 5, 2),
        ([5, 4, 3, 4, 4, 2, 3, 3], 3, "min", 0.0, None, 5),
        ([5, 4, 3, 4, 4, 2, 3, 3, 3], 3, "min", 0.0, 8, 5),
        ([5, 5], 1, "min", 0.0, 1, 0),
        ([0.1, 0.5, 0.4, 0.5], 2, "max", 0.0, 3, 1),
        # Small gains count neither by themselves nor in sum, unless the sum is large enough.
        ([5, 4.9, 4.8, 4.7], 3, "min", 0.5, 3, 0),
        ([5, 4.7, 4.4, 4.3], 3, "min", 0.5, None, 2),
        ([math.nan, 3, math.nan, math.nan], 2, "min", 0.0, 3, 1),
        ([3, math.inf, -math.inf], 2, "min", 0.0, None, 2),
        ([math.nan, math.nan], 2, "min", 0.0, 1, None),
        ([5, 4, 4.5, *[6] * 30, 3.5, 7], None, "min", 0.0, None, 33),
        ([math.nan] * 30, None, "min", 0.0, None, None),
    ],
)
def test_it_stops_after_patience_checks_without_an_improvement(
    values: list[float],
    patience: int | None,
    mode: str,
    min_delta: float,
    stopped: int | None,
    best: int | None,
) -> None:
    stopping = EarlyStopping(patience, mode=mode, min_delta=min_delta)
    model = Weight()
    assert run(stopping, values, model) == stopped
    assert stopping.best_step == best
    assert stopping.best_value == (None if best is None else values[best])
    if best is not None:
        stopping.restore(model)
        assert model.weight.data == [best]
        assert model.seen.data == [best]


def test_what_is_kept_is_a_copy() -> None:
    stopping, model = EarlyStopping(), Weight()
    run(stopping, [1.0], model)
    model.weight.data[0] = 9.0
    stopping.restore(model)
    assert model.weight.data == [0.0]
    model.weight.data[0] = 9.0
    stopping.restore(model)
    assert model.weight.data == [0.0]


def test_it_goes_on_from_its_state() -> None:
    values = [5.0, 4.0, 4.5, 3.0, 3.5, 3.5, 3.5]
    whole, model = EarlyStopping(3), Weight()
    assert run(whole, values, model) == 6
    for k in range(len(values)):
        first, second = EarlyStopping(3), EarlyStopping(3)
        run(first, values[:k], Weight())
        state = first.state_dict()
        second.load_state_dict(state)
        if state["best_state"] is not None:
            state["best_state"]["weight"][:] = 77.0  # it is a copy, and was copied
        later = Weight()
        assert run(second, values[k:], later, first=k) == 6
        second.restore(later)
        assert later.weight.data == [3.0]
        assert (second.best_value, second.best_step) == (3.0, 3)


def test_it_forgets_for_another_training() -> None:
    stopping, fresh = EarlyStopping(1), EarlyStopping(1)
    assert run(stopping, [1.0, 2.0], Weight()) == 1
    stopping.reset()
    assert stopping.state_dict() == fresh.state_dict()
    assert run(stopping, [5.0, 4.0, 3.0], Weight()) is None


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="patience must be 1 or more, not 0"):
        EarlyStopping(0)
    with pytest.raises(TypeError, match=r"patience must be a whole number, not 1\.5"):
        EarlyStopping(1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="mode must be .* not 'lowest'"):
        EarlyStopping(mode="lowest")
    with pytest.raises(ValueError, match=r"min_delta must be .* from 0 on, not -1"):
        EarlyStopping(min_delta=-1)
    with pytest.raises(TypeError, match="EarlyStopping: min_delta must be a number, not 'a'"):
        EarlyStopping(min_delta="a")  # type: ignore[arg-type]
    model = Weight()
    stopping = EarlyStopping(monitor="validation accuracy")
    with pytest.raises(RuntimeError, match="no best validation accuracy yet, call update first"):
        stopping.restore(model)
    stopping.update(math.nan, model)
    with pytest.raises(RuntimeError, match="for all of them were NaN"):
        stopping.restore(model)
    before = stopping.state_dict()
    with pytest.raises(ValueError, match=r"not of EarlyStopping: it has \['t'\]"):
        stopping.load_state_dict({"t": 1})
    assert stopping.state_dict() == before
