"""Products and decompositions of matrices: matmul, dot, einsum, svd; batched as NumPy is."""

from __future__ import annotations

import operator
import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..registry import defop, derived


def _t(x: Any) -> Any:
    return x.T if x.ndim == 2 else np.swapaxes(x, -1, -2)


def _matmul_x(g: Any, _out: Any, _x: Any, y: Any) -> Any:
    if y.ndim == 1:
        return g[..., None] * y
    if _x.ndim == 1:
        return np.matmul(y, g[..., None])[..., 0]
    return np.matmul(g, _t(y))


def _matmul_y(g: Any, _out: Any, x: Any, _y: Any) -> Any:
    if x.ndim == 1:
        return x * g if _y.ndim == 1 else x[:, None] * g[..., None, :]
    if _y.ndim == 1:
        return np.matmul(_t(x), g[..., None])[..., 0]
    return np.matmul(_t(x), g)


defop(
    np.matmul,
    _matmul_x,
    _matmul_y,
    kind="multilinear",
    broadcasting=True,
    symbol="@",
    operator=operator.matmul,
)


@derived(np.dot, symbol="·")
def dot(a: Any, b: Any) -> Any:
    """``einsum`` over the last axis of ``a`` and the last but one of ``b``, or its only one."""
    a, b = (np.asarray(x) if isinstance(x, (list, tuple)) else x for x in (a, b))
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    if b.ndim <= 2:
        return np.matmul(a, b)
    left, right = string.ascii_letters[: a.ndim], string.ascii_letters[-b.ndim :]
    right = right[:-2] + left[-1] + right[-1]
    return np.einsum(f"{left},{right}->{left[:-1]}{right[:-2]}{right[-1]}", a, b)


# --- einsum -----------------------------------------------------------------------------------


def _contract(operands: Sequence[Any], subscripts: str, optimize: Any = False) -> Any:
    """``np.einsum`` with its operands in front; ``subscripts`` are explicit."""
    return np.einsum(subscripts, *operands, optimize=optimize)


def _einsum_rule(
    g: Any, _out: Any, i: int, *xs: Any, subscripts: str, optimize: Any = False
) -> Any:
    """Contract ``g`` with the other operands; see `explicit` for the subscripts."""
    inputs, output = subscripts.split("->")
    terms = inputs.split(",")
    shape = xs[i].shape
    others = [j for j in range(len(xs)) if j != i]
    operands, labels = [g, *(xs[j] for j in others)], [output, *(terms[j] for j in others)]
    sizes: dict[str, int] = {}
    for x, label in zip(operands, labels, strict=True):
        for n, letter in zip(x.shape, label, strict=True):
            sizes[letter] = max(n, sizes.get(letter, 0))
    free = (letter for letter in string.ascii_letters if letter not in subscripts)
    target = ""
    for n, label in zip(shape, terms[i], strict=True):
        if label in target:  # a diagonal was read: the gradient lies on it
            target += next(free)
            operands.append(np.eye(n, dtype=g.dtype))
            labels.append(label + target[-1])
            continue
        # Summed away, or broadcast against axes of one: the same gradient for each element.
        if sizes.get(label, 1) == 1 != n or label not in sizes:
            operands.append(np.ones(n, dtype=g.dtype))
            labels.append(label)
        target += label
    return np.einsum(f"{','.join(labels)}->{target}", *operands, optimize=optimize)


contract = defop(
    _contract,
    _einsum_rule,
    kind="multilinear",
    variadic=True,
    broadcasting=True,
    name="einsum",
)


def explicit(subscripts: str, ndims: list[int]) -> str:
    """Write out an einsum's output and its ellipses: ``"...i,i"`` becomes ``"ai,i->a"``.

    >>> explicit("...ij,jk", [3, 2])
    'aij,jk->aik'
    """
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ndims):
        raise ValueError(
            f"einsum: {subscripts!r} names {len(terms)} operands, but {len(ndims)} were given"
        )
    hidden = [
        n - len(term.replace("...", "")) if "..." in term else 0
        for term, n in zip(terms, ndims, strict=True)
    ]
    unused = [c for c in string.ascii_letters if c not in subscripts]
    batch = "".join(unused[: max(hidden, default=0)])
    full = [
        term.replace("...", batch[len(batch) - n :]) for term, n in zip(terms, hidden, strict=True)
    ]
    if arrow:
        output = output.replace("...", batch)
    else:
        letters = "".join(full)
        output = batch + "".join(
            c for c in sorted(set(letters)) if letters.count(c) == 1 and c not in batch
        )
    return f"{','.join(full)}->{output}"


@derived(np.einsum)
def einsum(subscripts: Any, *operands: Any, optimize: Any = False) -> Any:
    """Sum of products by Einstein's convention; operands before lists of labels work too."""
    if not isinstance(subscripts, str):
        sublists = [subscripts, *operands]
        operands = tuple(sublists[0 : len(sublists) - len(sublists) % 2 : 2])
        labels = ["".join(_letter(label) for label in labels) for labels in sublists[1::2]]
        subscripts = ",".join(labels)
        if len(sublists) % 2:
            subscripts += "->" + "".join(_letter(label) for label in sublists[-1])
    subscripts = explicit(subscripts, [np.ndim(x) for x in operands])
    return contract(operands, subscripts=subscripts, optimize=optimize)


def _letter(label: Any) -> str:
    letters = string.ascii_uppercase + string.ascii_lowercase  # in NumPy's order
    return "..." if label is Ellipsis else letters[label]


# --- singular value decomposition -------------------------------------------------------------


def _svd(a: Any) -> Any:
    """The reduced singular value decomposition of a stack of matrices."""
    return np.linalg.svd(a, full_matrices=False)


def _svd_rule(g: Any, out: Any, _a: Any) -> Any:
    """Townsend (2016), "Differentiating the singular value decomposition", real case.

    With A = U S Vᵀ and F[i, j] = 1 / (s[j]² - s[i]²) off the diagonal:
    U (sym(F * Uᵀ gU) S + S sym(F * Vᵀ gV) + diag(gs)) Vᵀ, and what leaves the two subspaces.
    The terms of the vectors are left out when their gradient is unused: values may repeat then.
    """
    gu, gs, gvh = g
    u, s, vh = out
    v, core = _t(vh), 0.0
    result: Any = 0.0
    if gu is not None or gvh is not None:
        k = s.shape[-1]
        squares = s * s
        gaps = squares[..., None, :] - squares[..., :, None]
        diagonal = np.eye(k, dtype=bool)
        # Equal but for rounding is equal: what is divided by such a gap is noise.
        least = np.finfo(s.dtype).eps * 8 * k * np.max(s, axis=-1)[..., None, None]
        apart = np.abs(s[..., None, :] - s[..., :, None]) > least
        if not np.all(apart | diagonal):
            raise np.linalg.LinAlgError(
                "svd: singular values repeat, so the derivative of the singular vectors does not "
                "exist; use the values only, at order 1"
            )
        f = np.where(diagonal, 0.0, 1.0 / np.where(diagonal, 1.0, gaps))
    if gu is not None:
        j = f * np.matmul(_t(u), gu)
        core = core + (j + _t(j)) * s[..., None, :]
        if u.shape[-2] > u.shape[-1]:
            w = gu / s[..., None, :]
            result = result + np.matmul(w - np.matmul(u, np.matmul(_t(u), w)), vh)
    if gvh is not None:
        gv = _t(gvh)
        j = f * np.matmul(vh, gv)
        core = core + s[..., :, None] * (j + _t(j))
        if v.shape[-2] > v.shape[-1]:
            w = _t(gv / s[..., None, :])
            result = result + np.matmul(u, w - np.matmul(np.matmul(w, v), vh))
    if gs is not None:
        core = core + gs[..., None, :] * np.eye(s.shape[-1], dtype=gs.dtype)
    return result + np.matmul(np.matmul(u, core), vh)


reduced_svd = defop(_svd, _svd_rule, name="svd")


@derived(np.linalg.svd)
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """Singular value decomposition ``a = u @ diag(s) @ vh`` of a stack of matrices.

    A matrix that is not square needs ``full_matrices=False``: the further columns that the full
    form adds are arbitrary, and have no derivative.
    """
    if hermitian:
        raise NotImplementedError("svd: hermitian=True has no derivative here; leave it out")
    if not compute_uv:
        return reduced_svd(a)[1]
    if full_matrices and a.shape[-1] != a.shape[-2]:
        raise ValueError(
            f"svd of a tensor of shape {a.shape}: pass full_matrices=False; the further columns "
            "of the full form are arbitrary and have no derivative"
        )
    return reduced_svd(a)
