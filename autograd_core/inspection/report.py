"""What is told of an inf or nan: which box, which line, which numbers, and what helps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..graph import Node
from .lines import Line

__all__ = ["Operand", "Report", "Step", "digits"]


class Operand(NamedTuple):
    """An operand of the box to blame: what it is, and its range without what is not finite."""

    name: str
    shape: tuple[int, ...]
    dtype: Any
    low: Any
    high: Any
    nans: int
    infs: int
    line: Line | None

    def __str__(self) -> str:
        parts = [f"{self.name}, shape {self.shape}, {self.dtype}"]
        if self.low is not None:
            ends = dict.fromkeys((digits(self.low), digits(self.high)))
            parts.append(" .. ".join(ends))
        bad = [f"{n} {word}" for n, word in ((self.nans, "nan"), (self.infs, "inf")) if n]
        if bad:
            parts.append(" and ".join(bad))
        if self.line is not None:
            parts.append(f"from {self.line.at}")
        return ", ".join(parts)


class Step(NamedTuple):
    """A box on a path, and where it was computed."""

    label: str
    line: Line | None
    node: Node

    @property
    def line_at(self) -> str | None:
        """File and line."""
        return self.line.at if self.line else None

    def __str__(self) -> str:
        return f"{self.label} ({self.line.at})" if self.line else self.label


@dataclass(frozen=True)
class Report:
    """Where a value or gradient that is not finite came from.

    ``when``
        ``"forward"``, ``"backward"`` or ``"tangent"``.
    ``trap``, ``remedy``
        the name of the trap, and what helps.
    ``node``, ``op``, ``inside``
        the box to blame, its op's name, and the names of the compositions that it is part of.
    ``line``
        of the user's code.
    ``index``, ``at``
        the first bad element, and the numbers there in words.
    ``operands``
        of the box, with their ranges.
    ``path``, ``onward``
        steps from an input to the box, and from there to the result.
    ``dropped``
        whether nothing that was computed from it depends on the bad element.
    """

    when: str
    trap: str
    remedy: str
    node: Node
    op: str
    inside: tuple[str, ...]
    line: Line | None
    index: tuple[int, ...]
    at: str
    operands: tuple[Operand, ...]
    path: tuple[Step, ...]
    onward: tuple[Step, ...]
    dropped: bool = False

    def __str__(self) -> str:
        where = "".join(f" in {name}" for name in dict.fromkeys((self.op, *self.inside)))
        lines = [f"{self.trap} ({self.when}{where})", ""]
        if self.line is not None:
            lines += [f"  {self.line.at}, in {self.line.function}", self.line.marked("    ")]
        lines.append(f"  at {list(self.index)}: {self.at}" if self.index else f"  {self.at}")
        lines += [f"  operand {i}: {x}" for i, x in enumerate(self.operands)]
        if len(self.path) > 1:
            lines.append(f"  computed from: {_chain(self.path)}")
        if self.onward:
            lines.append(f"  and then: {_chain(self.onward)}")
        if self.dropped:
            lines.append(
                "  Harmless: what was computed from it drops this element (the where-trap), and "
                "its gradient is zero, which stays zero here."
            )
        else:
            lines.append(f"  Remedy: {self.remedy}")
        return "\n".join(lines)


def _chain(steps: tuple[Step, ...], most: int = 8) -> str:
    # The line stands after the last of the boxes that it computed.
    after = [*steps[1:], None]
    shown = [
        step.label if following is not None and following.line_at == step.line_at else str(step)
        for step, following in zip(steps, after, strict=True)
    ]
    if len(shown) > most:
        half = most // 2
        shown = [*shown[:half], f"... {len(shown) - most} more ...", *shown[-half:]]
    return " -> ".join(shown)


def digits(x: Any) -> str:
    return (
        f"{x:.6g}" if isinstance(x, (float, np.floating, complex, np.complexfloating)) else str(x)
    )
