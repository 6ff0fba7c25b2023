"""The methods that a tensor has because the op is in the table: ``t.sum(axis=0)`` is ``np.sum``.

``methods.pyi`` lists them for editors and type checkers; ``scripts/generate_stubs.py`` writes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import ops
from .registry import OPS, Op

__all__ = ["TensorMethods", "namespace"]


def namespace(module: str = "numpy") -> dict[str, Op]:
    """The ops that users call by name, by where they are found: ``numpy``, ``numpy.linalg``.

    This package's own functions stand beside NumPy's.
    """
    found = {}
    for fn, op in OPS.items():
        home = getattr(fn, "__module__", None) or "numpy"
        if home == ops.activations.__name__:
            home = "numpy"
        if home == module and op.fn is fn:
            found[op.name] = op
    return dict(sorted(found.items()))


def method_ops() -> dict[str, Op]:
    """The ops that are methods: those whose first argument is the tensor itself."""
    return {
        name: op for name, op in namespace().items() if not op.variadic and name not in _NOT_METHODS
    }


# Named otherwise on arrays, written out in Tensor below, or not about their first argument.
_NOT_METHODS = {
    "array_split", "broadcast_to", "einsum", "empty_like", "expand_dims", "ndim", "ones_like",
    "reshape", "searchsorted", "shape", "size", "transpose", "where", "zeros_like",
}  # fmt: skip


class TensorMethods:
    """Base of Tensor: NumPy's functions of one tensor as its methods."""

    __slots__ = ()

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        """``np.reshape``: the shape is one tuple or several integers."""
        return _call("reshape", self, _one_or_many(shape), order=order)

    def transpose(self, *axes: Any) -> Any:
        """``np.transpose``: no axes reverse them all; else a tuple or several integers."""
        return _call("transpose", self, _one_or_many(axes) if axes else None)

    def flatten(self) -> Any:
        """A copy with the elements in one axis."""
        return _call("reshape", self, -1).clone()


def _call(name: str, *args: Any, **kwargs: Any) -> Any:
    return _FUNCTIONS[name](*args, **kwargs)


def _one_or_many(values: tuple[Any, ...]) -> Any:
    return values[0] if len(values) == 1 else values


_FUNCTIONS = {name: op.function for name, op in namespace().items()}


def _method(op: Op) -> Callable[..., Any]:
    function = op.function

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__name__ = op.name
    method.__qualname__ = f"Tensor.{op.name}"
    method.__doc__ = f"``{op.name}`` of this tensor; see the function of the same name."
    return method


for _name, _op in method_ops().items():
    if _name not in TensorMethods.__dict__:
        setattr(TensorMethods, _name, _method(_op))
