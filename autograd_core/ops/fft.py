"""Fourier transforms: four in one dimension, and the others composed of them as NumPy does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..registry import defop, derived


def _fit(g: Any, length: int, axis: int) -> Any:
    """Cut the axis to ``length``, or fill it up with zeros: a transform's ``n``, transposed."""
    size = g.shape[axis]
    if size >= length:
        return g if size == length else _part(g, slice(length), axis)
    widths = [(0, 0)] * g.ndim
    widths[axis] = (0, length - size)
    return np.pad(g, widths)


def _part(x: Any, part: slice, axis: int) -> Any:
    index = [slice(None)] * x.ndim
    index[axis] = part
    return x[tuple(index)]


# The matrix of the transform is symmetric, whatever its norm.
defop(
    np.fft.fft,
    lambda g, _out, _a, n=None, axis=-1, norm=None: _fit(
        np.fft.fft(g, axis=axis, norm=norm), _a.shape[axis], axis
    ),
    kind="linear",
)
defop(
    np.fft.ifft,
    lambda g, _out, _a, n=None, axis=-1, norm=None: _fit(
        np.fft.ifft(g, axis=axis, norm=norm), _a.shape[axis], axis
    ),
    kind="linear",
)


def _rfft(g: Any, _out: Any, _a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """The first half of a transform: the matrix has its first rows, its transpose those columns.

    The engine takes the real part, which is what a real operand gets.
    """
    length = _a.shape[axis] if n is None else n
    return _fit(np.fft.fft(g, n=length, axis=axis, norm=norm), _a.shape[axis], axis)


defop(np.fft.rfft, _rfft, kind="linear")


def _irfft(g: Any, _out: Any, _a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """A frequency counts twice, for itself and its conjugate, but for the first and an even last.

    y[j] = Re(x[0]) + 2 sum over k of Re(x[k] exp(2πijk/n)) + (-1)^j Re(x[n/2]), times the norm.
    """
    half = np.fft.ihfft(g, axis=axis, norm=norm)
    last = half.shape[axis] - (g.shape[axis] % 2 == 0)
    ends = _part(half, slice(1), axis), _part(half, slice(max(last, 1), None), axis)
    twice = 2.0 * _part(half, slice(1, last), axis)
    return _fit(np.concatenate([ends[0], twice, ends[1]], axis=axis), _a.shape[axis], axis)


defop(np.fft.irfft, _irfft, kind="linear")

_SWAPPED = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def _swapped(norm: Any) -> Any:
    if norm not in _SWAPPED:
        raise ValueError(f'Invalid norm value {norm}; should be "backward", "ortho" or "forward".')
    return _SWAPPED[norm]


@derived(np.fft.hfft)
def hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """The transform of a signal of which half is given, the rest its conjugate; it is real."""
    return np.fft.irfft(np.conj(a), n=n, axis=axis, norm=_swapped(norm))


@derived(np.fft.ihfft)
def ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """The inverse of `hfft`."""
    return np.conj(np.fft.rfft(a, n=n, axis=axis, norm=_swapped(norm)))


# --- several dimensions -------------------------------------------------------------------------


def _plan(name: str, a: Any, s: Any, axes: Any) -> list[tuple[Any, int]]:
    """The length and axis of each one-dimensional transform; a length of None is the axis's."""
    if axes is None:
        if s is not None:
            raise ValueError(
                f"{name}: s without axes is deprecated in NumPy and will change its meaning; name "
                "the axes too"
            )
        axes = range(-a.ndim, 0)
    if len(axes) == 0 and name in ("rfftn", "irfftn"):
        raise IndexError(f"{name}: at least one axis is needed, to transform the real array")
    if s is None:
        # An axis that is named twice keeps its length, though `rfft` halves it in between.
        s = [a.shape[i] for i in axes] if name == "rfftn" else (None,) * len(axes)
    if len(s) != len(axes):
        raise ValueError(f"{name}: Shape and axes have different lengths.")
    # A length of -1 is that of the axis, which for irfftn is not its default.
    return [(a.shape[i] if n == -1 else n, i) for n, i in zip(s, axes, strict=True)]


def _each(function: Any, a: Any, plan: Sequence[tuple[Any, int]], norm: Any) -> Any:
    for n, axis in plan:
        a = function(a, n=n, axis=axis, norm=norm)
    return a


@derived(np.fft.fftn)
def fftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    """The transform along several axes, from the last to the first."""
    return _each(np.fft.fft, a, _plan("fftn", a, s, axes)[::-1], norm)


@derived(np.fft.ifftn)
def ifftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    """The inverse of `fftn`."""
    return _each(np.fft.ifft, a, _plan("ifftn", a, s, axes)[::-1], norm)


@derived(np.fft.rfftn)
def rfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    """The transform of a real array: `rfft` along the last of the axes, `fft` along the others."""
    *others, last = _plan("rfftn", a, s, axes)
    return _each(np.fft.fft, _each(np.fft.rfft, a, [last], norm), others[::-1], norm)


@derived(np.fft.irfftn)
def irfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    """The inverse of `rfftn`."""
    *others, last = _plan("irfftn", a, s, axes)
    return _each(np.fft.irfft, _each(np.fft.ifft, a, others, norm), [last], norm)


@derived(np.fft.fft2)
def fft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """`fftn` along two axes."""
    return np.fft.fftn(a, s=s, axes=axes, norm=norm)


@derived(np.fft.ifft2)
def ifft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """The inverse of `fft2`."""
    return np.fft.ifftn(a, s=s, axes=axes, norm=norm)


@derived(np.fft.rfft2)
def rfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """`rfftn` along two axes."""
    return np.fft.rfftn(a, s=s, axes=axes, norm=norm)


@derived(np.fft.irfft2)
def irfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """The inverse of `rfft2`."""
    return np.fft.irfftn(a, s=s, axes=axes, norm=norm)


defop(
    np.fft.fftshift,
    lambda g, _out, _x, axes=None: np.fft.ifftshift(g, axes=axes),
    kind="linear",
)
defop(
    np.fft.ifftshift,
    lambda g, _out, _x, axes=None: np.fft.fftshift(g, axes=axes),
    kind="linear",
)
