"""The namespace follows the array API standard: every function of it, by the strict reference.

Each call below is written as the standard has it, and made twice: with the functions and arrays of
``array_api_strict``, and with this package and tensors.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core import Tensor

ROOT = Path(__file__).resolve().parent.parent.parent

rng = np.random.default_rng(3)
_square = rng.normal(size=(3, 3))
VALUES: dict[str, Any] = {
    "f": rng.normal(size=(3, 4)),
    "g": rng.normal(size=(3, 4)),
    "h": rng.normal(size=(3, 4)).astype(np.float32),
    "p": rng.uniform(0.1, 0.9, size=(3, 4)),  # within the domain of every function
    "v": rng.normal(size=3),
    "w": rng.normal(size=3),
    "s": _square @ _square.T + np.eye(3),  # symmetric, positive definite
    "m": rng.normal(size=(2, 3, 3)),
    "i": rng.integers(-5, 6, size=(3, 4), dtype=np.int16),
    "k": rng.integers(1, 4, size=(3, 4), dtype=np.int16),
    "u": rng.integers(0, 9, size=(3, 4), dtype=np.uint8),
    "n": np.array([2, 0, 1]),
    "b": rng.random((3, 4)) < 0.5,
    "a": rng.random((3, 4)) < 0.5,
    "c": rng.normal(size=(3, 4)) + 1j * rng.normal(size=(3, 4)),
    "d": (rng.normal(size=(3, 4)) + 1j * rng.normal(size=(3, 4))).astype(np.complex64),
    "z": np.array([0.5, np.nan, -np.inf, -0.0]),
    "t": np.array([2.0, 1.0, 2.0, 1.0, 3.0]),  # with ties
}

TEXT = """
xp.arange(3)  xp.arange(1, 7, 2)  xp.arange(0.0, 1.0, 0.25)  xp.arange(3, dtype=xp.float32)
xp.asarray(3)  xp.asarray(3.0)  xp.asarray(1j)  xp.asarray(True)  xp.asarray([[1, 2], [3, 4]])
xp.asarray([1.0, 2], dtype=xp.float32)  xp.asarray(f)  xp.asarray(f, copy=True)
xp.asarray(f, copy=False)  xp.asarray(i, dtype=xp.float64)  xp.zeros((2, 3))
xp.zeros(3, dtype=xp.int8)  xp.zeros_like(h)  xp.zeros_like(f, dtype=xp.bool)  xp.ones((2, 3))
xp.ones(())  xp.ones_like(i)  xp.ones_like(h, dtype=xp.complex64)  xp.full((2,), 3)
xp.full((2,), 3.0)  xp.full((2,), 1j)  xp.full((2,), True)  xp.full(2, 3, dtype=xp.float32)
xp.full_like(f, 2.0)  xp.full_like(i, 2)  xp.eye(3)  xp.eye(2, 4, k=1, dtype=xp.int32)
xp.empty((0, 3))  xp.empty_like(f[:0, :])  xp.linspace(0.0, 1.0, 5)
xp.linspace(0, 3, num=3, endpoint=False, dtype=xp.float32)  xp.linspace(0, 1j, 3)  xp.tril(f)
xp.tril(m, k=-1)  xp.triu(f, k=1)  xp.triu(i)  xp.meshgrid(v, w)  xp.meshgrid(v, w, indexing="ij")
xp.from_dlpack(f)

xp.astype(i, xp.float32)  xp.astype(f, xp.int64)  xp.astype(f, xp.float64, copy=False)
xp.astype(h, xp.complex128)  xp.can_cast(xp.int64, xp.int8)  xp.can_cast(f, xp.float32)
xp.can_cast(xp.int8, xp.int16)  xp.finfo(xp.float32).bits  xp.finfo(h).eps  xp.finfo(d).max
xp.finfo(f).min  xp.finfo(xp.float64).smallest_normal  xp.iinfo(xp.int8).min  xp.iinfo(u).max
xp.iinfo(xp.uint64).bits  xp.isdtype(xp.float32, "real floating")
xp.isdtype(xp.int8, ("bool", xp.int8))  xp.isdtype(xp.bool, "numeric")
xp.result_type(xp.int8, xp.uint8)  xp.result_type(h, f)  xp.result_type(h, 1.0)
xp.result_type(i, 1, xp.int64)  xp.broadcast_to(v, (2, 3))  xp.broadcast_arrays(f, v[:, None])

xp.abs(f)  xp.abs(i)  xp.abs(d)  xp.acos(p)  xp.acosh(1 + p)  xp.add(f, h)  xp.add(h, 1.0)
xp.add(1, i)  xp.asin(p)  xp.asinh(h)  xp.atan(f)  xp.atan2(f, g)  xp.atanh(p)
xp.bitwise_and(i, k)  xp.bitwise_left_shift(i, k)  xp.bitwise_invert(b)  xp.bitwise_or(b, a)
xp.bitwise_right_shift(i, 1)  xp.bitwise_xor(u, 3)  xp.ceil(f)  xp.ceil(i)  xp.clip(f, -0.5, 0.5)
xp.clip(f, min=0.0)  xp.clip(h, max=0.5)  xp.clip(i, 0, 3)  xp.clip(f, 0.0)  xp.clip(f, None, g)
xp.conj(c)  xp.copysign(f, g)  xp.copysign(f, -1.0)  xp.cos(f)  xp.cosh(h)  xp.divide(f, p)
xp.divide(1.0, p)  xp.equal(i, k)  xp.equal(f, 0.0)  xp.exp(f)  xp.exp(d)  xp.expm1(h)  xp.floor(f)
xp.floor(u)  xp.floor_divide(f, p)  xp.floor_divide(i, k)  xp.greater(f, g)  xp.greater_equal(i, 0)
xp.hypot(f, g)  xp.imag(c)  xp.isfinite(z)  xp.isfinite(i)  xp.isinf(z)  xp.isnan(z)  xp.less(f, g)
xp.less_equal(0.0, f)  xp.log(p)  xp.log1p(p)  xp.log2(p)  xp.log10(p)  xp.logaddexp(f, g)
xp.logical_and(a, b)  xp.logical_not(b)  xp.logical_or(a, True)  xp.logical_xor(a, b)
xp.maximum(f, g)  xp.maximum(h, 0.0)  xp.minimum(i, k)  xp.multiply(f, c)  xp.multiply(2, u)
xp.negative(i)  xp.nextafter(h, h + 1)  xp.nextafter(f, 1.0)  xp.not_equal(f, g)  xp.positive(f)
xp.pow(p, f)  xp.pow(i, 2)  xp.pow(2.0, h)  xp.real(d)  xp.reciprocal(p)  xp.remainder(f, p)
xp.remainder(i, k)  xp.round(f * 3)  xp.round(i)  xp.round(c)  xp.sign(f)  xp.sign(i)  xp.sign(c)
xp.signbit(z)  xp.sin(f)  xp.sinh(f)  xp.square(h)  xp.sqrt(p)  xp.subtract(f, v[:, None])
xp.tan(p)  xp.tanh(c)  xp.trunc(f)  xp.trunc(i)

xp.fft.fft(c)  xp.fft.fft(d, n=6, axis=0, norm="ortho")  xp.fft.ifft(c, axis=-1)  xp.fft.fftn(c)
xp.fft.fftn(c, s=(2, 2), axes=(0, 1))  xp.fft.ifftn(c, norm="forward")  xp.fft.rfft(h)
xp.fft.rfft(f, n=5)  xp.fft.irfft(c, n=5)  xp.fft.rfftn(f)  xp.fft.irfftn(c)  xp.fft.hfft(c)
xp.fft.ihfft(f)  xp.fft.fftfreq(5)  xp.fft.fftfreq(4, d=0.5, dtype=xp.float32)
xp.fft.rfftfreq(5, device=None)  xp.fft.fftshift(f)  xp.fft.fftshift(f, axes=0)
xp.fft.ifftshift(f)

xp.take(f, n, axis=0)  xp.take(v, n)  xp.take_along_axis(f, n[:, None], axis=1)

xp.linalg.cholesky(s)  xp.linalg.cholesky(s, upper=True)  xp.linalg.cross(v, w)  xp.linalg.det(m)
xp.linalg.diagonal(m, offset=1)  xp.abs(xp.linalg.eigh(s).eigenvectors)
xp.linalg.eigh(s).eigenvalues  xp.linalg.eigvalsh(s)  xp.linalg.inv(m)  xp.linalg.matmul(m, f)
xp.linalg.matrix_norm(m)  xp.linalg.matrix_norm(s, ord=2, keepdims=True)
xp.linalg.matrix_norm(f, ord="nuc")  xp.linalg.matrix_norm(f, ord=-1)  xp.linalg.matrix_power(s, 3)
xp.linalg.matrix_power(m, -1)  xp.linalg.matrix_rank(m)  xp.linalg.matrix_rank(f, rtol=0.1)
xp.linalg.matrix_transpose(m)  xp.linalg.outer(v, w)  xp.linalg.pinv(f)
xp.linalg.pinv(m, rtol=0.01)  xp.abs(xp.linalg.qr(f).Q)  xp.abs(xp.linalg.qr(f).R)
xp.linalg.qr(f, mode="complete").R.shape  xp.linalg.slogdet(s).sign  xp.linalg.slogdet(m).logabsdet
xp.linalg.solve(s, f)  xp.linalg.solve(m, v)  xp.linalg.svd(f, full_matrices=False).S
xp.abs(xp.linalg.svd(f).Vh[:3, :])  xp.abs(xp.linalg.svd(f).U)  xp.linalg.svdvals(m)
xp.linalg.tensordot(m, f, axes=1)  xp.linalg.trace(m)  xp.linalg.trace(f, offset=1)
xp.linalg.trace(h, dtype=xp.float64)  xp.linalg.vecdot(f, g)  xp.linalg.vecdot(c, d, axis=-2)
xp.linalg.vector_norm(f)  xp.linalg.vector_norm(m, axis=(0, 2), keepdims=True)
xp.linalg.vector_norm(f, axis=1, ord=1)  xp.linalg.vector_norm(f, axis=1, ord=float("inf"))
xp.linalg.vector_norm(c, ord=3)  xp.matmul(s, f)  xp.matmul(m, v)  xp.matrix_transpose(f)
xp.tensordot(f, g, axes=2)  xp.tensordot(f, g, axes=((0,), (0,)))  xp.vecdot(f, g)
xp.vecdot(f, g, axis=-2)

xp.concat([f, g], axis=1)  xp.concat((f, h), axis=None)  xp.expand_dims(f, axis=1)  xp.flip(f)
xp.flip(f, axis=0)  xp.moveaxis(m, 0, -1)  xp.permute_dims(m, (2, 0, 1))  xp.repeat(f, 2)
xp.repeat(f, n, axis=0)  xp.reshape(f, (2, -1))  xp.reshape(f, (12,), copy=True)
xp.reshape(f, (12,), copy=False)  xp.roll(f, 1)  xp.roll(f, (1, 2), axis=(0, 1))
xp.squeeze(v[:, None], axis=1)  xp.stack([f, g])  xp.stack([v, w], axis=1)  xp.tile(v, (2, 2))
xp.unstack(m)  xp.unstack(f, axis=1)

xp.argmax(f)  xp.argmax(f, axis=1, keepdims=True)  xp.argmin(i, axis=0)  xp.count_nonzero(i)
xp.count_nonzero(b, axis=0, keepdims=True)  xp.nonzero(b)  xp.searchsorted(xp.sort(v), w)
xp.searchsorted(v, w, side="right", sorter=xp.argsort(v))  xp.where(b, f, g)  xp.where(b, f, 0.0)
xp.where(b, 1, u)  xp.where(b, h, f)

xp.unique_all(t)  xp.unique_counts(u)  xp.unique_inverse(t).values  xp.unique_values(t)
xp.argsort(t)  xp.argsort(t, descending=True)  xp.argsort(f, axis=0, stable=False)  xp.sort(f)
xp.sort(f, axis=0, descending=True)  xp.sort(u, stable=False)
xp.sort(f, axis=-1, descending=True, stable=True)

xp.cumulative_prod(f, axis=1)  xp.cumulative_prod(v, include_initial=True)
xp.cumulative_sum(f, axis=0)  xp.cumulative_sum(u, axis=1)
xp.cumulative_sum(h, axis=1, include_initial=True)  xp.cumulative_sum(v, dtype=xp.complex128)
xp.max(f)  xp.max(f, axis=0)  xp.max(i, axis=(0, 1), keepdims=True)  xp.mean(f)  xp.mean(h, axis=1)
xp.mean(c, axis=0)  xp.min(f, axis=1)  xp.prod(f)  xp.prod(u)  xp.prod(h, axis=0, dtype=xp.float64)
xp.std(f)  xp.std(h, axis=1, correction=1.0, keepdims=True)  xp.sum(f)  xp.sum(i)
xp.sum(u, axis=0)  xp.sum(h, axis=(0, 1))  xp.sum(h, dtype=xp.float64)  xp.sum(i, dtype=xp.int32)
xp.var(f, axis=0)  xp.var(f, axis=(0, 1), correction=1)  xp.all(b)  xp.all(f, axis=1)
xp.any(b, axis=0, keepdims=True)  xp.diff(f)  xp.diff(f, axis=0, n=2)
xp.diff(f, axis=1, prepend=v[:, None], append=None)  xp.e  xp.pi  xp.inf  xp.newaxis

f + 1  1 - f  f * h  f / p  -f  +f  abs(f)  f**2  f // p  f % p  f < g  f == g  i & k  i | 1  ~i
i ^ k  i << k  i >> 1  s @ f  2.0**h  i // 2  u + 1  h * 2.0  b | a  f.T  f.mT  f.ndim  f.shape
f.size  f[0, :]  f[..., None]  f[::-1, 1:3]  f[b]  f[n, n]  f[n[:, None], n]  v[n]  float(f[0, 0])
int(i[1, 1])  bool(b[0, 0])  complex(c[0, 1])  [2, 4, 6][n[0]]  f.to_device(f.device)
"""
CALLS = [call for line in TEXT.split("\n") for call in line.split("  ") if call]
if not hasattr(np, "unstack"):  # NumPy 2.0
    CALLS = [call for call in CALLS if not re.search("unstack|cumulative_", call)]

# Their results are no array, or have no gradient even where the arguments are tracked.
NO_GRADIENT = re.compile(
    r"(zeros|ones|empty)_like|full_like|from_dlpack|to_device|xp.int64|argmax|argmin|argsort|signbit|"
    r"can_cast|result_type|finfo|equal|greater|less|isfinite|isnan|isinf|isdtype|nextafter|"
    r"xp.all|xp.any|matrix_rank|sign$|searchsorted|logical|count_nonzero| [<=]=? |float\(|complex\("
    r"|ndim|shape|size"
)


# Of the standard's next version.
LATER = {"broadcast_shapes", "isin"}


@pytest.fixture(scope="module")
def strict() -> Any:
    """The standard's reference, at the version that the namespace claims."""
    strict = pytest.importorskip("array_api_strict", minversion="2.3")
    with strict.ArrayAPIStrictFlags(api_version=ag.__array_api_version__):
        yield strict


def evaluate(call: str, xp: Any, asarray: Any) -> Any:
    names = {
        name: asarray(value)
        for name, value in VALUES.items()
        if re.search(rf"\b{name}\b(?!=)", call)
    }
    return eval(call, {"xp": xp, **names})


def arrays(value: Any) -> list[Any]:
    """The parts of a result as plain values."""
    if isinstance(value, tuple | list):
        return [part for v in value for part in arrays(v)]
    is_array = type(value) is Tensor or type(value).__module__.startswith("array_api_strict.")
    return [np.asarray(value) if is_array and hasattr(value, "shape") else value]


def same(mine: Any, theirs: Any) -> None:
    if isinstance(theirs, np.ndarray):
        assert isinstance(mine, np.ndarray)
        assert mine.dtype == theirs.dtype
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, rtol=2e-5, atol=1e-6)
    else:
        # array_api_strict has dtype objects of its own.
        theirs = getattr(theirs, "_np_dtype", theirs)
        assert mine == theirs or mine is theirs
        assert isinstance(mine, np.dtype) or type(mine) is type(theirs)


@pytest.mark.parametrize("call", CALLS)
def test_every_call_gives_what_the_standard_says(call: str, strict: Any) -> None:
    mine = arrays(evaluate(call, ag, Tensor))
    theirs = arrays(evaluate(call, strict, strict.asarray))
    assert len(mine) == len(theirs)
    for x, y in zip(mine, theirs, strict=True):
        same(x, y)


def test_tensors_come_out() -> None:
    for call in CALLS:
        if NO_GRADIENT.search(call) is None or "_like" in call:
            result = evaluate(call, ag, Tensor)
            for part in result if isinstance(result, tuple | list) else [result]:
                assert isinstance(part, Tensor | int | float | bool | complex | None), call


def test_no_function_of_the_standard_is_forgotten(strict: Any) -> None:
    for module, prefix in ((strict, ""), (strict.linalg, "linalg."), (strict.fft, "fft.")):
        for name in module.__all__:
            if name in LATER or re.search("rray_api|ArrayAPI|Device|^__", name):
                continue
            if callable(getattr(module, name)):
                if isinstance(getattr(module, name), type(strict.float32)):
                    continue
                assert any(call.find(f"xp.{prefix}{name}(") >= 0 for call in CALLS), name
                assert callable(eval(f"ag.{prefix}{name}")), name


def test_signatures(strict: Any) -> None:
    """Every parameter that the standard passes by name has that name, and a default if there."""
    for module, mine in ((strict, ag), (strict.linalg, ag.linalg), (strict.fft, ag.fft)):
        for name in module.__all__:
            theirs = getattr(module, name)
            if not inspect.isfunction(theirs) or "flags" in name:
                continue
            have = inspect.signature(getattr(mine, name)).parameters
            for key, parameter in inspect.signature(theirs).parameters.items():
                if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD):
                    assert key in have, f"{name}({key}=)"
                    has_default = have[key].default is not parameter.empty
                    assert has_default or parameter.default is parameter.empty, f"{name}({key}=)"


def weighted_sum(result: Any) -> Any:
    """A number that depends on all parts of a result, and what of it is tracked."""
    total: Any = 0.0
    for k, part in enumerate(result if isinstance(result, tuple | list) else [result]):
        if type(part) is Tensor and part.dtype.kind in "fc":
            weights = np.cos(np.arange(part.size) + k).reshape(part.shape)
            weighted = part * weights
            total = total + np.sum(np.real(weighted) + 0.5 * np.imag(weighted))
    return total


@pytest.mark.parametrize(
    "call", [c for c in CALLS if re.search(r"\b[fgpvwsm]\b(?!=)", c) and not NO_GRADIENT.search(c)]
)
def test_every_call_is_differentiable(call: str) -> None:
    names = [name for name in "fgpvwsm" if re.search(rf"\b{name}\b(?!=)", call)]
    leaves = {name: Tensor(VALUES[name], requires_grad=True) for name in names}

    def loss(values: dict[str, Any]) -> Any:
        others = {name: Tensor(value) for name, value in VALUES.items() if name not in values}
        return weighted_sum(eval(call, {"xp": ag, **others, **values}))

    total = loss(leaves)
    if not (type(total) is Tensor and total.requires_grad):
        assert re.search(r"xp\.(ceil|floor|round|trunc|sign)\(", call), "cut from the graph"
        return
    total.backward()
    step = 1e-6
    for name in names:
        direction = np.sin(np.arange(VALUES[name].size) + 1.0).reshape(VALUES[name].shape)
        if name == "s":
            direction = direction + direction.T
        ends = [
            float(
                loss({n: Tensor(VALUES[n] + (h * direction if n == name else 0.0)) for n in names})
            )
            for h in (step, -step)
        ]
        expected = (ends[0] - ends[1]) / (2 * step)
        gradient = leaves[name].grad
        found = 0.0 if gradient is None else float(np.sum(gradient * direction))
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-6), name


@pytest.mark.slow
@pytest.mark.parametrize(("library", "calls"), [("scipy", 95), ("sklearn", 60)])
def test_libraries_that_know_nothing_of_tensors(library: str, calls: int) -> None:
    """SciPy and scikit-learn on tensors: NumPy's results, and gradients as by differences."""
    pytest.importorskip(library)
    script = Path(__file__).with_name("consumers.py")
    env = {**os.environ, "SCIPY_ARRAY_API": "1", "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, script, library], env=env, capture_output=True, text=True, check=True
    )
    report = json.loads(run.stdout)
    assert report["wrong"] == {}
    assert report["calls"] >= calls


class TestNamespace:
    def test_version(self) -> None:
        t = Tensor([1.0])
        assert t.__array_namespace__() is ag
        assert t.__array_namespace__(api_version="2024.12") is ag
        with pytest.raises(ValueError, match=r"2099.*known: .*2024\.12"):
            t.__array_namespace__(api_version="2099.12")

    def test_inspection(self) -> None:
        info = ag.__array_namespace_info__()
        assert info.capabilities()["boolean indexing"]
        assert info.devices() == [info.default_device()] == ["cpu"]
        assert info.default_dtypes()["complex floating"] == np.complex128
        assert list(info.dtypes(kind="real floating")) == ["float32", "float64"]
        assert len(info.dtypes()) == 13
        with ag.default_dtype("float32"):
            assert info.default_dtypes()["complex floating"] == ag.complex64
        with pytest.raises(ValueError, match="device 'gpu'"):
            info.dtypes(device="gpu")

    def test_every_name_of_the_table_in_numpy_is_here(self) -> None:
        for module, mine in ((np, ag), (np.linalg, ag.linalg), (np.fft, ag.fft)):
            for name, value in vars(module).items():
                if callable(value) and value in ag.OPS:
                    assert callable(getattr(mine, name)), name

    def test_arrays_in_arrays_out(self) -> None:
        x = np.array([[3.0, 1.0, 2.0]])
        for call in (
            ag.sort, ag.argsort, ag.acos, ag.linalg.pinv, ag.fft.fft, ag.diff, ag.expand_dims,
            ag.unique_values, lambda v: ag.clip(v, 0.0), lambda v: ag.astype(v, ag.float32),
        ):  # fmt: skip
            with np.errstate(all="ignore"):
                assert type(call(x)) is np.ndarray
                assert type(call(Tensor(x))) is Tensor
        assert type(ag.count_nonzero(x)) is type(np.count_nonzero(x))
        assert type(ag.zeros_like(x)) is Tensor  # what creates gives tensors

    def test_import_is_light(self) -> None:
        code = "import sys, autograd_core; print({'scipy', 'dask', 'sklearn'} & set(sys.modules))"
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
        )
        assert run.stdout.strip() == "set()"


class TestCreation:
    @pytest.mark.parametrize(
        "make",
        [
            lambda **k: ag.zeros(3, **k), lambda **k: ag.ones(3, **k), lambda **k: ag.empty(3, **k),
            lambda **k: ag.full(3, 2.0, **k), lambda **k: ag.eye(3, **k),
            lambda **k: ag.linspace(0, 1, 3, **k), lambda **k: ag.arange(3.0, **k),
            lambda **k: ag.asarray([1.0], **k), lambda **k: ag.full_like([1.0], 2.0, **k),
            lambda **k: ag.ones_like(Tensor([1.0]), **k),
        ],
    )  # fmt: skip
    def test_requires_grad_dtype_and_device(self, make: Any) -> None:
        t = make(requires_grad=True, device="cpu")
        assert t.requires_grad
        assert t.is_leaf
        assert make(dtype="complex64").dtype == np.complex64
        assert not make().requires_grad
        with pytest.raises(ValueError, match="device 'cuda'"):
            make(device="cuda")

    def test_floats_get_the_default_dtype(self) -> None:
        with ag.default_dtype("float32"):
            made = [
                ag.zeros(2), ag.ones(2), ag.empty(2), ag.full(2, 1.0), ag.eye(2),
                ag.linspace(0, 1, 3), ag.arange(0.0, 1.0, 0.5),
                ag.asarray(1.0), ag.asarray([1.0]), ag.fft.fftfreq(4),
                ag.fft.rfftfreq(4),
            ]  # fmt: skip
            assert {t.dtype for t in made} == {np.dtype("float32")}
            assert ag.full(2, 1j).dtype == ag.linspace(0, 1j, 3).dtype == np.complex64
            assert ag.full(2, 1).dtype == ag.arange(2).dtype == np.int64
            assert ag.full(2, np.float64(1)).dtype == np.float64

    def test_gradients_through_what_is_made_of_tensors(self) -> None:
        start, stop = (Tensor(x, requires_grad=True) for x in (1.0, 2.0))
        ag.linspace(start, stop, 5)[1].backward()
        assert (float(start.grad), float(stop.grad)) == (0.75, 0.25)
        stop.zero_grad()
        ag.linspace(start, stop, 5)[-1].backward()
        assert float(stop.grad) == 1.0
        value = Tensor(3.0, requires_grad=True)
        (ag.full((2, 3), value) * 2).sum().backward()
        assert float(value.grad) == 12.0
        ag.full_like(np.zeros(4), value, dtype="float32").sum().backward()
        assert float(value.grad) == 16.0

    @pytest.mark.parametrize("endpoint", [True, False])
    @pytest.mark.parametrize("num", [0, 1, 2, 7])
    def test_linspace_of_tensors_is_numpys(self, num: int, endpoint: bool) -> None:
        for ends in ((-1.3, 2.9), (np.array([0.1, 2.0]), 1), (1, 4), (1 + 2j, 0.0)):
            mine = ag.linspace(Tensor(ends[0]), ends[1], num, endpoint)
            np.testing.assert_array_equal(mine, np.linspace(*ends, num, endpoint))

    def test_asarray_shares_or_copies(self) -> None:
        values = np.zeros(2)
        shared, copied = ag.asarray(values), ag.asarray(values, copy=True)
        values[0] = 1.0
        assert shared.tolist() == [1.0, 0.0]
        assert copied.tolist() == [0.0, 0.0]
        t = Tensor([1.0], requires_grad=True)
        assert ag.asarray(t) is t
        copy = ag.asarray(t, copy=True)
        copy.backward()
        assert t.grad.tolist() == [1.0]
        assert ag.asarray(values, copy=False).shape == (2,)
        for what, dtype in (([1.0], None), (values, "float32")):
            with pytest.raises(ValueError, match="leave out copy=False"):
                ag.asarray(what, dtype, copy=False)

    def test_arange_of_a_tracked_bound_is_refused(self) -> None:
        assert ag.arange(Tensor(3)).tolist() == [0, 1, 2]
        with pytest.raises(TypeError, match="requires a gradient"):
            ag.arange(Tensor(3.0, requires_grad=True))


class TestDlpack:
    def test_memory_is_shared_with_other_libraries(self) -> None:
        t = Tensor([1.0, 2.0])
        array = np.from_dlpack(t)
        assert np.shares_memory(array, t.data)
        assert t.__dlpack_device__() == np.zeros(1).__dlpack_device__()
        assert ag.from_dlpack(t).tolist() == [1.0, 2.0]
        assert not np.shares_memory(ag.from_dlpack(t, copy=True).data, t.data)

    def test_a_tracked_tensor_is_refused(self) -> None:
        t = Tensor([1.0], requires_grad=True, name="w")
        with pytest.raises(BufferError, match=r"'w'.*t\.detach\(\)"):
            np.from_dlpack(t)
        assert np.from_dlpack(t.detach()).tolist() == [1.0]

    @pytest.mark.slow
    def test_torch(self) -> None:
        torch = pytest.importorskip("torch")
        assert torch.from_dlpack(Tensor([1.0, 2.0])).tolist() == [1.0, 2.0]
        assert ag.from_dlpack(torch.arange(3.0)).dtype == np.float32

    def test_devices(self) -> None:
        t = Tensor([1.0], requires_grad=True)
        assert t.device == "cpu"
        assert t.to_device("cpu") is t
        with pytest.raises(ValueError, match="cannot go to 'gpu'"):
            t.to_device("gpu")


class TestFunctions:
    def test_descending_order_keeps_equal_elements_in_order(self) -> None:
        t = Tensor([2.0, 1.0, 2.0, 1.0, 3.0])
        assert ag.argsort(t, descending=True).tolist() == [4, 0, 2, 1, 3]
        x = Tensor([1.0, 3.0, 2.0], requires_grad=True)
        (ag.sort(x, descending=True) * np.array([1.0, 10.0, 100.0])).sum().backward()
        assert x.grad.tolist() == [100.0, 1.0, 10.0]
        m = Tensor(VALUES["f"])
        assert np.array_equal(ag.argsort(m, axis=None, descending=True).data,
                              np.argsort(-VALUES["f"], axis=None))  # fmt: skip
        assert ag.sort(m, axis=None, descending=True).data[0] == VALUES["f"].max()

    def test_unique_values_are_sorted_and_every_nan_counts(self) -> None:
        assert ag.unique_values(Tensor([3, 1, 2, 0, 7, 5, 3])).tolist() == [0, 1, 2, 3, 5, 7]
        assert ag.unique_values(Tensor([np.nan, 1.0, np.nan])).shape == (3,)

    def test_pinv_cuts_at_the_standards_tolerance(self) -> None:
        nearly = np.diag([1.0, 4e-16])
        assert np.linalg.pinv(nearly[:1])[0, 0] == 1.0
        assert ag.linalg.pinv(Tensor(nearly))[1, 1].item() == 0.0
        assert ag.linalg.pinv(Tensor(nearly), rtol=0.0)[1, 1].item() == pytest.approx(2.5e15)

    def test_a_cast_that_drops_the_imaginary_part_is_refused(self) -> None:
        with pytest.raises(TypeError, match=r"use real\(x\)"):
            ag.astype(Tensor(1j), ag.float64)

    def test_casts_without_need_may_share(self) -> None:
        t = Tensor([1.0])
        assert ag.astype(t, ag.float64, copy=False) is t
        assert t.astype(float, copy=False) is t
        assert t.astype(float) is not t

    def test_clip_with_no_bounds_and_expand_dims_by_default(self) -> None:
        x = Tensor([1.0, -1.0], requires_grad=True)
        ag.clip(x).sum().backward()
        assert x.grad.tolist() == [1.0, 1.0]
        assert ag.expand_dims(x).shape == (1, 2)


class TestMethods:
    def test_those_of_arrays(self) -> None:
        x = VALUES["f"]
        t = Tensor(x)
        for call in (
            lambda a: a.argpartition(1), lambda a: a.compress([True, False, True], axis=0),
            lambda a: a.cumprod(axis=1), lambda a: a.diagonal(), lambda a: a.dot(a.T),
            lambda a: a.repeat(2, axis=0), lambda a: a.round(1), lambda a: a.take([1, 0], axis=1),
            lambda a: a.trace(), lambda a: a.swapaxes(0, 1), lambda a: a.clip(0),
            lambda a: a.conj(),
            lambda a: a.clip(max=0.5), lambda a: a.clip(0, 1), lambda a: a.nonzero()[0],
            lambda a: a.searchsorted(0.3) if a.ndim == 1 else a[0].searchsorted(0.3),
            lambda a: (a > 0).choose([a, -a]), lambda a: a.ravel(), lambda a: a.conjugate(),
        ):  # fmt: skip
            np.testing.assert_array_equal(call(t), call(x))

    @pytest.mark.parametrize(
        "change",
        [
            lambda a: a.sort(), lambda a: a.sort(axis=0), lambda a: a.partition(2),
            lambda a: a.fill(3.0), lambda a: a.put([0, 5], [7.0, 8.0]),
        ],
    )  # fmt: skip
    def test_in_place_as_on_arrays(self, change: Any) -> None:
        x, t = VALUES["f"].copy(), Tensor(VALUES["f"])
        assert change(x) is None
        assert change(t) is None
        np.testing.assert_array_equal(t, x)

    def test_sort_in_place_has_a_gradient(self) -> None:
        x = Tensor([3.0, 1.0, 2.0], requires_grad=True)
        y = x * 1.0
        y.sort()
        (y * np.array([1.0, 10.0, 100.0])).sum().backward()
        assert x.grad.tolist() == [100.0, 1.0, 10.0]
        with pytest.raises(ag.InPlaceError, match="no_grad"):
            x.sort()

    def test_a_view_of_what_is_gone_can_be_written(self) -> None:
        x = Tensor(np.arange(4.0), requires_grad=True)
        y = np.moveaxis((x * 1.0).reshape(2, 2), 0, 1)
        y[0] *= 2.0
        y.sum().backward()
        assert x.grad.tolist() == [2.0, 1.0, 2.0, 1.0]
        kept = x * 1.0
        part = kept[1:]
        with pytest.raises(ag.InPlaceError, match="read out of another"):
            part += 1.0

    def test_a_part_of_a_small_part_stays_refused(self) -> None:
        """A small part is copied when it is read, but in NumPy it would share memory."""
        whole = Tensor(np.arange(16.0), requires_grad=True) * 1.0
        part = whole[:4].reshape(2, 2)
        with pytest.raises(ag.InPlaceError, match="read out of another"):
            part += 1.0


@pytest.mark.slow
def test_the_example_runs() -> None:
    pytest.importorskip("sklearn")
    run = subprocess.run(
        [sys.executable, "-m", "examples.array_api"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert run.stdout.startswith("d skewness: [ 0.2031")
    assert run.stdout.count("\n") == 4
