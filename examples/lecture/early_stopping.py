"""L16: early stopping, with the training and validation curves and what it saved.

A tenth of the training labels are made wrong, as happens in data that people label. The network
learns the digits first and those mistakes later, and then gets worse on the validation set.
Training stops when the validation loss has not improved for a look-ahead of so many epochs, and the
parameters of the best one are taken. The same run without stopping shows what would have come.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import autograd_core as ag
import nn
import optim
import viz

from .common import Array, Digits, Options, Part, accuracy, digits, parse, save, table


def mislabel(labels: Array, share: float, options: Options) -> int:
    """Give some of the labels, in place, one of the other nine classes; return how many."""
    rng = options.rng(3)
    chosen = rng.choice(len(labels), size=round(share * len(labels)), replace=False)
    labels[chosen] = (labels[chosen] + rng.integers(1, 10, size=len(chosen))) % 10
    return len(chosen)


def train(
    data: Digits, epochs: int, stopping: optim.EarlyStopping | None, options: Options
) -> tuple[nn.MLP, optim.History]:
    """Train with or without early stopping, from the same start and with the same batches."""
    model = nn.MLP([64, 100, 10], "tanh", rng=options.rng(1))
    history = optim.fit(
        model, nn.cross_entropy, data.train, "adam", lr=0.002, epochs=epochs, batch_size=20,
        validation=data.val, metrics=["accuracy", "training accuracy"], early_stopping=stopping,
        rng=options.rng(2), progress=False,
    )  # fmt: skip
    return model, history


@ag.no_grad()
def loss(model: nn.MLP, examples: Part) -> float:
    """The mean loss over examples."""
    X, y = examples
    return float(nn.cross_entropy(model(X), y).item())


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Train twice, with early stopping and without, and compare on the test set."""
    options = parse(arguments, "early_stopping", __doc__)
    epochs, lookahead = (50, 5) if options.quick else (100, 10)
    data = digits(options, train=300)
    wrong = mislabel(data.train[1], 0.1, options)

    stopping = optim.EarlyStopping(patience=lookahead)
    model, history = train(data, epochs, stopping, options)
    longer_model, longer = train(data, epochs, None, options)
    stopped, best = history.epochs, history.best_epoch
    assert best is not None

    def told(epoch: int, model: nn.MLP, values: optim.History) -> dict[str, Any]:
        return {
            "epoch": epoch,
            "training loss": values["training loss"][epoch - 1],
            "validation loss": values["validation loss"][epoch - 1],
            "test loss": loss(model, data.test),
            "test accuracy": accuracy(model, data.test),
        }

    found = {
        "early stopping": told(best, model, history),
        "no stopping": told(epochs, longer_model, longer),
    }
    print(f"{len(data.train[0])} training images, {wrong} of them mislabelled; {history.stopped}")
    table(
        ["", *found["no stopping"]],
        [
            [who, row["epoch"], *(f"{v:.4f}" for v in list(row.values())[1:])]
            for who, row in found.items()
        ],
    )
    same = np.array_equal(history["validation loss"], longer["validation loss"][:stopped])
    # The curves of the run that went on, with the best epoch and that of the stop marked.
    shown = {name: values for name, values in longer.items() if name != "learning rate"}
    title = f"Early stopping with a look-ahead of {lookahead} epochs"
    figure = viz.curves(shown, stop=stopped, title=title)
    return {
        "best": best,
        "stopped": stopped,
        "look-ahead": lookahead,
        "same until the stop": same,
        "validation loss": longer["validation loss"],
        **found,
        "pictures": [save(figure, options, "early_stopping.png")],
    }


if __name__ == "__main__":
    main()
