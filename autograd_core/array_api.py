"""What the Python array API standard (2024.12) asks for and NumPy has otherwise or not at all.

Its other functions stand in the table under the standard's names: ``acos`` is ``np.arccos``.
"""

from __future__ import annotations

import builtins
from typing import Any, NamedTuple

import numpy as np
from numpy import (
    bool,
    complex64,
    complex128,
    e,
    float32,
    float64,
    inf,
    int8,
    int16,
    int32,
    int64,
    nan,
    newaxis,
    pi,
    uint8,
    uint16,
    uint32,
    uint64,
)

from .creation import check_device
from .settings import get_default_dtype
from .tensor import Tensor, asarray

__all__ = [
    "__array_api_version__",
    "__array_namespace_info__",
    "argsort",
    "astype",
    "bool",
    "broadcast_shapes",
    "can_cast",
    "clip",
    "complex64",
    "complex128",
    "count_nonzero",
    "diff",
    "e",
    "expand_dims",
    "finfo",
    "float32",
    "float64",
    "iinfo",
    "inf",
    "int8",
    "int16",
    "int32",
    "int64",
    "isdtype",
    "nan",
    "newaxis",
    "pi",
    "result_type",
    "sort",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "unique_values",
]

__array_api_version__ = "2024.12"


# --- dtypes ---------------------------------------------------------------------------------


def astype(x: Any, dtype: Any, /, *, copy: Any = True, device: Any = None) -> Any:
    """Cast to ``dtype``; with ``copy=False`` what has that dtype already is returned as it is.

    Raises:
        TypeError: a complex tensor to a real dtype, since that would drop the imaginary part.
    """
    check_device(device, x)
    if type(x) is not Tensor:
        return x.astype(dtype, copy=copy)
    if x.dtype.kind == "c" and np.dtype(dtype).kind != "c":
        raise TypeError(f"astype: {x.dtype} to {np.dtype(dtype)} drops a part; use real(x)")
    return x if not copy and x.dtype == dtype else x.astype(dtype)


def can_cast(from_: Any, to: Any, /, casting: Any = "safe") -> Any:
    """Whether a dtype, or that of an array, can be cast to another by the promotion rules.

    >>> can_cast(float32, float64), can_cast(Tensor(1.0), float32)
    (True, False)
    """
    return np.can_cast(_dtype_of(from_), to, casting)


class FloatInfo(NamedTuple):
    """What a floating dtype can hold, in Python's numbers; of a complex one, its parts."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: Any


def finfo(type: Any, /) -> FloatInfo:
    """The limits of a floating dtype, or of that of an array.

    >>> finfo(float32).bits, finfo(Tensor([1.0])).max
    (32, 1.7976931348623157e+308)
    """
    info = np.finfo(_dtype_of(type))
    # NumPy has these in the dtype itself, where the standard asks for floats.
    eps, high, low, normal = map(float, (info.eps, info.max, info.min, info.smallest_normal))
    return FloatInfo(info.bits, eps, high, low, normal, info.dtype)


def iinfo(type: Any, /) -> Any:
    """The limits of an integer dtype, or of that of an array, as ``np.iinfo``.

    >>> iinfo(Tensor([1], dtype="int8")).max
    127
    """
    return np.iinfo(_dtype_of(type))


def isdtype(dtype: Any, kind: Any) -> Any:
    """Whether a dtype is of a kind, ``"real floating"`` say, or one of several.

    >>> isdtype(Tensor(1.0).dtype, ("integral", float64))
    True
    """
    return np.isdtype(dtype, kind)


def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    """The dtype of what is computed from these arrays, dtypes and Python numbers.

    >>> result_type(Tensor([1.0], dtype="float32"), int8, 2.0)
    dtype('float32')
    """
    return np.result_type(*map(_dtype_of, arrays_and_dtypes))


def _dtype_of(x: Any) -> Any:
    return x.dtype if isinstance(x, (Tensor, np.ndarray, np.generic)) else x


# --- functions that lack a keyword in NumPy, or in older ones ---------------------------------


def sort(
    x: Any,
    axis: Any = -1,
    kind: Any = None,
    order: Any = None,
    *,
    stable: Any = None,
    descending: builtins.bool = False,
) -> Any:
    """``np.sort``, and from the largest down if ``descending``."""
    ordered = np.sort(x, axis=axis, kind=kind, order=order, stable=stable)
    return np.flip(ordered, axis=-1 if axis is None else axis) if descending else ordered


def argsort(
    x: Any,
    axis: Any = -1,
    kind: Any = None,
    order: Any = None,
    *,
    stable: Any = None,
    descending: builtins.bool = False,
) -> Any:
    """``np.argsort``, and from the largest down if ``descending``; equal ones stay in order."""
    if kind is None and stable in (None, True):
        kind = "stable"  # the standard's default, for which NumPy must be asked
    if not descending:
        return np.argsort(x, axis=axis, kind=kind, order=order)
    if axis is None:
        x, axis = np.reshape(x, (-1,)), -1
    order = np.argsort(np.flip(x, axis=axis), axis=axis, kind=kind)
    return np.shape(x)[axis] - 1 - np.flip(order, axis=axis)


def clip(
    x: Any,
    a_min: Any = None,
    a_max: Any = None,
    out: Any = None,
    *,
    min: Any = None,
    max: Any = None,
) -> Any:
    """``np.clip``, where either bound may be left out."""
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    if out is not None:
        return np.clip(x, low, high, out=out)
    if low is None and high is None and type(x) is Tensor:
        return x.clone()
    return np.clip(x, low, high)


def count_nonzero(x: Any, axis: Any = None, *, keepdims: builtins.bool = False) -> Any:
    """How many elements are not zero, or true; a tensor if ``x`` is one."""
    count = np.count_nonzero(x, axis=axis, keepdims=keepdims)
    return asarray(count) if type(x) is Tensor else count


def expand_dims(x: Any, /, axis: Any = 0) -> Any:
    """``np.expand_dims``: a new axis of length one, the first by default."""
    return np.expand_dims(x, axis)


def diff(x: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """``np.diff``: differences of neighbours, ``n`` times."""
    ends = {"prepend": prepend, "append": append}
    return np.diff(x, n, axis, **{key: end for key, end in ends.items() if end is not None})


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """The shape that arrays of these shapes broadcast to."""
    return np.broadcast_shapes(*shapes)


def unique_values(x: Any, /) -> Any:
    """The distinct elements in ascending order, which the standard leaves open and code relies on.

    Every NaN is distinct.
    """
    return np.unique(x, equal_nan=False)


# --- inspection -----------------------------------------------------------------------------


class _NamespaceInfo:
    """What this namespace can do, as the standard asks."""

    def capabilities(self) -> dict[str, Any]:
        """Whether indexing by booleans and shapes that depend on values work; the most axes."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """Where new tensors are."""
        return "cpu"

    def devices(self) -> list[Any]:
        """All devices on which tensors are made."""
        return ["cpu"]

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        """The dtypes that Python's numbers get; see `default_dtype`."""
        check_device(device)
        floating = get_default_dtype()
        return {
            "real floating": floating,
            "complex floating": np.result_type(floating, complex64),
            "integral": np.dtype(int64),
            "indexing": np.dtype(np.intp),
        }

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, Any]:
        """The standard's dtypes by name, of a kind or several if given."""
        check_device(device)
        return {
            name: np.dtype(name)
            for name in _DTYPES
            if kind is None or np.isdtype(np.dtype(name), kind)
        }


_DTYPES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float32", "float64", "complex64", "complex128",
)  # fmt: skip


def __array_namespace_info__() -> _NamespaceInfo:
    """What this namespace can do: its devices, dtypes and limits.

    >>> __array_namespace_info__().default_dtypes()["real floating"]
    dtype('float64')
    """
    return _NamespaceInfo()
