"""Samples of ops that other packages declare."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograd_core.registry import Domain

from .base import Case, Draw, numbers, one, sample_for, shapes


@sample_for("nn.affine")
def affine(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    outputs = draw(st.integers(1, 3))
    weight, bias = numbers(draw, (x.shape[-1], outputs)), numbers(draw, (outputs,))
    text = f"{x.shape} {weight.shape}"
    return Case((x, weight, bias), lambda f, x, weight, bias: f(x, weight, bias), text)


@sample_for("nn.losses.cross_entropy")
def cross_entropy(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    labels = draw(hnp.arrays(np.int64, x.shape[:-1], elements=st.integers(0, x.shape[-1] - 1)))
    reduction = draw(st.sampled_from(["mean", "sum", "none"]))
    return one(x, labels, reduction=reduction)


def over(draw: Draw) -> float | None:
    """What a loss is divided by: None where it is not summed."""
    return draw(st.sampled_from([None, 1, 3.0]))


@sample_for(*(f"nn.losses.{name}_error" for name in ("squared", "absolute", "huber")))
def errors(draw: Draw) -> Case:
    shape = shapes(draw)
    arrays = numbers(draw, shape), numbers(draw, shape, salt=1)
    # A kink of Huber's loss where no difference lies.
    apart = np.sort(np.abs(arrays[0] - arrays[1]).ravel())
    steps = np.diff(apart, prepend=0.0, append=apart[-1] + 1.0)
    k = int(np.argmax(steps))
    delta = float((apart[k - 1] if k else 0.0) + steps[k] / 2)
    params = {"over": over(draw), "delta": delta}
    return Case(arrays, lambda f, x, y: f(x, y, **params), f"{shape}, {params}")


@sample_for("nn.losses.binary_cross_entropy")
def binary_cross_entropy(draw: Draw) -> Case:
    shape = shapes(draw)
    arrays = numbers(draw, shape), numbers(draw, shape, Domain(0.0, 1.0, 0.5), salt=1)
    divisor = over(draw)
    return Case(arrays, lambda f, a, t: f(a, t, over=divisor), f"{shape}, {divisor}")


@sample_for("nn.losses.soft_cross_entropy")
def soft_cross_entropy(draw: Draw) -> Case:
    shape = shapes(draw, min_dims=1)
    arrays = numbers(draw, shape), numbers(draw, shape, Domain(0.0, 1.0, 0.5), salt=1)
    divisor = over(draw)
    return Case(arrays, lambda f, a, p: f(a, p, over=divisor), f"{shape}, {divisor}")


@sample_for("nn.penalties.sum_of_squares")
def sum_of_squares(draw: Draw) -> Case:
    return one(numbers(draw, shapes(draw)))


@sample_for("nn.affine_transposed")
def affine_transposed(draw: Draw) -> Case:
    # More outputs than four times the rows, and less.
    h, outputs = numbers(draw, shapes(draw, min_dims=1)), draw(st.integers(1, 9))
    weight, bias = numbers(draw, (outputs, h.shape[-1]), salt=1), numbers(draw, (outputs,))
    text = f"{h.shape} {weight.shape}"
    return Case((h, weight, bias), lambda f, h, weight, bias: f(h, weight, bias), text)


@sample_for("nn.normalise")
def normalise(draw: Draw) -> Case:
    """Over all axes but the last, or over the last; what is normalised, and its statistics."""
    x = numbers(draw, shapes(draw, min_dims=1, min_side=2))
    gain, shift = (numbers(draw, x.shape[-1:], salt=i) for i in (1, 2))
    batch = draw(st.booleans()) and x.ndim > 1
    axes = tuple(range(x.ndim - 1)) if batch else (x.ndim - 1,)
    options = {"axes": axes, "eps": draw(st.sampled_from([1e-5, 0.1]))}
    text = f"{x.shape}, {options}"
    return Case((x, gain, shift), lambda f, *args: f(*args, **options), text)
