"""Losses of classes beyond the plain cross-entropy, against PyTorch's and formulas written out."""

from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
from autograd_core.testing import check_gradients

WEIGHTS = np.array([0.5, 2.0, 0.0, 1.5])
REDUCTIONS = ["mean", "sum", "none"]


def log_softmax(a: Any) -> Any:
    return a - np.log(np.exp(a).sum(axis=-1, keepdims=True))


def examples(shape: tuple[int, ...] = (7,), classes: int = 4) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(*shape, classes)) * 2, rng.integers(0, classes, shape)


def probabilities(n: int = 7, classes: int = 4) -> Any:
    p = np.random.default_rng(1).dirichlet(np.ones(classes), n)
    p[0] = np.eye(classes)[1]  # a certain one, with zeros
    return p


def compare(ours: Any, theirs: Any, a: Any, dtype: str = "float64") -> None:
    """Value and gradient at ``a``, of the loss times fixed random numbers, against PyTorch's."""
    torch = pytest.importorskip("torch")
    a = a.astype(dtype)
    t, u = ag.Tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
    x, y = ours(t), theirs(u)
    tight = 1e-12 if dtype == "float64" else 2e-6
    assert x.dtype == dtype
    np.testing.assert_allclose(x.data, y.detach().numpy(), rtol=tight, atol=tight)
    g = np.random.default_rng(2).normal(size=x.shape).astype(dtype)
    x.backward(g)
    y.backward(torch.tensor(g))
    assert t.grad.dtype == dtype
    np.testing.assert_allclose(t.grad, u.grad.numpy(), rtol=tight, atol=tight)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignored", [None, 3, -100])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropy_of_labels_is_pytorchs(
    reduction: str, smoothing: float, weighted: bool, ignored: int | None, dtype: str
) -> None:
    torch = pytest.importorskip("torch")
    from torch.nn.functional import cross_entropy

    a, y = examples()
    if ignored == -100:
        y[[1, 5]] = ignored
    w = WEIGHTS.astype(dtype) if weighted else None
    compare(
        lambda t: nn.cross_entropy(
            t, y, reduction, label_smoothing=smoothing, class_weights=w, ignore_index=ignored
        ),
        lambda t: cross_entropy(
            t,
            torch.tensor(y),
            weight=None if w is None else torch.tensor(w),
            ignore_index=-100 if ignored is None else ignored,
            reduction=reduction,
            label_smoothing=smoothing,
        ),
        a,
        dtype,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.25])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_of_probabilities_is_pytorchs(
    reduction: str, smoothing: float, weighted: bool
) -> None:
    torch = pytest.importorskip("torch")
    from torch.nn.functional import cross_entropy

    a, p = examples()[0], probabilities()
    w = WEIGHTS if weighted else None
    compare(
        lambda t: nn.cross_entropy(t, p, reduction, label_smoothing=smoothing, class_weights=w),
        lambda t: cross_entropy(
            t,
            torch.tensor(p),
            weight=None if w is None else torch.tensor(w),
            reduction=reduction,
            label_smoothing=smoothing,
        ),
        a,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
def test_nll_is_pytorchs(reduction: str, weighted: bool) -> None:
    torch = pytest.importorskip("torch")
    from torch.nn.functional import log_softmax as log_f
    from torch.nn.functional import nll_loss

    a, y = examples()
    y[2] = 1  # and the ignored ones:
    w = WEIGHTS if weighted else None
    compare(
        lambda t: nn.nll_loss(ag.log_softmax(t), y, reduction, class_weights=w, ignore_index=3),
        lambda t: nll_loss(
            log_f(t, -1),
            torch.tensor(y),
            None if w is None else torch.tensor(w),
            ignore_index=3,
            reduction=reduction,
        ),
        a,
    )


@pytest.mark.parametrize(("ours", "theirs"), [("mean", "batchmean"), ("sum", "sum")])
def test_kl_divergence_is_pytorchs(ours: str, theirs: str) -> None:
    torch = pytest.importorskip("torch")
    from torch.nn.functional import kl_div
    from torch.nn.functional import log_softmax as log_f

    a, p = examples()[0], probabilities()
    compare(
        lambda t: nn.kl_divergence(t, p, ours),
        lambda t: kl_div(log_f(t, -1), torch.tensor(p), reduction=theirs),
        a,
    )


def test_kl_divergence_is_zero_of_the_same_and_takes_log_probabilities() -> None:
    p = probabilities()[1:]
    assert np.allclose(nn.kl_divergence(np.log(p), p, "none"), 0, atol=1e-15)
    q = np.random.default_rng(3).dirichlet(np.ones(4), 6)
    expected = (p * np.log(p / q)).sum(axis=-1)
    assert np.allclose(nn.kl_divergence(np.log(q), p, "none"), expected)
    # ... and pre-activations that differ by a constant from those.
    assert np.allclose(nn.kl_divergence(np.log(q) + 3, p, "none"), expected)


def test_the_gradient_for_probabilities_is_f_minus_p() -> None:
    a, p = examples()[0], probabilities()
    f = np.exp(log_softmax(a))
    for loss in (nn.cross_entropy, nn.kl_divergence):
        t = ag.Tensor(a, requires_grad=True)
        loss(t, p, "sum").backward()
        assert np.allclose(t.grad, f - p)


@pytest.mark.parametrize("multiclass", ["crammer-singer", "weston-watkins"])
def test_multiclass_hinge_by_its_formula(multiclass: str) -> None:
    a, y = examples((2, 5), 4)
    expected = np.zeros(y.shape)
    for at in np.ndindex(y.shape):
        short = [max(0.0, 1 + a[at][j] - a[at][y[at]]) for j in range(4) if j != y[at]]
        expected[at] = max(short) if multiclass == "crammer-singer" else sum(short)
    found = nn.hinge_loss(a, y, "none", multiclass=multiclass)
    assert np.allclose(found, expected)
    assert np.allclose(nn.hinge_loss(a, y, multiclass=multiclass), expected.mean())
    assert (expected > 0).any()
    check_gradients(lambda t: nn.hinge_loss(t, y, multiclass=multiclass), a)


def test_weston_watkins_is_pytorchs_times_the_classes() -> None:
    torch = pytest.importorskip("torch")
    from torch.nn.functional import multi_margin_loss

    a, y = examples()
    compare(
        lambda t: nn.hinge_loss(t, y, "none", multiclass="weston-watkins"),
        lambda t: 4 * multi_margin_loss(t, torch.tensor(y), reduction="none"),
        a,
    )


def test_binary_hinge_by_its_formula() -> None:
    a = np.array([2.0, 0.5, -0.5, -2.0, 3.0])
    y = np.array([1, 1, 1, -1, -1])
    t = ag.Tensor(a, requires_grad=True)
    nn.hinge_loss(t, y, "sum").backward()
    assert nn.hinge_loss(a, y, "none").tolist() == [0, 0.5, 1.5, 0, 4]
    assert t.grad.tolist() == [0, -1, -1, 0, 1]
    assert nn.hinge_loss(a[:, None], y[:, None]) == pytest.approx(6 / 5)


CASES = {
    "weights": dict(class_weights=WEIGHTS),
    "smoothing": dict(label_smoothing=0.2),
    "both": dict(class_weights=WEIGHTS, label_smoothing=0.2),
    "ignored": dict(ignore_index=3, label_smoothing=0.2),
    "masked": dict(mask=np.arange(7) % 3 > 0),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_gradients_of_labels_at_orders_one_and_two(case: str, reduction: str) -> None:
    a, y = examples()
    check_gradients(lambda t: nn.cross_entropy(t, y, reduction, **CASES[case]), a)


def test_gradients_of_the_others_at_orders_one_and_two() -> None:
    a, y = examples()
    p = probabilities()
    check_gradients(lambda t: nn.cross_entropy(t, p, class_weights=WEIGHTS), a)
    check_gradients(lambda t: nn.kl_divergence(t, p), a)
    check_gradients(lambda t: nn.nll_loss(t, y, class_weights=WEIGHTS), log_softmax(a))


def test_targets_may_depend_on_something() -> None:
    a, q = examples()[0], np.random.default_rng(5).normal(size=(7, 4))
    check_gradients(lambda t, u: nn.kl_divergence(t, ag.softmax(u)), a, q)
    check_gradients(lambda t, u: nn.cross_entropy(t, ag.softmax(u)), a, q)


@pytest.mark.parametrize("leading", [(), (3,), (2, 3)])
def test_leading_axes(leading: tuple[int, ...]) -> None:
    a, y = examples(leading)
    each = -np.take_along_axis(log_softmax(a), y[..., None], axis=-1)[..., 0]
    for loss in (
        nn.cross_entropy(a, y, "none", class_weights=np.ones(4)),
        nn.cross_entropy(a, np.eye(4)[y], "none"),
        nn.nll_loss(log_softmax(a), y, "none"),
        nn.kl_divergence(a, np.eye(4)[y], "none"),
    ):
        np.testing.assert_allclose(loss, each, rtol=1e-12)


# --- what does not count --------------------------------------------------------------------------

LOSSES = {
    "labels": (lambda a, y, **o: nn.cross_entropy(a, y, **o), "labels"),
    "weighted": (lambda a, y, **o: nn.cross_entropy(a, y, class_weights=WEIGHTS, **o), "labels"),
    "smooth": (lambda a, y, **o: nn.cross_entropy(a, y, label_smoothing=0.1, **o), "labels"),
    "probabilities": (lambda a, y, **o: nn.cross_entropy(a, y, **o), "rows"),
    "kl": (lambda a, y, **o: nn.kl_divergence(a, y, **o), "rows"),
    "nll": (lambda a, y, **o: nn.nll_loss(ag.log_softmax(a), y, **o), "labels"),
    "hinge": (lambda a, y, **o: nn.hinge_loss(a, y, **o), "labels"),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_what_is_masked_out_may_be_anything(name: str, reduction: str) -> None:
    loss, kind = LOSSES[name]
    a, y = examples()
    keep = np.array([1, 0, 1, 1, 0, 1, 1], bool)
    target = y.astype(float) if kind == "labels" else probabilities()
    bad = target.copy()
    bad[~keep] = np.nan
    t, u = (ag.Tensor(a, requires_grad=True) for _ in range(2))
    there = loss(t, bad, reduction=reduction, mask=keep)
    kept = target[keep].astype(int) if kind == "labels" else target[keep]
    alone = loss(u[keep], kept, reduction=reduction)
    if reduction == "none":
        assert there.shape == (7,)
        assert (there.data[~keep] == 0).all()
        there = there[keep]
    np.testing.assert_allclose(there.data, alone.data, rtol=1e-12)
    ag.sum(there).backward()
    ag.sum(alone).backward()
    np.testing.assert_allclose(t.grad, u.grad, rtol=1e-12, atol=1e-15)
    assert (t.grad[~keep] == 0).all()


def test_outputs_that_are_masked_out_may_be_anything_too() -> None:
    a, y = examples()
    a[3] = np.nan
    t = ag.Tensor(a, requires_grad=True)
    for reduction in ("mean", "sum"):
        loss = nn.cross_entropy(t, y, reduction, mask=np.arange(7) != 3)
        loss.backward()
        assert np.isfinite(loss.item())
        assert np.isfinite(t.grad).all()


def test_ignored_labels_need_be_no_class_and_nan_is_not_one() -> None:
    a, y = examples()
    y[0] = 255
    with pytest.raises(ValueError, match="row 0 has the label 255, outside the 4 classes"):
        nn.cross_entropy(a, y, ignore_index=-1)
    assert nn.cross_entropy(a, y, ignore_index=255) == pytest.approx(
        float(nn.cross_entropy(a[1:], y[1:]))
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_mask_and_an_ignored_label_together(smoothing: float) -> None:
    a, y = examples()
    keep = np.array([1, 0, 1, 1, 1, 1, 1], bool)
    y[:3] = [3, 1, 2]
    both = keep & (y != 3)
    assert (keep.sum(), (y != 3).sum(), both.sum()) != (both.sum(),) * 3
    each = nn.cross_entropy(a, y, "none", ignore_index=3, mask=keep)
    assert ((each != 0) == both).all()
    options = dict(label_smoothing=smoothing, class_weights=[1.0, 2.0, 3.0, 4.0])
    found = nn.cross_entropy(a, y, ignore_index=3, mask=keep, **options)
    assert found == pytest.approx(float(nn.cross_entropy(a[both], y[both], **options)))


def test_nothing_counts() -> None:
    a, y = examples()
    with pytest.raises(ValueError, match="cross_entropy: .*nothing in the batch counts"):
        nn.cross_entropy(a, y, mask=np.zeros(7, bool))
    with pytest.raises(ValueError, match="nothing in the batch counts"):
        nn.cross_entropy(a, np.full(7, 2), class_weights=WEIGHTS)
    assert nn.cross_entropy(a, y, "sum", mask=np.zeros(7, bool)) == 0.0


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_in_chunks(name: str, reduction: str, masked: bool, dtype: str) -> None:
    da = pytest.importorskip("dask.array")
    loss, kind = LOSSES[name]
    a, y = examples()
    a, target = a.astype(dtype), y if kind == "labels" else probabilities().astype(dtype)
    options = dict(reduction=reduction, mask=np.arange(7) % 3 > 0 if masked else None)
    t = ag.Tensor(da.from_array(a, chunks=(3, 4)), requires_grad=True)
    u = ag.Tensor(a, requires_grad=True)
    lazy, plain = loss(t, da.from_array(target, chunks=3), **options), loss(u, target, **options)
    assert lazy.dtype == dtype
    tight = 1e-12 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(lazy.data.compute(), plain.data, rtol=tight, atol=tight)
    ag.sum(lazy).backward()
    ag.sum(plain).backward()
    np.testing.assert_allclose(t.grad.compute(), u.grad, rtol=tight, atol=tight)


# --- extremes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extremes_are_finite_and_silent(dtype: str) -> None:
    a = np.array([[1e4, -1e4], [-1e4, 1e4], [1e4, 1e4]], dtype)
    p = np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]], dtype)
    for loss in (
        lambda t: nn.cross_entropy(t, [1, 1, 0], label_smoothing=0.1, class_weights=[1.0, 2.0]),
        lambda t: nn.cross_entropy(t, p),
        lambda t: nn.kl_divergence(t, p),
        lambda t: nn.hinge_loss(t, [1, 1, 0]),
        lambda t: nn.hinge_loss(t, [1, 1, 0], multiclass="weston-watkins"),
        lambda t: nn.hinge_loss(t, np.sign(t.data)),
        lambda t: nn.nll_loss(ag.log_softmax(t), [1, 1, 0]),
    ):
        t = ag.Tensor(a, requires_grad=True)
        found = loss(t)
        found.backward()
        assert found.dtype == dtype
        assert np.isfinite(found.item())
        assert np.isfinite(t.grad).all()


# --- bad input ------------------------------------------------------------------------------------

A = np.zeros((3, 4))
P = np.full((3, 4), 0.25)


def changed(x: Any, at: Any, value: float) -> Any:
    x = np.array(x, float)
    x[at] = value
    return x


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: nn.cross_entropy(A, changed(P, (1, 2), -0.5)),
            ValueError,
            "the target probabilities have -0.5 in row 1, column 2; they must be 0 or more",
        ),
        (
            lambda: nn.cross_entropy(A, changed(P, (2, 0), np.nan)),
            ValueError,
            "the target probabilities have nan in row 2, column 0",
        ),
        (
            lambda: nn.kl_divergence(A, changed(P, (1, 3), 0.5)),
            ValueError,
            "kl_divergence: the target probabilities of each row must sum to 1, and row 1 sums to "
            "1.25",
        ),
        (
            lambda: nn.kl_divergence(A, np.zeros((3, 3))),
            ValueError,
            r"targets of shape \(3, 3\) for outputs of shape \(3, 4\)",
        ),
        (
            lambda: nn.cross_entropy(A, [0.0, 1.0, 2.0]),
            TypeError,
            "labels must be integers, not float64",
        ),
        (
            lambda: nn.cross_entropy(A, [0, 1, 2], class_weights=[1.0, 2.0]),
            ValueError,
            r"class_weights must be 4 numbers, .* not float64 of shape \(2,\)",
        ),
        (
            lambda: nn.cross_entropy(A, [0, 1, 2], class_weights=[1.0, 2.0, -1.0, 0.0]),
            ValueError,
            "that of class 2 is -1.0",
        ),
        (
            lambda: nn.cross_entropy(A, [0, 1, 2], label_smoothing=1.0),
            ValueError,
            r"label_smoothing must be in \[0, 1\), not 1.0",
        ),
        (
            lambda: nn.cross_entropy(A, [0, 1, 2], label_smoothing="0.1"),
            TypeError,
            "label_smoothing must be a number, not '0.1'",
        ),
        (
            lambda: nn.cross_entropy(A, [0, 1, 2], mask=[1, 0, 1]),
            TypeError,
            r"a mask holds booleans, .* not int64; for instance mask=mask.astype\(bool\)",
        ),
        (
            lambda: nn.cross_entropy(A, [0, 1, 2], mask=[True, False]),
            ValueError,
            r"a mask of shape \(2,\) for losses of shape \(3,\)",
        ),
        (
            lambda: nn.cross_entropy(A, P, ignore_index=0),
            ValueError,
            "ignore_index is for integer labels; pass mask instead",
        ),
        (
            lambda: nn.nll_loss(A + 1, [0, 1, 2]),
            ValueError,
            "1.0 in row 0, column 0 is the logarithm of no probability",
        ),
        (
            lambda: nn.nll_loss(A, [0, 4, 2]),
            ValueError,
            "nll_loss: row 1 has the label 4, outside the 4 classes",
        ),
        (
            lambda: nn.hinge_loss(A[:, 0], [1, 0, -1]),
            ValueError,
            "the targets have 0.0 in row 1, and must be -1 or 1; write 2 . target - 1",
        ),
        (
            lambda: nn.hinge_loss(A[:, :1], [1, 1, -1]),
            ValueError,
            r"shape \(3,\) for outputs of shape \(3, 1\).*target\[..., None\]",
        ),
        (
            lambda: nn.hinge_loss(A, [0, 1, 5]),
            ValueError,
            "hinge_loss: row 2 has the label 5",
        ),
        (
            lambda: nn.hinge_loss(A, [0, 1, 2], multiclass="ovr"),
            ValueError,
            "unknown multiclass 'ovr', known are crammer-singer, weston-watkins",
        ),
        (lambda: nn.kl_divergence(A[:0], P[:0]), ValueError, "kl_divergence: .*empty batch"),
        (lambda: nn.nll_loss(A[:0], np.zeros(0, int)), ValueError, "nll_loss: .*empty batch"),
        (lambda: nn.kl_divergence(A, P, "avg"), ValueError, "unknown reduction 'avg'"),
        (lambda: nn.nll_loss(A * 1j, [0, 1, 2]), TypeError, "real numbers, not complex128"),
    ],
)
def test_bad_input(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
