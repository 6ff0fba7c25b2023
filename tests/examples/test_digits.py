"""The example runs from the command line, and its parts do what it prints."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("tqdm")

import nn
from examples import digits

ROOT = Path(__file__).resolve().parents[2]


def test_quick_from_the_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "examples.digits", "--quick", "--out"]
    done = subprocess.run(
        [*command, str(tmp_path / "pictures")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    errors = re.findall(r"layers\.\d\.(?:weight|bias) +(\S+)", done.stdout)
    assert len(errors) == 4
    assert max(map(float, errors)) < 1e-7
    for name in ("flow_graph.svg", "curves.svg"):
        path = tmp_path / "pictures" / name
        assert path.read_text(encoding="utf-8").rstrip().endswith("</svg>")
        assert str(path) in done.stdout
    graph = (tmp_path / "pictures" / "flow_graph.svg").read_text(encoding="utf-8")
    assert all(f">{name}<" in graph for name in ("W1", "b1", "W2", "b2", "cross_entropy"))
    assert "training" in done.stderr


def test_pictures_are_named_as_the_folder_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    digits.main(["--quick", "--quiet", "--epochs", "1"])
    told = capsys.readouterr()
    assert str(Path("out") / "flow_graph.svg") in told.out
    assert str(tmp_path) not in told.out
    assert told.err == ""
    assert (tmp_path / "out" / "curves.svg").exists()


def test_the_comparison_prints_both(capsys: Any) -> None:
    digits.main(["--quick", "--quiet", "--splits", "2", "--epochs", "2"])
    out = capsys.readouterr().out
    means = [float(m) for m in re.findall(r"(?:network|learn's) +(\d+\.\d+)%", out)]
    assert len(means) == 8  # two optimizers, two precisions
    assert np.mean(means) > 50


def test_it_learns_the_digits() -> None:
    data = digits.load(seed=0)
    sizes = [len(part[1]) for part in (data.train, data.val, data.test)]
    assert sum(sizes) == 1797
    for _, labels in (data.train, data.val, data.test):
        shares = np.bincount(labels, minlength=10) / len(labels)
        assert np.all(np.abs(shares - 0.1) < 0.01)
    settings = digits.Settings((64,), epochs=15, batch_size=32, lr=0.1, momentum=0.9, quiet=True)
    rng = np.random.default_rng(0)
    model = nn.MLP([64, 64, 10], rng=rng)
    curves, best = digits.train(model, data, settings, rng)
    assert {name: len(values) for name, values in curves.items()} == {
        "training loss": 15,
        "training accuracy": 15,
        "validation loss": 15,
        "validation accuracy": 15,
    }
    model.load_state_dict(best)
    loss, _ = digits.measure(model, *data.val)
    assert loss == pytest.approx(min(curves["validation loss"]))
    assert digits.measure(model, *data.test)[1] > 0.94


def test_mean_and_standard_error() -> None:
    assert digits.mean_and_error([1.0, 2.0, 3.0]) == pytest.approx((2.0, 1 / 3**0.5))
    assert np.isnan(digits.mean_and_error([1.0])[1])


@pytest.mark.parametrize("bad", [["--epochs", "0"], ["--hidden", "-3"], ["--batch-size", "x"]])
def test_options_that_cannot_be(bad: list[str], capsys: Any) -> None:
    with pytest.raises(SystemExit):
        digits.main(bad)
    assert bad[0] in capsys.readouterr().err


@pytest.mark.slow
def test_ten_splits_beside_scikit_learn(capsys: Any) -> None:
    digits.main(["--quiet", "--splits", "10"])
    out = capsys.readouterr().out
    rows = [
        [float(number) for number in row]
        for row in re.findall(r"(\d+\.\d+)% +(\d+\.\d+)% +\d+\.\d+ +(\d+\.\d+)\n", out)
    ]
    for (ours, _, share), (theirs, error, _) in zip(rows[::2], rows[1::2], strict=True):
        assert ours >= theirs - error
        assert ours >= 96.5
        assert share > 0
