"""One derivative against differences: along random directions, and element by element.

A stage is a function with its pull-back: the function itself at order 1, its gradient at order 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from . import blame
from .differences import (
    EDGE,
    FIRST_STEP,
    JUMP,
    KINK,
    NOISY,
    SMOOTH,
    STEEP,
    Estimate,
    along,
    complex_step,
    flat,
    one_sided,
    roughness,
)
from .functions import Arrays
from .kinks import between, find_kinks, together
from .report import Failure, Kink, Report
from .sizes import SMALL, base_of, dot, largest_of, part, place_of, size_of

__all__ = ["Direction", "Stage"]

#: The step of the first look at an element, relative to the argument's size.
QUICK = 1e-5
#: Elements this much smaller than the steps are moved by steps of their own size as well.
CLOSE = 0.125
#: Elements this much smaller than the largest are moved by their own size.
TINY = 1e-4
#: Estimates whose error is larger than this say nothing.
USELESS = 1e-2


class Direction(NamedTuple):
    """A direction in one operand, and what differences say along it."""

    operand: int
    v: Any
    cotangent: int
    found: Estimate
    #: The size of a derivative along it, by which errors are measured.
    scale: float


class Stage:
    """Compare the pull-back of a function with its differences."""

    def __init__(
        self,
        order: int,
        names: list[str],
        xs: Arrays,
        values: Callable[[Arrays], Arrays],
        cotangents: list[Arrays],
        tolerance: float,
        unit: float,
        rng: np.random.Generator,
        analytic: bool,
        pull: Callable[[Any], Arrays] | None = None,
        least: float = 0.0,
    ) -> None:
        self.order, self.names, self.xs, self.values = order, names, xs, values
        self.cotangents, self.tolerance, self.unit, self.rng = cotangents, tolerance, unit, rng
        self.weights = [flat(us) for us in cotangents]
        self.center = flat(values(xs))
        self.sizes = [size_of(x) for x in xs]
        #: How far each element is moved together with others.
        self.reach = [_reach(x, size) for x, size in zip(xs, self.sizes, strict=True)]
        # What rounding does to a gradient that changes the values by as much as they are large.
        center = np.maximum(np.abs(self.center), least)
        total = max(float(np.abs(w) @ center) for w in self.weights)
        self.floors = [64.0 * unit * total / size for size in self.sizes]
        #: Noise of the values that is known; measured when something looks wrong.
        self.rough: Any = None
        self._measured_noise = False
        self.directions: list[Direction] = []
        self.failures: list[Failure] = []
        self.kinks: list[Kink] = []
        self.notes: list[str] = []
        #: Errors as a part of what is allowed, times the tolerance.
        self.errors = [0.0] * len(xs)
        self.precision = [0.0] * len(xs)
        #: Elements at which a kink was found, which directions leave alone.
        self.held: list[set[int]] = [set(np.flatnonzero(~np.isfinite(x)).tolist()) for x in xs]
        self.analytic = analytic
        #: From weights of the flat values to the gradients, to show numbers without random factors.
        self.pull = pull

    # -- differences ------------------------------------------------------------------------------

    def moved(self, vs: dict[int, Any]) -> Callable[[float], Any]:
        """The values as a function of a step along directions of some operands."""

        def at(t: float) -> Any:
            xs = list(self.xs)
            for k, v in vs.items():
                xs[k] = xs[k] + t * v
            try:
                y = flat(self.values(xs))
            except Exception:  # outside of where the function is defined, it may do as it likes
                return None
            return y if y.shape == self.center.shape else None

        return at

    def _imaginary(self, k: int, v: Any) -> Callable[[complex], Any]:
        def at(t: complex) -> Any:
            xs = list(self.xs)
            xs[k] = xs[k] + t * v
            return np.concatenate([np.ravel(y).imag for y in self.values(xs)] or [np.zeros(0)])

        return at

    def _along(
        self, vs: dict[int, Any], d: int, scale: float, first: float = FIRST_STEP
    ) -> Estimate:
        at, weights = self.moved(vs), self.weights[d]
        return along(at, self.center, weights, scale, self.unit, first, self.rough)

    def _learn_noise(self) -> bool:
        """Measure how noisy the values are, once; whether that is more than their rounding."""
        if self._measured_noise:
            return False
        self._measured_noise = True
        vs = {}
        for k, x in enumerate(self.xs):
            v = np.asarray(self.rng.normal(size=x.shape) * self.sizes[k]).astype(x.dtype)
            v.reshape(-1)[~np.isfinite(x.reshape(-1))] = 0.0
            vs[k] = v
        rough = roughness(self.moved(vs))
        if rough is None or not np.any(rough > 4.0 * self.unit * np.abs(self.center)):
            return False
        self.rough = rough
        return True

    def _ratio(self, vs: dict[int, Any]) -> float:
        """What to divide steps by so that no element moves by more than its own size.

        A pole, or the edge of a domain, may be as near as zero is.
        """
        ratio = 1.0
        for k, v in vs.items():
            x, v = np.abs(self.xs[k]), np.abs(v)
            moves = (v > 0.0) & (x > 0.0)
            ratio = min(ratio, float(np.min(x[moves] / v[moves], initial=1.0)))
        return ratio

    def _finer(self, vs: dict[int, Any], weights: Any, scale: float) -> Estimate | None:
        """The derivative by such steps, if they are smaller by far than others and it is smooth."""
        ratio = self._ratio(vs)
        if not 0.0 < ratio < CLOSE:
            return None
        at = self.moved(vs)
        # Noise that was measured over larger steps may be the function itself.
        rough = None if self.rough is None else roughness(lambda t: at(t * ratio))
        found = along(at, self.center, weights, scale, self.unit, FIRST_STEP * ratio, rough)
        if found.kind != SMOOTH or not math.isfinite(found.error):
            return None
        if found.value == found.error == 0.0:
            # Nothing moved; what the values are too coarse to show may be as large as this.
            unfelt = self.unit * float(np.abs(weights) @ np.abs(self.center))
            found = found._replace(error=unfelt / (FIRST_STEP * ratio))
        return found

    def surer(self, found: Estimate, vs: dict[int, Any], weights: Any, scale: float) -> Estimate:
        """The estimate, or one by smaller steps where that is better known."""
        finer = self._finer(vs, weights, scale)
        return found if finer is None or not _surer(finer, found) else finer

    def estimate(self, vs: dict[int, Any], d: int, scale: float) -> Estimate:
        """The derivative along a direction."""
        found = self._along(vs, d, scale)
        if found.kind != SMOOTH and self._learn_noise():
            found = self._along(vs, d, scale)
        if found.kind != SMOOTH or not found.error <= USELESS * max(abs(found.value), scale):
            finer = self._finer(vs, self.weights[d], scale)
            if finer is not None and finer.error <= USELESS * max(abs(finer.value), scale):
                return finer
        if found.kind == EDGE or (found.kind == NOISY and not math.isfinite(found.value)):
            for sign in (1.0, -1.0):
                side = one_sided(self.moved(vs), self.center, self.weights[d], sign)
                if math.isfinite(side.error) or side.kind == STEEP:
                    return side
        return found

    def _precise(self, k: int, v: Any, d: int, found: Estimate, scale: float) -> Estimate:
        """The estimate by a complex step, if the function turns out to be analytic."""
        if not self.analytic or found.kind != SMOOTH or self.xs[k].dtype.kind == "c":
            return found
        if 100.0 * found.error > abs(found.value):
            return found  # too far off to tell a step whose imaginary part was dropped
        by_step = complex_step(self._imaginary(k, v), self.weights[d])
        if by_step is None:
            return found
        allowed = 10.0 * found.error + 1e-8 * max(abs(found.value), scale)
        if not abs(by_step - found.value) <= allowed:
            self.analytic = False
            return found
        # It rounds as the function does, where differences also cancel.
        off = self.unit * max(abs(by_step), scale) + 0.05 * found.error
        return found._replace(value=by_step, error=off)

    # -- checks -----------------------------------------------------------------------------------

    def check(self, gradients: list[Arrays] | None, elements: int) -> None:
        """Compare the gradients, one for each cotangent, with differences."""
        for k, x in enumerate(self.xs):
            if x.size == 0:
                continue
            failed = False
            for d in range(len(self.cotangents)):
                failed = failed or not self._along_random(k, d, gradients, elements)
            if gradients is not None and not failed and elements:
                chosen = np.arange(x.size)
                if x.size > elements:
                    # Those that hardly move along directions come first.
                    places = self.rng.permutation(x.size)
                    tiny = (self.reach[k] < self.sizes[k]).reshape(-1)
                    first = np.argsort(~tiny[places], kind="stable")
                    chosen = np.sort(places[first][:elements])
                self._elementwise(k, 0, gradients[0][k], chosen)
        if gradients is not None:
            together(self)

    def _along_random(
        self, k: int, d: int, gradients: list[Arrays] | None, elements: int, again: bool = False
    ) -> bool:
        x = self.xs[k]
        v = self.rng.normal(size=x.shape) * self.reach[k]
        if x.dtype.kind == "c":
            v = v + 1j * self.rng.normal(size=x.shape) * self.reach[k]
        if self.held[k]:
            v.reshape(-1)[list(self.held[k])] = 0.0
            if len(self.held[k]) == x.size:
                return True
        g = None if gradients is None else gradients[d][k]
        exact, scale = (math.nan, 0.0) if g is None else dot(g, v)
        scale = scale if math.isfinite(scale) else 0.0
        found = self.estimate({k: v}, d, scale)
        if found.kind != SMOOTH or not self.useful(found, exact, scale):
            # Elements one by one: which of them has no derivative?
            if not again and find_kinks(self, k, d, g):
                return self._along_random(k, d, gradients, elements, again=True)
            if found.kind == SMOOTH:
                self.notes.append(
                    f"{self.name(k)}: differences are too noisy to check it"
                    + (
                        f" (they may be off by {found.error:.1e} of {found.value:.1e})"
                        if math.isfinite(found.value)
                        else ""
                    )
                )
            elif found.kind in (KINK, JUMP, STEEP):
                self.add_kink(Kink(found.kind, self.names[k], None, None, exact, self.order))
                self.notes.append(
                    f"{self.name(k)}: along a random direction, where there is a {found.kind} "
                    "that no element shows alone; elements were checked one by one only"
                )
            else:
                self.notes.append(
                    f"{self.name(k)}: there are no finite values around the point; choose one "
                    "well inside the domain"
                )
            return True
        found = self._precise(k, v, d, found, scale)
        if g is None:
            self.directions.append(Direction(k, v, d, found, scale))
            return True
        right, found = self._verdict({k: v}, d, exact, found, scale)
        if right is None:
            return True
        if not right:
            blame.localise(self, k, d, g, exact, found, scale, self._floor({k: v}))
            return False
        self.directions.append(Direction(k, v, d, found, scale))
        error, allowed = self.measured(exact, found, scale, self._floor({k: v}))
        self.errors[k] = max(self.errors[k], self.tolerance * error / allowed)
        self._note_precision(k, exact, found, scale)
        return True

    def _verdict(
        self, vs: dict[int, Any], d: int, exact: float, found: Estimate, scale: float
    ) -> tuple[bool | None, Estimate]:
        """Whether a derivative is right; None where differences do not say."""
        floor = self._floor(vs)
        error, allowed = self.measured(exact, found, scale, floor)
        if error <= allowed:
            return True, found
        if found.kind != SMOOTH or not math.isfinite(exact):
            return False, found
        if self._learn_noise():
            found = self._along(vs, d, scale)
            if found.kind != SMOOTH or not self.useful(found, exact, scale):
                self.notes.append(f"{self.names[min(vs)]}: the values are too noisy to check it")
                return None, found
            error, allowed = self.measured(exact, found, scale, floor)
            if error <= allowed:
                return True, found
        # Other ladders of steps: one that came to rest by accident does not do so again. What they
        # say counts if they are sure enough to tell the two numbers apart.
        finer = self._finer(vs, self.weights[d], scale)
        others = [self._along(vs, d, scale, first) for first in (0.37 * 2.0**-6, 0.61 * 2.0**-11)]
        if finer is not None:
            if _surer(finer, found):
                found, others = finer, []
            if 40.0 * finer.error <= abs(exact - found.value) or finer is found:
                error, allowed = self.measured(exact, finer, scale, floor)
                if error <= allowed:
                    return True, finer
        last, seen = found, [found]
        for other in others:
            apart = abs(exact - found.value)
            if other.kind != SMOOTH or 40.0 * other.error > apart > 4.0 * found.error:
                continue
            error, allowed = self.measured(exact, other, scale, floor)
            if error <= allowed:
                return True, other
            last = other
            seen.append(other)
        spread = max(abs(x.value - last.value) for x in seen)
        if spread > 0.1 * abs(exact - last.value):
            self.notes.append(f"{self.names[min(vs)]}: differences contradict each other")
            return None, last
        if not self._additive(vs, d, last, scale):
            self.add_kink(Kink(KINK, self.names[min(vs)], None, None, exact, self.order))
            return None, last
        return False, last

    def _floor(self, vs: dict[int, Any]) -> float:
        return sum(self.floors[k] * float(np.max(np.abs(v))) for k, v in vs.items())

    def _note_precision(self, k: int, exact: float, found: Estimate, scale: float) -> None:
        """Keep what the differences are good for, where that is less than the tolerance asks."""
        base = base_of(exact, found.value, scale)
        known = 4.0 * found.error / base
        if 10.0 * self.tolerance < known < 1.0:  # of what is nothing but rounding, nothing is known
            self.precision[k] = max(self.precision[k], known)

    def _additive(self, vs: dict[int, Any], d: int, found: Estimate, scale: float) -> bool:
        """Whether the derivative is linear in the direction, as it is where there is one.

        A median of equal numbers has a derivative along every line, but no gradient.
        """
        # Not so far that a tiny element crosses zero.
        part = 1.0
        for k, v in vs.items():
            far = np.abs(v)
            part = min(part, float(np.min(self.reach[k][far > 0.0] / far[far > 0.0], initial=1.0)))
        for _ in range(2):
            others = {}
            for k, x in enumerate(self.xs):
                w = self.rng.normal(size=x.shape) * self.reach[k]
                w = np.asarray(w).astype(x.dtype)
                w.reshape(-1)[~np.isfinite(x.reshape(-1))] = 0.0
                others[k] = w
            both = {k: w + part * vs[k] if k in vs else w for k, w in others.items()}
            one, two = (
                self.surer(self.estimate(vs, d, scale), vs, self.weights[d], scale)
                for vs in (others, both)
            )
            if one.kind != SMOOTH or two.kind != SMOOTH:
                # A kink elsewhere says nothing about this direction; look along it alone.
                continue
            off = abs(two.value - one.value - part * found.value)
            size = max(abs(two.value), abs(one.value), part * max(abs(found.value), scale))
            if off > 1e-4 * size + 4.0 * (one.error + two.error + part * found.error):
                return False
        return True

    def useful(self, found: Estimate, exact: float, scale: float) -> bool:
        return found.error <= USELESS * max(abs(found.value), scale, 1e-300) or (
            # Both are nothing but rounding.
            math.isfinite(found.error)
            and abs(exact - found.value) <= 4.0 * found.error
            and max(abs(exact), scale) <= 4.0 * found.error
        )

    def measured(
        self, exact: float, found: Estimate, scale: float, floor: float
    ) -> tuple[float, float]:
        """The error, and what is allowed."""
        if not math.isfinite(exact):
            return math.inf, 0.0
        error = abs(exact - found.value)
        allowed = self.tolerance * base_of(exact, found.value, scale) + 4.0 * found.error + floor
        return error, allowed

    def _elementwise(self, k: int, d: int, g: Any, chosen: Any) -> None:
        x = self.xs[k]
        weights, center = self.weights[d], self.center
        flat_g, flat_x = g.reshape(-1), np.abs(x.reshape(-1))
        largest = largest_of(flat_g)
        total = norm = 0.0
        with np.errstate(all="ignore"):
            for i in chosen:
                if int(i) in self.held[k]:
                    continue
                for unit in (1.0, 1j) if x.dtype.kind == "c" else (1.0,):
                    exact = part(flat_g[i], unit)
                    v = np.zeros(x.shape, x.dtype)
                    v.reshape(-1)[i] = unit
                    at = self.moved({k: v})
                    h = QUICK * max(float(flat_x[i]), min(1.0, self.sizes[k]))
                    right, left = at(h), at(-h)
                    numeric, bend, noise = math.nan, 0.0, 0.0
                    if right is not None and left is not None:
                        numeric = float(weights @ (right - left)) / (2.0 * h)
                        bend = float(weights @ (right - center - (center - left))) / h
                        size = np.where(right != left, np.abs(right) + np.abs(left), 0.0)
                        noise = 4.0 * self.unit * float(np.abs(weights) @ size) / h
                    base = max(abs(exact), abs(numeric))
                    off = abs(exact - numeric)
                    straight = abs(bend) <= 1e-3 * max(base, SMALL * largest) + 4.0 * noise
                    if not (straight and off <= self.tolerance * base + min(noise, 1e-3 * base)):
                        off, base = self.one(k, int(i), d, unit, exact, largest, g)
                    else:
                        base = max(base, noise / self.tolerance)
                    total, norm = math.hypot(total, off), math.hypot(norm, base)
        if norm:
            self.errors[k] = max(self.errors[k], total / norm)

    def one(
        self, k: int, i: int, d: int, unit: complex, exact: float, largest: float, g: Any
    ) -> tuple[float, float]:
        """Look at one element closely; its error and its size."""
        x = self.xs[k]
        size = max(float(np.abs(x.reshape(-1)[i])), min(1.0, self.sizes[k]))
        v = np.zeros(x.shape, x.dtype)
        v.reshape(-1)[i] = unit * size
        scale = SMALL * largest * size
        found = self.estimate({k: v}, d, scale)
        along_it = exact * size
        if found.kind == KINK:
            self.held[k].add(i)
            between(self, k, i, along_it, found)
            return 0.0, 0.0
        if found.kind in (JUMP, STEEP):
            self.held[k].add(i)
            self.add_kink(Kink(found.kind, self.names[k], place_of(x, i), None, exact, self.order))
            return 0.0, 0.0
        if not math.isfinite(found.value) or not self.useful(found, along_it, scale):
            return 0.0, 0.0
        right, found = self._verdict({k: v}, d, along_it, found, scale)
        if right is None:
            return 0.0, 0.0
        floor = self.floors[k] * size
        error, allowed = self.measured(along_it, found, scale, floor)
        if not right:
            blame.element(
                self, k, i, exact, found.value / size, error / size, allowed / size, scale / size
            )
            return 0.0, 0.0
        if found.kind == EDGE:
            self.held[k].add(i)
            self.add_kink(Kink(EDGE, self.names[k], place_of(x, i), None, exact, self.order))
        self._note_precision(k, along_it, found, scale)
        return error / size, allowed / self.tolerance / size

    def add_kink(self, kink: Kink) -> None:
        self.kinks.append(kink)

    def name(self, k: int) -> str:
        return self.names[k] + ("" if self.order == 1 else f", order {self.order}")

    def enter(self, report: Report) -> None:
        """Put what passed into the report."""
        wrong = {f.name for f in self.failures}
        for name, error, known in zip(self.names, self.errors, self.precision, strict=True):
            if name not in wrong:
                note = f"known to {known:.0e} of its size only" if known else ""
                report.add_gradient(name, self.order, error, self.tolerance, note)
        report.kinks += self.kinks
        report.notes += list(dict.fromkeys(self.notes))


def _reach(x: Any, size: float) -> Any:
    """The size of an array for each of its elements, and for tiny ones their own.

    Beside an element that is tiny there may be a kink, or a pole, as near as zero is.
    """
    with np.errstate(all="ignore"):
        own = np.abs(x)
    largest = float(np.max(own, where=np.isfinite(own), initial=0.0))
    return np.where((own > 0.0) & (own < TINY * largest), own, size)


def _surer(one: Estimate, other: Estimate) -> bool:
    """Whether one estimate is known better than another, relative to its value."""
    return one.error * abs(other.value) < other.error * abs(one.value)
