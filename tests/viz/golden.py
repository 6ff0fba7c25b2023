"""The golden file of a neuron's graph: ``python -m tests.viz.golden`` writes it anew."""

import dataclasses
import json
from pathlib import Path

import numpy as np

import autograd_core as ag
from viz import Graph, flow_graph

FILE = Path(__file__).with_name("neuron.json")


def timeless(graph: Graph) -> Graph:
    """The graph without times, and without lines of code, which move when a file is edited."""
    vertices = [
        dataclasses.replace(vertex, seconds=None, backward_seconds=None, line="")
        for vertex in graph.vertices
    ]
    return dataclasses.replace(graph, vertices=tuple(vertices))


def text() -> str:
    """The graph of a neuron, maximum(w x + b, 0), as it is in the file."""
    x = ag.Tensor([1.0, 2.0], name="x")
    w = ag.Tensor([0.5, -0.25], requires_grad=True, name="w")
    b = ag.Tensor(0.5, requires_grad=True, name="b")
    graph = flow_graph(lambda x: np.maximum(w @ x + b, 0.0), x, engine="builtin").graph
    return json.dumps(timeless(graph).to_dict(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8", newline="\n")
