"""Sorting, searching and sets: the gradient goes back to where each value came from."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..registry import Scatter, defop, derived
from .indexing import along, getitem, plain
from .shape import cast, numbers


def _order(x: Any, axis: int | None) -> Any:
    """The indices that sort ``x``, ties in their order."""
    return np.argsort(x, axis=axis, kind="stable")


def _back(g: Any, x: Any, axis: int | None) -> Any:
    """Bring the gradient at the sorted elements back to where ``x`` has them."""
    if x.ndim == 0:
        return np.reshape(g, ())
    return Scatter(along(x.shape, plain(_order(x, axis)), axis), g)


def _sort(
    g: Any,
    _out: Any,
    x: Any,
    axis: int | None = -1,
    kind: Any = None,
    order: Any = None,
    stable: bool | None = None,
) -> Any:
    return _back(g, x, axis)


# Primitives: an untracked or forward call sorts values, several times faster than indices.
defop(np.sort, _sort)


def _partition(
    g: Any,
    out: Any,
    x: Any,
    kth: Any,
    axis: int | None = -1,
    kind: Any = "introselect",
    order: Any = None,
) -> Any:
    # `argpartition` need not agree with `partition` on the order of the rest, so both are sorted.
    last = -1 if axis is None else axis
    g = np.take_along_axis(g, _order(out, last), axis=last)
    return _back(g, x, axis)


defop(np.partition, _partition)


@derived(np.sort_complex)
def sort_complex(a: Any) -> Any:
    """Sort by the real, then the imaginary part; the result is complex."""
    values = np.sort(a)
    return cast(values, np.sort_complex(np.empty(0, values.dtype)).dtype)


for _fact in (np.argsort, np.argpartition):
    defop(_fact, None)
defop(np.lexsort, None, variadic=True, signature="keys axis")
for _search in (np.searchsorted, np.digitize, np.isin):
    defop(_search, None, None)


# --- sets -------------------------------------------------------------------------------------


def _distinct(x: Any, first: Any, inverse: Any, axis: int | None) -> Any:
    """The values of ``x`` at the indices ``first``, one for each group of equal ones."""
    return np.take(x, first, axis=axis)


def _distinct_x(g: Any, _out: Any, _x: Any, first: Any, inverse: Any, axis: int | None) -> Any:
    counts = np.bincount(inverse, minlength=len(first)).astype(g.dtype)
    if axis is None:
        return np.reshape(np.take(g / counts, inverse), _x.shape)
    counts = np.expand_dims(counts, tuple(range(1, len(_x.shape) - axis % len(_x.shape))))
    return np.take(g / counts, inverse, axis=axis)


# As for the extrema, equal elements share the gradient equally, whichever of them was taken.
distinct = defop(_distinct, _distinct_x, name="distinct")


def _untracked(x: Any) -> Any:
    return x.detach() if hasattr(x, "detach") else x


@derived(np.unique)
def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any:
    """The distinct values in order; those that occur several times share their gradient."""
    x = _untracked(ar)
    facts: Any
    index: Any
    if return_index or axis is not None:
        facts = np.unique(x, True, True, True, axis=axis, equal_nan=equal_nan)
        first, inverse = (np.array(fact.data).reshape(-1) for fact in facts[1:3])
        index, rest = facts[1:2], facts[2:]
    else:  # NumPy finds the first of equal ones by a stable sort, three times as slow
        facts = np.unique(x, False, True, True, equal_nan=equal_nan)
        inverse = np.array(facts[1].data).reshape(-1)
        first = np.empty(facts[0].shape, np.intp)
        first[inverse[::-1]] = np.arange(inverse.size)[::-1]
        index, rest = (None,), facts[1:]
    values = distinct(ar, first=first, inverse=inverse, axis=axis)
    wanted = (return_index, return_inverse, return_counts)
    extra = [fact for fact, want in zip((*index, *rest), wanted, strict=True) if want]
    return (values, *extra) if extra else values


@derived(np.unique_values)
def unique_values(x: Any) -> Any:
    """The distinct values in order, each NaN on its own; NumPy's order may be another."""
    return np.unique(x, equal_nan=False)


def _with_values(fn: Any) -> None:
    def composition(x: Any) -> Any:
        return fn(_untracked(x))._replace(values=np.unique(x, equal_nan=False))

    composition.__doc__ = f"What ``{fn.__name__}`` returns, with differentiable values."
    derived(fn)(composition)


for _facts in (np.unique_all, np.unique_counts, np.unique_inverse):
    _with_values(_facts)


@derived(np.union1d)
def union1d(ar1: Any, ar2: Any) -> Any:
    """The distinct values of both arrays, in order."""
    pair = numbers("union1d", ar1), numbers("union1d", ar2)
    return np.unique(np.concatenate(pair, axis=None))


@derived(np.intersect1d)
def intersect1d(
    ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False
) -> Any:
    """The values that both arrays have, in order; each array gets half of the gradient."""
    given = _untracked(ar1), _untracked(ar2), assume_unique
    if return_indices:
        facts = np.intersect1d(*given, return_indices=True)
        common = facts[0]
    else:
        common = np.intersect1d(*given)
    values = np.maximum(*(_members(x, common) for x in (ar1, ar2)))
    return (values, *facts[1:]) if return_indices else values


def _members(x: Any, values: Any) -> Any:
    """The elements of ``x`` that are equal to ``values``, which it has."""
    x = np.unique(x)
    return x[np.searchsorted(_untracked(x), values)]


@derived(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """The values of the first array that the second does not have."""
    values = np.ravel(ar1) if assume_unique else np.unique(ar1)
    return getitem(values, index=np.isin(values, ar2, invert=True))


@derived(np.setxor1d)
def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """The values that one of the arrays has and the other has not, in order."""
    if not assume_unique:
        ar1, ar2 = np.unique(ar1), np.unique(ar2)
    values = np.sort(np.concatenate((ar1, ar2), axis=None))
    if not values.size:
        return values
    facts = _untracked(values)
    alone = np.concatenate(([True], facts[1:] != facts[:-1], [True]))
    return values[alone[1:] & alone[:-1]]
