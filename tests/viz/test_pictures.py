"""The matplotlib pictures show the numbers they were given, and say what they cannot draw."""

import builtins
import copy
import io
import math
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

import autograd_core as ag
import nn
import viz
from viz.pictures.figures import PALETTE

POINTS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR = np.array([0, 1, 1, 0])

PICTURES: dict[str, Callable[[], Any]] = {
    "neuron_surface": lambda: viz.neuron_surface(lambda x: x[:, 0], resolution=9),
    "decision_regions": lambda: viz.decision_regions(
        lambda x: x[:, 0] > 0.5, POINTS, XOR == 1, resolution=9
    ),
    "filters": lambda: viz.filters(np.arange(12.0).reshape(4, 3)),
    "images": lambda: viz.images(np.arange(12.0).reshape(3, 4)),
    "layer_statistics": lambda: viz.layer_statistics({"a": {"norm": [1.0, 2.0]}}),
    "spread": lambda: viz.spread({"a": [[1.0, 2.0], [2.0, 4.0]]}),
    "curves": lambda: viz.curves({"training loss": [2.0, 1.0]}),
    "subplots": lambda: viz.subplots(title="empty")[0],
}


@pytest.fixture(params=PICTURES)
def picture(request: Any) -> Callable[[], Any]:
    return PICTURES[request.param]


# -- all of them -----------------------------------------------------------------------------------


def test_the_same_figure_gives_the_same_bytes(picture: Callable[[], Any], tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    one, other = (viz.save_figure(picture(), tmp_path / f"{k}.svg").read_bytes() for k in "ab")
    assert one == other
    assert b"<dc:date>" not in one
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".PDF", b"%PDF")])
def test_other_forms_give_the_same_bytes_too(suffix: str, start: bytes, tmp_path: Path) -> None:
    figure = PICTURES["curves"]()
    one, other = (viz.save_figure(figure, tmp_path / f"{k}{suffix}").read_bytes() for k in "ab")
    assert one == other
    assert one.startswith(start)
    assert b"CreationDate" not in one


def test_every_axis_with_data_is_labelled(picture: Callable[[], Any]) -> None:
    figure = picture()
    assert isinstance(figure, Figure)
    for axes in figure.axes:
        # A colour bar has one label, along its side.
        labels = [axes.get_xlabel(), axes.get_ylabel()]
        if axes.has_data() and len(axes.get_xticks()):  # pixels of images are not counted
            assert any(labels) if axes.get_label() == "<colorbar>" else all(labels)


def test_nothing_global_is_touched() -> None:
    code = (
        "import sys, viz; viz.spread({'a': [1.0, 2.0]}); "
        "viz.neuron_surface(lambda x: x[:, 0], resolution=5); "
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_a_notebook_shows_it_without_pyplot(picture: Callable[[], Any]) -> None:
    formatters = pytest.importorskip("IPython.core.formatters")
    figure = picture()
    sizes = []
    for shown in (figure, copy.deepcopy(figure), pickle.loads(pickle.dumps(figure))):
        data, about = formatters.DisplayFormatter().format(shown)
        image = Image.open(io.BytesIO(data["image/png"]))
        assert about["image/png"].keys() == {"width", "height"}
        for pixels, told in zip(image.size, about["image/png"].values(), strict=True):
            assert abs(pixels - 2 * told) <= 2
        sizes.append(image.size)
    assert len(set(sizes)) == 1
    assert type(figure) is Figure


def test_without_matplotlib(picture: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] == "matplotlib":
            raise ImportError("No module named 'matplotlib'", name="matplotlib")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"viz\.\w+ draws with .*'autograd-core\[viz\]'"):
        picture()


def test_saving_refuses_what_it_cannot_write(tmp_path: Path) -> None:
    figure = PICTURES["spread"]()
    with pytest.raises(ValueError, match=r"'a\.jpg'.*\.png, \.svg, \.pdf"):
        viz.save_figure(figure, tmp_path / "a.jpg")
    with pytest.raises(TypeError, match=r"got Axes; axes have theirs in `\.figure`"):
        viz.save_figure(figure.axes[0], tmp_path / "a.png")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        viz.save_figure(figure, tmp_path / "nowhere" / "a.png")
    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = viz.save_figure(PICTURES["spread"](), tmp_path / "a.png")
    before = path.read_bytes()

    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("interrupted")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(RuntimeError, match="interrupted"):
        viz.save_figure(PICTURES["filters"](), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_names_come_out_as_text() -> None:
    names = ["$x_", "_hidden", "a\nb", "<lambda>", "ä → β"]
    odd, curve = names[0], [1.0, 2.0]
    for figure in (
        viz.spread({name: [curve, curve] for name in names}, quantity=odd, title=odd),
        viz.spread(dict.fromkeys(names, curve)),
        viz.layer_statistics({name: {odd: curve} for name in names}, title=odd),
        viz.decision_regions(
            {name: lambda x: x[:, 0] > 0.5 for name in names}, POINTS, XOR == 1, resolution=5,
            names=(odd, "y"),
        ),
        viz.neuron_surface({odd: lambda x: x[:, 0]}, names=(odd, "y"), output=odd, resolution=5),
        viz.curves({f"training {name}": curve for name in names[:2]}, title=odd),
    ):  # fmt: skip
        figure.draw_without_rendering()
        told = " ".join(text.get_text() for text in figure.findobj(Text))
        assert r"\$x" in told


# -- neuron_surface --------------------------------------------------------------------------------


def test_the_contours_of_a_neuron_are_lines_of_equal_pre_activation() -> None:
    w, b = np.array([1.0, -2.0]), 0.7
    figure = viz.neuron_surface(lambda x: ag.sigmoid(x @ w + b), span=(-3, 3), resolution=301)
    lines = figure.axes[1].collections[1]
    assert len(lines.levels) > 3
    for level, path in zip(lines.levels, lines.get_paths(), strict=True):
        a = path.vertices @ w + b
        assert len(a)
        np.testing.assert_allclose(a, math.log(level / (1 - level)), atol=2e-2)


def test_the_surface_has_the_height_of_the_function() -> None:
    figure = viz.neuron_surface(lambda x: 3 * x[:, 0] + 10 * x[:, 1], span=(0, 1), resolution=11)
    surface, above = figure.axes[:2]
    assert tuple(surface.zz_dataLim.intervalx) == pytest.approx((0, 13))
    assert surface.get_zlim() == pytest.approx((0, 13))
    assert above.collections[0].get_clim() == pytest.approx((0, 13))


def test_several_neurons_share_one_scale() -> None:
    figure = viz.neuron_surface({"one": lambda x: x[:, :1], "ten": lambda x: 10 * x[:, :1]})
    assert [a.get_title() for a in figure.axes[:4:2]] == ["one", "ten"]
    limits = {a.collections[0].get_clim() for a in figure.axes[1:4:2]}
    assert limits == {(-50.0, 50.0)}


def test_a_module_is_drawn_in_evaluation_mode_and_in_its_dtype() -> None:
    class Noted(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(2, 1, dtype="float32")
            self.seen: list[Any] = []

        def forward(self, x: Any) -> Any:
            self.seen.append((self.training, self.layer.training, x.dtype, ag.recording()))
            return self.layer(x)

    model = Noted()
    model.layer.training = False
    viz.neuron_surface(model)
    viz.decision_regions(lambda x: model(x.astype("f4")).data[:, 0] > 0, POINTS, XOR == 1)
    assert model.seen[0] == (False, False, np.float32, False)
    assert (model.training, model.layer.training) == (True, False)


def test_a_constant_is_a_plane() -> None:
    viz.neuron_surface(lambda x: np.zeros(len(x))).draw_without_rendering()


@pytest.mark.parametrize(
    ("neuron", "options", "error", "message"),
    [
        (lambda x: x, {}, ValueError, r"gave shape \(6561, 2\).*one output at a time"),
        (lambda x: 1 / (x[:, 0] - 5), {}, ValueError, r"not finite at x = \(5, -5\)"),
        ({"log": lambda x: x[:, 0] * np.nan}, {}, ValueError, "'log' is not finite"),
        ({}, {}, ValueError, "nothing to draw"),
        (np.zeros(2), {}, TypeError, "expected a function of points.*got ndarray"),
        (lambda x: x[:, 0], {"span": (1, 1)}, ValueError, "low < high"),
        (lambda x: x[:, 0], {"resolution": 1}, ValueError, "resolution"),
    ],
)
def test_neurons_that_cannot_be_drawn(
    neuron: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with np.errstate(all="ignore"), pytest.raises(error, match=message):
        viz.neuron_surface(neuron, **options)


# -- decision_regions ------------------------------------------------------------------------------


def colour_at(axes: Any, x: float, y: float) -> Any:
    """The colour of the rendered picture at a point of the plane."""
    canvas = FigureCanvasAgg(axes.figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    column, up = axes.transData.transform((x, y))
    return pixels[len(pixels) - 1 - round(up), round(column), :3] / 255


def test_regions_have_the_tint_of_their_class() -> None:
    def scores(x: Any) -> Any:
        return ag.Tensor(np.stack([-x[:, 0], x[:, 0], x[:, 1] - 0.9], axis=1))

    figure = viz.decision_regions(scores, POINTS, [0, 2, 1, 2])
    axes = figure.axes[0]
    for (x, y), k in {(-0.1, 0.0): 0, (1.1, 0.1): 1, (0.04, 1.12): 2}.items():
        tint = 1 - 0.38 * (1 - np.array(to_rgb(PALETTE[k])))
        np.testing.assert_allclose(colour_at(axes, x, y), tint, atol=1e-2)
    # (1, 1) is class 2 and scores 1 for class 1 against 0.1.
    assert axes.get_title() == "1 of 4 wrong"
    assert axes.collections[-1].get_offsets().tolist() == [[1.0, 1.0]]


def test_classes_may_be_named() -> None:
    names = np.array(["no", "yes"])
    figure = viz.decision_regions(
        {
            "or": lambda x: names[(x > 0.5).any(axis=1).astype(int)],
            "never": lambda x: names[np.zeros(len(x), int)],
        },
        POINTS,
        names[XOR],
    )
    assert [axes.get_title() for axes in figure.axes] == ["or: 1 of 4 wrong", "never: 2 of 4 wrong"]
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["class no", "class yes", "wrong"]


@pytest.mark.parametrize("classes", [[0, 1], [-1, 1], [False, True], ["a", "b"], [3.0, 7.0]])
def test_one_score_tells_by_its_sign(classes: list[Any]) -> None:
    two = np.array(classes)

    def score(x: Any) -> Any:
        return ag.Tensor(x[:, :1] - 0.5)

    axes = viz.decision_regions(score, POINTS, two[[0, 0, 1, 1]], resolution=21).axes[0]
    assert axes.get_title() == "0 of 4 wrong"
    for x, k in ((0.1, 0), (0.9, 1)):
        tint = 1 - 0.38 * (1 - np.array(to_rgb(PALETTE[k])))
        np.testing.assert_allclose(colour_at(axes, x, 0.5), tint, atol=1e-2)
    reverse = viz.decision_regions(lambda x: 0.5 - x[:, :1], POINTS, two[[0, 0, 1, 1]])
    assert reverse.axes[0].get_title() == "4 of 4 wrong"


def test_one_score_and_examples_of_one_class() -> None:
    figure = viz.decision_regions(lambda x: x[:, :1] - 0.5, POINTS, [1, 1, 1, 1], resolution=21)
    assert figure.axes[0].get_title() == "2 of 4 wrong"


def test_nothing_wrong_is_not_in_the_legend() -> None:
    figure = viz.decision_regions(lambda x: (x > 0.5).sum(axis=1) == 1, POINTS, XOR == 1)
    assert figure.axes[0].get_title() == "0 of 4 wrong"
    assert len(figure.legends[0].get_texts()) == 2


@pytest.mark.parametrize(
    ("predict", "X", "y", "message"),
    [
        (lambda x: x[:, 0] > 0, POINTS[:, :1], XOR, r"X must have shape \(n, 2\).*\(4, 1\)"),
        (lambda x: x[:, 0] > 0, POINTS[:0], XOR[:0], r"at least one"),
        (lambda x: x[:, 0] > 0, POINTS, XOR[:3], r"y must have shape \(4,\).*\(3,\)"),
        (lambda x: x[:, 0] > 0, [[0.0, np.inf]], [0], "in row 0"),
        (lambda x: ag.sigmoid(x[:, :1]), POINTS, XOR, "pre-activation.*all lie from 0 to 1"),
        (lambda x: x[:, :1], POINTS, [0, 2, 1, 2], "two classes apart, and y has 3"),
        (lambda x: x[:, :0], POINTS, XOR, r"gave shape \(\d+, 0\)"),
        (lambda x: x[:3], POINTS, XOR, r"predict gave shape \(3, 2\)"),
        (lambda x: x * np.nan, POINTS, XOR, "scores that are NaN"),
        (lambda x: x[:, 0], POINTS, XOR, "classes in y.*not a score"),
        (lambda x: np.full(len(x), "a"), POINTS, XOR, "of one kind"),
    ],
)
def test_regions_that_cannot_be_drawn(predict: Any, X: Any, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        viz.decision_regions(predict, X, y)


def test_ten_classes_are_told_apart_by_names_in_their_regions() -> None:
    def tenths(x: Any) -> Any:
        return np.clip((10 * x[:, 0]).astype(int), 0, 9)

    X = np.stack([(np.arange(20) + 0.5) / 20, np.zeros(20)], axis=1)
    axes = viz.decision_regions(tenths, X, tenths(X), resolution=201).axes[0]
    assert axes.get_title() == "0 of 20 wrong"
    assert [text.get_text() for text in axes.texts] == [str(k) for k in range(10)]
    for text in axes.texts:
        assert tenths(np.array([text.get_position()])) == [int(text.get_text())]
    looks = {(to_hex(c.get_facecolor()[0]), c.get_paths()[0].vertices.tobytes())
             for c in axes.collections if c.get_label().startswith("class")}  # fmt: skip
    assert len(looks) == 10
    assert not viz.decision_regions(lambda x: x[:, 0] > 0.5, X).axes[0].texts
    with pytest.raises(ValueError, match="20 classes.*no more than 16"):
        viz.decision_regions(lambda x: np.clip((20 * x[:, 0]).astype(int), 0, 19), X)


def test_of_many_examples_some_are_drawn_and_all_counted() -> None:
    X = np.random.default_rng(1).normal(size=(10_000, 2))
    y = np.arange(10_000) % 2 == 0  # which every second of them would not show
    axes = viz.decision_regions(lambda x: x[:, 0] > 99, X, y, resolution=11).axes[0]
    assert axes.get_title() == "5,000 of 10,000 wrong, 2,000 drawn"
    drawn = {c.get_label(): len(c.get_offsets()) for c in axes.collections if len(c.get_offsets())}
    assert drawn["class False"] + drawn["class True"] == 2000
    assert drawn["wrong"] == drawn["class True"]
    assert drawn["wrong"] == pytest.approx(1000, abs=100)


# -- filters ---------------------------------------------------------------------------------------


@given(st.integers(1, 30), st.sampled_from([(2, 2), (3, 1), (2, 5)]), st.none() | st.integers(1, 9))
def test_each_tile_is_a_column(units: int, shape: tuple[int, int], columns: int | None) -> None:
    weight = np.random.default_rng(units).normal(size=(shape[0] * shape[1], units))
    figure = viz.filters(ag.Tensor(weight, requires_grad=True), shape, columns=columns)
    axes = figure.axes[0]
    sheet = axes.get_images()[0].get_array()
    firsts = [int(label.get_text()) for label in axes.get_yticklabels()]
    offsets = [int(label.get_text()) for label in axes.get_xticklabels()]
    if columns:
        assert len(offsets) == columns
    for j in range(units):
        # What the axes say is where unit j lies.
        row = max(i for i, first in enumerate(firsts) if first <= j)
        column = offsets.index(j - firsts[row])
        top, left = row * (shape[0] + 1), column * (shape[1] + 1)
        tile = sheet[top : top + shape[0], left : left + shape[1]]
        np.testing.assert_array_equal(tile, weight[:, j].reshape(shape))
    assert np.ma.count(sheet) == weight.size


def test_zero_is_in_the_middle_of_the_colours() -> None:
    weight = np.array([[-1.0, 0.0], [0.5, 3.0], [0.0, 0.0], [0.0, 0.0]])
    image = viz.filters(weight).axes[0].get_images()[0]
    assert image.get_clim() == (-3.0, 3.0)
    red, green, blue, _ = image.to_rgba(np.array([[0.0]]))[0, 0]
    assert min(red, green, blue) > 0.95
    assert image.to_rgba(np.array([[-3.0]]))[0, 0][2] > image.to_rgba(np.array([[-3.0]]))[0, 0][0]
    each = viz.filters(weight, scale="each").axes[0].get_images()[0]
    assert each.get_clim() == (-1.0, 1.0)
    assert each.get_array()[0, 0] == -1.0
    assert (
        viz.filters(np.zeros((4, 1)), scale="each").axes[0].get_images()[0].get_array().max() == 0
    )


def test_weights_side_by_side_at_one_scale() -> None:
    weights = {"one": np.eye(4), "ten": -10 * np.eye(4)[:, :3]}
    figure = viz.filters(weights, label="gradient")
    *panels, bar = figure.axes
    assert [axes.get_title() for axes in panels] == ["one", "ten"]
    assert {axes.get_images()[0].get_clim() for axes in panels} == {(-10.0, 10.0)}
    assert [np.ma.count(axes.get_images()[0].get_array()) for axes in panels] == [16, 12]
    assert bar.get_ylabel() == "gradient"
    each = viz.filters(weights, scale="each", label="gradient").axes
    assert each[1].get_images()[0].get_array().min() == -1
    assert each[-1].get_ylabel() == "gradient / its unit's largest |gradient|"


@pytest.mark.parametrize(
    ("weight", "options", "message"),
    [
        ({}, {}, "nothing to draw"),
        ({"a": np.eye(4), "b": np.eye(3)}, {}, "3 inputs make no square"),
        ({"a": np.full((4, 1), np.inf)}, {}, "of 'a' of unit 0 for input 0 is inf"),
        (np.zeros(4), {}, r"\(inputs, units\).*\(4,\)"),
        (np.zeros((4, 0)), {}, r"\(4, 0\)"),
        (np.zeros((10, 64)), {}, r"10 inputs make no square.*weight\.T"),
        (np.zeros((10, 3)), {}, r"shape=\(rows, columns\)$"),
        (np.zeros((10, 3)), {"shape": (3, 3)}, r"\(3, 3\) do not hold the 10 inputs"),
        (np.zeros((4, 3)), {"shape": (-2, -2)}, "do not hold"),
        (np.array([[1.0], [np.nan], [0], [0]]), {}, "unit 0 for input 1 is nan"),
        (np.zeros((4, 3)), {"scale": "own"}, "'common' or 'each'"),
        (np.zeros((4, 3)), {"columns": 0}, "columns"),
    ],
)
def test_weights_that_cannot_be_drawn(weight: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        viz.filters(weight, **options)


# -- images ----------------------------------------------------------------------------------------


@given(st.integers(1, 30), st.sampled_from([(2, 2), (3, 1), (2, 5)]), st.booleans())
def test_each_image_is_where_its_title_is(n: int, shape: tuple[int, int], flat: bool) -> None:
    stack = np.random.default_rng(n).normal(size=(n, *shape))
    given = stack.reshape(n, -1) if flat else stack
    axes = viz.images(given, shape, titles=range(n)).axes[0]
    sheet = axes.get_images()[0].get_array()
    assert axes.get_images()[0].get_clim() == (stack.min(), stack.max())
    assert [text.get_text() for text in axes.texts] == [str(k) for k in range(n)]
    for text, pixels in zip(axes.texts, stack, strict=True):
        x, y = text.get_position()
        top, left = math.ceil(y), round(x - (shape[1] - 1) / 2)
        np.testing.assert_array_equal(sheet[top : top + shape[0], left : left + shape[1]], pixels)
    assert np.ma.count(sheet) == stack.size


def test_rows_of_images_have_names() -> None:
    rows = {"clean": ag.Tensor(np.ones((3, 4))), "noisy": np.zeros((2, 4))}
    axes = viz.images(rows, titles="abc", span=(-1, 2)).axes[0]
    sheet = axes.get_images()[0].get_array()
    assert axes.get_images()[0].get_clim() == (-1, 2)
    for k, (label, y) in enumerate(zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)):
        assert label.get_text() == list(rows)[k]
        assert sheet[int(y), 0] == 1 - k
    assert np.ma.count(sheet) == 20
    assert {text.get_position()[1] for text in axes.texts} == {-0.8}


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        ({}, {}, "nothing to draw"),
        (np.zeros(4), {}, r"\(n, pixels\) or .*got \(4,\)"),
        (np.zeros((0, 4)), {}, r"got \(0, 4\)"),
        (np.zeros((2, 6)), {}, "6 pixels make no square image; say its shape"),
        (np.zeros((8, 8)), {}, r"pass x\[None\] if it is a single image"),
        ({"a": np.zeros((2, 6))}, {"shape": (2, 2)}, r"6 pixels of 'a' do not fill.*\(2, 2\)"),
        (np.zeros((2, 3, 2)), {"shape": (2, 3)}, r"have shape \(3, 2\), not \(2, 3\)"),
        ({"a": np.zeros((1, 4)), "b": np.zeros((1, 9))}, {}, "different sizes"),
        (np.zeros((3, 4)), {"titles": "ab"}, "2 titles for 3 images"),
        (np.zeros((3, 4)), {"span": (1, 0)}, "low < high"),
        (np.zeros((3, 4)), {"span": (1,)}, "low < high"),
        ({"a": np.zeros((3, 4))}, {"titles": "abcd"}, "4 titles for 3 columns"),
        ({"a": [[0, 0, 0, np.nan]]}, {}, r"image 0 of 'a' is nan at pixel \(1, 1\)"),
    ],
)
def test_images_that_cannot_be_drawn(images: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        viz.images(images, **options)


def test_what_is_no_picture() -> None:
    with pytest.raises(TypeError, match="images of 'a' must be real numbers, not complex128"):
        viz.images({"a": np.ones((2, 4), complex)})
    with pytest.raises(TypeError, match="weight must be real numbers, not complex64"):
        viz.filters(np.ones((4, 2), "c8"))
    with pytest.raises(TypeError, match=r"is \(rows, columns\), not 4"):
        viz.images(np.ones((2, 4)), 4)  # type: ignore[arg-type]


# -- subplots --------------------------------------------------------------------------------------


def test_axes_in_the_looks_of_viz() -> None:
    before = dict(mpl.rcParams)
    figure, axes = viz.subplots(2, 3, sharex=True, figsize=(5, 4), title="all")
    assert figure.get_size_inches().tolist() == [5, 4]
    assert axes.shape == (2, 3)
    for each in axes.flat:
        lines = [each.plot([0, 1])[0] for _ in PALETTE]
        assert [line.get_color() for line in lines] == list(PALETTE)
    assert axes[0, 0].get_shared_x_axes().joined(axes[0, 0], axes[1, 2])
    assert dict(mpl.rcParams) == before


# -- layer_statistics ------------------------------------------------------------------------------


def contrast(colour: Any) -> float:
    """Contrast with white, after the Web Content Accessibility Guidelines."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05))


@pytest.mark.parametrize("layers", [1, 2, 9])
def test_lines_stand_out_from_white(layers: int) -> None:
    figure = viz.layer_statistics({str(k): {"norm": [1.0, 2.0]} for k in range(layers)})
    assert min(contrast(line.get_color()) for line in figure.axes[0].get_lines()) > 3


def test_networks_compared_over_the_layers() -> None:
    records = {
        "one": {"first": {"norm": 1.0}, "second": {"norm": 2.0, "dead": 0.5}},
        "ten": {"second": {"norm": 20.0}, "third": {"norm": np.nan}},
    }
    norm, dead = viz.layer_statistics(records).axes
    points = [line.get_xydata().tolist() for line in norm.get_lines()]
    assert points[0] == [[0, 1], [1, 2]]
    assert points[1][0] == [1, 20]
    assert [label.get_text() for label in norm.get_xticklabels()] == ["first", "second", "third"]
    assert [text.get_text() for text in norm.get_legend().get_texts()] == ["one", "ten"]
    assert norm.get_title() == "1 not finite, left out"
    assert [text.get_text() for text in dead.get_legend().get_texts()] == ["one"]


def test_networks_compared_over_the_steps() -> None:
    records = {
        name: {layer: {"norm": [scale, 2 * scale], "dead": [0.0]} for layer in "ab"}
        for name, scale in (("one", 1.0), ("thousand", 1000.0))
    }
    one, thousand = viz.layer_statistics(records, statistics=["norm"]).axes
    assert [axes.get_title() for axes in (one, thousand)] == ["one", "thousand"]
    assert one.get_ylim() == thousand.get_ylim()
    # Each alone spans a factor of two only.
    assert one.get_yscale() == thousand.get_yscale() == "log"
    assert one.get_lines()[0].get_ydata().tolist() == [1.0, 2.0]
    assert thousand.get_lines()[1].get_ydata().tolist() == [1000.0, 2000.0]
    both = viz.layer_statistics(records)
    assert [axes.get_ylabel() for axes in both.axes] == 2 * ["norm (log scale)"] + 2 * ["dead"]
    assert [text.get_text() for text in both.legends[0].get_texts()] == ["a", "b"]


def test_numbers_over_the_layers() -> None:
    record = {
        "first": {"norm": 1e-4, "dead": 0.0},
        "second": {"dead": 0.5},
        "third": {"norm": 1.0, "dead": math.nan},
    }
    norm, dead = viz.layer_statistics(record).axes
    assert norm.get_lines()[0].get_xydata().tolist() == [[0, 1e-4], [2, 1.0]]
    assert [label.get_text() for label in norm.get_xticklabels()] == ["first", "second", "third"]
    assert (norm.get_yscale(), dead.get_yscale()) == ("log", "linear")
    assert norm.get_ylabel() == "norm (log scale)"
    assert dead.get_title() == "1 not finite, left out"


def test_lists_over_the_steps() -> None:
    record = {name: {"norm": [k + 1.0, np.inf, k + 3.0]} for k, name in enumerate("abc")}
    figure = viz.layer_statistics(record, log=False)
    lines = figure.axes[0].get_lines()
    assert [line.get_xydata().tolist() for line in lines] == [
        [[1, k + 1.0], [3, k + 3.0]] for k in range(3)
    ]
    assert len({tuple(line.get_color()) for line in lines}) == 3
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b", "c"]


@pytest.mark.parametrize("statistics", [1, 3, 4, 5, 6, 7])
def test_no_panel_is_left_empty(statistics: int) -> None:
    record = {"a": {f"statistic {k}": [1.0, 2.0] for k in range(statistics)}}
    shown = [axes for axes in viz.layer_statistics(record).axes if axes.get_visible()]
    assert [axes.get_ylabel() for axes in shown] == list(record["a"])


@pytest.mark.parametrize(
    ("record", "options", "error", "message"),
    [
        ({}, {}, ValueError, "nothing to draw"),
        ({"a": {}}, {}, ValueError, "nothing to draw"),
        ({"a": {"norm": math.nan}}, {}, ValueError, "nothing to draw"),
        ({"a": {"norm": []}}, {}, ValueError, "nothing to draw"),
        ({"a": {"norm": 1.0}, "b": {"norm": [1.0]}}, {}, ValueError, "'b' among them"),
        ({"a": {"norm": [[1.0]]}}, {}, ValueError, r"'norm' of 'a' has shape \(1, 1\)"),
        ({"a": {"dead": 0.0}}, {"log": True}, ValueError, "value 0.*log=False"),
        ({"norm": [1.0]}, {}, TypeError, "maps layers to mappings"),
        ({"a": {"norm": 1.0}, "b": {"c": {"norm": 1.0}}}, {}, TypeError, "names of networks"),
        ({"a": {"norm": 1.0}}, {"statistics": ["dead"]}, ValueError, "'dead'; there are 'norm'"),
        ({"one": {"a": {"norm": 1.0}}, "two": {"a": {"norm": [1.0]}}}, {}, ValueError, "networks"),
        ({"a": {"norm": ["x"]}}, {}, TypeError, r"'norm' of 'a' must be a number.*got x"),
    ],
)
def test_records_that_cannot_be_drawn(
    record: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        viz.layer_statistics(record, **options)


# -- spread ----------------------------------------------------------------------------------------


def test_curves_with_mean_and_band() -> None:
    table = np.random.default_rng(0).normal(size=(5, 7))
    figure = viz.spread({"a": table, "b": [table[0]]}, quantity="loss", first=0)
    axes = figure.axes[0]
    faint = [line for line in axes.get_lines() if line.get_alpha() is not None]
    strong = [line for line in axes.get_lines() if line.get_alpha() is None]
    assert [line.get_ydata().tolist() for line in faint] == [*table.tolist(), table[0].tolist()]
    np.testing.assert_allclose(strong[0].get_ydata(), table.mean(axis=0))
    assert strong[0].get_xdata().tolist() == list(range(7))
    (band,) = axes.collections
    corners = band.get_paths()[0].vertices
    for step, (mean, off) in enumerate(zip(table.mean(0), table.std(0, ddof=1), strict=True)):
        at = corners[corners[:, 0] == step][:, 1]
        assert (at.min(), at.max()) == pytest.approx((mean - off, mean + off))
    words = [text.get_text() for text in axes.get_legend().get_texts()]
    assert words == ["a: mean ± 1 std. dev. of 5 runs", "b: 1 run"]
    assert axes.get_ylabel() == "loss"


def test_a_long_line_is_drawn_by_its_extremes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(3, 300_001))
    table[1, 12_345], table[2, 0], table[0, -1] = 99.0, -50.0, 40.0
    figure = viz.spread({"a": table})
    axes = figure.axes[0]
    *faint, strong = axes.get_lines()
    for line, row in zip((*faint, strong), (*table, table.mean(axis=0)), strict=True):
        x, y = line.get_xdata(), line.get_ydata()
        assert len(x) < 4100
        assert np.all(np.diff(x) > 0)
        np.testing.assert_array_equal(y, row[x - 1])
        assert (y.min(), y.max()) == (row.min(), row.max())
        assert (x[0], x[-1]) == (1, 300_001)
    viz.save_figure(figure, tmp_path / "long.png")
    history = viz.curves({"validation loss": table[1]}).axes[0].get_lines()
    assert history[0].get_ydata().max() == 99.0
    assert len(viz.curves_svg({"loss": table[1]})) < 100_000


def test_single_runs_are_not_counted() -> None:
    curves = viz.spread({"SGD": [[2.0, 1.0]], "Adam": [[2.0, 0.5]]}).axes[0]
    assert [text.get_text() for text in curves.get_legend().get_texts()] == ["SGD", "Adam"]
    numbers = viz.spread({"SGD": [0.5], "Adam": [0.25]}).axes[0]
    assert [label.get_text() for label in numbers.get_xticklabels()] == ["SGD\n0.5", "Adam\n0.25"]


def test_the_mean_goes_as_far_as_every_run() -> None:
    axes = viz.spread({"a": [[1.0, 2.0, 3.0], [3.0, math.nan]]}).axes[0]
    assert axes.get_lines()[-1].get_xydata().tolist() == [[1, 2.0]]
    assert axes.get_lines()[0].get_ydata().tolist() == [1.0, 2.0, 3.0]


def test_numbers_with_mean_and_deviation() -> None:
    axes = viz.spread({"a": [1.0, 2.0, 3.0], "b": [math.inf, 5.0]}).axes[0]
    dots = [c for c in axes.collections if hasattr(c, "get_offsets") and len(c.get_offsets()) > 0]
    assert sorted(dots[0].get_offsets()[:, 1]) == [1.0, 2.0, 3.0]
    words = [label.get_text() for label in axes.get_xticklabels()]
    assert words == ["a\n2.0 ± 1.0 (3 runs)", "b\n5 (1 run, 1 not finite)"]
    bars = [line.get_ydata().tolist() for line in axes.get_lines()]
    assert [2.0] in bars
    assert [1.0] in bars
    assert [3.0] in bars


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ({}, "nothing to draw"),
        ({"a": []}, "'a' has no runs"),
        ({"a": [[]]}, r"run 0 of 'a' has shape \(0,\)"),
        ({"a": [[[1.0]]]}, r"shape \(1, 1\)"),
        ({"a": [1.0, [1.0]]}, "draw them apart"),
        ({"a": [math.nan]}, "no run has a finite value"),
        ({str(k): [1.0] for k in range(9)}, "9 names, and colours tell 8 apart"),
    ],
)
def test_runs_that_cannot_be_drawn(runs: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        viz.spread(runs)


def test_runs_must_be_numbers() -> None:
    with pytest.raises(TypeError, match=r"run 1 of 'a' must be a number.*got high"):
        viz.spread({"a": [1.0, "high"]})
    with pytest.raises(TypeError, match="run 0 of 'a' must be.*got 1, 2"):
        viz.spread({"a": [[1.0, [2.0]]]})
