"""L22: before anything else, overfit 50 examples; and a diagnosis of networks that cannot.

A network that does not learn 50 digits by heart has something wrong with it. `optim.diagnose` tries
with a copy, watches units, gradients and updates on the way, and says what it saw and what to try.
One network is healthy here, and three are ill, each in a way of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import nn
import optim
import viz

from .common import Options, digits, parse, save, table


def healthy(rng: np.random.Generator) -> tuple[nn.MLP, float]:
    """A network as it should be, and its learning rate."""
    return nn.MLP([64, 50, 50, 10], "relu", init="he_uniform", rng=rng), 0.01


def saturated(rng: np.random.Generator) -> tuple[nn.MLP, float]:
    """Sigmoid units with weights so large that nearly all sit where the slope is next to 0."""
    model = nn.MLP([64, 50, 50, 10], "sigmoid", rng=rng)
    for weight in model.weights():
        weight.data = 100 * weight.data
    return model, 0.01


def dead(rng: np.random.Generator) -> tuple[nn.MLP, float]:
    """Rectified units with biases so negative that nearly all of them answer 0 to everything."""
    model = nn.MLP([64, 50, 50, 10], "relu", init="he_uniform", rng=rng)
    for layer in model.layers:
        if isinstance(layer, nn.Linear) and layer.out_features == 50:
            layer.bias.data = layer.bias.data - 5.0
    return model, 0.01


def hasty(rng: np.random.Generator) -> tuple[nn.MLP, float]:
    """The healthy network with a learning rate a hundred times as high."""
    model, lr = healthy(rng)
    return model, 100 * lr


NETWORKS: dict[str, Callable[[np.random.Generator], tuple[nn.MLP, float]]] = {
    "healthy": healthy,
    "saturated": saturated,
    "dead": dead,
    "hasty": hasty,
}


def draw(found: dict[str, optim.Diagnosis], options: Options) -> list[Any]:
    """The losses on the 50 examples, what was seen of the healthy network, and what ails two."""
    figure, axes = viz.subplots(figsize=(6.6, 4.0), title="Overfitting 50 digits")
    for name, diagnosis in found.items():
        axes.plot(diagnosis.losses, linewidth=2, label=name)
    axes.set(xlabel="step", ylabel="loss on the 50 (log scale)", yscale="log")
    axes.legend(frameon=False)
    layers = viz.layer_statistics(found["healthy"].layers, title="The healthy network")
    compared = {name: found[name].layers for name in ("healthy", "saturated", "dead")}
    ills = viz.layer_statistics(compared, statistics=["dead units", "saturated"])
    return [
        save(figure, options, "overfitting.png"),
        save(layers, options, "overfitting_layers.png"),
        save(ills, options, "overfitting_ills.png"),
    ]


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Diagnose one healthy network and three ill ones."""
    options = parse(arguments, "overfitting", __doc__)
    steps = 60 if options.quick else 200
    X, y = digits(options).train
    found = {}
    for name, make in NETWORKS.items():
        model, lr = make(options.rng())
        found[name] = optim.diagnose(
            model, X, y, nn.cross_entropy, lr=lr, steps=steps, rng=options.rng(1)
        )
        print(f"-- {name}: {(make.__doc__ or '').rstrip('.')}")
        print(f"{found[name]}\n")
    table(
        ["", "loss at first", "at last", "of the 50 right", "findings"],
        [
            [
                name,
                f"{of.losses[0]:.3g}",
                f"{of.losses[-1]:.3g}",
                f"{of.accuracy:.0%}",
                len(of.findings),
            ]
            for name, of in found.items()
        ],
    )
    return {
        "findings": {name: [each.kind for each in of.findings] for name, of in found.items()},
        "fitted": {name: of.fitted for name, of in found.items()},
        "losses": {name: of.losses for name, of in found.items()},
        "pictures": draw(found, options),
    }


if __name__ == "__main__":
    main()
