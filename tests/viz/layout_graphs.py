"""Sizes, edges and frames for the tests of the layout, and its golden file.

``python -m tests.viz.layout_graphs`` writes the golden file anew, from the layout in Python; the
one in JavaScript is held to it.
"""

import json
import random
import shutil
import subprocess
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from viz.layout import Layout, layered

GOLDEN = Path(__file__).with_name("layout_golden.json")

#: What `layered` is given: sizes, edges, inside, frames.
Case = tuple[
    list[tuple[float, float]], list[tuple[int, int]], list[int], list[tuple[int, float, float]]
]


def residual_network(blocks: int) -> list[tuple[int, int]]:
    """The edges of ``6 * blocks + 1`` boxes: h + tanh(h W + b), again and again."""
    edges, h = [], 0
    for i in range(1, 6 * blocks, 6):
        w, matmul, b, plus, act, total = range(i, i + 6)
        edges += [(h, matmul), (w, matmul), (matmul, plus), (b, plus), (plus, act)]
        edges += [(h, total), (act, total)]
        h = total
    return edges


def residual_frames(blocks: int, around: int = 0) -> Case:
    """The same with a frame for each block, and for each ``around`` of them another."""
    outer = -(-blocks // around) if around else 0
    frames = [(-1, 90.0, 18.0)] * outer
    frames += [(block // around if around else -1, 60.0, 18.0) for block in range(blocks)]
    inside = [-1] + [outer + block for block in range(blocks) for _ in range(6)]
    sizes = [(40.0 + 20 * (i % 5), 40.0) for i in range(len(inside))]
    return sizes, residual_network(blocks), inside, frames


def recurrent(steps: int) -> Case:
    """tanh(x W + h U + b), a frame each step, with parameters of its own (a proxy at each use)."""
    sizes, edges, inside, h = [(40.0, 30.0)], [], [-1], 0
    for step in range(steps):
        x = len(sizes)
        w, xw, u, hu, total, b, plus, act = range(x + 1, x + 9)
        edges += [(x, xw), (w, xw), (h, hu), (u, hu), (xw, total), (hu, total), (total, plus)]
        edges += [(b, plus), (plus, act)]
        sizes += [(40.0, 30.0)] + [(90.0, 40.0)] * 8
        inside += [-1] + [step] * 8
        h = act
    loss = [(h, len(sizes))]
    return [*sizes, (40.0, 30.0)], edges + loss, [*inside, -1], [(-1, 50.0, 18.0)] * steps


def long_short_term(steps: int) -> Case:
    """Cells of which two values go into the next: a frame with several ports."""
    sizes, edges, inside, h, c = [(40.0, 30.0)] * 2, [], [-1] * 2, 0, 1
    for step in range(steps):
        x = len(sizes)
        w, gates, *parts = range(x + 1, x + 16)
        edges += [(x, gates), (h, gates), (w, gates)]
        slices, acts, (keep, add, c_, squash, out) = parts[:4], parts[4:8], parts[8:]
        edges += [(gates, s) for s in slices] + list(zip(slices, acts, strict=True))
        edges += [(acts[1], keep), (c, keep), (acts[0], add), (acts[3], add), (keep, c_)]
        edges += [(add, c_), (c_, squash), (acts[2], out), (squash, out)]
        sizes += [(40.0, 30.0)] + [(60.0, 30.0)] * 15
        inside += [-1] + [step] * 15
        h, c = out, c_
    return sizes, edges, inside, [(-1, 50.0, 18.0)] * steps


def cells(steps: int) -> Case:
    """Steps as modules make them: x[t] outside, and in each two frames, for x[t] and the state.

    So the state enters at the right and leaves in the middle.
    """
    sizes, edges, inside, frames, h = [(60.0, 30.0)] * 2, [], [-1] * 2, [], 1
    for step in range(steps):
        x = len(sizes)
        w, xw, u, hu, total, act = range(x + 1, x + 7)
        edges += [(0, x), (x, xw), (w, xw), (h, hu), (u, hu), (xw, total), (hu, total)]
        edges += [(total, act)]
        sizes += [(90.0, 40.0)] * 7
        inside += [-1, 3 * step + 1, 3 * step + 1, 3 * step + 2, 3 * step + 2, 3 * step, 3 * step]
        frames += [(-1, 50.0, 18.0), (3 * step, 70.0, 18.0), (3 * step, 70.0, 18.0)]
        h = act
    return sizes, edges, inside, frames


def scalars(units: int) -> list[tuple[int, int]]:
    """The edges of a layer of a scalar network: h[j] * w[i, j] one by one added to b[i]."""
    edges, n = [(0, 1 + j) for j in range(units)], units + 1
    for _ in range(units):
        total, n = n, n + 1
        for x in range(1, 1 + units):
            edges += [(x, n + 1), (n, n + 1), (total, n + 2), (n + 1, n + 2)]
            total, n = n + 2, n + 3
    return edges


def tied() -> Case:
    """An autoencoder, a frame each way; its input is compared with its output at the end."""
    edges = [(0, 2), (1, 2), (2, 4), (3, 4), (4, 5)]
    edges += [(5, 8), (6, 7), (7, 8), (8, 10), (9, 10), (10, 11), (0, 12), (11, 12)]
    inside = [-1] + [0] * 5 + [1] * 6 + [-1]
    return [(80.0, 40.0)] * 13, edges, inside, [(-1, 90.0, 18.0), (-1, 90.0, 18.0)]


def random_frames(seed: int, n: int, most: int) -> Case:
    """Any boxes in any frames; no way out of a frame comes back to it."""
    r = random.Random(seed)
    frames: list[tuple[int, float, float]] = []
    inside, stack = [], []
    for _ in range(n):
        while stack and r.random() < 0.25:
            stack.pop()
        while len(frames) < most and r.random() < 0.25:
            frames.append((stack[-1] if stack else -1, r.uniform(0, 120), r.uniform(0, 20)))
            stack.append(len(frames) - 1)
        inside.append(stack[-1] if stack else -1)
    far, edges = r.randint(1, 12), []
    for _ in range(int(r.uniform(0.5, 2.5) * n)):
        u = r.randrange(n)
        v = u + r.randint(1, far) if r.random() < 0.8 else r.randrange(n)
        if u < v < n:
            edges.append((u, v))
    sizes = [(r.uniform(5, 200), r.uniform(5, 60)) for _ in range(n)]
    return shuffled((sizes, edges, inside, frames), [r.random() for _ in range(n)])


def shuffled(case: Case, wish: Sequence[float]) -> Case:
    """The same with its boxes in another order; of those that can be next, least wish first.

    So what is in a frame is not in one run of numbers.
    """
    sizes, edges, inside, frames = case
    waits = [0] * len(sizes)
    for _, v in edges:
        waits[v] += 1
    ready = [v for v, wait in enumerate(waits) if not wait]
    order = []
    while ready:
        ready.sort(key=lambda v: (wish[v], v), reverse=True)
        order.append(ready.pop())
        for u, v in edges:
            if u == order[-1]:
                waits[v] -= 1
                if not waits[v]:
                    ready.append(v)
    number = {v: i for i, v in enumerate(order)}
    moved = [(number[u], number[v]) for u, v in edges]
    return [sizes[v] for v in order], moved, [inside[v] for v in order], frames


def flat(n: int, edges: list[tuple[int, int]]) -> Case:
    """Boxes of several sizes in no frame."""
    return [(30.0 + 37 * i % 90, 20.0 + 11 * i % 30) for i in range(n)], edges, [-1] * n, []


def bipartite(n: int) -> list[tuple[int, int]]:
    return [(i, n + j) for i in range(n) for j in range(n)]


def cases() -> dict[str, Case]:
    """The graphs of the golden file, which is to stay below 300 kB."""
    nest = [(i - 1, 40.0, 16.0) for i in range(8)]
    return {
        "nothing": flat(0, []),
        "a box": flat(1, []),
        "the same operand twice": flat(2, [(0, 1), (0, 1)]),
        "a diamond": flat(4, [(0, 1), (0, 2), (1, 3), (2, 3)]),
        "a chain": flat(30, [(i, i + 1) for i in range(29)]),
        "skips": flat(10, [(i, j) for i in range(10) for j in range(i + 1, 10, 3)]),
        "a bipartite graph": flat(10, bipartite(5)),
        "a tree": flat(31, [(i, 16 + i // 2) for i in range(30)]),
        "residual": flat(37, residual_network(6)),
        "a sum of 70": flat(71, [(i, 70) for i in range(70)]),
        "70 of one": flat(72, [(0, i) for i in range(1, 71)] + [(i, 71) for i in range(1, 71)]),
        "products": flat(
            122,
            [(0, i + 1) for i in range(1, 81, 2)] + [(i, i + 1) for i in range(1, 81, 2)]
            + [(i + 1, 121) for i in range(1, 81, 2)],
        ),
        "tied": tied(),
        "residual in frames": residual_frames(6, 3),
        "recurrent": recurrent(5),
        "long short-term": long_short_term(3),
        "cells": cells(3),
        "scalars": flat(17, scalars(2)),
        "frames in frames": ([(50.0, 30.0)] * 10, [(i, i + 1) for i in range(9)] + [(0, 9)],
                             [-1, 0, 3, 7, 7, 7, 4, 1, 0, -1], nest),
        "an empty frame": ([(50.0, 30.0)], [], [-1], [(-1, 60.0, 18.0), (0, 60.0, 18.0)]),
        **{f"random {seed}": random_frames(seed, 30, 6) for seed in range(4)},
        "random 4": random_frames(4, 60, 12),
    }  # fmt: skip


def plain(drawing: Layout) -> dict[str, Any]:
    """A layout as numbers in lists, to a tenth of what is compared."""

    def rounded(held: Any) -> Any:
        return round(held, 10) if isinstance(held, float) else [rounded(one) for one in held]

    return {
        key: rounded(getattr(drawing, key))
        for key in ("width", "height", "centres", "frames", "routes")
    }


def in_node(given: Sequence[Case]) -> list[dict[str, Any]] | None:
    """What the page's script makes of them, and ``ms`` that it took; None without `node`."""
    node = shutil.which("node")
    if node is None:
        return None
    script = resources.files("viz.page").joinpath("layout.js").read_text(encoding="utf-8")
    text = f"""{script}
    const drawn = {json.dumps(given)}.map((graph) => {{
      const start = performance.now();
      const drawing = layered(...graph);
      return {{...drawing, ms: performance.now() - start}};
    }});
    console.log(JSON.stringify(drawn));"""
    done = subprocess.run([node, "-"], input=text, capture_output=True, text=True, check=True)
    answer: list[dict[str, Any]] = json.loads(done.stdout)
    return answer


def main() -> None:
    """Write the golden file: a line for each graph."""
    lines = [
        json.dumps({"name": name, "given": case, **plain(layered(*case))}, separators=(",", ":"))
        for name, case in cases().items()
    ]
    GOLDEN.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
