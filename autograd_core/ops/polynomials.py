"""Polynomials, as vectors of coefficients from the highest power to the lowest."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..registry import derived
from .padding import framed
from .shape import as_array, stored


@derived(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """Horner's rule."""
    p, x = as_array(p), as_array(x)
    y = np.zeros_like(x)
    for i in range(len(p)):
        y = y * x + p[i]
    return y


@derived(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Powers of a vector, each a column, by repeated multiplication."""
    x = as_array(x)
    if x.ndim != 1:
        raise ValueError("vander: x must be a one-dimensional array or sequence")
    x = stored(x, np.promote_types(x.dtype, int))
    count = len(x) if N is None else N
    powers = [np.ones_like(x)]
    for _ in range(1, count):
        powers.append(powers[-1] * x)
    if count <= 0:
        return np.reshape(x[:0], (len(x), 0))
    return np.stack(powers if increasing else powers[::-1], axis=-1)


def _same_length(a1: Any, a2: Any) -> tuple[Any, Any]:
    a1, a2 = np.atleast_1d(as_array(a1)), np.atleast_1d(as_array(a2))
    n = max(len(a1), len(a2))
    return tuple(  # type: ignore[return-value]
        np.concatenate([np.zeros(n - len(a), a.dtype), a]) if len(a) < n else a for a in (a1, a2)
    )


@derived(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    """The sum of two polynomials."""
    a1, a2 = _same_length(a1, a2)
    return a1 + a2


@derived(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    """The difference of two polynomials."""
    a1, a2 = _same_length(a1, a2)
    return a1 - a2


@derived(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    """The product of two polynomials: their coefficients convolved, without leading zeros."""
    x, y = (np.trim_zeros(np.atleast_1d(as_array(a)), "f") for a in (a1, a2))
    return np.convolve(*(a if len(a) else np.zeros(1, a.dtype) for a in (x, y)))  # type: ignore[call-overload]


@derived(np.polydiv)
def polydiv(u: Any, v: Any) -> Any:
    """Quotient and remainder by long division; where the remainder ends is taken for constant."""
    u, v = np.atleast_1d(as_array(u)) + 0.0, np.atleast_1d(as_array(v)) + 0.0
    dtype = np.result_type(u.dtype, v.dtype)
    steps, scale, r = len(u) - len(v) + 1, 1.0 / v[0], stored(u, dtype)
    quotient = []
    for k in range(steps):
        quotient.append(scale * r[k])
        r = r - framed(quotient[-1] * v, widths=((k, steps - 1 - k),))
    while len(r) > 1 and np.allclose(r[0], 0, rtol=1e-14):
        r = r[1:]
    return (np.stack(quotient) if quotient else np.zeros_like(u[:1] + v[:1])), r


@derived(np.polyder)
def polyder(p: Any, m: int = 1) -> Any:
    """The derivative of order ``m`` of a polynomial."""
    if m < 0:
        raise ValueError("polyder: order of derivative must be positive (see polyint)")
    p = as_array(p)
    for _ in range(int(m)):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


@derived(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """The integral of order ``m`` of a polynomial, with the constants ``k``."""
    if m < 0:
        raise ValueError("polyint: order of integral must be positive (see polyder)")
    p, m = as_array(p), int(m)
    k = np.zeros(m) if k is None else np.atleast_1d(as_array(k))
    if len(k) == 1 and m > 1:
        k = k[0] * np.ones(m)
    if len(k) < m:
        raise ValueError("polyint: k must be a scalar or a vector of length 1 or at least m")
    for i in range(m):
        p = np.concatenate([p / np.arange(len(p), 0, -1), k[i : i + 1]])
    return p


@derived(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    """The polynomial with the given zeros, or the characteristic one of a matrix."""
    zeros = np.atleast_1d(as_array(seq_of_zeros))
    if zeros.ndim == 2 and zeros.shape[0] == zeros.shape[1] != 0:
        zeros = np.linalg.eigvals(zeros)
    elif zeros.ndim != 1:
        raise ValueError("poly: input must be 1d or non-empty square 2d array")
    zeros = stored(zeros, np.dtype(np.mintypecode(zeros.dtype.char)))
    p = np.ones_like(zeros, shape=1)
    for i in range(len(zeros)):
        p = np.convolve(p, np.concatenate([np.ones_like(p[:1]), -zeros[i : i + 1]]))
    if p.dtype.kind == "c" and np.all(np.sort(zeros) == np.sort(np.conj(zeros))):
        p = np.real(p)  # zeros in conjugate pairs
    return p


@derived(np.roots)
def roots(p: Any) -> Any:
    """The zeros: eigenvalues of the companion matrix; how many are at 0 is taken for constant."""
    p = np.atleast_1d(as_array(p))
    if p.ndim != 1:
        raise ValueError("roots: input must be a rank-1 array")
    inner = np.trim_zeros(p)
    if len(inner) == 0:
        return inner
    trailing = len(np.trim_zeros(p, "f")) - len(inner)
    if len(inner) == 1:
        return np.zeros_like(inner, shape=trailing)
    n = len(inner) - 1
    row = np.reshape(-inner[1:] / inner[0], (1, n))
    found = np.linalg.eigvals(np.concatenate([row, np.eye(n - 1, n, dtype=row.dtype)]))
    return np.concatenate([found, np.zeros(trailing, found.dtype)])


@derived(np.polyfit)
def polyfit(
    x: Any,
    y: Any,
    deg: int,
    rcond: float | None = None,
    full: bool = False,
    w: Any = None,
    cov: Any = False,
) -> Any:
    """Least squares in the powers of ``x``, each scaled to length one."""
    x, y = as_array(x) + 0.0, as_array(y) + 0.0
    count = int(deg) + 1
    if count < 1:
        raise ValueError("polyfit: expected deg >= 0")
    if x.ndim != 1 or x.size == 0:
        raise TypeError("polyfit: expected a non-empty 1D vector for x")
    if y.ndim not in (1, 2):
        raise TypeError("polyfit: expected 1D or 2D array for y")
    if len(x) != len(y):
        raise TypeError("polyfit: expected x and y to have same length")
    rcond = len(x) * np.finfo(x.dtype).eps if rcond is None else rcond
    left, right = np.vander(x, count), y
    if w is not None:
        w = as_array(w) + 0.0
        if w.ndim != 1 or len(w) != len(y):
            raise TypeError("polyfit: expected a 1-d array for weights, as long as y")
        left, right = left * w[:, None], right * (w[:, None] if y.ndim == 2 else w)
    scale = np.sqrt(np.sum(left * left, axis=0))
    left = left / scale
    c, residuals, rank, s = np.linalg.lstsq(left, right, rcond)
    c = np.transpose(np.transpose(c) / scale)
    if full:
        return c, residuals, rank, s, rcond
    if int(rank) != count:
        warnings.warn("Polyfit may be poorly conditioned", np.exceptions.RankWarning, stacklevel=2)
    if not cov:
        return c
    spread = np.linalg.inv(np.matmul(np.transpose(left), left)) / (scale[:, None] * scale)
    if cov == "unscaled":
        factor: Any = 1.0
    elif len(x) <= count:
        raise ValueError(
            "the number of data points must exceed order to scale the covariance matrix"
        )
    else:
        factor = residuals / (len(x) - count)
    return c, spread * factor if y.ndim == 1 else spread[:, :, None] * factor
