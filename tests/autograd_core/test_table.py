"""Loops over the table: every op, drawn within its domain, against independent values."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_core as ag
from autograd_core.graph import StandIn
from autograd_core.methods import method_ops
from autograd_core.ops.indexing import setitem
from autograd_core.registry import ZERO, Erase, Op
from tests.autograd_core.samples import DIFFERENTIABLE, FACTS, TABLE, Case, strategy
from tests.autograd_core.support import LAX, NO, support

ALL = sorted(DIFFERENTIABLE)


def outputs(value: Any) -> list[Any]:
    """The outputs of an op, which has several where it returns a sequence of them."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def is_complex(x: Any) -> bool:
    return bool(x.dtype.kind == "c")


def inner(a: Any, b: Any) -> Any:
    """The real inner product, Re <a, b>: the sum over real and imaginary parts."""
    if is_complex(a) or is_complex(b):
        return ag.sum(ag.real(ag.conjugate(a) * b))
    return ag.sum(a * b)


class Scalar:
    """<u, y> + <v, |y|²> / 2 with fixed random u and v for each output y, of the arrays.

    The square makes the cotangent depend on x: at order 2 a rule must be right in ``g`` as well.
    """

    def __init__(self, case: Case, function: Any, seed: int = 0) -> None:
        self.case, self.function = case, function
        self.rng = np.random.default_rng(seed)
        ys = [np.asarray(y) for y in outputs(case.value(function, *case.arrays))]
        self.u = [self.like(y) for y in ys]
        self.v = [self.rng.normal(size=y.shape) for y in ys]

    def like(self, y: Any) -> Any:
        """Random numbers of the shape of ``y``, complex if it is."""
        real = self.rng.normal(size=y.shape)
        return real + 1j * self.rng.normal(size=y.shape) if is_complex(y) else real

    def __call__(self, *xs: Any) -> Any:
        ys = outputs(self.case.value(self.function, *xs))
        return sum(
            inner(u, y) + 0.5 * inner(y, y * v) for y, u, v in zip(ys, self.u, self.v, strict=True)
        )

    def directions(self) -> list[np.ndarray]:
        return [self.like(x) for x in self.case.arrays]


def slope(f: Any, xs: tuple[np.ndarray, ...], v: list[np.ndarray], h: float = 2e-4) -> Any:
    """The derivative of ``f`` along ``v``: central differences, of fourth order in ``h``."""

    def at(t: float) -> Any:
        return f(*(x + t * d for x, d in zip(xs, v, strict=True)))

    return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)


def close(a: float, b: float, scale: float = 1.0, tol: float = 1e-7) -> None:
    assert abs(a - b) <= tol * (scale + abs(a) + abs(b)), f"{a} against {b}"


def check_reverse(case: Case, function: Any) -> None:
    """Order 1 and 2 of reverse mode against central differences."""
    f = Scalar(case, function)
    xs, v, w = case.arrays, f.directions(), f.directions()
    everything = tuple(range(len(xs)))
    gradient = ag.grad(f, everything)

    def along(*at: Any) -> Any:
        """<w, gradient of f>, a function of the arrays."""
        return sum(inner(g, d) for g, d in zip(gradient(*at), w, strict=True))

    first = sum(inner(g, d) for g, d in zip(gradient(*xs), v, strict=True))
    close(first, slope(lambda *at: float(f(*at)), xs, v))
    second = sum(inner(g, d) for g, d in zip(ag.grad(along, everything)(*xs), v, strict=True))
    close(second, slope(lambda *at: float(along(*at)), xs, v), tol=1e-6)


def check_forward(case: Case, function: Any) -> None:
    """Forward mode by the adjoint identity <u, Jv> = <Jᵀu, v>, in both orders of modes."""
    f = Scalar(case, function)
    v = f.directions()
    everything = tuple(range(len(case.arrays)))
    _, tangents = ag.jvp(lambda *xs: case.value(function, *xs), case.arrays, v)
    ys = outputs(case.value(function, *case.arrays))
    weights = [u + v * y for u, v, y in zip(f.u, f.v, ys, strict=True)]
    pushed = sum(inner(t, u) for t, u in zip(outputs(tangents), weights, strict=True))
    back = ag.grad(f, everything)(*case.arrays)
    pulled = sum(inner(g, d) for g, d in zip(back, v, strict=True))
    close(pushed, pulled, tol=1e-10)


@pytest.mark.parametrize("name", ALL)
@given(data=st.data())
def test_reverse_mode_agrees_with_finite_differences(name: str, data: Any) -> None:
    check_reverse(data.draw(strategy(name)), TABLE[name].function)


@pytest.mark.parametrize("name", ALL)
@given(data=st.data())
def test_forward_mode_is_the_adjoint_of_reverse_mode(name: str, data: Any) -> None:
    check_forward(data.draw(strategy(name)), TABLE[name].function)


@pytest.mark.parametrize("name", ALL)
@given(data=st.data())
def test_forward_over_reverse_agrees_with_reverse_over_reverse(name: str, data: Any) -> None:
    case = data.draw(strategy(name))
    f = Scalar(case, TABLE[name].function)
    v, w = f.directions(), f.directions()
    everything = tuple(range(len(case.arrays)))

    def along(*at: Any) -> Any:
        return sum(ag.sum(g * d) for g, d in zip(ag.grad(f, everything)(*at), w, strict=True))

    _, pushed = ag.jvp(along, case.arrays, v)
    pulled = ag.grad(along, everything)(*case.arrays)
    close(pushed, sum(np.sum(g * d) for g, d in zip(pulled, v, strict=True)), tol=1e-9)


def complexified(case: Case, data: Any) -> Case:
    """The case with imaginary parts for some of its arrays, or all."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    chosen = data.draw(st.lists(st.booleans(), min_size=len(case.arrays), max_size=99))
    chosen[data.draw(st.integers(0, len(case.arrays) - 1))] = True
    return case._replace(
        arrays=tuple(
            x + 1j * rng.uniform(0.1, 0.4, x.shape) * rng.choice([-1, 1], x.shape) if c else x
            for x, c in zip(case.arrays, chosen, strict=False)
        )
    )


def takes(case: Case, op: Op) -> bool:
    """Whether the function itself can be called so: NumPy has no floor of complex numbers."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", np.exceptions.ComplexWarning)  # it drops a part of it
            case.value(op.fn, *case.arrays)
    except (TypeError, np.exceptions.ComplexWarning):
        return False
    return True


@pytest.mark.parametrize("name", ALL)
@given(data=st.data())
def test_complex_gradients_agree_with_finite_differences(name: str, data: Any) -> None:
    case = complexified(data.draw(strategy(name)), data)
    if takes(case, TABLE[name]):
        check_reverse(case, TABLE[name].function)
        check_forward(case, TABLE[name].function)


REAL_PART = {"complex64": "float32", "complex128": "float64"}


@pytest.mark.parametrize("name", ALL)
@given(data=st.data())
@settings(max_examples=max(3, settings().max_examples // 5))
def test_dtype_contract(name: str, data: Any) -> None:
    """The value has the dtype that NumPy gives, the gradient that of its operand."""
    drawn = data.draw(strategy(name))
    for dtype in ("float16", "float32", "float64", "complex64", "complex128"):
        check_dtypes(TABLE[name], complexified(drawn, data) if dtype[0] == "c" else drawn, dtype)


def check_dtypes(op: Op, case: Case, dtype: str) -> None:
    case = case._replace(
        arrays=tuple(
            x.astype(dtype if is_complex(x) or dtype[0] == "f" else REAL_PART[dtype])
            for x in case.arrays
        )
    )
    if not takes(case, op):
        return
    plain = [np.asarray(y) for y in outputs(case.value(op.fn, *case.arrays))]
    tensors = [ag.Tensor(x, requires_grad=True) for x in case.arrays]
    got = outputs(case.value(op.function, *tensors))
    rng = np.random.default_rng(0)
    for y, expected in zip(got, plain, strict=True):
        assert y.dtype == expected.dtype, dtype
        if y.requires_grad:
            y.backward(rng.normal(size=y.shape), retain_graph=True)
    for t, x in zip(tensors, case.arrays, strict=True):
        assert t.grad is None or t.grad.dtype == x.dtype


@pytest.mark.parametrize("name", ALL)
@given(data=st.data())
def test_float32_stays_float32_and_inputs_are_left_alone(name: str, data: Any) -> None:
    op = TABLE[name]
    case = data.draw(strategy(name))
    arrays = [x.astype(np.float32) for x in case.arrays]
    before = [x.copy() for x in arrays]
    for x in arrays:
        x.flags.writeable = False
    tensors = [ag.Tensor(x, requires_grad=True) for x in arrays]
    shared = [ag.asarray(x).requires_grad_() for x in arrays]
    for given_tensors in (tensors, shared):
        got = outputs(case.value(op.function, *given_tensors))
        if name.endswith("astype"):
            continue
        plain = outputs(case.value(op.function, *arrays))
        for y, expected in zip(got, plain, strict=True):
            assert y.dtype == expected.dtype
            # A composition takes its own way to the value, all others NumPy's.
            rtol = 2e-6 if op.composition else 0
            np.testing.assert_allclose(y.detach().numpy(), expected, rtol=rtol, atol=rtol)
        total = sum(ag.sum(ag.real(y)) for y in got)
        if total.requires_grad:
            total.backward()
        for t in given_tensors:
            if t.grad is not None:  # a degenerate call may not depend on it
                assert t.grad.dtype == np.float32
                assert t.grad.shape == t.shape
    for x, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(x, old)


@pytest.mark.parametrize("name", ALL)
@given(data=st.data())
def test_method_function_and_numpy_agree(name: str, data: Any) -> None:
    op = TABLE[name]
    case = data.draw(strategy(name))
    tensors = [ag.Tensor(x, requires_grad=True) for x in case.arrays]
    via_function = outputs(case.value(op.function, *tensors))
    ways = [via_function]
    if op.module.startswith(("numpy", "scipy")):
        raw = outputs(case.value(op.fn, *case.arrays))
        for t, expected in zip(via_function, raw, strict=True):
            assert t.shape == np.shape(expected)
            # A composition takes its own way to the value.
            np.testing.assert_allclose(t.detach().numpy(), expected, rtol=1e-12, atol=1e-12)
        ways.append(outputs(case.value(op.fn, *tensors)))
    if op.name in method_ops() and name == f"numpy.{op.name}":
        ways.append(outputs(case.value(getattr(ag.Tensor, op.name), *tensors)))
    for way in ways:
        for t, first in zip(way, via_function, strict=True):
            np.testing.assert_array_equal(t.detach().numpy(), first.detach().numpy())
            assert t.op is first.op


@pytest.mark.parametrize("name", [n for n in ALL if not n.startswith("autograd_core.")])
def test_0d_empty_and_complex_arrays_wherever_numpy_takes_them(name: str) -> None:
    refused = {what for what, answer in support(name).items() if answer == NO}
    assert refused == {what for op, what in LAX if op == name}


@pytest.mark.parametrize("name", [n for n in ALL if TABLE[n].kind == "elementwise"])
@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3)])
def test_elementwise_ops_take_0d_and_empty(name: str, shape: tuple[int, ...]) -> None:
    op = TABLE[name]
    inside = [np.full(shape, d.interior) for d in op.domains]
    inside = [x > 0 if rule is None else x for x, rule in zip(inside, op.rules, strict=True)]
    tensors = [
        ag.Tensor(x, requires_grad=rule is not None)
        for x, rule in zip(inside, op.rules, strict=True)
    ]
    y = op.function(*tensors)
    assert y.shape == shape
    y.backward(np.ones(shape))
    for t in tensors:
        if t.requires_grad:
            assert t.grad.shape == shape


@pytest.mark.parametrize(
    "name", [n for n, op in sorted(TABLE.items()) if any(r is ZERO for r in op.rules)]
)
@given(data=st.data())
def test_zero_means_zero(name: str, data: Any) -> None:
    op = TABLE[name]
    x = np.random.default_rng(data.draw(st.integers(0, 99))).uniform(0.6, 4.4, (3, 2))
    tensors = [ag.Tensor(x + i, requires_grad=True) for i in range(op.arity)]
    y = op.function(*tensors)
    np.testing.assert_array_equal(y.detach().numpy(), op.fn(*(t.data for t in tensors)))
    y.sum().backward()
    for t, rule in zip(tensors, op.rules, strict=True):
        if rule is ZERO:
            np.testing.assert_array_equal(t.grad, np.zeros((3, 2)))


def is_numbers(v: Any) -> bool:
    return isinstance(v, np.ndarray) and v.dtype.kind in "biufc"


@pytest.mark.parametrize(
    "name", [n for n, op in sorted(TABLE.items()) if op.rules and op.mask == 0]
)
def test_none_stops_the_recording(name: str) -> None:
    op = TABLE[name]
    x = np.array([[0.5, 1.5], [2.5, 0.25]])
    integers = op.name.startswith(("bitwise", "left", "right", "invert"))
    operands = FACTS.get(name) or [x.astype(int) if integers else x] * op.arity
    tensors = [
        ag.Tensor(v, requires_grad=v.dtype.kind == "f") if is_numbers(v) else v for v in operands
    ]
    got, expected = op.function(*tensors), op.fn(*operands)
    for t, value in zip(outputs(got), outputs(expected), strict=True):
        if op.name != "empty_like":
            np.testing.assert_array_equal(t, value)
        assert not getattr(t, "requires_grad", False)


def same(a: Any, b: Any) -> bool:
    """Whether two gradients, scattered or not, are equal."""
    if type(a) is ag.Scatter:
        return type(b) is ag.Scatter and repr(a) == repr(b)
    return np.array_equal(a, b, equal_nan=True)


def reads(case: Case, op: Op, seen: set[Any], read: set[Any]) -> None:
    """Add the kept values of a call to ``seen``, and to ``read`` what its rules depend on."""
    tensors = [ag.Tensor(x, requires_grad=True) for x in case.arrays]
    y = outputs(case.value(op.function, *tensors))[0]
    node = y._node if y.op is op else y._node.parents[0]
    g = np.ones(y.shape) if y.op is op else [np.ones(s) for s in node.shape]
    out = node if node.out is None else node.out
    for place, value in {"out": node.out, **dict(enumerate(node.operands))}.items():
        if not isinstance(value, (np.ndarray, np.generic)) or value.size == 0:
            continue
        seen.add(place)
        without = StandIn(value.shape, value.dtype)
        operands = tuple(without if k == place else x for k, x in enumerate(node.operands))
        for i, parent in enumerate(node.parents):
            if parent is None or (op.variadic and i == place):
                continue
            right = op.pull(i, g, out, node.operands, node.params, parent)
            try:
                other = op.pull(
                    i, g, without if place == "out" else out, operands, node.params, parent
                )
            except Exception:
                read.add(place)
            else:
                if not same(right, other):
                    read.add(place)


@pytest.mark.parametrize("name", [n for n in ALL if TABLE[n].rules])
def test_what_is_kept_is_read(name: str) -> None:
    """A rule that never looks at a value must name it with an underscore."""
    seen: set[Any] = set()
    read: set[Any] = set()

    @given(data=st.data())
    def look(data: Any) -> None:
        reads(data.draw(strategy(name)), TABLE[name], seen, read)

    look()
    assert seen <= read, f"{name} keeps what no rule reads: {seen - read}"


def planted(op: Op, i: int) -> tuple[Any, ...]:
    """The rules of ``op`` with that of operand ``i`` wrong by 0.1 %."""
    rule: Any = op.rules[i]

    def wrong(*args: Any, **params: Any) -> Any:
        right = rule(*args, **params)
        if type(right) is Erase:
            return 1.001 * setitem(args[0], 0.0, index=right.index)
        return right._replace(g=1.001 * right.g) if type(right) is ag.Scatter else 1.001 * right

    return (*op.rules[:i], wrong, *op.rules[i + 1 :])


RULES = [
    (name, i)
    for name in ALL
    for i, rule in enumerate(TABLE[name].rules)
    if rule is not None and rule is not ZERO
]


@pytest.mark.parametrize(("name", "i"), RULES)
def test_a_rule_wrong_by_a_thousandth_is_caught(
    name: str, i: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    op = TABLE[name]
    monkeypatch.setattr(op, "rules", planted(op, i))
    caught = False

    @given(data=st.data())
    def check(data: Any) -> None:
        nonlocal caught
        case = data.draw(strategy(name))
        try:
            check_reverse(case, op.function)
        except AssertionError:
            caught = True

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check()
    assert caught, f"a wrong rule for operand {i} of {name} went unnoticed"


def test_an_op_without_a_sample_strategy_fails() -> None:
    def three(x: Any) -> Any:
        return 3 * x

    ag.defop(three, lambda g, _out, _x: 3 * g)
    op = ag.OPS.pop(three)
    TABLE["test.three"] = op
    try:
        with pytest.raises(KeyError, match="no sample strategy"):
            strategy("test.three")
    finally:
        del TABLE["test.three"]


def test_every_differentiable_op_has_a_sample_strategy() -> None:
    for name in ALL:
        strategy(name)
