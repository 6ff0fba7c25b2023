"""What can be drawn, what running it leaves as it was, and how much of it is open."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
from viz import FlowGraph, Graph, Group, flow_graph
from viz.graph.summary import figures, summarize
from viz.recording import capture
from viz.recording.build import build
from viz.text import shape_text


def draw(target: Any, *args: Any, **options: Any) -> FlowGraph:
    return flow_graph(target, *args, engine="builtin", **options)


DATA = np.random.default_rng(0).normal(size=(6, 4))


class Block(nn.Module):
    """A residual block with a parameter of its own, a buffer, and dropout."""

    def __init__(self) -> None:
        self.inner = nn.Linear(4, 4)
        self.norm = nn.BatchNorm(4)
        self.drop = nn.Dropout(0.5)
        self.scale = nn.Parameter(2.0)

    def forward(self, x: Any) -> Any:
        return x + self.scale * self.drop(np.tanh(self.norm(self.inner(x))))


class Net(nn.Module):
    def __init__(self, blocks: int) -> None:
        self.blocks = [Block() for _ in range(blocks)]
        self.head = nn.Linear(4, 2)

    def forward(self, x: Any) -> Any:
        for block in self.blocks:
            x = block(x)
        return self.head(x)


@pytest.fixture
def net() -> nn.Module:
    with ag.seed(1):
        return Net(2)


# --- running it changes nothing -----------------------------------------------------------------


def state(net: nn.Module) -> tuple[Any, ...]:
    return (
        {name: t.data.copy() for name, t in (*net.named_parameters(), *net.named_buffers())},
        {name: t.grad for name, t in net.named_parameters()},
        [module.training for module in net.modules()],
    )


def same(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    for a, b in zip(one[0].values(), other[0].values(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [id(g) for g in one[1].values()] == [id(g) for g in other[1].values()]
    assert one[2] == other[2]


def test_a_module_is_as_it_was(net: nn.Module) -> None:
    net.head.bias.grad = np.ones(2)  # type: ignore[attr-defined]
    before = state(net)
    with ag.seed(7):
        expected = ag.random_generator().random()
    with ag.seed(7):
        np.random.seed(3)  # noqa: NPY002
        draw(net, DATA)
        draw(lambda x: net(x).sum(), DATA)
        assert ag.random_generator().random() == expected
        old = np.random.random()  # noqa: NPY002
    same(before, state(net))
    np.random.seed(3)  # noqa: NPY002
    assert old == np.random.random()  # noqa: NPY002


def test_a_module_that_fails_is_as_it_was(net: nn.Module) -> None:
    before = state(net)

    def f(x: Any) -> Any:
        net(x)
        net.eval()
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        draw(f, DATA)
    same(before, state(net))


def test_what_a_function_does_to_gradients_is_undone(net: nn.Module) -> None:
    def f(x: Any) -> Any:
        net(x).sum().backward()
        net.head.bias.data[...] = 9.0  # type: ignore[attr-defined]
        return net(x).sum()

    before = state(net)
    net.head.bias.requires_grad_(False)  # type: ignore[attr-defined]
    frozen = state(net)
    draw(f, DATA)
    same(frozen, state(net))
    assert before[0].keys() == frozen[0].keys()


def test_generators_of_layers_and_arguments_are_as_they_were() -> None:
    rng, own = np.random.default_rng(1), np.random.default_rng(2)
    layer = nn.Dropout(0.5, rng=own)
    states = rng.bit_generator.state, own.bit_generator.state
    draw(lambda x, generator: layer(x * generator.normal(size=x.shape)).sum(), DATA, rng)
    assert (rng.bit_generator.state, own.bit_generator.state) == states


# --- every box has what there is to know --------------------------------------------------------


def test_every_box_of_a_run_has_its_value_line_time_and_gradient(net: nn.Module) -> None:
    graph = draw(lambda x: (net(x) ** 2).sum(), DATA)
    ops = [v for v in graph.vertices if v.op is not None]
    assert all(v.value is not None for v in graph.vertices)
    assert all(v.gradient is not None or v.gradient_note == "" for v in ops)
    assert all(v.line.startswith("test_flow_graph.py:") for v in ops)
    assert all(v.seconds is not None and 0 <= v.seconds < 5 for v in ops)
    assert all(v.backward_seconds is not None and 0 <= v.backward_seconds < 5 for v in ops)
    assert all(v.nbytes is not None for v in graph.vertices)
    product = next(v for v in ops if v.op == "power")
    assert product.line.endswith("graph = draw(lambda x: (net(x) ** 2).sum(), DATA)")
    assert product.nbytes == 6 * 2 * 8


def test_bytes_that_are_held_are_those_of_held(net: nn.Module) -> None:
    for loss in (
        (net(DATA) ** 2).sum(),
        ag.var(net(DATA)),
        np.linalg.svd(ag.Tensor(DATA, requires_grad=True), full_matrices=False)[1].sum(),
    ):
        for how in ("single", "proxy"):
            graph = draw(loss, shared=how)
            assert sum(v.held for v in graph.vertices) == ag.held(loss).total > 0
    x = ag.Tensor(np.ones(10), requires_grad=True, name="x")
    graph = draw((np.exp(x) * np.exp(x)).sum())
    assert [(v.label, v.held) for v in graph.vertices] == [
        ("x", 0), ("exp", 80), ("exp", 80), ("×", 0), ("Σ", 0)
    ]  # fmt: skip


def test_dead_units() -> None:
    x = ag.Tensor([[1.0, -1.0, 0.0, 2.0], [-1.0, -2.0, 0.0, 3.0]], requires_grad=True)
    for rectify in (ag.relu, lambda x: np.maximum(x, 0.0), lambda x: np.maximum(0.0, x)):
        assert draw(lambda x: rectify(x).sum(), x).vertices[1].dead == 0.5  # noqa: B023
    assert draw(ag.relu(x).sum()).vertices[1].dead == 0.5
    assert draw(lambda x: np.tanh(x).sum(), x).vertices[1].dead is None
    assert draw(lambda x: np.maximum(x, 1.0).sum(), x).vertices[1].dead is None
    assert draw(ag.relu(x[0]).sum()).vertices[2].dead is None  # one example


def test_buffers_are_told_from_data(net: nn.Module) -> None:
    net.eval()
    kinds = {v.name: v.kind for v in draw(net, DATA).vertices if v.name}
    assert kinds["x"] == "input"
    assert kinds["blocks.0.inner.weight"] == "parameter"
    assert "buffer" in set(kinds.values())
    net.head.freeze()  # type: ignore[attr-defined]
    found = {v.name: v for v in draw(net, DATA, grad_output=np.ones((6, 2))).vertices if v.name}
    assert found["head.weight"].kind == "parameter"
    assert found["head.weight"].gradient_note == "frozen"
    assert found["blocks.0.inner.weight"].gradient is not None


def test_the_origin_of_a_nan_is_not_what_a_where_dropped() -> None:
    x = ag.Tensor([-1.0, 2.0], requires_grad=True, name="x")

    def f(x: Any) -> Any:
        dropped = np.where(x > 0, np.log(x), 0.0)
        return (dropped + np.sqrt(x - 3.0)).sum()

    with np.errstate(all="ignore"):
        graph = draw(f, x)
        harmless = draw(lambda x: np.where(x > 0, np.log(x), 0.0).sum(), x)
        late = f(x)
    assert [v.op for v in graph.vertices if v.origin] == ["sqrt"]
    assert [v.op for v in draw(late).vertices if v.origin] == []
    assert not any(v.origin for v in harmless.vertices)
    assert any(v.value is not None and not v.value.finite for v in harmless.vertices)


def test_the_origin_of_a_gradient_that_is_not_finite() -> None:
    x = ag.Tensor([0.0, 4.0], requires_grad=True, name="x")
    y = x * 2.0
    with np.errstate(all="ignore"):
        graph = draw((np.sqrt(y) * 3.0).sum())
    assert [v.label for v in graph.vertices if v.gradient_origin] == ["× 2"]


# --- groups -------------------------------------------------------------------------------------


def modules(graph: FlowGraph | Graph) -> list[tuple[str, str, int | None]]:
    return [(g.label, g.name, g.parent) for g in graph.groups if g.kind == "module"]


def test_calls_of_modules_are_groups() -> None:
    with ag.seed(1):
        net = nn.Sequential(nn.Linear(4, 3), nn.Tanh())
    assert modules(draw(net, DATA)) == [
        ("Sequential", "", None), ("Linear(4, 3)", "layers.0", 0), ("Tanh", "layers.1", 0)
    ]  # fmt: skip
    named = draw(net, DATA, names={"model": net})
    assert [name for _, name, _ in modules(named)] == ["model", "model.layers.0", "model.layers.1"]
    closure = draw(lambda x: net(x).sum(), DATA)
    assert [name for _, name, _ in modules(closure)] == ["net", "net.layers.0", "net.layers.1"]


def test_each_call_is_a_group() -> None:
    cell = nn.Linear(4, 4)

    def f(x: Any) -> Any:
        for _ in range(3):
            x = np.tanh(cell(x))
        return x.sum()

    graph = draw(f, DATA, shared="single")
    assert [label for label, _, _ in modules(graph)] == ["Linear(4, 4)"] * 3
    groups = {v.group for v in graph.vertices if v.op == "affine"}
    assert len(groups) == 3


def test_a_module_of_another_make_is_named_by_its_class() -> None:
    class Plain:
        def __init__(self) -> None:
            self.w = ag.Tensor(2.0, requires_grad=True)

        def named_parameters(self) -> list[tuple[str, ag.Tensor]]:
            return [("w", self.w)]

        def __call__(self, x: Any) -> Any:
            return x * self.w

    plain = Plain()
    graph = draw(plain, np.ones(2), grad_output=np.ones(2))
    assert {v.name for v in graph.vertices if v.name} == {"x", "w"}


def test_scopes_are_groups() -> None:
    x = ag.Tensor([1.0, 2.0], requires_grad=True, name="x")

    def f(x: Any) -> Any:
        with ag.scope("encoder"):
            h = np.tanh(x * 2.0)
            with ag.scope("inner"):
                h = h + 1.0
        return h.sum()

    assert modules(draw(f, x)) == [("encoder", "", None), ("inner", "", 0)]


def test_depth_and_collapse(net: nn.Module) -> None:
    whole = draw(net, DATA, grad_output=np.ones((6, 2)))
    for depth, frames in ((0, 0), (1, 1), (2, 4)):
        shown = draw(net, DATA, depth=depth)._view()
        assert (
            len([f for f in shown.frames if shown.graph.groups[f.group].kind == "module"]) == frames
        )
    assert {b.vertex for b in whole._view().boxes if b.vertex is not None} == {
        v.id for v in whole.vertices
    }
    by_path = draw(net, DATA, collapse="blocks.?")._view()
    closed = [by_path.graph.groups[b.group] for b in by_path.boxes if b.group is not None]
    assert [g.name for g in closed] == ["blocks.0", "blocks.1"]
    by_label = draw(net, DATA, collapse="BatchNorm*")._view()
    assert sum(b.group is not None for b in by_label.boxes) == 2
    chosen = draw(net, DATA, collapse=lambda group: group.name == "head")._view()
    assert [chosen.graph.groups[b.group].name for b in chosen.boxes if b.group is not None] == [
        "head"
    ]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"depth": -1}, ValueError, "0 or more"),
        ({"depth": 1.5}, TypeError, "whole number"),
        ({"collapse": 3}, TypeError, "a pattern such as 'layers.*'"),
        ({"collapse": "no.*"}, ValueError, "matches no group's path or label; there are"),
        ({"shared": "twice"}, ValueError, "'proxy' or 'single', not 'twice'"),
        ({"grad_output": [1.0]}, Exception, "shape"),
    ],
)
def test_options_that_are_wrong(
    options: dict[str, Any], error: type[Exception], words: str
) -> None:
    x = ag.Tensor(2.0, requires_grad=True)
    with pytest.raises(error, match=words.replace("*", r"\*")):
        draw(x * x, **options)


# --- several outputs ----------------------------------------------------------------------------


def test_several_outputs_of_a_function() -> None:
    def f(x: Any) -> Any:
        h = np.tanh(x)
        return {"sum": h.sum(), "parts": (h.max(), 3)}

    x = np.array([0.5, 1.0])
    graph = draw(f, x)
    assert [v.label for v in graph.vertices if v.kind == "output"] == ["Σ", "max"]
    expected = (1 - np.tanh(x) ** 2) * np.array([1.0, 2.0])
    assert graph.vertices[0].gradient == summarize(expected)


def test_weights_of_several_outputs() -> None:
    x = ag.Tensor([1.0, 2.0], requires_grad=True, name="x")
    y, z = x * 2.0, x * 3.0
    graph = draw([y, z], grad_output=[np.ones(2), np.array([0.0, 1.0])])
    assert graph.vertices[0].gradient == summarize(np.array([2.0, 5.0]))
    assert "grad_output" in draw([y, z]).graph.no_gradient
    with pytest.raises(ValueError, match="a list of 2 arrays, one for each output"):
        draw([y, z], grad_output=np.ones(2))


# --- before any data ----------------------------------------------------------------------------


def test_a_module_before_any_data(net: nn.Module) -> None:
    before = state(net)
    graph = draw(net, input_shape=4)
    same(before, state(net))
    shapes = {v.label: shape_text(v.shape) for v in graph.vertices}
    assert shapes["x"] == "(N, 4)"
    assert shape_text(graph.vertices[-1].shape) == "(N, 2)"
    assert shapes["head.weight"] == "(4, 2)"
    assert all(v.value is None and v.gradient is None for v in graph.vertices)
    assert {v.value_note + v.gradient_note for v in graph.vertices} == {""}
    assert graph.graph.caption == "before any data: N is the number of examples"
    labels = [g.label for g in graph.groups if g.kind == "module"]
    assert labels[0] == "Net · 68 parameters"
    assert "Linear(4, 2) · 10 parameters" in labels
    assert all(v.nbytes is None for v in graph.vertices if "N" in str(v.shape))


def test_a_module_of_indices_before_any_data() -> None:
    embedding = nn.Embedding(10, 3)
    graph = draw(embedding, input_shape=5, input_dtype=int)
    assert shape_text(graph.vertices[-1].shape) == "(N, 5, 3)"
    with pytest.raises(Exception) as caught:
        draw(embedding, input_shape=5)
    assert "input_dtype=int" in "".join(caught.value.__notes__)


def test_what_cannot_be_drawn_before_any_data(net: nn.Module) -> None:
    with pytest.raises(TypeError, match="a module before it has seen data, not a function"):
        draw(lambda x: x, input_shape=3)
    with pytest.raises(ValueError, match="that of one example"):
        draw(net, input_shape="4")
    with pytest.raises(TypeError, match="takes no arguments besides"):
        draw(net, DATA, input_shape=4)

    class ByCount(nn.Module):
        def __init__(self) -> None:
            self.w = nn.Parameter(2.0)

        def forward(self, x: Any) -> Any:
            for _ in range(len(x)):
                x = x * self.w
            return x

    with pytest.raises(ValueError, match="depends on the number of examples"):
        draw(ByCount(), input_shape=4)


def test_lengths_are_multiples_of_the_number_of_examples() -> None:
    class Flat(nn.Module):
        def __init__(self) -> None:
            self.w = nn.Parameter(2.0)

        def forward(self, x: Any) -> Any:
            return np.reshape(x * self.w, (-1,)) * np.ones(x.size)

    shapes = [shape_text(v.shape) for v in draw(Flat(), input_shape=(4, 3)).vertices]
    assert shapes == ["scalar", "(N, 4, 3)", "(N, 4, 3)", "(12N,)", "(12N,)", "(12N,)"]


# --- the graph of a gradient --------------------------------------------------------------------


def ruled(graph: FlowGraph) -> dict[str, str]:
    """From a box that a rule computed to the box whose rule it was."""
    return {
        f"{v.label}#{v.id}": graph.vertices[v.rule_of].label
        for v in graph.vertices
        if v.rule_of is not None
    }


def test_the_graph_of_a_gradient_that_was_recorded() -> None:
    w = ag.Tensor([0.5, 1.0], requires_grad=True, name="w")
    h = np.tanh(w)
    (slope,) = ag.gradients((h * w).sum(), [w], create_graph=True)
    graph = draw(slope, grad_output=np.ones(2))
    found = ruled(graph)
    assert "tanh" in found.values()
    assert not any(v.rule_of is not None for v in graph.vertices if v.op == "tanh")
    # d/dw of the sum of tanh w + w (1 - tanh² w)
    t = np.tanh(w.data)
    expected = 2 * (1 - t**2) + w.data * -2 * t * (1 - t**2)
    assert figures(graph.vertices[0].gradient) == figures(summarize(expected))  # type: ignore[arg-type]


def test_the_graph_of_a_function_that_is_a_gradient() -> None:
    graph = draw(ag.grad(lambda x: (np.exp(x) * 2.0).sum()), np.array([0.0, 1.0]))
    exp = next(v for v in graph.vertices if v.op == "exp")
    assert any(v.rule_of == exp.id for v in graph.vertices)
    assert any("by the rule of" in s.caption for s in graph.steps)
    assert graph.vertices[-1].value == summarize(2 * np.exp([0.0, 1.0]))


# --- the object ---------------------------------------------------------------------------------


@pytest.fixture
def drawing() -> FlowGraph:
    x = ag.Tensor([1.0, 2.0], requires_grad=True, name="x")
    y = ag.Tensor([3.0, 4.0], requires_grad=True, name="y")
    return draw((x * y + x).sum())


def test_repr_places_nothing(drawing: FlowGraph) -> None:
    assert repr(drawing) == "<FlowGraph: 5 boxes, 5 edges>"
    assert drawing._placed is None
    assert drawing._shown is None


def test_every_form(drawing: FlowGraph, tmp_path: Path) -> None:
    assert json.loads(drawing.json())["schema"] == 2
    assert drawing.text().count("\n") >= 5
    for suffix, start in (
        (".svg", "<svg"), (".html", "<!doctype html>"), (".json", "{"), (".txt", "Flow graph"),
        (".dot", "digraph"), (".gv", "digraph"),
    ):  # fmt: skip
        path = drawing.save(tmp_path / f"x{suffix}")
        assert path.read_text(encoding="utf-8").lower().startswith(start.lower())
    assert len(drawing.frames()) == len(drawing.steps)
    assert drawing.svg(overlay="gradient") != drawing.svg()
    with pytest.raises(TypeError, match=r"cannot save x\.json with overlay"):
        drawing.save(tmp_path / "x.json", overlay="gradient")
    bundle = drawing._repr_mimebundle_()
    assert {"text/html", "image/svg+xml", "text/plain"} <= set(bundle)


def test_open_shows_the_page(drawing: FlowGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr("webbrowser.open", shown.append)
    path = drawing.open()
    try:
        assert shown == [path.as_uri()]
        assert path.read_text(encoding="utf-8") == drawing.html()
    finally:
        path.unlink()


def test_highlight_marks_the_shares_of_edges() -> None:
    x = ag.Tensor([1.0, 2.0], requires_grad=True, name="x")
    loss = (x * x + x).sum()
    plain = draw(loss)
    marked = plain.highlight(ag.explain(loss, x))
    assert {e.share for e in plain.edges} == {None}
    out_of_x = [e.share for e in marked.edges if marked.vertices[e.source].name == "x"]
    assert sum(s or 0.0 for s in out_of_x) == pytest.approx(1.0)
    # ⟨x, 2x + 1⟩ / ⟨2x + 1, 2x + 1⟩ for each factor
    g = 2 * x.data + 1
    share = (x.data @ g) / (g @ g)
    assert sorted(s or 0.0 for s in out_of_x) == pytest.approx(
        sorted([share, share, 1 - 2 * share])
    )
    with pytest.raises(ValueError, match="explain the loss that is drawn"):
        draw(np.tanh(x).sum()).highlight(ag.explain(loss, x))
    with pytest.raises(TypeError, match="for one tensor, not a list"):
        plain.highlight([ag.explain(loss, x)])  # type: ignore[arg-type]


def test_groups_can_be_asked_for(net: nn.Module) -> None:
    graph = draw(net, DATA)
    assert all(isinstance(group, Group) for group in graph.groups)
    assert graph.steps == graph.graph.steps


def test_a_drawing_inside_an_inspection_adds_no_walk() -> None:
    x = ag.Tensor([1.0, 2.0], requires_grad=True, name="x")
    with ag.inspect() as seen:
        y = (x * 2.0).sum()
        draw(y)
    assert (len(seen.walks), len(seen.nodes)) == (0, 2)


def test_a_buffer_is_known_in_a_run_that_changes_it() -> None:
    class Counts(nn.Module):
        def __init__(self) -> None:
            self.mean = nn.Buffer([1.0, 2.0])
            self.w = nn.Parameter([3.0, 4.0])

        def forward(self, x: Any) -> Any:
            out = (x - self.mean.data) * self.w
            self.mean._swap(self.mean.data * 0.5)
            return out

    module = Counts()
    graph = draw(lambda x: module(x).sum(), np.ones(2))
    assert ("buffer", "module.mean") in {(v.kind, v.name) for v in graph.vertices}
    assert module.mean.data.tolist() == [1.0, 2.0]


def test_modules_called_in_a_checkpoint_give_their_names() -> None:
    layer = nn.Linear(4, 3)
    f = ag.checkpoint(lambda x: np.tanh(layer(x)))
    graph = draw(lambda x: f(x).sum(), DATA)
    names = [v.name for v in graph.vertices if v.kind == "parameter"]
    assert names == ["weight", "bias"]
    assert graph.vertices[-1].value is not None


@pytest.mark.slow
def test_ten_thousand_boxes() -> None:
    x = ag.Tensor(0.5, requires_grad=True, name="x")
    y: Any = x
    for _ in range(5_000):
        y = np.tanh(y * 1.01)
    made = build(*capture.of_tensors([y], None, None))
    assert len(made.graph.vertices) == 10_001
    assert len(made.graph.steps) == 20_001


def test_complex_arguments_are_tracked() -> None:
    drawing = flow_graph(lambda z: np.abs(z * z).sum(), np.array([1 + 1j, 2.0]), engine="builtin")
    z = drawing.vertices[0]
    assert (z.kind, z.name, z.dtype) == ("input", "z", "complex128")
    assert z.gradient is not None
    np.testing.assert_allclose(z.gradient.preview, [2 + 2j, 4.0])  # that of |z|² is 2 z
    scalar = flow_graph(lambda z: np.abs(z * z), 1 + 1j, engine="builtin")
    assert scalar.vertices[0].kind == "input"


def test_the_name_of_an_argument_is_the_functions_own() -> None:
    da = pytest.importorskip("dask.array")
    drawing = flow_graph(lambda rows: (rows * 2.0).sum(), da.ones((4, 2)), engine="builtin")
    assert drawing.vertices[0].name == "rows"


def test_rows_of_numbers_are_an_array_for_a_module() -> None:
    layer = nn.Linear(2, 1)
    drawing = flow_graph(layer, [[1.0, 2], (3.0, 4.0)], engine="builtin")
    x = next(v for v in drawing.vertices if v.kind == "input")
    assert (x.name, x.shape) == ("x", (2, 2))
    product = flow_graph(lambda pair: pair[0] * pair[1], [2.0, 3.0], engine="builtin")
    assert [v.name for v in product.vertices[:2]] == ["pair[0]", "pair[1]"]


def test_what_returns_no_tensor_says_what_to_do() -> None:
    with pytest.raises(TypeError, match=r"returned an int\. Its floating arguments are tracked"):
        flow_graph(lambda n: 2 * n, 3)
