"""The models of DRAW as PyTorch's users write them; `drawing_models.in_torch` makes one ready."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.drawing_models import BLOCKS, CLASSES, FEATURES, HIDDEN


class Classifier(nn.Module):
    """The cross-entropy of what a network says of x."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(self.network(x), target)


class Transposed(nn.Module):
    """The pre-activation h Wᵀ + c with the weight of another layer."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.weight = layer.weight
        self.bias = nn.Parameter(torch.zeros(layer.in_features))

    def forward(self, h: Tensor) -> Tensor:
        return functional.linear(h, self.weight.T, self.bias)


class Autoencoder(nn.Module):
    """A code of sigmoids, and the pre-activation of what is made of it again."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(HIDDEN, FEATURES)
        self.activation = nn.Sigmoid()
        self.decoder = Transposed(self.encoder)

    def forward(self, x: Tensor) -> Tensor:
        reconstruction: Tensor = self.decoder(self.activation(self.encoder(x)))
        return reconstruction


class Reconstruction(nn.Module):
    """The cross-entropy between x and what an autoencoder makes of it."""

    def __init__(self, autoencoder: nn.Module) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, x: Tensor) -> Tensor:
        a = self.autoencoder(x)
        return functional.binary_cross_entropy_with_logits(a, x, reduction="sum") / len(x)


class Cell(nn.Module):
    """One step of a recurrent network: h(t) = tanh(b + U x(t) + W h(t-1))."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs = nn.Linear(FEATURES, HIDDEN)
        self.hidden = nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.activation = nn.Tanh()

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        state: Tensor = self.activation(self.inputs(x) + self.hidden(h))
        return state


class Recurrent(nn.Module):
    """The same cell at every step of a sequence, and an output after the last."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = Cell()
        self.output = nn.Linear(HIDDEN, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.zeros(x.shape[1], HIDDEN)
        for t in range(x.shape[0]):
            h = self.cell(x[t], h)
        output: Tensor = self.output(h)
        return output


class Residual(nn.Module):
    """x + f(x)."""

    def __init__(self) -> None:
        super().__init__()
        layers = nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN)
        self.module = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = x + self.module(x)
        return changed


def mlp() -> nn.Module:
    """Two hidden layers of tanh."""
    first, second = nn.Linear(FEATURES, HIDDEN), nn.Linear(HIDDEN, HIDDEN)
    output = nn.Linear(HIDDEN, CLASSES)
    return Classifier(nn.Sequential(first, nn.Tanh(), second, nn.Tanh(), output))


def residual() -> nn.Module:
    """12 blocks x + f(x), with a layer before and one after."""
    blocks = (Residual() for _ in range(BLOCKS))
    first, last = nn.Linear(FEATURES, HIDDEN), nn.Linear(HIDDEN, CLASSES)
    return Classifier(nn.Sequential(first, *blocks, last))


TWINS = {
    "mlp": mlp,
    "autoencoder": lambda: Reconstruction(Autoencoder()),
    "rnn": lambda: Classifier(Recurrent()),
    "residual": residual,
}
