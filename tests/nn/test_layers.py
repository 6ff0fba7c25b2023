"""Linear, Sequential, Residual, Flatten, Embedding, Neuron and Maxout."""

import functools
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
from autograd_core.testing import check_gradients


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


def test_sequential_grows() -> None:
    net = nn.Sequential(nn.Linear(2, 3))
    before = net.layers
    assert net.append(nn.Tanh()) is net
    assert (len(net), len(before)) == (2, 1)
    assert net(np.ones((4, 2))).shape == (4, 3)
    with pytest.raises(TypeError, match="argument 2 is 3, which is no module"):
        net.append(3)  # type: ignore[arg-type]
    assert len(net) == 2


@pytest.mark.parametrize("init", ["orthogonal", nn.init.orthogonal])
def test_linear_starts_as_it_is_told(init: Any) -> None:
    W = nn.Linear(4, 4, init=init).weight.data
    np.testing.assert_allclose(W.T @ W, np.eye(4), atol=1e-12)
    with pytest.raises(TypeError, match="Linear: bias must be True or False, not 'orthogonal'"):
        nn.Linear(4, 4, "orthogonal")  # type: ignore[arg-type]
    half = functools.partial(nn.init.constant, value=0.5)
    assert np.all(nn.Linear(2, 3, init=half, dtype="float32").weight.data == np.float32(0.5))
    with pytest.raises(ValueError, match="did you mean 'orthogonal'"):
        nn.Linear(4, 4, init="ortogonal")


# --- residual, flatten ----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 3), (3,), (2, 5, 3)])
def test_residual_adds_to_its_input(shape: tuple[int, ...]) -> None:
    inner = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3))
    layer = nn.Residual(inner)
    x = np.random.default_rng(0).normal(size=shape)
    assert np.array_equal(layer(x).data, x + inner(x).data)
    assert np.array_equal(layer(x.tolist()).data, layer(x).data)
    assert next(name for name, _ in layer.named_parameters()) == "module.layers.0.weight"
    # The identity's share of the gradient comes on top.
    g = np.random.default_rng(1).normal(size=shape)
    t, u = (ag.Tensor(x, requires_grad=True) for _ in range(2))
    layer(t).backward(g)
    inner(u).backward(g)
    np.testing.assert_allclose(t.grad, g + u.grad, rtol=1e-12)


def test_residual_names_shapes_that_differ() -> None:
    # NumPy would broadcast both of them in silence.
    for outputs in (1, 4):
        with pytest.raises(
            ValueError, match=rf"x has shape \(5, 4\) and .* made \(5, {outputs}, 1\) of it"
        ):
            nn.Residual(Column(outputs))(np.ones((5, 4)))
    with pytest.raises(ValueError, match=r"and Linear\(4, 1\) made \(5, 1\) of it"):
        nn.Residual(nn.Linear(4, 1))(np.ones((5, 4)))
    with pytest.raises(TypeError, match="'tanh' is no module"):
        nn.Residual("tanh")  # type: ignore[arg-type]


class Column(nn.Module):
    """Its outputs have an axis more than its inputs."""

    def __init__(self, outputs: int) -> None:
        self.linear = nn.Linear(4, outputs)

    def forward(self, x: Any) -> Any:
        return self.linear(x)[..., None]


@pytest.mark.parametrize(
    ("shape", "flat"),
    [((5, 8, 8), (5, 64)), ((5, 3), (5, 3)), ((5,), (5, 1)), ((0, 2, 3), (0, 6)), ((4, 0), (4, 0))],
)
def test_flatten_keeps_the_examples(shape: tuple[int, ...], flat: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    assert np.array_equal(nn.Flatten()(x), x.reshape(flat))
    t = ag.Tensor(x, requires_grad=True)
    y = nn.Flatten()(t)
    y.backward(np.arange(x.size, dtype=float).reshape(flat))
    assert y.shape == flat
    assert np.array_equal(t.grad, np.arange(x.size).reshape(shape))


def test_a_number_has_no_examples_to_flatten() -> None:
    assert nn.Flatten()([[[1.0], [2.0]]]).shape == (1, 2)
    with pytest.raises(ValueError, match="examples along a first axis"):
        nn.Flatten()(3.0)


# --- embedding ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (5,), (2, 4), (0,)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_embedding_is_a_linear_layer_of_one_hot_rows(shape: tuple[int, ...], dtype: str) -> None:
    layer = nn.Embedding(6, 3, dtype=dtype)
    index = np.random.default_rng(0).integers(0, 6, size=shape)
    one_hot = np.eye(6, dtype=dtype)[index]
    g = np.random.default_rng(1).normal(size=(*shape, 3)).astype(dtype)
    for given in (index, index.astype(np.uint8), index.tolist() if shape != (0,) else index):
        y = layer(given)
        assert y.dtype == dtype
        np.testing.assert_allclose(y.data, one_hot @ layer.weight.data, rtol=1e-6)
        layer.weight.zero_grad()
        y.backward(g)
        # Rows that were looked up twice get both gradients, all others none.
        expected = one_hot.reshape(-1, 6).T @ g.reshape(-1, 3)
        np.testing.assert_allclose(layer.weight.grad, expected, rtol=1e-5, atol=1e-6)


def test_an_embeddings_gradient_is_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    layer = nn.Embedding(7, 4)
    index = np.array([[0, 3, 3], [6, 3, 0]])
    g = np.random.default_rng(0).normal(size=(2, 3, 4))
    theirs = torch.nn.Embedding.from_pretrained(torch.tensor(layer.weight.data), freeze=False)
    theirs(torch.tensor(index)).backward(torch.tensor(g))
    layer(index).backward(g)
    np.testing.assert_allclose(layer.weight.grad, theirs.weight.grad.numpy(), rtol=1e-12)


def test_the_indices_may_be_overwritten_afterwards() -> None:
    layer, index = nn.Embedding(3, 2), np.array([0, 1])
    y = layer(index)
    index[:] = 2
    y.backward(np.ones((2, 2)))
    assert layer.weight.grad.tolist() == [[1, 1], [1, 1], [0, 0]]


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([[1, 2], [10, 3]], r"Embedding\(10, 3\): the index 10 at place 1, 0 is outside 0 to 9"),
        ([0, -1], "the index -1 at place 1 is outside 0 to 9"),
        (12, "the index 12 is outside 0 to 9"),
        (np.array([2**63 + 1], np.uint64), "the index 9223372036854775809 at place 0"),
    ],
)
def test_an_index_out_of_range_is_named_with_its_place(index: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nn.Embedding(10, 3)(index)


def test_an_index_is_a_whole_number() -> None:
    for index in ([0.5], [True], ag.Tensor([1.0])):
        with pytest.raises(TypeError, match="indices must be whole numbers, not"):
            nn.Embedding(10, 3)(index)
    with pytest.raises(ValueError, match="Embedding: num_embeddings must be a whole number"):
        nn.Embedding(0, 3)


# --- neuron, maxout -------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2,), (5, 2), (4, 5, 2)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_neuron_by_its_formula(shape: tuple[int, ...], dtype: str) -> None:
    neuron = nn.Neuron(2, dtype=dtype)
    neuron.bias.data = np.array(0.3, dtype)
    x = np.random.default_rng(0).normal(size=shape).astype(dtype)
    w = neuron.weight.data
    h = neuron(x)
    assert (h.shape, h.dtype) == (shape[:-1], dtype)
    np.testing.assert_allclose(
        h.data, 1 / (1 + np.exp(-(0.3 + x[..., 0] * w[0] + x[..., 1] * w[1]))), rtol=1e-5
    )


def test_a_neuron_draws_a_ridge_that_its_bias_shifts() -> None:
    neuron = nn.Neuron(2, "tanh")
    w = neuron.weight.data = np.array([3.0, -4.0])
    x = np.random.default_rng(0).normal(size=(50, 2))
    along = np.array([4.0, 3.0])  # at a right angle to w
    np.testing.assert_allclose(neuron(x + 7 * along).data, neuron(x).data, rtol=1e-9)
    before = neuron(x).data
    neuron.bias.data = np.array(2.5)
    np.testing.assert_allclose(neuron(x - 2.5 * w / 25).data, before, rtol=1e-9)


def test_a_neurons_parts() -> None:
    neuron = nn.Neuron(3, nn.ReLU(), init="zeros")
    assert [(p.name, p.shape) for p in neuron.parameters()] == [("w", (3,)), ("b", ())]
    assert not neuron.weight.data.any()
    assert neuron.weights() == [neuron.weight]
    check_gradients(nn.Neuron(3), np.random.default_rng(0).normal(size=(4, 3)), order=2)
    assert repr(nn.Neuron(3, "tanh")) == "Neuron(3)\n└─ activation: Tanh()"
    with pytest.raises(ValueError, match=r"Neuron\(3\).*: expected 3 features .* got 2"):
        neuron(np.ones((5, 2)))
    with pytest.raises(ValueError, match="in_features must be a whole number"):
        nn.Neuron(0)
    with pytest.raises(ValueError, match="did you mean 'sigmoid'"):
        nn.Neuron(2, "sigmoyd")


@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 5, 3), (0, 3)])
def test_maxout_is_the_largest_of_its_pieces(shape: tuple[int, ...]) -> None:
    layer = nn.Maxout(3, 4, pieces=5)
    layer.bias.data = np.random.default_rng(1).normal(size=20)
    W, b = layer.weight.data.reshape(3, 4, 5), layer.bias.data.reshape(4, 5)
    x = np.random.default_rng(0).normal(size=shape)
    each = np.stack([x @ W[:, :, j] + b[:, j] for j in range(5)])
    np.testing.assert_allclose(layer(x).data, each.max(axis=0), rtol=1e-12)


def test_two_pieces_can_be_a_rectifier_or_the_absolute_value() -> None:
    layer = nn.Maxout(1, 1, pieces=2)
    x = np.array([[-2.0], [3.0]])
    layer.weight.data = np.array([[1.0, 0.0]])
    assert layer(x).data.tolist() == [[0.0], [3.0]]
    layer.weight.data = np.array([[1.0, -1.0]])
    assert layer(x).data.tolist() == [[2.0], [3.0]]


def test_maxouts_parts() -> None:
    layer = nn.Maxout(30, 20, 3)
    # Each piece is drawn like a layer of its own, not like one of sixty units.
    assert 0.97 * np.sqrt(6 / 50) < np.abs(layer.weight.data).max() <= np.sqrt(6 / 50)
    assert layer.weights() == [layer.weight]
    assert repr(layer) == "Maxout(30, 20, pieces=3)"
    check_gradients(nn.Maxout(3, 2), np.random.default_rng(0).normal(size=(4, 3)), order=2)
    with pytest.raises(ValueError, match=r"Maxout\(30, 20, pieces=3\): expected 30 features"):
        layer(np.ones((2, 20)))
    with pytest.raises(ValueError, match="pieces must be a whole number from 1 up"):
        nn.Maxout(3, 2, pieces=0)


LAYERS = [nn.Linear(2, 3), nn.Neuron(2), nn.Maxout(2, 3), nn.LayerNorm(2), nn.BatchNorm(2)]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_tables_and_tensors_of_other_libraries_are_arrays_to_a_layer(layer: Any) -> None:
    pandas, torch = pytest.importorskip("pandas"), pytest.importorskip("torch")
    x = np.array([[1.0, 2.0], [3.0, 5.0]])
    expected = layer(x).data
    for given in (pandas.DataFrame(x), torch.tensor(x), x.tolist()):
        np.testing.assert_allclose(layer(given).data, expected, rtol=1e-12)


@pytest.mark.parametrize("layer", [*LAYERS, nn.Dropout(), nn.Flatten(), nn.Residual(nn.Tanh())])
@pytest.mark.parametrize("x", [np.array([[1.0, 2.0]], object), np.array([["a", "b"]]), None])
def test_what_holds_no_numbers_is_refused_by_name(layer: Any, x: Any) -> None:
    match = rf"{type(layer).__name__}\(.*expected numbers, got an array of dtype.*astype\(float\)"
    with pytest.raises(TypeError, match=match):
        layer(x)


def test_a_list_of_modules_is_to_be_unpacked() -> None:
    with pytest.raises(TypeError, match=r"argument 0 .* no module; write Sequential\(\*layers\)"):
        nn.Sequential([nn.Tanh()])  # type: ignore[arg-type]


def test_an_embedding_of_nothing() -> None:
    assert nn.Embedding(3, 2)([]).shape == (0, 2)
    assert nn.Embedding(3, 2)(np.zeros((0, 4), int)).shape == (0, 4, 2)
    with pytest.raises(TypeError, match="whole numbers"):
        nn.Embedding(3, 2)(np.zeros(0))


def test_an_embedding_under_vmap() -> None:
    layer, indices = nn.Embedding(5, 2), np.array([[0, 1], [4, 4], [2, 0]])
    weight = layer.weight.data
    each = ag.vmap(lambda index: ag.sum(layer(index) ** 2))(indices)
    np.testing.assert_allclose(each.data, (weight[indices] ** 2).sum(axis=(1, 2)))
    each.backward(np.array([1.0, 10.0, 100.0]))
    expected = np.zeros_like(weight)
    np.add.at(expected, indices, np.array([1.0, 10.0, 100.0])[:, None, None] * 2 * weight[indices])
    np.testing.assert_allclose(layer.weight.grad, expected)
    for wrong in (-1, 5):
        with pytest.raises(IndexError):
            ag.vmap(layer)(np.array([0, wrong]))


def test_a_module_within_is_called_by_its_own_call_if_it_has_one() -> None:
    class Loud(nn.Module):
        def __call__(self, x: Any) -> Any:
            return super().__call__(x) + 100.0

        def forward(self, x: Any) -> Any:
            return 2.0 * x

    assert nn.Sequential(Loud(), nn.Identity())(np.ones(2)).tolist() == [102.0, 102.0]
    assert nn.MLP([2, 2], output=Loud())(np.zeros((1, 2))).data.min() == 100.0
