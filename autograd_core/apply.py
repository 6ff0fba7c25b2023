"""Calling an op with tensors among its arguments: take them apart, compute, record, wrap."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from . import record
from .errors import InPlaceError
from .graph import Node, next_number
from .registry import Op, connect
from .tensor import VIEWS, Tensor, mark_view, refuse_subclass, refuse_view, value_of, wrap

__all__ = ["apply"]


def apply(op: Op, args: Any, kwargs: dict[str, Any]) -> Any:
    """Call ``op`` with tensors among its arguments; the result is a tensor, or several."""
    if kwargs or op.variadic or len(args) != op.arity:
        if "out" in kwargs:
            return _apply_into(op, args, dict(kwargs))
        if op.composition is not None:
            return _apply_derived(op, args, kwargs)
        try:
            args, params = op.bind(args, kwargs)
        except TypeError:
            if op.mask & 1 or op.arity == 1:
                raise
            return _plain(op, args, kwargs)  # np.where(condition)
        if params:
            params = {key: value_of(value) for key, value in params.items()}
    elif len(args) == 1 and type(args[0]) is Tensor:
        params = record.NO_PARAMS
        x, node = args[0]._value, args[0]._node
        try:
            value = op.fn(x)
        except ValueError as error:
            raise record.explain(op, (x,), error) from None
        if node is not None:
            node = record.record_one(op, value, x, node) if op.mask else None
        return _handles(op, value, node, x, params)
    else:
        params = record.NO_PARAMS
    values, parents, tracked, bit = [], [], 0, 1
    for x in args:
        if type(x) is Tensor:
            values.append(x._value)
            node = x._node
            parents.append(node)
            if node is not None:
                tracked |= bit
        else:
            values.append(x if isinstance(x, _NUMBERS) else _array(x))
            parents.append(None)
        bit <<= 1
    if not op.variadic and tracked & ~op.mask:
        parents = [node if op.mask >> i & 1 else None for i, node in enumerate(parents)]
        tracked &= op.mask
    if tracked and params and record.recording():
        op.check_params(params)
    value = record.run(op, values, params)
    node = (
        record.record(op, value, tuple(values), tuple(parents), tracked, params)
        if tracked
        else None
    )
    return _handles(op, value, node, values[0] if values else None, params)


_NUMBERS = (*record.SCALARS, type(None))


def _array(x: Any) -> Any:
    """An operand that is no tensor and no number, as an array."""
    if type(x) is np.ndarray:
        return x
    if isinstance(x, (list, tuple)):
        return np.asarray(x)
    refuse_subclass(x)
    return x


def _apply_into(op: Op, args: Any, kwargs: dict[str, Any]) -> Any:
    """Apply ``op`` and store the result where ``out=`` says."""
    target = kwargs.pop("out")
    if target is None:
        return apply(op, args, kwargs)
    what = f"out= of {op.name}"
    operands = [x for x in _flat((*args, *kwargs.values())) if type(x) is Tensor]
    tracked = record.recording() and any(x._node is not None for x in operands)
    if type(target) is not Tensor and tracked and op.rules != (None,) * op.arity:
        raise InPlaceError(
            f"{what}: an array cannot take the result of a tensor that requires a gradient, which "
            "would cut it from the graph unseen. Leave out= away, or pass a Tensor."
        )
    if type(target) is Tensor:
        target._check_in_place(what)
        refuse_view(target, what)
    if kwargs.get("where", True) is not True and not tracked:
        if type(target) is Tensor and target._node is not None and record.recording():
            raise InPlaceError(
                f"{what}: with where= it would keep part of a value that requires a gradient; "
                "write np.where(mask, result, t) instead"
            )
        # Elements that `where` leaves out keep what the target held.
        kwargs["out"] = np.array(value_of(target))
        result = _plain(op, args, kwargs)
    else:
        result = apply(op, args, kwargs)
    if type(target) is Tensor:
        target._rebind(result)
    else:
        np.copyto(target, result._value, casting="same_kind")
    return target


def _handles(op: Op, value: Any, node: Node | None, x: Any, params: dict[str, Any]) -> Any:
    """The tensor of a result computed from ``x``, or the tensors of several."""
    if isinstance(value, _ARRAYS):
        tensor = wrap(value, node)
        if op in VIEWS:
            mark_view(tensor, op, x, params)
        return tensor
    if isinstance(value, (tuple, list)):
        nodes = [node and record.project(node, k) for k in range(len(value))]
        outputs = [wrap(v, n) for v, n in zip(value, nodes, strict=True)]
        if op in VIEWS:
            for output in outputs:
                mark_view(output, op, x, params)
        return value._make(outputs) if hasattr(value, "_make") else type(value)(outputs)
    # A duck array; or a plain fact, from np.shape and friends.
    return wrap(value, node) if hasattr(value, "__array_function__") else value


_ARRAYS = (np.ndarray, np.generic)


def _plain(op: Op, args: Any, kwargs: dict[str, Any]) -> Any:
    value = op.fn(*map(value_of, args), **{k: value_of(v) for k, v in kwargs.items()})
    return wrap(value, None) if isinstance(value, (np.ndarray, np.generic)) else value


def _apply_derived(op: Op, args: Any, kwargs: dict[str, Any]) -> Any:
    operands = [*args, *kwargs.values()]
    if not any(type(x) is Tensor and x._node is not None for x in _flat(operands)):
        value = op.fn(*map(_values_of, args), **{k: _values_of(v) for k, v in kwargs.items()})
        if isinstance(value, tuple):
            return value._make(map(wrap, value, (None,) * len(value)))  # type: ignore[attr-defined]
        return wrap(value, None)
    op.check_params(kwargs)
    first = next_number()
    assert op.composition is not None
    result = op.composition(*args, **kwargs)
    if type(result) is Tensor and result._node is not None and result._node.number > first:
        result._node.derived = (op, first)
    return result


def _flat(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _flat(value)
        else:
            yield value


def _values_of(x: Any) -> Any:
    return type(x)(map(_values_of, x)) if type(x) in (list, tuple) else value_of(x)


connect(Tensor, apply)
