"""What there is to draw: the nodes behind a target, names, values, and a walk back under watch."""

from __future__ import annotations

import contextlib
import copy
import inspect
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

import autograd_core as ag
from autograd_core import GradientError, ReleasedError, Tensor
from autograd_core.graph import Node

from .build import Known
from .modules import buffers, is_module, leaves, parts
from .restore import unchanged
from .symbolic import BATCHES

__all__ = [
    "Target",
    "name_all",
    "name_calls",
    "of_function",
    "of_shape",
    "of_tensors",
    "roots_of",
]


class Target(NamedTuple):
    """What `build` takes."""

    roots: list[Node]
    known: Known


# --- the three kinds of targets -----------------------------------------------------------------


def of_tensors(tensors: Sequence[Any], names: Any, grad_output: Any) -> Target:
    """What was recorded for some tensors; gradients are computed for the picture."""
    known = Known()
    name_all(known, names, over=True)
    roots = roots_of(tensors)
    for t in tensors:
        known.values[t._node] = t._value
    with ag.inspect("ignore") as known.seen:
        _differentiate(tensors, grad_output, known)
    return Target(roots, known)


def of_function(f: Callable[..., Any], args: tuple[Any, ...], names: Any, grad: Any) -> Target:
    """Run ``f`` under inspection, and leave what it changes as it was."""
    known = Known()
    name_all(known, names, over=True)
    words = _parameter_names(f, len(args))
    with unchanged((f, args, names, _outside(f))):
        if is_module(f):
            args = tuple(map(_as_array, args))
        tracked = [_track(arg, word, known) for arg, word in zip(args, words, strict=True)]
        with ag.inspect("record") as known.seen, ag.keep_values() as kept:
            _name_outside(known, f)  # a buffer may have another value after the run
            outputs = _outputs(f(*tracked))
            _name_outside(known, f)
            name_calls(known)
            for constant, (_, name) in kept.constants.items():
                if name is not None:
                    known.names.setdefault(constant, name)
            roots = roots_of(outputs)
            _differentiate(outputs, grad, known)
    return Target(roots, known)


def of_shape(module: Any, input_shape: Any, dtype: Any, names: Any) -> list[Target]:
    """Run copies of a module on zeros, with each number of examples in turn."""
    if not is_module(module):
        raise TypeError(
            f"input_shape= draws a module before it has seen data, not a {type(module).__name__}"
        )
    shape = _checked(input_shape)
    if dtype is None:
        floating = [p.dtype for _, p in module.named_parameters() if p.dtype.kind == "f"]
        dtype = floating[0] if floating else ag.get_default_dtype()
    targets = []
    for n in BATCHES:
        try:
            copied = copy.deepcopy(module)
        except Exception as error:
            error.add_note(
                f"flow_graph(module, input_shape=...) runs a copy, and {type(module).__name__} "
                "cannot be copied"
            )
            raise
        if hasattr(copied, "eval"):
            copied.eval()
        known = Known(summary=True)
        if names is not None and not is_module(names) and isinstance(names, Mapping):
            names = {key: copied if held is module else held for key, held in names.items()}
        if names is None:
            _note(known, _called(copied), over=True)
        name_all(known, copied if names is None or names is module else names, over=True)
        zeros = np.zeros((n, *shape), dtype)
        word = _parameter_names(copied, 1)[0]
        with unchanged((copied,)), ag.inspect("ignore") as known.seen:
            try:
                if zeros.dtype.kind == "f":
                    argument: Any = _track(zeros, word, known)
                else:
                    argument = zeros
                    known.inputs.add(id(zeros))
                    known.names[id(zeros)] = word
                outputs = _outputs(copied(argument))
            except Exception as error:
                error.add_note(
                    f"in the drawing of {type(module).__name__}, run on {np.dtype(dtype)} zeros of "
                    f"shape {zeros.shape}: input_shape is that of one example, without the batch "
                    "axis; input_dtype=int is for a model that takes indices"
                )
                raise
        targets.append(Target(roots_of(outputs), known))
    return targets


def _checked(input_shape: Any) -> tuple[int, ...]:
    shape = (input_shape,) if isinstance(input_shape, int | np.integer) else input_shape
    if not isinstance(shape, tuple | list) or not all(
        isinstance(n, int | np.integer) and not isinstance(n, bool) and n >= 0 for n in shape
    ):
        raise ValueError(
            "flow_graph: input_shape is that of one example, for instance (64,) for 64 features, "
            f"not {input_shape!r}"
        )
    return tuple(int(n) for n in shape)


def _outputs(result: Any) -> list[Tensor]:
    """The tensors that a function returned, alone or in tuples, lists and dicts."""
    found: list[Tensor] = []

    def collect(part: Any) -> None:
        if isinstance(part, Tensor):
            found.append(part)
        elif isinstance(part, Mapping):
            for held in part.values():
                collect(held)
        elif isinstance(part, tuple | list):
            for held in part:
                collect(held)

    collect(result)
    if not found:
        raise TypeError(
            "flow_graph draws a function that returns a Tensor, or several; this one returned "
            f"{'nothing' if result is None else _a(result)}. Its floating arguments are tracked: "
            "compute what it returns from them, or from a leaf with requires_grad=True"
        )
    tracked = [t for t in found if t._node is not None]
    return tracked or found


def roots_of(tensors: Sequence[Any]) -> list[Node]:
    if not tensors:
        raise ValueError("flow_graph: the list of tensors is empty; give at least one")
    for t in tensors:
        if not isinstance(t, Tensor):
            raise TypeError(f"flow_graph draws a list of Tensors; this one holds {_a(t)}")
        if t._node is None:
            raise ValueError(
                "flow_graph: nothing was recorded for this tensor, since it depends on no leaf "
                "with requires_grad=True, or was computed within no_grad() or detached. Make a "
                "leaf with Tensor(..., requires_grad=True), or call flow_graph(f, *args) with "
                "floating arrays."
            )
    return list(dict.fromkeys(t._node for t in tensors))


def _a(x: Any) -> str:
    name = type(x).__name__
    return f"{'an' if name[0] in 'aeioAEIO' else 'a'} {name}"


def _differentiate(tensors: Sequence[Any], grad_output: Any, known: Known) -> None:
    """Walk back for the picture, and note the walk, or why there is none."""
    given = [grad_output] if len(tensors) == 1 else grad_output
    if given is None:
        given = [None] * len(tensors)
    if not isinstance(given, tuple | list) or len(given) != len(tensors):
        raise ValueError(
            f"flow_graph: grad_output must be a list of {len(tensors)} arrays, one for each output"
        )
    if any(g is None and t.size != 1 for g, t in zip(given, tensors, strict=True)):
        known.no_gradient = "not computed: it is no single number; pass grad_output="
        return
    roots: dict[Node, Any] = {}
    for t, g in zip(tensors, given, strict=True):
        seed = t._seed(g)
        roots[t._node] = roots[t._node] + seed if t._node in roots else seed
    walk_back(roots, known)


def walk_back(roots: dict[Node, Any], known: Known) -> None:
    """Let the engine walk back from ``roots``, told to who inspects here."""
    before = len(known.seen.walks)
    try:
        ag.node_gradients(roots, tell=True)
    except ReleasedError:
        if all(root.operands is not None for root in roots if root.op is not None):
            # What is in `.grad` then is another output's gradient.
            known.no_gradient = "not computed: backward() of another output released a part"
            return
        known.released = True
        known.no_gradient = "what backward() left in .grad; it released the rest"
    except (GradientError, ValueError, ArithmeticError) as error:
        # A drawing is also for finding out what is wrong.
        known.no_gradient = f"not computed: {error}"
    else:
        known.walk = known.seen.walks[before]


# --- names --------------------------------------------------------------------------------------


def _track(arg: Any, name: str, known: Known) -> Any:
    """Make tensors that require a gradient of floating arguments; others stay as they are."""
    if isinstance(arg, Mapping):
        return {key: _track(value, f"{name}.{key}", known) for key, value in arg.items()}
    if type(arg) in (list, tuple):
        _note(known, [(name, list(arg))])
        return type(arg)(_track(value, f"{name}[{i}]", known) for i, value in enumerate(arg))
    value = arg._value if isinstance(arg, Tensor) else arg
    tracked = isinstance(arg, Tensor) and arg._node is not None
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if isinstance(value, float | complex) or kind in ("f", "c"):
        if not tracked:
            name = (arg.name if isinstance(arg, Tensor) else None) or name
            arg = ag.asarray(value).requires_grad_()
            known.inputs.add(id(arg._node))
    elif isinstance(arg, Tensor):
        known.inputs.add(id(value))
    _note(known, [(name, arg)])
    return arg


def _as_array(arg: Any) -> Any:
    """Rows of floats as the array that a module makes of them; anything else as it is."""
    if type(arg) not in (list, tuple):
        return arg
    parts = list(arg)
    while parts and all(type(part) in (list, tuple) for part in parts):
        parts = [x for part in parts for x in part]
    plain = all(type(x) in (int, float) for x in parts) and any(type(x) is float for x in parts)
    return np.asarray(arg) if plain else arg


def _parameter_names(f: Callable[..., Any], count: int) -> list[str]:
    """The names that ``f`` gives its positional arguments."""
    try:
        parameters = inspect.signature(getattr(f, "forward", f)).parameters.values()
    except (TypeError, ValueError):  # Some callables written in C tell no signature.
        parameters = {}.values()
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return (names + [f"argument {i + 1}" for i in range(len(names), count)])[:count]


def _outside(f: Any) -> dict[str, Any]:
    """The variables that a function reads from outside."""
    f = inspect.unwrap(f) if callable(f) else f
    owner = {"self": f.__self__} if inspect.ismethod(f) and is_module(f.__self__) else {}
    function = f.__func__ if inspect.ismethod(f) else f
    if inspect.isfunction(function):
        with contextlib.suppress(ValueError):  # A variable may have no value yet.
            outside = inspect.getclosurevars(function)
            return {**outside.globals, **outside.nonlocals, **owner}
    return owner


def name_all(known: Known, names: Any, over: bool = False) -> None:
    """Note the names in a mapping such as ``locals()``, or in a module (``over``: above others)."""
    _note(known, _named(names), over)
    for path, module in _modules(names):
        if path[:1] != "_":  # as notebooks call past results
            for inner, part in parts(module, path):
                known.parts.setdefault(id(part), inner)
        for ids, held in (
            (known.frozen, module.named_parameters()),
            (known.buffers, buffers(module)),
        ):
            untracked = (t for _, t in held if isinstance(t, Tensor) and t._node is None)
            ids.update(id(t._value) for t in untracked)


def _name_outside(known: Known, f: Any) -> None:
    """Note what a function reads from outside: a module's parameters, a closure's variables."""
    outside = {"": f} if is_module(f) else _outside(f)
    for path, module in outside.items():
        if is_module(module):
            _note(known, _called(module, path), over=True)
    name_all(known, f if is_module(f) else outside)


def name_calls(known: Known) -> None:
    """Note what the modules hold that were called: by own names if unique there, else by paths."""
    for call in known.seen.calls:
        if call.inside is None and is_module(call.part):
            _note(known, _called(call.part), over=True)
            name_all(known, call.part)


def _named(names: Any) -> Iterator[tuple[str, Any]]:
    """Yield names and what they name; what lies in modules, lists and dicts by its path."""
    if names is None:
        return
    if is_module(names):
        yield from leaves(names)
    elif isinstance(names, Mapping):
        # Notebooks call past results _, __ and _3.
        public = [(str(key), held) for key, held in names.items() if str(key)[:1] != "_"]
        # What has a name of its own takes that before the path to it in something else.
        yield from public
        for key, held in public:
            yield from _inside(key, held)
    else:
        raise TypeError(
            "names must be a mapping from names to tensors, such as locals(), or a module, not a "
            f"{type(names).__name__}"
        )


def _inside(path: str, held: Any) -> Iterator[tuple[str, Any]]:
    if is_module(held):
        yield from ((f"{path}.{name}", leaf) for name, leaf in leaves(held))
        return
    if isinstance(held, Mapping):
        named = [(f"{path}[{key!r}]", part) for key, part in held.items()]
    elif isinstance(held, list | tuple):
        named = [(f"{path}[{i}]", part) for i, part in enumerate(held)]
    else:
        return
    # One level deep: whole data sets lie in the variables of a notebook.
    for name, part in named:
        if isinstance(part, Tensor):
            yield name, part
        elif is_module(part):
            yield from ((f"{name}.{inner}", leaf) for inner, leaf in leaves(part))


def _called(module: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a module by their own names where these are unique, else by their paths."""
    held = leaves(module)
    count = Counter(getattr(leaf, "name", None) for _, leaf in held)
    for path, leaf in held:
        own = getattr(leaf, "name", None)
        generic = not own or count[own] > 1 or own == path.rpartition(".")[2]
        yield (".".join(p for p in (name, path) if p) if generic else str(own)), leaf


def _modules(names: Any) -> Iterator[tuple[str, Any]]:
    """Yield what is a module, or what a mapping names that is, alone or in lists, with its path."""
    if is_module(names):
        yield "", names
    elif isinstance(names, Mapping):
        for key, held in names.items():
            if is_module(held):
                yield str(key), held
            elif isinstance(held, list | tuple):
                yield from ((f"{key}[{i}]", x) for i, x in enumerate(held) if is_module(x))


def _note(known: Known, named: Any, over: bool = False) -> None:
    """Note names and values of tensors and arrays, unless they have one (``over``: even then)."""
    for name, held in named:
        if isinstance(held, Tensor):
            given = name if over else held.name or name
            if held._node is not None:
                known.names.setdefault(id(held._node), given)
                known.values.setdefault(held._node, held._value)
            else:
                known.names.setdefault(id(held._value), given)
                _note_integers(known, given, held._value)
        elif getattr(held, "ndim", 0) and hasattr(held, "dtype"):
            known.names.setdefault(id(held), name)
            _note_integers(known, name, held)
        elif type(held) is list:
            _note_integers(known, name, held)


def _note_integers(known: Known, name: str, held: Any) -> None:
    """Note an array, a list or a column of integers by what is in it."""
    if type(held) is list:
        if not held or not all(type(x) is int for x in held):
            return
        try:
            held = np.array(held, np.int64)
        except OverflowError:
            return
    elif hasattr(held, "to_numpy"):
        held = held.to_numpy()
    if isinstance(held, np.ndarray) and held.ndim and held.dtype.kind in "iub":
        known.integers.append((name, held))
