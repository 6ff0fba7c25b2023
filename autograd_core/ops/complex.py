"""Complex numbers: conjugate, real and imaginary parts, angle, sign.

The gradient g of a complex value w is such that dL = Re(sum(g dw)), without a conjugate. So the
rules of holomorphic functions are those of the real ones, and the rules here, of functions that
are not, follow from dL = Re(sum(g_z dz)).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..registry import ZERO, defop


def is_complex(x: Any) -> bool:
    """Whether ``x`` (an array, a tensor, a stand-in or a number) has a complex dtype."""
    dtype = getattr(x, "dtype", None)
    return isinstance(x, complex) if dtype is None else dtype.kind == "c"


def ratio(x: Any, y: Any, origin: float = 0.0) -> Any:
    """Divide, with ``origin`` where the divisor is 0: the convention of hypot and kin is 0."""
    at_origin = y == 0
    return np.where(at_origin, origin, x / np.where(at_origin, 1.0, y))


# A real array is its own conjugate; NumPy would copy it.
defop(
    np.conjugate,
    lambda g, _out, _x: np.conj(g) if is_complex(g) else g,
    symbol="conj",
)
defop(np.real, lambda g, _out, _val: g, kind="linear", symbol="Re")
# Im z = Re(-i z).
defop(
    np.imag,
    lambda g, _out, _val: g * -1j if is_complex(_val) else ZERO,
    kind="linear",
    symbol="Im",
)


def _angle(g: Any, _out: Any, z: Any, deg: bool = False) -> Any:
    """The angle changes by Im(dz / z); 0 at the origin, as arctan2."""
    if not is_complex(z):
        return ZERO
    return g * ratio(-1j * (180.0 / math.pi if deg else 1.0), z)


defop(np.angle, _angle, kind="elementwise", symbol="arg")


def _sign(g: Any, out: Any, x: Any) -> Any:
    """sign z = z / |z|, so d sign z = (dz - sign z Re(conj(sign z) dz)) / |z|; 0 at the origin."""
    if not is_complex(x):
        return ZERO
    # A zero gradient stays zero where the sign is no number; elsewhere nothing is to be chosen,
    # for the derivative of the rule at g = 0.
    unused = (g == 0) & ~np.isfinite(out)
    x, out = np.where(unused, 1.0, x), np.where(unused, 1.0, out)
    return ratio(g - np.real(g * out) * np.conj(out), np.absolute(x))


# Not by the rule in forward mode: the formula above and its transpose differ.
defop(np.sign, _sign, kind="general")

# Not linear: whether the imaginary part is dropped depends on all elements.
defop(np.real_if_close, lambda g, _out, _a, tol=100: g)

for _query in (np.iscomplex, np.isreal, np.iscomplexobj, np.isrealobj):
    defop(_query, None)
