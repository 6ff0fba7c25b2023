"""The table of ops: one declaration each, and everything else is a loop over it.

A rule is written once, in plain NumPy: ``rule(g, out, *operands, **params)`` maps the gradient
``g`` at the op's output to the gradient at one operand. Given arrays it runs at NumPy's speed;
given tensors the same rule is recorded, and so is differentiable again. The names of its
parameters say what must be kept until then: a leading underscore means "shape and dtype only".

    defop(np.multiply, lambda g, _out, _x, y: g * y,
                       lambda g, _out, x, _y: g * x, symbol="×")
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from .errors import NotDifferentiableError, ShapeError

__all__ = [
    "OPS",
    "PROJECTION",
    "REAL",
    "ZERO",
    "Domain",
    "Erase",
    "Op",
    "Scatter",
    "call_batched",
    "call_batched_method",
    "connect",
    "connect_batching",
    "defop",
    "derived",
    "known",
    "make_op",
    "running",
    "undeclared",
]


class _Zero:
    """The derivative is zero wherever it exists: floor, sign, round.

    As a rule it returns itself, a gradient of no shape and no dtype.
    """

    dtype = shape = None

    def __call__(self, *_: Any, **__: Any) -> _Zero:
        return self

    def __repr__(self) -> str:
        return "ZERO"


ZERO = _Zero()

#: A rule, or one of the words for "no gradient": ZERO, and None for "not differentiable".
Rule = Callable[..., Any] | _Zero | None
#: Whether the output is kept, and which of the operands.
Kept = tuple[bool, tuple[bool, ...]]


class Domain(NamedTuple):
    """Where an operand of an elementwise op may lie: an open interval, and a point well inside.

    The gradient of ``interior`` is finite: where a zero gradient meets a singular point the
    engine evaluates the rule there instead.
    """

    low: float
    high: float
    interior: float
    holes: tuple[float, ...] = ()


REAL = Domain(-np.inf, np.inf, 0.5)


def is_basic(index: Any) -> bool:
    """Whether NumPy answers ``x[index]`` with a view: integers, slices, ``...`` and None."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None
        or part is Ellipsis
        or isinstance(part, slice)
        or (isinstance(part, int | np.integer) and not isinstance(part, bool))
        for part in parts
    )


class Scatter(NamedTuple):
    """A gradient that is zero but at ``index``: added into a buffer that the engine owns."""

    index: Any
    g: Any

    # Those of the buffer are not known here.
    dtype = shape = None  # type: ignore[misc]

    def add_to(self, buffer: Any) -> None:
        """Add the gradient to ``buffer``, an element that the index names twice twice."""
        index = self.index
        if is_basic(index) or (isinstance(index, np.ndarray) and index.dtype == bool):
            buffer[index] += self.g  # no element is named twice
        else:
            np.add.at(buffer, self.index, self.g)

    def dense(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """The gradient as a whole array."""
        if not known(self.g):
            return self._gathered(shape)
        buffer = np.zeros(shape, dtype)
        self.add_to(buffer)
        return buffer

    def _gathered(self, shape: tuple[int, ...]) -> Any:
        """`dense` for arrays that cannot be written: each element picks what belongs to it."""
        named = np.arange(_size(shape)).reshape(shape)[self.index].ravel()
        order = np.argsort(named, kind="stable")
        first = np.r_[True, np.diff(named[order]) != 0]
        # An element that the index names k times is picked in k rounds.
        starts = np.maximum.accumulate(np.where(first, np.arange(named.size), 0))
        rounds = np.arange(named.size) - starts
        if not named.size:
            return np.zeros_like(self.g, shape=shape)
        flat = np.concatenate([np.reshape(self.g, (-1,)), np.zeros_like(self.g, shape=(1,))])
        total: Any = None
        for k in range(int(rounds.max(initial=0)) + 1):
            picked = np.full(_size(shape), named.size)
            picked[named[order[rounds == k]]] = order[rounds == k]
            part = flat[picked]
            total = part if total is None else total + part
        return np.reshape(total, shape)


def known(x: Any) -> bool:
    """Whether the elements of ``x`` can be looked at now: a lazy array would have to compute them.

    For rules that choose between two ways of computing; what holds for each element on its own is
    chosen by ``np.where``, which is lazy too.
    """
    if type(x) is np.ndarray:  # the common case
        return True
    value = getattr(x, "_value", x)
    return isinstance(value, (np.ndarray, np.generic, float, int, complex))


class Erase(NamedTuple):
    """The incoming gradient with zeros at ``index``: what was overwritten there has no gradient."""

    index: Any

    dtype = shape = None  # type: ignore[misc]


class Op:
    """One row of the table. Made by :func:`defop` and :func:`derived`, never changed.

    ``name``, ``symbol``
        NumPy's name, and the label in drawings.
    ``fn``
        the function that computes the value.
    ``rules``
        a rule for each operand, or one rule that takes the operand's index (``variadic``).
    ``kind``
        ``"elementwise"``, ``"linear"``, ``"multilinear"`` or ``"general"``: how forward mode
        gets along without a second table.
    ``broadcasting``
        whether NumPy broadcasts the operands, so that the engine sums gradients back.
    ``domains``
        of an elementwise op, one per operand.
    ``operator``
        the Python operator that computes the same, ``operator.mul``.
    ``binary``
        what a Python operator of two operands calls: it computes and records; else None.
    ``composition``
        for a derived op the function of other ops that it is, else None.
    ``otherwise``
        a function of other ops that computes the same, for calls with parameters that the rules
        do not know (``where=``, ``initial=``); or None.
    ``guarded``
        whether a zero gradient could meet a singular point: elementwise, and a rule reads a value.
    ``mutates``
        whether a derived op writes into its first argument, so that the function of other ops is
        called even where nothing is tracked.
    ``joint``
        of a user's op one rule for all operands, ``joint(g, out, operands, params)``, which
        ``rules`` ask for one gradient each; else None.
    ``direct``
        whether the backward pass calls ``rules`` as they are: neither variadic nor joint.
    ``few``, ``plain``
        whether it always has one or two operands; whether that and ``direct``.
    ``tangent``
        of a user's op a rule for forward mode, ``tangent(tangents, out, operands, params)``.
    ``module``
        where users find it: ``numpy``, ``numpy.linalg``, ``scipy.special``.
    ``function``
        what users call: arrays in, arrays out; tensors in, tensors out.
    """

    __slots__ = (
        "arity",
        "binary",
        "broadcasting",
        "composition",
        "direct",
        "domains",
        "few",
        "fn",
        "function",
        "guarded",
        "joint",
        "keeps",
        "kind",
        "later",
        "mask",
        "module",
        "mutates",
        "name",
        "names",
        "operator",
        "otherwise",
        "params",
        "plain",
        "rules",
        "symbol",
        "table",
        "tangent",
        "variadic",
    )

    name: str
    symbol: str
    fn: Callable[..., Any]
    rules: tuple[Rule, ...]
    kind: str
    variadic: bool
    broadcasting: bool
    domains: tuple[Domain, ...]
    operator: Callable[..., Any] | None
    binary: Callable[[Any, Any], Any] | None
    composition: Callable[..., Any] | None
    otherwise: Callable[..., Any] | None
    mutates: bool
    guarded: bool
    joint: Callable[..., Any] | None
    direct: bool
    few: bool
    plain: bool
    tangent: Callable[..., Any] | None
    module: str
    function: Callable[..., Any]
    names: tuple[str, ...]
    params: frozenset[str]
    later: frozenset[str]
    arity: int
    keeps: tuple[Kept, ...]
    mask: int
    table: tuple[Kept, ...]

    def __repr__(self) -> str:
        return f"<Op {self.name}>"

    def bind(
        self, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Sort a call's arguments into operands and parameters, by NumPy's own signature."""
        if len(args) == self.arity and not self.variadic and kwargs.keys() <= self.later:
            return tuple(args), dict(kwargs)  # the common case
        if len(args) > len(self.names):
            raise TypeError(
                f"{self.name} takes at most {len(self.names)} positional arguments "
                f"({', '.join(self.names)}), but got {len(args)}"
            )
        given = dict(zip(self.names, args, strict=False))
        for key, value in kwargs.items():
            if key in given:
                raise TypeError(f"{self.name} got two values for its argument {key!r}")
            given[key] = value
        missing = [name for name in self.names[: self.arity] if name not in given]
        if missing:
            raise TypeError(f"{self.name} needs the argument {missing[0]!r}")
        operands = tuple(given.pop(name) for name in self.names[: self.arity])
        return (tuple(operands[0]) if self.variadic else operands), given

    def check_params(self, params: dict[str, Any]) -> None:
        """Refuse a parameter that the rules do not know; they would be silently wrong."""
        for name in params:
            if name not in self.params and "**" not in self.params:
                known = ", ".join(sorted(self.params)) or "none"
                raise NotDifferentiableError(
                    f"{self.name} is not differentiable with the parameter {name!r} (known: "
                    f"{known}). Leave it out, or compute on t.detach() if no gradient is needed."
                )

    def kept(self, tracked: int, count: int) -> Kept:
        """Tell whether the output and each operand must be kept.

        Bit i of ``tracked`` says whether operand i of the ``count`` is part of the graph.
        """
        if not self.variadic:
            return self.table[tracked]
        keep_out, (keep_others,) = self.keeps[0]
        # The gradient of one operand of a product needs the others, not itself.
        return keep_out, tuple(keep_others and tracked & ~(1 << i) != 0 for i in range(count))

    def pull(
        self,
        i: int,
        g: Any,
        out: Any,
        operands: tuple[Any, ...],
        params: dict[str, Any],
        parent: Any,
    ) -> Any:
        """Map the gradient ``g`` at the output to the gradient at operand ``i``.

        ``parent`` has the operand's shape and dtype. The gradient is summed over broadcast axes
        and cast to the operand's dtype here, so that no rule need do either.
        """
        rule: Any = self.rules[0 if self.variadic else i]
        if self.variadic:
            contribution = rule(g, out, i, *operands, **params)
        else:
            contribution = rule(g, out, *operands, **params)
        if contribution is ZERO or type(contribution) in (Scatter, Erase):
            return contribution
        return self.fit(i, contribution, parent, g)

    def at_once(self) -> AtOnce:
        """Stand in for an op with a rule for all operands, on one visit of the backward pass."""
        return AtOnce(self)

    def pull_array(
        self, i: int, g: Any, out: Any, operands: tuple[Any, ...], params: Any, parent: Any
    ) -> Any:
        """Do what `pull` does, with an array as the result whatever the op."""
        if self is PROJECTION:
            return [g if k == params["index"] else None for k in range(len(parent.shape))]
        contribution = self.pull(i, g, out, operands, params, parent)
        if contribution is ZERO:
            return np.zeros(parent.shape, parent.dtype)
        if type(contribution) is Scatter:
            return contribution.dense(parent.shape, parent.dtype)
        if type(contribution) is Erase:
            kept = np.array(g, parent.dtype)
            kept[contribution.index] = 0.0
            return kept
        return contribution

    def fit(self, i: int, contribution: Any, parent: Any, g: Any) -> Any:
        """Bring what a rule returned for ``g`` to its operand's shape and dtype."""
        if not hasattr(contribution, "dtype"):
            raise NotDifferentiableError(
                f"{self.name}: the rule of operand {i} returned {contribution!r}, which is no "
                "array; it must return the gradient"
            )
        if self.kind == "elementwise" and contribution.shape != g.shape:
            raise self.wrong_shape(i, contribution.shape, g.shape)
        if contribution.shape != parent.shape:
            if not self.broadcasting:
                raise self.wrong_shape(i, contribution.shape, parent.shape)
            contribution = unbroadcast(contribution, parent.shape)
            if contribution.shape != parent.shape:
                raise self.wrong_shape(i, contribution.shape, parent.shape)
        if contribution.dtype != parent.dtype:
            if contribution.dtype.kind == "c" and parent.dtype.kind != "c":
                contribution = np.real(contribution)  # a real operand has no imaginary part to vary
            if contribution.dtype != parent.dtype:
                contribution = contribution.astype(parent.dtype)
        return contribution

    def wrong_shape(self, i: int, got: tuple[int, ...], expected: tuple[int, ...]) -> ShapeError:
        """Build the error for a rule that returned a gradient of the wrong shape."""
        return ShapeError(
            f"{self.name}: the rule of operand {i} returned a gradient of shape {got} where one of "
            f"shape {expected} is due; correct the rule"
        )


class AtOnce:
    """An op whose gradients for all operands come from one call, made when the first is asked."""

    __slots__ = ("_found", "fit", "op")

    def __init__(self, op: Op) -> None:
        self.op, self.fit = op, op.fit
        self._found: Any = None

    def pull(
        self,
        i: int,
        g: Any,
        out: Any,
        operands: tuple[Any, ...],
        params: dict[str, Any],
        parent: Any,
    ) -> Any:
        """Map the gradient ``g`` at the output to that at operand ``i``, as `Op.pull` does."""
        if self._found is None:
            assert self.op.joint is not None
            self._found = self.op.joint(g, out, operands, params)
        contribution = self._found[i]
        if contribution is ZERO or type(contribution) in (Scatter, Erase):
            return contribution
        return self.fit(i, contribution, parent, g)


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum ``g`` over the axes along which an operand of ``shape`` was broadcast."""
    lead = len(g.shape) - len(shape)
    if lead < 0:
        return g
    axes = tuple(range(lead)) + tuple(
        i for i, n in enumerate(shape, lead) if n == 1 and g.shape[i] != 1
    )
    g = g.sum(axis=axes)
    return g.reshape(shape) if g.size == _size(shape) else g


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


#: The table: from a NumPy function, or one of this package's own, to its op.
OPS: dict[Callable[..., Any], Op] = {}


class _NotYet:
    """Stands for the tensor type until `connect` tells it."""


# The tensor type and what applies an op to tensors; told by `connect`, since imports point only
# upstream.
_Tensor: type = _NotYet
_apply: Callable[..., Any]
_apply_method: Callable[..., Any]


def connect(tensor_type: type, apply: Callable[..., Any], apply_method: Callable[..., Any]) -> None:
    """Tell the table's public functions what a tensor is and how an op is applied to some."""
    global _Tensor, _apply, _apply_method
    _Tensor, _apply, _apply_method = tensor_type, apply, apply_method


#: The levels of the `vmap`s that run in any thread; none, and nobody looks for batched values.
running: list[int] = []
_batch: Callable[..., Any]
_batch_method: Callable[..., Any]


def connect_batching(batch: Callable[..., Any], batch_method: Callable[..., Any]) -> None:
    """Tell how an op is applied to values under `vmap`; NotImplemented where there are none."""
    global _batch, _batch_method
    _batch, _batch_method = batch, batch_method


def call_batched(op: Op, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Call ``op`` if there are values under `vmap` among its arguments, else NotImplemented."""
    return _batch(op, args, kwargs)


def call_batched_method(ufunc: Any, method: str, inputs: Sequence[Any], kwargs: Any) -> Any:
    """Call a ufunc's ``reduce``, ... as `call_batched` does."""
    return _batch_method(ufunc, method, inputs, kwargs)


def call(op: Op, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Call ``op`` with tensors among its arguments."""
    return _apply(op, args, kwargs)


def call_method(ufunc: Any, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Call a ufunc's ``reduce``, ``at``, ... with tensors among its arguments."""
    return _apply_method(ufunc, method, inputs, kwargs)


def _public(op: Op) -> Callable[..., Any]:
    fn = compute = op.fn
    # NumPy's functions take lists and numbers; this package's own are written for arrays.
    if not op.variadic and (getattr(fn, "__module__", None) or "").startswith(__package__):
        compute = functools.partial(_of_arrays, op)

    def function(*args: Any, **kwargs: Any) -> Any:
        if args and type(args[0]) is _Tensor:
            return _apply(op, args, kwargs)
        for arg in (*args, *kwargs.values()):
            if isinstance(arg, _Tensor) or (type(arg) in (list, tuple) and _holds_tensor(arg)):
                return _apply(op, args, kwargs)
        return compute(*args, **kwargs)

    functools.update_wrapper(function, fn)
    function.__name__ = function.__qualname__ = op.name
    return function


_PLAIN = (list, tuple, float, int)


def _of_arrays(op: Op, *args: Any, **kwargs: Any) -> Any:
    """Call a function of this package's own, with arrays for the operands that are none."""
    made = (
        np.asarray(x) if i < op.arity and isinstance(x, _PLAIN) else x for i, x in enumerate(args)
    )
    return op.fn(*made, **kwargs)


def _holds_tensor(values: Sequence[Any]) -> bool:
    return any(
        isinstance(v, _Tensor) or (type(v) in (list, tuple) and _holds_tensor(v)) for v in values
    )


def defop(
    fn: Callable[..., Any],
    *rules: Rule,
    kind: str | None = None,
    symbol: str | None = None,
    domains: tuple[Domain, ...] | None = None,
    operator: Callable[..., Any] | None = None,
    broadcasting: bool | None = None,
    variadic: bool = False,
    signature: str | None = None,
    name: str | None = None,
    otherwise: Callable[..., Any] | None = None,
    module: str | None = None,
) -> Callable[..., Any]:
    """Declare the derivative of ``fn``: a rule for each operand, in order.

    ``kind`` is ``"elementwise"`` for ufuncs and ``"general"`` for the rest unless given. With
    ``variadic`` the first argument of ``fn`` is a sequence of operands, and the one rule takes
    the operand's index after ``out``. ``signature`` lists the names of the arguments where
    ``inspect`` cannot find them in every NumPy. ``otherwise`` is a function of other ops that takes
    over when a call on tracked tensors has parameters that the rules do not know. A parameter with
    an underscore in front is the op's own, a note of the forward pass for the rule: it is not
    drawn. Returns the function for users.
    """
    return _enter(
        make_op(
            fn,
            *rules,
            kind=kind,
            symbol=symbol,
            domains=domains,
            operator=operator,
            broadcasting=broadcasting,
            variadic=variadic,
            signature=signature,
            name=name,
            otherwise=otherwise,
            module=module,
        )
    )


def make_op(
    fn: Callable[..., Any],
    *rules: Rule,
    kind: str | None = None,
    symbol: str | None = None,
    domains: tuple[Domain, ...] | None = None,
    operator: Callable[..., Any] | None = None,
    broadcasting: bool | None = None,
    variadic: bool = False,
    signature: str | None = None,
    name: str | None = None,
    otherwise: Callable[..., Any] | None = None,
    module: str | None = None,
    joint: Callable[..., Any] | None = None,
    tangent: Callable[..., Any] | None = None,
) -> Op:
    """Make an op as `defop` does, without entering it in the table."""
    op = Op()
    by_element = isinstance(fn, np.ufunc) and fn.signature is None
    op.name = name or fn.__name__
    op.symbol = symbol or op.name
    op.fn = fn
    op.rules = rules
    op.kind = kind or ("elementwise" if by_element else "general")
    op.variadic = variadic
    op.arity = len(rules)
    op.broadcasting = (op.kind == "elementwise") if broadcasting is None else broadcasting
    op.domains = domains or (REAL,) * op.arity
    op.operator = operator
    op.composition = op.binary = None
    op.otherwise = otherwise
    op.mutates = False
    op.joint, op.tangent = joint, tangent
    op.direct = not variadic and joint is None
    op.few = not variadic and op.arity <= 2
    op.plain = op.direct and op.few
    op.module = module or _module(fn)
    op.names = _names(fn, signature, op.arity)
    op.keeps, params = _read(op)
    op.guarded = op.kind == "elementwise" and any(out or any(xs) for out, xs in op.keeps)
    op.mask = sum(1 << i for i, rule in enumerate(rules) if rule is not None)
    op.table = () if variadic else _table(op.keeps)
    op.later = frozenset(op.names[op.arity :])
    op.params = op.later if params is None else params
    if len(op.domains) != op.arity:
        raise ValueError(f"{op.name}: {len(op.domains)} domains for {op.arity} operands")
    op.function = _public(op)
    return op


def derived(
    fn: Callable[..., Any] | None = None,
    *,
    symbol: str | None = None,
    name: str | None = None,
    module: str | None = None,
    mutates: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare ``fn`` by the decorated function of other ops; drawings fold it into one box."""

    def declare(composition: Callable[..., Any]) -> Callable[..., Any]:
        op = Op()
        op.fn = fn or composition
        op.name = name or op.fn.__name__
        op.symbol = symbol or op.name
        op.rules = ()
        op.kind = "derived"
        op.variadic = op.broadcasting = False
        op.arity = 0
        op.domains = ()
        op.operator = op.otherwise = op.binary = None
        op.mutates = mutates
        op.joint = op.tangent = None
        op.direct = op.few = True
        op.plain = True
        op.module = module or _module(op.fn)
        op.composition = composition
        op.names, open_ended = _parameters(composition)
        op.keeps, op.table, op.mask, op.guarded = (), (), 0, False
        op.params = frozenset((*op.names, "**") if open_ended else op.names)
        op.later = frozenset(op.names)
        op.function = _public(op)
        return _enter(op)

    return declare


def _enter(op: Op) -> Callable[..., Any]:
    if op.fn in OPS:
        raise ValueError(f"{op.name} is declared already")
    OPS[op.fn] = op
    if (getattr(op.fn, "__module__", None) or "").startswith(__package__):
        # Rules call this package's own functions by their public form, which is what they find.
        OPS[op.function] = op
    return op.function


def _module(fn: Any) -> str:
    return getattr(fn, "__module__", None) or "numpy"


def _names(fn: Any, signature: str | None, arity: int) -> tuple[str, ...]:
    if signature is not None:
        return tuple(signature.replace(",", " ").split())
    if isinstance(fn, np.ufunc):
        return ("x", "y", "z", "w")[: fn.nin]
    try:
        return _parameters(fn)[0]
    except ValueError:  # older NumPy has functions in C without one
        return tuple(f"argument {i}" for i in range(arity))


def _parameters(fn: Callable[..., Any]) -> tuple[tuple[str, ...], bool]:
    """The names of a function's parameters as ``inspect.signature`` has them; and whether any go.

    Where there is code they are read from it, in a tenth of the time: an import asks 650 times.
    """
    inner: Any = fn if type(fn) is FunctionType else getattr(fn, "__wrapped__", None)
    if type(inner) is FunctionType and not inner.__dict__:  # what is in there can say otherwise
        code = inner.__code__
        names, given = code.co_varnames, code.co_argcount
        starred = bool(code.co_flags & inspect.CO_VARARGS)
        open_ended = bool(code.co_flags & inspect.CO_VARKEYWORDS)
        if not (starred or open_ended or code.co_kwonlyargcount):
            return names[:given], False
        star = given + code.co_kwonlyargcount
        stars = star + starred
        keywords = (*names[given:star], *names[stars : stars + open_ended])
        return (*names[:given], *names[star:stars], *keywords), open_ended
    parameters = inspect.signature(fn).parameters
    return tuple(parameters), any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _split(
    rule: Callable[..., Any], arity: int, variadic: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split the names of a rule's parameters into (out and operands) and (the op's parameters)."""
    names, _ = _parameters(rule)
    if variadic:
        return (names[1], names[3]), names[4:]
    if len(names) < arity + 2:
        raise ValueError(f"a rule of {arity} operands must take g, out and the operands")
    return names[1 : arity + 2], names[arity + 2 :]


def _read(op: Op) -> tuple[tuple[Kept, ...], frozenset[str] | None]:
    """What each rule of an op keeps, and the parameters that they all take; None without rules."""
    keeps: list[Kept] = []
    params = None
    for rule in op.rules:
        if rule is None or isinstance(rule, _Zero):
            keeps.append((False, (False,) * op.arity))
            continue
        (out, *operands), rest = _split(rule, op.arity, op.variadic)
        keeps.append((out[0] != "_", tuple([x[0] != "_" for x in operands])))
        found = frozenset(rest)
        if params is not None and params != found:
            raise ValueError(f"{op.name}: its rules take different parameters")
        params = found
    return tuple(keeps), params


@functools.cache  # most ops are like others in this
def _table(keeps: tuple[Kept, ...]) -> tuple[Kept, ...]:
    """What the rules of the tracked operands name: a row for each set of these, as bits."""
    rows = []
    for tracked in range(1 << len(keeps)):
        named = [keep for i, keep in enumerate(keeps) if tracked >> i & 1]
        operands = tuple(any(xs[i] for _, xs in named) for i in range(len(keeps)))
        rows.append((any(out for out, _ in named), operands))
    return tuple(rows)


#: The box that picks one output of an op with several; its parent's gradient is a list of them.
PROJECTION = Op()
PROJECTION.name = PROJECTION.symbol = "projection"
PROJECTION.kind = "linear"
PROJECTION.rules = ()
PROJECTION.arity = 1
PROJECTION.variadic = PROJECTION.broadcasting = False
PROJECTION.domains = ()
PROJECTION.operator = PROJECTION.composition = PROJECTION.otherwise = None
PROJECTION.binary = None
PROJECTION.mutates = PROJECTION.guarded = False
PROJECTION.joint = PROJECTION.tangent = None
PROJECTION.direct, PROJECTION.few = False, True
PROJECTION.plain = False
PROJECTION.module = __package__
PROJECTION.names = ("outputs", "index")
PROJECTION.params = PROJECTION.later = frozenset({"index"})
PROJECTION.keeps, PROJECTION.table, PROJECTION.mask = (), (), 1


def undeclared(fn: Any) -> NotDifferentiableError:
    """Build the error for a function that is not in the table; it names the nearest that is."""
    import difflib  # an error's alone

    names = sorted({op.name for op in OPS.values()})
    name = getattr(fn, "__name__", str(fn))
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f" The nearest declared: {', '.join(near)}." if near else ""
    module = (getattr(fn, "__module__", "") or "numpy").replace("numpy._core", "numpy")
    return NotDifferentiableError(
        f"{module}.{name} has no declared derivative.{hint} Use t.detach().numpy() where no "
        "gradient is needed, or declare it."
    )
