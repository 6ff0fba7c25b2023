"""L2: XOR is not learnable by one neuron, and is by one hidden layer.

A neuron's classes are separated by a straight line. Of the 16 functions of two bits, 14 have such a
line; XOR and its negation have none. A hidden layer maps the four points to where there is one.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

import nn
import optim
import viz

from .common import Array, Options, parse, save, table

INPUTS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR = np.array([0, 1, 1, 0])
NAMES = {(0, 0, 0, 1): "AND", (0, 1, 1, 1): "OR", (0, 1, 1, 0): "XOR", (1, 0, 0, 1): "not XOR"}


def train(sizes: Sequence[int], target: Array, epochs: int, rng: np.random.Generator) -> nn.MLP:
    """Train by the gradient over all four points; without hidden layers it is one neuron."""
    model = nn.MLP(sizes, activation="tanh", rng=rng)
    optimizer = optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    examples = (INPUTS, target[:, None].astype(float))
    optim.fit(
        model, nn.binary_cross_entropy, examples, optimizer,
        epochs=epochs, batch_size=4, shuffle=False, progress=False,
    )  # fmt: skip
    return model


def predict(model: nn.Module, x: Any) -> Array:
    """The class for each point: whether the output's probability is above one half."""
    answers: Array = (model(x).data[:, 0] > 0).astype(int)
    return answers


def right(model: nn.Module, target: Array) -> int:
    """How many of the four points a model gets right."""
    return int((predict(model, INPUTS) == target).sum())


def resolution(options: Options) -> int:
    """At how many points along each side a plane's classes are asked for."""
    return 61 if options.quick else 301


def hidden_space(model: nn.MLP, options: Options) -> Any:
    """Draw the four points where the hidden layer puts them, and the output layer's line there."""
    layer, activation, output = model.layers[:3]
    h = activation(layer(INPUTS)).data
    figure = viz.decision_regions(
        lambda x: predict(output, x), h, XOR, names=("h₁", "h₂"), resolution=resolution(options),
        title="XOR as the hidden layer sees it",
    )  # fmt: skip
    for corner, at in zip(INPUTS.astype(int), h, strict=True):
        # Points of one class may fall together; their names stand above and below.
        beside = (0, 8) if corner.sum() else (0, -17)
        figure.axes[0].annotate(
            f"({corner[0]}, {corner[1]})",
            at,
            xytext=beside,
            textcoords="offset points",
            ha="center",
        )
    return save(figure, options, "xor_hidden.png")


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Train one neuron and hidden layers on the functions of two bits; draw the regions for XOR."""
    options = parse(arguments, "xor", __doc__)
    epochs, seeds = (100, 3) if options.quick else (600, 30)

    scores = {
        bits: right(train([2, 1], np.array(bits), epochs, options.rng()), np.array(bits))
        for bits in itertools.product((0, 1), repeat=4)
    }
    learnt = sum(score == 4 for score in scores.values())
    print(f"one neuron learns {learnt} of the 16 functions of two bits; points right, of 4:")
    table(["", "right"], [[name, scores[bits]] for bits, name in NAMES.items()])

    runs = {
        hidden: [
            train([2, hidden, 1] if hidden else [2, 1], XOR, epochs, options.rng(seed))
            for seed in range(seeds)
        ]
        for hidden in (0, 2, 4)
    }
    solved = {n: sum(right(model, XOR) == 4 for model in models) for n, models in runs.items()}
    print(f"XOR from {seeds} random initialisations:")
    words = {0: "one neuron", 2: "2 hidden units", 4: "4 hidden units"}
    table(["", "all right", "of"], [[words[n], solved[n], seeds] for n in runs])

    best = {n: max(models, key=lambda model: right(model, XOR)) for n, models in runs.items()}
    regions = {words[n]: lambda x, model=model: predict(model, x) for n, model in best.items()}
    figure = viz.decision_regions(regions, INPUTS, XOR, resolution=resolution(options))
    pictures = [save(figure, options, "xor.png")]
    pictures.append(hidden_space(best[2], options))
    return {
        "functions": {NAMES.get(bits, str(bits)): score for bits, score in scores.items()},
        "solved": solved,
        "seeds": seeds,
        "pictures": pictures,
    }


if __name__ == "__main__":
    main()
