"""The lecture's activations as modules, and by name."""

from __future__ import annotations

import difflib
from typing import Any, final

import autograd_core as ag

from .module import Module

__all__ = ["ACTIVATIONS", "Identity", "ReLU", "Sigmoid", "Softmax", "Tanh", "activation"]


@final
class Identity(Module):
    """The linear activation g(a) = a, which changes nothing.

    >>> Identity()(3.0)
    3.0
    """

    def forward(self, a: Any) -> Any:
        """Return the pre-activation itself."""
        return a


@final
class Sigmoid(Module):
    """g(a) = 1 / (1 + e^-a), between 0 and 1, with g' = g (1 - g).

    >>> Sigmoid()(ag.Tensor(0.0)).item()
    0.5
    """

    def forward(self, a: Any) -> Any:
        """Squash each element."""
        return ag.sigmoid(a)


@final
class Tanh(Module):
    """g(a) = tanh a, between -1 and 1, with g' = 1 - g².

    >>> Tanh()(ag.Tensor(0.0)).item()
    0.0
    """

    def forward(self, a: Any) -> Any:
        """Squash each element."""
        return ag.tanh(a)


@final
class ReLU(Module):
    """g(a) = max(0, a), with g' = 1[a > 0].

    >>> ReLU()(ag.Tensor([-2.0, 3.0])).data
    array([0., 3.])
    """

    def forward(self, a: Any) -> Any:
        """Cut off what is negative."""
        return ag.relu(a)


@final
class Softmax(Module):
    """g(a) = e^aᵢ / Σ e^aⱼ over the last axis: positive, and sums to one.

    For training give ``cross_entropy`` the pre-activations instead, which stays exact where a
    probability rounds to zero.

    >>> Softmax()(ag.Tensor([[0.0, 0.0]])).data
    array([[0.5, 0.5]])
    """

    def forward(self, a: Any) -> Any:
        """Turn each row of pre-activations into probabilities."""
        return ag.softmax(a, axis=-1)


#: The activations by the names that ``activation`` and ``MLP`` know.
ACTIVATIONS: dict[str, type[Module]] = {
    "linear": Identity,
    "relu": ReLU,
    "sigmoid": Sigmoid,
    "softmax": Softmax,
    "tanh": Tanh,
}


def activation(name: str | Module) -> Module:
    """Make the activation of that name; a module is passed through.

    An unknown name is a ``ValueError`` that lists the known ones, the nearest first.

    >>> activation("tanh")
    Tanh()
    >>> activation("sigmod")
    Traceback (most recent call last):
    ValueError: unknown activation 'sigmod': did you mean 'sigmoid'? Known are linear, relu, ...
    """
    if isinstance(name, Module):
        return name
    if not isinstance(name, str):
        raise TypeError(f"an activation is a name or a module, not {name!r}; e.g. 'tanh'")
    if name not in ACTIVATIONS:
        nearest = difflib.get_close_matches(name.lower(), ACTIVATIONS, n=1, cutoff=0)
        raise ValueError(
            f"unknown activation {name!r}: did you mean {nearest[0]!r}? "
            f"Known are {', '.join(ACTIVATIONS)}"
        )
    return ACTIVATIONS[name]()
