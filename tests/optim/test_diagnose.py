"""A diagnosis names the illness that was planted, and finds nothing wrong with what is healthy."""

from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
import optim
from optim.diagnosis.signals import layer_names, watch

datasets = pytest.importorskip("sklearn.datasets")


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def digits() -> tuple[Any, Any]:
    X, y = datasets.load_digits(return_X_y=True)
    order = generator().permutation(len(X))  # they come in the order 0 to 9, over and over
    return optim.Standardize().fit_transform(X)[order], y[order]


@pytest.fixture(scope="module")
def diabetes() -> tuple[Any, Any]:
    X, y = datasets.load_diabetes(return_X_y=True)
    return optim.Standardize().fit_transform(X), ((y - y.mean()) / y.std())[:, None]


def mlp(activation: str = "relu", sizes: Any = (64, 32, 10), **options: Any) -> nn.MLP:
    return nn.MLP(sizes, activation, rng=generator(1), **options)


def kinds(diagnosis: optim.Diagnosis) -> list[str]:
    return [finding.kind for finding in diagnosis.findings]


# -- nothing wrong --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("lr", [None, 0.003])
def test_a_healthy_network_has_no_findings(
    digits: Any, activation: str, dtype: str, lr: float | None
) -> None:
    diagnosis = optim.diagnose(mlp(activation, dtype=dtype), *digits, lr=lr)
    assert diagnosis.findings == ()
    assert diagnosis.fitted
    assert diagnosis.accuracy == 1.0
    assert "nothing looks wrong" in str(diagnosis)
    assert "50 of 1797 examples in one batch, by Adam" in str(diagnosis)


@pytest.mark.parametrize("seed", range(3))
def test_nor_does_another_draw_of_it(digits: Any, seed: int) -> None:
    model = nn.MLP([64, 50, 50, 10], "relu", rng=generator(seed))
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    diagnosis = optim.diagnose(model, *digits, optimizer=optimizer, rng=generator(seed))
    assert diagnosis.findings == ()
    assert "SGD with lr=0.05" in diagnosis.training


def test_nor_a_regression(diabetes: Any) -> None:
    diagnosis = optim.diagnose(mlp(sizes=(10, 32, 1)), *diabetes)
    assert diagnosis.findings == ()
    assert diagnosis.fitted
    assert diagnosis.accuracy is None


@pytest.mark.parametrize(
    "options", [{"batch_norm": True}, {"layer_norm": True}, {"dropout": 0.5}], ids=str
)
def test_nor_one_with_other_layers(digits: Any, options: dict[str, Any]) -> None:
    assert optim.diagnose(mlp("relu", (64, 32, 32, 10), **options), *digits).findings == ()


def test_batch_normalisation_cures_depth(digits: Any) -> None:
    sizes = [64, *[16] * 6, 10]
    ill = kinds(optim.diagnose(mlp("sigmoid", sizes), *digits, steps=5))
    assert ill[:2] == ["vanishing signals", "vanishing gradients"]
    cured = optim.diagnose(mlp("sigmoid", sizes, batch_norm=True), *digits)
    assert cured.findings == ()


def test_nor_an_autoencoder_or_a_neuron(digits: Any) -> None:
    X, y = digits
    coder = nn.DenoisingAutoencoder(64, 30, output="linear", rng=generator())
    assert optim.diagnose(coder, X, loss=coder.loss).findings == ()
    neuron = nn.Neuron(64, rng=generator())
    right = (y > 4).astype(float)
    assert optim.diagnose(neuron, X, right, nn.binary_cross_entropy).findings == ()


def test_nor_one_hot_rows_and_numbers_of_entries(digits: Any) -> None:
    X, y = digits
    assert optim.diagnose(mlp(), X, optim.one_hot(y, 10)).findings == ()
    words = generator().integers(0, 50, (300, 4))
    model = nn.Sequential(
        nn.Embedding(50, 8, rng=generator()), nn.Flatten(), nn.Linear(32, 2, rng=generator())
    )
    assert optim.diagnose(model, words, (words[:, 0] > 25).astype(int)).findings == ()


def test_nor_what_its_own_losses_are_for(digits: Any) -> None:
    X, y = digits
    assert optim.diagnose(mlp(), X, y, nn.cross_entropy).findings == ()

    class Coder(nn.Module):
        def __init__(self) -> None:
            self.weight = nn.Parameter(generator().normal(0, 0.1, (64, 20)))

        def forward(self, x: Any) -> Any:
            return ag.tanh(x @ self.weight) @ self.weight.T

        def loss(self, output: Any, x: Any) -> Any:
            # Of the model itself, so that the copy's own weight is meant.
            return ag.mean((output - x) ** 2) + 1e-3 * ag.sum(self.weight**2)

    class Shrinking(Coder):
        def loss(self, output: Any, x: Any) -> Any:
            return ag.sum(self.weight**2) + 0.0 * ag.sum(output)

    model = Shrinking()
    assert optim.diagnose(model, X, loss=model.loss).losses[-1] < 1.0
    model = Coder()
    diagnosis = optim.diagnose(model, X, loss=model.loss)
    assert diagnosis.findings == ()
    assert diagnosis.losses[-1] < 0.5 * diagnosis.losses[0]
    assert list(diagnosis.layers) == ["weight"]


# -- what is measured, against what it is said to be ----------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_seen_of_a_layer_is_what_the_formulas_say(dtype: str) -> None:
    rng = generator(3)
    model = nn.MLP([3, 4, 2], "tanh", rng=rng, dtype=dtype)
    x, target = rng.normal(size=(7, 3)).astype(dtype), rng.normal(size=(7, 2)).astype(dtype)

    def loss(output: Any, t: Any) -> Any:
        return ag.sum((output - t) ** 2)

    seen = watch(model, loss, x, target, layer_names(model.named_parameters()))
    W1, b1, W2, b2 = (p.data for p in model.parameters())
    a1 = x @ W1
    h = np.tanh(a1 + b1)
    a2 = h @ W2
    g2 = 2 * (a2 + b2 - target)
    g1 = (g2 @ W2.T) * (1 - h * h)
    first, second = seen.layers.values()
    assert list(seen.layers) == ["layers.0", "layers.2"]
    assert seen.loss == pytest.approx(np.sum((a2 + b2 - target) ** 2), rel=1e-5)
    for layer, a, g in ((first, a1, g1), (second, a2, g2)):
        assert layer.deviation == pytest.approx(np.sqrt(a.var(axis=0).mean()), rel=1e-5)
        assert layer.gradient == pytest.approx(np.sqrt((g * g).mean()), rel=1e-4)
    wanted = (x.T @ g1, g1.sum(0), h.T @ g2, g2.sum(0))
    for parameter, gradient in zip(model.parameters(), wanted, strict=True):
        assert seen.gradients[parameter] == pytest.approx(gradient, rel=1e-3, abs=1e-5)
    assert (first.saturated, first.dead, second.saturated) == (0.0, None, None)


@pytest.mark.parametrize(
    ("function", "a", "kind", "share"),
    [
        (ag.sigmoid, [[-9.0, 0.0, 9.0, 1.0]], "saturated", 0.5),
        (ag.tanh, [[-9.0, 0.0, 9.0, 1.0]], "saturated", 0.5),
        (ag.relu, [[-1.0, 1.0, -1.0, -1.0], [-1.0, -1.0, 1.0, -1.0]], "dead", 0.5),
        (lambda a: np.maximum(a, 0.0), [[-1.0, 1.0], [-1.0, -1.0]], "dead", 0.5),
        (lambda a: np.maximum(a, 0.01 * a), [[-1.0, 1.0], [-1.0, -1.0]], "dead", None),
    ],
)
def test_flat_units_are_counted(function: Any, a: Any, kind: str, share: float | None) -> None:
    weight = ag.Tensor(np.array(a), requires_grad=True)
    x = np.eye(len(a))
    seen = watch(lambda x: function(x @ weight), lambda h, _: ag.sum(h), x, None, {weight: "W"})
    assert getattr(seen.layers["W"], kind) == share


def test_statistics_come_with_every_step(digits: Any) -> None:
    diagnosis = optim.diagnose(mlp("sigmoid"), *digits, optimizer="sgd", lr=0.5, steps=7)
    assert list(diagnosis.layers) == ["layers.0", "layers.2"]
    assert len(diagnosis.losses) == 8
    assert set(diagnosis.layers["layers.0"]) == {
        "pre-activation deviation",
        "pre-activation gradient",
        "gradient norm",
        "update to weight",
        "saturated",
    }
    assert all(len(of) == 7 for layer in diagnosis.layers.values() for of in layer.values())
    # SGD moves a weight by its rate times the gradient.
    of, norm = diagnosis.layers["layers.0"], np.linalg.norm(mlp("sigmoid").layers[0].weight.data)
    assert of["update to weight"][0] == pytest.approx(0.5 * of["gradient norm"][0] / norm)


def test_a_picture_can_be_drawn_of_them(digits: Any) -> None:
    viz = pytest.importorskip("viz")
    pytest.importorskip("matplotlib")
    diagnosis = optim.diagnose(mlp("sigmoid"), *digits, steps=5)
    drawn = [
        axes.get_ylabel().split(" (")[0] for axes in viz.layer_statistics(diagnosis.layers).axes
    ]
    assert set(diagnosis.layers["layers.0"]) <= set(drawn)


# -- nothing is changed ---------------------------------------------------------------------------


class Drawing(nn.Module):
    """Draws from two generators, counts its calls and averages what it sees."""

    def __init__(self) -> None:
        self.linear = nn.Linear(64, 10, rng=generator())
        self.rng = generator(5)
        self.mean = nn.Buffer(np.zeros(64))

    def forward(self, x: Any) -> Any:
        self.mean._swap(self.mean.data + np.mean(x, axis=0))
        self.rng.random()
        ag.random_generator().random()
        return self.linear(x)


@pytest.mark.parametrize("training", [True, False])
def test_the_model_and_the_generators_stay_what_they_are(digits: Any, training: bool) -> None:
    model = nn.Sequential(Drawing()).train(training)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    ag.sum(model(digits[0][:5])).backward()
    gradients = [p.grad for p in model.parameters()]
    before, state = model.state_dict(), str(optimizer.state_dict())
    own, context = (str(g.bit_generator.state) for g in (model[0].rng, ag.random_generator()))
    optim.diagnose(model, *digits, optimizer=optimizer)
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is g for p, g in zip(model.parameters(), gradients, strict=True))
    assert [m.training for m in model.modules()] == [training] * 3
    assert str(optimizer.state_dict()) == state
    assert str(model[0].rng.bit_generator.state) == own
    assert str(ag.random_generator().bit_generator.state) == context


def test_the_same_is_found_again(digits: Any) -> None:
    ag.seed(3)
    one = optim.diagnose(mlp(), *digits, steps=10)
    ag.seed(4)
    assert optim.diagnose(mlp(), *digits, steps=10).losses == one.losses


def test_what_draws_at_random_is_still(digits: Any) -> None:
    class Noise(nn.Module):
        rng = None

        def forward(self, x: Any) -> Any:
            return x * 0.0 if self.training else x

    model = nn.Sequential(nn.Linear(64, 10, rng=generator()), Noise())
    assert optim.diagnose(model, *digits).findings == ()


# -- planted illnesses ----------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_huge_weights_saturate(digits: Any, activation: str) -> None:
    model = mlp(activation, (64, 32, 32, 10))
    model.layers[2].weight.data = model.layers[2].weight.data * 300
    diagnosis = optim.diagnose(model, *digits)
    (finding,) = [f for f in diagnosis.findings if f.kind == "saturated units"]
    assert finding.where == "layers.2"
    assert f"of the outputs of {activation} are at its ends" in finding.seen
    assert "glorot" in finding.remedy
    assert diagnosis.layers["layers.2"]["saturated"][0] > 0.8
    assert diagnosis.layers["layers.0"]["saturated"][0] < 0.1


@pytest.mark.parametrize("share", [1.0, 0.75])
def test_biases_far_below_zero_make_dead_units(digits: Any, share: float) -> None:
    model = mlp()
    bias = np.zeros(32)
    bias[: int(32 * share)] = -100.0
    model.layers[0].bias.data = bias
    diagnosis = optim.diagnose(model, *digits)
    assert kinds(diagnosis)[0] == "dead units"
    assert diagnosis.findings[0].where == "layers.0"
    assert f"{share:.0%} of the relu units" in diagnosis.findings[0].seen
    assert diagnosis.layers["layers.0"]["dead units"][0] == pytest.approx(share, abs=0.1)


def test_signals_and_gradients_vanish_in_depth(digits: Any) -> None:
    model = mlp("sigmoid", [64, *[16] * 20, 10])
    for weight in model.weights():
        weight.data = weight.data * 0.3
    diagnosis = optim.diagnose(model, *digits, steps=20)
    assert kinds(diagnosis)[:2] == ["vanishing signals", "vanishing gradients"]
    assert diagnosis.findings[1].where == "layers.0"
    assert "few examples not learnt" in kinds(diagnosis)
    gradients = [of["gradient norm"][0] for of in diagnosis.layers.values()]
    assert gradients == sorted(gradients)


def test_signals_and_gradients_explode_in_depth(digits: Any) -> None:
    model = mlp("relu", [64, *[32] * 10, 10])
    for weight in model.weights():
        weight.data = weight.data * 6
    found = kinds(optim.diagnose(model, *digits, steps=20))
    assert found[:2] == ["exploding signals", "exploding gradients"]


def test_depth_alone_is_no_illness(digits: Any) -> None:
    model = nn.MLP([64, *[32] * 6, 10], "relu", rng=generator(0))
    assert optim.diagnose(model, *digits, lr=1e-3).findings == ()


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
@pytest.mark.parametrize("lr", [1e-8, 1e3])
def test_rates_far_off_are_told_from_good_ones(digits: Any, optimizer: str, lr: float) -> None:
    diagnosis = optim.diagnose(mlp(), *digits, optimizer=optimizer, lr=lr, steps=60)
    what = "low" if lr < 1 else "high"
    (finding,) = diagnosis.findings if what == "low" else diagnosis.findings[-1:]
    assert finding.kind == f"learning rate too {what}"
    assert f"lr={lr:g}" in finding.seen
    # What it advises is no illness in its turn.
    better = float(finding.remedy.split(",")[0].removeprefix("lr="))
    assert 1e-4 < better < 1.01
    assert optim.diagnose(mlp(), *digits, optimizer=optimizer, lr=better).findings == ()


def test_the_rate_of_an_optimizer_is_judged_with_all_its_groups(digits: Any) -> None:
    model = mlp()
    groups = [{"params": [p], "lr": 1e-9 * k} for k, p in enumerate(model.parameters(), start=1)]
    diagnosis = optim.diagnose(model, *digits, optimizer=optim.SGD(groups, lr=1.0), steps=80)
    assert kinds(diagnosis) == ["learning rate too low"]
    better = optim.SGD(groups, lr=1.0)
    assert optim.diagnose(model, *digits, optimizer=better, lr=0.1).findings == ()


def test_a_rate_that_nobody_chose_is_not_blamed(digits: Any) -> None:
    assert "learning rate too low" not in kinds(
        optim.diagnose(mlp(), *digits, optimizer="adadelta", steps=50)
    )


def test_units_that_start_equal(digits: Any) -> None:
    model = mlp("tanh")
    for weight in model.weights():
        weight.data = np.full(weight.shape, 0.1)
    diagnosis = optim.diagnose(model, *digits)
    assert kinds(diagnosis)[0] == "units that start equal"
    assert diagnosis.findings[0].where == "layers.0"
    # Zeros in the output layer alone are usual.
    model = mlp("tanh")
    model.layers[2].weight.data = np.zeros((32, 10))
    assert "units that start equal" not in kinds(optim.diagnose(model, *digits))


def test_parameters_that_no_gradient_reaches(digits: Any) -> None:
    class Lost(nn.Module):
        def __init__(self) -> None:
            self.first = nn.Linear(64, 32, rng=generator())
            self.last = nn.Linear(32, 10, rng=generator())
            self.scale = nn.Parameter(1.0)

        def forward(self, x: Any) -> Any:
            return self.last(ag.relu(self.first(x).detach()))

    diagnosis = optim.diagnose(Lost(), *digits)
    (finding,) = [f for f in diagnosis.findings if f.kind == "parameters without a gradient"]
    assert finding.where == "scale, first.weight, first.bias"
    model = Lost()
    model.first.freeze()
    model.scale.requires_grad_(False)
    assert "parameters without a gradient" not in kinds(optim.diagnose(model, *digits))


def test_a_loss_that_overflows_at_once_is_not_trained_on(digits: Any) -> None:
    model = mlp()
    for weight in model.weights():
        weight.data = weight.data * 1e200
    diagnosis = optim.diagnose(model, *digits)
    assert "loss not finite" in kinds(diagnosis)
    assert diagnosis.losses == []
    assert "Not trained: the loss is not finite" in str(diagnosis)


def test_a_model_without_the_means_cannot_learn_by_heart(digits: Any) -> None:
    diagnosis = optim.diagnose(mlp(sizes=(64, 1, 10)), *digits, steps=60)
    assert kinds(diagnosis)[-1] == "few examples not learnt"
    assert diagnosis.fitted is False
    assert "more units" in diagnosis.findings[-1].remedy


# -- data -----------------------------------------------------------------------------------------


def test_shifted_labels(digits: Any) -> None:
    X, y = digits
    diagnosis = optim.diagnose(mlp(), X, y + 1)
    assert kinds(diagnosis) == ["shifted labels"]
    assert diagnosis.findings[0].seen == ("labels go from 1 to 10, and 10 outputs stand for 0 to 9")
    assert diagnosis.findings[0].remedy.startswith("y - 1, ")
    # The rest is looked at as if they were right.
    assert diagnosis.accuracy == 1.0
    assert optim.diagnose(mlp(), X, y).losses == diagnosis.losses
    assert kinds(optim.diagnose(mlp(), X, y - 5, nn.cross_entropy)) == ["shifted labels"]


def test_labels_that_no_output_stands_for(digits: Any) -> None:
    diagnosis = optim.diagnose(mlp(sizes=(64, 32, 5)), *digits)
    assert kinds(diagnosis) == ["labels out of range"]
    assert "10 outputs" in diagnosis.findings[0].remedy
    assert "Not trained" in str(diagnosis)


@pytest.mark.parametrize("value", [0, 3, 10])
def test_constant_labels(digits: Any, value: int) -> None:
    X, y = digits
    diagnosis = optim.diagnose(mlp(), X, np.full_like(y, value))
    assert kinds(diagnosis) == ["constant targets"]
    assert f"every label is {value}" in diagnosis.findings[0].seen


def test_missing_classes(digits: Any) -> None:
    X, y = digits
    some = (y != 4) & (y != 7)
    diagnosis = optim.diagnose(mlp(), X[some], y[some])
    assert kinds(diagnosis) == ["missing classes"]
    assert "classes 4, 7 of 10 do not occur" in diagnosis.findings[0].seen
    diagnosis = optim.diagnose(mlp(sizes=(64, 32, 11)), X, y + 1)
    assert kinds(diagnosis) == ["missing class"]
    assert "if labels start at 1, use y - 1" in diagnosis.findings[0].remedy
    # Few examples may miss a class by chance.
    assert optim.diagnose(mlp(), X[some][:60], y[some][:60]).findings == ()


def test_shuffled_labels(digits: Any) -> None:
    X, y = digits
    diagnosis = optim.diagnose(mlp(), X, generator().permutation(y))
    assert kinds(diagnosis) == ["targets unrelated to inputs"]
    assert "same order" in diagnosis.findings[0].remedy


@pytest.mark.parametrize("slip", [1, -3])
def test_labels_some_rows_out_of_step(digits: Any, slip: int) -> None:
    X, y = digits
    diagnosis = optim.diagnose(mlp(), X, np.roll(y, slip))
    assert kinds(diagnosis) == ["targets unrelated to inputs"]
    finding = diagnosis.findings[0]
    assert f"beside row i {'+' if slip > 0 else '-'} {abs(slip)} of y it is 9" in finding.seen
    assert f"{abs(slip)} row" in finding.remedy


def test_targets_of_a_regression_in_another_order(diabetes: Any) -> None:
    X, y = diabetes
    found = kinds(optim.diagnose(mlp(sizes=(10, 64, 1)), X, generator().permutation(y)))
    assert "targets unrelated to inputs" in found


def test_labels_of_every_place_in_a_sequence() -> None:
    words = generator().integers(0, 20, (300, 5))
    model = nn.Sequential(nn.Embedding(20, 16, rng=generator()), nn.Linear(16, 4, rng=generator()))
    diagnosis = optim.diagnose(model, words, words % 4, nn.cross_entropy)
    assert diagnosis.findings == ()
    assert kinds(optim.diagnose(model, words, words % 4 + 1, nn.cross_entropy)) == [
        "shifted labels"
    ]


def test_contradictory_labels(digits: Any) -> None:
    X, y = digits
    twice, labels = np.concatenate([X, X]), np.concatenate([y, (y + 1) % 10])
    assert "contradictory labels" in kinds(optim.diagnose(mlp(), twice, labels))


@pytest.mark.parametrize("scale", [100.0, 1e-4])
def test_inputs_that_are_not_standardized(digits: Any, scale: float) -> None:
    X, y = digits
    diagnosis = optim.diagnose(mlp(), X * scale, y)
    assert kinds(diagnosis)[0] == "inputs not standardized"
    assert "Standardize" in diagnosis.findings[0].remedy


def test_one_column_that_is_far_off_is_named(digits: Any) -> None:
    X, y = digits
    far = X.copy()
    far[:, 20] += 1000.0
    diagnosis = optim.diagnose(mlp(), far, y)
    assert "column 20 has mean 1e+03 and deviation 1" in diagnosis.findings[0].seen


def test_inputs_that_are_all_the_same(digits: Any) -> None:
    X, y = digits
    assert kinds(optim.diagnose(mlp(), np.ones_like(X), y))[0] == "constant inputs"


def test_targets_that_are_not_standardized(diabetes: Any) -> None:
    X, y = diabetes
    found = kinds(optim.diagnose(mlp(sizes=(10, 64, 1)), X, 152 + 77 * y))
    assert "targets not standardized" in found


def test_shapes_that_broadcast(diabetes: Any) -> None:
    X, y = diabetes
    diagnosis = optim.diagnose(mlp(sizes=(10, 64, 1)), X, y[:, 0])
    assert kinds(diagnosis) == ["shapes that broadcast"]
    assert diagnosis.fitted


def test_labels_as_floats(digits: Any) -> None:
    X, y = digits

    def loss(output: Any, labels: Any) -> Any:
        return nn.cross_entropy(output, labels.astype(int))

    for given in (loss, None):
        diagnosis = optim.diagnose(mlp(), X, y.astype(float), given)
        assert kinds(diagnosis) == ["labels that are no integers"]
        assert diagnosis.losses[-1] < 0.1


# -- bad input ------------------------------------------------------------------------------------


def test_bad_input_is_refused(digits: Any) -> None:
    X, y = digits
    model = mlp()
    bad = X.copy()
    bad[3, 5] = np.nan
    with pytest.raises(ValueError, match="diagnose: X has nan in row 3, column 5"):
        optim.diagnose(model, bad, y)
    with pytest.raises(ValueError, match="X has 1797 rows and y has 10"):
        optim.diagnose(model, X, y[:10])
    with pytest.raises(ValueError, match=r"X must have rows, and has shape \(0, 64\)"):
        optim.diagnose(model, X[:0], y[:0])
    with pytest.raises(TypeError, match="y must hold numbers, not <U.*np.unique"):
        optim.diagnose(model, X, y.astype(str))
    with pytest.raises(ValueError, match="examples must be a whole number from 1 up, not 0"):
        optim.diagnose(model, X, y, examples=0)
    with pytest.raises(ValueError, match="expected 64 features"):
        optim.diagnose(model, X[:, :3], y)
    with pytest.raises(ValueError, match=r"outputs of shape .* for targets of shape"):
        optim.diagnose(mlp(sizes=(64, 3)), X, X[:, :2])
    with pytest.raises(ValueError, match="no parameter that requires a gradient"):
        optim.diagnose(mlp().freeze(), X, y)
    with pytest.raises(ValueError, match="parameters that are not the model's"):
        optim.diagnose(model, X, y, optimizer=optim.SGD(mlp().parameters(), lr=0.1))
    with pytest.raises(TypeError, match=r"optimizer is an optimizer or the name.*lr=\.\.\."):
        optim.diagnose(model, X, y, optimizer=0.1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="unknown optimizer 'adan'.*adam"):
        optim.diagnose(model, X, y, optimizer="adan")
    with pytest.raises(TypeError, match="rng must be a NumPy Generator, not 3"):
        optim.diagnose(model, X, y, rng=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must return one number as a tensor"):
        optim.diagnose(model, X, y, lambda output, y: output)
    with pytest.raises(ValueError, match="no gradient reaches the parameters"):
        optim.diagnose(model, X, y, lambda output, y: ag.sum(output.detach()))
    with pytest.raises(TypeError, match="the model is an nn.Module, not function"):
        optim.diagnose(lambda x: x, X, y)  # type: ignore[arg-type]


class Pair(nn.Module):
    """Returns its output and what it came from."""

    def __init__(self) -> None:
        self.linear = nn.Linear(64, 10, rng=generator())

    def forward(self, x: Any) -> Any:
        return self.linear(x), x


def test_a_model_may_return_several_things(digits: Any) -> None:
    diagnosis = optim.diagnose(Pair(), *digits, lambda both, y: nn.cross_entropy(both[0], y))
    assert diagnosis.findings == ()
    assert diagnosis.accuracy is None
    assert diagnosis.losses[-1] < 0.1 * diagnosis.losses[0]
    with pytest.raises(TypeError, match="output is an object of type tuple: give a loss"):
        optim.diagnose(Pair(), *digits)


def test_a_rate_that_a_schedule_took_to_zero(digits: Any) -> None:
    model = mlp()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    optimizer.lr = 0.0
    (finding,) = optim.diagnose(model, *digits, optimizer=optimizer).findings
    assert finding.kind == "learning rate too low"
    assert optim.diagnose(model, *digits, optimizer=optimizer, lr=0.01).findings == ()
    assert optimizer.lr == 0.0


def test_one_example_is_no_constant(digits: Any) -> None:
    X, y = digits
    assert optim.diagnose(mlp(), X[:1], y[:1]).findings == ()
    assert optim.diagnose(mlp(sizes=(64, 16, 1)), X[:1], np.ones((1, 1))).findings == ()


def test_labels_of_two_signs(digits: Any) -> None:
    X, y = digits
    (finding,) = optim.diagnose(mlp(sizes=(64, 16, 2)), X, np.where(y > 4, 1, -1)).findings
    assert finding.kind == "labels out of range"
    assert finding.remedy.startswith("np.unique(y, return_inverse=True)[1] counts from 0")


def test_what_the_errors_hint_at(digits: Any) -> None:
    X, y = digits
    with pytest.raises(ValueError, match=r"if they are labels, give them as y\.ravel\(\)"):
        optim.diagnose(mlp(), X, y[:, None])
    with pytest.raises(TypeError, match="loss is a function of output and target.*not 'mse'"):
        optim.diagnose(mlp(), X, y, "mse")  # type: ignore[arg-type]


def test_a_slow_rate_that_does_not_get_there_is_told(digits: Any) -> None:
    diagnosis = optim.diagnose(mlp(sizes=(64, 32, 32, 10)), *digits, optimizer="sgd", lr=0.01)
    assert diagnosis.fitted is False
    (finding,) = diagnosis.findings
    assert finding.kind == "few examples not learnt"
    assert finding.remedy == "more steps, or lr=0.1"
    assert "nothing looks wrong" not in str(diagnosis)
