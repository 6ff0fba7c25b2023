"""The checker is checked: wrong derivatives are caught, every one, and right ones pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core.testing import GradientCheckError, check_gradients
from autograd_core.testing.guess import guess_shape
from scripts import generate_fault_table
from tests.autograd_core.testing.faults import BY_NAME, OPS_WITH_RULES, plant_many
from tests.autograd_core.testing.hand_written import PAIRS

# Every eighth op, and more of them for what few calls can show: each family is met, and the test
# stays quick. The table in the documentation is made with all of them.
SOME = OPS_WITH_RULES[::8]
RARE = {"transposed", "missing un-broadcast"}


@pytest.mark.parametrize("name", BY_NAME)
def test_every_fault_in_a_rule_is_caught(name: str) -> None:
    ops, examples = (OPS_WITH_RULES[::4], 3) if name in RARE else (SOME, 2)
    count = plant_many(BY_NAME[name], ops, examples)
    assert count.planted >= 5
    assert count.caught == count.planted, count.missed


@pytest.mark.slow
@pytest.mark.parametrize("name", BY_NAME)
def test_every_fault_in_every_rule_is_caught(name: str) -> None:
    count = plant_many(BY_NAME[name], OPS_WITH_RULES, 4, seed=7)
    assert count.ops >= 20
    assert count.caught == count.planted, count.missed


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", PAIRS)
def test_hand_written_gradients(kind: str, seed: int) -> None:
    pair = PAIRS[kind](np.random.default_rng(seed))
    report = check_gradients(pair.f, *pair.args, **pair.right)
    assert report
    assert max(report.values()) < 1e-6
    before = [x.copy() for x in pair.args]
    options = {"f": pair.f, **pair.wrong}
    f = options.pop("f")
    with pytest.raises(GradientCheckError) as caught:
        check_gradients(f, *pair.args, **options)
    assert caught.value.failures
    assert "check_gradients(" in caught.value.snippet
    for x, old in zip(pair.args, before, strict=True):
        np.testing.assert_array_equal(x, old)


def messages(kind: str) -> str:
    pair = PAIRS[kind](np.random.default_rng(0))
    options = {"f": pair.f, **pair.wrong}
    f = options.pop("f")
    with pytest.raises(GradientCheckError) as caught:
        check_gradients(f, *pair.args, **options)
    return str(caught.value.failures[0])


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("missing un-broadcast (shape)", "the sum over the axes along which the argument was"),
        ("transposed", "the gradient of x1"),
        ("wrong dtype", "has dtype float32, and x float64"),
        ("integer gradient", "has dtype int64"),
        ("missing conjugate", "it is the conjugate of what it should be"),
        ("stale value", "kept"),
        ("writes into an argument", "the pull-back writes into x"),
        ("writes into the cotangent", "the pull-back writes into the cotangent"),
        ("g squared", "not linear"),
        ("second order: wrong sign", "x, order 2 is wrong"),
        ("wrong at ties: maximum(x, y)", "must sum to one"),
        ("outside the slopes of a kink", "a kink with slopes -1 and 1, and it is 1.5"),
        ("recorded in another dtype", "float64 in a plain call and float32 when it is recorded"),
        ("function writes into its argument", "writes into x"),
        ("dropped term (product rule)", "finite differences say"),
    ],
)
def test_the_message_names_the_fault(kind: str, said: str) -> None:
    assert said in messages(kind)


class TestGuesses:
    """What the numbers look like is said, if it is one of the usual faults."""

    x = np.array([[0.3, -1.2], [0.7, 2.0]])

    def guess(self, factor: Any) -> str:
        with pytest.raises(GradientCheckError) as caught:
            check_gradients(
                lambda x: (x**2).sum() + x[0, 1] ** 3,
                self.x,
                gradient=lambda x: factor(2 * x + np.array([[0, 3 * x[0, 1] ** 2], [0, 0]])),
            )
        return caught.value.failures[0].guess

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            (lambda g: -g, "sign"),
            (lambda g: 2 * g, "twice"),
            (lambda g: g / 2, "half"),
            (lambda g: 1.25 * g, "1.25 times"),
            (lambda g: 0 * g, "zero"),
            (lambda g: g.T.copy(), "transpose"),
            (lambda g: g + 1.0, "constant"),
            (lambda g: g * np.array([[1, 1], [0, 1]]), "zero at 1 of 4"),
            (lambda g: g + self_made(g), ""),
        ],
    )
    def test_guess(self, wrong: Any, said: str) -> None:
        found = self.guess(wrong)
        assert said in found
        assert bool(said) == bool(found)

    def test_of_one_element_of_many(self) -> None:
        with pytest.raises(GradientCheckError) as caught:
            check_gradients(
                np.sin,
                np.linspace(-1.0, 1.0, 50),
                vjp=lambda g, x: g * np.cos(x) * np.where(np.arange(50) == 49, 1.00005, 1.0),
            )
        assert caught.value.failures[0].guess == ""

    @pytest.mark.parametrize(
        ("got", "due", "said"),
        [((1,), (), "reshape"), ((), (1,), "reshape"), ((3, 4), (4,), "sum over the axes"),
         ((4, 3), (3, 4), "transposed"), ((2,), (3,), "")],
    )  # fmt: skip
    def test_of_a_shape(self, got: Any, due: Any, said: str) -> None:
        found = guess_shape(got, due)
        assert said in found
        assert bool(said) == bool(found)


def self_made(g: Any) -> Any:
    return np.arange(4.0).reshape(2, 2) * np.sin(g)


def test_a_wrong_rule_among_many_parameters_is_found() -> None:
    """One element of a thousand is wrong; it is found by halves."""
    x = np.random.default_rng(0).normal(size=(40, 25))

    def gradient(x: Any) -> Any:
        g = 3 * x**2
        g[17, 11] *= 1.001
        return g

    with pytest.raises(GradientCheckError) as caught:
        check_gradients(lambda x: (x**3).sum(), x, gradient=gradient)
    failure = caught.value.failures[0]
    assert failure.element == (17, 11)
    assert failure.got == pytest.approx(3.003 * x[17, 11] ** 2, rel=1e-9)
    assert failure.expected == pytest.approx(3 * x[17, 11] ** 2, rel=1e-7)


def test_a_rule_with_a_bug_in_one_place_only() -> None:
    """A small derivative beside large ones is looked at for itself."""
    x = np.array([1e2, 1.0, 1e-3])
    with pytest.raises(GradientCheckError) as caught:
        check_gradients(
            lambda x: (x**2).sum(), x, gradient=lambda x: 2 * x * np.array([1, 1, 1.01])
        )
    assert caught.value.failures[0].element == (2,)


def test_forward_mode_alone_is_wrong_in_the_engine() -> None:
    def doubled(x: Any) -> Any:
        return 2.0 * x

    # A linear op whose function is not linear: forward mode applies it to tangents.
    def odd(x: Any) -> Any:
        return np.where(np.abs(x) > 0.5, 2.0 * x, 2.0 * x * 1.01)

    f = ag.defop(odd, lambda g, _out, x: g * np.where(np.abs(x) > 0.5, 2.0, 2.02), kind="linear")
    try:
        with pytest.raises(GradientCheckError) as caught:
            check_gradients(lambda x: f(x / 8.0), np.array([5.0, 6.0]), order=1)
        assert "forward mode" in str(caught.value)
        check_gradients(lambda x: f(x / 8.0), np.array([5.0, 6.0]), order=1, modes=("reverse",))
    finally:
        for key in [k for k, op in ag.OPS.items() if op.fn is odd]:
            del ag.OPS[key]
    check_gradients(doubled, np.array([5.0, 6.0]))


def test_order_two_where_the_value_is_zero_by_chance() -> None:
    """The square of a value that is zero must not drown what is wrong."""

    def shifted(x: Any) -> Any:
        return x * x - 1.0

    f = ag.defop(shifted, lambda g, _out, x: 2.0 * g * ag.asarray(x).detach(), kind="elementwise")
    try:
        with pytest.raises(GradientCheckError, match="order 2"):
            check_gradients(f, np.ones(3))
    finally:
        for key in [k for k, op in ag.OPS.items() if op.fn is shifted]:
            del ag.OPS[key]


class TestTheTableInTheDocumentation:
    def test_it_has_a_row_for_every_fault(self) -> None:
        assert not generate_fault_table.behind(), "run python scripts/generate_fault_table.py"

    def test_every_fault_was_caught(self) -> None:
        rows = generate_fault_table.written()
        assert len(rows) == len(BY_NAME) + len(PAIRS)
        assert [row for row in rows if row[1] != row[2] or row[1] < 20] == []

    def test_rows_are_made_as_the_script_makes_them(self) -> None:
        rows = {name: (planted, caught) for name, planted, caught in generate_fault_table.written()}
        for kind in ("wrong axis", "wrong at ties: max(x)"):
            name, planted, caught = generate_fault_table.by_hand(kind, generate_fault_table.SEEDS)
            assert rows[name] == (planted, caught)

    def test_a_page_that_is_behind_is_noticed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(generate_fault_table.PAIRS, "a new fault", PAIRS["wrong axis"])
        assert "a new fault" in generate_fault_table.behind()
