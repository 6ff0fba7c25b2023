"""Draws a scene as SVG: plain shapes and text, with no style sheet, script or outside font.

Everything that a user named is text content and escaped as such; ids and attributes are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..layout import Layout
from ..text import FIGURE_FONT, LABEL_FONT, attribute, content, fit, width
from .boxes import FAINT, META_SIZE, STYLES, TEXT, Box, frame_title
from .legend import set_keys
from .looks import Looks
from .marks import box_svg, n, ring, way_svg
from .scene import Scene, scene

if TYPE_CHECKING:
    from ..graph.view import View

__all__ = ["draw", "parts"]

_MARGIN = 18.0
#: The least width that a legend is set in.
_LEGEND_WIDTH = 560.0


def draw(view: View, boxes: Sequence[Box], layout: Layout, looks: Looks | None = None) -> str:
    """Write the SVG.

    Raises:
        ValueError: more than 100,000 boxes, not forced; a step that there is not.
    """
    return "\n".join(parts(scene(view, boxes, layout, looks or Looks())))


def parts(drawn: Scene) -> list[str]:
    """The drawing as a list of whole elements, but for those that open and close it."""
    layout = drawn.layout
    room = max(layout.width, _LEGEND_WIDTH)
    key, key_width, key_height = set_keys(drawn.keys, room)
    said, said_width, said_height = _said(drawn.step, drawn.caption, room)
    total = max(layout.width, key_width, said_width) + 2 * _MARGIN
    left = 0.5 * (total - layout.width)
    below = _MARGIN + layout.height + 26.0
    height = below + said_height + key_height + _MARGIN
    frames, titles = _frames(drawn)
    written = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{n(total)}" height="{n(height)}" '
        f'viewBox="0 0 {n(total)} {n(height)}" role="img" aria-label={attribute(drawn.about)} '
        f'font-family="{LABEL_FONT}">',
        f'<rect width="{n(total)}" height="{n(height)}" fill="#ffffff"/>',
        f'<g transform="translate({n(left)} {n(_MARGIN)})">',
        *frames,
        *[ring(painted) for painted in drawn.boxes if painted.now],
        *[way_svg(way) for way in drawn.ways],
        *titles,
        *[box_svg(painted) for painted in drawn.boxes],
    ]
    for note in drawn.notes:
        face = f' font-family="{FIGURE_FONT}"' if note.colour != FAINT else ""
        written.append(
            f'<text x="{n(note.x)}" y="{n(note.y)}" font-size="{n(note.size)}" '
            f'fill="{note.colour}"{face}>{content(note.words)}</text>'
        )
    written.append("</g>")
    for lines, x, y in (
        (said, 0.5 * (total - said_width), below),
        (key, 0.5 * (total - key_width), below + said_height),
    ):
        if lines:
            written.append(f'<g transform="translate({n(x)} {n(y)})">{"".join(lines)}</g>')
    return [*written, "</svg>\n"]


def _frames(drawn: Scene) -> tuple[list[str], list[str]]:
    """The open groups: a tint, which adds up inside another; and their titles.

    A title stands on a ground of its own: `dot` lets arrows run below it.
    """
    style, graph = STYLES["frame"], drawn.view.graph
    frames, titles = [], []
    grounds: list[list[float]] = []
    placed = zip(drawn.view.frames, drawn.layout.frames, drawn.tints, strict=True)
    for frame, (x, y, w, h), fill in placed:
        below = grounds[frame.parent] if frame.parent >= 0 else [255.0] * 3
        tint = [int(fill[i : i + 2], 16) for i in (1, 3, 5)]
        grounds.append([0.9 * a + 0.1 * b for a, b in zip(below, tint, strict=True)])
        ground = "#" + "".join(f"{round(part):02x}" for part in grounds[-1])
        title = frame_title(graph, frame.group).lines[0].text
        frames.append(
            f'<rect x="{n(x)}" y="{n(y)}" width="{n(w)}" height="{n(h)}" rx="8" fill="{fill}" '
            f'fill-opacity="0.1" stroke="{style.line}" stroke-width="{n(style.stroke)}"/>'
        )
        titles.append(
            f'<rect x="{n(x + 7)}" y="{n(y + 4)}" width="{n(width(title, META_SIZE) + 4)}" '
            f'height="13" fill="{ground}"/>'
            f'<text x="{n(x + 9)}" y="{n(y + 14)}" font-size="{n(META_SIZE)}" fill="{FAINT}" '
            f'font-weight="bold">{content(title)}</text>'
        )
    return frames, titles


def _said(step: str, caption: str, room: float) -> tuple[list[str], float, float]:
    """What is said below the drawing: the step, then the caption."""
    said: list[tuple[str, float, str]] = []
    if step:
        said.append((step, max(META_SIZE, min(14.0, 14.0 * room / width(step, 14.0))), TEXT))
    said += [(line, META_SIZE + 1, FAINT) for line in _broken(caption, META_SIZE + 1, room)]
    lines, widest, y = [], 0.0, 0.0
    for words, size, ink in said:
        words = fit(words, size, room)
        # A step's words take the same room in all of its drawings.
        y += 18.0 if ink == TEXT else size + 4.0
        bold = ' font-weight="bold"' if ink == TEXT else ""
        lines.append(
            f'<text y="{n(y)}" font-size="{n(size)}" fill="{ink}"{bold}>{content(words)}</text>'
        )
        widest = max(widest, room if ink == TEXT else width(words, size))
    return lines, widest, y + 14.0 if said else 0.0


def _broken(words: str, size: float, room: float) -> list[str]:
    """Break a text into lines at its spaces."""
    lines: list[str] = []
    for word in words.split(" ") if words else []:
        if lines and width(f"{lines[-1]} {word}", size) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
