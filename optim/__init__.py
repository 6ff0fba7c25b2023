"""Training: optimizers, and the data they are fed with."""

from .data import Standardize, minibatches, train_val_test_split
from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["SGD", "Optimizer", "Standardize", "minibatches", "train_val_test_split"]
