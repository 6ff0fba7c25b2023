"""The initialisers (LECTURE L14): bounds, variances, orthogonality, and no two units equal."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_core as ag
import nn


@given(
    inputs=st.integers(1, 60),
    outputs=st.integers(1, 60),
    seed=st.integers(0, 2**32),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_glorot_keeps_to_its_bounds(inputs: int, outputs: int, seed: int, dtype: str) -> None:
    W = nn.init.glorot_uniform((inputs, outputs), rng=np.random.default_rng(seed), dtype=dtype)
    bound = np.sqrt(6) / np.sqrt(inputs + outputs)
    assert W.shape == (inputs, outputs)
    assert W.dtype == dtype
    assert np.all(np.abs(W) <= np.dtype(dtype).type(bound))


def test_glorot_is_uniform() -> None:
    W = nn.init.glorot_uniform((300, 200), rng=np.random.default_rng(0))
    bound = np.sqrt(6 / 500)
    counts, _ = np.histogram(W, bins=10, range=(-bound, bound))
    # 60,000 draws: a tenth in each bin, to within five standard deviations.
    assert np.all(np.abs(counts - 6000) < 5 * np.sqrt(60000 * 0.1 * 0.9))
    assert W.var() == pytest.approx(2 / 500, rel=0.02)


def test_seeds() -> None:
    def draw(rng: Any = None) -> Any:
        return nn.init.glorot_uniform((3, 4), rng=rng)

    assert np.array_equal(draw(np.random.default_rng(5)), draw(np.random.default_rng(5)))
    with ag.seed(5):
        first = draw()
    with ag.seed(5):
        assert np.array_equal(draw(), first)
        assert not np.array_equal(draw(), first)


def test_the_default_dtype_is_the_contexts() -> None:
    with ag.default_dtype("float32"):
        assert nn.init.glorot_uniform((2, 2)).dtype == np.float32
        assert nn.init.zeros((2,)).dtype == np.float32
        assert all(p.dtype == np.float32 for p in nn.MLP([2, 3, 2]).parameters())


@pytest.mark.parametrize("rng", [0, np.random.RandomState(0), "0"])
@pytest.mark.parametrize("name", sorted({*nn.init.INITIALISERS} - {"zeros", "ones"}))
def test_a_seed_is_no_generator(name: str, rng: Any) -> None:
    with pytest.raises(TypeError, match=r"np\.random\.default_rng"):
        nn.init.INITIALISERS[name]((2, 2), rng=rng)


# Variances as the papers have them, in the numbers of inputs and outputs.
VARIANCES = {
    "glorot_uniform": lambda n, m: 2 / (n + m),
    "glorot_normal": lambda n, m: 2 / (n + m),
    "he_uniform": lambda n, m: 2 / n,
    "he_normal": lambda n, m: 2 / n,
    "lecun_uniform": lambda n, m: 1 / n,
    "lecun_normal": lambda n, m: 1 / n,
    "normal": lambda n, m: 1.0,
}


@pytest.mark.parametrize("name", VARIANCES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(300, 200), (50, 1200), (1200, 50)])
def test_means_and_variances(name: str, dtype: str, shape: tuple[int, int]) -> None:
    W = nn.init.initialise(name, shape, rng=np.random.default_rng(0), dtype=dtype)
    assert (W.shape, W.dtype) == (shape, dtype)
    variance = VARIANCES[name](*shape)
    # 60,000 draws: to within five standard deviations of their mean, and of their variance.
    assert abs(W.mean()) < 5 * np.sqrt(variance / W.size)
    assert W.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / W.size))
    fourth = np.mean((W / W.std()) ** 4)
    if name.endswith("uniform"):
        bound = np.sqrt(3 * variance)
        assert 0.999 * bound < np.abs(W).max() <= bound * (1 + 1e-7)
        assert fourth == pytest.approx(9 / 5, rel=0.02)
    else:
        assert fourth == pytest.approx(3, rel=0.05)


def test_every_initialiser_is_tested_here() -> None:
    assert {*nn.init.INITIALISERS} == {*VARIANCES, "orthogonal", "zeros", "ones"}


def test_he_and_lecun_keep_the_variance_of_signals() -> None:
    x = np.random.default_rng(0).normal(size=(500, 400))
    for init, activation in (("he_normal", "relu"), ("lecun_normal", "selu")):
        h = nn.MLP([400] * 8, activation, init=init, rng=np.random.default_rng(1))(x).data
        assert 0.6 < h.var() < 1.6 * (2 if activation == "relu" else 1)
    # Of half the variance nothing is left after seven rectifiers but 2**-6.
    h = nn.MLP([400] * 8, "relu", init="lecun_normal", rng=np.random.default_rng(1))(x).data
    assert h.var() < 0.05


@pytest.mark.parametrize("shape", [(4, 4), (7, 3), (3, 7), (1, 5), (5, 1)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_orthogonal(shape: tuple[int, int], dtype: str) -> None:
    W = nn.init.orthogonal(shape, gain=1.5, dtype=dtype)
    assert (W.shape, W.dtype, W.flags.c_contiguous) == (shape, dtype, True)
    product = W.T @ W if shape[0] >= shape[1] else W @ W.T
    tol = 1e-6 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(product, 1.5**2 * np.eye(min(shape)), atol=tol)


def test_orthogonal_matrices_are_spread_evenly() -> None:
    rng = np.random.default_rng(0)
    drawn = np.stack([nn.init.orthogonal((3, 3), rng=rng) for _ in range(4000)])
    # E[W] = 0 and E[W²] = 1/3 in each place, and reflections are as likely as rotations; without
    # the signs of r, QR of NumPy has a negative diagonal nearly always.
    assert np.abs(drawn.mean(axis=0)).max() < 5 * np.sqrt(1 / 3 / 4000)
    np.testing.assert_allclose((drawn**2).mean(axis=0), 1 / 3, atol=0.03)
    assert abs((np.linalg.det(drawn) > 0).mean() - 0.5) < 5 * 0.5 / np.sqrt(4000)


def test_zeros_ones_and_constants_of_any_shape() -> None:
    assert nn.init.zeros((2, 3, 4)).tolist() == np.zeros((2, 3, 4)).tolist()
    assert nn.init.ones((3,), dtype="float32").dtype == np.float32
    assert nn.init.constant((), value=0.5).tolist() == 0.5
    assert nn.init.constant((2,), value=7, dtype="float32").tolist() == [7.0, 7.0]
    assert nn.init.normal((2, 3, 4), std=0.0).tolist() == np.zeros((2, 3, 4)).tolist()
    for std in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="normal: std must be a finite number from 0 on"):
            nn.init.normal((2,), std=std)


@pytest.mark.parametrize("name", sorted({*VARIANCES, "orthogonal"} - {"normal"}))
def test_weights_join_two_layers(name: str) -> None:
    for shape in ((2, 3, 4), (2,), ()):
        with pytest.raises(ValueError, match=rf"{name}: shape must be \(inputs, outputs\)"):
            nn.init.INITIALISERS[name](shape)
    assert nn.init.INITIALISERS[name]((0, 3)).shape == (0, 3)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("glorot_unifrom", "glorot_uniform"),
        ("He_Normal", "he_normal"),
        ("zero", "zeros"),
        ("xavier_uniform", "glorot_uniform"),
        ("kaiming_normal", "he_normal"),
    ],
)
def test_an_unknown_initialiser_is_told_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"unknown initialiser .*did you mean '{nearest}'"):
        nn.Linear(2, 3, init=name)


def test_a_function_of_a_users_own() -> None:
    def counting(shape: tuple[int, ...], *, rng: Any, dtype: Any) -> Any:
        return np.arange(np.prod(shape)).reshape(shape)

    W = nn.init.initialise(counting, (2, 3), dtype="float32")
    assert (W.tolist(), W.dtype) == ([[0, 1, 2], [3, 4, 5]], np.float32)
    with pytest.raises(ValueError, match=r"returned an array of shape \(6,\) where \(2, 3\)"):
        nn.Linear(2, 3, init=lambda shape, **_: np.zeros(6))
    with pytest.raises(TypeError, match="an initialiser is a name or a function"):
        nn.Linear(2, 3, init=0.1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"functools\.partial\(nn\.init\.constant, value="):
        nn.Linear(2, 3, init="constant")


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_units_that_start_equal_stay_equal_and_random_ones_do_not(value: float) -> None:
    x, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2

    def train(equal: bool) -> Any:
        model = nn.MLP([3, 4, 2], rng=np.random.default_rng(0))
        if equal:
            for p in model.parameters():
                p.data = np.full(p.shape, value)
        for _ in range(5):
            nn.cross_entropy(model(x), y).backward()
            for p in model.parameters():
                p.data = p.data - 0.5 * p.grad
                p.zero_grad()
        return model.parameters()[0].data

    equal, random = train(equal=True), train(equal=False)
    assert np.allclose(equal, equal[:, :1], rtol=0, atol=1e-15)
    assert np.abs(np.diff(random, axis=1)).min() > 1e-3
