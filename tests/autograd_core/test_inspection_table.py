"""Inspection over the whole table: with inf, nan and extreme numbers among the operands of each op.

What is looked into computes what it computes outside, nothing inside fails, and what is blamed is
a box of the graph, at an element that is there.
"""

import zlib
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core.inspection import Report
from tests.autograd_core.samples import DIFFERENTIABLE, Case
from tests.autograd_core.support import examples, flat

NAMES = sorted(DIFFERENTIABLE)
EXTREMES = (np.nan, np.inf, 0.0, 1e200)
# LAPACK may never come back from a matrix that is not finite.
LAPACK = ("linalg", "poly", "roots", "eig", "cov")


def spoilt(case: Case, number: float, rng: np.random.Generator) -> list[Any]:
    """The arrays of a case with one element of some replaced."""
    arrays = [np.array(x) for x in case.arrays]
    for x in arrays:
        if x.dtype.kind in "fc" and x.size and rng.random() < 0.8:
            x.flat[rng.integers(x.size)] = number
    return arrays


def run(name: str, case: Case, arrays: list[Any], seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    tensors = [ag.Tensor(x, requires_grad=True) if x.dtype.kind in "fc" else x for x in arrays]
    for y in flat(case.value(DIFFERENTIABLE[name].function, *tensors)):
        if isinstance(y, ag.Tensor) and y.requires_grad:
            y.backward(rng.normal(size=y.shape).astype(y.dtype), retain_graph=True)
    return [t.grad for t in tensors if isinstance(t, ag.Tensor) and t.grad is not None]


def consistent(report: Report, seen: ag.Inspection) -> None:
    assert report.node in seen.values or report.node.op is not None
    assert report.trap
    assert report.remedy
    text = str(report)
    assert report.trap in text.splitlines()[0]
    if report.when == "forward" and report.node in seen.operands:
        if report.trap.startswith(("nan in operand", "inf in operand")):
            return
        number = element(seen.values[report.node], report.index)
        assert not np.isfinite(number).all()
        finite = all(
            np.isfinite(x).all()
            for x in seen.operands[report.node]
            if getattr(x, "dtype", np.dtype(int)).kind in "fc"
        )
        # Operands of what is blamed are finite, but for an inf that made a nan, or what is dropped.
        assert finite or np.isnan(number).any() or "overflow" in report.trap


def element(value: Any, index: tuple[int, ...]) -> Any:
    """An element; of several outputs, those there that have one."""
    if not isinstance(value, (tuple, list)):
        return np.asarray(value)[index]
    return np.array([x[index] for x in value if len(index) == np.ndim(x)])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES[::8])
def test_extreme_operands(name: str) -> None:
    every_op(name)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_extreme_operands_of_every_op(name: str) -> None:
    every_op(name)


def every_op(name: str) -> None:
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    for case in examples(name)[:2]:
        for number in (0.0,) if any(part in name for part in LAPACK) else EXTREMES:
            arrays = spoilt(case, number, rng)
            with np.errstate(all="ignore"):
                try:
                    expected = run(name, case, arrays, 0)
                except Exception as error:
                    with pytest.raises(type(error)), ag.inspect("record"):
                        run(name, case, arrays, 0)
                    continue
                with ag.inspect("record") as seen:
                    found = run(name, case, arrays, 0)
            assert len(found) == len(expected)
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_array_equal(a, b)
            str(seen)
            for report in seen.reports:
                consistent(report, seen)


UNARY: list[Any] = [
    np.exp, np.tanh, np.log, np.sqrt, np.abs, np.negative, np.square, np.transpose,
    lambda a: a * 2.0,
    lambda a: a[:, :2],
    lambda a: a.astype(np.float32) * 1.0,
    lambda a: np.where(a > 0, a, 0.0),
    lambda a: ag.softmax(a, axis=-1),
    lambda a: np.sort(a, axis=-1),
    lambda a: np.linalg.norm(a, axis=-1, keepdims=True),
    lambda a: np.std(a, axis=0, keepdims=True),
    lambda a: np.max(a, axis=0, keepdims=True),
    lambda a: np.concatenate([a, a], axis=0),
    lambda a: np.cumsum(a, axis=0),
    ag.checkpoint(lambda a: np.log(a * 1.0)),
]  # fmt: skip
BINARY: list[Any] = [
    np.multiply, np.divide, np.subtract, np.matmul, np.maximum, np.power, np.hypot,
    lambda a, b: np.where(b > 0, a, b),
]  # fmt: skip


def program(seed: int) -> tuple[list[ag.Tensor], ag.Tensor]:
    """A random composition of ops over two leaves, at numbers that many of them cannot take."""
    rng = np.random.default_rng(seed)
    numbers = [0.0, 1.0, -1.0, 2.0, 1e200, 1e-200, -3.0, 0.5]
    leaves = [ag.Tensor(rng.choice(numbers, size=(3, 3)), requires_grad=True) for _ in range(2)]
    pool = list(leaves)
    for _ in range(rng.integers(2, 9)):
        a, b = (pool[k] for k in rng.integers(len(pool), size=2))
        ops, args = (UNARY, (a,)) if rng.random() < 0.6 else (BINARY, (a, b))
        try:
            pool.append(ops[rng.integers(len(ops))](*args))
        except ag.ShapeError:
            continue
    return leaves, sum((part.sum() for part in pool[-3:]), start=ag.Tensor(0.0))


@pytest.mark.filterwarnings("ignore")
def test_raised_where_the_end_is_not_finite_and_nowhere_else() -> None:
    raised = 0
    for seed in range(150):
        leaves, loss = program(seed)
        loss.backward()
        grads = [x.grad for x in leaves if x.grad is not None]
        finite = all(np.isfinite(x).all() for x in (loss.data, *grads))
        with ag.inspect() as seen:
            again, loss = program(seed)
            if finite:
                loss.backward()
                for a, b in zip([x.grad for x in again if x.grad is not None], grads, strict=True):
                    np.testing.assert_array_equal(a, b)
                continue
            with pytest.raises(ag.NonFiniteError) as error:
                loss.backward()
        raised += 1
        assert all(x.grad is None for x in again)
        report = error.value.report
        assert report.line is not None
        assert report.line.file == __file__
        node = report.node
        if report.when == "forward" and node.op is not None and node.op.kind == "elementwise":
            value = seen.values[node]
            assert not np.isfinite(value[report.index])
            x = [np.broadcast_to(v, value.shape)[report.index] for v in seen.operands[node]]
            # An inf is blamed itself, wherever it came from, and no nan on what it became.
            assert not np.isnan(x).any()
            assert np.isfinite(x).all() or report.trap in ("inf - inf", "0 * inf", "inf / inf")
    assert 50 < raised < 120
