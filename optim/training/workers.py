"""What the workers of a cluster compute for a training: functions of arrays and a packed model."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import autograd_core as ag
from autograd_core import Tensor

from ..data.arrays import finite_rows
from .randomness import generators, moved

if TYPE_CHECKING:
    from nn import Module

__all__ = [
    "Block", "Share", "add", "block", "buffers", "evaluate", "import_dask", "pack", "pair", "part",
    "refuse_changed", "same", "take",
]  # fmt: skip

#: Inputs and targets of some rows; inputs alone, where they are their own targets.
Block = tuple[NDArray[Any], ...]
#: A share in the mean loss of a batch, its gradients, and whether chance had a part in it.
Share = tuple[float, list[Any], bool]


def block(name: str, start: int, *parts: NDArray[Any]) -> Block:
    """Make a block of rows, each array in one piece, or refuse what is no number by its place."""
    for letter, rows in zip("Xy", parts, strict=False):
        if rows.dtype.kind in "fc":
            finite_rows(rows, "fit", letter if name == "data" else f"{letter} of {name}", start)
    return tuple(np.ascontiguousarray(rows) for rows in parts)


def take(held: Block, rows: NDArray[np.intp]) -> Block:
    """Take some rows of a block."""
    return tuple(each[rows] for each in held)


def same(packed: Any) -> Any:
    """Hold what was sent, for others to fetch."""
    return packed


def part(
    held: Block, rows: NDArray[np.intp], number: int, packed: Any, how: dict[str, Any]
) -> Share:
    """Give the share of some rows of a block in a batch's mean loss, and its gradients."""
    # Unpacked for each part, as parts in threads of one worker write to their models.
    model, loss, parameters = _unpack(packed)
    x, y = pair(take(held, rows))
    for parameter in parameters:
        parameter.zero_grad()
    before = buffers(model)
    with _chance(model, how, number) as drew:
        found = loss(model(x), y) * (len(rows) / how["examples"])
        found.backward()
        refuse_changed(before)
        return found.item(), [parameter.grad for parameter in parameters], drew()


def add(shares: Sequence[Share]) -> Share:
    """Add up shares, in their order."""
    value, total, drew = shares[0]
    for more, gradients, too in shares[1:]:
        value, drew = value + more, drew or too
        total = [
            b if a is None else a if b is None else a + b
            for a, b in zip(total, gradients, strict=True)
        ]
    return value, total, drew


def evaluate(
    held: Block, number: int, packed: Any, how: dict[str, Any]
) -> list[tuple[int, float, Any, Any]]:
    """Give, for a few rows at a time: how many, their loss in sum, outputs and targets."""
    model, loss, _ = _unpack(packed)
    found = []
    with ag.no_grad(), _chance(model, how, number):
        for start in range(0, len(held[0]), how["rows"]):
            x, y = pair([each[start : start + how["rows"]] for each in held])
            output = model(x)
            value = 0.0 if loss is None else loss(output, y).item() * len(x)
            output = output.data if isinstance(output, Tensor) else output
            kept = (output, y) if how["outputs"] else (None, None)
            found.append((len(x), value, *kept))
    return found


# -- models -------------------------------------------------------------------------------------


def pack(model: Module, loss: Any, parameters: Sequence[Tensor]) -> Any:
    """Turn a model into what travels, by Dask's own serialisation.

    All that may refer to its parameters goes with it, so that what is one tensor here is one there.
    """
    try:
        return import_dask("distributed.protocol").serialize(
            [(model, loss, list(parameters))],
            serializers=["pickle"],
            on_error="raise",
            iterate_collection=False,
        )
    except Exception as error:
        root: BaseException = error
        while root.__cause__ or root.__context__:
            root = root.__cause__ or root.__context__ or root
        raise TypeError(
            f"fit: the model or the loss cannot be sent to the workers: {root}"
        ) from error


def _unpack(packed: Any) -> tuple[Any, Any, list[Tensor]]:
    ((model, loss, parameters),) = import_dask("distributed.protocol").deserialize(*packed)
    return model, loss, parameters


@contextmanager
def _chance(model: Module, how: dict[str, Any], number: int) -> Iterator[Callable[[], bool]]:
    """Set all that is random by the step's seeds and the part's number; tells if it was used."""
    sequence = np.random.SeedSequence([*how["seeds"], number])
    with ExitStack() as stack:
        stack.enter_context(ag.default_dtype(how["dtype"]))
        stack.enter_context(ag.seed(0))
        found = generators(model)
        for generator, child in zip(found, sequence.spawn(len(found)), strict=True):
            kind: Any = type(generator.bit_generator)
            generator.bit_generator.state = kind(child).state
        states = [generator.bit_generator.state for generator in found]
        yield lambda: any(map(moved, found, states))


def buffers(model: Module) -> list[tuple[str, Tensor, Any]]:
    """List the buffers with their names and values."""
    named: Callable[[], list[tuple[str, Tensor]]] = getattr(model, "named_buffers", list)
    return [(name, tensor, tensor._value) for name, tensor in named()]


def refuse_changed(before: Sequence[tuple[str, Tensor, Any]]) -> None:
    """Refuse a model that changes buffers in training: on a worker the change would be lost."""
    changed = [name for name, tensor, value in before if tensor._value is not value]
    if changed:
        raise ValueError(
            f"fit: the model changes {', '.join(changed)} as it is trained, which is not possible "
            f"on a cluster: each worker sees a part of the batch, and its statistics are not those "
            f"of the batch. Use nn.LayerNorm, whose statistics are of one example, or train with "
            f"arrays that lie here"
        )


# -- the rest -----------------------------------------------------------------------------------


def pair(parts: Sequence[Any]) -> tuple[Any, Any]:
    """Give inputs and targets; inputs that come alone are their own targets."""
    return (parts[0], parts[0]) if len(parts) == 1 else (parts[0], parts[1])


def import_dask(name: str) -> Any:
    """Import a module of Dask's, which only those who have Dask arrays need."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"fit: Dask arrays need {name.split('.')[0]}: pip install 'autograd-core[dask]'"
        ) from error
