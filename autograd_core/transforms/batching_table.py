"""By which rule `vmap` applies each op of the table: a line for a family of ops.

What is not here is elementwise by its declaration, or composed of others, which have theirs; what
remains is called once for each example.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops import activations, elementwise, indexing, linalg, padding, products, special, windows
from ..ops import shape as moves
from ..registry import OPS
from . import batching_index as index
from . import batching_rules as rules
from . import batching_shapes as shapes
from .batching import KINDS, RULES
from .batching_rules import ALL, FLAT

__all__: list[str] = []


def _declare(kind: str, rule: Any, *functions: Any) -> None:
    """Enter a rule for ops; those that this NumPy does not have are None."""
    for fn in functions:
        if fn is not None:
            RULES[OPS[fn]] = (kind, rule)


def _new(name: str) -> Any:
    """A function that older NumPy does not have."""
    return getattr(np, name, None)


# --- by element --------------------------------------------------------------------------------

KINDS["elementwise"] = ("elementwise", rules.elementwise)
_declare(
    "elementwise", rules.elementwise,
    np.sign, np.real, np.imag, np.modf, np.fix, np.round, np.around, np.copy, np.isreal,
    np.iscomplex, np.isclose, np.isposinf, np.isneginf, np.unravel_index, moves._cast,
    elementwise._exponent,
)  # fmt: skip
_declare("elementwise", rules.of_first, np.digitize, np.isin, np.interp)
_declare("elementwise", rules.of_second, np.searchsorted)
_declare("elementwise", rules.joint_index, np.ravel_multi_index)

# --- along axes --------------------------------------------------------------------------------

_declare(
    "axis", rules.along_axis(ALL),
    np.sum, np.mean, np.prod, np.max, np.min, np.amax, np.amin, np.nansum, np.nanmean, np.nanmax,
    np.nanmin, np.all, np.any, np.count_nonzero, np.flip,
    activations._logsumexp, linalg._euclidean, linalg._p_norm,
)  # fmt: skip
_declare("axis", rules.along_axis(ALL, -1), activations._softmax, activations._log_softmax)
_declare("axis", rules.along_axis(ALL, key="axes"), np.fft.fftshift, np.fft.ifftshift)
_declare("axis", rules.along_axis(FLAT), np.cumsum, np.cumprod, np.median, np.nanmedian)
_declare("axis", rules.along_axis(FLAT), np.argmax, np.argmin, np.nanargmax, np.nanargmin)
_declare("axis", rules.along_axis(FLAT, -1), np.sort, np.argsort, np.partition, np.argpartition)
_declare("axis", rules.along_axis(FLAT, -1), np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.irfft)
_declare("axis", rules.along_axis(FLAT, -1), np.unwrap)
_declare("axis", rules.quantile, np.quantile, np.percentile, np.nanquantile, np.nanpercentile)
_declare("axis", rules.weighted, special._weighted)
_declare("axis", rules.with_axes("axis1", "axis2", defaults=(0, 1)), np.diagonal, np.swapaxes)
_declare("axis", rules.with_axes("source", "destination"), np.moveaxis)
_declare("axis", rules.with_axes("axes", defaults=((0, 1),)), np.rot90, windows._overlap_add)
_declare("axis", rules.with_axes("axis", defaults=(0,)), np.split, np.array_split, moves._sum_runs)

# --- products, stacks of matrices, joining -----------------------------------------------------

_declare("product", rules.matmul, np.matmul)
_declare("product", rules.stacked(1, 1), np.vecdot)
_declare("product", rules.stacked(2, 1), _new("matvec"))
_declare("product", rules.stacked(1, 2), _new("vecmat"))
_declare("product", rules.outer, np.outer)
_declare("product", rules.cross, np.cross)
_declare("product", rules.einsum, products._contract)
_declare("product", rules.convolve, np.convolve)
_declare(
    "leading", rules.leading,
    np.linalg.inv, np.linalg.pinv, np.linalg.det, np.linalg.slogdet, np.linalg.cholesky,
    np.linalg.eigh, np.linalg.eig, np.linalg.matrix_rank, np.matrix_transpose, linalg._qr,
    linalg._svd, linalg._cofactor,
)  # fmt: skip
_declare("leading", rules.solve, np.linalg.solve)
_declare("join", rules.join, np.concatenate, np.stack)
_declare("join", rules.lexsort, np.lexsort)

# --- other shapes, indices ---------------------------------------------------------------------

for _rule, _fn in (
    (shapes.reshape, np.reshape), (shapes.ravel, np.ravel), (shapes.transpose, np.transpose),
    (shapes.expand_dims, np.expand_dims), (shapes.squeeze, np.squeeze),
    (shapes.broadcast_to, np.broadcast_to), (shapes.tile, np.tile), (shapes.repeat, np.repeat),
    (shapes.roll, np.roll), (shapes.diag, np.diag), (shapes.triangle(np.tril), np.tril),
    (shapes.triangle(np.triu), np.triu), (shapes.framed, padding._framed),
    (shapes.windows, np.lib.stride_tricks.sliding_window_view),
):  # fmt: skip
    _declare("shape", shapes.reshaping(_rule), _fn)
_declare("shape", shapes.made_like, np.zeros_like, np.ones_like, np.empty_like)
_declare("shape", shapes.full_like, np.full_like)
_declare("index", index.getitem, indexing._getitem)
_declare("index", index.setitem, indexing._setitem)
_declare("index", index.scatter, indexing._scatter)
_declare("index", index.take, np.take)
_declare("index", index.take_along_axis, np.take_along_axis)
_declare("index", rules.bincount, np.bincount)

# --- facts of one example ----------------------------------------------------------------------

_declare("fact", shapes.fact, np.shape, np.ndim, np.size, np.iscomplexobj, np.isrealobj)
_declare("fact", shapes.fact, np.diag_indices_from, np.tril_indices_from, np.triu_indices_from)
_declare("fact", shapes.fact, np.einsum_path)
_declare("fact", shapes.dtypes, np.result_type, np.can_cast)
_declare("fact", shapes.text, np.array_repr, np.array_str, np.array2string)

# --- by other ops ------------------------------------------------------------------------------

_declare("parts", lambda m: np.flip(m, 1), np.fliplr)
_declare("parts", lambda m: np.flip(m, 0), np.flipud)
_declare("parts", shapes.resize, np.resize)
for _key, _op in (("a", OPS[np.choose]), ("obj", OPS[np.insert]), ("obj", OPS[np.delete])):
    _declare("parts", shapes.by_known(_key, _op), _op.fn)
_declare("parts", shapes.array_equal, np.array_equal)
_declare("parts", lambda *args, **options: np.all(np.isclose(*args, **options)), np.allclose)

# --- in a loop: composed of others, but what is computed depends on the elements ---------------

_declare(
    "loop", None,
    np.trim_zeros, np.unique, np.unique_values, np.unique_all, np.unique_counts,
    np.unique_inverse, np.union1d, np.intersect1d, np.setdiff1d, np.setxor1d,
)  # fmt: skip
