"""Inspection: a block in which every op's line and value are kept, and walks are looked at."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from .. import record
from ..errors import NonFiniteError
from ..graph import Node
from ..registry import PROJECTION
from ..tensor import CAST, Tensor
from ..transforms.boxes import is_box
from . import guard, lines, nonfinite
from .lines import Line
from .report import Report
from .summary import counts, summary
from .walks import Walk, all_finite

__all__ = ["Inspection", "inspect"]

_WAYS = ("raise", "warn", "record")


class Inspection:
    """What was seen in a block of `inspect`: plain data, to be read during the block and after.

    ``nodes``
        the boxes that were recorded, in order.
    ``values``
        from a node to its value; of leaves and others that a recorded op read, too. That of a leaf
        is what was read last.
    ``operands``
        from a node to the values that its op was called with, tracked or not.
    ``walks``
        the walks back, in order: `Walk`.
    ``reports``
        what was found not to be finite at the end of a walk: `Report`.

    ``print`` shows a summary.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.values: dict[Node, Any] = {}
        self.operands: dict[Node, tuple[Any, ...]] = {}
        self.walks: list[Walk] = []
        self.reports: list[Report] = []
        #: From a node to its line, not looked up yet; and from a node that a rule recorded on a
        #: walk back to the node whose rule it was.
        self.places: dict[Node, lines.Place] = {}
        self.rules: dict[Node, Node] = {}

    def find(self, node: Node) -> Any:
        """The value of a node; None if it took no part in what was recorded."""
        if node not in self.values and node.op is PROJECTION:
            source: Any = node.parents[0]
            if source in self.values:
                # One output of several is its own node only once it is asked for.
                self.values[node] = self.values[source][node.params["index"]]
                if source in self.places:
                    self.places[node] = self.places[source]
        return self.values.get(node)

    def value(self, t: Tensor | Node) -> Any:
        """The value of a tensor or a node.

        Raises:
            LookupError: it took no part in what was recorded in the block.
        """
        return self.values[self._known(t, self.values)]

    def line(self, t: Tensor | Node) -> Line:
        """The line of the user's code that computed a tensor or a node.

        That of a leaf is where it was made, or where an op first read it if it is older than the
        block; that of what a rule recorded is the line of the op whose rule it is.

        Raises:
            LookupError: it took no part in what was recorded in the block.
        """
        return lines.read(self.places[self._known(t, self.places)])

    @property
    def lines(self) -> dict[Node, Line]:
        """From a node to the line that computed it; see `line`."""
        return {node: lines.read(place) for node, place in self.places.items()}

    @property
    def gradients(self) -> dict[Node, Any]:
        """From a node to its gradient in the last walk back; empty before one."""
        return self.walks[-1].gradients if self.walks else {}

    def rule_of(self, node: Node) -> Node | None:
        """The node whose rule recorded ``node`` on a walk back; None if the user's code did."""
        return self.rules.get(node)

    def first_nonfinite(self) -> Report | None:
        """Find where the first value or gradient that is inf or nan came from; None without one.

        What reached the end of a walk back, or a value that nothing was computed from, comes
        before what was dropped on the way; ``dropped`` of the report tells which.
        """
        return self.reports[0] if self.reports else nonfinite.unreported(self)

    def _known(self, t: Tensor | Node, among: Any) -> Node:
        node = t._node if isinstance(t, Tensor) else t
        if node is None:
            raise LookupError(
                "this tensor is not tracked: nothing of it was recorded. Make a leaf with "
                "requires_grad=True that it depends on"
            )
        self.find(node)
        if node not in among:
            raise LookupError(
                f"{node!r} took no part in what was recorded in the block: compute it inside"
            )
        return node

    def __repr__(self) -> str:
        return f"<Inspection: {counts(self)}>"

    def __str__(self) -> str:
        return summary(self)


@contextmanager
def inspect(nonfinite: str = "raise") -> Iterator[Inspection]:
    """Look at what is computed in the block: lines, values, the first nan, writes behind the back.

    Every op is noted with the line of the user's code and its value, which stay alive with the
    result; walks back are noted step by step. A result or a gradient that is not finite is traced
    to where it came from: in ``backward()``, ``gradients``, ``grad`` and the like, before any
    gradient is changed. So is an array that the graph kept and somebody wrote into since. Local to
    the thread or task. Blocks can be nested: walks are told to the innermost.

    Args:
        nonfinite: ``"raise"``, ``"warn"`` (a RuntimeWarning), or ``"record"`` for `Inspection`'s
            ``reports`` alone.

    Raises:
        ValueError: another word.
        NonFiniteError: inside, from what walks; its ``report`` is a `Report`.
        OverwrittenError: inside, likewise.

    >>> x = Tensor([1.0, 0.0], requires_grad=True, name="x")
    >>> with inspect() as seen, np.errstate(divide="ignore"):
    ...     try:
    ...         np.log(x).sum().backward()
    ...     except NonFiniteError as error:
    ...         print(error.report.trap, error.report.index, error.report.line.code)
    log of 0 (1,) np.log(x).sum().backward()
    >>> seen.value(x)
    array([1., 0.])
    """
    if nonfinite not in _WAYS:
        raise ValueError(f"inspect: nonfinite must be one of {', '.join(_WAYS)}, not {nonfinite!r}")
    seen = Inspection()
    with record.watched(_Watch(seen, nonfinite)):
        yield seen


class _Progress:
    """A walk back under way: what was noted, where it is, walks and what was found inside it."""

    __slots__ = ("inside", "nested", "node", "walk")

    def __init__(self) -> None:
        self.walk: Any = None
        self.node: Any = None
        self.nested: list[Walk] = []
        self.inside: dict[Node, Report | None] = {}


class _Here(threading.local):
    """Walks that are under way in this thread, one inside another."""

    def __init__(self) -> None:
        self.walks: list[_Progress] = []


class _Watch:
    """Takes what the engine tells, into an `Inspection`."""

    def __init__(self, seen: Inspection, way: str) -> None:
        self.seen = seen
        self.way = way
        # Who listened before, be it only for values, goes on listening.
        self.outer: Any = record.listener()
        self.sums: dict[Node, guard.Sums] = {}
        # By its identity, which nothing else can take while it is held here, a value and its node.
        self.made_by: dict[int, tuple[Any, Node]] = {}
        self.here = _Here()

    # --- recording ------------------------------------------------------------------------

    def recorded(self, node: Node, value: Any, operands: tuple[Any, ...]) -> None:
        seen = self.seen
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
        if self.outer is not None:
            self.outer.recorded(node, value, operands)

    def made(self, node: Node, value: Any) -> None:
        self._enter(node, value, *self._caller())
        if self.outer is not None and hasattr(self.outer, "made"):
            self.outer.made(node, value)

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
        self.here.walks.append(_Progress())
        try:
            yield
        finally:
            self.here.walks.pop()

    def begin(self, roots: dict[Node, Any], order: list[Node], guarded: bool) -> None:
        state = self.here.walks[-1]
        walks, again = self.seen.walks, state.walk
        walk = state.walk = Walk(roots, order, guarded)
        if again is not None:
            walks[walks.index(again)] = walk
            while state.nested:
                walks.remove(state.nested.pop())  # they are made again too
            return
        walks.append(walk)
        for outer in self.here.walks[:-1]:
            outer.nested.append(walk)
        if self._box() is not None:
            return  # the walk outside asks about values
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
        state = self.here.walks[-1]
        state.node = node
        state.walk.visit(node, g)

    def sent(self, node: Node, contribution: Any) -> None:
        self.here.walks[-1].walk.add(node, contribution)

    def end(self, found: dict[Node, Any]) -> None:
        state, box = self.here.walks[-1], self._box()
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
