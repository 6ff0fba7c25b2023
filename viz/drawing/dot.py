"""Graphviz: a view in its language, places from its program `dot`, pictures as PNG and PDF.

The text is built with the `graphviz` package, which knows the language's quoting; what a user
named is escaped. With a layout the text says where everything is, and Graphviz only paints: so a
PNG looks as the SVG does, and no graph takes long.
"""

from __future__ import annotations

import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import graphviz

from ..layout import Layout, Point
from ..text import content, width
from .boxes import (
    ALARM,
    CHANGES,
    FAINT,
    GRADIENT,
    META_SIZE,
    NOW,
    STYLES,
    TEXT,
    Box,
    Line,
    frame_title,
)  # fmt: skip
from .legend import Key
from .looks import Looks
from .programs import INSTALL, DotError, available, render, run
from .scene import Painted, Scene, scene
from .ways import Way

if TYPE_CHECKING:
    from ..graph.view import View

__all__ = ["INSTALL", "DotError", "available", "picture", "place", "run", "source"]

_SVG = "{http://www.w3.org/2000/svg}"
_FACE, _FIXED_FACE = "Helvetica,Arial,DejaVu Sans", "Menlo,Consolas,DejaVu Sans Mono"
_INK = {"label": TEXT, "meta": FAINT, "value": TEXT, "gradient": GRADIENT, "alarm": ALARM}
#: Room around a picture, and between it and the key.
_TIGHT = 'BORDER="0" CELLSPACING="3" CELLPADDING="0"'
_MARGIN, _LEGEND_WIDTH, _ROW = 14.0, 560.0, 21.0
#: What Graphviz can paint, and room for all that is below a drawing.
_PIXELS, _BELOW = 32_767, 300.0


def source(
    view: View,
    boxes: Sequence[Box],
    layout: Layout | None = None,
    looks: Looks | None = None,
    dpi: float | None = None,
) -> str:
    """Write the view in Graphviz's language, labels, frames and key.

    With a ``layout``, places are told too, for ``-Knop2``, which only paints.
    """
    pinned = layout is not None
    if layout is None:
        nowhere = [[(0.0, 0.0)] * 4]
        layout = Layout([(0.0, 0.0)] * len(boxes), [nowhere] * len(view.edges), 0.0, 0.0,
                        [(0.0, 0.0, 0.0, 0.0)] * len(view.frames))  # fmt: skip
    drawn = scene(view, boxes, layout, looks or Looks())
    text = graphviz.Digraph(
        graph_attr={"fontname": _FACE, "fontsize": "10", "fontcolor": FAINT, "bgcolor": "#ffffff",
                    "nodesep": "0.3", "ranksep": "0.4", "labelloc": "b"},
        node_attr={"fontname": _FACE, "fontsize": "13", "margin": "0.13,0.06", "shape": "box"},
        edge_attr={"fontname": _FACE},
    )  # fmt: skip
    room = max(layout.width, _LEGEND_WIDTH)
    key, rows = _key(drawn, room)
    text.graph_attr["label"] = key
    if dpi is not None:
        text.graph_attr["dpi"] = f"{dpi:g}"
    if pinned:
        total = max(layout.width, _LEGEND_WIDTH)
        left = 0.5 * (layout.width - total)
        text.graph_attr["pad"] = f"{_MARGIN / 72:.3f}"
        area = (left, -20.0 - rows * _ROW, left + total, layout.height)
        text.graph_attr["bb"] = ",".join(f"{x:.1f}" for x in area)
        text.graph_attr["lp"] = f"{0.5 * layout.width:.1f},{-20.0 - 0.5 * rows * _ROW:.1f}"
    names = []
    statements = []
    for shown, painted in zip(view.boxes, drawn.boxes, strict=True):
        names.append(f"v{shown.vertex}" if shown.group is None else f"g{shown.group}")
        look = _look(painted)
        if pinned:
            look |= _pinned(painted.box.width, painted.box.height, painted.centre, layout)
        statements.append((shown.frame, _statement(names[-1], look)))
    clusters = [
        _cluster(view, frame.group, tint, area if pinned else None, layout.height)
        for frame, tint, area in zip(view.frames, drawn.tints, layout.frames, strict=True)
    ]
    text.body.extend(_nested([frame.parent for frame in view.frames], statements, clusters))
    for way in drawn.ways:
        ends = [names[way.source], names[way.target]]
        attributes = _stroke(way)
        if pinned:
            attributes["pos"] = ";".join(_pos(piece, way, layout.height) for piece in way.pieces)
        elif way.back:
            attributes["constraint"] = "false"
        text.edge(*(ends[::-1] if way.back else ends), **attributes)
    for i, note in enumerate(drawn.notes if pinned else []):
        fixed = note.colour != FAINT
        wide = width(note.words, note.size, fixed=fixed)
        face = f' FACE="{_FIXED_FACE}"' if fixed else ""
        label = _font(note.words, note.size, note.colour, face)
        at = (note.x + 0.5 * wide, note.y - 0.35 * note.size)
        place = _pinned(wide, note.size, at, layout)
        text.node(f"n{i}", label=f"<{label}>", shape="plain", **place)
    return str(text.source)


def picture(
    view: View,
    boxes: Sequence[Box],
    layout: Layout,
    form: str,
    timeout: float,
    looks: Looks | None = None,
    dpi: float = 144.0,
) -> bytes:
    """Paint a placed view as ``"png"``, of ``dpi`` dots per inch (72 points), or as ``"pdf"``.

    No side of a PNG has more than 32,767 pixels: a longer drawing gets fewer dots, with a warning.

    Raises:
        DotError: there is neither `dot` nor `pygraphviz`, or it fails or takes too long.
        ValueError: a resolution that is not from 10 to 2,400.
    """
    if not 10 <= dpi <= 2_400:
        raise ValueError(f"dpi must be from 10 to 2,400 dots per inch, not {dpi!r}")
    longest = max(layout.width, layout.height) + _BELOW
    if form == "png" and longest * dpi > 72 * _PIXELS:
        most = 72 * _PIXELS / longest
        warnings.warn(
            f"a PNG has at most {_PIXELS:,} pixels a side, and this drawing is "
            f"{layout.width:,.0f} × {layout.height:,.0f} points: painted with {most:.0f} dots per "
            f"inch, not {dpi:g}; .svg and .pdf have no such limit, and depth= folds modules",
            RuntimeWarning,
            stacklevel=4,
        )
        dpi = most
    text = source(view, boxes, layout, looks, dpi if form == "png" else None)
    return render(text, form, timeout)


def _look(painted: Painted) -> dict[str, str]:
    style = STYLES[painted.style]
    looks = ["filled"] + ["rounded"] * style.rounded + ["dashed"] * style.dashed
    change = CHANGES.get(painted.change)
    faded = "66" if painted.pale else ""
    fill = painted.fill
    line, stroke = (ALARM, 3.0) if painted.alarm else (style.line, style.stroke)
    if painted.now:
        line, stroke = NOW, 5.0
    lines = [_words(line, bool(fill), painted.pale) for line in painted.box.lines]
    mark = _font(" ●", 8, TEXT) if painted.kept and not painted.pale else ""
    signed = _font(f"{change[0]} ", 13, TEXT) if change else ""
    signed += _font(f"{painted.tag}  ", META_SIZE, FAINT) if painted.tag else ""
    first, _, rest = lines[0].partition("<BR")
    label = f"{signed}{first}{mark}<BR{rest}{''.join(lines[1:])}"
    return {
        "label": f"<{label}>",
        "tooltip": _quoted(painted.hint),
        "style": ",".join(looks),
        "fillcolor": (fill or style.fill) + faded,
        "color": line + faded,
        "penwidth": f"{stroke:g}",
        "peripheries": "2" if style.double or style.stacked else "1",
    }


def _words(line: Line, plain: bool, pale: bool) -> str:
    ink = TEXT if plain else FAINT if line.note or pale else _INK[line.role]
    face = f' FACE="{_FIXED_FACE}"' if line.figures else ""
    text = _font(line.text or " ", line.size, ink, face)
    if line.role in ("label", "alarm"):
        text = f"<B>{text}</B>"
    if line.note:
        text = f"<I>{text}</I>"
    return text + ('<BR ALIGN="LEFT"/>' if line.figures else "<BR/>")


def _font(text: str, size: float, ink: str, more: str = "") -> str:
    return f'<FONT POINT-SIZE="{size:g}" COLOR="{ink}"{more}>{_text(text) or " "}</FONT>'


def _text(words: str) -> str:
    """Text within Graphviz's HTML; a backslash would begin one of its names for things."""
    return content(words).replace("\\", "\\\\")


def _pinned(wide: float, high: float, centre: Point, layout: Layout) -> dict[str, str]:
    x, y = centre
    return {
        "width": f"{wide / 72:.4f}", "height": f"{high / 72:.4f}", "fixedsize": "true",
        "margin": "0", "pos": f"{x:.1f},{layout.height - y:.1f}",
    }  # fmt: skip


def _stroke(way: Way) -> dict[str, str]:
    faded = "59" if way.pale else ""
    colour = (NOW if way.now and not way.back else way.colour) + faded
    look = {
        "color": colour,
        "penwidth": f"{4.0 if way.now else way.wide:.2g}",
        "arrowsize": f"{0.64 + 0.12 * way.wide:.2g}",
    }
    if way.told:
        look["tooltip"] = _quoted(way.told)
    if way.dashes:
        look["style"] = "dashed"
    return look


def _pos(points: Sequence[Point], way: Way, height: float) -> str:
    """A piece of a way as Graphviz writes it: the tip, then the spline up to the arrowhead."""
    if points is not way.pieces[-1]:
        return " ".join(f"{x:.1f},{height - y:.1f}" for x, y in points)
    (px, py), (x, y) = points[-2:]
    if way.back:
        px, py = x, y + 1.0
    long = 6.4 + 1.2 * way.wide
    far = ((x - px) ** 2 + (y - py) ** 2) ** 0.5 or 1.0
    base = (x - long * (x - px) / far, y - long * (y - py) / far)
    line = [*points[:-2], (0.5 * (points[-3][0] + base[0]), 0.5 * (points[-3][1] + base[1])), base]
    told = " ".join(f"{a:.1f},{height - b:.1f}" for a, b in line)
    return f"e,{x:.1f},{height - y:.1f} {told}"


def _cluster(
    view: View,
    group: int,
    tint: str,
    area: tuple[float, float, float, float] | None,
    height: float,
) -> dict[str, str]:
    title = frame_title(view.graph, group).lines[0].text
    style = STYLES["frame"]
    attributes = {
        "label": f"<<B>{_font(title, META_SIZE, FAINT)}</B>>", "labeljust": "l",
        "labelloc": "t", "style": "rounded,filled",
        "fillcolor": f"{tint}1a", "color": style.line, "tooltip": _quoted(title),
    }  # fmt: skip
    if area is not None:
        x, y, w, h = area
        wide = width(title, META_SIZE)
        attributes["bb"] = f"{x:.1f},{height - y - h:.1f},{x + w:.1f},{height - y:.1f}"
        attributes["lp"] = f"{x + 9 + 0.42 * wide:.1f},{height - y - 10:.1f}"
    return attributes


def _key(drawn: Scene, room: float) -> tuple[str, int]:
    """What is said below, and the key, as a table of Graphviz; and how many rows it has."""
    rows = []
    if drawn.step:
        rows.append(f"<TR><TD><B>{_font(drawn.step, 14, TEXT)}</B></TD></TR>")
    if drawn.caption:
        rows.append(f"<TR><TD>{_font(drawn.caption, META_SIZE + 1, FAINT)}</TD></TR>")
    lines: list[tuple[list[Key], float]] = []
    for key in drawn.keys:
        wide = key.wide + width(key.words, META_SIZE) + 28.0 + 4.0 * key.cells.count("<TD")
        if lines and lines[-1][1] + wide <= room:
            lines[-1] = ([*lines[-1][0], key], lines[-1][1] + wide)
        else:
            lines.append(([key], wide))
    for line, wide in lines:
        cells = "".join(f"{key.cells}<TD>{_text(key.words)}   </TD>" for key in line)
        # Of a fixed size, else it is stretched to the widest row.
        size = f'FIXEDSIZE="TRUE" WIDTH="{wide:.0f}" HEIGHT="{_ROW:.0f}"'
        rows.append(f"<TR><TD><TABLE {_TIGHT} {size}><TR>{cells}</TR></TABLE></TD></TR>")
    if not rows:
        return "", 0
    table = f'<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="1">{"".join(rows)}</TABLE>'
    return f"<{table}>", len(rows)


def _statement(name: str, attributes: dict[str, str]) -> str:
    """The statement of a node, as the package writes it."""
    one = graphviz.Digraph()
    one.node(name, **attributes)
    return str(one.body[0])


def _nested(
    parents: Sequence[int], boxes: Iterable[tuple[int, str]], attributes: Sequence[dict[str, str]]
) -> list[str]:
    """The statements of nodes, each within the subgraphs of the frames around it."""
    own: list[list[str]] = [[] for _ in parents]
    top: list[str] = []
    for frame, statement in boxes:
        (own[frame] if frame >= 0 else top).append(statement)
    for f in reversed(range(len(parents))):
        head = graphviz.Digraph(graph_attr=attributes[f])
        opening = [line for line in head if line.startswith("\tgraph")]
        block = [f"\tsubgraph cluster_f{f} {{\n", *opening, *own[f], "\t}\n"]
        into = own[parents[f]] if parents[f] >= 0 else top
        into[:0] = block
    return top


def _quoted(label: str) -> str:
    """Text as a tooltip."""
    # dot reads entities, so "&lt;" is written as four characters; it reads escapes twice, so a
    # backslash is written as four; and marked as no HTML, "<b>" is three characters.
    plain = label.replace("&", "&amp;").replace("\\", 4 * "\\").replace("\n", "\\n")
    marked: str = graphviz.nohtml(plain)
    return marked


def place(
    sizes: Sequence[tuple[float, float]],
    edges: Sequence[tuple[int, int]],
    timeout: float,
    inside: Sequence[int] | None = None,
    frames: Sequence[tuple[int, float, float]] = (),
) -> Layout:
    """Let `dot` place boxes of the given sizes; as :func:`viz.layout.layered` otherwise."""
    text = graphviz.Digraph(
        graph_attr={"nodesep": "0.35", "ranksep": "0.45", "pad": "0"},
        node_attr={"shape": "box", "fixedsize": "true", "label": ""},
        edge_attr={"dir": "none"},
    )
    statements = []
    for i, (wide, high) in enumerate(sizes):
        size = {"width": f"{wide / 72:.4f}", "height": f"{high / 72:.4f}"}
        statement = _statement(f"v{i}", {"id": f"v{i}", **size})
        statements.append((-1 if inside is None else inside[i], statement))
    # A table of a fixed size keeps the room of the title, which we write ourselves.
    titles = [
        {
            "id": f"f{f}", "labeljust": "l", "margin": "10",
            "label": f'<<TABLE BORDER="0" FIXEDSIZE="TRUE" WIDTH="{round(wide + 1)}" '
            f'HEIGHT="{round(high)}"><TR><TD></TD></TR></TABLE>>',
        }
        for f, (_, wide, high) in enumerate(frames)
    ]  # fmt: skip
    text.body.extend(_nested([parent for parent, _, _ in frames], statements, titles))
    computed = {v for _, v in edges}
    for i, (u, v) in enumerate(edges):
        # The chain of ops runs straight; parameters and constants stand beside it.
        text.edge(f"v{u}", f"v{v}", id=f"e{i}", weight="8" if u in computed else "1")
    answer = run(str(text.source), "svg", timeout)
    try:
        return _read(answer, len(sizes), len(edges), len(frames))
    except (ET.ParseError, KeyError, ValueError, AttributeError, IndexError) as error:
        raise DotError(f"dot gave an answer that is not understood: {error!r}") from error


def _read(answer: bytes, boxes: int, edges: int, frames: int) -> Layout:
    """Read places from the SVG that dot drew; of its formats the one with the most digits."""
    shapes: dict[str, list[Point]] = {}
    for group in ET.fromstring(answer).iter(f"{_SVG}g"):
        kind = group.get("class")
        # A frame with rounded corners would be a path too.
        shape = group.find(f"{_SVG}path" if kind == "edge" else f"{_SVG}polygon")
        if shape is not None and kind in ("node", "edge", "cluster"):
            numbers = shape.get("points") or shape.get("d") or ""
            for letter in "MC,":
                numbers = numbers.replace(letter, " ")
            flat = [float(x) for x in numbers.split()]
            shapes[group.attrib["id"]] = list(zip(flat[::2], flat[1::2], strict=True))
    corners = [shapes[f"v{i}"] for i in range(boxes)]
    around = [shapes[f"f{i}"] for i in range(frames)]
    ways = [shapes[f"e{i}"] for i in range(edges)]
    x = [point[0] for shape in corners + ways + around for point in shape]
    y = [point[1] for shape in corners + ways + around for point in shape]
    left, top = min(x), min(y)
    moved = [[(px - left, py - top) for px, py in way] for way in ways]
    centres = [
        (0.5 * (min(px) + max(px)) - left, 0.5 * (min(py) + max(py)) - top)
        for px, py in (zip(*shape, strict=True) for shape in corners)
    ]
    drawn = [
        (min(px) - left, min(py) - top, max(px) - min(px), max(py) - min(py))
        for px, py in (zip(*shape, strict=True) for shape in around)
    ]
    return Layout(centres, [[way] for way in moved], max(x) - left, max(y) - top, drawn)
