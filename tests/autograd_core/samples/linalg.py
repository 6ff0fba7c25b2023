"""Samples of decompositions, solvers, determinants and norms.

A matrix is what its decomposition asks for, plus a tenth of the drawn numbers: so it stays well
inside the domain whatever the numbers are, complex ones too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

import autograd_core as ag

from .base import Case, Draw, numbers, sample_for, shapes

_STACKS: list[tuple[int, ...]] = [(), (), (2,), (2, 1)]


def apart(rows: int, columns: int) -> np.ndarray:
    """A matrix with singular values well apart: columns of different lengths, nearly at angles."""
    base = np.zeros((rows, columns))
    for i in range(min(rows, columns)):
        base[i, i] = 1.5 * (i + 1)
    return base + 0.2 * np.cos(np.arange(rows * columns)).reshape(rows, columns)


def near(draw: Draw, base: np.ndarray, stack: tuple[int, ...] | None = None) -> Any:
    """Numbers, and the function that moves them near ``base``."""
    stack = draw(st.sampled_from(_STACKS)) if stack is None else stack
    return numbers(draw, (*stack, *base.shape)), lambda t: base.astype(t.dtype) + 0.1 * t


def no_ties(x: np.ndarray) -> bool:
    """Whether all numbers along the last axis are well apart."""
    return bool(np.all(np.diff(np.sort(x, axis=-1), axis=-1) > 1e-2))


def of_matrix(
    draw: Draw,
    sizes: list[tuple[int, int]],
    result: Callable[[Any], Any] = lambda out: out,
    prepare: Callable[[Any], Any] = lambda a: a,
    **kwargs: Any,
) -> Case:
    """The case of a function of one matrix, or of a stack of them."""
    x, place = near(draw, apart(*draw(st.sampled_from(sizes))))
    return Case(
        (x,), lambda f, t: result(f(prepare(place(t)), **kwargs)), f"near {x.shape}, {kwargs}"
    )


_SQUARE = [(1, 1), (2, 2), (3, 3)]
_ANY = [*_SQUARE, (3, 2), (2, 3), (1, 2)]


def adjoint(x: Any) -> Any:
    return np.conj(np.swapaxes(x, -1, -2))


def hermitian(a: Any) -> Any:
    return a + adjoint(a)


def positive(a: Any) -> Any:
    return np.matmul(a, adjoint(a))


def kinds(result: Any) -> list[Any]:
    return list(result)


# --- inverses, systems, determinants ------------------------------------------------------------


@sample_for("numpy.linalg.inv", "numpy.linalg.det", "autograd_core.ops.linalg.cofactor")
def square(draw: Draw) -> Case:
    return of_matrix(draw, _SQUARE)


@sample_for("numpy.linalg.slogdet")
def slogdet(draw: Draw) -> Case:
    # Of a real matrix the sign is constant.
    return of_matrix(draw, _SQUARE, lambda out: [out[1], out[0] * 1.0])


@sample_for("numpy.linalg.pinv")
def pinv(draw: Draw) -> Case:
    if draw(st.booleans()):
        return of_matrix(draw, _SQUARE, prepare=hermitian, hermitian=True)
    return of_matrix(draw, _ANY, **draw(st.sampled_from([{}, {"rcond": 1e-10}, {"rtol": None}])))


@sample_for("numpy.linalg.matrix_power")
def matrix_power(draw: Draw) -> Case:
    return of_matrix(draw, _SQUARE, n=draw(st.integers(-3, 5)))


_SYSTEMS = [
    ((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (3,)), ((2, 3, 3), (3, 2)),
    ((3, 3), (2, 3, 1)), ((2, 1, 2, 2), (3, 2, 2)), ((1, 1), (1,)), ((3, 3), (3, 0)),
]  # fmt: skip


@sample_for("numpy.linalg.solve")
def solve(draw: Draw) -> Case:
    a, b = draw(st.sampled_from(_SYSTEMS))
    x, place = near(draw, apart(*a[-2:]), a[:-2])
    return Case((x, numbers(draw, b)), lambda f, t, u: f(place(t), u), f"{a}, {b}")


def _least_squares(draw: Draw) -> Case:
    rows, columns = draw(st.sampled_from([(3, 3), (4, 2), (3, 1), (2, 3)]))
    x, place = near(draw, apart(rows, columns), ())
    b = numbers(draw, (rows, *draw(st.sampled_from([(), (1,), (2,)]))))

    def call(function: Any, t: Any, u: Any) -> list[Any]:
        solution, residuals, _, s = function(place(t), u, rcond=None)
        return [solution, residuals, s]

    return Case((x, b), call, f"{x.shape}, {b.shape}")


sample_for("numpy.linalg.lstsq", "autograd_core.ops.linalg.lstsq")(_least_squares)


@sample_for("numpy.linalg.tensorinv")
def tensorinv(draw: Draw) -> Case:
    shape, ind = draw(st.sampled_from([((4, 2, 2), 1), ((2, 3, 6), 2), ((2, 2, 2, 2), 2)]))
    n = math.isqrt(math.prod(shape))
    x = numbers(draw, shape)
    base = apart(n, n).reshape(shape)
    return Case((x,), lambda f, t: f(base.astype(t.dtype) + 0.1 * t, ind=ind), f"{shape}, {ind}")


@sample_for("numpy.linalg.tensorsolve")
def tensorsolve(draw: Draw) -> Case:
    a, b, axes = draw(
        st.sampled_from([
            ((2, 3, 6), (2, 3), None), ((4, 2, 2), (4,), None), ((2, 6, 3), (2, 3), (1,)),
            ((2, 2, 4), (4,), (0, 1)),
        ])
    )  # fmt: skip
    n = math.isqrt(math.prod(a))
    # The axes that are moved to the end are the columns of the matrix.
    moved = [k for k in range(len(a)) if k not in (axes or ())] + list(axes or ())
    base = apart(n, n).reshape([a[k] for k in moved]).transpose(np.argsort(moved))
    arrays = (numbers(draw, a), numbers(draw, b))
    return Case(
        arrays,
        lambda f, t, u: f(base.astype(t.dtype) + 0.1 * t, u, axes=axes),
        f"{a}, {b}, {axes}",
    )


@sample_for("numpy.linalg.multi_dot")
def multi_dot(draw: Draw) -> Case:
    chain = draw(
        st.sampled_from([
            [(2, 3), (3, 2)], [(2, 3), (3, 4), (4, 1)], [(3,), (3, 4), (4, 1), (1, 2)],
            [(2, 3), (3, 1), (1, 3), (3,)], [(3,), (3, 2), (2,)], [(3,), (3,)],
        ])
    )  # fmt: skip
    arrays = tuple(numbers(draw, shape) for shape in chain)
    return Case(arrays, lambda f, *xs: f(list(xs)), f"{chain}")


# --- decompositions -----------------------------------------------------------------------------


@sample_for("numpy.linalg.cholesky")
def cholesky(draw: Draw) -> Case:
    options = draw(st.sampled_from([{}, {"upper": True}]))
    return of_matrix(draw, _SQUARE, prepare=positive, **options)


@sample_for("autograd_core.ops.linalg.qr")
def qr_factors(draw: Draw) -> Case:
    return of_matrix(draw, _ANY, kinds, mode="reduced")


@sample_for("numpy.linalg.qr")
def qr(draw: Draw) -> Case:
    mode = draw(st.sampled_from(["reduced", "complete", "r"]))
    if mode == "r":
        return of_matrix(draw, _ANY, mode=mode)

    def factors(out: Any) -> list[Any]:
        # The basis of the columns beyond those of the matrix is arbitrary, their span is not.
        q, r = out
        k = min(r.shape[-2:])
        return [q[..., :k], r, np.matmul(q[..., k:], adjoint(q[..., k:]))]

    return of_matrix(draw, _ANY, factors, mode=mode)


def triplets(result: Any) -> list[Any]:
    """Singular values, and each pair of vectors multiplied: their common phase is arbitrary."""
    u, s, vh = result
    k = s.shape[-1]
    u, u2, vh, v2 = u[..., :k], u[..., k:], vh[..., :k, :], adjoint(vh[..., k:, :])
    pairs = [(u, vh), (u, adjoint(u)), (adjoint(vh), vh)]
    projectors = [np.matmul(u2, adjoint(u2)), np.matmul(v2, adjoint(v2))]
    return [s, *(np.einsum("...ik,...kj->...kij", x, y) for x, y in pairs), *projectors]


@sample_for("autograd_core.ops.linalg.svd")
def reduced_svd(draw: Draw) -> Case:
    return of_matrix(draw, _ANY, triplets)


@sample_for("numpy.linalg.svd")
def svd(draw: Draw) -> Case:
    which = draw(st.sampled_from(["values", "vectors", "hermitian", "hermitian values"]))
    if which == "values":
        return of_matrix(draw, _ANY, compute_uv=False)
    if which == "vectors":
        return of_matrix(draw, _ANY, triplets, full_matrices=draw(st.booleans()))
    if which == "hermitian":
        return of_matrix(draw, _SQUARE, triplets, hermitian, hermitian=True)
    return of_matrix(draw, _SQUARE, prepare=hermitian, hermitian=True, compute_uv=False)


@sample_for("numpy.linalg.svdvals")
def svdvals(draw: Draw) -> Case:
    return of_matrix(draw, _ANY)


@sample_for("numpy.linalg.eigh")
def eigh(draw: Draw) -> Case:
    def pairs(out: Any) -> list[Any]:
        w, v = out
        return [w, np.einsum("...ik,...jk->...kij", v, np.conj(v))]

    return of_matrix(draw, _SQUARE, pairs, hermitian, UPLO=draw(st.sampled_from("LU")))


@sample_for("numpy.linalg.eigvalsh")
def eigvalsh(draw: Draw) -> Case:
    return of_matrix(draw, _SQUARE, prepare=hermitian, UPLO=draw(st.sampled_from("LU")))


def _places(w: Any) -> Any:
    """In which order eigenvalues are compared: LAPACK's jumps where they themselves do not."""
    value = ag.stop_gradient(w)
    return np.argsort(np.real(value) + 0.37 * np.imag(value), axis=-1)  # conjugates are apart


@sample_for("numpy.linalg.eig")
def eig(draw: Draw) -> Case:
    def pairs(out: Any) -> list[Any]:
        w, v = out
        places = _places(w)
        products = np.einsum("...ik,...jk->...kij", v, np.conj(v))
        return [
            np.take_along_axis(w, places, axis=-1),
            np.take_along_axis(products, places[..., None, None], axis=-3),
        ]

    return of_matrix(draw, _SQUARE, pairs)


@sample_for("numpy.linalg.eigvals")
def eigvals(draw: Draw) -> Case:
    def ordered(w: Any) -> Any:
        return np.take_along_axis(w, _places(w), axis=-1)

    return of_matrix(draw, _SQUARE, ordered)


# --- norms --------------------------------------------------------------------------------------

_VECTORS = [None, 2, 1, 3, 2.5, 0.5, -1, -2, 0, math.inf, -math.inf]
_MATRICES = [None, "fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf]


def _axes(draw: Draw, ndim: int, count: int) -> tuple[int, ...]:
    order = draw(st.permutations(range(ndim)))[:count]
    return tuple(a - ndim if draw(st.booleans()) else a for a in order)


@sample_for("numpy.linalg.norm")
def norm(draw: Draw) -> Case:
    keepdims = draw(st.booleans())
    which = draw(st.sampled_from(["all", "vector", "matrix", "flat"]))
    if which == "matrix":
        order = draw(st.sampled_from(_MATRICES))
        stack = draw(st.sampled_from(_STACKS))
        # Singular values well apart, whichever way round the axes are.
        base = apart(2, 3) if order in (2, -2, "nuc") else np.zeros((2, 3))
        x, place = near(draw, base, stack)
        if order in (1, -1, math.inf, -math.inf):
            # One row's or column's sum is the norm: not two of them, where it has a kink.
            sizes = np.abs(place(x))
            assume(all(no_ties(sizes.sum(axis=k)) for k in (-1, -2)))
        axis: Any = draw(st.sampled_from([(-2, -1), (-1, -2)]))
        axis = None if x.ndim == 2 and draw(st.booleans()) else axis
        return Case(
            (x,),
            lambda f, t: f(place(t), ord=order, axis=axis, keepdims=keepdims),
            f"{x.shape}, {order}, {axis}",
        )
    if which == "all":
        x, order, axis = numbers(draw, shapes(draw)), None, None
    elif which == "flat":
        x, order, axis = numbers(draw, (4,)), draw(st.sampled_from(_VECTORS)), None
    else:
        x, order = numbers(draw, shapes(draw, min_dims=1)), draw(st.sampled_from(_VECTORS))
        (axis,) = _axes(draw, x.ndim, 1)
    return Case(
        (x,),
        lambda f, t: f(t, ord=order, axis=axis, keepdims=keepdims),
        f"{x.shape}, {order}, {axis}",
    )


@sample_for("numpy.linalg.vector_norm")
def vector_norm(draw: Draw) -> Case:
    x, order = numbers(draw, shapes(draw)), draw(st.sampled_from(_VECTORS[1:]))
    axis: Any = None if x.ndim == 0 else _axes(draw, x.ndim, draw(st.integers(1, x.ndim)))
    keepdims = draw(st.booleans())
    return Case(
        (x,),
        lambda f, t: f(t, axis=axis, keepdims=keepdims, ord=order),
        f"{x.shape}, {order}, {axis}",
    )


@sample_for("numpy.linalg.matrix_norm")
def matrix_norm(draw: Draw) -> Case:
    keepdims, order = draw(st.booleans()), draw(st.sampled_from(_MATRICES[1:]))
    return of_matrix(draw, _ANY, keepdims=keepdims, ord=order)


@sample_for("numpy.linalg.cond")
def cond(draw: Draw) -> Case:
    order = draw(st.sampled_from([None, 2, -2, 1, -1, math.inf, -math.inf, "fro", "nuc"]))
    return of_matrix(draw, [(2, 2), (3, 3)] + [(3, 2)] * (order in (None, 2, -2)), p=order)


@sample_for("autograd_core.ops.linalg.norm")
def euclidean(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw))
    axis: Any = None if x.ndim == 0 else _axes(draw, x.ndim, draw(st.integers(1, x.ndim)))
    keepdims = draw(st.booleans())
    return Case((x,), lambda f, t: f(t, axis=axis, keepdims=keepdims), f"{x.shape}, {axis}")


@sample_for("autograd_core.ops.linalg.p_norm")
def p_norm(draw: Draw) -> Case:
    x, order = numbers(draw, shapes(draw)), draw(st.sampled_from([3, 2.5, 0.5, -1, -2.5]))
    axis: Any = None if x.ndim == 0 else _axes(draw, x.ndim, draw(st.integers(1, x.ndim)))
    keepdims = draw(st.booleans())
    return Case(
        (x,),
        lambda f, t: f(t, ord=order, axis=axis, keepdims=keepdims),
        f"{x.shape}, {order}, {axis}",
    )
