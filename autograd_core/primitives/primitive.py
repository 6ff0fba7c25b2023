"""`primitive`: a function of a user's on plain arrays, with the rules that differentiate it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, overload

import numpy as np

from .. import settings
from ..errors import NotDifferentiableError
from ..record import recording
from ..registry import Domain, Op
from ..tensor import Tensor
from ..transforms.batched import of_one_example
from . import checking
from .declaration import Declaration, arguments
from .rules import UserRule, read_rule
from .trial import Subject

__all__ = ["Primitive", "primitive"]

KINDS = ("elementwise", "linear", "multilinear", "general")


class Primitive:
    """A function on arrays with rules of its own; made by :func:`primitive`, called like it.

    Given plain arrays it is the function itself; given tensors it is an op like those of the
    table: recorded, drawn, differentiated. ``name`` is its name, ``sample`` what it was declared
    with.
    """

    __name__: str
    __wrapped__: Callable[..., Any]

    def __init__(self, declared: Declaration, sample: Any, check: bool) -> None:
        functools.update_wrapper(self, declared.fn, updated=())
        self.name, self.sample = declared.name, sample
        self._declared = declared
        self._check = check
        # Of which operands the rule was compared, one bit for each; and calls where it could not.
        self._checked, self._lost = 0, 0
        self._op: Op | None = None
        self._defaults = {k: v for k, v in declared.params.items() if v is not _EMPTY}

    # --- declaring ------------------------------------------------------------------------

    def rule(self, operand: Any) -> Any:
        """Declare the rule of all operands, ``@f.rule``, or of one, ``@f.rule("x")``.

        A rule is called with ``(g, out, x, y, ...)`` and the parameters that it names. ``g`` is
        the gradient with respect to the value ``out``, so that dL = Re(Σ g dout), and the rule
        returns that with respect to each operand: for one operand an array of its shape (of g's,
        if the op is elementwise: the engine sums over what was broadcast), for several a tuple.
        An argument with a leading underscore is not kept until then; it has shape and dtype only.
        Of several values ``out`` and ``g`` are tuples.

        Raises:
            TypeError: what is decorated cannot be called like that.
            RuleError: there is a sample, and finite differences contradict the rule, which is
                not taken up then.
        """
        if callable(operand):
            return self._declare_rule(None, operand)
        return functools.partial(self._declare_rule, self._place(operand))

    def tangent(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """Declare the rule of forward mode: ``(tx, ty, ..., out, x, y, ...)`` to the tangent.

        There is one tangent for each operand that is no constant, zeros where none came. Without
        this rule forward mode transposes the other one, for which that must be recorded.
        """
        now = self._declared
        before = [f"t{now.operands[i]}" for i in now.moving]
        self._change(now._replace(tangent=self._read(fn, "its tangent rule", before)))
        return fn

    def _declare_rule(self, i: int | None, fn: Callable[..., Any]) -> Callable[..., Any]:
        now = self._declared
        if now.rules if i is None else now.joint:
            raise ValueError(
                f"{self.name} has a rule for all operands and one for a single operand; keep to "
                "one form"
            )
        if i is None:
            new = now._replace(joint=self._read(fn, "its rule", ["g"]))
        else:
            read = self._read(fn, f"its rule of operand {i} ({now.operands[i]!r})", ["g"])
            new = now._replace(rules={**now.rules, i: read})
        self._change(new)
        return fn

    def _read(self, fn: Any, what: str, before: Sequence[str]) -> UserRule:
        now = self._declared
        what = f"{self.name}: {what}"
        return read_rule(what, fn, before, now.operands, tuple(now.params), now.residuals)

    def _change(self, new: Declaration) -> None:
        """Take up a rule; none is taken up that the check on the sample finds wrong."""
        before = self._declared, self._op, self._checked
        self._declared, self._op, self._checked = new, None, 0
        complete = not new.without_rule or new.tangent
        if complete and self.sample is not None and self._check and settings.checks_primitives():
            try:
                self.check()
            except BaseException:
                self._declared, self._op, self._checked = before
                raise

    def _place(self, operand: Any) -> int:
        names, moving = self._declared.operands, self._declared.moving
        i = names.index(operand) if operand in names else operand
        if type(i) is not int or not 0 <= i < len(names):
            raise ValueError(f"{self.name} has no operand {operand!r}; it has {', '.join(names)}")
        if i not in moving:
            raise ValueError(
                f"{self.name}: operand {names[i]!r} is among its constants, which have no rule"
            )
        return i

    # --- calling --------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function: arrays in, arrays out; tensors in, tensors out."""
        plain = True
        for x in args:
            if type(x) is np.ndarray:
                continue
            if isinstance(x, Tensor):
                return self._apply(args, kwargs)
            if isinstance(x, _PLAIN):
                plain = False
        for x in kwargs.values():
            if isinstance(x, Tensor):
                return self._apply(args, kwargs)
        declared = self._declared
        if not plain:
            n = len(declared.operands)
            made = [np.asarray(x) if isinstance(x, _PLAIN) else x for x in args[:n]]
            args = (*made, *args[n:])
        value = declared.fn(*args, **kwargs)
        return declared.split(value)[0] if declared.residuals else value

    def _apply(self, args: Any, kwargs: Any) -> Any:
        operands, params = self._bind(args, kwargs)
        declared = self._declared
        tracked = 0
        for i in declared.moving:
            x = operands[i]
            if isinstance(x, Tensor) and x._node is not None:
                tracked |= 1 << i
        if tracked and not recording():
            tracked = 0
        if tracked & ~self._checked:
            missing = declared.without_rule
            if missing and declared.tangent is None:
                raise NotDifferentiableError(
                    f"{self.name} has no rule for {', '.join(map(repr, missing))}: declare one "
                    f"with @{self.name}.rule, or name it in constants"
                )
            if self._check and settings.checks_primitives():
                self._check_at(operands, params)
        result = self.op.function(*operands, **params)
        if declared.residuals:
            result = result[0]
        if tracked:
            several = isinstance(result, tuple)
            exact = [y for y in (result if several else (result,)) if y.dtype.kind not in "fc"]
            if len(exact) == (len(result) if several else 1):
                raise NotDifferentiableError(
                    f"{self.name} returned dtype {exact[0].dtype} for operands that require a "
                    "gradient: return floating arrays, or call it on t.detach()"
                )
            if exact:  # positions, counts
                parts = [y.detach() if y.dtype.kind not in "fc" else y for y in result]
                result = result._make(parts) if hasattr(result, "_make") else tuple(parts)
        return result

    def _bind(self, args: Any, kwargs: Any) -> tuple[Sequence[Any], dict[str, Any]]:
        """Sort a call's arguments into operands and parameters, with defaults filled in."""
        declared = self._declared
        if len(args) == len(declared.operands):
            if not declared.params and not kwargs:
                return args, kwargs
            params = {**self._defaults, **kwargs}
            if params.keys() == declared.params.keys():
                return args, params
        try:
            bound = inspect.signature(declared.fn).bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}: {error}") from None
        bound.apply_defaults()
        given = bound.arguments
        return [given[x] for x in declared.operands], {key: given[key] for key in declared.params}

    @property
    def op(self) -> Op:
        """The row that it would be in the table; it is not entered there."""
        op = self._op
        if op is None:
            op = self._op = self._declared.make_op()
        return op

    # --- checking -------------------------------------------------------------------------

    def samples(self, rng: np.random.Generator) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """Draw operands and parameters from ``sample=``; None where there is none.

        >>> @primitive(sample=lambda rng: (rng.normal(size=2),))
        ... def double(x):
        ...     return 2 * x
        >>> args, params = double.samples(np.random.default_rng(0))
        >>> args[0].shape, params
        ((2,), {})
        """
        if self.sample is None:
            return None
        drawn = self.sample(rng) if callable(self.sample) else self.sample
        if not isinstance(drawn, (tuple, list)):
            raise TypeError(
                f"{self.name}: sample returned {type(drawn).__name__}, where a tuple of operands "
                "is due, and a dict of parameters after them if there are any"
            )
        args = list(drawn)
        given = args.pop() if args and isinstance(args[-1], dict) else {}
        operands, params = self._bind(args, given)
        return tuple(operands), params

    def check(self, order: int = 2, seed: int = 0) -> dict[str, float]:
        """Compare the rules with central differences on the sample, with random cotangents.

        Args:
            order: up to which order; a rule that computes on arrays is checked at order 1.
            seed: of what is random.

        Returns:
            The relative error of each derivative that was compared, by name.

        Raises:
            RuleError: one is wrong, or the function changes its operands, or is not smooth there.
            ValueError: there is no ``sample=``, or no such order.
        """
        if order not in (1, 2):
            raise ValueError(f"{self.name}.check: order must be 1 or 2, not {order}")
        if self.sample is None:
            raise ValueError(
                f"{self.name}.check needs inputs: declare it with primitive(sample=...)"
            )
        errors = checking.check_on_sample(self._subject(order), self.samples, seed)
        self._checked = -1
        return errors

    def _check_at(self, operands: Sequence[Any], params: dict[str, Any]) -> None:
        if self.sample is not None:
            self.check()
            return
        if any(isinstance(x, Tensor) and x._node is not None for x in params.values()):
            return  # the call will be refused
        self._lost += 1
        if self._lost & (self._lost - 1):
            return  # it failed before: it is tried again at the 2nd, 4th, 8th ... such call
        operands = [of_one_example(x) for x in operands]
        params = {key: of_one_example(x) for key, x in params.items()}
        subject = self._subject(2)
        if checking.check_near(subject, operands, params):
            self._checked |= checking.compared(subject, operands)
            self._lost = 0

    def _subject(self, order: int) -> Subject:
        declared = self._declared
        ruled = not declared.without_rule
        return Subject(
            name=self.name,
            op=self.op,
            operands=declared.operands,
            moving=declared.moving,
            outputs=1 if declared.residuals else None,
            order=min(order, 1 if declared.arrays else 2) if ruled else 0,
            forward=declared.tangent is not None
            or (ruled and not (declared.arrays and declared.kind == "general")),
            has_tangent=declared.tangent is not None,
        )

    def __repr__(self) -> str:
        return f"<Primitive {self.name}({', '.join(self._declared.operands)})>"

    def __reduce__(self) -> str:
        # Pickled and copied as functions are: by name.
        return str(getattr(self._declared.fn, "__qualname__", self.name))


_EMPTY = inspect.Parameter.empty
_PLAIN = (list, tuple, float, int, complex)


@overload
def primitive(fn: Callable[..., Any], /) -> Primitive: ...


@overload
def primitive(
    *,
    arrays: bool = ...,
    residuals: bool = ...,
    constants: Iterable[str] = ...,
    kind: str = ...,
    domains: tuple[Domain, ...] | None = ...,
    symbol: str | None = ...,
    name: str | None = ...,
    sample: Any = ...,
    check: bool = ...,
) -> Callable[[Callable[..., Any]], Primitive]: ...


def primitive(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    arrays: bool = False,
    residuals: bool = False,
    constants: Iterable[str] = (),
    kind: str = "general",
    domains: tuple[Domain, ...] | None = None,
    symbol: str | None = None,
    name: str | None = None,
    sample: Any = None,
    check: bool = True,
) -> Any:
    """Declare a function on plain arrays as an operation of its own, with its own derivative.

    Arguments without a default are operands; those with one, or after ``*``, are parameters. The
    derivative is declared by decorating a function with ``@f.rule``; see `Primitive.rule`.

    A rule is written with NumPy's functions and this package's, and then recorded where a
    derivative of it is asked for: any order, and forward mode. With ``arrays=True`` it is called
    with plain arrays only and may do with them what it likes, at order 1.

    The rule is compared with central differences once: when it is declared, if there is a
    ``sample``, else at the first call with tracked tensors, near its operands.

    Args:
        fn: takes arrays and returns one, or a tuple of them. It must not write into its operands.
        arrays: the rules compute on plain arrays: Numba, SciPy, writes into arrays of their own.
        residuals: ``fn`` returns ``(out, residuals)``; the tuple of arrays is kept for the rules,
            which take it after ``out``, and callers get ``out``.
        constants: names of operands that no gradient goes to, indices for example.
        kind: ``"elementwise"`` (operands broadcast, and the engine sums their gradients back),
            ``"linear"``, ``"multilinear"`` or ``"general"``: how forward mode passes.
        domains: of an elementwise op's operands; see `Domain`.
        symbol: the label in drawings; the name if left out.
        name: instead of the function's own.
        sample: operands to check the rules on: a tuple, or a function of a NumPy generator that
            returns one; a dict of parameters may follow the operands.
        check: False leaves the check out, for a derivative that is meant to be another.

    Returns:
        The function as a `Primitive`, or, without ``fn``, a decorator.

    >>> @primitive(sample=lambda rng: (rng.normal(size=3),))
    ... def softplus(x):
    ...     return np.logaddexp(0.0, x)
    >>> @softplus.rule
    ... def _(g, out, _x):
    ...     return g * (1.0 - np.exp(-out))
    >>> x = Tensor([0.0, 1.0], requires_grad=True)
    >>> softplus(x).sum().backward()
    >>> x.grad.round(3)
    array([0.5  , 0.731])
    """

    if kind not in KINDS:
        raise ValueError(f"primitive: kind must be one of {', '.join(KINDS)}, not {kind!r}")
    if residuals and kind != "general":
        raise ValueError("primitive: with residuals the kind must be 'general'")
    if sample is not None and not callable(sample) and not isinstance(sample, (tuple, list)):
        raise TypeError(
            "primitive: sample is a tuple of operands, or a function of a random generator that "
            f"returns one, not {type(sample).__name__}"
        )
    still = (constants,) if isinstance(constants, str) else tuple(constants)

    def declare(fn: Callable[..., Any]) -> Primitive:
        if not callable(fn):
            raise TypeError(f"primitive declares a function, not {type(fn).__name__}")
        own: str = name or getattr(fn, "__name__", None) or type(fn).__name__
        operands, params = arguments(fn, own)
        for constant in still:
            if constant not in operands:
                raise ValueError(
                    f"{own}: constants names {constant!r}, which is no operand of it: "
                    f"{', '.join(operands) or 'it has none'}"
                )
        moving = tuple(i for i, x in enumerate(operands) if x not in still)
        if not moving:
            raise ValueError(f"{own} has no operand that a gradient could reach")
        declared = Declaration(
            own, fn, operands, params, moving, arrays, residuals, kind, domains, symbol
        )
        return Primitive(declared, sample, check)

    return declare if fn is None else declare(fn)
