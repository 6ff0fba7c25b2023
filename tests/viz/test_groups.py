"""Groups: alike modules in a row, parts of large graphs, and that every one can be drawn as one."""

import os
import random
import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
import viz.graph.groups
from autograd_core import Tensor
from tests.viz.random_graphs import graph, random_graph, random_opened, vertex
from viz import flow_graph
from viz.graph.groups import group
from viz.graph.groups.ancestry import Ancestry
from viz.graph.groups.repeats import repeated
from viz.graph.ir import Graph, Group
from viz.graph.share import share
from viz.graph.view import opened_at_most, view

ROOT = Path(__file__).parents[2]


def labels(g: Graph, kind: str) -> list[str]:
    return [one.label for one in g.groups if one.kind == kind]


def model(*layers: Any, size: int = 4) -> Graph:
    return flow_graph(nn.Sequential(*layers), np.ones((3, size)), engine="builtin").graph


# --- what repeats -------------------------------------------------------------------------------


def test_alike_modules_in_a_row() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.b(np.tanh(self.a(x)))

    g = model(nn.Linear(2, 4), *(Block() for _ in range(12)), nn.Linear(4, 3), size=2)
    assert labels(g, "repeat") == ["Block × 12"]
    repeat = next(one for one in g.groups if one.kind == "repeat")
    assert [one.label for one in g.groups if one.parent == repeat.id] == ["Block"] * 12
    around = g.groups[repeat.parent or 0]
    assert (around.kind, around.label) == ("module", "Sequential")
    # Two are not a row.
    assert labels(model(*(Block() for _ in range(2))), "repeat") == []
    assert labels(model(*(Block() for _ in range(3))), "repeat") == ["Block × 3"]


def test_modules_that_take_turns() -> None:
    def layers(n: int) -> list[Any]:
        return [layer for _ in range(n) for layer in (nn.Linear(4, 4), nn.ReLU())]

    assert labels(model(*layers(6)), "repeat") == ["(Linear, ReLU) × 6"]
    # Turns begin where the first one does, though it has another shape.
    g = model(nn.Linear(2, 4), nn.ReLU(), *layers(6), nn.Linear(4, 1), size=2)
    assert labels(g, "repeat") == ["(Linear, ReLU) × 6"]
    assert g.groups[1].label == "Linear(2, 4)"
    three = [one for _ in range(3) for one in (nn.Linear(4, 4), nn.ReLU(), nn.Dropout(0.0))]
    assert len(labels(model(*three), "repeat")) == 1


def test_repeats_in_repeats() -> None:
    def block() -> nn.Module:
        return nn.Sequential(*(nn.Linear(4, 4) for _ in range(3)), nn.Tanh())

    g = model(*(block() for _ in range(4)))
    assert labels(g, "repeat") == ["Sequential × 4"] + ["Linear(4, 4) × 3"] * 4


def test_other_shapes_or_parameters_do_not_repeat() -> None:
    sizes = [4, 8, 16, 32, 64]
    g = model(*(nn.Linear(a, b) for a, b in pairwise(sizes)))
    assert labels(g, "repeat") == []
    clips = [vertex(i, "clip", group=i - 1, params=(f"a_max={i}",)) for i in range(1, 5)]
    row = graph([vertex(0, None, "input"), *clips], [(i, i + 1) for i in range(4)],
                [Group(i, None, "module", "Clip") for i in range(4)])  # fmt: skip
    assert labels(group(row), "repeat") == []


def test_what_is_joined_otherwise_inside_does_not_repeat() -> None:
    def calls(operands: list[tuple[int, int]]) -> Graph:
        vertices = [vertex(0, None, "input")]
        edges = []
        for i, (one, other) in enumerate(operands):
            at = 3 * i
            vertices += [vertex(at + k, "exp", group=i) for k in (1, 2)]
            vertices.append(vertex(at + 3, "subtract", group=i))
            edges += [(at, at + 1), (at, at + 2), (at + one, at + 3), (at + other, at + 3)]
        groups = [Group(i, None, "module", "M") for i in range(len(operands))]
        return group(graph(vertices, edges, groups))

    assert labels(calls([(1, 2)] * 4), "repeat") == ["M × 4"]
    assert labels(calls([(1, 2), (2, 1), (1, 2), (2, 1), (1, 2)]), "repeat") == []
    assert labels(calls([(1, 2), (1, 1), (1, 2), (1, 2), (1, 2)]), "repeat") == ["M × 3"]


def test_other_weights_inside_do_not_repeat() -> None:
    def calls(leaves: list[tuple[int, ...]]) -> Graph:
        """Calls of one op with two weights: of these shapes, or one weight twice."""
        vertices = [vertex(0, None, "input")]
        edges = []
        last = 0
        for i, shape in enumerate(leaves):
            weights = [len(vertices) + k for k in range(len(shape))]
            vertices += [vertex(w, None, shape=(n,)) for w, n in zip(weights, shape, strict=True)]
            edges += [(last, len(vertices))]
            last = len(vertices)
            edges += [(weights[0], last), (weights[-1], last)]
            vertices.append(vertex(last, "affine", group=i))
        return group(graph(vertices, edges, [Group(i, None, "module", "M") for i in range(5)]))

    assert labels(calls([(4, 4)] * 5), "repeat") == ["M × 5"]
    assert labels(calls([(4,)] * 5), "repeat") == ["M × 5"]
    assert labels(calls([(4, 4), (4,), (4, 4), (4, 4), (4,)]), "repeat") == []
    assert labels(calls([(4, 4), (4, 5), (4, 4), (4, 4), (4, 4)]), "repeat") == ["M × 3"]


def test_steps_of_a_recurrent_module() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.x, self.h = nn.Linear(3, 4), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            h: Any = np.zeros((5, 4))
            for t in range(25):
                h = np.tanh(self.x(x[:, t]) + self.h(h))
            return h  # type: ignore[no-any-return]

    g = flow_graph(Net(), np.ones((5, 25, 3)), engine="builtin").graph
    # Each step reads another part of the input, and the first has no state before it.
    assert labels(g, "repeat") == ["(Linear, Linear, …) × 25"]


def test_modules_of_other_names_are_no_repetition() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            self.query, self.key, self.value = (nn.Linear(4, 4) for _ in range(3))

        def forward(self, x: Tensor) -> Any:
            q, k, v = self.query(x), self.key(x), self.value(x)
            return q * k * v

    class Numbered(nn.Module):
        def __init__(self) -> None:
            self.fc1, self.fc2, self.fc3 = (nn.Linear(4, 4) for _ in range(3))

        def forward(self, x: Tensor) -> Any:
            return self.fc3(self.fc2(self.fc1(x)))

    x = np.ones((3, 4))
    assert labels(flow_graph(Attention(), x, engine="builtin").graph, "repeat") == []
    numbered = flow_graph(Numbered(), x, engine="builtin").graph
    assert labels(numbered, "repeat") == ["Linear(4, 4) × 3"]


@pytest.mark.parametrize("levels", [3, 5])
def test_what_is_used_again_one_by_one_is_no_repetition(levels: int) -> None:
    """On the way down of a U-net; all at one place, or a module called again, are one."""

    class Net(nn.Module):
        def __init__(self, way: str) -> None:
            self.way = way
            self.down = [nn.Linear(4, 4) for _ in range(levels)]

        def forward(self, x: Tensor) -> Any:
            passed = []
            for layer in self.down:
                x = (self.down[0] if self.way == "same" else layer)(x)
                passed.append(x)
            if self.way == "stack":
                return np.stack(passed)
            for k, left in enumerate(reversed(passed)):
                x = np.tanh(x) * left if k % 2 else np.exp(x) + left
            return x

    def made(way: str) -> list[str]:
        g = flow_graph(Net(way), np.ones((2, 4)), engine="builtin").graph
        return labels(g, "repeat")

    assert made("u") == []
    assert made("stack") == made("same") == [f"Linear(4, 4) × {levels}"]


def test_a_network_of_scalars_is_told_by_its_lines() -> None:
    """Neurons of a layer repeat, and products in a neuron, and examples, though numbers differ."""
    r = random.Random(0)

    def parameter() -> Tensor:
        return Tensor(r.random(), requires_grad=True)

    def neuron(weights: list[Tensor], bias: Tensor, x: list[Any]) -> Any:
        total = sum((w * one for w, one in zip(weights, x, strict=True)), bias)
        return np.tanh(total)

    layers = [
        [([parameter() for _ in range(n)], parameter()) for _ in range(m)]
        for n, m in ((2, 20), (20, 20), (20, 1))
    ]

    def network(*x: Any) -> Any:
        for layer in layers:
            x = tuple(neuron(weights, bias, list(x)) for weights, bias in layer)
        return x[0]

    def labelled(g: Graph) -> list[str]:
        shown = view(g, opened_at_most(g))
        return [
            re.sub(r".*:(\d+)(–\d+)? × ", lambda m: f"{2 if m[2] else 1} lines × ",
                   g.groups[box.group].label)
            for box in shown.boxes if box.group is not None
        ]  # fmt: skip

    one = flow_graph(network, 0.5, 0.25, engine="builtin").graph
    assert len(one.vertices) > 1_500
    # The last neuron is like those before, less its activation, which is the output.
    assert labelled(one) == ["2 lines × 20", "2 lines × 20", "1 lines × 20"]

    def loss(a: Any, b: Any) -> Any:
        total = 0.0
        for k in range(4):
            total = total + (network(a * (k + 1), b) - k) ** 2
        return total

    four = flow_graph(loss, 0.5, 0.25, engine="builtin").graph
    assert any(label.endswith("lines × 3") for label in labelled(four))
    assert len(view(four, opened_at_most(four)).boxes) < 25


def test_runs() -> None:
    r = random.Random(0)
    for _ in range(500):
        keys = [r.choice("ab") for _ in range(r.randrange(30))]
        worth = [r.random() < 0.5 for _ in keys]
        end = 0
        for run in repeated(keys, worth):
            assert end <= run.start
            end = run.end
            assert run.count >= 3
            turns = [keys[i : i + run.period] for i in range(run.start, run.end, run.period)]
            assert turns == [turns[0]] * run.count
            assert any(worth[run.start : run.start + run.period])
        # Nothing that repeats at once was left.
        if all(worth) and not repeated(keys, worth):
            assert not any(a == b == c for a, b, c in zip(keys, keys[1:], keys[2:], strict=False))


# --- large graphs without modules ---------------------------------------------------------------


def rnn(x: Tensor, w: Tensor, one_line: bool) -> Any:
    h: Any = np.zeros((2, 3))
    for t in range(25):
        if one_line:
            h = np.tanh(x[:, t] + h @ w)
        else:
            a = x[:, t] + h @ w
            h = np.tanh(a * 2.0)
    return h.sum()


def test_lines_of_a_loop() -> None:
    x, w = np.ones((2, 25, 3)), np.eye(3)
    for one_line in (True, False):
        g = flow_graph(lambda x, w, one=one_line: rnn(x, w, one), x, w, engine="builtin").graph
        (repeat,) = labels(g, "repeat")
        assert repeat.startswith("test_groups.py:")
        assert repeat.endswith(" × 25")
        assert len(labels(g, "line")) == (25 if one_line else 50)
        assert all("=" in label for label in labels(g, "line"))
        assert {one.kind for one in g.groups} == {"repeat", "line"}


def test_chains() -> None:
    vertices = [vertex(0, None, "input")]
    edges = []
    for i in range(1, 1201):
        # 12 tanh, then 3 steps of two ops, then what adds all so far.
        label = ("tanh" if i % 20 < 13 else ["exp", "log"][i % 2]) if i % 20 else "add"
        vertices.append(vertex(i, label))
        edges.append((i - 1, i))
        if i % 20 == 0 and i > 40:
            edges.append((i - 40, i))
    g = group(graph(vertices, edges))
    # The first two sums have one operand, the last but one has one user: they belong to chains.
    assert Counter(labels(g, "chain")) == {"20 ops": 3, "19 ops": 57}
    alike = group(graph([vertex(0, None, "input"), *(vertex(i, "tanh") for i in range(1, 601))],
                        [(i, i + 1) for i in range(600)]))  # fmt: skip
    assert labels(alike, "chain") == ["tanh × 600"]
    # Opened, a long chain shows its parts.
    assert len(view(alike, {0}).boxes) <= 31


def scalars(n: int, seed: int = 0) -> Graph:
    r = random.Random(seed)
    vertices, edges = [], []
    for i in range(n):
        if i < 5 or r.random() < 0.3:
            vertices.append(vertex(i, None))
        else:
            vertices.append(vertex(i, r.choice(["add", "mul"])))
            edges += [(r.randrange(max(0, i - 200), i), i) for _ in range(2)]
    return graph(vertices, edges)


@pytest.mark.parametrize("n", [501, 2_000, 10_000])
def test_bands_show_about_thirty_boxes_each(n: int) -> None:
    g = group(scalars(n))
    assert len(view(g, ()).boxes) <= 31
    assert 10 < len(view(g, opened_at_most(g, 500)).boxes) <= 500
    inside = Counter(v.group for v in g.vertices)
    inside.update(one.parent for one in g.groups)
    assert max(inside.values()) <= 60
    top = [one.label for one in g.groups if one.parent is None]
    assert top[:2] == [f"part 1 of {len(top)}", f"part 2 of {len(top)}"]


def test_one_wide_row_is_divided_too() -> None:
    n = 3_000
    leaves = [vertex(i, None) for i in range(n)]
    g = group(graph([*leaves, vertex(n, "stack", "output")], [(i, n) for i in range(n)]))
    # The output stays in sight.
    drawn = view(g, ())
    assert len(drawn.boxes) <= 31
    assert drawn.boxes[-1].vertex == n
    assert view(g, range(len(g.groups))).boxes[-1].vertex == n


def test_few_boxes_are_not_divided() -> None:
    assert group(scalars(500)).groups == ()
    few = [vertex(i, "exp", line="m.py:1: y = f(x)") for i in range(1, 60)]
    g = graph([vertex(0, None), *few], [(i, i + 1) for i in range(59)])
    assert group(g) == g


def test_inputs_and_outputs_stay_in_sight() -> None:
    g = scalars(2_000)
    kinds = {7: "input", 1_999: "output"}
    made = [vertex(v.id, v.op, kinds.get(v.id, "")) for v in g.vertices]
    made[7] = vertex(7, None, "input")
    edges = [(e.source, e.target) for e in g.edges if e.target != 7]
    made[1_999] = vertex(1_999, "add", "output")
    g = group(graph(made, [*edges, (5, 1_999)]))
    assert g.vertices[7].group is None
    assert g.vertices[1_999].group is None


# --- modules ------------------------------------------------------------------------------------


def test_a_leaf_is_where_all_its_users_are() -> None:
    groups = [Group(i, parent, "module", "M") for i, parent in enumerate([None, 0, 0, None])]
    leaves = [vertex(i, None, "parameter" if i < 5 else "input") for i in range(6)]
    ops = [vertex(6 + g, "add", group=g) for g in (1, 2, 3)]
    ops = [vertex(6, "add", group=1), vertex(7, "add", group=2), vertex(8, "add", group=3)]
    edges = [(0, 6), (1, 6), (1, 7), (2, 7), (2, 8), (3, 8), (5, 6), (6, 7), (7, 8)]
    g = group(graph([*leaves, *ops], edges, groups))
    assert [v.group for v in g.vertices[:6]] == [1, 0, None, 3, None, None]


def test_a_module_that_is_torn_apart_is_no_group() -> None:
    groups = [Group(0, None, "module", "Torn"), Group(1, None, "module", "Whole")]
    ops = [vertex(0, "a", group=0), vertex(1, "b", group=1), vertex(2, "c", group=0)]
    g = group(graph(ops, [(0, 1), (1, 2)], groups))
    # Torn runs around Whole: one of them must go.
    assert len(g.groups) < 2
    view(g, ())


def test_groups_made_before_are_made_anew() -> None:
    for seed in range(60):
        g = group(random_graph(seed))
        assert group(g) == g


def test_modules_five_thousand_deep() -> None:
    n = 5_000
    groups = [Group(i, i - 1 if i else None, "module", "Deep") for i in range(n)]
    ops = [vertex(i, "exp", group=i - 1) for i in range(1, n + 1)]
    deep = graph([vertex(0, None, "input"), *ops], [(i, i + 1) for i in range(n)], groups)
    g = group(share(deep))
    drawn = view(g, range(n // 2))
    assert len(g.groups) == n
    assert len(drawn.frames) == n // 2
    assert opened_at_most(g, 100) == set(range(98))


def test_where_groups_part() -> None:
    r = random.Random(3)
    for _ in range(30):
        parent = [r.randrange(-1, g) for g in range(40)]
        ancestry = Ancestry(parent)

        def path(g: int) -> list[int]:
            above = []
            while g >= 0:
                above.append(g)
                g = parent[g]  # noqa: B023
            return [-1, *above[::-1]]

        for _ in range(100):
            x, y = r.randrange(-1, 40), r.randrange(-1, 40)
            one, other = path(x), path(y)
            n = sum(a == b for a, b in zip(one, other, strict=False))
            below = [p[n] if n < len(p) else -1 for p in (one, other)]
            assert ancestry.apart(x, y) == (one[n - 1], *below)


# --- every group can be drawn as one ------------------------------------------------------------


def check(g: Graph, opened: set[int]) -> None:
    drawn = view(g, opened)
    inside: list[list[int]] = [[] for _ in g.groups]
    for v in g.vertices:
        around = v.group
        while around is not None:
            inside[around].append(v.id)
            around = g.groups[around].parent
    # Every vertex is in one box.
    box_of: dict[int, int] = {}
    for i, box in enumerate(drawn.boxes):
        assert (box.vertex is None) != (box.group is None)
        for v in [box.vertex] if box.vertex is not None else inside[box.group or 0]:
            assert v not in box_of
            box_of[v] = i
        frame = None if box.frame < 0 else drawn.frames[box.frame].group
        of = g.vertices[box.vertex].group if box.group is None else g.groups[box.group].parent  # type: ignore[index]
        assert frame == of
    assert len(box_of) == len(g.vertices)
    # Every edge is in one arrow, or inside a box; arrows point onward.
    arrow_of = {k: arrow for arrow in drawn.edges for k in arrow.edges}
    assert len(arrow_of) == sum(len(arrow.edges) for arrow in drawn.edges)
    for k, edge in enumerate(g.edges):
        ends = box_of[edge.source], box_of[edge.target]
        if ends[0] == ends[1]:
            assert k not in arrow_of
        else:
            assert (arrow_of[k].source, arrow_of[k].target) == ends
    assert all(arrow.source < arrow.target for arrow in drawn.edges)
    for i, one in enumerate(drawn.frames):
        assert one.parent < i
        around = g.groups[one.group].parent
        assert around == (None if one.parent < 0 else drawn.frames[one.parent].group)


@pytest.mark.parametrize("crowd", [6, 60])
@pytest.mark.parametrize("seed", range(50))
def test_every_group_is_safe(seed: int, crowd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # So that small graphs are divided as large ones are.
    for name in ("_CROWD", "_CROWD_OF_MODULES", "_WHOLE"):
        monkeypatch.setattr(viz.graph.groups, name, crowd)
    monkeypatch.setattr("viz.graph.groups.parts._BAND", max(3, crowd // 2))
    r = random.Random(seed)
    g = random_graph(seed)
    g = group(share(g) if seed % 2 else g)
    assert [one.id for one in g.groups] == list(range(len(g.groups)))
    assert all(one.parent is None or one.parent < one.id for one in g.groups)
    check(g, set())
    check(g, set(range(len(g.groups))))
    for _ in range(4):
        check(g, random_opened(r, g))


def test_the_same_groups_under_any_hash_seed() -> None:
    script = (
        "from tests.viz.random_graphs import random_graph; from viz.graph.groups import group;"
        "from viz.graph.share import share; from hashlib import sha256; from viz import difference;"
        "graphs = [random_graph(seed) for seed in range(40)];"
        "made = [group(share(g)) for g in graphs];"
        "made += [difference(g, h).graph for g, h in zip(graphs[:9], graphs[1:])];"
        "print(sha256(repr(made).encode()).hexdigest())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "7")
    }  # fmt: skip
    assert len(outputs) == 1


@pytest.mark.slow
def test_a_hundred_thousand_boxes() -> None:
    g = scalars(100_000)
    made = group(share(g))
    assert len(view(made, ()).boxes) <= 31
    assert len(view(made, opened_at_most(made, 500)).boxes) <= 500
