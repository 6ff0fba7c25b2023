"""Diagnosis of a network that does not learn: what a person looks at first, looked at in turn."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

import autograd_core as ag
from autograd_core import Tensor

from ..data.arrays import check_finite
from ..optimizers.optimizer import Optimizer
from .findings import Diagnosis, Finding
from .overfitting import Overfitting, Run, classes
from .signals import watch
from .suspicions import look_at_inputs, look_at_labels, look_at_neighbours, look_at_values
from .symptoms import look_at_deaths, look_at_depth, look_at_equals, look_at_reach, look_at_units

if TYPE_CHECKING:
    from nn import Module

__all__ = ["diagnose"]

Loss = Callable[[Any, Any], Any]

#: Rows that units and signals are judged on before training, and how many it takes for units.
MANY, FEW = 500, 10
#: Learning rates that are tried where the given one does not do.
RATES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
#: What is left of the loss, or the share of right classes, that counts as learnt by heart; and the
#: share below which it is not (in between a few more steps may do, or two examples are too alike).
LEFT, RIGHT, WRONG = 0.1, 0.98, 0.9
#: A step that moves weights by this much of their size, and a loss that rises to this many times
#: its start, are those of too high a rate even where it ends well.
LEAP, RISE = 0.5, 10.0


def diagnose(
    model: Module,
    X: Any,
    y: Any = None,
    loss: Loss | None = None,
    *,
    optimizer: Optimizer | str = "adam",
    lr: float | None = None,
    examples: int = 50,
    steps: int = 200,
    rng: np.random.Generator | None = None,
) -> Diagnosis:
    """Overfit a few examples with a copy of the model, and say what looks wrong and what to try.

    A network that cannot learn 50 examples by heart will learn nothing from many (lecture L22). On
    the way it looks for inputs that are not standardized; constant, shifted, missing or
    contradictory labels and rows out of step; saturated sigmoid and tanh and dead ReLU units;
    signals and gradients that vanish or explode with depth (L23); parameters that no gradient
    reaches, units that start equal; a learning rate too high or too low, by trying others.

    ``loss(output, target)`` is the loss that ``fit`` would be given; without one it is the
    cross-entropy of pre-activations for integer labels of shape (n,), and else the squared error.
    Without ``y`` the target is X. ``optimizer`` is a name or the optimizer that the model is
    trained by, of which the kind and the settings are taken; ``lr`` replaces its rate. The
    ``examples`` are drawn by ``rng`` (by default always the same), and are one batch for
    ``steps`` steps, without what draws at random (dropout, noise).

    The model, its buffers and its mode, the optimizer, and all random generators stay what they
    are (but ``rng``, which draws).

    Raises:
        ValueError: NaN or infinity in X or y, by row and column; lengths that differ; no
            parameter that is trained; parameters of the optimizer that are not the model's.

    >>> import nn, optim
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 4))
    >>> model = nn.MLP([4, 16, 2], activation="relu", rng=rng)
    >>> diagnosis = optim.diagnose(model, X, 1 + (X[:, 0] > 0))
    >>> for finding in diagnosis.findings:
    ...     print(finding)
    shifted labels (y): labels go from 1 to 2, and 2 outputs stand for 0 to 1
    Try: y - 1, or np.unique(y, return_inverse=True)[1], counts from 0
    """
    if not hasattr(model, "named_parameters"):
        raise TypeError(f"diagnose: the model is an nn.Module, not {type(model).__name__}")
    inputs, targets = _arrays(X, y)
    generator = np.random.default_rng(0) if rng is None else rng
    if not isinstance(generator, np.random.Generator):
        raise TypeError(f"diagnose: rng must be a NumPy Generator, not {rng!r}")
    if loss is not None and not callable(loss):
        raise TypeError(
            f"diagnose: loss is a function of output and target, as nn.cross_entropy, not {loss!r}"
        )
    for name, value in (("examples", examples), ("steps", steps)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"diagnose: {name} must be a whole number from 1 up, not {value!r}")
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError("diagnose: the model has no parameter that requires a gradient")
    # What the copy draws is from a generator of its own; what overflows shows in a finding.
    with ag.seed(0), np.errstate(all="ignore"):
        practice = Overfitting(model, loss, optimizer, lr, int(steps))
        return _Examination(practice).run(inputs, targets, int(examples), generator)


@final
class _Examination:
    """What `diagnose` does, step by step."""

    def __init__(self, practice: Overfitting) -> None:
        self.practice = practice
        self.model = practice.model
        self.findings: list[Finding] = []

    def run(self, X: Any, y: Any, examples: int, rng: np.random.Generator) -> Diagnosis:
        """Look at the data, at the untrained model, and at how it learns."""
        n, rows_of = len(X), self.practice.rows
        some = np.sort(rng.choice(n, min(n, MANY), replace=False))
        few = np.sort(rng.choice(some, min(len(some), examples), replace=False))
        many, x = rows_of(X, some), rows_of(X, few)
        indices = many.dtype.kind in "iu" and any(
            type(module).__name__ == "Embedding" for module in self.model.modules()
        )
        self.findings += look_at_inputs(many, indices)
        target = X
        if y is not None:
            with ag.no_grad():
                shape = getattr(self.practice.copy()[0](x[:2]), "shape", ())
            target = self._targets(y, shape)
            if not indices:
                self.findings += look_at_neighbours(X, target, rng)
        if any(found.kind == "labels out of range" for found in self.findings):
            return self._untrained("labels that no output stands for cannot be trained on")
        if not math.isfinite(self._before(many, rows_of(target, some))):
            return self._untrained("the loss is not finite before the first step")
        run, fitted = self._trained(x, rows_of(target, few))
        return Diagnosis(
            type(self.model).__name__,
            f"{len(few)} of {n} examples in one batch, by {run.how}",
            tuple(self.findings),
            run.layers,
            run.losses,
            _accuracy(run.output, rows_of(target, few)),
            fitted,
        )

    def _untrained(self, why: str) -> Diagnosis:
        kind = type(self.model).__name__
        return Diagnosis(kind, why, tuple(self.findings), {}, [], None, None)

    # -- before training ------------------------------------------------------------------------

    def _targets(self, y: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """Look at the targets beside the outputs' shape; return them as they should be."""
        if y.ndim == 1 and len(shape) == 2 and shape[1] == 1:
            self.findings.append(
                Finding(
                    "shapes that broadcast",
                    "y",
                    "outputs have shape (n, 1) and y has shape (n,): their difference is n × n",
                    "y[:, None]",
                )
            )
        if len(shape) != y.ndim + 1 or shape[-1] == 1:
            self.findings += look_at_values(y)
            return y
        if y.dtype.kind == "f":
            whole = bool((y == np.round(y)).all())
            if whole:
                self.findings.append(
                    Finding(
                        "labels that are no integers",
                        "y",
                        f"y holds whole numbers as {y.dtype}, for {shape[-1]} outputs",
                        "y.astype(int), for classes are indices",
                    )
                )
            # A loss of the user's takes them as they are, it seems.
            if not whole or self.practice.given is not None:
                return y
            y = y.astype(int)
        found, shift = look_at_labels(y, shape[-1])
        self.findings += found
        return y - y.dtype.type(shift) if shift else y

    def _before(self, X: NDArray[Any], target: Any) -> float:
        """Judge units and signals on many rows; returns the loss."""
        model, loss, names, _ = self.practice.copy()
        seen = watch(model, loss, X, target, names)
        self.findings += look_at_equals(seen.layers)
        # A single example or two have units that are 0 for all of them.
        self.findings += look_at_units(seen.layers) if len(X) >= FEW else []
        self.findings += look_at_depth(seen.layers)
        if not math.isfinite(seen.loss):
            remedy = (
                "smaller initial weights, standardized inputs; autograd_core.inspect() finds the "
                "operation that made the first inf or nan"
            )
            told = f"it is {seen.loss} before the first step"
            self.findings.append(Finding("loss not finite", "", told, remedy))
        return seen.loss

    # -- how it learns --------------------------------------------------------------------------

    def _trained(self, x: NDArray[Any], target: Any) -> tuple[Run, bool | None]:
        """Train on the few examples, by another rate if need be; returns whether it knows them."""
        run = self.practice.train(x, target, self.practice.lr)
        trained = [path for path, p in self.model.named_parameters() if p.requires_grad]
        self.findings += look_at_reach(trained, run.reached)
        self.findings += look_at_deaths(run.first, run.last)
        fitted = self._fitted(run, target)
        start, chosen = run.losses[0], self.practice.chosen
        leaps = chosen and (run.leap > LEAP or max(run.losses) > RISE * abs(start))
        if fitted and not leaps:
            return run, fitted
        went = f"{run.how} took the loss from {start:.3g} to {run.end:.3g}"
        if not chosen and (self.findings or (fitted is None and run.end < start)):
            # There are reasons enough, or it goes down, and there is no rate to judge.
            if fitted is False:
                self.findings.append(_not_learnt(went))
            return run, fitted
        lower_only = leaps or not run.end <= start
        trials = [
            self.practice.train(x, target, rate)
            for rate in RATES
            if rate < run.rate or not lower_only
        ]
        trials = [trial for trial in trials if trial.leap < LEAP]
        gain = start - min((trial.end for trial in trials), default=math.inf)
        if not gain > 0.05 * abs(start):
            if fitted is False or (fitted is None and gain <= 0):
                self.findings.append(_not_learnt(f"{went}, and no rate does better"))
            return run, fitted
        # In the middle of those that do about as well as the best.
        good = [trial for trial in trials if start - trial.end >= 0.9 * gain]
        best = good[(len(good) - 1) // 2]
        if not chosen:
            fitted = self._fitted(best, target)
            if fitted is False:
                told = f"{went}, and {best.how} to {best.end:.3g}"
                self.findings.append(_not_learnt(told))
            return best, fitted
        slower = start - run.end < 0.5 * gain and not run.rate / 3 < best.rate < run.rate * 3
        if leaps or slower:
            self.findings.append(_bad_rate(run, best, went))
        elif fitted is False:
            steps = len(run.losses) - 1
            told = f"{went} in {steps} steps, and lr={best.rate:g} to {best.end:.3g}"
            # Another rate does it, and this one is on its way.
            sooner = f"more steps, or lr={best.rate:g}" if best.end < LEFT * start else None
            self.findings.append(_not_learnt(told, sooner))
        return run, fitted

    def _fitted(self, run: Run, target: Any) -> bool | None:
        """Whether the few examples were learnt; None if nearly, or if the least loss is unknown."""
        accuracy = _accuracy(run.output, target)
        if accuracy is not None:
            return True if accuracy >= RIGHT else None if accuracy >= WRONG else False
        if self.practice.given is None:
            return run.end <= LEFT * run.scale
        return True if run.scale > 0 and run.end <= LEFT * run.scale else None


def _bad_rate(run: Run, best: Run, went: str) -> Finding:
    high = best.rate < run.rate
    seen = f"{went} in {len(run.losses) - 1} steps, and lr={best.rate:g} takes it to {best.end:.3g}"
    if run.layers:
        seen += f"; weights move by {run.leap:.0e} of their size a step, where 1e-3 is usual"
    remedy = f"lr={best.rate:g}, and rates about it"
    if high:
        remedy += ", gradient clipping, warm-up"
    return Finding(f"learning rate too {'high' if high else 'low'}", "", seen, remedy)


def _not_learnt(seen: str, remedy: str | None = None) -> Finding:
    remedy = remedy or (
        "see to the findings above first; then more steps and more units, and less regularisation. "
        "Check gradients of your own (autograd_core.testing.check_gradients), and that the loss is "
        "that of the output: pre-activations, not probabilities"
    )
    return Finding("few examples not learnt", "", seen, remedy)


def _arrays(X: Any, y: Any) -> tuple[Any, Any]:
    arrays: list[Any] = []
    for name, given in (("X", X), ("y", y)):
        if given is None:
            arrays.append(None)
            continue
        array = given.data if isinstance(given, Tensor) else given
        if not hasattr(array, "shape") or hasattr(array, "iloc"):
            array = np.asarray(array)
        if not array.shape or not len(array):
            raise ValueError(f"diagnose: {name} must have rows, and has shape {array.shape}")
        if array.dtype.kind not in "biuf":
            raise TypeError(
                f"diagnose: {name} must hold numbers, not {array.dtype}; labels are integers, "
                "which np.unique(y, return_inverse=True)[1] makes"
            )
        arrays.append(check_finite(array, name, "diagnose"))
    inputs, targets = arrays
    if inputs is None:
        raise TypeError("diagnose: X is None")
    if targets is not None and len(targets) != len(inputs):
        raise ValueError(f"diagnose: X has {len(inputs)} rows and y has {len(targets)}")
    return inputs, None if targets is None else np.asarray(targets)


def _accuracy(output: Any, target: Any) -> float | None:
    if not classes(output, target):
        return None
    return float(np.mean(np.argmax(output, axis=-1) == target))
