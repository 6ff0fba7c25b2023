"""The layered layout, as properties of random graphs: what a reader relies on."""

import time
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from viz import layout
from viz.layout import Layout, Point, layered

Sizes = list[tuple[float, float]]
Edges = list[tuple[int, int]]


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


def curve(piece: list[Point], steps: int = 12) -> list[Point]:
    """Points along a way of Bézier curves."""
    points = [piece[0]]
    for i in range(0, len(piece) - 1, 3):
        a, b, c, d = (np.array(p) for p in piece[i : i + 4])
        for t in np.linspace(0, 1, steps)[1:]:
            s = 1 - t
            points.append(tuple(s**3 * a + 3 * s * s * t * b + 3 * s * t * t * c + t**3 * d))
    return points


def check(sizes: Sizes, edges: Edges, drawing: Layout) -> None:
    """Hold every property of a layout."""
    boxes = [
        (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        for (x, y), (w, h) in zip(drawing.centres, sizes, strict=True)
    ]
    for a, b in combinations(boxes, 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, f"{a} and {b} overlap"
    for left, top, right, bottom in boxes:
        assert left >= -1e-6
        assert top >= -1e-6
        assert right <= drawing.width + 1e-6
        assert bottom <= drawing.height + 1e-6

    assert len(drawing.routes) == len(edges)
    ends: dict[int, set[Point]] = {}
    for (u, _), route in zip(edges, drawing.routes, strict=True):
        ends.setdefault(u, set()).update(point for piece in route for point in piece[::3])
    for (u, v), route in zip(edges, drawing.routes, strict=True):
        (start_x, start_y), (end_x, end_y) = route[0][0], route[-1][-1]
        # It starts at the foot of its box, or where another edge from the same box passes ...
        foot = (pytest.approx(drawing.centres[u][0]), pytest.approx(boxes[u][3]))
        assert (start_x, start_y) == foot or (start_x, start_y) in ends[u]
        # ... and ends on the top of the box it enters.
        assert end_y == pytest.approx(boxes[v][1])
        assert boxes[v][0] <= end_x <= boxes[v][2]
        for piece in route:
            # Control points that run downward make a curve that runs downward.
            assert all(p[1] <= q[1] + 1e-6 for p, q in pairwise(piece))
            for x, y in curve(piece):
                for i, (left, top, right, bottom) in enumerate(boxes):
                    inside = left + 1e-6 < x < right - 1e-6 and top + 1e-6 < y < bottom - 1e-6
                    assert not inside, f"edge {(u, v)} crosses box {i}"


@given(graphs())
@example(([(40, 20)] * 2, [(0, 1), (0, 1)]))
@example(([(40, 20)] * 4, [(0, 1), (1, 2), (2, 3), (0, 3), (0, 3), (0, 2)]))
def test_properties(graph: tuple[Sizes, Edges]) -> None:
    check(*graph, layered(*graph))


@given(graphs())
def test_edges_too_long_to_draw_are_two_ends(graph: tuple[Sizes, Edges]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "_MANY_DUMMIES", -2 * len(graph[0]) + 2)
        drawing = layered(*graph)
    # Their ends are where the ends of an edge are; what lies between is not drawn.
    check(*graph, drawing)


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
    np.testing.assert_allclose(layout._isotonic(wish, weight, gap), expected + offset, atol=1e-9)


def residual_network(blocks: int) -> Edges:
    edges, h = [], 0
    for i in range(1, 6 * blocks, 6):
        w, matmul, b, plus, act, total = range(i, i + 6)
        edges += [(h, matmul), (w, matmul), (matmul, plus), (b, plus), (plus, act)]
        edges += [(h, total), (act, total)]
        h = total
    return edges


LARGE = {
    "residual, 10,000 boxes": (9_997, residual_network(1_666)),
    "a chain of 5,000": (5_000, [(i, i + 1) for i in range(4_999)]),
    "a row of 2,000": (2_001, [(i, 2_000) for i in range(2_000)]),
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
def test_large_graphs_take_about_a_second(name: str) -> None:
    n, edges = LARGE[name]
    start = time.perf_counter()
    drawing = layered([(80.0, 40.0)] * n, edges)
    # Some 0.1 to 0.6 s on two quiet cores; tests may share theirs.
    assert time.perf_counter() - start < 8
    assert sum(len(piece) for route in drawing.routes for piece in route) < 100 * n
