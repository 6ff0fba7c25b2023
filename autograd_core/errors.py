"""The exceptions of the engine: each names what was wrong and what to do about it."""

from __future__ import annotations

__all__ = [
    "GradientError",
    "InPlaceError",
    "NotDifferentiableError",
    "OverwrittenError",
    "ReleasedError",
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


class OverwrittenError(GradientError):
    """An array that the graph kept was overwritten before the gradient was asked for."""


class InPlaceError(GradientError):
    """A change in place that would orphan a gradient or that nobody would see."""
