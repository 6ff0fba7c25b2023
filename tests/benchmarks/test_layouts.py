"""LAYOUT: what it counts, and that its contestants lay out the same graphs."""

import shutil
from itertools import pairwise

import pytest

from benchmarks import layout


def straight(*points: tuple[float, float]) -> list[list[tuple[float, float]]]:
    """A way of straight Bézier curves through some points."""
    way = [points[0]]
    for (ax, ay), (bx, by) in pairwise(points):
        way += [(ax + (bx - ax) * k / 3, ay + (by - ay) * k / 3) for k in (1, 2, 3)]
    return [way]


def test_crossings_are_counted() -> None:
    across = [straight((0, 0), (9, 10)), straight((9, 0), (0, 10))]
    beside = straight((20, 0), (20, 10))
    fork = straight((0, 0), (-9, 10))
    assert layout.crossings(across) == 1
    assert layout.crossings([*across, beside, fork]) == 1
    assert layout.crossings([across[0], beside, fork]) == 0


@pytest.mark.parametrize("name", layout.DOT)
def test_both_lay_out_all_boxes_and_edges(name: str) -> None:
    sizes, edges, inside, frames = layout.GRAPHS[name]()
    assert len(inside) == len(sizes)
    assert not frames
    job = layout.work(name, "ours")
    job.stages["layout"]()
    assert job.check is not None
    assert job.check() == [len(sizes), len(edges)]


def test_dot_lays_out_all_boxes_and_edges() -> None:
    if shutil.which("dot") is None:
        pytest.skip("there is no `dot` on the PATH")
    job = layout.work("residual, 499 boxes", "dot")
    job.stages["layout"]()
    assert job.check is not None
    assert job.facts is not None
    assert job.check() == [499, 581]
    assert job.facts()["crossings"] == 0
