"""LAYOUT: boxes and edges to places, by the builtin layout and by Graphviz's `dot`.

Both are given the same sizes and edges and return the same thing; `dot` is run as `viz` runs it,
under a timeout, and without frames, so that it has less to do. `crossings` counts the segments of
the drawn edges that cross, which is what a reader stumbles over.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.contest import Contestant, Job, Row

Sizes = list[tuple[float, float]]
Edges = list[tuple[int, int]]
Frames = list[tuple[int, float, float]]
Graph = tuple[Sizes, Edges, list[int], Frames]

#: Seconds after which `dot` is given up: the contestant then fails.
TIMEOUT = 60.0
#: Crossings are counted pair by pair, so not in the largest drawings.
COUNTED = 1_500


def residual(blocks: int, frames: bool = False) -> Graph:
    """h + tanh(h W + b) again and again: six boxes a block, which is a frame in a frame of ten."""
    edges: Edges = []
    h = 0
    for i in range(1, 6 * blocks, 6):
        w, matmul, b, plus, act, total = range(i, i + 6)
        edges += [(h, matmul), (w, matmul), (matmul, plus), (b, plus), (plus, act)]
        edges += [(h, total), (act, total)]
        h = total
    n = 6 * blocks + 1
    if not frames:
        return [(80.0, 40.0)] * n, edges, [-1] * n, []
    outer = -(-blocks // 10)
    inside = [-1] + [outer + block for block in range(blocks) for _ in range(6)]
    around = [(-1, 90.0, 18.0)] * outer + [(i // 10, 60.0, 18.0) for i in range(blocks)]
    return [(80.0, 40.0)] * n, edges, inside, around


def recurrent(steps: int, frames: bool = False) -> Graph:
    """tanh(x W + h U + b), with the parameters drawn once a step; each step a frame."""
    edges: Edges = []
    inside, h = [-1], 0
    for step in range(steps):
        x = len(inside)
        w, xw, u, hu, total, b, plus, act = range(x + 1, x + 9)
        edges += [(x, xw), (w, xw), (h, hu), (u, hu), (xw, total), (hu, total), (total, plus)]
        edges += [(b, plus), (plus, act)]
        inside += [-1] + [step] * 8
        h = act
    sizes = [(80.0, 40.0)] * len(inside)
    if not frames:
        return sizes, edges, [-1] * len(inside), []
    return sizes, edges, inside, [(-1, 60.0, 18.0)] * steps


def shared(steps: int) -> Graph:
    """The same with W, U and b drawn once, and used by each step: long edges everywhere."""
    edges: Edges = []
    h = 3
    for i in range(4, 4 + 6 * steps, 6):
        x, xw, hu, total, plus, act = range(i, i + 6)
        edges += [(x, xw), (0, xw), (h, hu), (1, hu), (xw, total), (hu, total), (total, plus)]
        edges += [(2, plus), (plus, act)]
        h = act
    n = 4 + 6 * steps
    return [(80.0, 40.0)] * n, edges, [-1] * n, []


def chain(n: int) -> Graph:
    """One box after the other."""
    return [(80.0, 40.0)] * n, [(i, i + 1) for i in range(n - 1)], [-1] * n, []


def summands(n: int) -> Graph:
    """So many boxes that go into one."""
    return [(80.0, 40.0)] * (n + 1), [(i, n) for i in range(n)], [-1] * (n + 1), []


def scalars(units: int) -> Graph:
    """Two layers of a scalar network: every product and every sum is a box."""
    edges: Edges = []
    values, n = list(range(units)), units
    for _ in range(2):
        following = []
        for _ in range(units):
            total, n = n, n + 1
            for x in values:
                edges += [(x, n + 1), (n, n + 1), (total, n + 2), (n + 1, n + 2)]
                total, n = n + 2, n + 3
            edges.append((total, n))
            following.append(n)
            n += 1
        values = following
    return [(60.0, 40.0)] * n, edges, [-1] * n, []


def anywhere(n: int, many: int) -> Graph:
    """Edges between any boxes: the worst that can be asked for."""
    r = random.Random(0)
    pairs = [sorted(r.sample(range(n), 2)) for _ in range(many)]
    return [(50.0, 20.0)] * n, [(u, v) for u, v in pairs], [-1] * n, []


GRAPHS: dict[str, Callable[[], Graph]] = {
    "residual, 499 boxes": partial(residual, 83),
    "residual, 997 boxes": partial(residual, 166),
    "residual, 10,003 boxes": partial(residual, 1_667),
    "residual, 10,003 boxes in 1,834 frames": partial(residual, 1_667, frames=True),
    "recurrent, 25 steps": partial(recurrent, 25),
    "recurrent, 25 steps in frames": partial(recurrent, 25, frames=True),
    "recurrent, 25 steps, shared": partial(shared, 25),
    "scalar network": partial(scalars, 4),
    "chain of 5,000": partial(chain, 5_000),
    "sum of 2,000": partial(summands, 2_000),
    "10,000 boxes, 20,000 edges anywhere": partial(anywhere, 10_000, 20_000),
}
#: What `dot` can do in seconds.
DOT = ("residual, 499 boxes", "residual, 997 boxes", "recurrent, 25 steps",
       "recurrent, 25 steps, shared", "scalar network")  # fmt: skip


def work(name: str, engine: str) -> Job:
    """Lay out one graph."""
    from viz.drawing import dot
    from viz.layout import layered

    sizes, edges, inside, frames = GRAPHS[name]()
    held: list[Any] = []

    def step() -> None:
        if engine == "dot":
            held[:] = [dot.place(sizes, edges, TIMEOUT)]
        else:
            held[:] = [layered(sizes, edges, inside, frames)]

    def facts() -> dict[str, float]:
        drawing = held[0]
        told = {"width": drawing.width, "height": drawing.height}
        if len(edges) <= COUNTED:
            told["crossings"] = crossings(drawing.routes)
        return told

    return Job({"layout": step}, lambda: [len(held[0].centres), len(held[0].routes)], facts=facts)


def crossings(routes: list[Any]) -> int:
    """How many pairs of drawn edges cross, the curves taken as chains of eight segments."""
    import numpy as np

    chains = [np.vstack([_points(piece) for piece in route]) for route in routes]
    total = 0
    lows = [chain.min(axis=0) for chain in chains]
    highs = [chain.max(axis=0) for chain in chains]
    for i, first in enumerate(chains):
        for j in range(i):
            if (lows[i] < highs[j]).all() and (lows[j] < highs[i]).all():
                total += _cross(first, chains[j])
    return total


def _points(piece: Any) -> Any:
    import numpy as np

    knots = np.array(piece)
    t = np.linspace(0, 1, 9)[:, None, None]
    a, b, c, d = knots[0:-1:3], knots[1::3], knots[2::3], knots[3::3]
    s = 1 - t
    points = s**3 * a + 3 * s * s * t * b + 3 * s * t * t * c + t**3 * d
    return points.transpose(1, 0, 2).reshape(-1, 2)


def _cross(one: Any, other: Any) -> bool:
    """Whether two chains of segments meet elsewhere than where one of them starts or ends."""
    import numpy as np

    p, d = one[:-1, None], np.diff(one, axis=0)[:, None]
    q, e = other[None, :-1], np.diff(other, axis=0)[None]
    det = d[..., 0] * e[..., 1] - d[..., 1] * e[..., 0]
    away = q - p
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (away[..., 0] * e[..., 1] - away[..., 1] * e[..., 0]) / det
        s = (away[..., 0] * d[..., 1] - away[..., 1] * d[..., 0]) / det
    met = (det != 0) & (t >= 0) & (t <= 1) & (s >= 0) & (s <= 1)
    points = (p + np.where(met, t, 0)[..., None] * d)[met]
    ends = np.array([one[0], one[-1], other[0], other[-1]])
    return bool((np.abs(points[:, None] - ends).max(axis=-1) > 1.0).all(axis=-1).any())


LAYOUT = Row(
    "LAYOUT",
    "where boxes and edges go: the builtin layout and Graphviz's dot",
    tuple(
        Contestant(
            f"{engine}, {name}",
            partial(work, name, engine),
            rival=f"ours, {name}",
            programs=("dot",) if engine == "dot" else (),
            slow=engine == "dot",
        )
        for name in GRAPHS
        for engine in ("ours", "dot")
        if engine == "ours" or name in DOT
    ),
    unit="ms",
    per="a layout",
    warm_up=1,
    checked="numbers of boxes and edges",
)
