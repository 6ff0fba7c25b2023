"""L10: back-propagation by the lecture's formulas, beside the engine's gradients, on the digits.

With examples as rows, and W here the lecture's transposed, from the output down:

    ∇a(L+1) = f(x) - e(y)        ∇W(k) = h(k-1)ᵀ ∇a(k)        ∇b(k) = Σ ∇a(k) over the examples
    ∇h(k-1) = ∇a(k) W(k)ᵀ        ∇a(k-1) = ∇h(k-1) ⊙ g'(a(k-1))

The engine has none of these written down; it has a rule for each operation (L12), and visits the
boxes of the flow graph (L6) in reverse order: a page steps through that, forward and back, and a
handout has a drawing for each step.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import nn
import viz

from .common import Array, Part, digits, parse, table

#: Activations g, and their derivatives g' (L11) as a function of a and of h = g(a).
ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]] = {
    "sigmoid": (lambda a: 1 / (1 + np.exp(-a)), lambda _a, h: h * (1 - h)),
    "tanh": (np.tanh, lambda _a, h: 1 - h**2),
    "relu": (lambda a: np.maximum(0, a), lambda a, _h: (a > 0).astype(float)),
}


def by_hand(parameters: list[Array], activation: str, X: Array, y: Array) -> list[Array]:
    """The gradient of the mean loss for each of W(1), b(1), W(2), ..., in NumPy alone."""
    g, g_prime = ACTIVATIONS[activation]
    weights, biases = parameters[::2], parameters[1::2]
    # Forward, keeping each a(k) and h(k).
    a: list[Array] = []
    h: list[Array] = [X]
    for W, b in zip(weights, biases, strict=True):
        a.append(h[-1] @ W + b)
        h.append(g(a[-1]))
    e = np.exp(a[-1] - a[-1].max(axis=1, keepdims=True))
    f = e / e.sum(axis=1, keepdims=True)
    # Back: ∇a of the output first, each layer's ∇W and ∇b, then ∇h and ∇a of the layer below.
    gradients: list[Array] = []
    da = (f - np.eye(f.shape[1])[y]) / len(X)
    for k in reversed(range(len(weights))):
        gradients = [h[k].T @ da, da.sum(axis=0), *gradients]
        if k:
            da = (da @ weights[k].T) * g_prime(a[k - 1], h[k])
    return gradients


def compare(model: nn.MLP, activation: str, examples: Part) -> dict[str, float]:
    """‖formula - engine‖ / ‖engine‖ for each parameter, by its name in the lecture."""
    X, y = examples
    nn.cross_entropy(model(X), y).backward()
    parameters = model.parameters()
    formulas = by_hand([p.data for p in parameters], activation, X, y)
    found = {}
    for p, formula in zip(parameters, formulas, strict=True):
        assert p.grad is not None
        name = re.sub(r"(\w)(\d)", r"\1(\2)", p.name or "")
        found[name] = float(np.linalg.norm(formula - p.grad) / np.linalg.norm(p.grad))
    return found


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Compare formulas and engine for three activations; draw both passes, whole and in steps."""
    options = parse(arguments, "backprop_by_hand", __doc__)
    X, y = digits(options).train
    if options.quick:
        X, y = X[:50], y[:50]
    sizes = [64, 40, 20, 10]

    errors = {
        activation: compare(nn.MLP(sizes, activation, rng=options.rng()), activation, (X, y))
        for activation in ACTIVATIONS
    }
    shape = "-".join(map(str, sizes))
    print(f"{shape} network, {len(X)} digits: ‖formula - engine‖ / ‖engine‖")
    names = list(errors["tanh"])
    table(["", *errors], [[name, *(f"{errors[g][name]:.1e}" for g in errors)] for name in names])

    model = nn.MLP(sizes, "tanh", rng=options.rng())
    graph = viz.flow_graph(lambda x: nn.cross_entropy(model(x), y), X)
    drawn = [
        graph.save(options.out / "backprop_by_hand.svg"),
        graph.save(options.out / "backprop_by_hand.html"),
        graph.frames().save(options.out / "backprop_by_hand_handout.html"),
    ]
    about = ("the graph", f"steps through it, {len(graph.steps)} steps", "the steps on paper")
    for path, words in zip(drawn, about, strict=True):
        print(f"picture: {path} ({words})")
    return {"errors": errors, "graph": graph, "pictures": drawn}


if __name__ == "__main__":
    main()
