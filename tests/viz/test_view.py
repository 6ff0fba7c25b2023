"""What is drawn while some groups are open, in Python and in the page's script."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.viz import random_graphs
from tests.viz.random_graphs import graph, vertex
from viz.graph.groups import group
from viz.graph.ir import Graph, Group
from viz.graph.view import (
    Arrow,
    Frame,
    Shown,
    open_to_depth,
    opened_at_most,
    opened_by,
    shown_as,
    view,
)

SCRIPT = Path(__file__).parents[2] / "viz" / "page" / "view.js"
#: Reads cases, and writes what the page's script shows of them.
RUNNER = """
const shown = cases.map(c => {
  const data = {
    vertices: c.vertices.map(group => ({group})), edges: c.edges,
    groups: c.groups.map(parent => ({parent})),
  };
  const drawn = view(data, new Set(c.opened));
  return {
    boxes: drawn.boxes.map(b => [b.vertex, b.group, b.frame]),
    edges: drawn.edges.map(e => [e.source, e.target, e.edges]),
    frames: drawn.frames.map(f => [f.group, f.parent]),
  };
});
"""


def nested() -> Graph:
    """``x`` into a net of two layers, one of which has a part: 0(1, 2(3))."""
    labels = [(None, "Net"), (0, "A"), (0, "B"), (2, "C")]
    groups = [Group(i, parent, "module", label) for i, (parent, label) in enumerate(labels)]
    vertices = [
        vertex(0, None, "input"),
        vertex(1, None, group=1),
        vertex(2, "mul", group=1),
        vertex(3, "tanh", group=3),
        vertex(4, "mul", group=2),
        vertex(5, "mul", "output"),
    ]
    edges = [(0, 2), (1, 2), (2, 3), (2, 4), (3, 4), (4, 5), (4, 5)]
    return graph(vertices, edges, groups)


def test_all_open_is_the_graph_itself() -> None:
    drawn = view(nested(), range(4))
    assert [box.vertex for box in drawn.boxes] == [0, 1, 2, 3, 4, 5]
    assert [box.frame for box in drawn.boxes] == [-1, 1, 1, 3, 2, -1]
    assert drawn.frames == (Frame(0, -1), Frame(1, 0), Frame(2, 0), Frame(3, 2))
    # One arrow for each edge, also where two join the same boxes.
    assert drawn.edges[-2:] == (Arrow(4, 5, (5,)), Arrow(4, 5, (6,)))
    assert shown_as(drawn) == ""


def test_nothing_open() -> None:
    drawn = view(nested(), ())
    assert drawn.boxes == (Shown(0, None, -1), Shown(None, 0, -1), Shown(5, None, -1))
    # x * x of a closed group is one arrow.
    assert drawn.edges == (Arrow(0, 1, (0,)), Arrow(1, 2, (5, 6)))
    assert drawn.frames == ()
    assert shown_as(drawn) == "6 boxes, shown as 3: Net is one box"


def test_some_open() -> None:
    drawn = view(nested(), {0, 2})
    assert drawn.boxes == (
        Shown(0, None, -1), Shown(None, 1, 0), Shown(None, 3, 1), Shown(4, None, 1),
        Shown(5, None, -1),
    )  # fmt: skip
    assert drawn.frames == (Frame(0, -1), Frame(2, 0))
    assert [arrow.edges for arrow in drawn.edges] == [(0,), (2,), (3,), (4,), (5,), (6,)]


def test_a_group_stays_shut_inside_one_that_is_shut() -> None:
    assert view(nested(), {2, 3}) == view(nested(), ())


def test_groups_of_nothing_are_not_drawn() -> None:
    empty = graph([vertex(0, None)], [], [Group(0, None, "module", "A")])
    for opened in ((), {0}):
        drawn = view(empty, opened)
        assert (len(drawn.boxes), drawn.frames) == (1, ())


def test_the_order_follows_arrows_not_ids() -> None:
    # The closed group has the first vertex, but needs the third.
    vertices = [
        vertex(0, None, group=0),
        vertex(1, None),
        vertex(2, "exp"),
        vertex(3, "add", group=0),
    ]
    one = graph(vertices, [(1, 2), (2, 3), (0, 3)], [Group(0, None, "module", "A")])
    drawn = view(one, ())
    assert [(box.vertex, box.group) for box in drawn.boxes] == [(1, None), (2, None), (None, 0)]


def test_a_cycle_is_refused() -> None:
    vertices = [vertex(0, "a", group=0), vertex(1, "b"), vertex(2, "c", group=0)]
    torn = graph(vertices, [(0, 1), (1, 2)], [Group(0, None, "module", "A")])
    with pytest.raises(ValueError, match="cycle: open it, or make groups"):
        view(torn, ())
    assert len(view(torn, {0}).boxes) == 3


def test_what_to_open() -> None:
    one = nested()
    assert open_to_depth(one, 0) == set()
    assert open_to_depth(one, 2) == {0, 1, 2}
    assert open_to_depth(one, 9) == {0, 1, 2, 3}
    assert opened_by(one, lambda g: g.label != "Net") == set()
    assert opened_by(one, lambda g: g.label != "B") == {0, 1}
    # 3 boxes with nothing open, 4, 6 (1, 2, 4 and C), 6.
    assert opened_at_most(one, 2) == opened_at_most(one, 3) == set()
    assert opened_at_most(one, 4) == opened_at_most(one, 5) == {0}
    assert opened_at_most(one, 6) == {0, 1, 2, 3}


@pytest.mark.parametrize("seed", range(40))
def test_at_most_so_many_boxes_and_no_fewer_levels_than_fit(seed: int) -> None:
    one = group(random_graphs.random_graph(seed))
    fold = len(one.vertices) > 60
    shut = {g.id for g in one.groups if fold and g.kind == "repeat"}
    counts = []
    depth = 0
    while not counts or len(open_to_depth(one, depth)) > len(open_to_depth(one, depth - 1)):
        counts.append(len(view(one, open_to_depth(one, depth) - shut).boxes))
        depth += 1
    for most in (5, 20, 60, 500):
        drawn = view(one, opened_at_most(one, most))
        assert len(drawn.boxes) == max([n for n in counts if n <= most], default=counts[0])


def test_repeats_stay_shut_in_all_but_small_graphs() -> None:
    def row(parts: int) -> Graph:
        vertices = [vertex(0, None, "input")]
        groups = []
        for i in range(parts):
            groups.append(Group(i, None, "module", "Act"))
            vertices += [vertex(len(vertices) + j, "tanh", group=i) for j in range(10)]
        return group(graph(vertices, [(i, i + 1) for i in range(10 * parts)], groups))

    assert len(view(row(5), opened_at_most(row(5))).boxes) == 51
    large = view(row(7), opened_at_most(row(7)))
    assert len(large.boxes) == 2
    assert shown_as(large) == "71 boxes, shown as 2: Act × 7 is one box"


def test_a_caption_counts_what_is_too_much_to_name() -> None:
    vertices = [vertex(i, "exp", group=i // 2) for i in range(8)]
    kinds = ["module", "module", "module", "band"]
    groups = [Group(i, None, kind, f"G{i}") for i, kind in enumerate(kinds)]
    one = graph(vertices, [(i, i + 1) for i in range(7)], groups)
    assert shown_as(view(one, ())) == (
        "8 boxes, shown as 4: 3 calls of modules and 1 part are one box each"
    )
    assert shown_as(view(one, {0, 1})) == "8 boxes, shown as 6: G2 and G3 are one box each"


def golden() -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads(random_graphs.GOLDEN.read_text(encoding="utf-8"))
    return cases


def test_views_are_those_of_the_golden_file() -> None:
    cases = golden()
    assert len(cases) > 150
    assert random_graphs.golden_cases() == cases


def scripted(run: Any) -> None:
    """Hold the page's script to the golden file; ``run`` evaluates it and returns ``shown``."""
    cases = golden()
    for case, shown in zip(cases, run(cases), strict=True):
        assert shown == case["view"]


def test_the_script_shows_the_same_under_node() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no `node` on the PATH")

    def run(cases: list[dict[str, Any]]) -> Any:
        text = f"const cases = {json.dumps(cases)};{SCRIPT.read_text(encoding='utf-8')}{RUNNER}"
        text += "process.stdout.write(JSON.stringify(shown));"
        done = subprocess.run([node, "-"], input=text, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    scripted(run)


def test_the_script_shows_the_same_in_a_browser(browser: Any) -> None:
    page = browser.new_page()
    script = SCRIPT.read_text(encoding="utf-8")
    # As text, which Playwright hands over sooner than it does thousands of numbers.
    body = f"const cases = JSON.parse(text);{script}{RUNNER}return JSON.stringify(shown);"
    scripted(lambda cases: json.loads(page.evaluate(f"text => {{{body}}}", json.dumps(cases))))
    page.close()


@pytest.mark.slow
def test_a_large_graph() -> None:
    n = 100_000
    edges = [(max(0, i - 1 - i % 7), i) for i in range(1, n)]
    vertices = [vertex(i, "add", group=i // 100) for i in range(n)]
    groups = [Group(i, None, "module", "M") for i in range(n // 100)]
    large = graph(vertices, edges, groups)
    for opened in (set[int](), set(range(0, n // 100, 2)), set(range(n // 100))):
        shown = view(large, opened)
        assert len(shown.frames) == len(opened)
        assert len(shown.boxes) == n // 100 - len(opened) + 100 * len(opened)
