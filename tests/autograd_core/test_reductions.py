"""Reductions and statistics: all parameters, awkward points, and a second opinion."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core.ops import reduction, statistics
from tests.autograd_core.samples.statistics import METHODS

NAN, INF = np.nan, np.inf
X = np.random.default_rng(3).normal(size=(3, 4))
Z = X + 1j * np.random.default_rng(4).normal(size=(3, 4))
HOLES = np.where(np.arange(12).reshape(3, 4) % 5 == 1, NAN, X)
MASK = np.array([[True, False, True, True], [False, True, True, False], [True, True, False, True]])
W = np.array([0.5, 1.5, 2.0, 0.25])


def gradient(f: Any, *xs: Any, g: Any = None, argnum: int = 0) -> Any:
    """The gradient at one argument, of the value weighted by ``g`` (random where None)."""
    tensors = [ag.Tensor(x, requires_grad=True) for x in xs]
    y = f(*tensors)
    y.backward(np.random.default_rng(0).normal(size=y.shape) if g is None else g)
    return tensors[argnum].grad


def slopes(f: Any, x: Any, h: float = 1e-5) -> Any:
    """Central differences of f, weighted as in `gradient`."""
    u = np.random.default_rng(0).normal(size=np.shape(f(x)))
    found = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = h
        found[i] = np.sum(u * (f(x + step) - f(x - step))) / (2 * h)
    return found


# --- all parameters -------------------------------------------------------------------------------

CALLS: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
    *((f, (X,), p) for f in (np.sum, np.mean, np.prod, np.var, np.std) for p in (
        {"dtype": np.float32}, {"axis": 1, "where": MASK}, {"axis": (0, -1), "keepdims": True},
        {"axis": -1, "dtype": "f4", "where": MASK[0], "keepdims": True}, {"axis": ()},
    )),
    *((f, (X, 1, "f4"), {}) for f in (np.sum, np.mean, np.prod, np.var, np.std)),
    *((f, (X,), {"initial": 2.5, "axis": 0}) for f in (np.sum, np.prod, np.max, np.min)),
    *((f, (X,), {"initial": 0.1, "where": MASK, "axis": 1}) for f in (
        np.sum, np.prod, np.max, np.min, np.nansum, np.nanprod, np.nanmax, np.nanmin)),
    *((f, (X,), p) for f in (np.var, np.std) for p in (
        {"ddof": 1}, {"correction": 1.5, "axis": 0}, {"mean": 0.5}, {"ddof": 1, "where": MASK},
        {"mean": X.mean(axis=1, keepdims=True), "axis": 1},
    )),
    *((f, (HOLES,), p) for f in (
        np.nansum, np.nanmean, np.nanprod, np.nanvar, np.nanstd, np.nanmax, np.nanmin,
        np.nanmedian,
      ) for p in ({}, {"axis": 0}, {"axis": (1,), "keepdims": True})),
    *((f, (HOLES,), {"dtype": "f4", "axis": 1}) for f in (
        np.nansum, np.nanmean, np.nanprod, np.nanvar, np.nanstd, np.nancumsum, np.nancumprod)),
    *((f, (HOLES,), {"where": MASK, "axis": 1}) for f in (
        np.nansum, np.nanmean, np.nanprod, np.nanvar, np.nanstd)),
    *((f, (x,), p) for f, x in (
        (np.cumsum, X), (np.cumprod, X), (np.nancumsum, HOLES), (np.nancumprod, HOLES))
      for p in ({}, {"axis": -1}, {"dtype": np.float32})),
    *((f, (x, q * s), {"axis": a, "method": m, "keepdims": k})
      for f, x, s in ((np.quantile, X, 1), (np.percentile, X, 100), (np.nanquantile, HOLES, 1),
                      (np.nanpercentile, HOLES, 100))
      for m in sorted(set(METHODS))
      for a, k, q in ((None, False, 0.3), (1, True, np.array([0.0, 0.4, 1.0])),
                      ((0, 1), False, np.array([[0.1, 0.5], [0.6, 0.9]])))),
    (np.quantile, (X, 0.4), {"axis": 1, "method": "inverted_cdf", "weights": W}),
    (np.quantile, (X, [0.2, 0.7]), {"method": "inverted_cdf", "weights": X * X}),
    (np.nanquantile, (HOLES, 0.4), {"axis": 1, "method": "inverted_cdf", "weights": X * X}),
    *((np.median, (x,), p) for x in (X, X[:, :3], Z, X[0, 0]) for p in (
        {}, {"keepdims": True}, {"overwrite_input": True})),
    (np.median, (X, (0, 1)), {}), (np.nanmedian, (HOLES, 1), {"overwrite_input": True}),
    (np.average, (X,), {}), (np.average, (X, 0), {}), (np.average, (X, 1, W), {"keepdims": True}),
    (np.average, (X, (1, 0), np.abs(X.T)), {}), (np.average, (X,), {"weights": X * X}),
    (np.average, (Z, 1, W), {}),
    (np.cov, (X,), {}), (np.cov, (X, X[::-1] ** 2), {"rowvar": False}), (np.cov, (Z,), {}),
    (np.cov, (X[0], X[1]), {"bias": True}), (np.cov, (X[0],), {}), (np.cov, (X,), {"ddof": 2}),
    (np.cov, (X,), {"fweights": [1, 2, 0, 3]}), (np.cov, (X,), {"aweights": W, "dtype": "f4"}),
    (np.cov, (X,), {"aweights": W, "fweights": [1, 2, 1, 3]}),
    (np.cov, (X,), {"aweights": W, "ddof": 0}), (np.cov, (X[:, :1],), {"rowvar": False}),
    (np.ptp, (X, 1), {}), (np.ptp, (X,), {"axis": (0, 1), "keepdims": True}),
    (np.corrcoef, (X,), {}), (np.corrcoef, (X[0], X[1]), {}), (np.corrcoef, (Z,), {}),
    (np.corrcoef, (X,), {"rowvar": False, "dtype": "f4"}), (np.corrcoef, (X[0],), {}),
    (np.diff, (X,), {}), (np.diff, (X, 2, 0), {}), (np.diff, (X,), {"n": 0}), (np.diff, (X, 5), {}),
    (np.diff, (X,), {"prepend": 0.5, "append": X[:, :2]}), (np.diff, (Z,), {"prepend": 1, "n": 2}),
    (np.ediff1d, (X,), {}), (np.ediff1d, (X,), {"to_begin": 3, "to_end": [1.0, 2.0]}),
    (np.ediff1d, (X[:0],), {"to_end": X[0]}),
    (np.gradient, (X[0],), {}), (np.gradient, (X, 2.0), {"axis": 1, "edge_order": 2}),
    (np.gradient, (X, [0, 1, 3, 7]), {"axis": -1}), (np.gradient, (Z[0], 0.5), {}),
    (np.gradient, (X, [0, 1, 3, 7]), {"axis": -1, "edge_order": 2}),
    (np.gradient, (X.astype("f4"), np.array([0.0, 1.0, 4.0])), {"axis": 0}),
    (np.trapezoid, (X,), {}), (np.trapezoid, (X, None, 0.5, 0), {}), (np.trapezoid, (X, W), {}),
    (np.trapezoid, (X, X * X), {"axis": 0}), (np.trapezoid, (Z, [0, 1, 4]), {"axis": 0}),
]  # fmt: skip


def single(args: Any, params: Any) -> bool:
    """Whether a call computes in single precision."""
    return params.get("dtype") is not None or any(isinstance(a, str) for a in args)


@pytest.mark.parametrize(
    ("f", "args", "params"), CALLS, ids=[f"{i}-{c[0].__name__}" for i, c in enumerate(CALLS)]
)
def test_values_are_numpys_for_all_parameters(f: Any, args: Any, params: Any) -> None:
    own = [np.copy(a) if isinstance(a, np.ndarray) else a for a in args]
    expected = f(*own, **params)
    x = args[0].copy()
    for t in (ag.Tensor(x), ag.Tensor(x, requires_grad=True)):
        before = t.detach().numpy().copy()
        got = f(t, *args[1:], **params)
        assert got.dtype == expected.dtype
        assert got.shape == np.shape(expected)
        loose = 1e-5 if single(args, params) or got.dtype == "f4" else 1e-13
        np.testing.assert_allclose(got.detach().numpy(), expected, rtol=loose, atol=loose)
        if t.requires_grad:
            assert got.requires_grad
            np.testing.assert_array_equal(t.detach().numpy(), before)
            got.backward(np.ones(got.shape))
            assert t.grad.shape == t.shape
    np.testing.assert_array_equal(x, args[0])


@pytest.mark.parametrize(
    ("f", "args", "params"),
    [
        (f, args, params)
        for f, args, params in CALLS
        if args[0].dtype == float and not single(args, params)
    ],
)  # fmt: skip
def test_gradients_agree_with_differences_for_all_parameters(
    f: Any, args: Any, params: Any
) -> None:
    x, *rest = args
    if x.size == 0:
        return
    params = {k: v for k, v in params.items() if k != "overwrite_input"}

    def value(t: Any) -> Any:
        return f(t, *rest, **params)

    found = gradient(value, x)
    expected = np.where(np.isnan(x), 0.0, slopes(value, x))
    np.testing.assert_allclose(found, expected, atol=2e-8, rtol=2e-7)


def test_cumulative_sums_and_products() -> None:
    for axis in (0, -1):
        for include in (False, True):
            total = ag.cumulative_sum(ag.Tensor(X, requires_grad=True), axis=axis)
            np.testing.assert_allclose(total.detach(), np.cumsum(X, axis=axis))
            g = gradient(lambda t: ag.cumulative_prod(t, axis=axis, include_initial=include), X)  # noqa: B023
            assert g.shape == X.shape
    first = ag.cumulative_prod(ag.Tensor([2.0, 3.0], requires_grad=True), include_initial=True)
    np.testing.assert_array_equal(first.detach(), [1.0, 2.0, 6.0])
    with pytest.raises(ValueError, match="axis"):
        ag.cumulative_sum(ag.Tensor(X, requires_grad=True))
    np.testing.assert_array_equal(ag.cumulative_sum(np.arange(3.0)), [0.0, 1.0, 3.0])


def test_an_integer_result_is_not_tracked() -> None:
    t = ag.Tensor([1.5, 2.5], requires_grad=True)
    for f in (np.sum, np.prod, np.cumsum, np.nansum):
        assert not f(t, dtype=int).requires_grad


def test_what_counts_or_tells_places_is_not_tracked() -> None:
    t = ag.Tensor(HOLES, requires_grad=True)
    for f in (np.argmax, np.nanargmin, np.nanargmax, np.any, np.all, np.count_nonzero):
        np.testing.assert_array_equal(f(t, axis=1, keepdims=True), f(HOLES, axis=1, keepdims=True))
        assert not f(t, axis=1).requires_grad
    assert np.all(t, where=MASK, axis=0).shape == (4,)
    x = ag.Tensor(X, requires_grad=True)
    counts, edges = np.histogram(x, bins=3)
    assert not counts.requires_grad
    assert not edges.requires_grad
    np.testing.assert_array_equal(edges, np.histogram_bin_edges(x, bins=3))
    np.testing.assert_array_equal(
        np.histogram2d(x[0], x[1], bins=2)[0], np.histogram2d(X[0], X[1], bins=2)[0]
    )


def test_weights_that_are_counted_have_a_gradient() -> None:
    bins = [0, 2, 2, 1]
    g = gradient(lambda w: np.bincount(bins, weights=w, minlength=5), W, g=np.arange(1.0, 6.0))
    np.testing.assert_array_equal(g, [1.0, 3.0, 3.0, 2.0])
    counts = np.bincount(ag.Tensor(np.array(bins)))
    np.testing.assert_array_equal(counts, [1, 1, 2])


def test_tracked_parameters_have_gradients_too() -> None:
    x, m = X[:1], np.array([[0.3]])
    values: list[tuple[Any, Any]] = [
        *((lambda m, f=f: f(x, axis=1, mean=m), m) for f in (ag.var, ag.std, ag.nanvar)),
        *(
            (lambda w, how=how: np.cov(X, aweights=w, **how), W)
            for how in ({}, {"fweights": [1, 2, 1, 3]}, {"ddof": 0})
        ),
    ]
    for f, at in values:
        np.testing.assert_allclose(gradient(f, at), slopes(f, at), atol=1e-8)
    x = X[0]
    assert gradient(lambda a, i: np.sum(a, initial=i), x, 2.0, g=3.0, argnum=1) == 3.0
    assert gradient(lambda a, i: np.prod(a, initial=i), x, 2.0, g=1.0, argnum=1) == np.prod(x)
    value, total = np.average(X, weights=ag.Tensor(W, requires_grad=True), axis=1, returned=True)
    np.testing.assert_allclose(value.detach(), X @ W / W.sum())
    np.testing.assert_allclose(total.detach(), np.full(3, W.sum()))
    assert total.requires_grad


# --- awkward points -------------------------------------------------------------------------------


def test_extrema_share_ties_with_the_initial_value_and_within_where() -> None:
    for f in (np.max, np.amax, np.nanmax):
        x = [1.0, 3.0, 3.0]
        np.testing.assert_array_equal(gradient(f, x, g=1.0), [0.0, 0.5, 0.5])
        found = gradient(lambda t: f(t, initial=3.0), x, g=1.0)  # noqa: B023
        np.testing.assert_array_equal(found, [0.0, 1 / 3, 1 / 3])
        mask = [True, True, False]
        found = gradient(lambda t: f(t, initial=0.0, where=mask), x, g=1.0)  # noqa: B023
        np.testing.assert_array_equal(found, [0.0, 1.0, 0.0])
        found = gradient(lambda t: f(t, initial=5.0), x, g=1.0)  # noqa: B023
        np.testing.assert_array_equal(found, np.zeros(3))
    np.testing.assert_array_equal(gradient(np.max, [1.0, NAN, NAN], g=1.0), [0.0, 0.5, 0.5])
    np.testing.assert_array_equal(gradient(np.nanmax, [1.0, NAN, 0.0], g=1.0), [1.0, 0.0, 0.0])
    with pytest.warns(RuntimeWarning, match="All-NaN"):
        np.testing.assert_array_equal(gradient(np.nanmin, [NAN, NAN], g=1.0), [0.5, 0.5])
    assert gradient(lambda t: np.max(t, initial=2.0), np.zeros(0), g=1.0).shape == (0,)
    np.testing.assert_array_equal(gradient(np.ptp, [2.0, 2.0], g=1.0), [0.0, 0.0])


def test_medians_and_quantiles_with_ties_take_the_stable_order() -> None:
    np.testing.assert_array_equal(
        gradient(np.median, [2.0, 1.0, 2.0, 3.0], g=1.0), [0.5, 0, 0.5, 0]
    )
    np.testing.assert_array_equal(gradient(np.median, [1.0, 1.0, 1.0], g=1.0), [0.0, 1.0, 0.0])
    g = gradient(lambda t: np.quantile(t, [0.0, 0.25, 1.0]), np.zeros(5), g=[1.0, 2.0, 3.0])
    np.testing.assert_array_equal(g, [1.0, 2.0, 0.0, 0.0, 3.0])
    g = gradient(lambda t: np.median(t, axis=0), [[1.0, 5.0], [1.0, 4.0]], g=[1.0, 2.0])
    np.testing.assert_array_equal(g, [[0.5, 1.0], [0.5, 1.0]])


@pytest.mark.filterwarnings("ignore:All-NaN:RuntimeWarning")
def test_quantiles_with_nan() -> None:
    for f in (np.median, lambda t: np.quantile(t, 0.3)):
        np.testing.assert_array_equal(gradient(f, [1.0, NAN, 2.0, NAN], g=2.0), [0, 1.0, 0, 1.0])
    for f in (np.nanmedian, lambda t: np.nanquantile(t, 0.5)):
        np.testing.assert_array_equal(gradient(f, [1.0, NAN, 2.0, NAN], g=2.0), [1.0, 0, 1.0, 0])
        np.testing.assert_array_equal(gradient(f, [NAN, NAN], g=2.0), [1.0, 1.0])
    for i, slope in ((0, [1.0, 0.0]), (1, 0.0)):  # one element is left
        found = gradient(np.nanquantile, [3.0, NAN], 0.3, g=1.0, argnum=i)
        np.testing.assert_array_equal(found, slope)
    rows = [[NAN, NAN, NAN], [5.0, NAN, 3.0], [1.0, 2.0, 3.0]]
    t = ag.Tensor(rows, requires_grad=True)
    y = np.nanmedian(t, axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y.backward([3.0, 2.0, 1.0])  # silent
    np.testing.assert_array_equal(t.grad, [[1.0, 1.0, 1.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])


def test_infinite_gradients_and_elements_stay_where_they_are() -> None:
    g = gradient(lambda t: np.sqrt(np.median(t)), [1.0, 0.0, -1.0], g=1.0)
    np.testing.assert_array_equal(g, [0.0, INF, 0.0])
    np.testing.assert_array_equal(gradient(np.median, [INF, 0.0, -INF], g=1.0), [0.0, 1.0, 0.0])


def test_quantiles_are_differentiable_in_q() -> None:
    x = np.array([4.0, 1.0, 2.0])
    for q, slope in ((0.1, 2.0), (0.7, 4.0), (0.5, 4.0), (0.0, 2.0), (1.0, 4.0)):
        # At an element the piece that begins there; at the last the one that ends there.
        assert gradient(np.quantile, x, q, argnum=1, g=1.0) == pytest.approx(slope)
        assert gradient(np.percentile, x, 100 * q, argnum=1, g=1.0) == pytest.approx(slope / 100)
        mixed = gradient(
            lambda q: (ag.grad(np.quantile)(x, q) * np.array([1.0, 10.0, 100.0])).sum(), q, g=1.0
        )
        # between 1 and 2: weights (0, 1 - 2q, 2q); between 2 and 4: (2q - 1, 0, 2 - 2q)
        assert mixed == pytest.approx(2 * (100 - 10) if slope == 2.0 else 2 * (1 - 100))
    for method in ("lower", "higher", "nearest", "midpoint", "inverted_cdf"):
        f = lambda t, q: np.quantile(t, q, method=method)  # noqa: B023, E731
        assert gradient(f, x, 0.4, argnum=1, g=1.0) == 0.0
    f = lambda t, q: np.quantile(t, q, method="weibull")  # noqa: E731
    assert gradient(f, x, 0.1, argnum=1, g=1.0) == 0.0  # before the first element
    assert gradient(f, x, 0.4, argnum=1, g=1.0) == pytest.approx(4.0 * 1.0)


def test_nan_elements_have_gradient_zero() -> None:
    for f in (np.nansum, np.nanmean, np.nanvar, np.nanstd, np.nanprod, np.nancumsum, np.nanmax):
        assert not gradient(f, HOLES)[np.isnan(HOLES)].any()


def second(f: Any, x: Any) -> Any:
    """The gradient of <w, gradient of f>, with w random."""
    x = np.asarray(x, float)
    w = np.random.default_rng(1).normal(size=x.shape)
    return ag.grad(lambda t: (ag.grad(f)(t) * w).sum())(x), w


@pytest.mark.parametrize("x", [[0.0, 2.0, 3.0], [2.0, 0.0, 3.0], [0.0, 0.0, 3.0], [1.0, 2.0, 3.0]])
def test_cumulative_products_with_zeros_are_exact(x: list[float]) -> None:
    u = np.array([1.5, -2.0, 0.7])
    a, b, c = x
    found = gradient(np.cumprod, x, g=u)
    np.testing.assert_allclose(
        found, [u[0] + u[1] * b + u[2] * b * c, u[1] * a + u[2] * a * c, u[2] * a * b], atol=1e-14
    )
    found, w = second(lambda t: (np.cumprod(t) * u).sum(), x)
    hessian = [
        [0.0, u[1] + u[2] * c, u[2] * b],
        [u[1] + u[2] * c, 0.0, u[2] * a],
        [u[2] * b, u[2] * a, 0.0],
    ]
    np.testing.assert_allclose(found, hessian @ w, atol=1e-14)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9])
@pytest.mark.parametrize("axis", [0, 1])
def test_cumulative_products_with_and_without_a_zero_agree(n: int, axis: int) -> None:
    x = np.random.default_rng(n).uniform(0.5, 1.5, (n, n))
    for i in range(n):
        zero = x.copy()
        zero[i, i] = 0.0
        near = x.copy()
        near[i, i] = 1e-9
        for f in (lambda t: np.cumprod(t, axis=axis), lambda t: np.prod(t, axis=axis)):
            np.testing.assert_allclose(gradient(f, zero), gradient(f, near), atol=1e-6)


def test_products_stay_exact_where_they_overflow_or_vanish() -> None:
    with np.errstate(over="ignore"):
        found = gradient(np.cumprod, [1e200, 1e200], g=[1.0, 0.0])
    np.testing.assert_array_equal(found, [1.0, 0.0])
    found = gradient(np.cumprod, [1e-200, 1e-200, 1.0], g=[0.0, 0.0, 1.0])
    np.testing.assert_array_equal(found, [1e-200, 1e-200, 0.0])
    np.testing.assert_array_equal(gradient(np.cumprod, [1.0, INF], g=[1.0, 0.0])[1:], [0.0])


def test_deviations_of_a_constant() -> None:
    mask = [True, True, False]
    for f in (np.std, np.nanstd, lambda t: np.std(t, ddof=1), lambda t: np.std(t, where=mask)):
        np.testing.assert_array_equal(gradient(f, [2.0, 2.0, 2.0], g=1.0), np.zeros(3))
    np.testing.assert_array_equal(gradient(np.std, [5.0], g=1.0), [0.0])
    found, w = second(np.var, [2.0, 2.0, 2.0])
    np.testing.assert_allclose(found, 2 / 3 * (w - w.mean()), atol=1e-15)
    complex_std = gradient(np.std, np.full(3, 1 + 2j), g=1.0)
    np.testing.assert_array_equal(complex_std, np.zeros(3))


def test_complex_variance_is_the_mean_of_squared_sizes() -> None:
    u = 0.7
    found = gradient(np.var, Z, g=u)
    np.testing.assert_allclose(found, u * 2 * (Z - Z.mean()) / Z.size)
    found = gradient(lambda t: np.std(t, axis=0, ddof=1), Z, g=np.full(4, u))
    d = Z - Z.mean(axis=0)
    np.testing.assert_allclose(found, u * d / (2 * np.std(Z, axis=0, ddof=1)), rtol=1e-13)
    assert np.var(ag.Tensor(Z, requires_grad=True)).dtype == float


def test_reductions_of_half_precision_count_beyond_its_range() -> None:
    x = np.ones(70_000, np.float16)
    assert gradient(np.mean, x, g=np.float16(1.0)).dtype == np.float16
    t = ag.Tensor(np.tile(np.array([0.5, 1.5], np.float16), 35_000), requires_grad=True)
    assert np.var(t).item() == pytest.approx(0.25, rel=1e-2)
    assert np.mean(t).item() == 1.0


def test_empty_arrays() -> None:
    for f in (np.nansum, np.cumprod, np.nanprod, lambda t: np.quantile(t, [], axis=1), np.diff):
        assert gradient(f, np.zeros((0, 3))).shape == (0, 3)
    assert gradient(lambda t: np.median(t, axis=1), np.zeros((0, 3))).shape == (0, 3)


def test_lazy_arrays_take_the_general_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be looked at is computed so that it holds whatever the elements are."""
    functions = [
        np.prod, np.cumprod, np.median, np.nanmedian, lambda t: np.quantile(t, [0.2, 0.7], axis=1),
        lambda t: np.average(t, axis=1, weights=W), lambda t: np.cov(t, aweights=W),
    ]  # fmt: skip
    expected = [gradient(f, X) for f in functions]
    for module in (reduction, statistics):
        monkeypatch.setattr(module, "known", lambda _: False)
    for f, g in zip(functions, expected, strict=True):
        np.testing.assert_allclose(gradient(f, X), g, atol=1e-14)


# --- bad input ------------------------------------------------------------------------------------

BAD: list[tuple[Any, type[Exception], str]] = [
    (lambda t: np.sum(t, axis=2), ValueError, "axis 2 is out of bounds"),
    (lambda t: np.median(t, axis=2), ValueError, "axis 2 is out of bounds"),
    (lambda t: np.diff(t, axis=2), ValueError, "axis 2 is out of bounds"),
    (lambda t: np.trapezoid(t, axis=-3), ValueError, "axis -3 is out of bounds"),
    (lambda t: np.gradient(t, axis=2), ValueError, "axis 2 is out of bounds"),
    (lambda t: np.var(t, axis=2), ValueError, "axis 2 is out of bounds"),
    (lambda t: np.cumulative_sum(t, axis=2), ValueError, "axis 2 is out of bounds"),
    (lambda t: np.quantile(t, 1.5), ValueError, r"range \[0, 1\]"),
    (lambda t: np.percentile(t, -1), ValueError, r"range \[0, 100\]"),
    (lambda t: np.quantile(t, 0.5, method="best"), ValueError, "not a valid method"),
    (lambda t: np.quantile(t, 0.5, weights=W), ValueError, "inverted_cdf"),
    (lambda t: np.var(t, ddof=1, correction=1), ValueError, "simultaneously"),
    (lambda t: np.var(t, mean=1j), TypeError, "must be real"),
    (lambda t: np.max(t, where=MASK), ValueError, "initial"),
    (lambda t: np.sum(t, where=np.ones((2, 3, 4), bool)), ValueError, "dimensions"),
    (lambda t: np.prod(t, where=np.ones((2, 3, 4), bool)), ValueError, "dimensions"),
    (lambda t: np.sum(t, 0, None, np.zeros(4)), ag.InPlaceError, "out= of sum"),
    (lambda t: np.median(t, 0, np.zeros(4)), ag.InPlaceError, "out= of median"),
    (lambda t: np.std(t, 0, None, np.zeros(4)), ag.InPlaceError, "out= of std"),
    (lambda t: np.average(t, weights=W), TypeError, "Axis must be specified"),
    (lambda t: np.average(t, axis=0, weights=W), ValueError, "consistent"),
    (lambda t: np.average(t, axis=1, weights=W - W), ZeroDivisionError, "sum to zero"),
    (lambda t: np.diff(t, -1), ValueError, "non-negative"),
    (lambda t: np.diff(t[0, 0]), ValueError, "at least one dimensional"),
    (lambda t: np.ediff1d(t, 1j), TypeError, "same_kind"),
    (lambda t: np.gradient(t, 1.0, 2.0, 3.0), TypeError, "number of arguments"),
    (lambda t: np.gradient(t, edge_order=3), ValueError, "must be 1 or 2"),
    (lambda t: np.gradient(t[:1]), ValueError, "too small"),
    (lambda t: np.gradient(t, W, axis=0), ValueError, "match the length"),
    (lambda t: np.gradient(t, X, axis=0), ValueError, "scalars or 1d"),
    (lambda t: np.cov(t[None]), ValueError, "more than 2"),
    (lambda t: np.cov(t, ddof=0.5), ValueError, "integer"),
    (lambda t: np.cov(t, fweights=W), TypeError, "integer"),
    (lambda t: np.cov(t, aweights=-W), ValueError, "negative"),
    (lambda t: np.cov(t, aweights=W[1:]), RuntimeError, "numbers of samples"),
    (lambda t: np.cov(t, aweights=X), RuntimeError, "multidimensional"),
]  # fmt: skip


@pytest.mark.parametrize(("f", "error", "text"), BAD)
def test_bad_input_is_refused_as_numpy_does(f: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        f(ag.Tensor(X, requires_grad=True))


def test_no_degrees_of_freedom_left() -> None:
    t = ag.Tensor(X, requires_grad=True)
    with pytest.warns(RuntimeWarning):
        assert not np.isfinite(np.var(t, axis=0, ddof=3).detach()).any()
    with pytest.warns(RuntimeWarning):
        assert not np.isfinite(np.cov(t[:, :1]).detach()).any()


# --- a second opinion -----------------------------------------------------------------------------


def opinions(torch: Any) -> list[tuple[str, Any, Any, list[np.ndarray]]]:
    """Ours and PyTorch's way to the same value, and the arrays it is of."""
    methods = ("linear", "lower", "higher", "midpoint", "nearest")
    q = np.array([0.15, 0.6])
    zeros = np.where(MASK, X, 0.0)
    x = np.array([0.0, 0.4, 1.5, 1.7])
    return [
        *(
            (
                f"{f.__name__} {m}",
                lambda t, f=f, m=m: f(t, q, axis=1, method=m),
                lambda t, peer=peer, m=m: peer(t, torch.tensor(q), dim=1, interpolation=m),
                [data],
            )
            for m in methods
            for f, peer, data in (
                (np.quantile, torch.quantile, X),
                (np.nanquantile, torch.nanquantile, HOLES),
            )
        ),
        ("prod", lambda t: np.prod(t, axis=1), lambda t: torch.prod(t, 1), [zeros]),
        ("cumprod", lambda t: np.cumprod(t, axis=1), lambda t: torch.cumprod(t, 1), [zeros]),
        ("cumsum", lambda t: np.cumsum(t, axis=0), lambda t: torch.cumsum(t, 0), [X]),
        ("var", lambda t: np.var(t, axis=0, ddof=1), lambda t: torch.var(t, 0), [X]),
        ("std", lambda t: np.std(t, axis=0, ddof=1), lambda t: torch.std(t, 0), [X]),
        ("complex var", lambda t: np.var(t, axis=0, ddof=1), lambda t: torch.var(t, 0), [Z]),
        ("amax", lambda t: np.max(t, axis=0), lambda t: torch.amax(t, 0), [np.round(X)]),
        ("nansum", lambda t: np.nansum(t, axis=0), lambda t: torch.nansum(t, 0), [HOLES]),
        ("nanmean", lambda t: np.nanmean(t, axis=0), lambda t: torch.nanmean(t, 0), [HOLES]),
        ("cov", np.cov, torch.cov, [X]),
        ("complex cov", np.cov, torch.cov, [Z]),
        ("weighted cov", lambda t, w: np.cov(t, aweights=w),
         lambda t, w: torch.cov(t, aweights=w), [X, W]),
        ("corrcoef", np.corrcoef, torch.corrcoef, [X]),
        ("diff", lambda t, a: np.diff(t, 2, 0, append=a),
         lambda t, a: torch.diff(t, 2, 0, append=a), [X, X[:1] ** 2]),
        ("trapezoid", lambda y, x: np.trapezoid(y, x), torch.trapezoid, [X, x]),
        *(
            ("gradient", lambda t, k=k: np.gradient(t, x, axis=1, edge_order=k),
             lambda t, k=k: torch.gradient(
                 t, spacing=(torch.tensor(x),), dim=1, edge_order=k)[0], [X])
            for k in (1, 2)
        ),
    ]  # fmt: skip


def test_gradients_of_both_orders_equal_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    for name, ours, theirs, arrays in opinions(torch):
        places = tuple(range(len(arrays)))
        weights = [rng.normal(size=a.shape) for a in arrays]
        u = rng.normal(size=np.shape(ours(*arrays)))

        def value(*xs: Any, f: Any = ours, u: Any = u) -> Any:
            y = f(*xs)
            return ag.sum(ag.real(y * y) * u) if y.dtype.kind == "c" else ag.sum(y * y * u)

        def along(*xs: Any, value: Any = value, weights: Any = weights) -> Any:
            found = ag.grad(value, places)(*xs)  # noqa: B023
            return sum(ag.real(ag.sum(ag.conjugate(g) * w)) if g.dtype.kind == "c"
                       else ag.sum(g * w) for g, w in zip(found, weights, strict=True))  # fmt: skip

        first, twice = ag.grad(value, places)(*arrays), ag.grad(along, places)(*arrays)
        ts = [torch.tensor(a, requires_grad=True) for a in arrays]
        y = theirs(*ts)
        total = (torch.real(y * y) * torch.tensor(u)).sum()
        expected = torch.autograd.grad(total, ts, create_graph=True)
        slope = sum(torch.real(torch.sum(torch.conj(g) * torch.tensor(w)))
                    for g, w in zip(expected, weights, strict=True))  # fmt: skip
        again = torch.autograd.grad(slope, ts)
        for a, b in zip((*first, *twice), (*expected, *again), strict=True):
            np.testing.assert_allclose(a, b.detach().numpy(), rtol=1e-9, atol=1e-10, err_msg=name)


# --- at the limits of a format ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "scale", "expected"),
    [
        (np.prod, np.array([200.0, 200.0], "e"), 8, [1600.0, 1600.0]),
        (np.prod, np.array([1e200, 1e100]), 1e20, [1e120, 1e220]),
        (np.prod, np.array([1e-22, 1.2345e-22], "f"), 1, [1.2345e-22, 1e-22]),
        (np.nanprod, np.array([1e200, NAN, 1e100]), 1e20, [1e120, 0.0, 1e220]),
        (np.cumprod, np.array([200.0, 200.0], "e"), 8, [1600.0, 1600.0]),
        (np.cumprod, np.array([1e200, 1e100]), 1e20, [1e120, 1e220]),
        (np.cumprod, np.array([1e-22, 1.2345e-22], "f"), 1, [1.2345e-22, 1e-22]),
        (np.cumprod, np.array([1e-150, 1.234567]), 1e-200, [1.234567e-200, 0.0]),
    ],
)
def test_products_keep_their_digits_at_the_ends_of_the_range(
    f: Any, x: Any, scale: float, expected: list[float]
) -> None:
    g = np.zeros(np.shape(f(x)), x.dtype)
    g.reshape(-1)[-1] = scale
    np.testing.assert_allclose(
        gradient(f, x, g=g), expected, rtol=2e-3 if x.itemsize == 2 else 1e-6
    )


@pytest.mark.parametrize("f", [np.sum, np.prod, np.nansum, np.nanprod])
def test_the_initial_number_changes_no_dtype(f: Any) -> None:
    t = ag.Tensor(np.ones(3, "f4"), requires_grad=True)
    assert f(t, initial=np.float64(2.0)).dtype == np.float32
    with pytest.raises(ValueError, match="must be a number"):
        f(t, initial=[3.0, 1.0])
    with pytest.raises(TypeError, match="must be real"):
        f(t, initial=2j)


@pytest.mark.parametrize("order", [0, -1, 3])
def test_gradient_refuses_other_edge_orders(order: int) -> None:
    with pytest.raises(ValueError, match="edge_order must be 1 or 2"):
        np.gradient(ag.Tensor(X, requires_grad=True), edge_order=order)


def test_the_weights_of_infinities_are_equal() -> None:
    def first(f: Any, x: Any, g: Any = None) -> Any:
        return gradient(f, np.array(x), g=g)

    np.testing.assert_array_equal(first(ag.logsumexp, [INF, 0.0], 1.0), [1.0, 0.0])
    np.testing.assert_array_equal(first(ag.logsumexp, [INF, INF], 1.0), [0.5, 0.5])
    np.testing.assert_array_equal(ag.softmax(np.array([INF, -INF, INF])), [0.5, 0.0, 0.5])
    np.testing.assert_array_equal(ag.log_softmax(np.array([INF, 1.0])), [0.0, -INF])
    np.testing.assert_array_equal(first(ag.softmax, [INF, 0.0]), [0.0, 0.0])
    second = ag.grad(lambda x: ag.sum(ag.grad(ag.logsumexp)(x) * np.array([1.0, 2.0])))
    np.testing.assert_array_equal(second(np.array([INF, 0.0])), [0.0, 0.0])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, bool])
def test_softmax_of_integers_does_not_wrap_around(dtype: Any) -> None:
    x = np.array([-128, 127], np.int8).astype(dtype)
    np.testing.assert_allclose(ag.softmax(x), ag.softmax(x.astype(float)))
    assert ag.softmax(x).dtype == np.float64


@pytest.mark.filterwarnings("ignore:invalid value encountered in (accumulate|reduce)")
def test_a_slice_without_a_gradient_keeps_none() -> None:
    rows = np.array([[INF, 0.0, NAN], [2.0, 3.0, 1.0]])
    g = np.array([0.0, 1.0])
    np.testing.assert_array_equal(
        gradient(lambda t: np.prod(t, axis=1), rows, g=g), [[0, 0, 0], [3, 2, 6]]
    )
    np.testing.assert_array_equal(
        gradient(np.cumprod, np.array([1.0, INF, 0.0]), g=np.array([1.0, 0.0, 0.0])), [1, 0, 0]
    )
    for f in (ag.softmax, ag.log_softmax):
        u = np.array([[0.0, 0.0, 0.0], [1.0, 2.0, -1.0]])
        np.testing.assert_array_equal(
            gradient(f, rows, g=u), [[0, 0, 0], gradient(f, rows[1], g=u[1])]
        )
    np.testing.assert_allclose(
        gradient(lambda t: ag.logsumexp(t, axis=1), rows, g=g), [[0, 0, 0], ag.softmax(rows[1])]
    )


def test_weights_of_quantiles_may_be_a_list() -> None:
    def f(t: Any) -> Any:
        return np.quantile(t, 0.3, weights=[1.0, 2.0, 3.0], method="inverted_cdf")

    np.testing.assert_array_equal(gradient(f, np.array([1.0, 2.0, 3.0]), g=1.0), [0.0, 1.0, 0.0])


@pytest.mark.parametrize(
    ("f", "x", "params"),
    [
        (np.var, [1.0, 2.0], {"ddof": 2}),
        (np.var, [1.0, 2.0], {"ddof": 3}),
        (np.var, [], {}),
        (np.std, np.ones((0, 2)), {"axis": 0}),
        (np.var, [1.0, 2.0], {"ddof": 1, "where": [True, False]}),
        (np.nanvar, [3.0, 1.0], {"ddof": 2}),
        (np.nanvar, [NAN, 1.0], {"correction": 1}),
        (np.nanstd, [[NAN, NAN], [1.0, 2.0]], {"axis": 1}),
        (np.nanvar, [], {}),
    ],
)
def test_variances_without_degrees_of_freedom_warn_as_numpys(f: Any, x: Any, params: Any) -> None:
    def heard(x: Any) -> Any:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            value = f(x, **params)
        return value, [str(w.message).rstrip(".") for w in caught]

    expected, said = heard(np.array(x))
    value, found = heard(ag.Tensor(np.array(x), requires_grad=True))
    np.testing.assert_array_equal(value.detach().numpy(), expected)
    assert found == said
