"""P1 to P3: one step of training a multilayer network, small, middling and large."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import cycle
from typing import Any

from benchmarks import mlp_numpy, mlp_peers
from benchmarks.contest import Contestant, Job, Row, Target
from benchmarks.mlp_problem import Problem


def ours(problem: Problem) -> Job:
    """`nn.MLP`, `nn.cross_entropy`, `optim.SGD` or `optim.Adam`, as a user writes it."""
    import autograd_core as ag
    import nn
    import optim

    model = nn.MLP(problem.sizes, activation="tanh", dtype="float32")
    start = [part for layer in problem.start() for part in layer]
    for parameter, value in zip(model.parameters(), start, strict=True):
        parameter.data = value
    optimizer: optim.Optimizer
    if problem.adam:
        optimizer = optim.Adam(model.parameters(), problem.lr, problem.betas, problem.eps)
    else:
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


ADAM_BUILDS: tuple[tuple[str, Build, dict[str, Any]], ...] = (
    *BUILDS[:3],
    ("hand NumPy, chunked", partial(mlp_numpy.by_hand, chunk=32_768), {}),
    ("hand NumPy, chunked, 1 thread", partial(mlp_numpy.by_hand, chunk=32_768), {"threads": 1}),
    *BUILDS[3:6],  # the products, and PyTorch's default
    ("PyTorch eager, foreach", partial(mlp_peers.pytorch, foreach=True), {"needs": ("torch",)}),
    ("PyTorch eager, fused", partial(mlp_peers.pytorch, fused=True), {"needs": ("torch",)}),
    *BUILDS[-3:],
)


def contestants(
    problem: Problem, builds: tuple[tuple[str, Build, dict[str, Any]], ...] = BUILDS
) -> tuple[Contestant, ...]:
    """Everyone who trains the problem's network."""
    return tuple(Contestant(name, partial(build, problem), **how) for name, build, how in builds)


SMALL = Problem((64, 64, 10), batch=32)
MIDDLING = Problem((64, 128, 128, 10), batch=64)
LARGE = Problem((784, 500, 500, 10), batch=128)
WORK = "tanh, softmax cross-entropy"
FLOOR = Target("ours", "matrix products alone")

P1 = Row(
    "P1",
    f"MLP 64-64-10, {WORK}, batch 32, SGD with momentum, float32",
    contestants(SMALL),
    targets=(
        Target("ours", "PyTorch eager", 0.45),
        Target("ours", "JAX jit", 0.85),
        Target("ours", "MyGrad", 0.5),
        Target("ours", "hand NumPy", 1.7),
        FLOOR,
    ),
)
P2 = Row(
    "P2",
    f"MLP 64-128-128-10, {WORK}, batch 64, SGD with momentum, float32",
    contestants(MIDDLING),
    targets=(
        Target("ours", "PyTorch eager", 0.75),
        Target("ours", "MyGrad", 0.5),
        Target("ours", "hand NumPy", 1.4),
        FLOOR,
    ),
)
P3 = Row(
    "P3",
    f"MLP 784-500-500-10, {WORK}, batch 128, SGD with momentum, float32",
    contestants(LARGE),
    targets=(
        Target("ours", "PyTorch eager", 1.15),
        Target("ours", "hand NumPy", 1.1),
        FLOOR,
    ),
)
P3_ADAM = Row(
    "P3-ADAM",
    f"MLP 784-500-500-10, {WORK}, batch 128, Adam, float32",
    contestants(replace(LARGE, adam=True, lr=1e-3), ADAM_BUILDS),
    targets=(
        Target("ours", "PyTorch eager", 1.0),
        Target("ours", "hand NumPy", 1.1),
        FLOOR,
    ),
)
