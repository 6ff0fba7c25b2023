"""The formulas in captions are true: each is computed as Python and compared with the rule."""

import inspect
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
from autograd_core import Op
from autograd_core.registry import OPS, ZERO
from viz import flow_graph
from viz.recording import captions, formulas
from viz.recording.formulas import READABLE, formula

RULES = [
    (op, i)
    for op in dict.fromkeys(OPS.values())
    if op.composition is None and not op.variadic
    for i, rule in enumerate(op.rules)
    if inspect.isfunction(rule) and rule.__name__ == "<lambda>" and op.kind == "elementwise"
]


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def compute(text: str, g: Any, out: Any, operands: tuple[Any, ...]) -> Any:
    """Compute a formula, with nothing of ours but what it must name."""
    x, y, z = (*operands, None, None)[:3]
    names: dict[str, Any] = {"np": np, "math": math, "g": g, "out": out, "x": x, "y": y, "z": z}
    names["softmax"] = softmax
    names["sigmoid"] = lambda a: 1 / (1 + np.exp(-a))
    names["one_hot"] = lambda labels: np.eye(np.shape(x)[-1])[labels]
    if re.search(r"\bsp\.", text):
        names["sp"] = pytest.importorskip("scipy.special")
    return eval(text, names)


def by_rule(op: Op, i: int, g: Any, out: Any, operands: tuple[Any, ...], params: Any = None) -> Any:
    """What the engine computes, on a graph of this op alone."""
    return op.pull_array(i, g, out, operands, params or {}, operands[i])


def check(op: Op, operands: tuple[Any, ...], params: dict[str, Any] | None = None) -> int:
    """Compare each formula with its rule at random gradients; how many there are."""
    params = params or {}
    rng = np.random.default_rng(1)
    out = op.fn(*operands, **params)
    g = rng.normal(size=np.shape(out))
    shapes = [np.shape(x) for x in operands]
    numbers = [float(x) if np.ndim(x) == 0 else None for x in operands]
    found = 0
    for i, x in enumerate(operands):
        text = formula(op, i, shapes, numbers, params)
        if not text or np.ndim(x) == 0:
            continue
        found += 1
        wanted = by_rule(op, i, g, out, operands, params)
        got = np.asarray(compute(text, g, out, operands))
        if np.shape(got) != np.shape(x):
            more = got.ndim - np.ndim(x)
            got = got.sum(axis=tuple(range(more)))
            for k, n in enumerate(np.shape(x)):
                if n == 1 != got.shape[k]:
                    got = got.sum(axis=k, keepdims=True)
        np.testing.assert_allclose(
            got, wanted, rtol=1e-10, atol=1e-12, err_msg=f"{op.name}: {text}"
        )
    return found


@pytest.mark.parametrize(("op", "i"), RULES, ids=lambda x: x.name if isinstance(x, Op) else str(x))
def test_the_source_of_a_rule_is_what_it_computes(op: Op, i: int) -> None:
    rng = np.random.default_rng(0)
    operands = []
    for domain in op.domains:
        low, high = max(domain.low, -2.0) + 0.1, min(domain.high, 3.0) - 0.1
        operands.append(rng.uniform(low, high, size=(3, 2)))
    if op.name in ("ldexp", "bincount"):
        pytest.skip("an operand of integers")
    params = {
        p.name: {"axis": 0, "axis1": 0, "axis2": 1, "slope": 0.1, "alpha": 0.7}.get(p.name)
        for p in list(inspect.signature(op.rules[i]).parameters.values())[op.arity + 2 :]  # type: ignore[arg-type]
    }
    check(op, tuple(operands), params)


def test_most_rules_of_one_expression_have_a_formula() -> None:
    found = [
        formula(op, i, [(3,)] * op.arity, [None] * op.arity, {"slope": 0.1, "alpha": 0.7})
        for op, i in RULES
    ]
    assert sum(map(bool, found)) > 0.7 * len(RULES) > 50


def matrices(*shapes: tuple[int, ...]) -> tuple[Any, ...]:
    rng = np.random.default_rng(2)
    return tuple(rng.normal(size=shape) for shape in shapes)


LABELS = np.array([0, 2, 1, 1])
POSITIVE = np.random.default_rng(3).uniform(0.1, 0.9, (4, 3))
ODD = np.array([[-1.0, 0.0, 2.0], [0.5, -0.5, 0.0]])

CASES: dict[str, list[tuple[tuple[Any, ...], dict[str, Any]]]] = {
    "absolute": [((ODD,), {})],
    "absolute_error": [(matrices((4, 3), (4, 3)), {"over": 4.0, "delta": 0.0})],
    "affine": [(matrices((5, 3), (3, 2), (2,)), {}), (matrices((3,), (3, 2), (2,)), {})],
    "affine_transposed": [(matrices((5, 3), (2, 3), (2,)), {})],
    "binary_cross_entropy": [
        ((*matrices((4, 3)), POSITIVE), {"over": 12.0}),
        ((*matrices((4, 3)), POSITIVE), {"over": None}),
    ],
    "cross_entropy": [
        ((*matrices((4, 3)), LABELS), {"reduction": reduction}) for reduction in ("mean", "sum")
    ],
    "det": [(matrices((3, 3)), {})],
    "elu": [(matrices((4, 3)), {}), (matrices((4, 3)), {"alpha": 0.5})],
    "inv": [(matrices((3, 3)), {})],
    "leaky_relu": [(matrices((4, 3)), {}), (matrices((4, 3)), {"slope": -0.5})],
    "log_softmax": [(matrices((4, 3)), {"axis": -1}), (matrices((4, 3)), {"axis": 0})],
    "matmul": [
        (matrices(*shapes), {})
        for shapes in (
            ((3, 4), (4, 2)), ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 2)), ((5, 3, 4), (5, 4, 2)),
            ((5, 3, 4), (4, 2)), ((3, 4), (5, 4, 2)), ((2, 1, 3, 4), (5, 4, 2)),
        )
    ],
    "maximum": [((ODD, np.zeros((2, 3))), {}), ((ODD, np.float64(0.0)), {})],
    "mean": [(matrices((4, 3)), {"axis": axis}) for axis in (None, 0, 1, (0, 1))]
    + [(matrices((4, 3)), {"axis": 1, "keepdims": True})],
    "minimum": [((ODD, np.zeros((2, 3))), {}), ((ODD, np.float64(0.0)), {})],
    "norm": [(matrices((4, 3)), {"axis": None, "keepdims": False})],
    "power": [((*matrices((4, 3)), np.float64(n)), {}) for n in (1.0, 2.0, 3.0)]
    + [((np.array([0.0, 1.0, 4.0]), np.float64(2.5)), {})],
    "relu": [(matrices((4, 3)), {})],
    "silu": [(matrices((4, 3)), {})],
    "softmax": [(matrices((4, 3)), {"axis": -1}), (matrices((4, 3)), {"axis": 0})],
    "squared_error": [(matrices((4, 3), (4, 3)), {"over": 6.0, "delta": 0.0})],
    "sum": [(matrices((4, 3)), {"axis": axis}) for axis in (None, 0, 1, (0, 1))]
    + [(matrices((4, 3)), {"axis": 0, "keepdims": True})],
    "transpose": [(matrices((4, 3)), {}), (matrices((2, 4, 3)), {})],
}  # fmt: skip


def test_every_readable_formula_is_tried() -> None:
    assert set(CASES) == set(READABLE)


@pytest.mark.parametrize("name", READABLE)
def test_readable_formulas_are_what_the_rules_compute(name: str) -> None:
    op = formulas._declared(name)
    assert op is not None
    assert all(check(op, operands, params) for operands, params in CASES[name])


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("matmul", ("g @ y", "x.T @ g")), ("softmax", ("out * g",)), ("power", ("g * x ** y",))],
)
def test_a_wrong_formula_is_caught(
    name: str, wrong: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(formulas.READABLE, name, lambda _shapes, _numbers, _params: wrong)
    with pytest.raises((AssertionError, ValueError)):
        test_readable_formulas_are_what_the_rules_compute(name)


def test_a_rule_that_needs_its_file_has_no_formula() -> None:
    op = OPS[np.sinc]
    assert formula(op, 0, [(3,)], [None], {}) == ""
    assert formula(OPS[np.floor], 0, [(3,)], [None], {}) == "0"
    assert formula(OPS[np.floor_divide], 0, [(3,), (3,)], [None, None], {}) == "0"


def backward(target: Any, **options: Any) -> list[str]:
    graph = flow_graph(target, engine="builtin", **options)
    return [step.caption for step in graph.steps if step.phase == "backward"]


@pytest.fixture
def names() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        "x": rng.normal(size=(5, 3)),
        "W": ag.Tensor(rng.normal(size=(3, 4)), requires_grad=True),
        "b": ag.Tensor(np.zeros(4), requires_grad=True),
    }


def test_captions_name_the_boxes(names: dict[str, Any]) -> None:
    x, W, b = names.values()
    h = np.tanh(x @ W + b)
    loss = (h**2).sum()
    graph = flow_graph(loss, engine="builtin", names={**names, "h": h, "loss": loss})
    assert [step.caption for step in graph.steps] == [
        "fprop matmul: v1 = x @ W",
        "fprop add: v2 = v1 + b",
        "fprop tanh: h = tanh(v2)",
        "fprop power: v3 = h ** 2",
        "fprop sum: loss = sum(v3)",
        "seed: grad loss = 1",
        "bprop sum: grad v3 = g * ones_like(v3)",
        "bprop power: grad h = g * 2 * h",
        "bprop tanh: grad v2 = g * (1 - h * h)",
        "bprop add: grad v1 = g",
        "bprop add: grad b = sum(g, axis=0)",
        "bprop matmul: grad W = xᵀ @ g",
    ]


def test_sums_over_broadcast_axes_are_told() -> None:
    a = ag.Tensor(np.ones((3, 1)), requires_grad=True, name="a")
    c = ag.Tensor(np.ones((2, 1, 4)), requires_grad=True, name="c")
    found = backward((a * c).sum())
    assert found[1:] == [
        "bprop multiply: grad a = sum(g * c, to shape (3, 1))",
        "bprop multiply: grad c = sum(g * a, axis=1, keepdims)",
    ]


def test_names_that_are_no_words_are_set_apart() -> None:
    a = ag.Tensor([1.0], requires_grad=True, name="the input")
    assert backward((a * a[0]).sum())[1] == "bprop multiply: grad the input = g * v1 (1 of 2)"
    assert "(the input)[0]" in flow_graph(a[0], engine="builtin").steps[0].caption
    assert captions._named("x.T @ g", ["a b"], "h") == "(a b)ᵀ @ g"
    assert captions._named("-g * x ** 2", ["-3"], "h") == "-g * (-3) ** 2"


def test_what_a_zero_gradient_guarded_is_told() -> None:
    x = ag.Tensor([0.0, 1.0], requires_grad=True, name="x")
    with np.errstate(all="ignore"):
        y = np.where(x > 0, np.log(x), 0.0).sum()
    assert "bprop log: grad x = g / x where g ≠ 0, else 0" in backward(y)


def test_complex_rules_have_no_formula() -> None:
    z = ag.Tensor(np.array([1 + 2j, 3j]), requires_grad=True, name="z")
    found = backward((np.abs(z * z) ** 2).sum())
    assert [c for c in found if "z" in c.split("=")[0]] == [
        "bprop multiply: grad z, of operand 1 (1 of 2)",
        "bprop multiply: grad z, of operand 2 (2 of 2)",
    ]


def test_parts_of_a_composition_are_told(names: dict[str, Any]) -> None:
    W = names["W"]
    found = backward(ag.var(W), names=names)
    assert found == [
        "bprop var, its subtract: grad W (1 of 2)", "bprop var, its mean: grad W (2 of 2)"
    ]  # fmt: skip


def test_a_parameter_of_a_layer_is_named_by_its_path() -> None:
    layer = nn.Linear(3, 2)
    graph = flow_graph(lambda x: layer(x).sum(), np.ones((4, 3)), engine="builtin")
    assert "bprop affine: grad layer.weight = xᵀ @ g" in [s.caption for s in graph.steps]


def test_source_is_of_one_lambda() -> None:
    rules: list[Callable[..., Any]] = [lambda g, o, x: g * x, lambda g, o, x: g + x]
    with pytest.raises(ValueError, match="one rule a line"):
        formulas.source(rules[0])
    assert formulas.source(test_source_is_of_one_lambda) is None
    assert ZERO is not None
