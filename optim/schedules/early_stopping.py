"""Early stopping: training ends when what was not trained on stops getting better (L16)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from ..options import count, non_negative
from .improvement import check_mode, improves

if TYPE_CHECKING:
    from nn import Module

__all__ = ["EarlyStopping"]


@final
class EarlyStopping:
    """Stop when a measure has not improved for ``patience`` checks in a row, and keep the best.

    A check improves on the best one so far if it is below it by more than ``min_delta``
    (``mode="max"``: above it); NaN does not. ``monitor`` names the measure, for whoever measures.
    The parameters and buffers at the best check are kept as copies, for ``restore``. With
    ``patience=None`` it never stops, and only keeps the best.

    >>> from nn import Linear
    >>> model, stopping = Linear(1, 1), EarlyStopping(patience=2)
    >>> for error in (0.5, 0.3, 0.4, 0.35):
    ...     model.bias.data = [error]  # stands for training
    ...     if stopping.update(error, model):
    ...         stopping.restore(model)
    >>> stopping.best_step, stopping.best_value, model.bias.data.item()
    (1, 0.3, 0.3)
    """

    def __init__(
        self,
        patience: int | None = 10,
        *,
        monitor: str = "validation loss",
        mode: str = "min",
        min_delta: float = 0.0,
    ) -> None:
        self.patience = None if patience is None else count("EarlyStopping", "patience", patience)
        self.monitor = monitor
        self.mode = check_mode("EarlyStopping", mode)
        self.min_delta = non_negative("EarlyStopping", "min_delta", min_delta)
        self.reset()

    def reset(self) -> None:
        """Forget all checks, as before another training."""
        #: The best measure, and at which check it was, counted from 0; None before any.
        self.best_value: float | None = None
        self.best_step: int | None = None
        #: The model's ``state_dict`` at the best check.
        self.best_state: dict[str, NDArray[Any]] | None = None
        #: How many checks there were.
        self.steps = 0

    def update(self, value: float, model: Module) -> bool:
        """Take a measure of the model as it is; True says that it is time to stop."""
        if improves(float(value), self.best_value, self.mode, self.min_delta):
            self.best_state = model.state_dict()
            self.best_value, self.best_step = float(value), self.steps
        self.steps += 1
        return self.patience is not None and self.waited >= self.patience

    @property
    def waited(self) -> int:
        """How many checks in a row did not improve on the best one."""
        return self.steps if self.best_step is None else self.steps - 1 - self.best_step

    def restore(self, model: Module) -> None:
        """Give the model the parameters and buffers it had at the best check."""
        if self.best_state is None:
            raise RuntimeError(
                f"EarlyStopping.restore: there is no best {self.monitor} yet, "
                + ("for all of them were NaN" if self.steps else "call update first")
            )
        model.load_state_dict(self.best_state)

    def state_dict(self) -> dict[str, Any]:
        """Give the best measure, when it was, and the parameters then; arrays are copies."""
        best = self.best_state
        return {
            "best_value": self.best_value,
            "best_step": self.best_step,
            "steps": self.steps,
            "best_state": None if best is None else {k: v.copy() for k, v in best.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` gave; with an error nothing changes."""
        own = {"best_value", "best_step", "steps", "best_state"}
        if set(state) != own:
            raise ValueError(
                f"this state is not of EarlyStopping: it has {sorted(state)} where {sorted(own)} "
                f"is needed"
            )
        value, step, best = state["best_value"], state["best_step"], state["best_state"]
        copied = None if best is None else {k: np.array(v) for k, v in best.items()}
        self.best_value = None if value is None else float(value)
        self.best_step = None if step is None else int(step)
        self.steps, self.best_state = int(state["steps"]), copied

    def __repr__(self) -> str:
        return (
            f"EarlyStopping(patience={self.patience}, monitor={self.monitor!r}, "
            f"mode={self.mode!r}, min_delta={self.min_delta})"
        )
