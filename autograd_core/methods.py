"""The methods that a tensor has because the op is in the table: ``t.sum(axis=0)`` is ``np.sum``.

``methods.pyi`` lists them for editors and type checkers; ``scripts/generate_stubs.py`` writes it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from . import ops
from .registry import OPS, Op, call

__all__ = ["NAMED", "TensorMethods", "namespace"]


# Where users look for functions that are declared with another module's name.
_HOMES = {ops.activations.__name__: "numpy", "numpy.lib.stride_tricks": "numpy"}


def namespace(module: str = "numpy") -> dict[str, Op]:
    """The ops that users call by name, by where they are found: ``numpy``, ``numpy.linalg``.

    NumPy has many under two names, its own and the array API standard's: ``arccos`` and ``acos``.
    This package's own functions stand beside NumPy's.
    """
    found = {}
    for op in OPS.values():
        home = _HOMES.get(op.module, op.module)
        if home == module and OPS.get(op.fn) is op:
            found[op.name] = op
    for name, value in vars(sys.modules[module]).items():
        if callable(value) and value in OPS:
            found[name] = OPS[value]
    return dict(sorted(found.items()))


def method_ops() -> dict[str, Op]:
    """The ops that are methods: those of arrays, those by element, and some of ours."""
    return {
        name: op
        for name, op in NAMED.items()
        if name == op.name
        and name not in _NOT_METHODS
        and (op.kind == "elementwise" or name in _METHODS or hasattr(np.ndarray, name))
    }


# What arrays have no method for, but tensors do.
_METHODS = {
    "count_nonzero", "flip", "log_softmax", "logsumexp", "matmul", "matrix_transpose", "median",
    "moveaxis", "sign", "softmax", "split", "take_along_axis",
}  # fmt: skip

# Written out here or in Tensor, or not what arrays have under that name.
_NOT_METHODS = {
    "astype", "clip", "compress", "imag", "ndim", "partition", "put", "real", "reshape",
    "resize", "shape", "size", "sort", "transpose", "where",
}  # fmt: skip


class TensorMethods:
    """Base of Tensor: NumPy's functions of one tensor as its methods."""

    __slots__ = ()

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        """``np.reshape``: the shape is one tuple or several integers."""
        given = {} if order == "C" else {"order": order}  # not in order is a composition
        new = _one_or_many(shape)
        return _call("reshape", self, (new,) if isinstance(new, int) else new, **given)

    def transpose(self, *axes: Any) -> Any:
        """``np.transpose``: no axes reverse them all; else a tuple or several integers."""
        return _call("transpose", self, _one_or_many(axes) if axes else None)

    def flatten(self) -> Any:
        """A copy with the elements in one axis."""
        return _call("reshape", self, (-1,)).clone()

    def clip(
        self, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None
    ) -> Any:
        """``np.clip``, where either bound may be left out."""
        low, high = (a_min if min is None else min), (a_max if max is None else max)
        return _call("clip", self, low, high)

    def compress(self, condition: Any, axis: Any = None) -> Any:
        """``np.compress``: the slices along ``axis`` for which ``condition`` holds."""
        return _call("compress", condition, self, axis=axis)

    def fill(self, value: Any) -> None:
        """Make every element ``value``, in place."""
        self[...] = value

    def put(self, indices: Any, values: Any, mode: str = "raise") -> None:
        """``np.put``: write ``values`` at these places of the flattened tensor, in place."""
        _call("put", self, indices, values, mode=mode)

    def sort(
        self, axis: int = -1, kind: Any = None, order: Any = None, *, stable: Any = None
    ) -> None:
        """Sort along an axis, in place, as arrays do; ``np.sort(t)`` makes a new tensor."""
        self[...] = _call("sort", self, axis=axis, kind=kind, order=order, stable=stable)

    def partition(
        self, kth: Any, axis: int = -1, kind: str = "introselect", order: Any = None
    ) -> None:
        """``np.partition``, in place, as arrays do; ``np.partition(t, k)`` makes a new tensor."""
        self[...] = _call("partition", self, kth, axis=axis, kind=kind, order=order)


def _call(name: str, *args: Any, **kwargs: Any) -> Any:
    return NAMED[name].function(*args, **kwargs)


def _one_or_many(values: tuple[Any, ...]) -> Any:
    return values[0] if len(values) == 1 else values


#: What `namespace` finds without an argument.
NAMED = namespace()


def _method(op: Op) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return call(op, (self, *args), kwargs)

    method.__name__ = op.name
    method.__qualname__ = f"Tensor.{op.name}"
    method.__doc__ = f"``{op.name}`` of this tensor; see the function of the same name."
    return method


for _name, _op in method_ops().items():
    if _name not in TensorMethods.__dict__:
        setattr(TensorMethods, _name, _method(_op))
