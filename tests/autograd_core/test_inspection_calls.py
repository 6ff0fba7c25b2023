"""Inspection: the calls that recorded a node, how long things took, what was kept."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn


def leaf(value: Any, name: str | None = None) -> ag.Tensor:
    return ag.Tensor(np.asarray(value, float), requires_grad=True, name=name)


class Pair(nn.Module):
    """Calls one layer twice."""

    def __init__(self) -> None:
        self.layer = nn.Linear(2, 2)

    def forward(self, x: Any) -> Any:
        return np.tanh(self.layer(np.tanh(self.layer(x))))


class TestCalls:
    def test_the_calls_of_modules(self) -> None:
        pair = Pair()
        with ag.inspect() as seen:
            y = pair(np.ones((1, 2))) * 2.0
        assert [(call.part, call.nth, call.number) for call in seen.calls] == [
            (pair, 0, 0), (pair.layer, 0, 1), (pair.layer, 1, 2)
        ]  # fmt: skip
        found = [seen.call(node) for node in seen.nodes]
        assert [call and call.number for call in found] == [1, 0, 2, 0, None]
        assert [c.part for c in seen.calls[2].around()] == [pair.layer, pair]
        assert seen.calls[2].inside is seen.calls[0]
        assert seen.calls[0].inside is None
        assert repr(seen.calls[2]) == "<Call 2: Linear, nth 1>"
        assert seen.call(y) is None
        assert seen.call(ag.asarray(1.0)) is None

    def test_one_output_of_several_has_the_call_of_its_op(self) -> None:
        layer = nn.BatchNorm(2)
        with ag.inspect() as seen:
            y = layer(leaf([[1.0, 2.0], [3.0, 5.0]]))
            (y * 2.0).sum()
        call = seen.call(y)
        assert call is not None
        assert call.part is layer

    def test_a_call_that_fails_is_over(self) -> None:
        class Fails(nn.Module):
            def forward(self, x: Any) -> Any:
                raise RuntimeError("on purpose")

        x = leaf(1.0)
        with ag.inspect() as seen:
            with pytest.raises(RuntimeError):
                Fails()(x)
            y = x * x
        assert seen.call(y) is None

    def test_scopes(self) -> None:
        x = leaf(2.0)
        with ag.inspect() as seen:
            with ag.scope("outer"):
                a = x * x
                with ag.scope("inner"):
                    b = a * x
            c = b * x
        found = [seen.call(t) for t in (a, b, c)]
        parts = [[c.part for c in call.around()] if call else [] for call in found]
        assert parts == [["outer"], ["inner", "outer"], []]
        assert repr(seen.calls[0]) == "<Call 0: 'outer', nth 0>"
        with ag.scope("nobody listens"):
            assert (x * x).item() == 4.0
        with pytest.raises(TypeError, match="must be a string, not int"):
            ag.scope(3)  # type: ignore[arg-type]

    def test_a_scope_can_be_entered_again(self) -> None:
        x, block = leaf(2.0), ag.scope("again")
        with ag.inspect() as seen:
            with block, block:
                y = x * x
            z = x * x
        call = seen.call(y)
        assert call is not None
        assert [(c.part, c.nth) for c in call.around()] == [("again", 1), ("again", 0)]
        assert seen.call(z) is None

    def test_nested_inspection_tells_both(self) -> None:
        pair = Pair()
        with ag.inspect() as outer, ag.inspect() as inner:
            pair(np.ones((1, 2)))
        assert [c.part for c in outer.calls] == [c.part for c in inner.calls]
        assert [c and c.number for n in outer.nodes if (c := outer.call(n)) or True] == [1, 0, 2, 0]

    def test_blocks_are_counted_by_their_names(self) -> None:
        x = leaf(2.0)
        with ag.inspect() as seen:
            for i in (1, 2, 1):
                with ag.scope(f"step {i}"):
                    x * x
        assert [(c.part, c.nth) for c in seen.calls] == [
            ("step 1", 0), ("step 2", 0), ("step 1", 1)
        ]  # fmt: skip

    def test_generators_that_overlap(self) -> None:
        x = leaf(2.0)

        def block(name: str) -> Iterator[ag.Tensor]:
            with ag.scope(name):
                yield x * 2.0

        with ag.inspect() as seen:
            first, second = block("first"), block("second")
            next(first), next(second)
            assert list(first) == []
            after = x * 3.0  # in the second still, and no longer in the first
            assert list(second) == []
            last = x * 4.0
        call = seen.call(after)
        assert call is not None
        assert call.part == "second"
        assert seen.call(last) is None

    def test_tasks_are_in_their_own_calls(self) -> None:
        async def work(name: str, seconds: float) -> tuple[ag.Tensor, ag.Tensor]:
            x = leaf(1.0)
            with ag.scope(name):
                before = x * 2.0
                await asyncio.sleep(seconds)
                return before, before * 3.0

        async def both() -> list[tuple[ag.Tensor, ag.Tensor]]:
            return await asyncio.gather(work("one", 0.02), work("two", 0.01))

        with ag.inspect() as seen:
            made = asyncio.run(both())
        parts = [[call and call.part for call in map(seen.call, pair)] for pair in made]
        assert parts == [["one", "one"], ["two", "two"]]
        assert all(call.inside is None for call in seen.calls)

    def test_a_walk_is_in_no_call(self) -> None:
        class Slope(nn.Module):
            def forward(self, x: Any) -> Any:
                return ag.gradients((x * x * x).sum(), x, create_graph=True)

        with ag.inspect() as seen:
            y = Slope()(leaf([1.0, 2.0]))
        ruled = [node for node in seen.nodes if node in seen.rules]
        assert ruled
        assert all(seen.call(node) is None for node in ruled)
        assert y.shape == (2,)


class TestSeconds:
    def test_the_time_of_an_op_is_its_own(self) -> None:
        slow = ag.primitive(lambda x: _after(0.2, x * 1.0), check=False)
        slow.rule(lambda g, out, x: _after(0.2, g))
        x = leaf([1.0, 2.0])
        with ag.check_primitives(False), ag.inspect() as seen:
            y = slow(x)
            z = (y + 1.0).sum()
            z.backward()
        seconds = [seen.seconds[node] for node in seen.nodes]
        assert seconds[0] >= 0.2
        assert all(0 <= s < 0.2 for s in seconds[1:])
        walk = seen.walks[0]
        back = {node.op.name: walk.seconds[node] for node in walk.visited if node.op is not None}
        assert back.pop(seen.nodes[0].op.name) >= 0.2
        assert all(0 <= s < 0.2 for s in back.values())

    def test_inspections_own_time_is_left_out(self) -> None:
        """Checksums of a large array take as long as the op; they are not its time."""
        x = leaf(np.ones(400_000))
        with ag.inspect() as seen:
            start = time.perf_counter()
            for _ in range(5):
                np.tanh(x)
            whole = time.perf_counter() - start
        assert 0 < sum(seen.seconds.values()) < whole


def _after(seconds: float, value: Any) -> Any:
    time.sleep(seconds)
    return value


class TestKept:
    def test_what_was_kept_is_told_after_it_was_released(self) -> None:
        x, w = leaf(np.ones((3, 2)), "x"), leaf(np.ones((2, 2)), "w")
        with ag.inspect() as seen:
            y = np.tanh(x @ w + np.ones(2)).sum()
            before = [seen.kept(node) for node in seen.nodes]
            total = ag.held(y).total
            assert seen.held(y).total == total
            y.backward()
        assert all(node.operands is None for node in seen.nodes)
        after = [seen.kept(node) for node in seen.nodes]
        for (operands, out), (again, out_again) in zip(before, after, strict=True):
            assert out is out_again
            assert operands is not None
            assert again is not None
            for a, b in zip(operands, again, strict=True):
                assert a is b or (type(a) is type(b) and a.shape == b.shape)
        assert ag.held(y).total == 0
        assert seen.held(y).total == total
        assert seen.held(y, seen.nodes[0]).total == total

    def test_refusals(self) -> None:
        with ag.inspect() as seen:
            pass
        with pytest.raises(ag.GradientError, match="nothing was recorded"):
            seen.held(ag.Tensor(1.0))
        with pytest.raises(TypeError, match="a Tensor is needed, not int"):
            seen.held(3)  # type: ignore[arg-type]


class TestWalks:
    def test_node_gradients_tell_who_inspects_if_asked(self) -> None:
        x = leaf([1.0, 2.0], "x")
        y = (x * x).sum()
        assert y._node is not None
        with ag.inspect() as seen:
            silent = ag.node_gradients(y._node, np.float64(1.0))
            assert not seen.walks
            told = ag.node_gradients(y._node, np.float64(1.0), tell=True)
        (walk,) = seen.walks
        assert walk.order == list(ag.topological_order([y._node]))
        assert walk.visited == walk.order[::-1]
        assert set(walk.seconds) == set(walk.visited)
        for node in walk.order:
            np.testing.assert_array_equal(silent[node], told[node])
            np.testing.assert_array_equal(walk.gradients[node], told[node])

    def test_several_roots(self) -> None:
        x = leaf([1.0, 2.0])
        y, z = x * 3.0, x * x
        roots = {y._node: np.ones(2), z._node: np.array([0.0, 1.0])}
        found = ag.node_gradients(roots)  # type: ignore[arg-type]
        assert x._node is not None
        np.testing.assert_array_equal(found[x._node], [3.0, 7.0])

    def test_what_is_not_finite_can_be_ignored(self) -> None:
        x = leaf([0.0, 1.0])
        with np.errstate(all="ignore"), ag.inspect("ignore") as seen:
            np.log(x).sum().backward()
        assert not seen.reports
        assert x.grad is not None
        assert np.isinf(x.grad[0])
        assert len(seen.walks) == 1

    def test_nodes_of_rules_know_whose_they_are(self) -> None:
        x = leaf([0.5, 1.0])
        h = np.tanh(x)
        (slope,) = ag.gradients((h * x).sum(), [x], create_graph=True)
        assert h._node is not None
        assert slope._node is not None
        by_tanh = [
            n
            for n in ag.topological_order([slope._node])
            if getattr(n, "rule", 0) == h._node.number
        ]
        assert {n.op.name for n in by_tanh} >= {"subtract", "multiply"}
        assert not hasattr(h._node, "rule")


@pytest.mark.parametrize("listens", [True, False])
def test_calling_a_module_costs_one_look(listens: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    class Counting:
        def get(self) -> Any:
            looks.append(1)
            return watcher.get()

    watcher = ag.record.watcher  # type: ignore[attr-defined]
    monkeypatch.setattr("nn.module.watcher", Counting())
    layer: Callable[..., Any] = nn.Tanh()
    if listens:
        with ag.inspect():
            layer(np.ones(2))
    else:
        layer(np.ones(2))
    assert len(looks) == 1
