"""implicit_root and fixed_point: against closed forms and differences, both modes, two orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_core as ag


def gmres(matvec: Callable[[Any], Any], b: Any) -> Any:
    """An iterative solver, which sees the matrix by its products alone."""
    linalg = pytest.importorskip("scipy.sparse.linalg")
    A = linalg.LinearOperator((b.size, b.size), matvec=matvec, dtype=b.dtype)
    return linalg.gmres(A, b, rtol=1e-13, atol=0.0)[0]


WAYS = pytest.mark.parametrize("linear_solve", [None, gmres], ids=["dense", "matrix-free"])


def derivatives(f: Callable[[Any], Any], x: float) -> list[float]:
    """The first two derivatives by each pair of modes, which must agree."""

    def forward(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda x: ag.jvp(f, (x,), (1.0,))[1]

    first = [float(d(f)(x)) for d in (ag.grad, forward)]
    second = [float(d(e(f))(x)) for d in (ag.grad, forward) for e in (ag.grad, forward)]
    assert first == pytest.approx([first[0]] * 2, rel=1e-9)
    assert second == pytest.approx([second[0]] * 4, rel=1e-9)
    return [first[0], second[0]]


@WAYS
def test_cube_root_to_the_third_order(linear_solve: Any) -> None:
    root = ag.implicit_root(lambda x, a: x**3 - a, np.cbrt, linear_solve=linear_solve)
    a = 5.0
    assert float(root(a)) == np.cbrt(a)
    assert derivatives(root, a) == pytest.approx(
        [a ** (-2 / 3) / 3, -2 / 9 * a ** (-5 / 3)], rel=1e-10
    )
    third = ag.grad(ag.grad(ag.grad(root)))
    assert float(third(a)) == pytest.approx(10 / 27 * a ** (-8 / 3), rel=1e-10)


@WAYS
def test_keplers_equation(linear_solve: Any) -> None:
    """E - e sin E = M, solved by Newton's method; dE/dM = 1 / (1 - e cos E)."""

    def solve(M: Any, e: Any, steps: int = 30) -> Any:
        E = M + e * np.sin(M)
        for _ in range(steps):
            E = E - (E - e * np.sin(E) - M) / (1 - e * np.cos(E))
        return E

    anomaly = ag.implicit_root(
        lambda E, M, e: E - e * np.sin(E) - M, solve, linear_solve=linear_solve
    )
    M, e = np.array([0.3, 1.2, 4.0]), 0.6
    E = anomaly(M, e)
    np.testing.assert_array_equal(E, solve(M, e))
    slope = 1 / (1 - e * np.cos(E))
    np.testing.assert_allclose(ag.elementwise_grad(anomaly)(M, e), slope, rtol=1e-10)
    np.testing.assert_allclose(ag.jacobian(anomaly, 1)(M, e), np.sin(E) * slope, rtol=1e-10)
    curvature = ag.elementwise_grad(ag.elementwise_grad(anomaly))(M, e)
    np.testing.assert_allclose(curvature, -e * np.sin(E) * slope**3, rtol=1e-9)
    with pytest.raises(ag.GradientError, match=r"solve returned is no root of <lambda>.* over tol"):
        anomaly(M, e, steps=1)


@WAYS
def test_the_minimum_of_ridge_regression(linear_solve: Any) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 4)), rng.normal(size=20)

    def loss(w: Any, lam: Any, y: Any) -> Any:
        return ((X @ w - y) ** 2).sum() + lam * (w @ w)

    def solve(lam: Any, y: Any) -> Any:
        return np.linalg.solve(X.T @ X + lam * np.eye(4), X.T @ y)

    def explicit(lam: Any, y: Any) -> Any:
        return np.linalg.solve(X.T @ X + lam * np.eye(4), X.T @ y)

    fit = ag.implicit_root(ag.grad(loss), solve, linear_solve=linear_solve)
    ours = derivatives(lambda lam: np.sum(np.sin(fit(lam, y))), 0.7)
    assert ours == pytest.approx(
        derivatives(lambda lam: np.sum(np.sin(explicit(lam, y))), 0.7), rel=1e-9
    )
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(
            ag.jacobian(fit, argnums=1, mode=mode)(0.7, y),
            np.linalg.solve(X.T @ X + 0.7 * np.eye(4), X.T),
            rtol=1e-9,
        )


@WAYS
def test_trees_what_is_read_besides_and_differences(linear_solve: Any) -> None:
    p = ag.Tensor(2.0, requires_grad=True)

    def residual(x: Any, t: Any) -> Any:
        return [x["a"] ** 2 - t["u"] * p, x["b"] - x["a"].sum() * t["v"]]

    def solve(t: Any) -> Any:
        assert all(type(part) is np.ndarray for part in t.values())
        a = np.sqrt(t["u"] * p.item())
        return {"a": a, "b": a.sum() * t["v"]}

    root = ag.implicit_root(residual, solve, linear_solve=linear_solve)

    def implicit(t: Any) -> Any:
        x = root(t)
        return x["b"] ** 2 * x["a"][0]

    def explicit(t: Any) -> Any:
        a = np.sqrt(t["u"] * p)
        return (a.sum() * t["v"]) ** 2 * a[0]

    t = {"u": np.array([1.0, 3.0]), "v": np.array(0.5)}
    ours, theirs = (ag.grad(f)(t) for f in (implicit, explicit))
    for key in t:
        np.testing.assert_allclose(ours[key].detach().data, theirs[key].detach().data, rtol=1e-10)
    mixed = [ag.gradients(g["u"].sum() * g["v"], p).item() for g in (ours, theirs)]
    assert mixed[0] == pytest.approx(mixed[1], rel=1e-9)
    value = implicit(t)
    (g,) = ag.gradients(value, [p])
    h, ends = 1e-6, []
    for step in (h, -h):
        with ag.no_grad():
            p.data = np.array(2.0 + step)
            ends.append(float(implicit(t)))
    assert g.item() == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-8)


def test_fixed_points() -> None:
    def iterate(W: Any, b: Any, x: Any = None) -> Any:
        x = np.zeros(3) if x is None else x
        for _ in range(200):
            x = np.tanh(W @ x + b)
        return x

    rng = np.random.default_rng(0)
    W, b = 0.3 * rng.normal(size=(3, 3)), rng.normal(size=3)
    rest = ag.fixed_point(lambda x, W, b: np.tanh(W @ x + b), iterate)
    value = rest(W, b, x=np.ones(3))
    np.testing.assert_allclose(value, np.tanh(W @ value + b), rtol=1e-14)

    def total(W: Any) -> Any:
        return np.sum(np.exp(rest(W, b)))

    by_unrolling = ag.grad(lambda W: np.sum(np.exp(iterate(W, b))))(W)
    np.testing.assert_allclose(ag.grad(total)(W), by_unrolling, rtol=1e-9)
    v = rng.normal(size=W.shape)
    ends = [ag.grad(total)(W + s * v) for s in (1e-5, -1e-5)]
    np.testing.assert_allclose(
        ag.hvp(total, (W,), (v,))[0], (ends[0] - ends[1]) / 2e-5, rtol=1e-6, atol=1e-8
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_tensors_and_dtypes(dtype: Any) -> None:
    root = ag.implicit_root(lambda x, a: x * x - a, np.sqrt)
    a = np.array([1.0, 2.0, 3.0], dtype)
    assert type(root(a)) is np.ndarray
    assert root(a).dtype == dtype
    assert type(root(ag.Tensor(a))) is ag.Tensor
    t = ag.Tensor(a, requires_grad=True)
    with ag.no_grad():
        assert not root(t).requires_grad
    root(t).sum().backward()
    assert t.grad.dtype == dtype
    np.testing.assert_allclose(t.grad, 0.5 / np.sqrt(a), rtol=10 * np.finfo(dtype).eps)
    again = ag.implicit_root(lambda x, a: {"n": x * x - a}, np.sqrt)(t).sum()
    again.backward()
    with pytest.raises(ag.ReleasedError):
        again.backward()


def test_a_minimum_that_scipy_found() -> None:
    optimize = pytest.importorskip("scipy.optimize")

    def loss(x: Any, a: Any) -> Any:
        return (a - x[0]) ** 2 + 5.0 * (x[1] - x[0] ** 2) ** 2

    def solve(a: Any) -> Any:
        start = np.zeros(2)
        return optimize.minimize(loss, start, (a,), jac=ag.grad(loss), tol=1e-12).x

    lowest = ag.implicit_root(ag.grad(loss), solve)
    # The minimum of Rosenbrock's function is at (a, a²).
    np.testing.assert_allclose(ag.jacobian(lowest)(1.5), [1.0, 3.0], rtol=1e-6)
    np.testing.assert_allclose(ag.hessian(lowest)(1.5), [0.0, 2.0], atol=1e-5)


def test_refusals() -> None:
    def far(a: Any) -> Any:
        return 1.9

    def cube(x: Any, a: Any) -> Any:
        return x**3 - a

    with pytest.raises(
        ag.GradientError, match=r"what far returned is no root of cube.* 1\.14, over"
    ):
        ag.implicit_root(cube, far)(8.0)
    assert ag.implicit_root(cube, far, tol=2.0)(8.0) == 1.9
    with pytest.raises(ag.GradientError, match="derivative of cube by x is singular"):
        ag.grad(ag.implicit_root(cube, np.cbrt))(0.0)
    with pytest.raises(ag.GradientError, match="2 numbers for an x of 1"):
        ag.implicit_root(lambda x, a: np.stack([x, x]) - a, far)(1.9)
    with pytest.raises(TypeError, match="dtype int64; it must return arrays of floats"):
        ag.implicit_root(cube, lambda a: 2)(8.0)
    with pytest.raises(ag.GradientError, match="must be equal"):
        ag.fixed_point(lambda x, a: np.stack([x, x]), far)(1.0)
    with pytest.raises(ag.GradientError, match="complex values"):
        ag.implicit_root(lambda x, a: (x - a) * 1j, lambda a: a)(1.0)
    w = ag.Tensor(2.0, requires_grad=True, name="w")
    y = ag.implicit_root(lambda x, a: x * w - a, lambda a: a / w.item())(3.0)
    w.data = np.array(2.5)
    with pytest.raises(ag.OverwrittenError, match="leaf 'w' had another value"):
        y.backward()
    lazy = ag.implicit_root(cube, np.cbrt, linear_solve=lambda matvec, b: 0.5 * b)
    with pytest.raises(ag.GradientError, match=r"A u - b"):
        ag.grad(lazy)(8.0)


def test_a_wrong_residual_is_seen() -> None:
    """An equation with the same root and another derivative by θ gives another derivative."""
    wrong = ag.implicit_root(lambda x, a: x**3 - a + 0.01 * (a - 8.0), np.cbrt)
    right = ag.implicit_root(lambda x, a: x**3 - a, np.cbrt)
    assert float(ag.grad(wrong)(8.0)) != pytest.approx(float(ag.grad(right)(8.0)), rel=1e-3)
