"""Deep autoencoders, trained one layer after the other, and the classifiers made of them."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import DTypeLike, NDArray

import autograd_core as ag
import optim
from autograd_core import Tensor
from autograd_core.registry import known

from .activations import Sigmoid
from .activations import activation as make_activation
from .autoencoder import Autoencoder, DenoisingAutoencoder
from .layers import Linear
from .losses.shared import array, value
from .mlp import MLP
from .module import Module

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optim import History, Optimizer

__all__ = ["StackedAutoencoder"]

#: Rows that are coded in one go.
ROWS = 4096

#: The options of `fit` that keep the state of one training: each layer gets a copy.
STATEFUL = ("schedule", "early_stopping")


@final
class StackedAutoencoder(Module):
    """Autoencoders of which each codes the codes of the one before it.

    ``sizes`` are those of the input and the hidden layers. The autoencoder of layer k learns to
    give back h(k-1), see ``pretrain``; then the hidden layers together start a classifier,
    see ``to_classifier``. As a module it is the deep autoencoder that goes up through all layers
    and down again, so that ``fit(stack, stack.loss, X, ...)`` trains all of them at once.

    ``output`` is that of the first layer, ``"sigmoid"`` for inputs in [0, 1] or ``"linear"``; the
    others have a sigmoid where the ``activation`` is one and their inputs so lie in [0, 1], and
    else are linear. With a ``corruption`` all are denoising autoencoders of that ``level``.

    >>> stack = StackedAutoencoder([64, 32, 16])
    >>> stack
    StackedAutoencoder([64, 32, 16])
    ├─ layers.0: Autoencoder(64, 32)
    │  ├─ encoder: Linear(64, 32)
    │  ├─ activation: Sigmoid()
    │  └─ decoder: Transposed(32, 64)
    └─ layers.1: Autoencoder(32, 16)
       ├─ encoder: Linear(32, 16)
       ├─ activation: Sigmoid()
       └─ decoder: Transposed(16, 32)
    >>> X = np.random.default_rng(0).random((100, 64))
    >>> histories = stack.pretrain(X, epochs=2, optimizer="adam", lr=1e-2)
    >>> len(histories), stack.encode(X).shape
    (2, (100, 16))
    >>> model = stack.to_classifier(10)
    >>> model(X).shape
    (100, 10)
    """

    def __init__(
        self,
        sizes: Sequence[int],
        tied: bool = True,
        activation: str | Module = "sigmoid",
        output: str = "sigmoid",
        *,
        corruption: str | None = None,
        level: float = 0.3,
        rng: np.random.Generator | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        if not hasattr(sizes, "__len__") or len(sizes) < 2:
            raise ValueError(
                "StackedAutoencoder: sizes are a list with at least those of the input and of a "
                f"hidden layer, for instance [784, 500, 250], not {sizes!r}"
            )
        self.sizes = [int(size) for size in sizes]
        g = make_activation(activation)
        inner = "sigmoid" if isinstance(g, Sigmoid) else "linear"
        layers: list[Autoencoder | DenoisingAutoencoder] = []
        for inputs, hidden in itertools.pairwise(sizes):
            given = (inputs, hidden, tied, g, inner if layers else output)
            if corruption is None:
                layers.append(Autoencoder(*given, rng=rng, dtype=dtype))
            else:
                layers.append(
                    DenoisingAutoencoder(
                        *given, corruption=corruption, level=level, rng=rng, dtype=dtype
                    )
                )
            for parameter in layers[-1].parameters():
                parameter.name = f"{parameter.name}{len(layers)}"  # W1, b1, c1, W2, ...
        self.layers = tuple(layers)

    def pretrain(
        self,
        X: Any,
        *,
        epochs: int | Sequence[int],
        optimizer: str | Callable[[Iterable[Tensor]], Optimizer] = "sgd",
        lr: float = 0.1,
        validation: Any = None,
        **options: Any,
    ) -> list[History]:
        """Train the layers one after the other, greedily, and return the history of each.

        (Hinton et al. 2006, Bengio et al. 2007.) Layer k is trained to give back h(k-1), the codes
        of the layers before it, which stay as they are: so their codes are computed once.

        ``epochs`` is a number, or one for each layer. ``optimizer`` is a name, with ``lr``, or a
        function of the parameters: ``lambda p: optim.SGD(p, lr=0.1, momentum=0.9)``; an
        optimizer made already would be one for all layers, and is a ``TypeError``.
        ``validation`` is data like X. The other ``options`` are those of ``optim.fit``; each layer
        gets a copy of a schedule and of early stopping. Ctrl-C ends it all after the update under
        way, and the histories are those of the layers until then.
        """
        numbers = _epochs(epochs, len(self.layers))
        h = _examples("X", X)
        checked = None if validation is None else _examples("validation", validation)
        if not isinstance(optimizer, str) and not callable(optimizer):
            raise TypeError(
                "pretrain: each layer needs an optimizer of its own, so give a name or a function "
                f"that makes one, such as lambda p: optim.Adam(p, lr=1e-3), and not {optimizer!r}"
            )
        if options.get("checkpoint") is not None:
            raise ValueError(
                "pretrain: a checkpoint is of one training, and that of each layer is another; "
                "leave it out"
            )
        for k, layer in enumerate(self.layers):
            if not any(parameter.requires_grad for parameter in layer.parameters()):
                raise ValueError(f"pretrain: layers.{k} is frozen as a whole; call its unfreeze()")
        histories = []
        for k, (layer, number) in enumerate(zip(self.layers, numbers, strict=True)):
            if k:
                h = _codes(self.layers[k - 1], h)
                checked = None if checked is None else _codes(self.layers[k - 1], checked)
            parameters = layer.parameters()
            made = (
                optim.make_optimizer(optimizer, parameters, lr=lr)
                if isinstance(optimizer, str)
                else optimizer(parameters)
            )
            own = {
                name: copy.deepcopy(option) if name in STATEFUL else option
                for name, option in options.items()
            }
            histories.append(
                optim.fit(layer, layer.loss, h, made, epochs=number, validation=checked, **own)
            )
            if histories[-1].interrupted:
                break
        return histories

    def encode(self, x: Any) -> Any:
        """Compute the codes of the last layer, of shape (..., sizes[-1])."""
        for layer in self.layers:
            x = layer.encode(x)
        return x

    def decode(self, h: Any) -> Any:
        """Compute the reconstruction x̂ from codes of the last layer, down through all layers."""
        for layer in reversed(self.layers):
            h = layer.decode(h)
        return h

    def reconstruct(self, x: Any) -> Any:
        """Compute the reconstruction x̂ of an input."""
        return self.decode(self.encode(x))

    def forward(self, x: Any) -> Any:
        """Compute the pre-activation of the reconstruction, in training of a corrupted input."""
        first, *others = self.layers
        if isinstance(first, DenoisingAutoencoder) and first.training:
            x = first.corrupt(x)
        h = self.encode(x)
        for layer in reversed(others):
            h = layer.decode(h)
        return first.decoder(h)

    def loss(self, pre_activation: Any, x: Any) -> Any:
        """Compute the loss of a reconstruction, that of the first layer."""
        return self.layers[0].loss(pre_activation, x)

    def to_classifier(self, n_classes: int, **options: Any) -> MLP:
        """Make a network for classes whose hidden layers start from copies of these.

        The output layer is new, and its outputs are pre-activations for ``cross_entropy``; training
        all of it is the lecture's fine-tuning. ``options`` are those of ``MLP``.
        """
        first = self.layers[0]
        given: dict[str, Any] = {
            "activation": first.activation,
            "dtype": first.encoder.weight.dtype,
            **options,
        }
        model = MLP([*self.sizes, n_classes], **given)
        hidden = [layer for layer in model.modules() if isinstance(layer, Linear)]
        for layer, new in zip(self.layers, hidden, strict=False):
            new.weight.data = layer.encoder.weight.data.astype(new.weight.dtype)
            if new.bias is not None and layer.encoder.bias is not None:
                new.bias.data = layer.encoder.bias.data.astype(new.bias.dtype)
        return model

    def extra_repr(self) -> str:
        """Say the sizes."""
        return f"{self.sizes}"


def _epochs(epochs: Any, layers: int) -> list[int]:
    """Return the number of epochs of each layer: all are looked at before any layer is trained."""
    numbers = list(epochs) if hasattr(epochs, "__len__") else [epochs] * layers
    if len(numbers) != layers:
        raise ValueError(f"pretrain: epochs are {len(numbers)} numbers for {layers} layers")
    for number in numbers:
        if not isinstance(number, (int, np.integer)) or isinstance(number, bool) or number < 1:
            raise ValueError(
                f"pretrain: epochs are whole numbers from 1 up, one or one for each layer, not "
                f"{number!r}"
            )
    return [int(number) for number in numbers]


def _examples(name: str, X: Any) -> Any:
    """Return the data as one array, or say that it is none."""
    if isinstance(X, tuple):
        raise TypeError(
            f"pretrain: {name} is a tuple; give the array of the inputs alone, for they are the "
            "targets too"
        )
    X = array(value(X))
    if not X.ndim:
        raise TypeError(
            f"pretrain: {name} must be an array of examples, not batches of them, for each layer "
            "is trained on the codes of all; an array on disk may be a memory map"
        )
    return X


def _codes(layer: Autoencoder | DenoisingAutoencoder, X: Any) -> NDArray[Any]:
    """Compute the codes of all examples, without a graph and some rows at a time."""
    X, dtype = array(value(X)), layer.encoder.weight.dtype

    def code(x: Any) -> NDArray[Any]:
        h: NDArray[Any] = value(layer.encode(x.astype(dtype) if x.dtype.kind == "f" else x))
        return h

    with ag.no_grad():
        if not known(X) or len(X) <= ROWS:
            return code(X)
        return np.concatenate([code(X[i : i + ROWS]) for i in range(0, len(X), ROWS)])
