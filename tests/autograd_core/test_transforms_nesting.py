"""Transforms inside transforms: any order, by every route, without confusing the variables."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_core as ag

Scalar = Callable[[Any], Any]

#: Ways to the derivative of a function of one number.
ROUTES: dict[str, Callable[[Scalar], Scalar]] = {
    "grad": ag.grad,
    "jvp": lambda f: lambda x: ag.jvp(f, (x,), (1.0,))[1],
    "vjp": lambda f: lambda x: ag.vjp(f, x)[1](1.0)[0],
    "linearize": lambda f: lambda x: ag.linearize(f, x)[1](1.0),
    "jacobian, forward": lambda f: ag.jacobian(f, mode="forward"),
    "jacobian, reverse": lambda f: ag.jacobian(f, mode="reverse"),
    "elementwise": ag.elementwise_grad,
    "checkpoint": lambda f: ag.grad(ag.checkpoint(f)),
    "checkpoint, jvp": lambda f: lambda x: ag.jvp(ag.checkpoint(f), (x,), (1.0,))[1],
    "gradients": lambda f: lambda x: _by_gradients(f, x),
}


def _by_gradients(f: Scalar, x: Any) -> Any:
    given = isinstance(x, ag.Tensor) and x.requires_grad
    t = x.clone() if given else ag.Tensor(x, requires_grad=True)  # a variable of its own
    return ag.gradients(f(t), t, create_graph=True)


def tanh_derivative(n: int, x: float) -> float:
    """By hand: d/dx of a polynomial p in t = tanh x is p'(t) (1 - t²)."""
    p = np.polynomial.Polynomial([0.0, 1.0])
    for _ in range(n):
        p = p.deriv() * np.polynomial.Polynomial([1.0, 0.0, -1.0])
    return float(p(np.tanh(x)))


@pytest.mark.parametrize("route", ROUTES)
def test_the_fifth_derivative_of_tanh_by_each_route(route: str) -> None:
    f: Scalar = np.tanh
    for n in range(1, 6):
        f = ROUTES[route](f)
        assert f(0.3).item() == pytest.approx(tanh_derivative(n, 0.3), rel=1e-12)


@pytest.mark.parametrize("pair", list(itertools.permutations(ROUTES, 2)), ids=" in ".join)
def test_two_routes_in_turn(pair: tuple[str, str]) -> None:
    f: Scalar = np.tanh
    for n in range(1, 4):
        f = ROUTES[pair[n % 2]](f)
        assert f(0.3).item() == pytest.approx(tanh_derivative(n, 0.3), rel=1e-12)


def test_the_fifth_derivative_through_five_routes() -> None:
    order = ["vjp", "jvp", "grad", "checkpoint", "jacobian, forward"]
    for routes in itertools.islice(itertools.permutations(order), 0, None, 7):
        f: Scalar = np.tanh
        for route in routes:
            f = ROUTES[route](f)
        assert f(0.3).item() == pytest.approx(tanh_derivative(5, 0.3), rel=1e-12), routes


@pytest.mark.parametrize("inner", ROUTES)
@pytest.mark.parametrize("outer", ROUTES)
def test_no_perturbation_confusion(inner: str, outer: str) -> None:
    """d/dx x · d/dy (x + y) = 1 and d/dx x · d/dy (x y²)(1) = 4 x: each variable is its own."""
    D, d = ROUTES[outer], ROUTES[inner]
    assert D(lambda x: x * d(lambda y: x + y)(1.0))(5.0) == 1.0
    assert D(lambda x: x * d(lambda y: x * y * y)(1.0))(5.0) == 20.0
    assert D(lambda x: d(lambda y: x * y * y)(x))(5.0) == 20.0  # d/dx 2 x²
    assert D(lambda x: d(lambda x: x * x)(x) * x)(3.0) == 12.0  # the same name


def test_cotangents_and_tangents_from_outside() -> None:
    # The pull-back is linear in the cotangent: d/du of u cos x is cos x, though x is no tensor.
    _, pull_back = ag.vjp(np.sin, 0.3)
    _, push_forward = ag.linearize(np.sin, 0.3)
    for linear in (lambda u: pull_back(u)[0], push_forward):
        for name, route in ROUTES.items():
            found = route(linear)(2.0)
            assert isinstance(found, ag.Tensor) == (name == "gradients")
            assert found.item() == pytest.approx(np.cos(0.3))
            twice = route(lambda u, linear=linear: linear(u) * u)
            assert twice(2.0).item() == pytest.approx(4 * np.cos(0.3))


def test_vjp_inside_jvp_inside_grad_against_differences() -> None:
    rng = np.random.default_rng(0)
    A, x, v = rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=3)

    def third(x: Any) -> Any:
        def slope(x: Any) -> Any:
            return ag.vjp(lambda y: np.sin(A @ y) * (y @ x), x)[1](np.cos(x))[0]

        return (ag.jvp(slope, (x,), (v,))[1] * x).sum()

    g = ag.grad(third)(x)
    for i, step in enumerate(1e-6 * np.eye(3)):
        slope = (third(x + step) - third(x - step)) / 2e-6
        assert g[i] == pytest.approx(slope, rel=1e-7)


@pytest.mark.parametrize("route", [name for name in ROUTES if name != "gradients"])
def test_each_route_under_vmap_is_the_loop(route: str) -> None:
    x = np.array([-0.4, 0.3, 1.1])
    f: Scalar = np.tanh
    for n in (1, 2):
        f = ROUTES[route](f)
        found = ag.vmap(f)(x)
        np.testing.assert_allclose(found, [tanh_derivative(n, v) for v in x], rtol=1e-12)
    total = ag.grad(lambda x: ag.vmap(f)(x).sum())(x)
    np.testing.assert_allclose(total, [tanh_derivative(3, v) for v in x], rtol=1e-12)


def test_a_solver_under_vmap_and_checkpoint() -> None:
    root = ag.implicit_root(lambda u, a: u**3 - a, np.cbrt)
    a = np.array([1.0, 8.0, 27.0])
    for f in (root, ag.checkpoint(root)):
        np.testing.assert_allclose(ag.vmap(ag.grad(f))(a), a ** (-2 / 3) / 3, rtol=1e-12)
        second = ag.vmap(ag.grad(ag.grad(f)))(a)
        np.testing.assert_allclose(second, -2 / 9 * a ** (-5 / 3), rtol=1e-12)
