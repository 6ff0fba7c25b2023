"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from autograd_core import Tensor

from .optimizer import Optimizer

__all__ = ["SGD"]


@final
class SGD(Optimizer):
    """Go down the gradient, or down its running sum: θ ← θ - α ∇̄.

    Without momentum ∇̄(t) = ∇l. With momentum β it is ∇̄(t) = ∇l + β ∇̄(t-1), from ∇̄(0) = 0: steps
    that agree add up to 1 / (1 - β) of their size, those that change sign cancel. With
    ``nesterov`` the parameters move by ∇l + β ∇̄(t), as if the next step were known already.

    ``lr`` is α, a positive number, and may be assigned between steps; 0 ≤ ``momentum`` < 1.

    >>> w = Tensor([4.0], requires_grad=True)
    >>> optimizer = SGD([w], lr=0.25)
    >>> for _ in range(3):
    ...     optimizer.zero_grad()
    ...     (w**2).sum().backward()
    ...     optimizer.step()
    >>> w.data
    array([0.5])
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        self.lr = lr
        self.momentum = _number("momentum", momentum)
        if not 0 <= self.momentum < 1:
            raise ValueError(f"SGD: momentum must be in [0, 1), not {momentum}")
        self.nesterov = bool(nesterov)
        if nesterov and not self.momentum:
            raise ValueError("SGD: nesterov needs a momentum, for instance momentum=0.9")
        super().__init__(parameters, state=["velocity"] if self.momentum else [])

    @property
    def lr(self) -> float:
        """The learning rate α."""
        return self._lr

    @lr.setter
    def lr(self, lr: float) -> None:
        rate = _number("lr", lr)
        if not 0 < rate < math.inf:
            raise ValueError(f"SGD: lr must be a positive finite number, not {lr}")
        # A Python float, which unlike a NumPy scalar leaves float32 parameters what they are.
        self._lr = rate

    def _update(
        self,
        gradient: NDArray[Any],
        value: NDArray[Any],
        state: dict[str, NDArray[Any]],
        out: NDArray[Any],
    ) -> None:
        direction = gradient
        if self.momentum:
            direction = state["velocity"]
            np.multiply(direction, self.momentum, out=direction)
            np.add(direction, gradient, out=direction)
            if self.nesterov:
                np.multiply(direction, self.momentum, out=out)
                direction = np.add(out, gradient, out=out)
        np.multiply(direction, self._lr, out=out)
        np.subtract(value, out, out=out)


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (numbers.Real, np.number)):
        raise TypeError(f"SGD: {name} must be a number, not {value!r}")
    return float(value)
