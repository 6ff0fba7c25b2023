"""What looks wrong with a network: units that do not answer, signals lost in its depth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .findings import Finding
from .signals import Layer

__all__ = ["look_at_deaths", "look_at_depth", "look_at_equals", "look_at_reach", "look_at_units"]

#: Shares from which on saturated outputs and dead units are worth a word, before and after.
SATURATED, DEAD, DIED = 0.5, 0.4, 0.6
#: Between first and last layer, how far signals and gradients may grow or shrink.
RANGE = 1e3

INIT = "Glorot's weights for tanh, He's for ReLU"
DEEP = "batch or layer normalisation, residual connections, unsupervised pre-training"


def look_at_units(layers: Mapping[str, Layer]) -> list[Finding]:
    """Look for saturated and for dead units before training."""
    found = []
    for name, layer in layers.items():
        if layer.saturated is not None and layer.saturated > SATURATED:
            seen = (
                f"{layer.saturated:.0%} of the outputs of {layer.activation} are at its ends "
                "before training, where its derivative is next to zero (pre-activations deviate by "
                f"{layer.deviation:.2g})"
            )
            remedy = (
                "smaller initial weights (nn.init.glorot_uniform), standardized inputs, biases of "
                "zero, or batch normalisation before the activation"
            )
            found.append(Finding("saturated units", name, seen, remedy))
        if layer.dead is not None and layer.dead > DEAD:
            seen = (
                f"{layer.dead:.0%} of the {layer.activation} units are 0 for every example before "
                "training, and get no gradient"
            )
            remedy = (
                "biases of zero or a little above, nn.init.he_uniform, standardized inputs, or "
                "leaky ReLU"
            )
            found.append(Finding("dead units", name, seen, remedy))
    return found


def look_at_deaths(first: Mapping[str, Layer], last: Mapping[str, Layer]) -> list[Finding]:
    """Look for units that died in training."""
    found = []
    for name, layer in last.items():
        before = first[name].dead if name in first else None
        if layer.dead is not None and before is not None and before <= DEAD < DIED < layer.dead:
            seen = (
                f"{layer.dead:.0%} of the {layer.activation} units are 0 for every example after "
                f"training, and {before:.0%} were before"
            )
            remedy = "a lower learning rate, gradient clipping, or leaky ReLU"
            found.append(Finding("units that died", name, seen, remedy))
    return found


def look_at_depth(layers: Mapping[str, Layer]) -> list[Finding]:
    """Compare the layers' signals with the first one's, their gradients with the last one's."""
    names = list(layers)
    forward = [layer.deviation or 0.0 for layer in layers.values()]
    backward = [layer.gradient or 0.0 for layer in layers.values()]
    return [
        *_grown("signals", "from the first layer on", names, forward),
        *_grown("gradients", "from the last layer back", names[::-1], backward[::-1]),
    ]


def _grown(what: str, way: str, names: list[str], values: list[float]) -> list[Finding]:
    if len(values) < 2 or not values[0] or not math.isfinite(values[0]):
        return []
    found = []
    ratios = [value / values[0] for value in values]
    beyond = [not math.isfinite(ratio) for ratio in ratios]
    high = beyond.index(True) if any(beyond) else int(np.argmax(ratios))
    if any(beyond) or ratios[high] > RANGE:
        seen = f"{way} they grow from {values[0]:.2g} to {values[high]:.2g}"
        remedy = f"{INIT}, smaller weights, gradient clipping, {DEEP}"
        found.append(Finding(f"exploding {what}", names[high], seen, remedy))
    low = int(np.argmin(ratios))
    if ratios[low] < 1 / RANGE:
        seen = f"{way} they shrink from {values[0]:.2g} to {values[low]:.2g}"
        remedy = f"{INIT}, ReLU instead of sigmoid, fewer layers, {DEEP}"
        found.append(Finding(f"vanishing {what}", names[low], seen, remedy))
    return found


def look_at_equals(layers: Mapping[str, Layer]) -> list[Finding]:
    """Look for hidden layers whose units start equal; an output's differ by their targets."""
    found = []
    for name, layer in list(layers.items())[:-1]:
        value: NDArray[Any] = np.empty(0) if layer.weight is None else layer.weight.data
        if value.ndim == 2 and value.shape[1] > 1 and (value == value[:, :1]).all():
            seen = "all columns are the same, so all units get the same gradient, and stay equal"
            remedy = "random weights: nn.init.glorot_uniform, or he_uniform for ReLU"
            found.append(Finding("units that start equal", name, seen, remedy))
    return found


def look_at_reach(trained: Iterable[str], reached: Iterable[str]) -> list[Finding]:
    """Look for parameters that are to be trained and got no gradient."""
    got = set(reached)
    lost = [path for path in trained if path not in got]
    if not lost:
        return []
    where = ", ".join(lost[:6]) + (", ..." if len(lost) > 6 else "")
    remedy = (
        "use them in forward, or take them out; look for a detach() or no_grad() on the way, and "
        "for a step through NumPy arrays"
    )
    return [
        Finding("parameters without a gradient", where, "the loss does not depend on them", remedy)
    ]
