"""Losses: one number that says how wrong the outputs are.

Each takes the outputs, the targets and a ``reduction``: ``"mean"``, ``"sum"`` or ``"none"`` (the
losses of the examples). Where an output activation belongs to a loss, sigmoid or softmax, the
loss takes the pre-activation and applies it itself, which is exact where a probability rounds
to zero. ``mask`` is True where something counts, in the shape of the losses or one that broadcasts
to it. What is masked out counts in no sum and in no mean, has the loss 0 and the gradient 0,
and may hold anything, NaN too. The mean of nothing is a ``ValueError``.
"""

from .binary import binary_cross_entropy
from .classification import cross_entropy, nll_loss
from .distributions import kl_divergence
from .hinge import hinge_loss
from .regression import huber_loss, l1_loss, mse_loss

__all__ = [
    "binary_cross_entropy",
    "cross_entropy",
    "hinge_loss",
    "huber_loss",
    "kl_divergence",
    "l1_loss",
    "mse_loss",
    "nll_loss",
]
