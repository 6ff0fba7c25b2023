"""What `print` shows of an `Inspection`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph import Node
from ..registry import known
from .lines import read
from .walks import all_finite

if TYPE_CHECKING:
    from .inspector import Inspection

__all__ = ["counts", "summary", "table"]

_MOST = 40


def summary(seen: Inspection) -> str:
    """The boxes in order: op, shape, range of value and gradient, line; and what is not finite."""
    head = counts(seen)
    report = seen.first_nonfinite()
    if report is not None:
        head += f"; not finite: {report.trap}" + (" (dropped later)" if report.dropped else "")
        head += f", at {report.line.at}" if report.line else ""
    gradients = seen.gradients
    inputs = [n for n in seen.values if n not in seen.operands and n.op is None]
    nodes = sorted({*inputs, *seen.nodes}, key=lambda n: n.number)
    shown = nodes if len(nodes) <= _MOST else [*nodes[: _MOST // 2], *nodes[-_MOST // 2 :]]
    rows: list[tuple[str, ...]] = [("box", "shape", "dtype", "value", "gradient", "line")]
    rows += [_row(seen, node, gradients) for node in shown]
    if len(shown) < len(nodes):
        rows.insert(1 + _MOST // 2, (f"... {len(nodes) - len(shown)} more", *[""] * 5))
    return "\n".join([head, *table(rows)])


def counts(seen: Inspection) -> str:
    """How many boxes and walks there were, in words."""
    boxes, walks = len(seen.nodes), len(seen.walks)
    return (
        f"{boxes} {'box' if boxes == 1 else 'boxes'}, "
        f"{walks} {'walk' if walks == 1 else 'walks'} back"
    )


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """Lines with columns as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _row(seen: Inspection, node: Node, gradients: dict[Node, Any]) -> tuple[str, ...]:
    name = node.name or ("an input" if node.op is None else node.op.name)
    rule = seen.rule_of(node)
    if rule is not None:
        name += f" (gradient of {rule.op.name})"
    g = gradients.get(node)
    place = seen.places.get(node)
    line = None if place is None else read(place)
    return (
        name,
        str(node.shape),
        str(node.dtype),
        _range(seen.values.get(node)),
        "" if g is None else _range(g),
        str(line) if line else "",
    )


def _range(x: Any) -> str:
    if x is None or isinstance(x, (tuple, list)):
        return "" if x is None else f"{len(x)} outputs"
    if not known(x):
        return "not computed yet"
    x = np.asarray(x)
    if not x.size:
        return "empty"
    if not all_finite(x):
        nans, infs = int(np.isnan(x).sum()), int(np.isinf(x).sum())
        bad = " and ".join(f"{n} {word}" for n, word in ((nans, "nan"), (infs, "inf")) if n)
        return bad if nans + infs == x.size else f"{bad} of {x.size}"
    x = np.abs(x) if x.dtype.kind == "c" else x
    low, high = x.min(), x.max()
    return f"{low:.4g}" if low == high else f"{low:.4g} .. {high:.4g}"
