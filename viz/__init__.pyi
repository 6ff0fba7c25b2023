# Written by scripts/generate_stubs.py; do not edit.
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

__all__ = ["difference", "DotError", "Frames", "Looks", "FlowGraph", "flow_graph", "Edge", "Graph", "Group", "Step", "Vertex", "Summary", "load", "curves", "curves_svg", "save_curves", "save_figure", "subplots", "filters", "images", "spread", "layer_statistics", "decision_regions", "neuron_surface", "Recording", "record"]
