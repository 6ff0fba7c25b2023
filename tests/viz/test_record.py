"""`record`: passes drawn as they really ran, also once the graph is gone."""

import numpy as np
import pytest

import autograd_core as ag
import nn
import optim
import viz
from viz import FlowGraph, record
from viz.graph.summary import figures, summarize

DATA = np.random.default_rng(0).normal(size=(16, 4))
LABELS = np.arange(16) % 2
BUILTIN = {"engine": "builtin"}


def network() -> nn.Module:
    with ag.seed(0):
        return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm(8), nn.ReLU(), nn.Linear(8, 2))


def drawn(recording: viz.Recording, *args: object, **options: object) -> FlowGraph:
    return recording.flow_graph(*args, engine="builtin", **options)  # type: ignore[arg-type]


def gradient(graph: FlowGraph, name: str) -> object:
    return next(v for v in graph.vertices if v.name == name).gradient


def test_a_training_step_as_it_ran() -> None:
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    with record() as r:
        loss = nn.cross_entropy(model(DATA), LABELS)
        loss.backward()
        before = [p.data.copy() for p in model.parameters()]
        gradients = [p.grad.copy() for p in model.parameters()]
        optimizer.step()
        model.zero_grad()
    assert loss._node is not None
    assert loss._node.operands is None  # released
    graph = drawn(r)
    assert graph.graph.no_gradient == ""
    assert all(v.value is not None for v in graph.vertices)
    # Values and gradients are those of the passes, not those after the optimizer.
    for (path, parameter), value, g in zip(
        model.named_parameters(), before, gradients, strict=True
    ):
        own = {"layers.1.weight": "γ", "layers.1.bias": "β"}.get(path, path)
        vertex = next(v for v in graph.vertices if v.name == own)
        assert vertex.value == summarize(value)
        assert vertex.gradient == summarize(g)
        assert not np.array_equal(parameter.data, value)
    ops = [v for v in graph.vertices if v.op]
    assert all(v.seconds is not None and v.backward_seconds is not None for v in ops)
    assert all(v.line.startswith("test_record.py:") for v in ops)
    assert any(v.kept for v in graph.vertices)


def test_what_was_held_is_told_after_it_was_released() -> None:
    model = network()
    loss = nn.cross_entropy(model(DATA), LABELS)
    expected = ag.held(loss).total
    with record() as r:
        again = nn.cross_entropy(model(DATA), LABELS)
        assert ag.held(again).total == expected
        again.backward()
    assert ag.held(again).total < expected
    assert r.inspection.held(again).total == expected
    assert sum(v.held for v in drawn(r).vertices) == expected


def test_the_last_of_several_walks_or_the_one_that_is_asked_for() -> None:
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    losses, values = [], []
    with record() as r:
        for _ in range(3):
            loss = nn.cross_entropy(model(DATA), LABELS)
            losses.append(loss)
            values.append(model.parameters()[0].data.copy())
            loss.backward()
            optimizer.step()
            model.zero_grad()
    for i in range(3):
        by_number, by_tensor = drawn(r, walk=i), drawn(r, losses[i])
        assert by_number.graph == by_tensor.graph
        assert by_number.vertices[-1].value == summarize(losses[i].data)
        weight = next(v for v in by_number.vertices if v.name == "layers.0.weight")
        assert weight.value == summarize(values[i])
    assert drawn(r).graph == drawn(r, walk=2).graph
    assert repr(r) == "<Recording: 15 operations, 3 walks back>"
    with pytest.raises(IndexError, match="no walk 3; 3 were recorded"):
        drawn(r, walk=3)
    with pytest.raises(TypeError, match="number of a walk back"):
        drawn(r, walk="last")


def test_without_a_walk_what_was_computed_last_is_drawn() -> None:
    x = ag.Tensor([1.0, 2.0], requires_grad=True, name="x")
    with record() as r:
        y = np.tanh(x) * 2.0
    graph = drawn(r)
    assert [v.label for v in graph.vertices] == ["x", "tanh", "× 2"]
    assert graph.graph.no_gradient == "not computed: no backward pass ran"
    assert {v.gradient_note for v in graph.vertices} == {"not computed"}
    assert [s.phase for s in graph.steps] == ["forward", "forward"]
    assert drawn(r, y).vertices == graph.vertices


def test_a_walk_to_some_leaves_says_what_it_left_out() -> None:
    x = ag.Tensor([1.0, 2.0], requires_grad=True, name="x")
    w = ag.Tensor([3.0, 4.0], requires_grad=True, name="w")
    with record() as r:
        loss = (np.exp(x) * w).sum()
        ag.gradients(loss, [w])
    graph = drawn(r)
    assert gradient(graph, "w") == summarize(np.exp(x.data))
    left_out = next(v for v in graph.vertices if v.name == "x")
    assert (left_out.gradient, left_out.gradient_note) == (None, "not asked for")
    assert [s.caption for s in graph.steps if s.phase == "backward"] == [
        "bprop sum: grad v2 = g * ones_like(v2)",
        "bprop multiply: grad w = g * v1",
    ]


def test_names_and_options() -> None:
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    model = network()
    with record(names={"x": x, "net": model}) as r:
        (x * x).sum().backward()
        first = model(DATA).sum()
    assert [v.name for v in drawn(r).vertices if v.name] == ["x"]
    closed = drawn(r, first, depth=0, names={"first": first})
    assert {g.name for g in closed.groups} >= {"net", "net.layers.0"}
    assert closed.vertices[-1].name == "first"
    with pytest.raises(ValueError, match="unknown engine"):
        r.flow_graph(engine="neato")
    with pytest.raises(ValueError, match="not computed in the block"):
        drawn(r, ag.Tensor(2.0, requires_grad=True) * 2.0)
    with pytest.raises(ValueError, match="nothing was recorded for this tensor"):
        drawn(r, ag.Tensor(2.0))
    with pytest.raises(TypeError, match="a Tensor, or a list"):
        drawn(r, 3)


def test_an_empty_block_says_so() -> None:
    with record() as r:
        pass
    with pytest.raises(ValueError, match="nothing was recorded in the block"):
        drawn(r)
    assert r._repr_mimebundle_() == {"text/plain": "<Recording: 0 operations, 0 walks back>"}


def test_the_graph_of_a_gradient_in_a_recording() -> None:
    x = ag.Tensor([0.5, 1.0], requires_grad=True, name="x")
    with record() as r:
        loss = (np.tanh(x) * 3.0).sum()
        slope = ag.gradients(loss, x, create_graph=True)
        (slope * slope).sum().backward()
    graph = drawn(r)
    tanh = next(v.id for v in graph.vertices if v.op == "tanh")
    assert [v.rule_of for v in graph.vertices if v.op == "subtract"] == [tanh]
    a = x.data
    expected = 2 * 9 * (1 - np.tanh(a) ** 2) * -2 * np.tanh(a) * (1 - np.tanh(a) ** 2)
    np.testing.assert_allclose(x.grad, expected)
    assert gradient(graph, "x") == summarize(x.grad)


def test_saving_draws_the_last_pass(tmp_path: object) -> None:
    x = ag.Tensor(2.0, requires_grad=True, name="x")
    with record() as r:
        (x * x).backward()
    path = r.save(f"{tmp_path}/pass.txt")
    assert "x" in path.read_text(encoding="utf-8")
    assert r.svg().startswith("<svg")


def test_where_a_gradient_became_nan() -> None:
    x = ag.Tensor([0.0, 4.0], requires_grad=True, name="x")
    with np.errstate(all="ignore"), record() as r:
        (np.sqrt(x) * 2.0).sum().backward()
    graph = drawn(r)
    assert [v.label for v in graph.vertices if v.gradient_origin] == ["x"]
    assert figures(graph.vertices[0].gradient).startswith("[inf")  # type: ignore[arg-type]


def test_walks_inside_a_walk_are_not_the_last_one() -> None:
    """A checkpoint walks through its inside while the walk around it waits."""
    w = ag.Tensor(np.ones((2, 2)), requires_grad=True, name="w")
    x = ag.Tensor(np.ones(2), requires_grad=True, name="x")
    with record() as r:
        ag.checkpoint(lambda x: np.tanh(x @ w))(x).sum().backward()
    assert [walk.inside is None for walk in r.inspection.walks] == [True, False]
    assert r.inspection.walks[1].inside is r.inspection.walks[0]
    assert repr(r).endswith(" operations, 1 walk back>")
    graph = drawn(r)
    assert [v.op for v in graph.vertices] == [None, None, "checkpoint", "sum"]
    assert gradient(graph, "w") == summarize(w.grad)
    assert x._node is not None
    assert r.inspection.gradients[x._node] is not None
    with pytest.raises(IndexError, match="no walk 1; 1 were recorded"):
        drawn(r, walk=1)


def test_a_walk_that_an_error_ended() -> None:
    x = ag.Tensor([0.0, 1.0], requires_grad=True, name="x")
    with record() as r:
        y = x * 2.0
        y.register_hook(lambda g: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            (y * x).sum().backward()
    assert x.grad is None
    assert not r.inspection.walks[0].complete
    graph = drawn(r)
    notes = {v.label: v.gradient_note for v in graph.vertices}
    assert notes == {"x": "not reached: an error", "× 2": "not reached: an error", "×": "", "Σ": ""}
    assert graph.steps[-1].caption.endswith("; here an error ended the pass")
    with record() as r:
        (x * x).sum().backward()
    assert r.inspection.walks[0].complete


def test_a_hook_where_the_walk_starts_is_told() -> None:
    x = ag.Tensor(2.0, requires_grad=True, name="x")
    with record() as r:
        z = x * x
        z.register_hook(lambda g: 5.0 * g)
        z.backward()
    seed = next(s for s in drawn(r).steps if s.phase == "seed")
    assert seed.caption == "seed: grad v1 = 1; a hook makes it 5"
