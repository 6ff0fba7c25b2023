"""One artificial neuron, and a layer of units that each take the largest of several."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from numpy.typing import DTypeLike

from autograd_core import Tensor

from .activations import activation as make_activation
from .affine import affine
from .checks import count, with_features
from .init import Initialiser, initialise, zeros
from .module import Module, Parameter

__all__ = ["Maxout", "Neuron"]


@final
class Neuron(Module):
    """An artificial neuron: h(x) = g(a) with a = b + Σ wᵢ xᵢ, a number for each input.

    ``weight`` w has shape (inputs,), ``bias`` b is a number and starts from 0, ``activation`` is g,
    a name or a module. Inputs of shape (..., inputs) give (...).

    Over two inputs h is a ridge: it changes along w only, and b shifts it. ``viz.neuron_surface``
    draws it.

    >>> neuron = Neuron(2, "relu")
    >>> neuron.weight.data, neuron.bias.data = np.array([1.0, -1.0]), np.array(0.5)
    >>> neuron(np.array([[3.0, 1.0], [1.0, 3.0]])).data
    array([2.5, 0. ])
    """

    def __init__(
        self,
        in_features: int,
        activation: str | Module = "sigmoid",
        *,
        init: str | Initialiser = "glorot_uniform",
        rng: np.random.Generator | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.in_features = count("Neuron", "in_features", in_features)
        self.activation = make_activation(activation)
        weight = initialise(init, (self.in_features, 1), rng=rng, dtype=dtype)[:, 0]
        self.weight = Parameter(weight, name="w")
        self.bias = Parameter(zeros((), dtype=dtype), name="b")

    def forward(self, x: Any) -> Any:
        """Compute g(b + Σ wᵢ xᵢ) for inputs of shape (..., in_features)."""
        x = with_features(self, x, self.in_features)
        return self.activation(x @ self.weight + self.bias)

    def extra_repr(self) -> str:
        """Say the number of inputs."""
        return f"{self.in_features}"


@final
class Maxout(Module):
    """h_i = max over j of x W_ij + b_ij, the largest of ``pieces`` linear functions.

    A layer and its activation in one (Goodfellow et al. 2013). ``weight`` has shape
    (inputs, outputs · pieces), the pieces of a unit side by side, and each piece starts like a
    layer of its own. Where pieces tie they share the gradient, as in ``np.max``.

    Inputs with another number of features are a ``ValueError``.

    >>> layer = Maxout(4, 3, pieces=2)
    >>> layer(np.ones((5, 4))).shape
    (5, 3)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        pieces: int = 2,
        *,
        init: str | Initialiser = "glorot_uniform",
        rng: np.random.Generator | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.in_features = count("Maxout", "in_features", in_features)
        self.out_features = count("Maxout", "out_features", out_features)
        self.pieces = count("Maxout", "pieces", pieces)
        shape = self.in_features, self.out_features
        drawn = [initialise(init, shape, rng=rng, dtype=dtype) for _ in range(self.pieces)]
        weight = np.stack(drawn, axis=-1).reshape(self.in_features, -1)
        self.weight = Parameter(weight, name="weight")
        self.bias = Parameter(zeros((weight.shape[1],), dtype=dtype), name="bias")

    def forward(self, x: Any) -> Tensor:
        """Compute the largest piece for inputs of shape (..., in_features)."""
        a = affine(with_features(self, x, self.in_features), self.weight, self.bias)
        each: Tensor = a.reshape((*a.shape[:-1], self.out_features, self.pieces))
        largest: Tensor = each.max(axis=-1)
        return largest

    def extra_repr(self) -> str:
        """Say the number of inputs, outputs and pieces."""
        return f"{self.in_features}, {self.out_features}, pieces={self.pieces}"
