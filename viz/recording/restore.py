"""Run a function for a picture and leave everything that it may change as it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

import autograd_core as ag
from autograd_core import Tensor

from .modules import is_module, leaves, parts

__all__ = ["unchanged"]


@contextmanager
def unchanged(of: Any) -> Iterator[None]:
    """Put back after the block what modules and generators among ``of`` were before.

    Of a module that is the value of each parameter and buffer, each gradient, and whether it is
    being trained; of a generator its state, that of the context and NumPy's old one too.
    """
    tensors: list[tuple[Tensor, Any, Any, Any]] = []
    flags: list[tuple[Any, bool]] = []
    generators: dict[int, np.random.Generator] = {}
    for module, inner in _modules(of, generators):
        for leaf in (leaf for _, leaf in leaves(module) if isinstance(leaf, Tensor)):
            value = leaf._value
            copied = value.copy() if isinstance(value, np.ndarray) and leaf._node is None else None
            tensors.append((leaf, value, copied, leaf.grad))
        flags += [(m, m.training) for m in inner if isinstance(getattr(m, "training", None), bool)]
    here = ag.random_generator()
    generators[id(here)] = here
    states = [(g, g.bit_generator.state) for g in generators.values()]
    legacy = np.random.get_state()  # noqa: NPY002 - the user's code may draw from it
    try:
        yield
    finally:
        np.random.set_state(legacy)  # noqa: NPY002
        for generator, state in states:
            generator.bit_generator.state = state
        for part, training in flags:
            if part.training is not training:
                part.training = training
        for leaf, value, copied, grad in tensors:
            if copied is not None and not np.array_equal(copied, value, equal_nan=True):
                value = copied  # written in place
            if leaf._value is not value:
                leaf._swap(value)
            if leaf._node is not None and leaf._node.grad is not grad:
                leaf._node.grad = grad


def _modules(of: Any, generators: dict[int, Any]) -> Iterator[tuple[Any, list[Any]]]:
    """Yield modules in nested containers with their parts; note the generators met."""
    seen: set[int] = set()
    stack = [of]
    while stack:
        held = stack.pop()
        if id(held) in seen or isinstance(held, str | np.ndarray | Tensor | type):
            continue
        seen.add(id(held))
        if isinstance(held, np.random.Generator):
            generators[id(held)] = held
        elif isinstance(held, Mapping):
            stack.extend(held.values())
        elif isinstance(held, list | tuple):
            if len(held) <= _MANY:
                stack.extend(held)
        elif is_module(held):
            inner = [part for _, part in parts(held)]
            for part in inner:
                for x in vars(part).values() if hasattr(part, "__dict__") else ():
                    if isinstance(x, np.random.Generator):
                        generators[id(x)] = x
            yield held, inner


#: A list of more than this is data.
_MANY = 1_000
