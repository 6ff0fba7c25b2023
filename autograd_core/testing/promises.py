"""What a derivative promises besides its numbers: like operands, linear, the same again."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .arguments import Arguments
from .differences import split
from .functions import Arrays, Differentiable, EngineFunction, HandWritten, Run
from .guess import guess_shape
from .modes import forward, order_two
from .report import Failure, Report
from .sizes import apart, sizes_of
from .stages import Stage

__all__ = ["Check"]

#: What two ways of computing the same may differ by, relative to its size, in units of rounding.
ROUNDING = 2.0**20


class Check:
    """One check: the stages of order 1 and 2, and the promises that need no differences."""

    def __init__(
        self,
        fn: Differentiable,
        arguments: Arguments,
        order: int,
        modes: tuple[str, ...],
        tolerance: float,
        directions: int,
        seed: int,
    ) -> None:
        self.fn, self.arguments, self.order, self.modes = fn, arguments, order, modes
        self.tolerance, self.directions = tolerance, directions
        self.rng = np.random.default_rng(seed)
        self.elements = 16
        self.xs = arguments.values
        self.names = arguments.names
        self.report = Report()
        self.failures: list[Failure] = []
        self.unit = 2.0**-52

    # -- the whole ---------------------------------------------------------------------------------

    def run(self) -> None:
        fn, xs = self.fn, self.xs
        before = [x.copy() for x in xs]
        ys = self.ys = fn.values(xs)
        if not ys:
            raise ValueError("check_gradients: the function returned nothing")
        if fn.refused is not None:
            self.report.notes.append(f"the value of a plain call, which raises {fn.refused}")
        self.unwritten([], "computing the value")
        if self.failures or not self._finite(ys, "the value"):
            return
        kinds = [y.dtype for y in (*ys, *xs) if y.dtype.kind in "fc"]
        self.unit = max((float(np.finfo(t).eps) for t in kinds), default=self.unit)
        self.picked = [y.dtype.kind in "fc" for y in ys]
        us = [self.cotangent(ys) for _ in range(max(self.directions, 2))]
        gs = self._reverse(ys, us) if "reverse" in self.modes else None
        if self.failures:
            return
        if "reverse" in self.modes and gs is None:
            self.report.notes.append("reverse mode: no gradient= or vjp= was given")
        first = Stage(
            1, self.names, xs, self.differentiable_values, us[: self.directions], self.tolerance,
            self.unit, self.rng, analytic=self._analytic(),
            pull=None if gs is None else self.puller(ys, self.fn.run),
        )  # fmt: skip
        first.check(None if gs is None else gs, self.elements)
        self.close(first, gs is not None)
        if "forward" in self.modes:
            forward(self, first, gs, us)
        if gs is not None and not self.failures:
            self._second_point(ys, us[0], gs[0])
        if self.order == 2 and gs is not None and not self.failures:
            order_two(self, ys, first, gs[0])
        for name, x, old in zip(self.names, xs, before, strict=True):
            assert np.array_equal(x, old, equal_nan=True), name

    def puller(self, ys: Arrays, record: Callable[[Arrays], Run | None]) -> Callable[[Any], Arrays]:
        """From weights of the flat real values to the gradients at the point."""

        def pull(weights: Any) -> Arrays:
            run = record([x.copy() for x in self.xs])
            assert run is not None
            return run.pull(split(weights, ys))

        return pull

    def _analytic(self) -> bool:
        """Whether complex steps may be tried."""
        return (
            self.fn.refused is None
            and not any(o.place is None for o in self.arguments.operands)
            and isinstance(self.fn, (EngineFunction, HandWritten))
            and all(x.dtype.kind == "f" for x in self.xs)
        )

    def differentiable_values(self, xs: Arrays) -> Arrays:
        ys = self.fn.values(xs)
        return [y if k else np.zeros(y.shape) for y, k in zip(ys, self.picked, strict=True)]

    def cotangent(self, ys: Arrays, least: float = 0.0) -> Arrays:
        """Random gradients at the values, so that each value counts for as much as the others."""
        us = []
        for y, size in zip(ys, sizes_of(ys, least), strict=True):
            if y.dtype.kind not in "fc":
                us.append(np.zeros(y.shape))
                continue
            u = self.rng.normal(size=y.shape)
            if y.dtype.kind == "c":
                u = u + 1j * self.rng.normal(size=y.shape)
            us.append(np.asarray(u / size).astype(y.dtype))
        return us

    def fail(self, check: str, name: str, text: str, **more: Any) -> None:
        self.failures.append(Failure(check, name, text, **more))

    def close(self, stage: Stage, checked: bool) -> None:
        self.failures += stage.failures
        if checked:
            stage.enter(self.report)
        else:
            self.report.kinks += stage.kinks
            self.report.notes += list(dict.fromkeys(stage.notes))

    def _finite(self, ys: Arrays, what: str) -> bool:
        for k, y in enumerate(ys):
            bad = ~np.isfinite(y) if y.dtype.kind in "fc" else np.zeros(y.shape, bool)
            if np.any(bad):
                place = tuple(int(i) for i in np.argwhere(bad)[0])
                which = f" {k}" if len(ys) > 1 else ""
                self.fail(
                    "finite",
                    "",
                    f"{what}{which} is {y[place]} at element {place}; gradients cannot be checked "
                    "there, choose arguments well inside the function's domain",
                    element=place,
                    got=y[place].item(),
                )
                return False
        return True

    # -- reverse mode, without differences ---------------------------------------------------------

    def _reverse(self, ys: Arrays, us: list[Arrays]) -> list[Arrays] | None:
        given = [x.copy() for x in self.xs]
        run = self.fn.run(given)
        if run is None:
            return None
        self.unwritten(given, "computing the value")
        if self.failures:
            return None
        if self.fn.records and self.fn.refused is None:
            self._same_value(ys, run.values)
        if self.failures:
            return None
        gs = []
        for u in us:
            seeds = [x.copy() for x in u]
            g = run.pull(seeds)
            self.unwritten(given, "the pull-back")
            for x, old in zip(seeds, u, strict=True):
                if not np.array_equal(x, old):
                    self.fail("mutated", "", "the pull-back writes into the gradient given to it")
            if not self._fits(g):
                return None
            gs.append([x.copy() for x in g])
        if self.failures:
            return None
        self._linear(run, us, gs)
        return gs

    def unwritten(self, given: Arrays, what: str) -> None:
        """Nothing that was handed in was written to; ``given`` are copies of the operands."""
        pairs = list(zip(self.names, given, self.xs, strict=False)) + self.fn.handed
        written = [n for n, x, old in pairs if not np.array_equal(x, old, equal_nan=True)]
        for name in dict.fromkeys(written):
            self.fail(
                "mutated",
                name,
                f"{what} writes into {name}; copy it first, or compute out of place",
            )

    def _same_value(self, ys: Arrays, recorded: Arrays) -> None:
        """A recorded call gives what a plain one does."""
        if len(ys) != len(recorded):
            self.fail(
                "value", "", f"a plain call gives {len(ys)} values, a recorded one {len(recorded)}"
            )
            return
        worst = 0.0
        for k, (y, r) in enumerate(zip(ys, recorded, strict=True)):
            which = f"value {k}" if len(ys) > 1 else "the value"
            for what in ("shape", "dtype"):
                plain, with_graph = getattr(y, what), getattr(r, what)
                if plain != with_graph:
                    self.fail(
                        what,
                        "",
                        f"{which} has {what} {plain} in a plain call and {with_graph} when it is "
                        "recorded",
                    )
            if self.failures:
                return
            if y.size and y.dtype.kind in "fciub":
                size = float(np.max(np.abs(y), initial=0.0)) or 1.0
                worst = max(worst, float(np.max(apart(y, r))) / size)
        allowed = ROUNDING * self.unit
        if not worst <= allowed:
            if not all(map(np.array_equal, ys, self.fn.values(self.xs))):
                self._another("the value", worst, allowed)
                return
            self.fail(
                "value",
                "",
                "a recorded call gives another value than a plain one: they differ by "
                f"{worst:.3g} of its size",
                error=worst,
                tolerance=allowed,
            )
            return
        self.report.add("value, dtype, shape", "", worst, allowed)

    def _fits(self, gs: Arrays) -> bool:
        """The gradients have shape and dtype of their operands, and none is NaN."""
        for o, g in zip(self.arguments.operands, gs, strict=True):
            if g.shape != o.value.shape:
                self.fail(
                    "shape",
                    o.name,
                    f"the gradient of {o.name} has shape {g.shape}, and {o.name} {o.value.shape}",
                    guess=guess_shape(g.shape, o.value.shape),
                )
            elif g.dtype != o.value.dtype:
                self.fail(
                    "dtype",
                    o.name,
                    f"the gradient of {o.name} has dtype {g.dtype}, and {o.name} {o.value.dtype}",
                )
            elif np.any(np.isnan(g)):
                place = tuple(int(i) for i in np.argwhere(np.isnan(g))[0])
                self.fail(
                    "finite",
                    o.name,
                    f"the gradient of {o.name} is nan at element {place}, where the value is "
                    "finite",
                    element=place,
                    got=math.nan,
                )
        return not self.failures

    def natural(self, us: Arrays, ys: Arrays, k: int) -> float:
        """The size of a gradient of operand k that does as much to the values as they are large."""
        x = self.xs[k]
        largest = float(np.max(np.where(np.isfinite(x), np.abs(x), 0.0), initial=0.0))
        least = largest  # what cancels in the value was of some size before
        total = sum(
            float(np.sum(np.abs(u) * np.maximum(np.abs(y), least)))
            for u, y in zip(us, ys, strict=True)
        )
        return total / max(largest, 1e-2)

    def _linear(self, run: Run, us: list[Arrays], gs: list[Arrays]) -> None:
        """The pull-back is linear, takes zero to zero, and may be called again."""
        allowed = 64.0 * math.sqrt(self.unit)
        zero = run.pull([np.zeros_like(u) for u in us[0]])
        for name, g in zip(self.names, zero, strict=True):
            if np.any(g != 0.0):
                self.fail(
                    "linear",
                    name,
                    f"the pull-back of {name} takes a zero gradient to {_worst(g):.6g}; it must be "
                    "linear in the gradient that it is given",
                )
        a, b = 2.5, -0.75
        mixed = run.pull(
            [np.asarray(a * u + b * v).astype(u.dtype) for u, v in zip(*us[:2], strict=True)]
        )
        again = run.pull([u.copy() for u in us[0]])
        worst = 0.0
        for k, name in enumerate(self.names):
            first, second = gs[0][k], gs[1][k]
            with np.errstate(all="ignore"):
                finite = np.isfinite(first) & np.isfinite(second) & np.isfinite(mixed[k])
                size = abs(a) * np.abs(first) + abs(b) * np.abs(second)
                size = float(np.max(np.where(finite, size, 0.0), initial=0.0)) or 1.0
                off = np.where(finite, np.abs(mixed[k] - (a * first + b * second)), 0.0)
                error = float(np.max(off, initial=0.0)) / size
                twice = float(np.max(np.where(finite, np.abs(again[k] - first), 0.0), initial=0.0))
                rounding = 64.0 * self.unit * self.natural(us[0], run.values, k)
            if size <= rounding / allowed:
                continue  # the gradient is zero but for rounding
            worst = max(worst, error)
            if error > allowed:
                self.fail(
                    "linear",
                    name,
                    f"the pull-back of {name} is not linear in the gradient that it is given: at "
                    f"{a} u {b:+} v it is off by {error:.3g} of its size",
                    error=error,
                    tolerance=allowed,
                    guess="the gradient may enter squared, or be compared with something",
                )
            elif twice > allowed * size:
                self.fail(
                    "twice",
                    name,
                    f"the pull-back of {name}, called again with the same gradient, gives another "
                    "result: something that it keeps was overwritten",
                )
        if not self.failures:
            self.report.add("pull-back is linear", "", worst, allowed)

    # -- a second point ----------------------------------------------------------------------------

    def _second_point(self, ys: Arrays, u: Arrays, g: Arrays) -> None:
        """At another point the gradient is right too, and at the first it is what it was."""
        away = 0.03
        kinds = [(y.shape, y.dtype) for y in self.differentiable_values(self.xs)]
        for _ in range(4):
            there = [
                np.asarray(x * (1.0 + away * self.rng.uniform(-1.0, 1.0, x.shape))) for x in self.xs
            ]
            try:
                moved = self.differentiable_values(there)
            except Exception:  # there may be nothing at another point
                moved = []
            alike = [(y.shape, y.dtype) for y in moved] == kinds
            if alike and all(np.all(np.isfinite(y)) for y in moved):
                break
            away /= 8.0
        else:
            self.report.notes.append(
                "a second point: there is nothing like the value near the first"
            )
            return
        if not all(map(np.array_equal, there, self.xs)):
            run = self.fn.run([x.copy() for x in there])
            assert run is not None
            gs = run.pull([x.copy() for x in u])
            values = self.differentiable_values
            second = Stage(
                1, self.names, there, values, [u], self.tolerance, self.unit, self.rng, False
            )
            second.check([gs], 0)
            wrong = [f for f in second.failures if f.check == "gradient"]
            for f in wrong[:1]:
                self.failures.append(
                    f._replace(
                        check="second point",
                        text=f"called first at the arguments and then at a point near by, {f.text}",
                        guess="something computed at the first point may have been kept, or the "
                        "gradient is right there by chance",
                    )
                )
        again = self.fn.values(self.xs)
        run = self.fn.run([x.copy() for x in self.xs])
        assert run is not None
        back = run.pull([x.copy() for x in u])
        allowed = 64.0 * math.sqrt(self.unit)
        pairs = [("the value", y, z) for y, z in zip(ys, again, strict=True)]
        pairs += [
            (f"the gradient of {n}", a, b) for n, a, b in zip(self.names, g, back, strict=True)
        ]
        worst = 0.0
        for what, a, b in pairs:
            if a.dtype.kind not in "fc" or not a.size:
                continue
            with np.errstate(all="ignore"):
                off = np.where(np.isfinite(a), np.abs(a - b), 0.0)
            size = float(np.max(np.where(np.isfinite(a), np.abs(a), 0.0), initial=0.0)) or 1.0
            error = float(np.max(off)) / size
            worst = max(worst, error)
            if not error <= allowed:
                self._another(what, error, allowed)
                return
        if not self.failures:
            self.report.add("same again, after another point", "", worst, allowed)

    def _another(self, what: str, error: float, allowed: float) -> None:
        self.fail(
            "twice",
            "",
            f"{what} at the same arguments is another one when it is computed again; it must "
            "depend on its arguments only (random draws are replayed if they come from "
            "autograd_core.random_generator())",
            error=error,
            tolerance=allowed,
        )


def _worst(g: Any) -> Any:
    return g.reshape(-1)[int(np.argmax(np.abs(g)))]
