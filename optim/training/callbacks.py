"""Callbacks: code of the user's that `fit` calls while it trains."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .run import Training

__all__ = ["Callback"]


class Callback(ABC):  # noqa: B024 - each hook does nothing unless it is written
    """Override the hooks that are needed; each is given the `Training` under way.

    ``training`` has ``model``, ``optimizer``, ``history``, ``epoch`` and ``batch`` (both from 1),
    ``step`` (updates so far) and ``loss`` (of the last batch); ``training.stop(reason)`` ends the
    training after this batch or epoch, for good: a run that is resumed stays stopped. What a hook
    raises ends `fit`, with the parameters as the last update left them.

    >>> class UntilGood(Callback):
    ...     def on_epoch(self, training):
    ...         if training.history["training loss"][-1] < 0.1:
    ...             training.stop("the training loss is below 0.1")
    """

    def on_start(self, training: Training) -> None:  # noqa: B027
        """Before the first update, after a checkpoint was taken up."""

    def on_batch(self, training: Training) -> None:  # noqa: B027
        """After each update."""

    def on_epoch(self, training: Training) -> None:  # noqa: B027
        """After each epoch, when its numbers are in the history."""

    def on_end(self, training: Training) -> None:  # noqa: B027
        """When training has ended, and ``training.history.stopped`` says why; not after errors."""

    def state_dict(self) -> dict[str, Any]:
        """Give what must be in a checkpoint, as plain data and arrays."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:  # noqa: B027
        """Take over what ``state_dict`` gave."""
