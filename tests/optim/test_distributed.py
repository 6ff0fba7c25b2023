"""Training on a cluster gives what one process gives, whatever happens to the workers."""

import contextlib
import logging
import multiprocessing
import os
import signal
from collections.abc import Iterator
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("dask.array")
pytest.importorskip("distributed")

import dask
import dask.array as da
from distributed import Client, LocalCluster
from distributed.utils import get_mp_context

import autograd_core as ag
import nn
import optim
from optim import Callback, EarlyStopping, fit
from optim.training import distributed as ours
from optim.training.checks import Casting


@contextlib.contextmanager
def cluster(folder: Path, *, processes: bool) -> Iterator[Client]:
    """Two workers of one thread each, which keep their files out of the checkout."""
    with (
        dask.config.set({"temporary_directory": str(folder), **FORKED}),
        LocalCluster(
            n_workers=2,
            processes=processes,
            threads_per_worker=1,
            dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        ) as workers,
        Client(workers) as client,
    ):
        yield client


#: Worker processes are forks of one that has imported all they need: they start in half a second.
FORKED = {"distributed.worker.multiprocessing-method": "forkserver"}


@pytest.fixture(scope="module", autouse=True)
def imported() -> None:
    """Have that process import while the first tests run, which mostly wait."""
    with dask.config.set(FORKED):
        get_mp_context()  # or it sets the modules later
    multiprocessing.set_forkserver_preload(["distributed", "nn", "pytest"])
    forkserver.ensure_running()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Workers that are threads of this process, which start at once."""
    with cluster(tmp_path_factory.mktemp("dask"), processes=False) as found:
        yield found


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


X = rng(1).normal(size=(60, 4))
Y = np.argmax(X[:, :3] + 0.3 * rng(2).normal(size=(60, 3)), axis=1)
#: Chunks of several sizes, one of them empty, in both axes of X.
CHUNKS = ((7, 20, 0, 23, 10), (3, 1))


def make(**options: Any) -> nn.MLP:
    return nn.MLP([4, 5, 3], rng=rng(3), **options)


def chunked(x: Any = X, y: Any = Y, chunks: Any = (35, 4)) -> tuple[Any, Any]:
    """Blocks of other rows in y; two of them in X, for what a step costs is mostly waiting."""
    return da.from_array(x, chunks=chunks), da.from_array(y, chunks=17)


def train(model: Any, data: Any, loss: Any = nn.cross_entropy, **options: Any) -> Any:
    settings: dict[str, Any] = dict(lr=0.05, epochs=1, batch_size=25, rng=rng(4))
    return fit(model, loss, data, "adam", **(settings | options))


def difference(one: Any, two: Any) -> float:
    pairs = zip(one.parameters(), two.parameters(), strict=True)
    return max(float(np.abs(p.data - q.data).max()) for p, q in pairs)


# --- the same as in one process -------------------------------------------------------------------


@pytest.mark.parametrize(("shuffle", "last"), [(True, "keep"), (True, "merge"), (False, "drop")])
def test_it_is_the_training_of_one_process(client: Client, shuffle: bool, last: str) -> None:
    here, there = make(), make()
    options: dict[str, Any] = dict(
        shuffle=shuffle, last=last, batch_size=16, epochs=2, metrics="training accuracy"
    )
    one = train(here, (X, Y), **options)
    two = train(there, chunked(chunks=CHUNKS), **options)
    assert difference(here, there) < 1e-12
    assert list(one) == list(two)
    for name in one:
        assert one[name] == pytest.approx(two[name], rel=1e-12)
    assert difference(here, make()) > 0.01


def test_rows_come_here_in_their_order(client: Client) -> None:
    ways: Any = dict(batch_size=4, shuffle=False, last="keep", rng=None)
    feed = ours.DaskFeed("data", chunked(chunks=CHUNKS), Casting(None), **ways)
    rows = rng().permutation(60)[:40]
    x, y = feed.gather(rows)
    assert np.array_equal(x, X[rows])
    assert np.array_equal(y, Y[rows])
    assert feed.sample(16)[2] == list(range(7))  # type: ignore[index]


def test_all_that_fit_does_goes_with_it(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Validation, clipping, a penalty, a schedule, early stopping: with data of both kinds."""
    # Measuring leaves the data where they are.
    monkeypatch.setattr(ours.DaskFeed, "measured", None)
    held_out = X[:20] + 0.1, Y[:20]
    histories, models = [], [make(), make()]
    for model, data, validation in zip(
        models,
        ((X, Y), chunked()),
        (held_out, (da.from_array(held_out[0], 7), held_out[1])),
        strict=True,
    ):
        histories.append(
            train(
                model,
                data,
                validation=validation,
                metrics="accuracy",
                clip_norm=0.3,
                penalty=lambda m: 0.01 * nn.l2_penalty(m),
                schedule=optim.Exponential(0.7),
                early_stopping=EarlyStopping(1, monitor="validation accuracy", mode="max"),
                epochs=4,
            )
        )
    assert difference(*models) < 1e-12
    assert histories[0].stopped == histories[1].stopped
    for name in histories[0]:
        assert histories[0][name] == pytest.approx(histories[1][name], rel=1e-12)
    assert "penalty" in histories[0]


def test_many_blocks_and_large_models_are_added_up_in_a_tree(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = make()
    train(expected, (X, Y), batch_size=30)
    found = []
    for small in (1 << 16, 0):
        monkeypatch.setattr(ours, "SMALL", small)
        monkeypatch.setattr(ours, "FAN_IN", 3)
        model = make()
        train(model, (da.from_array(X, chunks=(5, 4)), Y), batch_size=30)
        found.append(model)
        assert difference(model, expected) < 1e-12
    assert difference(*found) == 0


def test_a_model_of_megabytes_is_sent_once_a_step(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = (nn.MLP([4, 300, 400, 3], rng=rng(3)) for _ in "ab")
    train(here, (X, Y))
    sent: list[Any] = []
    submit = Client.submit
    monkeypatch.setattr(Client, "submit", lambda *a, **k: (sent.append(a[1]), submit(*a, **k))[1])
    history = train(there, chunked(), metrics="training accuracy")
    assert difference(here, there) < 1e-12
    assert sent.count(ours.workers.same) == 3 + 1  # and once to measure
    assert 0 <= history["training accuracy"][0] <= 1


def test_single_precision_stays_and_double_is_converted_with_a_word(client: Client) -> None:
    models = [make(dtype="float32") for _ in range(3)]
    x = X.astype(np.float32)
    train(models[0], (x, Y))
    train(models[1], chunked(x))
    with pytest.warns(UserWarning, match="X is float64 and the model float32"):
        train(models[2], chunked())
    assert all(p.dtype == np.float32 for p in models[1].parameters())
    assert difference(models[0], models[1]) < 1e-5
    assert difference(models[1], models[2]) == 0


def test_the_input_may_be_its_own_target_and_the_loss_the_models_own(client: Client) -> None:
    here, there = (nn.Autoencoder(4, 3, output="linear", rng=rng(5)) for _ in "ab")
    train(here, X, here.loss)
    train(there, chunked()[0], there.loss)
    assert difference(here, there) < 1e-12


def test_parameters_of_the_loss_are_trained_too(client: Client) -> None:
    def run(data: Any) -> Any:
        model, scale = make(), nn.Parameter(1.0)
        optimizer = optim.SGD([*model.parameters(), scale], lr=0.1)

        def loss(output: Any, target: Any) -> Any:
            # Through a closure on the model as well as on a parameter of its own.
            decay = (dict(model.named_parameters())["layers.0.weight"] ** 2).sum()
            return nn.cross_entropy(output * scale, target) + 0.1 * decay

        fit(model, loss, data, optimizer, epochs=1, batch_size=16, rng=rng(4))
        return model, scale

    (here, one), (there, two) = run((X, Y)), run(chunked())
    assert difference(here, there) < 1e-12
    assert one.item() == pytest.approx(two.item(), rel=1e-12)
    assert one.item() != 1.0


def test_a_gradient_of_before_is_not_added_for_each_part(client: Client) -> None:
    class Looks(Callback):
        def on_end(self, training: optim.Training) -> None:
            self.last = training.model.parameters()[0].grad

    looks = Looks()
    found = []
    for data in ((X, Y), chunked()):
        model = make()
        first, *rest = model.parameters()
        first.grad = np.ones(first.shape)
        optimizer = optim.SGD(rest, lr=0.1)
        fit(
            model, nn.cross_entropy, data, optimizer, epochs=1, batch_size=16, rng=rng(4),
            callbacks=looks,
        )  # fmt: skip
        found.append(model)
    assert difference(*found) < 1e-12
    # Of a parameter that is not trained too, it is the last batch's.
    assert np.abs(looks.last).max() < 0.5


def test_what_is_frozen_stays(client: Client) -> None:
    here, there = make(), make()
    for model in (here, there):
        next(iter(model.parameters())).requires_grad_(False)
    train(here, (X, Y))
    train(there, chunked())
    assert difference(here, there) < 1e-12
    assert np.array_equal(there.parameters()[0].data, make().parameters()[0].data)


def test_images_and_rows_of_targets(client: Client) -> None:
    class Flat(nn.Module):
        def __init__(self) -> None:
            self.inner = nn.Linear(12, 2, rng=rng(6))

        def forward(self, x: Any) -> Any:
            return self.inner(x.reshape(len(x), -1))

    images, targets = rng(7).normal(size=(30, 4, 3)), rng(8).normal(size=(30, 2))
    here, there = Flat(), Flat()
    train(here, (images, targets), nn.mse_loss)
    train(
        there,
        (da.from_array(images, chunks=(8, 2, 2)), da.from_array(targets, chunks=(11, 1))),
        nn.mse_loss,
    )
    assert difference(here, there) < 1e-12


# --- chance ---------------------------------------------------------------------------------------


def test_dropout_draws_for_each_part_and_step_and_repeats_by_seed(client: Client) -> None:
    def run(own: int, context: int) -> nn.MLP:
        model = nn.MLP([4, 5, 5, 3], dropout=0.5, rng=rng(3))
        first, second = (each for each in model.modules() if isinstance(each, nn.Dropout))
        first.rng, second.rng = rng(own), None
        with ag.seed(context):
            train(model, chunked(), batch_size=30)
        return model

    one = run(1, 2)
    assert difference(one, run(1, 2)) == 0
    assert difference(one, run(1, 3)) > 1e-3
    assert difference(one, run(9, 2)) > 1e-3


def test_parts_and_steps_do_not_share_what_they_draw(client: Client) -> None:
    class Noise(nn.Module):
        def __init__(self) -> None:
            self.weight = nn.Parameter(np.zeros(60))
            self.rng = rng(1)

        def forward(self, x: Any) -> Any:
            noise = [generator.normal(size=len(x)) for generator in (self.rng, context())]
            return (self.weight[x[:, 0].astype(int)] + 1.0) * np.stack(noise, axis=1).sum(axis=1)

    def context() -> np.random.Generator:
        return ag.random_generator()

    model = Noise()
    drawn: list[Any] = []
    before = ag.random_generator().bit_generator.state

    class Record(Callback):
        def on_batch(self, training: Any) -> None:
            drawn.extend(model.weight.grad[model.weight.grad != 0])

    optimizer = optim.SGD(model.parameters(), lr=1e-9)
    fit(
        model, lambda out, _: out.mean(), da.arange(60, chunks=9)[:, None] * 1.0, optimizer,
        epochs=2, batch_size=20, rng=rng(), callbacks=[Record()],
    )  # fmt: skip
    assert len(drawn) == 120
    assert len({round(value, 12) for value in drawn}) == 120
    assert ag.random_generator().bit_generator.state != before


def test_who_draws_nothing_leaves_the_generators_alone(client: Client) -> None:
    before = ag.random_generator().bit_generator.state
    train(make(), chunked())
    assert ag.random_generator().bit_generator.state == before


# --- workers and checkpoints ----------------------------------------------------------------------


def test_two_worker_processes(tmp_path: Path) -> None:
    here, there = make(), make()
    train(here, (X, Y))
    with cluster(tmp_path, processes=True):
        train(there, chunked(chunks=CHUNKS))
    assert difference(here, there) < 1e-12


class Interrupt(Callback):
    """Ctrl-C after an update."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_batch(self, training: Any) -> None:
        if training.step == self.step:
            raise KeyboardInterrupt


class Killing(Callback):
    """Kills a worker process in the middle."""

    def __init__(self, client: Client, step: int) -> None:
        self.client, self.step, self.killed = client, step, 0

    def on_batch(self, training: Any) -> None:
        if training.step == self.step:
            victim = next(iter(self.client.run(os.getpid).values()))
            os.kill(victim, signal.SIGKILL)
            self.killed = victim


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    here, undisturbed, self_, marker = make(), make(dropout=0.2), os.getpid(), tmp_path / "dead"
    train(here, (X, Y), epochs=3)

    def deadly(output: Any, target: Any) -> Any:
        if os.getpid() != self_ and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return nn.cross_entropy(output, target)

    with cluster(tmp_path, processes=True) as client:
        with ag.seed(5):
            train(undisturbed, chunked(), epochs=3)
        # Between two steps, with blocks of the data in its memory; and while it computes.
        for options, step, loss in [
            ({"dropout": 0.2}, 5, nn.cross_entropy),
            ({}, 5, nn.cross_entropy),
            ({}, 0, deadly),
        ]:
            before = set(client.run(os.getpid).values())
            model, killing = make(**options), Killing(client, step)
            with ag.seed(5):
                history = train(model, chunked(), loss, epochs=3, callbacks=[killing])
            assert history.stopped == "all 3 epochs are done"
            if options:
                assert difference(model, undisturbed) == 0
            else:
                assert difference(model, here) < 1e-12
            client.wait_for_workers(2, timeout=60)
            after = set(client.run(os.getpid).values())
            assert len(before - after) == 1
            assert killing.killed in before - after or loss is deadly
    assert marker.exists()


@pytest.mark.parametrize("resumed_here", [True, False])
def test_a_checkpoint_goes_on_here_or_there(
    client: Client, tmp_path: Path, resumed_here: bool
) -> None:
    whole, model = make(), make()
    train(whole, (X, Y), epochs=2)
    path = tmp_path / "run.safetensors"

    first, second = (chunked(), (X, Y)) if resumed_here else ((X, Y), chunked())
    calls: Any = dict(checkpoint=path, checkpoint_every=1, epochs=2)
    train(make(), first, **calls, callbacks=[Interrupt(4)])
    history = train(model, second, **calls, callbacks=[Interrupt(0)])
    assert history.stopped == "all 2 epochs are done"
    assert difference(model, whole) < 1e-12


# --- what is refused ------------------------------------------------------------------------------


def test_what_is_refused_changes_nothing(client: Client) -> None:
    bad = X.copy()
    bad[41, 2] = np.nan
    model = make()
    unknown = chunked()[0][da.from_array(Y, chunks=60) > 0]
    for data, error, match in [
        (chunked(bad), ValueError, "fit: X has nan in row 41, column 2; remove"),
        ((unknown, Y), ValueError, "chunks of unknown sizes; X.compute_chunk_sizes"),
        ((chunked()[0], Y[:50]), ValueError, "X of data has 60 rows and y has 50"),
        ((chunked()[0].astype(str), Y), TypeError, "X must hold numbers, not <U"),
        (
            optim.Minibatches(*chunked(), batch_size=4),
            TypeError,
            r"give data as the Dask arrays themselves, \(X, y\)",
        ),
    ]:
        with pytest.raises(error, match=match):
            train(model, data)
    assert difference(model, make()) == 0


def test_without_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    import distributed

    def none() -> None:
        raise ValueError("No clients found")

    monkeypatch.setattr(distributed, "default_client", none)
    with pytest.raises(ValueError, match=r"dask\.distributed\.Client\(\) .* X\.compute\(\)"):
        train(make(), chunked())


def test_batch_normalisation_is_refused_with_the_reason(client: Client) -> None:
    model = make(batch_norm=True)
    before = model.state_dict()
    with pytest.raises(ValueError, match=r"running_mean.*not those of the batch. Use nn.Layer"):
        train(model, chunked())
    after = model.state_dict()
    assert all(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(
    "loss",
    [
        lambda output, target: nn.cross_entropy(output, target, reduction="sum"),
        lambda output, target: nn.cross_entropy(output, target, class_weights=[1.0, 5.0, 2.0]),
    ],
)
def test_a_loss_that_is_no_mean_over_examples_is_refused(client: Client, loss: Any) -> None:
    model = make()
    with pytest.raises(ValueError, match=r"mean over the examples of a function of each"):
        train(model, chunked(), loss)
    assert difference(model, make()) == 0


def test_what_cannot_be_sent_is_named(client: Client) -> None:
    import threading

    model = make()
    model.lock = threading.Lock()
    with pytest.raises(TypeError, match="cannot be sent to the workers.*lock"):
        train(model, chunked())


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_divergence_is_explained_as_in_one_process(client: Client) -> None:
    messages = []
    for data in ((X, Y), chunked()):
        model = nn.MLP([4, 8, 8, 3], activation="relu", rng=rng(3))
        with pytest.raises(optim.DivergenceError) as caught:
            train(model, data, lambda o, t: nn.cross_entropy((o * 1e200) ** 2, t))
        messages.append(str(caught.value))
    assert messages[0].split("\n")[0] == messages[1].split("\n")[0]
    assert "inf" in messages[1]
