"""The sizes of arrays, by which numbers of different origin are made comparable."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["rms", "sizes_of"]


def rms(x: Any) -> float:
    """The root of the mean square, a power of two near it."""
    if not x.size:
        return 0.0
    with np.errstate(all="ignore"):
        size = float(np.sqrt(np.mean(np.abs(x) ** 2)))
    return 2.0 ** round(math.log2(size)) if 0.0 < size < math.inf else 0.0


def sizes_of(ys: list[Any], least: float = 0.0) -> list[float]:
    """The sizes of arrays relative to the largest, to weight them by, so that each counts.

    One that is nothing but rounding, beside others or beside ``least``, does not count for more.
    """
    sizes = [rms(y) if y.dtype.kind in "fc" else 0.0 for y in ys]
    largest = max(*sizes, least)
    return [s / largest if s > 1e-8 * largest else 1.0 for s in sizes]
