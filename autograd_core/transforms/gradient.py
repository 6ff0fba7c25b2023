"""Gradients: of values that were computed, and of a function of any order."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import backprop
from ..errors import GradientError
from ..graph import Node
from ..record import force_recording
from ..tensor import LIFT, Tensor, asarray, wrap
from ..tree import flatten, flatten_like, named_leaves
from .batched import lowered
from .variables import (
    Trace,
    argument_places,
    auxiliary,
    callable_or_error,
    check_scalar,
    constant,
    fitted,
    for_each_example,
    handed_out,
    hidden_axes,
    is_tracked,
    name_of,
    output_leaves,
    own,
    raised_outputs,
    summed,
    trace,
    unit_seed,
    value_out,
)

__all__ = ["elementwise_grad", "grad", "gradients", "stop_gradient", "value_and_grad"]


def gradients(
    output: Any,
    wrt: Any,
    grad_output: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> Any:
    """Return the gradient of ``output`` with respect to ``wrt``, leaving every ``grad`` alone.

    Args:
        output: a tensor, or nested dicts, lists and tuples of tensors, whose gradients are summed;
            each of one element unless ``grad_output`` weights them.
        wrt: a tensor, or nested dicts, lists and tuples of tensors; inner ones are allowed.
        grad_output: the gradient to start from, arrays or tensors in the structure and shapes of
            ``output``; None for one number stands for 1.
        create_graph: record the computation, so that the result can be differentiated again.
        strict: raise where ``output`` does not depend on one of ``wrt``.

    Returns:
        Tensors in the structure of ``wrt``; zeros where ``output`` does not depend on them.

    Raises:
        GradientError: a tensor of ``wrt`` is not tracked, or, if ``strict``, not reached; an output
            of many elements without ``grad_output``, or with one of another shape.

    >>> x = Tensor(2.0, requires_grad=True)
    >>> first = gradients(x**3, x, create_graph=True)
    >>> gradients(first, x).item()
    12.0
    >>> gradients([x**3, x * x], x).item()
    16.0
    """
    tensors, rebuild = flatten(wrt)
    tensors = [for_each_example(t, "gradients: wrt") for t in tensors]
    for t in tensors:
        if not is_tracked(t):
            raise GradientError(
                f"gradients: wrt holds {t!r}, which no gradient reaches; give tensors made with "
                "requires_grad=True, or computed from such"
            )
    outputs, _ = flatten(output)
    for t in outputs:
        if not isinstance(t, Tensor):
            raise TypeError(f"gradients: the output must be a Tensor, not {type(t).__name__}")
    given: list[Any] = [None] * len(outputs)
    if grad_output is not None:
        given = flatten_like(grad_output, output, "gradients: grad_output")
    if hidden_axes():
        given = [
            np.ones(t.shape, t.dtype) if g is None and t.size == 1 else g
            for t, g in zip(outputs, given, strict=True)
        ]
        outputs = raised_outputs(outputs)
        given = [
            g if g is None else fitted(g, t, "gradients: grad_output", "an output")
            for t, g in zip(outputs, given, strict=True)
        ]
    tracked = [t for t, g in zip(outputs, given, strict=True) if t._node is not None]
    seeds = [
        _seed(t, g, create_graph)
        for t, g in zip(outputs, given, strict=True)
        if t._node is not None
    ]
    nodes = [t._node for t in tensors]
    with force_recording():
        roots = summed(tracked, seeds)
        found = backprop.differentiate(roots, nodes, LIFT if create_graph else None)
    if strict:
        _refuse_unreached([n in found for n in nodes], named_leaves(wrt), "wrt", "the output")
    return rebuild([lowered(_result(found.get(t._node), t)) for t in tensors])


def _seed(output: Tensor, given: Any, create_graph: bool) -> Any:
    seed = output._seed(given)
    if not create_graph:
        return seed
    if is_tracked(given):
        return given if given.dtype == output.dtype else given.astype(output.dtype)
    return wrap(own(seed), None)


def _result(g: Any, like: Tensor) -> Tensor:
    if type(g) is Tensor:
        return wrap(g._value, g._node)  # a handle of its own: several may share one gradient
    if g is None:
        return wrap(np.zeros(like.shape, like.dtype), None)
    return wrap(own(g), None)


def _refuse_unreached(reached: list[bool], names: list[str], what: str, output: str) -> None:
    lost = [name for name, yes in zip(names, reached, strict=True) if not yes]
    if lost:
        listed = ", ".join(f"{what} {name}".strip() for name in lost)
        raise GradientError(
            f"strict: {output} does not depend on {listed}, or only through functions whose "
            "derivative is zero everywhere. Leave strict=True away for a gradient of zeros"
        )


def value_and_grad(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    strict: bool = False,
) -> Callable[..., tuple[Any, Any]]:
    """Return the function that computes ``f`` and its gradient, both.

    Arrays in, arrays out; tensors in, tensors out; and tensors wherever the result depends on a
    tracked one from outside.

    Args:
        f: returns one number; with ``has_aux`` a pair, one number and anything else.
        argnums: which positional arguments to differentiate: an integer, or several for a tuple of
            gradients. Each may be an array, or nested dicts, lists and tuples of arrays, and its
            gradient has the same structure.
        has_aux: return ``((value, aux), gradient)``; ``aux`` is not differentiated.
        strict: raise where ``f`` does not depend on an input, whose gradient would be zeros.

    Raises:
        GradientError: ``f`` returned no single real number, or, if ``strict``, does not depend on
            an input.
        NotDifferentiableError: an integer input; it is a TypeError.

    >>> value_and_grad(lambda x: (x * x).sum())(np.array([1.0, 2.0]))
    (array(5.), array([2., 4.]))
    >>> value_and_grad(lambda x: (x * x, {"x": x}), has_aux=True)(3.0)
    ((array(9.), {'x': array(3.)}), array(6.))
    """
    callable_or_error(
        f,
        instead="; for the gradient of a value that was computed already there is "
        "gradients(output, wrt)",
    )

    @functools.wraps(f)
    def differentiated(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        tape = trace(f, args, argument_places(argnums, args), kwargs, has_aux)
        with force_recording():
            value, found, outside = _differentiate(f, tape)
        if strict:
            _refuse_unreached([n in found for n in tape.nodes], tape.names(), "", name_of(f))
        as_tensor = tape.tensors_in or outside
        grads = tape.rebuild([handed_out(found.pop(n, None), n, as_tensor) for n in tape.nodes])
        value = value_out(value, tape.tensors_in, outside)
        return (
            (value, auxiliary(tape)) if has_aux else value,
            tuple(grads) if isinstance(argnums, Sequence) else grads[0],
        )

    return differentiated


def grad(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    strict: bool = False,
) -> Callable[..., Any]:
    """Return the function that computes the gradient of ``f``; see `value_and_grad`.

    With ``has_aux``, ``f`` returns a pair and the function ``(gradient, aux)``.

    >>> slope, curvature = grad(np.tanh), grad(grad(np.tanh))
    >>> bool(curvature(0.5) == -2 * np.tanh(0.5) * slope(0.5))
    True
    """
    both = value_and_grad(f, argnums, has_aux, strict)

    @functools.wraps(f)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        value, g = both(*args, **kwargs)
        return (g, value[1]) if has_aux else g

    return differentiated


def _differentiate(f: Callable[..., Any], tape: Trace) -> tuple[Any, dict[Node, Any], bool]:
    """The output, its gradient at each variable, and whether it depends on others besides."""
    output = tape.returned
    if not isinstance(output, Tensor):
        output = constant(f, output)
    check_scalar(f, output)
    (output,) = raised_outputs([output])
    node = output._node
    if node is None:
        return output, {}, False
    outside = tape.depends_on_others([output])
    seed = unit_seed(output)
    if outside:
        found = backprop.differentiate({node: wrap(seed, None)}, tape.nodes, LIFT)
    else:
        found = backprop.differentiate({node: seed}, tape.nodes)
    return output, found, outside


def elementwise_grad(f: Callable[..., Any], argnum: int = 0) -> Callable[..., Any]:
    """Return the function that computes the derivative of ``f`` in each element.

    It is the gradient of the sum of what ``f`` returns, and so the derivative of each element if
    element i of the result depends on element i of the argument alone. Of a function that mixes
    elements it is the sum over a column of the Jacobian; there is `jacobian`.

    Args:
        f: returns values of the shape of its argument ``argnum``, in the same structure.
        argnum: the position of the argument, an array, or nested dicts, lists, tuples of arrays.

    Raises:
        GradientError: what ``f`` returned has another shape, or is complex.

    >>> elementwise_grad(np.tanh)(np.array([0.0, 1.0])).round(3)
    array([1.  , 0.42])
    """
    callable_or_error(f)

    @functools.wraps(f)
    def total(*args: Any, **kwargs: Any) -> Any:
        inputs, _ = flatten(args[argnum])
        outputs, _ = output_leaves(f, f(*args, **kwargs))
        given, returned = [np.shape(x) for x in inputs], [t.shape for t in outputs]
        if given != returned:
            raise GradientError(
                f"elementwise_grad: {name_of(f)} returned {_shapes(returned)} for an argument of "
                f"{_shapes(given)}; of an elementwise function they are equal. Use jacobian"
            )
        for t in outputs:
            if t.dtype.kind == "c":
                raise GradientError(
                    f"elementwise_grad: {name_of(f)} returned complex values; differentiate their "
                    "real and imaginary parts, or use jacobian"
                )
        parts: list[Any] = [np.sum(t) for t in outputs]
        return functools.reduce(np.add, parts) if parts else asarray(0.0)

    return grad(total, argnum)


def _shapes(shapes: list[tuple[int, ...]]) -> str:
    return f"shape {shapes[0]}" if len(shapes) == 1 else f"shapes {shapes}"


def stop_gradient(tree: Any) -> Any:
    """Return the values of ``tree``, through which no gradient flows.

    ``tree`` is a tensor or array, or nested dicts, lists and tuples of such; what is no tensor is
    returned as it is.

    >>> grad(lambda x: x * stop_gradient(x))(3.0)
    array(3.)
    """
    leaves, rebuild = flatten(tree)
    return rebuild([x.detach() if isinstance(x, Tensor) else x for x in leaves])
