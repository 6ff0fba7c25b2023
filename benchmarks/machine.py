"""Facts of the machine that belong beside a time, and limits on threads. No paths, no names."""

import importlib.metadata
import os
import platform
from typing import Any

# What the BLAS libraries, OpenMP and XLA read when they are first loaded, and never again: so these
# are set before a contestant's process starts.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NPROC",  # XLA's thread pool on a CPU
)
PACKAGES = (
    "numpy",
    "torch",
    "jax",
    "jaxlib",
    "autograd",
    "mygrad",
    "micrograd",
    "torchviz",
    "torchview",
)


def thread_limits(threads: int) -> dict[str, str]:
    """The environment in which every library uses so many threads."""
    return dict.fromkeys(THREAD_VARIABLES, str(threads))


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def version(package: str) -> str | None:
    """A package's version, or None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def blas() -> str:
    """The BLAS that NumPy was built with."""
    import numpy as np

    config: Any = np.show_config(mode="dicts")
    found = config.get("Build Dependencies", {}).get("blas", {})
    return f"{found.get('name', 'unknown')} {found.get('version', '')}".strip()


def facts(threads: int) -> dict[str, Any]:
    """What a reader of the times has to know of the machine."""
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "cores": cores(),
        "threads": threads,
        "python": platform.python_version(),
        "blas": blas(),
        "versions": {package: version(package) for package in PACKAGES},
    }
