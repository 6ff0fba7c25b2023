"""Compare gradients with central differences, ``∂f/∂x ≈ (f(x+ε) - f(x-ε)) / 2ε``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..record import force_recording
from ..tensor import Tensor, asarray
from ..transforms import grad, gradients
from ..tree import flatten, named_leaves

__all__ = ["GradientCheckError", "check_gradients", "numerical_gradient"]

EPSILON = 1e-5


class GradientCheckError(AssertionError):
    """A gradient that differs from finite differences; the message says where and by how much."""


def numerical_gradient(
    f: Callable[[Any], Any], x: Any, epsilon: float = EPSILON, elements: Any = None
) -> Any:
    """Return the gradient of a scalar function by central differences, one element at a time.

    Args:
        f: maps an array of the shape of ``x`` to one number.
        x: the point, an array; it is left as it is, and computed with in float64.
        epsilon: the step; the error is of the order of its square.
        elements: flat indices of the elements to do; all others are NaN. None does all.

    >>> numerical_gradient(lambda x: (x**2).sum(), np.array([1.0, 2.0])).round(6)
    array([2., 4.])
    """
    x = np.array(x, dtype=float)
    result = np.full(x.shape, np.nan)
    for i in range(x.size) if elements is None else elements:
        center = x.flat[i]
        x.flat[i] = center + epsilon
        above = float(f(x.copy()))
        x.flat[i] = center - epsilon
        below = float(f(x.copy()))
        x.flat[i] = center
        result.flat[i] = (above - below) / (2 * epsilon)
    return result


def check_gradients(
    f: Callable[..., Any],
    *args: Any,
    wrt: Mapping[str, Tensor] | None = None,
    order: int = 1,
    tolerance: float = 1e-6,
    elements: int = 100,
    seed: int = 0,
) -> dict[str, float]:
    """Check the gradients of ``f`` at ``args`` against central differences.

    What ``f`` returns, arrays in any structure, is weighted by random numbers, since a cotangent
    of ones hides wrong factors.

    Args:
        f: a function of arrays that returns a number or an array.
        args: arrays, or nested dicts, lists and tuples of arrays. Floating ones are computed with
            in float64; integers and booleans in arrays, indices say, are passed on as they are.
        wrt: leaves by name, in float64, that ``f`` reads besides, as in
            ``dict(model.named_parameters())``; their values are varied and put back.
        order: 2 checks the gradient of the gradient too.
        tolerance: how large the norm of the difference may be, over the larger norm.
        elements: how many elements of each array are checked, drawn at random.
        seed: of the cotangent and of the choice of elements.

    Returns:
        That ratio for each array, by name.

    Raises:
        GradientCheckError: names the array, its worst element and both numbers.

    >>> errors = check_gradients(lambda x, y: np.tanh(x) * y, np.ones(3), np.arange(3.0), order=2)
    >>> max(errors.values()) < 1e-7
    True
    """
    if order not in (1, 2):
        raise ValueError(f"check_gradients: order must be 1 or 2, not {order}")
    if elements < 1:
        raise ValueError(f"check_gradients: elements must be at least 1, not {elements}")
    if wrt is not None and not isinstance(wrt, Mapping):
        raise TypeError("check_gradients: wrt maps names to leaves: {'w': w}")
    free = dict(wrt or {})
    for name, t in free.items():
        if t.dtype != np.float64:
            raise TypeError(
                f"check_gradients: {name} has dtype {t.dtype}; finite differences need float64, "
                "so build the model with dtype=float"
            )
    everything, assemble = flatten(list(args))
    names, places, leaves = [], [], []
    for place, (name, x) in enumerate(zip(named_leaves(list(args)), everything, strict=True)):
        value = np.asarray(_value(x))
        if value.dtype.kind == "f" or (isinstance(x, (int, float)) and not isinstance(x, bool)):
            names.append(f"argument {name}")
            places.append(place)
            leaves.append(np.array(value, dtype=float))
    if not leaves and not free:
        raise ValueError("check_gradients: nothing to vary; pass floating arrays, or leaves as wrt")

    def outputs(values: list[Any]) -> list[Any]:
        """What ``f`` returns for these values in place of its floating arguments."""
        given = list(everything)  # indices, labels and masks stay as they are
        for place, value in zip(places, values, strict=True):
            given[place] = asarray(value)
        return [asarray(y) for y in flatten(f(*assemble(given)))[0]]

    rng = np.random.default_rng(seed)
    shapes = [y.shape for y in outputs(leaves)]
    u = [rng.normal(size=shape) for shape in shapes]
    v = [rng.normal(size=shape) for shape in shapes]

    def weighted(values: list[Any]) -> Any:
        # The square makes the cotangent depend on the arguments, which order 2 must see.
        return sum(
            (y * a).sum() + 0.5 * (y * y * b).sum()
            for y, a, b in zip(outputs(values), u, v, strict=True)
        )

    checks = [("", weighted)]
    if order == 2:
        arrays = [*leaves, *(t.data for t in free.values())]
        directions = [rng.normal(size=x.shape) for x in arrays]

        def along(values: list[Any]) -> Any:
            found = _gradients(weighted, values, list(free.values()), create_graph=True)
            return sum((g * d).sum() for g, d in zip(found, directions, strict=True))

        checks.append((", order 2", along))
    errors = {}
    for suffix, function in checks:
        exact = _gradients(function, leaves, list(free.values()), create_graph=False)
        size_of_value = abs(float(_value(function(leaves))))
        noise = 8 * np.finfo(float).eps * size_of_value / EPSILON
        for k, name in enumerate((*names, *free)):
            x = leaves[k] if k < len(leaves) else free[name]
            size = int(np.prod(x.shape))
            chosen = np.sort(rng.permutation(size)[:elements])
            numeric = numerical_gradient(
                _along_one(function, leaves, free, k), _value(x), EPSILON, chosen
            )
            errors[name + suffix] = _compare(
                name + suffix, np.asarray(exact[k]), numeric, chosen, tolerance, noise
            )
    return errors


def _value(x: Any) -> Any:
    return x.detach().data if type(x) is Tensor else x


def _gradients(
    function: Callable[[list[Any]], Any], values: list[Any], free: list[Tensor], create_graph: bool
) -> list[Any]:
    """The gradients of a scalar function at its values and at the leaves that it reads."""
    if not free:
        return list(grad(function)(values))
    tensors = [x if type(x) is Tensor else Tensor(x, requires_grad=True) for x in values]
    with force_recording():
        output = function(tensors)
    found = gradients(output, [*tensors, *free], create_graph=create_graph)
    return found if create_graph else [g.detach().data for g in found]


def _along_one(
    function: Callable[[list[Any]], Any], leaves: list[Any], free: dict[str, Tensor], k: int
) -> Callable[[Any], float]:
    """``function`` of its k-th array alone."""

    def of_leaf(x: Any) -> float:
        return float(_value(function([*leaves[:k], x, *leaves[k + 1 :]])))

    def of_free(x: Any) -> float:
        t = list(free.values())[k - len(leaves)]
        saved = t.data
        try:
            t.data = x
            return float(_value(function(leaves)))
        finally:
            t.data = saved

    return of_leaf if k < len(leaves) else of_free


def _compare(
    name: str, exact: Any, numeric: Any, chosen: Any, tolerance: float, noise: float
) -> float:
    a, b = exact.reshape(-1)[chosen], numeric.reshape(-1)[chosen]
    if a.size == 0:
        return 0.0
    # Below `noise` the numbers are rounding: that of the values, over the step.
    scale = max(float(np.linalg.norm(a)), float(np.linalg.norm(b)), noise / tolerance, 1e-300)
    error = float(np.linalg.norm(a - b)) / scale
    if not error <= tolerance:
        worst = int(np.nanargmax(np.where(np.isnan(a - b), np.inf, np.abs(a - b))))
        place = tuple(int(i) for i in np.unravel_index(chosen[worst], exact.shape))
        raise GradientCheckError(
            f"the gradient of {name} is wrong: at element {place} it is {a[worst]:.10g}, finite "
            f"differences say {b[worst]:.10g}; the norm of the difference over the larger norm "
            f"is {error:.3g}, above the tolerance {tolerance:.3g}"
        )
    return error
