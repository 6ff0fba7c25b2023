"""What is written in boxes: vertices, proxies, folded groups; and what a group holds in sum."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_core as ag
from tests.viz.drawings import network, twice
from viz import flow_graph
from viz.drawing.boxes import (
    FIGURE_SIZE,
    Box,
    box,
    figures,
    frame_title,
    group_boxes,
    group_hint,
    hint,
    role,
)  # fmt: skip
from viz.drawing.progress import after, at_step
from viz.graph.contents import contents
from viz.graph.ir import Edge, Graph, Group, Vertex
from viz.graph.summary import Summary, summarize
from viz.text import width


def fits(written: Box) -> bool:
    """Whether every line lies within its box, by upper bounds of the widths."""
    return all(
        width(line.text, line.size, fixed=line.figures) <= written.width - 19.9
        for line in written.lines
    ) and written.height >= sum(line.height for line in written.lines)


summaries = st.lists(
    st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=0, max_size=9
).map(lambda xs: summarize(np.array(xs, np.float32)))


@given(
    label=st.text(max_size=60), name=st.text(max_size=60), params=st.lists(st.text(max_size=60)),
    value=summaries, gradient=summaries, kept=st.booleans(), uses=st.integers(1, 10**6),
    proxy=st.booleans(), origin=st.booleans(),
)  # fmt: skip
def test_no_line_is_wider_than_its_box(
    label: str, name: str, params: list[str], value: Summary, gradient: Summary, kept: bool,
    uses: int, proxy: bool, origin: bool,
) -> None:  # fmt: skip
    vertex = Vertex(
        3, "op", "exp", label, name, (9,), "float32", tuple(params), value=value,
        gradient=gradient, kept=kept, uses=uses, stands_for=0 if proxy else None, origin=origin,
        gradient_origin=origin,
    )  # fmt: skip
    assert fits(box(vertex))
    graph = Graph(
        (replace(vertex, id=0, group=0, stands_for=None),), (), (0,), (),
        groups=(Group(0, None, "module", label, name),),
    )  # fmt: skip
    assert fits(group_boxes(graph)[0])
    assert fits(frame_title(graph, 0))


def test_no_name_makes_a_box_wider_than_figures_do() -> None:
    for uses in (1, 10**6):
        vertex = Vertex(0, "parameter", None, "W" * 60, "W" * 60, (), "f", uses=uses, kept=True)
        assert "…" in box(vertex).lines[0].text
        assert box(vertex).width <= 230 + 20


def test_the_lines_of_a_box() -> None:
    product = twice().vertices[2]
    assert [line.text for line in box(product).lines] == ["×", "= 0.75", "∇ 1.083"]
    first = box(replace(product, origin=True, gradient_origin=True))
    assert [line.text for line in first.lines] == [
        "×", "= 0.75", "= first not finite", "∇ 1.083", "∇ first not finite",
    ]  # fmt: skip


def test_a_proxy_is_small_and_counts_the_uses() -> None:
    first = network().vertices[0]
    assert first.kind == "parameter"
    whole, proxy = box(replace(first, uses=25)), box(replace(first, uses=25, stands_for=0))
    assert whole.lines[0].text == proxy.lines[0].text == f"{first.label} ↻25"
    assert len(proxy.lines) == 1
    assert proxy.width < 0.5 * whole.width
    assert proxy.height < 0.5 * whole.height
    assert "drawn at each of its 25 uses" in hint(replace(first, uses=25), network())


def test_a_shared_weight_is_drawn_at_each_use() -> None:
    w = ag.Tensor(np.eye(2), requires_grad=True, name="w")
    h = np.ones((1, 2))
    for _ in range(4):
        h = np.tanh(h @ w)
    graph = flow_graph(h.sum(), engine="builtin")
    ws = [v for v in graph.vertices if v.label == "w"]
    assert [v.uses for v in ws] == [4] * 4
    assert [len(box(v).lines) for v in ws] == [4, 1, 1, 1]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        # Their sums and squares leave the range of a double.
        ([1e300, 1e300, 1e300, -1e300, 0.0], "4e299 ±8e299 [-1e300, 1e300]"),
        ([1.7e308] * 6, "all 1.7e308"),
        ([0.0, 1e-200, 2e-200, 3e-200, 4e-200], "2e-200 ±1.4e-200 [0, 4e-200]"),
        ([1.7e308, -1.7e308, 1.0, 1.0, np.nan], "NaN×1 0 ±1.2e308 [-1.7e308, 1.7e308]"),
        (np.array([1e-9, 1.0, -1.0, 0.5, -0.5], np.float32), "0 ±0.71 [-1, 1]"),
        (np.array([1e-3, 1.0, -1.0, 0.5, -0.5]), "0.0002 ±0.71 [-1, 1]"),
        ([True, False, True, True, True], "80 % True"),
        ([False] * 5, "all False"),
        ([True, False], "[True, False]"),
        ([1e300 + 1e300j, 0, 0, 0, 0], "2.83e299 ±5.7e299 [0, 1.41e300]"),
    ],
)  # fmt: skip
def test_figures_of_unusual_numbers(values: Any, shown: str) -> None:
    assert figures(summarize(np.array(values))) == shown


def test_a_magnitude_beyond_all_numbers_is_infinite() -> None:
    assert summarize(np.array(1.7e308 + 1.7e308j)).inf == 1


def test_roles() -> None:
    vertex = twice().vertices[2]
    assert role(vertex) == "op"
    assert role(replace(vertex, rule_of=1)) == "rule"
    assert role(replace(vertex, rule_of=1, kind="output")) == "output"
    assert role(replace(vertex, kind="buffer")) == "buffer"


def test_a_gradient_has_room_to_be_counted() -> None:
    """In the narrowest box, while a backward pass is stepped through."""
    vertex = Vertex(0, "op", "add", "+", None, (), "f", gradient=summarize(np.array(1.0)))
    assert box(vertex).width >= width("∇ 1 of 2", FIGURE_SIZE, fixed=True) + 20


def test_boxes_keep_their_size_at_every_step() -> None:
    for graph in (twice(), network()):
        for k in range(len(graph.steps)):
            state = after(graph, k)
            for vertex in graph.vertices:
                whole = box(vertex)
                then = at_step(vertex, whole, state)
                assert (then.width, then.height) == (whole.width, whole.height)
                assert len(then.lines) == len(whole.lines)
                assert fits(then)


# --- groups ------------------------------------------------------------------------------------


def test_a_folded_group_tells_what_it_holds_and_its_result() -> None:
    graph = network()
    first = next(g for g in graph.groups if g.label == "Linear(4, 5)")
    written = group_boxes(graph)[first.id]
    lines = [line.text for line in written.lines]
    # 4 × 5 weights and 5 biases; six examples of five units.
    assert lines[0] == "Linear(4, 5)"
    # Within the frame of the model its name is what is left of the path.
    assert (first.name, lines[1]) == ("model.layers.0", "layers.0")
    assert lines[2].startswith("1 op · 25 parameters")
    result = next(v for v in graph.vertices if v.group == first.id and v.op == "affine")
    assert result.value is not None
    assert result.gradient is not None
    assert "(6, 5)" in " ".join(lines)
    assert lines[-2:] == [f"= {figures(result.value)}", f"∇ {figures(result.gradient)}"]
    assert "25 parameters" in group_hint(graph, first.id, contents(graph)[first.id])


def by_hand() -> Graph:
    """Two groups, one in the other: leaf w → a → b → c; a and w are in the inner one."""

    def vertex(i: int, kind: str, group: int | None, **more: Any) -> Vertex:
        op = None if kind == "parameter" else "exp"
        return Vertex(i, kind, op, "exp", None, (2, 3), "float64", group=group, **more)

    return Graph(
        (
            vertex(0, "parameter", 1, nbytes=48, uses=2), vertex(1, "op", 1, seconds=1.0, held=8),
            vertex(2, "parameter", 0, nbytes=48, uses=2, stands_for=0),
            vertex(3, "op", 0, seconds=2.0, nbytes=48, kept=True, origin=True),
            vertex(4, "output", None, seconds=4.0),
        ),
        (Edge(0, 1, 0), Edge(1, 3, 0), Edge(2, 3, 1), Edge(3, 4, 0), Edge(1, 4, 1)),
        (1, 3, 4), (),
        groups=(Group(0, None, "module", "Outer"), Group(1, 0, "module", "Inner", "x.y")),
    )  # fmt: skip


def test_contents_of_nested_groups() -> None:
    outer, inner = contents(by_hand())
    assert (outer.vertices, inner.vertices) == ([0, 1, 2, 3], [0, 1])
    # Vertex 1 leaves both: to 3, which is in the outer one, and to 4.
    assert (outer.outputs, inner.outputs) == ([1, 3], [1])
    assert (outer.ops, inner.ops) == (2, 1)
    # The parameter is drawn twice and counted once.
    assert (outer.parameters, inner.parameters) == (6, 6)
    assert (outer.nbytes, inner.nbytes) == (96, 48)
    assert (outer.seconds, inner.seconds) == (3.0, 1.0)
    assert (outer.held, inner.held) == (8, 8)
    assert (outer.kept, outer.origin, inner.kept, inner.origin) == (True, True, False, False)


def test_a_group_of_several_results_says_how_many() -> None:
    lines = [line.text for line in group_boxes(by_hand())[0].lines]
    assert lines == ["Outer", "2 ops · 6 parameters", "2 results", "= first not finite"]


@pytest.mark.parametrize("share", [None, 0.125])
def test_hints_tell_all_that_is_known(share: float | None) -> None:
    vertex = replace(
        twice().vertices[3], dead=share, seconds=0.25, held=800, gradient_origin=True,
        line="model.py:12: h = np.tanh(x @ W)",
    )  # fmt: skip
    told = hint(vertex, twice())
    assert ("12.5 % of the units are zero" in told) == (share is not None)
    assert "took 250 ms" in told
    assert "kept for the backward pass, 800 bytes" in told
    assert "model.py:12: h = np.tanh(x @ W)" in told
    assert "the gradient is not finite here" in told
    assert math.isclose(float(told.split("value: ")[1].split("\n")[0]), np.tanh(0.75), rel_tol=1e-5)
