"""Which engine draws, what happens when `dot` is missing, fails or hangs, and what is saved."""

import shutil
import stat
import sys
import time
import warnings
from pathlib import Path

import pytest

import autograd_core as ag
import viz
from viz import DotError, FlowGraph, flow_graph
from viz.layout import layered

needs_scripts = pytest.mark.skipif(
    sys.platform == "win32", reason="the programs that stand for dot here are scripts"
)
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")

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
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(4)'])\n"
        "time.sleep(60)",
    )
    start = time.perf_counter()
    with pytest.warns(RuntimeWarning, match=r"longer than 0.3 s") as record:
        assert flow_graph(tensor, timeout=0.3).engine == "builtin"
    assert time.perf_counter() - start < 3
    assert len(record) == 1
    with pytest.raises(DotError, match="longer than"):
        flow_graph(tensor, engine="dot", timeout=0.3).svg()


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
    drawing = viz.dot.place(sizes, edges, 10.0)
    assert [y for _, y in drawing.centres] == sorted(y for _, y in drawing.centres)
    assert drawing.width < 2 * layered(sizes, edges).width
    for (u, v), (route,) in zip(edges, drawing.routes, strict=True):
        for end, box in ((route[0], u), (route[-1], v)):
            away = abs(end[1] - drawing.centres[box][1])
            assert away <= sizes[box][1] / 2 + 1


@needs_dot
def test_the_real_dot_reads_our_text() -> None:
    name = '<b>"&lt;\\N\n</script>'
    x = ag.Tensor(3.0, requires_grad=True, name=name)
    drawn = viz.dot.run(flow_graph(x * x).dot(), "svg", 10.0).decode()
    assert "&lt;b&gt;&quot;&amp;lt;\\N␊&lt;/script&gt;" in drawn


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


def test_png_without_dot_names_what_to_install(
    graph: FlowGraph, no_dot: Path, tmp_path: Path
) -> None:
    with pytest.raises(DotError, match=r"cannot save x\.png.*apt install graphviz.*\.svg"):
        graph.save(tmp_path / "x.png")
    assert not (tmp_path / "x.png").exists()


@needs_scripts
def test_png_and_pdf_through_dot(graph: FlowGraph, no_dot: Path, tmp_path: Path) -> None:
    pretend(no_dot, STACKS)
    assert graph.save(tmp_path / "x.png").read_bytes() == b"-Tpng"
    assert graph.save(tmp_path / "x.pdf").read_bytes() == b"-Tpdf"


def test_unknown_suffix_names_the_known_ones(graph: FlowGraph, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'x\.gif'.*\.svg, \.dot, \.gv, \.png, \.pdf"):
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
