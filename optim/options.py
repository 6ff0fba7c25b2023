"""What options may be, those of optimizers among them, and the errors of those that are not."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

import autograd_core as ag

__all__ = [
    "Check", "as_generator", "count", "flag", "fraction", "nearest", "non_negative", "number",
    "pair", "positive", "share",
]  # fmt: skip

#: Takes the optimizer's name, the option's and its value; returns what the optimizer works with.
Check = Callable[[str, str, Any], Any]


def number(owner: str, name: str, value: Any) -> float:
    """Return a Python float, which unlike a NumPy scalar leaves float32 arrays what they are."""
    if type(value) is float:  # nearly always, and the test for other kinds takes its time
        return value
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (numbers.Real, np.number)):
        raise TypeError(f"{owner}: {name} must be a number, not {value!r}")
    if isinstance(value, np.complexfloating):
        raise TypeError(f"{owner}: {name} must be a real number, not {value!r}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{owner}: {name} must be a finite number, and is beyond floats") from None


def non_negative(owner: str, name: str, value: Any) -> float:
    """A finite number from 0 on."""
    found = number(owner, name, value)
    if not 0 <= found < math.inf:
        raise ValueError(f"{owner}: {name} must be a finite number from 0 on, not {value}")
    return found


def positive(owner: str, name: str, value: Any) -> float:
    """A finite number above 0."""
    found = number(owner, name, value)
    if not 0 < found < math.inf:
        raise ValueError(f"{owner}: {name} must be a positive finite number, not {value}")
    return found


def fraction(owner: str, name: str, value: Any) -> float:
    """A number from 0 to below 1."""
    found = number(owner, name, value)
    if not 0 <= found < 1:
        raise ValueError(f"{owner}: {name} must be in [0, 1), not {value}")
    return found


def share(owner: str, name: str, value: Any) -> float:
    """A number from 0 to 1."""
    found = number(owner, name, value)
    if not 0 <= found <= 1:
        raise ValueError(f"{owner}: {name} must be in [0, 1], not {value}")
    return found


def count(owner: str, name: str, value: Any) -> int:
    """A whole number from 1 on."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{owner}: {name} must be a whole number, not {value!r}")
    if value < 1:
        raise ValueError(f"{owner}: {name} must be 1 or more, not {value}")
    return int(value)


def as_generator(rng: np.random.Generator | None) -> np.random.Generator:
    """Return the generator to draw from: the context's where none is given."""
    if rng is None:
        return ag.random_generator()
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"rng must be a NumPy Generator, not {rng!r}; np.random.default_rng(seed) makes one"
        )
    return rng


def pair(owner: str, name: str, value: Any) -> tuple[float, float]:
    """Two numbers from 0 to below 1."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise TypeError(f"{owner}: {name} must be two numbers, as (0.9, 0.99), not {value!r}")
    first, second = (fraction(owner, f"{name}[{i}]", each) for i, each in enumerate(value))
    return first, second


def flag(owner: str, name: str, value: Any) -> bool:
    """True or False; not a number, which an argument in the wrong place would be."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{owner}: {name} must be True or False, not {value!r}")
    return bool(value)


def nearest(name: Any, known: Iterable[str]) -> str:
    """The end of an error message about an unknown name: the nearest known one, and all."""
    names = {each.lower(): each for each in sorted(known)}
    near = difflib.get_close_matches(str(name).lower(), names, n=1, cutoff=0.5)
    meant = f"did you mean {names[near[0]]!r}? " if near else ""
    return f"{meant}known are {', '.join(names.values())}"
