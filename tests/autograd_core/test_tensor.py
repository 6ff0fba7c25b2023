"""The tensor as users meet it: making one, Python's operators and protocols, NumPy's protocols."""

from __future__ import annotations

import copy
import math
import operator
import pickle
from typing import Any

import numpy as np
import pytest

import autograd_core as ag


def tracked(values: Any, **kwargs: Any) -> ag.Tensor:
    return ag.Tensor(values, requires_grad=True, **kwargs)


class TestMaking:
    def test_copies_and_asarray_shares(self) -> None:
        values = np.zeros(2)
        copied, shared = ag.Tensor(values), ag.asarray(values)
        values[0] = 1.0
        assert copied.tolist() == [0.0, 0.0]
        assert shared.tolist() == [1.0, 0.0]
        assert ag.asarray(shared) is shared

    def test_dtype(self) -> None:
        assert ag.Tensor(1.0).dtype == np.float64
        assert ag.Tensor([1, 2]).dtype == np.array([1, 2]).dtype
        assert ag.Tensor([1, 2], dtype="float32").dtype == np.float32
        assert ag.Tensor(np.float32(1)).dtype == np.float32
        assert ag.Tensor(np.ones(2, np.float16)).dtype == np.float16
        with ag.default_dtype("float32"):
            assert ag.Tensor(1.0).dtype == np.float32
            assert ag.Tensor(np.ones(2)).dtype == np.float64
        assert ag.Tensor(1.0).dtype == np.float64

    def test_attributes(self) -> None:
        t = tracked(np.arange(6.0).reshape(2, 3), name="w")
        assert (t.shape, t.ndim, t.size, len(t), t.name) == ((2, 3), 2, 6, 2, "w")
        assert t.is_leaf
        assert t.requires_grad
        assert t.grad is None
        assert t.op is None
        assert t.parents == ()
        assert t.T.shape == (3, 2)
        assert ag.Tensor(np.zeros((4, 2, 3))).mT.shape == (4, 3, 2)
        y = t * 2.0
        assert not y.is_leaf
        assert y.op is ag.OPS[np.multiply]
        (parent,) = y.parents
        assert parent.op is None
        assert parent.name == "w"

    def test_local_derivatives_walk_the_graph_by_hand(self) -> None:
        x, w = tracked([1.0, 2.0]), tracked([3.0, 4.0])
        y = np.tanh(x * w)
        g = np.array([0.5, -2.0])
        ((through_tanh,), (product,)) = y.local_derivatives, y.parents
        inner = through_tanh(g)
        to_x, to_w = product.local_derivatives
        y.backward(g, retain_graph=True)
        np.testing.assert_array_equal(to_x(inner), x.grad)
        np.testing.assert_array_equal(to_w(inner), w.grad)

    def test_integers_have_no_gradient(self) -> None:
        for values in ([1, 2], True, 3):
            with pytest.raises(TypeError, match=r"cannot require a gradient.*dtype=float"):
                ag.Tensor(values, requires_grad=True)
        with pytest.raises(ag.NotDifferentiableError, match="cannot require a gradient"):
            ag.Tensor([1]).requires_grad_()

    def test_lists_of_tensors_name_stack(self) -> None:
        with pytest.raises(TypeError, match="stack"):
            ag.Tensor([tracked(1.0), tracked(2.0)])

    def test_what_is_no_number(self) -> None:
        with pytest.raises(TypeError, match="holds numbers"):
            ag.Tensor(["a"])

    def test_is_final(self) -> None:
        with pytest.raises(TypeError, match="final"):

            class Mine(ag.Tensor):
                pass


OPERATORS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod,
    operator.floordiv,
]  # fmt: skip


class TestOperators:
    @pytest.mark.parametrize("op", OPERATORS)
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_binary(self, op: Any, dtype: Any) -> None:
        x = np.array([1.5, 2.5], dtype)
        y = np.array([[0.7, 1.2]], dtype)
        t, u = ag.Tensor(x), ag.Tensor(y)
        for a, b, expected in [
            (t, u, op(x, y)), (t, y, op(x, y)), (x, u, op(x, y)), (t, 2.0, op(x, 2.0)),
            (2.0, t, op(2.0, x)), (2, t, op(2, x)), (t, [0.5, 3.0], op(x, np.array([0.5, 3.0]))),
            ([0.5, 3.0], t, op(np.array([0.5, 3.0]), x)), (np.float32(2), t, op(np.float32(2), x)),
        ]:  # fmt: skip
            for requires in (False, True):
                a, b = (v.detach() if type(v) is ag.Tensor else v for v in (a, b))
                for v in (a, b):
                    if requires and type(v) is ag.Tensor:
                        v.requires_grad_()
                got = op(a, b)
                assert type(got) is ag.Tensor
                assert got.dtype == expected.dtype
                assert got.requires_grad == requires
                np.testing.assert_array_equal(got.detach(), expected)

    def test_float32_stays_float32_with_python_numbers(self) -> None:
        t = tracked(np.ones(2, np.float32))
        for y in (t * 2.0, 2.0 * t, t + 1, t**2, 1 / t, ag.maximum(t, 0.5), t.mean(), -t):
            assert y.dtype == np.float32
        y.sum().backward()
        assert t.grad.dtype == np.float32
        s = tracked(np.float32(2.0))
        assert (s * 2.0).dtype == np.float32
        (s * np.float64(2.0)).backward()
        assert s.grad.dtype == np.float32

    def test_unary_divmod_abs(self) -> None:
        t = ag.Tensor([-1.5, 2.5])
        assert (-t).tolist() == [1.5, -2.5]
        assert (+t).tolist() == [-1.5, 2.5]
        assert abs(t).tolist() == [1.5, 2.5]
        quotient, rest = divmod(t, 2.0)
        assert quotient.tolist() == [-1.0, 1.0]
        assert rest.tolist() == [0.5, 0.5]
        assert (~ag.Tensor([True, False])).tolist() == [False, True]
        assert (ag.Tensor([6]) & 3).tolist() == [2]

    def test_matmul(self) -> None:
        x = np.arange(6.0).reshape(2, 3)
        t = ag.Tensor(x)
        np.testing.assert_array_equal(t @ x.T, x @ x.T)
        np.testing.assert_array_equal(x @ t.T, x @ x.T)

    def test_comparisons_are_untracked(self) -> None:
        t = tracked([1.0, 2.0])
        for result in (t > 1, t >= 2, t < 2, t == 1, t != 1, t <= t, np.isnan(t), t > 1.5):
            assert result.dtype == bool
            assert not result.requires_grad
        assert bool(t[0] < t[1])
        with pytest.raises(ValueError, match="ambiguous"):
            bool(t > 1)

    def test_identity_hash(self) -> None:
        t, u = tracked(1.0), tracked(1.0)
        assert len({t, u, t}) == 2

    def test_unknown_operand(self) -> None:
        with pytest.raises(TypeError):
            tracked(1.0) + "a"
        with pytest.raises(TypeError):
            "a" * tracked(1.0)
        assert (tracked(1.0) == "a") is False


class TestPython:
    def test_iteration_and_membership(self) -> None:
        t = tracked([[1.0, 2.0], [3.0, 4.0]])
        rows = list(t)
        assert [r.tolist() for r in rows] == [[1.0, 2.0], [3.0, 4.0]]
        (rows[0] * rows[1]).sum().backward()
        np.testing.assert_array_equal(t.grad, [[3.0, 4.0], [1.0, 2.0]])
        assert 3.0 in t
        assert 5.0 not in t
        first, second = t
        assert first.shape == second.shape == (2,)
        for wrong in (iter, len):
            with pytest.raises(TypeError, match="0-d"):
                wrong(tracked(1.0))

    def test_leaving_the_graph_unseen_is_refused(self) -> None:
        t = tracked(0.5)
        for leave in (float, int, complex, math.sin, np.asarray, np.array):
            with pytest.raises(TypeError, match=r"detach\(\)"):
                leave(t)
        target = np.zeros(3)
        with pytest.raises(TypeError, match="detach"):
            target[:] = tracked(np.ones(3))
        with pytest.raises(ValueError, match="sequence") as refused:
            target[0] = t
        # NumPy puts its own error on top; the remedy is in the one that caused it.
        assert "detach()" in str(refused.value.__cause__)
        with pytest.raises(TypeError, match="detach"):
            t.numpy()
        u = ag.Tensor(0.5)
        assert (float(u), int(u), complex(u), math.sin(u)) == (0.5, 0, 0.5, math.sin(0.5))
        assert [10, 20][ag.Tensor(1)] == 20
        assert t.item() == 0.5

    def test_repr_and_format(self) -> None:
        t = tracked([1.0, 2.5], name="w")
        assert repr(t) == "Tensor([1. , 2.5], dtype=float64, name='w', requires_grad=True)"
        assert repr(np.tanh(ag.Tensor(0.0))) == "Tensor(0., dtype=float64)"
        assert "op=tanh" in repr(np.tanh(t))
        assert f"{tracked(1.23456):.3f}" == "1.235"
        assert f"{t:.2f}" == "[1.00 2.50]"
        assert f"{t}" == repr(t)

    def test_copy_deepcopy_pickle(self) -> None:
        t = tracked([1.0, 2.0], name="w")
        (t * t).sum().backward()
        for twin in (copy.copy(t), copy.deepcopy(t), pickle.loads(pickle.dumps(t))):
            assert twin is not t
            assert twin.name == "w"
            assert twin.requires_grad
            np.testing.assert_array_equal(twin.data, t.data)
            np.testing.assert_array_equal(twin.grad, t.grad)
            assert not np.shares_memory(twin.data, t.data)
            assert not np.shares_memory(twin.grad, t.grad)
        shared = copy.deepcopy([t, t])
        assert shared[0] is shared[1]
        for refused in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="part of a graph"):
                refused(t * 2)

    def test_detach_and_clone(self) -> None:
        t = tracked([1.0, 2.0])
        y = t * 2
        assert not y.detach().requires_grad
        assert np.shares_memory(y.detach().data, y.data)
        c = t.clone()
        assert not np.shares_memory(c.data, t.data)
        c.sum().backward()
        np.testing.assert_array_equal(t.grad, [1.0, 1.0])

    def test_requires_grad(self) -> None:
        t = ag.Tensor([1.0])
        assert t.requires_grad_() is t
        assert t.requires_grad
        assert not t.requires_grad_(False).requires_grad
        y = tracked(1.0) * 2
        assert y.requires_grad_() is y
        with pytest.raises(ag.GradientError, match="detach"):
            y.requires_grad_(False)


class TestNumPy:
    def test_functions_by_both_names(self) -> None:
        t, u = tracked([1.0, 2.0]), tracked([3.0])
        for module in (np, ag):
            assert module.tanh(t).op.name == "tanh"
            assert module.sum(t, axis=0).op.name == "sum"
            assert module.concatenate([t, u]).tolist() == [1.0, 2.0, 3.0]
            assert module.where(t > 1, t, u).tolist() == [3.0, 2.0]
            assert module.shape(t) == (2,)
            assert module.argmax(t).item() == 1
        assert isinstance(ag.tanh(np.ones(2)), np.ndarray)
        assert isinstance(ag.softmax(np.ones(2)), np.ndarray)

    def test_keyword_operands(self) -> None:
        t = tracked([1.0, -2.0])
        assert np.sum(a=t).item() == -1.0
        assert ag.sum(a=t).requires_grad
        assert np.clip(t, a_min=0.0, a_max=None).tolist() == [1.0, 0.0]
        assert ag.clip(t, min=-1, max=0.5).tolist() == [0.5, -1.0]

    def test_ufunc_methods(self) -> None:
        t = tracked(np.arange(1.0, 7.0).reshape(2, 3))
        assert np.add.reduce(t).tolist() == [5.0, 7.0, 9.0]
        assert np.multiply.reduce(t, axis=1).tolist() == [6.0, 120.0]
        assert np.maximum.reduce(t, axis=None).item() == 6.0
        assert np.add.accumulate(t, axis=1).tolist() == [[1.0, 3.0, 6.0], [4.0, 9.0, 15.0]]
        assert np.multiply.outer(t, t).shape == (2, 3, 2, 3)

    def test_undeclared_functions_are_named(self) -> None:
        t = tracked([1.0])
        with pytest.raises(TypeError, match=r"numpy\.packbits has no declared derivative"):
            np.packbits(t)
        with pytest.raises(TypeError, match=r"numpy\.histogramdd has.*nearest.*histogram"):
            np.histogramdd(t)

    def test_the_nearest_is_named(self) -> None:
        def log_softmx() -> None: ...

        with pytest.raises(TypeError, match=r"nearest declared: log_softmax"):
            raise ag.registry.undeclared(log_softmx)

    def test_parameters_without_a_rule_are_refused(self) -> None:
        t = tracked([1.0, 2.0])
        with pytest.raises(
            TypeError, match=r"moveaxis is not differentiable with the parameter 'sorted'"
        ):
            ag.moveaxis(t, 0, 0, sorted=True)
        with pytest.raises(TypeError, match="sorted"):
            ag.sum(t, sorted=True)

    def test_a_tracked_parameter_is_refused(self) -> None:
        t, p = tracked([1.0, 2.0]), tracked(1.5)
        with pytest.raises(TypeError, match=r"max .* its parameter 'initial': pass t\.detach"):
            np.max(t, initial=p)
        assert np.max(t, initial=p.detach()).item() == 2.0

    def test_ndarray_on_the_left(self) -> None:
        t = tracked([1.0, 2.0])
        y = np.array([3.0, 4.0]) * t
        assert type(y) is ag.Tensor
        y.sum().backward()
        np.testing.assert_array_equal(t.grad, [3.0, 4.0])

    def test_array_into_place_is_refused(self) -> None:
        a, t = np.ones(2), tracked([1.0, 2.0])
        with pytest.raises(ag.InPlaceError, match="out="):
            a += t
        with pytest.raises(ag.InPlaceError, match="out="):
            np.add(t, 1.0, out=a)
        np.testing.assert_array_equal(a, [1.0, 1.0])
        a += t.detach()
        np.testing.assert_array_equal(a, [2.0, 3.0])

    def test_index_arrays_are_frozen(self) -> None:
        t, index = tracked([1.0, 2.0, 3.0]), np.array([0, 1])
        y = t[index]
        index[:] = 2
        y.sum().backward()
        np.testing.assert_array_equal(t.grad, [1.0, 1.0, 0.0])
        assert t[ag.Tensor([2, 0])].tolist() == [3.0, 1.0]
        assert t[t > 1].tolist() == [2.0, 3.0]


class TestSettings:
    def test_seed(self) -> None:
        with ag.seed(3):
            first = ag.random_generator().random(4)
        with ag.seed(3):
            np.testing.assert_array_equal(ag.random_generator().random(4), first)

    def test_restored_after_an_exception(self) -> None:
        with pytest.raises(KeyError), ag.default_dtype(np.float32), ag.no_grad():
            raise KeyError
        assert ag.get_default_dtype() == np.float64
        assert ag.recording()

    def test_default_dtype_must_be_floating(self) -> None:
        with pytest.raises(TypeError, match="floating"):
            ag.default_dtype(int)

    def test_no_grad_as_a_decorator_and_nested(self) -> None:
        t = tracked(2.0)

        @ag.no_grad()
        def recursive(n: int) -> ag.Tensor:
            return t * 2 if n == 0 else recursive(n - 1)

        assert not recursive(3).requires_grad
        assert ag.recording()
        with ag.no_grad():
            with ag.no_grad():
                pass
            assert not (t * 2).requires_grad
        assert (t * 2).requires_grad
