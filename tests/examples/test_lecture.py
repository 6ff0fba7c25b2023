"""Every demonstration of the lecture runs at its small size and shows what it claims."""

import doctest
import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

import nn
import viz
from examples.lecture import __main__ as lecture
from examples.lecture import (
    backprop_by_hand,
    common,
    digits_98,
    early_stopping,
    filters,
    optimizers,
    pretraining,
    search,
    symmetry,
    vanishing,
    xor,
)

save_figure = viz.save_figure
ROOT = Path(__file__).resolve().parents[2]
DEMONSTRATIONS = lecture.demonstrations()
SIGNATURES = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<", ".html": b"<!DOCTYPE html"}

Figures = dict[str, Any]


def save_without_layout(figure: Any, path: Path) -> Path:
    figure.set_layout_engine("none")
    return save_figure(figure, path)


def check_neuron(figures: Figures) -> None:
    assert set(figures["biases"]) == {"-4", "0", "4"}
    for bias, found in figures["biases"].items():
        assert found["ridge at"] == pytest.approx(-float(bias) / 5**0.5, abs=1e-5)
        # At a = 0 the sigmoid's slope is a quarter, times ‖w‖.
        assert found["steepest slope"] == pytest.approx(5**0.5 / 4)
        assert found["change across w"] < 1e-12
        assert found["off the shifted b = 0"] < 1e-12


def check_xor(figures: Figures) -> None:
    scores = figures["functions"]
    assert {name for name, score in scores.items() if score < 4} == {"XOR", "not XOR"}
    assert len(scores) == 16
    solved, seeds = figures["solved"], figures["seeds"]
    assert solved[0] == 0
    assert solved[2] >= 1
    assert solved[4] == seeds


def check_approximation(figures: Figures) -> None:
    rms = list(figures["rms"].values())
    assert rms == sorted(rms, reverse=True)
    assert rms[-1] < rms[0] / 3
    assert all(figures["largest"][n] > error for n, error in figures["rms"].items())


def check_backprop_by_hand(figures: Figures) -> None:
    assert set(figures["errors"]) == {"sigmoid", "tanh", "relu"}
    for errors in figures["errors"].values():
        assert list(errors) == ["W(1)", "b(1)", "W(2)", "b(2)", "W(3)", "b(3)"]
        assert max(errors.values()) < 1e-13
    # An input, the labels, six parameters, three layers, two activations, the loss.
    graph = figures["graph"]
    assert len(graph.vertices) == 14
    passes = [(step.phase, graph.vertices[step.vertex].op) for step in graph.steps]
    order = ["affine", "tanh", "affine", "tanh", "affine", "cross_entropy"]
    assert [op for phase, op in passes if phase == "forward"] == order
    # Box by box backward; each sends to its operands that have a gradient, the input among them.
    back = [op for phase, op in passes if phase == "backward"]
    assert list(dict.fromkeys(back)) == ["cross_entropy", "affine", "tanh"]
    assert len(back) == 1 + 3 * 3 + 2
    page, handout = (path.read_text(encoding="utf-8") for path in figures["pictures"][1:])
    assert page.startswith("<!DOCTYPE html")
    assert handout.count('class="page"') == len(graph.steps)
    for text in (page, handout):
        # What is packed in the page is any letters, "://" among them.
        assert not re.search(r"(https?|wss?|file)://(?!www\.w3\.org/)", text)


def check_symmetry(figures: Figures) -> None:
    zero, equal, random = figures["runs"].values()
    assert max(zero["distances"]) == 0
    assert zero["moved"] == 0
    # What is rounded differently in two columns may grow, from 1e-16.
    assert max(equal["distances"]) < 1e-9
    assert equal["moved"] > 0.05
    assert min(random["distances"]) > 1
    assert random["test accuracy"] > max(equal["test accuracy"], zero["test accuracy"]) + 0.3


def check_early_stopping(figures: Figures) -> None:
    stopped, best = figures["stopped"], figures["best"]
    assert best == np.argmin(figures["validation loss"][:stopped]) + 1
    assert stopped == best + figures["look-ahead"] < len(figures["validation loss"])
    assert figures["same until the stop"]
    early, late = figures["early stopping"], figures["no stopping"]
    assert late["training loss"] < early["training loss"]
    assert late["validation loss"] > early["validation loss"]
    assert late["test loss"] > early["test loss"]


def check_search(figures: Figures) -> None:
    # One matters most; the grid tries three values of it, and random search another each time.
    shares = dict(figures["importance"])
    assert shares.pop("learning_rate_init") > max(0.5, 2 * max(shares.values()))
    assert figures["rates tried"] == {"grid": 3, "random": 24}
    assert min(found["test"] for found in figures["best"].values()) > 0.8


def check_optimizers(figures: Figures) -> None:
    runs, walks = figures["runs"], figures["walks"]
    assert list(runs) == list(walks) == list(optimizers.OPTIMIZERS)
    assert len(runs) == 9
    assert all(run["training loss"][-1] < run["training loss"][0] for run in runs.values())
    assert all(walk["f"][-1] < walk["f"][0] / 2 for walk in walks.values())
    # What momentum is for.
    assert walks["Nesterov"]["f"][-1] < walks["SGD"]["f"][-1] / 100
    assert walks["momentum"]["f"][-1] < walks["SGD"]["f"][-1] / 10


def check_overfitting(figures: Figures) -> None:
    findings = figures["findings"]
    assert findings["healthy"] == []
    assert "saturated units" in findings["saturated"]
    assert "dead units" in findings["dead"]
    assert "learning rate too high" in findings["hasty"]
    assert [name for name, fitted in figures["fitted"].items() if fitted] == ["healthy"]


def check_vanishing(figures: Figures) -> None:
    sigmoid, relu, normalised = (list(by.values()) for by in figures["ratios"].values())
    assert sigmoid == sorted(sigmoid, reverse=True)
    assert sigmoid[-1] < 1e-3
    assert min(relu + normalised) > 0.1
    accuracies = {name: run["test accuracy"] for name, run in figures["runs"].items()}
    assert accuracies["sigmoid"] < 0.2
    assert min(accuracies["ReLU"], accuracies["sigmoid, batch norm"]) > 0.4


def check_filters(figures: Figures) -> None:
    smooth = figures["smoothness"]
    assert abs(smooth["random"]) < 0.05
    assert min(smooth["supervised"], smooth["autoencoder"]) > 0.1
    assert smooth["denoising"] > smooth["autoencoder"]


def check_pretraining(figures: Figures) -> None:
    for ways in figures["runs"].values():
        random, pretrained = (ways[way] for way in pretraining.STARTS)
        for run in (random, pretrained):
            assert len(run["test accuracies"]) == len(run["curves"]) == figures["seeds"]
            assert run["mean"] == pytest.approx(np.mean(run["test accuracies"]))
        assert pretrained["mean"] > random["mean"]


def check_dropout(figures: Figures) -> None:
    runs = figures["runs"]
    for run in runs.values():
        assert run["gap"] == pytest.approx(run["validation loss"] - run["training loss"])
    assert runs[0.5]["training loss"] > runs[0.0]["training loss"]
    assert runs[0.5]["gap"] < runs[0.0]["gap"]


def check_digits_98(figures: Figures) -> None:
    assert sum(figures["chosen"].values()) == len(figures["test accuracies"])
    assert set(figures["chosen"]) <= set(digits_98.CANDIDATES)
    assert figures["mean"] == pytest.approx(np.mean(figures["test accuracies"]))
    assert figures["mean"] > 0.9


@pytest.mark.parametrize("name", DEMONSTRATIONS)
def test_it_shows_what_it_claims(
    name: str, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody looks at these pictures, and to lay one out is to draw it once more.
    monkeypatch.setattr(viz, "save_figure", save_without_layout)
    out = tmp_path / "made" / "by it"
    module = importlib.import_module(f"examples.lecture.{name}")
    figures = module.main(["--quick", "--out", str(out)])
    told = capsys.readouterr().out
    assert figures["pictures"]
    for picture in figures["pictures"]:
        assert picture.parent == out
        assert picture.name.startswith(name)
        assert picture.read_bytes().startswith(SIGNATURES[picture.suffix])
        assert str(picture) in told
    assert {path.name for path in out.iterdir()} == {path.name for path in figures["pictures"]}
    check = globals().get(f"check_{name}")
    assert check is not None, f"write check_{name}(figures): what it claims, so that it can fail"
    check(figures)


def test_they_come_in_the_order_of_the_lecture() -> None:
    names = list(DEMONSTRATIONS)
    own = ["neuron", "xor", "approximation", "backprop_by_hand", "symmetry", "early_stopping"]
    assert [name for name in names if name in own] == own
    assert all(docstring.startswith("L") for docstring in DEMONSTRATIONS.values())


def test_all_of_them_from_the_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "examples.lecture", "neuron", "--quick"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "== L1: an artificial neuron" in done.stdout
    assert done.stdout.splitlines()[-1].split()[::2] == ["neuron", "done"]
    assert (tmp_path / "neuron.png").exists()


BROKEN = {
    "raises": (
        '"""L1: raises."""\ndef main(_): raise RuntimeError("nothing to show")',
        "RuntimeError: n",
    ),
    "imports": ('"""L1: imports."""\nimport nowhere\ndef main(_): ...', "'nowhere'"),
    "no_python": ("def main(_:", "SyntaxError: "),
    "null": ("def main(_): ...\0", "null bytes"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package with a demonstration that works, to which a test adds others."""
    (tmp_path / "shown").mkdir()
    works = '"""L2: works."""\ndef main(arguments): print("given", *arguments)'
    (tmp_path / "shown" / "works.py").write_text(works)
    (tmp_path / "shown" / "helper.py").write_text("raise RuntimeError('not a demonstration')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(lecture, "FOLDER", tmp_path / "shown")
    monkeypatch.setattr(lecture, "__package__", "shown")
    yield tmp_path / "shown"
    for name in [name for name in sys.modules if name.partition(".")[0] == "shown"]:
        del sys.modules[name]


@pytest.mark.parametrize("name", BROKEN)
def test_one_that_fails_does_not_stop_the_others(name: str, folder: Path, capsys: Any) -> None:
    text, message = BROKEN[name]
    (folder / f"{name}.py").write_text(text)
    options = ["--out", "there", "--seed", "3"]
    assert lecture.main(options) == 1
    told = capsys.readouterr()
    assert message in told.err
    assert "given --out there --seed 3" in told.out
    outcomes = dict(line.split()[::2] for line in told.out.splitlines()[-2:])
    assert outcomes == {name: "failed", "works": "done"}
    # Unless it is asked for, it is no failure.
    assert lecture.main(["works", *options]) == 0
    assert capsys.readouterr().err == ""
    assert lecture.main([name, *options]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["nuron"], "no demonstration 'nuron'; known are neuron, xor"), (["--seed", "-1"], "from 0")],
)
def test_arguments_that_cannot_be(arguments: list[str], message: str, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        lecture.main(arguments)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", __file__], "no folder for the pictures: "),
        (["--jobs", "0"], "0 is not a whole number from 1 up"),
    ],
)
def test_options_that_cannot_be(arguments: list[str], message: str, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        search.main(["--quick", *arguments])
    assert message in capsys.readouterr().err


def test_a_wrong_formula_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    examples = rng.normal(size=(7, 5)), rng.integers(3, size=7)
    right = backprop_by_hand.compare(nn.MLP([5, 4, 3], rng=rng), "tanh", examples)
    assert max(right.values()) < 1e-13
    g = backprop_by_hand.ACTIVATIONS["tanh"][0]
    monkeypatch.setitem(backprop_by_hand.ACTIVATIONS, "tanh", (g, lambda _a, h: 1 - 0.99 * h**2))
    wrong = backprop_by_hand.compare(nn.MLP([5, 4, 3], rng=rng), "tanh", examples)
    assert wrong["W(2)"] < 1e-13
    assert wrong["W(1)"] > 1e-4


def test_units_that_start_different_lie_apart() -> None:
    model = nn.MLP([64, 4, 10], init="zeros")
    assert symmetry.distance(model) == 0
    values = model.parameters()[0].data.copy()
    values[5, 1], values[6, 2] = 3.0, 4.0
    model.parameters()[0].data = values
    assert symmetry.distance(model) == 5


def test_labels_are_made_wrong(tmp_path: Path) -> None:
    options = common.Options(tmp_path, seed=0, quick=True)
    before = common.digits(options, train=300).train[1]
    after = before.copy()
    assert early_stopping.mislabel(after, 0.1, options) == 30
    assert (after != before).sum() == 30
    assert set(after) == set(range(10))


def test_the_digits_are_split_by_seed_and_number(tmp_path: Path) -> None:
    options = common.Options(tmp_path, seed=0, quick=True)
    one, same, other = (common.digits(options, split=k) for k in (0, 0, 1))
    assert [len(part[1]) for part in (one.train, one.val, one.test)] == [1257, 270, 270]
    assert np.array_equal(one.train[0], same.train[0])
    assert not np.array_equal(one.train[1], other.train[1])
    assert (one.train[0].min(), one.train[0].max()) == (0, 1)
    assert common.digits(options, dtype="float32").val[0].dtype == np.float32


def test_the_table_in_the_docstring() -> None:
    assert doctest.testmod(common) == (0, 1)


def test_accuracy_is_measured_in_use_and_leaves_the_mode() -> None:
    model = xor.train([2, 4, 1], xor.XOR, 1, np.random.default_rng(0))

    class Two:
        training = True

        def train(self, mode: bool) -> None:
            self.training = mode

        def eval(self) -> None:
            self.training = False

        def __call__(self, x: Any) -> Any:
            assert not self.training
            return model(x) * np.array([1.0, -1.0])

    two = Two()
    share = common.accuracy(two, (xor.INPUTS, 1 - xor.predict(model, xor.INPUTS)))
    assert share == 1.0
    assert two.training


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_paths_in_the_ravine(momentum: float) -> None:
    walk = optimizers.descend("momentum" if momentum else "SGD", 0.01, 20)
    theta, velocity = optimizers.FROM, np.zeros(2)
    for place, f in zip(walk["path"], walk["f"], strict=True):
        off = theta - optimizers.LOWEST
        np.testing.assert_allclose(place, theta, rtol=1e-12)
        assert f == pytest.approx(off @ optimizers.H @ off / 2)
        velocity = momentum * velocity + optimizers.H @ off
        theta = theta - 0.01 * velocity
    assert optimizers.descend("SGD", 0.1, 20)["f"][-1] == np.inf
    np.testing.assert_allclose(np.linalg.eigvalsh(optimizers.H), [1, 50], rtol=1e-5)


def test_the_rate_is_that_of_the_lowest_curve() -> None:
    runs = [{"lr": 1, "f": [8.0, 8.0]}, {"lr": 2, "f": [8.0, 4.0]}, {"lr": 3, "f": [1.0, np.inf]}]
    assert optimizers.best(runs, "f")["lr"] == 2


@pytest.mark.parametrize(("network", "activation"), [("sigmoid", "sigmoid"), ("ReLU", "relu")])
def test_the_norms_are_those_of_the_formulas(network: str, activation: str, tmp_path: Path) -> None:
    options = common.Options(tmp_path, seed=0, quick=True)
    X, y = common.digits(options, train=30).train
    found = vanishing.at_start(network, 3, (X, y), options)
    model = vanishing.network(network, 3, options.rng(3)).astype(np.float64)
    values = [parameter.data for parameter in model.parameters()]
    formulas = backprop_by_hand.by_hand(values, activation, X, y)[::2]
    assert list(found) == ["W1", "W2", "W3", "W4"]
    np.testing.assert_allclose(list(found.values()), [np.linalg.norm(W) for W in formulas], 1e-4)


def test_smoothness_of_filters_that_are_known() -> None:
    one, board = np.ones((64, 1)), (-1.0) ** np.add(*np.indices((8, 8))).reshape(64, 1)
    assert filters.smoothness(one) == pytest.approx(1)
    assert filters.smoothness(board) == pytest.approx(-1)
    assert filters.smoothness(np.hstack([one, board])) == pytest.approx(0)


def test_test_images_choose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = common.Options(tmp_path, seed=0, quick=True)
    right = digits_98.one_split(0, 2, options)
    data = common.digits(options, dtype=np.float32)
    wrong = common.Digits(data.train, data.val, (data.test[0], (data.test[1] + 1) % 10))
    monkeypatch.setattr(digits_98, "digits", lambda *_, **__: wrong)
    other = digits_98.one_split(0, 2, options)
    assert right.pop("test accuracy") > 0.8 > 0.1 > other.pop("test accuracy")
    assert right == other


@pytest.mark.slow
def test_98_percent_of_the_digits(tmp_path: Path) -> None:
    figures = digits_98.main(["--out", str(tmp_path)])
    assert len(figures["test accuracies"]) == 10
    assert figures["mean"] >= 0.98
