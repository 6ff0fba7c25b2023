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
from sklearn.model_selection import GridSearchCV, PredefinedSplit, RandomizedSearchCV

import viz.figures
from nn.estimators import MLPClassifier

from .common import Array, Options, add_options, digits, save, table

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


def explained(values: Array, accuracy: Array, parts: int = 8) -> float:
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
    palette, markers = viz.figures.PALETTE, viz.figures.MARKERS
    figure = viz.figures.new_figure(11, 3.8, "search", "Random search against grid search")
    each = figure.subplots(1, 3)
    for i, (axes, (name, trial)) in enumerate(zip(each, found.items(), strict=False)):
        axes.plot(
            trial["learning_rate_init"], trial["accuracy"], markers[i], color=palette[i],
            markersize=4, alpha=0.7,
        )  # fmt: skip
        axes.set_xscale("log")
        axes.set_ylim(0, 1)
        count = len(np.unique(trial["learning_rate_init"]))
        axes.set_title(f"{name}: {len(trial['accuracy'])} trials, {count} learning rates", size=10)
        viz.figures.dress(axes, "learning rate (log scale)", "validation accuracy")
    axes, numbers = each[2], np.arange(1, curves.shape[1] + 1)
    low, middle, high = np.quantile(curves, [0.1, 0.5, 0.9], axis=0)
    axes.fill_between(numbers, low, high, color=palette[1], alpha=0.2, linewidth=0)
    axes.plot(numbers, middle, color=palette[1], label="random: median, 10 to 90 %")
    on_grid = found["grid"]["accuracy"]
    axes.plot([len(on_grid)], [on_grid.max()], markers[0], color=palette[0], label="grid")
    axes.set_xscale("log")
    top = max(high[-1], on_grid.max())
    axes.set_ylim(min(float(np.quantile(low, 0.2)), on_grid.max()) - 0.02, top + 0.01)
    axes.legend(frameon=False, loc="lower right")
    viz.figures.dress(axes, "trials (log scale)", "best validation accuracy so far")
    return save(figure, options, "search.png")


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Search both ways, say what mattered, and draw it."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.lecture.search",
        description=(__doc__ or "").split("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_options(parser)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--dask", action="store_true", help="processes of a local Dask cluster")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    options = Options(given.out, given.seed, given.quick)

    counts, drawn, epochs = (GRID_QUICK, 24, 4) if options.quick else (GRID, 128, 12)
    data = digits(options, train=400 if options.quick else None, dtype=np.float32)
    X = np.concatenate([data.train[0], data.val[0]])
    y = np.concatenate([data.train[1], data.val[1]])
    held_out = PredefinedSplit(np.repeat([-1, 0], [len(data.train[1]), len(data.val[1])]))
    # Each trial has so many epochs: with this `tol` none is an improvement to wait for.
    net = MLPClassifier(
        activation="tanh", solver="sgd", learning_rate="invscaling", batch_size=32,
        nesterovs_momentum=False, max_iter=epochs, n_iter_no_change=epochs - 1,
        tol=np.inf, random_state=given.seed,
    )  # fmt: skip
    settings: dict[str, Any] = {"cv": held_out, "refit": True, "error_score": 0.0}
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
    importance = {
        name: explained(found["random"][name], found["random"]["accuracy"]) for name in SPACE
    }
    print(f"share of the variance of the accuracy that each explains by itself, {drawn} trials:")
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
    same = curves[:, size - 1] if curves.shape[1] >= size else curves[:, -1]
    rows: list[tuple[str, int, float, float]] = []
    for name, search in searches.items():
        rows.append(
            (name, len(found[name]["accuracy"]), search.best_score_, search.score(*data.test))
        )
    print("the best trial, by validation accuracy, trained again with the validation data:")
    table(
        ["", "trials", "validation", "test"],
        [[name, n, f"{val:.2%}", f"{test:.2%}"] for name, n, val, test in rows],
    )
    better = float((same >= found["grid"]["accuracy"].max()).mean())
    print(
        f"{size} trials at random find a best of {np.median(same):.2%} in the median, and as good "
        f"a one as the grid's {size} in {better:.0%} of the draws"
    )
    needed = np.flatnonzero(np.median(curves, axis=0) >= found["grid"]["accuracy"].max())
    if len(needed):
        print(f"in the median random search is as good as that grid after {needed[0] + 1} trials")
    pictures = [draw(found, curves, options)]
    return {
        "importance": importance,
        "rates tried": {n: len(np.unique(t["learning_rate_init"])) for n, t in found.items()},
        "best": {name: {"validation": val, "test": test} for name, _, val, test in rows},
        "median of as many at random": float(np.median(same)),
        "as good as the grid": better,
        "trials needed": int(needed[0]) + 1 if len(needed) else None,
        "pictures": pictures,
    }


if __name__ == "__main__":
    main()
