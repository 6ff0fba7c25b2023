"""Derivatives without rules: differences with a step chosen by its error, and complex steps.

Central differences, ``(f(x + h) - f(x - h)) / 2h``, at steps that fall by a factor of four, and
Richardson's extrapolation of them: every column of the table removes the next power of h². Two
entries that should agree say how far the better one is off (Ridders, 1982), so the step is chosen
where truncation and rounding meet, and a noisy function is known to be one.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..tensor import Tensor
from ..tree import flatten, flatten_like

__all__ = [
    "Estimate",
    "along",
    "complex_step",
    "flat",
    "numerical_gradient",
    "numerical_jvp",
    "one_sided",
    "plain",
    "roughness",
    "split",
]

FIRST_STEP = 2.0**-4
RATIO = 4.0
#: The smallest step is some 2e-10 of the argument's size.
LEVELS = 15
#: A change this small, relative to the values, may be one step of how they are rounded inside.
UNFELT = 1e-5
#: An estimate this good, relative to its scale, is not improved further.
ENOUGH = 1e-10

SMOOTH, KINK, JUMP, STEEP, EDGE, NOISY = "smooth", "kink", "jump", "steep", "edge", "noisy"


class Estimate(NamedTuple):
    """A derivative along a direction, how far it may be off, and what the function looks like."""

    value: float
    error: float
    #: SMOOTH, or why there is no derivative: KINK, JUMP, STEEP (infinite slope), EDGE, NOISY.
    kind: str = SMOOTH
    #: The slopes on the left and on the right, where they differ.
    slopes: tuple[float, float] | None = None
    step: float = 0.0


def plain(x: Any) -> Any:
    """The value of a tensor, and anything else as it is."""
    return x.detach().data if type(x) is Tensor else x


def flat(ys: Sequence[Any]) -> Any:
    """All numbers of several arrays in one real vector; a complex one gives two."""
    parts = []
    for y in ys:
        y = np.ascontiguousarray(y).reshape(-1)
        if y.dtype.kind == "c":
            y = y.view(y.real.dtype)
        parts.append(y if y.dtype == np.float64 else y.astype(float))
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.zeros(0)


def along(
    f: Callable[[float], Any],
    center: Any,
    weights: Any,
    scale: float,
    unit: float = 2.0**-52,
    first: float = FIRST_STEP,
    rough: Any = None,
) -> Estimate:
    """The derivative at 0 of ``weights @ f(t)``, a vector function of a number.

    Args:
        f: values at t, a real vector, or None where it cannot be computed there.
        center: ``f(0)``.
        weights: of the elements of the vector.
        scale: a derivative of this size is large; what is far below it is rounding.
        unit: the spacing of floating-point numbers at 1 in what ``f`` computes with.
        first: the step to begin with.
        rough: noise of the values that is known, see `roughness`.
    """
    h = first
    table: list[list[float]] = []
    best, error, step = math.nan, math.inf, 0.0
    bends: list[float] = []
    centrals: list[float] = []
    noises: list[float] = []
    sides = [0, 0]
    void = Estimate(math.nan, math.inf)
    unfelt = max(UNFELT, 64.0 * unit)
    with np.errstate(all="ignore"):
        for _ in range(LEVELS):
            right, left = f(h), f(-h)
            bad = right is None or left is None
            if not bad:
                rise, fall = right - center, center - left
                central = float(weights @ (right - left)) / (2.0 * h)
                bad = not math.isfinite(central)
            if bad:
                for k, y in enumerate((left, right)):
                    sides[k] += y is not None and math.isfinite(float(weights @ y))
                table.clear()
                h /= RATIO
                continue
            moved = (right != left) | (rise != 0.0)
            size = np.abs(weights) @ np.where(moved, np.abs(right) + np.abs(left), 0.0)
            if size == 0.0 and centrals:
                before = abs(centrals[-1]) * 2.0 * RATIO * h
                if 0.0 < before < unfelt * float(np.abs(weights) @ np.abs(center)):
                    break  # the step is too small to be felt, in single precision say
            noise = unit * float(size) / h
            if rough is not None:
                noise += 2.0 * float(np.abs(weights) @ np.where(moved, rough, 0.0)) / h
            bends.append(float(weights @ (rise - fall)) / h)
            centrals.append(central)
            noises.append(noise)
            # Extrapolation rounds relative to what it begins with.
            rounding = noise + 2.0**-52 * min(map(abs, centrals[:2]))
            row = [central]
            power = RATIO * RATIO
            for k, before in enumerate(table[-1] if table else ()):
                row.append((power * row[k] - before) / (power - 1.0))
                power *= RATIO * RATIO
                off = max(abs(row[-1] - row[k]), abs(row[-1] - before)) + rounding
                if off < error:
                    best, error, step = row[-1], off, h
            table.append(row)
            if len(bends) > 1 and _bent(bends, noises, scale):
                # Larger steps went over a kink: what was extrapolated from them is void.
                if error < void.error:
                    void = Estimate(best, error, SMOOTH, None, step)
                table, best, error = [[central]], math.nan, math.inf
            base = max(abs(best), scale)
            enough = error <= ENOUGH * base + 2.0 * min(noise, 1e-6 * base)
            if len(table) >= 3 and enough:
                return Estimate(best, error, SMOOTH, None, step)
            h /= RATIO
    rest = centrals[-3:]
    if len(rest) == 3 and all(rest):
        apart = abs(rest[-1] - best)
        if max(abs(c - rest[-1]) for c in rest) + max(noises[-3:]) < 0.2 * apart > error:
            # Steps this small agree on something else: the larger ones rested by accident.
            row = table[-1]
            best = row[min(1, len(row) - 1)]
            error, step = abs(rest[-1] - rest[-2]) + noises[-1], h * RATIO
            void = Estimate(math.nan, math.inf)
    if not centrals:
        return Estimate(math.nan, math.inf, EDGE if sides[0] != sides[1] else NOISY)
    found = Estimate(best, error, SMOOTH, None, step)
    off = abs(void.value - best)
    sure = error <= 1e-6 * max(abs(best), scale) or off > 4.0 * (error + void.error)
    if void.error < error and not sure:
        # It was no kink but noise; what differs between the two estimates is its size.
        found = void._replace(error=max(void.error, min(off, error) if off == off else 0.0))
    return _judged(found, bends, centrals, noises, scale)


def _bent(bends: list[float], noises: list[float], scale: float) -> bool:
    """Whether the one-sided slopes have not begun to agree: their difference should fall with h."""
    last, before = abs(bends[-1]), abs(bends[-2])
    return last > 0.5 * before and last > 50.0 * noises[-1] and last > 1e-9 * scale


def _judged(
    found: Estimate, bends: list[float], centrals: list[float], noises: list[float], scale: float
) -> Estimate:
    """Say what kind of point this is, when the table has not come to rest, or one side differs."""
    # Levels at which the difference of the slopes stands clear of the rounding.
    clear = [
        k
        for k in range(len(bends))
        if abs(bends[k]) > 50.0 * noises[k] and abs(bends[k]) > 1e-9 * scale
    ]
    run = clear[-4:]
    if len(run) == 4 and run[-1] - run[0] == 3:
        ratios = [abs(bends[k] / bends[k - 1]) for k in run[1:]]
        drift = abs(centrals[run[-1]] - centrals[run[-2]])
        bend = bends[run[-1]]
        if all(0.8 < r < 1.25 for r in ratios) and drift < 0.1 * abs(bend):
            # The slopes by extrapolating what remains of the curvature, linear in h.
            bend = (RATIO * bend - bends[run[-2]]) / (RATIO - 1.0)
            center = centrals[run[-1]]
            slopes = (center - bend / 2.0, center + bend / 2.0)
            off = abs(bend - bends[run[-1]]) + drift + noises[run[-1]]
            return Estimate(center, off, KINK, slopes, found.step)
        if all(r > 1.6 for r in ratios):
            kind = JUMP if all(r > 3.2 for r in ratios) else STEEP
            return Estimate(found.value, math.inf, kind)
    # A jump, or an infinite slope, that is odd about the point shows in the central differences.
    rest = [k for k in range(len(centrals)) if abs(centrals[k]) > 50.0 * noises[k]][-4:]
    if len(rest) == 4 and rest[-1] - rest[0] == 3:
        ratios = [abs(centrals[k] / centrals[k - 1]) for k in rest[1:]]
        if all(r > 1.6 for r in ratios):
            kind = JUMP if all(r > 3.2 for r in ratios) else STEEP
            return Estimate(math.copysign(math.inf, centrals[rest[-1]]), math.inf, kind)
    return found


def roughness(f: Callable[[float], Any]) -> Any:
    """The noise of each value of ``f`` near 0, beside what rounding of the values themselves gives.

    Differences of high order of values at even steps vanish for a smooth function and leave the
    noise (Hamming; Moré and Wild, 2011). They are taken a little away from 0, where there may be a
    kink, at several places, of which a quiet one counts. None where there are no values.
    """
    sides = []
    with np.errstate(all="ignore"):
        for away, step in ((2.0**-6, 2.0**-18), (0.7 * 2.0**-7, -(2.0**-18))):
            for sign in (1.0, -1.0):
                values = [f(sign * (away + step * j)) for j in range(10)]
                if all(y is not None for y in values):
                    high = np.diff(np.stack(values), 7, axis=0)
                    sides.append(np.sqrt(np.mean(high**2, axis=0) / 3432.0))
    if not sides:
        return None
    # The quietest of all may be so by chance, and one or another may go over a kink.
    found = np.sort(np.stack(sides), axis=0)[1 if len(sides) > 2 else 0]
    return np.where(np.isfinite(found), found, 0.0)


def one_sided(
    f: Callable[[float], Any], center: Any, weights: Any, sign: float, first: float = FIRST_STEP
) -> Estimate:
    """The slope on one side only, where the function ends: extrapolated in all powers of h."""
    h = first
    table: list[list[float]] = []
    best, error, step = math.nan, math.inf, 0.0
    with np.errstate(all="ignore"):
        for _ in range(LEVELS):
            y = f(sign * h)
            slope = math.nan if y is None else sign * float(weights @ (y - center)) / h
            if not math.isfinite(slope):
                table.clear()
            else:
                row = [slope]
                power = RATIO
                for k, before in enumerate(table[-1] if table else ()):
                    row.append((power * row[k] - before) / (power - 1.0))
                    power *= RATIO
                    off = max(abs(row[-1] - row[k]), abs(row[-1] - before))
                    if off < error:
                        best, error, step = row[-1], off, h
                table.append(row)
            h /= RATIO
    if len(table) > 4:
        firsts = [row[0] for row in table]
        if all(abs(b) > 1.6 * abs(a) for a, b in zip(firsts[-5:], firsts[-4:], strict=False)):
            return Estimate(math.copysign(math.inf, firsts[-1]), math.inf, STEEP)
    return Estimate(best, error, EDGE, None, step)


def complex_step(f: Callable[[complex], Any], weights: Any) -> float | None:
    """The derivative by a complex step, ``Im f(ih) / h``, which rounds as ``f`` does and no more.

    ``f`` gives real parts and imaginary parts of the values. None where it does not take complex
    numbers; whether it is analytic is for the caller to see, by comparing.
    """
    h = 1e-30
    try:
        with np.errstate(all="ignore"):
            found = float(weights @ f(1j * h)) / h
    except Exception:  # whatever a function says to an argument that it was not written for
        return None
    return found if math.isfinite(found) else None


def numerical_gradient(
    f: Callable[[Any], Any], x: Any, epsilon: float | None = None, elements: Any = None
) -> Any:
    """Return the gradient of a scalar function by central differences, one element at a time.

    Args:
        f: maps an array of the shape of ``x`` to one number.
        x: the point, an array; it is left as it is, and computed with in float64.
        epsilon: the step; the error is of the order of its square. None chooses it for each
            element by an estimate of the error.
        elements: flat indices of the elements to do; all others are NaN. None does all.

    >>> numerical_gradient(lambda x: (x**2).sum(), np.array([1.0, 2.0])).round(6)
    array([2., 4.])
    """
    x = np.array(plain(x), dtype=float)
    result = np.full(x.shape, np.nan)
    one = np.ones(1)
    size = _size(x)

    def moved(i: int, t: float) -> Any:
        y = x.copy()
        y.flat[i] += t
        return np.array([float(plain(f(y)))])

    for i in range(x.size) if elements is None else elements:
        if epsilon is not None:
            above, below = moved(i, epsilon), moved(i, -epsilon)
            result.flat[i] = float((above - below)[0]) / (2 * epsilon)
            continue
        step = max(abs(float(x.flat[i])), size)
        center = moved(i, 0.0)
        path = functools.partial(lambda i, h, t: moved(i, t * h), i, step)
        found = _rough_or_not(path, center, one)
        near = abs(float(x.flat[i])) / step
        if 0.0 < near < 1.0 and not found.error <= 1e-2 * abs(found.value):
            # A pole, or the end of the domain, may be as near as zero is.
            finer = along(path, center, one, 0.0, first=FIRST_STEP * near)
            if finer.kind == SMOOTH and finer.error <= 1e-2 * abs(finer.value):
                found = finer
        result.flat[i] = found.value / step
    return result


def numerical_jvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[Any, Any]:
    """Return the derivative of ``f`` at ``primals`` along ``tangents``, and estimates of its error.

    The step is chosen for each element of the value by Richardson extrapolation.

    Args:
        f: a function of arrays, or of nested dicts, lists and tuples of arrays.
        primals: a tuple of its arguments; real or complex, computed with in double precision.
        tangents: a tuple of the same structure and shapes.

    Returns:
        Two results in the structure of ``f``'s: the derivative, and how far it may be off.

    Raises:
        ValueError: a tangent does not fit its primal, or a value is complex.

    >>> slope, error = numerical_jvp(np.exp, (np.array([0.0, 1.0]),), (np.array([1.0, 2.0]),))
    >>> bool(np.all(np.abs(slope - np.exp([0.0, 1.0]) * [1, 2]) <= 1e-9 + error))
    True
    """
    leaves, rebuild = flatten(list(primals))
    directions = [np.asarray(plain(v)) for v in flatten_like(list(tangents), list(primals), "jvp")]
    xs = [np.asarray(plain(x)) for x in leaves]
    for x, v in zip(xs, directions, strict=True):
        if x.shape != v.shape:
            raise ValueError(
                f"numerical_jvp: a tangent of shape {v.shape} does not fit a primal of shape "
                f"{x.shape}"
            )
    size = max((_size(x) for x in xs if x.size), default=1.0)
    # The largest element moves by its own size: steps are relative to the point's.
    largest = max((float(np.max(np.abs(v))) for v in directions if v.size), default=0.0)
    unit = size / largest if largest else 1.0

    def outputs(t: float) -> tuple[list[Any], Callable[[list[Any]], Any]]:
        parts, put = flatten(f(*rebuild([x + t * v for x, v in zip(xs, directions, strict=True)])))
        return [np.asarray(plain(y)) for y in parts], put

    at, put = outputs(0.0)
    center = flat(at)
    values, errors = np.empty(center.size), np.empty(center.size)
    seen: dict[float, Any] = {}

    def moved(t: float) -> Any:
        if t not in seen:
            seen[t] = flat(outputs(t * unit)[0])
        return seen[t]

    for k in range(center.size):
        pick = np.ones(1)
        path = functools.partial(lambda k, t: moved(t)[k : k + 1], k)
        found = _rough_or_not(path, center[k : k + 1], pick)
        values[k], errors[k] = found.value / unit, found.error / unit
    return put(split(values, at)), put(split(errors, at))


def _size(x: Any) -> float:
    """The size of the numbers in an array, to which steps are relative."""
    largest = float(np.max(np.abs(x), initial=0.0))
    return max(largest, 1e-2) if largest and math.isfinite(largest) else 1.0


def _rough_or_not(f: Callable[[float], Any], center: Any, weights: Any) -> Estimate:
    """`along`, with the noise of the values measured where they do not look smooth."""
    found = along(f, center, weights, 0.0)
    if found.kind == SMOOTH and math.isfinite(found.error):
        return found
    rough = roughness(f)
    return found if rough is None else along(f, center, weights, 0.0, rough=rough)


def split(values: Any, like: list[Any]) -> list[Any]:
    """The opposite of `flat`."""
    parts, at = [], 0
    for y in like:
        count = y.size * (2 if y.dtype.kind == "c" else 1)
        part = np.ascontiguousarray(values[at : at + count])
        at += count
        part = part.view(complex) if y.dtype.kind == "c" else part
        parts.append(part.reshape(y.shape).astype(y.dtype if y.dtype.kind in "fc" else float))
    return parts
