"""The flow graph as plain data: what layouts place, drawings draw and tests hold.

`build` makes it of the nodes that the engine recorded. Ids are positions in the tuples and follow
the order in which the engine recorded, so equal graphs give equal pictures.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from .summary import Summary

__all__ = ["SCHEMA", "Edge", "Graph", "Group", "Step", "Vertex"]

#: The version of this data; it changes when a field changes its meaning.
SCHEMA = 2


@dataclass(frozen=True, slots=True)
class Vertex:
    """One box.

    ``kind`` is ``"op"``, ``"output"`` (what was drawn; an op too, if ``op`` is not None),
    ``"parameter"`` (a leaf that takes a gradient, or did until it was frozen), ``"buffer"`` (a
    module's state that takes none), ``"input"`` (an argument, or named data) or ``"constant"``.
    ``value`` and ``gradient`` are None where not known, and then ``value_note`` and
    ``gradient_note`` say why. ``kept`` tells whether an array is kept here for the backward pass;
    ``origin`` whether a value is not finite here, although all that it is computed from is, and
    spoils an output; ``gradient_origin`` whether a gradient is not finite here, although all that
    it is computed from on the way back is. In ``shape`` a length may be a word, of a module before
    any data: ``"N"`` examples.

    ``group`` is the innermost `Group` that it lies in. A leaf that is drawn at several uses has
    ``uses`` boxes: the first, and others whose ``stands_for`` is the first one's id. ``rule_of`` is
    the box whose rule computed this one on a walk back (order 2), or its own id where that box is
    not part of the graph. ``line`` is the user's line of
    code, ``"model.py:12: h = np.tanh(x @ W)"``. ``seconds`` and ``backward_seconds`` are what it
    took, ``nbytes`` the bytes of the value, ``held`` the bytes that are kept for the backward pass
    and were first kept here. ``dead`` is, of a rectifier's output, the share of units that are zero
    for every example. ``change`` is, in a difference of two graphs, ``"added"``, ``"removed"``,
    ``"changed"`` or ``""``.
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
    gradient_origin: bool = False
    group: int | None = None
    stands_for: int | None = None
    uses: int = 1
    rule_of: int | None = None
    line: str = ""
    seconds: float | None = None
    backward_seconds: float | None = None
    nbytes: int | None = None
    held: int = 0
    dead: float | None = None
    change: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """A value that flows from a box into an operand of another; ``x * x`` has two.

    ``norm`` is the Euclidean norm of what the backward pass sent along it, None where nothing was
    computed; ``share`` its share of an explained gradient, see `autograd_core.explain`.
    """

    source: int
    target: int
    operand: int
    norm: float | None = None
    share: float | None = None
    change: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Boxes that can be drawn as one: a call of a module, or what has no module to tell it apart.

    ``kind`` is ``"module"``, ``"repeat"`` (alike siblings), ``"line"`` (of one line of code),
    ``"chain"`` or ``"band"``. ``label`` is what to write (``"Linear(64, 32)"``), ``name`` the
    module's path or "". ``parent`` is the group around it, of a smaller id.
    """

    id: int
    parent: int | None
    kind: str
    label: str
    name: str = ""
    change: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the forward or the backward pass, as the engine made it.

    ``phase`` is ``"forward"`` (``vertex`` is computed), ``"seed"`` (the backward pass starts at
    ``vertex``) or ``"backward"``: the rule of ``vertex`` sends a contribution along ``edge``, the
    ``nth`` of the ``count`` that its source gets. ``caption`` says it in words, with the rule:
    ``"bprop matmul: grad W = xᵀ @ g (2 of 3)"``. ``sent`` and ``total`` are the contribution and
    the sum so far, as a box writes an array.
    """

    phase: str
    vertex: int
    caption: str
    edge: int | None = None
    nth: int = 1
    count: int = 1
    sent: str = ""
    total: str = ""


@dataclass(frozen=True, slots=True)
class Graph:
    """Boxes and edges, the groups they lie in, and the ids of ops in the order of both passes.

    Orders are the engine's: it computes by creation number, and walks back against it; ``steps``
    are what it did, one by one. ``no_gradient`` says why gradients were not computed, where they
    were not; ``caption`` is what a drawing says below.
    """

    vertices: tuple[Vertex, ...]
    edges: tuple[Edge, ...]
    forward: tuple[int, ...]
    backward: tuple[int, ...]
    no_gradient: str = ""
    groups: tuple[Group, ...] = ()
    steps: tuple[Step, ...] = ()
    caption: str = ""
    schema: int = SCHEMA

    def to_dict(self) -> dict[str, Any]:
        """Return nested dicts and tuples, as for a golden file."""
        return dataclasses.asdict(self)
