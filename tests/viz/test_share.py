"""Leaves that are drawn at each use: which, and that nothing else is changed by it."""

from dataclasses import replace

import numpy as np
import pytest

import nn
from autograd_core import Tensor, sin, tanh
from tests.viz.random_graphs import graph, random_graph, vertex
from viz import flow_graph
from viz.graph.ir import Graph, Step
from viz.graph.share import share, single


def uses(g: Graph, name: str) -> list[tuple[int, int | None]]:
    return [(v.uses, v.stands_for) for v in g.vertices if v.name == name]


def recurrent(steps: int, shared: str = "proxy") -> Graph:
    w = Tensor(np.eye(3) * 0.5, requires_grad=True, name="w")
    h = Tensor(np.ones((1, 3)), requires_grad=True, name="h")
    for _ in range(steps):
        h = tanh(h @ w)
    return flow_graph(h.sum(), engine="builtin", shared=shared).graph


def test_a_weight_of_25_steps_has_a_box_at_each() -> None:
    g = recurrent(25)
    boxes = [v for v in g.vertices if v.name == "w"]
    first = boxes[0].id
    assert [(v.uses, v.stands_for) for v in boxes] == [(25, None)] + [(25, first)] * 24
    # Each has one use; the others stand just before theirs.
    users = {v.id: [e.target for e in g.edges if e.source == v.id] for v in boxes}
    assert all(len(targets) == 1 for targets in users.values())
    assert all(users[v.id] == [v.id + 1] for v in boxes[1:])
    assert len(set(map(tuple, users.values()))) == 25
    # They have the leaf's figures.
    assert len({(v.value, v.gradient, v.shape) for v in boxes}) == 1
    assert boxes[0].gradient is not None


def test_steps_send_to_the_edge_of_the_use() -> None:
    g = recurrent(25)
    w = {v.id for v in g.vertices if v.name == "w"}
    sent = [s for s in g.steps if s.edge is not None and g.edges[s.edge].source in w]
    assert [(s.nth, s.count) for s in sent] == [(i + 1, 25) for i in range(25)]
    # From the last use to the first, each by its own edge.
    sources = [g.edges[s.edge].source for s in sent if s.edge is not None]
    assert sources == sorted(w, reverse=True)
    for step in sent:
        assert step.edge is not None
        assert g.edges[step.edge].target == step.vertex


def test_single_is_the_literal_graph() -> None:
    g = recurrent(25, "single")
    assert uses(g, "w") == [(1, None)]
    assert single(share(g)) == g
    assert share(g, "single") is g
    with pytest.raises(ValueError, match="shared='once': it is 'proxy' or 'single'"):
        share(g, "once")


def test_few_uses_close_together_are_one_box() -> None:
    x = Tensor(0.5, requires_grad=True, name="x")
    w = Tensor(0.25, requires_grad=True, name="w")
    # x * sin(x) shows how contributions add up; w * w reads one leaf twice.
    g = flow_graph(x * sin(x) + w * w, engine="builtin").graph
    assert uses(g, "x") == uses(g, "w") == [(1, None)]
    assert len([e for e in g.edges if g.vertices[e.source].name == "w"]) == 2


def test_a_weight_and_its_transpose() -> None:
    w = Tensor(np.eye(3), requires_grad=True, name="w")

    def tied(layers: int) -> Graph:
        h = Tensor(np.ones((1, 3)), requires_grad=True, name="x") @ w
        for _ in range(layers):
            h = tanh(h)
        return flow_graph((h @ w.T).sum(), engine="builtin").graph

    # A transpose stands by its use, so the distance is that of the uses.
    assert uses(tied(1), "w") == [(1, None)]
    assert len(uses(tied(6), "w")) == 2


def test_each_call_of_a_module_has_its_weights() -> None:
    layer = nn.Linear(3, 3)

    def twice(x: Tensor, y: Tensor) -> Tensor:
        return layer(x) + layer(y)

    g = flow_graph(twice, np.ones((2, 3)), np.ones((2, 3)), names={"layer": layer}).graph
    weights = [v for v in g.vertices if v.shape == (3, 3)]
    assert len(weights) == 2
    assert len({v.group for v in weights}) == 2
    assert None not in {v.group for v in weights}


def test_an_input_that_skips_ahead_is_one_box() -> None:
    x = Tensor(np.ones(3), requires_grad=True, name="x")

    def deep(x: Tensor, uses: int) -> Tensor:
        h = x
        for _ in range(uses):
            h = tanh(tanh(tanh(tanh(h)))) * x
        return h.sum()

    for count, boxes in ((2, 1), (3, 4)):
        drawn = flow_graph(lambda x, count=count: deep(x, count), np.ones(3)).graph
        assert len([v for v in drawn.vertices if v.kind == "input"]) == boxes
    # A parameter that is used so has a box at each use.
    assert len(uses(flow_graph(deep(x, 2)).graph, "x")) == 3


@pytest.mark.parametrize("seed", range(60))
def test_nothing_but_leaves_is_multiplied(seed: int) -> None:
    g = random_graph(seed, 200)
    ops = [v.id for v in g.vertices if v.op is not None]
    steps = tuple(
        Step("backward", e.target, f"{e}", k) for k, e in enumerate(g.edges) if e.target in ops
    )
    g = replace(g, steps=steps)
    shared = share(g)
    assert share(shared) == shared
    assert single(shared) == g
    assert [v.id for v in shared.vertices] == list(range(len(shared.vertices)))
    assert [shared.vertices[i].op for i in shared.forward] == [g.vertices[i].op for i in g.forward]
    assert shared.backward == shared.forward[::-1]
    back = [v.id if v.stands_for is None else v.stands_for for v in shared.vertices]
    first = [v.id for v in shared.vertices if v.stands_for is None]
    old = {new: i for i, new in enumerate(first)}
    for was, now in zip(g.edges, shared.edges, strict=True):
        assert now.source < now.target
        assert (old[back[now.source]], old[now.target]) == (was.source, was.target)
    for step in shared.steps:
        assert step.edge is not None
        assert shared.edges[step.edge].target == step.vertex
    for v in shared.vertices:
        boxes = [w for w in shared.vertices if back[w.id] == back[v.id]]
        assert v.uses == (len(boxes) if len(boxes) > 1 else 1)
        if len(boxes) > 1:
            assert v.op is None
            assert len({e.target for e in shared.edges if e.source == v.id}) == 1


def test_a_rule_is_still_the_rule_of_its_box() -> None:
    leaf = vertex(0, None)
    ops = [vertex(i, "tanh", rule_of=i - 1 if i > 5 else None) for i in range(1, 12)]
    g = graph([leaf, *ops], [(0, i) for i in range(1, 12)])
    shared = share(g)
    rules = [(v.id, v.rule_of) for v in shared.vertices if v.rule_of is not None]
    place = dict(zip(g.forward, shared.forward, strict=True))
    assert rules == [(place[i], place[i - 1]) for i in range(6, 12)]
