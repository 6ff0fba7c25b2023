"""``python -m viz``: what it draws, what it refuses, and that a script runs as by itself."""

import errno
import json
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import viz
from viz.__main__ import main

SCRIPT = """
    import numpy as np
    import autograd_core as ag
    import nn
    import viz

    rng = np.random.default_rng(0)
    model = nn.MLP([2, 8, 3], rng=rng)
    data = rng.normal(size=(5, 2))

    def scalar():
        t = ag.Tensor(2.0, requires_grad=True, name="t")
        return t * t

    def product(a, b):
        return a * b

    if __name__ == "__main__":
        loss = nn.cross_entropy(model(data), np.array([0, 1, 2, 1, 0]))
        loss.backward()
        picture = viz.flow_graph(scalar)
        print("ran")
"""

Script = Callable[..., str]


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A script is run as the main program, as it would be in a process of its own."""
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    yield
    for name in ("helper_beside", "drawn_package", "drawn_package.model"):
        sys.modules.pop(name, None)


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Write a script into an empty working directory; returns its name."""
    monkeypatch.chdir(tmp_path)

    def write(source: str = SCRIPT, name: str = "train.py") -> str:
        Path(name).write_text(textwrap.dedent(source), encoding="utf-8")
        return name

    return write


def saved() -> set[str]:
    """What is in the working directory beside the sources."""
    return {p.name for p in Path().iterdir() if p.suffix != ".py" and p.name != "__pycache__"}


def graph_of(name: str) -> viz.Graph:
    return viz.load(name).graph


def test_without_a_name_it_draws_the_last_backward_pass(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([script(), "-o", "out.json"]) == 0
    graph = graph_of("out.json")
    (output,) = (v for v in graph.vertices if v.kind == "output")
    assert output.op == "cross_entropy"
    # It was run with its passes recorded: what backward() released is there all the same.
    assert all(v.value is not None for v in graph.vertices if v.op is not None)
    assert output.gradient is not None
    assert output.gradient.preview == (1.0,)
    assert {step.phase for step in graph.steps} == {"forward", "seed", "backward"}
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "ran"
    assert out[1].startswith("out.json: <FlowGraph:")


def test_a_tensor_is_drawn_with_the_values_that_backward_released(script: Script) -> None:
    assert main([f"{script()}:loss", "-o", "loss.json"]) == 0
    graph = graph_of("loss.json")
    (output,) = (v for v in graph.vertices if v.kind == "output")
    assert output.op == "cross_entropy"
    assert all(v.value is not None for v in graph.vertices if v.op is not None)
    assert all(v.gradient is not None for v in graph.vertices if v.kind == "parameter")


@pytest.mark.parametrize("name", ["scalar", "scalar()", "picture"])
def test_functions_and_drawings(script: Script, name: str) -> None:
    assert main([f"{script()}:{name}", "-o", "out.json"]) == 0
    graph = graph_of("out.json")
    assert [v.op for v in graph.vertices if v.op] == ["multiply"]
    assert [v.name for v in graph.vertices if not v.op] == ["t"]


def test_a_call_with_arrays_is_differentiated_in_them(script: Script) -> None:
    assert main([f"{script()}:product(data[0, 0], 3.0)", "-o", "out.json"]) == 0
    graph = graph_of("out.json")
    assert {v.name: v.kind for v in graph.vertices if v.op is None} == {"a": "input", "b": "input"}
    assert graph.vertices[0].gradient is not None
    assert graph.vertices[0].gradient.preview == (3.0,)


def test_a_module_before_it_has_seen_data(script: Script) -> None:
    assert main([f"{script()}:model", "--input-shape", "2", "-o", "out.json"]) == 0
    graph = graph_of("out.json")
    (output,) = (v for v in graph.vertices if v.kind == "output")
    assert output.shape is not None
    assert output.shape[-1] == 3


def test_a_module_of_a_package(script: Script) -> None:
    Path("drawn_package").mkdir()
    Path("drawn_package/__init__.py").touch()
    script(SCRIPT.replace("__main__", "drawn_package.model"), "drawn_package/model.py")
    assert main(["drawn_package.model:loss", "-o", "out.json"]) == 0
    assert any(v.op == "cross_entropy" for v in graph_of("out.json").vertices)
    assert main(["drawn_package.model:scalar"]) == 0
    assert saved() >= {"model-graph.html"}


def test_a_saved_graph_is_drawn(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    main([f"{script()}:scalar", "-o", "out.json"])
    assert main(["out.json", "-o", "again.json", "--engine", "builtin"]) == 0
    assert Path("again.json").read_bytes() == Path("out.json").read_bytes()
    assert main(["out.json:x", "-o", "again.json"]) == 1
    assert "out.json is a graph that was made before" in capsys.readouterr().err
    assert main(["out.json", "-o", "out.json"]) == 1
    assert "out.json is what is to be drawn; name another output" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["html", "svg", "json", "txt", "dot", "gv"])
def test_the_suffix_says_what_is_written(script: Script, suffix: str) -> None:
    assert main([f"{script()}:scalar", "-o", f"out.{suffix}", "--engine", "builtin"]) == 0
    starts = {"html": "<!doctype html>", "svg": "<svg", "json": "{", "txt": "Flow graph of"}
    text = Path(f"out.{suffix}").read_text(encoding="utf-8")
    assert text.lower().startswith(starts.get(suffix, "digraph").lower())
    assert saved() == {f"out.{suffix}"}


def test_without_an_output_it_is_a_page_that_is_named_for_the_script(script: Script) -> None:
    assert main([f"{script()}:scalar"]) == 0
    assert saved() == {"train-graph.html"}


@pytest.mark.parametrize("form", ["html", "svg", "json", "dot", "txt"])
def test_the_standard_output_holds_the_drawing_only(
    script: Script, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([f"{script()}:scalar", "-o", "-", "--form", form, "--engine", "builtin"]) == 0
    out, err = capsys.readouterr()
    assert err == "ran\n"
    drawing = {"json": '{\n"schema"', "txt": "Flow graph of", "dot": "digraph", "svg": "<svg"}
    assert out.lower().startswith(drawing.get(form, "<!doctype html>").lower())
    assert saved() == set()


def test_looks_of_a_drawing(script: Script) -> None:
    script()
    main(["train.py:loss", "-o", "plain.svg", "--engine", "builtin"])
    looks = ["--overlay", "gradient", "--edges", "gradient", "--backward"]
    main(["train.py:loss", "-o", "looks.svg", "--engine", "builtin", *looks])
    assert Path("plain.svg").read_bytes() != Path("looks.svg").read_bytes()


def test_depth_folds_modules_of_whatever_is_named(script: Script) -> None:
    source = SCRIPT.replace("viz.flow_graph(scalar)", "viz.flow_graph(model, data)")
    for name in ("picture", "model(data)", "loss"):
        assert main([f"{script(source)}:{name}", "-o", "out.txt", "--depth", "0"]) == 0
        assert "MLP" in Path("out.txt").read_text(encoding="utf-8")
        assert "tanh(" not in Path("out.txt").read_text(encoding="utf-8")


def test_open_shows_it_in_the_browser(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    assert main([f"{script()}:scalar", "-o", "a b.html", "--open"]) == 0
    assert opened == [Path("a b.html").resolve().as_uri()]


def test_a_drawing_opens_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    drawing = viz.flow_graph(lambda x: x * x, 3.0)
    path = drawing.open()
    assert opened == [path.as_uri()]
    assert path.read_text(encoding="utf-8") == drawing.html()
    path.unlink()


def test_a_script_runs_as_by_itself(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    Path("folder").mkdir()
    script("word = 'beside'", "folder/helper_beside.py")
    source = """
        import sys, pickle, os
        from dataclasses import dataclass
        import helper_beside
        import autograd_core as ag
        @dataclass
        class Point:
            x: "float"
        print(__name__, __file__, sys.argv, helper_beside.word, __doc__, __spec__)
        print(sys.modules["__main__"].Point is Point, pickle.loads(pickle.dumps(Point(1.0))))
        def f():
            return ag.Tensor(1.0, requires_grad=True) * word
        word = 2.0
        os.chdir("folder")
    """
    target = script(source, "folder/run.py")
    here = Path.cwd()
    assert main([f"{target}:f", "-o", "out.svg", "--", "--epochs", "3", "--", "-o"]) == 0
    by_itself = subprocess.run(
        [sys.executable, target, "--epochs", "3", "--", "-o"],
        cwd=here,
        capture_output=True,
        text=True,
        check=True,
    )
    assert capsys.readouterr().out.splitlines()[:2] == by_itself.stdout.splitlines()
    assert (here / "out.svg").is_file()


def test_errors_of_a_script_are_told_as_its_own(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    source = """
        import numpy as np
        import autograd_core as ag
        def layer(x):
            return x @ np.ones((3, 3))
        loss = layer(ag.Tensor(np.ones((2, 2)), requires_grad=True))
    """
    assert main([script(source), "-o", "out.html"]) == 1
    err = capsys.readouterr().err.splitlines()
    assert err[0] == "Traceback (most recent call last):"
    files = [line.split('"')[1] for line in err if line.startswith("  File ")]
    assert files == ["train.py", "train.py"]
    assert "return x @ np.ones((3, 3))" in "\n".join(err)
    assert "ValueError" in err[-1] or "shape" in err[-1]
    assert saved() == set()


def test_a_chain_of_errors_keeps_its_links(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    source = """
        try:
            1 / 0
        except ZeroDivisionError as error:
            raise RuntimeError("no") from error
    """
    assert main([script(source)]) == 1
    err = capsys.readouterr().err
    assert "ZeroDivisionError: division by zero" in err
    assert "direct cause" in err
    assert "RuntimeError: no" in err
    assert "__main__.py" not in err


def test_an_error_of_syntax_is_shown(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([script("x = (1,\ny = 2\n")]) == 1
    err = capsys.readouterr().err
    assert "SyntaxError" in err
    assert 'File "train.py", line 1' in err
    assert "viz" not in err


@pytest.mark.parametrize(
    ("end", "status"), [("sys.exit()", 0), ("sys.exit(0)", 0), ("sys.exit(3)", 3)]
)
def test_exit_of_a_script(
    script: Script, capsys: pytest.CaptureFixture[str], end: str, status: int
) -> None:
    source = f"""
        import sys
        import autograd_core as ag
        loss = ag.Tensor(2.0, requires_grad=True) ** 2
        loss.backward()
        {end}
    """
    assert main([script(source), "-o", "out.json"]) == status
    assert saved() == (set() if status else {"out.json"})
    if status:
        assert "train.py ended with exit status 3" in capsys.readouterr().err


def test_exit_with_words_is_a_failure(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([script("import sys\nsys.exit('no data')")]) == 1
    assert capsys.readouterr().err.startswith("no data\n")


REFUSALS = [
    (["trian.py"], "there is no file trian.py; did you mean train.py?"),
    (["none/train.py"], "there is no file none/train.py, and no folder none"),
    (["no_such_module:x"], "there is no module 'no_such_module'"),
    (["train.py:los"], "train.py has no name 'los'; did you mean loss?"),
    (["train.py:zzz"], "train.py has no name 'zzz'; it has model, loss, picture"),
    (["train.py:model."], "what follows the colon of 'train.py:model.' should be a name or a call"),
    (["train.py:data"], "data is of type ndarray; what can be drawn are tensors"),
    (["train.py:product"], "'train.py:product(a, b)'"),
    (["train.py:model"], "--input-shape"),
    (["train.py:loss", "--input-shape", "2"], "--input-shape"),
    (["train.py:model", "--input-shape", "two"], "should be numbers with commas, not 'two'"),
    (["train.py:scalar", "-o", "out.jpg"], "cannot write 'out.jpg': the suffixes are .html, .svg"),
    (["train.py:scalar", "-o", "no/out.svg"], "there is no folder no"),
    (["train.py:scalar", "--depth", "-1"], "depth must be 0 or more, not -1"),
    (["train.py:scalar", "-o", "a.txt", "--backward"], "--backward is for .svg, .png, .pdf, not"),
    (["train.py:scalar", "-o", "-", "--open"], "--open needs a file"),
]


@pytest.mark.parametrize(("words", "says"), REFUSALS)
def test_refusals(
    script: Script, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    script()
    assert main(words) == 1
    err = capsys.readouterr().err
    assert says in err
    assert err.startswith("python -m viz: ")
    assert err.count("\n") == 1
    assert saved() == set()


def test_a_script_that_records_nothing(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([script("x = 1")]) == 1
    assert "no backward" in capsys.readouterr().err
    source = "import autograd_core as ag\nloss = ag.Tensor(1.0, requires_grad=True) * 2"
    assert main([script(source)]) == 1
    assert "it has loss" in capsys.readouterr().err


def test_what_programs_of_the_script_print_is_not_in_the_drawing(
    script: Script, capfd: pytest.CaptureFixture[str]
) -> None:
    source = """
        import os
        import autograd_core as ag
        os.system("echo of a program")
        os.write(1, b"raw")
        y = ag.Tensor(2.0, requires_grad=True, name="x") * 3
    """
    assert main([f"{script(source)}:y", "-o", "-", "--form", "txt"]) == 0
    out, err = capfd.readouterr()
    assert out.startswith("Flow graph of y")
    assert err == "of a program\nraw"


def test_what_can_be_named_instead(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    source = """
        import autograd_core as ag
        class Net: pass
        runs = []
        def f(x):
            runs.append(x)
            return print
        held = {"size": 3, "loss": ag.Tensor(2.0, requires_grad=True) * 3}
    """
    target = script(source)
    assert main([f"{target}:held"]) == 1
    assert "is of type dict; \"train.py:held['loss']\" is a tensor; what" in capsys.readouterr().err
    assert main([f"{target}:held['loss']", "-o", "out.json"]) == 0
    assert main([f"{target}:Net"]) == 1
    assert "Net is a class; what can be drawn" in capsys.readouterr().err
    # Only functions of the script are run again, with their arguments tracked.
    assert main([f"{target}:runs.append(1) or print(runs)"]) == 1
    assert main([f"{target}:print(runs)"]) == 1
    assert capsys.readouterr().out.splitlines()[-2:] == ["[1]", "[]"]


@pytest.mark.filterwarnings("ignore:can't resolve package:ImportWarning")
def test_a_script_within_a_package(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    Path("drawn_package").mkdir()
    script("from .helper import x", "drawn_package/model.py")
    assert main(["drawn_package/model.py:y"]) == 1
    assert capsys.readouterr().err.endswith("name it as one, as in drawn_package.model\n")


def test_an_interrupted_script(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([script("raise KeyboardInterrupt")]) == 130
    err = capsys.readouterr().err.splitlines()
    assert err[-1] == "KeyboardInterrupt"
    assert [line.split('"')[1] for line in err if line.startswith("  File ")] == ["train.py"]
    assert saved() == set()


def test_a_file_that_cannot_be_written(
    script: Script, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = f"{script()}:scalar"

    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        assert main([target, "-o", "out.svg"]) == 1
    assert "cannot write it: No space left on device: " in (err := capsys.readouterr().err)
    assert err.endswith("out.svg'\n")
    assert ".tmp" not in err
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert main([target, "-o", "out.svg"]) == 1
    out, err = capsys.readouterr()
    assert "this user may not write to" in err
    assert out == ""
    assert saved() == set()


def test_an_error_within_what_was_named(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    source = """
        import autograd_core as ag
        def f():
            return ag.Tensor(1.0, requires_grad=True) * undefined
    """
    for name in ("f", "f()"):
        assert main([f"{script(source)}:{name}"]) == 1
        err = capsys.readouterr().err
        assert "NameError: name 'undefined' is not defined" in err
        assert 'File "train.py", line 4, in f' in err
        assert "viz/" not in err


def test_a_leaf_a_list_and_a_tensor_of_many_numbers(script: Script) -> None:
    source = """
        import autograd_core as ag
        x = ag.Tensor([1.0, 2.0], requires_grad=True, name="x")
        one = ag.Tensor(1.0, requires_grad=True, name="one")
        y = x * one
        both = [ag.sum(y), ag.sum(x)]
    """
    for name, ops in (("one", []), ("y", ["multiply"]), ("both", ["multiply", "sum", "sum"])):
        assert main([f"{script(source)}:{name}", "-o", "out.json"]) == 0
        assert [v.op for v in graph_of("out.json").vertices if v.op] == ops


def test_a_training_loop_does_not_fill_the_memory(script: Script) -> None:
    # Each step's arrays are as large as all that is allowed to be held in the end.
    source = """
        import numpy as np, tracemalloc
        import autograd_core as ag
        w = ag.Tensor(np.zeros(50_000), requires_grad=True, name="w")
        tracemalloc.start()
        for step in range(30):
            loss = ag.sum((w - np.ones(50_000)) ** 2)
            w.grad = None
            loss.backward()
            with ag.no_grad():
                w -= 0.1 * w.grad
        held = tracemalloc.get_traced_memory()[0] / 1e6
        assert held < 15, held
    """
    assert main([script(source), "-o", "out.json"]) == 0
    graph = graph_of("out.json")
    assert graph.vertices[0].value is not None
    # The value that the last step saw, and not the one after it.
    assert graph.vertices[0].value.preview[0] == pytest.approx(1 - 0.8**29)


def test_bad_json_is_refused(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    script()
    Path("graph.json").write_text(json.dumps({"schema": 99, "vertices": []}))
    assert main(["graph.json"]) == 1
    assert "graph.json has schema 99" in capsys.readouterr().err
    assert saved() == {"graph.json"}


def test_help_and_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for words, status in ((["--help"], 0), ([], 2), (["x.py", "--colour"], 2)):
        with pytest.raises(SystemExit) as end:
            main(words)
        assert end.value.code == status
    out = capsys.readouterr().out
    assert "python -m viz train.py:loss" in out
    assert max(map(len, out.splitlines())) <= 100


def test_as_a_process(script: Script) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-m",
            "viz",
            f"{script()}:loss",
            "-o",
            "-",
            "--form",
            "txt",
        ],
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "ran\n"
    assert done.stdout.startswith("Flow graph of loss")
