"""Batch and layer normalisation (LECTURE L30): formulas, gradients, statistics, and PyTorch."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
from autograd_core.testing import check_gradients
from nn.normalise import normalise


def data(shape: tuple[int, ...], dtype: str = "float64", seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=shape) * rng.uniform(0.5, 3, shape[-1]) + rng.normal(size=shape[-1])
    ).astype(dtype)


def learned(layer: Any, seed: int = 1) -> Any:
    """The layer with a gain and a shift that are not those it starts from."""
    rng = np.random.default_rng(seed)
    for p in (layer.weight, layer.bias):
        p.data = rng.normal(size=p.shape).astype(p.dtype)
    return layer


SHAPES = [(6, 4), (2, 4), (3, 5, 4), (2, 3, 2, 4)]


# --- batch normalisation --------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_batch_norm_by_its_formula(shape: tuple[int, ...], dtype: str) -> None:
    layer, x = learned(nn.BatchNorm(4, dtype=dtype)), data(shape, dtype)
    rows = x.astype(np.float64).reshape(-1, 4)
    mean, variance = rows.mean(axis=0), ((rows - rows.mean(axis=0)) ** 2).mean(axis=0)
    expected = layer.weight.data * (x - mean) / np.sqrt(variance + 1e-5) + layer.bias.data
    tol = 3e-5 if dtype == "float32" else 1e-12
    for given in (x, ag.Tensor(x)):
        y = layer(given)
        assert (y.shape, y.dtype) == (shape, dtype)
        np.testing.assert_allclose(y.data, expected, rtol=tol, atol=tol)


def test_running_averages_by_their_formula() -> None:
    layer = nn.BatchNorm(3, momentum=0.25)
    mean, variance = np.zeros(3), np.ones(3)
    for seed in range(4):
        x = data((5, 3), seed=seed)
        layer(x)
        mean = 0.75 * mean + 0.25 * x.mean(axis=0)
        variance = 0.75 * variance + 0.25 * x.var(axis=0, ddof=1)  # unbiased
        np.testing.assert_allclose(layer.running_mean.data, mean, rtol=1e-12)
        np.testing.assert_allclose(layer.running_var.data, variance, rtol=1e-12)
    layer.eval()
    held = layer.running_mean.data
    x = data((5, 3), seed=9)
    expected = (x - mean) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-12)
    np.testing.assert_allclose(layer(x[:1]).data, expected[:1], rtol=1e-12)  # one row will do
    assert layer.running_mean.data is held  # use moves nothing


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_batch_norm_gives_pytorchs_numbers(shape: tuple[int, ...], dtype: str) -> None:
    torch = pytest.importorskip("torch")
    ours = learned(nn.BatchNorm(4, momentum=0.3, eps=1e-3, dtype=dtype))
    theirs = torch.nn.BatchNorm1d(4, momentum=0.3, eps=1e-3, dtype=getattr(torch, dtype))
    with torch.no_grad():
        theirs.weight.copy_(torch.tensor(ours.weight.data))
        theirs.bias.copy_(torch.tensor(ours.bias.data))
    tol = dict(rtol=1e-4, atol=3e-5) if dtype == "float32" else dict(rtol=1e-9, atol=1e-11)
    for seed in range(3):
        compare(torch, ours, theirs, data(shape, dtype, seed), lambda t: t.reshape(-1, 4), tol)
    pairs = [(ours.running_mean, theirs.running_mean), (ours.running_var, theirs.running_var)]
    for mine, other in pairs:
        assert mine.dtype == dtype
        np.testing.assert_allclose(mine.data, other.numpy(), **tol)
    ours.eval()
    theirs.eval()
    compare(torch, ours, theirs, data(shape, dtype, 7), lambda t: t.reshape(-1, 4), tol)


@pytest.mark.parametrize("shape", [*SHAPES, (4,), (1, 4), (0, 4)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_layer_norm_gives_pytorchs_numbers(shape: tuple[int, ...], dtype: str) -> None:
    torch = pytest.importorskip("torch")
    ours = learned(nn.LayerNorm(4, eps=1e-3, dtype=dtype))
    theirs = torch.nn.LayerNorm(4, eps=1e-3, dtype=getattr(torch, dtype))
    with torch.no_grad():
        theirs.weight.copy_(torch.tensor(ours.weight.data))
        theirs.bias.copy_(torch.tensor(ours.bias.data))
    tol = dict(rtol=1e-4, atol=1e-5) if dtype == "float32" else dict(rtol=1e-9, atol=1e-11)
    compare(torch, ours, theirs, data(shape, dtype), lambda t: t, tol)


def compare(
    torch: Any, ours: Any, theirs: Any, x: Any, rows: Callable[[Any], Any], tol: Any
) -> None:
    """Compare the output and all gradients, of a random cotangent."""
    g = np.random.default_rng(5).normal(size=x.shape).astype(x.dtype)
    mine, other = ag.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    ours.weight.zero_grad()
    ours.bias.zero_grad()
    theirs.zero_grad()
    y = ours(mine)
    y.backward(g)
    expected = theirs(rows(other)).reshape(x.shape)
    expected.backward(torch.tensor(g))
    np.testing.assert_allclose(y.data, expected.detach().numpy(), **tol)
    np.testing.assert_allclose(mine.grad, other.grad.numpy(), **tol)
    np.testing.assert_allclose(ours.weight.grad, theirs.weight.grad.numpy(), **tol)
    np.testing.assert_allclose(ours.bias.grad, theirs.bias.grad.numpy(), **tol)


@pytest.mark.parametrize("make", [nn.BatchNorm, nn.LayerNorm])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(5, 4), (2, 3, 4)])
def test_gradients_at_order_1_and_2(make: Any, training: bool, shape: tuple[int, ...]) -> None:
    layer = learned(make(4))
    if make is nn.BatchNorm:
        layer(data((9, 4), seed=3))
    layer.train(training)
    check_gradients(layer, data(shape), order=2)


@pytest.mark.parametrize(("shape", "axes"), [((4, 3), (0,)), ((4, 3), (1,)), ((2, 3, 4), (0, 1))])
def test_the_op_and_its_statistics_at_order_2(
    shape: tuple[int, ...], axes: tuple[int, ...]
) -> None:
    x, gain, shift = data(shape), data(shape[-1:], seed=1), data(shape[-1:], seed=2)
    check_gradients(lambda *args: normalise(*args, axes, 0.01), x, gain, shift, order=2)

    def by_parts(x: Any, gain: Any, shift: Any) -> Any:
        centred = x - np.mean(x, axis=axes, keepdims=True)
        variance = np.mean(centred**2, axis=axes, keepdims=True)
        return gain * centred / np.sqrt(variance + 0.01) + shift

    for which in range(3):
        found, expected = (
            ag.grad(lambda *args, f=f: ag.sum(f(*args) ** 3), argnums=which)(x, gain, shift)
            for f in (lambda *args: normalise(*args, axes, 0.01)[0], by_parts)
        )
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_gradients_flow_through_the_statistics() -> None:
    """What is normalised does not see a shift or a stretch, so its gradient is at right angles."""
    x = ag.Tensor(data((8, 3)), requires_grad=True)
    layer = nn.BatchNorm(3, eps=1e-12)
    layer(x).backward(np.random.default_rng(0).normal(size=(8, 3)))
    np.testing.assert_allclose(x.grad.sum(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose((x.grad * x.data).sum(axis=0), 0.0, atol=1e-9)
    frozen = nn.BatchNorm(3).eval()
    x.zero_grad()
    frozen(x).backward(np.ones((8, 3)))
    assert np.abs(x.grad.sum(axis=0)).min() > 1  # the statistics are constants there


def test_the_running_averages_are_buffers_and_published() -> None:
    layer = nn.BatchNorm(3)
    assert [name for name, _ in layer.named_buffers()] == ["running_mean", "running_var"]
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]
    assert layer.weights() == []
    held = layer.running_mean.data
    state = layer.state_dict()
    layer(data((5, 3)))
    assert not held.any()  # whoever holds the old array keeps it
    other = nn.BatchNorm(3)
    other.load_state_dict(layer.state_dict())
    assert np.array_equal(other.running_var.data, layer.running_var.data)
    layer.load_state_dict(state)
    assert not layer.running_mean.data.any()
    assert layer.astype("float32").running_var.dtype == np.float32


def test_they_follow_without_recording_too() -> None:
    layer = nn.BatchNorm(3)
    with ag.no_grad():
        layer(data((5, 3)))
    assert layer.running_mean.data.any()


@pytest.mark.parametrize("shape", [(1, 3), (3,), (0, 3), (1, 1, 3)])
def test_a_batch_of_one_is_refused_in_training_with_the_reason(shape: tuple[int, ...]) -> None:
    layer = nn.BatchNorm(3)
    with pytest.raises(
        ValueError,
        match=r"BatchNorm\(3\): in training a batch needs two rows or more, and this one has [01] "
        r"\(input shape .*variance of a single row is 0.*eval\(\)",
    ):
        layer(np.ones(shape))
    assert not layer.running_mean.data.any()
    assert layer.eval()(np.ones(shape)).shape == shape


def test_a_feature_that_is_constant_has_gradient_zero() -> None:
    x = ag.Tensor(np.full((5, 2), 7.0), requires_grad=True)
    y = nn.BatchNorm(2)(x)
    y.backward(np.random.default_rng(0).normal(size=(5, 2)))
    np.testing.assert_allclose(y.data, 0.0)
    assert np.all(np.isfinite(x.grad))


@pytest.mark.parametrize("make", [nn.BatchNorm, nn.LayerNorm])
def test_inputs_and_options_that_do_not_fit(make: Any) -> None:
    name = make.__name__
    with pytest.raises(ValueError, match=rf"{name}\(3\): expected 3 features .* got 4 \(input"):
        make(3)(np.ones((5, 4)))
    with pytest.raises(ValueError, match="got a number"):
        make(3)(2.0)
    with pytest.raises(ValueError, match=f"{name}: features must be a whole number from 1 up"):
        make(0)
    with pytest.raises(ValueError, match=f"{name}: eps must be positive"):
        make(3, eps=0.0)
    assert make(3)(np.arange(6).reshape(2, 3)).dtype == np.float64  # integers
    assert make(2)([[1.0, 3.0], [3.0, 4.0]]).shape == (2, 2)  # lists


@pytest.mark.parametrize("momentum", [0.0, -0.1, 1.5, float("nan")])
def test_momentum_is_a_share(momentum: float) -> None:
    with pytest.raises(ValueError, match=r"momentum must be in \(0, 1\]"):
        nn.BatchNorm(3, momentum=momentum)


def test_large_offsets_keep_their_digits() -> None:
    """The mean is subtracted before squaring: in float32 a variance of 1 is nothing beside 1e8."""
    x = (1e4 + np.random.default_rng(0).normal(size=(64, 2))).astype(np.float32)
    y = nn.BatchNorm(2, dtype="float32")(x).data
    np.testing.assert_allclose(y.std(axis=0), 1.0, atol=1e-3)


# --- layer normalisation --------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [*SHAPES, (4,), (0, 4)])
def test_layer_norm_by_its_formula(shape: tuple[int, ...]) -> None:
    layer, x = learned(nn.LayerNorm(4)), data(shape)
    mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
    expected = layer.weight.data * (x - mean) / np.sqrt(variance + 1e-5) + layer.bias.data
    for mode in (True, False):
        np.testing.assert_allclose(layer.train(mode)(x).data, expected, rtol=1e-12, atol=1e-12)
    assert layer.weights() == layer.buffers() == []


def test_under_vmap_each_example_is_on_its_own() -> None:
    layer, x = learned(nn.LayerNorm(4)), data((5, 4))
    each = ag.vmap(ag.grad(lambda row: ag.sum(layer(row) ** 2)))(x)
    one_by_one = [ag.grad(lambda row: ag.sum(layer(row) ** 2))(row) for row in x]
    np.testing.assert_allclose(each.detach(), np.stack(one_by_one).detach(), rtol=1e-9, atol=1e-12)
    frozen = learned(nn.BatchNorm(4)).eval()
    np.testing.assert_allclose(ag.vmap(frozen)(x).detach(), frozen(x).data)
    with pytest.raises(ValueError, match="two rows or more"):
        ag.vmap(frozen.train())(x)
    before = frozen.state_dict()
    with pytest.raises(TypeError, match=r"BatchNorm\(4\): in training, under vmap"):
        ag.vmap(frozen)(data((5, 3, 4)))
    assert all(np.array_equal(before[name], v) for name, v in frozen.state_dict().items())


def test_lazy_batches_give_the_numbers_of_those_in_memory() -> None:
    chunked = pytest.importorskip("dask.array").from_array
    X, here, there = data((12, 4)), learned(nn.BatchNorm(4)), learned(nn.BatchNorm(4))
    for _ in range(2):
        y, expected = there(ag.Tensor(chunked(X, chunks=(5, 4)))), here(X)
        np.testing.assert_allclose(np.asarray(y.data), expected.data, rtol=1e-12)
        ag.sum(y**3).backward()
        ag.sum(expected**3).backward()
        np.testing.assert_allclose(np.asarray(there.weight.grad), here.weight.grad, rtol=1e-9)
        assert type(there.running_var.data) is np.ndarray
        np.testing.assert_allclose(there.running_var.data, here.running_var.data, rtol=1e-12)


# --- exact statistics -----------------------------------------------------------------------------


def deep(seed: int = 0) -> nn.MLP:
    net = nn.MLP(
        [5, 7, 6, 2], "relu", batch_norm=True, dropout=0.4, rng=np.random.default_rng(seed)
    )
    for layer in net.layers:
        if isinstance(layer, nn.BatchNorm):
            learned(layer)
    return net


@pytest.mark.parametrize("batch_size", [1, 7, 32, 100, 1000])
def test_in_use_the_model_gives_what_a_single_batch_of_all_gives(batch_size: int) -> None:
    net, X = deep(), data((100, 5))
    nn.recompute_statistics(net, X, batch_size=batch_size)
    assert all(module.training for module in net.modules())
    used = net.eval()(X).data
    for layer in net.layers:
        layer.training = not isinstance(layer, nn.Dropout)
    np.testing.assert_allclose(net(X).data, used, rtol=1e-9, atol=1e-9)


def test_they_are_the_means_and_variances_of_what_enters() -> None:
    net, X = deep(), data((50, 5))
    nn.recompute_statistics(net, X, batch_size=8)
    net.eval()
    for k, layer in enumerate(net.layers):
        if isinstance(layer, nn.BatchNorm):
            entering = nn.Sequential(*net.layers[:k])(X).data
            np.testing.assert_allclose(layer.running_mean.data, entering.mean(axis=0), rtol=1e-9)
            np.testing.assert_allclose(layer.running_var.data, entering.var(axis=0), rtol=1e-9)


def test_layers_are_done_in_the_order_in_which_they_are_reached() -> None:
    class Backwards(nn.Module):
        """Held in another order than used, and one is not used at all."""

        def __init__(self) -> None:
            self.second, self.first, self.unused = (nn.BatchNorm(3) for _ in range(3))
            self.linear = nn.Linear(3, 3)

        def forward(self, x: Any) -> Any:
            return self.second(self.linear(self.first(x)) ** 2)

    net, X = Backwards(), data((40, 3))
    nn.recompute_statistics(net, X, batch_size=9)
    net.eval()
    y = net(X).data
    np.testing.assert_allclose(y.mean(axis=0), 0.0, atol=1e-9)
    np.testing.assert_allclose(y.var(axis=0), 1.0, atol=1e-3)
    assert not net.unused.running_mean.data.any()


def test_an_error_leaves_statistics_and_modes_as_they_were() -> None:
    class Fails(nn.Module):
        """Gives up at its fourth call, when the first of the layers has been done."""

        calls = 0

        def forward(self, x: Any) -> Any:
            self.calls += 1
            if self.calls == 4:
                raise KeyError("the disk is gone")
            return x

    net = nn.Sequential(nn.BatchNorm(3), Fails(), nn.BatchNorm(3).eval())
    X, before = data((20, 3)), net.state_dict()
    with pytest.raises(KeyError):
        nn.recompute_statistics(net, X, batch_size=10)
    after = net.state_dict()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert [module.training for module in net.modules()] == [True, True, True, False]
    net(X)  # nothing is gathered any more
    assert net[0]._gathering is None  # type: ignore[attr-defined]


def test_what_has_no_statistics_is_refused() -> None:
    with pytest.raises(ValueError, match="MLP holds no BatchNorm"):
        nn.recompute_statistics(nn.MLP([3, 2]), data((5, 3)))
    with pytest.raises(ValueError, match="no row in X"):
        nn.recompute_statistics(nn.BatchNorm(3), np.zeros((0, 3)))
    with pytest.raises(ValueError, match="batch_size must be a whole number from 1 up"):
        nn.recompute_statistics(nn.BatchNorm(3), data((5, 3)), batch_size=0)
    with pytest.raises(TypeError, match="an array of rows, not list_iterator"):
        nn.recompute_statistics(nn.BatchNorm(3), iter([[1.0, 2.0, 3.0]]))
    with pytest.raises(TypeError, match="the first argument is a module, not ndarray"):
        nn.recompute_statistics(data((5, 3)), nn.BatchNorm(3))  # type: ignore[arg-type]


def test_float32_statistics_are_gathered_in_float64() -> None:
    X = (1000 + np.random.default_rng(0).normal(size=(5000, 2))).astype(np.float32)
    layer = nn.BatchNorm(2, dtype="float32")
    nn.recompute_statistics(layer, X, batch_size=64)
    assert layer.running_var.dtype == np.float32
    np.testing.assert_allclose(layer.running_var.data, X.astype(float).var(axis=0), rtol=1e-6)


# --- dtypes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [nn.BatchNorm, nn.LayerNorm])
def test_half_precision_takes_its_statistics_in_single(make: Any) -> None:
    """The square of 300 is no float16, and the sum of 400 numbers of 600 is none."""
    rng = np.random.default_rng(0)
    x = (600 + 300 * rng.normal(size=(400, 40))).astype(np.float16)
    layer, exact = make(40, dtype="float16"), make(40)
    given, other = (ag.Tensor(v, requires_grad=True) for v in (x, x.astype(float)))
    y, expected = layer(given), exact(other)
    assert y.dtype == np.float16
    np.testing.assert_allclose(y.data, expected.data, atol=4e-3)
    g = rng.normal(size=x.shape).astype(np.float16)
    y.backward(g)
    expected.backward(g.astype(float))
    assert given.grad.dtype == layer.weight.grad.dtype == np.float16
    np.testing.assert_allclose(given.grad, other.grad, atol=1e-4)
    np.testing.assert_allclose(layer.weight.grad, exact.weight.grad, rtol=5e-3, atol=0.05)
    np.testing.assert_allclose(layer.bias.grad, exact.bias.grad, rtol=5e-3, atol=0.05)


@pytest.mark.parametrize("make", [nn.BatchNorm, nn.LayerNorm])
def test_complex_numbers_are_refused_and_nothing_moves(make: Any) -> None:
    layer, x = make(2), np.ones((3, 2)) * 1j
    before = layer.state_dict()
    for given in (x, ag.Tensor(x)):
        with pytest.raises(TypeError, match=r"Norm\(2\): complex numbers.*not normalised"):
            layer(given)
    assert all(np.array_equal(before[name], v) for name, v in layer.state_dict().items())


@pytest.mark.parametrize(("x", "layer"), [("float32", "float64"), ("float64", "float32")])
def test_two_precisions_give_the_higher(x: str, layer: str) -> None:
    values = data((6, 4))
    for make in (nn.BatchNorm, nn.LayerNorm):
        y = learned(make(4, dtype=layer))(values.astype(x))
        assert y.dtype == np.float64
        expected = learned(make(4))(values).data
        np.testing.assert_allclose(y.data, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("make", [nn.BatchNorm, nn.LayerNorm])
def test_arrays_that_are_read_only_or_lie_otherwise_are_left_as_they_are(make: Any) -> None:
    x = data((6, 4))
    expected = make(4)(x).data
    for given in (np.asfortranarray(x), np.repeat(x, 2, axis=0)[::2], x[::-1][::-1]):
        held = given.copy()
        given.flags.writeable = False
        np.testing.assert_allclose(make(4)(given).data, expected, rtol=1e-12, atol=1e-14)
        assert np.array_equal(given, held)


def test_what_depends_on_the_statistics_only() -> None:
    x, gain, shift = data((4, 3)), data((3,), seed=1), data((3,), seed=2)
    for which, expected in [(0, np.full((4, 3), 0.25)), (1, np.zeros(3)), (2, np.zeros(3))]:
        found = ag.grad(lambda *a: ag.sum(normalise(*a, (0,), 1e-5)[2]), argnums=which)
        np.testing.assert_allclose(found(x, gain, shift), expected, atol=1e-12)


def test_many_rows_and_features_are_summed_another_way() -> None:
    for shape in [(2000, 3), (3, 2000)]:
        x = data(shape)
        for make, axis in [(nn.BatchNorm, 0), (nn.LayerNorm, 1)]:
            mean, variance = x.mean(axis, keepdims=True), x.var(axis, keepdims=True)
            expected = (x - mean) / np.sqrt(variance + 1e-5)
            np.testing.assert_allclose(make(shape[1])(x).data, expected, rtol=1e-9, atol=1e-9)
