"""Dropout: units that are missing at random while a network is trained."""

from __future__ import annotations

from typing import Any, final

import numpy as np

import autograd_core as ag
from optim.options import as_generator, fraction

from .checks import numbers
from .module import Module

__all__ = ["Dropout"]


@final
class Dropout(Module):
    """Drop each unit with probability ``p`` in training: y = x ⊙ m / (1 - p), m 0 or 1.

    Every call draws a mask m of its own, which the graph holds as a constant, so back-propagation
    goes through the units that were left and no others. Under `autograd_core.vmap` the examples are
    one call and share one mask. The lecture leaves training unscaled and
    multiplies by the expectation 1 - p in use; dividing by it in training is the same network with
    its weights scaled (Srivastava et al. 2014, section 10), and leaves nothing to do in use, where
    ``forward`` returns x itself.

    ``rng`` draws the masks, the context's generator where it is None; only with the latter can it
    be within `autograd_core.checkpoint`, which runs twice. A ``p`` outside [0, 1) is a
    ``ValueError``.

    >>> layer = Dropout(0.5, rng=np.random.default_rng(5))
    >>> layer(ag.Tensor([1.0, 2.0, 3.0, 4.0])).data
    array([2., 4., 0., 8.])
    >>> layer.eval()(ag.Tensor([1.0, 2.0])).data
    array([1., 2.])
    """

    def __init__(self, p: float = 0.5, *, rng: np.random.Generator | None = None) -> None:
        self.p = fraction("Dropout", "p", p)
        if rng is not None:
            as_generator(rng)
        self.rng = rng

    def forward(self, x: Any) -> Any:
        """Drop some of the units in training; return x in use."""
        if not self.training or not self.p:
            return x
        x = numbers(self, x)
        # Drawn in float32 for any x: half the time, and the same units whatever the dtype.
        left = as_generator(self.rng).random(x.shape, np.float32) >= self.p
        dtype = x.dtype if x.dtype.kind in "fc" else ag.get_default_dtype()
        mask = np.multiply(left, 1.0 / (1.0 - self.p), dtype=dtype)
        if isinstance(x, ag.Tensor):
            mask = ag.asarray(mask)
            mask.name = "mask"  # in drawings
        return x * mask

    def extra_repr(self) -> str:
        """Say the probability."""
        return f"{self.p:g}"
