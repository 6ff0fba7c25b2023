"""Who can see a tensor's memory: views, indices, and whether a value may be written in place."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .errors import InPlaceError
from .ops.indexing import _getitem, _setitem
from .record import listener
from .registry import OPS, PROJECTION, Op, is_basic, known

__all__ = [
    "GETITEM",
    "SETITEM",
    "VIEWS",
    "frozen",
    "is_owned",
    "is_view",
    "mark_view",
    "refuse_view",
    "show",
]

GETITEM, SETITEM = OPS[_getitem], OPS[_setitem]


# Ops whose result can be a view, in NumPy, so that there a change of one is a change of both.
VIEWS = {
    OPS[fn]
    for fn in (
        _getitem, np.reshape, np.ravel, np.transpose, np.matrix_transpose, np.swapaxes, np.moveaxis,
        np.expand_dims, np.squeeze, np.flip, np.broadcast_to, np.split, np.array_split,
        np.real, np.imag, np.diagonal, np.linalg.diagonal,
    )
}  # fmt: skip


def mark_view(t: Any, op: Op, x: Any, params: dict[str, Any]) -> None:
    """Note whether ``t``, which ``op`` read out of ``x``, would in NumPy change with ``x``."""
    if op is GETITEM:
        # A single element is a number in NumPy: `r = x[0]; r += 1` leaves x as it is.
        t._view = is_basic(params["index"]) and not isinstance(t._value, np.generic)
    elif not known(t._value) or not known(x):
        t._view = True  # it may be
    else:
        t._view = np.may_share_memory(t._value, x)


def is_view(t: Any) -> bool:
    """Whether in NumPy a change of ``t`` in place would be seen by the tensor it was read from."""
    view = getattr(t, "_view", False)
    if view and _last_holder(t):
        view = t._view = False
    return view


def _last_holder(t: Any) -> bool:
    """Whether the value is a view of memory that nothing else holds, so that nobody sees a change.

    So it is after ``x = np.moveaxis(x + 1, 0, -1)``: what it was read from is gone.
    """
    node = t._node
    while node is not None and (node.op in VIEWS or node.op is PROJECTION):
        node = node.parents[0]
        if node is not None and node.op is GETITEM:
            return False  # its value may be a copy of a small part, whose memory tells nothing
    base = getattr(getattr(t, "_value", None), "base", None)
    if type(base) is not np.ndarray or base.base is not None:
        return False
    # The view's reference, the one of `base`, and that of the call that counts them.
    others = sys.getrefcount(base) - 3
    if others > 0 and (told := listener()) is not None:
        others -= told.references(base)  # inspection changes nothing in what is allowed
    return others <= 0


def refuse_view(t: Any, what: str) -> None:
    """Refuse to change a view, a change that would be lost."""
    if is_view(t):
        raise InPlaceError(
            f"{what}: this tensor was read out of another, by an index or by a new shape, and that "
            "one would not see the change. Write x[0] += 1 instead of r = x[0]; r += 1, or "
            "r = r + 1 for a new tensor."
        )


def _holders(t: Any) -> int:
    return sys.getrefcount(t._value)


def is_owned(t: Any) -> bool:
    """Whether nobody else can see the memory of the tensor's value, so that it can be written."""
    value = t._value
    return (
        type(value) is np.ndarray
        and _holders(t) <= _ALONE
        and value.base is None
        and value.flags.writeable
        and value.flags.owndata
    )


class _Probe:
    """Something whose value nobody else holds, as is_owned sees it."""

    def __init__(self) -> None:
        self._value = np.empty(1)


def _holders_of_one() -> int:
    value = (t := _Probe())._value  # as is_owned does; how such references count, Python decides
    assert value is not None
    return _holders(t)


_ALONE = _holders_of_one()


def frozen(index: Any) -> Any:
    """An index that later writes by the user cannot change."""
    if isinstance(index, tuple):
        return tuple(map(frozen, index))
    if hasattr(index, "_node"):
        index = getattr(index, "_value", index)  # under `vmap` it has none
    if isinstance(index, list):
        array = np.array(index)
        return array if array.size else array.astype(int)  # no index at all is no float
    return index.copy() if isinstance(index, np.ndarray) else index


def show(index: Any) -> str:
    if isinstance(index, tuple):
        return ", ".join(map(show, index))
    return "..." if isinstance(index, np.ndarray) else str(index)
