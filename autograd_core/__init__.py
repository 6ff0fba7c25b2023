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
    NonFiniteError,
    NotDifferentiableError,
    OverwrittenError,
    ReleasedError,
    RuleError,
    ShapeError,
)
from .functions import *  # noqa: F403 - the stub of functions lists them
from .graph import Node, topological_order
from .inspection import Explanation, Held, Inspection, explain, held, inspect
from .primitives import Primitive, primitive
from .record import keep_values, no_grad, recording, scope
from .registry import OPS, ZERO, Domain, Op, Scatter, defop, derived
from .settings import check_primitives, default_dtype, get_default_dtype, random_generator, seed
from .tensor import Tensor
from .transforms import (
    checkpoint,
    elementwise_grad,
    fixed_point,
    grad,
    gradients,
    hessian,
    hvp,
    implicit_root,
    jacobian,
    jvp,
    linearize,
    stop_gradient,
    value_and_grad,
    vjp,
    vmap,
)

__version__ = "0.1.0"

__all__ = [
    "OPS",
    "ZERO",
    "Convention",
    "Domain",
    "Explanation",
    "GradientError",
    "Held",
    "InPlaceError",
    "Inspection",
    "Node",
    "NonFiniteError",
    "NotDifferentiableError",
    "Op",
    "Primitive",
    "OverwrittenError",
    "ReleasedError",
    "RuleError",
    "Scatter",
    "ShapeError",
    "Tensor",
    "checkpoint",
    "check_primitives",
    "conventions",
    "default_dtype",
    "defop",
    "derived",
    "elementwise_grad",
    "explain",
    "fft",
    "fixed_point",
    "get_default_dtype",
    "grad",
    "gradients",
    "held",
    "hessian",
    "hvp",
    "implicit_root",
    "inspect",
    "jacobian",
    "jvp",
    "keep_values",
    "linalg",
    "linearize",
    "no_grad",
    "node_gradients",
    "primitive",
    "random_generator",
    "recording",
    "scope",
    "seed",
    "special",
    "stop_gradient",
    "testing",
    "topological_order",
    "value_and_grad",
    "vjp",
    "vmap",
    *array_api.__all__,
    *creation.__all__,
    *functions.__all__,
]
