"""The bridge to SciPy's methods: the minima they find, and what is left when something fails."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
import optim
from optim.minimize import METHODS

pytest.importorskip("scipy")


def rosenbrock(w: Any) -> Any:
    return 100.0 * (w[1] - w[0] ** 2) ** 2 + (1.0 - w[0]) ** 2


def leaf(*values: float, dtype: str = "float64") -> ag.Tensor:
    return ag.Tensor(np.array(values, dtype), requires_grad=True)


def budget(method: str) -> dict[str, int]:
    return {"maxfun": 500} if method == "TNC" else {"maxiter": 500}


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_rosenbrocks_minimum(method: str) -> None:
    w = leaf(-1.2, 1.0)
    w.grad = kept = np.ones(2)
    seen = []

    def note(result: Any) -> None:
        seen.append((result.x.copy(), w.data))

    result = optim.minimize(
        lambda: rosenbrock(w), [w], method.lower(), options=budget(method), callback=note
    )
    assert result.success, result.message
    assert np.allclose(w.data, 1.0, atol=2e-3)
    assert np.array_equal(w.data, result.x)
    assert float(result.fun) == rosenbrock(w.data)
    assert w.grad is kept
    assert seen
    assert all(np.array_equal(x, data) for x, data in seen)


@pytest.mark.parametrize("method", ["Newton-CG", "trust-exact", "trust-ncg"])
def test_second_derivatives_are_those_of_the_loss(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What SciPy gets, against central differences of the gradient, over two parameters."""
    import scipy.optimize

    rng = np.random.default_rng(0)
    a, b = leaf(*rng.normal(size=3)), ag.Tensor(rng.normal(size=(2, 3)), requires_grad=True)

    def loss() -> Any:
        return ag.sum(ag.tanh(b * a) ** 2) + ag.sum(ag.exp(a)) + ag.sum(b**4)

    got: dict[str, Any] = {}

    def look(fun: Any, start: Any, **kwargs: Any) -> Any:
        got.update(kwargs, fun=fun)
        return scipy.optimize.OptimizeResult(x=start, fun=fun(start)[0], jac=fun(start)[1])

    with monkeypatch.context() as patch:
        patch.setattr(scipy.optimize, "minimize", look)
        optim.minimize(loss, [a, b], method)
    for x in rng.normal(size=(2, 9)):
        step = 1e-5
        hessian = np.array(
            [
                (got["fun"](x + step * e)[1] - got["fun"](x - step * e)[1]) / (2 * step)
                for e in np.eye(9)
            ]
        )
        if "hess" in got:
            assert np.allclose(got["hess"](x), hessian, rtol=1e-6, atol=1e-7)
        else:
            for v in rng.normal(size=(3, 9)):
                assert np.allclose(got["hessp"](x, v), hessian @ v, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("method", ["L-BFGS-B", "Newton-CG"])
def test_logistic_regression_has_scikit_learns_coefficients(method: str) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 4))
    y = (x @ [1.0, -2.0, 0.5, 0.0] + rng.normal(size=150) > 0.3).astype(np.int64)
    layer = nn.Linear(4, 2, dtype="float64")

    def loss() -> Any:
        # C = 1: the sum of the losses and half the squared norm, which for two classes' weights is
        # at its least where they are opposite: ½‖w‖² of their difference is ‖W‖² of both.
        return ag.sum(nn.cross_entropy(layer(x), y) * len(y) + ag.sum(layer.weight**2))

    result = optim.minimize(loss, layer.parameters(), method, tol=1e-12, options={"maxiter": 300})
    theirs = linear_model.LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit(x, y)
    difference = layer.weight.data[:, 1] - layer.weight.data[:, 0]
    assert np.allclose(difference, theirs.coef_[0], atol=1e-4)
    assert layer.bias is not None
    bias = layer.bias.data
    assert np.isclose(bias[1] - bias[0], theirs.intercept_[0], atol=1e-4)
    assert result.x.shape == (10,)


def test_float32_parameters_stay_float32() -> None:
    w = leaf(-1.2, 1.0, dtype="float32")
    result = optim.minimize(lambda: rosenbrock(w), [w])
    assert w.dtype == np.float32
    assert result.x.dtype == np.float64
    assert np.allclose(w.data, 1.0, atol=0.02)


def test_a_network_is_fitted_in_full_batches() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3))
    y = np.sin(x[:, :1])
    model = nn.MLP([3, 10, 1], rng=rng, dtype="float64")
    before = [p.data for p in model.parameters()]
    values = [b.copy() for b in before]
    result = optim.minimize(
        lambda: ag.mean((model(x) - y) ** 2), model.parameters(), options={"maxiter": 60}
    )
    assert result.fun < 1e-2
    assert float(np.mean((model(x).data - y) ** 2)) == pytest.approx(result.fun)
    for b, value in zip(before, values, strict=True):
        assert np.array_equal(b, value)  # published arrays are never written


def test_frozen_parameters_are_left_alone() -> None:
    a, b = leaf(3.0), leaf(2.0)
    b.requires_grad_(False)
    result = optim.minimize(lambda: ag.sum((a - b) ** 2), [a, b])
    assert np.allclose(a.data, 2.0)
    assert b.item() == 2.0
    assert result.x.shape == (1,)
    with pytest.raises(ValueError, match="none of the parameters requires a gradient"):
        optim.minimize(lambda: ag.sum(a * b), [b])


def test_the_best_parameters_are_left_in_place_when_the_budget_ends() -> None:
    w = leaf(-1.2, 1.0)
    losses = []

    def loss() -> Any:
        found = rosenbrock(w)
        losses.append(found.item())
        return found

    result = optim.minimize(loss, [w], "CG", options={"maxiter": 3})
    assert not result.success
    assert result.fun == min(losses)
    assert rosenbrock(w.data) == result.fun


def test_a_result_that_is_not_the_lowest_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    import scipy.optimize

    w = leaf(3.0)

    def past_it(fun: Any, start: Any, **_: Any) -> Any:
        found = [fun(np.array([x])) for x in (3.0, 0.5, -2.0)]
        return scipy.optimize.OptimizeResult(x=np.array([-2.0]), fun=found[-1][0], jac=found[-1][1])

    with monkeypatch.context() as patch:
        patch.setattr(scipy.optimize, "minimize", past_it)
        result = optim.minimize(lambda: ag.sum(w**2), [w])
    assert (w.item(), result.x, result.fun, result.jac) == (0.5, 0.5, 0.25, 1.0)


@pytest.mark.parametrize("method", METHODS)
def test_a_callback_may_end_it(method: str) -> None:
    w = leaf(-1.2, 1.0)
    count = 0

    def enough(result: Any) -> None:
        nonlocal count
        count += 1
        if count == 3:
            raise StopIteration

    result = optim.minimize(lambda: rosenbrock(w), [w], method, callback=enough)
    assert count == 3
    assert not result.success
    assert rosenbrock(w.data) == result.fun
    assert rosenbrock(w.data) < rosenbrock(np.array([-1.2, 1.0]))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("where", ["loss", "callback"])
def test_an_error_restores_the_parameters(where: str, method: str) -> None:
    w = leaf(-1.2, 1.0)
    before = w.data
    calls = 0

    def loss() -> Any:
        nonlocal calls
        calls += 1
        if where == "loss" and calls == 5:
            raise RuntimeError("the loss broke")
        return rosenbrock(w)

    def callback(result: Any) -> None:
        if where == "callback":
            raise RuntimeError("the callback broke")

    with pytest.raises(RuntimeError, match=f"the {where} broke"):
        optim.minimize(loss, [w], method, callback=callback)
    assert w.data is before
    with pytest.raises(TypeError):
        optim.minimize(lambda: rosenbrock(w), [w], tol="small")  # type: ignore[arg-type]
    assert w.data is before


def test_ctrl_c_leaves_the_best_so_far() -> None:
    w = leaf(-1.2, 1.0)
    losses = []

    def loss() -> Any:
        if len(losses) == 12:
            raise KeyboardInterrupt
        found = rosenbrock(w)
        losses.append(found.item())
        return found

    with pytest.raises(KeyboardInterrupt):
        optim.minimize(loss, [w])
    assert rosenbrock(w.data) == min(losses) < losses[0]


def test_bad_arguments() -> None:
    w = leaf(-1.2, 1.0)
    before = w.data
    with pytest.raises(
        ValueError, match="no method 'LBFGS' that uses gradients: did you mean 'BFGS'"
    ):
        optim.minimize(lambda: rosenbrock(w), [w], "LBFGS")
    with pytest.raises(ValueError, match="no method 'Nelder-Mead' that uses gradients"):
        optim.minimize(lambda: rosenbrock(w), [w], "Nelder-Mead")
    with pytest.raises(TypeError, match="the name of a method"):
        optim.minimize(lambda: rosenbrock(w), [w], None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must be a function without arguments.*write lambda"):
        optim.minimize(rosenbrock(w), [w])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must return a scalar Tensor, not shape"):
        optim.minimize(lambda: w * w, [w])
    with pytest.raises(TypeError, match=r"must return a scalar Tensor, not 1\.0"):
        optim.minimize(lambda: 1.0, [w])  # type: ignore[arg-type,return-value]
    with pytest.raises(ValueError, match="the loss is nan before the first step"):
        optim.minimize(lambda: ag.sum(w) * np.nan, [w])
    with pytest.raises(ValueError, match="does not depend on any of the parameters"):
        optim.minimize(lambda: ag.Tensor(1.0), [w])
    assert w.data is before


def test_without_scipy_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    w = leaf(1.0)
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(ImportError, match=r"pip install 'autograd-core\[scipy\]'"):
        optim.minimize(lambda: ag.sum(w), [w])


@pytest.mark.parametrize("method", METHODS)
def test_a_loss_that_becomes_nan_leaves_the_lowest(method: str) -> None:
    w = leaf(-1.2, 1.0)
    losses = []

    def loss() -> Any:
        found = rosenbrock(w) * (1.0 if len(losses) < 6 else np.nan)
        losses.append(found.item())
        return found

    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy's, of NaN
        try:
            result = optim.minimize(loss, [w], method, options=budget(method))
        except (ValueError, np.linalg.LinAlgError):
            assert w.data.tolist() == [-1.2, 1.0]  # of a Hessian with NaN
            return
    lowest = np.nanmin(losses)
    assert result.fun == lowest == rosenbrock(w.data)
    assert np.array_equal(result.x, w.data)


def test_complex_parameters_and_other_bad_arguments() -> None:
    w, z = leaf(1.0), ag.Tensor([1.0 + 2.0j], requires_grad=True)
    with pytest.raises(TypeError, match="a parameter is complex128.*two parameters for the two"):
        optim.minimize(lambda: ag.sum(ag.abs(z) ** 2), [w, z])
    with pytest.raises(TypeError, match="options must be a dict.*not 100"):
        optim.minimize(lambda: ag.sum(w**2), [w], options=100)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="callback must be a function of the result, not 3"):
        optim.minimize(lambda: ag.sum(w**2), [w], callback=3)  # type: ignore[arg-type]
    with ag.no_grad(), pytest.raises(ValueError, match=r"or was computed under no_grad\(\)"):
        optim.minimize(lambda: ag.sum(w**2), [w])
