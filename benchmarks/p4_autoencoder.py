"""P4: one step of training a tied-weight denoising autoencoder.

h = σ(x̃ W + b), a = h Wᵀ + c, and the cross-entropy of σ(a) with the clean x: Σ softplus(a) - a x,
summed over the inputs, averaged over the batch. W is used twice, so its gradient has two terms.
Everyone is given the same corrupted batches, drawn beforehand. SGD without momentum.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from typing import Any

import numpy as np

from benchmarks.contest import Contestant, Job, Row, Target
from benchmarks.mlp_problem import Floats


@dataclass(frozen=True)
class Denoising:
    """The sizes, the data and the start."""

    inputs: int = 784
    hidden: int = 500
    batch: int = 20
    batches: int = 8  # different ones, in rotation
    level: float = 0.3  # the part of the inputs that is set to 0
    lr: float = 0.1

    def start(self) -> tuple[Floats, Floats, Floats]:
        """W, Glorot-uniform, and b and c, zero."""
        rng = np.random.default_rng(0)
        bound = (6 / (self.inputs + self.hidden)) ** 0.5
        w = rng.uniform(-bound, bound, (self.inputs, self.hidden)).astype(np.float32)
        return w, np.zeros(self.hidden, np.float32), np.zeros(self.inputs, np.float32)

    def data(self) -> list[tuple[Floats, Floats]]:
        """Batches in [0, 1], corrupted and clean: mixtures of a few patterns, as ink on paper."""
        rng = np.random.default_rng(1)
        patterns = rng.random((10, self.inputs)) ** 3
        found = []
        for _ in range(self.batches):
            clean = patterns[rng.integers(10, size=self.batch)] * rng.uniform(0.5, 1, self.inputs)
            kept = rng.random(clean.shape) >= self.level
            found.append(((clean * kept).astype(np.float32), clean.astype(np.float32)))
        return found


def ours(it: Denoising) -> Job:
    """`nn.Autoencoder` and its loss, `optim.SGD`, as a user writes it."""
    import autograd_core as ag
    import nn
    import optim

    model = nn.Autoencoder(it.inputs, it.hidden, dtype="float32")
    for parameter, value in zip(model.parameters(), it.start(), strict=True):
        parameter.data = value
    optimizer = optim.SGD(model.parameters(), lr=it.lr)
    batches = cycle([(ag.Tensor(x), ag.Tensor(clean)) for x, clean in it.data()])
    loss: Any = None

    def forward() -> None:
        nonlocal loss
        x, clean = next(batches)
        loss = model.loss(model(x), clean)

    def backward() -> None:
        optimizer.zero_grad()
        loss.backward()

    stages = {"forward": forward, "backward": backward, "update": optimizer.step}
    return Job(stages, check=lambda: [loss.item()])


def by_hand(it: Denoising) -> Job:
    """Everything into preallocated buffers.

    a is computed as the transpose of W hᵀ: for few rows BLAS is faster so.
    """
    w, b, c = (part.copy() for part in it.start())
    batches, n = cycle(it.data()), it.batch
    h, into_h, slope = (np.empty((n, it.hidden), np.float32) for _ in range(3))
    at, total, f = (np.empty((n, it.inputs), np.float32) for _ in range(3))
    columns = np.empty((it.inputs, n), np.float32)
    into_w, second, change = (np.empty_like(w) for _ in range(3))
    into_b, into_c = np.empty_like(b), np.empty_like(c)
    x, clean = it.data()[0]
    a, loss = np.empty((n, it.inputs), np.float32), 0.0

    def sigmoid(a: Floats, out: Floats) -> Floats:
        np.exp(np.negative(a, out=out), out=out)
        return np.reciprocal(np.add(out, 1, out=out), out=out)

    def forward() -> None:
        nonlocal x, clean, loss
        x, clean = next(batches)
        np.add(np.matmul(x, w, out=h), b, out=h)
        sigmoid(h, out=h)
        np.add(np.matmul(w, h.T, out=columns).T, c, out=a)
        # softplus(a) - a x, without overflow
        np.exp(np.negative(np.abs(a, out=total), out=total), out=total)
        np.log1p(total, out=total)
        np.subtract(total, np.multiply(a, clean, out=at), out=total)
        np.add(total, np.maximum(a, 0, out=at), out=total)
        loss = float(total.sum()) / n

    def backward() -> None:
        g = sigmoid(a, out=f)
        np.multiply(np.subtract(g, clean, out=g), 1 / n, out=g)
        np.add.reduce(g, axis=0, out=into_c)
        np.matmul(g.T, h, out=into_w)
        np.matmul(g, w, out=into_h)
        np.multiply(np.subtract(1, h, out=slope), h, out=slope)
        np.multiply(into_h, slope, out=into_h)
        np.add.reduce(into_h, axis=0, out=into_b)
        np.add(into_w, np.matmul(x.T, into_h, out=second), out=into_w)

    def update() -> None:
        np.subtract(w, np.multiply(into_w, it.lr, out=change), out=w)
        np.subtract(b, np.multiply(into_b, it.lr, out=into_b), out=b)
        np.subtract(c, np.multiply(into_c, it.lr, out=into_c), out=c)

    stages = {"forward": forward, "backward": backward, "update": update}
    return Job(stages, check=lambda: [loss])


def allocating(it: Denoising) -> Job:
    """The same as one writes it first: a new array for each intermediate result."""
    w, b, c = (part.copy() for part in it.start())
    batches, n = cycle(it.data()), it.batch
    x, clean = it.data()[0]
    h = a = into_w = into_b = into_c = x
    loss = 0.0

    def forward() -> None:
        nonlocal x, clean, h, a, loss
        x, clean = next(batches)
        h = 1 / (1 + np.exp(-(x @ w + b)))
        a = h @ w.T + c
        each = np.maximum(a, 0) - a * clean + np.log1p(np.exp(-np.abs(a)))
        loss = float(each.sum()) / n

    def backward() -> None:
        nonlocal into_w, into_b, into_c
        g = (1 / (1 + np.exp(-a)) - clean) / n
        into_c = g.sum(axis=0)
        into_h = (g @ w) * h * (1 - h)
        into_b = into_h.sum(axis=0)
        into_w = x.T @ into_h + g.T @ h

    def update() -> None:
        nonlocal w, b, c
        w -= it.lr * into_w
        b -= it.lr * into_b
        c -= it.lr * into_c

    stages = {"forward": forward, "backward": backward, "update": update}
    return Job(stages, check=lambda: [loss])


def products(it: Denoising) -> Job:
    """The floor: the products of a step with W's size, and nothing else."""
    w, _b, _c = it.start()
    ((x, clean), *_) = it.data()
    h = np.ones((it.batch, it.hidden), np.float32)
    into_h, columns = np.empty_like(h), np.empty((it.inputs, it.batch), np.float32)
    into_w, second = np.empty_like(w), np.empty_like(w)

    def forward() -> None:
        np.matmul(x, w, out=into_h)
        np.matmul(w, h.T, out=columns)

    def backward() -> None:
        np.matmul(clean.T, h, out=into_w)
        np.matmul(clean, w, out=into_h)
        np.matmul(x.T, h, out=second)

    return Job({"forward": forward, "backward": backward})


def pytorch(it: Denoising) -> Job:
    """Eager: functions of three parameters, since no module of its own is tied, and `optim.SGD`."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits, linear

    w, b, c = (torch.from_numpy(part).requires_grad_() for part in it.start())
    optimizer = torch.optim.SGD([w, b, c], lr=it.lr)
    batches = cycle([tuple(map(torch.from_numpy, batch)) for batch in it.data()])
    loss: Any = None

    def forward() -> None:
        nonlocal loss
        x, clean = next(batches)
        h = torch.sigmoid(torch.addmm(b, x, w))
        total = binary_cross_entropy_with_logits(linear(h, w, c), clean, reduction="sum")
        loss = total / it.batch

    def backward() -> None:
        optimizer.zero_grad()
        loss.backward()

    stages = {"forward": forward, "backward": backward, "update": optimizer.step}
    return Job(stages, check=lambda: [loss.item()])


def jax(it: Denoising) -> Job:
    """The whole step compiled; the old parameters' memory is given to the new ones."""
    import jax
    import jax.numpy as jnp

    def mean_loss(parameters: Any, x: Any, clean: Any) -> Any:
        w, b, c = parameters
        a = jax.nn.sigmoid(x @ w + b) @ w.T + c
        return jnp.sum(jax.nn.softplus(a) - a * clean) / it.batch

    @partial(jax.jit, donate_argnums=0)
    def trained(parameters: Any, x: Any, clean: Any) -> Any:
        loss, grads = jax.value_and_grad(mean_loss)(parameters, x, clean)
        return jax.tree.map(lambda p, g: p - it.lr * g, parameters, grads), loss

    parameters: Any = jax.device_put(it.start())
    batches = cycle([jax.device_put(batch) for batch in it.data()])
    loss: Any = None

    def step() -> None:
        nonlocal parameters, loss
        parameters, loss = trained(parameters, *next(batches))
        jax.block_until_ready((parameters, loss))

    return Job({"step": step}, check=lambda: [float(loss)])


def hips(it: Denoising) -> Job:
    """HIPS autograd: `value_and_grad` of a function of the list of parameters."""
    import autograd.numpy as anp
    from autograd import value_and_grad

    def mean_loss(parameters: Any, x: Any, clean: Any) -> Any:
        w, b, c = parameters
        h = 1 / (1 + anp.exp(-(anp.dot(x, w) + b)))
        a = anp.dot(h, w.T) + c
        each = anp.maximum(a, 0) - a * clean + anp.log1p(anp.exp(-anp.abs(a)))
        return anp.sum(each) / it.batch

    parameters, batches = list(it.start()), cycle(it.data())
    differentiated = value_and_grad(mean_loss)
    loss: Any = None
    grads: Any = None

    def gradient() -> None:
        nonlocal loss, grads
        loss, grads = differentiated(parameters, *next(batches))

    def update() -> None:
        for p, g in zip(parameters, grads, strict=True):
            p -= it.lr * g

    stages = {"forward and backward": gradient, "update": update}
    return Job(stages, check=lambda: [float(loss)])


def mygrad(it: Denoising) -> Job:
    """MyGrad with its own sigmoid; its guard against mutation off, as it advises."""
    import mygrad as mg
    from mygrad.nnet.activations import sigmoid

    mg.turn_memory_guarding_off()
    w, b, c = parameters = [mg.tensor(part) for part in it.start()]
    batches = cycle(it.data())
    loss: Any = None

    def forward() -> None:
        nonlocal loss
        x, clean = next(batches)
        a = mg.matmul(sigmoid(mg.matmul(x, w) + b), w.T) + c
        each = mg.maximum(a, 0) - a * clean + mg.log1p(mg.exp(-mg.abs(a)))
        loss = each.sum() / it.batch

    def backward() -> None:
        loss.backward()

    def update() -> None:
        for p in parameters:
            p.data -= it.lr * p.grad
            p.null_grad()

    stages = {"forward": forward, "backward": backward, "update": update}
    return Job(stages, check=lambda: [loss.item()])


Build = Callable[[Denoising], Job]
BUILDS: tuple[tuple[str, Build, dict[str, Any]], ...] = (
    ("ours", ours, {"needs": ("autograd_core", "nn", "optim")}),
    ("hand NumPy", by_hand, {}),
    ("hand NumPy, 1 thread", by_hand, {"threads": 1}),
    ("hand NumPy, allocating", allocating, {}),
    ("matrix products alone", products, {}),
    ("matrix products alone, 1 thread", products, {"threads": 1}),
    ("PyTorch eager", pytorch, {"needs": ("torch",)}),
    ("JAX jit", jax, {"needs": ("jax",)}),
    ("HIPS autograd", hips, {"needs": ("autograd",)}),
    ("MyGrad", mygrad, {"needs": ("mygrad",)}),
)


def contestants(it: Denoising) -> tuple[Contestant, ...]:
    """Everyone who trains the autoencoder."""
    return tuple(Contestant(name, partial(build, it), **how) for name, build, how in BUILDS)


P4 = Row(
    "P4",
    "tied denoising autoencoder 784-500, sigmoid, cross-entropy, batch 20, SGD, float32",
    contestants(Denoising()),
    targets=(
        Target("ours", "PyTorch eager", 1.1),
        Target("ours", "hand NumPy", 1.05),
        Target("ours", "hand NumPy, allocating"),
        Target("ours", "matrix products alone"),
    ),
)
