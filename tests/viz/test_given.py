"""Pictures take what a user holds, a history, a module, a fitted estimator, and nothing else."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import nn
import optim
import viz
from nn.estimators import MLPClassifier
from viz.pictures.figures import PALETTE

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
Y = (X[:, 0] > 0).astype(int)


def fitted(**options: Any) -> Any:
    options = {"hidden_layer_sizes": (5,), "max_iter": 3, "random_state": 0, **options}
    model = MLPClassifier(**options)
    with pytest.warns(UserWarning, match="still improving"):
        return model.fit(X, Y)


# -- curves ----------------------------------------------------------------------------------------


def legend(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_a_history_knows_where_it_stopped() -> None:
    class Rising(optim.Callback):
        """Makes the validation loss rise from the third epoch on."""

        def on_epoch(self, training: Any) -> None:
            training.model.layers[0].bias.data = np.array([3.0 * training.epoch, 0.0])

    model = nn.MLP([2, 2])
    history = optim.fit(
        model, nn.cross_entropy, (X, Y), "sgd", lr=0.01, epochs=20, validation=(X, Y),
        early_stopping=optim.EarlyStopping(patience=2), callbacks=Rising(),
    )  # fmt: skip
    assert history.epochs < 20
    words = legend(viz.curves(history).axes[0])
    assert f"stop: epoch {history.epochs}" in words
    assert f"at epoch {history.best_epoch}" in " ".join(words)
    assert f"stop: epoch {history.epochs}" in viz.curves_svg(history)
    assert "stop: epoch 1" in legend(viz.curves(history, stop=1).axes[0])
    # A run that came to its end has no stop.
    ended = optim.fit(model, nn.cross_entropy, (X, Y), "sgd", lr=0.01, epochs=2)
    assert "stop" not in " ".join(legend(viz.curves(ended).axes[0]))


@pytest.mark.parametrize(("mode", "best"), [("min", 2), ("max", 3)])
def test_a_history_knows_which_way_is_better(mode: str, best: int) -> None:
    history = optim.History({"validation agreement": [0.5, 0.1, 0.9]})
    history.monitor, history.mode = "validation agreement", mode
    assert f"at epoch {best}" in " ".join(legend(viz.curves(history).axes[0]))


def test_curves_of_an_estimator() -> None:
    figure = viz.curves(fitted())
    assert figure.axes[0].get_lines()[0].get_xdata().tolist() == [1, 2, 3]
    stopping = MLPClassifier(
        hidden_layer_sizes=(3,), early_stopping=True, n_iter_no_change=1, tol=1.0, max_iter=50
    ).fit(X, Y)
    loss, score = viz.curves(stopping).axes
    assert (loss.get_ylabel(), score.get_ylabel()) == ("loss", "score")
    assert f"stop: epoch {stopping.n_iter_}" in legend(score)


def test_curves_of_a_data_frame() -> None:
    history = optim.fit(nn.MLP([2, 3, 2]), nn.cross_entropy, (X, Y), "sgd", lr=0.1, epochs=3)
    for frame in (history.to_frame(), pd.DataFrame(dict(history))):
        line = viz.curves(frame).axes[0].get_lines()[0]
        assert line.get_ydata().tolist() == history["training loss"]
        assert viz.curves_svg(frame) == viz.curves_svg(history)


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ([1.0, 2.0], "not list"),
        ({"loss": 1.0}, "'loss' must be a list of numbers.*got 1"),
        ({"loss": ["a"]}, "'loss' must be a list of numbers"),
    ],
)
def test_what_is_no_history(history: Any, message: str) -> None:
    for draw in (viz.curves, viz.curves_svg):
        with pytest.raises(TypeError, match=message):
            draw(history)


# -- filters ---------------------------------------------------------------------------------------


def pixels(figure: Any) -> Any:
    return np.ma.compressed(figure.axes[0].get_images()[0].get_array())


@pytest.mark.parametrize(
    ("model", "weight"),
    [
        (m := nn.MLP([9, 4, 2]), m.layers[0].weight),
        (a := nn.Autoencoder(9, 4), a.encoder.weight),
        (s := nn.StackedAutoencoder([9, 4, 3]), s.layers[0].encoder.weight),
        (linear := nn.Linear(9, 1), linear.weight),
    ],
)
def test_the_first_weights_of_a_module(model: Any, weight: Any) -> None:
    of_model, of_weight = viz.filters(model), viz.filters(weight)
    np.testing.assert_array_equal(pixels(of_model), pixels(of_weight))
    assert of_model.axes[0].get_title() == of_weight.axes[0].get_title()


def test_the_first_weights_of_estimators() -> None:
    images = RNG.normal(size=(40, 9))
    ours = MLPClassifier(hidden_layer_sizes=(4,), max_iter=1)
    theirs = TheirClassifier((4,), max_iter=1)
    for model in (ours, theirs):
        with pytest.warns(UserWarning, match="max_iter|Maximum iterations"):
            model.fit(images, Y[:40])
    linear = LogisticRegression().fit(images, RNG.integers(0, 3, 40))
    for model, weight in (
        (ours, ours.model_.layers[0].weight),
        (theirs, theirs.coefs_[0]),
        (linear, linear.coef_.T),
        (LinearRegression().fit(images, Y[:40]), None),
    ):
        drawn = pixels(viz.filters(model))
        if weight is not None:
            np.testing.assert_array_equal(drawn, pixels(viz.filters(weight)))
    assert len(drawn) == 9  # a single unit


def test_inputs_that_make_no_square_are_rows() -> None:
    model = nn.MLP([5, 3])
    axes = viz.filters(model).axes[0]
    laid = axes.get_images()[0].get_array()
    np.testing.assert_array_equal(laid, model.layers[0].weight.data.T)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "1", "2"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("input", "unit")
    assert axes.get_title() == "3 units, 5 inputs each"
    # One input, one unit; and very many units.
    assert viz.filters(nn.Linear(1, 1)).axes[0].get_title() == "1 unit, 1 input each"
    assert len(viz.filters(nn.Linear(3, 1000)).axes[0].get_yticks()) <= 30


def test_models_without_filters() -> None:
    with pytest.raises(ValueError, match="Tanh has no weights"):
        viz.filters(nn.activation("tanh"))
    with pytest.raises(ValueError, match=r"was not fitted; call its fit\(X, y\)"):
        viz.filters(MLPClassifier())
    for wrong in (None, nn.MLP):
        with pytest.raises(TypeError, match="a module or a fitted estimator, not (None|the cla)"):
            viz.filters(wrong)
    with pytest.raises(TypeError, match="not Pipeline; pass the step that holds the weights"):
        viz.filters(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y))
    model = nn.Linear(4, 1)
    model.weight.data = np.full((4, 1), np.nan)
    with pytest.raises(ValueError, match="unit 0 for input 0 is nan"):
        viz.filters(model)


# -- decision_regions and neuron_surface -----------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        SVC(),
        DecisionTreeClassifier(),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
)
@pytest.mark.parametrize("named", [False, True])
def test_regions_of_an_estimator(model: Any, named: bool) -> None:
    words = np.array(["no", "yes"])[Y] if named else Y
    inputs = pd.DataFrame(X, columns=["width", "height"]) if named else X
    model.fit(inputs, words)
    wrong = np.count_nonzero(model.predict(inputs) != words)
    axes = viz.decision_regions(model, inputs, words, resolution=5).axes[0]
    assert axes.get_title() == f"{wrong} of 60 wrong"
    labels = ("width", "height") if named else ("x₁", "x₂")
    assert (axes.get_xlabel(), axes.get_ylabel()) == labels
    # Alone, without any data.
    alone = viz.decision_regions(model, resolution=5, span=(-1, 2))
    assert alone.axes[0].get_xlim() == (-1, 2)
    assert alone.axes[0].get_title() == ""
    told = [text.get_text() for text in alone.legends[0].get_texts()]
    assert told == [f"class {c}" for c in ("no", "yes")[:2]] if named else ["class 0", "class 1"]
    viz.neuron_surface(model, resolution=5)


def test_regions_without_classes_have_dots() -> None:
    figure = viz.decision_regions(nn.MLP([2, 3]), X, resolution=5)
    axes = figure.axes[0]
    dots = axes.collections[-1].get_offsets()
    np.testing.assert_array_equal(dots, X)
    assert "wrong" not in [text.get_text() for text in figure.legends[0].get_texts()]
    # One output, one example, one class.
    one = viz.decision_regions(nn.MLP([2, 1]), X[:1], Y[:1], resolution=5)
    assert one.axes[0].get_title() in ("0 of 1 wrong", "1 of 1 wrong")
    viz.decision_regions(nn.MLP([2, 1]), resolution=5)


def test_surface_of_an_estimator() -> None:
    model = LogisticRegression().fit(X, Y)
    decision = viz.neuron_surface(model, span=(0, 1), resolution=3).axes[0]
    corners = model.decision_function([[0, 0], [0, 1], [1, 0], [1, 1]])
    assert decision.get_zlim() == pytest.approx((corners.min(), corners.max()))
    tree = DecisionTreeClassifier(max_depth=1).fit(X, Y)
    shares = tree.predict_proba([[-5, 0], [5, 0]])[:, 1]
    assert viz.neuron_surface(tree, resolution=3).axes[0].get_zlim() == pytest.approx(shares)
    three = DecisionTreeClassifier().fit(X, RNG.integers(0, 3, len(X)))
    with pytest.raises(ValueError, match="one output at a time"):
        viz.neuron_surface(three, resolution=3)


def test_what_has_no_regions() -> None:
    with pytest.raises(ValueError, match="LogisticRegression was not fitted"):
        viz.decision_regions(LogisticRegression(), X, Y)
    with pytest.raises(ValueError, match="SVC was not fitted"):
        viz.neuron_surface(SVC())
    with pytest.raises(TypeError, match="a module or a fitted estimator, got int"):
        viz.decision_regions(3)
    for draw in (viz.decision_regions, viz.neuron_surface):
        with pytest.raises(TypeError, match="got the class Neuron"):
            draw(nn.Neuron)
        with pytest.raises(ValueError, match="expected 3 features") as caught:
            draw(nn.MLP([3, 1]), resolution=5)
        assert "(drawn over two inputs: called with points of shape (25, 2))" in (
            caught.value.__notes__
        )
    with pytest.raises(ValueError, match="there is no X; pass both"):
        viz.decision_regions(nn.MLP([2, 2]), y=Y)
    with pytest.raises(ValueError, match="X must have shape"):
        viz.decision_regions(nn.MLP([2, 2]), X[:0], Y[:0])


# -- layer_statistics and spread -------------------------------------------------------------------


def test_statistics_of_a_module() -> None:
    model = nn.MLP([2, 3, 2])
    (norms,) = viz.layer_statistics(model).axes
    lengths = [np.linalg.norm(layer.data) for layer in model.weights()]
    np.testing.assert_allclose(norms.get_lines()[0].get_ydata(), lengths)
    assert [label.get_text() for label in norms.get_xticklabels()] == ["layers.0", "layers.2"]
    nn.cross_entropy(model(X), Y).backward()
    both = viz.layer_statistics({"one": model, "same": model}).axes
    assert [axes.get_ylabel() for axes in both] == ["weight norm", "gradient norm"]
    gradients = [np.linalg.norm(layer.grad) for layer in model.weights()]
    np.testing.assert_allclose(both[1].get_lines()[1].get_ydata(), gradients)


def test_statistics_of_a_training_and_of_a_diagnosis() -> None:
    model, watching = nn.MLP([2, 3, 2]), optim.LayerStatistics(every=2)
    optim.fit(model, nn.cross_entropy, (X, Y), "sgd", lr=0.1, epochs=3, callbacks=watching)
    figure = viz.layer_statistics(watching)
    assert {axes.get_xlabel() for axes in figure.axes if axes.get_visible()} == {"update"}
    assert figure.axes[0].get_lines()[0].get_xdata().tolist() == [0, 2, 4, 6]
    diagnosis = optim.diagnose(model, X, Y, steps=3)
    together = viz.layer_statistics(
        {"training": watching, "by heart": diagnosis}, statistics="gradient norm"
    )
    assert [axes.get_title() for axes in together.axes] == ["training", "by heart"]
    assert together.axes[1].get_lines()[0].get_xdata()[0] == 1
    with pytest.raises(ValueError, match="nothing to draw"):
        viz.layer_statistics(optim.LayerStatistics())
    with pytest.raises(ValueError, match="Tanh has no weights"):
        viz.layer_statistics(nn.activation("tanh"))
    with pytest.raises(TypeError, match=r"or what optim\.diagnose returned"):
        viz.layer_statistics(3)


def test_histories_spread() -> None:
    one = optim.History({"training loss": [2.0, 1.0], "validation loss": [2.5, 1.5]})
    other = optim.History({"training loss": [4.0, 3.0], "validation loss": [4.5, 3.5]})
    axes = viz.spread([one, other]).axes[0]
    assert axes.get_ylabel() == "validation loss"
    assert axes.get_lines()[-1].get_ydata().tolist() == [3.5, 2.5]
    assert legend(axes) == ["mean ± 1 std. dev. of 2 runs"]
    chosen = viz.spread({"a": [one], "b": [other]}, quantity="training loss").axes[0]
    assert chosen.get_lines()[-1].get_ydata().tolist() == [4.0, 3.0]
    assert chosen.get_ylabel() == "training loss"
    with pytest.raises(ValueError, match="'accuracy'; choose a quantity of 'training loss'"):
        viz.spread([one], quantity="accuracy")
    with pytest.raises(TypeError, match="maps names to lists of runs, or is a list"):
        viz.spread(3)
    with pytest.raises(ValueError, match="not every run has a loss; all are empty"):
        viz.spread([optim.History()])


# -- colours ---------------------------------------------------------------------------------------

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
DEFICIENCIES = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
         [0.004733, 0.691367, 0.303900]]
    ),
}  # fmt: skip


def lab(colour: Any, deficiency: str) -> Any:
    """CIE L*a*b* of a colour as it is seen."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(DEFICIENCIES[deficiency] @ linear, 0, 1)
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = to_xyz @ seen / [0.9505, 1.0, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def least_difference(colours: Any, deficiency: str) -> float:
    points = [lab(colour, deficiency) for colour in colours]
    pairs = [(i, j) for i in range(len(points)) for j in range(i)]
    return min(float(np.linalg.norm(points[i] - points[j])) for i, j in pairs)


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_colours_are_told_apart_by_colour_blind_people(deficiency: str) -> None:
    # About 2.3 can just be noticed. Curves have dashes, points markers and regions borders besides.
    assert least_difference(PALETTE, deficiency) > 10
    regions = [[0.38 * c + 0.62 for c in to_rgb(colour)] for colour in PALETTE]
    assert least_difference(regions, deficiency) > 4


@pytest.mark.parametrize("deficiency", ["protanopia", "deuteranopia"])
def test_the_usual_colours_would_be_refused(deficiency: str) -> None:
    usual = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728"]
    assert least_difference(usual, "none") > 10 > least_difference(usual, deficiency)
    assert least_difference(["#ffffff", "#000000"], deficiency) == pytest.approx(100, abs=0.1)
