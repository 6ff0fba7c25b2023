"""Check everything that can be checked about the derivatives of a function at a point."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..tensor import Tensor
from .arguments import Arguments
from .foreign import Foreign
from .functions import Differentiable, EngineFunction, HandWritten
from .promises import Check
from .report import GradientCheckError, Report
from .reproduce import snippet
from .single import in_single_precision

__all__ = ["check_gradients"]

MODES = ("reverse", "forward")


def check_gradients(
    f: Callable[..., Any],
    *args: Any,
    wrt: Mapping[str, Tensor] | None = None,
    order: int = 2,
    modes: Sequence[str] = MODES,
    gradient: Callable[..., Any] | None = None,
    vjp: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
    hvp: Callable[..., Any] | None = None,
    tolerance: float = 1e-6,
    directions: int = 2,
    elements: int = 16,
    float32: bool = True,
    seed: int = 0,
    kwargs: Mapping[str, Any] | None = None,
) -> Report:
    """Check the derivatives of ``f`` at ``args`` against differences, and all that they promise.

    Along random directions, with random cotangents, and element by element: the gradient, the
    gradient of the gradient, forward mode. And that a recorded call gives the same value, dtype
    and shape as a plain one; that nothing handed in is written to; that the pull-back is linear;
    that ⟨u, Jv⟩ = ⟨Jᵀu, v⟩; that the Hessian is symmetric; that a second call at another point,
    and again at the first, is right. Steps are chosen by Richardson extrapolation and what they
    cannot tell is allowed for; where ``f`` takes complex numbers, complex steps are taken.

    Where ``f`` has a kink the gradient must lie between the slopes on both sides.

    Args:
        f: a function of arrays that returns a number, an array, or a structure of them; or a
            module, whose parameters are checked too; or `torch_function` or `jax_function` of one.
        args: arrays, or nested dicts, lists and tuples of arrays. Floating and complex ones are
            varied, in double precision; all else is passed on as it is.
        wrt: leaves by name that ``f`` reads besides, as in ``dict(model.named_parameters())``;
            their values are varied and put back. One under two names goes by the first.
        order: 2 checks the gradient of the gradient too.
        modes: which of "reverse" and "forward" to check.
        gradient: for an ``f`` in plain NumPy that returns one number, a hand-written gradient:
            ``gradient(*args)`` gives one array for each floating argument.
        vjp: the same for any ``f``, given the gradient at the value: ``vjp(g, *args)``.
        jvp: a hand-written derivative along a tangent: ``jvp(v, *args)``, where ``v`` is a tuple
            if several arguments are floating.
        hvp: with ``gradient``, the Hessian times a vector: ``hvp(v, *args)``.
        tolerance: how large an error may be, relative to the size of the gradient.
        directions: how many random directions each array is moved along, with as many cotangents.
        elements: how many elements of each array are looked at one by one, drawn at random.
        float32: check at single precision too that dtypes are kept.
        seed: of all that is random, the engine's generator within ``f`` included.
        kwargs: of ``f``.

    Returns:
        A `Report` of what was checked, a mapping from names to errors; printed it is a table.

    Raises:
        GradientCheckError: says which argument and element is wrong, both numbers, what kind of
            fault it looks like, and how to see it again.

    >>> import numpy as np
    >>> report = check_gradients(lambda x, y: np.tanh(x) * y, np.ones(3), np.arange(3.0))
    >>> list(report), max(report.values()) < 1e-7
    (['x', 'y', 'x, order 2', 'y, order 2'], True)
    >>> check_gradients(np.cos, np.array([1.0, 2.0]), vjp=lambda g, x: g * np.sin(x))
    Traceback (most recent call last):
        ...
    autograd_core.testing.report.GradientCheckError: the gradient of x is wrong: at element ...
    """
    __tracebackhide__ = True  # pytest shows the line of the test instead
    given = dict(
        wrt=wrt, order=order, modes=modes, tolerance=tolerance, directions=directions,
        elements=elements,
    )  # fmt: skip
    _refuse(f, **given)
    leaves, is_module = _leaves(f, wrt)
    arguments = Arguments(f.f if isinstance(f, Foreign) else f, args, kwargs, leaves)
    if not arguments.operands:
        raise ValueError(
            "check_gradients: nothing to vary; pass floating or complex arrays (1.0 for 1), or "
            "leaves as wrt"
        )
    by_hand = {"gradient": gradient, "vjp": vjp, "jvp": jvp, "hvp": hvp}
    functions = {k: v for k, v in by_hand.items() if v is not None}
    _refuse_together(functions, leaves)
    with warnings.catch_warnings():
        # Differences step out of domains, and complex steps drop imaginary parts, on purpose.
        warnings.simplefilter("ignore")
        fn: Differentiable
        if functions:
            fn = HandWritten(f, arguments, **functions)
        elif isinstance(f, Foreign):
            fn = f.bind(arguments)
        else:
            fn = EngineFunction(f, arguments, leaves, seed)
        check = Check(fn, arguments, order, tuple(modes), tolerance, max(directions, 1), seed)
        check.elements = elements
        check.run()
        if float32 and not check.failures:
            in_single_precision(
                check,
                lambda single: (
                    (
                        HandWritten(f, single, **functions)
                        if functions
                        else EngineFunction(f, single, None, seed)
                    )
                    if not isinstance(f, Foreign) and leaves is None
                    else None
                ),
            )
    if check.failures:
        options: dict[str, Any] = {
            k: v
            for k, v, default in (
                ("order", order, 2), ("modes", tuple(modes), MODES), ("tolerance", tolerance, 1e-6),
                ("directions", directions, 2), ("elements", elements, 16),
                ("float32", float32, True), ("seed", seed, 0),
            )
            if v != default
        }  # fmt: skip
        if kwargs:
            options["kwargs"] = dict(kwargs)
        own = leaves if not isinstance(f, Foreign) else None
        text = snippet(f, args, functions, options, own, is_module)
        raise GradientCheckError.of(check.failures, check.report, text)
    return check.report


def _refuse(
    f: Any, wrt: Any, order: Any, modes: Any, tolerance: Any, directions: Any, elements: Any
) -> None:
    """Refuse options that mean nothing."""
    if not callable(f):
        raise TypeError(f"check_gradients: a function is needed first, not {type(f).__name__}")
    if order not in (1, 2):
        raise ValueError(f"check_gradients: order must be 1 or 2, not {order}")
    if isinstance(modes, str) or not modes or not set(modes) <= set(MODES):
        raise ValueError(
            f"check_gradients: modes lists 'reverse' and 'forward', or one of them, not {modes!r}"
        )
    for name, count in (("elements", elements), ("directions", directions)):
        if count < 1:
            raise ValueError(f"check_gradients: {name} must be at least 1, not {count}")
    if not tolerance > 0:
        raise ValueError(f"check_gradients: tolerance must be positive, not {tolerance}")
    if wrt is not None and not isinstance(wrt, Mapping):
        raise TypeError("check_gradients: wrt maps names to leaves: {'w': w}")


def _refuse_together(functions: Mapping[str, Any], leaves: Any) -> None:
    """Refuse hand-written derivatives of which one would not be looked at."""
    if "gradient" in functions and "vjp" in functions:
        raise ValueError("check_gradients: gradient= and vjp= are of the same; give one of them")
    if "hvp" in functions and "gradient" not in functions:
        raise ValueError("check_gradients: hvp= goes with gradient=, whose derivative it is")
    if functions and leaves:
        raise ValueError(
            f"check_gradients: {next(iter(functions))}= is for a function of its arguments alone; "
            f"it cannot say what the gradient of {next(iter(leaves))} is"
        )


def _leaves(f: Any, wrt: Mapping[str, Tensor] | None) -> tuple[dict[str, Any] | None, bool]:
    """The leaves that are varied besides the arguments, and whether they are a module's own."""
    if isinstance(f, Foreign):
        if wrt is not None:
            raise ValueError(
                "check_gradients: wrt is for leaves of this library; of a torch.nn.Module all "
                "parameters are checked, and other arrays can be passed as arguments"
            )
        return f.leaves() or None, False
    if wrt is None and hasattr(f, "named_parameters"):
        return dict(f.named_parameters()) or None, True
    for name, t in (wrt or {}).items():
        if type(t) is not Tensor or t._node is None or t._node.op is not None:
            raise TypeError(
                f"check_gradients: wrt[{name!r}] is no leaf that requires a gradient; make it with "
                "Tensor(..., requires_grad=True)"
            )
    # A leaf under two names is one, as in a module.
    once = {id(t): name for name, t in reversed(list((wrt or {}).items()))}
    return {name: t for name, t in (wrt or {}).items() if once[id(t)] == name} or None, False
