"""P1 and P3: one step of training a multilayer network, small and large."""

from collections.abc import Callable
from functools import partial
from itertools import cycle
from typing import Any

from benchmarks import mlp_numpy, mlp_peers
from benchmarks.contest import Contestant, Job, Row, Target
from benchmarks.mlp_problem import Problem


def ours(problem: Problem) -> Job:
    """`nn.MLP`, `nn.cross_entropy`, `optim.SGD`, as a user writes it."""
    import autograd_core as ag
    import nn
    import optim

    model = nn.MLP(problem.sizes, activation="tanh", dtype="float32")
    start = [part for layer in problem.start() for part in layer]
    for parameter, value in zip(model.parameters(), start, strict=True):
        parameter.data = value
    optimizer = optim.SGD(model.parameters(), lr=problem.lr, momentum=problem.momentum)
    batches = cycle([(ag.Tensor(x), labels) for x, labels in problem.data()])
    loss: Any = None

    def forward() -> None:
        nonlocal loss
        x, labels = next(batches)
        loss = nn.cross_entropy(model(x), labels)

    def backward() -> None:
        optimizer.zero_grad()
        loss.backward()

    stages = {"forward": forward, "backward": backward, "update": optimizer.step}
    return Job(stages, check=lambda: [loss.item()])


Build = Callable[[Problem], Job]
BUILDS: tuple[tuple[str, Build, dict[str, Any]], ...] = (
    ("ours", ours, {"needs": ("autograd_core", "nn", "optim")}),
    ("hand NumPy", mlp_numpy.by_hand, {}),
    ("hand NumPy, 1 thread", mlp_numpy.by_hand, {"threads": 1}),
    ("matrix products alone", mlp_numpy.products, {}),
    ("matrix products alone, 1 thread", mlp_numpy.products, {"threads": 1}),
    ("PyTorch eager", mlp_peers.pytorch, {"needs": ("torch",)}),
    ("PyTorch eager, lean", mlp_peers.pytorch_lean, {"needs": ("torch",)}),
    ("JAX jit", mlp_peers.jax, {"needs": ("jax",)}),
    ("HIPS autograd", mlp_peers.hips, {"needs": ("autograd",)}),
    ("MyGrad", mlp_peers.mygrad, {"needs": ("mygrad",)}),
)


def contestants(problem: Problem) -> tuple[Contestant, ...]:
    """Everyone who trains the problem's network."""
    return tuple(Contestant(name, partial(build, problem), **how) for name, build, how in BUILDS)


P1 = Row(
    "P1",
    "MLP 64-64-10, tanh, softmax cross-entropy, batch 32, SGD with momentum, float32",
    contestants(Problem((64, 64, 10), batch=32)),
    targets=(Target("ours", "PyTorch eager", 0.6),),
)
P3 = Row(
    "P3",
    "MLP 784-500-500-10, tanh, softmax cross-entropy, batch 128, SGD with momentum, float32",
    contestants(Problem((784, 500, 500, 10), batch=128)),
)
