"""The example of a gradient on a cluster runs, and finds what one process finds."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("dask.array")
pytest.importorskip("distributed")

import dask
import dask.array as da

import nn
from examples import distributed_gradient

ROOT = Path(__file__).resolve().parents[2]


def test_the_gradient_is_lazy_and_equal_without_a_cluster() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 4)), rng.integers(0, 3, 20)
    model = nn.MLP([4, 5, 3], activation="tanh", rng=rng)
    _, expected = distributed_gradient.gradient(model, X, y)
    loss, grads = distributed_gradient.gradient(
        model, da.from_array(X, chunks=(6, 2)), da.from_array(y, chunks=7)
    )
    assert all(isinstance(g, da.Array) for g in (loss, *grads))
    found = dask.compute(*grads, scheduler="synchronous")
    assert distributed_gradient.largest_difference(found, expected) < 1e-15
    assert distributed_gradient.largest_difference([g + 1 for g in found], expected) > 0.5


@pytest.mark.slow
def test_two_worker_processes_find_the_gradient_of_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "examples.distributed_gradient", "--rows", "300", "--hidden", "8"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        # Workers keep their files out of the checkout.
        env={**os.environ, "DASK_TEMPORARY_DIRECTORY": str(tmp_path)},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "6 chunks of 300 rows; each worker holds some: True" in done.stdout
    here, there = re.findall(r"loss (\S+)", done.stdout)
    assert here == there
    difference = re.search(r"largest difference of the gradients: (\S+)", done.stdout)
    assert difference is not None
    assert float(difference[1]) < 1e-12
