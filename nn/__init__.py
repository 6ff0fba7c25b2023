"""Neural networks on ``autograd_core``: modules, layers, activations, losses."""

from . import init
from .activations import (
    ACTIVATIONS,
    ELU,
    GELU,
    SELU,
    Identity,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    activation,
)
from .autoencoder import Autoencoder, DenoisingAutoencoder, Transposed
from .dropout import Dropout
from .embedding import Embedding
from .global_statistics import recompute_statistics
from .layers import Flatten, Linear, Residual, Sequential
from .losses import (
    binary_cross_entropy,
    cross_entropy,
    hinge_loss,
    huber_loss,
    kl_divergence,
    l1_loss,
    mse_loss,
    nll_loss,
)
from .mlp import MLP
from .module import Buffer, Module, Parameter
from .neuron import Maxout, Neuron
from .normalisation import BatchNorm, LayerNorm
from .penalties import l1_penalty, l2_penalty
from .saving import load, save
from .stacked import StackedAutoencoder
from .state import LeftOver
from .summary import Row, Summary

__all__ = [
    "ACTIVATIONS",
    "ELU",
    "GELU",
    "MLP",
    "SELU",
    "Autoencoder",
    "BatchNorm",
    "Buffer",
    "DenoisingAutoencoder",
    "Dropout",
    "Embedding",
    "Flatten",
    "Identity",
    "LayerNorm",
    "LeakyReLU",
    "LeftOver",
    "Linear",
    "LogSoftmax",
    "Maxout",
    "Module",
    "Neuron",
    "Parameter",
    "ReLU",
    "Residual",
    "Row",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "StackedAutoencoder",
    "Summary",
    "Tanh",
    "Transposed",
    "activation",
    "binary_cross_entropy",
    "cross_entropy",
    "hinge_loss",
    "huber_loss",
    "init",
    "kl_divergence",
    "l1_loss",
    "l1_penalty",
    "l2_penalty",
    "load",
    "mse_loss",
    "nll_loss",
    "recompute_statistics",
    "save",
]
