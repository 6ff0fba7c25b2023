"""What is one box: compositions, unless something else reads their inside; idle casts are none."""

from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import viz
from autograd_core.graph import Operand


def leaf(value: Any, name: str | None = "x") -> ag.Tensor:
    return ag.Tensor(np.asarray(value, float), requires_grad=True, name=name)


def draw(target: Any, *args: Any, **options: Any) -> viz.FlowGraph:
    return viz.flow_graph(target, *args, engine="builtin", **options)


def captions(drawing: viz.FlowGraph, phase: str) -> list[str]:
    return [step.caption for step in drawing.steps if step.phase == phase]


MATRIX = np.arange(6.0).reshape(3, 2) + np.eye(3, 2)


@pytest.mark.parametrize(
    "function",
    [
        lambda a: [part.sum() for part in np.linalg.svd(a, full_matrices=False)],
        lambda a: [part.sum() for part in np.hsplit(a, 2)],
        lambda a: list(np.linalg.qr(a)),
        lambda a: [part.sum() for part in np.gradient(a)],
        lambda a: np.linalg.lstsq(a, np.ones(3))[:1],
    ],
)
def test_several_results_of_one_composition(function: Any) -> None:
    results = function(ag.Tensor(MATRIX, requires_grad=True))
    drawing = draw(function, MATRIX)
    outputs = [v for v in drawing.vertices if v.kind == "output"]
    assert len(outputs) == len(results)
    for vertex, result in zip(outputs, results, strict=True):
        assert vertex.shape == result.shape
        assert vertex.value is not None
        np.testing.assert_allclose(vertex.value.mean, result.data.mean())
    assert all(edge.source < edge.target for edge in drawing.edges)


def test_one_result_of_a_composition_is_one_box() -> None:
    drawing = draw(lambda a: np.linalg.svd(a, full_matrices=False)[1].sum(), MATRIX)
    assert [v.label for v in drawing.vertices] == ["a", "svd [1]", "Σ"]
    assert captions(drawing, "forward")[0] == "fprop svd: v1 = svd(a, full_matrices=False)[1]"
    values = draw(lambda a: np.linalg.eigvalsh(a @ a.T).sum(), MATRIX)
    assert captions(values, "forward")[-2].endswith("= eigvalsh(v2)")


def test_the_inside_of_a_composition_that_a_gradient_reads() -> None:
    """What reads the deviations of ``var`` must not be drawn as reading the variance."""
    x = leaf([0.5, 1.0])
    (slope,) = ag.gradients((np.var(x) * x).sum(), [x], create_graph=True)
    drawing = draw((slope * slope).sum())
    ops = [v.op for v in drawing.vertices]
    assert "var" not in ops
    assert {"mean", "subtract"} <= set(ops)
    by_id = drawing.vertices
    deviations = next(v.id for v in by_id if v.op == "subtract" and v.rule_of is None)
    readers = {by_id[e.target].rule_of for e in drawing.edges if e.source == deviations}
    assert len(readers - {None}) == 1  # the rule of the square


@pytest.mark.parametrize(
    ("function", "caption"),
    [
        (lambda x: np.var(x, axis=0, ddof=1), "var(x, axis=0, ddof=1)"),
        (lambda x: np.std(x), "std(x)"),
        (lambda x: np.average(x, weights=np.ones((3, 2))), "average(x, weights=array (3, 2))"),
        (lambda x: np.swapaxes(x, 0, 1), "swapaxes(x, axis1=0, axis2=1)"),
        (lambda x: np.ptp(x, 0), "ptp(x, 0)"),
        (lambda x: np.concatenate([x, x], axis=1), "concatenate([x, x], axis=1)"),
        (lambda x: np.concatenate([x, x], axis=None), "concatenate([x, x], axis=None)"),
        (lambda x: np.einsum("ij->j", x), "einsum(ij->j, x)"),
        (lambda x: np.reshape(x, (2, -1)), "reshape(x, shape=(2, -1))"),
        (lambda x: np.sort(x, axis=None), "sort(x, axis=None)"),
        (lambda x: np.mean(x, keepdims=False), "mean(x)"),
    ],
)
def test_the_call_is_told(function: Any, caption: str) -> None:
    drawing = draw(function, MATRIX)
    assert captions(drawing, "forward")[0].partition(" = ")[2] == caption


def test_the_parameters_of_a_composition_are_in_its_box() -> None:
    box = draw(lambda x: np.var(x, axis=0), MATRIX).vertices[-1]
    assert (box.op, box.params) == ("var", ("axis=0",))


def test_what_is_told_of_a_call_holds_no_array() -> None:
    x, weights = leaf([1.0, 2.0]), np.ones(2)
    node = np.average(x, 0, weights)._node  # type: ignore[attr-defined]
    assert x._node is not None
    assert node.derived.op.name == "average"
    of_x, axis, of_weights = node.derived.args
    assert axis == 0
    assert type(of_x) is type(of_weights) is Operand
    assert (of_x.number, of_x.shape) == (x._node.number, (2,))
    assert (of_weights.number, of_weights.shape) == (0, (2,))


def test_a_cast_that_casts_nothing_is_no_box() -> None:
    """Transforms make one of each argument; its contributions are the leaf's."""

    def f(x: Any) -> Any:
        return ag.grad(lambda y: (x * y * y).sum())(x).sum() + (x * x).sum()

    drawing = draw(f, np.array([1.0, 2.0]))
    assert "astype" not in [v.op for v in drawing.vertices]
    to_x = [s for s in drawing.steps if s.edge is not None and drawing.edges[s.edge].source == 0]
    assert [(s.nth, s.count) for s in to_x] == [(i, 6) for i in range(1, 7)]
    assert to_x[-1].total == "[6, 12]"  # of 3 x²
    gradient = drawing.vertices[0].gradient
    assert gradient is not None
    assert gradient.preview == (6.0, 12.0)
    cast = draw(lambda x: x.astype(np.float32) * 2.0, np.ones(2))
    assert cast.vertices[1].op == "astype"
    root = draw(lambda x: x.astype(np.float64), np.ones(2))
    assert [v.op for v in root.vertices] == [None, "astype"]


def test_what_is_written_at_an_index_is_told() -> None:
    def f(x: Any) -> Any:
        y = x * 1.0
        y[0] = x[1]
        y[1:] = 3.0 * x[0]
        return y.sum()

    drawing = draw(f, np.array([1.0, 2.0, 4.0]))
    assert "[0] =" in [v.label for v in drawing.vertices]
    assert "fprop setitem: v3 = v1, with v2 at [0]" in captions(drawing, "forward")
    back = captions(drawing, "backward")
    assert any(c.endswith("= g[0]") for c in back)
    assert any(c.endswith("= sum(g[1:], to shape ())") for c in back)
    assert any("= g, but 0 at [1:]" in c for c in back)


def test_an_idle_cast_inside_a_composition_is_part_of_it() -> None:
    @ag.derived(name="twice")
    def twice(x: Any) -> Any:
        return np.astype(x * 1.0, np.float64) + x

    try:
        drawing = draw(lambda x: twice(x) * 3.0, np.ones(2))
        assert [v.op for v in drawing.vertices] == [None, "twice", "multiply"]
    finally:
        for key in [key for key, op in ag.OPS.items() if op.name == "twice"]:
            del ag.OPS[key]
