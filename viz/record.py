"""`record`: a block whose passes are drawn as they really ran."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

import autograd_core as ag
from autograd_core import Inspection, Tensor
from autograd_core.graph import Node, topological_order

from .flow_graph import FlowGraph, Options
from .notebook import mimebundle
from .recording import capture
from .recording.build import Known, build

__all__ = ["Recording", "record"]


@final
class Recording:
    """What ran in a block of `record`: the passes, to be drawn during the block and after.

    ``inspection`` is all that was seen, see `autograd_core.Inspection`.
    """

    def __init__(self, inspection: Inspection, names: Any) -> None:
        self.inspection = inspection
        self._names = names

    def flow_graph(
        self,
        target: Tensor | list[Tensor] | None = None,
        *,
        walk: int = -1,
        names: Any = None,
        **options: Any,
    ) -> FlowGraph:
        """Draw a pass as it ran: the last walk back by default.

        Values, times and gradients are those that were seen, also once ``backward()`` released the
        graph and an optimizer stepped. Where nothing walked back, what was computed is drawn.

        Args:
            target: a tensor, or several, computed in the block: what they depend on is drawn, with
                the last walk back from them.
            walk: the number of the walk back to draw, in order; negative ones count from the end.
                Walks inside another, as of a `checkpoint`, do not count.
            names: for the boxes, as of `flow_graph`.
            options: ``engine``, ``timeout``, ``depth``, ``collapse``, ``shared`` of `flow_graph`.

        Raises:
            ValueError: nothing was recorded, or not of ``target``.
            IndexError: there is no such walk.
        """
        chosen = Options(**options)
        known = Known(seen=self.inspection)
        capture.name_all(known, names, over=True)
        capture.name_all(known, self._names)
        capture.name_calls(known)
        if target is None:
            roots = self._roots(known, walk)
        else:
            roots = self._of(target, known)
        return chosen.draw(build(roots, known))

    def _roots(self, known: Known, walk: int) -> list[Node]:
        walks = self._walks()
        if isinstance(walk, bool) or not isinstance(walk, int):
            raise TypeError(f"flow_graph: walk must be the number of a walk back, not {walk!r}")
        if not -len(walks) <= walk < len(walks):
            if walks or walk != -1:
                raise IndexError(f"flow_graph: there is no walk {walk}; {len(walks)} were recorded")
            return self._ends(known)
        known.walk = walks[walk]
        return list(known.walk.roots)

    def _walks(self) -> list[Any]:
        """The walks back that are not part of another."""
        return [walk for walk in self.inspection.walks if walk.inside is None]

    def _ends(self, known: Known) -> list[Node]:
        """What was computed last, and nothing was computed from."""
        nodes = self.inspection.nodes
        if not nodes:
            raise ValueError(
                "flow_graph: nothing was recorded in the block: compute something there that "
                "depends on a leaf with requires_grad=True"
            )
        known.no_gradient = "not computed: no backward pass ran"
        read = {parent for node in nodes for parent in node.parents}
        ends = [node for node in nodes if node not in read]
        newest = max(ends, key=lambda node: node.number)
        return [newest]

    def _of(self, target: Any, known: Known) -> list[Node]:
        tensors = [target] if isinstance(target, Tensor) else target
        if not isinstance(tensors, list | tuple):
            raise TypeError(
                f"flow_graph draws a Tensor, or a list of them, not a {type(target).__name__}"
            )
        roots = capture.roots_of(tensors)
        order = set(topological_order(roots))
        if not order.intersection(self.inspection.nodes):
            raise ValueError(
                "flow_graph: this tensor was not computed in the block; viz.flow_graph(t) draws it"
            )
        for t in tensors:
            known.values[t._node] = t._value
        for walk in reversed(self.inspection.walks):
            if set(walk.roots) == set(roots):
                known.walk = walk
                return roots
        known.no_gradient = "not computed: no backward pass started here"
        return roots

    # --- as a drawing of the last pass --------------------------------------------------------

    def svg(self, **looks: Any) -> str:
        """Return the drawing of the last pass as SVG text."""
        return self.flow_graph().svg(**looks)

    def html(self) -> str:
        """Return the page of the last pass."""
        return self.flow_graph().html()

    def save(self, path: str | Path, **looks: Any) -> Path:
        """Write the drawing of the last pass, see `FlowGraph.save`."""
        return self.flow_graph().save(path, **looks)

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        if not self.inspection.nodes:
            return {"text/plain": repr(self)}
        return mimebundle(self.flow_graph(), include, exclude)

    def __repr__(self) -> str:
        walks = len(self._walks())
        return (
            f"<Recording: {len(self.inspection.nodes)} operations, {walks} "
            f"walk{'s' * (walks != 1)} back>"
        )


@contextmanager
def record(names: Any = None, last: int | None = None) -> Iterator[Recording]:
    """Record the passes in a block, forward and backward, to draw them as they really ran.

    Args:
        names: for the boxes, as of `flow_graph`; what modules hold has its path in any case.
        last: how many backward passes to remember; by default all, with all that they met, which
            in a long training loop fills the memory.

    >>> x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    >>> with record() as r:
    ...     (x * x).sum().backward()
    >>> [step.caption for step in r.flow_graph(engine="builtin").steps][-1]
    'bprop multiply: grad x = g * x (2 of 2)'
    """
    with ag.inspect("record", last) as seen:
        yield Recording(seen, names)
