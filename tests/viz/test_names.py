"""What boxes, frames and data are called: within a frame, in captions, in the listing."""

from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
from viz import flow_graph
from viz.drawing.boxes import LABEL_SIZE, META_SIZE, frame_title, group_boxes, hint, vertex_boxes
from viz.graph.ir import Graph, Group, Vertex
from viz.graph.names import local, names_of
from viz.text import width


class Pair(nn.Module):
    """Two networks, of which the second reads a weight of the first too."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.encoder = nn.Sequential(nn.Linear(3, 2, rng=rng), nn.Tanh())
        self.decoder = nn.Sequential(nn.Linear(2, 3, rng=rng), nn.Tanh())

    def forward(self, x: Any) -> Any:
        return (self.decoder(self.encoder(x)) @ self.encoder.layers[0].weight).sum()


def pair() -> Graph:
    return flow_graph(Pair(), np.ones((4, 3)), engine="builtin").graph


def module(label: str, name: str, parent: int | None = None, number: int = 0) -> Group:
    return Group(number, parent, "module", label, name)


def test_a_box_within_a_frame_says_what_its_path_adds() -> None:
    graph = pair()
    said = {
        (v.name, graph.groups[v.group].name): box.lines[0].text
        for v, box in zip(graph.vertices, vertex_boxes(graph), strict=True)
        if v.group is not None
    }
    assert said["encoder.layers.0.weight", "encoder.layers.0"] == "weight ↻2"
    assert said["decoder.layers.0.bias", "decoder.layers.0"] == "bias"
    # The frame around the other use is the whole model's, whose path is empty.
    name, _, uses = said["encoder.layers.0.weight", ""].partition(" ")
    assert (name[:9], name[-6:], uses) == ("encoder.l", "weight", "↻2")
    weight = next(v for v in graph.vertices if v.name == "decoder.layers.0.weight")
    assert "decoder.layers.0.weight" in hint(weight, graph)


def test_a_frame_within_a_frame_says_what_its_path_adds() -> None:
    graph = pair()
    titles = [frame_title(graph, one.id).lines[0].text for one in graph.groups]
    assert titles[:3] == ["Pair", "encoder · Sequential", "layers.0 · Linear(3, 2)"]
    closed = [[line.text for line in box.lines[:2]] for box in group_boxes(graph)]
    assert closed[2] == ["Linear(3, 2)", "layers.0"]


def test_a_name_loses_the_path_of_the_innermost_frame_that_has_one_and_only_a_whole_one() -> None:
    groups = (module("Net", "net"), Group(1, 0, "repeat", "Block × 3"), module("B", "net.b", 1, 2))
    graph = Graph((), (), (), (), groups=groups)
    assert local(graph, "net.b.weight", 2) == "weight"
    assert local(graph, "net.a.weight", 2) == "net.a.weight"
    assert local(graph, "net.a.weight", 1) == "a.weight"
    assert local(graph, "network.a", 0) == "network.a"
    assert local(graph, "net.a", None) == "net.a"


def test_a_title_that_is_too_long_loses_its_arguments_first() -> None:
    label = "Conv2d(3, 64, kernel_size=(3, 3), stride=(2, 2), padding='same', bias=False)"
    graph = Graph(
        (Vertex(0, "op", "conv", "conv", None, (), "float64", group=0),), (), (0,), (),
        groups=(module(label, "first"),),
    )  # fmt: skip
    title = frame_title(graph, 0)
    assert title.lines[0].text == "first · Conv2d(…)"
    first, path, *arguments = [line.text for line in group_boxes(graph)[0].lines]
    assert (first, path) == ("Conv2d", "first")
    assert ", ".join(arguments).startswith(label[7:-1])
    whole = "Linear(784, 100) · 78,500 parameters"
    graph = Graph((), (), (), (), groups=(module(whole, "layers.0"),))
    assert frame_title(graph, 0).lines[0].text == f"layers.0 · {whole}"
    assert width(f"layers.0 · {whole}", META_SIZE) > 230 > width(label[:6], LABEL_SIZE)


def test_a_folded_module_says_the_number_of_its_parameters_once() -> None:
    model = nn.Sequential(*(layer for _ in range(3) for layer in (nn.Linear(4, 4), nn.ReLU())))
    graph = flow_graph(model, input_shape=4, engine="builtin").graph
    closed = {one.label: [line.text for line in box.lines[:3]]
              for one, box in zip(graph.groups, group_boxes(graph), strict=True)}  # fmt: skip
    assert closed["Linear(4, 4) · 20 parameters"][0] == "Linear(4, 4)"
    assert "20 parameters" in closed["Linear(4, 4) · 20 parameters"][2]
    assert closed["(Linear, ReLU) × 3"][0] == "(Linear, ReLU) × 3"
    open_ = [frame_title(graph, one.id).lines[0].text for one in graph.groups]
    assert "layers.0 · Linear(4, 4) · 20 parameters" in open_


def test_what_nobody_named_has_one_name_wherever_it_is_drawn_and_no_other_has_it() -> None:
    def leaf(i: int, **more: Any) -> Vertex:
        return Vertex(i, "constant", None, "constant", None, (), "float64", **more)

    vertices = [
        Vertex(0, "input", None, "v1", "v1", (), "float64"),
        Vertex(1, "op", "exp", "exp", None, (), "float64", change="removed"),
        Vertex(2, "op", "exp", "exp", None, (), "float64"),
        leaf(3), leaf(4), leaf(5, stands_for=3),
        Vertex(6, "parameter", None, "w", "w", (), "float64"),
        Vertex(7, "parameter", None, "w", "w", (), "float64"),
    ]  # fmt: skip
    assert names_of(vertices) == ["v1", "v3", "v2", "c1", "c2", "c1", "w", "w_1"]


@pytest.mark.parametrize("given", [np.array([0, 2, 1]), [0, 2, 1], np.array([0, 2, 1], np.int32)])
def test_labels_are_called_as_the_argument_is_though_the_loss_copies_them(given: Any) -> None:
    def loss(x: Any, target: Any) -> Any:
        return nn.cross_entropy(x, target)

    vertex = flow_graph(loss, np.eye(3), given, engine="builtin").vertices[1]
    assert (vertex.kind, vertex.name, vertex.value.preview) == ("input", "target", (0, 2, 1))
    outside = flow_graph(lambda x: nn.cross_entropy(x, given), np.eye(3), engine="builtin")
    assert outside.vertices[1].name == "given"


def test_other_integers_and_other_kinds_are_not_called_so() -> None:
    labels = np.array([0, 2, 1])
    x = ag.Tensor(np.eye(3), requires_grad=True, name="x")
    for other in (np.array([0, 1, 1]), labels.astype(float), labels[None]):
        graph = flow_graph(x * (other + 0), names={"labels": labels}, engine="builtin").graph
        assert [v.kind for v in graph.vertices if v.op is None] == ["parameter", "constant"]


def test_of_a_formula_the_only_result_needs_no_number() -> None:
    x = np.arange(12.0).reshape(4, 3) ** 2
    norm = nn.LayerNorm(3)
    assert "γ x̂ + β" in [v.label for v in flow_graph(lambda x: norm(x).sum(), x).vertices]
    q = flow_graph(lambda x: np.linalg.qr(x)[0].sum(), x)
    assert "qr [0]" in [v.label for v in q.vertices]
