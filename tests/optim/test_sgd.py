"""SGD against its formulas, step by step, and the promise that a published array is not written."""

import tracemalloc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_core as ag
import nn
import optim
from optim.optimizers.optimizer import LARGE

SHAPES = st.lists(
    st.sampled_from([(), (1,), (3,), (2, 3), (0,), (1, 4, 2), (LARGE,)]), min_size=1, max_size=5
)


def leaves(shapes: list[tuple[int, ...]], dtypes: list[str], seed: int = 0) -> list[ag.Tensor]:
    rng = np.random.default_rng(seed)
    return [
        ag.Tensor(rng.normal(size=shape).astype(dtype), requires_grad=True)
        for shape, dtype in zip(shapes, dtypes, strict=True)
    ]


def formula(
    values: list[Any], steps: list[list[Any]], lr: float, momentum: float, nesterov: bool
) -> Iterator[list[Any]]:
    """The lecture's momentum, for each parameter by itself; a gradient of None leaves all as is."""
    running = [np.zeros_like(value) for value in values]
    values = list(values)
    for gradients in steps:
        for i, gradient in enumerate(gradients):
            if gradient is None:
                continue
            running[i] = gradient + momentum * running[i]
            step = gradient + momentum * running[i] if nesterov else running[i]
            values[i] = values[i] - lr * step
        yield list(values)


@given(
    shapes=SHAPES,
    data=st.data(),
    lr=st.floats(1e-3, 1.0),
    how=st.sampled_from([(0.0, False), (0.9, False), (0.9, True), (0.5, True)]),
    seed=st.integers(0, 100),
)
def test_every_step_is_the_formulas(
    shapes: list[tuple[int, ...]], data: Any, lr: float, how: tuple[float, bool], seed: int
) -> None:
    momentum, nesterov = how
    dtypes = [data.draw(st.sampled_from(["float32", "float64"])) for _ in shapes]
    there = [[data.draw(st.booleans()) for _ in shapes] for _ in range(4)]
    rng = np.random.default_rng(seed)
    parameters = leaves(shapes, dtypes, seed)
    steps = [
        [rng.normal(size=p.shape).astype(p.dtype) if is_there else None for p, is_there in row]
        for row in (list(zip(parameters, row, strict=True)) for row in there)
    ]
    expected = formula([p.data for p in parameters], steps, lr, momentum, nesterov)
    optimizer = optim.SGD(parameters, lr, momentum, nesterov=nesterov)
    for gradients in steps:
        for p, gradient in zip(parameters, gradients, strict=True):
            p.grad = gradient
        optimizer.step()
        for p, value in zip(parameters, next(expected), strict=True):
            assert p.dtype == value.dtype
            assert p.shape == value.shape
            tight = 1e-12 if p.dtype == np.float64 else 1e-5
            assert np.allclose(p.data, value, rtol=tight, atol=tight)


def test_the_rate_may_change_between_steps() -> None:
    p = ag.Tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=0.5)
    for lr in (0.5, 0.25):
        optimizer.lr = lr
        p.grad = np.ones(1)
        optimizer.step()
    assert p.data.tolist() == [0.25]
    assert optimizer.lr == 0.25


def test_a_numpy_rate_keeps_float32() -> None:
    p = ag.Tensor(np.ones(3, np.float32), requires_grad=True)
    optimizer = optim.SGD([p], lr=np.float64(0.1), momentum=np.float32(0.5))
    p.grad = np.ones(3, np.float32)
    optimizer.step()
    assert p.dtype == np.float32
    assert optimizer.state["velocity"][0].dtype == np.float32


def test_zero_grad_forgets_and_step_then_does_nothing() -> None:
    p = ag.Tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=1.0)
    p.grad = np.ones(1)
    optimizer.zero_grad()
    assert p.grad is None
    held = p.data
    optimizer.step()
    assert p.data is held


def test_the_state_has_an_array_for_each_parameter() -> None:
    parameters = leaves([(2, 3), (LARGE,), (4,)], ["float32", "float64", "float64"])
    optimizer = optim.SGD(parameters, lr=0.1, momentum=0.5)
    for p in parameters:
        p.grad = np.full(p.shape, 2.0)
    optimizer.step()
    velocity = optimizer.state["velocity"]
    for p, v in zip(parameters, velocity, strict=True):
        assert v.shape == p.shape
        assert v.dtype == p.dtype
        assert np.all(v == 2.0)
        v[...] = 0.0  # a copy
    assert optimizer.state["velocity"][0].all()
    assert optim.SGD(parameters, lr=0.1).state == {}


def test_a_gradient_of_nan_is_applied_in_silence() -> None:
    p = ag.Tensor([1.0, 2.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=0.1, momentum=0.9)
    with np.errstate(all="raise"):
        p.grad = np.array([np.nan, np.inf])
        optimizer.step()
        p.grad = np.array([1.0, -np.inf])
        optimizer.step()
    assert np.isnan(p.data).all()


# --- published arrays are never written -----------------------------------------------------------


@pytest.mark.parametrize("size", [3, LARGE])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_an_old_graph_gives_the_gradients_at_the_old_values(size: int, momentum: float) -> None:
    parameters = leaves([(size,), (size,)], ["float64"] * 2)
    a, b = parameters
    optimizer = optim.SGD(parameters, 0.1, momentum)
    graphs = []
    for _ in range(5):
        expected = b.data.copy(), a.data.copy()
        graphs.append((ag.sum(a * b), expected))
        optimizer.zero_grad()
        ag.sum(a * b).backward()
        optimizer.step()
    for graph, expected in graphs:
        optimizer.zero_grad()
        graph.backward()
        assert np.array_equal(a.grad, expected[0])
        assert np.array_equal(b.grad, expected[1])


HOLD = {
    "data": lambda p: p.data,
    "a view": lambda p: p.data.reshape(-1)[::2],
    "a view of a view": lambda p: p.data.T[:1][:, 1:],
    "numpy": lambda p: p.detach().numpy(),
    "a memoryview": lambda p: memoryview(p.data),
    "detach": lambda p: p.detach(),
    "a transposed tensor": lambda p: p.T,
}


@pytest.mark.parametrize("what", HOLD)
@pytest.mark.parametrize("shape", [(2, 3), (2, LARGE)])
def test_whatever_was_taken_from_a_parameter_keeps_its_value(
    what: str, shape: tuple[int, ...]
) -> None:
    def value(x: Any) -> Any:
        return np.array(x.data if isinstance(x, ag.Tensor) else x)

    parameters = leaves([shape, (4,)], ["float32"] * 2)
    optimizer = optim.SGD(parameters, 0.1, momentum=0.9)
    held = []
    for _ in range(4):
        for p in parameters:
            p.grad = np.ones(p.shape, np.float32)
        optimizer.step()
        x = HOLD[what](parameters[0])
        held.append((x, value(x)))
    for x, expected in held:
        assert np.array_equal(value(x), expected)


def test_the_users_own_array_is_never_written() -> None:
    mine = np.ones(3)
    p = ag.asarray(mine).requires_grad_()
    optimizer = optim.SGD([p], 0.1)
    for _ in range(3):
        p.data = mine
        p.grad = np.ones(3)
        optimizer.step()
        optimizer.step()
    assert mine.tolist() == [1.0] * 3
    assert np.allclose(p.data, 0.8)


def test_buffers_are_used_again_when_nobody_holds_them() -> None:
    (p,) = leaves([(LARGE,)], ["float64"])
    optimizer = optim.SGD([p], 0.1, momentum=0.9)

    def train(steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            ag.sum(p * p).backward()
            optimizer.step()

    train(3)
    seen = set()
    for _ in range(6):
        train(1)
        seen.add(p.data.ctypes.data)
    assert len(seen) == 2
    tracemalloc.start()
    try:
        train(20)
        start = tracemalloc.get_traced_memory()[0]
        train(100)
        assert tracemalloc.get_traced_memory()[0] - start < p.data.nbytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [1, LARGE])
def test_a_forgotten_gradient_is_freed(size: int) -> None:
    (p,) = leaves([(size,)], ["float64"])
    optimizer = optim.SGD([p], 0.1)
    p.grad = np.ones(size)
    gone = weakref.ref(p.grad)
    optimizer.step()
    optimizer.zero_grad()
    assert gone() is None


@pytest.mark.parametrize("sizes", [(3, 2), (LARGE, 2)])
def test_a_value_assigned_between_steps_is_where_the_next_one_starts(sizes: Any) -> None:
    parameters = leaves([(n,) for n in sizes], ["float64"] * 2)
    optimizer = optim.SGD(parameters, 1.0, momentum=0.5)

    def step() -> None:
        for p in parameters:
            p.grad = np.ones(p.shape)
        optimizer.step()

    step()
    other = parameters[1].data.copy()
    parameters[0].data = np.full(sizes[0], 10.0)
    step()
    # The momentum goes on: 1 + 0.5 * 1.
    assert np.all(parameters[0].data == 8.5)
    assert np.allclose(parameters[1].data, other - 1.5)
    with ag.no_grad():
        parameters[0] += 1.5
    assert np.all(parameters[0].data == 10.0)
    step()
    assert np.all(parameters[0].data == 10.0 - 1.75)
    parameters[0].data -= parameters[0].data
    step()
    assert np.all(parameters[0].data == -1.875)


def test_two_optimizers_may_share_a_parameter() -> None:
    p = ag.Tensor([0.0], requires_grad=True)
    one, two = optim.SGD([p], 1.0), optim.SGD([p], 10.0)
    for _ in range(2):
        p.grad = np.ones(1)
        one.step()
        two.step()
    assert p.data.tolist() == [-22.0]


def test_a_frozen_parameter_stays_and_learns_again_when_thawed() -> None:
    a, b = leaves([(2,), (3,)], ["float64"] * 2)
    optimizer = optim.SGD([a, b], 0.1)
    a.requires_grad_(False)
    before = a.data.copy()
    ag.sum(ag.sum(a) * b).backward()
    optimizer.step()
    assert np.array_equal(a.data, before)
    a.requires_grad_(True)
    ag.sum(a * a).backward()
    optimizer.step()
    assert np.allclose(a.data, before - 0.1 * 2 * before)


# --- it trains ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("nesterov", [False, True])
def test_a_network_overfits_a_few_examples(dtype: str, nesterov: bool) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 8)).astype(dtype), rng.integers(0, 3, 50)
    model = nn.MLP([8, 32, 3], rng=rng, dtype=dtype)
    optimizer = optim.SGD(model.parameters(), 0.2, momentum=0.9, nesterov=nesterov)
    for _ in range(150):
        loss = nn.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.dtype == dtype
    assert loss.item() < 0.05
    assert np.array_equal(model(x).data.argmax(axis=1), y)


# --- bad input ------------------------------------------------------------------------------------


def leaf() -> ag.Tensor:
    return ag.Tensor([1.0], requires_grad=True)


@pytest.mark.parametrize("lr", [-0.1, np.nan, np.inf])
def test_the_rate_must_be_finite_and_not_negative(lr: float) -> None:
    with pytest.raises(ValueError, match="lr must be a finite number from 0 on"):
        optim.SGD([leaf()], lr)
    optimizer = optim.SGD([leaf()], 0.1)
    with pytest.raises(ValueError, match="lr must be a finite number from 0 on"):
        optimizer.lr = lr
    assert optimizer.lr == 0.1


def test_a_schedule_may_take_the_rate_to_zero_but_nobody_starts_there() -> None:
    with pytest.raises(ValueError, match="lr must not be 0 from the start"):
        optim.SGD([leaf()], 0)
    p = leaf()
    optimizer = optim.SGD([p], 0.1)
    optimizer.lr = 0.0
    p.grad = np.ones(1)
    optimizer.step()
    assert p.data.tolist() == [1.0]


@pytest.mark.parametrize("lr", ["0.1", None, True, 1j])
def test_the_rate_must_be_a_number(lr: Any) -> None:
    with pytest.raises(TypeError, match="lr must be a number"):
        optim.SGD([leaf()], lr)


@pytest.mark.parametrize("momentum", [-0.1, 1.0, np.nan])
def test_momentum_is_below_one(momentum: float) -> None:
    with pytest.raises(ValueError, match=r"momentum must be in \[0, 1\)"):
        optim.SGD([leaf()], 0.1, momentum)


def test_nesterov_needs_momentum() -> None:
    with pytest.raises(ValueError, match="nesterov needs a momentum"):
        optim.SGD([leaf()], 0.1, nesterov=True)


def test_parameters_are_a_list_of_leaves() -> None:
    p = leaf()
    p.name = "w"
    with pytest.raises(ValueError, match="no parameters"):
        optim.SGD([], 0.1)
    with pytest.raises(ValueError, match=r"parameter 2 \('w'\) is parameter 0 once more"):
        optim.SGD([p, leaf(), p], 0.1)
    with pytest.raises(ValueError, match="parameter 0 is computed from others"):
        optim.SGD([p * 2.0], 0.1)
    with pytest.raises(TypeError, match="parameter 1 is an object of type ndarray"):
        optim.SGD([p, np.ones(2)], 0.1)  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"write \[parameter\]"):
        optim.SGD(p, 0.1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"write \.parameters\(\)"):
        optim.SGD(nn.Linear(1, 1), 0.1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not 3"):
        optim.SGD(3, 0.1)  # type: ignore[arg-type]


def test_an_optimizer_is_more_than_its_base() -> None:
    with pytest.raises(TypeError, match="abstract"):
        optim.Optimizer([leaf()], {"lr": 0.1})  # type: ignore[abstract]


@pytest.mark.parametrize("what", ["value", "gradient"])
def test_a_step_that_cannot_be_made_changes_nothing(what: str) -> None:
    parameters = leaves([(3,), (LARGE,), (2,)], ["float64", "float64", "float32"])
    parameters[2].name = "last"
    optimizer = optim.SGD(parameters, 0.1, momentum=0.9)
    for _ in range(2):
        for p in parameters:
            p.grad = np.ones(p.shape)
        before = [p.data.copy() for p in parameters]
        state = optimizer.state
        if what == "value":
            # Past the setter, which would refuse a shape and convert the dtype.
            parameters[2]._swap(np.zeros(5, np.float32))
        else:
            parameters[2]._node.grad = np.zeros(5, np.float32)  # type: ignore[union-attr]
        with pytest.raises(ValueError, match=r"'last'.*nothing was changed"):
            optimizer.step()
        for i in (0, 1):
            assert np.array_equal(parameters[i].data, before[i])
        for old, new in zip(state["velocity"], optimizer.state["velocity"], strict=True):
            assert np.array_equal(old, new)
        parameters[2]._swap(before[2])
        parameters[2].grad = np.ones(2)
        optimizer.step()
        assert np.all(parameters[0].data < before[0])
