"""Functions of PyTorch and JAX are checked as those of this engine are."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from autograd_core.testing import (
    GradientCheckError,
    check_gradients,
    jax_function,
    torch_function,
)

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(3, 4)), RNG.normal(size=4)
Z = Y[:2] + 1j * Y[2:]


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch")


@pytest.fixture
def jax() -> Any:
    return pytest.importorskip("jax")


class TestTorch:
    def test_right(self, torch: Any) -> None:
        report = check_gradients(torch_function(lambda x, y: torch.tanh(x) * y), X, Y)
        assert list(report) == ["x", "y", "x, order 2", "y, order 2"]
        assert max(report.values()) < 1e-7
        checks = {row.check for row in report.rows}
        assert {"forward mode", "Hessian is symmetric", "pull-back is linear"} <= checks

    def test_complex(self, torch: Any) -> None:
        check_gradients(torch_function(lambda z: z * z.abs()), Z)
        check_gradients(torch_function(lambda z: (z.abs() ** 2).sum()), Z)

    def test_trees_and_integers(self, torch: Any) -> None:
        f = torch_function(lambda p, i: {"y": p["a"][i] * p["b"]})
        check_gradients(f, {"a": Y, "b": 2.0}, np.array([0, 0, 1]))

    def test_wrong(self, torch: Any) -> None:
        class Wrong(torch.autograd.Function):  # type: ignore[misc]
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.save_for_backward(x)
                return torch.sin(x)

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                (x,) = ctx.saved_tensors
                return -g * torch.cos(x)

        with pytest.raises(GradientCheckError, match="the gradient of x is wrong") as caught:
            check_gradients(torch_function(lambda x: Wrong.apply(x)), X, modes=("reverse",))
        assert caught.value.failures[0].guess == "it has the wrong sign"
        assert "torch_function(f)" in caught.value.snippet

    def test_module_with_its_parameters(self, torch: Any) -> None:
        torch.manual_seed(0)
        model = torch.nn.Sequential(
            torch.nn.Linear(4, 3), torch.nn.Dropout(0.5), torch.nn.Tanh()
        ).double()
        before = {k: v.clone() for k, v in model.state_dict().items()}
        report = check_gradients(torch_function(model), X, order=1)
        assert {"0.weight", "0.bias"} <= set(report)
        for name, value in model.state_dict().items():
            assert torch.equal(value, before[name])

    def test_a_detached_parameter_is_caught(self, torch: Any) -> None:
        class Detached(torch.nn.Module):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.w = torch.nn.Parameter(torch.ones(4, dtype=torch.float64))

            def forward(self, x: Any) -> Any:
                return x * self.w.detach()

        with pytest.raises(GradientCheckError) as caught:
            check_gradients(torch_function(Detached()), X, order=1, modes=("reverse",))
        assert caught.value.failures[0].name == "w"

    def test_called_with_arrays(self, torch: Any) -> None:
        np.testing.assert_allclose(torch_function(torch.exp)(X), np.exp(X))

    def test_a_module_in_single_precision(self, torch: Any) -> None:
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.BatchNorm1d(2))
        before = {k: v.clone() for k, v in model.state_dict().items()}
        report = check_gradients(torch_function(model), X, order=1, directions=1, elements=2)
        assert max(report.values()) < 1e-6
        for name, value in model.state_dict().items():  # running averages too
            assert torch.equal(value, before[name])
            assert value.dtype == before[name].dtype

    def cube(self, torch: Any, backward: Any) -> Any:
        class Cube(torch.autograd.Function):  # type: ignore[misc]
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.save_for_backward(x)
                return x**3

        Cube.backward = staticmethod(backward)  # type: ignore[attr-defined]
        return torch_function(lambda x: Cube.apply(x))

    def test_a_function_without_forward_mode(self, torch: Any) -> None:
        report = check_gradients(
            self.cube(torch, lambda ctx, g: 3 * g * ctx.saved_tensors[0] ** 2), X
        )
        assert any(n.startswith("forward mode, which is refused") for n in report.notes)
        assert "x, order 2" in report
        with pytest.raises(GradientCheckError, match="order 2 is wrong"):
            check_gradients(
                self.cube(torch, lambda ctx, g: 3 * g * ctx.saved_tensors[0].detach() ** 2), X
            )

    def test_a_function_that_is_differentiable_once(self, torch: Any) -> None:
        once = torch.autograd.function.once_differentiable
        f = self.cube(torch, once(lambda ctx, g: 3 * g * ctx.saved_tensors[0] ** 2))
        report = check_gradients(f, X)
        assert any("once_differentiable" in note for note in report.notes)
        assert list(report) == ["x"]

    def test_a_backward_pass_that_writes_into_the_gradient(self, torch: Any) -> None:
        def backward(ctx: Any, g: Any) -> Any:
            return g.mul_(3 * ctx.saved_tensors[0] ** 2)

        with pytest.raises(GradientCheckError, match="writes into the gradient given to it"):
            check_gradients(self.cube(torch, backward), X, order=1)

    def test_leaves_of_this_library(self, torch: Any) -> None:
        with pytest.raises(ValueError, match="wrt is for leaves of this library"):
            check_gradients(torch_function(torch.exp), X, wrt={})


class TestJAX:
    def test_a_function_without_forward_mode(self, jax: Any) -> None:
        @jax.custom_vjp
        def f(x: Any) -> Any:
            return x**3

        f.defvjp(lambda x: (x**3, x), lambda x, g: (3 * g * x**2,))
        report = check_gradients(jax_function(f), X)
        assert any(n.startswith("forward mode, which is refused") for n in report.notes)
        assert "x, order 2" in report

    def test_right(self, jax: Any) -> None:
        before = jax.config.jax_enable_x64
        report = check_gradients(jax_function(lambda x, y: jax.numpy.tanh(x) * y), X, Y)
        assert list(report) == ["x", "y", "x, order 2", "y, order 2"]
        assert max(report.values()) < 1e-7
        assert jax.config.jax_enable_x64 == before

    def test_complex(self, jax: Any) -> None:
        check_gradients(jax_function(lambda z: z * jax.numpy.abs(z)), Z, order=1)

    def test_wrong(self, jax: Any) -> None:
        @jax.custom_vjp
        def f(x: Any) -> Any:
            return jax.numpy.sin(x)

        f.defvjp(lambda x: (f(x), x), lambda x, g: (2.0 * g * jax.numpy.cos(x),))
        with pytest.raises(GradientCheckError) as caught:
            check_gradients(jax_function(f), X, modes=("reverse",))
        assert "twice" in caught.value.failures[0].guess

    def test_called_with_arrays(self, jax: Any) -> None:
        np.testing.assert_allclose(jax_function(jax.numpy.exp)(X), np.exp(X))


@pytest.mark.parametrize(("name", "wrap"), [("torch", torch_function), ("jax", jax_function)])
def test_without_the_library(name: str, wrap: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=f"pip install {name}"):
        wrap(np.sin)


def test_what_is_no_function() -> None:
    with pytest.raises(TypeError, match="a function is needed, not ndarray"):
        torch_function(X)  # type: ignore[arg-type]


class TestHIPS:
    """Another library's gradient is a hand-written one, as far as the check is concerned."""

    def test_autograd(self) -> None:
        autograd = pytest.importorskip("autograd")
        anp = pytest.importorskip("autograd.numpy")

        def f(x: Any) -> Any:
            return anp.sum(anp.tanh(x) * x)

        report = check_gradients(f, X, gradient=autograd.grad(f), modes=("reverse",))
        assert report["x"] < 1e-7
