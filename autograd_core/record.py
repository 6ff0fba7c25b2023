"""Run an op forward and record a node: what every differentiable call comes down to."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ContextDecorator, contextmanager
from contextvars import ContextVar, Token
from typing import Any, Protocol, TypeVar

import numpy as np

from .errors import ShapeError
from .graph import Node, StandIn, make_node, next_number
from .registry import PROJECTION, Op

__all__ = ["Watcher", "keep_values", "no_grad", "record", "recording", "scope"]

_F = TypeVar("_F", bound=Callable[..., Any])

#: Whether ops are recorded: True, False, or an object whose method ``recorded`` is told of each
#: node that was made, its value and its operands. Local to the context: a new thread starts
#: recording.
mode: ContextVar[Any] = ContextVar("autograd_core.mode", default=True)


class Watcher(Protocol):
    """Who is told of what is recorded, and of the walks over it; see `autograd_core.inspection`."""

    def recorded(self, node: Node, value: Any, operands: tuple[Any, ...]) -> None:
        """Learn that ``node`` was made, of an op that computed ``value`` from ``operands``."""

    def made(self, node: Node, value: Any) -> None:
        """Learn that a leaf of this value was made."""

    def entering(self, part: Any) -> AbstractContextManager[None]:
        """A block that is a call of ``part``, a module or the name of a scope."""

    def where(self, what: Any) -> str | None:
        """Say where a node, or a value by its identity, was made: file, line and code."""

    def references(self, array: Any) -> int:
        """Count the references to ``array`` that are held here, which no computation needs."""

    def verify(self, order: list[Node]) -> None:
        """Raise if an array that one of these nodes kept was written since."""

    def walking(self) -> AbstractContextManager[None]:
        """A block that holds a walk back: what is recorded in it, its rules compute."""

    def begin(self, roots: dict[Node, Any], order: list[Node], guarded: bool) -> None:
        """Learn that the walk starts from these seeds, or starts again, guarded."""

    def visit(self, node: Node, g: Any) -> None:
        """Learn that the walk is at ``node``, whose whole gradient is ``g``."""

    def sent(self, node: Node, contribution: Any) -> None:
        """Learn what the rule for the next operand of ``node``, just visited, returned."""

    def end(self, found: dict[Node, Any]) -> None:
        """Learn what a walk found, before anything is done with it; raise to refuse it."""

    def pushed(self, roots: list[Node], order: list[Node], tangents: dict[Node, Any]) -> None:
        """Learn what a walk forward to ``roots`` found."""


#: Who is told of walks and, wherever one records, of nodes. Local to the context.
watcher: ContextVar[Watcher | None] = ContextVar("autograd_core.watcher", default=None)


class scope:
    """A block whose boxes belong together: drawings frame them, inspection tells it.

    A module does so for what its call computes; this is for code without modules.

    >>> import autograd_core as ag
    >>> x = ag.Tensor(2.0, requires_grad=True)
    >>> with ag.inspect() as seen:
    ...     with ag.scope("encoder"):
    ...         y = x * x
    >>> seen.call(y).part
    'encoder'

    Raises:
        TypeError: the name is no string.
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"scope: the name must be a string, not {type(name).__name__}")
        self._name = name
        self._open: list[AbstractContextManager[None] | None] = []

    def __enter__(self) -> None:
        watch = watcher.get()
        block = None if watch is None else watch.entering(self._name)
        if block is not None:
            block.__enter__()
        self._open.append(block)

    def __exit__(self, *error: Any) -> None:
        block = self._open.pop()
        if block is not None:
            block.__exit__(*error)


def recording() -> bool:
    """Whether ops on tracked tensors are being recorded here."""
    return mode.get() is not False


_SUSPENDED = (
    inspect.isgeneratorfunction,
    inspect.iscoroutinefunction,
    inspect.isasyncgenfunction,
    inspect.isclass,
)


class no_grad(ContextDecorator):
    """Run code without recording it, as a context manager or as a decorator.

    >>> import autograd_core as ag
    >>> x = ag.Tensor(2.0, requires_grad=True)
    >>> with no_grad():
    ...     y = x * x
    >>> y.requires_grad
    False
    """

    def __call__(self, func: _F) -> _F:
        """Decorate a function; a generator would leave the block before it runs."""
        if any(test(func) for test in _SUSPENDED):
            raise TypeError(
                "no_grad cannot decorate a generator, a coroutine or a class, which run after the "
                "call; open the block inside: with no_grad(): ..."
            )
        return super().__call__(func)

    def __enter__(self) -> None:
        _enter(mode.set(False))

    def __exit__(self, *_: object) -> None:
        _leave()


class force_recording:
    """Record, whatever the surroundings: a transform's own pass over a function."""

    def __enter__(self) -> None:
        _enter(mode.set(mode.get() or watcher.get() or True))

    def __exit__(self, *_: object) -> None:
        _leave()


# How to leave the blocks that were entered. A stack, itself local to the context: a decorator's
# instance is shared by nested and concurrent calls, and generators may be left in another order
# than they were entered, after which nothing of them must be left.
_tokens: ContextVar[Any] = ContextVar("autograd_core.tokens", default=None)


def _enter(of_mode: Token[Any], of_watcher: Token[Any] | None = None) -> None:
    _tokens.set((of_mode, of_watcher, _tokens.get()))


def _leave() -> None:
    of_mode, of_watcher, rest = _tokens.get()
    mode.reset(of_mode)
    if of_watcher is not None:
        watcher.reset(of_watcher)
    _tokens.set(rest)


@contextmanager
def keep_values() -> Iterator[Kept]:
    """Collect the value of every node that is recorded inside the block."""
    keeper = _Keeper(listener())
    _enter(mode.set(keeper))
    try:
        yield keeper.kept
    finally:
        _leave()


def listener() -> Any:
    """Who is told of what is recorded, or would be if it were; None: nobody."""
    now = mode.get()
    return watcher.get() if isinstance(now, bool) else now


def named(value: Any, name: str | None) -> None:
    """Note the name that an untracked tensor of this value got, if values are kept here."""
    keeper = mode.get()
    while type(keeper) is _Keeper:
        keeper.kept.constants[id(value)] = (value, name)
        keeper = keeper.outer


class Kept(dict[Node, Any]):
    """Values by node; ``constants`` are the named untracked ones by identity, with the name."""

    def __init__(self) -> None:
        self.constants: dict[int, tuple[Any, str | None]] = {}


class _Keeper:
    """Keeps the value of every node, and tells whoever was told before."""

    def __init__(self, outer: Any) -> None:
        self.kept = Kept()
        self.outer = outer

    def recorded(self, node: Node, value: Any, operands: tuple[Any, ...]) -> None:
        self.kept[node] = value
        if self.outer is not None:
            self.outer.recorded(node, value, operands)

    def references(self, array: Any) -> int:
        mine = sum(value is array for value in self.kept.values())
        return mine + (0 if self.outer is None else self.outer.references(array))


class watched:
    """Tell ``by`` of what is recorded and walked inside the block; None: nobody."""

    def __init__(self, by: Watcher | None) -> None:
        self._by = by

    def __enter__(self) -> None:
        _enter(mode.set(mode.get() and (self._by or True)), watcher.set(self._by))

    def __exit__(self, *_: object) -> None:
        _leave()


SCALARS = (float, int, complex, np.generic)


def stand_in(value: Any) -> Any:
    """What to keep of an untracked operand that no rule reads."""
    if isinstance(value, SCALARS) or value.ndim == 0:
        return value
    return StandIn(value.shape, value.dtype)


def run(op: Op, operands: Any, params: dict[str, Any]) -> Any:
    """Compute the value of ``op``; errors name it and its operands' shapes."""
    try:
        if op.variadic:
            return op.fn(list(operands), **params)
        return op.fn(*operands, **params)
    except Exception as error:
        raise explain(op, operands, error) from None


def explain(op: Op, operands: Any, error: Exception) -> Exception:
    """Say which op failed on which shapes, keeping what NumPy said."""
    shapes = [np.shape(x) for x in operands]
    listed = " and ".join(str(shape) for shape in shapes)
    # What has a class of its own, and what is not about shapes, stays what it is.
    if type(error) is not ValueError or not re.search(_ABOUT_SHAPES, str(error)):
        described = " and ".join(_describe(x) for x in operands)
        error.add_note(f"in {op.name} of shape {described}")
    elif op.kind == "elementwise" and not _broadcast(shapes):
        error = ShapeError(
            f"{op.name}: shapes {listed} do not broadcast: counted from the right, axes must be "
            "equal or 1. Reshape one of them, with x[:, None] for example."
        )
    elif shapes:
        error = ShapeError(f"{op.name} of shape {listed}: {error}")
    watch = watcher.get()
    if watch is not None:
        for i, x in enumerate(operands):
            place = watch.where(x)
            if place:
                error.add_note(f"operand {i}, of shape {_describe(x)}, comes from {place}")
    return error


def explain_rule(error: Exception, what: str, node: Node, i: int | None) -> None:
    """Note on ``error`` in the rule of which op and operand it was raised."""
    to = "" if i is None else f" to operand {i}"
    shapes = " and ".join("None" if p is None else f"{p.shape} {p.dtype}" for p in node.parents)
    watch = watcher.get()
    place = watch.where(node) if watch is not None else None
    error.add_note(
        f"in {what} {node.op.name}{to}; tracked operands of shape {shapes}"
        + (f"; {node.op.name} was computed at {place}" if place else "")
    )


def _describe(x: Any) -> str:
    dtype = getattr(x, "dtype", None)
    return f"{np.shape(x)} {type(x).__name__ if dtype is None else dtype}"


_ABOUT_SHAPES = "shape|dimension|broadcast|size|mismatch|axes|axis|length|match|concat"


def _broadcast(shapes: list[tuple[int, ...]]) -> bool:
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return False
    return True


NO_PARAMS: dict[str, Any] = {}


def record(
    op: Op,
    value: Any,
    operands: Sequence[Any],
    parents: tuple[Node | None, ...],
    tracked: int,
    params: dict[str, Any] = NO_PARAMS,
) -> Node | None:
    """Make the node that remembers how ``value`` came about; None where nothing is recorded.

    Bit i of ``tracked`` is set if ``parents[i]`` is a node, for at least one i.
    """
    now = mode.get()
    if now is False:
        return None
    if type(value) is np.ndarray or not isinstance(value, (tuple, list)):
        shape, dtype = value.shape, value.dtype
        if dtype.kind not in "fc":
            return None  # integers and booleans have no gradient
    else:
        shape = tuple(v.shape for v in value)
        dtype = tuple(v.dtype for v in value)
    keep_out, keep = op.kept(tracked, len(operands)) if op.variadic else op.table[tracked]
    node = Node()
    if op.few:
        node.left = parent = parents[0]
        x = operands[0]
        node.x = x if keep[0] else parent if parent is not None else stand_in(x)
        if len(operands) == 2:
            node.right = parent = parents[1]
            x = operands[1]
            node.y = x if keep[1] else parent if parent is not None else stand_in(x)
        else:
            node.right = node.y = None
        node.more = None
    else:
        kept = []
        for x, parent, read in zip(operands, parents, keep):  # noqa: B905 - strict costs here
            kept.append(x if read else parent if parent is not None else stand_in(x))
        node.more = parents, tuple(kept)
        node.left = node.right = node.x = node.y = None
    node.op = op
    node.out = value if keep_out else None
    node.params = params
    node.shape = shape
    node.dtype = dtype
    node.number = next_number()
    node.grad = node.hooks = None
    if now is not True:
        now.recorded(node, value, tuple(operands))
    return node


def record_one(op: Op, value: Any, x: Any, x_node: Node) -> Node | None:
    """Do what `record` does, for the common case of one operand and no parameters."""
    if mode.get() is not True or isinstance(value, (tuple, list)):
        return record(op, value, (x,), (x_node,), 1)
    keep_out, (keep_x,) = op.table[1]
    node = Node()  # written out, as in `record`
    node.op = op
    node.left = x_node
    node.x = x if keep_x else x_node
    node.right = node.y = node.more = node.grad = node.hooks = None
    node.out = value if keep_out else None
    node.params = NO_PARAMS
    node.shape = value.shape
    node.dtype = value.dtype
    node.number = next_number()
    return node


def project(node: Node, index: int) -> Node:
    """Make the node of one output of an op that has several."""
    return make_node(
        PROJECTION,
        (node,),
        (node,),
        None,
        {"index": index},
        node.shape[index],
        node.dtype[index],
    )
