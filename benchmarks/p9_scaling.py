"""P9: does a node cost the same in a long chain? Forward, backward, free; 10^3 to 10^6 nodes."""

import gc
import tracemalloc
from collections.abc import Callable
from functools import partial

from benchmarks.chains import ENGINES, Chain, Engine
from benchmarks.contest import Contestant, Job, Row, Target

# With w = 1 a chain of any length stays where it is, and the gradient at w is the length.
SCALARS = (0.5, 1.0)
LENGTHS = {"10^3": 10**3, "10^4": 10**4, "10^5": 10**5, "10^6": 10**6}
# micrograd's backward recurses once for each node: it was not tried on a million.
REACH = {"ours": 10**6, "PyTorch eager": 10**6, "micrograd": 10**5}


def scaling(engine: Callable[[], Engine], length: int, traced: bool) -> Job:
    """A chain of so many scalar nodes; `traced` where Python's allocator sees all its memory."""
    it = Chain(engine(), *SCALARS, length)

    def facts() -> dict[str, float]:
        gc.collect()
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        it.forward()
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        it.free()
        return {"bytes a node": (after - before) / length}

    return Job(
        {"forward": it.forward, "backward": it.backward, "free": it.free},
        it.gradients,
        units=length,
        facts=facts if traced else None,
    )


def contestants() -> tuple[Contestant, ...]:
    """Each length with the garbage collector as it comes; ours without it as well."""
    return tuple(
        Contestant(
            f"{name}, {label}{suffix}",
            partial(scaling, ENGINES[name][0], length, traced=name != "PyTorch eager"),
            needs=ENGINES[name][1],
            rival=f"ours, {label}{suffix}",
            collector=not suffix,
            slow=length == 10**6,
        )
        for suffix in ("", ", collector off")
        for label, length in LENGTHS.items()
        for name, reach in REACH.items()
        if length <= reach and (name == "ours" or not suffix)
    )


P9 = Row(
    "P9",
    "chains of scalar multiplications: time and memory by the node",
    contestants(),
    unit="ns",
    per="a node",
    warm_up=1,
    checked="gradients of x and w",
    targets=(
        *(
            Target(f"ours, 10^6{suffix}", f"ours, 10^4{suffix}", at_most, of=stage)
            for suffix, at_most in (("", 1.5), (", collector off", 1.3))
            for stage in ("forward", "backward", "free")
        ),
        *(Target(f"ours, {n}", (), 400, of="bytes a node") for n in ("10^4", "10^6")),
    ),
)
