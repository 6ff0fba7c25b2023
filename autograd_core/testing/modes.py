"""Forward mode and order 2, and that they fit reverse mode and each other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..errors import NotDifferentiableError
from .differences import flat
from .functions import Arrays
from .sizes import inner, rms, sizes_of
from .stages import Stage

if TYPE_CHECKING:
    from .promises import Check

__all__ = ["forward", "order_two"]


def forward(c: Check, stage: Stage, gs: list[Arrays] | None, us: list[Arrays]) -> None:
    for d in range(c.directions):
        found = [x for x in stage.directions if x.cotangent == d]
        vs = [np.zeros_like(x) for x in c.xs]
        for x in found:
            vs[x.operand] = x.v
        if len(found) < len(c.xs) and gs is not None:
            # Where differences say nothing the adjoint still must fit.
            for k in {*range(len(c.xs))} - {x.operand for x in found}:
                x = c.xs[k]
                vs[k] = np.where(np.isfinite(x), c.rng.normal(size=x.shape), 0.0)
                vs[k] = np.asarray(vs[k]).astype(x.dtype)
        given, tangents_in = [x.copy() for x in c.xs], [v.copy() for v in vs]
        try:
            tangents = c.fn.push(given, tangents_in)
        except NotDifferentiableError as refusal:
            c.report.notes.append(f"forward mode, which is refused: {refusal}")
            return
        if tangents is None:
            return
        c.unwritten(given, "forward mode")
        shapes = [t.shape for t in tangents]
        due = [u.shape for u in us[d]]
        if shapes != due:
            c.fail("shape", "", f"forward mode gives tangents of shape {shapes}, not {due}")
            return
        kept = [t for t, k in zip(tangents, c.picked, strict=True) if k]
        if not all(np.all(np.isfinite(t)) for t in kept):
            if gs is not None and all(np.all(np.isfinite(g)) for g in gs[d]):
                c.fail("forward mode", "", "forward mode gives nan or inf, reverse does not")
            return
        pushed = sum(
            inner([u], [t]) for u, t, k in zip(us[d], tangents, c.picked, strict=True) if k
        )
        scale = max((x.scale for x in found), default=0.0)
        if gs is not None and all(np.all(np.isfinite(g)) for g in gs[d]):
            adjoint(c, pushed, gs[d], vs, "⟨u, Jv⟩ = ⟨Jᵀu, v⟩", us[d], c.ys)
        if len(found) == len(c.xs):
            numeric = sum(x.found.value for x in found)
            error = abs(pushed - numeric)
            base = max(abs(pushed), abs(numeric), scale, 1e-300)
            allowed = c.tolerance * base + sum(
                4.0 * x.found.error + stage.floors[x.operand] * float(np.max(np.abs(x.v)))
                for x in found
            )
            # Both may be what is left of a cancellation.
            left = (
                64.0
                * c.unit
                * sum(c.natural(us[d], c.ys, x.operand) * float(np.max(np.abs(x.v))) for x in found)
            )
            if not error <= allowed and base > left:
                wrong_tangent(c, stage, d, vs, tangents, pushed, numeric)
                return
            c.report.add(
                "forward mode",
                "",
                c.tolerance * error / max(allowed, c.tolerance * left),
                c.tolerance,
            )
        if c.failures:
            return


def adjoint(
    c: Check, pushed: float, g: Arrays, vs: Arrays, what: str, us: Arrays, ys: Arrays
) -> None:
    pulled = inner(g, vs)
    size = sum(float(np.linalg.norm(np.abs(a) * np.abs(v))) for a, v in zip(g, vs, strict=True))
    allowed = 64.0 * math.sqrt(c.unit)
    floor = sum(c.natural(us, ys, k) * float(np.linalg.norm(v)) for k, v in enumerate(vs))
    base = max(abs(pushed), abs(pulled), size, 64.0 * c.unit * floor / allowed, 1e-300)
    error = abs(pushed - pulled) / base
    if error <= allowed:
        c.report.add(what, "", error, allowed)
    elif not any(f.check == "forward mode" for f in c.failures):
        c.fail(
            "adjoint",
            "",
            f"forward mode and reverse mode contradict each other: {what} does not hold, the "
            f"left side is {pushed:.10g} and the right side {pulled:.10g}",
            got=pushed,
            expected=pulled,
            error=error,
            tolerance=allowed,
        )


def wrong_tangent(
    c: Check, stage: Stage, d: int, vs: Arrays, tangents: Arrays, pushed: float, numeric: float
) -> None:
    """Find the output whose tangent is furthest off."""
    c.failures = [f for f in c.failures if f.check != "adjoint"]
    moved = stage.moved(dict(enumerate(vs)))
    h = 1e-5
    right, left = moved(h), moved(-h)
    got = flat([t if k else np.zeros(t.shape) for t, k in zip(tangents, c.picked, strict=True)])
    text = (
        f"forward mode is wrong: along a direction v the values, weighted, change by "
        f"{pushed:.10g}, and finite differences say {numeric:.10g}"
    )
    place = None
    if right is not None and left is not None and got.size == right.size:
        due = (right - left) / (2.0 * h)
        i = int(np.argmax(np.abs(due - got)))
        text += f"; furthest off is output {i}, with tangent {got[i]:.10g} instead of {due[i]:.10g}"
        place = (i,)
    c.fail(
        "forward mode", "", text, element=place, got=pushed, expected=numeric,
        guess="it has the wrong sign" if abs(pushed + numeric) < 1e-4 * abs(numeric) else "",
    )  # fmt: skip


def order_two(c: Check, ys: Arrays, first: Stage, g: Arrays) -> None:
    """The gradient of the gradient ``g``, and that the Hessian is symmetric."""
    fn, xs = c.fn, c.xs
    a = c.cotangent(ys)
    # A value may be zero by chance; how far it moves says how large it is otherwise.
    moves = [
        float(np.max(np.abs(x)) * np.max(np.abs(h))) for x, h in zip(xs, g, strict=True) if x.size
    ]
    move = max((m for m in moves if math.isfinite(m)), default=0.0)
    b = [
        np.asarray(c.rng.normal(size=y.shape) / size / (max(rms(y), move) or 1.0)).astype(
            y.real.dtype
        )
        if fn.squares and y.dtype.kind in "fc"
        else np.zeros(y.shape)
        for y, size in zip(ys, sizes_of(ys), strict=True)
    ]
    try:
        run = fn.second(xs, a, b)
    except NotDifferentiableError as refusal:
        c.report.notes.append(f"order 2, which is refused: {refusal}")
        return
    if run is None:
        c.report.notes.append("order 2: no hvp= was given, or the library has none")
        return
    if not all(np.all(np.isfinite(g)) for g in run.values):
        c.report.notes.append("order 2: the gradient is not finite here")
        return
    least = max(c.natural(a, ys, k) for k in range(len(xs)))
    ws = [c.cotangent(run.values, least) for _ in range(max(c.directions, 2))]
    try:
        hs = [run.pull([w.copy() for w in pair]) for pair in ws]
    except NotDifferentiableError as refusal:
        c.report.notes.append(f"order 2, which is refused: {refusal}")
        return
    for name, h, x in zip(c.names, hs[0], xs, strict=True):
        if h.shape != x.shape:
            c.fail("shape", name, f"order 2: the gradient of {name} has shape {h.shape}")
            return
    second = Stage(
        2, c.names, xs, lambda at: fn.gradient(at, a, b), ws[: c.directions],
        c.tolerance, c.unit, c.rng, analytic=False,
        pull=c.puller(run.values, lambda at: fn.second(at, a, b)), least=least,
    )  # fmt: skip
    second.held = [a | b for a, b in zip(first.held, second.held, strict=True)]
    second.check(hs, c.elements)
    c.close(second, True)
    if c.failures:
        return
    if all(np.all(np.isfinite(h)) for pair in hs for h in pair):
        left, right = inner(hs[0], ws[1]), inner(hs[1], ws[0])
        size = math.sqrt(inner(hs[0], hs[0]) * inner(ws[1], ws[1]))
        size = max(size, math.sqrt(inner(hs[1], hs[1]) * inner(ws[0], ws[0])))
        allowed = 64.0 * math.sqrt(c.unit)
        sizes = [np.maximum(np.abs(g), least) for g in run.values]
        floor = sum(
            c.natural(ws[0], sizes, k) * float(np.linalg.norm(w)) for k, w in enumerate(ws[1])
        )
        error = abs(left - right) / max(size, 64.0 * c.unit * floor / allowed, 1e-300)
        if not error <= allowed:
            c.fail(
                "symmetric",
                "",
                f"the Hessian H is not symmetric: ⟨v, Hw⟩ is {left:.10g} and ⟨w, Hv⟩ is "
                f"{right:.10g}",
                got=left, expected=right, error=error, tolerance=allowed, order=2,
            )  # fmt: skip
            return
        c.report.add("Hessian is symmetric", "", error, allowed)
        if "forward" in c.modes:
            forward_over_reverse(c, a, b, ws[0], hs[0], sizes)


def forward_over_reverse(c: Check, a: Arrays, b: Arrays, w: Arrays, h: Arrays, gs: Arrays) -> None:
    vs = [np.asarray(c.rng.normal(size=x.shape) * (rms(x) or 1.0)).astype(x.dtype) for x in c.xs]
    try:
        pushed = c.fn.push_gradient([x.copy() for x in c.xs], a, b, vs)
    except NotDifferentiableError as refusal:
        c.report.notes.append(f"forward over reverse mode, which is refused: {refusal}")
        return
    if pushed is not None:
        what = "order 2: ⟨w, Hv⟩ = ⟨Hᵀw, v⟩, forward over reverse"
        adjoint(c, inner(w, pushed), h, vs, what, w, gs)
