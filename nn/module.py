"""Modules: what holds parameters, and finds them again in whatever it is built from.

A parameter is nothing but a leaf tensor that requires a gradient. A module holds parameters and
other modules as plain attributes, also within lists, tuples and dicts; there is no wrapper class
and no registration call, and nothing has to be done in ``__init__`` first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from autograd_core import Tensor

__all__ = ["Module", "Parameter"]


def Parameter(data: Any, dtype: DTypeLike | None = None, name: str | None = None) -> Tensor:
    """Make a leaf tensor that requires a gradient, which is all that a parameter is.

    >>> Parameter([0.5, -1.0]).requires_grad
    True
    """
    return Tensor(data, requires_grad=True, dtype=dtype, name=name)


class Module(ABC):
    """A function with parameters: subclass it, set attributes, and write ``forward``.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope = Parameter(2.0)
    ...         self.offset = Parameter(1.0)
    ...     def forward(self, x):
    ...         return x * self.slope + self.offset
    >>> line = Line()
    >>> line(3.0).item()
    7.0
    >>> [name for name, parameter in line.named_parameters()]
    ['slope', 'offset']
    """

    #: Whether the module is being trained; what behaves differently in use (dropout) asks.
    training: bool = True

    @abstractmethod
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; call the module itself rather than this."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output, see ``forward``."""
        return self.forward(*args, **kwargs)

    # -- what it holds ------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        known = self._known_parameters
        if name in known and value is not None and not _is_leaf(value):
            raise TypeError(
                f"{type(self).__name__}.{name} is a parameter, and {_describe(value)} would take "
                f"its place: give it a new value with `.{name}.data = ...`, or a new parameter "
                f"with nn.Parameter(...)"
            )
        known.update(path for path, held in _flatten(name, value) if _is_parameter(held))
        object.__setattr__(self, name, value)

    @property
    def _known_parameters(self) -> set[str]:
        """Names of tensors here that were parameters once, and still are when they are frozen."""
        known: set[str] = self.__dict__.setdefault("_known", set())
        return known

    def _members(self) -> Iterator[tuple[str, Tensor | Module]]:
        """Yield the parameters and modules held directly here, in the order they were set."""
        known = self._known_parameters
        for attribute, held in vars(self).items():
            for name, value in _flatten(attribute, held):
                if isinstance(value, Module):
                    yield name, value
                elif _is_parameter(value) or (name in known and _is_leaf(value)):
                    known.add(name)
                    yield name, value

    def _children(self) -> list[tuple[str, Module]]:
        return [(name, held) for name, held in self._members() if isinstance(held, Module)]

    def named_modules(self) -> list[tuple[str, Module]]:
        """List this module (named ``""``) and all within it, each once, with their paths."""
        # By identity: a subclass may compare by value (a dataclass) and then has no hash.
        found: dict[int, tuple[str, Module]] = {}
        stack: list[tuple[str, Module]] = [("", self)]
        while stack:
            path, module = stack.pop()
            if id(module) not in found:
                found[id(module)] = (path, module)
                inner = [(_join(path, name), child) for name, child in module._children()]
                stack.extend(reversed(inner))
        return list(found.values())

    def modules(self) -> list[Module]:
        """List this module and all within it, each once."""
        return [module for _, module in self.named_modules()]

    def named_parameters(self) -> list[tuple[str, Tensor]]:
        """List all parameters with their paths; one that is shared comes once, by its first path.

        >>> from nn import Linear, Sequential, Tanh
        >>> layer = Linear(2, 2)
        >>> [name for name, _ in Sequential(layer, Tanh(), layer).named_parameters()]
        ['layers.0.weight', 'layers.0.bias']
        """
        found: dict[Tensor, str] = {}
        for path, module in self.named_modules():
            for name, value in module._members():
                if isinstance(value, Tensor):
                    found.setdefault(value, _join(path, name))
        return [(path, parameter) for parameter, path in found.items()]

    def parameters(self) -> list[Tensor]:
        """List all parameters, a shared one once."""
        return [parameter for _, parameter in self.named_parameters()]

    # -- modes --------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Set this module and all within it to training, and return it."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Set this module and all within it to use, the opposite of ``train``, and return it."""
        return self.train(False)

    # -- state --------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Copy the parameters' values into a dict from their paths."""
        return {name: parameter.data.copy() for name, parameter in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the values in ``state``, all of them or, with an error, none.

        The names must be exactly those of ``named_parameters`` and the shapes theirs; a
        ``ValueError`` lists all that are missing, unexpected or misshapen. Values are copied and
        keep the parameters' dtypes.
        """
        parameters = dict(self.named_parameters())
        wrong = [f"missing: {name}" for name in parameters if name not in state]
        wrong += [f"unexpected: {name}" for name in state if name not in parameters]
        values: dict[str, NDArray[Any]] = {}
        for name in parameters.keys() & state.keys():
            dtype, shape = parameters[name].dtype, parameters[name].shape
            value = np.asarray(state[name])
            if value.shape != shape:
                wrong.append(f"misshapen: {name} has shape {value.shape} where {shape} is needed")
            elif not np.can_cast(value.dtype, dtype, casting="same_kind"):
                wrong.append(f"of the wrong type: {name} is {value.dtype} where {dtype} is needed")
            else:
                values[name] = value.astype(dtype)
        if wrong:
            raise ValueError(
                f"this state does not fit {type(self).__name__}, and nothing was loaded:\n  "
                + "\n  ".join(wrong)
            )
        # Published as new arrays, so a graph that still holds the old ones stays right.
        for name, value in values.items():
            parameters[name]._swap(value)

    # -- how it looks -------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """Say in brackets what the module is besides what it holds, for ``repr``."""
        return ""

    def __repr__(self) -> str:
        # Not recursive in what is already being shown: a module may hold its parent.
        return "\n".join(_tree(self, frozenset()))


def _tree(module: Module, above: frozenset[int]) -> list[str]:
    """Draw the lines of a module and what is within it."""
    title = f"{type(module).__name__}({module.extra_repr()})"
    if id(module) in above:
        return [f"{title} ..."]
    children = module._children()
    lines = [title]
    for i, (name, child) in enumerate(children):
        last = i == len(children) - 1
        first, *rest = _tree(child, above | {id(module)})
        lines.append(f"{'└─' if last else '├─'} {name}: {first}")
        lines += [f"{'  ' if last else '│ '} {line}" for line in rest]
    return lines


def _flatten(path: str, held: Any) -> Iterator[tuple[str, Any]]:
    """Yield what an attribute holds: itself or, for lists, tuples and dicts, their items."""
    if isinstance(held, (list, tuple)):
        for i, item in enumerate(held):
            yield from _flatten(f"{path}.{i}", item)
    elif isinstance(held, dict):
        for key, item in held.items():
            yield from _flatten(f"{path}.{key}", item)
    else:
        yield path, held


def _is_leaf(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_leaf


def _is_parameter(value: Any) -> bool:
    return _is_leaf(value) and bool(value.requires_grad)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _describe(value: Any) -> str:
    if isinstance(value, Tensor):
        return "a computed tensor"
    return f"an object of type {type(value).__name__}"
