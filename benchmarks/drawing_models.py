"""The four models that DRAW draws, here and in PyTorch: equal shapes, equal parameters, one loss.

Each returns its loss, so that all tools are given the same computation, from the input to one
number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import nn

FEATURES, HIDDEN, CLASSES, BATCH = 8, 16, 4, 5
STEPS, BLOCKS = 25, 12


class Classifier(nn.Module):
    """The cross-entropy of what a network says of x."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def forward(self, x: Any, target: Any) -> Any:
        return nn.cross_entropy(self.network(x), target)


class Reconstruction(nn.Module):
    """The cross-entropy between x and what an autoencoder makes of it."""

    def __init__(self, autoencoder: nn.Autoencoder) -> None:
        self.autoencoder = autoencoder

    def forward(self, x: Any) -> Any:
        return self.autoencoder.loss(self.autoencoder(x), x)


class Cell(nn.Module):
    """One step of a recurrent network: h(t) = tanh(b + U x(t) + W h(t-1))."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.inputs = nn.Linear(FEATURES, HIDDEN, rng=rng)
        self.hidden = nn.Linear(HIDDEN, HIDDEN, bias=False, rng=rng)
        self.activation = nn.Tanh()

    def forward(self, x: Any, h: Any) -> Any:
        return self.activation(self.inputs(x) + self.hidden(h))


class Recurrent(nn.Module):
    """The same cell at every step of a sequence, and an output after the last."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.cell = Cell(rng)
        self.output = nn.Linear(HIDDEN, CLASSES, rng=rng)

    def forward(self, x: Any) -> Any:
        h = np.zeros((x.shape[1], HIDDEN), dtype=np.float32)
        for t in range(x.shape[0]):
            h = self.cell(x[t], h)
        return self.output(h)


def mlp(rng: np.random.Generator) -> nn.Module:
    """Two hidden layers of tanh."""
    return Classifier(nn.MLP([FEATURES, HIDDEN, HIDDEN, CLASSES], "tanh", rng=rng))


def autoencoder(rng: np.random.Generator) -> nn.Module:
    """A code of sigmoids, its decoder's weight being the encoder's transposed."""
    return Reconstruction(nn.Autoencoder(HIDDEN, FEATURES, tied=True, rng=rng))


def recurrent(rng: np.random.Generator) -> nn.Module:
    """25 steps of one cell."""
    return Classifier(Recurrent(rng))


def residual(rng: np.random.Generator) -> nn.Module:
    """12 blocks x + f(x), with a layer before and one after."""
    blocks = (
        nn.Residual(
            nn.Sequential(
                nn.Linear(HIDDEN, HIDDEN, rng=rng), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN, rng=rng)
            )
        )
        for _ in range(BLOCKS)
    )
    first = nn.Linear(FEATURES, HIDDEN, rng=rng)
    return Classifier(nn.Sequential(first, *blocks, nn.Linear(HIDDEN, CLASSES, rng=rng)))


@dataclass(frozen=True)
class Model:
    """A model's name, how to make ours, and the shape of its input; targets where it has any."""

    title: str
    ours: Callable[[np.random.Generator], nn.Module]
    shape: tuple[int, ...]
    targets: bool = True

    def build(self) -> tuple[nn.Module, tuple[Any, ...]]:
        """Our model and the arrays that it is called with: the same each time."""
        rng = np.random.default_rng(0)
        module = self.ours(rng).astype(np.float32)
        x = rng.random(self.shape, dtype=np.float32)
        target = (rng.integers(CLASSES, size=BATCH),) if self.targets else ()
        return module, (x, *target)


MODELS = {
    "mlp": Model("MLP", mlp, (BATCH, FEATURES)),
    "autoencoder": Model("tied autoencoder", autoencoder, (BATCH, HIDDEN), targets=False),
    "rnn": Model("RNN of 25 steps", recurrent, (STEPS, BATCH, FEATURES)),
    "residual": Model("12-block residual net", residual, (BATCH, FEATURES)),
}


def in_torch(key: str) -> tuple[Any, tuple[Any, ...]]:
    """The same in PyTorch, as its users write it, with our parameters; and its tensors."""
    import torch

    from benchmarks.drawing_twins import TWINS

    module, arrays = MODELS[key].build()
    twin = TWINS[key]()
    with torch.no_grad():
        pairs = zip(twin.parameters(), module.parameters(), strict=True)
        for theirs, ours in pairs:
            # A layer of PyTorch's holds its weight with the outputs along the first axis.
            theirs.copy_(torch.from_numpy(ours.data.T.copy()))
    return twin, tuple(torch.from_numpy(array) for array in arrays)
