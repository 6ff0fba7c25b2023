"""Back-propagation: accumulation, release, aliasing, depth, threads, and what is refused."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core import walk


def tracked(values: Any, **kwargs: Any) -> ag.Tensor:
    return ag.Tensor(values, requires_grad=True, **kwargs)


class TestAccumulation:
    def test_two_uses_have_two_terms(self) -> None:
        W, x = tracked(np.arange(6.0).reshape(2, 3)), np.array([1.0, -1.0, 2.0])
        v = np.array([0.3, -0.7, 0.1])
        (W.T @ (W @ x)).backward(v)
        data = W.data
        expected = np.outer(data @ x, v) + np.outer(data @ v, x)
        np.testing.assert_allclose(W.grad, expected, rtol=1e-12)

    def test_calls_add_up_and_zero_grad_forgets(self) -> None:
        t = tracked([1.0, 2.0])
        for k in (1, 2, 3):
            (t * 3).sum().backward()
            np.testing.assert_array_equal(t.grad, [3.0 * k] * 2)
        t.zero_grad()
        assert t.grad is None

    def test_a_weight_used_many_times(self) -> None:
        w = tracked(0.9)
        h = 1.0
        for _ in range(25):
            h = w * h
        h.backward()
        assert w.grad == pytest.approx(25 * 0.9**24)

    def test_indexing_in_a_loop(self) -> None:
        x = tracked(np.arange(5.0))
        sum(x[i] * float(i) for i in range(5)).backward()
        np.testing.assert_array_equal(x.grad, np.arange(5.0))

    def test_a_leaf_behind_a_zero_derivative_gets_zeros(self) -> None:
        x = tracked([1.5, 2.5])
        np.floor(x).sum().backward()
        np.testing.assert_array_equal(x.grad, [0.0, 0.0])


class TestAliasing:
    def test_gradients_are_fresh_arrays(self) -> None:
        x, y, seed = tracked(np.ones(3)), tracked(np.ones(3)), np.ones(3)
        (x + y).backward(seed)
        for a, b in [(x.grad, y.grad), (x.grad, seed), (y.grad, seed)]:
            assert not np.shares_memory(a, b)
        x.grad += 1
        np.testing.assert_array_equal(y.grad, np.ones(3))

    def test_not_the_operands_nor_the_users_arrays(self) -> None:
        c, x = np.full(3, 2.0), tracked(np.ones(3))
        (x * c).sum().backward()
        g = ag.grad(lambda t: (t * c).sum())(np.ones(3))
        for found in (x.grad, g):
            assert not np.shares_memory(found, c)
            assert found.flags.writeable
        (h,) = ag.gradients(x.sum(), [x])
        h.data[...] = 5.0
        np.testing.assert_array_equal(x.data, np.ones(3))

    def test_views_are_copied(self) -> None:
        x = tracked(np.ones((2, 3)))
        x.T.backward(np.arange(6.0).reshape(3, 2))
        assert x.grad.base is None
        x.zero_grad()
        x.sum().backward()
        x.grad[0, 0] = 7.0
        assert x.grad[1, 1] == 1.0


class TestRelease:
    def test_second_backward_names_the_remedy(self) -> None:
        x = tracked(2.0)
        y = x * x
        y.backward()
        with pytest.raises(ag.ReleasedError, match="retain_graph=True"):
            y.backward()
        with pytest.raises(ag.ReleasedError):
            ag.gradients(y, x)
        assert x.grad == 4.0

    def test_retain_graph(self) -> None:
        x = tracked(2.0)
        y = x * x
        y.backward(retain_graph=True)
        y.backward()
        assert x.grad == 8.0

    def test_only_what_rules_name_is_kept(self) -> None:
        big = np.ones(1000)
        x = tracked(big)
        for y, kept in [(x + big, 0), (x * big, 1), (np.tanh(x), 1), (np.sum(x), 0)]:
            node = y._node
            arrays = [v for v in (node.out, *node.operands) if isinstance(v, np.ndarray)]
            assert len(arrays) == kept

    def test_gradients_release_nothing_and_leave_grad_alone(self) -> None:
        x = tracked(3.0)
        y = x * x
        assert ag.gradients(y, x).item() == 6.0
        assert ag.gradients(y, x).item() == 6.0
        assert x.grad is None

    def test_published_values_are_what_an_old_graph_uses(self) -> None:
        p = tracked([1.0, 2.0])
        y = (p * p).sum()
        p.data = p.data - 10.0
        y.backward()
        np.testing.assert_array_equal(p.grad, [2.0, 4.0])


class TestRefusals:
    def test_no_scalar_no_gradient(self) -> None:
        x = tracked(np.ones((2, 3)))
        with pytest.raises(ag.GradientError, match=r"shape \(2, 3\) needs a gradient"):
            (x * 2).backward()
        with pytest.raises(
            ag.GradientError, match=r"\(3,\) was given for a value of shape \(2, 3\)"
        ):
            (x * 2).backward(np.ones(3))
        assert x.grad is None

    def test_constants(self) -> None:
        with pytest.raises(ag.GradientError, match="requires_grad=True"):
            ag.Tensor(1.0).backward()
        with ag.no_grad():
            y = tracked(1.0) * 2
        with pytest.raises(ag.GradientError, match="no_grad"):
            y.backward()

    def test_shapes_that_do_not_broadcast(self) -> None:
        x, y = tracked(np.ones((2, 3))), tracked(np.ones(4))
        for op in ("add", "multiply", "maximum"):
            with pytest.raises(ag.ShapeError, match=rf"{op}: shapes \(2, 3\) and \(4,\)"):
                getattr(np, op)(x, y)
        with pytest.raises(ag.ShapeError, match=r"add: shapes \(2, 3\) and \(4,\)"):
            x + y
        with pytest.raises(ag.ShapeError, match=r"multiply: shapes \(4,\) and \(2, 3\)"):
            np.ones(4) * x
        with pytest.raises(ValueError, match=r"matmul of shape \(2, 3\) and \(4,\)"):
            x @ y
        with pytest.raises(ValueError, match=r"concatenate of shape \(2, 3\) and \(4,\)"):
            np.concatenate([x, y])

    def test_wrong_shape_from_a_rule(self) -> None:
        def double(x: Any) -> Any:
            return 2 * x

        f = ag.defop(double, lambda g, _out, _x: 2 * g[:1])
        x = tracked(np.ones(3))
        try:
            with pytest.raises(
                ag.ShapeError, match=r"double: the rule of operand 0 .*\(1,\).*\(3,\)"
            ):
                f(x).sum().backward()
            assert x.grad is None
        finally:
            for key in [k for k, op in ag.OPS.items() if op.fn is double]:
                del ag.OPS[key]

    def test_all_or_none(self) -> None:
        def failing(x: Any) -> Any:
            return x.copy()

        def rule(_g: Any, _out: Any, _x: Any) -> Any:
            raise KeyError("inside a rule")

        f = ag.defop(failing, rule)
        x, y = tracked(1.0), tracked(1.0)
        z = x * 2 + f(y) * 3
        try:
            with pytest.raises(KeyError):
                z.backward()
            assert x.grad is None
            assert y.grad is None
            assert ag.recording()
        finally:
            for key in [k for k, op in ag.OPS.items() if op.fn is failing]:
                del ag.OPS[key]


class TestGradientsAddedInPlace:
    """Sums are added up in an array of the walk's own, and in no array that another can see."""

    @staticmethod
    def gradient(rule: Any, uses: int = 3) -> Any:
        def double(x: Any) -> Any:
            return 2 * x

        f = ag.defop(double, lambda g, _out, _x: rule(g))
        x = tracked(np.ones((20, 30)))
        try:
            terms = [f(x).sum() for _ in range(uses)]
            sum(terms[1:], terms[0]).backward()
        finally:
            for key in [k for k, op in ag.OPS.items() if op.fn is double]:
                del ag.OPS[key]
        return x.grad

    @pytest.mark.skipif(sys.version_info >= (3, 14), reason="references are counted otherwise")
    def test_in_the_first_of_them(self) -> None:
        places = []

        def rule(g: Any) -> Any:
            fresh = 2 * g
            places.append(fresh.ctypes.data)
            return fresh

        total = self.gradient(rule)
        np.testing.assert_array_equal(total, np.full((20, 30), 6.0))
        assert total.ctypes.data == places[0]

    def test_not_in_what_a_rule_keeps(self) -> None:
        kept = []

        def rule(g: Any) -> Any:
            kept.append(2 * g)
            return kept[-1]

        np.testing.assert_array_equal(self.gradient(rule), np.full((20, 30), 6.0))
        np.testing.assert_array_equal(kept, np.full((3, 20, 30), 2.0))

    def test_not_in_what_a_view_shows(self) -> None:
        shown = []

        def rule(g: Any) -> Any:
            fresh = 2 * g
            shown.append(fresh.T[:2])
            return fresh

        np.testing.assert_array_equal(self.gradient(rule), np.full((20, 30), 6.0))
        np.testing.assert_array_equal(shown, np.full((3, 2, 20), 2.0))

    def test_not_in_one_array_returned_each_time_or_in_a_view_or_where_none_may_write(self) -> None:
        same = np.full((20, 30), 2.0)
        base = np.full((30, 20), 2.0)

        def locked(g: Any) -> Any:
            fresh = 2 * g
            fresh.flags.writeable = False
            return fresh

        for rule in (lambda _: same, lambda _: base.T, locked):
            np.testing.assert_array_equal(self.gradient(rule), np.full((20, 30), 6.0))
        assert (same == 2).all()
        assert (base == 2).all()

    def test_not_in_what_another_operand_gets_too(self) -> None:
        """Of a sum both operands get the very array that came in."""
        x, y = tracked(np.ones(4)), tracked(np.ones(4))
        h, k = x * 2.0, y * 3.0
        later = h * 5.0 + k * 7.0  # so that more is added to both, one after the other
        ((h + k) * 11.0 + later).sum().backward()
        np.testing.assert_array_equal(x.grad, np.full(4, 2 * (11 + 5.0)))
        np.testing.assert_array_equal(y.grad, np.full(4, 3 * (11 + 7.0)))

    def test_not_in_what_a_hook_saw_or_a_seed(self) -> None:
        x, seen = tracked(np.ones(4)), []
        h = x * 2.0
        u, v = h * 1.0, h * 5.0
        for t in (h, u, v):
            t.register_hook(seen.append)
        seed = np.ones(4)
        (h + u + v).backward(seed)
        np.testing.assert_array_equal(x.grad, np.full(4, 14.0))
        np.testing.assert_array_equal(seen, [[1.0] * 4, [1.0] * 4, [7.0] * 4])
        np.testing.assert_array_equal(seed, np.ones(4))

    def test_bit_for_bit_as_if_added_into_a_new_array(self, monkeypatch: Any) -> None:
        """Graphs at random, of ops that hand on what came in, views of it, and parts."""

        def grown(seed: int) -> list[Any]:
            rng = np.random.default_rng(seed)
            leaves = [tracked(rng.normal(size=(3, 3))) for _ in range(2)]
            pool = [leaf * leaf for leaf in leaves]
            for k in rng.integers(0, len(RANDOM_OPS), 12):
                a, b = (pool[i] for i in rng.integers(0, len(pool), 2))
                pool.append(RANDOM_OPS[k](a, b))
                if k % 3 == 0:
                    pool[-1].retain_grad()
            weighted = zip(pool, rng.normal(size=len(pool)), strict=True)
            total = sum((t.sum() * w for t, w in weighted), pool[0].sum())
            total.backward(retain_graph=True)
            once = [leaf.grad.copy() for leaf in leaves]
            total.backward()
            return [*once, *(t.grad for t in (*leaves, *pool) if t.grad is not None)]

        for seed in range(60):
            monkeypatch.setattr(walk, "COUNTED", True)
            in_place = grown(seed)
            monkeypatch.setattr(walk, "COUNTED", False)
            np.testing.assert_array_equal(in_place, grown(seed))


def overwritten(a: Any, b: Any) -> Any:
    c = a * 1.0
    c[1] = b[0]
    return c


RANDOM_OPS: list[Any] = [
    lambda a, b: a + b,
    lambda a, b: 0.1 * a @ b,
    lambda a, _: a.T,
    lambda a, _: a[::-1],
    overwritten,
    lambda a, b: np.where(np.eye(3, dtype=bool), a, b),
    lambda a, b: np.concatenate([a[:1], b[1:]]),
    lambda a, b: np.broadcast_to(a[0], (3, 3)) - b,
    lambda a, b: np.split(np.stack([a, b]), 2)[1][0],
    lambda a, _: a + a,
]


class TestScale:
    @pytest.mark.parametrize("op", [lambda y: y + 1.0, lambda y: -y])
    def test_a_million_chained_ops(self, op: Any) -> None:
        x = tracked(1.0)
        y = x
        for _ in range(1_000_000):
            y = op(y)
        limit = sys.getrecursionlimit()
        y.backward()
        assert abs(x.grad) == 1.0
        assert sys.getrecursionlimit() == limit
        node = weakref.ref(y)
        del y  # freed here, without recursion
        assert node() is None

    def test_freed_without_the_garbage_collector(self) -> None:
        gc.collect()
        gc.disable()
        try:
            value = np.ones(10)
            gone = weakref.ref(value)
            x = tracked(1.0)
            y = x
            t = ag.asarray(value)
            for _ in range(20_000):
                y = y * t + 1e-6
            z = (y * y).sum()
            g = ag.gradients(z, x, create_graph=True)
            g.backward()
            del value, t, y, z, g
            assert gone() is None
            assert gc.collect() == 0
        finally:
            gc.enable()

    def test_threads_share_parameters(self) -> None:
        rng = np.random.default_rng(0)
        W, b = tracked(rng.normal(size=(20, 10))), tracked(rng.normal(size=10))
        batches = [rng.normal(size=(16, 20)) for _ in range(4)]

        def work(x: Any) -> None:
            for _ in range(25):
                ag.log_softmax(np.tanh(x @ W + b)).sum().backward()

        for x in batches:
            work(x)
        alone = W.grad, b.grad
        W.zero_grad()
        b.zero_grad()
        threads = [threading.Thread(target=work, args=(x,)) for x in batches]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for t, expected in zip((W, b), alone, strict=True):
            # The same hundred gradients, added in another order.
            np.testing.assert_allclose(t.grad, expected, rtol=1e-9, atol=1e-9)

    def test_a_new_thread_records(self) -> None:
        found = []
        with ag.no_grad():
            thread = threading.Thread(target=lambda: found.append(ag.recording()))
            thread.start()
            thread.join()
        assert found == [True]


def test_backward_is_silent() -> None:
    x = tracked([0.0, 1.0])
    y = np.sqrt(x).sum()
    y.backward()  # the derivative at 0 is infinite; pytest turns a warning into an error
    assert x.grad.tolist() == [np.inf, 0.5]


def test_node_gradients_and_topological_order() -> None:
    x = tracked(2.0)
    y = x * x
    z = np.exp(y)
    order = ag.topological_order([z._node])
    assert [n.op.name if n.op else "leaf" for n in order] == ["leaf", "multiply", "exp"]
    found = ag.node_gradients(z._node, np.float64(1.0))
    e = np.exp(4.0)
    assert [float(found[n]) for n in order] == pytest.approx([4 * e, e, 1.0])
    assert x.grad is None
    z.backward()
    with pytest.raises(ag.ReleasedError):
        ag.node_gradients(z._node, np.float64(1.0))


def test_keep_values() -> None:
    x = tracked([1.0, 2.0])
    with ag.keep_values() as kept:
        y = (x + 1.0) * 2.0
    assert [v.tolist() for v in kept.values()] == [[2.0, 3.0], [4.0, 6.0]]
    assert y._node in kept
