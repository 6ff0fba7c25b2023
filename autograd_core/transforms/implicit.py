"""Derivatives of what a solver found, by the equation that it solves."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import backprop, record
from ..backprop import Lift
from ..errors import GradientError, OverwrittenError
from ..forward import push_forward
from ..graph import Node, next_number
from ..record import force_recording
from ..tensor import LIFT, Tensor, value_of, wrap
from ..tree import flatten
from .batched import levels, one_example
from .batching import in_turn
from .boxes import box_op, changed_outside, inside, outside_of, record_box, relink
from .jacobian import rows_of
from .units import at_once
from .variables import (
    callable_or_error,
    hidden_axes,
    is_tracked,
    name_of,
    node_of,
    output_leaves,
    own,
    same_node,
    summed,
    value_out,
    variable,
)

__all__ = ["fixed_point", "implicit_root"]

IMPLICIT = box_op("implicit_root")

#: Solves A u = b: from v ↦ A v, and b, vectors both, to u.
LinearSolve = Callable[[Callable[[Any], Any], Any], Any]


def implicit_root(
    residual: Callable[..., Any],
    solve: Callable[..., Any],
    tol: float | None = None,
    linear_solve: LinearSolve | None = None,
) -> Callable[..., Any]:
    """Return the function x(θ) that ``solve`` computes, differentiable by F(x, θ) = 0.

    By the implicit function theorem ``dx/dθ = -(∂F/∂x)⁻¹ ∂F/∂θ`` at the root, however that was
    found (Griewank & Walther, Evaluating Derivatives, 2nd ed., chapter 15; Blondel et al.,
    Efficient and Modular Implicit Differentiation, 2022). Any order, reverse and forward mode.

    Args:
        residual: F, called as ``residual(x, *θ)`` with tensors; it returns as many numbers as x
            has, in any structure. What else it reads, parameters say, is differentiated too.
        solve: called as ``solve(*θ, **options)`` with plain arrays, by any means; it returns x, an
            array of floats, or nested dicts, lists and tuples of such. For the minimum of a loss
            the residual is its gradient, ``grad(loss)``.
        tol: how large an element of F at the root may be; by default ε^(1/3), 6e-6 in float64.
        linear_solve: ``linear_solve(matvec, b)`` solves A u = b for a vector u, A being ∂F/∂x or
            its transpose, without forming it: an iterative method, for many unknowns. By default
            ∂F/∂x is formed and `numpy.linalg.solve` called.

    Returns:
        A function of θ, arrays or nested dicts, lists and tuples of arrays; keywords go to
        ``solve``. Arrays in, arrays out; tensors in, tensors out.

    Raises:
        GradientError: F at what the solver returned is not small, or has another size than x; on
            differentiating, ∂F/∂x is singular.

    >>> cube_root = implicit_root(lambda x, a: x**3 - a, lambda a: np.cbrt(a))
    >>> from autograd_core.transforms import grad
    >>> round(float(grad(cube_root)(8.0)), 6)  # 1 / (3 · 2²)
    0.083333
    """
    callable_or_error(residual, " as the residual")
    callable_or_error(solve, " as the solver")

    @functools.wraps(solve, updated=())
    def root(*theta: Any, **options: Any) -> Any:
        if hidden_axes() and levels((theta, options)):
            # A solver decides by what it sees how often it goes around.
            return in_turn(root, name_of(solve), theta, options)
        with one_example():
            return _Root(residual, solve, tol, linear_solve, theta).forward(options)

    return root


def fixed_point(
    step: Callable[..., Any],
    solve: Callable[..., Any],
    tol: float | None = None,
    linear_solve: LinearSolve | None = None,
) -> Callable[..., Any]:
    """Return the function x(θ) that ``solve`` computes, differentiable by x = T(x, θ).

    ``step`` is T; it returns what has the structure and shapes of x. Otherwise as `implicit_root`,
    with F = x - T(x, θ).

    >>> def iterate(a, x=1.0):
    ...     while abs(x - np.cos(a * x)) > 1e-14:
    ...         x = np.cos(a * x)
    ...     return x
    >>> x = fixed_point(lambda x, a: np.cos(a * x), iterate)
    >>> round(float(x(1.0)), 6)
    0.739085
    """
    callable_or_error(step, " as the step")

    @functools.wraps(step, updated=())
    def residual(x: Any, *theta: Any) -> Any:
        before, _ = flatten(x)
        after, rebuild = output_leaves(step, step(x, *theta))
        if [t.shape for t in before] != [t.shape for t in after]:
            raise GradientError(
                f"fixed_point: {name_of(step)} returned shapes {[t.shape for t in after]} for x of "
                f"shapes {[t.shape for t in before]}; they must be equal"
            )
        return rebuild([a - b for a, b in zip(before, after, strict=True)])

    return implicit_root(residual, solve, tol, linear_solve)


class _Root:
    """One root that was found, with what it takes to differentiate it."""

    def __init__(
        self,
        residual: Callable[..., Any],
        solve: Callable[..., Any],
        tol: float | None,
        linear_solve: LinearSolve | None,
        theta: tuple[Any, ...],
    ) -> None:
        self.residual, self.solve, self.tol = residual, solve, tol
        self.linear_solve = linear_solve
        leaves, rebuild = flatten(theta)
        # Of the structure alone: not of what was in it.
        _, self.rebuild = flatten(rebuild(list(range(len(leaves)))))
        #: θ, None where it is tracked: the box has that.
        self.given = [None if is_tracked(x) else _plain(x) for x in leaves]
        self.tracked = [k for k, x in enumerate(leaves) if is_tracked(x)]
        self.inputs = [leaves[k] for k in self.tracked]
        self.tensors_in = any(type(x) is Tensor for x in leaves)
        self.rebuild_x: Callable[[list[Any]], Any] = list
        self.outside: list[Node] = []

    def forward(self, options: dict[str, Any]) -> Any:
        """Solve, see that it is solved, and put a box in the place of it."""
        inputs, self.inputs = self.inputs, []
        values = [t._value for t in inputs]
        arrays = [_plain(x) for x in self.given]
        for k, value in zip(self.tracked, values, strict=True):
            arrays[k] = _plain(value)
        found, self.rebuild_x = flatten(self.solve(*self.rebuild(arrays), **options))
        xs = [_checked(x, self.solve) for x in found]
        recording = record.recording()
        first = next_number()
        system = self._record(xs, values)
        self._check(system.parts, xs)
        outside = outside_of(system.inner, first)
        if not recording or not (outside or inputs):
            return self.rebuild_x([value_out(wrap(x, None), self.tensors_in, False) for x in xs])
        self.outside = [o.node for o in outside]
        boxed = record_box(
            IMPLICIT,
            self,
            xs,
            [*values, *(o.operand for o in outside)],
            [*(t._node for t in inputs), *self.outside],
        )
        return self.rebuild_x(boxed)

    def _record(self, xs: Sequence[Any], values: Sequence[Any]) -> _System:
        """Record F at x and θ."""
        first = next_number()
        instead = {node: same_node(node) for node in self.outside}
        variables = [variable(x) for x in xs]
        theta: list[Any] = list(self.given)
        for k, value in zip(self.tracked, values, strict=False):
            theta[k] = variable(value)
        x_nodes = [node_of(v) for v in variables]
        inputs = [node_of(theta[k]) for k in self.tracked]
        with force_recording(), np.errstate(all="ignore"):
            value = self.residual(self.rebuild_x(list(variables)), *self.rebuild(theta))
        parts, _ = output_leaves(self.residual, value)
        roots = [t._node for t in parts if t._node is not None]
        inner = inside(roots, first, {*x_nodes, *inputs})
        if instead:
            what = changed_outside(
                outside_of(inner, first),
                dict(zip(self.outside, values[len(self.tracked) :], strict=True)),
            )
            if what is not None:
                raise OverwrittenError(
                    f"implicit_root: {name_of(self.residual)} was run again to differentiate, but "
                    f"{what}. Call backward() before parameters are updated"
                )
            relink(inner, instead)
        return _System(parts, x_nodes, [*inputs, *instead.values()], inner)

    def pull(self, g: list[Any], out: list[Any], operands: Sequence[Any]) -> list[Any]:
        """``-(∂F/∂θ)ᵀ u``, where ``(∂F/∂x)ᵀ u = g``."""
        lift = LIFT if any(type(part) is Tensor for part in g) else None
        system = self._record(out, operands)
        with force_recording():
            u = self._solved(system, _vector(g, system.x_nodes), lift, transposed=True)
            found = system.pull(-u, system.inputs, lift)
        return [found.get(node) for node in system.inputs]

    def push(self, tangents: Sequence[Any], out: list[Any], operands: Sequence[Any]) -> list[Any]:
        """``-(∂F/∂x)⁻¹ ∂F/∂θ v``."""
        lift = LIFT if any(type(t) is Tensor for t in tangents) else None
        system = self._record(out, operands)
        pairs = zip(system.inputs, tangents, strict=True)
        with force_recording():
            moved = system.push({node: t for node, t in pairs if t is not None}, lift)
            dx = self._solved(system, -moved, lift, transposed=False)
        return [
            part if part.dtype == node.dtype else part.astype(node.dtype)
            for part, node in zip(_split(dx, system.x_nodes), system.x_nodes, strict=True)
        ]

    def _solved(self, system: _System, b: Any, lift: Lift | None, transposed: bool) -> Any:
        """Solve A u = b, where A is ∂F/∂x or its transpose."""
        linear_solve = self.linear_solve
        if linear_solve is None:
            jacobian = system.dense(self.residual, lift)
            self._refuse_singular(value_of(jacobian))
            return np.linalg.solve(jacobian.T if transposed else jacobian, b)

        def apply(u: Any, lift: Lift | None = None) -> Any:
            if transposed:
                found = system.pull(u, system.x_nodes, lift)
                return _vector([found.get(node) for node in system.x_nodes], system.x_nodes)
            pairs = zip(system.x_nodes, _split(u, system.x_nodes), strict=True)
            return system.push(dict(pairs), lift)

        right = value_of(b)
        size = float(np.max(np.abs(right), initial=1.0))
        if lift is None:
            u = np.asarray(linear_solve(apply, right))
            self._check_small((apply(u) - right) / size, linear_solve, "A u - b", b.dtype)
            return u
        # The linear system is an equation with a root too, so orders above the first follow.
        found = implicit_root(
            lambda u: (apply(u, LIFT) - b) / size,
            lambda: linear_solve(apply, right),
            self.tol,
            linear_solve,
        )
        return found()

    def _check(self, parts: list[Tensor], xs: list[Any]) -> None:
        name = name_of(self.residual)
        n, m = sum(x.size for x in xs), sum(t.size for t in parts)
        if n != m:
            raise GradientError(
                f"implicit_root: {name} returned {m} numbers for an x of {n}; a root has as many "
                "equations as unknowns"
            )
        if any(t.dtype.kind == "c" for t in parts):
            raise GradientError(
                f"implicit_root: {name} returned complex values; give their real and imaginary "
                "parts, of an x that holds those of the root"
            )
        for t in parts:
            for x in xs:
                self._check_small(t._value, self.solve, name, x.dtype)

    def _check_small(self, value: Any, solve: Callable[..., Any], name: str, dtype: Any) -> None:
        tol = np.finfo(dtype).eps ** (1 / 3) if self.tol is None else self.tol
        norm = np.max(np.abs(value), initial=0.0)
        if not norm <= tol:
            raise GradientError(
                f"implicit_root: what {name_of(solve)} returned is no root of {name}: its largest "
                f"element there is {norm:.3g}, over tol={tol:.3g}. Solve more exactly, or pass a "
                "larger tol"
            )

    def _refuse_singular(self, jacobian: Any) -> None:
        condition = np.linalg.cond(jacobian, 1) if jacobian.size else 1.0
        if not condition * np.finfo(jacobian.dtype).eps < 1.0:
            raise GradientError(
                f"implicit_root: the derivative of {name_of(self.residual)} by x is singular at "
                "the root, of which there is then no derivative. See that the root is a simple, "
                "isolated one: leave out unknowns that the equations do not determine, or add a "
                "small term that does"
            )

    def __repr__(self) -> str:
        return name_of(self.solve)


class _System(NamedTuple):
    """F as it was recorded, with its derivatives as maps of vectors."""

    parts: list[Tensor]
    x_nodes: list[Node]
    #: The tracked part of θ, and what F reads besides.
    inputs: list[Node]
    inner: list[Node]

    def pull(self, u: Any, wanted: list[Node], lift: Lift | None) -> dict[Node, Any]:
        seeds = [
            part if part.dtype == t.dtype else part.astype(t.dtype)
            for part, t in zip(_split(u, self.parts), self.parts, strict=True)
        ]
        return backprop.transpose(summed(self.parts, seeds), wanted, lift)

    def push(self, tangents: dict[Node, Any], lift: Lift | None) -> Any:
        roots = [t._node for t in self.parts if t._node is not None]
        pushed = push_forward(roots, tangents, lift)
        moved = [None if t._node is None else pushed.get(t._node) for t in self.parts]
        return _vector(moved, self.parts)

    def dense(self, f: Callable[..., Any], lift: Lift | None) -> Any:
        """∂F/∂x as a matrix."""
        together = at_once(self.parts, self.x_nodes)
        rows = [
            np.concatenate(
                [
                    np.reshape(block, (t.size, node.size))
                    for block, node in zip(
                        rows_of(f, t, self.x_nodes, lift, together), self.x_nodes, strict=True
                    )
                ],
                axis=1,
            )
            for t in self.parts
        ]
        return np.concatenate(rows, axis=0)


def _plain(x: Any) -> Any:
    """An array of its own, in place of a tensor or array."""
    return own(value_of(x)) if hasattr(x, "__array_function__") else x


def _checked(x: Any, solve: Callable[..., Any]) -> Any:
    array = np.array(value_of(x))
    if array.dtype.kind != "f" or is_tracked(x):
        raise TypeError(
            f"implicit_root: {name_of(solve)} returned {type(x).__name__} of dtype {array.dtype}; "
            "it must return arrays of floats, computed from the plain arrays that it is given"
        )
    return array


def _vector(parts: Sequence[Any], likes: Sequence[Any]) -> Any:
    """All elements of all parts in a row; None is zeros."""
    flat = [
        np.zeros(like.size, like.dtype) if part is None else np.ravel(part)
        for part, like in zip(parts, likes, strict=True)
    ]
    return flat[0] if len(flat) == 1 else np.concatenate(flat)


def _split(vector: Any, likes: Sequence[Any]) -> list[Any]:
    """The parts of a vector, in the shapes of ``likes``."""
    parts, start = [], 0
    for like in likes:
        parts.append(np.reshape(vector[start : start + like.size], like.shape))
        start += like.size
    return parts
