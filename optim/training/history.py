"""What was measured while training: a number for each epoch, as data."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterator, Mapping
from typing import Any, final

from ..files import write

__all__ = ["History"]


@final
class History(Mapping[str, list[float]]):
    """Names and, for each epoch, a number: ``history["validation loss"][4]`` is epoch 5's.

    `fit` returns one, and `viz.curves` draws it.

    ``stopped``, ``interrupted``
        why training ended, in words, None while it goes on; and whether that was Ctrl-C.
    ``best_epoch``
        the epoch, counted from 1, whose measure was best; None before the first one.
    ``monitor``, ``mode``
        that measure, and whether ``"min"`` or ``"max"`` is best.

    >>> history = History({"training loss": [2.0, 1.0, 0.5], "validation loss": [2.1, 1.4, 1.6]})
    >>> history.best_epoch, history["validation loss"][history.best_epoch - 1]
    (2, 1.4)
    >>> len(history), history.epochs
    (2, 3)
    """

    def __init__(self, values: Mapping[str, list[float]] | None = None) -> None:
        self._values = {name: [float(v) for v in row] for name, row in (values or {}).items()}
        lengths = {len(row) for row in self._values.values()}
        if len(lengths) > 1:
            raise ValueError(
                "History: each name needs one number for each epoch, but "
                + ", ".join(f"{name!r} has {len(row)}" for name, row in self._values.items())
            )
        self.stopped: str | None = None
        losses = (name for name in ("validation loss", "training loss") if name in self._values)
        self.monitor = next(losses, "training loss")
        self.mode = "min"

    def __getitem__(self, name: str) -> list[float]:
        if name not in self._values:
            known = ", ".join(map(repr, self._values)) or "nothing yet"
            raise KeyError(f"{name!r} was not measured; known: {known}")
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def epochs(self) -> int:
        """How many epochs were measured."""
        return max(map(len, self._values.values()), default=0)

    @property
    def best_epoch(self) -> int | None:
        """The first epoch with the best ``monitor``, counted from 1; NaN is never the best."""
        sign = 1.0 if self.mode == "min" else -1.0
        row = self._values.get(self.monitor, [])
        ranked = [(sign * value, i) for i, value in enumerate(row, 1) if not math.isnan(value)]
        return min(ranked)[1] if ranked else None

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the training."""
        return self.stopped is not None and self.stopped.startswith("interrupted")

    def add(self, row: Mapping[str, float]) -> None:
        """Append the numbers of an epoch; the names must be those of the epochs before."""
        if self._values and set(row) != set(self._values):
            raise ValueError(
                f"History: epoch {self.epochs + 1} has {sorted(row)} where those before have "
                f"{sorted(self._values)}"
            )
        for name, value in row.items():
            self._values.setdefault(name, []).append(float(value))

    def replace(self, values: Mapping[str, list[float]]) -> None:
        """Take other numbers in the place of all."""
        self._values = History(values)._values

    def to_dict(self) -> dict[str, list[float]]:
        """Return a dict of lists, copies."""
        return {name: list(row) for name, row in self._values.items()}

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write a table with a line for each epoch; the file appears whole, or not at all.

        Numbers are written so that they read back the same.

        Raises:
            OSError: a folder that is not there, among others; an old file is then as it was.
        """
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(["epoch", *self._values])
        for i in range(self.epochs):
            lines.writerow([i + 1, *(repr(row[i]) for row in self._values.values())])
        write(path, text.getvalue().encode())

    def to_frame(self) -> Any:
        """Return a pandas DataFrame: a column for each name, the epochs as index.

        Raises:
            ImportError: no pandas.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                "History.to_frame makes a pandas DataFrame, and pandas is not installed: "
                "`pip install pandas`, or use to_dict or to_csv, which need nothing"
            ) from error
        index = pd.RangeIndex(1, self.epochs + 1, name="epoch")
        return pd.DataFrame(self._values, index=index)

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {row[-1]:.6g}" for name, row in self._values.items() if row)
        about = f"{self.epochs} epoch{'s' * (self.epochs != 1)}" + (f": {last}" if last else "")
        return f"<History of {about}{f'; {self.stopped}' if self.stopped else ''}>"
