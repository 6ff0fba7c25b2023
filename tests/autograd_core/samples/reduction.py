"""Samples of reductions and of the activations that reduce."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from .base import Case, Draw, axis_of, numbers, one, sample_for, shapes


def mask_of(draw: Draw, x: np.ndarray, axis: Any = None) -> np.ndarray:
    """A mask that broadcasts against ``x`` and picks something in every row along ``axis``."""
    mask = draw(hnp.arrays(bool, x.shape[draw(st.integers(0, x.ndim)) :]))
    if not np.all(np.any(np.broadcast_to(mask, x.shape), axis=axis)):
        return np.ones_like(mask)
    return mask


def with_nans(draw: Draw, x: np.ndarray, axis: Any = None) -> Any:
    """A function that puts NaN in some places of an array like ``x``, not in a whole row."""
    mask = np.broadcast_to(mask_of(draw, x, axis), x.shape)
    return lambda t: np.where(mask, t, np.nan)


@sample_for("numpy.ptp")
def reduction(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=draw(st.sampled_from([0, 1, 2]))))
    return one(x, axis=axis_of(draw, x.ndim), keepdims=draw(st.booleans()))


@sample_for("numpy.sum", "numpy.mean", "numpy.nansum", "numpy.nanmean")
def masked_sum(draw: Draw) -> Case:
    x, axis, params = parameters(draw)
    if draw(st.booleans()):
        params["where"] = mask_of(draw, x, axis)
    fill = with_nans(draw, x, axis) if "where" not in params else lambda t: t
    return Case(
        (x,),
        lambda f, t: f(fill(t) if is_nan_function(f) else t, **params),
        f"{x.shape}, {params}",
    )


@sample_for("numpy.max", "numpy.min", "numpy.amax", "numpy.amin", "numpy.nanmax", "numpy.nanmin")
def extremum(draw: Draw) -> Case:
    x, axis, params = parameters(draw)
    if draw(st.booleans()):
        params["initial"] = draw(st.sampled_from([-0.7, 0.7]))
        params["where"] = mask_of(draw, x, axis)
    fill = with_nans(draw, x, axis) if "where" not in params else lambda t: t
    return Case(
        (x,),
        lambda f, t: f(fill(t) if is_nan_function(f) else t, **params),
        f"{x.shape}, {params}",
    )


def parameters(draw: Draw, min_side: int = 1) -> tuple[np.ndarray, Any, dict[str, Any]]:
    """An array, an axis, and this axis with ``keepdims`` as the parameters of a call."""
    x = numbers(draw, shapes(draw, min_dims=draw(st.sampled_from([1, 0, 2])), min_side=min_side))
    axis = axis_of(draw, x.ndim)
    return x, axis, {"axis": axis, "keepdims": draw(st.booleans())}


def is_nan_function(f: Any) -> bool:
    """Whether ``f`` overlooks NaN, by its name."""
    return f.__name__.startswith("nan")


@sample_for("numpy.var", "numpy.std", "numpy.nanvar", "numpy.nanstd")
def variance(draw: Draw) -> Case:
    x, axis, params = parameters(draw)
    if draw(st.booleans()):
        params["where"] = mask_of(draw, x, axis)
    how = draw(st.sampled_from(["plain", "half", "mean"]))
    if how == "half":
        params[draw(st.sampled_from(["ddof", "correction"]))] = 0.5
    fill = with_nans(draw, x, axis) if "where" not in params else lambda t: t

    def prepared(f: Any, t: Any) -> Any:
        return fill(t) if is_nan_function(f) else t

    if how == "mean":
        # About another point than the mean, which is an operand too.
        m = np.asarray(3.0 + numbers(draw, np.sum(x, axis=axis, keepdims=True).shape))

        def about(f: Any, t: Any, m: Any) -> Any:
            m = m if t.dtype.kind == "c" else np.real(m)
            return f(prepared(f, t), mean=m, **params)

        return Case((x, m), about, f"{x.shape}, {params}, mean=")
    return Case((x,), lambda f, t: f(prepared(f, t), **params), f"{x.shape}, {params}")


@sample_for("numpy.prod")
def product(draw: Draw) -> Case:
    x, _, params = parameters(draw)
    return one(with_zeros(draw, x), **params)


def with_zeros(draw: Draw, x: np.ndarray) -> np.ndarray:
    if not draw(st.booleans()):
        return x
    zeros = draw(hnp.arrays(bool, x.shape, elements=st.sampled_from([False, False, True])))
    return np.where(zeros, 0.0, x)


@sample_for("numpy.nanprod")
def masked_product(draw: Draw) -> Case:
    x, axis, params = parameters(draw)
    if draw(st.booleans()):
        params["where"] = mask_of(draw, x, axis)
        params["initial"] = 1.5
    fill = with_nans(draw, x, axis)
    return Case((with_zeros(draw, x),), lambda f, t: f(fill(t), **params), f"{x.shape}, {params}")


_ACTIVATIONS = "autograd_core.ops.activations"


@sample_for(f"{_ACTIVATIONS}.logsumexp")
def log_sum_exp(draw: Draw) -> Case:
    return reduction(draw)


@sample_for(f"{_ACTIVATIONS}.softmax", f"{_ACTIVATIONS}.log_softmax")
def soft(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    return one(x, axis=axis_of(draw, x.ndim))


@sample_for("numpy.cumsum", "numpy.cumprod", "numpy.nancumsum", "numpy.nancumprod")
def cumulative(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=draw(st.sampled_from([0, 1, 2]))))
    fill = with_nans(draw, x)
    axis = axis_of(draw, x.ndim, several=False)
    return Case(
        (with_zeros(draw, x),),
        lambda f, t: f(fill(t) if is_nan_function(f) else t, axis=axis),
        f"{x.shape}, axis {axis}",
    )


@sample_for("numpy.cumulative_sum", "numpy.cumulative_prod")
def from_the_start(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    axis = None if x.ndim == 1 and draw(st.booleans()) else draw(st.integers(-x.ndim, x.ndim - 1))
    return one(x, axis=axis, include_initial=draw(st.booleans()))
