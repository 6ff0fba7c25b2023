"""Pictures beside the graph, with matplotlib: one function each, and the figure is returned.
"""
