"""Train a multilayer network on the handwritten digits, check its gradients, draw what happened.

Run it with `make demo`, or `python -m examples.digits --help` for what can be varied. The digits
are the 1,797 images of 8×8 pixels that ship inside scikit-learn: nothing is downloaded.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits
from tqdm import tqdm

import autograd_core as ag
import nn
import optim
import viz
from autograd_core.testing import check_gradients
from nn.estimators import MLPClassifier as OurClassifier

Array = NDArray[Any]
#: The optimizers compared, and their rates as shares of --lr: Adam's steps are larger.
RATES = {"sgd": 1.0, "adam": 0.03}


@dataclass(frozen=True)
class Settings:
    """How to train; the same for this network and for scikit-learn's."""

    hidden: tuple[int, ...]
    epochs: int
    batch_size: int
    lr: float
    momentum: float
    quiet: bool


@dataclass(frozen=True)
class Data:
    """Inputs and labels to learn from, to choose by and to judge by."""

    train: tuple[Array, Array]
    val: tuple[Array, Array]
    test: tuple[Array, Array]


def load(seed: int) -> Data:
    """Split the digits by chance, each class in proportion; pixels from 0 to 1."""
    X, y = load_digits(return_X_y=True)
    # All pixels have one unit already. Standardized one by one (optim.Standardize), those at the
    # border, which are hardly ever on, would count as much as the others: it costs half a percent.
    return Data(*optim.train_val_test_split(X / 16, y, 0.15, 0.15, rng=np.random.default_rng(seed)))


def train(
    model: nn.Module, data: Data, settings: Settings, rng: np.random.Generator
) -> tuple[dict[str, list[float]], dict[str, Array]]:
    """Train in place; return the curves, and the state that was best on the validation part."""
    optimizer = optim.SGD(model.parameters(), lr=settings.lr, momentum=settings.momentum)
    curves: dict[str, list[float]] = {}
    best, best_state = np.inf, model.state_dict()
    with progress(range(settings.epochs), "training", settings.quiet) as epochs:
        for _ in epochs:
            for X, y in optim.minibatches(*data.train, batch_size=settings.batch_size, rng=rng):
                optimizer.zero_grad()
                nn.cross_entropy(model(X), y).backward()
                optimizer.step()
            for part, examples in (("training", data.train), ("validation", data.val)):
                loss, accuracy = measure(model, *examples)
                curves.setdefault(f"{part} loss", []).append(loss)
                curves.setdefault(f"{part} accuracy", []).append(accuracy)
            if loss < best:
                best, best_state = loss, model.state_dict()
            epochs.set_postfix_str(f"validation accuracy {accuracy:.1%}", refresh=False)
    return curves, best_state


@ag.no_grad()
def measure(model: nn.Module, X: Array, y: Array) -> tuple[float, float]:
    """Return the mean loss, and the share of examples whose right class has the largest output."""
    a = model(X)
    return nn.cross_entropy(a, y).item(), float((a.data.argmax(axis=-1) == y).mean())


def demonstrate(settings: Settings, seed: int, out: Path) -> None:
    """Train one network, check its gradients, and draw its flow graph and its curves."""
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    data = load(seed)
    model = nn.MLP([64, *settings.hidden, 10], activation="tanh", rng=rng)
    sizes = "-".join(map(str, [64, *settings.hidden, 10]))
    count = sum(parameter.size for parameter in model.parameters())
    print(f"{sizes} network, {count:,} parameters, {len(data.train[1]):,} training images")

    # A few images, so that every one of the thousands of derivatives is checked in a second.
    X, y = data.train[0][:5], data.train[1][:5]

    def loss(x: Any) -> Any:
        return nn.cross_entropy(model(x), y)

    parameters = dict(model.named_parameters())
    errors = check_gradients(
        lambda: loss(X), wrt=parameters, order=1, tolerance=1e-7, elements=count
    )
    print("all gradients against finite differences, ‖difference‖ / larger norm:")
    for name, error in errors.items():
        print(f"  {name:<20} {error:.1e}")

    start = time.perf_counter()
    curves, best = train(model, data, settings, rng)
    seconds = time.perf_counter() - start
    model.load_state_dict(best)
    epoch = int(np.argmin(curves["validation loss"])) + 1
    print(f"trained in {seconds:.1f} s; best on validation after epoch {epoch} and so kept")
    for part, examples in (("training", data.train), ("validation", data.val), ("test", data.test)):
        print(f"  {part + ' accuracy':<20} {measure(model, *examples)[1]:.2%}")

    graph = viz.flow_graph(loss, X).save(out / "flow_graph.svg")
    picture = viz.save_curves(curves, out / "curves.svg")
    print(f"the flow graph of one step is in {graph}\nthe curves are in {picture}")


def compare(settings: Settings, splits: int, seed: int) -> None:
    """Train on several splits beside scikit-learn's network: same data, sizes and settings.

    By either optimizer in either precision; the two networks take turns, in one thread each.
    """
    cases = [(solver, dtype) for solver in RATES for dtype in ("float64", "float32")]
    kinds = {"this network": OurClassifier, "scikit-learn's": MLPClassifier}
    accuracies: dict[tuple[str, ...], list[float]] = {}
    seconds: dict[tuple[str, ...], list[float]] = {}
    with (
        threadpool_limits(1),
        progress(range(seed, seed + splits), f"{splits} splits", settings.quiet) as runs,
    ):
        for i in runs:
            data = load(i)
            for solver, dtype in cases:
                train, test = ((X.astype(dtype), y) for X, y in (data.train, data.test))
                # Whoever is first finds a colder machine: they take turns in that too.
                for who, kind in list(kinds.items())[:: 1 if i % 2 else -1]:
                    start = time.perf_counter()
                    trained = fit(kind, train, settings, solver, i)
                    seconds.setdefault((solver, dtype, who), []).append(time.perf_counter() - start)
                    accuracies.setdefault((solver, dtype, who), []).append(trained.score(*test))
    print(
        f"test accuracy over {splits} stratified splits, {settings.epochs} epochs each, "
        "and the seconds of a training (median):"
    )
    print(f"  {'':<36} {'mean':>7} {'std. error':>11} {'seconds':>8} {'of theirs':>10}")
    for solver, dtype in cases:
        theirs = statistics.median(seconds[solver, dtype, "scikit-learn's"])
        for who in kinds:
            mean, error = mean_and_error(accuracies[solver, dtype, who])
            took = statistics.median(seconds[solver, dtype, who])
            print(
                f"  {f'{solver}, {dtype}, {who}':<36} {mean:>7.2%} {error:>11.2%} {took:>8.3f} "
                f"{took / theirs:>10.2f}"
            )


def fit(kind: Any, train: tuple[Array, Array], settings: Settings, solver: str, seed: int) -> Any:
    """Train a network, this one or scikit-learn's, for as many epochs and no fewer."""
    classifier = kind(
        hidden_layer_sizes=settings.hidden,
        activation="tanh",
        solver=solver,
        alpha=0.0,
        batch_size=settings.batch_size,
        learning_rate_init=settings.lr * RATES[solver],
        momentum=settings.momentum,
        nesterovs_momentum=False,
        max_iter=settings.epochs,
        n_iter_no_change=settings.epochs,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # It says that it stopped at the last epoch, which is what it was asked to do.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return classifier.fit(*train)


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and its standard error, which for a single value is not known."""
    if len(values) < 2:
        return values[0], float("nan")
    return statistics.fmean(values), statistics.stdev(values) / len(values) ** 0.5


def progress(steps: Iterable[int], what: str, quiet: bool) -> Any:
    """Make a progress bar on the error stream; an output that is piped away stays clean."""
    return tqdm(steps, desc=what, disable=quiet, file=sys.stderr, leave=False, ncols=100)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.digits",
        description=__doc__.split("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--epochs", type=positive, default=60, help="passes through the training images")
    add("--hidden", type=positive, nargs="+", default=[64], help="sizes of the hidden layers")
    add("--lr", type=float, default=0.1, help="learning rate")
    add("--momentum", type=float, default=0.9, help="share of the last step that goes on")
    add("--batch-size", type=positive, default=32, help="images in a step")
    add("--seed", type=int, default=0, help="of split, initial weights and order of the images")
    add("--out", type=Path, default=Path("out"), help="folder for the pictures")
    add(
        "--splits",
        type=positive,
        default=0,
        metavar="N",
        help="train on N splits beside scikit-learn's network, and draw nothing",
    )
    add("--quick", action="store_true", help="few epochs and units: to see that everything runs")
    add("--quiet", action="store_true", help="no progress bar")
    return parser.parse_args(arguments)


def positive(text: str) -> int:
    """Read a whole number from 1 up."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 up")
    return value


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the demonstration, or with --splits the comparison."""
    options = parse(arguments)
    settings = Settings(
        hidden=(8,) if options.quick else tuple(options.hidden),
        epochs=min(options.epochs, 5) if options.quick else options.epochs,
        batch_size=options.batch_size,
        lr=options.lr,
        momentum=options.momentum,
        quiet=options.quiet,
    )
    if options.splits:
        compare(settings, options.splits, options.seed)
    else:
        demonstrate(settings, options.seed, options.out)


if __name__ == "__main__":
    main()
