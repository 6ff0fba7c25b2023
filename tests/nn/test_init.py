"""Glorot's initialisation (LECTURE L14): within its bounds, spread out, and no two units equal."""

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
def test_a_seed_is_no_generator(rng: Any) -> None:
    with pytest.raises(TypeError, match=r"np\.random\.default_rng"):
        nn.init.glorot_uniform((2, 2), rng=rng)


def test_weights_join_two_layers() -> None:
    with pytest.raises(ValueError, match=r"\(inputs, outputs\)"):
        nn.init.glorot_uniform((2, 3, 4))  # type: ignore[arg-type]


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
