"""Back-propagation: order the graph, walk it back, look whether that went well, hand out results.

One way for arrays and for tensors. It is told how to make a tensor of a value and a node (`Lift`),
so it imports none: with it the rules are recorded, and gradients can be differentiated.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable
from sys import getrefcount
from typing import Any, Literal

import numpy as np

from . import hooks
from .errors import GradientError, OverwrittenError
from .graph import (
    RELEASED,
    Node,
    conj,
    find_overwritten,
    refuse_unknown_shape,
    topological_order,
)
from .record import Watcher, watcher
from .registry import known
from .walk import COUNTED, Lift, Walk

__all__ = ["Lift", "backward", "differentiate", "holds_nan", "node_gradients"]


def backward(root: Node, seed: Any, retain_graph: bool = False) -> None:
    """Add the gradient of ``root``, weighted by ``seed``, to the ``grad`` of every leaf.

    Inner nodes that keep theirs get it too: all do, or, if anything fails, none. What the graph
    kept is released unless ``retain_graph``.
    """
    order = topological_order([root])
    hooked = hooks.hooked(order)
    gradients = _gradients(order, {root: conj(seed)}, hooked=hooked, watch=watcher.get())
    if hooked is None:
        kept = [node for node in order if node.op is None]
    else:
        kept = [node for node in order if node.op is None or hooks.retained(node)]
    fresh = []
    for node in kept:
        g = gradients.pop(node, None)
        # By `g` and the call: an array that only the walk made, and nobody else can see.
        if type(g) is np.ndarray and COUNTED and g.base is None and getrefcount(g) <= 2:
            pass
        elif g is None:
            g = np.zeros(node.shape, node.dtype)
        else:
            g = np.array(g) if isinstance(g, np.generic) else g.copy()
        fresh.append(np.conjugate(g) if node.dtype.kind == "c" else g)
    with _commit:
        # Sums first: an error in one of them leaves every gradient as it was.
        sums = [g if n.grad is None else _sum(n.grad, g) for n, g in zip(kept, fresh)]  # noqa: B905
        for node, g in zip(kept, sums):  # noqa: B905 - strict costs here
            node.grad = g
    if not retain_graph:
        for node in order:
            if node.op is not None:
                node.x = RELEASED
                node.y = node.out = None
                if node.more is not None:
                    node.more = node.more[0], None


_commit = threading.Lock()


def _sum(a: Any, b: Any) -> Any:
    with np.errstate(all="ignore"):
        total = a + b
    return np.asarray(total) if isinstance(total, np.generic) else total


def differentiate(
    roots: dict[Node, Any],
    wanted: Collection[Node],
    lift: Lift | None = None,
    call_hooks: bool = True,
) -> dict[Node, Any]:
    """Return the gradient at each node of ``wanted`` that ``roots`` depend on.

    ``roots`` maps outputs to their seeds. With ``lift`` seeds and results are tensors and the
    rules are recorded. Nothing is released, no ``grad`` is touched.
    """
    seeds = {node: conj(seed) for node, seed in roots.items()}
    found = transpose(seeds, wanted, lift, call_hooks)
    return {node: conj(g) for node, g in found.items()}


def transpose(
    roots: dict[Node, Any],
    wanted: Collection[Node],
    lift: Lift | None = None,
    call_hooks: bool = True,
    watch: Watcher | Literal["here"] | None = "here",
    closely: bool | None = None,
) -> dict[Node, Any]:
    """Do what `differentiate` does, without conjugating: the transpose of the derivative.

    ``watch`` is told of the walk: whoever watches here, another, or nobody. ``closely`` says
    whether zero gradients are kept zero at singular points, which takes a look at each op; None:
    where a result holds NaN.
    """
    if not wanted:
        return {}
    oldest = min(node.number for node in wanted)
    order = topological_order(roots, oldest)
    reached: set[Node | None] = set(wanted)
    needed = []
    for node in order:
        if (
            node in reached
            or node.left in reached
            or node.right in reached
            or (node.more is not None and not reached.isdisjoint(node.more[0]))
        ):
            reached.add(node)
            needed.append(node)
    seeds = {node: seed for node, seed in roots.items() if node in reached}
    hooked = hooks.hooked(needed) if call_hooks else None
    if watch == "here":
        watch = watcher.get() if call_hooks else None
    return _gradients(needed, seeds, set(wanted), lift, hooked, watch, closely)


def node_gradients(
    root: Node | dict[Node, Any], seed: Any = None, *, tell: bool = False
) -> dict[Node, Any]:
    """Return the gradient at every node of the graph of ``root``, for drawings.

    The gradient of a node with several outputs is a list of theirs. Hooks are not called.

    Args:
        root: a node; or several, each with its seed, whose gradients are summed.
        seed: the gradient to start from at a single root.
        tell: whether who inspects here is told of the walk.
    """
    roots = root if isinstance(root, dict) else {root: seed}
    seeds = {node: conj(g) for node, g in roots.items()}
    watch = watcher.get() if tell else None
    found = transpose(seeds, topological_order(roots), call_hooks=False, watch=watch)
    return {node: conj(g) for node, g in found.items()}


def _gradients(
    order: list[Node],
    seeds: dict[Node, Any],
    wanted: Collection[Node] | None = None,
    lift: Lift | None = None,
    hooked: set[Node] | None = None,
    watch: Watcher | None = None,
    closely: bool | None = None,
) -> dict[Node, Any]:
    if watch is None:
        return _find(order, seeds, wanted, lift, hooked, None, closely)
    with watch.walking():
        found = _find(order, seeds, wanted, lift, hooked, watch, closely)
        watch.end(found)
        return found


def _find(
    order: list[Node],
    seeds: dict[Node, Any],
    wanted: Collection[Node] | None,
    lift: Lift | None,
    hooked: set[Node] | None,
    watch: Watcher | None,
    closely: bool | None,
) -> dict[Node, Any]:
    stale = find_overwritten(order)
    if stale is not None:
        node, whose = stale
        raise OverwrittenError(
            f"{node.op.name} kept the value of {whose}, which was overwritten in place since: "
            "its gradient would be wrong. Call backward() before the update, or assign a new "
            "array, as in p.data = p.data - step."
        )
    inner = None
    if hooked is not None:
        inner = {node for node in hooked if node.op is not None} or None
        # A hook is called once: what would be repeated with the guard is done with it at once.
        if inner is not None and any(node.hooks.functions for node in inner):
            closely = True
    if watch is not None:
        watch.verify(order)
    found = _find_silently(order, seeds, wanted, lift, closely, inner, watch)
    if hooked is not None:
        # Those of leaves change no other gradient, so they need no guard and come last.
        for node in sorted(hooked, key=lambda node: -node.number):
            if node.op is None and node in found:
                found[node] = hooks.run(node, found[node], lift)
                if watch is not None:
                    watch.visit(node, found[node])
    return found


# Silent: what the forward pass did not warn of is no news in the backward pass. As a decorator,
# which takes a third of the time of a block.
@np.errstate(all="ignore")
def _find_silently(
    order: list[Node],
    seeds: dict[Node, Any],
    wanted: Collection[Node] | None,
    lift: Lift | None,
    closely: bool | None,
    hooked: set[Node] | None,
    watch: Watcher | None,
) -> dict[Node, Any]:
    if closely is None:
        for seed in seeds.values():
            if not known(seed):
                # Lazy arrays cannot be looked at: what is guarded is guarded everywhere.
                for n in order:
                    refuse_unknown_shape(n.shape, "backward" if n.op is None else n.op.name)
                closely = True
                break
    found = Walk(order, seeds, wanted, lift, closely is True, hooked, watch).run()
    # The guard acts on elementwise ops whose rules read a value; a look costs a pass.
    if closely is None and _any_guarded(order):
        array = np.ndarray if lift is None else None
        for g in found.values():
            if type(g) is array and g.size <= _FEW:
                flat = g if g.ndim == 1 else g.ravel("K")  # `holds_nan`, written out
                total = flat.dot(flat)
                nan = total != total
            else:
                nan = holds_nan(g, lift)
            if nan:
                # A zero gradient that met a singular point? Look again, closely.
                return Walk(order, seeds, wanted, lift, True, hooked, watch).run()
    return found


def _any_guarded(order: list[Node]) -> bool:
    for node in order:  # noqa: SIM110 - `any` would take twice as long
        if node.op is not None and node.op.guarded:
            return True
    return False


def holds_nan(g: Any, lift: Lift | None) -> bool:
    """Whether a gradient or tangent, or that of one of several outputs, may hold NaN."""
    if isinstance(g, (list, tuple)):
        return any(x is not None and holds_nan(x, lift) for x in g)
    if lift is not None:
        g = lift.value(g)
    if type(g) is not np.ndarray and not known(g):
        return True  # it cannot be looked at, so it may
    if g.ndim == 0:
        return bool(g != g)
    if g.size > _FEW:
        if g.dtype.kind == "c":
            g = np.ascontiguousarray(g).view(g.real.dtype)
        least = np.minimum.reduce(g, axis=None)
        return bool(least != least)
    # One product tells: squares have no way to make a NaN that was not there. Of many elements it
    # would be BLAS's threads that cost.
    flat = g if g.ndim == 1 else g.ravel("K")
    total = flat.dot(flat)  # the method, for NumPy's function first looks for other kinds of arrays
    return bool(total != total)


_FEW = 10_000


def check_seed(shape: Iterable[int], seed: Any) -> None:
    """Refuse a gradient for a value of another shape."""
    shape = tuple(shape)
    if np.shape(seed) != shape:
        raise GradientError(
            f"backward: a gradient of shape {np.shape(seed)} was given for a value of shape "
            f"{shape}; they must be equal"
        )
