"""Initial values of parameters: random enough to tell the units apart, small enough to learn.

All are called alike, ``glorot_uniform(shape, rng=..., dtype=...)``, and layers know them by name.
Those that go by the number of a unit's inputs and outputs take the shape of a weight between two
layers, ``(inputs, outputs)``. ``rng`` defaults to the context's generator, which
``autograd_core.seed`` seeds, and ``dtype`` to the context's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

import autograd_core as ag
from optim.options import as_generator, nearest, non_negative

__all__ = [
    "INITIALISERS",
    "Initialiser",
    "constant",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "initialise",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "zeros",
]

#: Called with a shape and the keywords ``rng`` and ``dtype``; returns an array of that shape.
Initialiser = Callable[..., Any]

_RNG = np.random.Generator | None


# --- by the numbers of inputs and outputs ---------------------------------------------------------


def glorot_uniform(
    shape: tuple[int, ...], *, rng: _RNG = None, dtype: DTypeLike | None = None
) -> NDArray[Any]:
    """Draw W ~ U[-b, b] with b = √6 / √(inputs + outputs) (Glorot & Bengio 2010).

    The variance of signals going forward and of gradients coming back stays about the same from
    layer to layer where the activation is near the identity, as tanh is around 0. Random, because
    units that start equal get equal gradients and stay equal for ever.

    >>> W = glorot_uniform((3, 21), rng=np.random.default_rng(0))
    >>> W.shape, bool(abs(W).max() <= 0.5)
    ((3, 21), True)
    """
    inputs, outputs = _fans("glorot_uniform", shape)
    return _uniform(math.sqrt(6) / math.sqrt(inputs + outputs), shape, rng, dtype)


def glorot_normal(
    shape: tuple[int, ...], *, rng: _RNG = None, dtype: DTypeLike | None = None
) -> NDArray[Any]:
    """Draw W ~ N(0, 2 / (inputs + outputs)), the variance of ``glorot_uniform``.

    >>> glorot_normal((300, 200), rng=np.random.default_rng(0)).std().round(3)
    np.float64(0.063)
    """
    inputs, outputs = _fans("glorot_normal", shape)
    return normal(shape, std=math.sqrt(2 / (inputs + outputs)), rng=rng, dtype=dtype)


def he_uniform(
    shape: tuple[int, ...], *, rng: _RNG = None, dtype: DTypeLike | None = None
) -> NDArray[Any]:
    """Draw W ~ U[-b, b] with b = √(6 / inputs), for rectifiers (He et al. 2015).

    Half of what enters a rectifier is cut off, which twice the variance of ``lecun_uniform`` makes
    up for.

    >>> bool(abs(he_uniform((24, 3))).max() <= 0.5)
    True
    """
    inputs, _ = _fans("he_uniform", shape)
    return _uniform(math.sqrt(6 / inputs), shape, rng, dtype)


def he_normal(
    shape: tuple[int, ...], *, rng: _RNG = None, dtype: DTypeLike | None = None
) -> NDArray[Any]:
    """Draw W ~ N(0, 2 / inputs), for rectifiers (He et al. 2015, equation 10).

    >>> he_normal((200, 300), rng=np.random.default_rng(0)).std().round(2)
    np.float64(0.1)
    """
    inputs, _ = _fans("he_normal", shape)
    return normal(shape, std=math.sqrt(2 / inputs), rng=rng, dtype=dtype)


def lecun_uniform(
    shape: tuple[int, ...], *, rng: _RNG = None, dtype: DTypeLike | None = None
) -> NDArray[Any]:
    """Draw W ~ U[-b, b] with b = √(3 / inputs), the variance of ``lecun_normal``.

    >>> bool(abs(lecun_uniform((12, 3))).max() <= 0.5)
    True
    """
    inputs, _ = _fans("lecun_uniform", shape)
    return _uniform(math.sqrt(3 / inputs), shape, rng, dtype)


def lecun_normal(
    shape: tuple[int, ...], *, rng: _RNG = None, dtype: DTypeLike | None = None
) -> NDArray[Any]:
    """Draw W ~ N(0, 1 / inputs) (LeCun et al. 1998), which SELU asks for.

    >>> lecun_normal((100, 300), rng=np.random.default_rng(0)).std().round(2)
    np.float64(0.1)
    """
    inputs, _ = _fans("lecun_normal", shape)
    return normal(shape, std=math.sqrt(1 / inputs), rng=rng, dtype=dtype)


def orthogonal(
    shape: tuple[int, ...],
    *,
    gain: float = 1.0,
    rng: _RNG = None,
    dtype: DTypeLike | None = None,
) -> NDArray[Any]:
    """Draw an orthogonal matrix, each as likely as any other, times ``gain`` (Saxe et al. 2014).

    Of the longer and the shorter side, the shorter one's vectors are orthogonal and of length
    ``gain``: WᵀW = gain² I where there are as many inputs as outputs or more, else WWᵀ = gain² I.

    >>> W = orthogonal((5, 3))
    >>> np.allclose(W.T @ W, np.eye(3))
    True
    """
    _fans("orthogonal", shape)
    drawn = as_generator(rng).normal(size=(max(shape), min(shape)))
    q, r = np.linalg.qr(drawn)
    # LAPACK chooses the signs of r's diagonal; made positive, q is spread evenly (Mezzadri 2007).
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return np.ascontiguousarray(gain * (q if shape[0] >= shape[1] else q.T), _dtype(dtype))


# --- of any shape ---------------------------------------------------------------------------------


def normal(
    shape: tuple[int, ...],
    *,
    std: float = 1.0,
    rng: _RNG = None,
    dtype: DTypeLike | None = None,
) -> NDArray[Any]:
    """Draw from N(0, std²), whatever the numbers of inputs and outputs.

    >>> normal((4,), std=0.01, dtype="float32").dtype
    dtype('float32')
    """
    std = non_negative("normal", "std", std)
    return as_generator(rng).normal(0.0, std, shape).astype(_dtype(dtype))


def zeros(
    shape: tuple[int, ...], *, rng: _RNG = None, dtype: DTypeLike | None = None
) -> NDArray[Any]:
    """Make zeros, which is where biases start: weights alone make the units differ.

    >>> zeros((2,), dtype="float32")
    array([0., 0.], dtype=float32)
    """
    return np.zeros(shape, _dtype(dtype))


def ones(
    shape: tuple[int, ...], *, rng: _RNG = None, dtype: DTypeLike | None = None
) -> NDArray[Any]:
    """Make ones, which is where the gains of normalisation start.

    >>> ones((2,))
    array([1., 1.])
    """
    return np.ones(shape, _dtype(dtype))


def constant(
    shape: tuple[int, ...], *, value: float, rng: _RNG = None, dtype: DTypeLike | None = None
) -> NDArray[Any]:
    """Fill with ``value``. Of a layer's weights that makes units that stay equal for ever.

    Layers take it as ``functools.partial(nn.init.constant, value=0.1)``.

    >>> constant((2,), value=0.1)
    array([0.1, 0.1])
    """
    return np.full(shape, value, _dtype(dtype))


# --- by name --------------------------------------------------------------------------------------

#: The initialisers by the names that layers know.
INITIALISERS: dict[str, Initialiser] = {
    "glorot_normal": glorot_normal,
    "glorot_uniform": glorot_uniform,
    "he_normal": he_normal,
    "he_uniform": he_uniform,
    "lecun_normal": lecun_normal,
    "lecun_uniform": lecun_uniform,
    "normal": normal,
    "ones": ones,
    "orthogonal": orthogonal,
    "zeros": zeros,
}


def initialise(
    init: str | Initialiser,
    shape: tuple[int, ...],
    *,
    rng: _RNG = None,
    dtype: DTypeLike | None = None,
) -> NDArray[Any]:
    """Make initial values by the initialiser of that name, or by a function called like one.

    An unknown name is a ``ValueError`` with the nearest known one; so is an array of another shape
    than asked for.

    >>> initialise("he_normal", (3, 2)).shape
    (3, 2)
    >>> initialise("he_nomal", (3, 2))
    Traceback (most recent call last):
    ValueError: unknown initialiser 'he_nomal': did you mean 'he_normal'? known are ...
    """
    if isinstance(init, str):
        if init == "constant":
            raise ValueError(
                "the initialiser 'constant' needs its value: pass "
                "functools.partial(nn.init.constant, value=...)"
            )
        if init not in INITIALISERS:
            meant = init.lower().replace("xavier", "glorot").replace("kaiming", "he")
            raise ValueError(f"unknown initialiser {init!r}: {nearest(meant, INITIALISERS)}")
        init = INITIALISERS[init]
    elif not callable(init):
        raise TypeError(
            f"an initialiser is a name or a function of (shape, *, rng, dtype), not {init!r}; "
            "e.g. 'glorot_uniform'"
        )
    value = np.asarray(init(shape, rng=rng, dtype=dtype), _dtype(dtype))
    if value.shape != tuple(shape):
        raise ValueError(
            f"the initialiser {getattr(init, '__name__', init)} returned an array of shape "
            f"{value.shape} where {tuple(shape)} is needed"
        )
    return value


def _uniform(
    bound: float, shape: tuple[int, ...], rng: _RNG, dtype: DTypeLike | None
) -> NDArray[Any]:
    return as_generator(rng).uniform(-bound, bound, shape).astype(_dtype(dtype))


def _fans(name: str, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return how many inputs a unit has, and to how many units an input goes."""
    if len(shape) != 2:
        raise ValueError(f"{name}: shape must be (inputs, outputs), not {shape}")
    # A layer without units has no weights to draw, and then any number will do.
    return max(1, shape[0]), max(1, shape[1])


def _dtype(dtype: DTypeLike | None) -> DTypeLike:
    return ag.get_default_dtype() if dtype is None else dtype
