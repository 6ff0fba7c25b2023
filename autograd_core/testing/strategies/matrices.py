"""Matrices with a known condition, by construction, alone and stacked."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st
from numpy.typing import DTypeLike, NDArray

from .geometry import Draw, Shape
from .grid import SMALL, Grid, filled, floating, grid

__all__ = ["orthogonal", "positive_definite", "well_conditioned"]

Array: TypeAlias = NDArray[Any]


def well_conditioned(
    n: int | st.SearchStrategy[int],
    dtype: DTypeLike | st.SearchStrategy[Any] = float,
    *,
    condition: float = 10.0,
    batch: int | Shape | st.SearchStrategy[Shape] = (),
) -> st.SearchStrategy[Array]:
    """Draw invertible matrices, whose condition number σ₁ / σₙ is at most ``condition``.

    A permutation of the rows of D + E, where ``1 ≤ |Dᵢᵢ| ≤ d`` and the rows and columns of E sum to
    at most s < 1 in modulus: so σ₁ ≤ d + s and σₙ ≥ 1 - s (J. M. Varah, A lower bound for the
    smallest singular value of a matrix, 1975).

    Args:
        n: the number of rows, or a strategy of it.
        dtype: as in ``arrays``; complex too.
        condition: more than 1.
        batch: leading dimensions, for stacks of matrices.

    >>> from hypothesis import find
    >>> find(well_conditioned(2), lambda a: True)
    array([[1., 0.],
           [0., 1.]])
    """
    parts = _Parts(condition, "well_conditioned")

    def make(draw: Draw, stack: Shape, size: int, kind: np.dtype[Any]) -> Array:
        a = parts.off_diagonal(draw, (*stack, size, size), kind)
        a += _diagonal(parts.diagonal(draw, (*stack, size), kind, signed=True))
        rows = draw(st.permutations(range(size)))
        return a[..., rows, :].astype(kind)

    return _matrices(make, n, dtype, batch, "well_conditioned")


def positive_definite(
    n: int | st.SearchStrategy[int],
    dtype: DTypeLike | st.SearchStrategy[Any] = float,
    *,
    condition: float = 10.0,
    batch: int | Shape | st.SearchStrategy[Shape] = (),
) -> st.SearchStrategy[Array]:
    """Draw symmetric (Hermitian) matrices with eigenvalues above 0, λ₁ / λₙ ≤ ``condition``.

    D + E, where 1 ≤ Dᵢᵢ ≤ d and the rows of E = Eᵀ sum to at most s < 1 in modulus: by Gershgorin's
    circles 1 - s ≤ λ ≤ d + s.

    Args:
        n: the number of rows, or a strategy of it.
        dtype: as in ``arrays``; complex ones are Hermitian.
        condition: more than 1.
        batch: leading dimensions, for stacks of matrices.

    >>> from hypothesis import find
    >>> find(positive_definite(2), lambda a: a[0, 1] != 0 and a[0, 0] > 1)
    array([[2.  , 0.25],
           [0.25, 1.  ]])
    """
    parts = _Parts(condition, "positive_definite")

    def make(draw: Draw, stack: Shape, size: int, kind: np.dtype[Any]) -> Array:
        e = np.tril(parts.off_diagonal(draw, (*stack, size, size), kind), -1)
        e += np.conj(np.swapaxes(e, -1, -2))
        d = parts.diagonal(draw, (*stack, size), np.dtype(float), signed=False)
        return np.asarray(e + _diagonal(d)).astype(kind)

    return _matrices(make, n, dtype, batch, "positive_definite")


def orthogonal(
    n: int | st.SearchStrategy[int],
    dtype: DTypeLike | st.SearchStrategy[Any] = float,
    *,
    batch: int | Shape | st.SearchStrategy[Shape] = (),
) -> st.SearchStrategy[Array]:
    """Draw orthogonal (unitary) matrices, QᵀQ = I to rounding; the simplest is the identity.

    Products of Householder's reflections I - 2vvᵀ/vᵀv, with signs, or phases, of the columns.

    Args:
        n: the number of rows, or a strategy of it.
        dtype: as in ``arrays``; complex ones are unitary.
        batch: leading dimensions, for stacks of matrices.

    >>> from hypothesis import find
    >>> find(orthogonal(2), lambda q: q[0, 1] != 0)
    array([[ 0., -1.],
           [-1.,  0.]])
    """
    numbers = grid(None, None, "orthogonal")

    def make(draw: Draw, stack: Shape, size: int, kind: np.dtype[Any]) -> Array:
        q: Array = np.broadcast_to(np.eye(size, dtype=kind), (*stack, size, size))
        q = q.astype(np.result_type(kind, np.float64))
        for _ in range(draw(st.integers(0, size))):
            v = filled(draw, numbers, (*stack, size, 1), q.dtype)
            square = (np.abs(v) ** 2).sum((-1, -2), keepdims=True)
            # No reflection where the vector is too short to have a direction.
            factor = np.where(square > 1e-6, 2.0, 0.0) / np.maximum(square, 1e-6)
            q = q - factor * v @ (np.conj(np.swapaxes(v, -1, -2)) @ q)
        phases = _signs(draw, (*stack, size), q.dtype)
        return np.asarray(q * phases[..., None, :] + 0.0).astype(kind)

    return _matrices(make, n, dtype, batch, "orthogonal")


class _Parts:
    """The numbers that matrices of a condition number are made of."""

    def __init__(self, condition: float, caller: str) -> None:
        if not 1 < condition < math.inf:
            raise ValueError(f"{caller}: condition must be a number above 1, not {condition}")
        # (d + s) / (1 - s) = condition, with d ≥ 1
        self.s = min(0.5, (condition - 1) / (2 * (condition + 1)))
        self.d = condition * (1 - self.s) - self.s
        self.caller = caller

    def diagonal(self, draw: Draw, shape: Shape, kind: np.dtype[Any], *, signed: bool) -> Array:
        top = min(self.d, 10.0)
        decimals = max(3, 3 - math.floor(math.log10(top - 1)))
        top = math.floor(top * 10**decimals) / 10**decimals
        d = filled(draw, Grid(((1.0, top),), decimals), shape, np.dtype(float))
        return d * _signs(draw, shape, kind) if signed else d

    def off_diagonal(self, draw: Draw, shape: Shape, kind: np.dtype[Any]) -> Array:
        """Draw E: zero diagonal, rows and columns sum to at most ``s`` in modulus."""
        n = shape[-1]
        if n < 2:
            return np.zeros(shape, np.result_type(kind, float))
        most = self.s / (n - 1) / (math.sqrt(2) if kind.kind == "c" else 1.0)
        decimals = max(3, 3 - math.floor(math.log10(most)))
        most = math.floor(most * 10**decimals) / 10**decimals
        wide = np.dtype(np.result_type(kind, np.float64))
        return filled(draw, Grid(((-most, most),), decimals), shape, wide) * (1 - np.eye(n))


def _signs(draw: Draw, shape: Shape, kind: np.dtype[Any]) -> Array:
    """Draw 1 and -1, and i and -i for a complex dtype."""
    among = np.array([1.0, -1.0, 1.0j, -1.0j]) if kind.kind == "c" else np.array([1.0, -1.0])
    size = math.prod(shape)
    if size > SMALL:
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        return np.asarray(rng.choice(among, shape))
    places = draw(st.lists(st.integers(0, len(among) - 1), min_size=size, max_size=size))
    return np.asarray(among[np.array(places, int)].reshape(shape))


def _diagonal(d: Array) -> Array:
    """Return diagonal matrices from stacked diagonals."""
    return np.asarray(d[..., None] * np.eye(d.shape[-1]))


def _matrices(make: Any, n: Any, dtype: Any, batch: Any, caller: str) -> st.SearchStrategy[Any]:
    """Return a strategy of what ``make`` makes of a stack's shape, a size and a dtype."""
    if not isinstance(n, st.SearchStrategy) and (not isinstance(n, int) or n < 1):
        raise ValueError(f"{caller}: n is the number of rows, at least 1, not {n!r}")
    sizes = n if isinstance(n, st.SearchStrategy) else st.just(n)
    if isinstance(batch, int):
        batch = (batch,)
    stacks = batch if isinstance(batch, st.SearchStrategy) else st.just(tuple(batch))
    dtypes = floating(dtype, caller)

    @st.composite
    def draws(draw: Draw) -> Any:
        return make(draw, draw(stacks), draw(sizes), draw(dtypes))

    return draws()
