"""Trading time for memory: what is inside a function is not kept, but computed anew."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, NoReturn

import numpy as np

from .. import backprop, record, settings
from ..errors import GradientError, InPlaceError, OverwrittenError
from ..forward import push_forward
from ..graph import Node, leaf, next_number
from ..record import force_recording
from ..registry import known
from ..tensor import LIFT, Tensor, value_of, wrap
from ..tree import flatten
from .boxes import box_op, changed_outside, inside, outside_of, record_box, relink
from .variables import (
    callable_or_error,
    hidden_axes,
    is_tracked,
    name_of,
    node_of,
    same_node,
    summed,
    variable,
)

__all__ = ["checkpoint"]

CHECKPOINT = box_op("checkpoint")


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``f`` as one box of the graph, which runs ``f`` again when its gradient is needed.

    Of what ``f`` computes nothing is kept but its arguments and results. A chain of n operations,
    cut into √n pieces of √n operations each, so needs memory for 2 √n values instead of n, and
    runs forward twice (Griewank & Walther, Evaluating Derivatives, 2nd ed., section 12.3).

    Args:
        f: takes and returns tensors, or nested dicts, lists and tuples of such; other arguments
            and results are handed through. What it reads besides, the parameters of a module for
            example, gets its gradient too.

    Gradients of any order and forward mode are as without it. The second run draws the same
    numbers from `random_generator` and has the default dtype of the first. What ``f`` does besides,
    counting its calls for example, is done twice.

    Raises:
        InPlaceError: ``f`` changes an argument in place.
        OverwrittenError: on going back, if the second run does not give what the first gave: a
            parameter was updated in between, say, or a generator of the user's own drew again.

    >>> from autograd_core import Tensor
    >>> @checkpoint
    ... def piece(x):
    ...     return np.tanh(np.sin(x) * x)
    >>> x = Tensor(0.5, requires_grad=True)
    >>> y = piece(x)
    >>> y.backward()
    >>> y.op, round(float(x.grad), 6)
    (<Op checkpoint>, 0.867411)
    """
    callable_or_error(f)
    if any(test(f) for test in _SUSPENDED):
        raise TypeError(
            f"checkpoint: {name_of(f)} is a generator or a coroutine, which runs after the call; "
            "checkpoint a function that it calls"
        )

    @functools.wraps(f, updated=())
    def run(*args: Any, **kwargs: Any) -> Any:
        if not record.recording() or hidden_axes():
            return f(*args, **kwargs)  # of values under `vmap` there is no whole to keep
        return _Call(f, args, kwargs).forward()

    return run


_SUSPENDED = (
    inspect.isgeneratorfunction,
    inspect.iscoroutinefunction,
    inspect.isasyncgenfunction,
)


class _Call:
    """One call of a checkpointed function, with what it takes to repeat it."""

    def __init__(
        self, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.f = f
        leaves, rebuild = flatten((args, kwargs))
        # Of the structure alone: not of what was in it.
        _, self.rebuild = flatten(rebuild(list(range(len(leaves)))))
        self.given = leaves
        #: The place of each array among what was given, whether it was a tensor, and tracked.
        self.arrays: list[tuple[int, bool, bool]] = []
        #: What the function reads besides.
        self.outside: list[Node] = []
        #: Which of how many results are outputs of the box.
        self.tracked: list[int] = []
        self.count = 0
        self.dtype = settings.get_default_dtype()
        #: The generator that the function drew from, and its state before.
        self.random: tuple[np.random.Generator, Any] | None = None

    def forward(self) -> Any:
        """Run the function, and put a box in the place of what it recorded."""
        first = next_number()
        given, operands, parents = list(self.given), [], []
        variables: dict[Node, Tensor] = {}
        for k, x in enumerate(given):
            if type(x) is not Tensor and not hasattr(x, "__array_function__"):
                continue
            operands.append(value_of(x))
            parents.append(x._node if type(x) is Tensor else None)
            self.arrays.append((k, type(x) is Tensor, is_tracked(x)))
            self.given[k] = None  # the box has it
            if is_tracked(x):
                node = leaf(x.shape, x.dtype, x.name)
                variables[node], given[k] = x, wrap(x._value, node)
        generator = settings.random_generator()
        state = generator.bit_generator.state
        try:
            returned = self.run(given)
        finally:
            _close(variables, name_of(self.f))
        if not _equal(generator.bit_generator.state, state):
            self.random = generator, state
        results, rebuild_results = flatten(returned)
        self.count = len(results)
        self.tracked = [
            k
            for k, t in enumerate(results)
            if is_tracked(t) and t._node.number >= first and t._node.op is not None
        ]
        outputs = [results[k] for k in self.tracked]
        inner = inside([t._node for t in outputs], first, variables)
        outside = outside_of(inner, first)
        self.outside = [o.node for o in outside]
        if not outputs or not (variables or outside):
            return returned
        boxed = record_box(
            CHECKPOINT,
            self,
            [t._value for t in outputs],
            [*operands, *(o.operand for o in outside)],
            [*parents, *self.outside],
        )
        for k, t in zip(self.tracked, boxed, strict=True):
            inner_result = results[k]
            if getattr(inner_result, "_view", False):
                t._view = True
            t.name = inner_result.name
            results[k] = t
        return rebuild_results(results)

    def run(self, given: list[Any]) -> Any:
        args, kwargs = self.rebuild(given)
        try:
            return self.f(*args, **kwargs)
        except InPlaceError as error:
            error.add_note(
                f"in {name_of(self.f)}, which is checkpointed: it may not change its arguments, "
                "or other tensors from outside, in place. Copy them first, with x.clone()"
            )
            raise

    def pull(self, g: list[Any], out: list[Any], operands: Sequence[Any]) -> list[Any]:
        """Run the function again and go back through it."""
        lift = LIFT if any(type(part) is Tensor for part in g) else None
        outputs, inputs = self._again(out, operands)
        seeds = {k: part for k, part in enumerate(g) if part is not None}
        with force_recording():
            found = backprop.transpose(
                summed([outputs[k] for k in seeds], list(seeds.values())),
                [node for node in inputs if node is not None],
                lift,
            )
        return [None if node is None else found.get(node) for node in inputs]

    def push(self, tangents: Sequence[Any], out: list[Any], operands: Sequence[Any]) -> list[Any]:
        """Run the function again and push tangents through it."""
        lift = LIFT if any(type(t) is Tensor for t in tangents) else None
        outputs, inputs = self._again(out, operands)
        seeds = {
            node: t
            for node, t in zip(inputs, tangents, strict=True)
            if node is not None and t is not None
        }
        with force_recording():
            pushed = push_forward([node_of(t) for t in outputs], seeds, lift)
        moved = [pushed.get(node_of(t)) for t in outputs]
        return [
            np.zeros(t.shape, t.dtype) if v is None else v
            for v, t in zip(moved, outputs, strict=True)
        ]

    def _again(
        self, out: list[Any], operands: Sequence[Any]
    ) -> tuple[list[Tensor], list[Node | None]]:
        """Run the function again: its outputs, and for each operand the node that it is now."""
        first = next_number()
        instead = {node: same_node(node) for node in self.outside}
        given: list[Any] = list(self.given)
        inputs: list[Node | None] = []
        for (k, as_tensor, tracked), x in zip(self.arrays, operands, strict=False):
            given[k] = variable(x) if tracked else wrap(x, None) if as_tensor else x
            inputs.append(given[k]._node if tracked else None)
        with ExitStack() as stack:
            stack.enter_context(force_recording())
            stack.enter_context(np.errstate(all="ignore"))  # the first run has warned
            stack.enter_context(settings.default_dtype(self.dtype))
            if self.random is not None:
                stack.enter_context(settings.use_generator(_replayed(*self.random)))
            results, _ = flatten(self.run(given))
        outputs = [results[k] for k in self.tracked] if len(results) == self.count else []
        if not outputs or not all(map(is_tracked, outputs)):
            self._refuse("it returned something else")
        roots = [node_of(t) for t in outputs]
        inner = inside(roots, first, {node for node in inputs if node is not None})
        read = dict(zip(self.outside, operands[len(self.arrays) :], strict=True))
        what = changed_outside(outside_of(inner, first), read)
        if what is not None:
            self._refuse(what)
        for t, before in zip(outputs, out, strict=True):
            if not _close_to(t._value, value_of(before)):
                self._refuse("its results are not what they were")
        relink(inner, instead)
        return outputs, [*inputs, *instead.values()]

    def __repr__(self) -> str:
        return name_of(self.f)

    def _refuse(self, why: str) -> NoReturn:
        raise OverwrittenError(
            f"checkpoint: {name_of(self.f)} was run again to go back through it, but {why}. Call "
            "backward() before parameters are updated, draw random numbers from "
            "random_generator(), and change nothing in the function that it reads"
        )


def _replayed(generator: np.random.Generator, state: Any) -> np.random.Generator:
    again = copy.deepcopy(generator)
    again.bit_generator.state = state
    return again


def _equal(a: Any, b: Any) -> bool:
    try:
        return bool(a == b)
    except ValueError:  # the state of some generators holds arrays
        return False


def _close_to(now: Any, before: Any) -> bool:
    """Whether two runs gave the same, but for the rounding of sums in another order."""
    if now.shape != before.shape or now.dtype != before.dtype:
        return False
    if now is before or not known(now) or not known(before):
        return True
    if np.array_equal(now, before, equal_nan=True):
        return True
    finite = np.isfinite(before)
    if not np.array_equal(now[~finite], before[~finite], equal_nan=True):
        return False
    error = np.max(np.abs(now[finite] - before[finite]), initial=0.0)
    return bool(error <= _ROUNDING * np.finfo(now.dtype).eps * np.max(np.abs(before[finite])))


#: In units of the last place of the largest element: one step of an optimizer is far more.
_ROUNDING = 1000.0


class _Left:
    """The inside of what was left outside: nothing was kept of it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def pull(self, *_: Any) -> NoReturn:
        raise GradientError(
            f"a tensor that was computed inside {self._name}, which is checkpointed, was used "
            f"outside it: what is inside is not kept. Return it from {self._name}"
        )

    push = pull

    def __repr__(self) -> str:
        return self._name


def _close(variables: dict[Node, Tensor], name: str) -> None:
    """Have who goes back from a tensor that was left outside hear of it."""
    for node, t in variables.items():
        node.op, node.parents, node.operands = CHECKPOINT, (t._node,), (t._node,)
        node.params = {"f": _Left(name)}
