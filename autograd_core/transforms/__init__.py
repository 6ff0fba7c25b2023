"""From functions to functions: gradients of any order, and forward mode."""

from __future__ import annotations

from .checkpoint import checkpoint
from .directional import hvp, jvp, linearize, vjp
from .gradient import elementwise_grad, grad, gradients, stop_gradient, value_and_grad
from .implicit import fixed_point, implicit_root
from .jacobian import hessian, jacobian
from .vmap import vmap

__all__ = [
    "checkpoint",
    "elementwise_grad",
    "fixed_point",
    "grad",
    "gradients",
    "hessian",
    "hvp",
    "implicit_root",
    "jacobian",
    "jvp",
    "linearize",
    "stop_gradient",
    "value_and_grad",
    "vjp",
    "vmap",
]
