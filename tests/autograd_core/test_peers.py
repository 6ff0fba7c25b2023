"""The table against sources that share nothing with it: complex steps, HIPS autograd, JAX.

For every op that the other library has under the same name, on the calls that the strategies draw.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

import autograd_core as ag
from autograd_core.registry import Op
from tests.autograd_core.samples import DIFFERENTIABLE, Case, strategy

SECTIONS = {"numpy": "", "numpy.linalg": "linalg", "numpy.fft": "fft"}
PUBLIC = {name: op for name, op in DIFFERENTIABLE.items() if op.module in SECTIONS}


def cases(name: str, count: int) -> list[Case]:
    found: list[Case] = []

    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy(name))
    def collect(case: Case) -> None:
        found.append(case)

    collect()
    return found


def outputs(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def cotangents(case: Case, op: Op) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    ys = [np.asarray(y) for y in outputs(case.value(op.fn, *case.arrays))]
    return [
        rng.normal(size=y.shape) + (1j * rng.normal(size=y.shape) if y.dtype.kind == "c" else 0)
        for y in ys
    ]


def weighted(ys: list[Any], weights: list[np.ndarray], xp: Any) -> Any:
    """The sum of the outputs, weighted; of complex ones the real part."""
    return sum(xp.sum(xp.real(y * w)) for y, w in zip(ys, weights, strict=True))


def ours(case: Case, op: Op, weights: list[np.ndarray]) -> tuple[Any, list[Any]]:
    value, grads = ag.value_and_grad(
        lambda *xs: weighted(outputs(case.value(op.function, *xs)), weights, ag),
        tuple(range(len(case.arrays))),
    )(*case.arrays)
    return value, list(grads)


# --- complex step -----------------------------------------------------------------------------


def analytic(case: Case, op: Op) -> bool:
    """Whether NumPy's function itself continues to complex numbers: f(x + ih) as f(x + h)."""
    rng = np.random.default_rng(1)
    h = 1e-6
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            directions = [rng.normal(size=x.shape) for x in case.arrays]

            def at(step: complex) -> list[Any]:
                moved = [x + step * d for x, d in zip(case.arrays, directions, strict=True)]
                return [np.asarray(y) for y in outputs(case.value(op.fn, *moved))]

            return all(
                np.allclose(1j * (b - a), c - a, atol=1e-9) and np.any(c - a)
                for a, b, c in zip(at(0), at(h), at(1j * h), strict=True)
            )
    except (TypeError, ValueError, np.linalg.LinAlgError):
        return False


#: So many ops at least; what NumPy computes by another branch for complex numbers is left out.
ANALYTIC = 110
#: The imaginary part is small, and meant: these drop it, or sort by it.
DROPS_SMALL_PARTS = {"numpy.real_if_close", "numpy.roots"}


def test_complex_steps() -> None:
    """The derivative along d is Im f(x + ihd) / h, exact to rounding: no difference is taken."""
    h, tested, wrong = 1e-30, set(), []
    for name, op in PUBLIC.items():
        for case in cases(name, 3):
            real = all(x.dtype.kind == "f" for x in case.arrays)
            if name in DROPS_SMALL_PARTS or not real or not analytic(case, op):
                continue
            tested.add(name)
            rng = np.random.default_rng(2)
            weights = cotangents(case, op)
            if any(w.dtype.kind == "c" for w in weights):
                continue  # the imaginary part of the value is in use
            directions = [rng.normal(size=x.shape) for x in case.arrays]
            moved = [x + 1j * h * d for x, d in zip(case.arrays, directions, strict=True)]
            ys = [np.asarray(y) for y in outputs(case.value(op.fn, *moved))]
            expected = sum(np.sum((y * w).imag) / h for y, w in zip(ys, weights, strict=True))
            _, grads = ours(case, op, weights)
            found = sum(np.sum(g * d) for g, d in zip(grads, directions, strict=True))
            scale = sum(np.sum(np.abs(g * d)) for g, d in zip(grads, directions, strict=True))
            if not abs(found - expected) <= 1e-11 * (scale + 1e-3):
                wrong.append(f"{name}, {case.text}: {found} against {expected}")
    assert not wrong, "\n".join(wrong)
    assert len(tested) > ANALYTIC, sorted(tested)


# --- peers --------------------------------------------------------------------------------------


def function_of(peer: Any, op: Op) -> Callable[..., Any] | None:
    home = getattr(peer, SECTIONS[op.module]) if SECTIONS[op.module] else peer
    return getattr(home, op.name, None)


def compare(peer: Any, gradient: Callable[..., Any], known: dict[str, str], least: int) -> None:
    """Compare value and gradients with those of a peer, for every op that it has."""
    tested, wrong = set(), []
    for name, op in PUBLIC.items():
        function = function_of(peer, op)
        if function is None or name in known:
            continue
        for case in cases(name, 2):
            if any(x.dtype.kind != "f" or not x.size for x in case.arrays):
                continue
            weights = cotangents(case, op)

            def f(
                *xs: Any, case: Case = case, function: Any = function, weights: Any = weights
            ) -> Any:
                return weighted(outputs(case.value(function, *xs)), weights, peer)

            try:
                with warnings.catch_warnings(), np.errstate(all="ignore"):
                    warnings.simplefilter("ignore")
                    value, theirs = gradient(f, tuple(range(len(case.arrays))), case.arrays)
            except Exception:  # a peer fails as it likes on what it lacks
                continue
            if not all(np.all(np.isfinite(g)) for g in theirs):
                continue
            own, grads = ours(case, op, weights)
            if not np.allclose(own, value, rtol=1e-8, atol=1e-9):
                continue  # another function, or another gauge of the vectors
            wrong += [
                f"{name}, {case.text}: {a} against {b}"
                for a, b in zip(grads, theirs, strict=True)
                if np.shape(a) != np.shape(b) or not np.allclose(a, b, rtol=1e-7, atol=1e-8)
            ]
            tested.add(name)
    assert not wrong, "\n".join(wrong)
    assert len(tested) >= least, sorted(tested)


def test_against_hips_autograd() -> None:
    hips = pytest.importorskip("autograd")
    anp = pytest.importorskip("autograd.numpy")

    def gradient(f: Any, argnums: Any, xs: Any) -> Any:
        return f(*xs), hips.grad(f, argnums)(*xs)

    compare(anp, gradient, KNOWN_HIPS, 100)


#: Where HIPS autograd 1.9 differs, and finite differences agree with us.
KNOWN_HIPS = {
    "numpy.sign": "zero for complex numbers",
    "numpy.full_like": "zero to the value",
    "numpy.fft.irfft": "norm='forward' is off by a factor of n",
    "numpy.fft.rfft2": "norm=... is off by a factor of n",
    "numpy.fft.irfft2": "norm=... is off by a factor of n",
    "numpy.kron": "wrong where the operands have different numbers of axes",
    "numpy.linalg.solve": "wrong where a stack of matrices is broadcast",
}


@pytest.mark.slow
def test_against_jax() -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    jnp = pytest.importorskip("jax.numpy")

    def gradient(f: Any, argnums: Any, xs: Any) -> Any:
        return jax.value_and_grad(f, argnums)(*(jnp.asarray(x) for x in xs))

    compare(jnp, gradient, KNOWN_JAX, 150)


#: Where JAX 0.10 differs, and finite differences agree with us.
KNOWN_JAX = {"numpy.sign": "zero for complex numbers"} | {
    f"numpy.{name}": "zero"
    for name in (
        "unique", "unique_values", "unique_all", "unique_counts", "unique_inverse", "union1d",
        "intersect1d", "setxor1d", "setdiff1d",
    )
}  # fmt: skip
