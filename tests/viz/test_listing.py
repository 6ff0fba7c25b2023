"""The text form: what it says of each box, its order, its groups, and how long it gets."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_core as ag
import viz
from viz import Edge, Graph, Vertex
from viz.graph.ir import Group
from viz.graph.names import names_of
from viz.graph.summary import summarize
from viz.graph.view import view
from viz.listing import listing


def vertex(id: int, label: str = "", kind: str = "op", **more: Any) -> Vertex:
    given = dict(op=label if kind in ("op", "output") else None, name=None, shape=(), dtype="int")
    return Vertex(id=id, kind=kind, label=label or kind, **{**given, **more})


def chain(*vertices: Vertex, edges: list[tuple[int, int]], groups: tuple[Group, ...] = ()) -> Graph:
    into: dict[int, int] = {}
    made = []
    for source, target in edges:
        made.append(Edge(source, target, into.get(target, 0)))
        into[target] = into.get(target, 0) + 1
    return Graph(tuple(vertices), tuple(made), (), (), groups=groups)


def rows(graph: Graph, opened: Any = (), **options: Any) -> list[str]:
    """The lines below the first one, spaces between the columns reduced to two."""
    text = listing(view(graph, set(opened)), **options)
    lines = []
    for line in text.splitlines()[1:]:
        indent = len(line) - len(line.lstrip())
        cells = [cell for cell in line.strip().split("  ") if cell.strip()]
        lines.append(" " * indent + "  ".join(cell.strip() for cell in cells))
    return lines


def linear() -> Graph:
    return chain(
        vertex(0, "W", "parameter", name="W", shape=(2, 3)),
        vertex(1, "x", "input", name="x", shape=(4, 2)),
        vertex(2, "@", op="matmul", shape=(4, 3)),
        vertex(3, "× 2", op="multiply", shape=(4, 3)),
        vertex(4, "Σ", "output", op="sum", name="loss", params=("axis=0",)),
        edges=[(1, 2), (0, 2), (2, 3), (3, 4)],
    )


def test_a_box_a_line_with_what_it_is_computed_from() -> None:
    assert rows(linear()) == [
        "x  input  (4, 2) int",
        "W  parameter  (2, 3) int",
        "v1 = x @ W  (4, 3) int",
        "v2 = v1 × 2  (4, 3) int",
        "loss = Σ(v2)  output  axis=0  scalar int",
    ]


def test_all_that_is_known_of_a_box_is_said() -> None:
    graph = chain(
        vertex(0, "x", "input", name="x", value_note="not kept", gradient_note="none flows here"),
        vertex(
            1,
            "log",
            "output",
            value=summarize(np.array([1.0, np.nan])),
            gradient=summarize(np.array([0.5, np.inf])),
            origin=True,
            gradient_origin=True,
            change="changed",
            line="model.py:12: y = np.log(x)",
        ),
        edges=[(0, 1)],
    )
    assert rows(graph) == [
        "x  input  scalar int  = not kept  ∇ none flows here",
        "v1 = log(x)  output  scalar int  = [1, NaN]  ∇ [0.5, inf]  "
        "!! value first not finite here  !! gradient first not finite here  changed  "
        "model.py:12",
    ]


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (lambda x: 1 - x, "1 − x"),
        (lambda x: x / 4, "x ÷ 4"),
        (lambda x: x - x, "x − x"),
        (lambda x: -x, "negative(x)"),
        (lambda x: x**2, "x ** 2"),
        (lambda x: x**1.5, "x ** 1.5"),
        (lambda x: x[1:, None], "x[1:, None]"),
        (lambda x: ag.maximum(0.0, x), "maximum(0, x)"),
        (lambda x: ag.where(np.array([True, False]), x, x), "where(c1, x, x)"),
        (lambda x: ag.tanh(x), "tanh(x)"),
        (lambda x: ag.sum(x), "Σ(x)"),
        (lambda x: x @ x, "x @ x"),
        (lambda x: abs(x), "absolute(x)"),
        (lambda x: ag.square(x), "square(x)"),
    ],
)
def test_formulas_have_their_operands_in_their_places(f: Any, says: str) -> None:
    x = ag.Tensor([1.0, 2.0], requires_grad=True, name="x")
    text = viz.flow_graph(f(x)).text()
    (line,) = (line for line in text.splitlines() if " = " in line and "output" in line)
    assert line.split(" = ", 1)[1].split("  ")[0] == says


def test_operands_come_in_their_order_not_in_that_of_the_boxes() -> None:
    a, b = (ag.Tensor(1.0, requires_grad=True, name=name) for name in "ab")
    assert "= b − a" in viz.flow_graph(b - a).text()
    assert "= a − b" in viz.flow_graph(a - b).text()


def test_no_two_boxes_have_one_name() -> None:
    graph = chain(
        vertex(0, "v1", "input", name="v1"),
        vertex(1, "tanh"),
        vertex(2, "tanh"),
        vertex(3, "W", "parameter", name="W"),
        vertex(4, "W", "parameter", name="W"),
        vertex(5, "add", "output"),
        edges=[(0, 1), (1, 2), (2, 5), (3, 5), (4, 5)],
    )
    assert [line.split("  ")[0] for line in rows(graph)] == [
        "v1",
        "v2 = tanh(v1)",
        "v3 = tanh(v2)",
        "W",
        "W_1",
        "v4 = add(v3, W, W_1)",
    ]


def test_boxes_without_a_name_are_called_as_in_the_captions() -> None:
    constant = np.array([0.0, 1.0])
    w = ag.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, name="w")

    def f(x: Any) -> Any:
        for _ in range(5):  # so that constant and w are drawn at each use
            x = ag.tanh(x @ w) * (constant + 0.0)
        return x.sum()

    drawn = viz.flow_graph(f, np.ones(2))
    assert any(one.stands_for is not None for one in drawn.vertices)
    computed = [line.split(" = ")[0] for line in drawn.text().splitlines() if " = v" in line]
    told = " ".join(step.caption for step in drawn.steps)
    assert len(computed) > 5
    assert all(f" {name} = " in told for name in computed)
    after = viz.flow_graph(lambda x: f(ag.exp(x)), np.ones(2))
    changed = viz.difference(drawn, after)
    names = {v.id: name for v, name in zip(after.vertices, names_of(after.vertices), strict=True)}
    both = dict(zip(changed.vertices, names_of(changed.vertices), strict=True))
    ours = [name for one, name in both.items() if one.change != "removed" and one.op]
    assert ours == [names[one.id] for one in after.vertices if one.op]


def test_a_shared_parameter_has_one_name() -> None:
    graph = chain(
        vertex(0, "W", "parameter", name="W", uses=2),
        vertex(1, "tanh"),
        vertex(2, "W", "parameter", name="W", uses=2, stands_for=0),
        vertex(3, "add", "output"),
        edges=[(0, 1), (1, 3), (2, 3)],
    )
    assert [line.split("  ")[:3] for line in rows(graph)] == [
        ["W", "parameter", "↻2"],
        ["v1 = tanh(W)", "scalar int"],
        ["W", "parameter", "↻2"],
        ["v2 = add(v1, W)", "output", "scalar int"],
    ]


def nested() -> Graph:
    """net(x) + 1 with net of two layers, whose boxes alternate in the order of their ids."""
    groups = (
        Group(0, None, "module", "MLP", "net"),
        Group(1, 0, "module", "Linear(2, 2)", "net.0"),
        Group(2, 0, "module", "Linear(2, 1)", "net.1"),
    )
    return chain(
        vertex(0, "W1", "parameter", name="W1", group=1),
        vertex(1, "W2", "parameter", name="W2", group=2),
        vertex(2, "x", "input", name="x"),
        vertex(3, "@", op="matmul", group=1),
        vertex(4, "@", op="matmul", group=2, value=summarize(np.float64(7))),
        vertex(5, "+ 1", "output", op="add"),
        edges=[(2, 3), (0, 3), (3, 4), (1, 4), (4, 5)],
        groups=groups,
    )


def test_boxes_of_an_open_group_stand_together_and_indented() -> None:
    assert [line.split("  int")[0] for line in rows(nested(), {0, 1, 2})] == [
        "x  input  scalar int",
        "net: MLP:",
        "  0: Linear(2, 2):",
        "    W1  parameter  scalar int",
        "    v1 = x @ W1  scalar int",
        "  1: Linear(2, 1):",
        "    W2  parameter  scalar int",
        "    v2 = v1 @ W2  scalar int  = 7",
        "v3 = v2 + 1  output  scalar int",
    ]


def test_a_folded_group_is_one_line_with_its_result() -> None:
    drawn = view(nested(), {0})
    assert listing(drawn).splitlines()[0] == (
        "Flow graph of add: 6 boxes, shown as 4: Linear(2, 2) and Linear(2, 1) are one box each"
    )
    assert rows(nested(), {0}) == [
        "x  input  scalar int",
        "net: MLP:",
        "  net.0 = Linear(2, 2) of x  scalar int  2 boxes",
        "  net.1 = Linear(2, 1) of net.0  scalar int  = 7  2 boxes",
        "v3 = net.1 + 1  output  scalar int",
    ]
    assert rows(nested()) == [
        "x  input  scalar int",
        "net = MLP of x  scalar int  = 7  4 boxes",
        "v3 = net + 1  output  scalar int",
    ]


def test_a_folded_group_that_is_read_twice_is_both_operands() -> None:
    graph = chain(
        vertex(0, "x", "input", name="x"),
        vertex(1, "tanh", group=0),
        vertex(2, "×", "output", op="multiply"),
        edges=[(0, 1), (1, 2), (1, 2)],
        groups=(Group(0, None, "chain", "part", "part"),),
    )
    assert rows(graph)[-1].startswith("v2 = part × part")


def names_before_use(lines: list[str]) -> None:
    known: set[str] = set()
    for line in lines:
        name, _, rest = line.strip().partition(" = ")
        if not rest:
            known.add(name.split("  ")[0].rstrip(":"))
            continue
        inside = rest.split("(", 1)[1].split(")")[0]
        for operand in filter(None, inside.split(", ")):
            assert operand in known, line
        known.add(name)


@given(st.data())
def test_nothing_is_read_before_it_is_listed(data: st.DataObject) -> None:
    # Groups of random graphs, as long as no group that is left by an edge is entered again.
    many = data.draw(st.integers(2, 12))
    edges = [
        (data.draw(st.integers(0, target - 1)), target)
        for target in range(1, many)
        for _ in range(data.draw(st.integers(0, 2)))
    ]
    cuts = sorted(data.draw(st.sets(st.integers(1, many - 1), max_size=3)))
    groups = tuple(Group(i, None, "chain", f"g{i}", f"g{i}") for i in range(len(cuts) + 1))
    graph = chain(
        *(
            vertex(i, "f", "output" if i == many - 1 else "op", group=sum(c <= i for c in cuts))
            for i in range(many)
        ),
        edges=edges,
        groups=groups,
    )
    lines = listing(view(graph, range(len(groups)))).splitlines()[1:]
    assert len(lines) == many + len(groups)
    names_before_use(lines)


def test_long_lists_are_cut_and_say_so() -> None:
    x = ag.Tensor(0.5, requires_grad=True, name="x")
    y = x
    for _ in range(300):
        y = ag.tanh(y)
    drawing = viz.flow_graph(y)
    graph = dataclasses.replace(drawing.graph, groups=(), vertices=tuple(
        dataclasses.replace(v, group=None) for v in drawing.vertices))  # fmt: skip
    drawn = view(graph, ())
    lines = listing(drawn).splitlines()
    assert len(lines) == 202
    assert lines[-1] == "… and 101 more lines; text(lines=None) tells them all"
    assert len(listing(drawn, lines=None).splitlines()) == 302
    assert len(listing(drawn, lines=5).splitlines()) == 7


def test_a_longer_name_changes_few_other_lines() -> None:
    before = listing(view(linear(), ())).splitlines()
    graph = linear()
    longer = dataclasses.replace(graph.vertices[0], name="W1", label="W1")
    after = listing(
        view(dataclasses.replace(graph, vertices=(longer, *graph.vertices[1:])), ())
    ).splitlines()
    changed = [(b, a) for b, a in zip(before, after, strict=True) if b != a]
    assert len(changed) == 2  # where it is defined, and where it is used
    assert all(len(a) - len(b) in (0, 1) for b, a in changed)


def test_lines_have_no_space_at_their_ends_and_no_control_characters() -> None:
    x = ag.Tensor([1.0, 2.0], requires_grad=True, name="a\nb\x1b[31m")
    text = viz.flow_graph(ag.sum(x * 2)).text()
    assert all(line == line.rstrip() for line in text.splitlines())
    assert "a␊b␛[31m" in text
    assert "\x1b" not in text
