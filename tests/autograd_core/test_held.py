"""`held`: bytes that a graph keeps alive, against what Python's own count of memory says."""

import gc
import tracemalloc
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn


def leaf(value: Any, dtype: Any = float, name: str | None = None) -> ag.Tensor:
    return ag.Tensor(np.asarray(value, dtype), requires_grad=True, name=name)


def test_what_rules_read() -> None:
    x = leaf(np.ones(100))
    found = ag.held(np.tanh(x + 1.0))  # tanh keeps its result, add nothing
    assert (found.total, found.leaves, found.nodes) == (800, 0, 3)
    assert found.by_op == {"tanh": (1, 800)}
    (array,) = found.arrays
    assert (array.shape, array.dtype, array.kind) == ((100,), np.dtype(float), "result")
    assert [node.op.name for node in array.nodes] == ["tanh"]


def test_views_of_leaves() -> None:
    """What looks into a leaf's own memory is no memory that the graph adds."""
    w, x = leaf(np.ones((10, 20))), np.ones((3, 20))
    found = ag.held(x @ w.T)
    assert (found.total, found.leaves) == (480, 0)  # the gradient of w needs x alone
    found = ag.held(leaf(x) @ w.T)
    assert (found.total, found.leaves) == (2080, 2080)
    found = ag.held(np.square(np.expand_dims(np.swapaxes(w, 0, 1), 0)))
    assert (found.total, found.leaves) == (1600, 1600)
    found = ag.held(sum(np.square(part).sum() for part in np.split(w, 2)))
    assert (found.total, found.leaves) == (1600, 1600)
    for index in ([1, 2], slice(1, 3)):  # a copy
        found = ag.held(np.square(w[index]))
        assert found.leaves == 0
        assert found.by_op["square"] == (1, 320)


def test_leaves_and_operands() -> None:
    x, a = leaf(np.ones(100)), np.ones(100, np.float32)
    found = ag.held((x * a) * x)
    kinds = {array.kind: array.nbytes for array in found.arrays}
    assert kinds == {"leaf": 800, "operand": 400, "result": 800}
    assert found.leaves == 800
    assert found.total == 2000


def test_shared_memory_counts_once() -> None:
    x = leaf(np.ones((10, 10)))
    y = x * x  # the leaf, twice
    z = y[1:9] * y[2:]  # views of one array
    found = ag.held(z.sum() + (y * y).sum())
    assert found.total == 1600
    assert sum(nbytes for _, nbytes in found.by_op.values()) == 1600
    owner = next(array for array in found.arrays if array.kind == "result")
    assert len(owner.nodes) >= 2


def test_parameters_and_several_outputs() -> None:
    x = leaf(np.ones((6, 6)) + np.eye(6))
    rows = np.array([0, 2, 4])
    found = ag.held(x[rows])
    assert [(array.kind, array.nbytes) for array in found.arrays] == [("parameter", 24)]
    u, s, vt = np.linalg.svd(x)
    found = ag.held(np.sum(u) + np.sum(s) + np.sum(vt))
    assert found.by_op["svd"][1] >= 8 * (36 + 6 + 36)


def test_released() -> None:
    x = leaf(np.ones(100))
    y = np.exp(x).sum()
    y.backward(retain_graph=True)
    assert ag.held(y).total == 800
    y.backward()
    found = ag.held(y)
    assert (found.total, found.arrays, found.by_op) == (0, (), {})
    assert found.nodes == 3
    assert str(found).startswith("0 B in 0 arrays")


def test_notes_of_the_forward_pass_are_counted_and_released() -> None:
    """The exponentials, the labels and their places, and the sums; the exponentials are a note."""
    x = leaf(np.ones((6, 4)))
    loss = nn.cross_entropy(x, np.zeros(6, np.int64))
    found = ag.held(loss)
    of_kind = {kind: sum(a.nbytes for a in found.arrays if a.kind == kind) for kind in KINDS}
    assert of_kind == {"leaf": 192, "operand": 48, "note": 192 + 48 + 48}
    loss.backward(retain_graph=True)
    assert {array.kind for array in ag.held(loss).arrays} == {"leaf", "operand"}
    loss.backward()
    assert ag.held(loss).total == 0


KINDS = ("leaf", "operand", "note")


@pytest.mark.parametrize("sizes", [(50, 60, 40, 10), (200, 300, 10)])
def test_the_bytes_that_a_step_takes(sizes: tuple[int, ...]) -> None:
    """What memory grows by while a graph is built is what `held` says, but for the leaves."""
    model = nn.MLP(sizes, activation="tanh")
    x, labels = ag.Tensor(np.ones((64, sizes[0]))), np.arange(64) % sizes[-1]
    nn.cross_entropy(model(x), labels).backward()  # what is made once, is made
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        loss = nn.cross_entropy(model(x), labels)
        grown = tracemalloc.get_traced_memory()[0] - before
        found = ag.held(loss)
        del loss
    finally:
        tracemalloc.stop()
    operands = sum(a.nbytes for a in found.arrays if a.kind == "operand" and a.shape == x.shape)
    own = found.total - found.leaves - operands
    assert own > 0.5 * grown
    assert grown == pytest.approx(own + found.bookkeeping, rel=0.05)


def test_bookkeeping() -> None:
    """Of a chain that keeps no arrays, all of it is bookkeeping."""
    x = leaf(1.0)

    def chain() -> ag.Tensor:
        y = x
        for _ in range(2_000):
            y = y + 1.0
        return y

    chain()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        y = chain()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    found = ag.held(y)
    assert found.total == 0
    assert found.bookkeeping == pytest.approx(grown, rel=0.2)


def test_lazy_values_are_not_computed() -> None:
    da = pytest.importorskip("dask.array")
    x = ag.asarray(da.ones(4, chunks=2)).requires_grad_()
    assert ag.held(np.exp(x).sum()).total == 0


def test_refusals() -> None:
    with pytest.raises(ag.GradientError, match="nothing was recorded"):
        ag.held(ag.Tensor(1.0))
    with pytest.raises(TypeError, match="a Tensor is needed, not list"):
        ag.held([leaf(1.0)])  # type: ignore[arg-type]


def test_text() -> None:
    w = leaf(np.ones((1000, 1000)), np.float32, name="w")
    text = str(ag.held(np.tanh(w @ w).sum())).splitlines()
    assert text[0].startswith("8 MB in 2 arrays, 4 MB of it values of leaves; 4 nodes, about ")
    assert text[2].split() == ["op", "arrays", "bytes"]
    assert text[3].split() == ["matmul", "1", "4", "MB"]
    assert "(1000, 1000)  float32  4 MB   leaf    matmul" in text
