"""Fourier transforms: every length and norm, against PyTorch, and NumPy's parameters and errors."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import autograd_core as ag

NORMS = [None, "backward", "ortho", "forward"]
REAL_INPUT = ("rfft", "ihfft", "rfftn", "rfft2")


def random(shape: Any, real: bool, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape)
    return x if real else x + 1j * rng.normal(size=shape)


def pulled(f: Any, x: Any, g: Any) -> Any:
    t = ag.Tensor(x, requires_grad=True)
    f(t).backward(g)
    return t.grad


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_one_dimension_is_pytorchs(name: str, norm: Any) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = getattr(np.fft, name), getattr(torch.fft, name)
    for m in (1, 2, 3, 4):
        for n in (None, 1, 2, 5, 6):
            if m == 1 and n is None and name in ("irfft", "hfft"):
                continue
            x = random((m, 2), name in REAL_INPUT, m)
            y = ours(x, n=n, axis=0, norm=norm)
            g = random(y.shape, y.dtype.kind == "f", 9)
            leaf = torch.tensor(x, requires_grad=True)
            theirs(leaf, n=n, dim=0, norm=norm or "backward").backward(torch.tensor(g))
            got = pulled(lambda t, n=n: ours(t, n=n, axis=0, norm=norm), x, g)
            expected = leaf.grad.resolve_conj().numpy()
            if name in ("irfft", "hfft"):
                # The imaginary parts of the first frequency, and of an even last, are not read.
                ours_last = (y.shape[0]) // 2
                unread = [0] + ([ours_last] if y.shape[0] % 2 == 0 and ours_last < m else [])
                np.testing.assert_allclose(got.imag[unread], 0.0, atol=1e-14)
                expected = expected.copy()
                expected.imag[unread] = 0.0
            np.testing.assert_allclose(got, expected, atol=1e-13)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(
    "name", ["fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn"]
)
def test_several_dimensions_are_adjoint(name: str, norm: Any) -> None:
    """Re <u, F t> = Re <Fᵀ u, t> for every way to name lengths and axes; values are NumPy's."""
    f = getattr(np.fft, name)
    ways: list[dict[str, Any]] = [
        {}, {"axes": (0, 1)}, {"axes": (1, 0)}, {"axes": (-1, 0)}, {"s": (3, 6), "axes": (0, 2)},
        {"s": (-1, 3), "axes": (1, 2)}, {"s": (5, -1), "axes": (0, 1)},
    ]  # fmt: skip
    if name.endswith("n"):
        ways += [{"axes": (1,)}, {"axes": (2, 0, 1), "s": (3, 4, 5)}, {"axes": [0, 0]}]
    for kwargs in ways:
        x, t = (random((3, 4, 5), name in REAL_INPUT, seed) for seed in (0, 1))
        if name == "rfftn" and kwargs.get("axes") == [0, 0]:
            continue  # the second time along the axis it is complex
        y = f(x, norm=norm, **kwargs)
        u = random(y.shape, y.dtype.kind == "f", 2)
        tensor = ag.Tensor(x, requires_grad=True)
        z = f(tensor, norm=norm, **kwargs)
        np.testing.assert_array_equal(z.detach().numpy(), y)
        z.backward(u)
        pushed = np.sum(np.conj(u) * f(t, norm=norm, **kwargs)).real
        assert np.sum(np.conj(tensor.grad) * t).real == pytest.approx(pushed, rel=1e-10, abs=1e-10)


def test_energy_is_kept() -> None:
    """Parseval: the gradient of the energy of the spectrum is n times that of the signal's."""
    x = random(7, real=True)
    for f, weights in ((np.fft.fft, 1.0), (np.fft.rfft, [1.0, 2.0, 2.0, 2.0])):
        energy = ag.grad(lambda t, f=f, w=weights: ag.sum(np.absolute(f(t)) ** 2 * w))
        np.testing.assert_allclose(energy(x), 2 * 7 * x)
        along = ag.grad(lambda t, e=energy: ag.sum(e(t) * np.arange(7.0)))
        np.testing.assert_allclose(along(x), 14.0 * np.arange(7.0), atol=1e-12)


def test_convolution_through_the_spectrum() -> None:
    """With zeros filled in, the product of spectra is the convolution, and so are its gradients."""
    x, y = random(5, real=True), random(3, real=True, seed=1)
    g = random(7, real=True, seed=2)

    def by_spectra(a: Any, b: Any) -> Any:
        return np.fft.irfft(np.fft.rfft(a, n=7) * np.fft.rfft(b, n=7), n=7)

    np.testing.assert_allclose(by_spectra(x, y), np.convolve(x, y))
    got = ag.grad(lambda a, b: ag.sum(by_spectra(a, b) * g), (0, 1))(x, y)
    np.testing.assert_allclose(got[0], np.correlate(g, y, "valid"))
    np.testing.assert_allclose(got[1], np.correlate(g, x, "valid"))


@pytest.mark.parametrize("axes", [None, 0, -1, (0, 1), [1]])
def test_shifts_undo_each_other(axes: Any) -> None:
    x, g = random((3, 4), real=False), random((3, 4), real=False, seed=1)
    for there, back in ((np.fft.fftshift, np.fft.ifftshift), (np.fft.ifftshift, np.fft.fftshift)):
        np.testing.assert_array_equal(pulled(lambda t, f=there: f(t, axes), x, g), back(g, axes))


@pytest.mark.parametrize("dtype", ["float16", "float32", "complex64"])
def test_single_precision_stays(dtype: str) -> None:
    x = random((4,), real=True).astype(dtype)
    names = ["fft", "ifft", "irfft", "hfft"] + ["rfft", "ihfft"] * (dtype != "complex64")
    for name in names:
        f = getattr(np.fft, name)
        t = ag.Tensor(x, requires_grad=True)
        y = f(t)
        assert y.dtype == f(x).dtype
        y.backward(np.ones(y.shape, y.dtype))
        assert t.grad.dtype == dtype


def test_a_real_transform_refuses_complex_numbers() -> None:
    t = ag.Tensor(random(4, real=False), requires_grad=True)
    for f in (np.fft.rfft, np.fft.rfftn, np.fft.ihfft):
        with pytest.raises(TypeError, match="rfft"):
            f(t)


def test_bad_parameters() -> None:
    t = ag.Tensor(random((3, 4), real=True), requires_grad=True)
    with pytest.raises(ValueError, match="number of FFT data points"):
        np.fft.fft(t, n=0)
    for f in (np.fft.fft, np.fft.hfft, np.fft.ihfft, np.fft.rfftn):
        with pytest.raises(ValueError, match="Invalid norm value"):
            f(t, norm="unit")
    with pytest.raises(ValueError, match="Shape and axes have different lengths"):
        np.fft.fft2(t, s=(2,), axes=(0, 1))
    with pytest.raises(ValueError, match="fftn: s without axes"):
        np.fft.fftn(t, s=(2, 2))
    for f in (np.fft.fft, np.fft.irfft):
        with pytest.raises((IndexError, ValueError), match="out of (range|bounds)"):
            f(t, axis=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert np.fft.fftn(t.detach(), s=(2, 2)).shape == (2, 2)  # not tracked: NumPy's answer


def test_the_namespace() -> None:
    from autograd_core import fft

    x = random(4, real=True)
    np.testing.assert_array_equal(fft.fft(x), np.fft.fft(x))
    assert type(fft.rfft(ag.Tensor(x))) is ag.Tensor
    np.testing.assert_array_equal(fft.fftfreq(5, 0.1), np.fft.fftfreq(5, 0.1))
    assert set(np.fft.__all__) - {"test"} <= set(fft.__all__)


@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn"])
@pytest.mark.parametrize("axes", [(1, 1), (0, 1, 0), (-1, 0, 1)])
def test_an_axis_may_be_named_twice(name: str, axes: Any) -> None:
    x = random((3, 4), True)
    f = getattr(np.fft, name)
    expected = f(x, axes=axes)
    y = f(ag.Tensor(x, requires_grad=True), axes=axes)
    np.testing.assert_allclose(y.detach().numpy(), expected)
    g, v = random(expected.shape, True, 1), random(x.shape, True, 2)
    change = np.sum(np.real(f(v, axes=axes)) * g)  # it is linear
    assert np.sum(pulled(lambda t: np.real(f(t, axes=axes)), x, g) * v) == pytest.approx(change)


@pytest.mark.parametrize("name", ["rfftn", "irfftn"])
def test_a_real_transform_needs_an_axis(name: str) -> None:
    with pytest.raises(IndexError, match=name):
        getattr(np.fft, name)(ag.Tensor(np.ones((3, 4)), requires_grad=True), axes=())
