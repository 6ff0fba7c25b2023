"""The history is data, in each of its forms."""

from __future__ import annotations

import csv
import math
import sys
from pathlib import Path

import numpy as np
import pytest

import nn
import optim
import viz

VALUES = {"training loss": [2.0, 1 / 3, 0.1], "validation loss": [2.5, math.nan, math.inf]}


def test_it_is_a_mapping() -> None:
    history = optim.History(VALUES)
    assert dict(history) == VALUES
    assert list(history) == ["training loss", "validation loss"]
    assert history.epochs == 3
    assert "validation loss" in history
    assert history.to_dict() == VALUES
    history.to_dict()["training loss"].append(0.0)
    assert history.epochs == 3
    with pytest.raises(KeyError, match="'accuracy' was not measured; known: 'training loss', 'val"):
        history["accuracy"]


def test_the_best_epoch() -> None:
    assert optim.History().best_epoch is None
    assert optim.History({"training loss": [3.0, 1.0, 1.0]}).best_epoch == 2
    assert optim.History(VALUES).best_epoch == 1  # not the one that is nan
    history = optim.History({"training loss": [1.0, 2.0], "validation accuracy": [0.5, 0.7]})
    history.monitor, history.mode = "validation accuracy", "max"
    assert history.best_epoch == 2
    assert optim.History({"training loss": [math.nan]}).best_epoch is None


def test_rows_of_one_length() -> None:
    with pytest.raises(ValueError, match="'a' has 1, 'b' has 2"):
        optim.History({"a": [1.0], "b": [1.0, 2.0]})
    history = optim.History(VALUES)
    with pytest.raises(ValueError, match="epoch 4 has .'training loss'. where those before have"):
        history.add({"training loss": 0.0})
    assert history.to_dict() == VALUES


def test_the_table_reads_back_the_same(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text("old")
    optim.History(VALUES).to_csv(path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    for name, values in VALUES.items():
        np.testing.assert_array_equal([float(row[name]) for row in rows], values)
    assert [p.name for p in tmp_path.iterdir()] == ["history.csv"]


def test_a_table_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "history.csv"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        optim.History(VALUES).to_csv(path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["history.csv"]
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        optim.History(VALUES).to_csv(tmp_path / "absent" / "history.csv")


def test_the_frame() -> None:
    pandas = pytest.importorskip("pandas")
    frame = optim.History(VALUES).to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.index) == [1, 2, 3]
    assert frame.index.name == "epoch"
    assert frame["training loss"].tolist() == VALUES["training loss"]


def test_without_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas.*to_csv"):
        optim.History(VALUES).to_frame()


def test_how_it_looks() -> None:
    history = optim.History({"training loss": [2.0, 0.123456789]})
    assert repr(history) == "<History of 2 epochs: training loss 0.123457>"
    history.stopped = "enough"
    assert repr(history).endswith("; enough>")
    assert repr(optim.History()) == "<History of 0 epochs>"


def test_viz_draws_it() -> None:
    X = np.random.default_rng(0).normal(size=(12, 2))
    history = optim.fit(
        nn.MLP([2, 2]), nn.cross_entropy, (X, np.arange(12) % 2), "sgd", lr=0.1, epochs=3,
        validation=(X, np.arange(12) % 2), metrics="accuracy",
    )  # fmt: skip
    drawn = viz.curves_svg(history)
    assert "accuracy" in drawn
    assert "loss" in drawn


def test_numbers_of_numpy_become_python_s(tmp_path: Path) -> None:
    history = optim.History({"a": np.array([1.0, 2.5], "float32")})  # type: ignore[dict-item]
    assert repr(history.to_dict()) == "{'a': [1.0, 2.5]}"
    history.to_csv(tmp_path / "history.csv")
    assert (tmp_path / "history.csv").read_text() == "epoch,a\n1,1.0\n2,2.5\n"
