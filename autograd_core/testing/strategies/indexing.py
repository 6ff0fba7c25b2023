"""Indices of every kind that NumPy takes."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np
from hypothesis import strategies as st

from .geometry import Draw, Shape

__all__ = ["INDEX_KINDS", "indices"]

#: What the parts of an index may be.
INDEX_KINDS = ("integer", "slice", "ellipsis", "newaxis", "mask", "integers")
_ADVANCED = {"mask", "integers"}
# New axes are many otherwise, since they always fit.
_OFTEN = {"integer": 2, "slice": 3, "mask": 2, "integers": 3}


def indices(
    shape: int | Shape, kinds: Collection[str] = INDEX_KINDS, *, empty: bool = True
) -> st.SearchStrategy[Any]:
    """Draw an index into an array of the shape, one part or a tuple of parts of several kinds.

    Args:
        shape: of the array.
        kinds: what parts there may be: ``"integer"`` (negative too), ``"slice"`` (with steps,
            negative too), ``"ellipsis"``, ``"newaxis"``, ``"mask"`` (of booleans, over one axis or
            several) and ``"integers"`` (arrays of any shape, repeats and negative ones among
            them). The last two may meet, broadcast together, with basic parts between them.
        empty: whether a part may select nothing.

    >>> from hypothesis import find
    >>> find(indices((3, 4)), lambda index: np.zeros((3, 4))[index].ndim == 1)
    0
    >>> find(indices((3,), kinds=["integers"]), lambda index: np.size(index) == 2)
    array([0, 0])
    """
    unknown = sorted(set(kinds) - set(INDEX_KINDS))
    if unknown or not kinds:
        raise ValueError(f"indices: kinds are some of {', '.join(INDEX_KINDS)}, not {kinds!r}")
    sides = (shape,) if isinstance(shape, int) else tuple(shape)
    return _indices(sides, frozenset(kinds), empty)


@st.composite
def _indices(draw: Draw, shape: Shape, kinds: frozenset[str], empty: bool) -> Any:
    together: Shape = (1,)
    if _ADVANCED & kinds:
        # All arrays of an index broadcast to one shape, which is settled first.
        sides = st.sampled_from([2, 1, 3, 0] if empty else [2, 1, 3])
        together = tuple(draw(st.lists(sides, min_size=1, max_size=2)))
    parts: list[Any] = []
    axis, ellipsis_at, arrays = 0, -1, 0
    while len(parts) < len(shape) + 3:
        rest = shape[axis:]
        possible = [
            kind
            for kind in INDEX_KINDS
            if kind in kinds
            and not (kind == "ellipsis" and ellipsis_at >= 0)
            and _fits(kind, rest, together)
        ]
        # An index may stop early, except that what follows an ellipsis counts from the end.
        must = not parts or (0 <= ellipsis_at < len(parts) - 1 and rest)
        if not possible or not (must or draw(st.booleans())):
            break
        kind = draw(
            st.sampled_from([kind for kind in possible for _ in range(_OFTEN.get(kind, 1))])
        )
        used = 1
        part: Any
        if kind == "integer":
            part = draw(st.integers(-rest[0], rest[0] - 1))
        elif kind == "slice":
            part = draw(_slices(rest[0], empty))
        elif kind == "ellipsis":
            used, part, ellipsis_at = draw(st.integers(0, len(rest))), Ellipsis, len(parts)
        elif kind == "newaxis":
            # The draw is for nothing but that a new axis is no simpler than an integer.
            used, part = 0 * draw(st.integers(0, 1)), np.newaxis
        elif kind == "mask":
            used, part = _mask(draw, rest, together[-1], alone=not arrays, empty=empty)
        else:
            part = _integers(draw, rest[0], together)
        arrays += kind in _ADVANCED
        parts.append(part)
        axis += used
    if ellipsis_at >= 0 and axis < len(shape):
        del parts[ellipsis_at + 1 :]
    if len(parts) == 1 and not draw(st.booleans()):
        return parts[0]
    return tuple(parts)


def _fits(kind: str, rest: Shape, together: Shape) -> bool:
    """Whether a part of the kind can come next, where ``rest`` are the axes that are left."""
    if kind in ("ellipsis", "newaxis"):
        return True
    if not rest or kind == "slice":
        return bool(rest)
    if kind == "mask":
        return math.prod(rest) >= min(together[-1], 1)
    return rest[0] > 0 or (kind == "integers" and 0 in together)


@st.composite
def _slices(draw: Draw, n: int, empty: bool) -> slice:
    if not draw(st.integers(0, 5)):
        return slice(None)
    ends = st.none() | st.integers(-n - 1, n + 1)
    part = slice(draw(ends), draw(ends), draw(st.none() | st.integers(-3, 3).filter(bool)))
    return part if empty or range(*part.indices(n)) else slice(None)


def _mask(draw: Draw, rest: Shape, most: int, *, alone: bool, empty: bool) -> tuple[int, Any]:
    """Draw over how many axes a mask goes, and one that broadcasts with the other arrays."""
    fewest = min(most, 1)
    over = [k for k in range(1, len(rest) + 1) if math.prod(rest[:k]) >= fewest]
    used = draw(st.sampled_from(over))
    size = math.prod(rest[:used])
    if alone and used == len(rest):  # there is no other array to broadcast with
        chosen = st.lists(
            st.integers(0, size - 1) if size else st.nothing(),
            unique=True,
            min_size=0 if empty else 1,
            max_size=size,
        )
    else:
        count = most if size >= most else fewest
        chosen = st.lists(
            st.integers(0, max(size - 1, 0)), unique=True, min_size=count, max_size=count
        )
    mask = np.zeros(size, bool)
    mask[draw(chosen)] = True
    return used, mask.reshape(rest[:used])


def _integers(draw: Draw, n: int, together: Shape) -> Any:
    """Draw an array of places on an axis of ``n``, whose shape broadcasts to ``together``."""
    shape = together
    if n:  # of an empty axis, no element can be named
        kept = draw(st.integers(0, len(together) - 1))
        shape = tuple(side if draw(st.booleans()) else 1 for side in together[kept:])
    size = math.prod(shape)
    places = st.integers(-n, n - 1) if n else st.nothing()
    drawn = draw(st.lists(places, min_size=size, max_size=size))
    return np.array(drawn, np.intp).reshape(shape)
