"""Derivatives along a direction: forward mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import record
from ..forward import push_forward
from ..record import force_recording
from ..tensor import LIFT, Tensor, asarray, wrap
from ..tree import flatten, flatten_like
from ..values import refuse_complex
from .variables import depends_on_others, own, variable

__all__ = ["jvp"]


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Return ``f(*primals)`` and its derivative along ``tangents``, by forward mode.

    ``primals`` and ``tangents`` are sequences of arrays, or of nested dicts, lists and tuples of
    arrays, of the same shapes. Arrays in, arrays out; the tangent has the shape of the value.

    >>> value, tangent = jvp(np.sin, (0.0,), (2.0,))
    >>> float(tangent)
    2.0
    """
    if not isinstance(primals, (list, tuple)) or not isinstance(tangents, (list, tuple)):
        raise TypeError("jvp takes a tuple of primals and one of tangents: jvp(f, (x,), (v,))")
    if len(primals) != len(tangents):
        raise ValueError(
            f"jvp: {len(primals)} primals but {len(tangents)} tangents; give one for each"
        )
    leaves, rebuild = flatten(list(primals))
    directions = flatten_like(list(tangents), list(primals), "jvp: tangents")
    tensors_in = any(type(x) is Tensor for x in (*leaves, *directions))
    recording = record.recording()
    with force_recording():
        variables = [variable(x) for x in leaves]
        seeds = {}
        for v, direction in zip(variables, directions, strict=True):
            t = asarray(direction)
            if t.shape != v.shape:
                raise ValueError(
                    f"jvp: a tangent of shape {t.shape} does not fit a primal of shape {v.shape}"
                )
            assert v._node is not None
            refuse_complex(t, v.dtype)
            seeds[v._node] = t.astype(v.dtype) if t.dtype != v.dtype else t
        output = f(*rebuild(variables))
        outputs, rebuild_output = flatten(output)
        outputs = [asarray(x) for x in outputs]
        roots = [t._node for t in outputs if t._node is not None]
        foreign = recording and (
            any(t._node is not None for t in seeds.values()) or depends_on_others(roots, set(seeds))
        )
        lift = LIFT if foreign else None
        pushed = push_forward(
            roots, seeds if foreign else {n: t._value for n, t in seeds.items()}, lift
        )
    derivatives = [None if t._node is None else pushed.get(t._node) for t in outputs]
    derivatives = [
        np.zeros(t.shape, t.dtype) if d is None else d
        for t, d in zip(outputs, derivatives, strict=True)
    ]

    def hand_out(x: Any) -> Any:
        t = x if type(x) is Tensor else wrap(x, None)
        if foreign:
            return t
        return t.detach() if tensors_in else own(t._value)

    return rebuild_output(list(map(hand_out, outputs))), rebuild_output(
        list(map(hand_out, derivatives))
    )
