"""Automatic differentiation that a person can see, trust and build on.

A `Tensor` records what is computed from it, so that ``backward`` finds the gradient by a walk
back over the graph. NumPy's functions work on tensors, and stand here under the same names.

>>> import autograd_core as ag
>>> x = ag.Tensor([1.0, 2.0], requires_grad=True)
>>> ag.tanh(x).sum().backward()
>>> x.grad.round(3)
array([0.42 , 0.071])
"""

from __future__ import annotations

from . import array_api, creation, fft, functions, linalg, special, testing
from . import operators as _operators  # noqa: F401 - gives Tensor Python's operators
from .array_api import *  # noqa: F403 - what the array API standard has besides functions
from .backprop import node_gradients
from .conventions import Convention, conventions
from .creation import *  # noqa: F403
from .errors import (
    GradientError,
    InPlaceError,
    NotDifferentiableError,
    OverwrittenError,
    ReleasedError,
    ShapeError,
)
from .functions import *  # noqa: F403 - the stub of functions lists them
from .graph import Node, topological_order
from .record import keep_values, no_grad, recording
from .registry import OPS, ZERO, Domain, Op, Scatter, defop, derived
from .settings import default_dtype, get_default_dtype, random_generator, seed
from .tensor import Tensor
from .transforms import grad, gradients, jvp, value_and_grad

__version__ = "0.1.0"

__all__ = [
    "OPS",
    "ZERO",
    "Convention",
    "Domain",
    "GradientError",
    "InPlaceError",
    "Node",
    "NotDifferentiableError",
    "Op",
    "OverwrittenError",
    "ReleasedError",
    "Scatter",
    "ShapeError",
    "Tensor",
    "conventions",
    "default_dtype",
    "defop",
    "derived",
    "fft",
    "get_default_dtype",
    "grad",
    "gradients",
    "jvp",
    "keep_values",
    "linalg",
    "no_grad",
    "node_gradients",
    "random_generator",
    "recording",
    "seed",
    "special",
    "testing",
    "topological_order",
    "value_and_grad",
    *array_api.__all__,
    *creation.__all__,
    *functions.__all__,
]
