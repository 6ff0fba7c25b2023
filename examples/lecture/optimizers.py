"""L19, L20: the optimizers compared, on the digits from one start and in a two-dimensional ravine.

Each has the learning rate, of those tried, whose curve of the training loss lies lowest: rates of
different optimizers mean different things. So this compares how fast each can go down; which of
the networks generalises best is another question.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import autograd_core as ag
import nn
import optim
import viz

from .common import Digits, Options, accuracy, digits, parse, save, table

#: By how they find their direction: from the gradient, or with a rate for each parameter.
FAMILIES: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {
    "the gradient's direction": {
        "SGD": ("sgd", {}),
        "momentum": ("sgd", {"momentum": 0.9}),
        "Nesterov": ("sgd", {"momentum": 0.9, "nesterov": True}),
        "Lion": ("lion", {}),
    },
    "a rate for each parameter": {
        "Adagrad": ("adagrad", {}),
        "RMSProp": ("rmsprop", {}),
        "Adadelta": ("adadelta", {}),
        "Adam": ("adam", {}),
        "AdamW": ("adamw", {}),
    },
}
OPTIMIZERS = {name: made for family in FAMILIES.values() for name, made in family.items()}
#: Rates to choose from, in powers of about three.
RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
#: The ravine f(θ) = ½ (θ - θ*)ᵀ H (θ - θ*): 50 times as steep across as along. It lies askew, for a
#: rate for each parameter would make nothing of one along an axis; nor is θ* at 0, where weight
#: decay leads.
ALONG, ACROSS = np.array([0.95, 0.3122499]), np.array([-0.3122499, 0.95])
H = np.outer(ALONG, ALONG) + 50 * np.outer(ACROSS, ACROSS)
LOWEST = np.array([1.0, 1.0])
FROM = LOWEST - 4.5 * ALONG + 0.8 * ACROSS


def make(name: str, parameters: Any, lr: float) -> optim.Optimizer:
    """Make an optimizer by its name here."""
    kind, options = OPTIMIZERS[name]
    return optim.make_optimizer(kind, parameters, lr=lr, **options)


def train(name: str, lr: float, data: Digits, epochs: int, options: Options) -> dict[str, Any]:
    """Train on the digits; all optimizers have the same start and the same batches."""
    model = nn.MLP([64, 50, 10], "tanh", rng=options.rng(1), dtype=np.float32)
    try:
        history = optim.fit(
            model, nn.cross_entropy, data.train, make(name, model.parameters(), lr),
            epochs=epochs, rng=options.rng(2), progress=False,
        )  # fmt: skip
    except optim.DivergenceError:
        return {"lr": lr, "training loss": [np.inf], "validation accuracy": 0.0}
    return {
        "lr": lr,
        "training loss": history["training loss"],
        "validation accuracy": accuracy(model, data.val),
    }


def best(runs: Sequence[dict[str, Any]], curve: str) -> dict[str, Any]:
    """The run whose curve lies lowest, on the whole and on a logarithmic scale."""
    return min(runs, key=lambda run: float(np.mean(np.log(run[curve]))))


def ravine(theta: Any) -> Any:
    """f at points of shape (..., 2)."""
    off = theta - LOWEST
    return 0.5 * ((off @ H) * off).sum(axis=-1)


def descend(name: str, lr: float, steps: int) -> dict[str, Any]:
    """Walk down the ravine; a rate that leads up above the start is given up."""
    theta = ag.Tensor(FROM, requires_grad=True)
    optimizer = make(name, [theta], lr)
    path, values = [FROM], [float(ravine(FROM))]
    for _ in range(steps):
        optimizer.zero_grad()
        ravine(theta).backward()
        optimizer.step()
        path.append(theta.data.copy())
        values.append(float(ravine(path[-1])))
        if values[-1] > values[0]:
            values.append(np.inf)
            break
    return {"lr": lr, "path": np.array(path), "f": values}


def draw(runs: dict[str, dict[str, Any]], options: Options) -> Any:
    """Curves of the training loss, a panel a family."""
    title = "The digits, each optimizer at its best rate"
    figure, panels = viz.subplots(1, 2, figsize=(10.4, 4.0), title=title, sharey=True)
    for axes, (family, members) in zip(panels, FAMILIES.items(), strict=True):
        for name in members:
            curve, label = runs[name]["training loss"], f"{name}, lr = {runs[name]['lr']:g}"
            axes.plot(range(1, len(curve) + 1), curve, linewidth=2, label=label)
        axes.set(title=family, xlabel="epoch", yscale="log")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(frameon=False)
    panels[0].set_ylabel("training loss (log scale)")
    return save(figure, options, "optimizers.png")


def draw_paths(walks: dict[str, dict[str, Any]], options: Options) -> Any:
    """The paths over the ravine's contours, a panel a family."""
    title = "A ravine 50 times as steep across as along"
    figure, panels = viz.subplots(1, 2, figsize=(10.4, 4.6), title=title, sharey=True)
    x, y = np.meshgrid(np.linspace(-4.5, 2.5, 200), np.linspace(-2.2, 2.8, 200))
    f = ravine(np.stack([x, y], axis=-1))
    for axes, (family, members) in zip(panels, FAMILIES.items(), strict=True):
        axes.contour(x, y, f, levels=np.geomspace(0.05, 60, 9), colors="#c3cad1", linewidths=0.8)
        for name, marker in zip(members, "os^Dv", strict=False):
            path = walks[name]["path"][:40]
            axes.plot(
                *path.T, linewidth=1.3, marker=marker, markersize=4, markerfacecolor="none",
                label=f"{name}, lr = {walks[name]['lr']:g}",
            )  # fmt: skip
        axes.plot(*LOWEST, "*", color="black", markersize=11)
        axes.set(title=f"{family}, first 40 steps", xlabel="θ₁", aspect="equal")
        axes.legend(frameon=False, fontsize="small", ncols=2, loc="lower right")
    panels[0].set_ylabel("θ₂")
    return save(figure, options, "optimizers_ravine.png")


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Train with each optimizer, and let each walk down the ravine."""
    options = parse(arguments, "optimizers", __doc__)
    epochs, rates, images = (3, RATES[4:7], 300) if options.quick else (20, RATES, None)
    data = digits(options, train=images, dtype=np.float32)
    runs = {
        name: best([train(name, lr, data, epochs, options) for lr in rates], "training loss")
        for name in OPTIMIZERS
    }
    steps = 100
    walks = {name: best([descend(name, lr, steps) for lr in RATES], "f") for name in OPTIMIZERS}
    print(f"the digits after {epochs} epochs, and the ravine's f after {steps} steps:")
    table(
        ["", "lr", "training loss", "validation accuracy", "lr in the ravine", "f"],
        [
            [
                name,
                f"{run['lr']:g}",
                f"{run['training loss'][-1]:.4f}",
                f"{run['validation accuracy']:.1%}",
                f"{walks[name]['lr']:g}",
                f"{walks[name]['f'][-1]:.1e}",
            ]
            for name, run in runs.items()
        ],
    )
    pictures = [draw(runs, options), draw_paths(walks, options)]
    return {"runs": runs, "walks": walks, "pictures": pictures}


if __name__ == "__main__":
    main()
