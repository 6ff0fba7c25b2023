"""What a linear layer computes, as one op."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

import autograd_core as ag
from autograd_core.apply import apply_fresh

__all__ = ["affine", "ones", "sum_rows", "times_transposed"]


@functools.lru_cache(maxsize=256)
def ones(n: int, dtype: np.dtype[Any]) -> Any:
    """Make a vector of ones that nobody may write, once for each length."""
    vector = np.ones(n, dtype)
    vector.flags.writeable = False
    return vector


#: Sums of fewer rows than this are products with ones: BLAS takes a quarter of the time.
FEW = 1024


# Of matrices `dot` is the same product of BLAS as matmul, without a ufunc's preparations: for small
# ones a third. But it writes zeros into its result first, which takes long for a large weight's.
SMALL = 1 << 13


def _forward(x: Any, weight: Any, bias: Any) -> Any:
    if type(x) is type(weight) is np.ndarray and x.ndim == 2:
        a = x.dot(weight)
    else:
        a = np.matmul(x, weight)
        if type(a) is not np.ndarray:
            return a + bias
    # Nobody else has seen `a`.
    return np.add(a, bias, a) if a.dtype is bias.dtype else a + bias


def times_transposed(x: Any, weight: Any) -> Any:
    """Compute x Wᵀ, for x of shape (..., outputs) and W of (inputs, outputs)."""
    if type(x) is type(weight) is np.ndarray and x.ndim == 2:
        if 4 * len(x) < len(weight) and weight.shape[1] >= WIDE:
            return np.ascontiguousarray(weight.dot(x.T).T)
        return x.dot(weight.T)
    return np.matmul(x, weight.T)


# For few rows BLAS takes up to twice as long for this as for W xᵀ and a copy.
WIDE = 128


def _rule_x(g: Any, _out: Any, _x: Any, weight: Any, _bias: Any) -> Any:
    return times_transposed(g, weight)


def _rule_weight(g: Any, _out: Any, x: Any, _weight: Any, _bias: Any) -> Any:
    if x.ndim != 2:  # one product sums over all rows, however they are stacked
        x = np.reshape(x, (-1, x.shape[-1]))
        g = np.reshape(g, (-1, g.shape[-1]))
    if type(x) is type(g) is np.ndarray and x.size <= SMALL:
        return x.T.dot(g)
    return np.matmul(x.T, g)


def _rule_bias(g: Any, _out: Any, _x: Any, _weight: Any, _bias: Any) -> Any:
    return sum_rows(g)


def sum_rows(x: Any) -> Any:
    """Sum over all axes but the last."""
    if type(x) is np.ndarray and x.ndim == 2 and len(x) < FEW:  # the common case
        return ones(len(x), x.dtype).dot(x)
    return x.sum(axis=tuple(range(x.ndim - 1))) if x.ndim > 1 else x


def _by_parts(x: Any, weight: Any, bias: Any) -> Any:
    """The same by other ops, for many examples at once under `vmap`."""
    return np.matmul(x, weight) + bias


# An op of its own for speed, and because the lecture draws the pre-activation as one box.
ag.defop(
    _forward,
    _rule_x,
    _rule_weight,
    _rule_bias,
    name="affine",
    symbol="x W + b",
    module="nn",
    otherwise=_by_parts,
)
AFFINE = ag.OPS[_forward]


def affine(x: Any, weight: Any, bias: Any) -> Any:
    """Compute x W + b, for x of shape (..., inputs), W of (inputs, outputs) and b of (outputs,).

    >>> affine(np.ones((4, 2)), ag.Tensor([[1.0], [2.0]]), ag.Tensor([0.5])).shape
    (4, 1)
    """
    return apply_fresh(AFFINE, (x, weight, bias), {})
