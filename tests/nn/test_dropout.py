"""Dropout (LECTURE L29): its masks, its expectation, its gradient, and its place in the graph."""

import copy
import itertools
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn


def mask_of(layer: nn.Dropout, shape: tuple[int, ...], dtype: str = "float64") -> Any:
    """What the next call multiplies by."""
    return copy.deepcopy(layer)(np.ones(shape, dtype))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_share_p_of_the_units_is_dropped_and_the_others_are_scaled(p: float, dtype: str) -> None:
    y = nn.Dropout(p)(ag.Tensor(np.ones((300, 200), dtype)))
    assert y.dtype == dtype
    values = np.unique(y.data)
    np.testing.assert_allclose(values, [0.0, 1 / (1 - p)], rtol=1e-6)
    # 60,000 draws, to within five standard deviations.
    assert abs((y.data == 0).mean() - p) < 5 * np.sqrt(p * (1 - p) / 60000)
    # Independent: neither rows nor columns have more in common than chance.
    left = y.data != 0
    for pairs in (left[1:] & left[:-1], left[:, 1:] & left[:, :-1]):
        assert abs(pairs.mean() - (1 - p) ** 2) < 0.01


def test_the_mean_over_all_masks_is_what_is_used_at_test_time() -> None:
    """Every mask of 8 units, weighted by how likely it is: nothing is left to chance."""
    p, x = 0.3, np.random.default_rng(0).normal(size=8)
    following = nn.Linear(8, 3)
    total, weight = np.zeros(3), 0.0
    for left in itertools.product([0, 1], repeat=8):
        m = np.array(left)
        likely = np.prod(np.where(m == 1, 1 - p, p))
        total += likely * following(x * m / (1 - p)).data
        weight += likely
    assert weight == pytest.approx(1)
    layer = nn.Dropout(p).eval()
    np.testing.assert_allclose(following(layer(x)).data, total, rtol=1e-12)
    # And what it draws in training averages to that.
    layer.train()
    drawn = np.mean(
        [following(layer(np.tile(x, (500, 1)))).data.mean(axis=0) for _ in range(40)], 0
    )
    np.testing.assert_allclose(drawn, total, atol=0.1)


def test_the_lectures_form_is_the_same_network() -> None:
    """Unscaled masks in training, the expectation 1 - p in use, and weights that much larger."""
    p, rng = 0.4, np.random.default_rng(0)
    x, W = rng.normal(size=(5, 8)), rng.normal(size=(8, 3))
    layer = nn.Dropout(p, rng=rng)
    m = mask_of(layer, (5, 8)) != 0
    theirs = W / (1 - p)
    np.testing.assert_allclose(layer(x) @ W, (x * m) @ theirs, rtol=1e-12)
    layer.eval()
    np.testing.assert_allclose(layer(x) @ W, (x * (1 - p)) @ theirs, rtol=1e-12)


def test_the_gradient_goes_through_the_same_mask() -> None:
    layer, rng = nn.Dropout(0.5), np.random.default_rng(0)
    for _ in range(3):
        x = ag.Tensor(rng.normal(size=(20, 30)), requires_grad=True)
        g = rng.normal(size=(20, 30))
        y = layer(x)
        y.backward(g)
        assert np.array_equal(x.grad, g * (y.data / x.data).round(6))
        assert np.array_equal(x.grad == 0, y.data == 0)
        assert 0.3 < (x.grad == 0).mean() < 0.7


def test_the_mask_is_a_box_of_the_graph() -> None:
    viz = pytest.importorskip("viz")
    x = ag.Tensor(np.ones((2, 3)), requires_grad=True, name="x")
    with ag.seed(1):
        y = nn.Dropout(0.5)(x)
    graph = viz.flow_graph(y).graph
    mask = [v for v in graph.vertices if v.kind == "constant"]
    assert [v.shape for v in mask] == [(2, 3)]
    drawn = viz.flow_graph(lambda x: nn.Dropout(0.5)(x).sum(), np.ones((2, 3))).vertices
    assert [v.label for v in drawn] == ["x", "mask", "×", "Σ"]
    assert type(nn.Dropout(0.5)(np.ones(3))) is np.ndarray
    assert y.op.symbol == "×"
    assert {(e.source, e.target) for e in graph.edges} >= {(mask[0].id, graph.vertices[-1].id)}
    assert mask[0].value is not None


def test_each_call_draws_anew() -> None:
    layer, x = nn.Dropout(0.5), np.ones((5, 10))
    assert not np.array_equal(layer(x), layer(x))


def test_it_draws_from_its_generator_or_the_contexts() -> None:
    x = np.ones((5, 10))
    one, two = (nn.Dropout(0.5, rng=np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one(x), two(x))
    layer = nn.Dropout(0.5)
    assert layer.rng is None
    with ag.seed(5):
        first = layer(x)
        before = ag.random_generator().bit_generator.state
        one(x)
        layer.eval()(x)
        nn.Dropout(0.0)(x)
        assert ag.random_generator().bit_generator.state == before
    # Asked at each call: a seed that is set after the layer was made counts.
    with ag.seed(5):
        assert np.array_equal(layer.train()(x), first)


def test_the_units_are_the_same_in_both_precisions() -> None:
    one, two = (nn.Dropout(0.5, rng=np.random.default_rng(3)) for _ in range(2))
    a, b = one(np.ones((4, 50), np.float32)), two(np.ones((4, 50)))
    assert np.array_equal(a, b)


def test_in_use_and_with_p_0_it_is_the_identity() -> None:
    x = ag.Tensor(np.ones(3), requires_grad=True)
    assert nn.Dropout(0.5).eval()(x) is x
    assert nn.Dropout(0.0)(x) is x
    net = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.9)).eval()
    assert np.array_equal(net(x).data, net[0](x).data)


@pytest.mark.parametrize("x", [[1.0, 2.0, 3.0], np.arange(3), ag.Tensor(np.arange(3)), np.ones(())])
def test_lists_integers_and_numbers_will_do(x: Any) -> None:
    y = nn.Dropout(0.25)(x)
    value = y.data if isinstance(y, ag.Tensor) else y
    assert value.dtype == np.float64
    expected = x.data if isinstance(x, ag.Tensor) else np.asarray(x)
    assert np.all((value == 0) | np.isclose(value, expected / 0.75))


@pytest.mark.parametrize("p", [1.0, -0.1, 1.5, float("nan"), float("inf")])
def test_p_is_in_0_to_1(p: float) -> None:
    with pytest.raises(ValueError, match=r"Dropout: p must be in \[0, 1\), not"):
        nn.Dropout(p)


def test_what_is_no_number_and_no_generator() -> None:
    with pytest.raises(TypeError, match="p must be a number, not '0.5'"):
        nn.Dropout("0.5")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"np\.random\.default_rng"):
        nn.Dropout(0.5, rng=3)  # type: ignore[arg-type]


def test_a_checkpointed_block_draws_the_same_mask_again() -> None:
    layer = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.Tanh())
    x = np.random.default_rng(0).normal(size=(4, 6))

    def gradient(f: Any) -> Any:
        with ag.seed(2):
            t = ag.Tensor(x, requires_grad=True)
            ag.sum(f(t)).backward()
        return t.grad

    np.testing.assert_allclose(gradient(ag.checkpoint(layer)), gradient(layer), rtol=1e-12)


def test_it_is_shown_with_its_probability() -> None:
    assert repr(nn.Dropout(0.25)) == "Dropout(0.25)"
