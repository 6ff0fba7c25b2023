"""Special functions: SciPy's ufuncs on tensors, and what stands under `autograd_core.special`."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core import special
from autograd_core.methods import namespace

sp = pytest.importorskip("scipy.special")

INF = np.inf
EULER = 0.5772156649015329
ZETA3 = 1.2020569031595942


def slope(f: Any, x: Any, order: int = 1) -> Any:
    """The derivative of an elementwise ``f`` at each element of ``x``."""
    for _ in range(order):
        f = ag.grad(lambda t, f=f: ag.sum(f(t)))
    return f(np.asarray(x, float))


def python(code: str) -> str:
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.strip()


# --- how they are found -------------------------------------------------------------------------


def test_scipys_ufuncs_work_as_they_are() -> None:
    """The first of them in a process: nothing was declared before."""
    code = (
        "import autograd_core as ag, scipy.special as sp; t = ag.Tensor(0.0, requires_grad=True); "
        "sp.erf(t).backward(); print(t.grad.round(4))"
    )
    assert python(code) == "1.1284"


def test_importing_the_package_does_not_import_scipy() -> None:
    code = (
        "import sys, autograd_core, autograd_core.special as s; s.logsumexp([1.0]); "
        "s.softmax([1.0]); s.log_softmax([1.0]); print('scipy' in sys.modules)"
    )
    assert python(code) == "False"


def test_without_scipy_the_error_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['scipy'] = None\n"
        "import autograd_core.special as s\n"
        "print(s.logsumexp([0.0]), dir(s))\n"
        "for use in (lambda: s.erf, lambda: s.polygamma(1, 2.0)):\n"
        "    try: use()\n"
        "    except ModuleNotFoundError as e: print(e)\n"
    )
    first, *errors = python(code).splitlines()
    assert first == "0.0 ['log_softmax', 'logsumexp', 'polygamma', 'softmax']"
    assert len(errors) == 2
    assert all("pip install autograd-core[scipy]" in e for e in errors)


def test_the_namespace() -> None:
    required = {
        "erf", "erfc", "expit", "logit", "log_expit", "log_ndtr", "gammaln", "digamma", "gamma",
        "beta", "betaln", "xlogy", "xlog1py", "entr", "rel_entr", "kl_div", "i0", "i1", "j0", "j1",
        "logsumexp", "softmax", "log_softmax", "polygamma",
    }  # fmt: skip
    assert required <= set(dir(special))
    assert all(callable(getattr(special, name)) for name in dir(special))
    assert special.digamma is special.psi
    assert special.erf(0.5) == sp.erf(0.5)
    with pytest.raises(AttributeError, match="whose derivative is declared"):
        special.mathieu_a  # noqa: B018
    assert not hasattr(special, "__path__")


def test_undeclared_ufuncs_are_refused() -> None:
    with pytest.raises(TypeError, match="has no declared derivative"):
        sp.gammainc(2.0, ag.Tensor(1.0, requires_grad=True))


def test_declaring_from_many_threads() -> None:
    code = (
        "import threading, autograd_core.special as s\n"
        "from autograd_core.ops import special\n"
        "errors = []\n"
        "def run():\n"
        "    try: special.declare()\n"
        "    except Exception as e: errors.append(e)\n"
        "ts = [threading.Thread(target=run) for _ in range(8)]\n"
        "[t.start() for t in ts]; [t.join() for t in ts]; print(errors, s.erf(0.0))"
    )
    assert python(code) == "[] 0.0"


# --- derivatives against PyTorch ----------------------------------------------------------------

UNARY = [
    ("erf", "erf"), ("erfc", "erfc"), ("erfcx", "erfcx"), ("erfinv", "erfinv"), ("expit", "expit"),
    ("logit", "logit"), ("ndtr", "ndtr"), ("ndtri", "ndtri"), ("log_ndtr", "log_ndtr"),
    ("gammaln", "gammaln"), ("psi", "digamma"), ("entr", "entr"), ("i0", "i0"), ("i0e", "i0e"),
    ("i1", "i1"), ("i1e", "i1e"), ("expm1", "expm1"), ("log1p", "log1p"), ("exp2", "exp2"),
]  # fmt: skip


@pytest.mark.parametrize(("ours", "theirs"), UNARY)
def test_gradients_are_pytorchs(ours: str, theirs: str) -> None:
    torch = pytest.importorskip("torch")
    op = namespace("scipy.special")[ours]
    (domain,) = op.domains
    x = np.array([-6.0, -1.3, -0.2, 0.05, 0.3, 0.7, 0.95, 1.7, 4.0, 9.0])
    x = x[(x > domain.low) & (x < domain.high)]
    g = np.random.default_rng(0).normal(size=x.shape)
    t, leaf = ag.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y = op.fn(t)
    np.testing.assert_array_equal(y.detach().numpy(), op.fn(x))
    y.backward(g)
    getattr(torch.special, theirs)(leaf).backward(torch.tensor(g))
    np.testing.assert_allclose(t.grad, leaf.grad.numpy(), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("name", ["xlogy", "xlog1py"])
def test_gradients_of_two_arguments_are_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    x, y = np.array([-1.5, 0.3, 2.0]), np.array([0.2, 1.0, 3.0])
    got = ag.grad(lambda a, b: ag.sum(getattr(sp, name)(a, b)), (0, 1))(x, y)
    leaves = [torch.tensor(v, requires_grad=True) for v in (x, y)]
    getattr(torch.special, name)(*leaves).sum().backward()
    for a, b in zip(got, leaves, strict=True):
        np.testing.assert_allclose(a, b.grad.numpy(), rtol=1e-12)


def test_polygamma() -> None:
    assert slope(sp.psi, 1.0) == pytest.approx(math.pi**2 / 6)
    assert slope(sp.gammaln, 1.0, 3) == pytest.approx(-2 * ZETA3)
    x = np.array([-2.5, 0.3, 4.0])
    for n in (1, 2, np.int64(3)):
        np.testing.assert_array_equal(special.polygamma(n, x), sp.polygamma(n, x))
        np.testing.assert_allclose(
            slope(lambda t, n=n: special.polygamma(n, t), x), sp.polygamma(n + 1, x)
        )
    np.testing.assert_array_equal(special.polygamma([1, 2, 3], x), sp.polygamma([1, 2, 3], x))
    half = ag.Tensor(x.astype(np.float32), requires_grad=True)
    assert special.polygamma(1, half).dtype == np.float32


def test_polygamma_of_complex_numbers() -> None:
    """ψ' from differences of SciPy's ψ, left and right of the imaginary axis."""
    z = np.array([0.3 + 0.4j, -3.5 + 0.2j, 5.0 - 7.0j, -30.5 + 0.1j, 25.0 + 1.0j])
    h = 1e-5
    expected = (sp.psi(z + h) - sp.psi(z - h)) / (2 * h)
    np.testing.assert_allclose(special.polygamma(1, z), expected, rtol=1e-6)
    # ψ'(z) + ψ'(1 - z) = π² / sin²(πz)
    both = special.polygamma(1, z) + special.polygamma(1, 1.0 - z)
    np.testing.assert_allclose(both, (math.pi / np.sin(math.pi * z)) ** 2, rtol=1e-9, atol=1e-14)


def test_rgamma_is_smooth_at_the_poles_of_gamma() -> None:
    # The series 1 / Γ(x) = x + γ x² + ..., and (-1)^n n! at -n.
    np.testing.assert_allclose(slope(sp.rgamma, [0.0, -1.0, -2.0, -3.0]), [1.0, -1.0, 2.0, -6.0])
    assert slope(sp.rgamma, 0.0, 2) == pytest.approx(2 * EULER)
    x = np.nextafter(0.5, [0.0, 1.0])
    for order in (1, 2):
        a, b = slope(sp.rgamma, x, order)
        assert a == pytest.approx(b, rel=1e-12)


def test_bessel_functions_at_zero() -> None:
    assert [float(slope(f, 0.0)) for f in (sp.j0, sp.i0, sp.i0e)] == [0.0, 0.0, 0.0]
    assert [float(slope(f, 0.0)) for f in (sp.j1, sp.i1, sp.i1e)] == [0.5, 0.5, 0.5]
    assert [float(slope(f, 0.0, 2)) for f in (sp.j0, sp.i0)] == [-0.5, 0.5]
    assert [float(slope(f, 0.0, 2)) for f in (sp.j1, sp.i1)] == [0.0, 0.0]


def test_wronskians() -> None:
    """J1 Y0 - J0 Y1 = 2 / πx, and I0 K1 + I1 K0 = 1 / x (DLMF 10.5.2 and 10.28.2)."""
    x = np.array([0.3, 1.0, 5.0, 12.0])
    first = slope(sp.y0, x) * sp.j0(x) - slope(sp.j0, x) * sp.y0(x)
    np.testing.assert_allclose(first, 2 / (math.pi * x))
    second = slope(sp.i0, x) * sp.k0(x) - slope(sp.k0, x) * sp.i0(x)
    np.testing.assert_allclose(second, 1 / x)


def test_exprel_is_smooth() -> None:
    # The derivatives of (exp x - 1) / x at 0 are 1 / (k + 1).
    for order in (1, 2, 3):
        np.testing.assert_allclose(slope(sp.exprel, [0.0, 1e-9], order), 1 / (order + 1), rtol=1e-8)
        for seam in (-1.0, 1.0):
            a, b = slope(sp.exprel, [seam, seam * (1 - 1e-15)], order)
            assert a == pytest.approx(b, rel=1e-12)


def test_log_ndtr_far_from_zero() -> None:
    assert slope(sp.log_ndtr, -1e5) == pytest.approx(1e5)
    assert slope(sp.log_ndtr, [40.0, 1e5], 1).tolist() == [0.0, 0.0]
    assert slope(sp.log_ndtr, -1e3, 2) == pytest.approx(-1.0, rel=1e-5)
    assert slope(sp.log_ndtr, 1e3, 2) == 0.0


# --- conventions --------------------------------------------------------------------------------


def test_zero_times_log_zero() -> None:
    at = {"xlogy": (0.0, 0.0), "xlog1py": (0.0, -1.0)}
    for name, (x, y) in at.items():
        f = getattr(sp, name)
        assert f(x, y) == 0.0
        assert slope(lambda t, f=f, y=y: f(t, y), x) == -INF
        assert slope(lambda t, f=f, x=x: f(x, t), y) == 0.0
        # The mixed derivative 1 / y stays, where y is not 0.
        mixed = ag.grad(lambda y, f=f: ag.grad(lambda t: f(t, y))(0.0))(0.25)
        assert mixed == pytest.approx(4.0 if name == "xlogy" else 0.8)
        assert slope(lambda t, f=f: f(t, 0.25), 0.0) == pytest.approx(f(1.0, 0.25))


def test_entropies_at_zero() -> None:
    assert slope(sp.entr, 0.0) == INF
    for f, to_y in ((sp.rel_entr, 0.0), (sp.kl_div, 1.0)):
        assert slope(lambda t, f=f: f(t, 0.0), 0.0) == 0.0
        assert slope(lambda t, f=f: f(0.0, t), 0.0) == to_y
        assert slope(lambda t, f=f: f(t, 0.5), 0.0) == -INF
        assert slope(lambda t, f=f: f(0.0, t), 0.5) == to_y


TRAPS = [
    (sp.entr, 0.0), (sp.entr, -1.0), (sp.gammaln, 0.0), (sp.psi, 0.0), (sp.gamma, -1.0),
    (sp.logit, 0.0), (sp.logit, 1.0), (sp.erfinv, 1.0), (sp.ndtri, 0.0), (sp.y0, 0.0), (sp.k1, 0.0),
    (sp.erfi, 30.0), (sp.i0, 800.0), (sp.exp10, 400.0), (sp.expi, 0.0), (sp.cbrt, 0.0),
    (lambda t: sp.xlogy(t, t), 0.0), (lambda t: sp.rel_entr(t, 0.5), 0.0),
    (lambda t: sp.betaln(t, 2.0), 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("f", "trap"), TRAPS)
def test_where_hides_a_singular_point(f: Any, trap: float) -> None:
    def masked(t: Any) -> Any:
        return np.where(t == trap, 0.0, f(t))

    for order in (1, 2):
        expected = [0.0, slope(f, 0.4, order)]
        np.testing.assert_allclose(slope(masked, [trap, 0.4], order), expected)


# --- what is no ufunc ---------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_logsumexp_is_scipys(axis: Any, keepdims: bool) -> None:
    rng = np.random.default_rng(0)
    a, g = rng.normal(size=(3, 4)) * 400.0, rng.normal()
    for b in (None, 2.0, rng.uniform(0.1, 1.0, (3, 4)), rng.uniform(0.1, 1.0, 4)):
        expected = sp.logsumexp(a, axis=axis, b=b, keepdims=keepdims)
        t = ag.Tensor(a, requires_grad=True)
        y = special.logsumexp(t, axis=axis, b=b, keepdims=keepdims)
        np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-13)
        assert y.shape == np.shape(expected)
        (g * y).sum().backward()
        kept = sp.logsumexp(a, axis=axis, b=b, keepdims=True)
        np.testing.assert_allclose(
            t.grad, g * (1.0 if b is None else b) * np.exp(a - kept), atol=1e-13
        )


def test_logsumexp_with_weights() -> None:
    a, b = np.array([0.1, 1.2, 5.0]), np.array([1.0, -0.2, 0.0])
    total = np.sum(b * np.exp(a))
    assert special.logsumexp(a, b=b) == pytest.approx(np.log(total))
    to_a, to_b = ag.grad(lambda *xs: special.logsumexp(xs[0], b=xs[1]), (0, 1))(a, b)
    np.testing.assert_allclose(to_a, b * np.exp(a) / total)
    np.testing.assert_allclose(to_b, np.exp(a) / total)
    assert np.isnan(special.logsumexp(a, b=-np.ones(3)))
    # A weight of 0 takes the element out, even an infinite one.
    assert special.logsumexp([1.0, INF], b=[1.0, 0.0]) == 1.0
    assert special.logsumexp([1.0, 1e9], b=[1.0, 0.0]) == 1.0
    got = slope(lambda t: special.logsumexp(t, b=np.array([1.0, 1.0])), [-INF, -INF])
    np.testing.assert_array_equal(got, [0.5, 0.5])
    with pytest.raises(ValueError, match="return_sign"):
        special.logsumexp(a, return_sign=True)
    with pytest.raises(TypeError, match="real numbers only"):
        special.logsumexp(a + 1j, b=b)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_softmax_is_scipys(name: str, axis: Any) -> None:
    rng = np.random.default_rng(0)
    x, g = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    kwargs = {} if axis is None else {"axis": axis}
    expected = getattr(sp, name)(x, **kwargs)
    t = ag.Tensor(x, requires_grad=True)
    y = getattr(special, name)(t, **kwargs)
    np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-13)
    y.backward(g)
    p = sp.softmax(x, **kwargs)
    if name == "softmax":
        right = p * (g - np.sum(g * p, axis=axis, keepdims=True))
    else:
        right = g - p * np.sum(g, axis=axis, keepdims=True)
    np.testing.assert_allclose(t.grad, right, atol=1e-14)
