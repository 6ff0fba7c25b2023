"""Gradient clipping: by the norm of all gradients together, and number by number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_core as ag
import nn
import optim


def leaves(*gradients: Any, dtype: str = "float64") -> list[ag.Tensor]:
    found = []
    for g in gradients:
        array = np.asarray(g, dtype)
        p = ag.Tensor(np.zeros(array.shape, dtype), requires_grad=True)
        p.grad = array
        found.append(p)
    return found


@given(
    shapes=st.lists(st.sampled_from([(), (3,), (2, 3), (0,)]), min_size=1, max_size=4),
    max_norm=st.floats(1e-3, 1e3),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.integers(0, 50),
)
def test_the_norm_is_that_of_one_vector(
    shapes: list[tuple[int, ...]], max_norm: float, dtype: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    before = [rng.normal(size=s).astype(dtype) for s in shapes]
    parameters = leaves(*before, dtype=dtype)
    row = np.concatenate([g.reshape(-1) for g in before]).astype(np.float64)
    tight = 1e-12 if dtype == "float64" else 1e-5
    norm = optim.clip_grad_norm(parameters, max_norm)
    assert type(norm) is float
    assert math.isclose(norm, float(np.linalg.norm(row)), rel_tol=tight, abs_tol=1e-30)
    scale = min(1.0, max_norm / norm) if norm else 1.0
    for p, g in zip(parameters, before, strict=True):
        assert p.grad.dtype == dtype
        assert np.allclose(p.grad, scale * g, rtol=tight, atol=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pytorch_agrees(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    before = [rng.normal(size=s).astype(dtype) for s in ((4, 3), (5,), ())]
    for max_norm in (0.5, 100.0):
        ours = leaves(*before, dtype=dtype)
        theirs = [torch.zeros(g.shape, dtype=getattr(torch, dtype)) for g in before]
        for q, g in zip(theirs, before, strict=True):
            q.grad = torch.tensor(g.copy())
        norm = optim.clip_grad_norm(ours, max_norm)
        other = torch.nn.utils.clip_grad_norm_(theirs, max_norm)
        assert norm == pytest.approx(float(other), rel=1e-6)
        for p, q in zip(ours, theirs, strict=True):
            assert np.allclose(p.grad, q.grad.numpy(), rtol=1e-5)  # it adds 1e-6 to the norm


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", ["large", "small"])
def test_no_overflow_and_no_underflow(dtype: str, size: str) -> None:
    unit = {"large": 0.1 * float(np.finfo(dtype).max), "small": 1e4 * float(np.finfo(dtype).tiny)}
    g = np.array([3.0, 4.0]) * unit[size]
    parameters = leaves(g, dtype=dtype)
    norm = optim.clip_grad_norm(parameters, 0.5 * unit[size])
    assert norm == pytest.approx(5 * unit[size], rel=1e-6)
    assert np.allclose(parameters[0].grad / unit[size], [0.3, 0.4], rtol=1e-5)


def test_gradients_are_replaced_and_never_written() -> None:
    (p,) = leaves([3.0, 4.0])
    held = p.grad
    optim.clip_grad_norm([p], 1.0)
    assert held.tolist() == [3.0, 4.0]
    held = p.grad
    optim.clip_grad_value([p], 0.1)
    assert np.allclose(held, [0.6, 0.8])
    assert np.allclose(p.grad, 0.1)


def test_what_has_no_gradient_is_left_out() -> None:
    p, q = leaves([3.0, 4.0], [1.0])
    q.grad = None
    assert optim.clip_grad_norm([p, q], 1.0) == 5.0
    optim.clip_grad_value([p, q], 0.5)
    assert q.grad is None
    p.grad = None
    assert optim.clip_grad_norm([p, q], 1.0) == 0.0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_are_limited_one_by_one(dtype: str) -> None:
    p, q = leaves([[-3.0, 0.2], [0.5, 9.0]], [np.inf, -np.inf, 0.0], dtype=dtype)
    optim.clip_grad_value([p, q], 0.5)
    assert np.array_equal(p.grad, np.array([[-0.5, 0.2], [0.5, 0.5]], dtype))
    assert np.array_equal(q.grad, np.array([0.5, -0.5, 0.0], dtype))
    assert p.grad.dtype == dtype


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_gradient_without_a_direction_is_an_error_that_says_where(bad: float) -> None:
    p, q = leaves([30.0], [[1.0, 1.0], [bad, 2.0]])
    q.name = "W2"
    with pytest.raises(
        ValueError, match=rf"gradient of 'W2' is {bad} at index \(1, 0\); no gradient"
    ):
        optim.clip_grad_norm([p, q], 1.0)
    assert p.grad.tolist() == [30.0]
    q.grad = np.array([[1.0, 1.0], [np.nan, 2.0]])
    with pytest.raises(
        ValueError, match=r"clip_grad_value: the gradient of 'W2' is nan at index \(1, 0"
    ):
        optim.clip_grad_value([p, q], 1.0)
    assert p.grad.tolist() == [30.0]


@pytest.mark.parametrize("clip", [optim.clip_grad_norm, optim.clip_grad_value])
def test_bad_arguments(clip: Any) -> None:
    (p,) = leaves([1.0])
    for limit in (0, -1.0, np.nan, -np.inf, *([np.inf] * (clip is optim.clip_grad_value))):
        with pytest.raises(ValueError, match="must be a positive finite number"):
            clip([p], limit)
    with pytest.raises(TypeError, match="must be a number"):
        clip([p], "1")
    with pytest.raises(TypeError, match=r"takes a list of parameters: write \[parameter\]"):
        clip(p, 1.0)
    with pytest.raises(TypeError, match=r"write \.parameters\(\)"):
        clip(nn.Linear(1, 1), 1.0)
    with pytest.raises(ValueError, match="once more"):
        clip([p, p], 1.0)


def test_complex_gradients_have_a_norm_and_no_order() -> None:
    (p,) = leaves([3.0 + 4.0j, 12.0j], dtype="complex128")
    with pytest.raises(TypeError, match="complex numbers have no order"):
        optim.clip_grad_value([p], 1.0)
    assert optim.clip_grad_norm([p], 1.0) == 13.0
    assert np.allclose(p.grad, np.array([3.0 + 4.0j, 12.0j]) / 13)


@pytest.mark.parametrize(("value", "n"), [(6e4, 10**4), (200.0, 5), (1e-4, 100), (1.0, 10**4)])
def test_half_precision_has_a_norm_of_more_than_half_precision(value: float, n: int) -> None:
    """6e4 squared is beyond float16, 1e-4 squared next to 0, and so is 1 / (6e4 · 100)."""
    g = np.full(n, value, np.float16)
    whole = np.linalg.norm(g.astype(np.float64))
    (p,) = leaves(g, dtype="float16")
    max_norm = min(1.0, 0.1 * float(whole))
    assert optim.clip_grad_norm([p], max_norm) == pytest.approx(whole, rel=1e-5)
    assert p.grad.dtype == np.float16
    clipped = p.grad.astype(np.float64)
    step = float(np.spacing(np.float16(max_norm / math.sqrt(n))))
    assert np.allclose(clipped, max_norm / math.sqrt(n), rtol=1e-3, atol=step)


def test_a_norm_beyond_floats_is_clipped_too() -> None:
    (p,) = leaves(np.full(4, 1e308))
    assert optim.clip_grad_norm([p], 1.0) == math.inf
    assert np.allclose(p.grad, 0.5, rtol=1e-12)


def test_a_norm_is_measured_without_a_limit() -> None:
    (p,) = leaves([3.0, 4.0])
    held = p.grad
    assert optim.clip_grad_norm([p], math.inf) == 5.0
    assert p.grad is held
    p.grad = np.array([np.nan, 1.0])
    with pytest.raises(ValueError, match="is nan at index 0"):
        optim.clip_grad_norm([p], math.inf)


def test_a_limit_beyond_half_precision() -> None:
    (p,) = leaves([1e4, -2.0, -np.inf], dtype="float16")
    optim.clip_grad_value([p], 1e9)
    assert p.grad.tolist() == [1e4, -2.0, float(np.finfo(np.float16).min)]
    assert p.grad.dtype == np.float16
