"""Which element of the inputs makes an output bad: found by computing again without it.

The bad elements of the inputs are replaced by harmless ones and the box is computed again. What
stays bad was made there; otherwise halving what is replaced finds one element that did it. So what
a `where` or an index dropped is never blamed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..graph import Node
from ..registry import REAL
from .walks import all_finite

__all__ = ["harmless", "offender"]


def offender(
    recompute: Callable[[list[Any]], Any],
    arrays: Sequence[Any],
    harmless: Sequence[float],
    asked: Sequence[bool] | None = None,
) -> tuple[int, tuple[int, ...]] | None:
    """Find the first element of ``arrays`` that makes what ``recompute`` returns bad.

    None if that is bad also with all bad elements replaced by the number in ``harmless``. Of
    arrays for which ``asked`` says no nothing is replaced.
    """
    asked = (True,) * len(arrays) if asked is None else asked
    bad = [
        np.flatnonzero(~np.isfinite(x)) if ask and not all_finite(x) else _NONE
        for x, ask in zip(arrays, asked, strict=True)
    ]
    ends = np.cumsum([len(places) for places in bad])
    total = int(ends[-1]) if len(ends) else 0

    def spoilt(first: int) -> bool:
        """Whether it is bad with the first so many bad elements as they are, the rest replaced."""
        replaced = []
        for x, places, end, number in zip(arrays, bad, ends, harmless, strict=True):
            rest = places[max(0, first - int(end) + len(places)) :]
            if len(rest):
                x = np.array(x, order="C")  # as the places count
                x.reshape(-1)[rest] = number
            replaced.append(x)
        try:
            with np.errstate(all="ignore"):
                return not all_finite(recompute(replaced))
        except Exception:  # a made-up matrix that has no inverse, say: it tells nothing
            return False

    if not total or spoilt(0):
        return None
    low, high = 0, total  # fine with `low` of them, and bad with `high`
    while high - low > 1:
        middle = (low + high) // 2
        if spoilt(middle):
            high = middle
        else:
            low = middle
    k = int(np.searchsorted(ends, low, side="right"))
    flat = bad[k][low - int(ends[k]) + len(bad[k])]
    return k, tuple(int(i) for i in np.unravel_index(flat, np.shape(arrays[k])))


_NONE = np.empty(0, int)


def harmless(node: Node, count: int) -> list[float]:
    """What to replace a bad element of each operand by: a point within the op's domain."""
    domains = node.op.domains
    if len(domains) != count:
        domains = (REAL,) * count
    return [domain.interior for domain in domains]
