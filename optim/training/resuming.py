"""What a checkpoint of a training is, and how one is taken up: all of it, or nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .callbacks import Callback
from .checkpoint import load_state, pack, save_state

if TYPE_CHECKING:
    from .run import Training

__all__ = ["capture", "describe", "save", "take_up", "try_out"]


def capture(training: Training, whole: bool) -> dict[str, Any]:
    """All that the rest of a training depends on; ``whole`` between two epochs."""
    model, stopping = training.model, training.early_stopping
    return {
        "about": training.about,
        "epoch": training.epoch,
        "batch": training.batch,
        "step": training.step,
        "loss": training.loss,
        "sums": list(training.sums),
        "whole": whole,
        "stopped": training.reason,
        "history": {name: np.array(row) for name, row in training.history.items()},
        "random": [generator.bit_generator.state for generator in training.generators],
        "data": training.feed.state_dict(),
        "model": model.state_dict(),
        "modes": [module.training for module in model.modules()],
        "trainable": [tensor.requires_grad for tensor in model.parameters()],
        "optimizer": training.optimizer.state_dict(),
        "schedule": None if training.scheduler is None else training.scheduler.state_dict(),
        "early stopping": None if stopping is None else stopping.state_dict(),
        "callbacks": [each.state_dict() for each in _stateful(training)],
    }


def save(training: Training, path: str | os.PathLike[str], whole: bool) -> None:
    """Write a checkpoint."""
    save_state(path, capture(training, whole))


def try_out(training: Training) -> None:
    """See that there is a place for everything, before hours of training."""
    pack(capture(training, whole=True))


def take_up(training: Training, path: str | os.PathLike[str]) -> bool:
    """Take up a checkpoint; True if it was made between two epochs.

    Raises:
        ValueError: a file that is none, or of another training; it says what differs, and nothing
            was changed.
    """
    state, name = load_state(path), os.fspath(path)
    wrong = _differences(state.get("about"), training.about)
    if wrong:
        raise ValueError(
            f"{name}: this checkpoint is of another training, and nothing was loaded "
            f"(resume=False starts anew, and overwrites it):\n  " + "\n  ".join(wrong)
        )
    before = capture(training, whole=True)
    missing = [key for key in before if key not in state]
    if missing:
        raise ValueError(
            f"{name}: this checkpoint has no {', '.join(missing)}, and nothing was loaded"
        )
    feed = training.feed
    if not state["whole"] and (state["data"] is None or not feed.keeps_position):
        raise ValueError(
            f"{name}: this checkpoint was made in the middle of epoch {state['epoch']}, after "
            f"batch {state['batch']}, and cannot be resumed with these data: {feed.why_not()}. "
            f"Nothing was loaded"
        )
    try:
        _apply(training, state)
    except Exception as error:
        _apply(training, before)
        raise ValueError(
            f"{name}: this checkpoint does not fit, and nothing was loaded: {error}"
        ) from error
    return bool(state["whole"])


def _apply(training: Training, state: Mapping[str, Any]) -> None:
    model = training.model
    model.load_state_dict(state["model"])
    for module, mode in zip(model.modules(), state["modes"], strict=True):
        module.training = mode
    for tensor, learned in zip(model.parameters(), state["trainable"], strict=True):
        tensor.requires_grad_(learned)
    training.optimizer.load_state_dict(state["optimizer"])
    if training.scheduler is not None:
        training.scheduler.load_state_dict(state["schedule"])
    if training.early_stopping is not None:
        training.early_stopping.load_state_dict(state["early stopping"])
    for each, kept in zip(_stateful(training), state["callbacks"], strict=True):
        each.load_state_dict(kept)
    training.history.replace({name: row.tolist() for name, row in state["history"].items()})
    training.epoch, training.batch, training.step = state["epoch"], state["batch"], state["step"]
    training.loss, training.sums = state["loss"], list(state["sums"])
    training.reason = state["stopped"]
    if state["data"] is not None and training.feed.keeps_position:
        training.feed.load_state_dict(state["data"], bool(state["whole"]))
    else:
        training.feed.forget_begun()
    # Last, for to go to a position may draw numbers.
    for generator, kept in zip(training.generators, state["random"], strict=True):
        generator.bit_generator.state = kept


def _stateful(training: Training) -> list[Callback]:
    """The callbacks that have something to remember; others may come and go."""
    return [each for each in training.callbacks if type(each).state_dict is not Callback.state_dict]


def describe(training: Training) -> dict[str, Any]:
    """What must be the same in who made a checkpoint and who takes it up."""
    model, optimizer, stopping = training.model, training.optimizer, training.early_stopping
    scheduler = training.scheduler
    return {
        "model": type(model).__name__,
        "parameters and buffers": {
            name: f"{value.dtype} {value.shape}" for name, value in model.state_dict().items()
        },
        "optimizer": type(optimizer).__name__,
        "parameter groups": [len(group["params"]) for group in optimizer.param_groups],
        "schedule": None if scheduler is None else type(scheduler.schedule).__name__,
        "schedule by": training.scheduled_by if scheduler is not None else None,
        "early stopping": None if stopping is None else f"{stopping.monitor}, {stopping.mode}",
        "measures": training.measures,
        "callbacks that remember": [type(each).__name__ for each in _stateful(training)],
        "random generators": [type(g.bit_generator).__name__ for g in training.generators],
        "data": training.feed.about(),
    }


def _differences(theirs: Any, ours: Mapping[str, Any], path: str = "") -> list[str]:
    """Say, one a line, in what two descriptions differ."""
    if not isinstance(theirs, Mapping):
        theirs = {}
    wrong = []
    for key in dict.fromkeys([*ours, *theirs]):
        name = f"{path}, {key}" if path else str(key)
        there, here = theirs.get(key), ours.get(key)
        if isinstance(here, Mapping) and isinstance(there, Mapping):
            wrong += _differences(there, here, name)
        elif there != here:
            wrong.append(f"{name}: {_words(there)} in the checkpoint, {_words(here)} here")
    return wrong


def _words(value: Any) -> str:
    return "none" if value is None else str(value)
