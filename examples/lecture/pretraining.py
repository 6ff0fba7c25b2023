"""L28: unsupervised pre-training against random initialisation, with few labels and many seeds.

Greedy layer-wise pre-training (L27) learns from all training images, without their labels; then the
network is trained on the few images whose labels are taken to be known. A network of the same size
starts at random. What Erhan et al. (2010) claim of the two stands beside what is measured here,
whichever way it comes out. Each way of starting has the learning rate that is best for it on the
validation set, by seeds that are not among those reported.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import nn
import optim
import viz

from .common import Digits, Options, accuracy, digits, parse, save, table

#: How a network may start; the learning rates to choose from, and that of the pre-training.
STARTS = ("random", "pre-trained")
RATES = (0.003, 0.01, 0.03)
PRETRAINING_RATE = 0.003
#: Layers of at most so many units are taken to be small, for ten classes and 64 inputs.
SMALL = 10


@dataclass(frozen=True)
class Plan:
    """How large all of it is: labels known, hidden units by layer, epochs and seeds."""

    labels: int
    hidden: dict[str, list[int]]
    pretraining: int
    epochs: int
    seeds: int
    choosing: int


def start(way: str, sizes: Sequence[int], data: Digits, epochs: int, rng: Any) -> nn.MLP:
    """Make a network for the digits, with its hidden layers pre-trained or random."""
    *hidden, classes = sizes
    if way == "random":
        return nn.MLP(sizes, "sigmoid", rng=rng, dtype=np.float32)
    stack = nn.StackedAutoencoder(
        hidden, corruption="masking", level=0.25, rng=rng, dtype=np.float32
    )
    stack.pretrain(
        data.train[0], epochs=epochs, optimizer="adam", lr=PRETRAINING_RATE, rng=rng,
        progress=False,
    )  # fmt: skip
    return stack.to_classifier(classes, rng=rng)


class Tested(optim.Callback):
    """Notes the test accuracy after each epoch: to be drawn, nothing is chosen by it."""

    def __init__(self, data: Digits) -> None:
        self.data = data
        self.found: list[float] = []

    def on_epoch(self, training: Any) -> None:
        """After each epoch."""
        self.found.append(accuracy(training.model, self.data.test))


def tune(
    model: nn.MLP, data: Digits, plan: Plan, lr: float, rng: Any, callbacks: Sequence[Any] = ()
) -> optim.History:
    """Train all layers on the images with labels; the best epoch's parameters are kept."""
    X, y = data.train[0][: plan.labels], data.train[1][: plan.labels]
    keep = optim.EarlyStopping(patience=None, monitor="validation accuracy", mode="max")
    return optim.fit(
        model, nn.cross_entropy, (X, y), "adam", lr=lr, epochs=plan.epochs, batch_size=20,
        validation=data.val, metrics="accuracy", early_stopping=keep, callbacks=callbacks,
        rng=rng, progress=False,
    )  # fmt: skip


def compare(
    way: str, hidden: list[int], data: Digits, plan: Plan, options: Options
) -> dict[str, Any]:
    """Choose the rate for a way to start, then run it from each seed."""

    def begin(run: int) -> nn.MLP:
        return start(way, [64, *hidden, 10], data, plan.pretraining, options.rng(run, 0))

    def score(model: nn.MLP, lr: float, run: int) -> float:
        history = tune(copy.deepcopy(model), data, plan, lr, options.rng(run, 1))
        return max(history["validation accuracy"])

    others = range(1000, 1000 + plan.choosing)
    tried = {run: begin(run) for run in others}
    lr = max(RATES, key=lambda lr: sum(score(model, lr, run) for run, model in tried.items()))
    accuracies, losses, curves = [], [], []
    for run in range(plan.seeds):
        model, tested = begin(run), Tested(data)
        history = tune(model, data, plan, lr, options.rng(run, 1), [tested])
        accuracies.append(accuracy(model, data.test))
        losses.append(history["training loss"][-1])
        curves.append(tested.found)
    return {
        "lr": lr,
        "mean": float(np.mean(accuracies)),
        "spread": float(np.std(accuracies, ddof=1)),
        "training loss": float(np.mean(losses)),
        "test accuracies": accuracies,
        "curves": curves,
    }


def beside_the_paper(found: dict[str, dict[str, dict[str, Any]]], plan: Plan) -> None:
    """Print what Erhan et al. claim, and what came out here."""
    rows = []
    # A mean of so many runs is known to within its standard error, a spread to within about this.
    doubt = 1 / np.sqrt(2 * (plan.seeds - 1))
    for size, ways in found.items():
        random, pretrained = (ways[way] for way in STARTS)
        small = max(plan.hidden[size]) <= SMALL
        gain = pretrained["mean"] - random["mean"]
        error = np.hypot(pretrained["spread"], random["spread"]) / np.sqrt(plan.seeds)
        claim = "possibly < 0" if small else "> 0"
        difference = "test accuracy, pre-trained - random"
        rows.append([f"{size}: {difference}", claim, f"{gain:+.1%} ± {error:.1%}"])
        ratio = pretrained["spread"] / random["spread"] if random["spread"] else np.nan
        about = f"{ratio:.2f} ± {ratio * np.sqrt(2) * doubt:.2f}"
        rows.append([f"{size}: spread over seeds, pre-trained / random", "< 1", about])
        losses = [f"{run['training loss']:.4f}" for run in (pretrained, random)]
        rows.append([f"{size}: training loss, pre-trained", "not lower", losses[0]])
        rows.append([f"{size}: training loss, random", "", losses[1]])
    print("Erhan et al. (2010): pre-training gives deep networks better test errors and a lower")
    print("variance over seeds; it acts as a regulariser, in that the test error is lower though")
    print("the training error is not; and it may hurt where layers are small.")
    table(["", "they claim", "measured here"], rows)


def draw(found: dict[str, dict[str, dict[str, Any]]], options: Options) -> list[Any]:
    """The accuracies of all runs, and for the first size their curves."""
    dots = {
        f"{way}, {size}": run["test accuracies"]
        for size, ways in found.items()
        for way, run in ways.items()
    }
    curves = {way: run["curves"] for way, run in next(iter(found.values())).items()}
    pictures = [viz.spread(dots, quantity="test accuracy")]
    pictures.append(viz.spread(curves, quantity="test accuracy", title=next(iter(found))))
    names = ("pretraining.png", "pretraining_curves.png")
    return [save(picture, options, name) for picture, name in zip(pictures, names, strict=True)]


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Compare the two ways to start, in networks of large layers and of small ones."""
    options = parse(arguments, "pretraining", __doc__)
    sizes = {
        "3 layers of 100": [100, 100, 100],
        "3 layers of 10": [10, 10, 10],
        "1 layer of 10": [10],
    }
    if options.quick:
        plan = Plan(50, {"2 layers of 50": [50, 50]}, 10, 20, seeds=3, choosing=1)
    else:
        plan = Plan(100, sizes, 20, 100, seeds=10, choosing=2)
    data = digits(options, dtype=np.float32)
    found = {
        size: {way: compare(way, hidden, data, plan, options) for way in STARTS}
        for size, hidden in plan.hidden.items()
    }
    print(
        f"{plan.labels} labels, {len(data.train[0])} images to pre-train on, {plan.seeds} seeds: "
        "test accuracy"
    )
    table(
        ["", "lr", "mean", "spread", "lowest", "highest"],
        [
            [
                f"{size}, {way}",
                f"{run['lr']:g}",
                *(f"{run[name]:.1%}" for name in ("mean", "spread")),
                *(f"{pick(run['test accuracies']):.1%}" for pick in (min, max)),
            ]
            for size, ways in found.items()
            for way, run in ways.items()
        ],
    )
    beside_the_paper(found, plan)
    return {"runs": found, "seeds": plan.seeds, "pictures": draw(found, options)}


if __name__ == "__main__":
    main()
