"""Where NumPy itself is wrong on some processors, and what to compare with instead."""

from __future__ import annotations

from typing import Any

import numpy as np


class ByDefinition:
    """A ufunc of NumPy's whose `reduce` and `reduceat` combine one element after the other."""

    def __init__(self, ufunc: Any) -> None:
        self.ufunc = ufunc

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ufunc, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.ufunc(*args, **kwargs)

    def reduce(
        self,
        x: Any,
        axis: int = 0,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> Any:
        rows, held = (np.moveaxis(v, axis, 0) for v in (x, np.broadcast_to(where, x.shape)))
        result = rows[0] if initial is None else np.full(rows.shape[1:], initial, x.dtype)
        for row, mask in list(zip(rows, held, strict=True))[initial is None :]:
            result = np.where(mask, self.ufunc(result, row), result)
        return np.expand_dims(result, axis) if keepdims else result

    def reduceat(self, x: Any, indices: Any, axis: int = 0) -> Any:
        rows, ends = np.moveaxis(x, axis, 0), [*indices[1:], x.shape[axis]]
        parts = [self.reduce(rows[i : max(i + 1, j)]) for i, j in zip(indices, ends, strict=True)]
        return np.stack(parts, axis)


def plain(ufunc: Any) -> Any:
    """The ufunc for calls that nothing records; with AVX-512 two of NumPy 2.4 reduce wrongly.

    There `np.power.reduce([2.0, 3.0, 2.0])` is 4, not 64: its vector loop reads what it writes.
    """
    return ByDefinition(ufunc) if ufunc in (np.power, np.arctan2) else ufunc
