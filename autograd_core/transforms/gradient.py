"""Gradients: of a value that was computed, and of a function of any order."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import backprop, record
from ..errors import GradientError
from ..graph import Node
from ..record import force_recording
from ..tensor import LIFT, Tensor, wrap
from ..tree import flatten
from .variables import (
    check_scalar,
    constant,
    depends_on_others,
    handed_out,
    node_of,
    own,
    value_out,
    variable,
)

__all__ = ["grad", "gradients", "value_and_grad"]


def gradients(output: Tensor, wrt: Any, grad_output: Any = None, create_graph: bool = False) -> Any:
    """Return the gradient of ``output`` with respect to ``wrt``, leaving every ``grad`` alone.

    Args:
        output: a tensor; of one element unless ``grad_output`` (same shape) weights them.
        wrt: a tensor, or nested dicts, lists and tuples of tensors; inner ones are allowed.
        grad_output: the gradient to start from, an array or a tensor.
        create_graph: record the computation, so that the result can be differentiated again.

    Returns:
        Tensors in the structure of ``wrt``; zeros where ``output`` does not depend on them.

    >>> x = Tensor(2.0, requires_grad=True)
    >>> first = gradients(x**3, x, create_graph=True)
    >>> gradients(first, x).item()
    12.0
    """
    tensors, rebuild = flatten(wrt)
    for t in tensors:
        if type(t) is not Tensor or t._node is None:
            raise GradientError(
                f"gradients: wrt holds {t!r}, which no gradient reaches; give tensors made with "
                "requires_grad=True, or computed from such"
            )
    if type(output) is not Tensor:
        raise TypeError(f"gradients: the output must be a Tensor, not {type(output).__name__}")
    found: dict[Node, Any] = {}
    if output._node is not None:
        seed: Any = output._seed(grad_output)
        if create_graph:
            tracked = type(grad_output) is Tensor and grad_output._node is not None
            seed = grad_output if tracked else wrap(own(seed), None)
        nodes = [t._node for t in tensors]
        with force_recording():
            found = backprop.differentiate(
                {output._node: seed}, nodes, LIFT if create_graph else None
            )
    return rebuild([_result(found.get(t._node), t) for t in tensors])


def _result(g: Any, like: Tensor) -> Tensor:
    if type(g) is Tensor:
        return wrap(g._value, g._node)  # a handle of its own: several may share one gradient
    if g is None:
        return wrap(np.zeros(like.shape, like.dtype), None)
    return wrap(own(g), None)


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0
) -> Callable[..., tuple[Any, Any]]:
    """Return the function that computes ``f`` and its gradient, both.

    ``f`` returns one number. ``argnums`` says which positional arguments to differentiate: an
    integer, or several for a tuple of gradients. Each may be an array, or nested dicts, lists and
    tuples of arrays, and its gradient has the same structure. Arrays in, arrays out; tensors in,
    tensors out; and tensors wherever the result depends on a tracked one from outside.

    >>> value_and_grad(lambda x: (x * x).sum())(np.array([1.0, 2.0]))
    (array(5.), array([2., 4.]))
    """
    if not callable(f):
        raise TypeError(
            f"a function is needed, not {type(f).__name__}; for the gradient of a value that was "
            "computed already there is gradients(output, wrt)"
        )
    single = not isinstance(argnums, Sequence)
    given: Any = [argnums] if single else argnums
    numbers = [operator.index(i) for i in given]

    @functools.wraps(f)
    def differentiated(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        for i in numbers:
            if not -len(args) <= i < len(args):
                raise TypeError(
                    f"argnums names argument {i}, but {len(args)} positional arguments were given"
                )
        places = [i % len(args) for i in numbers]
        if len(set(places)) < len(places):
            raise ValueError(f"argnums {numbers} names an argument twice")
        chosen = [args[i] for i in places]
        recording = record.recording()
        leaves, rebuild = flatten(chosen)
        tensors_in = any(type(x) is Tensor for x in leaves)
        with force_recording():
            variables = [variable(x) for x in leaves]
            # Before the call: a function that changes its argument in place moves the handle on.
            nodes = [node_of(v) for v in variables]
            structured = rebuild(variables)
            replaced = list(args)
            for i, part in zip(places, structured, strict=True):
                replaced[i] = part
            output = f(*replaced, **kwargs)
            value, found, outside = _differentiate(f, output, nodes, recording)
        results = [handed_out(found.get(node), node, tensors_in or outside) for node in nodes]
        grads = rebuild(results)
        return (
            value_out(value, tensors_in, outside),
            grads[0] if single else tuple(grads),
        )

    return differentiated


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Return the function that computes the gradient of ``f``; see `value_and_grad`.

    >>> slope, curvature = grad(np.tanh), grad(grad(np.tanh))
    >>> bool(curvature(0.5) == -2 * np.tanh(0.5) * slope(0.5))
    True
    """
    both = value_and_grad(f, argnums)

    @functools.wraps(f)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return differentiated


def _differentiate(
    f: Callable[..., Any], output: Any, nodes: list[Node], recording: bool
) -> tuple[Any, dict[Node, Any], bool]:
    """The output, its gradient at each variable, and whether it depends on others besides."""
    if type(output) is not Tensor or output._node is None:
        value = output if type(output) is Tensor else constant(f, output)
        check_scalar(f, value)
        return value, {}, False
    check_scalar(f, output)
    outside = recording and depends_on_others([output._node], set(nodes))
    seed: Any = output._seed(None)
    if outside:
        found = backprop.differentiate({output._node: wrap(seed, None)}, nodes, LIFT)
    else:
        found = backprop.differentiate({output._node: seed}, nodes)
    return output, found, outside
