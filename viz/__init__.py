"""See what a network computes: its flow graph with values and gradients, its curves, its weights.

``flow_graph(loss)``
    draws the graph that was recorded; ``flow_graph(f, *args)`` runs a function and draws it.
``with record() as r:``
    records a forward and a backward pass as they really run; ``r.flow_graph()`` draws them.
``difference(before, after)``
    draws two graphs as one: what a change of the model added, removed and changed.
``curves(history)``
    draws training and validation curves with matplotlib; ``curves_svg(history)`` without it.
``neuron_surface``, ``decision_regions``, ``filters``, ``images``, ``layer_statistics``, ``spread``
    draw with matplotlib a function of two inputs, the classes of a plane, weights as images, grey
    images, numbers per layer, and runs over several seeds. They return a figure; ``save_figure``
    writes it, and ``subplots`` makes an empty one in their looks, for drawings of one's own.

The stages are folders: `recording` (what the engine recorded, as boxes, edges and steps), `graph`
(that as plain data, and what of it is drawn), `layout` (where it goes), `drawing` (SVG, Graphviz,
handouts) and `page` (the one that steps); `pictures` are those beside the graph.
"""

from .difference import difference
from .drawing.dot import DotError
from .drawing.frames import Frames
from .drawing.looks import Looks
from .flow_graph import FlowGraph, flow_graph
from .graph.ir import Edge, Graph, Group, Step, Vertex
from .graph.summary import Summary
from .load import load
from .pictures.curves import curves, curves_svg, save_curves
from .pictures.figures import save_figure, subplots
from .pictures.filters import filters
from .pictures.images import images
from .pictures.spread import spread
from .pictures.statistics import layer_statistics
from .pictures.surfaces import decision_regions, neuron_surface
from .record import Recording, record

__all__ = [
    "DotError",
    "Edge",
    "FlowGraph",
    "Frames",
    "Graph",
    "Group",
    "Looks",
    "Recording",
    "Step",
    "Summary",
    "Vertex",
    "curves",
    "curves_svg",
    "decision_regions",
    "difference",
    "filters",
    "flow_graph",
    "images",
    "layer_statistics",
    "load",
    "neuron_surface",
    "record",
    "save_curves",
    "save_figure",
    "spread",
    "subplots",
]
