"""Write the stubs of what a loop over the table makes: functions, methods, operators.

Run it after a change of the table; a test fails where a stub is stale.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from autograd_core import methods
from autograd_core.registry import OPS, Op

PACKAGE = Path(__file__).resolve().parent.parent / "autograd_core"
HEAD = """\
# Written by scripts/generate_stubs.py; do not edit.
from typing import Any, overload

from .tensor import Tensor

"""

# What comes back from a tensor, where it is not one tensor.
RETURNS = {
    "split": "list[Tensor]",
    "array_split": "list[Tensor]",
    "nonzero": "tuple[Tensor, ...]",
    "shape": "tuple[int, ...]",
    "ndim": "int",
    "size": "int",
    "svd": "Any",
}
COMPARISONS = {"eq", "ne", "lt", "le", "gt", "ge"}


def parameters(op: Op) -> list[str]:
    """The op's parameters after its operands, each with its type and default."""
    if op.composition is not None:
        listed = list(inspect.signature(op.composition).parameters.values())
        return [parameter(p) for p in listed[1:]]
    names = [name for name in op.names[op.arity :] if name in op.params]
    required = (
        set()
        if op.mask == 0
        else {"shape", "index", "indices_or_sections", "axis1", "axis2", "source", "destination"}
    )
    kept = [f"{n}: Any" if n in required else f"{n}: Any = ..." for n in names]
    return [*sorted(kept, key=lambda text: "=" in text), "**kwargs: Any"]


def parameter(p: inspect.Parameter) -> str:
    if p.kind is p.VAR_POSITIONAL:
        return f"*{p.name}: Any"
    return f"{p.name}: Any" + ("" if p.default is p.empty else " = ...")


def operands(op: Op) -> list[str]:
    """The names of the op's operands."""
    if op.composition is not None:
        return list(op.names[:1])
    return list(op.names[: op.arity])


def returns(op: Op) -> str:
    return RETURNS.get(op.name, "Tensor")


def function(op: Op) -> str:
    """The stub of a function: a tensor gives tensors, anything else what NumPy gives."""
    first, *rest = operands(op)
    typed = [f"{name}: Any" for name in rest]
    after = [*typed, *parameters(op)]
    if op.variadic or op.name in ("where", "einsum", "searchsorted"):
        given = ", ".join([f"{first}: Any", *after])
        return f"def {op.name}({given}) -> Any: ...\n"
    lines = []
    for kind, result in (("Tensor", returns(op)), ("Any", "Any")):
        given = ", ".join([f"{first}: {kind}", *after])
        lines.append(f"@overload\ndef {op.name}({given}) -> {result}: ...\n")
    return "".join(lines)


def functions(module: str) -> str:
    ops = methods.namespace(module)
    listed = ", ".join(f'"{name}"' for name in ops)
    return HEAD + f"__all__ = [{listed}]\n\n" + "\n".join(function(op) for op in ops.values())


def tensor_methods() -> str:
    """The stub of the class that gives Tensor its methods and operators."""
    lines = [
        "class TensorMethods:",
        "    def reshape(self, *shape: Any, order: str = ...) -> Tensor: ...",
    ]
    lines += [
        "    def transpose(self, *axes: Any) -> Tensor: ...",
        "    def flatten(self) -> Tensor: ...",
    ]
    for name, op in methods.method_ops().items():
        rest = [f"{operand}: Any" for operand in operands(op)[1:]]
        given = ", ".join(["self", *rest, *parameters(op)])
        lines.append(f"    def {name}({given}) -> {returns(op)}: ...")
    for op in dict.fromkeys(OPS.values()):
        if op.operator is None:
            continue
        name = op.operator.__name__.rstrip("_")
        if op.arity == 1:
            lines.append(f"    def __{name}__(self) -> Tensor: ...")
        elif name in COMPARISONS:
            ignore = "  # type: ignore[override]" if name in ("eq", "ne") else ""
            lines.append(f"    def __{name}__(self, other: Any) -> Tensor: ...{ignore}")
        else:
            lines += [
                f"    def __{prefix}{name}__(self, other: Any) -> Tensor: ..."
                for prefix in ("", "r", "i")
            ]
    lines += [
        f"    def __{name}__(self, other: Any) -> tuple[Tensor, Tensor]: ..."
        for name in ("divmod", "rdivmod")
    ]
    helpers = (
        "def namespace(module: str = ...) -> dict[str, Op]: ...\n"
        "def method_ops() -> dict[str, Op]: ...\n\n"
    )
    head = HEAD.replace("Any, overload", "Any").replace(
        "from .tensor", "from .registry import Op\nfrom .tensor"
    )
    return head + helpers + "\n".join(lines) + "\n"


def stubs() -> dict[Path, str]:
    """The text of every generated stub, by its path."""
    return {
        PACKAGE / "functions.pyi": functions("numpy"),
        PACKAGE / "linalg.pyi": functions("numpy.linalg"),
        PACKAGE / "methods.pyi": tensor_methods(),
    }


def main() -> int:
    for path, text in stubs().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
