"""Initial values of parameters: random enough to tell the units apart, small enough to learn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

import autograd_core as ag

__all__ = ["glorot_uniform", "zeros"]


def glorot_uniform(
    shape: tuple[int, int],
    *,
    rng: np.random.Generator | None = None,
    dtype: DTypeLike | None = None,
) -> NDArray[Any]:
    """Draw weights between two layers of sizes ``shape`` (Glorot & Bengio 2010).

    W ~ U[-b, b] with b = √6 / √(inputs + outputs), which keeps the variance of signals going
    forward and of gradients coming back about the same in each layer. Random, because units that
    start equal get equal gradients and stay equal for ever.

    ``rng`` defaults to the context's generator, which ``autograd_core.seed`` seeds; ``dtype`` to
    its default dtype.

    >>> W = glorot_uniform((3, 21), rng=np.random.default_rng(0))
    >>> W.shape, bool(abs(W).max() <= 0.5)
    ((3, 21), True)
    """
    if len(shape) != 2:
        raise ValueError(f"glorot_uniform: shape must be (inputs, outputs), not {shape}")
    generator = ag.random_generator() if rng is None else rng
    if not isinstance(generator, np.random.Generator):
        raise TypeError(
            f"rng must be a NumPy Generator, not {generator!r}; "
            f"np.random.default_rng(seed) makes one"
        )
    # A layer without units has no weights to draw, and then any bound will do.
    bound = math.sqrt(6) / math.sqrt(max(1, sum(shape)))
    return generator.uniform(-bound, bound, shape).astype(_dtype(dtype))


def zeros(shape: tuple[int, ...], *, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """Make zeros, which is where biases start: weights alone make the units differ.

    >>> zeros((2,), dtype="float32")
    array([0., 0.], dtype=float32)
    """
    return np.zeros(shape, _dtype(dtype))


def _dtype(dtype: DTypeLike | None) -> DTypeLike:
    return ag.get_default_dtype() if dtype is None else dtype
