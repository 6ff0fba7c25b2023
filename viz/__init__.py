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

The stages are files: `capture` (what there is to draw), `build` and `steps` (from the recorded
graph to the plain data of `ir`), `share`, `groups` and `view` (what of it is drawn), `boxes` (what
is written in them), `layout` or `dot` (where they go), `scene` and
`svg`, or `page` (the drawing).
"""

from .curves import curves, curves_svg, save_curves
from .difference import difference
from .dot import DotError
from .figures import save_figure, subplots
from .filters import filters
from .flow_graph import FlowGraph, flow_graph
from .frames import Frames
from .images import images
from .ir import Edge, Graph, Group, Step, Vertex
from .load import load
from .looks import Looks
from .record import Recording, record
from .spread import spread
from .statistics import layer_statistics
from .summary import Summary
from .surfaces import decision_regions, neuron_surface

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
