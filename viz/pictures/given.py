"""What a user holds, met by what it can do: modules, fitted estimators, histories, records.

Nothing here imports the packages that these come from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .figures import values

__all__ = [
    "asked_classes",
    "asked_heights",
    "features",
    "first_weight",
    "module_of",
    "named",
    "weights_of",
]


def module_of(x: Any) -> Any:
    """The module that ``x`` is, or that an estimator was fitted by (``model_``); else None."""
    if isinstance(x, type):
        return None
    for held in (x, getattr(x, "model_", None)):
        if hasattr(held, "named_parameters"):
            return held
    return None


def weights_of(module: Any) -> list[tuple[str, Any]]:
    """The weights of a module by the names of their layers, in order; biases are none."""
    chosen = module.weights() if hasattr(module, "weights") else None
    named = [
        (name, parameter)
        for name, parameter in module.named_parameters()
        if (parameter.ndim > 1 if chosen is None else any(parameter is w for w in chosen))
    ]
    layers = [name.rpartition(".")[0] for name, _ in named]
    # A layer of several weights, or none with a name, is told by the parameters' own.
    return [
        (layer if layer and layers.count(layer) == 1 else name, parameter)
        for layer, (name, parameter) in zip(layers, named, strict=True)
    ]


def first_weight(x: Any, who: str) -> NDArray[Any] | None:
    """The weights of the first layer, (inputs, units), of a module or of a fitted estimator.

    None if ``x`` is neither, but an array for all that is known.

    Raises:
        ValueError: a module without weights, an estimator that was not fitted.
    """
    module = module_of(x)
    if module is not None:
        found = [parameter for _, parameter in weights_of(module)]
        if not found:
            raise ValueError(f"{who}: {type(x).__name__} has no weights to draw")
        weight = values(found[0])
        return weight[:, None] if weight.ndim == 1 else weight
    # scikit-learn's: networks hold (inputs, units) a layer, linear models (outputs, inputs).
    if hasattr(x, "coefs_"):
        return values(x.coefs_[0])
    if hasattr(x, "coef_"):
        return np.atleast_2d(values(x.coef_)).T
    _refuse_unfitted(x, who)
    return None


def named(x: Any) -> str:
    """What kind of thing it is, for a message."""
    return f"the class {x.__name__}" if isinstance(x, type) else type(x).__name__


def asked_classes(x: Any, who: str) -> Callable[[Any], Any] | None:
    """A function that gives classes or scores; of an estimator ``predict``."""
    if callable(x):
        return None if isinstance(x, type) else x
    return _method(x, ("predict",), who)


def asked_heights(x: Any, who: str) -> Callable[[Any], Any] | None:
    """A function that gives one number for each point.

    Of an estimator ``decision_function``, the probability of the second of two classes, or
    ``predict``.
    """
    if callable(x):
        return None if isinstance(x, type) else x
    method = _method(x, ("decision_function", "predict_proba", "predict"), who)
    if method is None or hasattr(x, "decision_function") or not hasattr(x, "predict_proba"):
        return method

    def second(points: Any) -> Any:
        shares = np.asarray(method(points))
        return shares[:, 1] if shares.ndim == 2 and shares.shape[1] == 2 else shares

    return second


def features(x: Any) -> tuple[str, str] | None:
    """The names of two columns, of a data frame or of what was fitted on one."""
    for attribute in ("columns", "feature_names_in_"):
        words = getattr(x, attribute, None)
        if words is not None and len(words) == 2:
            return str(words[0]), str(words[1])
    return None


def _method(x: Any, methods: tuple[str, ...], who: str) -> Callable[[Any], Any] | None:
    name = next((name for name in methods if hasattr(x, name)), None)
    if name is None or isinstance(x, type):
        return None
    _refuse_unfitted(x, who)
    call = getattr(x, name)
    columns = getattr(x, "feature_names_in_", None)
    if columns is None:
        return call  # type: ignore[no-any-return]

    def framed(points: Any) -> Any:
        # It was fitted on a data frame, and warns when given anything else.
        import pandas as pd

        return call(pd.DataFrame(points, columns=columns))

    return framed


def _refuse_unfitted(x: Any, who: str) -> None:
    """Complain of an estimator that was not fitted: no attribute of it ends as `coef_` does."""
    if not (hasattr(x, "fit") and hasattr(x, "get_params")) or isinstance(x, Mapping):
        return
    if not any(name.endswith("_") and name[:1] != "_" for name in getattr(x, "__dict__", {})):
        steps = getattr(x, "steps", None)  # A pipeline holds what was fitted.
        if steps is None:
            raise ValueError(f"{who}: {type(x).__name__} was not fitted; call its fit(X, y) first")
