"""What a user declared, immutable, and the op that the engine makes of it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from ..errors import NotDifferentiableError, RuleError
from ..record import record
from ..registry import Domain, Op, Rule, Scatter, make_op
from ..tensor import Tensor, value_of, wrap
from .rules import UserRule, as_array, check_count, check_like, fits

__all__ = ["Declaration", "arguments"]


class Declaration(NamedTuple):
    """A function and its rules; another rule makes another declaration, with another op.

    ``moving`` are the places of the operands that a gradient goes to, ``params`` the parameters
    with their defaults. ``joint`` is the rule of all operands, ``rules`` holds those of single
    ones by place.
    """

    name: str
    fn: Callable[..., Any]
    operands: tuple[str, ...]
    params: Mapping[str, Any]
    moving: tuple[int, ...]
    arrays: bool
    residuals: bool
    kind: str
    domains: tuple[Domain, ...] | None
    symbol: str | None
    joint: UserRule | None = None
    rules: Mapping[int, UserRule] = {}
    tangent: UserRule | None = None

    @property
    def without_rule(self) -> list[str]:
        """The names of the operands that a rule is due for."""
        if self.joint is not None:
            return []
        return [self.operands[i] for i in self.moving if i not in self.rules]

    def make_op(self) -> Op:
        """Make the op; it is not entered in the table."""
        rules = [self._part(i) if i in self.moving else None for i in range(len(self.operands))]

        @functools.wraps(self.fn, updated=())
        def compute(*operands: Any, **params: Any) -> Any:
            value = self.fn(*map(as_array, operands), **params)
            if type(value) is np.ndarray and value.dtype.kind == "f":  # the common case
                return value
            return self._checked(value)

        return make_op(
            compute,
            *rules,
            name=self.name,
            signature=" ".join((*self.operands, *self.params)),
            module=getattr(self.fn, "__module__", None),
            kind=self.kind,
            domains=self.domains,
            symbol=self.symbol,
            joint=self._pull_all if self.joint is not None and len(self.moving) > 1 else None,
            tangent=self._push if self.tangent is not None else None,
        )

    def _part(self, i: int) -> Rule:
        """The rule of operand ``i`` as the engine calls it, with a signature that says what to
        keep: what the rule and the tangent rule read."""

        def part(g: Any, out: Any, *operands: Any, **params: Any) -> Any:
            return self._pull(i, g, out, operands, params)

        rules = [r for r in (self.joint or self.rules.get(i), self.tangent) if r is not None]
        kept = [any(r.reads_out for r in rules)]
        kept += [any(r.reads[k] for r in rules) for k in range(len(self.operands))]
        names = ["g", *("k" if keep else "_k" for keep in kept)]
        part.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter(f"{name}{k}", inspect.Parameter.POSITIONAL_ONLY)
                for k, name in enumerate(names)
            ]
            + [inspect.Parameter(p, inspect.Parameter.KEYWORD_ONLY) for p in self.params]
        )
        return part

    def _checked(self, value: Any) -> Any:
        """What the function returned; refuses what is no array, or no tuple of arrays."""
        if self.residuals:
            out, rest = self.split(value)
            return (self._valid(out), *map(self._valid, rest))
        if isinstance(value, tuple):
            if self.kind == "elementwise":
                raise RuleError(
                    f"{self.name} returned a tuple, but an elementwise op has one value"
                )
            parts = [self._valid(y) for y in value]
            return value._make(parts) if hasattr(value, "_make") else tuple(parts)
        return self._valid(value)

    def split(self, value: Any) -> tuple[Any, tuple[Any, ...]]:
        if not isinstance(value, tuple) or len(value) != 2 or not isinstance(value[1], tuple):
            raise RuleError(
                f"{self.name} is declared with residuals: it returns (out, residuals), where "
                "residuals is a tuple of arrays for the rule"
            )
        return value

    def _valid(self, y: Any) -> Any:
        if isinstance(y, (float, complex, int)) and not isinstance(y, np.generic):
            return np.asarray(y)[()]
        if isinstance(y, Tensor):
            raise RuleError(
                f"{self.name} returned a Tensor: it is called with plain arrays, so it reads a "
                "tensor from outside; pass that one as an operand"
            )
        if isinstance(y, (np.ma.MaskedArray, np.matrix)):
            raise RuleError(
                f"{self.name} returned a {type(y).__name__}, which computes by rules of its own; "
                "return np.asarray(...) of it"
            )
        if not hasattr(y, "__array_function__") and not isinstance(y, np.generic):
            raise RuleError(
                f"{self.name} returned {'None' if y is None else f'a {type(y).__name__}'}, where "
                "an array is due (or a tuple of arrays, one for each output)"
            )
        if y.dtype.kind not in "biufc":
            raise RuleError(f"{self.name} returned dtype {y.dtype}, which holds no numbers")
        return y

    def _pull(self, i: int, g: Any, out: Any, operands: Any, params: dict[str, Any]) -> Any:
        rule = self.joint
        if rule is not None:
            found = self._called(rule, self.moving, g, out, operands, params)
            return found[self.moving.index(i)]
        rule = self.rules.get(i)
        if rule is None:
            raise NotDifferentiableError(
                f"{self.name} has no rule for {self.operands[i]!r}: declare one with "
                f"@{self.name}.rule"
            )
        return self._called(rule, [i], g, out, operands, params)[0]

    def _pull_all(self, g: Any, out: Any, operands: Any, params: dict[str, Any]) -> list[Any]:
        assert self.joint is not None
        found = iter(self._called(self.joint, self.moving, g, out, operands, params))
        return [next(found) if i in self.moving else None for i in range(len(operands))]

    def _called(
        self,
        rule: UserRule,
        places: Sequence[int],
        g: Any,
        out: Any,
        operands: Any,
        params: dict[str, Any],
    ) -> list[Any]:
        """What a rule returned for the operands at ``places``, checked."""
        if self.residuals:
            if any(part is not None for part in g[1:]):
                raise NotDifferentiableError(
                    f"{self.name}: this derivative goes through its residuals, which have no rule. "
                    "Compute what the second derivative needs from the operands in the rule."
                )
            g = g[0]
        elif type(g) is list:
            g = tuple(
                np.zeros(shape, dtype) if part is None else part
                for part, (shape, dtype) in zip(g, _outputs(out)[1], strict=True)
            )
        found = self._run(rule, [g], self._with_out(out), operands, params)
        elementwise = self.kind == "elementwise"
        hint = "; that of g: summing over what was broadcast is the engine's" if elementwise else ""
        if len(places) == 1:
            shape = g.shape if elementwise else getattr(operands[places[0]], "shape", ())
            if fits(found, shape):  # the common case
                return [found]
        what = f"{self.name}: its rule"
        names = [self.operands[i] for i in places]
        found = check_count(what, found, names, "the gradient of")
        # Of a complex value: the engine takes the real part for a real operand.
        is_complex = any(dtype.kind == "c" for _, dtype in _outputs(out)[1])
        return [
            check_like(
                f"{self.name}: what its rule returned for operand {i} ({self.operands[i]!r})",
                part,
                g.shape if elementwise else getattr(operands[i], "shape", ()),
                is_complex or _is_complex(operands[i]),
                hint,
            )
            for i, part in zip(places, found, strict=True)
        ]

    def _with_out(self, out: Any) -> list[Any]:
        """The arguments ``out`` and, if there are any, ``residuals`` of a rule."""
        if not self.residuals:
            return [out]
        kept = isinstance(out, (tuple, list))
        return [out[0], tuple(out[1:])] if kept else [out, None]

    def _run(
        self, rule: UserRule, lead: list[Any], given: list[Any], operands: Any, params: Any
    ) -> Any:
        """Call a rule with ``lead``, the output and the operands.

        One that computes on arrays gets arrays even where the rest is recorded; its result is then
        recorded as something that cannot be differentiated again.
        """
        args = [*lead, *given, *operands]
        if not any(type(x) in _LOOKED_INTO for x in args):
            return _each(value_of, rule(*map(as_array, args), params=params))
        sources = [x for x in _flat(args) if type(x) is Tensor]
        if not sources:
            # A rule may have made a tensor, by ag.zeros for example; here nobody asks for more.
            found = rule(*_mapped(as_array, args), params=params)
            return _each(value_of, found)
        if not self.arrays:
            return rule(*_mapped(as_array, args), params=params)
        found = rule(*_mapped(lambda x: as_array(value_of(x)), args), params=params)
        tracked = sum(1 << k for k, t in enumerate(sources) if t._node is not None)
        parents = tuple(t._node for t in sources)

        def recorded(value: Any) -> Any:
            if not tracked or not hasattr(value, "dtype") or not hasattr(value, "shape"):
                return value
            values = tuple(t._value for t in sources)
            return wrap(value, record(self._once(), value, values, parents, tracked))

        return _each(recorded, found)

    def _refuse(self, _g: Any, _out: Any, _i: int, *_operands: Any) -> NoReturn:
        raise NotDifferentiableError(
            f"{self.name}: its rule computes on plain arrays (arrays=True), so it has no second "
            "derivative and, without a rule of its own for that, no forward mode. Write the rule "
            "with functions of the table and leave arrays=True away, or, for forward mode alone, "
            f"declare @{self.name}.tangent."
        )

    def _push(self, tangents: Any, out: Any, operands: Any, params: dict[str, Any]) -> Any:
        """The tangent of the value by the user's rule."""
        assert self.tangent is not None
        lead = [
            np.zeros(x.shape, x.dtype) if t is None else t
            for t, x in ((tangents[i], _like(operands[i])) for i in self.moving)
        ]
        found = self._run(self.tangent, lead, self._with_out(out), operands, params)
        what = f"{self.name}: its tangent rule"
        several, outputs = _outputs(out)
        if self.residuals:
            outputs = outputs[:1]
        names = [f"output {k}" for k in range(len(outputs))] if len(outputs) > 1 else ["the value"]
        checked = [
            check_like(
                f"{self.name}: what its tangent rule returned for {name}",
                t,
                shape,
                dtype.kind == "c",
            )
            for t, name, (shape, dtype) in zip(
                check_count(what, found, names, "the tangent of"), names, outputs, strict=True
            )
        ]
        if self.residuals:
            return _Alone(checked)
        return checked if several else checked[0]

    def _once(self) -> Op:
        """The op of what a rule computed on arrays: it has a value, and no derivative."""
        return make_op(_list, self._refuse, variadic=True, name=f"the rule of {self.name}")


class _Alone(list[Any]):
    """The tangents of a value with residuals: what goes on from a residual would be lost."""

    def __getitem__(self, k: Any) -> Any:
        if k != 0:
            raise NotDifferentiableError(
                "this derivative goes through the residuals of a primitive, which have no rule"
            )
        return super().__getitem__(k)


def arguments(fn: Callable[..., Any], name: str) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The operands of ``fn``, and its parameters with their defaults."""
    operands, params = [], {}
    try:
        signature = inspect.signature(fn)
    except ValueError:
        raise TypeError(
            f"{name} has no signature that Python can read; wrap it: def {name}(x): ..."
        ) from None
    for p in signature.parameters.values():
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            raise TypeError(
                f"{name} takes {'*' if p.kind is p.VAR_POSITIONAL else '**'}{p.name}: name each "
                "operand, and give parameters a default or put them after *"
            )
        if p.name == "out":
            raise TypeError(
                f"{name} has an argument 'out', which means storing in place; rename it"
            )
        if p.kind is p.KEYWORD_ONLY or p.default is not p.empty:
            params[p.name] = p.default
        else:
            operands.append(p.name)
    return tuple(operands), params


def _list(values: list[Any]) -> list[Any]:
    return values


_LOOKED_INTO = (Tensor, tuple, list)


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    for x in values:
        if isinstance(x, (tuple, list)):
            yield from _flat(x)
        else:
            yield x


def _mapped(f: Callable[[Any], Any], values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(_mapped(f, x) if isinstance(x, (tuple, list)) else f(x) for x in values)


def _each(f: Callable[[Any], Any], found: Any) -> Any:
    """``f`` of what a rule returned, one result or several."""
    if type(found) in (tuple, list):
        return type(found)(_each(f, part) for part in found)
    return Scatter(found.index, f(found.g)) if type(found) is Scatter else f(found)


def _is_complex(x: Any) -> bool:
    dtype = getattr(x, "dtype", None)
    return isinstance(x, complex) if dtype is None else bool(dtype.kind == "c")


def _like(x: Any) -> Any:
    return x if hasattr(x, "shape") else np.asarray(x)


def _outputs(out: Any) -> tuple[bool, list[tuple[Any, Any]]]:
    """Whether there are several outputs, and shape and dtype of each; of a node where not kept."""
    if isinstance(out, (tuple, list)):
        return True, [(y.shape, y.dtype) for y in out]
    if out.shape and isinstance(out.shape[0], tuple):
        return True, list(zip(out.shape, out.dtype, strict=True))
    return False, [(out.shape, out.dtype)]
