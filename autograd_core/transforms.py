"""From functions to functions: gradients of any order, and forward mode."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import backprop, record
from .errors import GradientError, NotDifferentiableError
from .forward import push_forward
from .graph import Node, leaf, topological_order
from .ops.shape import cast
from .record import force_recording
from .registry import OPS, known
from .tensor import LIFT, Tensor, asarray, wrap
from .tree import flatten, flatten_like
from .values import refuse_complex

__all__ = ["grad", "gradients", "jvp", "value_and_grad"]


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
            seed = grad_output if tracked else wrap(_own(seed), None)
        nodes = [t._node for t in tensors]
        with force_recording():
            found = backprop.differentiate(
                {output._node: seed}, nodes, LIFT if create_graph else None
            )
    return rebuild([_result(found.get(t._node), t) for t in tensors])


def _own(value: Any) -> Any:
    """An array of its own, of the kind that ``value`` is."""
    return np.array(value) if known(value) else value.copy()


def _result(g: Any, like: Tensor) -> Tensor:
    if type(g) is Tensor:
        return wrap(g._value, g._node)  # a handle of its own: several may share one gradient
    if g is None:
        return wrap(np.zeros(like.shape, like.dtype), None)
    return wrap(_own(g), None)


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
            variables = [_variable(x) for x in leaves]
            # Before the call: a function that changes its argument in place moves the handle on.
            nodes = [_node_of(v) for v in variables]
            structured = rebuild(variables)
            replaced = list(args)
            for i, part in zip(places, structured, strict=True):
                replaced[i] = part
            output = f(*replaced, **kwargs)
            value, found, outside = _differentiate(f, output, nodes, recording)
        results = [_handed_out(found.get(node), node, tensors_in or outside) for node in nodes]
        grads = rebuild(results)
        return (
            _value_out(value, tensors_in, outside),
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


def _node_of(t: Tensor) -> Node:
    assert t._node is not None
    return t._node


def _variable(x: Any) -> Tensor:
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


def _differentiate(
    f: Callable[..., Any], output: Any, nodes: list[Node], recording: bool
) -> tuple[Any, dict[Node, Any], bool]:
    """The output, its gradient at each variable, and whether it depends on others besides."""
    if type(output) is not Tensor or output._node is None:
        value = output if type(output) is Tensor else _constant(f, output)
        _check_scalar(f, value)
        return value, {}, False
    _check_scalar(f, output)
    outside = recording and _depends_on_others([output._node], set(nodes))
    seed: Any = output._seed(None)
    if outside:
        found = backprop.differentiate({output._node: wrap(seed, None)}, nodes, LIFT)
    else:
        found = backprop.differentiate({output._node: seed}, nodes)
    return output, found, outside


def _constant(f: Callable[..., Any], output: Any) -> Tensor:
    is_number = isinstance(output, (int, float, np.generic))
    if not is_number and not hasattr(output, "__array_function__"):
        name = getattr(f, "__name__", "the function")
        hint = "; return the loss alone" if isinstance(output, (tuple, list, dict)) else ""
        raise TypeError(
            f"{name} returned {type(output).__name__}, but a gradient needs one number{hint}"
        )
    return asarray(output)


def _check_scalar(f: Callable[..., Any], value: Tensor) -> None:
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


def _depends_on_others(roots: list[Node], variables: set[Node]) -> bool:
    """Whether a leaf that was there before the variables is reached.

    Leaves made since belong to the function, as the variables of a transform inside it do.
    """
    first = min((node.number for node in variables), default=0)
    return any(node.op is None and node.number < first for node in topological_order(roots))


def _handed_out(g: Any, variable: Node, as_tensor: bool) -> Any:
    if type(g) is Tensor:
        return wrap(g._value, g._node) if as_tensor or g._node is not None else _own(g._value)
    if g is None:
        g = np.zeros(variable.shape, variable.dtype)
    g = _own(g)
    return wrap(g, None) if as_tensor else g


def _value_out(value: Tensor, tensors_in: bool, outside: bool) -> Any:
    if outside:
        return value
    return wrap(_own(value._value), None) if tensors_in else _own(value._value)


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Return ``f(*primals)`` and its derivative along ``tangents``, by forward mode.

    ``primals`` and ``tangents`` are sequences of arrays, or of nested dicts, lists and tuples of
    arrays, of the same shapes. Arrays in, arrays out; the tangent has the shape of the value.

    >>> value, tangent = jvp(np.sin, (0.0,), (2.0,))
    >>> float(tangent)
    2.0
    """
    if not isinstance(primals, (list, tuple)) or not isinstance(tangents, (list, tuple)):
        raise TypeError("jvp takes a tuple of primals and one of tangents: jvp(f, (x,), (v,))")
    if len(primals) != len(tangents):
        raise ValueError(
            f"jvp: {len(primals)} primals but {len(tangents)} tangents; give one for each"
        )
    leaves, rebuild = flatten(list(primals))
    directions = flatten_like(list(tangents), list(primals), "jvp: tangents")
    tensors_in = any(type(x) is Tensor for x in (*leaves, *directions))
    recording = record.recording()
    with force_recording():
        variables = [_variable(x) for x in leaves]
        seeds = {}
        for v, direction in zip(variables, directions, strict=True):
            t = asarray(direction)
            if t.shape != v.shape:
                raise ValueError(
                    f"jvp: a tangent of shape {t.shape} does not fit a primal of shape {v.shape}"
                )
            assert v._node is not None
            refuse_complex(t, v.dtype)
            seeds[v._node] = t.astype(v.dtype) if t.dtype != v.dtype else t
        output = f(*rebuild(variables))
        outputs, rebuild_output = flatten(output)
        outputs = [asarray(x) for x in outputs]
        roots = [t._node for t in outputs if t._node is not None]
        foreign = recording and (
            any(t._node is not None for t in seeds.values())
            or _depends_on_others(roots, set(seeds))
        )
        lift = LIFT if foreign else None
        pushed = push_forward(
            roots, seeds if foreign else {n: t._value for n, t in seeds.items()}, lift
        )
    derivatives = [None if t._node is None else pushed.get(t._node) for t in outputs]
    derivatives = [
        np.zeros(t.shape, t.dtype) if d is None else d
        for t, d in zip(outputs, derivatives, strict=True)
    ]

    def hand_out(x: Any) -> Any:
        t = x if type(x) is Tensor else wrap(x, None)
        if foreign:
            return t
        return t.detach() if tensors_in else _own(t._value)

    return rebuild_output(list(map(hand_out, outputs))), rebuild_output(
        list(map(hand_out, derivatives))
    )
