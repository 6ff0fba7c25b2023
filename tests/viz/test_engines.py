"""Which engine draws, what happens when `dot` is missing, fails or hangs, and what is saved."""

import importlib.util
import shutil
import stat
import sys
import time
import warnings
import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

import autograd_core as ag
import viz
from tests.viz.drawings import network
from viz import DotError, FlowGraph, flow_graph
from viz.drawing import programs
from viz.drawing.boxes import NOW, STYLES
from viz.drawing.looks import colour
from viz.layout import layered

SVG = "{http://www.w3.org/2000/svg}"

needs_scripts = pytest.mark.skipif(
    sys.platform == "win32", reason="the programs that stand for dot here are scripts"
)
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")

needs_painter = pytest.mark.skipif(
    shutil.which("dot") is None and importlib.util.find_spec("pygraphviz") is None,
    reason="there is neither Graphviz nor pygraphviz",
)

# Does what dot does, badly: stacks the boxes, and joins them by straight lines.
STACKS = r"""
import re, sys
form, text = sys.argv[1], sys.stdin.read()
if form != "-Tsvg":
    sys.stdout.write(form)
    raise SystemExit
heights = {i: 72 * float(h) for i, h in re.findall(r'(v\d+) \[.*?height=([\d.]+)', text)}
print('<svg xmlns="http://www.w3.org/2000/svg"><g class="graph">')
y, top = -1000.0, {}
for name, h in heights.items():
    top[name] = y
    print(f'<g id="{name}" class="node"><polygon points="50,{y} 0,{y} 0,{y+h} 50,{y+h}"/></g>')
    y += h + 30
for u, v, name in re.findall(r'(v\d+) -> (v\d+) \[id=(e\d+)', text):
    a, b = top[u] + heights[u], top[v]
    print(f'<g id="{name}" class="edge"><path d="M25,{a}C25,{a} 25,{b} 25,{b}"/></g>')
print('</g></svg>')
"""


@pytest.fixture
def tensor() -> ag.Tensor:
    x = ag.Tensor(3.0, requires_grad=True, name="x")
    return x * x + 1


@pytest.fixture
def no_dot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A PATH with nothing on it but what a test puts there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def pretend(folder: Path, script: str) -> None:
    """Put a program called dot there."""
    program = folder / "dot"
    program.write_text(f"#!{sys.executable}\n{script}", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_without_dot_the_builtin_engine_draws_in_silence(tensor: ag.Tensor, no_dot: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        graph = flow_graph(tensor)
        assert graph.engine == "builtin"
        assert graph.svg() == flow_graph(tensor, engine="builtin").svg()


def test_dot_asked_for_and_missing_names_what_to_install(tensor: ag.Tensor, no_dot: Path) -> None:
    with pytest.raises(DotError, match=r"apt install graphviz.*brew.*winget"):
        flow_graph(tensor, engine="dot")


@needs_scripts
def test_dot_draws_where_it_is(tensor: ag.Tensor, no_dot: Path) -> None:
    pretend(no_dot, STACKS)
    graph = flow_graph(tensor)
    assert graph.engine == "dot"
    # The look is ours, whoever places the boxes.
    assert "<title>parameter: x" in graph.svg()
    assert flow_graph(tensor, engine="builtin").engine == "builtin"


@needs_scripts
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("import sys; sys.exit('syntax error')", "failed with code 1: syntax error"),
        ("print('<svg')", "not understood"),
        ("print('<svg xmlns=\"http://www.w3.org/2000/svg\"/>')", "not understood"),
    ],
)
def test_a_dot_that_fails_is_replaced_with_one_warning(
    tensor: ag.Tensor, no_dot: Path, script: str, words: str
) -> None:
    pretend(no_dot, script)
    graph = flow_graph(tensor)
    with pytest.warns(RuntimeWarning, match=words) as record:
        graph.svg()
    assert len(record) == 1
    graph.svg()
    assert graph.engine == "builtin"
    with pytest.raises(DotError, match=words):
        flow_graph(tensor, engine="dot").svg()


@needs_scripts
def test_a_program_that_cannot_be_run(tensor: ag.Tensor, no_dot: Path) -> None:
    program = no_dot / "dot"
    program.write_bytes(b"\x00\x01")
    program.chmod(0o755)
    with pytest.warns(RuntimeWarning, match="could not be run"):
        assert flow_graph(tensor).engine == "builtin"


@needs_scripts
def test_a_dot_that_hangs_is_stopped(tensor: ag.Tensor, no_dot: Path) -> None:
    # Its child holds the pipes open after it is gone; nobody may wait for that.
    pretend(
        no_dot,
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(50)'])\n"
        "time.sleep(60)",
    )
    start = time.perf_counter()
    with pytest.warns(RuntimeWarning, match=r"longer than 0.3 s") as record:
        assert flow_graph(tensor, timeout=0.3).engine == "builtin"
    assert time.perf_counter() - start < 40  # neither of them was waited for
    assert len(record) == 1
    with pytest.raises(DotError, match="longer than"):
        flow_graph(tensor, engine="dot", timeout=0.3).svg()


@needs_scripts
def test_what_a_hanging_dot_started_is_stopped_too(tensor: ag.Tensor, no_dot: Path) -> None:
    mark = no_dot / "alive"
    child = f"import time; time.sleep(1.2); open({str(mark)!r}, 'w').close()"
    pretend(
        no_dot,
        f"import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', {child!r}])\n"
        "time.sleep(60)",
    )
    with pytest.raises(DotError, match=r"longer than 0\.6 s"):
        flow_graph(tensor, engine="dot", timeout=0.6).svg()
    time.sleep(1.0)
    assert not mark.exists()


@needs_scripts
def test_large_graphs_are_not_given_to_dot(
    tensor: ag.Tensor, no_dot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(no_dot, STACKS)
    # By its name in full: `viz.flow_graph` is the function.
    monkeypatch.setattr(sys.modules["viz.flow_graph"], "MANY_BOXES", 2)
    assert flow_graph(tensor).engine == "builtin"
    assert flow_graph(tensor, engine="dot").engine == "dot"


def test_unknown_engine(tensor: ag.Tensor) -> None:
    with pytest.raises(ValueError, match="'neato'; the engines are auto, dot, builtin"):
        flow_graph(tensor, engine="neato")


@needs_dot
def test_the_real_dot_places_every_box() -> None:
    sizes = [(60.0, 40.0), (100.0, 20.0), (50.0, 50.0)]
    edges = [(0, 1), (0, 1), (1, 2), (0, 2)]
    drawing = viz.drawing.dot.place(sizes, edges, 10.0)
    assert [y for _, y in drawing.centres] == sorted(y for _, y in drawing.centres)
    assert drawing.width < 2 * layered(sizes, edges).width
    for (u, v), (route,) in zip(edges, drawing.routes, strict=True):
        for end, box in ((route[0], u), (route[-1], v)):
            away = abs(end[1] - drawing.centres[box][1])
            assert away <= sizes[box][1] / 2 + 1


def apart(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    """Whether two areas (x, y, w, h) have nothing in common."""
    return (a[0] + a[2] <= b[0] + 0.1 or b[0] + b[2] <= a[0] + 0.1
            or a[1] + a[3] <= b[1] + 0.1 or b[1] + b[3] <= a[1] + 0.1)  # fmt: skip


@needs_dot
def test_the_real_dot_places_frames_around_their_boxes() -> None:
    sizes = [(60.0, 40.0), (100.0, 20.0), (50.0, 50.0), (30.0, 30.0), (30.0, 20.0)]
    edges = [(0, 1), (1, 2), (2, 3), (0, 3), (3, 4)]
    inside, frames = [-1, 0, 1, 0, -1], [(-1, 180.0, 20.0), (0, 90.0, 20.0)]
    drawing = viz.drawing.dot.place(sizes, edges, 10.0, inside, frames)
    areas = [
        (x - w / 2, y - h / 2, w, h) for (x, y), (w, h) in zip(drawing.centres, sizes, strict=True)
    ]
    outer, inner = drawing.frames
    assert len(drawing.frames) == 2
    for area, frame in zip(areas, inside, strict=True):
        for f, (x, y, w, h) in enumerate(drawing.frames):
            around = x <= area[0] and y <= area[1] and area[0] + area[2] <= x + w \
                and area[1] + area[3] <= y + h  # fmt: skip
            assert around == (f == frame or (f == 0 and frame == 1))
            # The title's space is free.
            assert apart(area, (x, y, frames[f][1], frames[f][2]))
            assert around or apart(area, (x, y, w, h))
    assert outer[0] <= inner[0]
    assert inner[0] + inner[2] <= outer[0] + outer[2]
    assert outer[2] >= 180


@needs_dot
def test_both_engines_draw_the_same_boxes_and_words(tmp_path: Path) -> None:
    """What differs is where they are."""
    texts = []
    for engine in ("dot", "builtin"):
        graph = FlowGraph(network(), engine, 20.0, opened=range(9))
        root = ET.fromstring(graph.svg(backward=False))
        texts.append(sorted("".join(t.itertext()) for t in root.iter(f"{SVG}text")))
        assert graph.engine == engine
        assert len(graph._place()[1].frames) == len(graph.groups)
    # Arrows may come in another order, and are numbered then.
    assert [t for t in texts[0] if t not in "123"] == [t for t in texts[1] if t not in "123"]


@needs_dot
def test_the_text_for_dot_has_frames_colours_and_a_key() -> None:
    shown = viz.drawing.dot.run(FlowGraph(network(), opened=range(9)).dot(), "svg", 20.0).decode()
    root = ET.fromstring(shown)
    kinds = [g.get("class") for g in root.iter(f"{SVG}g")]
    assert (kinds.count("cluster"), kinds.count("node"), kinds.count("edge")) == (4, 10, 9)
    words = {text.text for text in root.iter(f"{SVG}text")}
    assert {"model · MLP", "parameter \xa0\xa0", "W1"} <= words
    fills = {p.get("fill") for p in root.iter() if p.tag in (f"{SVG}polygon", f"{SVG}path")}
    assert {STYLES[kind].fill for kind in ("input", "parameter", "op", "output")} <= fills


# --- saving -----------------------------------------------------------------------------------


@pytest.fixture
def graph(tensor: ag.Tensor) -> FlowGraph:
    return flow_graph(tensor, engine="builtin")


def test_text_forms_need_no_program(graph: FlowGraph, no_dot: Path, tmp_path: Path) -> None:
    assert graph.save(tmp_path / "x.svg").read_text(encoding="utf-8") == graph.svg()
    assert graph.save(str(tmp_path / "x.dot")).read_text(encoding="utf-8") == graph.dot()
    with pytest.raises(FileNotFoundError, match="there is no folder .*absent"):
        graph.save(tmp_path / "absent" / "x.svg")
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(IsADirectoryError, match=r"folder\.svg: it is a folder"):
        graph.save(tmp_path / "folder.svg")
    assert graph.save(tmp_path / "x.GV").read_text(encoding="utf-8") == graph.dot()
    assert graph._repr_svg_() == graph.svg()
    assert repr(graph) == "<FlowGraph: 3 boxes, 3 edges>"


@pytest.fixture
def no_pygraphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *more: None if name == "pygraphviz" else find(name, *more),
    )


@pytest.mark.usefixtures("no_pygraphviz")
@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_png_with_nothing_to_paint_it_names_what_to_install(
    graph: FlowGraph, no_dot: Path, tmp_path: Path, suffix: str
) -> None:
    words = (
        rf"cannot save x\.{suffix}.*apt install graphviz.*pip install 'autograd-core\[png\]'.*svg"
    )
    with pytest.raises(DotError, match=words):
        graph.save(tmp_path / f"x.{suffix}")
    assert not (tmp_path / f"x.{suffix}").exists()


def picture(target: object, path: Path, **looks: object) -> np.ndarray:
    """The pixels of a PNG, from 0 to 1."""
    target.save(path, **looks)  # type: ignore[attr-defined]
    return matplotlib.image.imread(path)[..., :3]


def has(pixels: np.ndarray, colour: str) -> int:
    """How many pixels have this colour."""
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(pixels * 255 - wanted).max(axis=-1) < 2).sum())


@needs_painter
@pytest.mark.parametrize("without_dot", [False, True])
def test_a_png_is_the_drawing_in_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_dot: bool
) -> None:
    """It has the size of the drawing, its colours, and those of the looks; with either painter."""
    if without_dot:
        pytest.importorskip("pygraphviz")
        monkeypatch.setenv("PATH", "")
    elif shutil.which("dot") is None:
        pytest.skip("Graphviz is not installed")
    graph = FlowGraph(network(), "builtin", 20.0, opened=range(9))
    plain = picture(graph, tmp_path / "x.png", dpi=72)
    assert has(plain, STYLES["parameter"].fill) > 4 * 3_000
    assert has(plain, STYLES["output"].fill) > 2_000
    # A pixel for each of the drawing; the key and the margin add some.
    high, wide = plain.shape[:2]
    layout = graph._place()[1]
    assert layout.width < wide < layout.width + 60
    assert layout.height + 40 < high < layout.height + 160
    # By default it has more pixels.
    header = graph.save(tmp_path / "y.png").read_bytes()[:24]
    assert abs(int.from_bytes(header[16:20], "big") - 2 * wide) < 4
    filled = picture(graph, tmp_path / "z.png", dpi=72, overlay="gradient", step=6)
    assert has(filled, STYLES["parameter"].fill) == 0
    assert has(filled, colour(1.0)) > 1_000
    assert has(filled, NOW) > 500
    assert graph.save(tmp_path / "x.pdf").read_bytes()[:5] == b"%PDF-"


@needs_painter
def test_the_resolution_must_be_sensible(graph: FlowGraph, tmp_path: Path) -> None:
    for dpi in (0, -72, 1e6, float("nan")):
        with pytest.raises(ValueError, match=r"dpi must be from 10 to 2,400"):
            graph.save(tmp_path / "x.png", dpi=dpi)
    with pytest.raises(TypeError, match=r"only \.svg, \.png and \.pdf have such looks"):
        graph.save(tmp_path / "x.json", dpi=100)


def test_pygraphviz_is_stopped_too(monkeypatch: pytest.MonkeyPatch, no_dot: Path) -> None:
    pytest.importorskip("pygraphviz")
    monkeypatch.setattr(programs, "_WITH_PYGRAPHVIZ", "import time; time.sleep(60)")
    monkeypatch.setattr(programs, "_IMPORTING", 0.0)
    with pytest.raises(DotError, match=r"pygraphviz took longer than 0\.3 s"):
        programs.render("digraph {}", "png", 0.3)
    monkeypatch.setattr(programs, "_WITH_PYGRAPHVIZ", "raise SystemExit('broken')")
    with pytest.raises(DotError, match=r"pygraphviz failed with code 1: broken"):
        programs.render("digraph {}", "png", 9.0)


@needs_scripts
def test_png_and_pdf_through_dot(graph: FlowGraph, no_dot: Path, tmp_path: Path) -> None:
    pretend(no_dot, "import sys; print(*sys.argv[1:], end='')")
    # It is told where everything is, and only paints.
    assert graph.save(tmp_path / "x.png").read_bytes() == b"-Knop2 -Tpng"
    assert graph.save(tmp_path / "x.pdf").read_bytes() == b"-Knop2 -Tpdf"


def test_unknown_suffix_names_the_known_ones(graph: FlowGraph, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'x\.gif'.*\.svg, .*\.dot, .*\.png, \.pdf"):
        graph.save(tmp_path / "x.gif")


def test_a_file_is_written_whole_or_not_at_all(
    graph: FlowGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.svg"
    path.write_text("old", encoding="utf-8")

    def full(self: Path, data: bytes) -> int:
        self.touch()
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="disk full"):
        graph.save(path)
    assert path.read_text(encoding="utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["x.svg"]


@needs_painter
def test_a_png_too_long_for_its_resolution_is_painted_with_less_and_says_so(tmp_path: Path) -> None:
    y = ag.Tensor(0.5, requires_grad=True, name="x")
    for _ in range(200):
        y = np.tanh(y)
    long = flow_graph(y, engine="builtin", depth=99)
    high = long._place()[1].height
    assert 16_000 < high < 32_000
    with pytest.warns(RuntimeWarning, match=r"at most 32,767 pixels.*dots per inch, not 144"):
        header = long.save(tmp_path / "x.png").read_bytes()[:24]
    assert high < int.from_bytes(header[20:24], "big") <= 32_767
    # As large as it is asked for, there is nothing to say.
    long.save(tmp_path / "y.png", dpi=72)
