"""A multilayer network that predicts numbers, as a scikit-learn regressor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import column_or_1d, validate_data

import autograd_core as ag
import optim

from ..losses import huber_loss, l1_loss, mse_loss
from ..mlp import MLP
from ..module import Module
from .base import FLOATS, Network, sizes_of, weights_of

__all__ = ["MLPRegressor"]

Array = NDArray[Any]
#: A loss by its name, and its factor.
LOSSES: dict[str, tuple[Any, float]] = {
    "squared_error": (mse_loss, 0.5),
    "absolute_error": (l1_loss, 1.0),
    "huber": (huber_loss, 1.0),
}


@final
class MLPRegressor(RegressorMixin, Network):  # type: ignore[misc] # see Network
    """Trains an ``nn.MLP`` with linear outputs, behind the interface of scikit-learn's regressor.

    ``loss`` is "squared_error", ½Σ(ŷ - y)² over the outputs as in scikit-learn, "absolute_error" or
    "huber", sums too ("poisson" is not here); the mean is over the examples. The other parameters
    are those of ``MLPClassifier``. y has shape (examples,) or (examples, outputs), and what is
    predicted has the same.

    >>> import warnings
    >>> X = np.linspace(-1, 1, 50)[:, None]
    >>> regressor = MLPRegressor(learning_rate_init=0.02, tol=0.0, max_iter=80, random_state=0)
    >>> with warnings.catch_warnings(action="ignore"):
    ...     regressor = regressor.fit(X, np.abs(X[:, 0]))
    >>> regressor.score(X, np.abs(X[:, 0])) > 0.9
    True
    """

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
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
        dropout: float = 0.0,
        batch_norm: bool = False,
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
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
        self.dropout = dropout
        self.batch_norm = batch_norm

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on inputs (examples, features) and their targets; return the estimator."""
        return self._fit(X, y, sample_weight, not (self.warm_start and hasattr(self, "model_")))

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train one epoch on these data."""
        return self._fit(X, y, sample_weight, not hasattr(self, "model_"), once=True)

    def _fit(self, X: Any, y: Any, sample_weight: Any, anew: bool, once: bool = False) -> Self:
        if self.loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}, not {self.loss!r}")
        with self._unchanged_by_an_error():
            X, y = validate_data(
                self, X, y, dtype=FLOATS, multi_output=True, y_numeric=True, reset=anew
            )
            if y.ndim == 2 and y.shape[1] == 1:
                y = column_or_1d(y, warn=True)
            if anew:
                self._flat = y.ndim == 1
                self.n_outputs_ = 1 if self._flat else y.shape[1]
            y = y.reshape(len(y), -1).astype(X.dtype, copy=False)
            if y.shape[1] != self.n_outputs_:
                raise ValueError(
                    f"y has {y.shape[1]} outputs, and the first fit had {self.n_outputs_}"
                )
            self._train(X, y, weights_of(sample_weight, X), anew=anew, once=once)
        return self

    def predict(self, X: Any) -> Array:
        """Predict the target of each row."""
        output = self._output(X)
        return output[:, 0] if self._flat else output

    def _build(self, X: Array, y: Array, rng: np.random.Generator) -> Module:
        return MLP(
            [X.shape[1], *sizes_of(self.hidden_layer_sizes), y.shape[1]],
            self._name(self.activation),
            dropout=self.dropout,
            batch_norm=self.batch_norm,
            rng=rng,
            dtype=X.dtype,
        )

    def _losses(self, output: Any, target: Any, reduction: str) -> Any:
        loss, factor = LOSSES[self.loss]
        if reduction == "none":
            return loss(output, target, reduction="none").sum(axis=-1) * factor
        return loss(output, target) * (factor * target.shape[-1])

    def _validation_score(self, X: Array, y: Array, weight: Array | None) -> float:
        with ag.no_grad():
            return float(r2_score(y, self.model_(X).data, sample_weight=weight))
