"""Estimators with scikit-learn's interface: its checks, its searches, its network's numbers."""

import os
import pickle
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import clone
from sklearn.datasets import load_digits, make_regression
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.neural_network import MLPRegressor as TheirRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import nn
import optim
from nn.estimators import AutoencoderTransformer, MLPClassifier, MLPRegressor

few_epochs = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
DIGITS, LABELS = load_digits(return_X_y=True)
X, y = DIGITS[:300] / 16, LABELS[:300]


@few_epochs
@parametrize_with_checks(
    [
        MLPClassifier(max_iter=60),
        MLPRegressor(max_iter=60, learning_rate_init=0.005),
        AutoencoderTransformer(max_iter=10),
    ]
)
def test_checks_of_scikit_learn(
    estimator: Any, check: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without it one of the checks is skipped.
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)


@pytest.mark.slow
@few_epochs
@parametrize_with_checks(
    [
        MLPClassifier(),
        MLPClassifier(solver="sgd", learning_rate="adaptive", learning_rate_init=0.05),
        MLPClassifier(solver="rmsprop", activation="tanh"),
        MLPRegressor(),
        MLPRegressor("huber", (20, 20), "elu", solver="adamw", learning_rate=optim.Cosine(200)),
        AutoencoderTransformer(),
        AutoencoderTransformer(8, "relu", tied=False),
    ]
)
def test_checks_of_scikit_learn_for_other_settings(
    estimator: Any, check: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)


@pytest.mark.slow
def test_the_check_that_scipys_array_api_switch_skips() -> None:
    code = (
        "import warnings; warnings.simplefilter('ignore')\n"
        "from sklearn.utils.estimator_checks import check_estimator\n"
        "from nn.estimators import *\n"
        "for e in (MLPClassifier(), MLPRegressor(), AutoencoderTransformer()):\n"
        "    assert {r['status'] for r in check_estimator(e)} == {'passed'}\n"
    )
    environment = {**os.environ, "SCIPY_ARRAY_API": "1", "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


# -- importing --------------------------------------------------------------------------------


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_nn_does_not_import_scikit_learn() -> None:
    done = run("import sys, nn; sys.exit('sklearn' in sys.modules)")
    assert done.returncode == 0, done.stderr


def test_without_scikit_learn_the_extra_is_named() -> None:
    done = run("import sys; sys.modules['sklearn'] = None\nimport nn\nimport nn.estimators")
    assert "ImportError: nn.estimators needs scikit-learn: pip install" in done.stderr
    assert "autograd-core[sklearn]" in done.stderr


# -- the same numbers as scikit-learn's networks ------------------------------------------------


def start_alike(ours: Any, theirs: Any) -> None:
    """Give the network the initial parameters of scikit-learn's, which both then train from."""
    build = type(ours)._build

    def same(self: Any, X: Any, y: Any, rng: Any) -> nn.Module:
        model = build(self, X, y, rng)
        state = {}
        for k, (weight, bias) in enumerate(zip(theirs.coefs_, theirs.intercepts_, strict=True)):
            state[f"layers.{2 * k}.weight"], state[f"layers.{2 * k}.bias"] = weight, bias
        model.load_state_dict(state)
        return model

    ours._build = same.__get__(ours)


def initial(theirs: Any, X: Any, y: Any) -> Any:
    """Scikit-learn's network before its first step."""
    with warnings.catch_warnings(action="ignore"):
        still = clone(theirs).set_params(max_iter=1, learning_rate_init=1e-300, alpha=0.0)
        return still.fit(X, y)


SGD: dict[str, Any] = {"solver": "sgd", "learning_rate_init": 0.1}
SETTINGS: list[dict[str, Any]] = [
    SGD | {"alpha": 0.5},
    SGD | {"nesterovs_momentum": False, "alpha": 0.0},
    # Momentum 0, for their velocity remembers the rates of the steps that made it.
    SGD | {"momentum": 0.0, "learning_rate": "invscaling", "power_t": 0.2},
    SGD | {"momentum": 0.0, "learning_rate": "adaptive", "tol": 0.03, "activation": "logistic"},
    {"solver": "adam", "learning_rate_init": 0.01, "alpha": 0.5, "epsilon": 1e-16},
    {"solver": "adam", "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-16, "activation": "relu"},
]


@few_epochs
@pytest.mark.parametrize("settings", SETTINGS)
def test_classifier_trains_to_the_parameters_of_scikit_learns(settings: dict[str, Any]) -> None:
    # Three classes, since its two are one output; batches of all, since each draws its own.
    chosen = y < 3
    X3, y3 = X[chosen], y[chosen]
    common: dict[str, Any] = {
        "hidden_layer_sizes": (7, 5), "activation": "tanh", "batch_size": len(X3),
        "max_iter": 30, "shuffle": False, "n_iter_no_change": 3, "random_state": 0,
    } | settings  # fmt: skip
    theirs, ours = TheirClassifier(**common), MLPClassifier(**common)
    start_alike(ours, initial(theirs, X3, y3))
    theirs.fit(X3, y3)
    ours.fit(X3, y3)
    assert ours.n_iter_ == theirs.n_iter_
    np.testing.assert_allclose(ours.predict_proba(X3), theirs.predict_proba(X3), atol=1e-8)
    if not common.get("alpha", 1):  # its curve includes the penalty
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-7)
    np.testing.assert_allclose(
        ours.predict_log_proba(X3), theirs.predict_log_proba(X3), rtol=1e-5, atol=1e-7
    )


@few_epochs
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_regressor_trains_to_the_parameters_of_scikit_learns(outputs: int, weighted: bool) -> None:
    Xr, yr = make_regression(40, 5, n_targets=outputs, random_state=0)
    yr = yr / 100
    weight = np.random.default_rng(0).uniform(0.5, 2.0, 40) if weighted else None
    common: dict[str, Any] = {
        "hidden_layer_sizes": 6, "activation": "tanh", "batch_size": 40, "max_iter": 40,
        "shuffle": False, "alpha": 0.3, "learning_rate_init": 0.01, "random_state": 0,
        "epsilon": 1e-16,
    }  # fmt: skip
    theirs, ours = TheirRegressor(**common), MLPRegressor(**common)
    start_alike(ours, initial(theirs, Xr, yr))
    theirs.fit(Xr, yr, sample_weight=weight)
    ours.fit(Xr, yr, sample_weight=weight)
    np.testing.assert_allclose(ours.predict(Xr), theirs.predict(Xr), rtol=1e-6, atol=1e-8)
    assert ours.predict(Xr).shape == yr.shape


# -- what they learn and keep -----------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_is_kept(dtype: str) -> None:
    net = MLPClassifier((8,), max_iter=3, tol=9.0, n_iter_no_change=1).fit(X.astype(dtype), y)
    assert {p.dtype for p in net.model_.parameters()} == {np.dtype(dtype)}
    assert net.predict_proba(X.astype(dtype)).dtype == dtype
    coder = AutoencoderTransformer(4, tol=9.0, n_iter_no_change=1).fit(X.astype(dtype))
    assert coder.transform(X.astype(dtype)).dtype == dtype


def test_labels_may_be_words() -> None:
    words = np.array(["nought", "one", "two"])
    chosen = y < 3
    net = MLPClassifier((16,), learning_rate_init=0.01, random_state=0, tol=0.01)
    net.fit(X[chosen], words[y[chosen]])
    assert list(net.classes_) == ["nought", "one", "two"]
    assert net.score(X[chosen], words[y[chosen]]) > 0.95


@few_epochs
@pytest.mark.parametrize(
    "rate",
    [
        {"learning_rate": "invscaling"},
        # Whose rate is not the one before times a constant, so that none may begin again.
        {"learning_rate": optim.Cosine(6), "solver": "sgd", "learning_rate_init": 0.1},
        {"learning_rate": "adaptive", "n_iter_no_change": 1, "solver": "sgd"},
    ],
)
def test_partial_fit_is_one_epoch_of_fit(rate: dict[str, Any]) -> None:
    settings: dict[str, Any] = {"batch_size": 32, "random_state": 1, "tol": 9.0} | rate
    whole = MLPClassifier((8,), max_iter=4, **settings).fit(X, y)
    parts = MLPClassifier((8,), **settings)
    for _ in range(4):
        parts.partial_fit(X, y, classes=np.arange(10))
    np.testing.assert_array_equal(parts.predict_proba(X), whole.predict_proba(X))
    assert parts.loss_curve_ == whole.loss_curve_
    assert parts.best_loss_ == whole.best_loss_


@few_epochs
def test_warm_start_goes_on() -> None:
    net = MLPClassifier((8,), max_iter=3, warm_start=True, random_state=0).fit(X, y)
    model, curve = net.model_, list(net.loss_curve_)
    net.fit(X, y)
    assert net.model_ is model
    assert net.loss_curve_[:3] == curve
    assert net.loss_curve_[-1] < curve[-1]


@few_epochs
def test_early_stopping_keeps_the_best_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    split, parts = MLPClassifier._hold_back, []
    monkeypatch.setattr(
        MLPClassifier, "_hold_back", lambda *args: parts.append(split(*args)) or parts[-1]
    )
    net = MLPClassifier(
        (32,), early_stopping=True, validation_fraction=0.3, learning_rate_init=0.05,
        n_iter_no_change=5, random_state=0,
    ).fit(X, y)  # fmt: skip
    assert net.n_iter_ < net.max_iter
    ((X_train, _, _, (X_held, y_held, _)),) = parts
    assert (len(X_train), len(X_held)) == (210, 90)
    assert net.score(X_held, y_held) == net.best_validation_score_ == max(net.validation_scores_)
    assert net.validation_scores_[-1] < net.best_validation_score_


@few_epochs
def test_dropout_and_batch_norm_train_and_are_off_in_use() -> None:
    net = MLPClassifier(
        (32,), dropout=0.2, batch_norm=True, batch_size=32, learning_rate_init=0.01, max_iter=20,
        random_state=0,
    )  # fmt: skip
    net.fit(X[:257], y[:257])  # the last batch would be a single example
    assert not any(module.training for module in net.model_.modules())
    np.testing.assert_array_equal(net.predict_proba(X), net.predict_proba(X))
    assert net.score(X, y) > 0.8


@few_epochs
def test_sample_weights_of_zero_are_examples_left_out() -> None:
    weight = np.r_[np.ones(40), np.zeros(20)]
    settings: dict[str, Any] = {"max_iter": 20, "random_state": 0, "shuffle": False}
    with_zeros = MLPClassifier((5,), **settings).fit(X[:60], y[:60], sample_weight=weight)
    without = MLPClassifier((5,), **settings).fit(X[:40], y[:40])
    np.testing.assert_allclose(with_zeros.predict_proba(X), without.predict_proba(X), rtol=1e-9)


def test_autoencoder_reconstructs_what_it_codes() -> None:
    coder = AutoencoderTransformer(
        24, output="sigmoid", learning_rate_init=0.02, batch_size=32, tol=0.05, random_state=0
    ).fit(X)
    back = coder.inverse_transform(coder.transform(X))
    assert np.mean((back - X) ** 2) < 0.3 * np.mean((X - X.mean(axis=0)) ** 2)
    assert list(coder.get_feature_names_out()[:2]) == [
        "autoencodertransformer0", "autoencodertransformer1",
    ]  # fmt: skip
    assert coder.score(X) > coder.score(1 - X)


@pytest.mark.parametrize("corruption", ["masking", "gaussian"])
def test_denoising_codes_clean_inputs(corruption: str) -> None:
    coder = AutoencoderTransformer(
        16, corruption=corruption, level=0.2, learning_rate_init=0.01, tol=0.1, random_state=0
    ).fit(X)
    assert isinstance(coder.model_, nn.DenoisingAutoencoder)
    np.testing.assert_array_equal(coder.transform(X), coder.transform(X))
    assert coder.loss_curve_[-1] < 0.7 * coder.loss_curve_[0]


@few_epochs
def test_verbose_tells_each_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    MLPClassifier((4,), max_iter=2, verbose=True).fit(X, y)
    assert capsys.readouterr().out.splitlines()[1].startswith("epoch 2: training loss 2.")


# -- in scikit-learn's machinery ----------------------------------------------------------------


@few_epochs
@pytest.mark.parametrize(
    "backend", ["sequential", "threading", pytest.param("loky", marks=pytest.mark.slow)]
)
def test_grid_search_in_a_pipeline_on_every_backend(backend: str) -> None:
    pipeline = make_pipeline(
        MinMaxScaler(),
        AutoencoderTransformer(16, output="sigmoid", max_iter=3, random_state=0),
        StandardScaler(),
        MLPClassifier((16,), max_iter=30, batch_size=32, random_state=0),
    )
    grid = {"mlpclassifier__learning_rate_init": [1e-4, 0.02]}
    with parallel_config(backend=backend, n_jobs=2):
        search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    assert search.best_params_ == {"mlpclassifier__learning_rate_init": 0.02}
    assert search.best_score_ > 0.6


@few_epochs
def test_random_search_and_cross_validation() -> None:
    net = MLPClassifier((16,), max_iter=8, random_state=0)
    drawn = {"learning_rate_init": [1e-5, 0.02], "activation": ["tanh", "relu"]}
    search = RandomizedSearchCV(net, drawn, n_iter=3, cv=2, random_state=0).fit(X, y)
    assert search.best_params_["learning_rate_init"] == 0.02
    target = X @ np.linspace(-1, 1, 64)
    regressor = MLPRegressor(hidden_layer_sizes=(16,), learning_rate_init=0.01, random_state=0)
    assert cross_val_score(regressor, X, target, cv=2).min() > 0.8


def test_a_schedule_goes_on_in_the_next_partial_fit_and_hears_what_it_waits_for() -> None:
    cosine = optim.Cosine(4)
    net = MLPClassifier((4,), learning_rate=cosine, learning_rate_init=0.1, random_state=0)
    for epoch in range(1, 6):
        net.partial_fit(X, y, classes=range(10))
        assert net._optimizer.lr == pytest.approx(0.1 * cosine.factor(epoch), abs=1e-15)
    # The loss falls: who waits for something to rise hears of its negative.
    for mode in ("min", "max"):
        plateau = optim.HalveOnPlateau(1, mode=mode)
        net = MLPClassifier((4,), learning_rate=plateau, learning_rate_init=0.01, random_state=0)
        for _ in range(3):
            net.partial_fit(X, y, classes=range(10))
        assert net.loss_curve_ == sorted(net.loss_curve_, reverse=True)
        assert net._optimizer.lr == 0.01


@few_epochs
def test_they_copy_and_pickle() -> None:
    net = MLPClassifier((8,), max_iter=3, learning_rate=optim.Cosine(3), random_state=0).fit(X, y)
    copy = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(copy.predict_proba(X), net.predict_proba(X))
    np.testing.assert_array_equal(clone(net).fit(X, y).predict_proba(X), net.predict_proba(X))
    # What was copied trains on as the original does.
    np.testing.assert_array_equal(
        copy.partial_fit(X, y).predict_proba(X), net.partial_fit(X, y).predict_proba(X)
    )


# -- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"solver": "adams"}, ValueError, "unknown optimizer 'adams': did you mean 'adam'"),
        ({"solver": "lbfgs"}, ValueError, "unknown optimizer 'lbfgs'"),
        ({"activation": "sigmod"}, ValueError, "did you mean 'sigmoid'"),
        ({"hidden_layer_sizes": (8, 0)}, ValueError, "hidden_layer_sizes are whole numbers"),
        ({"max_iter": 0}, ValueError, "max_iter must be a whole number from 1 up, not 0"),
        ({"batch_size": 0}, ValueError, "batch_size must be 'auto' or a whole number"),
        ({"alpha": -1}, ValueError, "alpha must be a number from 0 up, not -1"),
        ({"learning_rate": 0.1}, ValueError, "the rate itself is learning_rate_init"),
        ({"learning_rate_init": -1.0}, ValueError, "lr"),
        ({"momentum": 1.5, "solver": "sgd"}, ValueError, "momentum"),
        ({"dropout": 1.0}, ValueError, r"\[0, 1\)"),
        ({"early_stopping": True, "validation_fraction": 2}, ValueError, "validation_fraction"),
    ],
)
def test_bad_settings(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        MLPClassifier(**settings).fit(X, y)


def test_bad_data() -> None:
    net = MLPClassifier((4,), max_iter=1)
    with pytest.raises(NotFittedError):
        net.predict(X)
    with pytest.warns(ConvergenceWarning, match="still improving after max_iter=1 epochs"):
        net.fit(X, y)
    with pytest.raises(ValueError, match="X has 63 features, but MLPClassifier is expecting 64"):
        net.predict(X[:, :63])
    with pytest.raises(ValueError, match="y has the label 11 in row 2, which is none of"):
        net.partial_fit(X[:3], [0, 1, 11])
    with pytest.raises(ValueError, match=r"sample_weight.shape == \(2,\), expected \(300,\)"):
        net.fit(X, y, sample_weight=[1, 2])
    with pytest.raises(ValueError, match="negative"):
        net.fit(X, y, sample_weight=-np.ones(300))
    with pytest.raises(ValueError, match="output='sigmoid' takes inputs from 0 to 1"):
        AutoencoderTransformer(output="sigmoid").fit(DIGITS)


@few_epochs
@pytest.mark.parametrize(
    ("settings", "labels", "weight"),
    [
        ({"solver": "adams"}, [0, 1], None),
        ({"tol": "small"}, [0, 1], None),
        ({}, [0, 1], [1.0]),
        ({}, [0, np.nan], None),
        ({"batch_norm": True, "batch_size": 1}, [0, 1], None),
    ],
)
def test_a_fit_that_fails_leaves_the_estimator_what_it_was(
    settings: dict[str, Any], labels: Any, weight: Any
) -> None:
    net = MLPClassifier((4,), max_iter=2, random_state=0).fit(X, y)
    before, learned = net.predict(X), vars(net).copy()
    with pytest.raises(ValueError):
        net.set_params(**settings).fit(X[:2], labels, sample_weight=weight)
    np.testing.assert_array_equal(net.predict(X), before)
    assert all(vars(net)[name] is learned[name] for name in learned.keys() - settings.keys())


def test_ctrl_c_keeps_what_was_learned_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = MLPClassifier._losses
    calls = iter(range(100))

    def interrupt(*args: Any) -> Any:
        if next(calls) == 6:  # of which the first is fit looking at the shapes
            raise KeyboardInterrupt
        return seen(*args)

    monkeypatch.setattr(MLPClassifier, "_loss", lambda self: lambda *a: interrupt(self, *a, "mean"))
    net = MLPClassifier((4,), batch_size=100, random_state=0)
    with pytest.warns(UserWarning, match="training interrupted in epoch 2 after batch 2") as told:
        net.fit(X, y)
    assert not any(issubclass(w.category, ConvergenceWarning) for w in told)
    assert net.n_iter_ == 1
    assert net.predict(X).shape == y.shape


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_training_that_diverges_says_so() -> None:
    regressor = MLPRegressor(solver="sgd", learning_rate_init=1e9, random_state=0)
    with pytest.raises(optim.DivergenceError, match="the loss was inf in batch 1 of epoch 3"):
        regressor.fit(X * 1e3, X[:, 20] * 1e6)
