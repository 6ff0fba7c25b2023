"""Draws a placed graph as SVG: plain shapes and text, with no style sheet, script or outside font.

Everything that a user named is text content and escaped as such; ids and attributes are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from .boxes import (
    ALARM,
    EDGE,
    FAINT,
    FIGURE_SIZE,
    GRADIENT,
    LABEL_SIZE,
    META_SIZE,
    STYLES,
    TEXT,
    Box,
    hint,
    legend,
)
from .ir import Graph, Vertex
from .layout import Layout, Point
from .text import FIGURE_FONT, LABEL_FONT, width

__all__ = ["draw"]

_MARGIN = 18.0
#: The least width that a legend is set in.
_LEGEND_WIDTH = 560.0
_COLOURS = {"label": TEXT, "meta": FAINT, "value": TEXT, "gradient": GRADIENT, "alarm": ALARM}
#: The order of the operands of these does not matter, so it need not be told.
_SYMMETRIC = {"add", "multiply", "maximum", "minimum", "fmax", "fmin", "logaddexp", "hypot"}


def draw(graph: Graph, boxes: Sequence[Box], layout: Layout) -> str:
    """Write the SVG."""
    shortened = any(len(route) > 1 for route in layout.routes)
    room = max(layout.width, _LEGEND_WIDTH)
    shown, legend_width, legend_height = _legend(legend(graph, shortened), room)
    total = max(layout.width, legend_width) + 2 * _MARGIN
    left = 0.5 * (total - layout.width)
    below = _MARGIN + layout.height + 26.0
    height = below + legend_height + _MARGIN
    output = next(v for v in graph.vertices if v.kind == "output")
    about = f"Flow graph of {output.name or output.label}: {len(boxes)} boxes"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(total)}" height="{_n(height)}" '
        f'viewBox="0 0 {_n(total)} {_n(height)}" role="img" aria-label={quoteattr(about)} '
        f'font-family="{LABEL_FONT}">',
        f'<rect width="{_n(total)}" height="{_n(height)}" fill="#ffffff"/>',
        f'<g transform="translate({_n(left)} {_n(_MARGIN)})">',
        f'<g fill="none" stroke="{EDGE}" stroke-width="1.3">',
    ]
    heads = []
    for edge, route in zip(graph.edges, layout.routes, strict=True):
        target = graph.vertices[edge.target]
        told = f"<title>operand {edge.operand + 1} of {escape(target.label)}</title>"
        dashed = ' stroke-dasharray="3 3"' if len(route) > 1 else ""
        path = " ".join(_path(piece) for piece in route)
        parts.append(f'<path d="{path}"{dashed}>{told}</path>')
        heads.append(_arrowhead(route[-1]))
    parts.append(f'</g>\n<path fill="{EDGE}" d="{" ".join(heads)}"/>')
    parts += _operand_numbers(graph, layout)
    for vertex, box, centre in zip(graph.vertices, boxes, layout.centres, strict=True):
        parts.append(_box(vertex, graph, box, centre))
    parts.append("</g>")
    x = 0.5 * (total - legend_width)
    parts += [f'<g transform="translate({_n(x)} {_n(below)})">', *shown, "</g>\n</svg>\n"]
    return "\n".join(parts)


def _n(x: float) -> str:
    """Write a coordinate: a tenth of a pixel is as good as exact."""
    text = f"{x:.1f}"
    return "0" if text == "-0.0" else text.removesuffix(".0")


def _path(points: Sequence[Point]) -> str:
    x, y = points[0]
    steps = [f"M{_n(x)} {_n(y)}"]
    for i in range(1, len(points), 3):
        (ax, ay), (bx, by), (x, y) = points[i : i + 3]
        if _n(ax) == _n(bx) == _n(x) == _n(points[i - 1][0]):
            if steps[-1].startswith("V"):
                steps.pop()
            steps.append(f"V{_n(y)}")
        else:
            steps.append(f"C{_n(ax)} {_n(ay)} {_n(bx)} {_n(by)} {_n(x)} {_n(y)}")
    return "".join(steps)


def _arrowhead(points: Sequence[Point]) -> str:
    """A triangle whose tip is the end of the way."""
    x, y = points[-1]
    dx, dy = x - points[-2][0], y - points[-2][1]
    length = (dx * dx + dy * dy) ** 0.5 or 1.0
    dx, dy = dx / length, dy / length
    bx, by = x - 8.0 * dx, y - 8.0 * dy
    return (
        f"M{_n(x)} {_n(y)}L{_n(bx - 3.4 * dy)} {_n(by + 3.4 * dx)} "
        f"{_n(bx + 3.4 * dy)} {_n(by - 3.4 * dx)}Z"
    )


def _operand_numbers(graph: Graph, layout: Layout) -> list[str]:
    """Number the arrows into a box that come in another order than its operands."""
    into: dict[int, list[tuple[float, float, int]]] = {}
    for edge, route in zip(graph.edges, layout.routes, strict=True):
        (x, y), before = route[-1][-1], route[-1][-2]
        # On the side that the arrow does not come from.
        beside = -9.5 if before[0] > x + 1 else 4.5
        into.setdefault(edge.target, []).append((x + beside, y, edge.operand))
    numbers = []
    for target, ends in into.items():
        operands = [operand for _, _, operand in sorted(ends)]
        if graph.vertices[target].op not in _SYMMETRIC and operands != sorted(operands):
            numbers += [
                f'<text x="{_n(x)}" y="{_n(y - 4)}">{operand + 1}</text>'
                for x, y, operand in ends
            ]
    return [f'<g font-size="9" fill="{FAINT}">', *numbers, "</g>"] if numbers else []


def _shape(kind: str, x: float, y: float, w: float, h: float, origin: bool = False) -> str:
    style = STYLES[kind]
    radius = min(9.0, 0.4 * h) if style.rounded else 0.0
    line, stroke = (ALARM, 3.0) if origin else (style.line, style.stroke)
    dash = ' stroke-dasharray="5 3"' if style.dashed else ""
    look = f'fill="{style.fill}" stroke="{line}" stroke-width="{_n(stroke)}"{dash}'
    size = f'x="{_n(x)}" y="{_n(y)}" width="{_n(w)}" height="{_n(h)}"'
    shape = f'<rect {size} rx="{_n(radius)}" {look}/>'
    if style.double:
        shape += (
            f'<rect x="{_n(x + 3)}" y="{_n(y + 3)}" width="{_n(w - 6)}" height="{_n(h - 6)}" '
            f'rx="{_n(max(0.0, radius - 3))}" fill="none" stroke="{line}" stroke-width="0.9"/>'
        )
    return shape


def _box(vertex: Vertex, graph: Graph, box: Box, centre: Point) -> str:
    x, y = centre[0] - 0.5 * box.width, centre[1] - 0.5 * box.height
    parts = [
        f'<g id="box{vertex.id}"><title>{escape(hint(vertex, graph))}</title>',
        _shape(vertex.kind, x, y, box.width, box.height, vertex.origin),
    ]
    if vertex.kept:
        parts.append(f'<circle cx="{_n(x + box.width - 9)}" cy="{_n(y + 9)}" r="3" fill="{TEXT}"/>')
    at = y + 1.0
    for line in box.lines:
        at += line.height
        look = f'y="{_n(at)}" font-size="{_n(line.size)}" fill="{_COLOURS[line.role]}"'
        if line.note:
            look = f'y="{_n(at)}" font-size="{_n(line.size)}" fill="{FAINT}" font-style="italic"'
        if line.figures:
            look = f'x="{_n(x + 10)}" {look} font-family="{FIGURE_FONT}"'
        else:
            look = f'x="{_n(centre[0])}" {look} text-anchor="middle"'
        if line.role in ("label", "alarm"):
            look += ' font-weight="bold"'
        parts.append(f"<text {look}>{escape(line.text)}</text>")
    return "".join(parts) + "</g>"


def _legend(signs: list[tuple[str, str]], room: float) -> tuple[list[str], float, float]:
    """Set the signs in rows; returns the SVG, the width and the height."""
    parts = [f'<g font-size="{_n(META_SIZE)}" fill="{FAINT}">']
    x = y = widest = 0.0
    for sign, words in signs:
        sign_width = 22.0 if sign in STYLES else 14.0
        wide = sign_width + 6.0 + width(words, META_SIZE) + 16.0
        if x and x + wide > room:
            x, y = 0.0, y + 20.0
        parts.append(_sign(sign, x, y))
        parts.append(f'<text x="{_n(x + sign_width + 6)}" y="{_n(y + 11)}">{escape(words)}</text>')
        x += wide
        widest = max(widest, x)
    parts.append("</g>")
    return parts, widest, y + 16.0


def _sign(sign: str, x: float, y: float) -> str:
    if sign in STYLES:
        return _shape(sign, x, y + 0.5, 22.0, 14.0)
    middle = f"M{_n(x)} {_n(y + 7.5)}h14"
    if sign == "●":
        return f'<circle cx="{_n(x + 8)}" cy="{_n(y + 7.5)}" r="3" fill="{TEXT}"/>'
    if sign == "!!":
        return f'<path d="{middle}" stroke="{ALARM}" stroke-width="3"/>'
    if sign == "--":
        return f'<path d="{middle}" stroke="{EDGE}" stroke-width="1.3" stroke-dasharray="3 3"/>'
    colour = {"∇": GRADIENT, "!": ALARM}.get(sign, TEXT)
    text = "NaN" if sign == "!" else sign
    size = FIGURE_SIZE - 2 if sign == "!" else LABEL_SIZE - 1
    return (
        f'<text x="{_n(x + 7)}" y="{_n(y + 11.5)}" font-size="{_n(size)}" fill="{colour}" '
        f'font-weight="bold" text-anchor="middle">{text}</text>'
    )
