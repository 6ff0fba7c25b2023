"""Back-propagation: visit the boxes in reverse order, and at each one pull the gradient back.

One loop, for arrays and for tensors. It is told how to make a tensor of a value and a node
(`Lift`), so it imports none: with it the rules are recorded, and gradients can be differentiated.

The gradient of a real L at a complex z = x + iy is ∂L/∂x + i ∂L/∂y for users, PyTorch's convention.
Inside the walk it is the conjugate of that, so that dL = Re(g dz) and the rule of a holomorphic op
multiplies by its derivative as for real values: seeds and results are conjugated, no rule is.
"""

from __future__ import annotations

import sys
import threading
from bisect import bisect
from collections.abc import Callable, Collection, Iterable
from sys import getrefcount
from typing import Any, Literal, NamedTuple

import numpy as np

from . import hooks
from .errors import GradientError, OverwrittenError, ReleasedError
from .graph import (
    Node,
    conj,
    find_overwritten,
    next_number,
    refuse_unknown_shape,
    topological_order,
)
from .ops.indexing import scatter, setitem
from .record import Watcher, explain_rule, project, watcher
from .registry import PROJECTION, REAL, ZERO, Erase, Op, Scatter, known

__all__ = ["Lift", "backward", "differentiate", "node_gradients"]

#: Whether the count of references tells who holds an array: from Python 3.14 on what a variable
#: holds is not counted.
_COUNTED = sys.version_info < (3, 14)


class Lift(NamedTuple):
    """How to make a tensor of a value and a node, and how to get the value back."""

    wrap: Callable[[Any, Node | None], Any]
    value: Callable[[Any], Any]


def backward(root: Node, seed: Any, retain_graph: bool = False) -> None:
    """Add the gradient of ``root``, weighted by ``seed``, to the ``grad`` of every leaf.

    Inner nodes that keep theirs get it too: all do, or, if anything fails, none. What the graph
    kept is released unless ``retain_graph``.
    """
    order = topological_order([root])
    hooked = hooks.hooked(order)
    gradients = _gradients(order, {root: conj(seed)}, hooked=hooked, watch=watcher.get())
    leaves, fresh = [], []
    for node in order:
        if node.op is None or (hooked and hooks.retained(node)):
            g = gradients.pop(node, None)
            if g is not None and node.dtype.kind == "c":
                g = np.conjugate(g)
            leaves.append(node)
            fresh.append(np.zeros(node.shape, node.dtype) if g is None else _unaliased(g))
            del g
    with _commit:
        # Sums first: an error in one of them leaves every gradient as it was.
        sums = [g if n.grad is None else _sum(n.grad, g) for n, g in zip(leaves, fresh)]  # noqa: B905
        for node, g in zip(leaves, sums):  # noqa: B905 - strict costs here
            node.grad = g
    if not retain_graph:
        for node in order:
            if node.op is not None:
                node.operands = node.out = None


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
) -> dict[Node, Any]:
    """Do what `differentiate` does, without conjugating: the transpose of the derivative.

    ``watch`` is told of the walk: whoever watches here, another, or nobody.
    """
    if not wanted:
        return {}
    oldest = min(node.number for node in wanted)
    order = topological_order(roots, oldest)
    reached = set(wanted)
    needed = []
    for node in order:
        if node in reached or any(parent in reached for parent in node.parents):
            reached.add(node)
            needed.append(node)
    seeds = {node: seed for node, seed in roots.items() if node in reached}
    hooked = hooks.hooked(needed) if call_hooks else None
    if watch == "here":
        watch = watcher.get() if call_hooks else None
    return _gradients(needed, seeds, set(wanted), lift, hooked, watch)


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
) -> dict[Node, Any]:
    if watch is None:
        return _find(order, seeds, wanted, lift, hooked)
    with watch.walking():
        found = _find(order, seeds, wanted, lift, hooked, watch)
        watch.end(found)
        return found


def _find(
    order: list[Node],
    seeds: dict[Node, Any],
    wanted: Collection[Node] | None,
    lift: Lift | None,
    hooked: set[Node] | None,
    watch: Watcher | None = None,
) -> dict[Node, Any]:
    stale = find_overwritten(order)
    if stale is not None:
        node, whose = stale
        raise OverwrittenError(
            f"{node.op.name} kept the value of {whose}, which was overwritten in place since: "
            "its gradient would be wrong. Call backward() before the update, or assign a new "
            "array, as in p.data = p.data - step."
        )
    # A hook is called once: what would be repeated with the guard is done with it at once.
    guarded = hooked is not None and any(n.op is not None and n.hooks.functions for n in hooked)
    if watch is not None:
        watch.verify(order)
    found = _find_silently(order, seeds, wanted, lift, guarded, hooked, watch)
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
    guarded: bool,
    hooked: set[Node] | None,
    watch: Watcher | None,
) -> dict[Node, Any]:
    for seed in seeds.values():
        if not known(seed):
            # Lazy arrays cannot be looked at: what is guarded is guarded everywhere.
            for node in order:
                refuse_unknown_shape(node.shape, "backward" if node.op is None else node.op.name)
            guarded = True
            break
    found = _walk(order, seeds, wanted, lift, guarded, hooked, watch)
    # The guard acts on elementwise ops whose rules read a value; a look costs a pass.
    if not guarded and _any_guarded(order):
        for g in found.values():
            if lift is None and type(g) is np.ndarray and g.ndim > 0 and g.size <= _FEW:
                flat = g if g.ndim == 1 else g.ravel("K")  # `_holds_nan`, written out
                total = flat.dot(flat)
                nan = total != total
            else:
                nan = _holds_nan(g, lift)
            if nan:
                # A zero gradient that met a singular point? Look again, closely.
                return _walk(order, seeds, wanted, lift, True, hooked, watch)
    return found


def _any_guarded(order: list[Node]) -> bool:
    for node in order:  # noqa: SIM110 - `any` would take twice as long
        if node.op is not None and node.op.guarded:
            return True
    return False


def released(node: Node) -> ReleasedError:
    """Build the error for a node whose operands backward has released."""
    return ReleasedError(
        f"the graph was released: backward() went through this {node.op.name} before. Compute "
        "the value again, or call backward(retain_graph=True) the first time."
    )


def _walk(
    order: list[Node],
    seeds: dict[Node, Any],
    wanted: Collection[Node] | None,
    lift: Lift | None,
    guarded: bool = False,
    hooked: set[Node] | None = None,
    watch: Watcher | None = None,
) -> dict[Node, Any]:
    """Visit ``order`` from its end; ``wanted`` None means all leaves, and the whole graph."""
    if watch is not None:
        watch.begin(seeds, order, guarded)
    gradients: dict[Node, Any] = dict(seeds)
    # Nodes whose gradient is an array that nobody else can see: added to in place.
    owned: set[Node] = set()
    found: dict[Node, Any] = {}
    included = None if wanted is None else set(order)
    visits: list[tuple[int, int]] = []
    for node in reversed(order):
        g = gradients.pop(node, None)
        if g is None:
            continue
        op = node.op
        if hooked is not None and op is not None and node in hooked:
            g = hooks.run(node, g, lift)
            owned.discard(node)  # a hook may have kept what it saw
            if wanted is None and node.hooks.retains:
                found[node] = g
        if watch is not None:
            watch.visit(node, g)
        if op is None if wanted is None else node in wanted:
            found[node] = g
        if op is None:
            continue
        if op is PROJECTION:
            _project_back(gradients, node, g)
            continue
        params, operands = node.params, node.operands
        if operands is None:
            raise released(node)
        out = node.out
        if lift:
            visits.append((next_number(), node.number))
            out, operands = lifted(node, lift)
        if out is None:
            out = node
        closely = guarded and op.kind == "elementwise"
        simple = op.direct and not closely
        pair = len(operands) == 2
        if pair:
            x, y = operands
        erased = None
        # What pulls back to each parent: its rule itself, or its place for `op.pull`.
        pulls: Any = op.rules if simple else range(len(operands))
        if not (simple or closely) and op.joint is not None:
            op = op.at_once()
        try:
            for parent, pull in zip(node.parents, pulls):  # noqa: B905 - strict costs here
                if parent is None or (included is not None and parent not in included):
                    continue
                if simple:
                    # `op.pull`, written out: the call would cost as much as a small rule.
                    if params:
                        contribution = pull(g, out, *operands, **params)
                    else:
                        contribution = pull(g, out, x, y) if pair else pull(g, out, *operands)
                elif closely:
                    contribution = pull_guarded(op, pull, g, out, operands, params, parent, lift)
                else:
                    contribution = op.pull(pull, g, out, operands, params, parent)
                if watch is not None:
                    watch.sent(node, contribution)
                try:
                    fits = contribution.dtype is parent.dtype and contribution.shape == parent.shape
                except AttributeError:  # no array at all: `op.fit` complains
                    fits = False
                if not fits:
                    if contribution is ZERO:
                        continue
                    if type(contribution) is Scatter:
                        _scatter_into(gradients, owned, parent, contribution, lift)
                        continue
                    if type(contribution) is Erase:
                        erased = parent, contribution.index  # last: others read `g` as it is
                        continue
                    place = op.rules.index(pull) if simple else pull
                    contribution = op.fit(place, contribution, parent, g)
                present = gradients.get(parent)
                if present is None:
                    gradients[parent] = contribution
                elif type(contribution) is np.ndarray and (
                    parent in owned
                    or (
                        _COUNTED
                        and type(present) is np.ndarray
                        # By `gradients`, by `present` and by this call, that is: by nobody else.
                        and getrefcount(present) <= 3
                        and present.base is None
                        and lift is None
                        and present.flags.writeable
                    )
                ):
                    present += contribution
                    owned.add(parent)
                else:
                    total = gradients[parent] = present + contribution
                    if lift is None and type(total) is np.ndarray:
                        owned.add(parent)
                    else:
                        owned.discard(parent)
        except Exception as error:
            place = op.rules.index(pull) if simple else pull
            explain_rule(error, "the gradient of", node, place)
            raise
        if erased is not None:
            mine = node in owned and node not in found and watch is None
            _erase(gradients, owned, node, *erased, g, mine, lift)
    if visits:
        _mark_rules(found.values(), visits)
    return found


def _mark_rules(found: Iterable[Any], visits: list[tuple[int, int]]) -> None:
    """Note on nodes that rules recorded, whose rule it was: the node visited when they were."""
    first = [number for number, _ in visits]
    stack = [g._node for g in found if getattr(g, "_node", None) is not None]
    seen = set(stack)
    while stack:
        node = stack.pop()
        place = bisect(first, node.number) - 1
        if place < 0:
            continue  # older than the walk
        if not hasattr(node, "rule"):
            node.rule = visits[place][1]
        for parent in node.parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)


def _erase(
    gradients: dict[Node, Any],
    owned: set[Node],
    node: Node,
    parent: Node,
    index: Any,
    g: Any,
    mine: bool,
    lift: Lift | None,
) -> None:
    """Hand ``g`` on with zeros at ``index``: in place if it is ours, so that a loop that fills a
    tensor element by element goes back in linear time."""
    if lift is not None or type(g) is not np.ndarray:
        g = setitem(g, 0.0, index=index)
    elif mine:
        for other in node.parents:
            part = None if other is None else gradients.get(other)
            if part is not None and np.may_share_memory(part, g):
                gradients[other] = part.copy()  # type: ignore[index]
        g[index] = 0.0
    else:
        g = g.copy()
        g[index] = 0.0
    present = gradients.get(parent)
    if present is not None:
        g = present + g
    gradients[parent] = g
    if type(g) is np.ndarray:
        owned.add(parent)
    else:
        owned.discard(parent)


def lifted(node: Node, lift: Lift) -> tuple[Any, tuple[Any, ...]]:
    """The output and operands as tensors on the graph, so that rules are recorded."""
    out = node.out
    if isinstance(out, (tuple, list)):
        # Integers among several outputs, positions say, have no gradient.
        out = [
            lift.wrap(y, project(node, k) if y.dtype.kind in "fc" else None)
            for k, y in enumerate(out)
        ]
    elif out is not None:
        out = lift.wrap(out, node)
    assert node.operands is not None
    operands = tuple(
        lift.wrap(x, parent) if parent is not None and x is not parent else x
        for x, parent in zip(node.operands, node.parents, strict=True)
    )
    return out, operands


def _project_back(gradients: dict[Node, Any], node: Node, g: Any) -> None:
    """Put the gradient of one output in its place among those of the op's others."""
    parent = node.parents[0]
    assert parent is not None
    slots = gradients.setdefault(parent, [None] * len(parent.shape))
    i = node.params["index"]
    slots[i] = g if slots[i] is None else slots[i] + g


def _scatter_into(
    gradients: dict[Node, Any], owned: set[Node], parent: Node, part: Scatter, lift: Lift | None
) -> None:
    """Add a gradient at an index: into one buffer, so that reading in a loop stays linear."""
    if lift is not None or not known(part.g) or not known(gradients.get(parent, 0.0)):
        owned.discard(parent)
        g = part.g if part.g.dtype == parent.dtype else part.g.astype(parent.dtype)
        spread = scatter(g, index=part.index, shape=parent.shape)
        present = gradients.get(parent)
        gradients[parent] = spread if present is None else present + spread
        return
    if parent not in owned:
        present = gradients.get(parent)
        buffer = np.zeros(parent.shape, parent.dtype)
        if present is not None:
            buffer += present
        gradients[parent] = buffer
        owned.add(parent)
    part.add_to(gradients[parent])


def pull_guarded(
    op: Op,
    i: int,
    g: Any,
    out: Any,
    operands: tuple[Any, ...],
    params: dict[str, Any],
    parent: Node,
    lift: Lift | None,
) -> Any:
    """Pull back with a zero gradient staying zero where the derivative is not finite.

    There the rule is applied at an interior point of the domain instead, chosen by a `where`
    that is recorded like everything else, so that higher orders are right too.
    """
    value = lift.value if lift else itself
    # Before the sum over broadcast axes: one element of many may be the one.
    rule: Any = op.rules[i]
    raw = rule(g, out, *operands, **params)
    if raw is ZERO:
        return ZERO
    keep_out, keep = op.keeps[i]
    if not keep_out and True not in keep:  # a rule that reads no value meets no singular point
        return op.fit(i, raw, parent, g)
    trap = np.isnan(value(raw)) & (value(g) == 0)
    if known(trap) and not np.any(trap):
        return op.fit(i, raw, parent, g)
    safe = tuple(
        np.where(trap, domain.interior, x)
        if hasattr(x, "__array_function__") or np.isscalar(x)
        else x
        for x, domain in zip(operands, op.domains or (REAL,) * len(operands), strict=True)
    )
    if type(out) is not Node:
        out = np.where(trap, value(op.fn(*(d.interior for d in op.domains), **params)), out)
    return op.pull(i, g, out, safe, params, parent)


def itself(x: Any) -> Any:
    return x


def _holds_nan(g: Any, lift: Lift | None) -> bool:
    if type(g) is list:
        return any(x is not None and _holds_nan(x, lift) for x in g)
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


def _unaliased(g: Any) -> Any:
    """``g`` itself if nobody else can see its memory, else a copy."""
    if type(g) is not np.ndarray:
        return np.array(g) if isinstance(g, np.generic) else g.copy()
    # Seen from here an array that only the walk made is held by `g` and by the caller's variable.
    if _COUNTED and g.base is None and getrefcount(g) <= 3:
        return g
    return g.copy()


def check_seed(shape: Iterable[int], seed: Any) -> None:
    """Refuse a gradient for a value of another shape."""
    shape = tuple(shape)
    if np.shape(seed) != shape:
        raise GradientError(
            f"backward: a gradient of shape {np.shape(seed)} was given for a value of shape "
            f"{shape}; they must be equal"
        )
