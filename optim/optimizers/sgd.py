"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from ..options import Check, flag, fraction, non_negative
from .flat import constant
from .optimizer import Optimizer

__all__ = ["SGD"]


@final
class SGD(Optimizer):
    """Go down the gradient, or down its running sum: θ ← θ - α ∇̄.

    Without momentum ∇̄(t) = ∇l. With momentum β it is ∇̄(t) = ∇l + β ∇̄(t-1), from ∇̄(0) = 0
    (lecture L19): steps that agree add up to 1 / (1 - β) of their size, those that change sign
    cancel. With ``nesterov`` the parameters move by ∇l + β ∇̄(t), as if the next step were known
    already (Nesterov 1983, as Sutskever et al. 2013 write it for a gradient at hand).

    ``lr`` is α; 0 ≤ ``momentum`` < 1. ``weight_decay`` λ ≥ 0 adds λθ to the gradient, which is the
    lecture's penalty λ' Σ θ² with λ = 2λ'. The numbers are those of PyTorch's ``SGD``.

    >>> from autograd_core import Tensor
    >>> w = Tensor([4.0], requires_grad=True)
    >>> optimizer = SGD([w], lr=0.25)
    >>> for _ in range(3):
    ...     optimizer.zero_grad()
    ...     (w**2).sum().backward()
    ...     optimizer.step()
    >>> w.data
    array([0.5])
    """

    _checks: ClassVar[Mapping[str, Check]] = {
        "lr": non_negative,
        "momentum": fraction,
        "nesterov": flag,
        "weight_decay": non_negative,
    }
    _memory = ("velocity",)
    _complex = True

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float,
        momentum: float = 0.0,
        *,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        options = {
            "lr": lr,
            "momentum": momentum,
            "nesterov": nesterov,
            "weight_decay": weight_decay,
        }
        super().__init__(parameters, options)

    @classmethod
    def _agree(cls, options: Mapping[str, Any]) -> None:
        if options["nesterov"] and not options["momentum"]:
            raise ValueError("SGD: nesterov needs a momentum, for instance momentum=0.9")

    @classmethod
    def _remembers(cls, options: Mapping[str, Any]) -> tuple[str, ...]:
        return cls._memory if options["momentum"] else ()

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
        direction, dtype = gradient, gradient.dtype
        momentum = options["momentum"]
        if momentum:
            direction, momentum = state["velocity"], constant(momentum, dtype)
            np.multiply(direction, momentum, out=direction)
            np.add(direction, gradient, out=direction)
            if options["nesterov"]:
                np.multiply(direction, momentum, out=out)
                direction = np.add(out, gradient, out=out)
        np.multiply(direction, constant(options["lr"], dtype), out=out)
        np.subtract(value, out, out=out)
