"""Write docs/ops.md from the table of operations: `--check` only says whether it is up to date.

The derivatives are shown as they stand in the source, which is what makes the page worth reading.
"""

import ast
import functools
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograd_core import OPS, ZERO, Op

PAGE = Path(__file__).resolve().parent.parent / "docs" / "ops.md"

HEAD = """\
# Operations

Each stands in the table under the NumPy function that it differentiates, is called when that
function meets a tensor, and is in the `autograd_core` namespace under the same name. Where NumPy
has no function, as for indexing, or one that does several things, as `einsum`, a function of our
own stands in the table too. Only operands are listed; parameters such as `axis` are NumPy's.

The derivative with respect to each operand is shown as the source has it: `g` is the gradient at
the output, `out` the output, and what else is named is the operand that is kept for the backward
pass; one with a leading underscore lends its shape and dtype only. *Zero* marks a function that is
constant where it is smooth, *none* one that is not differentiable, where recording stops.

This page is written by `scripts/generate_ops_page.py` from the table.
"""


@functools.cache
def tree(path: str) -> ast.Module:
    """The syntax tree of a source file."""
    return ast.parse(Path(path).read_text(encoding="utf-8"))


def formula(rule: Callable[..., Any]) -> str:
    """The body of a lambda as it stands in the source; the name of a longer rule."""
    if rule.__name__ != "<lambda>":
        return f"`{rule.__name__}`"
    code = rule.__code__
    bodies = [
        node.body
        for node in ast.walk(tree(code.co_filename))
        if isinstance(node, ast.Lambda)
        and node.lineno == code.co_firstlineno
        and [arg.arg for arg in node.args.args] == list(inspect.signature(rule).parameters)
    ]
    # Two rules on one line with the same arguments cannot be told apart by place.
    assert len(bodies) == 1, f"{code.co_filename}:{code.co_firstlineno}: one rule a line, please"
    return f"`{ast.unparse(bodies[0])}`"


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


def row(op: Op) -> str:
    operands = "operands, ..." if op.variadic else ", ".join(op.names[: op.arity] or op.names)
    # The operators document themselves in one form: "Same as a + b."
    same = op.operator.__doc__.removeprefix("Same as ").rstrip(".") if op.operator else ""
    cells = [
        f"`{op.name}({operands})`",
        f"`{same}`" if same else "",
        op.symbol if op.symbol != op.name else "",
        op.kind,
        derivatives(op),
    ]
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def page() -> str:
    """The whole page; families in the order of the table."""
    families: dict[str, list[str]] = {}
    current = ""
    for op in dict.fromkeys(OPS.values()):
        # An operation without a rule of its own stands among its family in the table.
        current = home(op) or current
        families.setdefault(current, []).append(row(op))
    lines = [HEAD]
    for module, rows in families.items():
        package, _, name = module.rpartition(".")
        if package != "autograd_core.ops":
            continue  # declared by somebody else, who may or may not be imported
        lines += [f"## {name.capitalize()}", ""]
        lines += ["| operation | operator | drawn as | kind | derivative |"]
        lines += ["| --- | --- | --- | --- | --- |", *rows, ""]
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
