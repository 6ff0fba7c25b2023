"""For every op in the table, a strategy that draws calls of it: machinery, and each family's."""

from . import (
    elementwise,
    fft,
    indexing,
    linalg,
    others,
    products,
    reduction,
    shape,
    sorting,
    special,
    statistics,
    windows,
)
from .base import DIFFERENTIABLE, FACTS, SAMPLES, TABLE, Case, strategy

__all__ = [
    "DIFFERENTIABLE",
    "FACTS",
    "SAMPLES",
    "TABLE",
    "Case",
    "elementwise",
    "fft",
    "indexing",
    "linalg",
    "others",
    "products",
    "reduction",
    "shape",
    "sorting",
    "special",
    "statistics",
    "strategy",
    "windows",
]
