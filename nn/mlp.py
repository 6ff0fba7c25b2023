"""The lecture's multilayer network."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import DTypeLike

from optim.options import flag

from .activations import activation as make_activation
from .dropout import Dropout
from .init import Initialiser
from .layers import Linear
from .module import Module, through
from .normalisation import BatchNorm, LayerNorm

__all__ = ["MLP"]


@final
class MLP(Module):
    """A multilayer network: h(k) = g(a(k)) with a(k) = h(k-1) W(k) + b(k), and f(x) = o(a(L+1)).

    ``sizes`` are those of the input, the hidden layers and the output; ``activation`` is g and
    ``output`` is o, each a name or a module; a module given as g is one for all hidden layers,
    which share the parameters that it may have. The output is ``"linear"`` unless asked otherwise,
    because ``cross_entropy`` takes pre-activations. Parameters are named W1, b1, W2, ... as the
    lecture does; each ``W`` is the lecture's transposed, see ``Linear``.

    Each hidden layer is ``Linear``, then a normalisation of the pre-activation if ``batch_norm`` or
    ``layer_norm`` asks for one, then the activation, then ``Dropout`` with probability ``dropout``,
    one number or one for each hidden layer; the output has neither. Weights start from ``init``,
    see ``Linear``. ``rng`` draws the weights and the masks of dropout.

    Sizes that are no counts, unknown names (with the nearest known one), probabilities outside
    [0, 1) and two normalisations at once are a ``ValueError``.

    >>> net = MLP([64, 32, 10], activation="relu")
    >>> net(np.zeros((5, 64))).shape
    (5, 10)
    >>> [parameter.name for parameter in net.parameters()]
    ['W1', 'b1', 'W2', 'b2']
    >>> MLP([64, 32, 10], "relu", dropout=0.5, batch_norm=True)
    MLP()
    ├─ layers.0: Linear(64, 32)
    ├─ layers.1: BatchNorm(32)
    ├─ layers.2: ReLU()
    ├─ layers.3: Dropout(0.5)
    ├─ layers.4: Linear(32, 10)
    └─ layers.5: Identity()
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str | Module = "tanh",
        output: str | Module = "linear",
        *,
        dropout: float | Sequence[float] = 0.0,
        batch_norm: bool = False,
        layer_norm: bool = False,
        init: str | Initialiser = "glorot_uniform",
        rng: np.random.Generator | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        if not hasattr(sizes, "__len__") or len(sizes) < 2:
            raise ValueError(
                "MLP: sizes are a list with at least those of the input and the output, for "
                f"instance [64, 32, 10], not {sizes!r}"
            )
        if flag("MLP", "batch_norm", batch_norm) & flag("MLP", "layer_norm", layer_norm):
            raise ValueError("MLP: choose batch_norm or layer_norm; both were given")
        # Made here too, for a network without hidden layers must not hide a misspelt name.
        make_activation(activation)
        probabilities = _each(dropout, len(sizes) - 2)
        linear = [
            Linear(inputs, outputs, rng=rng, dtype=dtype, init=init)
            for inputs, outputs in itertools.pairwise(sizes)
        ]
        layers: list[Module] = []
        for k, (layer, p) in enumerate(zip(linear, [*probabilities, 0.0], strict=True), start=1):
            layer.weight.name = f"W{k}"
            assert layer.bias is not None
            layer.bias.name = f"b{k}"
            layers.append(layer)
            if k == len(linear):
                layers.append(make_activation(output))
                break
            if batch_norm or layer_norm:
                norm = (BatchNorm if batch_norm else LayerNorm)(layer.out_features, dtype=dtype)
                norm.weight.name, norm.bias.name = f"γ{k}", f"β{k}"
                layers.append(norm)
            layers.append(make_activation(activation))
            if p:
                layers.append(Dropout(p, rng=rng))
        self.layers = tuple(layers)

    def forward(self, x: Any) -> Any:
        """Propagate inputs of shape (..., sizes[0]) to outputs of shape (..., sizes[-1])."""
        return through(self.layers, x)


def _each(dropout: float | Sequence[float], hidden: int) -> list[float]:
    """Return a probability for each hidden layer."""
    if np.ndim(dropout) == 0:
        return [Dropout(dropout).p] * hidden  # type: ignore[arg-type]
    given = [Dropout(p).p for p in dropout]  # type: ignore[union-attr]
    if len(given) != hidden:
        raise ValueError(
            f"MLP: {len(given)} dropout probabilities for {hidden} hidden "
            f"layer{'' if hidden == 1 else 's'}; give one number, or one for each"
        )
    return given
