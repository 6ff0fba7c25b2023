"""Parameter groups: what they hold, what may be assigned, and which parameters decay."""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
import optim
from optim.optimizers.flat import LARGE


def leaves(*shapes: tuple[int, ...], dtype: str = "float64") -> list[ag.Tensor]:
    return [ag.Tensor(np.ones(shape, dtype), requires_grad=True) for shape in shapes]


def step(optimizer: optim.Optimizer) -> None:
    for p in optimizer.parameters:
        p.grad = np.ones(p.shape, p.dtype)
    optimizer.step()


@pytest.mark.parametrize("size", [3, LARGE])
def test_each_group_has_its_own_rate_and_decay(size: int) -> None:
    a, b, c = leaves((size,), (2,), (2, size))
    optimizer = optim.SGD(
        [{"params": [a]}, {"params": (p for p in [b, c]), "lr": 0.01, "weight_decay": 2.0}], lr=0.1
    )
    step(optimizer)
    assert np.allclose(a.data, 1 - 0.1)
    assert np.allclose(b.data, 1 - 0.01 * (1 + 2.0))
    assert np.allclose(c.data, 1 - 0.01 * (1 + 2.0))
    assert optimizer.parameters == [a, b, c]
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.01]
    assert optimizer.param_groups[1]["params"] == (b, c)


def test_groups_are_the_same_as_optimizers_of_their_own() -> None:
    together, apart = leaves((3,), (4, 2), (5,)), leaves((3,), (4, 2), (5,))
    one = optim.AdamW(
        [
            {"params": together[:2], "lr": 0.1, "betas": (0.5, 0.6)},
            {"params": together[2:], "amsgrad": True},
        ]
    )
    two = optim.AdamW(apart[:2], lr=0.1, betas=(0.5, 0.6)), optim.AdamW(apart[2:], amsgrad=True)
    rng = np.random.default_rng(0)
    for _ in range(6):
        for p, q in zip(together, apart, strict=True):
            p.grad = q.grad = rng.normal(size=p.shape)
        one.step()
        for each in two:
            each.step()
    for p, q in zip(together, apart, strict=True):
        assert np.array_equal(p.data, q.data)
    largest = one.state["largest"]
    assert largest[0] is None
    assert largest[1] is None
    assert largest[2].shape == (5,)


def test_an_assignment_takes_effect_at_the_next_step() -> None:
    a, b = leaves((1,), (1,))
    optimizer = optim.SGD([{"params": [a]}, {"params": [b]}], lr=0.5)
    optimizer.param_groups[1]["lr"] = 0.25
    step(optimizer)
    assert (a.item(), b.item()) == (0.5, 0.75)
    optimizer.lr = 0.125
    assert [group["lr"] for group in optimizer.param_groups] == [0.125, 0.125]
    step(optimizer)
    assert (a.item(), b.item()) == (0.375, 0.625)
    optimizer.param_groups[0].update(momentum=0.5, nesterov=True)
    step(optimizer)
    assert a.item() == 0.375 - 0.125 * 1.5


def test_what_a_group_refuses() -> None:
    (a,) = leaves((1,))
    group = optim.SGD([a], lr=0.5, momentum=0.9, nesterov=True).param_groups[0]
    before = dict(group)
    with pytest.raises(ValueError, match="lr must be a finite number from 0 on, not -1"):
        group["lr"] = -1
    with pytest.raises(ValueError, match="nesterov needs a momentum"):
        group["momentum"] = 0.0
    with pytest.raises(ValueError, match="SGD has no option 'Lr': did you mean 'lr'"):
        group["Lr"] = 0.1
    with pytest.raises(KeyError, match="no option 'momentun': did you mean 'momentum'"):
        group["momentun"]
    with pytest.raises(ValueError, match="parameters of a group stay"):
        group["params"] = []
    with pytest.raises(ValueError, match="momentum must be in"):
        group.update({"lr": 0.1}, momentum=2.0)
    with pytest.raises(TypeError, match="not deleted"):
        del group["lr"]
    assert dict(group) == before
    assert list(group) == ["params", "lr", "momentum", "nesterov", "weight_decay"]
    assert len(group) == 5
    assert group == group
    assert group != optim.SGD([a], lr=0.5).param_groups[0]


def test_what_groups_may_be() -> None:
    a, b = leaves((1,), (2,))
    a.name = "w"
    with pytest.raises(ValueError, match="parameter group 1 has no 'params'"):
        optim.SGD([{"params": [a]}, {"lr": 0.1}], lr=0.1)
    with pytest.raises(ValueError, match=r"parameter 1 of group 1 \('w'\) is parameter 0 of group"):
        optim.SGD([{"params": [a]}, {"params": [b, a]}], lr=0.1)
    with pytest.raises(ValueError, match="list that parameter group 0 got is empty"):
        optim.SGD([{"params": []}], lr=0.1)
    with pytest.raises(TypeError, match="parameter groups are dicts, all of them: number 1 is"):
        optim.SGD([{"params": [a]}, b], lr=0.1)
    with pytest.raises(TypeError, match=r"parameter group 0 takes a list.*write \[parameter\]"):
        optim.SGD([{"params": a}], lr=0.1)
    with pytest.raises(TypeError, match="the order of a set is by chance"):
        optim.SGD({a, b}, lr=0.1)
    with pytest.raises(TypeError, match=r"an object of type tuple.*write \.parameters\(\)"):
        optim.SGD(nn.Linear(1, 1).named_parameters(), lr=0.1)
    with pytest.raises(TypeError, match=r"write \[group\]"):
        optim.SGD({"params": [a]}, lr=0.1)
    with pytest.raises(ValueError, match="no option 'weigth_decay': did you mean 'weight_decay'"):
        optim.SGD([{"params": [a], "weigth_decay": 0.1}], lr=0.1)
    with pytest.raises(ValueError, match="lr must be a finite number from 0 on, not -3"):
        optim.SGD([{"params": [a], "lr": -3}], lr=0.1)
    with pytest.raises(ValueError, match="lr must not be 0 from the start"):
        optim.SGD([{"params": [a], "lr": 0}], lr=0.1)
    with pytest.raises(TypeError, match="parameter 0 of group 0 is an object of type float"):
        optim.SGD([{"params": [1.0]}], lr=0.1)


def test_a_step_that_cannot_be_made_changes_no_group() -> None:
    a, b = leaves((2,), (3,))
    optimizer = optim.Adam([{"params": [a]}, {"params": [b]}], lr=0.1)
    step(optimizer)
    before = a.data.copy(), optimizer.state_dict()["steps"]
    b._swap(np.zeros(5))
    a.grad = np.ones(2)
    with pytest.raises(ValueError, match="nothing was changed"):
        optimizer.step()
    assert np.array_equal(a.data, before[0])
    assert optimizer.state_dict()["steps"] == before[1]


def test_an_optimizer_is_freed_without_the_garbage_collector() -> None:
    optimizer = optim.Adam(leaves((3,), (LARGE,)))
    step(optimizer)
    gone = weakref.ref(optimizer._flats[0].value)
    gc.disable()
    try:
        optimizer.parameters.clear()
        del optimizer
        assert gone() is None
    finally:
        gc.enable()


def test_only_weights_decay() -> None:
    model = nn.MLP([3, 4, 2])
    groups = optim.weight_decay_groups(model, 0.1)
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0]
    assert [[p.name for p in group["params"]] for group in groups] == [["W1", "W2"], ["b1", "b2"]]
    before = {p.name: p.data.copy() + 1.0 for p in model.parameters()}
    for p in model.parameters():
        p.data = before[p.name]
        p.grad = np.zeros(p.shape, p.dtype)
    optim.AdamW(groups, lr=0.5).step()
    for p in model.parameters():
        shrunk = 1 - 0.5 * 0.1 if p.name.startswith("W") else 1.0
        assert np.allclose(p.data, shrunk * before[p.name])


def test_a_model_without_biases_has_one_group() -> None:
    (group,) = optim.weight_decay_groups(nn.Linear(2, 3, bias=False), 0.1)
    assert group["weight_decay"] == 0.1
    with pytest.raises(ValueError, match="weight_decay must be a finite number from 0 on"):
        optim.weight_decay_groups(nn.Linear(2, 3), -0.1)
    with pytest.raises(TypeError, match="a model, not an object of type list"):
        optim.weight_decay_groups([], 0.1)  # type: ignore[arg-type]


def test_the_lectures_penalty_is_twice_its_factor() -> None:
    """λ Σ W² in the loss and weight_decay = 2λ in the optimizer are one step."""
    penalty, rng = 0.05, np.random.default_rng(0)
    start = rng.normal(size=(3, 2))
    one, two = (ag.Tensor(start.copy(), requires_grad=True) for _ in range(2))
    x = rng.normal(size=(5, 3))
    first = optim.SGD([one], lr=0.1)
    second = optim.SGD([two], lr=0.1, weight_decay=2 * penalty)

    def loss(w: Any) -> Any:
        return ag.sum((x @ w) ** 2)

    for _ in range(3):
        first.zero_grad()
        second.zero_grad()
        (loss(one) + penalty * ag.sum(one**2)).backward()
        loss(two).backward()
        first.step()
        second.step()
    assert np.allclose(one.data, two.data, rtol=1e-12)


# --- groups that come later -----------------------------------------------------------------------


def grown(name: str, parameters: list[ag.Tensor], later: int) -> Iterator[optim.Optimizer]:
    """Give the optimizer before each step; the second parameter comes after ``later`` of them."""
    optimizer = optim.make_optimizer(name, parameters[:1], lr=0.1, weight_decay=0.2)
    for t in count():
        if t == later:
            optimizer.add_param_group({"params": parameters[1:], "lr": 0.03})
        yield optimizer


@pytest.mark.parametrize("name", ["sgd", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "lion"])
@pytest.mark.parametrize("size", [3, LARGE])
def test_a_group_added_later_is_trained_as_by_an_optimizer_of_its_own(name: str, size: int) -> None:
    together, apart = leaves((2, 2), (size,)), leaves((2, 2), (size,))
    first = optim.make_optimizer(name, apart[:1], lr=0.1, weight_decay=0.2)
    second = optim.make_optimizer(name, apart[1:], lr=0.03, weight_decay=0.2)
    rng = np.random.default_rng(0)
    for t, optimizer in zip(range(6), grown(name, together, later=2), strict=False):
        for p, q in zip(together, apart, strict=True):
            p.grad = q.grad = rng.normal(size=p.shape)
        optimizer.step()
        first.step()
        if t >= 2:
            second.step()
        for p, q in zip(together, apart, strict=True):
            assert np.array_equal(p.data, q.data)
    assert optimizer.parameters == together
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.03]
    optimizer.zero_grad()
    assert together[1].grad is None


def test_pytorch_agrees_about_a_group_added_later() -> None:
    torch = pytest.importorskip("torch")
    ours = leaves((3,), (2, 2))
    theirs = [torch.tensor(p.data.copy(), requires_grad=True) for p in ours]
    one, two = optim.Adam(ours[:1], lr=0.1), torch.optim.Adam(theirs[:1], lr=0.1)
    rng = np.random.default_rng(0)
    for t in range(5):
        if t == 2:
            one.lr = two.param_groups[0]["lr"] = 0.05
            # What it does not name is what the optimizer was made with, and not what it has by now.
            one.add_param_group({"params": ours[1:], "betas": (0.5, 0.6)})
            two.add_param_group({"params": theirs[1:], "betas": (0.5, 0.6)})
        for p, q in zip(ours, theirs, strict=True):
            p.grad = rng.normal(size=p.shape)
            q.grad = torch.tensor(p.grad.copy())
        one.step()
        two.step()
    for p, q in zip(ours, theirs, strict=True):
        assert np.allclose(p.data, q.detach().numpy(), rtol=1e-12)
    for mine, other in zip(one.param_groups, two.param_groups, strict=True):
        assert (mine["lr"], mine["betas"]) == (other["lr"], other["betas"])
    assert one.defaults["lr"] == two.defaults["lr"] == 0.1


def test_a_group_added_later_is_saved_copied_and_scheduled() -> None:
    a, b = leaves((2,), (3,))
    optimizer = optim.Adam([a], lr=0.1)
    scheduler = optim.Scheduler(optimizer, optim.Exponential(0.5))
    step(optimizer)
    scheduler.step()
    held = optimizer.parameters
    optimizer.add_param_group({"params": [b], "lr": 1.0})
    assert held == [a, b]  # what a training loop has in hand grows with it
    assert [group["lr"] for group in optimizer.param_groups] == [0.05, 1.0]
    assert scheduler.state_dict()["initial"] == [0.1, 1.0]
    scheduler.step()
    assert [group["lr"] for group in optimizer.param_groups] == [0.025, 0.25]
    step(optimizer)
    state = optimizer.state_dict()
    assert state["steps"] == [2, 1]
    other = optim.Adam([{"params": leaves((2,))}, {"params": leaves((3,))}])
    other.load_state_dict(state)
    for one, two in zip(optimizer.state["mean"], other.state["mean"], strict=True):
        assert np.array_equal(one, two)
    copied = copy.deepcopy(optimizer)
    assert repr(copied) == repr(optimizer)
    copied.add_param_group({"params": leaves((1,))})
    assert copied.param_groups[2]["lr"] == 0.1
    with pytest.raises(ValueError, match="of 2 parameters, and the optimizer has 3"):
        copied.load_state_dict(state)


def test_a_group_that_cannot_be_added_changes_nothing() -> None:
    a, b = leaves((1,), (2,))
    optimizer = optim.SGD([a], lr=0.5, momentum=0.9)
    before = repr(optimizer)
    with pytest.raises(ValueError, match="parameter 1 of group 1 is parameter 0 of group 0 once"):
        optimizer.add_param_group({"params": [b, a]})
    with pytest.raises(ValueError, match="no option 'momentun': did you mean 'momentum'"):
        optimizer.add_param_group({"params": [b], "momentun": 0.5})
    with pytest.raises(ValueError, match="nesterov needs a momentum"):
        optimizer.add_param_group({"params": [b], "momentum": 0.0, "nesterov": True})
    with pytest.raises(ValueError, match="parameter group 1 has no 'params'"):
        optimizer.add_param_group({"lr": 0.5})
    with pytest.raises(ValueError, match="lr must not be 0 from the start"):
        optimizer.add_param_group({"params": [b], "lr": 0})
    with pytest.raises(TypeError, match="takes one group, a dict.*of type list"):
        optimizer.add_param_group([b])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a parameter is int64"):
        optimizer.add_param_group({"params": [b, ag.Tensor([1, 2])]})
    assert repr(optimizer) == before
    assert optimizer.parameters == [a]
    step(optimizer)
    assert b.data.tolist() == [1.0, 1.0]


def test_a_callback_of_fit_may_add_a_group() -> None:
    """Gradual unfreezing: the body joins the head in the middle of an epoch."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3)), rng.integers(0, 2, 20)
    model = nn.MLP([3, 4, 2], rng=rng)
    body, head = model.layers[0].parameters(), model.layers[2].parameters()
    start, moved = [p.data.copy() for p in body], []

    class Thaw(optim.Callback):
        def on_batch(self, training: Any) -> None:
            moved.append(any((p.data != s).any() for p, s in zip(body, start, strict=True)))
            if training.step == 2:
                training.optimizer.add_param_group({"params": body, "lr": 0.01})

    optim.fit(
        model, nn.cross_entropy, (X, y), optim.SGD(head, lr=0.1), epochs=2, batch_size=5,
        callbacks=[Thaw()], schedule=optim.Exponential(0.9), clip_norm=1.0, rng=rng,
    )  # fmt: skip
    assert moved == [False, False, True, True, True, True, True, True]


def test_what_would_not_be_trained_cannot_be_appended() -> None:
    a, b = leaves((1,), (2,))
    optimizer = optim.SGD([a], lr=0.5)
    with pytest.raises(AttributeError, match="'tuple' object has no attribute 'append'"):
        optimizer.param_groups.append({"params": [b]})  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="'tuple' object has no attribute 'append'"):
        optimizer.param_groups[0]["params"].append(b)
    with pytest.raises(ValueError, match="the parameters of a group stay: add_param_group adds"):
        optimizer.param_groups[0]["params"] = [a, b]
