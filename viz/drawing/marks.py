"""The shapes that a drawing is made of, as SVG: boxes, frames, ways and arrowheads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..layout import Point
from ..text import FIGURE_FONT, content
from .boxes import ALARM, CHANGES, EDGE, FAINT, GRADIENT, META_SIZE, NOW, STYLES, TEXT, Line

if TYPE_CHECKING:
    from .scene import Painted
    from .ways import Way

__all__ = ["arrowhead", "box_svg", "line", "n", "path", "ring", "shape", "sign", "way_svg"]

_COLOURS = {"label": TEXT, "meta": FAINT, "value": TEXT, "gradient": GRADIENT, "alarm": ALARM}


def n(x: float) -> str:
    """Write a coordinate: a tenth of a pixel is as good as exact."""
    text = f"{x:.1f}"
    return "0" if text == "-0.0" else text.removesuffix(".0")


def path(points: Sequence[Point]) -> str:
    """Write a way: a start, then triples of Bézier points."""
    x, y = points[0]
    steps = [f"M{n(x)} {n(y)}"]
    for i in range(1, len(points), 3):
        (ax, ay), (bx, by), (x, y) = points[i : i + 3]
        if n(ax) == n(bx) == n(x) == n(points[i - 1][0]):
            if steps[-1].startswith("V"):
                steps.pop()
            steps.append(f"V{n(y)}")
        else:
            steps.append(f"C{n(ax)} {n(ay)} {n(bx)} {n(by)} {n(x)} {n(y)}")
    return "".join(steps)


def arrowhead(points: Sequence[Point], size: float = 8.0) -> str:
    """A triangle whose tip is the end of the way."""
    x, y = points[-1]
    dx, dy = x - points[-2][0], y - points[-2][1]
    length = (dx * dx + dy * dy) ** 0.5 or 1.0
    dx, dy = dx / length, dy / length
    bx, by = x - size * dx, y - size * dy
    half = 0.425 * size
    return (
        f"M{n(x)} {n(y)}L{n(bx - half * dy)} {n(by + half * dx)} "
        f"{n(bx + half * dy)} {n(by - half * dx)}Z"
    )


def shape(
    kind: str, x: float, y: float, w: float, h: float,
    fill: str = "", alarm: bool = False, pale: bool = False,
) -> str:  # fmt: skip
    """The outline of a role; ``fill`` is that of an overlay."""
    style = STYLES[kind]
    radius = min(9.0, 0.4 * h) if style.rounded else 0.0
    line, stroke = (ALARM, 3.0) if alarm else (style.line, style.stroke)
    faded = ' opacity="0.4"' if pale else ""
    dash = f' stroke-dasharray="{style.dashes}"' if style.dashes else ""
    look = f'fill="{fill or style.fill}" stroke="{line}" stroke-width="{n(stroke)}"{dash}{faded}'
    size = f'x="{n(x)}" y="{n(y)}" width="{n(w)}" height="{n(h)}"'
    drawn = f'<rect {size} rx="{n(radius)}" {look}/>'
    if style.stacked:
        # Two cards show below the box, at its lower edge.
        inset = min(5.0, 0.08 * w)
        under = "".join(
            f"M{n(x + d + inset)} {n(y + h + d)}H{n(x + w - d - inset)}" for d in (2.6, 5.2)
        )
        drawn += f'<path d="{under}" fill="none" stroke="{line}" stroke-width="1.2"{faded}/>'
    if style.double:
        drawn += (
            f'<rect x="{n(x + 3)}" y="{n(y + 3)}" width="{n(w - 6)}" height="{n(h - 6)}" '
            f'rx="{n(max(0.0, radius - 3))}" fill="none" stroke="{line}" '
            f'stroke-width="0.9"{faded}/>'
        )
    return drawn


def box_svg(painted: Painted) -> str:
    """A box with its text."""
    box, (cx, cy) = painted.box, painted.centre
    x, y = cx - 0.5 * box.width, cy - 0.5 * box.height
    change, fill = CHANGES.get(painted.change), painted.fill
    parts = [
        f'<g id="{painted.name}"><title>{content(painted.hint)}</title>',
        shape(painted.style, x, y, box.width, box.height, fill, painted.alarm, painted.pale),
    ]
    if painted.kept and not painted.pale:
        parts.append(f'<circle cx="{n(x + box.width - 9)}" cy="{n(y + 9)}" r="3" fill="{TEXT}"/>')
    if change:
        parts.append(sign(change[0], x, y))
    if painted.tag:
        look = f'x="{n(x + 7)}" y="{n(y + 14)}" font-size="{n(META_SIZE)}" fill="{FAINT}"'
        parts.append(f"<text {look}>{content(painted.tag)}</text>")
    at = y + 1.0
    for line in box.lines:
        at += line.height
        if line.text:
            parts.append(_text(line, x, at, box.width, plain=bool(fill), pale=painted.pale))
    return "".join(parts) + "</g>"


def ring(painted: Painted) -> str:
    """The mark around the box that a step is about; drawn below the arrows."""
    w, h = painted.box.width + 6.0, painted.box.height + 6.0
    x, y = painted.centre[0] - 0.5 * w, painted.centre[1] - 0.5 * h
    return (
        f'<rect class="mark" x="{n(x)}" y="{n(y)}" width="{n(w)}" height="{n(h)}" rx="11" '
        'fill="none" '
        f'stroke="{NOW}" stroke-width="6"/>'
    )


def way_svg(way: Way) -> str:
    """An arrow."""
    drawn = ""
    d = " ".join(path(piece) for piece in way.pieces)
    if way.now:
        drawn += line(d, NOW, 5.0)
    drawn += line(d, way.colour, way.wide, way.dashes, way.told)
    end = way.pieces[-1]
    if way.back:
        # At its end it is upright, however the curve bends.
        x, y = end[-1]
        end = [(x, y + 8.0), (x, y)]
    drawn += f'<path d="{arrowhead(end, 6.4 + 1.2 * way.wide)}" fill="{way.colour}"/>'
    return f'<g opacity="0.35">{drawn}</g>' if way.pale else drawn


def sign(text: str, x: float, y: float) -> str:
    """A sign in a disc, on the corner of a box."""
    return (
        f'<circle cx="{n(x)}" cy="{n(y)}" r="7" fill="{TEXT}"/>'
        f'<text x="{n(x)}" y="{n(y + 4)}" font-size="12" font-weight="bold" fill="#ffffff" '
        f'text-anchor="middle">{content(text)}</text>'
    )


def _text(line: Line, x: float, y: float, wide: float, plain: bool, pale: bool) -> str:
    # On the colours of a scale only dark text can be read.
    ink = TEXT if plain else FAINT if line.note or pale else _COLOURS[line.role]
    look = f'y="{n(y)}" font-size="{n(line.size)}" fill="{ink}"'
    if line.note:
        look += ' font-style="italic"'
    if line.figures:
        look = f'x="{n(x + 10)}" {look} font-family="{FIGURE_FONT}"'
    else:
        look = f'x="{n(x + 0.5 * wide)}" {look} text-anchor="middle"'
    if line.role in ("label", "alarm"):
        look += ' font-weight="bold"'
    return f"<text {look}>{content(line.text)}</text>"


def line(d: str, colour: str = EDGE, wide: float = 1.3, dashes: str = "", told: str = "") -> str:
    """A way with its width and colour."""
    dash = f' stroke-dasharray="{dashes}"' if dashes else ""
    look = f'fill="none" stroke="{colour}" stroke-width="{n(wide)}"{dash}'
    title = f"><title>{content(told)}</title></path>" if told else "/>"
    return f'<path d="{d}" {look}{title}'
