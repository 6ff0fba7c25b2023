"""Arrays and tensors of simple numbers, within a domain, away from kinks, without ties."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st
from numpy.typing import DTypeLike, NDArray

from ...registry import Domain
from ...tensor import Tensor
from .geometry import Draw, Shape, ShapeLike, drawn_shape, shapes
from .grid import MARGIN, REACH, SMALL, Grid, chance, filled, floating, grid

__all__ = [
    "OF_SHAPE",
    "arrays",
    "away_from",
    "distinct",
    "nonzero",
    "positive",
    "simplex",
    "tensors",
    "unit_interval",
]

Array: TypeAlias = NDArray[Any]

# The attribute by which a strategy made without a shape makes one with a given shape.
OF_SHAPE = "of_shape"


def _strategy(
    make: Callable[[Draw, Shape, np.dtype[Any]], Any],
    shape: ShapeLike,
    dtype: DTypeLike | st.SearchStrategy[Any],
    caller: str,
    kinds: str = "fc",
) -> st.SearchStrategy[Any]:
    """Return a strategy of what ``make`` makes of a shape and a dtype that were drawn."""
    dtypes = floating(dtype, caller, kinds)

    @st.composite
    def draws(draw: Draw, sides: st.SearchStrategy[Shape]) -> Any:
        return make(draw, draw(sides), draw(dtypes))

    strategy = draws(drawn_shape(shape, caller))
    if shape is None:
        setattr(strategy, OF_SHAPE, draws)
    return strategy


def arrays(
    shape: ShapeLike = None,
    dtype: DTypeLike | st.SearchStrategy[Any] = float,
    domain: Domain | tuple[float, float] | None = None,
    *,
    margin: float | None = None,
) -> st.SearchStrategy[Array]:
    """Draw arrays of numbers with few digits, zeros and ties among them.

    Args:
        shape: sides, a strategy of shapes (``shapes(min_dims=1)``), or None for any shape up to
            three dimensions.
        dtype: float64, float32, a complex one (real and imaginary parts are drawn alike), or a
            strategy of such.
        domain: an open interval ``(low, high)``, or an op's ``Domain`` with its holes; where it
            does not end, numbers go up to 4 from zero or 8 from the other end.
        margin: how far they keep from the ends and holes; None is 0.1, in a narrow domain a
            twentieth of its width.

    >>> from hypothesis import find
    >>> find(arrays((2,)), lambda x: x.sum() > 1)
    array([0., 2.])
    """
    numbers = grid(domain, margin, "arrays")
    return _strategy(partial(_filled, numbers), shape, dtype, "arrays")


def _filled(numbers: Grid, draw: Draw, shape: Shape, dtype: np.dtype[Any]) -> Array:
    return filled(draw, numbers, shape, dtype)


def tensors(
    shape: ShapeLike = None,
    dtype: DTypeLike | st.SearchStrategy[Any] = float,
    domain: Domain | tuple[float, float] | None = None,
    *,
    margin: float | None = None,
    requires_grad: bool = True,
) -> st.SearchStrategy[Tensor]:
    """Draw tensors, leaves that require a gradient; the arguments are those of ``arrays``.

    >>> from hypothesis import find
    >>> find(tensors(()), lambda t: t.requires_grad).data
    array(0.)
    """
    numbers = grid(domain, margin, "tensors")

    def make(draw: Draw, sides: Shape, kind: np.dtype[Any]) -> Tensor:
        return Tensor(filled(draw, numbers, sides, kind), requires_grad=requires_grad)

    return _strategy(make, shape, dtype, "tensors")


def positive(
    shape: ShapeLike = None,
    dtype: DTypeLike | st.SearchStrategy[Any] = float,
    *,
    margin: float | None = None,
) -> st.SearchStrategy[Array]:
    """Draw arrays of positive numbers, from ``margin`` (0.1) to 8; the simplest is 1.

    >>> from hypothesis import find
    >>> find(positive(), lambda x: True)
    array(1.)
    """
    numbers = grid((0.0, math.inf), margin, "positive")
    return _strategy(partial(_filled, numbers), shape, dtype, "positive", "f")


def unit_interval(
    shape: ShapeLike = None,
    dtype: DTypeLike | st.SearchStrategy[Any] = float,
    *,
    margin: float | None = None,
) -> st.SearchStrategy[Array]:
    """Draw arrays of numbers in the open interval (0, 1), ``margin`` (0.05) from its ends at least.

    >>> from hypothesis import find
    >>> find(unit_interval(), lambda x: True)
    array(0.5)
    """
    numbers = grid((0.0, 1.0), margin, "unit_interval")
    return _strategy(partial(_filled, numbers), shape, dtype, "unit_interval", "f")


def nonzero(
    shape: ShapeLike = None,
    dtype: DTypeLike | st.SearchStrategy[Any] = float,
    *,
    margin: float | None = None,
) -> st.SearchStrategy[Array]:
    """Draw arrays of numbers of both signs, at least ``margin`` (0.1) from zero.

    >>> from hypothesis import find
    >>> find(nonzero(), lambda x: True)
    array(1.)
    """
    return _apart(_kinks((0.0,), "nonzero"), shape, dtype, margin, None, "nonzero")


def away_from(
    kinks: float | Sequence[float],
    shape: ShapeLike = None,
    dtype: DTypeLike | st.SearchStrategy[Any] = float,
    domain: tuple[float, float] | None = None,
    *,
    margin: float | None = None,
) -> st.SearchStrategy[Array]:
    """Draw arrays of numbers at least ``margin`` (0.1) from every kink, on all sides of them.

    Args:
        kinks: where the function has no derivative: one number or several.
        shape: as in ``arrays``.
        dtype: as in ``arrays``; of complex numbers it is the real part that keeps away.
        domain: an open interval, as in ``arrays``.
        margin: the distance, from the domain's ends too.

    >>> from hypothesis import find
    >>> find(away_from([0, 1], ()), lambda x: x > 0.5)
    array(2.)
    """
    return _apart(_kinks(kinks, "away_from"), shape, dtype, margin, domain, "away_from")


def _kinks(kinks: float | Sequence[float], caller: str) -> tuple[float, ...]:
    given = tuple(float(k) for k in np.atleast_1d(np.asarray(kinks, float)))
    if not all(math.isfinite(k) for k in given):
        raise ValueError(f"{caller}: a kink is a finite number, not {kinks!r}")
    return given


def _apart(
    kinks: tuple[float, ...],
    shape: ShapeLike,
    dtype: DTypeLike | st.SearchStrategy[Any],
    margin: float | None,
    domain: tuple[float, float] | None,
    caller: str,
) -> st.SearchStrategy[Any]:
    low, high = domain or (-math.inf, math.inf)
    numbers = grid(Domain(low, high, 0.0, kinks), margin, caller)
    anything = grid(None, None, caller)

    def make(draw: Draw, sides: Shape, kind: np.dtype[Any]) -> Array:
        return filled(draw, numbers, sides, kind, imaginary=anything)

    return _strategy(make, shape, dtype, caller)


def distinct(
    shape: ShapeLike = None,
    dtype: DTypeLike | st.SearchStrategy[Any] = float,
    *,
    gap: float = MARGIN,
) -> st.SearchStrategy[Array]:
    """Draw arrays without ties: any two elements are at least ``gap`` apart.

    The derivative of a maximum, a median or a sort does not exist at a tie.

    >>> from hypothesis import find
    >>> find(distinct((3,)), lambda x: True)
    array([0., 1., 2.])
    """
    if not gap > 0:
        raise ValueError(f"distinct: gap must be positive, is {gap}")

    def make(draw: Draw, sides: Shape, kind: np.dtype[Any]) -> Array:
        size = math.prod(sides)
        # Multiples of the gap, at least twice as many as are needed; whole numbers are simplest.
        most = max(REACH, size * gap)
        count = math.floor(most / gap)
        if size <= SMALL:
            places = st.floats(-most, most).map(lambda x: max(-count, min(count, round(x / gap))))
            drawn = draw(st.lists(places, min_size=size, max_size=size, unique=True))
        else:
            drawn = chance(draw).permutation(np.arange(-count, count + 1))[:size].tolist()
        decimals = max(3, 3 - math.floor(math.log10(gap)))
        flat = np.round(np.array(drawn, float) * gap, decimals)
        return (flat + 0.0).reshape(sides).astype(kind)

    return _strategy(make, shape, dtype, "distinct", "f")


def simplex(
    shape: ShapeLike = None, dtype: DTypeLike | st.SearchStrategy[Any] = float
) -> st.SearchStrategy[Array]:
    """Draw probabilities: positive numbers whose sum over the last axis is 1.

    Args:
        shape: as in ``arrays``, with one dimension at least; None for up to three dimensions.
        dtype: as in ``arrays``, not complex.

    >>> from hypothesis import find
    >>> find(simplex((4,)), lambda p: True)
    array([0.25, 0.25, 0.25, 0.25])
    """

    def make(draw: Draw, sides: Shape, kind: np.dtype[Any]) -> Array:
        if not sides or not sides[-1]:
            raise ValueError(f"simplex: the last axis sums to 1, and shape {sides} has none")
        size, n = math.prod(sides), sides[-1]
        if size <= SMALL:
            weights = draw(st.lists(st.integers(1, 10), min_size=size, max_size=size))
        else:
            weights = chance(draw).integers(1, 11, size).tolist()
        parts = np.array(weights, float).reshape(sides)
        # Decimals enough for the smallest; what rounding leaves over goes to the largest.
        decimals = 3 + math.ceil(math.log10(n))
        p = np.floor(parts / parts.sum(-1, keepdims=True) * 10**decimals) / 10**decimals
        largest = parts.argmax(-1)[..., None]
        others = p.sum(-1, keepdims=True) - np.take_along_axis(p, largest, -1)
        np.put_along_axis(p, largest, np.round(1 - others, decimals), -1)
        return np.asarray(p.astype(kind))

    given = shapes(min_dims=1) if shape is None else shape
    return _strategy(make, given, dtype, "simplex", "f")
