# Written by scripts/generate_stubs.py; do not edit.
from . import init
from .activations import ACTIVATIONS, ELU, GELU, Identity, LeakyReLU, LogSoftmax, ReLU, SELU, SiLU, Sigmoid, Softmax, Softplus, Tanh, activation
from .autoencoder import Autoencoder, DenoisingAutoencoder, Transposed
from .dropout import Dropout
from .embedding import Embedding
from .global_statistics import recompute_statistics
from .layers import Flatten, Linear, Residual, Sequential
from .losses import binary_cross_entropy, cross_entropy, hinge_loss, huber_loss, kl_divergence, l1_loss, mse_loss, nll_loss
from .mlp import MLP
from .module import Buffer, Module, Parameter
from .neuron import Maxout, Neuron
from .normalisation import BatchNorm, LayerNorm
from .penalties import l1_penalty, l2_penalty
from .saving import load, save
from .stacked import StackedAutoencoder
from .state import LeftOver
from .summary import Row, Summary

__all__ = ["init", "ACTIVATIONS", "ELU", "GELU", "Identity", "LeakyReLU", "LogSoftmax", "ReLU", "SELU", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh", "activation", "Autoencoder", "DenoisingAutoencoder", "Transposed", "Dropout", "Embedding", "recompute_statistics", "Flatten", "Linear", "Residual", "Sequential", "binary_cross_entropy", "cross_entropy", "hinge_loss", "huber_loss", "kl_divergence", "l1_loss", "mse_loss", "nll_loss", "MLP", "Buffer", "Module", "Parameter", "Maxout", "Neuron", "BatchNorm", "LayerNorm", "l1_penalty", "l2_penalty", "load", "save", "StackedAutoencoder", "LeftOver", "Row", "Summary"]
