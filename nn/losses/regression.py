"""Losses of real outputs: the squared error, the absolute one, and Huber's between the two."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_core as ag
from autograd_core.registry import known

from .shared import check_finite, check_mask, check_reduction, count, pair, reduce, value

__all__ = ["huber_loss", "l1_loss", "mse_loss", "squared_error"]


def _op(name: str, loss: Callable[..., Any], slope: Callable[..., Any]) -> Callable[..., Any]:
    """Declare Σ loss(x - y) / over, or the losses themselves where ``over`` is None.

    Ops of their own for speed: composed of a difference, its loss, a sum and a quotient they take
    two to three times as long on a small batch.
    """

    def forward(x: Any, y: Any, over: float | None, delta: float) -> Any:
        d = x - y
        if d.dtype.kind == "c":
            raise TypeError(f"{name} is defined for real numbers only, but was given complex ones")
        each = loss(d, delta)
        return each if over is None else np.sum(each) / over

    def rule_x(g: Any, _out: Any, x: Any, y: Any, over: float | None, delta: float) -> Any:
        return slope(x - y, delta) * (g if over is None else g / over)

    def rule_y(g: Any, _out: Any, x: Any, y: Any, over: float | None, delta: float) -> Any:
        return slope(y - x, delta) * (g if over is None else g / over)

    forward.__name__ = name
    return ag.defop(forward, rule_x, rule_y, name=name, module="nn.losses", otherwise=forward)


def _huber(d: Any, delta: float) -> Any:
    size = np.abs(d)
    inner = np.minimum(size, delta)
    return inner * (size - 0.5 * inner)


# Half the square, of which Huber's is a piece.
squared_error = _op("squared_error", lambda d, _: 0.5 * (d * d), lambda d, _: d)
_absolute_error = _op("absolute_error", lambda d, _: np.abs(d), lambda d, _: np.sign(d))
_huber_error = _op("huber_error", _huber, lambda d, delta: np.clip(d, -delta, delta))


def mse_loss(output: Any, target: Any, reduction: str = "mean", *, mask: Any = None) -> Any:
    """Compute the squared error (x - y)², for outputs and targets of one shape.

    The mean is over all elements; its gradient at x is 2 (x - y) / n. The lecture's ½ Σ (x - y)²
    is half the sum.

    Other shapes are a ``ValueError``, for broadcasting (n, 1) against (n,) would pair all with all;
    so are targets that are not finite.

    >>> x = ag.Tensor([1.0, 4.0], requires_grad=True)
    >>> loss = mse_loss(x, [1.0, 2.0])
    >>> loss.backward()
    >>> loss.item(), x.grad
    (2.0, array([0., 2.]))
    """
    return _loss("mse_loss", squared_error, output, target, reduction, mask, halves=2)


def l1_loss(output: Any, target: Any, reduction: str = "mean", *, mask: Any = None) -> Any:
    """Compute the absolute error abs(x - y), whose gradient at x is sign(x - y), and 0 at 0.

    Shapes and errors are those of ``mse_loss``.

    >>> float(l1_loss([1.0, 4.0], [1.0, 2.0]))
    1.0
    """
    return _loss("l1_loss", _absolute_error, output, target, reduction, mask)


def huber_loss(
    output: Any, target: Any, reduction: str = "mean", *, delta: float = 1.0, mask: Any = None
) -> Any:
    """Compute Huber's loss (1964), quadratic near the target and linear far from it.

    For d = x - y it is ½ d² where abs(d) ≤ ``delta`` and delta (abs(d) - ½ delta) beyond, so that
    an outlier pulls no harder than delta: its gradient is d, cut off at ±delta. ``delta`` is a
    positive number; shapes and errors are those of ``mse_loss``.

    >>> huber_loss([0.5, 3.0], [0.0, 0.0], "none")
    array([0.125, 2.5  ])
    """
    if isinstance(delta, bool) or not isinstance(delta, (int, float, np.number)):
        raise TypeError(f"huber_loss: delta must be a number, not {delta!r}")
    if not 0 < delta < math.inf:
        raise ValueError(f"huber_loss: delta must be positive and finite, not {delta}")
    return _loss("huber_loss", _huber_error, output, target, reduction, mask, delta=float(delta))


def _loss(
    who: str,
    op: Callable[..., Any],
    output: Any,
    target: Any,
    reduction: str,
    mask: Any,
    delta: float = 0.0,
    halves: int = 1,
) -> Any:
    check_reduction(who, reduction)
    x, y = pair(who, output, target)
    if mask is not None:
        keep = check_mask(who, mask, x.shape)
        # Before the loss, and not after: a NaN times a gradient of zero would stay NaN.
        x, y = np.where(keep, x, 0.0), np.where(keep, y, 0.0)
        each = op(x, y, over=None, delta=delta)
        return _checked(who, reduce(who, each * halves, reduction, keep), y, x)
    if reduction == "none":
        each = op(x, y, over=None, delta=delta)
        return _checked(who, each * halves if halves != 1 else each, y, x)
    over = count(who, x.shape) if reduction == "mean" else 1
    return _checked(who, op(x, y, over=over / halves, delta=delta), y, x)


def _checked(who: str, loss: Any, target: Any, output: Any) -> Any:
    """Return the loss; one that is not finite may be the targets' fault, which is then said."""
    found = value(loss)
    if known(found) and not np.isfinite(found).all():
        check_finite(who, target)
    return loss
