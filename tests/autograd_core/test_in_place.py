"""In place: DESIGN's five cases, and the mutation matrix, every cell right or refused."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from tests.autograd_core.numpy_faults import plain


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


def by_asarray_alias(t: ag.Tensor) -> None:
    try:
        alias = np.asarray(t)
    except ag.NotDifferentiableError as error:
        assert "detach()" in str(error)  # noqa: PT017 - refused here, the remedy is named
        raise ag.InPlaceError("refused") from error
    alias[0] = 9.0


def by_thread(t: ag.Tensor) -> None:
    worker = threading.Thread(target=by_data_or_refused, args=(t,))
    worker.start()
    worker.join()


def by_data_or_refused(t: ag.Tensor) -> None:
    with contextlib.suppress(ag.InPlaceError):
        t.data -= 1.0


def by_copyto(t: ag.Tensor) -> None:
    with ag.no_grad():
        np.copyto(t, 9.0)


def by_put(t: ag.Tensor) -> None:
    with ag.no_grad():
        np.put(t, [0, 2], [9.0, 8.0])


def by_place(t: ag.Tensor) -> None:
    with ag.no_grad():
        np.place(t, np.array([True, False, True]), [9.0])


def by_at(t: ag.Tensor) -> None:
    with ag.no_grad():
        np.add.at(t, [0, 0], 1.0)


CHANGES = [
    by_data, by_new_data, by_setitem, by_iadd, by_out, by_view, by_detach, by_detached_data,
    by_asarray_alias, by_thread, by_copyto, by_put, by_place, by_at,
]  # fmt: skip
WRITES_DATA = (by_data, by_detached_data, by_thread)


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
        assert change in WRITES_DATA
    else:
        np.testing.assert_array_equal(x.grad, expected)
        assert refused or change not in WRITES_DATA


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


# --- loops that fill a tensor -------------------------------------------------------------------


def test_filling_writes_one_buffer() -> None:
    x = tracked(2.0)
    y = ag.Tensor(np.zeros(50))
    y[0] = x
    buffer = id(y._value)
    for i in range(1, 50):
        y[i] = y[i - 1] * x
        assert id(y._value) == buffer, "an element was written by copying all"
    y.backward(np.eye(50)[10])
    assert x.grad == 11 * 2.0**10


def test_filling_rows_writes_one_buffer() -> None:
    w = tracked(np.full((3, 3), 0.1))
    h = ag.Tensor(np.ones((20, 3)))
    h[1] = np.tanh(h[0] @ w)
    buffer = id(h._value)
    for i in range(2, 20):
        h[i] = np.tanh(h[i - 1] @ w)
        assert id(h._value) == buffer
    h.sum().backward()

    def unrolled(w: Any) -> Any:
        rows = [np.ones(3)]
        for _ in range(19):
            rows.append(np.tanh(rows[-1] @ w))
        return ag.sum(ag.stack(rows))

    np.testing.assert_allclose(w.grad, ag.grad(unrolled)(w.data), rtol=1e-12)


def test_who_read_before_keeps_what_they_read() -> None:
    x = tracked([1.0, 2.0, 3.0, 4.0])
    y = x * 1.0
    whole, part, alias = y * y, y[1:3], y.data
    handle = y.detach()
    for i in range(4):
        y[i] = 10.0 * x[i]
    np.testing.assert_array_equal(alias, [1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(part.data, [2.0, 3.0])
    np.testing.assert_array_equal(handle.data, [1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(y.data, [10.0, 20.0, 30.0, 40.0])
    (whole + y).sum().backward()
    np.testing.assert_array_equal(x.grad, [12.0, 14.0, 16.0, 18.0])


def test_a_loop_of_writes_is_right_at_order_two() -> None:
    def f(x: Any) -> Any:
        y = ag.Tensor(np.zeros(4))
        y[0] = x[0]
        for i in range(1, 4):
            y[i] = y[i - 1] * x[i]
        return ag.sum(y * np.array([1.0, 2.0, 4.0, 8.0]))

    def direct(x: Any) -> Any:
        return x[0] * (1 + x[1] * (2 + x[2] * (4 + x[3] * 8)))

    x, d = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.3, -1.0, 0.7, 2.0])
    for g in (f, direct):
        first = ag.grad(g)
        np.testing.assert_allclose(first(x), ag.grad(direct)(x), rtol=1e-14)
        second = ag.grad(lambda t: ag.sum(first(t) * d))(x)  # noqa: B023 - called at once
        expected = ag.grad(lambda t: ag.sum(ag.grad(direct)(t) * d))(x)
        np.testing.assert_allclose(second, expected, rtol=1e-14)
    _, pushed = ag.jvp(f, (x,), (d,))
    np.testing.assert_allclose(pushed, ag.grad(direct)(x) @ d, rtol=1e-14)


def test_masked_and_repeated_updates() -> None:
    x, v = tracked([1.0, -2.0, 3.0]), tracked([10.0, 20.0])
    y = x * 1.0
    y[x.detach().data > 0] += v
    y[[0, 0]] *= 2.0  # as in NumPy: both read the same, one write wins
    np.testing.assert_array_equal(y.data, [22.0, -2.0, 23.0])
    y.backward(np.array([1.0, 2.0, 4.0]))
    np.testing.assert_array_equal(x.grad, [2.0, 2.0, 4.0])
    np.testing.assert_array_equal(v.grad, [2.0, 4.0])


def test_a_complex_value_does_not_fit_a_real_tensor() -> None:
    y = tracked([1.0, 2.0]) * 1.0
    with pytest.raises(ag.InPlaceError, match="complex"):
        y[0] = 1j
    assert y.tolist() == [1.0, 2.0]


def test_a_failing_write_leaves_all_as_it_was() -> None:
    x = tracked([1.0, 2.0, 3.0])
    y = x * 1.0
    node = y._node
    with pytest.raises(ValueError, match="setitem"):
        y[:2] = np.ones(3)
    with pytest.raises(IndexError):
        y[5] = 1.0
    assert y._node is node
    assert y.tolist() == [1.0, 2.0, 3.0]


# --- options and methods of ufuncs --------------------------------------------------------------


def test_where_and_dtype_of_a_ufunc() -> None:
    x = tracked([-1.0, 0.0, 4.0])
    mask = x.detach().data > 0
    y = np.log(x, where=mask)  # nothing warns: what is masked out is not looked at
    np.testing.assert_allclose(y.data, [0.0, 0.0, np.log(4.0)])
    y.sum().backward()
    np.testing.assert_allclose(x.grad, [0.0, 0.0, 0.25])
    z = np.multiply(x, 2, dtype=np.float32)
    assert z.dtype == np.float32
    x.zero_grad()
    z.sum().backward()
    assert x.grad.dtype == np.float64
    with pytest.raises(TypeError, match="Cannot cast"):
        np.multiply(x, 2, dtype=np.float32, casting="safe")
    with pytest.raises(TypeError, match="boolean"):
        np.log(x, where=np.array([0, 1, 2]))


def test_where_with_out_keeps_the_rest() -> None:
    x, t = tracked([1.0, 4.0, 9.0]), tracked([10.0, 20.0, 30.0])
    target = t * 1.0
    np.sqrt(x, out=target, where=np.array([True, False, True]))
    np.testing.assert_array_equal(target.data, [1.0, 20.0, 3.0])
    target.backward(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(x.grad, [0.5, 0.0, 0.5])
    np.testing.assert_array_equal(t.grad, [0.0, 2.0, 0.0])


MASK, zeros = np.array([True, False, True, True]), {"out": np.zeros((3, 4))}
UFUNCS = [
    np.add, np.subtract, np.multiply, np.divide, np.power, np.maximum, np.minimum, np.fmax,
    np.logaddexp, np.hypot, np.arctan2, np.copysign,
]  # fmt: skip


@pytest.mark.parametrize("ufunc", UFUNCS)
@pytest.mark.parametrize("call", [
    lambda u, x, y: u.reduce(x, axis=1),
    lambda u, x, y: u.reduce(x, axis=-2, keepdims=True),
    lambda u, x, y: u.accumulate(x, axis=1),
    lambda u, x, y: u.outer(x, y[0]),
    lambda u, x, y: u.reduceat(x, [0, 2, 1], axis=1),
    lambda u, x, y: u(x, y, where=MASK, **(zeros if type(x) is np.ndarray else {})),
])  # fmt: skip
def test_methods_of_ufuncs(ufunc: Any, call: Any) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.permutation(np.linspace(0.5, 2.0, 24)).reshape(2, 3, 4)
    expected = call(plain(ufunc), x, y)
    got = call(ufunc, tracked(x), tracked(y))
    np.testing.assert_allclose(got.data, expected, rtol=1e-14)
    weights = rng.normal(size=expected.shape)

    def f(x: Any, y: Any) -> Any:
        u = ufunc if isinstance(x, ag.Tensor) else plain(ufunc)
        return call(u, x, y) * weights + 0.0 * ag.sum(y)

    ag.testing.check_gradients(f, x, y)


@pytest.mark.parametrize("ufunc", [np.add, np.subtract, np.multiply, np.divide, np.maximum])
def test_at_changes_what_is_named_twice_twice(ufunc: Any) -> None:
    x, v = np.array([3.0, 5.0, 7.0]), np.array([2.0, 4.0, 1.5, 11.0])
    index = np.array([0, 2, 0, 1])
    expected = x.copy()
    ufunc.at(expected, index, v)

    def f(x: Any, v: Any) -> Any:
        y = x * 1.0
        ufunc.at(y, index, v)
        return y * np.array([1.0, 2.0, 4.0])

    np.testing.assert_allclose(f(ag.asarray(x), v).data, expected * [1.0, 2.0, 4.0])
    ag.testing.check_gradients(f, x, v)


def test_methods_refuse_what_they_cannot_do() -> None:
    x = tracked(np.ones((2, 3)))
    with pytest.raises(ag.InPlaceError, match="out="):
        np.add.reduce(x, out=np.zeros(3))
    with pytest.raises(ag.InPlaceError, match="make the array a Tensor"):
        np.add.at(np.zeros(3), [0], x[0, 0])
    with pytest.raises(ValueError, match="one axis at a time"):
        np.subtract.reduce(x, axis=(0, 1))
    with pytest.raises(IndexError, match="reduceat"):
        np.add.reduceat(x, [5])
    total = ag.Tensor(np.zeros(3))
    np.add.reduce(x, out=total)
    assert total.tolist() == [2.0, 2.0, 2.0]
    assert total.requires_grad
