"""All first or second derivatives of a function, as arrays."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import backprop
from ..errors import GradientError
from ..forward import push_forward
from ..graph import Node
from ..record import force_recording
from ..tensor import LIFT, Tensor, value_of, wrap
from .variables import (
    argument_places,
    callable_or_error,
    handed_out,
    hidden_axes,
    name_of,
    output_leaves,
    raised_outputs,
    trace,
)

__all__ = ["hessian", "jacobian", "rows_of"]


def jacobian(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, mode: str | None = None
) -> Callable[..., Any]:
    """Return the function that computes ``J[i, j] = ∂f[i] / ∂x[j]``, for all i and j.

    ``f`` runs once. In reverse mode each element of the output is pulled back, in forward mode
    each element of the input pushed forward; without ``mode`` whichever are fewer.

    Args:
        f: returns an array, or nested dicts, lists and tuples of arrays.
        argnums: which positional arguments to differentiate: an integer, or several for a tuple.
            Each may be an array, or nested dicts, lists and tuples of arrays.
        mode: ``"reverse"``, ``"forward"``, or None.

    Returns:
        A function of the arguments of ``f``. For one array in and one out it returns an array of
        shape ``f(x).shape + x.shape``; else in place of each output the structure of the inputs,
        with such a block for each of its arrays. A block has the dtype of its input.

    Complex values: of a real output it is the gradient, ∂f/∂x + i ∂f/∂y at x + iy; of complex
    ones the complex derivative, so that df = J dz, and the function must have one.

    Raises:
        GradientError: a function from complex to complex that is not holomorphic.

    >>> jacobian(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    callable_or_error(f)
    if mode not in (None, "forward", "reverse"):
        raise ValueError(f"jacobian: mode {mode!r} is neither 'forward' nor 'reverse' nor None")

    @functools.wraps(f)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        tape = trace(f, args, argument_places(argnums, args), kwargs)
        outputs, rebuild = output_leaves(f, tape.returned)
        outputs = raised_outputs(outputs)
        outside = tape.depends_on_others(outputs)
        lift = LIFT if outside else None
        m, n = (sum(x.size for x in side) for side in (outputs, tape.nodes))
        chosen = mode or ("reverse" if m <= n else "forward")
        with force_recording():
            if chosen == "reverse":
                rows = [rows_of(f, t, tape.nodes, lift) for t in outputs]
            else:
                columns = [_columns(f, node, outputs, lift) for node in tape.nodes]
                rows = [[column[k] for column in columns] for k in range(len(outputs))]
        as_tensor = tape.tensors_in or outside

        def in_place(blocks: list[Any]) -> Any:
            parts = tape.rebuild([handed_out(block, block, as_tensor) for block in blocks])
            return tuple(parts) if isinstance(argnums, Sequence) else parts[0]

        return rebuild([in_place(blocks) for blocks in rows])

    return differentiated


def _units(shape: tuple[int, ...], dtype: Any, lift: Any) -> Any:
    """The unit vectors of a space of arrays, one after the other."""
    lead = (slice(None),) * hidden_axes()  # the same for each example
    for index in np.ndindex(*shape[len(lead) :]):
        unit = np.zeros(shape, dtype)
        unit[lead + index] = 1.0
        yield wrap(unit, None) if lift else unit


def rows_of(f: Callable[..., Any], output: Tensor, nodes: list[Node], lift: Any) -> list[Any]:
    """The block of ``output`` for each variable, by reverse mode."""
    root = output._node
    parts: list[list[Any]] = [[] for _ in nodes]
    for unit in _units(output.shape, output.dtype, lift):
        if root is None:
            break
        found = backprop.transpose({root: unit}, nodes, lift)
        turned: dict[Node, Any] = {}
        if output.dtype.kind == "c":
            turned = backprop.transpose({root: unit * -1j}, nodes, lift)  # of Im f
        for node, rows in zip(nodes, parts, strict=True):
            row = _or_zeros(found.get(node), node)
            if output.dtype.kind == "c":
                other = _or_zeros(turned.get(node), node)
                if node.dtype.kind == "c":
                    _check_holomorphic(f, other, row * -1j)
                else:
                    row = row + 1j * other
            elif node.dtype.kind == "c":
                row = np.conjugate(row)
            rows.append(row)
    axis = hidden_axes()
    return [_block(rows, axis, output, node, lift) for node, rows in zip(nodes, parts, strict=True)]


def _columns(f: Callable[..., Any], node: Node, outputs: list[Tensor], lift: Any) -> list[Any]:
    """The block of each output for the variable of ``node``, by forward mode."""
    roots = [t._node for t in outputs if t._node is not None]
    parts: list[list[Any]] = [[] for _ in outputs]
    for unit in _units(node.shape, node.dtype, lift):
        pushed = push_forward(roots, {node: unit}, lift)
        turned: dict[Node, Any] = {}
        if node.dtype.kind == "c":
            turned = push_forward(roots, {node: unit * 1j}, lift)  # along the imaginary axis
        for t, columns in zip(outputs, parts, strict=True):
            column = _or_zeros(_at(pushed, t), t)
            if node.dtype.kind == "c":
                other = _or_zeros(_at(turned, t), t)
                if t.dtype.kind == "c":
                    _check_holomorphic(f, other, column * 1j)
                else:
                    column = column + 1j * other
            columns.append(column)
    return [_block(columns, -1, t, node, lift) for t, columns in zip(outputs, parts, strict=True)]


def _at(found: dict[Node, Any], t: Tensor) -> Any:
    return None if t._node is None else found.get(t._node)


def _or_zeros(part: Any, like: Any) -> Any:
    return np.zeros(like.shape, like.dtype) if part is None else part


def _block(parts: list[Any], axis: int, output: Tensor, node: Node, lift: Any) -> Any:
    """The derivatives for each element, stacked, in the shape that a block has."""
    dtype = node.dtype
    if output.dtype.kind == "c" and dtype.kind != "c":
        dtype = np.result_type(dtype, np.complex64)
    shape = (*output.shape, *node.shape[hidden_axes() :])
    if not parts:
        block: Any = np.zeros(shape, dtype)
    else:
        block = np.stack(parts, axis=axis).reshape(shape)
        block = block if block.dtype == dtype else block.astype(dtype)
    return wrap(block, None) if lift and type(block) is not Tensor else block


def _check_holomorphic(f: Callable[..., Any], found: Any, expected: Any) -> None:
    found, expected = value_of(found), value_of(expected)
    scale = np.max(np.abs(expected), initial=0.0) + np.max(np.abs(found), initial=0.0)
    if np.max(np.abs(found - expected), initial=0.0) > scale * np.finfo(found.dtype).eps ** 0.5:
        raise GradientError(
            f"jacobian: {name_of(f)} from complex to complex values is not holomorphic, so it has "
            "no complex derivative. Differentiate its real and imaginary parts, as functions of "
            "the real and imaginary part of the argument"
        )


def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Return the function that computes ``H[i, j] = ∂²f / ∂x[i] ∂x[j]``, for all i and j.

    Forward mode over reverse mode: the gradient is recorded once, and each element of the input is
    pushed through it. For products with vectors alone `hvp` is much cheaper.

    Args:
        f: returns one number; of several outputs each has its Hessian.
        argnums: as in `jacobian`.

    Returns:
        A function of the arguments of ``f``; for an array x it returns an array of shape
        ``f(x).shape + x.shape + x.shape``. Otherwise the structure of the inputs, with, in place
        of each array, that structure again, of the blocks.

    >>> hessian(lambda x: x[0] * x[1] ** 2)(np.array([1.0, 3.0]))
    array([[0., 6.],
           [6., 2.]])
    """
    return jacobian(jacobian(f, argnums, "reverse"), argnums, "forward")
