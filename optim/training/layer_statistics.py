"""What goes on in each layer while a network is trained: signals, gradients, flat units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ..diagnosis.signals import layer_names, watch
from ..options import count
from .callbacks import Callback
from .metrics import set_modes

if TYPE_CHECKING:
    from .run import Training

__all__ = ["LayerStatistics"]


@final
class LayerStatistics(Callback):
    """Measure every layer before training and after each epoch, for ``viz.layer_statistics``.

    Each time the examples go through the model in use mode and the loss goes back, without the
    penalty (lectures L22 and L23). What is trained stays what it would be, bit for bit: gradients,
    buffers and random generators are left alone.

    ``examples`` are so many of the training data, always the same, or ``(X, y)``. With ``every=n``
    it is measured after every n updates, instead of after epochs.

    ``layers``
        layer → statistic → a list of numbers: "pre-activation deviation" (over the examples),
        "pre-activation gradient" (root mean square), "gradient norm" and "weight norm" (Euclidean),
        and "saturated" (share of outputs) or "dead units" (share) after such an activation. A layer
        is a parameter that something is multiplied by.
    ``at``
        where they were measured: epochs, or with ``every`` updates; 0 is before training.

    Raises:
        ValueError: from `fit`, where the data are no arrays in memory and ``examples`` gives none.

    >>> import nn, optim
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(64, 3))
    >>> watching, model = optim.LayerStatistics(), nn.MLP([3, 8, 8, 2], "sigmoid", rng=rng)
    >>> data = X, (X[:, 0] > 0).astype(int)
    >>> _ = optim.fit(model, nn.cross_entropy, data, "adam", lr=0.1, epochs=3, callbacks=watching)
    >>> watching.at, list(watching.layers)
    ([0, 1, 2, 3], ['layers.0', 'layers.2', 'layers.4'])
    >>> norms = [of["gradient norm"][0] for of in watching.layers.values()]
    >>> norms[0] < norms[1] < norms[2]
    True
    """

    def __init__(self, examples: int | tuple[Any, Any] = 200, *, every: int | None = None) -> None:
        self.every = None if every is None else count("LayerStatistics", "every", every)
        if isinstance(examples, tuple | list):
            if len(examples) != 2 or len(examples[0]) != len(examples[1]) or not len(examples[0]):
                raise ValueError(
                    "LayerStatistics: examples is how many of the training data, or (X, y) of the "
                    "same length, at least one of each"
                )
            self._given: tuple[Any, Any] | None = (examples[0], examples[1])
            self._many = len(examples[0])
        else:
            self._given, self._many = None, count("LayerStatistics", "examples", examples)
        self.layers: dict[str, dict[str, list[float]]] = {}
        self.at: list[int] = []
        self._examples: tuple[Any, Any] | None = None

    @property
    def xlabel(self) -> str:
        """What ``at`` counts."""
        return "epoch" if self.every is None else "update"

    def on_start(self, training: Training) -> None:
        """Choose the examples; measure, unless a run goes on."""
        self._examples = self._choose(training)
        if not training.step:
            self.layers, self.at = {}, []
            self._measure(training, 0)

    def on_batch(self, training: Training) -> None:
        """Measure, if it is time to."""
        if self.every is not None and not training.step % self.every:
            self._measure(training, training.step)

    def on_epoch(self, training: Training) -> None:
        """Measure, unless updates are counted."""
        if self.every is None:
            self._measure(training, training.history.epochs)

    def state_dict(self) -> dict[str, Any]:
        """Give what was measured."""
        return {"every": self.every, "at": self.at, "layers": self.layers}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what was measured before."""
        if state["every"] != self.every:
            raise ValueError(
                f"LayerStatistics: the checkpoint was measured with every={state['every']}, and "
                f"this one is every={self.every}"
            )
        self.at = [int(at) for at in state["at"]]
        self.layers = {
            layer: {name: [float(v) for v in row] for name, row in of.items()}
            for layer, of in state["layers"].items()
        }

    def __repr__(self) -> str:
        return f"<LayerStatistics of {len(self.layers)} layers, measured {len(self.at)} times>"

    def _choose(self, training: Training) -> tuple[Any, Any]:
        if self._given is None:
            found = training.feed.sample(self._many)
            if found is None:
                raise ValueError(
                    "LayerStatistics: the data are no arrays in memory, of which some could be "
                    "taken; give it the examples to measure with: LayerStatistics((X, y))"
                )
            return found[0], found[1]
        x, y = self._given
        x = x if hasattr(x, "dtype") else np.asarray(x)
        own = next((p.dtype for p in training.model.parameters()), x.dtype)
        return x.astype(own) if x.dtype.kind == "f" and x.dtype != own else x, y

    def _measure(self, training: Training, at: int) -> None:
        assert self._examples is not None
        model = training.model
        names = layer_names([(n, p) for n, p in model.named_parameters() if p.requires_grad])
        modes = [(module, module.training) for module in model.modules()]
        states = [(each, each.bit_generator.state) for each in training.generators]
        set_modes((module, False) for module, _ in modes)
        try:
            with np.errstate(all="ignore"):
                seen = watch(model, training._loss, *self._examples, names)
        finally:
            set_modes(modes)
            for generator, state in states:
                generator.bit_generator.state = state
        row: dict[str, dict[str, float]] = {}
        for name, layer in seen.layers.items():
            weight = layer.weight
            gradient = None if weight is None else seen.gradients.get(weight)
            measured = {
                "pre-activation deviation": layer.deviation,
                "pre-activation gradient": layer.gradient,
                "gradient norm": None if gradient is None else _norm(gradient),
                "weight norm": None if weight is None else _norm(weight.data),
                "saturated": layer.saturated,
                "dead units": layer.dead,
            }
            row[name] = {key: value for key, value in measured.items() if value is not None}
        self._add(row, at)

    def _add(self, row: Mapping[str, Mapping[str, float]], at: int) -> None:
        """Append; where one was not measured this time or before, NaN keeps its place."""
        for layer, of in row.items():
            for name in of:
                known = self.layers.setdefault(layer, {})
                known.setdefault(name, [math.nan] * len(self.at))
        for layer, kept in self.layers.items():
            for name, values in kept.items():
                values.append(float(row.get(layer, {}).get(name, math.nan)))
        self.at.append(at)


def _norm(array: Any) -> float:
    return float(np.linalg.norm(np.asarray(array)))
