"""Greedy pre-training (LECTURE L27) and fine-tuning (L28): what moves, and what must not."""

import signal
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
import optim
from autograd_core.testing import check_gradients

QUIET: dict[str, Any] = dict(progress=False)


def sigmoid(a: Any) -> Any:
    return 1 / (1 + np.exp(-a))


def data(n: int = 60, width: int = 8) -> Any:
    rng = np.random.default_rng(0)
    return sigmoid(rng.normal(size=(n, 3)) @ rng.normal(size=(3, width)) * 2)


def stacked(**options: Any) -> nn.StackedAutoencoder:
    options = {"rng": np.random.default_rng(1), **options}
    return nn.StackedAutoencoder([8, 6, 5, 4], **options)


class Spy:
    """Stands before `optim.fit`: what each layer was trained on, and what moved meanwhile."""

    def __init__(self, stack: nn.StackedAutoencoder, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stack, self.fit = stack, optim.fit
        self.data: list[Any] = []
        self.options: list[dict[str, Any]] = []
        self.moved: list[list[bool]] = []
        #: Rows that went through each layer's encoder, while that layer was trained and else.
        self.rows = [[0, 0] for _ in stack.layers]
        self.training: Any = None
        forward = nn.Linear.forward

        def count(layer: Any, x: Any) -> Any:
            for k, each in enumerate(stack.layers):
                if each.encoder is layer:
                    self.rows[k][self.training is not each] += len(x)
            return forward(layer, x)

        monkeypatch.setattr(nn.Linear, "forward", count)
        monkeypatch.setattr(optim, "fit", self)

    def state(self) -> list[Any]:
        return [layer.state_dict() for layer in self.stack.layers]

    def __call__(self, model: Any, loss: Any, X: Any, optimizer: Any, **options: Any) -> Any:
        before = self.state()
        self.data.append(X)
        assert list(map(id, optimizer.parameters)) == list(map(id, model.parameters()))
        self.options.append(options)
        self.training = model
        history = self.fit(model, loss, X, optimizer, **options)
        self.training = None
        self.moved.append(
            [
                any((old[name] != new[name]).any() for name in old)
                for old, new in zip(before, self.state(), strict=True)
            ]
        )
        return history


@pytest.mark.parametrize("corruption", [None, "masking", "gaussian"])
def test_each_layer_is_trained_by_itself_on_the_codes_before(
    corruption: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack, X = stacked(corruption=corruption, dtype="float32"), data().astype("float32")
    spy = Spy(stack, monkeypatch)
    histories = stack.pretrain(X, epochs=[3, 2, 4], batch_size=7, **QUIET)
    assert spy.moved == [[True, False, False], [False, True, False], [False, False, True]]
    # What layer k learned is what is there now, so its codes can be computed again here.
    h = X
    for k, layer in enumerate(stack.layers):
        assert spy.data[k].dtype == np.float32
        np.testing.assert_allclose(spy.data[k], h, rtol=1e-5)
        weight, bias = layer.encoder.weight.data, layer.encoder.bias.data
        h = sigmoid(h @ weight + bias)
    np.testing.assert_allclose(stack.encode(X).data, h, rtol=1e-5)
    assert [len(history["training loss"]) for history in histories] == [3, 2, 4]


def test_codes_are_computed_once_a_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    stack, X = stacked(), data()
    spy = Spy(stack, monkeypatch)
    stack.pretrain(X, epochs=3, **QUIET)
    # Not while a later layer is trained, in any of its epochs.
    assert [elsewhere for _, elsewhere in spy.rows] == [60, 60, 0]
    assert all(in_training >= 3 * 60 for in_training, _ in spy.rows)


def test_codes_are_computed_some_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    stack, X = stacked(), data()
    whole = nn.stacked._codes(stack.layers[0], X)
    monkeypatch.setattr(nn.stacked, "ROWS", 7)
    parts = nn.stacked._codes(stack.layers[0], X)
    np.testing.assert_allclose(parts, whole, rtol=1e-12)
    assert type(parts) is np.ndarray


def test_it_is_what_a_person_would_do_by_hand() -> None:
    stack, twin, X = stacked(corruption="masking"), stacked(corruption="masking"), data()
    stack.pretrain(X, epochs=2, optimizer="adam", lr=0.01, rng=np.random.default_rng(5), **QUIET)
    rng, h = np.random.default_rng(5), X
    for layer in twin.layers:
        optimizer = optim.Adam(layer.parameters(), lr=0.01)
        optim.fit(layer, layer.loss, h, optimizer, epochs=2, rng=rng, **QUIET)
        h = layer.encode(h).data
    for name, value in stack.state_dict().items():
        np.testing.assert_array_equal(value, twin.state_dict()[name], err_msg=name)


def test_pretraining_lowers_each_loss() -> None:
    stack, X = stacked(), data(200)
    histories = stack.pretrain(
        X, epochs=15, optimizer=lambda p: optim.SGD(p, lr=0.1, momentum=0.9), validation=X, **QUIET
    )
    for history in histories:
        assert history["training loss"][-1] < history["training loss"][0]
        assert len(history["validation loss"]) == 15


def test_validation_data_are_coded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = stacked()
    spy = Spy(stack, monkeypatch)
    held_out = data()[:20]
    stack.pretrain(data(), epochs=1, validation=held_out, **QUIET)
    for k, options in enumerate(spy.options):
        np.testing.assert_allclose(options["validation"], held_out)
        held_out = stack.layers[k].encode(held_out).data


def test_each_layer_has_its_own_early_stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = stacked()
    spy = Spy(stack, monkeypatch)
    given = optim.EarlyStopping(patience=2)
    stack.pretrain(data(), epochs=2, validation=data(), early_stopping=given, **QUIET)
    used = [options["early_stopping"] for options in spy.options]
    assert len({id(each) for each in (given, *used)}) == 4
    assert given.best_value is None or np.isinf(given.best_value)


@pytest.mark.parametrize(("activation", "outputs"), [("sigmoid", "sigmoid"), ("tanh", "linear")])
def test_inner_outputs_fit_the_codes(activation: str, outputs: str) -> None:
    stack = stacked(activation=activation, output="linear")
    assert [layer.output for layer in stack.layers] == ["linear", outputs, outputs]
    stack.pretrain(data() - 0.5, epochs=1, lr=0.01, **QUIET)  # or a loss would complain


# --- the deep autoencoder -------------------------------------------------------------------------


def test_up_through_all_layers_and_down_again() -> None:
    stack, X = stacked(), data(5)
    (W1, b1, c1), (W2, b2, c2), (W3, b3, c3) = (
        [p.data for p in layer.parameters()] for layer in stack.layers
    )
    assert [p.name for p in stack.parameters()] == [f"{x}{k}" for k in (1, 2, 3) for x in "Wbc"]
    h = sigmoid(sigmoid(sigmoid(X @ W1 + b1) @ W2 + b2) @ W3 + b3)
    a = sigmoid(sigmoid(h @ W3.T + c3) @ W2.T + c2) @ W1.T + c1
    np.testing.assert_allclose(stack.encode(X).data, h, rtol=1e-12)
    np.testing.assert_allclose(stack(X).data, a, rtol=1e-12)
    np.testing.assert_allclose(stack.decode(h).data, sigmoid(a), rtol=1e-12)
    np.testing.assert_allclose(stack.reconstruct(X).data, sigmoid(a), rtol=1e-12)
    expected = -(X * np.log(sigmoid(a)) + (1 - X) * np.log(1 - sigmoid(a))).sum() / 5
    assert stack.loss(stack(X), X).item() == pytest.approx(expected)
    check_gradients(lambda: stack.loss(stack(X), X), wrt=dict(stack.named_parameters()))


def test_the_whole_corrupts_in_training_only() -> None:
    stack, X = stacked(corruption="masking", level=0.5), data(5)
    assert not np.allclose(stack(X).data, stack(X).data)
    stack.eval()
    np.testing.assert_array_equal(stack(X).data, stack(X).data)


# --- the classifier -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("tied", [True, False])
def test_the_classifiers_hidden_layers_start_from_copies(dtype: str, tied: bool) -> None:
    stack, X = stacked(dtype=dtype, tied=tied), data().astype(dtype)
    stack.pretrain(X, epochs=1, **QUIET)
    before = stack.state_dict()
    model = stack.to_classifier(3, rng=np.random.default_rng(2))
    linear = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    assert [layer.out_features for layer in linear] == [6, 5, 4, 3]
    assert {p.dtype for p in model.parameters()} == {np.dtype(dtype)}
    for layer, new in zip(stack.layers, linear, strict=False):
        assert new.weight is not layer.encoder.weight
        np.testing.assert_array_equal(new.weight.data, layer.encoder.weight.data)
        np.testing.assert_array_equal(new.bias.data, layer.encoder.bias.data)
    # On the same codes, an output layer that is new.
    expected = stack.encode(X).data @ linear[-1].weight.data + linear[-1].bias.data
    np.testing.assert_allclose(model(X).data, expected, rtol=1e-5)
    # Fine-tuning moves all of it, and the stack not at all.
    start = model.state_dict()
    y = np.arange(60) % 3
    optim.fit(model, nn.cross_entropy, (X, y), "sgd", lr=0.1, epochs=1, **QUIET)
    assert all((start[name] != value).any() for name, value in model.state_dict().items())
    assert all((before[name] == value).all() for name, value in stack.state_dict().items())


def test_the_classifier_takes_the_options_of_a_network() -> None:
    model = stacked().to_classifier(3, dropout=0.5, activation="tanh")
    kinds = {type(layer).__name__ for layer in model.modules()}
    assert {"Dropout", "Tanh"} <= kinds
    assert "Sigmoid" not in kinds


# --- bad input ------------------------------------------------------------------------------------


def test_bad_arguments() -> None:
    for sizes in ([4], 4, []):
        with pytest.raises(ValueError, match="sizes are a list with at least those of the input"):
            nn.StackedAutoencoder(sizes)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="unknown corruption 'noise'"):
        stacked(corruption="noise")
    stack, X = stacked(), data()
    before = stack.state_dict()
    with pytest.raises(ValueError, match="epochs are 2 numbers for 3 layers"):
        stack.pretrain(X, epochs=[1, 2])
    made: Any = optim.SGD(stack.parameters(), lr=0.1)
    with pytest.raises(TypeError, match="each layer needs an optimizer of its own"):
        stack.pretrain(X, epochs=1, optimizer=made)
    with pytest.raises(ValueError, match="unknown optimizer 'adm': did you mean 'adam'"):
        stack.pretrain(X, epochs=1, optimizer="adm")
    with pytest.raises(ValueError, match="a checkpoint is of one training"):
        stack.pretrain(X, epochs=1, checkpoint="file.safetensors")
    with pytest.raises(ValueError, match="between 0 and 1"):
        stack.pretrain(X + 1, epochs=1, **QUIET)
    with pytest.raises(ValueError, match="expected 8 features"):
        stack.pretrain(X[:, :5], epochs=1, **QUIET)
    assert all((before[name] == value).all() for name, value in stack.state_dict().items())


@pytest.mark.parametrize(
    ("X", "options", "error", "message"),
    [
        ((data(), data()), {}, TypeError, "X is a tuple; give the array of the inputs alone"),
        (iter([data()]), {}, TypeError, "X must be an array of examples, not batches"),
        (data(), {"validation": (data(), data())}, TypeError, "validation is a tuple"),
        (data(), {"epochs": [1, 1, 0]}, ValueError, "whole numbers from 1 up.* not 0"),
        (data(), {"epochs": 1.5}, ValueError, "whole numbers from 1 up.* not 1.5"),
    ],
)
def test_what_a_later_layer_could_not_do_is_refused_before_the_first_is_trained(
    X: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    stack = stacked()
    before = stack.state_dict()
    with pytest.raises(error, match=message):
        stack.pretrain(X, **{"epochs": 1, **QUIET, **options})
    for name, array in stack.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_a_frozen_layer_is_named_before_the_first_is_trained() -> None:
    stack = stacked()
    stack.layers[1].freeze()
    before = stack.state_dict()
    with pytest.raises(ValueError, match=r"layers.1 is frozen as a whole; call its unfreeze\(\)"):
        stack.pretrain(data(), epochs=1, **QUIET)
    for name, array in stack.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_double_data_for_a_single_model_are_cast_once() -> None:
    stack = stacked(dtype="float32")
    with pytest.warns(UserWarning, match="X.* is float64 and the model float32|float64") as told:
        stack.pretrain(data(), epochs=1, **QUIET)
    assert len(told) == 1


def test_codes_need_no_graph() -> None:
    with ag.no_grad():
        assert not stacked().encode(data()).requires_grad
    assert not isinstance(nn.stacked._codes(stacked().layers[0], data()), ag.Tensor)


def test_ctrl_c_in_a_layer_leaves_the_next_ones_alone() -> None:
    class Presses(optim.Callback):
        def on_batch(self, training: optim.Training) -> None:
            signal.raise_signal(signal.SIGINT)

    stack = stacked()
    before = [layer.state_dict() for layer in stack.layers]
    (history,) = stack.pretrain(data(), epochs=2, callbacks=[Presses()], **QUIET)
    assert history.interrupted
    moved = [
        any((layer.state_dict()[name] != value).any() for name, value in old.items())
        for layer, old in zip(stack.layers, before, strict=True)
    ]
    assert moved == [True, False, False]
