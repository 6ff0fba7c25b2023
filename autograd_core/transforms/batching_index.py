"""Indexing under `vmap`: the index of the whole for an index of one example.

NumPy decides where the axes of an advanced index stand in the result: in place of the index if its
parts are neighbours, else first. With the batch in front that is another place than for one
example, so results are moved there, and values to be written moved back.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..errors import ShapeError
from ..ops.indexing import getitem as read
from ..ops.indexing import positions
from ..ops.indexing import scatter as spread
from ..ops.indexing import setitem as written
from ..registry import Op, is_basic
from ..tensor import Tensor, wrap
from .batched import Batched, Loop, levels, lower, size_of

__all__ = ["getitem", "is_view", "scatter", "setitem", "store", "take", "take_along_axis"]


class _Plan(NamedTuple):
    """The index of the whole, and which axes of what it picks belong where."""

    whole: tuple[Any, ...]
    picked: tuple[int, ...] = ()
    due: tuple[int, ...] = ()

    def arrange(self, y: Any) -> Any:
        """What the index picks, with the batch first and the rest as for one example."""
        return np.moveaxis(y, self.picked, self.due) if self.picked else y

    def disarrange(self, y: Any) -> Any:
        """`arrange`, undone: a value to be written."""
        return np.moveaxis(y, self.due, self.picked) if self.picked else y


def is_view(params: dict[str, Any]) -> bool:
    """Whether an index reads a view."""
    return is_basic(params["index"])


def _parts(index: Any) -> list[Any]:
    """The parts of an index: a mask is the index of its true elements, a list an array."""
    found: list[Any] = []
    for part in index if isinstance(index, tuple) else (index,):
        if type(part) is Tensor:
            part = part._value
        if isinstance(part, list):
            part = np.stack(part) if any(isinstance(p, Tensor) for p in part) else np.asarray(part)
            part = part if part.size else part.astype(int)
        if isinstance(part, (bool, np.bool_)) or getattr(part, "dtype", None) == np.dtype(bool):
            if type(part) is Batched or np.ndim(part) == 0:
                raise Loop  # how much it picks depends on the example
            found += np.nonzero(part)
        elif isinstance(part, np.ndarray) and part.ndim == 0:
            found.append(int(part))
        else:
            found.append(part)
    return found


def _consumes(part: Any) -> bool:
    return part is not None and part is not Ellipsis


def _plan(b: Any, ndim: int, index: Any, of_whole: bool = True) -> _Plan:
    """Plan how an array of ``ndim`` axes for each example is read; the same for all, if so said."""
    parts = _parts(index)
    batched = any(b.holds(part) for part in parts)
    arrays = [hasattr(part, "__array_function__") and np.ndim(part) > 0 for part in parts]
    if not batched and not any(arrays):
        return _Plan((slice(None), *parts))
    advanced = [
        i
        for i, part in enumerate(parts)
        if not (part is None or part is Ellipsis or isinstance(part, slice))
    ]
    together = advanced[-1] - advanced[0] == len(advanced) - 1
    count = max(np.ndim(parts[i]) for i in advanced)
    hidden = ndim - sum(map(_consumes, parts))
    before = sum(hidden if part is Ellipsis else 1 for part in parts[: advanced[0]])
    if not batched:
        index = (slice(None), *parts)
        return _Plan(index) if together else _Plan(index, (count,), (0,))
    whole = [_plain(b.aligned(part, count)) if b.holds(part) else part for part in parts]
    if not of_whole:
        return _Plan(tuple(whole), (before,), (0,)) if together and before else _Plan(tuple(whole))
    examples = np.reshape(np.arange(b.size), (b.size,) + (1,) * count)
    if not together or not before or not count:
        return _Plan((examples, *whole))
    picked = tuple(range(1, count + 1))
    return _Plan((examples, *whole), picked, tuple(i + before for i in picked))


def _plain(index: Any) -> Any:
    return index._value if type(index) is Tensor else index


def getitem(b: Any, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    """``x[index]``, either of them batched."""
    x, index = operands[0], params["index"]
    plan = _plan(b, np.ndim(x), index, b.holds(x))
    return plan.arrange(read(b.whole(x), index=plan.whole))


def _region(plan: _Plan, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of what a plan reads of a whole of ``shape``, the batch first."""
    region: tuple[int, ...] = plan.arrange(np.broadcast_to(False, shape)[_looked(plan)]).shape
    return region


def _looked(plan: _Plan) -> Any:
    """The index of a plan, for its shape: of an outer `vmap`'s values any example will do."""

    def one(part: Any) -> Any:
        while type(part) is Batched:
            part = np.zeros(part.shape, int)
        return part

    return tuple(map(one, plan.whole))


def _fitted(b: Any, plan: _Plan, value: Any, shape: tuple[int, ...]) -> Any:
    """A value as it is written into a whole of ``shape``."""
    region = _region(plan, shape)
    ndim = len(region) - 1
    extra, given = np.ndim(value) - ndim, np.shape(value)
    if extra > 0 and given[:extra] == (1,) * extra:  # further axes of one are allowed
        value = np.reshape(value, given[extra:])
    fits = zip(np.shape(value)[::-1], region[:0:-1], strict=False)
    if np.ndim(value) > ndim or not all(n in (1, m) for n, m in fits):
        raise ShapeError(
            f"could not broadcast input array from shape {given} into shape {region[1:]}"
        )
    if not b.holds(value) and not plan.picked:
        return value
    value = b.aligned(value, ndim)
    return plan.disarrange(np.broadcast_to(value, region)) if plan.picked else value


def setitem(b: Any, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    """A copy of ``x`` with ``value`` written at ``index``, any of them batched."""
    x, value = operands
    index = params["index"]
    masked = _where(x, index, value)
    if masked is not None:
        return b.full(masked)
    plan = _plan(b, np.ndim(x), index)
    w = b.full(x)
    return written(w, _fitted(b, plan, value, w.shape), index=plan.whole)


def _where(x: Any, index: Any, value: Any) -> Any:
    """``x[mask] = number`` by element; None for any other index or value."""
    if type(index) is not Batched or index.dtype != bool or np.ndim(value):
        return None
    if index.shape != np.shape(x)[: index.ndim]:
        return None
    mask = np.reshape(index, index.shape + (1,) * (np.ndim(x) - index.ndim))
    return np.where(mask, value, x).astype(x.dtype)


def store(b: Any, x: Batched, index: Any, value: Any, loop: Any) -> None:
    """``x[index] = value`` in place: in the memory of the whole where nobody else can see it."""
    if isinstance(value, (list, tuple)):
        value = np.asarray(value)
    masked = _where(x, index, value)
    if masked is None:
        try:
            plan = _plan(b, x.ndim, index)
        except Loop:
            masked = loop(x, value, index)
    if masked is not None:
        x._check_in_place("x[mask] = ...")
        x._rebind(masked)
        return
    value = _fitted(b, plan, value, x._whole.shape)
    outer = levels((value, plan.whole))
    if outer > getattr(x._whole, "_level", 0):  # of an outer `vmap`: a place for each of its own
        x._whole = lower(outer, np.broadcast_to(x._whole, (size_of(outer), *x._whole.shape)))
    whole, x._whole = x._whole, None
    # A handle of its own, that alone holds the memory.
    if type(whole) is Batched:
        handle: Any = lower(whole._level, whole._whole)
    elif type(whole) is Tensor:
        handle = wrap(whole._value, whole._node)
    else:
        handle = wrap(whole, None)
    was_array = not isinstance(whole, Tensor)
    del whole
    try:
        handle[plan.whole] = value
    finally:
        x._whole = handle._value if was_array and handle._node is None else handle


def scatter(b: Any, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    """Zeros with ``g`` added at ``index``, for each example."""
    shape = (b.size, *params["shape"])
    plan = _plan(b, len(shape) - 1, params["index"])
    return spread(plan.disarrange(b.full(operands[0])), index=plan.whole, shape=shape)


def take(b: Any, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    """``np.take``: of one array for all, of one index for all, or of neither."""
    a, params = operands[0], dict(params)
    indices, axis, mode = params.pop("indices"), params.pop("axis", None), params.pop("mode", None)
    params = {"mode": mode} if mode else {}
    if axis is None:
        a, axis = (np.reshape(a, (math.prod(np.shape(a)),)) if np.ndim(a) != 1 else a), 0
    axis = np.lib.array_utils.normalize_axis_index(axis, np.ndim(a))
    if not b.holds(indices):
        return op.function(b.whole(a), indices, axis=axis + 1, **params)
    if not b.holds(a):
        return np.moveaxis(op.function(a, _plain(indices._whole), axis=axis, **params), axis, 0)
    if mode in ("wrap", "clip"):
        indices = positions(indices, a.shape[axis], mode)
    return a[(slice(None),) * axis + (indices,)]._whole


def take_along_axis(b: Any, op: Op, operands: Any, params: dict[str, Any]) -> Any:
    """``np.take_along_axis``, either of its operands batched."""
    a, indices = operands
    axis = params.get("axis", -1)
    if axis is None:
        a, axis = np.reshape(a, (math.prod(np.shape(a)),)), 0
    axis = np.lib.array_utils.normalize_axis_index(axis, np.ndim(a))
    whole = [b.whole(x) if b.holds(x) else np.reshape(x, (1, *np.shape(x))) for x in (a, indices)]
    return op.function(whole[0], _plain(whole[1]), axis=axis + 1)
