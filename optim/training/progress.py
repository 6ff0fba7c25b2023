"""The progress bar of `fit`: tqdm's, on the standard error."""

from __future__ import annotations

import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from .run import Training

__all__ = ["Progress"]

#: Seconds between two pictures of the bar.
BETWEEN = 0.1


@final
class Progress:
    """Shows how far training is.

    ``wanted`` is True, False or None: None shows it where there is tqdm and a terminal to see it.
    """

    def __init__(self, wanted: bool | None, epochs: int, length: int | None, done: int) -> None:
        self.shown = False
        self._epochs = epochs
        if wanted is False or (wanted is None and not sys.stderr.isatty()):
            return
        try:
            from tqdm import tqdm
        except ImportError as error:
            if wanted is None:
                return
            raise ImportError(
                "fit shows its progress with tqdm, which is not installed: "
                "`pip install 'autograd-core[train]'`, or pass progress=False"
            ) from error
        total = None if length is None else epochs * length
        self._bar: Any = tqdm(
            total=total, initial=done, unit="batch", file=sys.stderr, dynamic_ncols=True,
            mininterval=0,
        )  # fmt: skip
        self.shown = True
        self._next = 0.0
        self._measures = ""

    def step(self, training: Training) -> None:
        """Count a step, and draw the bar if it is time."""
        if perf_counter() >= self._next:
            self._draw(training)

    def epoch(self, training: Training) -> None:
        """Show what an epoch's end measured."""
        if self.shown:
            row = {name: values[-1] for name, values in training.history.items()}
            shown = [name for name in row if name.startswith("validation ")] or ["training loss"]
            self._measures = ", ".join(f"{name} {row[name]:.4g}" for name in shown[:2])
            self._draw(training)

    def _draw(self, training: Training) -> None:
        bar = self._bar
        bar.set_description_str(f"epoch {training.epoch}/{self._epochs}", refresh=False)
        bar.set_postfix_str(self._measures or f"loss {training.loss:.4g}", refresh=False)
        bar.update(training.step - bar.n)
        bar.refresh()
        self._next = perf_counter() + BETWEEN

    def close(self) -> None:
        """Leave the bar as it is."""
        if self.shown:
            self._bar.close()
