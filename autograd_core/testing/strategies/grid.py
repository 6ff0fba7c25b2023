"""Numbers of few digits within a domain, drawn so that Hypothesis can make them simpler."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from hypothesis import strategies as st
from numpy.typing import DTypeLike, NDArray

from ...registry import Domain
from .geometry import Draw, Shape

__all__ = ["MARGIN", "REACH", "SMALL", "Grid", "chance", "filled", "floating", "grid"]

Array: TypeAlias = NDArray[Any]

REACH = 4.0  # how far numbers go where the domain does not end
MARGIN = 0.1  # how near to an end or a kink; a step of finite differences is far smaller
# Up to this size every element is drawn by Hypothesis, which can then simplify each; beyond,
# Hypothesis draws a seed.
SMALL = 64


class Grid(NamedTuple):
    """Closed intervals, the one with the simplest numbers first, and decimals to round to."""

    pieces: tuple[tuple[float, float], ...]
    decimals: int

    def element(self) -> st.SearchStrategy[float]:
        """Draw one number; Hypothesis takes the simplest of ``0, 1, 2, ..., 0.5, ..., -1``."""
        return st.one_of(*(st.floats(low, high) for low, high in self.pieces)).map(self.rounded)

    def rounded(self, x: float) -> float:
        return round(x, self.decimals) + 0.0  # no negative zero

    def sample(self, rng: np.random.Generator, shape: Shape) -> Array:
        """Draw an array from all of the pieces evenly."""
        lengths = np.array([high - low + 10.0**-self.decimals for low, high in self.pieces])
        which = rng.choice(len(lengths), size=shape, p=lengths / lengths.sum())
        low, high = np.array(self.pieces).T
        drawn: Array = np.round(rng.uniform(low[which], high[which]), self.decimals) + 0.0
        return drawn


def grid(domain: Domain | tuple[float, float] | None, margin: float | None, caller: str) -> Grid:
    """Return the numbers of an open interval that keep away from its ends and its holes."""
    low, high = (-math.inf, math.inf) if domain is None else domain[:2]
    holes = domain.holes if isinstance(domain, Domain) else ()
    if not low < high:
        raise ValueError(f"{caller}: the domain ({low}, {high}) is empty")
    if margin is not None and not 0 <= margin < math.inf:
        raise ValueError(f"{caller}: margin must be a number from 0 on, not {margin}")
    if math.isinf(low) and math.isinf(high):
        # Numbers lie on both sides of each hole.
        start, stop = min(holes, default=0.0) - REACH, max(holes, default=0.0) + REACH
        inset = MARGIN if margin is None else margin
    else:
        start = high - 2 * REACH if math.isinf(low) else low
        stop = low + 2 * REACH if math.isinf(high) else high
        inset = min(MARGIN, (stop - start) / 20) if margin is None else margin
    decimals = max(3, 3 - math.floor(math.log10(max(stop - start, 1e-12))))
    inset = max(inset, 10.0**-decimals)  # the ends and holes themselves are outside
    start += 0.0 if math.isinf(low) else inset
    stop -= 0.0 if math.isinf(high) else inset
    edges = [start]
    for hole in sorted(holes):
        edges += [hole - inset, hole + inset]
    edges.append(stop)
    # Rounded inwards, so that rounding a number to the decimals does not leave its piece.
    scale = 10.0**decimals
    pieces = []
    for a, b in zip(edges[::2], edges[1::2], strict=True):
        first = round(math.ceil(max(a, start) * scale - 1e-6) / scale, decimals)
        last = round(math.floor(min(b, stop) * scale + 1e-6) / scale, decimals)
        if first <= last:
            pieces.append((first, last))
    if not pieces:
        raise ValueError(
            f"{caller}: nothing of the domain ({low}, {high}) is {inset} away from its ends"
            + (f" and from {', '.join(f'{h:g}' for h in holes)}" if holes else "")
        )
    # Those with whole numbers first, near zero, positive: 1 is simpler than 0.5, 2 and -1.
    pieces.sort(key=lambda p: (math.ceil(p[0]) > p[1], max(p[0], -p[1], 0.0), p[1] < 0))
    return Grid(tuple(pieces), decimals)


def floating(
    dtype: DTypeLike | st.SearchStrategy[Any], caller: str, kinds: str = "fc"
) -> st.SearchStrategy[np.dtype[Any]]:
    """Return the strategy of dtypes that a user's ``dtype`` stands for."""
    if isinstance(dtype, st.SearchStrategy):
        return dtype.map(np.dtype)
    given = np.dtype(dtype)
    if given.kind not in kinds:
        what = "floating or complex" if "c" in kinds else "floating"
        raise ValueError(f"{caller}: dtype must be {what}, not {given}")
    return st.just(given)


def filled(
    draw: Draw, numbers: Grid, shape: Shape, dtype: np.dtype[Any], imaginary: Grid | None = None
) -> Array:
    """Draw an array of such numbers; ``imaginary`` are those of imaginary parts, if others."""
    size = math.prod(shape)

    def part(of: Grid) -> Array:
        if size <= SMALL:
            return np.array(draw(st.lists(of.element(), min_size=size, max_size=size)), float)
        return of.sample(chance(draw), (size,))

    flat = part(numbers)
    if dtype.kind == "c":
        flat = flat + 1j * part(imaginary or numbers)
    return flat.reshape(shape).astype(dtype)


def chance(draw: Draw) -> np.random.Generator:
    return np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
