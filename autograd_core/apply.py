"""Calling an op with tensors among its arguments: take them apart, compute, record, wrap."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from . import record
from .errors import InPlaceError, NotDifferentiableError
from .graph import Derived, Node, Operand, next_number, refuse_unknown_shape
from .registry import Op, call_batched, connect, running
from .tensor import Tensor, value_of, wrap
from .ufuncs import call_method, in_full, store_in_array
from .values import refuse_subclass
from .views import GETITEM, SETITEM, VIEWS, mark_view, refuse_view

__all__ = ["apply", "apply_fresh", "beyond"]


def apply(op: Op, args: Any, kwargs: dict[str, Any]) -> Any:
    """Call ``op`` with tensors among its arguments; the result is a tensor, or several."""
    if running and (result := call_batched(op, args, kwargs)) is not NotImplemented:
        return result
    if kwargs or op.variadic or len(args) != op.arity:
        if "out" in op.names[op.arity : len(args)]:
            named = dict(zip(op.names[op.arity :], args[op.arity :], strict=False))
            args, kwargs = args[: op.arity], {**named, **kwargs}
        if "out" in kwargs:
            return _apply_into(op, args, dict(kwargs))
        if op.composition is not None:
            return _apply_derived(op, op.composition, args, kwargs)
        if kwargs and isinstance(op.fn, np.ufunc) and op.kind == "elementwise":
            # NumPy leaves what where= masks out unset; a tensor must not hold what was in memory.
            return _apply_derived(op, partial(in_full, op), args, kwargs, "where" in kwargs)
        if op.otherwise is not None and beyond(op, args, kwargs):
            return _apply_derived(op, op.otherwise, args, kwargs)
        try:
            args, params = op.bind(args, kwargs)
        except TypeError:
            if op.mask & 1 or op.arity == 1:
                raise
            return _plain(op, args, kwargs)  # np.where(condition)
        if params:
            params = {key: _constant(op, key, value) for key, value in params.items()}
    else:
        params = record.NO_PARAMS
    if op.arity == 1 and type(args[0]) is Tensor and not op.variadic:
        return _apply_one(op, args[0], params)
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
    if tracked & ~op.mask and not (op.variadic and op.mask):
        parents = [node if op.mask >> i & 1 else None for i, node in enumerate(parents)]
        tracked &= op.mask
    if tracked and params and record.recording():
        params = _checked(op, params)
    value = record.run(op, values, params)
    node = None
    if tracked:
        if getattr(value, "dtype", None) == np.dtype(object):
            kinds = " and ".join(type(x).__name__ for x in args)
            raise TypeError(f"{op.name} of {kinds}: an operand is neither a number nor an array")
        if not op.variadic and op.mask != (1 << op.arity) - 1 and op not in INDEXED:
            values = [
                x.copy() if type(x) is np.ndarray and not op.mask >> i & 1 and x is args[i] else x
                for i, x in enumerate(values)
            ]
        node = record.record(op, value, tuple(values), tuple(parents), tracked, params)
    return _handles(op, value, node, values[0] if values else None, params)


def _apply_one(op: Op, t: Tensor, params: dict[str, Any]) -> Any:
    """Do what `apply` does with one tensor, for which nothing need be sorted out."""
    x, node = t._value, t._node
    if not op.mask:
        node = None
    if node is not None and params and record.recording():
        params = _checked(op, params)
    try:
        value = op.fn(x, **params) if params else op.fn(x)
    except Exception as error:
        raise record.explain(op, (x,), error) from None
    if node is not None:
        if params:
            node = record.record(op, value, (x,), (node,), 1, params)
        else:
            node = record.record_one(op, value, x, node)
    return _handles(op, value, node, x, params)


def apply_fresh(op: Op, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Do what `apply` does, with operands and parameters that need no second look.

    For ops whose caller has checked both already, once in each training step: the parameters are
    all known to the rules, what has no rule is no tensor, and neither is held by anybody else, who
    could write into it before the backward pass.
    """
    if running:
        return apply(op, operands, params)
    values, parents, tracked, bit, plain = [], [], 0, 1, True
    for x in operands:
        if type(x) is Tensor:
            plain = False
            values.append(x._value)
            node = x._node
            parents.append(node)
            if node is not None:
                tracked |= bit
        else:
            values.append(x if type(x) is np.ndarray or isinstance(x, _NUMBERS) else _array(x))
            parents.append(None)
        bit += bit
    try:
        value = op.fn(*values, **params) if params else op.fn(*values)
    except Exception as error:
        raise record.explain(op, values, error) from None
    if plain:
        return value
    node = record.record(op, value, values, tuple(parents), tracked, params) if tracked else None
    if isinstance(value, _ARRAYS):
        return wrap(value, node)
    return _handles(op, value, node, None, params)


def _checked(op: Op, params: dict[str, Any]) -> dict[str, Any]:
    """The parameters for the rules: all known to them, and safe from later writes by the user."""
    op.check_params(params)
    # An index or a mask that is written into later must not change the gradient.
    return params if op in INDEXED else {key: _frozen(x) for key, x in params.items()}


def _frozen(value: Any) -> Any:
    """A parameter that later writes by the user cannot change."""
    if type(value) is np.ndarray:
        return value.copy()
    return [_frozen(x) for x in value] if type(value) is list else value


def _constant(op: Op, key: str, value: Any) -> Any:
    """A parameter's value: nothing is differentiated by it."""
    if type(value) is Tensor:
        if value._node is not None and record.recording():
            raise NotDifferentiableError(
                f"{op.name} is not differentiable with respect to its parameter {key!r}: pass "
                "t.detach() if no gradient is meant"
            )
        return value._value
    return value


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
    if isinstance(target, tuple):
        results = apply(op, args, kwargs)
        return tuple(_stored(op, r, t) for r, t in zip(results, target, strict=True))
    what = f"out= of {op.name}"
    operands = [x for x in _flat((*args, *kwargs.values())) if type(x) is Tensor]
    tracked = record.recording() and any(x._node is not None for x in operands)
    if type(target) is not Tensor and tracked and (op.mask or op.composition):
        raise InPlaceError(
            f"{what}: an array cannot take the result of a tensor that requires a gradient, which "
            "would cut it from the graph unseen. Leave out= away, or pass a Tensor."
        )
    if type(target) is Tensor:
        target._check_in_place(what)
        refuse_view(target, what)
    mask = kwargs.get("where", True)
    kept = type(target) is Tensor and target._node is not None and record.recording()
    if mask is not True and op.kind == "elementwise" and not (tracked or kept):
        # Elements that `where` leaves out keep what the target held.
        kwargs["out"] = np.array(value_of(target))
        result = _plain(op, args, kwargs)
    else:
        result = apply(op, args, kwargs)
        if mask is not True and op.kind == "elementwise":
            result = np.where(mask, result, target)
    if type(target) is Tensor:
        if result.shape != target.shape and op.kind == "elementwise":
            result = np.broadcast_to(result, target.shape)
        target._rebind(result)
    else:
        np.copyto(target, result._value, casting="same_kind")
    return target


def _stored(op: Op, result: Any, target: Any) -> Any:
    """One of several results, where ``out=`` says; itself for None."""
    if target is None:
        return result
    if type(target) is not Tensor:
        return store_in_array(target, result, f"out= of {op.name}")
    target._check_in_place(f"out= of {op.name}")
    refuse_view(target, f"out= of {op.name}")
    target._rebind(result)
    return target


def _handles(op: Op, value: Any, node: Node | None, x: Any, params: dict[str, Any]) -> Any:
    """The tensor of a result computed from ``x``, or the tensors of several."""
    if isinstance(value, _ARRAYS):
        tensor = wrap(value, node)
        if op in VIEWS or (type(value) is np.ndarray and (value is x or value.base is not None)):
            mark_view(tensor, op, x, params)
        return tensor
    if isinstance(value, (tuple, list)):
        if node is None:
            outputs = _wrapped(list(value))  # some are plain facts, of np.shape for example
        else:
            outputs = [wrap(v, record.project(node, k)) for k, v in enumerate(value)]
        if op in VIEWS:
            for output in outputs:
                mark_view(output, op, x, params)
        return value._make(outputs) if hasattr(value, "_make") else type(value)(outputs)
    if not hasattr(value, "__array_function__"):
        return value  # a plain fact, from np.shape and friends
    if node is not None:
        refuse_unknown_shape(value.shape, op.name)
    tensor = wrap(value, node)
    if op in VIEWS:
        mark_view(tensor, op, x, params)
    return tensor


# Their index was copied when it was read.
INDEXED = (GETITEM, SETITEM)
_ARRAYS = (np.ndarray, np.generic)


def _plain(op: Op, args: Any, kwargs: dict[str, Any]) -> Any:
    return _wrapped(op.fn(*map(value_of, args), **{k: value_of(v) for k, v in kwargs.items()}))


def _wrapped(value: Any) -> Any:
    """What a function returned, its arrays as tensors that are not tracked."""
    if type(value) is Tensor:
        return value
    if isinstance(value, (tuple, list)):
        wrapped = [_wrapped(v) for v in value]
        return value._make(wrapped) if hasattr(value, "_make") else type(value)(wrapped)
    is_array = isinstance(value, _ARRAYS) or hasattr(value, "__array_function__")
    return wrap(value, None) if is_array else value


def beyond(op: Op, args: Any, kwargs: dict[str, Any]) -> bool:
    """Whether a call has parameters that the rules do not know."""
    given = (*op.names[op.arity : len(args)], *kwargs)
    return not op.params.issuperset(given) and not set(given) <= {*op.names[: op.arity], *op.params}


def _apply_derived(
    op: Op, composition: Callable[..., Any], args: Any, kwargs: dict[str, Any], always: bool = False
) -> Any:
    operands = [*args, *kwargs.values()]
    tracked = any(type(x) is Tensor and x._node is not None for x in _flat(operands))
    if op.mutates:
        tracked = _is_target(op, args, kwargs, tracked)
    if not (tracked or always):
        value = op.fn(*map(_values_of, args), **{k: _values_of(v) for k, v in kwargs.items()})
        wrapped = _wrapped(value)
        _mark_views(wrapped, operands)
        return wrapped
    if composition is op.composition:
        op.check_params(kwargs)
    first = next_number()
    try:
        result = _wrapped(composition(*args, **kwargs))
    except Exception as error:
        error.add_note(f"inside {op.name}")
        raise
    several = isinstance(result, (tuple, list))
    told = None
    for i, output in enumerate(result if several else (result,)):
        if type(output) is Tensor and output._node is not None and output._node.number > first:
            if told is None:
                told = _told(tuple(args)), {key: _told(x) for key, x in kwargs.items()}
            output._node.derived = Derived(op, first, *told, i if several else None)
    return result


def _told(x: Any) -> Any:
    """What to tell of an argument, without keeping what it holds."""
    if type(x) is Tensor:
        return Operand(0 if x._node is None else x._node.number, x._value.shape)
    if x is None or isinstance(x, _PLAIN):
        return x
    if type(x) in (list, tuple, range):
        return (list if type(x) is list else tuple)(map(_told, x[:_FEW]))
    if isinstance(x, np.dtype):
        return str(x)
    if hasattr(x, "shape"):
        return x.item() if type(x) is np.ndarray and x.ndim == 0 else Operand(0, x.shape)
    return getattr(x, "__name__", type(x).__name__)


_PLAIN = (bool, int, float, complex, str, slice, type(Ellipsis), np.generic)
#: A list of more than these is told by its beginning.
_FEW = 20


def _mark_views(wrapped: Any, operands: Any) -> None:
    """Note which results share the memory of an operand, of a call that was not taken apart."""
    arrays = [x._value for x in _flat(operands) if type(x) is Tensor]
    for t in _flat(wrapped if isinstance(wrapped, (tuple, list)) else (wrapped,)):
        if type(t) is Tensor and type(t._value) is np.ndarray:
            t._view = any(np.may_share_memory(t._value, x) for x in arrays)


def _is_target(op: Op, args: Any, kwargs: dict[str, Any], tracked: bool) -> bool:
    """Whether the first argument, which ``op`` writes into, is a tensor."""
    target = args[0] if args else kwargs.get(op.names[0])
    if type(target) is not Tensor and tracked and record.recording():
        raise InPlaceError(
            f"{op.name}: an array cannot take the value of a tensor that requires a gradient: it "
            "would be cut from the graph unseen. Pass a Tensor to write into, or t.detach()."
        )
    return type(target) is Tensor


def _flat(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _flat(value)
        else:
            yield value


def _values_of(x: Any) -> Any:
    return type(x)(map(_values_of, x)) if type(x) in (list, tuple) else value_of(x)


connect(Tensor, apply, call_method)
