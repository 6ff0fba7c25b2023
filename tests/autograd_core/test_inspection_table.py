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
