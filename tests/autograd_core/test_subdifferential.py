"""At ties and kinks the gradient lies in Clarke's subdifferential, and traps stay shut.

The subdifferential of a piecewise smooth function is the convex hull of the gradients around the
point. Those are found by central differences at many points nearby, none of them on a kink.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_core as ag
from autograd_core.registry import REAL, Domain, Op
from tests.autograd_core.samples import DIFFERENTIABLE

optimize = pytest.importorskip("scipy.optimize")

NEAR, STEP = 1e-3, 1e-6


def nearby_gradients(f: Callable[[Any], float], x: np.ndarray, rng: Any, count: int) -> np.ndarray:
    """Gradients at points around ``x``, by central differences, one a row."""
    found = []
    for _ in range(count):
        at = x + NEAR * rng.normal(size=x.shape)
        steps = STEP * np.eye(x.size).reshape(x.size, *x.shape)
        found.append([(f(at + s) - f(at - s)) / (2 * STEP) for s in steps])
    return np.array(found)


def distance_to_hull(point: np.ndarray, points: np.ndarray) -> float:
    """The largest coordinate's distance from ``point`` to the convex hull of the ``points``."""
    count, n = points.shape
    # Weights w ≥ 0 of sum 1 and a slack t, minimal with |points.T @ w - point| ≤ t.
    cost = np.r_[np.zeros(count), 1.0]
    above = np.c_[points.T, -np.ones(n)]
    below = np.c_[-points.T, -np.ones(n)]
    solved = optimize.linprog(
        cost,
        A_ub=np.r_[above, below],
        b_ub=np.r_[point, -point],
        A_eq=np.r_[np.ones(count), 0.0][None],
        b_eq=[1.0],
        bounds=[(0, None)] * (count + 1),
    )
    assert solved.success
    return float(solved.fun)


def pairs(f: Callable[..., Any]) -> Callable[[Any], Any]:
    """A function of two operands as one of a stack of both."""
    return lambda x: f(x[:2], x[2:])


KINKED: dict[str, Callable[[Any], Any]] = {
    "relu": ag.relu,
    "leaky relu": lambda x: np.maximum(x, 0.1 * x),
    "hinge": lambda x: ag.relu(1.0 - x),
    "abs": np.abs,
    "fabs": np.fabs,
    "maximum": pairs(np.maximum),
    "minimum": pairs(np.minimum),
    "fmax": pairs(np.fmax),
    "fmin": pairs(np.fmin),
    "max": np.max,
    "min": np.min,
    "max over an axis": lambda x: np.max(np.reshape(x, (2, 2)), axis=1),
    "nanmax": np.nanmax,
    "nanmin": np.nanmin,
    "ptp": np.ptp,
    "clip": lambda x: np.clip(x, -1.0, 1.0),
    "clip by operands": lambda x: np.clip(x[:2], x[2], x[3] + 2.0),
    "median of four": np.median,
    "median of three": lambda x: np.median(x[:3]),
    "quantile": lambda x: np.quantile(x, [0.3, 0.5]),
    "percentile": lambda x: np.percentile(x, 80.0),
    "nanmedian": np.nanmedian,
    "sort": np.sort,
    "partition": lambda x: np.partition(x, 1)[1],
    "maximum.reduce": np.maximum.reduce,
    "minimum.accumulate": np.minimum.accumulate,
    "hypot": pairs(np.hypot),
    "std": np.std,
    "norm": np.linalg.norm,
    "norm of order 1": lambda x: np.linalg.norm(x, 1),
    "norm of order inf": lambda x: np.linalg.norm(x, np.inf),
    "norm of order -inf": lambda x: np.linalg.norm(x, -np.inf),
    "matrix norm of order 1": lambda x: np.linalg.norm(np.reshape(x, (2, 2)), 1),
    "matrix norm of order inf": lambda x: np.linalg.norm(np.reshape(x, (2, 2)), np.inf),
    "logaddexp": pairs(np.logaddexp),
    "interp": lambda x: np.interp(x, [-1.0, 0.0, 1.0], [0.0, 2.0, 1.0]),
    "pad by its maximum": lambda x: np.pad(x, 1, mode="maximum"),
}


@pytest.mark.parametrize("name", KINKED)
@given(data=st.data())
def test_the_gradient_is_in_the_subdifferential(name: str, data: Any) -> None:
    function = KINKED[name]
    x = np.array(data.draw(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=4, max_size=4)))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    weights = rng.normal(size=np.shape(function(x)))

    def f(at: Any) -> Any:
        return ag.sum(function(at) * weights)

    found = nearby_gradients(lambda at: float(f(at)), x, rng, 150)
    exact = ag.grad(f)(x)
    assert distance_to_hull(exact, found) < 0.02 * (1 + np.abs(found).max())


def test_what_lies_outside_is_told() -> None:
    """The hull of the slopes of |x| at 0 is [-1, 1]."""
    rng = np.random.default_rng(0)
    slopes = nearby_gradients(lambda x: float(np.abs(x).sum()), np.zeros(1), rng, 20)
    assert distance_to_hull(np.array([0.3]), slopes) < 1e-6
    assert distance_to_hull(np.array([1.5]), slopes) == pytest.approx(0.5, abs=1e-3)


# --- the where-trap ---------------------------------------------------------------------------


def singular_points(domain: Domain) -> list[float]:
    """The finite ends of a domain, and its holes."""
    return [end for end in (domain.low, domain.high, *domain.holes) if math.isfinite(end)]


TRAPS = [
    (name, i, point)
    for name, op in sorted(DIFFERENTIABLE.items())
    if op.kind == "elementwise"
    for i, domain in enumerate(op.domains)
    if domain is not REAL and callable(op.rules[i])
    for point in singular_points(domain)
]


def operands(op: Op, i: int, point: float, dtype: Any) -> list[np.ndarray]:
    """The singular point, and a point inside, at operand ``i``."""
    return [
        np.array([point, d.interior] if k == i else [d.interior] * 2, dtype)
        for k, d in enumerate(op.domains)
    ]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "i", "point"), TRAPS)
def test_where_hides_every_singular_point(name: str, i: int, point: float, dtype: Any) -> None:
    op = DIFFERENTIABLE[name]
    xs = operands(op, i, point, dtype)
    inside = np.array([False, True])

    def masked(t: Any) -> Any:
        return np.sum(np.where(inside, op.function(*xs[:i], t, *xs[i + 1 :]), 0.0))

    def alone(t: Any) -> Any:
        return np.sum(op.function(*(x[1:] for x in xs[:i]), t, *(x[1:] for x in xs[i + 1 :])))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = ag.grad(masked)
        np.testing.assert_allclose(first(xs[i])[1:], ag.grad(alone)(xs[i][1:]), rtol=1e-5)
        assert first(xs[i])[0] == 0.0
        second = ag.grad(lambda t: np.sum(first(t)))(xs[i])
    assert second[0] == 0.0
    assert np.isfinite(second[1])
