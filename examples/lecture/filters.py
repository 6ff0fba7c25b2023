"""L31: first-layer filters of supervised, autoencoder and denoising training, side by side.

Each column of W(1) is what a hidden unit looks for, drawn as an image of 8×8 pixels. How smooth
these are is also told in a number, the correlation of weights of neighbouring pixels: near 0 for
the random weights that all of them start from, 1 for a filter of one value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import nn
import optim
import viz

from .common import Array, Digits, Options, digits, parse, save, table

#: How many units of each to draw side by side.
SHOWN = 25


def smoothness(weight: Array, side: int = 8) -> float:
    """Mean over the units of Σ w w' over neighbours up, down and beside, by Σ ½ (w² + w'²)."""
    tiles = weight.T.reshape(-1, side, side)
    pairs = [(tiles[:, 1:], tiles[:, :-1]), (tiles[:, :, 1:], tiles[:, :, :-1])]
    products = sum((a * b).sum(axis=(1, 2)) for a, b in pairs)
    squares = sum((a**2 + b**2).sum(axis=(1, 2)) / 2 for a, b in pairs)
    return float(np.mean(products / squares))


def train(data: Digits, hidden: int, epochs: int, options: Options) -> dict[str, nn.Module]:
    """Train a classifier and two autoencoders, of as many hidden units each.

    Weight decay takes away what is left of the random weights where no training signal comes: at
    pixels that are never on.
    """
    rng, made = options.rng(1), {"dtype": np.float32}
    models: dict[str, Any] = {
        "supervised": nn.MLP([64, hidden, 10], "sigmoid", rng=options.rng(2), **made),
        "autoencoder": nn.Autoencoder(64, hidden, rng=options.rng(2), **made),
        "denoising": nn.DenoisingAutoencoder(64, hidden, level=0.4, rng=options.rng(2), **made),
    }
    for name, model in models.items():
        loss, examples = (
            (nn.cross_entropy, data.train) if name == "supervised" else (model.loss, data.train[0])
        )
        optimizer = optim.AdamW(model.parameters(), lr=0.005, weight_decay=0.3)
        optim.fit(model, loss, examples, optimizer, epochs=epochs, rng=rng, progress=False)
    return models


def draw(weights: dict[str, Array], options: Options) -> list[Any]:
    """Some of each beside each other, each at a scale of its own; and all of each at one scale."""
    some = {name: weight[:, :SHOWN] for name, weight in weights.items()}
    side_by_side = viz.filters(some, scale="each", title="What hidden units look for")
    pictures = [save(side_by_side, options, "filters.png")]
    for name, weight in weights.items():
        pictures.append(save(viz.filters(weight, title=name), options, f"filters_{name}.png"))
    return pictures


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Train in three ways, and draw the filters."""
    options = parse(arguments, "filters", __doc__)
    hidden, epochs = (30, 10) if options.quick else (100, 60)
    data = digits(options, dtype=np.float32)
    start = nn.MLP([64, hidden, 10], "sigmoid", rng=options.rng(2)).weights()[0].data
    models = train(data, hidden, epochs, options)
    weights = {"random": start}
    weights |= {name: next(iter(model.parameters())).data for name, model in models.items()}
    found = {name: smoothness(weight) for name, weight in weights.items()}
    print(f"{hidden} hidden units, {epochs} epochs:")
    table(
        ["", "smoothness", "largest |weight|"],
        [
            [name, f"{found[name]:+.2f}", f"{abs(weight).max():.2f}"]
            for name, weight in weights.items()
        ],
    )
    del weights["random"]
    return {"smoothness": found, "pictures": draw(weights, options)}


if __name__ == "__main__":
    main()
