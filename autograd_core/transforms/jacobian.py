"""All first or second derivatives of a function, as arrays."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import backprop
from ..errors import GradientError
from ..forward import push_forward
from ..graph import Node
from ..record import force_recording
from ..tensor import LIFT, Tensor, value_of, wrap
from .units import at_once, from_units
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
    each element of the input pushed forward; without ``mode`` whichever are fewer. That is done in
    one walk, in which a rule is called once with what `vmap` would give it, or in several where
    arrays are large; and one by one under inspection, past hooks, boxes and users' primitives, and
    where a rule has to look at its gradient.

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
        together = at_once(outputs, tape.nodes)
        chosen = mode or ("reverse" if m <= n else "forward")
        with force_recording():
            if chosen == "reverse":
                rows = [rows_of(f, t, tape.nodes, lift, together) for t in outputs]
            else:
                columns = [_columns(f, node, outputs, lift, together) for node in tape.nodes]
                rows = [[column[k] for column in columns] for k in range(len(outputs))]
        as_tensor = tape.tensors_in or outside

        def in_place(blocks: list[Any]) -> Any:
            blocks.reverse()  # each is handed out when nothing else holds it
            parts = tape.rebuild([handed_out(blocks.pop(), None, as_tensor) for _ in tape.nodes])
            return tuple(parts) if isinstance(argnums, Sequence) else parts[0]

        return rebuild([in_place(blocks) for blocks in rows])

    return differentiated


def rows_of(
    f: Callable[..., Any], output: Tensor, nodes: list[Node], lift: Any, together: int = 1
) -> list[Any]:
    """The block of ``output`` for each variable, by reverse mode.

    ``together`` elements go back in one walk, as `at_once` says.
    """
    root = output._node
    found: list[Any] = []
    if root is not None:

        def walk(seed: Any, closely: bool | None) -> list[Any]:
            rows = backprop.transpose({root: seed}, nodes, lift, closely=closely)
            if output.dtype.kind != "c":
                return [rows.get(node) for node in nodes]
            turned = backprop.transpose({root: seed * -1j}, nodes, lift, closely=closely)  # of Im f
            return [rows.get(node) for node in nodes] + [turned.get(node) for node in nodes]

        found = from_units(walk, output.shape, output.dtype, lift, together)
    blocks = []
    for i, node in enumerate(nodes):
        rows = _or_zeros(found[i], output, node) if found else None
        if rows is not None and output.dtype.kind == "c":
            other = _or_zeros(found[len(nodes) + i], output, node)
            if node.dtype.kind == "c":
                _check_holomorphic(f, other, rows * -1j)
            else:
                rows = rows + 1j * other
        elif rows is not None and node.dtype.kind == "c":
            rows = np.conjugate(rows)
        if rows is not None and hidden_axes():
            rows = np.moveaxis(rows, 0, hidden_axes())
        blocks.append(_block(rows, output, node, lift))
    return blocks


def _columns(
    f: Callable[..., Any], node: Node, outputs: list[Tensor], lift: Any, together: int
) -> list[Any]:
    """The block of each output for the variable of ``node``, by forward mode."""
    roots = [t._node for t in outputs if t._node is not None]

    def walk(seed: Any, closely: bool | None) -> list[Any]:
        pushed = push_forward(roots, {node: seed}, lift, closely)
        if node.dtype.kind != "c":
            return [_at(pushed, t) for t in outputs]
        turned = push_forward(roots, {node: seed * 1j}, lift, closely)  # along the imaginary axis
        return [_at(pushed, t) for t in outputs] + [_at(turned, t) for t in outputs]

    found = from_units(walk, node.shape, node.dtype, lift, together)
    blocks = []
    for k, t in enumerate(outputs):
        columns = _or_zeros(found[k], node, t) if found else None
        if columns is not None and node.dtype.kind == "c":
            other = _or_zeros(found[len(outputs) + k], node, t)
            if t.dtype.kind == "c":
                _check_holomorphic(f, other, columns * 1j)
            else:
                columns = columns + 1j * other
        if columns is not None:
            columns = np.moveaxis(columns, 0, -1)
        blocks.append(_block(columns, t, node, lift))
    return blocks


def _at(found: dict[Node, Any], t: Tensor) -> Any:
    return None if t._node is None else found.get(t._node)


def _or_zeros(parts: Any, of: Any, like: Any) -> Any:
    """What was found from each unit vector of ``of``; zeros where nothing was."""
    if parts is not None:
        return parts
    return np.zeros((math.prod(of.shape[hidden_axes() :]), *like.shape), like.dtype)


def _block(parts: Any, output: Tensor, node: Node, lift: Any) -> Any:
    """The derivatives in the shape and dtype that a block has; None is zeros."""
    dtype = node.dtype
    if output.dtype.kind == "c" and dtype.kind != "c":
        dtype = np.result_type(dtype, np.complex64)
    shape = (*output.shape, *node.shape[hidden_axes() :])
    if parts is None:
        block: Any = np.zeros(shape, dtype)
    else:
        block = np.reshape(parts, shape)
        block = block if block.dtype == dtype else block.astype(dtype)
    return wrap(block, None) if lift and type(block) is not Tensor else block


def _check_holomorphic(f: Callable[..., Any], found: Any, expected: Any) -> None:
    """Compare the derivatives along the real and the imaginary axis, for each unit vector."""
    found, expected = (np.reshape(value_of(x), (len(x), -1)) for x in (found, expected))
    eps = np.finfo(found.dtype).eps
    sizes = [np.max(np.abs(x), axis=1, initial=0.0) for x in (found, expected, found - expected)]
    if np.any(sizes[2] > (sizes[0] + sizes[1]) * eps**0.5):
        raise GradientError(
            f"jacobian: {name_of(f)} from complex to complex values is not holomorphic, so it has "
            "no complex derivative. Differentiate its real and imaginary parts, as functions of "
            "the real and imaginary part of the argument"
        )


def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Return the function that computes ``H[i, j] = ∂²f / ∂x[i] ∂x[j]``, for all i and j.

    The gradient is recorded once, and each of its elements pulled back as `jacobian` does it. For
    products with vectors alone `hvp` is much cheaper.

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
    return jacobian(jacobian(f, argnums, "reverse"), argnums, "reverse")
