"""What `check_gradients` takes, what it says, and what it leaves as it was."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
from autograd_core.testing import (
    GradientCheckError,
    check_gradients,
    numerical_gradient,
    numerical_jvp,
)
from tests.autograd_core.testing.hand_written import PAIRS

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(3, 4)), RNG.normal(size=4)


def cubed(x: Any) -> Any:
    """A function that a snippet can import."""
    return x**3


def wrong_slope(g: Any, x: Any) -> Any:
    return 2.0 * g * x**2


class TestNames:
    def test_from_the_signature_and_the_tree(self) -> None:
        def f(p: Any, x: Any, *rest: Any, scale: float = 1.0) -> Any:
            return p["w"][0] * x * rest[0] * scale

        report = check_gradients(f, {"w": [2.0, (Y,)]}, X, Y, 3, order=1, kwargs={"scale": 2.0})
        assert list(report) == ["p['w'][0]", "p['w'][1][0]", "x", "rest[0]"]

    def test_a_leaf_of_the_same_name(self) -> None:
        w = ag.Tensor(Y, requires_grad=True)
        report = check_gradients(lambda w: w * 2.0 + w_(w, Y), Y, wrt={"w": w}, order=1)
        assert list(report) == ["argument w", "w"]

    def test_of_a_ufunc(self) -> None:
        assert next(iter(check_gradients(np.arctan2, X, Y, order=1))).startswith("x")


def w_(x: Any, y: Any) -> Any:
    return x * y


class TestModules:
    def model(self, **given: Any) -> nn.MLP:
        return nn.MLP([3, 5, 2], activation="tanh", rng=np.random.default_rng(0), **given)

    def test_all_parameters(self) -> None:
        model = self.model()
        before = [(p.data, p.data.copy()) for p in model.parameters()]
        report = check_gradients(model, RNG.normal(size=(4, 3)))
        names = [name for name, _ in model.named_parameters()]
        assert set(report) == {
            n + suffix for n in [*names, "x"] for suffix in ("", ", order 2")
        }  # fmt: skip
        for p, (array, values) in zip(model.parameters(), before, strict=True):
            assert p.data is array
            np.testing.assert_array_equal(p.data, values)
            assert p.grad is None

    def test_put_back_after_an_error(self) -> None:
        model = self.model()
        before = [p.data for p in model.parameters()]
        first = before[0].copy()

        class Failing(nn.Module):
            def __init__(self) -> None:
                self.inner = model

            def forward(self, x: Any) -> Any:
                if not np.array_equal(model.parameters()[0].data, first):
                    raise RuntimeError("moved")
                return model(x)

        check_gradients(Failing(), np.ones((1, 3)), order=1)
        for p, array in zip(model.parameters(), before, strict=True):
            assert p.data is array

    def test_a_wrong_parameter_is_named(self) -> None:
        class Detached(nn.Module):
            def __init__(self) -> None:
                self.w = nn.Parameter([0.5, -1.0])
                self.b = nn.Parameter([0.1, 0.2])

            def forward(self, x: Any) -> Any:
                return x * self.w.detach() + self.b

        with pytest.raises(GradientCheckError) as caught:
            check_gradients(Detached(), np.ones(2))
        (failure,) = [f for f in caught.value.failures if f.check == "gradient"]
        assert failure.name == "w"
        assert "lost" in failure.guess
        snippet = caught.value.snippet
        assert "parameters = dict(model.named_parameters())" in snippet
        with pytest.raises(GradientCheckError) as again:
            exec(snippet, {"model": Detached()})
        assert str(again.value) == str(caught.value)

    def test_random_draws_are_replayed(self) -> None:
        class Dropout(nn.Module):
            def __init__(self) -> None:
                self.w = nn.Parameter(Y)

            def forward(self, x: Any) -> Any:
                keep = ag.random_generator().random(4) < 0.5
                return np.tanh(x * self.w) * keep

        check_gradients(Dropout(), X)
        with ag.seed(3):
            check_gradients(lambda x: x * ag.random_generator().normal(size=4), X)
            after = ag.random_generator().random()
        with ag.seed(3):
            assert ag.random_generator().random() == after

    def test_single_precision_parameters(self) -> None:
        w = ag.Tensor(np.float32([0.5, -1.5]), requires_grad=True)
        assert w.dtype == np.float32
        report = check_gradients(lambda: np.tanh(w) * 3.0, wrt={"w": w})
        assert report["w"] < 1e-2
        with pytest.raises(GradientCheckError):
            check_gradients(lambda: np.tanh(w) * w.detach(), wrt={"w": w}, order=1)


class TestForwardModeOfLeaves:
    """What a function reads besides is pushed forward from too."""

    def square(self, slope: float) -> Any:
        f = ag.primitive(check=False)(lambda x: x**2)
        f.rule(lambda g, _out, x: 2.0 * g * x)
        f.tangent(lambda v, _out, x: slope * v * x)
        return f

    @pytest.mark.parametrize("order", [1, 2])
    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    def test_of_wrt(self, order: int, dtype: Any) -> None:
        w = ag.Tensor(Y.astype(dtype), requires_grad=True)
        right, wrong = self.square(2.0), self.square(3.0)
        report = check_gradients(lambda x: right(w) * x, X, wrt={"w": w}, order=order)
        assert "forward mode" in {row.check for row in report.rows}
        assert any("forward over reverse" in row.check for row in report.rows) == (order == 2)
        with pytest.raises(GradientCheckError) as caught:
            check_gradients(lambda x: wrong(w) * x, X, wrt={"w": w}, order=order)
        assert caught.value.failures[0].check == "forward mode"
        np.testing.assert_array_equal(w.data, Y.astype(dtype))

    def test_of_a_module(self) -> None:
        class Squares(nn.Module):
            def __init__(self, f: Any) -> None:
                self.f, self.w = f, nn.Parameter(Y)

            def forward(self, x: Any) -> Any:
                return self.f(self.w) + x

        check_gradients(Squares(self.square(2.0)), X)
        with pytest.raises(GradientCheckError, match="forward mode"):
            check_gradients(Squares(self.square(3.0)), X)

    def test_a_leaf_under_two_names(self) -> None:
        w = ag.Tensor(Y, requires_grad=True)
        assert list(check_gradients(lambda: w * w, wrt={"a": w, "b": w}, order=1)) == ["a"]


def pulled(wrong: Any, g: Any, x: Any) -> Any:
    return g * np.sign(x) * wrong


class TestScales:
    """A pole, or the end of the domain, at the distance of a tiny element."""

    @pytest.mark.parametrize("size", [1e-2, 1e-5, 1e-8, 1e-10])
    @pytest.mark.parametrize("f", [np.reciprocal, np.log, np.sqrt, lambda x: x**-2.0])
    def test_right(self, f: Any, size: float) -> None:
        x = np.array([size, 1.0])
        report = check_gradients(f, x, order=1)
        assert not report.kinks
        assert max(report.values()) < 1e-6

    @pytest.mark.parametrize("size", [1e-5, 1e-8])
    @pytest.mark.parametrize("factor", [0.5, 1.001])
    def test_wrong_at_the_tiny_element(self, size: float, factor: float) -> None:
        with pytest.raises(GradientCheckError) as caught:
            check_gradients(
                np.log,
                np.array([size, 1.0]),
                vjp=lambda g, x: g / x * np.where(x < 0.5, factor, 1.0),
            )
        failure = caught.value.failures[0]
        assert failure.element == (0,)
        assert failure.expected == pytest.approx(1.0 / size, rel=1e-5)

    @pytest.mark.parametrize("size", [1e-3, 1e-6, 1e-9, 1e-12, 1e-15])
    @pytest.mark.parametrize("at_kink", [True, False])
    def test_beside_a_kink(self, size: float, at_kink: bool) -> None:
        for x0 in (size, -size):
            x = np.array([x0, 0.0 if at_kink else 0.7, -1.0, 2.0])
            for f in (np.abs, lambda x: np.maximum(x, 0.0), lambda x: np.where(x > 0, x, 0.1 * x)):
                report = check_gradients(f, x)
                assert {kink.element for kink in report.kinks} <= {(0,), (1,)}
            wrong = np.where(np.arange(4) == 0, 2.0, 1.0)
            with pytest.raises(GradientCheckError) as caught:
                check_gradients(np.abs, x, vjp=functools.partial(pulled, wrong))
            assert caught.value.failures[0].element == (0,)

    def test_all_elements_are_tiny(self) -> None:
        x = Y * 1e-12
        check_gradients(lambda x: np.sin(x * 1e12), x)
        with pytest.raises(GradientCheckError) as caught:
            check_gradients(
                lambda x: np.sin(x * 1e12), x, vjp=lambda g, x: 2e12 * g * np.cos(x * 1e12)
            )
        failure = caught.value.failures[0]
        assert failure.element is not None
        due = 1e12 * np.cos(x[failure.element] * 1e12)
        assert failure.expected == pytest.approx(due, rel=1e-5)

    def test_numerical_gradient_beside_a_pole(self) -> None:
        found = numerical_gradient(lambda x: np.sum(1.0 / x), np.array([1e-8, 1.0]))
        np.testing.assert_allclose(found, [-1e16, -1.0], rtol=1e-5)

    def test_a_complex_step_that_is_dropped(self) -> None:
        # The imaginary part is lost in the conversion: the step says zero.
        for x in np.random.default_rng(0).normal(size=20):
            check_gradients(lambda x: x.astype(np.float16) ** 2, np.asarray(x), order=1)


class TestReportedErrors:
    def test_of_what_is_zero(self) -> None:
        for f in (lambda x: x**3, lambda x: x**2, np.cos, lambda x: x * x * x * x):
            report = check_gradients(f, np.array(0.0))
            assert max(row.error for row in report.rows) < 1e-9

    def test_never_above_what_is_allowed(self) -> None:
        def noisy(x: Any) -> Any:
            return np.tanh(x.astype(np.float32))

        for f, x in ((noisy, X), (lambda x: np.sum((x - 1e6) ** 2), X + 1e6), (np.log, X**2)):
            report = check_gradients(f, x)
            assert all(row.error <= row.tolerance for row in report.rows)

    def test_what_differences_cannot_tell_is_said(self) -> None:
        report = check_gradients(lambda x: np.tanh(x.astype(np.float32)), X)
        (row,) = [row for row in report.rows if row.check == "gradient, order 1"]
        assert "of its size only" in row.note
        assert row.note in str(report)
        report = check_gradients(np.tanh, X)
        assert not any(row.note for row in report.rows)


class TestValues:
    @pytest.mark.parametrize(
        "other",
        [lambda x: x > 0, lambda x: np.argmax(x), lambda x: np.array([1, 200], np.uint8)],
    )
    def test_of_other_dtypes_besides(self, other: Any) -> None:
        check_gradients(lambda x: {"y": x * 2.0, "other": other(x)}, X)

    def test_that_change_from_call_to_call(self) -> None:
        calls: list[int] = []

        def f(x: Any) -> Any:
            calls.append(1)
            return x * len(calls)

        with pytest.raises(GradientCheckError, match="is another one when it is computed again"):
            check_gradients(f, X)

    def test_not_finite_in_single_precision(self) -> None:
        report = check_gradients(np.exp, np.array([200.0, 1.0]))
        assert "single precision: the value is not finite there" in report.notes


class TestArguments:
    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64"])
    def test_every_floating_dtype(self, dtype: str) -> None:
        check_gradients(lambda x: x * np.sin(x), X.astype(dtype), order=1)

    def test_tensors(self) -> None:
        check_gradients(lambda x: x.tanh() * 2.0, ag.Tensor(X))
        report = check_gradients(lambda x: x.tanh() * 2.0, X)
        assert any("plain call" in note for note in report.notes)

    def test_others_are_passed_on(self) -> None:
        def f(x: Any, i: Any, mask: Any, name: str, n: int) -> Any:
            assert i.dtype == int
            assert name == "a"
            return x[i] * n * mask

        check_gradients(f, Y, np.array([0, 0, 2]), np.array([True, False, True]), "a", 3)

    def test_numbers_stay_numbers(self) -> None:
        check_gradients(lambda x: x * x if x > 0 else -x, 1.5)

    def test_arguments_are_left_alone(self) -> None:
        x = X.copy()
        x.flags.writeable = False
        check_gradients(np.exp, x)
        np.testing.assert_array_equal(x, X)

    def test_one_mode(self) -> None:
        report = check_gradients(np.sin, X, modes=("reverse",))
        assert not any("forward" in row.check for row in report.rows)
        report = check_gradients(np.sin, X, modes=("forward",))
        assert [row.check for row in report.rows] == ["forward mode"]
        assert len(report) == 0

    def test_jvp_alone(self) -> None:
        check_gradients(np.sin, X, jvp=lambda v, x: v * np.cos(x), modes=("forward",))
        with pytest.raises(GradientCheckError, match="furthest off is output"):
            check_gradients(np.sin, X, jvp=lambda v, x: v * np.sin(x), modes=("forward",))

    def test_several_tangents(self) -> None:
        check_gradients(
            lambda x, y: x * y,
            X,
            Y,
            vjp=lambda g, x, y: (g * y, (g * x).sum(axis=0)),
            jvp=lambda v, x, y: v[0] * y + x * v[1],
        )


class TestRefusals:
    @pytest.mark.parametrize(
        ("given", "error", "said"),
        [
            (dict(order=3), ValueError, "order must be 1 or 2, not 3"),
            (dict(modes="reverse"), ValueError, "modes lists"),
            (dict(modes=("backward",)), ValueError, "modes lists"),
            (dict(elements=0), ValueError, "elements must be at least 1"),
            (dict(directions=0), ValueError, "directions must be at least 1"),
            (dict(tolerance=0.0), ValueError, "tolerance must be positive"),
            (dict(wrt=[1]), TypeError, "maps names to leaves"),
            (dict(wrt={"w": ag.Tensor([1.0])}), TypeError, "no leaf that requires a gradient"),
            (dict(gradient=np.cos), ValueError, "one real number; give vjp="),
            (dict(vjp=lambda g, x: (g, g)), ValueError, "vjp= returned 2 arrays"),
            (dict(vjp=lambda g, x: None), ValueError, "vjp= returned None for x"),
            (dict(vjp=np.multiply, gradient=np.cos), ValueError, "give one of them"),
            (dict(hvp=np.multiply), ValueError, "hvp= goes with gradient="),
            (dict(vjp=np.multiply, hvp=np.multiply), ValueError, "hvp= goes with gradient="),
            (
                dict(vjp=np.multiply, wrt={"w": ag.Tensor([1.0], requires_grad=True)}),
                ValueError,
                "cannot say what the gradient of w is",
            ),
        ],
    )
    def test_options(self, given: Any, error: type[Exception], said: str) -> None:
        with pytest.raises(error, match=said):
            check_gradients(np.sin, X, **given)

    def test_functions(self) -> None:
        with pytest.raises(TypeError, match="a function is needed first, not ndarray"):
            check_gradients(X)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="nothing to vary"):
            check_gradients(lambda i: i, np.arange(3))
        with pytest.raises(TypeError, match=r"returned None; it must return a number"):
            check_gradients(lambda x: None, X)

    def test_an_error_of_the_function_is_raised(self) -> None:
        def f(x: Any) -> Any:
            raise KeyError("its own")

        with pytest.raises(KeyError, match="its own"):
            check_gradients(f, X)


class TestSnippets:
    """What is printed, pasted and run, fails in the same way."""

    def run(self, error: GradientCheckError, **names: Any) -> GradientCheckError:
        with pytest.raises(GradientCheckError) as again:
            exec(error.snippet, names)
        return again.value

    def test_of_a_function_that_can_be_imported(self) -> None:
        with pytest.raises(GradientCheckError) as caught:
            check_gradients(cubed, X, vjp=wrong_slope, seed=3, order=1)
        error = caught.value
        assert "import cubed" in error.snippet
        assert "import wrong_slope" in error.snippet
        assert str(self.run(error)) == str(error)

    @pytest.mark.parametrize("kind", [k for k in PAIRS if k not in ("stale value",)])
    def test_of_any_function(self, kind: str) -> None:
        pair = PAIRS[kind](np.random.default_rng(0))
        options = {"f": pair.f, **pair.wrong}
        f = options.pop("f")
        with pytest.raises(GradientCheckError) as caught:
            check_gradients(f, *pair.args, **options)
        fresh = PAIRS[kind](np.random.default_rng(0))
        names = {"f": fresh.f, **fresh.wrong}
        again = self.run(caught.value, **names)
        assert [x.text for x in again.failures] == [x.text for x in caught.value.failures]

    @pytest.mark.parametrize(
        "args",
        [
            ({"a": [X, (Y, 2.0)], 3: None}, "label", 1 + 2j),
            (RNG.normal(size=(30, 10)), slice(1, None, 2), ...),
            (np.float32([1.5, 2.5]), np.array([True, False]), np.int16(3)),
            (np.array(1.5), np.zeros((0, 2)), [1, 2]),
            (np.array([1 + 2j, np.inf]), float("nan"), (1,)),
        ],
    )
    def test_arguments_are_written_exactly(self, args: Any) -> None:
        from autograd_core.testing.reproduce import snippet

        text = snippet(lambda *_: 0, args, {}, {}, None, False)
        names: dict[str, Any] = {"f": lambda *_: np.zeros(1)}
        exec(text.rsplit("\n", 1)[0], names)
        for i, arg in enumerate(args):
            same_tree(names[f"arg{i}"], arg)


def same_tree(a: Any, b: Any) -> None:
    if isinstance(b, dict):
        assert list(a) == list(b)
        for key in b:
            same_tree(a[key], b[key])
    elif isinstance(b, (list, tuple)):
        assert type(a) is type(b)
        for x, y in zip(a, b, strict=True):
            same_tree(x, y)
    elif isinstance(b, (np.ndarray, np.generic)):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(a, b)
    else:
        assert a == b or (a != a and b != b)


class TestNumerical:
    def test_gradient_chooses_its_step(self) -> None:
        x = np.array([0.3, 1e-3, 200.0])
        found = numerical_gradient(lambda x: np.sum(np.sin(x) * x), x)
        np.testing.assert_allclose(found, np.sin(x) + x * np.cos(x), rtol=1e-9)
        some = numerical_gradient(lambda x: np.sum(x**2), x, elements=[1])
        assert np.isnan(some[[0, 2]]).all()
        assert some[1] == pytest.approx(2e-3)
        by_hand = numerical_gradient(lambda x: (x**3).sum(), np.ones(1), 0.1)
        assert by_hand[0] == pytest.approx(3.01)

    def test_jvp_and_its_error(self) -> None:
        v = RNG.normal(size=X.shape)
        slope, error = numerical_jvp(lambda x: {"a": np.exp(x), "b": [x.sum()]}, (X,), (v,))
        np.testing.assert_allclose(slope["a"], v * np.exp(X), rtol=1e-8)
        assert slope["b"][0] == pytest.approx(v.sum())
        assert np.all(np.abs(slope["a"] - v * np.exp(X)) <= error["a"] + 1e-12)
        with pytest.raises(ValueError, match="does not fit"):
            numerical_jvp(np.exp, (X,), (Y,))

    def test_the_error_grows_with_noise(self) -> None:
        def rounded(x: Any) -> Any:
            return np.sin(x).astype(np.float32).astype(float)

        slope, error = numerical_jvp(rounded, (Y,), (np.ones(4),))
        assert np.all(np.abs(slope - np.cos(Y)) <= 1e-4)
        assert np.all(error < 1e-2)

    def test_complex(self) -> None:
        z = Y[:2] + 1j * Y[2:]
        slope, _ = numerical_jvp(lambda z: z * z, (z,), (np.ones(2) * 1j,))
        np.testing.assert_allclose(slope, 2j * z, rtol=1e-8)


def test_recording_and_settings_are_left_alone() -> None:
    with ag.no_grad():
        check_gradients(np.sin, X)
        assert not ag.recording()
    assert ag.recording()


def test_order_two_that_is_refused_is_noted() -> None:
    def once(x: Any) -> Any:
        return np.sin(x)

    def rule(g: Any, _out: Any, x: Any) -> Any:
        if isinstance(g, ag.Tensor):
            raise ag.NotDifferentiableError("once: it has a first derivative only")
        return g * np.cos(x)

    f = ag.defop(once, rule, kind="elementwise")
    try:
        report = check_gradients(f, X, modes=("reverse",))
        assert [n for n in report.notes if n.startswith("order 2, which is refused: once")]
    finally:
        for key in [k for k, op in ag.OPS.items() if op.fn is once]:
            del ag.OPS[key]
