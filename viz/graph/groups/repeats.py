"""What comes again and again in a row, and how to call it: "Block × 12", "(Linear, ReLU) × 6"."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

__all__ = ["Run", "look", "repeated", "unit_label"]

#: A run has at least so many turns, of at most so many parts each; so many of these are named.
_TURNS, _PERIOD, _NAMED = 3, 8, 3
_LINE = re.compile(r"(.+?):(\d+)(?:–(\d+))?(?:: | × )")


@dataclass(frozen=True, slots=True)
class Run:
    """``count`` equal turns of ``period`` items each, from item ``start``."""

    start: int
    period: int
    count: int

    @property
    def end(self) -> int:
        """The item after the last."""
        return self.start + self.period * self.count


def repeated(
    keys: Sequence[Hashable],
    worth: Sequence[bool],
    looks: Sequence[Hashable] | None = None,
    period: int = _PERIOD,
) -> list[Run]:
    """Find runs of three or more equal turns, from left to right, each time what goes furthest.

    A turn has at most ``period`` items, of which one at least is ``worth`` it. Of equal reach, the
    shortest turn counts. Where the first turn differs a little, it shows where turns begin: by
    ``looks``, coarser than ``keys``.

    >>> repeated("xababab", [True] * 7)
    [Run(start=1, period=2, count=3)]
    >>> repeated("abcbcbcb", [True] * 8), repeated("abcbcbcb", [True] * 8, looks="cbcbcbcb")
    ([Run(start=1, period=2, count=3)], [Run(start=2, period=2, count=3)])
    """
    n = len(keys)
    looks = keys if looks is None else looks
    # same[p][i]: how many items from i on equal the item p further on.
    same = {p: [0] * (n + 1) for p in range(1, min(period, n // _TURNS) + 1)}
    for p, length in same.items():
        for i in range(n - p - 1, -1, -1):
            if keys[i] == keys[i + p]:
                length[i] = length[i + 1] + 1
    runs = []
    at = 0
    while at < n:
        best: Run | None = None
        for p, length in same.items():
            if length[at] < p * (_TURNS - 1) or (best and at + p + length[at] <= best.end):
                continue
            start = at + _shift(looks, at, p, spare=length[at] % p)
            run = Run(start, p, (at + p + length[at] - start) // p)
            if any(worth[start : start + p]) and (best is None or run.end > best.end):
                best = run
        if best is not None:
            runs.append(best)
        at = best.end if best is not None else at + 1
    return runs


def _shift(looks: Sequence[Hashable], start: int, period: int, spare: int) -> int:
    """How far from ``start`` the first whole turn begins, where ``spare`` items belong to none."""
    before = start
    while before and looks[before - 1] == looks[before - 1 + period]:
        before -= 1
    if before < start:
        shift = (before - start) % period
        return shift if shift <= spare else 0
    return next((i for i in range(spare + 1) if looks[start + i] == looks[0]), 0)


def unit_label(labels: Sequence[str], count: int, worth: Sequence[bool] | None = None) -> str:
    """Write a run whose turns hold boxes of these labels; of many, those that are ``worth`` it.

    What a turn is fed with is no part of it: the element of a sequence, ``[·]``.

    >>> unit_label(["Linear(8, 8)"], 4), unit_label(["Linear(8, 8)", "ReLU()"], 6)
    ('Linear(8, 8) × 4', '(Linear, ReLU) × 6')
    >>> unit_label(["Linear(8, 8)", "+", "tanh", "×"], 25, [True, False, False, False])
    '(Linear, …) × 25'
    >>> unit_label(["[·]", "Cell"], 25, [False, True])
    'Cell × 25'
    >>> unit_label(["rnn.py:7: a = x @ W", "rnn.py:8: h = tanh(a)"], 25), unit_label(["+"], 3)
    ('rnn.py:7–8 × 25', '(+) × 3')
    >>> unit_label(["rnn.py:7 × 4", "rnn.py:8: h = tanh(a)"], 25)
    'rnn.py:7–8 × 25'
    """
    lines = [_LINE.match(label) for label in labels]
    if len({line and line[1] for line in lines}) == 1 and lines[0]:
        numbers = [int(line[i]) for line in lines if line for i in (2, 3) if line[i]]
        span = "–".join(str(i) for i in sorted({min(numbers), max(numbers)}))
        return f"{lines[0][1]}:{span} × {count:,}"
    told = list(zip(labels, worth or [True] * len(labels), strict=True))
    told = [one for one in told if one[0] != "[·]"] or told
    labels = [label for label, _ in told]
    if len(labels) == 1:
        only = labels[0] if labels[0][:1].isalpha() else f"({labels[0]})"
        return f"{only} × {count:,}"
    short = [look(label) for label in labels]
    if len(short) > _NAMED:
        short = [name for name, (_, it) in zip(short, told, strict=True) if it]
        short = [*short[:_NAMED], "…"]
    return f"({', '.join(short)}) × {count:,}"


def look(label: str) -> str:
    """Return a label less what is in parentheses, or less the code of a line.

    >>> look("Linear(8, 8)"), look("rnn.py:7: h = tanh(a)")
    ('Linear', 'rnn.py:7')
    """
    line = _LINE.match(label)
    return (
        f"{line[1]}:{line[2]}" if line else re.sub(r"^(\w+)\(.*\)$", r"\1", label, flags=re.DOTALL)
    )
