"""Compare a user's rules with central differences at one point.

Along a direction v a function has the slope ``(f(x + hv) - f(x - hv)) / 2h``; a rule is wrong if
slopes with different steps agree with one another and not with it. Where they do not agree the
function is not smooth, and another point must be tried.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import backprop, settings
from ..errors import RuleError
from ..forward import push_forward
from ..graph import Node, leaf
from ..registry import Op, call
from ..tensor import LIFT, Tensor, wrap
from .slopes import Slopes

__all__ = ["Lost", "Point", "Rough", "Subject", "Trial", "merge", "random_like", "typical"]

# One direction moves all elements, so that one wrong one is seen; one moves a few, which rarely
# meet a kink. Beyond LARGE, where a call costs much, the second is left out if the first will do.
MOVED = 64
LARGE = 100_000
# Random numbers for arrays beyond it are repeated: drawing them would cost as much as the function.
DRAWN = 65_537


class Subject(NamedTuple):
    """The primitive that is checked."""

    name: str
    op: Op
    operands: Sequence[str]
    #: The places of the operands that a gradient goes to.
    moving: tuple[int, ...]
    #: How many of the op's outputs are values; None for all.
    outputs: int | None
    #: 0 without a rule, 1 with one that cannot be recorded, else 2.
    order: int
    forward: bool
    has_tangent: bool


class Rough(Exception):
    """The function is not smooth enough to tell."""


class Lost(Exception):
    """The function fails, or is not finite, at this point."""


Point = list[Any]


def merge(into: dict[str, float], errors: dict[str, float]) -> None:
    for name, error in errors.items():
        into[name] = max(error, into.get(name, 0.0))


def random_like(rng: np.random.Generator, like: Any) -> Any:
    drawn = rng.normal(size=min(like.size, DRAWN))
    if like.dtype.kind == "c":
        drawn = drawn + 1j * rng.normal(size=drawn.size)
    return np.resize(drawn, like.shape)


def typical(x: Any) -> float:
    finite = np.abs(x[np.isfinite(x)])
    return float(np.sqrt(np.mean(finite**2))) or 1.0 if finite.size else 1.0


class Trial:
    """One point, and what is compared there."""

    def __init__(
        self, subject: Subject, point: Point, params: dict[str, Any], moved: int = MOVED
    ) -> None:
        self.subject, self.point, self.params, self._moved = subject, point, params, moved
        # Integers stay what they are: indices, labels, counts.
        self.moving = [i for i in subject.moving if np.asarray(point[i]).dtype.kind in "fc"]
        self._recorded: Any = None

    # --- evaluating -----------------------------------------------------------------------

    def outputs(self, point: Point) -> list[Any]:
        """The values of the function on arrays; what it draws at random is the same each time."""
        with settings.seed(0):
            return self._values(self.subject.op.fn(*point, **self.params))

    def _values(self, value: Any) -> list[Any]:
        parts = list(value) if isinstance(value, tuple) else [value]
        parts = parts[: self.subject.outputs]
        # Of several some may be positions or counts, which have no derivative.
        return [y for y in parts if y.dtype.kind in "fc"] or parts

    def tracked(self, point: Point) -> tuple[list[Node], list[Tensor]]:
        """The leaves that stand for the moving operands, and the outputs recorded from them."""
        leaves = {i: leaf(point[i].shape, point[i].dtype) for i in self.moving}
        operands = [wrap(x, leaves[i]) if i in leaves else x for i, x in enumerate(point)]
        with settings.seed(0):
            value = call(self.subject.op, operands, self.params)
        return list(leaves.values()), self._values(value)

    def recorded(self) -> tuple[list[Node], list[Tensor]]:
        """What `tracked` returns at the point itself, recorded once."""
        if self._recorded is None:
            self._recorded = self.tracked(self.point)
        recorded: tuple[list[Node], list[Tensor]] = self._recorded
        return recorded

    def start(self) -> None:
        """Evaluate the function twice, and see that it is a function and leaves its operands be."""
        name, point = self.subject.name, self.point
        before = [np.array(x) for x in point]
        first = self.outputs(point)
        self.values = [np.array(y) for y in first]
        self._see_unchanged(point, before, f"{name} wrote into its operand")
        again = self.outputs(point)
        for y, old in zip(again, self.values, strict=True):
            if not _same(y, old):
                raise RuleError(
                    f"{name} returned different values for the same operands: a function has one. "
                    "Draw what is random outside, and pass it"
                )
        with contextlib.suppress(Exception):
            self.outputs([0.999 * x if i in self.moving else x for i, x in enumerate(point)])
        for y, old in zip(first, self.values, strict=True):
            if not _same(y, old):
                raise RuleError(
                    f"{name} changed an array that it had returned, at its next call: return a "
                    "fresh one each time"
                )

    def _see_unchanged(self, point: Point, before: list[Any], what: str) -> None:
        for i, (x, old) in enumerate(zip(point, before, strict=True)):
            if not _same(x, old):
                raise RuleError(f"{what} {self.label(i)}: work on a copy of it")

    def precision(self, coarse: bool) -> None:
        """Set the steps by the coarsest dtype that takes part."""
        if not all(np.isfinite(y).all() for y in self.values):
            raise Lost("its value is not finite")
        if any(y.dtype.kind not in "fc" for y in self.values):
            raise Lost(f"its value has dtype {self.values[0].dtype}")
        dtypes = [y.dtype for y in self.values] + [self.point[i].dtype for i in self.moving]
        # The sums are in double precision, whatever the terms.
        self.eps = max(float(np.finfo(dtype).eps) for dtype in (*dtypes, np.dtype(float)))
        self.coarse = coarse
        if coarse:  # an iteration that stops early is only as smooth as that
            self.eps = max(self.eps, float(np.finfo(np.float32).eps))

    def label(self, i: int) -> str:
        return f"{i} ({self.subject.operands[i]!r})"

    # --- comparing ------------------------------------------------------------------------

    def check(self, rng: np.random.Generator) -> dict[str, float]:
        """Compare every derivative with differences; return the relative errors by name."""
        subject = self.subject
        self.u = [random_like(rng, y).astype(y.dtype) for y in self.values]
        self.w = [random_like(rng, self.point[i]).astype(self.point[i].dtype) for i in self.moving]
        self._check_elementwise()
        self.gradients = self._gradients_by_rule()
        # How large the terms are whose rounding errors add up, at each order.
        # Of a gradient that cancels (a saturated softmax) those of the value over the operand.
        size = _size(self.u, self.values)
        scale = min((typical(self.point[i]) for i in self.moving), default=1.0)
        self._sizes = [size, math.hypot(_size(self.w, self.gradients), size / scale)]
        errors: dict[str, float] = {}
        walks = []
        for place, i in enumerate(self.moving):
            size = self.point[i].size
            # Where the function was not smooth before, it is tried with less.
            for dense in (True, False)[self._moved < MOVED <= size :] if size else ():
                v = self._direction(i, rng, dense)
                # Both orders are looked at along one direction, so that one call serves both.
                at = self._along(self._both, i, v)
                try:
                    self._check_first(errors, place, v, at)
                except (Rough, Lost):
                    if not dense or size <= MOVED:
                        raise
                    continue
                walks.append((place, v, at))
                if size > LARGE:
                    break
        if subject.order == 2:
            curvature = self._second_by_rule()
            for place, v, at in walks:
                i, g = self.moving[place], curvature[place]
                slopes = self._slopes(_part(at, 1), 2)
                try:
                    ok, error = self._agrees(slopes, g, v)
                except Rough:
                    continue  # a second derivative need not exist
                if not ok:
                    self._report(i, g, v, 2)
                merge(errors, {f"operand {self.label(i)}, order 2": error})
        return errors

    def _check_first(
        self, errors: dict[str, float], place: int, v: Any, at: Callable[[float], Any]
    ) -> None:
        """Check the gradient and forward mode along a direction of one operand."""
        subject, i, g = self.subject, self.moving[place], self.gradients[place]
        slopes, label = self._slopes(_part(at, 0), 1), f"operand {self.label(i)}"
        if subject.order:
            ok, error = self._agrees(slopes, g, v)
            if not ok:
                self._report(i, g, v, 1)
            merge(errors, {label: error})
        # Without a rule of its own, of a general op, it is the other one transposed.
        if subject.forward and (g.size <= LARGE or subject.has_tangent or self._kind != "general"):
            pushed = self._pushed(i, v)
            ok, error = slopes.agree(pushed, self._size(g, v))
            if not ok:
                settled = self._settled(slopes, pushed)
                raise RuleError(self._wrong_forward(i, pushed, settled))
            merge(errors, {f"{label}, forward": error})

    @property
    def _kind(self) -> str:
        return self.subject.op.kind

    def _slopes(self, f: Callable[[float], float], order: int) -> Slopes:
        return Slopes(f, self.eps, self._sizes[order - 1], self.coarse)

    def _slopes_along(self, order: int, i: int, v: Any) -> Slopes:
        f = self._weighted if order == 1 else self._contracted
        return self._slopes(self._along(f, i, v), order)

    def _check_elementwise(self) -> None:
        if self._kind != "elementwise":
            return
        due = np.broadcast_shapes(*(np.shape(x) for x in self.point))
        if self.values[0].shape != due:
            raise RuleError(
                f"{self.subject.name} is declared elementwise, but from operands that broadcast to "
                f"shape {due} it made shape {self.values[0].shape}"
            )

    def _direction(self, i: int, rng: np.random.Generator, dense: bool) -> Any:
        """A direction that moves all or some elements of an operand, in proportion to their size.

        The first and the last, where many rules go wrong, are among some.
        """
        x = self.point[i]
        flat = x.reshape(-1)
        places = np.arange(x.size)
        if not dense and x.size > self._moved:
            places = rng.choice(x.size, self._moved, replace=False)
            places[:2] = 0, -1
        some = flat[places]
        scale = np.where(some == 0, typical(x), np.abs(some))
        v = np.zeros(x.size, np.result_type(x.dtype, np.float64))
        v[places] = random_like(rng, some) * np.where(np.isfinite(some), scale, 0.0)
        return v.reshape(x.shape)

    def _along(self, f: Callable[[Point], Any], i: int, v: Any) -> Callable[[float], Any]:
        """``f`` as a function of a step along a direction, called once for each step."""
        moved: Any = np.flatnonzero(v)
        if moved.size == v.size:
            moved = slice(None)  # which is faster than all places, one by one
        made: dict[float, Any] = {}

        def at(t: float) -> Any:
            if t not in made:
                point = list(self.point)
                point[i] = point[i].copy(order="C")
                flat = point[i].reshape(-1)  # a view of the copy
                flat[moved] += (t * v.reshape(-1)[moved]).astype(flat.dtype)
                made[t] = f(point)
            return made[t]

        return at

    def _weighted(self, point: Point) -> float:
        """By how much the outputs differ, weighted by the cotangents."""
        try:
            return _differ(self.u, self.outputs(point), self.values)
        except RuleError:
            raise
        except Exception:
            return np.nan

    def _contracted(self, point: Point) -> float:
        """By how much the gradient by the rule differs, contracted with a direction."""
        return self._both(point)[1]

    def _both(self, point: Point) -> tuple[float, float]:
        """What `_weighted` and, at order 2, `_contracted` return, from one call."""
        if self.subject.order < 2:
            return self._weighted(point), np.nan
        of_value = np.nan
        try:
            nodes, outputs = self.tracked(point)
            of_value = _differ(self.u, [y._value for y in outputs], self.values)
            found = backprop.differentiate(self._seeds(outputs), nodes)
        except RuleError:
            raise
        except Exception:
            return of_value, np.nan
        gradients = [found.get(n, np.zeros(n.shape, n.dtype)) for n in nodes]
        return of_value, _differ(self.w, gradients, self.gradients)

    def _seeds(self, outputs: list[Tensor], lift: bool = False) -> dict[Node, Any]:
        return {
            t._node: wrap(u, None) if lift else u
            for t, u in zip(outputs, self.u, strict=True)
            if t._node is not None
        }

    def _gradients_by_rule(self) -> list[Any]:
        if not self.subject.order:
            return [np.zeros(self.point[i].shape) for i in self.moving]
        before = [np.array(x) for x in (*self.point, *self.u)]
        nodes, outputs = self.recorded()
        found = backprop.differentiate(self._seeds(outputs), nodes)
        n = len(self.point)
        name = self.subject.name
        self._see_unchanged(self.point, before[:n], f"{name}: its rule wrote into operand")
        for u, old in zip(self.u, before[n:], strict=True):
            if not _same(u, old):
                raise RuleError(f"{name}: its rule wrote into g: work on a copy of it")
        kept = [found.get(node) for node in nodes]
        copies = [None if g is None else np.array(g) for g in kept]
        halves = {node: 0.5 * u for node, u in self._seeds(outputs).items()}
        backprop.differentiate(halves, nodes)
        for g, copy in zip(kept, copies, strict=True):
            if g is not None and not _same(g, copy):
                raise RuleError(
                    f"{name}: its rule changed an array that it had returned, at its next call: "
                    "return a fresh one each time"
                )
        return [
            np.zeros(node.shape, node.dtype) if g is None else g
            for node, g in zip(nodes, copies, strict=True)
        ]

    def _second_by_rule(self) -> list[Any]:
        nodes, outputs = self.recorded()
        found = backprop.differentiate(self._seeds(outputs, lift=True), nodes, LIFT)
        roots = {
            g._node: w
            for g, w in zip((found.get(n) for n in nodes), self.w, strict=True)
            if type(g) is Tensor and g._node is not None
        }
        second = backprop.differentiate(roots, nodes)
        return [second.get(n, np.zeros(n.shape, n.dtype)) for n in nodes]

    def _pushed(self, i: int, v: Any) -> float:
        """The derivative along ``v`` by forward mode, weighted by the cotangents."""
        nodes, outputs = self.recorded()
        seed = {nodes[self.moving.index(i)]: v.astype(self.point[i].dtype)}
        roots = [t._node for t in outputs if t._node is not None]
        pushed = push_forward(roots, seed)
        tangents = [None if t._node is None else pushed.get(t._node) for t in outputs]
        return sum(
            float(np.vdot(u, t).real)
            for u, t in zip(self.u, tangents, strict=True)
            if t is not None
        )

    def _size(self, g: Any, v: Any) -> float:
        moved = v != 0
        return float(np.linalg.norm((np.conjugate(g[moved]) * v[moved]).real))

    def _agrees(self, slopes: Slopes, g: Any, v: Any) -> tuple[bool, float]:
        claimed = _along(g, v)
        ok, error = slopes.agree(claimed, self._size(g, v))
        if not ok:
            self._settled(slopes, claimed)
        return ok, error

    def _settled(self, slopes: Slopes, claimed: float) -> float:
        """The slope that contradicts ``claimed``; raises where none can be told."""
        settled = slopes.settled(claimed)
        if settled is None:
            raise Lost("it is not finite around there") if slopes.lost else Rough(slopes.why())
        return settled

    # --- saying what is wrong -----------------------------------------------------------------

    def _report(self, i: int, g: Any, v: Any, order: int) -> None:
        """Raise for a wrong gradient; find the element where it is worst."""
        worst: tuple[float, str] = (0.0, "")
        v = self._narrowed(i, g, v, order)
        for k in np.flatnonzero(v)[:MOVED]:
            units = [1.0, 1j] if g.dtype.kind == "c" else [1.0]
            numeric, off = 0.0 + 0.0j, False
            for unit in units:
                e = np.zeros_like(v)
                e.flat[k] = unit * abs(v.flat[k])
                slopes = self._slopes_along(order, i, e)
                claimed = _along(g, e)
                ok, _ = slopes.agree(claimed, self._size(g, e))
                settled = slopes.best if ok else slopes.settled(claimed)
                if settled is None:
                    break
                off = off or not ok
                numeric += unit * settled / abs(v.flat[k])
            else:
                value = g.flat[k]
                distance = abs(value - numeric)
                if off and not distance <= worst[0]:
                    place = tuple(int(n) for n in np.unravel_index(k, g.shape))
                    shown = numeric if g.dtype.kind == "c" else numeric.real
                    text = (
                        f"at element {place} it gives {value:.8g}, finite differences {shown:.8g}"
                    )
                    worst = (np.inf if np.isnan(distance) else distance, text)
        if not worst[1]:
            claimed = _along(g, v)
            settled = self._settled(self._slopes_along(order, i, v), claimed)
            text = f"along a direction it gives {claimed:.8g}, finite differences {settled:.8g}"
            worst = (0.0, text)
        wrong = "its rule is wrong" if order == 1 else "the derivative of its rule is wrong"
        raise RuleError(
            f"{self.subject.name}: {wrong} for operand {self.label(i)}, shape {g.shape}: "
            f"{worst[1]}, with a random cotangent. Correct the rule, or declare check=False if "
            "another derivative is meant"
        )

    def _narrowed(self, i: int, g: Any, v: Any, order: int) -> Any:
        """The part of a direction, of a few elements, along which a gradient is wrong."""
        places = np.flatnonzero(v)
        while places.size > MOVED:
            for half in np.array_split(places, 2):
                part = np.zeros_like(v)
                part.flat[half] = v.flat[half]
                slopes, claimed = self._slopes_along(order, i, part), _along(g, part)
                if slopes.agree(claimed, self._size(g, part))[0]:
                    continue
                if slopes.settled(claimed) is not None:
                    v, places = part, half
                    break
            else:
                break
        return v

    def _wrong_forward(self, i: int, pushed: float, settled: float) -> str:
        subject = self.subject
        if subject.has_tangent:
            what = "its tangent rule is wrong"
        elif self._kind != "general":
            what = f"it is not {self._kind}, as its kind says, or its rule is wrong"
        else:
            what = "its rule, transposed, is wrong: it is not linear in g"
        return (
            f"{subject.name}: {what}: along a direction of operand {self.label(i)} forward mode "
            f"gives {pushed:.8g}, finite differences {settled:.8g}"
        )


def _part(at: Callable[[float], Any], k: int) -> Callable[[float], float]:
    def part(t: float) -> float:
        value: float = at(t)[k]
        return value

    return part


def _size(u: list[Any], values: list[Any]) -> float:
    """The size of the terms of Re⟨u, values⟩, whose rounding errors are random."""
    return math.hypot(
        *(float(np.linalg.norm(np.ravel(a) * y.ravel())) for a, y in zip(u, values, strict=True))
    )


def _differ(u: list[Any], values: list[Any], before: list[Any]) -> float:
    """Re⟨u, values - before⟩, summed over the elements that differ; nan if shapes do."""
    total = 0.0
    for a, y, old in zip(u, values, before, strict=True):
        y = np.asarray(y)
        if y.shape != old.shape:
            return np.nan
        a, y, old = np.ravel(a), np.ravel(y), np.ravel(old)
        differs = y != old
        if not differs.all():
            other = np.flatnonzero(differs)
            a, y, old = a[other], y[other], old[other]
        wide = np.result_type(y.dtype, np.float64)
        total += float(np.vdot(a, y.astype(wide) - old).real)
    return total


def _along(g: Any, v: Any) -> float:
    """Re⟨g, v⟩ over the elements that move."""
    moved = v != 0
    if moved.all():
        return float(np.vdot(g, v).real)
    return float(np.vdot(g[moved], v[moved]).real)


def _same(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return bool((a == b).all()) or (a.dtype.kind in "fc" and np.array_equal(a, b, equal_nan=True))
