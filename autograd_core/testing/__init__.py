"""Gradient checking for users: any function, any op, any model, against finite differences."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .check import check_gradients
from .differences import numerical_gradient, numerical_jvp
from .foreign import jax_function, torch_function
from .report import Failure, GradientCheckError, Kink, Report, Row

__all__ = [
    "Failure",
    "GradientCheckError",
    "Kink",
    "Report",
    "Row",
    "check_gradients",
    "jax_function",
    "numerical_gradient",
    "numerical_jvp",
    "torch_function",
]

# What needs Hypothesis, or only pytest's plugin, is imported when it is named: the checker itself
# needs NumPy and nothing else.
_LAZY = {
    "gradcheck": "targets",
    "given_tensors": "property",
    "property_test": "property",
    **dict.fromkeys(
        (
            "arrays", "away_from", "axes", "broadcastable_shapes", "distinct", "einsum_calls",
            "indices", "nonzero", "orthogonal", "positive", "positive_definite", "shapes",
            "simplex", "tensors", "unit_interval", "well_conditioned",
        ),
        "strategies",
    ),
}  # fmt: skip

if TYPE_CHECKING:
    from .property import given_tensors as given_tensors
    from .property import property_test as property_test
    from .strategies import arrays as arrays
    from .strategies import away_from as away_from
    from .strategies import axes as axes
    from .strategies import broadcastable_shapes as broadcastable_shapes
    from .strategies import distinct as distinct
    from .strategies import einsum_calls as einsum_calls
    from .strategies import indices as indices
    from .strategies import nonzero as nonzero
    from .strategies import orthogonal as orthogonal
    from .strategies import positive as positive
    from .strategies import positive_definite as positive_definite
    from .strategies import shapes as shapes
    from .strategies import simplex as simplex
    from .strategies import tensors as tensors
    from .strategies import unit_interval as unit_interval
    from .strategies import well_conditioned as well_conditioned
    from .targets import gradcheck as gradcheck


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _LAZY[name] != "targets":
        importlib.import_module(".strategies", __name__)  # says what to do without Hypothesis
    value = getattr(importlib.import_module(f".{_LAZY[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
