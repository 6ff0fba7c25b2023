"""Layers: what a network is put together from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, final, overload

import numpy as np
from numpy.typing import DTypeLike

from autograd_core import Tensor

from . import init
from .module import Module, Parameter

__all__ = ["Linear", "Sequential"]


@final
class Linear(Module):
    """The pre-activation of a layer: a = x W + b, with W of shape (inputs, outputs).

    The lecture writes a = b + W h for one example as a column. Here an example is a row, so that a
    batch of shape (..., inputs) gives (..., outputs) in one product: this ``weight`` is the
    lecture's W transposed. Weights start from ``init.glorot_uniform``, the bias from zero.

    Inputs with another number of features are a ``ValueError``.

    >>> layer = Linear(3, 2)
    >>> layer(np.ones((5, 3))).shape
    (5, 2)
    >>> layer(np.ones((5, 4)))
    Traceback (most recent call last):
    ValueError: Linear(3, 2): expected 3 features on the last axis, got 4 (input shape (5, 4))
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        rng: np.random.Generator | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        for name, value in (("in_features", in_features), ("out_features", out_features)):
            if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
                raise ValueError(f"Linear: {name} must be a whole number from 1 up, not {value!r}")
        self.in_features = int(in_features)
        self.out_features = int(out_features)
        weight = init.glorot_uniform((self.in_features, self.out_features), rng=rng, dtype=dtype)
        self.weight = Parameter(weight, name="weight")
        self.bias: Tensor | None = None
        if bias:
            self.bias = Parameter(init.zeros((self.out_features,), dtype=dtype), name="bias")

    def forward(self, x: Any) -> Tensor:
        """Compute x W + b for inputs of shape (..., in_features)."""
        # Asked of a tensor, np.shape would be dispatched as an op: this is on the hot path.
        shape = x.shape if hasattr(x, "shape") else np.shape(x)
        if not shape or shape[-1] != self.in_features:
            got = f"got {shape[-1]}" if shape else "got a number"
            raise ValueError(
                f"{self!r}: expected {self.in_features} features on the last axis, {got} "
                f"(input shape {shape})"
            )
        a: Tensor = x @ self.weight
        return a if self.bias is None else a + self.bias

    def extra_repr(self) -> str:
        """Say the number of inputs and outputs."""
        bias = "" if self.bias is not None else ", bias=False"
        return f"{self.in_features}, {self.out_features}{bias}"


@final
class Sequential(Module):
    """Modules one after the other: each gets what the one before it returned.

    >>> from nn import Tanh
    >>> net = Sequential(Linear(4, 3), Tanh(), Linear(3, 2))
    >>> net
    Sequential()
    ├─ layers.0: Linear(4, 3)
    ├─ layers.1: Tanh()
    └─ layers.2: Linear(3, 2)
    >>> len(net), net[1], len(net[:2])
    (3, Tanh(), 2)
    """

    def __init__(self, *layers: Module) -> None:
        for i, layer in enumerate(layers):
            if not isinstance(layer, Module):
                raise TypeError(f"Sequential: argument {i} is {layer!r}, which is no module")
        self.layers = layers

    def forward(self, x: Any) -> Any:
        """Apply the modules in order."""
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Module:
        if isinstance(index, slice):
            return Sequential(*self.layers[index])
        return self.layers[index]
