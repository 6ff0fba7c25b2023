"""The user's line: found by going out of the library's own frames, read when it is asked for."""

from __future__ import annotations

import functools
import linecache
import os
import sys
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

import numpy as np

from .. import walk

__all__ = ["Line", "Place", "caller", "levels_out", "read"]

#: Code, and how far it had run: cheap to note, and all that is needed to find the line later.
Place = tuple[CodeType, int]

# The library, and what calls it back: NumPy's wrappers, SciPy's, and those of decorators.
_HOME = Path(__file__).resolve().parents[2]
_OUTSIDE = Path(np.__file__).resolve().parents[1]
_FOLDERS = tuple(
    str(folder) + os.sep
    for folder in (
        *(_HOME / package for package in ("autograd_core", "nn", "optim", "viz")),
        *(_OUTSIDE / package for package in ("numpy", "scipy")),
    )
)
_FILES = (functools.__file__, str(Path(os.__file__).with_name("contextlib.py")))
_WALK = (walk.Walk.run.__code__, walk.Walk.visit.__code__)

# Whether a file is the library's, by its name as the interpreter knows it.
_ours: dict[str, bool] = {}


class Line(NamedTuple):
    """A line of source: where it is, the function around it, its text, and the part that ran."""

    file: str
    line: int
    function: str
    code: str
    #: The expression, where it stands in one line and the interpreter kept its columns; or "".
    part: str

    @property
    def at(self) -> str:
        """File and line, the file as seen from the working directory if it lies below."""
        return f"{_short(self.file)}:{self.line}"

    def marked(self, indent: str = "") -> str:
        """The line of code, with the part that ran marked below."""
        lines = [indent + self.code]
        if self.part and self.part != self.code and self.part in self.code:
            lines.append(indent + " " * self.code.index(self.part) + "^" * len(self.part))
        return "\n".join(lines)

    def __str__(self) -> str:
        return f"{self.at}: {self.code}" if self.code else self.at


def caller(in_rule: bool) -> Place | None:
    """Where the user's code is, who called; with ``in_rule`` None if a rule of a walk back did."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        file = code.co_filename
        ours = _ours.get(file)
        if ours is None:
            ours = _ours[file] = _is_ours(file)
        if not ours:
            return code, frame.f_lasti
        if in_rule and code in _WALK:
            return None
        frame = frame.f_back
    return None


def levels_out() -> int:
    """The ``stacklevel`` with which a warning names the user's line, counted from the caller."""
    frame: Any = sys._getframe(1)
    level = 1
    while frame.f_back is not None and _is_ours(frame.f_code.co_filename):
        frame = frame.f_back
        level += 1
    return level


def _is_ours(file: str) -> bool:
    if file.startswith("<"):
        # What is typed at a prompt is the user's; NumPy's dispatcher and frozen modules are not.
        return file.startswith(("<__array_function__", "<frozen"))
    return file.startswith(_FOLDERS) or file in _FILES


@functools.lru_cache(maxsize=10_000)
def read(place: Place) -> Line:
    """Look up the line of a place."""
    code, at = place
    positions = list(code.co_positions())
    line, end, left, right = positions[at // 2] if at >= 0 else (None, None, None, None)
    if line is None:
        line = code.co_firstlineno
    text = linecache.getline(code.co_filename, line)
    part = ""
    if line == end and left is not None and right is not None:
        part = text.encode()[left:right].decode(errors="replace")  # columns count bytes
    return Line(code.co_filename, line, code.co_name, text.strip(), part)


def _short(file: str) -> str:
    if file.startswith("<"):
        return file
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except ValueError:
        return file
