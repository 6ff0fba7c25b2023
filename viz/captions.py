"""What a step of a pass is in words: the formula that was computed, with the names of its boxes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from autograd_core.graph import Node
from autograd_core.registry import Op

from .formulas import formula
from .ir import Vertex
from .text import short

__all__ = ["gradient", "names_of", "value"]

#: What nobody named is called, by its kind.
_LETTERS = {"parameter": "p", "constant": "c", "buffer": "b", "input": "x"}


def names_of(vertices: Sequence[Vertex]) -> list[str]:
    """Name every box: a computed one that nobody named is v1, v2 and so on, a constant c1."""
    taken = {vertex.name for vertex in vertices}
    counts: dict[str, int] = {}
    names = []
    for vertex in vertices:
        name = vertex.name
        while not name:
            letter = _LETTERS.get(vertex.kind, "v")
            counts[letter] = counts.get(letter, 0) + 1
            name = f"{letter}{counts[letter]}"
            if name in taken:
                name = None
        names.append(name)
    return names


def value(op: Op, operands: Sequence[str], params: Sequence[str], index: Any = None) -> str:
    """Write what a box computes: ``x @ W``, ``tanh(a)``, ``sum(a, axis=0)``."""
    if op.name == "getitem":
        return f"{_atom(operands[0])}[{short(index)}]" if operands else "?"
    if getattr(op, "operator", None) is not None:
        symbol = "−" if op.symbol == "-" else op.symbol
        if len(operands) == 2:
            return f"{_atom(operands[0])} {symbol} {_atom(operands[1])}"
        if len(operands) == 1 and op.name == "negative":
            return f"−{_atom(operands[0])}"
    return f"{op.name}({', '.join((*operands, *params))})"


def gradient(
    node: Node,
    i: int,
    operands: Sequence[str],
    shapes: Sequence[Any],
    out: str,
    guarded: bool,
) -> str:
    """Write what the rule of ``node`` sends to operand ``i``; "" where there is no formula.

    With ``guarded`` a zero gradient may have met a point where the rule has no finite value.
    ``operands`` are their names, folded constants as numbers; ``out`` is that of the result.
    """
    op, parent = node.op, node.parents[i]
    if isinstance(node.dtype, tuple) or "c" in (node.dtype.kind, parent.dtype.kind):  # type: ignore[union-attr]
        return ""  # the engine conjugates around complex rules
    if len(operands) != len(node.parents) or any(shape is None for shape in shapes):
        return ""
    if op.name == "getitem":
        return f"g at [{short(node.params['index'])}], 0 elsewhere"
    text = formula(op, i, shapes, [_number(x) for x in operands], node.params)
    if not text:
        return ""
    shown = _named(text, operands, out)
    if op.broadcasting:
        summed = _summed(op, node, i, shapes)
        if summed is None:
            return ""
        if summed:
            shown = f"sum({shown}, {summed})"
    if guarded and op.kind == "elementwise":
        shown += " where g ≠ 0, else 0"
    return shown


def _summed(op: Op, node: Node, i: int, shapes: Sequence[Any]) -> str | None:
    """Over which axes the engine sums a gradient back, "" without; None where that is not told."""
    got, wanted = node.shape, node.parents[i].shape  # type: ignore[union-attr]
    if op.kind != "elementwise":
        if op.name != "matmul" or min(map(len, shapes)) < 2:
            return "" if op.name == "matmul" else None
        got = (*node.shape[:-2], *wanted[-2:])
    if got == wanted:
        return ""
    more = len(got) - len(wanted)
    kept = [k for k in range(len(wanted)) if wanted[k] == 1 != got[k + more]]
    if not kept:
        axes = tuple(range(more))
        return f"axis={axes[0] if more == 1 else axes}"
    axes = (*range(more), *(k + more for k in kept))
    if not more:
        return f"axis={axes[0] if len(axes) == 1 else axes}, keepdims"
    return f"to shape {wanted}"


_TOKEN = re.compile(r"(?<![\w.'])(?:np\.linalg\.|np\.|math\.|sp\.|special\.)?([A-Za-z_]\w*)")


def _named(text: str, operands: Sequence[str], out: str) -> str:
    """Put names for letters, and drop the prefixes of modules."""
    letters = dict(zip(("x", "y", "z"), operands, strict=False)) | {"out": out}

    def put(match: re.Match[str]) -> str:
        word = match[1]
        if match[0] != word or word not in letters:
            return word
        name = letters[word]
        before, after = text[: match.start()].rstrip()[-2:], text[match.end() :]
        power = before == "**" or after.lstrip().startswith("**") or before.endswith("-")
        alone = not after.startswith((".", "[")) and not power
        return name if alone and not name.startswith("-") else _atom(name)

    return re.sub(r"\.m?T\b", "ᵀ", _TOKEN.sub(put, text))


def _atom(name: str) -> str:
    """A name that can stand before an index; what is more than a name in brackets."""
    return name if name.isalnum() or re.fullmatch(r"[\w.\[\]'\"]+", name) else f"({name})"


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
