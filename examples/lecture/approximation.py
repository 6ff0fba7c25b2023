"""L3: one hidden layer approximates a continuous function better and better with more units.

The theorem (Hornik, 1991) says that with enough hidden units there are weights for any error. It
does not say that training finds them: here the best of a few random starts is kept, and how far the
starts lie apart is shown too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import autograd_core as ag
import nn
import optim
import viz

from .common import Array, Options, parse, save, table

POINTS = np.linspace(-1.0, 1.0, 101)


def target(x: Array) -> Array:
    """A continuous function: a wave that dies away, and a kink, where no tanh has one."""
    wave: Array = np.sin(3 * np.pi * x) * (1 - x) / 2 + abs(x - 0.4)
    return wave


def train(hidden: int, iterations: int, rng: np.random.Generator) -> nn.MLP:
    """Fit the function at all points at once, by BFGS with the engine's gradients."""
    model = nn.MLP([1, hidden, 1], activation="tanh", rng=rng)
    # The units' steps spread over the interval, rather than all in its middle.
    first = model.layers[0]
    first.weight.data = rng.normal(scale=4.0, size=(1, hidden))
    first.bias.data = -first.weight.data[0] * rng.uniform(-1.0, 1.0, size=hidden)
    x, y = POINTS[:, None], target(POINTS)[:, None]
    # Threads that wait for each other cost more here than they save: the arrays are small.
    with threadpool_limits(1, user_api="blas"):
        optim.minimize(
            lambda: nn.mse_loss(model(x), y),
            model.parameters(),
            "BFGS",
            options={"maxiter": iterations},
        )
    return model


@ag.no_grad()
def errors(model: nn.MLP) -> tuple[float, float]:
    """Root mean square and largest error, also between the points that it was trained on."""
    x = np.linspace(-1.0, 1.0, 1001)
    difference = model(x[:, None]).data[:, 0] - target(x)
    return float(np.sqrt(np.mean(difference**2))), float(abs(difference).max())


def draw(models: dict[int, nn.MLP], options: Options) -> Any:
    """The function and what networks of four sizes make of it."""
    sizes = list(models)
    chosen = [*sizes[:3], sizes[-1]]
    figure, panels = viz.subplots(2, 2, figsize=(9.0, 5.6), sharex=True, sharey=True)
    x = np.linspace(-1.0, 1.0, 1001)
    for axes, n in zip(panels.flat, chosen, strict=True):
        with ag.no_grad():
            fitted = models[n](x[:, None]).data[:, 0]
        axes.plot(x, fitted, label="the network", zorder=3)
        axes.plot(x, target(x), "-", color="silver", linewidth=4, label="the function")
        axes.set(title=f"{n} hidden unit{'s' if n > 1 else ''}", xlabel="x", ylabel="f(x)")
        axes.label_outer()
    figure.axes[0].legend(frameon=False)
    return save(figure, options, "approximation.png")


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Fit with more and more hidden units; print and draw the errors."""
    options = parse(arguments, "approximation", __doc__)
    sizes = [1, 2, 4, 8] if options.quick else [1, 2, 4, 8, 16, 32, 64]
    starts, iterations = (2, 60) if options.quick else (5, 300)

    best: dict[int, nn.MLP] = {}
    runs: dict[int, list[tuple[float, float]]] = {}
    for n in sizes:
        models = [train(n, iterations, options.rng(n, start)) for start in range(starts)]
        runs[n] = [errors(model) for model in models]
        best[n] = models[int(np.argmin([rms for rms, _ in runs[n]]))]
    found = {n: min(pairs) for n, pairs in runs.items()}

    print(f"the best of {starts} starts, BFGS, at most {iterations} iterations:")
    rows = [
        [n, f"{rms:.5f}", f"{largest:.5f}", f"{max(runs[n])[0]:.5f}"]
        for n, (rms, largest) in found.items()
    ]
    table(["hidden units", "rms error", "largest error", "rms of the worst start"], rows)

    # A curve for each start over the sizes, so that the spread of learning is seen as well.
    curves = [[float(np.log10(runs[n][k][0])) for n in sizes] for k in range(starts)]
    figure = viz.spread(
        {"random starts": curves},
        quantity="log₁₀ of the rms error",
        xlabel="hidden units",
        title="More hidden units, a smaller error",
    )
    figure.axes[0].set_xticks(range(1, len(sizes) + 1), sizes)
    pictures = [draw(best, options), save(figure, options, "approximation_errors.png")]
    return {
        "rms": {n: rms for n, (rms, _) in found.items()},
        "largest": {n: largest for n, (_, largest) in found.items()},
        "worst rms": {n: max(pairs)[0] for n, pairs in runs.items()},
        "pictures": pictures,
    }


if __name__ == "__main__":
    main()
