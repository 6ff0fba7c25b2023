"""Draw the pictures of the README and of the documentation into docs/images.

With our own layout, so that the same files come out whether Graphviz is installed or not.
"""

from pathlib import Path

import numpy as np

import autograd_core as ag
import viz

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"


def readme() -> viz.FlowGraph:
    """The loss of the README's ten lines."""
    x = np.array([[0.0, 1.0], [1.0, 0.5]])
    w = ag.Tensor([[0.5], [-1.0]], requires_grad=True, name="w")
    b = ag.Tensor(0.1, requires_grad=True, name="b")
    return viz.flow_graph(lambda w, b: np.mean(np.tanh(x @ w + b) ** 2), w, b, engine="builtin")


def neuron() -> viz.FlowGraph:
    """The neuron of the lecture's page."""
    x = np.array([0.3, 0.2])
    w = ag.Tensor([1.0, -2.0], requires_grad=True, name="w")
    b = ag.Tensor(0.5, requires_grad=True, name="b")
    return viz.flow_graph(lambda w, b: ag.tanh(b + ag.sum(w * x)), w, b, engine="builtin")


PICTURES = {"flow_graph.svg": readme, "neuron.svg": neuron}


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for name, draw in PICTURES.items():
        draw().save(IMAGES / name)
