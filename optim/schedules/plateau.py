"""The schedule that waits for the validation error to stop improving."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from ..options import count, non_negative, share
from .improvement import check_mode, improves
from .schedule import Schedule

__all__ = ["HalveOnPlateau"]


@final
class HalveOnPlateau(Schedule):
    """Constant until the validation error stops improving, then divided by 2, repeatedly (L18).

    It has stopped improving when ``patience`` measures in a row were not below the best one by
    more than ``min_delta`` (``mode="max"``: above it); NaN is no improvement. The factor does not
    fall below ``min_factor``.

    >>> schedule = HalveOnPlateau(patience=2)
    >>> factors = []
    >>> for error in (0.9, 0.8, 0.8, 0.9, 0.7):
    ...     schedule.observe(error)
    ...     factors.append(schedule.factor(0))
    >>> factors
    [1.0, 1.0, 1.0, 0.5, 0.5]
    """

    needs_metric = True

    def __init__(
        self,
        patience: int = 3,
        *,
        min_delta: float = 0.0,
        min_factor: float = 0.0,
        mode: str = "min",
    ) -> None:
        self.patience = count("HalveOnPlateau", "patience", patience)
        self.min_delta = non_negative("HalveOnPlateau", "min_delta", min_delta)
        self.min_factor = share("HalveOnPlateau", "min_factor", min_factor)
        self.mode = check_mode("HalveOnPlateau", mode)
        self.reset()

    def reset(self) -> None:
        """Forget all measures: the factor is 1 again."""
        self._best: float | None = None
        self._waited = 0
        self._factor = 1.0

    def factor(self, t: int) -> float:
        """Give the factor as it is after the measures so far."""
        return self._factor

    def observe(self, value: float, t: int = 0) -> None:
        """Compare a measure with the best one so far."""
        if improves(float(value), self._best, self.mode, self.min_delta):
            self._best, self._waited = float(value), 0
            return
        self._waited += 1
        if self._waited == self.patience:
            self._factor = max(self._factor / 2, self.min_factor)
            self._waited = 0

    def state_dict(self) -> dict[str, Any]:
        """Give the best measure, how many checks ago it was, and the factor."""
        return {"best": self._best, "waited": self._waited, "factor": self._factor}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        super().load_state_dict(state)
        best = None if state["best"] is None else float(state["best"])
        waited, factor = int(state["waited"]), float(state["factor"])
        self._best, self._waited, self._factor = best, waited, factor

    def __repr__(self) -> str:
        return (
            f"HalveOnPlateau(patience={self.patience}, min_delta={self.min_delta}, "
            f"min_factor={self.min_factor}, mode={self.mode!r})"
        )
