"""What is random in a training, and whether it was drawn from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

import autograd_core as ag

if TYPE_CHECKING:
    from nn import Module

__all__ = ["generators", "moved"]


def generators(
    model: Module, others: Iterable[np.random.Generator] = ()
) -> list[np.random.Generator]:
    """List the context's generator, those that the modules hold, and others, each once."""
    found = {id(generator): generator for generator in [ag.random_generator()]}
    for _, module in model.named_modules():
        for held in vars(module).values():
            if isinstance(held, np.random.Generator):
                found.setdefault(id(held), held)
    for generator in others:
        found.setdefault(id(generator), generator)
    return list(found.values())


def moved(generator: np.random.Generator, state: Any) -> bool:
    """Whether numbers were drawn since the generator was in a state."""
    return not _same(generator.bit_generator.state, state)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return all(_same(value, other[key]) for key, value in one.items())
    # Some kinds of generators have arrays in their states.
    return bool(np.array_equal(one, other)) if isinstance(one, np.ndarray) else one == other
