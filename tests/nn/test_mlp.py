"""MLP: the lecture's network, and what may lie between its layers."""

from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
from autograd_core.testing import check_gradients


def test_mlp_is_put_together_as_the_lecture_writes_it() -> None:
    net = nn.MLP([5, 4, 3], activation="sigmoid", output="softmax")
    W1, b1, W2, b2 = (p.data for p in net.parameters())
    x = np.random.default_rng(0).normal(size=(7, 5))
    h = 1 / (1 + np.exp(-(x @ W1 + b1)))
    e = np.exp(h @ W2 + b2)
    assert np.allclose(net(x).data, e / e.sum(axis=-1, keepdims=True))
    assert [p.name for p in net.parameters()] == ["W1", "b1", "W2", "b2"]


def test_mlp_without_a_hidden_layer_is_linear() -> None:
    net = nn.MLP([5, 3])
    assert np.allclose(net(np.zeros((2, 5))).data, 0.0)


def test_mlp_is_seeded() -> None:
    def draw() -> Any:
        return nn.MLP([3, 4, 2], rng=np.random.default_rng(4)).state_dict()

    one, two = draw(), draw()
    assert all(np.array_equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("sizes", [[], [3], 3])
def test_mlp_needs_two_sizes(sizes: Any) -> None:
    with pytest.raises(ValueError, match="input and the output"):
        nn.MLP(sizes)


def test_mlp_knows_its_activation_even_where_it_uses_none() -> None:
    with pytest.raises(ValueError, match="did you mean 'tanh'"):
        nn.MLP([3, 2], activation="tahn")


def kinds(net: nn.MLP) -> list[str]:
    return [type(layer).__name__ for layer in net.layers]


def test_the_order_is_linear_norm_activation_dropout() -> None:
    net = nn.MLP([5, 4, 3, 2], "relu", dropout=0.5, batch_norm=True)
    hidden = ["Linear", "BatchNorm", "ReLU", "Dropout"]
    assert kinds(net) == [*hidden, *hidden, "Linear", "Identity"]
    assert [p.name for p in net.parameters()] == [
        "W1", "b1", "γ1", "β1", "W2", "b2", "γ2", "β2", "W3", "b3",
    ]  # fmt: skip
    assert [p.name for p in net.weights()] == ["W1", "W2", "W3"]
    assert kinds(nn.MLP([5, 4, 2], layer_norm=True, output="softmax")) == [
        "Linear", "LayerNorm", "Tanh", "Linear", "Softmax",
    ]  # fmt: skip
    assert kinds(nn.MLP([5, 2], dropout=0.5, batch_norm=True)) == ["Linear", "Identity"]


@pytest.mark.parametrize("sizes", [[64, 32, 10], (64, 32, 10), np.array([64, 32, 10])])
def test_probabilities_one_for_all_or_one_for_each(sizes: Any) -> None:
    def of(net: nn.MLP) -> list[float]:
        return [layer.p for layer in net.layers if isinstance(layer, nn.Dropout)]

    assert of(nn.MLP(sizes, dropout=0.2)) == [0.2]
    assert of(nn.MLP([3, 4, 4, 2], dropout=0.2)) == [0.2, 0.2]
    assert of(nn.MLP([3, 4, 4, 2], dropout=[0.2, 0.5])) == [0.2, 0.5]
    # None to draw where none is dropped.
    assert kinds(nn.MLP([3, 4, 4, 2], dropout=(0, 0.5))).count("Dropout") == 1


def test_batch_normalisation_by_its_formula() -> None:
    net = nn.MLP([5, 4, 3], "sigmoid", batch_norm=True)
    W1, b1, gain, shift, W2, b2 = (p.data for p in net.parameters())
    x = np.random.default_rng(0).normal(size=(7, 5))
    a = x @ W1 + b1
    normal = (a - a.mean(axis=0)) / np.sqrt(a.var(axis=0) + 1e-5)
    h = 1 / (1 + np.exp(-(gain * normal + shift)))
    np.testing.assert_allclose(net(x).data, h @ W2 + b2, rtol=1e-12)


@pytest.mark.parametrize("norm", ["batch_norm", "layer_norm"])
def test_the_gradients_of_all_parameters(norm: str) -> None:
    net = nn.MLP([3, 4, 2], "gelu", **{norm: True})
    x = np.random.default_rng(0).normal(size=(6, 3))
    check_gradients(net, x, order=2)


def test_one_generator_draws_it_all() -> None:
    def run(seed: int) -> Any:
        net = nn.MLP([3, 8, 2], dropout=0.5, rng=np.random.default_rng(seed))
        return net(np.ones((4, 3))).data

    with ag.seed(1):
        state = ag.random_generator().bit_generator.state
        first = run(7)
        assert ag.random_generator().bit_generator.state == state
    assert np.array_equal(run(7), first)
    assert not np.array_equal(run(8), first)


def test_it_is_of_one_dtype() -> None:
    net = nn.MLP([3, 4, 2], "gelu", dropout=0.5, batch_norm=True, dtype="float32")
    assert {t.dtype.name for t in (*net.parameters(), *net.buffers())} == {"float32"}
    x = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    y = net(x)
    y.backward(np.ones((6, 2), np.float32))
    assert y.dtype == np.float32
    assert all(p.grad.dtype == np.float32 for p in net.parameters())
    assert net.eval()(x).dtype == np.float32


def test_its_weights_start_as_told() -> None:
    net = nn.MLP([4, 4, 4], init="orthogonal")
    for W in net.weights():
        np.testing.assert_allclose(W.data.T @ W.data, np.eye(4), atol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dropout": 1.0}, r"Dropout: p must be in \[0, 1\), not 1.0"),
        ({"dropout": -0.1}, r"Dropout: p must be in \[0, 1\), not -0.1"),
        ({"dropout": float("nan")}, r"Dropout: p must be in \[0, 1\)"),
        ({"dropout": [0.5, 1.5]}, r"Dropout: p must be in \[0, 1\), not 1.5"),
        ({"dropout": [0.5]}, "1 dropout probabilities for 2 hidden layers"),
        ({"dropout": "0.5"}, "Dropout: p must be a number, not '0.5'"),
        ({"dropout": True}, "Dropout: p must be a number, not True"),
        ({"batch_norm": True, "layer_norm": True}, "choose batch_norm or layer_norm"),
        ({"batch_norm": 0.1}, "MLP: batch_norm must be True or False, not 0.1"),
        ({"init": "glorot"}, "unknown initialiser 'glorot': did you mean 'glorot_"),
        ({"output": "softmx"}, "did you mean 'softmax'"),
        ({"rng": 0}, r"np\.random\.default_rng"),
        ({"dropot": 0.5}, "unexpected keyword argument 'dropot'"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        nn.MLP([3, 4, 4, 2], **options)


@pytest.mark.parametrize("sizes", [[3, 0, 2], [3, -4, 2], [3, 4.0, 2], ["3", 2]])
def test_sizes_are_counts(sizes: Any) -> None:
    with pytest.raises(ValueError, match="must be a whole number from 1 up"):
        nn.MLP(sizes)


def test_the_wrong_number_of_features_is_told_by_the_first_layer() -> None:
    with pytest.raises(ValueError, match=r"Linear\(64, 32\): expected 64 features .* got 63"):
        nn.MLP([64, 32, 10], dropout=0.5)(np.ones((2, 63)))
