"""Which paths through the graph make a gradient what it is.

With G the gradient of the loss at ``wrt``, let c be what the backward pass sends along an edge and
t the derivative, along G, of the value at the edge's lower end. The edge's share is
⟨c, t⟩ / ⟨G, G⟩: how much of the loss's rise along its own gradient passes there. Over the edges of
any cut between ``wrt`` and the loss the shares add up to 1, since the sum of all ⟨c, t⟩ is then
⟨G, G⟩ by the chain rule; a negative one works against the sum. A path's contribution p is the
product of its local derivatives, applied to the loss's gradient 1. All of them add up to G, and a
path's share is ⟨p, G⟩ / ⟨G, G⟩.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .. import backprop
from ..errors import GradientError
from ..forward import push_forward
from ..graph import Node, conj, topological_order
from ..record import watched
from ..registry import PROJECTION
from ..tensor import Tensor
from ..tree import flatten
from .boxes import enclosing
from .summary import table
from .walks import Sent, Walk, all_finite, pull

__all__ = ["Edge", "Explanation", "Path", "explain"]


class Edge(NamedTuple):
    """An edge of the graph: the reader, which operand, what was read; its share and norm.

    ``share`` is None where the whole gradient is zero.
    """

    node: Node
    operand: int
    parent: Node
    share: float | None
    norm: float


class Path(NamedTuple):
    """A path from ``wrt`` to the loss: its nodes, ops, share of the gradient, and contribution."""

    nodes: tuple[Node, ...]
    #: The names of ops and of the compositions that hold them, in order.
    ops: tuple[str, ...]
    share: float | None
    norm: float
    contribution: Any


@dataclass(frozen=True)
class Explanation:
    """Which paths contribute how much to a gradient.

    ``total``
        the gradient at ``wrt``.
    ``edges``
        all edges between ``wrt`` and the loss, from the loss down: `Edge`.
    ``paths``
        the strongest paths, by size of share: `Path`. They are all there are if ``count`` says so.
    ``count``
        how many paths there are.
    ``rest``
        the share of those that are not listed.
    """

    name: str
    total: Any
    edges: tuple[Edge, ...]
    paths: tuple[Path, ...]
    count: int
    rest: float | None

    @property
    def norm(self) -> float:
        """The Euclidean norm of the gradient."""
        return _norm(self.total)

    def __repr__(self) -> str:
        return f"<Explanation of {self.name}: {_paths(self.count)}, norm {self.norm:.4g}>"

    def __str__(self) -> str:
        head = f"gradient at {self.name}, norm {self.norm:.4g}, over {_paths(self.count)}"
        if self.norm == 0:
            zero = not any(path.norm for path in self.paths)
            head += ": zero along each" if zero else ": they cancel"
        rows: list[tuple[str, ...]] = [("share", "norm", "path")]
        alike: dict[tuple[str, ...], list[Path]] = {}
        for path in self.paths:
            alike.setdefault(path.ops, []).append(path)
        for ops, same in alike.items():
            share = _percent(None if same[0].share is None else sum(p.share or 0.0 for p in same))
            norm = _norm(sum(p.contribution for p in same))
            several = f" ({_paths(len(same))})" if len(same) > 1 else ""
            rows.append((share, f"{norm:.4g}", _chain(self.name, ops) + several))
        others = self.count - len(self.paths)
        if others:
            rows.append((_percent(self.rest), "", f"the other {_paths(others)}"))
        width = max(len(row[0]) for row in rows)
        return "\n".join([head, *table([(row[0].rjust(width), *row[1:]) for row in rows])])


def _paths(count: int) -> str:
    return f"{count:,} path{'' if count == 1 else 's'}".replace(",", " ")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %".replace("-0.0", "0.0")


def _chain(name: str, ops: tuple[str, ...], most: int = 10) -> str:
    """Ops in order, the same one several times in a row once, long ones without the middle."""
    runs: list[list[Any]] = []
    for op in ops:
        if runs and runs[-1][0] == op:
            runs[-1][1] += 1
        else:
            runs.append([op, 1])
    shown = [name, *(op if n == 1 else f"{op} x {n}" for op, n in runs)]
    if len(shown) > most:
        half = most // 2
        shown = [*shown[:half], "...", *shown[-half:]]
    return " -> ".join(shown)


def explain(loss: Tensor, wrt: Any, grad_output: Any = None, paths: int = 10) -> Any:
    """Tell which paths through the graph contribute how much to the gradient of ``loss``.

    The share of a path with contribution p to the gradient G is ⟨p, G⟩ / ⟨G, G⟩; shares add up to
    1, and one that works against the others is negative. No ``grad`` is touched, nothing released.

    Args:
        loss: a tensor, of one element unless ``grad_output`` (same shape) weights them.
        wrt: a tensor, or nested dicts, lists and tuples of tensors; inner ones are allowed.
        grad_output: the gradient to start from.
        paths: how many to list. Where there are more, those that are strongest by the shares of
            their edges are found, and their contributions computed.

    Returns:
        An `Explanation`, or the structure of ``wrt`` with one for each tensor.

    Raises:
        GradientError: a tensor that ``loss`` does not depend on, a loss of many elements without
            ``grad_output``, a gradient that is not finite.
        ReleasedError: `backward` went through the graph before.

    >>> x = Tensor(3.0, requires_grad=True, name="x")
    >>> print(explain(x * x + x, x))  # x is read three times: 3 + 3 + 1
    gradient at x, norm 7, over 3 paths
     share  norm  path
    85.7 %  6     x -> multiply -> add (2 paths)
    14.3 %  1     x -> add
    """
    if type(loss) is not Tensor:
        raise TypeError(f"explain: the loss must be a Tensor, not {type(loss).__name__}")
    if paths < 1:
        raise ValueError(f"explain: paths must be at least 1, not {paths}")
    if loss._node is None:
        raise GradientError(
            "explain: nothing was recorded for the loss: it depends on no leaf with "
            "requires_grad=True, or was computed within no_grad()"
        )
    tensors, rebuild = flatten(wrt)
    root = loss._node
    above = set(topological_order([root]))
    for t in tensors:
        if type(t) is not Tensor or t._node not in above:
            raise GradientError(
                f"explain: the loss does not depend on {t!r}; give tensors that it was computed "
                "from, made with requires_grad=True"
            )
    seed = conj(loss._seed(grad_output))
    recorder = _Recorder()
    nodes = [t._node for t in tensors]
    with watched(None):
        backprop.transpose({root: seed}, nodes, call_hooks=False, watch=recorder)
        explained = [
            _explain(root, node, recorder.walk, paths) for node in nodes if node is not None
        ]
    return rebuild(explained)


class _Recorder:
    """Takes what one walk back sends along each edge."""

    walk: Walk

    def walking(self) -> AbstractContextManager[None]:
        return nullcontext()

    def begin(self, roots: dict[Node, Any], order: list[Node], guarded: bool) -> None:
        self.walk = Walk(roots, order, guarded)

    def visit(self, node: Node, g: Any) -> None:
        self.walk.visit(node, g)

    def sent(self, node: Node, contribution: Any) -> None:
        self.walk.add(node, contribution)

    def verify(self, order: list[Node]) -> None:
        pass

    def end(self, found: dict[Node, Any]) -> None:
        self.walk.complete = True

    def recorded(self, node: Node, value: Any, operands: tuple[Any, ...]) -> None:
        pass

    def made(self, node: Node, value: Any) -> None:
        pass

    def entering(self, part: Any) -> AbstractContextManager[None]:
        return nullcontext()

    def where(self, what: Any) -> str | None:
        return None

    def references(self, array: Any) -> int:
        return 0

    def pushed(self, roots: list[Node], order: list[Node], tangents: dict[Node, Any]) -> None:
        pass


def _explain(root: Node, wrt: Node, walk: Walk, most: int) -> Explanation:
    """Explain the gradient at one node, from what the walk sent along all edges."""
    name = wrt.name or ("the input" if wrt.op is None else wrt.op.name)
    g = walk.inner(wrt)
    if g is None:
        g = np.zeros(wrt.shape, wrt.dtype)
    if not all_finite(g):
        raise GradientError(
            f"explain: the gradient at {name} is not finite; compute it within inspect() to learn "
            "where that comes from"
        )
    between = _between(root, wrt)
    edges = [e for e in walk.edges() if e.node in between and e.parent in between and e.node != wrt]
    # A direction of about unit length: shares do not depend on it, and squares of what is very
    # small or large have no place among floating-point numbers.
    along = conj(g) / _scale(g)
    tangents = push_forward([root], {wrt: along})
    square = _dot(g, along)
    weighed = [_weigh(edge, tangents, square) for edge in edges]
    below: dict[Node, list[Edge]] = {}
    for edge in weighed:
        below.setdefault(edge.node, []).append(edge)
    counts = _counts(wrt, weighed)
    count = counts.get(root, 0)
    seed = walk.seed(root)
    chosen = [
        (chain, _along(chain, seed)) for chain in _strongest(root, wrt, below, min(most, count))
    ]
    labels = enclosing(between)
    listed = [
        Path(
            (wrt, *(e.node for e in reversed(chain))),
            _ops([e.node for e in reversed(chain)], labels),
            _dot(p, along) / square if square else None,
            _norm(p),
            conj(p),
        )
        for chain, p in chosen
    ]
    listed.sort(key=lambda p: -(p.norm if p.share is None else abs(p.share)))
    rest = 1.0 - sum(p.share or 0.0 for p in listed) if square else None
    return Explanation(
        name, np.asarray(conj(g)), tuple(weighed), tuple(listed), count,
        rest if len(listed) < count else 0.0,
    )  # fmt: skip


def _between(root: Node, wrt: Node) -> set[Node]:
    """The nodes on the paths from ``wrt`` to ``root``, both included."""
    found = {wrt}
    for node in topological_order([root], wrt.number):
        if any(parent in found for parent in node.parents):
            found.add(node)
    return found


def _weigh(edge: Sent, tangents: dict[Node, Any], square: float) -> Edge:
    share = None
    if square:
        # An edge to one output of several carries what that output does.
        tangent = tangents.get(edge.node if edge.node.op is PROJECTION else edge.parent)
        share = 0.0 if tangent is None else _dot(edge.contribution, tangent) / square
    return Edge(edge.node, edge.operand, edge.parent, share, _norm(edge.contribution))


def _dot(g: Any, t: Any) -> float:
    """Re Σ g t: a gradient as the walk has it applied to a tangent; of several outputs, summed."""
    if isinstance(g, (tuple, list)):
        return sum(_dot(a, b) for a, b in zip(g, t, strict=True) if a is not None and b is not None)
    with np.errstate(all="ignore"):
        terms = np.multiply(g, t, dtype=np.result_type(g, t, float))
    return float(np.real(np.sum(np.where(np.equal(g, 0), 0.0, terms))))  # zero stays zero


def _norm(g: Any) -> float:
    if isinstance(g, (tuple, list)):
        return math.hypot(*(_norm(part) for part in g if part is not None))
    g, scale = np.asarray(g).ravel(), _scale(g)
    return scale * float(np.linalg.norm(g / scale))


def _scale(g: Any) -> float:
    """The power of 2 next below the largest element, by which to divide exactly; 1 if all are 0."""
    largest = float(np.max(np.abs(g), initial=0.0))
    if not 0 < largest < math.inf:
        return 1.0
    return math.ldexp(1.0, max(math.frexp(largest)[1] - 1, int(np.finfo(g.dtype).minexp)))


def _counts(wrt: Node, edges: list[Edge]) -> dict[Node, int]:
    """How many paths lead from ``wrt`` to each node; edges are listed from the loss down."""
    counts = {wrt: 1}
    for edge in reversed(edges):
        counts[edge.node] = counts.get(edge.node, 0) + counts.get(edge.parent, 0)
    return counts


class _Chain(NamedTuple):
    """A path's edges from the loss down, linked so that paths share their beginnings."""

    edge: Edge
    before: _Chain | None


def _strongest(
    root: Node, wrt: Node, below: dict[Node, list[Edge]], most: int
) -> Iterator[list[Edge]]:
    """Find the strongest paths, as the edges from the loss down.

    At each node what passes is split over its edges by the size of their shares, and a path's
    strength is the product of its splits. The best completion of each beginning is computed first,
    so the search goes along the paths that it returns and no others.
    """
    splits: dict[Edge, float] = {}
    best = {wrt: 0.0}  # the logarithm of the strength of the best way down to `wrt`
    for node in sorted(below, key=lambda n: n.number):
        edges = [e for e in below[node] if e.parent in best]
        if not edges:
            continue
        sizes = [e.norm if e.share is None else abs(e.share) for e in edges]
        whole = sum(sizes)
        for edge, size in zip(edges, sizes, strict=True):
            part = size / whole if whole else 1 / len(edges)
            splits[edge] = math.log(part) if part else -1e3  # a zero path is a path, the last
        best[node] = max(splits[e] + best[e.parent] for e in edges)
    if root not in best:
        return
    ties = 0
    heap: list[tuple[float, int, Node, float, _Chain | None]] = [(-best[root], 0, root, 0.0, None)]
    while heap and most:
        _, _, node, strength, chain = heapq.heappop(heap)
        if node is wrt:
            most -= 1
            yield _listed(chain)
            continue
        for edge in below[node]:
            if edge in splits:
                ties += 1
                so_far = strength + splits[edge]
                rank = -(so_far + best[edge.parent])
                heapq.heappush(heap, (rank, ties, edge.parent, so_far, _Chain(edge, chain)))


def _listed(chain: _Chain | None) -> list[Edge]:
    edges = []
    while chain is not None:
        edges.append(chain.edge)
        chain = chain.before
    return edges[::-1]


def _along(chain: list[Edge], seed: Any) -> Any:
    """The product of the local derivatives along a path, applied to ``seed``."""
    g = seed
    with np.errstate(all="ignore"):
        for edge in chain:
            g = pull(edge.node, edge.operand, g)
    return g


def _ops(nodes: list[Node], labels: dict[Node, tuple[Any, ...]]) -> tuple[str, ...]:
    """The names along a path: of a composition once, of projections none."""
    names: list[str] = []
    last: Any = None
    for node in nodes:
        if node.op is PROJECTION:
            continue
        around = labels.get(node)
        if around is None:
            names.append(node.op.name)
            last = None
            continue
        # Outermost: what the user called.
        if around[-1] is not last:
            names.append(around[-1].name)
        last = around[-1]
    return tuple(names)
