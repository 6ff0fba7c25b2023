"""COSTS: what do hooks cost, and what does `no_grad` save?

Hooks on P1's loss and its gradients: none, one on each parameter that looks at the gradient and
leaves it, the hidden layer's gradient kept. `no_grad`: a block entered and left, a multiplication
of 32-vectors within one, and P1's network asked without training it, recorded and not. The same
code runs in both engines. (For `inspect` see INSPECT.)
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.chains import vectors
from benchmarks.contest import Contestant, Job, Row, Target
from benchmarks.mlp_problem import Problem
from benchmarks.p1_p3_mlp import SMALL

TIMES = 1000


@dataclass(frozen=True)
class Engine:
    """What the work needs of an engine."""

    tensor: Callable[[Any], Any]
    leaf: Callable[[Any], Any]
    no_grad: Callable[[], Any]
    tanh: Callable[[Any], Any]
    cross_entropy: Callable[[Any, Any], Any]


def ours() -> Engine:
    import autograd_core as ag
    import nn

    leaf = partial(ag.Tensor, requires_grad=True)
    return Engine(ag.Tensor, leaf, ag.no_grad, np.tanh, nn.cross_entropy)


def pytorch() -> Engine:
    import torch
    from torch.nn.functional import cross_entropy

    leaf = partial(torch.tensor, requires_grad=True)
    return Engine(torch.tensor, leaf, torch.no_grad, torch.tanh, cross_entropy)


def network(engine: Engine, problem: Problem) -> tuple[list[Any], Any, Any]:
    """P1's parameters as leaves, and its first batch."""
    x, labels = problem.data()[0]
    leaves = [engine.leaf(part) for layer in problem.start() for part in layer]
    return leaves, engine.tensor(x), engine.tensor(labels)


def hooks(start: Callable[[], Engine], what: str, problem: Problem = SMALL) -> Job:
    """Loss and gradients of P1, with the hooks that are named."""
    engine = start()
    leaves, x, labels = network(engine, problem)
    w1, b1, w2, b2 = leaves
    calls = 0
    hidden: Any = None

    def look(_g: Any) -> None:
        nonlocal calls
        calls += 1

    if what == HOOKED:
        for leaf in leaves:
            leaf.register_hook(look)

    def step() -> None:
        nonlocal hidden
        for leaf in leaves:
            leaf.grad = None
        h = engine.tanh(x @ w1 + b1)
        if what == KEPT:
            h.retain_grad()
            hidden = h
        engine.cross_entropy(h @ w2 + b2, labels).backward()

    def check() -> list[float]:
        return [float(np.linalg.norm(np.asarray(leaf.grad))) for leaf in leaves]

    def facts() -> dict[str, float]:
        kept = 0 if hidden is None else np.asarray(hidden.grad).size
        return {"calls of hooks": calls, "numbers kept": kept}

    return Job({"step": step}, check, facts=None if what == PLAIN else facts)


def entering(start: Callable[[], Engine]) -> Job:
    """A block of `no_grad` entered and left, again and again."""
    no_grad = start().no_grad

    def step() -> None:
        for _ in range(TIMES):
            with no_grad():
                pass

    return Job({"step": step}, units=TIMES)


def multiplying(start: Callable[[], Engine], recorded: bool) -> Job:
    """A multiplication of leaves, within `no_grad` or without."""
    engine = start()
    x, w = (engine.leaf(v) for v in vectors())
    block = nullcontext if recorded else engine.no_grad
    y: Any = None

    def step() -> None:
        nonlocal y
        with block():
            for _ in range(TIMES):
                y = x * w

    def check() -> list[float]:
        assert y.requires_grad is recorded
        return [y.sum().item()]

    return Job({"step": step}, check, units=TIMES)


def asking(start: Callable[[], Engine], recorded: bool, problem: Problem = SMALL) -> Job:
    """P1's network on a batch, within `no_grad` or without."""
    engine = start()
    (w1, b1, w2, b2), x, _labels = network(engine, problem)
    block = nullcontext if recorded else engine.no_grad
    y: Any = None

    def step() -> None:
        nonlocal y
        with block():
            y = engine.tanh(x @ w1 + b1) @ w2 + b2

    def check() -> list[float]:
        assert y.requires_grad is recorded
        return [(y * y).sum().item()]

    return Job({"step": step}, check)


PLAIN, HOOKED, KEPT = "P1", "P1, a hook on each parameter", "P1, hidden gradient kept"
ENTERED = "no_grad entered"
RECORDED, UNRECORDED = "x * w recorded", "x * w in no_grad"
ASKED, ASKED_PLAINLY = "P1 asked, recorded", "P1 asked, no_grad"
WORK: dict[str, Callable[[Callable[[], Engine]], Job]] = {
    **{what: partial(hooks, what=what) for what in (PLAIN, HOOKED, KEPT)},
    ENTERED: entering,
    RECORDED: partial(multiplying, recorded=True),
    UNRECORDED: partial(multiplying, recorded=False),
    ASKED: partial(asking, recorded=True),
    ASKED_PLAINLY: partial(asking, recorded=False),
}
ENGINES: tuple[tuple[str, Callable[[], Engine], tuple[str, ...]], ...] = (
    ("ours", ours, ("autograd_core", "nn")),
    ("PyTorch eager", pytorch, ("torch",)),
)


def contestants() -> tuple[Contestant, ...]:
    """Each piece of work in both engines."""
    return tuple(
        Contestant(f"{name}: {what}", partial(build, start), needs, rival=f"ours: {what}")
        for what, build in WORK.items()
        for name, start, needs in ENGINES
    )


COSTS = Row(
    "COSTS",
    "hooks on P1's loss and gradients; no_grad entered, operations in it, P1's network in it",
    contestants(),
    per="a step, a block or a multiplication",
    checked="norms of gradients, or a sum",
    targets=tuple(
        Target(f"ours: {above}", f"ours: {below}")
        for above, below in (
            (HOOKED, PLAIN),
            (KEPT, PLAIN),
            (UNRECORDED, RECORDED),
            (ASKED_PLAINLY, ASKED),
        )
    ),
)
