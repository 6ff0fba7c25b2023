"""Ten thousand training steps leave memory as it was, without any help by a collection."""

import subprocess
import sys
import textwrap

import pytest

#: Trains in a process of its own, with the garbage collector off, and prints how many blocks of
#: memory and bytes Python holds, and the process in all, at the start and every thousand steps.
SCRIPT = """
import gc, os, sys

import numpy as np

import autograd_core as ag
import nn
import optim

rng = np.random.default_rng(0)
x = rng.normal(size=(32, 20)).astype(np.float32)
labels = rng.integers(4, size=32)
{model}
optimizer = optim.{optimizer}(model.parameters(), lr=1e-3)
page = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0


def resident():
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * page
    except OSError:  # no such file system: Python's own count has to do
        return 0


def train(steps):
    for _ in range(steps):
        loss = objective()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


gc.collect()
gc.disable()
for _ in range({rounds}):
    train({steps})
    print(sys.getallocatedblocks(), resident())
assert np.isfinite(objective().item())
"""

MODELS = {
    "network": """
        model = nn.MLP([20, 32, 4], activation="tanh", dtype="float32")
        def objective():
            return nn.cross_entropy(model(x), labels)
    """,
    "autoencoder": """
        model = nn.Autoencoder(20, 8, tied=True, output="linear", dtype="float32")
        def objective():
            return nn.mse_loss(model(x), x)
    """,
    "hooks, scopes, no_grad and a second derivative": """
        model = nn.MLP([20, 16, 4], activation="tanh", dtype="float32")
        model.parameters()[0].register_hook(lambda g: g * 1.0)
        def objective():
            with ag.no_grad():
                model(x)
            with ag.scope("training"):
                h = model(ag.Tensor(x))
                h.retain_grad()
                loss = nn.cross_entropy(h, labels)
            curved = ag.hvp(lambda t: (t * t * t).sum(), (x[0],), (x[1],))[0]
            return loss + 0.0 * float(curved.sum())
    """,
}


def run(model: str, optimizer: str, rounds: int, steps: int) -> list[list[int]]:
    script = SCRIPT.format(
        model=textwrap.dedent(MODELS[model]), optimizer=optimizer, rounds=rounds, steps=steps
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [[int(number) for number in line.split()] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("model", "optimizer"),
    [
        ("network", "Adam"),
        ("autoencoder", "SGD"),
        pytest.param("hooks, scopes, no_grad and a second derivative", "Adam"),
    ],
)
def test_ten_thousand_steps(model: str, optimizer: str) -> None:
    # The first thousands fill what is filled once: caches, free lists.
    _, first, *_, last = run(model, optimizer, rounds=12, steps=1000)
    (first_blocks, first_bytes), (last_blocks, last_bytes) = first, last
    # A step that left one object behind would leave ten thousand.
    assert last_blocks - first_blocks < 100
    assert last_bytes - first_bytes < 1 << 20
