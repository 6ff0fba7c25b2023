"""Single precision: dtypes are kept, and gradients are near those in double precision."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .arguments import Arguments, Operand
from .functions import Arrays, Differentiable, HandWritten
from .promises import Check
from .sizes import apart

__all__ = ["in_single_precision"]


def in_single_precision(c: Check, bind: Callable[[Arguments], Differentiable | None]) -> None:
    """Values and gradients of float32 arguments are float32, and not far from the others."""
    if isinstance(c.fn, HandWritten) and all(
        o.dtype.itemsize > 4 * (1 + (o.dtype.kind == "c")) for o in c.arguments.operands
    ):
        return  # who wrote it for double precision promised nothing
    narrow = {"f": np.float32, "c": np.complex64}
    if c.report.kinks or "reverse" not in c.modes:
        return
    single = Arguments(c.fn.f, c.arguments.args, c.arguments.kwargs)
    operands = []
    for o in single.operands:
        x = o.value.astype(narrow[o.value.dtype.kind])
        if o.scalar or not np.all(np.isfinite(x)):
            return  # Python's numbers have no single precision
        operands.append(Operand(o.name, x, x.dtype, False, o.place))
    single.operands = operands
    xs = [o.value for o in operands]
    try:
        fn = bind(single)
        if fn is None or fn.refused is not None:
            return
        ys = fn.values(xs)
    except Exception:  # it may not be written for single precision: then there is no promise
        return
    if not all(np.all(np.isfinite(y)) for y in ys if y.dtype.kind in "fc"):
        c.report.notes.append("single precision: the value is not finite there")
        return
    run = fn.run([x.copy() for x in xs])
    if run is None:
        return
    if fn.records:
        for y, r in zip(ys, run.values, strict=True):
            if y.dtype != r.dtype:
                c.fail(
                    "dtype",
                    "",
                    f"at {xs[0].dtype} the value has dtype {y.dtype} in a plain call and "
                    f"{r.dtype} when it is recorded",
                )
                return
    us = [
        np.asarray(c.rng.normal(size=y.shape)).astype(y.dtype)
        if y.dtype.kind in "fc" else np.zeros(y.shape) for y in ys
    ]  # fmt: skip
    gs = run.pull([u.copy() for u in us])
    for o, g in zip(operands, gs, strict=True):
        if g.dtype != o.value.dtype:
            c.fail(
                "dtype",
                o.name,
                f"at {o.value.dtype} the gradient of {o.name} has dtype {g.dtype}",
            )
            return
    close_to_double(c, xs, ys, us, gs)


def close_to_double(c: Check, xs: Arrays, ys: Arrays, us: Arrays, gs: Arrays) -> None:
    """The gradient in single precision against that in double precision at the same point."""
    wide = [x.astype(o.value.dtype) for x, o in zip(xs, c.arguments.operands, strict=True)]
    unit = 2.0**-23
    near = [x * (1.0 + unit * c.rng.choice([-1.0, 1.0], x.shape)) for x in wide]
    pulled = []
    for at in (wide, near):
        run = c.fn.run([np.asarray(x) for x in at])
        assert run is not None
        for y, z in zip(ys, run.values, strict=True):
            size = float(np.max(np.abs(z), initial=0.0))
            if y.shape != z.shape or not np.all(apart(y, z) <= 1e-3 * size):
                c.report.notes.append("single precision: it does not give the value either")
                return
        pulled.append(run.pull([u.astype(y.dtype) for u, y in zip(us, run.values, strict=True)]))
    worst = 0.0
    for name, g, exact, other in zip(c.names, gs, *pulled, strict=True):
        if not g.size or not np.all(np.isfinite(exact)):
            continue
        size = float(np.max(np.abs(exact)))
        # How far rounding the arguments moves the gradient, and a hundred times that.
        allowed = 1e-2 * size + 100.0 * float(np.max(np.abs(exact - other))) + 1e-6
        off = float(np.max(np.abs(g - exact)))
        worst = max(worst, off / max(size, 1e-300)) if size else worst
        if not off <= allowed:
            i = int(np.nanargmax(np.abs(np.asarray(g - exact)))) if np.any(off == off) else 0
            place = tuple(int(j) for j in np.unravel_index(i, g.shape))
            c.fail(
                "float32",
                name,
                f"at {g.dtype} the gradient of {name} is {g[place]:.7g} at element {place}, "
                f"and {exact[place]:.7g} in double precision",
                element=place,
                got=g[place].item(),
                expected=exact[place].item(),
            )
            return
    c.report.add("single precision", "", worst, 1e-2)
