"""The rules by which `vmap` applies ops along axes, products, and what joins arrays."""

from __future__ import annotations

import math
import string
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..ops.indexing import scatter
from ..registry import OPS, Op
from ..tensor import Tensor
from .batched import Batched, Loop, levels
from .batching import Batch, Rule


def ndim_of(x: Any) -> int:
    return int(x.ndim) if hasattr(x, "ndim") else np.ndim(x)


def _arrays(operands: Any) -> tuple[Any, ...]:
    return tuple(x if hasattr(x, "ndim") else np.asarray(x) for x in operands)


def only_first(b: Batch, operands: Any, params: dict[str, Any]) -> None:
    """Leave calls in which something else than the first operand is batched to the loop."""
    if not b.holds(operands[0]) or levels((*operands[1:], *params.values())) >= b.level:
        raise Loop


def elementwise(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    """Give all operands as many axes; then the batch is an axis like any other."""
    if params and levels(params.values()) >= b.level:
        raise Loop
    ndim = max(map(ndim_of, operands))
    wholes = [b.aligned(x, ndim) for x in operands]
    # Of arrays the function itself: its public form makes arrays of Python numbers, which are weak.
    tensors = any(isinstance(x, Tensor) for x in wholes)
    return (op.function if tensors else op.fn)(*wholes, **params)


def of_first(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    """By element in the first operand, for given others; of batched others a loop."""
    only_first(b, operands, params)
    return op.function(b.whole(operands[0]), *operands[1:], **params)


def of_second(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    """By element in the second operand, for a given first."""
    only_first(b, (operands[1], operands[0]), params)
    return op.function(operands[0], b.whole(operands[1]), **params)


ALL, FLAT = "all axes", "the ravelled array"


def along_axis(none: str, default: Any = None, key: str = "axis") -> Rule:
    """An op along an axis, or several; ``none`` says what no axis means."""

    def rule(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
        params, x = dict(params), operands[0]
        where = params.pop("where", True)
        only_first(b, operands, params)
        w, ndim = x._whole, x.ndim
        axis = params.pop(key, default)
        if where is not True and where is not np._NoValue:
            params["where"] = b.aligned(where, ndim)
        flat = axis is None and none is FLAT
        if flat or (ndim == 0 and none is ALL):
            w = np.reshape(w, (b.size, x.size))
            axis = 1
        else:
            axis = moved_axes(range(ndim) if axis is None else axis, ndim)
        y = op.function(w, *operands[1:], **{key: axis}, **params)
        if flat and params.get("keepdims") is True:
            return np.reshape(y, (b.size,) + (1,) * ndim)
        return np.reshape(y, (b.size,)) if ndim == 0 and none is ALL else y

    return rule


def moved_axes(axis: Any, ndim: int) -> Any:
    """An axis of an example, or several, as axes of the whole."""
    if np.ndim(axis) == 0:
        return normalize_axis_index(axis, ndim) + 1
    return tuple(a + 1 for a in normalize_axis_tuple(axis, ndim))


def with_axes(*keys: str, defaults: tuple[Any, ...] = ()) -> Rule:
    """An op whose parameters ``keys`` name axes."""

    def rule(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
        only_first(b, operands, params)
        x = operands[0]
        given = dict(zip(keys, defaults, strict=False)) | params
        moved = {key: moved_axes(given[key], x.ndim) for key in keys}
        return op.function(x._whole, *operands[1:], **{**given, **moved})

    return rule


def quantile(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    """The axes of ``q`` come first in the result, in front of the batch."""
    if params.get("weights") is not None:
        raise Loop
    only_first(b, operands, params)
    params = dict(params)
    x, given = operands[0], operands[1:] or (params.pop("q"),)
    axis, keep = params.pop("axis", None), params.pop("keepdims", False)
    flat = axis is None or x.ndim == 0
    w = np.reshape(x._whole, (b.size, x.size)) if flat else x._whole
    axis = 1 if flat else moved_axes(axis, x.ndim)
    y = op.function(w, *given, axis=axis, keepdims=keep and not flat, **params)
    if keep and flat:
        y = np.reshape(y, y.shape + (1,) * x.ndim)
    return np.moveaxis(y, ndim_of(given[0]), 0)


def leading(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    """Of stacks of matrices it is NumPy's own work."""
    only_first(b, operands, params)
    if operands[0].ndim < 2:
        raise Loop
    return op.function(operands[0]._whole, **params)


def stacked(*cores: int) -> Rule:
    """Products of which each operand has so many axes of its own, and those before broadcast."""

    def rule(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
        if levels(params.values()) >= b.level:
            raise Loop
        more = max(ndim_of(x) - core for x, core in zip(operands, cores, strict=True))
        if any(ndim_of(x) < core for x, core in zip(operands, cores, strict=True)):
            raise Loop
        aligned = [b.aligned(x, more + core) for x, core in zip(operands, cores, strict=True)]
        return op.function(*aligned, **params)

    return rule


def matmul(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    """A vector is a row or a column, whose axis of one is taken away again."""
    x, y = _arrays(operands)
    if x.ndim == 0 or y.ndim == 0:
        raise Loop
    if x.ndim == 2 and y.ndim == 1 and not b.holds(x):
        return np.matmul(y._whole, x.T)  # one product of two matrices
    if x.ndim == 1 and y.ndim == 2 and not b.holds(y):
        return np.matmul(x._whole, y)
    row, column = x.ndim == 1, y.ndim == 1
    if row != column and hasattr(np, "matvec"):  # NumPy 2.2; its gradient is a plain product
        m, v = (np.matrix_transpose(y), x) if row else (x, y)
        return np.matvec(b.aligned(m, m.ndim), b.aligned(v, m.ndim - 1))
    x, y = x[None] if row else x, y[..., None] if column else y
    more = max(x.ndim, y.ndim)
    z = np.matmul(b.aligned(x, more), b.aligned(y, more))
    return z[..., 0, 0] if row and column else z[..., 0] if column else z[..., 0, :] if row else z


def solve(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    """A right-hand side of one axis is a column."""
    a, y = _arrays(operands)
    if a.ndim < 2 or y.ndim == 0:
        raise Loop
    column = y.ndim == 1
    y = y[:, None] if column else y
    more = max(a.ndim, y.ndim)
    x = np.linalg.solve(b.aligned(a, more), b.aligned(y, more))
    return x[..., 0] if column else x


def outer(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    x, y = (np.ravel(v) for v in operands)
    return b.whole(np.multiply(x[:, None], y))


def cross(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    given = {"axisa": -1, "axisb": -1, "axisc": -1} | params
    axis = given.pop("axis", None)
    if axis is not None:
        given = dict.fromkeys(given, axis)
    x = np.moveaxis(operands[0], given["axisa"], -1)
    y = np.moveaxis(operands[1], given["axisb"], -1)
    ndim = max(x.ndim, y.ndim)
    z = op.function(b.aligned(x, ndim), b.aligned(y, ndim))
    if x.shape[-1] == 2 == y.shape[-1]:
        return z
    return np.moveaxis(z, -1, moved_axes(given["axisc"], ndim))


def einsum(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    """The batch gets a letter that is not used yet."""
    params = dict(params)
    subscripts = params.pop("subscripts")
    letter = next((c for c in string.ascii_letters if c not in subscripts), None)
    if letter is None:
        raise Loop
    terms, out = subscripts.split("->")
    terms = ",".join(
        (letter if b.holds(x) else "") + term
        for x, term in zip(operands, terms.split(","), strict=True)
    )
    wholes = [b.whole(x) for x in operands]
    return op.function(wholes, subscripts=f"{terms}->{letter}{out}", **params)


def convolve(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    """The longer one in windows as long as the shorter, times that turned around."""
    x, y = _arrays(operands)
    if x.ndim != 1 or y.ndim != 1 or not x.size or not y.size:
        raise Loop
    x, y = (x, y) if x.size >= y.size else (y, x)
    n, k = x.size, y.size
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, k - 1), k)
    start, count = {"full": (0, n + k - 1), "same": ((k - 1) // 2, n), "valid": (k - 1, n - k + 1)}[
        params.get("mode", "full")
    ]
    return b.whole(np.vecdot(np.conj(windows[start : start + count]), np.flip(y)))


def bincount(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    """Weights are added up where the numbers say; of batched numbers a loop."""
    x, weights = operands
    if type(x) is Batched:
        raise Loop
    x = np.asarray(x)
    count = max(int(np.max(x, initial=-1)) + 1, int(params.get("minlength", 0)))
    return b.whole(scatter(weights.astype(float), index=x, shape=(count,)))


def weighted(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    """Of `logsumexp` with weights, which broadcast against the values."""
    params = dict(params)
    ndim, axis = max(map(ndim_of, operands)), params.pop("axis", None)
    axis = moved_axes(range(ndim) if axis is None else axis, ndim)
    return op.function(*[b.aligned(x, ndim) for x in operands], axis=axis, **params)


def join(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    params = dict(params)
    parts = [b.full(x) for x in operands]
    axis = params.pop("axis", 0)
    if axis is None:
        parts, axis = [np.reshape(x, (b.size, math.prod(x.shape[1:]))) for x in parts], 0
    ndim = parts[0].ndim - 1 + (op is OPS[np.stack])
    return op.function(parts, axis=moved_axes(axis, ndim), **params)


def lexsort(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    """Of `lexsort`: all keys have the same shape."""
    axis = params.get("axis", -1)
    return op.function([b.full(x) for x in operands], axis=moved_axes(axis, ndim_of(operands[0])))


def joint_index(b: Batch, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    """Of `ravel_multi_index`: by element in all operands."""
    ndim = max(map(ndim_of, operands))
    return op.function(tuple(b.aligned(x, ndim) for x in operands), **params)
