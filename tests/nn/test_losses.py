"""Cross-entropy, and back-propagation by the lecture's formulas (LECTURE L9, L10, L11)."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_core as ag
import nn
from nn.losses.classification import _starts


def softmax(a: Any) -> Any:
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def e(labels: Any, classes: int) -> Any:
    """Rows of the identity: the lecture's e(y)."""
    return np.eye(classes)[labels]


def examples(n: int, classes: int, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, classes)) * 3, rng.integers(0, classes, n)


@given(
    n=st.integers(1, 6),
    classes=st.integers(1, 5),
    seed=st.integers(0, 1000),
    dtype=st.sampled_from(["float32", "float64"]),
    labels_dtype=st.sampled_from(["int8", "int32", "int64", "uint8", "uint64", ">i4"]),
)
def test_value_and_gradient(n: int, classes: int, seed: int, dtype: str, labels_dtype: str) -> None:
    a, y = examples(n, classes, seed)
    a, y = a.astype(dtype), y.astype(labels_dtype)
    t = ag.Tensor(a, requires_grad=True)
    loss = nn.cross_entropy(t, y)
    tight = 1e-12 if dtype == "float64" else 1e-5
    assert loss.shape == ()
    assert loss.dtype == dtype
    index = y.astype(int)
    assert loss.item() == pytest.approx(
        -np.log(softmax(a.astype(float))[np.arange(n), index]).mean(), rel=tight, abs=tight
    )
    loss.backward()
    assert t.grad.dtype == dtype
    # The gradient at the pre-activation is f(x) - e(y), averaged over the batch.
    assert np.allclose(t.grad, (softmax(a.astype(float)) - e(index, classes)) / n, atol=tight)


@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (0,)])
def test_reductions_and_leading_axes(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    a, y = rng.normal(size=(*shape, 5)), rng.integers(0, 5, shape)
    each = -np.log((softmax(a) * e(y, 5)).sum(axis=-1))
    assert np.allclose(nn.cross_entropy(a, y, reduction="none"), each)
    assert np.allclose(nn.cross_entropy(a, y, reduction="sum"), each.sum())
    t = ag.Tensor(a, requires_grad=True)
    weights = rng.normal(size=shape)
    nn.cross_entropy(t, y, reduction="none").backward(weights)
    assert np.allclose(t.grad, (softmax(a) - e(y, 5)) * weights[..., None])
    t.zero_grad()
    nn.cross_entropy(t, y, reduction="sum").backward()
    assert np.allclose(t.grad, softmax(a) - e(y, 5))
    if each.size:
        assert np.allclose(nn.cross_entropy(a, y), each.mean())


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_it_is_what_log_softmax_says_at_orders_one_and_two(reduction: str) -> None:
    a, y = examples(3, 4)
    w = np.array([0.5, -1.0, 2.0])

    def plain(t: Any) -> Any:
        each = -ag.log_softmax(t, axis=-1)[np.arange(3), y]
        if reduction == "none":
            return ag.sum(each * w)
        return ag.mean(each) if reduction == "mean" else ag.sum(each)

    def ours(t: Any) -> Any:
        loss = nn.cross_entropy(t, y, reduction=reduction)
        return ag.sum(loss * w) if reduction == "none" else loss

    direction = np.random.default_rng(1).normal(size=a.shape)

    def slope(f: Any) -> Any:
        return ag.grad(lambda t: ag.sum(ag.grad(f)(t) * direction))

    assert np.allclose(ag.grad(ours)(a), ag.grad(plain)(a), rtol=1e-12)
    assert np.allclose(slope(ours)(a), slope(plain)(a), rtol=1e-12)
    p = softmax(a)
    # The curvature is diag(p) - p pᵀ in each row.
    row = {"mean": np.full(3, 1 / 3), "sum": np.ones(3), "none": w}[reduction][:, None]
    expected = row * (p * direction - p * (p * direction).sum(axis=-1, keepdims=True))
    assert np.allclose(slope(ours)(a), expected)


def test_forward_mode_agrees() -> None:
    a, y = examples(3, 4)
    v = np.random.default_rng(1).normal(size=a.shape)
    _, tangent = ag.jvp(lambda t: nn.cross_entropy(t, y), (a,), (v,))
    assert np.allclose(tangent, ((softmax(a) - e(y, 4)) / 3 * v).sum())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_never_takes_the_logarithm_of_a_rounded_probability(dtype: str) -> None:
    t = ag.Tensor(np.array([[1e4, -1e4], [1e4, -1e4]], dtype), requires_grad=True)
    loss = nn.cross_entropy(t, [0, 1], reduction="none")
    assert loss.data.tolist() == [0.0, 2e4]
    loss.backward(np.ones(2))
    assert t.grad.tolist() == [[0.0, 0.0], [1.0, -1.0]]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("lies", ["transposed", "reversed"])
def test_pre_activations_may_lie_in_any_order(reduction: str, lies: str) -> None:
    turned: Any = np.transpose if lies == "transposed" else np.flip
    a, y = examples(4, 3)
    t = ag.Tensor(turned(a).copy(), requires_grad=True)
    seen = turned(t)
    assert not seen.data.flags.c_contiguous
    nn.cross_entropy(seen, y, reduction).backward(np.ones(4) if reduction == "none" else None)
    expected = (softmax(a) - e(y, 3)) / (4 if reduction == "mean" else 1)
    assert np.allclose(turned(t.grad), expected, rtol=1e-12)


def test_what_the_forward_pass_noted_serves_once_and_only_its_own_operand() -> None:
    x, y = examples(5, 4)
    a = ag.Tensor(x, requires_grad=True)
    loss = nn.cross_entropy(a, y)
    expected = (softmax(x) - e(y, 4)) / 5
    loss.backward(retain_graph=True)
    first, a.grad[...] = a.grad.copy(), 7.0  # what a user does to a gradient is no other's affair
    a.zero_grad()
    loss.backward(retain_graph=True)
    np.testing.assert_array_equal(a.grad, first)  # bit for bit, though computed anew
    a.zero_grad()
    loss = nn.cross_entropy(a, y)
    node = loss._node
    assert node is not None
    node.op.fn(x[::-1] + 1.0, y, **node.params)  # as inspection does, to find who is to blame
    loss.backward()
    np.testing.assert_allclose(a.grad, expected, rtol=1e-12)
    np.testing.assert_array_equal(a.grad, first)


@pytest.mark.parametrize("n", [1023, 1024])
def test_long_batches_leave_nothing_behind(n: int) -> None:
    x, y = examples(n, 3)
    before = _starts.cache_info().currsize
    for m in (n, n - 1):
        a = ag.Tensor(x[:m], requires_grad=True)
        nn.cross_entropy(a, y[:m]).backward()
        np.testing.assert_allclose(a.grad, (softmax(x[:m]) - e(y[:m], 3)) / m, atol=1e-15)
    kept = [m for m in (n, n - 1) if m < 1024]
    assert _starts.cache_info().currsize <= before + len(kept)


def test_small_unsigned_pre_activations_do_not_wrap_around() -> None:
    a = np.array([[200, 10], [0, 255]], np.uint8)
    assert nn.cross_entropy(a, [0, 0]) == pytest.approx(nn.cross_entropy(a.astype(float), [0, 0]))
    with pytest.raises(TypeError, match="outputs must be real numbers, not complex128"):
        nn.cross_entropy(np.ones((2, 2), complex), [0, 0])


def test_masked_arrays_are_refused_and_tables_are_taken() -> None:
    masked = np.ma.masked_array([0, 1], [True, False])
    with pytest.raises(TypeError, match=r"labels are a MaskedArray; .* mask=~y.mask"):
        nn.cross_entropy(np.ones((2, 2)), masked)
    with pytest.raises(TypeError, match="MaskedArray computes by rules of its own"):
        nn.cross_entropy(np.ma.masked_array(np.ones((2, 2)), np.eye(2)), [0, 1])
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(np.ones((2, 2)))
    assert nn.cross_entropy(table, pandas.Series([0, 1])) == pytest.approx(np.log(2))


def test_labels_may_be_overwritten_before_backward() -> None:
    t, y = ag.Tensor(np.zeros((1, 2)), requires_grad=True), np.array([0])
    loss = nn.cross_entropy(t, y)
    y[:] = 1
    loss.backward()
    assert t.grad.tolist() == [[-0.5, 0.5]]


G = {
    "sigmoid": (lambda a: 1 / (1 + np.exp(-a)), lambda h: h * (1 - h)),
    "tanh": (np.tanh, lambda h: 1 - h**2),
    "relu": (lambda a: np.maximum(a, 0), lambda h: (h > 0).astype(float)),
    "linear": (lambda a: a, lambda h: np.ones_like(h)),
}


@pytest.mark.parametrize("activation", G)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_back_propagation_by_the_lectures_formulas(activation: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    net = nn.MLP([6, 5, 4, 3], activation=activation, rng=rng, dtype=dtype)
    for p in net.parameters():
        p.data = rng.normal(size=p.shape).astype(dtype)
    x, y = rng.normal(size=(8, 6)).astype(dtype), rng.integers(0, 3, 8)
    nn.cross_entropy(net(x), y, reduction="sum").backward()

    g, slope = G[activation]
    states = [p.data.astype(float) for p in net.parameters()]
    W, b = states[0::2], states[1::2]
    h = [x.astype(float)]
    for k in range(3):
        a = h[k] @ W[k] + b[k]
        h.append(g(a) if k < 2 else softmax(a))
    at_a = h[3] - e(y, 3)  # ∇a(L+1) = f(x) - e(y)
    expected: list[Any] = []
    for k in (2, 1, 0):
        # ∇W = ∇a hᵀ (transposed, for rows are examples) and ∇b = ∇a, summed over the batch.
        expected[:0] = [h[k].T @ at_a, at_a.sum(axis=0)]
        at_a = (at_a @ W[k].T) * slope(h[k])  # ∇h = Wᵀ ∇a, then ⊙ g'(a)
    for p, formula in zip(net.parameters(), expected, strict=True):
        assert p.grad.dtype == dtype
        assert np.allclose(
            p.grad, formula, rtol=1e-10 if dtype == "float64" else 1e-3, atol=1e-4
        ), p.name


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [10, -1, 2**40, -(2**40)])
def test_labels_outside_the_classes_are_named(bad: int) -> None:
    y = np.arange(10)
    y[7:] = bad
    with pytest.raises(ValueError, match=rf"row 7 has the label {bad}, outside the 10 classes"):
        nn.cross_entropy(np.zeros((10, 10)), y)


def test_the_row_of_a_label_outside_has_all_its_indices() -> None:
    y = np.zeros((2, 3), np.int8)
    y[1, 2] = -128
    with pytest.raises(ValueError, match="row 1, 2 has the label -128, outside the 4 classes"):
        nn.cross_entropy(np.zeros((2, 3, 4)), y)


@pytest.mark.parametrize("labels", [[0.0, 1.0], [True, False], ["0", "1"]])
def test_labels_must_be_integers(labels: Any) -> None:
    with pytest.raises(TypeError, match=r"labels must be integers, not .*astype\(int\)"):
        nn.cross_entropy(np.zeros((2, 3)), labels)


@pytest.mark.parametrize("shape", [(3,), (2, 1), ()])
def test_labels_of_the_wrong_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \(2,\), one integer for each row"):
        nn.cross_entropy(np.zeros((2, 3)), np.zeros(shape, int))


def test_one_hot_labels_are_told_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"labels\.argmax\(axis=-1\)"):
        nn.cross_entropy(np.zeros((2, 3)), np.eye(3, dtype=int)[:2])


def test_other_bad_input() -> None:
    with pytest.raises(ValueError, match="unknown reduction 'avg', known are mean, sum, none"):
        nn.cross_entropy(np.zeros((2, 3)), [0, 1], reduction="avg")
    with pytest.raises(ValueError, match="empty batch"):
        nn.cross_entropy(np.zeros((0, 3)), np.zeros(0, int))
    with pytest.raises(ValueError, match="one entry per class"):
        nn.cross_entropy(np.zeros((0, 0)), np.zeros(0, int), reduction="sum")
    with pytest.raises(ValueError, match="a last axis"):
        nn.cross_entropy(1.0, 0)


def test_labels_may_be_a_tensor() -> None:
    assert nn.cross_entropy(np.zeros((1, 2)), ag.Tensor([0])) == pytest.approx(np.log(2))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("distance", [0.0, 5.0, 59.0, 61.0, 90.0, 1e3, 1e4])
@pytest.mark.parametrize("shape", [(3, 4), (1, 2), (2, 3, 5)])
def test_however_far_apart_pre_activations_are(
    shape: tuple[int, ...], distance: float, dtype: str
) -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=shape).astype(dtype)
    a[0] = np.linspace(-distance / 2, distance / 2, shape[-1])  # some classes near, some far
    y = rng.integers(0, shape[-1], shape[:-1])
    for labels in (y, np.zeros_like(y), np.full_like(y, shape[-1] - 1)):
        t = ag.Tensor(a, requires_grad=True)
        each = nn.cross_entropy(t, labels, "none")
        each.backward(np.ones(each.shape, dtype))
        wide = a.astype(float)
        rows = np.log(np.exp(wide - wide.max(axis=-1, keepdims=True)).sum(axis=-1))
        rows += wide.max(axis=-1)
        picked = np.take_along_axis(wide, labels[..., None], axis=-1)[..., 0]
        tight = 100 * np.finfo(dtype).eps
        np.testing.assert_allclose(each.data, rows - picked, rtol=tight, atol=tight)
        expected = softmax(wide) - e(labels, shape[-1])
        np.testing.assert_allclose(t.grad, expected, rtol=tight, atol=tight)


@pytest.mark.parametrize(
    ("row", "label", "expected"),
    [
        ([0.0, -np.inf, 0.0], 0, np.log(2)),
        ([0.0, -np.inf, -np.inf], 1, np.inf),  # silent, too: pytest raises warnings
        ([np.nan, 0.0, 0.0], 1, np.nan),
        ([1e38, -1e38, 0.0], 0, 0.0),
    ],
)
def test_infinite_pre_activations(row: list[float], label: int, expected: float) -> None:
    a = np.array([[1.0, 2.0, 3.0], row], np.float32)
    found = nn.cross_entropy(a, [0, label], "none")
    plain = np.log(1 + np.e + np.e**2)
    np.testing.assert_allclose(found, [plain, expected], rtol=1e-6)
