"""Who is told by the engine of what is recorded and walked, and notes it in an `Inspection`."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import record
from ..errors import NonFiniteError
from ..graph import Node
from ..tensor import CAST
from ..transforms.boxes import is_box
from . import guard, lines, nonfinite
from .calls import Call, entered, innermost, opened, outside
from .report import Report
from .walks import Walk, all_finite

if TYPE_CHECKING:
    from .inspector import Inspection

__all__ = ["Watch"]


class _Progress:
    """A walk back under way: what was noted, where it is, walks and what was found inside it."""

    __slots__ = ("inside", "nested", "node", "since", "walk")

    def __init__(self) -> None:
        self.walk: Any = None
        self.node: Any = None
        self.since = 0.0
        self.nested: list[Walk] = []
        self.inside: dict[Node, Report | None] = {}

    def leave(self, now: float) -> None:
        """Note how long the walk was at the node that it leaves."""
        if self.node is not None:
            seconds = self.walk.seconds
            seconds[self.node] = seconds.get(self.node, 0.0) + now - self.since
            self.node = None


class _Here(threading.local):
    """What is under way in this thread: walks, one inside another, and the time."""

    def __init__(self) -> None:
        self.walks: list[_Progress] = []
        #: A clock that stands still while inspection is at work: it lags by `own`; `last` is when
        #: what was noted last ended.
        self.own = 0.0
        self.last = perf_counter()

    def now(self) -> float:
        return perf_counter() - self.own

    def resume(self, at: float) -> None:
        self.last = at
        self.own = perf_counter() - at


class Watch:
    """Takes what the engine tells, into an `Inspection`."""

    def __init__(self, seen: Inspection, way: str, last: int | None = None) -> None:
        self.seen = seen
        self.way = way
        self.last = last
        # Of the last walks of the user's the newest node at the end, how many calls there had been,
        # and what was walked last.
        self.ends: list[tuple[int, int, Walk]] = []
        # Who listened before, be it only for values, goes on listening.
        self.outer: Any = record.listener()
        self.sums: dict[Node, guard.Sums] = {}
        # By its identity, which nothing else can take while it is held here, a value and its node.
        self.made_by: dict[int, tuple[Any, Node]] = {}
        # By its name, or its identity, which it keeps while it is held here, how often a part was
        # called; and how many calls there were of all.
        self.counts: dict[Any, tuple[Any, int]] = {}
        self.called = 0
        self.here = _Here()

    # --- recording ------------------------------------------------------------------------

    def recorded(self, node: Node, value: Any, operands: tuple[Any, ...]) -> None:
        seen, here = self.seen, self.here
        now = here.now()
        seen.seconds[node] = now - here.last
        place, rule = self._caller()
        for x, parent in zip(operands, node.parents, strict=False):
            # A transform's name for an argument, made without an op, stands for the same value.
            while parent is not None and parent not in seen.values:
                self._enter(parent, x, place, rule)
                parent = parent.parents[0] if parent.op is CAST else None
            if parent is not None and parent.op is None and seen.values[parent] is not x:
                self._enter(parent, x, None, None)  # a leaf that has another value since
        self._enter(node, value, place, rule)
        seen.nodes.append(node)
        seen.operands[node] = operands
        self.sums[node] = guard.checksums(node)
        for key, noted in node.params.items():
            if key[0] == "_" and type(noted) is list:
                seen.notes[node] = {key: list(noted)}
        call = innermost(self)
        if call is not None:
            seen.within[node] = call
        if self.outer is not None:
            self.outer.recorded(node, value, operands)
        here.resume(now)

    def made(self, node: Node, value: Any) -> None:
        now = self.here.now()
        self._enter(node, value, *self._caller())
        if self.outer is not None and hasattr(self.outer, "made"):
            self.outer.made(node, value)
        self.here.resume(now)

    @contextmanager
    def entering(self, part: Any) -> Iterator[None]:
        key = part if isinstance(part, str) else id(part)
        _, nth = self.counts.get(key, (part, 0))
        call = Call(part, nth, innermost(self), self.called)
        self.counts[key] = part, nth + 1
        self.called += 1
        self.seen.calls.append(call)
        self.here.resume(self.here.now())
        outer = self.outer.entering(part) if hasattr(self.outer, "entering") else nullcontext()
        with outer, entered(self, call):
            yield

    def _enter(self, node: Node, value: Any, place: Any, rule: Node | None) -> None:
        seen = self.seen
        seen.values[node] = value
        if place is not None:
            seen.places[node] = place
        if rule is not None:
            seen.rules[node] = rule
        if isinstance(value, (np.ndarray, np.generic)):
            self.made_by[id(value)] = value, node

    def _caller(self) -> tuple[lines.Place | None, Node | None]:
        place = lines.caller(in_rule=bool(self.here.walks))
        if place is not None or not self.here.walks:
            return place, None
        rule = self.here.walks[-1].node
        return self.seen.places.get(rule), rule

    def where(self, what: Any) -> str | None:
        node = what if type(what) is Node else self.made_by.get(id(what), (None, None))[1]
        place = None if node is None else self.seen.places.get(node)
        if place is not None:
            return str(lines.read(place))
        return self.outer.where(what) if hasattr(self.outer, "where") else None

    def references(self, array: Any) -> int:
        seen = self.seen
        # Copies of the lists: other threads may add.
        count = sum(value is array for value in list(seen.values.values()))
        count += sum(x is array for xs in list(seen.operands.values()) for x in xs)
        count += id(array) in self.made_by
        return count + (0 if self.outer is None else self.outer.references(array))

    # --- walks ------------------------------------------------------------------------------

    def verify(self, order: list[Node]) -> None:
        guard.check(order, self.sums, self.where)
        if hasattr(self.outer, "verify"):
            self.outer.verify(order)

    @contextmanager
    def walking(self) -> Iterator[None]:
        here = self.here
        here.walks.append(_Progress())
        try:
            with outside():  # but where a rule calls a module
                yield
        finally:
            here.walks.pop()
            if self.last is not None and not here.walks:
                self._forget(self.last)
            here.resume(here.now())

    def _forget(self, last: int) -> None:
        """Drop the walks before the ``last`` ones, and the nodes that only they met."""
        seen = self.seen
        if not seen.walks:
            return
        now = seen.nodes[-1].number if seen.nodes else 0
        self.ends.append((now, self.called, seen.walks[-1]))
        if len(self.ends) <= last:
            return
        newest, called, walk = self.ends.pop(0)
        if walk in seen.walks:
            del seen.walks[: seen.walks.index(walk) + 1]
        met = {node for kept in seen.walks for node in kept.order}
        old = {node for node in list(seen.values) if node.number <= newest and node not in met}
        seen.nodes[:] = [node for node in seen.nodes if node not in old]
        noted: list[dict[Node, Any]] = [seen.values, seen.operands, seen.seconds, seen.places]
        noted += [seen.rules, seen.within, seen.notes, self.sums]
        for node in old:
            for of in noted:
                of.pop(node, None)
        inner = [*dict.fromkeys(seen.within.values()), *opened(self)]
        told = {call for one in inner for call in one.around()}
        seen.calls[:] = [call for call in seen.calls if call.number >= called or call in told]
        # A leaf has had other values, of steps before.
        for key, (value, node) in list(self.made_by.items()):
            if node in old or seen.values.get(node) is not value:
                del self.made_by[key]

    def begin(self, roots: dict[Node, Any], order: list[Node], guarded: bool) -> None:
        now = self.here.now()
        self._begin(roots, order, guarded)
        self.here.resume(now)

    def _begin(self, roots: dict[Node, Any], order: list[Node], guarded: bool) -> None:
        state = self.here.walks[-1]
        state.node = None
        walks, again = self.seen.walks, state.walk
        around = self.here.walks[-2].walk if len(self.here.walks) > 1 else None
        walk = state.walk = Walk(roots, order, guarded, around)
        if again is not None:
            walks[walks.index(again)] = walk
            while state.nested:
                walks.remove(state.nested.pop())  # they are made again too
            return
        walks.append(walk)
        for outer in self.here.walks[:-1]:
            outer.nested.append(walk)
        if self.way == "ignore" or self._box() is not None:
            return  # or the walk outside asks about values
        for node in roots:
            value = self._weighed(walk, node)
            if not all_finite(value):
                index = nonfinite.first_bad(value)
                self._report(nonfinite.of_value(self.seen, node, index))
                break

    def _weighed(self, walk: Walk, node: Node) -> Any:
        """The value that a walk starts from; zero where its weight is, which asks for no slope."""
        value, seed = self.seen.find(node), walk.seed(node)
        if all_finite(value) or type(seed) is list or np.shape(seed) != np.shape(value):
            return value
        return np.where(np.equal(seed, 0), 0.0, value)

    def visit(self, node: Node, g: Any) -> None:
        here = self.here
        now, state = here.now(), here.walks[-1]
        state.leave(now)
        state.node = node
        state.walk.visit(node, g)
        state.since = now
        here.resume(now)

    def sent(self, node: Node, contribution: Any) -> None:
        now = self.here.now()
        self.here.walks[-1].walk.add(node, contribution)
        self.here.resume(now)

    def end(self, found: dict[Node, Any]) -> None:
        state, box = self.here.walks[-1], self._box()
        state.leave(self.here.now())
        state.walk.complete = True
        if self.way == "ignore":
            return
        walk = state.walk
        if box is None and any(not all_finite(self._weighed(walk, node)) for node in walk.roots):
            return  # reported when it began
        report = None
        bad = next((node for node in found if not all_finite(walk.inner(node))), None)
        if bad is not None:
            with record.watched(None):  # to find out takes rules, and a box runs its function
                report = nonfinite.of_gradient(self.seen, walk, bad)
            inner = state.inside.get(report.node)
            if inner is not None:
                report = replace(inner, onward=(*inner.onward, *report.onward))
        if box is not None:
            self.here.walks[-2].inside[box] = report  # which the walk outside may drop
        elif report is not None:
            self._report(report)

    def _box(self) -> Node | None:
        """The box whose inside is walked; None if a walk of the user's is."""
        outer: Node | None = self.here.walks[-2].node if len(self.here.walks) > 1 else None
        return outer if outer is not None and is_box(outer.op) else None

    def pushed(self, roots: list[Node], order: list[Node], tangents: dict[Node, Any]) -> None:
        for node in roots:
            value = self.seen.find(node)
            if not all_finite(value):
                self._report(nonfinite.of_value(self.seen, node, nonfinite.first_bad(value)))
                return
        for node in roots:
            if not all_finite(tangents.get(node)):
                self._report(nonfinite.of_tangent(self.seen, order, tangents, node))
                return

    def _report(self, report: Report) -> None:
        self.seen.reports.append(report)
        if self.way == "raise":
            raise NonFiniteError(report)
        if self.way == "warn":
            warnings.warn(str(report), RuntimeWarning, stacklevel=lines.levels_out())
