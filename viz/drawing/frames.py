"""Handouts: both passes as a sequence of drawings, one per step, and a file that pages through."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, final, overload

from ..files import write
from ..layout import Layout
from ..notebook import frames_bundle
from ..text import attribute, clean
from .boxes import Box
from .looks import Looks
from .progress import step_number
from .scene import scene
from .svg import parts

if TYPE_CHECKING:
    from ..graph.view import View

__all__ = ["Frames", "frames"]

#: One file or folder of more drawings than this helps nobody.
MANY_STEPS = 1_000
_ID = re.compile(r'^<g id="(?:box|group)\d+">')


@final
class Frames(Sequence[str]):
    """Drawings as SVG text, one per step, all of the same size and layout; made as asked for.

    ``steps`` are the numbers of the steps that they show.
    """

    def __init__(
        self, view: View, boxes: Sequence[Box], layout: Layout, looks: Looks, steps: Sequence[int]
    ) -> None:
        self._view, self._boxes, self._layout, self._looks = view, boxes, layout, looks
        self.steps = tuple(step_number(view.graph, step) for step in steps)

    def __len__(self) -> int:
        return len(self.steps)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Frames: ...
    def __getitem__(self, index: int | slice) -> str | Frames:
        if isinstance(index, slice):
            steps = self.steps[index]
            return Frames(self._view, self._boxes, self._layout, self._looks, steps)
        return "\n".join(self._parts(self.steps[index]))

    def __iter__(self) -> Iterator[str]:
        return ("\n".join(self._parts(step)) for step in self.steps)

    def __repr__(self) -> str:
        return f"<Frames: {len(self)} drawings of {len(self._boxes)} boxes>"

    def captions(self) -> list[str]:
        """Return what each drawing shows in words, as below it: rule, contribution and count."""
        return [self._view.graph.steps[step].caption for step in self.steps]

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        return frames_bundle(self, include, exclude)

    def save(self, path: str | Path) -> Path:
        """Write them, and return the path: ``.html`` is one file that pages through them.

        The page turns by its buttons and by the arrow keys; on paper, and where no scripts run,
        every step is a page. Any other path without a suffix is a folder, made if need be, with a
        file ``step-01.svg`` per step; in ``"out/{}.svg"`` the braces stand for the number.

        Raises:
            ValueError: another suffix, no steps, or more than 1,000.
        """
        path = Path(path)
        if not self.steps:
            raise ValueError(f"cannot save {path.name!r}: there are no steps to draw")
        if len(self) > MANY_STEPS:
            raise ValueError(
                f"{len(self):,} drawings (more than {MANY_STEPS:,}) are too many for a handout: "
                "choose some, frames(steps=range(100)) or frames[:100], or save the interactive "
                "page, graph.save('graph.html'), which steps through all of them"
            )
        if path.suffix.lower() == ".html":
            write(path, self.html())
            return path
        digits = len(str(max(self.steps) + 1))
        if "{}" in path.name and path.suffix.lower() == ".svg":
            folder, pattern = path.parent, path.name
        elif not path.suffix:
            folder, pattern = path, "step-{}.svg"
            folder.mkdir(exist_ok=True)
        else:
            raise ValueError(
                f"cannot save {path.name!r}: give a file .html, a folder, or a pattern such as "
                "'step-{}.svg'"
            )
        for step, drawing in zip(self.steps, self, strict=True):
            write(folder / pattern.replace("{}", f"{step + 1:0{digits}}"), drawing)
        return path

    def html(self) -> str:
        """Return the file that pages through them. What several steps share is in it once."""
        pages = [self._parts(step) for step in self.steps]
        times = Counter(part for page in pages for part in dict.fromkeys(page) if _whole(part))
        shared = {part: f"d{i}" for i, part in enumerate(p for p, k in times.items() if k > 1)}
        defs = [f'<g id="{name}">{_ID.sub("<g>", part)}</g>' for part, name in shared.items()]
        sections = []
        for step, page in zip(self.steps, pages, strict=True):
            drawn = "\n".join(
                f'<use href="#{shared[part]}"/>' if part in shared else _ID.sub("<g>", part)
                for part in page
            )
            said = attribute(f"{step + 1}. {clean(self._view.graph.steps[step].caption)}")
            sections.append(
                f'<section class="page" id="step{step + 1}" aria-label={said}>\n{drawn}</section>'
            )
        wide = self._layout.width > self._layout.height
        outputs = [v for v in self._view.graph.vertices if v.kind == "output"]
        name = clean(", ".join(v.name or v.label for v in outputs[:3]) or "a graph")
        return _PAGE.format(
            title=escape(f"Step by step: {name}"),
            orientation="landscape" if wide else "portrait",
            defs="\n".join(defs),
            sections="\n".join(sections),
        )

    def _parts(self, step: int) -> list[str]:
        looks = replace(self._looks, step=step)
        return parts(scene(self._view, self._boxes, self._layout, looks))


def frames(
    view: View, boxes: Sequence[Box], layout: Layout, looks: Looks | None = None,
    steps: Sequence[int] | None = None,
) -> Frames:  # fmt: skip
    """The drawings of the given steps, of all by default.

    Raises:
        ValueError: nothing to step through, or a step that there is not.
    """
    if not view.graph.steps:
        raise ValueError(
            "frames: this graph has no steps; draw what a function computes, flow_graph(f, *args), "
            "or record a forward and a backward pass"
        )
    chosen = range(len(view.graph.steps)) if steps is None else steps
    return Frames(view, boxes, layout, looks or Looks(), chosen)


def _whole(part: str) -> bool:
    """Whether it is a whole element and long enough to be worth a reference."""
    closed = part.endswith("</g>") if part.startswith("<g") else part.endswith((">", "/>"))
    # The mark is looked for in its page.
    return len(part) > 60 and closed and not part.startswith(("<svg", '<rect class="mark"'))


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ margin: 0; background: #fff; color: #18212b; font: 15px/1.4 Helvetica, Arial, sans-serif; }}
nav {{ display: none; position: sticky; top: 0; padding: 8px 16px; gap: 4px 8px;
  flex-wrap: wrap; align-items: center; background: #eff2f6; border-bottom: 1px solid #a3aeb9; }}
nav button {{ font: inherit; min-width: 44px; min-height: 32px; white-space: nowrap; }}
nav button[aria-pressed="true"] {{ border-style: inset; background: #cfd8e2; color: #18212b; }}
nav input {{ flex: 1; min-width: 8em; }}
nav output {{ min-width: 6em; text-align: right; }}
nav p {{ flex-basis: 100%; margin: 0; font-weight: bold; overflow-wrap: anywhere; }}
.page {{ padding: 8px; text-align: center; }}
.page svg {{ max-width: 100%; height: auto; }}
.paged nav {{ display: flex; }}
.paged .page {{ display: none; }}
.paged .page.now {{ display: block; }}
.paged .page svg {{ max-height: calc(100vh - 100px); }}
.full main {{ overflow-x: auto; }}
.full .page svg {{ max-width: none; max-height: none; }}
@page {{ size: {orientation}; margin: 10mm; }}
@media print {{
  nav, .paged nav {{ display: none; }}
  .full main {{ overflow-x: visible; }}
  .page, .paged .page {{ display: block; padding: 0; break-after: page; break-inside: avoid; }}
  .page:last-child {{ break-after: auto; }}
  .page svg, .paged .page svg {{ max-width: 100%; max-height: 96vh; }}
}}
</style>
</head>
<body>
<nav aria-label="Steps">
<button id="first" aria-label="First step">First</button>
<button id="back" aria-label="Step back">◀ Back</button>
<button id="next" aria-label="Next step">Next ▶</button>
<button id="last" aria-label="Last step">Last</button>
<input id="at" type="range" min="1" value="1" aria-label="Step" />
<output id="told"></output>
<button id="size" aria-pressed="false">Full size</button>
<p id="said" aria-live="polite"></p>
</nav>
<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>
{defs}
</defs></svg>
<main>
{sections}
</main>
<script>
(() => {{
  const pages = [...document.querySelectorAll(".page")];
  const get = (id) => document.getElementById(id);
  let now = 0;
  const show = (i) => {{
    pages[now].classList.remove("now");
    now = Math.max(0, Math.min(pages.length - 1, i));
    pages[now].classList.add("now");
    get("at").value = now + 1;
    get("told").textContent = `${{now + 1}} of ${{pages.length}}`;
    get("said").textContent = pages[now].getAttribute("aria-label");
    get("back").disabled = get("first").disabled = now === 0;
    get("next").disabled = get("last").disabled = now === pages.length - 1;
    look();
  }};
  const full = () => document.body.classList.contains("full");
  const look = () => {{
    const mark = pages[now].querySelector(".mark");
    if (full() && mark) mark.scrollIntoView({{ block: "center", inline: "center" }});
  }};
  const size = (whole) => {{
    document.body.classList.toggle("full", whole);
    get("size").setAttribute("aria-pressed", whole);
    look();
  }};
  document.body.classList.add("paged");
  get("at").max = pages.length;
  get("size").onclick = () => size(!full());
  get("first").onclick = () => show(0);
  get("back").onclick = () => show(now - 1);
  get("next").onclick = () => show(now + 1);
  get("last").onclick = () => show(pages.length - 1);
  get("at").oninput = (e) => show(e.target.value - 1);
  const keys = {{ ArrowRight: 1, PageDown: 1, " ": 1, ArrowLeft: -1, PageUp: -1 }};
  document.addEventListener("keydown", (e) => {{
    if (e.ctrlKey || e.altKey || e.metaKey || (e.key === " " && e.target.tagName === "BUTTON")) {{
      return;
    }}
    if (e.key in keys) show(now + keys[e.key]);
    else if (e.key === "Home") show(0);
    else if (e.key === "End") show(pages.length - 1);
    else return;
    e.preventDefault();
  }});
  show(Math.max(0, pages.findIndex((p) => "#" + p.id === location.hash)));
  // What nobody could read is shown as large as it is.
  const drawing = pages[now].querySelector("svg");
  const shown = drawing.getBoundingClientRect(), {{ width, height }} = drawing.viewBox.baseVal;
  size(Math.min(shown.width / width, shown.height / height) < 0.5);
}})();
</script>
</body>
</html>
"""
