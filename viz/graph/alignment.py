"""Which items of two sequences are the same: an alignment, from what is surest to what is left.

The surest are items of which there is only one in both sequences (patience diff, Bram Cohen); what
lies between two of them is aligned for itself, by ever coarser keys.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Sequence
from difflib import SequenceMatcher

__all__ = ["align"]

#: Gaps of more pairs than this are not searched for the longest common blocks.
_PAIRS = 1_000_000

Keys = Sequence[Hashable]


def align(levels: Sequence[tuple[Keys, Keys]]) -> list[tuple[int, int]]:
    """Return pairs of equal items, ascending in both sequences.

    Each of ``levels`` has the keys of both sequences, finest first; a key None equals nothing. The
    last level may align what the ones before left, never the other way round.

    >>> align([("abcd", "axcd")])
    [(0, 0), (2, 2), (3, 3)]
    """
    pairs: list[tuple[int, int]] = []
    if not levels:
        return pairs
    gaps = [(0, len(levels[0][0]), 0, len(levels[0][1]))]
    for before, after in levels:
        left = []
        for gap in gaps:
            found = _in_gap(before, after, gap)
            pairs += found
            left += _between(gap, found)
        gaps = left
    return sorted(pairs)


Gap = tuple[int, int, int, int]


def _between(gap: Gap, pairs: list[tuple[int, int]]) -> list[Gap]:
    """What is left of a gap, where both sequences have something left."""
    low_a, high_a, low_b, high_b = gap
    gaps = []
    for a, b in [*pairs, (high_a, high_b)]:
        if low_a < a and low_b < b:
            gaps.append((low_a, a, low_b, b))
        low_a, low_b = a + 1, b + 1
    return gaps


def _in_gap(before: Keys, after: Keys, gap: Gap) -> list[tuple[int, int]]:
    """Align one gap by one level: both ends, what there is once, and the rest by its blocks."""
    pairs: list[tuple[int, int]] = []
    gaps = [gap]
    while gaps:
        low_a, high_a, low_b, high_b = gaps.pop()
        found: list[tuple[int, int]] = []
        while low_a < high_a and low_b < high_b and _equal(before[low_a], after[low_b]):
            found.append((low_a, low_b))
            low_a, low_b = low_a + 1, low_b + 1
        while low_a < high_a and low_b < high_b and _equal(before[high_a - 1], after[high_b - 1]):
            high_a, high_b = high_a - 1, high_b - 1
            found.append((high_a, high_b))
        pairs += found
        inner = (low_a, high_a, low_b, high_b)
        anchors = _anchors(before, after, inner)
        pairs += anchors
        if anchors:
            gaps += _between(inner, anchors)
        elif low_a < high_a and low_b < high_b:
            pairs += _blocks(before, after, inner)
    return sorted(pairs)


def _equal(one: Hashable, other: Hashable) -> bool:
    return one is not None and one == other


def _anchors(before: Keys, after: Keys, gap: Gap) -> list[tuple[int, int]]:
    """The longest ascending row of pairs whose key there is once on either side."""
    low_a, high_a, low_b, high_b = gap
    once_a = Counter(before[low_a:high_a])
    once_b = Counter(after[low_b:high_b])
    place = {after[b]: b for b in range(low_b, high_b) if once_b[after[b]] == 1}
    place.pop(None, None)
    pairs = [
        (a, place[before[a]])
        for a in range(low_a, high_a)
        if before[a] in place and once_a[before[a]] == 1
    ]
    # Patience sorting: on top of each pile the smallest b that a row of its length can end with.
    tops: list[int] = []
    piles: list[int] = []
    came_from = []
    for i, (_, b) in enumerate(pairs):
        pile = bisect_left(tops, b)
        came_from.append(piles[pile - 1] if pile else -1)
        if pile == len(tops):
            tops.append(b)
            piles.append(i)
        else:
            tops[pile], piles[pile] = b, i
    row = []
    at = piles[-1] if piles else -1
    while at >= 0:
        row.append(pairs[at])
        at = came_from[at]
    return row[::-1]


def _blocks(before: Keys, after: Keys, gap: Gap) -> list[tuple[int, int]]:
    low_a, high_a, low_b, high_b = gap
    # Each None is its own, so that it equals nothing.
    one: list[Hashable] = [("a", i) if k is None else k for i, k in enumerate(before[low_a:high_a])]
    other: list[Hashable] = [
        ("b", i) if k is None else k for i, k in enumerate(after[low_b:high_b])
    ]
    if len(one) * len(other) > _PAIRS:
        return _in_passing(one, other, low_a, low_b)
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return [
        (low_a + block.a + i, low_b + block.b + i)
        for block in matcher.get_matching_blocks()
        for i in range(block.size)
    ]


def _in_passing(
    one: list[Hashable], other: list[Hashable], low_a: int, low_b: int
) -> list[tuple[int, int]]:
    """Align each item with the next equal one that is left: not the best, but in linear time."""
    places: dict[Hashable, list[int]] = {}
    for j, key in enumerate(other):
        places.setdefault(key, []).append(j)
    pairs = []
    reached = 0
    for i, key in enumerate(one):
        ahead = places.get(key, [])
        k = bisect_left(ahead, reached)
        # A jump over more than is left of the other would leave out more than it finds.
        if k < len(ahead) and ahead[k] - reached <= len(one) - i:
            pairs.append((low_a + i, low_b + ahead[k]))
            reached = ahead[k] + 1
    return pairs
