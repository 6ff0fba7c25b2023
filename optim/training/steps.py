"""Where the loss and the gradients of a step come from."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_core import Tensor

from ..optimizers.flat import all_finite
from ..optimizers.optimizer import Optimizer

if TYPE_CHECKING:
    from nn import Module

__all__ = ["Gradients", "here", "updater", "weigher"]

#: Computes the loss of a batch (x, y) and leaves its gradients in the parameters' ``grad``. Returns
#: the mean loss and the penalty, as numbers. All that `fit` knows of how a gradient comes about.
Gradients = Callable[[Any, Any], tuple[float, float]]


def here(
    model: Module, loss: Callable[[Any, Any], Any], penalty: Callable[[Module], Any] | None
) -> Gradients:
    """Compute in this process."""

    def compute(x: Any, y: Any) -> tuple[float, float]:
        found = loss(model(x), y)
        if penalty is None:
            found.backward()
            return found.item(), 0.0
        extra = penalty(model)
        (found + extra).backward()
        return found.item(), float(extra.item() if isinstance(extra, Tensor) else extra)

    return compute


def weigher(loss: Any) -> Callable[[Any], float]:
    """Say by a batch's targets what its loss counts in a mean over many batches.

    That is what the loss itself was divided by: the number of examples; what its ``batch_weight``
    says, if it has one; for a ``functools.partial`` with ``class_weights`` or ``ignore_index`` of
    labels Σ w_y, over those that count.
    """
    own = getattr(loss, "batch_weight", None)
    if callable(own):
        return lambda y: float(own(y)) if hasattr(y, "dtype") else len(y)
    given = loss.keywords if isinstance(loss, functools.partial) else {}
    ignored = given.get("ignore_index")
    weights = given.get("class_weights")
    if weights is None and ignored is None:
        return len
    factors = None if weights is None else np.asarray(weights)

    def weight(y: Any) -> float:
        # Probabilities are averaged over the examples; of what is on a cluster, nothing is seen.
        if getattr(y, "dtype", np.dtype(float)).kind not in "iu":
            return len(y)
        counted = y if ignored is None else y[y != ignored]
        return float(np.size(counted) if factors is None else factors[counted].sum())

    return weight


def updater(optimizer: Optimizer) -> Callable[[], bool]:
    """Make a function that takes a step and says True, or with a gradient that is not finite none.

    It is ``step_if_finite``; for an optimizer of the user's own kind of step, a look before that.
    """
    if type(optimizer).step is Optimizer.step:
        return optimizer.step_if_finite
    parameters = optimizer.parameters

    def update() -> bool:
        fine = all_finite(parameter.grad for parameter in parameters)
        if fine:
            optimizer.step()
        return fine

    return update
