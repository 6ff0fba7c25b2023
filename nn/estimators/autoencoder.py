"""An autoencoder, as a scikit-learn transformer: rows to what its hidden layer makes of them."""

from __future__ import annotations

from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

import autograd_core as ag
import optim

from ..autoencoder import Autoencoder, DenoisingAutoencoder
from ..losses import binary_cross_entropy, mse_loss
from ..module import Module
from .base import FLOATS, Network, weights_of

__all__ = ["AutoencoderTransformer"]

Array = NDArray[Any]


@final
class AutoencoderTransformer(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc] # see Network
    TransformerMixin,  # type: ignore[misc]
    Network,
):
    """Trains an ``nn.Autoencoder``; ``transform`` encodes, ``inverse_transform`` decodes (L25).

    ``n_components`` is the number of hidden units; ``activation``, ``output`` and ``tied`` are
    those of ``nn.Autoencoder``: a "linear" output for real inputs, "sigmoid" for those in [0, 1].
    With a ``corruption``, "masking" or "gaussian", of such a ``level``, it is an
    ``nn.DenoisingAutoencoder`` (L26). The other parameters are those of ``MLPClassifier``.

    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data[:500] / 16
    >>> coder = AutoencoderTransformer(
    ...     16, output="sigmoid", learning_rate_init=0.02, batch_size=50, tol=0.05, random_state=0
    ... ).fit(X)
    >>> H = coder.transform(X)
    >>> H.shape, coder.inverse_transform(H).shape
    ((500, 16), (500, 64))
    """

    def __init__(
        self,
        n_components: int = 32,
        activation: str = "sigmoid",
        *,
        output: str = "linear",
        tied: bool = True,
        corruption: str | None = None,
        level: float = 0.3,
        solver: str = "adam",
        alpha: float = 0.0,
        batch_size: int | str = "auto",
        learning_rate: str | optim.Schedule = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
    ) -> None:
        self.n_components = n_components
        self.activation = activation
        self.output = output
        self.tied = tied
        self.corruption = corruption
        self.level = level
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train on inputs (examples, features), which are the targets too; return the estimator."""
        return self._fit(X, sample_weight, not (self.warm_start and hasattr(self, "model_")))

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train one epoch on these data."""
        return self._fit(X, sample_weight, not hasattr(self, "model_"), once=True)

    def _fit(self, X: Any, sample_weight: Any, anew: bool, once: bool = False) -> Self:
        with self._unchanged_by_an_error():
            X = validate_data(self, X, dtype=FLOATS, reset=anew)
            if self.output == "sigmoid" and not (X.min() >= 0 <= 1 >= X.max()):
                raise ValueError(
                    f"output='sigmoid' takes inputs from 0 to 1, and X has them from {X.min():g} "
                    f"to {X.max():g}: scale X (MinMaxScaler), or choose output='linear'"
                )
            self._train(X, X, weights_of(sample_weight, X), anew=anew, once=once)
            self._n_features_out = self.n_components
        return self

    def transform(self, X: Any) -> Array:
        """Encode each row: the values of the hidden units, shape (examples, n_components)."""
        check_is_fitted(self, "model_")
        X = validate_data(self, X, dtype=FLOATS, reset=False)
        with ag.no_grad():
            return _array(self._coder.encode(X))

    def inverse_transform(self, X: Any) -> Array:
        """Decode hidden values of shape (examples, n_components) to inputs."""
        check_is_fitted(self, "model_")
        X = check_array(X, dtype=FLOATS)
        if X.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has {X.shape[1]} features, and inverse_transform takes what transform "
                f"returned, with {self._n_features_out}"
            )
        with ag.no_grad():
            return _array(self._coder.decode(X))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Measure the reconstruction: minus the mean loss, so that more is better."""
        check_is_fitted(self, "model_")
        X = validate_data(self, X, dtype=FLOATS, reset=False)
        return self._validation_score(X, X, weights_of(sample_weight, X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _coder(self) -> Autoencoder | DenoisingAutoencoder:
        model = self.model_
        assert isinstance(model, (Autoencoder, DenoisingAutoencoder))
        return model

    def _build(self, X: Array, y: Array, rng: np.random.Generator) -> Module:
        options: dict[str, Any] = {
            "tied": self.tied,
            "activation": self._name(self.activation),
            "output": self._name(self.output),
            "rng": rng,
            "dtype": X.dtype,
        }
        if self.corruption is None:
            return Autoencoder(X.shape[1], self.n_components, **options)
        return DenoisingAutoencoder(
            X.shape[1], self.n_components, corruption=self.corruption, level=self.level, **options
        )

    def _losses(self, output: Any, target: Any, reduction: str) -> Any:
        if reduction != "none":
            return self._coder.loss(output, target)
        each = binary_cross_entropy if self.output == "sigmoid" else mse_loss
        factor = 1.0 if self.output == "sigmoid" else 0.5
        return each(output, target, "none").sum(axis=-1) * factor


def _array(value: Any) -> Array:
    array: Array = value.data if isinstance(value, ag.Tensor) else value
    return array
