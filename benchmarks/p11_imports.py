"""P11: how long an import takes, and the memory after it; each in a Python of its own.

The clock starts in a Python that has nothing but itself, so a library that needs NumPy is counted
with it. Bytecode is there already, and files are in the system's cache.
"""

from functools import partial

from benchmarks import fresh
from benchmarks.contest import Contestant, Job, Row, Target

# The clock and the memory need no import that Python has not done at its start, `time` but one that
# is built in.
CODE = """
import sys, time
start = time.perf_counter()
{imports}
seconds = time.perf_counter() - start
try:
    with open("/proc/self/status") as status:
        kilobytes = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
except OSError:
    kilobytes = float("nan")
print('{{"seconds": %r, "MB": %r}}' % (seconds, kilobytes / 1024))
"""

IMPORTS = {
    "nothing": "",
    "numpy": "import numpy",
    "autograd_core": "import autograd_core",
    "autograd_core, nn, optim": "import autograd_core, nn, optim",
    "HIPS autograd": "import autograd, autograd.numpy",
    "PyTorch": "import torch",
    "JAX": "import jax, jax.numpy",
    "MyGrad": "import mygrad",
}
NEEDS = {"HIPS autograd": "autograd", "PyTorch": "torch", "JAX": "jax", "MyGrad": "mygrad"}
OURS = "autograd_core"


def importing(imports: str) -> Job:
    """A step is a Python that imports and ends."""
    return fresh.job("import", partial(fresh.ask, CODE.format(imports=imports)), ["MB"])


def contestants() -> tuple[Contestant, ...]:
    """Each import; an empty one is nobody's rival."""
    return tuple(
        Contestant(
            name,
            partial(importing, imports),
            needs=(NEEDS[name],) if name in NEEDS else (),
            rival=OURS if imports else name,
        )
        for name, imports in IMPORTS.items()
    )


P11 = Row(
    "P11",
    "import, and memory after it, each in a fresh process",
    contestants(),
    unit="ms",
    per="an import",
    warm_up=1,
    checked="memory and time of the whole process",
    turns=15,
    targets=(
        Target(OURS, "numpy", 1.3),
        Target(OURS, "PyTorch", 0.1),
        Target("autograd_core, nn, optim", "numpy"),
        Target("autograd_core, nn, optim", "PyTorch"),
    ),
)
