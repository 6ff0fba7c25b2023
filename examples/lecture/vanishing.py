"""L23: gradients vanish on the way down deep sigmoid networks; ReLU and batch normalisation (L30).

Back-propagation multiplies by Wᵀ and by g'(a) in every layer, and the sigmoid's g' is a quarter at
most. The norms of ∇W(k), layer by layer, are those that an update is made of: at the start, by the
depth of the network, and while it trains.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import nn
import optim
import viz

from .common import Options, Part, accuracy, digits, parse, save, table

#: Networks: the activation, whether pre-activations are normalised, the initial weights.
NETWORKS: dict[str, dict[str, Any]] = {
    "sigmoid": {"activation": "sigmoid", "init": "glorot_uniform"},
    "ReLU": {"activation": "relu", "init": "he_uniform"},
    "sigmoid, batch norm": {"activation": "sigmoid", "init": "glorot_uniform", "batch_norm": True},
}
WIDTH = 50


def network(name: str, depth: int, rng: np.random.Generator) -> nn.MLP:
    """Make a network with ``depth`` hidden layers."""
    return nn.MLP([64, *[WIDTH] * depth, 10], rng=rng, dtype=np.float32, **NETWORKS[name])


def norms(model: nn.MLP) -> dict[str, float]:
    """‖∇W(k)‖ for each layer, of the gradients that the parameters have now."""
    return {
        weight.name or "": float(np.linalg.norm(weight.grad))
        for weight in model.weights()
        if weight.grad is not None
    }


def at_start(name: str, depth: int, examples: Part, options: Options) -> dict[str, float]:
    """The norms before the first update, over all the examples."""
    X, y = examples
    model = network(name, depth, options.rng(depth))
    nn.cross_entropy(model(X), y).backward()
    return norms(model)


class Norms(optim.Callback):
    """Notes the mean norms of each epoch's gradients."""

    def __init__(self) -> None:
        self.found: dict[str, list[float]] = {}
        self._batches: list[dict[str, float]] = []

    def on_batch(self, training: Any) -> None:
        """After each update, whose gradients are still there."""
        self._batches.append(norms(training.model))

    def on_epoch(self, training: Any) -> None:
        """After each epoch."""
        for name in self._batches[0]:
            mean = float(np.mean([batch[name] for batch in self._batches]))
            self.found.setdefault(name, []).append(mean)
        self._batches.clear()


def train(name: str, depth: int, data: Any, epochs: int, options: Options) -> dict[str, Any]:
    """Train a network, following the norms."""
    model, watch = network(name, depth, options.rng(depth)), Norms()
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    history = optim.fit(
        model, nn.cross_entropy, data.train, optimizer, epochs=epochs, validation=data.val,
        last="merge", metrics="accuracy", callbacks=[watch], rng=options.rng(1), progress=False,
    )  # fmt: skip
    return {
        "norms": watch.found,
        "training loss": history["training loss"],
        "test accuracy": accuracy(model, data.test),
    }


def by_depth(first_to_last: dict[str, dict[int, float]], options: Options) -> Any:
    """Draw ‖∇W(1)‖ / ‖∇W(L)‖ over the depth."""
    title = "What is left of the gradient at the first layer"
    figure, axes = viz.subplots(figsize=(6.4, 4.0), title=title)
    for (name, found), marker in zip(first_to_last.items(), "os^", strict=True):
        axes.plot(list(found), list(found.values()), marker=marker, linewidth=2, label=name)
    axes.set(xlabel="number of hidden layers L", ylabel="‖∇W(1)‖ / ‖∇W(L)‖ (log scale)")
    axes.set_yscale("log")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False)
    return save(figure, options, "vanishing.png")


def by_layer(found: dict[str, dict[str, Any]], xlabel: str, title: str) -> Any:
    """Draw norms, given as network → layer → a number or one for each epoch."""
    records = {
        name: {layer: {"‖∇W‖": norm} for layer, norm in of.items()} for name, of in found.items()
    }
    # A gradient may be 0, of units that are dead, and has no place on a logarithmic axis then.
    positive = all(np.min(norm) > 0 for of in found.values() for norm in of.values())
    return viz.layer_statistics(records, xlabel=xlabel, title=title, log=positive)


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure the norms by depth and while training; draw them."""
    options = parse(arguments, "vanishing", __doc__)
    depths, epochs = ((1, 2, 4, 8), 3) if options.quick else ((1, 2, 4, 6, 8, 10, 15, 20), 40)
    deep = 8
    data = digits(options, dtype=np.float32)

    start = {
        name: {depth: at_start(name, depth, data.train, options) for depth in depths}
        for name in NETWORKS
    }
    ratios = {
        name: {depth: found["W1"] / found[f"W{depth}"] for depth, found in by.items()}
        for name, by in start.items()
    }
    print("at the start, ‖∇W(1)‖ / ‖∇W(L)‖ of L hidden layers:")
    table(
        ["L", *map(str, depths)],
        [[name, *(f"{ratio:.1e}" for ratio in by.values())] for name, by in ratios.items()],
    )

    runs = {name: train(name, deep, data, epochs, options) for name in NETWORKS}
    print(f"{deep} hidden layers, after {epochs} epochs:")
    table(
        ["", "training loss", "test accuracy", "‖∇W(1)‖, first epoch", "last epoch"],
        [
            [
                name,
                f"{run['training loss'][-1]:.4f}",
                f"{run['test accuracy']:.1%}",
                f"{run['norms']['W1'][0]:.1e}",
                f"{run['norms']['W1'][-1]:.1e}",
            ]
            for name, run in runs.items()
        ],
    )
    pictures = [by_depth(ratios, options)]
    before = by_layer({name: by[deep] for name, by in start.items()}, "layer", "At the start")
    pictures.append(save(before, options, "vanishing_start.png"))
    training = by_layer(
        {name: run["norms"] for name, run in runs.items()}, "epoch",
        "While training, means over the epoch's updates",
    )  # fmt: skip
    pictures.append(save(training, options, "vanishing_training.png"))
    return {"ratios": ratios, "runs": runs, "pictures": pictures}


if __name__ == "__main__":
    main()
