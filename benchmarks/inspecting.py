"""INSPECT: what does looking cost? Steps as they are, and in a block of inspection of their own.

In inspection every operation notes its line, keeps its value, is looked at for inf and nan, and the
arrays that it keeps for the way back are checksummed. PyTorch's anomaly mode beside it notes a
traceback for each operation and looks at gradients for nan.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from benchmarks import mlp_peers, p1_p3_mlp
from benchmarks.chains import ENGINES, Chain, vectors
from benchmarks.contest import Contestant, Job, Row, Target
from benchmarks.mlp_problem import Problem

Block = Callable[[], AbstractContextManager[Any]]
PROBLEM = Problem((64, 64, 10), batch=32)


def looking(name: str) -> Block:
    """The block in which an engine is looked into."""
    if name == "ours":
        import autograd_core as ag

        return ag.inspect
    import torch

    return partial(torch.autograd.set_detect_anomaly, True)


def train(name: str, inspected: bool, problem: Problem = PROBLEM) -> Job:
    """P1: a step of training a small network."""
    job = p1_p3_mlp.ours(problem) if name == "ours" else mlp_peers.pytorch(problem)
    block = looking(name) if inspected else nullcontext

    def step() -> None:
        with block():
            for stage in job.stages.values():
                stage()

    return Job({"step": step}, job.check)


def chain(name: str, inspected: bool, length: int) -> Job:
    """P7: so many multiplications of 32-vectors, there and back; of one it is mostly P8."""
    it = Chain(ENGINES[name][0](), *vectors(), length)
    block = looking(name) if inspected else nullcontext

    def step() -> None:
        with block():
            it.forward()
            it.backward()
        it.free()

    return Job({"step": step}, it.gradients)


WORK: dict[str, Callable[[str, bool], Job]] = {
    "P1": train,
    "P7": partial(chain, length=100),
}


def contestants() -> tuple[Contestant, ...]:
    """Each engine beside itself when looked into."""
    return tuple(
        Contestant(
            f"{name}, {work}{', looked into' if inspected else ''}",
            partial(build, name, inspected),
            needs=ENGINES[name][1],
            rival=f"{name}, {work}",
        )
        for work, build in WORK.items()
        for name in ("ours", "PyTorch eager")
        for inspected in (False, True)
    )


INSPECT = Row(
    "INSPECT",
    "steps of P1 and P7 as they are, and looked into (inspect, PyTorch's anomaly mode)",
    contestants(),
    checked="loss, or gradients of x and w, summed,",
    targets=(
        Target("ours, P1, looked into", "ours, P1", 3),
        Target("ours, P7, looked into", "ours, P7", 6),
    ),
)
