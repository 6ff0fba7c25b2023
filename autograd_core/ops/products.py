"""Products of vectors, matrices and tensors: matmul and its kin, dot, tensordot, einsum, cross."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..registry import defop, derived
from .complex import is_complex

# --- matrix products --------------------------------------------------------------------------


def t(x: Any) -> Any:
    """Swap the last two axes: transpose each matrix of a stack."""
    return x.T if x.ndim == 2 else np.swapaxes(x, -1, -2)


def conj(x: Any) -> Any:
    """Conjugate; a real array is returned as it is, where NumPy would copy it."""
    return np.conj(x) if is_complex(x) else x


def array(x: Any, name: str) -> Any:
    """An operand of the op ``name``: lists and numbers become arrays; what holds none raises."""
    if hasattr(x, "ndim"):
        return x
    made = np.asarray(x)
    if made.dtype.kind in "OSU" and not isinstance(x, (list, tuple)):
        raise TypeError(f"{name}: an operand of type {type(x).__name__!r} is not an array")
    return made


def _in_full(fn: Callable[..., Any], x_core: int, y_core: int, out_core: int) -> Callable[..., Any]:
    """``fn``, a product with so many core axes, with the options that such ufuncs take."""

    def otherwise(
        x: Any,
        y: Any,
        axes: Any = None,
        axis: int | None = None,
        keepdims: bool = False,
        dtype: Any = None,
        casting: str = "same_kind",
        order: str = "K",
        subok: bool = True,
    ) -> Any:
        # How memory is laid out (order, subok) makes no difference here.
        x, y = array(x, fn.__name__), array(y, fn.__name__)
        if dtype is not None:
            for operand in (x, y):
                if not np.can_cast(operand.dtype, dtype, casting):  # type: ignore[arg-type]
                    raise TypeError(
                        f"{fn.__name__}: cannot cast {operand.dtype} to {np.dtype(dtype)} "
                        f"with casting={casting!r}"
                    )
            x, y = x.astype(dtype), y.astype(dtype)
        if (axis is not None or keepdims) and (x_core, y_core, out_core) != (1, 1, 0):
            raise TypeError(f"{fn.__name__}: axis= and keepdims= need operands of one core axis")
        last = [tuple(range(-n, 0)) for n in (x_core, y_core, 1 if keepdims else out_core)]
        if axis is not None:
            if axes is not None:
                raise TypeError(f"{fn.__name__}: give either axis= or axes=")
            axes = [axis] * (3 if keepdims else 2)
        elif axes is None:
            axes = last
        elif not isinstance(axes, list):
            raise TypeError(f"{fn.__name__}: axes should be a list.")
        elif len(axes) != 3 and (len(axes) != 2 or out_core > 0):
            raise ValueError(
                f"{fn.__name__}: axes should be a list with an entry for all 3 inputs and outputs; "
                "entries for outputs can only be omitted if none of them has core axes."
            )
        places = [(n,) if isinstance(n, int) else tuple(n) for n in axes]
        places += last[len(places) :]
        if [len(p) for p in places] != [len(p) for p in last]:
            raise ValueError(f"{fn.__name__}: axes={axes} does not fit its core dimensions")
        result = fn(np.moveaxis(x, places[0], last[0]), np.moveaxis(y, places[1], last[1]))
        if keepdims:
            result = result[..., None]
        return np.moveaxis(result, last[2], places[2]) if last[2] else result

    return otherwise


def _matmul_x(g: Any, _out: Any, _x: Any, y: Any) -> Any:
    if y.ndim == 1:
        return g[..., None] * y
    if _x.ndim == 1:
        return np.matmul(y, g) if y.ndim == 2 else np.matmul(y, g[..., None])[..., 0]
    return np.matmul(g, t(y))


def _matmul_y(g: Any, _out: Any, x: Any, _y: Any) -> Any:
    if x.ndim == 1:
        return x * g if _y.ndim == 1 else x[:, None] * g[..., None, :]
    if _y.ndim == 1:
        return np.matmul(t(x), g) if x.ndim == 2 else np.matmul(t(x), g[..., None])[..., 0]
    if _y.ndim == 2 < x.ndim:  # one product sums over the stack too
        rows = math.prod(x.shape[:-1])
        return np.matmul(np.reshape(x, (rows, x.shape[-1])).T, np.reshape(g, (rows, g.shape[-1])))
    return np.matmul(t(x), g)


defop(
    np.matmul,
    _matmul_x,
    _matmul_y,
    kind="multilinear",
    broadcasting=True,
    symbol="@",
    operator=operator.matmul,
    otherwise=_in_full(np.matmul, 2, 2, 2),
)

# vecdot and vecmat conjugate their first operand x: dL = Re(g conj(dx) y) = Re(conj(g y) dx).
defop(
    np.vecdot,
    lambda g, _out, _x, y: conj(g[..., None] * y),
    lambda g, _out, x, _y: g[..., None] * conj(x),
    kind="multilinear",
    broadcasting=True,
    symbol="·",
    otherwise=_in_full(np.vecdot, 1, 1, 0),
)
if hasattr(np, "matvec"):  # NumPy 2.2
    defop(
        np.matvec,
        lambda g, _out, _x, y: g[..., :, None] * y[..., None, :],
        lambda g, _out, x, _y: np.matvec(t(x), g),
        kind="multilinear",
        broadcasting=True,
        symbol="@",
        otherwise=_in_full(np.matvec, 2, 1, 1),
    )
    defop(
        np.vecmat,
        lambda g, _out, _x, y: conj(np.matvec(y, g)),
        lambda g, _out, x, _y: conj(x)[..., :, None] * g[..., None, :],
        kind="multilinear",
        broadcasting=True,
        symbol="@",
        otherwise=_in_full(np.vecmat, 1, 2, 1),
    )


# --- products along chosen axes ---------------------------------------------------------------


@derived(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Sum over pairs of axes: as a product of two matrices, which is what NumPy does too."""
    a, b = array(a, "tensordot"), array(b, "tensordot")
    try:
        over_a, over_b = axes
    except TypeError:
        n = operator.index(axes)
        if n > min(a.ndim, b.ndim):
            raise ValueError(
                f"tensordot: {n} axes to sum over, in operands of shape {a.shape} and {b.shape}"
            ) from None
        over_a, over_b = range(a.ndim - n, a.ndim), range(n)
    over_a, free_a = _split_axes(over_a, a)
    over_b, free_b = _split_axes(over_b, b)
    summed = [a.shape[i] for i in over_a]
    if summed != [b.shape[i] for i in over_b]:
        raise ValueError(
            f"tensordot: the axes {over_a} of shape {a.shape} and {over_b} of shape {b.shape} "
            "have different lengths"
        )
    kept_a, kept_b = [a.shape[i] for i in free_a], [b.shape[i] for i in free_b]
    n, rows, columns = math.prod(summed), math.prod(kept_a), math.prod(kept_b)
    left = np.reshape(_arranged(a, free_a + over_a), (rows, n))
    right = np.reshape(_arranged(b, over_b + free_b), (n, columns))
    return np.reshape(np.matmul(left, right), (*kept_a, *kept_b))


def _split_axes(axes: Any, x: Any) -> tuple[list[int], list[int]]:
    """The axes to sum over, none of them negative, and the others."""
    given = [operator.index(a) for a in (axes if np.iterable(axes) else (axes,))]
    if any(not -x.ndim <= a < x.ndim for a in given):
        raise ValueError(f"tensordot: axes {given} of an operand of shape {x.shape}")
    over = [a % x.ndim for a in given]
    if len(set(over)) < len(over):
        raise ValueError(f"tensordot: axes {given} name an axis twice")
    return over, [i for i in range(x.ndim) if i not in over]


def _arranged(x: Any, order: list[int]) -> Any:
    return x if order == sorted(order) else np.transpose(x, order)


@derived(np.dot, symbol="·")
def dot(a: Any, b: Any) -> Any:
    """Sum over the last axis of ``a`` and the last but one of ``b``, or its only one."""
    a, b = array(a, "dot"), array(b, "dot")
    if a.ndim == 0 or b.ndim == 0:
        return np.multiply(a, b)
    return np.matmul(a, b) if b.ndim <= 2 else np.tensordot(a, b, (-1, -2))


@derived(np.inner, symbol="·")
def inner(a: Any, b: Any) -> Any:
    """Sum over the last axis of both operands."""
    a, b = array(a, "inner"), array(b, "inner")
    if a.ndim == 0 or b.ndim == 0:
        return np.multiply(a, b)
    return np.matmul(a, b) if b.ndim == 1 else np.tensordot(a, b, (-1, -1))


@derived(np.vdot, symbol="·")
def vdot(a: Any, b: Any) -> Any:
    """``sum(conj(a) * b)`` over all elements, in their order, whatever the shapes."""
    a, b = array(a, "vdot"), array(b, "vdot")
    return np.matmul(conj(np.reshape(a, (-1,))), np.reshape(b, (-1,)))


# A primitive: as a product of a column with a row its value is slow, as one that is broadcast its
# gradient.
defop(
    np.outer,
    lambda g, _out, _a, b: np.reshape(np.matmul(g, np.reshape(b, (-1,))), _a.shape),
    lambda g, _out, a, _b: np.reshape(np.matmul(np.reshape(a, (-1,)), g), _b.shape),
    kind="multilinear",
    symbol="⊗",
    signature="a b",
)


@derived(np.kron, symbol="⊗")
def kron(a: Any, b: Any) -> Any:
    """``b`` scaled by each element of ``a``, in the blocks of one array."""
    a, b = array(a, "kron"), array(b, "kron")
    n = max(a.ndim, b.ndim)
    rows, columns = (1,) * (n - a.ndim) + a.shape, (1,) * (n - b.ndim) + b.shape
    left = np.reshape(a, tuple(k for m in rows for k in (m, 1)))
    right = np.reshape(b, tuple(k for m in columns for k in (1, m)))
    sides = tuple(i * j for i, j in zip(rows, columns, strict=True))
    return np.reshape(np.multiply(left, right), sides)


def _cross(g: Any, x: Any, other: Any, axisx: int, axiso: int, axisc: int, axis: int | None) -> Any:
    """The gradient at ``x`` of ``cross(x, other)``: ``cross(other, g)``.

    It lies where ``x`` has its vectors, counted from the end: the engine sums the leading axes.
    """
    if axis is not None:
        axisx = axiso = axisc = axis
    n = x.shape[axisx]
    if n == 2 == other.shape[axiso]:  # g is the third component, and has no axis of its own
        g, axisc = np.stack([np.zeros_like(g), np.zeros_like(g), g], axis=-1), -1
    place = axisx - x.ndim if axisx >= 0 else axisx
    full = np.cross(_in_space(other, axiso), g, axisb=axisc)
    return np.moveaxis(full if n == 3 else full[..., :2], -1, place)


def _in_space(x: Any, axis: int) -> Any:
    """The vectors of ``x`` in the last axis, those of the plane with a third component, 0."""
    x = np.moveaxis(x, axis, -1)
    return x if x.shape[-1] == 3 else np.concatenate([x, np.zeros_like(x[..., :1])], axis=-1)


defop(
    np.cross,
    lambda g, _out, _x, y, axisa=-1, axisb=-1, axisc=-1, axis=None: _cross(
        g, _x, y, axisa, axisb, axisc, axis
    ),
    lambda g, _out, x, _y, axisa=-1, axisb=-1, axisc=-1, axis=None: (
        -_cross(g, _y, x, axisb, axisa, axisc, axis)
    ),
    kind="multilinear",
    broadcasting=True,
    symbol="×",
)


@derived(np.trace, symbol="tr")
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Any:
    """The sum of the elements on a diagonal."""
    diagonal = np.diagonal(a, offset, axis1, axis2)
    return np.sum(diagonal if dtype is None else diagonal.astype(dtype), axis=-1)


# --- einsum -----------------------------------------------------------------------------------


def _contract(
    operands: Sequence[Any], subscripts: str, optimize: Any = False, order: str = "K"
) -> Any:
    """``np.einsum`` with its operands in front; ``subscripts`` are explicit."""
    return np.einsum(subscripts, *operands, optimize=optimize, order=order)  # type: ignore[call-overload]


_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _einsum_rule(
    g: Any,
    _out: Any,
    i: int,
    *xs: Any,
    subscripts: str,
    optimize: Any = False,
    order: str = "K",
) -> Any:
    """Contract ``g`` with the other operands, the subscripts of operand and output exchanged.

    A label that occurs twice in the operand's term is a diagonal that was read: the gradient lies
    on it. One that occurs nowhere else was summed away: all its elements have the same gradient.
    """
    inputs, output = subscripts.split("->")
    terms = inputs.split(",")
    term, shape = terms[i], xs[i].shape
    others = [j for j in range(len(xs)) if j != i]
    operands, labels = [g, *(xs[j] for j in others)], [output, *(terms[j] for j in others)]
    sizes: dict[str, int] = {}
    for x, label in zip(operands, labels, strict=True):
        for n, letter in zip(x.shape, label, strict=True):
            sizes[letter] = max(n, sizes.get(letter, 0))
    longest = dict(sizes)
    for n, letter in zip(shape, term, strict=True):
        longest[letter] = max(n, longest.get(letter, 0))
    free = (letter for letter in _LETTERS if letter not in subscripts)
    target, aligned = "", []
    for n, letter in zip(shape, term, strict=True):
        aligned.append(n)
        if n == 1 < longest[letter]:  # an axis of one that was broadcast: summed over
            continue
        if letter in target:
            target += next(free)
            operands.append(np.eye(n, dtype=g.dtype))
            labels.append(letter + target[-1])
        elif letter not in sizes or sizes[letter] != n:
            if term.count(letter) > 1:
                operands.append(np.ones(n, dtype=g.dtype))
                labels.append(letter)
                target += letter
            else:
                aligned[-1] = 1
        else:
            target += letter
    result = np.einsum(f"{','.join(labels)}->{target}", *operands, optimize=optimize)
    if result.shape != shape:
        result = np.broadcast_to(np.reshape(result, tuple(aligned)), shape)
    return result


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
    for term, n, more in zip(terms, ndims, hidden, strict=True):
        if more < 0 or ("..." not in term and len(term) != n):
            raise ValueError(
                f"einsum: the term {term!r} of {subscripts!r} does not fit an operand of {n} axes"
            )
    unused = [c for c in _LETTERS if c not in subscripts]
    batch = "".join(unused[: max(hidden, default=0)])
    full = [
        term.replace("...", batch[len(batch) - n :]) for term, n in zip(terms, hidden, strict=True)
    ]
    if arrow:
        if batch and "..." not in output:
            raise ValueError(
                f"einsum: the output of {subscripts!r} must contain '...', since it stands for "
                f"{len(batch)} axes of the operands"
            )
        output = output.replace("...", batch)
    else:
        letters = "".join(full)
        output = batch + "".join(
            c for c in sorted(set(letters)) if letters.count(c) == 1 and c not in batch
        )
    return f"{','.join(full)}->{output}"


@derived(np.einsum)
def einsum(
    subscripts: Any,
    *operands: Any,
    optimize: Any = False,
    dtype: Any = None,
    order: str = "K",
    casting: str = "safe",
) -> Any:
    """Sum of products by Einstein's convention; operands before lists of labels work too.

    With ``optimize`` three operands and more are contracted pair by pair along the path that NumPy
    finds, or is given. So the gradient takes the same path backwards, and costs twice the value.
    """
    subscripts, operands = _by_letters(subscripts, operands)
    operands = tuple(array(x, "einsum") for x in operands)
    subscripts = explicit(subscripts, [x.ndim for x in operands])
    if dtype is not None:
        for x in operands:
            if not np.can_cast(x.dtype, dtype, casting):  # type: ignore[arg-type]
                raise TypeError(
                    f"einsum: cannot cast {x.dtype} to {np.dtype(dtype)} with casting={casting!r}"
                )
        operands = tuple(x.astype(dtype) for x in operands)
    if optimize is False or optimize is None or len(operands) < 3:
        options = {} if order == "K" else {"order": order}
        return contract(operands, subscripts=subscripts, optimize=bool(optimize), **options)
    return _along_path(subscripts, operands, optimize, order)


def _by_letters(subscripts: Any, operands: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """The subscripts as a string, and the operands, from either way of calling einsum."""
    if isinstance(subscripts, str):
        return subscripts, operands
    given = [subscripts, *operands]
    labels = ["".join(map(_letter, labels)) for labels in given[1::2]]
    text = ",".join(labels)
    if len(given) % 2:
        text += "->" + "".join(map(_letter, given[-1]))
    return text, tuple(given[0 : len(given) - len(given) % 2 : 2])


def _letter(label: Any) -> str:
    if label is Ellipsis:
        return "..."
    label = operator.index(label)
    if not 0 <= label < len(_LETTERS):
        raise ValueError(f"einsum: subscript {label} is not within the valid range [0, 52)")
    return _LETTERS.swapcase()[label]  # capitals first, as NumPy has them


def _along_path(subscripts: str, operands: tuple[Any, ...], optimize: Any, order: str) -> Any:
    """Contract pair by pair, each result the last operand of those that are left."""
    inputs, output = subscripts.split("->")
    terms, left = inputs.split(","), list(operands)
    # A path depends on shapes alone.
    likes = [np.broadcast_to(0.0, x.shape) for x in operands]
    path, _ = np.einsum_path(subscripts, *likes, optimize=optimize)
    steps = path[1:]
    for k, step in enumerate(steps):
        places = sorted(step, reverse=True)
        chosen, labels = [left.pop(i) for i in places], [terms.pop(i) for i in places]
        # What is not needed any more is summed.
        needed = set(output).union(*terms)
        last = k == len(steps) - 1
        result = output if last else "".join(sorted(set("".join(labels)) & needed))
        left.append(
            contract(
                chosen,
                subscripts=f"{','.join(labels)}->{result}",
                optimize=True,
                **({"order": order} if last and order != "K" else {}),
            )
        )
        terms.append(result)
    return left[0]


# It tells of shapes alone: nothing to differentiate.
defop(np.einsum_path, signature="")


# --- the same under the names of numpy.linalg, which are functions of their own -----------------


@derived(np.linalg.matmul, symbol="@")
def linalg_matmul(x1: Any, x2: Any) -> Any:
    """``np.matmul``."""
    return np.matmul(x1, x2)


@derived(np.linalg.outer, symbol="⊗")
def linalg_outer(x1: Any, x2: Any) -> Any:
    """``np.outer`` of two vectors."""
    x1, x2 = array(x1, "outer"), array(x2, "outer")
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(
            "outer: input arrays must be one-dimensional, but they are "
            f"x1.ndim={x1.ndim} and x2.ndim={x2.ndim}."
        )
    return np.outer(x1, x2)


@derived(np.linalg.tensordot)
def linalg_tensordot(x1: Any, x2: Any, axes: Any = 2) -> Any:
    """``np.tensordot``."""
    return np.tensordot(x1, x2, axes=axes)


@derived(np.linalg.vecdot, symbol="·")
def linalg_vecdot(x1: Any, x2: Any, axis: int = -1) -> Any:
    """``np.vecdot``."""
    vecdot: Any = np.vecdot
    return vecdot(x1, x2) if axis == -1 else vecdot(x1, x2, axis=axis)


@derived(np.linalg.cross, symbol="×")
def linalg_cross(x1: Any, x2: Any, axis: int = -1) -> Any:
    """``np.cross`` of vectors in space."""
    x1, x2 = array(x1, "cross"), array(x2, "cross")
    if x1.shape[axis] != 3 or x2.shape[axis] != 3:
        raise ValueError(
            "cross: both input arrays must be (arrays of) 3-dimensional vectors, but they are "
            f"{x1.shape[axis]} and {x2.shape[axis]} dimensional instead."
        )
    return np.cross(x1, x2, axis=axis)


@derived(np.linalg.trace, symbol="tr")
def linalg_trace(x: Any, offset: int = 0, dtype: Any = None) -> Any:
    """``np.trace`` of each matrix of a stack."""
    return np.trace(x, offset=offset, axis1=-2, axis2=-1, dtype=dtype)


@derived(np.linalg.matrix_transpose)
def linalg_matrix_transpose(x: Any) -> Any:
    """``np.matrix_transpose``."""
    return np.matrix_transpose(x)
