"""The training loop: mini-batches, losses, gradients and updates, and all that belongs to it."""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import autograd_core as ag
from autograd_core import Tensor

from ..files import remove_leftovers
from ..optimizers.optimizer import Optimizer
from ..optimizers.registry import make_optimizer
from ..options import as_generator, count
from ..schedules.early_stopping import EarlyStopping
from ..schedules.schedule import Schedule
from ..schedules.scheduler import Scheduler
from .callbacks import Callback
from .checks import Casting
from .feed import Feed, make_feed
from .history import History
from .metrics import Metric, read_metrics, set_modes
from .randomness import generators
from .resuming import save, take_up, try_out
from .run import Training

if TYPE_CHECKING:
    from nn import Module

__all__ = ["fit"]


def fit(
    model: Module,
    loss: Callable[[Any, Any], Any],
    data: Any,
    optimizer: Optimizer | str,
    *,
    epochs: int,
    batch_size: int = 32,
    lr: float | None = None,
    validation: Any = None,
    metrics: str | Iterable[str] | Mapping[str, Metric] | None = None,
    schedule: Schedule | None = None,
    schedule_every: str = "epoch",
    early_stopping: EarlyStopping | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    penalty: Callable[[Module], Any] | None = None,
    callbacks: Callback | Sequence[Callback] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
    resume: bool = True,
    shuffle: bool = True,
    last: str = "keep",
    rng: np.random.Generator | None = None,
    progress: bool | None = None,
) -> History:
    """Train a model on mini-batches, and return the history of what was measured in each epoch.

    Each update takes the gradient of the mean loss over a batch (L19), plus that of ``penalty``
    (L13); ``loss(output, target)`` is the mean over the batch's examples. The history has the mean
    over all of them. Where the loss weighs them, as with class weights or a mask, that mean is the
    right one if the loss says by an attribute ``batch_weight(target)`` what a batch counts, or is
    a ``functools.partial`` such as ``partial(nn.cross_entropy, class_weights=w)``; else batches
    are averaged by their sizes.

    Args:
        data: ``(X, y)``; ``X`` alone, which is then its own target; `Minibatches`; or anything
            that gives batches ``(x, y)``, or ``x``, each time it is iterated over. Arrays may be
            memory maps; or Dask's, and then each update's gradient is computed by the cluster of
            the current ``dask.distributed.Client``, in the batches of one process. Numbers with
            which more would be computed than the model's dtype holds (float64 or int64 for
            float32) are converted, with one warning; indices stay what they are.
        optimizer: an `Optimizer` of the model's parameters, or a name such as ``"adam"``, and
            then ``lr``.
        epochs: how many in all, with those of a checkpoint that is resumed.
        validation: data in the same forms, measured after each epoch in use mode and without the
            penalty.
        metrics: ``"accuracy"``, others of `METRICS`, or ``{"name": f(output, target)}`` on arrays
            of all the validation data, or without these of the training data. ``"training
            accuracy"`` asks for the training data.
        schedule: changes the learning rate after each epoch, or update (``schedule_every="step"``).
        early_stopping: ends training, and then the model has the best parameters.
        clip_norm, clip_value: limits to the gradient's norm, and its elements.
        checkpoint: a file that a killed run goes on from, bit for bit on the same machine: written
            after each epoch and each ``checkpoint_every`` updates. If it is there it is resumed,
            unless ``resume=False``.
        shuffle, last, rng: as in `Minibatches`.
        progress: a bar on the standard error; None shows it on a terminal.

    Ctrl-C ends training after the update under way, and returns. The model is left in the mode it
    had.

    Raises:
        DivergenceError: a loss or gradient that is not finite; it says where that came from.
        ValueError, TypeError: what cannot be trained; the model is as it was.

    >>> import nn
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(64, 2))
    >>> y = (X[:, 0] * X[:, 1] > 0).astype(int)
    >>> model = nn.MLP([2, 16, 2], rng=rng)
    >>> history = fit(
    ...     model, nn.cross_entropy, (X, y), "adam", lr=0.03, epochs=40, metrics="accuracy", rng=rng
    ... )
    >>> history.stopped
    'all 40 epochs are done'
    >>> history["training accuracy"][-1] > 0.9
    True
    """
    _check_model(model)
    if not callable(loss):
        raise TypeError(f"fit: loss must be a function of output and target, not {loss!r}")
    epochs = count("fit", "epochs", epochs)
    if checkpoint_every is not None:
        checkpoint_every = count("fit", "checkpoint_every", checkpoint_every)
        if checkpoint is None:
            raise ValueError("fit: checkpoint_every needs checkpoint, the file to write")
    clip_norm, clip_value = _limit("clip_norm", clip_norm), _limit("clip_value", clip_value)
    if schedule_every not in ("epoch", "step"):
        raise ValueError(f'fit: schedule_every must be "epoch" or "step", not {schedule_every!r}')
    if schedule is not None and not isinstance(schedule, Schedule):
        raise TypeError(f"fit: schedule must be a schedule, Exponential(0.99) say: {schedule!r}")
    if penalty is not None and not callable(penalty):
        raise TypeError(f"fit: penalty must be a function of the model, not {penalty!r}")
    callbacks = [callbacks] if isinstance(callbacks, Callback) else list(callbacks)
    for each in callbacks:
        if not isinstance(each, Callback):
            raise TypeError(f"fit: callbacks must be optim.Callback objects, not {each!r}")
    there, here_too = read_metrics(metrics)
    if validation is None:
        there, here_too = {}, there | here_too
    _check_monitor(early_stopping, validation, there, here_too, penalty)
    told = _told(schedule, validation, there, here_too)
    optimizer = _optimizer(optimizer, lr, model)
    casting = Casting(_dtype(model), lambda x: _output(model, x))
    ways: dict[str, Any] = dict(
        batch_size=count("fit", "batch_size", batch_size),
        rng=None if rng is None else as_generator(rng),
    )
    feed = make_feed("data", data, casting, shuffle=shuffle, last=last, **ways)
    held_out = None
    if validation is not None:
        held_out = make_feed("validation", validation, casting, shuffle=False, last="keep", **ways)
    for part in (feed, held_out):
        if part is not None and part.once and epochs > 1:
            raise ValueError(
                f"fit: {part.name} can be gone through once only, for it is an iterator, and there "
                f"are to be {epochs} epochs: give an object whose __iter__ starts anew"
            )
        if part is not None:
            _try(model, loss, part)
    if feed.once and here_too:
        raise ValueError(
            f"fit: data can be gone through once only, for it is an iterator, and nothing is left "
            f"of it to measure {', '.join(map(repr, here_too))} of: give validation data, or an "
            f"object whose __iter__ starts anew"
        )
    rates = [group["lr"] for group in optimizer.param_groups]
    scheduler = None if schedule is None else Scheduler(optimizer, schedule)
    training = Training(
        model, optimizer, feed.gradients(model, loss, penalty, optimizer.parameters),
        loss, feed, held_out,
        epochs=epochs, metrics=(there, here_too), scheduler=scheduler,
        scheduled_by=schedule_every, told=told, early_stopping=early_stopping, clip_norm=clip_norm,
        clip_value=clip_value, penalised=penalty is not None, callbacks=callbacks,
        save=None if checkpoint is None else lambda run, whole: save(run, checkpoint, whole),
        save_every=checkpoint_every, progress=progress,
    )  # fmt: skip
    whole = True
    if checkpoint is not None:
        try:
            whole = _begin(training, checkpoint, checkpoint_every, resume)
        except BaseException:
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate
            raise
    if not training.step and early_stopping is not None:
        # What it remembers of a training before this one is not about this one.
        early_stopping.reset()
    return training.run(whole)


def _begin(
    training: Training, path: str | os.PathLike[str], every: int | None, go_on: bool
) -> bool:
    """Take up the checkpoint if there is one; False in the middle of an epoch."""
    place = Path(path)
    if place.is_dir() or not place.absolute().parent.is_dir():
        raise FileNotFoundError(f"fit: checkpoint {path} must be a file in a folder that is there")
    if every is not None and not training.feed.keeps_position:
        raise ValueError(
            f"fit: checkpoint_every={every} would be of no use, for nobody could go on in the "
            f"middle of an epoch: {training.feed.why_not()}. Leave it out; there is a checkpoint "
            f"at each epoch's end"
        )
    remove_leftovers(path)
    try_out(training)
    return take_up(training, path) if go_on and place.exists() else True


def _check_model(model: Any) -> None:
    needed = ("named_parameters", "named_modules", "train", "eval", "state_dict")
    lacks = [name for name in needed if not hasattr(model, name)]
    if lacks or isinstance(model, type) or not callable(model):
        raise TypeError(f"fit: model must be an nn.Module, not {model!r}")
    for name, parameter in model.named_parameters():
        if not np.isfinite(parameter.data).all():
            raise ValueError(
                f"fit: parameter {name} of the model is not finite before training: "
                f"give it other values, or load a state that was saved"
            )


def _dtype(model: Module) -> np.dtype[Any] | None:
    dtypes = {p.dtype for _, p in model.named_parameters() if p.dtype.kind == "f"}
    return dtypes.pop() if len(dtypes) == 1 else None


def _optimizer(given: Any, lr: float | None, model: Module) -> Optimizer:
    if isinstance(given, str):
        options = {} if lr is None else {"lr": lr}
        return make_optimizer(given, model.parameters(), **options)
    if not isinstance(given, Optimizer):
        raise TypeError(f"fit: optimizer must be an Optimizer or a name, not {given!r}")
    if lr is not None:
        raise ValueError(
            "fit: lr belongs to an optimizer given by name; this one has its own, assign "
            "optimizer.lr instead"
        )
    own = {id(parameter) for parameter in model.parameters()}
    if not any(id(parameter) in own for parameter in given.parameters):
        raise ValueError(
            "fit: the optimizer has none of the model's parameters, so the model would not learn: "
            "make it with model.parameters()"
        )
    return given


def _limit(name: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (numbers.Real, np.number)):
        raise TypeError(f"fit: {name} must be a number, not {value!r}")
    if not 0 < float(value) < math.inf:
        raise ValueError(f"fit: {name} must be positive and finite, not {value}")
    return float(value)


def _check_monitor(stopping: Any, validation: Any, there: Any, here_too: Any, penalty: Any) -> None:
    if stopping is None:
        return
    if not isinstance(stopping, EarlyStopping):
        raise TypeError(f"fit: early_stopping must be an EarlyStopping, not {stopping!r}")
    known = ["training loss", *(f"training {name}" for name in here_too)]
    if validation is not None:
        known += ["validation loss", *(f"validation {name}" for name in there)]
    if penalty is not None:
        known.append("penalty")
    if stopping.monitor not in known:
        hint = "; give validation data" if validation is None else ""
        raise ValueError(
            f"fit: early_stopping watches {stopping.monitor!r}, which is not measured; measured "
            f"are {', '.join(map(repr, known))}{hint}"
        )


def _told(schedule: Schedule | None, validation: Any, there: Any, here_too: Any) -> str | None:
    """Name the measure for a schedule that waits for one: a loss, or a score that is to be high."""
    if schedule is None or not schedule.needs_metric:
        return None
    part, metrics = ("training", here_too) if validation is None else ("validation", there)
    if getattr(schedule, "mode", "min") == "min":
        return f"{part} loss"
    if not metrics:
        raise ValueError(
            f'fit: {schedule} waits for a score to rise, and needs a metric, "accuracy" for '
            f'instance; for the loss use mode="min"'
        )
    return f"{part} {next(iter(metrics))}"


@contextmanager
def _trial(model: Module) -> Iterator[None]:
    """Compute in use mode and without gradients; the model and what is random are as they were."""
    random = [(each, each.bit_generator.state) for each in generators(model)]
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        with ag.no_grad(), np.errstate(all="ignore"):
            yield
    finally:
        set_modes(modes)
        for generator, state in random:
            generator.bit_generator.state = state


def _output(model: Module, x: Any) -> Any:
    with _trial(model):
        return model(x)


def _try(model: Module, loss: Callable[[Any, Any], Any], feed: Feed) -> None:
    """Compute the loss of a few examples, so that what does not fit is told before training."""
    sample = feed.sample(16)
    if sample is None:
        return
    x, y, rows = sample
    try:
        with _trial(model):
            found = loss(model(x), y)
    except Exception as error:
        error.add_note(
            f"(fit tried this before training, on the rows {', '.join(map(str, rows))} of "
            f"{feed.name}, in this order; nothing was changed)"
        )
        raise
    if not isinstance(found, Tensor) or found.size != 1:
        shape = f" of shape {found.shape}" if hasattr(found, "shape") else ""
        raise ValueError(
            f"fit: loss must return one number as a Tensor, the mean over a batch, and not "
            f"{type(found).__name__}{shape}"
        )
