"""Imports point only upstream, along the order in which data flows.

The files are read, never imported. An import under `if TYPE_CHECKING:` costs nothing at run time
but couples all the same, so it is held to the order too, with the exceptions that are named here.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# The stages of autograd_core; a stage imports from those before it, and a package from itself.
STAGES = (
    "lazy",
    "memory",
    "errors",
    "graph",
    "registry",
    "ops",
    "record",
    "hooks",
    "walk",
    "backprop",
    "settings",
    "methods",
    "values",
    "views",
    "tensor",
    "ufuncs",
    "apply",
    "operators",
    "forward",
    "tree",
    "transforms",
    "primitives",
    "creation",
    "array_api",
    "functions",
    "linalg",
    "fft",
    "special",
    "conventions",
    "inspection",
    "testing",
)
# A graph is plain data and a rule knows no engine: these two know only how to complain.
ALONE = {"graph", "registry"}

# What each package may import of the others; `typed` is for annotations only.
PACKAGES: dict[str, set[str]] = {
    "autograd_core": set(),
    "optim": {"autograd_core"},
    # Pre-training is training, and so are the estimators.
    "nn": {"autograd_core", "optim"},
    "viz": {"autograd_core"},
}
TYPED: dict[str, set[str]] = {"optim": {"nn"}}

# viz reads the graph as it was recorded, the table, and the public names; how recording and walking
# back work is not its business.
VIZ_READS = {
    "autograd_core",
    "autograd_core.graph",
    "autograd_core.lazy",
    "autograd_core.registry",
}


# The stages of viz, folders and files alike.
VIZ_STAGES = (
    "files",
    "text",
    "graph",
    "recording",
    "layout",
    "notebook",
    "drawing",
    "page",
    "graph_json",
    "listing",
    "flow_graph",
    "load",
    "record",
    "difference",
    "script",
    "pictures",
)


@dataclass(frozen=True)
class Import:
    """One module of ours that a file imports, and where."""

    file: str
    line: int
    module: str
    typed: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


def is_module(name: str) -> bool:
    """Whether a dotted name is a module or package of ours, and not a name within one."""
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def type_checking(test: ast.expr) -> bool:
    """Whether an `if` is the one for type checkers."""
    return ast.unparse(test).split(".")[-1] == "TYPE_CHECKING"


def imports(source: str, file: str, module: str, *, is_package: bool = False) -> Iterator[Import]:
    """What a file imports of ours, anywhere in it; a relative import starts at its `module`."""
    here = module.split(".") if is_package else module.split(".")[:-1]

    def visit(node: ast.AST, typed: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = here[: len(here) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            # `from package import x`: x may be a module or a name that the package holds.
            names = [
                f"{base}.{alias.name}" if is_module(f"{base}.{alias.name}") else base
                for alias in node.names
            ]
        else:
            names = []
            typed_body = isinstance(node, ast.If) and type_checking(node.test)
            for child in ast.iter_child_nodes(node):
                inside = typed_body and isinstance(node, ast.If) and child in node.body
                yield from visit(child, typed or inside)
        for name in names:
            if name.split(".")[0] in {*PACKAGES, "examples", "benchmarks", "tests", "scripts"}:
                yield Import(file, node.lineno, name, typed)  # type: ignore[attr-defined]

    yield from visit(ast.parse(source), False)


def files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports_of(path: Path) -> list[Import]:
    """What a file of the repository imports of ours."""
    relative = path.relative_to(ROOT)
    parts = list(relative.with_suffix("").parts)
    is_package = parts[-1] == "__init__"
    module = ".".join(parts[:-1] if is_package else parts)
    source = path.read_text(encoding="utf-8")
    return list(imports(source, relative.as_posix(), module, is_package=is_package))


def stage(module: str) -> str | None:
    """The stage of autograd_core that a module belongs to; None for the package's front page."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else None


def upstream(path: Path) -> set[str]:
    """The stages that a file of autograd_core may import."""
    own = path.relative_to(ROOT / "autograd_core").parts[0].removesuffix(".py")
    if own == "__init__":
        return set(STAGES)
    before = {"errors"} if own in ALONE else set(STAGES[: STAGES.index(own)])
    return before | ({own} if (ROOT / "autograd_core" / own).is_dir() else set())


def test_every_file_of_the_core_is_a_stage() -> None:
    found = {p.relative_to(ROOT / "autograd_core").parts[0] for p in files("autograd_core")}
    assert {name.removesuffix(".py") for name in found} - {"__init__"} <= set(STAGES)


def test_the_core_imports_upstream_only() -> None:
    wrong = [
        found
        for path in files("autograd_core")
        for found in imports_of(path)
        if found.module.split(".")[0] == "autograd_core"
        and stage(found.module) not in upstream(path)
    ]
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_upstream_only(package: str) -> None:
    wrong = [
        found
        for path in files(package)
        for found in imports_of(path)
        if (other := found.module.split(".")[0]) != package
        and other not in PACKAGES[package]
        and not (found.typed and other in TYPED.get(package, set()))
    ]
    assert not wrong, "\n".join(map(str, wrong))


def test_viz_reads_the_graph_and_the_table() -> None:
    wrong = [
        found
        for path in files("viz")
        for found in imports_of(path)
        if found.module.startswith("autograd_core") and found.module not in VIZ_READS
    ]
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize(
    ("line", "module", "typed"),
    [
        ("import nn", "nn", False),
        ("import autograd_core.graph as g", "autograd_core.graph", False),
        ("from autograd_core import Tensor", "autograd_core", False),
        ("from . import nothing", "autograd_core", False),
        ("from .graph import Node", "autograd_core.graph", False),
        ("def f():\n    from nn import Linear", "nn", False),
        ("if TYPE_CHECKING:\n    import nn", "nn", True),
        ("if typing.TYPE_CHECKING:\n    import numpy\nelse:\n    import nn", "nn", False),
    ],
)
def test_imports_are_found(line: str, module: str, typed: bool) -> None:
    found = list(imports(line, "file.py", "autograd_core.file"))
    assert [(f.module, f.typed) for f in found] == [(module, typed)]


def test_viz_flows_from_the_recorded_graph_to_the_drawing() -> None:
    """Each stage of viz imports from those before it; the front pages from all."""
    found = {p.relative_to(ROOT / "viz").parts[0].removesuffix(".py") for p in files("viz")}
    assert found == {*VIZ_STAGES, "__init__", "__main__"}
    wrong = []
    for path in files("viz"):
        own = path.relative_to(ROOT / "viz").parts[0].removesuffix(".py")
        if own.startswith("__"):
            continue
        allowed = {*VIZ_STAGES[: VIZ_STAGES.index(own) + 1]}
        for one in imports_of(path):
            parts = one.module.split(".")
            if parts[0] == "viz" and not one.typed and not allowed.issuperset(parts[1:2]):
                wrong.append(str(one))
    assert not wrong
