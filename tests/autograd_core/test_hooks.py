"""Hooks on gradients, and kept gradients of computed tensors."""

import copy
import gc
import pickle
import threading
import weakref

import numpy as np
import pytest

import autograd_core as ag

DTYPES = [np.float32, np.float64]


def leaf(value, **options) -> ag.Tensor:
    return ag.Tensor(value, requires_grad=True, **options)


class TestWhatAHookSees:
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0,)])
    def test_the_whole_gradient_of_an_inner_tensor(
        self, shape: tuple[int, ...], dtype: type
    ) -> None:
        rng = np.random.default_rng(1)
        a, u, v = (np.asarray(rng.normal(size=shape)).astype(dtype) for _ in range(3))
        x = leaf(a, dtype=dtype)
        seen = []
        y = x * x
        y.register_hook(seen.append)
        # Three readers: what they send back is summed before the hook is called.
        (y * u + np.sin(y) + y * v).backward(np.ones(shape, dtype))
        (g,) = seen
        assert isinstance(g, np.ndarray)
        assert g.dtype == dtype
        assert g.shape == shape
        np.testing.assert_allclose(g, u + v + np.cos(a * a), rtol=1e-5)
        np.testing.assert_allclose(x.grad, 2 * a * g, rtol=1e-5, atol=1e-6)

    def test_a_leaf_once_per_backward_not_the_sum_of_several(self) -> None:
        x = leaf([1.0, 2.0])
        seen = []
        x.register_hook(lambda g: seen.append(g.copy()))
        for _ in range(3):
            (x * x + x).sum().backward()
        np.testing.assert_array_equal(seen, 3 * [[3.0, 5.0]])
        np.testing.assert_array_equal(x.grad, [9.0, 15.0])

    def test_the_root(self) -> None:
        x = leaf(3.0)
        y = x * x
        y.register_hook(lambda g: 2.0 * g)
        y.backward()
        assert x.grad == 12.0

    def test_complex_gradients_in_the_users_convention(self) -> None:
        z0 = np.array([1.0 + 2.0j, -0.5 + 0.25j])
        z = leaf(z0)
        w = z * 1.0
        seen = []
        w.register_hook(seen.append)
        (abs(w) ** 2).sum().backward()
        np.testing.assert_allclose(seen[0], 2 * z0)
        np.testing.assert_allclose(z.grad, 2 * z0)

    def test_a_complex_answer_is_in_the_users_convention_too(self) -> None:
        z = leaf(np.array(1.0 + 2.0j))
        w = z * 1.0
        w.register_hook(lambda g: g * 1j)
        w.retain_grad()
        z.register_hook(lambda g: g + 1.0)
        (abs(w) ** 2).backward()
        np.testing.assert_allclose(w.grad, (2 + 4j) * 1j)
        np.testing.assert_allclose(z.grad, (2 + 4j) * 1j + 1.0)

    def test_one_output_of_several(self) -> None:
        a = np.random.default_rng(0).normal(size=(4, 3))
        x = leaf(a)
        q, r = np.linalg.qr(x)
        seen = []
        r.register_hook(seen.append)
        (2.0 * r).sum().backward(retain_graph=True)
        np.testing.assert_array_equal(seen[0], np.full((3, 3), 2.0))
        q.register_hook(seen.append)
        del seen[:]
        r.sum().backward()  # no gradient comes to q
        assert len(seen) == 1

    def test_gradients_and_grad_call_them_too(self) -> None:
        x = leaf(2.0)
        y = x * x
        y.register_hook(lambda g: 10.0 * g)
        assert ag.gradients(3.0 * y, x).item() == 120.0
        assert ag.gradients(3.0 * y, y).item() == 30.0  # what is handed out is after the hook

        def f(x):
            y = x * x
            y.register_hook(lambda g: 10.0 * g)
            return 3.0 * y

        assert ag.grad(f)(2.0) == 120.0

    def test_a_drawing_calls_none(self) -> None:
        x = leaf(2.0)
        y = x * x
        seen = []
        y.register_hook(seen.append)
        x.register_hook(seen.append)
        loss = 3.0 * y
        assert ag.node_gradients(loss._node, np.float64(1.0))[x._node] == 12.0
        assert not seen

    def test_none_is_called_where_no_gradient_arrives(self) -> None:
        x = leaf(1.5)
        y = 2.0 * x
        seen = []
        y.register_hook(seen.append)
        (np.floor(y) + x).backward()
        assert not seen
        assert x.grad == 1.0


class TestOrder:
    def test_hooks_of_one_tensor_in_order_each_seeing_what_the_one_before_left(self) -> None:
        x = leaf(3.0)
        y = x * 1.0
        y.register_hook(lambda g: g + 1.0)
        y.register_hook(lambda g: None)
        y.register_hook(lambda g: 10.0 * g)
        y.backward()
        assert x.grad == 20.0

    def test_computed_tensors_from_the_newest_to_the_oldest_then_leaves(self) -> None:
        called = []
        b = leaf(1.0)
        a = leaf(2.0)
        y = a * b
        c = leaf(3.0)
        z = y * c
        for name, t in dict(a=a, z=z, b=b, y=y, c=c).items():
            t.register_hook(lambda g, name=name: called.append(name))
        (z * 2.0).backward()
        assert called == ["z", "y", "c", "a", "b"]

    def test_remove(self) -> None:
        x = leaf(1.0)
        first = x.register_hook(lambda g: 2.0 * g)
        x.register_hook(lambda g: g + 1.0)
        first.remove()
        first.remove()
        x.backward()
        assert x.grad == 2.0

    def test_a_handle_ends_with_its_block(self) -> None:
        x = leaf(1.0)
        with x.register_hook(lambda g: 5.0 * g):
            (2.0 * x).backward()
        (2.0 * x).backward()
        assert x.grad == 12.0

    def test_a_hook_that_removes_itself(self) -> None:
        x = leaf(1.0)
        seen = []

        def once(g):
            seen.append(g)
            handle.remove()

        handle = x.register_hook(once)
        x.register_hook(lambda g: 3.0 * g)
        for _ in range(2):
            (2.0 * x).backward()
        assert len(seen) == 1
        assert x.grad == 12.0


class TestOnceUnderTheGuard:
    def test_an_inner_hook_is_called_once_and_sees_no_nan(self) -> None:
        x = leaf([0.0, 2.0])
        y = x * 1.0
        seen, later = [], []
        y.register_hook(seen.append)
        x.register_hook(later.append)
        with np.errstate(divide="ignore"):
            np.where(x.data > 0, np.log(y), 0.0).sum().backward()
        np.testing.assert_array_equal(seen, [[0.0, 0.5]])
        np.testing.assert_array_equal(later, [[0.0, 0.5]])
        np.testing.assert_array_equal(x.grad, [0.0, 0.5])

    def test_a_leafs_hook_is_called_once_after_the_repeat(self) -> None:
        x = leaf([0.0, 2.0])
        seen = []
        x.register_hook(seen.append)
        with np.errstate(divide="ignore"):
            np.where(x.data > 0, np.log(x), 0.0).sum().backward()
        np.testing.assert_array_equal(seen, [[0.0, 0.5]])

    def test_a_hook_that_answers_nan_is_not_repeated(self) -> None:
        x = leaf([1.0, 2.0])
        y = np.tanh(x)
        calls = []

        def spoil(g):
            calls.append(1)
            return g * np.nan

        y.register_hook(spoil)
        y.sum().backward()
        assert calls == [1]
        assert np.isnan(x.grad).all()


class TestRecordedGradients:
    def test_clipping_at_order_two(self) -> None:
        # L = 0.5 x² summed, its gradient x is clipped to [-2, 2] by a hook on y = x: the second
        # derivative is 1 inside and 0 where it was clipped.
        x = leaf([1.0, 3.0, -5.0])
        y = x * 1.0
        seen = []

        def clip(g):
            seen.append(type(g))
            return np.clip(g, -2.0, 2.0)

        y.register_hook(clip)
        (first,) = ag.gradients((0.5 * y * y).sum(), [x], create_graph=True)
        np.testing.assert_array_equal(first.data, [1.0, 2.0, -2.0])
        (second,) = ag.gradients(first.sum(), [x])
        np.testing.assert_array_equal(second.data, [1.0, 0.0, 0.0])
        assert seen[0] is ag.Tensor

    def test_the_second_derivative_goes_through_what_the_hook_computed(self) -> None:
        a = 0.7
        x = leaf(a)
        y = np.sin(x)
        handle = y.register_hook(lambda g: g * g)  # (3y²)² instead of 3y²
        (first,) = ag.gradients(y**3, [x], create_graph=True)
        # d/dx [9 sin⁴ cos] = 36 sin³cos² - 9 sin⁵. The second pass goes through y too, where the
        # hook would act again.
        handle.remove()
        (second,) = ag.gradients(first, [x])
        s, c = np.sin(a), np.cos(a)
        np.testing.assert_allclose(first.item(), 9 * s**4 * c)
        np.testing.assert_allclose(second.item(), 36 * s**3 * c**2 - 9 * s**5)

    def test_a_change_in_place_of_the_gradient_moves_the_hooks_own_handle_only(self) -> None:
        x = leaf([1.0, 2.0])
        y = x * x

        def write(g):
            g[0] = 100.0
            g += 1.0

        y.register_hook(write)
        (first,) = ag.gradients(y.sum(), [x], create_graph=True)
        np.testing.assert_array_equal(first.data, [2.0, 4.0])

    def test_a_tracked_value_in_a_hook_of_a_plain_backward_is_a_constant(self) -> None:
        w, x = leaf(3.0), leaf(2.0)
        x.register_hook(lambda g: g * w)
        x.register_hook(lambda g: recording.append(ag.recording()))
        recording = []
        (x * x).backward()
        assert x.grad == 12.0
        assert recording == [False]
        assert w.grad is None
        assert type(x.grad) is np.ndarray


class TestErrors:
    def test_a_raising_hook_changes_nothing(self) -> None:
        x, w = leaf(2.0, name="x"), leaf(3.0)
        w.backward()
        y = x * w
        y.retain_grad()

        def broken(g):
            raise ZeroDivisionError("no")

        handle = x.register_hook(broken)
        with pytest.raises(ZeroDivisionError, match="no") as caught:
            y.backward()
        assert "hook TestErrors.test_a_raising" in caught.value.__notes__[0]
        assert "'x', a leaf" in caught.value.__notes__[0]
        assert x.grad is None
        assert w.grad == 1.0
        assert y.grad is None
        handle.remove()
        y.backward()  # nor was anything released
        assert (x.grad, w.grad, y.grad) == (3.0, 3.0, 1.0)

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (np.ones(3), r"returned shape \(3,\) and dtype float64, but .* shape \(2,\)"),
            (np.ones(()), r"shape \(\)"),
            (1.0, r"shape \(\)"),
            (np.ones(2, int), "dtype int64"),
            (np.ones(2, bool), "dtype bool"),
            (np.ones(2, complex), "dtype complex128"),
            ([1.0, 1.0], "returned list"),
            ("g", "returned str"),
        ],
        ids=repr,
    )
    @pytest.mark.parametrize("create_graph", [False, True])
    def test_a_wrong_answer(self, answer: object, message: str, create_graph: bool) -> None:
        x = leaf([1.0, 2.0])
        y = x * x
        y.register_hook(lambda g: answer)
        with pytest.raises(ag.GradientError, match=message):
            ag.gradients(y.sum(), x, create_graph=create_graph)
        with pytest.raises(ag.GradientError, match=message):
            y.sum().backward()
        assert x.grad is None

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_another_precision_is_cast(self, dtype: type) -> None:
        x = leaf(np.ones(2, dtype), dtype=dtype)
        y = x * x
        y.register_hook(lambda g: g.astype(np.longdouble) * 3)
        x.register_hook(lambda g: g.astype(np.float16))
        y.sum().backward()
        assert x.grad.dtype == dtype
        np.testing.assert_array_equal(x.grad, [6.0, 6.0])

    def test_untracked(self) -> None:
        for t in (ag.Tensor(1.0), leaf(1.0).detach()):
            with pytest.raises(ag.GradientError, match="register_hook: .* requires_grad=True"):
                t.register_hook(print)
            with pytest.raises(ag.GradientError, match=r"retain_grad: .* requires_grad=True"):
                t.retain_grad()

    def test_no_function(self) -> None:
        with pytest.raises(TypeError, match="takes a function, not float"):
            leaf(1.0).register_hook(2.0)

    def test_writing_into_the_gradient_is_refused_loudly(self) -> None:
        x = leaf([1.0, 2.0])
        y = x + x

        def write(g):
            g *= 2.0

        y.register_hook(write)
        with pytest.raises(ValueError, match="read-only"):
            y.backward(np.array([1.0, 2.0]))
        assert x.grad is None


class TestWhatHooksKeepIsTheirs:
    def test_a_kept_gradient_is_not_changed_later(self) -> None:
        x = leaf(np.arange(4.0))
        y = x * 1.0
        kept, copies = [], []

        def keep(g):
            kept.append(g)
            copies.append(g.copy())

        y.register_hook(keep)
        for i in range(3):  # the gradient of what is overwritten is erased in one buffer
            y[i] = y[i + 1] * 2.0
            y.register_hook(keep)
        x.register_hook(keep)
        (y * np.arange(1.0, 5.0)).sum().backward()
        (x * 5.0).sum().backward()
        assert len(kept) == 6
        for g, copied in zip(kept, copies, strict=True):
            np.testing.assert_array_equal(g, copied)

    def test_the_array_that_was_returned_stays_the_users(self) -> None:
        mine = np.ones(3)
        x = leaf(np.zeros(3))
        x.register_hook(lambda g: mine)
        for _ in range(2):
            (x * 2.0).sum().backward()
        np.testing.assert_array_equal(mine, np.ones(3))
        np.testing.assert_array_equal(x.grad, [2.0, 2.0, 2.0])
        assert not np.may_share_memory(x.grad, mine)

    def test_graphs_with_hooks_are_freed_without_the_collector(self) -> None:
        gc.collect()
        gc.disable()
        try:
            x = leaf([1.0, 2.0])
            y = x * x
            handle = y.register_hook(lambda g: 2.0 * g)
            y.retain_grad()
            node = weakref.ref(y)
            value = weakref.ref(y.data)
            y.sum().backward()
            del y
            assert node() is None
            assert value() is None
            handle.remove()  # of a tensor that is gone
        finally:
            gc.enable()

    def test_a_hook_may_return_one_buffer_again_and_again(self) -> None:
        buffer = np.empty(2)

        def doubled(g: np.ndarray) -> np.ndarray:
            return np.multiply(g, 2.0, out=buffer)

        x = ag.Tensor([1.0, 2.0], requires_grad=True)
        y, z = x * 1.0, x * 1.0
        for t in (y, z):
            t.register_hook(doubled)
            t.retain_grad()
        (3.0 * y + 5.0 * z).sum().backward()
        np.testing.assert_array_equal(y.grad, [6.0, 6.0])
        np.testing.assert_array_equal(z.grad, [10.0, 10.0])
        np.testing.assert_array_equal(x.grad, [16.0, 16.0])

    @pytest.mark.parametrize("at", ["leaf", "inner", "root"])
    def test_inspection_names_the_hook_that_made_a_nan(self, at: str) -> None:
        def divide(g: np.ndarray) -> np.ndarray:
            return g * np.array([1.0, np.nan])

        with ag.inspect():
            x = ag.Tensor([1.0, 2.0], requires_grad=True)
            y = x * 2.0
            z = y * y
            {"leaf": x, "inner": y, "root": z}[at].register_hook(divide)
            with pytest.raises(ag.NonFiniteError, match=r"the hook .*divide was given a finite"):
                z.sum().backward()
        assert x.grad is None


class TestHandlesAndCopies:
    def test_copies_have_no_hooks(self) -> None:
        x = leaf(2.0)
        x.register_hook(lambda g: 10.0 * g)
        for twin in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
            (twin * twin).backward()
            assert twin.grad == 4.0
        assert x.grad is None

    def test_a_clone_passes_its_gradient_through_the_hook_of_the_original(self) -> None:
        x = leaf(2.0)
        x.register_hook(lambda g: 10.0 * g)
        (x.clone() * 3.0).backward()
        assert x.grad == 30.0

    def test_a_leaf_that_rested_keeps_its_hooks(self) -> None:
        x = leaf(2.0)
        x.register_hook(lambda g: 10.0 * g)
        x.requires_grad_(False).requires_grad_(True)
        (x * x).backward()
        assert x.grad == 40.0

    def test_a_hook_stays_with_the_value_it_was_registered_for(self) -> None:
        x = leaf(2.0)
        y = x * x
        seen = []
        y.register_hook(seen.append)
        y *= 5.0
        y.backward()
        assert seen == [5.0]

    def test_threads_share_a_leaf(self) -> None:
        x = leaf(np.ones(5))
        seen = []
        results = [None] * 8

        def work(k: int) -> None:
            with x.register_hook(lambda g: seen.append(k)):
                results[k] = ag.gradients((x * float(k)).sum(), x).data

        threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        np.testing.assert_array_equal(results, np.arange(8.0)[:, None] * np.ones(5))
        assert set(seen) == set(range(8))
        x.sum().backward()
        assert len(x._node.hooks.functions) == 0


class TestRetainedGradients:
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_accumulates_and_clears_as_a_leafs(self, dtype: type) -> None:
        a = np.array([0.5, -1.0], dtype)
        x = leaf(a, dtype=dtype)
        y = np.sin(x)
        y.retain_grad()
        y.retain_grad()
        assert y.grad is None
        (y * y).sum().backward(retain_graph=True)
        np.testing.assert_allclose(y.grad, 2 * np.sin(a), rtol=1e-6)
        assert y.grad.dtype == dtype
        (3.0 * y).sum().backward()
        np.testing.assert_allclose(y.grad, 2 * np.sin(a) + 3, rtol=1e-6)
        y.zero_grad()
        assert y.grad is None

    def test_is_what_the_hooks_left(self) -> None:
        x = leaf(1.0)
        y = x * 1.0
        y.retain_grad()
        y.register_hook(lambda g: 7.0 * g)
        y.backward()
        assert y.grad == 7.0

    def test_shares_no_memory(self) -> None:
        x = leaf([1.0, 2.0])
        y = x + 1.0
        z = y + 1.0
        y.retain_grad()
        z.retain_grad()
        seed = np.array([3.0, 4.0])
        z.backward(seed)
        arrays = [seed, x.grad, y.grad, z.grad]
        for i, a in enumerate(arrays):
            np.testing.assert_array_equal(a, [3.0, 4.0])
            assert not any(np.may_share_memory(a, b) for b in arrays[:i])

    def test_zeros_where_no_gradient_arrives_as_at_leaves(self) -> None:
        x = leaf([1.0, 2.0])
        y = x * 1.0
        y.retain_grad()
        (np.floor(y) + x).sum().backward()
        np.testing.assert_array_equal(y.grad, [0.0, 0.0])

    def test_a_leaf_keeps_its_own_anyway(self) -> None:
        x = leaf(1.0)
        x.retain_grad()
        x.backward()
        assert x.grad == 1.0
        assert x._node.hooks is None

    def test_follows_the_handle(self) -> None:
        x = leaf([1.0, 2.0])
        y = x * 1.0
        y.retain_grad()
        y *= 3.0
        y[0] = 0.0
        (y * y).sum().backward()
        np.testing.assert_array_equal(y.grad, [0.0, 12.0])
        np.testing.assert_array_equal(x.grad, [0.0, 36.0])

    def test_what_was_kept_follows_too(self) -> None:
        x = leaf([1.0, 2.0])
        y = x * 1.0
        y.retain_grad()
        y.sum().backward(retain_graph=True)
        y *= 3.0
        np.testing.assert_array_equal(y.grad, [1.0, 1.0])

    def test_gradients_leaves_it_alone(self) -> None:
        x = leaf(1.0)
        y = x * 2.0
        y.retain_grad()
        ag.gradients(y * y, x)
        assert y.grad is None

    def test_under_the_guard(self) -> None:
        x = leaf([0.0, 2.0])
        y = x * 1.0
        y.retain_grad()
        with np.errstate(divide="ignore"):
            np.where(x.data > 0, np.log(y), 0.0).sum().backward()
        np.testing.assert_array_equal(y.grad, [0.0, 0.5])


def test_as_in_pytorch() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(4, 3)), rng.normal(size=(3, 2))
    grads = []
    for library in (ag, torch):
        if library is torch:
            x, w = (torch.tensor(v, requires_grad=True) for v in (a, b))
            tanh, clip = torch.tanh, lambda g: g.clamp(-8.0, 8.0)
        else:
            x, w = leaf(a), leaf(b)
            tanh, clip = np.tanh, lambda g: np.clip(g, -8.0, 8.0)
        seen = []
        h = tanh(x @ w)
        h.retain_grad()
        h.register_hook(lambda g, seen=seen: seen.append(g.tolist()))
        h.register_hook(clip)
        w.register_hook(lambda g: g * 0.5)
        (h * h + h.sum()).sum().backward()
        grads.append([np.asarray(t.grad) for t in (x, w, h)] + seen)
    for ours, theirs in zip(*grads, strict=True):
        assert np.size(ours) > 1
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
