"""A chain of multiplications, x, x w, x w w, ..., in every engine that records as it goes.

Both x and w take gradients, since micrograd knows nothing else, unless w is asked to be constant.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.mlp_problem import Floats


@dataclass(frozen=True)
class Engine:
    """How an engine makes a value that takes a gradient or doesn't, and drops the gradient."""

    leaf: Callable[[Any, bool], Any]
    forget: Callable[[Any], Any]


def ours() -> Engine:
    import autograd_core as ag

    return Engine(ag.Tensor, lambda t: t.zero_grad())


def pytorch() -> Engine:
    import torch

    return Engine(
        lambda v, tracked: torch.tensor(v, requires_grad=tracked),
        lambda t: setattr(t, "grad", None),
    )


def mygrad() -> Engine:
    import mygrad as mg

    mg.turn_memory_guarding_off()
    return Engine(lambda v, tracked: mg.tensor(v, constant=not tracked), lambda t: t.null_grad())


def micrograd() -> Engine:
    from micrograd.engine import Value

    # Its backward recurses as deep as the chain is long.
    sys.setrecursionlimit(10_000_000)
    return Engine(lambda v, _tracked: Value(v), lambda t: setattr(t, "grad", 0))


# The modules that each needs.
ENGINES: dict[str, tuple[Callable[[], Engine], tuple[str, ...]]] = {
    "ours": (ours, ("autograd_core",)),
    "PyTorch eager": (pytorch, ("torch",)),
    "MyGrad": (mygrad, ("mygrad",)),
    "micrograd": (micrograd, ("micrograd",)),
}


class Chain:
    """A chain of `length` multiplications in an engine, made, differentiated and freed."""

    def __init__(
        self,
        engine: Engine,
        x: Floats | float,
        w: Floats | float,
        length: int,
        constant: bool = False,
    ) -> None:
        self.engine, self.length = engine, length
        self.vector = isinstance(x, np.ndarray)
        self.x, self.w = engine.leaf(x, True), engine.leaf(w, not constant)
        self.leaves = [self.x] if constant else [self.x, self.w]
        self.end: Any = None

    def forward(self) -> None:
        w, end = self.w, self.x
        for _ in range(self.length):
            end = end * w
        self.end = end

    def backward(self) -> None:
        for leaf in self.leaves:
            self.engine.forget(leaf)
        if self.vector:
            self.end.sum().backward()
        else:
            self.end.backward()

    def free(self) -> None:
        self.end = None

    def gradients(self) -> list[float]:
        """The gradients at x and w, summed over the elements."""
        return [float(np.sum(np.asarray(leaf.grad))) for leaf in self.leaves]


def vectors() -> tuple[Floats, Floats]:
    """x and w, 32 elements each; w is near 1, so that a chain neither overflows nor dies out."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0.5, 1.5, 32).astype(np.float32)
    return x, rng.uniform(0.99, 1.01, 32).astype(np.float32)
