"""Gradients made smaller where they are too large for a step."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_core import Tensor

from ..options import positive
from .groups import check_parameters

__all__ = ["clip_grad_norm", "clip_grad_value"]


def clip_grad_norm(parameters: Iterable[Tensor], max_norm: float) -> float:
    """Scale all gradients together to a norm of ``max_norm`` if theirs is larger; return theirs.

    The norm is that of all gradients as one vector, ‖∇‖ = √Σ∇², and ∇ ← ∇ · max_norm / ‖∇‖ keeps
    the direction (Pascanu, Mikolov & Bengio 2013). A ``max_norm`` of infinity measures only.
    Parameters without a gradient are left out. The gradients are replaced by new arrays, never
    written. A gradient with NaN or infinity has no direction to keep: it is a ``ValueError`` that
    says where, and nothing is changed.

    >>> w = Tensor([1.0, 1.0], requires_grad=True)
    >>> w.grad = np.array([3.0, 4.0])
    >>> clip_grad_norm([w], max_norm=1.0)
    5.0
    >>> w.grad
    array([0.6, 0.8])
    """
    unlimited = type(max_norm) is float and max_norm == math.inf
    limit = math.inf if unlimited else positive("clip_grad_norm", "max_norm", max_norm)
    held = [p for p in check_parameters(parameters, "clip_grad_norm") if p.grad is not None]
    gradients = [p.grad for p in held]
    # Unlike a ufunc this does not warn of an overflow, which is met below. In half precision the
    # sum would have three digits.
    wide = [g if g.dtype.itemsize > 2 else g.astype(np.float32) for g in gradients]
    squares = sum([float(np.vdot(g, g).real) for g in wide])
    # Squares of numbers that are very large, or all very small, are beyond the dtype's range.
    unit, root = (1.0, math.sqrt(squares)) if 1e-30 < squares < 1e30 else _careful_norm(held)
    if unit * root > limit:
        scaled = [_scaled(g, unit, limit / root) for g in gradients]
        for parameter, gradient in zip(held, scaled, strict=True):
            parameter.grad = gradient
    return unit * root


def clip_grad_value(parameters: Iterable[Tensor], max_value: float) -> None:
    """Limit each number of all gradients to [-max_value, max_value].

    This changes the direction too. Parameters without a gradient are left out. The gradients are
    replaced by new arrays, never written. NaN in a gradient is a ``ValueError`` that says where,
    and nothing is changed; infinity becomes the limit.

    >>> w = Tensor([1.0, 1.0], requires_grad=True)
    >>> w.grad = np.array([3.0, -0.25])
    >>> clip_grad_value([w], max_value=1.0)
    >>> w.grad
    array([ 1.  , -0.25])
    """
    limit = positive("clip_grad_value", "max_value", max_value)
    held = [p for p in check_parameters(parameters, "clip_grad_value") if p.grad is not None]
    for p in held:
        if p.dtype.kind == "c":
            raise TypeError("clip_grad_value: complex numbers have no order: use clip_grad_norm")
    # A limit beyond the dtype's range is the largest number there is.
    limits = [min(limit, float(np.finfo(p.dtype).max)) for p in held]
    clipped = [np.clip(p.grad, -most, most) for p, most in zip(held, limits, strict=True)]
    for i, gradient in enumerate(clipped):
        if np.isnan(gradient).any():
            raise _not_finite("clip_grad_value", held[i], np.isnan(gradient))
    for parameter, gradient in zip(held, clipped, strict=True):
        parameter.grad = gradient


def _scaled(gradient: NDArray[Any], unit: float, scale: float) -> Any:
    """The gradient divided by one number and multiplied by the other, within the dtype's range."""
    if unit == 1.0 and gradient.dtype.itemsize > 2:
        return gradient * scale
    wide = gradient.astype(np.result_type(gradient, np.float64))
    return (wide / unit * scale).astype(gradient.dtype)


def _careful_norm(held: list[Tensor]) -> tuple[float, float]:
    """The norm as a product, of the largest number and the norm of the gradients divided by it."""
    for parameter in held:
        finite = np.isfinite(parameter.grad)
        if not finite.all():
            raise _not_finite("clip_grad_norm", parameter, ~finite)
    largest = max((float(np.abs(p.grad).max(initial=0.0)) for p in held), default=0.0)
    if not largest:
        return 0.0, 0.0
    parts = [np.abs(p.grad).astype(np.float64, copy=False) / largest for p in held]
    return largest, math.sqrt(sum(float(np.vdot(part, part)) for part in parts))


def _not_finite(owner: str, parameter: Tensor, where: Any) -> ValueError:
    at = tuple(int(i) for i in np.argwhere(where)[0])
    name = repr(parameter.name) if parameter.name else f"a parameter of shape {parameter.shape}"
    value = parameter.grad[at]
    place = f" at index {at[0] if len(at) == 1 else at}" if at else ""
    return ValueError(
        f"{owner}: the gradient of {name} is {value}{place}; no gradient was changed. "
        "autograd_core.inspect() finds the operation it comes from"
    )
