"""Two graphs in one: what a change of the model changed, and nothing else."""

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import nn
from autograd_core import Tensor, relu, sigmoid, tanh
from tests.viz.random_graphs import graph, random_graph, vertex
from viz import difference, flow_graph
from viz.graph.alignment import align
from viz.graph.ir import Graph
from viz.graph.share import single
from viz.graph.view import view

Told = list[tuple[str, str]]


def changes(drawing: Any) -> Told:
    """What has a change, and which."""
    return [(v.label, v.change) for v in drawing.vertices if v.change]


def ends(drawing: Any, change: str) -> Told:
    """Edges with a change, by the labels of their ends."""
    v = drawing.vertices
    return [(v[e.source].label, v[e.target].label) for e in drawing.edges if e.change == change]


def net(*layers: Any) -> Any:
    """Draw layers one after the other, with the same input each time."""
    x = np.random.default_rng(5).normal(size=(3, 4))
    return flow_graph(nn.Sequential(*layers), x, engine="builtin")


def linear(seed: int, inputs: int = 4, outputs: int = 4) -> nn.Linear:
    return nn.Linear(inputs, outputs, rng=np.random.default_rng(seed))


def test_nothing_changed() -> None:
    x = np.ones((3, 4))
    model = nn.Sequential(linear(0), nn.Tanh(), linear(1, 4, 2))
    before, after = (flow_graph(model, x, engine="builtin") for _ in range(2))
    drawing = difference(before, after, engine="builtin")
    assert changes(drawing) == []
    assert {e.change for e in drawing.edges} | {g.change for g in drawing.groups} == {""}
    assert drawing.graph.caption == "no difference"
    # It is the second graph, down to its steps.
    assert replace(drawing.graph, caption=after.graph.caption) == after.graph


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_a_layer_inserted(at: int) -> None:
    layers = [linear(seed) for seed in range(3)]
    # Between layers of the same shape it is told by their weights.
    after = net(*layers[:at], linear(9), *layers[at:])
    drawing = difference(net(*layers), after, engine="builtin")
    names = [f"layers.{at}.bias", f"layers.{at}.weight", "x W + b"]
    assert sorted(changes(drawing)) == [(name, "added") for name in names]
    added = [v for v in drawing.vertices if v.change and v.op]
    assert drawing.graph.caption == "3 boxes added"
    ops = [v for v in drawing.vertices if v.op]
    assert ops.index(added[0]) == at
    gone = 1 if at < 3 else 0
    assert len(ends(drawing, "removed")) == gone
    marked = [g for g in drawing.groups if g.change == "added"]
    assert [g.label for g in marked] == ["Linear(4, 4)"]


def test_a_layer_removed() -> None:
    layers = [linear(seed) for seed in range(4)]
    drawing = difference(net(*layers), net(*layers[:1], *layers[2:]), engine="builtin")
    names = ["layers.1.bias", "layers.1.weight", "x W + b"]
    assert sorted(changes(drawing)) == [(name, "removed") for name in names]
    gone = next(v for v in drawing.vertices if v.op and v.change)
    # What was removed has the values that it had; it is in no step.
    assert gone.value == [v for v in net(*layers).vertices if v.op][1].value
    assert gone.id in drawing.graph.forward
    assert gone.id not in {step.vertex for step in drawing.steps}
    assert ends(drawing, "added") == [("x W + b", "x W + b")]
    assert "3 boxes removed" in drawing.svg()


def test_another_activation() -> None:
    x = Tensor([[1.0, -2.0]], requires_grad=True, name="x")
    w = Tensor([[0.5], [2.0]], requires_grad=True, name="w")

    def loss(f: Callable[[Tensor], Tensor]) -> Any:
        return flow_graph((f(x @ w) ** 2).sum(), engine="builtin")

    drawing = difference(loss(tanh), loss(relu), engine="builtin")
    assert changes(drawing) == [("tanh", "removed"), ("relu", "added")]
    assert drawing.graph.caption == "1 box added, 1 removed"
    assert ends(drawing, "removed") == [("@", "tanh"), ("tanh", "** 2")]
    assert ends(drawing, "added") == [("@", "relu"), ("relu", "** 2")]


def test_a_wider_layer() -> None:
    drawing = difference(
        net(linear(0, 4, 5), nn.Tanh(), linear(1, 5, 2)),
        net(linear(0, 4, 7), nn.Tanh(), linear(1, 7, 2)),
        engine="builtin",
    )
    assert {v.change for v in drawing.vertices} == {"", "changed"}
    told = {(v.label, v.params) for v in drawing.vertices if v.change}
    assert told == {
        ("layers.0.weight", ("was (4, 5) float64",)), ("layers.0.bias", ("was (5,) float64",)),
        ("x W + b", ("was (3, 5) float64",)), ("tanh", ("was (3, 5) float64",)),
        ("layers.2.weight", ("was (5, 2) float64",)),
    }  # fmt: skip
    # The input, and the last layer's op and bias, are what they were.
    assert {v.label for v in drawing.vertices if not v.change} == {"x", "layers.2.bias", "x W + b"}
    assert all(e.change == "" for e in drawing.edges)
    assert drawing.graph.caption == "5 boxes changed"


def test_another_constant_and_another_parameter() -> None:
    x = Tensor([[1.0, 2.0]], requires_grad=True, name="x")
    one = flow_graph((2.0 * x).sum(axis=0, keepdims=True).sum(), engine="builtin")
    other = flow_graph((3.0 * x).sum(axis=0).sum(), engine="builtin")
    drawing = difference(one, other, engine="builtin")
    told = {(v.label, v.change): v.params[-1] for v in drawing.vertices if v.change}
    assert told["3 ×", "changed"] == "was 2 ×"
    assert told["Σ", "changed"] == "was axis=0, keepdims=True, (1, 2) float64"


def test_shared_weights_are_matched_whether_drawn_once_or_often() -> None:
    w = Tensor(np.eye(3) * 0.5, requires_grad=True, name="w")

    def run(steps: int) -> Any:
        h = Tensor(np.ones((1, 3)), requires_grad=True, name="h")
        for _ in range(steps):
            h = tanh(h @ w)
        return flow_graph(h.sum(), engine="builtin")

    # 2 uses are one box, 25 are 25: that is how it is drawn, and no change.
    drawing = difference(run(2), run(25), engine="builtin")
    assert {v.change for v in drawing.vertices if v.name == "w"} == {""}
    assert sorted(set(changes(drawing))) == [("@", "added"), ("tanh", "added")]
    assert drawing.graph.caption == "46 boxes added"


class Recurrent(nn.Module):
    """A gated cell, called once a step."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.cell, self.out = Cell(rng), nn.Linear(2, 1, rng=rng)

    def forward(self, x: Any) -> Any:
        h = np.zeros(2)
        for step in x:
            h = self.cell(step, h)
        return self.out(h)


class Cell(nn.Module):
    def __init__(self, rng: np.random.Generator) -> None:
        self.gate, self.new = nn.Linear(5, 2, rng=rng), nn.Linear(5, 2, rng=rng)

    def forward(self, x: Any, h: Any) -> Any:
        both = np.concatenate([x, h])
        z = sigmoid(self.gate(both))
        return z * h + (1 - z) * np.tanh(self.new(both))


@pytest.mark.parametrize(("steps", "more"), [(3, 5), (5, 3)])
def test_whole_steps_are_new(steps: int, more: int) -> None:
    model = Recurrent()
    x = np.random.default_rng(1).normal(size=(5, 3))
    before, after = (flow_graph(model, x[:n], engine="builtin") for n in (steps, more))
    drawing = difference(before, after, engine="builtin")
    change = "added" if more > steps else "removed"
    cells = [one for one in drawing.groups if one.label == "Cell"]
    assert [one.change for one in cells] == [""] * 3 + [change] * 2
    ops = [v for v in drawing.vertices if v.op is not None]
    assert all(v.group is not None for v in ops)
    whole = {one.id for one in cells if one.change}
    whole |= {one.id for one in drawing.groups if one.parent in whole}
    # Besides, each step reads its place in the sequence.
    assert {v.op for v in ops if v.change and v.group not in whole} == {"getitem"}
    assert all(v.change == change for v in ops if v.group in whole)


def test_layers_that_changed_places_stay_in_their_frames() -> None:
    class Chain(nn.Module):
        def __init__(self, order: tuple[int, ...]) -> None:
            self.layers, self.order = [linear(i) for i in range(3)], order

        def forward(self, x: Any) -> Any:
            for i in self.order:
                x = np.tanh(self.layers[i](x))
            return x

    x = np.ones((2, 4))
    graphs = (flow_graph(Chain(order), x, engine="builtin") for order in ((0, 1, 2), (0, 2, 1)))
    drawing = difference(*graphs, engine="builtin")
    told = [(one.name, one.change) for one in drawing.groups if one.parent is not None]
    assert told == [
        ("layers.0", ""), ("layers.1", "removed"), ("layers.2", ""), ("layers.1", "added"),
    ]  # fmt: skip
    framed = [drawing.groups[v.group].label for v in drawing.vertices if v.op == "affine"]
    assert framed == ["Linear(4, 4)"] * 4


def test_a_module_around_what_was_there() -> None:
    layers = [linear(seed) for seed in range(3)]
    inner = nn.Sequential(*layers[1:])
    drawing = difference(net(*layers), net(layers[0], inner), engine="builtin")
    assert changes(drawing) == []


def test_in_a_large_graph_what_did_not_change_is_shut() -> None:
    layers = [layer for seed in range(40) for layer in (linear(seed), nn.Tanh())]
    changed = [*layers]
    changed[41] = nn.ReLU()
    drawing = difference(net(*layers), net(*changed), engine="builtin")
    assert changes(drawing) == [("tanh", "removed"), ("relu", "added")]
    text = drawing.svg()
    assert "relu" in text.lower()
    assert "Linear, Tanh) ×" in text
    assert text.count("<g ") < 120


def test_what_is_no_graph_is_refused() -> None:
    one = flow_graph(tanh(Tensor(1.0, requires_grad=True)), engine="builtin")
    with pytest.raises(
        TypeError, match="after must be what flow_graph returned, or a Graph, not a"
    ):
        difference(one, lambda x: x)
    with pytest.raises(ValueError, match="unknown engine"):
        difference(one, one, engine="circo")
    assert difference(one.graph, one.graph, engine="builtin").graph.caption == "no difference"


# --- as properties of random edits ----------------------------------------------------------------


def edited(g: Graph, r: random.Random) -> Graph:
    """Drop some ops, insert some, exchange some, and give some another shape."""
    at: dict[int, int] = {}
    vertices = []
    inputs: list[list[int]] = []
    sources: dict[int, list[int]] = {v.id: [] for v in g.vertices}
    for edge in g.edges:
        sources[edge.target].append(edge.source)
    for v in g.vertices:
        if v.op is not None and r.random() < 0.05:
            # Its users take what it took.
            at[v.id] = at[sources[v.id][0]] if sources[v.id] else -1
            continue
        if v.op is not None and r.random() < 0.05:
            v = replace(v, op="exp", label="exp")
        if r.random() < 0.05:
            v = replace(v, shape=(r.randrange(5, 9),))
        at[v.id] = len(vertices)
        inputs.append([at[u] for u in sources[v.id] if at[u] >= 0])
        vertices.append(replace(v, id=len(vertices)))
        if v.op is not None and r.random() < 0.05:
            inputs.append([at[v.id]])
            at[v.id] = len(vertices)
            vertices.append(vertex(len(vertices), "log", group=v.group))
    edges = [(u, i) for i, us in enumerate(inputs) for u in us]
    return graph(vertices, edges, g.groups)


@pytest.mark.parametrize("seed", range(60))
def test_the_union_holds_both_graphs(seed: int) -> None:
    r = random.Random(seed)
    before = random_graph(seed, 150)
    after = edited(before, r)
    union = single(difference(before, after, engine="builtin").graph)
    position = {v.id: i for i, v in enumerate(union.vertices)}
    assert all(position[e.source] < position[e.target] for e in union.edges)
    count = {
        c: sum(v.change == c for v in union.vertices) for c in ("", "added", "removed", "changed")
    }
    assert count[""] + count["changed"] + count["added"] == len(after.vertices)
    assert count[""] + count["changed"] + count["removed"] == len(before.vertices)
    for gone, whole in (("removed", after), ("added", before)):
        kept = [e for e in union.edges if e.change != gone]
        assert len(kept) == len(whole.edges)
        index = {v.id: i for i, v in enumerate(v for v in union.vertices if v.change != gone)}
        assert all(e.source in index and e.target in index for e in kept)
        # Ops of a graph keep their order, and so do their operands.
        ops = [v for v in whole.vertices if v.op is not None]
        left = [v for v in union.vertices if v.change != gone and v.op is not None]
        assert [v.op for v in ops] == [v.op for v in left]
        same = dict(zip([v.id for v in ops], [v.id for v in left], strict=True))
        assert operands(whole.edges, same) == operands(kept, {v.id: v.id for v in left})
    view(union, ())


def operands(edges: Any, ops: dict[int, int]) -> set[tuple[int, int, int]]:
    """Edges between ops, as of another numbering."""
    return {
        (ops[e.source], ops[e.target], e.operand)
        for e in edges
        if e.source in ops and e.target in ops
    }


def test_a_graph_against_itself_has_no_difference() -> None:
    for seed in range(40):
        g = random_graph(seed, 150)
        drawing = difference(g, g, engine="builtin")
        assert drawing.graph.caption == "no difference"
        assert [v.kind for v in single(drawing.graph).vertices] == [v.kind for v in g.vertices]


def test_alignment_is_ascending_and_of_equal_keys() -> None:
    r = random.Random(1)
    for _ in range(300):
        a, b = ([r.choice([None, *"abcd"]) for _ in range(r.randrange(12))] for _ in range(2))
        fine = [[k and r.choice([k, None]) for k in keys] for keys in (a, b)]
        pairs = align([(fine[0], fine[1]), (a, b)])
        assert all(p[0] < q[0] and p[1] < q[1] for p, q in pairwise(pairs))
        assert all(a[i] is not None and a[i] == b[j] for i, j in pairs)


def test_alignment_of_long_alike_rows_takes_no_time() -> None:
    n = 20_000
    one = ["x"] * n
    other = ["y", *one[:5_000], "y", *one[5_000:], "y"]
    assert len(align([(one, other)])) == n
    # Neither once nor at the ends, and too many to search for blocks.
    r = random.Random(0)
    many = [r.choice("ab") for _ in range(n)]
    assert len(align([(["c", *many, "d"], ["e", *many[:-1], "f"])])) > n // 2


def test_edges_alone_may_differ() -> None:
    vertices = [vertex(0, None, name="a"), vertex(1, None, name="b"), vertex(2, "add")]
    vertices.append(vertex(3, "mul"))
    one = graph(vertices, [(0, 2), (1, 2), (2, 3), (0, 3)])
    other = graph(vertices, [(0, 2), (1, 2), (2, 3), (1, 3)])
    drawing = difference(one, other, engine="builtin")
    assert drawing.graph.caption == "the same boxes, joined otherwise"
    assert [(e.source, e.target, e.change) for e in drawing.edges if e.change] == [
        (1, 3, "added"), (0, 3, "removed")
    ]  # fmt: skip
