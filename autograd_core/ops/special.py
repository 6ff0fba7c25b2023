"""Special functions: the ufuncs of ``scipy.special``, and logsumexp with weights.

SciPy is optional and never imported here before it is needed: `declare` enters its ufuncs in the
table. Formulas without a source are in NIST's Digital Library of Mathematical Functions.
"""

from __future__ import annotations

import inspect
import math
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..registry import REAL, ZERO, Domain, defop, known
from .activations import logsumexp, refuse_complex, softmax
from .complex import is_complex, ratio
from .elementwise import ABOVE_MINUS_ONE, NONZERO, POSITIVE, UNIT, power_series
from .reduction import spread

# --- of this package's own ----------------------------------------------------------------------


def _softmax_of(a: Any, b: Any, axis: Any) -> Any:
    """The softmax of the elements whose weight is not 0; 0 for the others."""
    return softmax(np.where(b == 0, -math.inf, a), axis=axis)


def _weighted(a: Any, b: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Logarithm of ``sum(b * exp(a))`` over ``axis``, without overflow; NaN of a negative sum."""
    refuse_complex("logsumexp", a, b)
    mean = np.sum(b * _softmax_of(a, b, axis), axis=axis, keepdims=keepdims)
    with np.errstate(divide="ignore", invalid="ignore"):
        return logsumexp(np.where(b == 0, -math.inf, a), axis=axis, keepdims=keepdims) + np.log(
            mean
        )


def _weighted_a(g: Any, _out: Any, a: Any, b: Any, axis: Any = None, keepdims: bool = False) -> Any:
    shares = b * _softmax_of(a, b, axis)
    return spread(g, shares, axis, keepdims) * (shares / np.sum(shares, axis=axis, keepdims=True))


def _weighted_b(g: Any, out: Any, a: Any, b: Any, axis: Any = None, keepdims: bool = False) -> Any:
    both = a + b  # for its shape
    out = spread(out, both, axis, keepdims)
    lost = np.isinf(out) & (a == out)
    return spread(g, both, axis, keepdims) * np.exp(np.where(lost, 0.0, a - out))


weighted_logsumexp = defop(_weighted, _weighted_a, _weighted_b, broadcasting=True, name="logsumexp")


# The Bernoulli numbers B2, B4, ...
_BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798,
    -174611 / 330,
)  # fmt: skip


def _polygamma(x: Any, n: Any = 1) -> Any:
    """Derivative of order ``n`` of the digamma function, as `scipy.special.polygamma`."""
    from scipy import special

    if is_complex(x):
        return _complex_polygamma(x, n)
    if known(x):
        value = inspect.unwrap(special.polygamma)(n, x)[()]
    else:  # what SciPy computes too, by a ufunc
        value = (-1.0) ** (n + 1) * math.gamma(n + 1) * special.zeta(n + 1.0, x)
    return value.astype(x.dtype) if x.dtype.kind == "f" else value  # SciPy's is float64 always


def _complex_polygamma(z: Any, n: int) -> Any:
    """What SciPy has for real numbers only: far right by the series of DLMF 5.15.8 and 9."""
    sign, total = (-1) ** (n + 1), 0.0
    for _ in range(math.ceil(max(0.0, 20.0 - float(np.min(np.real(z), initial=20.0))))):
        total, z = total + math.factorial(n) / z ** (n + 1), z + 1.0
    series = math.factorial(n - 1) / z**n + 0.5 * math.factorial(n) / z ** (n + 1)
    for k, b in enumerate(_BERNOULLI, 1):
        series = series + b * math.factorial(2 * k + n - 1) / math.factorial(2 * k) / z ** (
            2 * k + n
        )
    return sign * (total + series)


def _polygamma_rule(g: Any, _out: Any, x: Any, n: Any = 1) -> Any:
    return g * polygamma(x, n=n + 1)


polygamma: Callable[..., Any] = defop(
    _polygamma, _polygamma_rule, kind="elementwise", domains=(POSITIVE,), name="polygamma"
)

# --- SciPy's ufuncs -----------------------------------------------------------------------------

BELOW_ONE = Domain(0.0, 1.0, 0.5)
BELOW_TWO = Domain(0.0, 2.0, 0.5)

_BELL = 2.0 / math.sqrt(math.pi)  # erf'(0)

_lock = threading.Lock()
_declared = False


def declare() -> None:
    """Enter the ufuncs of ``scipy.special`` in the table; once is enough, twice does no harm.

    Raises:
        ImportError: SciPy is not installed.
    """
    global _declared
    with _lock:
        if _declared:
            return
        from scipy import special

        # Where SciPy follows the array API its functions are wrapped ufuncs.
        ufuncs = {name: inspect.unwrap(getattr(special, name)) for name in dir(special)}
        sp = SimpleNamespace(**{k: f for k, f in ufuncs.items() if isinstance(f, np.ufunc)})
        _declare_errors(sp)
        _declare_logistic(sp)
        _declare_gammas(sp)
        _declare_entropies(sp)
        _declare_bessels(sp)
        _declare_exponentials(sp)
        _declared = True


def _enter(ufunc: Any, *rules: Any, domains: tuple[Domain, ...] | None = None) -> None:
    defop(ufunc, *rules, domains=domains, module="scipy.special")


def _declare_errors(sp: Any) -> None:
    """The error function and the normal distribution."""
    _enter(sp.erf, lambda g, _out, x: g * (_BELL * np.exp(-x * x)))
    _enter(sp.erfc, lambda g, _out, x: g * (-_BELL * np.exp(-x * x)))
    _enter(sp.erfi, lambda g, _out, x: g * (_BELL * np.exp(x * x)))
    _enter(sp.erfcx, lambda g, out, x: g * (2.0 * x * out - _BELL))
    _enter(sp.dawsn, lambda g, out, x: g * (1.0 - 2.0 * x * out))
    _enter(sp.erfinv, lambda g, out, _x: g * np.exp(out * out) / _BELL, domains=(UNIT,))
    _enter(sp.erfcinv, lambda g, out, _x: g * np.exp(out * out) / -_BELL, domains=(BELOW_TWO,))
    bell = 1.0 / math.sqrt(2.0 * math.pi)
    _enter(sp.ndtr, lambda g, _out, x: g * (bell * np.exp(-0.5 * (x * x))))
    _enter(sp.ndtri, lambda g, out, _x: g * np.exp(0.5 * (out * out)) / bell, domains=(BELOW_ONE,))
    # The density over the distribution function, which both underflow far below 0.
    _enter(
        sp.log_ndtr,
        lambda g, _out, x: g * (math.sqrt(2.0 / math.pi) / sp.erfcx(x * -math.sqrt(0.5))),
    )


def _declare_logistic(sp: Any) -> None:
    _enter(sp.expit, lambda g, out, _x: g * (out * (1.0 - out)))
    _enter(sp.log_expit, lambda g, _out, x: g * sp.expit(-x))
    _enter(sp.logit, lambda g, _out, x: g / (x * (1.0 - x)), domains=(BELOW_ONE,))


def _declare_gammas(sp: Any) -> None:
    _enter(sp.gammaln, lambda g, _out, x: g * sp.psi(x), domains=(POSITIVE,))
    _enter(sp.loggamma, lambda g, _out, x: g * sp.psi(x), domains=(POSITIVE,))
    _enter(sp.gamma, lambda g, out, x: g * (out * sp.psi(x)), domains=(POSITIVE,))
    _enter(sp.psi, lambda g, _out, x: g * polygamma(x, n=1), domains=(POSITIVE,))
    _enter(sp.gammasgn, ZERO)

    def rgamma(g: Any, out: Any, x: Any) -> Any:
        """-ψ(x) / Γ(x); left of 1/2 by reflection, since ψ has poles where 1 / Γ is smooth."""
        left = np.real(x) < 0.5 if is_complex(x) else x < 0.5
        y = 1.0 - np.where(left, x, 0.5)
        turn = math.pi * y
        slope = sp.gamma(y) * (np.sin(turn) * sp.psi(y) / math.pi + np.cos(turn))
        return g * np.where(left, -slope, -out * sp.psi(np.where(left, 1.0, x)))

    _enter(sp.rgamma, rgamma)
    _enter(
        sp.beta,
        lambda g, out, x, y: g * (out * (sp.psi(x) - sp.psi(x + y))),
        lambda g, out, x, y: g * (out * (sp.psi(y) - sp.psi(x + y))),
        domains=(POSITIVE, POSITIVE),
    )
    _enter(
        sp.betaln,
        lambda g, _out, x, y: g * (sp.psi(x) - sp.psi(x + y)),
        lambda g, _out, x, y: g * (sp.psi(y) - sp.psi(x + y)),
        domains=(POSITIVE, POSITIVE),
    )


def _quotient(x: Any, y: Any) -> Any:
    """Divide, with 0 for 0 / 0 only: the derivative of 0 log y in y."""
    lost = (x == 0) & (y == 0)
    return np.where(lost, 0.0, x / np.where(lost, 1.0, y))


def _declare_entropies(sp: Any) -> None:
    """Functions that are x log y in essence, where 0 log 0 is 0."""
    _enter(
        sp.xlogy,
        lambda g, _out, _x, y: g * np.log(y),
        lambda g, _out, x, y: g * _quotient(x, y),
        domains=(REAL, POSITIVE),
    )
    _enter(
        sp.xlog1py,
        lambda g, _out, _x, y: g * np.log1p(y),
        lambda g, _out, x, y: g * _quotient(x, 1.0 + y),
        domains=(REAL, ABOVE_MINUS_ONE),
    )
    _enter(sp.entr, lambda g, _out, x: -g * (np.log(x) + 1.0), domains=(POSITIVE,))

    def log_ratio(x: Any, y: Any) -> Any:
        lost = (x == 0) & (y == 0)
        return np.log(np.where(lost, 1.0, x) / np.where(lost, 1.0, y))

    _enter(
        sp.rel_entr,
        lambda g, _out, x, y: g * (log_ratio(x, y) + np.where((x == 0) & (y == 0), 0.0, 1.0)),
        lambda g, _out, x, y: -g * _quotient(x, y),
        domains=(POSITIVE, POSITIVE),
    )
    _enter(
        sp.kl_div,
        lambda g, _out, x, y: g * log_ratio(x, y),
        lambda g, _out, x, y: g * (1.0 - _quotient(x, y)),
        domains=(POSITIVE, POSITIVE),
    )


def _declare_bessels(sp: Any) -> None:
    """Bessel functions of order 0 and 1; the quotient by x is 1/2 at 0 where it exists."""
    _enter(sp.j0, lambda g, _out, x: -g * sp.j1(x))
    _enter(sp.j1, lambda g, out, x: g * (sp.j0(x) - ratio(out, x, 0.5)))
    _enter(sp.y0, lambda g, _out, x: -g * sp.y1(x), domains=(POSITIVE,))
    _enter(sp.y1, lambda g, out, x: g * (sp.y0(x) - out / x), domains=(POSITIVE,))
    _enter(sp.i0, lambda g, _out, x: g * sp.i1(x))
    _enter(sp.i1, lambda g, out, x: g * (sp.i0(x) - ratio(out, x, 0.5)))
    # Scaled by exp(-|x|), and by exp(x).
    _enter(sp.i0e, lambda g, out, x: g * (sp.i1e(x) - np.sign(x) * out))
    _enter(sp.i1e, lambda g, out, x: g * (sp.i0e(x) - np.sign(x) * out - ratio(out, x, 0.5)))
    _enter(sp.k0, lambda g, _out, x: -g * sp.k1(x), domains=(POSITIVE,))
    _enter(sp.k1, lambda g, out, x: -g * (sp.k0(x) + out / x), domains=(POSITIVE,))
    _enter(sp.k0e, lambda g, out, x: g * (out - sp.k1e(x)), domains=(POSITIVE,))
    _enter(sp.k1e, lambda g, out, x: g * (out - sp.k0e(x) - out / x), domains=(POSITIVE,))


# exprel'(x) = sum over k of these times x^k.
_EXPREL_SLOPE = tuple((k + 1) / math.factorial(k + 2) for k in range(18))


def _declare_exponentials(sp: Any) -> None:
    """Those that NumPy has too, or nearly."""

    def exprel(g: Any, _out: Any, x: Any) -> Any:
        """The derivative of (exp x - 1) / x; near 0, where it cancels, by its power series."""
        near = np.absolute(x) < 1.0
        small, large = np.where(near, x, 0.0), np.where(near, 1.0, x)
        far = ((large - 1.0) * np.exp(large) + 1.0) / (large * large)
        return g * np.where(near, power_series(_EXPREL_SLOPE, small), far)

    _enter(sp.exprel, exprel)
    _enter(sp.expm1, lambda g, out, _x: g * (out + 1.0))
    _enter(sp.exp2, lambda g, out, _x: g * (out * math.log(2.0)))
    _enter(sp.exp10, lambda g, out, _x: g * (out * math.log(10.0)))
    _enter(sp.log1p, lambda g, _out, x: g / (1.0 + x), domains=(ABOVE_MINUS_ONE,))
    _enter(sp.cbrt, lambda g, out, _x: g / (3.0 * out * out), domains=(NONZERO,))
    _enter(sp.cosm1, lambda g, _out, x: -g * np.sin(x))
    _enter(sp.sindg, lambda g, _out, x: g * (math.pi / 180.0 * sp.cosdg(x)))
    _enter(sp.cosdg, lambda g, _out, x: g * (-math.pi / 180.0 * sp.sindg(x)))
    _enter(sp.expi, lambda g, _out, x: g * (np.exp(x) / x), domains=(NONZERO,))
    _enter(sp.exp1, lambda g, _out, x: g * (np.exp(-x) / -x), domains=(POSITIVE,))
