"""Linear algebra under NumPy's names: ``autograd_core.linalg.svd``."""

from __future__ import annotations

from typing import Any

import numpy as np

from .methods import namespace

globals().update({_name: _op.function for _name, _op in namespace("numpy.linalg").items()})


def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    """``np.linalg.pinv``; what is below ``rtol`` times the largest singular value counts as zero.

    By default that is the larger side of the matrix times the dtype's epsilon, as the array API
    standard says, where NumPy has 1e-15.
    """
    if not hasattr(a, "dtype"):
        a = np.asarray(a)
    cut = rtol if rcond is None else rcond
    if cut is None:
        cut = max(a.shape[-2:]) * float(np.finfo(np.result_type(a.dtype, np.float32)).eps)
    return np.linalg.pinv(a, cut, hermitian)


__all__ = list(namespace("numpy.linalg"))
