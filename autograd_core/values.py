"""The arrays that tensors hold: NumPy's, or others that speak its protocols."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .errors import NotDifferentiableError
from .registry import known

__all__ = ["array_of", "computed", "is_alone", "is_complex", "refuse_complex", "refuse_subclass"]


def array_of(value: Any, dtype: Any) -> Any:
    """A value to be written, as an array; one of another kind than NumPy's stays what it is."""
    if known(value) or not hasattr(value, "__array_function__"):
        return np.asarray(value, dtype)
    return value.astype(dtype)


def computed(value: Any) -> Any:
    """What can say its elements: a lazy array is computed, one that can say them itself is not."""
    return value if hasattr(value, "tolist") else np.asarray(value)


def is_complex(value: Any) -> bool:
    dtype = value.dtype if hasattr(value, "dtype") else np.asarray(value).dtype
    return bool(dtype.kind == "c")


def is_alone(x: Any) -> bool:
    """Whether the memory of the array ``x`` is its own, or it is all that is seen of its base."""
    base = x.base
    if base is None or sys.version_info >= (3, 14):  # where a variable's references do not count
        return base is None
    # Held by `x`, by the variable and by the call that counts.
    return (
        type(base) is np.ndarray
        and base.base is None
        and base.size == x.size
        and x.flags.writeable
        and sys.getrefcount(base) <= 3
    )


def refuse_subclass(x: Any) -> None:
    if isinstance(x, (np.ma.MaskedArray, np.matrix)):
        raise TypeError(
            f"{type(x).__name__} computes by rules of its own, which the derivatives do not know; "
            "pass x.filled(...) or np.asarray(x)"
        )


def refuse_complex(g: Any, dtype: Any) -> None:
    if g.dtype.kind == "c" and dtype.kind != "c":
        raise NotDifferentiableError(
            f"a complex gradient was given for a real value, of dtype {dtype}: pass its real part"
        )
