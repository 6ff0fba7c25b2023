"""Samples of ops that slide along an axis, and of polynomials."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from .base import Case, Draw, numbers, one, sample_for

_WINDOWS = [
    ((5,), 2, None), ((5,), (4,), 0), ((3, 4), (2, 3), None), ((3, 4), 2, 1), ((3, 4), (2,), (-2,)),
    ((4, 3, 2), (2, 2), (0, 2)), ((6,), (2, 3), (0, 0)), ((3, 2), (1, 1), (1, 0)),
]  # fmt: skip


@sample_for("numpy.lib.stride_tricks.sliding_window_view")
def sliding_window_view(draw: Draw) -> Case:
    shape, window, axis = draw(st.sampled_from(_WINDOWS))
    return one(numbers(draw, shape), window, axis)


@sample_for("autograd_core.ops.windows.overlap_add")
def overlap_add(draw: Draw) -> Case:
    shape, widths, axes = draw(
        st.sampled_from(
            [((4, 2), (2,), (0,)), ((2, 3, 4), (3, 4), (1, 0)), ((2, 3, 2), (2,), (1,))]
        )
    )
    if len(widths) == 2:
        shape = (2, 3, 3, 4)
    return one(numbers(draw, shape), widths=widths, axes=axes)


@sample_for("numpy.convolve")
def convolve(draw: Draw) -> Case:
    case = correlate(draw)
    x = np.asarray(case.arrays[1][0])
    return case if draw(st.integers(0, 4)) else case._replace(arrays=(case.arrays[0], x))


@sample_for("numpy.correlate")
def correlate(draw: Draw) -> Case:
    n, m = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    mode = draw(st.sampled_from(["full", "same", "valid"]))
    a, v = numbers(draw, (n,)), numbers(draw, (m,), salt=1)
    return Case((a, v), lambda f, *xs: f(*xs, mode), f"{n}, {m}, {mode}")


@sample_for("numpy.interp")
def interp(draw: Draw) -> Case:
    n = draw(st.integers(1, 5))
    x = numbers(draw, draw(st.sampled_from([(), (4,), (2, 3)])))
    # Further apart than any step of finite differences, and never where an x is.
    xp = np.sort(numbers(draw, (n,), salt=1))
    fp = numbers(draw, (n,), salt=2)
    given = draw(st.sampled_from([{}, {"left": 0.5}, {"right": -1.0}, {"period": 4.5}]))
    if given.get("period"):
        xp = xp[np.random.default_rng(n).permutation(n)]

    def call(f: Any, x: Any, xp: Any, fp: Any) -> Any:
        return f(real(x), real(xp), fp, **given)

    return Case((x, xp, fp), call, f"{x.shape}, {n} knots, {given}")


def real(x: Any) -> Any:
    """``x``, or its real part: what cannot be complex."""
    return np.real(x) if x.dtype.kind == "c" else x


@sample_for("numpy.polyval")
def polyval(draw: Draw) -> Case:
    p, x = numbers(draw, (draw(st.integers(1, 4)),)), numbers(draw, (2, 2), salt=1)
    return Case((p, x), lambda f, *xs: f(*xs), f"{p.shape}")


@sample_for("numpy.vander")
def vander(draw: Draw) -> Case:
    count = draw(st.sampled_from([None, 0, 1, 4]))
    return one(numbers(draw, (3,)), count, increasing=draw(st.booleans()))


@sample_for("numpy.polyadd", "numpy.polysub", "numpy.polymul")
def polynomials(draw: Draw) -> Case:
    shapes = draw(st.sampled_from([((3,), (2,)), ((2,), (4,)), ((3,), (3,)), ((), (2,))]))
    p, q = (numbers(draw, shape, salt=i) for i, shape in enumerate(shapes))
    return Case((p, q), lambda f, *xs: f(*xs), f"{shapes}")


@sample_for("numpy.polydiv")
def polydiv(draw: Draw) -> Case:
    n, m = draw(st.sampled_from([(3, 2), (5, 2), (3, 3), (2, 1)]))
    p, q = numbers(draw, (n,)), numbers(draw, (m,), salt=1)
    # It divides by the leading coefficient.
    return Case((p, q + 3.0 * np.sign(q)), lambda f, *xs: f(*xs), f"{n}, {m}")


@sample_for("numpy.polyder")
def polyder(draw: Draw) -> Case:
    return one(numbers(draw, (5,)), draw(st.integers(0, 3)))


@sample_for("numpy.polyint")
def polyint(draw: Draw) -> Case:
    p, k = numbers(draw, (3,)), numbers(draw, (2,), salt=1)
    m = draw(st.integers(1, 2))
    if draw(st.booleans()):
        return one(p, m)
    return Case((p, k), lambda f, t, c: f(t, m, c), f"{m} times")


@sample_for("numpy.poly")
def poly(draw: Draw) -> Case:
    return one(numbers(draw, draw(st.sampled_from([(3,), (1,), (2, 2)]))))


@sample_for("numpy.roots")
def roots(draw: Draw) -> Case:
    # Well apart: two that meet have no derivative.
    zeros = np.arange(1.0, 4.0) + 0.08 * numbers(draw, (3,))
    return one(1.5 * np.poly(zeros))


@sample_for("numpy.polyfit")
def polyfit(draw: Draw) -> Case:
    x, y = np.sort(numbers(draw, (6,))), numbers(draw, draw(st.sampled_from([(6,), (6, 2)])))
    w = numbers(draw, (6,), salt=1) + 3.0
    deg = draw(st.integers(0, 2))
    if draw(st.booleans()):
        return Case((x, y), lambda f, *xs: f(*xs, deg), f"degree {deg}")
    return Case((x, y, w), lambda f, t, u, v: f(t, u, deg, w=v), f"degree {deg}, weights")


@sample_for("numpy.apply_along_axis")
def apply_along_axis(draw: Draw) -> Case:
    x = numbers(draw, (2, 3, 4))
    axis = draw(st.integers(-3, 2))
    function = draw(
        st.sampled_from(
            [np.sum, np.flip, lambda row: row * row, lambda row: row[:2, None] * row[None, 1:]]
        )
    )
    return Case((x,), lambda f, t: f(function, axis, t), f"axis {axis}")


@sample_for("numpy.apply_over_axes")
def apply_over_axes(draw: Draw) -> Case:
    x = numbers(draw, (2, 3, 4))
    axes = draw(st.sampled_from([0, [0, 2], (1, -1)]))
    return Case((x,), lambda f, t: f(np.sum, t, axes), f"axes {axes}")
