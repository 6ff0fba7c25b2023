"""Shapes, shapes that broadcast, and axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

__all__ = ["Draw", "Shape", "ShapeLike", "axes", "broadcastable_shapes", "drawn_shape", "shapes"]

Shape: TypeAlias = tuple[int, ...]
#: What a strategy takes for ``shape``: a side, sides, a strategy of shapes, None for any shape.
ShapeLike: TypeAlias = "int | Shape | st.SearchStrategy[Shape] | None"
Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]


def shapes(
    min_dims: int = 0, max_dims: int = 3, min_side: int = 1, max_side: int = 4
) -> st.SearchStrategy[Shape]:
    """Draw shapes; with ``min_side=0`` those of empty arrays too.

    >>> from hypothesis import find
    >>> find(shapes(), lambda shape: len(shape) == 2)
    (1, 1)
    """
    return hnp.array_shapes(
        min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side
    )


def broadcastable_shapes(
    n: int, max_dims: int = 3, min_side: int = 1, max_side: int = 4
) -> st.SearchStrategy[tuple[Shape, ...]]:
    """Draw ``n`` shapes that broadcast together.

    >>> from hypothesis import find
    >>> find(broadcastable_shapes(2), lambda pair: len(pair[0]) == 2 and len(pair[1]) == 0)
    ((1, 1), ())
    """
    if n < 1:
        raise ValueError(f"broadcastable_shapes: n is how many shapes, at least 1, not {n}")
    together = hnp.mutually_broadcastable_shapes(
        num_shapes=n, max_dims=max_dims, min_side=min_side, max_side=max_side
    )
    return together.map(lambda drawn: drawn.input_shapes)


def axes(
    shape: int | Shape, *, none: bool = True, several: bool = True, empty: bool = False
) -> st.SearchStrategy[int | tuple[int, ...] | None]:
    """Draw what ``axis=`` may be: None, an axis, a tuple of different axes; also negative.

    Args:
        shape: of the array, or its number of dimensions. An array without any has only None and
            the empty tuple.
        none: whether None is drawn.
        several: whether tuples are drawn.
        empty: whether the empty tuple is.

    >>> from hypothesis import find
    >>> find(axes((2, 3)), lambda axis: isinstance(axis, tuple) and len(axis) == 2)
    (0, 1)
    """
    ndim = shape if isinstance(shape, int) else len(shape)
    choices: list[st.SearchStrategy[Any]] = [st.none()] if none else []
    if ndim:
        choices.append(st.integers(-ndim, ndim - 1))
    if several and (ndim or empty):
        # Different axes, each named from either end.
        places = st.lists(
            st.integers(-ndim, ndim - 1) if ndim else st.nothing(),
            unique_by=lambda axis: axis % ndim,
            min_size=0 if empty else 1,
            max_size=ndim,
        )
        choices.append(places.map(tuple))
    if not choices:
        raise ValueError("axes: an array without dimensions has no axis; allow none=True")
    return st.one_of(choices)


def drawn_shape(shape: ShapeLike, caller: str) -> st.SearchStrategy[Shape]:
    """Return the strategy of shapes that a user's ``shape`` stands for."""
    if shape is None:
        return shapes()
    if isinstance(shape, st.SearchStrategy):
        return shape
    sides = (shape,) if isinstance(shape, int) else shape
    if not isinstance(sides, tuple | list) or not all(isinstance(n, int) and n >= 0 for n in sides):
        raise ValueError(
            f"{caller}: shape is a tuple of sides or a strategy of such, not {shape!r}"
        )
    return st.just(tuple(sides))
