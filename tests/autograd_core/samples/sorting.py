"""Samples of ops that sort and of those that take arrays as sets."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from .base import FACTS, Case, Draw, numbers, one, sample_for, shapes

FACTS |= {
    "numpy.searchsorted": (np.array([0.1, 0.7]), np.array([[0.5, 1.5], [2.5, 0.25]])),
    "numpy.digitize": (np.array([[0.5, 1.5], [2.5, 0.25]]), np.array([0.1, 0.7])),
    "numpy.argpartition": (np.array([0.5, 1.5, 0.25]), 1),
}


def axis_or_none(draw: Draw, ndim: int) -> int | None:
    return draw(st.one_of(st.none(), st.integers(-ndim, ndim - 1)))


@sample_for("numpy.sort")
def sort(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    kinds = [{}, {"kind": "quicksort"}, {"kind": "mergesort"}, {"stable": True}]
    return one(x, axis=axis_or_none(draw, x.ndim), **draw(st.sampled_from(kinds)))


@sample_for("numpy.sort_complex")
def sort_complex(draw: Draw) -> Case:
    """In the dtype of the argument: real numbers become complex."""
    x = numbers(draw, shapes(draw, min_dims=1))

    def call(f: Any, t: Any) -> Any:
        return f(t) if t.dtype.kind == "c" else np.real(f(t)).astype(t.dtype)

    return Case((x,), call, f"{x.shape}")


@sample_for("numpy.partition")
def partition(draw: Draw) -> Case:
    x = numbers(draw, (*shapes(draw, max_dims=2), 5))
    axis = axis_or_none(draw, x.ndim)
    n = x.size if axis is None else x.shape[axis]
    kth = st.integers(-n, n - 1)
    return one(x, draw(st.one_of(kth, st.lists(kth, min_size=1, max_size=3))), axis=axis)


@sample_for("numpy.unique")
def unique(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    axis = axis_or_none(draw, x.ndim)
    flags = draw(st.tuples(st.booleans(), st.booleans(), st.booleans()))

    def call(f: Any, t: Any) -> Any:
        result = f(t, *flags, axis=axis)
        return result[0] if any(flags) else result

    return Case((x,), call, f"{x.shape}, {flags}, {axis}")


@sample_for("numpy.unique_values")
def unique_values(draw: Draw) -> Case:
    """Sorted: NumPy's order is arbitrary."""
    x = numbers(draw, shapes(draw))
    return Case((x,), lambda f, t: np.sort(f(t)), f"{x.shape}")


@sample_for("numpy.unique_all", "numpy.unique_counts", "numpy.unique_inverse")
def unique_facts(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw))
    return Case((x,), lambda f, t: f(t).values, f"{x.shape}")


@sample_for("numpy.union1d")
def union1d(draw: Draw) -> Case:
    x, y = numbers(draw, shapes(draw)), numbers(draw, shapes(draw), salt=1)
    return Case((x, y), lambda f, *xs: f(*xs), f"{x.shape}, {y.shape}")


@sample_for("numpy.intersect1d", "numpy.setdiff1d", "numpy.setxor1d")
def overlapping(draw: Draw) -> Case:
    """Of one array and a part of it, so that both stay equal when it is varied."""
    x = numbers(draw, (4,))
    unique = draw(st.booleans())
    part = draw(st.sampled_from([slice(1, 3), slice(None, None, -2), slice(0, 0)]))
    if draw(st.booleans()):
        return Case((x,), lambda f, t: f(t, t[part], unique), f"{part}")
    return Case((x,), lambda f, t: f(t[part], t, unique), f"{part}")


@sample_for("autograd_core.ops.sorting.distinct")
def distinct(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    axis = axis_or_none(draw, x.ndim)
    _, first, inverse = np.unique(x, True, True, axis=axis)
    return one(x, first=first, inverse=inverse.reshape(-1), axis=axis)
