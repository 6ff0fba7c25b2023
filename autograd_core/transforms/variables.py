"""What transforms share: variables of their own, and handing out what came of them."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import record
from ..errors import GradientError, NotDifferentiableError
from ..graph import Node, leaf, make_node, topological_order
from ..ops.shape import cast
from ..record import force_recording
from ..registry import OPS, known
from ..tensor import Tensor, asarray, wrap
from ..tree import flatten, named_leaves
from ..values import is_alone, refuse_complex
from .batched import ACTIVE, lowered, raised

__all__ = [
    "Trace",
    "argument_places",
    "auxiliary",
    "callable_or_error",
    "check_scalar",
    "constant",
    "depends_on_others",
    "fitted",
    "for_each_example",
    "handed_out",
    "hidden_axes",
    "is_tracked",
    "name_of",
    "node_of",
    "output_leaves",
    "own",
    "raised_outputs",
    "same_node",
    "summed",
    "trace",
    "unit_seed",
    "value_out",
    "variable",
]


#: Whether references to what a variable holds are counted; from Python 3.14 on some are not.
_COUNTED = sys.version_info < (3, 14)


def own(value: Any) -> Any:
    """An array of its own, of the kind that ``value`` is."""
    return np.array(value) if known(value) else value.copy()


def node_of(t: Tensor) -> Node:
    assert t._node is not None
    return t._node


def variable(x: Any) -> Tensor:
    """A tensor of the same value on a node of its own, so that nested gradients keep apart."""
    if type(x) is np.ndarray and x.dtype.kind in "fc":  # the common case
        return wrap(x, leaf(x.shape, x.dtype))
    t = asarray(x)
    if t.dtype.kind not in "fc":
        raise NotDifferentiableError(
            f"a gradient was asked for with respect to a value of dtype {t.dtype}; only floating "
            "and complex values have one: pass 1.0 instead of 1, or x.astype(float)"
        )
    if t._node is None:
        return wrap(t._value, leaf(t.shape, t.dtype, t.name))
    return wrap(t._value, same_node(t._node))


def same_node(node: Node) -> Node:
    """A node of its own for the value of ``node``, through which gradients go on to it."""
    params = {"dtype": node.dtype}
    return make_node(OPS[cast], (node,), (node,), None, params, node.shape, node.dtype)


def is_tracked(x: Any) -> bool:
    return type(x) is Tensor and x._node is not None


class Trace(NamedTuple):
    """A function that was run on variables of its own."""

    #: The variables' nodes, and the positions of the arguments that they stand for.
    nodes: list[Node]
    places: Sequence[int]
    #: From a list with something for each variable to the structure of the arguments.
    rebuild: Callable[[list[Any]], Any]
    #: What the function returned, and beside it.
    returned: Any
    aux: Any
    #: Whether tensors came in, and whether recording was on outside.
    tensors_in: bool
    recording: bool

    def names(self) -> list[str]:
        """Where each variable is: ``"argument 0.layers.1.w"``."""
        return [
            f"argument {i}" + (f".{name}" if name else "")
            for i, part in zip(self.places, self.rebuild(self.nodes), strict=True)
            for name in named_leaves(part)
        ]

    def depends_on_others(self, roots: Sequence[Tensor]) -> bool:
        """Whether ``roots`` depend on a tracked tensor from outside."""
        reached = [t._node for t in roots if t._node is not None]
        return self.recording and depends_on_others(reached, set(self.nodes))


def trace(
    f: Callable[..., Any],
    args: Sequence[Any],
    places: Sequence[int],
    kwargs: dict[str, Any] | None = None,
    has_aux: bool = False,
) -> Trace:
    """Call ``f`` with variables in the ``places`` of its arguments, recording."""
    chosen = [args[i] for i in places]
    recording = record.recording()
    leaves, rebuild = flatten(chosen)
    with force_recording():
        leaves = list(map(raised, leaves))
        variables = [variable(x) for x in leaves]
        # Before the call: a function that changes its argument in place moves the handle on.
        nodes = [node_of(v) for v in variables]
        replaced = list(args)
        for i, part in zip(places, rebuild(list(map(lowered, variables))), strict=True):
            replaced[i] = part
        returned = f(*replaced, **(kwargs or {}))
    aux = None
    if has_aux:
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise TypeError(
                f"{name_of(f)} returned {type(returned).__name__}, but with has_aux=True it must "
                "return a pair: (what to differentiate, what else to hand out)"
            )
        returned, aux = returned
    tensors_in = any(type(x) is Tensor for x in leaves)
    return Trace(nodes, places, rebuild, returned, aux, tensors_in, recording)


def auxiliary(tape: Trace) -> Any:
    """What ``f`` returned beside the value: arrays or tensors by the same rule as that.

    Cut from the variables; tensors that depend on a tracked one from outside stay on its graph.
    """
    leaves, rebuild = flatten(tape.aux)
    wholes = [asarray(raised(x)) if isinstance(x, Tensor) else x for x in leaves]
    return rebuild(
        [
            value_out(x, tape.tensors_in, tape.depends_on_others([x])) if type(x) is Tensor else x
            for x in wholes
        ]
    )


def argument_places(argnums: int | Sequence[int], args: Sequence[Any]) -> list[int]:
    """The positions that ``argnums`` names among ``args``."""
    if type(argnums) is int and 0 <= argnums < len(args):
        return [argnums]  # the common case
    numbers = [operator.index(i) for i in (argnums if isinstance(argnums, Sequence) else [argnums])]
    for i in numbers:
        if not -len(args) <= i < len(args):
            raise TypeError(
                f"argnums names argument {i}, but {len(args)} positional arguments were given"
            )
    places = [i % len(args) for i in numbers]
    if len(set(places)) < len(places):
        raise ValueError(f"argnums {numbers} names an argument twice")
    return places


def callable_or_error(f: Any, what: str = "", instead: str = "") -> None:
    if not callable(f):
        raise TypeError(f"a function is needed{what}, not {type(f).__name__}{instead}")


def name_of(f: Callable[..., Any]) -> str:
    return getattr(f, "__name__", type(f).__name__)


def output_leaves(
    f: Callable[..., Any], returned: Any
) -> tuple[list[Tensor], Callable[[list[Any]], Any]]:
    """What ``f`` returned as tensors, and the function that puts others in their place."""
    leaves, rebuild = flatten(returned)
    try:
        return [asarray(x) for x in leaves], rebuild
    except (TypeError, ValueError) as error:
        error.add_note(f"in what {name_of(f)} returned")
        raise


def fitted(x: Any, like: Any, what: str, of: str) -> Tensor:
    """``x`` as a tensor of the dtype of ``like``, whose shape it must have."""
    t = asarray(raised(x))
    if t.shape != like.shape:
        raise ValueError(f"{what} of shape {t.shape} does not fit {of} of shape {like.shape}")
    refuse_complex(t, like.dtype)
    return t if t.dtype == like.dtype else t.astype(like.dtype)


def summed(outputs: Sequence[Tensor], seeds: Sequence[Any]) -> dict[Node, Any]:
    """The seed of each output's node; a node that is returned twice has the sum of its seeds."""
    roots: dict[Node, Any] = {}
    for t, seed in zip(outputs, seeds, strict=True):
        if t._node is not None:
            roots[t._node] = roots[t._node] + seed if t._node in roots else seed
    return roots


def constant(f: Callable[..., Any], output: Any) -> Tensor:
    is_number = isinstance(output, (int, float, np.generic))
    if not is_number and not hasattr(output, "__array_function__"):
        name = getattr(f, "__name__", "the function")
        hint = ""
        if isinstance(output, (tuple, list, dict)):
            hint = "; return the loss alone, or (loss, the rest) with has_aux=True"
        raise TypeError(
            f"{name} returned {type(output).__name__}, but a gradient needs one number{hint}"
        )
    return asarray(output)


def check_scalar(f: Callable[..., Any], value: Tensor) -> None:
    if value.size != 1:
        name = getattr(f, "__name__", "the function")
        raise GradientError(
            f"{name} returned a value of shape {value.shape}; a gradient needs one number, so "
            "reduce it, with .sum() for example"
        )
    if value.dtype.kind == "c":
        name = getattr(f, "__name__", "the function")
        raise GradientError(
            f"{name} returned a complex number; a gradient needs a real one: return its real "
            "part, or its absolute value"
        )


def depends_on_others(roots: list[Node], variables: set[Node]) -> bool:
    """Whether a leaf that was there before the variables is reached.

    Leaves made since belong to the function, as the variables of a transform inside it do.
    """
    first = min((node.number for node in variables), default=0)
    return any(node.op is None and node.number < first for node in topological_order(roots))


def handed_out(g: Any, like: Any, as_tensor: bool) -> Any:
    """A derivative as the user gets it; None is zeros of the shape and dtype of ``like``.

    An array that nobody else holds, the caller neither, is handed out as it is, else a copy.
    """
    if type(g) is Tensor:
        tensor = as_tensor or g._node is not None
        return lowered(wrap(g._value, g._node) if tensor else own(g._value))
    if g is None:
        g = np.zeros(like.shape, like.dtype)
    # Held by `g` and by the call that counts.
    mine = type(g) is np.ndarray and _COUNTED and sys.getrefcount(g) <= 2 and is_alone(g)
    g = g if mine else own(g)
    return lowered(wrap(g, None) if as_tensor else g)


def value_out(value: Tensor, tensors_in: bool, outside: bool) -> Any:
    if outside:
        return lowered(value)
    return lowered(wrap(own(value._value), None) if tensors_in else own(value._value))


def raised_outputs(outputs: list[Tensor]) -> list[Tensor]:
    """Outputs as the graph knows them, under `vmap` with the examples' axes."""
    return [asarray(raised(t)) for t in outputs] if ACTIVE.get() else outputs


def unit_seed(output: Tensor) -> Any:
    """The gradient one at an output of one number, or under `vmap` of one for each example."""
    return np.ones_like(output._value) if hidden_axes() else output._seed(None)


def for_each_example(t: Any, what: str) -> Any:
    """The whole of a tensor that under `vmap` is one for each example; it is refused if not."""
    whole = t
    for level, _ in reversed(ACTIVE.get()):
        if getattr(whole, "_level", None) != level:
            raise GradientError(
                f"{what} holds a tensor of shape {t.shape} from outside vmap, which is the same "
                "for all examples and has no gradient for each. Write the computation as a "
                "function f of that tensor, and take grad(f) under vmap"
            )
        whole = whole._whole
    return whole


def hidden_axes() -> int:
    """How many axes of what the graph knows are those of examples, one for each running `vmap`."""
    return len(ACTIVE.get())
