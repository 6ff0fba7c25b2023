"""Where a gradient is wrong: the worst element, the output that shows it, and the sentence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .differences import Estimate, along
from .guess import guess
from .report import Failure
from .sizes import base_of, dot, place_of

if TYPE_CHECKING:
    from .stages import Stage

__all__ = ["element", "localise"]

#: Elements that are looked at one by one to find a fault.
SEARCHED = 64
#: The step by which the outputs are found that an element moves.
STEP = 1e-5


def localise(
    s: Stage,
    k: int,
    d: int,
    g: Any,
    exact: float,
    found: Estimate,
    scale: float,
    floor: float,
) -> None:
    """Find the worst element of a gradient that is wrong along a direction."""
    x = s.xs[k]
    places = np.array([i for i in range(x.size) if i not in s.held[k]])
    sizes = np.maximum(np.abs(x.reshape(-1)), min(1.0, s.sizes[k]))
    while places.size > SEARCHED:
        halves = np.array_split(places, 2)
        worst = []
        for half in halves:
            v = np.zeros(x.shape, x.dtype)
            v.reshape(-1)[half] = sizes[half] * s.rng.normal(size=half.size)
            part = s.estimate({k: v}, d, scale)
            apart = abs(dot(g, v)[0] - part.value)
            worst.append(apart if math.isfinite(apart) else math.inf)
        places = halves[int(np.argmax(worst))]
    numeric = np.full(x.size, np.nan, x.dtype)
    noise = np.zeros(x.size)
    flat_g = g.reshape(-1)
    for i in places:
        value: complex = 0.0
        for unit in (1.0, 1j) if x.dtype.kind == "c" else (1.0,):
            v = np.zeros(x.shape, x.dtype)
            v.reshape(-1)[i] = unit * sizes[i]
            part = s.surer(s.estimate({k: v}, d, scale), {k: v}, s.weights[d], scale)
            value += unit * part.value / sizes[i]
            noise[i] += part.error / sizes[i] if math.isfinite(part.error) else 0.0
        numeric[i] = value
    off: Any = np.abs(flat_g - numeric) - 4.0 * noise
    off = np.where(np.isnan(flat_g.real) & ~np.isnan(numeric.real), np.inf, off)
    if np.all(np.isnan(off)):
        i = int(places[0])
    else:
        i = int(np.nanargmax(off))
    text = guess(g, numeric.reshape(x.shape))
    error, allowed = s.measured(exact, found, scale, floor)
    base = base_of(exact, found.value, scale)
    shown = _without_weights(s, k, i, sizes[i], flat_g[i], numeric[i])
    _enter(s, k, i, shown, error / base, allowed / base, text)


def _without_weights(
    s: Stage, k: int, i: int, size: float, got: Any, expected: Any
) -> tuple[Any, Any, str]:
    """The derivative of one output instead of the weighted sum, if it shows the fault."""
    weights = s.weights[0]
    if s.pull is None:
        return got, expected, ""
    x = s.xs[k]
    units: tuple[complex, ...] = (1.0, 1j) if x.dtype.kind == "c" else (1.0,)
    moves = np.zeros(weights.size)
    directions = []
    for unit in units:
        v = np.zeros(x.shape, x.dtype)
        v.reshape(-1)[i] = unit * size
        directions.append({k: v})
        at = s.moved({k: v})
        right, left = at(STEP), at(-STEP)
        if right is None or left is None:
            return got, expected, ""
        moves += np.abs((right - left) * weights)
    # The outputs that depend on the element most, and some that it may wrongly depend on.
    order = np.argsort(-moves)[:8].tolist() + np.flatnonzero(weights != 0.0)[:8].tolist()
    best = None
    for o in dict.fromkeys(order):
        e = np.zeros(weights.size)
        e[o] = 1.0
        exact = s.pull(e)[k].reshape(-1)[i]
        numeric: Any = 0.0
        noise = 0.0
        for unit, vs in zip(units, directions, strict=True):
            found = s.surer(along(s.moved(vs), s.center, e, 0.0, s.unit), vs, e, 0.0)
            numeric += unit * found.value / size
            noise += 4.0 * found.error / size
        off = abs(exact - numeric) - noise
        if off > s.tolerance * max(abs(exact), abs(numeric)) and (
            best is None or off * abs(weights[o]) > best[0]
        ):
            best = (off * abs(weights[o]), exact, numeric, o)
    if best is None:
        return got, expected, ""
    _, exact, numeric, o = best
    which = f" (of number {o} of the values)" if weights.size > 1 else ""
    return exact, numeric, which


def element(
    s: Stage, k: int, i: int, exact: float, numeric: float, error: float, allowed: float,
    scale: float,
) -> None:  # fmt: skip
    """Enter an element that is wrong where it was looked at alone."""
    base = base_of(exact, numeric, scale)
    ratio = exact / numeric if numeric else math.nan
    text = ""
    if abs(ratio + 1.0) < 1e-3:
        text = "it has the wrong sign"
    elif exact == 0.0:
        text = "it is zero: the dependence was lost"
    size = max(float(np.abs(s.xs[k].reshape(-1)[i])), min(1.0, s.sizes[k]))
    shown = _without_weights(s, k, i, size, exact, numeric)
    _enter(s, k, i, shown, error / base, allowed / base, text)


def _enter(
    s: Stage, k: int, i: int, shown: tuple[Any, Any, str], error: float, allowed: float, text: str
) -> None:
    """Enter the failure, in numbers as they are shown."""
    got, expected, which = shown
    place = place_of(s.xs[k], i)
    if not np.iscomplexobj(s.xs[k]):
        got, expected = float(np.real(got)), float(np.real(expected))
    else:
        got, expected = complex(got), complex(expected)
        # The derivative of an imaginary part turns by i.
        turned = min(abs(got - expected.conjugate()), abs(got + expected.conjugate()))
        if not text and turned <= 1e-4 * abs(expected):
            text = "it is the conjugate of what it should be"
    s.failures.append(
        Failure(
            "gradient",
            s.names[k],
            f"the gradient of {s.name(k)} is wrong: at element {place} it is {got:.10g}, "
            f"finite differences say {expected:.10g}{which}; the error relative to the "
            f"gradient's size is {error:.3g}, above {allowed:.3g}",
            place,
            got,
            expected,
            error,
            allowed,
            s.order,
            text,
        )
    )
