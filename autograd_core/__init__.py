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

from . import creation, functions
from . import memory as _memory  # noqa: F401 - has large temporaries used again
from . import operators as _operators  # noqa: F401 - gives Tensor Python's operators
from .backprop import node_gradients
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
from .lazy import front_page
from .record import keep_values, no_grad, recording, scope
from .registry import OPS, ZERO, Domain, Op, Scatter, defop, derived
from .settings import check_primitives, default_dtype, get_default_dtype, random_generator, seed
from .tensor import Tensor

__version__ = "0.1.0"

# What a program that builds and trains a net has no need of.
__getattr__, __dir__, _later = front_page(
    __name__,
    {
        "array_api": (
            "__array_api_version__ __array_namespace_info__ argsort astype bool "
            "broadcast_shapes can_cast clip complex64 complex128 count_nonzero diff e "
            "expand_dims finfo float32 float64 iinfo inf int8 int16 int32 int64 isdtype nan "
            "newaxis pi result_type sort uint8 uint16 uint32 uint64 unique_values"
        ),
        "conventions": "Convention conventions",
        "fft": "",
        "inspection": "Explanation Held Inspection explain held inspect",
        "linalg": "",
        "primitives": "Primitive primitive",
        "special": "",
        "testing": "",
        "transforms": (
            "checkpoint elementwise_grad fixed_point grad gradients hessian hvp implicit_root "
            "jacobian jvp linearize stop_gradient value_and_grad vjp vmap"
        ),
    },
)

__all__ = [
    "OPS",
    "ZERO",
    "Domain",
    "GradientError",
    "InPlaceError",
    "Node",
    "NonFiniteError",
    "NotDifferentiableError",
    "Op",
    "OverwrittenError",
    "ReleasedError",
    "RuleError",
    "Scatter",
    "ShapeError",
    "Tensor",
    "check_primitives",
    "default_dtype",
    "defop",
    "derived",
    "get_default_dtype",
    "keep_values",
    "no_grad",
    "node_gradients",
    "random_generator",
    "recording",
    "scope",
    "seed",
    "topological_order",
    *_later,
    *creation.__all__,
    *functions.__all__,
]
