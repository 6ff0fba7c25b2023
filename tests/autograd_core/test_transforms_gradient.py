"""grad and gradients: values beside the loss, several outputs, strictness, elementwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_core as ag


def by_differences(f: Callable[[np.ndarray], float], x: np.ndarray, h: float = 1e-6) -> np.ndarray:
    """The gradient of a function of one array, by central differences."""
    g = np.zeros_like(x)
    for index in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[index] = h
        g[index] = (f(x + step) - f(x - step)) / (2 * h)
    return g


class TestAux:
    def test_arrays_stay_arrays_and_other_things_what_they_are(self) -> None:
        def f(x: Any) -> Any:
            h = np.sin(x)
            return (h * h).sum(), {"h": h, "label": "a", "rest": [3, None, (x * 2,)]}

        x = np.array([0.3, -1.2, 2.0])
        (value, aux), g = ag.value_and_grad(f, has_aux=True)(x)
        np.testing.assert_allclose(value, (np.sin(x) ** 2).sum())
        np.testing.assert_allclose(g, np.sin(2 * x))
        assert type(aux["h"]) is np.ndarray
        np.testing.assert_array_equal(aux["h"], np.sin(x))
        assert aux["label"] == "a"
        assert aux["rest"][:2] == [3, None]
        np.testing.assert_array_equal(aux["rest"][2][0], 2 * x)
        g2, aux2 = ag.grad(f, has_aux=True)(ag.Tensor(x))
        assert type(g2) is type(aux2["h"]) is ag.Tensor
        assert not aux2["h"].requires_grad
        np.testing.assert_array_equal(g2.data, g)

    def test_what_depends_on_a_tensor_from_outside_keeps_its_graph(self) -> None:
        w = ag.Tensor(3.0, requires_grad=True)
        _, aux = ag.grad(lambda x: (x * x, {"with": w * x, "without": x * x}), has_aux=True)(2.0)
        assert ag.gradients(aux["with"], w).item() == 2.0
        assert not isinstance(aux["without"], ag.Tensor)
        # ... and so do nested gradients see it: d/dx (x²)² at 2 through the value beside.
        outer = ag.grad(lambda x: ag.grad(lambda y: (y, y * y), has_aux=True)(x)[1] ** 2)
        assert outer(2.0) == 32.0

    def test_a_pair_is_needed(self) -> None:
        with pytest.raises(TypeError, match="has_aux=True it must return a pair"):
            ag.grad(lambda x: x, has_aux=True)(1.0)
        with pytest.raises(TypeError, match="with has_aux=True"):
            ag.grad(lambda x: (x, 1.0))(1.0)


class TestStrict:
    def test_an_input_that_is_not_reached_is_named(self) -> None:
        def f(p: Any, x: Any) -> Any:
            return (p["layers"][0] * 2.0).sum()

        p = {"layers": [np.ones(2), np.ones(3)]}
        with pytest.raises(ag.GradientError, match=r"argument 0\.layers\.1, argument 1, or only"):
            ag.grad(f, argnums=(0, 1), strict=True)(p, 1.0)
        assert ag.grad(f)(p, 1.0)["layers"][1].tolist() == [0.0, 0.0, 0.0]
        with pytest.raises(ag.GradientError, match="argument 0, or only"):
            ag.grad(np.floor, strict=True)(1.5)
        assert ag.grad(lambda x: x * 0.0, strict=True)(1.5) == 0.0

    def test_gradients(self) -> None:
        x, y = (ag.Tensor(v, requires_grad=True) for v in (2.0, 3.0))
        with pytest.raises(ag.GradientError, match=r"does not depend on wrt b\.0"):
            ag.gradients(x * x, {"a": x, "b": [y]}, strict=True)
        assert ag.gradients(x * y, [x, y], strict=True)[0].item() == 3.0


class TestSeveralOutputs:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_a_tree_of_outputs_with_weights(self, dtype: Any) -> None:
        rng = np.random.default_rng(0)
        a, u, v = (rng.normal(size=(2, 3)).astype(dtype) for _ in range(3))
        x = ag.Tensor(a, requires_grad=True)
        outputs = {"s": np.sin(x), "rest": (x**3, x)}
        weights = {"rest": (v, [[1, 0, 0], [0, 0, 2]]), "s": u}
        g = ag.gradients(outputs, x, weights)
        expected = u * np.cos(a) + 3 * a**2 * v + np.array([[1, 0, 0], [0, 0, 2]])
        assert g.dtype == dtype
        np.testing.assert_allclose(g.data, expected, rtol=10 * np.finfo(dtype).eps)

    def test_the_same_tensor_twice_and_one_inside_another(self) -> None:
        x = ag.Tensor(2.0, requires_grad=True)
        y = x * x
        z = y * y
        gx, gy = ag.gradients([y, y, z], [x, y], [1.0, 10.0, 100.0])
        assert gy.item() == 11.0 + 100.0 * 2 * 4.0
        assert gx.item() == gy.item() * 4.0

    def test_weights_are_differentiable(self) -> None:
        x, u = (ag.Tensor(v, requires_grad=True) for v in ([1.0, 2.0], [3.0, 4.0]))
        g = ag.gradients([np.sin(x), x.sum()], x, [u, 5.0], create_graph=True)
        h = ag.gradients(g, [x, u], [1.0, 10.0])
        np.testing.assert_allclose(h[0].data, -np.sin([1.0, 2.0]) * [3.0, 40.0])
        np.testing.assert_allclose(h[1].data, np.cos([1.0, 2.0]) * [1.0, 10.0])

    def test_refusals(self) -> None:
        x = ag.Tensor([1.0, 2.0], requires_grad=True)
        with pytest.raises(TypeError, match="must be a Tensor, not float"):
            ag.gradients([x.sum(), 1.0], x)
        with pytest.raises(ValueError, match="grad_output must be a sequence of length 2"):
            ag.gradients([x, x], x, [np.ones(2)])
        with pytest.raises(ag.GradientError, match="needs a gradient"):
            ag.gradients([x.sum(), x], x)

    def test_as_pytorch(self) -> None:
        torch = pytest.importorskip("torch")
        rng = np.random.default_rng(0)
        a, u = rng.normal(size=3) + 1j * rng.normal(size=3), rng.normal(size=3)
        z, t = ag.Tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
        w = rng.normal(size=3) + 1j * rng.normal(size=3)
        ours = ag.gradients([np.abs(z), z * z], z, [u, w])
        (theirs,) = torch.autograd.grad([t.abs(), t * t], t, [torch.tensor(u), torch.tensor(w)])
        np.testing.assert_allclose(ours.data, theirs.numpy(), rtol=1e-12)


class TestElementwise:
    @pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3)])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_tanh_at_order_one_and_two(self, shape: Any, dtype: Any) -> None:
        x = np.random.default_rng(0).normal(size=shape).astype(dtype)
        slope = ag.elementwise_grad(np.tanh)
        t = np.tanh(x)
        rtol = 50 * np.finfo(dtype).eps
        assert slope(x).dtype == dtype
        np.testing.assert_allclose(slope(x), 1 - t * t, rtol=rtol)
        curvature = ag.elementwise_grad(slope)(x)
        np.testing.assert_allclose(curvature, -2 * t * (1 - t * t), rtol=rtol, atol=rtol)

    def test_argnum_trees_and_complex_step(self) -> None:
        a, b = np.array([0.2, 0.7]), np.array([1.1, -0.4])

        def f(x: Any, y: Any) -> Any:
            return np.exp(x * y) / (1.0 + y * y)

        by_step = np.imag(f(a, b + 1e-30j)) / 1e-30
        np.testing.assert_allclose(ag.elementwise_grad(f, argnum=1)(a, b), by_step, rtol=1e-13)
        tree = ag.elementwise_grad(lambda p: {"u": p["u"] ** 2, "v": np.sin(p["v"])})
        g = tree({"u": a, "v": b})
        np.testing.assert_allclose(g["u"], 2 * a)
        np.testing.assert_allclose(g["v"], np.cos(b))

    def test_what_cannot_be_elementwise_is_refused(self) -> None:
        with pytest.raises(ag.GradientError, match=r"returned shape \(\) for an argument of shape"):
            ag.elementwise_grad(np.sum)(np.ones(3))
        with pytest.raises(ag.GradientError, match="complex"):
            ag.elementwise_grad(lambda x: x * 1j)(np.ones(3))


class TestStopGradient:
    def test_values_pass_and_gradients_do_not(self) -> None:
        x = np.array([1.0, 2.0])
        np.testing.assert_array_equal(
            ag.grad(lambda x: (x * ag.stop_gradient(np.sin(x))).sum())(x), np.sin(x)
        )
        t = ag.Tensor(x, requires_grad=True)
        tree = ag.stop_gradient({"a": [t, x, 3], "b": None})
        assert not tree["a"][0].requires_grad
        assert tree["a"][1] is x
        assert tree["a"][2] == 3
        assert tree["b"] is None

    def test_forward_mode(self) -> None:
        assert ag.jvp(lambda x: x * ag.stop_gradient(x), (3.0,), (1.0,))[1] == 3.0

    def test_a_target_that_does_not_move(self) -> None:
        def loss(w: Any) -> Any:
            return ((np.tanh(w) - ag.stop_gradient(w * w)) ** 2).sum()

        w = np.array([0.3, -0.8])
        fixed = by_differences(lambda v: float(((np.tanh(v) - w * w) ** 2).sum()), w)
        np.testing.assert_allclose(ag.grad(loss)(w), fixed, rtol=1e-8)
