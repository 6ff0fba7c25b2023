"""Training past one machine: the rows lie on a cluster's workers, the parameters here.

A Dask array is a grid of chunks, of which those of some rows are a block. Each update takes a batch
of rows, in the very order of one process. Each block that has rows of the batch computes, where it
lies, the gradient of the mean loss of those; the cluster adds the gradients up, weighted by the
numbers of rows, and the optimizer here changes the parameters. Sums are taken in the order of the
blocks: the result depends neither on which worker computed what, nor on how often, so that what a
lost worker had is computed again and nothing else changes.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

import autograd_core as ag
from autograd_core import Tensor

from ..data.arrays import is_dask
from ..data.batches import Minibatches
from . import workers
from .checks import Casting, as_rows
from .feed import MEASURED, Feed, same_length
from .randomness import generators, moved
from .steps import Gradients, here

if TYPE_CHECKING:
    from nn import Module

__all__ = ["DaskFeed"]

#: Up to how many bytes a model and its gradients rather make a journey more than one wait more.
SMALL = 1 << 16
#: How many sums the cluster adds up in one task.
FAN_IN = 8


@final
class Batch:
    """The rows of a batch, which are elsewhere."""

    def __init__(self, rows: NDArray[np.intp]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)


@final
class DaskFeed(Feed):
    """Dask arrays: their blocks of rows are computed once, and stay on the workers."""

    def __init__(
        self,
        name: str,
        arrays: Sequence[Any],
        casting: Casting,
        *,
        batch_size: int,
        shuffle: bool,
        last: str,
        rng: np.random.Generator | None,
    ) -> None:
        self.name = name
        self.client = _client()
        arrays = [casting(n, as_rows(n, a)) for n, a in zip("Xy", arrays, strict=False)]
        arrays = _aligned(name, arrays)
        self._shapes = [list(array.shape[1:]) for array in arrays]
        sizes = arrays[0].chunks[0]
        #: Where each block starts, and where the last one ends.
        self._bounds = np.cumsum([0, *(size for size in sizes if size)])
        self.blocks = self._compute(arrays, sizes)
        # Of the numbers of the rows, so that order and position are those of arrays held here.
        self._order = Minibatches(
            np.arange(self._bounds[-1]), batch_size=batch_size, shuffle=shuffle, last=last, rng=rng
        )
        self.length = len(self._order)
        self.generators = [] if self._order.rng is None else [self._order.rng]

    def _compute(self, arrays: Sequence[Any], sizes: Sequence[int]) -> list[Any]:
        make = workers.import_dask("dask").delayed(workers.block)
        chunks = zip(*(array.to_delayed().reshape(-1) for array in arrays), strict=True)
        starts = iter(self._bounds)
        blocks = [
            make(self.name, int(next(starts)), *parts)
            for parts, size in zip(chunks, sizes, strict=True)
            if size
        ]
        futures: list[Any] = self.client.compute(blocks)
        # Whatever is wrong with the data shows before anything is trained.
        workers.import_dask("distributed").wait(futures)
        for future in futures:
            if future.status == "error":
                future.result()
        return futures

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        for rows in self._order:
            batch = Batch(rows)
            yield batch, batch

    def measured(self) -> Iterator[tuple[Any, Any]]:
        for block in self.blocks:
            parts = block.result()
            for start in range(0, len(parts[0]), MEASURED):
                yield workers.pair([part[start : start + MEASURED] for part in parts])

    def evaluated(
        self, model: Module, loss: Callable[[Any, Any], Any] | None, outputs: bool
    ) -> Iterator[tuple[int, float, Any, Any]]:
        how = _how(_Drawing(model), rows=MEASURED, outputs=outputs)
        with _large():
            packed = self.client.submit(workers.same, workers.pack(model, loss, []), pure=False)
        n = len(self.blocks)
        found = self.client.map(
            workers.evaluate, self.blocks, range(n), *_each(n, packed, how), pure=False
        )
        # One after the other, so that no more than a block's are here.
        found.reverse()
        while found:
            yield from found.pop().result()

    def about(self) -> dict[str, Any]:
        # As of arrays held here, so that a checkpoint can be taken from one to the other.
        return {
            "kind": "arrays",
            "examples": self._order.n_examples,
            "batch size": self._order.batch_size,
            "shuffled": self._order.shuffle,
            "last batch": self._order.last,
            "shapes": self._shapes,
        }

    def state_dict(self) -> dict[str, Any] | None:
        return self._order.state_dict()

    def load_state_dict(self, state: Any, whole: bool) -> None:
        self._order.load_state_dict(state)

    def sample(self, size: int) -> tuple[Any, Any, list[int]] | None:
        rows = np.arange(min(size, self._bounds[1]))
        return (*self.gather(rows), rows.tolist())

    def gather(self, rows: NDArray[np.intp]) -> tuple[Any, Any]:
        """Bring some rows here, in their order."""
        cut = list(self.cut(rows))
        futures = [self.client.submit(workers.take, block, inner) for _, block, inner, _ in cut]
        found = self.client.gather(futures)
        # Where each row went, turned round.
        back = np.argsort(np.concatenate([places for *_, places in cut]), kind="stable")
        return workers.pair([np.concatenate(parts)[back] for parts in zip(*found, strict=True)])

    def cut(self, rows: NDArray[np.intp]) -> Iterator[tuple[int, Any, Any, Any]]:
        """Cut rows along the blocks: a block's number, itself, rows in it, places in the batch."""
        owner = np.searchsorted(self._bounds, rows, side="right") - 1
        for i in np.unique(owner):
            places = np.flatnonzero(owner == i)
            yield int(i), self.blocks[i], rows[places] - self._bounds[i], places

    def gradients(
        self,
        model: Module,
        loss: Callable[[Any, Any], Any],
        penalty: Callable[[Module], Any] | None,
        parameters: Sequence[Tensor],
    ) -> Gradients:
        return _Cluster(self, model, loss, penalty, parameters)


@final
class _Cluster:
    """Computes the loss of a batch and its gradients on the workers."""

    def __init__(
        self,
        feed: DaskFeed,
        model: Module,
        loss: Callable[[Any, Any], Any],
        penalty: Callable[[Module], Any] | None,
        parameters: Sequence[Tensor],
    ) -> None:
        self._feed = feed
        self._model, self._loss, self._penalty = model, loss, penalty
        self._parameters = list(dict.fromkeys([*parameters, *model.parameters()]))
        self._here = here(model, loss, penalty)
        self._checked = False

    def __call__(self, x: Batch, y: Batch) -> tuple[float, float]:
        parts = list(self._feed.cut(x.rows))
        if not self._checked:
            self._check(x, parts)
        drawing = _Drawing(self._model)
        value, gradients, drew = self._sum(parts, _how(drawing, examples=len(x)))
        if drew:
            drawing.advance()
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            if gradient is not None:
                # What came over the network is read-only, which no gradient has to be.
                parameter.grad = np.require(gradient, requirements="W")
        if self._penalty is None:
            return value, 0.0
        extra = self._penalty(self._model)
        if not isinstance(extra, Tensor):
            return value, float(extra)
        extra.backward()
        return value, extra.item()

    def _sum(self, parts: Sequence[Any], how: dict[str, Any]) -> workers.Share:
        """Add up the shares of all parts."""
        packed = workers.pack(self._model, self._loss, self._parameters)
        small = sum(memoryview(frame).nbytes for frame in packed[1]) <= SMALL
        # Of no key that others may have: each step is computed anew, and let go when it is done.
        client, new = self._feed.client, {"pure": False}
        with _large():
            if not small and len(parts) > 1:
                # Once to the cluster; the workers have it from each other.
                packed = client.submit(workers.same, packed, **new)
            numbers, blocks, rows, _ = zip(*parts, strict=True)
            # One for each part, for what is given to `map` by its name may get that as its key.
            sums = client.map(
                workers.part, blocks, rows, numbers, *_each(len(parts), packed, how), **new
            )
        # The last few may be added here, where they are awaited, if they are small.
        while len(sums) > (FAN_IN if small else 1):
            groups = [sums[k : k + FAN_IN] for k in range(0, len(sums), FAN_IN)]
            sums = client.map(workers.add, groups, **new)
        return workers.add(client.gather(sums))

    def here(self, x: Batch, y: Batch) -> tuple[float, float]:
        """Compute it in this process, where it can be looked into."""
        return self._here(*self._feed.gather(x.rows))

    def _check(self, x: Batch, parts: Sequence[Any]) -> None:
        """See that a batch may be computed in parts, by computing it here, whole and in parts."""
        inputs, targets = self._feed.gather(x.rows)
        model, loss = self._model, self._loss
        modes = [(module, module.training) for module in model.modules()]
        buffers, drawing = workers.buffers(model), _Drawing(model)
        try:
            with ag.no_grad(), np.errstate(all="ignore"):
                loss(model(inputs), targets)
                workers.refuse_changed(buffers)
                drawing.restore()
                model.eval()
                whole = loss(model(inputs), targets).item()
                each = [loss(model(inputs[k]), targets[k]).item() * len(k) for *_, k in parts]
        finally:
            drew = drawing.restore()
            for module, mode in modes:
                module.training = mode
        # Of one part it says nothing; and of chance that no two computations are the same.
        self._checked = len(parts) > 1 or drew
        mean = sum(each) / len(x)
        tolerance = 1e-3 if inputs.dtype.itemsize < 8 else 1e-8
        if not drew and abs(whole - mean) > tolerance * max(abs(whole), abs(mean)):
            raise ValueError(
                f"fit: the loss of a batch is {whole:.6g}, and the mean of its parts' is "
                f"{mean:.6g}: on a cluster the loss must be the mean over the examples of a "
                f"function of each (no sums, no class weights, no ignored labels)"
            )


@final
class _Drawing:
    """Chance on the workers: each part of each step has its own, which is the same if repeated.

    It comes from the generators here, which go on only if somebody drew: then the order of the
    data, which one of them may decide, stays what it is in one process.
    """

    def __init__(self, model: Module) -> None:
        self._generators = generators(model)
        self._states = [each.bit_generator.state for each in self._generators]
        self.seeds = [int(copy.deepcopy(each).integers(1 << 62)) for each in self._generators]

    def advance(self) -> None:
        """Go on to other seeds."""
        for each in self._generators:
            each.integers(1 << 62)

    def restore(self) -> bool:
        """Go back to where the generators were; True if they were elsewhere."""
        drew = any(map(moved, self._generators, self._states))
        for each, state in zip(self._generators, self._states, strict=True):
            each.bit_generator.state = state
        return drew


def _how(drawing: _Drawing, **more: Any) -> dict[str, Any]:
    """Say what the context is here, for the workers have another."""
    return {"seeds": drawing.seeds, "dtype": ag.get_default_dtype(), **more}


def _each(n: int, *same: Any) -> list[list[Any]]:
    """Give the same things to each of n."""
    return [[thing] * n for thing in same]


@contextmanager
def _large() -> Iterator[None]:
    """What is sent is the model, and it has to be, however large it is."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sending large graph", category=UserWarning)
        yield


def _client() -> Any:
    try:
        return workers.import_dask("distributed").default_client()
    except ValueError as error:
        raise ValueError(
            "fit: Dask arrays are trained on by a cluster, and there is none: make one with "
            "dask.distributed.Client() (of processes on this machine), or bring the data here with "
            "X.compute()"
        ) from error


def _aligned(name: str, arrays: Sequence[Any]) -> list[Any]:
    """Cut all arrays along the same rows, and along no other axis."""
    dask = [array for array in arrays if is_dask(array)]
    if any(size != size for array in dask for axis in array.chunks for size in axis):  # NaN
        raise ValueError(
            f"fit: {name} has chunks of unknown sizes; X.compute_chunk_sizes() finds them out"
        )
    same_length(name, list(arrays))
    rows = dask[0].chunks[0]
    make = workers.import_dask("dask.array").from_array
    given = [array if is_dask(array) else make(array, chunks=-1) for array in arrays]
    return [array.rechunk({0: rows, **dict.fromkeys(range(1, array.ndim), -1)}) for array in given]
