"""How long a browser takes over the interactive page: `python -m benchmarks.page`.

Needs Playwright and a `chromium` on the PATH. `open` is from the start of the navigation to the
first picture, `expand` from the click on "Expand all" to the frame after it, `step` is one step
back, `pan` a frame while the graph is dragged; all in milliseconds, the median of five.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import nn
import viz

_TURNS = 5
_EXPAND = """() => new Promise(done => {
    const start = performance.now();
    document.getElementById("unfold").click();
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
})"""
_STEP = """() => {
    const start = performance.now();
    for (let i = 0; i < 10; i++) document.getElementById("back").click();
    return (performance.now() - start) / 10;
}"""
_PAN = """async () => {
    const view = document.getElementById("view"), frames = [];
    const send = (type, x) => view.dispatchEvent(
        new PointerEvent(type, {pointerId: 1, clientX: x, clientY: 300, bubbles: true}));
    view.setPointerCapture = () => {};
    send("pointerdown", 700);
    for (let i = 0; i < 20; i++) {
        const start = performance.now();
        send("pointermove", 700 - 15 * i);
        await new Promise(done => requestAnimationFrame(done));
        frames.push(performance.now() - start);
    }
    send("pointerup", 400);
    return frames.sort((a, b) => a - b)[10];
}"""


class Block(nn.Module):
    """``h + tanh(h W + b)``: five boxes."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, h: Any) -> Any:
        """Return the next hidden state."""
        return h + np.tanh(self.linear(h))


def graph(blocks: int) -> viz.FlowGraph:
    """A residual net of so many blocks, with both passes."""
    net = nn.Sequential(*[Block() for _ in range(blocks)])
    return viz.flow_graph(lambda x: (net(x) ** 2).mean(), np.ones((4, 8)), names=net)


def measure(browser: Any, drawing: viz.FlowGraph, folder: Path) -> dict[str, float]:
    """Time the page of one graph."""
    start = time.perf_counter()
    text = drawing.html()
    found = {"write": 1e3 * (time.perf_counter() - start), "kB": len(text.encode()) / 1e3}
    file = folder / "page.html"
    file.write_text(text, encoding="utf-8")
    times: dict[str, list[float]] = {"open": [], "expand": [], "step": [], "pan": []}
    for _ in range(_TURNS):
        tab = browser.new_page(viewport={"width": 1400, "height": 900})
        tab.goto(file.as_uri())
        tab.wait_for_selector("#graph[data-drawn]")
        times["open"].append(float(tab.get_attribute("#graph", "data-drawn")))
        for name, script in (("expand", _EXPAND), ("step", _STEP), ("pan", _PAN)):
            times[name].append(tab.evaluate(script))
        tab.close()
    return found | {name: statistics.median(all_) for name, all_ in times.items()}


def main() -> None:
    """Print a table, and what the largest takes for each of the smallest."""
    from playwright.sync_api import sync_playwright

    rows = []
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for blocks in (6, 200, 2_000):
            drawing = graph(blocks)
            rows.append((len(drawing.vertices), measure(browser, drawing, Path(folder))))
        browser.close()
    print("boxes " + "".join(f"{name:>9}" for name in rows[0][1]))
    for boxes, found in rows:
        print(f"{boxes:6}" + "".join(f"{x:9.1f}" for x in found.values()))
    print("ratio " + "".join(f"{rows[-1][1][name] / x:9.1f}" for name, x in rows[0][1].items()))


if __name__ == "__main__":
    main()
