"""Write docs/ops.md from the table of operations: `--check` only says whether it is up to date.

The derivatives are shown as they stand in the source, which is what makes the page worth reading.
"""

import ast
import inspect
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograd_core import ZERO, Domain, Op, conventions
from autograd_core.registry import REAL
from autograd_core.transforms.batching import batching
from viz.recording.formulas import source

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # as a script it stands beside `tests`, not above

from tests.autograd_core.samples import TABLE  # noqa: E402
from tests.autograd_core.support import NOT_IN_NUMPY, YES, support  # noqa: E402

PAGE = ROOT / "docs" / "ops.md"
DASK = ROOT / "tests" / "autograd_core" / "dask_support.json"

HEAD = """\
# Operations

Each stands in the table under the NumPy function that it differentiates, is called when that
function meets a tensor, and is in the `autograd_core` namespace under the same name (`fft`,
`linalg` and `special` there as in NumPy and SciPy). Where NumPy has no function, as for indexing,
or one that does several things, as `einsum`, a function of our own stands in the table too. Only
operands are listed; parameters such as `axis` are NumPy's.

- **reverse**: how the gradient comes about. *Rule*: declared by the formula in the last column;
  *derived*: the operation is composed of others; *zero*: constant where it is smooth; *none*: not
  differentiable, recording stops there.
- **forward**: how a tangent passes. *Elementwise*: the rule itself; *linear*: the operation itself;
  *multilinear*: the operation with one operand replaced at a time; *transposed*: the rule, recorded
  and gone back through; *derived*: that of its parts.
- **order 2** and higher: the rule is recorded like any other computation.
- **broadcast**: NumPy broadcasts the operands, and the gradient is summed back.
- **0-d**, **empty**, **complex**: found by trying; `-` where NumPy has no such call.
- **Dask**: a tensor that holds a Dask array stays lazy through value and gradient; found by trying.
- **vmap**: how `vmap` applies the operation to many examples at once. *Elementwise*: operands are
  given equally many axes; *axis*: the axes that it is about move by one; *leading*: stacks of
  matrices are NumPy's own work; *product*, *join*, *shape*, *index*: rules of their kind; *fact*:
  that of one example; *parts*: composed of others, which have theirs (where these must look at
  elements, in a loop after all); *loop*: called once for each example.
- **domain**: where the operands of an elementwise operation lie; the ends and holes are singular
  points. Nothing is said where it is all numbers.
- **convention**: what the derivative is at ties, kinks and singular points ([the
  list](conventions.md)).
- **derivative**: for each operand as the source has it: `g` is the gradient at the output, `out`
  the output, and what else is named is the operand that is kept for the backward pass; one with a
  leading underscore lends its shape and dtype only.

This page is written by `scripts/generate_ops_page.py` from the table; a test fails when it is
behind.
"""


def formula(rule: Callable[..., Any]) -> str:
    """The body of a lambda as it stands in the source; the name of a longer rule."""
    body = source(rule)
    return f"`{rule.__name__ if body is None else ast.unparse(body)}`"


def derivatives(op: Op) -> str:
    """What the table says of each operand."""
    if op.composition is not None:
        return "derived from other operations"
    words = [
        "none" if rule is None else "zero" if rule is ZERO else formula(rule) for rule in op.rules
    ]
    if len(set(words)) == 1 and words[0] in {"none", "zero"}:
        return f"*{words[0]}*"
    if op.variadic:
        return f"operand i: {words[0]}"
    if len(words) == 1:
        return words[0]
    pairs = zip(op.names, words, strict=False)
    return "; ".join(f"{name}: {word}" for name, word in pairs)


def home(op: Op) -> str | None:
    """The module that declares an operation, as far as a rule of it tells."""
    for rule in (op.composition, *op.rules):
        if inspect.isfunction(rule):
            return rule.__module__
    return None


FORWARD = {"general": "transposed"}


def modes(op: Op) -> tuple[str, str, str]:
    """How the op is differentiated: reverse, forward, and whether order 2 exists."""
    if op.composition is not None:
        return "derived", "derived", YES
    if all(rule is None for rule in op.rules):
        return "none", "none", ""
    if all(rule is None or rule is ZERO for rule in op.rules):
        return "zero", "zero", "zero"
    return "rule", FORWARD.get(op.kind, op.kind), YES


def interval(domain: Domain) -> str:
    if domain == REAL:
        return ""
    ends = [
        ("-∞" if end == -math.inf else "∞" if end == math.inf else f"{end:g}")
        for end in (domain.low, domain.high)
    ]
    holes = "".join(f" without {hole:g}" for hole in domain.holes)
    return ("" if ends == ["-∞", "∞"] else f"({', '.join(ends)})") + holes


def domain(op: Op) -> str:
    found = [interval(d) for d in op.domains]
    if len(set(found)) <= 1:
        return found[0] if found else ""
    return "; ".join(f"{name}: {text}" for name, text in zip(op.names, found, strict=False) if text)


def row(name: str, op: Op, dask: dict[str, list[str]]) -> str:
    operands = "operands, ..." if op.variadic else ", ".join(op.names[: op.arity] or op.names)
    # The operators document themselves in one form: "Same as a + b."
    same = op.operator.__doc__.removeprefix("Same as ").rstrip(".") if op.operator else ""
    prefix = op.module.removeprefix("numpy.").removeprefix("scipy.")
    reverse, forward, second = modes(op)
    tried = support(name) if reverse in ("rule", "derived") else {}
    on_dask = dask.get(name, [""])[0] if tried else ""
    rows = [r for r in conventions(op.name) if op.name in r.ops]
    cells = [
        f"`{prefix + '.' if prefix in ('linalg', 'fft', 'special') else ''}{op.name}({operands})`"
        + (f" `{same}`" if same else ""),
        op.symbol if op.symbol != op.name else "",
        reverse,
        forward,
        second,
        YES if op.broadcasting else "",
        *(tried.get(what, "") for what in ("0-d", "empty", "complex")),
        {"works": YES, "not in Dask": NOT_IN_NUMPY}.get(on_dask, on_dask),
        batching(op),
        domain(op),
        "; ".join(f"{r.point}: {r.derivative}" for r in rows),
        derivatives(op) if reverse == "rule" else "",
    ]
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


COLUMNS = (
    "operation", "drawn as", "reverse", "forward", "order 2", "broadcast", "0-d", "empty",
    "complex", "Dask", "vmap", "domain", "convention", "derivative",
)  # fmt: skip


def page() -> str:
    """The whole page; families in the order of the table."""
    dask = json.loads(DASK.read_text(encoding="utf-8"))
    families: dict[str, list[str]] = {}
    current = ""
    for name, op in TABLE.items():
        # An operation without a rule of its own stands among its family in the table.
        current = home(op) or current
        package, _, family = current.rpartition(".")
        if package == "autograd_core.ops":  # others are declared elsewhere, by `nn` for example
            families.setdefault(family, []).append(row(name, op, dask))
    lines = [HEAD]
    for family, rows in families.items():
        lines += [f"## {family.replace('_', ' ').capitalize()}", ""]
        lines += ["| " + " | ".join(COLUMNS) + " |", "|" + " --- |" * len(COLUMNS), *rows, ""]
    return "\n".join(lines)


def main() -> None:
    text = page()
    if sys.argv[1:] == ["--check"]:
        if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
            sys.exit("docs/ops.md is behind the table; run python scripts/generate_ops_page.py")
        return
    PAGE.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
