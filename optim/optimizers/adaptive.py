"""A learning rate for each number, from the squares of its gradients: Adagrad and what it led to.

Each divides the gradient by the root of γ, a sum or a running average of its squares. The lecture
(L20) has the small ε inside of the root, ∇ / √(γ + ε); the papers of Adagrad and Adam, and
PyTorch, have it outside, ∇ / (√γ + ε). ``eps_inside`` says which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from ..options import Check, flag, fraction, non_negative, positive
from .flat import constant
from .optimizer import Optimizer

__all__ = ["Adadelta", "Adagrad", "RMSProp"]


@final
class Adagrad(Optimizer):
    """Divide the gradient by the root of the sum of its squares so far.

    γ(t) = γ(t-1) + ∇² and θ ← θ - α ∇ / (√γ(t) + ε), from γ(0) = 0 (Duchi, Hazan & Singer 2011;
    PyTorch's ``Adagrad``); with ``eps_inside`` it is the lecture's ∇ / √(γ(t) + ε) (L20).

    ``lr`` is α, ``eps`` is ε > 0. ``weight_decay`` λ ≥ 0 adds λθ to the gradient.

    >>> from autograd_core import Tensor
    >>> w = Tensor([4.0, 4.0], requires_grad=True)
    >>> optimizer = Adagrad([w], lr=1.0)
    >>> w.grad = np.array([0.01, 100.0])
    >>> optimizer.step()
    >>> w.data.round(6)
    array([3., 3.])
    """

    _checks: ClassVar[Mapping[str, Check]] = {
        "lr": non_negative,
        "eps": positive,
        "weight_decay": non_negative,
        "eps_inside": flag,
    }
    _memory = ("squares",)
    _scratch = 1

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 0.01,
        *,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
        eps_inside: bool = False,
    ) -> None:
        options = {"lr": lr, "eps": eps, "weight_decay": weight_decay, "eps_inside": eps_inside}
        super().__init__(parameters, options)

    def _update(
        self,
        gradient: NDArray[Any],
        value: NDArray[Any],
        out: NDArray[Any],
        state: dict[str, NDArray[Any]],
        scratch: list[NDArray[Any]],
        options: Mapping[str, Any],
        t: int,
    ) -> None:
        squares, root = state["squares"], scratch[0]
        np.square(gradient, out=root)
        np.add(squares, root, out=squares)
        _root(squares, options, out=root)
        np.divide(gradient, root, out=out)
        np.multiply(out, options["lr"], out=out)
        np.subtract(value, out, out=out)


@final
class RMSProp(Optimizer):
    """Divide the gradient by the root of a running average of its squares.

    γ(t) = β γ(t-1) + (1-β) ∇² and θ ← θ - α ∇ / (√γ(t) + ε), from γ(0) = 0 (Tieleman & Hinton
    2012; PyTorch's ``RMSprop``); with ``eps_inside`` it is the lecture's ∇ / √(γ(t) + ε) (L20).
    With ``momentum`` μ the quotients are summed, b(t) = μ b(t-1) + ∇ / (√γ(t) + ε), and the step is
    -α b(t). With ``centered`` γ - m² takes the place of γ, the variance around the running average
    m(t) = β m(t-1) + (1-β) ∇ (Graves 2013).

    ``lr`` is α; ``alpha``, in [0, 1), is β (PyTorch's name for it); ``eps`` is ε > 0.
    ``weight_decay`` λ ≥ 0 adds λθ to the gradient.

    >>> from autograd_core import Tensor
    >>> w = Tensor([4.0], requires_grad=True)
    >>> optimizer = RMSProp([w], lr=0.1, alpha=0.75)
    >>> w.grad = np.array([100.0])
    >>> optimizer.step()
    >>> w.data.round(6)
    array([3.8])
    """

    _checks: ClassVar[Mapping[str, Check]] = {
        "lr": non_negative,
        "alpha": fraction,
        "eps": positive,
        "weight_decay": non_negative,
        "momentum": fraction,
        "centered": flag,
        "eps_inside": flag,
    }
    _memory = ("squares", "mean", "velocity")
    _scratch = 1

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        eps_inside: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
            "eps_inside": eps_inside,
        }
        super().__init__(parameters, options)

    @classmethod
    def _remembers(cls, options: Mapping[str, Any]) -> tuple[str, ...]:
        wanted = {"squares": True, "mean": options["centered"], "velocity": options["momentum"]}
        return tuple(name for name in cls._memory if wanted[name])

    def _update(
        self,
        gradient: NDArray[Any],
        value: NDArray[Any],
        out: NDArray[Any],
        state: dict[str, NDArray[Any]],
        scratch: list[NDArray[Any]],
        options: Mapping[str, Any],
        t: int,
    ) -> None:
        beta, momentum = options["alpha"], options["momentum"]
        squares, root = state["squares"], scratch[0]
        average_square(squares, gradient, beta, scratch=root)
        if options["centered"]:
            mean = state["mean"]
            average(mean, gradient, beta, scratch=root)
            np.square(mean, out=root)
            np.subtract(squares, root, out=root)
            # Rounding may leave a variance below 0, of which the root would be NaN.
            np.maximum(root, 0.0, out=root)
            _root(root, options, out=root)
        else:
            _root(squares, options, out=root)
        np.divide(gradient, root, out=out)
        if momentum:
            velocity = state["velocity"]
            np.multiply(velocity, momentum, out=velocity)
            np.add(velocity, out, out=velocity)
            np.multiply(velocity, options["lr"], out=out)
        else:
            np.multiply(out, options["lr"], out=out)
        np.subtract(value, out, out=out)


@final
class Adadelta(Optimizer):
    """Scale the gradient by the ratio of the sizes of past steps and past gradients.

    With running averages E(t) = ρ E(t-1) + (1-ρ) ∇² and D(t) = ρ D(t-1) + (1-ρ) Δ(t)², from 0, the
    step is Δ(t) = -√(D(t-1) + ε) / √(E(t) + ε) · ∇ and θ ← θ + α Δ(t) (Zeiler 2012, where α = 1;
    PyTorch's ``Adadelta``). Here ε is inside of the roots in all of them, for it starts D.

    ``lr`` is α; ``rho``, in [0, 1), is ρ; ``eps`` is ε > 0. ``weight_decay`` λ ≥ 0 adds λθ to the
    gradient.

    >>> from autograd_core import Tensor
    >>> w = Tensor([4.0], requires_grad=True)
    >>> optimizer = Adadelta([w], rho=0.75, eps=0.0001)
    >>> w.grad = np.array([100.0])
    >>> optimizer.step()
    >>> w.data.round(6)
    array([3.98])
    """

    _checks: ClassVar[Mapping[str, Check]] = {
        "lr": non_negative,
        "rho": fraction,
        "eps": positive,
        "weight_decay": non_negative,
    }
    _memory = ("squares", "steps")
    _scratch = 1

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
    ) -> None:
        options = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay}
        super().__init__(parameters, options)

    def _update(
        self,
        gradient: NDArray[Any],
        value: NDArray[Any],
        out: NDArray[Any],
        state: dict[str, NDArray[Any]],
        scratch: list[NDArray[Any]],
        options: Mapping[str, Any],
        t: int,
    ) -> None:
        rho, eps = options["rho"], options["eps"]
        squares, steps, root = state["squares"], state["steps"], scratch[0]
        average_square(squares, gradient, rho, scratch=root)
        np.add(steps, eps, out=out)
        np.add(squares, eps, out=root)
        # Two roots and not one of the quotient, as the paper and PyTorch round it.
        np.sqrt(out, out=out)
        np.sqrt(root, out=root)
        np.divide(out, root, out=out)
        np.multiply(out, gradient, out=out)
        average_square(steps, out, rho, scratch=root)
        np.multiply(out, options["lr"], out=out)
        np.subtract(value, out, out=out)


def average(
    held: NDArray[Any], new: NDArray[Any], beta: float, *, scratch: NDArray[Any]
) -> NDArray[Any]:
    """Go on with a running average in place: held ← β held + (1-β) new."""
    np.multiply(held, constant(beta, held.dtype), out=held)
    np.multiply(new, constant(1.0 - beta, new.dtype), out=scratch)
    np.add(held, scratch, out=held)
    return held


def average_square(
    held: NDArray[Any], new: NDArray[Any], beta: float, *, scratch: NDArray[Any]
) -> NDArray[Any]:
    """Go on with a running average of squares in place: held ← β held + (1-β) new²."""
    np.multiply(held, constant(beta, held.dtype), out=held)
    np.multiply(new, constant(1.0 - beta, new.dtype), out=scratch)
    np.multiply(scratch, new, out=scratch)
    np.add(held, scratch, out=held)
    return held


def _root(squares: NDArray[Any], options: Mapping[str, Any], *, out: NDArray[Any]) -> None:
    """What the gradient is divided by: √(γ + ε), or √γ + ε."""
    if options["eps_inside"]:
        np.add(squares, options["eps"], out=out)
        np.sqrt(out, out=out)
    else:
        np.sqrt(squares, out=out)
        np.add(out, options["eps"], out=out)
