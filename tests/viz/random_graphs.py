"""Random graphs for the tests of groups, views and differences, and the golden file of views.

``python -m tests.viz.random_graphs`` writes the golden file anew.
"""

import json
import random
from pathlib import Path
from typing import Any

from viz.graph.groups import group
from viz.graph.ir import Edge, Graph, Group, Vertex
from viz.graph.view import View, view

GOLDEN = Path(__file__).with_name("view_golden.json")


def vertex(i: int, op: str | None, kind: str = "", **more: Any) -> Vertex:
    """A box, of which only the kind is told if it is a leaf."""
    kind = kind or ("parameter" if op is None else "op")
    made: dict[str, Any] = {"label": op or kind, "name": None, "shape": (4,), "dtype": "float64"}
    return Vertex(id=i, kind=kind, op=op, **(made | more))


def graph(vertices: list[Vertex], edges: list[tuple[int, int]], groups: Any = ()) -> Graph:
    """A graph, whose edges are numbered by operand as they come."""
    operands: dict[int, int] = {}
    numbered = []
    for source, target in edges:
        operand = operands[target] = operands.get(target, -1) + 1
        numbered.append(Edge(source, target, operand))
    ops = tuple(v.id for v in vertices if v.op is not None)
    return Graph(tuple(vertices), tuple(numbered), ops, ops[::-1], groups=tuple(groups))


def random_graph(seed: int, most: int = 400) -> Graph:
    """Any graph: of modules or not, their calls torn apart or not, of lines of code or not."""
    r = random.Random(seed)
    n = r.randrange(1, r.choice([8, 40, max(41, most // 2), max(42, most)]))
    modules, torn = r.random() < 0.5, r.choice([0.0, 0.1])
    lines, far, leaves = r.random() < 0.5, r.choice([1, 3, 30, n]), r.choice([0.02, 0.3])
    vertices: list[Vertex] = []
    edges: list[tuple[int, int]] = []
    groups: list[Group] = []
    stack: list[int] = []
    line = ""
    for i in range(n):
        if modules:
            while stack and r.random() < 0.3:
                stack.pop()
            while r.random() < 0.3:
                label = r.choice(["A", "B(3)"])
                groups.append(Group(len(groups), stack[-1] if stack else None, "module", label))
                stack.append(len(groups) - 1)
        inside = stack[-1] if stack else None
        if groups and r.random() < torn:
            inside = r.randrange(len(groups))
        if not vertices or r.random() < leaves:
            kind = r.choice(["parameter", "input", "constant", "buffer"])
            vertices.append(vertex(i, None, kind, group=inside))
            continue
        if lines and r.random() < 0.3:
            line = f"model.py:{r.randrange(4)}: x = f(x)"
        kind = "output" if r.random() < 0.03 else "op"
        op = r.choice(["add", "add", "add", "mul"])
        vertices.append(vertex(i, op, kind, group=inside, line=line))
        operands = r.choice([0, 1, 1, 2, 3]) if far > 1 else 1
        edges += [(r.randrange(max(0, i - far), i), i) for _ in range(operands)]
    return graph(vertices, edges, groups)


def random_opened(r: random.Random, g: Graph) -> set[int]:
    """Some groups, whether or not those around them are among them."""
    share = r.choice([0.2, 0.5, 0.9])
    return {one.id for one in g.groups if r.random() < share}


def golden_cases() -> list[dict[str, Any]]:
    """Graphs with groups, groups to open, and the views."""
    cases = []
    for seed in range(60):
        r = random.Random(seed)
        g = group(random_graph(seed, 90))
        cases += [case(g, set(range(len(g.groups)))), case(g, random_opened(r, g))]
        cases.append(case(g, random_opened(r, g)))
    # Of these, one group needs the other whose first vertex comes later: they take a sort.
    groups = [Group(i, None, "module", "M") for i in range(4)]
    for seed in range(20):
        r = random.Random(seed)
        # Leaves first, in groups as they come; ops in groups one after the other.
        vertices = [vertex(i, None, group=r.randrange(4)) for i in range(8)]
        turns = r.sample(range(4), 4)
        vertices += [vertex(i, "add", group=turns[i // 3 - 3]) for i in range(9, 21)]
        vertices.insert(8, vertex(8, None))
        edges = [(i - 1, i) for i in range(9, 21)]
        edges += [(v.id, w.id) for v in vertices[:8] for w in vertices[9:] if v.group == w.group]
        g = graph(vertices, edges, groups)
        cases.append(case(g, random_opened(r, g)))
    return cases


def case(g: Graph, opened: set[int]) -> dict[str, Any]:
    """One entry of the golden file."""
    return {**plain(g), "opened": sorted(opened), "view": told(view(g, opened))}


def plain(g: Graph) -> dict[str, Any]:
    """What of a graph a view depends on, as the page has it."""
    return {
        "vertices": [-1 if v.group is None else v.group for v in g.vertices],
        "edges": [[e.source, e.target, e.operand] for e in g.edges],
        "groups": [-1 if one.parent is None else one.parent for one in g.groups],
    }


def told(drawn: View) -> dict[str, Any]:
    """A view as plain lists."""
    return {
        "boxes": [[box.vertex, box.group, box.frame] for box in drawn.boxes],
        "edges": [[arrow.source, arrow.target, list(arrow.edges)] for arrow in drawn.edges],
        "frames": [[frame.group, frame.parent] for frame in drawn.frames],
    }


if __name__ == "__main__":
    text = ",\n".join(json.dumps(case, separators=(",", ":")) for case in golden_cases())
    GOLDEN.write_text(f"[\n{text}\n]\n", encoding="utf-8")
