"""Mini-batches, standardizing and splitting."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import autograd_core as ag
from optim import Standardize, check_finite, minibatches, one_hot, train_val_test_split
from optim.data import arrays as data

# --- minibatches ----------------------------------------------------------------------------------


@given(
    n=st.integers(1, 30),
    batch_size=st.integers(1, 35),
    shuffle=st.booleans(),
    drop_last=st.booleans(),
    seed=st.integers(0, 99),
)
def test_each_example_comes_once(
    n: int, batch_size: int, shuffle: bool, drop_last: bool, seed: int
) -> None:
    if drop_last and batch_size > n:
        return
    X, y = np.arange(2 * n).reshape(n, 2), np.arange(n)
    rng = np.random.default_rng(seed)
    batches = list(
        minibatches(X, y, batch_size=batch_size, rng=rng, shuffle=shuffle, drop_last=drop_last)
    )
    sizes = [len(labels) for _, labels in batches]
    assert all(size == batch_size for size in sizes[:-1])
    assert all(np.array_equal(rows[:, 0], 2 * labels) for rows, labels in batches)
    seen = np.concatenate([labels for _, labels in batches])
    assert len(set(seen)) == len(seen)
    if drop_last:
        assert len(seen) == n - n % batch_size
        assert sizes[-1] == batch_size
    else:
        assert len(seen) == n
    if not shuffle:
        assert np.array_equal(seen, np.arange(len(seen)))


def test_batches_are_seeded_and_differ_between_epochs() -> None:
    def epochs() -> list[list[int]]:
        rng = np.random.default_rng(7)
        X = np.arange(20)
        return [[int(i) for b in minibatches(X, batch_size=6, rng=rng) for i in b] for _ in "ab"]

    assert epochs() == epochs()
    assert epochs()[0] != epochs()[1]
    with ag.seed(3):
        first = np.concatenate(list(minibatches(np.arange(20), batch_size=6)))
    with ag.seed(3):
        assert np.array_equal(first, np.concatenate(list(minibatches(np.arange(20), batch_size=6))))


def test_one_array_comes_by_itself_and_none_is_passed_through() -> None:
    (batch,) = minibatches([[1, 2], [3, 4]], batch_size=2, shuffle=False)
    assert np.array_equal(batch, [[1, 2], [3, 4]])
    (batch,) = minibatches([1, 2], None, ["a", "b"], batch_size=2, shuffle=False)
    assert batch[1] is None
    assert list(batch[2]) == ["a", "b"]


def test_a_memory_map_is_read_in_parts(tmp_path: Any) -> None:
    np.save(tmp_path / "x.npy", np.arange(10.0).reshape(5, 2))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    rows = np.concatenate(list(minibatches(mapped, batch_size=2)))
    assert sorted(rows[:, 0]) == [0.0, 2.0, 4.0, 6.0, 8.0]


def test_minibatches_refuse_at_the_call_what_cannot_work() -> None:
    X = np.zeros((4, 2))
    with pytest.raises(ValueError, match="array 0 has 4, array 1 has 3"):
        minibatches(X, np.zeros(3), batch_size=2)
    with pytest.raises(ValueError, match="batch_size must be 1 or more, not 0"):
        minibatches(X, batch_size=0)
    with pytest.raises(TypeError, match=r"batch_size must be a whole number, not 2\.5"):
        minibatches(X, batch_size=2.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="dropping the last batch leaves no batch"):
        minibatches(X, batch_size=5, drop_last=True)
    with pytest.raises(ValueError, match="there are no examples"):
        minibatches(np.zeros((0, 2)), batch_size=1)
    with pytest.raises(ValueError, match="at least one array"):
        minibatches(batch_size=1)
    with pytest.raises(ValueError, match="array 1 is a single number"):
        minibatches(X, 3, batch_size=1)
    with pytest.raises(TypeError, match=r"np\.random\.default_rng"):
        minibatches(X, batch_size=2, rng=0)  # type: ignore[arg-type]


# --- Standardize ----------------------------------------------------------------------------------

tables = arrays(
    st.sampled_from([np.float32, np.float64]),
    st.tuples(st.integers(1, 8), st.integers(1, 4)),
    elements=st.floats(-1000, 1000, width=32),
)


@given(tables)
def test_standardized_columns_have_mean_zero_and_deviation_one(X: Any) -> None:
    scale = Standardize()
    Z = scale.fit_transform(X)
    assert Z.dtype == X.dtype
    assert Z.shape == X.shape
    constant = X.min(axis=0) == X.max(axis=0)
    assert np.all(np.abs(Z[:, constant]) < 1e-3)
    assert np.allclose(scale.inverse_transform(Z), X, rtol=1e-4, atol=1e-2)
    # Where the spread is not lost in the rounding of the values themselves.
    eps = np.finfo(X.dtype).eps
    wide = X.std(axis=0) > 1e3 * eps * np.abs(X).max(axis=0) + 1e-30
    assert np.allclose(Z[:, wide].astype(float).mean(axis=0), 0, atol=0.01)
    assert np.allclose(Z[:, wide].astype(float).std(axis=0), 1, atol=0.01)


def test_the_training_data_decide() -> None:
    scale = Standardize().fit([[0.0, 5.0], [2.0, 5.0]])
    assert scale.transform([[4.0, 6.0]]).tolist() == [[3.0, 1.0]]
    assert scale.inverse_transform([[3.0, 1.0]]).tolist() == [[4.0, 6.0]]


def test_a_constant_that_no_float_holds_exactly_is_still_a_constant() -> None:
    X = np.full((1000, 1), 0.1)
    assert np.abs(Standardize().fit_transform(X)).max() < 1e-12


def test_float32_far_from_zero_is_centred_all_the_same() -> None:
    X = np.array([[1e8], [1e8 + 8]], np.float32)
    scale = Standardize().fit(X)
    assert scale.transform(X).tolist() == [[-1.0], [1.0]]
    assert scale.inverse_transform(scale.transform(X)).tolist() == X.tolist()


@pytest.mark.filterwarnings("error")
def test_a_spread_too_small_to_square_gives_no_infinity() -> None:
    assert np.isfinite(Standardize().fit_transform([[1e-300], [2e-300]])).all()


def test_integers_become_the_default_dtype() -> None:
    X = np.array([[0, 255], [255, 0]], np.uint8)
    assert Standardize().fit_transform(X).tolist() == [[-1.0, 1.0], [1.0, -1.0]]
    with ag.default_dtype("float32"):
        assert Standardize().fit_transform(X).dtype == np.float32


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_named_by_row_and_column(bad: float) -> None:
    X = np.zeros((5, 4), np.float32)
    scale = Standardize().fit(X)
    X[3, 2] = bad
    for use in (Standardize().fit, Standardize().fit_transform, scale.transform):
        with pytest.raises(ValueError, match=f"{bad} in row 3, column 2"):
            use(X)


@pytest.mark.parametrize("part", [1, 3, 100])
def test_what_is_transformed_in_parts_is_what_the_whole_would_be(
    monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    X = np.asfortranarray(np.random.default_rng(0).normal(7, 3, size=(11, 2)).astype(np.float32))
    mean, deviation = X.mean(axis=0, dtype=float), X.std(axis=0, dtype=float)
    scale = Standardize().fit(X)
    monkeypatch.setattr(data, "_PART", part)
    found = scale.transform(X)
    assert found == pytest.approx((X - mean) / deviation, rel=1e-6)
    assert scale.inverse_transform(found) == pytest.approx(X, rel=1e-6, abs=1e-6)
    assert found.dtype == scale.inverse_transform(found).dtype == np.float32


def test_a_fit_that_fails_changes_nothing() -> None:
    scale = Standardize().fit([[1.0], [3.0]])
    with pytest.raises(ValueError, match="nan in row 0, column 0"):
        scale.fit([[np.nan]])
    assert scale.transform([[3.0]]).tolist() == [[1.0]]


def test_standardize_refuses_what_is_no_table() -> None:
    with pytest.raises(RuntimeError, match="transform: call fit with the training data first"):
        Standardize().transform([[1.0]])
    with pytest.raises(RuntimeError, match="inverse_transform: call fit"):
        Standardize().inverse_transform([[1.0]])
    with pytest.raises(ValueError, match="X has 3 columns, and it was fitted to 2"):
        Standardize().fit(np.zeros((4, 2))).transform(np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"not shape \(3,\); reshape"):
        Standardize().fit([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="no rows"):
        Standardize().fit(np.zeros((0, 2)))
    with pytest.raises(TypeError, match="real numbers, not complex128"):
        Standardize().fit([[1j]])
    with pytest.raises(TypeError, match="real numbers, not <U1"):
        Standardize().fit([["a"]])
    with pytest.raises(ValueError, match="column 1 is too large to square"):
        Standardize().fit([[0.0, 1e200], [1.0, -1e200]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, bool])
@pytest.mark.parametrize("part", [1, 7, 40, 1000])
def test_parts_give_what_the_whole_gives(
    monkeypatch: pytest.MonkeyPatch, dtype: Any, part: int
) -> None:
    X = (np.random.default_rng(0).normal(100, 30, size=(90, 4)) * [1, 1, 0, 1]).astype(dtype)
    monkeypatch.setattr(data, "_PART", part)
    scale = Standardize().fit(X)
    assert scale.mean == pytest.approx(X.mean(axis=0, dtype=np.float64), rel=1e-13)
    expected = X.std(axis=0, dtype=np.float64)
    assert scale.scale == pytest.approx(np.where(expected == 0, 1, expected), rel=1e-13)
    batches = Standardize()
    for batch in np.split(X, [0, 20, 21, 50]):
        batches.partial_fit(batch)
    assert batches.mean == pytest.approx(scale.mean, rel=1e-13)
    assert batches.scale == pytest.approx(scale.scale, rel=1e-13)


def test_parts_far_from_zero_cancel_no_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    # Σx² - n·mean² would have no digit of the deviation left.
    X = 1e9 + np.random.default_rng(0).normal(size=(1000, 1))
    monkeypatch.setattr(data, "_PART", 10)
    assert Standardize().fit(X).scale == pytest.approx((X - 1e9).std(axis=0), rel=1e-7)


def test_a_column_that_is_constant_in_each_part_is_not_constant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(data, "_PART", 2)
    assert Standardize().fit([[1.0], [1.0], [3.0], [3.0]]).scale == [1.0]
    assert Standardize().fit([[1.0], [1.0], [9.0], [9.0]]).scale == [4.0]


def test_rows_are_counted_over_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "_PART", 4)
    X = np.zeros((5, 2))
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="Standardize.fit: X has nan in row 3, column 1"):
        Standardize().fit(X)


def test_a_partial_fit_that_fails_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "_PART", 1)
    scale = Standardize().fit([[1.0], [3.0]])
    for bad, match in [([[9.0], [np.inf]], "inf in row 1"), ([[1.0, 2.0]], "X has 2 columns, and")]:
        with pytest.raises(ValueError, match=match):
            scale.partial_fit(bad)
    assert scale.partial_fit(np.empty((0, 1))).transform([[3.0]]).tolist() == [[1.0]]
    assert scale.partial_fit([[2.0]]).mean == [2.0]
    assert scale.scale == pytest.approx([np.std([1, 2, 3])])
    assert scale.fit([[5.0]]).mean == [5.0]


def test_standardize_goes_on_from_its_state() -> None:
    X = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
    first, second = Standardize().fit(X[:20]), Standardize()
    second.load_state_dict(first.state_dict())
    assert np.array_equal(second.transform(X), first.transform(X))
    first.partial_fit(X[20:])
    second.partial_fit(X[20:])
    assert np.array_equal(second.transform(X), first.transform(X))
    state = first.state_dict()
    state["mean"][:] = 0
    assert np.array_equal(second.transform(X), first.transform(X))
    fresh = Standardize()
    fresh.load_state_dict(Standardize().state_dict())
    with pytest.raises(RuntimeError, match="call fit"):
        fresh.transform(X)
    for bad in ({"mean": 0}, {**state, "mean": np.zeros(2)}):
        with pytest.raises(ValueError, match="not of Standardize"):
            second.load_state_dict(bad)
    assert np.array_equal(second.transform(X), first.transform(X))


# --- one_hot and check_finite ---------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (0,)])
@pytest.mark.parametrize("dtype", [np.int64, np.uint8, bool])
def test_one_hot_rows_are_rows_of_the_identity(shape: tuple[int, ...], dtype: Any) -> None:
    y = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    found = one_hot(y, 4)
    assert found.shape == (*shape, 4)
    assert np.array_equal(found, np.eye(4)[y.astype(int)])
    assert one_hot(y, 4, dtype=np.float32).dtype == np.float32


def test_one_hot_counts_classes_and_has_the_default_dtype() -> None:
    assert one_hot([0, 3]).shape == (2, 4)
    with ag.default_dtype("float32"):
        assert one_hot([0, 3]).dtype == np.float32


def test_one_hot_refuses() -> None:
    with pytest.raises(ValueError, match="label 3 at 1 is not in 0 to 2"):
        one_hot([0, 3], 3)
    with pytest.raises(ValueError, match=r"label -1 at \(1, 0\) is not in 0 to 1"):
        one_hot([[0, 1], [-1, 0]])
    with pytest.raises(TypeError, match=r"whole numbers, not float64; np\.unique"):
        one_hot([0.0, 1.0])
    with pytest.raises(ValueError, match="there are no labels"):
        one_hot(np.array([], int))
    with pytest.raises(ValueError, match="one_hot: label 5 is not in 0 to 2"):
        one_hot(5, 3)
    with pytest.raises(ValueError, match="n_classes must be 1 or more, not -3"):
        one_hot([0], -3)
    with pytest.raises(TypeError, match=r"n_classes must be a whole number, not 3\.0"):
        one_hot([0], 3.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="label -1 at 0 is not in 0 to 0"):
        one_hot([-1])


def test_no_labels_are_no_rows() -> None:
    assert one_hot([], 3).shape == one_hot(np.array([], int), 3).shape == (0, 3)
    with pytest.raises(TypeError, match="whole numbers, not float64"):
        one_hot(np.array([], float), 3)


@pytest.mark.parametrize(
    ("shape", "index", "where"),
    [
        ((5,), (3,), "row 3;"),
        ((5, 4), (3, 2), "row 3, column 2;"),
        ((5, 4, 3), (3, 2, 1), r"row 3 at \(2, 1\);"),
    ],
)
@pytest.mark.parametrize("part", [1, 1 << 20])
def test_what_is_not_finite_is_found(
    monkeypatch: pytest.MonkeyPatch,
    shape: tuple[int, ...],
    index: tuple[int, ...],
    where: str,
    part: int,
) -> None:
    monkeypatch.setattr(data, "_PART", part)
    x = np.zeros(shape)
    assert check_finite(x) is x
    x[index] = -np.inf
    with pytest.raises(ValueError, match=f"fit: y has -inf in {where} remove or replace"):
        check_finite(x, "y", "fit")


def test_what_has_no_nan_is_not_searched() -> None:
    for x in (np.zeros(3, int), np.array(["nan"]), [1, 2], np.array(1.0)):
        assert check_finite(x) is x
    with pytest.raises(ValueError, match="check_finite: X is nan"):
        check_finite(np.nan)


# --- train_val_test_split -------------------------------------------------------------------------


@given(
    counts=st.lists(st.integers(5, 40), min_size=1, max_size=6),
    shares=st.sampled_from([(0.2, 0.2), (0.15, 0.3), (0.0, 0.25), (0.1, 0.0), (0.0, 0.0)]),
    stratify=st.booleans(),
    seed=st.integers(0, 99),
)
def test_splits_cover_everything_once_in_proportion(
    counts: list[int], shares: tuple[float, float], stratify: bool, seed: int
) -> None:
    y = np.repeat(np.arange(len(counts)), counts)
    X = np.arange(len(y))[:, None]
    parts = train_val_test_split(X, y, *shares, stratify, rng=np.random.default_rng(seed))
    rows = np.concatenate([inputs[:, 0] for inputs, _ in parts])
    assert np.array_equal(np.sort(rows), X[:, 0])
    for (inputs, labels), share in zip(parts, (1 - sum(shares), *shares), strict=True):
        assert np.array_equal(labels, y[inputs[:, 0]])
        assert abs(len(labels) - share * len(y)) <= 1
        if stratify:
            of_class = np.bincount(labels, minlength=len(counts))
            # Two roundings meet in the training part, which is the first.
            allowed = 2 if inputs is parts[0][0] else 1
            assert np.all(np.abs(of_class - share * np.array(counts)) <= allowed)


def test_splits_are_seeded_and_mixed() -> None:
    X, y = np.arange(100), np.repeat([0, 1], 50)
    one, two = (train_val_test_split(X, y, rng=np.random.default_rng(1)) for _ in "ab")
    other = train_val_test_split(X, y, rng=np.random.default_rng(2))
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(one, two, strict=True))
    assert not np.array_equal(one[0][0], other[0][0])
    assert len(set(one[0][1][:20])) == 2


def test_other_kinds_of_arrays_are_split_as_what_they_are() -> None:
    X, y = np.arange(40.0).reshape(20, 2), np.repeat([0, 1], 10)
    expected = train_val_test_split(X, y, rng=np.random.default_rng(1))
    da = pytest.importorskip("dask.array")
    for make in (ag.Tensor, lambda x: da.from_array(x, chunks=7)):
        found = train_val_test_split(make(X), make(y), rng=np.random.default_rng(1))
        for (a, b), (c, d) in zip(expected, found, strict=True):
            assert type(c) is type(d) is type(make(X))
            assert np.array_equal(a, np.asarray(c))
            assert np.array_equal(b, np.asarray(d))


def test_classes_may_have_any_names() -> None:
    train, _, test = train_val_test_split(np.arange(10), ["yes", "no"] * 5)
    assert sorted(test[1]) == ["no", "yes"]
    assert len(train[1]) == 6


def test_split_refuses_what_cannot_work() -> None:
    X, y = np.zeros((10, 2)), np.arange(10) % 2
    with pytest.raises(ValueError, match=r"test must be in \[0, 1\), not 1\.5"):
        train_val_test_split(X, y, test=1.5)
    with pytest.raises(ValueError, match=r"validation must be in \[0, 1\), not nan"):
        train_val_test_split(X, y, validation=np.nan)
    with pytest.raises(TypeError, match="validation must be a number, not '0.2'"):
        train_val_test_split(X, y, validation="0.2")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="leave nothing to train"):
        train_val_test_split(X, y, validation=0.5, test=0.5)
    with pytest.raises(ValueError, match="array 0 has 10, array 1 has 9"):
        train_val_test_split(X, y[:9])
    with pytest.raises(ValueError, match=r"class for each row, .*stratify=False"):
        train_val_test_split(X, np.eye(10))
    with pytest.raises(ValueError, match="no example of class 7 is left to train with, of 1"):
        train_val_test_split(X, [7] + [0] * 9, validation=0.5, test=0.49)
    with pytest.raises(ValueError, match=r"no example is left to train with, of 1; use smaller"):
        train_val_test_split(X[:1], y[:1], 0.6, 0.3, stratify=False)
    with pytest.raises(TypeError, match=r"np\.random\.default_rng"):
        train_val_test_split(X, y, rng=1)  # type: ignore[arg-type]
