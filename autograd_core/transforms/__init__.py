"""From functions to functions: gradients of any order, and forward mode."""

from __future__ import annotations

from .directional import jvp
from .gradient import grad, gradients, value_and_grad

__all__ = ["grad", "gradients", "jvp", "value_and_grad"]
