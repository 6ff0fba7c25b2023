"""The flow graph as plain data: boxes and edges, made from the nodes that the engine recorded.

This is what layouts place, drawings draw and tests hold. It reads the graph and the table of ops,
and decides what is one box: an op with its small constants, a composition such as ``var``, an op
of several outputs of which one is used. Ids follow the order in which the engine recorded, so
equal graphs give equal pictures.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd_core.graph import Node, StandIn, topological_order
from autograd_core.registry import PROJECTION

from .summary import Summary, summarize
from .text import clean, number, short

__all__ = ["SCHEMA", "Edge", "Graph", "Known", "Vertex", "build"]

#: The version of this data; it changes when a field changes its meaning.
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Vertex:
    """One box.

    ``kind`` is ``"op"``, ``"output"`` (what was drawn; an op too, if ``op`` is not None),
    ``"parameter"`` (a leaf that takes a gradient), ``"input"`` (an argument, or named data) or
    ``"constant"``. ``value`` and ``gradient`` are None where not known, and then ``value_note``
    and ``gradient_note`` say why. ``kept`` tells whether an array is kept here for the backward
    pass, ``origin`` whether a value is not finite here although all that it is computed from is.
    """

    id: int
    kind: str
    op: str | None
    label: str
    name: str | None
    shape: Any
    dtype: str | None
    params: tuple[str, ...] = ()
    value: Summary | None = None
    value_note: str = ""
    gradient: Summary | None = None
    gradient_note: str = ""
    kept: bool = False
    origin: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """A value that flows from a box into an operand of another; ``x * x`` has two."""

    source: int
    target: int
    operand: int


@dataclass(frozen=True, slots=True)
class Graph:
    """Boxes and edges, and the ids of the ops in the order of the forward and backward pass.

    Both are the engine's: it computes by creation number, and walks back against it.
    ``no_gradient`` says why gradients were not computed, where they were not.
    """

    vertices: tuple[Vertex, ...]
    edges: tuple[Edge, ...]
    forward: tuple[int, ...]
    backward: tuple[int, ...]
    no_gradient: str = ""
    schema: int = SCHEMA

    def to_dict(self) -> dict[str, Any]:
        """Return nested dicts and tuples, as for a golden file."""
        return dataclasses.asdict(self)


@dataclass(slots=True)
class Known:
    """What is known beside the nodes.

    ``names`` and ``inputs`` go by the ``id`` of a node or of an untracked array; ``values`` are
    those of nodes that nothing in the graph kept. ``gradients`` is None when none were computed,
    and ``no_gradient`` says why. With ``released`` a backward pass has been here.
    """

    names: dict[int, str] = field(default_factory=dict)
    inputs: set[int] = field(default_factory=set)
    values: dict[Node, Any] = field(default_factory=dict)
    gradients: Mapping[Node, Any] | None = None
    no_gradient: str = ""
    released: bool = False


def build(root: Node, known: Known) -> Graph:
    """Make the boxes and edges of all that ``root`` depends on."""
    return _Builder(root, known).build()


class _Builder:
    """The state of one walk over the nodes, oldest first."""

    def __init__(self, root: Node, known: Known) -> None:
        self.root = root
        self.known = known
        self.order = topological_order([root])
        self.members = _groups(self.order, root)
        self.box_of: dict[Node, int] = {}
        self.constants: dict[int, int] = {}
        self.vertices: list[Vertex] = []
        self.edges: list[Edge] = []
        self.kept = dict(_kept(self.order))

    def build(self) -> Graph:
        forward, backward = [], []
        gradients = self.known.gradients or {}
        for node in self.order:
            if node.op is None:
                self.leaf(node)
            elif node in self.members:
                group = self.members[node]
                self.op(node, group)
                forward.append(self.box_of[node])
                if any(member in gradients for member in group):
                    backward.append(self.box_of[node])
        backward.reverse()
        return Graph(
            tuple(self.vertices),
            tuple(self.edges),
            tuple(forward),
            tuple(backward),
            self.known.no_gradient,
        )

    def add(self, vertex: dict[str, Any]) -> int:
        self.vertices.append(Vertex(id=len(self.vertices), **vertex))
        return len(self.vertices) - 1

    def leaf(self, node: Node) -> None:
        name = self.known.names.get(id(node)) or node.name
        if node is self.root:
            kind = "output"
        else:
            kind = "input" if id(node) in self.known.inputs else "parameter"
        self.box_of[node] = self.add(
            dict(
                kind=kind,
                op=None,
                label=clean(name) if name else kind,
                name=clean(name) if name else None,
                shape=node.shape,
                dtype=str(node.dtype),
                kept=node in self.kept,
                **self.value(node),
                **self.gradient(node),
            )
        )

    def op(self, node: Node, group: list[Node]) -> None:
        # The op that the box is named for, and the nodes whose operands enter it.
        what = node
        if node.op is PROJECTION and len(group) == 2:
            what = group[0]
        # A composition's own constants are nobody's operands; of a single node it has none.
        composed = node.derived is not None and len(group) > 1
        op = node.derived[0] if node.derived is not None else what.op
        sources: list[int] = []
        constants: dict[int, str] = {}
        entered: set[Node] = set()
        inside = set(group)
        for member in group:
            operands = member.operands or (None,) * len(member.parents)
            for parent, operand in zip(member.parents, operands, strict=True):
                if parent in inside:
                    continue
                if parent is not None:
                    # Inside a composition an operand may be read many times; it enters once.
                    if not composed or parent not in entered:
                        entered.add(parent)
                        sources.append(self.box_of[parent])
                elif composed and not self.told(operand):
                    continue
                elif operand is None or np.ndim(operand) > 0:
                    sources.append(self.constant(operand))
                else:
                    constants[len(sources) + len(constants)] = _scalar(operand)
        name = self.known.names.get(id(node)) or node.name
        summary = self.value(node)
        params = tuple(
            f"{key}={short(value)}"
            for key, value in what.params.items()
            # With an underscore in front they are the op's own affair, notes for its rule.
            if value is not None and value is not False and key != "index" and key[0] != "_"
        )
        label = _label(op, what, len(sources), constants)
        if node.op is PROJECTION:
            index = node.params["index"]
            label = f"{label} [{index}]" if what is not node else f"output {index}"
        value = summary["value"]
        target = self.add(
            dict(
                kind="output" if node is self.root else "op",
                op=op.name,
                label=label,
                name=clean(name) if name else None,
                shape=node.shape,
                dtype=_dtype(node.dtype),
                params=() if composed else params,
                kept=any(m in self.kept for m in (group if composed else [node, what])),
                origin=value is not None and not value.finite and self.all_finite(sources),
                **summary,
                **self.gradient(node),
            )
        )
        for member in group:
            self.box_of[member] = target
        free = [i for i in range(len(sources) + len(constants)) if i not in constants]
        for source, operand in zip(sources, free, strict=True):
            self.edges.append(Edge(source, target, operand))

    def told(self, operand: Any) -> bool:
        """Whether an untracked operand is a user's, as far as one can tell: it has a name."""
        if operand is None or isinstance(operand, StandIn) or np.ndim(operand) == 0:
            return False
        return id(operand) in self.known.names or id(operand) in self.known.inputs

    def all_finite(self, sources: list[int]) -> bool:
        values = [self.vertices[source].value for source in sources]
        return all(value is not None and value.finite for value in values)

    def constant(self, operand: Any) -> int:
        """The box of an untracked operand. One array used twice is one box."""
        known = operand is not None and not isinstance(operand, StandIn)
        if known and id(operand) in self.constants:
            return self.constants[id(operand)]
        name = self.known.names.get(id(operand)) if known else None
        kind = "input" if name or id(operand) in self.known.inputs else "constant"
        box = self.add(
            dict(
                kind=kind,
                op=None,
                label=clean(name) if name else kind,
                name=clean(name) if name else None,
                shape=None if operand is None else tuple(operand.shape),
                dtype=None if operand is None else str(operand.dtype),
                value=summarize(operand) if known else None,
                value_note="" if known else "not kept",
                kept=known,
            )
        )
        if known:
            self.constants[id(operand)] = box
        return box

    def value(self, node: Node) -> dict[str, Any]:
        value = self.known.values.get(node)
        if value is None and node.op is PROJECTION:
            outputs = self.known.values.get(node.parents[0])  # type: ignore[arg-type]
            value = None if outputs is None else outputs[node.params["index"]]
        # What the graph kept is what the ops saw; a parameter may have been updated since.
        value = self.kept.get(node, value)
        if value is None or isinstance(value, tuple | list):
            return {"value": None, "value_note": "" if value else "not kept"}
        return {"value": summarize(value)}

    def gradient(self, node: Node) -> dict[str, Any]:
        g: Any = None
        note = "not computed"
        if self.known.gradients is not None:
            g = self.known.gradients.get(node)
            if isinstance(g, list):
                return {"gradient_note": ""}  # Each output's box tells its own.
            note = "none flows here"
        elif self.known.released:
            # What is in a leaf's `grad` otherwise is of another graph.
            g = node.grad
            note = "not computed" if node.op is None else "not kept"
        return {"gradient_note": note} if g is None else {"gradient": summarize(g)}


def _groups(order: list[Node], root: Node) -> dict[Node, list[Node]]:
    """For each node that gets a box, the nodes that fold into it, oldest first."""
    owner: dict[Node, Node] = {}
    for node in reversed(order):
        if node.derived is None or node in owner:
            continue
        first = node.derived[1]
        stack = [node]
        owner[node] = node
        while stack:
            for parent in stack.pop().parents:
                if parent is None or parent.op is None or parent in owner:
                    continue
                if parent.number >= first:
                    owner[parent] = node
                    stack.append(parent)
    outputs: dict[Node, list[Node]] = {}
    for node in order:
        if node.op is PROJECTION and node not in owner and node.parents[0] not in owner:
            outputs.setdefault(node.parents[0], []).append(node)  # type: ignore[arg-type]
    for node, used in outputs.items():
        if len(used) == 1:
            owner[node] = owner[used[0]] = used[0]
    groups: dict[Node, list[Node]] = {}
    for node in order:
        if node.op is not None:
            groups.setdefault(owner.get(node, node), []).append(node)
    return groups


def _kept(order: Iterable[Node]) -> Iterable[tuple[Node, Any]]:
    """The values that the graph keeps for the backward pass."""
    for node in order:
        if node.out is not None:
            yield node, node.out
        for parent, operand in zip(node.parents, node.operands or (), strict=False):
            if parent is not None and not isinstance(operand, Node | StandIn):
                yield parent, operand


def _label(op: Any, node: Node, boxes: int, constants: dict[int, str]) -> str:
    """The op's symbol with its small constants: ``× 2``, ``1 -``, ``maximum(·, 0)``."""
    symbol = "−" if op.symbol == "-" else clean(op.symbol)
    if op.name == "getitem" and "index" in node.params:
        return f"[{short(node.params['index'])}]"
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


def _dtype(dtype: Any) -> str:
    if isinstance(dtype, tuple):
        return ", ".join(dict.fromkeys(str(one) for one in dtype))
    return str(dtype)
