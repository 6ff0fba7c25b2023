"""Samples of statistics: order statistics, averages, covariances, differences, integrals."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from .base import FACTS, Case, Draw, axis_of, numbers, one, sample_for, shapes
from .reduction import is_nan_function, parameters, with_nans

METHODS = [
    "linear", "linear", "linear", "inverted_cdf", "averaged_inverted_cdf", "closest_observation",
    "interpolated_inverted_cdf", "hazen", "weibull", "median_unbiased", "normal_unbiased", "lower",
    "higher", "midpoint", "nearest",
]  # fmt: skip


@sample_for("numpy.median", "numpy.nanmedian")
def median(draw: Draw) -> Case:
    x, axis, params = parameters(draw)
    fill = with_nans(draw, x, axis)
    return Case(
        (x,),
        lambda f, t: f(fill(t) if is_nan_function(f) else t, **params),
        f"{x.shape}, {params}",
    )


LEVELS = (0.13, 0.21, 0.37, 0.46, 0.68, 0.77, 0.91)


@functools.cache
def _smooth(n: int, q: float, method: str) -> bool:
    """Whether the place of ``q`` among ``n`` elements moves smoothly near it."""
    near = [float(np.quantile(np.arange(float(n)), q + d, method=method)) for d in (-0.01, 0, 0.01)]
    straight = abs(near[0] - 2 * near[1] + near[2]) < 1e-9
    return straight and (near[0] == near[2] or math.floor(near[0]) == math.floor(near[2]))


@sample_for("numpy.quantile", "numpy.percentile", "numpy.nanquantile", "numpy.nanpercentile")
def quantile(draw: Draw) -> Case:
    x, axis, params = parameters(draw, min_side=draw(st.sampled_from([2, 1])))
    params["method"] = method = draw(st.sampled_from(METHODS))
    mask = np.isfinite(with_nans(draw, x, axis)(x))
    # How many elements a row has, with those that are NaN and without.
    counts = {int(n) for kept in (mask, np.ones_like(mask)) for n in np.ravel(kept.sum(axis=axis))}
    levels = [q for q in LEVELS if all(_smooth(n, q, method) for n in counts)]
    several = draw(st.booleans())
    q = np.array(draw(st.permutations(levels or [0.5]))[: 2 if several else 1])

    def call(f: Any, t: Any, q: Any) -> Any:
        q = q * 100.0 if "percentile" in f.__name__ else q
        return f(np.where(mask, t, np.nan) if is_nan_function(f) else t, q, **params)

    text = f"{x.shape}, {q}, {params}"
    if levels and not draw(st.booleans()):
        return Case((x, q if several else np.asarray(q[0])), call, text)
    # A Python number leaves the dtype alone, as an array would not.
    level = q.astype(np.float16) if several else float(q[0])
    return Case((x,), lambda f, t: call(f, t, level), text)


@sample_for("numpy.average")
def average(draw: Draw) -> Case:
    x, axis, params = parameters(draw)
    params["returned"] = draw(st.booleans())
    how = draw(st.sampled_from(["none", "like", "along"]))
    if how == "none":
        return one(x, **params)
    shape = x.shape
    if how == "along" and axis is not None:
        shape = tuple(x.shape[i] for i in (axis if isinstance(axis, tuple) else (axis,)))
    w = np.asarray(3.0 + numbers(draw, shape))
    return Case((x, w), lambda f, t, w: f(t, weights=w, **params), f"{x.shape}, {params}")


def variables(draw: Draw) -> tuple[tuple[np.ndarray, ...], int, dict[str, Any]]:
    """One array of observations or two, how many there are, and where the variables are."""
    rows, columns = draw(st.integers(1, 3)), draw(st.integers(3, 4))
    rowvar = draw(st.booleans())
    x = numbers(draw, (rows, columns) if rows > 1 or not rowvar else (columns,), salt=1)
    arrays = (x if rowvar else x.T.copy(),)
    if draw(st.booleans()):
        arrays = (*arrays, numbers(draw, (columns,), salt=2))
    return arrays, columns, {"rowvar": rowvar}


def narrow(y: Any, *xs: Any) -> Any:
    """Give ``y``, which is in double precision always, the dtype of the operands."""
    return y.astype(np.result_type(*(x.dtype for x in xs)))


@sample_for("numpy.corrcoef")
def correlation(draw: Draw) -> Case:
    arrays, _, params = variables(draw)
    return Case(arrays, lambda f, *xs: narrow(f(*xs, **params), *xs), f"{params}")


@sample_for("numpy.cov")
def covariance(draw: Draw) -> Case:
    arrays, columns, params = variables(draw)
    if draw(st.booleans()):
        params["bias"] = draw(st.booleans())
        params["fweights"] = draw(st.permutations(range(1, columns + 1)))
    k = len(arrays)
    if draw(st.booleans()):
        arrays = (*arrays, 3.0 + numbers(draw, (columns,)))

    def call(f: Any, *xs: Any) -> Any:
        weights = {"aweights": np.real(xs[k])} if len(xs) > k else {}
        return narrow(f(*xs[:k], **params, **weights), *xs[:k])

    return Case(arrays, call, f"{arrays[0].shape}, {params}, {len(arrays)} arrays")


@sample_for("numpy.diff")
def diff(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    n = draw(st.integers(0, 3))
    names = draw(st.sampled_from([(), ("prepend",), ("append",), ("prepend", "append")][: n + 1]))
    ends = []
    for salt, _ in enumerate(names, 1):
        shape = list(x.shape)
        shape[axis] = draw(st.integers(1, 2))
        ends.append(numbers(draw, tuple(shape) if draw(st.booleans()) else (), salt=salt))

    def call(f: Any, t: Any, *ends: Any) -> Any:
        return f(t, n=n, axis=axis, **dict(zip(names, ends, strict=True)))

    return Case((x, *ends), call, f"{x.shape}, n {n}, axis {axis}, {names}")


@sample_for("numpy.ediff1d")
def ediff1d(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw))
    names = draw(st.sampled_from([(), ("to_end",), ("to_begin",), ("to_end", "to_begin")]))
    ends = [numbers(draw, draw(st.sampled_from([(), (2,)])), salt=i) for i, _ in enumerate(names)]
    return Case(
        (x, *ends), lambda f, t, *e: f(t, **dict(zip(names, e, strict=True))), f"{x.shape}, {names}"
    )


@sample_for("numpy.gradient")
def gradient(draw: Draw) -> Case:
    shape = tuple(draw(st.integers(3, 4)) for _ in range(draw(st.integers(1, 3))))
    x = numbers(draw, shape)
    axis = axis_of(draw, x.ndim)
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    how = draw(st.sampled_from(["none", "one", "each"]))
    spacings: list[np.ndarray] = []
    if how == "one":
        spacings = [np.asarray(0.7)]
    elif how == "each":
        for i in axes:
            steps = 3.0 + numbers(draw, (shape[i],))
            spacings.append(np.cumsum(steps) if draw(st.booleans()) else np.asarray(steps[0]))
    edge_order = draw(st.integers(1, 2))

    def call(f: Any, t: Any, *steps: Any) -> Any:
        steps = tuple(h if t.dtype.kind == "c" else np.real(h) for h in steps)
        return f(t, *steps, axis=axis, edge_order=edge_order)

    return Case((x, *spacings), call, f"{shape}, axis {axis}, {how}, edge_order {edge_order}")


@sample_for("numpy.trapezoid")
def trapezoid(draw: Draw) -> Case:
    y = numbers(draw, shapes(draw, min_dims=1))
    axis = draw(st.integers(-y.ndim, y.ndim - 1))
    how = draw(st.sampled_from(["dx", "line", "like"]))
    if how == "dx":
        return Case((y, np.asarray(0.7)), lambda f, y, h: f(y, dx=h, axis=axis), f"{y.shape}")
    x = numbers(draw, y.shape if how == "like" else (y.shape[axis],), salt=1)
    return Case((y, x), lambda f, y, x: f(y, x, axis=axis), f"{y.shape}, {how}, axis {axis}")


@sample_for("numpy.bincount")
def bincount(draw: Draw) -> Case:
    bins = np.array(draw(st.lists(st.integers(0, 4), min_size=1, max_size=6)))
    w = numbers(draw, bins.shape)
    minlength = draw(st.sampled_from([0, 7]))

    def call(f: Any, w: Any) -> Any:
        total = f(bins, w, minlength=minlength)
        return total if w.dtype == float else total.astype(w.dtype)  # it is float64 always

    return Case((w,), call, f"{bins}, minlength {minlength}")


FACTS |= {"numpy.histogram2d": (np.array([0.5, 1.5, 2.5]), np.array([0.1, 0.2, 0.7]))}
