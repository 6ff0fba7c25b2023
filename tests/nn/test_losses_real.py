"""Losses of real outputs and of yes or no, against PyTorch's and formulas written out."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_core as ag
import nn
from autograd_core.testing import check_gradients

REDUCTIONS = ["mean", "sum", "none"]
LOSSES = {
    "mse": nn.mse_loss,
    "l1": nn.l1_loss,
    "huber": nn.huber_loss,
    "wide huber": lambda x, y, *a, **o: nn.huber_loss(x, y, *a, delta=2.5, **o),
    "bce": nn.binary_cross_entropy,
}
# Value and gradient at x of one element, by the formula.
FORMULAS = {
    "mse": (lambda x, y: (x - y) ** 2, lambda x, y: 2 * (x - y)),
    "l1": (lambda x, y: np.abs(x - y), lambda x, y: np.sign(x - y)),
    "huber": (
        lambda x, y: np.where(abs(x - y) <= 1, (x - y) ** 2 / 2, abs(x - y) - 0.5),
        lambda x, y: np.clip(x - y, -1, 1),
    ),
    "wide huber": (
        lambda x, y: np.where(abs(x - y) <= 2.5, (x - y) ** 2 / 2, 2.5 * (abs(x - y) - 1.25)),
        lambda x, y: np.clip(x - y, -2.5, 2.5),
    ),
    "bce": (
        lambda x, y: -y * np.log(1 / (1 + np.exp(-x))) - (1 - y) * np.log(1 / (1 + np.exp(x))),
        lambda x, y: 1 / (1 + np.exp(-x)) - y,
    ),
}


def examples(shape: tuple[int, ...] = (5, 3), seed: int = 0) -> tuple[Any, Any]:
    """Outputs, and targets that are good for all losses."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape) * 3, rng.random(shape)


@pytest.mark.parametrize("name", LOSSES)
@given(
    shape=st.lists(st.integers(1, 4), max_size=3).map(tuple),
    seed=st.integers(0, 1000),
    dtype=st.sampled_from(["float32", "float64"]),
    reduction=st.sampled_from(REDUCTIONS),
)
def test_value_and_gradient_by_the_formula(
    name: str, shape: tuple[int, ...], seed: int, dtype: str, reduction: str
) -> None:
    x, y = (a.astype(dtype) for a in examples(shape, seed))
    value, slope = FORMULAS[name]
    each, slopes = value(x.astype(float), y), slope(x.astype(float), y)
    t = ag.Tensor(x, requires_grad=True)
    loss = LOSSES[name](t, y, reduction)
    tight = 1e-12 if dtype == "float64" else 1e-5
    assert loss.dtype == dtype
    reduced = {"mean": each.mean(), "sum": each.sum(), "none": each}[reduction]
    np.testing.assert_allclose(loss.data, reduced, rtol=tight, atol=tight)
    g = np.random.default_rng(1).normal(size=loss.shape).astype(dtype)
    loss.backward(g)
    assert t.grad.dtype == dtype
    expected = slopes * (g / x.size if reduction == "mean" else g)
    np.testing.assert_allclose(t.grad, expected, rtol=tight, atol=tight)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", LOSSES)
def test_pytorch_says_the_same(name: str, reduction: str) -> None:
    torch = pytest.importorskip("torch")
    from torch.nn import functional as F

    theirs = {
        "mse": F.mse_loss,
        "l1": F.l1_loss,
        "huber": F.huber_loss,
        "wide huber": lambda x, y, reduction: F.huber_loss(x, y, reduction=reduction, delta=2.5),
        "bce": F.binary_cross_entropy_with_logits,
    }[name]
    for dtype, tight in (("float32", 1e-5), ("float64", 1e-12)):
        x, y = (a.astype(dtype) for a in examples())
        t, u = ag.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        ours, other = LOSSES[name](t, y, reduction), theirs(u, torch.tensor(y), reduction=reduction)
        np.testing.assert_allclose(ours.data, other.detach().numpy(), rtol=tight)
        g = np.random.default_rng(2).normal(size=ours.shape).astype(dtype)
        ours.backward(g)
        other.backward(torch.tensor(g))
        np.testing.assert_allclose(t.grad, u.grad.numpy(), rtol=tight, atol=1e-6)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", LOSSES)
def test_gradients_at_both_at_orders_one_and_two(name: str, reduction: str) -> None:
    x, y = examples()
    loss = LOSSES[name]
    check_gradients(lambda t: loss(t, y, reduction), x)
    if name == "bce":
        # A difference would step out of [0, 1]: by the sigmoid it does not.
        check_gradients(lambda t, u: loss(t, ag.sigmoid(u), reduction), x, x[::-1].copy())
    else:
        check_gradients(lambda t, u: loss(t, u, reduction), x, y)


def test_the_gradient_at_the_pre_activation_is_the_difference() -> None:
    # The lecture's x̂ - x, for cross-entropy after a sigmoid and for half the squared error.
    a, x = examples()
    t = ag.Tensor(a, requires_grad=True)
    nn.binary_cross_entropy(t, x, "sum").backward()
    assert np.allclose(t.grad, 1 / (1 + np.exp(-a)) - x)
    t.zero_grad()
    (0.5 * nn.mse_loss(t, x, "sum")).backward()
    assert np.allclose(t.grad, a - x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LOSSES)
def test_extremes_are_finite_and_silent(name: str, dtype: str) -> None:
    x = np.array([1e4, -1e4, 1e4, -1e4, 0.0], dtype)
    y = np.array([1, 1, 0, 0, 0.5], dtype)
    t = ag.Tensor(x, requires_grad=True)
    loss = LOSSES[name](t, y, "none")
    loss.backward(np.ones(5, dtype))
    assert np.isfinite(loss.data).all()
    assert np.isfinite(t.grad).all()
    if name == "bce":
        assert loss.data.tolist() == pytest.approx([0, 1e4, 1e4, 0, np.log(2)])
        assert t.grad.tolist() == [0, -1, 1, 0, 0]
    second = ag.grad(lambda t: ag.sum(ag.grad(lambda s: LOSSES[name](s, y, "sum"))(t)))(x)
    assert np.isfinite(second).all()


def test_a_small_loss_is_not_rounded_to_zero() -> None:
    # log(1 + e^-30) as log(1 + z) would be 0 in float32.
    small = nn.binary_cross_entropy(np.float32([30.0]), [1.0], "sum")
    assert float(small) == pytest.approx(np.exp(-30.0), rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("by", ["element", "row"])
def test_what_is_masked_out_may_be_anything(name: str, reduction: str, by: str) -> None:
    x, y = examples()
    keep = np.random.default_rng(3).random((5, 3) if by == "element" else (5, 1)) > 0.4
    everywhere = np.broadcast_to(keep, x.shape)
    bad, worse = y.copy(), x.copy()
    bad[~everywhere] = np.nan
    worse[~everywhere] = np.inf
    t, u = ag.Tensor(worse, requires_grad=True), ag.Tensor(x, requires_grad=True)
    there = LOSSES[name](t, bad, reduction, mask=keep)
    alone = LOSSES[name](u[everywhere], y[everywhere], reduction)
    if reduction == "none":
        assert (there.data[~everywhere] == 0).all()
        there = there[everywhere]
    np.testing.assert_allclose(there.data, alone.data, rtol=1e-12)
    ag.sum(there).backward()
    ag.sum(alone).backward()
    np.testing.assert_allclose(t.grad, u.grad, rtol=1e-12)
    assert (t.grad[~everywhere] == 0).all()


def test_dtypes() -> None:
    x = np.float32([0.5, -0.5])
    for loss in LOSSES.values():
        # That of the outputs, whatever the targets have.
        for y in ([1, 0], np.float64([1, 0]), np.array([True, False]), ag.Tensor([1.0, 0.0])):
            assert loss(x, y).dtype == np.float32
    assert nn.mse_loss([1, 2], [0, 0]) == 2.5  # numbers are taken as the default dtype


@pytest.mark.parametrize("name", LOSSES)
def test_many_examples_at_once(name: str) -> None:
    x, y = examples()
    loss = LOSSES[name]
    for reduction in REDUCTIONS:
        found = ag.vmap(lambda a, b: loss(a, b, reduction))(x, y)  # noqa: B023 - called here
        np.testing.assert_allclose(
            found, [loss(a, b, reduction) for a, b in zip(x, y, strict=True)]
        )


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_arrays_in_chunks(name: str, reduction: str) -> None:
    da = pytest.importorskip("dask.array")
    x, y = examples()
    t = ag.Tensor(da.from_array(x, chunks=2), requires_grad=True)
    loss = LOSSES[name](t, da.from_array(y, chunks=3), reduction)
    np.testing.assert_allclose(loss.data.compute(), LOSSES[name](x, y, reduction))
    loss.backward(da.ones(loss.shape) if loss.shape else None)
    u = ag.Tensor(x, requires_grad=True)
    LOSSES[name](u, y, reduction).backward(np.ones(loss.shape))
    np.testing.assert_allclose(t.grad.compute(), u.grad, rtol=1e-12)


# --- bad input ------------------------------------------------------------------------------------

X = np.zeros((3, 2))


def changed(value: float) -> Any:
    y = np.zeros((3, 2))
    y[1, 0] = value
    return y


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_targets_that_are_not_finite(name: str, reduction: str, bad: float) -> None:
    with pytest.raises(ValueError, match=f"the targets have {bad} in row 1, column 0"):
        LOSSES[name](X, changed(bad), reduction)
    kept = np.ones((3, 2), bool)
    with pytest.raises(ValueError, match=f"the targets have {bad} in row 1, column 0"):
        LOSSES[name](X, changed(bad), reduction, mask=kept)


@pytest.mark.parametrize("name", LOSSES)
def test_outputs_that_are_not_finite_are_no_error(name: str) -> None:
    assert np.isnan(LOSSES[name](changed(np.nan), X))


@pytest.mark.parametrize("bad", [-0.25, 1.5])
def test_binary_targets_outside_zero_and_one(bad: float) -> None:
    with pytest.raises(ValueError, match=f"have {bad} in row 1, column 0, and must be between 0"):
        nn.binary_cross_entropy(X, changed(bad))


@pytest.mark.parametrize("name", LOSSES)
def test_shapes_that_broadcasting_would_take(name: str) -> None:
    with pytest.raises(ValueError, match=r"shape \(3,\) for .* \(3, 1\).*target\[\.\.\., None\]"):
        LOSSES[name](X[:, :1], X[:, 0])
    with pytest.raises(ValueError, match=r"shape \(3, 1\) for .* \(3,\).*output\[\.\.\., None\]"):
        LOSSES[name](X[:, 0], X[:, :1])
    with pytest.raises(ValueError, match=r"shape \(2,\) for outputs of shape \(3, 2\)"):
        LOSSES[name](X, [0, 0])


@pytest.mark.parametrize("name", LOSSES)
def test_other_bad_input(name: str) -> None:
    loss = LOSSES[name]
    with pytest.raises(ValueError, match="unknown reduction 'avg', known are mean, sum, none"):
        loss(X, X, "avg")
    with pytest.raises(ValueError, match="the mean over an empty batch has no value"):
        loss(X[:0], X[:0])
    assert loss(X[:0], X[:0], "sum") == 0
    with pytest.raises(ValueError, match="the mean has no value, for nothing in the batch counts"):
        loss(X, X, mask=np.zeros((3, 2), bool))
    with pytest.raises(TypeError, match="outputs must be real numbers, not complex128"):
        loss(X * 1j, X)
    with pytest.raises(TypeError, match="targets must be real numbers, not complex128"):
        loss(X, X * 1j)
    with pytest.raises(TypeError, match="targets must be real numbers, not <U1"):
        loss(np.zeros(2), ["a", "b"])


@pytest.mark.parametrize("delta", [0, -1.0, np.inf, np.nan])
def test_delta_must_be_positive(delta: float) -> None:
    with pytest.raises(ValueError, match="delta must be positive and finite"):
        nn.huber_loss(X, X, delta=delta)
    with pytest.raises(TypeError, match="delta must be a number, not '1'"):
        nn.huber_loss(X, X, delta="1")  # type: ignore[arg-type]
