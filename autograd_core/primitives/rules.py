"""What a user wrote as a rule: what its signature says, and whether what it returns can be used."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import RuleError
from ..registry import ZERO, Erase, Scatter

__all__ = ["UserRule", "as_array", "check_count", "check_like", "fits", "read_rule"]

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class UserRule(NamedTuple):
    """A rule, and what its signature says.

    ``reads_out`` and ``reads`` tell whether the output (with the residuals) and each operand must
    be kept for it: a leading underscore says no. ``named`` holds the parameters that it takes,
    None for all.
    """

    fn: Callable[..., Any]
    reads_out: bool
    reads: tuple[bool, ...]
    named: frozenset[str] | None

    def __call__(self, *args: Any, params: dict[str, Any]) -> Any:
        if params and self.named is not None:
            params = {key: value for key, value in params.items() if key in self.named}
        return self.fn(*args, **params)


def read_rule(
    what: str,
    fn: Any,
    before: Sequence[str],
    operands: Sequence[str],
    params: Sequence[str],
    residuals: bool,
) -> UserRule:
    """Read the signature of ``fn``: ``(*before, out, [residuals], *operands, *, **params)``.

    Raises:
        TypeError: it cannot be called like that; the message says how it will be.
    """
    if not callable(fn):
        raise TypeError(f"{what} is a function, not {type(fn).__name__}")
    due = [*before, "out", *(["residuals"] if residuals else []), *operands]
    shown = f"({', '.join([*due, *(['*', *params] if params else [])])})"
    found = list(inspect.signature(fn).parameters.values())
    positional = [p for p in found if p.kind in _POSITIONAL]
    open_ended = any(p.kind is p.VAR_POSITIONAL for p in found)
    if len(positional) < len(due) and not open_ended:
        raise TypeError(
            f"{what} is called with {shown}, but takes ({', '.join(p.name for p in found)})"
        )
    rest = [*positional[len(due) :], *(p for p in found if p.kind is p.KEYWORD_ONLY)]
    for p in rest:
        if p.name not in params:
            known = f"its parameters are {', '.join(params)}" if params else "it has no parameters"
            raise TypeError(
                f"{what} takes {p.name!r}, which is no parameter of the function; {known}, and "
                f"the rule is called with {shown}"
            )
    everything = any(p.kind is p.VAR_KEYWORD for p in found)
    kept = [not p.name.startswith("_") for p in positional[len(before) : len(due)]]
    kept += [True] * (len(due) - len(before) - len(kept))
    first = 2 if residuals else 1
    return UserRule(
        fn,
        any(kept[:first]),
        tuple(kept[first:]),
        None if everything else frozenset(p.name for p in rest),
    )


def as_array(x: Any) -> Any:
    """What a user's function is handed for a value: an array even where the engine has a scalar."""
    if type(x) is np.ndarray:
        return x
    return np.asarray(x) if isinstance(x, (np.generic, float, int, complex)) else x


def check_count(what: str, found: Any, names: Sequence[str], each: str) -> list[Any]:
    """Refuse what is not one result, or a tuple with one for each of several ``names``."""
    listed = ", ".join(names)
    if len(names) == 1:
        if type(found) in (tuple, list):
            raise RuleError(
                f"{what} returned a {type(found).__name__} of {len(found)}, where one array is "
                f"due: {each} {listed}"
            )
        return [found]
    if type(found) not in (tuple, list):
        raise RuleError(
            f"{what} returned {_shown(found)}, where a tuple of {len(names)} is due: {each} "
            f"{listed}"
        )
    if len(found) != len(names):
        raise RuleError(
            f"{what} returned {len(found)} results, where {len(names)} are due: {each} {listed}"
        )
    return list(found)


def fits(found: Any, shape: Any) -> bool:
    """Whether ``found`` is a real floating array of ``shape``: nothing more is to be checked."""
    dtype = getattr(found, "dtype", None)
    return dtype is not None and dtype.kind == "f" and found.shape == shape


def check_like(what: str, found: Any, shape: Any, complex_allowed: bool, hint: str = "") -> Any:
    """Refuse what is no floating array of ``shape``; an array of it is returned as it is."""
    if found is ZERO or type(found) in (Scatter, Erase):
        return found
    if isinstance(found, (float, complex)) and not isinstance(found, np.generic):
        found = np.asarray(found)
    if not isinstance(found, np.generic) and not hasattr(found, "__array_function__"):
        hint = "; ag.ZERO says that it is zero everywhere" if found is None else hint
        raise RuleError(f"{what} is {_shown(found)}, where an array of shape {shape} is due{hint}")
    kind = found.dtype.kind
    if kind == "c" and not complex_allowed:
        raise RuleError(
            f"{what} has dtype {found.dtype}, where a real one is due: return the real part, if "
            "that is meant"
        )
    if kind not in "fc":
        raise RuleError(f"{what} has dtype {found.dtype}, where a floating one is due")
    if found.shape != shape:
        raise RuleError(f"{what} has shape {found.shape}, where {shape} is due{hint}")
    return found


def _shown(x: Any) -> str:
    if x is None:
        return "None"
    if hasattr(x, "shape"):
        return f"an array of shape {x.shape}"
    return f"a {type(x).__name__}"
