"""Penalties on weights, the lecture's Ω: to be multiplied by a λ and added to the loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_core as ag
from autograd_core import Tensor

from .module import Module

__all__ = ["l1_penalty", "l2_penalty"]


def l1_penalty(model: Module) -> Tensor:
    """Compute Ω = Σ abs(W) over ``model.weights()``: no biases, no gains of normalisation.

    The gradient of λΩ is λ sign(W), and 0 where W is 0: a pull of the same strength on all
    weights, which sets some to zero (nearly: a step passes over it).

    >>> from nn import Linear
    >>> layer = Linear(2, 1)
    >>> layer.weight.data = [[3.0], [-4.0]]
    >>> l1_penalty(layer).item()
    7.0
    """
    return _over_weights("l1_penalty", model, lambda w: np.sum(np.abs(w)))


def l2_penalty(model: Module) -> Tensor:
    """Compute Ω = Σ W² over ``model.weights()``: no biases, no gains of normalisation.

    The gradient of λΩ is 2λW. An optimizer's ``weight_decay=λ``, here as in other libraries, adds
    λW and so is λ/2 of this penalty.

    >>> from nn import Linear
    >>> layer = Linear(2, 1)
    >>> layer.weight.data = [[3.0], [-4.0]]
    >>> loss = 0.5 * l2_penalty(layer)
    >>> loss.backward()
    >>> loss.item(), layer.weight.grad.ravel()
    (12.5, array([ 3., -4.]))
    """
    return _over_weights("l2_penalty", model, _sum_of_squares)


def _over_weights(who: str, model: Module, penalty: Callable[[Tensor], Any]) -> Tensor:
    if not isinstance(model, Module):
        raise TypeError(
            f"{who} takes a module, whose weights it finds, and not a {type(model).__name__}"
        )
    total: Any = None
    for weight in model.weights():
        part = penalty(weight)
        total = part if total is None else total + part
    if total is None:  # in the dtype of the model, so that a loss keeps its own
        total = Tensor(0.0, dtype=next((p.dtype for p in model.parameters()), None))
    result: Tensor = total
    return result


def _forward(w: Any) -> Any:
    return np.sum(w * w)


# One pass less in either direction than by `w * w`, whose gradient comes in two halves.
_sum_of_squares = ag.defop(
    _forward,
    lambda g, _out, w: w * (2.0 * g),
    name="sum_of_squares",
    module="nn.penalties",
    otherwise=_forward,  # for many weights at once under `vmap`
)
