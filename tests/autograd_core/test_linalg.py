"""Products and linear algebra where they are awkward: singular, repeated, arbitrary, at the origin.

That the rules are right where all is smooth, a loop over the table shows in `test_table`.
"""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import autograd_core as ag
from autograd_core.ops import products
from autograd_core.testing import check_gradients

INF = np.inf
RNG = np.random.default_rng(0)
_STATE = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def _same_numbers_for_all() -> None:
    """Each test draws the same numbers whatever ran before it."""
    RNG.bit_generator.state = _STATE


def tracked(x: Any) -> Any:
    return ag.Tensor(np.asarray(x), requires_grad=True)


def gradient(f: Any, x: Any, seed: int = 99) -> np.ndarray:
    """The gradient of <u, f(x)> with a random u."""
    value = np.asarray(f(np.asarray(x)))
    u = np.random.default_rng(seed).normal(size=value.shape)
    return np.asarray(ag.grad(lambda t: ag.sum(np.real(f(t)) * u))(np.asarray(x)))


def second(f: Any, x: Any) -> np.ndarray:
    """A Hessian times a random vector."""
    v = RNG.normal(size=np.shape(x))
    return np.asarray(ag.grad(lambda t: ag.sum(ag.grad(lambda s: ag.sum(f(s)))(t) * v))(x))


def orthogonal(n: int, seed: int = 0) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]


def with_values(*values: float, columns: int | None = None) -> np.ndarray:
    """A matrix with these singular values."""
    n = len(values)
    m = n if columns is None else columns
    s = np.zeros((n, m))
    s[np.arange(min(n, m)), np.arange(min(n, m))] = values[:m]
    return orthogonal(n, 1) @ s @ orthogonal(m, 2)


# --- norms --------------------------------------------------------------------------------------

VECTOR_ORDERS = [None, 2, 1, 3, 2.5, 1.5, 0, INF]
MATRIX_ORDERS = [None, "fro", "nuc", 1, -1, 2, -2, INF, -INF]


class TestNorm:
    @pytest.mark.parametrize("order", VECTOR_ORDERS)
    def test_at_the_origin_all_derivatives_are_zero(self, order: Any) -> None:
        x = np.zeros(3)
        assert_array_equal(ag.grad(lambda t: np.linalg.norm(t, order))(x), x)
        assert_array_equal(second(lambda t: np.linalg.norm(t, order), x), x)

    @pytest.mark.parametrize("order", MATRIX_ORDERS)
    def test_at_the_zero_matrix(self, order: Any) -> None:
        x = np.zeros((2, 3))
        assert_array_equal(ag.grad(lambda t: np.linalg.norm(t, order))(x), x)

    @pytest.mark.parametrize("order", [0.5, -1, -2.5, 1, 3])
    def test_an_element_of_zero_has_the_derivative_of_its_modulus(self, order: float) -> None:
        x = np.array([0.0, 1.0, -2.0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy divides by zero on the way to the value
            g = ag.grad(lambda t: np.linalg.norm(t, order))(x)
        assert g[0] == 0.0
        if order > 0:
            others = ag.grad(lambda t: np.linalg.norm(t, order))(x[1:])
            if order != 0.5:
                assert_allclose(g[1:], others)
        assert np.all(np.isfinite(g))

    def test_ties_share(self) -> None:
        assert_array_equal(
            ag.grad(lambda t: np.linalg.norm(t, INF))(np.array([2.0, -2.0, 1.0])), [0.5, -0.5, 0.0]
        )
        g = ag.grad(lambda t: np.linalg.norm(t, 2))(np.eye(2))
        assert_allclose(g, np.eye(2) / 2, atol=1e-15)

    def test_a_singular_value_of_zero_has_no_part_in_the_nuclear_norm(self) -> None:
        a = with_values(2.0, 1.0, 0.0, 0.0)
        u, _, vh = np.linalg.svd(a)
        g = ag.grad(lambda t: np.linalg.norm(t, "nuc"))(a)
        assert_allclose(g, u[:, :2] @ vh[:2], atol=1e-12)
        assert_array_equal(ag.grad(lambda t: np.linalg.norm(t, -2))(a), np.zeros((4, 4)))

    @pytest.mark.parametrize("order", [3, 0.5, -1])
    def test_large_and_small_numbers(self, order: float) -> None:
        x = np.array([1.0, 2.0, 3.0])
        expected = ag.grad(lambda t: np.linalg.norm(t, order))(x)
        for scale in (1e-60, 1e60):
            assert_allclose(ag.grad(lambda t: np.linalg.norm(t, order))(x * scale), expected)

    @pytest.mark.parametrize("order", MATRIX_ORDERS)
    @pytest.mark.parametrize("keepdims", [False, True])
    @pytest.mark.parametrize("axis", [(0, 1), (1, 0), (2, 0), (-1, -3), (1, 2)])
    def test_values_of_matrices(self, order: Any, keepdims: bool, axis: Any) -> None:
        x = RNG.normal(size=(2, 3, 4))
        value = np.linalg.norm(tracked(x), order, axis, keepdims)
        assert_allclose(value.detach(), np.linalg.norm(x, order, axis, keepdims), rtol=1e-13)
        check_gradients(lambda t: np.linalg.norm(t, order, axis, keepdims), x, order=2)

    @pytest.mark.parametrize("order", [None, 1, 2, "fro", "nuc", INF, 3, -1])
    def test_complex(self, order: Any) -> None:
        x, y = RNG.normal(size=(2, 3, 3))
        matrix = order != 3
        check_gradients(
            lambda x, y: np.linalg.norm(x + 1j * y if matrix else (x + 1j * y)[0], order),
            x, y, order=2,
        )  # fmt: skip

    def test_float16(self) -> None:
        t = tracked(np.array([3.0, 4.0], np.float16))
        for order in (None, 1, 3, INF):
            y = np.linalg.norm(t, order)
            assert y.dtype == np.float16
            y.backward()
        assert t.grad.dtype == np.float16
        with pytest.raises(TypeError, match="float16"):
            np.linalg.inv(tracked(np.eye(2, dtype=np.float16)))

    def test_empty(self) -> None:
        for order in (None, 1, 2):
            t = tracked(np.zeros(0))
            np.linalg.norm(t, order).backward()
            assert t.grad.shape == (0,)

    @pytest.mark.parametrize(
        ("shape", "args"),
        [
            ((2, 2), (3,)), ((2, 2), ("foo",)), ((3,), ("fro",)), ((2, 2, 2), (2,)),
            ((2, 2), (None, (0, 0))), ((2, 2), (None, (0, 1, 1))), ((2, 2), (2, (0, 2))),
            ((2, 2), (2, 2)), ((2, 2), (None, "x")),
        ],
    )  # fmt: skip
    def test_what_numpy_refuses(self, shape: Any, args: Any) -> None:
        x = np.ones(shape)
        with pytest.raises((ValueError, TypeError)) as plain:
            np.linalg.norm(x, *args)
        with pytest.raises((ValueError, TypeError)) as ours:
            np.linalg.norm(tracked(x), *args)
        assert str(plain.value).rstrip(".") in str(ours.value)


# --- inverses, systems, determinants ------------------------------------------------------------


def adjugate(a: np.ndarray) -> np.ndarray:
    """By minors, one at a time."""
    n = len(a)
    keep = [[j for j in range(n) if j != i] for i in range(n)]
    return np.array(
        [
            [(-1) ** (i + j) * np.linalg.det(a[np.ix_(keep[j], keep[i])]) for j in range(n)]
            for i in range(n)
        ]
    )


class TestDeterminants:
    @pytest.mark.parametrize("values", [(1, 2, 3, 0), (1, 2, 0, 0), (1, 0, 0, 0), (1, 2, 3, 1e-14)])
    def test_the_gradient_at_a_singular_matrix_is_the_cofactors(self, values: Any) -> None:
        a = with_values(*map(float, values))
        assert_allclose(ag.grad(np.linalg.det)(a), adjugate(a).T, atol=1e-12)

    @pytest.mark.parametrize(
        "a",
        [
            np.zeros((3, 3)), np.ones((3, 3)), np.diag([1.0, 2.0, 0.0]), np.zeros((1, 1)),
            np.arange(9.0).reshape(3, 3), np.diag([1.0, 0.0, 0.0]), np.zeros((2, 2)),
            np.diag([1e-9, 1.0, 2.0]), np.stack([np.eye(3), np.ones((3, 3))]),
            np.array([[0.0, 1.0], [0.0, 0.0]]), with_values(1.0, 1.0, 1e-13, 1e-14),
        ],
    )  # fmt: skip
    def test_singular_matrices_to_order_two(self, a: np.ndarray) -> None:
        check_gradients(lambda t: np.linalg.det(t) + ag.sum(t * t, axis=(-2, -1)), a, order=2)

    def test_complex_singular_matrices(self) -> None:
        u, v = (np.linalg.qr(x + 1j * y)[0] for x, y in RNG.normal(size=(2, 2, 3, 3)))
        for values in ([1.0, 2.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]):
            a = (u * values) @ v

            def parts(x: Any, y: Any) -> Any:
                z = x + 1j * y
                d = np.linalg.det(z) + ag.sum(z * z)
                return [np.real(d), np.imag(d)]

            check_gradients(parts, a.real.copy(), a.imag.copy(), order=2)

    def test_by_a_complex_step(self) -> None:
        a, v = RNG.normal(size=(2, 3, 3))
        for f in (np.linalg.det, lambda t: np.linalg.inv(t)[0, 1]):
            step = np.imag(f(a + 1e-20j * v)) / 1e-20
            assert_allclose(np.sum(ag.grad(f)(a) * v), step, rtol=1e-12)

    def test_empty_matrices(self) -> None:
        t = tracked(np.zeros((2, 0, 0)))
        assert_array_equal(np.linalg.det(t).detach(), [1.0, 1.0])
        np.linalg.det(t).sum().backward()
        assert t.grad.shape == (2, 0, 0)

    def test_slogdet_of_a_singular_matrix_says_what_failed(self) -> None:
        t = tracked(np.ones((2, 2)))
        sign, log = np.linalg.slogdet(t)
        assert (sign.item(), log.item()) == (0.0, -INF)
        with pytest.raises(np.linalg.LinAlgError, match="Singular") as caught:
            log.backward()
        assert "derivative of slogdet of shape (2, 2)" in "".join(caught.value.__notes__)

    def test_the_sign_of_a_real_matrix_is_constant(self) -> None:
        t = tracked(-np.eye(3))
        np.linalg.slogdet(t).sign.backward()
        assert_array_equal(t.grad, np.zeros((3, 3)))


class TestSystems:
    @pytest.mark.parametrize("f", [np.linalg.inv, lambda t: np.linalg.solve(t, np.ones(2))])
    def test_a_singular_system_keeps_numpys_error(self, f: Any) -> None:
        with pytest.raises(np.linalg.LinAlgError, match="Singular matrix") as caught:
            f(tracked(np.ones((2, 2))))
        assert "of shape (2, 2)" in "".join(caught.value.__notes__)

    def test_wrong_shapes(self) -> None:
        with pytest.raises(ValueError, match="inv of shape") as caught:
            np.linalg.inv(tracked(np.ones((2, 3))))
        del caught

    def test_a_stack_of_vectors_is_read_as_a_matrix(self) -> None:
        a, b = np.eye(2) * 2.0 + np.ones((3, 2, 2)), RNG.normal(size=(2, 2))
        check_gradients(np.linalg.solve, a, b, order=2)
        check_gradients(np.linalg.solve, a, b[0], order=2)

    @pytest.mark.parametrize("values", [(3.0, 2.0, 1.0), (3.0, 2.0, 0.0)])
    @pytest.mark.parametrize("columns", [2, 3, 4])
    def test_pinv_along_matrices_of_one_rank(self, values: Any, columns: int) -> None:
        a = with_values(*values, columns=columns)
        rank = np.linalg.matrix_rank(a)

        # Products of factors stay at the rank: finite differences do not leave it.
        def f(x: Any, y: Any) -> Any:
            return np.linalg.pinv(np.matmul(x, y), rcond=1e-6)

        u, s, vh = np.linalg.svd(a)
        check_gradients(f, u[:, :rank] * s[:rank], vh[:rank].copy(), order=2)

    def test_pinv_of_a_complex_matrix(self) -> None:
        for shape in ((3, 2), (2, 3), (2, 2, 2)):
            x, y = RNG.normal(size=(2, *shape))
            check_gradients(lambda x, y: np.abs(np.linalg.pinv(x + 1j * y)), x, y, order=2)

    @pytest.mark.parametrize("shape", [(4, 3), (3, 3), (2, 4)])
    @pytest.mark.parametrize("rank", [1, 2])
    def test_least_squares_of_deficient_rank_is_pinv(self, shape: Any, rank: int) -> None:
        x, y = RNG.normal(size=(shape[0], rank)), RNG.normal(size=(rank, shape[1]))
        b = RNG.normal(size=(shape[0], 2))
        check_gradients(
            lambda x, y, b: np.linalg.lstsq(np.matmul(x, y), b, rcond=1e-9)[0], x, y, b, order=2
        )
        got = gradient(lambda t: np.linalg.lstsq(t, b, rcond=1e-9)[0], x @ y)
        assert_allclose(got, gradient(lambda t: np.linalg.pinv(t, 1e-9) @ b, x @ y), atol=1e-9)

    def test_least_squares_of_complex_numbers(self) -> None:
        x, y, p, q = RNG.normal(size=(4, 4, 2))

        def parts(x: Any, y: Any, p: Any, q: Any) -> Any:
            solution, residuals, _, s = np.linalg.lstsq(x + 1j * y, p + 1j * q)
            return [np.real(solution), np.imag(solution), residuals, s]

        check_gradients(parts, x, y, p, q, order=2)

    def test_rank_is_a_fact(self) -> None:
        a = tracked(RNG.normal(size=(3, 2)))
        rank = np.linalg.lstsq(a, np.ones(3))[2]
        assert rank == 2
        assert not rank.requires_grad
        assert np.linalg.matrix_rank(a) == 2

    def test_matrix_power(self) -> None:
        a = RNG.normal(size=(2, 2, 2)) + 3 * np.eye(2)
        for n in (-3, -1, 0, 1, 2, 3, 7, np.int64(4)):
            t = tracked(a)
            y = np.linalg.matrix_power(t, n)
            assert_allclose(y.detach(), np.linalg.matrix_power(a, n), rtol=1e-12)
            y.sum().backward()
            assert t.grad.shape == a.shape
        assert_array_equal(gradient(lambda t: np.linalg.matrix_power(t, 0), a), np.zeros_like(a))
        with pytest.raises(TypeError):
            np.linalg.matrix_power(tracked(a), 1.5)

    def test_multi_dot_takes_the_cheapest_order(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sizes = [10, 100, 5, 50]
        chain = [RNG.normal(size=pair) for pair in itertools.pairwise(sizes)]
        done = []
        matmul = np.matmul
        monkeypatch.setattr(np, "matmul", lambda x, y: done.append(x.shape) or matmul(x, y))
        np.linalg.multi_dot([tracked(chain[0]), *chain[1:]])
        assert done == [(10, 100), (10, 5)]

    def test_bad_tensors(self) -> None:
        with pytest.raises(np.linalg.LinAlgError, match="requirement"):
            np.linalg.tensorsolve(tracked(np.ones((2, 3, 4))), np.ones((2, 3)))
        with pytest.raises(ValueError, match="Invalid ind"):
            np.linalg.tensorinv(tracked(np.ones((2, 2))), ind=0)
        with pytest.raises(ValueError, match="at least two"):
            np.linalg.multi_dot([tracked(np.ones((2, 2)))])
        with pytest.raises(np.linalg.LinAlgError, match="3-dimensional"):
            np.linalg.multi_dot([tracked(np.ones((2, 2, 2))), np.ones(2)])

    @pytest.mark.parametrize("p", [None, 2, -2, 1, -1, INF, -INF, "fro", "nuc"])
    def test_cond(self, p: Any) -> None:
        a = RNG.normal(size=(2, 3, 3)) + 3 * np.eye(3)
        check_gradients(lambda t: np.linalg.cond(t, p), a, order=2)
        value = np.linalg.cond(tracked(a), p).detach()
        assert_allclose(value, np.linalg.cond(a, p), rtol=1e-12)
        if p in (None, 2):
            assert np.linalg.cond(tracked(np.zeros((2, 2))), p).item() == INF
            assert np.linalg.cond(tracked(np.diag([1.0, 0.0])), p).item() == INF


# --- decompositions -----------------------------------------------------------------------------


def hermitian(x: Any) -> Any:
    return x + np.conj(np.swapaxes(x, -1, -2))


REPEATED = {
    "svd": np.linalg.svdvals,
    "svd by eigh": lambda a: np.linalg.svd(hermitian(a) / 2, compute_uv=False, hermitian=True),
    "eigh": lambda a: np.linalg.eigvalsh(hermitian(a) / 2),
    "eig": lambda a: np.real(np.linalg.eigvals(a)),
}


class TestRepeatedValues:
    @pytest.mark.parametrize("name", REPEATED)
    def test_values_alone_have_a_derivative(self, name: str) -> None:
        # The sum does not depend on how the values that are equal are told apart.
        a = np.diag([2.0, 2.0, 1.0])
        g = ag.grad(lambda t: ag.sum(REPEATED[name](t) ** 2))(a)
        assert_allclose(g, 2 * a, atol=1e-12)

    @pytest.mark.parametrize("name", REPEATED)
    def test_their_second_derivative_is_refused(self, name: str) -> None:
        a = np.diag([2.0, 2.0, 1.0])
        with pytest.raises(np.linalg.LinAlgError, match=r"^(svd|eigh|eig): .*repeat"):
            second(lambda t: REPEATED[name](t) ** 2, a)

    def test_vectors_are_refused(self) -> None:
        for f in (
            lambda a: np.linalg.svd(a).U,
            lambda a: np.linalg.svd(a).Vh,
            lambda a: np.linalg.eigh(a).eigenvectors,
            lambda a: np.linalg.eig(a).eigenvectors,
        ):
            with pytest.raises(np.linalg.LinAlgError, match="repeat"):
                gradient(f, np.eye(3))
            with pytest.raises(np.linalg.LinAlgError, match="repeat"):
                ag.jvp(f, (np.eye(3),), (np.ones((3, 3)),))

    def test_a_vector_without_length_is_refused(self) -> None:
        tall = with_values(2.0, 0.0, 0.0, columns=2)
        for a, k in ((tall, 0), (tall.T, 2)):
            with pytest.raises(np.linalg.LinAlgError, match="svd: a singular value is zero"):
                gradient(lambda t, k=k: np.linalg.svd(t, full_matrices=False)[k] ** 2, a)
            assert np.all(np.isfinite(gradient(np.linalg.svdvals, a)))


class TestArbitraryParts:
    """Phases of complex vectors, and columns that only complete a basis."""

    x = RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3))

    @pytest.mark.parametrize(
        "f",
        [
            lambda a: np.real(np.linalg.svd(a).U),
            lambda a: np.imag(np.linalg.svd(a).Vh),
            lambda a: np.real(np.linalg.eigh(hermitian(a)).eigenvectors),
            lambda a: np.real(np.linalg.eig(a).eigenvectors),
        ],
    )
    def test_a_loss_that_depends_on_the_phase_is_refused(self, f: Any) -> None:
        with pytest.raises(np.linalg.LinAlgError, match="depends on the phases"):
            gradient(f, self.x)

    def test_a_loss_that_does_not_has_a_gradient(self) -> None:
        def projectors(x: Any, y: Any) -> Any:
            u, s, vh = np.linalg.svd(x + 1j * y)
            w, v = np.linalg.eig(x + 1j * y)
            both = np.einsum("ik,kj->kij", u, vh)
            return [s, np.real(both), np.imag(both), np.abs(u), np.abs(vh), np.real(w), np.abs(v)]

        check_gradients(projectors, self.x.real.copy(), self.x.imag.copy(), order=2)

    @pytest.mark.parametrize("shape", [(4, 2), (2, 4), (2, 3, 1)])
    def test_full_matrices(self, shape: tuple[int, ...]) -> None:
        a = RNG.normal(size=shape)
        k = min(shape[-2:])

        def spans(t: Any) -> Any:
            u, _, vh = np.linalg.svd(t)
            u, v = u[..., k:], np.swapaxes(vh, -1, -2)[..., k:]
            return [np.matmul(w, np.swapaxes(w, -1, -2)) for w in (u, v)]

        check_gradients(spans, a, order=2)

        # What the further columns span is what the first leave.
        def reduced(t: Any) -> Any:
            u, _, vh = np.linalg.svd(t, full_matrices=False)
            v = np.swapaxes(vh, -1, -2)
            return [np.eye(w.shape[-2]) - np.matmul(w, np.swapaxes(w, -1, -2)) for w in (u, v)]

        for mine, other in zip(spans(a), reduced(a), strict=True):
            assert_allclose(mine, other, atol=1e-12)

    @pytest.mark.parametrize(
        ("f", "name"),
        [
            (lambda a: np.linalg.svd(a)[0][:, 2:], "svd"),
            (lambda a: np.linalg.svd(a.T)[2][2:], "svd"),
            (lambda a: np.linalg.qr(a, "complete")[0][:, 2:], "qr"),
        ],
    )
    def test_the_basis_of_further_columns_is_refused(self, f: Any, name: str) -> None:
        with pytest.raises(np.linalg.LinAlgError, match=f"{name}: the loss depends on the basis"):
            gradient(f, RNG.normal(size=(4, 2)))

    def test_complex_eigenvalues_of_a_real_matrix(self) -> None:
        a = np.array([[0.5, -2.0], [1.0, 0.3]])

        def f(t: Any) -> Any:
            w, v = np.linalg.eig(t)
            return [np.real(w), np.imag(w), np.abs(v), np.real(np.linalg.eigvals(t) ** 3)]

        check_gradients(f, a, order=2)
        g = ag.grad(lambda t: ag.sum(np.real(np.linalg.eigvals(t))))(a)
        assert g.dtype == float
        assert_allclose(g, np.eye(2), atol=1e-15)


class TestDecompositions:
    def test_gradients_of_hermitian_functions_are_hermitian(self) -> None:
        x = RNG.normal(size=(2, 3, 3))
        for a in (x[0] @ x[0].T + np.eye(3), hermitian(x[0] + 1j * x[1]) + 9 * np.eye(3)):
            for f in (
                np.linalg.cholesky,
                lambda t: np.linalg.cholesky(t, upper=True),
                np.linalg.eigvalsh,
                lambda t: np.abs(np.linalg.eigh(t, UPLO="U")[1]),
                lambda t: np.linalg.pinv(t, hermitian=True),
            ):
                g = gradient(f, a)
                assert_allclose(g, np.conj(g.T), atol=1e-14)
                assert np.max(np.abs(g)) > 1e-3

    def test_a_matrix_that_is_not_positive(self) -> None:
        with pytest.raises(np.linalg.LinAlgError, match="not positive definite") as caught:
            np.linalg.cholesky(tracked(-np.eye(2)))
        assert "cholesky of shape (2, 2)" in "".join(caught.value.__notes__)

    def test_qr(self) -> None:
        t = tracked(np.ones((3, 2)))
        q, r = np.linalg.qr(t)
        with pytest.raises(np.linalg.LinAlgError, match="Singular") as caught:
            (q * r[0, 0]).sum().backward()
        assert "derivative of qr of shape (3, 2)" in "".join(caught.value.__notes__)
        with pytest.raises(ag.NotDifferentiableError, match="raw"):
            np.linalg.qr(t, mode="raw")
        with pytest.raises(ValueError, match="Unrecognized mode"):
            np.linalg.qr(t, mode="foo")

    @pytest.mark.parametrize("shape", [(3, 2), (2, 3), (3, 3), (1, 3)])
    def test_complex_qr(self, shape: tuple[int, int]) -> None:
        x, y = RNG.normal(size=(2, *shape))

        def parts(x: Any, y: Any) -> Any:
            q, r = np.linalg.qr(x + 1j * y)
            return [np.real(q), np.imag(q), np.real(r), np.imag(r)]

        check_gradients(parts, x, y, order=2)

    def test_named_results(self) -> None:
        t = tracked(np.diag([3.0, 2.0]))
        assert np.linalg.svd(t).S.requires_grad
        assert np.linalg.svd(t, hermitian=True).Vh.requires_grad
        assert np.linalg.eigh(t).eigenvalues.requires_grad
        assert np.linalg.eig(t).eigenvectors.requires_grad
        assert np.linalg.qr(t).R.requires_grad
        assert np.linalg.slogdet(t).logabsdet.requires_grad


# --- products -----------------------------------------------------------------------------------


OPTIONS = [
    (np.matmul, (2, 3, 4), (4, 5, 2), {"axes": [(0, 1), (2, 1), (0, 2)]}, False),
    (np.matmul, (2, 3, 4), (4, 2), {"axes": [(0, 2), (0, 1), (-1, 0)]}, True),
    (np.vecdot, (3, 2), (3, 2), {"axis": 0}, True),
    (np.vecdot, (3, 2), (2, 3), {"axes": [0, 1]}, True),
    (np.vecdot, (3, 2), (3, 2), {"axis": 0, "keepdims": True}, True),
    (np.vecdot, (3, 2), (3, 2), {"axes": [0, 0, 1], "keepdims": True}, True),
]  # fmt: skip
if hasattr(np, "matvec"):
    OPTIONS += [
        (np.matvec, (3, 2), (3, 4), {"axes": [(1, 0), 0, 0]}, True),
        (np.vecmat, (3, 2), (3, 4), {"axes": [0, (0, 1), 0]}, True),
    ]  # fmt: skip


class TestProducts:
    def test_conjugates(self) -> None:
        x, y = 1 + 2j, 3 - 1j
        for f, expected in (
            (np.vdot, np.conj(x) * y),
            (np.vecdot, np.conj(x) * y),
            (np.dot, x * y),
            (np.inner, x * y),
        ):
            t, u = tracked([x]), tracked([y])
            out = f(t, u)
            assert out.item() == expected
            np.real(out).sum().backward()
            # PyTorch's convention: the gradient of Re(x̄ y) at x is y, that of Re(x y) is ȳ.
            conjugated = f in (np.vdot, np.vecdot)
            assert_allclose(t.grad, [y if conjugated else np.conj(y)])
            assert_allclose(u.grad, [x if conjugated else np.conj(x)])

    @pytest.mark.parametrize(("f", "a", "b", "options", "valid"), OPTIONS)
    def test_axes(self, f: Any, a: Any, b: Any, options: Any, valid: bool) -> None:
        x, y = RNG.normal(size=a), RNG.normal(size=b)
        if not valid:
            with pytest.raises(ValueError):
                f(x, y, **options)
            with pytest.raises(ValueError):
                f(tracked(x), y, **options)
            return
        value = f(tracked(x), y, **options)
        assert_allclose(value.detach(), f(x, y, **options), rtol=1e-13)
        check_gradients(lambda x, y: f(x, y, **options), x, y, order=2)

    def test_dtype(self) -> None:
        t = tracked(np.ones((2, 2), np.float32))
        y = np.matmul(t, np.ones((2, 2), np.float32), dtype=np.float64)
        assert y.dtype == np.float64
        y.sum().backward()
        assert t.grad.dtype == np.float32
        with pytest.raises(TypeError, match="cast"):
            np.matmul(t, np.eye(2, dtype=np.float32), dtype=np.int64)
        with pytest.raises(TypeError, match="axis"):
            np.matmul(t, t, axis=0)

    def test_lists(self) -> None:
        t = tracked([1.0, 2.0])
        eye = [[1.0, 0.0], [0.0, 2.0]]
        for f in (np.matmul, np.dot, np.inner, np.tensordot, np.kron, np.outer, np.linalg.solve):
            args = (1,) if f is np.tensordot else ()
            value = f(eye, t, *args)
            assert_allclose(value.detach(), f(eye, [1.0, 2.0], *args))
            assert value.requires_grad

    @pytest.mark.parametrize(
        ("x", "y"), [((2,), (2,)), ((4, 2), (3,)), ((3,), (2, 2)), ((2, 2), (2,))]
    )
    def test_cross_in_the_plane(self, x: Any, y: Any) -> None:
        a, b = RNG.normal(size=x), RNG.normal(size=y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                np.cross(a, b)
            except ValueError:
                pytest.skip("this NumPy has no cross product in the plane any more")
            check_gradients(np.cross, a, b, order=2)

    def test_bad_products(self) -> None:
        t = tracked(np.ones((2, 3)))
        with pytest.raises(ValueError, match=r"matmul of shape \(2, 3\) and \(2, 3\)"):
            np.matmul(t, t)
        with pytest.raises(ValueError, match="different lengths"):
            np.tensordot(t, t, 1)
        with pytest.raises(ValueError, match="tensordot: 3 axes"):
            np.tensordot(t, t, 3)
        with pytest.raises(ValueError, match="twice"):
            np.tensordot(t, t, ([0, 0], [0, 0]))
        with pytest.raises(ValueError, match="axes"):
            np.tensordot(t, t, (2, 0))
        with pytest.raises(ValueError, match="one-dimensional"):
            np.linalg.outer(t, t)
        with pytest.raises(ValueError, match="3-dimensional"):
            np.linalg.cross(np.swapaxes(t, 0, 1), np.ones((3, 2)))
        with pytest.raises(ValueError, match="cross of shape"):
            np.cross(np.ones(4), tracked(np.ones(4)))


class TestEinsum:
    def test_the_gradient_goes_along_the_path_of_the_value(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No contraction of more than two operands, forward or backward, nor of higher cost."""
        chain = [RNG.normal(size=(12, 12)) for _ in range(5)]
        done: list[tuple[str, Any]] = []
        einsum = np.einsum

        def watched(subscripts: str, *operands: Any, **kwargs: Any) -> Any:
            done.append((subscripts, kwargs.get("optimize")))
            return einsum(subscripts, *operands, **kwargs)

        ts = [tracked(x) for x in chain]
        monkeypatch.setattr(np, "einsum", watched)
        value = products.einsum("ab,bc,cd,de,ef->af", *ts, optimize=True)
        assert len(done) == 4
        value.sum().backward()
        assert len(done) == 4 + 2 * 4
        for subscripts, optimize in done:
            inputs, _ = subscripts.split("->")
            assert optimize is True
            assert len(inputs.split(",")) == 2
            assert len(set(inputs) - {","}) == 3
        monkeypatch.undo()
        for t, mine in zip(ts, ag.grad(
            lambda *xs: ag.sum(xs[0] @ xs[1] @ xs[2] @ xs[3] @ xs[4]), tuple(range(5))
        )(*chain), strict=True):  # fmt: skip
            assert_allclose(t.grad, mine, rtol=1e-12)

    @pytest.mark.parametrize(
        "optimize",
        [False, True, "greedy", "optimal", ("greedy", 10), ["einsum_path", (1, 2), (0, 1)],
         ["einsum_path", (0, 1, 2)]],
    )  # fmt: skip
    def test_paths(self, optimize: Any) -> None:
        x, y, z = RNG.normal(size=(2, 3)), RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2))
        f = lambda *xs: np.einsum("ij,jk,kl->il", *xs, optimize=optimize)  # noqa: E731
        assert_allclose(f(tracked(x), y, z).detach(), f(x, y, z), rtol=1e-13)
        check_gradients(f, x, y, z, order=2)

    def test_labels(self) -> None:
        x = RNG.normal(size=(2, 3, 3))
        check_gradients(lambda t: np.einsum(t, [0, 1, 1], [1]), x, order=2)
        check_gradients(lambda t: np.einsum(t, [Ellipsis, 1, 2], t, [2, 1], [Ellipsis]), x[0])
        got = np.einsum(tracked(x), [Ellipsis, 1, 0])
        assert_array_equal(got.detach(), np.einsum(x, [Ellipsis, 1, 0]))

    def test_complex(self) -> None:
        x, y = RNG.normal(size=(2, 2, 2))

        def parts(x: Any, y: Any) -> Any:
            z = np.einsum("ij,jk,kk->ik", x + 1j * y, x * (2 - 1j), y, optimize=True)
            return [np.real(z), np.imag(z)]

        check_gradients(parts, x, y, order=2)

    def test_other_parameters(self) -> None:
        t = tracked(np.ones((2, 3), np.float32))
        y = np.einsum("ij->ji", t, dtype=np.float64, order="F")
        assert y.dtype == np.float64
        assert y.detach().numpy().flags.f_contiguous
        y.sum().backward()
        assert t.grad.dtype == np.float32
        with pytest.raises(TypeError, match="cast"):
            np.einsum("ij->ji", tracked(np.ones((2, 2))), dtype=np.float32)
        y = np.einsum("ij->ji", tracked(np.ones((2, 2))), dtype=np.float32, casting="same_kind")
        assert y.dtype == np.float32
        with pytest.raises(ag.InPlaceError):
            np.einsum("ij->ji", t, out=np.zeros((3, 2)))
        out = ag.Tensor(np.zeros((3, 2), np.float32))
        assert np.einsum("ij->ji", t, out=out) is out
        assert out.requires_grad

    @pytest.mark.parametrize(
        "subscripts", ["ij,jk", "ijk->i", "...i->i", "i...j->ij", "ij->ik", "ij->ii", "i->i"]
    )
    def test_bad_subscripts(self, subscripts: str) -> None:
        x = np.ones((2, 3, 2)) if "..." in subscripts else np.ones((2, 3))
        with pytest.raises(ValueError):
            np.einsum(subscripts, x)
        with pytest.raises(ValueError, match="einsum"):
            np.einsum(subscripts, tracked(x))

    def test_the_path_of_tensors_is_that_of_their_shapes(self) -> None:
        x, y = np.ones((2, 3)), np.ones((3, 4))
        plain = np.einsum_path("ij,jk,kl->il", x, y, y.T)
        mine = np.einsum_path("ij,jk,kl->il", tracked(x), tracked(y), y.T)
        assert mine[0] == plain[0]
        assert str(mine[1]) == plain[1]


# --- independent sources ------------------------------------------------------------------------

_A = RNG.normal(size=(2, 3, 3)) + 3 * np.eye(3)
_S = _A @ np.swapaxes(_A, -1, -2)
_B = RNG.normal(size=(2, 3, 2))
_TALL = RNG.normal(size=(4, 3))
_CUBE = RNG.normal(size=(4, 2, 2))

AGAINST_JAX: list[tuple[str, Any, tuple[np.ndarray, ...]]] = [
    ("inv", lambda n, a: n.linalg.inv(a), (_A,)),
    ("det", lambda n, a: n.linalg.det(a), (_A,)),
    ("slogdet", lambda n, a: n.linalg.slogdet(a)[1], (_A,)),
    ("solve", lambda n, a, b: n.linalg.solve(a, b), (_A, _B)),
    ("pinv", lambda n, a: n.linalg.pinv(a), (_TALL,)),
    ("lstsq", lambda n, a, b: n.linalg.lstsq(a, b)[0], (_TALL, RNG.normal(size=4))),
    ("cholesky", lambda n, a: n.linalg.cholesky(a), (_S,)),
    ("qr", lambda n, a: n.linalg.qr(a)[1], (_TALL,)),
    ("svd", lambda n, a: n.linalg.svd(a, full_matrices=False)[0] ** 2, (_TALL,)),
    ("svdvals", lambda n, a: n.linalg.svd(a, compute_uv=False), (_TALL,)),
    ("eigh", lambda n, a: n.linalg.eigh(a)[1] ** 2, (_S,)),
    ("eigvalsh", lambda n, a: n.linalg.eigvalsh(a), (_S,)),
    ("norm 3", lambda n, a: n.linalg.norm(a, 3, axis=0), (_TALL,)),
    ("norm nuc", lambda n, a: n.linalg.norm(a, "nuc"), (_TALL,)),
    ("norm 1", lambda n, a: n.linalg.norm(a, 1), (_TALL,)),
    ("matrix_power", lambda n, a: n.linalg.matrix_power(a, -3), (_A,)),
    ("multi_dot", lambda n, a, b: n.linalg.multi_dot([a, b, a]), (_TALL, _TALL.T[:, ::-1])),
    ("tensorinv", lambda n, a: n.linalg.tensorinv(a, 1), (_CUBE,)),
    ("tensorsolve", lambda n, *x: n.linalg.tensorsolve(*x), (_CUBE, _TALL[:, 0])),
    ("tensordot", lambda n, a, b: n.tensordot(a, b, ([0, 2], [0, 1])), (_A, _A)),
    ("kron", lambda n, a, b: n.kron(a, b), (_A[0], _B[0])),
    ("cross", lambda n, a, b: n.cross(a, b, axisa=1, axisb=2), (_A, _A)),
    ("trace", lambda n, a: n.trace(a, 1, 2, 1), (_A,)),
    ("einsum", lambda n, a, b: n.einsum("nij,njk,nii->ki", a, b, a), (_A, _B)),
    ("vdot", lambda n, a, b: n.vdot(a, b), (_A, _A[::-1].copy())),
    ("inner", lambda n, a, b: n.inner(a, b), (_A, _TALL)),
]  # fmt: skip


@pytest.mark.slow  # JAX compiles each function
@pytest.mark.parametrize(("f", "arrays"), [pytest.param(*c[1:], id=c[0]) for c in AGAINST_JAX])
def test_jax_agrees(f: Any, arrays: tuple[np.ndarray, ...]) -> None:
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        xs = [jax.numpy.asarray(x) for x in arrays]
        value = f(jax.numpy, *xs)
        u = np.random.default_rng(1).normal(size=value.shape)
        everything = tuple(range(len(xs)))
        theirs = jax.grad(lambda *a: (f(jax.numpy, *a) * u).sum(), everything)(*xs)
    mine = ag.grad(lambda *a: ag.sum(f(np, *a) * u), everything)(*arrays)
    for ours, other in zip(mine, theirs, strict=True):
        assert_allclose(ours, np.asarray(other), rtol=1e-8, atol=1e-10)


def _phaseless(x: Any) -> Any:
    return abs(x) ** 2


AGAINST_TORCH: list[tuple[str, Any, Any]] = [
    ("inv", lambda a: np.linalg.inv(a), lambda t, a: t.linalg.inv(a)),
    ("det", lambda a: np.linalg.det(a), lambda t, a: t.linalg.det(a)),
    ("sign", lambda a: np.linalg.slogdet(a)[0], lambda t, a: t.linalg.slogdet(a)[0]),
    ("logabsdet", lambda a: np.linalg.slogdet(a)[1], lambda t, a: t.linalg.slogdet(a)[1]),
    ("pinv", lambda a: np.linalg.pinv(a[:, :2]), lambda t, a: t.linalg.pinv(a[:, :2])),
    (
        "cholesky",
        lambda a: np.linalg.cholesky(hermitian(a) + 20 * np.eye(3)),
        lambda t, a: t.linalg.cholesky(a + a.mH + 20 * t.eye(3)),
    ),
    ("qr", lambda a: np.linalg.qr(a)[0], lambda t, a: t.linalg.qr(a)[0]),
    ("wide qr", lambda a: np.linalg.qr(a[:2])[1], lambda t, a: t.linalg.qr(a[:2])[1]),
    ("u", lambda a: _phaseless(np.linalg.svd(a)[0]), lambda t, a: _phaseless(t.linalg.svd(a)[0])),
    ("svdvals", lambda a: np.linalg.svdvals(a), lambda t, a: t.linalg.svdvals(a)),
    (
        "eigh",
        lambda a: _phaseless(np.linalg.eigh(hermitian(a))[1]),
        lambda t, a: _phaseless(t.linalg.eigh(a + a.mH)[1]),
    ),
    ("nuc", lambda a: np.linalg.norm(a, "nuc"), lambda t, a: t.linalg.matrix_norm(a, "nuc")),
    (
        "norm 3",
        lambda a: np.linalg.norm(a, 3, axis=0),
        lambda t, a: t.linalg.vector_norm(a, 3, dim=0),
    ),
    ("vecdot", lambda a: np.vecdot(a, a[::-1]), lambda t, a: t.linalg.vecdot(a, a.flip(0))),
    ("cross", lambda a: np.cross(a, a[::-1]), lambda t, a: t.linalg.cross(a, a.flip(0))),
    (
        "einsum",
        lambda a: np.einsum("ij,jk,kk->ik", a, a, a, optimize=True),
        lambda t, a: t.einsum("ij,jk,kk->ik", a, a, a),
    ),
]


@pytest.mark.parametrize(("mine", "theirs"), [pytest.param(*c[1:], id=c[0]) for c in AGAINST_TORCH])
@pytest.mark.parametrize("dtype", [float, complex])
def test_torch_agrees(mine: Any, theirs: Any, dtype: Any) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    a = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))
    a = a if dtype is complex else np.real(a)
    t = torch.tensor(a, requires_grad=True)
    value = theirs(torch, t)
    u = rng.normal(size=value.shape)
    if dtype is complex and value.is_complex():
        u = u + 1j * rng.normal(size=value.shape)
    torch.real(value * torch.as_tensor(u)).sum().backward()
    x = tracked(a)
    ag.sum(np.real(mine(x) * u)).backward()
    expected = np.zeros_like(a) if t.grad is None else t.grad.numpy()
    assert_allclose(x.grad, expected, rtol=1e-8, atol=1e-10)


# --- what NumPy refuses, and the ends of the range of floats --------------------------------------


@pytest.mark.parametrize("n", [0, 1, 2, -1])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_matrix_power_takes_square_matrices_only(shape: Any, n: int) -> None:
    with pytest.raises(np.linalg.LinAlgError) as theirs:
        np.linalg.matrix_power(np.ones(shape), n)
    with pytest.raises(np.linalg.LinAlgError) as ours:
        np.linalg.matrix_power(tracked(np.ones(shape)), n)
    assert str(theirs.value) in str(ours.value)


@pytest.mark.parametrize("name", ["svd", "svdvals", "pinv", "cond", "qr", "eigh", "eig", "det"])
@pytest.mark.parametrize("shape", [(), (2,)])
def test_a_decomposition_needs_a_matrix(name: str, shape: Any) -> None:
    with pytest.raises(np.linalg.LinAlgError, match="at least two-dimensional"):
        getattr(np.linalg, name)(tracked(np.ones(shape)))


def test_axes_of_tensorsolve_are_counted_from_the_front() -> None:
    a, b = RNG.normal(size=(2, 2, 2, 2)), RNG.normal(size=(2, 2))
    for axes in [(9,), (-1,)]:
        with pytest.raises(ValueError, match="axis"):
            np.linalg.tensorsolve(tracked(a), b, axes=axes)
    for axes in [(0,), (1, 0), (0, 0), (2, 1)]:
        y = np.linalg.tensorsolve(tracked(a), b, axes=axes)
        assert_allclose(y.detach().numpy(), np.linalg.tensorsolve(a, b, axes=axes))


@pytest.mark.parametrize("labels", [[0, -1], [0, 52]])
def test_labels_of_einsum_are_below_52(labels: list[int]) -> None:
    with pytest.raises(ValueError, match=r"not within the valid range \[0, 52\)"):
        np.einsum(tracked(np.ones((2, 2))), labels)


def test_axes_of_a_product_are_named_for_the_result_too() -> None:
    x, last = RNG.normal(size=(2, 2)), (-2, -1)
    for axes in [[last, last], [last] * 4, []]:
        with pytest.raises(ValueError, match="axes"):
            np.matmul(tracked(x), x, axes=axes)
    with pytest.raises(TypeError, match="axes should be a list"):
        np.matmul(tracked(x), x, axes=(last, last, last))
    y = np.matmul(tracked(x), x, axes=[last, last, (-1, -2)])
    assert_allclose(y.detach().numpy(), (x @ x).T)
    y = np.vecdot(tracked(x), x, axes=[0, 0])  # no axes to name in the result
    assert_allclose(y.detach().numpy(), np.sum(x * x, axis=0))


@pytest.mark.parametrize("other", [None, "a"])
@pytest.mark.parametrize("name", ["dot", "inner", "kron", "vdot", "tensordot"])
def test_an_operand_that_is_no_array(name: str, other: Any) -> None:
    with pytest.raises(TypeError, match=name):
        getattr(np, name)(tracked(np.ones((2, 2))), other)
    with pytest.raises(TypeError, match="multi_dot"):
        np.linalg.multi_dot([tracked(np.ones((2, 2))), other])
    with pytest.raises(TypeError, match="tensorsolve"):
        np.linalg.tensorsolve(tracked(np.ones((2, 2))), other)
    assert_array_equal(np.dot(tracked(np.ones(2)), range(2)).detach().numpy(), 1.0)


def test_det_whose_value_leaves_the_range_of_floats() -> None:
    def cofactors(*values: float) -> np.ndarray:
        return np.asarray(ag.grad(np.linalg.det)(np.diag(values)))

    assert_allclose(np.diag(cofactors(1e-170, 1e-170, 1.0)), [1e-170, 1e-170, 0.0], rtol=1e-12)
    got = np.diag(cofactors(-1e-160, 1e-160, 2.0))
    assert_allclose(got, [2e-160, -2e-160, -1e-320], rtol=1e-3)  # the last with few digits
    assert_allclose(got[:2], [2e-160, -2e-160], rtol=1e-12)
    assert_allclose(np.diag(cofactors(1e-310, 1.0)), [1.0, 1e-310], rtol=1e-12)
    with np.errstate(over="ignore"):
        assert_allclose(np.diag(cofactors(1e200, 1e200, 1e-100)), [1e100, 1e100, INF], rtol=1e-12)


def test_det_of_a_stack_with_nan() -> None:
    a = RNG.normal(size=(4, 2, 2))
    a[1], a[2, 0, 0], a[3] = [[np.nan, 0], [0, 0]], INF, 1.0
    adjugate = np.array([[1.0, -1.0], [-1.0, 1.0]])
    with np.errstate(invalid="ignore"):
        x = tracked(a)
        np.linalg.det(x).backward(np.array([2.0, 1.0, 0.0, 3.0]))
    assert_allclose(x.grad[0], 2 * np.linalg.inv(a[0]).T * np.linalg.det(a[0]))
    assert np.isnan(np.asarray(x.grad[1])).all()
    assert_array_equal(x.grad[2], 0.0)
    assert_allclose(x.grad[3], 3 * adjugate, atol=1e-14)
    with np.errstate(invalid="ignore"):
        h = ag.grad(lambda s: np.sum(ag.grad(lambda r: np.linalg.det(r)[0])(s)[0] ** 2))(a)
    assert_allclose(h[0], 2 * a[0])
    assert_array_equal(h[1:], 0.0)


def test_cond_shares_among_equal_singular_values() -> None:
    assert_allclose(ag.grad(np.linalg.cond)(np.eye(2)), np.zeros((2, 2)), atol=1e-15)
    a = np.diag([2.0, 2.0, 1.0])
    assert_allclose(ag.grad(np.linalg.cond)(a), np.diag([0.5, 0.5, -2.0]), atol=1e-15)


@pytest.mark.parametrize("order", [None, 1.5, 3])
@pytest.mark.parametrize("bad", [INF, np.nan])
def test_an_unused_norm_that_is_no_number_has_gradient_0(order: Any, bad: float) -> None:
    a = RNG.normal(size=(3, 4))
    a[1, 2] = bad
    u = np.array([1.0, 0.0, 2.0])

    def f(x: Any) -> Any:
        return np.sum(np.where(u > 0, np.linalg.norm(x, order, axis=1), 0.0) * u)

    def g(x: Any) -> Any:
        return np.sum(ag.grad(f)(x) ** 2)

    rest = a[[0, 2]]
    for at, without in [
        (f, lambda x: np.sum(np.linalg.norm(x, order, axis=1) * u[[0, 2]])),
        (g, None),
    ]:
        got = np.asarray(ag.grad(at)(a))
        assert_array_equal(got[1], 0.0)
        assert np.isfinite(got).all()
        if without is not None:
            assert_allclose(got[[0, 2]], ag.grad(without)(rest))


@pytest.mark.parametrize("bad", [complex(np.nan, 0), complex(INF, INF)])
def test_an_unused_sign_that_is_no_number_has_gradient_0(bad: complex) -> None:
    def f(z: Any) -> Any:
        return np.real(np.sign(z)[1])

    def repeated(n: int) -> Any:
        h = f
        for _ in range(n):
            h = (lambda k: lambda z: np.sum(np.real(ag.grad(k)(z) * (0.3 - 0.7j))))(h)
        return ag.grad(h)

    for n in range(3):
        with np.errstate(invalid="ignore"):
            got, alone = (np.asarray(repeated(n)(np.array([b, 1 + 2j]))) for b in (bad, 1j))
        assert_allclose(got[1], alone[1])
        assert got[0] == 0 != got[1]


def test_sign_where_the_first_gradient_is_0_has_a_second() -> None:
    z0 = np.array([3 + 4j])

    def loss(z: Any) -> Any:
        d = np.sign(z) - np.sign(z0)
        return np.sum(np.real(d) ** 2 + np.imag(d) ** 2)

    v = -0.8 + 0.6j  # across z0, where the sign turns by 1 / 5
    h = ag.grad(lambda z: np.sum(np.real(ag.grad(loss)(z) * np.conj(v))))(z0)
    assert_allclose(h, [2 * v / 25])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_cut_of_polyfit_has_the_dtype_of_x(dtype: str) -> None:
    x = np.arange(4, dtype=dtype)
    ours = np.polyfit(tracked(x), x, 1, full=True)[4]
    theirs = np.polyfit(x, x, 1, full=True)[4]
    assert ours == theirs
    assert ours.dtype == theirs.dtype == dtype
