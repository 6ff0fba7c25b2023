"""Names for the ways in which an inf or nan comes about, and what helps against each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..graph import Node
from ..registry import OPS

__all__ = ["came_in", "of_slope", "of_value", "overflow"]

#: A trap's name, and its remedy.
Trap = tuple[str, str]

_SMALLER = (
    "keep the numbers smaller: scale the input, the loss or the learning rate down, clip the "
    "gradient"
)
_LOG = (
    "keep the argument away from 0, as in np.log(np.maximum(x, 1e-12)); a log of probabilities is "
    "ag.log_softmax of what they are the softmax of, x * log(x) is ag.special.xlogy(x, x)"
)
_SQRT = "keep the argument above 0, as in np.sqrt(x + 1e-12); the slope at 0 is infinite"
_NORM = (
    "take np.linalg.norm or np.hypot, whose derivative at the origin is 0 here, instead of a "
    "square root of a sum of squares; or add a small number under the root"
)
_DIVIDE = (
    "keep the divisor away from 0, by adding a small number or by np.where(y == 0, 1.0, y) in it"
)
_EXP = (
    "subtract the maximum first, as ag.logsumexp, ag.softmax and ag.log_softmax do; or clip the "
    "argument"
)
_UNIT = "clip the argument to [-1, 1], or a little less where a gradient is needed at the ends"
_MASK = (
    "where the infinity masks something, leave one finite element in each row, or mask with a "
    "large finite number such as -1e30; else see where it comes from"
)

_LOGS = {"log": 0.0, "log2": 0.0, "log10": 0.0, "log1p": -1.0}
_DIVISIONS = ("divide", "remainder", "fmod", "floor_divide")
_EXPS = ("exp", "exp2", "expm1", "sinh", "cosh", "logaddexp", "softplus")
_POWERS = ("power", "float_power")
# Of those that are not elementwise, where finite numbers give an infinite one only by their size.
_GROWING = (
    "sum", "mean", "cumsum", "sum_runs", "overlap_add", "scatter", "fft", "ifft", "rfft", "irfft",
    "astype", "bincount", "prod", "cumprod", "det", "cofactor", "norm", "p_norm", "nansum",
    "nanmean", "convolve", "cross", "einsum", "matmul", "matvec", "outer", "vecdot", "vecmat",
)  # fmt: skip
# Where the slope is infinite, of functions of one number.
_EDGES: dict[str, tuple[float, ...]] = {
    "sqrt": (0.0,), "cbrt": (0.0,), "reciprocal": (0.0,), "log": (0.0,), "log2": (0.0,),
    "log10": (0.0,), "log1p": (-1.0,), "arcsin": (-1.0, 1.0), "arccos": (-1.0, 1.0),
    "arctanh": (-1.0, 1.0), "arccosh": (1.0,),
}  # fmt: skip


def came_in(number: Any, what: str, constant: bool = False) -> Trap:
    """The trap of a value that was not finite when it came in; an infinite constant is a mask."""
    if constant and not np.isnan(number):
        return (f"inf in {what}", _MASK)
    return (
        f"{'nan' if np.isnan(number) else 'inf'} in {what}",
        "it was there before anything was recorded: look at the data (np.isfinite(x).all() tells), "
        "at what computed it or, of a parameter, at the step that changed it last",
    )


def of_value(node: Node, x: Sequence[Any], operands: Iterable[Any], result: Any) -> Trap:
    """The trap in which finite operands of ``node`` fell, ``x`` the elements where they did.

    ``x`` is empty where the op is not elementwise. An operand may be infinite where the result
    is nan.
    """
    name = node.op.name
    for trap in (_of_logs, _of_divisions, _of_powers, _of_others):
        found = trap(name, list(x), result)
        if found is not None:
            return found
    if not x and np.isnan(result) and not all(np.size(v) for v in operands):
        return (f"{name} of no elements", "an empty array has none: leave it out")
    outside = _outside(node, x)
    finite = all(map(_finite, operands))
    if node.op.fn not in OPS or (not x and finite and name not in _GROWING):
        # What a function of the user's computes, or one of many numbers, is not known here.
        return (
            f"{name} gives {'nan' if np.isnan(result) else 'inf'}",
            "look at its operands: a value at the edge of its domain, or too large a number",
        )
    if (outside is None and np.isinf(result)) or (not x and finite):
        return overflow(name, node.dtype)
    infinite = [v for v in x if np.isinf(v)]
    if name in ("add", "subtract") and len(infinite) == 2:
        return ("inf - inf", _MASK)
    if name == "multiply" and infinite:
        return ("0 * inf", "select with np.where(mask, x, 0.0) instead of multiplying by a mask")
    if infinite or not (x or finite):
        return (f"{name} of an infinite value gives nan", _MASK)
    if outside is not None:
        return outside
    return (f"{name} has no finite value there", "keep its argument where the function is finite")


def _of_logs(name: str, x: list[Any], _result: Any) -> Trap | None:
    if name not in _LOGS or not x:
        return None
    if x[0] == _LOGS[name]:
        return ("log of 0" if name != "log1p" else "log of 0, log1p(-1)", _LOG)
    if np.iscomplexobj(x[0]):
        return None
    return ("log of a negative number", _LOG) if x[0] < _LOGS[name] else None


def _of_divisions(name: str, x: list[Any], result: Any) -> Trap | None:
    if name == "reciprocal" and x and x[0] == 0:
        return ("division by 0", _DIVIDE)
    if name not in _DIVISIONS or len(x) != 2:
        return None
    if x[1] == 0:
        return ("0 / 0" if x[0] == 0 else "division by 0", _DIVIDE)
    if np.isinf(x[0]) and np.isinf(x[1]):
        return ("inf / inf", _EXP)
    return overflow("the quotient", np.asarray(result).dtype) if np.isinf(result) else None


def _of_powers(name: str, x: list[Any], result: Any) -> Trap | None:
    if name not in _POWERS or len(x) != 2:
        return None
    if x[0] == 0 and np.real(x[1]) < 0:
        return ("0 to a negative power", _DIVIDE)
    if np.iscomplexobj(result):
        return None
    if x[0] < 0 and np.isnan(result):
        return (
            "a negative number to a fractional power",
            "take np.abs(x), or a base that is above 0; np.cbrt is the real cube root",
        )
    return None


def _of_others(name: str, x: list[Any], result: Any) -> Trap | None:
    if name == "arctanh" and x and abs(x[0]) == 1:
        return ("arctanh at the end of [-1, 1]", _UNIT)
    if not x or np.iscomplexobj(result):
        return None
    if name == "sqrt" and x[0] < 0:
        return ("square root of a negative number", _SQRT)
    if name in ("arcsin", "arccos", "arctanh") and abs(x[0]) > 1:
        return (f"{name} outside [-1, 1]", _UNIT)
    if name in _EXPS and np.isinf(result):
        dtype = np.asarray(result).dtype
        limit = math.log(float(np.finfo(dtype).max)) / (math.log(2) if name == "exp2" else 1)
        return (f"overflow in {name}: {dtype} holds it up to {limit:.4g}", _EXP)
    return None


def overflow(what: str, dtype: Any) -> Trap:
    """The trap of a finite number too large for its dtype."""
    if isinstance(dtype, tuple) or dtype.kind not in "fc":
        return (f"overflow in {what}", _SMALLER)
    limits = np.finfo(dtype)
    wider = {16: "float32", 32: "float64"}.get(limits.bits)
    remedy = f"compute in {wider}, or {_SMALLER}" if wider else _SMALLER
    return (f"overflow in {what}: {dtype} holds at most {float(limits.max):.4g}", remedy)


def _outside(node: Node, x: Sequence[Any]) -> Trap | None:
    for number, domain in zip(x, node.op.domains, strict=False):
        if np.iscomplexobj(number) or not np.isfinite(number):
            return None
        if not domain.low < number < domain.high or number in domain.holes:
            holes = "".join(f" without {hole:g}" for hole in domain.holes)
            return (
                f"{node.op.name} at {float(number):.6g}, outside "
                f"({domain.low:g}, {domain.high:g}){holes}",
                "clip the argument",
            )
    return None


def _finite(x: Any) -> bool:
    x = np.asarray(x)
    return x.dtype.kind not in "fc" or bool(np.isfinite(x).all())


# --- slopes -------------------------------------------------------------------------------------


def of_slope(node: Node, i: int, x: Sequence[Any], g: Any, result: Any) -> Trap:
    """The trap in which a finite gradient fell on its way to operand ``i`` of ``node``.

    ``x`` are the operands' elements there and ``g`` is the gradient that came, where the op is
    elementwise; else empty and None.
    """
    name, dtype = node.op.name, node.dtype
    read = x or [v for v in node.operands or () if isinstance(v, np.ndarray)]
    if not all(map(_finite, read)):
        return (
            f"{name} of a value that is not finite",
            "its derivative there is not finite either: keep the value finite, or select it away "
            "by np.where before the op, so that no gradient comes there",
        )
    if x and name in _EDGES and complex(x[0]) in _EDGES[name]:
        return _at_edge(node, float(np.real(x[0])))
    if len(x) == 2 and name in _DIVISIONS and x[1] == 0:
        return ("division by 0", _DIVIDE)
    if len(x) == 2 and name in _POWERS and i == 1 and np.real(x[0]) < 0:
        return (
            "x ** y with a tracked exponent at a negative x: its slope along y takes log(x)",
            "take a base that is above 0, or an exponent that is not tracked, y.detach()",
        )
    if len(x) == 2 and name in _POWERS and x[0] == 0:
        return (
            f"infinite slope of x ** {float(np.real(x[1])):g} at 0",
            "keep the base above 0, as in (x + 1e-12) ** y",
        )
    if name in (*_DIVISIONS, "reciprocal", "sqrt", *_LOGS, *_POWERS) and x:
        return (
            f"the slope of {name} overflows {dtype} so near to the edge of its domain",
            _DIVIDE if name in (*_DIVISIONS, "reciprocal") else "keep its argument away from there",
        )
    if _outside(node, x) is not None:
        at = ", ".join(f"{float(v):g}" for v in x)
        return (f"infinite slope of {name} at {at}", "keep the argument away from there")
    if not x and node.op.kind in ("linear", "multilinear"):
        return overflow(f"the gradient of {name}", dtype)
    if g is None or not x or node.op.fn not in OPS:
        return (
            f"the derivative of {name} is not finite",
            "look at its operands: a value at the edge of its domain, or too large a number"
            + ("" if g is None or x else "; compute inside the block to have them here"),
        )
    if np.isfinite(g) and g != 0:
        return overflow(f"the gradient of {name}", dtype)
    return (f"{name} has no finite derivative there", "keep its argument away from that point")


def _at_edge(node: Node, at: float) -> Trap:
    name = node.op.name
    what = f"infinite slope of {name} at {at:g}"
    if name == "sqrt":
        squares = _of_squares(node.parents[0])
        return (f"norm at 0: {what}", _NORM) if squares else (what, _SQRT)
    if name in _LOGS:
        return (what, _LOG)
    if name in ("arcsin", "arccos", "arctanh", "arccosh"):
        return (what, _UNIT)
    return (what, _DIVIDE if name == "reciprocal" else "keep the argument away from there")


def _of_squares(node: Node | None) -> bool:
    """Whether a value is a square, or a sum of squares."""
    if node is None or node.op is None:
        return False
    name, parents = node.op.name, node.parents
    if name in ("sum", "mean", "add"):
        return all(_of_squares(parent) for parent in parents if parent is not None)
    if name == "power":
        return bool(np.all(np.equal((node.operands or (0, 0))[1], 2)))
    pair = name in ("multiply", "matmul", "vecdot", "einsum") and len(parents) == 2
    return name == "square" or (pair and parents[0] is parents[1])
