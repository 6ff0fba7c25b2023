"""Draw the pictures of the README and of the documentation into docs/images.

Those of the pages on the lecture and on flow graphs are what their code blocks save, so that each
was drawn by the code that is shown beside it. Flow graphs are drawn with our own layout, so that
the same files come out whether Graphviz is installed or not.
"""

import contextlib
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

import autograd_core as ag
import viz

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # as a script it stands beside `tests`, not above

from tests.docs.markdown import run_page  # noqa: E402

IMAGES = ROOT / "docs" / "images"
LECTURE = IMAGES / "lecture"
FLOW_GRAPHS = IMAGES / "flow_graphs"
#: Pages that are shown within the documentation.
LIVE = ROOT / "docs" / "_static" / "flow_graphs"
#: So many colours are enough for what the pictures show, and make half of the bytes.
COLOURS = 256


#: Seconds for which a moving picture shows a step, and its last one.
STEP, LAST = 1.1, 4.0


def readme() -> viz.FlowGraph:
    """The loss of the README's ten lines."""
    x = np.array([[0.0, 1.0], [1.0, 0.5]])
    w = ag.Tensor([[0.5], [-1.0]], requires_grad=True, name="w")
    b = ag.Tensor(0.1, requires_grad=True, name="b")
    return viz.flow_graph(lambda w, b: np.mean(np.tanh(x @ w + b) ** 2), w, b, engine="builtin")


def settled(drawing: str) -> str:
    """The drawing without what is another each time in its tooltips: times, lines of a page."""
    drawing = re.sub(r"\ntook [^\n<]*", "", drawing)
    return re.sub(r"\b\w+\.(md|py):\d+: ", "", drawing)


def moving(drawings: Sequence[str]) -> str:
    """Put drawings of one size into a picture that shows one after the other, without a script.

    Where no movement is wanted it is the last one. What several have in common is in it once.
    """
    # A picture in a page has no tooltips.
    pages = [re.sub(r"<title>[^<]*</title>", "", each).splitlines() for each in drawings]
    head, tail = pages[0][0], "</svg>"
    bodies = ["\n".join(page[1:]).rsplit(tail, 1)[0].splitlines() for page in pages]
    bodies = [[re.sub(r' id="[^"]*"', "", line) for line in body] for body in bodies]
    times = Counter(line for body in bodies for line in dict.fromkeys(body) if whole(line))
    shared = {line: f"d{i}" for i, line in enumerate(k for k, n in times.items() if n > 1)}
    total = STEP * (len(pages) - 1) + LAST
    rules, frames = [], []
    for i, body in enumerate(bodies):
        last = i == len(bodies) - 1
        seen = {0.0: 0, STEP * i / total: 1} | ({} if last else {STEP * (i + 1) / total: 0})
        keys = "".join(f"{100 * at:.2f}%{{opacity:{there}}}" for at, there in seen.items())
        rules.append(f"@keyframes k{i}{{{keys}}}")
        rules.append(f"#f{i}{{animation:k{i} {total:g}s step-end infinite;opacity:{int(last)}}}")
        lines = [f'<use href="#{shared[line]}"/>' if line in shared else line for line in body]
        frames.append("\n".join([f'<g id="f{i}">', *lines, "</g>"]))
    quiet = "@media (prefers-reduced-motion:reduce){g[id^=f]{animation:none!important}}"
    defs = [f'<g id="{name}">{line}</g>' for line, name in shared.items()]
    style = ["<style>", *rules, quiet, "</style>"]
    return "\n".join([head, *style, "<defs>", *defs, "</defs>", *frames, tail, ""])


def whole(line: str) -> bool:
    """Whether a line of a drawing is an element, and long enough to be worth a reference."""
    ends = "/>", f"</{re.split('[ >]', line[1:], maxsplit=1)[0]}>"
    return len(line) > 40 and line.startswith("<") and line.endswith(ends)


PICTURES: dict[str, Callable[[], str]] = {
    "flow_graph.svg": lambda: settled(readme().svg()),
    "steps.svg": lambda: moving(readme().frames()),
}


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
            if picture.suffix == ".svg":
                text = settled(picture.read_text(encoding="utf-8"))
                (LECTURE / picture.name).write_text(text, encoding="utf-8", newline="\n")
            else:
                (LECTURE / picture.name).write_bytes(picture.read_bytes())
                lessen(LECTURE / picture.name)


def flow_graphs(images: Path = FLOW_GRAPHS, live: Path = LIVE) -> None:
    """Run the page on flow graphs, and put what it saves into the place of what was there."""
    with tempfile.TemporaryDirectory() as folder, without_programs():
        with contextlib.chdir(folder):
            run_page(ROOT / "docs" / "flow_graphs.md")
        for place, names in ((images, "*.svg"), (live, "xor.html")):
            place.mkdir(parents=True, exist_ok=True)
            for old in place.iterdir():
                old.unlink()
            for drawn in sorted(Path(folder).glob(names)):
                text = settled(drawn.read_text(encoding="utf-8"))
                (place / drawn.name).write_text(text, encoding="utf-8", newline="\n")


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
        (IMAGES / name).write_text(draw(), encoding="utf-8", newline="\n")
    flow_graphs()
    lecture()
