"""How an op is applied to values under `vmap`: a rule for each kind of op, else a loop.

A rule gets the operands of one call as the function sees them, and calls the op on the whole
arrays, with the batch as axis 0: ``rule(b, op, operands, params)``. Ops that are composed of
others need none, since their parts have theirs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..apply import beyond
from ..errors import InPlaceError, ShapeError
from ..record import explain
from ..registry import Op, connect_batching
from ..ufuncs import METHODS, change_at, in_full
from ..views import GETITEM, SETITEM, VIEWS
from . import batching_index
from .batched import ACTIVE, Batched, LookedError, Loop, levels, lower, size_of, stale
from .batched import connect_batching as connect_values

__all__ = ["KINDS", "RULES", "Batch", "Rule", "batching", "in_turn", "loop", "of_these_vmaps"]


class Batch(NamedTuple):
    """One `vmap`, as rules see it."""

    level: int
    size: int

    def holds(self, x: Any) -> bool:
        """Whether ``x`` has a value of its own for each example."""
        return type(x) is Batched and x._level == self.level

    def whole(self, x: Any) -> Any:
        """The values of all examples along axis 0; what is the same for all stays as it is."""
        return x._whole if self.holds(x) else x

    def aligned(self, x: Any, ndim: int) -> Any:
        """`whole`, with axes of one behind the batch so that an example has ``ndim`` axes."""
        if not self.holds(x):
            return x
        w = x._whole
        lead = ndim + 1 - w.ndim
        return w if lead <= 0 else np.reshape(w, (w.shape[0],) + (1,) * lead + w.shape[1:])

    def full(self, x: Any) -> Any:
        """`whole`, repeated for each example where it is the same for all."""
        return self.whole(x) if self.holds(x) else np.broadcast_to(x, (self.size, *np.shape(x)))

    def wrapped(self, y: Any) -> Any:
        """Whole results as functions see them."""
        if isinstance(y, (tuple, list)):
            parts = [self.wrapped(v) for v in y]
            return y._make(parts) if hasattr(y, "_make") else type(y)(parts)
        return lower(self.level, y) if hasattr(y, "__array_function__") else y


Rule = Callable[[Batch, Op, Any, dict[str, Any]], Any]

#: For each op with a rule, what kind of rule it is, and the rule; see `batching_table`.
RULES: dict[Op, tuple[str, Any]] = {}
#: The rules of ops that are elementwise by declaration.
KINDS: dict[str, tuple[str, Any]] = {}


# --- a call -----------------------------------------------------------------------------------


def _apply(op: Op, args: Any, kwargs: dict[str, Any]) -> Any:
    level = levels((*args, *kwargs.values()) if kwargs else args)
    if not level:
        return NotImplemented
    b = Batch(level, size_of(level))
    if "out" in kwargs:
        return _into(op, args, kwargs)
    try:
        return _call(b, op, args, kwargs)
    except (ValueError, IndexError) as raised:
        error: Exception = raised
        if type(error) is ValueError and op.arity:  # tell the shapes of one example
            error = explain(op, args[0] if op.variadic else args[: op.arity], error)
        note = f"under vmap: axis 0, of length {b.size}, is the batch of examples"
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)
        raise error from None


def _call(b: Batch, op: Op, args: Any, kwargs: dict[str, Any]) -> Any:
    found = RULES.get(op) or KINDS.get(op.kind)
    if found is not None and found[0] == "loop":
        return loop(b, op, args, kwargs)
    if found is not None and found[0] == "parts":
        return _by_parts(b, op, found[1], args, kwargs)
    if op.composition is not None and found is None:
        return _by_parts(b, op, op.composition, args, kwargs)
    if op.otherwise is not None and (
        found is None or (found[0] != "axis" and beyond(op, args, kwargs))
    ):
        return _by_parts(b, op, op.otherwise, args, kwargs)
    if kwargs and op.kind == "elementwise" and isinstance(op.fn, np.ufunc):
        return _by_parts(b, op, partial(in_full, op), args, kwargs)
    if found is not None:
        try:
            operands, params = _bound(op, args, kwargs)
            whole = found[1](b, op, operands, params)
        except Loop:
            if op.composition is not None:
                return _by_parts(b, op, op.composition, args, kwargs)
            return loop(b, op, args, kwargs)
        if found[0] == "fact":
            return whole
        result = b.wrapped(whole)
        if op in VIEWS and type(result) is Batched:
            result._view = op is not GETITEM or (result.ndim > 0 and batching_index.is_view(params))
        return result
    return loop(b, op, args, kwargs)


def _bound(op: Op, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The operands and the parameters of a call."""
    if op.arity and (kwargs or op.variadic or len(args) != op.arity):
        try:
            return op.bind(args, kwargs)
        except TypeError:
            if op.mask & 1 or op.arity == 1:
                raise
            raise Loop from None  # np.where(condition)
    return args, kwargs


def _by_parts(b: Batch, op: Op, parts: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Compute by other ops; where they have to look at elements, in a loop."""
    if op.mutates and not b.holds(args[0] if args else kwargs.get(op.names[0])):
        raise InPlaceError(
            f"{op.name}: the value is one for each example, for which the array or tensor that is "
            "written into has no place under vmap. Make that one by np.zeros_like(y, shape=...)"
        )
    try:
        return parts(*args, **kwargs)
    except (LookedError, RaggedError):
        if op.mutates:
            raise
        return loop(b, op, args, kwargs)


def _into(op: Op, args: Any, kwargs: dict[str, Any]) -> Any:
    """Apply ``op`` and store the result where ``out=`` says."""
    kwargs = dict(kwargs)
    target = kwargs.pop("out")
    result = op.function(*args, **kwargs)
    if target is None:
        return result
    several = isinstance(target, tuple)
    pairs = zip(target, result, strict=True) if several else [(target, result)]
    for place, value in pairs:
        if place is not None and type(place) is not Batched:
            raise InPlaceError(
                f"out= of {op.name}: under vmap the result is one for each example, for which this "
                "array or tensor has no place. Leave out= away, or make it by np.zeros_like(x)"
            )
        if place is not None:
            place._check_in_place(f"out= of {op.name}")
            place._rebind(value)
    return target


def _apply_method(ufunc: Any, method: str, inputs: Any, kwargs: dict[str, Any]) -> Any:
    """``np.add.reduce`` and its like."""
    level = levels((*inputs, *kwargs.values()))
    if not level:
        return NotImplemented
    if method == "at":
        return change_at(ufunc, *inputs)
    kwargs = {key: value for key, value in kwargs.items() if value is not None or key == "axis"}
    if "out" in kwargs or method not in METHODS:
        raise TypeError(f"np.{ufunc.__name__}.{method}: under vmap not, or not with out=")
    return METHODS[method](ufunc, *inputs, **kwargs)


# --- without a rule ----------------------------------------------------------------------------


def loop(b: Batch, op: Op, args: Any, kwargs: dict[str, Any]) -> Any:
    """Call ``op`` once for each example, and stack what it returns."""
    return _in_turn(b, op.function, op.name, args, kwargs)


def in_turn(function: Callable[..., Any], name: str, args: Any, kwargs: dict[str, Any]) -> Any:
    """Call a function once for each example, of the highest level among its arguments."""
    level = levels((*args, *kwargs.values()))
    return _in_turn(Batch(level, size_of(level)), function, name, args, kwargs)


def of_these_vmaps(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Have ``function`` called as if those `vmap`s ran that run now: of later ones' values in turn.

    So it is with what was recorded before: it has no axis for the examples of a later `vmap`.
    """
    then = ACTIVE.get()
    last = then[-1][0] if then else 0

    def call(*args: Any) -> Any:
        now = ACTIVE.get()
        if now == then:
            return function(*args)
        if now[: len(then)] != then:
            raise stale()
        if levels(args) > last:
            return in_turn(call, name, args, {})
        token = ACTIVE.set(then)
        try:
            return function(*args)
        finally:
            ACTIVE.reset(token)

    return call


def _in_turn(b: Batch, function: Any, name: str, args: Any, kwargs: dict[str, Any]) -> Any:
    n = max(b.size, 1)  # of no examples, one of zeros tells the shapes

    def of(x: Any, i: int) -> Any:
        if b.holds(x):
            return x._whole[i] if b.size else np.zeros(x.shape, x.dtype)
        if isinstance(x, dict):
            return {key: of(v, i) for key, v in x.items()}
        if isinstance(x, (list, tuple)):
            parts = [of(v, i) for v in x]
            return x._make(parts) if hasattr(x, "_make") else type(x)(parts)
        return x

    # In the function there is one example only: transforms there need not know of this `vmap`.
    token = ACTIVE.set(tuple(a for a in ACTIVE.get() if a[0] < b.level))
    try:
        results = [function(*of(tuple(args), i), **of(kwargs, i)) for i in range(n)]
        return _stacked(b, name, results)
    finally:
        ACTIVE.reset(token)


def _stacked(b: Batch, name: str, results: list[Any]) -> Any:
    """What the examples gave, as one whole."""
    first = results[0]
    if isinstance(first, dict):
        return {key: _stacked(b, name, [r[key] for r in results]) for key in first}
    if isinstance(first, (tuple, list)):
        if len({len(r) for r in results}) > 1:
            raise _ragged(name, [f"{len(r)} results" for r in results])
        parts = [_stacked(b, name, list(each)) for each in zip(*results, strict=True)]
        return first._make(parts) if hasattr(first, "_make") else type(first)(parts)
    if first is None or isinstance(first, str):
        return first
    shapes = [np.shape(r) for r in results]
    if len(set(shapes)) > 1:
        raise _ragged(name, shapes)
    whole = np.stack(results)
    return lower(b.level, whole if b.size else whole[:0])


class RaggedError(ShapeError):
    """The shape of a result depends on the example."""


def _ragged(name: str, shapes: list[Any]) -> RaggedError:
    one, other = itertools.islice(dict.fromkeys(map(str, shapes)), 2)
    return RaggedError(
        f"{name} under vmap: the shape of the result depends on the values, {one} for one example "
        f"and {other} for another, and such results cannot be stacked. Keep the shape, by "
        "np.where(mask, x, 0.0) instead of x[mask] for example, or call it outside of vmap"
    )


def batching(op: Op) -> str:
    """How `vmap` applies ``op``: the kind of its rule, by its parts, or in a loop over examples.

    >>> from autograd_core.registry import OPS
    >>> batching(OPS[np.tanh]), batching(OPS[np.var]), batching(OPS[np.unique])
    ('elementwise', 'parts', 'loop')
    """
    found = RULES.get(op) or KINDS.get(op.kind)
    if found is not None:
        return found[0]
    return "parts" if op.composition is not None or op.otherwise is not None else "loop"


def _store(x: Batched, index: Any, value: Any) -> None:
    """``x[index] = value``: in the memory of ``x`` where nobody else can see it."""
    level = max(levels((x, index, value)), x._level)
    if level > x._level:
        raise InPlaceError(
            "x[...] = y: the value, or the index, is one for each example of an inner vmap, for "
            "which x has no place. Make x there, by np.zeros_like(y, shape=x.shape) for example"
        )
    b = Batch(level, size_of(level))
    batching_index.store(
        b, x, index, value, lambda x, value, index: loop(b, SETITEM, (x, value), {"index": index})
    )


connect_batching(_apply, _apply_method)
connect_values(_apply, _apply_method, _store, in_turn)
