"""jacobian and hessian: both modes, trees, complex values, against differences and JAX."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_core as ag


def by_differences(f: Callable[[Any], Any], x: Any, h: float = 1e-6) -> Any:
    """∂f[i] / ∂x[j] of a function of one array, by central differences."""
    columns = []
    for index in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[index] = h
        columns.append((f(x + step) - f(x - step)) / (2 * h))
    value = np.asarray(f(x))
    return np.stack(columns, axis=-1).reshape(value.shape + x.shape)


def mixed(x: Any) -> Any:
    """A function of an array of shape (2, 3) with a value of shape (3, 2)."""
    return np.exp(np.tanh(x).T) + np.sin(x[::-1].T) * x[0, 1]


def compare_trees(jax: Any, ours: Any, theirs: Any) -> None:
    our_leaves, our_form = jax.tree_util.tree_flatten(ours)
    their_leaves, their_form = jax.tree_util.tree_flatten(theirs)
    assert our_form == their_form
    for a, b in zip(our_leaves, their_leaves, strict=True):
        assert type(a) is np.ndarray
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-14)


class TestJacobian:
    @pytest.mark.parametrize("mode", ["forward", "reverse", None])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_against_differences(self, mode: str | None, dtype: Any) -> None:
        x = np.random.default_rng(0).normal(size=(2, 3))
        found = ag.jacobian(mixed, mode=mode)(x.astype(dtype))
        assert found.dtype == dtype
        assert found.shape == (3, 2, 2, 3)
        np.testing.assert_allclose(found, by_differences(mixed, x), rtol=2e-6, atol=2e-6)

    def test_trees_are_laid_out_as_in_jax(self) -> None:
        jax = pytest.importorskip("jax")
        rng = np.random.default_rng(0)
        p = {"W": rng.normal(size=(3, 2)), "rest": [rng.normal(size=2), (rng.normal(),)]}
        x = rng.normal(size=3)

        def f(p: Any, x: Any, tanh: Any) -> Any:
            h = tanh(x @ p["W"] + p["rest"][0])
            return {"h": h, "s": (h.sum() * p["rest"][1][0], x)}

        with jax.enable_x64(True):
            theirs = jax.jacobian(lambda p, x: f(p, x, jax.numpy.tanh), argnums=(0, 1))(p, x)
        for mode in ("forward", "reverse"):
            ours = ag.jacobian(lambda p, x: f(p, x, np.tanh), argnums=(0, 1), mode=mode)(p, x)
            compare_trees(jax, ours, theirs)

    def test_the_mode_is_chosen_by_shape_and_f_runs_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        module = sys.modules["autograd_core.transforms.jacobian"]
        runs: list[str] = []
        for name, of in (("transpose", module.backprop), ("push_forward", module)):
            whole = getattr(of, name)
            monkeypatch.setattr(
                of,
                name,
                lambda *a, name=name, whole=whole, **k: (runs.append(name), whole(*a, **k))[1],
            )

        def f(x: Any) -> Any:
            runs.append("f")
            return np.stack([x[0] * x[1]] * 5)

        assert ag.jacobian(f)(np.array([2.0, 3.0])).shape == (5, 2)
        assert runs == ["f", "push_forward", "push_forward"]
        runs.clear()
        ag.jacobian(lambda x: x[:2] * x[2])(np.ones(3))
        assert runs == ["transpose", "transpose"]

    @pytest.mark.parametrize("mode", ["forward", "reverse"])
    def test_constants_unreached_inputs_empty_and_0d(self, mode: str) -> None:
        found = ag.jacobian(lambda x, y: (3.0, x * x, x[:0]), argnums=(0, 1), mode=mode)(
            np.array([1.0, 2.0]), np.ones((0, 2))
        )
        assert [[b.shape for b in part] for part in found] == [
            [(2,), (0, 2)],
            [(2, 2), (2, 0, 2)],
            [(0, 2), (0, 0, 2)],
        ]
        np.testing.assert_array_equal(found[1][0], np.diag([2.0, 4.0]))
        assert not np.any(found[0][0])
        assert ag.jacobian(np.sin, mode=mode)(0.0).shape == ()

    @pytest.mark.parametrize("mode", ["forward", "reverse"])
    def test_complex(self, mode: str) -> None:
        rng = np.random.default_rng(0)
        z, x = rng.normal(size=3) + 1j * rng.normal(size=3), rng.normal(size=3)
        A = rng.normal(size=(2, 3)) + 1j * rng.normal(size=(2, 3))
        # Complex to complex: the complex derivative.
        found = ag.jacobian(lambda z: np.exp(A @ z), mode=mode)(z)
        np.testing.assert_allclose(found, np.exp(A @ z)[:, None] * A, rtol=1e-12)
        # Real to complex: the derivative, which is complex.
        found = ag.jacobian(lambda x: A @ (x * x), mode=mode)(x)
        np.testing.assert_allclose(found, A * 2 * x, rtol=1e-12)
        # Complex to real: the gradient.
        found = ag.jacobian(lambda z: np.abs(z) ** 2, mode=mode)(z)
        np.testing.assert_allclose(found, np.diag(2 * z), rtol=1e-12)
        np.testing.assert_allclose(
            ag.jacobian(lambda z: np.real(z * A[0]).sum(), mode=mode)(z),
            ag.grad(lambda z: np.real(z * A[0]).sum())(z),
        )
        with pytest.raises(ag.GradientError, match="conjugated .* not holomorphic"):
            ag.jacobian(conjugated, mode=mode)(z)

    def test_tensors_and_what_they_depend_on(self) -> None:
        x, w = ag.Tensor([1.0, 2.0], requires_grad=True), ag.Tensor(3.0, requires_grad=True)
        assert type(ag.jacobian(np.sin)(x.detach())) is ag.Tensor
        for mode in ("forward", "reverse"):
            J = ag.jacobian(lambda x: w * x * x, mode=mode)(x)
            u = np.array([[1.0, 10.0], [100.0, 1000.0]])
            gx, gw = ag.gradients(J, [x, w], u)
            np.testing.assert_allclose(gx.data, [6.0, 6000.0])
            np.testing.assert_allclose(gw.data, 2.0 + 4000.0)

    def test_refusals(self) -> None:
        with pytest.raises(ValueError, match="mode 'backward' is neither"):
            ag.jacobian(np.sin, mode="backward")
        with pytest.raises(TypeError, match="argnums names argument 1"):
            ag.jacobian(np.sin, argnums=1)(1.0)
        with pytest.raises(TypeError, match="dtype int64"):
            ag.jacobian(np.sin)(np.array([1, 2]))


def conjugated(z: Any) -> Any:
    return np.conjugate(z) * z


class TestHessian:
    def test_against_differences_of_the_gradient(self) -> None:
        rng = np.random.default_rng(0)
        A, x = rng.normal(size=(4, 4)), rng.normal(size=4)

        def f(x: Any) -> Any:
            return np.exp(np.tanh(A @ x)).sum() + x[0] * x[3] ** 2

        H = ag.hessian(f)(x)
        np.testing.assert_allclose(H, by_differences(ag.grad(f), x), rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(H, H.T, rtol=1e-12, atol=1e-14)
        v = rng.normal(size=4)
        np.testing.assert_allclose(H @ v, ag.hvp(f, (x,), (v,))[0], rtol=1e-11)

    @pytest.mark.slow
    def test_blocks_as_in_jax(self) -> None:
        jax = pytest.importorskip("jax")
        rng = np.random.default_rng(0)
        p, c = {"w": rng.normal(size=(2, 2)), "b": [rng.normal(size=2)]}, rng.normal()

        def f(p: Any, c: Any, tanh: Any) -> Any:
            return (tanh(p["w"] @ p["b"][0]) ** 2).sum() * c * c

        ours = ag.hessian(lambda p, c: f(p, c, np.tanh), (0, 1))(p, c)
        with jax.enable_x64(True):
            theirs = jax.hessian(lambda p, c: f(p, c, jax.numpy.tanh), (0, 1))(p, c)
        compare_trees(jax, ours, theirs)
        alone = ag.hessian(lambda p, c: f(p, c, np.tanh))(p, c)
        np.testing.assert_array_equal(alone["w"]["b"][0], ours[0]["w"][0]["b"][0])
        assert alone["b"][0]["w"].shape == (2, 2, 2)

    def test_several_outputs_third_order_and_float32(self) -> None:
        x = np.array([0.5, 2.0])
        H = ag.hessian(lambda x: x**3)(x)
        expected = np.zeros((2, 2, 2))
        expected[0, 0, 0], expected[1, 1, 1] = 6 * x
        np.testing.assert_allclose(H, expected, atol=1e-14)
        third = ag.jacobian(ag.hessian(lambda x: (x**3).sum()))(x)
        np.testing.assert_allclose(third[[0, 1], [0, 1], [0, 1]], [6.0, 6.0])
        assert np.count_nonzero(third) == 2
        assert ag.hessian(lambda x: (x**3).sum())(x.astype(np.float32)).dtype == np.float32

    def test_linear_and_unreached(self) -> None:
        assert not ag.hessian(lambda x: 2.0 * x.sum())(np.ones(2)).any()
        H = ag.hessian(lambda x, y: (x * x).sum(), argnums=(0, 1))(np.ones(2), np.ones(3))
        assert H[1][0].shape == (3, 2)
        assert not H[1][0].any()


def test_a_wrong_second_order_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    tanh = ag.OPS[np.tanh]
    # Right at order one; its derivative by `out` is cut off.
    monkeypatch.setattr(tanh, "rules", (lambda g, out, _x: g * (1 - out * ag.stop_gradient(out)),))
    TestJacobian().test_against_differences(None, np.float64)
    with pytest.raises(AssertionError):
        TestHessian().test_against_differences_of_the_gradient()
