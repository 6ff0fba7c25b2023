"""Python's operators on tensors, by a loop over the table: forward, reflected and in place."""

from __future__ import annotations

import dis
import sys
from typing import Any

import numpy as np

from . import record
from .apply import apply
from .errors import InPlaceError
from .graph import Node, next_number
from .record import NO_PARAMS, stand_in
from .registry import OPS, Op
from .tensor import Tensor, asarray, new_tensor
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

    # What is kept if the left operand is tracked, if the right one is, if both are.
    rows = [(keep_out, *keep) for keep_out, keep in op.table]
    left_row, right_row, both_row = rows[1:]
    recorded = op.mask != 0
    mode_here, float64, dtype64 = record.mode.get, np.float64, np.dtype(np.float64)

    def binary(left: Any, right: Any) -> Any:
        work = compute
        if type(left) is Tensor:
            x, x_node = left._value, left._node
        else:
            x, x_node = left, None
            if type(x) not in _PLAIN:
                x = _operand(x)
                if x is NotImplemented:
                    return NotImplemented
                if type(x) is complex:
                    # They multiply NumPy's scalars by themselves, to a Python number.
                    work = op.fn
        if type(right) is Tensor:
            y, y_node = right._value, right._node
        else:
            y, y_node = right, None
            if type(y) not in _PLAIN and (y := _operand(y)) is NotImplemented:
                return NotImplemented
        try:
            value = work(x, y)
        except Exception as error:
            raise record.explain(op, (x, y), error) from None
        result = new_tensor(Tensor)
        result._value = value
        result._name = None
        if x_node is not None:
            keep_out, keep_x, keep_y = left_row if y_node is None else both_row
        elif y_node is not None:
            keep_out, keep_x, keep_y = right_row
        else:
            result._node = None
            return result
        if not recorded or mode_here() is not True:
            tracked = (x_node is not None) + 2 * (y_node is not None)
            result._node = (
                record.record(op, value, (x, y), (x_node, y_node), tracked) if recorded else None
            )
            return result
        # `record.record`, written out: the call would cost as much as two small vectors' product.
        node = result._node = Node()
        node.op = op
        node.left = x_node
        node.right = y_node
        node.x = x if keep_x else x_node if x_node is not None else stand_in(x)
        node.y = y if keep_y else y_node if y_node is not None else stand_in(y)
        node.more = node.grad = node.hooks = None
        node.out = value if keep_out else None
        node.params = NO_PARAMS
        if type(value) is float64:  # NumPy takes its time to tell the dtype of one
            node.shape = ()
            node.dtype = dtype64
        else:
            node.shape = value.shape
            node.dtype = value.dtype
        node.number = next_number()
        return result

    op.binary = binary
    setattr(Tensor, f"__{name}__", binary)
    if name in COMPARISONS:
        return

    def reflected(self: Tensor, other: Any) -> Any:
        return binary(other, self)

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
        result = binary(self, other)
        if result is NotImplemented:
            return NotImplemented
        self._rebind(result)
        return self

    setattr(Tensor, f"__r{name}__", reflected)
    setattr(Tensor, f"__i{name}__", in_place)


# What needs no second look.
_PLAIN = frozenset({float, int, np.ndarray, np.float32, np.float64})
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
