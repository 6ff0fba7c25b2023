"""What a diagnosis found, as data and as a page to read."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass, field
from typing import final

__all__ = ["Diagnosis", "Finding"]

#: The statistics of a layer: the key in `Diagnosis.layers`, the column's title, how it is shown.
COLUMNS = (
    ("pre-activation deviation", "deviation", ".2g"),
    ("pre-activation gradient", "gradient", ".2g"),
    ("gradient norm", "weight gradient", ".2g"),
    ("update to weight", "update/weight", ".1e"),
    ("saturated", "saturated", ".0%"),
    ("dead units", "dead", ".0%"),
)


@final
@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that looks wrong: its kind, where, what was seen, and what to try."""

    kind: str
    where: str
    seen: str
    remedy: str

    def __str__(self) -> str:
        where = f" ({self.where})" if self.where else ""
        return f"{self.kind}{where}: {self.seen}\nTry: {self.remedy}"


@final
@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What `diagnose` found; ``str`` of it is a page to read.

    ``findings``
        what looks wrong, in the order in which to see to it; empty if nothing does.
    ``layers``
        layer → statistic → a number for each step, as ``viz.layer_statistics`` draws them:
        "pre-activation deviation", "pre-activation gradient", "gradient norm" (of the weights),
        "update to weight", and "saturated" or "dead units" where there is such an activation.
    ``losses``
        the loss before each step, and after the last.
    ``accuracy``
        on the examples trained on, for classes; else None.
    ``fitted``
        whether the few examples were learnt by heart; None where the loss does not tell, or nearly.
    ``training``
        how it was trained: the examples, the optimizer and its rate.
    """

    model: str
    training: str
    findings: tuple[Finding, ...]
    layers: dict[str, dict[str, list[float]]] = field(repr=False)
    losses: list[float] = field(repr=False)
    accuracy: float | None
    fitted: bool | None

    def __str__(self) -> str:
        count = len(self.findings)
        found = "nothing looks wrong" if not count else f"{count} finding{'s' * (count > 1)}"
        lines = [f"Diagnosis of {self.model}: {found}", ""]
        for i, finding in enumerate(self.findings, start=1):
            for part, start in zip(str(finding).split("\n"), (f"{i}. ", "   "), strict=True):
                lines += textwrap.wrap(
                    part, 96, initial_indent=start, subsequent_indent="   ", break_long_words=False
                )
            lines.append("")
        lines += [*self._fit(), ""]
        return "\n".join([*lines, *self._table()]).rstrip()

    def _fit(self) -> list[str]:
        if not self.losses:
            return [f"Not trained: {self.training}."]
        steps = len(self.losses) - 1
        right = "" if self.accuracy is None else f", {self.accuracy:.0%} of the classes right"
        verdict = {True: "learnt by heart", False: "not learnt by heart", None: ""}[self.fitted]
        told = f"Loss {_short(self.losses[0])} -> {_short(self.losses[-1])} in {steps} steps{right}"
        return [f"{told}{': ' if verdict else ''}{verdict}.", f"Trained on {self.training}."]

    def _table(self) -> list[str]:
        """Say what was seen of each layer at the first step; of updates the median."""
        if not self.layers:
            return []
        present = [c for c in COLUMNS if any(c[0] in of for of in self.layers.values())]
        rows = [["layer", *(title for _, title, _ in present)]]
        for name, of in self.layers.items():
            cells = []
            for key, _, spec in present:
                values = sorted(of.get(key, []))
                if key == "update to weight":
                    value = values[len(values) // 2] if values else None
                else:
                    value = of[key][0] if of.get(key) else None
                cells.append("-" if value is None else format(value, spec))
            rows.append([name, *cells])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
            for row in rows
        ]
        return ["Before the first step (update/weight: the median over the steps):", *lines]


def _short(number: float) -> str:
    return f"{number:.3g}" if math.isfinite(number) else str(number)
