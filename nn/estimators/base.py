"""What the estimators share: from parameters to an optimizer, and epochs until nothing improves."""

from __future__ import annotations

import contextlib
import copy
import math
import numbers
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

import autograd_core as ag
import optim

from ..module import Module

__all__ = ["FLOATS", "Network", "sizes_of", "weights_of"]

Array = NDArray[Any]
Loss = Callable[[Any, Any], Any]

#: scikit-learn's names of activations that are called otherwise here.
THEIRS = {"logistic": "sigmoid", "identity": "linear"}
RATES = ("constant", "invscaling", "adaptive")
#: The dtypes that are kept; all others become the first.
FLOATS = (np.float64, np.float32)


class Network(BaseEstimator, ABC):  # type: ignore[misc] # scikit-learn has no type information
    """Trains a module on arrays; a subclass says which module, and how wrong its outputs are.

    Parameters are stored as they are given and looked at in ``fit``, as scikit-learn wants it.
    """

    activation: str
    solver: str
    alpha: float
    batch_size: int | str
    learning_rate: str | optim.Schedule
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: Any
    tol: float
    verbose: bool
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: int
    early_stopping: bool
    validation_fraction: float

    @abstractmethod
    def _build(self, X: Array, y: Array, rng: np.random.Generator) -> Module:
        """Make a module with random parameters for such inputs and targets."""

    @abstractmethod
    def _losses(self, output: Any, target: Any, reduction: str) -> Any:
        """Compute the loss, the mean over the examples or (``"none"``) one for each."""

    def _validation_score(self, X: Array, y: Array, weight: Array | None) -> float:
        """Measure data that were held back from training; more is better."""
        with ag.no_grad():
            losses = self._losses(self.model_(X), y, "none")
        return -float(np.average(losses.data, weights=weight))

    # -- training -----------------------------------------------------------------------------

    def _train(
        self, X: Array, y: Array, weight: Array | None, *, anew: bool, once: bool = False
    ) -> None:
        """Train from random parameters if ``anew``, else go on; ``once`` for one epoch only."""
        self._check(once)
        if anew:
            seeds = check_random_state(self.random_state).randint(2**31 - 1, size=4)
            self._rng = np.random.default_rng(seeds)
            self.model_ = self._build(X, y, self._rng)
            self.loss_curve_: list[float] = []
            self.validation_scores_: list[float] | None = [] if self.early_stopping else None
            self.t_ = 0
        if anew or not once:
            self.n_iter_ = 0
        held_back = None
        if self.early_stopping:
            X, y, weight, held_back = self._hold_back(X, y, weight)
        size = min(200, len(X)) if self.batch_size == "auto" else min(int(self.batch_size), len(X))
        if anew or not once:
            weights = 1.0 if weight is None else float(weight.mean())
            self._optimizer = self._make_optimizer(size * weights)
            self._scheduler: optim.Scheduler | None = None
            if isinstance(self.learning_rate, optim.Schedule):
                # Of a copy, for a schedule may remember, and a parameter stays as it is.
                self._scheduler = optim.Scheduler(
                    self._optimizer, copy.deepcopy(self.learning_rate)
                )
            self._best, self._waited = math.inf, 0
        watch = _Watch(self, held_back, len(X))
        target = y
        loss = self._loss()
        if weight is not None:
            # The examples' numbers stand for the targets, so that their weights can be found.
            def weighted(output: Any, rows: Array) -> Any:
                w = weight[rows]
                total = w.sum() or 1.0  # a batch of weights zero teaches nothing
                return (self._losses(output, y[rows], "none") * (w / total)).sum()

            target, loss = np.arange(len(X)), weighted
        try:
            history = optim.fit(
                self.model_,
                loss,
                (X, target),
                self._optimizer,
                epochs=1 if once else self.max_iter,
                batch_size=size,
                shuffle=self.shuffle,
                # Normalisation has no use for a batch of one.
                last="merge" if getattr(self, "batch_norm", False) else "keep",
                rng=self._rng,
                callbacks=[watch],
                progress=False,
            )
        finally:
            self.model_.eval()
        watch.finish()
        if str(history.stopped).startswith("interrupted"):
            warnings.warn(
                f"training {history.stopped}; the parameters are those so far", stacklevel=4
            )
        elif not (watch.stopped or once):
            warnings.warn(
                f"still improving after max_iter={self.max_iter} epochs; raise max_iter to "
                "train on",
                ConvergenceWarning,
                stacklevel=4,
            )

    @contextlib.contextmanager
    def _unchanged_by_an_error(self) -> Iterator[None]:
        """Leave the estimator what it was if data, parameters or training from anew fail."""
        before = vars(self).copy()
        try:
            yield
        except Exception:
            self.__dict__ = before
            raise

    def _loss(self) -> Loss:
        """Return the loss of a batch."""
        return lambda output, target: self._losses(output, target, "mean")

    def _hold_back(self, X: Array, y: Array, weight: Array | None) -> tuple[Any, ...]:
        """Split off a share to stop by; in a classifier, of each class."""
        arrays = [X, y] if weight is None else [X, y, weight]
        parts = train_test_split(
            *arrays,
            test_size=self.validation_fraction,
            stratify=y if hasattr(self, "classes_") else None,
            random_state=int(self._rng.integers(2**31)),
        )
        if weight is None:
            X, X_val, y, y_val = parts
            return X, y, None, (X_val, y_val, None)
        X, X_val, y, y_val, weight, weight_val = parts
        return X, y, weight, (X_val, y_val, weight_val)

    def _make_optimizer(self, examples: float) -> optim.Optimizer:
        """Make the optimizer for batches of so many examples, counted by their weights."""
        options: dict[str, Any] = {}
        if self.solver == "sgd" and self.momentum:
            options = {"momentum": self.momentum, "nesterov": self.nesterovs_momentum}
        elif self.solver in ("adam", "adamw"):
            options = {"betas": (self.beta_1, self.beta_2), "eps": self.epsilon}
        parameters: Any = self.model_.parameters()
        if self.alpha:
            # scikit-learn's α/2 ‖W‖² is added to the batch's sum of losses, not to their mean.
            parameters = optim.weight_decay_groups(self.model_, self.alpha / examples)
        return optim.make_optimizer(self.solver, parameters, lr=self.learning_rate_init, **options)

    def _check(self, once: bool) -> None:
        """Refuse parameters out of range; those of module and optimizer are refused by these."""
        for name, least in (("max_iter", 1), ("n_iter_no_change", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
                raise ValueError(f"{name} must be a whole number from {least} up, not {value!r}")
        size = self.batch_size
        if size != "auto" and (
            isinstance(size, (bool, str)) or not isinstance(size, numbers.Integral) or size < 1
        ):
            raise ValueError(f"batch_size must be 'auto' or a whole number from 1 up, not {size!r}")
        if not isinstance(self.alpha, numbers.Real) or not 0 <= self.alpha < math.inf:
            raise ValueError(f"alpha must be a number from 0 up, not {self.alpha!r}")
        if not isinstance(self.tol, numbers.Real) or math.isnan(self.tol):
            raise ValueError(f"tol must be a number, not {self.tol!r}")
        if not (isinstance(self.learning_rate, optim.Schedule) or self.learning_rate in RATES):
            raise ValueError(
                f"learning_rate must be one of {', '.join(map(repr, RATES))} or an "
                f"optim.Schedule, not {self.learning_rate!r}; the rate itself is learning_rate_init"
            )
        if self.early_stopping and once:
            raise ValueError("partial_fit: there is no early_stopping in a single epoch")
        if self.early_stopping and not 0 < self.validation_fraction < 1:
            raise ValueError(
                f"validation_fraction must be between 0 and 1, not {self.validation_fraction!r}"
            )

    # -- using --------------------------------------------------------------------------------

    def _output(self, X: Any) -> Array:
        """Compute the module's outputs for inputs that are checked first."""
        check_is_fitted(self, "model_")
        X = validate_data(self, X, dtype=FLOATS, reset=False)
        with ag.no_grad():
            output: Array = self.model_(X).data
        return output

    def _name(self, activation: Any) -> Any:
        """Translate scikit-learn's name of an activation into ours."""
        return THEIRS.get(activation, activation) if isinstance(activation, str) else activation


@final
class _Watch(optim.Callback):
    """Follows the epochs of one training: records the losses, sets rates, says when to stop."""

    def __init__(self, network: Network, held_back: Any, n: int) -> None:
        self.network, self.held_back, self.n = network, held_back, n
        self.optimizer = network._optimizer
        self.scheduler = network._scheduler
        self.best_state: dict[str, Array] | None = None
        self.stopped = False

    def on_epoch(self, training: Any) -> None:
        """Take note of an epoch's mean loss, and stop if nothing improves any more."""
        network, loss = self.network, training.history["training loss"][-1]
        network.n_iter_ += 1
        network.t_ += self.n
        network.loss_ = loss
        network.loss_curve_.append(loss)
        told = f"epoch {network.n_iter_}: training loss {loss:.6f}"
        measure = loss
        if self.held_back is not None:
            network.model_.eval()
            score = network._validation_score(*self.held_back)
            network.model_.train()
            assert network.validation_scores_ is not None
            network.validation_scores_.append(score)
            told += f", validation score {score:.6f}"
            measure = -score
        if network.verbose:
            print(told)
        # As in scikit-learn: an improvement by less than `tol` counts as the best, and as waiting.
        network._waited = 0 if measure <= network._best - network.tol else network._waited + 1
        if measure < network._best:
            network._best = measure
            if self.held_back is not None:
                self.best_state = network.model_.state_dict()
        if network.learning_rate == "invscaling":
            self.optimizer.lr = network.learning_rate_init / (network.t_ + 1) ** network.power_t
        elif self.scheduler is not None:
            # It falls, and a schedule may wait for what rises.
            self.scheduler.step(-measure if self.scheduler.schedule.mode == "max" else measure)
        if network._waited > network.n_iter_no_change:
            if network.learning_rate == "adaptive" and self.optimizer.lr > 1e-6:
                self.optimizer.lr /= 5
                network._waited = 0
            else:
                self.stopped = True
                training.stop("no improvement")

    def finish(self) -> None:
        """Keep the best parameters, if there was a choice."""
        network = self.network
        network.best_loss_, network.best_validation_score_ = network._best, None
        if self.held_back is not None:
            network.best_loss_, network.best_validation_score_ = None, -network._best
            if self.best_state is not None:
                network.model_.load_state_dict(self.best_state)


def sizes_of(hidden_layer_sizes: Any) -> list[int]:
    """Return the sizes of the hidden layers, of which a number alone is one."""
    sizes = hidden_layer_sizes if np.iterable(hidden_layer_sizes) else [hidden_layer_sizes]
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, numbers.Integral) or size < 1:
            raise ValueError(
                f"hidden_layer_sizes are whole numbers from 1 up, not {hidden_layer_sizes!r}"
            )
    return [int(size) for size in sizes]


def weights_of(sample_weight: Any, X: Array) -> Array | None:
    """Check weights of examples: one a row, none negative, not all zero."""
    if sample_weight is None:
        return None
    weight: Array = check_array(
        sample_weight, ensure_2d=False, dtype=X.dtype, input_name="sample_weight"
    )
    if weight.ndim == 0:
        weight = np.full(len(X), weight)
    if weight.shape != (len(X),):
        raise ValueError(f"sample_weight.shape == {weight.shape}, expected {(len(X),)}")
    if (weight < 0).any():
        raise ValueError(f"sample_weight has negative values, the least is {weight.min()}")
    if not weight.any():
        raise ValueError("sample_weight is zero for all examples: there is nothing to learn from")
    return weight
