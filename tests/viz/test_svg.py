"""The drawing: text stays text and within its box, the same bytes each time, and it has a key."""

import math
import os
import random
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import font_manager, ft2font

import autograd_core as ag
import nn
from tests.viz.drawings import GOLDEN, network, place, residual, straight, twice
from tests.viz.drawings import draw as drawn
from viz import FlowGraph, Graph, Vertex, flow_graph
from viz.drawing.boxes import ALARM, CHANGES, FAINT, GRADIENT, NOW, STYLES, TEXT, box
from viz.drawing.dot import run, source
from viz.drawing.looks import OVERLAYS, Looks, Scale, check_size, colour
from viz.drawing.progress import after
from viz.drawing.scene import scene
from viz.drawing.ways import Way, whole
from viz.graph.summary import summarize
from viz.graph.view import Arrow, View, view
from viz.layout import layered
from viz.text import clean, number, width

ROOT = Path(__file__).resolve().parents[2]
SVG = "{http://www.w3.org/2000/svg}"

NASTY = [
    "<lambda>", "</script><img onerror=x>", '"quoted"', "it's", "a:b", "back\\slash\\N",
    "new\nline", "😀", "&amp;", "]]>", "a\x00b", "\ud800", "{record|label}", "%s{0}", "", " ",
]  # fmt: skip


def draw(target: object, *args: object, **options: object) -> FlowGraph:
    return flow_graph(target, *args, engine="builtin", **options)  # type: ignore[arg-type]


def texts(drawing: str) -> list[str]:
    return ["".join(t.itertext()) for t in ET.fromstring(drawing).iter(f"{SVG}text")]


def square(name: str) -> FlowGraph:
    x = ag.Tensor(2.0, requires_grad=True, name=name)
    return draw(x * x)


@pytest.mark.parametrize("name", NASTY)
def test_names_come_out_as_text(name: str) -> None:
    graph = square(name)
    root = ET.fromstring(graph.svg())
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg", "g", "rect", "path", "circle", "text", "title",
    }  # fmt: skip
    assert (clean(name) or "parameter") in texts(graph.svg())
    assert all(re.fullmatch(r"box\d+", e.get("id", "box0")) for e in root.iter())


def label_of(node: str, source: str) -> str:
    """What is written in a node, read as Graphviz reads its HTML."""
    label = re.search(rf"\t{node} \[label=<(.*?)> color=", source, re.DOTALL)
    assert label is not None
    return "".join(ET.fromstring(f"<t>{label[1]}</t>").itertext()).replace("\\\\", "\\")


@pytest.mark.parametrize("name", NASTY)
def test_names_are_text_to_graphviz(name: str) -> None:
    assert label_of("v0", square(name).dot()).startswith((clean(name) or "parameter")[:9])


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_the_real_dot_writes_names_as_they_are() -> None:
    """In the boxes and in what a pointer is told; a node's name stands for what is not escaped."""
    tensors = [ag.Tensor(1.0, requires_grad=True, name=name) for name in (*NASTY, "a\\G\\L\\\\")]
    total = tensors[0] * 1.0
    for t in tensors[1:]:
        total = total + t
    root = ET.fromstring(run(draw(total).dot(), "svg", 20.0))
    shown = {text.text for text in root.iter(f"{SVG}text")}
    told = [a.get("{http://www.w3.org/1999/xlink}title", "") for a in root.iter(f"{SVG}a")]
    for name in (*NASTY, "a\\G\\L\\\\"):
        assert (clean(name) or "parameter") in shown
        assert any((clean(name) or "parameter") in title for title in told)


def test_a_label_is_no_html_to_graphviz() -> None:
    vertex = Vertex(0, "op", "exp", "<b>bold</b>", None, (), "float64")
    shown = view(Graph((vertex,), (), (0,), ()), ())
    assert "&lt;b&gt;bold&lt;/b&gt;" in source(shown, [box(vertex)])


@given(st.text())
def test_any_name_can_be_drawn(name: str) -> None:
    graph = square(name)
    ET.fromstring(graph.svg())
    assert graph.dot().count("->") >= 2


def real_width(text: str, size: float, fixed: bool, weight: str) -> float:
    family = "DejaVu Sans Mono" if fixed else "DejaVu Sans"
    face = font_manager.FontProperties(family=family, weight=weight)
    font = ft2font.FT2Font(font_manager.findfont(face, fallback_to_default=False))
    font.set_size(100.0, 72)
    return sum(font.load_char(ord(c)).linearHoriAdvance / 65536 for c in text) * size / 100


def graphs() -> dict[str, FlowGraph]:
    rng = np.random.default_rng(0)
    model = nn.MLP([4, 5, 3], activation="tanh", rng=rng)
    data, target = rng.normal(size=(6, 4)), rng.integers(0, 3, 6)
    loss = nn.cross_entropy(model(data), target)
    big = ag.Tensor(rng.normal(size=(2, 3, 4)) * 1e-9, requires_grad=True, name="w" * 300)
    with np.errstate(all="ignore"):
        bad = np.log((big - big) * np.array(1e300)).sum()
    return {
        "network": draw(loss, names={"model": model}),
        "function": draw(lambda x: nn.cross_entropy(model(x), target), data),
        "not finite": draw(bad),
        "outputs": draw(lambda a: np.linalg.svd(a, full_matrices=False)[0].sum(), data),
        "empty": draw((ag.Tensor(np.ones((0, 3)), requires_grad=True) * 2).sum()),
    }


@pytest.mark.parametrize("name", ["network", "function", "not finite", "outputs", "empty"])
def test_text_stays_within_its_box(name: str) -> None:
    """Measured with a real font, the widest of the usual ones, and not with our own estimate."""
    boxes = 0
    for group in ET.fromstring(graphs()[name].svg()).iter(f"{SVG}g"):
        if not group.get("id", "").startswith("box"):
            continue
        boxes += 1
        rect = group.find(f"{SVG}rect")
        assert rect is not None
        x, y, w, h = (float(rect.attrib[k]) for k in ("x", "y", "width", "height"))
        for line in group.iter(f"{SVG}text"):
            wide = real_width(
                line.text or "",
                float(line.attrib["font-size"]),
                "font-family" in line.attrib,
                line.get("font-weight", "normal"),
            )
            at = float(line.attrib["x"])
            left = at - wide / 2 if line.get("text-anchor") == "middle" else at
            assert x + 4 <= left
            assert left + wide <= x + w - 4
            assert y + 8 < float(line.attrib["y"]) < y + h - 3
    assert boxes > 2


def test_a_long_name_is_shortened_and_whole_in_the_hint() -> None:
    name = "a_very_long_name_" * 12
    drawing = square(name).svg()
    shown = next(text for text in texts(drawing) if text.startswith("a_very"))
    assert "…" in shown
    assert len(shown) < 40
    titles = [t.text or "" for t in ET.fromstring(drawing).iter(f"{SVG}title")]
    assert any(name in title for title in titles)


def test_the_key_tells_what_is_there_and_no_more() -> None:
    x = ag.Tensor(2.0, requires_grad=True, name="x")
    y = x * x
    y.name = "y"
    shown = texts(draw(y).svg())
    for words in ("parameter", "output", "value", "gradient of y", "kept for the backward pass"):
        assert words in shown
    for words in ("input", "constant", "operation", "not finite"):
        assert words not in shown
    data = np.arange(6.0)
    with np.errstate(all="ignore"):
        shown = texts(draw(lambda t: (np.log(-t) * data).sum(), data).svg())
    for words in ("input", "operation", "not finite", "where that began"):
        assert words in shown


def test_roles_differ_in_more_than_colour() -> None:
    """Shape, border or both tell roles apart where colours do not."""
    w = ag.Tensor([1.0, 2.0], requires_grad=True, name="w")
    data = np.array([1.0, 2.0])
    drawing = draw((w * data * np.array([3.0, 4.0])).sum(), names={"data": data}).svg()
    looks = {}
    for group in ET.fromstring(drawing).iter(f"{SVG}g"):
        if group.get("id"):
            kind = (group.findtext(f"{SVG}title") or "").split(":")[0]
            rects = group.findall(f"{SVG}rect")
            r = rects[0].attrib
            looks[kind] = (r["rx"], r["stroke-width"], r.get("stroke-dasharray"), len(rects))
    assert set(looks) == {"parameter", "input", "constant", "operation", "output"}
    assert len(set(looks.values())) == 5


def test_operands_in_another_order_are_numbered() -> None:
    x = ag.Tensor(2.0, requires_grad=True, name="x")
    # The operand that comes second is the one that everything else hangs on.
    y = np.exp(x)
    drawn = draw(np.tanh(np.tanh(y)) - x, names={"x": x})
    ends = [route[-1][-1][0] for route in drawn._place()[1].routes]
    left_to_right = [e.operand for _, e in sorted(zip(ends, drawn.edges, strict=True),
                     key=lambda pair: pair[0]) if e.target == drawn.vertices[-1].id]  # fmt: skip
    numbered = {"1", "2"} <= set(texts(drawn.svg()))
    assert numbered == (left_to_right != [0, 1])
    assert "operand 2 of −" in drawn.svg()


def test_after_backward_no_zero_is_drawn_for_what_is_gone() -> None:
    x = ag.Tensor(2.0, requires_grad=True, name="x")
    y = np.exp(x * x)
    y.backward()
    shown = texts(draw(y).svg())
    assert "= not kept" in shown
    assert "∇ not kept" in shown
    assert not {"= 0", "∇ 0"} & set(shown)


SCRIPT = """
import numpy as np
import autograd_core as ag, nn
from tests.viz.golden import timeless
from viz import flow_graph, curves_svg
model = nn.MLP([3, 4, 2], activation="tanh", rng=np.random.default_rng(0))
data = np.random.default_rng(1).normal(size=(5, 3))
loss = nn.cross_entropy(model(data), [0, 1, 0, 1, 1])
graph = flow_graph(loss, engine="builtin", names=locals())
graph.graph = timeless(graph.graph)
print(graph.svg(), graph.svg(step=5), graph.svg(edges="gradient", overlay="value", backward=True))
print(graph.dot(), graph.graph.to_dict(), graph.frames().html())
print(curves_svg({"validation loss": [2, 1]}))
"""


def test_the_same_bytes_under_any_hash_seed() -> None:
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        for seed in ("1", "2")
    ]
    outputs = [run.communicate(timeout=60)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert len(outputs[0]) > 5_000
    assert outputs[0] == outputs[1]


def test_a_chain_of_5000_ops() -> None:
    x = ag.Tensor(0.5, requires_grad=True, name="x")
    y = x
    for _ in range(2_500):
        y = np.tanh(y * 1.01)
    graph = draw(y)
    shown = ET.fromstring(graph.svg()).findall(f".//{SVG}g[@id]")
    # What is folded to keep it readable is said.
    assert 1 < len(shown) <= 500
    assert any(text.startswith("5,001 boxes, shown as") for text in texts(graph.svg()))


# --- roles ------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    """The contrast of two colours (WCAG 2.1)."""
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_text_can_be_read_on_every_fill() -> None:
    for style in STYLES.values():
        for ink in (TEXT, FAINT, GRADIENT, ALARM):
            assert contrast(ink, style.fill) >= 4.5
    for _, fill, _ in CHANGES.values():
        assert contrast(TEXT, fill) >= 4.5
    for i in range(101):
        assert contrast(TEXT, colour(i / 100)) >= 4.5
    # Frames within frames add up; ten of them are still read.
    tint = [int(STYLES["frame"].line[i : i + 2], 16) for i in (1, 3, 5)]
    ground = [255.0] * 3
    for _ in range(10):
        ground = [0.9 * g + 0.1 * t for g, t in zip(ground, tint, strict=True)]
    assert contrast(TEXT, "#" + "".join(f"{round(g):02x}" for g in ground)) >= 4.5


def test_scale_darkens_all_the_way() -> None:
    """It can be read without colour: by lightness alone."""
    shades = [luminance(colour(i / 50)) for i in range(51)]
    assert shades == sorted(shades, reverse=True)
    assert len(set(shades)) == 51


def test_every_role_has_a_look_of_its_own_without_colour() -> None:
    looks = {
        (s.stroke > 2, s.rounded, s.dashes, s.double, s.stacked)
        for kind, s in STYLES.items() if kind != "frame"
    }  # fmt: skip
    assert len(looks) == len(STYLES) - 1


def test_no_colour_is_used_for_two_roles() -> None:
    used = [s.line for s in STYLES.values()] + [ALARM, NOW]
    # A rule's op has the colour of gradients: that is what it computes.
    assert len(set(used)) == len(used)
    assert STYLES["rule"].line == GRADIENT
    assert len({s.fill for s in STYLES.values()}) == len(STYLES)


def rects(drawing: str, name: str) -> list[dict[str, str]]:
    """The outlines of a box."""
    root = ET.fromstring(drawing)
    return [r.attrib for r in root.iterfind(f".//{SVG}g[@id='{name}']/{SVG}rect")]


def test_where_a_nan_began_is_marked_forward_and_backward() -> None:
    graph = twice()
    forward = replace(graph.vertices[3], origin=True)
    backward = replace(graph.vertices[2], gradient_origin=True)
    graph = replace(graph, vertices=(*graph.vertices[:2], backward, forward, graph.vertices[4]))
    drawing = drawn(graph)
    assert rects(drawing, "box3")[0]["stroke"] == rects(drawing, "box2")[0]["stroke"] == ALARM
    assert rects(drawing, "box4")[0]["stroke"] != ALARM
    shown = texts(drawing)
    assert {"= first not finite", "∇ first not finite", "where that began"} <= set(shown)


def test_a_difference_is_told_by_sign_and_fill() -> None:
    graph = twice()
    changes = ["", "removed", "added", "changed", ""]
    vertices = [replace(v, change=c) for v, c in zip(graph.vertices, changes, strict=True)]
    graph = replace(graph, vertices=tuple(vertices))
    drawing = drawn(graph)
    for i, change in enumerate(changes):
        fill = CHANGES[change][1] if change else "#ffffff"
        assert rects(drawing, f"box{i}")[0]["fill"] == fill
    assert {"+", "−", "~", "added", "removed", "changed"} <= set(texts(drawing))
    # On a scale the fill means that alone, and the sign says what changed.
    by_value = drawn(graph, overlay="value")
    whole = drawn(twice(), overlay="value")
    for i in range(5):
        fill = rects(by_value, f"box{i}")[0]["fill"]
        assert fill == rects(whole, f"box{i}")[0]["fill"] != CHANGES.get(changes[i], ["", ""])[1]
    assert {"+", "−", "~", "added", "removed", "changed"} <= set(texts(by_value))
    assert not any(fill in by_value for _, fill, _ in CHANGES.values())


# --- overlays and arrows ------------------------------------------------------------------------


@pytest.mark.parametrize("overlay", [name for name in OVERLAYS if name != "role"])
def test_an_overlay_fills_by_size_and_keeps_the_borders(overlay: str) -> None:
    graph = replace(twice(), vertices=tuple(
        replace(v, seconds=1e-3 * (i + 1), nbytes=8 * (i + 1), held=16 * i)
        for i, v in enumerate(twice().vertices)
    ))  # fmt: skip
    plain, drawing = drawn(graph), drawn(graph, overlay=overlay)
    for i in range(5):
        before, after = rects(plain, f"box{i}"), rects(drawing, f"box{i}")
        assert [{**r, "fill": ""} for r in before] == [{**r, "fill": ""} for r in after]
    assert any(text.startswith(OVERLAYS[overlay]) for text in texts(drawing))
    if overlay == "value":
        # w = 0.5 is the least and x = 1.5 the greatest; v2 = 0.635 is between them.
        fills = [rects(drawing, f"box{i}")[0]["fill"] for i in range(5)]
        assert fills[1] == colour(1.0)
        assert fills[3] == colour(math.log(np.tanh(0.75) / value(graph, 4))
                                  / math.log(1.5 / value(graph, 4)))  # fmt: skip
    if overlay == "saved":
        assert rects(drawing, "box0")[0]["fill"] == colour(0.0)
        assert rects(drawing, "box2")[0]["fill"] == colour(0.5)
        assert {"0 B", "64 B"} <= set(texts(drawing))
    if overlay == "time":
        assert "5 ms" in texts(drawing)


def value(graph: Graph, i: int) -> float:
    summary = graph.vertices[i].value
    assert summary is not None
    assert summary.mean is not None
    return summary.mean


def test_scales() -> None:
    assert Scale.of([None, math.nan], log=True) is None
    scale = Scale.of([1e-4, 0.0, 1.0, math.inf, None], log=True)
    assert scale is not None
    assert [scale.at(x) for x in (1e-4, 1e-2, 1.0, 0.0)] == [0.0, 0.5, 1.0, 0.0]
    assert scale.at(None) is scale.at(math.inf) is None
    one = Scale.of([3.0, 3.0], log=True)
    assert one is not None
    assert one.at(3.0) == 1.0
    assert one.single
    # Zeros are no part of a logarithmic scale: they are told apart.
    assert scale.ends() == ("≤ 0.0001", "1")
    zero = Scale.of([0.0, None], log=True)
    assert zero is not None
    assert (zero.single, zero.at(0.0), zero.ends()[1]) == (True, 0.0, "0")
    two = Scale.of([0.0, 3.0], log=True)
    assert two is not None
    assert (two.single, two.at(0.0), two.at(3.0), two.ends()) == (False, 0.0, 1.0, ("0", "3"))
    nothing = Scale.of([0.0, 0.0], log=False, unit="B")
    assert nothing is not None
    assert (nothing.single, nothing.at(0.0), nothing.ends()[1]) == (True, 0.0, "0 B")
    wide = Scale.of([1e-300, 1.0, 1e300], log=True)
    assert wide is not None
    assert wide.at(1.0) == 0.5
    bytes_scale = Scale.of([10.0, 2_500_000.0], log=False, unit="B")
    assert bytes_scale is not None
    assert bytes_scale.ends() == ("0 B", "2.5 MB")


def test_a_scale_of_one_amount_is_one_colour_in_the_key() -> None:
    graph = twice()
    vertices = tuple(replace(v, held=0, nbytes=8) for v in graph.vertices)
    edges = tuple(replace(e, norm=2.0) for e in graph.edges)
    graph = replace(graph, vertices=vertices, edges=edges)
    # Nothing is not drawn as if it were much.
    saved = drawn(graph, overlay="saved", edges="gradient")
    assert rects(saved, "box3")[0]["fill"] == colour(0.0)
    assert "bytes kept for the backward pass: 0 B" in texts(saved)
    assert "norm of the gradient that flows through: 2" in texts(saved)
    assert {way["stroke-width"] for way in ways(saved)} == {"6"}


def test_a_gradient_that_is_not_finite_is_not_drawn_as_none() -> None:
    graph = twice()
    norms = [1.0, math.inf, 2.0, math.nan, None]
    edges = tuple(replace(e, norm=x) for e, x in zip(graph.edges, norms, strict=True))
    broken = replace(graph.vertices[0], gradient=summarize(np.array(np.nan)))
    graph = replace(graph, vertices=(broken, *graph.vertices[1:]), edges=edges)
    drawing = drawn(graph, edges="gradient", overlay="gradient")
    assert sum(way["stroke"] == ALARM for way in ways(drawing)) == 2
    assert any("logarithmic; red: not finite" in text for text in texts(drawing))
    assert any("white: not known or not finite" in text for text in texts(drawing))
    edges = tuple(replace(e, norm=math.inf) for e in graph.edges)
    drawing = drawn(replace(graph, edges=edges), edges="gradient")
    assert "norm of the gradient that flows through: not known; red: not finite" in texts(drawing)
    assert sum(way["stroke"] == ALARM for way in ways(drawing)) >= 5


def test_what_is_not_known_is_said_so() -> None:
    graph = twice()
    vertices = tuple(replace(v, gradient=None, seconds=None) for v in graph.vertices)
    edges = tuple(replace(e, norm=None) for e in graph.edges)
    graph = replace(graph, vertices=vertices, edges=edges, steps=())
    drawing = drawn(graph, overlay="time", edges="gradient", backward=True)
    assert "time, forward and backward: not known" in texts(drawing)
    assert "norm of the gradient that flows through: not known" in texts(drawing)
    assert "gradient sent back" not in texts(drawing)


def test_at_a_step_no_colour_tells_what_is_not_known_yet() -> None:
    graph = twice()
    product = graph.vertices[2]
    assert product.op == "multiply"
    backward = replace(product, gradient_origin=True)
    graph = replace(graph, vertices=(*graph.vertices[:2], backward, *graph.vertices[3:]))
    for k in range(len(graph.steps)):
        state = after(graph, k)
        come, both = state.got.get(2, (0, 2, ""))[:2]
        drawing = drawn(graph, step=k, overlay="gradient")
        assert (rects(drawing, "box2")[0]["fill"] != "#ffffff") == (come == both)
        assert (rects(drawing, "box2")[0]["stroke"] == ALARM) == (come == both)
        drawing = drawn(graph, step=k, overlay="value", edges="gradient")
        assert (rects(drawing, "box2")[0]["fill"] == "#ffffff") == (2 in state.waiting)
        thick = [w for w in ways(drawing) if w["stroke-width"] != "0.8" and w["told"]]
        assert len(thick) == len(state.sent)


def ways(drawing: str) -> list[dict[str, str]]:
    """The lines of the drawing's arrows."""
    root = ET.fromstring(drawing)
    group = root.findall(f"{SVG}g")[0]
    return [
        p.attrib | {"told": p.findtext(f"{SVG}title", "")}
        for p in group.iter(f"{SVG}path") if p.get("fill") == "none"
    ]  # fmt: skip


def test_edges_by_the_norm_of_the_gradient() -> None:
    graph = twice()
    norms = [edge.norm for edge in graph.edges]
    assert None not in norms
    shown = ways(drawn(graph, edges="gradient"))
    widths = [float(way["stroke-width"]) for way in shown]
    # What is widest is drawn last.
    assert widths == sorted(widths)
    assert [way["told"].split()[-1] for way in shown] == [number(x) for x in sorted(norms)]
    assert (min(widths), max(widths)) == (1.2, 6.0)
    assert any("norm of the gradient" in text for text in texts(drawn(graph, edges="gradient")))


def test_explained_paths_carry_their_share() -> None:
    graph = twice()
    shares = [0.25, 0.0, None, 0.75, None]
    edges = tuple(replace(e, share=s) for e, s in zip(graph.edges, shares, strict=True))
    drawing = drawn(replace(graph, edges=edges))
    strokes = [way["stroke"] == GRADIENT for way in ways(drawing)]
    assert strokes == [False, False, False, True, True]
    assert {"25 %", "75 %"} <= set(texts(drawing))
    assert "0 %" not in texts(drawing)


def test_the_backward_pass_is_drawn_beside_the_forward_pass() -> None:
    graph = twice()
    forward, both = ways(drawn(graph)), ways(drawn(graph, backward=True))
    assert len(forward) == 5
    assert [way for way in both if "stroke-dasharray" not in way] == forward
    back = [way for way in both if "stroke-dasharray" in way]
    assert len(back) == 5
    assert {way["stroke"] for way in back} == {GRADIENT}
    # The figures of a contribution stand beside its arrow.
    assert "0.75" in texts(drawn(graph, backward=True))


def test_what_is_sent_back_runs_upward_and_never_on_the_other_arrow() -> None:
    made = scene(*place(network()), Looks(backward=True))
    forward = {(w.source, w.target): w.pieces[0] for w in made.ways if not w.back}
    back = [w for w in made.ways if w.back]
    # All arrows but that of the classes, which take no gradient.
    assert len(back) == len(forward) - 1
    for way in back:
        down, up = forward[way.source, way.target], way.pieces[0]
        assert (up[0][1], up[-1][1]) == (down[-1][1], down[0][1])
        assert up[0][1] > up[-1][1]
        for (x, y), (a, b) in zip(up, reversed(down), strict=True):
            assert 3.0 < math.hypot(x - a, y - b) < 11.0


@pytest.mark.parametrize("graph", [residual, straight])
def test_every_arrow_runs_from_box_to_box_where_arrows_differ(graph: Callable[[], Graph]) -> None:
    shown, boxes, layout = place(graph())

    def leaves(way: Way) -> bool:
        x, y = way.pieces[0][0] if not way.back else way.pieces[-1][-1]
        (cx, cy), box_ = layout.centres[way.source], boxes[way.source]
        return abs(x - cx) <= box_.width / 2 + 8 and abs(y - cy - box_.height / 2) < 0.1

    # Plain ones share their trunk.
    assert not all(map(leaves, scene(shown, boxes, layout, Looks()).ways))
    for looks in (Looks(backward=True), Looks(edges="gradient"), Looks(step=-1)):
        made = scene(shown, boxes, layout, looks).ways
        assert all(map(leaves, made))
        assert any(way.back for way in made) == (looks.edges == "plain")
        for way in made:
            points = way.pieces[0]
            down = points[::-1] if way.back else points
            assert all(y <= below + 1e-9 for (_, y), (_, below) in pairwise(down))
            assert len(points) % 3 == 1


def test_some_arrows_leave_a_trunk_where_it_bends_and_some_where_it_is_straight() -> None:
    """So that the test above is about both; and in random graphs all are found too."""
    rng = random.Random(0)
    bends = set()
    for _ in range(60):
        n = rng.randint(5, 20)
        joined = sorted({(rng.randrange(v), v) for v in range(1, n) for _ in range(2)})
        layout = layered([(rng.uniform(40, 200), 50)] * n, joined)
        arrows = tuple(Arrow(u, v, ()) for u, v in joined)
        routes = whole(View(Graph((), (), (), ()), (), arrows, ()), layout)
        for (u, _), own, (points, *more) in zip(joined, layout.routes, routes, strict=True):
            assert more or abs(points[0][1] - layout.centres[u][1] - 25) < 0.1
            if points[0] != own[0][0]:
                nodes = [p for r, (a, _) in zip(layout.routes, joined, strict=True) if a == u
                         for p in r[0][::3] if r is not own]  # fmt: skip
                bends.add(min(math.dist(p, own[0][0]) for p in nodes) < 0.01)
    assert bends == {True, False}


def test_words_beside_arrows_overlap_nothing() -> None:
    shown, boxes, layout = place(network())
    made = scene(shown, boxes, layout, Looks(backward=True))
    words = [note for note in made.notes if note.colour == GRADIENT]
    assert len(words) > 3
    areas = [(n.x, n.y - 9, n.x + width(n.words, n.size, fixed=True), n.y + 2) for n in words]
    for i, (left, top, right, bottom) in enumerate(areas):
        for box_, (x, y) in zip(boxes, layout.centres, strict=True):
            beside = abs(x - (left + right) / 2) >= (box_.width + right - left) / 2
            assert beside or abs(y - (top + bottom) / 2) >= (box_.height + bottom - top) / 2
        for a, b, c, d in areas[:i]:
            assert c <= left or right <= a or d <= top or bottom <= b


@pytest.mark.parametrize(
    ("looks", "words"),
    [
        ({"overlay": "colour"}, "unknown overlay 'colour'; the overlays are role, gradient"),
        ({"edges": "wide"}, "unknown edges 'wide'; they are drawn plain or gradient"),
    ],
)
def test_unknown_looks_name_the_known_ones(looks: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Looks(**looks)  # type: ignore[arg-type]


def test_a_look_that_there_is_not() -> None:
    drawing = flow_graph(ag.Tensor(2.0, requires_grad=True) * 3)
    with pytest.raises(TypeError, match="unknown look 'overlays'; the looks are overlay, edges"):
        drawing.svg(overlays="bytes")


def test_looks_of_a_wrong_type() -> None:
    with pytest.raises(TypeError, match="backward must be True or False, not 1"):
        Looks(backward=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="step must be the number of a step, not 1.5"):
        Looks(step=1.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="step must be"):
        Looks(step=True)


def test_100_000_boxes_are_drawn_by_force_only() -> None:
    check_size(100_000, Looks())
    check_size(100_001, Looks(force=True))
    with pytest.raises(ValueError, match=r"100,001 boxes.*depth=.*\.html.*force=True"):
        check_size(100_001, Looks())


# --- steps --------------------------------------------------------------------------------------


def figures(drawing: str, name: str) -> list[str]:
    root = ET.fromstring(drawing)
    return [t.text or "" for t in root.iterfind(f".//{SVG}g[@id='{name}']/{SVG}text")
            if "font-family" in t.attrib]  # fmt: skip


def test_a_step_shows_what_is_known_by_then() -> None:
    """``y = tanh(h) * h`` with ``h = w x``: by hand, for w = 0.5 and x = 1.5."""
    graph = twice()
    first = drawn(graph, step=0)
    assert figures(first, "box2") == ["= 0.75"]
    assert figures(first, "box3") == []
    assert rects(first, "box3")[0]["opacity"] == "0.4"
    assert "opacity" not in rects(first, "box2")[0]
    seeded = drawn(graph, step=3)
    assert figures(seeded, "box4") == ["= 0.4764", "∇ 1"]
    assert figures(seeded, "box2") == ["= 0.75"]
    half = drawn(graph, step=5)
    assert figures(half, "box2") == ["= 0.75", "∇ 1 of 2"]
    whole = drawn(graph, step=6)
    g = np.tanh(0.75) + 0.75 * (1 - np.tanh(0.75) ** 2)
    assert figures(whole, "box2") == ["= 0.75", f"∇ {g:.4g}"]
    assert figures(whole, "box0") == ["= 0.5"]
    assert figures(drawn(graph, step=-1), "box0") == ["= 0.5", f"∇ {1.5 * g:.4g}"]


def test_no_step_shows_a_gradient_before_it_came() -> None:
    for graph in (twice(), network()):
        for k, step in enumerate(graph.steps):
            drawing = drawn(graph, step=k)
            told = {graph.edges[s.edge].source if s.edge is not None else s.vertex
                    for s in graph.steps[: k + 1] if s.phase != "forward"}  # fmt: skip
            for vertex in graph.vertices:
                lines = [x for x in figures(drawing, f"box{vertex.id}") if x[0] == "∇"]
                assert bool(lines) == (vertex.id in told) or vertex.gradient is None
            assert any(text == f"{k + 1}. {step.caption}" for text in texts(drawing))


def test_a_step_marks_its_box_and_its_arrow() -> None:
    root = ET.fromstring(drawn(twice(), step=5))
    marks = [e for e in root.iter() if NOW in (e.get("fill"), e.get("stroke"))]
    # The box, the arrow, and the sign in the key.
    assert [e.tag.removeprefix(SVG) for e in marks] == ["rect", "path", "rect"]


def test_unknown_steps() -> None:
    with pytest.raises(ValueError, match=r"no step 9: this graph has 9 steps, 0 to 8"):
        drawn(twice(), step=9)
    with pytest.raises(ValueError, match="no step 0: this graph has 0 steps; record"):
        drawn(replace(twice(), steps=()), step=0)


@pytest.mark.parametrize("name", GOLDEN)
def test_drawings_are_as_in_the_golden_files(name: str) -> None:
    """When one differs on purpose, look at it and run ``python -m tests.viz.drawings``."""
    assert GOLDEN[name]() == (Path(__file__).parent / name).read_text(encoding="utf-8")


# --- in a browser -------------------------------------------------------------------------------

OVERFLOWS = """() => {
  const found = [];
  const root = document.querySelector("svg").getBoundingClientRect();
  for (const text of document.querySelectorAll("text")) {
    const t = text.getBoundingClientRect();
    if (t.left < root.left || t.right > root.right || t.bottom > root.bottom) {
      found.push("leaves the drawing: " + text.textContent);
    }
    const box = text.closest("g[id]");
    const rect = box && box.querySelector("rect").getBoundingClientRect();
    if (rect && (t.left < rect.left + 2 || t.right > rect.right - 2 || t.top < rect.top
                 || t.bottom > rect.bottom)) {
      found.push("leaves its box: " + text.textContent);
    }
  }
  const texts = [...document.querySelectorAll("text")].map((t) => [t, t.getBoundingClientRect()]);
  texts.forEach(([a, p], i) => texts.slice(0, i).forEach(([b, q]) => {
    const wide = Math.min(p.right, q.right) - Math.max(p.left, q.left);
    const high = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
    if (wide > 1 && high > 3) found.push(`${a.textContent} over ${b.textContent}`);
  }));
  return [texts.length, found];
}"""


def test_no_text_overflows_or_covers_another_in_a_browser(browser: Any) -> None:
    shown = {
        "open": drawn(network()),
        "folded": drawn(network(), ()),
        "folded at a step": drawn(network(), (), step=9),
        "a step": drawn(network(), step=9),
        "both passes": drawn(network(), backward=True),
        "overlays": drawn(network(), overlay="value", edges="gradient"),
        "counted": drawn(twice(), step=5),
        **{name: graph.svg() for name, graph in graphs().items()},
    }
    page = browser.new_page()
    for name, drawing in shown.items():
        page.set_content(drawing)
        count, found = page.evaluate(OVERFLOWS)
        assert count > 5
        assert found == [], name
    # It can fail: larger text does leave its box.
    page.set_content(shown["open"].replace('font-size="10.5"', 'font-size="14"'))
    assert any(text.startswith("leaves its box") for text in page.evaluate(OVERFLOWS)[1])
    page.close()
