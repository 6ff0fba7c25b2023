"""Runs Graphviz: its program `dot`, or its libraries in the wheel of `pygraphviz`; with a timeout.

The `graphviz` package's own way to run `dot` has no timeout, and no count of boxes predicts how
long `dot` takes.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence

__all__ = ["INSTALL", "DotError", "available", "render", "run"]

INSTALL = (
    "Install Graphviz: `apt install graphviz` (Debian, Ubuntu), `dnf install graphviz` (Fedora), "
    "`brew install graphviz` (macOS), `winget install graphviz` (Windows)"
)
_EXTRA = "or its libraries: `pip install 'autograd-core[png]'`"
#: How long Python may take to start and to import.
_IMPORTING = 5.0
_WITH_PYGRAPHVIZ = """
import sys, pygraphviz
engine, form = sys.argv[1:]
text = sys.stdin.buffer.read().decode()
drawn = pygraphviz.AGraph(string=text).draw(format=form, prog=engine)
sys.stdout.buffer.write(drawn)
"""


class DotError(RuntimeError):
    """Graphviz's `dot` is missing, failed, or took too long."""


def available() -> bool:
    """Whether there is a `dot` on the PATH."""
    return shutil.which("dot") is not None


def run(text: str, form: str, timeout: float, engine: str = "dot") -> bytes:
    """Run `dot` on ``text`` for at most ``timeout`` seconds; any failure is a `DotError`."""
    program = shutil.which("dot")
    if program is None:
        raise DotError(f"the program `dot` is not on the PATH. {INSTALL}.")
    options = [f"-T{form}"] if engine == "dot" else [f"-K{engine}", f"-T{form}"]
    return _finish([program, *options], text.encode(), timeout, "dot")


def render(text: str, form: str, timeout: float, engine: str = "nop2") -> bytes:
    """Make ``"png"`` or ``"pdf"``: by `dot` where it is, else by the libraries of `pygraphviz`.

    Raises:
        DotError: neither is there, or it fails.
    """
    if available():
        return run(text, form, timeout, engine)
    if importlib.util.find_spec("pygraphviz") is None:
        raise DotError(f"the program `dot` is not on the PATH. {INSTALL}; {_EXTRA}.")
    # In a process of its own, which a timeout can end.
    command = [sys.executable, "-c", _WITH_PYGRAPHVIZ, engine, form]
    return _finish(command, text.encode(), timeout + _IMPORTING, "pygraphviz")


def _finish(command: Sequence[str], given: bytes, timeout: float, name: str) -> bytes:
    """Run a program that must not outlive ``timeout`` seconds, nor may what it started."""
    try:
        # In a session of its own, so that its children can be ended with it.
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=os.name == "posix",
        )
    except OSError as error:
        raise DotError(f"{name} could not be run: {error}") from error
    with process:
        try:
            out, said = process.communicate(given, timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            raise DotError(f"{name} took longer than {timeout:g} s") from None
        except BaseException:
            _end(process)
            raise
    if process.returncode != 0:
        words = said.decode(errors="replace").strip()
        raise DotError(
            f"{name} failed with code {process.returncode}: {words or 'it gave no reason'}"
        )
    return out


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a program and its children."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
