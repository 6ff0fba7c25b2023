"""What is tested, behind one protocol: a value, a pull-back, a push-forward, a second order.

A function of this engine and a hand-written gradient stand here, PyTorch's and JAX's in
`foreign`. Arrays in, arrays out, by position; the check knows nothing else about any of them.
Gradients of complex values are in PyTorch's convention: dL = Re(conj(g) dz).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np

from .. import backprop, settings
from ..forward import push_forward
from ..record import force_recording, no_grad
from ..tensor import LIFT, Tensor, asarray, wrap
from ..tree import flatten
from .arguments import Arguments, Operand
from .differences import plain

__all__ = ["Differentiable", "EngineFunction", "HandWritten", "Run"]

Arrays = list[Any]


class Run(NamedTuple):
    """One evaluation: values, and the pull-back from gradients at them to the operands."""

    values: Arrays
    pull: Callable[[Arrays], Arrays]


class Differentiable(ABC):
    """A function of arrays with derivatives to be tested."""

    #: Whether `second` weights with the square of the values too, so that the cotangent depends on
    #: the operands.
    squares = True
    #: Whether there is a recorded value to compare with the plain one.
    records = True
    #: Why the function cannot be called with plain arrays; None where it can.
    refused: str | None = None

    def __init__(self, f: Callable[..., Any], arguments: Arguments) -> None:
        self.f, self.arguments = f, arguments
        #: What was handed out, by name, with the value it had, to see that none is written.
        self.handed: list[tuple[str, Any, Any]] = []

    @abstractmethod
    def values(self, xs: Arrays) -> Arrays:
        """The values alone."""

    @abstractmethod
    def run(self, xs: Arrays) -> Run | None:
        """The values, and the pull-back; None where there is no reverse mode."""

    def push(self, xs: Arrays, vs: Arrays) -> Arrays | None:
        """The derivative of the values along ``vs``; None where there is no forward mode."""
        return None

    def gradient(self, xs: Arrays, a: Arrays, b: Arrays) -> Arrays:
        """The gradient of L = Re⟨a, y⟩ + ½⟨b, |y|²⟩ for the values y."""
        run = self.run(xs)
        assert run is not None
        return run.pull([u + w * y for u, w, y in zip(a, b, run.values, strict=True)])

    def second(self, xs: Arrays, a: Arrays, b: Arrays) -> Run | None:
        """The gradient of L as values, and the pull-back from those."""
        return None

    def push_gradient(self, xs: Arrays, a: Arrays, b: Arrays, vs: Arrays) -> Arrays | None:
        """The derivative of the gradient of L along ``vs``, by forward mode over reverse mode."""
        return None


def outputs_of(f: Callable[..., Any], result: Any) -> list[Any]:
    """The leaves of what ``f`` returned, or an error that says what they should be."""
    leaves = flatten(result)[0]
    for y in leaves:
        if y is None or isinstance(y, (str, bytes)):
            name = getattr(f, "__name__", "the function")
            raise TypeError(
                f"check_gradients: {name} returned {y!r}; it must return a number or an array, "
                "or nested dicts, lists and tuples of them"
            )
    return leaves


class EngineFunction(Differentiable):
    """A function of NumPy arrays that this engine records, with the leaves that it reads."""

    def __init__(
        self,
        f: Callable[..., Any],
        arguments: Arguments,
        leaves: Mapping[str, Tensor] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(f, arguments)
        self.leaves = list((leaves or {}).values())
        self._random = True
        self._seed = seed
        self._saved = [t.data for t in self.leaves]
        self._count = len(arguments.operands) - len(self.leaves)
        # Where the function draws from the engine's generator, the draws are replayed each time.
        with self._seeded():
            generator = settings.random_generator()
            before = generator.bit_generator.state
            with no_grad():

                def handed_out(x: Any, o: Operand) -> Any:
                    given = _as_array(x, o)
                    self.handed.append((o.name, given, x))
                    return given

                try:
                    self._outputs(arguments.values, handed_out)
                except Exception as error:
                    self.refused = f"{type(error).__name__}: {error}"
                    self.handed = []
                    self._outputs(arguments.values, _as_tensor)
            self._random = bool(generator.bit_generator.state != before)

    def _seeded(self) -> AbstractContextManager[Any]:
        return settings.seed(self._seed) if self._random else nullcontext()

    def _outputs(self, xs: Arrays, as_argument: Callable[[Any, Operand], Any]) -> list[Any]:
        args = self.arguments.call(xs, as_argument)
        return outputs_of(self.f, self.f(*args, **self.arguments.kwargs))

    def _inside(self, xs: Arrays, body: Callable[[], Any]) -> Any:
        """Run ``body`` with the leaves at their part of ``xs``, and put them back bit for bit."""
        with self._seeded():
            if not self.leaves:
                return body()
            try:
                for t, saved, x in zip(self.leaves, self._saved, xs[self._count :], strict=True):
                    # `_swap` publishes another array: graphs that read the old one stay right.
                    t._swap(saved if x is t.data else np.array(x, dtype=t.dtype))
                return body()
            finally:
                for t, saved in zip(self.leaves, self._saved, strict=True):
                    t._swap(saved)

    def values(self, xs: Arrays) -> Arrays:
        as_argument = _as_array if self.refused is None else _as_tensor

        def body() -> Arrays:
            with no_grad():
                return [np.asarray(plain(y)) for y in self._outputs(xs, as_argument)]

        return self._inside(xs, body)  # type: ignore[no-any-return]

    def complex_values(self, xs: Arrays) -> Arrays:
        """The values at complex points, for complex steps."""
        return self.values(xs)

    def run(self, xs: Arrays) -> Run | None:
        return self._inside(xs, lambda: self._recorded(xs))  # type: ignore[no-any-return]

    def _variables(self, xs: Arrays) -> list[Tensor]:
        made = [asarray(x.copy()).requires_grad_() for x in xs[: self._count]]
        named = zip(self.arguments.names, made, xs, strict=False)
        self.handed = [(name, t._value, x) for name, t, x in named]
        return [*made, *self.leaves]

    def _record(self, xs: Arrays) -> tuple[list[Any], list[Tensor]]:
        variables = self._variables(xs)
        given = iter(variables)
        nodes = [t._node for t in variables]
        ys = [asarray(y) for y in self._outputs(xs, lambda _x, _o: next(given))]
        return nodes, ys

    def _recorded(self, xs: Arrays) -> Run:
        with force_recording():
            nodes, ys = self._record(xs)

        def pull(us: Arrays) -> Arrays:
            return [_finished(g) for g in self._pull(nodes, ys, us, None)]

        return Run([np.array(plain(y)) for y in ys], pull)

    def _pull(self, nodes: list[Any], ys: list[Tensor], us: Arrays, lift: Any) -> list[Any]:
        seeds: dict[Any, Any] = {}
        for y, u in zip(ys, us, strict=True):
            if y._node is None or y.dtype.kind not in "fc":
                continue
            u = u.astype(y.dtype, copy=False)
            seeds[y._node] = seeds[y._node] + u if y._node in seeds else u
        with force_recording():
            found = backprop.differentiate(seeds, nodes, lift) if seeds else {}
        return [
            wrap(np.zeros(n.shape, n.dtype), None) if found.get(n) is None else asarray(found[n])
            for n in nodes
        ]

    def push(self, xs: Arrays, vs: Arrays) -> Arrays | None:
        def body() -> Arrays:
            with force_recording():
                return self._pushed(*self._record(xs), vs)

        return self._inside(xs, body)  # type: ignore[no-any-return]

    def _pushed(self, nodes: list[Any], outputs: list[Tensor], vs: Arrays) -> Arrays:
        """The tangents of outputs from those of all operands, leaves that are read included."""
        seeds = {n: v.astype(n.dtype, copy=False) for n, v in zip(nodes, vs, strict=True)}
        found = push_forward([y._node for y in outputs if y._node is not None], seeds)
        return [
            np.zeros(y.shape, y.dtype if y.dtype.kind in "fc" else float)
            if y._node is None or found.get(y._node) is None
            else np.asarray(found[y._node])
            for y in outputs
        ]

    def second(self, xs: Arrays, a: Arrays, b: Arrays) -> Run | None:
        def body() -> Run:
            with force_recording():
                nodes, ys = self._record(xs)
                gs = self._pull(nodes, ys, self._seeds(ys, a, b), LIFT)
            values = [np.array(plain(g)) for g in gs]
            return Run(values, lambda ws: [_finished(g) for g in self._pull(nodes, gs, ws, None)])

        return self._inside(xs, body)  # type: ignore[no-any-return]

    def _seeds(self, ys: list[Tensor], a: Arrays, b: Arrays) -> list[Tensor]:
        return [asarray(y * w + u) for y, u, w in zip(ys, a, b, strict=True)]

    def push_gradient(self, xs: Arrays, a: Arrays, b: Arrays, vs: Arrays) -> Arrays | None:
        def body() -> Arrays:
            with force_recording():
                nodes, ys = self._record(xs)
                gs = self._pull(nodes, ys, self._seeds(ys, a, b), LIFT)
                return self._pushed(nodes, gs, vs)

        return self._inside(xs, body)  # type: ignore[no-any-return]


def _as_array(x: Any, o: Operand) -> Any:
    return x[()] if o.scalar else x.copy()


def _as_tensor(x: Any, _o: Operand) -> Tensor:
    return asarray(x.copy())


def _finished(g: Any) -> Any:
    return np.asarray(plain(g))


class HandWritten(Differentiable):
    """A NumPy function, and what somebody wrote for its derivative."""

    squares = False
    records = False

    def __init__(
        self,
        f: Callable[..., Any],
        arguments: Arguments,
        gradient: Callable[..., Any] | None = None,
        vjp: Callable[..., Any] | None = None,
        jvp: Callable[..., Any] | None = None,
        hvp: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__(f, arguments)
        self._gradient, self._vjp, self._jvp, self._hvp = gradient, vjp, jvp, hvp
        if gradient is not None:
            ys = self.values(arguments.values)
            if len(ys) != 1 or ys[0].size != 1 or ys[0].dtype.kind == "c":
                raise ValueError(
                    "check_gradients: gradient= is for a function that returns one real number; "
                    "give vjp=, which takes the gradient at the value and then the arguments"
                )

    def _args(self, xs: Arrays) -> list[Any]:
        self.handed = []

        def handed_out(x: Any, o: Operand) -> Any:
            given = _as_array(x, o)
            self.handed.append((o.name, given, x))
            return given

        return self.arguments.call(xs, handed_out)

    def values(self, xs: Arrays) -> Arrays:
        result = self.f(*self._args(xs), **self.arguments.kwargs)
        return [np.asarray(plain(y)) for y in outputs_of(self.f, result)]

    def run(self, xs: Arrays) -> Run | None:
        if self._gradient is None and self._vjp is None:
            return None
        values = self.values(xs)
        result = self.f(*self._args(xs), **self.arguments.kwargs)
        rebuild = flatten(result)[1]

        def pull(us: Arrays) -> Arrays:
            if self._gradient is not None:
                found = self._gradient(*self._args(xs), **self.arguments.kwargs)
                u = us[0].reshape(())
                return [_times(u, g) for g in self._per_operand(found, "gradient")]
            assert self._vjp is not None
            given = [u.copy() for u in us]
            args = self._args(xs)
            self.handed += [("the cotangent", g, u) for g, u in zip(given, us, strict=True)]
            found = self._vjp(rebuild(given), *args, **self.arguments.kwargs)
            return self._per_operand(found, "vjp")

        return Run(values, pull)

    def _per_operand(self, found: Any, what: str) -> Arrays:
        gs = flatten(found)[0]
        names = self.arguments.names
        if len(gs) != len(names):
            raise ValueError(
                f"check_gradients: {what}= returned {len(gs)} arrays, but one for each floating "
                f"argument is due ({', '.join(names)})"
            )
        arrays = [np.asarray(plain(g)) for g in gs]
        for name, g in zip(names, arrays, strict=True):
            if g.dtype.kind not in "biufc":
                shown = g.item() if g.shape == () else g
                raise ValueError(
                    f"check_gradients: {what}= returned {shown!r} for {name}; an array of numbers "
                    "is due, zeros where the value does not depend on it"
                )
        return arrays

    def _tangents(self, vs: Arrays) -> Any:
        given = [v.copy() for v in vs]
        return given[0] if len(given) == 1 else tuple(given)

    def push(self, xs: Arrays, vs: Arrays) -> Arrays | None:
        if self._jvp is None:
            return None
        found = self._jvp(self._tangents(vs), *self._args(xs), **self.arguments.kwargs)
        return [np.asarray(plain(t)) for t in flatten(found)[0]]

    def second(self, xs: Arrays, a: Arrays, b: Arrays) -> Run | None:
        if self._hvp is None or self._gradient is None:
            return None
        hvp = self._hvp

        def pull(ws: Arrays) -> Arrays:
            found = hvp(self._tangents(ws), *self._args(xs), **self.arguments.kwargs)
            return [_times(a[0].reshape(()), g) for g in self._per_operand(found, "hvp")]

        return Run(self.gradient(xs, a, b), pull)


def _times(u: Any, g: Any) -> Any:
    """``u g`` in the dtype of ``g``, which is what is looked at."""
    return np.asarray(u * g).astype(g.dtype, copy=False) if g.dtype.kind in "fc" else g
