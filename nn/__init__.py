"""Neural networks on ``autograd_core``: modules, layers, activations, losses."""

from autograd_core.lazy import front_page

__getattr__, __dir__, __all__ = front_page(
    __name__,
    {
        "init": "",
        "activations": (
            "ACTIVATIONS ELU GELU Identity LeakyReLU LogSoftmax ReLU SELU SiLU Sigmoid Softmax "
            "Softplus Tanh activation"
        ),
        "autoencoder": "Autoencoder DenoisingAutoencoder Transposed",
        "dropout": "Dropout",
        "embedding": "Embedding",
        "global_statistics": "recompute_statistics",
        "layers": "Flatten Linear Residual Sequential",
        "losses": (
            "binary_cross_entropy cross_entropy hinge_loss huber_loss kl_divergence l1_loss "
            "mse_loss nll_loss"
        ),
        "mlp": "MLP",
        "module": "Buffer Module Parameter",
        "neuron": "Maxout Neuron",
        "normalisation": "BatchNorm LayerNorm",
        "penalties": "l1_penalty l2_penalty",
        "saving": "load save",
        "stacked": "StackedAutoencoder",
        "state": "LeftOver",
        "summary": "Row Summary",
    },
)
