"""The mutation guard finds writes behind the library's back, and exceptions say where they were."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
import optim
from autograd_core.registry import OPS, Op, defop


def leaf(value: Any, dtype: Any = float, name: str | None = None) -> ag.Tensor:
    return ag.Tensor(np.asarray(value, dtype), requires_grad=True, name=name)


def refused(y: ag.Tensor, *leaves: ag.Tensor) -> str:
    """What backward says when it refuses, leaving every gradient alone."""
    with pytest.raises(ag.OverwrittenError) as error:
        y.sum().backward()
    assert all(x.grad is None for x in leaves)
    return str(error.value)


class TestWrites:
    """Each is silently wrong outside inspection; `test_outside` says so."""

    def test_an_operand_that_is_not_tracked(self) -> None:
        x, a = leaf([1.0, 2.0]), np.array([3.0, 4.0])
        with ag.inspect():
            y = x * a
            a[0] = 5.0
            said = refused(y, x)
        assert "multiply at" in said
        assert "test_inspection_guard.py" in said
        assert "y = x * a" in said
        assert "operand 1, an array that is not tracked, of shape (2,)" in said
        assert "a.copy()" in said

    def test_a_leaf_through_its_data(self) -> None:
        p = leaf([1.0, 2.0], name="p")
        with ag.inspect():
            y = p * p
            p.data[...] = 7.0
            said = refused(y, p)
        assert "value of the leaf 'p', of shape (2,)" in said
        assert "p.data = p.data - step" in said

    def test_a_result_through_its_data(self) -> None:
        x = leaf([[1.0, 2.0]])
        with ag.inspect():
            y = np.tanh(x)
            y.data[0, 1] = 0.0
            said = refused(y, x)
        assert "tanh at" in said
        assert "kept its result, of shape (1, 2)" in said

    def test_the_result_of_another_op(self) -> None:
        x = leaf([1.0, 2.0])
        with ag.inspect():
            h = x + 1.0
            y = h * h
            h.data[0] = 0.0
            said = refused(y, x)
        assert "operand 0, the result of add" in said

    @pytest.mark.parametrize(
        "alias",
        [
            lambda a: a,
            lambda a: a[::2],
            lambda a: a.T,
            lambda a: a.reshape(-1),
            lambda a: np.asarray(memoryview(a)),
        ],
        ids=["itself", "view", "transposed", "reshaped", "buffer"],
    )
    def test_through_an_alias(self, alias: Callable[[Any], Any]) -> None:
        shared = np.arange(6.0).reshape(3, 2)
        x = ag.asarray(shared).requires_grad_()
        with ag.inspect():
            y = x**2
            alias(shared)[0] = 9.0
            assert "power" in refused(y, x)

    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex128", "longdouble"])
    @pytest.mark.parametrize(
        "layout",
        [
            lambda a: a,
            np.asfortranarray,
            lambda a: a[::2, 1:],
            lambda a: a[::-1],
            lambda a: np.broadcast_to(a[:1], (3, 4)),
        ],
        ids=["C", "Fortran", "strided", "reversed", "broadcast"],
    )
    def test_layouts_and_dtypes(self, dtype: str, layout: Callable[[Any], Any]) -> None:
        a = np.ones((4, 4), dtype)
        view = layout(a)
        x = leaf(np.ones(view.shape), dtype)
        with ag.inspect():
            y = x * view
            y.sum().backward(np.ones((), dtype), retain_graph=True)  # no false alarm
            x.zero_grad()
            base = view if view.base is None else view.base
            base[...] = 2.0
            with pytest.raises(ag.OverwrittenError, match="multiply"):
                y.sum().backward(np.ones((), dtype))
        assert x.grad is None

    def test_in_transforms(self) -> None:
        data = np.ones(3)

        def f(x: Any) -> Any:
            y = np.sum(x * data)
            data[0] += 1.0
            return y

        with ag.inspect():
            with pytest.raises(ag.OverwrittenError, match="multiply at"):
                ag.grad(f)(np.ones(3))
            with pytest.raises(ag.OverwrittenError, match="multiply at"):
                ag.jvp(f, (np.ones(3),), (np.ones(3),))

    def test_of_a_second_derivative(self) -> None:
        x = leaf([1.0, 2.0])
        with ag.inspect():
            first = ag.gradients((x**3).sum(), x, create_graph=True)
            x.data[0] = 9.0
            assert "x**3" in refused(first, x)  # the line of the op whose rule kept it

    def test_outside(self) -> None:
        """What the guard is for: the same write is not seen, and the gradient is wrong."""
        x, a = leaf([1.0, 2.0]), np.array([3.0, 4.0])
        y = (x * a).sum()
        a[0] = 5.0
        y.backward()
        assert x.grad.tolist() == [5.0, 4.0]

    def test_an_outer_block_guards_too(self) -> None:
        x, a = leaf([1.0, 2.0]), np.array([3.0, 4.0])
        with ag.inspect():
            y = x * a
            a[0] = 5.0
            with ag.inspect():
                refused(y, x)


class TestNoFalseAlarm:
    def test_what_no_rule_reads(self) -> None:
        x, a = leaf([1.0, 2.0]), np.array([3.0, 4.0])
        with ag.inspect():
            y = (x + a).sum()
            a[0] = 5.0
            x.data[0] = 9.0
            y.backward()
        assert x.grad.tolist() == [1.0, 1.0]
        x, b = leaf([1.0, 2.0]), np.array(3.0)
        with ag.inspect():
            y = (x + b).sum()
            b[...] = 5.0  # without axes, and so kept with its value
            y.backward()
        assert x.grad.tolist() == [1.0, 1.0]

    def test_loops_that_write(self) -> None:
        a = leaf(0.5)
        with ag.inspect():
            y = ag.zeros(5)
            y[0] = a
            for i in range(1, 5):
                y[i] = y[i - 1] * a
                y[i] += 1.0
            y *= 2.0
            np.add.at(y, [0, 0], 1.0)
            y.sum().backward()

        def f(v: float) -> float:
            values, total = v, 2.0 * v + 2.0
            for _ in range(1, 5):
                values = values * v + 1.0
                total += 2.0 * values
            return total

        assert float(a.grad) == pytest.approx((f(0.5 + 1e-6) - f(0.5 - 1e-6)) / 2e-6, rel=1e-8)

    def test_assigned_between_graphs(self) -> None:
        p = leaf([1.0, 2.0])
        with ag.inspect():
            for _ in range(3):
                old = (p * p).sum()
                p.data = p.data - 0.1 * p.data
                old.backward()
                y = (p * p).sum()
                y.backward()
                p.data -= 0.1  # the stamp, not the guard, is for this
                (p * p).sum().backward()

    def test_overwritten_with_a_stamp_says_what_it_said(self) -> None:
        p = leaf([1.0, 2.0], name="p")
        with ag.inspect():
            y = (p * p).sum()
            p.data -= 0.1
            with pytest.raises(ag.OverwrittenError, match="value of leaf 'p'"):
                y.backward()

    def test_optimizers_over_kept_graphs(self) -> None:
        """Old graphs still hold the values that they saw: the optimizer writes elsewhere."""
        model = nn.MLP((3, 4, 2))
        for p in model.parameters():
            p.data = np.ones(p.shape, p.dtype) * 0.1
        optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
        x, labels = ag.Tensor(np.ones((2, 3))), np.array([0, 1])
        with ag.inspect():
            losses = []
            for _ in range(4):
                losses.append(nn.cross_entropy(model(x), labels))
                optimizer.zero_grad()
                losses[-1].backward(retain_graph=True)
                optimizer.step()
            for loss in losses:
                loss.backward()

    def test_written_after_backward(self) -> None:
        x, a = leaf([1.0, 2.0]), np.array([3.0, 4.0])
        with ag.inspect():
            for value in range(3):
                a[...] = value
                (x * a).sum().backward()
        assert x.grad.tolist() == [3.0, 3.0]

    def test_nan_is_equal_to_itself(self) -> None:
        x = leaf([1.0, np.nan])
        with ag.inspect("record"):
            y = x * x
            y.sum().backward()
        assert x.grad[0] == 2.0


def notes(error: BaseException) -> str:
    return "\n".join(getattr(error, "__notes__", []))


@pytest.fixture
def broken() -> Any:
    """Ops that raise what they are told to: forward, in a rule, under a composition."""
    before = set(OPS)

    def declare(forward: Exception | None = None, rule: Exception | None = None) -> Any:
        def failing(x: Any, y: Any) -> Any:
            if forward is not None:
                raise forward
            return x * y

        def wrong(g: Any, _out: Any, _x: Any, y: Any) -> Any:
            if rule is not None:
                raise rule
            return g * y

        return defop(failing, wrong, lambda g, _out, x, _y: g * x, kind="multilinear",
                     broadcasting=True)  # fmt: skip

    yield declare
    for fn in set(OPS) - before:
        del OPS[fn]


ERRORS: list[Exception] = [
    KeyError("k"), ZeroDivisionError("z"), TypeError("t"), ValueError("odd"), MemoryError("m"),
    np.linalg.LinAlgError("l"), FloatingPointError("f"), IndexError("i"), RuntimeError("r"),
]  # fmt: skip


class TestNotes:
    @pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
    def test_forward(self, broken: Any, error: Exception) -> None:
        op = broken(forward=error)
        with pytest.raises(type(error)) as caught:
            op(leaf([1.0, 2.0], np.float32), np.ones((3, 1)))
        assert caught.value is error
        assert notes(error) == "in failing of shape (2,) float32 and (3, 1) float64"
        assert str(error) == str(type(error)(*error.args))

    def test_forward_in_inspection(self, broken: Any) -> None:
        op = broken(forward=KeyError("k"))
        x = leaf([1.0, 2.0])
        with ag.inspect():
            h = x + 1.0
            with pytest.raises(KeyError) as caught:
                op(h, np.ones(2))
        said = notes(caught.value)
        assert "in failing of shape (2,) float64 and (2,) float64" in said
        assert "operand 0, of shape (2,) float64, comes from" in said
        assert said.endswith("h = x + 1.0")

    @pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
    def test_backward(self, broken: Any, error: Exception) -> None:
        op = broken(rule=error)
        x = leaf([1.0, 2.0], np.float32)
        y = op(x, leaf(np.ones((3, 1)))).sum()
        with pytest.raises(type(error)) as caught:
            y.backward()
        assert caught.value is error
        said = notes(error)
        assert "in the gradient of failing to operand 0" in said
        assert "(2,) float32 and (3, 1) float64" in said
        assert x.grad is None
        assert y.requires_grad

    def test_backward_in_inspection(self, broken: Any) -> None:
        op = broken(rule=KeyError("k"))
        x = leaf([1.0, 2.0])
        with ag.inspect() as seen:
            y = op(x, x)
            with pytest.raises(KeyError) as caught:
                y.sum().backward()
            assert "failing was computed at" in notes(caught.value)
            assert "y = op(x, x)" in notes(caught.value)
            # The walk that failed is over: another is seen as usual.
            (x * 2.0).sum().backward()
        assert x.grad.tolist() == [2.0, 2.0]
        assert seen.rule_of(seen.nodes[-1]) is None

    def test_transforms(self, broken: Any) -> None:
        op = broken(rule=KeyError("k"))
        with pytest.raises(KeyError) as caught:
            ag.grad(lambda x: op(x, x).sum())(np.ones(2))
        assert "in the gradient of failing to operand 0" in notes(caught.value)
        op = broken(forward=KeyError("k"))
        with pytest.raises(KeyError) as caught:
            ag.jvp(lambda x: op(x, x).sum(), (np.ones(2),), (np.ones(2),))
        assert "in failing of shape (2,)" in notes(caught.value)

    def test_forward_mode(self) -> None:
        def bad(x: Any) -> Any:
            return x * 2.0

        def wrong(_g: Any, _out: Any, _x: Any) -> Any:
            raise KeyError("k")

        op = defop(bad, wrong, kind="elementwise")
        try:
            with pytest.raises(KeyError) as caught:
                ag.jvp(lambda x: op(x).sum(), (np.ones(2),), (np.ones(2),))
            assert "in the tangent of bad; tracked operands of shape (2,) float64" in notes(
                caught.value
            )
        finally:
            found: Op = OPS.pop(bad)
            assert found.name == "bad"
            OPS.pop(op, None)

    def test_fast_paths(self) -> None:
        x = leaf([0.0, 1.0])
        for compute, name in (
            (lambda: x / np.zeros(2), "divide"),
            (lambda: np.zeros(2) / x, "divide"),
            (lambda: np.log(x), "log"),
            (lambda: np.divide(x, np.zeros(2)), "divide"),
            (lambda: np.std(np.log(x)), "log"),
        ):
            with np.errstate(all="raise"), pytest.raises(FloatingPointError) as caught:
                compute()
            assert f"in {name} of shape (2,) float64" in notes(caught.value)

    def test_inside_a_composition(self) -> None:
        with np.errstate(all="raise"), pytest.raises(FloatingPointError) as caught:
            np.std(leaf([1e300, -1e300]))
        assert "inside var" in notes(caught.value) or "inside std" in notes(caught.value)

    def test_shape_errors_say_what_they_said(self) -> None:
        with pytest.raises(ag.ShapeError, match=r"add: shapes \(2,\) and \(3,\) do not") as caught:
            leaf(np.ones(2)) + np.ones(3)
        assert notes(caught.value) == ""
        with ag.inspect():
            a = leaf(np.ones(2)) * 2.0
            with pytest.raises(ag.ShapeError) as caught:
                a @ np.ones((3, 3))
        assert "comes from" in notes(caught.value)
        assert "a = leaf(np.ones(2)) * 2.0" in notes(caught.value)
