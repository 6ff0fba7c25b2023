"""Cases that a hostile reader found: each was silently wrong, or failed with a misleading error."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from tests.autograd_core.numpy_faults import plain


def tracked(values: Any) -> ag.Tensor:
    return ag.Tensor(values, requires_grad=True)


class TestTransforms:
    def test_nested_transforms_give_arrays_for_arrays(self) -> None:
        inner = ag.grad(lambda x: x * ag.grad(lambda y: x * y * y)(3.0))(2.0)
        assert type(inner) is np.ndarray
        assert inner == 24.0
        twice = ag.jvp(lambda x: ag.jvp(np.sin, (x,), (1.0,))[1], (0.5,), (1.0,))[1]
        assert type(twice) is np.ndarray
        X, p = np.linspace(0, 1, 5), np.array(0.5)
        for _ in range(3):
            p = p - 0.1 * ag.grad(
                lambda p: ((ag.grad(lambda x: np.tanh(x * p).sum())(X) - 1) ** 2).sum()
            )(p)
            assert type(p) in (np.ndarray, np.float64)

    def test_results_are_handles_of_their_own(self) -> None:
        x, y = tracked(np.ones(2)), tracked(np.ones(2))
        gx, gy = ag.gradients((x + y).sum(), [x, y], create_graph=True)
        gx += 1.0
        assert gy.tolist() == [1.0, 1.0]
        seed = np.ones(2)
        g = ag.gradients(x + 0.0, x, grad_output=seed, create_graph=True)
        assert not np.shares_memory(g.data, seed)
        point = np.array([3.0])
        value, _ = ag.value_and_grad(lambda x: x)(point)
        assert not np.shares_memory(value, point)

    def test_argnums(self) -> None:
        f = ag.grad(lambda x, y: x * y * y, argnums=-1)
        assert f(2.0, 3.0) == 12.0
        assert ag.grad(lambda x: x * x, argnums=np.int64(0))(3.0) == 6.0
        with pytest.raises(ValueError, match="twice"):
            ag.grad(lambda x: x * x, argnums=(0, -1))(3.0)
        with pytest.raises(TypeError, match="argument -5"):
            ag.grad(lambda x: x * x, argnums=-5)(3.0)

    def test_what_a_function_may_return(self) -> None:
        with pytest.raises(TypeError, match="<lambda> returned NoneType"):
            ag.grad(lambda x: None)(1.0)
        with pytest.raises(TypeError, match="returned tuple.*loss alone"):
            ag.grad(lambda x: (x, x))(1.0)

    def test_a_defaultdict_stays_one(self) -> None:
        params = defaultdict(float, {"w": np.array(2.0)})
        g = ag.grad(lambda p: p["w"] ** 2 + p["missing"])(params)
        assert g["w"] == 4.0

    def test_inside_no_grad_nothing_depends_on_the_outside(self) -> None:
        w = tracked(2.0)
        with ag.no_grad():
            assert type(ag.grad(lambda x: (x * w).sum())(np.ones(2))) is np.ndarray

    def test_forward_mode_keeps_zeros_as_reverse_mode_does(self) -> None:
        for f in (lambda x: x * np.sqrt(x), lambda x: np.sqrt(x) ** 2, lambda x: np.sqrt(x) * 0.0):
            assert ag.jvp(f, (0.0,), (1.0,))[1] == ag.grad(f)(0.0) == 0.0

    def test_logaddexp_far_apart(self) -> None:
        def f(x: Any) -> Any:
            return ag.sum(np.logaddexp(x, -x))

        for dtype, x in ((np.float16, 8.0), (np.float32, 50.0), (np.float64, 400.0)):
            at = np.array([x], dtype)
            assert ag.jvp(ag.grad(f), (at,), (np.ones(1, dtype),))[1] == pytest.approx(0, abs=1e-6)


class TestInPlace:
    def test_out_never_writes_into_a_published_array(self) -> None:
        u = tracked([1.0, 2.0])
        y = (u * u).sum()
        ones = ag.Tensor(np.ones((3, 2)))
        with pytest.raises(ag.InPlaceError, match="no_grad"):
            np.sum(ones, axis=0, out=u)
        with ag.no_grad():
            np.sum(ones, axis=0, out=u)
            np.concatenate([ag.Tensor([5.0]), ag.Tensor([6.0])], out=u)
            np.clip(ag.Tensor([7.0, 8.0]), 0, 7.5, out=u)
        assert u.tolist() == [7.0, 7.5]
        y.backward()
        assert u.grad.tolist() == [2.0, 4.0]

    def test_out_is_refused_before_it_is_written(self) -> None:
        a = np.zeros(2)
        for call in (
            lambda: np.sum(tracked(np.ones((3, 2))), axis=0, out=a),
            lambda: np.add.reduce(tracked(np.ones((3, 2))), out=a),
        ):
            with pytest.raises(ag.InPlaceError, match="out="):
                call()
            assert a.tolist() == [0.0, 0.0]
        np.sum(ag.Tensor(np.ones((3, 2))), axis=0, out=a)
        assert a.tolist() == [3.0, 3.0]

    def test_out_with_where_and_casting(self) -> None:
        mask = np.array([True, False, True])
        for target in (np.full(3, 7.0), ag.Tensor(np.full(3, 7.0))):
            np.add(ag.Tensor([1.0, 2.0, 3.0]), 10.0, out=target, where=mask)
            assert target.tolist() == [11.0, 7.0, 13.0]
        integers = np.array([1, 2])
        with pytest.raises(TypeError, match="same_kind"):
            integers += ag.Tensor([0.5, 0.5])
        small = ag.Tensor(np.array([200], np.uint8))
        with pytest.raises(ag.InPlaceError, match="int64"):
            small += np.array([100], np.int64)

    def test_writes_through_views_are_refused(self) -> None:
        for x in (tracked(np.zeros((2, 2))) * 1.0, ag.Tensor(np.zeros((2, 2)))):
            rows = [x[0]]
            views = [x[0], x.T, x.reshape(-1), x[:, 1], x.ravel()]
            for v in views:
                with pytest.raises(ag.InPlaceError, match=r"x\[0\] \+= 1"):
                    v[0] = 5.0
                with pytest.raises(ag.InPlaceError, match=r"x\[0\] \+= 1"):
                    v += 1.0
            with pytest.raises(ag.InPlaceError):
                rows[0] += 1.0
            with pytest.raises(ag.InPlaceError):
                x[0][1] += 5.0
            x[0, 1] += 5.0
            x[1] += 2.0
            assert x.tolist() == [[0.0, 5.0], [2.0, 2.0]]

    def test_an_inner_tensor_under_no_grad(self) -> None:
        h = tracked([1.0, 2.0]) * 1.0
        with ag.no_grad():
            with pytest.raises(ag.InPlaceError, match="no_grad"):
                h += 1.0
            with pytest.raises(ag.InPlaceError, match="no_grad"):
                h[0] = 0.0
        assert h.requires_grad

    def test_an_alias_of_data_that_comes_back(self) -> None:
        x = tracked([1.0, 2.0])
        y = (x * x).sum()
        d = x.data[:]
        d -= 0.5
        x.data = d
        with pytest.raises(ag.OverwrittenError):
            y.backward()

    def test_integers_cannot_hold_what_is_tracked(self) -> None:
        x = ag.Tensor([1, 2])
        with pytest.raises(ag.InPlaceError, match="dtype=float"):
            x[0] = tracked(2.7)

    def test_zero_dimensional_and_empty(self) -> None:
        t = ag.Tensor(1.0)
        t[...] = 5.0
        assert t.item() == 5.0
        v, s = tracked(2.0), tracked(3.0) * 1.0
        s[()] = v
        s.backward()
        assert v.grad == 1.0
        assert ag.Tensor([1.0, 2.0])[[]].shape == (0,)

    def test_a_value_with_further_axes_of_one(self) -> None:
        v = tracked(np.ones((1, 2)))
        x = ag.Tensor(np.zeros(3))
        x[:2] = v
        (x * np.array([1.0, 2.0, 3.0])).sum().backward()
        assert v.grad.tolist() == [[1.0, 2.0]]


class TestTensors:
    def test_complex_gradients_of_real_values_are_refused(self) -> None:
        t = tracked(2.0)
        with pytest.raises(ag.NotDifferentiableError, match="complex"):
            (t * 1.0).backward(np.array(1j))
        with pytest.raises(ag.NotDifferentiableError, match="complex"):
            t.grad = np.array(1j)

    def test_a_tensor_of_a_tracked_one(self) -> None:
        with pytest.raises(TypeError, match=r"clone\(\).*detach\(\)"):
            ag.Tensor(tracked(1.0) * 2)
        assert ag.Tensor(ag.Tensor(1.0)).item() == 1.0

    def test_requires_grad_off_and_on(self) -> None:
        w = tracked([1.0, 2.0])
        y = (w * w).sum()
        w.requires_grad_(False)
        assert not (w * 2).requires_grad
        w.requires_grad_(True)
        y.backward()
        assert w.grad.tolist() == [2.0, 4.0]

    def test_arrays_with_rules_of_their_own(self) -> None:
        with pytest.raises(TypeError, match="MaskedArray"):
            ag.Tensor(np.ma.array([1.0, 2.0], mask=[0, 1]))
        with pytest.warns(PendingDeprecationWarning):
            m = np.matrix([[1.0]])
        with pytest.raises(TypeError, match="matrix"):
            tracked([[1.0]]) * m

    def test_local_derivatives_are_arrays(self) -> None:
        x = tracked([1.5, 2.5])
        (d,) = x[0].local_derivatives
        assert d(np.float64(2.0)).tolist() == [2.0, 0.0]
        (d,) = np.floor(x).local_derivatives
        assert d(np.ones(2)).tolist() == [0.0, 0.0]
        a = np.diag([3.0, 1.0])
        values = np.linalg.svd(tracked(a))[1]
        (pick,), (node,) = values.local_derivatives, values.parents
        (d,) = node.local_derivatives
        np.testing.assert_allclose(d(pick(np.array([1.0, 0.0]))), np.diag([1.0, 0.0]))

    def test_no_grad_on_a_generator(self) -> None:
        with pytest.raises(TypeError, match="generator"):

            @ag.no_grad()
            def numbers() -> Any:
                yield 1


class TestOps:
    def test_power_at_zero_to_second_order(self) -> None:
        x, y = tracked(2.0), tracked(0.0)
        gx, gy = ag.gradients(x**y, [x, y], create_graph=True)
        assert ag.gradients(gx, y).item() == 0.5
        assert ag.gradients(gy, x).item() == 0.5

    @pytest.mark.parametrize("scale", [1e-23, 1e20])
    def test_arctan2_in_float32(self, scale: float) -> None:
        x, y = tracked(np.float32(scale)), tracked(np.float32(scale))
        np.arctan2(x, y).backward()
        assert x.grad == pytest.approx(0.5 / scale, rel=1e-6)
        assert y.grad == pytest.approx(-0.5 / scale, rel=1e-6)

    def test_user_rules_of_the_wrong_kind(self) -> None:
        def square(x: Any) -> Any:
            return x * x

        for rule, message in [
            (lambda g, _out, x: g[:, None] * x, r"shape \(2, 2\)"),
            (lambda g, _out, x: None, "returned None"),
            (lambda g, _out, x: 2.0, "returned 2.0"),
        ]:
            f = ag.defop(square, rule, kind="elementwise")
            try:
                with pytest.raises((ag.ShapeError, TypeError), match=f"square: .*{message}"):
                    f(tracked([1.0, 2.0])).sum().backward()
            finally:
                for key in [k for k, op in ag.OPS.items() if op.fn is square]:
                    del ag.OPS[key]

    def test_mean_of_nothing(self) -> None:
        x = tracked(np.zeros((0, 3)))
        with pytest.warns(RuntimeWarning):
            y = x.mean(axis=0)
        y.sum().backward()
        assert x.grad.shape == (0, 3)

    def test_take_along_axis_broadcasts(self) -> None:
        x = tracked(np.arange(6.0).reshape(2, 3))
        y = np.take_along_axis(x, np.array([[2, 0]]), axis=1)
        np.testing.assert_array_equal(y.detach(), [[2.0, 0.0], [5.0, 3.0]])
        y.sum().backward()
        np.testing.assert_array_equal(x.grad, [[1.0, 0.0, 1.0]] * 2)

    def test_split_with_overlaps_and_gaps(self) -> None:
        for cuts in ([3, 1], [0, 3, 2, 9], [7], [2, 9]):
            x = tracked(np.arange(5.0))
            pieces = np.split(x, cuts)
            weights = [np.arange(1.0, p.size + 1) for p in pieces]
            sum((p * w).sum() for p, w in zip(pieces, weights, strict=True)).backward()
            expected = np.zeros(5)
            ends = [0, *cuts, 5]
            for w, start, end in zip(weights, ends[:-1], ends[1:], strict=True):
                expected[start:end] += w
            np.testing.assert_array_equal(x.grad, expected)

    def test_einsum_broadcasts_axes_of_one(self) -> None:
        a, b = tracked(np.ones(1)), tracked(np.arange(3.0))
        ag.einsum("i,i", a, b).backward()
        assert a.grad.tolist() == [3.0]
        assert b.grad.tolist() == [1.0] * 3
        c, d = tracked(np.ones((2, 1))), tracked(np.arange(3.0).reshape(1, 3))
        ag.einsum("ij,ij->i", c, d).sum().backward()
        assert c.grad.tolist() == [[3.0], [3.0]]
        assert d.grad.tolist() == [[2.0] * 3]

    def test_einsum_with_lists_of_labels(self) -> None:
        a = np.arange(6.0).reshape(2, 3)
        for labels in ([26, 0], [0, 26], [3, 1]):
            np.testing.assert_array_equal(
                np.einsum(tracked(a), labels).detach(), np.einsum(a, labels)
            )
        np.testing.assert_array_equal(
            np.einsum(tracked(a), [0, 1], a, [2, 1], [0, 2]).detach(), a @ a.T
        )

    def test_product_of_many_with_a_zero(self) -> None:
        x = np.ones(20_000)
        x[7] = 0.0
        g = ag.grad(np.prod)(x)
        assert g[7] == 1.0
        assert np.count_nonzero(g) == 1

    def test_errors_say_what_is_wrong(self) -> None:
        with pytest.raises(ValueError, match="negative integer powers"):
            ag.Tensor([1, 2]) ** -1

    def test_lists_and_numbers(self) -> None:
        x = tracked([1.0, 2.0])
        assert np.dot(x, [3.0, 4.0]).item() == 11.0
        assert x.dot([3.0, 4.0]).item() == 11.0
        np.testing.assert_allclose(ag.softmax([0.0, 0.0]), [0.5, 0.5])
        assert ag.sigmoid(0.0) == 0.5
        assert ag.logsumexp([0.0]) == 0.0
        quotient, rest = divmod(3.0, ag.Tensor(2.0))
        assert (quotient.item(), rest.item()) == (1.0, 1.0)


class TestSecondReview:
    def test_where_with_a_tracked_target(self) -> None:
        w = tracked([1.0, 2.0, 3.0])
        h = w * w
        mask = np.array([True, False, True])
        np.multiply(np.ones(3), 5.0, out=h, where=mask)
        assert h.tolist() == [5.0, 4.0, 5.0]
        (h + w).sum().backward()
        assert w.grad.tolist() == [1.0, 5.0, 1.0]

    def test_nearly_repeated_singular_values(self) -> None:
        rng = np.random.default_rng(0)
        values = ag.grad(lambda a: (ag.linalg.svd(a)[1] ** 2).sum())

        def twice(a: Any) -> Any:
            return values(a).sum()

        for _ in range(6):
            q, p = (np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(2))
            a = q @ np.diag([3.0, 1.0, 1.0]) @ p
            np.testing.assert_allclose(values(a), 2 * a, atol=1e-12)
            for f in (twice, lambda a: ag.linalg.svd(a)[0].sum()):
                with pytest.raises(np.linalg.LinAlgError, match="repeat"):
                    ag.grad(f)(a)

    def test_tangents_are_matched_by_name(self) -> None:
        def f(d: Any) -> Any:
            return 2 * d["a"] + d["b"]

        primals = ({"a": 1.0, "b": 2.0},)
        assert ag.jvp(f, primals, ({"b": 1.0, "a": 0.0},))[1] == 1.0
        with pytest.raises(ValueError, match=r"tangents at \[0\] must be a dict"):
            ag.jvp(f, primals, ([0.0, 1.0],))
        with pytest.raises(TypeError, match="tuple of primals"):
            ag.jvp(np.sin, np.ones(2), np.ones(2))

    def test_no_grad_on_what_runs_later(self) -> None:
        async def later() -> None: ...

        class Model: ...

        for func in (later, Model):
            with pytest.raises(TypeError, match="open the block inside"):
                ag.no_grad()(func)

    def test_freezing_keeps_name_and_forgets_gradients(self) -> None:
        w = tracked([1.0, 2.0])
        (w * w).sum().backward()
        w.requires_grad_(False)
        w.zero_grad()
        w.name = "frozen"
        w.requires_grad_(True)
        assert w.grad is None
        assert w.name == "frozen"

    def test_split_pieces_are_views(self) -> None:
        for t in (ag.Tensor(np.zeros((2, 2))), tracked(np.zeros((2, 2))) * 1.0):
            piece, _ = np.split(t, 2)
            with pytest.raises(ag.InPlaceError):
                piece += 1.0

    def test_copies_are_no_views(self) -> None:
        for t in (ag.Tensor(np.zeros((3, 4))), tracked(np.zeros((3, 4))) * 1.0):
            for copy in (t[:, [0, 1]], t.flatten(), t.T.reshape(-1), t * 1.0):
                copy += 1.0
                assert copy.sum().item() == copy.size
            assert t.sum().item() == 0.0

    def test_the_gradient_of_a_value_names_gradients(self) -> None:
        x = tracked([1.0])
        for wrong in ((x * x).sum(), 3.0):
            with pytest.raises(TypeError, match=r"gradients\(output, wrt\)"):
                ag.grad(wrong)

    def test_check_gradients_sees_a_lost_cotangent(self) -> None:
        def cube(x: Any) -> Any:
            return x**3

        f = ag.defop(
            cube, lambda g, _out, x: ag.asarray(g).detach().data * 3 * x * x, kind="elementwise"
        )
        try:
            with pytest.raises(ag.testing.GradientCheckError, match="order 2"):
                ag.testing.check_gradients(f, np.array([1.0, 2.0]), order=2)
        finally:
            for key in [k for k, op in ag.OPS.items() if op.fn is cube]:
                del ag.OPS[key]

    def test_check_gradients_takes_what_users_pass(self) -> None:
        check = ag.testing.check_gradients
        x = np.array([0.3, 0.6])
        check(lambda x: x.tanh(), x, order=2)
        check(lambda x, i, n: x[i] * n, x, np.array([0, 1, 1]), 3, order=2)
        check(lambda x: {"a": np.sin(x), "b": (x * 2, x.sum())}, x, order=2)
        w = tracked(x)
        with ag.no_grad():
            check(lambda: (w * w).sum(), wrt={"w": w})
        with pytest.raises(ag.testing.GradientCheckError):
            check(lambda x: 1e-9 * x * ag.asarray(x).detach(), x)
        with pytest.raises(ValueError, match="at least 1"):
            check(np.sin, x, elements=0)
        with pytest.raises(TypeError, match="maps names"):
            check(np.sin, x, wrt=[w])


class TestThirdReview:
    """Writes in place, methods of ufuncs, parameters: each was wrong once."""

    def test_a_tensor_written_into_itself(self) -> None:
        x = tracked([1.0, 2.0, 3.0])
        y = x * 1.0
        y[::-1] = y
        ((y * np.array([1.0, 10.0, 100.0])).sum() + (y * 3.0).sum()).backward()
        assert x.grad.tolist() == [103.0, 13.0, 4.0]

    def test_a_function_that_changes_its_argument(self) -> None:
        def f(x: Any) -> Any:
            x *= 2.0
            return (x * x).sum()

        assert ag.grad(f)(tracked([1.0, 2.0])).tolist() == [8.0, 16.0]
        twice = ag.grad(lambda x: ag.grad(f)(x).sum())
        assert twice(np.array([1.0, 2.0])).tolist() == [8.0, 8.0]

    def test_at_sums_in_the_dtype_of_the_target(self) -> None:
        t = ag.Tensor([0.0, 0.0])
        np.add.at(t, [0, 0], np.array([100, 100], np.int8))
        np.add.at(t, [1, 1], True)
        assert t.tolist() == [200.0, 2.0]
        n = ag.Tensor([1, 2])
        for ufunc, value in [(np.add, 1.5), (np.multiply, 1.5)]:
            with pytest.raises(TypeError, match="cannot cast"):
                ufunc.at(n, [0], value)
        with pytest.raises(TypeError, match="cannot cast"):
            np.add.at(t, [0], 1j)
        assert (n.tolist(), t.tolist()) == ([1, 2], [200.0, 2.0])

    @pytest.mark.parametrize(
        "ufunc", [np.subtract, np.divide, np.hypot, np.logaddexp, np.fmax, np.power, np.add]
    )
    @pytest.mark.parametrize("axis", [0, 1, -1])
    def test_reduce_skips_what_is_masked(self, ufunc: Any, axis: int) -> None:
        x = np.array([[1.0, 2.0, 3.0], [0.5, 1.5, 2.5]])
        mask = np.array([[True, False, True], [False, True, True]])
        options = {"axis": axis, "where": mask, "initial": 1.5}
        got = ufunc.reduce(tracked(x), **options)
        np.testing.assert_allclose(got.data, plain(ufunc).reduce(x, **options), rtol=1e-14)

        def f(x: Any) -> Any:
            u = ufunc if isinstance(x, ag.Tensor) else plain(ufunc)
            return u.reduce(x * 1.0, **options)

        ag.testing.check_gradients(f, x)

    def test_axes_of_reduce_are_checked(self) -> None:
        t = tracked(np.ones((2, 3)))
        for axis in (5, 2, -3):
            with pytest.raises(np.exceptions.AxisError):
                np.hypot.reduce(t, axis=axis)
        assert np.subtract.reduce(t[:0], axis=1).shape == (0,)
        assert np.hypot.reduce(t[:0]).requires_grad
        assert np.add.reduceat(t, [], axis=1).shape == (2, 0)
        assert np.maximum.reduce(t, dtype=np.float32).dtype == np.float32
        assert np.multiply.outer(tracked(np.ones(2, np.float32)), 2).dtype == np.float64

    def test_lists_given_as_parameters_may_change_later(self) -> None:
        x, counts, index = tracked([1.0, 2.0, 3.0]), [1, 2, 3], [0, 2]
        y, z = np.repeat(x, counts), np.take(x, index)
        counts[:] = [3, 2, 1]
        index[0] = 1
        (y.sum() + 10.0 * z.sum()).backward()
        assert x.grad.tolist() == [11.0, 2.0, 13.0]

    @pytest.mark.parametrize(
        "f", [np.rot90, np.fliplr, np.flipud, np.atleast_3d, lambda t: np.hsplit(t, 2)[0]]
    )
    @pytest.mark.parametrize("requires_grad", [False, True])
    def test_writes_into_views_are_refused(self, f: Any, requires_grad: bool) -> None:
        y = ag.Tensor(np.ones((2, 2)), requires_grad=requires_grad) * 1.0
        r = f(y)
        with pytest.raises(ag.InPlaceError, match="read out of another"):
            r[...] = -7.0
        assert (y.data == 1.0).all()

    def test_weights_of_histogram_are_not_cut(self) -> None:
        with pytest.raises(TypeError, match="histogram.*'weights'"):
            np.histogram(np.arange(3.0), weights=tracked([1.0, 2.0, 3.0]))

    def test_a_complex_tangent_of_a_real_value(self) -> None:
        with pytest.raises(TypeError, match="complex"):
            ag.jvp(np.sin, (1.0,), (1j,))

    def test_a_write_that_cannot_be_cast_writes_nothing(self) -> None:
        y = tracked(np.ones(2, np.float32)) * 1.0
        v = tracked(np.array([1e300]))
        with np.errstate(over="raise"), pytest.raises(FloatingPointError):
            y[0:1] = v
        assert y.tolist() == [1.0, 1.0]

    def test_where_keeps_the_dtype_and_looks_at_nothing_else(self) -> None:
        mask = np.array([True, False])
        assert np.add(ag.Tensor([1, 2]), 1, where=mask).dtype == int
        assert np.equal(ag.Tensor([1, 2]), 1, where=mask).dtype == bool
        np.exp(tracked([1.0, 1000.0]), where=mask)  # a warning would be an error

    def test_out_of_a_reduction_must_fit(self) -> None:
        with pytest.raises(ag.InPlaceError, match="shape"):
            np.sum(tracked([1.0, 2.0]), out=ag.Tensor(np.zeros(3)))

    def test_several_results_have_several_places(self) -> None:
        t, a, b = tracked([1.5, 2.25]), ag.Tensor(np.zeros(2)), ag.Tensor(np.zeros(2))
        np.modf(t, out=(a, b))
        assert (a.tolist(), b.tolist()) == ([0.5, 0.25], [1.0, 2.0])
        a.sum().backward()
        assert t.grad.tolist() == [1.0, 1.0]

    def test_exponents_of_integer_dtypes(self) -> None:
        t = tracked([2.0, 1.01])
        (t ** np.array([0, 128], np.uint8)).sum().backward()
        np.testing.assert_allclose(t.grad, [0.0, 128 * 1.01**127], rtol=1e-12)
        assert ag.grad(lambda x: x ** np.int8(-128))(1.01) == pytest.approx(-128 * 1.01**-129)

    def test_conditions_and_indices_may_change_later(self) -> None:
        x, condition = tracked([1.0, 2.0, 3.0]), np.array([True, False, True])
        indices = np.array([0, 0, 2])
        y = np.where(condition, x, 0.0).sum() + 10.0 * np.take_along_axis(x, indices, 0).sum()
        condition[:] = [False, True, False]
        indices[:] = 1
        y.backward()
        assert x.grad.tolist() == [21.0, 0.0, 11.0]

    def test_shapes_are_plain_numbers(self) -> None:
        t = tracked(np.ones((2, 3)))
        n, m = np.shape(t)
        assert (n * 2, m + 1, np.size(t), np.ndim(t)) == (4, 4, 6, 2)
        assert isinstance(n, int)

    def test_tensors_as_masks_of_arrays(self) -> None:
        mask = ag.Tensor([True, False, True])
        assert np.sum(np.arange(3.0), where=mask).item() == 2.0
        assert np.maximum.reduce(np.arange(3.0), where=mask, initial=-1.0).item() == 2.0
        with pytest.raises(TypeError, match="options"):
            np.add.reduce(tracked([1.0]), initial=tracked(1.0))

    def test_operands_that_are_no_numbers(self) -> None:
        with pytest.raises(TypeError, match="where of .*NoneType: an operand is neither"):
            np.where(np.array([True]), tracked([1.0]), None)

    def test_text_of_a_tracked_tensor(self) -> None:
        assert "1.5" in np.array_repr(tracked([1.5])) + np.array2string(tracked([1.5]))
