"""The multilayer network that P1 to P3 train: the same start, the same batches for everyone."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Problem:
    """Layers tanh(x W + b) and a linear one, softmax cross-entropy averaged over the batch, and
    SGD with momentum: v ← μ v + ∇, p ← p - lr v. Or Adam (Kingma & Ba 2015), t counting from 1:
    m ← β₁ m + (1-β₁) ∇, v ← β₂ v + (1-β₂) ∇², p ← p - lr m/(1-β₁ᵗ) / (√(v/(1-β₂ᵗ)) + ε)."""

    sizes: tuple[int, ...]
    batch: int
    batches: int = 8  # different ones, in rotation
    lr: float = 0.05
    momentum: float = 0.9
    adam: bool = False
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8

    def start(self) -> list[tuple[Floats, Floats]]:
        """Weights (inputs, outputs), Glorot-uniform, and zero biases, of each layer."""
        rng = np.random.default_rng(0)
        layers = []
        for inputs, outputs in pairwise(self.sizes):
            bound = (6 / (inputs + outputs)) ** 0.5
            weights = rng.uniform(-bound, bound, (inputs, outputs)).astype(np.float32)
            layers.append((weights, np.zeros(outputs, np.float32)))
        return layers

    def data(self) -> list[tuple[Floats, Labels]]:
        """Batches of inputs (batch, sizes[0]) and labels (batch,), which a linear rule made."""
        rng = np.random.default_rng(1)
        rule = rng.standard_normal((self.sizes[0], self.sizes[-1]))
        found = []
        for _ in range(self.batches):
            x = rng.standard_normal((self.batch, self.sizes[0]))
            found.append((x.astype(np.float32), np.argmax(x @ rule, axis=1)))
        return found

    def one_hot(self) -> list[tuple[Floats, Floats]]:
        """The same batches, labels as rows of the identity."""
        identity = np.eye(self.sizes[-1], dtype=np.float32)
        return [(x, identity[labels]) for x, labels in self.data()]

    def stream(self) -> Iterator[tuple[Floats, Labels]]:
        """The batches again and again."""
        return cycle(self.data())
