"""Jacobians with all unit vectors in one walk against one walk for each; `hvp` by either way."""

from __future__ import annotations

import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_core as ag
import nn
from autograd_core import backprop
from autograd_core.registry import OPS, running
from autograd_core.transforms import batching, directional, units
from autograd_core.transforms.batched import ACTIVE
from autograd_core.tree import flatten
from tests.autograd_core.samples import DIFFERENTIABLE, TABLE, strategy
from tests.autograd_core.test_table import outputs

EXAMPLES = max(1, settings().max_examples // 25)
RNG = np.random.default_rng(0)


@contextmanager
def together(most: int = units.MOST, few: int = 1) -> Iterator[list[int]]:
    """Have unit vectors go together, even few; yield how many did, for each walk that worked."""
    walks: list[int] = []
    whole = units._together

    def counted(walk: Any, some: Any, lift: Any) -> Any:
        found = whole(walk, some, lift)
        walks.append(len(some))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(units, "MOST", most)
        patch.setattr(units, "FEW", few)
        patch.setattr(units, "_together", counted)
        yield walks


def alone() -> Any:
    return together(most=0)


def plain(x: Any) -> Any:
    return x.data if isinstance(x, ag.Tensor) else x


def assert_same(got: Any, expected: Any, tol: float = 1e-9) -> None:
    a, b = flatten(got)[0], flatten(expected)[0]
    assert len(a) == len(b)
    for x, y in zip(map(plain, a), map(plain, b), strict=True):
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        np.testing.assert_allclose(x, y, rtol=tol, atol=tol)


def compare(f: Callable[..., Any], *args: Any, tol: float = 1e-9) -> list[int]:
    """Compare what ``f`` computes both ways, and say how many went in each walk together."""
    with alone() as walks:
        expected = f(*args)
    assert not walks
    with together() as walks:
        found = f(*args)
    assert_same(found, expected, tol)
    return walks


# --- every op of the table ---------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("name", sorted(DIFFERENTIABLE))
@given(data=st.data())
@settings(max_examples=EXAMPLES)
def test_every_op(name: str, mode: str, data: Any) -> None:
    check(name, mode, data)


def check(name: str, mode: str, data: Any) -> None:
    case, function = data.draw(strategy(name)), TABLE[name].function

    def f(*xs: Any) -> list[Any]:
        return [y for y in outputs(case.value(function, *xs)) if y.dtype.kind in "fc"]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compare(ag.jacobian(f, tuple(range(len(case.arrays))), mode), *case.arrays)


def test_a_wrong_rule_for_a_batch_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    kind, rule = batching.RULES[OPS[np.matmul]]
    monkeypatch.setitem(batching.RULES, OPS[np.matmul], (kind, lambda *call: 1.001 * rule(*call)))
    with pytest.raises(AssertionError):
        compare(ag.jacobian(layer), RNG.normal(size=5))


# --- how they go -------------------------------------------------------------------------------

W, B = RNG.normal(size=(5, 7)), RNG.normal(size=7)


def layer(x: Any) -> Any:
    return np.tanh(x @ W + B)


def test_a_rule_is_called_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tanh, calls = OPS[np.tanh], []
    rule: Any = tanh.rules[0]

    def counted(g: Any, out: Any, x: Any) -> Any:
        calls.append(g.shape)
        return rule(g, out, x)

    monkeypatch.setattr(tanh, "rules", (counted,))
    x = RNG.normal(size=5)
    expected = (1 - np.tanh(x @ W + B) ** 2)[:, None] * W.T
    for mode in ("forward", "reverse"):
        calls.clear()
        np.testing.assert_allclose(ag.jacobian(layer, mode=mode)(x), expected, rtol=1e-12)
        assert set(calls) == {(7,)}
        assert len(calls) <= 3  # with the looks at singular points, not seven or five
    assert not running
    assert ACTIVE.get() == ()


def test_few_go_alone_and_large_arrays_in_parts() -> None:
    x = RNG.normal(size=5)
    with together(few=units.FEW) as walks:
        ag.jacobian(lambda x: x[:3] ** 2)(x)
        assert walks == []
        expected = ag.jacobian(layer, mode="reverse")(x)
        assert walks == [7]
    with together(most=21) as walks:  # three of arrays of seven
        assert_same(ag.jacobian(layer, mode="reverse")(x), expected)
        assert_same(ag.jacobian(layer, mode="forward")(x), expected)
        assert walks == [3, 3, 1, 3, 2]


def test_memory_is_bounded_by_the_result() -> None:
    x = RNG.normal(size=2000)
    f = ag.jacobian(lambda x: np.tanh(np.sin(x) * x)[:1000], mode="reverse")
    size = f(x).nbytes
    tracemalloc.start()
    try:
        f(x)
        assert tracemalloc.get_traced_memory()[1] < 3 * size
    finally:
        tracemalloc.stop()


def test_results_belong_to_the_caller() -> None:
    x = RNG.normal(size=5)
    for f in (lambda x: x, lambda x: x[::-1], lambda x: np.broadcast_to(x, (2, 5)), layer):
        for mode in ("forward", "reverse"):
            first = ag.jacobian(f, mode=mode)(x)
            kept = first.copy()
            first[...] = 7.0
            assert_same(ag.jacobian(f, mode=mode)(x), kept)


# --- what flows there --------------------------------------------------------------------------

INPUTS = RNG.normal(size=(3, 4))
P = {"w": RNG.normal(size=(3, 2)), "rest": [RNG.normal(size=2), RNG.normal(size=3)]}


def total(x: Any) -> Any:
    return np.sum(layer(x) ** 3)


def tree(p: Any) -> Any:
    h = np.tanh(p["rest"][1] @ p["w"] + p["rest"][0])
    return {"h": h, "s": [np.sum(h) * p["w"], p["rest"][0], 3.0]}


def complex_layer(z: Any) -> Any:
    return np.exp(z @ (W + 1j * W[::-1])) * z[0]


CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "trees": (lambda p: ag.jacobian(tree)(p), (P,)),
    "trees forward": (lambda p: ag.jacobian(tree, mode="forward")(p), (P,)),
    "twice": (ag.jacobian(ag.jacobian(layer)), (RNG.normal(size=5),)),
    "three times": (
        ag.jacobian(ag.hessian(total)),
        (RNG.normal(size=5),),
    ),
    "hessian": (ag.hessian(total), (RNG.normal(size=5),)),
    "hessian of trees": (ag.hessian(lambda p: np.sum(tree(p)["s"][0] ** 2)), (P,)),
    "of grad": (ag.jacobian(ag.grad(total)), (RNG.normal(size=5),)),
    "grad of": (ag.grad(lambda x: np.sum(ag.jacobian(layer)(x) ** 2)), (RNG.normal(size=5),)),
    "jvp of": (
        lambda x: ag.jvp(ag.jacobian(layer), (x,), (np.ones(5),)),
        (RNG.normal(size=5),),
    ),
    "under vmap": (ag.vmap(ag.jacobian(layer)), (RNG.normal(size=(3, 5)),)),
    "under vmaps": (ag.vmap(ag.vmap(ag.jacobian(layer))), (RNG.normal(size=(2, 3, 5)),)),
    "hessian under vmap": (
        ag.vmap(ag.hessian(total)),
        (RNG.normal(size=(3, 5)),),
    ),
    "of vmap": (ag.jacobian(ag.vmap(layer)), (RNG.normal(size=(3, 5)),)),
    "complex": (ag.jacobian(complex_layer), (RNG.normal(size=5) + 1j * RNG.normal(size=5),)),
    "complex under vmap": (
        ag.vmap(ag.jacobian(complex_layer)),
        (RNG.normal(size=(2, 5)) + 1j * RNG.normal(size=(2, 5)),),
    ),
    "real to complex": (ag.jacobian(complex_layer, mode="reverse"), (RNG.normal(size=5),)),
    "complex to real": (
        ag.jacobian(lambda z: np.abs(complex_layer(z)), mode="reverse"),
        (RNG.normal(size=5) + 1j * RNG.normal(size=5),),
    ),
    "several outputs": (
        ag.jacobian(lambda a: np.linalg.svd(a, full_matrices=False)[:2]),
        (RNG.normal(size=(3, 3)),),
    ),
    "loss": (
        ag.hessian(lambda w: nn.cross_entropy(INPUTS @ w, np.array([0, 2, 1]))),
        (RNG.normal(size=(4, 3)),),
    ),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", CASES)
def test_transforms(name: str, dtype: Any) -> None:
    f, args = CASES[name]
    leaves, rebuild = flatten(list(args))
    single = {"f": np.float32, "c": np.complex64}
    cast = [x if dtype == np.float64 else x.astype(single[x.dtype.kind]) for x in leaves]
    tol = 1e-9 if dtype == np.float64 else 2e-3
    assert compare(f, *rebuild(cast), tol=tol)


def test_tensors_from_outside() -> None:
    x, w = ag.Tensor(RNG.normal(size=5)), ag.Tensor(W, requires_grad=True)
    for mode in ("forward", "reverse"):

        def slope(x: Any, mode: str = mode) -> Any:
            J = ag.jacobian(lambda x: np.tanh(x @ w), mode=mode)(x)
            assert type(J) is ag.Tensor
            return [J, ag.gradients(np.sum(J**2), w)]

        assert compare(slope, x)


def test_zero_gradients_stay_zero_at_singular_points() -> None:
    x = np.array([4.0, 0.0, 1.0, 0.0, 9.0])
    for mode in ("forward", "reverse"):
        for f in (
            lambda x: np.where(x > 0, np.sqrt(x), 0.0),
            lambda x: np.sqrt(np.where(x > 0, x, 0.0)) * (x > 0),
        ):
            J = ag.jacobian(f, mode=mode)
            assert compare(J, x)
            np.testing.assert_array_equal(J(x), np.diag([0.25, 0.0, 0.5, 0.0, 1 / 6]))
        # What is not finite stays what it is.
        assert compare(ag.jacobian(np.sqrt, mode=mode), x)
        assert np.isinf(ag.jacobian(np.sqrt, mode=mode)(x)[1, 1])


# --- who is shown one at a time ------------------------------------------------------------------


def test_rules_that_look_at_their_gradient() -> None:
    x = RNG.normal(size=5)
    for f in (np.cumprod, lambda x: np.tanh(np.cumprod(x))):
        assert compare(ag.jacobian(f, mode="reverse"), x) == []


def test_an_error_of_a_rule_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(g: Any, out: Any, x: Any) -> Any:
        raise ValueError("no such derivative")

    monkeypatch.setattr(OPS[np.tanh], "rules", (broken,))
    for mode in ("forward", "reverse"):
        with pytest.raises(ValueError, match="no such derivative"):
            ag.jacobian(layer, mode=mode)(RNG.normal(size=5))
    assert not running


def test_users_rules_see_arrays() -> None:
    seen = []

    @ag.primitive(arrays=True)
    def twice(x: Any) -> Any:
        return 2.0 * x

    @twice.rule
    def _(g: Any, out: Any, x: Any) -> Any:
        seen.append((type(g), g.shape))
        return 2.0 * g

    assert compare(ag.jacobian(lambda x: twice(layer(x)), mode="reverse"), RNG.normal(size=5)) == []
    assert set(seen) == {(np.ndarray, (7,))}


def test_hooks_see_one_gradient() -> None:
    seen = []

    def f(x: Any) -> Any:
        y = layer(x)
        y.register_hook(lambda g: seen.append(g.shape))
        return y

    assert compare(ag.jacobian(f, mode="reverse"), RNG.normal(size=5)) == []
    assert seen == [(7,)] * 14


def test_boxes_run_as_often_as_they_are_walked() -> None:
    assert compare(ag.jacobian(ag.checkpoint(layer)), RNG.normal(size=5)) == []
    roots = ag.fixed_point(lambda x, a: np.cos(a * x), lambda a: solved(a))
    # Its own Jacobian, for each of them, is found in one walk.
    assert compare(ag.jacobian(roots), RNG.uniform(0.5, 0.9, size=5)) == [5] * 5


def solved(a: Any) -> Any:
    x = np.zeros_like(a)
    for _ in range(500):
        x = np.cos(a * x)
    return x


def test_inspection_sees_one_walk_for_each() -> None:
    with ag.inspect():
        assert compare(ag.jacobian(layer), RNG.normal(size=5)) == []


# --- the product with a Hessian ----------------------------------------------------------------

DATA, LABELS = RNG.normal(size=(6, 4)), np.array([0, 1, 2, 0, 1, 2])
NET = [RNG.normal(size=(4, 5)), RNG.normal(size=5), RNG.normal(size=(5, 3)), RNG.normal(size=3)]


def loss(p: Any) -> Any:
    return nn.cross_entropy(np.tanh(DATA @ p[0] + p[1]) @ p[2] + p[3], LABELS)


def ways(monkeypatch: pytest.MonkeyPatch, f: Any, primals: Any, vectors: Any) -> tuple[Any, Any]:
    """`hvp` as it chooses, and by the recorded gradient."""
    found = ag.hvp(f, primals, vectors)
    with monkeypatch.context() as patch:
        patch.setattr(directional, "_moves_easily", lambda *_: False)
        return found, ag.hvp(f, primals, vectors)


SMOOTH: dict[str, Callable[[Any], Any]] = {
    "net": loss,
    "mean": lambda p: np.mean((DATA @ p[0]) ** 2 / (1 + np.exp(p[1]))),
    "shapes": lambda p: np.sum(np.stack([p[0].T[0], p[2][:4, 0]]) ** 3) + p[1][2] * p[3][1],
    "einsum": lambda p: np.sum(np.einsum("ij,jk->ik", p[0], p[2]) ** 3),
    "kinks": lambda p: np.sum(np.maximum(p[0], 0.0) ** 2 * np.abs(p[1])),
    "traps": lambda p: np.sum(np.where(p[0] > 0, np.sqrt(p[0] * (p[0] > 0)), 0.0) ** 3),
    "linear": lambda p: np.sum(p[0]) + 2.0 * p[1][0],
    "constant": lambda p: 3.0,
}


@pytest.mark.parametrize("name", SMOOTH)
def test_hvp_is_the_same_either_way(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    v = [RNG.normal(size=x.shape) for x in NET]
    (found,), (expected,) = ways(monkeypatch, SMOOTH[name], (NET,), (v,))
    assert_same(found, expected)
    flat = np.concatenate([x.ravel() for x in NET])
    sizes = np.cumsum([x.size for x in NET])[:-1]

    def gradient(x: Any) -> Any:
        parts = [a.reshape(b.shape) for a, b in zip(np.split(x, sizes), NET, strict=True)]
        return np.concatenate([g.ravel() for g in ag.grad(SMOOTH[name])(parts)])

    h = 1e-6 * np.concatenate([x.ravel() for x in v])
    slope = (gradient(flat + h) - gradient(flat - h)) / 2e-6
    np.testing.assert_allclose(
        np.concatenate([x.ravel() for x in found]), slope, rtol=1e-5, atol=1e-7
    )


def noted(patch: pytest.MonkeyPatch, of: Any, name: str, calls: list[str], note: str) -> None:
    """Have calls of a function noted."""
    whole = getattr(of, name)

    def called(*args: Any, **options: Any) -> Any:
        calls.append(note)
        return whole(*args, **options)

    patch.setattr(of, name, called)


def test_hvp_goes_forward_where_that_is_easy(monkeypatch: pytest.MonkeyPatch) -> None:
    went: list[str] = []
    noted(monkeypatch, directional, "_along_and_back", went, "forward")
    noted(monkeypatch, directional._Recorded, "pull", went, "back")
    x, one = np.array([0.3, 0.7]), np.ones(2)
    w, tracked = ag.Tensor(2.0, requires_grad=True), ag.Tensor(one, requires_grad=True)
    asked: list[tuple[Callable[[], Any], str]] = [
        (lambda: ag.hvp(lambda x: np.sum(np.tanh(x) ** 3), (x,), (one,)), "forward"),
        (lambda: ag.hvp(lambda x: np.sum(ag.softmax(x) ** 3), (x,), (one,)), "back"),
        (lambda: ag.hvp(lambda x: np.sum(w * x**3), (x,), (one,)), "back"),
        (
            lambda: ag.hvp(lambda x: np.sum(x**3), (x,), (tracked,)),
            "back",
        ),
        (lambda: ag.hvp(lambda x: np.sum(np.abs(x) ** 3), (x + 1j,), (one,)), "back"),
        (lambda: ag.vmap(lambda x: ag.hvp(lambda x: np.sum(x**3), (x,), (one,)))(x[None]), "back"),
        (lambda: ag.hvp(lambda x: np.sum(ag.checkpoint(np.tanh)(x)), (x,), (one,)), "back"),
    ]
    for ask, way in asked:
        went.clear()
        ask()
        assert went == [way]
    with ag.inspect():
        went.clear()
        asked[0][0]()
    assert went == ["back"]


def test_tensors_give_tensors() -> None:
    x, v = np.array([1.0, 2.0]), np.array([1.0, 3.0])
    for primal, vector, kind in (
        (x, v, np.ndarray),
        (ag.Tensor(x), v, ag.Tensor),
        (x, ag.Tensor(v), ag.Tensor),
    ):
        (found,) = ag.hvp(lambda x: (x**3).sum(), (primal,), (vector,))
        assert type(found) is kind
        np.testing.assert_allclose(plain(found), 6 * x * v)
    with pytest.raises(ValueError, match="vector of shape"):
        ag.hvp(lambda x: (x**3).sum(), (x,), (np.ones(3),))


def test_the_derivative_of_a_number_is_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward mode through an op of one value applies its rule, and transposes nothing."""
    walked: list[str] = []
    noted(monkeypatch, backprop, "transpose", walked, "transpose")
    value, slope = ag.jvp(loss, (NET,), ([np.ones_like(x) for x in NET],))
    assert not walked
    gradient = ag.grad(loss)(NET)
    assert slope == pytest.approx(sum(float(g.sum()) for g in gradient))
    assert value == loss(NET)
