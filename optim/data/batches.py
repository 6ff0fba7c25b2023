"""Mini-batches: some rows of the data at a time, in an order that can be gone on with later."""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..options import as_generator, count
from .arrays import as_array, common_length

__all__ = ["Minibatches", "minibatches"]


@final
class Minibatches:
    """The examples in batches of ``batch_size`` rows; each iteration over it is one epoch.

    Yields a batch of the array or, given several of equal lengths (inputs, targets, ...), a
    tuple of batches with the same rows of each; None is passed through. Batches are copies;
    memory-mapped arrays are read a batch at a time.

    With ``shuffle`` each epoch has an order of its own, from ``rng`` (the context's generator if
    None). ``last`` says what happens to rows that do not fill a batch: ``"keep"`` makes a smaller
    one, ``"drop"`` leaves them out, ``"merge"`` adds them to the batch before. ``rows`` restricts
    all this to some of the rows, as when the data are split without being copied.

    ``state_dict`` gives the position in the epoch that was begun or gone on with last; after
    ``load_state_dict`` the next iteration is the rest of that epoch, in its order, and the one
    after it a whole one.

    >>> X, y = np.arange(10).reshape(5, 2), np.arange(5)
    >>> batches = Minibatches(X, y, batch_size=2, shuffle=False, last="merge")
    >>> len(batches)
    2
    >>> [labels for _, labels in batches]
    [array([0, 1]), array([2, 3, 4])]
    """

    def __init__(
        self,
        *arrays: ArrayLike | None,
        batch_size: int,
        shuffle: bool = True,
        rng: np.random.Generator | None = None,
        last: str = "keep",
        rows: ArrayLike | None = None,
    ) -> None:
        self.arrays: list[Any] = [None if array is None else as_array(array) for array in arrays]
        n = common_length(self.arrays, "Minibatches")
        self.rows = None if rows is None else _rows(rows, n)
        #: How many examples an epoch goes through, those of a dropped batch included.
        self.n_examples = n if self.rows is None else len(self.rows)
        size = count("Minibatches", "batch_size", batch_size)
        if last not in ("keep", "drop", "merge"):
            raise ValueError(f'Minibatches: last must be "keep", "drop" or "merge", not {last!r}')
        if last == "drop" and size > self.n_examples:
            raise ValueError(
                f"Minibatches: dropping the last batch leaves no batch at all, for there are "
                f"{self.n_examples} examples and batches have {size}"
            )
        self.batch_size, self.shuffle, self.last = size, bool(shuffle), last
        self.rng = None if rng is None else as_generator(rng)
        #: Where each batch starts, and where the last one ends.
        self._bounds = _bounds(self.n_examples, self.batch_size, last)
        # Of the epoch begun last: the generator's state at its start, and the batches given out.
        self._began: Mapping[str, Any] | None = None
        self._done = 0
        self._resumed = False

    def __len__(self) -> int:
        return len(self._bounds) - 1

    def __iter__(self) -> Iterator[Any]:
        order = self._order()
        # A generator of its own, so that the epoch is begun at the call and not at first use.
        return self._batches(order, self._began, self._done)

    def _batches(
        self, order: NDArray[np.intp] | None, began: Mapping[str, Any] | None, done: int
    ) -> Iterator[Any]:
        bounds = self._bounds
        readers = [_reader(array, order is not None) for array in self.arrays]
        for i in range(done, len(self)):
            start, stop = bounds[i], bounds[i + 1]
            chosen: Any = slice(start, stop) if order is None else order[start:stop]
            batch = tuple([read(chosen) for read in readers])
            # Another iteration may have been begun meanwhile: the position is of who goes on.
            self._began, self._done = began, i + 1
            yield batch if len(batch) > 1 else batch[0]
        self._began, self._done = None, 0

    def _order(self) -> NDArray[np.intp] | None:
        """Begin an epoch, or go on with the one whose state was loaded."""
        generator = as_generator(self.rng) if self.shuffle else None
        if self._resumed:
            # Its order once more; the generator itself has been where it was when that was drawn.
            self._resumed = False
            generator = None if self._began is None else _at(generator, self._began)
        else:
            self._began = None if generator is None else generator.bit_generator.state
            self._done = 0
        if generator is None:
            return self.rows
        if self.rows is not None:
            return generator.permutation(self.rows)
        return generator.permutation(self.n_examples)

    # -- position -----------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Give the position: between two batches, or between two epochs.

        The state of the generator is part of it, at the start of the epoch and now, and so is
        what the order depends on (of ``rows`` a checksum).
        """
        generator = as_generator(self.rng) if self.shuffle else None
        return {
            "n_examples": self.n_examples,
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "last": self.last,
            "rows": None if self.rows is None else zlib.crc32(self.rows.tobytes()),
            "batches_done": self._done,
            "epoch_rng": self._began,
            "rng": None if generator is None else generator.bit_generator.state,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to the position in ``state``, and set the generator to its state then.

        A position of other data, or of batches made otherwise, is a ``ValueError`` that says what
        differs, and nothing changes.
        """
        own = self.state_dict()
        if set(state) != set(own):
            raise ValueError(
                f"this state is not of Minibatches: it has {sorted(state)} where {sorted(own)} "
                f"is needed"
            )
        fixed = ("n_examples", "batch_size", "shuffle", "last", "rows")
        wrong = [f"{k}={state[k]!r}, here {own[k]!r}" for k in fixed if state[k] != own[k]]
        if wrong:
            raise ValueError(f"this state is of other batches: {'; '.join(wrong)}")
        done = int(state["batches_done"])
        if not 0 <= done <= len(self):
            raise ValueError(f"this state has batch {done} of {len(self)}")
        began = state["epoch_rng"]
        if self.shuffle:
            if done and began is None:
                raise ValueError("this state is of an epoch in an order that it does not tell")
            generator = as_generator(self.rng)
            theirs, ours = state["rng"]["bit_generator"], generator.bit_generator.state
            if theirs != ours["bit_generator"]:
                raise ValueError(
                    f"this state is of a {theirs} generator, and rng here is a "
                    f"{ours['bit_generator']}: make Minibatches with the same kind"
                )
            if began is not None:
                _at(generator, began)  # with an error, before anything is changed
            generator.bit_generator.state = state["rng"]
        self._began, self._done = began, done
        # Between two epochs there is nothing to go on with.
        self._resumed = done > 0 or self._began is not None

    def __repr__(self) -> str:
        return (
            f"Minibatches({self.n_examples} examples, batch_size={self.batch_size}, "
            f"shuffle={self.shuffle}, last={self.last!r})"
        )


def minibatches(
    *arrays: ArrayLike | None,
    batch_size: int,
    rng: np.random.Generator | None = None,
    shuffle: bool = True,
    drop_last: bool = False,
) -> Iterator[Any]:
    """Go through the examples once, in batches of ``batch_size`` rows.

    One epoch of ``Minibatches``, for a loop of one's own. The last batch is what remains, unless
    ``drop_last``. Arrays of different lengths are a ``ValueError``, as is nothing to go through.
    ``rng`` defaults to the context's generator.

    >>> X, y = np.arange(10).reshape(5, 2), np.arange(5)
    >>> for batch, labels in minibatches(X, y, batch_size=2, shuffle=False):
    ...     print(batch.shape, labels)
    (2, 2) [0 1]
    (2, 2) [2 3]
    (1, 2) [4]
    """
    last = "drop" if drop_last else "keep"
    return iter(Minibatches(*arrays, batch_size=batch_size, shuffle=shuffle, rng=rng, last=last))


def _reader(array: Any, scattered: bool) -> Callable[[Any], Any]:
    """Make what reads rows of an array: a slice of them, or scattered ones, the common case."""
    if array is None:
        return lambda rows: None
    # Sooner than an index, but for an array that is not contiguous, of which it makes a whole copy.
    if scattered and type(array) is np.ndarray and array.flags.c_contiguous:
        return partial(array.take, axis=0)
    return partial(take, array)


def take(array: Any, rows: slice | NDArray[np.intp]) -> Any:
    """Copy some rows of an array."""
    if isinstance(rows, slice):
        part = array[rows]
        # A view of the user's data, which whoever changes a batch would change.
        return np.array(part) if isinstance(part, np.ndarray) else part
    if isinstance(array, np.memmap) and array.nbytes >= _ADVISED:
        _announce(array, rows)
    return array[rows]


#: From this many bytes on a memory map is not expected to be in the page cache after an epoch.
_ADVISED = 1 << 28


def _announce(array: np.memmap[Any, Any], rows: NDArray[np.intp]) -> None:
    """Tell the operating system which rows of a memory map are read next, where it takes advice.

    The disk then looks for all of them at once, instead of for one after the other as their pages
    are touched: measured, a batch that is not in the page cache comes 20 times sooner.
    """
    source: Any = array.base
    # Of a part of a map the base is the map, and where it starts is not said.
    whole = isinstance(source, mmap.mmap) and array.flags.c_contiguous
    if not whole or not hasattr(source, "madvise"):
        return
    size = array.nbytes // len(array)
    first = array.offset % mmap.ALLOCATIONGRANULARITY
    for row in rows.tolist():
        start = first + row * size
        page = start - start % mmap.PAGESIZE
        source.madvise(mmap.MADV_WILLNEED, page, start + size - page)


def _bounds(n: int, size: int, last: str) -> range | list[int]:
    """Say where each batch starts and, at the end, where the last one stops."""
    whole = n - n % size
    if last == "drop" or whole == n:
        return range(0, whole + 1, size)
    starts = list(range(0, n, size))
    if last == "merge" and len(starts) > 1:
        starts.pop()
    return [*starts, n]


def _rows(rows: ArrayLike, n: int) -> NDArray[np.intp]:
    """Check numbers of rows."""
    chosen = np.asarray(rows)
    if not chosen.size:
        raise ValueError("Minibatches: rows is empty, so there are no examples")
    if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
        raise TypeError(
            f"Minibatches: rows must be a list of whole numbers, not {chosen.dtype} of shape "
            f"{chosen.shape}"
            + ("; np.flatnonzero(mask) gives them" if chosen.dtype.kind == "b" else "")
        )
    wrong = np.flatnonzero((chosen < 0) | (chosen >= n))
    if len(wrong):
        raise ValueError(
            f"Minibatches: rows[{wrong[0]}] is {chosen[wrong[0]]}, and there are rows 0 to {n - 1}"
        )
    return chosen.astype(np.intp, copy=False)


def _at(generator: np.random.Generator | None, state: Mapping[str, Any]) -> np.random.Generator:
    """Make a generator of the same kind that is at a state."""
    again = type(as_generator(generator).bit_generator)()
    again.state = state
    return np.random.Generator(again)
