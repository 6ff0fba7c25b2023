"""What goes through a network: signals forward, gradients back, and units that no longer answer.

It is read off the recorded graph, so that it holds for any model, whatever it is written with. A
layer here is a parameter that something is multiplied by, W in a = W h + b, with the activation
that its product reaches before the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

import autograd_core as ag
from autograd_core import Node, Tensor

__all__ = ["Layer", "Pass", "layer_names", "watch"]

#: Activations that go flat at both ends, and the outputs there.
BOUNDED = {"sigmoid": (0.0, 1.0), "expit": (0.0, 1.0), "tanh": (-1.0, 1.0)}
#: How near to its end, of the whole range, an output counts as saturated: the sigmoid's derivative
#: is below 0.01 there, of 0.25 at most.
NEAR = 0.01
#: Ways to use a parameter turned round, as tied weights are.
TURNED = {"matrix_transpose", "moveaxis", "permute_dims", "reshape", "swapaxes", "transpose"}


@final
@dataclass
class Layer:
    """What was seen of one layer in one pass; None for what it has not.

    ``deviation`` is that of the pre-activation over the examples, the root of the mean square over
    the units; ``gradient`` the root mean square of the loss's gradient there; ``saturated`` a share
    of the activation's outputs, ``dead`` a share of its units; ``activation`` its name, ``weight``
    the parameter.
    """

    deviation: float | None = None
    gradient: float | None = None
    saturated: float | None = None
    dead: float | None = None
    activation: str | None = None
    weight: Tensor | None = None
    _nodes: list[Node] = field(default_factory=list)


@final
@dataclass(frozen=True)
class Pass:
    """One pass forward and back: the loss, the outputs, the gradients, and the layers in order."""

    loss: float
    output: Any
    gradients: dict[Tensor, Any]
    layers: dict[str, Layer]


def layer_names(named_parameters: Sequence[tuple[str, Tensor]]) -> dict[Tensor, str]:
    """Name each parameter as a layer: by its module if it is the only weight there."""
    modules = [
        path.rpartition(".")[0] for path, parameter in named_parameters if parameter.ndim > 1
    ]
    return {
        parameter: module
        if (module := path.rpartition(".")[0]) and modules.count(module) <= 1
        else path
        for path, parameter in named_parameters
    }


def watch(
    model: Callable[[Any], Any],
    loss: Callable[[Any, Any], Any],
    x: Any,
    target: Any,
    names: Mapping[Tensor, str],
) -> Pass:
    """Run the model and the loss on these examples, and walk back."""
    with ag.keep_values() as values:
        output = model(x)
        result = loss(output, target)
    if not isinstance(result, Tensor) or result.size != 1:
        raise TypeError(
            "diagnose: the loss must return one number as a tensor, computed from the model's "
            f"output, not {_described(result)}"
        )
    if result._node is None:
        raise ValueError(
            "diagnose: no gradient reaches the parameters: the loss does not depend on any that "
            "requires one, or was computed under no_grad()"
        )
    # Of the dtype of the loss, so that gradients have that of what they are the gradients of.
    found = ag.node_gradients(result._node, np.ones((), result.dtype)[()])
    leaves = {p._node: p for p in names if p._node is not None}
    gradients = {
        p: np.asarray(found[node]) for node, p in leaves.items() if found.get(node) is not None
    }
    layers = _layers(values, leaves, names)
    for layer in layers.values():
        seen = [found[node] for node in layer._nodes if found.get(node) is not None]
        layer.gradient = _mean([float(np.sqrt(np.mean(np.square(g)))) for g in seen]) or 0.0
    value = float(np.real(result.item()))
    outputs = output.data if isinstance(output, Tensor) else None
    return Pass(value, outputs, gradients, layers)


def _layers(
    values: Mapping[Node, Any], leaves: Mapping[Node, Tensor], names: Mapping[Tensor, str]
) -> dict[str, Layer]:
    """Find the layers in what was recorded, in the order in which they were computed."""
    layers: dict[str, Layer] = {}
    below: dict[Node, str] = {}  # the layer that a node was reached from
    seen: dict[str, dict[str, list[float]]] = {}
    for node, value in values.items():
        parents = [p for p in node.parents if p is not None]
        weight = None
        several = isinstance(value, (tuple, list))  # the outputs of one op, normalisation's say
        if len(node.parents) > 1 and not several and node.op.kind not in ("elementwise", "linear"):
            held = [leaves[leaf] for p in parents if (leaf := _leaf(p)) in leaves and leaf]
            # A vector is a weight in a product only, and else a gain or a shift.
            vectors = node.op.kind == "multilinear"
            weight = next((w for w in held if w.ndim > 1 or vectors), None)
        if weight is not None:
            name = names[weight]
            layer = layers.setdefault(name, Layer(weight=weight))
            layer._nodes.append(node)
            seen.setdefault(name, {}).setdefault("deviation", []).append(
                _deviation(np.asarray(value))
            )
        else:
            reached = [below[p] for p in parents if p in below]
            if not reached:
                continue
            name = max(reached, key=list(layers).index) if len(set(reached)) > 1 else reached[0]
            kind, share = (None, 0.0) if several else _flat(node, np.asarray(value))
            if kind is not None:
                layers[name].activation = node.op.name
                seen[name].setdefault(kind, []).append(share)
        below[node] = name
    for name, lists in seen.items():
        for kind, each in lists.items():
            setattr(layers[name], kind, _mean(each))
    return layers


def _leaf(node: Node | None) -> Node | None:
    """The leaf that a node is, or is but turned round."""
    while node is not None and node.op is not None:
        if node.op.name not in TURNED:
            return None
        node = node.parents[0]
    return node


def _flat(node: Node, value: Any) -> tuple[str | None, float]:
    """Tell how much of an activation's output is flat; None for what is no such activation."""
    name = node.op.name
    if name in BOUNDED:
        low, high = BOUNDED[name]
        near = NEAR * (high - low)
        return "saturated", float(np.mean((value <= low + near) | (value >= high - near)))
    rectified = name == "relu" or (
        # np.maximum(a, 0)
        name == "maximum"
        and sum(p is not None for p in node.parents) == 1
        and any(np.ndim(x) == 0 and x == 0 for x in node.operands or () if np.isscalar(x))
    )
    if rectified and value.ndim:
        units = value.reshape(-1, value.shape[-1]) if value.ndim > 1 else value[:, None]
        return "dead", float(np.mean(np.all(units <= 0, axis=0)))
    return None, 0.0


def _deviation(value: Any) -> float:
    if not value.ndim:
        return 0.0
    rows = value.reshape(len(value), -1)
    return float(np.sqrt(np.mean(np.var(rows, axis=0))))


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _described(x: Any) -> str:
    if isinstance(x, Tensor):
        return f"a tensor of shape {x.shape}"
    return f"an object of type {type(x).__name__}"
