"""Property tests in one line: a function of arrays, checked by `check_gradients` on drawn ones."""

from __future__ import annotations

import functools
import inspect
from collections import OrderedDict
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, TypeAlias

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ..settings import check_primitives
from ..tensor import Tensor
from ..tree import flatten
from . import check_gradients
from .strategies import broadcastable_shapes
from .strategies.values import OF_SHAPE
from .targets import ORDER

__all__ = ["given_tensors", "property_test"]

Function: TypeAlias = Callable[..., Any]
# A strategy, or a function that makes one, such as `arrays`.
Source: TypeAlias = "st.SearchStrategy[Any] | Callable[..., st.SearchStrategy[Any]]"

OPTIONS = tuple(
    name
    for name, parameter in inspect.signature(check_gradients).parameters.items()
    if parameter.kind is inspect.Parameter.KEYWORD_ONLY
)

# Those that are functions of the arguments.
BY_HAND = ("gradient", "vjp", "jvp", "hvp")

# By this Hypothesis tells that a test was decorated, since it may be only once.
_SETTINGS_APPLIED = "_hypothesis_internal_settings_applied"


def given_tensors(
    *strategies: Source, broadcasting: bool = False, order: int | None = None, **more: Any
) -> Callable[[Function], Function]:
    """Make a test of a function that returns what is to be differentiated.

    The test draws arguments, and `check_gradients` compares derivatives with finite differences
    there. When one is wrong, Hypothesis looks for the simplest arguments that show it, and prints
    them. The test runs under pytest or when called, takes ``self`` and fixtures (of a wider scope
    than a function's, as Hypothesis asks), and Hypothesis's ``@settings``, ``@seed`` and
    ``@example``.

    Args:
        strategies: for the last parameters of the function, as Hypothesis's ``given`` fills them,
            those left out that are named in ``more``: strategies, or functions that make them
            (``arrays``). What holds no floating number, an axis or an index say, is given to the
            function as it is.
        broadcasting: whether these operands get different shapes that broadcast together; those
            that have a shape already keep it.
        order: of the derivatives that are checked, 1 or 2; None is that of pytest's marker
            ``gradcheck(order=...)``, without one 2.
        more: strategies by the names of parameters, and options of `check_gradients`.

    Returns:
        A decorator; the function itself is the test's attribute ``function``.

    Raises:
        TypeError: a name is neither a parameter nor an option, or there are more strategies than
            parameters.

    >>> from autograd_core.testing import arrays, given_tensors, positive
    >>> @given_tensors(arrays, positive, broadcasting=True)
    ... def test_xlogy(x, y):
    ...     return x * np.log(y)
    >>> test_xlogy()
    """

    def decorate(function: Function) -> Function:
        if not function.__name__.isidentifier():  # Hypothesis wants a name, which a lambda lacks
            return property_test(
                function, *strategies, broadcasting=broadcasting, order=order, **more
            )
        first = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        names = [p.name for p in inspect.signature(function).parameters.values() if p.kind in first]
        return _test(function, function, names, strategies, broadcasting, order, more)

    return decorate


def property_test(
    f: Function,
    *strategies: Source,
    broadcasting: bool = False,
    order: int | None = None,
    **more: Any,
) -> Function:
    """Return a test of ``f``, as `given_tensors` makes it of the function that it decorates.

    ``f`` is anything that `check_gradients` takes: a function, a primitive, or a module, whose
    parameters are checked too.

    >>> from autograd_core.testing import arrays, property_test
    >>> test_tanh = property_test(np.tanh, arrays(dtype=float))
    >>> test_tanh()
    """
    if not callable(f):
        raise TypeError(f"property_test: the first argument is called; {f!r} cannot be")
    positional, others = _parameters(f, len(strategies))

    def called(*args: Any, **values: Any) -> Any:
        rest = positional[len(args) :]
        return f(*args, *(values.pop(name) for name in rest), **values)

    name = getattr(f, "__name__", type(f).__name__)
    name = name if name.isidentifier() else "function"  # a lambda's is not
    called.__name__ = called.__qualname__ = name if name.startswith("test") else f"test_{name}"
    called.__doc__ = getattr(f, "__doc__", None)
    called.__module__ = getattr(f, "__module__", None) or __name__
    called.__signature__ = _signature(  # type: ignore[attr-defined]
        [*positional, *(name for name in more if name in others)]
    )
    return _test(called, f, positional, strategies, broadcasting, order, more)


def _test(
    function: Function,
    subject: Function,
    positional: list[str],
    strategies: Sequence[Source],
    broadcasting: bool,
    order: int | None,
    more: dict[str, Any],
) -> Function:
    """Return the test of ``function``.

    ``subject`` does the same where it gets all arguments by position, in the order of the names in
    ``positional``. It is what `check_gradients` knows best: a module, or a function that the
    report can name.
    """
    caller = "given_tensors" if subject is function else "property_test"
    title = getattr(function, "__qualname__", repr(function))
    parameters = list(inspect.signature(function).parameters)
    unnamed = [name for name in parameters if name not in more]
    if len(strategies) > len(unnamed):
        raise TypeError(
            f"{caller}: {len(strategies)} strategies by position for {title}, whose arguments "
            f"without one by name are {', '.join(unnamed) or 'none'}"
        )
    sources = dict(zip(unnamed[len(unnamed) - len(strategies) :], strategies, strict=True))
    options = {}
    for name, value in more.items():
        if name in parameters:
            sources[name] = value
        elif name in OPTIONS:
            options[name] = value
        else:
            raise TypeError(
                f"{caller}: {name!r} is neither a parameter of {title} ({', '.join(parameters)}) "
                f"nor an option of check_gradients ({', '.join(OPTIONS)})"
            )
    if not sources:
        raise TypeError(f"{caller}: no strategy for any argument of {title}")
    drawn = [name for name in parameters if name in sources]
    ready = _strategies({name: sources[name] for name in drawn}, broadcasting, title, caller)

    signature = inspect.signature(function)

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True
        # What is not drawn is `self` and fixtures.
        bound = signature.bind(*args, **kwargs)
        values = {name: bound.arguments.pop(name) for name in drawn}
        _check(function, subject, positional, bound, values, order, options)

    test = _with_settings(given(**ready)(checked))
    test.function = subject  # type: ignore[attr-defined]
    return test


def _with_settings(test: Function) -> Function:
    """Settings for a test that has none: what fits a check that makes hundreds of calls.

    It has no deadline, and the lines of this package that only failing examples run explain
    nothing. A user's ``@settings`` above takes their place.
    """
    if not hasattr(test, _SETTINGS_APPLIED):
        phases = [phase for phase in settings().phases if phase is not Phase.explain]
        test = settings(deadline=None, phases=phases)(test)
        vars(test).pop(_SETTINGS_APPLIED, None)
    return test


def _check(
    function: Function,
    subject: Function,
    positional: list[str],
    bound: inspect.BoundArguments,
    values: dict[str, Any],
    order: int | None,
    options: dict[str, Any],
) -> None:
    """Check ``function`` at what was drawn; ``bound`` holds the other arguments."""
    __tracebackhide__ = True
    varied = {name: value for name, value in values.items() if _is_floating(value)}
    fixed = {name: value for name, value in values.items() if name not in varied}
    if not varied:
        raise TypeError(
            f"{function.__qualname__}: nothing to differentiate, for none of {', '.join(values)} "
            "is a floating array"
        )
    if order is None:
        order = ORDER.get() or 2
    with check_primitives(False):  # this check says more than a primitive's own
        if not (bound.arguments or fixed) and list(varied) == positional[: len(varied)]:
            check_gradients(subject, *varied.values(), order=order, **options)
            return

        @functools.wraps(function)
        def f(*xs: Any) -> Any:
            given_now = bound.arguments | fixed | dict(zip(varied, xs, strict=True))
            call = inspect.BoundArguments(bound.signature, OrderedDict(given_now))
            y = function(*call.args, **call.kwargs)
            if y is None:
                raise TypeError(
                    f"{function.__qualname__} returned None: a property test returns what is to "
                    "be differentiated"
                )
            return y

        f.__signature__ = _signature(list(varied))  # type: ignore[attr-defined]
        chosen: dict[str, Any] = {
            name: _of_varied(option, values, list(varied)) if name in BY_HAND else option
            for name, option in options.items()
        }
        parameters = getattr(subject, "named_parameters", None)
        if callable(parameters):
            chosen.setdefault("wrt", dict(parameters()))
        check_gradients(f, *varied.values(), order=order, **chosen)


def _of_varied(by_hand: Function, values: dict[str, Any], varied: list[str]) -> Function:
    """Return a hand-written derivative, which takes all that was drawn, for what is varied."""

    def derivative(*args: Any) -> Any:
        first = len(args) - len(varied)  # a cotangent or tangent comes before
        now = values | dict(zip(varied, args[first:], strict=True))
        return by_hand(*args[:first], *now.values())

    return derivative


def _is_floating(value: Any) -> bool:
    """Whether there are numbers to differentiate with respect to, anywhere in ``value``."""
    return any(
        isinstance(leaf, float | complex)
        or (isinstance(leaf, np.ndarray | np.generic | Tensor) and leaf.dtype.kind in "fc")
        for leaf in flatten(value)[0]
    )


def _strategies(
    sources: dict[str, Any], broadcasting: bool, title: str, caller: str
) -> dict[str, st.SearchStrategy[Any]]:
    """Return a strategy for each argument; with ``broadcasting``, shapes drawn together."""
    open_ones = [
        name
        for name, source in sources.items()
        if not isinstance(source, st.SearchStrategy) or hasattr(source, OF_SHAPE)
    ]
    together = None
    if broadcasting:
        if len(open_ones) < 2:
            raise TypeError(
                f"{caller}: broadcasting=True gives shapes to operands of {title} that have none; "
                "pass two or more of arrays, positive(), ... without a shape"
            )
        together = st.shared(broadcastable_shapes(len(open_ones)), key=f"{title} {id(sources)}")
    ready = {}
    for name, source in sources.items():
        if not isinstance(source, st.SearchStrategy) and not callable(source):
            raise TypeError(
                f"{caller}: for {name} of {title}, pass a strategy such as arrays(shape=(3,)), "
                f"not {source!r}"
            )
        if together is not None and name in open_ones:
            shape = together.map(itemgetter(open_ones.index(name)))
            make = getattr(source, OF_SHAPE, source)
            ready[name] = make(shape)
        else:
            ready[name] = source if isinstance(source, st.SearchStrategy) else source()
    return ready


def _parameters(f: Function, number: int) -> tuple[list[str], list[str]]:
    """Name the first arguments of ``f``, x0, x1, ... where it names none, and list the others."""
    if hasattr(f, "named_parameters") and hasattr(f, "forward"):
        f = f.forward
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    first = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [p.name for p in parameters if p.kind in first][:number]
    names += [f"x{i}" for i in range(len(names), number)]
    return names, [p.name for p in parameters if p.name not in names]


def _signature(names: list[str]) -> inspect.Signature:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature([inspect.Parameter(name, kind) for name in names])
