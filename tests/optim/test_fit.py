"""`fit` against loops written out, closed forms and NumPy; and all that it refuses."""

from __future__ import annotations

import io
import math
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
import optim

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(int) + (X[:, 2] > 1)


def net(**options: Any) -> nn.Module:
    return nn.MLP([4, 6, 3], rng=np.random.default_rng(1), **options)


def equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return set(one) == set(other) and all(
        one[name].tobytes() == other[name].tobytes() for name in one
    )


# -- the loop --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["sgd", "adam", "rmsprop"])
@pytest.mark.parametrize("clipped", [False, True])
def test_it_is_the_loop_written_out(dtype: str, name: str, clipped: bool) -> None:
    x = X.astype(dtype)

    def penalty(model: Any) -> Any:
        return 0.01 * (model.weights()[0] ** 2).sum()

    one, other = net(dtype=dtype), net(dtype=dtype)
    limits: dict[str, float] = dict(clip_norm=0.3, clip_value=0.2) if clipped else {}
    history = optim.fit(
        one, nn.cross_entropy, (x, Y), name, lr=0.05, epochs=3, batch_size=16, penalty=penalty,
        schedule=optim.Exponential(0.9), rng=np.random.default_rng(4), **limits,
    )  # fmt: skip
    optimizer = optim.make_optimizer(name, other.parameters(), lr=0.05)
    generator = np.random.default_rng(4)
    losses, penalties, rates = [], [], []
    for epoch in range(3):
        order = generator.permutation(50)
        total = extra = 0.0
        optimizer.lr = 0.05 * 0.9**epoch
        for start in range(0, 50, 16):
            rows = order[start : start + 16]
            optimizer.zero_grad()
            loss = nn.cross_entropy(other(x[rows]), Y[rows])
            added = penalty(other)
            (loss + added).backward()
            if clipped:
                optim.clip_grad_norm(other.parameters(), 0.3)
                optim.clip_grad_value(other.parameters(), 0.2)
            optimizer.step()
            total += loss.item() * len(rows)
            extra += added.item() * len(rows)
        losses.append(total / 50)
        penalties.append(extra / 50)
        rates.append(optimizer.lr)
    assert equal(one.state_dict(), other.state_dict())
    assert history["training loss"] == losses
    assert history["penalty"] == penalties
    assert history["learning rate"] == rates


def test_a_step_of_the_user_s_own_is_taken() -> None:
    calls: list[int] = []

    class Counts(optim.SGD):  # type: ignore[misc]
        def step(self) -> None:
            calls.append(len(calls))
            super().step()

    one, other = net(), net()
    ways: dict[str, Any] = dict(epochs=1, batch_size=25, shuffle=False)
    optim.fit(one, nn.cross_entropy, (X, Y), Counts(one.parameters(), lr=0.1), **ways)
    optim.fit(other, nn.cross_entropy, (X, Y), "sgd", lr=0.1, **ways)
    assert calls == [0, 1]
    assert equal(one.state_dict(), other.state_dict())
    diverges(
        lambda o, t: np.sqrt((o * 0.0) ** 2).sum() + nn.cross_entropy(o, t), one,
        optimizer=Counts(one.parameters(), lr=0.1),
    )  # fmt: skip
    assert calls == [0, 1]


def test_one_full_step_is_the_formula() -> None:
    model = nn.MLP([4, 3], rng=np.random.default_rng(2))
    W, b = (p.data.copy() for p in model.parameters())
    optim.fit(
        model, nn.cross_entropy, (X, Y), "sgd", lr=0.5, epochs=1, batch_size=50,
        penalty=lambda m: 0.1 * (m.weights()[0] ** 2).sum(),
    )  # fmt: skip
    a = X @ W + b
    f = np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)
    delta = (f - np.eye(3)[Y]) / 50  # the lecture's f(x) - e(y), averaged over the batch
    found = [p.data for p in model.parameters()]
    np.testing.assert_allclose(found[0], W - 0.5 * (X.T @ delta + 2 * 0.1 * W), rtol=1e-12)
    np.testing.assert_allclose(found[1], b - 0.5 * delta.sum(axis=0), rtol=1e-12)


def test_measures_are_those_of_numpy() -> None:
    model = net(dropout=0.5, batch_norm=True)

    def share(output: Any, target: Any) -> float:
        return float((output.argmax(axis=1) == target).mean())

    history = optim.fit(
        model, nn.cross_entropy, (X, Y), "adam", lr=0.01, epochs=2, validation=(X[:20], Y[:20]),
        metrics={"share": share, "training share": share, "validation rows": lambda o, t: len(t)},
        penalty=lambda m: 5.0 * (m.weights()[0] ** 2).sum(),
    )  # fmt: skip
    model.eval()
    a = model(X).data
    logs = a - np.log(np.exp(a).sum(axis=1, keepdims=True))
    losses = -logs[np.arange(50), Y]
    assert history["validation loss"][-1] == pytest.approx(losses[:20].mean(), rel=1e-12)
    assert history["validation share"][-1] == (a[:20].argmax(axis=1) == Y[:20]).mean()
    assert history["training share"][-1] == (a.argmax(axis=1) == Y).mean()
    assert history["validation rows"] == [20.0, 20.0]
    assert list(history) == [
        "training loss", "penalty", "learning rate", "training share", "validation loss",
        "validation share", "validation rows",
    ]  # fmt: skip


def test_validation_in_parts_is_the_mean_over_examples() -> None:
    many = np.tile(X, (50, 1))[: 2 * 1024 + 100]
    labels = np.tile(Y, 50)[: 2 * 1024 + 100]
    model = net()
    history = optim.fit(
        model, nn.cross_entropy, (X, Y), "sgd", lr=0.1, epochs=1, validation=(many, labels)
    )
    with ag.no_grad():
        whole = nn.cross_entropy(model(many), labels).item()
    assert history["validation loss"][0] == pytest.approx(whole, rel=1e-12)


def test_epoch_means_are_those_of_the_weights() -> None:
    factors = np.array([0.2, 1.0, 7.0])
    loss = partial(nn.cross_entropy, class_weights=factors, ignore_index=9)
    labels = np.where(np.arange(50) % 7 == 3, 9, Y)

    def told(output: Any, target: Any) -> Any:
        return loss(output, target)

    told.batch_weight = lambda y: factors[y[y != 9]].sum()  # type: ignore[attr-defined]
    for each in (loss, told):
        model = net()
        history = optim.fit(
            model, each, (X, labels), "sgd", lr=1e-30, epochs=1, batch_size=16,
            validation=[(X[:20], labels[:20]), (X[20:], labels[20:])],
        )  # fmt: skip
        logs = np.log(np.exp(model(X).data) / np.exp(model(X).data).sum(axis=1, keepdims=True))
        counted = np.flatnonzero(labels != 9)
        weights = factors[Y[counted]]
        wanted = -(weights * logs[counted, Y[counted]]).sum() / weights.sum()
        assert history["training loss"][0] == pytest.approx(wanted, rel=1e-12)
        assert history["validation loss"][0] == pytest.approx(wanted, rel=1e-12)
    soft = optim.fit(
        net(), partial(nn.cross_entropy, class_weights=factors), (X, np.eye(3)[Y]), "sgd",
        lr=1e-30, epochs=1, batch_size=16,
    )  # fmt: skip
    each = -(factors * np.eye(3)[Y] * logs).sum(axis=1)
    assert soft["training loss"][0] == pytest.approx(each.mean(), rel=1e-12)


NAMED = [
    ("accuracy", [[2.0, 1.0], [0.0, 3.0]], [0, 0], 0.5),
    ("accuracy", [[2.0, 1.0], [0.0, 3.0]], [[1.0, 0.0], [0.0, 1.0]], 1.0),
    ("accuracy", [[-1.0], [2.0], [3.0], [0.0]], [0, 1, 0, 0], 0.75),
    ("accuracy", [-1.0, 2.0], [[0], [1]], 1.0),
    ("error rate", [[2.0, 1.0], [0.0, 3.0]], [0, 0], 0.5),
    ("mean squared error", [[1.0], [2.0]], [[0.0], [4.0]], 2.5),
    ("mean squared error", [[1.0], [2.0]], [0.0, 4.0], 2.5),
    ("mean absolute error", [1.0, 2.0], [0.0, 4.0], 1.5),
    ("r2", [1.0, 2.0, 4.0], [1.0, 2.0, 3.0], 0.5),
    ("r2", [[1.0, 0.0], [2.0, 2.0], [4.0, 4.0]], [[1.0, 0.0], [2.0, 2.0], [3.0, 4.0]], 0.75),
]


@pytest.mark.parametrize(("name", "output", "target", "wanted"), NAMED)
def test_metrics_by_name(name: str, output: Any, target: Any, wanted: float) -> None:
    assert optim.METRICS[name](np.array(output), np.array(target)) == pytest.approx(wanted)


def test_metrics_refuse_what_would_broadcast() -> None:
    with pytest.raises(ValueError, match=r"shape \(3, 2\) and targets of shape \(3,\)"):
        optim.METRICS["mean squared error"](np.zeros((3, 2)), np.zeros(3))
    with pytest.raises(ValueError, match=r"targets of shape \(2,\) do not fit outputs of shape"):
        optim.METRICS["accuracy"](np.zeros((3, 2)), np.zeros(2))


NAMES: dict[str, tuple[Any, str]] = {
    "the loss's": ({"loss": len}, 'cannot be called "loss"'),
    "the training loss's": ({"training loss": len}, 'cannot be called "loss"'),
    "twice": ({"a": len, "validation a": max}, "two metrics are called 'validation a'"),
    "two functions'": ([lambda o, t: 1.0, lambda o, t: 2.0], "two metrics are called '<lambda>'"),
}


@pytest.mark.parametrize("case", NAMES)
def test_no_metric_takes_the_name_of_another(case: str) -> None:
    metrics, message = NAMES[case]
    with pytest.raises(ValueError, match=message):
        optim.fit(net(), nn.cross_entropy, (X, Y), "adam", epochs=1, metrics=metrics)


def test_a_model_of_several_outputs_has_no_metrics() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(4, 3)

        def forward(self, x: Any) -> Any:
            return self.layer(x), x

    def loss(output: Any, target: Any) -> Any:
        return nn.cross_entropy(output[0], target)

    optim.fit(Two(), loss, (X, Y), "adam", epochs=1, validation=(X, Y))
    with pytest.raises(TypeError, match="the model gives tuple; measure it in a callback"):
        optim.fit(Two(), loss, (X, Y), "adam", epochs=1, metrics="accuracy")


def test_a_metric_that_fails_is_named() -> None:
    with pytest.raises(TypeError) as caught:
        optim.fit(
            net(), nn.cross_entropy, (X, Y), "adam", epochs=1, metrics={"rows": lambda o, t: o}
        )
    assert "in the metric 'rows'" in str(caught.value.__notes__)


def test_metrics_without_validation_are_of_the_training_data() -> None:
    history = optim.fit(net(), nn.cross_entropy, (X, Y), "adam", epochs=1, metrics=["accuracy"])
    assert list(history) == ["training loss", "learning rate", "training accuracy"]


# -- data ------------------------------------------------------------------------------------------


class Batches:
    """Re-iterable batches."""

    def __init__(self, batches: list[Any]) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[Any]:
        return iter(self.batches)


def squared(output: Any, target: Any) -> Any:
    return ((output - target) ** 2).mean()


def test_the_same_data_in_all_forms_give_the_same_bits(tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", Y)
    mapped = tuple(np.load(tmp_path / f"{n}.npy", mmap_mode="r") for n in "Xy")
    pairs = [(X[i : i + 16], Y[i : i + 16]) for i in range(0, 50, 16)]
    pandas = pytest.importorskip("pandas")
    # In another order by its labels, which are not to be looked at.
    labels = np.arange(50)[::-1]
    frame = pandas.DataFrame(X, index=labels), pandas.Series(Y, index=labels)
    forms: list[Any] = [
        (X, Y), frame, (X.tolist(), Y.tolist()), (ag.Tensor(X), Y), (np.asfortranarray(X), Y),
        mapped, pairs, Batches(pairs), optim.Minibatches(X, Y, batch_size=16, shuffle=False),
    ]  # fmt: skip
    found = []
    for form in forms:
        model = net()
        history = optim.fit(
            model, nn.cross_entropy, form, "sgd", lr=0.1, epochs=2, batch_size=16, shuffle=False,
            validation=form, metrics="accuracy",
        )  # fmt: skip
        found.append((model.state_dict(), history.to_dict()))
    for state, history_of in found:
        np.testing.assert_equal(state, found[0][0])
        for name, values in history_of.items():
            assert values == pytest.approx(found[0][1][name], rel=1e-12)


def test_tensors_of_torch_are_arrays() -> None:
    torch = pytest.importorskip("torch")
    one, other, third = net(), net(), net()
    x, y = torch.tensor(X), torch.tensor(Y)
    ways: dict[str, Any] = dict(lr=0.1, epochs=2, batch_size=25, shuffle=False)
    optim.fit(one, nn.cross_entropy, (X, Y), "sgd", **ways)
    optim.fit(other, nn.cross_entropy, (x, y), "sgd", **ways)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=25)
    optim.fit(third, nn.cross_entropy, loader, "sgd", **ways)
    assert equal(one.state_dict(), other.state_dict())
    assert equal(one.state_dict(), third.state_dict())


def test_x_alone_is_its_own_target() -> None:
    one, other = nn.MLP([4, 2, 4]), nn.MLP([4, 2, 4])
    other.load_state_dict(one.state_dict())
    for model, data in ((one, X), (other, (X, X))):
        rng = np.random.default_rng(0)
        optim.fit(model, squared, data, "sgd", lr=0.1, epochs=2, validation=data, rng=rng)
    assert equal(one.state_dict(), other.state_dict())
    third = nn.MLP([4, 2, 4])
    third.load_state_dict(optim_state := one.state_dict())
    optim.fit(third, squared, [X[:10], X[10:20]], "sgd", lr=0.1, epochs=1)
    assert not equal(third.state_dict(), optim_state)


@pytest.mark.parametrize(("last", "sizes"), [("keep", [20, 20, 10]), ("drop", [20, 20]),
                                             ("merge", [20, 30])])  # fmt: skip
def test_the_last_batch(last: str, sizes: list[int]) -> None:
    seen: list[int] = []

    def loss(output: Any, target: Any) -> Any:
        seen.append(len(target))
        return nn.cross_entropy(output, target)

    optim.fit(net(), loss, (X, Y), "sgd", lr=0.1, epochs=1, batch_size=20, last=last)
    assert seen[1:] == sizes  # the first is the trial


def test_the_order_is_by_the_generator_and_the_trial_draws_nothing() -> None:
    states = []
    for rng in (None, np.random.default_rng(0), np.random.default_rng(0)):
        with ag.seed(0):
            model = net(dropout=0.5)
            optim.fit(model, nn.cross_entropy, (X, Y), "sgd", lr=0.1, epochs=1, rng=rng)
            states.append(model.state_dict())
    assert equal(states[1], states[2])
    with ag.seed(0):
        model = net()
        optim.fit(model, nn.cross_entropy, (X, Y), "sgd", lr=0.1, epochs=1)
        drawn = ag.random_generator().random()
    with ag.seed(0):
        ag.random_generator().permutation(50)
        assert ag.random_generator().random() == drawn


# -- what belongs to it ----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [True, False])
def test_modes_are_given_back(mode: bool) -> None:
    model = net(dropout=0.5, batch_norm=True)
    model.train(mode)
    inner = model.modules()[-1]
    inner.train(False)
    seen = []

    class Looks(optim.Callback):
        def on_batch(self, training: optim.Training) -> None:
            seen.append([module.training for module in training.model.modules()])

    before = [module.training for module in model.modules()]
    optim.fit(
        model, nn.cross_entropy, (X, Y), "sgd", lr=0.1, epochs=2, callbacks=[Looks()],
        validation=(X, Y),
    )  # fmt: skip
    assert [module.training for module in model.modules()] == before
    # A part that is in use mode in a model being trained was put so on purpose.
    assert all(flags == ([True] * (len(before) - 1) + [not mode]) for flags in seen)


def test_callbacks_in_order_with_what_they_need() -> None:
    told: list[Any] = []

    class Tells(optim.Callback):
        def on_start(self, training: optim.Training) -> None:
            told.append("start")

        def on_batch(self, training: optim.Training) -> None:
            told.append((training.epoch, training.batch, training.step))
            assert math.isfinite(training.loss)

        def on_epoch(self, training: optim.Training) -> None:
            told.append(training.history.epochs)

        def on_end(self, training: optim.Training) -> None:
            told.append(training.history.stopped)

    optim.fit(
        net(), nn.cross_entropy, (X, Y), "sgd", lr=0.1, epochs=2, batch_size=30, callbacks=Tells()
    )
    assert told == [
        "start", (1, 1, 1), (1, 2, 2), 1, (2, 1, 3), (2, 2, 4), 2, "all 2 epochs are done",
    ]  # fmt: skip


@pytest.mark.parametrize("hook", ["on_batch", "on_epoch", "on_start"])
def test_a_callback_stops_with_a_reason(hook: str) -> None:
    class Stops(optim.Callback):
        pass

    def stop(self: Any, training: optim.Training) -> None:
        training.stop("enough is enough")

    setattr(Stops, hook, stop)
    history = optim.fit(
        net(), nn.cross_entropy, (X, Y), "sgd", lr=0.1, epochs=9, callbacks=[Stops()]
    )
    assert history.stopped == "enough is enough"
    assert history.epochs == (hook == "on_epoch")


def test_a_stop_needs_a_reason() -> None:
    class Stops(optim.Callback):
        def on_epoch(self, training: optim.Training) -> None:
            training.stop("")

    with pytest.raises(TypeError, match="in words"):
        optim.fit(net(), nn.cross_entropy, (X, Y), "sgd", lr=0.1, epochs=9, callbacks=[Stops()])


def test_early_stopping_gives_back_the_best() -> None:
    states = []

    class Keeps(optim.Callback):
        def on_epoch(self, training: optim.Training) -> None:
            states.append(training.model.state_dict())

    model, stopping = net(), optim.EarlyStopping(3)
    held_out = X + RNG.normal(size=X.shape) * 3, Y
    for _ in range(2):  # the second time it starts anew
        states.clear()
        model.load_state_dict(net().state_dict())
        history = optim.fit(
            model, nn.cross_entropy, (X, Y), "adam", lr=0.1, epochs=200, validation=held_out,
            early_stopping=stopping, callbacks=[Keeps()], rng=np.random.default_rng(0),
        )  # fmt: skip
        values = history["validation loss"]
        best = int(np.argmin(values))
        assert history.best_epoch == best + 1 == history.epochs - 3
        assert equal(model.state_dict(), states[best])
        assert f"the validation loss was best in epoch {best + 1}" in str(history.stopped)


def test_early_stopping_on_what_is_never_a_number() -> None:
    history = optim.fit(
        net(), nn.cross_entropy, (X, Y), "adam", lr=0.1, epochs=9, validation=(X, Y),
        metrics={"nothing": lambda o, t: math.nan},
        early_stopping=optim.EarlyStopping(2, monitor="validation nothing"),
    )  # fmt: skip
    assert history.stopped == "early stopping: the validation nothing was NaN in all of 2 epochs"
    assert history.best_epoch is None


def test_the_monitor_may_be_a_metric() -> None:
    stopping = optim.EarlyStopping(2, monitor="validation accuracy", mode="max")
    history = optim.fit(
        net(), nn.cross_entropy, (X, Y), "adam", epochs=100, lr=0.05, validation=(X, Y),
        metrics="accuracy", early_stopping=stopping,
    )  # fmt: skip
    assert history.mode == "max"
    assert history.best_epoch == int(np.argmax(history["validation accuracy"])) + 1


def test_schedules_by_step_and_by_epoch() -> None:
    rates: list[float] = []

    class Notes(optim.Callback):
        def on_batch(self, training: optim.Training) -> None:
            rates.append(training.optimizer.param_groups[0]["lr"])

    for every, wanted in (
        ("step", [0.25, 0.125, 0.0625, 0.03125]),
        ("epoch", [0.5, 0.5, 0.25, 0.25]),
    ):
        rates.clear()
        optim.fit(
            net(), nn.cross_entropy, (X, Y), "sgd", lr=0.5, epochs=2, batch_size=25,
            schedule=optim.Exponential(0.5), schedule_every=every, callbacks=[Notes()],
        )  # fmt: skip
        assert rates == wanted  # after the update, in steps already the next one's


@pytest.mark.parametrize("trained", [slice(None), slice(1)])
def test_no_gradient_is_left_behind(trained: slice) -> None:
    seen: list[bool] = []

    class Notes(optim.Callback):
        def on_end(self, training: Any) -> None:
            seen.extend(p.grad is not None for p in training.optimizer.parameters)

    model = net()
    optimizer = optim.SGD(model.parameters()[trained], lr=0.1)
    optim.fit(model, nn.cross_entropy, (X, Y), optimizer, epochs=1, callbacks=[Notes()])
    assert all(seen)
    assert all(p.grad is None for p in model.parameters())

    class Fails(optim.Callback):
        def on_batch(self, training: Any) -> None:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        optim.fit(model, nn.cross_entropy, (X, Y), optimizer, epochs=1, callbacks=[Fails()])
    assert all(p.grad is None for p in model.parameters())


def test_the_rate_is_halved_on_a_plateau_of_the_validation_loss() -> None:
    model = net()
    model.freeze()
    model.parameters()[-1].requires_grad_(True)
    history = optim.fit(
        model, lambda o, t: nn.cross_entropy(o * 0.0, t), (X, Y), "sgd", lr=1.0, epochs=6,
        validation=(X, Y), schedule=optim.HalveOnPlateau(2),
    )  # fmt: skip
    assert history["learning rate"] == [1.0, 1.0, 1.0, 0.5, 0.5, 0.25]
    scored = optim.fit(
        net(), nn.cross_entropy, (X, Y), "sgd", lr=1.0, epochs=4, validation=(X, Y),
        metrics={"score": lambda o, t: 1.0}, schedule=optim.HalveOnPlateau(1, mode="max"),
    )  # fmt: skip
    assert scored["learning rate"] == [1.0, 1.0, 0.5, 0.25]


# -- ends ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["loss", "callback", "data"])
def test_ctrl_c_ends_between_steps(place: str) -> None:
    calls = [0]

    def press(at: str) -> None:
        calls[0] += at == place
        if at == place and calls[0] == 4:
            signal.raise_signal(signal.SIGINT)

    def loss(output: Any, target: Any) -> Any:
        press("loss")
        return nn.cross_entropy(output, target)

    class Presses(optim.Callback):
        def on_batch(self, training: optim.Training) -> None:
            press("callback")

    class Source:
        def __iter__(self) -> Iterator[Any]:
            for start in range(0, 50, 10):
                press("data")
                yield X[start : start + 10], Y[start : start + 10]

    wanted = net()
    one = optim.Adam(wanted.parameters(), lr=0.1)
    for start in range(0, 40, 10):
        one.zero_grad()
        nn.cross_entropy(wanted(X[start : start + 10]), Y[start : start + 10]).backward()
        one.step()
    model = net(dtype="float64").eval()
    history = optim.fit(model, loss, Source(), "adam", lr=0.1, epochs=9, callbacks=[Presses()])
    assert history.stopped == "interrupted in epoch 1 after batch 4"
    assert history.interrupted
    assert history.epochs == 0
    assert equal(model.state_dict(), wanted.state_dict())
    assert not model.training
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_after_an_epoch(tmp_path: Path) -> None:
    class Presses(optim.Callback):
        def on_epoch(self, training: optim.Training) -> None:
            signal.raise_signal(signal.SIGINT)

    for epochs in (1, 2):
        history = optim.fit(
            net(), nn.cross_entropy, (X, Y), "sgd", lr=0.1, epochs=9, callbacks=[Presses()],
            checkpoint=tmp_path / "run.safetensors",
        )  # fmt: skip
        assert (history.stopped, history.epochs) == (f"interrupted after epoch {epochs}", epochs)


def test_ctrl_c_ends_a_training_within_a_training() -> None:
    inner: list[optim.History] = []

    class Presses(optim.Callback):
        def on_batch(self, training: optim.Training) -> None:
            signal.raise_signal(signal.SIGINT)

    class Trains(optim.Callback):
        def on_epoch(self, training: optim.Training) -> None:
            inner.append(
                optim.fit(net(), nn.cross_entropy, (X, Y), "sgd", lr=0.1, epochs=9,
                          callbacks=[Presses()])
            )  # fmt: skip

    history = optim.fit(
        net(), nn.cross_entropy, (X, Y), "sgd", lr=0.1, epochs=9, callbacks=[Trains()]
    )
    assert [each.stopped for each in inner] == ["interrupted in epoch 1 after batch 1"]
    assert history.stopped == "interrupted after epoch 1"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_twice_does_not_wait_for_the_step() -> None:
    def loss(output: Any, target: Any) -> Any:
        if ag.recording():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        return nn.cross_entropy(output, target)

    model = net(batch_norm=True)
    before = model.state_dict()
    history = optim.fit(model, loss, (X, Y), "sgd", lr=0.1, epochs=9)
    assert history.stopped == "interrupted before the first update"
    assert equal(model.state_dict(), before)


def test_ctrl_c_leaves_a_checkpoint_to_go_on_from(tmp_path: Path) -> None:
    def train(at: int | None, path: Path | None) -> dict[str, Any]:
        class Presses(optim.Callback):
            def on_batch(self, training: optim.Training) -> None:
                if training.step == at:
                    signal.raise_signal(signal.SIGINT)

        with ag.seed(0):
            model = net(dropout=0.2)
            optim.fit(
                model, nn.cross_entropy, (X, Y), "adam", lr=0.1, epochs=2, batch_size=10,
                checkpoint=path, callbacks=[Presses()],
            )  # fmt: skip
            return model.state_dict()

    path = tmp_path / "run.safetensors"
    train(7, path)
    assert equal(train(None, path), train(None, None))


def test_handlers_of_others_and_other_threads_are_left_alone() -> None:
    caught = []
    before = signal.signal(signal.SIGINT, lambda *_: caught.append(1))
    try:
        mine = signal.getsignal(signal.SIGINT)

        class Presses(optim.Callback):
            def on_batch(self, training: optim.Training) -> None:
                assert signal.getsignal(signal.SIGINT) is mine
                signal.raise_signal(signal.SIGINT)

        optim.fit(net(), nn.cross_entropy, (X, Y), "sgd", lr=0.1, epochs=1, callbacks=[Presses()])
        assert caught
    finally:
        signal.signal(signal.SIGINT, before)
    found: list[Any] = []
    thread = threading.Thread(
        target=lambda: found.append(
            optim.fit(net(), nn.cross_entropy, (X, Y), "sgd", lr=0.1, epochs=1).stopped
        )
    )
    thread.start()
    thread.join()
    assert found == ["all 1 epochs are done"]


def diverges(
    loss: Callable[[Any, Any], Any], model: nn.Module, **options: Any
) -> optim.DivergenceError:
    x = X.astype(model.parameters()[0].dtype)
    with pytest.raises(optim.DivergenceError) as caught:
        optim.fit(model, loss, (x, Y), shuffle=False, **{"epochs": 3, "batch_size": 10, **options})
    assert all(np.isfinite(value).all() for value in model.state_dict().values())
    assert str(caught.value.history.stopped).startswith("not finite: ")
    return caught.value


def test_a_loss_that_is_not_finite_is_explained_and_undone() -> None:
    calls = [0]

    def loss(output: Any, target: Any) -> Any:
        calls[0] += ag.recording()
        found = nn.cross_entropy(output, target)
        # The eighth batch, and the same once more under inspection.
        return found + 0.0 * np.log((output * 0.0).sum()) if calls[0] >= 8 else found

    model, wanted = net(dropout=0.5, batch_norm=True), net(dropout=0.5, batch_norm=True)
    with np.errstate(all="ignore"):
        error = diverges(loss, model, optimizer="adam", lr=0.01, rng=np.random.default_rng(0))
    assert (error.epoch, error.batch, error.step) == (2, 3, 8)
    assert "the loss was nan in batch 3 of epoch 2 (update 8)" in str(error)
    assert error.report.op == "log"
    assert "np.log((output * 0.0).sum())" in str(error)
    assert error.history.epochs == 1
    # Parameters and running averages are those of seven updates.
    optimizer = optim.Adam(wanted.parameters(), lr=0.01)
    for step in range(7):
        rows = slice(step % 5 * 10, step % 5 * 10 + 10)
        optimizer.zero_grad()
        nn.cross_entropy(wanted(X[rows]), Y[rows]).backward()
        optimizer.step()
    assert equal(model.state_dict(), wanted.state_dict())


@pytest.mark.parametrize("limits", [{}, {"clip_norm": 1.0}, {"clip_value": 1.0}])
def test_a_gradient_that_is_not_finite_is_explained_before_the_update(
    limits: dict[str, float],
) -> None:
    def loss(output: Any, target: Any) -> Any:
        return np.sqrt((output * 0.0) ** 2).sum() + nn.cross_entropy(output, target)

    model = net()
    before = model.state_dict()
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    memory = repr(optimizer.state_dict())
    error = diverges(loss, model, optimizer=optimizer, **limits)
    assert "a gradient was not finite in batch 1 of epoch 1" in str(error)
    assert error.report.op == "sqrt"
    assert error.report.when == "backward"
    assert equal(model.state_dict(), before)
    assert repr(optimizer.state_dict()) == memory
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_mask_that_diverged_is_the_one_explained() -> None:
    """The repeated step draws what the step drew: otherwise another unit would be dropped."""
    model = nn.MLP([4, 40, 3], dropout=0.5, rng=np.random.default_rng(3), activation="relu")
    seen: list[Any] = []

    def loss(output: Any, target: Any) -> Any:
        if ag.recording():
            seen.append(output.data.copy())
        return nn.cross_entropy(output, target) + (
            np.log(output * 0.0).sum() if len(seen) in (7, 8) else 0.0
        )

    with np.errstate(all="ignore"):
        error = diverges(loss, model, optimizer="sgd", lr=0.1)
    assert (error.epoch, error.batch, error.step) == (2, 2, 7)
    assert len(seen) == 8
    assert np.array_equal(seen[6], seen[7])
    assert not np.array_equal(seen[1], seen[6])


@pytest.mark.parametrize("at_the_end", [False, True])
def test_an_update_that_overflows_is_named(at_the_end: bool) -> None:
    model = nn.MLP([4, 3], rng=np.random.default_rng(0), dtype="float32")
    before = model.state_dict()
    error = diverges(
        lambda o, t: nn.cross_entropy(o, t) * 1e20, model, optimizer="sgd", lr=1e30,
        batch_size=50 if at_the_end else 10, epochs=1,
    )  # fmt: skip
    assert "W1, b1 became inf or nan by the update of batch 1" in str(error)
    assert "lower the learning rate" in str(error)
    assert (error.epoch, error.batch, error.step, error.report) == (1, 1, 1, None)
    assert equal(model.state_dict(), before)


def test_where_numpy_raises_an_overflow_is_undone_too() -> None:
    model = nn.MLP([4, 3], rng=np.random.default_rng(0), dtype="float32")
    before = model.state_dict()
    with np.errstate(all="raise"):
        error = diverges(
            lambda o, t: nn.cross_entropy(o, t) * 1e20, model, optimizer="sgd", lr=1e30
        )
    assert "W1, b1 became inf or nan by the update of batch 1" in str(error)
    assert equal(model.state_dict(), before)


def test_nothing_that_is_not_finite_gets_into_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    model = nn.MLP([4, 3], rng=np.random.default_rng(0), dtype="float32")
    diverges(
        lambda o, t: nn.cross_entropy(o, t) * 1e20, model, optimizer="sgd", lr=1e30,
        checkpoint=path, checkpoint_every=1,
    )  # fmt: skip
    assert not path.exists()


def test_large_gradients_that_are_finite_are_no_error() -> None:
    model = nn.MLP([4, 3], dtype="float32")
    optim.fit(
        model, lambda o, t: nn.cross_entropy(o, t) * 1e30, (X.astype("f"), Y), "adam", lr=0.1,
        epochs=1,
    )  # fmt: skip


def test_an_error_of_the_loss_leaves_the_last_update() -> None:
    calls = [0]

    def loss(output: Any, target: Any) -> Any:
        calls[0] += ag.recording()
        if calls[0] == 3:
            raise RuntimeError("broken")
        return nn.cross_entropy(output, target)

    class Keeps(optim.Callback):
        states: list[Any] = []  # noqa: RUF012

        def on_batch(self, training: optim.Training) -> None:
            self.states.append(training.model.state_dict())

    model = net(batch_norm=True).eval()
    with pytest.raises(RuntimeError, match="broken") as caught:
        optim.fit(model, loss, (X, Y), "adam", lr=0.1, epochs=1, batch_size=10, callbacks=[Keeps()])
    assert equal(model.state_dict(), Keeps.states[-1])
    assert not model.training
    assert "in epoch 1, batch 3; parameters and optimizer are as the 2 updates" in str(
        caught.value.__notes__
    )


def test_a_last_batch_of_one_row_has_a_remedy() -> None:
    data: Any = (X[:33], Y[:33])
    with pytest.raises(ValueError, match="needs two rows or more") as caught:
        optim.fit(net(batch_norm=True), nn.cross_entropy, data, "adam", epochs=1)
    assert 'last="merge"' in caught.value.__notes__[-1]
    optim.fit(net(batch_norm=True), nn.cross_entropy, data, "adam", epochs=1, last="merge")


# -- what is refused -------------------------------------------------------------------------------

NAN = X.copy()
NAN[7, 2] = np.nan
LABELS = Y.copy()
LABELS[33] = 3
REFUSED: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "features": (dict(data=(X[:, :3], Y)), ValueError, "expected 4 features.*got 3"),
    "labels": (dict(data=(X, LABELS)), ValueError, "label 3, outside the 3 classes"),
    "nan": (dict(data=(NAN, Y)), ValueError, "fit: X has nan in row 7, column 2; remove"),
    "nan in batches": (dict(data=[(NAN, Y)]), ValueError, "nan in row 7, column 2 of batch 1"),
    "nan in Minibatches": (
        dict(data=optim.Minibatches(NAN, Y, batch_size=4)), ValueError, "row 7, column 2"
    ),
    "inf": (dict(data=(X, np.where(Y == 1, np.inf, 0)), loss=nn.mse_loss), ValueError, "y has inf"),
    "empty": (dict(data=(X[:0], Y[:0])), ValueError, r"data is empty, X has shape \(0, 4\)"),
    "no batches": (dict(data=[]), ValueError, "empty"),
    "lengths": (dict(data=(X, Y[:9])), ValueError, "X of data has 50 rows and y has 9"),
    "scalar": (dict(data=(X, 3)), ValueError, "y is a single number"),
    "words": (dict(data=(X, np.array(["a"] * 50))), TypeError, "y must hold numbers, not <U1"),
    "three": (dict(data=(X, Y, Y)), ValueError, "not a tuple of 3"),
    "mapping": (dict(data={"X": X}), TypeError, "not a mapping"),
    "list": (dict(data=[X, Y]), TypeError, r"a tuple \(X, y\)"),
    "number": (dict(data=3), TypeError, "or batches, not 3"),
    "iterator": (dict(data=iter([(X, Y)])), ValueError, "can be gone through once only"),
    "iterator measured": (
        dict(data=iter([(X, Y)]), epochs=1, metrics="accuracy"), ValueError, "nothing is left of it"
    ),
    "batch of three": (dict(data=[(X, Y, Y)]), ValueError, r"batch 1 of data must be \(x, y\)"),
    "batch lengths": (dict(data=[(X, Y[:3])]), ValueError, "has 50 inputs and 3 targets"),
    "batch size 0": (dict(batch_size=0), ValueError, "batch_size must be 1 or more, not 0"),
    "batch size": (dict(batch_size=2.5), TypeError, "batch_size must be a whole number"),
    "epochs": (dict(epochs=0), ValueError, "epochs must be 1 or more"),
    "optimizer": (dict(optimizer="adan"), ValueError, "did you mean 'adam'"),
    "no optimizer": (dict(optimizer=3), TypeError, "an Optimizer or a name, not 3"),
    "no rate": (dict(optimizer="sgd", lr=None), TypeError, "needs a learning rate"),
    "two rates": (
        dict(optimizer=optim.SGD(net().parameters(), lr=0.1)), ValueError, "lr belongs to an opt"
    ),
    "foreign optimizer": (
        dict(optimizer=optim.SGD(net().parameters(), lr=0.1), lr=None), ValueError, "none of the"
    ),
    "loss": (dict(loss="cross_entropy"), TypeError, "loss must be a function"),
    "loss of rows": (
        dict(loss=lambda o, t: nn.cross_entropy(o, t, reduction="none")), ValueError,
        r"one number as a Tensor.*not Tensor of shape \(16,\)",
    ),
    "loss of floats": (dict(loss=lambda o, t: 0.5), ValueError, "not float"),
    "loss that draws and fails": (
        dict(loss=lambda o, t: [ag.random_generator().random(), 1 / 0]), ZeroDivisionError, "zero"
    ),
    "model": (dict(model=lambda x: x), TypeError, "model must be an nn.Module"),
    "a class": (dict(model=nn.MLP), TypeError, "an nn.Module, not <class"),
    "metric": (dict(metrics="acuracy"), ValueError, "did you mean 'accuracy'"),
    "no metric": (dict(metrics={"a": 3}), TypeError, "metric 'a' must be a function"),
    "validation features": (dict(validation=(X[:, :2], Y)), ValueError, "4 features.*got 2"),
    "validation lengths": (dict(validation=(X, Y[:2])), ValueError, "validation has 50 rows and y"),
    "validation nan": (dict(validation=(NAN, Y)), ValueError, "X of validation has nan in row 7"),
    "validation alone": (dict(validation=X), ValueError, "labels of shape"),
    "monitor": (
        dict(early_stopping=optim.EarlyStopping()), ValueError, "not measured.*give validation data"
    ),
    "stopping": (dict(early_stopping=3), TypeError, "must be an EarlyStopping"),
    "schedule": (dict(schedule="cosine"), TypeError, "schedule must be a schedule"),
    "schedule every": (dict(schedule_every="batch"), ValueError, '"epoch" or "step"'),
    "plateau of a score": (
        dict(schedule=optim.HalveOnPlateau(mode="max")), ValueError, "needs a metric"
    ),
    "clip": (dict(clip_norm=0), ValueError, "clip_norm must be positive"),
    "clip word": (dict(clip_value="1"), TypeError, "clip_value must be a number"),
    "penalty": (dict(penalty=0.1), TypeError, "penalty must be a function"),
    "callback": (dict(callbacks=[print]), TypeError, "must be optim.Callback"),
    "every": (dict(checkpoint_every=3), ValueError, "checkpoint_every needs checkpoint"),
    "rng": (dict(rng=3), TypeError, "rng must be a NumPy Generator"),
    "last": (dict(last="pad"), ValueError, '"keep", "drop" or "merge"'),
    "shuffle": (dict(last="drop", batch_size=99), ValueError, "leaves no batch"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_wrong_is_told_and_nothing_changed(what: str) -> None:
    changes, kind, message = REFUSED[what]
    options: dict[str, Any] = dict(
        model=net(dropout=0.5, batch_norm=True, dtype="float64"), loss=nn.cross_entropy,
        data=(X, Y), optimizer="adam", lr=0.1, epochs=2,
    )  # fmt: skip
    model = options["model"]
    options |= changes
    before, drawn = model.state_dict(), ag.random_generator().bit_generator.state
    with pytest.raises(kind, match=message):
        optim.fit(
            options.pop("model"), options.pop("loss"), options.pop("data"),
            options.pop("optimizer"), **options,
        )  # fmt: skip
    assert equal(model.state_dict(), before)
    assert ag.random_generator().bit_generator.state == drawn
    assert all(module.training for module in model.modules())


def test_the_rows_that_were_tried_are_told() -> None:
    with pytest.raises(ValueError, match="row 1 has the label 3") as caught:
        optim.fit(net(), nn.cross_entropy, (X, LABELS), "adam", epochs=1)
    assert "on the rows 0, 33, 1, 2," in caught.value.__notes__[-1]


def test_a_nan_in_a_memory_map_is_told_by_its_row(tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", NAN)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    for data, validation in (((mapped, Y), None), ((X, Y), (mapped, Y))):
        with pytest.raises(ValueError, match="has nan in row 7, column 2"):
            optim.fit(
                net(), nn.cross_entropy, data, "adam", epochs=1, batch_size=8,
                validation=validation,
            )  # fmt: skip


def test_a_parameter_that_is_not_finite_is_refused() -> None:
    model = net()
    model.parameters()[0].data = np.full((4, 6), np.nan)
    with pytest.raises(ValueError, match=r"parameter layers.0.weight .* not finite before"):
        optim.fit(model, nn.cross_entropy, (X, Y), "adam", epochs=1)


def test_wide_data_are_cast_once_and_said_once(tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    wanted = net(dtype="float32")
    narrow = X.astype("float32"), Y
    optim.fit(wanted, nn.cross_entropy, narrow, "sgd", lr=0.1, epochs=2, shuffle=False)
    forms: list[Any] = [
        (X, Y), (mapped, Y), optim.Minibatches(X, Y, batch_size=32, shuffle=False),
        [(X[:32], Y[:32]), (X[32:], Y[32:])],
    ]  # fmt: skip
    for form in forms:
        model = net(dtype="float32")
        seen: list[Any] = []

        def loss(output: Any, target: Any, seen: list[Any] = seen) -> Any:
            seen.append(output.dtype)
            return nn.cross_entropy(output, target)

        with pytest.warns(UserWarning, match=r"is float64 and the model float32") as caught:
            optim.fit(model, loss, form, "sgd", lr=0.1, epochs=2, shuffle=False, validation=(X, Y))
        assert len(caught) == 1
        assert ".astype('float32')" in str(caught[0].message)
        assert caught[0].filename == __file__
        assert set(seen) == {np.dtype("float32")}
        assert equal(model.state_dict(), wanted.state_dict())
    assert X.dtype == np.float64
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optim.fit(net(dtype="float32"), nn.cross_entropy, narrow, "sgd", lr=0.1, epochs=1)
        optim.fit(net(dtype="float64"), nn.cross_entropy, narrow, "sgd", lr=0.1, epochs=1)


def test_whole_numbers_are_cast_where_they_are_computed_with(tmp_path: Path) -> None:
    whole = np.random.default_rng(0).integers(0, 5, size=(50, 4))
    np.save(tmp_path / "X.npy", whole)
    wanted = net(dtype="float32")
    optim.fit(
        wanted, nn.cross_entropy, (whole.astype("f"), Y), "sgd", lr=0.1, epochs=1, shuffle=False
    )
    forms: list[Any] = [
        (whole, Y), (np.load(tmp_path / "X.npy", mmap_mode="r"), Y), [(whole[:32], Y[:32]),
        (whole[32:], Y[32:])], optim.Minibatches(whole, Y, batch_size=32, shuffle=False),
    ]  # fmt: skip
    for form in forms:
        model = net(dtype="float32")
        with pytest.warns(
            UserWarning, match="[Xx] is int64 and the model float32.*float64"
        ) as seen:
            optim.fit(model, nn.cross_entropy, form, "sgd", lr=0.1, epochs=1, shuffle=False)
        assert len(seen) == 1
        assert equal(model.state_dict(), wanted.state_dict())
    # Indices stay what they are, and narrow numbers fit as they are; so do all in double precision.
    words = nn.Sequential(
        nn.Embedding(5, 2, dtype="float32"), nn.Flatten(), nn.Linear(8, 3, dtype="float32")
    )
    optim.fit(words, nn.cross_entropy, (whole, Y), "sgd", lr=0.1, epochs=1)
    narrow = whole.astype("uint8"), Y
    optim.fit(net(dtype="float32"), nn.cross_entropy, narrow, "sgd", lr=0.1, epochs=1)
    optim.fit(net(dtype="float64"), nn.cross_entropy, (whole, Y), "sgd", lr=0.1, epochs=1)


@pytest.mark.filterwarnings("ignore:fit. X is float64")
def test_numbers_beyond_the_model_s_dtype_are_refused() -> None:
    large = X.copy()
    large[3, 1] = 1e200
    with pytest.raises(ValueError, match=r"X has 1e\+200, which is beyond float32"):
        optim.fit(net(dtype="float32"), nn.cross_entropy, (large, Y), "adam", epochs=1)


# -- the bar ---------------------------------------------------------------------------------------


def test_the_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tqdm")

    def run(progress: bool | None) -> str:
        optim.fit(
            net(), nn.cross_entropy, (X, Y), "adam", epochs=2, validation=(X, Y),
            metrics="accuracy", progress=progress,
        )  # fmt: skip
        out, err = capsys.readouterr()
        assert not out
        return err

    assert run(None) == ""  # no terminal
    assert run(False) == ""
    shown = run(True)
    assert "epoch 2/2: 100%" in shown
    assert "4/4" in shown
    assert "validation loss" in shown

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    run(None)
    assert "epoch 2/2" in terminal.getvalue()
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    run(None)
    assert terminal.getvalue() == ""
    with pytest.raises(ImportError, match=r"autograd-core\[train\]"):
        run(True)
