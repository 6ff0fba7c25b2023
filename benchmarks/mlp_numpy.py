"""P1 to P3 by hand: what NumPy can do without an engine, and the matrix products alone."""

import math
from collections.abc import Callable
from itertools import count, pairwise

import numpy as np

from benchmarks.contest import Job
from benchmarks.mlp_problem import Floats, Problem


def views(problem: Problem, flat: Floats) -> list[tuple[Floats, Floats]]:
    """Weights and biases of each layer as pieces of one flat array."""
    found, start = [], 0
    for inputs, outputs in pairwise(problem.sizes):
        middle = start + inputs * outputs
        end = middle + outputs
        found.append((flat[start:middle].reshape(inputs, outputs), flat[middle:end]))
        start = end
    return found


def momentum(problem: Problem, flat: Floats, grad: Floats) -> Callable[[], None]:
    """SGD with momentum of one flat array."""
    velocity, change = np.zeros_like(flat), np.empty_like(flat)

    def update() -> None:
        np.multiply(velocity, problem.momentum, out=velocity)
        np.add(velocity, grad, out=velocity)
        np.subtract(flat, np.multiply(velocity, problem.lr, out=change), out=flat)

    return update


def adam(problem: Problem, flat: Floats, grad: Floats, chunk: int) -> Callable[[], None]:
    """Adam of one flat array, in pieces of `chunk` elements, which stay in the cache meanwhile.

    The corrections of both averages are moved to the step's length and to ε (Kingma & Ba 2015,
    end of section 2), which saves two passes.
    """
    beta1, beta2 = problem.betas
    whole = flat, grad, np.zeros_like(flat), np.zeros_like(flat)
    starts = range(0, len(flat), chunk)
    pieces = [tuple(array[start : start + chunk] for array in whole) for start in starts]
    scratch = np.empty(min(chunk, len(flat)), flat.dtype)
    steps = count(1)

    def update() -> None:
        t = next(steps)
        root = math.sqrt(1 - beta2**t)
        length, eps = problem.lr * root / (1 - beta1**t), problem.eps * root
        for p, g, mean, square in pieces:
            s = scratch[: len(p)]
            np.multiply(mean, beta1, out=mean)
            np.add(mean, np.multiply(g, 1 - beta1, out=s), out=mean)
            np.multiply(square, beta2, out=square)
            np.multiply(np.multiply(g, g, out=s), 1 - beta2, out=s)
            np.add(square, s, out=square)
            np.add(np.sqrt(square, out=s), eps, out=s)
            np.multiply(np.divide(mean, s, out=s), length, out=s)
            np.subtract(p, s, out=p)

    return update


def by_hand(problem: Problem, chunk: int | None = None) -> Job:
    """Forward, backward and update in preallocated buffers; all parameters in one flat array."""
    batches = problem.stream()
    flat = np.concatenate([part.ravel() for layer in problem.start() for part in layer])
    flat_grad = np.empty_like(flat)
    if problem.adam:
        update = adam(problem, flat, flat_grad, chunk or len(flat))
    else:
        update = momentum(problem, flat, flat_grad)
    layers, grads = views(problem, flat), views(problem, flat_grad)
    n = problem.batch
    hidden = [np.empty((n, size), np.float32) for size in problem.sizes[1:]]  # h, and logits last
    back = [np.empty_like(h) for h in hidden]  # gradients at the pre-activations
    slope = [np.empty_like(h) for h in hidden]
    column, total = np.empty((n, 1), np.float32), np.empty((n, 1), np.float32)
    rows = np.arange(n)
    last = len(layers) - 1
    x, labels, loss = *next(problem.stream()), 0.0

    def forward() -> None:
        nonlocal x, labels, loss
        x, labels = next(batches)
        h = x
        for k, (weights, biases) in enumerate(layers):
            a = np.matmul(h, weights, out=hidden[k])
            a += biases
            h = a if k == last else np.tanh(a, out=a)
        h -= np.maximum.reduce(h, axis=1, keepdims=True, out=column)
        np.exp(h, out=back[last])
        np.add.reduce(back[last], axis=1, keepdims=True, out=total)
        loss = float(np.log(total, out=column).sum() - h[rows, labels].sum()) / n

    def backward() -> None:
        g = back[last]
        np.multiply(total, n, out=column)
        g /= column
        g[rows, labels] -= 1 / n
        for k in range(last, -1, -1):
            into_weights, into_biases = grads[k]
            below = hidden[k - 1] if k else x
            np.matmul(below.T, g, out=into_weights)
            np.add.reduce(g, axis=0, out=into_biases)
            if k:
                g = np.matmul(g, layers[k][0].T, out=back[k - 1])
                s = np.multiply(below, below, out=slope[k - 1])
                g *= np.subtract(1, s, out=s)

    stages = {"forward": forward, "backward": backward, "update": update}
    return Job(stages, check=lambda: [loss])


def products(problem: Problem) -> Job:
    """The floor: the matrix products of a step, into preallocated arrays, and nothing else."""
    (x, _labels), *_ = problem.data()
    layers = problem.start()
    hs = [x] + [np.ones((problem.batch, size), np.float32) for size in problem.sizes[1:]]
    gs = [np.ones_like(h) for h in hs]
    into = [np.empty_like(weights) for weights, _biases in layers]

    def forward() -> None:
        for k, (weights, _biases) in enumerate(layers):
            np.matmul(hs[k], weights, out=hs[k + 1])

    def backward() -> None:
        for k in range(len(layers) - 1, -1, -1):
            np.matmul(hs[k].T, gs[k + 1], out=into[k])
            if k:
                np.matmul(gs[k + 1], layers[k][0].T, out=gs[k])

    return Job({"forward": forward, "backward": backward})
