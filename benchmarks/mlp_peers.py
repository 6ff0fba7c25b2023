"""P1 to P3 in the peers, each in its usual style; PyTorch in a leaner one as well."""

from collections.abc import Callable, Sequence
from itertools import count, cycle
from typing import Any

import numpy as np

from benchmarks.contest import Job
from benchmarks.mlp_problem import Floats, Problem


def pytorch(problem: Problem, **how: bool) -> Job:
    """Eager: `nn.Sequential`, `cross_entropy`, `optim.SGD` or `Adam`, as its tutorials write it.

    `how` are options of the optimizer (`foreach`, `fused`)."""
    import torch
    from torch import nn
    from torch.nn.functional import cross_entropy

    layers: list[nn.Module] = []
    for weights, biases in problem.start():
        linear = nn.Linear(*weights.shape)
        linear.weight.data = torch.from_numpy(weights.T.copy())
        linear.bias.data = torch.from_numpy(biases)
        layers += [linear, nn.Tanh()]
    model = nn.Sequential(*layers[:-1])
    optimizer: torch.optim.Optimizer
    if problem.adam:
        optimizer = torch.optim.Adam(
            model.parameters(), problem.lr, problem.betas, problem.eps, **how
        )
    else:
        optimizer = torch.optim.SGD(
            model.parameters(), lr=problem.lr, momentum=problem.momentum, **how
        )
    batches = cycle([(torch.from_numpy(x), torch.from_numpy(y)) for x, y in problem.data()])
    loss: Any = None

    def forward() -> None:
        nonlocal loss
        x, labels = next(batches)
        loss = cross_entropy(model(x), labels)

    def backward() -> None:
        optimizer.zero_grad()
        loss.backward()

    stages = {"forward": forward, "backward": backward, "update": optimizer.step}
    return Job(stages, check=lambda: [loss.item()])


def pytorch_lean(problem: Problem) -> Job:
    """Eager without modules and optimizer objects: functions and a few grouped updates."""
    import torch
    from torch.nn.functional import cross_entropy

    layers = [
        (torch.from_numpy(weights).requires_grad_(), torch.from_numpy(biases).requires_grad_())
        for weights, biases in problem.start()
    ]
    parameters = [part for layer in layers for part in layer]
    velocity = [torch.zeros_like(p) for p in parameters]
    batches = cycle([(torch.from_numpy(x), torch.from_numpy(y)) for x, y in problem.data()])
    loss: Any = None
    grads: Any = None

    def forward() -> None:
        nonlocal loss
        h, labels = next(batches)
        for weights, biases in layers[:-1]:
            h = torch.tanh(torch.addmm(biases, h, weights))
        loss = cross_entropy(torch.addmm(layers[-1][1], h, layers[-1][0]), labels)

    def backward() -> None:
        nonlocal grads
        grads = torch.autograd.grad(loss, parameters)

    @torch.no_grad()
    def update() -> None:
        torch._foreach_mul_(velocity, problem.momentum)
        torch._foreach_add_(velocity, grads)
        torch._foreach_add_(parameters, velocity, alpha=-problem.lr)

    stages = {"forward": forward, "backward": backward, "update": update}
    return Job(stages, check=lambda: [loss.item()])


def jax(problem: Problem) -> Job:
    """The whole step compiled; the old parameters' memory is given to the new ones."""
    from functools import partial

    import jax
    import jax.numpy as jnp

    def mean_loss(layers: Any, x: Any, one_hot: Any) -> Any:
        h = x
        for weights, biases in layers[:-1]:
            h = jnp.tanh(h @ weights + biases)
        logits = h @ layers[-1][0] + layers[-1][1]
        return -jnp.mean(jnp.sum(jax.nn.log_softmax(logits) * one_hot, axis=1))

    def momentum(layers: Any, state: Any, grads: Any) -> Any:
        velocity = jax.tree.map(lambda v, g: problem.momentum * v + g, state, grads)
        return jax.tree.map(lambda p, v: p - problem.lr * v, layers, velocity), velocity

    def adam(layers: Any, state: Any, grads: Any) -> Any:
        beta1, beta2 = problem.betas
        t, means, squares = state
        t += 1
        means = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, means, grads)
        squares = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, squares, grads)
        length, root = problem.lr / (1 - beta1**t), jnp.sqrt(1 - beta2**t)

        def moved(p: Any, m: Any, v: Any) -> Any:
            return p - length * m / (jnp.sqrt(v) / root + problem.eps)

        return jax.tree.map(moved, layers, means, squares), (t, means, squares)

    updated = adam if problem.adam else momentum

    @partial(jax.jit, donate_argnums=(0, 1))
    def trained(layers: Any, state: Any, x: Any, one_hot: Any) -> Any:
        loss, grads = jax.value_and_grad(mean_loss)(layers, x, one_hot)
        return *updated(layers, state, grads), loss

    layers: Any = jax.device_put(problem.start())
    state: Any = jax.tree.map(jnp.zeros_like, layers)
    if problem.adam:
        state = jnp.float32(0), state, jax.tree.map(jnp.zeros_like, layers)
    batches = cycle([jax.device_put(batch) for batch in problem.one_hot()])
    loss: Any = None

    def step() -> None:
        nonlocal layers, state, loss
        layers, state, loss = trained(layers, state, *next(batches))
        jax.block_until_ready((layers, state, loss))

    return Job({"step": step}, check=lambda: [float(loss)])


def by_formula(
    problem: Problem, parameters: Sequence[Floats]
) -> Callable[[Sequence[Floats]], None]:
    """The update of arrays by the formula, for engines that come without optimizers."""
    means = [np.zeros_like(p) for p in parameters]

    def momentum(grads: Sequence[Floats]) -> None:
        for p, v, g in zip(parameters, means, grads, strict=True):
            v *= problem.momentum
            v += g
            p -= problem.lr * v

    squares = [np.zeros_like(p) for p in parameters] if problem.adam else []
    steps = count(1)
    beta1, beta2 = problem.betas

    def adam(grads: Sequence[Floats]) -> None:
        t = next(steps)
        for p, m, v, g in zip(parameters, means, squares, grads, strict=True):
            m *= beta1
            m += (1 - beta1) * g
            v *= beta2
            v += (1 - beta2) * g * g
            root = np.sqrt(v / (1 - beta2**t))
            p -= problem.lr / (1 - beta1**t) * m / (root + problem.eps)

    return adam if problem.adam else momentum


def hips(problem: Problem) -> Job:
    """HIPS autograd: `value_and_grad` of a function of the list of parameters."""
    import autograd.numpy as anp
    from autograd import value_and_grad

    parameters = [part for layer in problem.start() for part in layer]
    updated = by_formula(problem, parameters)
    batches = cycle(problem.one_hot())

    def mean_loss(parameters: Any, x: Any, one_hot: Any) -> Any:
        h = x
        for k in range(0, len(parameters) - 2, 2):
            h = anp.tanh(anp.dot(h, parameters[k]) + parameters[k + 1])
        logits = anp.dot(h, parameters[-2]) + parameters[-1]
        logits = logits - anp.max(logits, axis=1, keepdims=True)
        totals = anp.log(anp.sum(anp.exp(logits), axis=1))
        return anp.mean(totals - anp.sum(logits * one_hot, axis=1))

    differentiated = value_and_grad(mean_loss)
    loss: Any = None
    grads: Any = None

    def gradient() -> None:
        nonlocal loss, grads
        loss, grads = differentiated(parameters, *next(batches))

    stages = {"forward and backward": gradient, "update": lambda: updated(grads)}
    return Job(stages, check=lambda: [float(loss)])


def mygrad(problem: Problem) -> Job:
    """MyGrad with its own softmax cross-entropy; its guard against mutation off, as it advises."""
    import mygrad as mg
    from mygrad.nnet.losses import softmax_crossentropy

    mg.turn_memory_guarding_off()
    layers = [(mg.tensor(weights), mg.tensor(biases)) for weights, biases in problem.start()]
    parameters = [part for layer in layers for part in layer]
    updated = by_formula(problem, [p.data for p in parameters])
    batches = problem.stream()
    loss: Any = None

    def forward() -> None:
        nonlocal loss
        x, labels = next(batches)
        h: Any = x
        for weights, biases in layers[:-1]:
            h = mg.tanh(mg.matmul(h, weights) + biases)
        loss = softmax_crossentropy(mg.matmul(h, layers[-1][0]) + layers[-1][1], labels)

    def backward() -> None:
        loss.backward()

    def update() -> None:
        updated([p.grad for p in parameters])
        for p in parameters:
            p.null_grad()

    stages = {"forward": forward, "backward": backward, "update": update}
    return Job(stages, check=lambda: [loss.item()])
