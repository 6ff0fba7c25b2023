"""What transforms share: variables of their own, and handing out what came of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import GradientError, NotDifferentiableError
from ..graph import Node, leaf, topological_order
from ..ops.shape import cast
from ..registry import OPS, known
from ..tensor import Tensor, asarray, wrap

__all__ = [
    "check_scalar",
    "constant",
    "depends_on_others",
    "handed_out",
    "node_of",
    "own",
    "value_out",
    "variable",
]


def own(value: Any) -> Any:
    """An array of its own, of the kind that ``value`` is."""
    return np.array(value) if known(value) else value.copy()


def node_of(t: Tensor) -> Node:
    assert t._node is not None
    return t._node


def variable(x: Any) -> Tensor:
    """A tensor of the same value on a node of its own, so that nested gradients keep apart."""
    t = asarray(x)
    if t.dtype.kind not in "fc":
        raise NotDifferentiableError(
            f"a gradient was asked for with respect to a value of dtype {t.dtype}; only floating "
            "and complex values have one: pass 1.0 instead of 1, or x.astype(float)"
        )
    if t._node is None:
        return wrap(t._value, leaf(t.shape, t.dtype, t.name))
    node = Node(OPS[cast], (t._node,), (t._node,), None, {"dtype": t.dtype}, t.shape, t.dtype)
    return wrap(t._value, node)


def constant(f: Callable[..., Any], output: Any) -> Tensor:
    is_number = isinstance(output, (int, float, np.generic))
    if not is_number and not hasattr(output, "__array_function__"):
        name = getattr(f, "__name__", "the function")
        hint = "; return the loss alone" if isinstance(output, (tuple, list, dict)) else ""
        raise TypeError(
            f"{name} returned {type(output).__name__}, but a gradient needs one number{hint}"
        )
    return asarray(output)


def check_scalar(f: Callable[..., Any], value: Tensor) -> None:
    if value.size != 1:
        name = getattr(f, "__name__", "the function")
        raise GradientError(
            f"{name} returned a value of shape {value.shape}; a gradient needs one number, so "
            "reduce it, with .sum() for example"
        )
    if value.dtype.kind == "c":
        name = getattr(f, "__name__", "the function")
        raise GradientError(
            f"{name} returned a complex number; a gradient needs a real one: return its real "
            "part, or its absolute value"
        )


def depends_on_others(roots: list[Node], variables: set[Node]) -> bool:
    """Whether a leaf that was there before the variables is reached.

    Leaves made since belong to the function, as the variables of a transform inside it do.
    """
    first = min((node.number for node in variables), default=0)
    return any(node.op is None and node.number < first for node in topological_order(roots))


def handed_out(g: Any, variable: Node, as_tensor: bool) -> Any:
    if type(g) is Tensor:
        return wrap(g._value, g._node) if as_tensor or g._node is not None else own(g._value)
    if g is None:
        g = np.zeros(variable.shape, variable.dtype)
    g = own(g)
    return wrap(g, None) if as_tensor else g


def value_out(value: Tensor, tensors_in: bool, outside: bool) -> Any:
    if outside:
        return value
    return wrap(own(value._value), None) if tensors_in else own(value._value)
