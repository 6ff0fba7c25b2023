"""Inspection that remembers the last walks back only: no more is held, no less is known of them."""

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import autograd_core as ag


class Array(np.ndarray):
    """An array that can be watched going away."""


def steps(count: int, last: int | None) -> tuple[Any, list[weakref.ref[Any]], list[ag.Tensor]]:
    """A training loop under inspection; the data and the losses of its steps."""
    w = ag.Tensor(np.ones(4), requires_grad=True, name="w")
    batches, losses = [], []
    with ag.inspect("raise", last) as seen:
        for i in range(count):
            batch = np.full(4, 1.0 + i).view(Array)
            batches.append(weakref.ref(batch))
            hidden = ag.tanh(w * batch)
            loss = ag.sum(hidden * batch)
            loss.backward()
            with ag.no_grad():
                w -= 0.1 * w.grad
            w.grad = None
            losses.append(loss)
            del batch, hidden
    return seen, batches, losses


@pytest.mark.parametrize("last", [1, 2, 5])
def test_what_the_last_walks_met_is_known_and_nothing_else_is_held(last: int) -> None:
    gc.disable()
    try:
        seen, batches, losses = steps(12, last)
        assert [ref() is not None for ref in batches] == [False] * (12 - last) + [True] * last
    finally:
        gc.enable()
    every, _, same = steps(12, None)
    assert len(every.walks) == 12
    assert len(seen.walks) == last
    assert len(seen.nodes) == 4 * last
    for loss, other in zip(losses[-last:], same[-last:], strict=True):
        assert seen.value(loss) == every.value(other)
        assert seen.line(loss) is not None
    for walk, other_walk in zip(seen.walks, every.walks[-last:], strict=True):
        for g, h in zip(walk.gradients.values(), other_walk.gradients.values(), strict=True):
            np.testing.assert_array_equal(g, h)
    for held in (seen.values, seen.operands, seen.seconds, seen.places):
        assert len(held) <= 4 * last + 1  # and the parameter


def test_nodes_that_a_later_walk_meets_are_kept() -> None:
    x = ag.Tensor(0.5, requires_grad=True, name="x")
    with ag.inspect("raise", last=1) as seen:
        shared = ag.tanh(x)
        for _ in range(3):
            (shared * shared).backward(retain_graph=True)
        assert seen.value(shared) == np.tanh(0.5)
        # Order 2: the walk that made the gradient is older than the one that is remembered.
        (g,) = ag.gradients(ag.exp(x), [x], create_graph=True)
        (g * g).backward()
    assert len(seen.walks) == 1
    assert seen.value(g) == np.exp(0.5)
    with pytest.raises(LookupError):
        seen.line(shared)


def test_walks_inside_a_walk_count_with_it() -> None:
    # A checkpoint walks through its inside while the walk around it waits.
    with ag.inspect("raise", last=1) as seen:
        for i in range(3):
            x = ag.Tensor(0.1 * (i + 1), requires_grad=True)
            ag.checkpoint(lambda x: ag.tanh(ag.exp(x)))(x).backward()
    assert x.grad is not None
    assert any(node.op is not None and node.op.name == "tanh" for walk in seen.walks
               for node in walk.order)  # fmt: skip
    assert len(seen.walks) <= 2


def test_calls_that_only_forgotten_walks_met_are_forgotten() -> None:
    x = ag.Tensor(0.5, requires_grad=True)
    with ag.inspect("raise", last=2) as seen, ag.scope("training"):
        for _ in range(10):
            with ag.scope("step"), ag.scope("loss"):
                (x * x).backward()
    assert [(call.part, call.nth) for call in seen.calls] == [
        ("training", 0), ("step", 8), ("loss", 8), ("step", 9), ("loss", 9)
    ]  # fmt: skip
    assert [call.number for call in seen.calls] == [0, 17, 18, 19, 20]


def test_the_guard_against_writes_still_guards() -> None:
    a = np.ones(3)
    with ag.inspect("raise", last=1):
        for _ in range(3):
            ag.sum(ag.Tensor(np.ones(3), requires_grad=True) * 2).backward()
        x = ag.Tensor(np.full(3, 2.0), requires_grad=True)
        y = ag.sum(x * a)
        a[0] = 7.0
        with pytest.raises(ag.OverwrittenError):
            y.backward()


def test_last_is_a_count() -> None:
    with pytest.raises(ValueError, match="last must be at least 1, or None"), ag.inspect(last=0):
        pass
