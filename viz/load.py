"""Draws a graph that was saved as JSON, on this machine or another one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .flow_graph import FlowGraph, Options
from .graph.ir import Group
from .graph_json import read

__all__ = ["load"]


def load(
    path: str | Path,
    *,
    engine: str = "auto",
    timeout: float = 5.0,
    depth: int | None = None,
    collapse: str | Callable[[Group], bool] | None = None,
) -> FlowGraph:
    """Draw the graph in a file that ``flow_graph(...).save("graph.json")`` wrote.

    Nothing is run: the file holds what is drawn and nothing else. For the options see `flow_graph`.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds no graph, or one of another version; it says what is wrong where.

    >>> import tempfile
    >>> from autograd_core import Tensor
    >>> from viz import flow_graph
    >>> drawing = flow_graph(Tensor(3.0, requires_grad=True, name="x") * 2, engine="builtin")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = load(drawing.save(f"{folder}/graph.json"), engine="builtin")
    >>> again.svg() == drawing.svg()
    True
    """
    options = Options(engine, timeout, depth, collapse)
    graph = read(path)
    return FlowGraph(graph, engine, timeout, options.opened(graph))
