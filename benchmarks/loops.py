"""LOOPS: does an element cost the same in a long loop that reads or writes a tensor by index?

Four loops over n elements or rows, forward and backward, for n = 10^3 to 10^5. Where a read or a
write copies the whole tensor, or its gradient makes one as large, the time by the element grows
with n.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from benchmarks.contest import Contestant, Job, Row, Target

WIDTH = 8  # elements in a row
LENGTHS = {"10^3": 10**3, "10^4": 10**4, "10^5": 10**5}


@dataclass
class Loop:
    """A loop over the first axis of `x`: what it starts from, and what forward leaves behind.

    `weights` has the elements or rows of `x` in turn multiplied by something of their own, so that
    the gradient tells which of them were read; `g` is the gradient of the result where that is as
    long as the loop.
    """

    n: int
    rows: bool
    x: Any = None
    a: Any = None
    end: Any = None
    kept: list[Any] = field(default_factory=list)
    grads: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        rng = np.random.default_rng(0)
        shape = (self.n, WIDTH) if self.rows else (self.n,)
        self.x0 = rng.uniform(0.5, 1.5, shape)
        self.a0 = rng.uniform(0.4, 0.6, shape[1:])
        self.g = rng.standard_normal(shape)
        self.weights = rng.uniform(0.5, 1.5, self.n).tolist()

    def free(self) -> None:
        self.end = None
        self.kept = []

    def check(self) -> list[float]:
        """Each gradient, summed as it is and weighted by its place."""
        found = []
        for g in self.grads:
            g = np.asarray(g)
            place = np.linspace(1.0, 2.0, len(g)) if g.ndim and len(g) == self.n else np.ones(1)
            found += [float(g.sum()), float((g.T * place).sum())]
        return found

    def job(self, forward: Callable[["Loop"], None], backward: Callable[["Loop"], None]) -> Job:
        return Job(
            {
                "forward": partial(forward, self),
                "backward": partial(backward, self),
                "free": self.free,
            },
            self.check,
            units=self.n,
        )


# --- reading: the sum of w[i] x[i] --------------------------------------------------------------


def _read(it: Loop) -> None:
    x, total = it.x, 0.0
    for i, w in enumerate(it.weights):
        total = total + x[i] * w
    it.end = total


def _read_back_by_hand(it: Loop) -> None:
    g = np.ones(it.x.shape[1:])
    buffer = np.zeros_like(it.x)
    for i in range(it.n - 1, -1, -1):
        buffer[i] += g * it.weights[i]
    it.grads = (buffer,)


# --- writing: y[i] = a w[i] ---------------------------------------------------------------------


def _write(it: Loop, zeros: Callable[[tuple[int, ...]], Any]) -> None:
    a, y = it.a, zeros(it.x0.shape)
    for i, w in enumerate(it.weights):
        y[i] = a * w
    it.end = y


def _write_back_by_hand(it: Loop) -> None:
    total = np.zeros(it.a.shape)
    for i in range(it.n - 1, -1, -1):
        total = total + it.g[i] * it.weights[i]
    it.grads = (total,)


# --- a recurrence: h[t] = tanh(a h[t-1] + x[t]) -------------------------------------------------


def _recur(it: Loop, zeros: Callable[[tuple[int, ...]], Any]) -> None:
    x, a, h = it.x, it.a, zeros(it.x0.shape)
    h[0] = np.tanh(x[0])
    for t in range(1, it.n):
        h[t] = np.tanh(h[t - 1] * a + x[t])
    it.end = h


def _recur_in_a_list(it: Loop) -> None:
    """PyTorch refuses a row that was read for a product and then had a neighbour written."""
    import torch

    x, a = it.x, it.a
    h = [torch.tanh(x[0])]
    for t in range(1, it.n):
        h.append(torch.tanh(h[-1] * a + x[t]))
    it.end = torch.stack(h)


def _recur_back_by_hand(it: Loop) -> None:
    a, h, buffer = it.a, it.end, np.zeros_like(it.x)
    g_a, g_next = np.zeros_like(a), np.zeros_like(a)
    for t in range(it.n - 1, -1, -1):
        g = (it.g[t] + g_next) * (1.0 - h[t] * h[t])
        buffer[t] += g
        if t:
            g_a = g_a + g * h[t - 1]
            g_next = g * a
    it.grads = (buffer, g_a)


# --- contestants --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """A loop's forward pass, its backward pass by hand, and which leaves take a gradient."""

    rows: bool
    leaves: str
    forward: Callable[..., None]
    by_hand: Callable[[Loop], None]
    fills: bool = False  # whether forward fills a tensor of its own
    pytorch: Callable[..., None] | None = None


KINDS = {
    "read x[i]": Kind(False, "x", _read, _read_back_by_hand),
    "read rows": Kind(True, "x", _read, _read_back_by_hand),
    "write y[i]": Kind(False, "a", _write, _write_back_by_hand, fills=True),
    "write rows": Kind(True, "a", _write, _write_back_by_hand, fills=True),
    "recurrence of rows": Kind(
        True, "xa", _recur, _recur_back_by_hand, fills=True, pytorch=_recur_in_a_list
    ),
}


def hand(kind: str, n: int) -> Job:
    how = KINDS[kind]
    it = Loop(n, how.rows)
    it.x, it.a = it.x0, it.a0
    return it.job(partial(how.forward, zeros=np.zeros) if how.fills else how.forward, how.by_hand)


def _backward(it: Loop, leaves: tuple[Any, ...], seed: Any) -> None:
    for leaf in leaves:
        leaf.grad = None
    it.end.backward(seed)
    it.grads = tuple(leaf.grad for leaf in leaves)


def ours(kind: str, n: int) -> Job:
    import autograd_core as ag

    how = KINDS[kind]
    it = Loop(n, how.rows)
    it.x = ag.Tensor(it.x0, requires_grad="x" in how.leaves)
    it.a = ag.Tensor(it.a0, requires_grad="a" in how.leaves)
    leaves = tuple(getattr(it, name) for name in how.leaves)
    seed = it.g if how.fills else np.ones(it.x0.shape[1:])
    forward = how.forward
    if how.fills:
        forward = partial(how.forward, zeros=lambda shape: ag.Tensor(np.zeros(shape)))
    return it.job(forward, partial(_backward, leaves=leaves, seed=seed))


def pytorch(kind: str, n: int) -> Job:
    import torch

    how = KINDS[kind]
    it = Loop(n, how.rows)
    it.x = torch.tensor(it.x0, requires_grad="x" in how.leaves)
    it.a = torch.tensor(it.a0, requires_grad="a" in how.leaves)
    leaves = tuple(getattr(it, name) for name in how.leaves)
    seed = torch.tensor(it.g if how.fills else np.ones(it.x0.shape[1:]))
    forward = how.pytorch or how.forward
    if how.fills and how.pytorch is None:
        forward = partial(how.forward, zeros=partial(torch.zeros, dtype=torch.float64))
    return it.job(forward, partial(_backward, leaves=leaves, seed=seed))


# PyTorch makes an array as large as the tensor for every element read or written: it was not tried
# on 10^5 of them, but in the recurrence, which keeps its rows in a list.
BUILDS: dict[str, tuple[Callable[[str, int], Job], tuple[str, ...], int]] = {
    "ours": (ours, ("autograd_core",), 10**5),
    "hand NumPy": (hand, ("numpy",), 10**5),
    "PyTorch eager": (pytorch, ("torch",), 10**4),
}


def contestants() -> tuple[Contestant, ...]:
    """Each loop in each length, ours without the garbage collector as well: it walks through all
    that is alive, again and again while a graph grows. 10^5 takes seconds, so not with --quick."""
    return tuple(
        Contestant(
            f"{name}, {kind}, {label}{suffix}",
            partial(build, kind, n),
            needs=needs,
            rival=f"ours, {kind}, {label}{suffix}",
            collector=not suffix,
            slow=n == 10**5,
        )
        for suffix in ("", ", collector off")
        for kind in KINDS
        for label, n in LENGTHS.items()
        for name, (build, needs, reach) in BUILDS.items()
        if n <= reach and (name == "ours" or not suffix)
    )


LOOPS = Row(
    "LOOPS",
    "loops that read or write a tensor by index: time by the element",
    contestants(),
    unit="ns",
    per="an element",
    warm_up=1,
    checked="gradients, summed, plain and weighted by place",
    targets=tuple(
        Target(f"ours, {kind}, 10^5{suffix}", f"ours, {kind}, 10^3{suffix}", 1.5)
        for suffix in ("", ", collector off")
        for kind in KINDS
    ),
)
