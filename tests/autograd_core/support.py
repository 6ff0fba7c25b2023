"""What each op of the table supports, found by trying: for the page of operations, and its test."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings

import autograd_core as ag
from autograd_core.registry import Op
from tests.autograd_core.samples import TABLE, Case, strategy

EXAMPLES = 4
YES, NO, NOT_IN_NUMPY = "yes", "no", "-"


def examples(name: str) -> list[Case]:
    """A few calls of the op, the same ones each time."""
    found: list[Case] = []

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy(name))
    def collect(case: Case) -> None:
        found.append(case)

    collect()
    return found


def flat(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from flat(part)
    else:
        yield value


def tried(op: Op, case: Case) -> str:
    """Whether the call works with gradients, wherever the function itself takes such arrays."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            case.value(op.fn, *case.arrays)
        except Exception:
            return NOT_IN_NUMPY
        try:
            tensors = [ag.Tensor(x, requires_grad=True) for x in case.arrays]
            for y in flat(case.value(op.function, *tensors)):
                if isinstance(y, ag.Tensor) and y.requires_grad:
                    y.backward(np.ones(y.shape, y.dtype), retain_graph=True)
        except Exception:
            return NO
        fits = all(t.grad is None or t.grad.shape == t.shape for t in tensors)
    return YES if fits else NO


def best(answers: list[str]) -> str:
    """No if one call failed that NumPy takes; yes if one worked."""
    return NO if NO in answers else YES if YES in answers else NOT_IN_NUMPY


def replaced(case: Case, change: Any) -> Case:
    return case._replace(arrays=tuple(map(change, case.arrays)))


def as_0d(x: np.ndarray) -> np.ndarray:
    return np.array(x.reshape(-1)[0] if x.size else 0.5)


def as_empty(x: np.ndarray) -> np.ndarray:
    return x[:0] if x.ndim else np.zeros(0, x.dtype)


def as_complex(x: np.ndarray) -> np.ndarray:
    return x + 0.25j * np.cos(np.where(np.isfinite(x), x, 0.0))


def support(name: str) -> dict[str, str]:
    """What the op does with 0-d, empty and complex arrays."""
    op, cases = TABLE[name], examples(name)
    changes = {"0-d": as_0d, "empty": as_empty, "complex": as_complex}
    return {
        what: best([tried(op, replaced(case, change)) for case in cases])
        for what, change in changes.items()
    }


#: Calls without a meaning that NumPy lets pass, and a gradient does not.
LAX = {
    ("numpy.apply_over_axes", "0-d"): "an axis that a 0-d array does not have",
    ("numpy.corrcoef", "0-d"): "two numbers have no correlation",
    ("numpy.cov", "empty"): "weights for observations that are not there",
    ("numpy.linalg.cond", "empty"): "a stack of no matrices, by a norm that needs their inverse",
    ("numpy.linalg.multi_dot", "0-d"): "numbers in a chain of matrices",
    ("numpy.piecewise", "empty"): "a condition of another shape than the array",
}
