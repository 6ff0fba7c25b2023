"""The sizes of arrays, by which numbers of different origin are made comparable."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = [
    "SMALL", "apart", "base_of", "dot", "inner", "largest_of", "part", "place_of", "rms", "size_of",
    "sizes_of",
]  # fmt: skip

#: How far below the largest element of a gradient an error is still looked for.
SMALL = 1e-6


def apart(x: Any, y: Any) -> Any:
    """How far numbers are from each other, element by element: 0 where equal, of booleans too."""
    with np.errstate(all="ignore"):
        return np.where(x == y, 0.0, np.abs(x * 1.0 - y * 1.0))


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


def inner(a: list[Any], b: list[Any]) -> float:
    """The real inner product, Re Σ conj(a) b."""
    return sum(float(np.vdot(x, y).real) for x, y in zip(a, b, strict=True))


def dot(g: Any, v: Any) -> tuple[float, float]:
    """⟨g, v⟩, and its size without cancellation; what does not move counts for nothing."""
    moves = np.asarray(v != 0.0)
    g, v = g[moves], v[moves]
    with np.errstate(all="ignore"):
        return inner([g], [v]), float(np.linalg.norm(np.abs(g) * np.abs(v)))


def base_of(exact: float, numeric: float, scale: float) -> float:
    """What an error is relative to, of two numbers that should be equal."""
    return max(abs(exact), abs(numeric) if math.isfinite(numeric) else 0.0, scale, 1e-300)


def size_of(x: Any) -> float:
    """The size of an argument, to which steps are relative."""
    largest = float(np.max(np.abs(np.where(np.isfinite(x), x, 0.0)), initial=0.0))
    return max(largest, 1e-2) if largest else 1.0


def largest_of(g: Any) -> float:
    """The largest magnitude that is finite."""
    return float(np.max(np.where(np.isfinite(g), np.abs(g), 0.0), initial=0.0))


def part(g: Any, unit: complex) -> float:
    """The real part of a number, or for the unit 1j the imaginary one."""
    return float(np.imag(g) if unit == 1j else np.real(g))


def place_of(x: Any, i: int) -> tuple[int, ...]:
    """The index in an array of its element number ``i``."""
    return tuple(int(j) for j in np.unravel_index(i, x.shape)) if x.ndim else ()
