"""What layers ask of their arguments, and the errors of those that do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_core import Tensor

from .module import Module

__all__ = ["count", "numbers", "titled", "with_features"]


def count(owner: str, name: str, value: Any) -> int:
    """Return a whole number from 1 up as an ``int``; anything else is a ``ValueError``."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{owner}: {name} must be a whole number from 1 up, not {value!r}")
    return int(value)


def numbers(layer: Module, x: Any) -> Any:
    """Return inputs as they are if they are a tensor or an array, or make an array of them.

    Lists become arrays, and so do tables and tensors of other libraries. What does not hold
    numbers is a ``TypeError``.
    """
    if type(x) is Tensor:  # which holds numbers; this is on the hot path
        return x
    if type(x) is not np.ndarray and not isinstance(getattr(x, "dtype", None), np.dtype):
        x = np.asarray(x)
    if x.dtype.kind not in "fiubc":
        raise TypeError(
            f"{titled(layer)}: expected numbers, got an array of dtype {x.dtype}; where it holds "
            "numbers, x.astype(float) makes one"
        )
    return x


def with_features(layer: Module, x: Any, expected: int) -> Any:
    """Return inputs as `numbers` does if their last axis has ``expected`` features.

    Anything else is a ``ValueError``.
    """
    x = numbers(layer, x)
    # Asked of a tensor, np.shape would be dispatched as an op.
    shape = x.shape
    if not shape or shape[-1] != expected:
        got = f"got {shape[-1]}" if shape else "got a number"
        raise ValueError(
            f"{titled(layer)}: expected {expected} features on the last axis, {got} "
            f"(input shape {shape})"
        )
    return x


def titled(module: Module) -> str:
    """Return what ``repr`` shows of a module itself, on one line."""
    return f"{type(module).__name__}({module.extra_repr()})"
