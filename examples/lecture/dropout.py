"""L29: dropout narrows the gap between training and validation (L24), on few training images.

The gap is that of the losses in use mode, where no unit is dropped: the loss that `fit` reports
for training is that of the thinned networks, and would show dropout in a worse light than is fair.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import nn
import optim
import viz

from .common import Array, Digits, Options, accuracy, digits, parse, save, table

PROBABILITIES = (0.0, 0.25, 0.5)


def loss(output: Array, target: Array) -> float:
    """The mean loss, as a metric."""
    return float(nn.cross_entropy(output, target).item())


def train(p: float, data: Digits, epochs: int, options: Options, seed: int) -> dict[str, Any]:
    """Train a network that drops units with probability p; follow both losses in use mode."""
    model = nn.MLP(
        [64, 200, 200, 10], "relu", dropout=p, rng=options.rng(seed, 1), dtype=np.float32
    )
    history = optim.fit(
        model, nn.cross_entropy, data.train, "adam", lr=0.001, epochs=epochs, batch_size=20,
        validation=data.val, metrics={"training loss in use": loss},
        rng=options.rng(seed, 2), progress=False,
    )  # fmt: skip
    train_loss = history["training loss in use"]
    return {
        "training loss": train_loss,
        "validation loss": history["validation loss"],
        "gap": np.subtract(history["validation loss"], train_loss).tolist(),
        "training accuracy": accuracy(model, data.train),
        "test accuracy": accuracy(model, data.test),
    }


def draw(runs: dict[float, list[dict[str, Any]]], options: Options) -> list[Any]:
    """The mean curves of both losses, and the gap of every run."""
    title = "Losses in use mode, means over the runs"
    figure, panels = viz.subplots(1, 2, figsize=(10.4, 3.9), title=title)
    for name, axes in zip(("training loss", "validation loss"), panels, strict=True):
        for p, found in runs.items():
            mean = np.mean([run[name] for run in found], axis=0)
            axes.plot(range(1, len(mean) + 1), mean, linewidth=2, label=f"p = {p:g}")
        axes.set(xlabel="epoch", ylabel=f"{name} (log scale)", yscale="log")
    panels[0].legend(frameon=False)
    gaps = viz.spread(
        {f"p = {p:g}": [run["gap"] for run in found] for p, found in runs.items()},
        quantity="validation loss - training loss",
    )
    return [save(figure, options, "dropout.png"), save(gaps, options, "dropout_gap.png")]


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Train with several probabilities, over several seeds, and compare the gaps."""
    options = parse(arguments, "dropout", __doc__)
    images, epochs, seeds = (300, 20, 2) if options.quick else (300, 100, 5)
    data = digits(options, train=images, dtype=np.float32)
    runs = {
        p: [train(p, data, epochs, options, seed) for seed in range(seeds)] for p in PROBABILITIES
    }
    names = ("training loss", "validation loss", "gap")
    found = {
        p: {
            **{name: float(np.mean([run[name][-1] for run in each])) for name in names},
            **{
                name: float(np.mean([run[name] for run in each]))
                for name in ("training accuracy", "test accuracy")
            },
        }
        for p, each in runs.items()
    }
    print(f"{images} training images, means of {seeds} seeds after {epochs} epochs:")
    table(
        ["", *found[0.0]],
        [
            [
                f"p = {p:g}",
                *(f"{row[name]:.4f}" for name in names),
                *(f"{row[name]:.1%}" for name in ("training accuracy", "test accuracy")),
            ]
            for p, row in found.items()
        ],
    )
    return {"runs": found, "pictures": draw(runs, options)}


if __name__ == "__main__":
    main()
