"""The page in a real browser: what a person, a keyboard and a screen reader meet."""

import contextlib
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
import viz
from tests.viz.drawings import residual, straight
from tests.viz.pages import HOSTILE, hostile, large, not_finite, two_ways, written
from viz.drawing.boxes import STYLES

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
            options = {"viewport": {"width": 1000, "height": 760}, **options}
            tab = self.tabs[key] = self.browser.new_context(**options).new_page()
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
        assert texts(tab, key)[-1].endswith("▼ forward")
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
    assert "v2 ▲ backward" in texts(tab, "v4")
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


@pytest.mark.parametrize("graph", [residual, straight])
def test_an_arrow_back_reaches_its_box_where_arrows_share_a_trunk(
    show: Open, graph: Callable[[], viz.Graph]
) -> None:
    drawn = viz.FlowGraph(graph(), "builtin")
    tab = show(drawn.html(), reduced_motion="reduce")
    away = []
    for step in range(1, len(drawn.steps) + 1):
        at(tab, step)
        if tab.locator(".carry.line").count() == 0:
            continue
        # How far its end is from the lower border of a box.
        away.append(tab.eval_on_selector(
            ".carry.line",
            """p => {
              const end = p.getPointAtLength(p.getTotalLength()).matrixTransform(p.getScreenCTM());
              const all = [...document.querySelectorAll("#graph rect")]
                .map(r => r.getBoundingClientRect())
                .filter(r => end.x > r.x - 9 && end.x < r.right + 9);
              return Math.min(...all.map(r => Math.abs(end.y - r.bottom)));
            }""",
        ))  # fmt: skip
    assert len(away) >= 6
    assert max(away) < 2


def sums(tab: Any, graph: viz.Graph) -> dict[str, list[np.ndarray]]:
    """Step through the page: what each box says of its gradient after each of its contributions."""
    found: dict[str, list[np.ndarray]] = {}
    for number, step in enumerate(graph.steps, 1):
        if step.phase == "forward":
            continue
        taker = step.vertex if step.edge is None else graph.edges[step.edge].source
        at(tab, number)
        line = next(text for text in texts(tab, f"v{taker}") if text.startswith("∇ "))
        numbers = [float(x) for x in line[2:].strip("[]").split(", ")]
        found.setdefault(graph.vertices[taker].name or "", []).append(np.array(numbers))
    return found


def test_sums_are_those_of_a_network_computed_by_hand(show: Open) -> None:
    x, v = np.array([[0.5, -1.0]]), np.array([[1.0], [-2.0]])
    w = np.array([[0.3, -0.2], [0.1, 0.4]])
    names = {"W": ag.Tensor(w, requires_grad=True), "V": ag.Tensor(v, requires_grad=True)}
    with viz.record() as recording:
        h = np.tanh(x @ names["W"])
        loss = ((h @ names["V"]) ** 2).sum()
        loss.backward()
    drawing = recording.flow_graph(names={**names, "h": h})
    found = sums(show(drawing.html()), drawing.graph)
    hidden = np.tanh(x @ w)
    g = 2 * (hidden @ v)
    assert found["V"] == [pytest.approx((hidden.T @ g).ravel(), rel=2e-3)]
    assert found["h"] == [pytest.approx((g @ v.T).ravel(), rel=2e-3)]
    assert found["W"] == [pytest.approx((x.T @ (g @ v.T * (1 - hidden**2))).ravel(), rel=2e-3)]


def test_sums_of_several_contributions_grow_as_they_come(show: Open) -> None:
    x = ag.Tensor([3.0, -1.0], requires_grad=True, name="x")
    # The last contribution to come changes nothing: the sum before it is the gradient already.
    parts = [x * 0.0, x * x, np.exp(x)]
    with viz.record() as recording:
        (parts[0] + parts[1] + parts[2]).sum().backward()
    drawing = recording.flow_graph()
    found = sums(show(drawing.html()), drawing.graph)["x"]
    values = np.array([3.0, -1.0])
    # x * x sends two, each x.
    each = [np.exp(values), values, values, 0 * values]
    assert len(found) == 4
    for got, want in zip(found, np.cumsum(each, axis=0), strict=True):
        assert got == pytest.approx(want, rel=2e-3)


def test_sums_of_a_weight_that_is_used_twice(show: Open) -> None:
    w, x = np.array([[0.5, -1.0], [0.25, 2.0]]), np.array([[1.0, -2.0]])
    weight = ag.Tensor(w, requires_grad=True, name="W")
    with viz.record() as recording:
        ((x @ weight) @ weight.T).sum().backward()
    drawing = recording.flow_graph(shared="single")
    found = sums(show(drawing.html()), drawing.graph)["W"]
    one = np.ones((1, 2))
    late, early = one.T @ (x @ w), x.T @ (one @ w)
    assert len(found) == 2
    assert found[0] == pytest.approx(late.ravel(), rel=2e-3)
    assert found[1] == pytest.approx((late + early).ravel(), rel=2e-3)


def test_steps_go_over_what_is_closed(show: Open) -> None:
    tab = show(written(two_ways(), []))
    stops = []
    tab.keyboard.press("Home")
    for _ in range(9):
        tab.keyboard.press("ArrowRight")
        stops.append(int(tab.input_value("#at")))
    # 1 and 2 are inside the group; what leaves it and what comes to it is a step.
    assert stops == [2, 3, 4, 5, 6, 7, 8, 9, 10]
    at(tab, 12)
    back = []
    for _ in range(10):
        tab.click("#back")
        back.append(int(tab.input_value("#at")))
    assert back == [11, 10, 9, 8, 7, 6, 5, 4, 3, 2]
    at(tab, 1)
    assert "1 of 2 steps inside net, which is closed" in tab.inner_text("#says")
    # And it says how much of it is done.
    tab = show(written(large(2, 8), []))
    at(tab, 2)
    assert "= 2 of 6 done" in texts(tab, "g0")
    assert "= not yet" in texts(tab, "g1")


def test_a_box_knows_its_steps(show: Open) -> None:
    tab = show(written(two_ways()))
    tab.dblclick('[data-key="v2"]')
    assert tab.input_value("#at") == "1"
    assert tab.locator(".chosen").count() == 0
    tab.evaluate("document.querySelector('[data-key=v2]').focus()")
    for step in ("8", "9", "1"):
        tab.keyboard.press("s")
        assert tab.input_value("#at") == step


def test_steps_call_boxes_as_the_boxes_are_called(show: Open) -> None:
    tab = show(written(two_ways()))
    assert "v2" not in texts(tab, "v4")
    at(tab, 9)
    assert "v1 ▲ backward" in texts(tab, "v3")
    assert texts(tab, "v4")[-1] == "v2"
    assert tab.locator(".called").all_text_contents() == ["v2"]
    tab.fill("#seek", "v2")
    assert tab.locator("#list [role=option]").all_text_contents()[0].startswith("×")


def test_a_caption_that_is_also_another_text_is_told(show: Open) -> None:
    graph = two_ways()
    tab = show(written(replace(graph, caption=graph.vertices[2].line)))
    assert tab.inner_text("#says") == "model.py:3: h = x @ W"


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


def test_a_box_that_says_a_part_of_its_path_is_known_by_all_of_it(show: Open) -> None:
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(2, 2, rng=rng), nn.Sequential(nn.Linear(2, 2, rng=rng)))
    tab = show(viz.flow_graph(lambda x: model(x).sum(), np.ones((3, 2))).html())
    name = "model.layers.1.layers.0.weight"
    tab.fill("#seek", name)
    assert tab.locator("#list [role=option]").count() == 1
    tab.keyboard.press("Enter")
    box = tab.locator(".hit")
    assert box.locator("text.label").text_content() == "weight"
    box.hover()
    assert tab.inner_text("#tip b") == name
    title = tab.locator("g.frame text", has_text="Sequential").nth(1)
    assert title.text_content() == "− layers.1 · Sequential"
    title.click()
    tab.locator("g.group").hover()
    assert tab.inner_text("#tip b") == "model.layers.1 · Sequential"


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
                 "model.py:3: h = x @ W", "net · Net › layer · Linear", "1, 8, 9"):  # fmt: skip
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


def test_nothing_that_is_planted_gets_out(browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(written(two_ways()), encoding="utf-8")
    tab = browser.new_page()
    tab.goto(file.as_uri())
    tab.wait_for_selector("#graph[data-drawn]")
    with socket.create_server(("127.0.0.1", 0)) as server:
        stopped = tab.evaluate(
            """async place => {
            const stopped = [];
            const make = (tag, more) => Object.assign(document.createElement(tag), more);
            document.addEventListener("securitypolicyviolation",
              e => stopped.push(e.effectiveDirective));
            await fetch("http" + place, {signal: AbortSignal.timeout(300)}).catch(() => 0);
            try { new WebSocket("ws" + place) } catch {}
            navigator.sendBeacon("http" + place);
            place = "http" + place;
            document.body.append(make("img", {src: place}), make("iframe", {src: place}),
              make("script", {src: place}), make("link", {rel: "stylesheet", href: place}),
              make("base", {href: place}),
              make("style", {textContent: `body { background: url(${place}) }`}));
            document.body.appendChild(make("form", {action: place})).submit();
            await new Promise(done => setTimeout(done, 300));
            return stopped;
        }""",
            f"://127.0.0.1:{server.getsockname()[1]}/",
        )
        tab.close()
        # A frame and a form make Chromium connect before it asks the policy; it sends nothing then.
        server.setblocking(False)
        heard = []
        with contextlib.suppress(BlockingIOError):
            while True:
                connection, _ = server.accept()
                with connection:
                    connection.settimeout(5)
                    heard.append(connection.recv(100))
    assert set(heard) <= {b""}
    assert {"connect-src", "img-src", "frame-src", "script-src-elem", "style-src-elem",
            "base-uri", "form-action"} <= set(stopped)  # fmt: skip


def test_a_browser_that_cannot_draw_says_so(browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(written(two_ways()), encoding="utf-8")
    for without in ("delete self.DecompressionStream", "CSS.supports = () => false"):
        tab = browser.new_page()
        noise: list[str] = []
        tab.on("pageerror", lambda error, noise=noise: noise.append(str(error)))
        tab.add_init_script(without)
        tab.goto(file.as_uri())
        assert "too old to draw the graph" in tab.inner_text("body")
        assert noise == []
        tab.close()
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(file.as_uri())
    assert tab.inner_text("noscript").startswith("Flow graph of loss: 6 boxes, 11 steps.")
    context.close()


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
    # Space presses what is focused, as of any button; p plays from everywhere.
    tab.keyboard.press("Space")
    assert tab.evaluate("document.activeElement.dataset.key") == "g1"
    assert tab.inner_text("#play") == "Play"
    tab.keyboard.press("p")
    assert tab.inner_text("#play") == "Pause"
    tab.keyboard.press("p")
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
    assert label.startswith("operation, h = @, (3, 2) float64, value 0.275 ")
    assert label.endswith(", from x and W, to v1 log and v2 ×")
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
  const written = "[data-key] text:not(.tag, .called, .signed)";
  for (const text of document.querySelectorAll(written)) {
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
            ":is([data-key^=v], [data-key^=g]) text:not(.tag):not(.called)")].filter(text => {
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
    tab.frames[1].wait_for_function(
        "w => document.querySelector('[data-key=v3] .body').getBoundingClientRect().width > w",
        arg=before["width"],
    )
    tab.close()


def test_a_graph_opens_whole_where_names_can_be_read(show: Open) -> None:
    # As high as twice the view: names stand alone, and large.
    tab = show(written(large(2, 6)), reduced_motion="reduce")
    view = tab.locator("#view").bounding_box()
    for box in tab.locator("[data-key] .body").all():
        place = box.bounding_box()
        assert place["y"] >= view["y"]
        assert place["y"] + place["height"] <= view["y"] + view["height"]
    assert min(each(tab, ".label", "e => e.getBoundingClientRect().height")) > 6


def test_on_a_phone_bars_leave_room_and_a_finger_is_enough(show: Open) -> None:
    tab = show(
        written(two_ways()), is_mobile=True, has_touch=True,
        viewport={"width": 390, "height": 844},
    )  # fmt: skip
    assert tab.locator("header").bounding_box()["height"] < 60
    assert tab.locator("#view").bounding_box()["height"] > 844 / 2
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    tab.tap('[data-key="v2"]')
    assert "matmul" in tab.inner_text("#tip")
    before = tab.locator('[data-key="v2"] .body').bounding_box()
    for _ in range(3):
        tab.tap("#back")
    assert tab.input_value("#at") == "9"
    # What is said takes no more and no less room than before.
    assert tab.locator('[data-key="v2"] .body').bounding_box() == before


def test_paper_gets_what_is_in_sight(show: Open) -> None:
    tab = show(written(two_ways()), color_scheme="dark", reduced_motion="reduce")
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    tab.emulate_media(media="print")
    assert tab.is_hidden("header")
    assert tab.is_hidden("#steps")
    assert tab.is_visible("#legend")
    tab.set_viewport_size({"width": 500, "height": 380})
    room = tab.locator("#view").bounding_box()
    for box in tab.locator("[data-key] .body").all():
        place = box.bounding_box()
        assert place["x"] >= 0
        assert place["x"] + place["width"] <= room["width"]
        assert place["y"] + place["height"] <= room["y"] + room["height"]
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)"
    tab.emulate_media(media="screen")
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    tab.set_viewport_size({"width": 1000, "height": 760})
    assert tab.get_attribute("#graph", "viewBox") is None


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
