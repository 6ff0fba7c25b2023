"""Run every demonstration of the lecture in turn, and say how long each took."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import re
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from .common import add_options, table


def demonstrations() -> dict[str, ModuleType]:
    """The modules of this folder that have a `main`, in the order of the lecture's rows."""
    folder = Path(__file__).parent
    names = [found.name for found in pkgutil.iter_modules([str(folder)])]
    modules = {
        name: importlib.import_module(f"examples.lecture.{name}")
        for name in names
        if name not in ("__main__", "common")
    }
    found = {name: module for name, module in modules.items() if hasattr(module, "main")}
    return dict(sorted(found.items(), key=lambda item: (_row(item[1]), item[0])))


def _row(module: ModuleType) -> int:
    """The first row of the lecture that a module's docstring names: "L16: early stopping"."""
    row = re.search(r"\bL(\d+)", module.__doc__ or "")
    return int(row[1]) if row else 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them all, or those named; return how many failed."""
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
        module = known[name]
        print(f"\n== {(module.__doc__ or name).splitlines()[0]}")
        start = time.perf_counter()
        try:
            module.main(options)
        except Exception:
            # One that fails does not hold up the others; the exit status tells.
            traceback.print_exc()
            outcome = "failed"
        else:
            outcome = "done"
        rows.append((name, f"{time.perf_counter() - start:.1f}", outcome))
        sys.stdout.flush()
    print()
    table(["demonstration", "seconds", ""], rows)
    return sum(outcome == "failed" for *_, outcome in rows)


if __name__ == "__main__":
    sys.exit(main())
