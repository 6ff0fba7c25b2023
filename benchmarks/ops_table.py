"""OPS: every differentiable op, forward and backward, beside NumPy's forward and the bare rules.

What would be left of an op's cost if there were no engine? NumPy's function on arrays, and the
op's rules called on arrays, with the sums over broadcast axes and the sums of several gradients of
one operand that anybody would have to do. A composition counts as NumPy's own function, and the
rules of the ops that it is made of. Some functions throw away what their derivative is made of
(eigenvectors, where a value came from), and count as those that don't: `ops_cases.NEEDED`. A
gradient that is a view of another one, of the seed often, is copied on both sides, since `.grad`
has its memory to itself.

Hundreds of pairs don't each need two processes: they take turns, A B A B, in one process, on one
thread. Its clock is the thread's CPU time, which stands still while other work has the core.
"""

import gc
import math
import multiprocessing
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np

from benchmarks.machine import thread_limits
from benchmarks.table import markdown, number
from benchmarks.worker import environment

ID = "OPS"
AT_MOST = 1.5
clock = time.thread_time
TITLE = "every differentiable op on 10^5 elements, forward and backward"

# Memory that was freed stays with the process. By default the C library gives large arrays back to
# the system, and a virtual machine can take 5 µs to hand out each 4 KiB of them again: more than
# most ops need to fill them.
KEEP_MEMORY = {
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
    "MALLOC_MMAP_THRESHOLD_": str(2**32),
    "MALLOC_TOP_PAD_": str(2**28),
}


@dataclass(frozen=True)
class Effort:
    """How long a pair takes turns, how often at least and at most, and on how many elements."""

    seconds: float = 0.5
    least: int = 7
    most: int = 300
    size: int = 100_000


FULL, QUICK = Effort(), Effort(seconds=0.0, least=1, size=1000)


@dataclass
class Measured:
    """Medians in seconds; the ratio is the median over pairs of neighbouring turns."""

    name: str
    forward: float = math.nan
    rules: float = math.nan
    our_forward: float = math.nan
    our_backward: float = math.nan
    ratio: float = math.nan
    turns: int = 0
    agrees: bool = False
    detail: str = ""  # a traceback


# --- by hand ------------------------------------------------------------------------------------


@dataclass
class Step:
    """A bare rule with all that it is called with but `g`, and where its result goes."""

    pull: Callable[[Any], Any]
    source: int
    target: int
    shape: Any
    dtype: Any


class ByHand:
    """The backward pass of a recorded graph as one would write it down: the rules, in order."""

    def __init__(self, outputs: Sequence[Any], leaves: Sequence[Any], seeds: Sequence[Any]) -> None:
        from autograd_core.graph import topological_order

        roots = [t._node for t in outputs]
        order = topological_order(roots)
        place = {node: k for k, node in enumerate(order)}
        self.count = len(order)
        self.seeds = [(place[node], g) for node, g in zip(roots, seeds, strict=True)]
        self.leaves = [place.get(t._node) for t in leaves]
        self.single = len(outputs) == 1
        self.steps = [
            Step(pull, place[node], place[parent], parent.shape, parent.dtype)
            for node in reversed(order)
            for parent, pull in _pulls(node)
        ]

    def __call__(self) -> list[Any]:
        from autograd_core.registry import ZERO, Erase, Scatter, unbroadcast

        slots: list[Any] = [None] * self.count
        for k, g in self.seeds:
            slots[k] = g if slots[k] is None else slots[k] + g
        for step in self.steps:
            g = slots[step.source]
            if g is None:
                continue
            part = step.pull(g)
            if part is ZERO:
                continue
            present = slots[step.target]
            if type(part) is Slot:
                if present is None:
                    present = slots[step.target] = [None] * part.count
                k = part.index
                present[k] = g if present[k] is None else present[k] + g
                continue
            if type(part) is Scatter:
                part = part.dense(step.shape, step.dtype)
            elif type(part) is Erase:
                index, part = part.index, g.copy()
                part[index] = 0.0
            if part.shape != step.shape:
                part = unbroadcast(part, step.shape)
            if part.dtype.kind == "c" and step.dtype.kind != "c":
                part = part.real
            if part.dtype != step.dtype:
                part = part.astype(step.dtype)
            slots[step.target] = part if present is None else present + part
        return [None if k is None else self.own(slots[k]) for k in self.leaves]

    def own(self, g: Any) -> Any:
        """What `.grad` would be: an array whose memory nobody else sees."""
        if g is None or not self.single:
            return g
        fresh = type(g) is np.ndarray and g.base is None
        return g if fresh and all(g is not seed for _, seed in self.seeds) else g.copy()


@dataclass
class Slot:
    """Where the gradient of one of an op's several outputs goes."""

    index: int
    count: int


def _pulls(node: Any) -> Iterator[tuple[Any, Callable[[Any], Any]]]:
    """The rules of a node's op, bound to what they read, with the parents they are for."""
    from autograd_core.registry import PROJECTION

    if node.op is None:
        return
    out = node if node.out is None else node.out
    for i, parent in enumerate(node.parents):
        if parent is None:
            continue
        if node.op is PROJECTION:
            yield parent, _constant(Slot(node.params["index"], len(parent.shape)))
        elif node.op.variadic:
            yield parent, _bound(node.op.rules[0], out, (i, *node.operands), node.params)
        else:
            yield parent, _bound(node.op.rules[i], out, node.operands, node.params)


def _constant(slot: Slot) -> Callable[[Any], Any]:
    return lambda _g: slot


def _bound(rule: Any, out: Any, operands: Any, params: Any) -> Callable[[Any], Any]:
    return lambda g: rule(g, out, *operands, **params)


# --- one op -------------------------------------------------------------------------------------


def tracked_outputs(value: Any) -> list[Any]:
    """The results that have a gradient, of one or several."""
    if isinstance(value, (tuple, list)):
        return [t for part in value for t in tracked_outputs(part)]
    return [value] if getattr(value, "_node", None) is not None else []


class Pair:
    """An op's two sides, ready to take turns; each turn gives seconds for its two stages."""

    def __init__(self, name: str, size: int) -> None:
        import autograd_core as ag
        from benchmarks import ops_cases

        case = ops_cases.cases()[name](ops_cases.Size(size))
        op_name = ops_cases.name_of(name)
        op = ops_cases.table()[op_name]
        self.call, self.arrays = case.call, case.arrays
        own = op.module.startswith("autograd_core")
        self.fn = ops_cases.NEEDED.get(name) or ops_cases.NEEDED.get(op_name) or op.fn
        self.function = op.function if own else op.fn
        self.leaves = [ag.Tensor(x, requires_grad=True) for x in case.arrays]
        self.nodes: list[Any] = [leaf._node for leaf in self.leaves]
        outputs = tracked_outputs(self.call(self.function, *self.leaves))
        rng = np.random.default_rng(0)
        self.seeds = [_random(rng, t.shape, t.dtype) for t in outputs]
        # Outside of it the gradient of a complex value is the conjugate.
        self.by_hand = ByHand(outputs, self.leaves, [np.conj(g) for g in self.seeds])

    def numpy(self) -> tuple[float, float, list[Any]]:
        with np.errstate(all="ignore"):
            start = clock()
            value = self.call(self.fn, *self.arrays)
            middle = clock()
            grads = self.by_hand()
            del value
            end = clock()
        return middle - start, end - middle, grads

    def ours(self) -> tuple[float, float, list[Any]]:
        from autograd_core.backprop import differentiate

        for leaf in self.leaves:
            leaf.grad = None
        with np.errstate(all="ignore"):
            start = clock()
            value = self.call(self.function, *self.leaves)
            middle = clock()
            if len(self.seeds) == 1:
                (output,) = tracked_outputs(value)
                output.backward(self.seeds[0])
                grads = [node.grad for node in self.nodes]
                del output
            else:
                outputs = tracked_outputs(value)
                roots = {t._node: g for t, g in zip(outputs, self.seeds, strict=True)}
                found = differentiate(roots, self.nodes)
                grads = [found.get(node) for node in self.nodes]
                del outputs, roots, found
            del value
            end = clock()
        return middle - start, end - middle, grads

    def agree(self) -> bool:
        """Whether both sides find the same gradients.

        Where the bare rules make a NaN of a zero gradient that meets a singular point, ours don't.
        """
        hand, ours = self.numpy()[2], self.ours()[2]
        return all(
            (h is None) == (g is None)
            and (g is None or np.allclose(np.where(np.isnan(h), g, np.conj(h)), g, 1e-6, _slack(g)))
            for h, g in zip(hand, ours, strict=True)
        )


def _random(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Any:
    g = rng.standard_normal(shape)
    return np.asarray(g + 1j * rng.standard_normal(shape) if dtype.kind == "c" else g, dtype)


def _slack(g: Any) -> float:
    return 1e-6 * float(np.max(np.abs(g), initial=0.0))


def measure(name: str, effort: Effort) -> Measured:
    """Time an op in turns; what goes wrong comes back as a traceback."""
    try:
        pair = Pair(name, effort.size)
        found = Measured(name, agrees=pair.agree())
        times: list[tuple[float, ...]] = []
        if effort.seconds:  # slow where a whole test suite is in memory
            gc.collect()
        gc.disable()
        stop = time.perf_counter() + effort.seconds
        while len(times) < effort.least or (
            time.perf_counter() < stop and len(times) < effort.most
        ):
            times.append((*pair.numpy()[:2], *pair.ours()[:2]))
    except Exception:
        return Measured(name, detail=traceback.format_exc())
    finally:
        gc.enable()
    found.turns = len(times)
    columns = zip(*times, strict=True)
    found.forward, found.rules, found.our_forward, found.our_backward = map(median, columns)
    found.ratio = median((c + d) / (a + b) for a, b, c, d in times)
    return found


# --- all of them --------------------------------------------------------------------------------


def names() -> list[str]:
    from benchmarks import ops_cases

    return list(ops_cases.cases())


@dataclass
class Sweep:
    """The whole table, the worst ratio first."""

    results: list[Measured]  # those that failed have a traceback in their detail

    @property
    def void(self) -> list[str]:
        return [r.name for r in self.results if not r.agrees and not r.detail]

    @property
    def over(self) -> list[Measured]:
        return [r for r in self.results if r.ratio > AT_MOST]

    def text(self) -> str:
        """The heading, the table, and how many ops are over the bound."""
        return f"### {ID}: {TITLE}\n\n{self.body()}"

    def body(self, most: int | None = None) -> str:
        """The table of all, or so many of the worst, and how many are over the bound."""
        lines = [
            [short(r.name), *(number(t * 1e6) for t in _times(r)), f"{r.ratio:.2f}"]
            for r in self.results
            if not r.detail
        ]
        head = ["", "NumPy, µs", "bare rules", "ours forward", "ours backward", "ratio"]
        timed = [r for r in self.results if not r.detail]
        ratios = sorted(r.ratio for r in timed)
        failed = [short(r.name) for r in self.results if r.detail]
        voids = ", ".join(map(short, self.void))
        return "\n".join([
            markdown(head, lines[:most]),
            "",
            f"- gradients agree with the bare rules': {f'VOID: {voids}' if voids else 'yes'}",
            f"- ours / (NumPy's forward + bare rules), at most {AT_MOST}: {len(self.over)} of "
            f"{len(timed)} calls over it, median {median(ratios) if ratios else math.nan:.2f}",
            *([f"- failed: {', '.join(failed)}"] if failed else []),
        ])  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        return {
            "id": ID,
            "title": TITLE,
            "at_most": AT_MOST,
            "ops": [
                {k: v for k, v in asdict(r).items() if k != "detail"}
                for r in self.results
                if not r.detail
            ],
            "failed": [r.name for r in self.results if r.detail],
        }


def _times(r: Measured) -> tuple[float, ...]:
    return r.forward, r.rules, r.our_forward, r.our_backward


def short(name: str) -> str:
    """A name as users know it: ``linalg.inv``, ``softmax``."""
    op, comma, words = name.partition(",")
    if op.startswith("autograd_core."):
        op = op.rpartition(".")[2]
    return op.removeprefix("numpy.").removeprefix("lib.stride_tricks.") + comma + words


def run(effort: Effort, say: Callable[[str], None], only: Sequence[str] = ()) -> Sweep:
    """Measure every op, or those whose case is named, in one process of its own."""
    context = multiprocessing.get_context("spawn")
    with (
        environment(thread_limits(1) | KEEP_MEMORY),
        ProcessPoolExecutor(1, mp_context=context) as process,
    ):
        wanted = list(only) or process.submit(names).result()
        results = []
        for k, name in enumerate(wanted):
            say(f"{ID}: {name}, {k + 1} of {len(wanted)}")
            results.append(process.submit(measure, name, effort).result())
    return Sweep(sorted(results, key=lambda r: -r.ratio if r.ratio == r.ratio else math.inf))


if __name__ == "__main__":  # some ops only: python -m benchmarks.ops_table numpy.sum numpy.tril
    print(run(FULL, lambda _: None, sys.argv[1:]).text())
