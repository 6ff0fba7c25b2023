"""Gradient checking for users: any function, any op, any model, against finite differences."""

from __future__ import annotations

from .gradients import GradientCheckError, check_gradients, numerical_gradient

__all__ = ["GradientCheckError", "check_gradients", "numerical_gradient"]
