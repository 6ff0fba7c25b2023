"""Runs a user's script or module as Python would, and finds in it what was named."""

from __future__ import annotations

import ast
import builtins
import difflib
import importlib
import inspect
import io
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import BuiltinFunctionType, ModuleType
from typing import Any, final

from autograd_core import Tensor

from .flow_graph import FlowGraph
from .record import Recording
from .recording.modules import is_module

__all__ = [
    "Failed",
    "Refused",
    "Target",
    "arguments_of",
    "call_of",
    "evaluate",
    "excerpt",
    "has",
    "is_users",
    "nearest",
    "run",
]

#: Frames of these packages are left out of a script's traceback.
_OURS = tuple(
    f"{Path(__file__).resolve().parent.parent / package}{os.sep}"
    for package in ("autograd_core", "nn", "optim", "viz")
)


@final
class Refused(Exception):
    """What was asked for cannot be done; the message says why and what to do."""


@final
class Failed(Exception):
    """The script raised, or ended itself with a status that means failure."""

    def __init__(self, says: str, status: int) -> None:
        super().__init__(says)
        self.status = status


@final
class Target:
    """What is to be drawn: a file or a module, and what of it.

    >>> target = Target("package.model:loss(net(x), y)")
    >>> target.source, target.name, target.is_file
    ('package.model', 'loss(net(x), y)', False)
    """

    def __init__(self, text: str) -> None:
        # A drive, C:\, has a colon too, and so may the name: f(x[1:]).
        found = re.fullmatch(r"(.+?\.(?:py|pyw|json))(?::(.*))?", text, re.DOTALL | re.IGNORECASE)
        self.is_file = found is not None
        if found is None:
            found = re.fullmatch(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*)(?::(.*))?", text, re.DOTALL)
        if found is None:
            raise Refused(f"{text!r} is no script.py, no module and no graph.json")
        self.source: str = found[1]
        self.name: str | None = found[2]
        if self.name is not None:
            self.name = self.name.strip()
            try:
                ast.parse(self.name, mode="eval")
            except SyntaxError:
                raise Refused(
                    f"what follows the colon of {text!r} should be a name or a call, as in "
                    f"{self.source}:loss"
                ) from None
        if self.is_file and not Path(self.source).is_file():
            raise Refused(_no_file(Path(self.source)))

    @property
    def is_graph(self) -> bool:
        """Whether it is a graph that was saved as JSON."""
        return self.is_file and self.source.lower().endswith(".json")

    @property
    def stem(self) -> str:
        """What a drawing of it may be called."""
        return Path(self.source).stem if self.is_file else self.source.rpartition(".")[2]


def run(target: Target, arguments: list[str]) -> dict[str, Any]:
    """Run a script as ``python script.py arguments`` would, or import a module.

    Returns:
        Its names and what they hold, also when it ended itself by ``sys.exit(0)``.

    Raises:
        Failed: it raised, with its traceback, or ended itself with another status.
        Refused: there is no such module.
    """
    sys.argv = [target.source, *arguments]
    if not target.is_file:
        return _imported(target.source)
    path = Path(target.source)
    if not sys.flags.safe_path:
        sys.path[0] = str(path.resolve().parent)
    module = ModuleType("__main__")
    module.__dict__.update(__file__=str(path.absolute()), __builtins__=builtins, __cached__=None)
    # It stays there: what is found in it may look itself up, as dataclasses and processes do.
    sys.modules["__main__"] = module
    try:
        with io.open_code(str(path.resolve())) as file:
            source = file.read()
        exec(compile(source, target.source, "exec"), module.__dict__)
    except SystemExit as end:
        _ended(target.source, end)
    except Exception as error:
        told = excerpt(error)
        if isinstance(error, ImportError) and "no known parent package" in str(error):
            inside = ".".join((path.resolve().parent.name, path.stem))
            told += f"\n{path} is part of a package; name it as one, as in {inside}"
        raise Failed(told, 1) from None
    return module.__dict__


def _ended(source: str, end: SystemExit) -> None:
    """Go on after ``sys.exit(0)``; any other status is a failure."""
    if end.code is None or end.code == 0:
        return
    status = end.code if isinstance(end.code, int) else 1
    says = f"{source} ended with exit status {status}; nothing was drawn"
    raise Failed(says if isinstance(end.code, int) else f"{end.code}\n{says}", status) from None


def _imported(name: str) -> dict[str, Any]:
    if not sys.flags.safe_path and "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return importlib.import_module(name).__dict__
    except ModuleNotFoundError as error:
        # It, or a package that it lies in; not one that it imports.
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            script = Path(f"{name}.py")
            hint = f"; did you mean {script}?" if script.is_file() else ""
            raise Refused(f"there is no module {error.name!r}{hint}") from None
        raise Failed(excerpt(error), 1) from None
    except SystemExit as end:
        _ended(name, end)
        raise Refused(f"{name} ended before it was imported; nothing was drawn") from None
    except Exception as error:
        raise Failed(excerpt(error), 1) from None


def evaluate(target: Target, names: dict[str, Any]) -> Any:
    """Evaluate what the target names, a name or any other expression, in the script's own names.

    Raises:
        Failed: that raised.
        Refused: there is no such name.
    """
    tree = ast.parse(target.name or "", "<command line>", mode="eval")
    used = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    try:
        return eval(compile(tree, "<command line>", "eval"), names)
    except NameError as error:
        if error.name in used and error.name not in names:
            near = nearest(error.name, (n for n in names if n[:1] != "_"))
            raise Refused(
                f"{target.source} has no name {error.name!r}{near or has(names)}"
            ) from None
        raise Failed(excerpt(error), 1) from None
    except SystemExit as end:
        _ended(target.source, end)
        raise Refused(f"{target.name} ended the script; nothing was drawn") from None
    except Exception as error:
        raise Failed(excerpt(error), 1) from None


def call_of(target: Target, names: dict[str, Any]) -> tuple[Callable[..., Any], list[Any]] | None:
    """What the target calls, and with what; None if it is no plain call.

    Built-in functions and classes, as in ``print(loss)``, compute nothing to draw.
    """
    call = ast.parse(target.name or "", mode="eval").body
    if not isinstance(call, ast.Call) or call.keywords:
        return None
    if any(isinstance(arg, ast.Starred) for arg in call.args):
        return None
    f, *args = (
        eval(compile(ast.Expression(part), "<command line>", "eval"), names)
        for part in (call.func, *call.args)
    )
    return None if isinstance(f, type | BuiltinFunctionType) else (f, args)


def arguments_of(f: Callable[..., Any]) -> list[str]:
    """The arguments that ``f`` cannot be called without."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):  # Some callables written in C tell no signature.
        return []
    return [
        p.name
        for p in parameters
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]


def nearest(name: str, known: Iterable[str]) -> str:
    """Ask whether another name was meant, or say nothing.

    >>> nearest("los", ["loss", "model"])
    '; did you mean loss?'
    """
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def has(names: Mapping[str, Any]) -> str:
    """List what could be drawn of a script's names: tensors with a graph, and modules."""
    drawable = [
        name
        for name, held in names.items()
        if name[:1] != "_"
        and (
            (isinstance(held, Tensor) and held.requires_grad)
            or isinstance(held, FlowGraph | Recording)
            or is_module(held)
        )
    ]
    if not drawable:
        return ""
    more = ", …" if len(drawable) > 8 else ""
    return f"; it has {', '.join(drawable[:8])}{more}"


def excerpt(error: BaseException) -> str:
    """The traceback of ``error``, less what is not the user's code."""
    told = traceback.TracebackException.from_exception(error)
    waiting: list[traceback.TracebackException | None] = [told]
    seen = set()
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        kept = [frame for frame in one.stack if not _internal(frame.filename)]
        one.stack[:] = kept
        waiting += [one.__cause__, one.__context__, *(one.exceptions or ())]
    return "".join(told.format()).rstrip("\n")


def is_users(error: BaseException) -> bool:
    """Whether an error was raised, or passed on, by code that is not ours."""
    frames = traceback.extract_tb(error.__traceback__)
    return any(not _internal(frame.filename) for frame in frames)


def _internal(filename: str) -> bool:
    """Whether a frame is of this library, or of what imports modules."""
    if filename.startswith("<frozen importlib"):
        return True
    path = str(Path(filename).resolve())
    return path.startswith(_OURS)


def _no_file(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"there is no file {path}, and no folder {folder}"
    names = (p.name for p in folder.iterdir() if p.suffix == path.suffix)
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"there is no file {path}" + (f"; did you mean {folder / near[0]}?" if near else "")
