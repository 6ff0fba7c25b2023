"""Users' own operations: what they compute, what is refused, and how they live."""

import contextlib
import copy
import gc
import pickle
import weakref
from collections import namedtuple

import numpy as np
import pytest
import scipy.optimize

import autograd_core as ag
import viz

DTYPES = [np.float32, np.float64]


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def make(fn, rule=None, **options) -> ag.Primitive:
    p = ag.primitive(**options)(fn)
    if rule is not None:
        p.rule(rule)
    return p


@ag.primitive
def softplus(x):
    """Return log(1 + exp(x))."""
    return np.logaddexp(0.0, x)


@softplus.rule
def _(g, out, _x):
    return g * (1.0 - np.exp(-out))


@ag.primitive(kind="elementwise", symbol="⊙")
def product(x, y):
    return x * y


@product.rule("x")
def _(g, _out, _x, y):
    return g * y


@product.rule(1)
def _(g, _out, x, _y):
    return g * x


@ag.primitive
def outer(x, y, *, scale=1.0):
    return scale * x[:, None] * y[None, :]


@outer.rule
def _(g, _out, x, y, scale):
    return scale * np.matmul(g, y), scale * np.matmul(g.T, x)


@ag.primitive(arrays=True)
def fast_cube(x):
    return x**3


@fast_cube.rule
def _(g, _out, x):
    result = np.empty_like(x)
    np.multiply(x, x, out=result)  # in place, in an array of its own
    result *= 3.0
    result *= g
    return result


class TestAsAnOp:
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0,)])
    def test_gradient_against_the_closed_form(self, shape: tuple[int, ...], dtype: type) -> None:
        rng = np.random.default_rng(0)
        a, u = (np.asarray(rng.normal(size=shape)).astype(dtype) for _ in range(2))
        x = ag.Tensor(a, requires_grad=True, dtype=dtype)
        y = softplus(x)
        assert y.dtype == dtype
        y.backward(u)
        assert x.grad.dtype == dtype
        np.testing.assert_allclose(x.grad, u * sigmoid(a), rtol=1e-5)

    def test_any_order(self) -> None:
        f = softplus
        for _ in range(4):
            f = ag.grad(f)
        s = sigmoid(0.3)
        # σ''' by hand
        assert f(0.3) == pytest.approx(s * (1 - s) * (1 - 6 * s + 6 * s**2), rel=1e-10)

    def test_forward_mode_by_transposing(self) -> None:
        a, t = np.array([0.5, -1.0]), np.array([2.0, 3.0])
        value, tangent = ag.jvp(softplus, (a,), (t,))
        np.testing.assert_allclose(value, np.logaddexp(0, a))
        np.testing.assert_allclose(tangent, sigmoid(a) * t)
        slope = ag.grad(lambda x: ag.jvp(softplus, (x,), (2.0,))[1])(0.3)
        s = sigmoid(0.3)
        assert slope == pytest.approx(2 * s * (1 - s))

    def test_gradients_with_respect_to_inner_tensors(self) -> None:
        x = ag.Tensor(0.4, requires_grad=True)
        h = x * 2.0
        (first,) = ag.gradients(softplus(h), [h], create_graph=True)
        (second,) = ag.gradients(first, [x])
        s = sigmoid(0.8)
        assert first.item() == pytest.approx(s)
        assert second.item() == pytest.approx(2 * s * (1 - s))

    @pytest.mark.parametrize(
        ("a", "b"),
        [((3,), ()), ((2, 3), (3,)), ((2, 1), (1, 3)), ((0, 3), (3,)), ((), ())],
        ids=repr,
    )
    def test_elementwise_broadcasts(self, a: tuple[int, ...], b: tuple[int, ...]) -> None:
        rng = np.random.default_rng(1)
        x, y = rng.normal(size=a), rng.normal(size=b)
        u = rng.normal(size=np.broadcast_shapes(a, b))

        def by(f):
            return ag.grad(lambda x, y: np.sum(f(x, y) * u), (0, 1))(x, y)

        for ours, due in zip(by(product), by(np.multiply), strict=True):
            assert ours.shape == due.shape
            np.testing.assert_allclose(ours, due)

    def test_several_operands_with_one_rule(self) -> None:
        rng = np.random.default_rng(2)
        x, y, u = rng.normal(size=3), rng.normal(size=2), rng.normal(size=(3, 2))
        gx, gy = ag.grad(lambda x, y: np.sum(u * outer(x, y, scale=2.0)), (0, 1))(x, y)
        np.testing.assert_allclose(gx, 2 * u @ y)
        np.testing.assert_allclose(gy, 2 * u.T @ x)
        only = ag.grad(lambda y: np.sum(u * outer(x, y)))(y)
        np.testing.assert_allclose(only, u.T @ x)

    def test_one_call_of_the_rule_serves_all_operands(self) -> None:
        calls = []

        def rule(g, _out, x, y):
            calls.append(1)
            return g * y, g * x

        p = make(lambda x, y: x * y, rule, check=False)
        x, y = (ag.Tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
        p(x, y).sum().backward()
        assert calls == [1]
        (p(x, x) * p(x, y)).sum().backward()
        assert calls == [1] * 3

    def test_matches_pytorch_at_order_two(self) -> None:
        torch = pytest.importorskip("torch")
        a, u = np.random.default_rng(3).normal(size=(2, 4))
        x = torch.tensor(a, requires_grad=True)
        loss = (torch.nn.functional.softplus(x) ** 2 * torch.tensor(u)).sum()
        (first,) = torch.autograd.grad(loss, x, create_graph=True)
        (second,) = torch.autograd.grad((first**2).sum(), x)

        def f(x):
            return np.sum(softplus(x) ** 2 * u)

        np.testing.assert_allclose(ag.grad(f)(a), first.detach().numpy())
        g2 = ag.grad(lambda x: np.sum(ag.grad(f)(x) ** 2))(a)
        np.testing.assert_allclose(g2, second.numpy())

    def test_complex_in_the_users_convention(self) -> None:
        # |z|² is not holomorphic: dL = Re(g dw) = Re(g 2 Re(z̄ dz)) = Re(2 g z̄ dz).
        square = make(
            lambda z: (z * np.conjugate(z)).real, lambda g, _out, z: 2.0 * g * np.conjugate(z)
        )
        z = np.array([1.0 + 2.0j, -0.5j])
        np.testing.assert_allclose(ag.grad(lambda z: np.sum(square(z)))(z), 2 * z)
        cube = make(lambda z: z**3, lambda g, _out, z: 3.0 * g * z**2)
        due = ag.grad(lambda z: np.sum((z**3).real))(z)
        np.testing.assert_allclose(ag.grad(lambda z: np.sum(cube(z).real))(z), due)

    def test_a_real_and_a_complex_operand(self) -> None:
        times = make(lambda x, w: x * w, lambda g, _out, x, w: (g * w, g * x), kind="elementwise")
        x, w = np.array([0.5, 2.0]), np.array([1.0 + 1.0j, 2.0 - 3.0j])
        gx, gw = ag.grad(lambda x, w: np.sum(np.abs(times(x, w)) ** 2), (0, 1))(x, w)
        np.testing.assert_allclose(gx, 2 * x * np.abs(w) ** 2)
        np.testing.assert_allclose(gw, 2 * x**2 * w)


class TestPlainCalls:
    def test_the_function_itself(self) -> None:
        a = np.array([1.0, 2.0])
        identity = make(lambda x: x)
        assert identity(a) is a
        assert softplus([0.0, 1.0]).shape == (2,)  # lists and numbers become arrays
        assert make(lambda x: x.shape)(1.0) == ()

    def test_untracked_tensors_give_untracked_tensors(self) -> None:
        y = softplus(ag.Tensor([1.0]))
        assert isinstance(y, ag.Tensor)
        assert not y.requires_grad

    def test_under_no_grad(self) -> None:
        x = ag.Tensor([1.0], requires_grad=True)
        with ag.no_grad():
            assert not softplus(x).requires_grad

    def test_looks_like_the_function(self) -> None:
        assert softplus.__name__ == "softplus"
        assert softplus.__doc__ == "Return log(1 + exp(x))."
        assert repr(outer) == "<Primitive outer(x, y)>"
        assert isinstance(softplus, ag.Primitive)

    def test_parameters_in_every_way_of_a_call(self) -> None:
        @ag.primitive
        def shifted(x, shift=1.0, *, scale):
            return scale * (x + shift)

        @shifted.rule
        def _(g, _out, _x, scale):
            return scale * g

        x = ag.Tensor([1.0, 2.0], requires_grad=True)
        for y in (
            shifted(x, 1.0, scale=3.0),
            shifted(x, scale=3.0),
            shifted(x=x, shift=1.0, scale=3.0),
            shifted(scale=3.0, x=x),
        ):
            np.testing.assert_array_equal(y.data, [6.0, 9.0])
            np.testing.assert_array_equal(ag.gradients(y.sum(), x).data, [3.0, 3.0])
        with pytest.raises(TypeError, match="shifted: missing a required .* 'scale'"):
            shifted(x)
        with pytest.raises(TypeError, match="shifted: got an unexpected .* 'size'"):
            shifted(x, scale=1.0, size=2)
        with pytest.raises(ag.NotDifferentiableError, match="parameter 'scale'"):
            shifted(x, scale=ag.Tensor(1.0, requires_grad=True))


class TestRulesFromArrays:
    def test_order_one(self) -> None:
        a, u = np.random.default_rng(0).normal(size=(2, 3))
        x = ag.Tensor(a, requires_grad=True)
        fast_cube(x).backward(u)
        np.testing.assert_allclose(x.grad, 3 * a**2 * u)

    @pytest.mark.parametrize(
        "ask",
        [
            lambda: ag.grad(ag.grad(fast_cube))(2.0),
            lambda: ag.jvp(fast_cube, (2.0,), (1.0,)),
            lambda: ag.jvp(ag.grad(fast_cube), (2.0,), (1.0,)),
        ],
        ids=["order two", "forward", "forward over reverse"],
    )
    def test_order_two_and_forward_mode_are_refused(self, ask) -> None:
        with pytest.raises(ag.NotDifferentiableError, match=r"fast_cube: .*arrays=True.*tangent"):
            ask()

    def test_order_one_of_something_with_tracked_values_beside_it(self) -> None:
        # The gradients are recorded there, since w is tracked; only a derivative of the rule fails.
        w = ag.Tensor(5.0, requires_grad=True)
        slope = ag.grad(lambda x: w * fast_cube(x))(2.0)
        assert slope.item() == 60.0
        with pytest.raises(ag.NotDifferentiableError, match="fast_cube"):
            slope.backward()

    def test_what_goes_around_it_has_any_order(self) -> None:
        x = ag.Tensor(2.0, requires_grad=True)
        h = fast_cube(x)
        (first,) = ag.gradients(h**2, [h], create_graph=True)
        assert ag.gradients(first, [h])[0].item() == 2.0

    def test_a_tangent_rule_gives_forward_mode(self) -> None:
        p = make(
            lambda x, y: x**2 * y, lambda g, _out, x, y: (2 * g * x * y, g * x**2), arrays=True
        )
        p.tangent(lambda tx, ty, _out, x, y: 2 * x * y * tx + x**2 * ty)
        value, tangent = ag.jvp(p, (3.0, 2.0), (1.0, 10.0))
        assert (float(value), float(tangent)) == (18.0, 102.0)
        (_, only_x) = ag.jvp(lambda x: p(x, 2.0), (3.0,), (1.0,))
        assert only_x == 12.0
        with pytest.raises(ag.NotDifferentiableError, match="arrays=True"):
            ag.grad(lambda x: ag.jvp(lambda x: p(x, 2.0), (x,), (1.0,))[1])(3.0)

    def test_rules_get_arrays_even_of_scalars(self) -> None:
        seen = []

        def rule(g, out, x):
            seen.extend((g, out, x))
            return g * 1.0

        p = make(lambda x: x * 1.0, rule, arrays=True, check=False)
        ag.grad(p)(2.0)
        assert [type(v) for v in seen] == [np.ndarray] * 3

    def test_elementwise_has_forward_mode_by_its_rule(self) -> None:
        p = make(lambda x: x**2, lambda g, _out, x: 2 * g * x, arrays=True, kind="elementwise")
        assert ag.jvp(p, (3.0,), (1.0,))[1] == 6.0

    def test_a_solver(self) -> None:
        @ag.primitive(arrays=True)
        def root(c):
            return np.array(
                [scipy.optimize.brentq(lambda x, k: x**3 + x - k, -10, 10, args=(k,)) for k in c]
            )

        @root.rule
        def _(g, out, _c):
            return g / (3 * out**2 + 1)

        c = np.array([0.5, 2.0, -3.0])
        x = root(c)
        np.testing.assert_allclose(ag.grad(lambda c: root(c).sum())(c), 1 / (3 * x**2 + 1))


class TestTangentRules:
    def test_is_used_instead_of_transposing_and_has_any_order(self) -> None:
        calls = []
        p = make(lambda x: np.sin(x), lambda g, _out, x: g * np.cos(x))

        @p.tangent
        def _(t, _out, x):
            calls.append(1)
            return t * np.cos(x)

        assert ag.jvp(p, (0.3,), (2.0,))[1] == pytest.approx(2 * np.cos(0.3))
        assert calls
        curvature = ag.grad(lambda x: ag.jvp(p, (x,), (1.0,))[1])
        assert curvature(0.3) == pytest.approx(-np.sin(0.3))
        assert ag.jvp(curvature, (0.3,), (1.0,))[1] == pytest.approx(-np.cos(0.3))

    def test_alone(self) -> None:
        p = make(lambda x: np.sin(x))
        p.tangent(lambda t, _out, x: t * np.cos(x))
        assert ag.jvp(p, (0.3,), (1.0,))[1] == pytest.approx(np.cos(0.3))
        with pytest.raises(ag.NotDifferentiableError, match=r"no rule for 'x'"):
            ag.grad(p)(0.3)

    def test_keeps_what_it_reads(self) -> None:
        p = make(lambda x: 2 * x, lambda g, _out, _x: 2 * g)
        p.tangent(lambda t, _out, x: 2 * t + 0 * x)
        x = ag.Tensor([1.0], requires_grad=True)
        assert p(x)._node.operands[0] is x._value
        assert make(lambda x: 2 * x, lambda g, _out, _x: 2 * g)(x)._node.operands == (x._node,)

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (lambda t, _out, x: None, "what its tangent rule returned for the value is None"),
            (lambda t, _out, x: (t, t), "returned a tuple of 2"),
            (lambda t, _out, x: t.sum(), r"has shape \(\), where \(2,\) is due"),
            (lambda t, _out, x: t * 1j, "dtype complex128, where a real one"),
        ],
        ids=["none", "count", "shape", "complex"],
    )
    def test_what_it_returns_is_checked(self, answer, message: str) -> None:
        p = make(lambda x: 1.0 * x, lambda g, _out, _x: g, check=False)
        p.tangent(answer)
        with pytest.raises(ag.RuleError, match=message):
            ag.jvp(p, (np.ones(2),), (np.ones(2),))


class TestSeveralOutputs:
    def polar(self) -> ag.Primitive:
        def polar(x, y):
            return np.hypot(x, y), np.arctan2(y, x)

        def rule(g, out, x, y):
            gr, gt = g
            r, _ = out
            return gr * x / r - gt * y / r**2, gr * y / r + gt * x / r**2

        return make(polar, rule)

    def test_all_used(self) -> None:
        a, b, u, v = np.random.default_rng(4).normal(size=(4, 3)) + 2.0

        def f(of):
            def loss(x, y):
                r, t = of(x, y)
                return np.sum(u * r**2 + v * t * r)

            return loss

        def plain(x, y):
            return np.hypot(x, y), np.arctan2(y, x)

        p = self.polar()
        for ours, due in zip(
            ag.grad(f(p), (0, 1))(a, b), ag.grad(f(plain), (0, 1))(a, b), strict=True
        ):
            np.testing.assert_allclose(ours, due)

        def second(of):
            return ag.grad(lambda x: np.sum(u * ag.grad(f(of))(x, b)))(a)

        np.testing.assert_allclose(second(p), second(plain))
        np.testing.assert_allclose(
            ag.jvp(f(p), (a, b), (u, v))[1], ag.jvp(f(plain), (a, b), (u, v))[1]
        )

    def test_the_gradient_of_an_output_that_is_not_used_is_zeros(self) -> None:
        p = self.polar()
        gx, gy = ag.grad(lambda x, y: p(x, y)[1], (0, 1))(3.0, 4.0)
        assert (gx, gy) == (pytest.approx(-4 / 25), pytest.approx(3 / 25))

    def test_named_tuples_stay(self) -> None:
        Pair = namedtuple("Pair", "a b")
        p = make(lambda x: Pair(2 * x, 3 * x), lambda g, _out, _x: 2 * g[0] + 3 * g[1])
        x = ag.Tensor(1.0, requires_grad=True)
        y = p(x)
        assert type(y).__name__ == "Pair"
        (y.a + y.b).backward()
        assert x.grad == 5.0

    def test_with_a_tangent_rule(self) -> None:
        p = make(lambda x: (2 * x, x * x), lambda g, _out, x: 2 * g[0] + 2 * x * g[1])
        p.tangent(lambda t, _out, x: (2 * t, 2 * x * t))
        values, tangents = ag.jvp(p, (3.0,), (1.0,))
        assert tuple(map(float, tangents)) == (2.0, 6.0)
        assert tuple(map(float, values)) == (6.0, 9.0)

    def test_positions_among_the_outputs(self) -> None:
        @ag.primitive
        def largest(x):
            return np.max(x), np.argmax(x)

        @largest.rule
        def _(g, out, x):
            return g[0] * (np.arange(x.size) == out[1])

        x = ag.Tensor([1.0, 3.0, 2.0], requires_grad=True)
        value, place = largest(x)
        assert place.dtype.kind == "i"
        assert not place.requires_grad
        (value * place.data).backward()
        np.testing.assert_array_equal(x.grad, [0.0, 1.0, 0.0])

        def f(x):
            return largest(x)[0] ** 3

        np.testing.assert_allclose(ag.hessian(f)(x.data), np.diag([0.0, 18.0, 0.0]))
        assert ag.jvp(f, (x.data,), (np.array([5.0, 1.0, 7.0]),))[1] == 27.0


class TestResiduals:
    def test_are_kept_for_the_rule_and_not_handed_out(self) -> None:
        calls = []

        @ag.primitive(residuals=True)
        def solve(a, b):
            calls.append(1)
            inverse = np.linalg.inv(a)
            return inverse @ b, (inverse,)

        @solve.rule
        def _(g, out, residuals, _a, _b):
            (inverse,) = residuals
            gb = inverse.T @ g
            return -np.outer(gb, out), gb

        rng = np.random.default_rng(5)
        a, b, u = rng.normal(size=(3, 3)) + 3 * np.eye(3), rng.normal(size=3), rng.normal(size=3)
        np.testing.assert_allclose(solve(a, b), np.linalg.solve(a, b))
        with ag.check_primitives(False):
            del calls[:]
            ga, gb = ag.grad(lambda a, b: np.sum(u * solve(a, b)), (0, 1))(a, b)
        assert calls == [1]
        due = ag.grad(lambda a, b: np.sum(u * np.linalg.solve(a, b)), (0, 1))(a, b)
        np.testing.assert_allclose(ga, due[0])
        np.testing.assert_allclose(gb, due[1])

    def test_a_derivative_through_them_is_refused_not_wrong(self) -> None:
        p = make(
            lambda x: (x**2, (2 * x,)),
            lambda g, _out, residuals, _x: g * residuals[0],
            residuals=True,
            arrays=False,
            check=False,
        )
        assert ag.grad(p)(3.0) == 6.0
        with pytest.raises(ag.NotDifferentiableError, match="goes through its residuals"):
            ag.grad(ag.grad(p))(3.0)
        with pytest.raises(ag.NotDifferentiableError, match="goes through its residuals"):
            ag.jvp(ag.grad(p), (3.0,), (1.0,))
        p.tangent(lambda t, _out, residuals, _x: t * residuals[0])
        assert ag.jvp(p, (3.0,), (1.0,))[1] == 6.0
        with pytest.raises(ag.NotDifferentiableError, match="goes through the residuals"):
            ag.jvp(ag.grad(p), (3.0,), (1.0,))

    def test_one_that_is_no_function_of_the_operands_leaves_order_two(self) -> None:
        p = make(
            lambda x: (np.sort(x), (np.argsort(x),)),
            lambda g, _out, residuals, _x: g[np.argsort(residuals[0])],
            residuals=True,
        )
        x = np.array([3.0, 1.0, 2.0])
        u = np.array([1.0, 10.0, 100.0])
        np.testing.assert_array_equal(
            ag.grad(lambda x: np.sum(u * p(x) ** 2))(x), 2 * x * [100.0, 1.0, 10.0]
        )

    @pytest.mark.parametrize("value", [1.0, (1.0, 2.0), (np.ones(2), [np.ones(2)])], ids=repr)
    def test_another_form_is_refused(self, value: object) -> None:
        p = make(lambda x: value, lambda g, _out, _r, _x: g, residuals=True)
        for x in (np.ones(2), ag.Tensor(np.ones(2), requires_grad=True)):
            with pytest.raises(ag.RuleError, match=r"it returns \(out, residuals\)"):
                p(x)

    def test_those_that_are_no_floats_leave_any_order(self) -> None:
        @ag.primitive(residuals=True)
        def rectified(x):
            mask = x > 0
            return x**3 * mask, (mask,)

        @rectified.rule
        def _(g, _out, residuals, x):
            return 3 * g * x**2 * residuals[0]

        x = np.array([-1.0, 2.0])
        np.testing.assert_allclose(
            ag.hessian(lambda x: rectified(x).sum())(x), np.diag([0.0, 12.0])
        )


class TestConstants:
    def gather(self, **options) -> ag.Primitive:
        def rule(g, _out, x, index):
            gx = np.zeros(x.shape)
            np.add.at(gx, index, g)
            return gx

        return make(lambda x, index: x[index], rule, arrays=True, constants="index", **options)

    def test_indices_stay_what_they_are(self) -> None:
        gather = self.gather()
        x = ag.Tensor([1.0, 2.0, 3.0], requires_grad=True)
        gather(x, np.array([2, 0, 2])).sum().backward()
        np.testing.assert_array_equal(x.grad, [1.0, 0.0, 2.0])

    def test_a_later_write_by_the_user_does_not_count(self) -> None:
        gather = self.gather()
        x, index = ag.Tensor([1.0, 2.0, 3.0], requires_grad=True), np.array([2, 0])
        y = gather(x, index)
        index[:] = 1
        y.sum().backward()
        np.testing.assert_array_equal(x.grad, [1.0, 0.0, 1.0])

    @pytest.mark.parametrize("arrays", [False, True])
    def test_a_rule_may_answer_with_a_scatter(self, arrays: bool) -> None:
        p = make(
            lambda x, y, index: x[index] ** 2 * y,
            lambda g, _o, x, y, index: (
                ag.Scatter(index, 2 * g * y * x[index]),
                g * x[index] ** 2,
            ),
            constants="index",
            arrays=arrays,
        )
        index = np.array([2, 0, 2])
        x = ag.Tensor([1.0, 2.0, 3.0], requires_grad=True)
        p(x, np.array([1.0, 10.0, 100.0]), index).sum().backward()
        np.testing.assert_array_equal(x.grad, [20.0, 0.0, 606.0])
        w = ag.Tensor(2.0, requires_grad=True)
        slope = ag.grad(lambda x: w * p(x, np.ones(3), index).sum())(np.array([1.0, 2.0, 3.0]))
        np.testing.assert_array_equal(slope.data, [4.0, 0.0, 24.0])

    def test_a_rule_that_makes_tensors_of_its_own(self) -> None:
        def rule(g, _out, x, index):
            spread = ag.zeros(x.shape)
            spread[index] = g
            return spread

        p = make(lambda x, index: x[index], rule, constants="index")
        x = ag.Tensor([1.0, 2.0, 3.0], requires_grad=True)
        (p(x, np.array([2, 0])) ** 2).sum().backward()
        assert type(x.grad) is np.ndarray
        np.testing.assert_array_equal(x.grad, [2.0, 0.0, 6.0])

    def test_nothing_is_recorded_for_them(self) -> None:
        scaled = make(lambda x, c: x * c, lambda g, _out, _x, c: g * c, constants=["c"])
        x, c = ag.Tensor(2.0), ag.Tensor(3.0, requires_grad=True)
        assert not scaled(x, c).requires_grad

    def test_integers_where_no_constant_was_declared(self) -> None:
        power = make(lambda x, n: x**n, lambda g, _out, x, n: (g * n * x ** (n - 1), ag.ZERO))
        x = ag.Tensor([1.5, 2.0], requires_grad=True)
        power(x, np.array([2, 3])).sum().backward()
        np.testing.assert_allclose(x.grad, [3.0, 12.0])
        power(x, 2).sum().backward()


class TestWhatARuleReturns:
    @pytest.mark.parametrize("arrays", [False, True])
    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (lambda g: None, r"operand 0 \('x'\) is None, where an array of shape \(2,\)"),
            (lambda g: 1.0, r"operand 0 \('x'\) has shape \(\), where \(2,\) is due"),
            (lambda g: "g", r"operand 0 \('x'\) is a str"),
            (lambda g: [1.0, 2.0], "a list of 2, where one array is due: the gradient of x"),
            (lambda g: (g,), "a tuple of 1, where one array is due"),
            (lambda g: np.ones(3), r"has shape \(3,\), where \(2,\) is due"),
            (lambda g: np.ones(2, int), "has dtype int64, where a floating one"),
            (lambda g: np.ones(2, bool), "has dtype bool"),
            (lambda g: np.ones(2, object), "has dtype object"),
            (lambda g: np.ones(2) * 1j, "has dtype complex128, where a real one"),
        ],
    )
    def test_is_checked(self, answer, message: str, arrays: bool) -> None:
        p = make(lambda x: 1.0 * x, lambda g, _out, _x: answer(g), arrays=arrays, name="mine")
        x = ag.Tensor([1.0, 2.0], requires_grad=True)
        with pytest.raises(ag.RuleError, match=message) as caught:
            p(x).sum().backward()
        assert str(caught.value).startswith("mine: ")
        with ag.check_primitives(False), pytest.raises(ag.RuleError, match=message):
            p(x).sum().backward()
        assert x.grad is None

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (lambda g: g, r"an array of shape \(2,\), where a tuple of 2 is due: .* x, y"),
            (lambda g: (g,), "returned 1 results, where 2 are due"),
            (lambda g: (g, g, g), "returned 3 results, where 2 are due"),
            (lambda g: (g, None), r"operand 1 \('y'\) is None, .*; ag.ZERO says"),
            (lambda g: (g, g[:1]), r"operand 1 \('y'\) has shape \(1,\), where \(2,\)"),
        ],
    )
    def test_of_several_operands(self, answer, message: str) -> None:
        p = make(lambda x, y: x + y, lambda g, _out, _x, _y: answer(g))
        x, y = (ag.Tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
        with pytest.raises(ag.RuleError, match=message):
            p(x, y)

    def test_summing_over_broadcast_axes_is_the_engines(self) -> None:
        p = make(lambda x, y: x + y, lambda g, _out, _x, _y: (g, g.sum(0)), kind="elementwise")
        with pytest.raises(ag.RuleError, match=r"\('y'\) has shape \(2,\), .* the engine's"):
            p(ag.Tensor(np.ones((3, 2)), requires_grad=True), ag.Tensor([1.0, 2.0]))

    def test_a_python_number_for_a_scalar(self) -> None:
        p = make(lambda x: 2.0 * x, lambda g, _out, _x: float(g) * 2.0, arrays=True)
        assert ag.grad(p)(3.0) == 2.0

    def test_zero(self) -> None:
        p = make(lambda x: np.floor(x), lambda g, _out, _x: ag.ZERO)
        assert ag.grad(lambda x: p(x) + x)(1.3) == 1.0


class TestWhatTheFunctionReturns:
    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (None, "returned None, where an array is due"),
            ([1.0], "returned a list"),
            ("x", "returned a str"),
            (np.ones(2, object), "returned dtype object"),
            (ag.Tensor([1.0]), "returned a Tensor: .* pass that one as an operand"),
            ((np.ones(2), None), "returned None"),
        ],
        ids=repr,
    )
    def test_is_checked(self, value: object, message: str) -> None:
        p = make(lambda x: value, lambda g, _out, _x: g, name="mine")
        for x in (ag.Tensor([1.0], requires_grad=True), ag.Tensor([1.0])):
            with pytest.raises(ag.RuleError, match=message):
                p(x)

    def test_integers_have_no_gradient(self) -> None:
        p = make(lambda x: np.round(x).astype(int), lambda g, _out, _x: g)
        assert p(ag.Tensor([1.0])).dtype == int
        with pytest.raises(ag.NotDifferentiableError, match="returned dtype int64"):
            p(ag.Tensor([1.0], requires_grad=True))

    def test_python_numbers_become_scalars(self) -> None:
        p = make(lambda x: float(np.sum(x)), lambda g, _out, x: g * np.ones(x.shape))
        np.testing.assert_array_equal(ag.grad(p)(np.arange(3.0)), np.ones(3))


class TestDeclaring:
    @pytest.mark.parametrize(
        ("rule", "message"),
        [
            (lambda g: g, r"called with \(g, out, x, y, \*, scale\), but takes \(g\)"),
            (lambda g, out, x: g, "but takes"),
            (lambda g, out, x, y, axis: g, "takes 'axis', which is no parameter .* are scale"),
            (3, "is a function, not int"),
        ],
    )
    def test_a_rule_that_cannot_be_called(self, rule, message: str) -> None:
        p = make(lambda x, y, *, scale=1.0: scale * x * y, name="mine")
        declare = p.rule("x") if not callable(rule) else p.rule
        with pytest.raises(TypeError, match=f"mine: its rule.*{message}"):
            declare(rule)

    def test_open_ended_rules(self) -> None:
        p = make(lambda x, y, *, scale=1.0: scale * x * y)
        p.rule(lambda g, _out, *xs, **params: tuple(g * x * params["scale"] for x in xs[::-1]))
        assert ag.grad(lambda x: p(x, 2.0, scale=3.0))(5.0) == 6.0

    def test_which_operand(self) -> None:
        p = make(lambda x, y, i: x * y, constants=("i",), name="mine")
        for wrong, message in [("z", "no operand 'z'; it has x, y, i"), (3, "no operand 3")]:
            with pytest.raises(ValueError, match=f"mine has {message}"):
                p.rule(wrong)
        with pytest.raises(ValueError, match="'i' is among its constants"):
            p.rule("i")

    def test_one_form_of_rules(self) -> None:
        p = make(lambda x, y: x * y)
        p.rule("x")(lambda g, _out, _x, y: g * y)
        with pytest.raises(ValueError, match="keep to one form"):
            p.rule(lambda g, _out, x, y: (g * y, g * x))

    def test_a_missing_rule(self) -> None:
        p = make(lambda x, y: x * y, name="mine")
        p.rule("x")(lambda g, _out, _x, y: g * y)
        x = ag.Tensor(1.0, requires_grad=True)
        with pytest.raises(ag.NotDifferentiableError, match=r"mine has no rule for 'y': .*@mine"):
            p(x, 2.0)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"kind": "convex"}, "kind must be one of elementwise, .*'convex'"),
            ({"constants": "z"}, "constants names 'z', which is no operand .*: x"),
            ({"constants": "x"}, "no operand that a gradient could reach"),
            ({"residuals": True, "kind": "linear"}, "with residuals the kind must be 'general'"),
        ],
    )
    def test_options(self, options: dict[str, object], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            ag.primitive(**options)(lambda x: x)

    @pytest.mark.parametrize(
        ("fn", "message"),
        [
            (lambda *xs: xs, r"takes \*xs: name each operand"),
            (lambda x, **kw: x, r"takes \*\*kw"),
            (lambda x, out=None: x, "has an argument 'out'"),
            (3, "declares a function, not int"),
        ],
    )
    def test_functions(self, fn, message: str) -> None:
        with pytest.raises(TypeError, match=message):
            ag.primitive()(fn)

    def test_elementwise_has_one_value(self) -> None:
        p = make(lambda x: (x, x), lambda g, _out, _x: g, kind="elementwise")
        with pytest.raises(ag.RuleError, match="an elementwise op has one value"):
            p(ag.Tensor(1.0, requires_grad=True))

    def test_a_zero_gradient_stays_zero_in_elementwise_ones(self) -> None:
        p = make(
            lambda x: np.log(x),
            lambda g, _out, x: g / x,
            kind="elementwise",
            domains=(ag.Domain(0.0, np.inf, 1.0),),
            sample=(np.array([1.0, 2.0]),),
        )
        x = ag.Tensor([0.0, 2.0], requires_grad=True)
        with np.errstate(divide="ignore"):
            np.where(x.data > 0, p(x), 0.0).sum().backward()
        np.testing.assert_array_equal(x.grad, [0.0, 0.5])


class TestLife:
    def test_nothing_is_entered_in_the_table(self) -> None:
        before = dict(ag.OPS)
        for factor in (2.0, 3.0):  # a notebook's cell, run again

            @ag.primitive
            def scaled(x, factor=factor):
                return factor * x

            @scaled.rule
            def _(g, _out, _x, factor):
                return factor * g

            assert ag.grad(scaled)(1.0) == factor
        assert before == ag.OPS

    def test_a_graph_keeps_the_rule_it_was_recorded_with(self) -> None:
        p = make(lambda x: 2 * x, lambda g, _out, _x: 2 * g, check=False)
        x = ag.Tensor(1.0, requires_grad=True)
        y = p(x)
        p.rule(lambda g, _out, _x: 5 * g)
        y.backward()
        assert x.grad == 2.0
        p(x).backward()
        assert x.grad == 7.0

    def test_a_new_rule_is_checked_again(self) -> None:
        p = make(lambda x: 2 * x, lambda g, _out, _x: 2 * g)
        x = ag.Tensor(1.0, requires_grad=True)
        p(x)
        p.rule(lambda g, _out, _x: 5 * g)
        with pytest.raises(ag.RuleError, match="wrong"):
            p(x)

    def test_copies_and_pickles_are_the_same_object(self) -> None:
        assert copy.deepcopy(softplus) is softplus
        assert pickle.loads(pickle.dumps(softplus)) is softplus

    def test_goes_with_its_last_user(self) -> None:
        p = make(lambda x: 2 * x, lambda g, _out, _x: 2 * g)
        x = ag.Tensor(1.0, requires_grad=True)
        y = p(x)
        gone = weakref.ref(p)
        del p
        gc.collect()
        y.backward()
        assert x.grad == 2.0
        del y
        gc.collect()
        assert gone() is None

    def test_graphs_are_freed_without_the_collector(self) -> None:
        x = ag.Tensor(np.ones(3), requires_grad=True)
        fast_cube(x)
        gc.collect()
        gc.disable()
        try:
            y = fast_cube(x)
            value = weakref.ref(y.data)
            y.sum().backward()
            del y
            assert value() is None
        finally:
            gc.enable()

    def test_keeps_only_what_the_rules_name(self) -> None:
        x = ag.Tensor(np.ones(3), requires_grad=True)
        node = softplus(x)._node
        assert node.operands == (x._node,)
        assert node.out is not None
        assert fast_cube(x)._node.out is None

    def test_drawn_under_its_name(self) -> None:
        x, y = (ag.Tensor([1.0, 2.0], requires_grad=True, name=n) for n in "xy")
        drawing = viz.flow_graph((product(x, y) + softplus(x)).sum(), engine="builtin")
        labels = [v.label for v in drawing.graph.vertices]
        assert "⊙" in labels
        assert "softplus" in labels
        solve = make(lambda x: (x * 2, (x,)), lambda g, _out, _r, _x: 2 * g, residuals=True)
        ops = [v.op for v in viz.flow_graph(solve(x).sum(), engine="builtin").graph.vertices]
        assert ops == [None, "<lambda>", "sum"]  # the residuals make no box

    def test_under_vmap(self) -> None:
        a = np.random.default_rng(0).normal(size=(4, 3))
        np.testing.assert_allclose(ag.vmap(softplus)(a), np.logaddexp(0, a))
        per_example = ag.vmap(ag.grad(lambda x: np.sum(softplus(x) ** 2)))(a)
        np.testing.assert_allclose(per_example, 2 * np.logaddexp(0, a) * sigmoid(a))
        cubes = ag.vmap(ag.grad(lambda x: np.sum(fast_cube(x))))(a)
        np.testing.assert_allclose(cubes, 3 * a**2)
        outers = ag.vmap(lambda x, y: outer(x, y, scale=2.0), (0, None))(a, np.ones(2))
        np.testing.assert_allclose(outers, 2 * a[:, :, None] * np.ones(2))


def test_overriding_a_gradient() -> None:
    @ag.primitive(check=False)
    def clipped(x, limit=1.0):
        return x

    @clipped.rule
    def _(g, _out, _x, limit):
        return np.clip(g, -limit, limit)

    x = ag.Tensor([1.0, 5.0], requires_grad=True)
    (clipped(x, limit=3.0) ** 2).sum().backward()
    np.testing.assert_array_equal(x.grad, [2.0, 3.0])
    with contextlib.suppress(ag.InPlaceError):
        y = clipped(x)
        y += 1.0  # the value is shared with x, which must not see it
    np.testing.assert_array_equal(x.data, [1.0, 5.0])
