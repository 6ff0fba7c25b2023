"""Inspection: a block in which every op's line and value are kept, and walks are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .. import record
from ..graph import Node
from ..record import stand_in
from ..registry import PROJECTION
from ..tensor import Tensor
from ..transforms.boxes import is_box
from . import lines, nonfinite
from .calls import Call
from .held import Held, held_by
from .lines import Line
from .report import Report
from .summary import counts, summary
from .walks import Walk
from .watch import Watch

__all__ = ["Inspection", "inspect"]

_WAYS = ("raise", "warn", "record", "ignore")


class Inspection:
    """What was seen in a block of `inspect`: plain data, to be read during the block and after.

    ``nodes``
        the boxes that were recorded, in order.
    ``values``
        from a node to its value; of leaves and others that a recorded op read, too. That of a leaf
        is what was read last.
    ``operands``
        from a node to the values that its op was called with, tracked or not.
    ``seconds``
        from a node to what it took, from the end of what was noted before it; inspection's own time
        is left out.
    ``calls``
        the calls of modules and the blocks of `scope`, in the order in which they began: `Call`.
    ``walks``
        the walks back, in the order in which they began: `Walk`.
    ``reports``
        what was found not to be finite at the end of a walk: `Report`.

    ``print`` shows a summary.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.values: dict[Node, Any] = {}
        self.operands: dict[Node, tuple[Any, ...]] = {}
        self.seconds: dict[Node, float] = {}
        self.calls: list[Call] = []
        self.walks: list[Walk] = []
        self.reports: list[Report] = []
        #: From a node to its line, not looked up yet; from a node that a rule recorded on a walk
        #: back to the node whose rule it was; and from a node to the innermost call around it.
        self.places: dict[Node, lines.Place] = {}
        self.rules: dict[Node, Node] = {}
        self.within: dict[Node, Call] = {}
        #: What the forward pass noted for a rule, which takes it away.
        self.notes: dict[Node, dict[str, list[Any]]] = {}

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
        """From a node to its gradient in the last walk back, be it not inside another; or none."""
        last = next((walk for walk in reversed(self.walks) if walk.inside is None), None)
        return {} if last is None else last.gradients

    def rule_of(self, node: Node) -> Node | None:
        """The node whose rule recorded ``node`` on a walk back; None if the user's code did."""
        return self.rules.get(node)

    def call(self, t: Tensor | Node) -> Call | None:
        """The innermost call of a module, or block of `scope`, that recorded a tensor or a node.

        None if it was recorded outside of all, or not in the block.
        """
        node = t._node if isinstance(t, Tensor) else t
        if node is not None and node.op is PROJECTION:
            node = node.parents[0]
        return None if node is None else self.within.get(node)

    def kept(self, node: Node) -> tuple[tuple[Any, ...] | None, Any]:
        """The operands and the result of a node as its rule finds them, stand-ins for the others.

        They are told also once `backward` has released them, if the node was recorded here.
        """
        operands = self.operands.get(node)
        if node.operands is not None or operands is None:
            return node.operands, node.out
        tracked = sum(1 << i for i, parent in enumerate(node.parents) if parent is not None)
        keep_out, keep = node.op.kept(tracked, len(operands))
        if is_box(node.op):
            keep = (True,) * len(operands)  # its function is run again
        found = tuple(
            x if k else parent if parent is not None else stand_in(x)
            for x, parent, k in zip(operands, node.parents, keep, strict=True)
        )
        return found, self.values[node] if keep_out else None

    def held(self, *tensors: Tensor | Node) -> Held:
        """Count what the graph behind tensors keeps, or kept until `backward` released it.

        See `autograd_core.held`, which counts what is kept now.
        """
        return held_by(
            tensors, lambda node: (*self.kept(node), {**node.params, **self.notes.get(node, {})})
        )

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
def inspect(nonfinite: str = "raise", last: int | None = None) -> Iterator[Inspection]:
    """Look at what is computed in the block: lines, values, the first nan, writes behind the back.

    Every op is noted with the line of the user's code and its value, which stay alive with the
    result; walks back are noted step by step. A result or a gradient that is not finite is traced
    to where it came from: in ``backward()``, ``gradients``, ``grad`` and the like, before any
    gradient is changed. So is an array that the graph kept and somebody wrote into since. Local to
    the thread or task. Blocks can be nested: walks are told to the innermost.

    Args:
        nonfinite: ``"raise"``, ``"warn"`` (a RuntimeWarning), ``"record"`` for `Inspection`'s
            ``reports`` alone, or ``"ignore"``, which does not look for inf and nan.
        last: after so many walks back, forget the ones before and what only they met, so that a
            training loop does not fill the memory; by default all of them are remembered.

    Raises:
        ValueError: another word, or a ``last`` below 1.
        NonFiniteError: inside, from what walks; its ``report`` is a `Report`.
        OverwrittenError: inside, likewise.

    >>> import numpy as np
    >>> from autograd_core import NonFiniteError
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
    if last is not None and last < 1:
        raise ValueError(f"inspect: last must be at least 1, or None to remember all, not {last!r}")
    seen = Inspection()
    with record.watched(Watch(seen, nonfinite, last)):
        yield seen
