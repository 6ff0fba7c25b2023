"""What a notebook shows of a flow graph: the page where it can run, else the drawing, else text.

The page lies in a frame of its own: the notebook's styles do not reach into it, its script reaches
nothing outside, and ids of several drawings never meet. A viewer that removes frames, as hosts of
notebooks and notebooks that are not trusted do, is left with the drawing, which follows the frame
as an image and is seen where there is no frame.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .drawing.frames import Frames
    from .flow_graph import FlowGraph

__all__ = ["framed", "frames_bundle", "mimebundle"]

#: Above this many boxes a notebook gets the collapsed drawing and no page, which holds all boxes
#: and would be kept in the notebook's file; `FlowGraph.open` shows it in a browser.
MANY_BOXES = 1_500
#: And above this many drawings no file that pages through them.
MANY_FRAMES = 100
#: How many lines of text a notebook keeps.
LINES = 20

# About the width of a notebook's outputs; the height of the page's bars around the drawing; bounds
# of the frame's height.
_WIDTH, _BARS, _LOWEST, _HIGHEST = 900, 150, 320, 760


def mimebundle(
    flow_graph: FlowGraph,
    include: Collection[str] | None = None,
    exclude: Collection[str] | None = None,
) -> dict[str, Any]:
    """Return the forms of a drawing by their media types, as IPython's ``_repr_mimebundle_``."""
    boxes = len(flow_graph.vertices)
    note = ""
    if boxes > MANY_BOXES:
        note = (
            f"{boxes:,} boxes are more than a notebook should keep: <code>.open()</code> shows the "
            "page that has them all."
        )
    text = flow_graph.text(lines=LINES)
    return _bundle(text, flow_graph.svg, flow_graph.html, note, include, exclude)


def frames_bundle(
    frames: Frames,
    include: Collection[str] | None = None,
    exclude: Collection[str] | None = None,
) -> dict[str, Any]:
    """Return the forms of a handout: what pages through it, its last drawing, its captions."""
    note = ""
    if len(frames) > MANY_FRAMES:
        note = (
            f"{len(frames):,} drawings are more than a notebook should keep: "
            "<code>.save(&quot;steps.html&quot;)</code> writes what pages through them."
        )
    captions = frames.captions()
    if not captions:
        return {"text/plain": repr(frames)}
    told = [f"{len(frames)} drawings of the steps of both passes", *captions[:LINES]]
    if len(captions) > LINES:
        told.append(f"… and {len(captions) - LINES} more")
    return _bundle("\n".join(told), lambda: frames[-1], frames.html, note, include, exclude)


def _bundle(
    text: str,
    svg: Callable[[], str],
    page: Callable[[], str],
    note: str,
    include: Collection[str] | None,
    exclude: Collection[str] | None,
) -> dict[str, Any]:
    """Make the forms that are wanted; with a ``note`` the image stands for the page."""
    wanted = set(include or ("text/html", "image/svg+xml", "text/plain")) - set(exclude or ())
    bundle: dict[str, Any] = {}
    if "text/plain" in wanted:
        bundle["text/plain"] = text.rstrip()
    if not wanted & {"text/html", "image/svg+xml"}:
        return bundle
    drawn = svg()
    if "image/svg+xml" in wanted:
        bundle["image/svg+xml"] = drawn
    if "text/html" in wanted:
        about = text.partition("\n")[0]
        if note:
            bundle["text/html"] = f"{_image(drawn, about)}<p>{note}</p>"
        else:
            bundle["text/html"] = framed(page(), drawn, about)
    return bundle


def framed(page: str, svg: str, title: str) -> str:
    """Put a page into a frame of its own, and the drawing behind it, to be seen without the frame.

    The frame may run scripts and nothing else: it has no origin, no storage, no pop-ups.
    """
    width, height = _size(svg)
    shown = height * min(1.0, _WIDTH / max(width, 1.0))
    tall = round(min(max(shown + _BARS, _LOWEST), _HIGHEST))
    # Sanitizers take out frames and style sheets, of which the latter is as little use without the
    # former: what is left is the image, and not cut to the height of a frame that is not there.
    return (
        "<style>.flow-graph-page+img{display:none!important}</style>"
        f'<iframe class="flow-graph-page" title="{html.escape(title)}" sandbox="allow-scripts" '
        f'style="display:block;width:100%;height:{tall}px;border:0;background:#ffffff" '
        f'srcdoc="{html.escape(page)}"></iframe>{_image(svg, title)}'
    )


def _image(svg: str, about: str) -> str:
    """The drawing as an image: nothing in it meets the styles or the ids of what is around it."""
    data = base64.b64encode(svg.encode()).decode()
    return (
        f'<img alt="{html.escape(about)}" style="max-width:100%" '
        f'src="data:image/svg+xml;base64,{data}">'
    )


def _size(svg: str) -> tuple[float, float]:
    """The width and the height that an SVG says it has."""
    head = svg[: svg.index(">")]
    found = {key: float(n) for key, n in re.findall(r'\b(width|height)="([\d.]+)', head)}
    return found.get("width", 0.0), found.get("height", 0.0)
