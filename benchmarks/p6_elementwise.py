"""P6: a chain of elementwise operations on a million float32, the GELU by its tanh formula.

Everyone writes y = 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))), in every library by the operators of
its own arrays, and is given the same gradient of y. The cube is `x**3` for all, as users write it;
NumPy's power of float32 takes a hundred times as long for negative numbers as products, which ours
and PyTorch's compute instead, and hides all the rest; so the row is run again with `x * x * x` for
all. By hand, the derivative is what one
would write on paper, ½(1 + t) + ½ x (1 - t²) √(2/π) (1 + 3·0.044715 x²) with the tanh t kept;
an engine goes back through the operations one by one.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.contest import Contestant, Job, Row, Target
from benchmarks.mlp_problem import Floats

SIZE = 1_000_000
ROOT = math.sqrt(2 / math.pi)
CUBIC = 0.044715


def data(size: int) -> tuple[Floats, Floats]:
    """x, and the gradient of y."""
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((2, size)).astype(np.float32)
    return x, g


def gelu(x: Any, tanh: Callable[[Any], Any], power: bool) -> Any:
    """The formula, as users write it, the cube as a `power` or as products."""
    if power:
        return 0.5 * x * (1 + tanh(ROOT * (x + CUBIC * x**3)))
    return 0.5 * x * (1 + tanh(ROOT * (x + CUBIC * x * x * x)))


def summary(*arrays: Any) -> list[float]:
    """What must agree of each array: its norm, and its sum weighted by place."""
    found = []
    for array in arrays:
        values = np.asarray(array, np.float64)
        found += [float(np.linalg.norm(values)), float(values @ np.linspace(1, 2, len(values)))]
    return found


class Recorded:
    """Both passes in an engine that records as it goes; `grad` reads the gradient of x."""

    def __init__(self, x: Any, g: Any, tanh: Callable[[Any], Any], power: bool) -> None:
        self.x, self.g, self.tanh, self.power = x, g, tanh, power
        self.y: Any = None
        self.value: Any = None

    def forward(self) -> None:
        self.y = gelu(self.x, self.tanh, self.power)

    def backward(self) -> None:
        self.x.grad = None
        self.y.backward(self.g)

    def job(self, values: Callable[[Any], Any]) -> Job:
        """`values` gives the array of a tensor."""
        stages = {"forward": self.forward, "backward": self.backward}
        return Job(stages, lambda: summary(values(self.y), self.x.grad))


def ours(size: int, power: bool) -> Job:
    """Our Tensor."""
    import autograd_core as ag

    x, g = data(size)
    it = Recorded(ag.Tensor(x, requires_grad=True), g, np.tanh, power)
    return it.job(lambda y: y.data)


def pytorch(size: int, power: bool) -> Job:
    """PyTorch's tensor."""
    import torch

    x, g = map(torch.from_numpy, data(size))
    return Recorded(x.requires_grad_(), g, torch.tanh, power).job(lambda y: y.detach())


def mygrad(size: int, power: bool) -> Job:
    """MyGrad's tensor."""
    import mygrad as mg

    mg.turn_memory_guarding_off()
    x, g = data(size)
    it = Recorded(mg.tensor(x), g, mg.tanh, power)

    def backward() -> None:
        it.x.null_grad()
        it.y.backward(g)

    stages = {"forward": it.forward, "backward": backward}
    return Job(stages, lambda: summary(it.y.data, it.x.grad))


def hips(size: int, power: bool) -> Job:
    """HIPS autograd: `make_vjp`."""
    import autograd.numpy as anp
    from autograd.core import make_vjp

    x, g = data(size)
    y: Any = None
    pull: Any = None
    grad: Any = None

    def forward() -> None:
        nonlocal y, pull
        pull, y = make_vjp(lambda x: gelu(x, anp.tanh, power), x)

    def backward() -> None:
        nonlocal grad
        grad = pull(g)

    return Job({"forward": forward, "backward": backward}, lambda: summary(y, grad))


def jax(size: int, power: bool) -> Job:
    """Both passes compiled as one."""
    import jax
    import jax.numpy as jnp

    @jax.jit
    def both(x: Any, g: Any) -> Any:
        y, pull = jax.vjp(lambda x: gelu(x, jnp.tanh, power), x)
        return y, *pull(g)

    inputs = [jax.device_put(array) for array in data(size)]
    found: Any = None

    def step() -> None:
        nonlocal found
        found = jax.block_until_ready(both(*inputs))

    return Job({"step": step}, lambda: summary(*found))


def by_hand(size: int, power: bool) -> Job:
    """Whole arrays, a new one for each intermediate result."""
    x, g = data(size)
    t = y = grad = x

    def forward() -> None:
        nonlocal t, y
        t = np.tanh(ROOT * (x + CUBIC * (x**3 if power else x * x * x)))
        y = 0.5 * x * (1 + t)

    def backward() -> None:
        nonlocal grad
        inner = ROOT * (1 + 3 * CUBIC * x**2)
        grad = g * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * inner)

    return Job({"forward": forward, "backward": backward}, lambda: summary(y, grad))


def gelu_into(x: Floats, t: Floats, y: Floats, power: bool) -> None:
    """The formula into preallocated arrays; `t` keeps the tanh."""
    if power:
        np.power(x, 3, out=t)
    else:
        np.multiply(np.multiply(x, x, out=t), x, out=t)
    np.multiply(t, CUBIC, out=t)
    np.multiply(np.add(t, x, out=t), ROOT, out=t)
    np.multiply(np.add(np.tanh(t, out=t), 1, out=y), 0.5, out=y)
    np.multiply(y, x, out=y)


def preallocated(size: int, power: bool) -> Job:
    """Whole arrays, into preallocated ones."""
    x, g = data(size)
    t, y, grad, scratch = (np.empty_like(x) for _ in range(4))

    def backward() -> None:
        np.multiply(np.square(x, out=grad), 3 * CUBIC * ROOT, out=grad)
        np.add(grad, ROOT, out=grad)
        np.multiply(grad, x, out=grad)
        np.subtract(1, np.square(t, out=scratch), out=scratch)
        np.multiply(grad, scratch, out=grad)
        np.add(np.add(grad, t, out=grad), 1, out=grad)
        np.multiply(np.multiply(grad, 0.5, out=grad), g, out=grad)

    stages = {"forward": partial(gelu_into, x, t, y, power), "backward": backward}
    return Job(stages, lambda: summary(y, grad))


def forward_only(name: str, size: int, power: bool) -> Job:
    """The formula without anybody recording it."""
    x: Any = data(size)[0]
    y: Any = None
    compute: Callable[[], Any]
    if name == "ours":
        import autograd_core as ag

        tensor = ag.Tensor(x)
        compute = ag.no_grad()(lambda: gelu(tensor, np.tanh, power))
    elif name == "PyTorch eager":
        import torch

        x = torch.from_numpy(x)
        compute = torch.no_grad()(lambda: gelu(x, torch.tanh, power))
    elif name == "JAX jit":
        import jax

        x = jax.device_put(x)
        compiled = jax.jit(lambda x: gelu(x, jax.numpy.tanh, power))

        def compute() -> Any:
            return jax.block_until_ready(compiled(x))
    elif name == "hand NumPy, out=":
        t, out = np.empty_like(x), np.empty_like(x)

        def compute() -> Any:
            gelu_into(x, t, out, power)
            return out
    else:

        def compute() -> Any:
            return gelu(x, np.tanh, power)

    def step() -> None:
        nonlocal y
        y = compute()

    return Job({"forward": step}, lambda: summary(y.data if name == "ours" else y))


BUILDS: tuple[tuple[str, Callable[[int, bool], Job], tuple[str, ...]], ...] = (
    ("ours", ours, ("autograd_core",)),
    ("hand NumPy", by_hand, ()),
    ("hand NumPy, out=", preallocated, ()),
    ("PyTorch eager", pytorch, ("torch",)),
    ("JAX jit", jax, ("jax",)),
    ("HIPS autograd", hips, ("autograd",)),
    ("MyGrad", mygrad, ("mygrad",)),
)
# The cube is a power, or products; both passes, or the forward pass alone.
GROUPS = ("", ", forward only", ", x*x*x", ", x*x*x, forward only")


def contestants(size: int) -> tuple[Contestant, ...]:
    """Group by group; the forward pass alone is of those in which it is something else."""
    found = []
    for group in GROUPS:
        power, alone = "x*x*x" not in group, "forward only" in group
        for name, build, needs in BUILDS[:5] if alone else BUILDS:
            how: Callable[..., Job] = partial(forward_only, name) if alone else build
            job = partial(how, size, power=power)
            found.append(Contestant(name + group, job, needs, rival="ours" + group))
    return tuple(found)


P6 = Row(
    "P6",
    "elementwise chain: GELU by its tanh formula on 10^6 float32, forward and backward",
    contestants(SIZE),
    unit="ms",
    warm_up=5,
    checked="norm and weighted sum of y and of the gradient",
    targets=tuple(
        target
        for group in GROUPS
        for target in (
            Target("ours" + group, "PyTorch eager" + group, 1.6),
            Target("ours" + group, "hand NumPy" + group, 1.1),
            Target("ours" + group, "hand NumPy, out=" + group),
        )
    ),
)
