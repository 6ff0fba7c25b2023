"""What NumPy's ufuncs do besides being called: ``where=`` and ``dtype=``, and their methods.

``np.add(t, u, where=mask)``, ``np.multiply.reduce(t)``, ``np.maximum.accumulate(t)``,
``np.subtract.outer(t, u)``, ``np.add.at(t, index, u)``: each is put together from other ops.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import InPlaceError, NotDifferentiableError
from .ops.activations import logsumexp
from .ops.indexing import scatter
from .ops.reduction import keep_reduced
from .registry import OPS, Op, call, call_batched_method, running
from .tensor import Tensor, asarray, value_of

__all__ = ["METHODS", "call_method", "change_at", "in_full", "store_in_array"]


def in_full(
    op: Op,
    *operands: Any,
    where: Any = True,
    dtype: Any = None,
    casting: str = "same_kind",
    order: str = "K",
    subok: bool = True,
) -> Any:
    """Call a ufunc with its options; where ``where`` is false the result is 0, with no gradient.

    Elements that are masked out are not looked at: ``np.log(x, where=x > 0)`` warns of nothing.
    ``order`` and ``subok`` say how memory is laid out, and make no difference here.
    """
    operands = tuple(np.asarray(x) if isinstance(x, (list, tuple)) else x for x in operands)
    if dtype is not None or casting != "same_kind":
        operands = _cast_for(op, operands, dtype, casting)
    if where is True:
        return call(op, operands, {})
    mask = value_of(where) if isinstance(where, Tensor) else np.asarray(where)
    if mask.dtype != bool:
        raise TypeError(f"{op.name}: where= must be boolean, not {mask.dtype}")
    safe = [
        np.where(mask, x, domain.interior) if getattr(x, "dtype", _INT).kind in "fc" else x
        for x, domain in zip(operands, op.domains, strict=True)
    ]
    result = call(op, safe, {})
    if isinstance(result, tuple):
        return tuple(_masked(mask, part) for part in result)
    return _masked(mask, result)


_INT = np.dtype(int)


def _masked(mask: Any, result: Any) -> Any:
    return np.where(mask, result, result.dtype.type(0))


def _cast_for(op: Op, operands: tuple[Any, ...], dtype: Any, casting: str) -> tuple[Any, ...]:
    """The operands as the ufunc's inner loop for ``dtype`` takes them."""
    fn: Any = op.fn
    if dtype is not None and np.dtype(dtype).kind not in "fc":
        raise NotDifferentiableError(
            f"{op.name}: dtype={np.dtype(dtype)} has no derivative; use t.detach(), or a floating "
            "dtype"
        )
    given = tuple(x.dtype if hasattr(x, "dtype") else type(x) for x in operands)
    signature = None if dtype is None else (None,) * fn.nin + (np.dtype(dtype),) * fn.nout
    wanted = fn.resolve_dtypes(given + (None,) * fn.nout, signature=signature, casting=casting)
    return tuple(
        x if not hasattr(x, "dtype") or x.dtype == d else x.astype(d)
        for x, d in zip(operands, wanted, strict=False)
    )


def call_method(ufunc: Any, method: str, inputs: Any, kwargs: dict[str, Any]) -> Any:
    """Answer ``ufunc.reduce`` and its like with a tensor among ``inputs``."""
    if running:
        batched = call_batched_method(ufunc, method, inputs, kwargs)
        if batched is not NotImplemented:
            return batched
    if method == "at":
        return change_at(ufunc, *inputs)
    kwargs = {key: value for key, value in kwargs.items() if value is not None or key == "axis"}
    out = kwargs.pop("out", (None,))[0]
    op = OPS.get(ufunc)
    if any(type(x) is Tensor and x.requires_grad for x in kwargs.values()):
        raise NotDifferentiableError(
            f"np.{ufunc.__name__}.{method} is not differentiable with respect to its options: pass "
            "t.detach() if no gradient is meant"
        )
    kwargs = {key: value_of(x) for key, x in kwargs.items()}
    if not any(type(x) is Tensor and x.requires_grad for x in inputs) or (op and op.mask == 0):
        plain = [value_of(x) for x in inputs]
        result: Any = asarray(getattr(ufunc, method)(*plain, **kwargs))
    elif op is None or method not in METHODS:
        raise NotDifferentiableError(
            f"np.{ufunc.__name__}.{method} has no declared derivative (declared: "
            f"{', '.join([*METHODS, 'at'])} of the ufuncs in the table). Use t.detach() where no "
            "gradient is needed."
        )
    else:
        result = METHODS[method](ufunc, *inputs, **kwargs)
    return result if out is None else _store(out, result, f"out= of {ufunc.__name__}.{method}")


def _store(out: Any, result: Any, what: str) -> Any:
    if type(out) is Tensor:
        out[...] = result
        return out
    return store_in_array(out, result, what)


def store_in_array(out: Any, result: Tensor, what: str) -> Any:
    """Store a result in a plain array, which a tracked one would be cut from the graph by."""
    if result.requires_grad:
        raise InPlaceError(
            f"{what}: an array cannot take the result of a tensor that requires a gradient, which "
            "would cut it from the graph unseen. Leave out= away, or pass a Tensor."
        )
    np.copyto(out, result.data, casting="same_kind")
    return out


# The reductions that stand in the table by themselves.
_REDUCTIONS: dict[Any, Callable[..., Any]] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.logaddexp: logsumexp,
}


def _reduce(ufunc: Any, x: Any, axis: Any = 0, keepdims: bool = False, **kwargs: Any) -> Any:
    if "dtype" in kwargs and ufunc not in (np.add, np.multiply):
        x = x.astype(kwargs.pop("dtype"))
    axes = (
        ()
        if axis == ()
        else np.lib.array_utils.normalize_axis_tuple(
            range(x.ndim) if axis is None else axis, x.ndim
        )
    )
    if ufunc in _REDUCTIONS and not (ufunc is np.logaddexp and kwargs):
        return _REDUCTIONS[ufunc](x, axis=axis, keepdims=keepdims, **kwargs)
    initial, mask = kwargs.pop("initial", None), kwargs.pop("where", True)
    if mask is not True:
        mask = np.broadcast_to(np.asarray(value_of(mask), bool), x.shape)
        if initial is None:
            initial = ufunc.identity
        if initial is None:
            raise ValueError(
                f"reduction operation '{ufunc.__name__}' does not have an identity, so to use a "
                "where mask one has to specify 'initial'"
            )
    if not x.size:
        # Nothing is combined: NumPy knows the identity, or says that there is none.
        options = {"axis": axis, "keepdims": keepdims}
        value = ufunc.reduce(
            value_of(x), **options, **({} if initial is None else {"initial": initial})
        )
        return value + 0.0 * np.sum(x, **options)
    if len(axes) > 1 and ufunc not in _REORDERABLE:
        raise ValueError(
            f"{ufunc.__name__}.reduce: the order matters, so one axis at a time; axis={axis} has "
            f"{len(axes)}"
        )
    others = tuple(a for a in range(x.ndim) if a not in axes)
    shape = (-1, *(x.shape[a] for a in others))
    rows = np.reshape(np.transpose(x, axes + others), shape)
    held = None if mask is True else np.reshape(np.transpose(mask, axes + others), shape)
    result: Any = initial
    for i in range(rows.shape[0]):
        combined = rows[i] if result is None else ufunc(result, rows[i])
        result = combined if held is None else np.where(held[i], combined, result)
    return keep_reduced(result, x, axes) if keepdims else result


_REORDERABLE = {np.hypot, np.fmax, np.fmin, np.logaddexp, np.logaddexp2}


def _accumulate(ufunc: Any, x: Any, axis: int = 0, dtype: Any = None) -> Any:
    if dtype is not None:
        x = x.astype(dtype)
    running: Any = {np.add: np.cumsum, np.multiply: np.cumprod}.get(ufunc)
    if running is not None and x.ndim:
        return running(x, axis=axis)
    rows = np.moveaxis(x, axis, 0)
    results: list[Any] = []
    for i in range(rows.shape[0]):
        results.append(ufunc(results[-1], rows[i]) if results else rows[i])
    return np.stack(results, axis=axis) if results else x * 1.0


def _outer(ufunc: Any, x: Any, y: Any, **kwargs: Any) -> Any:
    x, y = (v if hasattr(v, "dtype") else np.asarray(v) for v in (x, y))
    return ufunc(np.reshape(x, np.shape(x) + (1,) * np.ndim(y)), y, **kwargs)


def _reduceat(ufunc: Any, x: Any, indices: Any, axis: int = 0, dtype: Any = None) -> Any:
    indices = np.asarray(value_of(indices), int)
    if np.any((indices < 0) | (indices >= x.shape[axis])):
        raise IndexError(
            f"{ufunc.__name__}.reduceat: an index is outside 0 .. {x.shape[axis] - 1}, the axis "
            f"{axis} of a tensor of shape {x.shape}"
        )
    rows = np.moveaxis(x if dtype is None else x.astype(dtype), axis, 0)
    if not indices.size:
        return np.moveaxis(rows[:0], 0, axis)
    parts = [
        _reduce(ufunc, rows[i : max(i + 1, j)])
        for i, j in zip(indices, [*indices[1:], x.shape[axis]], strict=True)
    ]
    return np.stack(parts, axis=axis)


METHODS: dict[str, Callable[..., Any]] = {
    "reduce": _reduce,
    "accumulate": _accumulate,
    "outer": _outer,
    "reduceat": _reduceat,
}


def change_at(ufunc: Any, x: Any, index: Any, *others: Any) -> None:
    """``x[index] = ufunc(x[index], other)``, an element that is named twice changed twice."""
    if not isinstance(x, Tensor):
        if any(isinstance(other, Tensor) and other.requires_grad for other in others):
            raise InPlaceError(
                f"{ufunc.__name__}.at: an array cannot take the result of a tensor that requires a "
                "gradient; make the array a Tensor"
            )
        ufunc.at(x, value_of(index), *map(value_of, others))
        return
    index = tuple(map(value_of, index)) if isinstance(index, tuple) else value_of(index)
    positions = asarray(np.arange(x.size).reshape(x.shape))[index]
    others = tuple(map(asarray, others))
    result = np.result_type(*ufunc.resolve_dtypes((x.dtype, *(o.dtype for o in others), None))[-1:])
    if not np.can_cast(result, x.dtype, "same_kind"):
        raise TypeError(
            f"{ufunc.__name__}.at: cannot cast the result from {result} to {x.dtype}, the dtype of "
            "the tensor that it is stored in"
        )
    if ufunc in (np.add, np.subtract):
        change = np.broadcast_to(others[0], positions.shape).astype(x.dtype)
        x[...] = ufunc(x, scatter(change, index=index, shape=x.shape))
        return
    flat = positions.data.ravel()
    spread = [np.reshape(np.broadcast_to(other, positions.shape), (-1,)) for other in others]
    while flat.size:
        # One round changes each element once; what names it again waits for the next.
        first = np.zeros(flat.size, bool)
        first[np.unique(flat, return_index=True)[1]] = True
        at = np.unravel_index(flat[first], x.shape)
        x[at] = ufunc(x[at], *(other[first] for other in spread))
        flat, spread = flat[~first], [other[~first] for other in spread]
