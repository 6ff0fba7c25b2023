"""What a step of a pass is in words: the formula that was computed, with the names of its boxes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_core.graph import Derived, Node, Operand
from autograd_core.registry import Op

from ..text import parameter, short
from .formulas import formula

__all__ = ["call", "gradient", "value"]


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
    if op.name == "setitem" and len(operands) == 2:
        return f"{operands[0]}, with {operands[1]} at [{short(index)}]"
    if op.name == "einsum":  # of which the first argument says what it is
        operands, params = [*(p.removeprefix("subscripts=") for p in params), *operands], ()
    elif op.name in ("concatenate", "stack"):
        operands = [f"[{', '.join(operands)}]"]
    return f"{op.name}({', '.join((*operands, *params))})"


def call(derived: Derived, name: Callable[[Operand], str]) -> str:
    """Write the call of a composition, ``var(x, axis=0)``, given the names of its arrays."""

    def text(x: Any) -> str:
        if type(x) is Operand:
            return name(x)
        if type(x) is list:
            return f"[{', '.join(map(text, x))}]"
        if type(x) is tuple:
            return f"({', '.join(map(text, x))}{',' * (len(x) == 1)})"
        return parameter(x)

    given = [*map(text, derived.args), *(f"{k}={text(x)}" for k, x in derived.kwargs.items())]
    which = "" if derived.output is None else f"[{derived.output}]"
    return f"{derived.op.name}({', '.join(given)}){which}"


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
    if op.name in ("getitem", "setitem"):
        return _at_index(op.name == "getitem", i, node.shape, parent.shape, node.params["index"])  # type: ignore[union-attr]
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


def _at_index(read: bool, i: int, shape: Any, wanted: Any, index: Any) -> str:
    """What reading at an index, or writing there, sends to operand ``i`` of shape ``wanted``."""
    text = short(index)
    if read:
        return f"g at [{text}], 0 elsewhere"
    if i == 0:
        return f"g, but 0 at [{text}]"
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, list) or getattr(part, "ndim", 0) for part in parts):
        return ""  # of what was written twice, the last write gets it
    region = np.broadcast_to(0.0, shape)[index].shape
    return f"g[{text}]" if region == wanted else f"sum(g[{text}], to shape {wanted})"


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
