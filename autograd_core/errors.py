"""The exceptions of the engine: each names what was wrong and what to do about it."""

from __future__ import annotations

from typing import Any

__all__ = [
    "GradientError",
    "InPlaceError",
    "NonFiniteError",
    "NotDifferentiableError",
    "OverwrittenError",
    "ReleasedError",
    "RuleError",
    "ShapeError",
]


class ShapeError(ValueError):
    """Shapes that do not fit an op, or a gradient whose shape is not its tensor's."""


class NotDifferentiableError(TypeError):
    """A function without a declared derivative, or a value that cannot have a gradient."""


class GradientError(RuntimeError):
    """A gradient was asked for where there is none: no graph, or no scalar to start from."""


class ReleasedError(GradientError):
    """The graph was already used by ``backward()``, which released what it kept."""


class RuleError(GradientError):
    """A user's rule that returned what is no gradient, or what finite differences contradict."""


class OverwrittenError(GradientError):
    """An array that the graph kept was overwritten before the gradient was asked for."""


class NonFiniteError(GradientError, ArithmeticError):
    """A value or gradient that is inf or nan, found in inspection; ``report`` says where from."""

    def __init__(self, report: Any) -> None:
        super().__init__(report)
        self.report = report


class InPlaceError(GradientError):
    """A change in place that would orphan a gradient or that nobody would see."""
