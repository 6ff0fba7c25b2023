"""The lecture's multilayer network."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import DTypeLike

from .activations import activation as make_activation
from .layers import Linear
from .module import Module

__all__ = ["MLP"]


@final
class MLP(Module):
    """A multilayer network: h(k) = g(a(k)) with a(k) = h(k-1) W(k) + b(k), and f(x) = o(a(L+1)).

    ``sizes`` are those of the input, the hidden layers and the output; ``activation`` is g and
    ``output`` is o, each a name or a module. The output is ``"linear"`` unless asked otherwise,
    because ``cross_entropy`` takes pre-activations. Parameters are named W1, b1, W2, ... as the
    lecture does; each ``W`` is the lecture's transposed, see ``Linear``.

    >>> net = MLP([64, 32, 10], activation="relu")
    >>> net(np.zeros((5, 64))).shape
    (5, 10)
    >>> [parameter.name for parameter in net.parameters()]
    ['W1', 'b1', 'W2', 'b2']
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str | Module = "tanh",
        output: str | Module = "linear",
        rng: np.random.Generator | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        if not hasattr(sizes, "__len__") or len(sizes) < 2:
            raise ValueError(
                "MLP: sizes are a list with at least those of the input and the output, for "
                f"instance [64, 32, 10], not {sizes!r}"
            )
        # Made here too, for a network without hidden layers must not hide a misspelt name.
        make_activation(activation)
        linear = [
            Linear(inputs, outputs, rng=rng, dtype=dtype)
            for inputs, outputs in itertools.pairwise(sizes)
        ]
        layers: list[Module] = []
        for k, layer in enumerate(linear, start=1):
            layer.weight.name = f"W{k}"
            assert layer.bias is not None
            layer.bias.name = f"b{k}"
            layers += [layer, make_activation(activation if k < len(linear) else output)]
        self.layers = tuple(layers)

    def forward(self, x: Any) -> Any:
        """Propagate inputs of shape (..., sizes[0]) to outputs of shape (..., sizes[-1])."""
        for layer in self.layers:
            x = layer(x)
        return x
