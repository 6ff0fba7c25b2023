"""The page as text: small, closed to the network, safe for any label, the same every time."""

import colorsys
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_core as ag
import nn
import viz
from tests.viz.pages import HOSTILE, hostile, large, two_ways, written
from viz.drawing import boxes
from viz.graph.summary import summarize
from viz.page import embedded
from viz.page.assets import dark, pack, squeeze, unpack
from viz.page.rows import _signs, encode
from viz.text import number

ROOT = Path(__file__).resolve().parents[2]


def data_of(page: str) -> dict[str, object]:
    """The data that a page carries, as a browser reads it."""
    form, text = re.search(r'<script type="([^"]*)" id="data">(.*?)</script>', page, re.S).groups()
    if form == "text/plain":
        text = unpack(text)
    return json.loads(text)


def training_graph() -> viz.FlowGraph:
    """A network of six layers as it was trained: 31 boxes, both passes."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 4)), rng.normal(size=(32, 2))
    with ag.seed(0):
        model = nn.MLP([4, 16, 16, 16, 16, 16, 2], activation="relu")
    with viz.record() as recording:
        # A weight that is used twice, so that its gradient has two contributions.
        loss = ((model(x) - y) ** 2).mean() + model.layers[0].weight.mean()
        loss.backward()
    return recording.flow_graph(names=model)


def test_31_boxes_take_at_most_40_kB() -> None:
    drawing = training_graph()
    assert len(drawing.vertices) == 31
    assert len(drawing.steps) > 31
    assert len(drawing.html().encode()) <= 40_000


def test_the_page_asks_for_nothing() -> None:
    page = written(two_ways())
    policy = re.search(r'"Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy == (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    # No address but XML's name, in what is packed too.
    packed = re.findall(r'await unpack\("([^"]*)"\)', page)
    assert len(packed) == 1
    for text in (page.replace(packed[0], ""), unpack(packed[0])):
        assert set(re.findall(r"\w+://[^\s\"'`]*", text)) <= {"http://www.w3.org/2000/svg"}
        for word in (
            "fetch(", "XMLHttpRequest", "import(", "localStorage", "document.cookie", "innerHTML",
            "insertAdjacentHTML", "document.write", "eval(", "url(",
        ):  # fmt: skip
            assert word not in text


@given(st.text())
def test_packed_texts_can_stand_in_a_page(text: str) -> None:
    packed = pack(text)
    assert unpack(packed) == text
    assert packed.isascii()
    assert not set(packed) & set('<&"\\\n')


def test_labels_cannot_leave_the_data() -> None:
    page = written(hostile())
    assert page.count("</script>") == 2
    assert "<img" not in page
    assert "\u2028" not in page
    assert data_of(page)["c"] != ""
    assert HOSTILE in json.dumps(data_of(page), ensure_ascii=False).replace("\\u2028", "\u2028") \
        .replace('\\"', '"')  # fmt: skip


@given(st.text())
def test_escaped_json_is_the_same_json(text: str) -> None:
    escaped = embedded(json.dumps([text], ensure_ascii=False))
    assert json.loads(escaped) == [text]
    assert not set(escaped) & set("<>&\u2028\u2029")


def test_the_title_is_escaped() -> None:
    graph = two_ways()
    output = replace(graph.vertices[5], name="</title><script>alert(1)</script>")
    page = written(replace(graph, vertices=(*graph.vertices[:5], output)))
    assert "<script>alert" not in page
    assert "&lt;/title&gt;" in page


def test_the_same_bytes_under_any_hash_seed() -> None:
    code = (
        "import hashlib; from tests.viz.pages import *;"
        "print(hashlib.sha256((written(two_ways()) + written(large(60))).encode()).hexdigest())"
    )
    prints = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(prints) == 1


def test_texts_that_recur_are_told_once() -> None:
    graph = large(40)
    rows = encode(graph, [boxes.box(v) for v in graph.vertices], boxes.group_boxes(graph), [])
    text = json.dumps(rows, ensure_ascii=False)
    assert text.count("(8,) float64") == 1
    assert rows["o"] == []
    # Without its statistics, a box of a large graph is tens of bytes.
    plain = replace(
        graph,
        vertices=tuple(replace(v, value=None, gradient=None) for v in graph.vertices),
    )
    rows = encode(plain, [boxes.box(v) for v in plain.vertices], boxes.group_boxes(plain), [])
    assert len(json.dumps(rows["v"], separators=(",", ":"))) < 50 * len(graph.vertices)


@pytest.mark.slow
def test_ten_thousand_boxes_take_about_a_megabyte() -> None:
    assert len(written(large(), []).encode()) < 1_200_000


@given(st.lists(st.floats(-1e9, 1e9), min_size=5, max_size=9), st.floats(1e-9, 1e6))
def test_figures_that_the_page_derives_are_those_of_the_box(values: list[float], by: float) -> None:
    graph = two_ways()
    array = np.array(values) * by
    v = replace(graph.vertices[3], value=summarize(array))
    changed = replace(graph, vertices=(*graph.vertices[:3], v, *graph.vertices[4:]))
    made = [boxes.box(one) for one in changed.vertices]
    rows = encode(changed, made, boxes.group_boxes(changed), [])
    texts = rows["s"]
    line = next(line.text for line in made[3].lines if line.text.startswith("= "))
    row = rows["v"][3]
    said = next(t for t in (_said(held, texts) for held in row[4][2::2]) if t[0] == "=")
    if said == "=":
        _, _, mean, std, low, high = row[7][:6]
        said = f"= {number(mean)} ±{number(std, 2)} [{number(low)}, {number(high)}]"
    assert said == line


def _said(held: object, texts: list[str]) -> str:
    return texts[held] if isinstance(held, int) else held


@pytest.mark.parametrize(
    ("script", "short"),
    [
        ("// a note\nlet a = 1;\n", "let a=1;"),
        ('const s = "a  + b // c";', 'const s="a  + b // c";'),
        ("const t = `x  ${y + 1}`;", "const t=`x  ${y + 1}`;"),
        ("a - -b; c + +d;", "a- -b;c+ +d;"),
        ("if (a) {\n  b();\n}\nelse c();", "if(a){b()}else c();"),
        ('return "a" + b;', 'return"a"+b;'),
        ('const e = "\\"  ;";', 'const e="\\"  ;";'),
        ('f(/ = "\\/ /g, a / b);', 'f(/ = "\\/ /g,a/b);'),
    ],
)
def test_scripts_lose_only_what_people_need(script: str, short: str) -> None:
    assert squeeze(script).replace("return ", "return") == short.replace("return ", "return")


def test_scripts_keep_to_what_squeezing_asks() -> None:
    for path in sorted((ROOT / "viz" / "page").glob("*.js")):
        for number_, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            where = f"{path.name}:{number_}"
            assert line.count("`") % 2 == 0, f"{where}: a text over several lines"
            assert "/*" not in line, f"{where}: a comment that is not on a line of its own"
            assert not re.search(r"[;{}]\s*//", line), f"{where}: a comment after code"
            code = re.sub(r"\(/(?:[^/\\]|\\.)+/", "(", line)
            code = re.sub(r'"(?:[^"\\]|\\.)*"', '""', code)
            assert not re.search(r"[=:,?&|!]\s*/[^/]", code), f"{where}: a pattern without bracket"


@pytest.mark.parametrize("style", boxes.STYLES.values(), ids=boxes.STYLES)
def test_dark_colours_have_the_same_hue(style: boxes.Style) -> None:
    def hue(colour: str) -> tuple[float, float]:
        red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        h, _, s = colorsys.rgb_to_hls(red, green, blue)
        return h, s

    for colour, lightness in ((style.fill, 0.16), (style.line, 0.66)):
        (before, strength), (after, _) = hue(colour), hue(dark(colour, lightness))
        if strength > 0.1:
            assert abs((before - after + 0.5) % 1 - 0.5) < 0.03


def test_a_graph_without_groups_steps_or_gradients() -> None:
    graph = two_ways()
    plain = replace(
        graph, groups=(), steps=(), no_gradient="not computed",
        vertices=tuple(
            replace(v, group=None, gradient=None, gradient_note="not computed")
            for v in graph.vertices
        ),
    )  # fmt: skip
    rows = data_of(written(plain))
    assert (rows["g"], rows["t"], rows["o"]) == ([], [], [])


def test_the_key_is_the_drawings_also_for_several_outputs() -> None:
    x = ag.Tensor([1.0, 2.0], requires_grad=True, name="x")
    drawing = viz.flow_graph([ag.sum(x * x), ag.sum(ag.exp(x))])
    says = "gradient of the outputs"
    assert ["∇", says] in _signs(drawing.graph)
    assert says in drawing.svg()
