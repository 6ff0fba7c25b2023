"""Training that leaves the finite numbers: where, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import autograd_core as ag

if TYPE_CHECKING:
    from .history import History
    from .steps import Gradients

__all__ = ["AGAIN", "TOO_LARGE", "DivergenceError", "explain", "nonfinite_names"]

TOO_LARGE = (
    "The loss and the gradients were finite, so the update was too large: lower the learning rate, "
    "or clip the gradients (clip_norm=1.0). To go on, make a new optimizer: what this one "
    "remembers has been through that update"
)
AGAIN = (
    "The same step, taken again to see where that came from, was finite: something in it differs "
    "from one time to the next"
)


class DivergenceError(ArithmeticError):
    """A loss, gradient or parameter that is inf or nan: training stopped before the update.

    Parameters and buffers are as the last finite update left them, and so is the optimizer, unless
    it was an update that overflowed: what it remembers has been through that.

    ``epoch``, ``batch``, ``step``
        where it was, all counted from 1.
    ``report``
        where it came from (`ag.Inspection`'s report); None if that could not be found out.
    ``history``
        the `History` until then.
    """

    def __init__(
        self, message: str, *, epoch: int, batch: int, step: int, report: Any, history: History
    ) -> None:
        super().__init__(message)
        self.epoch, self.batch, self.step = epoch, batch, step
        self.report, self.history = report, history


def explain(compute: Gradients, x: Any, y: Any) -> Any:
    """Take a step's gradients once more under inspection; the report, or None if all was finite."""
    # What is computed elsewhere is computed here once, where it can be looked into.
    compute = getattr(compute, "here", compute)
    try:
        with ag.inspect("raise") as seen, np.errstate(all="ignore"):
            compute(x, y)
    except ag.NonFiniteError as error:
        return error.report
    return seen.first_nonfinite()


def nonfinite_names(tensors: list[ag.Tensor], values: list[Any]) -> str:
    """Name the tensors whose values are not all finite; "" without one."""
    bad = [
        tensor.name or f"a parameter of shape {tensor.shape}"
        for tensor, value in zip(tensors, values, strict=True)
        if value.dtype.kind in "fc" and not np.isfinite(value).all()
    ]
    return ", ".join(bad[:3]) + (f" and {len(bad) - 3} more" if len(bad) > 3 else "")
