"""Where the batches of an epoch come from, and the position in them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

import numpy as np

from autograd_core import Tensor

from ..data.arrays import is_dask
from ..data.batches import Minibatches
from .checks import Casting, as_rows, refuse_nonfinite
from .steps import Gradients, here, weigher

if TYPE_CHECKING:
    from nn import Module

__all__ = ["Feed", "make_feed", "same_length"]

#: Examples at a time where nothing is learned, so that memory stays bounded.
MEASURED = 1024


class Feed(ABC):
    """Batches (x, y), an epoch at each iteration, all checked and of the model's precision."""

    #: What the data are called in messages.
    name: str
    #: Batches an epoch; None if that is not known before.
    length: int | None = None
    #: The generators of the data's own.
    generators: Sequence[np.random.Generator] = ()

    @abstractmethod
    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        """Go through an epoch, or through the rest of one whose position was loaded."""

    @abstractmethod
    def measured(self) -> Iterator[tuple[Any, Any]]:
        """Go through all examples once to measure, in the order of the data."""

    def evaluated(
        self, model: Module, loss: Callable[[Any, Any], Any] | None, outputs: bool
    ) -> Iterator[tuple[float, float, Any, Any]]:
        """Yield what examples weigh, their loss times that, and if asked outputs and targets."""
        weigh = weigher(loss)
        for x, y in self.measured():
            output, weight = model(x), weigh(y)
            value = 0.0 if loss is None else loss(output, y).item() * weight
            output = output.data if isinstance(output, Tensor) else output
            yield (weight, value, output, y) if outputs else (weight, value, None, None)

    @abstractmethod
    def about(self) -> dict[str, Any]:
        """Say what a checkpoint of these data must agree with."""

    @property
    def keeps_position(self) -> bool:
        """Whether one can go on in the middle of an epoch."""
        return True

    def why_not(self) -> str:
        """Say why one cannot."""
        return ""

    @property
    def once(self) -> bool:
        """Whether one can go through them a single time."""
        return False

    @abstractmethod
    def state_dict(self) -> dict[str, Any] | None:
        """Give the position."""

    @abstractmethod
    def load_state_dict(self, state: Any, whole: bool) -> None:
        """Go to a position; ``whole`` says that it is between two epochs."""

    def forget_begun(self) -> None:  # noqa: B027
        """Begin the next epoch anew, for one that was begun already was so before a resume."""

    def sample(self, size: int) -> tuple[Any, Any, list[int]] | None:
        """Give a few examples to try the loss with, and their rows; None where that costs some."""
        return None

    def gradients(
        self,
        model: Module,
        loss: Callable[[Any, Any], Any],
        penalty: Callable[[Module], Any] | None,
        parameters: Sequence[Tensor],
    ) -> Gradients:
        """Say how the gradients of a batch at the parameters come about: in this process."""
        return here(model, loss, penalty)


@final
class ArrayFeed(Feed):
    """Arrays with rows, by `Minibatches`."""

    def __init__(
        self, name: str, batches: Minibatches, casting: Casting, numbered: bool = False
    ) -> None:
        self.name = name
        self.length = len(batches)
        self.batches = batches
        self.generators = [] if batches.rng is None else [batches.rng]
        self._casting = casting
        # Numbers of the rows may be the last array, to tell which row is bad.
        self._numbered = numbered
        self.arrays = arrays = batches.arrays[:-1] if numbered else batches.arrays
        if not 1 <= len(arrays) <= 2 or any(array is None for array in arrays):
            raise ValueError(
                f"fit: {name} must have one array (the target is the input) or two (inputs and "
                f"targets), not {len(arrays)}"
            )
        self._pair = len(arrays) == 2
        # What is in memory was checked before; what is read in batches is checked as it comes.
        self._checked = [
            _in_memory(array) and not casting.too_wide(letter, array)
            for letter, array in zip("Xy", arrays, strict=False)
        ]

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        if all(self._checked):
            return iter(self.batches) if self._pair else ((x, x) for x in self.batches)
        return self._checking()

    def _checking(self) -> Iterator[tuple[Any, Any]]:
        for batch in self.batches:
            parts = batch if isinstance(batch, tuple) else (batch,)
            if self._numbered:
                yield _pair(self._ready(parts[:-1], "", parts[-1]))
            else:
                yield _pair(self._ready(parts, " of a batch", None))

    def _ready(self, parts: Iterable[Any], where: str, rows: Any) -> list[Any]:
        ready = []
        for letter, part, checked in zip("Xy", parts, self._checked, strict=False):
            if not checked:
                refuse_nonfinite(self._called(letter), part, where, rows)
                part = self._casting(letter, part)
            ready.append(part)
        return ready

    def _called(self, letter: str) -> str:
        return letter if self.name == "data" else f"{letter} of {self.name}"

    def measured(self) -> Iterator[tuple[Any, Any]]:
        rows, n = self.batches.rows, self.batches.n_examples
        for start in range(0, n, MEASURED):
            chosen: Any = slice(start, min(start + MEASURED, n))
            if rows is not None:
                chosen = rows[chosen]
            numbers = np.arange(start, chosen.stop) if rows is None else chosen
            parts = [np.asarray(array[chosen]) for array in self.arrays]
            yield _pair(self._ready(parts, "", numbers))

    def about(self) -> dict[str, Any]:
        return {
            "kind": "arrays",
            "examples": self.batches.n_examples,
            "batch size": self.batches.batch_size,
            "shuffled": self.batches.shuffle,
            "last batch": self.batches.last,
            "shapes": [list(array.shape[1:]) for array in self.arrays],
        }

    def state_dict(self) -> dict[str, Any] | None:
        return self.batches.state_dict()

    def load_state_dict(self, state: Any, whole: bool) -> None:
        self.batches.load_state_dict(state)

    def sample(self, size: int) -> tuple[Any, Any, list[int]] | None:
        arrays = self.arrays
        if not all(map(_in_memory, arrays)):
            return None
        rows: Any = self.batches.rows
        rows = np.arange(self.batches.n_examples) if rows is None else rows
        chosen = rows[:size]
        y = arrays[-1]
        if self._pair and y.ndim == 1 and y.dtype.kind in "iu":
            # The labels at the ends, so that the loss can refuse them before anything is trained.
            labels = y[rows]
            ends = rows[[labels.argmin(), labels.argmax()]]
            chosen = np.array(list(dict.fromkeys([*ends, *chosen]))[: max(size, 2)])
        x, y = _pair([self._casting(n, a[chosen]) for n, a in zip("Xy", arrays, strict=False)])
        return x, y, [int(row) for row in chosen]


@final
class BatchFeed(Feed):
    """Whatever gives batches when it is iterated over."""

    def __init__(self, name: str, source: Any, casting: Casting) -> None:
        self.name = name
        self._source = source
        self._casting = casting
        self.length = len(source) if hasattr(source, "__len__") else None
        if self.length == 0:
            raise ValueError(f"fit: {name} has no batches: {type(source).__name__} of length 0")
        own = vars(source).values() if hasattr(source, "__dict__") else ()
        self.generators = [each for each in own if isinstance(each, np.random.Generator)]
        # An iterator that is yet to be gone through, and whether it may be at its end already.
        self._iterator: Any = None
        self._fresh = self._ended = False

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        ended, self._ended = self._ended, False
        count = 0
        for count, batch in enumerate(self._batches(self._begun()), 1):  # noqa: B007
            yield batch
        if not count and ended:
            # The position was the end of an epoch, so this is the next one.
            yield from self._batches(self._begun())

    def _begun(self) -> Iterator[Any]:
        if not self._fresh:
            self._iterator = iter(self._source)
        self._fresh = False
        found: Iterator[Any] = self._iterator
        return found

    def measured(self) -> Iterator[tuple[Any, Any]]:
        return self._batches(iter(self._source))

    def _batches(self, iterator: Iterator[Any]) -> Iterator[tuple[Any, Any]]:
        for i, batch in enumerate(iterator, 1):
            parts = batch if isinstance(batch, (tuple, list)) else (batch,)
            if not 1 <= len(parts) <= 2:
                raise ValueError(
                    f"fit: batch {i} of {self.name} must be (x, y), or x alone, and not "
                    f"{type(batch).__name__} of {len(parts)}"
                )
            ready = []
            for letter, part in zip("xy", parts, strict=False):
                array = as_rows(f"{letter} of batch {i} of {self.name}", part)
                refuse_nonfinite(letter, array, f" of batch {i} of {self.name}")
                ready.append(self._casting(letter, array))
            if len({len(part) for part in ready}) > 1:
                raise ValueError(
                    f"fit: batch {i} of {self.name} has {len(ready[0])} inputs and "
                    f"{len(ready[1])} targets"
                )
            yield _pair(ready)

    def about(self) -> dict[str, Any]:
        return {"kind": "batches", "batches": self.length}

    @property
    def keeps_position(self) -> bool:
        return self._holder() is not None

    def why_not(self) -> str:
        return (
            f"{self.name}, of type {type(self._source).__name__}, has no state_dict and "
            f"load_state_dict that would tell and take up the position; optim.Minibatches has them"
        )

    @property
    def once(self) -> bool:
        return hasattr(self._source, "__next__") and not _has_position(self._source)

    def _holder(self) -> Any:
        """What has the position: the data, or the iterator over them."""
        if _has_position(self._source):
            return self._source
        if self._iterator is None:
            # To see what it can; the next epoch goes through this one.
            self._iterator, self._fresh = iter(self._source), True
        return self._iterator if _has_position(self._iterator) else None

    def state_dict(self) -> dict[str, Any] | None:
        holder = self._holder()
        return None if holder is None else dict(holder.state_dict())

    def load_state_dict(self, state: Any, whole: bool) -> None:
        if not _has_position(self._source):
            self._iterator, self._fresh = iter(self._source), True
        self._holder().load_state_dict(state)
        self._ended = whole

    def forget_begun(self) -> None:
        self._fresh = False


def make_feed(
    name: str,
    data: Any,
    casting: Casting,
    *,
    batch_size: int,
    shuffle: bool,
    last: str,
    rng: np.random.Generator | None,
) -> Feed:
    """Make batches of whatever `fit` takes as data."""
    if isinstance(data, Mapping):
        raise TypeError(f"fit: {name} must be (X, y), X alone, or batches, not a mapping")
    if isinstance(data, Minibatches):
        arrays = data.arrays
        if any(map(is_dask, arrays)):
            raise TypeError(
                f"fit: give {name} as the Dask arrays themselves, (X, y), and batch_size, shuffle, "
                f"last and rng to fit: Minibatches would bring each batch here"
            )
        for letter, array in zip("Xy", arrays, strict=False):
            if array is not None and _in_memory(array):
                refuse_nonfinite(f"{letter} of {name}", array)
        return ArrayFeed(name, data, casting)
    if _is_batches(data):
        return BatchFeed(name, data, casting)
    parts = data if isinstance(data, tuple) else (data,)
    if not 1 <= len(parts) <= 2:
        raise ValueError(
            f"fit: {name} must be (X, y), X alone, or batches, not a tuple of {len(parts)}"
        )
    if any(map(is_dask, parts)):
        from .distributed import DaskFeed

        return DaskFeed(
            name, parts, casting, batch_size=batch_size, shuffle=shuffle, last=last, rng=rng
        )
    ready = []
    for letter, part in zip("Xy", parts, strict=False):
        array = as_rows(letter, part)
        if _in_memory(array):
            refuse_nonfinite(letter if name == "data" else f"{letter} of {name}", array)
            array = casting(letter, array)
        ready.append(array)
    same_length(name, ready)
    numbered = not all(map(_in_memory, ready))
    if numbered:
        ready.append(np.arange(len(ready[0])))
    batches = Minibatches(*ready, batch_size=batch_size, shuffle=shuffle, rng=rng, last=last)
    return ArrayFeed(name, batches, casting, numbered)


def _has_position(each: Any) -> bool:
    return hasattr(each, "state_dict") and hasattr(each, "load_state_dict")


def _is_batches(data: Any) -> bool:
    if isinstance(data, tuple) or hasattr(data, "shape"):
        return False
    if isinstance(data, list):
        # A list of arrays or pairs is batches; one of numbers, or of lists of them, is an array.
        if len(data) == 2 and all(hasattr(part, "shape") for part in data):
            X, y = data
            if X.shape[:1] == y.shape[:1] and X.shape != y.shape:
                raise TypeError("fit: data must be a tuple (X, y); this list would be two batches")
        return bool(data) and (isinstance(data[0], tuple) or hasattr(data[0], "shape"))
    if not isinstance(data, Iterable):
        raise TypeError(f"fit: data must be (X, y), X alone, or batches, not {data!r}")
    return True


def same_length(name: str, arrays: list[Any]) -> None:
    """Refuse arrays that have not the same number of rows, or none."""
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) > 1:
        raise ValueError(
            f"fit: X of {name} has {lengths[0]} rows and y has {lengths[1]}, and each example "
            f"needs both"
        )
    if not lengths[0]:
        raise ValueError(f"fit: {name} is empty, X has shape {arrays[0].shape}")


def _in_memory(array: Any) -> bool:
    return isinstance(array, np.ndarray) and not isinstance(array, np.memmap)


def _pair(parts: Any) -> tuple[Any, Any]:
    return (parts[0], parts[0]) if len(parts) == 1 else (parts[0], parts[1])
