"""Fresh processes: what can be measured only once in the life of a Python."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.contest import Job

STATUS = Path("/proc/self/status")


def megabytes(what: str) -> float:
    """`VmRSS`, this process's memory now, or `VmHWM`, the most that it ever had, as Linux counts.

    NaN elsewhere. (`getrusage` would begin with what the parent had when it forked.)
    """
    if not STATUS.exists():
        return float("nan")
    lines = STATUS.read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def ask(code: str, *arguments: str) -> Any:
    """What a new Python prints in JSON when it runs `code`; its errors are this one's."""
    command = [sys.executable, "-c", code, *arguments]
    # The untimed first process writes bytecode, as an installer does, so that no other compiles.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    child = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if child.returncode:
        raise RuntimeError(f"a fresh process failed: {child.stderr.strip()}")
    return json.loads(child.stdout.splitlines()[-1])


def job(
    stage: str,
    child: Callable[[], Mapping[str, float]],
    facts: Sequence[str],
    check: str | None = None,
) -> Job:
    """A step is a process. What it says of itself: its stage's `seconds`, and facts, whose medians
    over all steps are the job's; as does the whole process's time."""
    heard: dict[str, list[float]] = {}

    def step() -> float:
        started = time.perf_counter()
        said = {**child(), "s a process": time.perf_counter() - started}
        for name, value in said.items():
            heard.setdefault(name, []).append(value)
        return said["seconds"]

    def medians() -> dict[str, float]:
        # A fact that the system doesn't tell is left out: NaN isn't itself.
        found = {name: median(heard[name]) for name in (*facts, "s a process")}
        return {name: value for name, value in found.items() if value == value}

    checked = None if check is None else lambda: [heard[check][-1]]
    return Job({stage: step}, checked, facts=medians, told=True)
