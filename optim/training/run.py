"""Training under way: the loop over epochs and batches, and all that it depends on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn, final

import numpy as np

from ..optimizers.clipping import clip_grad_norm, clip_grad_value
from ..optimizers.flat import all_finite
from ..optimizers.optimizer import Optimizer
from ..schedules.early_stopping import EarlyStopping
from ..schedules.scheduler import Scheduler
from .callbacks import Callback
from .divergence import AGAIN, TOO_LARGE, DivergenceError, explain, nonfinite_names
from .feed import Feed
from .history import History
from .interrupts import Interrupts, deferred
from .metrics import Metric, measure, set_modes
from .progress import Progress
from .randomness import generators, moved
from .resuming import describe
from .steps import Gradients, updater, weigher

if TYPE_CHECKING:
    from nn import Module

__all__ = ["Training"]

#: Values of parameters and buffers, and states of generators, to go back to.
Past = tuple[list[Any], list[tuple[np.random.Generator, Any]]]


@final
class Training:
    """A run of `fit`: what callbacks are given, and what a checkpoint is of.

    ``model``, ``optimizer``, ``history``
        what is trained, by what, and the epochs so far.
    ``epoch``, ``batch``, ``step``
        of the last update: its epoch and its batch in there, from 1, and how many there were.
    ``epochs``
        how many there are to be.
    ``loss``
        of the last batch, without the penalty.
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        gradients: Gradients,
        loss: Callable[[Any, Any], Any],
        feed: Feed,
        validation: Feed | None,
        *,
        epochs: int,
        metrics: tuple[dict[str, Metric], dict[str, Metric]],
        scheduler: Scheduler | None,
        scheduled_by: str,
        told: str | None,
        early_stopping: EarlyStopping | None,
        clip_norm: float | None,
        clip_value: float | None,
        penalised: bool,
        callbacks: Sequence[Callback],
        save: Callable[[Training, bool], None] | None,
        save_every: int | None,
        progress: bool | None,
    ) -> None:
        self.model, self.optimizer, self.history = model, optimizer, History()
        self.epochs, self.epoch, self.batch, self.step = epochs, 1, 0, 0
        self.loss = math.nan
        self.feed, self.scheduler, self.early_stopping = feed, scheduler, early_stopping
        self.callbacks = list(callbacks)
        #: Sums over the epoch's batches so far, of loss and penalty times weight; and of weights.
        self.sums = [0.0, 0.0, 0.0]
        self._gradients, self._loss, self._validation = gradients, loss, validation
        self._metrics, self._training_metrics = metrics
        self.scheduled_by, self._told, self._penalised = scheduled_by, told, penalised
        self._clips = [
            (clip, limit)
            for clip, limit in ((clip_grad_norm, clip_norm), (clip_grad_value, clip_value))
            if limit is not None
        ]
        self._save, self._save_every = save, save_every
        self._progress = progress
        #: Why training ends, once something asked for it.
        self.reason: str | None = None
        self._interrupts = Interrupts()
        #: The modes that the modules are given back at the end.
        self._modes = [(module, module.training) for module in model.modules()]
        # Buffers as well: normalisation writes them while the loss is computed.
        named = getattr(model, "named_buffers", list)
        self._tensors = [*optimizer.parameters]
        known = set(self._tensors)
        for _, tensor in (*model.named_parameters(), *named()):
            if tensor not in known:
                known.add(tensor)
                self._tensors.append(tensor)
        #: All that is random.
        held_out = () if validation is None else validation.generators
        self.generators = generators(model, [*feed.generators, *held_out])

    @cached_property
    def about(self) -> dict[str, Any]:
        """What a checkpoint must agree with."""
        return describe(self)

    @property
    def measures(self) -> list[str]:
        """Names of what the history has for each epoch."""
        names = ["training loss", *(["penalty"] if self._penalised else []), "learning rate"]
        names += [f"training {name}" for name in self._training_metrics]
        if self._validation is not None:
            names += ["validation loss", *(f"validation {name}" for name in self._metrics)]
        return names

    def stop(self, reason: str) -> None:
        """End the training after this batch or epoch; ``history.stopped`` will say why."""
        if not isinstance(reason, str) or not reason:
            raise TypeError(f"stop takes the reason in words, not {reason!r}")
        self.reason = self.reason or reason

    # -- the loop -----------------------------------------------------------------------------

    def run(self, whole: bool) -> History:
        """Train until something ends it; ``whole`` if the next epoch starts at its beginning."""
        self._monitor()
        hooks = {
            name: [
                getattr(each, name)
                for each in self.callbacks
                if getattr(type(each), name) is not getattr(Callback, name)
            ]
            for name in ("on_start", "on_batch", "on_epoch", "on_end")
        }
        bar = Progress(self._progress, self.epochs, self.feed.length, self.step)
        try:
            with deferred() as self._interrupts:
                if not self.model.training:
                    self.model.train()
                try:
                    for hook in hooks["on_start"]:
                        hook(self)
                    self._epochs(hooks, bar, whole)
                except KeyboardInterrupt:
                    # Of a second Ctrl-C, or raised by the data, the loss or a callback.
                    self.reason = self._where("interrupted")
                self.history.stopped = self.reason
                if self.early_stopping is not None and self.early_stopping.best_state is not None:
                    self.early_stopping.restore(self.model)
                for hook in hooks["on_end"]:
                    hook(self)
        finally:
            bar.close()
            set_modes(self._modes)
            # A later backward() would add to the last batch's gradients.
            for tensor in self._tensors:
                tensor.zero_grad()
        return self.history

    def _epochs(self, hooks: dict[str, list[Any]], bar: Progress, whole: bool) -> None:
        while self.reason is None:
            if whole and self.history.epochs >= self.epochs:
                self.reason = f"all {self.epochs} epochs are done"
                return
            if whole:
                self.epoch, self.batch, self.sums = self.history.epochs + 1, 0, [0.0, 0.0, 0.0]
            whole = True
            if not self._train(hooks["on_batch"], bar):
                return
            self._end_epoch(hooks["on_epoch"], bar)

    def _train(self, hooks: list[Any], bar: Progress) -> bool:
        """Go through an epoch, or the rest of one; False if it was broken off."""
        optimizer, compute, sums = self.optimizer, self._gradients, self.sums
        parameters, tensors, random = optimizer.parameters, self._tensors, self.generators
        update, clips, first = updater(optimizer), self._clips, True
        per_step = self.scheduler if self.scheduled_by == "step" else None
        weigh = weigher(self._loss)
        isfinite, interrupts, every = math.isfinite, self._interrupts, self._save_every
        before: Past | None = None
        for x, y in self.feed:
            # Values are never written in place, so to hold them is to be able to go back.
            held = [tensor._value for tensor in tensors]
            states = [(each, each.bit_generator.state) for each in random] if random else []
            try:
                optimizer.zero_grad()
                value, penalty = compute(x, y)
                if not isfinite(value + penalty) or (
                    clips and not all_finite(parameter.grad for parameter in parameters)
                ):
                    self._diverged((held, states), x, y, before, value)
                for clip, limit in clips:
                    clip(parameters, limit)
                # What was before is let go, or the optimizer would need a buffer more.
                past, before = before, (held, states)
                del past
                if not update():
                    self._diverged((held, states), x, y, None, value)
            except BaseException as error:
                if (
                    before is not None
                    and isinstance(error, (ArithmeticError, Warning))
                    and not isinstance(error, DivergenceError)
                    and not all_finite(held)
                ):
                    # NumPy was told to raise what else would have shown in the loss.
                    self._diverged((held, states), x, y, before, math.nan)
                self._go_back((held, states))
                if not isinstance(error, (DivergenceError, KeyboardInterrupt)):
                    error.add_note(
                        f"(in epoch {self.epoch}, batch {self.batch + 1}; parameters and optimizer "
                        f"are as the {self.step} updates before left them)"
                    )
                    if len(x) == 1 and self.batch:
                        error.add_note(
                            '(last="merge" adds a last batch of one row to the one before)'
                        )
                raise
            if first:
                # Nobody need look at generators that the model does not draw from.
                first, random = False, [each for each, state in states if moved(each, state)]
            self.step += 1
            self.batch += 1
            self.loss = value
            n = weigh(y)
            sums[0] += value * n
            sums[1] += penalty * n
            sums[2] += n
            if per_step is not None:
                per_step.step()
            for hook in hooks:
                hook(self)
            if bar.shown:
                bar.step(self)
            if every is not None and self.step % every == 0:
                self._checkpoint(before)
            if self.reason is not None or interrupts.asked:
                # A run that was interrupted goes on when it is resumed, so that is no reason yet.
                if self.feed.keeps_position:
                    self._checkpoint(before)
                self.reason = self.reason or self._where("interrupted")
                return False
        if not sums[2]:
            raise ValueError(
                f"fit: there was no batch in epoch {self.epoch}: data that can be gone through "
                f"only once (a generator) must be given as something that starts anew, for "
                f"instance a class with __iter__"
            )
        self._refuse_nonfinite(before)
        return True

    def _end_epoch(self, hooks: list[Any], bar: Progress) -> None:
        row: dict[str, float] = {"training loss": self.sums[0] / self.sums[2]}
        if self._penalised:
            row["penalty"] = self.sums[1] / self.sums[2]
        row["learning rate"] = float(self.optimizer.param_groups[0]["lr"])
        modules = [module for module, _ in self._modes]
        if self._training_metrics:
            _, found = measure(self.model, modules, self.feed, None, self._training_metrics)
            row |= {f"training {name}": value for name, value in found.items()}
        if self._validation is not None:
            value, found = measure(self.model, modules, self._validation, self._loss, self._metrics)
            row |= {"validation loss": value}
            row |= {f"validation {name}": value for name, value in found.items()}
        self.history.add(row)
        if self.scheduler is not None:
            scheduler, told = self.scheduler, None if self._told is None else row[self._told]
            if self.scheduled_by == "epoch":
                scheduler.step(told)
            elif told is not None:
                scheduler.observe(told)
        stopping = self.early_stopping
        if stopping is not None and stopping.update(row[stopping.monitor], self.model):
            best = self.history.best_epoch
            self.reason = f"early stopping: the {stopping.monitor} " + (
                f"was NaN in all of {stopping.steps} epochs"
                if best is None
                else f"was best in epoch {best}, and has not improved for {stopping.waited} epochs"
            )
        for hook in hooks:
            hook(self)
        bar.epoch(self)
        self.batch = 0
        if self._save is not None:
            self._save(self, True)
        if self._interrupts.asked:
            self.reason = self.reason or self._where("interrupted")

    def _monitor(self) -> None:
        """Tell the history what the best epoch is judged by."""
        stopping = self.early_stopping
        if stopping is not None:
            self.history.monitor, self.history.mode = stopping.monitor, stopping.mode
        elif self._validation is not None:
            self.history.monitor = "validation loss"

    # -- going back ---------------------------------------------------------------------------

    def _go_back(self, past: Past) -> None:
        for tensor, value in zip(self._tensors, past[0], strict=True):
            tensor._swap(value)
        for generator, state in past[1]:
            generator.bit_generator.state = state
        self.optimizer.zero_grad()

    def _refuse_nonfinite(self, before: Past | None) -> None:
        """Notice an update that overflowed, before anything of it is measured or saved."""
        values = [tensor._value for tensor in self._tensors]
        if before is not None and not all_finite(values):
            self._diverged((values, []), None, None, before, math.nan)

    def _diverged(self, now: Past, x: Any, y: Any, before: Past | None, value: float) -> NoReturn:
        names = nonfinite_names(self._tensors, now[0])
        if names and before is not None:
            # The update before this step overflowed, so what it started from is gone back to.
            self._go_back(before)
            report, batch, step = None, self.batch, self.step
            what = f"{names} became inf or nan by the update of batch {batch}"
            remedy = TOO_LARGE
        else:
            self._go_back(now)
            report = explain(self._gradients, x, y)
            self._go_back(now)
            batch, step = self.batch + 1, self.step + 1
            loss = "a gradient was not finite" if math.isfinite(value) else f"the loss was {value}"
            what = f"{loss} in batch {batch}"
            remedy = AGAIN if report is None else str(report)
        self.history.stopped = f"not finite: {what} of epoch {self.epoch}"
        raise DivergenceError(
            f"{what} of epoch {self.epoch} (update {step}); parameters and buffers are those "
            f"before it.\n{remedy}",
            epoch=self.epoch, batch=batch, step=step, report=report, history=self.history,
        )  # fmt: skip

    # -- the rest -----------------------------------------------------------------------------

    def _checkpoint(self, before: Past | None) -> None:
        if self._save is not None:
            self._refuse_nonfinite(before)
            self._save(self, False)

    def _where(self, what: str) -> str:
        if not self.step:
            return f"{what} before the first update"
        if not self.batch:
            return f"{what} after epoch {self.history.epochs}"
        return f"{what} in epoch {self.epoch} after batch {self.batch}"
