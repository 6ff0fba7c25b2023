"""Fourier transforms under NumPy's names: ``autograd_core.fft.rfft``."""

from __future__ import annotations

from .creation import fftfreq, rfftfreq
from .methods import namespace

globals().update({_name: _op.function for _name, _op in namespace("numpy.fft").items()})

__all__ = ["fftfreq", "rfftfreq", *namespace("numpy.fft")]
