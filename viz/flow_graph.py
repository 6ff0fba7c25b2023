"""`flow_graph`: from a tensor, or a function and its arguments, to a drawing."""

from __future__ import annotations

import contextlib
import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, final

from autograd_core import (
    GradientError,
    ReleasedError,
    Tensor,
    asarray,
    keep_values,
    node_gradients,
)
from autograd_core.graph import Node

from . import dot, svg
from .boxes import Box, box
from .files import write
from .ir import Edge, Graph, Known, Vertex, build
from .layout import Layout, layered

__all__ = ["FlowGraph", "flow_graph"]

#: Above this many boxes `auto` does not try `dot`, which would be slow.
MANY_BOXES = 2_000

_ENGINES = ("auto", "dot", "builtin")
_TEXT_SUFFIXES = (".svg", ".dot", ".gv")
_DOT_SUFFIXES = (".png", ".pdf")


@final
class FlowGraph:
    """The drawing of a graph; notebooks show it, ``save`` writes it. Made by `flow_graph`."""

    def __init__(self, graph: Graph, engine: str, timeout: float) -> None:
        self.graph = graph
        self._asked = engine
        self._timeout = timeout
        self._boxes: list[Box] = [box(vertex) for vertex in graph.vertices]
        self._placed: tuple[str, Layout] | None = None

    @property
    def vertices(self) -> tuple[Vertex, ...]:
        """The boxes as plain data, in the order in which they were recorded."""
        return self.graph.vertices

    @property
    def edges(self) -> tuple[Edge, ...]:
        """The edges as plain data: for every operand the ids of the boxes it joins."""
        return self.graph.edges

    @property
    def engine(self) -> str:
        """Which engine placed the boxes: ``"dot"`` or ``"builtin"``."""
        return self._place()[0]

    def svg(self) -> str:
        """Return the drawing as SVG text."""
        return svg.draw(self.graph, self._boxes, self._place()[1])

    def dot(self) -> str:
        """Return the graph in Graphviz's language, for its other programs."""
        return dot.source(self.graph, self._boxes)

    def save(self, path: str | Path) -> Path:
        """Write the drawing and return its path; the suffix says in which form.

        ``.svg``, ``.dot`` and ``.gv`` always work, ``.png`` and ``.pdf`` where the program `dot`
        is. The file is written whole or not at all.

        Raises:
            ValueError: another suffix.
            DotError: no `dot` for a form that needs it.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix in _DOT_SUFFIXES:
            try:
                content: str | bytes = dot.run(self.dot(), suffix[1:], self._timeout)
            except dot.DotError as error:
                raise dot.DotError(
                    f"cannot save {path.name}: {error} (.svg, .dot and .gv need no other program)"
                ) from None
        elif suffix in _TEXT_SUFFIXES:
            content = self.svg() if suffix == ".svg" else self.dot()
        else:
            known = ", ".join(_TEXT_SUFFIXES + _DOT_SUFFIXES)
            raise ValueError(f"cannot save {path.name!r}: the known suffixes are {known}")
        write(path, content)
        return path

    def _repr_svg_(self) -> str:
        return self.svg()

    def __repr__(self) -> str:
        return f"<FlowGraph: {len(self.vertices)} boxes, {len(self.edges)} edges>"

    def _place(self) -> tuple[str, Layout]:
        """Place the boxes, once: by the engine asked for, or by the one that is left."""
        if self._placed is not None:
            return self._placed
        sizes = [(b.width, b.height) for b in self._boxes]
        edges = [(edge.source, edge.target) for edge in self.edges]
        auto = self._asked == "auto" and len(sizes) <= MANY_BOXES and dot.available()
        if self._asked == "dot" or auto:
            try:
                self._placed = "dot", dot.place(sizes, edges, self._timeout)
            except dot.DotError as error:
                if not auto:
                    raise
                warnings.warn(
                    f"flow_graph: {error}; drawn by the builtin layout instead "
                    "(engine='builtin' does so at once)",
                    RuntimeWarning,
                    stacklevel=3,
                )
        if self._placed is None:
            self._placed = "builtin", layered(sizes, edges)
        return self._placed


def flow_graph(
    target: Any,
    *args: Any,
    engine: str = "auto",
    names: Any = None,
    timeout: float = 5.0,
    grad_output: Any = None,
) -> FlowGraph:
    """Draw the graph that a tensor was computed by, or that a function computes by.

    ``flow_graph(t)`` draws what was recorded. Before ``t.backward()`` it computes the gradients
    for the picture, ∂t/∂box at every box, and leaves every ``grad`` as it is; after it, what was
    released is drawn as not kept. ``flow_graph(f, *args)`` runs ``f`` and keeps every value; its
    floating arguments are tracked, so their gradients are drawn too.

    Args:
        target: a tensor that requires a gradient, or a function or module that returns one.
        engine: ``"dot"`` is Graphviz's program, ``"builtin"`` needs none; ``"auto"`` takes `dot`
            where it is installed, up to 2,000 boxes, and the builtin one if it fails.
        names: for the boxes: a mapping such as ``locals()``, or a module. A leaf whose value the
            graph did not keep is drawn with the one that it has now.
        timeout: seconds that `dot` may take.
        grad_output: weights of the elements of a tensor that is not a single number.

    Raises:
        TypeError: neither a tensor nor a function that returns one.
        ValueError: nothing was recorded, or an unknown engine.
        DotError: ``engine="dot"`` without `dot`, or it fails.

    >>> w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> drawing = flow_graph((w * w).sum(), engine="builtin")
    >>> [vertex.label for vertex in drawing.vertices]
    ['w', '×', 'Σ']
    >>> drawing.vertices[0].gradient.preview
    (2.0, 4.0)
    """
    if engine not in _ENGINES:
        raise ValueError(f"unknown engine {engine!r}; the engines are {', '.join(_ENGINES)}")
    if engine == "dot" and not dot.available():
        raise dot.DotError(f"engine='dot': the program `dot` is not on the PATH. {dot.INSTALL}.")
    known = Known()
    _name(known, _named(names), over=True)
    if isinstance(target, Tensor):
        if args:
            raise TypeError("flow_graph(tensor) takes no arguments; flow_graph(f, *args) does")
        root = target
    elif callable(target):
        root = _run(target, args, known)
    else:
        raise TypeError(
            f"flow_graph draws a Tensor, or what a function of tensors computes, not a "
            f"{type(target).__name__}; pass the loss or the output of your computation"
        )
    node = root._node
    if node is None:
        raise ValueError(
            "flow_graph: nothing was recorded for this tensor, since it depends on no leaf with "
            "requires_grad=True, or was computed within no_grad() or detached. Make a leaf with "
            "Tensor(..., requires_grad=True), or call flow_graph(f, *args) with floating arrays."
        )
    known.values[node] = root._value
    _differentiate(root, node, grad_output, known)
    return FlowGraph(build(node, known), engine, timeout)


def _run(f: Callable[..., Any], args: tuple[Any, ...], known: Known) -> Tensor:
    """Run ``f`` with everything kept, and note the names of what goes in."""
    words = _parameter_names(f, len(args))
    tracked = [_track(arg, word, known) for arg, word in zip(args, words, strict=True)]
    with keep_values() as kept:
        result = f(*tracked)
    if not isinstance(result, Tensor):
        raise TypeError(
            f"flow_graph draws a function that returns one Tensor; this one returned a "
            f"{type(result).__name__}. Wrap it: flow_graph(lambda *args: f(*args)[0], ...)"
        )
    # What the function reads from outside: a module's parameters, variables of a closure.
    if hasattr(f, "named_parameters"):
        _name(known, _named(f))
    elif inspect.isfunction(f):
        with contextlib.suppress(ValueError):  # A variable may have no value yet.
            outside = inspect.getclosurevars(f)
            _name(known, _named({**outside.nonlocals, **outside.globals}))
    for constant, (_, name) in kept.constants.items():
        if name is not None:
            known.names.setdefault(constant, name)
    known.values.update(kept)
    return result


def _track(arg: Any, name: str, known: Known) -> Any:
    """Make tensors that require a gradient of floating arguments; others stay as they are."""
    if isinstance(arg, Mapping):
        return {key: _track(value, f"{name}.{key}", known) for key, value in arg.items()}
    if type(arg) in (list, tuple):
        return type(arg)(_track(value, f"{name}[{i}]", known) for i, value in enumerate(arg))
    value = arg._value if isinstance(arg, Tensor) else arg
    tracked = isinstance(arg, Tensor) and arg._node is not None
    if isinstance(value, float) or getattr(getattr(value, "dtype", None), "kind", "") == "f":
        if not tracked:
            name = getattr(arg, "name", None) or name
            arg = asarray(value).requires_grad_()
            known.inputs.add(id(arg._node))
    elif isinstance(arg, Tensor):
        known.inputs.add(id(value))
    _name(known, [(name, arg)])
    return arg


def _parameter_names(f: Callable[..., Any], count: int) -> list[str]:
    """The names that ``f`` gives its positional arguments."""
    try:
        parameters = inspect.signature(getattr(f, "forward", f)).parameters.values()
    except (TypeError, ValueError):  # Some callables written in C tell no signature.
        parameters = {}.values()
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return (names + [f"argument {i + 1}" for i in range(len(names), count)])[:count]


def _named(names: Any) -> Iterator[tuple[str, Any]]:
    """Yield names and what they name; what lies in modules, lists and dicts by its path."""
    if names is None:
        return
    if hasattr(names, "named_parameters"):
        yield from names.named_parameters()
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
    if hasattr(held, "named_parameters") and not isinstance(held, type):
        yield from ((f"{path}.{name}", parameter) for name, parameter in held.named_parameters())
        return
    if isinstance(held, Mapping):
        parts = [(f"{path}[{key!r}]", part) for key, part in held.items()]
    elif isinstance(held, list | tuple):
        parts = [(f"{path}[{i}]", part) for i, part in enumerate(held)]
    else:
        return
    # One level deep: whole data sets lie in the variables of a notebook.
    yield from (part for part in parts if isinstance(part[1], Tensor))


def _name(known: Known, named: Any, over: bool = False) -> None:
    """Note names and values of tensors and arrays, unless they have one (``over``: even then)."""
    for name, held in named:
        if isinstance(held, Tensor):
            given = name if over else held.name or name
            if held._node is not None:
                known.names.setdefault(id(held._node), given)
                known.values.setdefault(held._node, held._value)
            else:
                known.names.setdefault(id(held._value), given)
        elif getattr(held, "ndim", 0) and hasattr(held, "dtype"):
            known.names.setdefault(id(held), name)


def _differentiate(root: Tensor, node: Node, grad_output: Any, known: Known) -> None:
    """Find the gradient at every box, or why there is none."""
    if grad_output is None and root.size != 1:
        known.no_gradient = "not computed: it is no single number; pass grad_output="
        return
    seed = root._seed(grad_output)
    try:
        known.gradients = node_gradients(node, seed)
    except ReleasedError:
        if node.operands is not None:
            # What is in `.grad` then is another output's gradient.
            known.no_gradient = "not computed: backward() of another output released a part"
            return
        known.released = True
        known.no_gradient = "what backward() left in .grad; it released the rest"
    except (GradientError, ValueError, ArithmeticError) as error:
        # A drawing is also for finding out what is wrong.
        known.no_gradient = f"not computed: {error}"
