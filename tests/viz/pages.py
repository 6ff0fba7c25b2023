"""Graphs made by hand for the tests of the page: every figure in them is known."""

from dataclasses import replace

import numpy as np

from viz.drawing import boxes
from viz.graph.ir import Edge, Graph, Group, Step, Vertex
from viz.graph.summary import figures, summarize
from viz.page import page

HOSTILE = "</script><img src=x onerror=alert(1)>&amp;\u2028'\"`${1}"


def vertex(number: int, kind: str, op: str | None, label: str, value: object, gradient: object,
           **more: object) -> Vertex:  # fmt: skip
    """A box of which value and gradient are known."""
    array = np.asarray(value, float)
    made = Vertex(
        number, kind, op, label, None if op else label, array.shape, "float64",
        value=summarize(array), gradient=summarize(np.asarray(gradient, float)),
        nbytes=array.nbytes,
    )  # fmt: skip
    return replace(made, **more)


def two_ways() -> Graph:
    """``h = x W``, ``a = tanh h``, ``b = a h``, ``loss = mean b``: h gets two contributions.

    ``x W`` is in the group "layer", and that with tanh in the group "net".
    """
    x = np.linspace(-1.0, 1.0, 6).reshape(3, 2)
    w = np.array([[0.5, -1.0], [0.25, 2.0]])
    h = x @ w
    a = np.tanh(h)
    g = np.full((3, 2), 1 / 6)
    from_a, from_b = g * h * (1 - a * a), g * a
    grad = from_a + from_b
    vertices = (
        vertex(0, "input", None, "x", x, grad @ w.T),
        vertex(1, "parameter", None, "W", w, x.T @ grad, group=1),
        vertex(2, "op", "matmul", "@", h, grad, name="h", group=1, kept=True, held=48,
               line="model.py:3: h = x @ W", seconds=2e-5, backward_seconds=4e-5),
        vertex(3, "op", "tanh", "tanh", a, g * h, group=0, kept=True, seconds=1e-5),
        vertex(4, "op", "multiply", "×", a * h, g),
        vertex(5, "output", "mean", "mean", np.mean(a * h), 1.0, name="loss"),
    )  # fmt: skip
    norm = np.linalg.norm
    edges = (
        Edge(0, 2, 0, float(norm(grad @ w.T))), Edge(1, 2, 1, float(norm(x.T @ grad))),
        Edge(2, 3, 0, float(norm(from_a))), Edge(3, 4, 0, float(norm(g * h))),
        Edge(2, 4, 1, float(norm(from_b))), Edge(4, 5, 0, float(norm(g))),
    )  # fmt: skip

    def back(box: int, edge: int, caption: str, sent: object, total: object, nth: int = 1,
             count: int = 1) -> Step:  # fmt: skip
        told = [figures(summarize(np.asarray(array))) for array in (sent, total)]
        return Step("backward", box, caption, edge, nth, count, *told)

    steps = (
        Step("forward", 2, "fprop matmul: h = x @ W"),
        Step("forward", 3, "fprop tanh: a = tanh(h)"),
        Step("forward", 4, "fprop multiply: b = a * h"),
        Step("forward", 5, "fprop mean: loss = mean(b)"),
        Step("seed", 5, "bprop: grad loss = 1", sent="1", total="1"),
        back(5, 5, "bprop mean: grad b = g / 6", g, g),
        back(4, 3, "bprop multiply: grad a = g * h", g * h, g * h),
        back(4, 4, "bprop multiply: grad h = g * a (1 of 2)", from_b, from_b, 1, 2),
        back(3, 2, "bprop tanh: grad h = g * (1 - out²) (2 of 2)", from_a, grad, 2, 2),
        back(2, 0, "bprop matmul: grad x = g @ Wᵀ", grad @ w.T, grad @ w.T),
        back(2, 1, "bprop matmul: grad W = xᵀ @ g", x.T @ grad, x.T @ grad),
    )
    groups = (Group(0, None, "module", "Net", "net"),
              Group(1, 0, "module", "Linear(2, 2)", "net.layer"))  # fmt: skip
    return Graph(vertices, edges, (2, 3, 4, 5), (5, 4, 3, 2), groups=groups, steps=steps,
                 caption="Two ways to h")  # fmt: skip


def not_finite() -> Graph:
    """A logarithm of 0, and a gradient that becomes NaN on the way back."""
    graph = two_ways()
    bad = summarize(np.array([[np.nan, 1.0], [2.0, 3.0], [np.inf, 0.0]]))
    v = list(graph.vertices)
    v[3] = replace(v[3], op="log", label="log", value=bad, origin=True)
    v[4] = replace(v[4], value=bad)
    v[2] = replace(v[2], gradient=bad, gradient_origin=True)
    return replace(graph, vertices=tuple(v))


def hostile() -> Graph:
    """Every text that a user can choose is an attack."""
    graph = two_ways()
    vertices = tuple(
        replace(v, label=HOSTILE, name=HOSTILE, line=HOSTILE, params=(HOSTILE,), value_note=HOSTILE)
        for v in graph.vertices
    )
    groups = tuple(replace(g, label=HOSTILE, name=HOSTILE) for g in graph.groups)
    steps = tuple(replace(s, caption=HOSTILE, sent=HOSTILE, total=HOSTILE) for s in graph.steps)
    return replace(graph, vertices=vertices, groups=groups, steps=steps, caption=HOSTILE,
                   no_gradient=HOSTILE)  # fmt: skip


def large(groups: int = 1_000, each: int = 10) -> Graph:
    """A chain of ``groups`` blocks of ``each`` boxes, with an arrow past each block."""
    vertices: list[Vertex] = []
    edges: list[Edge] = []
    rng = np.random.default_rng(0)
    made = [Group(g, None, "module", "Block(8)", f"blocks.{g}") for g in range(groups)]
    last = -1
    for g in range(groups):
        start = last
        for k in range(each):
            leaf = k % 5 == 0
            array = rng.normal(size=8)
            kind, op = ("parameter", None) if leaf else ("op", ("matmul", "add", "tanh")[k % 3])
            vertices.append(
                vertex(len(vertices), kind, op, op or f"blocks.{g}.w{k}", array, array, group=g)
            )
            if leaf:
                continue
            here = len(vertices) - 1
            if last >= 0:
                edges.append(Edge(last, here, 0, 1.0))
            if vertices[here - 1].op is None:
                edges.append(Edge(here - 1, here, 1, 2.0))
            if k == each - 1 and start >= 0:
                edges.append(Edge(start, here, 1, 3.0))
            last = here
    vertices[-1] = replace(vertices[-1], kind="output")
    order = tuple(v.id for v in vertices if v.op is not None)
    steps = tuple(Step("forward", v, f"fprop {vertices[v].op}") for v in order)
    return Graph(tuple(vertices), tuple(edges), order, order[::-1], groups=tuple(made), steps=steps)


def written(graph: Graph, opened: object = None) -> str:
    """The page; all is open unless told otherwise."""
    shown = range(len(graph.groups)) if opened is None else opened
    return page(graph, [boxes.box(v) for v in graph.vertices], boxes.group_boxes(graph), shown)
