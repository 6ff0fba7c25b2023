"""Samples of ops that read, write, sort by index."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from .base import FACTS, Case, Draw, numbers, one, sample_for, shapes

FACTS |= {
    "numpy.unravel_index": (np.array([3, 0, 5]), (2, 3)),
    "numpy.ravel_multi_index": (np.array([[1, 0], [2, 0]]), (2, 3)),
    "numpy.ix_": (np.array([0, 2]), np.array([1])),
}


def index_of(draw: Draw, shape: tuple[int, ...]) -> Any:
    """A basic index, an advanced one that may repeat, or a mask."""
    kind = draw(st.sampled_from(["basic", "basic", "advanced", "mask", "mixed"]))
    if kind == "mask":
        return draw(hnp.arrays(bool, shape))
    if kind == "advanced":
        return draw(hnp.integer_array_indices(shape))
    if kind == "mixed" and len(shape) >= 2:
        return (slice(None, None, -1), draw(hnp.integer_array_indices(shape[1:2]))[0])
    return draw(hnp.basic_indices(shape, allow_newaxis=True))


_INDEXING = "autograd_core.ops.indexing"


@sample_for(f"{_INDEXING}.getitem")
def getitem(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    return one(x, index=index_of(draw, x.shape))


@sample_for(f"{_INDEXING}.scatter")
def scatter(draw: Draw) -> Case:
    shape = shapes(draw, min_dims=1)
    index = index_of(draw, shape)
    g = numbers(draw, np.zeros(shape)[index].shape)
    return one(g, index=index, shape=shape)


@sample_for(f"{_INDEXING}.setitem")
def setitem(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    index = index_of(draw, x.shape)
    value = numbers(draw, x[index].shape if draw(st.booleans()) else ())

    def call(f: Any, a: Any, b: Any) -> Any:
        return f(a if b.dtype.kind != "c" else a * (1.0 + 0.0j), b, index=index)

    return Case((x, value), call, f"{x.shape}[{index!r}]")


def indices_of(draw: Draw, n: int, shape: tuple[int, ...], low: int | None = None) -> np.ndarray:
    """Indices into an axis of length ``n``, some of them negative and some repeated."""
    elements = st.integers(-n if low is None else low, n - 1)
    return draw(hnp.arrays(np.intp, shape, elements=elements))


@sample_for("numpy.take")
def take(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw))
    axis = draw(st.one_of(st.none(), st.integers(-x.ndim, x.ndim - 1))) if x.ndim else None
    n = x.size if axis is None else x.shape[axis]
    shape = draw(st.sampled_from([(), (3,), (2, 2), (0,)]))
    mode = draw(st.sampled_from(["raise", "wrap", "clip"]))
    if mode == "raise":
        return one(x, indices_of(draw, n, shape), axis=axis)
    return one(x, draw(hnp.arrays(np.int8, shape)), axis=axis, mode=mode)


@sample_for("numpy.take_along_axis")
def take_along_axis(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    axis = draw(st.one_of(st.none(), st.integers(-x.ndim, x.ndim - 1)))
    if axis is None:
        return one(x, indices_of(draw, x.size, (4,)), axis=None)
    shape = [draw(st.sampled_from([1, n])) for n in x.shape]
    shape[axis] = draw(st.integers(1, 4))
    return one(x, indices_of(draw, x.shape[axis], tuple(shape)), axis=axis)


@sample_for("numpy.compress")
def compress(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    axis = draw(st.one_of(st.none(), st.integers(-x.ndim, x.ndim - 1)))
    n = x.size if axis is None else x.shape[axis]
    mask = draw(hnp.arrays(bool, draw(st.integers(0, n))))
    return Case((x,), lambda f, t: f(mask, t, axis=axis), f"{mask}, {x.shape}, {axis}")


@sample_for("numpy.extract")
def extract(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw))
    mask = draw(hnp.arrays(bool, x.shape))
    return Case((x,), lambda f, t: f(mask, t), f"{mask}, {x.shape}")


@sample_for("numpy.diag", "numpy.diagflat")
def diag(draw: Draw) -> Case:
    return one(numbers(draw, shapes(draw, min_dims=1, max_dims=2)), draw(st.integers(-3, 3)))


@sample_for("numpy.diagonal")
def diagonal(draw: Draw) -> Case:
    x = numbers(draw, draw(st.sampled_from([(2, 3), (3, 2), (2, 3, 3), (1, 3, 2, 2)])))
    axes = st.sampled_from(range(-x.ndim, x.ndim))
    axis1, axis2 = draw(st.tuples(axes, axes).filter(lambda pair: (pair[0] - pair[1]) % x.ndim))
    return one(x, draw(st.integers(-3, 3)), axis1, axis2)


@sample_for("numpy.linalg.diagonal")
def matrix_diagonal(draw: Draw) -> Case:
    return one(numbers(draw, shapes(draw, min_dims=2)), offset=draw(st.integers(-3, 3)))


@sample_for("numpy.tril", "numpy.triu")
def triangle(draw: Draw) -> Case:
    return one(numbers(draw, shapes(draw, min_dims=1)), draw(st.integers(-3, 3)))


# --- in place -----------------------------------------------------------------------------------


def writing(x: np.ndarray, value: np.ndarray, write: Any, text: str) -> Case:
    """The case of ``write(function, target, value)``, with a copy of ``x`` as the target."""

    def call(function: Any, a: Any, v: Any) -> Any:
        target = a * np.ones((), v.dtype)  # complex if the value is
        assert write(function, target, v) is None
        return target

    return Case((x, value), call, text)


@sample_for("numpy.put")
def put(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    v = numbers(draw, draw(st.sampled_from([(), (2,), (5,), (2, 2)])), salt=1)
    shape = draw(st.sampled_from([(), (3,), (2, 2), (0,)]))
    mode = draw(st.sampled_from(["raise", "wrap", "clip"]))
    raises = mode == "raise"
    ind = indices_of(draw, x.size, shape) if raises else draw(hnp.arrays(np.int8, shape))
    return writing(x, v, lambda f, a, b: f(a, ind, b, mode=mode), f"{x.shape}, {ind}, {v.shape}")


@sample_for("numpy.place", "numpy.putmask")
def place(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    v = numbers(draw, draw(st.sampled_from([(1,), (2,), (5,), x.shape])), salt=1)
    mask = draw(hnp.arrays(bool, draw(st.sampled_from([x.shape, (x.size,)]))))
    return writing(x, v, lambda f, a, b: f(a, mask, b), f"{x.shape}, {mask}, {v.shape}")


@sample_for("numpy.copyto")
def copyto(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    v = numbers(draw, draw(st.sampled_from([(), x.shape[1:], x.shape, (1, *x.shape)])), salt=1)
    where = draw(
        st.one_of(st.booleans(), hnp.arrays(bool, x.shape), hnp.arrays(bool, (1, *x.shape[1:])))
    )
    return writing(x, v, lambda f, a, b: f(a, b, where=where), f"{x.shape}, {v.shape}, {where}")


@sample_for("numpy.fill_diagonal")
def fill_diagonal(draw: Draw) -> Case:
    x = numbers(draw, draw(st.sampled_from([(3, 3), (2, 4), (7, 2), (3, 3, 3)])))
    v = numbers(draw, draw(st.sampled_from([(), (1,), (2,), (9,)])), salt=1)
    wrap = draw(st.booleans())
    return writing(x, v, lambda f, a, b: f(a, b, wrap), f"{x.shape}, {v.shape}, {wrap}")


@sample_for("numpy.put_along_axis")
def put_along_axis(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    axis = draw(st.one_of(st.none(), st.integers(-x.ndim, x.ndim - 1)))
    if axis is None:
        indices = indices_of(draw, x.size, (4,))
    else:
        shape = list(x.shape)
        shape[axis] = 2
        indices = indices_of(draw, x.shape[axis], tuple(shape))
    v = numbers(draw, draw(st.sampled_from([(), indices.shape, indices.shape[-1:]])), salt=1)
    return writing(x, v, lambda f, a, b: f(a, indices, b, axis), f"{x.shape}, {axis}, {v.shape}")


# --- by conditions ------------------------------------------------------------------------------


@sample_for("numpy.select")
def select(draw: Draw) -> Case:
    shape = shapes(draw)
    arrays = tuple(
        numbers(draw, draw(st.sampled_from([(), shape])), salt=i)
        for i in range(draw(st.integers(2, 4)))
    )
    conditions = [draw(hnp.arrays(bool, shape)) for _ in arrays[1:]]
    return Case(arrays, lambda f, y, *xs: f(conditions, list(xs), y), f"{conditions}")


@sample_for("numpy.choose")
def choose(draw: Draw) -> Case:
    shape = shapes(draw)
    arrays = tuple(
        numbers(draw, draw(st.sampled_from([(), shape, shape[1:]])), salt=i)
        for i in range(draw(st.integers(1, 3)))
    )
    mode = draw(st.sampled_from(["raise", "wrap", "clip"]))
    elements = st.integers(0, len(arrays) - 1) if mode == "raise" else st.integers(-5, 5)
    index = draw(hnp.arrays(np.intp, shape, elements=elements))
    return Case(arrays, lambda f, *xs: f(index, xs, mode=mode), f"{index}, {mode}")


@sample_for("numpy.piecewise")
def piecewise(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw))
    conditions = [draw(hnp.arrays(bool, x.shape)) for _ in range(draw(st.integers(1, 2)))]
    functions = [lambda t: t * t, 3.0, lambda t: 2.0 * t][: len(conditions) + draw(st.booleans())]
    return one(x, conditions, functions)


@sample_for("numpy.nan_to_num")
def nan_to_num(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw))
    special = st.sampled_from([0.0, 0.0, np.nan, np.inf, -np.inf])
    x = np.asarray(x + draw(hnp.arrays(float, x.shape, elements=special)))
    return one(x, nan=0.25, posinf=1.5, neginf=-0.5)
