"""The benchmark of checkpoint: all ways compute the same, and the memory that it counts."""

import numpy as np
import pytest

from benchmarks import checkpointing
from benchmarks.checkpointing import BUILDS, LENGTHS, pieces_of, start


def by_hand(length: int) -> list[float]:
    """The gradients of the sum at the end of a chain, summed, by the chain rule written out."""
    x, w = start()
    inside = [x]
    for _ in range(length):
        inside.append(np.tanh(inside[-1] * w))
    g, g_w = np.ones_like(x), np.zeros_like(w)
    for before, after in zip(inside[-2::-1], inside[:0:-1], strict=True):
        g = g * (1 - after * after)
        g_w += g * before
        g = g * w
    return [float(g.sum()), float(g_w.sum())]


@pytest.mark.parametrize("checkpointed", [False, True])
@pytest.mark.parametrize("name", BUILDS)
def test_all_ways_agree(name: str, checkpointed: bool) -> None:
    build, needs = BUILDS[name]
    for module in needs:
        pytest.importorskip(module)
    job = build(12, checkpointed)
    for _ in range(2):  # gradients start anew each time
        for stage in job.stages.values():
            stage()
    assert job.check is not None
    assert job.check() == pytest.approx(by_hand(12), rel=1e-10)


def test_the_memory_that_is_counted() -> None:
    whole, pieces = (checkpointing.ours(400, c).facts() for c in (False, True))  # type: ignore[misc]
    assert 400 < whole["values at most"] < 600
    assert 40 < pieces["values at most"] < 100


def test_pieces_are_of_equal_length() -> None:
    assert [pieces_of(n) for n in LENGTHS.values()] == [10, 25, 100]
    assert pieces_of(7) == 1
