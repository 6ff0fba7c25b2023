"""L14: hidden units that start equal stay equal for ever; random weights tell them apart.

Units with equal weights in and out get equal gradients, so each step leaves them equal: the layer
is one unit, written many times. From all zeros not even that unit learns, because ∇h = W(2)ᵀ ∇a is
zero, and so is h itself; only the output's biases move.

A computer may round two equal sums differently, by 1e-16, and training lets such a difference grow:
equal units are where it balances, not where it is drawn to. The steps here are too few for that.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

import nn
import optim
import viz

from .common import Digits, Options, accuracy, digits, parse, save, table

STARTS = {
    "all zero": nn.init.zeros,
    "all equal": functools.partial(nn.init.constant, value=0.02),
    "Glorot & Bengio": nn.init.glorot_uniform,
}


def distance(model: nn.MLP) -> float:
    """The largest distance between two hidden units, as vectors of all weights in and out."""
    W1, b1, W2, _ = (parameter.data for parameter in model.parameters())
    units = np.concatenate([W1, b1[None], W2.T])
    return float(np.linalg.norm(units[:, :, None] - units[:, None, :], axis=0).max())


class Distances(optim.Callback):
    """Notes the distance at the start and after each epoch."""

    def __init__(self) -> None:
        self.found: list[float] = []

    def on_start(self, training: Any) -> None:
        """Before the first update."""
        self.found.append(distance(training.model))

    def on_epoch(self, training: Any) -> None:
        """After each epoch."""
        self.found.append(distance(training.model))


def train(start: str, data: Digits, options: Options) -> dict[str, Any]:
    """Train from a start, the batches being the same for all of them."""
    hidden, epochs = (8, 5) if options.quick else (32, 20)
    model = nn.MLP([64, hidden, 10], "tanh", init=STARTS[start], rng=options.rng(1))
    first = model.parameters()[0].data.copy()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    distances = Distances()
    history = optim.fit(
        model, nn.cross_entropy, data.train, optimizer, epochs=epochs, validation=data.val,
        metrics="accuracy", callbacks=[distances], rng=options.rng(2), progress=False,
    )  # fmt: skip
    return {
        "distances": distances.found,
        "accuracies": history["validation accuracy"],
        "test accuracy": accuracy(model, data.test),
        "moved": float(np.linalg.norm(model.parameters()[0].data - first)),
    }


def draw(runs: dict[str, dict[str, Any]], options: Options) -> Any:
    """The distances and the accuracies over the epochs."""
    figure, (left, right) = viz.subplots(1, 2, figsize=(10.4, 3.9), title="Equal units stay equal")
    for start, run in runs.items():
        left.plot(range(len(run["distances"])), run["distances"], linewidth=2, label=start)
        right.plot(range(1, len(run["accuracies"]) + 1), run["accuracies"], linewidth=2)
    left.set(xlabel="epoch", ylabel="largest distance between two hidden units")
    right.set(xlabel="epoch", ylabel="validation accuracy", ylim=(0, 1))
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)
    left.legend(frameon=False)
    return save(figure, options, "symmetry.png")


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Train from three starts, and follow how far the hidden units lie apart."""
    options = parse(arguments, "symmetry", __doc__)
    data = digits(options)
    runs = {start: train(start, data, options) for start in STARTS}
    print("hidden units of a network on the digits, from three starts:")
    table(
        ["start", "distance at first", "and at last", "W(1) moved by", "test accuracy"],
        [
            [
                start,
                f"{run['distances'][0]:.3g}",
                f"{run['distances'][-1]:.3g}",
                f"{run['moved']:.3g}",
                f"{run['test accuracy']:.1%}",
            ]
            for start, run in runs.items()
        ],
    )
    return {"runs": runs, "pictures": [draw(runs, options)]}


if __name__ == "__main__":
    main()
