"""Normalisation: pre-activations of mean 0 and variance 1, over the batch or over the features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import DTypeLike

import autograd_core as ag
from optim.options import number

from .checks import count, titled, with_features
from .init import ones, zeros
from .module import Buffer, Module, Parameter
from .normalise import normalise

__all__ = ["BatchNorm", "LayerNorm"]


# --- over the batch -------------------------------------------------------------------------------


@final
class BatchNorm(Module):
    """Normalise each feature over the batch: y = γ x̂ + β with x̂ = (x - μ) / √(σ² + ε).

    In training μ and σ² are the mean and the variance of the mini-batch, over all axes but the
    last, and gradients flow through both (Ioffe & Szegedy 2015). That σ² is the biased one, a mean
    over n rows. In use they are the global statistics ``running_mean`` and ``running_var``, which
    each mini-batch in training moves: running ← (1 - momentum) running + momentum batch, with the
    unbiased variance there, a sum divided by n - 1; all as PyTorch has it. `recompute_statistics`
    finds them exactly. γ is ``weight``, from 1, and β is ``bias``, from 0. Inside
    `autograd_core.checkpoint`, which runs twice, a batch moves the averages twice.

    Inputs with another number of features are a ``ValueError``; so is, in training, a batch of one
    row, whose variance is 0 whatever the row is.

    >>> layer = BatchNorm(2)
    >>> layer(np.array([[1.0, 10.0], [3.0, 30.0]])).data.round(3)
    array([[-1., -1.],
           [ 1.,  1.]])
    >>> layer.running_mean.data, layer.running_var.data
    (array([0.2, 2. ]), array([ 1.1, 20.9]))
    """

    spared: ClassVar[tuple[str, ...]] = ("weight", "bias")

    def __init__(
        self,
        features: int,
        *,
        momentum: float = 0.1,
        eps: float = 1e-5,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.features = count("BatchNorm", "features", features)
        self.momentum = number("BatchNorm", "momentum", momentum)
        if not 0 < self.momentum <= 1:
            raise ValueError(f"BatchNorm: momentum must be in (0, 1], not {momentum}")
        self.eps = _epsilon("BatchNorm", eps)
        shape = (self.features,)
        self.weight = Parameter(ones(shape, dtype=dtype), name="γ")
        self.bias = Parameter(zeros(shape, dtype=dtype), name="β")
        self.running_mean = Buffer(zeros(shape, dtype=dtype), name="running mean")
        self.running_var = Buffer(ones(shape, dtype=dtype), name="running variance")
        #: What gathers exact statistics while `recompute_statistics` is at work.
        self._gathering: Callable[[Any], None] | None = None

    def forward(self, x: Any) -> Any:
        """Normalise inputs of shape (..., features)."""
        x = _floating(self, with_features(self, x, self.features))
        if self._gathering is not None:
            self._gathering(x)
        if not self.training:
            variance = self.running_var.data
            gain = self.weight / np.sqrt(variance + self.eps)
            return (x - self.running_mean.data) * gain + self.bias
        rows = x.size // self.features
        if rows < 2:
            raise ValueError(
                f"{self!r}: in training a batch needs two rows or more, and this one has {rows} "
                f"(input shape {x.shape}): the variance of a single row is 0, and what is "
                "normalised by it says nothing of the row. Leave out a last batch of one, or call "
                "eval() to use the running averages"
            )
        axes = tuple(range(x.ndim - 1))
        y, _, mean, variance = normalise(x, self.weight, self.bias, axes, self.eps)
        means = self._moved(self.running_mean, mean, 1.0)
        variances = self._moved(self.running_var, variance, rows / (rows - 1))
        # New arrays, published: a graph may hold the old ones.
        self.running_mean._swap(means)
        self.running_var._swap(variances)
        return y

    def _moved(self, running: ag.Tensor, batch: Any, factor: float) -> Any:
        """Return a running average, moved towards that of a batch."""
        value = (batch.data if isinstance(batch, ag.Tensor) else batch).reshape(-1)
        if hasattr(value, "__dask_graph__"):
            value = np.asarray(value)  # or each step would be computed with all that came before
        old = running.data
        new = (1.0 - self.momentum) * old + (self.momentum * factor) * value
        if type(new) is not type(old):
            raise TypeError(
                f"{self!r}: in training, under vmap, each example has a mean and a variance of its "
                "own, which running averages cannot follow; call eval() before, or use LayerNorm"
            )
        return new.astype(old.dtype, copy=False)

    def extra_repr(self) -> str:
        """Say the number of features."""
        return f"{self.features}"


# --- over the features ----------------------------------------------------------------------------


@final
class LayerNorm(Module):
    """Normalise each example over its features: y = γ x̂ + β with x̂ = (x - μ) / √(σ² + ε).

    μ and σ² (biased, a mean) are those of the last axis (Ba et al. 2016), so examples know nothing
    of each other, and training and use are the same. γ is ``weight``, from 1, and β is ``bias``,
    from 0, one for each feature.

    Inputs with another number of features are a ``ValueError``.

    >>> layer = LayerNorm(3)
    >>> layer(np.array([[1.0, 2.0, 3.0]])).data.round(3)
    array([[-1.225,  0.   ,  1.225]])
    """

    spared: ClassVar[tuple[str, ...]] = ("weight", "bias")

    def __init__(self, features: int, *, eps: float = 1e-5, dtype: DTypeLike | None = None) -> None:
        self.features = count("LayerNorm", "features", features)
        self.eps = _epsilon("LayerNorm", eps)
        self.weight = Parameter(ones((self.features,), dtype=dtype), name="γ")
        self.bias = Parameter(zeros((self.features,), dtype=dtype), name="β")

    def forward(self, x: Any) -> Any:
        """Normalise inputs of shape (..., features)."""
        x = _floating(self, with_features(self, x, self.features))
        return normalise(x, self.weight, self.bias, (x.ndim - 1,), self.eps)[0]

    def extra_repr(self) -> str:
        """Say the number of features."""
        return f"{self.features}"


def _epsilon(owner: str, eps: float) -> float:
    value = number(owner, "eps", eps)
    if not value > 0:
        raise ValueError(f"{owner}: eps must be positive, not {eps}")
    return value


def _floating(layer: Module, x: Any) -> Any:
    """Return inputs of a floating dtype, or say that they have no variance."""
    kind = x.dtype.kind
    if kind == "f":
        return x
    if kind == "c":
        raise TypeError(f"{titled(layer)}: complex numbers, here {x.dtype}, are not normalised")
    # Integers have no variance that is an integer.
    return x.astype(ag.get_default_dtype())
