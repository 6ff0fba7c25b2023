"""Samples of special functions that need more than their domain."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from autograd_core.registry import Domain

from .base import Case, Draw, axis_of, numbers, one, sample_for, shapes

_SPECIAL = "autograd_core.ops.special"


@sample_for(f"{_SPECIAL}.polygamma")
def polygamma(draw: Draw) -> Case:
    return one(numbers(draw, shapes(draw), Domain(0.5, math.inf, 1.0)), n=draw(st.integers(1, 3)))


@sample_for(f"{_SPECIAL}.logsumexp")
def weighted(draw: Draw) -> Case:
    a = numbers(draw, shapes(draw))
    shape = tuple(n if draw(st.booleans()) else 1 for n in a.shape)
    b = numbers(draw, shape[draw(st.integers(0, a.ndim)) :], Domain(0.0, math.inf, 1.0), salt=1)
    axis, keepdims = axis_of(draw, a.ndim), draw(st.booleans())
    return Case(
        (a, b),
        lambda f, *xs: f(*xs, axis=axis, keepdims=keepdims),
        f"{a.shape}, {b.shape}, {axis}, {keepdims}",
    )
