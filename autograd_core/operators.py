"""Python's operators on tensors, by a loop over the table: forward, reflected and in place."""

from __future__ import annotations

import dis
import sys
from typing import Any

import numpy as np

from . import record
from .apply import apply
from .errors import InPlaceError
from .registry import OPS, Op
from .tensor import Tensor, asarray, new_tensor, wrap
from .values import refuse_subclass
from .views import is_view, refuse_view


def _operator(op: Op) -> None:
    """Give Tensor the Python operator of ``op``, reflected and in place too."""
    compute = op.operator
    assert compute is not None
    name = compute.__name__.rstrip("_")

    if op.arity == 1:

        def unary(self: Tensor) -> Tensor:
            return apply(op, (self,), {})  # type: ignore[no-any-return]

        setattr(Tensor, f"__{name}__", unary)
        return

    record_pair = record.record_pair if op.mask else _record_nothing

    def forward(self: Tensor, other: Any) -> Any:
        if type(other) is Tensor:
            y, y_node = other._value, other._node
        else:
            y, y_node = other, None
            if type(other) is not np.ndarray and not isinstance(other, record.SCALARS):
                y = _operand(other)
                if y is NotImplemented:
                    return NotImplemented
        x, x_node = self._value, self._node
        try:
            value = compute(x, y)
        except Exception as error:
            raise record.explain(op, (x, y), error) from None
        result = new_tensor(Tensor)
        result._value = value
        result._node = (
            None
            if x_node is None and y_node is None
            else record_pair(op, value, x, x_node, y, y_node)
        )
        result._name = None
        return result

    setattr(Tensor, f"__{name}__", forward)
    if name in COMPARISONS:
        return

    def reflected(self: Tensor, other: Any) -> Any:
        x = _operand(other)
        if x is NotImplemented:
            return NotImplemented
        y, y_node = self._value, self._node
        try:
            # Python's complex numbers multiply NumPy's scalars by themselves, to a Python number.
            value = compute(x, y) if type(x) is not complex else op.fn(x, y)
        except Exception as error:
            raise record.explain(op, (x, y), error) from None
        return wrap(value, None if y_node is None else record_pair(op, value, x, None, y, y_node))

    def in_place(self: Tensor, other: Any) -> Any:
        if type(other) is not Tensor and isinstance(other, Tensor):
            raise InPlaceError(
                f"x {op.symbol}= ...: the other operand is one for each example, for which this "
                f"tensor has no place under vmap. Write x = x {op.symbol} y"
            )
        self._check_in_place(f"x {op.symbol}= ...")
        if is_view(self) and not (
            sys.getrefcount(self) <= BORROWED and stored_back(sys._getframe(1))
        ):
            refuse_view(self, f"x {op.symbol}= ...")
        result = forward(self, other)
        if result is NotImplemented:
            return NotImplemented
        self._rebind(result)
        return self

    setattr(Tensor, f"__r{name}__", reflected)
    setattr(Tensor, f"__i{name}__", in_place)


def _record_nothing(*_: Any) -> None:
    """A comparison's result is not part of the graph."""


COMPARISONS = {"eq", "ne", "lt", "le", "gt", "ge"}
# What holds a tensor that only the running statement knows: its caller, `self`, and the question.
BORROWED = 3


def _operand(x: Any) -> Any:
    if isinstance(x, record.SCALARS) or hasattr(x, "__array_function__"):
        if isinstance(x, np.ndarray):
            refuse_subclass(x)
        return x
    return np.asarray(x) if isinstance(x, (list, tuple)) else NotImplemented


def stored_back(frame: Any) -> bool:
    """Whether the caller is a statement ``x[i] += y``, which stores the result back into x.

    Python computes ``r = x[i]; r += y`` by the same calls: only what follows tells.
    """
    code, at = frame.f_code.co_code, frame.f_lasti + 2
    while dis.opname[code[at]] in ("CACHE", "SWAP", "ROT_TWO", "ROT_THREE", "NOP", "EXTENDED_ARG"):
        at += 2
    return dis.opname[code[at]] in ("STORE_SUBSCR", "STORE_SLICE")


def _divmod(self: Tensor, other: Any) -> tuple[Any, Any]:
    return self // other, self % other


setattr(Tensor, "__rdivmod__", lambda self, other: _divmod(asarray(other), self))  # noqa: B010
setattr(Tensor, "__divmod__", _divmod)  # noqa: B010 - mypy knows it from the stub

for _op in dict.fromkeys(OPS.values()):
    if _op.operator is not None:
        _operator(_op)
