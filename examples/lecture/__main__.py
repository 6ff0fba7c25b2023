"""Run every demonstration of the lecture in turn, and say how long each took."""

from __future__ import annotations

import argparse
import ast
import importlib
import re
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from threadpoolctl import threadpool_limits

from .common import add_options, table

FOLDER = Path(__file__).parent


def demonstrations() -> dict[str, str]:
    """The files of this folder that have a `main`, and their docstrings, in the lecture's order.

    Nothing is imported, so that one demonstration costs no time, and breaks nothing, when another
    is asked for. A file that is no Python counts as one, to be reported when its turn comes.
    """
    found: dict[str, str] = {}
    for path in FOLDER.glob("*.py"):
        if path.stem in ("__main__", "common"):
            continue
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, ValueError):
            found[path.stem] = path.stem
        else:
            if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body):
                found[path.stem] = ast.get_docstring(tree) or path.stem
    return dict(sorted(found.items(), key=lambda item: (_row(item[1]), item[0])))


def _row(docstring: str) -> int:
    """The first row of the lecture that a docstring names: "L16: early stopping"."""
    row = re.search(r"\bL(\d+)", docstring)
    return int(row[1]) if row else 100


def run(name: str, options: Sequence[str]) -> bool:
    """Run one demonstration; print what went wrong in it, also in importing it."""
    try:
        module = importlib.import_module(f"{__package__}.{name}")
        # The arrays are small: threads that wait for each other cost more than they save.
        with threadpool_limits(1, user_api="blas"):
            module.main(options)
    except Exception:
        traceback.print_exc()
        return False
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them all, or those named; return how many failed. One that fails stops no other."""
    known = demonstrations()
    parser = argparse.ArgumentParser(
        prog="python -m examples.lecture",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="name",
        help=f"which ones, of {', '.join(known)}; all by default",
    )
    add_options(parser)
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.names if name not in known]:
        parser.error(f"there is no demonstration {unknown[0]!r}; known are {', '.join(known)}")
    options = ["--out", str(given.out), "--seed", str(given.seed)]
    options += ["--quick"] if given.quick else []

    rows: list[tuple[str, str, str]] = []
    for name in given.names or known:
        print(f"\n== {known[name].splitlines()[0]}", flush=True)
        start = time.perf_counter()
        outcome = "done" if run(name, options) else "failed"
        rows.append((name, f"{time.perf_counter() - start:.1f}", outcome))
        sys.stdout.flush()
    print()
    table(["demonstration", "seconds", ""], rows)
    return sum(outcome == "failed" for *_, outcome in rows)


if __name__ == "__main__":
    sys.exit(main())
