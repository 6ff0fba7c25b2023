"""The graph as JSON: what goes out comes back, it is JSON for everybody, and damage is named."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_core as ag
import viz
from viz import Edge, Graph, Vertex
from viz.graph.ir import SCHEMA, Group, Step
from viz.graph.summary import Summary
from viz.graph_json import from_json, read, to_json
from viz.text import clean

NAN = float("nan")
texts = st.text(max_size=8).map(clean)
counts = st.integers(0, 2**70)
floats = st.floats()


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


shapes = st.lists(st.integers(0, 9) | st.sampled_from(["N", "2N", NAN]), max_size=3).map(tuple)
numbers = floats | st.complex_numbers() | st.integers() | st.booleans()
statistics = st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 4)


@st.composite
def summaries(draw: st.DrawFn) -> Summary:
    preview = tuple(draw(st.lists(numbers, max_size=4)))
    size = len(preview) + (draw(counts) if preview else 0)
    told = draw(maybe(statistics)) or (None,) * 4
    return Summary(size, draw(counts), draw(counts), *told, preview)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Graphs with every field filled, which no computation would need to give."""
    many = draw(st.integers(1, 6))
    groups = tuple(
        Group(
            i,
            draw(st.none() | st.integers(0, i - 1)) if i else None,
            draw(st.sampled_from(["module", "repeat", "line", "chain", "band"])),
            draw(texts),
            draw(texts),
            draw(st.sampled_from(["", "added", "removed", "changed"])),
        )
        for i in range(draw(st.integers(0, 3)))
    )
    kinds = st.sampled_from(["op", "parameter", "buffer", "input", "constant"])
    vertices = tuple(
        Vertex(
            id=i,
            kind="output" if i == many - 1 else draw(kinds),
            op=draw(maybe(texts)),
            label=draw(texts),
            name=draw(maybe(texts)),
            shape=draw(maybe(shapes | st.lists(shapes, min_size=1, max_size=2).map(tuple))),
            dtype=draw(maybe(texts)),
            params=tuple(draw(st.lists(texts, max_size=2))),
            value=draw(maybe(summaries())),
            value_note=draw(texts),
            gradient=draw(maybe(summaries())),
            gradient_note=draw(texts),
            kept=draw(st.booleans()),
            origin=draw(st.booleans()),
            gradient_origin=draw(st.booleans()),
            group=draw(st.integers(0, len(groups) - 1)) if groups else None,
            stands_for=draw(maybe(st.integers(0, i - 1))) if i else None,
            uses=draw(st.integers(1, 9)),
            rule_of=draw(maybe(st.integers(0, many - 1))),
            line=draw(texts),
            seconds=draw(maybe(floats)),
            backward_seconds=draw(maybe(floats)),
            nbytes=draw(maybe(counts)),
            held=draw(counts),
            dead=draw(maybe(floats)),
            change=draw(st.sampled_from(["", "added", "removed", "changed"])),
        )
        for i in range(many)
    )
    edges = tuple(
        Edge(i - 1, i, draw(st.integers(0, 3)), draw(maybe(floats)), draw(maybe(floats)))
        for i in range(1, many)
    )
    ids = st.lists(st.integers(0, many - 1), max_size=4).map(tuple)
    steps = tuple(
        Step(
            draw(st.sampled_from(["forward", "seed", "backward"])),
            draw(st.integers(0, many - 1)),
            draw(texts),
            draw(maybe(st.integers(0, len(edges) - 1))) if edges else None,
            draw(st.integers(1, 3)),
            draw(st.integers(1, 3)),
            draw(texts),
            draw(texts),
        )
        for _ in range(draw(st.integers(0, 3)))
    )
    return Graph(
        vertices, edges, draw(ids), draw(ids), draw(texts), groups, steps, draw(texts)
    )  # fmt: skip


def refuse(word: str) -> None:
    """What Python's reader would take of what JSON does not have."""
    raise AssertionError(f"{word} is no JSON")


@given(graphs())
def test_what_goes_out_comes_back(graph: Graph) -> None:
    text = to_json(graph)
    json.loads(text, parse_constant=refuse)
    # NaN is unequal to itself, and `repr` tells every bit of a number and its type.
    assert repr(from_json(text)) == repr(graph)


def test_every_field_is_drawn_by_the_strategy() -> None:
    # A field that is added to the graph must be added to the strategy above.
    assert [f.name for f in dataclasses.fields(Vertex)][-1] == "change"
    assert len(dataclasses.fields(Vertex)) == 26
    assert len(dataclasses.fields(Step)) == 8
    assert len(dataclasses.fields(Edge)) == 6
    assert len(dataclasses.fields(Group)) == 6
    assert len(dataclasses.fields(Graph)) == 9


def recorded() -> viz.FlowGraph:
    with np.errstate(all="ignore"):
        return viz.flow_graph(
            lambda x: ag.sum(ag.log(x) * 2 + 1j * x).real, np.array([1.0, -1.0, 0.0])
        )


def test_numbers_that_are_not_finite_and_complex_ones() -> None:
    graph = recorded().graph
    text = to_json(graph)
    held = json.loads(text, parse_constant=refuse)
    log = next(v for v in held["vertices"] if v["op"] == "log")
    assert log["value"]["preview"][1:] == ["NaN", "-Infinity"]
    assert any("re" in str(v) for v in held["vertices"])
    assert repr(from_json(text)) == repr(graph)


def test_a_box_a_line_and_no_defaults() -> None:
    graph = Graph(
        (Vertex(0, "input", None, "x", "x", (2,), "float64"),
         Vertex(1, "output", "sum", "Σ", None, (), "float64", kept=True)),
        (Edge(0, 1, 0, norm=NAN),),
        (1,),
        (1,),
    )  # fmt: skip
    lines = to_json(graph).splitlines()
    assert lines[0] == "{"
    assert f'"schema": {SCHEMA},' == lines[1]
    assert json.loads(lines[3].rstrip(",")) == {
        "id": 0, "kind": "input", "op": None, "label": "x", "name": "x", "shape": [2],
        "dtype": "float64",
    }  # fmt: skip
    assert json.loads(lines[4])["kept"] is True
    assert '{"source": 0, "target": 1, "operand": 0, "norm": "NaN"}' in lines


def test_a_saved_graph_is_drawn_again(tmp_path: Path) -> None:
    drawing = recorded()
    path = drawing.save(tmp_path / "graph.json")
    again = viz.load(path, engine="builtin")
    assert isinstance(again, viz.FlowGraph)
    assert repr(again.graph) == repr(drawing.graph)
    assert again.json() == path.read_text(encoding="utf-8") == drawing.json()
    assert again.svg() == viz.load(path, engine="builtin").svg()
    assert again.text() == drawing.text()


def good() -> dict[str, Any]:
    """A graph of two boxes in one group, and a step, as JSON."""
    group = Group(0, None, "module", "Linear", "net")
    graph = Graph(
        (Vertex(0, "input", None, "x", "x", (2,), "float64", group=0),
         Vertex(1, "output", "sum", "Σ", None, (), "float64", group=0)),
        (Edge(0, 1, 0),), (1,), (1,), groups=(group,), steps=(Step("forward", 1, "Σ"),),
    )  # fmt: skip
    held: dict[str, Any] = json.loads(to_json(graph))
    from_json(json.dumps(held))
    return held


def summary(**changed: Any) -> dict[str, Any]:
    """The numbers 1 and 2 in sum, but for what is changed."""
    return {"size": 2, "nan": 0, "inf": 0, "mean": 1.5, "std": 0.5, "min": 1, "max": 2,
            "preview": [1, 2]} | changed  # fmt: skip


DAMAGES: list[tuple[str, Any, str]] = [
    ("vertices.0.id", 5, r"vertices\[0\]\.id should be 0, its position, and is 5"),
    ("vertices.0.kind", "box", r"vertices\[0\]\.kind is 'box', and should be one of 'op'"),
    ("vertices.1.kind", "op", "none of its vertices is an output"),
    ("vertices.0.label", 3, r"vertices\[0\]\.label should be of type str, and is 3"),
    ("vertices.0.shape", "wide", r"vertices\[0\]\.shape should be a list, and is \"wide\""),
    ("vertices.0.shape", 3, r"vertices\[0\]\.shape should be a list, and is 3"),
    ("vertices.0.shape", [2, 0.5], r"vertices\[0\]\.shape\[1\] should be a length, and is 0.5"),
    ("vertices.0.group", 1, r"vertices\[0\]\.group is 1, and should be within 0 and 1"),
    ("vertices.0.group", True, r"vertices\[0\]\.group should be of type int, and is true"),
    ("vertices.0.colour", "red", r"vertices\[0\] has a field 'colour' that is none of schema"),
    ("vertices.0.value", {"size": 1}, r"vertices\[0\]\.value lacks 'nan', 'inf', 'mean'"),
    ("vertices.1.value", summary(preview=[]), r"vertices\[1\]\.value\.preview is not of its size"),
    ("vertices.1.value", summary(preview=[1, 2, 3]), r"\.value\.preview is not of its size"),
    ("vertices.1.gradient", summary(min=None), r"gradient should have mean, std, min and max, or"),
    ("vertices.1.gradient", summary(max="NaN"), r"gradient should have statistics that are finite"),
    ("vertices.1", 7, r"vertices\[1\] should be an object, and is 7"),
    ("vertices", {}, "vertices should be a list"),
    ("edges.0.source", 1, r"edges\[0\] should run from a smaller id to a larger one"),
    ("edges.0.target", 2, r"edges\[0\]\.target is 2, and should be within 0 and 2"),
    ("edges.0.norm", "much", r"edges\[0\]\.norm should be a number, and is \"much\""),
    ("edges.0.norm", 10**400, r"edges\[0\]\.norm is too large, 1000"),
    ("edges.0.norm", {"re": 1.0, "im": 0.0}, r"edges\[0\]\.norm should be a real number"),
    ("edges.0.operand", -1, r"edges\[0\]\.operand should be at least 0"),
    ("groups.0.parent", 0, r"groups\[0\]\.parent is 0, and should be within 0 and 0"),
    ("steps.0.phase", "sideways", r"steps\[0\]\.phase is 'sideways', and should be one of"),
    ("steps.0.edge", 1, r"steps\[0\]\.edge is 1, and should be within 0 and 1"),
    ("forward.0", -1, r"forward\[0\] is -1, and should be within 0 and 2"),
    ("schema", 99, f"has schema 99, and this version of viz reads schema {SCHEMA}"),
]


@pytest.mark.parametrize(("where", "what", "says"), DAMAGES)
def test_damage_is_named(where: str, what: Any, says: str) -> None:
    held: Any = good()
    *path, last = [int(part) if part.isdigit() else part for part in where.split(".")]
    inside = held
    for part in path:
        inside = inside[part]
    inside[last] = what
    with pytest.raises(ValueError, match=says):
        from_json(json.dumps(held))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\x00"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="this text is no JSON"):
        from_json(text)


@pytest.mark.parametrize("text", ["[]", "3", "null", "{}", '{"schema": 2}', '"vertices"'])
def test_json_of_something_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="this text holds no flow graph"):
        from_json(text)


def test_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none.json")
    (tmp_path / "a.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"a\.json is no JSON: it is not UTF-8 text"):
        read(tmp_path / "a.json")
    # Editors on Windows may put a mark in front.
    (tmp_path / "b.json").write_text("\ufeff" + json.dumps(good()), encoding="utf-8")
    assert len(read(tmp_path / "b.json").vertices) == 2


def test_text_that_would_break_a_drawing_is_made_visible() -> None:
    held = good()
    held["vertices"][0]["name"] = "a\ud800\u202e\x00b"
    graph = from_json(json.dumps(held))
    assert graph.vertices[0].name == "a\ufffd\ufffd␀b"
    assert from_json(to_json(graph)) == graph
