"""Adam and AdamW: momentum and RMSProp, both corrected for their start from zero."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from ..options import flag, non_negative, pair, positive
from .adaptive import average, average_square
from .optimizer import Optimizer

__all__ = ["Adam", "AdamW"]

_CHECKS = {
    "lr": non_negative,
    "betas": pair,
    "eps": positive,
    "weight_decay": non_negative,
    "amsgrad": flag,
    "eps_inside": flag,
}
_MEMORY = ("mean", "squares", "largest")


def _corrected_eps(options: Mapping[str, Any], t: int) -> float:
    """ε where the correction of γ is moved to it: below the root it is that of γ itself."""
    correction = 1.0 - options["betas"][1] ** t
    eps: float = options["eps"]
    return eps * (correction if options["eps_inside"] else math.sqrt(correction))


def _adam(
    self: Optimizer,
    gradient: NDArray[Any],
    value: NDArray[Any],
    out: NDArray[Any],
    state: dict[str, NDArray[Any]],
    scratch: list[NDArray[Any]],
    options: Mapping[str, Any],
    t: int,
) -> None:
    """What Adam and AdamW do, to whom weight decay comes by different ways."""
    root = scratch[0]
    beta1, beta2 = options["betas"]
    mean = average(state["mean"], gradient, beta1, scratch=root)
    squares = average_square(state["squares"], gradient, beta2, scratch=root)
    if options["amsgrad"]:
        squares = np.maximum(state["largest"], squares, out=state["largest"])
    # The corrections are moved to α and ε, which saves passes over the arrays (Kingma & Ba,
    # end of section 2): α m̂ / (√γ̂ + ε) is α √c₂ / c₁ · m / (√γ + ε √c₂) with cᵢ = 1 - βᵢᵗ.
    eps = _corrected_eps(options, t)
    if options["eps_inside"]:
        np.add(squares, eps, out=root)
        np.sqrt(root, out=root)
    else:
        np.sqrt(squares, out=root)
        np.add(root, eps, out=root)
    np.divide(mean, root, out=out)
    np.multiply(out, options["lr"] * math.sqrt(1.0 - beta2**t) / (1.0 - beta1**t), out=out)
    np.subtract(value, out, out=out)


@final
class Adam(Optimizer):
    """Go down the running average of the gradient, divided by the root of that of its squares.

    m(t) = β₁ m(t-1) + (1-β₁) ∇ and γ(t) = β₂ γ(t-1) + (1-β₂) ∇², from 0, corrected to
    m̂ = m / (1-β₁ᵗ) and γ̂ = γ / (1-β₂ᵗ), and θ ← θ - α m̂ / (√γ̂ + ε) (Kingma & Ba 2015, PyTorch's
    ``Adam``); with ``eps_inside`` it is m̂ / √(γ̂ + ε), as the lecture (L20) has it for RMSProp. With
    ``amsgrad`` the largest γ so far takes the place of γ (Reddi, Kale & Kumar 2018; corrected by
    1-β₂ᵗ as in PyTorch). t counts the steps of each parameter by itself.

    ``lr`` is α, ``betas`` are β₁ and β₂, both in [0, 1), and ``eps`` is ε > 0. ``weight_decay``
    λ ≥ 0 adds λθ to the gradient, where it goes through the averages; ``AdamW`` does not let it.

    >>> from autograd_core import Tensor
    >>> w = Tensor([4.0, 4.0], requires_grad=True)
    >>> optimizer = Adam([w], lr=0.5)
    >>> w.grad = np.array([0.01, -100.0])
    >>> optimizer.step()
    >>> w.data.round(5)
    array([3.5, 4.5])
    """

    _checks = _CHECKS
    _memory = _MEMORY
    _counted = True
    _scratch = 1

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        eps_inside: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "eps_inside": eps_inside,
        }
        super().__init__(parameters, options)

    @classmethod
    def _remembers(cls, options: Mapping[str, Any]) -> tuple[str, ...]:
        return _MEMORY if options["amsgrad"] else _MEMORY[:2]

    @classmethod
    def _least_eps(cls, options: Mapping[str, Any]) -> float:
        return _corrected_eps(options, 1)

    _update = _adam


@final
class AdamW(Optimizer):
    """Adam with weight decay apart from the gradient: θ ← θ - α m̂ / (√γ̂ + ε) - α λ θ.

    The averages see the gradient of the loss alone, so that λ = ``weight_decay`` shrinks all
    weights at the same rate (Loshchilov & Hutter 2019). There the rate is η λ with a schedule's
    η in [0, 1]; here, as in PyTorch's ``AdamW``, it is α λ, so that α and λ have to be tuned
    together. All else is as in ``Adam``.

    >>> from autograd_core import Tensor
    >>> w = Tensor([4.0], requires_grad=True)
    >>> optimizer = AdamW([w], lr=0.5, weight_decay=0.1)
    >>> w.grad = np.array([0.0])
    >>> optimizer.step()
    >>> w.data
    array([3.8])
    """

    _checks = _CHECKS
    _memory = _MEMORY
    _counted = True
    _decoupled = True
    _scratch = 1

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
        eps_inside: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "eps_inside": eps_inside,
        }
        super().__init__(parameters, options)

    @classmethod
    def _remembers(cls, options: Mapping[str, Any]) -> tuple[str, ...]:
        return _MEMORY if options["amsgrad"] else _MEMORY[:2]

    @classmethod
    def _least_eps(cls, options: Mapping[str, Any]) -> float:
        return _corrected_eps(options, 1)

    _update = _adam
