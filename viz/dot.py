"""Graphviz: the graph in its language, and its program `dot`, run under a timeout.

The text is built with the `graphviz` package, which knows the language's quoting. Its own way to
run `dot` has no timeout, and no count of boxes predicts how long `dot` takes, so we run it.
"""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Sequence

import graphviz

from .boxes import FAINT, STYLES, Box, hint
from .ir import Graph
from .layout import Layout, Point

__all__ = ["DotError", "available", "place", "run", "source"]

INSTALL = (
    "Install Graphviz: `apt install graphviz` (Debian, Ubuntu), `dnf install graphviz` (Fedora), "
    "`brew install graphviz` (macOS), `winget install graphviz` (Windows)"
)
_SVG = "{http://www.w3.org/2000/svg}"


class DotError(RuntimeError):
    """Graphviz's `dot` is missing, failed, or took too long."""


def available() -> bool:
    """Whether there is a `dot` on the PATH."""
    return shutil.which("dot") is not None


def source(graph: Graph, boxes: Sequence[Box]) -> str:
    """Write the graph in Graphviz's language, labels and all."""
    text = graphviz.Digraph(
        node_attr={"fontname": "Helvetica", "fontsize": "11", "margin": "0.12,0.07"},
        edge_attr={"color": FAINT, "arrowsize": "0.7"},
    )
    for vertex, box in zip(graph.vertices, boxes, strict=True):
        style = STYLES[vertex.kind]
        looks = ["filled", *(["rounded"] if style.rounded else ["dashed"] if style.dashed else [])]
        text.node(
            f"v{vertex.id}",
            label=_quoted("\n".join(line.text for line in box.lines) + " ●" * vertex.kept),
            tooltip=_quoted(hint(vertex, graph)),
            shape="box",
            style=",".join(looks),
            fillcolor=style.fill,
            color=style.line,
            penwidth=str(style.stroke),
            peripheries="2" if style.double else "1",
        )
    for edge in graph.edges:
        text.edge(f"v{edge.source}", f"v{edge.target}")
    return str(text.source)


def _quoted(label: str) -> str:
    # Escaped, a backslash is a backslash; "&lt;" is four characters, since dot reads entities; and
    # marked as no HTML, "<b>" is three.
    plain = graphviz.escape(label).replace("&", "&amp;").replace("\n", "\\n")
    marked: str = graphviz.nohtml(plain)
    return marked


def place(
    sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]], timeout: float
) -> Layout:
    """Let `dot` place boxes of the given sizes; as :func:`viz.layout.layered` otherwise."""
    text = graphviz.Digraph(
        graph_attr={"nodesep": "0.35", "ranksep": "0.45", "pad": "0"},
        node_attr={"shape": "box", "fixedsize": "true", "label": ""},
        edge_attr={"dir": "none"},
    )
    for i, (width, height) in enumerate(sizes):
        text.node(f"v{i}", id=f"v{i}", width=f"{width / 72:.4f}", height=f"{height / 72:.4f}")
    computed = {v for _, v in edges}
    for i, (u, v) in enumerate(edges):
        # The chain of ops runs straight; parameters and constants stand beside it.
        text.edge(f"v{u}", f"v{v}", id=f"e{i}", weight="8" if u in computed else "1")
    answer = run(str(text.source), "svg", timeout)
    try:
        return _read(answer, len(sizes), len(edges))
    except (ET.ParseError, KeyError, ValueError, AttributeError, IndexError) as error:
        raise DotError(f"dot gave an answer that is not understood: {error!r}") from error


def _read(answer: bytes, boxes: int, edges: int) -> Layout:
    """Read places from the SVG that dot drew; of its formats the one with the most digits."""
    shapes: dict[str, list[Point]] = {}
    for group in ET.fromstring(answer).iter(f"{_SVG}g"):
        shape = group.find(f"{_SVG}polygon")
        if group.get("class") == "edge":
            shape = group.find(f"{_SVG}path")
        if shape is not None and group.get("class") in ("node", "edge"):
            numbers = shape.get("points") or shape.get("d") or ""
            for letter in "MC,":
                numbers = numbers.replace(letter, " ")
            flat = [float(x) for x in numbers.split()]
            shapes[group.attrib["id"]] = list(zip(flat[::2], flat[1::2], strict=True))
    corners = [shapes[f"v{i}"] for i in range(boxes)]
    ways = [shapes[f"e{i}"] for i in range(edges)]
    x = [point[0] for shape in corners + ways for point in shape]
    y = [point[1] for shape in corners + ways for point in shape]
    left, top = min(x), min(y)
    moved = [[(px - left, py - top) for px, py in way] for way in ways]
    centres = [
        (0.5 * (min(px) + max(px)) - left, 0.5 * (min(py) + max(py)) - top)
        for px, py in (zip(*shape, strict=True) for shape in corners)
    ]
    return Layout(centres, [[way] for way in moved], max(x) - left, max(y) - top)


def run(text: str, form: str, timeout: float) -> bytes:
    """Run `dot` on ``text`` for at most ``timeout`` seconds; any failure is a `DotError`."""
    program = shutil.which("dot")
    if program is None:
        raise DotError(f"the program `dot` is not on the PATH. {INSTALL}.")
    try:
        done = subprocess.run(
            [program, f"-T{form}"],
            input=text.encode(),
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DotError(f"dot took longer than {timeout:g} s") from None
    except OSError as error:
        raise DotError(f"dot could not be run: {error}") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise DotError(f"dot failed with code {done.returncode}: {said or 'it gave no reason'}")
    return done.stdout
