"""P12: the most memory that a process takes which trains the networks of P1 to P3.

Each run is a process of its own: imports, building, some steps. The kernel's own high-water mark
is read at the end; what the process had after its imports is taken off for the growth. Code that a
library loads only when it is first used counts as growth, so for ours and PyTorch the growth is
also given from a point after a training step of a tiny network of the same kind.
"""

import importlib
import json
import sys
import time
from functools import partial

from benchmarks import fresh, p1_p3_mlp
from benchmarks.contest import Contestant, Job, Row, Target
from benchmarks.mlp_problem import Problem

STEPS = 50
WORK = {"P1": p1_p3_mlp.SMALL, "P2": p1_p3_mlp.MIDDLING, "P3": p1_p3_mlp.LARGE}
TINY = Problem((4, 3, 2), batch=2)
# What a user imports at the top of the file.
IMPORTS = {
    "ours": ("autograd_core", "nn", "optim"),
    "hand NumPy": ("numpy",),
    "PyTorch eager": ("torch", "torch.nn.functional"),
    "JAX jit": ("jax", "jax.numpy"),
    "HIPS autograd": ("autograd", "autograd.numpy"),
    "MyGrad": ("mygrad", "mygrad.nnet.losses"),
}
LAZY = ("ours", "PyTorch eager")
FACTS = ("MB at most", "MB after imports", "MB grown", "MB grown after a tiny step")


def steps(job: Job, count: int) -> list[float]:
    """Run so many steps; what the check says then."""
    for _ in range(count):
        for stage in job.stages.values():
            stage()
    return [float(number) for number in job.check()] if job.check else []


def run(name: str, problem: Problem, warm: bool) -> dict[str, float]:
    """Train in this process, after a tiny step where `warm`, and say what memory it took."""
    for module in IMPORTS[name]:
        importlib.import_module(module)
    build = {name: build for name, build, _how in p1_p3_mlp.BUILDS}[name]
    if warm:
        steps(build(TINY), 1)
    before = fresh.megabytes("VmRSS")
    started = time.perf_counter()
    (loss,) = steps(build(problem), STEPS)
    seconds, most = time.perf_counter() - started, fresh.megabytes("VmHWM")
    grown = "MB grown after a tiny step" if warm else "MB grown"
    said = {"seconds": seconds, "loss": loss, grown: most - before}
    return said if warm else said | {"MB at most": most, "MB after imports": before}


def child() -> None:
    """What the fresh process does: its arguments are a contestant and a row."""
    name, work, *warm = sys.argv[1:]
    print(json.dumps(run(name, WORK[work], bool(warm))))


CODE = "from benchmarks.p12_memory import child; child()"


def both(name: str, work: str) -> dict[str, float]:
    """A process, and for those whom it concerns one that takes a tiny step first."""
    found: dict[str, float] = fresh.ask(CODE, name, work)
    return {**fresh.ask(CODE, name, work, "warm"), **found} if name in LAZY else found


def training(name: str, work: str) -> Job:
    """A step is a process that trains, or two."""
    facts = FACTS if name in LAZY else FACTS[:-1]
    return fresh.job("train", partial(both, name, work), facts, check="loss")


def contestants() -> tuple[Contestant, ...]:
    """Everyone, row by row."""
    needs = {name: how.get("needs", ()) for name, _build, how in p1_p3_mlp.BUILDS}
    return tuple(
        Contestant(f"{name}, {work}", partial(training, name, work), needs[name], f"ours, {work}")
        for work in WORK
        for name in IMPORTS
    )


P12 = Row(
    "P12",
    "memory of a process that trains P1, P2 or P3",
    contestants(),
    unit="ms",
    per=f"a run of {STEPS} steps",
    warm_up=1,
    checked=f"loss after {STEPS} steps",
    turns=3,
    targets=tuple(
        Target(f"ours, {work}", f"PyTorch eager, {work}", at_most, of=fact)
        for work in WORK
        for fact, at_most in (("MB at most", 0.4), ("MB grown", 1.2), (FACTS[-1], 1.2))
    ),
)
