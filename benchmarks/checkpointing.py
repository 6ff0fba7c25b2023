"""CHECKPOINT: does memory grow with the root of the length of a chain, and what does it cost?

A chain x ← tanh(w x) of n operations each keeps its n values until backward. Cut into √n
pieces, each under `checkpoint`, it keeps what goes from piece to piece and, while a piece is gone
back through, that piece's inside.
"""

import gc
import math
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.contest import Contestant, Job, Row, Target

SIZE = 1000  # elements of a value
LENGTHS = {"10^2": 10**2, "10^3": 10**3, "10^4": 10**4}


def piece(x: Any, w: Any, steps: int, tanh: Callable[[Any], Any]) -> Any:
    """So many steps of the chain; a step is two operations, of which tanh's value is kept, and
    what it was multiplied with."""
    for _ in range(steps):
        x = tanh(x * w)
    return x


@dataclass
class Chain:
    """A chain in an engine: leaves, how pieces run, and what forward left behind."""

    steps: int
    pieces: int
    x: Any
    w: Any
    run: Callable[[Any, Any, int], Any]
    grads: tuple[Any, Any] | None = None
    end: Any = None

    def forward(self) -> None:
        x, per = self.x, self.steps // self.pieces
        for _ in range(self.pieces):
            x = self.run(x, self.w, per)
        self.end = x.sum()

    def backward(self) -> None:
        self.x.grad = self.w.grad = None
        self.end.backward()
        self.grads = self.x.grad, self.w.grad
        self.end = None

    def check(self) -> list[float]:
        assert self.grads is not None
        return [float(np.asarray(g).sum()) for g in self.grads]

    def facts(self) -> dict[str, float]:
        """The highest memory of a step, counted in values; Python's own objects are in it."""
        gc.collect()
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        self.forward()
        self.backward()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return {"values at most": (peak - before) / (8 * SIZE)}


def start() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.normal(size=SIZE), rng.uniform(0.9, 1.1, SIZE)


def pieces_of(length: int) -> int:
    """About √n pieces of equal length."""
    return next(k for k in range(math.isqrt(length), 0, -1) if length % k == 0)


def ours(length: int, checkpointed: bool) -> Job:
    import autograd_core as ag

    x, w = (ag.Tensor(a, requires_grad=True) for a in start())
    run: Any = partial(piece, tanh=np.tanh)
    it = Chain(length, pieces_of(length), x, w, ag.checkpoint(run) if checkpointed else run)
    return Job(
        {"forward": it.forward, "backward": it.backward}, it.check, units=length, facts=it.facts
    )


def pytorch(length: int, checkpointed: bool) -> Job:
    import torch
    from torch.utils.checkpoint import checkpoint

    x, w = (torch.tensor(a, requires_grad=True) for a in start())
    run: Any = partial(piece, tanh=torch.tanh)
    if checkpointed:
        run = partial(checkpoint, run, use_reentrant=False)
    it = Chain(length, pieces_of(length), x, w, run)
    return Job({"forward": it.forward, "backward": it.backward}, it.check, units=length)


BUILDS: dict[str, tuple[Callable[[int, bool], Job], tuple[str, ...]]] = {
    "ours": (ours, ("autograd_core",)),
    "PyTorch eager": (pytorch, ("torch",)),
}


def contestants() -> tuple[Contestant, ...]:
    """Each length with and without, and PyTorch's: its memory is not Python's to count."""
    return tuple(
        Contestant(
            f"{name}, {label}{suffix}",
            partial(build, n, bool(suffix)),
            needs=needs,
            rival=f"ours, {label}, checkpointed",
            slow=n == 10**4,
        )
        for label, n in LENGTHS.items()
        for name, (build, needs) in BUILDS.items()
        for suffix in ("", ", checkpointed")
    )


CHECKPOINT = Row(
    "CHECKPOINT",
    f"chains of x ← tanh(w x) on {SIZE} elements, whole and in √n checkpointed pieces",
    contestants(),
    per="a link",
    warm_up=1,
    checked="gradients of x and w, summed",
    tolerance=1e-6,
    # In a piece of ten links what a box itself costs weighs as much as they do.
    targets=tuple(
        Target(f"ours, {label}, checkpointed", f"ours, {label}", 2.0) for label in ("10^3", "10^4")
    ),
)
