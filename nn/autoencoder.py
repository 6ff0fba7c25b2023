"""Autoencoders: networks that learn to give back their input, by way of a code for it."""

from __future__ import annotations

import math
from typing import Any, final

import numpy as np
from numpy.typing import DTypeLike

import autograd_core as ag
from autograd_core import Tensor
from autograd_core.apply import apply_fresh
from autograd_core.record import NO_PARAMS
from autograd_core.registry import known
from optim.options import as_generator, fraction, nearest, non_negative

from . import init
from .activations import activation as make_activation
from .affine import sum_rows, times_transposed
from .checks import with_features
from .layers import Linear
from .losses.binary import checked_binary, sigmoid_cross_entropy
from .losses.regression import squared_error
from .losses.shared import check_finite, count, pair, value
from .module import Module, Parameter

__all__ = ["CORRUPTIONS", "Autoencoder", "DenoisingAutoencoder", "Transposed"]

OUTPUTS = ("sigmoid", "linear")
#: How a ``DenoisingAutoencoder`` can corrupt its input.
CORRUPTIONS = ("masking", "gaussian")


def _forward(h: Any, weight: Any, bias: Any) -> Any:
    a = times_transposed(h, weight)
    if type(a) is np.ndarray and a.dtype is bias.dtype:
        return np.add(a, bias, out=a)  # nobody else has seen `a`
    return a + bias


def _rule_weight(g: Any, _out: Any, h: Any, _weight: Any, _bias: Any) -> Any:
    # In the order in which the weight lies in memory: that of `h @ weight.T` would come transposed,
    # and adding it to the encoder's take longer than the product does.
    rows = math.prod(h.shape[:-1])
    outputs, inputs = _weight.shape
    return g.reshape(rows, outputs).T @ h.reshape(rows, inputs)


def _by_parts(h: Any, weight: Any, bias: Any) -> Any:
    """The same by other ops, for many examples at once under `vmap`."""
    return np.matmul(h, np.swapaxes(weight, -1, -2)) + bias


ag.defop(
    _forward,
    lambda g, _out, _h, weight, _bias: np.matmul(g, weight),
    _rule_weight,
    lambda g, _out, _h, _weight, _bias: sum_rows(g),
    name="affine_transposed",
    symbol="h Wᵀ + c",
    module="nn",
    otherwise=_by_parts,
)
_AFFINE_TRANSPOSED = ag.OPS[_forward]


@final
class Transposed(Module):
    """The pre-activation of a layer with another layer's weight, transposed: a = h Wᵀ + c.

    The weight is the very tensor of the other layer, used once more: its gradient has a term for
    each use, and what changes it changes both. Only the bias c, from zero, is its own.

    >>> encoder = Linear(4, 3)
    >>> decoder = Transposed(encoder)
    >>> decoder(np.ones((5, 3))).shape, decoder.weight is encoder.weight
    ((5, 4), True)
    """

    def __init__(self, layer: Linear) -> None:
        self.in_features, self.out_features = layer.out_features, layer.in_features
        self.weight = layer.weight
        zeros = init.zeros((self.out_features,), dtype=self.weight.dtype)
        self.bias = Parameter(zeros, name="c")

    def forward(self, h: Any) -> Tensor:
        """Compute h Wᵀ + c for codes of shape (..., in_features)."""
        if type(h) is not Tensor or h._value.shape[-1:] != (self.in_features,):
            h = with_features(self, h, self.in_features)  # or an error
        a: Tensor = apply_fresh(_AFFINE_TRANSPOSED, (h, self.weight, self.bias), NO_PARAMS)
        return a

    def extra_repr(self) -> str:
        """Say the number of inputs and outputs."""
        return f"{self.in_features}, {self.out_features}"


@final
class Autoencoder(Module):
    """Learns a code for its input from which the input can be given back.

    h(x) = g(b + x W) and x̂ = o(c + h W*), with W* = Wᵀ where ``tied``: one tensor used twice, whose
    gradient is the sum of two terms. ``activation`` is g. ``output`` is o, and says the loss:

    - ``"sigmoid"`` for inputs in [0, 1]: cross-entropy, -Σ x log x̂ + (1 - x) log(1 - x̂);
    - ``"linear"`` for real inputs: ½ Σ (x̂ - x)².

    Either has the gradient x̂ - x at the output's pre-activation, which is what ``forward`` returns
    and ``loss`` takes: ``optim.fit(model, model.loss, X, "adam", lr=1e-3, epochs=10)``. W, b and c
    start as in ``Linear``; inputs are (..., n_inputs).

    >>> model = Autoencoder(64, 16)
    >>> model
    Autoencoder(64, 16)
    ├─ encoder: Linear(64, 16)
    ├─ activation: Sigmoid()
    └─ decoder: Transposed(16, 64)
    >>> x = np.full((5, 64), 0.5)
    >>> model.encode(x).shape, model.reconstruct(x).shape
    ((5, 16), (5, 64))
    >>> model.loss(model(x), x).backward()
    """

    def __init__(
        self,
        n_inputs: int,
        n_hidden: int,
        tied: bool = True,
        activation: str | Module = "sigmoid",
        output: str = "sigmoid",
        *,
        rng: np.random.Generator | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        if output not in OUTPUTS:
            raise ValueError(f"Autoencoder: unknown output {output!r}: {nearest(output, OUTPUTS)}")
        self.encoder = Linear(n_inputs, n_hidden, rng=rng, dtype=dtype)
        self.activation = make_activation(activation)
        self.tied, self.output = bool(tied), output
        self.decoder = (
            Transposed(self.encoder) if tied else Linear(n_hidden, n_inputs, rng=rng, dtype=dtype)
        )
        if isinstance(self.decoder, Linear):
            self.decoder.weight.name = "W*"
        for name, parameter in (
            ("W", self.encoder.weight),
            ("b", self.encoder.bias),
            ("c", self.decoder.bias),
        ):
            assert parameter is not None
            parameter.name = name

    def encode(self, x: Any) -> Any:
        """Compute the code h(x), of shape (..., n_hidden)."""
        return self.activation(self.encoder(x))

    def decode(self, h: Any) -> Any:
        """Compute the reconstruction x̂ from a code."""
        a = self.decoder(h)
        return ag.sigmoid(a) if self.output == "sigmoid" else a

    def reconstruct(self, x: Any) -> Any:
        """Compute the reconstruction x̂ of an input."""
        return self.decode(self.encode(x))

    def forward(self, x: Any) -> Any:
        """Compute the pre-activation of the reconstruction of an input."""
        return self.decoder(self.encode(x))

    def loss(self, pre_activation: Any, x: Any) -> Any:
        """Compute the loss of a reconstruction: summed over the inputs, averaged over examples.

        Inputs outside [0, 1] where the output is a sigmoid are a ``ValueError``, as are inputs that
        are not finite, and others of another shape than the outputs.
        """
        who = "Autoencoder.loss"
        a, x = pair(who, pre_activation, x)
        examples = count(who, a.shape[:-1])
        if self.output == "sigmoid":
            checked_binary(who, x, "; output='linear' is for real inputs")
            return sigmoid_cross_entropy(a, x, over=examples)
        loss = squared_error(a, x, over=examples, delta=0.0)
        if known(value(loss)) and not np.isfinite(value(loss)):
            check_finite(who, x, hint="; replace it, or leave out the example")
        return loss

    def extra_repr(self) -> str:
        """Say the sizes, and what is not as usual."""
        said = f"{self.encoder.in_features}, {self.encoder.out_features}"
        said += "" if self.tied else ", tied=False"
        return said + (f", output={self.output!r}" if self.output != "sigmoid" else "")


@final
class DenoisingAutoencoder(Module):
    """An autoencoder that is given a corrupted input and has to give back the clean one.

    (Vincent et al. 2010.) ``corruption`` is ``"masking"``, which sets each input to 0 with
    probability ``level``, or ``"gaussian"``, which adds noise of standard deviation ``level``.
    Inputs are corrupted in training mode only, by ``forward``; codes and reconstructions are of
    what they are asked for. The rest is as in ``Autoencoder``, which it holds.

    ``rng`` draws the initial weights and the corruption; None means the context's generator, asked
    each time.

    >>> model = DenoisingAutoencoder(4, 3, level=0.5, rng=np.random.default_rng(0))
    >>> x = np.ones((1, 4))
    >>> model.corrupt(x)
    array([[0., 1., 1., 0.]])
    >>> model.loss(model(x), x).backward()  # of a corrupted input, against the clean one
    """

    def __init__(
        self,
        n_inputs: int,
        n_hidden: int,
        tied: bool = True,
        activation: str | Module = "sigmoid",
        output: str = "sigmoid",
        *,
        corruption: str = "masking",
        level: float = 0.3,
        rng: np.random.Generator | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        who = "DenoisingAutoencoder"
        if corruption not in CORRUPTIONS:
            raise ValueError(
                f"{who}: unknown corruption {corruption!r}: {nearest(corruption, CORRUPTIONS)}"
            )
        check = fraction if corruption == "masking" else non_negative
        self.corruption, self.level = corruption, check(who, "level", level)
        self.rng = rng
        self.autoencoder = Autoencoder(
            n_inputs, n_hidden, tied, activation, output, rng=rng, dtype=dtype
        )

    @property
    def encoder(self) -> Linear:
        """The layer that computes the pre-activation of the code."""
        return self.autoencoder.encoder

    @property
    def activation(self) -> Module:
        """The activation of the code."""
        return self.autoencoder.activation

    @property
    def decoder(self) -> Linear | Transposed:
        """The layer that computes the pre-activation of the reconstruction."""
        return self.autoencoder.decoder

    def corrupt(self, x: Any) -> Any:
        """Draw a corrupted version of the input, whatever the mode.

        The dtype stays that of x; integers become the default dtype.
        """
        x = x if hasattr(x, "__array_function__") else np.asarray(x)
        if x.dtype.kind != "f":
            x = x.astype(ag.get_default_dtype())
        draw = as_generator(self.rng)
        # In float32 whatever x is: half the time, and the same draws for each dtype.
        if self.corruption == "masking":
            return np.where(draw.random(x.shape, np.float32) >= self.level, x, 0.0)
        noise = draw.standard_normal(x.shape, np.float32)
        return x + np.multiply(noise, self.level, dtype=x.dtype)

    def encode(self, x: Any) -> Any:
        """Compute the code h(x) of the input as it is, of shape (..., n_hidden)."""
        return self.autoencoder.encode(x)

    def decode(self, h: Any) -> Any:
        """Compute the reconstruction x̂ from a code."""
        return self.autoencoder.decode(h)

    def reconstruct(self, x: Any) -> Any:
        """Compute the reconstruction x̂ of the input as it is."""
        return self.autoencoder.reconstruct(x)

    def forward(self, x: Any) -> Any:
        """Compute the pre-activation of the reconstruction, in training of a corrupted input."""
        return self.autoencoder(self.corrupt(x) if self.training and self.level else x)

    def loss(self, pre_activation: Any, x: Any) -> Any:
        """Compute the loss of a reconstruction of the clean input x, see ``Autoencoder.loss``."""
        return self.autoencoder.loss(pre_activation, x)

    def extra_repr(self) -> str:
        """Say how the input is corrupted."""
        return f"corruption={self.corruption!r}, level={self.level:g}"
