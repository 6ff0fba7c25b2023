"""See what a network computes: its flow graph with values and gradients, and its training curves.

``flow_graph(loss)``
    draws the graph that was recorded; ``flow_graph(f, *args)`` runs a function and draws it.
``curves(history)``
    draws training and validation curves with matplotlib; ``curves_svg(history)`` without it.

The stages are files: `ir` (from the recorded graph to plain boxes and edges), `boxes` (what is
written in them), `layout` or `dot` (where they go), `svg` (the drawing).
"""

from .curves import curves, curves_svg, save_curves
from .dot import DotError
from .flow_graph import FlowGraph, flow_graph
from .ir import Edge, Graph, Vertex
from .summary import Summary

__all__ = [
    "DotError",
    "Edge",
    "FlowGraph",
    "Graph",
    "Summary",
    "Vertex",
    "curves",
    "curves_svg",
    "flow_graph",
    "save_curves",
]
