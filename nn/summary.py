"""A table of a model, what its modules put out and how many parameters they have; and a tree."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import DTypeLike

import autograd_core as ag

if TYPE_CHECKING:
    from .module import Module

__all__ = ["Row", "Summary", "summarize", "tree"]

#: A shape with None for the axis along which the examples are.
Shape = tuple[int | None, ...]

COLUMNS = ("path", "kind", "output shape", "parameters", "trainable")
#: Run with each in turn: the axes that differ are those along which the examples are.
BATCHES = (2, 3)


@final
@dataclass(frozen=True, slots=True)
class Row:
    """One module: its path, its kind, what it puts out, and what it holds directly.

    ``shape`` has None for the batch axis; it is a list of shapes where the module returns several
    arrays or none, and None where the module was not called. ``parameters`` and ``trainable`` count
    numbers; those that a module named before holds too are in ``shared``.
    """

    path: str
    kind: str
    shape: Shape | list[Shape] | None
    parameters: int
    trainable: int
    shared: int


@final
@dataclass(frozen=True, slots=True)
class Summary:
    """The modules of a model as rows, and totals in which shared parameters count once."""

    model: str
    input_shape: Shape
    rows: tuple[Row, ...]
    parameters: int
    trainable: int
    buffers: int

    def __str__(self) -> str:
        cells = [
            COLUMNS,
            *((row.path, row.kind, _shown(row.shape), *_counts(row)) for row in self.rows),
        ]
        cells.append(("total", "", "", f"{self.parameters:,}", f"{self.trainable:,}"))
        widths = [max(len(row[i]) for row in cells) for i in range(len(COLUMNS))]
        lines = [f"{self.model} on inputs of shape {_shown(self.input_shape)}"]
        for row in cells:
            left = [cell.ljust(width) for cell, width in zip(row[:3], widths[:3], strict=True)]
            right = [cell.rjust(width) for cell, width in zip(row[3:], widths[3:], strict=True)]
            lines.append("  ".join([*left, *right]).rstrip())
        if any(row.shared for row in self.rows):
            lines.append("* shared with a row above: the total counts it once")
        if self.buffers:
            lines.append(f"besides {self.buffers:,} numbers in buffers, which are not learned")
        return "\n".join(lines)

    __repr__ = __str__


def summarize(
    model: Module, input_shape: int | tuple[int, ...], dtype: DTypeLike | None = None
) -> Summary:
    """Run a copy of the model on zeros and tell what its modules put out; see `Module.summary`."""
    shape = _checked(input_shape)
    shapes = [_run(model, (n, *shape), dtype) for n in BATCHES]
    seen: set[ag.Tensor] = set()
    rows = []
    learned = set(model.parameters())
    for path, module in model.named_modules():
        own = {t for _, t in module._members() if isinstance(t, ag.Tensor) and t in learned}
        rows.append(
            Row(
                path,
                type(module).__name__,
                _merged(*(found.get(path) for found in shapes)),
                sum(t.size for t in own),
                sum(t.size for t in own if t.requires_grad),
                sum(t.size for t in own & seen),
            )
        )
        seen |= own
    return Summary(
        type(model).__name__,
        (None, *shape),
        tuple(rows),
        sum(t.size for t in learned),
        sum(t.size for t in learned if t.requires_grad),
        sum(t.size for t in model.buffers()),
    )


def _checked(input_shape: Any) -> tuple[int, ...]:
    shape = (input_shape,) if isinstance(input_shape, (int, np.integer)) else input_shape
    if not isinstance(shape, (tuple, list)) or not all(
        isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n >= 0 for n in shape
    ):
        raise ValueError(
            "summary: input_shape is that of one example, for instance (64,) for 64 features, "
            f"not {input_shape!r}"
        )
    return tuple(int(n) for n in shape)


def _run(model: Module, shape: tuple[int, ...], dtype: DTypeLike | None) -> dict[str, Any]:
    """Call a copy of the model and note the shapes of what each module returned first."""
    # Copied, for what a forward pass changes in a module is the module's own affair.
    try:
        copied = copy.deepcopy(model).eval()
    except Exception as error:
        error.add_note(f"summary runs a copy of the model, and {_name(model)} cannot be copied")
        raise
    found: dict[str, Any] = {}
    for path, module in copied.named_modules():
        object.__setattr__(module, "forward", _noting(module.forward, path, found))
    if dtype is None:
        floating = [t.dtype for t in model.parameters() if t.dtype.kind in "fc"]
        dtype = floating[0] if floating else ag.get_default_dtype()
    with ag.seed(0), ag.no_grad():
        try:
            copied(np.zeros(shape, dtype))
        except Exception as error:
            error.add_note(
                f"in the summary of {_name(model)}, run on {np.dtype(dtype)} zeros of shape "
                f"{shape}: input_shape is that of one example, without the batch axis; dtype=int "
                "is for a model that takes indices"
            )
            raise
    return found


def _noting(forward: Callable[..., Any], path: str, found: dict[str, Any]) -> Callable[..., Any]:
    def noting(*args: Any, **kwargs: Any) -> Any:
        out = forward(*args, **kwargs)
        found.setdefault(path, _shapes(out))
        return out

    return noting


def _shapes(out: Any) -> Any:
    if isinstance(out, dict):
        out = list(out.values())
    if isinstance(out, (list, tuple)):
        return [_shapes(part) for part in out]
    return [] if out is None else tuple(np.shape(out))


def _merged(one: Any, other: Any) -> Any:
    """Put None for the axes whose lengths depend on the number of examples."""
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [_merged(a, b) for a, b in zip(one, other, strict=True)]
    if not (isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other)):
        return None
    return tuple(a if a == b else None for a, b in zip(one, other, strict=True))


def _shown(shape: Any) -> str:
    if shape is None:
        return "not called"
    if isinstance(shape, list):
        return ", ".join(map(_shown, shape)) or "nothing"
    inside = ", ".join("n" if n is None else str(n) for n in shape)
    return f"({inside},)" if len(shape) == 1 else f"({inside})"


def _name(model: Module) -> str:
    return type(model).__name__


def _counts(row: Row) -> tuple[str, str]:
    return f"{row.parameters:,}{'*' if row.shared else ''}", f"{row.trainable:,}"


def tree(module: Module, above: frozenset[int] = frozenset()) -> list[str]:
    """Draw a module and what is within it, one on each line."""
    title = f"{type(module).__name__}({module.extra_repr()})"
    if id(module) in above:  # a module may hold its parent
        return [f"{title} ..."]
    children = module.named_children()
    lines = [title]
    for i, (name, child) in enumerate(children):
        last = i == len(children) - 1
        first, *rest = tree(child, above | {id(module)})
        lines.append(f"{'└─' if last else '├─'} {name}: {first}")
        lines += [f"{'  ' if last else '│ '} {line}" for line in rest]
    return lines
