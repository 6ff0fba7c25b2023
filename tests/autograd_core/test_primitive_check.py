"""Rules are compared with finite differences once: faults are found, right rules pass."""

import threading

import numpy as np
import pytest

import autograd_core as ag

DTYPES = [np.float32, np.float64]


def make(fn, rule=None, **options) -> ag.Primitive:
    p = ag.primitive(**options)(fn)
    if rule is not None:
        p.rule(rule)
    return p


def faulty(kind: str):
    """A function of two arrays, and a rule with one fault; None for the right one."""

    def fn(x, y):
        return np.sin(x) @ y

    def rule(g, _out, x, y):
        gx, gy = np.cos(x) * (g @ y.T), np.sin(x).T @ g
        if kind == "factor":
            gx = 1.001 * gx
        if kind == "sign":
            gy = -gy
        if kind == "squared":
            gx = gx * gx
        if kind == "transposed":
            gy = gy.T
        if kind == "ones":
            gy = np.sin(x).T @ np.ones(g.shape)
        if kind == "one element":
            gx = gx * np.where(np.arange(9).reshape(3, 3) == 4, 1.01, 1.0)
        if kind == "stale":
            gx = np.cos(np.asarray(STALE)) * (g @ y.T)
        if kind == "swapped":
            gx, gy = gy, gx
        if kind == "second order":
            # The right value, of which the derivative is another.
            frozen = np.cos(x.detach().data if isinstance(x, ag.Tensor) else x)
            gx = frozen * (g @ y.T)
        if kind == "not linear in g":
            gy = gy + 1e-3
        return gx, gy

    return fn, rule


STALE = np.random.default_rng(9).normal(size=(3, 3))
FAULTS = [
    "factor", "sign", "squared", "transposed", "ones", "one element", "stale", "swapped",
    "second order", "not linear in g",
]  # fmt: skip


class TestTheCheck:
    def operands(self) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(8)
        return rng.normal(size=(3, 3)), rng.normal(size=(3, 3))

    @pytest.mark.parametrize("fault", FAULTS)
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_a_fault_is_found_at_the_first_call(self, fault: str, dtype: type) -> None:
        p = make(*faulty(fault), name="mine")
        x, y = (ag.Tensor(v.astype(dtype), requires_grad=True) for v in self.operands())
        message = "mine: the derivative of its rule is wrong" if fault == "second order" else "mine"
        for _ in range(2):  # a rule that was found wrong is never used
            with pytest.raises(ag.RuleError, match=message):
                p(x, y)

    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_fault_is_found_where_it_is_declared(self, fault: str) -> None:
        fn, rule = faulty(fault)
        p = ag.primitive(sample=lambda rng: (rng.normal(size=(3, 3)), rng.normal(size=(3, 3))))(fn)
        p.rule(faulty("none")[1])
        with pytest.raises(ag.RuleError):
            p.rule(rule)
        assert max(p.check().values()) < 1e-8  # the rule before stays

    def test_the_right_one_passes(self) -> None:
        p = make(*faulty("none"))
        x, y = (ag.Tensor(v, requires_grad=True) for v in self.operands())
        p(x, y).sum().backward()

    def test_the_message_says_where_and_both_numbers(self) -> None:
        p = make(lambda x, y: x * y**2, lambda g, _out, x, y: (g * y**2, g * x * y), name="mine")
        x = ag.Tensor([1.0, 2.0], requires_grad=True)
        with pytest.raises(ag.RuleError) as caught:
            p(x, ag.Tensor([3.0, 4.0], requires_grad=True))
        message = str(caught.value)
        assert "mine: its rule is wrong for operand 1 ('y'), shape (2,): at element (" in message
        given, due = (
            float(w.strip(","))
            for w in message.split()
            if w.strip(",-").count(".") == 1 and w[0] in "-0123456789"
        )
        assert due == pytest.approx(2 * given)

    @pytest.mark.parametrize(
        ("kind", "fn", "rule"),
        [
            ("elementwise", lambda x: np.cumsum(x), lambda g, _o, _x: np.cumsum(g[::-1])[::-1]),
            ("linear", lambda x: x**2, lambda g, _out, x: 2 * g * x),
            ("elementwise", lambda x: x[:2], lambda g, _out, x: np.concatenate([g, 0.0 * x[2:]])),
        ],
    )
    def test_a_wrong_kind(self, kind: str, fn, rule) -> None:
        x = ag.Tensor(np.arange(1.0, 4.0), requires_grad=True)
        with pytest.raises(ag.RuleError, match=f"{kind}"):
            make(fn, rule, kind=kind)(x)
        make(fn, rule)(x)

    def test_a_wrong_tangent_rule(self) -> None:
        p = ag.primitive(sample=(np.array([0.5, 2.0]),))(lambda x: x**3)
        p.rule(lambda g, _out, x: 3 * g * x**2)
        with pytest.raises(ag.RuleError, match="its tangent rule is wrong: .* forward mode"):
            p.tangent(lambda t, _out, x: 2 * t * x**2)
        assert ag.jvp(p, (2.0,), (1.0,))[1] == 12.0
        p.tangent(lambda t, _out, x: 3 * t * x**2)

    def test_a_function_that_writes_into_its_operand(self) -> None:
        def double(x):
            x *= 2.0
            return x.copy()

        p = make(double, lambda g, _out, _x: 2 * g)
        x = ag.Tensor([1.0], requires_grad=True)
        with pytest.raises(ag.RuleError, match=r"double wrote into its operand 0 \('x'\)"):
            p(x)
        assert x.data == [1.0]

    def test_a_function_that_writes_into_a_constant(self) -> None:
        def pick(x, index):
            index[...] = 0
            return x[index] * 1.0

        p = make(pick, lambda g, _out, x, index: ag.Scatter(index, g), constants="index")
        index = np.array([1, 0])
        with pytest.raises(ag.RuleError, match=r"pick wrote into its operand 1 \('index'\)"):
            p(ag.Tensor([1.0, 2.0], requires_grad=True), index)
        np.testing.assert_array_equal(index, [1, 0])

    @pytest.mark.parametrize("what", ["g", "x"])
    def test_a_rule_that_writes_into_what_it_is_given(self, what: str) -> None:
        def rule(g, _out, x):
            written = g if what == "g" else x
            written *= 1.5
            return np.cos(x) * g

        p = make(lambda x: np.sin(x), rule, arrays=True)
        with pytest.raises(
            ag.RuleError, match=f"its rule wrote into {what if what == 'g' else 'operand 0'}"
        ):
            p(ag.Tensor([1.0, 2.0], requires_grad=True))

    def test_a_buffer_that_is_used_again(self) -> None:
        buffer = np.empty(2)
        p = make(lambda x: np.multiply(x, 2.0, out=buffer), lambda g, _out, _x: 2 * g)
        with pytest.raises(ag.RuleError, match="changed an array that it had returned"):
            p(ag.Tensor([1.0, 2.0], requires_grad=True))
        p = make(
            lambda x: x * 2.0, lambda g, _out, _x: np.multiply(g, 2.0, out=buffer), arrays=True
        )
        with pytest.raises(ag.RuleError, match="its rule changed an array that it had returned"):
            p(ag.Tensor([1.0, 2.0], requires_grad=True))

    def test_a_function_that_draws(self) -> None:
        draw = np.random.default_rng(0).normal
        p = make(lambda x: x * draw(size=x.shape), lambda g, out, x: g * out / x)
        with pytest.raises(ag.RuleError, match="different values for the same operands"):
            p(ag.Tensor([1.0, 2.0], requires_grad=True))

        def dropped(x):
            return x * (ag.random_generator().random(x.shape) < 0.5)

        # What it draws from the library's generator is the same each time.
        make(dropped, lambda g, out, x: g * (out / x))(ag.Tensor([1.0, 2.0], requires_grad=True))

    def test_a_rule_that_cannot_be_recorded_says_how(self) -> None:
        def rule(g, _out, x):
            return g * np.frompyfunc(lambda v: 2 * v, 1, 1)(x).astype(float)

        p = make(lambda x: x**2, rule, name="mine")
        with pytest.raises(TypeError) as caught:
            p(ag.Tensor([1.0, 2.0], requires_grad=True))
        assert "in the check of the rules of mine" in "\n".join(caught.value.__notes__)
        assert "arrays=True" in "\n".join(caught.value.__notes__)
        make(lambda x: x**2, rule, arrays=True)(ag.Tensor([1.0, 2.0], requires_grad=True))

    def test_a_straight_through_estimator_is_called_wrong_unless_it_is_meant(self) -> None:
        rule = lambda g, _out, _x: g  # noqa: E731
        x = ag.Tensor([0.4, 1.7], requires_grad=True)
        with pytest.raises(ag.RuleError, match="finite differences 0, .* check=False"):
            make(lambda x: np.round(x), rule)(x)
        make(lambda x: np.round(x), rule, check=False)(x).sum().backward()
        np.testing.assert_array_equal(x.grad, [1.0, 1.0])

    def test_a_function_without_a_slope_is_not_called_wrong(self) -> None:
        def jagged(x):  # Weierstrass: continuous, with no slope anywhere
            n = np.arange(30)
            return np.sum(0.6**n * np.cos(7.0**n * np.pi * x[..., None]), axis=-1)

        p = make(jagged, lambda g, _out, x: g)
        with pytest.raises(
            ag.RuleError, match="could not be checked near .* not smooth|differentiable"
        ):
            p(ag.Tensor([0.3], requires_grad=True))

    @pytest.mark.parametrize("n", [65, 1000, 50_000])
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_one_wrong_element_of_many(self, n: int, dtype: type) -> None:
        for bad in (0, n // 3, n - 1):
            wrong = np.ones(n)
            wrong[bad] = 2.0
            p = make(lambda x: np.sin(x), lambda g, _o, x: g * np.cos(x) * wrong)  # noqa: B023
            x = ag.Tensor(np.linspace(-1, 1, n).astype(dtype), requires_grad=True)
            with pytest.raises(ag.RuleError, match=rf"at element \({bad},\)"):
                p(x)

    def test_the_ends_of_a_very_large_array(self) -> None:
        def rule(g, _out, _x):
            return np.concatenate([-2 * g[:1], g[:-1] - g[1:], g[-1:]])

        with pytest.raises(ag.RuleError, match=r"at element \(0,\)"):
            make(lambda x: np.diff(x), rule)(ag.Tensor(np.zeros(200_000), requires_grad=True))

    @pytest.mark.parametrize("n", [5, 1000, 200_000])
    def test_a_twentieth_in_single_precision_inside(self, n: int) -> None:
        # At the narrowest step rounding hides as much; at wider ones it does not.
        for factor in (1.0, 1.05):
            p = make(
                lambda x: np.sin(x.astype(np.float32)),
                lambda g, _o, x: g * np.cos(x) * factor,  # noqa: B023
            )
            x = ag.Tensor(np.ones(n), requires_grad=True)
            if factor == 1.0:
                p(x)
                continue
            with pytest.raises(ag.RuleError, match="its rule is wrong"):
                p(x)

    @pytest.mark.parametrize("first", [np.array([2, 3]), np.zeros(2, bool)])
    def test_an_operand_of_integers_is_checked_when_it_is_floating(self, first) -> None:
        p = make(lambda x, y: x * y, lambda g, _o, x, y: (g * y, 5 * g * x))
        x = ag.Tensor([1.0, 2.0], requires_grad=True)
        p(x, first)
        with pytest.raises(ag.RuleError, match=r"wrong for operand 1 \('y'\)"):
            p(x, ag.Tensor([1.0, 2.0], requires_grad=True))

    def test_an_empty_operand_is_checked_when_it_is_not(self) -> None:
        p = make(lambda x: x * x, lambda g, _out, x: 3 * g * x)
        p(ag.Tensor(np.zeros((0, 3)), requires_grad=True))
        with pytest.raises(ag.RuleError, match="wrong"):
            p(ag.Tensor([1.0], requires_grad=True))

    @pytest.mark.parametrize("kind", ["general", "elementwise"])
    @pytest.mark.parametrize("inner", [1, 2])
    def test_under_vmap_one_example_is_checked(self, kind: str, inner: int) -> None:
        for factor in (2.0, 1.0):
            p = make(lambda x: np.sin(x), lambda g, _o, x: factor * g * np.cos(x), kind=kind)  # noqa: B023
            f, x = ag.grad(lambda x: p(x).sum()), np.arange(12.0).reshape(2, 3, 2)  # noqa: B023
            for _ in range(inner):
                f = ag.vmap(f)
            if factor == 1.0:
                np.testing.assert_allclose(f(x), np.cos(x))
                assert p._checked
                continue
            with pytest.raises(ag.RuleError, match="its rule is wrong"):
                f(x)

    def test_an_untracked_tensor_as_a_parameter(self) -> None:
        seen = []

        def power(x, n=1.0):
            seen.append(type(n))
            return x**n

        p = make(power, lambda g, _o, x, n: 2 * g * n * x ** (n - 1))
        with pytest.raises(ag.RuleError, match="its rule is wrong"):
            p(ag.Tensor(2.0, requires_grad=True), n=ag.Tensor(3.0))
        assert ag.Tensor not in seen
        with pytest.raises(ag.NotDifferentiableError, match="its parameter 'n'"):
            p(ag.Tensor(2.0, requires_grad=True), n=ag.Tensor(3.0, requires_grad=True))


def relu_like(x):
    return np.maximum(x, 0.0)


SPARSE = np.where(np.random.default_rng(0).random(1000) < 0.9, 0.0, 1.0)
RIGHT = {
    "relu at zeros": (relu_like, lambda g, _o, x: g * (x > 0), SPARSE),
    "relu of many": (
        relu_like, lambda g, _o, x: g * (x > 0), np.random.default_rng(1).normal(size=100_000)
    ),
    "clip of many": (
        lambda x: np.clip(x, -1, 1), lambda g, _o, x: g * (abs(x) < 1),
        np.random.default_rng(1).normal(size=(100, 1000)),
    ),
    "many kinks": (
        lambda x: abs(np.sin(20 * x)),
        lambda g, _o, x: 20 * g * np.cos(20 * x) * np.sign(np.sin(20 * x)),
        np.random.default_rng(1).normal(size=100_000),
    ),
    "abs": (abs, lambda g, _o, x: g * np.sign(x), np.array([-1.0, 0.0, 2.0])),
    "tiny positive": (np.log, lambda g, _o, x: g / x, np.array([1e-12, 1e-3, 1.0, 1e12])),
    "sqrt near 0": (np.sqrt, lambda g, o, _x: g / (2 * o), np.array([1e-300, 1e-10, 1.0])),
    "domain": (np.arccosh, lambda g, _o, x: g / np.sqrt(x**2 - 1), np.array([1.0001, 2.0])),
    "large numbers": (lambda x: x**3, lambda g, _o, x: 3 * g * x**2, np.array([1e10, 1e-10])),
    "cancelling": (
        lambda x: 1e9 + np.sin(x), lambda g, _o, x: g * np.cos(x), np.array([0.1, 3.0])
    ),
    "positive definite": (
        np.linalg.cholesky,
        None,
        np.array([[2.0, 1.9], [1.9, 2.0]]),
    ),
    "sorted": (
        np.sort, lambda g, _o, x: g[np.argsort(np.argsort(x))],
        np.random.default_rng(2).normal(size=50),
    ),
    "huber": (
        lambda x: np.where(abs(x) < 1, 0.5 * x**2, abs(x) - 0.5),
        lambda g, _o, x: g * np.clip(x, -1, 1),
        np.linspace(-3, 3, 61),
    ),
    "constant": (lambda x: 0.0 * x + 5.0, lambda g, _o, _x: 0.0 * g, np.ones(3)),
    "saturated": (np.tanh, lambda g, o, _x: g * (1 - o * o), np.array([-50.0, 0.1, 50.0])),
    "overflowing": (np.exp, lambda g, o, _x: g * o, np.array([800.0, 1.0])),
    "nan": (np.sin, lambda g, _o, x: g * np.cos(x), np.array([np.nan, 1.0])),
    "steep": (
        lambda x: np.sin(1000 * x), lambda g, _o, x: 1000 * g * np.cos(1000 * x), np.ones(4)
    ),
    "zeros of a product": (
        lambda x: np.prod(x),
        lambda g, _o, x: g * np.array([1.0]) * _others(x),
        np.array([0.0, 2.0, 3.0]),
    ),
}  # fmt: skip


def _others(x):
    return np.stack([x[1] * x[2], x[0] * x[2], x[0] * x[1]])


class TestNoFalseAlarm:
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("name", RIGHT)
    def test_right_rules_pass(self, name: str, dtype: type) -> None:
        fn, rule, at = RIGHT[name]
        if rule is None:

            def rule(g, out, _x):
                inverse = np.linalg.inv(out)
                s = np.tril(out.T @ g) * (1 - 0.5 * np.eye(2))
                s = inverse.T @ s @ inverse
                return np.tril(s + s.T) * (1 - 0.5 * np.eye(2))

        with np.errstate(all="ignore"):
            calls = []
            p = make(lambda x: (calls.append(1), fn(x))[1], rule)
            x = ag.Tensor(at.astype(dtype), requires_grad=True, dtype=dtype)
            y = p(x)
            assert p._checked == (name not in ("overflowing", "nan"))
            # Kinks and rounding are told apart at the first point that is tried.
            assert len(calls) < 40 or name not in ("many kinks", "clip of many", "cancelling")
            y.sum().backward()

    def test_a_sample_at_a_kink(self) -> None:
        p = ag.primitive(sample=(np.array([0.0, 1.0]),))(relu_like)
        p.rule(lambda g, _out, x: g * (x > 0))
        with pytest.raises(ag.RuleError, match="wrong"):
            p.rule(lambda g, _out, x: 1.1 * g * (x > 0))

    def test_a_function_that_computes_in_single_precision_inside(self) -> None:
        p = make(
            lambda x: np.sin(x.astype(np.float32)).astype(x.dtype),
            lambda g, _out, x: g * np.cos(x),
        )
        p(ag.Tensor([0.3, 1.0], requires_grad=True)).sum().backward()
        assert p._checked

    def test_an_iteration_that_stops_early(self) -> None:
        def root(c):  # Newton for x² = c, to 1e-7
            x = 0.7 * c + 0.1
            while np.max(abs(x * x - c)) > 1e-7:
                x = 0.5 * (x + c / x)
            return x + 1e-8 * np.sin(1e9 * c)

        p = make(root, lambda g, out, _c: g / (2 * out))
        p(ag.Tensor([2.0, 3.0], requires_grad=True)).sum().backward()
        assert p._checked

    def test_a_function_compiled_for_one_dtype(self) -> None:
        def single(x):
            if x.dtype != np.float32:
                raise TypeError("no matching definition")
            return x * x

        p = make(single, lambda g, _out, x: 2 * g * x, arrays=True)
        p(ag.Tensor(np.ones(3, np.float32), requires_grad=True)).sum().backward()
        assert p._checked
        wrong = make(single, lambda g, _out, x: 2.1 * g * x, arrays=True)
        with pytest.raises(ag.RuleError, match="is wrong"):
            wrong(ag.Tensor(np.ones(3, np.float32), requires_grad=True))


class TestWhatItCosts:
    @pytest.mark.parametrize(("n", "most"), [(3, 10), (1000, 10), (1_000_000, 8)])
    def test_calls(self, n: int, most: int) -> None:
        calls = {"fn": 0, "rule": 0}

        def fn(x):
            calls["fn"] += 1
            return x * x

        def rule(g, _out, x):
            calls["rule"] += 1
            return 2.0 * g * x

        make(fn, rule)(ag.Tensor(np.ones(n, np.float32), requires_grad=True))
        assert 3 <= calls["fn"] <= most
        assert 3 <= calls["rule"] <= most

    def test_where_it_always_fails_it_is_tried_less_and_less(self) -> None:
        calls = []

        def fn(x):
            calls.append(1)
            return np.where(x > 0, np.inf, x)

        p = make(fn, lambda g, _out, _x: g)
        x = ag.Tensor([1.0], requires_grad=True)
        for _ in range(64):
            p(x)
        assert len(calls) < 64 + 8 * 25
        assert not p._checked


class TestTheCheckLeavesNoTrace:
    def test_it_is_done_once(self) -> None:
        calls = []

        def fn(x):
            calls.append(1)
            return 2 * x

        p = make(fn, lambda g, _out, _x: 2 * g)
        x = ag.Tensor([1.0], requires_grad=True)
        p(x.detach())
        assert len(calls) == 1
        p(x)
        assert len(calls) > 3
        del calls[:]
        p(x)
        assert len(calls) == 1

    def test_it_can_be_turned_off(self) -> None:
        x = ag.Tensor([1.0], requires_grad=True)
        wrong = lambda g, _out, _x: 3 * g  # noqa: E731
        make(lambda x: 2 * x, wrong, check=False)(x)
        make(lambda x: 2 * x, wrong, check=False, sample=(np.ones(2),))(x)
        p = make(lambda x: 2 * x, wrong)
        with ag.check_primitives(False):
            p(x)
            q = make(lambda x: 2 * x, wrong, sample=(np.ones(2),))
        for each in (p, q):
            with pytest.raises(ag.RuleError, match="wrong"):
                each(x)

    def test_the_setting_is_local_to_the_thread(self) -> None:
        caught = []

        def work() -> None:
            try:
                make(lambda x: 2 * x, lambda g, _out, _x: 3 * g, sample=(np.ones(2),))
            except ag.RuleError as error:
                caught.append(error)

        with ag.check_primitives(False):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        assert len(caught) == 1

    def test_generators_and_recording(self) -> None:
        def fn(x):
            np.random.random()  # noqa: NPY002 - some do
            return 2 * x

        p = make(fn, lambda g, _out, _x: 2 * g)
        x = ag.Tensor([1.0], requires_grad=True)
        with ag.seed(3):
            due = ag.random_generator().random()
        before = np.random.get_state()  # noqa: NPY002
        legacy = np.random.random(2)  # noqa: NPY002
        np.random.set_state(before)  # noqa: NPY002
        with ag.seed(3), ag.keep_values() as kept:
            y = p(x)
            assert ag.random_generator().random() == due
        assert np.random.random() == legacy[1]  # noqa: NPY002 - the call itself drew one
        assert list(kept) == [y._node]
        with ag.no_grad():
            ag.grad(make(lambda x: 2 * x, lambda g, _out, _x: 2 * g))(1.0)
            assert not ag.recording()

    def test_inspection_sees_the_call_only(self) -> None:
        p = make(lambda x: 2 * x, lambda g, _out, _x: 2 * g)
        x = ag.Tensor([1.0], requires_grad=True)
        with ag.inspect() as seen:
            y = p(x)
        assert {node.op for node in seen.values} - {None} == {y._node.op}
        assert len(seen.values) <= 2  # x and y
        assert not seen.walks

    def test_no_warnings(self) -> None:
        p = make(lambda x: np.log(x), lambda g, _out, x: g / x)
        p(ag.Tensor([1e-9, 1.0], requires_grad=True))
        with pytest.warns(RuntimeWarning, match="divide by zero"):  # only the call's own
            p(ag.Tensor([0.0], requires_grad=True))

    def test_rules_that_call_primitives_and_themselves(self) -> None:
        sine, cosine = (ag.primitive(f) for f in (lambda x: np.sin(x), lambda x: np.cos(x)))
        sine.rule(lambda g, _out, x: g * cosine(x))
        cosine.rule(lambda g, _out, x: -g * sine(x))
        grow = make(lambda x: np.exp(x), lambda g, _out, x: g * grow(x))
        f, h = sine, grow
        for _ in range(4):
            f, h = ag.grad(f), ag.grad(h)
        assert f(0.3) == pytest.approx(np.sin(0.3))
        assert h(0.3) == pytest.approx(np.exp(0.3))

    def test_threads(self) -> None:
        p = make(lambda x: x**2, lambda g, _out, x: 2 * g * x)
        results = [None] * 8

        def work(k: int) -> None:
            results[k] = float(ag.grad(p)(float(k + 1)))

        threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert results == [2.0 * (k + 1) for k in range(8)]


class TestSamples:
    def test_draws(self) -> None:
        p = make(lambda x, y, n=1: x * y**n, sample=lambda rng: (rng.normal(size=2), 2.0, {"n": 3}))
        (x, y), params = p.samples(np.random.default_rng(0))
        assert (x.shape, y, params) == ((2,), 2.0, {"n": 3})
        assert make(lambda x: x).samples(np.random.default_rng(0)) is None

    def test_a_tuple_of_operands(self) -> None:
        p = make(lambda x: x**2, lambda g, _out, x: 2 * g * x, sample=(np.array([1.0, 2.0]),))
        errors = p.check(order=1)
        assert set(errors) == {"operand 0 ('x')", "operand 0 ('x'), forward"}
        assert set(p.check()) == {*errors, "operand 0 ('x'), order 2"}
        assert max(errors.values()) < 1e-8

    def test_none(self) -> None:
        p = make(lambda x: x, name="mine")
        with pytest.raises(ValueError, match=r"mine.check needs inputs: .*sample="):
            p.check()
        with pytest.raises(ValueError, match="order must be 1 or 2, not 3"):
            p.check(order=3)

    def test_what_is_no_sample(self) -> None:
        with pytest.raises(TypeError, match="sample is a tuple of operands"):
            ag.primitive(sample=3)
        p = make(lambda x: x, sample=lambda rng: rng.normal())
        with pytest.raises(TypeError, match="sample returned float"):
            p.rule(lambda g, _out, _x: g)
        p = make(lambda x: x, sample=(1.0, 2.0))
        with pytest.raises(TypeError, match="too many positional"):
            p.rule(lambda g, _out, _x: g)

    def test_integers_in_a_sample_are_refused(self) -> None:
        # Nothing would be compared, and the rule would pass unseen.
        for sample in ((np.array([1, 2]), 1.0), (1.0, 2), (True, 1.0)):
            p = make(lambda x, y: np.exp(x) * y, sample=sample)
            with pytest.raises(ag.RuleError, match=r"in its sample operand . \('.'\) has dtype"):
                p.rule(lambda g, out, _x, _y: (3 * g * out, g))
        p = make(lambda x: x, sample=(np.zeros(0),))
        with pytest.raises(ag.RuleError, match="holds no numbers"):
            p.rule(lambda g, _out, _x: g)

    def test_one_that_cannot_be_used(self) -> None:
        p = make(lambda x: np.log(x), sample=(np.array([-1.0]),))
        with pytest.raises(ag.RuleError, match="could not be checked on its sample: .* not finite"):
            p.rule(lambda g, _out, x: g / x)

        def fails(x):
            raise KeyError("no")

        p = make(fails, sample=(np.array([-1.0]),))
        with pytest.raises(ag.RuleError, match="sample: it raised KeyError"):
            p.rule(lambda g, _out, x: g)
