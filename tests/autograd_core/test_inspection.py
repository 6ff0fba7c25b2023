"""Inspection: lines, kept values, what the walks did; where it is in force and where it is not."""

import asyncio
import contextvars
import gc
import inspect as source
import sys
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
import optim
from autograd_core import record
from autograd_core.graph import Node


def leaf(value: Any, dtype: Any = float, name: str | None = None) -> ag.Tensor:
    return ag.Tensor(np.asarray(value, dtype), requires_grad=True, name=name)


def here() -> int:
    """The line that calls this."""
    frame = source.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


class TestLines:
    def test_operators_methods_functions(self) -> None:
        with ag.inspect() as seen:
            x, made = ag.Tensor([1.0, 2.0], requires_grad=True), here()
            y, at = x * x, here()
            z = np.tanh(
                y,
            ).sum()
            after = here()
        line = seen.line(y)
        assert (line.file, line.line, line.function) == (
            __file__, at, "test_operators_methods_functions",
        )  # fmt: skip
        assert line.code == "y, at = x * x, here()"
        assert line.part == "x * x"
        assert line.marked().splitlines()[1] == " " * 8 + "^^^^^"
        assert seen.line(x).line == made
        tanh = z.parents[0]
        assert seen.line(tanh).line == after - 3  # the call begins there
        assert seen.line(tanh).part == ""  # it stands in several lines
        assert str(seen.line(y)) == f"{seen.line(y).at}: y, at = x * x, here()"

    def test_the_innermost_of_the_users_functions(self) -> None:
        def inner(t: Any) -> Any:
            return np.exp(t)

        def outer(t: Any) -> Any:
            return inner(t) + 1.0

        x = leaf(0.5)
        with ag.inspect() as seen:
            y = outer(x)
        assert [line.function for line in seen.lines.values()] == ["inner", "inner", "outer"]
        assert seen.line(y).part == "inner(t) + 1.0"

    def test_through_the_library(self) -> None:
        """Modules, compositions, NumPy's wrappers and transforms are no lines of the user's."""
        model = nn.MLP((3, 4, 2))
        x, labels = np.ones((5, 3)), np.array([0, 1, 0, 1, 1])
        with ag.inspect() as seen:
            loss, at = nn.cross_entropy(model(ag.Tensor(x)), labels), here()
            np.std(np.stack([loss, loss * 2.0]))
            ag.grad(lambda w: np.mean(w**2))(np.ones(3))
        assert {line.file for line in seen.lines.values()} == {__file__}
        found = [seen.line(node).line for node in seen.nodes]
        assert found[0] == at
        assert set(found) == {at, at + 1, at + 2}
        assert found == sorted(found)

    def test_code_that_is_in_no_file(self) -> None:
        with ag.inspect() as seen:
            exec("y = x * 2.0", {}, names := {"x": leaf(1.0)})
        line = seen.line(names["y"])
        assert (line.file, line.line, line.code, line.function) == ("<string>", 1, "", "<module>")
        assert str(line) == "<string>:1"

    def test_columns_count_bytes(self) -> None:
        with ag.inspect() as seen:
            ü = leaf(1.0)
            y, _ = "ß" and ü * ü, "é"
        assert seen.line(y).part == "ü * ü"

    def test_a_leaf_that_is_older_than_the_block(self) -> None:
        x = leaf(1.0, name="old")
        with ag.inspect() as seen:
            y, at = x + 1.0, here()
            x * 2.0
        assert seen.line(x).line == seen.line(y).line == at

    def test_what_a_rule_records(self) -> None:
        x = leaf(2.0)
        with ag.inspect() as seen:
            y, at = x**3, here()
            first = ag.gradients(y, x, create_graph=True)
            second = ag.gradients(first, x, create_graph=True)
        assert second.item() == 12.0
        node = first._node
        assert node is not None
        assert seen.line(first).line == at
        assert seen.rule_of(node) is y._node
        assert seen.rule_of(y._node) is None  # type: ignore[arg-type]
        assert seen.line(second).line == at

    def test_unknown_tensors(self) -> None:
        x = leaf(1.0)
        y = x * 2.0
        with ag.inspect() as seen:
            pass
        with pytest.raises(LookupError, match="not tracked"):
            seen.value(ag.Tensor(1.0))
        for look in (seen.value, seen.line):
            with pytest.raises(LookupError, match="compute it inside"):
                look(y)


class TestValues:
    def test_all_are_kept(self) -> None:
        x, a = leaf([1.0, 2.0]), np.array([3.0, 4.0])
        with ag.inspect() as seen:
            y = x * a
            z = y.sum()
        assert seen.value(x).tolist() == [1.0, 2.0]
        assert seen.value(y).tolist() == [3.0, 8.0]
        assert seen.value(z) == 11.0
        assert [n.op.name for n in seen.nodes] == ["multiply", "sum"]
        assert seen.operands[seen.nodes[0]][1] is a
        assert set(seen.values) == {x._node, *seen.nodes}

    def test_several_outputs(self) -> None:
        x = leaf([1.0, 2.0, 3.0, 4.0])
        with ag.inspect() as seen:
            left, right = np.split(x, 2)
            right.sum()
        assert seen.value(left).tolist() == [1.0, 2.0]
        assert seen.value(right).tolist() == [3.0, 4.0]
        assert seen.line(left).part == "np.split(x, 2)"

    def test_in_place(self) -> None:
        x = leaf([1.0, 2.0])
        with ag.inspect() as seen:
            y = x * 1.0
            before = y._node
            y[0] = x[1] * 5.0
            y += 1.0
        assert seen.value(before).tolist() == [1.0, 2.0]  # type: ignore[arg-type]
        assert seen.value(y).tolist() == [11.0, 3.0]

    def test_the_same_numbers_as_outside(self) -> None:
        rng = np.random.default_rng(0)
        x, w = rng.normal(size=(4, 3)), leaf(rng.normal(size=(3, 2)), np.float32)

        def step() -> Any:
            w.zero_grad()
            h = np.tanh(x @ w)
            h[0] = 1.0
            (h[:, 0] * h[:, 1]).sum().backward()
            return w.grad

        outside = step()
        with ag.inspect():
            np.testing.assert_array_equal(step(), outside)


class TestWalks:
    def test_order_gradients_contributions(self) -> None:
        x = leaf([1.0, 2.0], name="x")
        with ag.inspect() as seen:
            y = x * x
            z = (y + x).sum()
            z.backward()
        (walk,) = seen.walks
        assert [n.op.name if n.op else n.name for n in walk.visited] == [
            "sum", "add", "multiply", "x",
        ]  # fmt: skip
        assert walk.roots == {z._node: 1.0}
        assert not walk.guarded
        sent = [(e.node.op.name, e.operand, e.contribution.tolist()) for e in walk.sent]
        assert sent == [
            ("sum", 0, [1.0, 1.0]),
            ("add", 0, [1.0, 1.0]),
            ("add", 1, [1.0, 1.0]),
            ("multiply", 0, [1.0, 2.0]),
            ("multiply", 1, [1.0, 2.0]),
        ]
        assert seen.gradients[x._node].tolist() == x.grad.tolist() == [3.0, 5.0]
        assert seen.gradients[y._node].tolist() == [1.0, 1.0]

    @pytest.mark.parametrize("create_graph", [False, True])
    def test_contributions_add_up(self, create_graph: bool) -> None:
        """Broadcasting, casts, indices, writes, several outputs, complex values."""
        rng = np.random.default_rng(0)
        x = leaf(rng.normal(size=(4, 3)), np.float32)
        b = leaf(rng.normal(size=3))
        z = leaf(rng.normal(size=3) + 1j * rng.normal(size=3), complex)
        with ag.inspect() as seen:
            y = x + b
            y[0] = b * np.abs(z)
            y[1, 1] = 2.0
            u, v = np.split(y * y, 2)
            q = np.linalg.svd(y)[1]
            out = (
                (u @ v.T).sum() + q.sum() + np.floor(y).sum() + y[[0, 0, 2]].sum()
                + np.real(z * b).sum()
            )  # fmt: skip
            given = rng.normal()
            grads = ag.gradients(out, [x, b, z], np.float64(given), create_graph=create_graph)
        walk = seen.walks[-1]
        total: dict[Node, Any] = {n: np.zeros(n.shape, n.dtype) for n in walk.visited
                                  if not isinstance(n.shape[:1], tuple) or n.shape[:1] == ()
                                  or isinstance(n.shape[0], int)}  # fmt: skip
        for node, g in walk.roots.items():
            total[node] = total[node] + g
        for edge in walk.sent:
            if edge.parent in total:
                part = edge.contribution
                assert part.shape == edge.parent.shape
                assert part.dtype == edge.parent.dtype
                total[edge.parent] = total[edge.parent] + part
        for node, expected in walk.gradients.items():
            if node in total:
                np.testing.assert_allclose(total[node], expected, rtol=1e-5, atol=1e-6)
        for t, g in zip((x, b, z), grads, strict=True):
            np.testing.assert_allclose(seen.gradients[t._node], g.detach().numpy(), rtol=1e-6)

    def test_erasing_leaves_what_was_seen(self) -> None:
        """The engine writes zeros into a gradient that it owns; what was noted is what it was."""
        x = leaf([1.0, 2.0, 3.0])
        with ag.inspect() as seen:
            y = x * 2.0
            before = y._node
            y[0] = x[1]
            after = y._node
            (y * y + y).sum().backward()
        g = seen.gradients
        assert g[after].tolist() == [5.0, 9.0, 13.0]  # type: ignore[index]
        assert g[before].tolist() == [0.0, 9.0, 13.0]  # type: ignore[index]
        assert x.grad.tolist() == [0.0, 23.0, 26.0]

    def test_a_guarded_walk_replaces_the_first(self) -> None:
        x = leaf([0.0, 2.0])
        with ag.inspect() as seen, np.errstate(divide="ignore"):
            np.where(x > 0, np.log(x), 0.0).sum().backward()
        (walk,) = seen.walks
        assert walk.guarded
        assert walk.gradients[x._node].tolist() == [0.0, 0.5]

    def test_a_guarded_walk_over_a_broadcast_operand(self) -> None:
        x, y = leaf([3.0]), leaf([0.0, 2.0])
        with ag.inspect() as seen, np.errstate(divide="ignore"):
            np.where(y > 0, x / y, 0.0).sum().backward()
        (walk,) = seen.walks
        assert walk.guarded
        sent = {e.operand: e.contribution.tolist() for e in walk.sent if e.node.op.name == "divide"}
        assert sent == {0: [0.5], 1: [0.0, -0.75]}

    def test_walks_in_order(self) -> None:
        x = leaf(2.0)
        with ag.inspect() as seen:
            y = x * x
            y.backward(retain_graph=True)
            (y * 3.0).backward()
        assert [walk.gradients[x._node] for walk in seen.walks] == [4.0, 12.0]
        assert x.grad == 16.0

    def test_hooks(self) -> None:
        x = leaf(2.0)
        with ag.inspect() as seen:
            y = x * 3.0
            y.register_hook(lambda g: g * 10.0)
            (y * 1.0).backward()
        assert x.grad == 30.0
        assert seen.gradients[y._node] == 10.0


class TestWhere:
    """Where inspection is in force."""

    def test_restored_on_exceptions(self) -> None:
        with pytest.raises(KeyError), ag.inspect() as seen:
            raise KeyError
        leaf(1.0) * 2.0
        assert not seen.nodes
        assert ag.recording()

    def test_no_grad(self) -> None:
        x = leaf(1.0)
        with ag.inspect() as seen:
            with ag.no_grad():
                x * 2.0
                assert not ag.recording()
            assert not seen.nodes
            x * 2.0
        assert len(seen.nodes) == 1
        with ag.no_grad(), ag.inspect() as seen:
            assert not ag.recording()
            x * 2.0
        assert not seen.nodes

    def test_transforms_within_no_grad(self) -> None:
        with ag.inspect() as seen, ag.no_grad():
            ag.grad(lambda x: x * x)(2.0)
        assert [n.op.name for n in seen.nodes] == ["multiply"]

    @pytest.mark.parametrize("inner", ["inspect", "keep_values"])
    def test_nested_with_keep_values(self, inner: str) -> None:
        x = leaf(1.0)
        if inner == "keep_values":
            with ag.inspect() as seen, ag.keep_values() as kept:
                y = x * 2.0
                y.backward(retain_graph=True)
        else:
            with ag.keep_values() as kept, ag.inspect() as seen:
                y = x * 2.0
                y.backward(retain_graph=True)
        assert kept == {y._node: 2.0}
        assert seen.value(y) == 2.0
        assert len(seen.walks) == 1
        x * 2.0
        assert len(kept) == len(seen.nodes) == 1

    def test_nested(self) -> None:
        x = leaf([1.0])
        with ag.inspect() as outer:
            a = x * 2.0
            with ag.inspect("record") as inner:
                b = x * 3.0
            c = x * 4.0
            c.backward(np.ones(1))
        assert [len(seen.nodes) for seen in (outer, inner)] == [3, 1]
        assert outer.value(b) == inner.value(b) == [3.0]
        assert len(outer.walks) == 1
        assert outer.line(a) != outer.line(c)

    def test_threads(self) -> None:
        x = leaf(1.0)
        with ag.inspect() as seen:
            thread = threading.Thread(target=lambda: (x * 2.0).backward())
            thread.start()
            thread.join()
        assert not seen.nodes
        assert not seen.walks
        assert x.grad == 2.0

    def test_tasks(self) -> None:
        x = leaf(1.0)

        async def look() -> int:
            with ag.inspect() as seen:
                for _ in range(3):
                    x * 2.0
                    await asyncio.sleep(0)
            return len(seen.nodes)

        async def both() -> list[int]:
            return await asyncio.gather(look(), look())

        assert asyncio.run(both()) == [3, 3]

    def test_threads_in_one_context(self) -> None:
        """Threads that were given the context are looked into, each for itself."""
        failed: list[BaseException] = []

        def work(seed: int) -> None:
            try:
                rng = np.random.default_rng(seed)
                for _ in range(30):
                    x = leaf(rng.normal(size=20))
                    (np.tanh(x) * x).sum().backward()
            except BaseException as error:
                failed.append(error)

        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            with ag.inspect() as seen:
                contexts = [contextvars.copy_context() for _ in range(6)]
                threads = [
                    threading.Thread(target=context.run, args=(work, k))
                    for k, context in enumerate(contexts)
                ]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
        finally:
            sys.setswitchinterval(before)
        assert not failed
        assert len(seen.walks) == 180
        for walk in seen.walks:
            assert [node.op and node.op.name for node in walk.visited] == [
                "sum", "multiply", "tanh", None,
            ]  # fmt: skip

    @pytest.mark.parametrize("block", [ag.inspect, ag.keep_values])
    def test_generators_that_overlap(self, block: Any) -> None:
        """After the last of them nothing is looked into, in whatever order they end."""

        def generate() -> Any:
            with block() as seen:
                yield seen

        first, second = generate(), generate()
        seen = [next(first), next(second)]
        assert next(first, None) is None
        assert next(second, None) is None
        assert record.mode.get() is True
        assert record.watcher.get() is None
        (leaf([1.0]) * 2.0).sum().backward()
        assert [len(s if isinstance(s, dict) else s.nodes) for s in seen] == [0, 0]

    @pytest.mark.parametrize("block", [ag.inspect, ag.keep_values])
    def test_what_is_allowed_in_place(self, block: Any) -> None:
        """Values that are kept to be looked at are no reason to refuse a change of a view."""
        x = leaf(np.arange(6.0).reshape(2, 3))
        with block():
            y = np.moveaxis(x + 1.0, 0, -1)
            y += 1.0
            z = (x * 2.0).T
            z[0] = 5.0
            ((y * y).sum() + z.sum()).backward()
            whole = x * 2.0
            read = whole[0]
            with pytest.raises(ag.InPlaceError, match="read out of another"):
                read += 1.0
        expected = 2.0 * (x.data + 2.0)
        expected[:, 1:] += 2.0
        np.testing.assert_array_equal(x.grad, expected)

    def test_forward_mode_leaves_no_trace_of_its_own(self) -> None:
        with ag.inspect() as seen:
            _, tangent = ag.jvp(
                lambda x: np.sort(np.exp(x)).sum(), (np.array([2.0, 1.0]),), (np.ones(2),)
            )
        assert float(tangent) == pytest.approx(np.exp(2.0) + np.exp(1.0))
        assert [n.op.name for n in seen.nodes] == ["exp", "sort", "sum"]

    def test_0d_empty_integer_complex_and_lazy_values(self) -> None:
        with ag.inspect() as seen:
            (leaf(1.0) * 2).backward()
            (leaf(np.zeros((0, 3))) * 2.0).sum().backward()
            (leaf([1.0 + 2.0j], complex) * np.array([2])).sum().real.backward()
        assert "empty" in str(seen)
        da = pytest.importorskip("dask.array")
        x = ag.asarray(da.ones(4, chunks=2)).requires_grad_()
        with ag.inspect() as seen:
            np.log(x - 1.0).sum().backward()  # infinite, and nobody looks
        assert not seen.reports
        assert "not computed yet" in str(seen)


def test_training_in_inspection() -> None:
    """The same steps, to the last digit, and nothing is mistaken for a write or a nan."""

    def train() -> list[Any]:
        rng = np.random.default_rng(0)
        model = nn.MLP((4, 8, 3), dtype="float32")
        for p in model.parameters():
            p.data = rng.normal(size=p.shape).astype("float32")
        optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        losses = []
        for _ in range(5):
            x, labels = rng.normal(size=(6, 4)).astype("float32"), rng.integers(3, size=6)
            optimizer.zero_grad()
            loss = nn.cross_entropy(model(ag.Tensor(x)), labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    outside = train()
    with ag.inspect() as seen:
        assert train() == outside
    assert len(seen.walks) == 5


def test_what_was_seen_goes_without_the_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        x = leaf(np.ones(3))
        with ag.inspect() as seen:
            y = np.exp(x).sum()
            y.backward()
        value = weakref.ref(seen.value(y.parents[0]))
        del y, seen
        assert value() is None
    finally:
        gc.enable()


def test_print() -> None:
    x = leaf([1.0, 2.0], name="weights")
    with ag.inspect() as seen:
        y = (x * x).sum()
        y.backward()
    text = str(seen).splitlines()
    assert text[0] == "2 boxes, 1 walk back"
    assert text[1].split() == ["box", "shape", "dtype", "value", "gradient", "line"]
    assert text[2].startswith("weights   (2,)   float64  1 .. 2  2 .. 4")
    assert [line.split()[0] for line in text[2:]] == ["weights", "multiply", "sum"]
    assert repr(seen) == "<Inspection: 2 boxes, 1 walk back>"
    with ag.inspect() as seen:
        z = x
        for _ in range(100):
            z = z * 1.0
    assert "... 61 more" in str(seen)
    assert len(str(seen).splitlines()) == 2 + 40 + 1


def test_depth_has_no_limit() -> None:
    x = leaf(1.0)
    with ag.inspect() as seen:
        y = x
        for _ in range(5_000):
            y = y * 1.0
        y.backward()
    assert len(seen.walks[0].visited) == 5_001
    with ag.inspect(), np.errstate(over="ignore"):
        y = x
        for _ in range(300):
            y = y * 100.0
        with pytest.raises(ag.NonFiniteError, match="more ..."):
            y.backward()
