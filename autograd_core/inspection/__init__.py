"""Looking into a computation: where a NaN came from, who wrote into an array, what holds memory."""

from __future__ import annotations

from .calls import Call
from .explain import Edge, Explanation, Path, explain
from .held import Held, HeldArray, held
from .inspector import Inspection, inspect
from .lines import Line
from .report import Operand, Report, Step
from .walks import Sent, Walk

__all__ = [
    "Call",
    "Edge",
    "Explanation",
    "Held",
    "HeldArray",
    "Inspection",
    "Line",
    "Operand",
    "Path",
    "Report",
    "Sent",
    "Step",
    "Walk",
    "explain",
    "held",
    "inspect",
]
