"""Exact global statistics for batch normalisation, by a pass over all of the data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import autograd_core as ag

from .checks import count
from .module import Module
from .normalisation import BatchNorm

__all__ = ["recompute_statistics"]


class _Moments:
    """The mean and the variance of rows that come in batches (Chan et al. 1979), in float64."""

    def __init__(self, features: int) -> None:
        self.rows = 0
        self.mean: Any = np.zeros(features)
        self.total: Any = np.zeros(features)  # of squared differences from the mean

    def add(self, x: Any) -> None:
        """Take in the rows of a batch."""
        value = x.data if isinstance(x, ag.Tensor) else x
        batch = value.reshape(-1, value.shape[-1]).astype(np.float64)
        rows = batch.shape[0]
        if not rows:
            return
        mean = batch.mean(axis=0)
        moved, all_rows = mean - self.mean, self.rows + rows
        self.total = (
            self.total
            + ((batch - mean) ** 2).sum(axis=0)
            + moved**2 * (self.rows * rows / all_rows)
        )
        self.mean = self.mean + moved * (rows / all_rows)
        self.rows = all_rows


def recompute_statistics(model: Module, X: Any, *, batch_size: int = 256) -> None:
    """Set the global statistics of each ``BatchNorm`` in ``model`` to those over all of ``X``.

    The exact final pass in place of running averages: μ and σ² of a layer are the mean and the
    variance of all that enters it when ``X`` goes through the model, the normalisations before it
    using their own new statistics. The training set is the population here, so this variance is
    the biased one, a mean over all rows; then the model in use gives on ``X`` what it gives in
    training with ``X`` as a single batch (without dropout). Results do not depend on
    ``batch_size``, but for rounding.

    ``X`` goes forward once for each layer and once more, by ``batch_size`` rows, with the model in
    use (no dropout) and nothing recorded; each module's mode is as before afterwards. After an
    error the statistics are what they were. A layer that X does not reach keeps its own.

    Raises:
        ValueError: there is no ``BatchNorm``, or no row.
        TypeError: ``X`` is an iterator, say.

    >>> from nn import BatchNorm, Linear, Sequential
    >>> net = Sequential(Linear(3, 2), BatchNorm(2))
    >>> X = np.random.default_rng(0).normal(size=(100, 3))
    >>> recompute_statistics(net, X)
    >>> np.allclose(net.eval()(X).data.std(axis=0), 1.0, atol=1e-4)
    True
    """
    if not isinstance(model, Module):
        raise TypeError(
            f"recompute_statistics: the first argument is a module, not {type(model).__name__}"
        )
    if not hasattr(X, "__len__"):
        raise TypeError(
            f"recompute_statistics: X is gone through more than once, so it is an array of rows, "
            f"not {type(X).__name__}"
        )
    layers = [module for module in model.modules() if isinstance(module, BatchNorm)]
    if not layers:
        raise ValueError(f"recompute_statistics: {type(model).__name__} holds no BatchNorm")
    size = count("recompute_statistics", "batch_size", batch_size)
    if not len(X):
        raise ValueError("recompute_statistics: there is no row in X to take statistics of")
    old = [(buffer, buffer.data) for layer in layers for buffer in _statistics(layer)]
    done = False
    try:
        with _in_use(model), ag.no_grad():
            for layer in _in_order(model, layers, X[:size]):
                gathered = _Moments(layer.features)
                layer._gathering = gathered.add
                for start in range(0, len(X), size):
                    model(X[start : start + size])
                layer._gathering = None
                mean, variance = gathered.mean, gathered.total / gathered.rows
                for buffer, value in zip(_statistics(layer), (mean, variance), strict=True):
                    buffer._swap(value.astype(buffer.dtype))
        done = True
    finally:
        for layer in layers:
            layer._gathering = None
        if not done:
            for buffer, value in old:
                buffer._swap(value)


def _statistics(layer: BatchNorm) -> tuple[ag.Tensor, ag.Tensor]:
    return layer.running_mean, layer.running_var


@contextmanager
def _in_use(model: Module) -> Iterator[None]:
    """Set all modules to use, and each back to its own mode."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _in_order(model: Module, layers: list[BatchNorm], x: Any) -> list[BatchNorm]:
    """Find in what order the layers are reached, for one may feed the other."""
    reached: dict[BatchNorm, None] = {}
    for layer in layers:
        layer._gathering = lambda _x, layer=layer: reached.setdefault(layer)
    model(x)
    for layer in layers:
        layer._gathering = None
    return list(reached)
