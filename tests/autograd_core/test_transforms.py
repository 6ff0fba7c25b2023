"""grad, value_and_grad, gradients, jvp: structure, nesting, and what comes out of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_core as ag


class TestGradients:
    def test_second_order(self) -> None:
        x = ag.Tensor([1.0, 2.0], requires_grad=True)
        (g,) = ag.gradients((x**3).sum(), [x], create_graph=True)
        np.testing.assert_allclose(g.detach(), [3.0, 12.0])
        h = ag.gradients(g, x, grad_output=[1.0, 10.0])
        np.testing.assert_allclose(h.detach(), [6.0, 120.0])
        assert not h.requires_grad
        assert x.grad is None

    def test_structures_inner_tensors_and_zeros(self) -> None:
        x, y = (ag.Tensor(v, requires_grad=True) for v in (2.0, 3.0))
        z = x * x
        found = ag.gradients(z * 5.0, {"x": x, "rest": [z, (y,)]})
        assert found["x"].item() == 20.0
        assert found["rest"][0].item() == 5.0
        assert found["rest"][1][0].item() == 0.0
        assert isinstance(found["rest"][1], tuple)

    def test_grad_output_is_differentiable(self) -> None:
        x, u = (ag.Tensor(v, requires_grad=True) for v in ([1.0, 2.0], [3.0, 4.0]))
        g = ag.gradients(np.sin(x), x, grad_output=u, create_graph=True)
        g.sum().backward()
        np.testing.assert_allclose(u.grad, np.cos([1.0, 2.0]))

    def test_refusals(self) -> None:
        x = ag.Tensor([1.0, 2.0], requires_grad=True)
        with pytest.raises(ag.GradientError, match="no gradient reaches"):
            ag.gradients(x.sum(), ag.Tensor(1.0))
        with pytest.raises(ag.GradientError, match="needs a gradient"):
            ag.gradients(x * 2, x)
        with pytest.raises(TypeError, match="must be a Tensor"):
            ag.gradients(3.0, x)


class TestGrad:
    def test_arrays_in_arrays_out(self) -> None:
        value, g = ag.value_and_grad(lambda x: (x * x).sum())(np.array([1.0, 2.0], np.float32))
        assert type(value) is np.ndarray
        assert type(g) is np.ndarray
        assert value.dtype == g.dtype == np.float32
        assert g.tolist() == [2.0, 4.0]

    def test_tensors_in_tensors_out(self) -> None:
        value, g = ag.value_and_grad(lambda x: (x * x).sum())(ag.Tensor([1.0, 2.0]))
        assert type(value) is type(g) is ag.Tensor
        assert not value.requires_grad
        assert g.tolist() == [2.0, 4.0]

    def test_argnums_trees_and_keywords(self) -> None:
        def loss(params: Any, x: Any, scale: float = 1.0) -> Any:
            h = x
            for layer in params["layers"]:
                h = np.tanh(h @ layer["W"] + layer["b"])
            return scale * (h * params["out"][0]).sum()

        rng = np.random.default_rng(0)
        params = {
            "layers": [{"W": rng.normal(size=(3, 3)), "b": rng.normal(size=3)} for _ in range(2)],
            "out": (rng.normal(size=3),),
        }
        x = rng.normal(size=(4, 3))
        both = ag.grad(loss, argnums=(0, 1))(params, x, scale=2.0)
        assert isinstance(both, tuple)
        alone = ag.grad(loss)(params, x, scale=2.0)
        np.testing.assert_array_equal(both[0]["layers"][1]["W"], alone["layers"][1]["W"])
        assert list(alone) == ["layers", "out"]
        assert isinstance(alone["out"], tuple)
        h = 1e-6
        params["layers"][0]["W"][1, 2] += h
        above = float(loss(params, x, 2.0))
        params["layers"][0]["W"][1, 2] -= 2 * h
        below = float(loss(params, x, 2.0))
        assert alone["layers"][0]["W"][1, 2] == pytest.approx((above - below) / (2 * h), rel=1e-7)

    def test_fifth_derivative_of_tanh(self) -> None:
        f: Any = np.tanh
        for _ in range(5):
            f = ag.grad(f)
        t = np.tanh(0.3)
        # By hand: d/dx of a polynomial p in t = tanh x is p'(t) (1 - t²).
        p = np.polynomial.Polynomial([0.0, 1.0])
        for _ in range(5):
            p = p.deriv() * np.polynomial.Polynomial([1.0, 0.0, -1.0])
        assert float(f(0.3)) == pytest.approx(p(t), rel=1e-12)

    def test_no_perturbation_confusion(self) -> None:
        assert ag.grad(lambda x: ag.grad(lambda y: x * y)(1.0))(2.0) == 1.0
        assert ag.grad(lambda x: x * ag.grad(lambda y: x + y)(1.0))(5.0) == 1.0
        assert ag.grad(lambda x: ag.grad(lambda x: x * x)(x) * x)(3.0) == 12.0

    def test_a_tensor_where_it_depends_on_one_from_outside(self) -> None:
        w = ag.Tensor(3.0, requires_grad=True)
        g = ag.grad(lambda x: w * x * x)(2.0)
        assert type(g) is ag.Tensor
        g.backward()
        assert w.grad == 4.0

    def test_unreached_inputs_have_zeros(self) -> None:
        g = ag.grad(lambda x, y: x.sum(), argnums=(0, 1))(np.ones(2), np.ones((3, 1)))
        np.testing.assert_array_equal(g[1], np.zeros((3, 1)))
        assert ag.grad(lambda x: 3.0)(1.0) == 0.0

    def test_inside_no_grad(self) -> None:
        with ag.no_grad():
            assert ag.grad(lambda x: x * x)(3.0) == 6.0
            assert not ag.recording()
        assert ag.grad(lambda x: x * _constant(x))(3.0) == 3.0

    def test_refusals(self) -> None:
        with pytest.raises(ag.GradientError, match=r"returned a value of shape \(2,\)"):
            ag.grad(lambda x: x * 2)(np.ones(2))
        with pytest.raises(TypeError, match="dtype int64"):
            ag.grad(lambda x: x * 2)(np.array(1, np.int64))
        with pytest.raises(TypeError, match="argument 1"):
            ag.grad(lambda x: x, argnums=1)(1.0)


@ag.no_grad()
def _constant(x: Any) -> Any:
    return x * 1.0


class TestJvp:
    def test_value_tangent_and_structures(self) -> None:
        def f(p: Any, x: Any) -> Any:
            return {"y": np.tanh(p["w"] * x), "z": x.sum()}

        p, x = {"w": np.array([0.5, 1.0])}, np.array([1.0, 2.0])
        value, tangent = ag.jvp(f, (p, x), ({"w": np.array([1.0, 0.0])}, np.array([0.0, 2.0])))
        inner = 1 - np.tanh(p["w"] * x) ** 2
        np.testing.assert_allclose(tangent["y"], inner * np.array([1.0, 2.0]))
        assert tangent["z"] == 2.0
        assert type(value["y"]) is type(tangent["y"]) is np.ndarray

    def test_nesting(self) -> None:
        def cube(x: Any) -> Any:
            return x * x * x

        def along(x: Any) -> Any:
            return ag.jvp(cube, (x,), (1.0,))[1]

        assert ag.jvp(along, (2.0,), (1.0,))[1] == 12.0
        assert ag.grad(along)(2.0) == 12.0
        assert ag.jvp(ag.grad(cube), (2.0,), (1.0,))[1] == 12.0
        assert ag.grad(ag.grad(along))(2.0) == 6.0

    def test_hessian_vector_product_three_ways(self) -> None:
        rng = np.random.default_rng(0)
        A, x, v = rng.normal(size=(4, 4)), rng.normal(size=4), rng.normal(size=4)

        def f(x: Any) -> Any:
            return np.exp(np.tanh(A @ x)).sum()

        g = ag.grad(f)
        forward_over_reverse = ag.jvp(g, (x,), (v,))[1]
        reverse_over_reverse = ag.grad(lambda x: (g(x) * v).sum())(x)
        reverse_over_forward = ag.grad(lambda x: ag.jvp(f, (x,), (v,))[1])(x)
        np.testing.assert_allclose(forward_over_reverse, reverse_over_reverse, rtol=1e-10)
        np.testing.assert_allclose(reverse_over_forward, reverse_over_reverse, rtol=1e-10)

    def test_constants_and_refusals(self) -> None:
        assert ag.jvp(lambda x: 3.0, (1.0,), (1.0,))[1] == 0.0
        with pytest.raises(ValueError, match="2 primals but 1 tangents"):
            ag.jvp(np.add, (1.0, 2.0), (1.0,))
        with pytest.raises(ValueError, match="does not fit"):
            ag.jvp(np.sin, (1.0,), (np.ones(2),))


class TestCheckGradients:
    def test_right_and_wrong(self) -> None:
        rng = np.random.default_rng(0)
        errors = ag.testing.check_gradients(
            lambda p, y: np.exp(p["a"] @ y),
            {"a": rng.normal(size=(2, 3))},
            rng.normal(size=3),
            order=2,
        )
        assert set(errors) == {
            "p['a']", "y", "p['a'], order 2", "y, order 2"
        }  # fmt: skip
        assert max(errors.values()) < 1e-7
        with pytest.raises(ag.testing.GradientCheckError, match=r"element \(1,\) it is .* say"):
            ag.testing.check_gradients(
                lambda x: x * ag.asarray(x).detach() * [0.0, 1.0], np.array([1.0, 3.0])
            )

    def test_leaves_that_a_function_reads(self) -> None:
        w = ag.Tensor([1.0, 2.0], requires_grad=True, name="w")
        before = w.data
        errors = ag.testing.check_gradients(
            lambda x: np.sin(w * x), np.ones(2), wrt={"w": w}, order=2
        )
        assert max(errors.values()) < 1e-7
        assert "w, order 2" in errors
        assert w.data is before
        assert w.grad is None

    def test_refusals(self) -> None:
        with pytest.raises(TypeError, match="returned None"):
            ag.testing.check_gradients(
                lambda: None, wrt={"w": ag.Tensor(np.float32(1), requires_grad=True)}
            )
        with pytest.raises(ValueError, match="nothing to vary"):
            ag.testing.check_gradients(lambda: 1.0)
        with pytest.raises(ValueError, match="order"):
            ag.testing.check_gradients(np.sin, 1.0, order=3)
