"""The steps are what the engine did: its order, and what was sent, as another listener heard."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_core as ag
from autograd_core.graph import Node
from autograd_core.record import watched
from viz import FlowGraph, flow_graph, record
from viz.graph.summary import figures, summarize
from viz.recording import steps


class Listener:
    """Notes visits and contributions; knows nothing of inspection."""

    def __init__(self) -> None:
        self.visits: list[Node] = []
        self.sent_by: list[tuple[Node, Any]] = []

    def walking(self) -> AbstractContextManager[None]:
        return nullcontext()

    def entering(self, part: Any) -> AbstractContextManager[None]:
        return nullcontext()

    def begin(self, roots: Any, order: Any, guarded: bool) -> None:
        self.visits, self.sent_by = [], []

    def visit(self, node: Node, g: Any) -> None:
        self.visits.append(node)

    def sent(self, node: Node, contribution: Any) -> None:
        self.sent_by.append((node, contribution))

    def nothing(self, *_: Any) -> None:
        return None

    recorded = made = where = verify = end = pushed = nothing

    def references(self, array: Any) -> int:
        return 0


def random_tensor(seed: int, size: int = 12) -> tuple[ag.Tensor, list[ag.Tensor]]:
    """A random graph of elementwise ops, products and sums, with leaves used many times."""
    rng = np.random.default_rng(seed)
    leaves = [
        ag.Tensor(rng.normal(size=shape), requires_grad=True, name=name)
        for name, shape in (("a", (3, 2)), ("b", (2,)), ("c", (3, 1)), ("w", (2, 2)))
    ]
    made = list(leaves[:3])
    for _ in range(size):
        p, q = (made[i] for i in rng.integers(0, len(made), 2))
        kind = rng.integers(0, 6)
        if kind == 0:
            new = np.tanh(p)
        elif kind == 1:
            new = p * q
        elif kind == 2:
            new = p + q
        elif kind == 3:
            new = np.maximum(p - q, 0.25)
        elif kind == 4 and p.shape[-1:] == (2,):
            new = p @ leaves[3]
        else:
            new = p * 0.5 + p
        made.append(new)
    total = sum((t.sum() for t in made[-4:]), start=ag.asarray(0.0))
    return (total + ag.var(made[-1])), leaves


def draw(target: Any, *args: Any, **options: Any) -> FlowGraph:
    return flow_graph(target, *args, engine="builtin", shared="single", **options)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_what_was_sent_adds_up_to_the_gradient(seed: int) -> None:
    loss, leaves = random_tensor(seed)
    graph = draw(loss)
    heard = Listener()
    with watched(heard):  # type: ignore[arg-type]
        ag.node_gradients(loss._node, np.float64(1.0), tell=True)
    back = [s for s in graph.steps if s.phase == "backward"]
    loss.backward()

    # The engine's order, by the creation numbers that ids follow.
    assert len(graph.graph.backward) == len(set(graph.graph.backward))
    order = [s.vertex for s in back]
    assert order == sorted(order, reverse=True)
    # As many contributions leave boxes as the listener heard, less those inside of `var`.
    inside = [step for step in graph.steps if step.phase == "forward"]
    assert len(inside) + 1 <= len(heard.visits)
    assert len(back) <= len(heard.sent_by)

    names = {v.id: v.name for v in graph.vertices}
    for leaf in leaves:
        into = [s for s in back if names[graph.edges[s.edge].source] == leaf.name]  # type: ignore[index]
        assert [(s.nth, s.count) for s in into] == [(i + 1, len(into)) for i in range(len(into))]
        if into:
            assert into[-1].total == figures(summarize(leaf.grad))


def record_of(loss: ag.Tensor) -> list[tuple[Node, Any]]:
    heard = Listener()
    with watched(heard):  # type: ignore[arg-type]
        ag.node_gradients(loss._node, np.float64(1.0), tell=True)
    return heard.sent_by


@pytest.mark.parametrize("seed", range(12))
def test_the_order_is_that_of_an_independent_listener(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = ag.Tensor(rng.normal(size=4), requires_grad=True, name="x")
    made = [x]
    for _ in range(10):
        p, q = (made[i] for i in rng.integers(0, len(made), 2))
        made.append([np.tanh(p), p * q, p + q, p * 0.5][rng.integers(0, 4)])
    loss = sum((t.sum() for t in made[1:]), start=ag.asarray(0.0))
    graph = draw(loss)
    back = [s for s in graph.steps if s.phase == "backward"]
    heard = record_of(loss)
    nodes = ag.topological_order([loss._node])  # type: ignore[list-item]
    assert [nodes[s.vertex] for s in back] == [node for node, _ in heard]
    fitted = [
        np.broadcast_to(c, nodes[graph.edges[s.edge].source].shape)  # type: ignore[index]
        for s, (_, c) in zip(back, heard, strict=True)
    ]
    assert [s.sent for s in back] == [figures(summarize(c)) for c in fitted]
    norms = [np.linalg.norm(c) for c in fitted]
    assert [graph.edges[s.edge].norm for s in back] == pytest.approx(norms)  # type: ignore[index]


def test_a_lie_about_the_order_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    true = steps._backward

    def lie(trace: Any, *args: Any) -> Any:
        found = true(trace, *args)
        found[1:] = reversed(found[1:])
        return found

    monkeypatch.setattr(steps, "_backward", lie)
    with pytest.raises(AssertionError):
        test_the_order_is_that_of_an_independent_listener(0)


def test_an_engine_that_is_wrong_is_drawn_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contributions are the engine's own: a planted factor shows in what was sent."""
    op = ag.OPS[np.tanh]
    rule: Any = op.rules[0]
    monkeypatch.setattr(op, "rules", (lambda g, out, x: 3.0 * rule(g, out, x),))
    x = ag.Tensor(0.0, requires_grad=True, name="x")
    (step,) = (s for s in draw(np.tanh(x)).steps if s.phase == "backward")
    assert (step.sent, step.total) == ("3", "3")


def test_a_gradient_of_three_contributions() -> None:
    x = ag.Tensor(3.0, requires_grad=True, name="x")
    graph = draw(x * x + x)
    told = [
        (s.vertex, s.nth, s.count, s.sent, s.total)
        for s in graph.steps
        if s.phase == "backward" and graph.edges[s.edge].source == 0  # type: ignore[index]
    ]
    assert told == [(2, 1, 3, "1", "1"), (1, 2, 3, "3", "4"), (1, 3, 3, "3", "7")]


def test_seeds_of_several_outputs_are_contributions() -> None:
    x = ag.Tensor(2.0, requires_grad=True, name="x")
    y = x * x
    z = y * 3.0
    graph = draw([y, z])
    seeds = [s for s in graph.steps if s.phase == "seed"]
    assert [(s.vertex, s.nth, s.count, s.total) for s in seeds] == [(1, 1, 2, "1"), (2, 1, 1, "1")]
    (into,) = (s for s in graph.steps if s.edge is not None and graph.edges[s.edge].source == 1)
    assert (into.nth, into.count, into.sent, into.total) == (2, 2, "3", "4")
    assert [v.kind for v in graph.vertices] == ["parameter", "output", "output"]
    assert graph.vertices[0].gradient == summarize(np.array(16.0))


def test_the_uses_of_a_shared_weight_are_counted_together() -> None:
    w = ag.Tensor(0.5, requires_grad=True, name="w")
    h = ag.Tensor(1.0, requires_grad=True, name="h")
    y: Any = h
    for _ in range(25):
        y = np.tanh(w * y)
    graph = flow_graph(y, engine="builtin")
    uses = {v.id for v in graph.vertices if v.name == "w"}
    into = [s for s in graph.steps if s.edge is not None and graph.edges[s.edge].source in uses]
    assert [(s.nth, s.count) for s in into] == [(i, 25) for i in range(1, 26)]
    y.backward()
    assert into[-1].total == figures(summarize(w.grad))


def test_several_outputs_of_an_op_are_steps() -> None:
    a = ag.Tensor(np.arange(4.0), requires_grad=True, name="a")
    first, second = np.split(a, 2)
    graph = draw((first * second).sum())
    told = [s.caption for s in graph.steps]
    assert [c for c in told if "v1" in c] == [
        "fprop split: v1 = split(a, indices_or_sections=2)",
        "fprop output 0: v2 = v1[0]",
        "fprop output 1: v3 = v1[1]",
        "bprop output 1: hands its gradient to v1 (1 of 2)",
        "bprop output 0: hands its gradient to v1 (2 of 2)",
    ]


def test_nothing_inside_a_composition_is_a_step() -> None:
    x = ag.Tensor([1.0, 2.0, 4.0], requires_grad=True, name="x")
    graph = draw(ag.std(x))
    assert [s.phase for s in graph.steps] == ["forward", "seed", "backward", "backward"]
    assert {s.edge for s in graph.steps if s.phase == "backward"} == {0}
    (gradient,) = ag.gradients(ag.std(x), [x])
    assert graph.steps[-1].total == figures(summarize(gradient.data))
    assert graph.edges[0].norm == pytest.approx(np.linalg.norm(gradient.data))


def test_norms_of_edges_are_of_what_was_sent() -> None:
    x = ag.Tensor([3.0, 4.0], requires_grad=True, name="x")
    graph = draw((x * 2.0).sum())
    assert [e.norm for e in graph.edges] == pytest.approx([2 * 2**0.5, 2**0.5])
    huge = ag.Tensor([1e200, 1e200], requires_grad=True)
    assert draw((huge * 1e-10).sum(), grad_output=1e180).edges[0].norm == pytest.approx(
        2**0.5 * 1e170
    )
    squares = draw((huge * 1.0).sum(), grad_output=1e200)
    assert squares.edges[0].norm == pytest.approx(2**0.5 * 1e200)


def test_a_hook_that_changes_a_gradient_is_told() -> None:
    x = ag.Tensor([1.0, 2.0], requires_grad=True, name="x")
    x.register_hook(lambda g: g * 10)
    with record() as r:
        (x * 3.0).sum().backward()
    last = r.flow_graph(engine="builtin").steps[-1]
    assert last.caption == "bprop multiply: grad x = g * 3; a hook makes it [30, 30]"
    assert last.total == "[3, 3]"


def test_lazy_arrays_are_not_computed_for_a_drawing() -> None:
    da = pytest.importorskip("dask.array")

    def loud(block: Any) -> Any:
        raise AssertionError("computed")

    data = da.ones((6, 2), chunks=3).map_blocks(loud, dtype=float, meta=np.ones((0, 0)))
    t = ag.Tensor(data, requires_grad=True, name="t")
    graph = draw((t * 2.0).sum())
    assert graph.vertices[0].gradient_note == "not computed yet"
    assert graph.vertices[-1].value_note == "not computed yet"
    assert {s.sent for s in graph.steps if s.phase == "backward"} == {"not computed yet"}
