"""A multilayer network that tells classes apart, as a scikit-learn classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import column_or_1d, validate_data

import autograd_core as ag
import optim

from ..losses import cross_entropy
from ..mlp import MLP
from ..module import Module
from .base import FLOATS, Loss, Network, sizes_of, weights_of

__all__ = ["MLPClassifier"]

Array = NDArray[Any]


@final
class MLPClassifier(ClassifierMixin, Network):  # type: ignore[misc] # see Network
    """Trains an ``nn.MLP`` by cross-entropy, behind the interface of scikit-learn's classifier.

    ``hidden_layer_sizes``, ``alpha``, ``batch_size``, ``learning_rate_init``, ``max_iter``, ``tol``
    and the rest mean what they mean in ``sklearn.neural_network.MLPClassifier``, and have its
    defaults. What differs: ``activation`` is any of ``nn.ACTIVATIONS`` (also as "logistic" and
    "identity"), ``solver`` any of ``optim.OPTIMIZERS`` (no "lbfgs"), ``learning_rate`` also an
    ``optim.Schedule`` over the epochs; ``dropout`` and ``batch_norm`` are those of ``nn.MLP``;
    biases start from zero; two classes are two softmax outputs; y has one label for each example.

    float32 inputs train a float32 network, all others a float64 one. Learned: ``model_``, the
    trained ``nn.MLP``; ``classes_``, ``loss_curve_``, ``n_iter_`` and scikit-learn's others.

    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = MLPClassifier((32,), max_iter=15, tol=0.1, n_iter_no_change=3, random_state=0)
    >>> classifier.fit(X / 16, y).score(X / 16, y) > 0.8
    True
    """

    def __init__(
        self,
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
        """Train on inputs (examples, features) and one label for each; return the estimator."""
        return self._fit(X, y, sample_weight, not (self.warm_start and hasattr(self, "model_")))

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train one epoch on these data; the first call needs ``classes``, all that will come."""
        anew = not hasattr(self, "model_")
        if anew and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        return self._fit(X, y, sample_weight, anew, once=True, classes=classes)

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        anew: bool,
        once: bool = False,
        classes: Any = None,
    ) -> Self:
        with self._unchanged_by_an_error():
            X, y = validate_data(self, X, y, dtype=FLOATS, multi_output=True, reset=anew)
            y = column_or_1d(y, warn=True)
            check_classification_targets(y)
            if anew:
                self.classes_ = unique_labels(y if classes is None else classes)
            elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
                raise ValueError(
                    f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                    f"{self.classes_!r}"
                )
            self._train(X, self._index(y), weights_of(sample_weight, X), anew=anew, once=once)
        return self

    def predict(self, X: Any) -> Array:
        """Predict the label of each row, the one with the largest output."""
        index = self._output(X).argmax(axis=1)
        labels: Array = self.classes_[index]
        return labels

    def predict_proba(self, X: Any) -> Array:
        """Compute the probability of each class, in the order of ``classes_``, for each row."""
        probabilities: Array = ag.softmax(self._output(X), axis=-1)
        return probabilities

    def predict_log_proba(self, X: Any) -> Array:
        """Compute the logarithms of ``predict_proba``, exact where a probability rounds to zero."""
        logarithms: Array = ag.log_softmax(self._output(X), axis=-1)
        return logarithms

    def _index(self, y: Array) -> Array:
        """Translate labels into places in ``classes_``."""
        index = np.searchsorted(self.classes_, y)
        unknown = self.classes_[np.minimum(index, len(self.classes_) - 1)] != y
        if unknown.any():
            row = int(np.flatnonzero(unknown)[0])
            raise ValueError(
                f"y has the label {y[row : row + 1].tolist()[0]!r} in row {row}, which is none of "
                f"the classes {self.classes_}"
            )
        return index

    def _build(self, X: Array, y: Array, rng: np.random.Generator) -> Module:
        return MLP(
            [X.shape[1], *sizes_of(self.hidden_layer_sizes), len(self.classes_)],
            self._name(self.activation),
            dropout=self.dropout,
            batch_norm=self.batch_norm,
            rng=rng,
            dtype=X.dtype,
        )

    def _loss(self) -> Loss:
        return cross_entropy

    def _losses(self, output: Any, target: Any, reduction: str) -> Any:
        return cross_entropy(output, target, reduction=reduction)

    def _validation_score(self, X: Array, y: Array, weight: Array | None) -> float:
        with ag.no_grad():
            right = self.model_(X).data.argmax(axis=1) == y
        return float(np.average(right, weights=weight))
