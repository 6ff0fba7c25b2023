"""What `fit` refuses before, and while, it trains: values that are no numbers, among others."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from autograd_core import Tensor

__all__ = ["Casting", "as_rows", "first_bad", "refuse_nonfinite"]

#: Rows that are looked at in one go, so that a mask of the whole data is never made.
CHUNK = 1 << 16


def as_rows(name: str, given: Any) -> Any:
    """Return an array whose first axis is examples; memory maps and the like stay what they are."""
    array = given.data if isinstance(given, Tensor) else given
    if hasattr(array, "tocsr"):
        raise TypeError(f"fit: {name} is a sparse matrix; {name}.toarray() makes an array of it")
    # What pandas has is read by labels, not by numbers of rows; PyTorch has dtypes of its own.
    if not isinstance(getattr(array, "dtype", None), np.dtype) or hasattr(array, "iloc"):
        try:
            array = np.asarray(array)
        except ValueError as error:
            raise ValueError(f"fit: {name} is not an array: {error}") from None
    if array.dtype.kind not in "biufc":
        raise TypeError(
            f"fit: {name} must hold numbers, not {array.dtype}; convert it, for instance with "
            f"{name}.astype(float), or name the classes by 0, 1, ... "
            f"(np.unique(y, return_inverse=True)[1])"
        )
    if not array.shape:
        raise ValueError(f"fit: {name} is a single number; its rows are needed, one an example")
    return array


def first_bad(array: NDArray[Any]) -> tuple[int, ...] | None:
    """Return the index of the first NaN or infinity; None without one."""
    if array.dtype.kind not in "fc":
        return None
    # A sum of squares is not finite if an element is not, and costs a third of a mask; but it can
    # overflow by itself.
    flat = array.ravel(order="K")
    with np.errstate(all="ignore"):
        if math.isfinite(abs(flat.dot(flat))):
            return None
    for start in range(0, len(array), CHUNK):
        bad = ~np.isfinite(array[start : start + CHUNK])
        if bad.any():
            row, *rest = (int(i) for i in np.argwhere(bad)[0])
            return (start + row, *rest)
    return None


def refuse_nonfinite(
    name: str, array: NDArray[Any], where: str = "", rows: NDArray[Any] | None = None
) -> None:
    """Raise a ``ValueError`` that says where a NaN or infinity is; ``rows`` are the rows' numbers.

    ``where`` says of which batch the rows are.
    """
    index = first_bad(array)
    if index is None:
        return
    row, *rest = index
    place = f"row {row if rows is None else rows[row]}"
    if len(rest) == 1:
        place += f", column {rest[0]}"
    elif rest:
        place += f", at {tuple(rest)}"
    raise ValueError(
        f"fit: {name} has {array[index]} in {place}{where}; remove or replace such values first"
    )


@final
class Casting:
    """Casts data of which more would be computed than the model's dtype holds, and says so once.

    Whole numbers among the inputs may be numbers, int64 say, or indices of an embedding, which must
    stay what they are: ``output`` tells, which gives the model's output of a few examples.
    """

    def __init__(
        self, dtype: np.dtype[Any] | None, output: Callable[[Any], Any] | None = None
    ) -> None:
        #: What the model's parameters are; None if they are of several kinds.
        self.dtype = dtype
        self._output = output
        #: Whether whole numbers are computed with; None until some came.
        self._numbers: bool | None = None
        self._said = False

    def too_wide(self, name: str, array: Any) -> bool:
        """Whether what is computed from the array would be wider than the model."""
        own, kind = self.dtype, array.dtype.kind
        if own is None or kind == "f":
            return own is not None and bool(array.dtype.itemsize > own.itemsize)
        # Of targets the loss knows what they are.
        if name not in ("x", "X") or kind not in "iu" or np.result_type(array.dtype, own) == own:
            return False
        if self._numbers is None:
            self._numbers = self._widen(array)
        return self._numbers

    def _widen(self, array: Any) -> bool:
        if self._output is None:
            return False
        try:
            found = self._output(np.asarray(array[:2]))
        except Exception:  # told when the loss is tried
            return False
        dtype = getattr(found, "dtype", self.dtype)
        return bool(np.result_type(dtype, self.dtype) != self.dtype)

    def __call__(self, name: str, array: Any) -> Any:
        """Return the array, in the model's dtype if more would be computed otherwise."""
        if not self.too_wide(name, array):
            return array
        if not self._said:
            self._said = True
            wide = str(np.result_type(array.dtype, self.dtype))
            warnings.warn(
                f"fit: {name} is {array.dtype} and the model {self.dtype}: it is converted, for "
                f"otherwise all would be computed in {wide}. To avoid this, pass "
                f"{name}.astype({str(self.dtype)!r}), or make the model with dtype={wide!r}",
                UserWarning,
                stacklevel=_levels_out(),
            )
        with np.errstate(over="ignore"):
            narrow = array.astype(self.dtype)
        index = first_bad(narrow) if isinstance(narrow, np.ndarray) else None
        if index is not None:
            raise ValueError(
                f"fit: {name} has {array[index]}, which is beyond {self.dtype}, the "
                f"dtype of the model: scale the data first, with optim.Standardize for instance"
            )
        return narrow


def _levels_out() -> int:
    """How far up the first frame outside this package is, for warnings."""
    import sys

    depth, frame = 1, sys._getframe(1)
    package = __name__.split(".")[0]
    while frame.f_back is not None:
        name = frame.f_globals.get("__name__", "")
        if name.split(".")[0] not in (package, "nn"):
            break
        depth, frame = depth + 1, frame.f_back
    return depth
