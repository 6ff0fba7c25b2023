"""DRAW: four models from the run to the picture, here and by the drawing tools of PyTorch.

Each tool is used as its own documentation does. A step runs the model anew, then draws: a graph is
drawn to see what has just been computed. Ours has found every gradient by then; torchviz walks the
graph that autograd recorded, torchview notes the calls of modules as they happen. Both write
Graphviz's language, so the program `dot` draws for them. Ours comes with the builtin layout, with
`dot`, with nothing folded ("Block × 12"), and as the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from benchmarks.contest import Contestant, Job, Row
from benchmarks.drawing_models import MODELS, in_torch

Stages = tuple[Callable[[], Any], Callable[[Any], str]]


def ours(key: str, engine: str = "builtin", form: str = "svg", depth: int | None = None) -> Stages:
    """`flow_graph` of the model; then the text of the SVG or of the page."""
    import viz

    module, arrays = MODELS[key].build()

    def draw(graph: Any) -> str:
        text: str = getattr(graph, form)()
        return text

    return lambda: viz.flow_graph(module, *arrays, engine=engine, depth=depth), draw


def torchviz(key: str) -> Stages:
    """`make_dot` of the loss, with the parameters' names."""
    from torchviz import make_dot

    module, tensors = in_torch(key)
    return lambda: make_dot(module(*tensors), params=dict(module.named_parameters())), by_dot


def torchview(key: str, roll: bool = False) -> Stages:
    """`draw_graph` of the model, its modules within dashed borders."""
    from torchview import draw_graph

    module, tensors = in_torch(key)

    def graph() -> Any:
        return draw_graph(
            module,
            input_data=list(tensors),
            depth=4,  # that of the layers in a block
            expand_nested=True,
            device="cpu",
            mode="train",
            roll=roll,
        ).visual_graph

    return graph, by_dot


def by_dot(digraph: Any) -> str:
    """What `dot` makes of a `graphviz.Digraph`, as in a notebook's cell."""
    text: str = digraph.pipe(format="svg", encoding="utf-8")
    return text


TOOLS: dict[str, tuple[Callable[[str], Stages], tuple[str, ...], tuple[str, ...]]] = {
    "ours": (ours, (), ()),
    "ours, dot": (partial(ours, engine="dot"), (), ("dot",)),
    "ours, unfolded": (partial(ours, depth=20), (), ()),
    "ours, page": (partial(ours, form="html"), (), ()),
    "torchviz": (torchviz, ("torch", "torchviz"), ("dot",)),
    "torchview": (torchview, ("torch", "torchview"), ("dot",)),
}
#: Drawn for the page, not timed: what a module that is called many times is to torchview then.
ROLLED = "torchview, rolled"
#: The models in which something is repeated, and so folded unless it is asked for.
FOLDED = {"rnn", "residual"}


def draw(tool: str, key: str) -> tuple[Any, str]:
    """A tool's graph of a model and the text of its drawing, without what differs each time."""
    make = partial(torchview, roll=True) if tool == ROLLED else TOOLS[tool][0]
    record, write = make(key)
    graph = record()
    if hasattr(graph, "vertices"):
        graph = untimed(graph)
        return graph, write(graph)
    # Nodes are called by where they lie in memory.
    numbers: dict[str, str] = {}
    text = re.sub(
        r"\b\d{9,}\b", lambda found: numbers.setdefault(found[0], f"n{len(numbers)}"), write(graph)
    )
    return graph, text


def untimed(graph: Any) -> Any:
    """A drawing of ours without the seconds that the operations took."""
    vertices = (replace(v, seconds=None, backward_seconds=None) for v in graph.vertices)
    return graph._of(replace(graph.graph, vertices=tuple(vertices)))


def size(graph: Any, text: str) -> dict[str, int]:
    """Boxes and edges of a drawing, and its bytes."""
    if not hasattr(graph, "vertices"):  # an SVG of dot's
        boxes, edges = text.count('class="node"'), text.count('class="edge"')
    elif text.startswith("<svg"):
        boxes, edges = len(graph._view().boxes), len(graph._view().edges)
    else:  # a page, in which all can be opened
        boxes, edges = len(graph.vertices), len(graph.edges)
    return {"boxes": boxes, "edges": edges, "bytes": len(text.encode())}


def loss(tool: str, key: str) -> list[float]:
    """What the model that is drawn computes."""
    module, arrays = MODELS[key].build() if tool.startswith("ours") else in_torch(key)
    return [module(*arrays).item()]


def build(tool: str, key: str) -> Job:
    """A step: run and record, then draw."""
    record, write = TOOLS[tool][0](key)
    graph: Any = None
    text = ""

    def run() -> None:
        nonlocal graph
        graph = record()

    def picture() -> None:
        nonlocal text
        text = write(graph)

    def facts() -> Mapping[str, float]:
        return size(graph, text)

    return Job({"run": run, "draw": picture}, partial(loss, tool, key), facts=facts)


DRAW = Row(
    "DRAW",
    "four models run and drawn; beside it, boxes and edges and bytes",
    tuple(
        Contestant(
            f"{model.title}: {tool}",
            partial(build, tool, key),
            needs=modules,
            programs=programs,
            rival=f"{model.title}: ours",
            threads=1,
        )
        for key, model in MODELS.items()
        for tool, (_, modules, programs) in TOOLS.items()
        if tool != "ours, unfolded" or key in FOLDED
    ),
    unit="ms",
    per="a drawing",
    warm_up=3,
)
