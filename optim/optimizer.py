"""What all optimizers share: parameters in flat buffers, and a step that never writes a value.

A graph recorded before a step holds the arrays that the parameters had then, and must give the
gradients at those values. So a step computes the new values into a spare buffer and gives the
parameters views of that; the old buffer becomes the spare one of the next step, if by then nobody
holds a view of it. Flat, because one pass over 5,000 numbers costs much less than four over parts.
"""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import accumulate, compress, pairwise
from operator import is_not
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_core import Tensor

__all__ = ["Optimizer"]

#: From this many numbers on a parameter has buffers of its own: its gradient is then read where
#: it is, and copying it would cost more than the calls that sharing saves.
LARGE = 1 << 14


class Optimizer(ABC):
    """Changes parameters by their gradients; a subclass says in ``_update`` by how much.

    Parameters whose gradient is None are left as they are, along with their state. An empty list,
    a parameter given twice or a computed tensor is a ``ValueError``, anything but a tensor a
    ``TypeError``.
    """

    def __init__(self, parameters: Iterable[Tensor], state: Sequence[str] = ()) -> None:
        self.parameters = _check_parameters(parameters)
        alone: list[list[Tensor]] = []
        together: dict[np.dtype[Any], list[Tensor]] = {}
        for parameter in self.parameters:
            if parameter.size >= LARGE:
                alone.append([parameter])
            else:
                together.setdefault(parameter.dtype, []).append(parameter)
        self._groups = [_Flat(group, state) for group in (*together.values(), *alone)]

    @abstractmethod
    def _update(
        self,
        gradient: NDArray[Any],
        value: NDArray[Any],
        state: dict[str, NDArray[Any]],
        out: NDArray[Any],
    ) -> None:
        """Write the new values to ``out`` and change ``state`` in place; all are flat."""

    def step(self) -> None:
        """Change each parameter that has a gradient, or with an error none of them."""
        # Whatever can fail comes first, for all groups: then changes are made to all.
        ready = [group for group in self._groups if group.gather()]
        self._apply(ready)
        for group in ready:
            group.publish()

    @np.errstate(all="ignore")  # as backward: a NaN or an overflow shows in the loss, not here
    def _apply(self, groups: list[_Flat]) -> None:
        for group in groups:
            if group.present is None:
                self._update(group.gradient, group.value, group.state, group.spare)
                continue
            np.copyto(group.spare, group.value)
            for part in group.present:
                self._update(
                    group.gradient[part],
                    group.value[part],
                    {name: flat[part] for name, flat in group.state.items()},
                    group.spare[part],
                )

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters:
            parameter.zero_grad()

    @property
    def state(self) -> dict[str, list[NDArray[Any]]]:
        """Copies of what the optimizer remembers: by name, an array for each parameter."""
        found: dict[str, dict[Tensor, NDArray[Any]]] = {}
        for group in self._groups:
            for name, flat in group.state.items():
                found.setdefault(name, {}).update(
                    zip(group.parameters, group.views(flat.copy()), strict=True)
                )
        return {name: [of[p] for p in self.parameters] for name, of in found.items()}


_NONE: NDArray[Any] = np.empty(0)


class _Flat:
    """Parameters of one dtype, one after the other in each of a few flat buffers."""

    __slots__ = (
        "_alone",
        "_parts",
        "_published",
        "_shapes",
        "_slots",
        "gradient",
        "parameters",
        "present",
        "spare",
        "state",
        "value",
    )

    def __init__(self, parameters: list[Tensor], state: Sequence[str]) -> None:
        self.parameters = parameters
        self._shapes = [parameter.shape for parameter in parameters]
        ends = accumulate((math.prod(shape) for shape in self._shapes), initial=0)
        self._parts = [slice(start, end) for start, end in pairwise(ends)]
        # The views that the parameters got, to notice when one was given another array.
        self._published: list[Any] = [None] * len(parameters)
        #: The parameters with a gradient, as parts of the buffers; None if that is all of them.
        self.present: list[slice] | None = None
        self.value = self._buffer()
        self.spare = self._buffer()
        # The references to a buffer that nobody else holds, as this version of Python counts them.
        self._alone = sys.getrefcount(self.spare)
        self.state = {name: np.zeros_like(self.value) for name in state}
        # One parameter by itself needs no buffer for its gradient, which is flat as it is.
        self.gradient = self._buffer() if len(parameters) > 1 else _NONE
        self._slots = self.views(self.gradient) if len(parameters) > 1 else []

    def _buffer(self) -> NDArray[Any]:
        return np.empty(self._parts[-1].stop, self.parameters[0].dtype)

    def views(self, flat: NDArray[Any]) -> list[NDArray[Any]]:
        """Cut a flat buffer into arrays of the parameters' shapes."""
        return [
            flat[part].reshape(shape)
            for part, shape in zip(self._parts, self._shapes, strict=True)
        ]

    def gather(self) -> bool:
        """Make gradient, value and spare ready for a step; False if there is no gradient."""
        gradients = [parameter.grad for parameter in self.parameters]
        there = [gradient is not None for gradient in gradients]
        self.present = None if all(there) else list(compress(self._parts, there))
        if self.present == []:
            return False
        values = [parameter._value for parameter in self.parameters]
        if any(map(is_not, values, self._published)):
            self._take_up(values)
        for i, gradient in enumerate(gradients):
            if gradient is None:
                continue
            if gradient.shape != self._shapes[i]:
                raise ValueError(
                    f"the gradient of {self._name(i)} has shape {gradient.shape} where the "
                    f"parameter has {self._shapes[i]}; nothing was changed"
                )
            if self._slots:
                self._slots[i][...] = gradient
            else:
                self.gradient = gradient.reshape(-1)
        # A view of the buffer holds a reference to it, and so does a view of a view.
        if sys.getrefcount(self.spare) > self._alone:
            self.spare = self._buffer()
        return True

    def _take_up(self, values: list[Any]) -> None:
        """Start from the values that the parameters have, somebody having assigned new ones."""
        for i, value in enumerate(values):
            if value.shape != self._shapes[i] or value.dtype != self.value.dtype:
                raise ValueError(
                    f"{self._name(i)} was {self.value.dtype} of shape {self._shapes[i]} when the "
                    f"optimizer was made, and is {value.dtype} of shape {value.shape} now: make "
                    f"a new optimizer; nothing was changed"
                )
        self.value = self._buffer()
        for slot, value in zip(self.views(self.value), values, strict=True):
            slot[...] = value

    def publish(self) -> None:
        """Give the parameters the new values, which the step left in the spare buffer."""
        self.value, self.spare = self.spare, self.value
        self._published = self.views(self.value)
        for parameter, view in zip(self.parameters, self._published, strict=True):
            parameter._swap(view)
        if not self._slots:
            self.gradient = _NONE  # or a forgotten gradient would live on here

    def _name(self, i: int) -> str:
        name = self.parameters[i].name
        return f"parameter {name!r}" if name else f"a parameter of shape {self._shapes[i]}"


def _check_parameters(parameters: Iterable[Tensor]) -> list[Tensor]:
    if isinstance(parameters, Tensor):
        raise TypeError("an optimizer takes a list of parameters: write [parameter]")
    if not isinstance(parameters, Iterable):
        hint = "; write .parameters()" if hasattr(parameters, "parameters") else ""
        raise TypeError(f"an optimizer takes a list of parameters, not {parameters!r}{hint}")
    found: dict[Tensor, int] = {}
    for i, parameter in enumerate(parameters):
        if not isinstance(parameter, Tensor):
            raise TypeError(
                f"parameter {i} is an object of type {type(parameter).__name__}, not a Tensor"
            )
        name = f"parameter {i}" + (f" ({parameter.name!r})" if parameter.name else "")
        if not parameter.is_leaf:
            raise ValueError(f"{name} is computed from others: give the optimizer those instead")
        if parameter in found:
            raise ValueError(f"{name} is parameter {found[parameter]} once more")
        found[parameter] = i
    if not found:
        raise ValueError("there are no parameters: the list is empty")
    return list(found)
