"""The values that a model takes over: looked at in full before the first of them is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autograd_core import Tensor

__all__ = ["LeftOver", "fitting"]


class LeftOver(NamedTuple):
    """What `Module.load_state_dict` had no use for: names of the model, names of the state."""

    missing: list[str]
    unexpected: list[str]


def fitting(
    owner: str, tensors: Mapping[str, Tensor], state: Any, strict: bool
) -> tuple[dict[str, NDArray[Any]], LeftOver]:
    """Return the values in ``state`` as copies of the tensors' dtypes, and what is left over.

    A ``ValueError`` lists all that does not fit.
    """
    if not isinstance(state, Mapping):
        raise TypeError(
            f"load_state_dict takes a mapping from names to arrays, as state_dict returns, "
            f"not {type(state).__name__}"
        )
    left = LeftOver(
        [name for name in tensors if name not in state],
        [str(name) for name in state if name not in tensors],
    )
    wrong = [f"missing: {name}" for name in left.missing if strict]
    wrong += [f"unexpected: {name}" for name in left.unexpected if strict]
    values: dict[str, NDArray[Any]] = {}
    for name, tensor in tensors.items():
        if name not in state:
            continue
        given = state[name]
        try:
            value = np.asarray(given.data if isinstance(given, Tensor) else given)
        # A RuntimeError is what other libraries raise whose tensors are part of a graph.
        except (TypeError, ValueError, RuntimeError) as error:
            wrong.append(f"no array: {name}: {error}")
            continue
        if value.shape != tensor.shape:
            wrong.append(
                f"misshapen: {name} has shape {value.shape} where {tensor.shape} is needed"
            )
        elif not np.can_cast(value.dtype, tensor.dtype, casting="same_kind"):
            wrong.append(
                f"of the wrong type: {name} is {value.dtype} where {tensor.dtype} is needed"
            )
        else:
            values[name] = value.astype(tensor.dtype)
    if wrong:
        raise ValueError(
            f"this state does not fit {owner}, and nothing was loaded:\n  " + "\n  ".join(wrong)
        )
    return values, left
