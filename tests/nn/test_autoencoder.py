"""Autoencoders (LECTURE L25, L26): tied gradients by the formula written out, and corruption."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
import optim
from autograd_core.testing import check_gradients

OUTPUTS = ["sigmoid", "linear"]
G = {
    "sigmoid": (lambda a: 1 / (1 + np.exp(-a)), lambda h: h * (1 - h)),
    "tanh": (np.tanh, lambda h: 1 - h**2),
    "relu": (lambda a: np.maximum(a, 0), lambda h: (h > 0).astype(float)),
    "linear": (lambda a: a, lambda h: np.ones_like(h)),
}


def sigmoid(a: Any) -> Any:
    return 1 / (1 + np.exp(-a))


def example(output: str, shape: tuple[int, ...] = (4, 7), **options: Any) -> tuple[Any, Any]:
    """A model with parameters that are all at random, and inputs for it."""
    rng = np.random.default_rng(0)
    dtype = options.get("dtype", "float64")
    model = nn.Autoencoder(7, 3, output=output, **{"rng": rng, **options})
    for parameter in model.parameters():
        parameter.data = rng.normal(size=parameter.shape).astype(dtype)
    x = rng.random(shape) if output == "sigmoid" else rng.normal(size=shape)
    return model, x.astype(dtype)


@pytest.mark.parametrize("shape", [(4, 7), (7,), (2, 3, 7), (50, 7)])
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("activation", G)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_tied_gradient_has_two_terms(
    activation: str, output: str, shape: tuple[int, ...], dtype: str
) -> None:
    model, x = example(output, shape, activation=activation, dtype=dtype)
    loss = model.loss(model(x), x)
    loss.backward()
    tight = dict(rtol=1e-10, atol=1e-12) if dtype == "float64" else dict(rtol=1e-3, atol=1e-4)

    W, b, c = (p.data.astype(float) for p in model.parameters())
    rows = x.reshape(-1, 7).astype(float)
    g, slope = G[activation]
    h = g(rows @ W + b)
    a = h @ W.T + c
    if output == "sigmoid":
        out = sigmoid(a)
        value = -(rows * np.log(out) + (1 - rows) * np.log(1 - out)).sum()
    else:
        out = a
        value = 0.5 * ((out - rows) ** 2).sum()
    at_a = (out - rows) / len(rows)  # the lecture's x̂ - x, averaged over the examples
    at_h = (at_a @ W) * slope(h)
    as_encoder, as_decoder = rows.T @ at_h, at_a.T @ h
    assert loss.dtype == dtype
    np.testing.assert_allclose(loss.item(), value / len(rows), rtol=tight["rtol"])
    expected = [as_encoder + as_decoder, at_h.sum(axis=0), at_a.sum(axis=0)]
    for parameter, formula in zip(model.parameters(), expected, strict=True):
        assert parameter.grad.dtype == dtype
        np.testing.assert_allclose(parameter.grad, formula, **tight, err_msg=parameter.name)
    # Neither term alone would do, and an untied pair has one each.
    assert not np.allclose(model.encoder.weight.grad, as_encoder, rtol=1e-3)
    assert not np.allclose(model.encoder.weight.grad, as_decoder, rtol=1e-3)
    loose = nn.Autoencoder(7, 3, tied=False, activation=activation, output=output, dtype=dtype)
    for parameter, data in zip(loose.parameters(), [W, b, W.T, c], strict=True):
        parameter.data = data.astype(dtype)
    loose.loss(loose(x), x).backward()
    np.testing.assert_allclose(loose.encoder.weight.grad, as_encoder, **tight)
    np.testing.assert_allclose(loose.decoder.weight.grad, as_decoder.T, **tight)


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_gradient_at_the_pre_activation_is_the_difference(output: str) -> None:
    model, x = example(output)
    a = ag.Tensor(np.random.default_rng(1).normal(size=x.shape), requires_grad=True)
    model.loss(a, x).backward()
    reconstruction = sigmoid(a.data) if output == "sigmoid" else a.data
    np.testing.assert_allclose(a.grad, (reconstruction - x) / 4, rtol=1e-12)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("tied", [True, False])
def test_gradients_against_differences(output: str, tied: bool) -> None:
    model, x = example(output, tied=tied)
    check_gradients(lambda: model.loss(model(x), x), wrt=dict(model.named_parameters()))


def test_one_tensor_used_twice() -> None:
    tied, x = example("sigmoid")
    assert tied.decoder.weight is tied.encoder.weight
    assert [p.name for p in tied.parameters()] == ["W", "b", "c"]
    assert [name for name, _ in tied.named_weights()] == ["encoder.weight"]
    loose = nn.Autoencoder(7, 3, tied=False)
    assert [p.name for p in loose.parameters()] == ["W", "b", "W*", "c"]
    assert [name for name, _ in loose.named_weights()] == ["encoder.weight", "decoder.weight"]
    # What happens to the one happens to the other.
    twin = copy.deepcopy(tied)
    twin.load_state_dict({name: value + 1 for name, value in tied.state_dict().items()})
    twin.astype("float32").freeze()
    assert twin.decoder.weight is twin.encoder.weight
    W, b, c = (p.data + 1 for p in tied.parameters())
    expected = sigmoid(sigmoid(x @ W + b) @ W.T + c)
    np.testing.assert_allclose(twin.reconstruct(x.astype("float32")).data, expected, rtol=1e-5)


def test_a_saved_one_is_tied_again(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    model, x = example("linear")
    nn.save(model, tmp_path / "model.safetensors")
    other = nn.Autoencoder(7, 3, output="linear")
    nn.load(other, tmp_path / "model.safetensors")
    assert other.decoder.weight is other.encoder.weight
    assert (other(x).data == model(x).data).all()


@pytest.mark.parametrize("output", OUTPUTS)
def test_code_and_reconstruction(output: str) -> None:
    model, x = example(output, activation="tanh")
    W, b, c = (p.data for p in model.parameters())
    h = np.tanh(x @ W + b)
    np.testing.assert_allclose(model.encode(x).data, h)
    a = h @ W.T + c
    np.testing.assert_allclose(model(x).data, a)
    expected = sigmoid(a) if output == "sigmoid" else a
    np.testing.assert_allclose(model.decode(h).data, expected)
    np.testing.assert_allclose(model.reconstruct(x).data, expected)


@pytest.mark.parametrize("n", [1, 2, 20, 400])
def test_few_rows_take_another_way_to_the_same(n: int) -> None:
    rng = np.random.default_rng(0)
    layer = nn.Linear(100, 30, rng=rng)
    h = rng.normal(size=(n, 30))
    out = nn.Transposed(layer)(h)
    assert out.data.flags.c_contiguous
    np.testing.assert_allclose(out.data, h @ layer.weight.data.T, rtol=1e-12)


def test_it_trains_as_pytorch_does() -> None:
    torch = pytest.importorskip("torch")
    model, x = example("sigmoid")
    W, b, c = (torch.tensor(p.data, requires_grad=True) for p in model.parameters())
    ours = optim.SGD(model.parameters(), lr=0.1)
    u = torch.tensor(x)
    for _ in range(5):
        ours.zero_grad()
        model.loss(model(x), x).backward()
        ours.step()
        a = torch.sigmoid(u @ W + b) @ W.T + c
        loss = torch.nn.functional.binary_cross_entropy_with_logits(a, u, reduction="sum") / 4
        # By hand, for importing torch.optim takes seconds.
        for p, g in zip((W, b, c), torch.autograd.grad(loss, (W, b, c)), strict=True):
            p.data -= 0.1 * g
    for p, q in zip(model.parameters(), (W, b, c), strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-10)


def test_fit_trains_it() -> None:
    rng = np.random.default_rng(0)
    # Eight features that are two repeated: two units can give them back.
    X = np.repeat(rng.random((200, 2)), 4, axis=1)
    model = nn.Autoencoder(8, 2, activation="linear", output="linear", rng=rng)
    history = optim.fit(model, model.loss, X, "adam", lr=0.02, epochs=30, rng=rng, progress=False)
    losses = list(history["training loss"])
    assert losses[-1] < 0.05 * losses[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extremes_are_finite_and_silent(dtype: str) -> None:
    model = nn.Autoencoder(2, 2, dtype=dtype)
    model.encoder.weight.data = np.array([[1e4, -1e4], [-1e4, 1e4]], dtype)
    x = np.array([[0, 1], [1, 0], [1, 1]], dtype)
    loss = model.loss(model(x), x)
    loss.backward()
    assert np.isfinite(loss.item())
    assert all(np.isfinite(p.grad).all() for p in model.parameters())


# --- denoising ------------------------------------------------------------------------------------


def denoiser(**options: Any) -> Any:
    return nn.DenoisingAutoencoder(6, 4, rng=np.random.default_rng(0), **options)


def test_masking_sets_a_share_of_the_inputs_to_zero() -> None:
    model, x = denoiser(level=0.3), np.full((2000, 6), 0.5)
    corrupted = model.corrupt(x)
    assert set(np.unique(corrupted)) == {0.0, 0.5}
    # Within four standard deviations of a share of 12,000 draws.
    assert abs((corrupted == 0).mean() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / x.size)
    assert (x == 0.5).all()
    assert not np.array_equal(corrupted, model.corrupt(x))


def test_gaussian_noise_has_the_deviation_asked_for() -> None:
    model, x = denoiser(corruption="gaussian", level=0.2), np.full((2000, 6), 0.5)
    noise = model.corrupt(x) - x
    assert abs(noise.mean()) < 4 * 0.2 / np.sqrt(x.size)
    assert abs(noise.std() - 0.2) < 4 * 0.2 / np.sqrt(2 * x.size)


@pytest.mark.parametrize("corruption", nn.autoencoder.CORRUPTIONS)
def test_the_dtype_stays_and_does_not_change_the_draws(corruption: str) -> None:
    x = np.random.default_rng(1).random((3, 6))
    single = denoiser(corruption=corruption).corrupt(x.astype("float32"))
    double = denoiser(corruption=corruption).corrupt(x)
    assert (single.dtype, double.dtype) == ("float32", "float64")
    np.testing.assert_allclose(single, double, rtol=1e-5, atol=1e-6)
    assert denoiser(corruption=corruption).corrupt(np.ones((3, 6), int)).dtype == "float64"


@pytest.mark.parametrize("corruption", nn.autoencoder.CORRUPTIONS)
def test_it_corrupts_in_training_only_and_compares_with_the_clean_input(corruption: str) -> None:
    model = denoiser(corruption=corruption, level=0.5)
    x = np.random.default_rng(1).random((5, 6))
    clean = model.autoencoder(x).data
    twin = copy.deepcopy(model)
    a = model(x)
    assert not np.allclose(a.data, clean)
    np.testing.assert_array_equal(a.data, twin.autoencoder(twin.corrupt(x)).data)
    out = sigmoid(a.data)
    expected = -(x * np.log(out) + (1 - x) * np.log(1 - out)).sum() / 5
    assert model.loss(a, x).item() == pytest.approx(expected)
    np.testing.assert_array_equal(model.encode(x).data, model.autoencoder.encode(x).data)
    np.testing.assert_array_equal(model.reconstruct(x).data, model.autoencoder.reconstruct(x).data)
    before = model.rng.bit_generator.state
    np.testing.assert_array_equal(model.eval()(x).data, clean)
    assert model.rng.bit_generator.state == before


def test_the_gradient_goes_through_the_corrupted_input() -> None:
    model = denoiser(level=0.5)
    x = np.random.default_rng(1).random((5, 6))
    noisy = copy.deepcopy(model).corrupt(x)
    model.loss(model(x), x).backward()
    W, b, c = (p.data for p in model.parameters())
    h = sigmoid(noisy @ W + b)
    at_a = (sigmoid(h @ W.T + c) - x) / 5
    at_h = (at_a @ W) * h * (1 - h)
    np.testing.assert_allclose(model.encoder.weight.grad, noisy.T @ at_h + at_a.T @ h, rtol=1e-10)


def test_without_a_generator_it_asks_the_contexts() -> None:
    model, x = nn.DenoisingAutoencoder(6, 4), np.ones((3, 6))
    with ag.seed(1):
        first = model.corrupt(x)
    with ag.seed(1):
        again = model.corrupt(x)
    np.testing.assert_array_equal(first, again)


def test_level_zero_corrupts_nothing() -> None:
    x = np.random.default_rng(1).random((3, 6))
    for corruption in nn.autoencoder.CORRUPTIONS:
        model = denoiser(corruption=corruption, level=0.0)
        np.testing.assert_array_equal(model(x).data, model.autoencoder(x).data)
        np.testing.assert_array_equal(model.corrupt(x), x)


# --- bad input ------------------------------------------------------------------------------------


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="unknown output 'sigmod': did you mean 'sigmoid'"):
        nn.Autoencoder(4, 3, output="sigmod")
    with pytest.raises(ValueError, match="unknown activation 'tanth'"):
        nn.Autoencoder(4, 3, activation="tanth")
    with pytest.raises(ValueError, match="unknown corruption 'mask': did you mean 'masking'"):
        nn.DenoisingAutoencoder(4, 3, corruption="mask")
    for level in (1.0, -0.1, np.nan):
        with pytest.raises(ValueError, match=r"level must be in \[0, 1\)"):
            nn.DenoisingAutoencoder(4, 3, level=level)
    for level in (np.inf, -0.1, np.nan):
        with pytest.raises(ValueError, match="level must be a finite number from 0 on"):
            nn.DenoisingAutoencoder(4, 3, corruption="gaussian", level=level)
    with pytest.raises(TypeError, match="level must be a number"):
        nn.DenoisingAutoencoder(4, 3, level="0.3")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="rng must be a NumPy Generator"):
        nn.DenoisingAutoencoder(4, 3, rng=0)  # type: ignore[arg-type]


def test_bad_data() -> None:
    model = nn.Autoencoder(4, 3)
    with pytest.raises(ValueError, match=r"Linear\(4, 3\): expected 4 features .* got 5"):
        model(np.zeros((2, 5)))
    with pytest.raises(ValueError, match=r"Transposed\(3, 4\): expected 3 features .* got 4"):
        model.decode(np.zeros((2, 4)))
    masked: Any = np.ma.masked_array(np.zeros((2, 4)), np.eye(2, 4))
    with pytest.raises(TypeError, match="MaskedArray computes by rules of its own"):
        model(masked)
    x = np.zeros((2, 4))
    x[1, 2] = 1.5
    with pytest.raises(ValueError, match=r"1.5 in row 1, column 2.*output='linear' is for real"):
        model.loss(model(x), x)
    real = nn.Autoencoder(4, 3, output="linear")
    x[1, 2] = np.nan
    with pytest.raises(ValueError, match="have nan in row 1, column 2; .* leave out the example"):
        real.loss(real(x * 0), x)
    with pytest.raises(ValueError, match="the mean over an empty batch has no value"):
        model.loss(model(x[:0]), x[:0])
    with pytest.raises(
        ValueError, match=r"targets of shape \(1, 4\) for outputs of shape \(2, 4\)"
    ):
        model.loss(model(x * 0), x[:1])
