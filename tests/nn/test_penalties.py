"""The lecture's Ω (L13): on weights and not on biases, with its gradients."""

from typing import Any

import numpy as np
import pytest

import nn
import optim
from autograd_core.testing import check_gradients

SLOPES = {
    "l1": (nn.l1_penalty, lambda w: np.abs(w).sum(), np.sign),
    "l2": (nn.l2_penalty, lambda w: (w**2).sum(), lambda w: 2 * w),
}


def network(dtype: str = "float64") -> nn.MLP:
    rng = np.random.default_rng(0)
    model = nn.MLP([4, 5, 3], rng=rng, dtype=dtype)
    for p in model.parameters():
        p.data = rng.normal(size=p.shape).astype(dtype)
    return model


@pytest.mark.parametrize("name", SLOPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_value_and_gradient(name: str, dtype: str) -> None:
    penalty, value, slope = SLOPES[name]
    model = network(dtype)
    found = penalty(model)
    assert found.dtype == dtype
    weights = [p for p in model.parameters() if p.name.startswith("W")]
    assert found.item() == pytest.approx(sum(value(w.data) for w in weights), rel=1e-5)
    (found * 0.25).backward()
    for p in model.parameters():
        if p.name.startswith("W"):
            assert p.grad.dtype == dtype
            np.testing.assert_allclose(p.grad, 0.25 * slope(p.data), rtol=1e-6)
        else:
            assert p.grad is None


@pytest.mark.parametrize("name", SLOPES)
def test_against_differences(name: str) -> None:
    model = network()
    check_gradients(lambda: SLOPES[name][0](model), wrt=dict(model.named_weights()))


def test_the_gradient_of_l1_at_zero_is_zero() -> None:
    layer = nn.Linear(2, 1)
    layer.weight.data = [[0.0], [-2.0]]
    nn.l1_penalty(layer).backward()
    assert layer.weight.grad.tolist() == [[0.0], [-1.0]]


def test_tied_weights_count_once_and_normalisation_not_at_all() -> None:
    model = nn.Autoencoder(4, 3)
    assert nn.l2_penalty(model).item() == pytest.approx((model.encoder.weight.data**2).sum())
    norm: Any = nn.BatchNorm(3)
    assert nn.l2_penalty(norm).item() == 0.0
    assert nn.l1_penalty(nn.Sequential(nn.Linear(2, 2), norm)).item() > 0


def test_weight_decay_is_half_of_it() -> None:
    decayed, penalised = network(), network()
    x = np.random.default_rng(1).normal(size=(6, 4))
    y = np.array([0, 1, 2, 0, 1, 2])
    groups = optim.weight_decay_groups(decayed, 0.2)
    one, two = optim.SGD(groups, lr=0.1), optim.SGD(penalised.parameters(), lr=0.1)
    nn.cross_entropy(decayed(x), y).backward()
    one.step()
    (nn.cross_entropy(penalised(x), y) + 0.1 * nn.l2_penalty(penalised)).backward()
    two.step()
    for p, q in zip(decayed.parameters(), penalised.parameters(), strict=True):
        np.testing.assert_allclose(p.data, q.data, rtol=1e-12)


def test_of_no_weights_it_is_zero_in_the_models_dtype() -> None:
    penalty = nn.l2_penalty(nn.BatchNorm(3, dtype="float32"))
    assert (penalty.item(), penalty.dtype) == (0.0, np.float32)


def test_it_takes_a_module() -> None:
    with pytest.raises(TypeError, match="l1_penalty takes a module, whose weights it finds"):
        nn.l1_penalty([])  # type: ignore[arg-type]
