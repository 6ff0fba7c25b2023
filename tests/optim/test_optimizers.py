"""Every optimizer against the formula of its paper, written out, and against PyTorch's numbers."""

from __future__ import annotations

import copy
import inspect
import json
import math
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
import optim
from optim.optimizers.flat import CHUNK, LARGE

DTYPES = ["float32", "float64"]

# --- the formulas, for one parameter in float64, sent one gradient after the other ----------------


def sgd(w: Any, lr: float, momentum: float = 0.0, nesterov: bool = False) -> Any:
    running = 0.0
    g = yield
    while True:
        running = g + momentum * running
        w = w - lr * (g + momentum * running if nesterov else running)
        g = yield w


def adagrad(w: Any, lr: float = 0.01, eps: float = 1e-10, eps_inside: bool = False) -> Any:
    gamma = 0.0
    g = yield
    while True:
        gamma = gamma + g**2
        w = w - lr * g / (np.sqrt(gamma + eps) if eps_inside else np.sqrt(gamma) + eps)
        g = yield w


def rmsprop(
    w: Any,
    lr: float = 0.01,
    alpha: float = 0.99,
    eps: float = 1e-8,
    momentum: float = 0.0,
    centered: bool = False,
    eps_inside: bool = False,
) -> Any:
    gamma = mean = b = 0.0
    g = yield
    while True:
        gamma = alpha * gamma + (1 - alpha) * g**2
        mean = alpha * mean + (1 - alpha) * g
        spread = gamma - mean**2 if centered else gamma
        quotient = g / (np.sqrt(spread + eps) if eps_inside else np.sqrt(spread) + eps)
        b = momentum * b + quotient
        w = w - lr * b
        g = yield w


def adadelta(w: Any, lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6) -> Any:
    gradients = steps = 0.0
    g = yield
    while True:
        gradients = rho * gradients + (1 - rho) * g**2
        step = -np.sqrt(steps + eps) / np.sqrt(gradients + eps) * g
        steps = rho * steps + (1 - rho) * step**2
        w = w + lr * step
        g = yield w


def adam(
    w: Any,
    lr: float = 0.001,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    amsgrad: bool = False,
    eps_inside: bool = False,
    decoupled: float = 0.0,
) -> Any:
    m = v = largest = 0.0
    t = 0
    g = yield
    while True:
        t += 1
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        largest = np.maximum(largest, v)
        m_hat = m / (1 - betas[0] ** t)
        v_hat = (largest if amsgrad else v) / (1 - betas[1] ** t)
        quotient = m_hat / (np.sqrt(v_hat + eps) if eps_inside else np.sqrt(v_hat) + eps)
        w = w - lr * quotient - lr * decoupled * w
        g = yield w


def lion(
    w: Any, lr: float = 1e-4, betas: tuple[float, float] = (0.9, 0.99), decoupled: float = 0.0
) -> Any:
    m = 0.0
    g = yield
    while True:
        update = np.sign(betas[0] * m + (1 - betas[0]) * g)
        w = w - lr * (update + decoupled * w)
        m = betas[1] * m + (1 - betas[1]) * g
        g = yield w


FORMULAS: dict[str, Callable[..., Any]] = {
    "sgd": sgd,
    "adagrad": adagrad,
    "rmsprop": rmsprop,
    "adadelta": adadelta,
    "adam": adam,
    "adamw": adam,
    "lion": lion,
}
DECOUPLED = {"adamw", "lion"}

CASES: list[tuple[str, dict[str, Any]]] = [
    ("sgd", {"lr": 0.1}),
    ("sgd", {"lr": 0.1, "momentum": 0.9}),
    ("sgd", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("sgd", {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.3}),
    ("adagrad", {}),
    ("adagrad", {"lr": 0.1, "eps": 0.01, "weight_decay": 0.3}),
    ("adagrad", {"lr": 0.1, "eps": 0.01, "eps_inside": True}),
    ("rmsprop", {}),
    ("rmsprop", {"lr": 0.1, "alpha": 0.7, "eps": 0.01, "weight_decay": 0.3}),
    ("rmsprop", {"lr": 0.1, "alpha": 0.7, "eps": 0.01, "eps_inside": True}),
    ("rmsprop", {"lr": 0.1, "alpha": 0.7, "eps": 0.01, "momentum": 0.8}),
    ("rmsprop", {"lr": 0.1, "alpha": 0.7, "eps": 0.01, "momentum": 0.8, "centered": True}),
    ("adadelta", {}),
    ("adadelta", {"lr": 0.5, "rho": 0.7, "eps": 0.01, "weight_decay": 0.3}),
    ("adam", {}),
    ("adam", {"lr": 0.1, "betas": (0.7, 0.8), "eps": 0.01, "weight_decay": 0.3}),
    ("adam", {"lr": 0.1, "betas": (0.7, 0.8), "eps": 0.01, "amsgrad": True}),
    ("adam", {"lr": 0.1, "betas": (0.7, 0.8), "eps": 0.01, "eps_inside": True}),
    ("adamw", {"lr": 0.1}),
    ("adamw", {"lr": 0.1, "betas": (0.7, 0.8), "weight_decay": 0.3, "amsgrad": True}),
    ("lion", {}),
    ("lion", {"lr": 0.1, "betas": (0.7, 0.8), "weight_decay": 0.3}),
]
IDS = [f"{name}-{'-'.join(options) or 'defaults'}" for name, options in CASES]
# Shared buffers, a scalar, nothing at all, and one with buffers of its own, of two chunks.
SHAPES: list[tuple[int, ...]] = [(2, 3), (), (0, 2), (4,), (CHUNK + 5,)]


def leaves(dtype: str, shapes: Any = SHAPES, seed: int = 0) -> list[ag.Tensor]:
    rng = np.random.default_rng(seed)
    return [ag.Tensor(rng.normal(size=s).astype(dtype), requires_grad=True) for s in shapes]


def gradients(dtype: str, n: int, shapes: Any = SHAPES, seed: int = 1) -> Iterator[list[Any]]:
    """For each step a gradient for each parameter; after the second step some are None."""
    rng = np.random.default_rng(seed)
    for step in range(n):
        there = rng.random(len(shapes)) < (0.7 if step >= 2 else 2.0)
        yield [
            rng.normal(size=shape).astype(dtype) if is_there else None
            for shape, is_there in zip(shapes, there, strict=True)
        ]


def expected(name: str, options: dict[str, Any], w: Any, given: list[Any]) -> Any:
    """What the formula makes of one parameter; the coupled weight decay is part of the gradient."""
    options = dict(options)
    decay = options.pop("weight_decay", 0.01 if name == "adamw" else 0.0)
    if name in DECOUPLED:
        options["decoupled"], decay = decay, 0.0
    w = w.astype(np.float64)
    formula = FORMULAS[name](w, **options)
    next(formula)
    for g in given:
        if g is not None:
            w = formula.send(g.astype(np.float64) + decay * w)
    return w


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_the_steps_are_those_of_the_paper(name: str, options: dict[str, Any], dtype: str) -> None:
    parameters = leaves(dtype)
    start = [p.data.copy() for p in parameters]
    optimizer = optim.make_optimizer(name, parameters, **{"lr": 0.1} | options)
    done: list[list[Any]] = []
    for row in gradients(dtype, 8):
        done.append(row)
        for p, g in zip(parameters, row, strict=True):
            p.grad = g
        optimizer.step()
        if len(done) not in (1, 2, 8):
            continue
        for i, p in enumerate(parameters):
            wanted = expected(name, {"lr": 0.1} | options, start[i], [row[i] for row in done])
            assert p.dtype == dtype
            tight = 1e-12 if dtype == "float64" else 3e-5
            assert np.allclose(p.data, wanted, rtol=tight, atol=tight)
    for arrays in optimizer.state.values():
        assert [a.dtype for a in arrays] == [np.dtype(dtype)] * len(parameters)


def test_the_formulas_here_tell_one_place_of_eps_from_the_other() -> None:
    w, given = np.ones(3), [np.full(3, 0.1)] * 3
    for name in ("adagrad", "rmsprop", "adam"):
        one, other = (
            expected(name, {"lr": 0.1, "eps": 0.01, "eps_inside": inside}, w, given)
            for inside in (False, True)
        )
        assert np.abs(one - other).min() > 1e-3


def test_the_first_step_by_hand() -> None:
    """One number, w = 1 and gradient 2, in plain arithmetic: the lecture's formulas (L19, L20)."""

    def first(name: str, **options: Any) -> float:
        w = ag.Tensor([1.0], requires_grad=True)
        w.grad = np.array([2.0])
        optim.make_optimizer(name, [w], **options).step()
        return float(w.data[0])

    assert first("sgd", lr=0.1) == pytest.approx(1 - 0.1 * 2)
    assert first("adagrad", lr=0.1, eps=0.5, eps_inside=True) == pytest.approx(
        1 - 0.1 * 2 / math.sqrt(4 + 0.5)
    )
    assert first("adagrad", lr=0.1, eps=0.5) == pytest.approx(1 - 0.1 * 2 / (2 + 0.5))
    assert first("rmsprop", lr=0.1, alpha=0.75, eps=0.5, eps_inside=True) == pytest.approx(
        1 - 0.1 * 2 / math.sqrt(0.25 * 4 + 0.5)
    )
    assert first("rmsprop", lr=0.1, alpha=0.75, eps=0.5) == pytest.approx(1 - 0.1 * 2 / (1 + 0.5))
    # Corrected for the start, the averages are the gradient and its square.
    assert first("adam", lr=0.1, eps=0.5) == pytest.approx(1 - 0.1 * 2 / (2 + 0.5))
    assert first("adam", lr=0.1, eps=0.5, eps_inside=True) == pytest.approx(
        1 - 0.1 * 2 / math.sqrt(4 + 0.5)
    )
    assert first("lion", lr=0.1) == pytest.approx(0.9)


# --- PyTorch --------------------------------------------------------------------------------------

TORCH = {
    "sgd": "SGD",
    "adagrad": "Adagrad",
    "rmsprop": "RMSprop",
    "adadelta": "Adadelta",
    "adam": "Adam",
    "adamw": "AdamW",
}
SAME = [(name, options) for name, options in CASES if name in TORCH and "eps_inside" not in options]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "options"), SAME, ids=[f"{n}-{'-'.join(o)}" for n, o in SAME])
def test_twenty_steps_are_pytorchs(name: str, options: dict[str, Any], dtype: str) -> None:
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    options = {"lr": 0.1} | options
    shapes = [(2, 3), (4,), (), (5, 2), (LARGE,)]
    ours = leaves(dtype, shapes)
    theirs = [torch.tensor(p.data.copy(), requires_grad=True) for p in ours]

    def groups(parameters: list[Any]) -> list[dict[str, Any]]:
        return [
            {"params": parameters[:2]},
            {"params": parameters[2:], "lr": 0.03, "weight_decay": 0.2},
        ]

    mine = optim.make_optimizer(name, groups(ours), **options)
    other = getattr(torch.optim, TORCH[name])(groups(theirs), **options)
    for step, row in enumerate(gradients(dtype, 20, shapes)):
        for p, q, g in zip(ours, theirs, row, strict=True):
            p.grad = g
            q.grad = None if g is None else torch.tensor(g.copy())
        if step == 10:
            for groups_of in (mine.param_groups, other.param_groups):
                groups_of[1]["lr"] = 0.01
        mine.step()
        other.step()
    tight = 1e-12 if dtype == "float64" else 2e-5
    for p, q in zip(ours, theirs, strict=True):
        assert np.allclose(p.data, q.detach().numpy(), rtol=tight, atol=tight)


# --- parts, chunks and buffers change nothing -----------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_how_parameters_are_grouped_in_buffers_changes_no_bit(
    name: str, options: dict[str, Any], dtype: str
) -> None:
    """Five small parameters share buffers of two chunks; alone, each has its own."""
    shapes = [(LARGE // 2, 1)] * 5
    together, alone = leaves(dtype, shapes), leaves(dtype, shapes)
    options = {"lr": 0.1} | options
    one = optim.make_optimizer(name, together, **options)
    each = [optim.make_optimizer(name, [p], **options) for p in alone]
    for row in gradients(dtype, 4, shapes):
        for p, q, g in zip(together, alone, row, strict=True):
            p.grad = q.grad = g
        one.step()
        for optimizer in each:
            optimizer.step()
    for p, q in zip(together, alone, strict=True):
        assert p.data.tobytes() == q.data.tobytes()


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
@pytest.mark.parametrize("size", [3, LARGE])
def test_an_old_graph_gives_the_gradients_at_the_old_values(name: str, size: int) -> None:
    a, b = leaves("float64", [(size,), (size,)])
    optimizer = optim.make_optimizer(name, [a, b], lr=0.1, weight_decay=0.1)
    graphs = []
    for _ in range(4):
        graphs.append((ag.sum(a * b), b.data.copy(), a.data.copy(), a.data))
        optimizer.zero_grad()
        ag.sum(a * b).backward()
        held = a.grad
        before = held.copy()
        optimizer.step()
        assert np.array_equal(held, before)
    for graph, of_a, of_b, published in graphs:
        optimizer.zero_grad()
        graph.backward()
        assert np.array_equal(a.grad, of_a)
        assert np.array_equal(b.grad, of_b)
        assert np.array_equal(published, of_b)


def test_steps_are_counted_for_each_parameter_by_itself() -> None:
    a, b = leaves("float64", [(3,), (2,)])
    optimizer = optim.Adam([a, b], lr=0.1)
    before = b.data.copy()
    for _ in range(5):
        a.grad = np.ones(3)
        optimizer.step()
    b.grad = np.array([5.0, -0.01])
    optimizer.step()
    # A first step: α in the direction of each gradient, whatever its size.
    assert np.allclose(b.data, before - 0.1 * np.array([1.0, -1.0]), atol=1e-6)
    assert optimizer.state_dict()["steps"] == [6, 1]


def test_a_gradient_of_zero_moves_nothing_and_is_no_nan() -> None:
    for name in optim.OPTIMIZERS:
        for dtype in DTYPES:
            (p,) = leaves(dtype, [(3,)])
            before = p.data.copy()
            optimizer = optim.make_optimizer(name, [p], lr=0.1, weight_decay=0.0)
            p.grad = np.zeros(3, dtype)
            optimizer.step()
            assert np.array_equal(p.data, before), name


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_variance_that_rounds_below_zero_is_zero(dtype: str) -> None:
    """Of gradients that are all the same the variance goes to 0, and rounding takes it past."""
    g = np.linspace(0.1, 3.0, 50).astype(dtype)
    p = ag.Tensor(np.zeros(50, dtype), requires_grad=True)
    optimizer = optim.RMSProp([p], lr=1.0, alpha=0.7, eps=0.5, centered=True)
    for _ in range(300):
        p.grad = g
        optimizer.step()
    held = optimizer.state
    assert (held["squares"][0] - held["mean"][0] ** 2).min() < 0
    before = p.data.copy()
    optimizer.step()
    assert np.allclose(p.data - before, -g / 0.5, rtol=1e-2)


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_network_learns(name: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 5)).astype(dtype)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    model = nn.MLP([5, 32, 2], rng=rng, dtype=dtype)
    lr = {"sgd": 0.5, "adadelta": 5.0, "lion": 0.005, "adagrad": 0.1}.get(name, 0.02)
    optimizer = optim.make_optimizer(name, model.parameters(), lr=lr)

    def loss() -> Any:
        return nn.cross_entropy(model(x), y)

    start = loss().item()
    for _ in range(200):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    assert loss().item() < 0.4 * start
    assert all(p.dtype == dtype for p in model.parameters())


# --- saved state ----------------------------------------------------------------------------------


def plain(value: Any) -> bool:
    """Whether a value is what JSON knows, with arrays besides."""
    if isinstance(value, dict):
        return all(type(k) is str and plain(v) for k, v in value.items())
    if isinstance(value, list):
        return all(map(plain, value))
    return value is None or type(value) in (str, int, float, bool, np.ndarray)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_a_loaded_state_goes_on_bit_for_bit(name: str, options: dict[str, Any], dtype: str) -> None:
    shapes = [(2, 3), (4,), (LARGE + 3,), (5,)]
    options = {"lr": 0.1} | options

    def made(parameters: list[ag.Tensor], **changed: Any) -> optim.Optimizer:
        groups = [{"params": parameters[:2]}, {"params": parameters[2:], "lr": 0.05}]
        return optim.make_optimizer(name, groups, **options | changed)

    def run(optimizer: optim.Optimizer, rows: list[Any]) -> None:
        for row in rows:
            for p, g in zip(optimizer.parameters, row, strict=True):
                p.grad = g
            optimizer.step()

    rows = list(gradients(dtype, 9, shapes))
    first = made(leaves(dtype, shapes))
    run(first, rows[:5])
    first.param_groups[0]["lr"] = 0.2
    state = first.state_dict()
    assert plain(state)
    values = [p.data.copy() for p in first.parameters]
    run(first, rows[5:])
    # Into one with another rate and a history of its own, by way of JSON.
    second = made(leaves(dtype, shapes, seed=9), lr=0.9)
    run(second, rows[:2])
    text = json.dumps({key: value for key, value in state.items() if key != "state"})
    second.load_state_dict({**json.loads(text), "state": state["state"]})
    assert [group["lr"] for group in second.param_groups] == [0.2, 0.05]
    for p, value in zip(second.parameters, values, strict=True):
        p.data = value
    run(second, rows[5:])
    for p, q in zip(first.parameters, second.parameters, strict=True):
        assert p.data.tobytes() == q.data.tobytes()


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda both: pickle.loads(pickle.dumps(both))]
)
@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_a_copy_with_its_parameters_goes_on_as_the_original_would(
    name: str, duplicate: Callable[[Any], Any]
) -> None:
    shapes = [(3,), (LARGE,), (2, 2)]
    parameters = leaves("float32", shapes)
    one = optim.make_optimizer(
        name, [{"params": parameters[:1]}, {"params": parameters[1:], "lr": 0.2}], lr=0.1
    )
    rows = list(gradients("float32", 6, shapes))

    def run(optimizer: optim.Optimizer, ps: list[ag.Tensor], rows: list[Any]) -> list[bytes]:
        for row in rows:
            for p, g in zip(ps, row, strict=True):
                p.grad = g
            optimizer.step()
        return [p.data.tobytes() for p in ps]

    run(one, parameters, rows[:3])
    one.param_groups[0]["lr"] = 0.0
    others, two = duplicate((parameters, one))
    assert repr(two) == repr(one)
    assert run(one, parameters, rows[3:]) == run(two, others, rows[3:])


def test_a_state_is_a_copy_both_ways() -> None:
    (p,) = leaves("float64", [(3,)])
    optimizer = optim.SGD([p], 0.1, momentum=0.9)
    p.grad = np.ones(3)
    optimizer.step()
    state = optimizer.state_dict()
    optimizer.step()
    assert np.all(state["state"]["velocity"][0] == 1.0)
    optimizer.load_state_dict(state)
    optimizer.step()
    assert np.all(state["state"]["velocity"][0] == 1.0)
    state["param_groups"][0]["lr"] = 7.0
    assert optimizer.lr == 0.1


def test_a_momentum_that_comes_and_goes() -> None:
    (p,) = leaves("float64", [(3,)])
    start = p.data.copy()
    optimizer = optim.SGD([p], 1.0)
    for momentum in (0.0, 0.5, 0.5):
        optimizer.param_groups[0]["momentum"] = momentum
        p.grad = np.ones(3)
        optimizer.step()
    assert np.allclose(p.data, start - 1 - 1 - 1.5)
    # A state without momentum into an optimizer that has one, and back.
    fresh = optim.SGD([p], 1.0)
    state = optimizer.state_dict()
    optimizer.load_state_dict(fresh.state_dict())
    assert not optimizer.state["velocity"][0].any()
    assert optimizer.param_groups[0]["momentum"] == 0.0
    fresh.load_state_dict(state)
    assert np.all(fresh.state["velocity"][0] == 1.5)


def saved(name: str = "adam", shapes: Any = ((2, 3), (4,)), dtype: str = "float64") -> Any:
    parameters = leaves(dtype, shapes)
    optimizer = optim.make_optimizer(name, parameters, lr=0.1)
    for p in parameters:
        p.grad = np.ones(p.shape)
    optimizer.step()
    return optimizer.state_dict()


def spoilt(change: Callable[[Any], Any]) -> Any:
    state = saved()
    change(state)
    return state


MISFITS = {
    "nothing": ({}, "not the state of an optimizer"),
    "no dict": ([1, 2], "not the state of an optimizer"),
    "another kind": (saved("sgd"), "the state of SGD, and the optimizer is Adam"),
    "fewer": (saved(shapes=[(2, 3)]), "of 1 parameters, and the optimizer has 2"),
    "shape": (
        saved(shapes=[(2, 3), (5,)]),
        r"parameter 1 is float64 of shape \(5,\), and the optimizer's is float64 of shape \(4,\)",
    ),
    "dtype": (saved(dtype="float32"), r"parameter 0 is float32 of shape \(2, 3\)"),
    "rate": (
        spoilt(lambda s: s["param_groups"][0].update(lr=-1.0)),
        "lr must be a finite number from 0 on",
    ),
    "no rate": (spoilt(lambda s: s["param_groups"][0].pop("lr")), "group 0 of the state has no lr"),
    "kind of rate": (
        spoilt(lambda s: s["param_groups"][0].update(lr="x")),
        "group 0 of the state does not fit: Adam: lr must be a number, not 'x'",
    ),
    "option": (spoilt(lambda s: s["param_groups"][0].update(beta=1)), "Adam has no option 'beta'"),
    "groups": (
        spoilt(lambda s: s["param_groups"][0].update(params=[1, 0])),
        "do not hold the parameters",
    ),
    "group": (spoilt(lambda s: s.update(param_groups=[3])), "do not hold the parameters"),
    "steps": (spoilt(lambda s: s.update(steps=[1, -1])), "not 2 counts"),
    "few steps": (spoilt(lambda s: s.update(steps=[1])), "not 2 counts"),
    "no array": (
        spoilt(lambda s: s["state"]["squares"].__setitem__(1, None)),
        "no 'squares' of parameter 1",
    ),
    "no arrays": (spoilt(lambda s: s["state"].pop("mean")), "no 'mean' of parameter 0"),
    "array": (
        spoilt(lambda s: s["state"]["mean"].__setitem__(1, np.zeros(3))),
        r"'mean' of parameter 1 is float64 of shape \(3,\), and the parameter is",
    ),
    "a list": (
        spoilt(lambda s: s["state"]["mean"].__setitem__(1, [0.0] * 4)),
        "'mean' of parameter 1 is an object of type list",
    ),
    "unknown array": (
        spoilt(lambda s: s["state"].update(rest=s["state"]["mean"])),
        "Adam does not remember 'rest'",
    ),
    "lists": (spoilt(lambda s: s["state"]["mean"].pop()), "not lists of 2"),
}


@pytest.mark.parametrize("what", MISFITS)
def test_a_state_that_does_not_fit_changes_nothing(what: str) -> None:
    state, message = MISFITS[what]
    parameters = leaves("float64", [(2, 3), (4,)], seed=5)
    optimizer = optim.Adam(parameters, lr=0.3)
    for p in parameters:
        p.grad = np.full(p.shape, 2.0)
    optimizer.step()
    before = optimizer.state_dict()
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(state)
    after = optimizer.state_dict()
    assert {k: v for k, v in before.items() if k != "state"} == {
        k: v for k, v in after.items() if k != "state"
    }
    for name, arrays in before["state"].items():
        for old, new in zip(arrays, after["state"][name], strict=True):
            assert np.array_equal(old, new)


# --- names and options ----------------------------------------------------------------------------


def leaf() -> ag.Tensor:
    return ag.Tensor([1.0], requires_grad=True)


def test_optimizers_are_made_by_name() -> None:
    for name, kind in optim.OPTIMIZERS.items():
        assert type(optim.make_optimizer(name, [leaf()], lr=0.1)) is kind
    assert isinstance(optim.make_optimizer("AdamW", [leaf()]), optim.AdamW)


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="unknown optimizer 'adma': did you mean 'adam'"):
        optim.make_optimizer("adma", [leaf()])
    with pytest.raises(ValueError, match="'Nesterov': that is 'sgd' with momentum=0.9, and for"):
        optim.make_optimizer("Nesterov", [leaf()])
    with pytest.raises(ValueError, match="known are adadelta, adagrad"):
        optim.make_optimizer("zzz", [leaf()])
    with pytest.raises(TypeError, match="no option 'weight_deacy': did you mean 'weight_decay'"):
        optim.make_optimizer("adam", [leaf()], weight_deacy=0.1)
    with pytest.raises(TypeError, match="needs a learning rate"):
        optim.make_optimizer("sgd", [leaf()])
    with pytest.raises(TypeError, match="the name of an optimizer"):
        optim.make_optimizer(optim.Adam, [leaf()])  # type: ignore[arg-type]


BAD: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("adam", {"betas": (0.9, 1.0)}, ValueError, r"betas\[1\] must be in \[0, 1\), not 1.0"),
    ("adam", {"betas": (-0.1, 0.9)}, ValueError, r"betas\[0\] must be in \[0, 1\)"),
    ("adam", {"betas": 0.9}, TypeError, "betas must be two numbers"),
    ("adam", {"betas": (0.9,)}, TypeError, "betas must be two numbers"),
    ("adam", {"betas": ("a", 0.9)}, TypeError, r"betas\[0\] must be a number"),
    ("adam", {"betas": (np.nan, 0.9)}, ValueError, r"betas\[0\] must be in"),
    ("adam", {"eps": 0.0}, ValueError, "eps must be a positive finite number, not 0.0"),
    ("adamw", {"eps": np.inf}, ValueError, "AdamW: eps must be a positive finite number"),
    ("adamw", {"weight_decay": -1}, ValueError, "weight_decay must be a finite number from 0 on"),
    ("adam", {"amsgrad": 1}, TypeError, "amsgrad must be True or False, not 1"),
    ("lion", {"betas": (0.9, 2)}, ValueError, r"Lion: betas\[1\]"),
    ("rmsprop", {"alpha": 1.5}, ValueError, r"RMSProp: alpha must be in \[0, 1\)"),
    ("rmsprop", {"momentum": -0.5}, ValueError, "momentum must be in"),
    ("adadelta", {"rho": 1.0}, ValueError, "rho must be in"),
    ("adadelta", {"eps": 0}, ValueError, "Adadelta: eps must be a positive"),
    ("adagrad", {"lr": np.nan}, ValueError, "lr must be a finite number from 0 on, not nan"),
    ("adagrad", {"lr": 1j}, TypeError, "lr must be a number"),
    ("adagrad", {"lr": np.complex64(1)}, TypeError, "lr must be a real number"),
    ("adagrad", {"lr": 10**400}, ValueError, "lr must be a finite number, and is beyond floats"),
    ("adagrad", {"lr": "fast"}, TypeError, "lr must be a number, not 'fast'"),
]


@pytest.mark.parametrize(("name", "options", "kind", "message"), BAD)
def test_options_out_of_range(
    name: str, options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        optim.make_optimizer(name, [leaf()], **options)
    (option,) = options
    optimizer = optim.make_optimizer(name, [leaf()])
    before = dict(optimizer.param_groups[0])
    with pytest.raises(kind, match=message):
        optimizer.param_groups[0][option] = options[option]
    assert dict(optimizer.param_groups[0]) == before


def test_numpy_options_keep_float32() -> None:
    p = ag.Tensor(np.ones(3, np.float32), requires_grad=True)
    optimizer = optim.AdamW(
        [p],
        lr=np.float64(0.1),  # type: ignore[arg-type]
        betas=(np.float64(0.9), np.float64(0.99)),
        eps=np.float64(1e-8),  # type: ignore[arg-type]
        weight_decay=np.float64(0.1),  # type: ignore[arg-type]
    )
    p.grad = np.ones(3, np.float32)
    optimizer.step()
    assert p.dtype == np.float32
    assert plain(optimizer.state_dict())


def test_an_optimizer_shows_its_options() -> None:
    p, q = leaf(), leaf()
    assert repr(optim.Lion([p])) == "Lion(lr=0.0001, betas=(0.9, 0.99), weight_decay=0.0)"
    shown = repr(optim.SGD([{"params": [p]}, {"params": [q], "lr": 0.5}], lr=0.1))
    assert shown.splitlines()[2].startswith("  group 1: lr=0.5, momentum=0.0")


def test_complex_parameters_are_for_sgd() -> None:
    z = ag.Tensor(np.array([3.0 + 4.0j]), requires_grad=True)
    for name in set(optim.OPTIMIZERS) - {"sgd"}:
        with pytest.raises(TypeError, match="a parameter is complex128.*use SGD"):
            optim.make_optimizer(name, [z])
    optimizer = optim.SGD([z], lr=0.25, momentum=0.5)
    for _ in range(2):
        optimizer.zero_grad()
        ag.sum(ag.abs(z) ** 2).backward()
        optimizer.step()
    # The gradient of |z|² is 2z: z/2 after a step, then z/2 - (z + z)/4.
    assert np.allclose(z.data, 0.0)


def test_an_eps_that_half_precision_does_not_have() -> None:
    p = ag.Tensor(np.ones(2, np.float16), requires_grad=True)
    with pytest.raises(ValueError, match="eps=1e-08 is 0 in float16"):
        optim.Adam([p])
    for inside in (False, True):
        optimizer = optim.Adam([p], lr=0.5, eps=1e-4, eps_inside=inside)
        p.grad = np.array([0.0, 1.0], np.float16)
        optimizer.step()
        assert p.dtype == np.float16
        assert p.data[0] == 1.0
    assert p.data[1] == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("inside", [False, True])
def test_an_eps_that_the_correction_takes_to_zero(inside: bool) -> None:
    """Adam's ε is multiplied by √(1 - β₂ᵗ), or by its square; 2e-7 is a number in float16."""
    p = ag.Tensor(np.ones(2, np.float16), requires_grad=True)
    with pytest.raises(ValueError, match="eps=2e-07 is 0 in float16.*or becomes 0 in the formula"):
        optim.Adam([p], eps=2e-7, eps_inside=inside)
    least = 1e-4 if inside else 1e-5
    optimizer = optim.Adam([p], eps=least, eps_inside=inside)
    p.grad = np.zeros(2, np.float16)
    optimizer.step()
    assert p.data.tolist() == [1.0, 1.0]


def test_what_a_dtype_does_not_allow_cannot_be_assigned_or_loaded_either() -> None:
    p = ag.Tensor(np.ones(2, np.float16), requires_grad=True)
    optimizer = optim.Adam([p], eps=1e-4)
    with pytest.raises(ValueError, match="eps=1e-08 is 0 in float16"):
        optimizer.param_groups[0]["eps"] = 1e-8
    state = optimizer.state_dict()
    state["param_groups"][0]["eps"] = 1e-8
    with pytest.raises(ValueError, match="group 0 of the state does not fit: Adam: eps=1e-08 is 0"):
        optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["eps"] == 1e-4


@pytest.mark.parametrize("value", [[1, 2], [True, False]])
def test_steps_are_no_whole_numbers(value: Any) -> None:
    for name in optim.OPTIMIZERS:
        with pytest.raises(TypeError, match="a parameter is .*steps are no whole numbers"):
            optim.make_optimizer(name, [ag.Tensor(value)], lr=0.1)


def test_arguments_read_as_in_pytorch() -> None:
    """Names, defaults and the order of what may go without a name; ``eps_inside`` is ours."""
    torch = pytest.importorskip("torch")
    for name, theirs in TORCH.items():
        ours = dict(inspect.signature(optim.OPTIMIZERS[name]).parameters)
        other = dict(inspect.signature(getattr(torch.optim, theirs)).parameters)
        del ours["parameters"], other["params"]
        ours.pop("eps_inside", None)
        places = [n for n, p in ours.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
        assert places == list(other)[: len(places)], name
        for option, parameter in ours.items():
            if (name, option) != ("sgd", "lr"):  # the rate of SGD has to be given
                assert parameter.default == other[option].default, (name, option)


def test_what_optimizers_have_is_named_as_in_pytorch() -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = optim.Adam([leaf()]), torch.optim.Adam([torch.zeros(1, requires_grad=True)])
    for known in ("step", "zero_grad", "add_param_group", "state_dict", "load_state_dict"):
        assert callable(getattr(theirs, known))
        assert callable(getattr(ours, known))
    assert set(ours.defaults) - {"eps_inside"} <= set(theirs.defaults)
    assert set(ours.param_groups[0]) - {"eps_inside"} <= set(theirs.param_groups[0])
    assert set(theirs.state_dict()) <= set(ours.state_dict())
    assert ours.state_dict()["param_groups"][0]["params"] == [0]


@pytest.mark.parametrize("name", sorted(optim.OPTIMIZERS))
@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_step_if_finite_is_a_step_or_nothing(name: str, bad: float) -> None:
    def made() -> tuple[list[ag.Tensor], optim.Optimizer]:
        # The last is large, and has buffers of its own.
        shapes: list[tuple[int, ...]] = [(3,), (2, 2), (200, 100)]
        parameters = [ag.Tensor(np.full(shape, 2.0), requires_grad=True) for shape in shapes]
        return parameters, optim.make_optimizer(name, parameters, lr=0.1)

    (ours, one), (theirs, other) = made(), made()
    for step in range(3):
        for each in (*ours, *theirs):
            each.grad = np.full(each.shape, 1e200 if step == 1 else 0.5)  # its square overflows
        assert one.step_if_finite()
        other.step()
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a.data, b.data)
    memory = repr(one.state_dict())
    for i, parameter in enumerate(ours):
        for each in ours:
            each.grad = np.full(each.shape, 0.5)
        parameter.grad.reshape(-1)[-1] = bad
        assert not one.step_if_finite()
        assert repr(one.state_dict()) == memory
        assert all((a.data == b.data).all() for a, b in zip(ours, theirs, strict=True)), i
    # Of those without a gradient, nothing is seen, whatever was there before.
    ours[-1].grad = ours[1].grad = None
    ours[0].grad = np.full(3, 0.5)
    assert one.step_if_finite()
