"""L1: an artificial neuron's ridge over two inputs, and how the bias only shifts it.

h(x) = g(b + Σ wᵢxᵢ) varies along w and not across it. Along w the ridge is where a(x) = 0: at the
signed distance -b / ‖w‖ from the origin. Another bias moves it there and changes nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import autograd_core as ag
import nn
import viz

from .common import Array, parse, save, table

WEIGHT = np.array([1.0, 2.0])
BIASES = (-4.0, 0.0, 4.0)


def make(bias: float) -> nn.Neuron:
    """A sigmoid neuron with the weights of this demonstration."""
    neuron = nn.Neuron(2, "sigmoid")
    neuron.weight.data, neuron.bias.data = WEIGHT, np.array(bias)
    return neuron


def ridge(neuron: nn.Neuron) -> float:
    """Where along w the neuron crosses one half, found from its values alone."""
    along = np.linspace(-6.0, 6.0, 2401)
    h = neuron(np.outer(along, WEIGHT / np.linalg.norm(WEIGHT))).data
    return float(np.interp(0.5, h, along))


def steepest(neuron: nn.Neuron, points: Array) -> float:
    """The largest norm of the gradient of h, by the engine."""
    slopes = ag.grad(lambda x: ag.sum(neuron(x)))(points)
    return float(np.linalg.norm(slopes.data, axis=1).max())


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Draw the ridge for three biases, and measure where it lies and what stays the same."""
    options = parse(arguments, "neuron", __doc__)
    size = 61 if options.quick else 401
    axis = np.linspace(-5.0, 5.0, size)
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    norm = np.linalg.norm(WEIGHT)
    across = np.array([-WEIGHT[1], WEIGHT[0]]) / norm
    centred = make(0.0)

    rows, figures = [], {}
    for bias in BIASES:
        neuron = make(bias)
        # The same neuron without a bias, looked at from a shifted origin.
        moved = centred(points + bias * WEIGHT / norm**2).data
        found = {
            "ridge at": ridge(neuron),
            "-b / ‖w‖": 0.0 - bias / norm,
            "steepest slope": steepest(neuron, WEIGHT * -bias / norm**2 + np.outer(axis, across)),
            "change across w": float(abs(neuron(points + across).data - neuron(points).data).max()),
            "off the shifted b = 0": float(abs(neuron(points).data - moved).max()),
        }
        figures[f"{bias:g}"] = found
        rows.append([f"{bias:g}", *(f"{value:.4g}" for value in found.values())])
    print(f"a sigmoid neuron with w = ({WEIGHT[0]:g}, {WEIGHT[1]:g}), measured on {size}² inputs")
    table(["bias", *figures["0"]], rows)

    neurons = {f"b = {bias:g}": make(bias) for bias in BIASES}
    figure = viz.neuron_surface(
        neurons, resolution=21 if options.quick else 81,
        title="The bias only shifts the ridge, along w",
    )  # fmt: skip
    for axes, bias in zip(figure.axes[1::2], BIASES, strict=False):
        foot = -bias * WEIGHT / norm**2
        axes.annotate(
            "w", foot, foot + WEIGHT, fontsize="large", ha="center",
            arrowprops={"arrowstyle": "<-"},
        )  # fmt: skip
    return {"biases": figures, "pictures": [save(figure, options, "neuron.png")]}


if __name__ == "__main__":
    main()
