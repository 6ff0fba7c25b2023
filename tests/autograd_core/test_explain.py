"""`explain`: shares and contributions of paths, against formulas and against counting."""

import itertools
import math
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core.inspection import Explanation


def leaf(value: Any, dtype: Any = float, name: str | None = None) -> ag.Tensor:
    return ag.Tensor(np.asarray(value, dtype), requires_grad=True, name=name)


def check(found: Explanation, expected: Any) -> None:
    """What holds of every explanation: the total, and sums over all paths and over each cut."""
    np.testing.assert_allclose(found.total, expected, rtol=1e-6)
    if len(found.paths) == found.count:
        whole = sum(p.contribution for p in found.paths)
        np.testing.assert_allclose(whole, expected, rtol=1e-6, atol=1e-9)
    g = np.asarray(found.total)
    for path in found.paths:
        assert path.norm == pytest.approx(float(np.linalg.norm(path.contribution)))
        dot = float(np.real(np.sum(np.conj(g) * path.contribution)))
        assert path.share == pytest.approx(dot / found.norm**2, rel=1e-6, abs=1e-9)
    assert sum(p.share or 0.0 for p in found.paths) + (found.rest or 0.0) == pytest.approx(1.0)
    numbers = sorted({e.node.number for e in found.edges})
    for cut in numbers:  # all edges from a node below to a node that is not
        crossing = [e.share for e in found.edges if e.parent.number < cut <= e.node.number]
        assert sum(s or 0.0 for s in crossing) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(2, 3), (1, 1), (4, 2)])
def test_tied_weights_have_two_terms(dtype: str, shape: tuple[int, int]) -> None:
    """L = ½‖W tanh(Wᵀx) - x‖²: the term where W decodes, and that where it encodes."""
    rng = np.random.default_rng(0)
    w, x = rng.normal(size=shape), rng.normal(size=shape[0])
    W = leaf(w, dtype, name="W")
    h = np.tanh(W.T @ x.astype(dtype))
    loss = np.sum((W @ h - x.astype(dtype)) ** 2) * 0.5
    found = ag.explain(loss, W)
    code = np.tanh(w.T @ x)
    e = w @ code - x
    decoder = np.outer(e, code)
    encoder = np.outer(x, (w.T @ e) * (1 - code**2))
    check(found, decoder + encoder)
    assert found.count == 2
    by_length = sorted(found.paths, key=lambda p: len(p.nodes))
    tolerance = 1e-4 if dtype == "float32" else 1e-10
    np.testing.assert_allclose(by_length[0].contribution, decoder, rtol=tolerance, atol=1e-6)
    np.testing.assert_allclose(by_length[1].contribution, encoder, rtol=tolerance, atol=1e-6)
    assert by_length[0].contribution.dtype == dtype
    assert by_length[0].ops == ("matmul", "subtract", "power", "sum", "multiply")
    assert by_length[1].ops[:3] == ("transpose", "matmul", "tanh")


def test_a_residual_net() -> None:
    """Each block y + f(y) doubles the paths; with f(y) = c y a path through k of n has c^k."""
    c, n = 0.3, 4
    x = leaf(2.0, name="x")
    y = x
    for _ in range(n):
        y = y + y * c
    found = ag.explain(y, x, paths=100)
    check(found, (1 + c) ** n)
    assert found.count == len(found.paths) == 2**n
    contributions = sorted(float(p.contribution) for p in found.paths)
    expected = sorted(c ** sum(bits) for bits in itertools.product((0, 1), repeat=n))
    assert contributions == pytest.approx(expected)


def test_paths_that_cannot_be_listed() -> None:
    """The strongest come first, exactly; the rest is one number."""
    c, n = 0.3, 60
    x = leaf(1.0)
    y = x
    for _ in range(n):
        y = y + y * c
    found = ag.explain(y, x, paths=1 + n)
    assert found.count == 2**n
    total = (1 + c) ** n
    expected = [1.0] + [c] * n
    assert [float(p.contribution) for p in found.paths] == pytest.approx(expected)
    assert found.rest == pytest.approx(1 - sum(expected) / total)
    assert "the other 1 152 921 504 606 846 915 paths" in str(found)


def test_paths_that_work_against_each_other() -> None:
    x = leaf([1.0, 2.0])
    found = ag.explain(np.sum(x * 3.0 - x), x)
    check(found, [2.0, 2.0])
    assert sorted(p.share or 0.0 for p in found.paths) == pytest.approx([-0.5, 1.5])
    assert "-50.0 %" in str(found)


def test_a_gradient_that_cancels() -> None:
    x = leaf([1.0, 2.0], name="x")
    found = ag.explain(np.sum(x * 3.0 - x * 3.0), x)
    assert found.total.tolist() == [0.0, 0.0]
    assert [p.share for p in found.paths] == [None, None]
    assert [p.norm for p in found.paths] == pytest.approx([3 * math.sqrt(2)] * 2)
    assert found.rest == 0.0
    assert "they cancel" in str(found)


@pytest.mark.parametrize(
    ("dtype", "size"),
    [(np.float32, 1e-30), (np.float32, 1e30), (float, 1e-250), (float, 1e250), (np.float16, 1e-4)],
)
def test_gradients_that_are_very_small_or_large(dtype: Any, size: float) -> None:
    """Their squares are 0 or inf, and the shares none the less what they are."""
    x = leaf([1.0, 2.0], dtype)
    factor = np.asarray(size, dtype)[()]
    found = ag.explain((x * factor).sum() + (x * (x * factor)).sum(), x)
    assert found.norm == pytest.approx(size * np.hypot(3.0, 5.0), rel=2e-2)
    assert found.total.dtype == dtype
    # The terms are size (1, 1) and twice size (1, 2), and their sum size (3, 5).
    shares = [path.share for path in found.paths]
    np.testing.assert_allclose(shares, [13 / 34, 13 / 34, 8 / 34], rtol=1e-2)
    norms = [path.norm / size for path in found.paths]
    np.testing.assert_allclose(norms, np.sqrt([5.0, 5.0, 2.0]), rtol=1e-2)


def test_a_gradient_that_is_zero() -> None:
    x = leaf([1.0, 2.0], name="x")
    assert "zero along each" in str(ag.explain(np.sum(np.where(x > 5.0, x, 0.0)), x))
    found = ag.explain(np.sum(np.floor(x)), x)
    assert [path.norm for path in found.paths] == [0.0]
    assert found.total.tolist() == [0.0, 0.0]


OPS_OF_MANY_KINDS = {
    "broadcast": lambda x: np.sum(x * np.ones((2, 1)) + x / (1.0 + np.exp(x))),
    "index": lambda x: x[0] * x[1] + np.sum(x[[0, 0, 2]] ** 2),
    "several outputs": lambda x: sum(
        (k + 1.0) * np.sum(p**2) for k, p in enumerate(np.split(np.exp(x), 3))
    ),
    "one output of several": lambda x: np.linalg.svd(np.outer(x, x) + np.eye(3))[1][0],
    "variadic": lambda x: np.sum(np.stack([x, x * x, np.sin(x)]) ** 2),
    "derived": lambda x: np.std(x) + np.var(x),
    "where": lambda x: np.sum(np.where(x > 0.5, np.log(np.abs(x)), x * x)),
    "products": lambda x: x @ np.outer(x, x) @ x,
    "sort": lambda x: np.sum(np.sort(x) * np.arange(3.0)) + np.max(x) * np.prod(x),
}


@pytest.mark.parametrize("name", OPS_OF_MANY_KINDS)
def test_all_kinds_of_ops(name: str) -> None:
    f = OPS_OF_MANY_KINDS[name]
    x = np.array([0.7, -1.3, 0.4])
    t = leaf(x)
    found = ag.explain(f(t), t, paths=10_000)
    step = 1e-6
    numeric = [(f(x + step * e) - f(x - step * e)) / (2 * step) for e in np.eye(3)]
    np.testing.assert_allclose(found.total, numeric, rtol=1e-7, atol=1e-8)
    assert len(found.paths) == found.count
    check(found, found.total)


def test_in_place_writes() -> None:
    x = leaf([1.0, 2.0, 3.0])
    y = x * 1.0
    y[0] = x[1] * x[2]
    found = ag.explain(np.sum(y * y), x)
    check(found, [0.0, 2 * 6.0 * 3.0 + 4.0, 2 * 6.0 * 2.0 + 6.0])


def test_complex() -> None:
    z = leaf([1.0 + 2.0j, -0.5j], complex)
    loss = np.sum(np.abs(z * z + z) ** 2)
    found = ag.explain(loss, z)
    (expected,) = ag.gradients(loss, [z])
    check(found, expected.data)
    assert found.count == 3


def test_a_zero_gradient_stays_zero() -> None:
    x = leaf([0.0, 2.0])
    with np.errstate(divide="ignore"):
        loss = np.where(x > 0, np.log(x), x * 3.0).sum()
    check(ag.explain(loss, x), [3.0, 0.5])


def test_many_at_once_and_inner_ones() -> None:
    a, b = leaf(2.0, name="a"), leaf(3.0, name="b")
    h = a * b
    loss = h * h + a
    found = ag.explain(loss, {"a": a, "rest": [b, h]})
    check(found["a"], 2 * 6.0 * 3.0 + 1.0)
    check(found["rest"][0], 2 * 6.0 * 2.0)
    check(found["rest"][1], 12.0)
    assert found["a"].name == "a"
    assert found["rest"][1].name == "multiply"
    assert found["a"].count == 3
    trivial = ag.explain(loss, loss)
    assert trivial.count == 1
    assert trivial.total == 1.0
    assert trivial.paths[0].nodes == (loss._node,)


def test_weights_of_a_loss_of_many_elements() -> None:
    x = leaf([1.0, 2.0])
    y = x * x
    check(ag.explain(y, x, grad_output=np.array([1.0, -2.0])), [2.0, -8.0])
    with pytest.raises(ag.GradientError, match="needs a gradient of that shape"):
        ag.explain(y, x)


def test_nothing_is_touched() -> None:
    x = leaf([1.0, 2.0])
    loss = (x * x).sum()
    calls: list[Any] = []
    x.register_hook(calls.append)
    with ag.inspect() as seen:
        ag.explain(loss, x)
    assert not seen.walks
    assert not seen.nodes
    assert not calls
    assert x.grad is None
    loss.backward()
    assert x.grad.tolist() == [2.0, 4.0]
    with pytest.raises(ag.ReleasedError):
        ag.explain(loss, x)


def test_refusals() -> None:
    x, other = leaf(1.0), leaf(1.0)
    with pytest.raises(ag.GradientError, match="does not depend on"):
        ag.explain(x * x, other)
    with pytest.raises(ag.GradientError, match="does not depend on"):
        ag.explain(x * x, [x, 3.0])
    with pytest.raises(ag.GradientError, match="nothing was recorded"):
        ag.explain(ag.Tensor(1.0), x)
    with pytest.raises(TypeError, match="must be a Tensor, not float"):
        ag.explain(1.0, x)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 1"):
        ag.explain(x * x, x, paths=0)
    with pytest.raises(ag.GradientError, match="not finite"):
        ag.explain(np.sqrt(x - 1.0), x)


def test_text() -> None:
    x = leaf([1.0, 2.0], name="x")
    y = np.std(x * 2.0)
    for _ in range(30):
        y = np.sin(y) * 1.5
    text = str(ag.explain(y + np.sum(x), x)).splitlines()
    assert text[0].startswith("gradient at x, norm ")
    assert text[1].split() == ["share", "norm", "path"]
    assert any("std -> sin" in line and "..." in line for line in text)
    assert any(line.endswith("x -> sum -> add") for line in text)
    z = x
    for _ in range(5):
        z = z * 2.0
    assert "x -> multiply x 5 -> sum" in str(ag.explain(z.sum(), x))
    assert repr(ag.explain(z.sum(), x)) == "<Explanation of x: 1 path, norm 45.25>"


def test_depth_has_no_limit() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(3_000):
        y = y * 1.0
    found = ag.explain(y, x)
    assert found.count == 1
    assert len(found.paths[0].nodes) == 3_001
