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

from autograd_core.lazy import front_page

__getattr__, __dir__, __all__ = front_page(
    __name__,
    {
        "difference": "difference",
        "drawing.dot": "DotError",
        "drawing.frames": "Frames",
        "drawing.looks": "Looks",
        "flow_graph": "FlowGraph flow_graph",
        "graph.ir": "Edge Graph Group Step Vertex",
        "graph.summary": "Summary",
        "load": "load",
        "pictures.curves": "curves curves_svg save_curves",
        "pictures.figures": "save_figure subplots",
        "pictures.filters": "filters",
        "pictures.images": "images",
        "pictures.spread": "spread",
        "pictures.statistics": "layer_statistics",
        "pictures.surfaces": "decision_regions neuron_surface",
        "record": "Recording record",
    },
)
