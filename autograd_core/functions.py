"""The functions of the table by NumPy's names: arrays in, arrays out; tensors in, tensors out.

``functions.pyi`` lists them for editors and type checkers; ``scripts/generate_stubs.py`` writes it.
"""

from __future__ import annotations

from .methods import namespace

globals().update({name: op.function for name, op in namespace().items()})

__all__ = list(namespace())
