"""What a function sees under `vmap`: a value of one example that stands for those of all.

A `Batched` holds the whole array, or tensor, whose axis 0 is the batch, and hides that axis. It is
the outermost wrapper always: what is recorded are whole arrays, so the rules of the table and the
graph know nothing of it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

import numpy as np

from ..errors import GradientError, InPlaceError, NotDifferentiableError
from ..graph import next_number
from ..operators import BORROWED, COMPARISONS, stored_back
from ..registry import OPS, Op, running
from ..tensor import Tensor, declared_late, new_tensor, value_of
from ..views import GETITEM, refuse_view, show

__all__ = [
    "ACTIVE",
    "Batched",
    "LookedError",
    "Loop",
    "begun",
    "connect_batching",
    "is_tensor",
    "levels",
    "lower",
    "lowered",
    "of_one_example",
    "one_example",
    "raised",
    "size_of",
    "stale",
]

#: The running `vmap`s of this context, oldest first: the level and the number of examples of each.
ACTIVE: ContextVar[tuple[tuple[int, int], ...]] = ContextVar("autograd_core.vmaps", default=())


@contextmanager
def begun(size: int) -> Iterator[int]:
    """Enter a `vmap` of ``size`` examples, and say its level: later ones have higher levels."""
    level = next_number()
    token = ACTIVE.set((*ACTIVE.get(), (level, size)))
    running.append(level)
    try:
        yield level
    finally:
        running.remove(level)
        ACTIVE.reset(token)


@contextmanager
def one_example() -> Iterator[None]:
    """Run what has nothing to do with running `vmap`s, as if there were none."""
    token = ACTIVE.set(())
    try:
        yield
    finally:
        ACTIVE.reset(token)


class LookedError(TypeError):
    """The one value was asked for where there is one for each example."""


def stale() -> RuntimeError:
    """Build the error for a value whose `vmap` does not run here."""
    return RuntimeError(
        "a value of a vmap is used that has returned, or of one in another thread: return the "
        "value from the function, and use the result of vmap"
    )


class Loop(Exception):
    """A call that no rule knows is made once for each example."""


class Batched(Tensor, internal=True):
    """A value under `vmap`, of the shape that it has for one example.

    ``_whole`` is the array, tensor or `Batched` of an outer `vmap` with the values of all examples
    along axis 0; ``_level`` says of which `vmap`. The slot ``_value`` stays empty: nobody can take
    the whole for the value of one example by mistake.
    """

    __slots__ = ("_level", "_whole")

    _level: int
    _whole: Any

    def __init__(self, *_: Any, **__: Any) -> None:
        raise TypeError("values are batched by vmap only")

    # --- the value ------------------------------------------------------------------------

    @property
    def _node(self) -> Any:  # type: ignore[override]
        return getattr(self._whole, "_node", None)

    @property
    def data(self) -> Any:
        """The value without its graph; what is not batched has an array here."""
        return self.detach()

    @data.setter
    def data(self, new: Any) -> None:
        raise InPlaceError("under vmap data cannot be assigned; write x[...] = new")

    @property
    def grad(self) -> Any:
        """None: `backward` does not run under vmap."""
        return None

    @grad.setter
    def grad(self, new: Any) -> None:
        self.backward()

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis, of one example."""
        shape: tuple[int, ...] = self._whole.shape[1:]
        return shape

    @property
    def ndim(self) -> int:
        """The number of axes of one example."""
        return len(self._whole.shape) - 1

    @property
    def size(self) -> int:
        """The number of elements of one example."""
        return math.prod(self._whole.shape[1:])

    @property
    def dtype(self) -> Any:
        """NumPy's dtype of the value."""
        return self._whole.dtype

    @property
    def device(self) -> Any:
        """Where the value is."""
        return getattr(self._whole, "device", "cpu")

    def detach(self) -> Tensor:
        """A value of its own without a graph."""
        whole = self._whole
        return lower(self._level, whole.detach() if isinstance(whole, Tensor) else whole)

    def astype(self, dtype: Any, *, copy: bool = True, casting: str = "unsafe") -> Tensor:
        """A copy with another dtype."""
        if not np.can_cast(self.dtype, dtype, casting):  # type: ignore[arg-type]
            raise TypeError(f"astype: cannot cast {self.dtype} to {np.dtype(dtype)}, {casting!r}")
        if not copy and self.dtype == dtype:
            return self
        return lower(self._level, self._whole.astype(dtype))

    # --- what there is for each example ----------------------------------------------------

    def _look(self, what: str, instead: str) -> NoReturn:
        n = self._whole.shape[0]
        raise LookedError(
            f"{what}: under vmap this value is not one but {n}, one for each example, of shape "
            f"{self.shape}; {instead}"
        )

    def __bool__(self) -> bool:
        self._look("bool(x)", "choose by element, with np.where(condition, x, y), instead of `if`")

    def _untracked(self, what: str) -> Any:
        what = f"{what}(x)" if what != "an index" else "x as an index"
        self._look(what, "compute with NumPy's functions, and index a by ag.asarray(a)[x]")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        self._look(
            "as a plain array",
            "compute with NumPy's functions, join by np.stack, index a by ag.asarray(a)[x]",
        )

    def item(self) -> Any:
        """Refused: there is one for each example."""
        self._look("item()", "return it from the function, and look at the result of vmap")

    def tolist(self) -> Any:
        """Refused: there is one for each example."""
        self._look("tolist()", "return it from the function, and look at the result of vmap")

    def __contains__(self, value: Any) -> bool:
        self._look("y in x", "write np.any(x == y)")

    def __dlpack__(self, **_: Any) -> Any:
        self._look("as another library's array", "leave vmap first")

    def backward(self, grad: Any = None, retain_graph: bool = False) -> None:
        """Refused: gradients for each example are those of a function."""
        raise GradientError(
            "backward: not under vmap, where each example has a gradient of its own; write the "
            "computation as a function f and take vmap(grad(f))"
        )

    def requires_grad_(self, flag: bool = True) -> Tensor:
        """Refused: gradients for each example are those of a function."""
        raise GradientError(
            "requires_grad_: not under vmap; write the computation as a function f and take grad(f)"
        )

    def register_hook(self, function: Callable[[Any], Any]) -> Any:
        """Refused: a hook is called with the gradient of a tensor, not of one example."""
        raise GradientError("register_hook: not under vmap; hook the tensor outside")

    def retain_grad(self) -> None:
        """Refused: no gradient is kept under vmap."""
        self.backward()

    def __reduce__(self) -> Any:
        raise TypeError("a value under vmap cannot be copied or pickled; use t.clone()")

    def _describe(self) -> str:
        return f"value of shape {self.shape} for each of {self._whole.shape[0]} examples"

    def __repr__(self) -> str:
        return (
            f"Batched(shape={self.shape}, dtype={self.dtype}, examples={self._whole.shape[0]}, "
            f"all={self._whole!r})"
        )

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("a 0-d tensor has no length")
        return int(self.shape[0])

    # --- ops --------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            return _method(ufunc, method, inputs, kwargs)
        try:
            op = OPS.get(ufunc) or declared_late(ufunc)
        except NotDifferentiableError:
            return _in_turn(ufunc, ufunc.__name__, inputs, kwargs)
        if "out" in kwargs and len(kwargs["out"]) == 1:
            (kwargs["out"],) = kwargs["out"]
        return _call(op, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        op = OPS.get(func)
        if op is None:
            return _in_turn(func, func.__name__, args, kwargs)
        return _call(op, args, kwargs)

    def __getitem__(self, index: Any) -> Tensor:
        t: Tensor = _call(GETITEM, (self,), {"index": index})
        return t

    def __setitem__(self, index: Any, value: Any) -> None:
        refuse_view(self, f"x[{show(index)}] = ...")
        _store(self, index, value)

    def _check_in_place(self, what: str) -> None:
        if isinstance(self._whole, Tensor):
            self._whole._check_in_place(what)

    def _rebind(self, result: Any) -> None:
        """Make this handle stand for ``result``, broadcast and cast to what it is."""
        if result.shape != self.shape:
            raise InPlaceError(
                f"a result of shape {result.shape} cannot be stored in place in shape {self.shape}"
            )
        if not np.can_cast(result.dtype, self.dtype, "same_kind"):
            raise InPlaceError(
                f"a result of dtype {result.dtype} cannot be stored in place in {self.dtype}"
            )
        if result.dtype != self.dtype:
            result = result.astype(self.dtype)
        if type(result) is Batched and result._level > self._level:
            raise InPlaceError(
                "a value of an inner vmap cannot be stored in one of an outer: return it instead"
            )
        if type(result) is Batched and result._level == self._level:
            self._whole = result._whole
        else:
            self._whole = np.broadcast_to(result, self._whole.shape)


def lower(level: int, whole: Any) -> Batched:
    """Hide axis 0 of ``whole``, the batch of the `vmap` of this level."""
    value: Batched = new_tensor(Batched)
    value._level = level
    value._whole = whole
    value._name = None
    return value


def is_tensor(x: Any) -> bool:
    """Whether ``x`` is a tensor, or for each example a part of one."""
    while type(x) is Batched:
        x = x._whole
    return isinstance(x, Tensor)


def raised(x: Any, active: tuple[tuple[int, int], ...] | None = None) -> Any:
    """The whole array or tensor of ``x``: with the batch axes of all running `vmap`s, oldest first.

    One that is missing, since ``x`` does not depend on the examples, is broadcast.
    """
    active = ACTIVE.get() if active is None else active
    for level, size in reversed(active):
        if type(x) is Batched and x._level == level:
            x = x._whole
        else:
            x = np.broadcast_to(x, (size, *np.shape(x)))
    if type(x) is Batched:
        raise stale()
    return x


def of_one_example(x: Any) -> Any:
    """The value of a tensor: under `vmap` that of the first example, ones where there is none."""
    depth = 0
    while type(x) is Batched:
        x, depth = x._whole, depth + 1
    value = value_of(x)
    if not depth:
        return value
    if 0 in value.shape[:depth]:
        return np.ones(value.shape[depth:], value.dtype)
    return value[(0,) * depth]


def lowered(whole: Any) -> Any:
    """A whole array, or tensor, as running `vmap`s see it: `raised`, undone."""
    for level, _ in ACTIVE.get():
        whole = lower(level, whole)
    return whole


def levels(values: Iterable[Any]) -> int:
    """The highest level of the batched values in a call's arguments; 0 if there is none."""
    level = 0
    for x in values:
        if type(x) is Batched:
            level = max(level, x._level)
        elif isinstance(x, (list, tuple)):
            level = max(level, levels(x))
        elif isinstance(x, dict):
            level = max(level, levels(x.values()))
    return level


def size_of(level: int) -> int:
    """The number of examples of the running `vmap` of this level."""
    for known, size in ACTIVE.get():
        if known == level:
            return size
    raise stale()


# How an op is applied, and stored by an index; told by `batching`, which imports this file.
_call: Callable[..., Any]
_method: Callable[..., Any]
_store: Callable[..., Any]
_in_turn: Callable[..., Any]


def connect_batching(call: Any, method: Any, store: Any, in_turn: Any) -> None:
    """Tell what a batched value is what its operators and functions do."""
    global _call, _method, _store, _in_turn
    _call, _method, _store, _in_turn = call, method, store, in_turn


def _operator(op: Op) -> None:
    """Give `Batched` the Python operator of ``op``, reflected and in place too."""
    assert op.operator is not None
    name = op.operator.__name__.rstrip("_")
    if op.arity == 1:
        setattr(Batched, f"__{name}__", lambda self: _call(op, (self,), {}))
        return

    def forward(self: Any, other: Any) -> Any:
        x = _operand(other)
        return x if x is NotImplemented else _call(op, (self, x), {})

    def reflected(self: Any, other: Any) -> Any:
        x = _operand(other)
        return x if x is NotImplemented else _call(op, (x, self), {})

    def in_place(self: Any, other: Any) -> Any:
        what = f"x {op.symbol}= ..."
        self._check_in_place(what)
        if not (sys.getrefcount(self) <= BORROWED and stored_back(sys._getframe(1))):
            refuse_view(self, what)
        self._rebind(forward(self, other))
        return self

    setattr(Batched, f"__{name}__", forward)
    if name not in COMPARISONS:
        setattr(Batched, f"__r{name}__", reflected)
        setattr(Batched, f"__i{name}__", in_place)


def _operand(x: Any) -> Any:
    if isinstance(x, (int, float, complex, np.generic)) or hasattr(x, "__array_function__"):
        return x
    return np.asarray(x) if isinstance(x, (list, tuple)) else NotImplemented


for _op in dict.fromkeys(OPS.values()):
    if _op.operator is not None:
        _operator(_op)
