"""What an installed distribution must do with its base dependencies only: train, check, draw.

Run by `try_wheel.py` in an empty environment; `dot` is not on its path.
"""

import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np

import autograd_core as ag
import nn
import optim
import viz


def main() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(100, 2))
    labels = (inputs[:, 0] * inputs[:, 1] > 0).astype(int)

    model = nn.MLP([2, 16, 2], activation="tanh", rng=rng)
    optimizer = optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    for _ in range(50):
        for x, y in optim.minibatches(inputs, labels, batch_size=20, rng=rng):
            loss = nn.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    accuracy = np.mean(np.argmax(model(inputs).data, axis=1) == labels)
    assert accuracy > 0.9, accuracy

    net = nn.MLP([2, 16, 2], batch_norm=True, rng=rng)
    with ag.seed(0):
        history = optim.fit(net, nn.cross_entropy, (inputs, labels), "adam", lr=0.03, epochs=60)
    losses = history["training loss"]
    assert losses[-1] < 0.8 * losses[0], losses

    second = ag.grad(ag.grad(np.tanh))(0.5)
    assert np.isclose(second, -2 * np.tanh(0.5) / np.cosh(0.5) ** 2), second

    assert shutil.which("dot") is None
    viz.flow_graph(nn.cross_entropy(model(inputs[:4]), labels[:4])).save("flow_graph.svg")
    drawn = Path("flow_graph.svg").read_text(encoding="utf-8")
    assert "<svg" in drawn
    assert "x W + b" in drawn

    print(f"autograd-core {version('autograd-core')}: accuracy {accuracy:.2f}, SVG {len(drawn)} B")


if __name__ == "__main__":
    main()
