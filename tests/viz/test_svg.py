"""The drawing: text stays text and within its box, the same bytes each time, and it has a key."""

import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import font_manager, ft2font

import autograd_core as ag
import nn
from viz import FlowGraph, Graph, Vertex, flow_graph
from viz.boxes import box
from viz.dot import source
from viz.text import clean

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


@pytest.mark.parametrize("name", NASTY)
def test_names_are_text_to_graphviz(name: str) -> None:
    label = re.search(r'\tv0 \[label="((?:[^"\\]|\\.)*)"', square(name).dot())
    assert label is not None
    read = label[1].replace('\\"', '"').replace("\\n", "\n", 1)
    shown = read.split("\n")[0] if "\\\\" not in read else read
    plain = shown.replace("&amp;", "&").replace("\\\\", "\\")
    assert plain.startswith((clean(name) or "parameter")[:9])


def test_a_label_is_no_html_to_graphviz() -> None:
    vertex = Vertex(0, "op", "exp", "<b>bold</b>", None, (), "float64")
    graph = Graph((vertex,), (), (0,), ())
    assert 'label="<b>bold</b>"' in source(graph, [box(vertex)])


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
from viz import flow_graph, curves_svg
model = nn.MLP([3, 4, 2], activation="tanh", rng=np.random.default_rng(0))
data = np.random.default_rng(1).normal(size=(5, 3))
loss = nn.cross_entropy(model(data), [0, 1, 0, 1, 1])
graph = flow_graph(loss, engine="builtin", names=locals())
print(graph.svg(), graph.dot(), graph.graph.to_dict(), curves_svg({"validation loss": [2, 1]}))
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
    start = time.perf_counter()
    drawing = draw(y).svg()
    assert time.perf_counter() - start < 15  # about 0.7 s where nobody else computes
    assert len(ET.fromstring(drawing).findall(f".//{SVG}g[@id]")) == 5_001
