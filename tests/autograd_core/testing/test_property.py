"""Functions become property tests, which find what is wrong and print its simplest example."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, assume, example, given, seed, settings
from hypothesis import strategies as st

import autograd_core as ag
import nn
from autograd_core.testing import (
    GradientCheckError,
    arrays,
    axes,
    einsum_calls,
    given_tensors,
    indices,
    positive,
    property_test,
    tensors,
)


@ag.primitive(check=False)
def cubed(x):
    return x**3


@cubed.rule
def _(g, _out, x):
    # Wrong by a factor of two, but only beyond 1.5.
    return g * 3 * x**2 * ag.where(x > 1.5, 2.0, 1.0)


@pytest.fixture(scope="session")
def one_for_the_session() -> float:
    return 1.0


# -- right ones, collected by pytest as they are --------------------------------------------------


@given_tensors(arrays(shape=(3,)), positive(), order=2)
def test_softplus_times(x, y):
    """Its docstring."""
    return np.logaddexp(0.0, x.sum()) * y


@given_tensors(arrays, positive, broadcasting=True)
def test_xlogy(x, y):
    return x * np.log(y)


@given_tensors(arrays((2, 3)), axes((2, 3)))
def test_sum_over_axes(x, axis):
    assert axis is None or isinstance(axis, int | tuple), "an axis is not to be differentiated"
    return np.sum(x, axis=axis) ** 2


@given_tensors(arrays((3, 4)), i=indices((3, 4)), order=1, modes=("reverse",))
def test_indexing(x, i):
    return x[i] * 2


@given_tensors(einsum_calls(max_operands=2), order=1)
def test_einsum(call):
    return np.einsum(call.subscripts, *call.operands)


@given_tensors(x=tensors((2,)), scale=st.sampled_from([1.0, 2.0]))
def test_tensors_and_numbers(x, scale):
    return np.tanh(x) * scale


@pytest.mark.parametrize("power", [2, 3])
@settings(max_examples=5)
@given_tensors(arrays((2,)))
def test_with_a_parameter_and_a_fixture(power, one_for_the_session, x):
    assert one_for_the_session == 1.0
    return x**power * one_for_the_session


class TestInAClass:
    offset = 1.0

    @given_tensors(arrays((2,)))
    def test_method(self, x):
        return np.sin(x + self.offset)


test_tanh = property_test(np.tanh, arrays)
test_layer = property_test(nn.Linear(3, 2, dtype=float), arrays((4, 3)))
test_hand_written = property_test(
    lambda x: np.sum(x**2), arrays((3,)), order=1, gradient=lambda x: 2 * x
)


def test_the_test_looks_like_the_function() -> None:
    assert test_softplus_times.__name__ == "test_softplus_times"
    assert test_softplus_times.__doc__ == "Its docstring."
    assert test_softplus_times.__module__ == __name__
    assert list(inspect.signature(test_with_a_parameter_and_a_fixture).parameters) == [
        "power",
        "one_for_the_session",
    ]
    assert test_softplus_times.function(np.zeros(3), 2.0) == pytest.approx(2 * np.log(2))
    assert test_tanh.__name__ == "test_tanh"
    assert test_tanh.function is np.tanh
    assert test_layer.__name__ == "test_Linear"


def run(test: Callable[..., Any]) -> Exception:
    """The failure of a property test, drawn as in any profile."""
    phases = [Phase.explicit, Phase.generate, Phase.shrink]
    test = settings(max_examples=60, database=None, derandomize=True, phases=phases)(test)
    with pytest.raises(Exception) as caught:
        test()
    return caught.value


# -- wrong ones -----------------------------------------------------------------------------------


def test_a_failure_shrinks_to_the_simplest_example_and_prints_it() -> None:
    @given_tensors(arrays)
    def test_cubed(x):
        return cubed(x)

    error = run(test_cubed)
    assert isinstance(error, GradientCheckError)
    # The simplest x > 1.5.
    assert "np.array(2.0, dtype='float64')" in str(error)
    notes = "\n".join(error.__notes__)
    assert re.search(r"test_cubed\(\s*x=array\(2\.\),", notes)
    # Both numbers: 3x² = 12, times the factor and times the same cotangent.
    (failure, *_) = error.failures
    assert failure.name == "x"
    assert failure.got == pytest.approx(2 * failure.expected)


def test_the_snippet_of_the_simplest_example_fails_in_the_same_way() -> None:
    error = run(wrong_property)
    assert f"from {__name__} import wrong_property" in error.snippet
    with pytest.raises(GradientCheckError) as again:
        exec(error.snippet, {})
    assert str(again.value) == str(error)


@given_tensors(arrays((2,)), order=1)
def wrong_property(x):
    return cubed(x)


def test_operands_that_broadcast_are_drawn_where_it_matters() -> None:
    @ag.primitive(check=False)
    def times(x, y):
        return x * y

    @times.rule
    def _(g, _out, x, y):
        # Un-broadcast by hand, but an axis of length 1 is forgotten.
        def back(g, x):
            g = g.sum(tuple(range(g.ndim - x.ndim)))
            return g if g.shape == x.shape else g[tuple(slice(0, n) for n in x.shape)]

        return back(g * y, x), back(g * x, y)

    @given_tensors(arrays, arrays, broadcasting=True)
    def test_times(x, y):
        return times(x, y)

    error = run(test_times)
    assert isinstance(error, GradientCheckError)
    shapes = [tuple(map(int, s.split(","))) for s in re.findall(r"shape \((\d+),\)", str(error))]
    assert all(len(s) == 1 for s in shapes)
    simplest = re.findall(r"arg\d = np.array\((.*), dtype", str(error))
    # One number against two: nothing smaller shows it.
    assert sorted(np.size(eval(x)) for x in simplest) == [1, 2]


def test_wrong_second_order_is_found_unless_order_says_otherwise() -> None:
    def second(x):
        return ag.stop_gradient(x) * x * 2 - ag.stop_gradient(x * x) + 0.0 * x

    run(given_tensors(arrays((2,)))(second))
    settings(max_examples=5, database=None)(given_tensors(arrays((2,)), order=1)(second))()


def test_a_module_with_a_wrong_gradient_of_a_parameter() -> None:
    class Wrong(nn.Module):
        def __init__(self):
            self.w = nn.Parameter(np.array([1.0, 2.0]))

        def forward(self, x, axis=None):
            return (x * (self.w + ag.stop_gradient(self.w))).sum(axis)

    layer = Wrong()
    for test in (
        property_test(layer, arrays((2,))),
        property_test(layer, arrays((2,)), axis=st.sampled_from([0, -1])),
    ):
        error = run(test)
        assert isinstance(error, GradientCheckError)
        assert error.failures[0].name == "w"
    assert layer.w.data.tolist() == [1.0, 2.0]


def test_a_hand_written_gradient_that_is_wrong() -> None:
    wrong = property_test(
        lambda x: float(np.sum(np.abs(x) ** 3)), positive((2,)), order=1, gradient=lambda x: x**2
    )
    assert "np.array([1.0, 1.0], dtype='float64')" in str(run(wrong))


@pytest.mark.parametrize("factor", [2, 3])
def test_a_hand_written_derivative_gets_all_that_was_drawn(factor: int) -> None:
    test = given_tensors(
        arrays((2,)),
        axis=st.sampled_from([0, -1]),
        vjp=lambda g, x, axis: factor * np.expand_dims(g, axis) * x,
        jvp=lambda v, x, axis: np.sum(factor * x * v, axis),
    )(lambda x, axis: np.sum(x * x, axis))
    if factor == 2:
        test()
    else:
        assert isinstance(run(test), GradientCheckError)


def test_the_primitives_own_check_does_not_come_first() -> None:
    @ag.primitive
    def halved(x):
        return np.sin(x)

    @halved.rule
    def _(g, _out, x):
        return 0.5 * g * np.cos(x)

    assert isinstance(run(given_tensors(arrays)(lambda x: halved(x))), GradientCheckError)


# -- with Hypothesis ------------------------------------------------------------------------------


def test_examples_settings_and_seeds_of_hypothesis() -> None:
    seen: list[np.ndarray] = []

    def record(x):
        if type(x) is np.ndarray:
            seen.append(x)
        return x * 2

    test = given_tensors(arrays((2,)), modes=("reverse",), order=1)(record)
    test = settings(max_examples=7, database=None)(example(np.array([7.5, 8.5]))(test))
    test()
    assert any(np.array_equal(x, [7.5, 8.5]) for x in seen)
    first = []
    for _ in range(2):
        seen.clear()
        drawn = given_tensors(arrays((2,)), order=1)(record)
        seed(11)(settings(max_examples=5, database=None)(drawn))()
        first.append([x.tolist() for x in seen])
    assert first[0] == first[1]
    below = given_tensors(x=arrays((2,)))(settings(max_examples=1, database=None)(record))
    seen.clear()
    below()
    assert {tuple(x) for x in seen if not np.any(x)} == {(0.0, 0.0)}


def test_assumptions_leave_examples_out() -> None:
    @settings(max_examples=20, database=None)
    @given_tensors(arrays(()))
    def test_root(x):
        assume(x > 0.5)
        return np.sqrt(x)

    test_root()


@settings(max_examples=5, database=None)
@given(st.data())
def test_strategies_are_strategies(data: st.DataObject) -> None:
    assert data.draw(arrays((2,))).shape == (2,)


# -- what is wrong with the call ------------------------------------------------------------------


def one(x):
    return x


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: given_tensors()(one), "given_tensors: no strategy for any argument of one"),
        (lambda: given_tensors(arrays, arrays)(one), "whose arguments without one by name are x"),
        (lambda: given_tensors(arrays, x=arrays)(one), "1 strategies by position .* are none"),
        (
            lambda: given_tensors(arrays, tolerence=1)(one),
            r"'tolerence' is neither a parameter of one \(x\) nor an option of check_gradients \(w",
        ),
        (lambda: given_tensors((3,))(one), r"pass a strategy such as arrays\(shape=\(3,\)\), not"),
        (
            lambda: given_tensors(arrays, broadcasting=True)(one),
            "broadcasting=True gives shapes to operands of one that have none",
        ),
        (lambda: property_test(3, arrays), "property_test: the first argument is called; 3 cannot"),
    ],
)
def test_bad_calls(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        make()


def test_a_function_that_returns_nothing_or_takes_nothing_floating() -> None:
    nothing = run(given_tensors(arrays, axes(2, none=False))(lambda x, axis: None))
    assert "returned None" in str(nothing)
    assert "returned None" in str(run(given_tensors(arrays)(lambda x: None)))
    fixed = run(given_tensors(axes(2))(lambda axis: axis))
    assert isinstance(fixed, TypeError)
    assert "nothing to differentiate, for none of axis is a floating array" in str(fixed)
