"""`flow_graph`: from a tensor, or a function and its arguments, to a drawing."""

from __future__ import annotations

import fnmatch
import os
import tempfile
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, final

from autograd_core import Explanation, Tensor

from .drawing import dot, svg
from .drawing.boxes import Box, frame_title, group_boxes, vertex_boxes, view_boxes
from .drawing.frames import Frames, frames
from .drawing.looks import Looks
from .files import write
from .graph.groups import group
from .graph.ir import Edge, Graph, Group, Step, Vertex
from .graph.share import share
from .graph.view import View, open_to_depth, opened_at_most, opened_by, view
from .graph_json import to_json
from .layout import Layout, layered
from .listing import listing
from .notebook import mimebundle
from .page import page
from .recording import capture
from .recording.build import Made, build
from .recording.symbolic import symbolic

__all__ = ["FlowGraph", "flow_graph"]

#: Above this many boxes `auto` does not try `dot`, which would be slow.
MANY_BOXES = 2_000
#: A static drawing and a page open at most so many boxes at first.
STATIC_BOXES, PAGE_BOXES = 500, 1_500

_ENGINES = ("auto", "dot", "builtin")
_DOT_SUFFIXES = (".png", ".pdf")
_SUFFIXES = (".svg", ".html", ".dot", ".gv", ".json", ".txt", *_DOT_SUFFIXES)


@final
class FlowGraph:
    """The drawing of a graph; notebooks show it, ``save`` writes it. Made by `flow_graph`.

    ``graph`` is what is drawn, plain data: see `Graph`.
    """

    def __init__(
        self,
        graph: Graph,
        engine: str = "auto",
        timeout: float = 5.0,
        opened: Collection[int] | None = None,
        places: dict[tuple[int, int], int] | None = None,
    ) -> None:
        _check_engine(engine)
        self.graph = graph
        self._asked = engine
        self._timeout = timeout
        self._opened = None if opened is None else frozenset(opened)
        # Which edge an operand of a node is, by the node's number; None where nobody knows.
        self._places = places
        self._shown: View | None = None
        self._written: list[Box] | None = None
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
    def groups(self) -> tuple[Group, ...]:
        """The calls of modules, and other boxes that can be drawn as one."""
        return self.graph.groups

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the forward and the backward pass, as the engine made them."""
        return self.graph.steps

    @property
    def engine(self) -> str:
        """Which engine placed the boxes: ``"dot"`` or ``"builtin"``."""
        return self._place()[0]

    # --- forms ------------------------------------------------------------------------------

    def svg(self, **looks: Any) -> str:
        """Return the drawing as SVG text; for ``looks`` see `Looks`."""
        chosen = Looks.of(looks)
        return svg.draw(self._view(), self._boxes(), self._place()[1], chosen)

    def html(self) -> str:
        """Return the page that steps through both passes: one file, no network, no library."""
        boxes = vertex_boxes(self.graph)
        opened = self._opened
        if opened is None:
            opened = frozenset(opened_at_most(self.graph, PAGE_BOXES))
        return page(self.graph, boxes, group_boxes(self.graph), opened)

    def dot(self) -> str:
        """Return the graph in Graphviz's language, for its other programs."""
        return dot.source(self._view(), self._boxes())

    def json(self) -> str:
        """Return the graph as JSON, which `load` reads."""
        return to_json(self.graph)

    def text(self, lines: int | None = 200) -> str:
        """Return the graph as text, one box a line; at most so many ``lines``, or all with None."""
        return listing(self._view(), lines)

    def frames(self, steps: Sequence[int] | None = None, **looks: Any) -> Frames:
        """Return the drawings after each of ``steps``, all by default, for handouts.

        Raises:
            ValueError: there is nothing to step through, or no such step.
        """
        return frames(self._view(), self._boxes(), self._place()[1], Looks.of(looks), steps)

    def save(self, path: str | Path, **looks: Any) -> Path:
        """Write the drawing and return its path; the suffix says in which form.

        ``.html`` is the page, ``.svg`` the drawing, ``.json`` and ``.txt`` what it draws, ``.dot``
        and ``.gv`` Graphviz's language; ``.png`` and ``.pdf`` are the drawing, where the program
        `dot` is or `pygraphviz` (``pip install 'autograd-core[png]'``). The file is written whole
        or not at all. For ``looks``, of drawings, see `Looks`; a ``.png`` has a resolution too,
        ``dpi=144`` by default, which is two pixels for each of the drawing.

        Raises:
            ValueError: another suffix.
            TypeError: looks for a form that has none.
            DotError: nothing there to paint a form that needs it.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in _SUFFIXES:
            raise ValueError(
                f"cannot save {path.name!r}: the known suffixes are {', '.join(_SUFFIXES)}"
            )
        if looks and suffix not in (".svg", *_DOT_SUFFIXES):
            raise TypeError(
                f"cannot save {path.name} with {', '.join(looks)}: only .svg, .png and .pdf have "
                "such looks"
            )
        write(path, self._form(suffix, path.name, looks))
        return path

    def _form(self, suffix: str, name: str, looks: dict[str, Any]) -> str | bytes:
        if suffix == ".svg":
            return self.svg(**looks)
        if suffix == ".html":
            return self.html()
        if suffix == ".json":
            return self.json()
        if suffix == ".txt":
            return self.text(lines=None)
        if suffix in (".dot", ".gv"):
            return self.dot()
        dpi = looks.pop("dpi", 144.0)
        placed = self._view(), self._boxes(), self._place()[1]
        try:
            return dot.picture(*placed, suffix[1:], self._timeout, Looks.of(looks), dpi)
        except dot.DotError as error:
            raise dot.DotError(
                f"cannot save {name}: {error} (.svg, .html, .dot and .gv need no other program)"
            ) from None

    def open(self) -> Path:
        """Show the page in the web browser; return the path of the file that it is in."""
        import webbrowser  # its import takes as long as that of a quarter of NumPy

        text = self.html()
        handle, name = tempfile.mkstemp(prefix="flow_graph_", suffix=".html")
        os.close(handle)
        path = Path(name)
        write(path, text)
        webbrowser.open(path.as_uri())
        return path

    def highlight(self, explanation: Explanation) -> FlowGraph:
        """Return the drawing with the share that each edge has in an explained gradient.

        ``explanation`` is of `autograd_core.explain`, of the loss that is drawn.

        Raises:
            ValueError: it is about another graph.
        """
        if not isinstance(explanation, Explanation):
            raise TypeError(
                "highlight takes what autograd_core.explain(loss, wrt) returned for one tensor, "
                f"not a {type(explanation).__name__}"
            )
        shares: dict[int, float] = {}
        for edge in explanation.edges:
            place = (self._places or {}).get((edge.node.number, edge.operand))
            if place is not None and edge.share is not None:
                shares[place] = shares.get(place, 0.0) + edge.share
        if not shares:
            raise ValueError(
                f"highlight: no edge that the gradient at {explanation.name} passes is in this "
                "drawing; explain the loss that is drawn"
            )
        edges = tuple(replace(edge, share=shares.get(i, 0.0)) for i, edge in enumerate(self.edges))
        return self._of(replace(self.graph, edges=edges))

    def _of(self, graph: Graph) -> FlowGraph:
        return FlowGraph(graph, self._asked, self._timeout, self._opened, self._places)

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        return mimebundle(self, include, exclude)

    def _repr_svg_(self) -> str:
        return self.svg()

    def __repr__(self) -> str:
        parts = [f"{len(self.vertices)} boxes", f"{len(self.edges)} edges"]
        if self.groups:
            parts.append(f"{len(self.groups)} groups")
        return f"<FlowGraph: {', '.join(parts)}>"

    # --- stages, each done once ---------------------------------------------------------------

    def _view(self) -> View:
        if self._shown is None:
            opened = self._opened
            if opened is None:
                opened = frozenset(opened_at_most(self.graph, STATIC_BOXES))
            self._shown = view(self.graph, opened)
        return self._shown

    def _boxes(self) -> list[Box]:
        if self._written is None:
            self._written = view_boxes(self._view())
        return self._written

    def _place(self) -> tuple[str, Layout]:
        """Place the boxes, once: by the engine asked for, or by the one that is left."""
        if self._placed is not None:
            return self._placed
        shown = self._view()
        sizes = [(b.width, b.height) for b in self._boxes()]
        edges = [(arrow.source, arrow.target) for arrow in shown.edges]
        inside = [b.frame for b in shown.boxes] if shown.frames else None
        around = []
        for frame in shown.frames:
            title = frame_title(self.graph, frame.group)
            around.append((frame.parent, title.width, title.height))
        # Through frames the builtin layout keeps the chain of ops straight, and arrows off titles;
        # `dot` does neither. And it is the page's layout: picture and page agree.
        auto = self._asked == "auto" and not around and len(sizes) <= MANY_BOXES and dot.available()
        if self._asked == "dot" or auto:
            try:
                self._placed = "dot", dot.place(sizes, edges, self._timeout, inside, around)
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
            self._placed = "builtin", layered(sizes, edges, inside, around)
        return self._placed


def flow_graph(
    target: Any,
    *args: Any,
    engine: str = "auto",
    names: Any = None,
    timeout: float = 5.0,
    grad_output: Any = None,
    depth: int | None = None,
    collapse: str | Callable[[Group], bool] | None = None,
    shared: str = "proxy",
    input_shape: int | tuple[int, ...] | None = None,
    input_dtype: Any = None,
) -> FlowGraph:
    """Draw the graph that a tensor was computed by, or that a function computes by.

    ``flow_graph(t)`` draws what was recorded. Before ``t.backward()`` it computes the gradients
    for the picture, ∂t/∂box at every box, calls no hook, and leaves every ``grad`` as it is; after
    it, what was released is drawn as not kept. ``flow_graph(f, *args)`` runs ``f`` under
    inspection, so that every box has its value, gradient, time and line; its floating and complex
    arguments are tracked. Parameters' gradients, buffers and random generators are then as they
    were.
    ``flow_graph(module, input_shape=(64,))`` draws a module before any data: shapes without values,
    N for the number of examples.

    Args:
        target: a tensor that requires a gradient, a list of them, or a function or module that
            returns one or several.
        engine: ``"dot"`` is Graphviz's program, ``"builtin"`` needs none; ``"auto"`` takes `dot`
            where it is installed, for up to 2,000 boxes without groups, and the builtin one for
            others and if it fails.
        names: for the boxes: a mapping such as ``locals()``, or a module. A leaf whose value the
            graph did not keep is drawn with the one that it has now.
        timeout: seconds that `dot` may take.
        grad_output: weights of the elements of a tensor that is not a single number; a list for
            several tensors.
        depth: how many levels of groups are drawn open: 0 draws each outermost one as a box.
        collapse: which groups are drawn as one box: a function of a `Group`, or a pattern of paths
            or labels, ``"layers.*"`` or ``"Linear*"``.
        shared: ``"proxy"`` draws a parameter that many boxes use at each use, ``"single"`` once.
        input_shape: that of one example, for a module before any data.
        input_dtype: of what is put in then, by default that of the parameters.

    Raises:
        TypeError: neither a tensor nor a function that returns one.
        ValueError: nothing was recorded, or an unknown engine or option.
        DotError: ``engine="dot"`` without `dot`, or it fails.

    >>> w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> drawing = flow_graph((w * w).sum(), engine="builtin")
    >>> [vertex.label for vertex in drawing.vertices]
    ['w', '×', 'Σ']
    >>> drawing.vertices[0].gradient.preview
    (2.0, 4.0)
    """
    options = Options(engine, timeout, depth, collapse, shared)
    if input_shape is not None:
        if args:
            raise TypeError("flow_graph(module, input_shape=...) takes no arguments besides")
        found = capture.of_shape(target, input_shape, input_dtype, names)
        made = [build(*one) for one in found]
        return options.draw(made[0]._replace(graph=symbolic([one.graph for one in made])))
    if isinstance(target, Tensor) or type(target) in (list, tuple):
        if args:
            raise TypeError("flow_graph(tensor) takes no arguments; flow_graph(f, *args) does")
        tensors = [target] if isinstance(target, Tensor) else list(target)
        one = capture.of_tensors(tensors, names, grad_output)
    elif callable(target):
        one = capture.of_function(target, args, names, grad_output)
    else:
        raise TypeError(
            f"flow_graph draws a Tensor, or what a function of tensors computes, not a "
            f"{type(target).__name__}; pass the loss or the output of your computation"
        )
    return options.draw(build(*one))


@final
class Options:
    """How a graph is drawn, whatever it is of: checked, then applied to a graph."""

    def __init__(
        self,
        engine: str = "auto",
        timeout: float = 5.0,
        depth: int | None = None,
        collapse: str | Callable[[Group], bool] | None = None,
        shared: str = "proxy",
    ) -> None:
        _check_engine(engine)
        if depth is not None and (isinstance(depth, bool) or not isinstance(depth, int)):
            raise TypeError(f"flow_graph: depth must be a whole number, not {depth!r}")
        if depth is not None and depth < 0:
            raise ValueError(f"flow_graph: depth must be 0 or more, not {depth}")
        if collapse is not None and not isinstance(collapse, str) and not callable(collapse):
            raise TypeError(
                "flow_graph: collapse must be a function of a Group, or a pattern such as "
                f"'layers.*', not a {type(collapse).__name__}"
            )
        if shared not in ("proxy", "single"):
            raise ValueError(f"flow_graph: shared must be 'proxy' or 'single', not {shared!r}")
        self.engine, self.timeout = engine, timeout
        self.depth, self.collapse, self.shared = depth, collapse, shared

    def draw(self, made: Made) -> FlowGraph:
        graph = group(share(made.graph, self.shared))
        return FlowGraph(graph, self.engine, self.timeout, self.opened(graph), made.places)

    def opened(self, graph: Graph) -> set[int] | None:
        """The groups that are open; None for as many as there is room for."""
        if self.depth is None and self.collapse is None:
            return None
        opened = set(range(len(graph.groups)))
        if self.depth is not None:
            opened = open_to_depth(graph, self.depth)
        if self.collapse is not None:
            closed = self.collapse
            if isinstance(closed, str):
                pattern = closed

                def closed(group: Group) -> bool:
                    return any(fnmatch.fnmatchcase(x, pattern) for x in (group.name, group.label))

                if not any(map(closed, graph.groups)):
                    raise ValueError(_no_group(pattern, graph))

            chosen = closed
            opened &= opened_by(graph, lambda group: not chosen(group))
        return opened


def _check_engine(engine: str) -> None:
    if engine not in _ENGINES:
        raise ValueError(f"unknown engine {engine!r}; the engines are {', '.join(_ENGINES)}")
    if engine == "dot" and not dot.available():
        raise dot.DotError(f"engine='dot': the program `dot` is not on the PATH. {dot.INSTALL}.")


def _no_group(pattern: str, graph: Graph) -> str:
    names = list(dict.fromkeys(group.name or group.label for group in graph.groups))
    listed = ", ".join(map(repr, names[:6])) + (", ..." if len(names) > 6 else "")
    there = f"there are {listed}" if names else "there are none"
    return f"flow_graph: collapse={pattern!r} matches no group's path or label; {there}"
