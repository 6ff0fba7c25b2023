"""From the nodes that the engine recorded, and what inspection saw of them, to boxes and edges.

It decides what is one box: an op with its small constants, a composition such as ``var``, an op of
several outputs of which one is used. Nothing here is computed anew: values, times and gradients are
those that were noted while the engine worked.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from autograd_core import Inspection
from autograd_core.graph import Node, StandIn, topological_order
from autograd_core.registry import PROJECTION, known

from ..graph.ir import Edge, Graph, Vertex
from ..graph.names import names_of
from ..graph.summary import Summary, summarize
from ..text import clean, number, parameter, short
from .calls import groups_of
from .fold import arguments, fold, usual
from .steps import Trace, take_steps

__all__ = ["Known", "Made", "build"]

#: Said of what cannot be looked at without computing it, as of a Dask array.
LAZY = "not computed yet"


@dataclass(slots=True)
class Known:
    """What is known beside the nodes.

    ``names``, ``inputs``, ``buffers`` and ``frozen`` (parameters) go by the ``id`` of a node or of
    an untracked array, ``parts`` (the paths of modules) by that of a module. ``integers`` are named
    arrays, which a copy of is known by: losses copy their labels. ``values`` are those of nodes
    that nothing in the graph kept. ``seen`` is what inspection saw, ``walk`` the walk back that is
    drawn, None without one, and then ``no_gradient`` says why. With ``released`` a backward pass
    has been here, and ``seen`` does not know it.
    """

    names: dict[int, str] = field(default_factory=dict)
    inputs: set[int] = field(default_factory=set)
    buffers: set[int] = field(default_factory=set)
    frozen: set[int] = field(default_factory=set)
    parts: dict[int, str] = field(default_factory=dict)
    integers: list[tuple[str, Any]] = field(default_factory=list)
    values: dict[Node, Any] = field(default_factory=dict)
    seen: Inspection = field(default_factory=Inspection)
    walk: Any = None
    no_gradient: str = ""
    released: bool = False
    #: Whether modules tell how many parameters they have, and no values are shown.
    summary: bool = False


class Made(NamedTuple):
    """A graph, and which edge an operand of a node is, by the node's number."""

    graph: Graph
    places: dict[tuple[int, int], int]


def build(roots: Sequence[Node], known: Known) -> Made:
    """Make the boxes, edges, groups and steps of all that ``roots`` depend on."""
    builder = _Builder(roots, known)
    graph = builder.build()
    return Made(graph, {(node.number, i): k for (node, i), k in builder.edge_of.items()})


class _Builder:
    """The state of one pass over the nodes, oldest first."""

    def __init__(self, roots: Sequence[Node], known: Known) -> None:
        self.roots = dict.fromkeys(roots)
        self.known = known
        self.seen = known.seen
        self.order = topological_order(self.roots)
        self.numbered = {node.number: node for node in self.order}
        self.members, self.whole, self.idle = fold(self.order, self.roots)
        self.box_of: dict[Node, int] = {}
        #: Which edge an operand of a node is; and of each box what its operands are.
        self.edge_of: dict[tuple[Node, int], int] = {}
        self.operands: dict[int, list[int | str]] = {}
        self.composed: set[int] = set()
        self.constants: dict[int, int] = {}
        self.boxes: list[dict[str, Any]] = []
        self.edges: list[tuple[int, int, int]] = []
        self.gradients: dict[Node, Any] = {} if known.walk is None else known.walk.gradients
        self.included = set() if known.walk is None else set(known.walk.order)
        #: What ops read, which the graph keeps or inspection noted; and which of it is kept.
        self.read: dict[Node, Any] = {}
        self.kept: set[Node] = set()
        for node in self.order:
            self.note(node)
        self.groups, self.group_of = groups_of(self.members, known.seen, known.parts, known.summary)

    def note(self, node: Node) -> None:
        operands, out = self.seen.kept(node)
        if out is not None:
            self.read[node] = out
            self.kept.add(node)
        raw = self.seen.operands.get(node, operands or ())
        for parent, x, y in zip(node.parents, operands or (), raw, strict=False):
            if parent is None:
                continue
            if not isinstance(x, Node | StandIn):
                self.kept.add(parent)
            if not isinstance(y, Node | StandIn):
                self.read[parent] = y

    def build(self) -> Graph:
        forward = []
        for node in self.order:
            if node.op is None:
                self.leaf(node)
            elif node in self.members:
                self.op(node, self.members[node])
                forward.append(self.box_of[node])
            elif node in self.idle:
                self.box_of[node] = self.box_of[node.parents[0]]  # type: ignore[index]
        self.mark_origins()
        self.count_held()
        edges = [Edge(*edge) for edge in self.edges]
        vertices = [Vertex(id=i, **box) for i, box in enumerate(self.boxes)]
        backward: dict[int, None] = {}
        for node in () if self.known.walk is None else self.known.walk.visited:
            if node.op is not None and node in self.box_of and node not in self.idle:
                backward[self.box_of[node]] = None
        trace = Trace(
            names_of(vertices),
            self.members,
            self.box_of,
            self.edge_of,
            self.operands,
            self.composed,
            self.whole,
            self.numbered,
            self.known.walk,
        )
        steps, norms = take_steps(trace, vertices)
        for i, norm in norms.items():
            edges[i] = Edge(*self.edges[i], norm=norm)
        return Graph(
            tuple(vertices),
            tuple(edges),
            tuple(forward),
            tuple(backward),
            self.known.no_gradient,
            self.groups,
            steps,
        )

    def add(self, **box: Any) -> int:
        self.boxes.append(box)
        return len(self.boxes) - 1

    def leaf(self, node: Node) -> None:
        name = self.known.names.get(id(node)) or node.name
        if node in self.roots:
            kind = "output"
        else:
            kind = "input" if id(node) in self.known.inputs else "parameter"
        self.box_of[node] = self.add(
            kind=kind,
            op=None,
            label=clean(name) if name else kind,
            name=clean(name) if name else None,
            shape=node.shape,
            dtype=_dtype(node.dtype),
            kept=node in self.kept,
            nbytes=_nbytes(node.shape, node.dtype),
            **self.value(node),
            **self.gradient(node),
        )

    def op(self, node: Node, group: list[Node]) -> None:
        # The op that the box is named for, and the nodes whose operands enter it.
        what = node
        if node.op is PROJECTION and len(group) == 2:
            what = group[0]
        derived = node.derived if node in self.whole else None
        # A composition's own constants are nobody's operands; of a single node it has none.
        composed = derived is not None and len(group) > 1
        op = what.op if derived is None else derived.op
        sources: list[int] = []
        #: What enters as which operand: nodes' operands, of which a composition reads one often.
        enters: list[list[tuple[Node, int]]] = []
        constants: dict[int, str] = {}
        entered: dict[Node, int] = {}
        inside = set(group)
        for member in group:
            operands = self.seen.operands.get(member, member.operands)
            operands = operands or (None,) * len(member.parents)
            for i, (parent, operand) in enumerate(zip(member.parents, operands, strict=True)):
                if parent in inside:
                    continue
                if parent is not None:
                    # Inside a composition an operand may be read many times; it enters once.
                    if composed and parent in entered:
                        enters[entered[parent]].append((member, i))
                        continue
                    entered[parent] = len(sources)
                    sources.append(self.box_of[parent])
                elif composed and not self.told(operand):
                    continue
                elif operand is None or np.ndim(operand) > 0:
                    sources.append(self.constant(operand, member, i))
                else:
                    constants[len(sources) + len(constants)] = _scalar(operand)
                    continue
                enters.append([(member, i)])
        name = self.known.names.get(id(node)) or node.name
        told = what.params if derived is None else arguments(derived)
        params = tuple(
            f"{key}={parameter(value)}"
            for key, value in told.items()
            # With an underscore in front they are the op's own affair, notes for its rule.
            if key != "index" and key[0] != "_" and not usual(op, key, value)
        )
        label = _label(op, what, len(sources), constants)
        if derived is not None:
            label += "" if derived.output is None else f" [{derived.output}]"
        elif node.op is PROJECTION:
            index = node.params["index"]
            if what is node:
                label = f"output {index}"
            elif index or op.symbol.isidentifier():  # A formula is that of the first output.
                label += f" [{index}]"
        seconds = [] if self.known.summary else [self.seen.seconds.get(m) for m in group]
        back = [self.known.walk.seconds.get(m) for m in group] if self.known.walk else []
        target = self.add(
            kind="output" if node in self.roots else "op",
            op=op.name,
            label=label,
            name=clean(name) if name else None,
            shape=node.shape,
            dtype=_dtype(node.dtype),
            params=params,
            kept=any(m in self.kept for m in (group if composed else [node, what])),
            group=self.group_of.get(node),
            rule_of=self.rule(what),
            line=self.line(what),
            seconds=_total(seconds),
            backward_seconds=_total(back),
            nbytes=_nbytes(node.shape, node.dtype),
            dead=self.dead(op, node, constants),
            **self.value(node),
            **self.gradient(node),
        )
        for member in group:
            self.box_of[member] = target
        if composed:
            self.composed.add(target)
        free = [i for i in range(len(sources) + len(constants)) if i not in constants]
        for source, operand, keys in zip(sources, free, enters, strict=True):
            for key in keys:
                self.edge_of[key] = len(self.edges)
            self.edges.append((source, target, operand))
        texts: list[int | str] = [constants.get(i, "") for i in range(len(free) + len(constants))]
        for source, operand in zip(sources, free, strict=True):
            texts[operand] = source
        self.operands[target] = texts

    def told(self, operand: Any) -> bool:
        """Whether an untracked operand is a user's, as far as one can tell: it has a name."""
        if operand is None or isinstance(operand, StandIn) or np.ndim(operand) == 0:
            return False
        known = self.known
        told = (known.names, known.inputs, known.buffers, known.frozen)
        return any(id(operand) in ids for ids in told)

    def constant(self, operand: Any, node: Node, i: int) -> int:
        """The box of an untracked operand. One array used twice is one box."""
        there = operand is not None and not isinstance(operand, StandIn)
        operands = self.seen.kept(node)[0]
        kept = operands is not None and not isinstance(operands[i], StandIn) and there
        lazy = there and not known(operand)
        if there and id(operand) in self.constants:
            box = self.constants[id(operand)]
            self.boxes[box]["kept"] |= kept
            return box
        name = self.known.names.get(id(operand)) if there else None
        if name is None and isinstance(operand, np.ndarray) and operand.dtype.kind in "iub":
            name = self.copied(operand)
        frozen = id(operand) in self.known.frozen
        if frozen:
            kind = "parameter"
        elif id(operand) in self.known.buffers:
            kind = "buffer"
        else:
            kind = "input" if name or id(operand) in self.known.inputs else "constant"
        box = self.add(
            kind=kind,
            op=None,
            label=clean(name) if name else kind,
            name=clean(name) if name else None,
            shape=None if operand is None else tuple(operand.shape),
            dtype=None if operand is None else str(operand.dtype),
            value=summarize(operand) if there and not (lazy or self.known.summary) else None,
            value_note=LAZY if lazy else "" if there else "not kept",
            gradient_note="frozen" if frozen and not self.known.summary else "",
            kept=kept,
            nbytes=None if operand is None else _nbytes(operand.shape, operand.dtype),
        )
        if there:
            self.constants[id(operand)] = box
        return box

    def copied(self, operand: Any) -> str | None:
        """The name of the array of integers that ``operand`` equals."""
        return next(
            (name for name, held in self.known.integers if np.array_equal(held, operand)), None
        )

    # --- what is known of a box -------------------------------------------------------------

    def find(self, node: Node) -> Any:
        """The value of a node: what the ops saw, since a parameter may have been updated."""
        value = self.read.get(node)
        if value is None:
            value = self.seen.find(node)
        if value is None:
            value = self.known.values.get(node)
        if value is None and node.op is PROJECTION:
            outputs: Any = self.find(node.parents[0])  # type: ignore[arg-type]
            value = None if outputs is None else outputs[node.params["index"]]
        return value

    def value(self, node: Node) -> dict[str, Any]:
        if self.known.summary:
            return {"value": None}
        value = self.find(node)
        if value is None or isinstance(value, tuple | list):
            return {"value": None, "value_note": "" if value else "not kept"}
        if not known(value):
            return {"value": None, "value_note": LAZY}
        return {"value": summarize(value)}

    def gradient(self, node: Node) -> dict[str, Any]:
        if self.known.summary:
            return {"gradient": None}
        g: Any = None
        note = "not computed"
        if self.known.walk is not None:
            g = self.gradients.get(node)
            if isinstance(g, list):
                return {"gradient_note": ""}  # Each output's box tells its own.
            note = "none flows here" if node in self.included else "not asked for"
            if node in self.included and not self.known.walk.complete:
                note = "not reached: an error"
        elif self.known.released:
            # What is in a leaf's `grad` otherwise is of another graph.
            g = node.grad
            note = "not computed" if node.op is None else "not kept"
        if g is not None and not known(g):
            return {"gradient_note": LAZY}
        return {"gradient_note": note} if g is None else {"gradient": summarize(g)}

    def rule(self, node: Node) -> int | None:
        """The box whose rule computed ``node``, its own, which comes next, where none is drawn."""
        rule = self.seen.rules.get(node)
        if rule is None and not hasattr(node, "rule"):
            return None
        known = rule or self.numbered.get(node.rule)
        return len(self.boxes) if known is None else self.box_of.get(known, len(self.boxes))

    def line(self, node: Node) -> str:
        if self.known.summary or node not in self.seen.places:
            return ""
        line = self.seen.line(node)
        file = Path(line.file).name if not line.file.startswith("<") else line.file
        if "ipykernel_" in line.file:
            file = "cell"
        return clean(f"{file}:{line.line}: {line.code}" if line.code else f"{file}:{line.line}")

    def dead(self, op: Any, node: Node, constants: dict[int, str]) -> float | None:
        """Of a rectifier's output, the share of units that are zero for every example."""
        rectifies = op.name == "relu" or (
            op.name in ("maximum", "clip") and constants.get(0, constants.get(1)) in ("0", "-0")
        )
        if not rectifies or self.known.summary or len(node.shape) < 2:
            return None
        value = self.find(node)
        if type(value) is not np.ndarray or value.size == 0:
            return None
        return float(np.mean(~value.any(axis=0)))

    def count_held(self) -> None:
        """Put the bytes of each array that is kept at the box that keeps it first."""
        for array in self.seen.held(*self.roots).arrays:
            box = self.boxes[self.box_of[array.nodes[0]]]
            box["held"] = box.get("held", 0) + array.nbytes

    # --- where what is not finite began -----------------------------------------------------

    def mark_origins(self) -> None:
        """Mark where a value is not finite though all that it is computed from is.

        Only where it goes on to an output: what a `where` drops on the way spoils nothing.
        """
        if self.known.summary:
            return
        self.mark_gradient_origins()
        values = [box.get("value") for box in self.boxes]
        if all(value is None or value.finite for value in values):
            return
        spoils = {self.box_of[root] for root in self.roots}
        sources: dict[int, list[int]] = {}
        for source, target, _ in self.edges:
            sources.setdefault(target, []).append(source)
        for i in range(len(self.boxes) - 1, -1, -1):
            value: Summary | None = values[i]
            if i not in spoils or (value is not None and value.finite):
                continue
            came = [values[source] for source in sources.get(i, ())]
            spoils.update(sources.get(i, ()))
            if value is not None and i in sources:
                self.boxes[i]["origin"] = all(v is not None and v.finite for v in came)
        report = self.seen.first_nonfinite() if self.seen.nodes else None
        if report is not None and report.when == "forward" and not report.dropped:
            box = self.box_of.get(report.node)
            if box is not None and report.node.op is not None:
                self.boxes[box]["origin"] = True

    def mark_gradient_origins(self) -> None:
        if self.known.walk is None:
            return
        bad = {
            node for node, g in self.gradients.items()
            if node in self.box_of and not _finite(g)
        }  # fmt: skip
        if not bad:
            return
        spoilt = {sent.parent for sent in self.known.walk.edges() if sent.node in bad}
        for node in bad - spoilt:
            self.boxes[self.box_of[node]]["gradient_origin"] = True


def _finite(g: Any) -> bool:
    if isinstance(g, list):
        return all(part is None or _finite(part) for part in g)
    return not known(g) or bool(np.isfinite(g).all())


def _label(op: Any, node: Node, boxes: int, constants: dict[int, str]) -> str:
    """The op's symbol with its small constants: ``× 2``, ``1 -``, ``maximum(·, 0)``."""
    symbol = "−" if op.symbol == "-" else clean(op.symbol)
    if op.name in ("getitem", "setitem") and "index" in node.params:
        return f"[{short(node.params['index'])}]{' =' if op.name == 'setitem' else ''}"
    if not constants:
        return symbol
    if getattr(op, "operator", None) is not None and boxes + len(constants) == 2:
        left, right = constants.get(0), constants.get(1)
        return f"{left} {symbol}" if left is not None else f"{symbol} {right}"
    texts = [constants.get(i, "·") for i in range(boxes + len(constants))]
    return f"{symbol}({', '.join(texts)})"


def _scalar(operand: Any) -> str:
    if isinstance(operand, StandIn):
        return "const"
    return number(operand.item() if hasattr(operand, "item") else operand, 4)


@functools.cache
def _dtype(dtype: Any) -> str:
    if isinstance(dtype, tuple):
        return ", ".join(dict.fromkeys(str(one) for one in dtype))
    return str(dtype)


def _nbytes(shape: Any, dtype: Any) -> int | None:
    """The bytes of a value, or of several; None where a lazy array does not know its length."""
    if isinstance(dtype, tuple):
        each = [_nbytes(s, d) for s, d in zip(shape, dtype, strict=True)]
        return None if None in each else sum(each)  # type: ignore[arg-type]
    size = dtype.itemsize
    for n in shape:
        size *= n
    return int(size) if size == size else None


def _total(seconds: Iterable[float | None]) -> float | None:
    found = [s for s in seconds if s is not None]
    return sum(found) if found else None
