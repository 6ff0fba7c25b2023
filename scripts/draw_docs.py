"""Draw the pictures of the README and of the documentation into docs/images.

Those of the lecture's page are what its code blocks save, so that each was drawn by the code that
is shown beside it. Flow graphs are drawn with our own layout, so that the same files come out
whether Graphviz is installed or not.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import autograd_core as ag
import viz

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # as a script it stands beside `tests`, not above

from tests.docs.markdown import run_page  # noqa: E402

IMAGES = ROOT / "docs" / "images"
LECTURE = IMAGES / "lecture"
#: So many colours are enough for what the pictures show, and make half of the bytes.
COLOURS = 256


def readme() -> viz.FlowGraph:
    """The loss of the README's ten lines."""
    x = np.array([[0.0, 1.0], [1.0, 0.5]])
    w = ag.Tensor([[0.5], [-1.0]], requires_grad=True, name="w")
    b = ag.Tensor(0.1, requires_grad=True, name="b")
    return viz.flow_graph(lambda w, b: np.mean(np.tanh(x @ w + b) ** 2), w, b, engine="builtin")


PICTURES = {"flow_graph.svg": readme}


def lecture() -> None:
    """Run the lecture's page, and put what it saves in the place of the pictures before."""
    with tempfile.TemporaryDirectory() as folder, without_programs():
        with contextlib.chdir(folder):
            run_page(ROOT / "docs" / "lecture.md")
        drawn = sorted(Path(folder).iterdir())
        LECTURE.mkdir(parents=True, exist_ok=True)
        for old in LECTURE.iterdir():
            old.unlink()
        for picture in drawn:
            (LECTURE / picture.name).write_bytes(picture.read_bytes())
            if picture.suffix == ".png":
                lessen(LECTURE / picture.name)


@contextlib.contextmanager
def without_programs() -> Iterator[None]:
    """Hide programs such as Graphviz's `dot` for a while."""
    path = os.environ.pop("PATH", None)
    try:
        yield
    finally:
        if path is not None:
            os.environ["PATH"] = path


def lessen(path: Path) -> None:
    """Write a PNG file with few colours, as small as it gets."""
    from PIL import Image

    with Image.open(path) as image:
        few = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for name, draw in PICTURES.items():
        draw().save(IMAGES / name)
    lecture()
