"""P7: a hundred multiplications forward and backward. P8: one multiplication recorded.

Of 32-vectors, where a peer is an array library; of scalars, where it is micrograd.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.chains import ENGINES, Chain, Engine, vectors
from benchmarks.contest import Contestant, Job, Row, Target
from benchmarks.mlp_problem import Floats

LENGTH = 100


def inputs(vector: bool) -> tuple[Floats | float, Floats | float]:
    """x and w of a chain."""
    return vectors() if vector else (0.5, 1.001)


def chain(engine: Callable[[], Engine], vector: bool, constant: bool = False) -> Job:
    """P7 in an engine that records as it goes."""
    it = Chain(engine(), *inputs(vector), LENGTH, constant)
    stages = {"forward": it.forward, "backward": it.backward, "free": it.free}
    return Job(stages, it.gradients)


def chain_by_hand() -> Job:
    """P7's arithmetic alone, preallocated: one product forward; two and a sum backward."""
    x, w = vectors()
    values = [x, *(np.empty_like(x) for _ in range(LENGTH))]
    g, into_w, product = np.empty_like(x), np.empty_like(x), np.empty_like(x)

    def forward() -> None:
        for before, after in pairwise(values):
            np.multiply(before, w, out=after)

    def backward() -> None:
        g.fill(1)
        into_w.fill(0)
        for before in reversed(values[:-1]):
            np.add(into_w, np.multiply(g, before, out=product), out=into_w)
            np.multiply(g, w, out=g)

    stages = {"forward": forward, "backward": backward}
    return Job(stages, lambda: [float(g.sum()), float(into_w.sum())])


def whole(x: Any, w: Any) -> Any:
    """The chain's end, summed, as a function to be transformed."""
    for _ in range(LENGTH):
        x = x * w
    return x.sum()


def chain_jax() -> Job:
    """P7 compiled as one; the compiler sees all hundred multiplications at once."""
    import jax

    both = jax.jit(jax.grad(whole, argnums=(0, 1)))
    x, w = (jax.device_put(v) for v in vectors())
    return transformed(lambda: jax.block_until_ready(both(x, w)))


def chain_hips() -> Job:
    """P7 traced and differentiated by HIPS autograd."""
    from autograd import grad

    both = grad(lambda inputs: whole(*inputs))
    inputs = vectors()
    return transformed(lambda: both(inputs))


def transformed(gradient: Callable[[], Any]) -> Job:
    """The one step of an engine that transforms functions."""
    found: Any = None

    def step() -> None:
        nonlocal found
        found = gradient()

    return Job({"step": step}, lambda: [float(g.sum()) for g in found])


def record(engine: Callable[[], Engine], vector: bool, times: int = 1000) -> Job:
    """P8: x * w recorded and dropped, again and again; the check is a gradient through one."""
    it = Chain(engine(), *inputs(vector), length=1)
    x, w = it.x, it.w

    def step() -> None:
        for _ in range(times):
            x * w

    def check() -> list[float]:
        it.forward()
        it.backward()
        return it.gradients()

    return Job({"record": step}, check, units=times)


def multiply_alone(times: int = 1000) -> Job:
    """What P8's engines do beside recording: NumPy's multiplication, into a new array."""
    x, w = vectors()

    def step() -> None:
        for _ in range(times):
            x * w

    return Job({"multiply": step}, units=times)


def engines(build: Callable[..., Job]) -> tuple[Contestant, ...]:
    """Those that record as they go: on vectors, then ours and micrograd on scalars."""
    lines = [("ours", True), ("PyTorch eager", True), ("MyGrad", True)]
    lines += [("ours", False), ("micrograd", False)]
    return tuple(
        Contestant(
            name if vector else f"{name}, scalar",
            partial(build, ENGINES[name][0], vector),
            needs=ENGINES[name][1],
            rival="ours" if vector else "ours, scalar",
        )
        for name, vector in lines
    )


P7 = Row(
    "P7",
    f"{LENGTH} chained multiplications, forward and backward: float32 32-vector, scalar",
    (
        *engines(chain),
        *(
            Contestant(
                f"{name}, w constant",
                partial(chain, ENGINES[name][0], vector=True, constant=True),
                needs=ENGINES[name][1],
                rival="ours, w constant",
            )
            for name in ("ours", "PyTorch eager")
        ),
        Contestant("HIPS autograd", chain_hips, ("autograd",)),
        Contestant("JAX jit", chain_jax, ("jax",)),
        Contestant("hand NumPy", chain_by_hand),
    ),
    checked="gradients of x and w, summed,",
    targets=(
        Target("ours", "PyTorch eager", 0.45),
        Target("ours, w constant", "PyTorch eager, w constant", 0.45),
    ),
)
P8 = Row(
    "P8",
    "one multiplication recorded: float32 32-vector, scalar",
    (
        *engines(record),
        Contestant("NumPy, not recorded", multiply_alone),
    ),
    unit="ns",
    per="a multiplication",
    warm_up=3,
    checked="gradients of x and w, summed,",
    targets=(
        Target("ours", "PyTorch eager", 0.45),
        Target("ours, scalar", "micrograd, scalar", 0.75),
    ),
)
