"""Words beside arrows, where there is room for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..layout import Point
from ..text import width
from .boxes import FIGURE_SIZE

__all__ = ["Area", "Room", "sampled"]

_CELL = 64.0
_HIGH = 12.0
Area = tuple[float, float, float, float]


class Room:
    """What is taken of a drawing; words are put where nothing else is, and within ``edge``.

    What is not ``near`` to any words need not be known.
    """

    size = FIGURE_SIZE - 0.5

    def __init__(self, edge: Area, near: Area) -> None:
        self._edge, self._near = edge, near
        self._cells: dict[tuple[int, int], list[Area]] = {}

    def reaches(self, area: Area) -> bool:
        """Whether it may be in the way of words."""
        left, top, right, bottom = self._near
        return left < area[2] and area[0] < right and top < area[3] and area[1] < bottom

    def take(self, area: Area) -> None:
        """Note that ``(left, top, right, bottom)`` is taken."""
        if not self.reaches(area):
            return
        for cell in _cells(area):
            self._cells.setdefault(cell, []).append(area)

    def take_way(self, points: Sequence[Point]) -> None:
        """Note that a line runs along these Bézier points."""
        for x, y in sampled(points):
            self.take((x - 2.5, y - 3.0, x + 2.5, y + 3.0))

    def free(self, area: Area) -> bool:
        """Whether nothing is there."""
        left, top, right, bottom = area
        return not any(
            left < other[2] and other[0] < right and top < other[3] and other[1] < bottom
            for cell in _cells(area)
            for other in self._cells.get(cell, ())
        )

    def find(self, words: str, points: Sequence[Point], away: float = 0.0) -> Point | None:
        """Where to write beside a way, as near to its middle as there is room; None if nowhere.

        It is the start of the base line; the place is taken then.
        """
        wide = width(words, self.size, fixed=True)
        way = sampled(points)
        middle = len(way) // 2
        for i in sorted(range(len(way)), key=lambda i: abs(i - middle)):
            x, y = way[i]
            for left in (x - 5.0 - away - wide, x + 5.0 + away):
                area = (left, y - 0.5 * _HIGH, left + wide, y + 0.5 * _HIGH)
                if self._edge[0] <= area[0] and area[2] <= self._edge[2] and self.free(area):
                    self.take(area)
                    return left, y + 3.5
        return None


def sampled(points: Sequence[Point]) -> list[Point]:
    """Points on a way of Bézier pieces, about 6 pixels apart."""
    found = [points[0]]
    for i in range(1, len(points), 3):
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = points[i - 1 : i + 3]
        many = max(2, int((abs(dx - ax) + abs(dy - ay)) / 6.0))
        for k in range(1, many + 1):
            t = k / many
            s = 1.0 - t
            p, q, r, o = s * s * s, 3 * s * s * t, 3 * s * t * t, t * t * t
            found.append((p * ax + q * bx + r * cx + o * dx, p * ay + q * by + r * cy + o * dy))
    return found


def _cells(area: Area) -> Iterable[tuple[int, int]]:
    left, top, right, bottom = (int(x // _CELL) for x in area)
    return [(i, j) for i in range(left, right + 1) for j in range(top, bottom + 1)]
