"""The page in a real browser: what a person, a keyboard and a screen reader meet."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import viz
from tests.viz.pages import HOSTILE, hostile, large, not_finite, two_ways, written
from viz.boxes import STYLES

Open = Callable[..., Any]


class Watched:
    """Tabs, and what they said and asked for; a tab of its own only where it takes options."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser
        self.noise: list[str] = []
        self.asked: list[str] = []
        self.tabs: dict[str, Any] = {}

    def tab(self, **options: Any) -> Any:
        key = repr(sorted(options.items()))
        if key not in self.tabs:
            size = {"width": 1000, "height": 760}
            tab = self.tabs[key] = self.browser.new_context(viewport=size, **options).new_page()
            tab.on("console", lambda message: self.noise.append(message.text))
            tab.on("pageerror", lambda error: self.noise.append(str(error)))
            tab.on("dialog", lambda dialog: self.noise.append("a dialog"))
            tab.on("request", lambda request: self.asked.append(request.url))
        return self.tabs[key]


@pytest.fixture(scope="module")
def watched(browser: Any) -> Watched:
    return Watched(browser)


@pytest.fixture
def show(watched: Watched, tmp_path: Path) -> Iterator[Open]:
    """Open a page; at the end see that its console was silent and that it asked for nothing."""
    files = []

    def show(text: str, **options: Any) -> Any:
        file = tmp_path / f"page{len(files)}.html"
        file.write_text(text, encoding="utf-8")
        files.append(file.as_uri())
        tab = watched.tab(**options)
        tab.mouse.move(0, 0)
        tab.goto(file.as_uri())
        tab.wait_for_selector("#graph[data-drawn]")
        return tab

    watched.noise.clear()
    watched.asked.clear()
    yield show
    assert watched.noise == []
    assert set(watched.asked) - set(files) <= {"data:,"}


def texts(tab: Any, key: str) -> list[str]:
    """What is written in a box."""
    return tab.locator(f'[data-key="{key}"] text').all_text_contents()


def classes(tab: Any, key: str) -> list[str]:
    return (tab.get_attribute(f'[data-key="{key}"]', "class") or "").split()


def shown(tab: Any) -> list[str]:
    """The keys of what is drawn, boxes and open groups."""
    return sorted(e.get_attribute("data-key") for e in tab.locator("[data-key]").all())


def each(tab: Any, selector: str, what: str) -> list[Any]:
    """Something of every element, all at the same moment."""
    return tab.evaluate(f"s => [...document.querySelectorAll(s)].map({what})", selector)


def fill(tab: Any, selector: str) -> str:
    return each(tab, selector, "e => getComputedStyle(e).fill")[0]


def at(tab: Any, step: int) -> None:
    """Go to a step by the slider."""
    tab.evaluate(
        "n => { const s = document.getElementById('at'); s.value = n;"
        "s.dispatchEvent(new Event('input')); }",
        step,
    )


# --- stepping ---------------------------------------------------------------------------------


def test_the_page_opens_with_the_whole_picture(show: Open) -> None:
    tab = show(written(two_ways()))
    assert shown(tab) == ["f0", "f1", "v0", "v1", "v2", "v3", "v4", "v5"]
    assert texts(tab, "v5")[0] == "loss = mean"
    assert any(text.startswith("= ") for text in texts(tab, "v5"))
    assert "∇ 1" in texts(tab, "v5")
    assert tab.locator(".pale, .now").count() == 0
    assert tab.inner_text("#says") == "Two ways to h"
    assert tab.locator("[data-key].box").count() == 8


def test_forward_steps_compute_one_box_each(show: Open) -> None:
    tab = show(written(two_ways()))
    tab.keyboard.press("Home")
    pale = [key for key in ("v0", "v1", "v2", "v3", "v4", "v5") if "pale" in classes(tab, key)]
    assert pale == ["v2", "v3", "v4", "v5"]
    assert "= not yet" in texts(tab, "v2")
    for step, key in enumerate(("v2", "v3", "v4", "v5"), 1):
        assert "pale" in classes(tab, key)
        tab.keyboard.press("ArrowRight")
        assert "pale" not in classes(tab, key)
        assert "now" in classes(tab, key)
        assert tab.locator(".box.now").count() == 1
        # Told by more than colour.
        assert "▼ forward" in texts(tab, key)
        assert "= not yet" not in texts(tab, key)
        assert tab.input_value("#at") == str(step)
    assert all("∇ not yet" in texts(tab, f"v{v}") for v in range(6))
    tab.keyboard.press("ArrowLeft")
    assert "pale" in classes(tab, "v5")


def test_gradients_appear_when_they_arrive_and_add_up(show: Open) -> None:
    graph = two_ways()
    tab = show(written(graph))
    final = {v: next(t for t in texts(tab, f"v{v}") if t[0] == "∇") for v in range(6)}
    assert "2 of 2 contributions" in texts(tab, "v2")
    at(tab, 5)
    assert final[5] in texts(tab, "v5")
    assert "∇ not yet" in texts(tab, "v4")
    at(tab, 7)
    assert final[4] in texts(tab, "v4")
    assert "∇ not yet" in texts(tab, "v2")
    assert "1 of 2 contributions" not in texts(tab, "v2")
    at(tab, 8)
    assert f"∇ {graph.steps[7].total}" in texts(tab, "v2")
    assert final[2] not in texts(tab, "v2")
    assert "1 of 2 contributions" in texts(tab, "v2")
    assert "1 of 2 contributions" in tab.inner_text("#says")
    assert "▲ backward" in texts(tab, "v4")
    assert "+∇" in texts(tab, "v2")
    # The arrow runs back, from the lower box up to the one that gets the contribution.
    ends = tab.eval_on_selector(
        ".carry.line",
        "p => [0, p.getTotalLength()].map(n => p.getPointAtLength(n).y)",
    )
    assert ends[0] > ends[1]
    at(tab, 9)
    assert final[2] in texts(tab, "v2")
    assert "2 of 2 contributions" in texts(tab, "v2")
    assert "∇ not yet" in texts(tab, "v1")
    at(tab, 11)
    assert all(final[v] in texts(tab, f"v{v}") for v in range(6))
    at(tab, 12)
    assert tab.locator(".carry").count() == 0


def test_captions_are_announced(show: Open) -> None:
    tab = show(written(two_ways()))
    assert tab.get_attribute("#says", "aria-live") == "polite"
    at(tab, 3)
    assert tab.inner_text("#says").startswith("fprop multiply: b = a * h")
    at(tab, 9)
    words = tab.inner_text("#says")
    assert words.startswith("bprop tanh: grad h = g * (1 - out²) (2 of 2)")
    assert "gradient of h: 2 of 2 contributions" in words
    assert tab.get_attribute("#at", "aria-valuetext").startswith("9 of 11 · backward. bprop tanh")


def test_a_step_inside_a_closed_group_marks_its_box(show: Open) -> None:
    tab = show(written(two_ways(), [0]))
    assert shown(tab) == ["f0", "g1", "v0", "v3", "v4", "v5"]
    at(tab, 1)
    assert "now" in classes(tab, "g1")
    at(tab, 9)
    assert "now" in classes(tab, "g1")
    assert "+∇" in texts(tab, "g1")
    tab.keyboard.press("Home")
    assert "= not yet" in texts(tab, "g1")


def test_play_and_pause(show: Open) -> None:
    tab = show(written(two_ways()))
    tab.click("#play")
    assert tab.input_value("#at") == "0"
    assert tab.inner_text("#play") == "Pause"
    tab.locator("#count", has_text="1 of 11").wait_for()
    tab.keyboard.press("Space")
    assert tab.inner_text("#play") == "Play"


def test_without_steps_there_is_nothing_to_step(show: Open) -> None:
    tab = show(written(replace(two_ways(), steps=())))
    assert tab.is_hidden("#steps")
    assert "∇ 1" in texts(tab, "v5")
    assert tab.locator(".pale").count() == 0


# --- groups, search, choice -------------------------------------------------------------------


def test_groups_close_and_open_again(show: Open) -> None:
    tab = show(written(two_ways()))
    title = tab.locator('[data-key="f1"] text').bounding_box()
    tab.mouse.click(title["x"] + 5, title["y"] + 5)
    assert shown(tab) == ["f0", "g1", "v0", "v3", "v4", "v5"]
    tab.click('[data-key="g1"]')
    assert shown(tab) == ["f0", "f1", "v0", "v1", "v2", "v3", "v4", "v5"]
    tab.click("#fold")
    assert shown(tab) == ["g0", "v0", "v4", "v5"]
    tab.click("#unfold")
    assert len(shown(tab)) == 8


def test_opening_leaves_the_box_where_it_was(show: Open) -> None:
    tab = show(written(two_ways(), [0]))
    before = tab.locator('[data-key="g1"] .body').bounding_box()
    tab.click('[data-key="g1"]')
    after = tab.locator('[data-key="f1"] .body').bounding_box()
    assert after["x"] == pytest.approx(before["x"], abs=2)
    assert after["y"] == pytest.approx(before["y"], abs=2)


@pytest.mark.parametrize(("words", "keys"), [
    ("loss", ["v5"]), ("matmul", ["v2"]), ("net.layer", ["g1", "v1", "v2"]), ("LAYER w", ["v1"]),
])  # fmt: skip
def test_search_by_name_op_and_path(show: Open, words: str, keys: list[str]) -> None:
    tab = show(written(two_ways(), []))
    tab.fill("#seek", words)
    found = []
    for i in range(len(keys)):
        tab.keyboard.press("Enter")
        assert tab.inner_text("#hits") == f"{i + 1}/{len(keys)}"
        found.append(tab.locator(".hit").get_attribute("data-key"))
    assert [key[1:] for key in found] == [key[1:] for key in keys]
    assert tab.locator("#list [role=option]").count() == len(keys)
    tab.keyboard.press("Enter")
    assert tab.inner_text("#hits") == f"1/{len(keys)}"


def test_search_opens_what_is_around_a_hit_and_centres_it(show: Open) -> None:
    tab = show(written(two_ways(), []), reduced_motion="reduce")
    assert "v2" not in shown(tab)
    tab.fill("#seek", "matmul")
    tab.keyboard.press("Enter")
    assert "v2" in shown(tab)
    box, view = tab.locator('[data-key="v2"]').bounding_box(), tab.locator("#view").bounding_box()
    middle = box["x"] + box["width"] / 2
    assert middle == pytest.approx(view["x"] + view["width"] / 2, abs=8)
    tab.fill("#seek", "no such thing")
    assert tab.inner_text("#hits") == "no hit"


def test_a_box_lights_what_it_depends_on_and_what_depends_on_it(show: Open) -> None:
    tab = show(written(two_ways()))
    tab.click('[data-key="v3"]')
    assert "chosen" in classes(tab, "v3")
    assert not tab.locator(".box.dim").count()
    tab.keyboard.press("Escape")
    tab.click('[data-key="v1"]')
    dim = [key for key in shown(tab) if "dim" in classes(tab, key)]
    assert dim == ["v0"]
    tab.click('[data-key="v1"]')
    assert tab.locator(".dim").count() == 0


def test_the_first_nan_is_marked_and_found(show: Open) -> None:
    tab = show(written(not_finite(), []))
    assert "broken" in classes(tab, "g0")
    tab.click("#nan")
    assert "broken" in classes(tab, "v3")
    assert "broken" not in classes(tab, "v4")
    tab.click("#gnan")
    assert "broken" in classes(tab, "v2")
    assert "not finite" in tab.get_attribute('[data-key="v2"]', "aria-label")
    at(tab, 1)
    assert "broken" not in classes(tab, "v3")
    assert "broken" not in classes(tab, "v2")
    assert show(written(two_ways())).is_hidden("#nan")


# --- what is told -----------------------------------------------------------------------------


def test_the_tooltip_tells_all(show: Open) -> None:
    tab = show(written(two_ways()))
    tab.hover('[data-key="v2"]')
    words = tab.inner_text("#tip")
    for part in ("h", "matmul", "(3, 2) float64", "mean, std", "min, max", "NaN", "0 of 6",
                 "|grad| / |value|", "48 B kept", "0.02 forward, 0.04 back",
                 "model.py:3: h = x @ W", "net.layer"):  # fmt: skip
        assert part in words, part
    at(tab, 6)
    tab.mouse.move(5, 100)
    tab.hover('[data-key="v2"]')
    assert re.search(r"gradient\s+not yet", tab.inner_text("#tip"))
    tab.mouse.move(5, 100)
    assert tab.is_hidden("#tip")


@pytest.mark.parametrize("overlay", ["gradient", "value", "time", "bytes", "saved"])
def test_overlays_colour_by_amount_and_the_legend_says_so(show: Open, overlay: str) -> None:
    tab = show(written(two_ways()))
    before = fill(tab, '[data-key="v2"] .body')
    tab.select_option("#overlay", overlay)
    fills = each(tab, "[data-key^=v] .body", "e => getComputedStyle(e).fill")
    assert len(set(fills)) > 1
    assert before not in fills
    assert tab.locator("#legend .ramp").count() == 1
    assert tab.locator("#overlay option:checked").inner_text() in tab.inner_text("#legend")
    tab.select_option("#overlay", "role")
    after = fill(tab, '[data-key="v2"] .body')
    assert after == before


def test_arrows_are_as_wide_as_their_gradient(show: Open) -> None:
    graph = two_ways()
    tab = show(written(graph))
    tab.check("#flow")
    wide = each(tab, ".edge .line", "e => parseFloat(getComputedStyle(e).strokeWidth)")
    norms = [edge.norm for edge in graph.edges]
    assert sorted(range(6), key=lambda i: wide[i]) == sorted(range(6), key=lambda i: norms[i])


def test_explained_paths_stand_out(show: Open) -> None:
    graph = two_ways()
    edges = tuple(
        replace(e, share=0.75 if i in (2, 3) else None) for i, e in enumerate(graph.edges)
    )
    tab = show(written(replace(graph, edges=edges)))
    kinds = [e.get_attribute("class") for e in tab.locator(".edge").all()]
    assert [kind.split()[-1] for kind in kinds] == ["dim", "dim", "told", "told", "dim", "dim"]
    assert "share of the explained gradient" in tab.inner_text("#legend")


def test_differences_are_marked_by_sign_and_colour(show: Open) -> None:
    graph = two_ways()
    changes = ["", "added", "removed", "changed", "", ""]
    vertices = tuple(replace(v, change=c) for v, c in zip(graph.vertices, changes, strict=True))
    tab = show(written(replace(graph, vertices=vertices)))
    signs = [tab.locator(f'[data-key="v{v}"] .signed').all_text_contents() for v in range(6)]
    assert signs == [[], ["+"], ["−"], ["~"], [], []]
    fills = {fill(tab, f'[data-key="v{v}"] .body') for v in (1, 2, 3)}
    assert len(fills) == 3
    assert {"added", "removed", "changed"} <= set(tab.inner_text("#legend").split("\n"))


def test_hostile_text_stays_text(show: Open) -> None:
    tab = show(written(hostile()))
    assert tab.locator("img").count() == 0
    assert texts(tab, "v0")[0].startswith("</script><i")
    tab.hover('[data-key="v2"]')
    assert HOSTILE.replace("\u2028", "") in tab.inner_text("#tip").replace("\u2028", "")
    at(tab, 8)
    assert "onerror=alert(1)" in tab.inner_text("#says")
    tab.fill("#seek", "onerror")
    tab.keyboard.press("Enter")
    assert tab.locator("#list [role=option]").count() > 0
    assert tab.locator("img").count() == 0
    tab.click("#fold")
    assert tab.locator("img").count() == 0


def test_a_sandboxed_frame_is_enough(browser: Any, tmp_path: Path) -> None:
    frame = tmp_path / "frame.html"
    text = written(two_ways()).replace("&", "&amp;").replace('"', "&quot;")
    frame.write_text(f'<iframe sandbox="allow-scripts" srcdoc="{text}" width=900 height=600>')
    tab = browser.new_page()
    noise: list[str] = []
    tab.on("console", lambda message: noise.append(message.text))
    tab.on("pageerror", lambda error: noise.append(str(error)))
    tab.goto(frame.as_uri())
    inside = tab.frame_locator("iframe")
    inside.locator("#graph[data-drawn]").wait_for(state="attached")
    inside.locator("#back").click()
    assert inside.locator("#count").inner_text() == "11 of 11 · backward"
    inside.locator("#theme").click()
    tab.close()
    assert noise == []


# --- keyboard and reader ----------------------------------------------------------------------


def test_everything_by_keyboard(show: Open) -> None:
    tab = show(written(two_ways()))
    for _ in range(30):
        tab.keyboard.press("Tab")
        key = tab.evaluate("document.activeElement.dataset.key || ''")
        if key:
            break
    assert key
    seen = {key}
    # Arrows go from box to box in the graph.
    for press in ["ArrowDown"] * 5 + ["ArrowUp"] * 2:
        tab.keyboard.press(press)
        seen.add(tab.evaluate("document.activeElement.dataset.key"))
    assert {"v2", "v5"} <= seen
    assert tab.locator("[data-key][tabindex='0']").count() == 1
    assert tab.is_visible("#tip")
    tab.keyboard.press("Enter")
    here = tab.evaluate("document.activeElement.dataset.key")
    assert "chosen" in classes(tab, here)
    tab.keyboard.press("Escape")
    tab.keyboard.press("Escape")
    assert tab.locator(".chosen").count() == 0
    # ... and step with Shift, or by comma and full stop.
    tab.keyboard.press("Shift+ArrowLeft")
    assert tab.input_value("#at") == "11"
    tab.keyboard.press(",")
    assert tab.input_value("#at") == "10"
    tab.keyboard.press("Home")
    assert tab.input_value("#at") == "0"
    tab.keyboard.press("End")
    # A group around the box closes, and opens again.
    tab.evaluate("document.querySelector('[data-key=v2]').focus()")
    tab.keyboard.press("x")
    assert tab.evaluate("document.activeElement.dataset.key") == "g1"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.dataset.key") == "f1"
    tab.keyboard.press("/")
    assert tab.evaluate("document.activeElement.id") == "seek"


def test_arrows_step_outside_the_graph(show: Open) -> None:
    tab = show(written(two_ways()))
    # A click of the pointer in the graph leaves the keys where they were.
    tab.click('[data-key="v3"]')
    tab.keyboard.press("ArrowLeft")
    assert tab.input_value("#at") == "11"
    tab.focus("#at")
    tab.keyboard.press("ArrowLeft")
    assert tab.input_value("#at") == "10"


def test_the_keys_are_told(show: Open) -> None:
    tab = show(written(two_ways()))
    tab.keyboard.press("?")
    assert "Shift" in tab.inner_text("#keys")
    assert tab.get_attribute("#help", "aria-expanded") == "true"
    tab.keyboard.press("Escape")
    assert tab.is_hidden("#keys")


def test_all_that_can_be_used_has_a_name_and_a_role(show: Open) -> None:
    tab = show(written(not_finite()))
    nameless = tab.evaluate("""() => [...document.querySelectorAll(
        "button, input, select, [role=button], [role=application], [role=toolbar], [role=listbox]")]
        .filter(e => !(e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.length))
        .map(e => e.outerHTML)""")
    assert nameless == []
    assert tab.get_attribute("html", "lang") == "en"
    assert tab.title() == "Flow graph of loss"
    label = tab.get_attribute('[data-key="v2"]', "aria-label")
    assert label.startswith("operation, h = @, (3, 2) float64, = ")
    assert tab.get_attribute('[data-key="f1"]', "aria-expanded") == "true"
    ids = tab.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    small = tab.evaluate("""() => [...document.querySelectorAll("button, select")]
        .map(e => e.getBoundingClientRect()).filter(r => r.width && (r.height < 24 || r.width < 20))
        .length""")
    assert small == 0


# --- looks ------------------------------------------------------------------------------------

CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgb = colour => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = colour => {
    const [r, g, b] = [...rgb(colour)].map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const found = [];
  for (const text of document.querySelectorAll("[data-key] text:not(.tag):not(.signed)")) {
    const body = text.parentNode.querySelector(".body");
    found.push([ratio(light(getComputedStyle(text).fill), light(getComputedStyle(body).fill)),
      text.parentNode.getAttribute("class") + ": " + text.getAttribute("class")]);
  }
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const parts = "#legend span, #says b, #says span, label, #count";
  for (const part of document.querySelectorAll(parts)) {
    const style = getComputedStyle(part);
    found.push([ratio(light(style.color), paper), part.textContent]);
  }
  for (const tag of document.querySelectorAll(".tag")) {
    const tab = tag.parentNode.querySelector(".tab");
    const fill = e => light(getComputedStyle(e).fill);
    found.push([ratio(fill(tag), fill(tab)), "tag"]);
  }
  for (const button of document.querySelectorAll("button")) {
    const style = getComputedStyle(button);
    found.push([ratio(light(style.color), light(style.backgroundColor)), button.textContent]);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_enough_in_both_themes(show: Open, scheme: str) -> None:
    graph = not_finite()
    kinds = [kind for kind in STYLES if kind not in ("group", "frame", "rule")]
    vertices = tuple(
        replace(v, kind=kind, change=change, rule_of=0 if kind == "op" else None)
        for v, kind, change in zip(
            graph.vertices, kinds, ["", "", "", "added", "removed", "changed"], strict=True
        )
    )
    for made in (graph, replace(graph, vertices=vertices)):
        tab = show(written(made, [0]), color_scheme=scheme)
        for step in (12, 2, 8):
            at(tab, step)
            for overlay in ("role", "gradient", "value", "bytes"):
                tab.select_option("#overlay", overlay)
                low = [pair for pair in tab.evaluate(CONTRASTS) if pair[0] < 4.5]
                assert low == [], (step, overlay)


def test_dark_and_light(show: Open) -> None:
    def lightness(tab: Any) -> int:
        colour = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in re.findall(r"\d+", colour)[:3])

    tab = show(written(two_ways()), color_scheme="dark")
    assert lightness(tab) < 200
    tab.click("#theme")
    assert lightness(tab) > 700
    tab.click("#theme")
    assert lightness(tab) < 200
    assert lightness(show(written(two_ways()), color_scheme="light")) > 700


def test_motion_is_reduced_where_asked(show: Open) -> None:
    def frames(tab: Any) -> int:
        """How many different places the scene passes while it goes to a hit."""
        tab.fill("#seek", "loss")
        tab.evaluate("""() => {
            window.places = new Set();
            new MutationObserver(() => places.add(document.getElementById("scene")
                .getAttribute("transform") + document.getElementById("graph").style.transform))
                .observe(document.getElementById("view"), {attributes: true, subtree: true});
        }""")
        tab.keyboard.press("Enter")
        tab.wait_for_timeout(400)
        return tab.evaluate("places.size")

    calm = show(written(two_ways()), reduced_motion="reduce")
    assert frames(calm) == 1
    durations = each(calm, ".body", "e => getComputedStyle(e).transitionDuration")
    assert set(durations) == {"0s"}
    assert frames(show(written(two_ways()), reduced_motion="no-preference")) > 1


def test_text_stays_inside_its_box(show: Open) -> None:
    tab = show(written(two_ways()))
    for step in (12, 8, 2):
        at(tab, step)
        outside = tab.evaluate("""() => [...document.querySelectorAll(
            "[data-key^=v] text:not(.tag), [data-key^=g] text:not(.tag)")].filter(text => {
              const box = text.parentNode.querySelector(".body").getBBox(), t = text.getBBox();
              return t.width && (t.x < box.x || t.x + t.width > box.x + box.width ||
                t.y + t.height > box.y + box.height + 1);
            }).map(text => text.textContent)""")
        assert outside == []


def test_zoom_and_pan(show: Open) -> None:
    tab = show(written(two_ways()), reduced_motion="reduce")

    def box() -> dict[str, float]:
        return tab.locator('[data-key="v3"] .body').bounding_box()

    before = box()
    tab.mouse.move(before["x"] + 5, before["y"] + 5)
    tab.mouse.wheel(0, -100)
    larger = box()
    assert larger["width"] > 1.2 * before["width"]
    # The point under the pointer stays.
    share = (before["x"] + 5 - larger["x"]) / larger["width"]
    assert share == pytest.approx(5 / before["width"], abs=0.02)
    tab.click("#minus")
    assert box()["width"] < larger["width"]
    tab.click("#fit")
    fitted = box()
    view = tab.locator("#view").bounding_box()
    tab.mouse.move(view["x"] + 20, view["y"] + 40)
    tab.mouse.down()
    tab.mouse.move(view["x"] + 80, view["y"] + 70, steps=4)
    tab.mouse.up()
    assert box()["x"] - fitted["x"] == pytest.approx(60, abs=1)
    assert box()["y"] - fitted["y"] == pytest.approx(30, abs=1)
    assert tab.locator(".chosen").count() == 0


def test_two_fingers_zoom(show: Open) -> None:
    tab = show(written(two_ways()), reduced_motion="reduce")
    before = tab.locator('[data-key="v3"] .body').bounding_box()
    tab.evaluate("""() => {
        const view = document.getElementById("view");
        const touch = (type, id, x) => view.dispatchEvent(new PointerEvent(type,
            {pointerId: id, clientX: x, clientY: 300, pointerType: "touch", bubbles: true}));
        view.setPointerCapture = () => {};
        touch("pointerdown", 1, 300);
        touch("pointerdown", 2, 400);
        for (let x = 405; x <= 450; x += 5) touch("pointermove", 2, x);
        touch("pointerup", 1, 300);
        touch("pointerup", 2, 450);
    }""")
    after = tab.locator('[data-key="v3"] .body').bounding_box()
    assert after["width"] / before["width"] == pytest.approx(1.5, abs=0.03)
    assert tab.locator(".chosen").count() == 0


def test_inside_another_page_the_wheel_is_that_pages(browser: Any, tmp_path: Path) -> None:
    frame = tmp_path / "frame.html"
    text = written(two_ways()).replace("&", "&amp;").replace('"', "&quot;")
    frame.write_text(f'<iframe sandbox="allow-scripts" srcdoc="{text}" width=900 height=600>')
    tab = browser.new_page()
    tab.goto(frame.as_uri())
    box = tab.frame_locator("iframe").locator('[data-key="v3"] .body')
    before = box.bounding_box()
    tab.mouse.move(before["x"] + 5, before["y"] + 5)
    tab.mouse.wheel(0, -100)
    tab.wait_for_timeout(100)
    assert box.bounding_box() == before
    tab.keyboard.down("Control")
    tab.mouse.wheel(0, -100)
    tab.wait_for_timeout(100)
    assert box.bounding_box()["width"] > before["width"]
    tab.close()


# --- large graphs -----------------------------------------------------------------------------


@pytest.mark.slow
def test_ten_thousand_boxes_open_closed(show: Open) -> None:
    tab = show(viz.FlowGraph(large()).html(), reduced_motion="reduce")
    boxes = each(tab, "#scene .group", "e => e.getAttribute('d')")
    assert sum((d or "M").count("M") for d in boxes) > 100
    assert tab.locator("#scene .op, #scene .parameter").count() == 0
    tab.click("#unfold")
    # Too many to draw one by one, and to read.
    assert tab.locator("[data-key]").count() == 0
    assert tab.locator(".boxes path").count() <= 10
    at(tab, 3)
    assert tab.locator(".mark").count() == 1
    tab.fill("#seek", "blocks.500.w5")
    tab.keyboard.press("Enter")
    assert "hit" in classes(tab, "v5005")
    tab.click("#fold")
    assert tab.locator("#scene .op, #scene .parameter").count() == 0
