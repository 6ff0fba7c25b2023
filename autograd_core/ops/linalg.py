"""Linear algebra: inverses, systems, determinants, decompositions, norms; batched as NumPy is.

Papers write gradients G with dL = Re(tr(Gᴴ dA)). The ``g`` of the rules is the conjugate of that,
dL = Re(sum(g dA)), so the rules of holomorphic functions (inv, solve, det) hold no conjugate at
all, and the others conjugate what comes in and what goes out.

The phases of complex eigenvectors and singular vectors are arbitrary, like the further columns of
full matrices. A loss that does not depend on them has a gradient; for any other backward raises.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import NotDifferentiableError
from ..registry import ZERO, defop, derived, known
from .complex import is_complex, ratio
from .products import array, conj, t
from .reduction import keep_reduced


def _h(x: Any) -> Any:
    """Transpose and conjugate each matrix of a stack."""
    return conj(t(x))


def _diagonal(x: Any) -> Any:
    """The vectors of a stack as diagonal matrices."""
    return np.where(np.eye(x.shape[-1], dtype=bool), x[..., None, :], 0.0)


def _on_diagonal(x: Any) -> Any:
    """Each matrix of a stack, its diagonal alone."""
    return np.where(np.eye(x.shape[-1], dtype=bool), x, 0.0)


def _hermitian_part(x: Any) -> Any:
    return 0.5 * (x + _h(x))


def _value(x: Any) -> Any:
    """What a tensor holds: for checks, which are not recorded."""
    return getattr(x, "_value", x)


def _eps(x: Any) -> float:
    return float(np.finfo(x.dtype).eps)


def _explained(name: str, a: Any, function: Callable[..., Any], *args: Any) -> Any:
    """Call a function for the rule of ``name``; an error of NumPy's says where it comes from."""
    try:
        return function(*args)
    except np.linalg.LinAlgError as error:
        error.add_note(f"in the derivative of {name} of shape {tuple(a.shape)}")
        raise


# --- inverses and systems -----------------------------------------------------------------------


def _inv(g: Any, out: Any, _a: Any) -> Any:
    """Giles (2008), section 2.2.3: -A⁻ᵀ g A⁻ᵀ."""
    b = t(out)
    return -np.matmul(np.matmul(b, g), b)


defop(np.linalg.inv, _inv, symbol="A⁻¹")


def _solve_b(g: Any, _out: Any, a: Any, _b: Any) -> Any:
    """Giles (2008), section 2.2.4: A⁻ᵀ g."""
    if _b.ndim == 1:  # one vector for the whole stack, as NumPy reads it
        return np.linalg.solve(t(a), g[..., None])[..., 0]
    return np.linalg.solve(t(a), g)


def _solve_a(g: Any, out: Any, a: Any, _b: Any) -> Any:
    """Giles (2008), section 2.2.4: -A⁻ᵀ g Xᵀ."""
    moved = _solve_b(g, out, a, _b)
    if _b.ndim == 1:
        return -moved[..., :, None] * out[..., None, :]
    return -np.matmul(moved, t(out))


defop(np.linalg.solve, _solve_a, _solve_b, broadcasting=True, symbol="A⁻¹b")


def _pinv(
    g: Any, out: Any, a: Any, rcond: Any = None, hermitian: bool = False, rtol: Any = None
) -> Any:
    """Golub and Pereyra (1973), "The differentiation of pseudo-inverses", where the rank stays.

    With P = A⁺: dP = -P dA P + P Pᴴ dAᴴ (1 - A P) + (1 - P A) dAᴴ Pᴴ P.
    """
    gt, p = t(g), out
    ph = _h(p)
    left = gt - np.matmul(a, np.matmul(p, gt))
    right = gt - np.matmul(np.matmul(gt, p), a)
    rest = np.matmul(np.matmul(left, p), ph) + np.matmul(ph, np.matmul(p, right))
    result = conj(rest) - np.matmul(np.matmul(t(p), g), t(p))
    return _hermitian_part(result) if hermitian else result


defop(np.linalg.pinv, _pinv, symbol="A⁺")


def _least_squares(a: Any, b: Any, rcond: float | None = None) -> Any:
    """``np.linalg.lstsq``: solution, residuals, rank and singular values."""
    return np.linalg.lstsq(a, b) if rcond is None else np.linalg.lstsq(a, b, rcond)


def _columns(x: Any) -> Any:
    return x[:, None] if x.ndim == 1 else x


def _lstsq_residual(g: Any, out: Any, a: Any, b: Any) -> Any:
    """The gradient at the residual, from its sums of squares; None where NumPy returns none."""
    if g[1] is None or g[1].shape[0] == 0:
        return None
    return 2.0 * g[1] * conj(_columns(b) - np.matmul(a, _columns(out[0])))


def _lstsq_inverse(a: Any, rcond: float | None) -> Any:
    eps = float(np.finfo(float).eps)  # LAPACK computes in double precision, whatever the dtype
    cut = eps * max(a.shape) if rcond is None else eps if rcond < 0 else rcond
    return np.linalg.pinv(a, cut)


def _lstsq_b(g: Any, out: Any, a: Any, b: Any, rcond: float | None = None) -> Any:
    result: Any = _lstsq_residual(g, out, a, b)
    if g[0] is not None:
        moved = np.matmul(t(_lstsq_inverse(a, rcond)), _columns(g[0]))
        result = moved if result is None else result + moved
    return ZERO if result is None else np.reshape(result, b.shape)


def _lstsq_a(g: Any, out: Any, a: Any, b: Any, rcond: float | None = None) -> Any:
    """The solution x is A⁺ b, see `_pinv`; the residual r is minimal, and so dr = db - dA x."""
    terms = []
    x, gr = _columns(out[0]), _lstsq_residual(g, out, a, b)
    if gr is not None:
        terms.append(-np.matmul(gr, t(x)))
    if g[0] is not None:
        gx, p = _columns(g[0]), _lstsq_inverse(a, rcond)
        moved = np.matmul(t(p), gx)
        residual = _columns(b) - np.matmul(a, x)
        beyond = gx - np.matmul(t(a), moved)  # what lies beyond the rank
        terms.append(-np.matmul(moved, t(x)))
        terms.append(np.matmul(conj(residual), t(np.matmul(p, conj(moved)))))
        terms.append(conj(np.matmul(np.matmul(_h(p), x), t(beyond))))
    if g[3] is not None:
        u, _, vh = np.linalg.svd(a, full_matrices=False)
        terms.append(conj(np.matmul(u * g[3], vh)))
    result: Any = ZERO
    for term in terms:
        result = term if result is ZERO else result + term
    return result


least_squares = defop(_least_squares, _lstsq_a, _lstsq_b, name="lstsq")


@derived(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
    """Solution of least squares, sums of squared residuals, rank, and singular values of ``a``."""
    x, residuals, rank, s = least_squares(a, b, rcond=rcond)
    return x, residuals, rank.detach(), s


@derived(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """The inverse of ``a`` as a matrix whose columns are the axes from ``ind`` on."""
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    n = math.prod(a.shape[ind:])
    return np.reshape(
        np.linalg.inv(np.reshape(a, (n, a.size // max(n, 1)))), a.shape[ind:] + a.shape[:ind]
    )


@derived(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """The x with ``tensordot(a, x, x.ndim) == b``; ``axes`` of ``a`` are moved to the end first."""
    a, b = array(a, "tensorsolve"), array(b, "tensorsolve")
    if axes is not None:
        order = list(range(a.ndim))
        for k in axes:
            if k not in order:  # NumPy takes no negative ones
                raise ValueError(f"tensorsolve: axis {k} of an operand of shape {a.shape}")
            order.remove(k)
            order.append(operator.index(k))
        a = np.transpose(a, order)
    shape = a.shape[b.ndim :]
    n = math.prod(shape)
    if a.size != n * n:
        raise np.linalg.LinAlgError(
            "Input arrays must satisfy the requirement "
            f"prod(a.shape[b.ndim:]) == prod(a.shape[:b.ndim]), but a has shape {a.shape} and b "
            f"{b.ndim} axes"
        )
    return np.reshape(np.linalg.solve(np.reshape(a, (n, n)), np.reshape(b, (n,))), shape)


def _check_matrices(a: Any) -> None:
    if a.ndim < 2:
        raise np.linalg.LinAlgError(
            f"{a.ndim}-dimensional array given. Array must be at least two-dimensional"
        )


def _check_square(a: Any) -> None:
    _check_matrices(a)
    if a.shape[-2] != a.shape[-1]:
        raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square")


@derived(np.linalg.matrix_power, symbol="Aⁿ")
def matrix_power(a: Any, n: int) -> Any:
    """The product of ``n`` copies of each matrix, by repeated squaring; of the inverse if n < 0."""
    _check_square(a)
    n = operator.index(n)
    if n == 0:  # a constant, that stays on the graph
        eye = np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape)
        return np.where(True, eye, a)
    if n < 0:
        a, n = np.linalg.inv(a), -n
    result: Any = None
    while True:
        n, odd = divmod(n, 2)
        if odd:
            result = a if result is None else np.matmul(result, a)
        if n == 0:
            return np.positive(result)
        a = np.matmul(a, a)


@derived(np.linalg.multi_dot)
def multi_dot(arrays: Any) -> Any:
    """The product of a chain of matrices, in the order that multiplies the fewest numbers."""
    chain = [array(x, "multi_dot") for x in arrays]
    if len(chain) < 2:
        raise ValueError("Expecting at least two arrays.")
    first, last = chain[0].ndim == 1, chain[-1].ndim == 1
    if first:
        chain[0] = np.reshape(chain[0], (1, -1))
    if last:
        chain[-1] = np.reshape(chain[-1], (-1, 1))
    for x in chain:
        if x.ndim != 2:
            raise np.linalg.LinAlgError(
                f"multi_dot: {x.ndim}-dimensional array given; the chain must be of matrices, with "
                "vectors at its ends only"
            )
    result = _multiplied(chain, _cuts([x.shape[0] for x in chain] + [chain[-1].shape[1]]))
    kept = result.shape[int(first) : 2 - int(last)]
    return result if len(kept) == 2 else np.reshape(result, kept)


def _cuts(sides: list[int]) -> dict[tuple[int, int], int]:
    """Where to cut each part of a chain: Cormen et al., section 15.2."""
    n = len(sides) - 1
    cost = {(i, i): 0 for i in range(n)}
    cuts = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i, j], cuts[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + sides[i] * sides[k + 1] * sides[j + 1], k)
                for k in range(i, j)
            )
    return cuts


def _multiplied(chain: list[Any], cuts: dict[tuple[int, int], int]) -> Any:
    def product(i: int, j: int) -> Any:
        if i == j:
            return chain[i]
        return np.matmul(product(i, cuts[i, j]), product(cuts[i, j] + 1, j))

    return product(0, len(chain) - 1)


# --- determinants -------------------------------------------------------------------------------


def _others(s: Any, pairs: bool) -> Any:
    """The products of all singular values but one, or but two; of those with zeros exactly."""
    zero = s == 0
    logs = np.log(np.where(zero, 1.0, s))
    total, zeros = np.sum(logs, axis=-1), np.sum(zero, axis=-1)
    if not pairs:
        left = zeros[..., None] - zero
        return np.where(left == 0, np.exp(total[..., None] - logs), 0.0)
    left = zeros[..., None, None] - zero[..., :, None] - 1 * zero[..., None, :]
    product = np.exp(total[..., None, None] - logs[..., :, None] - logs[..., None, :])
    return np.where((left == 0) & ~np.eye(s.shape[-1], dtype=bool), product, 0.0)


def _cofactor(a: Any) -> Any:
    """The matrix of cofactors, det(A) A⁻ᵀ, also where A is singular."""
    a, finite = _numbers(a)
    try:
        b = t(np.linalg.inv(a))
    except np.linalg.LinAlgError:
        b = None
    if b is None or (known(b) and not np.all(np.isfinite(b))):
        u, s, vh = np.linalg.svd(a)
        phase = np.linalg.det(u) * np.linalg.det(vh)
        core = conj(u) * (_others(s, pairs=False) * phase[..., None])[..., None, :]
        result = np.matmul(core, conj(vh)).astype(a.dtype, copy=False)
    else:
        result = _scaled(b, a)
    return result if finite is None else np.where(finite, result, math.nan)


def _scaled(b: Any, a: Any) -> Any:
    """``b`` times det(A), in two steps where the determinant alone leaves the range of floats."""
    det = np.linalg.det(a)[..., None, None]
    size = np.absolute(det)
    inside = (size >= float(np.finfo(a.dtype).tiny)) & np.isfinite(size)
    if not known(det) or np.all(inside):
        return b * det
    sign, log = np.linalg.slogdet(a)
    half = np.exp(0.5 * log)[..., None, None]
    with np.errstate(all="ignore"):  # of what is not selected
        return np.where(inside, b * det, b * half * half * sign[..., None, None])


def _numbers(a: Any) -> tuple[Any, Any]:
    """The stack, with 1 for a matrix that is not finite, for which LAPACK would give up.

    And which are finite, or None if all of them are.
    """
    v = _value(a)
    finite = np.all(np.isfinite(v), axis=(-2, -1), keepdims=True) if known(v) else None
    if finite is None or np.all(finite):
        return a, None
    return np.where(finite, a, np.eye(a.shape[-1], dtype=a.dtype)), finite


def _cofactor_rule(g: Any, out: Any, a: Any) -> Any:
    """Minors of second order: with B = A⁻¹, det(A) (tr(g B) Bᵀ - Bᵀ gᵀ Bᵀ).

    Near singular matrices that is a difference of large numbers. There, in the basis of singular
    vectors, where all minors are products of the other singular values:
    D² det(S)[E, F] = Σ (E[i,i] F[j,j] - E[i,j] F[j,i]) Π s[k] over i ≠ j and k ∉ {i, j}.
    """
    a, finite = _numbers(a)
    if finite is not None:
        shown = finite | np.all(g == 0, axis=(-2, -1), keepdims=True)
        g, out = np.where(finite, g, 0.0), np.where(finite, out, 0.0)
        return np.where(shown, _minors(g, out, a), math.nan)
    return _minors(g, out, a)


def _minors(g: Any, out: Any, a: Any) -> Any:
    if _well_conditioned(a):
        b = t(np.linalg.inv(a))
        along = np.sum(g * b, axis=(-2, -1))[..., None, None]
        return along * out - np.matmul(np.matmul(out, t(g)), b)
    u, s, vh = np.linalg.svd(a)
    phase = (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
    e = np.matmul(np.matmul(_h(u), g), _h(vh))
    p = _others(s, pairs=True)
    diagonal = np.sum(_on_diagonal(e), axis=-1)
    core = _diagonal(np.matmul(p, diagonal[..., None])[..., 0]) - t(p * e)
    return phase * np.matmul(np.matmul(conj(u), core), conj(vh))


def _well_conditioned(a: Any) -> bool:
    """Whether no matrix of a stack is so close to singular that digits would be lost."""
    a = _value(a)
    if not known(a):
        return True  # a lazy array: not looked at
    try:
        condition = np.linalg.norm(a, axis=(-2, -1)) * np.linalg.norm(
            np.linalg.inv(a), axis=(-2, -1)
        )
    except np.linalg.LinAlgError:
        return False
    return bool(np.all(condition < _eps(a) ** -0.25))


cofactor = defop(_cofactor, _cofactor_rule, name="cofactor")


def _det(g: Any, _out: Any, a: Any) -> Any:
    """Not det(A) A⁻ᵀ: a singular matrix has a gradient too."""
    g, minors = g[..., None, None], cofactor(a)
    v = _value(minors)
    if not known(v) or np.all(np.isfinite(v)):
        return g * minors
    return g * np.where((g == 0) & ~np.isfinite(v), 0.0, minors)


defop(np.linalg.det, _det, symbol="det")


def _slogdet(g: Any, out: Any, a: Any) -> Any:
    """Giles (2008), section 2.2.2: d log det(A) = tr(A⁻¹ dA), whose imaginary part turns the sign.

    With w = tr(A⁻¹ dA): d logabsdet = Re(w) and d sign = i sign Im(w), which is 0 for real A.
    """
    gsign, glog = g
    factor: Any = glog
    if gsign is not None and is_complex(a):
        turned = np.imag(gsign * out[0]) * 1j  # in this order: np.float64 is a float of Python's
        factor = turned if glog is None else glog + turned
    if factor is None:
        return ZERO
    return factor[..., None, None] * t(_explained("slogdet", a, np.linalg.inv, a))


defop(np.linalg.slogdet, _slogdet, symbol="log|det|")


# --- decompositions -----------------------------------------------------------------------------


def _halved(x: Any, lower: bool) -> Any:
    """One triangle of each matrix, its diagonal halved."""
    n = x.shape[-1]
    strict = np.tri(n, k=-1, dtype=bool)
    strict = strict if lower else strict.T
    return np.where(strict, x, np.where(np.eye(n, dtype=bool), 0.5 * x, 0.0))


def _cholesky(g: Any, out: Any, _a: Any, upper: bool = False) -> Any:
    """Murray (2016), "Differentiation of the Cholesky decomposition", of the matrix as a whole.

    With A = L Lᴴ and Φ the lower triangle with half the diagonal: the Hermitian part of
    L⁻ᴴ Φ(Lᴴ G) L⁻¹, though NumPy reads one triangle only.
    """
    # Dask's function returns the upper triangle where NumPy's returns the lower.
    upper = upper or hasattr(getattr(out, "_value", out), "__dask_graph__")
    lower, g = (_h(out), t(g)) if upper else (out, conj(g))
    phi = _halved(np.matmul(_h(lower), g), lower=True)
    inverse = np.linalg.inv(lower)  # NumPy has no triangular solver, and this takes fewer steps
    return conj(np.matmul(np.matmul(_h(inverse), _hermitian_part(phi)), inverse))


defop(np.linalg.cholesky, _cholesky)


_PHASES = "the phases of the vectors"


def _fold(name: str, g: Any, q: Any, k: int) -> Any:
    """Bring the gradient at all columns of a unitary matrix to the first ``k``.

    The others span what those leave out, in an arbitrary basis: dQ₂ = -Q₁ dQ₁ᴴ Q₂, and the rest
    of the change is nobody's business.
    """
    q1, q2, g1, g2 = q[..., :k], q[..., k:], g[..., :k], g[..., k:]
    turned = np.matmul(_h(q2), g2)
    _check_free(name, "the basis of the further columns", turned - _h(turned), g)
    return g1 - np.matmul(q2, np.matmul(_h(g2), q1))


def _check_free(name: str, what: str, skew: Any, *gradients: Any) -> None:
    """Refuse a loss that depends on what is arbitrary in a decomposition."""
    skew, sizes = _value(skew), [_value(g) for g in gradients if g is not None]
    if skew.size == 0 or not all(map(known, (skew, *sizes))):
        return
    if np.max(np.abs(skew)) > _eps(skew) ** (1 / 3) * max(np.max(np.abs(g)) for g in sizes):
        raise np.linalg.LinAlgError(
            f"{name}: the loss depends on {what}, which is arbitrary, so it has no derivative; use "
            "what does not change with it: projections, products of a vector with its conjugate"
        )


def _over_gaps(name: str, what: str, x: Any, gaps: Any, values: Any) -> Any:
    """``x`` divided by the gaps between values i and j, 0 on the diagonal; repeats raise."""
    k = gaps.shape[-1]
    diagonal = np.eye(k, dtype=bool)
    v = _value(values)
    if known(v) and k > 1:
        # Equal but for rounding is equal: what is divided by such a gap is noise.
        least = _eps(v) * 8 * k * np.max(np.abs(v), axis=-1)[..., None, None]
        apart = np.abs(v[..., None, :] - v[..., :, None]) > least
        if not np.all(apart | diagonal):
            raise np.linalg.LinAlgError(
                f"{name}: {what} values repeat, so the derivative of the {what} vectors does not "
                "exist; use the values only, at order 1"
            )
    return np.where(diagonal, 0.0, x / np.where(diagonal, 1.0, gaps))


def _qr(a: Any, mode: Any) -> Any:
    """The factors of a stack of matrices, reduced or complete."""
    return np.linalg.qr(a) if mode == "reduced" else np.linalg.qr(a, mode)


def _solve_triangular(r: Any, b: Any) -> Any:
    """Solve R x = b; what rounding leaves on the diagonal of dependent columns is no pivot."""
    if known(r) and r.size:
        pivots = np.absolute(np.diagonal(r, axis1=-2, axis2=-1))
        largest = np.max(pivots, axis=-1, keepdims=True)
        if bool(np.any(pivots <= _eps(r) * r.shape[-1] * largest)):
            raise np.linalg.LinAlgError("Singular matrix: its columns are linearly dependent")
    return np.linalg.solve(r, b)


def _qr_rule(g: Any, out: Any, _a: Any, mode: str) -> Any:
    """Seeger et al. (2017), "Auto-differentiating linear algebra"; wide matrices: Roberts (2020).

    With M = Gr Rᴴ - Qᴴ Gq and T its upper triangle with half the diagonal:
    (Gq + Q (T + Tᴴ)) R⁻ᴴ. A wide matrix is [X Y] with X = Q R₁, and R₂ = Qᴴ Y.
    """
    gq, gr = (None if part is None else conj(part) for part in g)
    q, r = out
    m, n = _a.shape[-2:]
    k = min(m, n)
    if q.shape[-1] > k:
        gq = None if gq is None else _fold("qr", gq, q, k)
        gr = None if gr is None else gr[..., :k, :]
        q, r = q[..., :k], r[..., :k, :]
    beyond = None
    if n > m and gr is not None:
        beyond = gr[..., k:]
        more = np.matmul(np.matmul(q, r[..., k:]), _h(beyond))
        gq = more if gq is None else gq + more
        beyond, gr = np.matmul(q, beyond), gr[..., :k]
    elif n > m:
        beyond = np.zeros((*_a.shape[:-1], n - m), q.dtype)
    r = r[..., :k]
    inner: Any = 0.0 if gr is None else np.matmul(gr, _h(r))
    if gq is not None:
        inner = inner - np.matmul(_h(q), gq)
    upper = _halved(inner, lower=False)
    total = np.matmul(q, upper + _h(upper))
    if gq is not None:
        total = total + gq
    result = _h(_explained("qr", _a, _solve_triangular, r, _h(total)))
    if beyond is not None:
        result = np.concatenate([result, beyond], axis=-1)
    return conj(result)


factors = defop(_qr, _qr_rule, name="qr")


@derived(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """``a = q @ r`` with orthonormal columns of ``q`` and a triangular ``r``, of full rank."""
    if mode == "raw":
        raise NotDifferentiableError(
            "qr: mode='raw' returns LAPACK's Householder vectors, which have no derivative here; "
            "use 'reduced', 'complete' or 'r'"
        )
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"Unrecognized mode '{mode}'")
    both = factors(a, mode="reduced" if mode == "r" else mode)
    return both[1] if mode == "r" else both


def _svd(a: Any, full_matrices: bool = False) -> Any:
    """The singular value decomposition of a stack of matrices."""
    return np.linalg.svd(a, full_matrices=full_matrices)


def _svd_rule(g: Any, out: Any, _a: Any, full_matrices: bool = False) -> Any:
    """Townsend (2016), "Differentiating the singular value decomposition"; complex: Wan (2019).

    With A = U S Vᴴ and F[i, j] = 1 / (s[j]² - s[i]²) off the diagonal:
    U (sym(F * UᴴGu) S + S sym(F * VᴴGv) + diag(gs)) Vᴴ, and what leaves the two subspaces.
    The terms of the vectors are left out when their gradient is unused: values may repeat then.
    """
    gu, gs, gvh = g
    u, s, vh = out
    gu = None if gu is None else conj(gu)
    gv = None if gvh is None else t(gvh)
    m, n = _a.shape[-2:]
    k = s.shape[-1]
    if full_matrices:
        if m > k and gu is not None:
            gu = _fold("svd", gu, u, k)
        if n > k and gv is not None:
            gv = _fold("svd", gv, _h(vh), k)
        u, vh = u[..., :k], vh[..., :k, :]
    column, row = s[..., None, :], s[..., :, None]
    values = _value(s)
    # By matrix_rank's measure: a value of zero is a kink, like |x| at 0, with the derivative 0.
    zero = values <= values[..., :1] * (_eps(values) * max(m, n))
    core: Any = 0.0 if gs is None else _diagonal(np.where(zero, 0.0, gs))
    left = right = None
    turn: Any = 0.0
    gaps = (column - row) * (column + row) if gu is not None or gv is not None else None
    if ((gu is not None and m > k) or (gv is not None and n > k)) and known(zero) and np.any(zero):
        raise np.linalg.LinAlgError(
            "svd: a singular value is zero, so the derivative of the singular vectors of a matrix "
            f"of shape {(m, n)} does not exist; use the values only"
        )
    if gu is not None:
        ju = np.matmul(_h(u), gu)
        j = _over_gaps("svd", "singular", ju, gaps, s)
        core = core + (j + _h(j)) * column
        turn = ju
        if m > k:
            left, core = gu / column, core - ju / column
        if is_complex(u):  # how much the phases of u turn against those of v
            core = core + ratio(np.imag(_on_diagonal(ju)) * 1j, column)
    if gv is not None:
        jv = np.matmul(vh, gv)
        j = _over_gaps("svd", "singular", jv, gaps, s)
        core = core + row * (j + _h(j))
        turn = turn + jv
        if n > k:
            right, core = _h(gv / column), core - _h(jv) / row
    if is_complex(u) and gaps is not None:
        _check_free("svd", _PHASES, np.imag(_on_diagonal(_value(turn))), gu, gv)
    inner = np.matmul(u, core)
    result = np.matmul(inner if left is None else inner + left, vh)
    if right is not None:
        result = result + np.matmul(u, right)
    return conj(result)


reduced_svd = defop(_svd, _svd_rule, name="svd")


@derived(np.linalg.svd)
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """Singular value decomposition ``a = u @ diag(s) @ vh`` of a stack of matrices."""
    if hermitian:
        return _svd_by_eigh(a, compute_uv)
    if not compute_uv:
        return reduced_svd(a)[1]
    _check_matrices(a)
    return reduced_svd(a, full_matrices=full_matrices and a.shape[-1] != a.shape[-2])


def _svd_by_eigh(a: Any, compute_uv: bool) -> Any:
    w, u = np.linalg.eigh(a)
    s = np.absolute(w)
    order = np.argsort(_value(s))[..., ::-1]
    values = np.take_along_axis(s, order, axis=-1)
    if not compute_uv:
        return values
    sign = np.take_along_axis(np.copysign(1.0, _value(w)).astype(s.dtype), order, axis=-1)
    u = np.take_along_axis(u, order[..., None, :], axis=-1)
    return type(np.linalg.svd(np.ones((1, 1))))(u, values, _h(u * sign[..., None, :]))


@derived(np.linalg.svdvals)
def svdvals(x: Any) -> Any:
    """The singular values alone; they may repeat, at order 1."""
    return reduced_svd(x)[1]


def _eigh(g: Any, out: Any, _a: Any, UPLO: str = "L") -> Any:
    """Giles (2008), section 3.1, of the matrix as a whole, though NumPy reads one triangle only.

    With A = V diag(w) Vᴴ and F[i, j] = 1 / (w[j] - w[i]) off the diagonal: the Hermitian part of
    V (diag(gw) + F * VᴴGv) Vᴴ.
    """
    gw, gv = g
    w, v = out
    if gv is None:
        return conj(np.matmul(v * gw[..., None, :], _h(v)))
    gv = conj(gv)
    j = np.matmul(_h(v), gv)
    if is_complex(v):
        _check_free("eigh", _PHASES, np.imag(_on_diagonal(_value(j))), gv)
    gaps = w[..., None, :] - w[..., :, None]
    core = _hermitian_part(_over_gaps("eigh", "eigen", j, gaps, w))
    if gw is not None:
        core = core + _diagonal(gw)
    return conj(np.matmul(np.matmul(v, core), _h(v)))


defop(np.linalg.eigh, _eigh)


@derived(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: Any = "L") -> Any:
    """The eigenvalues of a Hermitian matrix alone; they may repeat, at order 1."""
    return np.linalg.eigh(a, UPLO)[0]


def _eig(g: Any, out: Any, _a: Any) -> Any:
    """Boeddeker et al. (2017), "On the computation of complex-valued gradients", section 4.18.

    With A V = V diag(w), the columns of V of length one, E[i, j] = w[j] - w[i] and K = Vᵀ gv:
    V⁻ᵀ (diag(gw) + (K - Vᵀ conj(V) diag(Re K)) / E) Vᵀ.
    """
    gw, gv = g
    w, v = out
    vt = t(v)
    core: Any = 0.0 if gw is None else _diagonal(gw)
    if gv is not None:
        k = np.matmul(vt, gv)
        if is_complex(v):
            _check_free("eig", _PHASES, np.imag(_on_diagonal(_value(k))), gv)
        lengths = np.sum(np.real(_on_diagonal(k)), axis=-1)
        k = k - np.matmul(vt, conj(v)) * lengths[..., None, :]
        core = core + _over_gaps("eig", "eigen", k, w[..., None, :] - w[..., :, None], w)
    return _explained("eig", _a, np.linalg.solve, vt, np.matmul(core, vt))


defop(np.linalg.eig, _eig)


@derived(np.linalg.eigvals)
def eigvals(a: Any) -> Any:
    """The eigenvalues of a square matrix alone; they may repeat unless vectors are missing."""
    return np.linalg.eig(a)[0]


defop(np.linalg.matrix_rank, None)


# --- norms --------------------------------------------------------------------------------------


def _euclidean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The root of the sum of squares, over any axes."""
    if isinstance(axis, tuple) and len(axis) > 2:
        return np.linalg.vector_norm(x, axis=axis, keepdims=keepdims)
    return np.linalg.norm(x, axis=axis, keepdims=keepdims)


def _euclidean_rule(g: Any, out: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """x / |x|, and 0 at the origin, where all orders are 0."""
    if not keepdims:
        g, out = keep_reduced(g, x, axis), keep_reduced(out, x, axis)
    x, out = _used(g, out, x)
    return conj(x) * ratio(g, out)


def _used(g: Any, out: Any, x: Any) -> tuple[Any, Any]:
    """``x`` and its norms, 0 where an infinite norm or NaN has no gradient: none it stays."""
    v = _value(out)
    if known(v) and np.all(np.isfinite(v)):
        return x, out
    unused = (g == 0) & ~np.isfinite(out)
    return np.where(unused, 0.0, x), np.where(unused, 0.0, out)


# A composition would square and take the root where NumPy calls BLAS.
euclidean = defop(_euclidean, _euclidean_rule, name="norm", symbol="‖x‖")


def _p_norm(x: Any, ord: float, axis: Any = None, keepdims: bool = False) -> Any:
    """The root of order ``ord`` of the sum of powers, over any axes."""
    if isinstance(axis, tuple) and len(axis) == 1:
        axis = axis[0]
    if x.ndim == 1 or isinstance(axis, int):
        return np.linalg.norm(x, ord, axis, keepdims)
    return np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)


def _p_norm_rule(
    g: Any, out: Any, x: Any, ord: float, axis: Any = None, keepdims: bool = False
) -> Any:
    """sign(x) (|x| / norm)^(p - 1), in which nothing overflows; 0 at x = 0, as for |x|."""
    if not keepdims:
        g, out = keep_reduced(g, x, axis), keep_reduced(out, x, axis)
    x, out = _used(g, out, x)
    share = ratio(np.absolute(x), out)
    zero = share == 0
    power = np.where(zero, 0.0, np.where(zero, 1.0, share) ** (float(ord) - 1.0))
    return g * power * conj(np.sign(x))


p_norm = defop(_p_norm, _p_norm_rule, name="p_norm", symbol="‖x‖ₚ")


def _of_vectors(x: Any, ord: Any, axis: Any, keepdims: bool) -> Any:
    """The norm of the vectors along ``axis``, which may be several axes, or None for all."""
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order '{ord}' for vectors")
    if ord is None or ord == 2:
        return euclidean(x, axis=axis, keepdims=keepdims)
    size = np.absolute(x)
    if ord == math.inf and x.size > 0:
        return np.max(size, axis=axis, keepdims=keepdims)
    if ord == -math.inf:
        return np.min(size, axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum(np.where(x != 0, 1.0, np.sign(size)), axis=axis, keepdims=keepdims)
    if ord in (1, math.inf):
        return np.sum(size, axis=axis, keepdims=keepdims)
    return p_norm(x, ord=ord, axis=axis, keepdims=keepdims)


def _of_matrices(x: Any, ord: Any, axis: tuple[int, int], keepdims: bool) -> Any:
    """The norm of the matrices along two axes."""
    row, column = (operator.index(a) for a in axis)
    for a in (row, column):
        if not -x.ndim <= a < x.ndim:
            raise np.exceptions.AxisError(a, x.ndim)
    row, column = row % x.ndim, column % x.ndim
    if row == column:
        raise ValueError("Duplicate axes given.")
    if ord is None or ord in ("fro", "f"):
        return euclidean(x, axis=(row, column), keepdims=keepdims)
    if ord in (2, -2, "nuc"):
        s = np.linalg.svdvals(np.moveaxis(x, (row, column), (-2, -1)))
        reduce: Any = {2: np.max, -2: np.min, "nuc": np.sum}[ord]
        result = reduce(s, axis=-1)
        return np.expand_dims(result, (row, column)) if keepdims else result
    if ord in (1, -1):
        summed, other = row, column
    elif ord in (math.inf, -math.inf):
        summed, other = column, row
    else:
        raise ValueError("Invalid norm order for matrices.")
    sums = np.sum(np.absolute(x), axis=summed, keepdims=True)
    result = (np.max if ord > 0 else np.min)(sums, axis=other, keepdims=True)
    return result if keepdims else np.squeeze(result, axis=(row, column))


@derived(np.linalg.norm, symbol="‖x‖")
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The norm of a vector or matrix, of all of NumPy's orders; 0 is its derivative at 0."""
    if axis is None:
        if ord is None:
            return euclidean(x, keepdims=keepdims)
        axis = tuple(range(x.ndim))
    elif not isinstance(axis, tuple):
        try:
            axis = (int(axis),)
        except Exception as error:
            raise TypeError("'axis' must be None, an integer or a tuple of integers") from error
    if len(axis) == 1:
        return _of_vectors(x, ord, axis, keepdims)
    if len(axis) == 2:
        return _of_matrices(x, ord, axis, keepdims)
    raise ValueError("Improper number of dimensions to norm.")


@derived(np.linalg.vector_norm, symbol="‖x‖")
def vector_norm(x: Any, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """The norm over an axis, several axes, or all elements."""
    return _of_vectors(x, ord, axis, keepdims)


@derived(np.linalg.matrix_norm, symbol="‖A‖")
def matrix_norm(x: Any, keepdims: bool = False, ord: Any = "fro") -> Any:
    """The norm of each matrix of a stack."""
    return _of_matrices(x, ord, (-2, -1), keepdims)


@derived(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    """The norm of a matrix times that of its inverse; of the singular values for p = 2 and -2."""
    if x.size == 0:
        raise np.linalg.LinAlgError("cond is not defined on empty arrays")
    if p is not None and p not in (2, -2):
        inverse = np.linalg.inv(x)
        return _of_matrices(x, p, (-2, -1), False) * _of_matrices(inverse, p, (-2, -1), False)
    s = np.linalg.svdvals(x)
    high, low = np.max(s, axis=-1), np.min(s, axis=-1)  # which share among equal values
    with np.errstate(all="ignore"):
        result = low / high if p == -2 else high / low
    return np.where(high == 0, math.inf, result)
