"""L15: random against grid search, over hyper-parameters of which few matter, in parallel.

A grid of n values in each of d dimensions tries n different learning rates in n^d trials, whatever
the others do; random search tries another one in every trial (Bergstra & Bengio 2012). The trials
are scikit-learn's searches over `nn.estimators.MLPClassifier`, run by joblib: in processes of this
machine or, with --dask, on a Dask cluster.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from joblib import parallel_config
from scipy.stats import loguniform, uniform
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, PredefinedSplit, RandomizedSearchCV

import viz
from nn.estimators import MLPClassifier

from .common import Array, Options, digits, options_of, parser_of, save, table

#: The hyper-parameters: from where to where, and whether in logarithms.
SPACE: dict[str, tuple[float, float, bool]] = {
    "learning_rate_init": (1e-4, 3.0, True),
    "hidden_layer_sizes": (8, 128, True),
    "momentum": (0.0, 0.95, False),
    "alpha": (1e-8, 1e-3, True),
    "power_t": (0.0, 0.1, False),
}
#: Values on the grid, in the order of SPACE.
GRID, GRID_QUICK = (4, 2, 2, 2, 2), (3, 2, 2, 1, 1)


class Sizes:
    """Draws whole numbers, evenly in their logarithms."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def rvs(self, random_state: Any = None) -> int:
        """Draw one."""
        drawn = loguniform(self.low, self.high + 1).rvs(random_state=random_state)
        return min(int(drawn), int(self.high))


def grid(counts: Sequence[int]) -> dict[str, list[Any]]:
    """Values in the middle of as many equal parts of each range."""
    found: dict[str, list[Any]] = {}
    for (name, (low, high, logarithmic)), count in zip(SPACE.items(), counts, strict=True):
        places = (np.arange(count) + 0.5) / count
        if logarithmic:
            values = np.exp(np.log(low) + places * (np.log(high) - np.log(low)))
        else:
            values = low + places * (high - low)
        found[name] = [round(v) for v in values] if name == "hidden_layer_sizes" else list(values)
    return found


def distributions() -> dict[str, Any]:
    """The same ranges to draw from."""
    return {
        name: Sizes(low, high)
        if name == "hidden_layer_sizes"
        else loguniform(low, high)
        if logarithmic
        else uniform(low, high - low)
        for name, (low, high, logarithmic) in SPACE.items()
    }


def trials(search: Any) -> dict[str, Array]:
    """What a search tried, and the validation accuracies."""
    found = {name: np.array([p[name] for p in search.cv_results_["params"]]) for name in SPACE}
    return found | {"accuracy": search.cv_results_["mean_test_score"]}


def explained(values: Array, accuracy: Array, parts: int) -> float:
    """The share of the variance that one hyper-parameter explains: between parts of its range."""
    order = np.argsort(values, kind="stable")
    groups = np.array_split(accuracy[order], parts)
    between = sum(len(group) * (group.mean() - accuracy.mean()) ** 2 for group in groups)
    return float(between / (len(accuracy) * accuracy.var()))


def best_of(accuracy: Array, rng: np.random.Generator, draws: int = 2000) -> Array:
    """The best accuracy among the first 1, 2, ... trials, for many orders of the trials."""
    orders = np.array([rng.permutation(accuracy) for _ in range(draws)])
    return np.maximum.accumulate(orders, axis=1)


@contextlib.contextmanager
def workers(jobs: int, on_dask: bool) -> Iterator[None]:
    """Run joblib's jobs in so many processes here, or on a local Dask cluster of as many."""
    if not on_dask:
        with parallel_config(n_jobs=jobs):
            yield
        return
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=jobs, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),  # of any cluster: Client("tcp://scheduler:8786")
        parallel_config(backend="dask", n_jobs=-1),
    ):
        yield


def draw(found: dict[str, dict[str, Array]], curves: Array, options: Options) -> Any:
    """Draw the trials over the learning rate, and the best so far by the number of trials."""
    colours, markers = ("#0072b2", "#d55e00"), "os"
    title = "Random search against grid search"
    figure, each = viz.subplots(1, 3, figsize=(11, 3.8), title=title)
    each[1].sharex(each[0])
    for i, (axes, (name, trial)) in enumerate(zip(each, found.items(), strict=False)):
        axes.plot(
            trial["learning_rate_init"], trial["accuracy"], markers[i], color=colours[i],
            markersize=4, alpha=0.7,
        )  # fmt: skip
        axes.set_xscale("log")
        axes.set_ylim(0, 1)
        count = len(np.unique(trial["learning_rate_init"]))
        axes.set_title(f"{name}: {len(trial['accuracy'])} trials, {count} learning rates", size=10)
        axes.set(xlabel="learning rate (log scale)", ylabel="validation accuracy")
    axes, numbers = each[2], np.arange(1, curves.shape[1] + 1)
    low, middle, high = np.quantile(curves, [0.1, 0.5, 0.9], axis=0)
    axes.fill_between(numbers, low, high, color=colours[1], alpha=0.2, linewidth=0)
    axes.plot(numbers, middle, color=colours[1], label="random: median, 10 to 90 %")
    on_grid = found["grid"]["accuracy"]
    axes.plot([len(on_grid)], [on_grid.max()], markers[0], color=colours[0], label="grid")
    axes.set_xscale("log")
    top = max(high[-1], on_grid.max())
    axes.set_ylim(min(float(np.quantile(low, 0.2)), on_grid.max()) - 0.02, top + 0.01)
    axes.legend(loc="lower right", framealpha=1, edgecolor="white")
    axes.set(xlabel="trials (log scale)", ylabel="best validation accuracy so far")
    return save(figure, options, "search.png")


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Search both ways, say what mattered, and draw it."""
    parser = parser_of("search", __doc__)
    parser.add_argument("--jobs", type=_jobs, default=2, help="processes")
    parser.add_argument("--dask", action="store_true", help="processes of a local Dask cluster")
    given = parser.parse_args(arguments)
    options = options_of(parser, given)

    counts, drawn, epochs = (GRID_QUICK, 24, 4) if options.quick else (GRID, 128, 8)
    data = digits(options, dtype=np.float32)
    X, y = (np.concatenate(pair) for pair in zip(data.train, data.val, strict=True))
    # What a trial does not train on chooses: the more images, the less the best is one by luck.
    n = 400 if options.quick else 800
    held_out = PredefinedSplit(np.where(np.arange(len(y)) < n, -1, 0))
    # Each trial has so many epochs: with this `tol` none is an improvement to wait for.
    net = MLPClassifier(
        activation="tanh", solver="sgd", learning_rate="invscaling", batch_size=50,
        nesterovs_momentum=False, max_iter=epochs, n_iter_no_change=epochs - 1,
        tol=np.inf, random_state=given.seed,
    )  # fmt: skip
    settings: dict[str, Any] = {"cv": held_out, "refit": False, "error_score": 0.0}
    searches: dict[str, Any] = {
        "grid": GridSearchCV(net, grid(counts), **settings),
        "random": RandomizedSearchCV(
            net, distributions(), n_iter=drawn, random_state=given.seed, **settings
        ),
    }
    with workers(1 if options.quick else given.jobs, given.dask):
        for search in searches.values():
            search.fit(X, y)

    found = {name: trials(search) for name, search in searches.items()}
    curves = best_of(found["random"]["accuracy"], options.rng())
    size = len(found["grid"]["accuracy"])
    # Of 16 trials, or in a small search of 8.
    parts = drawn // (8 if options.quick else 16)
    importance = {
        name: explained(found["random"][name], found["random"]["accuracy"], parts) for name in SPACE
    }
    by_chance = (parts - 1) / (drawn - 1)
    print(
        f"share of the variance of the accuracy that each explains by itself, {drawn} random trials"
        f"\n(about {by_chance:.0%} is chance):"
    )
    table(
        ["", "explains", "values on the grid", "best on the grid", "best at random"],
        [
            [
                name, f"{share:.0%}", counts[i],
                *(f"{search.best_params_[name]:.3g}" for search in searches.values()),
            ]
            for i, (name, share) in enumerate(importance.items())
        ],
    )  # fmt: skip
    shown = min(size, drawn)
    same = curves[:, shown - 1]
    # The same seed and the same images: the very networks of the best trials.
    best = [clone(net).set_params(**s.best_params_).fit(X[:n], y[:n]) for s in searches.values()]
    right = [network.predict(data.test[0]) == data.test[1] for network in best]
    tests = [float(each.mean()) for each in right]
    print(f"the networks of the best trials, validated on {len(y) - n} images:")
    table(
        ["", "trials", "validation", "test"],
        [
            [name, len(found[name]["accuracy"]), f"{search.best_score_:.2%}", f"{test:.2%}"]
            for (name, search), test in zip(searches.items(), tests, strict=True)
        ],
    )
    best_on_grid = found["grid"]["accuracy"].max()
    better = float((same >= best_on_grid).mean())
    needed = np.flatnonzero(np.median(curves, axis=0) >= best_on_grid)
    first = int(needed[0]) + 1 if len(needed) else None
    print(
        f"the random trials in any order: the best of the first {shown} has {np.median(same):.2%} "
        f"in the median, and is as good as the grid's of {size} in {better:.0%} of the orders;\n"
        "their median is as good as the grid's "
        + (f"after {first} trials" if first else f"after none of the {drawn}")
    )
    # Two networks judged by the same images differ in a few of them by chance.
    ahead, behind = int((right[1] & ~right[0]).sum()), int((right[0] & ~right[1]).sum())
    chance = abs(ahead - behind) <= 2 * (ahead + behind) ** 0.5
    print(
        f"of the {len(data.test[1])} test images random search's network alone has {ahead} right, "
        f"the grid's alone {behind}: a difference that {'may be' if chance else 'is not'} chance"
    )
    pictures = [draw(found, curves, options)]
    return {
        "importance": importance,
        "rates tried": {n: len(np.unique(t["learning_rate_init"])) for n, t in found.items()},
        "best": {
            name: {"validation": float(search.best_score_), "test": test}
            for (name, search), test in zip(searches.items(), tests, strict=True)
        },
        "median of as many at random": float(np.median(same)),
        "as good as the grid": better,
        "trials needed": first,
        "test images": {"only random right": ahead, "only grid right": behind},
        "pictures": pictures,
    }


def _jobs(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 up")
    return value


if __name__ == "__main__":
    main()
