"""Context-local settings: the default dtype, and the generator behind everything random."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import numpy as np

__all__ = [
    "check_primitives",
    "checks_primitives",
    "default_dtype",
    "get_default_dtype",
    "random_generator",
    "seed",
    "use_generator",
]

_dtype: ContextVar[np.dtype[Any]] = ContextVar("autograd_core.dtype", default=np.dtype(float))
_generator: ContextVar[np.random.Generator | None] = ContextVar(
    "autograd_core.generator", default=None
)


_checking: ContextVar[bool] = ContextVar("autograd_core.check_primitives", default=True)


class _Setting:
    """A setting that is in force at once, and until the end of the block if there is one."""

    def __init__(self, variable: ContextVar[Any], value: Any) -> None:
        self._variable = variable
        self._token = variable.set(value)

    def __enter__(self) -> Any:
        return self._variable.get()

    def __exit__(self, *_: object) -> None:
        self._variable.reset(self._token)


def default_dtype(dtype: Any) -> _Setting:
    """Set the floating dtype that Python numbers and new parameters get, here or for a block.

    Raises TypeError if ``dtype`` is not a floating one. Local to the thread or task.

    >>> with default_dtype("float32"):
    ...     print(get_default_dtype())
    float32
    >>> print(get_default_dtype())
    float64
    """
    chosen = np.dtype(dtype)
    if chosen.kind != "f":
        raise TypeError(f"default_dtype: {chosen} is not a floating dtype; choose float32, say")
    return _Setting(_dtype, chosen)


def get_default_dtype() -> np.dtype[Any]:
    """The floating dtype in force here."""
    return _dtype.get()


def check_primitives(flag: bool) -> _Setting:
    """Say whether rules of users' own ops are checked on random input, here or for a block.

    It is on unless switched off; ``primitive(check=False)`` switches it off for one op.

    >>> with check_primitives(False):
    ...     pass  # what is declared, or called for the first time, here is taken as it is
    """
    return _Setting(_checking, bool(flag))


def checks_primitives() -> bool:
    """Whether rules of users' own ops are checked here."""
    return _checking.get()


def seed(value: int) -> _Setting:
    """Start the generator behind everything random afresh from ``value``, here or for a block.

    >>> with seed(0):
    ...     a = random_generator().random()
    >>> with seed(0):
    ...     print(a == random_generator().random())
    True
    """
    return _Setting(_generator, np.random.default_rng(value))


def random_generator() -> np.random.Generator:
    """The NumPy generator in force here; made from the system's entropy if none was seeded."""
    generator = _generator.get()
    if generator is None:
        generator = np.random.default_rng()
        _generator.set(generator)
    return generator


def use_generator(generator: np.random.Generator) -> _Setting:
    """Put another generator in force, here or for a block."""
    return _Setting(_generator, generator)
