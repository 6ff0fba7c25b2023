"""Derivatives along a direction: forward mode, and back along one of the outputs.

The derivative of f at x is a linear map J. `jvp` and `linearize` apply it, ``J v``, in forward
mode; `vjp` applies its transpose, ``Jᵀ u``, in reverse mode; `hvp` applies the derivative of the
gradient, ``H v``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import backprop, hooks, record
from ..backprop import Lift
from ..forward import push_forward
from ..graph import Node, topological_order
from ..record import force_recording
from ..registry import OPS, PROJECTION
from ..tensor import LIFT, Tensor, value_of, wrap
from ..tree import flatten_like
from .batched import is_tensor
from .batching import of_these_vmaps
from .variables import (
    Trace,
    auxiliary,
    callable_or_error,
    check_scalar,
    constant,
    fitted,
    handed_out,
    hidden_axes,
    is_tracked,
    output_leaves,
    raised_outputs,
    summed,
    trace,
    unit_seed,
    value_out,
)

__all__ = ["hvp", "jvp", "linearize", "vjp"]


def jvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False
) -> Any:
    """Return ``f(*primals)`` and its derivative ``J v`` along ``tangents``, by forward mode.

    Args:
        f: returns an array, or nested dicts, lists and tuples of arrays.
        primals: the arguments, a tuple of arrays, or of nested dicts, lists and tuples of arrays.
        tangents: ``v``, in the structure and shapes of ``primals``.
        has_aux: ``f`` returns a pair, and ``jvp`` three: value, tangent, and the other part.

    Returns:
        The value and the tangent, which has the structure and shapes of the value. Arrays in,
        arrays out; tensors in, tensors out; tensors if something tracked from outside is involved.

    Raises:
        ValueError: ``tangents`` do not fit ``primals``.

    >>> value, tangent = jvp(np.sin, (0.0,), (2.0,))
    >>> float(tangent)
    2.0
    """
    _check_tuples("jvp", primals, tangents)
    line = _recorded(f, primals, has_aux)
    tangent, as_tensor = line.push(tangents, "jvp")
    value = line.value(as_tensor)
    return (value, tangent, auxiliary(line.tape)) if has_aux else (value, tangent)


def linearize(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """Return ``f(*primals)`` and the function that maps tangents ``v`` to ``J v``.

    ``f`` runs once; the function, of as many arguments as there are primals, pushes tangents
    through what was recorded, as often as wanted. Otherwise as `jvp`.

    >>> value, push_forward = linearize(np.sin, 0.0)
    >>> float(push_forward(2.0)), float(push_forward(3.0))
    (2.0, 3.0)
    """
    line = _recorded(f, primals)

    def push_forward(*tangents: Any) -> Any:
        _check_tuples("linearize", primals, tangents)
        return line.push(tangents, "linearize")[0]

    return line.value(line.tape.tensors_in), of_these_vmaps(push_forward, "linearize")


def _check_tuples(what: str, primals: Any, tangents: Any) -> None:
    if not isinstance(primals, (list, tuple)) or not isinstance(tangents, (list, tuple)):
        raise TypeError(
            f"{what} takes a tuple of primals and one of tangents: {what}(f, (x,), (v,))"
        )
    if len(primals) != len(tangents):
        raise ValueError(
            f"{what}: {len(primals)} primals but {len(tangents)} tangents; give one for each"
        )


#: Of what was recorded everything is constant, and only what seeds are computed from is tracked.
SEEDS = Lift(lambda value, _node: wrap(value, None), value_of)


class _Recorded(NamedTuple):
    """A function that was run, with what derivatives along directions need of it."""

    tape: Trace
    outputs: list[Tensor]
    rebuild: Callable[[list[Any]], Any]
    #: Whether the outputs depend on a tracked tensor from outside.
    outside: bool

    def value(self, as_tensor: bool) -> Any:
        return self.rebuild([value_out(t, as_tensor, self.outside) for t in self.outputs])

    def lift(self, seeds: list[Tensor], recording: bool) -> Lift | None:
        """How what is done with ``seeds`` is recorded: as that of all, of the seeds, or not."""
        if not recording:
            return None
        return LIFT if self.outside else SEEDS if any(map(is_tracked, seeds)) else None

    def push(self, tangents: Sequence[Any], what: str) -> tuple[Any, bool]:
        """``J v``, and whether it is handed out as tensors."""
        tape = self.tape
        directions = flatten_like(list(tangents), tape.rebuild(tape.nodes), f"{what}: tangents")
        recording = record.recording()
        with force_recording():
            seeds = [
                fitted(x, node, f"{what}: a tangent", "a primal")
                for x, node in zip(directions, tape.nodes, strict=True)
            ]
            lift = self.lift(seeds, recording)
            given = dict(zip(tape.nodes, seeds if lift else map(value_of, seeds), strict=True))
            roots = [t._node for t in self.outputs if t._node is not None]
            pushed = push_forward(roots, given, lift)
        as_tensor = tape.tensors_in or bool(lift) or any(map(is_tensor, directions))
        parts = [
            handed_out(None if t._node is None else pushed.get(t._node), t, as_tensor)
            for t in self.outputs
        ]
        return self.rebuild(parts), as_tensor

    def pull(
        self, cotangent: Any, what: str = "pull_back: a cotangent", of: str = "an output"
    ) -> tuple[Any, ...]:
        """``Jᵀ u``, for each primal."""
        tape = self.tape
        given = flatten_like(cotangent, self.rebuild(list(self.outputs)), what)
        recording = record.recording()
        with force_recording():
            seeds = [fitted(u, t, what, of) for u, t in zip(given, self.outputs, strict=True)]
            lift = self.lift(seeds, recording)
            roots = summed(self.outputs, seeds if lift else list(map(value_of, seeds)))
            found = backprop.differentiate(roots, tape.nodes, lift)
        as_tensor = tape.tensors_in or bool(lift) or any(map(is_tensor, given))
        grads = [handed_out(found.pop(node, None), node, as_tensor) for node in tape.nodes]
        return tuple(tape.rebuild(grads))


def _recorded(f: Callable[..., Any], primals: Sequence[Any], has_aux: bool = False) -> _Recorded:
    callable_or_error(f)
    tape = trace(f, primals, range(len(primals)), None, has_aux)
    outputs, rebuild = output_leaves(f, tape.returned)
    outputs = raised_outputs(outputs)
    return _Recorded(tape, outputs, rebuild, tape.depends_on_others(outputs))


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """Return ``f(*primals)`` and the function that maps cotangents ``u`` to ``Jᵀ u``.

    Args:
        f: returns an array, or nested dicts, lists and tuples of arrays.
        primals: the arguments: arrays, or nested dicts, lists and tuples of arrays.
        has_aux: ``f`` returns a pair, and ``vjp`` three: value, pull-back, and the other part.

    Returns:
        The value, and ``pull_back``. That takes ``u`` in the structure and shapes of the value and
        returns a tuple with the gradient ``Jᵀ u`` for each primal, a tuple of one for one. It may
        be called again and again, and is differentiable in ``u`` and the primals where those are
        tracked tensors. Complex values are as in ``backward``: the gradient of Re⟨u, f⟩, which
        for a holomorphic f is ``Jᴴ u``.

    >>> value, pull_back = vjp(lambda x, y: x * y, 2.0, 3.0)
    >>> pull_back(10.0)
    (array(30.), array(20.))
    """
    line = _recorded(f, primals, has_aux)
    value = line.value(line.tape.tensors_in)

    def pull_back(cotangent: Any) -> tuple[Any, ...]:
        return line.pull(cotangent)

    pull_back = of_these_vmaps(pull_back, "pull_back")
    return (value, pull_back, auxiliary(line.tape)) if has_aux else (value, pull_back)


def hvp(f: Callable[..., Any], primals: Sequence[Any], vectors: Sequence[Any]) -> Any:
    """Return the product ``H v`` of the Hessian of ``f`` at ``primals`` with ``vectors``.

    The Hessian is never formed. Where forward mode takes each op by itself or by its rule, as in a
    network of products, sums and elementwise functions, the derivative along ``v`` is recorded and
    differentiated; else the gradient is recorded and ``v`` pulled back through it, which gives
    ``Hᵀ v = H v``. Either costs two to three gradients.

    Args:
        f: returns one number.
        primals: its arguments, a tuple of arrays, or of nested dicts, lists and tuples of arrays.
        vectors: ``v``, in the structure and shapes of ``primals``.

    Returns:
        A tuple in the structure and shapes of ``primals``.

    >>> hvp(lambda x: (x**3).sum(), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    (array([ 6., 12.]),)
    """
    _check_tuples("hvp", primals, vectors)
    callable_or_error(f)
    tape = trace(f, primals, range(len(primals)))
    with force_recording():
        root = tape.returned if isinstance(tape.returned, Tensor) else constant(f, tape.returned)
        check_scalar(f, root)
        (root,) = raised_outputs([root])
        given = flatten_like(list(vectors), tape.rebuild(tape.nodes), "hvp: vectors")
        if _moves_easily(tape, root, given):
            return _along_and_back(tape, root, given)
        seeds = summed([root], [wrap(unit_seed(root), None)])
        found = backprop.differentiate(seeds, tape.nodes, LIFT)
    slopes = [_tensor_or_zeros(found.get(node), node) for node in tape.nodes]
    line = _Recorded(tape, slopes, tape.rebuild, tape.depends_on_others(slopes))
    return line.pull(list(vectors), "hvp: a vector", "a primal")


def _moves_easily(tape: Trace, root: Tensor, vectors: list[Any]) -> bool:
    """Whether to go forward first: no op there needs its rule transposed, and nobody looks on.

    Values must be real, and nothing but the primals tracked.
    """
    if root._node is None or hidden_axes() or record.watcher.get() is not None:
        return False
    order = topological_order([root._node])
    first = min((node.number for node in tape.nodes), default=0)
    for node in order:
        op = node.op
        if op is None:
            if (tape.recording and node.number < first) or node.dtype.kind != "f":
                return False
        elif (
            (op.kind not in _EASY and node.shape != ())
            or op is PROJECTION
            or OPS.get(op.fn) is not op
            or node.dtype.kind != "f"
        ):
            return False
    return hooks.hooked(order) is None and not any(map(is_tracked, vectors))


_EASY = ("elementwise", "linear", "multilinear")


def _along_and_back(tape: Trace, root: Tensor, vectors: list[Any]) -> tuple[Any, ...]:
    """The gradient of the derivative of ``root`` along ``vectors``."""
    # As arrays: what does not depend on the primals is not recorded.
    seeds = {
        node: fitted(v, node, "hvp: a vector", "a primal")._value
        for v, node in zip(vectors, tape.nodes, strict=True)
    }
    assert root._node is not None
    slope: Any = push_forward([root._node], seeds, LIFT).get(root._node)
    found = {}
    if is_tracked(slope):
        found = backprop.differentiate({slope._node: slope._seed(None)}, tape.nodes)
    as_tensor = tape.tensors_in or any(map(is_tensor, vectors))
    grads = [handed_out(found.pop(node, None), node, as_tensor) for node in tape.nodes]
    return tuple(tape.rebuild(grads))


def _tensor_or_zeros(g: Tensor | None, node: Node) -> Tensor:
    return wrap(np.zeros(node.shape, node.dtype), None) if g is None else g
