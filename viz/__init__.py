"""See what a network computes: its flow graph with values and gradients, its curves, its weights.

``flow_graph(loss)``
    draws the graph that was recorded; ``flow_graph(f, *args)`` runs a function and draws it.
``curves(history)``
    draws training and validation curves with matplotlib; ``curves_svg(history)`` without it.
``neuron_surface``, ``decision_regions``, ``filters``, ``images``, ``layer_statistics``, ``spread``
    draw with matplotlib a function of two inputs, the classes of a plane, weights as images, grey
    images, numbers per layer, and runs over several seeds. They return a figure; ``save_figure``
    writes it, and ``subplots`` makes an empty one in their looks, for drawings of one's own.

The stages are files: `ir` (from the recorded graph to plain boxes and edges), `boxes` (what is
written in them), `layout` or `dot` (where they go), `svg` (the drawing).
"""

from .curves import curves, curves_svg, save_curves
from .dot import DotError
from .figures import save_figure, subplots
from .filters import filters
from .flow_graph import FlowGraph, flow_graph
from .images import images
from .ir import Edge, Graph, Vertex
from .spread import spread
from .statistics import layer_statistics
from .summary import Summary
from .surfaces import decision_regions, neuron_surface

__all__ = [
    "DotError",
    "Edge",
    "FlowGraph",
    "Graph",
    "Summary",
    "Vertex",
    "curves",
    "curves_svg",
    "decision_regions",
    "filters",
    "flow_graph",
    "images",
    "layer_statistics",
    "neuron_surface",
    "save_curves",
    "save_figure",
    "spread",
    "subplots",
]
