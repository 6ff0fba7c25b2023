"""A run that was killed and resumed ends with the bits of one that was not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
import optim

SCRIPT = Path(__file__).with_name("killed_training.py")
X = np.random.default_rng(0).normal(size=(50, 5))
Y = (X[:, 0] > X[:, 1] ** 2).astype(int)


class Killed(Exception):
    """Stands for a kill where no process dies."""


class Dies(optim.Callback):
    """Raises after an update, or after an epoch; a run without it says how many there are."""

    def __init__(self, step: int | None = None, epoch: int | None = None) -> None:
        self.step, self.epoch = step, epoch

    def on_batch(self, training: optim.Training) -> None:
        if training.step == self.step:
            raise Killed

    def on_epoch(self, training: optim.Training) -> None:
        if training.epoch == self.epoch:
            raise Killed


class Rows:
    """Batches with a position of their own, as a stream has that can be gone on with."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(11)
        self.start = 0
        self.order: Any = None

    def __iter__(self) -> Iterator[Any]:
        if self.order is None:
            self.order, self.start = self.rng.permutation(len(X)), 0
        while self.start < len(X):
            rows = self.order[self.start : self.start + 8]
            self.start += 8
            yield X[rows], Y[rows]
        self.order = None

    def state_dict(self) -> dict[str, Any]:
        order = None if self.order is None else self.order.tolist()
        return {"order": order, "start": self.start, "rng": self.rng.bit_generator.state}

    def load_state_dict(self, state: Any) -> None:
        self.order = None if state["order"] is None else np.array(state["order"])
        self.start = state["start"]
        self.rng.bit_generator.state = state["rng"]


class Held:
    """Batches whose iterator has the position, and not the data."""

    def __iter__(self) -> Iterator[Any]:
        return HeldIterator()


class HeldIterator:
    def __init__(self) -> None:
        self.start = 0

    def __iter__(self) -> HeldIterator:
        return self

    def __next__(self) -> Any:
        if self.start >= len(X):
            raise StopIteration
        self.start += 8
        return X[self.start - 8 : self.start], Y[self.start - 8 : self.start]

    def state_dict(self) -> dict[str, Any]:
        return {"start": self.start}

    def load_state_dict(self, state: Any) -> None:
        self.start = state["start"]


class Plain:
    """Batches in an order by chance, without a position."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(5)

    def __iter__(self) -> Iterator[Any]:
        order = self.rng.permutation(len(X))  # at once, and not at the first batch
        return ((X[rows], Y[rows]) for rows in np.split(order, range(8, len(X), 8)))


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """To wait for the disk a thousand times shows nothing here: no machine goes down."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def run(
    checkpoint: Path | None = None,
    *callbacks: optim.Callback,
    data: Any = (X, Y),
    every: int | None = None,
    optimizer: str = "adam",
    rng: int | None = None,
    epochs: int = 4,
    **options: Any,
) -> tuple[dict[str, Any], optim.History]:
    """Train a new model, and return all its numbers."""
    with ag.seed(2):
        model = nn.MLP([5, 7, 2], dropout=0.4, batch_norm=True, rng=np.random.default_rng(1))
        extra = {"momentum": 0.9} if optimizer == "sgd" else {}
        trained = optim.make_optimizer(optimizer, model.parameters(), lr=0.02, **extra)
        history = optim.fit(
            model, nn.cross_entropy, data, trained,
            epochs=epochs, batch_size=8, validation=(X[::3], Y[::3]), metrics="accuracy",
            schedule=optim.HalveOnPlateau(1), checkpoint=checkpoint, checkpoint_every=every,
            callbacks=callbacks or [Dies()], **options,
            rng=None if rng is None else np.random.default_rng(rng),
        )  # fmt: skip
        found: dict[str, Any] = {f"model.{name}": v for name, v in model.state_dict().items()}
        found |= {f"history.{name}": np.array(row) for name, row in history.items()}
        found |= {f"{n}.{i}": v for n, vs in trained.state.items() for i, v in enumerate(vs)}
        found["random"] = ag.random_generator().random(3)
        found["rate"] = np.array(trained.lr)
    return found, history


def same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert set(one) == set(other)
    assert [n for n in one if one[n].tobytes() != other[n].tobytes()] == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills processes that it forks")
@pytest.mark.parametrize("case", ["adam", "momentum"])
@pytest.mark.parametrize(
    "kills", [3, pytest.param(60, marks=pytest.mark.slow), pytest.param(25, marks=pytest.mark.slow)]
)
def test_killed_by_the_system_at_any_moment_and_also_while_writing(
    case: str, kills: int, tmp_path: Path
) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    seed = np.random.default_rng().integers(1 << 30)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path), case, str(kills), str(seed)],
        capture_output=True, text=True, timeout=120, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"seed {seed}: {done.stdout}{done.stderr}"
    assert int(done.stdout) == kills


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "adadelta"])
@pytest.mark.parametrize("rng", [None, 6])
def test_resumed_after_each_step(optimizer: str, rng: int | None, tmp_path: Path) -> None:
    wanted, history = run(optimizer=optimizer, rng=rng, epochs=2)
    steps = 2 * 7
    for step in range(1, steps + 1):
        path = tmp_path / f"{step}.safetensors"
        with pytest.raises(Killed):
            run(path, Dies(step), every=3, optimizer=optimizer, rng=rng, epochs=2)
        assert path.exists() == (step > 3)
        found, again = run(path, every=3, optimizer=optimizer, rng=rng, epochs=2)
        same(wanted, found)
        assert again.stopped == history.stopped


@pytest.mark.parametrize("kind", [Rows, Held])
def test_resumed_in_a_stream_that_knows_its_position(kind: Any, tmp_path: Path) -> None:
    wanted, _ = run(data=kind(), epochs=3)
    for step in (2, 6, 7, 8, 14, 20):
        path = tmp_path / f"{step}.safetensors"
        with pytest.raises(Killed):
            run(path, Dies(step), data=kind(), every=1, epochs=3)
        found, _ = run(path, data=kind(), every=2, epochs=3)
        same(wanted, found)


def test_resumed_at_the_end_of_an_epoch_without_a_position(tmp_path: Path) -> None:
    wanted, _ = run(data=Plain())
    path = tmp_path / "run.safetensors"
    # The second epoch's end is not reached, so its beginning is gone back to.
    with pytest.raises(Killed):
        run(path, Dies(10), data=Plain())
    with pytest.raises(Killed):
        run(path, Dies(epoch=3), data=Plain())
    found, _ = run(path, data=Plain())
    same(wanted, found)


def test_the_middle_of_an_epoch_is_refused_without_a_position(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    with pytest.raises(ValueError, match="Plain, has no state_dict.*Leave it out"):
        run(path, data=Plain(), every=2)
    assert not path.exists()
    with pytest.raises(Killed):
        run(path, Dies(3), data=Rows(), every=2)
    content = path.read_bytes()
    with pytest.raises(ValueError, match="middle of epoch 1, after batch 2.*Plain, has no state"):
        run(path, data=Plain())
    assert path.read_bytes() == content


class Noisy:
    """Validation data with a generator of their own."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(3)

    def __iter__(self) -> Iterator[Any]:
        yield X + self.rng.normal(size=X.shape), Y


def test_the_generator_of_the_validation_data_goes_on(tmp_path: Path) -> None:
    def losses(epochs: int, path: Path | None) -> list[float]:
        model = nn.MLP([5, 4, 2], rng=np.random.default_rng(1))
        return optim.fit(
            model, nn.cross_entropy, (X, Y), "sgd", lr=0.1, epochs=epochs, shuffle=False,
            validation=Noisy(), checkpoint=path,
        )["validation loss"]  # fmt: skip

    wanted = losses(4, None)
    path = tmp_path / "run.safetensors"
    assert losses(2, path) == wanted[:2]
    assert losses(4, path) == wanted


def test_early_stopping_is_resumed_and_stays_stopped(tmp_path: Path) -> None:
    def stopping() -> optim.EarlyStopping:
        return optim.EarlyStopping(2, min_delta=0.05)

    wanted, history = run(epochs=50, early_stopping=stopping())
    assert history.stopped is not None
    assert history.stopped.startswith("early stopping")
    path = tmp_path / "run.safetensors"
    for epoch in range(1, history.epochs + 1):
        with pytest.raises(Killed):
            run(path, Dies(epoch=epoch), epochs=50, early_stopping=stopping())
    for _ in range(2):
        found, again = run(path, epochs=50, early_stopping=stopping())
        same(wanted, found)
        assert again.stopped == history.stopped


def test_more_epochs_go_on_and_resume_false_starts_anew(tmp_path: Path) -> None:
    wanted, _ = run(epochs=4)
    path = tmp_path / "run.safetensors"
    run(path, epochs=2)
    found, history = run(path, epochs=4)
    same(wanted, found)
    assert history.epochs == 4
    again, history = run(path, epochs=1, resume=False)
    same(run(epochs=1)[0], again)
    assert history.epochs == 1


def test_callbacks_are_in_checkpoints_and_a_stop_of_theirs_lasts(tmp_path: Path) -> None:
    class Counts(optim.Callback):
        def __init__(self) -> None:
            self.seen = 0

        def on_epoch(self, training: optim.Training) -> None:
            self.seen += 1
            if self.seen == 3:
                training.stop("counted to three")

        def state_dict(self) -> dict[str, Any]:
            return {"seen": self.seen}

        def load_state_dict(self, state: Any) -> None:
            self.seen = state["seen"]

    path = tmp_path / "run.safetensors"
    run(path, Counts(), epochs=2)
    _, history = run(path, Counts(), epochs=9)
    assert (history.epochs, history.stopped) == (3, "counted to three")
    _, history = run(path, Counts(), epochs=9)
    assert (history.epochs, history.stopped) == (3, "counted to three")


def test_callbacks_that_remember_nothing_may_come_and_go(tmp_path: Path) -> None:
    class Watches(optim.Callback):
        def on_epoch(self, training: optim.Training) -> None:
            assert training.loss > 0

    path = tmp_path / "run.safetensors"
    run(path, Watches(), epochs=2)
    same(run(epochs=4)[0], run(path, Watches(), Watches(), epochs=4)[0])


def test_frozen_parameters_and_modes_come_back(tmp_path: Path) -> None:
    class Freezes(optim.Callback):
        def on_epoch(self, training: optim.Training) -> None:
            if training.epoch == 2:
                training.model.layers[0].freeze()  # type: ignore[attr-defined]
                for module in training.model.modules():
                    if type(module).__name__.startswith("BatchNorm"):
                        module.eval()

    wanted, _ = run(None, Freezes())
    path = tmp_path / "run.safetensors"
    run(path, Freezes(), epochs=3)
    found, _ = run(path, Freezes())
    same(wanted, found)


OTHER = {
    "another model": (
        dict(model=nn.MLP([5, 6, 2])),
        r"layers.0.weight: float64 \(5, 4\) in the checkpoint, float64 \(5, 6\) here",
    ),
    "another optimizer": (dict(optimizer="rmsprop"), "optimizer: Adam in .*, RMSprop|RMSProp here"),
    "another length": (dict(data=(X[:40], Y[:40])), "data, examples: 50 in .*, 40 here"),
    "another batch size": (dict(batch_size=10), "data, batch size: 32 in the checkpoint, 10 here"),
    "another schedule": (dict(schedule=optim.Constant()), "schedule: none in .*, Constant here"),
    "another measure": (dict(validation=(X, Y)), "measures: .*'validation loss'.* here"),
}


@pytest.mark.parametrize("how", OTHER)
def test_a_checkpoint_of_another_training_changes_nothing(how: str, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    usual: dict[str, Any] = dict(optimizer="adam", data=(X, Y), lr=0.01, epochs=2)
    model = nn.MLP([5, 4, 2])
    optim.fit(model, nn.cross_entropy, usual.pop("data"), checkpoint=path, **usual)
    content = path.read_bytes()
    changes, message = OTHER[how]
    options = {**usual, "data": (X, Y), "model": nn.MLP([5, 4, 2]), **changes}
    fresh = options.pop("model")
    before, drawn = fresh.state_dict(), ag.random_generator().bit_generator.state
    with pytest.raises(ValueError, match=message) as caught:
        optim.fit(fresh, nn.cross_entropy, options.pop("data"), checkpoint=path, **options)
    assert "nothing was loaded" in str(caught.value)
    assert str(path) in str(caught.value)
    same(before, fresh.state_dict())
    assert ag.random_generator().bit_generator.state == drawn
    assert path.read_bytes() == content


def test_an_error_in_the_middle_of_loading_is_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.safetensors"
    run(path, epochs=2)
    model = nn.MLP([5, 7, 2], dropout=0.4, batch_norm=True, rng=np.random.default_rng(4))
    optimizer = optim.Adam(model.parameters(), lr=0.5)
    before, memory = model.state_dict(), optimizer.state_dict()
    seen = [0]

    def fails(self: Any, state: Any) -> None:
        seen[0] += 1
        if seen[0] == 1:
            raise RuntimeError("in the middle")

    monkeypatch.setattr(optim.HalveOnPlateau, "load_state_dict", fails)
    with pytest.raises(ValueError, match="does not fit, and nothing was loaded: in the middle"):
        optim.fit(
            model, nn.cross_entropy, (X, Y), optimizer, epochs=4, batch_size=8,
            validation=(X[::3], Y[::3]), metrics="accuracy", schedule=optim.HalveOnPlateau(1),
            checkpoint=path, callbacks=[Dies()],
        )  # fmt: skip
    same(before, model.state_dict())
    assert repr(optimizer.state_dict()) == repr(memory)
    assert optimizer.lr == 0.5
    assert model.training
