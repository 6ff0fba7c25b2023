"""Activations as modules, and by name."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, final

import autograd_core as ag
from optim.options import nearest, non_negative, number

from .module import Module

__all__ = [
    "ACTIVATIONS",
    "ELU",
    "GELU",
    "SELU",
    "Identity",
    "LeakyReLU",
    "LogSoftmax",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "activation",
]


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
class LeakyReLU(Module):
    """g(a) = a where a > 0, else ``slope`` times a (Maas et al. 2013): no unit is ever dead.

    >>> LeakyReLU(0.1)(ag.Tensor([-2.0, 3.0])).data
    array([-0.2,  3. ])
    """

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = number("LeakyReLU", "slope", slope)
        if not math.isfinite(self.slope):
            raise ValueError(f"LeakyReLU: slope must be finite, not {slope}")

    def forward(self, a: Any) -> Any:
        """Flatten what is negative."""
        return ag.leaky_relu(a, slope=self.slope)

    def extra_repr(self) -> str:
        """Say the slope."""
        return f"{self.slope:g}"


@final
class ELU(Module):
    """g(a) = a where a > 0, else α (e^a - 1) (Clevert et al. 2016), with ``alpha`` from 0 on.

    >>> ELU()(ag.Tensor([-1e4, 3.0])).data
    array([-1.,  3.])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = non_negative("ELU", "alpha", alpha)

    def forward(self, a: Any) -> Any:
        """Bend what is negative towards -α."""
        return ag.elu(a, alpha=self.alpha)

    def extra_repr(self) -> str:
        """Say α."""
        return f"{self.alpha:g}"


@final
class SELU(Module):
    """g(a) = λ elu(a, α) with λ = 1.0507, α = 1.6733 (Klambauer et al. 2017).

    With weights from ``init.lecun_normal`` the units of deep networks keep mean 0 and variance 1.

    >>> SELU()(ag.Tensor([-1e4, 1.0])).data.round(4)
    array([-1.7581,  1.0507])
    """

    def forward(self, a: Any) -> Any:
        """Scale each element, and bend what is negative."""
        return ag.selu(a)


@final
class GELU(Module):
    """g(a) = a Φ(a), Φ the normal distribution function (Hendrycks & Gimpel 2016).

    With ``approximate="tanh"`` their a/2 (1 + tanh(√(2/π) (a + 0.044715 a³))), which differs by
    less than 0.0005.

    >>> GELU()(ag.Tensor([-1.0, 1.0])).data.round(4)
    array([-0.1587,  0.8413])
    >>> GELU("tanh")(ag.Tensor([-1.0, 1.0])).data.round(4)
    array([-0.1588,  0.8412])
    """

    def __init__(self, approximate: str = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise ValueError(f"GELU: approximate is 'none' or 'tanh', not {approximate!r}")
        self.approximate = approximate

    def forward(self, a: Any) -> Any:
        """Weigh each element by how likely it is the larger of itself and a normal number."""
        return ag.gelu(a, approximate=self.approximate)

    def extra_repr(self) -> str:
        """Say which approximation, if any."""
        return "" if self.approximate == "none" else repr(self.approximate)


@final
class SiLU(Module):
    """g(a) = a / (1 + e^-a), also called swish (Ramachandran et al. 2017).

    >>> SiLU()(ag.Tensor([0.0, 1e4])).data
    array([    0., 10000.])
    """

    def forward(self, a: Any) -> Any:
        """Weigh each element by its own sigmoid."""
        return ag.silu(a)


@final
class Softplus(Module):
    """g(a) = log(1 + e^a), a smooth rectifier with g' the sigmoid.

    >>> Softplus()(ag.Tensor([0.0, 1e4])).data.round(4)
    array([6.931e-01, 1.000e+04])
    """

    def forward(self, a: Any) -> Any:
        """Bend each element smoothly towards 0."""
        return ag.softplus(a)


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


@final
class LogSoftmax(Module):
    """g(a) = aᵢ - log Σ e^aⱼ over the last axis, the logarithm of the softmax, never of 0.

    >>> LogSoftmax()(ag.Tensor([[0.0, 1e4]])).data
    array([[-10000.,      0.]])
    """

    def forward(self, a: Any) -> Any:
        """Turn each row of pre-activations into log-probabilities."""
        return ag.log_softmax(a, axis=-1)


#: The activations by the names that ``activation`` and ``MLP`` know.
ACTIVATIONS: dict[str, Callable[[], Module]] = {
    "elu": ELU,
    "gelu": GELU,
    "gelu_tanh": functools.partial(GELU, "tanh"),
    "leaky_relu": LeakyReLU,
    "linear": Identity,
    "log_softmax": LogSoftmax,
    "relu": ReLU,
    "selu": SELU,
    "sigmoid": Sigmoid,
    "silu": SiLU,
    "softmax": Softmax,
    "softplus": Softplus,
    "tanh": Tanh,
}
#: What other libraries call them.
ELSEWHERE = {"identity": "linear", "none": "linear", "logistic": "sigmoid", "swish": "silu"}


def activation(name: str | Module) -> Module:
    """Make the activation of that name; a module is passed through.

    An unknown name is a ``ValueError`` that lists the known ones, the nearest first.

    >>> activation("tanh")
    Tanh()
    >>> activation("sigmod")
    Traceback (most recent call last):
    ValueError: unknown activation 'sigmod': did you mean 'sigmoid'? known are elu, gelu, ...
    """
    if isinstance(name, Module):
        return name
    if not isinstance(name, str):
        raise TypeError(f"an activation is a name or a module, not {name!r}; e.g. 'tanh'")
    if name not in ACTIVATIONS:
        if name.lower() == "maxout":
            raise ValueError(
                "maxout has weights of its own, so it is a layer and no activation: "
                "nn.Maxout(in_features, out_features, pieces)"
            )
        meant = ELSEWHERE.get(name.lower(), name)
        raise ValueError(f"unknown activation {name!r}: {nearest(meant, ACTIVATIONS)}")
    return ACTIVATIONS[name]()
