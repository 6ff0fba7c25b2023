"""Wrong derivatives, planted on purpose, and whether the checker catches them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as hypothesis_seed

import autograd_core as ag
from autograd_core.registry import ZERO, Erase, Op, Scatter
from autograd_core.testing import GradientCheckError, check_gradients
from tests.autograd_core.samples import DIFFERENTIABLE, Case, strategy

# --- faults in the rules of the table -----------------------------------------------------------

Rule = Callable[..., Any]


def _plain(x: Any) -> Any:
    return x.detach().data if isinstance(x, ag.Tensor) else x


def _changed(change: Callable[[Any], Any]) -> Callable[[Rule, Op], Rule]:
    """A fault that changes what a rule returns."""

    def plant(rule: Rule, op: Op) -> Rule:
        def wrong(g: Any, *rest: Any, **params: Any) -> Any:
            right = rule(g, *rest, **params)
            return right._replace(g=change(right.g)) if type(right) is Scatter else change(right)

        return wrong

    return plant


def _transposed(g: Any) -> Any:
    square = g.ndim >= 2 and g.shape[-1] == g.shape[-2]
    return np.swapaxes(g, -1, -2) if square else g


def _reversed(g: Any) -> Any:
    return np.flip(g, axis=0) if g.ndim else g


def _one_lost(g: Any) -> Any:
    if not g.size:
        return g
    mask = np.ones(g.shape)
    mask.reshape(-1)[-1] = 0.0
    return g * mask


def _squared(rule: Rule, op: Op) -> Rule:
    def wrong(g: Any, *rest: Any, **params: Any) -> Any:
        gs = [None if x is None else x * np.abs(x) for x in g] if isinstance(g, list) else None
        return rule(g * np.abs(g) if gs is None else gs, *rest, **params)

    return wrong


def _not_summed(rule: Rule, op: Op) -> Rule:
    """What broadcasting added is not summed: the first of the copies is taken."""

    def wrong(g: Any, out: Any, *operands: Any, **params: Any) -> Any:
        right = rule(g, out, *operands, **params)
        if not op.broadcasting or not hasattr(right, "shape"):
            return right
        shape = getattr(operands[wrong.place], "shape", ())
        lead = right.ndim - len(shape)
        mask = np.ones(right.shape)
        for axis in range(right.ndim):
            if right.shape[axis] > 1 and (axis < lead or shape[axis - lead] == 1):
                index: list[Any] = [slice(None)] * right.ndim
                index[axis] = slice(1, None)
                mask[tuple(index)] = 0.0
        return right * mask

    wrong.place = 0
    return wrong


def _stale(rule: Rule, op: Op) -> Rule:
    """What was computed at the first call with these shapes is used at all later ones."""
    kept: dict[Any, Any] = {}

    def wrong(g: Any, *rest: Any, **params: Any) -> Any:
        whole = len(g) if isinstance(g, list) else np.shape(_plain(g))
        shapes = (whole, *(np.shape(_plain(x)) for x in rest if hasattr(x, "shape")))
        return rule(g, *kept.setdefault(shapes, rest), **params)

    return wrong


def _constant_at_order_two(rule: Rule, op: Op) -> Rule:
    """Right at order 1; what it reads is taken for a constant at order 2."""

    def wrong(g: Any, *rest: Any, **params: Any) -> Any:
        return rule(g, *(_detached(x) for x in rest), **params)

    return wrong


def _detached(x: Any) -> Any:
    return x.detach() if isinstance(x, ag.Tensor) else x


def _writes_operand(rule: Rule, op: Op) -> Rule:
    def wrong(g: Any, *rest: Any, **params: Any) -> Any:
        right = rule(g, *rest, **params)
        for x in rest[1:]:
            if type(x) is np.ndarray and x.flags.writeable and x.dtype.kind == "f" and x.size:
                x.reshape(-1)[0] += 0.5 if np.shares_memory(x, x.reshape(-1)) else 0.0
        return right

    return wrong


def _writes_gradient(rule: Rule, op: Op) -> Rule:
    def wrong(g: Any, *rest: Any, **params: Any) -> Any:
        right = rule(g, *rest, **params)
        if type(g) is np.ndarray and g.size and g.flags.writeable:
            right = right.copy() if type(right) is np.ndarray else right
            g *= 2.0
        return right

    return wrong


def _conjugated(rule: Rule, op: Op) -> Rule:
    return _changed(lambda g: np.conjugate(g) if g.dtype.kind == "c" else g)(rule, op)


class Fault(NamedTuple):
    """A kind of fault, and how it is seen independently of the checker: what it changes."""

    name: str
    plant: Callable[[Rule, Op], Rule]
    #: "gradient", "second" (order 2), "stale" (the gradient at another point), "writes", "linear".
    shows: str = "gradient"
    is_complex: bool = False


FAULTS = [
    Fault("factor 1.001", _changed(lambda g: 1.001 * g)),
    Fault("factor 2", _changed(lambda g: 2.0 * g)),
    Fault("wrong sign", _changed(lambda g: -g)),
    Fault("transposed", _changed(_transposed)),
    Fault("wrong axis: elements in reverse order", _changed(_reversed)),
    Fault("dropped term: one element zero", _changed(_one_lost)),
    Fault("missing un-broadcast", _not_summed),
    Fault("g squared, sign kept", _squared),
    Fault("wrong dtype: through float16", _changed(lambda g: g.astype(np.float16).astype(float))),
    Fault("stale value", _stale, "stale"),
    Fault("wrong at order 2 only", _constant_at_order_two, "second"),
    Fault("writes into an operand", _writes_operand, "writes"),
    Fault("writes into the gradient", _writes_gradient, "writes"),
    Fault("missing conjugate", _conjugated, is_complex=True),
]
BY_NAME = {fault.name: fault for fault in FAULTS}


@contextmanager
def planted(fault: Fault, op: Op) -> Iterator[None]:
    """Put a fault into every rule of ``op``, for a block."""
    right = op.rules
    wrong = []
    for i, rule in enumerate(right):
        if rule is None or rule is ZERO or not callable(rule):
            wrong.append(rule)
            continue
        made = _guarded(fault.plant(rule, op), rule)
        if hasattr(fault.plant(rule, op), "place"):
            inner = fault.plant(rule, op)
            inner.place = i  # type: ignore[attr-defined]
            made = _guarded(inner, rule)
        wrong.append(made)
    op.rules = tuple(wrong)
    try:
        yield
    finally:
        op.rules = right


def _guarded(wrong: Rule, rule: Rule) -> Rule:
    """Leave alone what is no array: erased and zero gradients."""

    def guarded(g: Any, *rest: Any, **params: Any) -> Any:
        try:
            return wrong(g, *rest, **params)
        except AttributeError:
            right = rule(g, *rest, **params)
            if right is ZERO or type(right) is Erase:
                return right
            raise

    return guarded


# --- is it one? ----------------------------------------------------------------------------------


def outputs(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _loss(case: Case, op: Op, weights: list[Any]) -> Callable[..., Any]:
    def loss(*xs: Any) -> Any:
        ys = outputs(case.value(op.function, *xs))
        return sum(
            ag.sum(ag.real(y * w)) + 0.5 * ag.sum(ag.real(y * ag.conjugate(y)) * np.abs(w))
            for y, w in zip(ys, weights, strict=True)
        )

    return loss


def observed(fault: Fault, case: Case, op: Op) -> Any:
    """What the fault would change: gradients, or gradients of gradients, at some points."""
    rng = np.random.default_rng(1)
    weights = []
    for y in outputs(case.value(op.function, *case.arrays)):
        w = rng.normal(size=np.shape(y))
        weights.append(w + 1j * rng.normal(size=w.shape) if np.iscomplexobj(y) else w)
    loss = _loss(case, op, weights)
    everything = tuple(range(len(case.arrays)))
    gradient = ag.grad(loss, everything)
    xs = [x.copy() for x in case.arrays]
    if fault.shows == "second":
        vs = [rng.normal(size=x.shape) for x in xs]
        return ag.grad(
            lambda *at: sum(ag.sum(g * v) for g, v in zip(gradient(*at), vs, strict=True)),
            everything,
        )(*xs)
    found = list(gradient(*xs))
    if fault.shows == "stale":
        found = list(gradient(*(x * (1.0 + 0.01 * rng.uniform(-1, 1, x.shape)) for x in xs)))
    return found


def differs(a: Any, b: Any) -> bool:
    """Whether two lists of gradients differ by more than rounding."""
    for x, y in zip(a, b, strict=True):
        size = float(np.max(np.abs(y), initial=0.0))
        if np.shape(x) != np.shape(y) or np.any(np.abs(x - y) > 1e-5 * size + 1e-12):
            return True
    return False


def writes(fault: Fault, case: Case, op: Op) -> bool:
    """Whether a fault that writes finds something to write into here."""
    xs = [ag.asarray(x.copy()).requires_grad_() for x in case.arrays]
    ys = [y for y in outputs(case.value(op.function, *xs)) if isinstance(y, ag.Tensor)]
    before = [x.data.copy() for x in xs]
    rng = np.random.default_rng(0)
    for y in ys:
        if y.requires_grad:
            u = rng.normal(size=y.shape).astype(y.dtype)
            old = u.copy()
            ag.gradients(y, xs, u)
            if not np.array_equal(u, old):
                return True
    return not all(np.array_equal(x.data, b) for x, b in zip(xs, before, strict=True))


class Count(NamedTuple):
    """What came of planting one kind of fault many times."""

    planted: int
    caught: int
    refused: int
    ops: int
    missed: tuple[str, ...]


def plant_many(fault: Fault, names: list[str], examples: int, seed: int = 0) -> Count:
    """Plant a fault in every op of ``names``, on ``examples`` drawn calls of each.

    A fault counts where it changes something, which is found without the checker: a transposed
    vector is no fault. Where the engine itself refuses what the rule does, that is counted apart.
    """
    made = caught = refused = 0
    ops: set[str] = set()
    missed: list[str] = []
    for name in names:
        op = DIFFERENTIABLE[name]
        if op.composition is not None:
            continue
        for case in cases(name, examples, seed):
            if fault.is_complex:
                case = _complex(case)
            try:
                right = observed(fault, case, op)
            except Exception:  # no complex case of this op, or none of order 2
                continue
            with planted(fault, op), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    if fault.shows == "writes":
                        visible = writes(fault, case, op)
                    else:
                        if fault.shows == "stale":
                            with planted(fault, op):
                                visible = differs(observed(fault, case, op), right)
                        else:
                            visible = differs(observed(fault, case, op), right)
                except Exception:
                    refused += 1
                    continue
            if not visible:
                continue
            made += 1
            ops.add(name)
            with planted(fault, op):
                try:
                    check_gradients(
                        lambda *xs, c=case, o=op: c.value(o.function, *xs), *case.arrays
                    )
                except GradientCheckError:
                    caught += 1
                except Exception as error:
                    refused += 1
                    made -= 1
                    missed.append(f"{name} {case.text}: refused, {error!r}"[:160])
                else:
                    missed.append(f"{name} {case.text}")
    return Count(made, caught, refused, len(ops), tuple(missed))


def cases(name: str, count: int, seed: int = 0) -> list[Case]:
    """Calls of an op, drawn from its strategy."""
    found: list[Case] = []

    @hypothesis_seed(seed)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy(name))
    def collect(case: Case) -> None:
        found.append(case)

    collect()
    return found


def _complex(case: Case) -> Case:
    return case._replace(
        arrays=tuple(x + 0.3j * np.cos(np.where(np.isfinite(x), x, 0.0)) for x in case.arrays)
    )


#: Ops of every family with rules of their own.
OPS_WITH_RULES = sorted(name for name, op in DIFFERENTIABLE.items() if op.composition is None)
