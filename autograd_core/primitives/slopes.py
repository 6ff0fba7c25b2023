"""The slope of a function of one number at 0, by differences with several steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

__all__ = ["Slopes"]


class _Estimate(NamedTuple):
    step: float
    slope: float
    #: What rounding in the values may have made of it.
    noise: float
    #: The difference of the slopes on both sides.
    gap: float


class Slopes:
    """Estimates of ``f'(0)``, each with a step an eighth of the one before, made when needed.

    ``f(h)`` returns by how much the value at h differs from that at 0. The relative rounding error
    of what it is made of, of ``size``, is ``eps``. That may be ``guessed``; then what agrees within
    it alone does not count.
    """

    STEPS = 4
    #: What agrees within rounding alone counts at once if that is less than this part.
    CERTAIN = 1e-3

    def __init__(
        self, f: Callable[[float], float], eps: float, size: float, guessed: bool = False
    ) -> None:
        self._f, self._eps, self._size, self._guessed = f, eps, size, guessed
        self._made: list[_Estimate] = []
        #: The slope that agreed, or that with the widest step.
        self.best = np.nan

    def _estimates(self) -> list[_Estimate]:
        while len(self._made) < self.STEPS:
            self._make()
        return self._made

    def _make(self) -> _Estimate:
        h = self._eps**0.2 / 8.0 ** len(self._made)
        above, below = self._f(h), self._f(-h)
        whole = (above - below) / (2 * h)
        half = (self._f(h / 2) - self._f(-h / 2)) / h
        estimate = _Estimate(
            h,
            (4 * half - whole) / 3,  # the term in h² taken out
            8 * self._eps * self._size / h,
            abs(above + below) / h,
        )
        self._made.append(estimate)
        return estimate

    def _quick(self) -> float:
        """The central difference with the step that is best for a function like any."""
        h = self._eps ** (1 / 3)
        slope: float = (self._f(h) - self._f(-h)) / (2 * h)
        return slope

    def agree(self, claimed: float, scale: float) -> tuple[bool, float]:
        """Whether an estimate agrees with ``claimed``, and the error over ``scale`` of the best.

        ``scale`` is the size of the terms that the slope is the sum of.
        """
        tolerance = max(1e-6, 30 * self._eps ** (2 / 3))
        self.best = self._quick()
        off, size = abs(self.best - claimed), max(scale, abs(self.best), 1e-300)
        if off <= tolerance * size:
            return True, off / size
        best, doubtful = np.inf, False
        for k in range(self.STEPS):
            e = self._made[k] if k < len(self._made) else self._make()
            size = max(scale, abs(e.slope), 1e-300)
            off = abs(e.slope - claimed)
            best = min(best, off / size) if off == off else best
            if off <= max(tolerance * size, min(e.noise, self.CERTAIN * size)):
                self.best = e.slope
                return True, off / size
            doubtful = doubtful or off <= e.noise
        self.best = self._made[0].slope
        # Rounding may hide a difference, unless the wider steps, where it is less, show it.
        doubtful = doubtful and not self._guessed
        return doubtful and self.settled(claimed) is None, best

    def settled(self, claimed: float) -> float | None:
        """The slope, if estimates agree with one another much better than with ``claimed``.

        None where they do not, or at a kink. Narrower steps must not say otherwise: a sort of many
        numbers looks smooth, with another slope, at steps that are wide beside the gaps.
        """
        if self.lost or self.kinked:
            return None
        made = self._estimates()
        for k, e in enumerate(made[1:-1]):
            apart = max(abs(made[k].slope - e.slope), abs(e.slope - made[k + 2].slope))
            off = abs(e.slope - claimed)
            if np.isnan(claimed) and apart <= 1e-3 * abs(e.slope):
                return e.slope
            narrower = made[k + 2 :]
            if (
                e.noise < off
                and apart <= 0.1 * off
                and not any(abs(n.slope - e.slope) > max(0.1 * off, n.noise) for n in narrower)
            ):
                return e.slope
        return None

    @property
    def kinked(self) -> bool:
        """Whether the slopes on both sides differ however small the step."""
        made = [e for e in self._estimates() if np.isfinite(e.gap)]
        if len(made) < 2:
            return False
        wide, narrow = made[0], made[-1]
        return narrow.gap > 0.3 * wide.gap and narrow.gap > max(
            4 * narrow.noise, 1e-4 * abs(narrow.slope)
        )

    @property
    def lost(self) -> bool:
        """Whether there are fewer than three steps at which the function is finite."""
        return sum(bool(np.isfinite(e.slope)) for e in self._estimates()) < 3

    def why(self) -> str:
        """Say why no slope settled."""
        narrow = self._estimates()[-1]
        if self.kinked:
            return (
                "it does not look differentiable there: the slopes on both sides differ by "
                f"{narrow.gap:.4g}, however small the step"
            )
        listed = ", ".join(f"{e.slope:.6g}" for e in self._estimates())
        return f"it is not smooth enough there: smaller and smaller steps give the slopes {listed}"
