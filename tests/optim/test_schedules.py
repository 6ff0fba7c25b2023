"""Schedules against their formulas and PyTorch's, their compositions, and the scheduler."""

import json
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import nn
from autograd_core import Tensor
from optim import (
    SGD,
    Constant,
    Cosine,
    Exponential,
    HalveOnPlateau,
    InverseTime,
    OneCycle,
    Power,
    Schedule,
    Scheduler,
    Step,
    WarmUp,
    fit,
)


def factors(schedule: Schedule, n: int = 12) -> list[float]:
    return [schedule.factor(t) for t in range(n)]


# --- formulas -------------------------------------------------------------------------------------

FORMULAS: list[tuple[Schedule, Callable[[int], float]]] = [
    (Constant(0.3), lambda t: 0.3),
    (InverseTime(0.25), lambda t: 1 / (1 + 0.25 * t)),
    (Power(0.75), lambda t: (t + 1) ** -0.75),
    (Step(3, 0.2), lambda t: 0.2 ** math.floor(t / 3)),
    (Exponential(0.9), lambda t: math.exp(t * math.log(0.9))),
    (Cosine(8, end=0.1), lambda t: 0.1 + 0.9 * math.cos(math.pi * min(t, 8) / 16) ** 2),
    (WarmUp(5), lambda t: min(t + 1, 5) / 5),
]


@pytest.mark.parametrize(
    ("schedule", "formula"), FORMULAS, ids=[type(s).__name__ for s, _ in FORMULAS]
)
def test_formula(schedule: Schedule, formula: Callable[[int], float]) -> None:
    assert factors(schedule) == pytest.approx([formula(t) for t in range(12)], rel=1e-14)
    assert schedule.state_dict() == {}
    schedule.load_state_dict({})
    assert not schedule.needs_metric


@pytest.mark.parametrize(
    ("schedule", "make"),
    [
        (Step(4, 0.3), lambda s, o: s.StepLR(o, 4, 0.3)),
        (Exponential(0.8), lambda s, o: s.ExponentialLR(o, 0.8)),
        (InverseTime(0.5), lambda s, o: s.LambdaLR(o, lambda t: 1 / (1 + 0.5 * t))),
        # PyTorch's goes up again after T_max.
        (Cosine(19, 0.2), lambda s, o: s.CosineAnnealingLR(o, 19, eta_min=0.2 * 0.7)),
        (WarmUp(6), lambda s, o: s.LinearLR(o, 1 / 6, total_iters=5)),
        (OneCycle(20), lambda s, o: s.OneCycleLR(o, 0.7, total_steps=20)),
        (
            OneCycle(20, warm=0.5, start=0.1, end=0.1 / 50),
            lambda s, o: s.OneCycleLR(
                o, 0.7, total_steps=20, pct_start=0.5, div_factor=10, final_div_factor=50
            ),
        ),
        (
            WarmUp(5).then(Exponential(0.9), at=5),
            lambda s, o: s.SequentialLR(
                o, [s.LinearLR(o, 1 / 5, total_iters=4), s.ExponentialLR(o, 0.9)], [5]
            ),
        ),
        (
            Step(5, 0.5) * Exponential(0.9),
            lambda s, o: s.ChainedScheduler([s.StepLR(o, 5, 0.5), s.ExponentialLR(o, 0.9)]),
        ),
    ],
    ids=lambda x: str(x) if isinstance(x, Schedule) else "",
)
# SequentialLR passes an epoch to the schedulers it holds.
@pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")
@pytest.mark.filterwarnings("ignore:Detected call of:UserWarning")
def test_rates_are_those_of_pytorch(schedule: Schedule, make: Any) -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.7)
    scheduler = make(torch.optim.lr_scheduler, theirs)
    ours = SGD([Tensor([0.0], requires_grad=True)], lr=0.7)
    mine = Scheduler(ours, schedule)
    for _ in range(19):
        assert ours.lr == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-9)
        theirs.step()
        scheduler.step()
        mine.step()


def test_one_cycle_rises_to_the_full_rate_and_ends_far_below_its_start() -> None:
    cycle = factors(OneCycle(100), 130)
    top = cycle.index(max(cycle))
    assert top == 29
    assert cycle[top] == 1.0
    assert cycle[0] == pytest.approx(1 / 25)
    assert cycle[:30] == sorted(cycle[:30])
    assert cycle[29:] == sorted(cycle[29:], reverse=True)
    assert cycle[99:] == pytest.approx([1 / 25e4] * 31)


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("warm", [0.0, 0.5, 1.0])
def test_short_cycles_stay_in_range(length: int, warm: float) -> None:
    cycle = factors(OneCycle(length, warm=warm))
    assert all(1 / 25e4 <= f <= 1 for f in cycle)
    assert cycle[-1] == pytest.approx(1 / 25e4)


def test_the_rates_of_power_sum_to_infinity_and_their_squares_do_not() -> None:
    # As the integral of t^-δ says: the sum to n grows like n^(1-δ), that of the squares is bounded.
    rates = factors(Power(0.75), 40_000)
    assert sum(rates) > 1.9 * sum(rates[:2500])
    assert sum(r**2 for r in rates) < 2.613  # ζ(1.5)


# --- halving on a plateau (L18) -------------------------------------------------------------------


def test_the_rate_is_halved_each_time_the_error_stops_improving() -> None:
    schedule = HalveOnPlateau(patience=2)
    seen = []
    for error in [5, 4, 4, 3, 3, 3, 3, 3, 2, 2, math.nan, 1, 1, 1]:
        schedule.observe(error)
        seen.append(schedule.factor(0))
    assert seen == [1, 1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125, 0.125, 0.0625]


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize(("patience", "min_delta"), [(1, 0.0), (3, 0.0), (2, 0.05)])
def test_plateaus_are_those_of_pytorch(mode: str, patience: int, min_delta: float) -> None:
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer,
        mode,
        factor=0.5,
        patience=patience - 1,  # of PyTorch: how many are passed over
        threshold=min_delta,
        threshold_mode="abs",
        eps=0,
        min_lr=2**-6,
    )
    ours = HalveOnPlateau(patience, min_delta=min_delta, min_factor=2**-6, mode=mode)
    values = torch.rand(60, generator=torch.Generator().manual_seed(1)).tolist()
    for value in values:
        theirs.step(value)
        ours.observe(value)
        assert ours.factor(0) == optimizer.param_groups[0]["lr"]
    assert ours.factor(0) < 0.5


def test_a_first_nan_is_not_the_best() -> None:
    schedule = HalveOnPlateau(patience=2)
    for error in (math.nan, 3.0, 2.0, 1.0):
        schedule.observe(error)
    assert schedule.factor(0) == 1.0


def test_a_plateau_goes_on_from_its_state() -> None:
    errors = [3, 2, 2, 2, 1, 1, 1, 1, 1, 1]
    whole = HalveOnPlateau(patience=2)
    for error in errors:
        whole.observe(error)
    for k in range(len(errors)):
        first, second = HalveOnPlateau(patience=2), HalveOnPlateau(patience=2)
        for error in errors[:k]:
            first.observe(error)
        second.load_state_dict(json.loads(json.dumps(first.state_dict())))
        for error in errors[k:]:
            second.observe(error)
        assert second.state_dict() == whole.state_dict()


# --- compositions ---------------------------------------------------------------------------------


def test_products_and_sequences() -> None:
    a, b = Step(2, 0.5), Exponential(0.9)
    assert factors(a * b) == [x * y for x, y in zip(factors(a), factors(b), strict=True)]
    assert factors(0.5 * a) == factors(a * 0.5) == [0.5 * x for x in factors(a)]
    assert factors(a.then(b, at=5)) == factors(a, 5) + factors(b, 7)
    assert factors(WarmUp(3).then(Cosine(4)).then(Constant(0.0))) == pytest.approx(
        [1 / 3, 2 / 3, 1, *factors(Cosine(4), 4), 0, 0, 0, 0, 0]
    )
    assert factors(WarmUp(3).then(a) * b) == [
        x * y for x, y in zip(factors(WarmUp(3)), factors(b), strict=True)
    ][:3] + [a.factor(t - 3) * b.factor(t) for t in range(3, 12)]
    text = "WarmUp(length=3).then(Step(every=2, gamma=0.5) * Exponential(gamma=0.9), at=3)"
    assert repr(WarmUp(3).then(a * b)) == text
    assert repr((WarmUp(3).then(a)) * (a * b)).count("Step(every=2, gamma=0.5)") == 2


def test_only_the_schedule_in_force_hears_of_a_measure() -> None:
    schedule = WarmUp(4).then(HalveOnPlateau(patience=1))
    assert schedule.needs_metric
    assert (schedule * Constant()).needs_metric
    for t in range(4):
        schedule.observe(1.0, t)
    assert schedule.factor(4) == 1.0
    schedule.observe(1.0, 4)
    assert schedule.factor(5) == 1.0
    schedule.observe(1.0, 5)
    assert schedule.factor(6) == 0.5


def test_compositions_save_both_states_or_load_none() -> None:
    def make() -> Schedule:
        return HalveOnPlateau(patience=1) * WarmUp(2).then(HalveOnPlateau(patience=2))

    schedule = make()
    for t in range(6):
        schedule.observe(1.0, t)
    state = json.loads(json.dumps(schedule.state_dict()))
    again = make()
    again.load_state_dict(state)
    assert again.state_dict() == schedule.state_dict()
    assert factors(again) == factors(schedule)

    fresh = make().state_dict()
    broken = {**state, "second": {"first": {}, "second": {"other": 1}}}
    unread = make()
    with pytest.raises(ValueError, match=r"not of HalveOnPlateau.*\['other'\]"):
        unread.load_state_dict(broken)
    assert unread.state_dict() == fresh


def test_a_composition_waits_for_what_its_plateau_waits_for() -> None:
    rising = HalveOnPlateau(1, mode="max")
    for schedule in (WarmUp(2).then(rising), rising * Cosine(9), 0.5 * (Constant() * rising)):
        assert (schedule.needs_metric, schedule.mode) == (True, "max")
    assert (WarmUp(2) * Constant()).mode == "min"
    for make in (lambda: rising * HalveOnPlateau(), lambda: HalveOnPlateau().then(rising, at=1)):
        with pytest.raises(ValueError, match="one waits for it to fall, the other for it to rise"):
            make()


def test_fit_tells_a_composition_what_it_waits_for() -> None:
    """A rising score, although the loss falls and would be a plateau to who waits for a rise."""
    model = nn.Linear(1, 1, rng=np.random.default_rng(0))
    scores = iter(range(9))
    history = fit(
        model, nn.mse_loss, (np.ones((4, 1)), np.zeros((4, 1))), SGD(model.parameters(), lr=0.1),
        epochs=5, schedule=WarmUp(1).then(HalveOnPlateau(1, mode="max")),
        metrics={"score": lambda output, target: next(scores)},
    )  # fmt: skip
    assert history["training loss"] == sorted(history["training loss"], reverse=True)
    assert history["learning rate"] == [0.1] * 5


@pytest.mark.parametrize("number", [np.float32(0.5), np.float64(0.5), np.int64(2), Fraction(1, 2)])
def test_numbers_of_other_kinds_become_pythons(number: Any) -> None:
    for schedule in (Constant(number), number * Constant(), Constant() * number, Step(2, number)):
        assert isinstance(schedule, Schedule)
        assert type(schedule.factor(0)) is float
        assert "np." not in repr(schedule)
    assert factors(number * Exponential(0.5)) == factors(float(number) * Exponential(0.5))


def test_a_rate_may_grow() -> None:
    assert factors(Exponential(2), 4) == factors(Step(1, 2), 4) == [1, 2, 4, 8]


# --- the scheduler --------------------------------------------------------------------------------


def two_groups() -> SGD:
    a, b = (Tensor([1.0], requires_grad=True) for _ in "ab")
    return SGD([{"params": [a], "lr": 0.4}, {"params": [b], "lr": 0.1}], lr=1.0)


def rates(optimizer: SGD) -> list[float]:
    return [group["lr"] for group in optimizer.param_groups]


def test_groups_keep_their_ratios() -> None:
    optimizer = two_groups()
    scheduler = Scheduler(optimizer, WarmUp(4).then(Exponential(0.5)))
    for factor in [0.25, 0.5, 0.75, 1, 1, 0.5, 0.25]:
        assert rates(optimizer) == pytest.approx([0.4 * factor, 0.1 * factor], rel=1e-14)
        scheduler.step()


def test_a_metric_is_observed_at_a_step_or_between() -> None:
    optimizer = two_groups()
    scheduler = Scheduler(optimizer, HalveOnPlateau(patience=1))
    scheduler.step(1.0)
    scheduler.step()  # an update without a measure
    assert rates(optimizer) == [0.4, 0.1]
    scheduler.step(1.0)
    assert rates(optimizer) == [0.2, 0.05]
    assert scheduler.t == 3
    scheduler.observe(1.0)
    assert rates(optimizer) == [0.1, 0.025]
    assert scheduler.t == 3


def test_the_scheduler_says_when_a_metric_was_measured() -> None:
    optimizer = two_groups()
    scheduler = Scheduler(optimizer, Constant().then(HalveOnPlateau(patience=1), at=3))
    for factor in [1, 1, 1, 1, 0.5, 0.25]:
        # The first measure that the plateau hears of is that after step 3, and is its best.
        scheduler.step(1.0)
        assert rates(optimizer) == [0.4 * factor, 0.1 * factor]
    scheduler.observe(1.0)
    assert rates(optimizer) == [0.05, 0.0125]


def test_a_rate_of_zero_may_be_set() -> None:
    optimizer = two_groups()
    scheduler = Scheduler(optimizer, Cosine(1))
    scheduler.step()
    assert rates(optimizer) == [0.0, 0.0]


def test_a_rate_of_zero_to_begin_with_is_told() -> None:
    optimizer = two_groups()
    Scheduler(optimizer, Cosine(1)).step()
    with pytest.warns(UserWarning, match="rate is 0 before the schedule begins.*Assign optimizer"):
        Scheduler(optimizer, Cosine(1))
    optimizer.lr = 0.1
    Scheduler(optimizer, Cosine(1))


def test_a_plateau_is_reset_by_the_next_scheduler() -> None:
    plateau = HalveOnPlateau(patience=1)
    for schedule in (plateau, WarmUp(1).then(plateau), plateau * Constant()):
        optimizer = two_groups()
        scheduler = Scheduler(optimizer, schedule)
        for _ in range(4):
            scheduler.step(1.0)
        assert plateau.factor(0) < 1
        left = rates(optimizer)
        again = Scheduler(optimizer, schedule)
        assert rates(optimizer) == left
        again.step(9.0)
        assert rates(optimizer) == left


def test_a_factor_that_cannot_be_set_changes_nothing() -> None:
    class Negative(Schedule):
        def factor(self, t: int) -> float:
            return 1.0 - 2 * t

    optimizer = two_groups()
    scheduler = Scheduler(optimizer, Negative())
    with pytest.raises(ValueError, match="lr must be a finite number from 0 on, not -0.4"):
        scheduler.step()
    assert scheduler.t == 0
    assert rates(optimizer) == [0.4, 0.1]


def test_the_scheduler_goes_on_from_its_state() -> None:
    first = two_groups()
    one = Scheduler(first, WarmUp(2) * HalveOnPlateau(patience=1))
    for metric in (1.0, 1.0, 0.5):
        one.step(metric)
    state = json.loads(json.dumps(one.state_dict()))
    second = two_groups()
    second.param_groups[0]["lr"] = 3.0
    two = Scheduler(second, WarmUp(2) * HalveOnPlateau(patience=1))
    two.load_state_dict(state)
    assert rates(second) == rates(first)
    for scheduler in (one, two):
        scheduler.step(0.5)
    assert rates(second) == rates(first) == [0.1, 0.025]


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    optimizer = two_groups()
    scheduler = Scheduler(optimizer, HalveOnPlateau(patience=1))
    scheduler.step(1.0)
    before, set_before = scheduler.state_dict(), rates(optimizer)
    for state, match in [
        ({}, "not of a Scheduler: it has nothing where"),
        ({**before, "initial": [1.0]}, "for 1 parameter groups, and the optimizer has 2"),
        ({**before, "schedule": {}}, "not of HalveOnPlateau"),
        ({**before, "t": 5, "schedule": {"best": 1, "waited": 0}}, "not of HalveOnPlateau"),
    ]:
        with pytest.raises(ValueError, match=match):
            scheduler.load_state_dict(state)
        assert scheduler.state_dict() == before
        assert rates(optimizer) == set_before


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: Power(0.5), ValueError, r"Power: exponent must be in \(0.5, 1\], not 0.5"),
        (lambda: Power(1.1), ValueError, r"Power: exponent must be in \(0.5, 1\], not 1.1"),
        (lambda: InverseTime(-1), ValueError, "InverseTime: decay must be .* from 0 on"),
        (lambda: InverseTime(math.nan), ValueError, "InverseTime: decay .* not nan"),
        (lambda: Exponential(0), ValueError, "Exponential: gamma must be a positive finite"),
        (lambda: Exponential("a"), TypeError, "Exponential: gamma must be a number, not 'a'"),
        (lambda: Step(0), ValueError, "Step: every must be 1 or more, not 0"),
        (lambda: Step(1.5), TypeError, "Step: every must be a whole number, not 1.5"),
        (lambda: Cosine(4, end=2), ValueError, r"Cosine: end must be in \[0, 1\], not 2"),
        (lambda: WarmUp(True), TypeError, "WarmUp: length must be a whole number, not True"),
        (lambda: OneCycle(4, warm=-1), ValueError, r"OneCycle: warm must be in \[0, 1\]"),
        (lambda: HalveOnPlateau(0), ValueError, "HalveOnPlateau: patience must be 1 or more"),
        (lambda: HalveOnPlateau(mode="low"), ValueError, "mode must be .* not 'low'"),
        (lambda: HalveOnPlateau(min_delta=-1), ValueError, "min_delta must be .* from 0 on"),
        (lambda: Constant(-1.0), ValueError, "Constant: value must be .* from 0 on"),
        (lambda: Constant().then(WarmUp(2)), ValueError, "has no end of its own; say .* at="),
        (lambda: Constant().then(0.5, at=2), TypeError, "must be a schedule, not 0.5"),
        (lambda: Constant().then(WarmUp(2), at=-1), ValueError, "at must be 1 or more, not -1"),
        (lambda: Constant() * None, TypeError, "unsupported operand"),
        (lambda: Scheduler(two_groups(), 0.5), TypeError, r"such as Exponential\(0.99\), not 0.5"),
    ],
)
def test_refused(make: Callable[[], Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        make()
