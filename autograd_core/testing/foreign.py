"""Functions of PyTorch and of JAX, behind the protocol of `functions`."""

from __future__ import annotations

import functools
import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import NotDifferentiableError
from ..tree import flatten
from .arguments import Arguments
from .functions import Arrays, Differentiable, Run, outputs_of

__all__ = ["Foreign", "jax_function", "torch_function"]


def _library(name: str, package: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"{package} is needed to check its functions and is not installed: "
            f"pip install {package}"
        ) from error


class Foreign(ABC):
    """A function of another library's arrays, callable with NumPy's."""

    def __init__(self, f: Callable[..., Any]) -> None:
        if not callable(f):
            raise TypeError(f"a function is needed, not {type(f).__name__}")
        self.f = f
        functools.update_wrapper(self, f)

    @abstractmethod
    def bind(self, arguments: Arguments) -> Differentiable:
        """The function with its arguments, ready to be tested."""

    def leaves(self) -> dict[str, Any]:
        """Parameters by name, as arrays, which are varied besides the arguments."""
        return {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the value, of and as NumPy arrays."""
        bound = self.bind(Arguments(self.f, args, kwargs, self.leaves()))
        ys = bound.values(bound.arguments.values)
        return ys[0] if len(ys) == 1 else ys


def torch_function(f: Callable[..., Any]) -> Foreign:
    """Return a function of PyTorch tensors as one that `check_gradients` takes.

    Arguments are NumPy arrays and come to ``f`` as tensors of double precision. The parameters of
    a ``torch.nn.Module`` are checked too, as copies in double precision.

    Raises:
        ImportError: PyTorch is not installed.

    As in ``check_gradients(torch_function(lambda x: torch.logsumexp(x, 0)), np.ones(3))``.
    """
    return Torch(f)


def jax_function(f: Callable[..., Any]) -> Foreign:
    """Return a function of JAX arrays as one that `check_gradients` takes.

    Arguments are NumPy arrays and come to ``f`` in double precision, which is switched on for
    these calls only. JAX's gradients of complex values are the conjugates of those shown here.

    Raises:
        ImportError: JAX is not installed.
    """
    return _JAX(f)


def _wide(x: Any) -> Any:
    """Numbers in double precision; integers as they are."""
    if x.dtype.kind not in "fc":
        return x
    return x.astype(complex if x.dtype.kind == "c" else float)


@contextmanager
def _refusals(kind: type[Exception]) -> Iterator[None]:
    """A derivative that a library does not have is refused in the words of this one."""
    try:
        yield
    except kind as error:
        raise NotDifferentiableError(str(error).split("\n")[0]) from error


def _refuse_once(gs: list[Any]) -> None:
    """Refuse gradients that PyTorch cannot differentiate again, for which it would give zero."""
    waiting, seen = [g.grad_fn for g in gs], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        if node.name().endswith("::Error"):
            raise NotDifferentiableError("an autograd.Function is marked once_differentiable")
        seen.add(node)
        waiting += [parent for parent, _ in node.next_functions]


class Torch(Foreign):
    def __init__(self, f: Callable[..., Any]) -> None:
        super().__init__(f)
        self.torch = _library("torch", "torch")

    def leaves(self) -> dict[str, Any]:
        if not isinstance(self.f, self.torch.nn.Module):
            return {}
        return {name: _wide(p.detach().numpy()) for name, p in self.f.named_parameters()}

    def bind(self, arguments: Arguments) -> Differentiable:
        return _TorchFunction(self.f, arguments, self.torch, list(self.leaves()))


class _TorchFunction(Differentiable):
    records = False

    def __init__(
        self, f: Callable[..., Any], arguments: Arguments, torch: Any, leaves: list[str]
    ) -> None:
        super().__init__(f, arguments)
        self._torch, self._leaves = torch, leaves

    def _tensor(self, x: Any, tracked: bool = False) -> Any:
        made = self._torch.from_numpy(np.array(x))
        return made.requires_grad_() if tracked else made

    def _outputs(self, xs: list[Any]) -> list[Any]:
        given = iter(xs)
        args = self.arguments.call(xs, lambda _x, _o: next(given))
        leaves, rebuild = flatten(args)
        args = rebuild([self._tensor(x) if type(x) is np.ndarray else x for x in leaves])
        # The same draws each time, so that dropout is a function of its argument.
        with self._torch.random.fork_rng(devices=[]):
            self._torch.manual_seed(0)
            if self._leaves:
                module: Any = self.f
                named = dict(zip(self._leaves, xs[len(xs) - len(self._leaves) :], strict=True))
                # Copies, so that running averages do not move from one evaluation to the next.
                named |= {n: self._tensor(_wide(b.numpy())) for n, b in module.named_buffers()}
                result = self._torch.func.functional_call(
                    self.f, named, tuple(args), self.arguments.kwargs
                )
            else:
                result = self.f(*args, **self.arguments.kwargs)
        return [self._torch.as_tensor(y) for y in outputs_of(self.f, result)]

    def _array(self, t: Any) -> Any:
        return t.detach().resolve_conj().resolve_neg().numpy().copy()

    def values(self, xs: Arrays) -> Arrays:
        with self._torch.no_grad():
            return [self._array(y) for y in self._outputs([self._tensor(x) for x in xs])]

    def _pull(self, ys: list[Any], ts: list[Any], us: list[Any], again: bool) -> list[Any]:
        pairs = [(y, u) for y, u in zip(ys, us, strict=True) if y.requires_grad]
        if not pairs:
            return [self._torch.zeros_like(t) for t in ts]
        found = self._torch.autograd.grad(
            [y for y, _ in pairs],
            ts,
            [u.to(y.dtype) for y, u in pairs],
            retain_graph=True,
            create_graph=again,
            allow_unused=True,
        )
        return [
            self._torch.zeros_like(t) if g is None else g for t, g in zip(ts, found, strict=True)
        ]

    def run(self, xs: Arrays) -> Run | None:
        ts = [self._tensor(x, tracked=True) for x in xs]
        ys = self._outputs(ts)

        def pull(us: Arrays) -> Arrays:
            # Not copies: what a backward pass writes into them is to be seen.
            seeds = [self._torch.from_numpy(np.asarray(u)) for u in us]
            found = self._pull(ys, ts, seeds, again=False)
            return [self._array(g) for g in found]

        return Run([self._array(y) for y in ys], pull)

    def push(self, xs: Arrays, vs: Arrays) -> Arrays | None:
        forward = self._torch.autograd.forward_ad
        with _refusals(RuntimeError), forward.dual_level():
            pairs = zip(xs, vs, strict=True)
            ys = self._outputs([forward.make_dual(*map(self._tensor, pair)) for pair in pairs])
            tangents = [forward.unpack_dual(y).tangent for y in ys]
            return [
                self._array(self._torch.zeros_like(y) if t is None else t)
                for y, t in zip(ys, tangents, strict=True)
            ]

    def second(self, xs: Arrays, a: Arrays, b: Arrays) -> Run | None:
        ts = [self._tensor(x, tracked=True) for x in xs]
        ys = self._outputs(ts)
        seeds = [self._tensor(u) + self._tensor(w) * y for y, u, w in zip(ys, a, b, strict=True)]
        gs = self._pull(ys, ts, seeds, again=True)
        _refuse_once(gs)

        def pull(ws: Arrays) -> Arrays:
            with _refusals(RuntimeError):
                found = self._pull(gs, ts, [self._tensor(w) for w in ws], again=False)
            return [self._array(g) for g in found]

        return Run([self._array(g) for g in gs], pull)


class _JAX(Foreign):
    def __init__(self, f: Callable[..., Any]) -> None:
        super().__init__(f)
        self.jax = _library("jax", "jax")

    def bind(self, arguments: Arguments) -> Differentiable:
        return _JAXFunction(self.f, arguments, self.jax)


class _JAXFunction(Differentiable):
    records = False

    def __init__(self, f: Callable[..., Any], arguments: Arguments, jax: Any) -> None:
        super().__init__(f, arguments)
        self._jax = jax

    def _double(self) -> Any:
        if hasattr(self._jax, "enable_x64"):
            return self._jax.enable_x64(True)
        return importlib.import_module("jax.experimental").enable_x64()

    def _call(self, *xs: Any) -> list[Any]:
        given = iter(xs)
        args = self.arguments.call(list(xs), lambda _x, _o: next(given))
        return outputs_of(self.f, self.f(*args, **self.arguments.kwargs))

    def values(self, xs: Arrays) -> Arrays:
        with self._double():
            return [np.array(y) for y in self._call(*map(self._jax.numpy.asarray, xs))]

    def _vjp(self, f: Callable[..., Any], xs: Arrays) -> tuple[list[Any], Callable[..., Any]]:
        """The values, and the pull-back in PyTorch's convention."""
        np_ = self._jax.numpy
        ys, pull = self._jax.vjp(f, *map(np_.asarray, xs))

        def pulled(us: Any) -> list[Any]:
            seeds = [np_.conj(np_.asarray(u, y.dtype)) for u, y in zip(us, ys, strict=True)]
            return [np_.conj(g) for g in pull(seeds)]

        return ys, pulled

    def _floating(self, *xs: Any) -> list[Any]:
        return [y + 0.0 for y in self._call(*xs)]  # JAX seeds integers in a dtype of their own

    def run(self, xs: Arrays) -> Run | None:
        with self._double():
            ys, pulled = self._vjp(self._floating, xs)

        def pull(us: Arrays) -> Arrays:
            with self._double():
                return [np.array(g) for g in pulled(us)]

        return Run([np.array(y) for y in ys], pull)

    def push(self, xs: Arrays, vs: Arrays) -> Arrays | None:
        with self._double(), _refusals(TypeError):  # where there is a rule for reverse mode only
            array = self._jax.numpy.asarray
            _, tangents = self._jax.jvp(
                self._floating, tuple(map(array, xs)), tuple(map(array, vs))
            )
            return [np.array(t) for t in tangents]

    def second(self, xs: Arrays, a: Arrays, b: Arrays) -> Run | None:
        def gradient(*ts: Any) -> list[Any]:
            ys, pulled = self._vjp(self._floating, list(ts))
            found: list[Any] = pulled([u + w * y for y, u, w in zip(ys, a, b, strict=True)])
            return found

        with self._double():
            gs, pulled = self._vjp(gradient, xs)

        def pull(ws: Arrays) -> Arrays:
            with self._double():
                return [np.array(g) for g in pulled(ws)]

        return Run([np.array(g) for g in gs], pull)
