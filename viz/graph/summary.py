"""What a drawing tells of an array: statistics and the first values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..text import number

__all__ = ["Summary", "figures", "summarize"]

#: How many values are told one by one.
_PREVIEW = 4


@dataclass(frozen=True, slots=True)
class Summary:
    """What a drawing tells of an array. Statistics are of the finite elements.

    Complex numbers are told by their magnitudes, but for the preview.
    """

    size: int
    nan: int
    inf: int
    mean: float | None
    std: float | None
    min: float | None
    max: float | None
    preview: tuple[Any, ...]

    @property
    def finite(self) -> bool:
        """Whether every element is a number."""
        return self.nan == 0 and self.inf == 0


def summarize(value: Any) -> Summary:
    """Reduce an array to what a drawing tells of it.

    >>> summarize(np.array([1.0, 3.0, np.nan])).mean
    2.0
    """
    size = int(np.size(value))
    if size == 1:  # Graphs of thousands of scalars are common: no array functions for these.
        one = value.item()
        real = math.hypot(one.real, one.imag) if isinstance(one, complex) else float(one)
        nan, inf = int(real != real), int(abs(real) == np.inf)
        if nan or inf:
            return Summary(1, nan, inf, None, None, None, None, (one,))
        return Summary(1, 0, 0, real, 0.0, real, real, (one,))
    flat = value.ravel() if type(value) is np.ndarray else np.ravel(value)
    first = flat[:_PREVIEW]
    # Not every duck array turns into a list; those that do not become NumPy's.
    preview = tuple(first.tolist() if hasattr(first, "tolist") else np.asarray(first).tolist())
    told = (np.abs(flat) if flat.dtype.kind == "c" else flat).astype(np.float64, copy=False)
    nan = inf = 0
    with np.errstate(all="ignore"):
        low, high = (float(told.min()), float(told.max())) if size else (0.0, 0.0)
        if not (math.isfinite(low) and math.isfinite(high)):
            finite = np.isfinite(told)
            nan = int(np.count_nonzero(np.isnan(told)))
            inf = size - nan - int(np.count_nonzero(finite))
            told = told[finite]
        if told.size == 0:
            return Summary(size, nan, inf, None, None, None, None, preview)
        if nan or inf:
            low, high = float(told.min()), float(told.max())
        mean, std = _moments(told)
        if not math.isfinite(mean + std) or (std == 0.0 and low < high):
            # Sums of numbers as large, or squares of some as small, are not in a double's range.
            largest = max(-low, high)
            mean, std = (largest * x for x in _moments(told / largest))
    return Summary(size, nan, inf, mean, std, low, high, preview)


def _moments(numbers: Any) -> tuple[float, float]:
    """The mean and the standard deviation."""
    mean = numbers.sum() / numbers.size
    away = numbers - mean
    return float(mean), float(np.sqrt((away * away).sum() / numbers.size))


def figures(summary: Summary) -> str:
    """Write an array in one line: all of it if it is short, else its statistics.

    >>> figures(Summary(2, 0, 0, 0.5, 0.5, 0.0, 1.0, (0.0, 1.0)))
    '[0, 1]'
    >>> figures(Summary(640, 1, 0, 0.5, 0.25, 0.0, 1.0, (0.0, 1.0)))
    'NaN×1 0.5 ±0.25 [0, 1]'
    """
    if summary.size == 0:
        return "empty"
    if summary.size == 1:
        return number(summary.preview[0], 4)
    if summary.size <= len(summary.preview):
        return f"[{', '.join(number(x) for x in summary.preview)}]"
    bad = [f"{name}×{n}" for name, n in (("NaN", summary.nan), ("inf", summary.inf)) if n]
    low, high = summary.min, summary.max
    if summary.mean is None or low is None or high is None:
        return " ".join(bad)
    if isinstance(summary.preview[0], bool):
        return f"{number(100 * summary.mean)} % True" if low < high else f"all {low == 1.0}"
    if low == high:
        bad.append(f"{'all' if not bad else 'else'} {number(low)}")
    else:
        # What rounding left of zero, in single precision too, is told as zero.
        noise = abs(summary.mean) < 1e-7 * max(abs(low), abs(high))
        mean = "0" if noise else number(summary.mean)
        bad.append(f"{mean} ±{number(summary.std, 2)} [{number(low)}, {number(high)}]")
    return " ".join(bad)
