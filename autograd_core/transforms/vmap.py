"""Many examples at once: a function of one example, applied to a batch of them."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..tensor import Tensor, wrap
from ..tree import flatten, named_leaves
from ..values import is_alone, refuse_subclass
from . import batching_table as _table  # noqa: F401 - by which rules ops are applied
from .batched import Batched, begun, is_tensor, lower

__all__ = ["vmap"]


def vmap(
    f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0, axis_size: int | None = None
) -> Callable[..., Any]:
    """Return the function that applies ``f`` to each of many examples at once: y[i] = f(x[i]).

    ``f`` is written for one example and called once; every op in it works on the whole batch. So
    ``vmap(grad(f))`` are the gradients for each example. What ``f`` reads besides its arguments is
    the same for all examples, and so is what it draws at random.

    Args:
        f: a function of arrays, or of nested dicts, lists and tuples of arrays.
        in_axes: the axis of each argument along which the examples lie; None for an argument that
            is the same for all. One for all arguments, or a tuple with one for each, or for each
            part of one: ``({"w": 0, "b": None}, 0)``. Keyword arguments have it at axis 0.
        out_axes: the axis along which the results are stacked, in the same way; None for a result
            that does not depend on the example.
        axis_size: the number of examples, needed where every axis is None.

    Returns:
        Arrays for arrays, tensors for tensors; tracked if anything that ``f`` read was.

    Raises:
        ValueError: arguments with different numbers of examples, or none that says how many.
        TypeError: an argument or result that is no array, other than None, which stays None; or
            in ``f``, where Python asks a value for a number, as ``if x > 0`` does.

    >>> vmap(lambda x, y: x @ y)(np.ones((2, 3)), np.arange(6.0).reshape(2, 3))
    array([ 3., 12.])
    >>> vmap(np.outer, in_axes=(0, None), out_axes=-1)(np.ones((4, 2)), np.ones(3)).shape
    (2, 3, 4)
    """
    if not callable(f):
        raise TypeError(f"vmap takes a function, not {type(f).__name__}")
    if axis_size is not None and not (isinstance(axis_size, (int, np.integer)) and axis_size >= 0):
        raise ValueError(f"vmap: axis_size is {axis_size!r}; it is the number of examples")

    @functools.wraps(f)
    def batched(*args: Any, **kwargs: Any) -> Any:
        leaves, rebuild = flatten([list(args), kwargs])
        names = [_argument(name) for name in named_leaves([list(args), kwargs])]
        axes = _prefix(_for_arguments(in_axes, args), list(args), "in_axes")
        positional = len(axes)
        axes += [0] * (len(leaves) - len(axes))
        axes = [None if x is None else axis for x, axis in zip(leaves, axes, strict=True)]
        wholes = [
            x if axis is None else _entered(x, axis, name, i < positional)
            for i, (x, axis, name) in enumerate(zip(leaves, axes, names, strict=True))
        ]
        given = [
            (name, axis, int(np.shape(whole)[0]))
            for name, axis, whole in zip(names, axes, wholes, strict=True)
            if axis is not None
        ]
        size = _agreed(given, axis_size)
        tensors_in = any(map(is_tensor, leaves))
        with begun(size) as level:
            values = [
                x if axis is None else lower(level, x) for x, axis in zip(wholes, axes, strict=True)
            ]
            inner_args, inner_kwargs = rebuild(values)
            output = f(*inner_args, **inner_kwargs)
            results, rebuild_output = flatten(output)
            places = _prefix(out_axes, output, "out_axes")
            what = getattr(f, "__name__", "the function")
            results = [
                _left(x, axis, level, size, tensors_in, f"{what}{f' at {name}' if name else ''}")
                for x, axis, name in zip(results, places, named_leaves(output), strict=True)
            ]
        taken = [x for x, axis in zip(wholes, axes, strict=True) if axis is not None]
        for i, (x, axis) in enumerate(zip(results, places, strict=True)):
            if axis is not None:
                results[i] = _own(x, taken)
                taken.append(x)
        return rebuild_output(results)

    return batched


def _argument(name: str) -> str:
    """Name a leaf of ``[args, kwargs]`` as users do: argument 0, or argument 1 at w.b."""
    kind, _, rest = name.partition(".")
    first, _, path = rest.partition(".")
    return f"argument {first if kind == '0' else repr(first)}" + (f" at {path}" if path else "")


def _for_arguments(in_axes: Any, args: tuple[Any, ...]) -> Any:
    if isinstance(in_axes, dict):
        in_axes = (in_axes,)
    if not isinstance(in_axes, (tuple, list)):
        return in_axes
    if len(in_axes) != len(args):
        raise ValueError(
            f"vmap: in_axes has {len(in_axes)} entries, but there are {len(args)} positional "
            "arguments; give one for each, or one integer for all"
        )
    return list(in_axes)


def _prefix(axes: Any, tree: Any, what: str, place: str = "") -> list[int | None]:
    """An axis for each leaf of ``tree``: what is said of a dict or list holds for all in it."""
    at, of = f"{what}{place}", "the argument" if what == "in_axes" else "the result"
    if isinstance(axes, (dict, list, tuple)):
        if isinstance(axes, dict):
            if not isinstance(tree, dict) or set(axes) != set(tree):
                raise ValueError(
                    f"vmap: {at} is a dict with the keys {list(axes)}, but {of} "
                    + (f"has {list(tree)}" if isinstance(tree, dict) else f"is {_kind(tree)}")
                )
            pairs = [(key, axes[key], part) for key, part in tree.items()]
        elif not isinstance(tree, (list, tuple)) or len(axes) != len(tree):
            raise ValueError(
                f"vmap: {at} has {len(axes)} entries, but {of} "
                + (f"has {len(tree)}" if isinstance(tree, (list, tuple)) else f"is {_kind(tree)}")
            )
        else:
            pairs = [(i, *both) for i, both in enumerate(zip(axes, tree, strict=True))]
        return [
            found
            for key, axis, part in pairs
            for found in _prefix(axis, part, what, f"{place}[{key!r}]")
        ]
    if axes is not None and (isinstance(axes, bool) or not hasattr(axes, "__index__")):
        raise TypeError(f"vmap: {at} is {axes!r}; an axis is an integer, or None for what has none")
    axes = None if axes is None else operator.index(axes)
    return [axes] * len(flatten(tree)[0])


def _kind(x: Any) -> str:
    return f"an array of shape {x.shape}" if hasattr(x, "shape") else f"a {type(x).__name__}"


def _entered(x: Any, axis: int, name: str, positional: bool) -> Any:
    """A mapped argument as one whole, the examples along axis 0."""
    refuse_subclass(x)
    if not hasattr(x, "__array_function__"):
        x = np.asarray(x)
    if x.dtype.kind not in "biufc":
        instead = "give in_axes None for it" if positional else "bind it by functools.partial"
        raise TypeError(
            f"vmap: {name} is no array of numbers; if it is the same for all examples, {instead}"
        )
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(
            f"vmap: {name} is of shape {x.shape} and has no axis {axis} for the examples to lie "
            "along; give another in in_axes, or None if it is the same for all"
        )
    if axis % x.ndim:
        return np.moveaxis(x, axis, 0)
    return _handle(x)  # what the function writes in place is not the caller's


def _handle(x: Any) -> Any:
    """A tensor of its own with the same value: what is written into one is not in the other."""
    if type(x) is Batched:
        return lower(x._level, x._whole)
    return wrap(x._value, x._node) if type(x) is Tensor else x


def _agreed(given: list[tuple[str, int, int]], axis_size: int | None) -> int:
    """The number of examples, in which all arguments agree."""
    sizes = {size for _, _, size in given} | ({axis_size} if axis_size is not None else set())
    if not sizes:
        raise ValueError(
            "vmap: no argument has an axis of examples (in_axes is None for all); give axis_size"
        )
    if len(sizes) > 1:
        listed = [f"{size} along axis {axis} of {name}" for name, axis, size in given]
        listed += [f"axis_size={axis_size}"] if axis_size is not None else []
        raise ValueError(
            f"vmap: the numbers of examples differ: {', '.join(listed)}; give in_axes None for an "
            "argument that is the same for all examples"
        )
    return int(sizes.pop())


def _left(x: Any, axis: int | None, level: int, size: int, tensor: bool, what: str) -> Any:
    """A result as the caller gets it, the examples stacked along ``axis``."""
    own = type(x) is Batched and x._level == level
    if x is None:
        return None
    if axis is None:
        if own:
            raise ValueError(
                f"vmap: {what} depends on the example, but out_axes is None for it; give an axis"
            )
        return x
    if own:
        whole = x._whole
    else:
        value = x if hasattr(x, "__array_function__") else np.asarray(x)
        if value.dtype.kind not in "biufc":
            raise TypeError(
                f"vmap: {what} returned {type(x).__name__}, which cannot be stacked; return arrays"
            )
        whole = np.broadcast_to(value, (size, *value.shape))
    if not -whole.ndim <= axis < whole.ndim:
        raise ValueError(
            f"vmap: {what} is of shape {whole.shape[1:]} for one example, and so there is no axis "
            f"{axis} to stack along; out_axes is from {-whole.ndim} to {whole.ndim - 1}"
        )
    if axis % whole.ndim:
        whole = np.moveaxis(whole, 0, axis)
    return wrap(whole, None) if tensor and not isinstance(whole, Tensor) else whole


def _own(x: Any, taken: list[Any]) -> Any:
    """A result that can be written, and is seen by none of what is ``taken`` then."""
    if type(x) is np.ndarray:
        return x if is_alone(x) and not any(x is other for other in taken) else np.array(x)
    return _handle(x)
