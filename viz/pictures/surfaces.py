"""Pictures over a 2-d input: what a neuron computes, and which class a model answers where."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

import autograd_core as ag

from .figures import BLACK, GRID, MARKERS, PALETTE, dress, new_figure, plain_text, read_span, values
from .given import asked_classes, asked_heights, features, named

__all__ = ["decision_regions", "neuron_surface"]

Array = NDArray[Any]
#: Takes points of shape (n, 2).
Function = Callable[[Any], Any]
#: What the two inputs are called where nothing else is known of them.
NAMES = ("x₁", "x₂")
#: So many classes are drawn; where colours are used again, names stand in the regions.
CLASSES = 2 * len(PALETTE)
#: Of more examples so many are drawn, chosen at random, always the same.
DOTS = 2_000


def neuron_surface(
    neuron: Any,
    *,
    span: tuple[float, float] = (-5.0, 5.0),
    resolution: int = 81,
    names: tuple[str, str] | None = None,
    output: str = "h(x)",
    title: str | None = None,
) -> Any:
    """Draw a function of a 2-d input as a surface, and from above, as a matplotlib figure.

    For an artificial neuron, h(x) = g(b + Σ wᵢxᵢ), the surface is a ridge: it varies along w only.
    ``neuron`` maps points of shape (n, 2) to (n,) or (n, 1): a module, or any function of an array,
    or a fitted estimator (its decision function, or the second class's probability, or what it
    predicts); a mapping from titles to such draws them side by side at one scale. Both inputs run
    over ``span``. A module is used in evaluation mode and left in the mode it had.

    Raises:
        ValueError: another shape came back, or a value that is not finite.
        ImportError: no matplotlib.

    >>> figure = neuron_surface(lambda x: np.tanh(x @ [1.0, 2.0]))
    >>> [axes.get_title() for axes in figure.axes[:2]]
    ['', 'from above']
    """
    neurons = _by_title(neuron, "neuron_surface", asked_heights)
    names = names or features(neuron) or NAMES
    low, high = read_span(span, "neuron_surface")
    axis = np.linspace(low, high, _count(resolution, "neuron_surface"))
    grid = np.meshgrid(axis, axis)
    points = np.stack(grid, axis=-1).reshape(-1, 2)
    heights = {name: _heights(f, points, name).reshape(grid[0].shape) for name, f in neurons}
    bottom, top = (float(pick([pick(h) for h in heights.values()])) for pick in (np.min, np.max))
    if top - bottom < 1e-12 * max(1.0, abs(top)):
        bottom, top = bottom - 0.5, top + 0.5
    n = len(heights)
    size = (3.6 * n + 0.8, 6.4) if n > 1 else (8.8, 4.1)
    figure = new_figure(*size, "neuron_surface", title)
    if n == 1:
        # Words of axes in space reach beyond what the layout knows of.
        figure.get_layout_engine().set(wspace=0.06, h_pad=0.12)
    from matplotlib.ticker import MaxNLocator

    rows, columns = (2, n) if n > 1 else (1, 2)
    levels = np.linspace(bottom, top, 14)
    above = []
    for i, (name, height) in enumerate(heights.items()):
        axes = figure.add_subplot(rows, columns, i + 1, projection="3d")
        axes.plot_surface(
            *grid, height, cmap="cividis", vmin=bottom, vmax=top, rcount=61, ccount=61,
            linewidth=0, antialiased=False, rasterized=True,
        )  # fmt: skip
        axes.set(xlabel=plain_text(names[0]), ylabel=plain_text(names[1]), zlim=(bottom, top))
        axes.set_zlabel(plain_text(output))
        axes.view_init(elev=28, azim=-60)
        axes.set_box_aspect((1, 1, 0.7), zoom=1.0)
        axes.set_title(plain_text(name), fontsize="medium")
        flat = figure.add_subplot(rows, columns, n + i + 1)
        flat.set_aspect("equal")
        filled = flat.contourf(*grid, height, levels=levels, cmap="cividis")
        flat.contour(
            *grid, height, levels=levels[1:-1:2], colors="white", linewidths=0.5, linestyles="solid"
        )  # fmt: skip
        dress(flat, *names, "from above")
        flat.grid(visible=False)
        above.append(flat)
    bar = figure.colorbar(filled, ax=above, shrink=0.9)
    bar.locator = MaxNLocator(5)
    bar.update_ticks()
    bar.set_label(plain_text(output))
    return figure


def decision_regions(
    predict: Any,
    X: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    span: tuple[float, float] = (-5.0, 5.0),
    resolution: int = 301,
    names: tuple[str, str] | None = None,
    title: str | None = None,
) -> Any:
    """Draw which class a classifier answers at each point of a plane, with the examples on it.

    ``X`` has shape (n, 2) and ``y`` a class for each row. ``predict`` maps points of shape (m, 2)
    to m classes, as those of ``y``, or to scores of shape (m, classes), of which the largest wins
    and column k means class k, or of shape (m, 1): the pre-activation of a single output, which
    tells by its sign between the two classes of ``y``, 0 and 1 for instance. A fitted estimator is
    asked by its ``predict``. A mapping from titles to such draws them side by side. Examples that
    it gets wrong are crossed out and counted; of more than 2,000 examples so many are drawn, and
    all counted. A module is used in evaluation mode and left in the mode it had.

    Without ``X`` both inputs run over ``span``; without ``y`` the examples are dots.

    Returns the matplotlib figure. Up to 16 classes; of more than 8, which is what colours tell
    apart, the names stand in the regions too.

    Raises:
        ValueError: other shapes, more classes, NaN or inf.
        ImportError: no matplotlib.

    >>> X, y = [[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]], [0, 1, 0]
    >>> figure = decision_regions(lambda x: (x[:, 0] > 0.5).astype(int), X, y)
    >>> figure.axes[0].get_title()
    '1 of 3 wrong'
    """
    predicts = _by_title(predict, "decision_regions", asked_classes)
    names = names or features(X) or features(predict) or NAMES
    points, labels = _examples(X, y)
    if len(points):
        low, high = points.min(axis=0), points.max(axis=0)
        margin = 0.15 * np.where(high > low, high - low, 1.0)
        low, high = low - margin, high + margin
    else:
        low, high = np.array([read_span(span, "decision_regions")] * 2).T
    count = _count(resolution, "decision_regions")
    axes_of = [np.linspace(low[i], high[i], count) for i in (0, 1)]
    grid = np.stack(np.meshgrid(*axes_of), axis=-1).reshape(-1, 2)
    everywhere = np.concatenate([grid, points])
    found = {name: np.split(_classes(f, everywhere, labels), [len(grid)]) for name, f in predicts}
    told = [answer for pair in found.values() for answer in pair if len(answer)]
    classes = _all_classes(labels, told)
    figure = new_figure(4.2 * len(found) + 1.2, 4.2, "decision_regions", title)
    panels = figure.subplots(1, len(found), squeeze=False)[0]
    colours, markers = 2 * PALETTE, MARKERS + MARKERS[1:] + MARKERS[:1]
    tints = np.array([_tint(colour) for colour in colours])
    drawn = np.arange(len(points))
    if len(points) > DOTS:
        drawn = np.sort(np.random.default_rng(0).choice(len(points), DOTS, replace=False))
    small = min(1.0, max(0.2, 300 / max(1, len(drawn))))
    for axes, (name, (regions, answers)) in zip(panels, found.items(), strict=True):
        index = np.searchsorted(classes, regions).reshape(len(axes_of[1]), len(axes_of[0]))
        axes.imshow(
            tints[index], origin="lower", extent=(low[0], high[0], low[1], high[1]),
            interpolation="nearest", aspect="auto",
        )  # fmt: skip
        for k in range(len(classes)):
            if 0 < np.count_nonzero(index == k) < index.size:
                axes.contour(
                    *axes_of, index == k, levels=[0.5], colors=[BLACK], linewidths=0.8
                )  # fmt: skip
            if len(classes) > len(PALETTE) and np.any(index == k):
                row, column = _inmost(index == k)
                axes.text(
                    axes_of[0][column], axes_of[1][row], plain_text(str(classes[k])),
                    ha="center", va="center", weight="bold", color=BLACK, zorder=5,
                    bbox={"facecolor": "white", "alpha": 0.85, "linewidth": 0, "pad": 1.5},
                )  # fmt: skip
            # With no examples there is nothing on the region but its name in the legend.
            shown = drawn[labels[drawn] == classes[k]] if labels is not None else drawn[:0]
            axes.scatter(
                *points[shown].T, s=46 * small, color=colours[k], marker=markers[k],
                edgecolor="white", linewidth=0.8 * small, zorder=3,
                label=plain_text(f"class {classes[k]}"),
            )  # fmt: skip
        if labels is None:
            axes.scatter(*points[drawn].T, s=14, color=BLACK, linewidth=0, zorder=3)
            dress(axes, *names, name)
        else:
            wrong = answers != labels
            crossed = drawn[wrong[drawn]]
            axes.scatter(
                *points[crossed].T, s=110 * small, color=BLACK, marker="x",
                linewidth=1.4 * small**0.5, zorder=4, label="wrong",
            )  # fmt: skip
            counted = f"{np.count_nonzero(wrong):,} of {len(labels):,} wrong"
            if len(drawn) < len(points):
                counted += f", {len(drawn):,} drawn"
            dress(axes, *names, f"{name}: {counted}" if name else counted)
        axes.grid(visible=False)
    handles, words = panels[0].get_legend_handles_labels()
    if labels is not None and not any(np.any(a != labels) for _, a in found.values()):
        handles, words = handles[:-1], words[:-1]
    legend = figure.legend(handles, words, loc="outside right upper", frameon=True)
    legend.get_frame().set_edgecolor(GRID)
    return figure


def _by_title(
    f: Any, who: str, read: Callable[[Any, str], Function | None]
) -> list[tuple[str, Function]]:
    """The functions to draw by their titles; a single one has none."""
    given = dict(f) if isinstance(f, Mapping) else {"": f}
    if not given:
        raise ValueError(f"{who}: nothing to draw: the mapping is empty")
    functions = []
    for name, each in given.items():
        function = read(each, who)
        if function is None:
            raise TypeError(
                f"{who}: expected a function of points of shape (n, 2), a module or a fitted "
                f"estimator{f' for {name!r}' if name else ''}, got {named(each)}"
            )
        functions.append((name, function))
    return functions


def _heights(f: Function, points: Array, name: str) -> Array:
    height = _evaluate(f, points)
    told = f" {name!r}" if name else ""
    if height.shape not in ((len(points),), (len(points), 1)):
        raise ValueError(
            f"neuron_surface: for points of shape {points.shape} the function{told} gave shape "
            f"{height.shape}, expected ({len(points)},) or ({len(points)}, 1); draw one output at "
            "a time, for instance lambda x: model(x)[:, 0]"
        )
    height = height.reshape(-1).astype(float)
    if not np.isfinite(height).all():
        at = points[int(np.flatnonzero(~np.isfinite(height))[0])]
        raise ValueError(
            f"neuron_surface: the function{told} is not finite at x = ({at[0]:.3g}, {at[1]:.3g})"
        )
    return height


def _classes(f: Function, points: Array, labels: Array | None) -> Array:
    """The class for each point, from classes or from scores."""
    answer = _evaluate(f, points)
    n = len(points)
    if answer.shape == (n,):
        return answer
    if answer.ndim != 2 or len(answer) != n or not answer.shape[1]:
        raise ValueError(
            f"decision_regions: for points of shape {points.shape} predict gave shape "
            f"{answer.shape}, expected ({n},) classes, ({n}, classes) scores or ({n}, 1) "
            "pre-activations"
        )
    if np.isnan(answer).any():
        raise ValueError("decision_regions: predict gave scores that are NaN")
    if answer.shape[1] > 1:
        best: Array = answer.argmax(axis=1)
        return best
    if answer.min() >= 0 and answer.max() <= 1:
        raise ValueError(
            "decision_regions: predict gave one score for each point, which is read as a "
            "pre-activation whose sign tells the class, but all lie from 0 to 1, as probabilities "
            "do; give classes instead, for instance lambda x: model(x)[:, 0] > 0.5"
        )
    two: Array = _two_classes(labels)[(answer[:, 0] > 0).astype(int)]
    return two


def _two_classes(labels: Array | None) -> Array:
    """The classes that a negative and a positive score mean."""
    if labels is None:
        return np.array([0, 1])
    classes = np.unique(labels)
    if classes.dtype.kind in "biuf" and set(classes) <= {0, 1}:
        return np.array([0, 1], dtype=classes.dtype)
    if len(classes) != 2:
        raise ValueError(
            f"decision_regions: one score tells two classes apart, and y has {len(classes)}"
        )
    return classes


def _all_classes(labels: Array | None, answers: list[Array]) -> Array:
    every = answers if labels is None else [labels, *answers]
    if len({bool(array.dtype.kind in "USO") for array in every}) > 1:
        raise ValueError(
            f"decision_regions: y holds {every[0].dtype} and predict gave {every[-1].dtype}: the "
            "classes must be of one kind"
        )
    classes = np.unique(np.concatenate(every))
    if len(classes) > CLASSES:
        hint = "predict its class, not a score" if answers[0].dtype.kind == "f" else "use fewer"
        raise ValueError(
            f"decision_regions: there are {len(classes)} classes in y and in what predict gave, "
            f"and no more than {CLASSES} are told apart; {hint}"
        )
    return classes


def _inmost(inside: Array) -> tuple[int, int]:
    """A cell far from the edge of a region: what is left when its rim is taken off again and again.

    >>> _inmost(np.eye(5) + np.eye(5, k=1) + np.eye(5, k=-1) > 0)
    (2, 2)
    """
    left = inside
    while np.any(inside):
        left = inside
        padded = np.pad(inside, 1)
        inside = padded[1:-1, 1:-1] & padded[:-2, 1:-1] & padded[2:, 1:-1]
        inside &= padded[1:-1, :-2] & padded[1:-1, 2:]
    rows, columns = np.nonzero(left)
    middle = len(rows) // 2
    return int(rows[middle]), int(columns[middle])


def _examples(X: ArrayLike | None, y: ArrayLike | None) -> tuple[Array, Array | None]:
    """The examples, of which there may be none, and their classes, if these are known."""
    if X is None:
        if y is not None:
            raise ValueError("decision_regions: y has classes, and there is no X; pass both")
        return np.empty((0, 2)), None
    points, labels = values(X), None if y is None else values(y)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ValueError(
            f"decision_regions: X must have shape (n, 2), two numbers for each of at least one "
            f"example, got {points.shape}"
        )
    if labels is not None and labels.shape != (len(points),):
        raise ValueError(
            f"decision_regions: y must have shape ({len(points)},), a class for each row of X, "
            f"got {labels.shape}"
        )
    points = points.astype(float)
    if not np.isfinite(points).all():
        row = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
        raise ValueError(f"decision_regions: X has {points[row]} in row {row}")
    return points, labels


def _evaluate(f: Function, points: Array) -> Array:
    """Apply ``f`` without recording and, a module, in evaluation mode and in its own dtype."""
    owned = f.parameters() if hasattr(f, "parameters") else ()
    dtype = next((p.dtype for p in owned), points.dtype)
    with ag.no_grad(), _evaluation(f):
        try:
            return values(f(points.astype(dtype)))
        except Exception as error:
            error.add_note(f"(drawn over two inputs: called with points of shape {points.shape})")
            raise


@contextlib.contextmanager
def _evaluation(f: Any) -> Iterator[None]:
    modes = [(m, m.training) for m in f.modules()] if hasattr(f, "modules") else []
    for module, _ in modes:
        module.training = False
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _count(resolution: int, who: str) -> int:
    if not isinstance(resolution, (int, np.integer)) or resolution < 2:
        raise ValueError(f"{who}: resolution is a whole number from 2 up, not {resolution!r}")
    return int(resolution)


def _tint(colour: str) -> Array:
    """The colour mixed with white: light behind the points, and still told apart."""
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return 0.38 * rgb + 0.62
