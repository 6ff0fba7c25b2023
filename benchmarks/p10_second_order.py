"""P10: a Hessian-vector product of P1's loss; the Jacobian of a layer tanh(x W + b), 64 to 64.

A Hessian-vector product starts from the parameters, so each step is forward and backward, and
backward through that. The Jacobian is with respect to one input of 64 numbers.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.contest import Contestant, Job, Row, Target
from benchmarks.mlp_problem import Floats, Problem
from benchmarks.p1_p3_mlp import SMALL
from benchmarks.p6_elementwise import summary

WIDTH = 64
Inputs = tuple[list[Floats], list[Floats]]


def places(problem: Problem) -> Inputs:
    """The parameters, one by one, and the vector that the Hessian is multiplied with."""
    parameters = [part for layer in problem.start() for part in layer]
    rng = np.random.default_rng(2)
    return parameters, [rng.standard_normal(p.shape).astype(np.float32) for p in parameters]


def layer(width: int) -> tuple[Floats, Floats, Floats]:
    """x, W and b."""
    rng = np.random.default_rng(3)
    x, b = rng.standard_normal((2, width)).astype(np.float32)
    return x, (rng.standard_normal((width, width)) / width**0.5).astype(np.float32), b


def stepped(compute: Callable[[], Any]) -> Job:
    """One stage; the check is of all the arrays that it returns."""
    found: Any = None

    def step() -> None:
        nonlocal found
        found = compute()

    def check() -> list[float]:
        parts = found if isinstance(found, (list, tuple)) else [found]
        return summary(np.concatenate([np.asarray(part).ravel() for part in parts]))

    return Job({"step": step}, check)


# --- the Hessian-vector product ------------------------------------------------------------------


def hvp_ours(problem: Problem) -> Job:
    """`ag.hvp` of the loss as a function of its four arrays."""
    import autograd_core as ag
    import nn

    x, labels = problem.data()[0]
    parameters, vector = places(problem)

    def loss(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        return nn.cross_entropy(np.tanh(x @ w1 + b1) @ w2 + b2, labels)

    return stepped(lambda: ag.hvp(loss, tuple(parameters), tuple(vector)))


def hvp_pytorch(problem: Problem, by_hand: bool) -> Job:
    """`torch.autograd.functional.hvp`, or `by_hand` two calls of `torch.autograd.grad`."""
    import torch
    from torch.autograd.functional import hvp
    from torch.nn.functional import cross_entropy

    x, labels = map(torch.from_numpy, problem.data()[0])
    parameters, vector = (tuple(map(torch.from_numpy, part)) for part in places(problem))

    def loss(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        return cross_entropy(torch.tanh(x @ w1 + b1) @ w2 + b2, labels)

    if not by_hand:
        return stepped(lambda: hvp(loss, parameters, vector)[1])
    for p in parameters:
        p.requires_grad_()

    def twice() -> Any:
        slopes = torch.autograd.grad(loss(*parameters), parameters, create_graph=True)
        return torch.autograd.grad(slopes, parameters, vector)

    return stepped(twice)


def hvp_jax(problem: Problem) -> Job:
    """Forward mode over reverse mode, compiled."""
    import jax
    import jax.numpy as jnp

    x, one_hot = jax.device_put(problem.one_hot()[0])
    parameters, vector = jax.device_put(places(problem))

    def loss(parameters: Any) -> Any:
        w1, b1, w2, b2 = parameters
        logits = jnp.tanh(x @ w1 + b1) @ w2 + b2
        return -jnp.mean(jnp.sum(jax.nn.log_softmax(logits) * one_hot, axis=1))

    @jax.jit
    def product(parameters: Any, vector: Any) -> Any:
        return jax.jvp(jax.grad(loss), (parameters,), (vector,))[1]

    return stepped(lambda: jax.block_until_ready(product(parameters, vector)))


def hvp_hips(problem: Problem, flat: bool) -> Job:
    """`hessian_vector_product`, which takes one array, so pieces of a `flat` one; or `make_hvp`,
    which takes a list."""
    import autograd.numpy as anp
    from autograd import hessian_vector_product, make_hvp

    x, one_hot = problem.one_hot()[0]
    parameters, vector = places(problem)

    def loss(parameters: Any) -> Any:
        w1, b1, w2, b2 = parameters
        logits = anp.dot(anp.tanh(anp.dot(x, w1) + b1), w2) + b2
        logits = logits - anp.max(logits, axis=1, keepdims=True)
        totals = anp.log(anp.sum(anp.exp(logits), axis=1))
        return anp.mean(totals - anp.sum(logits * one_hot, axis=1))

    if not flat:
        product = make_hvp(loss)
        return stepped(lambda: product(parameters)[0](vector))  # the other is the gradient
    shapes = [p.shape for p in parameters]
    ends = np.cumsum([p.size for p in parameters])
    pieces = [(end - p.size, end) for end, p in zip(ends, parameters, strict=True)]

    def of_flat(whole: Any) -> Any:
        cut = zip(pieces, shapes, strict=True)
        return loss([whole[start:end].reshape(shape) for (start, end), shape in cut])

    point, direction = (np.concatenate([p.ravel() for p in part]) for part in (parameters, vector))
    multiplied = hessian_vector_product(of_flat)
    return stepped(lambda: multiplied(point, direction))


# --- the Jacobian --------------------------------------------------------------------------------


def jacobian_ours(width: int) -> Job:
    """`ag.jacobian`."""
    import autograd_core as ag

    x, w, b = layer(width)
    differentiated = ag.jacobian(lambda x: np.tanh(x @ w + b))
    return stepped(lambda: differentiated(x))


def jacobian_pytorch(width: int, rows: str) -> Job:
    """`torch.func.jacrev`, or `torch.autograd.functional.jacobian`, row by row."""
    import torch

    x, w, b = map(torch.from_numpy, layer(width))

    def f(x: Any) -> Any:
        return torch.tanh(x @ w + b)

    if rows == "jacrev":
        differentiated = torch.func.jacrev(f)
        return stepped(lambda: differentiated(x))
    return stepped(lambda: torch.autograd.functional.jacobian(f, x))


def jacobian_jax(width: int) -> Job:
    """`jacrev`, compiled."""
    import jax
    import jax.numpy as jnp

    x, w, b = jax.device_put(layer(width))
    differentiated = jax.jit(jax.jacrev(lambda x: jnp.tanh(x @ w + b)))
    return stepped(lambda: jax.block_until_ready(differentiated(x)))


def jacobian_hips(width: int) -> Job:
    """`jacobian`."""
    import autograd.numpy as anp
    from autograd import jacobian

    x, w, b = layer(width)
    differentiated = jacobian(lambda x: anp.tanh(anp.dot(x, w) + b))
    return stepped(lambda: differentiated(x))


def jacobian_by_hand(width: int) -> Job:
    """(1 - tanh²) as a column times Wᵀ."""
    x, w, b = layer(width)
    return stepped(lambda: (1 - np.tanh(x @ w + b) ** 2)[:, None] * w.T)


Builds = tuple[tuple[str, Callable[[Any], Job], tuple[str, ...]], ...]
HVP: Builds = (
    ("ours", hvp_ours, ("autograd_core", "nn")),
    ("PyTorch functional.hvp", partial(hvp_pytorch, by_hand=False), ("torch",)),
    ("PyTorch, grad of grad", partial(hvp_pytorch, by_hand=True), ("torch",)),
    ("JAX jit", hvp_jax, ("jax",)),
    ("HIPS hessian_vector_product", partial(hvp_hips, flat=True), ("autograd",)),
    ("HIPS make_hvp", partial(hvp_hips, flat=False), ("autograd",)),
)
JACOBIAN: Builds = (
    ("ours", jacobian_ours, ("autograd_core",)),
    ("PyTorch functional.jacobian", partial(jacobian_pytorch, rows="one by one"), ("torch",)),
    ("PyTorch jacrev", partial(jacobian_pytorch, rows="jacrev"), ("torch",)),
    ("JAX jit", jacobian_jax, ("jax",)),
    ("HIPS autograd", jacobian_hips, ("autograd",)),
    ("hand NumPy", jacobian_by_hand, ()),
)


def contestants(problem: Problem, width: int) -> tuple[Contestant, ...]:
    """Those of the product, then those of the Jacobian."""
    return tuple(
        Contestant(f"{name}: {what}", partial(build, of), needs, rival=f"ours: {what}")
        for what, builds, of in (("hvp", HVP, problem), ("Jacobian", JACOBIAN, width))
        for name, build, needs in builds
    )


P10 = Row(
    "P10",
    "Hessian-vector product of P1's loss; Jacobian of a layer tanh(x W + b), 64 to 64, at x",
    contestants(SMALL, WIDTH),
    checked="norm and weighted sum",
    tolerance=1e-4,
    targets=(
        Target("ours: hvp", ("PyTorch functional.hvp: hvp", "PyTorch, grad of grad: hvp"), 0.6),
        Target("ours: hvp", "HIPS hessian_vector_product: hvp", 0.15),
        Target("ours: hvp", "HIPS make_hvp: hvp"),
        Target("ours: Jacobian", "HIPS autograd: Jacobian", 0.2),
        Target("ours: Jacobian", "PyTorch jacrev: Jacobian"),
        Target("ours: Jacobian", "JAX jit: Jacobian"),
    ),
)
