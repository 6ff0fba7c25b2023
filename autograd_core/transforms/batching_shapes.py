"""The rules by which `vmap` gives arrays other shapes, and states facts of one example."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index
from numpy.lib.stride_tricks import sliding_window_view

from ..errors import ShapeError
from ..ops import padding
from ..ops.indexing import scatter
from ..registry import Op
from .batched import Batched, LookedError, Loop, levels
from .batching import Batch, Rule
from .batching_rules import moved_axes, only_first


def reshaping(new: Callable[..., Any]) -> Rule:
    """An op of one operand by a function of the whole, the shape of an example, and parameters."""

    def rule(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
        only_first(b, operands, params)
        x = operands[0]
        return new(x._whole, x.shape, *operands[1:], **params)

    return rule


def reshape(w: Any, old: Any, shape: Any = None, newshape: Any = None, order: Any = "C") -> Any:
    shape = newshape if shape is None else shape
    shape = tuple(shape) if np.ndim(shape) else (shape,)
    size, fixed = math.prod(old), math.prod(n for n in shape if n != -1)
    if shape.count(-1) == 1 and fixed:
        shape = tuple(size // fixed if n == -1 else n for n in shape)
    if math.prod(shape) != size or -1 in shape:
        raise ShapeError(f"reshape of shape {old} into {shape}: the sizes differ")
    return np.reshape(w, (w.shape[0], *shape))


def ravel(w: Any, old: Any) -> Any:
    return np.reshape(w, (w.shape[0], math.prod(old)))


def expand_dims(w: Any, old: Any, axis: Any) -> Any:
    axes = tuple(axis) if np.ndim(axis) else (axis,)
    return np.expand_dims(w, moved_axes(axes, len(old) + len(axes)))


def squeeze(w: Any, old: Any, axis: Any = None) -> Any:
    axes = tuple(i for i, n in enumerate(old) if n == 1) if axis is None else axis
    return np.squeeze(w, moved_axes(axes, len(old)))


def transpose(w: Any, old: Any, axes: Any = None) -> Any:
    order = range(len(old))[::-1] if axes is None else axes
    return np.transpose(w, (0, *moved_axes(order, len(old))))


def broadcast_to(w: Any, old: Any, shape: Any, subok: bool = False) -> Any:
    shape = tuple(shape) if np.ndim(shape) else (shape,)
    lead = max(len(shape) - len(old), 0)
    return np.broadcast_to(np.reshape(w, (w.shape[0],) + (1,) * lead + old), (w.shape[0], *shape))


def tile(w: Any, old: Any, reps: Any) -> Any:
    times = tuple(int(n) for n in np.ravel(reps))
    ndim = max(len(times), len(old))
    w = np.reshape(w, (w.shape[0],) + (1,) * (ndim - len(old)) + old)
    return np.tile(w, (1,) * (1 + ndim - len(times)) + times)


def repeat(w: Any, old: Any, repeats: Any, axis: Any = None) -> Any:
    if axis is None or not old:
        w, axis, old = np.reshape(w, (w.shape[0], math.prod(old))), 0, (1,)
    return np.repeat(w, repeats, axis=moved_axes(axis, len(old)))


def roll(w: Any, old: Any, shift: Any, axis: Any = None) -> Any:
    if axis is not None:
        return np.roll(w, shift, axis=moved_axes(axis, len(old)))
    flat = np.roll(np.reshape(w, (w.shape[0], math.prod(old))), shift, axis=1)
    return np.reshape(flat, w.shape)


def windows(w: Any, old: Any, window_shape: Any, axis: Any = None, **options: Any) -> Any:
    axes = range(len(old)) if axis is None else np.atleast_1d(axis)
    moved = tuple(normalize_axis_index(int(a), len(old)) + 1 for a in axes)
    return sliding_window_view(w, window_shape, moved, **options)


def triangle(fn: Any) -> Callable[..., Any]:
    def triangle(w: Any, old: Any, k: int = 0) -> Any:
        if len(old) == 1:  # rows of a matrix, all the same
            w = np.broadcast_to(w[:, None, :], (w.shape[0], old[0], old[0]))
        return fn(w, k)

    return triangle


def diag(w: Any, old: Any, k: int = 0) -> Any:
    if len(old) != 1:
        return np.diagonal(w, k, 1, 2)
    n = old[0] + abs(k)
    at = np.arange(old[0])
    index = (slice(None), at + max(-k, 0), at + max(k, 0))
    return scatter(w, index=index, shape=(w.shape[0], n, n))


def framed(w: Any, old: Any, widths: Any, values: Any = 0) -> Any:
    return padding.framed(w, widths=[(0, 0), *widths], values=values)


def fact(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    """What is said of shape and dtype: of one example of zeros it is the same."""

    def like(x: Any) -> Any:
        if isinstance(x, (list, tuple)):
            return type(x)(map(like, x))
        if type(x) is not Batched:
            return x
        return np.broadcast_to(np.zeros((), x.dtype), x.shape)

    return op.fn(*map(like, operands), **{key: like(x) for key, x in params.items()})


def dtypes(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    return op.fn(*[x.dtype if type(x) is Batched else x for x in operands], **params)


def text(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    return repr(operands[0])


def made_like(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    """``zeros_like`` and its kind: for each example one, which can be written into."""
    if not b.holds(operands[0]):
        raise Loop
    params = dict(params)
    shape = params.pop("shape", None)
    shape = operands[0].shape if shape is None else tuple(np.atleast_1d(shape))
    return op.function(b.whole(operands[0]), **params, shape=(b.size, *shape))


def full_like(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    like, value = operands
    params = dict(params)
    shape = params.pop("shape", None)
    shape = like.shape if shape is None else tuple(np.atleast_1d(shape))
    value = b.aligned(value, len(shape))
    return op.function(b.whole(like), value, **params, shape=(b.size, *shape))


def by_known(key: str, op: Op) -> Callable[..., Any]:
    """The parts of an op that look at its argument ``key``, an index; of a batched one a loop."""
    assert op.composition is not None
    parts = op.composition

    def known(*args: Any, **kwargs: Any) -> Any:
        if levels([{**dict(zip(op.names, args, strict=False)), **kwargs}.get(key)]):
            raise LookedError(f"{op.name}: {key} is one for each example")
        return parts(*args, **kwargs)

    return known


def resize(a: Any, new_shape: Any) -> Any:
    size = math.prod(new_shape) if np.ndim(new_shape) else new_shape
    if not a.size:
        return np.zeros_like(a, shape=new_shape)
    return np.reshape(np.ravel(a)[np.arange(size) % a.size], new_shape)


def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    return np.shape(a1) == np.shape(a2) and np.all(_equal(a1, a2, equal_nan))


def _equal(x: Any, y: Any, equal_nan: bool) -> Any:
    return (x == y) | (np.isnan(x) & np.isnan(y)) if equal_nan else x == y
