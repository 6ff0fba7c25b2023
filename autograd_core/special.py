"""Special functions under SciPy's names: ``autograd_core.special.erf``.

`logsumexp`, `softmax` and `log_softmax` need NumPy only. All others are the ufuncs of
``scipy.special``, which work on tensors as they are too: ``scipy.special.erf(t)``.
"""

from __future__ import annotations

from typing import Any

from .methods import namespace
from .ops import activations
from .ops import special as _special

__all__ = ["log_softmax", "logsumexp", "polygamma", "softmax"]

_ALIASES = {"digamma": "psi"}


def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """Logarithm of ``sum(b * exp(a))`` over ``axis`` (None: all), without overflow.

    >>> float(logsumexp([1e4, 1e4], b=[0.5, 1.5]).round(4))
    10000.6931
    """
    if return_sign:
        raise ValueError(
            "logsumexp: return_sign is not supported; a sum that is negative gives NaN"
        )
    if b is None:
        return activations.logsumexp(a, axis=axis, keepdims=keepdims)
    return _special.weighted_logsumexp(a, b, axis=axis, keepdims=keepdims)


def softmax(x: Any, axis: Any = None) -> Any:
    """``exp(x) / sum(exp(x))`` over ``axis`` (None: all), without overflow.

    >>> softmax([[0.0, 0.0], [0.0, 0.0]])
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    return activations.softmax(x, axis=axis)


def log_softmax(x: Any, axis: Any = None) -> Any:
    """Logarithm of the softmax, ``x - logsumexp(x)``; never log of 0.

    >>> log_softmax([0.0, 1e4])
    array([-10000.,      0.])
    """
    return activations.log_softmax(x, axis=axis)


def polygamma(n: Any, x: Any) -> Any:
    """Derivative of order ``n`` of the digamma function; differentiable in ``x``.

    >>> float(polygamma(1, 1.0).round(4))
    1.6449
    """
    _declare()
    return _special.polygamma(x, n=n)


def _declare() -> None:
    try:
        _special.declare()
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "autograd_core.special needs SciPy for all but logsumexp, softmax and log_softmax: "
            "pip install autograd-core[scipy]",
            name="scipy",
        ) from error


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _declare()
    op = namespace("scipy.special").get(_ALIASES.get(name, name))
    if op is None:
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}: it has the functions of scipy.special "
            "whose derivative is declared; see dir(autograd_core.special)"
        )
    function = globals()[name] = op.function
    return function


def __dir__() -> list[str]:
    try:
        _special.declare()
    except ImportError:
        return sorted(__all__)
    return sorted({*__all__, *_ALIASES, *namespace("scipy.special")})
