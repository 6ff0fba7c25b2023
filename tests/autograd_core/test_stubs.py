"""The stubs of generated functions and methods say what the table says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import autograd_core as ag
from autograd_core.methods import TensorMethods
from scripts.generate_stubs import stubs


@pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="older NumPy hides its signatures"
)
@pytest.mark.parametrize("path", stubs(), ids=lambda path: path.name)
def test_stubs_are_fresh(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == stubs()[path], (
        f"{path.name} is stale: run scripts/generate_stubs.py"
    )


def test_what_the_stubs_list_exists() -> None:
    for name in ag.functions.__all__:
        assert callable(getattr(ag, name))
    text = next(text for path, text in stubs().items() if path.name == "methods.pyi")
    for line in text.splitlines():
        if line.startswith("    def "):
            name = line.split("(")[0].removeprefix("    def ")
            assert hasattr(ag.Tensor, name) or hasattr(TensorMethods, name)
