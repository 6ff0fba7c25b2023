"""Functions that move, join, split, pad and slide: parameters, awkward shapes, bad input."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core.ops.joining import runs
from autograd_core.registry import OPS

rng = np.random.default_rng(0)


def tracked(x: Any) -> Any:
    return ag.Tensor(x, requires_grad=True)


def outputs(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def check_linear(function: Callable[..., Any], *xs: np.ndarray) -> None:
    """Value and gradient of an affine function, against NumPy's own values at unit vectors."""
    ts = [tracked(x) for x in xs]
    ys, expected = outputs(function(*ts)), outputs(function(*xs))
    assert len(ys) == len(expected)
    us = [rng.normal(size=np.shape(e)) for e in expected]
    for y, e in zip(ys, expected, strict=True):
        assert y.dtype == np.asarray(e).dtype
        assert y.shape == np.shape(e)
        np.testing.assert_allclose(y.detach().numpy(), e, rtol=1e-13, atol=1e-13)
    moved = [y for y in ys if y.requires_grad]
    if moved:
        sum(np.sum(y * u) for y, u in zip(ys, us, strict=True)).backward()

    def paired(*at: np.ndarray) -> float:
        return sum(float(np.sum(y * u)) for y, u in zip(outputs(function(*at)), us, strict=True))

    for i, t in enumerate(ts):
        jacobian = np.zeros(t.shape)
        for place in np.ndindex(*t.shape):
            unit = xs[i].copy()
            unit[place] += 1.0
            jacobian[place] = paired(*xs[:i], unit, *xs[i + 1 :]) - paired(*xs)
        given = np.zeros(t.shape) if t.grad is None else t.grad
        np.testing.assert_allclose(given, jacobian, rtol=1e-10, atol=1e-10)


def x_of(*shape: int) -> np.ndarray:
    return rng.normal(size=shape)


LAYOUTS = [
    x_of(2, 3, 4), np.asfortranarray(x_of(2, 3, 4)), x_of(4, 3, 2).transpose(2, 0, 1),
    x_of(2, 3, 4)[:, ::-1], x_of(2, 4, 3)[:, ::2].swapaxes(0, 2), x_of(2, 1, 3), x_of(0, 3),
    x_of(1, 4).T, x_of(2, 6, 4)[::-1, ::2].T,
]  # fmt: skip


class TestReshape:
    @pytest.mark.parametrize("order", list("CFAKfa"))
    @pytest.mark.parametrize("i", range(len(LAYOUTS)))
    def test_ravel_reads_in_any_order(self, order: str, i: int) -> None:
        x = LAYOUTS[i]
        t = ag.asarray(x).requires_grad_()  # shares the memory, and so its layout
        y = np.ravel(t, order=order)
        np.testing.assert_array_equal(y.detach().numpy(), np.ravel(x, order=order))
        u = rng.normal(size=y.shape)
        y.backward(u)
        places = np.ravel(self.laid_out(x), order=order)
        np.testing.assert_array_equal(t.grad.ravel()[places], u)

    @staticmethod
    def laid_out(x: np.ndarray) -> np.ndarray:
        """The position of each element, in an array that lies in memory as ``x`` does."""
        base = x if x.base is None else x.base
        while base.base is not None:
            base = base.base
        whole = np.empty(base.size, dtype=np.int64).reshape(base.shape)
        places = np.lib.stride_tricks.as_strided(whole, x.shape, x.strides, writeable=True)
        if any(step < 0 for step in x.strides):  # the first element lies elsewhere
            start = (x.__array_interface__["data"][0] - base.__array_interface__["data"][0]) // 8
            places = np.lib.stride_tricks.as_strided(
                whole.ravel()[start:], x.shape, x.strides, writeable=True
            )
        places[...] = np.arange(x.size).reshape(x.shape)
        return places

    @pytest.mark.parametrize("order", list("CFA"))
    @pytest.mark.parametrize("i", range(len(LAYOUTS)))
    def test_reshape_reads_in_any_order(self, order: str, i: int) -> None:
        x = LAYOUTS[i]
        for shape in [x.size, (x.size,), (1, -1) if x.size else (0, 1), x.shape[::-1]]:
            t = ag.asarray(x).requires_grad_()
            y = np.reshape(t, shape, order=order)
            np.testing.assert_array_equal(y.detach().numpy(), np.reshape(x, shape, order=order))
            u = rng.normal(size=y.shape)
            y.backward(u)
            places = np.reshape(self.laid_out(x), shape, order=order)
            np.testing.assert_array_equal(t.grad.ravel()[places], u)

    def test_orders_that_are_none(self) -> None:
        with pytest.raises(ValueError, match="order"):
            np.ravel(tracked(x_of(2)), order="Z")
        with pytest.raises(ValueError, match="order"):
            np.reshape(tracked(x_of(2)), (2, 1), order="K")

    def test_reshape_with_copy(self) -> None:
        x = tracked(x_of(2, 3))
        same = ag.reshape(x, 6, copy=False)
        assert np.shares_memory(same.detach().numpy(), x.data)
        own = ag.reshape(x, 6, copy=True)
        assert not np.shares_memory(own.detach().numpy(), x.data)
        own += 1.0  # a copy may be changed, a view may not
        with pytest.raises(ag.InPlaceError):
            same += 1.0
        with pytest.raises(ValueError, match="copy"):
            ag.reshape(np.transpose(x), 6, copy=False)
        (np.sum(own * np.arange(6.0)) + np.sum(ag.reshape(x, (3, 2), "F"))).backward()
        np.testing.assert_array_equal(x.grad.ravel(), np.arange(6.0) + 1.0)

    def test_a_plain_reshape_is_one_box(self) -> None:
        x = tracked(x_of(2, 3))
        assert x.reshape(3, 2).op is OPS[np.reshape]
        assert x.reshape(3, 2)._node.derived is None


class TestMoves:
    def test_aliases(self) -> None:
        t = tracked(x_of(2, 3))
        assert np.permute_dims(t, (1, 0)).op is OPS[np.transpose]
        assert np.concat([t, t]).op is OPS[np.concatenate]

    @pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
    @pytest.mark.parametrize("start", [0, 1, 2, 3, -1])
    def test_rollaxis(self, axis: int, start: int) -> None:
        check_linear(lambda x: np.rollaxis(x, axis, start), x_of(2, 3, 4))

    def test_moveaxis_takes_several(self) -> None:
        check_linear(lambda x: np.moveaxis(x, [0, -1], (2, 0)), x_of(2, 3, 2))

    @pytest.mark.parametrize("shift", [1, -2, 7, 0, np.int64(2), 10**6])
    @pytest.mark.parametrize("axis", [None, 0, -1])
    def test_roll(self, shift: Any, axis: Any) -> None:
        check_linear(lambda x: np.roll(x, shift, axis), x_of(2, 3))

    @pytest.mark.parametrize(
        ("shift", "axis"), [((1, 2), (0, 1)), (1, (0, 1)), ((1, 2), 1), ([2, 1], (1, 1))]
    )
    def test_roll_of_several_axes(self, shift: Any, axis: Any) -> None:
        check_linear(lambda x: np.roll(x, shift, axis), x_of(2, 5))

    @pytest.mark.parametrize("k", [-1, 0, 2, 3, 5])
    @pytest.mark.parametrize("axes", [(0, 1), (1, 0), (-1, 0), [1, 2]])
    def test_rot90(self, k: int, axes: Any) -> None:
        check_linear(lambda x: np.rot90(x, k, axes), x_of(2, 3, 2))

    def test_bad_axes_are_named(self) -> None:
        t = tracked(x_of(2, 3))
        for call in (
            lambda: np.rollaxis(t, 2), lambda: np.rollaxis(t, 0, 4), lambda: np.roll(t, 1, 2),
            lambda: np.repeat(t, 2, axis=2), lambda: np.insert(t, 0, 1.0, axis=2),
            lambda: np.delete(t, 0, axis=-3),
            lambda: np.moveaxis(t, 0, 5), lambda: np.concatenate([t, t], axis=2),
        ):  # fmt: skip
            with pytest.raises(
                (np.exceptions.AxisError, ValueError), match="axis|out of bounds|'start' arg"
            ):
                call()


class TestRepeats:
    @pytest.mark.parametrize("reps", [0, 1, 3, (2,), (2, 1), (1, 3), (2, 1, 2), (1, 1, 2, 2), ()])
    @pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 1, 2), (0, 2)])
    def test_tile(self, reps: Any, shape: tuple[int, ...]) -> None:
        check_linear(lambda x: np.tile(x, reps), x_of(*shape))

    @pytest.mark.parametrize("axis", [None, 0, 1, -1])
    @pytest.mark.parametrize("repeats", [0, 1, 3, [2], np.array(2)])
    def test_repeat_all_alike(self, axis: Any, repeats: Any) -> None:
        check_linear(lambda x: np.repeat(x, repeats, axis=axis), x_of(2, 3))

    @pytest.mark.parametrize("counts", list(itertools.product([0, 1, 2], repeat=3)))
    def test_repeat_each_its_own(self, counts: Any) -> None:
        check_linear(lambda x: np.repeat(x, counts, axis=1), x_of(2, 3))

    def test_repeat_elements_of_all_axes(self) -> None:
        check_linear(lambda x: np.repeat(x, [0, 3, 1, 0, 2, 1]), x_of(2, 3))
        check_linear(lambda x: np.repeat(x, 3), x_of())
        check_linear(lambda x: np.repeat(x, [2, 1], axis=0), x_of(2, 0))
        check_linear(lambda x: np.repeat(x, [], axis=0), x_of(0, 2))

    @pytest.mark.parametrize("shape", [0, 1, 4, 6, 7, 13, (2, 2), (3, 2, 3), (), (0, 3)])
    def test_resize(self, shape: Any) -> None:
        check_linear(lambda x: np.resize(x, shape), x_of(2, 3))
        check_linear(lambda x: np.resize(x, shape), x_of(0, 3))

    def test_float16_sums_many_repeats(self) -> None:
        x = tracked(np.ones(2, np.float16))
        np.repeat(x, [3, 1]).sum().backward()
        assert x.grad.dtype == np.float16
        assert x.grad.tolist() == [3.0, 1.0]


class TestBroadcast:
    def test_broadcast_arrays(self) -> None:
        check_linear(lambda x, y, z: np.broadcast_arrays(x, y, z), x_of(2, 1), x_of(3), x_of())
        assert ag.broadcast_shapes((2, 1), (3,)) == (2, 3)

    def test_at_least(self) -> None:
        for function in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
            for shape in [(), (2,), (2, 3), (2, 1, 3), (1, 2, 1, 2), (0,)]:
                check_linear(function, x_of(*shape))
            check_linear(lambda x, y, f=function: f(x, y), x_of(), x_of(2, 2))

    def test_full_like(self) -> None:
        full_like = OPS[np.full_like].function
        check_linear(lambda v: full_like(np.ones((2, 3)), v), x_of())
        check_linear(lambda v: full_like(np.ones(4), v, shape=(2, 3)), x_of(3))
        v = tracked(np.float64(2.0))
        y = np.full_like(tracked(x_of(3)), v, dtype=np.float32)
        assert y.dtype == np.float32
        np.sum(y * np.array([1.0, 2.0, 3.0])).backward()
        assert v.grad == 6.0
        assert v.grad.dtype == np.float64
        assert not np.full_like(tracked(x_of(3)), 1.0).requires_grad

    @pytest.mark.parametrize("copy", [True, False])
    @pytest.mark.parametrize("sparse", [True, False])
    @pytest.mark.parametrize("indexing", ["xy", "ij"])
    def test_meshgrid(self, copy: bool, sparse: bool, indexing: Any) -> None:
        def grid(*xs: Any) -> Any:
            return np.meshgrid(*xs, copy=copy, sparse=sparse, indexing=indexing)

        for lengths in [(3,), (2, 3), (2, 3, 2), (0, 2)]:
            check_linear(grid, *(x_of(n) for n in lengths))
        check_linear(grid, x_of(), x_of(2))
        with pytest.raises(ValueError, match="indexing"):
            np.meshgrid(tracked(x_of(2)), indexing="yx")

    def test_copies_can_be_changed_in_place(self) -> None:
        x = tracked(x_of(3))
        for y in (np.copy(x), np.meshgrid(x, x)[0][0], np.tile(x, 1), np.repeat(x, 1)):
            z = y * 1.0 if y.op is OPS[np.copy] else np.copy(y)
            z += 1.0
        for y in (np.broadcast_arrays(x, x)[0], np.atleast_2d(x), ag.broadcast_to(x, (2, 3))):
            with pytest.raises(ag.InPlaceError):
                y[0] = 1.0


@pytest.mark.skipif(not hasattr(np, "astype"), reason="NumPy 2.1 has np.astype")
class TestAstype:
    def test_between_real_dtypes(self) -> None:
        x = tracked(np.array([1.5, 2.5], np.float32))
        y = ag.astype(x, np.float64)
        assert y.dtype == np.float64
        (y * y).sum().backward()
        assert x.grad.dtype == np.float32
        np.testing.assert_array_equal(x.grad, [3.0, 5.0])

    def test_to_complex_and_back(self) -> None:
        x = tracked(np.array([1.5, 2.5]))
        z = np.astype(x, complex) * np.array([1j, 2.0])
        np.sum(np.real(z) * 3.0 + np.imag(z)).backward()
        np.testing.assert_array_equal(x.grad, [1.0, 6.0])
        w = tracked(np.array([1.0 + 2.0j]))
        with pytest.warns(np.exceptions.ComplexWarning):
            y = np.astype(w, float)
        y.sum().backward()
        assert w.grad.dtype == complex
        assert w.grad[0] == 1.0

    def test_integers_have_no_gradient(self) -> None:
        x = tracked(np.array([1.5, 2.5]))
        y = np.astype(x, int)
        assert not y.requires_grad
        assert y.tolist() == [1, 2]
        assert np.astype(x, float, copy=False) is x
        assert np.astype(x, float) is not x

    def test_contiguous(self) -> None:
        x = tracked(x_of(2, 3))
        y = ag.ascontiguousarray(np.transpose(x))
        assert y.detach().numpy().flags.c_contiguous
        z = ag.asfortranarray(x, dtype=np.float32)
        assert z.detach().numpy().flags.f_contiguous
        assert z.dtype == np.float32
        assert ag.ascontiguousarray(x) is x
        u = x_of(2, 3)
        np.sum(z * u.astype(np.float32)).backward()
        np.testing.assert_allclose(x.grad, u, rtol=1e-6)


class TestJoin:
    @pytest.mark.parametrize(
        "function", [np.hstack, np.vstack, np.dstack, np.column_stack, np.concatenate, np.stack]
    )
    @pytest.mark.parametrize("shape", [(2,), (2, 3), (2, 3, 2)])
    def test_the_stack_family(self, function: Any, shape: tuple[int, ...]) -> None:
        check_linear(lambda x, y: function([x, y]), x_of(*shape), x_of(*shape))
        check_linear(lambda x: function((x, x_fixed(shape))), x_of(*shape))
        check_linear(lambda x: function(x), x_of(2, *shape))

    def test_of_numbers(self) -> None:
        for function in (np.hstack, np.vstack, np.dstack, np.column_stack):
            check_linear(lambda x, y, f=function: f([x, y]), x_of(), x_of())
        check_linear(lambda x, y: np.hstack([x, y]), x_of(), x_of(3))
        check_linear(lambda x, y: np.column_stack([x, y]), x_of(3), x_of(3, 2))

    @pytest.mark.parametrize("function", [np.concatenate, np.stack, np.hstack, np.vstack])
    def test_dtype_and_casting(self, function: Any) -> None:
        x, y = tracked(x_of(2)), tracked(x_of(2).astype(np.float32))
        joined = function([x, y], dtype=np.float32)
        assert joined.dtype == np.float32
        np.sum(joined * 3.0).backward()
        assert x.grad.dtype == np.float64
        np.testing.assert_array_equal(x.grad, [3.0, 3.0])
        np.testing.assert_array_equal(y.grad, [3.0, 3.0])
        with pytest.raises(TypeError, match="Cannot cast"):
            function([x, y], dtype=np.float32, casting="safe")
        with pytest.raises(TypeError, match="Cannot cast"):
            function([x, y], casting="no")
        assert not function([x, y], dtype=int, casting="unsafe").requires_grad

    def test_append(self) -> None:
        check_linear(np.append, x_of(2, 3), x_of(2))
        check_linear(lambda x, y: np.append(x, y, axis=1), x_of(2, 3), x_of(2, 1))
        check_linear(lambda x: np.append(x, [1.0, 2.0]), x_of(3))
        x = tracked(x_of(2))
        y = ag.append(np.ones(1), [x[1], x[0]])
        np.sum(y * np.array([5.0, 1.0, 2.0])).backward()
        np.testing.assert_array_equal(x.grad, [2.0, 1.0])

    def test_block(self) -> None:
        a, b, c, d = x_of(2, 2), x_of(2, 1), x_of(1, 2), x_of(1, 1)
        check_linear(lambda a, b, c, d: np.block([[a, b], [c, d]]), a, b, c, d)
        check_linear(lambda a, b: np.block([a, b]), x_of(2), x_of())
        check_linear(lambda a: np.block(a), x_of(2, 3))
        check_linear(lambda a: np.block([[[a]], [[a]]]), x_of(2))
        check_linear(lambda a: np.block([[a, 1.0], [2.0, np.ones(2)]]), x_of(2))
        check_linear(lambda a, b: np.block([[a], [b]]), x_of(1, 2, 3), x_of(2, 3))

    def test_blocks_that_do_not_fit(self) -> None:
        t = tracked(x_of(2))
        with pytest.raises(ValueError, match="depths are mismatched"):
            np.block([t, [t]])
        with pytest.raises(ValueError, match=r"arrays\[1\] is empty"):
            np.block([[t], []])
        with pytest.raises(TypeError, match="tuple"):
            np.block([(t, t)])
        with pytest.raises(ValueError, match="dimension"):
            np.block([[tracked(x_of(2, 2)), t]])

    def test_shapes_that_do_not_fit(self) -> None:
        with pytest.raises(ValueError, match="concatenate"):
            np.vstack([tracked(x_of(2)), x_of(3)])
        with pytest.raises(ValueError, match="stack"):
            np.stack([tracked(x_of(2)), x_of(3)])


def x_fixed(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(float(np.prod(shape))).reshape(shape)


class TestSplit:
    @pytest.mark.parametrize("sections", [1, 2, np.array(2), [1], [1, 3], [3, 1], [-1], [0, 9], []])
    def test_the_split_family(self, sections: Any) -> None:
        for function in (np.split, np.array_split, np.hsplit, np.vsplit, np.dsplit):
            check_linear(lambda x, f=function: f(x, sections), x_of(4, 4, 4)[:, :, :4])
        check_linear(lambda x: np.hsplit(x, sections), x_of(4))
        check_linear(lambda x: np.array_split(x, 3, axis=-1), x_of(2, 4))

    def test_one_piece_of_several(self) -> None:
        x = tracked(x_of(5))
        np.sum(np.array_split(x, 3)[1] * np.array([2.0, 3.0])).backward()
        np.testing.assert_array_equal(x.grad, [0.0, 0.0, 2.0, 3.0, 0.0])

    def test_what_cannot_be_split(self) -> None:
        for function, x in [(np.hsplit, 1.0), (np.vsplit, x_of(2)), (np.dsplit, x_of(2, 2))]:
            with pytest.raises(ValueError, match=f"{function.__name__} only works"):
                function(tracked(x), 1)
        with pytest.raises(ValueError, match="equal division"):
            np.split(tracked(x_of(3)), 2)

    @pytest.mark.skipif(not hasattr(np, "unstack"), reason="NumPy 2.1 has np.unstack")
    @pytest.mark.parametrize("axis", [0, 1, -1])
    def test_unstack(self, axis: int) -> None:
        check_linear(lambda x: np.unstack(x, axis=axis), x_of(2, 3, 2))
        with pytest.raises(ValueError, match="at least one axis"):
            np.unstack(tracked(1.0))
        with pytest.raises(np.exceptions.AxisError, match="out of bounds"):
            np.unstack(tracked(x_of(2)), axis=1)


class TestInsertAndDelete:
    def test_runs(self) -> None:
        for _ in range(200):
            index = rng.integers(0, 5, rng.integers(0, 9))
            pieces = [np.full(n, i) + s * np.arange(n) for i, s, n in runs(index)]
            np.testing.assert_array_equal(np.concatenate([*pieces, []]), index)
        assert len(runs(np.arange(100)[::-3])) == 1

    @pytest.mark.parametrize(
        ("obj", "shape", "axis"),
        [
            (0, (), 0), (-1, (3,), 0), (4, (2, 3), 0), (2, (1, 3), 0), ([1], (3,), 0),
            ([1], (2, 3), 0), ([1, -1], (3,), 0), ([3, 0, 3], (3, 3), 0), ([3, 0, 3], (3, 1), 0),
            (1, (4,), 1), (1, (2, 4), 1), ([1], (4, 1), -1), ([2, 0], (4, 2), 1), ([2, 0], (2,), 1),
            (slice(1, None, 2), (3,), 0), (slice(1, None, 2), (2, 3), 0), (7, (), None),
            ([7, 2], (2,), None), ([], (), 0), ([], (1, 3), 0),
            (np.array(2), (3,), 0),
            (slice(0, 0), (), 0),
        ],
    )  # fmt: skip
    def test_insert(self, obj: Any, shape: tuple[int, ...], axis: Any) -> None:
        check_linear(lambda x, v: np.insert(x, obj, v, axis=axis), x_of(4, 3), x_of(*shape))

    def test_insert_at_a_mask(self) -> None:
        mask = np.array([True, False, True, False])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # old NumPy takes it for integers
            count = np.insert(np.zeros(4), mask, 0).size - 4
            check_linear(lambda x, v: np.insert(x, mask, v, axis=0), x_of(4, 3), x_of(count, 3))

    def test_insert_a_list_and_into_many_places(self) -> None:
        check_linear(lambda x: np.insert(x, [0, 2], [1.0, 2.0]), x_of(3))
        check_linear(lambda x, v: np.insert(x, range(40), v), x_of(40), x_of(40))
        x = tracked(x_of(2))
        y = ag.insert(np.ones(2), [0, 2], [x[1], x[0]])
        np.sum(y * np.array([1.0, 2.0, 3.0, 4.0])).backward()
        np.testing.assert_array_equal(x.grad, [4.0, 1.0])

    def test_insert_keeps_the_dtype(self) -> None:
        x, v = tracked(x_of(2).astype(np.float32)), tracked(x_of(1))
        y = np.insert(x, 1, v)
        assert y.dtype == np.float32
        y.sum().backward()
        assert v.grad.dtype == np.float64
        assert v.grad.tolist() == [1.0]
        # What is stored among integers is cut off: no gradient goes through it.
        assert not ag.insert(np.arange(3), 1, v).requires_grad

    @pytest.mark.parametrize(
        "obj",
        [0, -1, [0, 2], [2, 0, 0], slice(None, None, 2), slice(3, 0, -1), [], slice(0),
         np.array([True, False, True, False]), np.array(3), [0, 1, 2, 3]],
    )  # fmt: skip
    def test_delete(self, obj: Any) -> None:
        check_linear(lambda x: np.delete(x, obj, axis=0), x_of(4, 3))
        check_linear(lambda x: np.delete(x, obj), x_of(2, 2))

    def test_many_pieces(self) -> None:
        index = rng.permutation(60)[:30]
        check_linear(lambda x: np.delete(x, index, axis=1), x_of(2, 60))

    def test_out_of_bounds(self) -> None:
        with pytest.raises(IndexError, match="out of bounds"):
            np.delete(tracked(x_of(3)), 3)
        with pytest.raises(IndexError, match="out of bounds"):
            np.insert(tracked(x_of(3)), 5, 1.0)
        with pytest.raises(ValueError, match="broadcast"):
            np.insert(tracked(x_of(3)), [0, 1], x_of(3))
        with pytest.raises(ValueError, match="insert|dimensions"):
            np.insert(tracked(x_of(3)), 0, x_of(2, 2))


WIDTHS = [1, (2, 3), ((0, 2), (3, 0)), ((7, 5), (0, 11)), 0]


class TestPad:
    @pytest.mark.parametrize("width", WIDTHS)
    @pytest.mark.parametrize("shape", [(3, 4), (1, 2), (2, 1)])
    @pytest.mark.parametrize(
        ("mode", "given"),
        [
            ("constant", {}), ("constant", {"constant_values": 2.0}), ("edge", {}), ("wrap", {}),
            ("constant", {"constant_values": ((1.0, 2.0), (3.0, 4.0))}), ("mean", {}),
            ("linear_ramp", {}), ("linear_ramp", {"end_values": (1.0, -2.0)}),
            ("mean", {"stat_length": 2}), ("mean", {"stat_length": ((1, 2), (3, 9))}),
            ("reflect", {}), ("reflect", {"reflect_type": "odd"}), ("symmetric", {}),
            ("symmetric", {"reflect_type": "odd"}),
        ],
    )  # fmt: skip
    def test_affine_modes(self, mode: Any, given: Any, width: Any, shape: Any) -> None:
        check_linear(lambda x: np.pad(x, width, mode, **given), x_of(*shape))

    @pytest.mark.parametrize("width", WIDTHS)
    @pytest.mark.parametrize("mode", ["maximum", "minimum", "median"])
    @pytest.mark.parametrize("length", [None, 1, 2, ((3, 1), (2, 2)), 99])
    def test_statistics(self, mode: Any, length: Any, width: Any) -> None:
        x = x_of(3, 4)
        y = np.pad(tracked(x), width, mode, stat_length=length)
        expected = np.pad(x, width, mode, stat_length=length)
        np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-14)
        u = x_of(*expected.shape)
        ag.testing.check_gradients(
            lambda t: np.sum(np.pad(t, width, mode, stat_length=length) * u), x
        )

    def test_ties_share(self) -> None:
        x = tracked(np.array([1.0, 1.0, 0.0]))
        y = np.pad(x, (2, 0), "maximum")
        np.sum(y[:2]).backward()
        np.testing.assert_array_equal(x.grad, [1.0, 1.0, 0.0])

    def test_constants_are_differentiable(self) -> None:
        for values in (x_of(), x_of(2), x_of(1, 2), x_of(2, 2), x_of(2, 1)):
            x = x_of(2, 3)

            def value(v: Any, x: Any = x) -> Any:
                return np.pad(x, ((1, 2), (2, 0)), constant_values=v)

            y = ag.pad(x, ((1, 2), (2, 0)), constant_values=tracked(values))
            np.testing.assert_array_equal(y.detach().numpy(), value(values))
            u = x_of(*y.shape)
            t, s = tracked(values), tracked(x)
            np.sum(np.pad(s, ((1, 2), (2, 0)), constant_values=t) * u).backward()
            np.testing.assert_allclose(s.grad, u[1:3, 2:])
            for place in np.ndindex(*values.shape):
                unit = np.zeros(values.shape)
                unit[place] = 1.0
                expected = np.sum((value(values + unit) - value(values)) * u)
                assert t.grad[place] == pytest.approx(expected)

    def test_end_values_are_differentiable(self) -> None:
        e, u = tracked(np.array([1.0, -2.0])), x_of(7)
        x = x_of(3)
        np.sum(ag.pad(x, 2, "linear_ramp", end_values=e) * u).backward()
        at = [np.pad(x, 2, "linear_ramp", end_values=v) for v in [(2.0, -2.0), (1.0, -1.0)]]
        here = np.pad(x, 2, "linear_ramp", end_values=(1.0, -2.0))
        np.testing.assert_allclose(e.grad, [np.sum((y - here) * u) for y in at])

    def test_a_tuple_of_tensors(self) -> None:
        a, b = tracked(1.0), tracked(2.0)
        y = ag.pad(np.zeros(2), 1, constant_values=(a, b))
        assert y.detach().numpy().tolist() == [1.0, 0.0, 0.0, 2.0]
        np.sum(y * np.array([3.0, 1.0, 1.0, 4.0])).backward()
        assert (a.grad, b.grad) == (3.0, 4.0)

    def test_empty_and_widths_by_axis(self) -> None:
        x = tracked(x_of(2, 3))
        y = np.pad(x, {-1: (1, 2)}) if np.lib.NumpyVersion(np.__version__) >= "2.3.0" else None
        if y is not None:
            assert y.shape == (2, 6)
        y = np.pad(x, 1, "empty")
        assert y.shape == (4, 5)
        np.sum(y[1:-1, 1:-1] * 2.0).backward()
        np.testing.assert_array_equal(x.grad, np.full((2, 3), 2.0))

    def test_infinity_at_one_end_stays_there(self) -> None:
        x = np.array([1.0, 2.0, np.inf])
        for mode in ("reflect", "symmetric"):
            y = np.pad(tracked(x), (2, 0), mode, reflect_type="odd")
            np.testing.assert_array_equal(
                y.detach().numpy(), np.pad(x, (2, 0), mode, reflect_type="odd")
            )

    def test_empty_arrays(self) -> None:
        check_linear(lambda x: np.pad(x, ((1, 1), (0, 2))), x_of(0, 3))
        check_linear(lambda x: np.pad(x, ((0, 0), (1, 2)), "edge"), x_of(0, 3))
        with pytest.raises(ValueError, match="can't extend empty axis 0"):
            np.pad(tracked(x_of(0, 3)), 1, "reflect")

    def test_bad_input(self) -> None:
        x = tracked(x_of(3))
        for error, match, args, given in [
            (ValueError, "not supported", (1, "nonsense"), {}),
            (ValueError, "unsupported keyword", (1, "edge"), {"constant_values": 1.0}),
            (ValueError, "negative", (-1,), {}),
            (TypeError, "integral", (1.5,), {}),
            (ValueError, "broadcast", (((1, 2), (3, 4)),), {}),
            (ValueError, "stat_length of 0", (1, "maximum"), {"stat_length": 0}),
            (TypeError, "function as mode", (1, lambda *_: None), {}),
        ]:
            with pytest.raises(error, match=match):
                np.pad(x, *args, **given)


class TestTrimZeros:
    @pytest.mark.parametrize("trim", ["fb", "f", "b", "BF"])
    def test_one_axis(self, trim: str) -> None:
        for x in ([0.0, 0.0, 1.0, 0.0, 2.0, 0.0], [0.0, 0.0], [1.0], [], [np.nan, 0.0]):
            t = tracked(np.array(x))
            y = np.trim_zeros(t, trim)
            np.testing.assert_array_equal(y.detach().numpy(), np.trim_zeros(np.array(x), trim))
        np.sum(np.trim_zeros(t := tracked(np.array([0.0, 3.0, 0.0])), "f") * 2.0).backward()
        np.testing.assert_array_equal(t.grad, [0.0, 2.0, 2.0])

    @pytest.mark.skipif(
        np.lib.NumpyVersion(np.__version__) < "2.2.0", reason="NumPy 2.2 trims several axes"
    )
    @pytest.mark.parametrize("axis", [None, 0, -1, (0, 1), ()])
    def test_several_axes(self, axis: Any) -> None:
        x = np.zeros((4, 5))
        x[1:3, 2:4] = x_of(2, 2)
        for values in (x, np.zeros((2, 3))):
            y = np.trim_zeros(tracked(values), axis=axis)
            np.testing.assert_array_equal(y.detach().numpy(), np.trim_zeros(values, axis=axis))

    def test_bad_input(self) -> None:
        with pytest.raises(ValueError, match="unexpected character"):
            np.trim_zeros(tracked(x_of(2)), "x")


class TestWindows:
    @pytest.mark.parametrize(
        ("shape", "window", "axis"),
        [((7,), 3, None), ((7,), 7, 0), ((7,), 1, -1), ((4, 5), (2, 3), None), ((4, 5), 4, 1),
         ((4, 5), (3, 2), (1, 0)), ((6,), (2, 3), (0, 0)), ((3, 2, 4), (2, 3), (0, -1))],
    )  # fmt: skip
    def test_sliding_windows(self, shape: Any, window: Any, axis: Any) -> None:
        view = np.lib.stride_tricks.sliding_window_view
        check_linear(lambda x: view(x, window, axis), x_of(*shape))

    def test_bad_windows(self) -> None:
        view = np.lib.stride_tricks.sliding_window_view
        with pytest.raises(ValueError, match="window shape cannot be larger"):
            view(tracked(x_of(3)), 4)
        with pytest.raises(ValueError, match="window_shape"):
            view(tracked(x_of(3, 3)), 2)

    def test_strided_views_are_refused_by_name(self) -> None:
        with pytest.raises(ag.NotDifferentiableError, match="detach"):
            np.lib.stride_tricks.as_strided(tracked(x_of(3)), (2,), (8,))

    @pytest.mark.parametrize("mode", ["full", "same", "valid"])
    @pytest.mark.parametrize(("n", "m"), [(5, 3), (3, 5), (4, 4), (1, 3), (3, 1), (6, 2), (2, 6)])
    @pytest.mark.parametrize("function", [np.convolve, np.correlate])
    def test_convolve_and_correlate(self, function: Any, n: int, m: int, mode: Any) -> None:
        a, v = (x_of(k) + 1j * x_of(k) for k in (n, m))
        s, t = tracked(a), tracked(v)
        y = function(s, t, mode)
        np.testing.assert_allclose(y.detach().numpy(), function(a, v, mode), rtol=1e-14)
        u = x_of(*y.shape) + 1j * x_of(*y.shape)
        np.sum(np.real(y * u)).backward()
        # d/d Re z + i d/d Im z, from NumPy's values at unit vectors: both are linear in each.
        for gradient, at in [(s.grad, lambda e: (e, v)), (t.grad, lambda e: (a, e))]:
            for k, unit in enumerate(np.eye(len(gradient))):
                re, im = (np.sum(np.real(function(*at(w * unit), mode) * u)) for w in (1.0, 1j))
                assert gradient[k] == pytest.approx(re + 1j * im)

    def test_correlation_of_nothing(self) -> None:
        with pytest.raises(ValueError, match="vectors"):
            np.correlate(tracked(x_of(3)), np.zeros(0))
        with pytest.raises(ValueError, match="empty"):
            np.convolve(tracked(x_of(3)), np.zeros(0))

    def test_apply_along_axis(self) -> None:
        for axis in (0, 1, -1):
            check_linear(lambda x, a=axis: np.apply_along_axis(np.sum, a, x), x_of(2, 3, 4))
            check_linear(
                lambda x, a=axis: np.apply_along_axis(lambda r: np.outer(r, [1.0, 2.0]), a, x),
                x_of(2, 3, 2),
            )
        check_linear(lambda x: np.apply_along_axis(np.flip, 0, x), x_of(3))
        check_linear(lambda x: np.apply_over_axes(np.sum, x, [0, -1]), x_of(2, 3, 2))
        with pytest.raises(ValueError, match="dimensions are 0"):
            np.apply_along_axis(np.sum, 1, tracked(x_of(0, 3)))


class TestInterp:
    XP, FP = np.array([0.0, 1.0, 3.0]), np.array([1.0, 3.0, -1.0])

    def slope_at(self, x: float, **given: Any) -> float:
        t = tracked(x)
        np.interp(t, self.XP, self.FP, **given).backward()
        return float(t.grad)

    def test_slopes_at_the_knots(self) -> None:
        """The slope of the interval that begins at the knot; beyond the ends 0."""
        assert [self.slope_at(x) for x in (0.0, 0.5, 1.0, 2.0, 3.0)] == [2.0, 2.0, -2.0, -2.0, -2.0]
        assert [self.slope_at(x) for x in (-1e-9, 3.0 + 1e-9, np.inf)] == [0.0, 0.0, 0.0]

    def test_values_are_exactly_numpys(self) -> None:
        x = np.array([[-1.0, 0.0, 0.3], [1.0, 3.0, 5.0]])
        for given in ({}, {"left": 7.0}, {"right": -7.0}, {"period": 2.5}, {"period": -4.0}):
            for xp, fp in [(self.XP, self.FP), (self.XP[:1], self.FP[:1])]:
                y = np.interp(tracked(x), xp, fp, **given)
                np.testing.assert_allclose(
                    y.detach().numpy(), np.interp(x, xp, fp, **given), rtol=1e-14, atol=1e-15
                )
        assert np.isnan(np.interp(tracked(np.nan), self.XP, self.FP).item())

    def test_complex_values(self) -> None:
        fp = tracked(self.FP + 1j * self.FP[::-1])
        y = np.interp(0.25, self.XP, fp)
        assert y.item() == np.interp(0.25, self.XP, fp.data)
        np.real(y).backward()
        np.testing.assert_allclose(fp.grad, [0.75, 0.25, 0.0])
        with pytest.raises(TypeError, match="must be real"):
            np.interp(tracked(1j), self.XP, self.FP)

    def test_beyond_the_ends(self) -> None:
        left, fp = tracked(5.0), tracked(self.FP)
        y = ag.interp(np.array([-1.0, -2.0, 4.0]), self.XP, fp, left=left)
        np.sum(y * np.array([1.0, 2.0, 3.0])).backward()
        assert left.grad == 3.0
        np.testing.assert_array_equal(fp.grad, [0.0, 0.0, 3.0])

    def test_equal_knots(self) -> None:
        xp, fp, x = np.array([0.0, 1.0, 1.0]), np.array([0.0, 1.0, 2.0]), np.array([0.5, 1.0, 2.0])
        t, k = tracked(x), tracked(xp)
        y = np.interp(t, k, fp)
        np.testing.assert_array_equal(y.detach().numpy(), np.interp(x, xp, fp))
        y.sum().backward()
        assert np.isfinite(t.grad).all()
        assert np.isfinite(k.grad).all()

    def test_bad_input(self) -> None:
        x = tracked(1.0)
        for match, args in [
            ("same length", (self.XP, self.FP[:2])), ("1-D", (self.XP[None], self.FP[None])),
            ("empty", (self.XP[:0], self.FP[:0])),
        ]:  # fmt: skip
            with pytest.raises(ValueError, match=match):
                np.interp(x, *args)
        with pytest.raises(ValueError, match="period"):
            np.interp(x, self.XP, self.FP, period=0)

    def test_against_jax(self) -> None:
        jax = pytest.importorskip("jax")
        jax.config.update("jax_enable_x64", True)
        x, u = rng.uniform(-1, 4, 20), x_of(20)

        def f(m: Any) -> Any:
            return lambda x, xp, fp: (m.interp(x, xp, fp) * u).sum()

        expected = jax.grad(f(jax.numpy), (0, 1, 2))(x, self.XP, self.FP)
        for g, e in zip(ag.grad(f(np), (0, 1, 2))(x, self.XP, self.FP), expected, strict=True):
            np.testing.assert_allclose(g, e, rtol=1e-12, atol=1e-12)


class TestPolynomials:
    def test_values(self) -> None:
        p, q, x = x_of(4), x_of(3), x_of(2, 3)
        for f, args in [
            (np.polyval, (p, x)), (np.polyadd, (p, q)), (np.polysub, (q, p)), (np.polymul, (p, q)),
            (np.polydiv, (p, q)), (np.polyder, (p, 2)), (np.polyint, (p, 2, [1.0, 2.0])),
            (np.polyint, (p, 3, 2.0)), (np.vander, (q, 5)), (np.vander, (q, 5, True)),
            (np.poly, (q,)), (np.roots, (p,)), (np.polymul, (np.array([0.0, 1.0]), q)),
            (np.roots, (np.array([0.0, 1.0, -3.0, 2.0, 0.0]),)), (np.poly, (x_of(2, 2),)),
            (np.roots, (np.array([2.0]),)), (np.polydiv, (q, p)),
        ]:  # fmt: skip
            ours = f(*(tracked(a) if isinstance(a, np.ndarray) else a for a in args))
            for y, e in zip(outputs(ours), outputs(f(*args)), strict=True):
                assert y.shape == np.shape(e)
                np.testing.assert_allclose(y.detach().numpy(), e, rtol=1e-12, atol=1e-12)

    def test_powers_of_zero(self) -> None:
        x = tracked(np.array([0.0, 2.0]))
        np.sum(np.vander(x, 4) * np.array([1.0, 10.0, 100.0, 1000.0])).backward()
        np.testing.assert_array_equal(x.grad, [100.0, 12.0 + 40.0 + 100.0])

    def test_conjugate_zeros_make_a_real_polynomial(self) -> None:
        z = tracked(np.array([1.0 + 2.0j, 1.0 - 2.0j]))
        p = np.poly(z)
        assert p.dtype == float
        np.testing.assert_allclose(p.detach().numpy(), [1.0, -2.0, 5.0])
        p[1].backward()  # minus the sum of the zeros
        np.testing.assert_allclose(z.grad, [-1.0, -1.0])

    def test_zeros_move_as_the_implicit_function_theorem_says(self) -> None:
        p = np.poly([1.0, 2.0, 4.0])
        t, z = tracked(p), np.roots(p)
        u = x_of(3)
        np.sum(np.roots(t) * u).backward()
        expected = -(u / np.polyval(np.polyder(p), z)) @ np.vander(z, 4)
        np.testing.assert_allclose(t.grad, expected, rtol=1e-10)

    @pytest.mark.parametrize("cov", [False, True, "unscaled"])
    def test_fit(self, cov: Any) -> None:
        x, y, w = x_of(7), x_of(7, 2), rng.uniform(1.0, 2.0, 7)
        fitted = np.polyfit(tracked(x), tracked(y), 2, w=tracked(w), cov=cov)
        plain = np.polyfit(x, y, 2, w=w, cov=cov)
        for a, e in zip(outputs(fitted), outputs(plain), strict=True):
            np.testing.assert_allclose(a.detach().numpy(), e, rtol=1e-9)

        def total(*at: Any) -> Any:
            return sum(np.sum(a * a) for a in outputs(np.polyfit(*at[:2], 2, w=at[2], cov=cov)))

        ag.testing.check_gradients(total, x, y, w)

    def test_bad_input(self) -> None:
        t = tracked(x_of(3))
        for call, match in [
            (lambda: np.polyder(t, -1), "polyint"), (lambda: np.polyint(t, -1), "polyder"),
            (lambda: np.polyint(t, 3, [1.0, 2.0]), "scalar or a vector"),
            (lambda: np.vander(tracked(x_of(2, 2))), "one-dimensional"),
            (lambda: np.poly(tracked(x_of(2, 3))), "square"),
            (lambda: np.roots(tracked(x_of(2, 3))), "rank-1"),
            (lambda: np.polyfit(t, t, -1), "deg"),
        ]:  # fmt: skip
            with pytest.raises(ValueError, match=match):
                call()
        with pytest.raises(TypeError, match="same length"):
            np.polyfit(t, x_of(2), 1)
        with pytest.warns(np.exceptions.RankWarning):
            np.polyfit(tracked(np.ones(4)), x_of(4), 1)


@pytest.mark.parametrize("axis", [5, -5, 2])
def test_pad_refuses_an_axis_that_is_not_there(axis: int) -> None:
    with pytest.raises(IndexError):
        np.pad(tracked(np.ones((2, 2))), {axis: 1})


def test_pad_refuses_complex_values_around_a_real_array() -> None:
    x = np.ones((2, 2))
    for value in (1j, np.array(1j), tracked(np.array(1j))):
        with pytest.raises(TypeError, match="pad: a complex value"):
            np.pad(tracked(x), 1, constant_values=value)
    with pytest.raises(TypeError, match="pad: a complex value"):
        np.pad(tracked(x), 1, mode="linear_ramp", end_values=1j)
    assert np.pad(tracked(x + 0j), 1, constant_values=1j).detach().numpy()[0, 0] == 1j


# --- arguments as NumPy takes them ----------------------------------------------------------------


@pytest.mark.parametrize("number", [0.7, 3, np.float64(2.0)])
def test_convolve_with_a_number(number: Any) -> None:
    for call in (lambda t: np.convolve(t, number), lambda t: np.convolve(number, t)):
        t = tracked(np.array([1.0, 2.0]))
        call(t).backward(np.array([1.0, -2.0]))
        np.testing.assert_array_equal(t.grad, np.array([1.0, -2.0]) * number)


def test_an_order_of_none_is_the_default() -> None:
    x = rng.normal(size=(2, 3))
    check_linear(lambda t: np.reshape(t, (3, 2), order=None), x)
    check_linear(lambda t: np.ravel(t, order=None), x)
    for call in (lambda t: np.reshape(t, 6, order=1), lambda t: np.ravel(t, order=1)):
        with pytest.raises(TypeError, match="order must be a str, not int"):
            call(tracked(x))


@pytest.mark.parametrize("join", [np.concatenate, np.stack])
def test_out_may_be_given_by_position_as_none(join: Callable[..., Any]) -> None:
    x = rng.normal(size=(2, 3))
    check_linear(lambda t: join([t, t], 0, None), x)
