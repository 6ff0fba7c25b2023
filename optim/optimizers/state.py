"""An optimizer's state as plain data: written, and read back all or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .optimizer import Optimizer

__all__ = ["read_state", "write_state"]

KEYS = ("optimizer", "parameters", "param_groups", "steps", "state")


def write_state(optimizer: Optimizer) -> dict[str, Any]:
    """What the next steps of an optimizer depend on, apart from the parameters."""
    return {
        "optimizer": type(optimizer).__name__,
        "parameters": _described(optimizer),
        "param_groups": _groups(optimizer),
        "steps": _steps(optimizer),
        "state": optimizer.state,
    }


def _groups(optimizer: Optimizer) -> list[dict[str, Any]]:
    index = {parameter: i for i, parameter in enumerate(optimizer.parameters)}
    groups = []
    for group in optimizer.param_groups:
        options = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in group.items()
            if name != "params"
        }
        groups.append({**options, "params": [index[p] for p in group["params"]]})
    return groups


def _described(optimizer: Optimizer) -> list[dict[str, Any]]:
    return [{"shape": list(p.shape), "dtype": p.dtype.name} for p in optimizer.parameters]


def _steps(optimizer: Optimizer) -> list[int]:
    steps = {
        parameter: count
        for flat in optimizer._flats
        for parameter, count in zip(flat.parameters, flat.steps, strict=True)
    }
    return [steps[parameter] for parameter in optimizer.parameters]


def read_state(optimizer: Optimizer, state: Mapping[str, Any]) -> None:
    """Take over a state that was written, after it was checked to the last array."""
    if not isinstance(state, Mapping) or any(key not in state for key in KEYS):
        raise ValueError(
            "this is not the state of an optimizer, which is a dict with the keys "
            + ", ".join(KEYS)
        )
    own = type(optimizer).__name__
    if state["optimizer"] != own:
        raise ValueError(f"this is the state of {state['optimizer']}, and the optimizer is {own}")
    _check_parameters(optimizer, state["parameters"])
    options = _read_groups(optimizer, state["param_groups"])
    steps = _read_steps(optimizer, state["steps"])
    arrays = _read_arrays(optimizer, state["state"], options)
    # From here on nothing fails: the options were checked, the arrays fit.
    for group, wanted in zip(optimizer.param_groups, options, strict=True):
        group.update(wanted)
    index = {parameter: i for i, parameter in enumerate(optimizer.parameters)}
    for flat in optimizer._flats:
        numbers = [index[parameter] for parameter in flat.parameters]
        flat.steps[:] = [steps[i] for i in numbers]
        # What only one of the two remembers starts from zeros, as it would have been made.
        flat.remember([name for name in arrays if arrays[name][numbers[0]] is not None])
        for name, buffer in flat.state.items():
            for i, part in zip(numbers, flat.parts, strict=True):
                found = arrays[name][i] if name in arrays else None
                buffer[part] = 0.0 if found is None else found.reshape(-1)


def _check_parameters(optimizer: Optimizer, given: Any) -> None:
    wanted = _described(optimizer)
    if not isinstance(given, list) or len(given) != len(wanted):
        count = len(given) if isinstance(given, list) else given
        raise ValueError(f"the state is of {count} parameters, and the optimizer has {len(wanted)}")
    for i, (theirs, ours) in enumerate(zip(given, wanted, strict=True)):
        if not isinstance(theirs, Mapping) or {**theirs} != ours:
            name = optimizer.parameters[i].name
            raise ValueError(
                f"the state's parameter {i} is {_words(theirs)}, and the optimizer's"
                f"{f' ({name!r})' if name else ''} is {_words(ours)}"
            )


def _words(described: Any) -> str:
    if isinstance(described, Mapping) and {"dtype", "shape"} <= set(described):
        return f"{described['dtype']} of shape {_tuple(described['shape'])}"
    return repr(described)


def _tuple(shape: Any) -> Any:
    return tuple(shape) if isinstance(shape, list) else shape


def _read_groups(optimizer: Optimizer, given: Any) -> list[dict[str, Any]]:
    ours = _groups(optimizer)
    if not isinstance(given, list) or [
        group.get("params") if isinstance(group, Mapping) else None for group in given
    ] != [group["params"] for group in ours]:
        raise ValueError(
            "the parameter groups of the state do not hold the parameters that those of the "
            "optimizer hold"
        )
    found = []
    for i, (theirs, mine) in enumerate(zip(given, ours, strict=True)):
        missing = [name for name in mine if name not in theirs]
        if missing:
            raise ValueError(f"group {i} of the state has no {', '.join(missing)}")
        options = {name: value for name, value in theirs.items() if name != "params"}
        kind = type(optimizer)
        dtypes = {p.dtype for p in optimizer.param_groups[i]["params"]}
        try:
            checked = kind._checked(options)
            kind._agree(checked)
            kind._check_dtypes(dtypes, checked)
        except (TypeError, ValueError) as error:
            raise ValueError(f"group {i} of the state does not fit: {error}") from None
        found.append(checked)
    return found


def _read_steps(optimizer: Optimizer, given: Any) -> list[int]:
    n = len(optimizer.parameters)
    if (
        not isinstance(given, list)
        or len(given) != n
        or any(isinstance(t, bool) or not isinstance(t, int) or t < 0 for t in given)
    ):
        raise ValueError(f"the steps of the state are not {n} counts, one for each parameter")
    return given


def _read_arrays(
    optimizer: Optimizer, given: Any, options: list[dict[str, Any]]
) -> dict[str, list[NDArray[Any] | None]]:
    n = len(optimizer.parameters)
    if not isinstance(given, Mapping) or any(
        not isinstance(arrays, list) or len(arrays) != n for arrays in given.values()
    ):
        raise ValueError(f"what the state remembers is not lists of {n}, one for each parameter")
    kind = type(optimizer)
    number = 0
    for group, wanted in zip(optimizer.param_groups, options, strict=True):
        needed = kind._remembers(wanted)
        first = number
        for i, parameter in enumerate(group["params"], start=number):
            for name in {*given, *needed}:
                array = given[name][i] if name in given else None
                if array is None:
                    # Either all parameters of a group remember it, or none.
                    if name in needed or given[name][first] is not None:
                        raise ValueError(f"the state has no {name!r} of parameter {i}")
                    continue
                if name not in kind._memory:
                    raise ValueError(f"{kind.__name__} does not remember {name!r}")
                if (
                    not isinstance(array, np.ndarray)
                    or array.shape != parameter.shape
                    or array.dtype != parameter.dtype
                ):
                    raise ValueError(
                        f"the state's {name!r} of parameter {i} is {_array_words(array)}, and the "
                        f"parameter is {parameter.dtype} of shape {parameter.shape}"
                    )
            number += 1
    return {name: list(arrays) for name, arrays in given.items()}


def _array_words(array: Any) -> str:
    if isinstance(array, np.ndarray):
        return f"{array.dtype} of shape {array.shape}"
    return f"an object of type {type(array).__name__}"
