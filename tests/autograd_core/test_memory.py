"""The memory of large temporaries is used again: page faults are counted, no time is taken."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

STEPS = """
import resource
import numpy as np
import autograd_core as ag

x = ag.Tensor(np.linspace(-1, 1, 300_000, dtype=np.float32), requires_grad=True)

def step():
    x.grad = None
    y = 0.5 * x * (1 + np.tanh(0.8 * (x + 0.04 * x**3)))
    y.sum().backward()

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

for _ in range(5):
    step()
before = faults()
for _ in range(10):
    step()
print((faults() - before) / 10)
"""


def _faults(**environment: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", STEPS],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="how glibc keeps memory")
@pytest.mark.skipif(
    any(name.startswith(("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD")) for name in os.environ),
    reason="somebody has set how memory is kept",
)
def test_steps_over_large_arrays_fault_no_pages_in():
    array = 300_000 * 4 / 4096  # pages of one array; a step makes some twenty
    assert _faults() < 0.2 * array
    # Users who say so get what they ask for, which also shows that faults are counted at all.
    assert _faults(MALLOC_TRIM_THRESHOLD_="131072", MALLOC_MMAP_THRESHOLD_="131072") > 5 * array
