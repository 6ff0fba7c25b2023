"""How far both passes are after one of their steps: what is computed, and what has come back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ..graph.ir import Graph, Step, Vertex
from ..text import fit, width
from .boxes import FIGURE_SIZE, ORIGIN, Box, Line

__all__ = ["Progress", "after", "at_step", "step_number"]


@dataclass(slots=True)
class Progress:
    """The state after step ``number``.

    ``waiting`` are the ops not computed yet, ``got`` the contributions to each gradient so far as
    ``(nth, count, total)``, ``sent`` the edges along which they came and what each carried.
    """

    number: int
    step: Step
    last: bool
    waiting: set[int] = field(default_factory=set)
    got: dict[int, tuple[int, int, str]] = field(default_factory=dict)
    sent: dict[int, str] = field(default_factory=dict)

    def complete(self, vertex: Vertex) -> bool:
        """Whether all contributions to its gradient have come."""
        first = vertex.id if vertex.stands_for is None else vertex.stands_for
        return first in self.got and self.got[first][0] >= self.got[first][1]

    def alarm(self, vertex: Vertex) -> bool:
        """Whether it is known by now that it is the first that is not finite."""
        forward = vertex.origin and vertex.id not in self.waiting
        return forward or (vertex.gradient_origin and self.complete(vertex))


def step_number(graph: Graph, step: int) -> int:
    """The number of a step; negative ones count from the end."""
    many = len(graph.steps)
    if not -many <= step < many:
        raise ValueError(
            f"there is no step {step}: this graph has {many:,} steps"
            + (f", 0 to {many - 1}" if many else "; record a forward and a backward pass")
        )
    return int(step) % many


def after(graph: Graph, step: int) -> Progress:
    """The state after ``step``."""
    number = step_number(graph, step)
    waiting = {s.vertex for s in graph.steps[number + 1 :] if s.phase == "forward"}
    state = Progress(number, graph.steps[number], number == len(graph.steps) - 1, waiting)
    for done in graph.steps[: number + 1]:
        if done.phase == "seed":
            state.got[done.vertex] = (done.nth, done.count, done.total)
        elif done.phase == "backward" and done.edge is not None:
            source = graph.vertices[graph.edges[done.edge].source]
            first = source.id if source.stands_for is None else source.stands_for
            state.got[first] = (done.nth, done.count, done.total)
            state.sent[done.edge] = done.sent
    return state


def at_step(vertex: Vertex, box: Box, state: Progress) -> Box:
    """The box with the figures that are known by then; what is not yet is left blank."""
    return replace(box, lines=tuple(_line(vertex, line, box, state) for line in box.lines))


def _line(vertex: Vertex, line: Line, box: Box, state: Progress) -> Line:
    if not line.figures:
        return line
    blank = replace(line, text="")
    if vertex.id in state.waiting:
        return blank
    if not line.text.startswith("∇"):
        return line
    if vertex.id not in state.got:
        return line if line.note and state.last else blank
    nth, count, total = state.got[vertex.id]
    if nth >= count:
        return Line(f"∇ {total}", "gradient") if line.note and total else line
    if line.text == ORIGIN.format("∇"):
        return blank
    room = box.width - 20.0
    for text in (f"∇ {nth} of {count}: {total}", f"∇ {nth} of {count}", f"∇ {nth}/{count}"):
        if width(text, FIGURE_SIZE, fixed=True) <= room:
            return Line(text, "gradient")
    return Line(fit(text, FIGURE_SIZE, room, fixed=True), "gradient")
