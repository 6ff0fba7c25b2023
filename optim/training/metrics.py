"""Metrics: what is measured besides the loss, from outputs and targets as arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autograd_core import no_grad

from ..options import nearest

if TYPE_CHECKING:
    from nn import Module

    from .feed import Feed

__all__ = ["METRICS", "measure", "read_metrics", "set_modes"]

#: Takes outputs and targets of all examples.
Metric = Callable[[NDArray[Any], NDArray[Any]], float]


def accuracy(output: NDArray[Any], target: NDArray[Any]) -> float:
    """Share of examples whose class is right: the largest output or, of a single one, its sign.

    Targets are classes, or rows whose largest entry is at the class.
    """
    if output.ndim > 1 and output.shape[-1] > 1:
        chosen = output.argmax(axis=-1)
        known = target.argmax(axis=-1) if target.shape == output.shape else target
    else:
        chosen, known = output > 0, np.reshape(target, output.shape) > 0.5
    if chosen.shape != known.shape:
        raise ValueError(
            f"accuracy: targets of shape {target.shape} do not fit outputs of shape {output.shape}"
        )
    return float((chosen == known).mean())


def error_rate(output: NDArray[Any], target: NDArray[Any]) -> float:
    """Share of examples whose class is wrong, 1 - accuracy."""
    return 1.0 - accuracy(output, target)


def mean_squared_error(output: NDArray[Any], target: NDArray[Any]) -> float:
    """Mean of (output - target)²."""
    return float(np.square(_difference(output, target)).mean())


def mean_absolute_error(output: NDArray[Any], target: NDArray[Any]) -> float:
    """Mean of |output - target|."""
    return float(np.abs(_difference(output, target)).mean())


def r2(output: NDArray[Any], target: NDArray[Any]) -> float:
    """Coefficient of determination: 1 - Σ(output - target)² / Σ(target - mean)², over columns."""
    residual = np.square(_difference(output, target)).sum(axis=0)
    total = np.square(target - target.mean(axis=0)).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.mean(1.0 - residual / np.reshape(total, residual.shape)))


def _difference(output: NDArray[Any], target: NDArray[Any]) -> NDArray[Any]:
    # One column and none are the same numbers, and broadcast they would be a square of them.
    if output.shape != target.shape and output.size == target.size:
        target = target.reshape(output.shape)
    if output.shape != target.shape:
        raise ValueError(f"outputs of shape {output.shape} and targets of shape {target.shape}")
    difference: NDArray[Any] = output - target
    return difference


#: What can be asked for by name.
METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "error rate": error_rate,
    "mean squared error": mean_squared_error,
    "mean absolute error": mean_absolute_error,
    "r2": r2,
}


def read_metrics(given: Any) -> tuple[dict[str, Metric], dict[str, Metric]]:
    """Return the metrics for the validation data, and those asked of the training data.

    ``given`` is a name, several, or a mapping from names to functions; a name that starts with
    "training " asks for the training data.
    """
    if given is None:
        return {}, {}
    found: dict[str, Metric] = {}
    twice: str | None = None
    if isinstance(given, Mapping):
        found.update(given)
    else:
        names: Iterable[Any] = [given] if isinstance(given, str) or callable(given) else given
        for name in names:
            if callable(name):
                called = getattr(name, "__name__", "metric").replace("_", " ")
                twice = called if called in found else twice
                found[called] = name
                continue
            plain = str(name).removeprefix("training ").removeprefix("validation ")
            if plain not in METRICS:
                raise ValueError(
                    f"fit: unknown metric {name!r}: {nearest(plain, METRICS)}; others are given as "
                    '{"name": function of outputs and targets}'
                )
            found[str(name)] = METRICS[plain]
    for name, metric in found.items():
        if not callable(metric):
            raise TypeError(f"fit: metric {name!r} must be a function, not {metric!r}")
    here = {n.removeprefix("training "): f for n, f in found.items() if n.startswith("training ")}
    others = [n for n in found if not n.startswith("training ")]
    there = {n.removeprefix("validation "): found[n] for n in others}
    if len(there) < len(others):
        twice = next(n for n in others if n.removeprefix("validation ") != n and n[11:] in found)
    if twice is not None:
        raise ValueError(
            f"fit: two metrics are called {twice!r}; give them as a dict, with names of their own"
        )
    if "loss" in there or "loss" in here:
        raise ValueError('fit: a metric cannot be called "loss", for the loss itself is')
    return there, here


def measure(
    model: Module,
    modules: Iterable[Module],
    feed: Feed,
    loss: Callable[[Any, Any], Any] | None,
    metrics: Mapping[str, Metric],
) -> tuple[float, dict[str, float]]:
    """Measure a model in use mode on all the data: the mean loss over examples, and the metrics."""
    total = weight = 0.0
    outputs: list[Any] = []
    targets: list[Any] = []
    modes = [(module, module.training) for module in modules]
    set_modes((module, False) for module, _ in modes)
    try:
        with no_grad():
            for n, value, output, y in feed.evaluated(model, loss, bool(metrics)):
                weight, total = weight + n, total + value
                if metrics:
                    if not hasattr(output, "shape"):
                        raise TypeError(
                            f"fit: metrics are of outputs that are an array, and the model gives "
                            f"{type(output).__name__}; measure it in a callback's on_epoch"
                        )
                    outputs.append(output)
                    targets.append(y)
    finally:
        set_modes(modes)
    if not weight:
        raise ValueError(f"fit: there was no batch in {feed.name} to measure with")
    if not metrics:
        return total / weight, {}
    found, wanted = np.concatenate(outputs), np.concatenate(targets)
    return total / weight, {n: _number(n, f, found, wanted) for n, f in metrics.items()}


def _number(name: str, metric: Metric, output: NDArray[Any], target: NDArray[Any]) -> float:
    try:
        return float(metric(output, target))
    except Exception as error:
        error.add_note(
            f"(in the metric {name!r}, which must be a number, of outputs of shape {output.shape} "
            f"and targets of shape {target.shape})"
        )
        raise


def set_modes(modes: Iterable[tuple[Module, bool]]) -> None:
    """Give modules their modes; an assignment that changes nothing is spared."""
    for module, mode in modes:
        if module.training != mode:
            module.training = mode
