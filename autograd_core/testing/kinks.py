"""Points without a derivative: which elements meet them, and whether the gradient may be so."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .differences import EDGE, JUMP, KINK, SMOOTH, STEEP, Estimate, along
from .report import Failure, Kink
from .sizes import SMALL, dot, largest_of, part, place_of

if TYPE_CHECKING:
    from .stages import Stage

__all__ = ["between", "find_kinks", "together"]

#: How many directions are tried to find the elements that meet kinks.
SEARCHES = 1000


def find_kinks(s: Stage, k: int, d: int, g: Any) -> bool:
    """Find the elements that meet a kink, by halves; whether there were any new ones."""
    x = s.xs[k]
    before = len(s.held[k])
    largest = 0.0 if g is None else largest_of(g)
    reach = np.where(
        s.reach[k] < s.sizes[k], s.reach[k], np.maximum(np.abs(x), min(1.0, s.sizes[k]))
    )
    reach = reach.reshape(-1)
    units: tuple[complex, ...] = (1.0, 1j) if x.dtype.kind == "c" else (1.0,)
    parts = [np.array([i for i in range(x.size) if i not in s.held[k]], dtype=int)]
    for _ in range(SEARCHES):
        if not parts:
            break
        places = parts.pop()
        if places.size > 1:
            v = np.zeros(x.shape, x.dtype)
            v.reshape(-1)[places] = reach[places] * sum(
                unit * s.rng.normal(size=places.size) for unit in units
            )
            scale = 0.0 if g is None else dot(g, v)[1]
            found = s.estimate({k: v}, d, scale if math.isfinite(scale) else 0.0)
            if found.kind != SMOOTH or not s.useful(found, found.value, scale):
                parts += [part for part in np.array_split(places, 2) if part.size]
            continue
        for unit in units if places.size else ():
            if int(places[0]) not in s.held[k]:
                _hold(s, k, int(places[0]), d, unit, g, largest)
    return len(s.held[k]) > before


def _hold(s: Stage, k: int, i: int, d: int, unit: complex, g: Any, largest: float) -> None:
    """Look at one element, and leave it out from now on if there is no derivative."""
    x = s.xs[k]
    size = max(float(np.abs(x.reshape(-1)[i])), min(1.0, s.sizes[k]))
    v = np.zeros(x.shape, x.dtype)
    v.reshape(-1)[i] = unit * size
    exact = math.nan if g is None else part(g.reshape(-1)[i], unit)
    scale = SMALL * largest * size
    found = s.estimate({k: v}, d, scale)
    if found.kind == SMOOTH and math.isfinite(found.value):
        return
    s.held[k].add(i)
    if found.kind == KINK:
        between(s, k, i, exact * size, found)
    elif found.kind in (JUMP, STEEP):
        s.add_kink(Kink(found.kind, s.names[k], place_of(x, i), None, exact, s.order))
    elif found.kind == EDGE and math.isfinite(exact):
        s.one(k, i, d, unit, exact, largest, g)
    else:
        s.notes.append(f"{s.name(k)}: no finite values around element {place_of(x, i)}")


def between(s: Stage, k: int, i: int, exact: float, found: Estimate) -> None:
    """At a kink the gradient of every output must lie between its slopes on both sides."""
    assert found.slopes is not None
    x = s.xs[k]
    place = place_of(x, i)
    size = max(float(np.abs(x.reshape(-1)[i])), min(1.0, s.sizes[k]))
    slopes = (found.slopes[0] / size, found.slopes[1] / size)
    shown, seen = slopes, exact / size
    for o, of_output, got, off in _of_outputs(s, k, i, size):
        low, high = sorted(of_output)
        slack = 1e-4 * max(abs(low), abs(high)) + off
        if not low - slack <= got <= high + slack:
            which = f" (of number {o} of the values)" if s.center.size > 1 else ""
            text = (
                f"the gradient of {s.name(k)} is wrong: at element {place} there is a kink "
                f"with slopes {of_output[0]:.10g} and {of_output[1]:.10g}, and it is "
                f"{got:.10g}{which}, which does not lie between"
            )
            due = min(of_output, key=lambda slope: abs(slope - got))
            name = s.names[k]
            failure = Failure("kink", name, text, place, got, due, order=s.order)
            s.failures.append(failure)
            return
        if shown is slopes:
            shown, seen = of_output, got
    s.add_kink(Kink(KINK, s.names[k], place, shown, seen, s.order))


def _of_outputs(
    s: Stage, k: int, i: int, size: float
) -> Iterator[tuple[int, tuple[float, float], float, float]]:
    """The outputs that have a kink when an element moves: which, slopes, gradient, their error."""
    if s.pull is None or s.xs[k].dtype.kind == "c":
        return
    v = np.zeros(s.xs[k].shape)
    v.reshape(-1)[i] = size
    at = s.moved({k: v})
    right, left = at(1e-4), at(-1e-4)
    if right is None or left is None:
        return
    bends = np.abs(right - s.center - (s.center - left)) * (s.weights[0] != 0.0)
    for o in np.argsort(-bends)[:4].tolist():
        if not bends[o] > 0.0:
            return
        e = np.zeros(s.center.size)
        e[o] = 1.0
        found = along(at, s.center, e, 0.0, s.unit)
        if found.kind == KINK and found.slopes is not None:
            low, high = found.slopes
            got = float(s.pull(e)[k].reshape(-1)[i].real)
            yield o, (low / size, high / size), got, found.error / size


def together(s: Stage) -> None:
    """Move all elements at kinks by the same: ties that move as one are no kink.

    Of one output at a time, since a sum of kinks of both signs has no slopes to lie between.
    """
    held = {k: sorted(i) for k, i in enumerate(s.held) if i}
    if not held or s.order > 1 or s.pull is None:
        return
    size = max(s.sizes[k] for k in held)
    vs = {}
    for k, places in held.items():
        vs[k] = np.zeros(s.xs[k].shape, s.xs[k].dtype)
        vs[k].reshape(-1)[places] = size
        vs[k][~np.isfinite(s.xs[k])] = 0.0
    at = s.moved(vs)
    right, left = at(1e-4), at(-1e-4)
    if right is None or left is None:
        return
    moves = np.where(s.weights[0] != 0.0, np.abs(right - left), 0.0)
    for o in np.argsort(-moves)[:8].tolist():
        if not moves[o] > 0.0:
            continue
        e = np.zeros(moves.size)
        e[o] = 1.0
        gradients = s.pull(e)
        both = [dot(gradients[k], v) for k, v in vs.items()]
        exact, scale = sum(x for x, _ in both), sum(x for _, x in both)
        if not math.isfinite(exact) or not math.isfinite(scale):
            continue
        found = along(at, s.center, e, scale, s.unit)
        if found.kind == SMOOTH and s.useful(found, exact, scale):
            low = high = found.value
        elif found.kind == KINK and found.slopes is not None:
            low, high = sorted(found.slopes)
        else:
            continue
        slack = 1e-4 * max(abs(low), abs(high), scale) + 4.0 * found.error
        if not low - slack <= exact <= high + slack:
            _tie(s, vs, held, exact / size, low / size, high / size)
            return


def _tie(
    s: Stage, vs: dict[int, Any], held: dict[int, list[int]], exact: float, low: float, high: float
) -> None:
    """Enter a gradient that is wrong where elements move together."""
    k = min(vs)
    names = " and ".join(s.names[k] for k in vs)
    s.failures.append(
        Failure(
            "kink",
            s.names[k],
            f"the gradient of {names} is wrong at a kink or a tie: when the elements there "
            f"move together, it gives {exact:.10g}, finite differences say "
            + (f"{low:.10g}" if low == high else f"from {low:.10g} to {high:.10g}"),
            place_of(s.xs[k], held[k][0]),
            exact,
            low if exact < low else high,
            order=s.order,
            guess="the weights of a tie must sum to one" if low == high else "",
        )
    )
