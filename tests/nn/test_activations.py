"""The activations: by their formulas, against PyTorch, far out, at order 2, and by name."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
from autograd_core.ops import activations
from autograd_core.testing import check_gradients

# As the papers write them, without a thought of overflow.
FORMULAS: dict[str, Callable[[Any], Any]] = {
    "linear": lambda a: a,
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "tanh": lambda a: (np.exp(2 * a) - 1) / (np.exp(2 * a) + 1),
    "relu": lambda a: np.where(a > 0, a, 0),
    "leaky_relu": lambda a: np.where(a > 0, a, 0.01 * a),
    "elu": lambda a: np.where(a > 0, a, np.exp(a) - 1),
    "selu": lambda a: 1.0507009873554805 * np.where(a > 0, a, 1.6732632423543772 * (np.exp(a) - 1)),
    "gelu": lambda a: a * np.vectorize(lambda v: math.erfc(-v / math.sqrt(2)) / 2, [float])(a),
    "gelu_tanh": lambda a: 0.5 * a * (1 + np.tanh(math.sqrt(2 / math.pi) * (a + 0.044715 * a**3))),
    "silu": lambda a: a / (1 + np.exp(-a)),
    "softplus": lambda a: np.log(1 + np.exp(a)),
    "softmax": lambda a: np.exp(a) / np.exp(a).sum(axis=-1, keepdims=True),
    "log_softmax": lambda a: np.log(np.exp(a) / np.exp(a).sum(axis=-1, keepdims=True)),
}


def test_every_activation_has_a_formula_here() -> None:
    assert set(nn.ACTIVATIONS) == set(FORMULAS)


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("shape", [(4, 3), (5,), (2, 3, 4), (0, 3)])
def test_activations_by_name(name: str, shape: tuple[int, ...]) -> None:
    a = np.random.default_rng(0).normal(size=shape)
    module = nn.activation(name)
    assert np.allclose(module(ag.Tensor(a)).data, FORMULAS[name](a), rtol=1e-12, atol=1e-14)
    assert np.allclose(module(a), FORMULAS[name](a), rtol=1e-12, atol=1e-14)
    assert nn.activation(module) is module
    assert module.parameters() == module.buffers() == []


@pytest.mark.parametrize("name", FORMULAS)
def test_their_gradients_at_order_1_and_2(name: str) -> None:
    a = np.random.default_rng(1).normal(size=(3, 4)) * 2
    check_gradients(nn.activation(name), a[np.abs(a).min(axis=-1) > 0.01], order=2)


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_activations_are_finite_and_silent_far_out(name: str, dtype: str) -> None:
    a = ag.Tensor(np.array([-1e4, -30.0, -1.0, 0.0, 1.0, 30.0, 1e4], dtype), requires_grad=True)
    h = nn.activation(name)(a)
    ag.sum(h * h).backward()
    assert h.dtype == a.grad.dtype == dtype
    assert np.all(np.isfinite(h.data))
    assert np.all(np.isfinite(a.grad))


@pytest.mark.parametrize("name", FORMULAS)
def test_second_derivatives_are_finite_and_silent_far_out(name: str) -> None:
    a = np.array([-1e4, -30.0, 30.0, 1e4], np.float32)
    second = ag.grad(lambda a: ag.sum(ag.grad(lambda a: ag.sum(nn.activation(name)(a)))(a)))(a)
    assert np.all(np.isfinite(np.asarray(second)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("module", "theirs"),
    [
        (nn.LeakyReLU(), "LeakyReLU()"),
        (nn.LeakyReLU(0.3), "LeakyReLU(0.3)"),
        (nn.ELU(), "ELU()"),
        (nn.ELU(0.5), "ELU(0.5)"),
        (nn.SELU(), "SELU()"),
        (nn.GELU(), "GELU()"),
        (nn.GELU("tanh"), "GELU('tanh')"),
        (nn.SiLU(), "SiLU()"),
        (nn.Softplus(), "Softplus()"),
        (nn.Softmax(), "Softmax(-1)"),
        (nn.LogSoftmax(), "LogSoftmax(-1)"),
    ],
)
def test_values_and_gradients_are_pytorchs(module: nn.Module, theirs: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    x = (3 * rng.normal(size=(5, 7))).astype(dtype)
    x[0, 0] = 0.0  # where some have a kink
    g = rng.normal(size=(5, 7)).astype(dtype)
    ours, other = ag.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y = module(ours)
    y.backward(g)
    expected = eval(f"torch.nn.{theirs}", {"torch": torch})(other)
    expected.backward(torch.tensor(g))
    tol = dict(rtol=2e-5, atol=2e-6) if dtype == "float32" else dict(rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(y.data, expected.detach().numpy(), **tol)
    np.testing.assert_allclose(ours.grad, other.grad.numpy(), **tol)


def test_selu_keeps_mean_0_and_variance_1() -> None:
    x = np.random.default_rng(0).normal(size=1_000_000)
    h = nn.SELU()(x)
    assert abs(h.mean()) < 0.005
    assert abs(h.var() - 1) < 0.01


def test_the_two_forms_of_gelu_are_close() -> None:
    x = np.linspace(-10, 10, 2001)
    assert 1e-4 < np.abs(nn.GELU()(x) - nn.GELU("tanh")(x)).max() < 0.0005


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_gelu_without_scipy_is_the_same(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.linspace(-8, 8, 41).astype(dtype)

    def both() -> list[Any]:
        t = ag.Tensor(x, requires_grad=True)
        y = nn.GELU()(t)
        y.backward(np.ones_like(x))
        return [y.data, t.grad, nn.GELU()(x[3]), nn.GELU()(np.zeros((0, 2), dtype))]

    with_scipy = both()
    monkeypatch.setattr(activations, "_ndtr", lambda: activations._by_element)
    for ours, scipys in zip(both(), with_scipy, strict=True):
        assert ours.dtype == scipys.dtype == dtype
        # SciPy's in float16 is rounded from float32.
        np.testing.assert_allclose(ours, scipys, rtol={"float16": 2e-3}.get(dtype, 2e-6), atol=1e-7)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("sigmod", "sigmoid"),
        ("Relu", "relu"),
        ("TANH", "tanh"),
        ("lin", "linear"),
        ("swish", "silu"),
        ("logistic", "sigmoid"),  # as scikit-learn calls it
    ],
)
def test_an_unknown_activation_is_told_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"did you mean '{nearest}'") as error:
        nn.activation(name)
    assert all(known in str(error.value) for known in nn.ACTIVATIONS)


@pytest.mark.parametrize("what", [np.tanh, None, nn.Tanh])
def test_an_activation_is_a_name_or_a_module(what: Any) -> None:
    with pytest.raises(TypeError, match="a name or a module"):
        nn.activation(what)


def test_maxout_is_told_to_be_a_layer() -> None:
    with pytest.raises(ValueError, match=r"nn\.Maxout\(in_features, out_features, pieces\)"):
        nn.MLP([3, 4, 2], activation="maxout")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.LeakyReLU("0.1"), "LeakyReLU: slope must be a number"),  # type: ignore[arg-type]
        (lambda: nn.LeakyReLU(math.nan), "LeakyReLU: slope must be finite, not nan"),
        (lambda: nn.ELU(-1.0), "ELU: alpha must be a finite number from 0 on"),
        (lambda: nn.ELU(math.inf), "ELU: alpha must be a finite number from 0 on"),
        (lambda: nn.GELU("erf"), "'none' or 'tanh', not 'erf'"),
        (lambda: ag.elu(np.ones(2), alpha=-1.0), "elu: alpha must not be negative"),
        (lambda: ag.gelu(np.ones(2), approximate="erf"), "'none' or 'tanh', not 'erf'"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_how_they_look() -> None:
    modules = [nn.LeakyReLU(), nn.ELU(0.5), nn.GELU(), nn.GELU("tanh"), nn.SiLU()]
    assert [repr(module) for module in modules] == [
        "LeakyReLU(0.01)", "ELU(0.5)", "GELU()", "GELU('tanh')", "SiLU()",
    ]  # fmt: skip


ODD = [0.0, -0.0, 1.5, -2.0, np.inf, -np.inf, np.nan, 1e-40]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", ">f4", "int32"])
@pytest.mark.parametrize("layout", ["plain", "strided", "transposed", "0-d"])
def test_selecting_by_bits_is_where(dtype: str, layout: str) -> None:
    kinds = np.array([ODD, ODD[::-1]])
    if dtype == "int32":
        kinds = np.nan_to_num(kinds, posinf=7, neginf=-7)
    x = kinds.astype(dtype)
    x = {"plain": x, "strided": x[:, ::3], "transposed": x.T, "0-d": np.array(x[0, 3])}[layout]
    keep = np.random.default_rng(0).random(x.shape) < 0.5
    y = np.flip(x)
    for found, expected in (
        (activations.only(keep, x), np.where(keep, x, 0.0)),
        (activations.only(~keep, x), np.where(~keep, x, 0.0)),
        (activations.chosen(keep, x, y), np.where(keep, x, y)),
        (activations.only(keep[..., None], x[..., None]), np.where(keep, x, 0.0)[..., None]),
    ):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype
        assert not np.may_share_memory(found, x)


def test_selecting_broadcasts_and_is_recorded_as_where() -> None:
    x = np.array([1.0, -2.0])
    assert np.array_equal(activations.only(np.array(True), x), x)
    assert np.array_equal(activations.only(np.array([[True], [False]]), x), [x, [0.0, 0.0]])
    t = ag.Tensor(x, requires_grad=True)
    assert activations.only(x > 0, t).op.name == "where"
    assert activations.chosen(x > 0, t, x).op.name == "where"


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("beside", [0.0, -90.0, np.nan, np.inf, -np.inf])
def test_sigmoid_and_softplus_are_exact_in_the_last_digits_everywhere(
    dtype: str, beside: float
) -> None:
    # Whatever lies beside an element must not change its value by more than rounding.
    a = np.linspace(-87.0, 87.0, 349).astype(dtype)
    wide = a.astype(np.longdouble)
    digits = 8 * np.finfo(dtype).eps
    rows = np.stack([a, np.full_like(a, beside)])
    tiny = np.finfo(dtype).tiny  # below it there are fewer digits
    for name, expected in (
        ("sigmoid", 1 / (1 + np.exp(-wide))),
        ("softplus", np.logaddexp(0, wide)),
    ):
        found = getattr(ag, name)(rows)[0]
        np.testing.assert_allclose(found, expected.astype(float), rtol=digits, atol=tiny)
    assert ag.sigmoid(rows).dtype == ag.softplus(rows).dtype == dtype
    last = {np.inf: 1.0, -np.inf: 0.0}.get(beside, 1 / (1 + np.exp(-beside)))
    np.testing.assert_allclose(ag.sigmoid(rows)[1], last, rtol=digits, atol=tiny)
