"""In place: DESIGN's five cases, and the mutation matrix, every cell right or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_core as ag


def tracked(values: Any, **kwargs: Any) -> ag.Tensor:
    return ag.Tensor(values, requires_grad=True, **kwargs)


class TestFiveCases:
    def test_a_leaf_while_recording(self) -> None:
        x = tracked([1.0, 2.0], name="w")
        with pytest.raises(ag.InPlaceError, match=r"leaf 'w'.*no_grad"):
            x += 1
        with pytest.raises(ag.InPlaceError, match="no_grad"):
            x[0] = 1.0
        with pytest.raises(ag.InPlaceError, match="no_grad"):
            np.add(x, 1, out=x)
        assert x.tolist() == [1.0, 2.0]

    def test_a_leaf_under_no_grad(self) -> None:
        x = tracked([1.0, 2.0])
        (x * x).sum().backward()
        y = (x * x).sum()
        node, old = x._node, x.data
        with ag.no_grad():
            x -= 0.5 * x.grad
            x[1] = 7.0
        assert x._node is node
        assert x.is_leaf
        np.testing.assert_array_equal(x.data, [0.0, 7.0])
        np.testing.assert_array_equal(old, [1.0, 2.0])
        np.testing.assert_array_equal(x.grad, [2.0, 4.0])
        y.backward()  # at the values that it saw
        np.testing.assert_array_equal(x.grad, [4.0, 8.0])

    def test_a_tracked_inner_tensor_moves_on(self) -> None:
        x = tracked([1.0, 2.0])
        y = x * 1.0
        reader = y * y
        y += 1.0
        y *= 3.0
        y[0] = 10.0
        np.testing.assert_array_equal(y.data, [10.0, 9.0])
        (reader + y).sum().backward()
        np.testing.assert_array_equal(x.grad, [2.0, 4.0 + 3.0])

    def test_a_result_of_basic_indexing(self) -> None:
        x = tracked([[1.0, 2.0], [3.0, 4.0]]) * 1.0
        r = x[0]
        with pytest.raises(ag.InPlaceError, match=r"x\[0\] \+= 1"):
            r += 1
        with pytest.raises(ag.InPlaceError, match=r"x\[0\] \+= 1"):
            np.add(r, 1, out=r)
        x[0] += 1
        x[:, 1] *= 2.0
        np.testing.assert_array_equal(x.data, [[2.0, 6.0], [3.0, 8.0]])

        def inner(t: ag.Tensor) -> None:
            row = t[1]
            row -= 1

        with pytest.raises(ag.InPlaceError):
            inner(x)
        copy = x[[0, 1]]
        copy += 1  # advanced indexing copies in NumPy too

    def test_an_array_as_out(self) -> None:
        a = np.zeros(2)
        with pytest.raises(ag.InPlaceError, match="out="):
            np.multiply(tracked([1.0, 2.0]), 2.0, out=a)
        assert a.tolist() == [0.0, 0.0]


def test_out_of_a_tensor() -> None:
    x = tracked([1.0, 2.0])
    target = ag.Tensor(np.zeros(2))
    result = np.multiply(x, 3.0, out=target)
    assert result is target
    target.sum().backward()
    np.testing.assert_array_equal(x.grad, [3.0, 3.0])


def test_writing_by_index_is_differentiable() -> None:
    x, v = tracked(np.arange(4.0)), tracked([10.0, 20.0])
    y = x * 1.0
    y[1:3] = v
    (y * np.arange(1.0, 5.0)).sum().backward()
    np.testing.assert_array_equal(x.grad, [1.0, 0.0, 0.0, 4.0])
    np.testing.assert_array_equal(v.grad, [2.0, 3.0])


def test_the_write_that_won_takes_the_gradient() -> None:
    for dtype in (np.int8, np.int32, np.int64):
        v = tracked([10.0, 20.0, 30.0])
        y = ag.Tensor(np.zeros(3))
        y[np.array([1, 1, 0], dtype)] = v
        assert y.tolist() == [30.0, 20.0, 0.0]
        (y * np.array([1.0, 2.0, 4.0])).sum().backward()
        np.testing.assert_array_equal(v.grad, [0.0, 2.0, 1.0])


def test_shape_and_dtype_are_kept() -> None:
    x = tracked(np.ones(2, np.float32)) * 1.0
    with pytest.raises(ag.InPlaceError, match=r"shape \(3, 2\)"):
        x += np.ones((3, 2))
    x += np.ones(2)
    assert x.dtype == np.float32
    n = ag.Tensor([1, 2])
    with pytest.raises(ag.InPlaceError, match="float64"):
        n += 0.5
    assert n.tolist() == [1, 2]


def test_data_setter() -> None:
    x = tracked(np.ones(2, np.float32), name="w")
    x.data = np.zeros(2)
    assert x.dtype == np.float32
    with pytest.raises(ValueError, match=r"shape \(3,\) cannot replace shape \(2,\)"):
        x.data = np.zeros(3)
    with pytest.raises(ag.InPlaceError, match="detach"):
        (x * 2).data = np.zeros(2)
    x.grad = np.ones(2)
    with pytest.raises(ValueError, match="does not fit"):
        x.grad = np.ones(3)
    with pytest.raises(ag.GradientError, match="no leaf"):
        (x * 2).grad = np.ones(2)


def test_scalars_share_their_data_too() -> None:
    x = tracked(2.0)
    x.data[...] = 5.0
    assert x.item() == 5.0
    x.data -= 1.0
    assert x.item() == 4.0
    (x * x).backward()
    assert x.grad == 8.0


# --- the mutation matrix ------------------------------------------------------------------------
# Something is computed from t that keeps its value; then t is changed; then the gradient is
# either that at the value which was used, or refused.


def by_data(t: ag.Tensor) -> None:
    t.data -= 1.0


def by_new_data(t: ag.Tensor) -> None:
    t.data = t.data - 1.0


def by_setitem(t: ag.Tensor) -> None:
    with ag.no_grad():
        t[0] = 9.0


def by_iadd(t: ag.Tensor) -> None:
    with ag.no_grad():
        t += 1.0


def by_out(t: ag.Tensor) -> None:
    with ag.no_grad():
        np.add(t, 1.0, out=t)


def by_view(t: ag.Tensor) -> None:
    with ag.no_grad():
        row = t[:1]
        row += 5.0


def by_detach(t: ag.Tensor) -> None:
    d = t.detach()
    d += 1.0
    d[0] = 7.0


def by_detached_data(t: ag.Tensor) -> None:
    d = t.detach()
    d.data -= 1.0


def by_optimizer(t: ag.Tensor) -> None:
    t._swap(t.data - 1.0)


CHANGES = [by_data, by_new_data, by_setitem, by_iadd, by_out, by_view, by_detach, by_detached_data]


@pytest.mark.parametrize("place", ["leaf", "inner"])
@pytest.mark.parametrize("change", [*CHANGES, by_optimizer])
@pytest.mark.parametrize("reader", [lambda t: t * t, lambda t: t[::-1] * t.reshape(3, 1)])
def test_mutation_matrix(place: str, change: Callable[..., None], reader: Any) -> None:
    x = tracked([1.0, 2.0, 3.0], name="w")
    t = x if place == "leaf" else x * 2.0
    y = reader(t).sum()
    expected = ag.gradients(y, x).data.copy()
    refused = False
    try:
        change(t)
    except ag.InPlaceError:
        refused = True
    try:
        y.backward()
    except ag.OverwrittenError as error:
        assert "overwritten in place" in str(error)  # noqa: PT017 - either outcome is right
        assert x.grad is None
        assert change in (by_data, by_detached_data)
    else:
        np.testing.assert_array_equal(x.grad, expected)
        assert refused or change not in (by_data, by_detached_data)


def test_overwritten_names_the_leaf_and_the_op() -> None:
    w = tracked([1.0, 2.0], name="weight")
    y = (w * w).sum()
    w.data -= 1.0
    with pytest.raises(ag.OverwrittenError, match=r"multiply kept the value of leaf 'weight'"):
        y.backward()
    # What is computed afterwards uses the new value, and is right.
    (w * w).sum().backward()
    np.testing.assert_array_equal(w.grad, [0.0, 2.0])


def test_micrograd_style_training_loop() -> None:
    w = tracked([5.0, -3.0])
    for _ in range(100):
        w.zero_grad()
        (w * w).sum().backward()
        w.data -= 0.1 * w.grad
    assert np.abs(w.data).max() < 1e-6
