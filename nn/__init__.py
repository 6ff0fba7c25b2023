"""Neural networks on ``autograd_core``: modules, layers, activations, losses."""

from . import init
from .activations import ACTIVATIONS, Identity, ReLU, Sigmoid, Softmax, Tanh, activation
from .layers import Linear, Sequential
from .losses import cross_entropy
from .mlp import MLP
from .module import Module, Parameter

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "Identity",
    "Linear",
    "Module",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "activation",
    "cross_entropy",
    "init",
]
