"""Overfitting a few examples with a copy of a model, watched at every step."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

import autograd_core as ag
from autograd_core import Tensor

from ..optimizers.optimizer import Optimizer
from ..optimizers.registry import make_optimizer
from .signals import Layer, Pass, layer_names, watch

if TYPE_CHECKING:
    from nn import Module

__all__ = ["KNOWN", "Overfitting", "Run", "classes"]

Loss = Callable[[Any, Any], Any]

#: What is left of the loss where there is nothing more to learn.
KNOWN = 0.01
#: The rate that is tried when none was given, with an optimizer that is named.
RATE = 0.01


@final
@dataclass
class Run:
    """One training of a copy on the few examples, by ``how``, at ``rate``."""

    how: str
    rate: float
    losses: list[float] = field(default_factory=list)
    layers: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    first: dict[str, Layer] = field(default_factory=dict)
    last: dict[str, Layer] = field(default_factory=dict)
    output: Any = None
    #: What the loss is to be small against: its start, or what knowing nothing would cost.
    scale: float = math.inf
    #: The paths of the parameters that ever got a gradient.
    reached: set[str] = field(default_factory=set)

    @property
    def leap(self) -> float:
        """By how much of their size the weights that move most do in a step, as a median."""
        ratios = [float(np.median(of["update to weight"])) for of in self.layers.values()]
        return max((ratio for ratio in ratios if math.isfinite(ratio)), default=0.0)

    @property
    def end(self) -> float:
        """The loss at the end: the median of the last steps, for it may jump about."""
        tail = self.losses[-max(1, len(self.losses) // 10) :]
        return float(np.median(tail)) if np.isfinite(tail).all() else math.inf


@final
class Overfitting:
    """Trains copies of a model on a few examples in one batch, by its optimizer, at any rate."""

    def __init__(
        self,
        model: Module,
        loss: Loss | None,
        optimizer: Optimizer | str,
        lr: float | None,
        steps: int,
    ) -> None:
        _check_optimizer(model, optimizer)
        self.model = model
        self.given = loss
        self.optimizer = optimizer
        # A rate that nobody chose is not to blame.
        self.chosen = lr is not None or isinstance(optimizer, Optimizer)
        self.lr = lr
        self.steps = steps

    def rows(self, array: Any, rows: NDArray[Any]) -> NDArray[Any]:
        """Take rows as the model does: floats in its own dtype, integers as they are."""
        taken = np.array(array[rows])
        floating = [p.dtype for p in self.model.parameters() if p.dtype.kind == "f"]
        return taken.astype(floating[0]) if taken.dtype.kind == "f" and floating else taken

    def copy(self) -> tuple[Any, Loss, dict[Tensor, str], dict[Tensor, Tensor]]:
        """Copy the model, and with it a loss that is a method of its own."""
        model, loss = copy.deepcopy((self.model, self.given))
        model.train()
        for module in model.modules():
            if hasattr(module, "rng"):  # what draws at random keeps from learning by heart
                module.training = False
        if loss is None:
            loss = _usual_loss
        names = layer_names(model.named_parameters())
        pairs = zip(self.model.parameters(), model.parameters(), strict=True)
        return model, loss, names, dict(pairs)

    def train(self, x: NDArray[Any], target: Any, lr: float | None) -> Run:
        """Train a copy at this rate, watched, until the examples are known or the steps done."""
        model, loss, names, copies = self.copy()
        optimizer = self._made(model, copies, lr)
        paths = {p: path for path, p in model.named_parameters()}
        run = Run(f"{type(optimizer).__name__} with lr={optimizer.lr:g}", optimizer.lr)
        for step in range(self.steps + 1):
            seen = watch(model, loss, x, target, names)
            run.losses.append(seen.loss)
            if not step:
                run.first, run.scale = seen.layers, self._scale(seen, target)
            run.last, run.output = seen.layers, seen.output
            run.reached |= {paths[p] for p in seen.gradients}
            known = 0 < seen.loss < KNOWN * run.scale
            if step == self.steps or known or not math.isfinite(seen.loss):
                break
            optimizer.zero_grad()
            for parameter, gradient in seen.gradients.items():
                parameter.grad = gradient
            before = {p: p.data for p in names}
            optimizer.step()
            _note(run, seen, names, before)
        return run

    def _scale(self, seen: Pass, target: Any) -> float:
        start = seen.loss
        if classes(seen.output, target):
            return min(start, math.log(seen.output.shape[1]))
        return start if self.given is not None else min(start, float(np.var(target)) or start)

    def _made(self, model: Any, copies: dict[Tensor, Tensor], lr: float | None) -> Optimizer:
        """Make the optimizer for the copies of the parameters."""
        given = self.optimizer
        if isinstance(given, str):
            trained = [p for p in model.parameters() if p.requires_grad]
            return make_optimizer(given, trained, lr=RATE if lr is None else lr)
        kind: Any = type(given)
        groups = [
            {**group, "params": [copies[p] for p in group["params"]]}
            for group in given.param_groups
        ]
        # A rate that a schedule took to 0 is not one to make an optimizer with.
        made: Optimizer = kind([{**group, "lr": 1.0} for group in groups], lr=1.0)
        for group, own in zip(made.param_groups, given.param_groups, strict=True):
            rate = own["lr"]
            if lr is not None:
                rate = rate * lr / given.lr if given.lr else lr
            group["lr"] = rate
        return made


def _note(run: Run, seen: Pass, names: dict[Tensor, str], before: dict[Tensor, Any]) -> None:
    """Add this step's statistics to the record of each layer."""
    for parameter, name in names.items():
        layer = seen.layers.get(name)
        if layer is None or layer.weight is not parameter or parameter not in seen.gradients:
            continue
        of = run.layers.setdefault(name, {})
        size = float(np.linalg.norm(before[parameter]))
        moved = float(np.linalg.norm(parameter.data - before[parameter]))
        for statistic, value in (
            ("pre-activation deviation", layer.deviation),
            ("pre-activation gradient", layer.gradient),
            ("gradient norm", float(np.linalg.norm(seen.gradients[parameter]))),
            ("update to weight", moved / size if size else math.inf),
            ("saturated", layer.saturated),
            ("dead units", layer.dead),
        ):
            if value is not None:
                of.setdefault(statistic, []).append(value)


def _check_optimizer(model: Any, optimizer: Any) -> None:
    """Refuse what is no optimizer of this model."""
    if isinstance(optimizer, str):
        return
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"diagnose: optimizer is an optimizer or the name of one, not {optimizer!r}; the rate "
            "is given as lr=..."
        )
    own = set(model.parameters())
    if any(p not in own for group in optimizer.param_groups for p in group["params"]):
        raise ValueError("diagnose: the optimizer has parameters that are not the model's")


def classes(output: Any, target: Any) -> bool:
    """Whether rows of the output are pre-activations, and targets the indices of the right one."""
    shape: tuple[int, ...] = getattr(output, "shape", ())
    return len(shape) == 2 and shape[1] > 1 and target.ndim == 1 and target.dtype.kind in "iub"


def _usual_loss(output: Any, target: Any) -> Any:
    """The cross-entropy for classes, else the squared error."""
    if classes(output, target):
        rows = np.arange(len(target)), target.astype(int)
        return -ag.mean(ag.log_softmax(output, axis=-1)[rows])
    shape = getattr(output, "shape", None)
    if shape is None:
        raise TypeError(
            f"diagnose: the model's output is an object of type {type(output).__name__}: give a "
            "loss that takes it"
        )
    if target.ndim == 1 and shape == (len(target), 1):
        target = target[:, None]
    if shape != target.shape:
        labels = target.shape == (*shape[:1], 1) and target.dtype.kind in "iub"
        hint = "; if they are labels, give them as y.ravel()" if labels else ""
        raise ValueError(
            f"diagnose: outputs of shape {shape} for targets of shape {target.shape}; give a loss "
            f"that takes these{hint}"
        )
    return ag.mean(ag.square(output - target.astype(output.dtype)))
