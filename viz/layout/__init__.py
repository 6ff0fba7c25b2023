"""Where boxes and edges go: a layered layout (after Sugiyama) that needs no other program.

Boxes stand in rows, every edge runs from a row to a lower one. The stages, each a module:

1. ``levels``   what each frame holds: boxes, frames as one box, and ports where values cross, all
   in the order in which a reader meets them: upwards from the results, operands left to right
2. ``rows``     a row for each box: the longest path, then as near to its use as it can
3. ``net``      an edge over several rows gets a dummy in each of them, so that it has a place
4. ``order``    left to right in each row, with few crossings: barycentre sweeps
5. ``columns``  x coordinates that keep that order: isotonic regression towards the neighbours
6. ``place``    the heights of the rows, and so the size of the frame and where its ports are
7. ``routes``   curves between the rows; inside a row an edge runs straight down in its own place

Frames are laid out inside out: 2 to 6 for the innermost ones first, each of which then is one box
of the frame around it. Curves bend only between rows, where no box is, and a dummy keeps boxes off
the straight part of an edge: so no edge can cross a foreign box or frame. Everything is a loop,
and equal input gives equal output. ``viz/page/layout.js`` is the same, function by function.

A row of hundreds of boxes that all go into one box (or come from one) is broken into several, and
their edges share a line. A chain of thousands stays a strip: broken into columns, its edges would
run upwards; who has such a graph folds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

from .columns import columns
from .levels import levels, reading
from .order import order
from .place import Placed, cut, place, ports
from .routes import Layout, Point, draw, joined
from .rows import rows

__all__ = ["Layout", "Point", "layered"]


def layered(
    sizes: Sequence[tuple[float, float]],
    edges: Sequence[tuple[int, int]],
    inside: Sequence[int] | None = None,
    frames: Sequence[tuple[int, float, float]] = (),
) -> Layout:
    """Lay out boxes of the given ``(width, height)``, joined by edges ``(from, to)``.

    Boxes are numbered in topological order: ``from < to`` on every edge, else a `ValueError`.
    Edges that name the same two boxes are drawn side by side.

    Frames, ``(parent, title width, title height)``, stand around boxes and other frames:
    ``inside`` is the innermost frame of each box, -1 for none, as the parent of an outermost frame
    is; parents come before. In its top left corner each keeps its title's space free. It is a
    `ValueError` if two frames, or a frame and a box, would each have to be above the other.

    >>> drawing = layered([(40, 20), (40, 20)], [(0, 1)])
    >>> drawing.centres
    [(20.0, 10.0), (20.0, 62.0)]
    >>> layered([(40, 20), (40, 20)], [(0, 1)], [-1, 0], [(-1, 30, 12)]).frames
    [(0.0, 52.0, 80.0, 64.0)]
    """
    n = len(sizes)
    for u, v in edges:
        if not 0 <= u < v < n:
            raise ValueError(f"edge {(u, v)}: edges must run from a smaller to a larger box number")
    homes = [-1] * n if inside is None else list(inside)
    if len(homes) != n:
        raise ValueError(f"inside names the frames of {len(homes)} boxes, but there are {n}")
    for i, home in enumerate(homes):
        if not -1 <= home < len(frames):
            raise ValueError(f"box {i} is inside frame {home}, but there are {len(frames)} frames")
    for f, (parent, _, _) in enumerate(frames):
        if not -1 <= parent < f:
            raise ValueError(f"frame {f}: its parent must come before it or be -1, not {parent}")
    if not sizes and not frames:
        return Layout([], [], 0.0, 0.0, [])
    read = reading(n, edges)
    edges = [edges[k] for k in read]
    plan, ways = levels(n, edges, homes, [parent for parent, _, _ in frames])
    titles = [None, *[(width, height) for _, width, height in frames]]
    depth = [0] * n
    for u, v in sorted(edges, key=itemgetter(1)):
        depth[v] = max(depth[v], depth[u] + 1)
    placed: dict[int, Placed] = {}
    for f in reversed(range(-1, len(frames))):
        level, title = plan[f + 1], titles[f + 1]
        net = cut(level, sizes, placed, depth)
        rows(net, title is not None)
        net.thread()
        order(net, len(plan))
        placed[f] = place(net, columns(net), title)
        ports(level, placed[f])
    corners = {-1: (0.0, 0.0)}
    centres = [(0.0, 0.0)] * n
    drawn = []
    for f, level in enumerate(plan, -1):
        here = placed[f]
        for v, unit in enumerate(level.units, here.net.ins):
            x, y = corners[f][0] + here.x[v], corners[f][1] + here.y[v]
            if unit < n:
                centres[unit] = (x, y)
            else:
                inner = placed[unit - n]
                corners[unit - n] = (x - 0.5 * inner.width, y - 0.5 * inner.height)
        drawn.append(draw(here, corners[f]))
    routes: list[list[list[Point]]] = [[] for _ in edges]
    for k, route in zip(read, joined(ways, drawn), strict=True):
        routes[k] = route
    return Layout(
        centres,
        routes,
        placed[-1].width,
        placed[-1].height,
        [(*corners[f], placed[f].width, placed[f].height) for f in range(len(frames))],
    )
