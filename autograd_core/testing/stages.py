"""One derivative against differences: along random directions, and element by element.

A stage is a function with its pull-back: the function itself at order 1, its gradient at order 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

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
from .guess import guess
from .report import Failure, Kink, Report

__all__ = ["Direction", "Stage", "inner"]

#: Elements that are looked at one by one to find a fault or a kink.
SEARCHED = 64
#: How many directions are tried to find the elements that meet kinks.
SEARCHES = 1000
#: How far below the largest element of a gradient an error is still looked for.
SMALL = 1e-6
#: The step of the first look at an element, relative to the argument's size.
QUICK = 1e-5
#: Estimates whose error is larger than this say nothing.
USELESS = 1e-2


def inner(a: Arrays, b: Arrays) -> float:
    """The real inner product, Re Σ conj(a) b."""
    return sum(float(np.vdot(x, y).real) for x, y in zip(a, b, strict=True))


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
        self.sizes = [_size(x) for x in xs]
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
        self.errors = [0.0] * len(xs)
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

    def estimate(self, vs: dict[int, Any], d: int, scale: float) -> Estimate:
        """The derivative along a direction."""
        found = self._along(vs, d, scale)
        if found.kind != SMOOTH and self._learn_noise():
            found = self._along(vs, d, scale)
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
                    chosen = np.sort(self.rng.permutation(x.size)[:elements])
                self._elementwise(k, 0, gradients[0][k], chosen)
        if gradients is not None:
            self._together()

    def _along_random(
        self, k: int, d: int, gradients: list[Arrays] | None, elements: int, again: bool = False
    ) -> bool:
        x = self.xs[k]
        v = self.rng.normal(size=x.shape) * self.sizes[k]
        if x.dtype.kind == "c":
            v = v + 1j * self.rng.normal(size=x.shape) * self.sizes[k]
        if self.held[k]:
            v.reshape(-1)[list(self.held[k])] = 0.0
            if len(self.held[k]) == x.size:
                return True
        g = None if gradients is None else gradients[d][k]
        exact, scale = (math.nan, 0.0) if g is None else _dot(g, v)
        scale = scale if math.isfinite(scale) else 0.0
        found = self.estimate({k: v}, d, scale)
        if found.kind != SMOOTH or not self._useful(found, exact, scale):
            # Elements one by one: which of them has no derivative?
            if not again and self._find_kinks(k, d, g):
                return self._along_random(k, d, gradients, elements, again=True)
            if found.kind == SMOOTH:
                self.notes.append(
                    f"{self._name(k)}: differences are too noisy to check it (they may be off by "
                    f"{found.error:.1e} of {found.value:.1e})"
                )
            elif found.kind in (KINK, JUMP, STEEP):
                self._add_kink(Kink(found.kind, self.names[k], None, None, exact, self.order))
                self.notes.append(
                    f"{self._name(k)}: along a random direction, where there is a {found.kind} "
                    "that no element shows alone; elements were checked one by one only"
                )
            else:
                self.notes.append(
                    f"{self._name(k)}: there are no finite values around the point; choose one "
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
            self._localise(k, d, g, exact, found, scale)
            return False
        self.directions.append(Direction(k, v, d, found, scale))
        base = _base(exact, found.value, scale)
        self.errors[k] = max(self.errors[k], abs(exact - found.value) / base)
        return True

    def _verdict(
        self, vs: dict[int, Any], d: int, exact: float, found: Estimate, scale: float
    ) -> tuple[bool | None, Estimate]:
        """Whether a derivative is right; None where differences do not say."""
        floor = sum(self.floors[k] * float(np.max(np.abs(v))) for k, v in vs.items())
        error, allowed = self._measured(exact, found, scale, floor)
        if error <= allowed:
            return True, found
        if found.kind != SMOOTH or not math.isfinite(exact):
            return False, found
        if self._learn_noise():
            found = self._along(vs, d, scale)
            if found.kind != SMOOTH or not self._useful(found, exact, scale):
                self.notes.append(f"{self.names[min(vs)]}: the values are too noisy to check it")
                return None, found
            error, allowed = self._measured(exact, found, scale, floor)
            if error <= allowed:
                return True, found
        # Other ladders of steps: one that came to rest by accident does not do so again. What they
        # say counts if they are sure enough to tell the two numbers apart.
        last, seen = found, [found]
        for first in (0.37 * 2.0**-6, 0.61 * 2.0**-11):
            other = self._along(vs, d, scale, first)
            apart = abs(exact - found.value)
            if other.kind != SMOOTH or 40.0 * other.error > apart > 4.0 * found.error:
                continue
            error, allowed = self._measured(exact, other, scale, floor)
            if error <= allowed:
                return True, other
            last = other
            seen.append(other)
        spread = max(abs(x.value - last.value) for x in seen)
        if spread > 0.1 * abs(exact - last.value):
            self.notes.append(f"{self.names[min(vs)]}: differences contradict each other")
            return None, last
        if not self._additive(vs, d, last, scale):
            self._add_kink(Kink(KINK, self.names[min(vs)], None, None, exact, self.order))
            return None, last
        return False, last

    def _additive(self, vs: dict[int, Any], d: int, found: Estimate, scale: float) -> bool:
        """Whether the derivative is linear in the direction, as it is where there is one.

        A median of equal numbers has a derivative along every line, but no gradient.
        """
        for _ in range(2):
            others = {}
            for k, x in enumerate(self.xs):
                w = self.rng.normal(size=x.shape) * self.sizes[k]
                w = np.asarray(w).astype(x.dtype)
                w.reshape(-1)[~np.isfinite(x.reshape(-1))] = 0.0
                others[k] = w
            both = {k: w + vs[k] if k in vs else w for k, w in others.items()}
            one = self.estimate(others, d, scale)
            two = self.estimate(both, d, scale)
            if one.kind != SMOOTH or two.kind != SMOOTH:
                # A kink elsewhere says nothing about this direction; look along it alone.
                continue
            off = abs(two.value - one.value - found.value)
            size = max(abs(two.value), abs(one.value), abs(found.value), scale)
            if off > 1e-4 * size + 4.0 * (one.error + two.error + found.error):
                return False
        return True

    def _useful(self, found: Estimate, exact: float, scale: float) -> bool:
        return found.error <= USELESS * max(abs(found.value), scale, 1e-300) or (
            # Both are nothing but rounding.
            math.isfinite(found.error)
            and abs(exact - found.value) <= 4.0 * found.error
            and max(abs(exact), scale) <= 4.0 * found.error
        )

    def _measured(
        self, exact: float, found: Estimate, scale: float, floor: float
    ) -> tuple[float, float]:
        """The error, and what is allowed."""
        if not math.isfinite(exact):
            return math.inf, 0.0
        error = abs(exact - found.value)
        allowed = self.tolerance * _base(exact, found.value, scale) + 4.0 * found.error + floor
        return error, allowed

    def _elementwise(self, k: int, d: int, g: Any, chosen: Any) -> None:
        x = self.xs[k]
        weights, center = self.weights[d], self.center
        flat_g, flat_x = g.reshape(-1), np.abs(x.reshape(-1))
        largest = _largest(flat_g)
        total = norm = 0.0
        with np.errstate(all="ignore"):
            for i in chosen:
                if int(i) in self.held[k]:
                    continue
                for unit in (1.0, 1j) if x.dtype.kind == "c" else (1.0,):
                    exact = _part(flat_g[i], unit)
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
                        off, base = self._one(k, int(i), d, unit, exact, largest, g)
                    total, norm = math.hypot(total, off), math.hypot(norm, base)
        if norm:
            self.errors[k] = max(self.errors[k], total / norm)

    def _one(
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
            self._between(k, i, along_it, found)
            return 0.0, 0.0
        if found.kind in (JUMP, STEEP):
            self.held[k].add(i)
            self._add_kink(Kink(found.kind, self.names[k], _place(x, i), None, exact, self.order))
            return 0.0, 0.0
        if not math.isfinite(found.value) or not self._useful(found, along_it, scale):
            return 0.0, 0.0
        right, found = self._verdict({k: v}, d, along_it, found, scale)
        if right is None:
            return 0.0, 0.0
        floor = self.floors[k] * size
        error, allowed = self._measured(along_it, found, scale, floor)
        if not right:
            self._fail(k, i, exact, found.value / size, error / size, allowed / size, scale / size)
            return 0.0, 0.0
        if found.kind == EDGE:
            self.held[k].add(i)
            self._add_kink(Kink(EDGE, self.names[k], _place(x, i), None, exact, self.order))
        return error / size, max(abs(exact), abs(found.value) / size)

    # -- kinks ------------------------------------------------------------------------------------

    def _find_kinks(self, k: int, d: int, g: Any) -> bool:
        """Find the elements that meet a kink, by halves; whether there were any new ones."""
        x = self.xs[k]
        before = len(self.held[k])
        largest = 0.0 if g is None else _largest(g)
        sizes = np.maximum(np.abs(x.reshape(-1)), min(1.0, self.sizes[k]))
        units: tuple[complex, ...] = (1.0, 1j) if x.dtype.kind == "c" else (1.0,)
        parts = [np.array([i for i in range(x.size) if i not in self.held[k]], dtype=int)]
        for _ in range(SEARCHES):
            if not parts:
                break
            places = parts.pop()
            if places.size > 1:
                v = np.zeros(x.shape, x.dtype)
                v.reshape(-1)[places] = sizes[places] * sum(
                    unit * self.rng.normal(size=places.size) for unit in units
                )
                scale = 0.0 if g is None else _dot(g, v)[1]
                found = self.estimate({k: v}, d, scale if math.isfinite(scale) else 0.0)
                if found.kind != SMOOTH or not self._useful(found, found.value, scale):
                    parts += [part for part in np.array_split(places, 2) if part.size]
                continue
            for unit in units if places.size else ():
                if int(places[0]) not in self.held[k]:
                    self._hold_kink(k, int(places[0]), d, unit, g, largest)
        return len(self.held[k]) > before

    def _hold_kink(self, k: int, i: int, d: int, unit: complex, g: Any, largest: float) -> None:
        """Look at one element, and leave it out from now on if there is no derivative."""
        x = self.xs[k]
        size = max(float(np.abs(x.reshape(-1)[i])), min(1.0, self.sizes[k]))
        v = np.zeros(x.shape, x.dtype)
        v.reshape(-1)[i] = unit * size
        exact = math.nan if g is None else _part(g.reshape(-1)[i], unit)
        scale = SMALL * largest * size
        found = self.estimate({k: v}, d, scale)
        if found.kind == SMOOTH and math.isfinite(found.value):
            return
        self.held[k].add(i)
        if found.kind == KINK:
            self._between(k, i, exact * size, found)
        elif found.kind in (JUMP, STEEP):
            self._add_kink(Kink(found.kind, self.names[k], _place(x, i), None, exact, self.order))
        elif found.kind == EDGE and math.isfinite(exact):
            self._one(k, i, d, unit, exact, largest, g)
        else:
            self.notes.append(f"{self._name(k)}: no finite values around element {_place(x, i)}")

    def _add_kink(self, kink: Kink) -> None:
        self.kinks.append(kink)

    def _between(self, k: int, i: int, exact: float, found: Estimate) -> None:
        """At a kink the gradient of every output must lie between its slopes on both sides."""
        assert found.slopes is not None
        x = self.xs[k]
        place = _place(x, i)
        size = max(float(np.abs(x.reshape(-1)[i])), min(1.0, self.sizes[k]))
        slopes = (found.slopes[0] / size, found.slopes[1] / size)
        shown, seen = slopes, exact / size
        for o, of_output, got in self._kinks_of_outputs(k, i, size):
            low, high = sorted(of_output)
            slack = 1e-4 * max(abs(low), abs(high))
            if not low - slack <= got <= high + slack:
                which = f" (of number {o} of the values)" if self.center.size > 1 else ""
                text = (
                    f"the gradient of {self._name(k)} is wrong: at element {place} there is a kink "
                    f"with slopes {of_output[0]:.10g} and {of_output[1]:.10g}, and it is "
                    f"{got:.10g}{which}, which does not lie between"
                )
                due = min(of_output, key=lambda slope: abs(slope - got))
                name = self.names[k]
                failure = Failure("kink", name, text, place, got, due, order=self.order)
                self.failures.append(failure)
                return
            if shown is slopes:
                shown, seen = of_output, got
        self._add_kink(Kink(KINK, self.names[k], place, shown, seen, self.order))

    def _kinks_of_outputs(
        self, k: int, i: int, size: float
    ) -> Iterator[tuple[int, tuple[float, float], float]]:
        """The outputs that have a kink when an element moves: which, slopes, and the gradient."""
        if self.pull is None or self.xs[k].dtype.kind == "c":
            return
        v = np.zeros(self.xs[k].shape)
        v.reshape(-1)[i] = size
        at = self.moved({k: v})
        right, left = at(1e-4), at(-1e-4)
        if right is None or left is None:
            return
        bends = np.abs(right - self.center - (self.center - left)) * (self.weights[0] != 0.0)
        for o in np.argsort(-bends)[:4].tolist():
            if not bends[o] > 0.0:
                return
            e = np.zeros(self.center.size)
            e[o] = 1.0
            found = along(at, self.center, e, 0.0, self.unit)
            if found.kind == KINK and found.slopes is not None:
                low, high = found.slopes
                got = float(self.pull(e)[k].reshape(-1)[i].real)
                yield o, (low / size, high / size), got

    def _together(self) -> None:
        """Move all elements at kinks by the same: ties that move as one are no kink.

        Of one output at a time, since a sum of kinks of both signs has no slopes to lie between.
        """
        held = {k: sorted(i) for k, i in enumerate(self.held) if i}
        if not held or self.order > 1 or self.pull is None:
            return
        size = max(self.sizes[k] for k in held)
        vs = {}
        for k, places in held.items():
            vs[k] = np.zeros(self.xs[k].shape, self.xs[k].dtype)
            vs[k].reshape(-1)[places] = size
            vs[k][~np.isfinite(self.xs[k])] = 0.0
        at = self.moved(vs)
        right, left = at(1e-4), at(-1e-4)
        if right is None or left is None:
            return
        moves = np.where(self.weights[0] != 0.0, np.abs(right - left), 0.0)
        for o in np.argsort(-moves)[:8].tolist():
            if not moves[o] > 0.0:
                continue
            e = np.zeros(moves.size)
            e[o] = 1.0
            gradients = self.pull(e)
            both = [_dot(gradients[k], v) for k, v in vs.items()]
            exact, scale = sum(x for x, _ in both), sum(x for _, x in both)
            if not math.isfinite(exact) or not math.isfinite(scale):
                continue
            found = along(at, self.center, e, scale, self.unit)
            if found.kind == SMOOTH and self._useful(found, exact, scale):
                low = high = found.value
            elif found.kind == KINK and found.slopes is not None:
                low, high = sorted(found.slopes)
            else:
                continue
            slack = 1e-4 * max(abs(low), abs(high), scale) + 4.0 * found.error
            if not low - slack <= exact <= high + slack:
                self._tie(vs, held, exact / size, low / size, high / size)
                return

    def _tie(
        self, vs: dict[int, Any], held: dict[int, list[int]], exact: float, low: float, high: float
    ) -> None:
        k = min(vs)
        names = " and ".join(self.names[k] for k in vs)
        self.failures.append(
            Failure(
                "kink",
                self.names[k],
                f"the gradient of {names} is wrong at a kink or a tie: when the elements there "
                f"move together, it gives {exact:.10g}, finite differences say "
                + (f"{low:.10g}" if low == high else f"from {low:.10g} to {high:.10g}"),
                _place(self.xs[k], held[k][0]),
                exact,
                low if exact < low else high,
                order=self.order,
                guess="the weights of a tie must sum to one" if low == high else "",
            )
        )

    # -- failures ---------------------------------------------------------------------------------

    def _name(self, k: int) -> str:
        return self.names[k] + ("" if self.order == 1 else f", order {self.order}")

    def _localise(
        self, k: int, d: int, g: Any, exact: float, found: Estimate, scale: float
    ) -> None:
        """Find the worst element of a gradient that is wrong along a direction."""
        x = self.xs[k]
        places = np.array([i for i in range(x.size) if i not in self.held[k]])
        sizes = np.maximum(np.abs(x.reshape(-1)), min(1.0, self.sizes[k]))
        while places.size > SEARCHED:
            halves = np.array_split(places, 2)
            worst = []
            for half in halves:
                v = np.zeros(x.shape, x.dtype)
                v.reshape(-1)[half] = sizes[half] * self.rng.normal(size=half.size)
                part = self.estimate({k: v}, d, scale)
                apart = abs(_dot(g, v)[0] - part.value)
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
                part = self.estimate({k: v}, d, scale)
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
        floor = self.floors[k] * self.sizes[k]
        error, allowed = self._measured(exact, found, scale, floor)
        base = _base(exact, found.value, scale)
        shown = self._without_weights(k, i, sizes[i], flat_g[i], numeric[i])
        self._enter(k, i, shown, error / base, allowed / base, text)

    def _without_weights(
        self, k: int, i: int, size: float, got: Any, expected: Any
    ) -> tuple[Any, Any, str]:
        """The derivative of one output instead of the weighted sum, if it shows the fault."""
        weights = self.weights[0]
        if self.pull is None:
            return got, expected, ""
        x = self.xs[k]
        units: tuple[complex, ...] = (1.0, 1j) if x.dtype.kind == "c" else (1.0,)
        moves = np.zeros(weights.size)
        paths = []
        for unit in units:
            v = np.zeros(x.shape, x.dtype)
            v.reshape(-1)[i] = unit * size
            paths.append(self.moved({k: v}))
            right, left = paths[-1](QUICK), paths[-1](-QUICK)
            if right is None or left is None:
                return got, expected, ""
            moves += np.abs((right - left) * weights)
        # The outputs that depend on the element most, and some that it may wrongly depend on.
        order = np.argsort(-moves)[:8].tolist() + np.flatnonzero(weights != 0.0)[:8].tolist()
        best = None
        for o in dict.fromkeys(order):
            e = np.zeros(weights.size)
            e[o] = 1.0
            exact = self.pull(e)[k].reshape(-1)[i]
            numeric: Any = 0.0
            noise = 0.0
            for unit, at in zip(units, paths, strict=True):
                found = along(at, self.center, e, 0.0, self.unit)
                numeric += unit * found.value / size
                noise += 4.0 * found.error / size
            off = abs(exact - numeric) - noise
            if off > self.tolerance * max(abs(exact), abs(numeric)) and (
                best is None or off * abs(weights[o]) > best[0]
            ):
                best = (off * abs(weights[o]), exact, numeric, o)
        if best is None:
            return got, expected, ""
        _, exact, numeric, o = best
        which = f" (of number {o} of the values)" if weights.size > 1 else ""
        return exact, numeric, which

    def _fail(
        self, k: int, i: int, exact: float, numeric: float, error: float, allowed: float,
        scale: float,
    ) -> None:  # fmt: skip
        base = _base(exact, numeric, scale)
        ratio = exact / numeric if numeric else math.nan
        text = ""
        if abs(ratio + 1.0) < 1e-3:
            text = "it has the wrong sign"
        elif exact == 0.0:
            text = "it is zero: the dependence was lost"
        size = max(float(np.abs(self.xs[k].reshape(-1)[i])), min(1.0, self.sizes[k]))
        shown = self._without_weights(k, i, size, exact, numeric)
        self._enter(k, i, shown, error / base, allowed / base, text)

    def _enter(
        self, k: int, i: int, shown: tuple[Any, Any, str], error: float, allowed: float, text: str
    ) -> None:
        got, expected, which = shown
        place = _place(self.xs[k], i)
        if not np.iscomplexobj(self.xs[k]):
            got, expected = float(np.real(got)), float(np.real(expected))
        else:
            got, expected = complex(got), complex(expected)
            # The derivative of an imaginary part turns by i.
            turned = min(abs(got - expected.conjugate()), abs(got + expected.conjugate()))
            if not text and turned <= 1e-4 * abs(expected):
                text = "it is the conjugate of what it should be"
        self.failures.append(
            Failure(
                "gradient",
                self.names[k],
                f"the gradient of {self._name(k)} is wrong: at element {place} it is {got:.10g}, "
                f"finite differences say {expected:.10g}{which}; the error relative to the "
                f"gradient's size is {error:.3g}, above {allowed:.3g}",
                place,
                got,
                expected,
                error,
                allowed,
                self.order,
                text,
            )
        )

    def enter(self, report: Report) -> None:
        """Put what passed into the report."""
        wrong = {f.name for f in self.failures}
        for name, error in zip(self.names, self.errors, strict=True):
            if name not in wrong:
                report.add_gradient(name, self.order, error, self.tolerance)
        report.kinks += self.kinks
        report.notes += list(dict.fromkeys(self.notes))


def _dot(g: Any, v: Any) -> tuple[float, float]:
    """⟨g, v⟩, and its size without cancellation; what does not move counts for nothing."""
    moves = np.asarray(v != 0.0)
    g, v = g[moves], v[moves]
    with np.errstate(all="ignore"):
        return inner([g], [v]), float(np.linalg.norm(np.abs(g) * np.abs(v)))


def _base(exact: float, numeric: float, scale: float) -> float:
    return max(abs(exact), abs(numeric) if math.isfinite(numeric) else 0.0, scale, 1e-300)


def _size(x: Any) -> float:
    largest = float(np.max(np.abs(np.where(np.isfinite(x), x, 0.0)), initial=0.0))
    return max(largest, 1e-2) if largest else 1.0


def _largest(g: Any) -> float:
    return float(np.max(np.where(np.isfinite(g), np.abs(g), 0.0), initial=0.0))


def _part(g: Any, unit: complex) -> float:
    return float(np.imag(g) if unit == 1j else np.real(g))


def _place(x: Any, i: int) -> tuple[int, ...]:
    return tuple(int(j) for j in np.unravel_index(i, x.shape)) if x.ndim else ()
