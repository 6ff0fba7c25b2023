"""Optimizers by name."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from ..options import nearest
from .adam import Adam, AdamW
from .adaptive import Adadelta, Adagrad, RMSProp
from .lion import Lion
from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["OPTIMIZERS", "make_optimizer"]

#: The optimizers by their names in small letters; momentum and Nesterov's are options of ``SGD``.
OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "adagrad": Adagrad,
    "rmsprop": RMSProp,
    "adadelta": Adadelta,
    "adam": Adam,
    "adamw": AdamW,
    "lion": Lion,
}


def make_optimizer(name: str, parameters: Iterable[Any], **options: Any) -> Optimizer:
    """Make the optimizer of a name, in capital or small letters, with its options.

    An unknown name is a ``ValueError`` and an unknown option a ``TypeError``, each with the
    nearest known one.

    >>> from autograd_core import Tensor
    >>> make_optimizer("sgd", [Tensor([1.0], requires_grad=True)], lr=0.5, momentum=0.9)
    SGD(lr=0.5, momentum=0.9, nesterov=False, weight_decay=0.0)
    """
    if not isinstance(name, str):
        raise TypeError(f"make_optimizer: the name of an optimizer, not {name!r}")
    kind: Any = OPTIMIZERS.get(name.lower())
    if kind is None:
        hint = nearest(name, OPTIMIZERS)
        if name.lower() in ("momentum", "nesterov"):
            hint = "that is 'sgd' with momentum=0.9, and for Nesterov's nesterov=True"
        raise ValueError(f"unknown optimizer {name!r}: {hint}")
    signature = inspect.signature(kind).parameters
    for option in options:
        if option not in signature:
            known = [known for known in signature if known != "parameters"]
            raise TypeError(f"{kind.__name__} has no option {option!r}: {nearest(option, known)}")
    if "lr" not in options and signature["lr"].default is inspect.Parameter.empty:
        raise TypeError(f"{kind.__name__} needs a learning rate: for instance lr=0.1")
    made: Optimizer = kind(parameters, **options)
    return made
