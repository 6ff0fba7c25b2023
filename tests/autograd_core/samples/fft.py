"""Samples of Fourier transforms."""

from __future__ import annotations

from hypothesis import strategies as st

from .base import Case, Draw, axis_of, numbers, one, sample_for, shapes

LENGTHS = st.integers(1, 6)
NORMS = st.sampled_from([None, "backward", "ortho", "forward"])


@sample_for(*(f"numpy.fft.{name}" for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")))
def transform(draw: Draw) -> Case:
    """Odd and even lengths; cut short, filled up with zeros, and as they are."""
    x = numbers(draw, (*shapes(draw, max_dims=1), draw(LENGTHS), *shapes(draw, max_dims=1)))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    # A half of length one says nothing of the whole.
    n = draw(LENGTHS if x.shape[axis] == 1 else st.one_of(st.none(), LENGTHS))
    return one(x, n=n, axis=axis, norm=draw(NORMS))


@sample_for(*(f"numpy.fft.{name}" for name in ("fft2", "ifft2", "rfft2", "irfft2")))
def in_two_dimensions(draw: Draw) -> Case:
    x = numbers(draw, (*shapes(draw, max_dims=1), draw(LENGTHS), draw(st.integers(2, 5))))
    s = draw(st.one_of(st.none(), st.tuples(LENGTHS, LENGTHS)))
    axes = (-2, -1) if s is None else draw(st.sampled_from([(-2, -1), (-1, -2)]))
    return one(x, s=s, axes=axes, norm=draw(NORMS))


@sample_for(*(f"numpy.fft.{name}" for name in ("fftn", "ifftn", "rfftn", "irfftn")))
def in_several_dimensions(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1, min_side=2))
    axes = draw(st.permutations(range(x.ndim)))[: draw(st.integers(1, x.ndim))]
    s = draw(
        st.one_of(
            st.none(),
            st.just([-1] * len(axes)),
            st.lists(LENGTHS, min_size=len(axes), max_size=len(axes)),
        )
    )
    if s is None and draw(st.booleans()):
        return one(x, norm=draw(NORMS))
    return one(x, s=s, axes=axes, norm=draw(NORMS))


@sample_for("numpy.fft.fftshift", "numpy.fft.ifftshift")
def shift(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    return one(x, axes=axis_of(draw, x.ndim))
