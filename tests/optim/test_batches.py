"""Mini-batches as an object: policies, positions to go on from, memory maps."""

import copy
import json
import tracemalloc
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_core as ag
from optim import Minibatches, memory_map, minibatches, train_val_test_split
from optim.data import batches


def rng(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


def listed(epoch: Iterator[Any] | Minibatches) -> list[list[int]]:
    return [batch.tolist() for batch in epoch]


@given(
    n=st.integers(1, 30),
    batch_size=st.integers(1, 35),
    shuffle=st.booleans(),
    last=st.sampled_from(["keep", "drop", "merge"]),
)
def test_each_example_comes_once(n: int, batch_size: int, shuffle: bool, last: str) -> None:
    if last == "drop" and batch_size > n:
        return
    X, y = np.arange(2 * n).reshape(n, 2), np.arange(n)
    data = Minibatches(X, y, batch_size=batch_size, shuffle=shuffle, rng=rng(), last=last)
    for _ in range(2):
        found = list(data)
        assert len(found) == len(data)
        assert all(np.array_equal(rows[:, 0], 2 * labels) for rows, labels in found)
        sizes = [len(labels) for _, labels in found]
        seen = np.concatenate([labels for _, labels in found]).tolist()
        rest = n % batch_size
        if last == "keep":
            assert sizes == [batch_size] * (n // batch_size) + [rest] * (rest > 0)
        elif last == "drop":
            assert sizes == [batch_size] * (n // batch_size)
        elif n < batch_size:
            assert sizes == [n]
        else:
            assert sizes == [batch_size] * (n // batch_size - 1) + [batch_size + rest]
        assert len(set(seen)) == len(seen) == sum(sizes)
        assert shuffle or seen == list(range(len(seen)))


def test_an_epoch_is_what_minibatches_gives() -> None:
    X, one, two = np.arange(20), rng(), rng()
    data = Minibatches(X, batch_size=6, rng=one, last="drop")
    for _ in range(3):
        assert listed(data) == listed(minibatches(X, batch_size=6, rng=two, drop_last=True))


def test_epochs_differ_and_are_seeded() -> None:
    X = np.arange(20)
    data, again = (Minibatches(X, batch_size=20, rng=rng()) for _ in "ab")
    first, second = listed(data), listed(data)
    assert first != second
    assert (first, second) == (listed(again), listed(again))
    with ag.seed(3):
        first = listed(Minibatches(X, batch_size=6))
    data = Minibatches(X, batch_size=6)  # the generator is asked for at each epoch
    with ag.seed(3):
        assert listed(data) == first


def test_arrays_in_any_order_of_memory_are_read_by_rows_alone() -> None:
    """A table that is not contiguous is not copied whole for each batch."""
    X = rng().normal(size=(40_000, 12))
    labels = np.arange(40_000)
    for table in (np.asfortranarray(X), np.repeat(X, 2, axis=1)[:, ::2], X):
        data = Minibatches(table, None, labels, batch_size=10, rng=rng())
        epoch = iter(data)
        next(epoch)
        tracemalloc.start()
        try:
            for rows, nothing, chosen in islice(epoch, 20):
                assert nothing is None
                assert np.array_equal(rows, X[chosen])
            assert tracemalloc.get_traced_memory()[1] < X.nbytes / 10
        finally:
            tracemalloc.stop()


def test_batches_are_copies() -> None:
    X = np.arange(6.0)
    for shuffle in (True, False):
        for batch in Minibatches(X, batch_size=4, shuffle=shuffle):
            batch += 100
    assert X.tolist() == [0, 1, 2, 3, 4, 5]


def test_only_some_rows() -> None:
    X = np.arange(20)
    assert listed(Minibatches(X, batch_size=2, rows=[7, 3, 9], shuffle=False)) == [[7, 3], [9]]
    data = Minibatches(X, batch_size=2, rows=range(5, 10), rng=rng())
    assert sorted(np.concatenate(list(data))) == [5, 6, 7, 8, 9]
    assert (data.n_examples, len(data)) == (5, 3)


def test_a_map_is_split_by_the_numbers_of_its_rows(tmp_path: Path) -> None:
    y = np.arange(40) % 4
    np.savez(tmp_path / "x.npz", X=np.arange(40.0)[:, None], y=y)
    data: Any = memory_map(tmp_path / "x.npz")
    parts = train_val_test_split(np.arange(40), data["y"], rng=rng())
    found = [
        np.concatenate([labels for _, labels in Minibatches(data["X"], y, batch_size=3, rows=rows)])
        for rows, _ in parts
    ]
    assert [np.bincount(labels).tolist() for labels in found] == [[6] * 4, [2] * 4, [2] * 4]


def test_one_array_lists_and_none() -> None:
    (batch,) = Minibatches([[1, 2], [3, 4]], batch_size=2, shuffle=False)
    assert batch.tolist() == [[1, 2], [3, 4]]
    (batch,) = Minibatches([1, 2], None, ["a", "b"], batch_size=2, shuffle=False)
    assert batch[1] is None
    assert list(batch[2]) == ["a", "b"]


def test_what_pandas_has_is_taken_by_position() -> None:
    pd = pytest.importorskip("pandas")
    y = pd.Series([10, 20, 30], index=[2, 0, 1])
    assert listed(Minibatches(y, batch_size=2, shuffle=False)) == [[10, 20], [30]]


# --- positions ------------------------------------------------------------------------------------


def generators() -> list[np.random.Generator]:
    kinds = (np.random.PCG64, np.random.MT19937, np.random.Philox)
    return [np.random.Generator(kind(3)) for kind in kinds]


@pytest.mark.parametrize("kind", range(3))
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("last", ["keep", "drop", "merge"])
def test_an_epoch_goes_on_where_it_was_left(kind: int, shuffle: bool, last: str) -> None:
    X = np.arange(23)

    def make() -> Minibatches:
        return Minibatches(X, batch_size=4, rng=generators()[kind], shuffle=shuffle, last=last)

    whole = make()
    expected = [listed(whole) for _ in range(4)]
    for done in range(len(whole) + 1):
        data = make()
        list(data)
        epoch = iter(data)
        assert listed(islice(epoch, done)) == expected[1][:done]
        state = data.state_dict()
        again = make()
        again.rng.random(5)  # type: ignore[union-attr]
        again.load_state_dict(state)
        # Also the position that was loaded is one to save.
        third = make()
        third.load_state_dict(again.state_dict())
        for resumed in (again, third):
            assert listed(resumed) == expected[1][done:]
            assert listed(resumed) == expected[2]
            assert listed(resumed) == expected[3]
        # Taking the state changed nothing either.
        assert listed(epoch) == expected[1][done:]
        assert listed(data) == expected[2]


def test_a_position_between_epochs() -> None:
    X = np.arange(9)
    data, again = (Minibatches(X, batch_size=2, rng=rng()) for _ in "ab")
    list(data)
    again.load_state_dict(json.loads(json.dumps(data.state_dict())))
    assert listed(again) == listed(data)
    fresh = Minibatches(X, batch_size=2, rng=rng(8))
    fresh.load_state_dict(Minibatches(X, batch_size=2, rng=rng()).state_dict())
    assert listed(fresh) == listed(Minibatches(X, batch_size=2, rng=rng()))


def test_a_generator_that_others_draw_from_goes_on_too() -> None:
    X = np.arange(12)

    def draws(data: Minibatches, generator: np.random.Generator, n: int | None) -> list[Any]:
        return [(b.tolist(), generator.random()) for b in islice(iter(data), n)]

    one, two = rng(), rng()
    data, again = Minibatches(X, batch_size=3, rng=one), Minibatches(X, batch_size=3, rng=two)
    draws(data, one, 2)
    state = copy.deepcopy(data.state_dict())
    twin = Minibatches(X, batch_size=3, rng=rng())
    expected = draws(twin, twin.rng, None) + draws(twin, twin.rng, None)  # type: ignore[arg-type]
    again.load_state_dict(state)
    assert draws(again, two, None) + draws(again, two, None) == expected[2:]


def test_an_epoch_broken_off_is_begun_anew() -> None:
    data = Minibatches(np.arange(9), batch_size=2, shuffle=False)
    next(iter(data))
    assert listed(data) == [[0, 1], [2, 3], [4, 5], [6, 7], [8]]


def test_the_position_is_of_the_iteration_that_goes_on() -> None:
    """Another one may come between, as when a callback looks at the training data."""
    data, twin = (Minibatches(np.arange(12), batch_size=2, rng=rng()) for _ in "ab")
    outer = iter(data)
    seen = listed(islice(outer, 2))
    list(data)
    seen += listed(islice(outer, 1))
    state = data.state_dict()
    assert state["batches_done"] == 3
    again = Minibatches(np.arange(12), batch_size=2, rng=rng(9))
    again.load_state_dict(state)
    rest = listed(again)
    assert rest == listed(outer)
    assert seen + rest == listed(twin)


def test_a_position_of_other_batches_changes_nothing() -> None:
    X = np.arange(9)
    data = Minibatches(X, batch_size=2, rng=rng())
    next(iter(data))
    before = data.state_dict()
    for other, match in [
        (Minibatches(X[:8], batch_size=2), "n_examples=8, here 9"),
        (Minibatches(X, batch_size=3, shuffle=False), "batch_size=3, here 2; shuffle=False, here"),
        (Minibatches(X, batch_size=2, last="drop"), "last='drop', here 'keep'"),
        (Minibatches(np.arange(20), batch_size=2, rows=X), r"rows=\d+, here None"),
        (
            Minibatches(X, batch_size=2, rng=np.random.Generator(np.random.MT19937(1))),
            "of a MT19937 generator, and rng here is a PCG64",
        ),
    ]:
        with pytest.raises(ValueError, match=match):
            data.load_state_dict(other.state_dict())
        assert data.state_dict() == before
    with pytest.raises(ValueError, match="an order that it does not tell"):
        data.load_state_dict({**before, "epoch_rng": None})
    with pytest.raises((TypeError, ValueError, KeyError)):
        data.load_state_dict({**before, "epoch_rng": {"bit_generator": "PCG64"}})
    with pytest.raises(ValueError, match=r"not of Minibatches: it has \['t'\]"):
        data.load_state_dict({"t": 1})
    with pytest.raises(ValueError, match="batch 6 of 5"):
        data.load_state_dict({**before, "batches_done": 6})
    assert data.state_dict() == before


# --- memory maps ----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("advised", [0, 1 << 60])
def test_memory_maps_give_the_same_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: Any, advised: int
) -> None:
    monkeypatch.setattr(batches, "_ADVISED", advised)
    X = np.asarray(rng().normal(size=(5000, 3)), order=order)
    y = np.arange(5000, dtype=np.int16)
    np.save(tmp_path / "X.npy", X)
    np.savez(tmp_path / "both.npz", X=X, y=y)
    mapped: Any = memory_map(tmp_path / "both.npz")
    alone: Any = memory_map(tmp_path / "X.npy")
    for shuffle in (True, False):
        kwargs: Any = {"batch_size": 700, "shuffle": shuffle}
        expected = list(Minibatches(X, y, rng=rng(), **kwargs))
        found = list(Minibatches(mapped["X"], mapped["y"], rng=rng(), **kwargs))
        for (a, b), (c, d) in zip(expected, found, strict=True):
            assert np.array_equal(a, c)
            assert np.array_equal(b, d)
            assert not isinstance(c.base, np.memmap)
            c += 1  # a copy, although the map is read-only
        part = Minibatches(alone[10:], rng=rng(), **kwargs)
        want = Minibatches(X[10:], rng=rng(), **kwargs)
        assert all(np.array_equal(a, b) for a, b in zip(part, want, strict=True))


def test_large_maps_are_announced_to_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row asked for lies in the pages that were announced, and the pages begin as such."""
    import mmap

    if not hasattr(mmap.mmap, "madvise"):
        pytest.skip("this system takes no advice")
    X = np.arange(100_000, dtype=np.int32).reshape(1000, 100)
    with (tmp_path / "offset.bin").open("wb") as file:
        file.write(b"\0" * 70_001)  # more than any page, and no multiple of one
        file.write(X.tobytes())
    seen: list[tuple[int, int]] = []

    class Noted(mmap.mmap):
        def madvise(self, option: int, start: int = 0, length: int = 0) -> None:  # type: ignore[override]
            seen.append((start, length))
            super().madvise(option, start, length)

    monkeypatch.setattr("mmap.mmap", Noted)
    mapped: Any = np.memmap(tmp_path / "offset.bin", np.int32, "r", 70_001, (1000, 100))
    monkeypatch.setattr(batches, "_ADVISED", 0)
    rows = np.array([0, 999, 517])
    assert np.array_equal(batches.take(mapped, rows), X[rows])
    whole = bytes(mapped.base)
    assert len(seen) == 3
    for row, (start, length) in zip(rows, seen, strict=True):
        assert start % mmap.PAGESIZE == 0
        assert whole[start : start + length].endswith(X[row].tobytes())


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"batch_size": 0}, ValueError, "batch_size must be 1 or more, not 0"),
        ({"batch_size": True}, TypeError, "batch_size must be a whole number, not True"),
        ({"batch_size": 2, "last": "skip"}, ValueError, '"drop" or "merge", not \'skip\''),
        ({"batch_size": 9, "last": "drop"}, ValueError, "leaves no batch at all, for there are 4"),
        ({"batch_size": 2, "rng": 3}, TypeError, r"np\.random\.default_rng"),
        ({"batch_size": 2, "rows": []}, ValueError, "rows is empty"),
        ({"batch_size": 2, "rows": [0.5]}, TypeError, "whole numbers, not float64"),
        ({"batch_size": 2, "rows": [1, 4]}, ValueError, r"rows\[1\] is 4, .* rows 0 to 3"),
        ({"batch_size": 2, "rows": [-1]}, ValueError, r"rows\[0\] is -1"),
        ({"batch_size": 2, "rows": [True] * 4}, TypeError, "np.flatnonzero"),
    ],
)
def test_refused(arguments: dict[str, Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        Minibatches(np.zeros((4, 2)), **arguments)


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="array 0 has 4, array 2 has 3"):
        Minibatches(np.zeros((4, 2)), None, np.zeros(3), batch_size=2)
    with pytest.raises(ValueError, match="there are no examples"):
        Minibatches(np.zeros((0, 2)), batch_size=2)
