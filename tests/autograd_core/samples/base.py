"""For every op in the table, a strategy that draws calls of it, well inside its domain.

An elementwise op needs none written down: its declaration says its domain. Any other op has an
entry in `SAMPLES`, or a test fails that names it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import nn  # noqa: F401 - it declares an op of its own
from autograd_core.ops import special
from autograd_core.registry import OPS, PROJECTION, ZERO, Domain, Op

special.declare()
# Every op once; this package's own functions stand in the table twice.
TABLE = {f"{op.module}.{op.name}": op for op in OPS.values()}


def has_rule(op: Op) -> bool:
    """Whether there is a derivative to test."""
    return op.composition is not None or any(
        callable(rule) and rule is not ZERO for rule in op.rules
    )


DIFFERENTIABLE = {name: op for name, op in TABLE.items() if has_rule(op) and op is not PROJECTION}


class Case(NamedTuple):
    """One call: ``call(function, *arrays)`` applies the function to the arrays it is about."""

    arrays: tuple[np.ndarray, ...]
    call: Callable[..., Any]
    text: str

    def value(self, function: Callable[..., Any], *arrays: Any) -> Any:
        """Call ``function``, its several outputs joined in a list."""
        return self.call(function, *arrays)


Draw = Callable[[st.SearchStrategy[Any]], Any]


def numbers(
    draw: Draw, shape: tuple[int, ...], domain: Domain | None = None, salt: int = 0
) -> np.ndarray:
    """Numbers well inside ``domain``; with another ``salt`` others, so that there are no ties."""
    rng = np.random.default_rng([salt, draw(st.integers(0, 2**32 - 1))])
    low, high, _, holes = domain or Domain(-math.inf, math.inf, 0.0)
    low, high = max(low, -2.0) + 0.1, min(high, max(low, -2.0) + 4.0) - 0.1
    # Places on a grid that no other element has, and no other operand: finite differences never
    # step over a tie. None is zero, where many an op has its kink.
    size = math.prod(shape)
    place = 3 * rng.permutation(max(size, 27))[:size] + salt % 3 + rng.uniform(0.15, 0.35)
    x = (low + (high - low) * place / (3 * max(size, 27))).reshape(shape)
    for hole in holes:
        x = np.where(np.abs(x - hole) < 0.1, hole + 0.3, x)
    return np.asarray(x)


def shapes(draw: Draw, min_dims: int = 0, max_dims: int = 3, min_side: int = 1) -> tuple[int, ...]:
    return draw(
        hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=3)
    )


def elementwise(op: Op) -> st.SearchStrategy[Case]:
    @st.composite
    def cases(draw: Draw) -> Case:
        together = draw(
            hnp.mutually_broadcastable_shapes(num_shapes=op.arity, max_dims=3, max_side=3)
        ).input_shapes
        arrays = [
            numbers(draw, shape, domain, salt)
            for salt, (shape, domain) in enumerate(zip(together, op.domains, strict=True))
        ]
        picked = [i for i, rule in enumerate(op.rules) if rule is not None and rule is not ZERO]
        others = {i: _fixed(x) for i, x in enumerate(arrays) if i not in picked}

        def call(function: Callable[..., Any], *xs: Any) -> Any:
            given = dict(zip(picked, xs, strict=True)) | others
            return function(*(given[i] for i in range(op.arity)))

        return Case(tuple(arrays[i] for i in picked), call, f"shapes {together}")

    return cases()


def _fixed(x: np.ndarray) -> np.ndarray:
    """A condition, for the operand of `where` that has no gradient."""
    return x > 0


def axis_of(draw: Draw, ndim: int, several: bool = True) -> Any:
    """None, an axis or a tuple of axes of an array of ``ndim`` dimensions."""
    if ndim == 0:
        return None
    single = st.integers(-ndim, ndim - 1)
    options = [st.none(), single]
    if several:
        options.append(st.lists(st.integers(0, ndim - 1), min_size=1, unique=True).map(tuple))
    return draw(st.one_of(options))


SAMPLES: dict[str, Callable[[], st.SearchStrategy[Case]]] = {}


def sample_for(*names: str) -> Callable[[Callable[..., Case]], Callable[..., Case]]:
    """Enter a function that draws a case for each of the named ops."""

    def enter(function: Callable[..., Case]) -> Callable[..., Case]:
        strategy = st.composite(function)
        for name in names:
            SAMPLES[name] = strategy
        return function

    return enter


def strategy(name: str) -> st.SearchStrategy[Case]:
    """The strategy of an op of the table; KeyError where none was written."""
    op = TABLE[name]
    if name in SAMPLES:
        return SAMPLES[name]()
    if op.kind == "elementwise":
        return elementwise(op)
    raise KeyError(f"{name} has no sample strategy: write one in {__name__}.SAMPLES")


def one(x: np.ndarray, *args: Any, **kwargs: Any) -> Case:
    """The case of a function of one array, with parameters."""
    return Case((x,), lambda f, t: f(t, *args, **kwargs), f"{x.shape}, {args}, {kwargs}")


#: What ops without a derivative are called with, where matrices of floats won't do. Each family
#: adds its own.
FACTS: dict[str, tuple[Any, ...]] = {}
