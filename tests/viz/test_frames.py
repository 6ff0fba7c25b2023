"""Handouts: one drawing per step, all alike, and the file that pages through them."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
from tests.viz.drawings import network, place, twice
from viz import flow_graph
from viz.drawing import svg
from viz.drawing.frames import Frames, frames
from viz.drawing.looks import Looks

SVG = "{http://www.w3.org/2000/svg}"


def of(graph: Any = None, **options: Any) -> Frames:
    return frames(*place(twice() if graph is None else graph), **options)


def test_one_drawing_per_step_all_of_one_size_and_layout() -> None:
    for graph in (twice(), network()):
        made = of(graph)
        assert len(made) == len(graph.steps) == len(list(made))
        heads = {drawing.split("viewBox", 1)[1].split('"', 2)[1] for drawing in made}
        assert len(heads) == 1
        places = [
            [(r.get("x"), r.get("y")) for g in ET.fromstring(d).iter(f"{SVG}g") if g.get("id")
             for r in g.iter(f"{SVG}rect")]
            for d in made
        ]  # fmt: skip
        assert all(p == places[0] for p in places)
        assert len(set(made)) == len(made)


def test_they_are_the_drawings_of_the_steps() -> None:
    shown, boxes, layout = place(twice())
    made = frames(shown, boxes, layout, Looks(edges="gradient"), range(2, 9, 3))
    assert made.steps == (2, 5, 8)
    for i, step in enumerate((2, 5, 8)):
        assert made[i] == svg.draw(shown, boxes, layout, Looks(edges="gradient", step=step))
    assert made[-1] == made[2]
    assert list(made[1:]) == [made[1], made[2]]
    assert of(steps=[-1]).steps == (8,)
    with pytest.raises(IndexError):
        made[3]
    assert repr(made) == "<Frames: 3 drawings of 5 boxes>"


def test_nothing_to_step_through() -> None:
    from dataclasses import replace

    with pytest.raises(ValueError, match=r"no steps; draw what a function computes"):
        of(replace(twice(), steps=()))
    with pytest.raises(ValueError, match="no step 9: this graph has 9 steps, 0 to 8"):
        of(steps=[3, 9])


def inlined(page: str) -> list[ET.Element]:
    """The pages of a file with what they refer to put in its place."""
    body = re.search(r"<body>(.*)<script>", page, re.DOTALL)
    assert body is not None
    root = ET.fromstring(f"<r>{body[1]}</r>")
    # In HTML the drawing's elements need no name space; in these texts only the pages have one.
    for element in root.iter():
        element.tag = element.tag.removeprefix(SVG)
    named = {g.get("id"): g for g in root.iter("g") if g.get("id")}
    pages = list(root.iter("section"))
    for section in pages:
        for parent in list(section.iter()):
            for i, child in enumerate(list(parent)):
                if child.tag == "use":
                    parent[i] = named[child.attrib["href"][1:]]
    return pages


def test_the_file_holds_every_drawing() -> None:
    made = of(network())
    pages = inlined(made.html())
    assert len(pages) == len(made)
    for section, drawing in zip(pages, made, strict=True):
        ours = ["".join(t.itertext()) for t in section.iter("text")]
        assert ours == ["".join(t.itertext()) for t in ET.fromstring(drawing).iter(f"{SVG}text")]
        paths = [p.get("d") for p in section.iter("path")]
        assert paths == [p.get("d") for p in ET.fromstring(drawing).iter(f"{SVG}path")]


def test_the_file_is_small_and_asks_for_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    model = nn.MLP([6, 8, 8, 8, 8, 3], activation="tanh", rng=rng)
    graph = flow_graph(lambda x: nn.cross_entropy(model(x), np.zeros(5, int)),
                       rng.normal(size=(5, 6)), engine="builtin")  # fmt: skip
    made = graph.frames()
    page = made.html()
    assert len(graph.vertices) >= 20
    assert len(made) >= 25
    assert len(page) < 0.3 * sum(map(len, made))
    assert len(page) < 250_000
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(set(ids)) == len(ids)
    assert not re.search(
        r'(?:src|href)="(?!#)|@import|url\(|https?://(?!www\.w3\.org/2000/svg)', page
    )


def test_names_are_text_in_the_file() -> None:
    x = ag.Tensor(1.0, requires_grad=True, name="</script><img src=x onerror=alert(1)>")
    y = x * x
    y.name = "</title><script>"
    page = flow_graph(y, engine="builtin").frames().html()
    assert "<img" not in page
    assert page.count("<script>") == 1


def test_saving(tmp_path: Path) -> None:
    made = of()
    assert made.save(tmp_path / "h.html").read_text(encoding="utf-8") == made.html()
    folder = made.save(tmp_path / "steps")
    assert sorted(p.name for p in folder.iterdir()) == [f"step-{i}.svg" for i in range(1, 10)]
    assert (folder / "step-4.svg").read_text(encoding="utf-8") == made[3]
    made[:2].save(tmp_path / "twice {}.svg")
    assert (tmp_path / "twice 2.svg").read_text(encoding="utf-8") == made[1]
    with pytest.raises(ValueError, match=r"cannot save 'x\.gif': give a file \.html, a folder"):
        made.save(tmp_path / "x.gif")
    with pytest.raises(ValueError, match=r"cannot save 'x\.svg': give .* pattern"):
        made.save(tmp_path / "x.svg")
    with pytest.raises(ValueError, match="no steps to draw"):
        made[:0].save(tmp_path / "x.html")


def test_thousands_of_steps_are_no_handout(tmp_path: Path) -> None:
    made = of(steps=[0] * 1_001)
    with pytest.raises(ValueError, match=r"1,001 drawings.*steps=range.*graph\.html"):
        made.save(tmp_path / "x.html")
    assert list(tmp_path.iterdir()) == []
    # One by one they are there.
    assert made[1_000] == of()[0]


def test_a_tall_drawing_is_shown_as_large_as_it_is_where_the_step_is(
    browser: Any, tmp_path: Path
) -> None:
    y = ag.Tensor(0.5, requires_grad=True, name="x")
    for _ in range(30):
        y = np.tanh(y)
    made = flow_graph(y, engine="builtin").frames()
    page = browser.new_page(viewport={"width": 900, "height": 600})
    page.goto(made.save(tmp_path / "h.html").as_uri())

    def shown() -> tuple[float, float]:
        """The height of the drawing, and how far from the middle the mark is."""
        found: list[float] = page.evaluate(
            """(() => {
              const now = document.querySelector(".page.now"), mark = now.querySelector(".mark");
              const a = now.querySelector("svg").getBoundingClientRect();
              const b = mark.getBoundingClientRect();
              return [a.height, Math.abs(b.y + b.height / 2 - innerHeight / 2)];
            })()"""
        )
        return found[0], found[1]

    whole = float(re.findall(r'height="([\d.]+)"', made[0])[0])
    assert whole > 2_000
    for _ in range(15):
        page.keyboard.press("ArrowRight")
    assert abs(shown()[0] - whole) < 1
    assert shown()[1] < 10
    page.keyboard.press("End")
    assert shown()[1] < 300
    page.click("text=Full size")
    assert shown()[0] < 600
    page.click("text=Full size")
    assert abs(shown()[0] - whole) < 1
    page.close()


def test_the_file_pages_through_them(browser: Any, tmp_path: Path) -> None:
    made = of()
    page = browser.new_page(viewport={"width": 1000, "height": 700})
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(made.save(tmp_path / "h.html").as_uri())

    def shown() -> list[str]:
        found: list[str] = page.evaluate(
            "[...document.querySelectorAll('.page')].filter(p => p.offsetHeight > 0).map(p => p.id)"
        )
        return found

    assert shown() == ["step1"]
    page.keyboard.press("ArrowRight")
    page.click("text=Next")
    assert shown() == ["step3"]
    assert page.inner_text("#told") == "3 of 9"
    assert page.inner_text("#said") == f"3. {made.captions()[2]}"
    assert page.get_attribute("#step3", "aria-label") == f"3. {made.captions()[2]}"
    assert page.get_attribute("#said", "aria-live") == "polite"
    # It is all in sight.
    assert page.get_attribute("#size", "aria-pressed") == "false"
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    page.keyboard.press("End")
    assert shown() == ["step9"]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert shown() == ["step8"]
    page.keyboard.press("Home")
    assert shown() == ["step1"]
    assert page.is_disabled("text=Back")
    # What is shared is drawn at its place, as large as the box.
    wide = page.evaluate("document.querySelector('.page.now svg').getBBox().width")
    assert wide > 300
    page.emulate_media(media="print")
    assert shown() == [f"step{i}" for i in range(1, 10)]
    assert not page.is_visible("nav")
    assert errors == []
    page.close()
    quiet = browser.new_context(java_script_enabled=False).new_page()
    quiet.goto((tmp_path / "h.html").as_uri())
    assert quiet.locator(".page").count() == 9
    assert all(quiet.locator(".page").nth(i).is_visible() for i in range(9))
    assert not quiet.is_visible("nav")
    quiet.close()
