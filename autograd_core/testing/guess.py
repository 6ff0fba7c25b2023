"""What kind of fault a wrong gradient looks like, from the numbers alone."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["guess", "guess_shape"]

FACTORS = {
    2.0: "it is twice what it should be: a factor 2 too many",
    0.5: "it is half what it should be: a factor 2 is missing",
    -1.0: "it has the wrong sign",
}


def guess(got: Any, expected: Any, tolerance: float = 1e-4) -> str:
    """Say what turns the gradient ``expected`` into ``got``; "" where nothing known does.

    Both are arrays of one shape; NaN in ``expected`` marks what is not known.

    >>> guess(np.array([2.0, 4.0]), np.array([1.0, 2.0]))
    'it is twice what it should be: a factor 2 too many'
    """
    known = ~np.isnan(expected)
    a, b = got[known], expected[known]
    size = float(np.max(np.abs(b), initial=0.0))
    if a.size == 0 or not np.all(np.isfinite(a)):
        return ""

    def same(x: Any, y: Any) -> bool:
        largest = max(float(np.max(np.abs(x), initial=0.0)), float(np.max(np.abs(y), initial=0.0)))
        return bool(np.all(np.abs(x - y) <= tolerance * largest))

    if size == 0.0:
        return "it should be zero"
    if not np.any(a):
        return "it is zero: the dependence was lost, by a detached value say"
    if same(a, np.conjugate(b)) and np.iscomplexobj(b):
        return "it is the conjugate of what it should be"
    for factor, text in FACTORS.items():
        if same(a, factor * b):
            return text
    if np.all(known) and got.ndim >= 2 and got.shape[-1] == got.shape[-2] and got.shape[-1] > 1:
        if same(got, np.swapaxes(expected, -1, -2)):
            return "it is the transpose of what it should be"
        if same(got, -np.swapaxes(expected, -1, -2)):
            return "it is the transpose of what it should be, with the wrong sign"
    ratio = np.vdot(b, a) / np.vdot(b, b)
    # Not where one element of many is off by less than `same` sees.
    explained = np.max(np.abs(a - ratio * b)) <= 0.1 * np.max(np.abs(a - b))
    if a.size > 1 and explained and same(a, ratio * b):
        shown = ratio.real if abs(ratio.imag) <= tolerance * abs(ratio) else ratio
        return f"it is {shown:.6g} times what it should be: a constant factor"
    wrong = np.abs(a - b) > tolerance * size
    if a.size > 3 and 0 < wrong.sum() <= 0.5 * a.size and not np.any(a[wrong]):
        return f"it is zero at {int(wrong.sum())} of {a.size} elements: a term or a branch was lost"
    offset = (a - b)[0]
    if a.size > 2 and same(a - b, np.full_like(b, offset)):
        return "it is off by a constant: a term was dropped"
    return ""


def guess_shape(got: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """Say how a gradient comes to have the shape ``got`` in place of ``expected``."""
    if got == expected[::-1] and len(got) > 1:
        return "it is transposed"
    if int(np.prod(got)) == int(np.prod(expected)):
        return "a reshape is missing"
    try:
        broadcast = np.broadcast_shapes(got, expected) == got
    except ValueError:
        broadcast = False
    if broadcast:
        return "the sum over the axes along which the argument was broadcast is missing"
    return ""
