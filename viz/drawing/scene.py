"""What a drawing consists of, every colour and word decided; `svg` and `dot` write it down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..graph.contents import Contents, around, contents
from ..graph.ir import Graph
from ..graph.names import names_of
from ..graph.view import Shown, View, shown_as
from ..layout import Layout, Point
from ..text import clean, width
from .boxes import CHANGES, META_SIZE, STYLES, Box, group_hint, hint, role
from .legend import Key, keys
from .looks import UNKNOWN, Looks, amount, check_size, norms, overlay_scale
from .progress import Progress, after, at_step
from .ways import Note, Way, notes, ways

__all__ = ["Painted", "Scene", "scene"]


@dataclass(slots=True)
class Painted:
    """A box: ``style`` is a name in ``STYLES``, ``fill`` that of a scale or "", ``pale`` is not
    computed yet, ``now`` what the step is about. ``tag`` is what the words of a step call it.
    """

    name: str
    style: str
    box: Box
    centre: Point
    hint: str
    kept: bool
    alarm: bool
    fill: str
    change: str
    pale: bool = False
    now: bool = False
    tag: str = ""


@dataclass(slots=True)
class Scene:
    """The drawing. ``tints`` are of the frames; ``step`` says what the step does, ``about`` what is
    drawn.
    """

    view: View
    layout: Layout
    boxes: list[Painted]
    tints: list[str]
    ways: list[Way]
    notes: list[Note]
    keys: list[Key]
    caption: str
    step: str
    about: str


def scene(view: View, boxes: Sequence[Box], layout: Layout, looks: Looks) -> Scene:
    """Decide what is drawn.

    Raises:
        ValueError: more than 100,000 boxes, not forced; a step that there is not.
    """
    check_size(len(boxes), looks)
    graph = view.graph
    state = None if looks.step is None else after(graph, looks.step)
    held = contents(graph) if any(b.group is not None for b in view.boxes) else []
    # In a difference, and on a scale, the fill means that alone.
    differs = any(v.change for v in graph.vertices) or any(e.change for e in graph.edges)
    amounts: list[float | None] = [None] * len(boxes)
    fills = None
    if looks.overlay != "role":
        amounts = [amount(looks.overlay, shown, graph, held) for shown in view.boxes]
        fills = overlay_scale(looks, amounts)
    painted = []
    for shown, box, centre, much in zip(view.boxes, boxes, layout.centres, amounts, strict=True):
        fill = UNKNOWN if looks.overlay != "role" or differs else ""
        if fills is not None and _known(looks.overlay, shown, graph, held, state):
            fill = fills.fill(much)
        elif looks.overlay == "role":
            fill = _tint(shown, graph) or fill
        paint = _group if shown.group is not None else _vertex
        painted.append(paint(view, shown, box, centre, fill, held, state))
    if state is not None:
        _tag(view, painted)
    tints = [
        (looks.overlay == "role" and _tint(Shown(None, frame.group, -1), graph))
        or STYLES["frame"].line
        for frame in view.frames
    ]
    widths = norms(view) if looks.edges == "gradient" else None
    drawn = ways(view, layout, looks, widths, state)
    sent = state is not None or any(way.back for way in drawn)
    outputs = [v for v in graph.vertices if v.kind == "output"]
    named = clean(", ".join(v.name or v.label for v in outputs[:3]) or "nothing")
    step = "" if state is None else f"{state.number + 1}. {clean(state.step.caption)}"
    return Scene(
        view, layout, painted, tints, drawn, notes(view, boxes, layout, drawn, sent),
        keys(
            view, looks, fills, widths, differs=differs, sent=sent,
            shortened=any(len(route) > 1 for route in layout.routes),
            explained=any(way.explained for way in drawn),
            unknown=state is not None or (
                fills is not None and any(fills.at(much) is None for much in amounts)
            ),
        ),
        " ".join(f"{said.rstrip('.')}." for said in (clean(graph.caption), shown_as(view)) if said),
        step,
        f"Flow graph of {named}: {len(boxes)} boxes" + (f"; {step}" if step else ""),
    )  # fmt: skip


def _tint(shown: Shown, graph: Graph) -> str:
    """The colour of what changed, else nothing."""
    if shown.group is not None:
        change = graph.groups[shown.group].change
    else:
        change = graph.vertices[shown.vertex or 0].change
    return CHANGES[change][1] if change else ""


def _known(
    overlay: str, shown: Shown, graph: Graph, held: Sequence[Contents], state: Progress | None
) -> bool:
    """Whether what an overlay measures of a box is known at a step."""
    if state is None:
        return True
    of = held[shown.group].outputs if shown.group is not None else [shown.vertex or 0]
    if overlay == "gradient":
        return all(state.complete(graph.vertices[v]) for v in of)
    return not any(v in state.waiting for v in of)


def _vertex(
    view: View, shown: Shown, box: Box, centre: Point, fill: str,
    held: Sequence[Contents], state: Progress | None,
) -> Painted:  # fmt: skip
    graph = view.graph
    assert shown.vertex is not None
    vertex = graph.vertices[shown.vertex]
    painted = Painted(
        f"box{vertex.id}", role(vertex), box, centre, hint(vertex, graph), vertex.kept,
        vertex.origin or vertex.gradient_origin, fill, vertex.change,
    )  # fmt: skip
    if state is not None:
        painted.box = at_step(vertex, box, state)
        painted.alarm = state.alarm(vertex)
        painted.pale = vertex.id in state.waiting
        painted.now = vertex.id == state.step.vertex
    return painted


def _group(
    view: View, shown: Shown, box: Box, centre: Point, fill: str,
    held: Sequence[Contents], state: Progress | None,
) -> Painted:  # fmt: skip
    graph = view.graph
    assert shown.group is not None
    group, sums = graph.groups[shown.group], held[shown.group]
    painted = Painted(
        f"group{group.id}", "group", box, centre, group_hint(graph, group.id, sums), sums.kept,
        sums.origin or sums.gradient_origin, fill, group.change,
    )  # fmt: skip
    if state is not None:
        painted.alarm = any(state.alarm(graph.vertices[v]) for v in sums.vertices)
        painted.pale = any(v in state.waiting for v in sums.outputs)
        painted.now = group.id in around(graph, graph.vertices[state.step.vertex].group)
        if sums.outputs:
            painted.box = at_step(graph.vertices[sums.outputs[0]], box, state)
    return painted


def _tag(view: View, painted: Sequence[Painted]) -> None:
    """Write what a step's words call a box into those that show no name, where there is room."""
    names = names_of(view.graph.vertices)
    for shown, drawn in zip(view.boxes, painted, strict=True):
        if shown.vertex is None or view.graph.vertices[shown.vertex].name:
            continue
        tag = names[shown.vertex]
        label = drawn.box.lines[0]
        beside = 0.5 * (drawn.box.width - width(label.text, label.size))
        if width(tag, META_SIZE) + 9.0 <= beside:
            drawn.tag = tag
