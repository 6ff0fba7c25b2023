"""The ops, one file a family; importing this package fills the table."""

from . import activations, elementwise, indexing, linalg, reduction, selection, shape

__all__ = ["activations", "elementwise", "indexing", "linalg", "reduction", "selection", "shape"]
