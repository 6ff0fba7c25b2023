"""The key of a drawing: what its shapes, colours and signs mean, of those that are there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..text import clean, content, fit, width
from .boxes import (
    ALARM,
    CHANGES,
    EDGE,
    FAINT,
    FIGURE_SIZE,
    GRADIENT,
    LABEL_SIZE,
    META_SIZE,
    NOW,
    STYLES,
    TEXT,
    role,
)  # fmt: skip
from .looks import OVERLAYS, UNKNOWN, Looks, Scale, colour, edge_norm
from .marks import line, n, shape, sign

if TYPE_CHECKING:
    from ..graph.ir import Graph
    from ..graph.summary import Summary
    from ..graph.view import View

__all__ = [
    "Key",
    "changes_of",
    "edge_colour",
    "edge_width",
    "gradient_says",
    "keys",
    "set_keys",
    "value_says",
]


@dataclass(frozen=True, slots=True)
class Key:
    """One entry: a sign, drawn and as cells of Graphviz's tables, its width, and words."""

    svg: str
    cells: str
    wide: float
    words: str


def keys(
    view: View, looks: Looks, fills: Scale | None, widths: Scale | None, *, differs: bool,
    shortened: bool, explained: bool, sent: bool, unknown: bool,
) -> list[Key]:  # fmt: skip
    """The entries for what is drawn and no more."""
    graph = view.graph
    drawn = [graph.vertices[b.vertex] for b in view.boxes if b.vertex is not None]
    folded = any(b.group is not None for b in view.boxes)
    kinds = {role(vertex) for vertex in drawn} | ({"group"} if folded else set())
    plain = UNKNOWN if looks.overlay != "role" or differs else ""
    found = [_role(kind, plain) for kind in STYLES if kind in kinds]
    if any(v.uses > 1 for v in drawn):
        found.append(_sign("↻", "drawn at each of its uses"))
    if value := value_says(graph):
        found.append(_sign("=", value))
    if gradient := gradient_says(graph):
        found.append(_sign("∇", fit(gradient, META_SIZE, 500.0), "" if plain else GRADIENT))
    if any(v.kept for v in graph.vertices):
        circle = f'<circle cx="8" cy="7.5" r="3" fill="{TEXT}"/>'
        found.append(Key(circle, _cell("●", TEXT), 14.0, "kept for the backward pass"))
    broken = any(not s.finite for s in _summaries(graph))
    if broken:
        found.append(_sign("NaN", "not finite", "" if plain else ALARM, FIGURE_SIZE - 2))
    if any(v.origin or v.gradient_origin for v in graph.vertices):
        bar = f'<path d="M0 7.5h14" stroke="{ALARM}" stroke-width="3"/>'
        found.append(Key(bar, _cell("━━", ALARM), 14.0, "where that began"))
    changes = changes_of(graph)
    for change, (text, fill, says) in CHANGES.items():
        if change in changes:
            fill = fill if looks.overlay == "role" else UNKNOWN
            disc = f'<rect x="8" y="1" width="18" height="13" fill="{fill}" stroke="{FAINT}"/>'
            cell = _cell(text, TEXT, f' BORDER="1" COLOR="{FAINT}" BGCOLOR="{fill}"')
            found.append(Key(disc + sign(text, 8.0, 7.5), cell, 28.0, says))
    if looks.step is not None:
        ring = f'<rect x="2.5" y="2.5" width="17" height="10" rx="4" fill="none" stroke="{NOW}"'
        cell = _cell(" ", TEXT, f' BORDER="3" COLOR="{NOW}" WIDTH="22"')
        found.append(Key(f'{ring} stroke-width="4"/>', cell, 22.0, "this step"))
        cell = _cell(" ", TEXT, ' BORDER="1" COLOR="#bbbbbb" STYLE="ROUNDED" WIDTH="22"')
        pale = shape("op", 0.0, 0.5, 22.0, 13.0, pale=True)
        found.append(Key(pale, cell, 22.0, "not computed yet"))
    if sent:
        arrow = line("M0 7.5h15", GRADIENT, 1.4, "5 3")
        arrow += f'<path d="M22 7.5L15 4.5V10.5Z" fill="{GRADIENT}"/>'
        found.append(Key(arrow, _cell("- - ▸", GRADIENT), 22.0, "gradient sent back"))
    if explained and looks.edges == "gradient":
        # The width tells something else.
        found.append(_sign("%", "share of the explained gradient", GRADIENT, FIGURE_SIZE))
    elif explained:
        cell = _cell("━━", GRADIENT)
        stroke = line("M0 7.5h22", GRADIENT, 4.0)
        found.append(Key(stroke, cell, 22.0, "share of the explained gradient"))
    if looks.edges == "gradient":
        known = [edge_norm(graph, arrow) for arrow in view.edges]
        found.append(_widths(widths, not all(x is None or math.isfinite(x) for x in known)))
    if looks.overlay != "role":
        white = "not known or not finite" if broken else "not known"
        found.append(_ramp(fills, OVERLAYS[looks.overlay], f"; white: {white}" * unknown))
    if shortened:
        dashed = line("M0 7.5h14", EDGE, 1.3, "3 3")
        words = "goes on far away; its ends are drawn alone"
        found.append(Key(dashed, _cell("- -", EDGE), 14.0, words))
    return found


def _role(kind: str, plain: str) -> Key:
    style = STYLES[kind]
    look = (
        f' WIDTH="22" HEIGHT="12" COLOR="{style.line}" BGCOLOR="{plain or style.fill}" '
        f'BORDER="{2 if style.stroke > 2 or style.double else 1}"'
    )
    looks = ["ROUNDED"] * style.rounded + ["DASHED"] * style.dashed
    look += f' STYLE="{",".join(looks)}"' if looks else ""
    return Key(shape(kind, 0.0, 0.5, 22.0, 13.0, plain), _cell(" ", TEXT, look), 22.0, style.says)


def _cell(text: str, ink: str, look: str = "") -> str:
    return f'<TD{look}><FONT COLOR="{ink}">{content(text)}</FONT></TD>'


def value_says(graph: Graph) -> str:
    """What stands behind "=" in the boxes, in words; "" where there is none."""
    if not any(v.value or v.value_note for v in graph.vertices):
        return ""
    arrays = any(s.size > len(s.preview) for s in _summaries(graph))
    return "value" + ", mean ± standard deviation [least, greatest]" * arrays


def gradient_says(graph: Graph) -> str:
    """What stands behind "∇" in the boxes, in words; "" where there is none."""
    if not any(v.gradient or v.gradient_note for v in graph.vertices):
        return ""
    outputs = [v for v in graph.vertices if v.kind == "output"]
    names = [fit(v.name, META_SIZE, 150.0) for v in outputs if v.name]
    name = names[0] if len(names) == len(outputs) == 1 else "the output" + "s" * (len(outputs) > 1)
    why = f" ({clean(graph.no_gradient)})" if graph.no_gradient else ""
    return f"gradient of {name}{why}"


def changes_of(graph: Graph) -> set[str]:
    """The marks of a difference that are in the graph, and ""."""
    changes = {vertex.change for vertex in graph.vertices}
    changes |= {edge.change for edge in graph.edges} | {group.change for group in graph.groups}
    return changes


def _summaries(graph: Graph) -> list[Summary]:
    both = [s for v in graph.vertices for s in (v.value, v.gradient)]
    return [s for s in both if s is not None]


def _sign(text: str, words: str, ink: str = "", size: float = LABEL_SIZE - 1) -> Key:
    drawn = (
        f'<text x="7" y="11.5" font-size="{n(size)}" fill="{ink or TEXT}" font-weight="bold" '
        f'text-anchor="middle">{text}</text>'
    )
    return Key(drawn, _cell(text, ink or TEXT), 14.0, words)


def _ramp(scale: Scale | None, says: str, unknown: str) -> Key:
    """A strip of the scale's colours between what they stand for."""
    if scale is None or scale.single:
        shade = UNKNOWN if scale is None else colour(scale.at(scale.high) or 0.0)
        drawn = f'<rect y="1" width="22" height="13" fill="{shade}" stroke="{FAINT}"/>'
        cell = _cell(" ", TEXT, f' WIDTH="22" BORDER="1" COLOR="{FAINT}" BGCOLOR="{shade}"')
        words = f"{says}: " + ("not known" if scale is None else scale.ends()[1])
        return Key(drawn, cell, 22.0, words + (unknown if scale else ""))
    low, high = scale.ends()
    at = width(low, META_SIZE) + 5.0
    strip = [f'<text y="11">{content(low)}</text>']
    shades = [colour(i / 11) for i in range(12)]
    strip += [
        f'<rect x="{n(at + 9 * i)}" y="1" width="9.5" height="13" fill="{shade}"/>'
        for i, shade in enumerate(shades)
    ]
    strip.append(
        f'<rect x="{n(at)}" y="1" width="108.5" height="13" fill="none" stroke="{FAINT}"/>'
        f'<text x="{n(at + 113.5)}" y="11">{content(high)}</text>'
    )
    cells = "".join(f'<TD BGCOLOR="{shade}"> </TD>' for shade in shades)
    cells = _cell(low, FAINT) + cells + _cell(high, FAINT)
    how = (", logarithmic" if scale.log else "") + unknown
    return Key("".join(strip), cells, at + 113.5 + width(high, META_SIZE), says + how)


def _widths(scale: Scale | None, broken: bool) -> Key:
    """Three lines, as thin and as thick as they get."""
    words, red = "norm of the gradient that flows through", "; red: not finite" * broken
    if scale is None or scale.single:
        part = None if scale is None else scale.at(scale.high)
        ink, wide = (EDGE, 0.8) if part is None else (edge_colour(part), edge_width(part))
        words += ": " + ("not known" if scale is None else scale.ends()[1]) + red
        return Key(line("M0 7.5h22", ink, wide), _cell("━━", ink), 22.0, words)
    low, high = scale.ends()
    at = width(low, META_SIZE) + 5.0
    parts, cells = [f'<text y="11">{content(low)}</text>'], _cell(low, FAINT)
    for i in range(3):
        ink, wide = edge_colour(i / 2), edge_width(i / 2)
        parts.append(line(f"M{n(at + 24 * i)} 7.5h20", ink, wide))
        cells += _cell("━━", ink)
    parts.append(f'<text x="{n(at + 73)}" y="11">{content(high)}</text>')
    wide = at + 73 + width(high, META_SIZE)
    return Key("".join(parts), cells + _cell(high, FAINT), wide, f"{words}, logarithmic{red}")


def edge_width(part: float) -> float:
    """How wide an edge is drawn, at ``part`` of the scale of norms."""
    return 1.2 + 4.8 * part


def edge_colour(part: float) -> str:
    """Its colour: from a light to the full colour of gradients."""
    full = [int(GRADIENT[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(190 + part * (x - 190)):02x}" for x in full)


def set_keys(found: Sequence[Key], room: float) -> tuple[list[str], float, float]:
    """Set the entries in rows no wider than ``room``; returns the SVG, the width, the height."""
    parts = [f'<g font-size="{n(META_SIZE)}" fill="{FAINT}">']
    x = y = widest = 0.0
    for key in found:
        wide = key.wide + 6.0 + width(key.words, META_SIZE) + 16.0
        if x and x + wide > room:
            x, y = 0.0, y + 20.0
        parts.append(f'<g transform="translate({n(x)} {n(y)})">{key.svg}</g>')
        words = content(key.words)
        parts.append(f'<text x="{n(x + key.wide + 6)}" y="{n(y + 11)}">{words}</text>')
        x += wide
        widest = max(widest, x)
    parts.append("</g>")
    return parts, widest, y + 16.0
