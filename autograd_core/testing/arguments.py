"""What is varied: the floating arguments of a call, taken out of their trees, and named."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..tensor import Tensor
from ..tree import flatten

__all__ = ["Arguments", "Operand", "paths"]


class Operand(NamedTuple):
    """One array that is varied."""

    name: str
    #: Its value, in double precision.
    value: Any
    #: The dtype it was given in.
    dtype: Any
    #: Whether it was given as a number, and is handed to the function as one.
    scalar: bool
    #: Its place among the leaves of the arguments; None for a leaf that the function reads besides.
    place: int | None


class Arguments:
    """The arguments of a call: its operands, and how to put other values in their place."""

    def __init__(
        self,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any] | None,
        leaves: Mapping[str, Any] | None = None,
    ) -> None:
        self.args, self.kwargs = args, dict(kwargs or {})
        self.everything, self._assemble = flatten(list(args))
        self.operands: list[Operand] = []
        taken = set(leaves or ())
        for place, (name, x) in enumerate(zip(_names(f, args), self.everything, strict=True)):
            value = x.detach().data if type(x) is Tensor else x
            if not isinstance(value, (float, complex)) and not hasattr(value, "dtype"):
                continue
            dtype = np.dtype(getattr(value, "dtype", type(value)))
            if dtype.kind not in "fc":
                continue
            wide = np.array(value, dtype=complex if dtype.kind == "c" else float)
            name = f"argument {name}" if name in taken else name
            self.operands.append(
                Operand(name, wide, dtype, isinstance(value, (float, complex)), place)
            )
        for name, t in (leaves or {}).items():
            value = np.asarray(t.detach().data if type(t) is Tensor else t)
            if value.dtype.kind not in "fc":
                raise TypeError(
                    f"check_gradients: {name} has dtype {value.dtype}, which has no gradient"
                )
            self.operands.append(Operand(name, value, value.dtype, False, None))

    @property
    def values(self) -> list[Any]:
        """The values of the operands, never to be written."""
        return [o.value for o in self.operands]

    @property
    def names(self) -> list[str]:
        return [o.name for o in self.operands]

    def call(self, xs: list[Any], as_argument: Callable[[Any, Operand], Any]) -> list[Any]:
        """The positional arguments with ``xs`` in place of the operands, each made by a function.

        What is no operand, indices and labels say, comes as a copy where it is an array.
        """
        given = [x.copy() if type(x) is np.ndarray else x for x in self.everything]
        for o, x in zip(self.operands, xs, strict=True):
            if o.place is not None:
                given[o.place] = as_argument(x, o)
        built: list[Any] = self._assemble(given)
        return built


def _names(f: Callable[..., Any], args: tuple[Any, ...]) -> list[str]:
    """Names of the leaves: the parameter in the function's signature, and the path in the tree."""
    # A module says what it takes in `forward`, not where it is called.
    described = getattr(f, "forward", f) if hasattr(f, "named_parameters") else f
    try:
        parameters = list(inspect.signature(described).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = []
    for i, arg in enumerate(args):
        base = f"args[{i}]"
        for k, p in enumerate(parameters):
            if p.kind is p.VAR_POSITIONAL:
                base = f"{p.name}[{i - k}]"
                break
            if k == i and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
                base = p.name
                break
        names += [base + path for path in paths(arg)]
    return names


def paths(tree: Any) -> list[str]:
    """The places of the leaves of a tree, as one writes them in Python.

    >>> paths({"w": 1, "b": [2, (3,)]})
    ["['w']", "['b'][0]", "['b'][1][0]"]
    """
    if isinstance(tree, dict):
        parts = list(tree.items())
    elif isinstance(tree, (list, tuple)):
        parts = list(enumerate(tree))
    else:
        return [""]
    return [f"[{key!r}]{rest}" for key, part in parts for rest in paths(part)]
