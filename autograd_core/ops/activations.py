"""Activation functions: finite and silent at any float, each by its own stable formula."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..registry import defop, known
from .complex import is_complex
from .reduction import spread


def refuse_complex(name: str, *xs: Any) -> None:
    """Raise where NumPy would compare complex numbers by their real parts, and be wrong."""
    if any(is_complex(x) for x in xs):
        raise TypeError(
            f"{name} is defined for real numbers only, but was given complex ones; apply it to "
            "np.real(z), or write its formula out in np.exp and np.log"
        )


def _sigmoid(x: Any) -> Any:
    """Logistic function, ``1 / (1 + exp(-x))``, elementwise; never overflows.

    >>> sigmoid(np.array([-1e4, 0.0, 1e4]))
    array([0. , 0.5, 1. ])
    """
    refuse_complex("sigmoid", x)
    z = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, z) / (1.0 + z)


sigmoid = defop(
    _sigmoid, lambda g, out, _x: g * (out * (1.0 - out)), kind="elementwise", name="sigmoid"
)


def _relu(x: Any) -> Any:
    """Rectified linear unit, ``max(0, x)``, elementwise; its derivative at 0 is 0.

    >>> relu(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    """
    refuse_complex("relu", x)
    return np.maximum(x, 0)


relu = defop(_relu, lambda g, out, _x: np.where(out > 0, g, 0.0), kind="elementwise", name="relu")


def _softplus(x: Any) -> Any:
    """Smooth ReLU, ``log(1 + exp(x))``, elementwise; never overflows.

    >>> softplus(np.array([-1e4, 0.0, 1e4])).round(4)
    array([0.000e+00, 6.931e-01, 1.000e+04])
    """
    refuse_complex("softplus", x)
    return np.logaddexp(x, 0.0)


softplus = defop(_softplus, lambda g, _out, x: g * sigmoid(x), kind="elementwise", name="softplus")


def _peak(x: Any, axis: Any) -> Any:
    """The largest element along ``axis``, to be subtracted before exp; 0 where infinite."""
    if x.size == 0:
        return np.sum(x, axis=axis, keepdims=True)
    peak = np.max(x, axis=axis, keepdims=True)
    return np.where(np.isfinite(peak), peak, 0.0)


def _weights(x: Any, axis: Any) -> tuple[Any, Any]:
    """exp(x - peak), and its sum; equal weights where every element is -inf."""
    z = np.exp(x - _peak(x, axis))
    total = np.sum(z, axis=axis, keepdims=True)
    if not (known(total) and np.all(total)):
        lost = total == 0
        z = np.where(lost, 1.0, z)
        total = np.sum(z, axis=axis, keepdims=True)
    return z, total


def _softmax(x: Any, axis: Any = -1) -> Any:
    """Softmax, ``exp(x) / sum(exp(x))`` along ``axis``: positive, sums to one.

    ``axis`` is an axis, a tuple of axes or None for all. The shape is that of ``x``; all
    elements -inf give equal weights.

    >>> softmax(np.array([0.0, 0.0, 1e4]))
    array([0., 0., 1.])
    """
    refuse_complex("softmax", x)
    z, total = _weights(x, axis)
    return z / total


softmax = defop(
    _softmax,
    lambda g, out, _x, axis=-1: out * (g - np.sum(g * out, axis=axis, keepdims=True)),
    name="softmax",
)


def _log_softmax(x: Any, axis: Any = -1) -> Any:
    """Logarithm of the softmax along ``axis``, ``x - logsumexp(x)``; never log of 0.

    >>> log_softmax(np.array([0.0, 1e4]))
    array([-10000.,      0.])
    """
    refuse_complex("log_softmax", x)
    if x.size == 0:
        return x + 0.0
    shifted = x - _peak(x, axis)
    total = np.sum(np.exp(shifted), axis=axis, keepdims=True)
    if known(total) and np.all(total):
        return shifted - np.log(total)
    z, total = _weights(x, axis)  # all -inf: equal weights
    return np.where(z == 1.0, 0.0, shifted) - np.log(total)


log_softmax = defop(
    _log_softmax,
    lambda g, out, _x, axis=-1: g - np.exp(out) * np.sum(g, axis=axis, keepdims=True),
    name="log_softmax",
)


def _logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Logarithm of ``sum(exp(x))`` over ``axis`` (None: all), without overflow.

    >>> float(logsumexp(np.array([1e4, 1e4])).round(4))
    10000.6931
    """
    refuse_complex("logsumexp", x)
    peak = _peak(x, axis)
    total = np.sum(np.exp(x - peak), axis=axis, keepdims=True)
    with np.errstate(divide="ignore"):
        out = peak + np.log(total)
    return out if keepdims else np.squeeze(out, axis=_axes(axis, out.ndim))


def _axes(axis: Any, ndim: int) -> Any:
    return tuple(range(ndim)) if axis is None else axis


logsumexp = defop(
    _logsumexp,
    lambda g, _out, x, axis=None, keepdims=False: (
        spread(g, x, axis, keepdims) * softmax(x, axis=axis)
    ),
    name="logsumexp",
)
