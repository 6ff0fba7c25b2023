"""When a measure has improved, for schedules and for early stopping."""

from __future__ import annotations

import math

__all__ = ["check_mode", "improves"]


def check_mode(who: str, mode: str) -> str:
    """Refuse a mode that is neither "min" nor "max"."""
    if mode not in ("min", "max"):
        raise ValueError(
            f'{who}: mode must be "min" (an error) or "max" (an accuracy), not {mode!r}'
        )
    return mode


def improves(value: float, best: float | None, mode: str, min_delta: float) -> bool:
    """Say whether a measure is better than the best one by more than ``min_delta``.

    Any number is better than None, which is none yet; NaN never is.
    """
    if best is None:
        return not math.isnan(value)
    return value < best - min_delta if mode == "min" else value > best + min_delta
