"""Linear, Sequential, the activations by name, and MLP."""

from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn


@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 5, 3), (0, 3)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_linear_is_x_w_plus_b(shape: tuple[int, ...], dtype: str) -> None:
    layer = nn.Linear(3, 4, dtype=dtype)
    layer.bias.data = np.arange(4, dtype=dtype)  # type: ignore[union-attr]
    x = np.random.default_rng(0).normal(size=shape).astype(dtype)
    expected = x @ layer.weight.data + np.arange(4, dtype=dtype)
    for given in (x, ag.Tensor(x)):
        a = layer(given)
        assert a.dtype == dtype
        assert np.allclose(a.data, expected)


def test_linear_starts_from_glorot_and_zero() -> None:
    layer = nn.Linear(3, 4, rng=np.random.default_rng(3))
    expected = nn.init.glorot_uniform((3, 4), rng=np.random.default_rng(3))
    assert np.array_equal(layer.weight.data, expected)
    assert layer.bias is not None
    assert not layer.bias.data.any()
    assert nn.Linear(3, 4, bias=False).bias is None
    assert nn.Linear(3, 4, bias=False)(np.zeros((2, 3))).shape == (2, 4)


@pytest.mark.parametrize(
    ("x", "got"), [(np.ones((32, 63)), "got 63 .*32, 63"), (np.float64(1), "got a number")]
)
def test_wrong_features_are_named_with_the_layer(x: Any, got: str) -> None:
    with pytest.raises(ValueError, match=rf"Linear\(64, 10\): expected 64 features .*{got}"):
        nn.Linear(64, 10)(x)


def test_lists_will_do() -> None:
    assert nn.Linear(2, 1)([[1.0, 2.0]]).shape == (1, 1)


@pytest.mark.parametrize("count", [0, -1, 2.0, "3", True])
def test_linear_refuses_what_is_no_count(count: Any) -> None:
    with pytest.raises(ValueError, match="out_features must be a whole number from 1 up"):
        nn.Linear(3, count)
    with pytest.raises(ValueError, match="in_features must be a whole number from 1 up"):
        nn.Linear(count, 3)


def test_sequential_is_a_sequence_of_modules() -> None:
    layers = [nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)]
    net = nn.Sequential(*layers)
    assert len(net) == 3
    assert list(net) == layers
    assert net[-1] is layers[-1]
    assert isinstance(net[1:], nn.Sequential)
    assert list(net[1:]) == layers[1:]
    x = np.ones((4, 2))
    assert np.array_equal(net(x).data, layers[2](layers[1](layers[0](x))).data)
    with pytest.raises(TypeError, match="argument 1 is 'tanh', which is no module"):
        nn.Sequential(nn.Linear(2, 3), "tanh")  # type: ignore[arg-type]
    with pytest.raises(IndexError):
        net[3]


FORMULAS = {
    "linear": lambda a: a,
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "tanh": lambda a: (np.exp(2 * a) - 1) / (np.exp(2 * a) + 1),
    "relu": lambda a: np.where(a > 0, a, 0),
    "softmax": lambda a: np.exp(a) / np.exp(a).sum(axis=-1, keepdims=True),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_activations_by_name(name: str) -> None:
    a = np.random.default_rng(0).normal(size=(4, 3))
    module = nn.activation(name)
    assert np.allclose(module(ag.Tensor(a)).data, FORMULAS[name](a), rtol=1e-13)
    assert nn.activation(module) is module
    assert module.parameters() == []


def test_every_activation_has_a_formula_here() -> None:
    assert set(nn.ACTIVATIONS) == set(FORMULAS)


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_activations_are_finite_and_silent_far_out(name: str, dtype: str) -> None:
    a = ag.Tensor(np.array([-1e4, -1.0, 0.0, 1.0, 1e4], dtype), requires_grad=True)
    h = nn.activation(name)(a)
    ag.sum(h * h).backward()
    assert h.dtype == a.grad.dtype == dtype
    assert np.all(np.isfinite(h.data))
    assert np.all(np.isfinite(a.grad))


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("sigmod", "sigmoid"), ("Relu", "relu"), ("TANH", "tanh"), ("lin", "linear")],
)
def test_an_unknown_activation_is_told_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"did you mean '{nearest}'") as error:
        nn.MLP([2, 3, 2], activation=name)
    assert all(known in str(error.value) for known in nn.ACTIVATIONS)


@pytest.mark.parametrize("what", [np.tanh, None, nn.Tanh])
def test_an_activation_is_a_name_or_a_module(what: Any) -> None:
    with pytest.raises(TypeError, match="a name or a module"):
        nn.activation(what)


def test_mlp_is_put_together_as_the_lecture_writes_it() -> None:
    net = nn.MLP([5, 4, 3], activation="sigmoid", output="softmax")
    W1, b1, W2, b2 = (p.data for p in net.parameters())
    x = np.random.default_rng(0).normal(size=(7, 5))
    h = FORMULAS["sigmoid"](x @ W1 + b1)
    assert np.allclose(net(x).data, FORMULAS["softmax"](h @ W2 + b2))
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
