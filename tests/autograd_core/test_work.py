"""What an op costs, counted: calls, the interpreter's steps, objects, bytes. Nothing is timed."""

import gc
import itertools
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core import graph, operators

#: The values of a chain: scalars, and vectors so short that their arithmetic costs next to nothing.
VALUES = {
    "scalar": (np.float64(0.5), np.float64(1.001)),
    "vector": (np.full(32, 0.5, np.float32), np.full(32, 1.001, np.float32)),
}
each = pytest.mark.parametrize("kind", VALUES)


def leaves(kind: str) -> list[ag.Tensor]:
    return [ag.Tensor(value, requires_grad=True) for value in VALUES[kind]]


def chain(x: ag.Tensor, w: ag.Tensor, length: int) -> ag.Tensor:
    for _ in range(length):
        x = x * w
    return x


@contextmanager
def told(hook: Callable[..., Any], by: Any = sys.setprofile) -> Iterator[None]:
    before = {sys.setprofile: sys.getprofile, sys.settrace: sys.gettrace}[by]()
    by(hook)
    try:
        yield
    finally:
        by(before)


def calls(run: Callable[[], object]) -> Counter[str]:
    """The functions that were called, in Python and in C, by name."""
    found: Counter[str] = Counter()

    def profile(frame: Any, event: str, called: Any) -> None:
        if event == "call":
            found[frame.f_code.co_name] += 1
        elif event == "c_call":
            found[called.__name__] += 1

    with told(profile):
        run()
    return found


def steps(run: Callable[[], object]) -> int:
    """How many of its instructions the interpreter carried out in Python code below ``run``."""
    count = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    with told(trace, sys.settrace):
        run()
    return count


def more(count: Callable[[Callable[[], object]], Any], run: Callable[[int], object]) -> Any:
    """What a hundred more ops cost; counted twice, since the interpreter warms up."""
    for length in (10, 200):
        run(length)
    return [count(lambda n=n: run(n)) for n in (100, 200)]  # type: ignore[misc]


class TestCalls:
    @each
    def test_a_recorded_product_is_one_call(self, kind: str) -> None:
        few, many = more(calls, lambda n: chain(*leaves(kind), n))
        extra = many - few
        # Beside NumPy's product: a tensor, the mode, a number for the node.
        assert extra.pop("binary") == 100
        assert sum(extra.values()) <= 400

    @each
    def test_going_back_calls_the_rules_and_little_else(self, kind: str) -> None:
        ends = {n: chain(*leaves(kind), n) for n in (10, 100, 200)}
        seed = np.ones_like(VALUES[kind][0])[()]
        few, many = more(calls, lambda n: ends[n].backward(seed, retain_graph=True))
        extra = many - few
        assert extra.pop("<lambda>") == 200  # two rules for each product
        assert not {"add", "deliver", "visit"} & extra.keys()
        # Dictionaries' `pop` and `get`, the order's `append` and `pop`, the number of rules.
        assert sum(extra.values()) <= 100 * 8 + 30


class TestSteps:
    """Bounds a tenth above what Python 3.11 takes; other versions differ by less than that."""

    @each
    def test_a_recorded_product(self, kind: str) -> None:
        few, many = more(steps, lambda n: chain(*leaves(kind), n))
        assert (many - few) / 100 <= 150

    @each
    def test_going_back_through_one(self, kind: str) -> None:
        ends = {n: chain(*leaves(kind), n) for n in (10, 100, 200)}
        seed = np.ones_like(VALUES[kind][0])[()]
        few, many = more(steps, lambda n: ends[n].backward(seed, retain_graph=True))
        assert (many - few) / 100 <= 340


class TestMemory:
    def test_the_garbage_collector_sees_one_object_for_a_node(self) -> None:
        """Its time on a large graph is a multiple of their number."""
        x, w = leaves("scalar")
        gc.collect()
        gc.disable()
        try:
            before = len(gc.get_objects())
            end = chain(x, w, 1000)
            assert len(gc.get_objects()) - before <= 1010
            del end
            assert len(gc.get_objects()) - before <= 10
        finally:
            gc.enable()

    @pytest.mark.parametrize(("kind", "most"), [("scalar", 260), ("vector", 520)])
    def test_bytes_of_a_node(self, kind: str, most: int) -> None:
        x, w = leaves(kind)
        chain(x, w, 10)
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            end = chain(x, w, 1000)
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        del end
        assert (after - before) / 1000 <= most


def test_a_call_more_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The counts above are of what runs: a clock that is a function in Python shows."""
    numbers = itertools.count(graph.next_number()).__next__
    monkeypatch.setattr(operators, "next_number", lambda: numbers())
    few, many = more(calls, lambda n: chain(*leaves("scalar"), n))
    assert (many - few)["<lambda>"] == 100
