"""Draw the models of DRAW by every tool, time it, and write what docs/drawings.md shows.

Graphviz, Chromium and the peers have to be there (the extra `peers`; Playwright from the extra
`test`); `--pictures` leaves the times as they are. The pictures are the same each time.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # as a script it stands beside `benchmarks`, not above

from benchmarks import machine, race, table  # noqa: E402
from benchmarks.drawing_models import MODELS  # noqa: E402
from benchmarks.drawings import DRAW, FOLDED, ROLLED, draw  # noqa: E402
from benchmarks.timing import Pace  # noqa: E402

PAGE = ROOT / "docs" / "drawings.md"
IMAGES = ROOT / "docs" / "images" / "drawings"
#: What a drawing's file is called after the model's name.
ENDINGS = {
    "ours": "",
    "ours, unfolded": "-unfolded",
    "torchviz": "-torchviz",
    "torchview": "-torchview",
    ROLLED: "-torchview-rolled",
}
#: All thumbnails are of one size in pixels, so that columns are of one width.
THUMBNAIL = (600, 720)
#: A PNG has so few colours, and fewer where it would have more bytes than this.
COLOURS, BYTES = 64, 150_000
#: The times of the page are medians of so many turns.
PACE = Pace(rounds=7)
MARKS = "<!-- {0}: written by scripts/draw_anchors.py -->", "<!-- end of {0} -->"


def drawings(key: str) -> list[list[str]]:
    """The tools whose drawings of a model stand side by side, in rows."""
    theirs = ["torchviz", "torchview"]
    if key not in FOLDED:
        return [["ours", *theirs]]
    return [["ours", ROLLED] if key == "rnn" else ["ours"], ["ours, unfolded", *theirs]]


def file_name(tool: str, key: str) -> str:
    """Where a drawing is kept."""
    return f"{key}{ENDINGS[tool]}.svg"


def pictures() -> None:
    """Draw everything, and put it in the place of what was there."""
    drawn = {
        file_name(tool, key): draw(tool, key)[1]
        for key in MODELS
        for row in drawings(key)
        for tool in row
    }
    pages = {f"{key}.html": draw("ours, page", key)[1] for key in MODELS}
    small = thumbnails(drawn)
    IMAGES.mkdir(parents=True, exist_ok=True)
    for old in IMAGES.iterdir():
        old.unlink()
    for name, text in (drawn | pages).items():
        (IMAGES / name).write_text(text, encoding="utf-8")
    for name, content in small.items():
        (IMAGES / name).with_suffix(".png").write_bytes(content)


def thumbnails(drawn: Mapping[str, str]) -> dict[str, bytes]:
    """Each SVG as a PNG of few colours and one size; never enlarged."""
    from playwright.sync_api import sync_playwright

    found = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        width, height = THUMBNAIL
        page = browser.new_page(device_scale_factor=1, viewport={"width": width, "height": height})
        for name, text in drawn.items():
            page.set_content(f"<body style='margin:0'>{text[text.index('<svg') :]}</body>")
            page.evaluate(FIT, THUMBNAIL)
            found[name] = lessened(page.screenshot())
        browser.close()
    return found


def lessened(png: bytes) -> bytes:
    """The same picture in fewer colours."""
    from PIL import Image

    colours = COLOURS
    while True:
        with Image.open(BytesIO(png)) as image:
            few = image.convert("RGB").quantize(colours, dither=Image.Dither.NONE)
        content = BytesIO()
        few.save(content, "png", optimize=True)
        if len(content.getvalue()) <= BYTES or colours == 2:
            return content.getvalue()
        colours //= 2


FIT = """([wide, high]) => {
    const svg = document.querySelector("svg"), {width, height} = svg.getBoundingClientRect();
    const scale = Math.min(1, wide / width, high / height);
    svg.style.display = "block";
    svg.style.margin = "0 auto";
    svg.setAttribute("width", width * scale);
    svg.setAttribute("height", height * scale);
}"""


def times() -> str:
    """The table of times and sizes, and the machine's line."""
    outcome = race.run(DRAW, 1, PACE, quick=False, say=lambda message: print(message, flush=True))
    lines = []
    for result in outcome.results:
        model, tool = result.name.split(": ")
        if result.problem or result.agrees is False:
            raise SystemExit(f"{result.name}: {result.problem or 'another loss'}\n{result.detail}")
        facts = {name: f"{int(value):,}".replace(",", " ") for name, value in result.facts.items()}
        milliseconds = [result.median, result.stages["run"], result.stages["draw"]]
        lines.append(
            [
                model if tool == "ours" else "",
                tool,
                *(table.number(1e3 * seconds) for seconds in milliseconds),
                facts["boxes"],
                facts["edges"],
                f"{result.facts['bytes'] / 1000:.1f}",
            ]
        )
    head = ["model", "drawn by", "ms", "run", "draw", "boxes", "edges", "kB"]
    seen = machine.facts(1)
    versions = {name: seen["versions"][name] for name in ("torch", "torchviz", "torchview")}
    seen["versions"] = {"numpy": seen["versions"]["numpy"], **versions}
    return f"{table.markdown(head, lines)}\n\n{table.machine_line(seen, '')}".rstrip()


def side_by_side() -> str:
    """For each model a heading, and a table of thumbnails that lead to the whole drawings."""
    parts = []
    for key, model in MODELS.items():
        parts.append(f"### {model.title[0].upper()}{model.title[1:]}")
        rows = ((row, [cell(tool, key) for tool in row]) for row in drawings(key))
        parts += [table.markdown(row, [cells]) for row, cells in rows]
        parts.append(f"[Ours as a page](images/drawings/{key}.html), to step through.")
    return "\n\n".join(parts)


def cell(tool: str, key: str) -> str:
    """A thumbnail, and a link to the whole drawing."""
    name = file_name(tool, key)
    small = Path(name).with_suffix(".png")
    said = f"{MODELS[key].title}, drawn by {tool.replace('ours', 'this project')}"
    return f"[![{said}](images/drawings/{small})](images/drawings/{name})"


def put(name: str, text: str, page: str) -> str:
    """The page with another text between the marks of that name."""
    start, end = (mark.format(name) for mark in MARKS)
    before, rest = page.split(start)
    return f"{before}{start}\n\n{text}\n\n{end}{rest.split(end)[1]}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", action="store_true", help="leave the times as they are")
    options = parser.parse_args(arguments)
    pictures()
    parts: dict[str, Callable[[], str]] = {"pictures": side_by_side}
    if not options.pictures:
        parts["times"] = times
    for name, make in parts.items():
        PAGE.write_text(put(name, make(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
