"""vjp, jvp, linearize and hvp: against differences, each other, JAX and PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_core as ag


def tree_function(p: Any, x: Any) -> Any:
    h = np.tanh(x @ p["W"] + p["b"])
    return {"h": h, "s": [np.exp(h).sum(), (h * x[0, 0],)]}


def inputs(dtype: Any = np.float64) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    p = {"W": rng.normal(size=(3, 2)).astype(dtype), "b": rng.normal(size=2).astype(dtype)}
    return p, rng.normal(size=(4, 3)).astype(dtype)


def leaves(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return [leaf for key in sorted(tree) for leaf in leaves(tree[key])]
    if isinstance(tree, (list, tuple)):
        return [leaf for part in tree for leaf in leaves(part)]
    return [tree]


def like(tree: Any, rng: np.random.Generator) -> Any:
    """Random values in the structure and shapes of ``tree``."""
    if isinstance(tree, dict):
        return {key: like(part, rng) for key, part in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(like(part, rng) for part in tree)
    return rng.normal(size=np.shape(tree)).astype(np.asarray(tree).dtype)


def inner(a: Any, b: Any) -> float:
    return float(sum(np.sum(x * y) for x, y in zip(leaves(a), leaves(b), strict=True)))


def stepped(tree: Any, direction: Any, h: float) -> Any:
    if isinstance(tree, dict):
        return {key: stepped(part, direction[key], h) for key, part in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(stepped(a, b, h) for a, b in zip(tree, direction, strict=True))
    return tree + h * direction


class TestVjpAndJvp:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_each_is_the_transpose_of_the_other_and_agrees_with_differences(
        self, dtype: Any
    ) -> None:
        rng = np.random.default_rng(1)
        primals = inputs(dtype)
        value, pull_back = ag.vjp(tree_function, *primals)
        v, u = like(primals, rng), like(value, rng)
        same, tangent = ag.jvp(tree_function, primals, v)
        assert [x.dtype for x in leaves(tangent)] == [dtype] * 3
        assert all(map(np.array_equal, leaves(value), leaves(same)))
        g = pull_back(u)
        assert isinstance(g, tuple)
        assert [x.dtype for x in leaves(g)] == [dtype] * 3
        assert inner(u, tangent) == pytest.approx(inner(g, v), rel=100 * float(np.finfo(dtype).eps))
        if dtype == np.float64:
            ends = [tree_function(*stepped(primals, v, h)) for h in (1e-6, -1e-6)]
            slope = (inner(u, ends[0]) - inner(u, ends[1])) / 2e-6
            assert inner(u, tangent) == pytest.approx(slope, rel=1e-7)

    def test_one_primal_gives_a_tuple_and_pulls_may_be_repeated(self) -> None:
        calls = []

        def f(x: Any) -> Any:
            calls.append(1)
            return x * x

        value, pull_back = ag.vjp(f, np.array([1.0, 2.0]))
        assert type(value) is np.ndarray
        assert pull_back([1.0, 0.0])[0].tolist() == [2.0, 0.0]
        assert pull_back(np.array([0, 3]))[0].tolist() == [0.0, 12.0]
        assert len(pull_back(value)) == len(calls) == 1

    def test_constants_unreached_inputs_and_an_output_twice(self) -> None:
        value, pull_back = ag.vjp(lambda x, y: [3.0, x, x, x * x], 2.0, np.ones(2))
        assert [float(x) for x in value] == [3.0, 2.0, 2.0, 4.0]
        gx, gy = pull_back([1.0, 10.0, 100.0, 1000.0])
        assert gx == 4110.0
        assert gy.tolist() == [0.0, 0.0]

    def test_the_pull_back_is_differentiable_in_everything(self) -> None:
        x, u = (ag.Tensor(v, requires_grad=True) for v in ([0.3, 1.0], [2.0, -1.0]))
        _, pull_back = ag.vjp(np.sin, x)
        (g,) = pull_back(u)
        hx, hu = ag.gradients(g, [x, u], [1.0, 10.0])
        np.testing.assert_allclose(hx.data, -np.sin(x.data) * u.data * [1.0, 10.0])
        np.testing.assert_allclose(hu.data, np.cos(x.data) * [1.0, 10.0])
        # Of arrays alone, the cotangent: a linear map, whose derivative is itself.
        _, pull = ag.vjp(np.sin, x.data)
        assert type(pull(u.data)[0]) is np.ndarray
        along = ag.jvp(lambda u: pull(u)[0], (u.data,), (np.array([1.0, 5.0]),))[1]
        np.testing.assert_allclose(along, np.cos(x.data) * [1.0, 5.0])

    def test_aux(self) -> None:
        def f(x: Any) -> Any:
            return x * x, {"twice": 2.0 * x, "name": "f"}

        value, pull_back, aux = ag.vjp(f, 3.0, has_aux=True)
        assert (float(value), float(pull_back(1.0)[0]), float(aux["twice"])) == (9.0, 6.0, 6.0)
        assert type(aux["twice"]) is np.ndarray
        value, tangent, aux = ag.jvp(f, (3.0,), (2.0,), has_aux=True)
        assert (float(value), float(tangent), float(aux["twice"])) == (9.0, 12.0, 6.0)
        assert aux["name"] == "f"

    def test_tensors_in_tensors_out_under_no_grad_too(self) -> None:
        w = ag.Tensor(3.0, requires_grad=True)
        value, pull_back = ag.vjp(lambda x: w * x, 2.0)
        assert ag.gradients(value, w).item() == 2.0
        assert ag.gradients(pull_back(5.0)[0], w).item() == 5.0
        with ag.no_grad():
            value, pull_back = ag.vjp(lambda x: w * x, 2.0)
            assert type(value) is np.ndarray
            assert pull_back(5.0)[0] == 15.0
            assert ag.jvp(lambda x: w * x, (2.0,), (1.0,))[1] == 3.0

    @pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
    def test_complex_as_pytorch(self) -> None:
        torch = pytest.importorskip("torch")
        rng = np.random.default_rng(0)
        z, u, v = rng.normal(size=(3, 2)) + 1j * rng.normal(size=(3, 2))

        def f(z: Any) -> Any:
            return z * z + (z.real if isinstance(z, torch.Tensor) else np.real(z))

        value, pull_back = ag.vjp(f, z)
        t = [torch.tensor(x) for x in (z, u, v)]
        theirs, their_g = torch.autograd.functional.vjp(f, t[0], t[1])
        np.testing.assert_allclose(value, theirs.numpy(), rtol=1e-12)
        np.testing.assert_allclose(pull_back(u)[0], their_g.numpy(), rtol=1e-12)
        _, tangent = torch.func.jvp(f, (t[0],), (t[2],))
        np.testing.assert_allclose(ag.jvp(f, (z,), (v,))[1], tangent.numpy(), rtol=1e-12)

    def test_refusals(self) -> None:
        _, pull_back = ag.vjp(lambda x: {"a": x * x}, np.ones(2))
        with pytest.raises(ValueError, match=r"cotangent must be a dict with the keys \['a'\]"):
            pull_back(np.ones(2))
        with pytest.raises(ValueError, match=r"cotangent of shape \(3,\) does not fit an output"):
            pull_back({"a": np.ones(3)})
        with pytest.raises(TypeError, match="complex gradient was given for a real value"):
            pull_back({"a": np.ones(2) * 1j})
        with pytest.raises(TypeError, match="a function is needed"):
            ag.vjp(3.0, 1.0)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="in what broken returned"):
            ag.vjp(broken, 1.0)


def broken(x: Any) -> Any:
    return {"value": x, "name": "no number"}


class TestLinearize:
    def test_f_runs_once_and_tangents_are_those_of_jvp(self) -> None:
        calls = []

        def f(p: Any, x: Any) -> Any:
            calls.append(1)
            return tree_function(p, x)

        primals, rng = inputs(), np.random.default_rng(2)
        value, push_forward = ag.linearize(f, *primals)
        assert all(map(np.array_equal, leaves(value), leaves(tree_function(*primals))))
        for _ in range(3):
            v = like(primals, rng)
            expected = leaves(ag.jvp(tree_function, primals, v)[1])
            for ours, theirs in zip(leaves(push_forward(*v)), expected, strict=True):
                np.testing.assert_array_equal(ours, theirs)
        assert len(calls) == 1

    def test_it_is_linear_and_differentiable(self) -> None:
        x, v = (ag.Tensor(a, requires_grad=True) for a in ([0.3, 1.0], [2.0, -1.0]))
        _, push_forward = ag.linearize(np.exp, x)
        hx, hv = ag.gradients(push_forward(v), [x, v], [1.0, 10.0])
        np.testing.assert_allclose(hx.data, np.exp(x.data) * v.data * [1.0, 10.0])
        np.testing.assert_allclose(hv.data, np.exp(x.data) * [1.0, 10.0])
        with pytest.raises(ValueError, match="1 primals but 2 tangents"):
            push_forward(v, v)


class TestHvp:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_against_the_other_ways_and_differences(self, dtype: Any) -> None:
        rng = np.random.default_rng(3)
        p, x = inputs(dtype)

        def loss(p: Any, c: Any) -> Any:
            out = tree_function(p, x)
            return (out["h"] ** 2).sum() * c + out["s"][0] * np.sin(c)

        primals = (p, dtype(0.7))
        v = like(primals, rng)
        ours = ag.hvp(loss, primals, v)
        slope = ag.grad(loss, argnums=(0, 1))
        assert [a.dtype for a in leaves(ours)] == [dtype] * 3
        rtol = 1e-11 if dtype == np.float64 else 1e-4
        for a, b in zip(leaves(ours), leaves(ag.jvp(slope, primals, v)[1]), strict=True):
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)
        if dtype == np.float64:
            ends = [slope(*stepped(primals, v, h)) for h in (1e-5, -1e-5)]
            for a, hi, lo in zip(leaves(ours), *map(leaves, ends), strict=True):
                np.testing.assert_allclose(a, (hi - lo) / 2e-5, rtol=1e-7, atol=1e-8)

    def test_as_pytorch_and_jax(self) -> None:
        rng = np.random.default_rng(0)
        A, x, v = rng.normal(size=(4, 4)), rng.normal(size=4), rng.normal(size=4)
        (ours,) = ag.hvp(lambda x: np.exp(np.tanh(A @ x)).sum(), (x,), (v,))
        torch = pytest.importorskip("torch")
        _, theirs = torch.autograd.functional.hvp(
            lambda x: torch.exp(torch.tanh(torch.tensor(A) @ x)).sum(),
            torch.tensor(x),
            torch.tensor(v),
        )
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-12)
        jax = pytest.importorskip("jax")
        slope = jax.grad(lambda x: jax.numpy.exp(jax.numpy.tanh(A @ x)).sum())
        with jax.enable_x64(True):
            np.testing.assert_allclose(ours, jax.jvp(slope, (x,), (v,))[1], rtol=1e-12)

    def test_third_derivatives_through_it(self) -> None:
        x, v = ag.Tensor([0.5, -1.0], requires_grad=True), np.array([1.0, 2.0])
        (h,) = ag.hvp(lambda x: (x**4).sum(), (x,), (v,))
        g = ag.gradients(h, x, np.ones(2))
        np.testing.assert_allclose(g.data, 24 * x.data * v)

    def test_linear_constant_and_refused(self) -> None:
        assert ag.hvp(lambda x: x.sum(), (np.ones(3),), (np.ones(3),))[0].tolist() == [0.0] * 3
        assert ag.hvp(lambda x: 2.0, (np.ones(3),), (np.ones(3),))[0].tolist() == [0.0] * 3
        with pytest.raises(ag.GradientError, match="needs one number"):
            ag.hvp(np.sin, (np.ones(2),), (np.ones(2),))
        with pytest.raises(ValueError, match=r"hvp: a vector of shape \(3,\) does not fit"):
            ag.hvp(np.sum, (np.ones(2),), (np.ones(3),))


@pytest.mark.parametrize("factor", [0.999, -1.0])
def test_a_wrong_rule_is_seen_by_these_tests(
    monkeypatch: pytest.MonkeyPatch, factor: float
) -> None:
    tanh = ag.OPS[np.tanh]
    rule: Callable[..., Any] = tanh.rules[0]  # type: ignore[assignment]
    monkeypatch.setattr(tanh, "rules", (lambda g, out, _x: factor * rule(g, out, _x),))
    with pytest.raises(AssertionError):
        TestVjpAndJvp().test_each_is_the_transpose_of_the_other_and_agrees_with_differences(
            np.float64
        )
