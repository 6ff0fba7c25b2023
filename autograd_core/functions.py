"""The functions of the table by NumPy's names: arrays in, arrays out; tensors in, tensors out.

``functions.pyi`` lists them for editors and type checkers; ``scripts/generate_stubs.py`` writes it.
"""

from __future__ import annotations

from . import creation
from .methods import NAMED

# `array_api` has these, with what the standard asks for and NumPy lacks.
_OF_THE_STANDARD = (
    "argsort", "astype", "broadcast_shapes", "can_cast", "clip", "count_nonzero", "diff",
    "expand_dims", "result_type", "sort", "unique_values",
)  # fmt: skip

_elsewhere = {*creation.__all__, *_OF_THE_STANDARD}
__all__ = [name for name in NAMED if name not in _elsewhere]

globals().update({name: NAMED[name].function for name in __all__})
