"""Samples of ops that move, join and split."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from .base import Case, Draw, axis_of, numbers, one, sample_for, shapes


@sample_for("numpy.reshape")
def reshape(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw))
    new = draw(st.sampled_from([(-1,), (x.size, 1), (1, x.size), x.shape[::-1]]))
    return one(x, new, order=draw(st.sampled_from("CF")))


@sample_for("numpy.ravel")
def ravel(draw: Draw) -> Case:
    return one(numbers(draw, shapes(draw)), order=draw(st.sampled_from("CF")))


@sample_for("numpy.transpose")
def transpose(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw))
    axes = draw(st.one_of(st.none(), st.permutations(range(x.ndim)).map(tuple)))
    return one(x, axes)


@sample_for("numpy.matrix_transpose")
def matrix_transpose(draw: Draw) -> Case:
    return one(numbers(draw, shapes(draw, min_dims=2)))


@sample_for("numpy.swapaxes", "numpy.moveaxis")
def two_axes(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    axis = st.integers(-x.ndim, x.ndim - 1)
    return one(x, draw(axis), draw(axis))


@sample_for("numpy.expand_dims")
def expand_dims(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw))
    axis = draw(st.one_of(st.integers(-x.ndim - 1, x.ndim), st.just((0, -1))))
    return one(x, axis)


@sample_for("numpy.squeeze")
def squeeze(draw: Draw) -> Case:
    x = numbers(draw, (1, *shapes(draw), 1))
    return one(x, axis=draw(st.sampled_from([None, 0, -1, (0, -1)])))


@sample_for("numpy.flip")
def flip(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    return one(x, axis=axis_of(draw, x.ndim))


@sample_for("numpy.broadcast_to")
def broadcast_to(draw: Draw) -> Case:
    shape = shapes(draw)
    x = numbers(draw, tuple(n if draw(st.booleans()) else 1 for n in shape))
    return one(x, (2, *shape))


@sample_for("numpy.concatenate")
def concatenate(draw: Draw) -> Case:
    shape = shapes(draw, min_dims=1)
    axis = axis_of(draw, len(shape), several=False)
    sides = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    arrays = []
    for n in sides:
        own = list(shape)
        own[0 if axis is None else axis] = n
        arrays.append(numbers(draw, tuple(own)))
    return Case(tuple(arrays), lambda f, *xs: f(xs, axis=axis), f"{sides}, axis {axis}")


@sample_for("numpy.stack")
def stack(draw: Draw) -> Case:
    shape = shapes(draw)
    axis = draw(st.integers(-len(shape) - 1, len(shape)))
    arrays = tuple(numbers(draw, shape) for _ in range(draw(st.integers(1, 3))))
    return Case(arrays, lambda f, *xs: f(list(xs), axis=axis), f"{shape}, axis {axis}")


@sample_for("numpy.split", "numpy.array_split")
def split(draw: Draw) -> Case:
    x = numbers(draw, (6, *shapes(draw, max_dims=1)))
    sections = draw(st.sampled_from([1, 2, 3, [2], [1, 4], [0, 6]]))
    axis = draw(st.sampled_from([0, -x.ndim]))
    return one(x, sections, axis=axis)


@sample_for("autograd_core.ops.shape.astype", "numpy.astype")
def cast(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw))
    return Case((x,), lambda f, t: f(t, t.dtype), f"{x.shape}")


@sample_for("numpy.atleast_1d", "numpy.atleast_2d", "numpy.atleast_3d", "numpy.broadcast_arrays")
def several(draw: Draw) -> Case:
    together = draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3))
    arrays = tuple(numbers(draw, shape) for shape in together.input_shapes)
    return Case(arrays, lambda f, *xs: f(*xs), f"shapes {together.input_shapes}")


@sample_for(
    "numpy.copy",
    "numpy.ascontiguousarray",
    "numpy.asfortranarray",
)
def copy(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    return Case((x,), lambda f, t: f(np.transpose(t)), f"{x.shape}, transposed")


@sample_for("numpy.rollaxis")
def rollaxis(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    return one(x, draw(st.integers(-x.ndim, x.ndim - 1)), draw(st.integers(-x.ndim, x.ndim)))


@sample_for("numpy.fliplr", "numpy.flipud")
def flip_one(draw: Draw) -> Case:
    return one(numbers(draw, shapes(draw, min_dims=2)))


@sample_for("numpy.rot90")
def rot90(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=2))
    return one(x, draw(st.integers(-3, 5)), axes=draw(st.permutations(range(x.ndim)))[:2])


@sample_for("numpy.roll")
def roll(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    axis = axis_of(draw, x.ndim)
    steps = st.integers(-4, 4)
    shift = [draw(steps) for _ in axis] if isinstance(axis, tuple) else draw(steps)
    return one(x, shift, axis=axis)


@sample_for("numpy.meshgrid")
def meshgrid(draw: Draw) -> Case:
    arrays = tuple(numbers(draw, (n,)) for n in draw(st.lists(st.integers(1, 3), max_size=3)))
    given = {
        "copy": draw(st.booleans()),
        "sparse": draw(st.booleans()),
        "indexing": draw(st.sampled_from(["xy", "ij"])),
    }
    arrays = (*arrays, numbers(draw, ()))
    return Case(arrays, lambda f, *xs: f(*xs, **given), f"{len(arrays)}, {given}")


@sample_for("numpy.full_like")
def full_like(draw: Draw) -> Case:
    shape = shapes(draw, min_dims=1)
    value = numbers(draw, draw(st.sampled_from([(), shape, shape[-1:]])))
    return Case((value,), lambda f, t: f(np.broadcast_to(t, shape), t), f"{value.shape}, {shape}")


@sample_for("numpy.tile")
def tile(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw))
    return one(x, draw(st.sampled_from([2, (), (3,), (2, 1), (1, 2, 2), (2, 1, 1, 3), 0, 1])))


@sample_for("numpy.repeat")
def repeat(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw))
    axis = axis_of(draw, x.ndim, several=False)
    n = x.size if axis is None else x.shape[axis]
    each = st.lists(st.integers(0, 3), min_size=n, max_size=n)
    return one(x, draw(st.one_of(st.integers(0, 3), each)), axis=axis)


@sample_for("autograd_core.ops.shape.sum_runs")
def sum_runs(draw: Draw) -> Case:
    shape = list(shapes(draw, min_dims=1))
    axis = draw(st.integers(0, len(shape) - 1))
    counts = np.array(draw(st.lists(st.integers(0, 3), min_size=1, max_size=4)))
    shape[axis] = int(counts.sum())
    return one(numbers(draw, tuple(shape)), counts=counts, axis=axis)


@sample_for("numpy.resize")
def resize(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw))
    return one(x, draw(st.sampled_from([5, (2, 3), (1,), (4, 1, 2), 0, ()])))


@sample_for("numpy.trim_zeros")
def trim_zeros(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1, max_dims=1))
    before, after = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    ends = np.zeros(before), np.zeros(after)
    trim = draw(st.sampled_from(["fb", "f", "B"]))
    return Case(
        (x,),
        lambda f, t: f(np.concatenate([ends[0].astype(t.dtype), t, ends[1].astype(t.dtype)]), trim),
        f"{before} and {after} zeros, {trim}",
    )


@sample_for("numpy.hstack", "numpy.vstack", "numpy.dstack", "numpy.column_stack", "numpy.append")
def join(draw: Draw) -> Case:
    shape = draw(st.sampled_from([(2,), (2, 3), (1, 2)]))
    x, y = numbers(draw, shape), numbers(draw, shape)
    return Case(
        (x, y), lambda f, *xs: f(*xs) if f.__name__ == "append" else f(xs), f"{shape} twice"
    )


@sample_for("numpy.block")
def block(draw: Draw) -> Case:
    a, b, c = (numbers(draw, shape, salt=i) for i, shape in enumerate([(2, 2), (2, 1), (3,)]))
    rows = draw(st.booleans())

    def call(f: Any, x: Any, y: Any, z: Any) -> Any:
        return f([[x, y], [z]] if rows else [x[0], y[1], z])

    return Case((a, b, c), call, "rows" if rows else "one row")


@sample_for("numpy.hsplit", "numpy.vsplit", "numpy.dsplit")
def split_along(draw: Draw) -> Case:
    return one(numbers(draw, (4, 2, 4)), draw(st.sampled_from([1, 2, [1], [1, 3], [0, 2], [3, 1]])))


@sample_for("numpy.unstack")
def unstack(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    return one(x, axis=draw(st.integers(-x.ndim, x.ndim - 1)))


_INSERTED = [
    (1, (), 0), (-1, (2,), 0), (0, (3, 2), 0), ([0], (1, 2), 0), ([2, 0], (2, 2), 0),
    ([2, 0, 2], (2,), 0), (slice(0, 2), (2, 2), 0), (1, (3,), 1), ([1, 1], (3, 2), -1),
    (3, (), None), ([4, 1], (2,), None), (2, (3,), None), ([], (), 0),
]  # fmt: skip


@sample_for("numpy.insert")
def insert(draw: Draw) -> Case:
    obj, shape, axis = draw(st.sampled_from(_INSERTED))
    x, values = numbers(draw, (3, 2)), numbers(draw, shape, salt=1)
    return Case(
        (x, values),
        lambda f, t, v: f(complex_as(v, t), obj, v, axis=axis),
        f"{obj}, {shape}, axis {axis}",
    )


def complex_as(other: Any, x: Any) -> Any:
    """``x``, complex where the other one is: an array can be stored in it then."""
    return x * (1.0 + 0.0j) if other.dtype.kind == "c" != x.dtype.kind else x


@sample_for("numpy.delete")
def delete(draw: Draw) -> Case:
    x = numbers(draw, (4, 3))
    obj = draw(st.sampled_from([0, -1, [0, 2], slice(None, None, 2), [1, 1], [], [2, -4]]))
    return one(x, obj, axis=draw(st.sampled_from([0, None])))


@sample_for("autograd_core.ops.padding.frame")
def frame(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw))
    side = st.integers(0, 2)
    return one(x, widths=[(draw(side), draw(side)) for _ in x.shape], values=1.5)


@sample_for("numpy.pad")
def pad(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1, min_side=draw(st.integers(1, 2))))
    side = st.integers(0, 5)
    given: dict[str, Any] = {
        "pad_width": draw(st.sampled_from([1, (2, 3), [(draw(side), draw(side)) for _ in x.shape]]))
    }
    given["mode"] = mode = draw(
        st.sampled_from(
            ["constant", "edge", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect",
             "symmetric", "wrap"]
        )
    )  # fmt: skip
    if mode == "constant":
        given["constant_values"] = draw(st.sampled_from([0, (1, -2), 0.5]))
    elif mode == "linear_ramp":
        given["end_values"] = draw(st.sampled_from([0, (1, -2), 0.5]))
    elif mode in ("maximum", "mean", "median", "minimum"):
        given["stat_length"] = draw(st.sampled_from([None, 1, (2, 3)]))
    elif mode in ("reflect", "symmetric"):
        given["reflect_type"] = draw(st.sampled_from(["even", "odd"]))
    return one(x, **given)
