"""Hypothesis strategies for what a differentiable function is called with.

All draw numbers of few digits, so that a printed example is exact, and shrink to small shapes and
simple numbers: the smallest array beyond 1 is ``[2.]``.
"""

from __future__ import annotations

try:
    import hypothesis  # noqa: F401 - its absence is explained
except ImportError as error:
    raise ImportError(
        "the strategies of autograd_core.testing draw with Hypothesis, which is not installed: "
        "pip install 'autograd-core[testing]'"
    ) from error

from .geometry import axes, broadcastable_shapes, shapes
from .indexing import INDEX_KINDS, indices
from .matrices import orthogonal, positive_definite, well_conditioned
from .products import EinsumCall, einsum_calls
from .values import (
    arrays,
    away_from,
    distinct,
    nonzero,
    positive,
    simplex,
    tensors,
    unit_interval,
)

__all__ = [
    "INDEX_KINDS",
    "EinsumCall",
    "arrays",
    "away_from",
    "axes",
    "broadcastable_shapes",
    "distinct",
    "einsum_calls",
    "indices",
    "nonzero",
    "orthogonal",
    "positive",
    "positive_definite",
    "shapes",
    "simplex",
    "tensors",
    "unit_interval",
    "well_conditioned",
]
