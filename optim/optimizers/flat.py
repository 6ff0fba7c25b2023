"""Parameters in flat buffers, which a step reads and writes in chunks that fit the cache.

Flat, because one pass over 5,000 numbers costs much less than four over parts. In chunks, because
a step makes some ten passes, and from the second on its operands are in the cache.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Iterable
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_core import Tensor

__all__ = ["CHUNK", "LARGE", "Flat", "Piece", "all_finite", "constant"]

#: From this many numbers on a parameter has buffers of its own: its gradient is then read where
#: it is, and copying it would cost more than the calls that sharing saves.
LARGE = 1 << 15

#: This many numbers are brought up to date at a time. Not fewer than LARGE, so that a parameter
#: without buffers of its own is always within one chunk.
CHUNK = 1 << 18

#: A part of the buffers, None being all of them, with views of state and scratch arrays for it.
Piece = tuple[slice | None, dict[str, NDArray[Any]], list[NDArray[Any]]]

_NONE: NDArray[Any] = np.empty(0)


@functools.lru_cache(maxsize=256)
def constant(number: float, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Make an array without axes of a hyper-parameter, once: a number NumPy converts each time."""
    array = np.array(number, dtype)
    array.flags.writeable = False
    return array


@np.errstate(all="ignore")
def all_finite(arrays: Iterable[Any]) -> bool:
    """Whether no element is inf or NaN; None counts as finite."""
    for array in arrays:
        if array is None:
            continue
        flat = array.ravel("K")
        # A sum of squares takes a third of the time of a mask. It may overflow by itself.
        if not math.isfinite(abs(flat.dot(flat))) and not np.isfinite(flat).all():
            return False
    return True


class Flat:
    """Parameters of one group and dtype, one after the other in each of a few flat buffers."""

    __slots__ = (
        "_alone",
        "_cuts",
        "_published",
        "_scratch",
        "_shapes",
        "_slots",
        "_spare_views",
        "_views",
        "gradient",
        "options",
        "parameters",
        "parts",
        "pieces",
        "present",
        "spare",
        "state",
        "steps",
        "value",
    )

    def __init__(
        self,
        parameters: list[Tensor],
        options: dict[str, Any],
        state: Iterable[str],
        scratch: list[NDArray[Any]],
    ) -> None:
        self.parameters = parameters
        #: The hyper-parameters of the group, which the group changes when it is assigned to.
        self.options = options
        self._shapes = [parameter.shape for parameter in parameters]
        ends = accumulate((math.prod(shape) for shape in self._shapes), initial=0)
        self.parts = [slice(start, end) for start, end in pairwise(ends)]
        # How to cut: a vector is the part as it is.
        self._cuts = [
            (part, None if len(shape) == 1 else shape)
            for part, shape in zip(self.parts, self._shapes, strict=True)
        ]
        # The views that the parameters got, to notice when one was given another array.
        self._published: list[Any] = [None] * len(parameters)
        self._views: list[Any] = []
        self._spare_views: list[Any] = []
        #: Which parameters have a gradient, by index; None if that is all of them.
        self.present: list[int] | None = None
        #: How many steps each parameter has made, for optimizers that ask.
        self.steps = [0] * len(parameters)
        self.value = self._buffer()
        self._views = self.views(self.value)
        self._renew_spare()
        # The references to a buffer, and to the views of it, that nobody else holds, as this
        # version of Python counts them.
        self._alone = self._references()
        # One parameter by itself needs no buffer for its gradient, which is flat as it is.
        self.gradient = self._buffer() if len(parameters) > 1 else _NONE
        self._slots: list[Any] = self.views(self.gradient) if len(parameters) > 1 else [None]
        self._scratch = scratch
        self.state: dict[str, NDArray[Any]] = {}
        self.pieces: list[Piece] = []
        self.remember(state)

    def _buffer(self) -> NDArray[Any]:
        return np.empty(self.parts[-1].stop, self.parameters[0].dtype)

    def remember(self, state: Iterable[str]) -> None:
        """Have zeros for what is to be remembered and is not yet."""
        new = [name for name in state if name not in self.state]
        if self.pieces and not new:
            return
        for name in new:
            self.state[name] = np.zeros_like(self.value)
        size = self.value.size
        if size <= CHUNK:
            self.pieces = [(None, self.state, [array[:size] for array in self._scratch])]
            return
        self.pieces = [
            self.piece(slice(start, min(start + CHUNK, size))) for start in range(0, size, CHUNK)
        ]

    def piece(self, part: slice) -> Piece:
        """Views of state and scratch for a part of the buffers, of a chunk's size at most."""
        state = {name: flat[part] for name, flat in self.state.items()}
        return part, state, [array[: part.stop - part.start] for array in self._scratch]

    def views(self, flat: NDArray[Any]) -> list[NDArray[Any]]:
        """Cut a flat buffer into arrays of the parameters' shapes."""
        return [
            flat[part] if shape is None else flat[part].reshape(shape) for part, shape in self._cuts
        ]

    def gather(self) -> bool:
        """Make gradient, value and spare ready for a step; False if there is no gradient."""
        missing = moved = False
        # Once through all, and no property of a tensor: in a small network these calls add up.
        for parameter, published, shape, slot in zip(
            self.parameters, self._published, self._shapes, self._slots, strict=True
        ):
            if parameter._value is not published:
                moved = True
            node = parameter._node
            gradient = None if node is None else node.grad
            if gradient is None:
                missing = True
            elif gradient.shape != shape:
                raise ValueError(
                    f"the gradient of {_name(parameter, shape)} has shape {gradient.shape} where "
                    f"the parameter has {shape}; nothing was changed"
                )
            elif slot is None:
                self.gradient = gradient.reshape(-1)
            else:
                slot[...] = gradient
        self.present = None
        if missing:
            self.present = [i for i, p in enumerate(self.parameters) if p.grad is not None]
            if not self.present:
                return False
        if moved:
            self._take_up([parameter._value for parameter in self.parameters])
        if self._references() != self._alone:
            self._renew_spare()
        return True

    def is_finite(self) -> bool:
        """Whether the gradients that ``gather`` found are; warns of an overflow, as NumPy does."""
        gradient = self.gradient
        # Where a gradient is None, the buffer has anything.
        return math.isfinite(abs(gradient.dot(gradient))) or all_finite(
            parameter.grad for parameter in self.parameters
        )

    def _references(self) -> int:
        """Count who holds the spare buffer, or one of its views."""
        # Any other view of the buffer holds a reference to it, and so does a view of a view.
        return sys.getrefcount(self.spare) + sum(map(sys.getrefcount, self._spare_views))

    def _renew_spare(self) -> None:
        self.spare = self._buffer()
        self._spare_views = self.views(self.spare)

    def _take_up(self, values: list[Any]) -> None:
        """Start from the values that the parameters have, somebody having assigned new ones."""
        for parameter, shape, value in zip(self.parameters, self._shapes, values, strict=True):
            if value.shape != shape or value.dtype != self.value.dtype:
                raise ValueError(
                    f"{_name(parameter, shape)} was {self.value.dtype} of shape {shape} when the "
                    f"optimizer was made, and is {value.dtype} of shape {value.shape} now: make "
                    f"a new optimizer; nothing was changed"
                )
        self.value = self._buffer()
        self._views = self.views(self.value)
        for slot, value in zip(self._views, values, strict=True):
            slot[...] = value

    def publish(self) -> None:
        """Give the parameters the new values, which the step left in the spare buffer."""
        self.value, self.spare = self.spare, self.value
        self._views, self._spare_views = self._spare_views, self._views
        self._published = self._views
        for parameter, view in zip(self.parameters, self._views):  # noqa: B905 - strict costs here
            parameter._value = view  # `_swap`, without the call
        if self._slots[0] is None:
            self.gradient = _NONE  # or a forgotten gradient would live on here


def _name(parameter: Tensor, shape: tuple[int, ...]) -> str:
    return f"parameter {parameter.name!r}" if parameter.name else f"a parameter of shape {shape}"
