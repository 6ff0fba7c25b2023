"""Samples of elementwise ops that need more than their domain."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from autograd_core.registry import Domain

from .base import FACTS, Case, Draw, axis_of, numbers, one, sample_for, shapes

FACTS |= {
    "numpy.gcd": (np.array([4, 6]), np.array([6, 9])),
    "numpy.lcm": (np.array([4, 6]), np.array([6, 9])),
    "numpy.isnat": (np.array(["2020-01-01", "NaT"], "datetime64[D]"),),
}


@sample_for("numpy.remainder", "numpy.fmod", "numpy.divmod")
def remainder(draw: Draw) -> Case:
    """Away from the jumps at whole multiples of the divisor."""
    y = numbers(draw, shapes(draw), Domain(0.0, math.inf, 1.0))
    whole = draw(st.integers(-3, 3))
    x = y * (whole + 0.5 + numbers(draw, (), Domain(-0.4, 0.4, 0.0)))
    return Case((np.asarray(x), np.asarray(y)), lambda f, *xs: f(*xs), f"{x.shape}")


@sample_for("numpy.clip")
def clip(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw))
    low, high = draw(st.sampled_from([(-0.5, 0.7), (None, 0.3), (0.1, None)]))
    if draw(st.booleans()) and low is not None and high is not None:
        bounds = (np.full(x.shape[-1:], low), np.full((), high))
        return Case((x, *bounds), lambda f, *xs: f(*xs), f"{x.shape}, arrays as bounds")
    return one(x, low, high)


@sample_for("autograd_core.ops.activations.leaky_relu")
def leaky_relu(draw: Draw) -> Case:
    return one(numbers(draw, shapes(draw)), slope=draw(st.sampled_from([0.01, 0.3, -0.2])))


@sample_for("autograd_core.ops.activations.elu")
def elu(draw: Draw) -> Case:
    return one(numbers(draw, shapes(draw)), alpha=draw(st.sampled_from([1.0, 0.3])))


@sample_for("autograd_core.ops.activations.gelu")
def gelu(draw: Draw) -> Case:
    return one(numbers(draw, shapes(draw)), approximate=draw(st.sampled_from(["none", "tanh"])))


# --- complex numbers ----------------------------------------------------------------------------


def in_the_plane(draw: Draw, *args: Any, **kwargs: Any) -> Case:
    """A function whose derivative is no multiple of its operand's, of x + iy."""
    shape = shapes(draw)
    x, y = numbers(draw, shape), numbers(draw, shape, salt=1)
    return Case((x, y), lambda f, x, y: f(x + y * 1j, *args, **kwargs), f"{shape}, {args} {kwargs}")


@sample_for("numpy.sign", "numpy.real", "numpy.imag")
def of_complex(draw: Draw) -> Case:
    return in_the_plane(draw)


@sample_for("numpy.angle")
def angle(draw: Draw) -> Case:
    return in_the_plane(draw, draw(st.booleans()))


@sample_for("numpy.real_if_close")
def real_if_close(draw: Draw) -> Case:
    if draw(st.booleans()):
        return in_the_plane(draw)
    return one(numbers(draw, shapes(draw)), tol=draw(st.sampled_from([100, 1000])))


# --- rounding and the parts of a number -----------------------------------------------------------


@sample_for("numpy.modf")
def modf(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw), Domain(0.0, 1.0, 0.5))
    return one(np.asarray(x + draw(st.integers(0, 2)) if draw(st.booleans()) else -x))


@sample_for("numpy.frexp")
def frexp(draw: Draw) -> Case:
    """Between powers of two; the exponent is no output to differentiate."""
    mantissa = (1.0 + numbers(draw, shapes(draw), Domain(0.0, 1.0, 0.5))) * draw(
        st.sampled_from([-1, 1])
    )
    x = np.asarray(mantissa * 2.0 ** draw(st.integers(-3, 3)))
    return Case((x,), lambda f, t: f(t)[0], f"{x.shape}")


@sample_for("numpy.ldexp")
def ldexp(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    powers = np.array([draw(st.integers(-3, 3)) for _ in range(x.shape[-1])])
    return one(x, powers if draw(st.booleans()) else 2)


@sample_for("numpy.unwrap")
def unwrap(draw: Draw) -> Case:
    """Steps that are no half turns, where the unwrapped phase jumps."""
    shape = shapes(draw, min_dims=1)
    axis = axis_of(draw, len(shape), several=False) or 0
    period = draw(st.sampled_from([2.0 * math.pi, 3.0]))
    steps = numbers(draw, shape, Domain(-0.4, 0.4, 0.0)) + draw(st.integers(-2, 2))
    discont = draw(st.sampled_from([None, 1.5 * period]))
    return one(np.cumsum(period * steps, axis), discont=discont, axis=axis, period=period)


@sample_for("numpy.nextafter")
def nextafter(draw: Draw) -> Case:
    return one(numbers(draw, shapes(draw)), draw(st.sampled_from([-math.inf, math.inf])))
