"""Drawings in notebooks: alive where scripts run, isolated from the page around them, never lost.

One notebook is executed and exported once, in a process of its own; the exported page is opened in
a real browser.
"""

import base64
import html
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import autograd_core as ag
import viz
from viz.notebook import MANY_BOXES, framed, mimebundle

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")
pytest.importorskip("nbconvert")
pytest.importorskip("ipykernel")

CELLS = [
    """
    import numpy as np
    import autograd_core as ag
    import viz
    from IPython.display import HTML, display

    x = ag.Tensor([0.5, -1.0], requires_grad=True, name="x")
    first = viz.flow_graph(ag.sum(ag.tanh(x) * 2))
    """,
    # What a notebook's theme or another library could do to everything on the page.
    """
    HTML('''<style>
    * { color: red !important; font-family: cursive !important; letter-spacing: 9px !important }
    svg text { font-size: 40px !important; fill: red !important }
    rect, path { stroke: red !important; fill: red !important }
    #box0, #box1 { display: none !important }
    </style>''')
    """,
    "first",
    "viz.flow_graph(ag.exp(x[0] / 3))",
    """
    with viz.record() as recording:
        ag.sum(x * x).backward()
    recording
    """,
    "recording.flow_graph().frames()",
    f"""
    y = x[0]
    for _ in range({MANY_BOXES}):
        y = ag.tanh(y)
    viz.flow_graph(y, engine="builtin")
    """,
]

EXPORT = """
import sys, nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter

path = sys.argv[1]
notebook = nbformat.read(path, as_version=4)
NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
nbformat.write(notebook, path)
body, _ = HTMLExporter().from_notebook_node(notebook)
with open(path.replace(".ipynb", ".html"), "w", encoding="utf-8") as file:
    file.write(body)
"""


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An executed notebook; beside it lies its static export."""
    folder = tmp_path_factory.mktemp("notebook")
    cells = [
        nbformat.v4.new_code_cell(re.sub(r"^    ", "", cell, flags=re.MULTILINE).strip())
        for cell in CELLS
    ]
    path = folder / "drawings.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    # Jupyter's own warnings are its own affair; it leaves nothing in the home directory.
    homes = {
        name: str(folder / name.lower())
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    }
    root = str(Path(__file__).resolve().parents[2])
    environment = {key: v for key, v in os.environ.items() if key != "PYTHONWARNINGS"}
    done = subprocess.run(
        [sys.executable, "-c", EXPORT, str(path)],
        env=environment | homes | {"PYTHONPATH": root, "JUPYTER_PLATFORM_DIRS": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return path


def outputs(notebook: Path) -> list[dict[str, Any]]:
    """The bundles that the cells showed, one each."""
    read = nbformat.read(notebook, as_version=4)
    return [output["data"] for cell in read.cells for output in cell.outputs if "data" in output]


def bundles(notebook: Path) -> list[dict[str, Any]]:
    """Those of drawings."""
    found = [data for data in outputs(notebook) if "image/svg+xml" in data]
    assert len(found) == 5
    return found


def test_a_notebook_keeps_three_forms(notebook: Path) -> None:
    for data in bundles(notebook):
        assert set(data) == {"text/html", "image/svg+xml", "text/plain"}
        assert data["text/plain"].startswith(("Flow graph of ", "6 drawings of the steps of both"))
        assert len(data["text/plain"].splitlines()) <= 22
        assert ET.fromstring(data["image/svg+xml"]).tag == "{http://www.w3.org/2000/svg}svg"


def test_large_graphs_do_not_bloat_a_notebook(notebook: Path) -> None:
    *small, large = bundles(notebook)
    for data in small:
        assert data["text/html"].count("<iframe ") == 1
    assert "<iframe" not in large["text/html"]
    assert f"{MANY_BOXES + 2:,} boxes are more than a notebook should keep" in large["text/html"]
    assert large["image/svg+xml"].count('<g id="box') <= 500
    assert sum(len(part) for part in large.values()) < 1_500_000


#: What hosts of notebooks, and notebooks that are not trusted, take out.
FRAME = r"<style>.*?</style>|<iframe .*?</iframe>"


def test_where_frames_are_removed_the_drawing_is_left(notebook: Path) -> None:
    # As hosts of notebooks do: no frames, no scripts, no styles.
    text = bundles(notebook)[0]["text/html"]
    left = re.sub(FRAME + r"| style=\"[^\"]*\"", "", text, flags=re.DOTALL)
    found = re.fullmatch(
        r'<img alt="Flow graph of \w+: \d boxes" src="data:image/svg\+xml;base64,(.+?)">', left
    )
    assert found is not None, left[:300]
    assert base64.b64decode(found[1]).decode() == bundles(notebook)[0]["image/svg+xml"]


def test_forms_that_are_not_asked_for_are_not_made() -> None:
    drawing = viz.flow_graph(ag.Tensor(1.0, requires_grad=True) * 2)
    assert set(mimebundle(drawing, include=["text/plain"])) == {"text/plain"}
    assert set(mimebundle(drawing, exclude=["text/html"])) == {"text/plain", "image/svg+xml"}
    assert set(drawing._repr_mimebundle_(include={"image/svg+xml"})) == {"image/svg+xml"}


def test_a_handout_that_is_too_long_is_an_image_of_its_end() -> None:
    frames = viz.flow_graph(lambda x: ag.tanh(x) * x, 1.0).frames()
    text = frames._repr_mimebundle_()["text/plain"].splitlines()
    assert text[0] == f"{len(frames)} drawings of the steps of both passes"
    assert text[1:] == frames.captions()
    assert set(frames[:0]._repr_mimebundle_()) == {"text/plain"}
    data = viz.flow_graph(lambda x: [x := ag.tanh(x) for _ in range(60)][-1], 1.0).frames()
    long = data._repr_mimebundle_()
    assert "<iframe" not in long["text/html"]
    assert f"{len(data)} drawings are more than a notebook should keep" in long["text/html"]
    assert long["image/svg+xml"] == data[-1]
    assert long["text/plain"].endswith(f"… and {len(data) - 20} more")


def test_labels_cannot_leave_the_frame() -> None:
    evil = "</iframe><script>alert(1)</script>\"'&quot;<img src=x onerror=alert(1)>"
    drawing = viz.flow_graph(ag.Tensor(1.0, requires_grad=True, name=evil) * 2)
    text = mimebundle(drawing)["text/html"]
    # Nothing but the three elements that are meant: what the label holds is within an attribute.
    assert re.findall(r"<(\w+)", text) == ["style", "iframe", "img"]
    (srcdoc,) = re.findall(r'srcdoc="([^"]*)"', text)
    assert html.unescape(srcdoc) == drawing.html()


@pytest.mark.parametrize(
    ("size", "tall"), [((100, 50), 320), ((800, 400), 550), ((1800, 800), 550), ((100, 5000), 760)]
)
def test_the_frame_is_as_high_as_the_drawing_needs(size: tuple[int, int], tall: int) -> None:
    svg = f'<svg width="{size[0]}" height="{size[1]}"></svg>'
    assert f"height:{tall}px" in framed("<p>", svg, "")


# --- in a browser -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def host(browser: Any, notebook: Path) -> Iterator[Any]:
    """The exported notebook in a browser, away from any network."""
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    page.set_default_timeout(30_000)  # an idle machine needs a hundredth
    page.route(re.compile("^https?:"), lambda route: route.abort())
    page.goto(notebook.with_suffix(".html").as_uri(), wait_until="load")
    yield page
    page.close()


def drawings(host: Any) -> list[Any]:
    """The frames of the drawings."""
    frames = [frame for frame in host.frames if frame.parent_frame is not None]
    assert len(frames) == 4
    for frame in frames[:3]:
        frame.wait_for_selector("#graph text")
    return frames[:3]


def test_drawings_are_alive_in_an_exported_notebook(host: Any) -> None:
    for frame in drawings(host):
        says = frame.locator("#says")
        before = says.inner_text()
        frame.locator("#first").click()
        frame.locator("#on").click()
        after = says.inner_text()
        frame.locator("#on").click()
        assert len({before, after, says.inner_text()}) == 3


def test_a_handout_pages_in_an_exported_notebook(host: Any) -> None:
    drawings(host)
    frame = [frame for frame in host.frames if frame.parent_frame is not None][3]
    shown = "() => [...document.querySelectorAll('section')].map(e => e.checkVisibility())"
    first = frame.evaluate(shown)
    assert first == [True] + [False] * 5
    frame.locator("#last").click()
    assert frame.evaluate(shown) != first


def test_each_steps_by_itself(host: Any) -> None:
    first, second, _ = drawings(host)
    second.locator("#last").click()
    told = second.locator("#says").inner_text()
    for _ in range(2):
        first.locator("#first").click()
        first.locator("#on").click()
    assert second.locator("#says").inner_text() == told


COLOURS = """() => [...document.querySelectorAll("svg text, svg rect")].map(e => {
    const s = getComputedStyle(e);
    return [e.tagName, s.fill, s.color, s.fontSize, s.letterSpacing, s.display];
})"""


def test_styles_of_the_page_around_do_not_reach_in(host: Any, browser: Any) -> None:
    (frame, *_) = drawings(host)
    frame.locator("#last").click()
    alone = browser.new_page(viewport={"width": 1100, "height": 700})
    srcdoc = host.locator("iframe").first.get_attribute("srcdoc")
    alone.set_content(srcdoc)
    alone.wait_for_selector("svg text")
    alone.locator("#last").click()
    looks = alone.evaluate(COLOURS)
    assert len(looks) > 8
    assert all(look[3] != "40px" and look[4] == "normal" for look in looks)
    assert frame.evaluate(COLOURS) == looks
    alone.close()
    # The page around is as it was told to be: the test is of something.
    prompt = host.locator("pre").first.evaluate("e => getComputedStyle(e).letterSpacing")
    assert prompt == "9px"


def test_a_frame_can_do_nothing_to_the_notebook(host: Any) -> None:
    frame = drawings(host)[0]
    assert frame.evaluate("() => origin") == "null"
    with pytest.raises(Exception, match="SecurityError|cross-origin"):
        frame.evaluate("() => parent.document.title")
    for element in host.locator("iframe").all():
        assert element.get_attribute("sandbox") == "allow-scripts"
        assert re.match("Flow graph of |6 drawings of ", element.get_attribute("title"))


def test_drawings_fill_the_width_and_hide_the_image_below(host: Any) -> None:
    drawings(host)
    for element in host.locator("iframe").all():
        box = element.bounding_box()
        assert 900 < box["width"] < 1100
        assert 320 <= box["height"] <= 760
        assert element.locator("+ img").count() == 1
        assert not element.locator("+ img").is_visible()


EXTENT = """() => {
    const edges = [...document.querySelectorAll("#graph text")].map(e => e.getBoundingClientRect());
    return [Math.min(...edges.map(e => e.left)), Math.max(...edges.map(e => e.right)), innerWidth];
}"""


def test_a_frame_that_got_its_room_late_shows_the_whole_drawing(host: Any, browser: Any) -> None:
    # As in a tab of a notebook that is opened later.
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    page.set_content(f'<div style="width:60px">{bundle_html(host)}</div>')
    page.frames[1].wait_for_selector("svg text")
    page.evaluate("() => document.querySelector('div').style.width = '1000px'")
    page.frames[1].wait_for_function(
        f"() => {{ const [left, right, room] = ({EXTENT})();"
        "return room === 1000 && Math.abs(0.5 * (left + right) - 500) < 40; }"
    )
    page.close()


def bundle_html(host: Any) -> str:
    """What the notebook holds of the first drawing."""
    return host.locator("iframe").first.evaluate("e => e.parentNode.outerHTML")


def test_where_frames_are_removed_the_image_is_seen(browser: Any, notebook: Path) -> None:
    page = browser.new_page()
    # A drawing that is higher than its frame would be is not cut.
    text = framed("<p>", '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="3000"/>', "")
    for shown in (bundles(notebook)[0]["text/html"], text):
        for pattern in (FRAME, "<iframe .*?</iframe>"):
            page.set_content(re.sub(pattern, "", shown, flags=re.DOTALL))
            image = page.locator("img")
            width, height = image.evaluate(
                "e => e.decode().then(() => [e.naturalWidth, e.naturalHeight])"
            )
            assert image.bounding_box()["height"] == pytest.approx(height, abs=1)
            assert image.bounding_box()["width"] == pytest.approx(width, abs=1)
            assert page.evaluate("document.documentElement.scrollHeight") >= height
    page.close()
