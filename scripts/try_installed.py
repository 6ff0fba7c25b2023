"""What an installed distribution must do with its base dependencies only: train, check, draw.

Run by `try_wheel.py` in an empty environment; `dot` is not on its path.
"""

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from importlib.metadata import version
from pathlib import Path

import numpy as np

import autograd_core as ag
import nn
import optim
import viz
from viz.page.assets import unpack


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
    picture = viz.flow_graph(lambda x: nn.cross_entropy(model(x), labels[:4]), inputs[:4])
    drawn = picture.save("flow_graph.svg").read_text(encoding="utf-8")
    ET.fromstring(drawn)
    assert "x W + b" in drawn
    # The page's scripts and styles lie beside the code, and have to have come along.
    page = picture.save("flow_graph.html").read_text(encoding="utf-8")
    (packed,) = re.findall(r'unpack\("([^"]+)"\)', page)
    style, elements, script = unpack(packed).split("\0")
    assert "prefers-reduced-motion" in style
    assert "<svg" in elements
    assert "layered" in script
    assert "cross_entropy" in picture.text()
    again = viz.load(picture.save("flow_graph.json"))
    assert again.svg() == drawn
    command = [sys.executable, "-m", "viz", "flow_graph.json", "-o", "again.html"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert Path("again.html").read_text(encoding="utf-8") == page

    print(
        f"autograd-core {version('autograd-core')}: accuracy {accuracy:.2f}, "
        f"SVG {len(drawn):,} B, page {len(page):,} B"
    )


if __name__ == "__main__":
    main()
