"""Statistics of each layer over training: right, and without a trace in what is trained."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
import optim

RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 3))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


def train(model: Any, epochs: int = 3, **options: Any) -> optim.History:
    options = {"rng": np.random.default_rng(1), "batch_size": 20, **options}
    return optim.fit(model, nn.cross_entropy, (X, Y), "sgd", lr=0.1, epochs=epochs, **options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_numbers_are_those_of_the_formulas(dtype: str) -> None:
    model = nn.MLP([3, 6, 5, 2], "tanh", rng=np.random.default_rng(0), dtype=dtype)
    model.layers[0].weight.data = 4 * model.layers[0].weight.data  # saturates some
    x = X.astype(dtype)
    W = [w.data.astype(float) for w in model.weights()]
    watching = optim.LayerStatistics((X, Y))
    optim.fit(model, nn.cross_entropy, (x, Y), "sgd", lr=0.1, epochs=1, callbacks=watching)
    a1 = x @ W[0]
    h1 = np.tanh(a1)
    a2 = h1 @ W[1]
    h2 = np.tanh(a2)
    a3 = h2 @ W[2]
    e = np.exp(a3 - a3.max(axis=1, keepdims=True))
    d3 = (e / e.sum(axis=1, keepdims=True) - np.eye(2)[Y]) / len(X)
    d2 = d3 @ W[2].T * (1 - h2**2)
    d1 = d2 @ W[1].T * (1 - h1**2)
    names = list(watching.layers)
    assert len(names) == 3
    for name, w, a, h, d, below in zip(
        names, W, (a1, a2, a3), (h1, h2, None), (d1, d2, d3), (x, h1, h2), strict=True
    ):
        of = {statistic: values[0] for statistic, values in watching.layers[name].items()}
        near = dict(rel=1e-3 if dtype == "float32" else 1e-10)
        assert of["pre-activation deviation"] == pytest.approx(
            np.sqrt(a.var(axis=0).mean()), **near
        )
        assert of["pre-activation gradient"] == pytest.approx(np.sqrt((d**2).mean()), **near)
        assert of["gradient norm"] == pytest.approx(np.linalg.norm(below.T @ d), **near)
        assert of["weight norm"] == pytest.approx(np.linalg.norm(w), **near)
        if h is None:
            assert "saturated" not in of
        else:
            assert of["saturated"] == pytest.approx((abs(h) >= 0.98).mean())
    assert watching.layers[names[0]]["saturated"][0] > 0


def test_dead_units_are_counted() -> None:
    model = nn.MLP([3, 4, 2], "relu")
    model.layers[0].bias.data = np.array([-100.0, 0.0, 0.0, 0.0])
    watching = optim.LayerStatistics()
    train(model, callbacks=watching)
    assert watching.layers["layers.0"]["dead units"] == [0.25] * 4


@pytest.mark.parametrize("every", [None, 3])
def test_what_is_trained_stays_what_it_would_be(every: int | None) -> None:
    def model() -> Any:
        options: dict[str, Any] = {"dropout": 0.5, "batch_norm": True}
        return nn.MLP([3, 6, 6, 2], "relu", rng=np.random.default_rng(0), **options)

    runs = []
    for callbacks in ((), optim.LayerStatistics(every=every)):
        with ag.seed(3):
            net = model()
            history = train(net, callbacks=callbacks)
            runs.append((net.state_dict(), history.to_dict(), ag.random_generator().random()))
        assert net.training
        assert all(p.grad is None for p in net.parameters())
    (state, history, drawn), (other, same, too) = runs
    assert history == same
    assert drawn == too
    for name, value in state.items():
        np.testing.assert_array_equal(value, other[name])


def test_where_it_was_measured() -> None:
    epochs, updates = optim.LayerStatistics(), optim.LayerStatistics(every=3)
    train(nn.MLP([3, 2]), callbacks=[epochs, updates])
    assert (epochs.at, epochs.xlabel) == ([0, 1, 2, 3], "epoch")
    assert (updates.at, updates.xlabel) == ([0, 3, 6, 9, 12], "update")
    assert repr(updates) == "<LayerStatistics of 1 layers, measured 5 times>"
    # A second training begins anew.
    train(nn.MLP([3, 4, 2]), epochs=1, callbacks=epochs)
    assert epochs.at == [0, 1]
    assert list(epochs.layers) == ["layers.0", "layers.2"]


def test_a_run_that_is_resumed_goes_on(tmp_path: Path) -> None:
    def run(epochs: int, path: Path) -> optim.LayerStatistics:
        model, watching = nn.MLP([3, 4, 2], rng=np.random.default_rng(0)), optim.LayerStatistics()
        train(model, epochs, callbacks=watching, checkpoint=path)
        return watching

    whole = run(4, tmp_path / "a.safetensors")
    run(2, tmp_path / "b.safetensors")
    resumed = run(4, tmp_path / "b.safetensors")
    assert resumed.at == whole.at == [0, 1, 2, 3, 4]
    assert resumed.layers == whole.layers
    with pytest.raises(ValueError, match="measured with every=None.*every=2"):
        train(
            nn.MLP([3, 4, 2], rng=np.random.default_rng(0)), 5,
            callbacks=optim.LayerStatistics(every=2), checkpoint=tmp_path / "b.safetensors",
        )  # fmt: skip


def test_what_is_missing_once_keeps_its_place() -> None:
    class Growing(nn.Module):
        """Uses its second layer from the second epoch on."""

        def __init__(self) -> None:
            self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 2)
            self.both = False

        def forward(self, x: Any) -> Any:
            return self.second(self.first(x)) if self.both else self.second(x)

    class Switch(optim.Callback):
        def on_epoch(self, training: Any) -> None:
            training.model.both = True

    watching = optim.LayerStatistics()
    train(Growing(), epochs=2, callbacks=[Switch(), watching])
    norms = watching.layers["first"]["gradient norm"]
    assert len(norms) == len(watching.at) == 3
    assert np.isnan(norms).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optim.LayerStatistics(0), ValueError, "examples must be 1 or more"),
        (lambda: optim.LayerStatistics(every=1.5), TypeError, "every must be a whole number"),
        (lambda: optim.LayerStatistics((X, Y[:3])), ValueError, "of the same length"),
        (lambda: optim.LayerStatistics([X[:0], Y[:0]]), ValueError, "at least one of each"),
    ],
)
def test_what_cannot_be_measured(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_data_that_come_in_batches_need_examples() -> None:
    class Batches:
        def __iter__(self) -> Any:
            return iter([(X[:8], Y[:8])] * 2)

    with pytest.raises(ValueError, match=r"LayerStatistics\(\(X, y\)\)"):
        optim.fit(
            nn.MLP([3, 2]), nn.cross_entropy, Batches(), "sgd", lr=0.1, epochs=1,
            callbacks=optim.LayerStatistics(),
        )  # fmt: skip
    watching = optim.LayerStatistics((X, Y))
    optim.fit(
        nn.MLP([3, 2]), nn.cross_entropy, Batches(), "sgd", lr=0.1, epochs=1, callbacks=watching
    )
    assert watching.at == [0, 1]
