"""Training and validation curves, with matplotlib and without."""

import builtins
import io
import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from viz import curves, curves_svg, save_curves
from viz.pictures.curves import _ticks

SVG = "{http://www.w3.org/2000/svg}"

HISTORY = {
    "training loss": [2.0, 1.0, 0.5, 0.25],
    "validation loss": [2.1, 1.2, 0.9, 1.0],
    "train_accuracy": [0.2, 0.6, 0.8, 0.9],
    "val_accuracy": [0.2, 0.5, 0.7, 0.8],
}


def texts(drawing: str) -> list[str]:
    return ["".join(t.itertext()) for t in ET.fromstring(drawing).iter(f"{SVG}text")]


def test_quantities_have_axes_of_their_own_with_labels() -> None:
    shown = texts(curves_svg(HISTORY))
    assert shown.count("epoch") == 2
    assert {"loss", "accuracy"} <= set(shown)
    figure = curves(HISTORY)
    assert isinstance(figure, Figure)
    assert [axes.get_xlabel() for axes in figure.axes] == ["epoch", "epoch"]
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy"]
    assert [len(axes.get_lines()) for axes in figure.axes] == [4, 4]  # two curves, line, mark


def test_the_best_validation_epoch_is_marked() -> None:
    shown = texts(curves_svg(HISTORY))
    assert "best: 0.9 at epoch 3" in shown
    assert "best: 0.8 at epoch 4" in shown
    marks = [axes.get_lines()[-1].get_xydata().tolist() for axes in curves(HISTORY).axes]
    assert marks == [[[3.0, 0.9]], [[4.0, 0.8]]]


@pytest.mark.parametrize("name", ["learning rate", "learning_rate"])
def test_a_learning_rate_is_drawn_if_it_changes(name: str) -> None:
    def shown(rates: list[float | None]) -> list[str]:
        return [
            axes.get_ylabel() for axes in curves({"training loss": [2.0, 1.0], name: rates}).axes
        ]

    assert shown([0.1, 0.05]) == ["loss", "learning rate"]
    assert shown([0.1, 0.1]) == ["loss"]
    assert "learning rate" not in texts(curves_svg({"training loss": [2.0], name: [0.1]}))
    # Alone it is what was asked for.
    assert [axes.get_ylabel() for axes in curves({name: [0.1, 0.1]}).axes] == ["learning rate"]


def test_without_validation_nothing_is_marked() -> None:
    assert "best" not in curves_svg({"training loss": [2.0, 1.0]})
    assert "best" not in curves_svg({"loss": [2.0, 1.0]})


def test_points_lie_where_the_numbers_say() -> None:
    drawing = curves_svg({"loss": [0.0, 1.0, 2.0]})
    line = ET.fromstring(drawing).find(f".//{SVG}polyline")
    assert line is not None
    points = [tuple(map(float, p.split(","))) for p in line.attrib["points"].split()]
    (x0, y0), (x1, y1), (x2, y2) = points
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert y1 - y0 == pytest.approx(y2 - y1, abs=0.2)
    assert y2 < y0


def test_what_was_not_measured_or_is_not_finite_is_left_out() -> None:
    history = {"validation loss": [3.0, None, math.nan, 1.0, math.inf]}
    drawing = curves_svg(history)
    assert "validation loss (2 not finite)" in texts(drawing)
    assert "best: 1 at epoch 4" in texts(drawing)
    assert "nan" not in drawing.lower()
    assert len(curves(history).axes[0].get_lines()[0].get_xdata()) == 2


def test_what_no_axes_can_reach_is_left_out() -> None:
    history = {"training loss": [1.0, 1.7e308, 3.0], "validation loss": [9e299, -9e299, 0.0]}
    assert "training loss (1 not finite)" in texts(curves_svg(history))
    points = re.findall(r'points="([^"]*)"', curves_svg(history))
    assert [len(line.split()) for line in points] == [2, 3]
    curves(history).savefig(io.BytesIO())


@pytest.mark.parametrize(("panels", "rows"), [(3, [3]), (4, [2, 2]), (5, [3, 2])])
def test_many_quantities_stand_in_rows(panels: int, rows: list[int]) -> None:
    history = {f"measure {i}": [1.0, 2.0] for i in range(panels)}
    drawing = ET.fromstring(curves_svg(history))
    places = [group.get("transform", "") for group in drawing.findall(f"{SVG}g")]
    across = [place.split()[1].rstrip(")") for place in places]
    assert [across.count(y) for y in dict.fromkeys(across)] == rows
    assert len(set(places)) == panels
    figure = curves(history)
    figure.draw_without_rendering()
    ends = [round(axes.get_position().y0, 2) for axes in figure.axes]
    assert [ends.count(y) for y in dict.fromkeys(ends)] == rows


def test_the_stop_is_marked_at_its_epoch() -> None:
    drawing = curves_svg(HISTORY, stop=3)
    assert texts(drawing).count("stop: epoch 3") == 2
    line = ET.fromstring(drawing).find(f".//{SVG}polyline")
    assert line is not None
    x = line.attrib["points"].split()[2].split(",")[0]
    stops = [
        path.attrib["d"]
        for path in ET.fromstring(drawing).iter(f"{SVG}path")
        if path.get("stroke-dasharray") == "6 3 1 3" and "V" in path.attrib["d"]
    ]
    assert len(stops) == 2
    assert all(d.startswith(f"M{x} ") for d in stops)
    for axes in curves(HISTORY, stop=3).axes:
        stopped = [line for line in axes.get_lines() if line.get_label() == "stop: epoch 3"]
        assert [list(line.get_xdata()) for line in stopped] == [[3, 3]]
    for stop in (0, 5):
        with pytest.raises(ValueError, match=f"from 1 to 4.*: {stop}"):
            curves_svg(HISTORY, stop=stop)


def test_lines_differ_in_dashes_as_well_as_colour() -> None:
    lines = ET.fromstring(curves_svg({"training x": [1, 2], "validation x": [2, 1]})).findall(
        f".//{SVG}polyline"
    )
    assert len({line.attrib["stroke"] for line in lines}) == 2
    assert len({line.get("stroke-dasharray") for line in lines}) == 2


@pytest.mark.parametrize("name", ["<lambda>", "$x_", "_hidden", '"', "a\nb", "</script>"])
def test_names_come_out_as_text(name: str) -> None:
    drawing = curves_svg({name: [1.0, 2.0]}, title=name)
    assert name.replace("\n", "␊") in texts(drawing)
    figure = curves({name: [1.0, 2.0]}, title=name)
    assert len(figure.axes[0].get_legend().get_texts()) == 1
    figure.draw_without_rendering()


numbers = st.floats(-1e12, 1e12) | st.none() | st.just(math.nan)


@given(st.dictionaries(st.text(), st.lists(numbers, min_size=1, max_size=9), min_size=1))
def test_any_history_is_drawn(history: dict[str, list[float | None]]) -> None:
    root = ET.fromstring(curves_svg(history))
    for line in root.iter(f"{SVG}polyline"):
        assert re.fullmatch(r"[-0-9., ]+", line.attrib["points"])


def test_an_empty_history_is_an_error() -> None:
    for history in ({}, {"loss": []}):
        with pytest.raises(ValueError, match="nothing to draw"):
            curves_svg(history)
        with pytest.raises(ValueError, match="nothing to draw"):
            curves(history)


@given(st.floats(-1e9, 1e9), st.floats(1e-3, 1e9))
def test_ticks_are_few_and_within(low: float, span: float) -> None:
    ticks = _ticks(low, low + span, 5)
    assert 2 <= len(ticks) <= 12
    assert all(low - 1e-6 * span <= tick <= low + span * (1 + 1e-6) for tick in ticks)


def test_saving(tmp_path: Path) -> None:
    svg = save_curves(HISTORY, tmp_path / "c.svg", title="Digits")
    assert svg.read_text(encoding="utf-8") == curves_svg(HISTORY, title="Digits")
    assert save_curves(HISTORY, tmp_path / "c.png").read_bytes()[1:4] == b"PNG"
    with pytest.raises(ValueError, match=r"\.svg, \.png, \.pdf"):
        save_curves(HISTORY, tmp_path / "c.jpg")


def test_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] == "matplotlib":
            raise ImportError("No module named 'matplotlib'", name="matplotlib")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install 'autograd-core\[viz\]'.*curves_svg"):
        curves(HISTORY)
    assert save_curves(HISTORY, tmp_path / "c.svg").exists()
    with pytest.raises(ImportError, match="matplotlib"):
        save_curves(HISTORY, tmp_path / "c.png")
