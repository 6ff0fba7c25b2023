"""Where an inf or nan came from: traced back from box to box, element by element."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..graph import Node, StandIn
from ..registry import PROJECTION
from ..tensor import CAST
from ..transforms.boxes import is_box
from . import traps
from .boxes import enclosing
from .lines import Line
from .report import Operand, Report, Step, digits
from .search import harmless, offender
from .walks import Sent, Walk, all_finite, pull

if TYPE_CHECKING:
    from .inspector import Inspection

__all__ = ["first_bad", "of_gradient", "of_tangent", "of_value", "unreported"]


# --- forward ------------------------------------------------------------------------------------


class _Place(NamedTuple):
    """An element of a value; of one with several outputs, which of them comes first."""

    node: Node
    element: tuple[int, ...]


def of_value(seen: Inspection, node: Node, index: tuple[int, ...], dropped: bool = False) -> Report:
    """Report where the bad element at ``index`` of the value at ``node`` came from."""
    here = _Place(node, index)
    trail = [here]
    # What the last op read: a leaf may have been given another value since.
    bad = _at(seen.values[node], index)
    turned: tuple[Node, tuple[int, ...]] | None = None
    culprit: tuple[int, tuple[int, ...]] | None = None
    while True:
        node, index = here
        if node.op is PROJECTION:
            parent: Any = node.parents[0]
            if parent not in seen.operands:
                break
            # Of several outputs this one: what computed them all is asked about it.
            here = _Place(parent, (node.params["index"], *index))
            trail[-1] = here
            continue
        operands = seen.operands.get(node)
        if operands is None:
            if not _same_value(seen, node):
                break
            here = trail[-1] = _Place(node.parents[0], index)  # type: ignore[arg-type]
            continue
        if is_box(node.op):
            # It cannot be computed again, but what was computed inside it was recorded.
            inner = _inner(seen, node, index)
            if inner is None:
                break
            here = inner
            trail.append(here)
            continue
        found = _offender(node, index, operands, bad)
        if found is None:
            break
        k, element = found
        bad = np.asarray(operands[k])[element]
        if turned is None and np.isnan(_at(seen.values[node], index)) and np.isinf(bad):
            turned = node, index
        parent = node.parents[k]
        if parent is None:
            culprit = k, element
            break
        here = _Place(parent, element)
        trail.append(here)
    node, index = here
    came_in = culprit is not None or node not in seen.operands
    if came_in and turned is not None:
        # An inf that was put in may be meant, as that of a mask is; where it made a nan is not.
        node, index = turned
        trail = trail[: 1 + [place.node for place in trail].index(node)]
        culprit = None
    onward = [place.node for place in reversed(trail[:-1])]
    return _forward_report(seen, node, index, bad, culprit, onward, dropped)


def _forward_report(
    seen: Inspection,
    node: Node,
    index: tuple[int, ...],
    number: Any,
    culprit: tuple[int, tuple[int, ...]] | None,
    onward: list[Node],
    dropped: bool,
) -> Report:
    operands = seen.operands.get(node)
    value = seen.values[node]
    if operands is None:
        what = f"the input {_name(node)}" if node.name else _name(node)
        trap, remedy = traps.came_in(number, what)
        at, op = f"{_name(node)} holds {digits(number)}", _name(node)
    elif culprit is not None:
        k, index = culprit
        trap, remedy = traps.came_in(number, f"operand {k}", constant=True)
        at, op = f"operand {k}, which is not tracked, holds {digits(number)}", node.op.name
    else:
        several = isinstance(value, (tuple, list))
        inner = index[1:] if several else index
        number = _at(value, index)
        numbers = _numbers(node, operands, inner)
        trap, remedy = traps.of_value(node, numbers, operands, number)
        at, op = f"{_called(node, numbers)} = {digits(number)}", node.op.name
        index = inner
    return Report(
        "forward", trap, remedy, node, op, _inside(seen, node), _line(seen, node), index, at,
        _described(seen, node), _steps(seen, _path(node)), _steps(seen, onward), dropped,
    )  # fmt: skip


def _same_value(seen: Inspection, node: Node) -> bool:
    """Whether a node that no op recorded is another's name in a transform or a box."""
    if node.op is None or len(node.parents) != 1:
        return False
    parent: Any = node.parents[0]
    return parent in seen.values and seen.values[parent] is seen.values[node]


def _inner(seen: Inspection, box: Node, index: tuple[int, ...]) -> _Place | None:
    """The node inside ``box`` that computed what it returns, which is the same array."""
    value = seen.values[box]
    if isinstance(value, (tuple, list)):
        value, index = value[index[0]], index[1:]
    return next(
        (_Place(n, index) for n in seen.nodes if seen.values[n] is value and n != box), None
    )


def _offender(
    node: Node, index: tuple[int, ...], operands: tuple[Any, ...], result: Any
) -> tuple[int, tuple[int, ...]] | None:
    """Which element of which operand made that at ``index`` bad; None if the op did."""
    again, numbers = partial(_again, node, index), harmless(node, len(operands))
    spots = None
    if node.op.kind == "elementwise" and not node.params:
        # It depends on one element of each operand: there is no need to look at the others.
        spots = [_spot(index, np.shape(x)) for x in operands]
        operands = tuple(np.asarray(x)[spot] for x, spot in zip(operands, spots, strict=True))
        again = partial(_again, node, ())
    # A constant may be infinite on purpose, as a bound is: what was computed is asked first.
    found = offender(again, operands, numbers, [p is not None for p in node.parents])
    found = found or offender(again, operands, numbers)
    if spots is None:
        return found
    if found is None and np.isnan(result):
        # What came in is first, also where the op has no finite value at the other operand.
        found = next(((k, ()) for k, x in enumerate(operands) if np.isnan(x)), None)
    return None if found is None else (found[0], spots[found[0]])


def _again(node: Node, index: tuple[int, ...], operands: list[Any]) -> Any:
    """The element of the value, computed again from other operands."""
    op = node.op
    value = op.fn(operands, **node.params) if op.variadic else op.fn(*operands, **node.params)
    return _at(value, index)


# --- backward -----------------------------------------------------------------------------------


def of_gradient(seen: Inspection, walk: Walk, node: Node) -> Report:
    """Report where the first bad element of the gradient at ``node`` came from."""
    into: dict[Node, list[Sent]] = {}
    for edge in walk.edges():
        into.setdefault(edge.parent, []).append(edge)
    index = first_bad(walk.inner(node))
    trail = [node]
    while True:
        seed = walk.seed(node)
        if seed is not None and not all_finite(_at(seed, index)):
            return _seed_report(seen, node, index, trail)
        bad = [e for e in into.get(node, ()) if not all_finite(_sent_to(e, index))]
        if not bad:
            parts = [_sent_to(e, index) for e in into.get(node, ())]
            if node.hooks is not None and node.hooks.functions and _finite_sum(seed, index, parts):
                return _hook_report(seen, walk, node, index, trail)
            return _sum_report(seen, node, index, [e.node for e in into.get(node, ())], trail)
        edge = bad[0]
        reader = edge.node
        if reader.op is PROJECTION:
            node, index = reader, index[1:]
            continue
        g = walk.inner(reader)
        several = type(g) is list
        gs = [np.zeros(()) if x is None else x for x in g] if several else [g]
        found = offender(partial(_pull_again, edge, several, index), gs, [0.0] * len(gs))
        if found is None:
            return _edge_report(seen, walk, edge, index, trail)
        k, element = found
        node, index = reader, ((k, *element) if several else element)
        trail.append(node)


def _sent_to(edge: Sent, index: tuple[int, ...]) -> Any:
    """What an edge adds to one element of a gradient."""
    if edge.node.op is not PROJECTION:
        return _at(edge.contribution, index)
    return _at(edge.contribution, index[1:]) if edge.node.params["index"] == index[0] else 0.0


def _pull_again(edge: Sent, several: bool, index: tuple[int, ...], gs: list[Any]) -> Any:
    return _at(pull(edge.node, edge.operand, gs if several else gs[0]), index)


def _edge_report(
    seen: Inspection, walk: Walk, edge: Sent, index: tuple[int, ...], trail: list[Node]
) -> Report:
    node, i = edge.node, edge.operand
    operands = seen.operands.get(node) or node.operands or ()
    g = walk.inner(node)
    # Where the operand was broadcast, an element of the output to which it went.
    spot = _spread(node, index, edge, g)
    numbers = _numbers(node, operands, spot)
    slope = _at(g, spot) if spot is not None and type(g) is not list else None
    number = _at(edge.contribution, index)
    trap, remedy = traps.of_slope(node, i, numbers, slope, number)
    incoming = "" if slope is None else f"gradient {digits(slope)} in, "
    at = f"{_called(node, numbers)}: {incoming}{digits(number)} out to operand {i}"
    return Report(
        "backward", trap, remedy, node, node.op.name, _inside(seen, node), _line(seen, node),
        index, at, _described(seen, node), _steps(seen, _path(node)),
        _steps(seen, list(reversed(trail))),
    )  # fmt: skip


def _spread(node: Node, index: tuple[int, ...], edge: Sent, g: Any) -> tuple[int, ...] | None:
    if node.op.kind != "elementwise" or type(g) is list:
        return None
    shape = np.shape(edge.contribution)
    if shape == np.shape(g):
        return index
    rule: Any = node.op.rules[edge.operand]
    with np.errstate(all="ignore"):
        raw = rule(g, node if node.out is None else node.out, *(node.operands or ()), **node.params)
    bad = np.argwhere(~np.isfinite(raw))
    return tuple(int(k) for k in bad[0]) if len(bad) else None


def _seed_report(seen: Inspection, node: Node, index: tuple[int, ...], trail: list[Node]) -> Report:
    return Report(
        "backward", "the gradient to start from is not finite",
        "look at what is passed to backward(grad) or as grad_output", node, _name(node),
        _inside(seen, node), _line(seen, node), index, "the gradient that was given",
        (), _steps(seen, _path(node)), _steps(seen, list(reversed(trail[:-1]))),
    )  # fmt: skip


def _finite_sum(seed: Any, index: tuple[int, ...], parts: list[Any]) -> bool:
    with np.errstate(all="ignore"):
        return all_finite(sum(parts) + (0.0 if seed is None else _at(seed, index)))


def _hook_report(
    seen: Inspection, walk: Walk, node: Node, index: tuple[int, ...], trail: list[Node]
) -> Report:
    names = " or ".join(
        getattr(f, "__qualname__", None) or repr(f) for f in node.hooks.functions.values()
    )
    return Report(
        "backward", "a hook made a gradient that is not finite",
        "correct what the hook returns", node, _name(node), _inside(seen, node),
        _line(seen, node), index,
        f"the hook {names} was given a finite number and left "
        f"{digits(_at(walk.inner(node), index))}",
        (), _steps(seen, _path(node)), _steps(seen, list(reversed(trail[:-1]))),
    )  # fmt: skip


def _sum_report(
    seen: Inspection, node: Node, index: tuple[int, ...], readers: list[Node], trail: list[Node]
) -> Report:
    names = " and ".join(_name(reader) for reader in readers)
    trap, remedy = traps.overflow("the sum of gradients", node.dtype)
    return Report(
        "backward", trap, remedy, node, _name(node), _inside(seen, node), _line(seen, node), index,
        f"finite gradients from {names} add up to what {node.dtype} does not hold",
        (), _steps(seen, _path(node)), _steps(seen, list(reversed(trail[:-1]))),
    )  # fmt: skip


# --- forward mode -------------------------------------------------------------------------------


def of_tangent(seen: Inspection, order: list[Node], tangents: dict[Node, Any], tip: Node) -> Report:
    """Report the first box, in order, whose tangent is bad while those that came in are finite."""
    bad = {node for node in order if not all_finite(_plain(tangents.get(node)))}
    blamed = next((n for n in order if n in bad and not any(p in bad for p in n.parents)), tip)
    index = first_bad(_plain(tangents[blamed]))
    number = _at(_plain(tangents[blamed]), index)
    if blamed.op is None or blamed.op is PROJECTION:
        trap, remedy = "the tangent given is not finite", "look at what is passed as tangents"
        numbers: list[Any] = []
    else:
        operands = seen.operands.get(blamed) or blamed.operands or ()
        numbers = _numbers(blamed, operands, index)
        moved = [i for i, p in enumerate(blamed.parents) if p in tangents]
        trap, remedy = traps.of_slope(blamed, moved[0], numbers, None, number)
    at = _name(blamed) if blamed.op is None else _called(blamed, numbers)
    return Report(
        "tangent", trap, remedy, blamed, _name(blamed), _inside(seen, blamed),
        _line(seen, blamed), index, f"{at}: tangent {digits(number)} out",
        _described(seen, blamed), _steps(seen, _path(blamed)), (),
    )  # fmt: skip


def _plain(x: Any) -> Any:
    if isinstance(x, (list, tuple)):
        return [None if part is None else _plain(part) for part in x]
    return getattr(x, "_value", x)


# --- what no walk reported ----------------------------------------------------------------------


def unreported(seen: Inspection) -> Report | None:
    """Find the first bad value among all that was recorded; one that was not dropped if any."""
    bad = [node for node in seen.nodes if not all_finite(seen.values[node])]
    inputs = [n for n in seen.values if n not in seen.operands and not all_finite(seen.values[n])]
    if not bad and not inputs:
        return None
    read = {parent for node in seen.nodes for parent in node.parents}
    tips = [node for node in bad if node not in read]
    first = tips[0] if tips else min(inputs or bad, key=lambda node: node.number)
    return of_value(seen, first, first_bad(seen.values[first]), dropped=not tips)


# --- in words -----------------------------------------------------------------------------------


def first_bad(value: Any) -> tuple[int, ...]:
    """The index of the first element that is not finite; of several outputs, which comes first."""
    if isinstance(value, (tuple, list)):
        for k, part in enumerate(value):
            if part is not None and not all_finite(part):
                return (k, *first_bad(part))
    return tuple(int(i) for i in np.argwhere(~np.isfinite(np.asarray(value)))[0])


def _at(value: Any, index: tuple[int, ...] | None) -> Any:
    if isinstance(value, (tuple, list)):
        assert index
        return _at(value[index[0]], index[1:])
    return np.asarray(value)[index or ()]


def _numbers(node: Node, operands: Iterable[Any], index: tuple[int, ...] | None) -> list[Any]:
    """The elements of the operands from which an elementwise op computed that at ``index``."""
    if node.op.kind != "elementwise" or index is None:
        return []
    found = []
    for x in operands:
        if x is None or isinstance(x, (Node, StandIn)):
            return []  # left out, or not kept
        x = np.asarray(x)
        found.append(x[_spot(index, x.shape)])
    return found


def _spot(index: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Where an operand of this shape has the element that was broadcast to ``index``."""
    places = zip(index[len(index) - len(shape) :], shape, strict=True)
    return tuple(0 if n == 1 else i for i, n in places)


def _called(node: Node, numbers: list[Any]) -> str:
    return f"{node.op.name}({', '.join(map(digits, numbers)) or '...'})"


def _name(node: Node) -> str:
    while _renames(node):
        node = node.parents[0]  # type: ignore[assignment]
    if node.name:
        return repr(node.name)
    return "an input" if node.op is None else str(node.op.name)


def _renames(node: Node) -> bool:
    """Whether a node is its operand under another name, as a transform's argument is."""
    return node.op is CAST and node.parents[0] is not None and node.dtype == node.parents[0].dtype


def _stands_in(seen: Inspection, node: Node) -> bool:
    """Whether a node is an operand's name inside a box."""
    return is_box(node.op) and node in seen.values and node not in seen.operands


def _inside(seen: Inspection, node: Node) -> tuple[str, ...]:
    rule = seen.rule_of(node)
    around = tuple(op.name for op in enclosing(seen.nodes).get(node, ()))
    return around if rule is None else (*around, f"the gradient of {rule.op.name}")


def _line(seen: Inspection, node: Node) -> Line | None:
    try:
        return seen.line(node)
    except LookupError:
        return None


def _described(seen: Inspection, node: Node) -> tuple[Operand, ...]:
    if node.op is None:
        return ()
    operands = seen.operands.get(node) or node.operands or ()
    return tuple(
        _operand(seen, x, parent) for x, parent in zip(operands, node.parents, strict=True)
    )


def _operand(seen: Inspection, x: Any, parent: Node | None) -> Operand:
    name = "not tracked" if parent is None else _name(parent)
    line = None if parent is None else _line(seen, parent)
    if isinstance(x, (Node, StandIn)):
        return Operand(name, x.shape, x.dtype, None, None, 0, 0, line)
    value = np.asarray(x)
    if value.dtype.kind not in "fc":
        low, high = (value.min(), value.max()) if value.size else (None, None)
        return Operand(name, value.shape, value.dtype, low, high, 0, 0, line)
    finite = value[np.isfinite(value)]
    if value.dtype.kind == "c":
        finite = np.abs(finite)
    low, high = (finite.min(), finite.max()) if finite.size else (None, None)
    nans = int(np.isnan(value).sum())
    return Operand(
        name, value.shape, value.dtype, low, high, nans, value.size - nans - finite.size, line
    )


def _path(node: Node) -> list[Node]:
    """A chain from an input to ``node``: through the newest operand each time, the longest way."""
    chain = [node]
    while True:
        parents = [p for p in chain[-1].parents if p is not None]
        if not parents:
            return chain[::-1]
        chain.append(max(parents, key=lambda p: p.number))


def _steps(seen: Inspection, nodes: Iterable[Node]) -> tuple[Step, ...]:
    """Steps for a reader: without other names for a value, and without picking one of several."""
    return tuple(
        Step(_name(node), _line(seen, node), node)
        for node in nodes
        if not (_renames(node) or node.op is PROJECTION or _stands_in(seen, node))
    )
