"""The layered layout, as properties of random graphs: what a reader relies on."""

import json
import os
import random
import subprocess
import sys
from importlib import import_module
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from benchmarks.layout import crossings
from tests.viz.layout_graphs import (
    GOLDEN,
    Case,
    cases,
    cells,
    in_node,
    long_short_term,
    plain,
    random_frames,
    recurrent,
    residual_frames,
    residual_network,
    scalars,
    shuffled,
    tied,
)
from tests.viz.random_graphs import random_graph, random_opened
from viz.graph.groups import group
from viz.graph.view import view
from viz.layout import Layout, Point, layered, net
from viz.layout.columns import isotonic
from viz.layout.net import Net

Sizes = list[tuple[float, float]]
Edges = list[tuple[int, int]]
#: What is taken for nothing, in pixels.
NEAR = 1e-6


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Sizes, Edges]:
    """Boxes of any size and edges downward: parallel ones, long ones, several components."""
    n = draw(st.integers(1, 24))
    side = st.floats(5, 300)
    sizes = draw(st.lists(st.tuples(side, side), min_size=n, max_size=n))
    if n == 1:
        return sizes, []
    ends = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda e: e[0] != e[1])
    edges = draw(st.lists(ends, max_size=3 * n))
    return sizes, [(min(e), max(e)) for e in edges]


@st.composite
def framed(draw: st.DrawFn) -> Case:
    """The same in frames: empty ones, frames in frames, boxes of a frame not in one run."""
    sizes, edges = draw(graphs())
    frames: list[tuple[int, float, float]] = []
    inside, stack = [], []
    for _ in sizes:
        for opens in draw(st.lists(st.booleans(), max_size=3)):
            if opens:
                title = draw(st.tuples(st.floats(0, 150), st.floats(0, 30)))
                frames.append((stack[-1] if stack else -1, *title))
                stack.append(len(frames) - 1)
            elif stack:
                stack.pop()
        inside.append(stack[-1] if stack else -1)
    wish = draw(st.lists(st.floats(0, 1), min_size=len(sizes), max_size=len(sizes)))
    return shuffled((sizes, edges, inside, frames), wish)


def curve(piece: list[Point], steps: int = 12) -> np.ndarray:
    """Points along a way of Bézier curves."""
    knots = np.array(piece)
    t = np.linspace(0, 1, steps)[:, None, None]
    a, b, c, d = knots[0:-1:3], knots[1::3], knots[2::3], knots[3::3]
    s = 1 - t
    points = s**3 * a + 3 * s * s * t * b + 3 * s * t * t * c + t**3 * d
    return points.transpose(1, 0, 2).reshape(-1, 2)


def outside(areas: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Whether each area, a row (left, top, right, bottom), is apart from each of the others."""
    a, b = areas[:, None], others[None]
    x = (a[..., 2] <= b[..., 0] + NEAR) | (b[..., 2] <= a[..., 0] + NEAR)
    return x | (a[..., 3] <= b[..., 1] + NEAR) | (b[..., 3] <= a[..., 1] + NEAR)


def within(areas: np.ndarray, others: np.ndarray, room: float = NEAR) -> np.ndarray:
    """Whether each area (or a point, as one of no size) lies in each of the others."""
    a, b = areas[:, None], others[None]
    inside = (a[..., :2] >= b[..., :2] - room) & (a[..., 2:] <= b[..., 2:] + room)
    return inside.all(axis=-1)


def check(case: Case, drawing: Layout) -> None:
    """Hold every property of a layout."""
    sizes, edges, inside, frames = case
    centres, extents = np.array(drawing.centres).reshape(-1, 2), np.array(sizes).reshape(-1, 2)
    boxes = np.hstack([centres - extents / 2, centres + extents / 2])
    rects = np.array(drawing.frames).reshape(-1, 4)
    rects = np.hstack([rects[:, :2], rects[:, :2] + rects[:, 2:]])
    titles = np.array([f[1:] for f in frames]).reshape(-1, 2)
    titles = np.hstack([rects[:, :2], rects[:, :2] + titles])
    assert np.isfinite(boxes).all()
    assert np.isfinite(rects).all()

    # holds[i, f]: whether box i is in frame f, nested[g, f]: whether frame g is.
    nested = np.zeros((len(frames), len(frames)), bool)
    for f, (parent, _, _) in enumerate(frames):
        if parent >= 0:
            nested[f] = nested[parent]
            nested[f, parent] = True
    holds = np.zeros((len(sizes), len(frames)), bool)
    for i, f in enumerate(inside):
        if f >= 0:
            holds[i] = nested[f]
            holds[i, f] = True

    page = np.array([[0.0, 0.0, drawing.width, drawing.height]])
    assert within(boxes, page).all()
    assert within(rects, page).all()
    assert (outside(boxes, boxes) | np.eye(len(boxes), dtype=bool)).all(), "boxes overlap"
    assert (within(boxes, rects) | ~holds).all(), "a box is outside its frame"
    assert (outside(boxes, rects) | holds).all(), "a box is in a foreign frame"
    assert (within(rects, rects) | ~nested).all(), "a frame is outside the one around it"
    related = nested | nested.T | np.eye(len(frames), dtype=bool)
    assert (outside(rects, rects) | related).all(), "frames overlap"
    assert within(titles, rects).diagonal().all()
    assert outside(boxes, titles).all(), "a box is on a title"
    assert (outside(rects, titles) | ~nested).all(), "a frame is on the title around it"

    assert len(drawing.routes) == len(edges)
    ends: dict[int, set[tuple[float, float]]] = {}
    for (u, _), route in zip(edges, drawing.routes, strict=True):
        knots = {(round(x, 4), round(y, 4)) for piece in route for x, y in piece[::3]}
        ends.setdefault(u, set()).update(knots)
    for (u, v), route in zip(edges, drawing.routes, strict=True):
        (start_x, start_y), (end_x, end_y) = route[0][0], route[-1][-1]
        # It starts at the foot of its box, or where another edge from the same box passes ...
        foot = (pytest.approx(centres[u, 0]), pytest.approx(boxes[u, 3]))
        assert (start_x, start_y) == foot or (round(start_x, 4), round(start_y, 4)) in ends[u]
        # ... and ends on the top of the box it enters.
        assert end_y == pytest.approx(boxes[v, 1])
        assert boxes[v, 0] <= end_x <= boxes[v, 2]
        for piece in route:
            # Control points that run downward make a curve that runs downward.
            assert all(p[1] <= q[1] + NEAR for p, q in pairwise(piece))
            # No kinks: before and after each knot it runs straight down, at borders too.
            knots, before, after = (np.array(piece[i::3])[:, 0] for i in (0, 2, 1))
            assert np.abs(before - knots[1:]).max() < NEAR
            assert np.abs(after - knots[:-1]).max() < NEAR
            points = np.hstack([curve(piece)] * 2)
            assert not within(points, boxes, -NEAR).any(), f"edge {(u, v)} crosses a box"
            assert not within(points, titles, -NEAR).any(), f"edge {(u, v)} crosses a title"
            deep, near = within(points, rects, -NEAR), within(points, rects)
            both, one = holds[u] & holds[v], holds[u] ^ holds[v]
            assert near[:, both].all(), f"edge {(u, v)} leaves the frame of both ends"
            assert not deep[:, ~both & ~one].any(), f"edge {(u, v)} crosses a foreign frame"
            for f in np.flatnonzero(one):
                # It crosses the border once: out of the frame, or into it.
                first, then = (deep[:, f], ~near[:, f])[:: 1 if holds[u, f] else -1]
                if then.any():
                    assert not first[then.argmax() :].any(), f"edge {(u, v)} comes back"


def no_frames(sizes: Sizes, edges: Edges) -> Case:
    return sizes, edges, [-1] * len(sizes), []


@given(graphs())
@example(([(40, 20)] * 2, [(0, 1), (0, 1)]))
@example(([(40, 20)] * 4, [(0, 1), (1, 2), (2, 3), (0, 3), (0, 3), (0, 2)]))
def test_properties(graph: tuple[Sizes, Edges]) -> None:
    check(no_frames(*graph), layered(*graph))


@given(framed())
@example(residual_frames(4, 2))
@example(recurrent(3))
@example(long_short_term(3))
@example(tied())
def test_properties_in_frames(case: Case) -> None:
    check(case, layered(*case))


@pytest.mark.parametrize("case", [*cases().values(), random_frames(1, 300, 30)])
def test_properties_of_graphs_that_are_drawn(case: Case) -> None:
    check(case, layered(*case))


@given(graphs())
def test_edges_too_long_to_draw_are_two_ends(graph: tuple[Sizes, Edges]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(net, "MANY_DUMMIES", -2 * len(graph[0]) + 2)
        drawing = layered(*graph)
    # Their ends are where the ends of an edge are; what lies between is not drawn.
    check(no_frames(*graph), drawing)


@given(framed())
def test_edges_too_long_to_draw_in_frames(case: Case) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(net, "MANY_DUMMIES", 0)
        check(case, layered(*case))


def test_parallel_edges_have_places_of_their_own() -> None:
    drawing = layered([(40, 20)] * 2, [(0, 1), (0, 1)])
    left, right = (route[-1][-1][0] for route in drawing.routes)
    assert abs(right - left) >= 10


def test_a_chain_is_straight() -> None:
    drawing = layered([(40, 20), (90, 30), (10, 10)], [(0, 1), (1, 2)])
    assert len({x for x, _ in drawing.centres}) == 1


def test_a_parameter_stands_beside_the_chain() -> None:
    """x -> @ -> + -> tanh runs straight down, and w and b stand in the row above their use."""
    x, w, b, matmul, plus, tanh = range(6)
    edges = [(x, matmul), (w, matmul), (matmul, plus), (b, plus), (plus, tanh)]
    at = layered([(60, 30)] * 6, edges).centres
    assert at[matmul][0] == pytest.approx(at[plus][0], abs=0.1)
    assert at[plus][0] == pytest.approx(at[tanh][0], abs=0.1)
    assert at[b][1] == at[matmul][1]
    assert at[x][1] == at[w][1]
    assert at[x][0] < at[w][0], "operands stand in their order"


def test_products_stand_above_the_sums_that_take_them_in() -> None:
    """A value is multiplied where the products are added, not as soon as it is known."""
    edges = scalars(4)
    at = layered([(60.0, 30.0)] * (max(max(edges)) + 1), edges).centres
    rows = sorted({y for _, y in at})
    for total in range(5, len(at), 13):
        for product in range(total + 2, total + 13, 3):
            assert rows.index(at[product + 1][1]) == rows.index(at[product][1]) + 1


def test_a_long_edge_is_straight_beside_the_boxes() -> None:
    edges = [(0, 1), (1, 2), (2, 3), (3, 4), (0, 4)]
    drawing = layered([(60, 30)] * 5, edges)
    way = [x for x, _ in drawing.routes[-1][0][3:-6]]
    assert len({round(x, 3) for x in way[3:]}) == 1


def test_a_tree_has_no_crossing() -> None:
    edges = [(i, 8 + i // 2) for i in range(8)] + [(8 + i, 12 + i // 2) for i in range(4)]
    edges += [(12, 14), (13, 14)]
    drawing = layered([(30, 20)] * 15, edges)
    for level in (range(8), range(8, 12)):
        columns = [drawing.centres[i][0] for i in level]
        assert columns == sorted(columns)


def test_nothing_to_lay_out() -> None:
    assert layered([], []) == Layout([], [], 0.0, 0.0)


@pytest.mark.parametrize("edge", [(1, 0), (0, 0), (0, 2), (-1, 1)])
def test_edges_must_run_forward(edge: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="smaller to a larger"):
        layered([(1, 1)] * 2, [edge])


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(0.01, 10)), min_size=1, max_size=20))
def test_isotonic_regression_is_that_of_scikit_learn(points: list[tuple[float, float]]) -> None:
    wish, weight = [p[0] for p in points], [p[1] for p in points]
    gap = [float(i % 3) for i in range(len(points) - 1)]
    offset = np.concatenate([[0.0], np.cumsum(gap)])
    expected = IsotonicRegression().fit_transform(
        np.arange(len(wish)), np.array(wish) - offset, sample_weight=weight
    )
    np.testing.assert_allclose(isotonic(wish, weight, gap), expected + offset, atol=1e-9)


LARGE = {
    "residual, 10,000 boxes": (9_997, residual_network(1_666)),
    "a chain of 5,000": (5_000, [(i, i + 1) for i in range(4_999)]),
    "a row of 2,000": (2_001, [(i, 2_000) for i in range(2_000)]),
    "boxes of 20,000 edges": (
        400,
        [(i, 200 + j) for i in range(200) for j in range(0, 200, 2)],
    ),
    "10,000 edges anywhere": (
        2_000,
        [(i * 7_919 % 2_000, i * i * 104_729 % 2_003 % 1_999) for i in range(20_000)],
    ),
    "one weight used 3,000 times": (
        6_001,
        [(i, i + 1) for i in range(1, 6_000)] + [(0, i) for i in range(2, 6_001, 2)],
    ),
    "all of 2,000 kept to the end": (
        2_001,
        [(i, i + 1) for i in range(2_000)] + [(i, 2_000) for i in range(1_999)],
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_the_work_is_bounded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some 0.1 to 2 s: counted in places in rows and segments that are sorted, not in seconds."""
    n, edges = LARGE[name]
    edges = [(u, v) for u, v in edges if u < v]
    # Functions of the package hide these modules.
    order, columns = (import_module(f"viz.layout.{name}") for name in ("order", "columns"))
    counted: list[int] = []
    placed: list[int] = []

    def count(one: Net, place: list[int]) -> int:
        counted.append(len(place) + sum(map(len, one.below)))
        return found(one, place)

    def regression(wish: list[float], *rest: list[float]) -> list[float]:
        placed.append(len(wish))
        return isotonic(wish, *rest)

    found = order._crossings
    monkeypatch.setattr(order, "_crossings", count)
    monkeypatch.setattr(columns, "isotonic", regression)
    drawing = layered([(80.0, 40.0)] * n, edges)
    assert max(counted) < 2 * (net.MANY_DUMMIES + 3 * n) + len(edges)
    assert sum(counted) < 2 * order._MUCH_WORK + 4 * max(counted)
    assert sum(placed) < 20_000 + 6 * max(counted)
    assert sum(len(piece) for route in drawing.routes for piece in route) < 100 * (n + len(edges))


def test_frames_stand_below_each_other_and_their_ports_too() -> None:
    """Steps of a recurrent network: one below the other, and the state goes straight on."""
    case = recurrent(6)
    drawing = layered(*case)
    lefts = [x for x, _, _, _ in drawing.frames]
    # The first has a plain box above it, the others a frame.
    assert max(lefts[1:]) - min(lefts[1:]) < 1e-3
    for (u, v), route in zip(case[1], drawing.routes, strict=True):
        if 0 <= case[2][u] != case[2][v] >= 0:
            border = drawing.frames[case[2][v]][1]
            across = [x for x, y in route[0] if -30 < y - border < 18]
            assert max(across) - min(across) < 1e-3, "a kink at a border"


@pytest.mark.parametrize(
    ("case", "width"),
    [(residual_frames(12), 400), (long_short_term(8), 800), (cells(25), 1_000)],
)
def test_no_drift(case: Case, width: float) -> None:
    assert layered(*case).width < width


def test_the_chain_through_frames_is_straight() -> None:
    sizes, edges, inside, frames = residual_frames(5)
    at = layered(sizes, edges, inside, frames).centres
    for block in range(5):
        h, _, matmul, _, plus, act, total = range(6 * block, 6 * block + 7)
        for one in (matmul, plus, act, total):
            assert at[one][0] == pytest.approx(at[h][0], abs=0.01)


def test_a_state_goes_straight_on_beside_other_values() -> None:
    """x[t] enters each step too: the deeper value is the state, in at the top where it goes out."""
    sizes, edges, inside, frames = cells(6)
    drawing = layered(sizes, edges, inside, frames)
    lefts = [drawing.frames[f][0] for f in range(3, len(frames) - 3, 3)]
    assert max(lefts) - min(lefts) < 1e-3
    across = [drawing.centres[i][0] for i in range(15, len(sizes) - 7, 7)]
    assert max(across) - min(across) < 1e-3


def test_a_value_compared_at_the_end_leaves_the_chain_straight() -> None:
    """An autoencoder within the frame of its loss: the input is above it, its second way aside."""
    sizes, edges, inside, frames = tied()
    around = [(-1, 60.0, 18.0), (0, 60.0, 18.0), *[(1, w, h) for _, w, h in frames]]
    inside = [-1, *[f + 2 for f in inside[1:-1]], 0]
    at = layered(sizes, edges, inside, around).centres
    assert at[0][0] == pytest.approx(at[5][0]) == pytest.approx(at[12][0])


def test_values_leave_a_frame_in_the_order_of_operands() -> None:
    """Queries, keys and values: the keys, transposed, are used first, and yet stand second."""
    x, q, k, v, transposed, scores, total = range(7)
    edges = [(x, q), (x, k), (x, v), (k, transposed), (q, scores), (transposed, scores)]
    edges += [(scores, total), (v, total)]
    drawing = layered([(60.0, 30.0)] * 7, edges, [-1, 0, 0, 0, -1, -1, -1], [(-1, 40.0, 18.0)])
    at = drawing.centres
    assert at[q][0] < at[k][0] < at[v][0]
    assert at[k][0] == pytest.approx(at[scores][0]) == pytest.approx(at[x][0], abs=0.01)
    assert crossings(drawing.routes) == 0


@pytest.mark.parametrize("edges", [[], [(0, 1)]])
def test_what_is_narrower_than_the_title_stands_in_the_middle(edges: Edges) -> None:
    drawing = layered([(40.0, 20.0)] * 2, edges, [-1, 0], [(-1, 150.0, 18.0)])
    (x, _, width, _), (middle, _) = drawing.frames[0], drawing.centres[1]
    assert middle == pytest.approx(x + 0.5 * width)
    assert width <= 2 * 160.0


def test_every_view_can_be_laid_out() -> None:
    """Whatever groups are open, and whatever modules are called in whatever turns."""
    for seed in range(40):
        r = random.Random(seed)
        graph = group(random_graph(seed, 120))
        for opened in (set(range(len(graph.groups))), random_opened(r, graph)):
            shown = view(graph, opened)
            case: Case = (
                [(r.uniform(20, 120), 30.0) for _ in shown.boxes],
                [(arrow.source, arrow.target) for arrow in shown.edges],
                [one.frame for one in shown.boxes],
                [(frame.parent, r.uniform(0, 150), 18.0) for frame in shown.frames],
            )
            drawing = layered(*case)
            if len(shown.boxes) < 30:
                check(case, drawing)


@pytest.mark.parametrize(
    "case",
    [
        ([(0.0, 0.0)] * 4, [(0, 1), (1, 2), (0, 3)], [0, 0, -1, -1], [(-1, 0.0, 0.0)]),
        ([(1e6, 1e6), (1.0, 1.0), (1e6, 10.0)], [(0, 1), (1, 2)], [-1] * 3, []),
        ([(50.0, 20.0)] * 2, [(0, 1)] * 300, [0, 1], [(-1, 40.0, 18.0)] * 2),
        ([], [], [], [(-1, 50.0, 18.0), (0, 50.0, 18.0)]),
        ([(50.0, 20.0)] * 60, [], [-1] * 60, []),
    ],
    ids=["of no size", "huge", "300 arrows", "no boxes", "no edges"],
)
def test_odd_graphs(case: Case) -> None:
    check(case, layered(*case))


def test_200_frames_in_each_other() -> None:
    frames = [(f - 1, 40.0, 18.0) for f in range(200)]
    edges = [(i, i + 1) for i in range(200)]
    for inside in (list(range(-1, 200)), list(range(199, -2, -1))):
        case = [(50.0, 20.0)] * 201, edges, inside, frames
        check(case, layered(*case))


def test_a_long_row_is_broken() -> None:
    """2,000 summands fill a page, not a line; each has an arrow to the sum."""
    drawing = layered([(80.0, 40.0)] * 2_001, [(i, 2_000) for i in range(2_000)])
    assert drawing.width < 6_000
    assert drawing.height < 10_000
    sizes, edges = [(80.0, 40.0)] * 201, [(i, 200) for i in range(200)]
    check(no_frames(sizes, edges), layered(sizes, edges))


def test_no_crossing_where_none_need_be() -> None:
    """The cell of a long short-term memory can be drawn so, and so can a row of cells."""
    assert crossings(layered(*long_short_term(3)).routes) == 0


@pytest.mark.parametrize(
    ("inside", "frames", "match"),
    [
        ([-1], [], "frames of 1 boxes, but there are 3"),
        ([-1, 1, 0], [(-1, 1, 1)], "box 1 is inside frame 1, but there are 1 frames"),
        ([-1, -2, 0], [(-1, 1, 1)], "box 1 is inside frame -2"),
        ([0, 0, 0], [(0, 1, 1)], "frame 0: its parent must come before it or be -1, not 0"),
        ([0, -1, 0], [(-1, 1, 1)], "frame 0 and box 1 would each have to be above the other"),
    ],
)
def test_frames_that_cannot_be(inside: list[int], frames: list[tuple[int, float, float]],
                               match: str) -> None:  # fmt: skip
    with pytest.raises(ValueError, match=match):
        layered([(9, 9)] * 3, [(0, 1), (1, 2)], inside, frames)


def test_the_golden_file() -> None:
    held = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert [one["name"] for one in held] == list(cases()), "run python -m tests.viz.layout_graphs"
    for one, case in zip(held, cases().values(), strict=True):
        assert one["given"] == json.loads(json.dumps(case))
        same(one, plain(layered(*case)), one["name"])


def test_the_page_lays_out_the_same() -> None:
    """To the last digits, in JavaScript and in Python, on the golden file and on random graphs."""
    given = [*cases().values(), *[random_frames(seed, 60, 9) for seed in range(6)]]
    drawn = in_node(given)
    if drawn is None:
        pytest.skip("there is no `node` on the PATH")
    for i, (one, case) in enumerate(zip(drawn, given, strict=True)):
        same(one, plain(layered(*case)), i)


@pytest.mark.slow
def test_the_page_lays_out_many_boxes_the_same() -> None:
    """Where both spend less work: 10,003 boxes in frames, 6,001 with long lines, dense ones."""
    given: list[Case] = [residual_frames(1_667, 10), random_frames(7, 300, 30)]
    given += [random_frames(seed, 60, 9) for seed in range(20)]
    for n, edges in LARGE.values():
        given.append(no_frames([(80.0, 40.0)] * n, [(u, v) for u, v in edges if u < v]))
    drawn = in_node(given)
    if drawn is None:
        pytest.skip("there is no `node` on the PATH")
    for i, (one, case) in enumerate(zip(drawn, given, strict=True)):
        same(one, plain(layered(*case)), i)


def same(found: dict[str, object], expected: dict[str, object], name: object) -> None:
    """Hold two plain layouts to be equal."""

    def flat(held: object) -> list[float]:
        return [x for one in held for x in flat(one)] if isinstance(held, list) else [held]  # type: ignore[list-item]

    for key, value in expected.items():
        given, wanted = flat(found[key]), flat(value)
        assert len(given) == len(wanted), f"{name}: {key}"
        np.testing.assert_allclose(given, wanted, rtol=0, atol=1e-9, err_msg=f"{name}: {key}")


def test_the_same_under_any_hash_seed() -> None:
    script = (
        "from tests.viz.layout_graphs import cases, plain\n"
        "from viz.layout import layered\n"
        "print([plain(layered(*case)) for case in cases().values()])"
    )
    answers = [
        subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONHASHSEED": seed},
                       capture_output=True, text=True, check=True).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert answers[0] == answers[1] != ""
