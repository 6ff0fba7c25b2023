"""Activation functions: finite and silent at any float, each by its own stable formula."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..registry import defop, known
from .complex import is_complex
from .reduction import spread, unused_as_zero


def refuse_complex(name: str, *xs: Any) -> None:
    """Raise where NumPy would compare complex numbers by their real parts, and be wrong."""
    if any(is_complex(x) for x in xs):
        raise TypeError(
            f"{name} is defined for real numbers only, but was given complex ones; apply it to "
            "np.real(z), or write its formula out in np.exp and np.log"
        )


#: Whole numbers as wide as a floating-point one.
_BITS = {2: np.int16, 4: np.int32, 8: np.int64}


def only(keep: Any, x: Any) -> Any:
    """``np.where(keep, x, 0.0)``, of arrays by their bits.

    NumPy's has a branch for each element, and takes fifteen times as long where it cannot be
    foreseen.
    """
    if not (type(keep) is type(x) is np.ndarray and keep.shape == x.shape):
        return np.where(keep, x, 0.0)
    bits = _BITS.get(x.itemsize) if x.dtype.kind == "f" and x.dtype.isnative else None
    if bits is None:
        return np.where(keep, x, 0.0)
    return (x.view(bits) & -keep.astype(bits)).view(x.dtype)


def _zero(x: Any) -> Any:
    """What ``x`` is compared with: for a number NumPy's loop takes twice as long as for zeros."""
    return np.zeros(x.shape, x.dtype) if type(x) is np.ndarray and x.dtype.kind == "f" else 0


def chosen(first: Any, x: Any, y: Any) -> Any:
    """``np.where(first, x, y)``, of arrays by their bits."""
    if (
        type(first) is type(x) is type(y) is np.ndarray
        and x.dtype == y.dtype
        and x.dtype.kind == "f"
    ):
        return only(first, x) + only(~first, y)
    return np.where(first, x, y)


def _sigmoid(x: Any) -> Any:
    """Logistic function, ``1 / (1 + exp(-x))``, elementwise; never overflows.

    >>> sigmoid(np.array([-1e4, 0.0, 1e4]))
    array([0. , 0.5, 1. ])
    """
    refuse_complex("sigmoid", x)
    if (
        type(x) is np.ndarray
        and x.dtype.kind == "f"
        and x.itemsize > 2
        and x.ndim  # a number has one value, whether as an array or as a scalar
        and x.size
        and x.item(x.argmin()) > -80.0  # which NaN is not
    ):
        return 1.0 / (1.0 + np.exp(-x))  # no power overflows
    z = np.exp(-np.abs(x))
    return np.maximum(z, x >= 0) / (1.0 + z)  # as `where`, of which each element is a branch


sigmoid = defop(
    _sigmoid, lambda g, out, _x: g * (out * (1.0 - out)), kind="elementwise", name="sigmoid"
)


def _relu(x: Any) -> Any:
    """Rectified linear unit, ``max(0, x)``, elementwise; its derivative at 0 is 0.

    >>> relu(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    """
    refuse_complex("relu", x)
    return np.maximum(x, _zero(x))


relu = defop(_relu, lambda g, out, _x: only(out > 0, g), kind="elementwise", name="relu")


def _softplus(x: Any) -> Any:
    """Smooth ReLU, ``log(1 + exp(x))``, elementwise; never overflows.

    >>> softplus(np.array([-1e4, 0.0, 1e4])).round(4)
    array([0.000e+00, 6.931e-01, 1.000e+04])
    """
    refuse_complex("softplus", x)
    # NumPy's logaddexp would take ten times as long.
    return np.maximum(x, _zero(x)) + np.log1p(np.exp(-np.abs(x)))


softplus = defop(_softplus, lambda g, _out, x: g * sigmoid(x), kind="elementwise", name="softplus")


# --- relatives of the rectifier, and what gates its own input -------------------------------------


def _leaky_relu(x: Any, slope: Any = 0.01) -> Any:
    """``x`` where it is positive, else ``slope * x`` (Maas et al. 2013); at 0 the slope is its own.

    >>> leaky_relu(np.array([-2.0, 0.0, 3.0]))
    array([-0.02,  0.  ,  3.  ])
    """
    refuse_complex("leaky_relu", x)
    zero = _zero(x)
    return np.maximum(x, zero) + slope * np.minimum(x, zero)


leaky_relu = defop(
    _leaky_relu,
    lambda g, _out, x, slope=0.01: chosen(x > 0, g, slope * g),
    kind="elementwise",
    name="leaky_relu",
)


def _elu(x: Any, alpha: Any = 1.0) -> Any:
    """``x`` where it is positive, else ``alpha * (exp(x) - 1)`` (Clevert et al. 2016).

    ``alpha`` is not negative; the derivative at 0 is ``alpha``.

    >>> elu(np.array([-1e4, 0.0, 3.0]))
    array([-1.,  0.,  3.])
    """
    refuse_complex("elu", x)
    if not alpha >= 0:
        raise ValueError(f"elu: alpha must not be negative, but is {alpha}")
    zero = _zero(x)
    return np.maximum(x, zero) + alpha * np.expm1(np.minimum(x, zero))


# The exponential is in the output already.
elu = defop(
    _elu,
    lambda g, out, _x, alpha=1.0: chosen(out > 0, g, g * (out + alpha)),
    kind="elementwise",
    name="elu",
)

# The fixed point of Klambauer et al. 2017, equation 14: mean 0 and variance 1 are kept.
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def _selu(x: Any) -> Any:
    """``1.0507 * elu(x, 1.6733)`` (Klambauer et al. 2017), which keeps mean 0 and variance 1.

    >>> selu(np.array([-1e4, 0.0, 1.0])).round(4)
    array([-1.7581,  0.    ,  1.0507])
    """
    refuse_complex("selu", x)
    return SELU_SCALE * _elu(x, SELU_ALPHA)


selu = defop(
    _selu,
    lambda g, out, _x: chosen(out > 0, SELU_SCALE * g, g * (out + SELU_SCALE * SELU_ALPHA)),
    kind="elementwise",
    name="selu",
)


def _silu(x: Any) -> Any:
    """``x * sigmoid(x)``, also called swish (Ramachandran et al. 2017).

    >>> silu(np.array([-1e4, 0.0, 1e4]))
    array([   -0.,     0., 10000.])
    """
    refuse_complex("silu", x)
    return x * _sigmoid(x)


def _silu_x(g: Any, out: Any, x: Any) -> Any:
    share = sigmoid(x)
    return g * (share + out * (1.0 - share))


silu = defop(_silu, _silu_x, kind="elementwise", name="silu")


@functools.cache
def _ndtr() -> Callable[[Any], Any]:
    """SciPy's distribution function, or the same by Python's, an element at a time."""
    try:
        from scipy.special import ndtr
    except ImportError:
        return _by_element
    return ndtr  # type: ignore[no-any-return]


_half_erfc = np.frompyfunc(lambda x: 0.5 * math.erfc(-x * math.sqrt(0.5)), 1, 1)


def _by_element(x: Any) -> Any:
    value = _half_erfc(x)
    return value if hasattr(value, "dtype") else np.float64(value)  # of a number


def _normal_cdf(x: Any) -> Any:
    """Distribution function of the standard normal distribution, elementwise.

    >>> normal_cdf(np.array([-1e4, 0.0, 1.0])).round(4)
    array([0.    , 0.5   , 0.8413])
    """
    refuse_complex("normal_cdf", x)
    x = x if x.dtype.kind == "f" else x + 0.0
    return _ndtr()(x).astype(x.dtype)


normal_cdf = defop(
    _normal_cdf,
    lambda g, _out, x: g * (np.exp(-0.5 * (x * x)) / math.sqrt(2.0 * math.pi)),
    kind="elementwise",
    name="normal_cdf",
)

_GELU_RATE, _GELU_CUBE = math.sqrt(2.0 / math.pi), 0.044715


def _gelu(x: Any, approximate: str = "none") -> Any:
    """``x * normal_cdf(x)`` (Hendrycks & Gimpel 2016).

    With ``approximate="tanh"`` their ``x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))``.

    >>> gelu(np.array([-1e4, 0.0, 1.0])).round(4)
    array([-0.    ,  0.    ,  0.8413])
    """
    refuse_complex("gelu", x)
    if approximate == "none":
        return x * _normal_cdf(x)
    if approximate == "tanh":
        return x * (0.5 + 0.5 * np.tanh(x * (_GELU_RATE + _GELU_RATE * _GELU_CUBE * (x * x))))
    raise ValueError(f"gelu: approximate is 'none' or 'tanh', not {approximate!r}")


def _gelu_x(g: Any, _out: Any, x: Any, approximate: str = "none") -> Any:
    if approximate == "none":
        bell = np.exp(-0.5 * (x * x)) / math.sqrt(2.0 * math.pi)
        return g * (normal_cdf(x) + x * bell)
    square = x * x
    t = np.tanh(x * (_GELU_RATE + _GELU_RATE * _GELU_CUBE * square))
    slope = 0.5 * _GELU_RATE + 1.5 * _GELU_RATE * _GELU_CUBE * square
    return g * (0.5 + 0.5 * t + x * ((1.0 - t * t) * slope))


# An op of its own for speed: eight of NumPy's make the approximation.
gelu = defop(_gelu, _gelu_x, kind="elementwise", name="gelu")


# --- over an axis ---------------------------------------------------------------------------------


def _shifted(x: Any, axis: Any) -> tuple[Any, Any]:
    """``x`` minus its largest element along ``axis``, and that; 0 is left of it, even infinite.

    So the largest elements have equal weights whatever they are, as in logaddexp.
    """
    if x.dtype.kind != "f":
        x = x + 0.0  # integers would wrap around
    if x.size == 0:
        peak = np.sum(x, axis=axis, keepdims=True)
        return x - peak, peak
    peak = x.max(axis=axis, keepdims=True)
    if known(peak) and np.isfinite(peak).all():
        return x - peak, peak
    top = x == peak
    return np.where(top, 0.0, x) - np.where(top, 0.0, peak), peak


def _unused_as_zero(g: Any, factor: Any, axis: Any) -> Any:
    """``factor`` with 0 for NaN in the slices whose gradient is 0 throughout, and stays 0."""
    return unused_as_zero(np.any(g != 0, axis=axis, keepdims=True), factor)


def _softmax(x: Any, axis: Any = -1) -> Any:
    """Softmax, ``exp(x) / sum(exp(x))`` along ``axis``: positive, sums to one.

    ``axis`` is an axis, a tuple of axes or None for all. The shape is that of ``x``; elements
    that are all -inf, or inf, have equal weights.

    >>> softmax(np.array([0.0, 0.0, 1e4]))
    array([0., 0., 1.])
    """
    refuse_complex("softmax", x)
    z = np.exp(_shifted(x, axis)[0])
    total = z.sum(axis=axis, keepdims=True)
    return np.divide(z, total, out=z) if type(z) is np.ndarray else z / total


def _softmax_x(g: Any, out: Any, _x: Any, axis: Any = -1) -> Any:
    mean = (g * out).sum(axis=axis, keepdims=True)
    if not (known(mean) and np.all(np.isfinite(mean))):
        out = _unused_as_zero(g, out, axis)
        mean = (g * out).sum(axis=axis, keepdims=True)
    return out * (g - mean)


softmax = defop(_softmax, _softmax_x, name="softmax")


def _log_softmax(x: Any, axis: Any = -1) -> Any:
    """Logarithm of the softmax along ``axis``, ``x - logsumexp(x)``; never log of 0.

    >>> log_softmax(np.array([0.0, 1e4]))
    array([-10000.,      0.])
    """
    refuse_complex("log_softmax", x)
    if x.size == 0:
        return x + 0.0
    shifted, _ = _shifted(x, axis)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def _log_softmax_x(g: Any, out: Any, _x: Any, axis: Any = -1) -> Any:
    weights = np.exp(out)
    if not (known(weights) and np.all(np.isfinite(weights))):
        weights = _unused_as_zero(g, weights, axis)
    return g - weights * g.sum(axis=axis, keepdims=True)


log_softmax = defop(_log_softmax, _log_softmax_x, name="log_softmax")


def _logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Logarithm of ``sum(exp(x))`` over ``axis`` (None: all), without overflow.

    >>> float(logsumexp(np.array([1e4, 1e4])).round(4))
    10000.6931
    """
    refuse_complex("logsumexp", x)
    shifted, peak = _shifted(x, axis)
    total = np.exp(shifted).sum(axis=axis, keepdims=True)
    with np.errstate(divide="ignore"):
        out = peak + np.log(total)
    return out if keepdims else np.squeeze(out, axis=_axes(axis, out.ndim))


def _axes(axis: Any, ndim: int) -> Any:
    return tuple(range(ndim)) if axis is None else axis


def _logsumexp_x(g: Any, _out: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    g = spread(g, x, axis, keepdims)
    return g * unused_as_zero(g, softmax(x, axis=axis))


logsumexp = defop(_logsumexp, _logsumexp_x, name="logsumexp")
