"""Layers: what a network is put together from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Self, final, overload

import numpy as np
from numpy.typing import DTypeLike

from autograd_core import Tensor
from autograd_core.apply import apply_fresh
from autograd_core.record import NO_PARAMS
from optim.options import flag

from .affine import AFFINE
from .checks import count, numbers, titled, with_features
from .init import Initialiser, initialise, zeros
from .module import Module, Parameter, through

__all__ = ["Flatten", "Linear", "Residual", "Sequential"]


@final
class Linear(Module):
    """The pre-activation of a layer: a = x W + b, with W of shape (inputs, outputs).

    The lecture writes a = b + W h for one example as a column. Here an example is a row, so that a
    batch of shape (..., inputs) gives (..., outputs) in one product: this ``weight`` is the
    lecture's W transposed. Weights start from ``init``, the name of an initialiser or a function
    called like those of ``nn.init``; the bias from zero.

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
        *,
        init: str | Initialiser = "glorot_uniform",
        rng: np.random.Generator | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.in_features = count("Linear", "in_features", in_features)
        self.out_features = count("Linear", "out_features", out_features)
        shape = self.in_features, self.out_features
        self.weight = Parameter(initialise(init, shape, rng=rng, dtype=dtype), name="weight")
        self.bias: Tensor | None = None
        if flag("Linear", "bias", bias):
            self.bias = Parameter(zeros((self.out_features,), dtype=dtype), name="bias")

    def forward(self, x: Any) -> Tensor:
        """Compute x W + b for inputs of shape (..., in_features)."""
        if type(x) is not Tensor or x._value.shape[-1:] != (self.in_features,):
            x = with_features(self, x, self.in_features)  # or an error
        bias = self.bias
        if bias is None:
            a: Tensor = x @ self.weight
        else:  # `affine`, written out
            a = apply_fresh(AFFINE, (x, self.weight, bias), NO_PARAMS)
        return a

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
                several = isinstance(layer, (list, tuple))
                raise TypeError(
                    f"Sequential: argument {i} is {layer!r}, which is no module"
                    + ("; write Sequential(*layers) for a list of them" if several else "")
                )
        self.layers = layers

    def forward(self, x: Any) -> Any:
        """Apply the modules in order."""
        return through(self.layers, x)

    def append(self, layer: Module) -> Self:
        """Add a module at the end, and return this one."""
        self.layers = Sequential(*self.layers, layer).layers
        return self

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


@final
class Residual(Module):
    """y = x + f(x): ``module`` learns what to add to its input (He et al. 2016).

    Where f(x) has another shape than x it is a ``ValueError``, also where NumPy would broadcast.

    >>> from nn import Tanh
    >>> Residual(Sequential(Linear(3, 3), Tanh()))(np.ones((5, 3))).shape
    (5, 3)
    >>> Residual(Linear(3, 1))(np.ones((5, 3)))
    Traceback (most recent call last):
    ValueError: Residual: x has shape (5, 3) and Linear(3, 1) made (5, 1) of it; x + f(x) needs ...
    """

    def __init__(self, module: Module) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"Residual: {module!r} is no module")
        self.module = module

    def forward(self, x: Any) -> Any:
        """Compute x + f(x)."""
        x = numbers(self, x)
        change = self.module(x)
        if change.shape != x.shape:
            raise ValueError(
                f"Residual: x has shape {x.shape} and {titled(self.module)} made {change.shape} of "
                "it; x + f(x) needs equal shapes"
            )
        return x + change


@final
class Flatten(Module):
    """Make a row of numbers of each example: (examples, ...) becomes (examples, features).

    >>> Flatten()(np.zeros((5, 8, 8))).shape
    (5, 64)
    """

    def forward(self, x: Any) -> Any:
        """Join all axes but the first."""
        x = numbers(self, x)
        if not x.shape:
            raise ValueError("Flatten: expected examples along a first axis, got a number")
        # Counted, for NumPy cannot find a length beside 0 examples.
        return x.reshape((x.shape[0], math.prod(x.shape[1:])))
