"""The graph as plain data: what is one box, what is known of it, and in which order."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import autograd_core as ag
import nn
from tests.viz import golden
from tests.viz.golden import timeless
from viz import FlowGraph, Vertex, flow_graph
from viz.graph.summary import summarize


def draw(target: object, *args: object, **options: object) -> FlowGraph:
    return flow_graph(target, *args, engine="builtin", **options)  # type: ignore[arg-type]


def labels(graph: FlowGraph) -> list[str]:
    return [vertex.label for vertex in graph.vertices]


def arrows(graph: FlowGraph) -> list[tuple[str, str, int]]:
    """Edges by the labels of their boxes."""
    names = labels(graph)
    return [(names[e.source], names[e.target], e.operand) for e in graph.edges]


def named(graph: FlowGraph, label: str) -> Vertex:
    """The one box of that label."""
    (found,) = (vertex for vertex in graph.vertices if vertex.label == label)
    return found


@pytest.fixture
def x() -> ag.Tensor:
    return ag.Tensor([1.0, -2.0, 3.0], requires_grad=True, name="x")


# --- boxes and edges --------------------------------------------------------------------------


def test_a_square_has_two_edges() -> None:
    t = ag.Tensor(3.0, requires_grad=True, name="t")
    graph = draw(t * t)
    assert arrows(graph) == [("t", "×", 0), ("t", "×", 1)]
    assert [vertex.kind for vertex in graph.vertices] == ["parameter", "output"]


def test_a_leaf_is_a_graph_of_one_box(x: ag.Tensor) -> None:
    graph = draw(x, grad_output=np.ones(3))
    assert labels(graph) == ["x"]
    assert graph.vertices[0].kind == "output"
    assert graph.vertices[0].op is None


def test_what_an_op_notes_for_its_rule_is_not_drawn() -> None:
    target = np.array([0, 1, 1])
    a = ag.Tensor(np.ones((3, 2)), requires_grad=True, name="a")
    graph = draw(nn.cross_entropy(a, target))
    box = named(graph, "cross_entropy")
    assert box.params == ("reduction=mean",)
    assert [(vertex.kind, vertex.shape) for vertex in graph.vertices if vertex is not box] == [
        ("parameter", (3, 2)),
        ("constant", (3,)),
    ]


def test_small_constants_fold_into_the_label(x: ag.Tensor) -> None:
    y = np.maximum((1 - x * 2 / np.float64(4)) * np.array(0.5), 0.0) ** 2
    assert labels(draw(y)) == ["x", "× 2", "÷ 4", "1 −", "× 0.5", "maximum(·, 0)", "** 2"]


def test_operands_keep_their_index_beside_a_folded_constant(x: ag.Tensor) -> None:
    graph = draw(np.where(np.array([True, False, True]), 0.0, x).sum())
    assert arrows(graph)[:2] == [("constant", "where(·, 0, ·)", 0), ("x", "where(·, 0, ·)", 2)]


def test_a_composition_is_one_box(x: ag.Tensor) -> None:
    graph = draw(ag.var(x) + ag.std(x * 2))
    assert labels(graph) == ["x", "var", "× 2", "std", "+"]
    assert arrows(graph)[:3] == [("x", "var", 0), ("x", "× 2", 0), ("× 2", "std", 0)]
    assert named(graph, "std").gradient is not None


def test_a_compositions_own_constants_are_not_drawn() -> None:
    x = ag.Tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True, name="x")
    y = ag.sum(ag.std(x, axis=0))
    assert labels(draw(y)) == ["x", "std", "Σ"]
    y.backward()
    assert labels(draw(y)) == ["x", "std", "Σ"]


def test_what_a_composition_is_given_is_drawn() -> None:
    @ag.derived()
    def line(p: object, x: object) -> object:
        return p[0] * x + p[1] + np.ones(2)  # type: ignore[index]

    try:
        p = np.array([2.0, 3.0])
        graph = draw(line, p, np.array([1.0, 2.0]))
        assert labels(graph) == ["p", "x", "line"]
        x = ag.Tensor([1.0, 2.0], requires_grad=True, name="x")
        weights = np.array([4.0, 5.0])
        graph = draw(ag.sum(np.dot(x, weights) + np.clip(x, 0.0, weights)))
        assert labels(graph)[:4] == ["x", "constant", "·", "clip(·, 0, ·)"]
    finally:
        for key in [key for key, op in ag.OPS.items() if op.name == "line"]:
            del ag.OPS[key]


def test_an_operand_given_twice_to_a_composition_enters_twice(x: ag.Tensor) -> None:
    graph = draw(np.einsum("i,i->", x, x) + np.dot(x, x))
    assert arrows(graph)[:2] == [("x", "einsum", 0), ("x", "einsum", 1)]
    assert arrows(graph)[2:4] == [("x", "·", 0), ("x", "·", 1)]
    assert named(graph, "einsum").params == ("subscripts=i,i->",)


def test_the_only_output_that_is_used_folds_into_its_op() -> None:
    a = ag.Tensor(np.arange(6.0).reshape(3, 2) + np.eye(3, 2), requires_grad=True, name="a")
    graph = draw(lambda a: np.linalg.svd(a, full_matrices=False)[1].sum(), a)
    assert labels(graph) == ["a", "svd [1]", "Σ"]
    svd = named(graph, "svd [1]")
    assert svd.shape == (2,)
    assert svd.value is not None
    np.testing.assert_allclose(svd.value.preview, np.linalg.svd(a.data, compute_uv=False))


def test_several_outputs_have_a_box_each() -> None:
    a = ag.Tensor(np.arange(4.0), requires_grad=True, name="a")
    first, second = np.split(a, 2)
    graph = draw((first * second).sum())
    assert labels(graph) == ["a", "split", "output 0", "output 1", "×", "Σ"]
    assert named(graph, "split").shape == ((2,), (2,))
    assert named(graph, "output 1").gradient is not None


def test_an_index_is_the_label(x: ag.Tensor) -> None:
    assert labels(draw(x[1:][0]))[1:] == ["[1:]", "[0]"]


def test_parameters_of_an_op(x: ag.Tensor) -> None:
    assert named(draw(x.sum(axis=0)), "Σ").params == ("axis=0",)


def test_an_untracked_array_used_twice_is_one_box(x: ag.Tensor) -> None:
    data = np.array([1.0, 2.0, 3.0])
    graph = draw(((x * data) * data).sum())
    assert labels(graph) == ["x", "constant", "×", "×", "Σ"]


# --- names and roles --------------------------------------------------------------------------


def test_names_come_from_a_mapping(x: ag.Tensor) -> None:
    weight = ag.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    data = np.array([1.0, 1.0, 2.0])
    several = [ag.Tensor(1.0, requires_grad=True)]
    hidden = weight * data + x
    loss = (hidden * several[0]).sum()
    graph = draw(loss, names=locals())
    found = {v.name: (v.kind, v.label) for v in graph.vertices if v.name}
    assert found == {
        "x": ("parameter", "x"),
        "weight": ("parameter", "weight"),
        "data": ("input", "data"),
        "several[0]": ("parameter", "several[0]"),
        "hidden": ("op", "+"),
        "loss": ("output", "Σ"),
    }


def test_names_come_from_a_module() -> None:
    model = nn.MLP([3, 2], activation="tanh")
    out = model(np.ones((1, 3))).sum()
    paths = [name for name, _ in model.named_parameters()]
    assert {v.name for v in draw(out, names=model).vertices if v.name} == set(paths)
    within = {v.name for v in draw(out, names={"net": model}).vertices if v.name}
    assert within == {f"net.{path}" for path in paths}


def test_a_function_names_its_arguments_and_what_it_reads() -> None:
    scale = ag.Tensor(2.0, requires_grad=True)
    graph = draw(lambda a, b: (a["u"] * b[0] * scale).sum(), {"u": np.ones(2)}, [np.ones(2)])
    found = {v.name: v.kind for v in graph.vertices if v.name}
    assert found == {"scale": "parameter", "a.u": "input", "b[0]": "input"}


def test_a_named_constant_within_a_function_has_its_name() -> None:
    def f(x: ag.Tensor) -> ag.Tensor:
        scale = ag.Tensor([1.0, 2.0], name="scale")
        shift = ag.asarray([0.5, 0.5])
        shift.name = "shift"
        other = ag.Tensor([3.0, 4.0])
        return (x * scale + x * shift + x * other).sum()

    graph = draw(f, np.ones(2))
    assert {v.label for v in graph.vertices if not v.op} == {"x", "scale", "shift", "constant"}
    # The function's own names are not lost where another draws it.
    with ag.keep_values():
        assert labels(draw(f, np.ones(2))) == labels(graph)


def test_names_must_be_a_mapping_or_a_module(x: ag.Tensor) -> None:
    with pytest.raises(TypeError, match=r"names must be a mapping .* not a list"):
        draw(x.sum(), names=[x])


# --- values and gradients ---------------------------------------------------------------------


def network() -> tuple[nn.Module, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    model = nn.MLP([4, 5, 3], activation="tanh", rng=rng)
    return model, rng.normal(size=(6, 4)), rng.integers(0, 3, 6)


def test_gradients_are_those_of_the_engine() -> None:
    model, data, target = network()
    loss = nn.cross_entropy(model(data), target)
    graph = draw(loss, names=model)
    loss.backward()
    for name, parameter in model.named_parameters():
        vertex = next(v for v in graph.vertices if v.name == name)
        assert vertex.gradient == summarize(parameter.grad)


def test_every_box_has_the_gradient_of_the_engine(x: ag.Tensor) -> None:
    y = x * 3
    z = np.tanh(y)
    out = (z * y).sum()
    graph = draw(out, names={"y": y, "z": z})
    for name, tensor in (("x", x), ("y", y), ("z", z)):
        vertex = next(v for v in graph.vertices if v.name == name)
        (expected,) = ag.gradients(out, [tensor])
        assert vertex.gradient == summarize(expected.data)
    assert graph.vertices[-1].gradient == summarize(np.array(1.0))


def test_no_grad_is_touched_and_the_graph_stays_usable(x: ag.Tensor) -> None:
    x.grad = np.array([7.0, 8.0, 9.0])
    y = (x * x).sum()
    graph = draw(y)
    assert x.grad.tolist() == [7.0, 8.0, 9.0]
    assert named(graph, "x").gradient == summarize(2 * x.data)
    y.backward()
    assert x.grad.tolist() == [9.0, 4.0, 15.0]


def test_what_backward_released_is_not_kept_and_never_zero(x: ag.Tensor) -> None:
    y = np.exp(x * np.array([1.0, 2.0, 3.0]))
    z = y.sum()
    z.backward()
    graph = draw(z)
    product, exp = named(graph, "×"), named(graph, "exp")
    for vertex in (product, exp):
        assert (vertex.value, vertex.value_note) == (None, "not kept")
        assert (vertex.gradient, vertex.gradient_note) == (None, "not kept")
        assert not vertex.kept
    assert named(graph, "x").gradient == summarize(x.grad)
    assert named(graph, "constant").value_note == "not kept"
    assert named(graph, "Σ").value == summarize(z.data)
    assert graph.graph.backward == ()
    assert "not kept" in graph.svg()


def test_the_gradient_of_another_output_is_not_drawn_as_this_ones(x: ag.Tensor) -> None:
    shared = np.exp(x)
    (shared * 5.0).sum().backward()
    graph = draw((shared + x).sum())
    assert (named(graph, "x").gradient, named(graph, "x").gradient_note) == (None, "not computed")
    assert "another output" in graph.graph.no_gradient


def test_retained_graphs_are_drawn_as_before(x: ag.Tensor) -> None:
    y = (x * x).sum()
    before = timeless(draw(y).graph)
    y.backward(retain_graph=True)
    assert timeless(draw(y).graph) == before


def test_a_gradient_that_was_not_computed_says_so(x: ag.Tensor) -> None:
    x.grad = np.ones(3)  # of something else
    graph = draw(x * 2)
    assert {v.gradient_note for v in graph.vertices} == {"not computed"}
    assert "grad_output" in graph.graph.no_gradient
    assert "grad_output" in graph.svg()
    weighted = draw(x * 2, grad_output=[1.0, 0.0, 2.0])
    assert named(weighted, "x").gradient == summarize(np.array([2.0, 0.0, 4.0]))
    with pytest.raises(ag.GradientError, match="shape"):
        draw(x * 2, grad_output=np.ones(2))


def test_a_graph_that_refuses_backward_is_drawn_all_the_same(x: ag.Tensor) -> None:
    y = (x * x).sum()
    x.data -= 1.0
    graph = draw(y)
    assert named(graph, "×").gradient_note == "not computed"
    assert "overwritten" in graph.graph.no_gradient


def test_values_are_those_the_graph_kept(x: ag.Tensor) -> None:
    y = np.tanh(x + 1)
    graph = draw(y.sum())
    assert named(graph, "tanh").value == summarize(y.data)
    assert named(graph, "tanh").kept
    assert (named(graph, "+ 1").value, named(graph, "+ 1").value_note) == (None, "not kept")
    assert not named(graph, "+ 1").kept


def test_the_value_that_an_op_saw_is_drawn_not_a_later_one() -> None:
    w = ag.Tensor([1.0, 2.0], requires_grad=True)
    y = (w * w).sum()
    w.data = np.array([5.0, 6.0])
    vertex = named(draw(y, names={"w": w}), "w")
    assert vertex.value is not None
    assert vertex.value.preview == (1.0, 2.0)


def test_a_function_is_drawn_with_every_value() -> None:
    def f(a: ag.Tensor, b: ag.Tensor) -> ag.Tensor:
        return (np.tanh(a + b) * 2).sum()

    graph = draw(f, np.array([0.5, 1.0]), 0.25)
    assert labels(graph) == ["a", "b", "+", "tanh", "× 2", "Σ"]
    assert all(v.value is not None and v.gradient is not None for v in graph.vertices)
    assert named(graph, "+").value == summarize(np.array([0.75, 1.25]))
    assert [v.kind for v in graph.vertices[:2]] == ["input", "input"]


def test_untracked_data_of_a_function_is_an_input_in_every_place() -> None:
    w = ag.Tensor(np.eye(2), requires_grad=True, name="w")
    graph = draw(lambda t: (t + np.tanh(t @ w)).sum(), ag.Tensor([1.0, 2.0], name="data"))
    assert named(graph, "data").kind == "input"
    assert [e for e in arrows(graph) if e[0] == "data"] == [("data", "@", 0), ("data", "+", 0)]


def test_where_a_nan_began() -> None:
    t = ag.Tensor([1.0, -1.0, 2.0], requires_grad=True, name="t")
    with np.errstate(invalid="ignore"):
        graph = draw(lambda t: (np.log(t * 2) + 1).sum(), t)
    assert [v.label for v in graph.vertices if v.origin] == ["log"]
    value = named(graph, "+ 1").value
    assert value is not None
    assert (value.nan, value.finite) == (1, False)


def test_where_no_gradient_flows_there_is_none(x: ag.Tensor) -> None:
    graph = draw(np.sign(x).sum() + (x * 2).sum() * 0.0)
    assert named(graph, "sign").gradient is not None
    only = draw(np.sign(x).sum())
    assert (named(only, "x").gradient, named(only, "x").gradient_note) == (None, "none flows here")


# --- order ------------------------------------------------------------------------------------


def test_the_order_is_the_engines(x: ag.Tensor) -> None:
    a, b = np.exp(x), np.tanh(x)
    graph = draw((b * a).sum())
    assert labels(graph) == ["x", "exp", "tanh", "×", "Σ"]
    assert graph.graph.forward == (1, 2, 3, 4)
    assert graph.graph.backward == (4, 3, 2, 1)
    assert [(e.source, e.operand) for e in graph.edges if e.target == 3] == [(2, 0), (1, 1)]


def test_ids_are_a_topological_order() -> None:
    model, data, target = network()
    graph = draw(nn.cross_entropy(model(data), target))
    assert [vertex.id for vertex in graph.vertices] == list(range(len(graph.vertices)))
    assert all(edge.source < edge.target for edge in graph.edges)


def test_a_neuron_is_as_in_the_golden_file() -> None:
    """When this fails on purpose, look at the difference and run ``python -m tests.viz.golden``."""
    assert json.loads(golden.text()) == json.loads(golden.FILE.read_text(encoding="utf-8"))


# --- what cannot be drawn ---------------------------------------------------------------------


def test_an_untracked_tensor_has_no_graph() -> None:
    with pytest.raises(ValueError, match=r"nothing was recorded .* requires_grad=True"):
        draw(ag.Tensor([1.0]) * 2)
    with ag.no_grad(), pytest.raises(ValueError, match="no_grad"):
        draw(ag.Tensor([1.0], requires_grad=True) * 2)
    with pytest.raises(ValueError, match="nothing was recorded"):
        draw(lambda n: ag.Tensor(1.0) * n, 3)


def test_only_tensors_and_functions_are_drawn(x: ag.Tensor) -> None:
    with pytest.raises(TypeError, match="not a ndarray"):
        draw(np.ones(2))
    with pytest.raises(TypeError, match="returned nothing"):
        draw(lambda t: None, x)
    with pytest.raises(TypeError, match="holds an int"):
        draw([x.sum(), 3])
    with pytest.raises(ValueError, match="list of tensors is empty"):
        draw([])
    with pytest.raises(TypeError, match="takes no arguments"):
        draw(x.sum(), x)


# --- summaries --------------------------------------------------------------------------------


@given(
    npst.arrays(
        st.sampled_from([np.float64, np.float32, np.int64, np.bool_]),
        npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    )
)
def test_summaries_are_those_of_numpy(array: np.ndarray) -> None:
    s = summarize(array)
    finite = array[np.isfinite(array)].astype(float)
    assert s.size == array.size
    assert s.nan == np.isnan(array).sum()
    assert s.inf == np.isinf(array).sum()
    np.testing.assert_array_equal(s.preview, array.ravel()[:4])
    if finite.size == 0:
        assert s.mean is s.std is s.min is s.max is None
        return
    assert (s.min, s.max) == (finite.min(), finite.max())
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(s.mean, finite.mean(), rtol=1e-6)


def test_statistics_are_of_what_is_finite() -> None:
    s = summarize(np.array([1.0, np.nan, np.inf, 3.0, -np.inf]))
    assert (s.size, s.nan, s.inf) == (5, 1, 2)
    assert (s.mean, s.std, s.min, s.max) == (2.0, 1.0, 1.0, 3.0)


def test_a_complex_number_is_told_by_its_magnitude() -> None:
    s = summarize(np.array([3 + 4j, 0j]))
    assert (s.min, s.max, s.preview) == (0.0, 5.0, (3 + 4j, 0j))
    assert summarize(np.array(3 + 4j)).mean == 5.0


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 0, 3), (1, 1)])
def test_boxes_of_any_size_are_drawn(shape: tuple[int, ...]) -> None:
    t = ag.Tensor(np.ones(shape), requires_grad=True, name="t")
    graph = draw((t * 2).sum())
    assert named(graph, "t").shape == shape
    assert graph.svg().startswith("<svg")
