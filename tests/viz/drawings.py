"""Graphs to draw, and the golden files, which ``python -m tests.viz.drawings`` writes."""

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np

import autograd_core as ag
import nn
from viz import FlowGraph, flow_graph
from viz.drawing import svg
from viz.drawing.boxes import Box, frame_title, view_boxes
from viz.drawing.looks import Looks
from viz.graph.ir import Graph
from viz.graph.view import View, view
from viz.layout import Layout, layered

from .golden import timeless

HERE = Path(__file__).parent


def place(graph: Graph, opened: Collection[int] | None = None) -> tuple[View, list[Box], Layout]:
    """A view of ``graph``, all groups open or those of ``opened``, with its boxes placed."""
    shown = view(graph, range(len(graph.groups)) if opened is None else opened)
    boxes = view_boxes(shown)
    titles = [frame_title(graph, frame.group) for frame in shown.frames]
    layout = layered(
        [(one.width, one.height) for one in boxes],
        [(arrow.source, arrow.target) for arrow in shown.edges],
        [one.frame for one in shown.boxes],
        [(f.parent, t.width, t.height) for f, t in zip(shown.frames, titles, strict=True)],
    )
    return shown, boxes, layout


def draw(graph: Graph, opened: Collection[int] | None = None, **looks: object) -> str:
    """The drawing of ``graph`` by the builtin layout."""
    return svg.draw(*place(graph, opened), Looks(**looks))  # type: ignore[arg-type]


def neuron() -> Graph:
    """``y = maximum(w x + b, 0)``, forward and backward, without times and lines of code."""
    x = ag.Tensor([1.0, 2.0], name="x")
    w = ag.Tensor([0.5, -0.25], requires_grad=True, name="w")
    b = ag.Tensor(0.5, requires_grad=True, name="b")
    return _of(flow_graph(lambda x: np.maximum(w @ x + b, 0.0), x, engine="builtin"))


def network() -> Graph:
    """A classifier with a hidden layer, and its loss on six examples."""
    rng = np.random.default_rng(0)
    model = nn.MLP([4, 5, 3], activation="tanh", rng=rng)
    data, classes = rng.normal(size=(6, 4)), np.array([0, 1, 2, 2, 1, 0])
    return _of(flow_graph(lambda x: nn.cross_entropy(model(x), classes), data, engine="builtin"))


def twice() -> Graph:
    """``y = tanh(w x) * (w x)``: the product gets two contributions, w and x are squares."""
    w = ag.Tensor(0.5, requires_grad=True, name="w")

    def f(x: ag.Tensor) -> ag.Tensor:
        h = w * x
        return np.tanh(h) * h

    return _of(flow_graph(f, ag.Tensor(1.5, name="x"), engine="builtin"))


def residual() -> Graph:
    """Two blocks, ``x + tanh(a(x))``: what enters each goes two ways, and shares a trunk."""
    rng = np.random.default_rng(0)

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(3, 3, rng=rng)

        def forward(self, x: ag.Tensor) -> ag.Tensor:
            return x + np.tanh(self.a(x))

    model = nn.Sequential(Block(), Block())
    return _of(
        flow_graph(lambda x: (model(x) ** 2).sum(), rng.normal(size=(2, 3)), engine="builtin")
    )


def straight() -> Graph:
    """One arrow leaves the trunk where the other runs straight on."""
    h = np.exp(ag.Tensor(0.5, requires_grad=True, name="x"))
    return _of(flow_graph(h * (h * h * h), engine="builtin"))


def _of(drawn: FlowGraph) -> Graph:
    return timeless(drawn.graph)


GOLDEN: dict[str, Callable[[], str]] = {
    "neuron.svg": lambda: draw(neuron()),
    "network.svg": lambda: draw(network()),
    "twice_step_7.svg": lambda: draw(twice(), step=7),
}

if __name__ == "__main__":
    for name, made in GOLDEN.items():
        (HERE / name).write_text(made(), encoding="utf-8", newline="\n")
