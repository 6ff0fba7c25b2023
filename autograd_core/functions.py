"""The functions of the table by NumPy's names: arrays in, arrays out; tensors in, tensors out.

``functions.pyi`` lists them for editors and type checkers; ``scripts/generate_stubs.py`` writes it.
"""

from __future__ import annotations

from . import array_api, creation
from .methods import namespace


def listed(module: str, *without: list[str]) -> dict[str, object]:
    """The public functions of a namespace by name, but for those that are written elsewhere."""
    others = {name for names in without for name in names}
    return {name: op.function for name, op in namespace(module).items() if name not in others}


_found = listed("numpy", creation.__all__, array_api.__all__)
globals().update(_found)

__all__ = list(_found)
