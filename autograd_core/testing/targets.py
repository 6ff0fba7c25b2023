"""What there is to check in a module of a user's: primitives, modules, functions, with samples."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np

from ..primitives import Primitive
from ..settings import check_primitives
from ..tree import flatten
from . import check_gradients

__all__ = [
    "ORDER",
    "Call",
    "Skipped",
    "Target",
    "find_targets",
    "gradcheck",
    "modules_of",
    "place_of",
    "shown",
]

#: The order of derivatives that pytest's marker asks of the test that runs.
ORDER: ContextVar[int | None] = ContextVar("ORDER", default=None)

#: Arguments, or a function that draws them with the generator it gets.
Sample: TypeAlias = "tuple[Any, ...] | Callable[[np.random.Generator], Any]"
F = TypeVar("F", bound=Callable[..., Any])

MARK = "__gradcheck__"
NO_SAMPLE = (
    "no sample: add it to gradcheck_samples = {{{key}: lambda rng: {what}}} in its module{or_else}"
)


class Skipped(Exception):
    """A target that cannot be checked; the message says why and what to do."""


def gradcheck(*, sample: Sample, order: int | None = None, **options: Any) -> Callable[[F], F]:
    """Mark a function to be checked by ``pytest --gradcheck`` of its module; it stays as it is.

    Args:
        sample: arguments, a tuple; or a function that gets a generator of random numbers and
            returns them.
        order: of the derivatives that are checked; None is the command line's.
        options: of `check_gradients`.

    >>> @gradcheck(sample=lambda rng: (rng.normal(size=3),))
    ... def softplus(x):
    ...     return np.logaddexp(0.0, x)
    """
    if not isinstance(sample, tuple) and not callable(sample):
        raise TypeError(
            "gradcheck: sample is a tuple of arguments, or a function of a random generator that "
            f"returns one, not {sample!r}"
        )
    if order not in (None, 1, 2):
        raise ValueError(f"gradcheck: order must be 1 or 2, not {order}")

    parameters = inspect.signature(check_gradients).parameters.values()
    unknown = sorted(set(options) - {p.name for p in parameters if p.kind is p.KEYWORD_ONLY})
    if unknown:
        raise TypeError(f"gradcheck: no option of check_gradients: {', '.join(unknown)}")

    def mark(function: F) -> F:
        setattr(function, MARK, (sample, order, options))
        return function

    return mark


class Call(NamedTuple):
    """What to check, and where."""

    subject: Any
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]


@dataclass(frozen=True)
class Target:
    """Something in a module to check: a primitive, a module of parameters, or a function."""

    module: str
    name: str
    kind: str
    subject: Any
    sample: Sample | None
    order: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def chosen_order(self, order: int) -> int:
        """The order to check: what the target says, else what is asked, and has."""
        if self.order is None and isinstance(self.subject, Primitive):
            return 1 if self.subject._declared.arrays or self._forward_only else order
        return order if self.order is None else self.order

    @property
    def _forward_only(self) -> bool:
        """Whether it is a primitive that has a rule for tangents alone."""
        declared = getattr(self.subject, "_declared", None)
        return declared is not None and bool(declared.without_rule and declared.tangent)

    def draw(self, seed: int) -> Call:
        """Return what to call and with what; raise `Skipped` where nothing says with what."""
        rng = np.random.default_rng(seed)
        keywords: dict[str, Any] = {}
        if self.sample is None:
            drawn = None
            if isinstance(self.subject, Primitive):
                if not self.subject._check:
                    raise Skipped(
                        "declared with check=False: its derivative is meant to be another"
                    )
                drawn = self.subject.samples(rng)
            if drawn is None:
                raise Skipped(self._remedy())
            drawn, keywords = drawn
        else:
            drawn = self._drawn(self.sample, rng)
        arguments = tuple(drawn) if isinstance(drawn, tuple | list) else (drawn,)
        subject = self.subject
        if inspect.isclass(subject):
            if not arguments or not isinstance(arguments[0], subject):
                raise TypeError(
                    f"the sample of the class {self.name} must be (instance, *inputs); it begins "
                    f"with {type(arguments[0]).__name__ if arguments else 'nothing'}"
                )
            subject, *rest = arguments
            arguments = tuple(rest)
        return Call(subject, arguments, dict(keywords))

    def _drawn(self, sample: Sample, rng: np.random.Generator) -> Any:
        if not callable(sample):
            return sample
        try:
            inspect.signature(sample).bind(rng)
        except TypeError as error:
            raise TypeError(
                f"the sample of {self.name} is called with a random generator: {error}"
            ) from None
        return sample(rng)

    def check(self, call: Call, order: int, seed: int) -> Any:
        """Check it there; what is wrong is raised as `check_gradients` does."""
        f, arguments = call.subject, call.arguments
        options = {"seed": seed, **self.options}
        if call.keywords:
            options["kwargs"] = call.keywords
        if self._forward_only:
            options.setdefault("modes", ("forward",))
        if isinstance(f, Primitive):
            f, arguments = _without_constants(f, arguments)
        with check_primitives(False):  # this check says more than a primitive's own
            return check_gradients(f, *arguments, order=order, **options)

    def _remedy(self) -> str:
        name = self.name.split(".")[-1]
        if self.kind == "primitive":
            return NO_SAMPLE.format(
                key=name, what="(arrays...)", or_else=", or declare it with primitive(sample=...)"
            )
        if inspect.isclass(self.subject):
            return NO_SAMPLE.format(
                key=name,
                what=f"({name}(...), inputs...)",
                or_else=", or give it a classmethod gradcheck_sample(rng) that returns the same",
            )
        return NO_SAMPLE.format(key=repr(name), what="(inputs...)", or_else="")


def place_of(target: Target) -> tuple[str, int]:
    """The file that defines a target, and the line there, counted from 0."""
    module = importlib.import_module(target.module)
    try:
        if inspect.unwrap(target.subject).__module__ == target.module:
            return module.__file__ or "", inspect.getsourcelines(inspect.unwrap(target.subject))[
                1
            ] - 1
    except (AttributeError, OSError, TypeError, ValueError):
        pass  # an instance has no line of its own
    return module.__file__ or "", 0


def _without_constants(
    f: Primitive, arguments: tuple[Any, ...]
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Return a primitive as a function of the operands that a gradient goes to, and those."""
    rules = f.op.rules
    moving = [i for i, rule in enumerate(rules) if rule is not None]
    if len(moving) == len(rules):
        return f, arguments
    parameters = list(inspect.signature(f).parameters.values())

    @functools.wraps(f, updated=())
    def of_moving(*xs: Any, **params: Any) -> Any:
        given = list(arguments)
        for i, x in zip(moving, xs, strict=True):
            given[i] = x
        return f(*given, **params)

    rest = [p for p in parameters[len(rules) :] if p.kind is p.KEYWORD_ONLY]
    of_moving.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [*(parameters[i] for i in moving), *rest]
    )
    return of_moving, tuple(arguments[i] for i in moving)


def shown(arguments: tuple[Any, ...]) -> str:
    """Describe arguments by their shapes, and their dtypes where those are not float64."""
    parts = []
    for x in flatten(list(arguments))[0]:
        if hasattr(x, "shape") and hasattr(x, "dtype"):
            kind = "" if x.dtype == np.float64 else f" {x.dtype}"
            parts.append(f"{tuple(x.shape)}{kind}")
        else:
            parts.append(repr(x) if len(repr(x)) <= 20 else type(x).__name__)
    return ", ".join(parts)


def modules_of(name: str) -> list[ModuleType]:
    """Import a module by its dotted name, and if it is a package all that is below it."""
    # A primitive whose rule is wrong is refused where it is declared, but is to be reported here.
    with check_primitives(False):
        package = importlib.import_module(name)
        below = pkgutil.walk_packages(getattr(package, "__path__", []), prefix=f"{name}.")
        names = [found.name for found in below if not found.name.endswith(".__main__")]
        return [package, *map(importlib.import_module, names)]


def find_targets(modules: list[ModuleType]) -> list[Target]:
    """List what is to be checked in modules: what is defined there, each once.

    A primitive, class or function that is only imported belongs where it was made. An instance
    does not say where that was, and counts where it is found first.
    """
    found: list[Target] = []
    seen: set[int] = set()
    for module in modules:
        for target in _in_module(module):
            if id(target.subject) not in seen:
                seen.add(id(target.subject))
                found.append(target)
    return found


def _in_module(module: ModuleType) -> Iterator[Target]:
    samples = _samples(module)
    used: set[Any] = set()
    for name, held in list(vars(module).items()):
        if isinstance(held, ModuleType) or name == "gradcheck_samples":
            continue
        own = _attribute(held, "__module__", module.__name__) == module.__name__
        key = next((k for k in samples if k is held or _is_name(k, name)), None)
        if key is not None:
            used.add(key)
        sample = samples.get(key) if key is not None else None
        marked = _attribute(held, MARK, None)
        if isinstance(held, Primitive):
            if own or key is not None:
                yield _target(module, name, "primitive", held, sample)
        elif inspect.isclass(held):
            if _is_module(held) and not inspect.isabstract(held) and (own or key is not None):
                yield _target(
                    module, name, "module", held, sample or getattr(held, "gradcheck_sample", None)
                )
        elif _is_module(type(held)):
            yield _target(module, name, "module", held, sample)
        elif callable(held) and (key is not None or (marked is not None and own)):
            if key is not None or marked is None:
                yield _target(module, name, "function", held, sample)
            else:
                yield _target(module, name, "function", held, marked[0])
    unknown = [key for key in samples if key not in used]
    if unknown:
        raise ValueError(
            f"gradcheck_samples of {module.__name__} names {', '.join(map(repr, unknown))}, which "
            "the module does not hold"
        )


def _attribute(held: Any, name: str, otherwise: Any) -> Any:
    """An attribute of what a module holds; it may be a proxy that fails when it is looked at."""
    try:
        return getattr(held, name, otherwise)
    except Exception:
        return otherwise


def _is_name(key: Any, name: str) -> bool:
    return isinstance(key, str) and key == name


def _target(module: ModuleType, name: str, kind: str, held: Any, sample: Any) -> Target:
    _, order, options = getattr(held, MARK, (None, None, {}))
    for mark in getattr(held, "pytestmark", []):
        if mark.name == "gradcheck" and order is None:
            order = mark.kwargs.get("order")
    return Target(module.__name__, name, kind, held, sample, order, options)


def _is_module(kind: type) -> bool:
    """Whether objects of a class are modules: they are called, and name their parameters."""
    return callable(getattr(kind, "named_parameters", None)) and hasattr(kind, "__call__")  # noqa: B004


def _samples(module: ModuleType) -> Mapping[Any, Any]:
    samples = getattr(module, "gradcheck_samples", {})
    if not isinstance(samples, Mapping):
        raise TypeError(
            f"gradcheck_samples of {module.__name__} maps classes and functions, or their names, "
            f"to samples; it is {type(samples).__name__}"
        )
    for key, sample in samples.items():
        if not isinstance(sample, tuple) and not callable(sample):
            raise TypeError(
                f"gradcheck_samples[{key!r}] of {module.__name__} is a tuple of arguments, or a "
                f"function of a random generator that returns one, not {sample!r}"
            )
    return samples
