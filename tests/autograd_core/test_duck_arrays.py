"""Tensors that hold arrays of other kinds than NumPy's: Dask's, which are lazy, and CuPy's."""

from __future__ import annotations

import copy
import functools
import os
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
import optim

pytest.importorskip("dask.array")

import dask
import dask.array as da

from tests.autograd_core import dask_support as support
from tests.autograd_core.dask_support import Computed, chunked, computed, lazily, outputs
from tests.autograd_core.samples import DIFFERENTIABLE, TABLE, Case

Array = Any
DEEP = os.environ.get("AUTOGRAD_PROFILE") == "deep"
X = np.cos(np.arange(12.0)).reshape(4, 3)

# --- the table -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", support.names())
def test_the_word_of_each_op_is_right(name: str) -> None:
    """In both directions: an op that stops to work, and one that starts to."""
    words = support.recorded()
    assert name in words, f"run python -m {support.__name__}"
    word, why = support.status(name, enough=3 if DEEP else 1)
    assert word == words[name][0], f"{why}; run python -m {support.__name__}"


def test_the_words_are_of_ops_that_exist() -> None:
    words = support.recorded()
    assert set(words) <= set(TABLE)
    for word, why in words.values():
        assert word in {support.WORKS, support.NO_GRADIENT, support.NOT_IN_DASK}
        assert (word == support.WORKS) == (why == "")


def test_most_ops_work() -> None:
    """What was found must not vanish unseen when the file is written anew."""
    words = [word for word, _ in support.recorded().values()]
    assert words.count(support.WORKS) >= 250


def test_what_computes_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def hasty(g: Any, _out: Any, x: Any) -> Any:
        return g * np.asarray(x)

    op = TABLE["numpy.square"]
    monkeypatch.setattr(op, "rules", (lambda g, _out, x: 2.0 * hasty(g, _out, x),))
    word, why = support.status("numpy.square")
    assert word == support.NO_GRADIENT
    assert why == "Computed: was computed before anybody asked"


def test_what_is_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def differently(g: Any, _out: Any, x: Any) -> Any:
        return 2.0 * g * x if isinstance(x, np.ndarray | np.generic) else g * x

    monkeypatch.setattr(TABLE["numpy.square"], "rules", (differently,))
    with pytest.raises(AssertionError, match="numpy.square"):
        support.status("numpy.square")


SECOND_ORDER = ["exp", "log", "multiply", "matmul", "sum", "where", "divide", "tanh", "transpose"]


@pytest.mark.parametrize("name", [f"numpy.{name}" for name in SECOND_ORDER])
def test_second_derivatives_are_lazy_too(name: str) -> None:
    case, op = support.drawn(name)[0], TABLE[name]
    places = tuple(range(len(case.arrays)))

    def curvature(make: Callable[[Array], Array]) -> list[Array]:
        rng = np.random.default_rng(0)
        directions = [make(rng.normal(size=x.shape)) for x in case.arrays]

        def f(*xs: Any) -> Any:
            y = outputs(case.value(op.function, *xs))[0]
            return ag.sum(y * y * y)

        def along(*xs: Any) -> Any:
            return sum(
                ag.sum(g * v) for g, v in zip(ag.grad(f, places)(*xs), directions, strict=True)
            )

        return list(ag.grad(along, places)(*map(make, case.arrays)))

    with lazily():
        lazy = curvature(chunked)
    assert all(isinstance(g, da.Array) for g in lazy)
    support.compare(name, computed(lazy), curvature(np.asarray))


def test_cholesky_is_the_upper_triangle_in_dask() -> None:
    a = X.T @ X + np.eye(3)
    w = np.arange(9.0).reshape(3, 3)
    with lazily():
        x = ag.Tensor(da.from_array(a, chunks=-1), requires_grad=True)
        y = np.linalg.cholesky(x)
        (y * w).sum().backward()
    t = ag.Tensor(a, requires_grad=True)
    upper = np.linalg.cholesky(t, upper=True)
    (upper * w).sum().backward()
    support.compare("cholesky", computed([y.data, x.grad]), [upper.data, t.grad])


# --- a Tensor that holds a Dask array ------------------------------------------------------------


def lazy(x: Array = X, requires_grad: bool = True, name: str | None = None) -> ag.Tensor:
    return ag.Tensor(chunked(x), requires_grad=requires_grad, name=name)


class TestLaziness:
    def test_nothing_is_computed_but_by_asking(self) -> None:
        with lazily():
            x = lazy(name="x")
            y = (ag.tanh(x) * x).sum()
            assert "dask.array<" in repr(x)
            assert "name='x'" in str(x)
            assert "op=sum" in f"{y}"
            y.backward()
            assert isinstance(x.grad, da.Array)
            assert (x.shape, x.ndim, x.size, x.dtype, len(x)) == ((4, 3), 2, 12, np.float64, 4)
            for ask in (y.item, y.tolist, lambda: f"{y:.2f}", lambda: y.detach().numpy()):
                with pytest.raises(Computed):
                    ask()
        expected = (np.tanh(X) * X).sum()
        assert y.item() == pytest.approx(expected)
        assert isinstance(y.item(), float)
        assert y.tolist() == pytest.approx(expected)
        assert f"{y:.2f}" == f"{expected:.2f}"
        np.testing.assert_allclose(y.detach().numpy(), expected)
        np.testing.assert_allclose(x.grad.compute(), (1 - np.tanh(X) ** 2) * X + np.tanh(X))

    def test_gradients_accumulate_and_can_be_assigned(self) -> None:
        with lazily():
            x = lazy()
            (x * 2.0).sum().backward()
            (x * 3.0).sum().backward()
            other = lazy()
            other.grad = x.grad
        np.testing.assert_array_equal(other.grad.compute(), np.full((4, 3), 5.0))
        x.grad = np.ones((4, 3))
        assert x.grad.tolist() == np.ones((4, 3)).tolist()

    def test_numpy_parameters_and_dask_data_mix(self) -> None:
        w = ag.Tensor(np.arange(3.0), requires_grad=True)
        with lazily():
            data = chunked(X)
            ((data @ w) ** 2).sum().backward()
            (w * w).sum().backward()  # a NumPy gradient on top of a lazy one
            assert isinstance(w.grad, da.Array)
        expected = 2 * X.T @ (X @ np.arange(3.0)) + 2 * np.arange(3.0)
        np.testing.assert_allclose(w.grad.compute(), expected)

    def test_lazy_and_known_contributions_to_one_leaf(self) -> None:
        w = ag.Tensor(np.arange(1.0, 4.0), requires_grad=True)
        with lazily():
            lost = sum(((chunked(X) * w * c).sum() for c in (1.0, 2.0)), w[0] * w[1])
            (lost + (w * w).sum() + w[1] * 3.0 + w[[0, 0]].sum()).backward()
        expected = 3 * X.sum(axis=0) + [2, 1, 0] + 2 * np.arange(1.0, 4.0) + [2, 3, 0]
        np.testing.assert_allclose(w.grad.compute(), expected)

    def test_a_numpy_seed(self) -> None:
        x = lazy()
        with lazily():
            (x * x).backward(np.full((4, 3), 0.5))
            y = x * x
            again = ag.gradients(y, x, grad_output=np.full((4, 3), 0.5))
        np.testing.assert_allclose(x.grad.compute(), X)
        np.testing.assert_allclose(again.detach().numpy(), X)

    @pytest.mark.parametrize("dtype", ["float32", "complex64"])
    def test_dtypes(self, dtype: str) -> None:
        x = lazy(X.astype(dtype))
        with lazily():
            y = np.exp(x * 0.5) + x.sum(axis=0)
            loss = ag.real(y * y).sum()
            loss.backward()
            assert y.dtype == x.grad.dtype == dtype
        t = ag.Tensor(X.astype(dtype), requires_grad=True)
        y = np.exp(t * 0.5) + t.sum(axis=0)
        ag.real(y * y).sum().backward()
        np.testing.assert_allclose(x.grad.compute(), t.grad, rtol=1e-5)

    def test_transforms_return_dask_arrays(self) -> None:
        with lazily():
            value, gradient = ag.value_and_grad(lambda x: (x * x).sum())(chunked(X))
            _, tangent = ag.jvp(lambda x: np.linalg.norm(x), (chunked(X),), (chunked(X),))
        assert all(isinstance(a, da.Array) for a in (value, gradient, tangent))
        value, gradient, tangent = computed([value, gradient, tangent])
        np.testing.assert_allclose(gradient, 2 * X)
        np.testing.assert_allclose(tangent, np.linalg.norm(X))
        assert float(value) == pytest.approx((X * X).sum())

    def test_a_leaf_is_copied_and_pickled_without_computing(self) -> None:
        with lazily():
            x = lazy(name="x")
            (x * x).sum().backward()
            for other in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
                assert isinstance(other.data, da.Array)
                assert other.requires_grad
                assert other.name == "x"
                assert isinstance(other.grad, da.Array)
        np.testing.assert_allclose(other.grad.compute(), 2 * X)

    def test_data_may_be_replaced(self) -> None:
        x = lazy()
        with lazily():
            y = x * x
            x.data = x.data - 1.0
            x.data -= 1.0
            y.sum().backward()  # at the value that the graph saw
        np.testing.assert_allclose(x.grad.compute(), 2 * X)
        np.testing.assert_allclose(x.data.compute(), X - 2.0)

    def test_the_user_may_store_into_the_array_that_was_given(self) -> None:
        given = chunked(X)
        x = ag.Tensor(given, requires_grad=True)
        y = x * x
        given[0] = 7.0
        y.sum().backward()
        np.testing.assert_allclose(x.grad.compute(), 2 * X)


class TestZeroGradientsStayZero:
    A = np.array([1.0, 0.0, -2.0, 4.0, 0.0])

    @pytest.mark.parametrize(
        ("f", "slope"),
        [
            (lambda x: np.where(x > 0, np.log(x), 0.0), [1.0, 0.0, 0.0, 0.25, 0.0]),
            (lambda x: np.where(x > 0, 1.0 / x, 0.0), [-1.0, 0.0, 0.0, -1 / 16, 0.0]),
            (lambda x: np.where(x > 0, np.sqrt(x), 0.0), [0.5, 0.0, 0.0, 0.25, 0.0]),
            (lambda x: np.where(x > 0, x**-0.5, 0.0), [-0.5, 0.0, 0.0, -1 / 16, 0.0]),
        ],
        ids=["log", "reciprocal", "sqrt", "power"],
    )
    def test_where_trap(self, f: Any, slope: list[float]) -> None:
        with lazily(), np.errstate(all="ignore"):
            x = lazy(self.A)
            f(x).sum().backward()
            y = lazy(self.A)
            second = ag.gradients(ag.gradients(f(y).sum(), y, create_graph=True).sum(), y)
            _, tangent = ag.jvp(f, (chunked(self.A),), (chunked(np.ones(5)),))
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(computed([x.grad])[0], slope)
            np.testing.assert_allclose(computed([tangent])[0], slope)
            assert np.isfinite(computed([second.data])[0]).all()

    def test_what_is_infinite_stays_infinite(self) -> None:
        with np.errstate(all="ignore"):
            x = lazy(self.A[:2])
            np.sqrt(x).sum().backward()
            assert computed([x.grad])[0].tolist() == [0.5, np.inf]


class TestInPlace:
    def test_earlier_readers_keep_what_they_read(self) -> None:
        given = chunked(X)
        with lazily():
            w = ag.Tensor(2.0, requires_grad=True)
            x = ag.asarray(given)
            before = x * w
            x[0] = w * 3.0
            x[1, 1] = 5.0
            after = x * w
            (before.sum() + after.sum()).backward()
        stored = X.copy()
        stored[0], stored[1, 1] = 6.0, 5.0
        np.testing.assert_array_equal(computed([given])[0], X)
        np.testing.assert_allclose(computed([x.data])[0], stored)
        # 3 elements 3 w² have the slope 6 w.
        slope = X.sum() + stored[1:].sum() + 3 * 12.0
        assert float(w.grad.compute()) == pytest.approx(slope)

    @pytest.mark.parametrize(
        "index",
        [
            0,
            (slice(1, 3), 2),
            (..., None, slice(None, None, -1)),
            np.array([0, 2, 0]),
            (np.array([[0, 1], [3, 3]]), np.array([2, 0])),
            X > 0,
            (slice(None), np.array([True, False, True])),
            [],
        ],
        ids=str,
    )
    def test_any_index_of_numpys_reads_and_writes(self, index: Any) -> None:
        def both(make: Callable[[Array], Array]) -> list[Array]:
            x = ag.Tensor(make(X), requires_grad=True)
            region = X[index]
            value = ag.Tensor(make(np.arange(1.0, 1.0 + region.size).reshape(region.shape)))
            value.requires_grad_()
            y = x * x
            read = y[index]
            y[index] = value * 2.0
            (read * 3.0).sum().backward(retain_graph=True)
            (y * make(np.arange(12.0).reshape(4, 3))).sum().backward()
            return [read.data, y.data, x.grad, value.grad]

        with lazily():
            got = both(chunked)
        support.compare(str(index), computed(got), both(np.asarray))

    def test_a_mask_that_is_not_computed(self) -> None:
        with lazily():
            x = lazy()
            y = x * x
            y[y > 0.5] = 0.0
            y.sum().backward()
        np.testing.assert_allclose(x.grad.compute(), np.where(X * X > 0.5, 0.0, 2 * X))

    def test_untracked(self) -> None:
        with lazily():
            x = ag.asarray(chunked(X))
            reader = x.detach()
            x[1:] = 0.0
            x += 1.0
        np.testing.assert_array_equal(computed([reader.data])[0], X)
        assert computed([x.data])[0][1:].tolist() == np.ones((3, 3)).tolist()

    def test_a_lazy_value_in_a_numpy_array_is_refused(self) -> None:
        for x in (ag.Tensor(np.zeros(3)), ag.Tensor(np.zeros(3), requires_grad=True) * 1.0):
            with lazily(), pytest.raises(ag.InPlaceError, match=r"dask\.array.* make the tensor"):
                x[0] = chunked(X)[0, 0]

    def test_a_view_is_refused_as_for_numpy(self) -> None:
        for view in (lazy()[0], lazy().T, lazy().reshape(-1)):
            with lazily(), pytest.raises(ag.InPlaceError, match=r"x\[0\] \+= 1"):
                view += 1.0


class TestUnknownShapes:
    def test_reading_by_a_mask(self) -> None:
        with lazily():
            x = lazy()
            with pytest.raises(ag.ShapeError, match=r"getitem.*\(nan,\).*np\.where\(mask"):
                x[x > 0]

    def test_data_of_unknown_length(self) -> None:
        model = nn.MLP([3, 2])
        with lazily():
            data = chunked(X)
            data = data[data[:, 0] > 0]
            for f in (
                lambda: (model(data) ** 2).mean().backward(),
                lambda: ag.Tensor(data, requires_grad=True).sum().backward(),
            ):
                with pytest.raises(ag.ShapeError, match="compute_chunk_sizes"):
                    f()
            with pytest.raises(ValueError, match="compute_chunk_sizes"):
                nn.cross_entropy(model(data), data[:, 0] > 0)
        data.compute_chunk_sizes()
        (model(data) ** 2).mean().backward()
        assert model.parameters()[0].grad.shape == (3, 2)


# --- networks ------------------------------------------------------------------------------------


class TestNetworks:
    def examples(self, n: int = 20) -> tuple[Array, Array]:
        rng = np.random.default_rng(0)
        return rng.normal(size=(n, 4)), rng.integers(0, 3, n)

    @pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("lazy_labels", [True, False])
    def test_the_gradient_of_an_mlp(self, activation: str, dtype: str, lazy_labels: bool) -> None:
        X, y = self.examples()
        with ag.default_dtype(dtype):
            model = nn.MLP([4, 5, 3], activation=activation)
        nn.cross_entropy(model(X.astype(dtype)), y).backward()
        expected = [p.grad.copy() for p in model.parameters()]
        for p in model.parameters():
            p.zero_grad()
        with lazily():
            data = da.from_array(X.astype(dtype), chunks=(6, 2))
            labels = da.from_array(y, chunks=7) if lazy_labels else y
            loss = nn.cross_entropy(model(data), labels)
            loss.backward()
            assert loss.dtype == dtype
        found = dask.compute(*[p.grad for p in model.parameters()], scheduler="synchronous")
        for a, b in zip(found, expected, strict=True):
            assert a.dtype == dtype
            np.testing.assert_allclose(a, b, rtol=1e-12 if dtype == "float64" else 1e-4, atol=1e-7)

    @pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
    def test_cross_entropy(self, reduction: str) -> None:
        X, y = self.examples()
        with lazily():
            loss = nn.cross_entropy(chunked(X), chunked(y), reduction)
        np.testing.assert_allclose(loss.compute(), nn.cross_entropy(X, y, reduction))

    def test_a_lazy_label_outside_the_classes_shows_in_the_loss(self) -> None:
        X, y = self.examples()
        y[3] = 4
        with lazily():
            losses = nn.cross_entropy(chunked(X), chunked(y), reduction="none")
        assert np.flatnonzero(np.isnan(losses.compute())).tolist() == [3]
        assert np.isnan(nn.cross_entropy(chunked(X), chunked(y)).compute())
        with lazily(), pytest.raises(TypeError, match="labels must be integers"):
            nn.cross_entropy(chunked(X), chunked(y * 1.0))

    def test_training(self) -> None:
        X, y = self.examples()
        losses = []
        for make in (np.asarray, chunked):
            model = nn.MLP([4, 5, 3], rng=np.random.default_rng(0))
            optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
            data, labels = make(X), make(y)
            for _ in range(3):
                optimizer.zero_grad()
                loss = nn.cross_entropy(model(data), labels)
                loss.backward()
                grads = dask.compute(*[p.grad for p in model.parameters()])
                for p, g in zip(model.parameters(), grads, strict=True):
                    p.grad = g
                optimizer.step()
            losses.append(loss.item())
            assert all(isinstance(p.data, np.ndarray) for p in model.parameters())
        assert losses[0] == pytest.approx(losses[1], rel=1e-12)

    def test_a_step_computes_gradients_that_are_still_lazy(self) -> None:
        X, y = self.examples()
        model = nn.MLP([4, 3], rng=np.random.default_rng(0))
        before = [p.data.copy() for p in model.parameters()]
        nn.cross_entropy(model(chunked(X)), chunked(y)).backward()
        expected = [
            b - 0.1 * p.grad.compute() for b, p in zip(before, model.parameters(), strict=True)
        ]
        optim.SGD(model.parameters(), lr=0.1).step()
        for p, value in zip(model.parameters(), expected, strict=True):
            np.testing.assert_allclose(p.data, value)


# --- an array that is neither NumPy's nor lazy, as CuPy's are ------------------------------------


class Foreign(np.lib.mixins.NDArrayOperatorsMixin):
    """A stand-in for CuPy's array: it computes at once, and will not mix with NumPy's arrays."""

    def __init__(self, value: Any) -> None:
        self.value = np.asarray(value)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("implicit conversion to a NumPy array is not allowed")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        assert not kwargs.get("out"), "written in place"
        if any(type(x) is ag.Tensor for x in inputs):
            return NotImplemented
        return into(getattr(ufunc, method)(*map(out_of, inputs), **kwargs))

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        kwargs = {key: out_of(value) for key, value in kwargs.items() if key != "like"}
        return into(func(*map(out_of, args), **kwargs))

    def __getattr__(self, name: str) -> Any:
        if name not in {"shape", "dtype", "ndim", "size", "T", "real", "imag", "sum", "astype",
                        "reshape", "copy", "any", "all", "max", "min", "item", "tolist", "ravel",
                        "mean", "conj"}:  # fmt: skip
            raise AttributeError(name)
        found = getattr(self.value, name)
        if callable(found):
            return lambda *args, **kwargs: into(found(*args, **kwargs))
        return into(found)

    def __getitem__(self, index: Any) -> Any:
        return into(self.value[out_of(index, strict=False)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self.value[out_of(index, strict=False)] = out_of(value)

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        return f"Foreign({self.value})"


def into(x: Any) -> Any:
    """NumPy's arrays and scalars as foreign arrays."""
    if isinstance(x, (list, tuple)):
        parts = map(into, x)
        return x._make(parts) if hasattr(x, "_make") else type(x)(parts)
    return Foreign(x) if isinstance(x, np.ndarray | np.generic) else x


def out_of(x: Any, strict: bool = True) -> Any:
    """Foreign arrays as NumPy's; one of NumPy's among them is refused, as CuPy does."""
    if type(x) is Foreign:
        return x.value
    if type(x) in (list, tuple):
        return type(x)(out_of(part, strict) for part in x)
    if strict and isinstance(x, np.ndarray) and x.ndim:
        raise TypeError(f"Unsupported type {type(x)}")
    return x


def foreign_cases(name: str) -> list[Case]:
    """Calls without an array of NumPy's among their parameters."""
    return [c for c in support.drawn(name)[:3] if "where" not in c.text and "mean=" not in c.text]


def known_values(xs: list[Any]) -> list[Array]:
    return [x.value if type(x) is Foreign else x for x in xs]


#: Drawn with another operand that is an array of NumPy's.
NOT_FOREIGN = {"numpy.where", "numpy.copysign", "numpy.heaviside", "numpy.ldexp"}

FOREIGN = [
    name
    for name in sorted(DIFFERENTIABLE)
    if TABLE[name].kind == "elementwise"
    and TABLE[name].module == "numpy"
    and name not in NOT_FOREIGN
] + [
    f"numpy.{name}"
    for name in ("sum", "mean", "matmul", "reshape", "transpose", "concatenate", "broadcast_to",
                 "prod", "var", "std", "cumsum", "stack", "moveaxis", "clip", "dot")
]  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_ops_on_an_array_that_is_neither_numpys_nor_lazy(name: str) -> None:
    for case in foreign_cases(name):
        with np.errstate(all="ignore"):
            expected = support.values(name, case, np.asarray)
            got = support.values(name, case, Foreign)
        assert all(type(x) is Foreign for x in got if np.ndim(out_of(x, strict=False)))
        support.compare(f"{name}, {case.text}", known_values(got), expected)


class TestForeign:
    def test_a_network(self) -> None:
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(6, 4)), rng.integers(0, 3, 6)
        model = nn.MLP([4, 5, 3], activation="relu")
        nn.cross_entropy(model(X), y).backward()
        expected = [p.grad for p in model.parameters()]
        for p in model.parameters():
            p.zero_grad()
            p.requires_grad_(False)
        other = copy.deepcopy(model)
        for p, q in zip(other.parameters(), model.parameters(), strict=True):
            p.data = Foreign(q.data.copy())
            p.requires_grad_()
        loss = nn.cross_entropy(other(Foreign(X)), Foreign(y))
        loss.backward()
        assert type(loss.data) is Foreign
        assert isinstance(loss.item(), float)
        for p, g in zip(other.parameters(), expected, strict=True):
            assert type(p.grad) is Foreign
            np.testing.assert_allclose(p.grad.value, g)

    def test_zero_gradients_stay_zero(self) -> None:
        x = ag.Tensor(Foreign([1.0, 0.0, -2.0]), requires_grad=True)
        with np.errstate(all="ignore"):
            np.where(x > 0, np.log(x), 0.0).sum().backward()
        assert x.grad.tolist() == [1.0, 0.0, 0.0]

    def test_indexing_and_writing(self) -> None:
        given = Foreign(X.copy())
        x = ag.Tensor(given, requires_grad=True)
        y = x * 1.0
        y[0] = x[1] * 2.0
        (y * y).sum().backward()
        stored = X.copy()
        stored[0] = 2 * X[1]
        expected = 2 * stored
        expected[1] += 2 * 2 * stored[0]
        expected[0] = 0.0
        np.testing.assert_allclose(x.grad.value, expected)
        np.testing.assert_array_equal(given.value, X)
        t = ag.Tensor(Foreign(X), requires_grad=True)
        t[np.array([0, 0, 2])].sum().backward()
        assert t.grad.tolist() == [[2.0] * 3, [0.0] * 3, [1.0] * 3, [0.0] * 3]

    def test_it_does_not_turn_into_one_of_numpys_unseen(self) -> None:
        x = ag.Tensor(Foreign([1.0, 2.0]), requires_grad=True)
        assert "Foreign([1. 2.])" in repr(x)
        assert x.tolist() == [1.0, 2.0]
        with pytest.raises(TypeError, match="implicit conversion"):
            x.detach().numpy()


# --- CuPy itself ---------------------------------------------------------------------------------


@functools.cache
def why_no_gpu() -> str | None:
    """Why CuPy's arrays cannot be tried here; None where they can."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import cupy
    except ImportError:
        return "CuPy is not installed"
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:
        return f"CuPy finds no GPU here: {error}"
    return None if count else "CuPy finds no GPU here"


@pytest.mark.skipif(why_no_gpu() is not None, reason=f"{why_no_gpu()}: needs one")
class TestCuPy:
    @pytest.mark.parametrize("name", FOREIGN)
    def test_ops(self, name: str) -> None:
        import cupy

        for case in foreign_cases(name):
            with np.errstate(all="ignore"):
                expected = support.values(name, case, np.asarray)
                got = support.values(name, case, cupy.asarray)
            assert all(type(x) is cupy.ndarray for x in got)
            support.compare(f"{name}, {case.text}", list(map(cupy.asnumpy, got)), expected)

    def test_a_network(self) -> None:
        import cupy

        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(6, 4)), rng.integers(0, 3, 6)
        model = nn.MLP([4, 5, 3], activation="relu")
        nn.cross_entropy(model(X), y).backward()
        expected = [p.grad for p in model.parameters()]
        for p in model.parameters():
            p.zero_grad()
            p.data = cupy.asarray(p.data)
        loss = nn.cross_entropy(model(cupy.asarray(X)), cupy.asarray(y))
        loss.backward()
        assert isinstance(loss.item(), float)
        for p, g in zip(model.parameters(), expected, strict=True):
            assert type(p.grad) is cupy.ndarray
            np.testing.assert_allclose(cupy.asnumpy(p.grad), g)
