"""Linear algebra under NumPy's names: ``autograd_core.linalg.svd``."""

from __future__ import annotations

from .methods import namespace

globals().update({_name: _op.function for _name, _op in namespace("numpy.linalg").items()})

__all__ = list(namespace("numpy.linalg"))
