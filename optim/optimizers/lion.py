"""Lion: steps of one size for every number, in the direction that an average gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from ..options import Check, non_negative, pair
from .adaptive import average
from .optimizer import Optimizer

__all__ = ["Lion"]


@final
class Lion(Optimizer):
    """Step by the sign of an average: θ ← θ - α (sign(β₁ m(t-1) + (1-β₁) ∇) + λθ).

    Then m(t) = β₂ m(t-1) + (1-β₂) ∇, from m(0) = 0 (Chen et al. 2023, algorithm 2). All numbers
    move by α, so it wants a smaller ``lr`` than Adam, by 3 to 10 times, and a ``weight_decay`` λ
    larger by as much. The decay is apart from the gradient, as in ``AdamW``; ``betas``
    are β₁ and β₂, both in [0, 1).

    >>> from autograd_core import Tensor
    >>> w = Tensor([4.0, 4.0], requires_grad=True)
    >>> optimizer = Lion([w], lr=0.5)
    >>> w.grad = np.array([0.01, -100.0])
    >>> optimizer.step()
    >>> w.data
    array([3.5, 4.5])
    """

    _checks: ClassVar[Mapping[str, Check]] = {
        "lr": non_negative,
        "betas": pair,
        "weight_decay": non_negative,
    }
    _memory = ("mean",)
    _decoupled = True
    _scratch = 1

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 0.0001,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

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
        beta1, beta2 = options["betas"]
        mean, spent = state["mean"], scratch[0]
        np.multiply(mean, beta1, out=out)
        np.multiply(gradient, 1.0 - beta1, out=spent)
        np.add(out, spent, out=out)
        np.sign(out, out=out)
        np.multiply(out, options["lr"], out=out)
        np.subtract(value, out, out=out)
        average(mean, gradient, beta2, scratch=spent)
