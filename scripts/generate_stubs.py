"""Write the stubs of what a loop over the table makes, and of packages whose names come when asked.

Run it after a change of the table; a test fails where a stub is stale.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections import defaultdict
from pathlib import Path

from autograd_core import array_api, creation, methods
from autograd_core.lazy import FRONT_PAGES
from autograd_core.registry import OPS, Op

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "autograd_core"
PAGES = ("autograd_core", "nn", "optim", "viz")
HEAD = """\
# Written by scripts/generate_stubs.py; do not edit.
from typing import Any, overload

from .tensor import Tensor

"""

# What comes back from a tensor, where it is not one tensor.
SEVERAL = {
    "list[Tensor]": "array_split dsplit hsplit split vsplit",
    "tuple[Tensor, ...]": (
        "broadcast_arrays diag_indices_from divmod frexp histogram histogram2d ix_ meshgrid modf "
        "nonzero polydiv tril_indices_from triu_indices_from unravel_index unstack"
    ),
    "None": "copyto fill_diagonal place put put_along_axis putmask",
    "tuple[int, ...]": "broadcast_shapes shape",
    "int": "ndim size",
    "bool": "allclose array_equal array_equiv iscomplexobj isrealobj",
    "Any": (
        "apply_along_axis apply_over_axes atleast_1d atleast_2d atleast_3d average einsum_path eig "
        "eigh gradient intersect1d lstsq qr slogdet svd unique unique_all unique_counts "
        "unique_inverse"
    ),
}
RETURNS = {name: kind for kind, names in SEVERAL.items() for name in names.split()}
COMPARISONS = {"eq", "ne", "lt", "le", "gt", "ge"}
# Functions whose first argument is no tensor, or not that alone.
FREE = {"apply_along_axis", "apply_over_axes", "einsum", "piecewise", "searchsorted", "where"}


def parameters(op: Op) -> list[inspect.Parameter]:
    """The op's parameters, operands first, with ``...`` for every default."""
    if op.composition is not None:
        listed = list(inspect.signature(op.composition).parameters.values())
        return [p if p.default is p.empty else p.replace(default=...) for p in listed]
    made = inspect.Parameter
    operands = [made(n, made.POSITIONAL_OR_KEYWORD) for n in op.names[: op.arity]]
    rules = [inspect.signature(rule).parameters for rule in op.rules if callable(rule) and op.mask]
    required = {n for names in rules for n, p in names.items() if p.default is p.empty}
    rest = [
        made(n, made.POSITIONAL_OR_KEYWORD, default=made.empty if n in required else ...)
        for n in op.names[op.arity :]
        if n in op.params
    ]
    rest.sort(key=lambda p: p.default is not p.empty)
    return [*operands, *rest, made("kwargs", made.VAR_KEYWORD)]


def written(listed: list[inspect.Parameter], first: str = "Any") -> str:
    """Parameters as a stub has them, the first of the type ``first``."""
    parts: list[str] = []
    for p, after in zip(listed, [*listed[1:], None], strict=True):
        if p.kind is p.KEYWORD_ONLY and "*" not in parts and not any(q[0] == "*" for q in parts):
            parts.append("*")
        stars = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        default = "" if p.default is p.empty else " = ..."
        parts.append(f"{stars}{p.name}: {'Any' if parts else first}{default}")
        if p.kind is p.POSITIONAL_ONLY and (after is None or after.kind is not p.kind):
            parts.append("/")
    return ", ".join(parts)


def returns(op: Op) -> str:
    return RETURNS.get(op.name, "Tensor")


def function(op: Op) -> str:
    """The stub of a function: a tensor gives tensors, anything else what NumPy gives."""
    listed = parameters(op)
    if op.variadic or op.name in FREE or listed[0].kind is inspect.Parameter.VAR_POSITIONAL:
        return f"def {op.name}({written(listed)}) -> Any: ...\n"
    if returns(op) == "Any" or not (op.arity or op.composition):
        return f"def {op.name}({written(listed)}) -> Any: ...\n"
    return "".join(
        f"@overload\ndef {op.name}({written(listed, kind)}) -> {result}: ...\n"
        for kind, result in (("Tensor", returns(op)), ("Any", "Any"))
    )


def functions(module: str, own: tuple[str, ...] = (), without: tuple[str, ...] = ()) -> str:
    """The stub of a namespace; ``own`` is what its module imports from `creation` besides."""
    ops = {name: op for name, op in methods.namespace(module).items() if name not in without}
    listed = ", ".join(f'"{name}"' for name in [*own, *ops])
    bodies = [
        function(op) if name == op.name else f"{name} = {op.name}\n"
        for name, op in sorted(ops.items(), key=lambda item: item[0] != item[1].name)
    ]
    imported = f"from .creation import {', '.join(own)}\n" if own else ""
    head = HEAD.replace("from .tensor", imported + "from .tensor")
    return head + f"__all__ = [{listed}]\n\n" + "\n".join(bodies)


def by_hand() -> list[str]:
    """The methods that are written out in the class, with the types that they have there."""
    lines = []
    for name, method in vars(methods.TensorMethods).items():
        if inspect.isfunction(method) and method.__module__ == methods.__name__:
            if method.__qualname__ != f"TensorMethods.{name}":
                continue
            first, *rest = inspect.signature(method).parameters.values()
            rest = [p if p.default is p.empty else p.replace(default=...) for p in rest]
            nothing = inspect.signature(method).return_annotation == "None"
            given = written([first, *rest]).replace("self: Any", "self")
            lines.append(f"    def {name}({given}) -> {'None' if nothing else 'Tensor'}: ...")
    return lines


def tensor_methods() -> str:
    """The stub of the class that gives Tensor its methods and operators."""
    lines = ["class TensorMethods:", *by_hand()]
    for name, op in methods.method_ops().items():
        _, *rest = written(parameters(op)).split(", ")
        given = ", ".join(["self", *(part for part in rest if part != "/")])
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
        "NAMED: dict[str, Op]\n\n"
        "def namespace(module: str = ...) -> dict[str, Op]: ...\n"
        "def method_ops() -> dict[str, Op]: ...\n\n"
    )
    head = HEAD.replace("Any, overload", "Any").replace(
        "from .tensor", "from .registry import Op\nfrom .tensor"
    )
    return head + helpers + "\n".join(lines) + "\n"


def front_page(package: str) -> str:
    """The stub of a front page: what it imports at once, and what it imports when asked."""
    page = importlib.import_module(package)
    modules: defaultdict[str, list[str]] = defaultdict(list)
    for node in ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            modules[f".{node.module or ''}"] += [a.name for a in node.names if not a.asname]
    modules.pop(".lazy", None)
    for name, module in FRONT_PAGES[package].items():
        modules[f".{module or ''}"].append(name)
    lines = [
        f"from {module} import "
        + ", ".join(n if n == "*" or n in page.__all__ else f"{n} as {n}" for n in names)
        for module, names in sorted(modules.items())
    ]
    if hasattr(page, "__version__"):
        lines += ["", "__version__: str"]
    listed = ", ".join(f'"{name}"' for name in page.__all__)
    return "\n".join([HEAD.splitlines()[0], *lines, "", f"__all__ = [{listed}]", ""])


def stubs() -> dict[Path, str]:
    """The text of every generated stub, by its path."""
    elsewhere = (*creation.__all__, *array_api.__all__)
    return {
        PACKAGE / "functions.pyi": functions("numpy", without=elsewhere),
        PACKAGE / "linalg.pyi": functions("numpy.linalg"),
        PACKAGE / "fft.pyi": functions("numpy.fft", own=("fftfreq", "rfftfreq")),
        PACKAGE / "methods.pyi": tensor_methods(),
        **{ROOT / package / "__init__.pyi": front_page(package) for package in PAGES},
    }


def main() -> int:
    for path, text in stubs().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
