"""Groups of boxes that can be drawn as one: alike modules in a row, and parts of large graphs.

A group is safe to draw as one box if no path leaves it and comes back, and the same holds of all
groups together: the boxes and groups directly inside one group (a level) have an order in which all
edges point onward. Every step here keeps that: it joins neighbours of such an order, or links of a
chain.
"""

from __future__ import annotations

from ..ir import Graph
from .alike import Structures
from .forest import Forest
from .modules import keep_modules, only_modules
from .parts import bands, chains, lines

__all__ = ["group", "only_modules"]

#: A level of more boxes than this is divided; in a graph of modules, which are what people know,
#: only one of many more.
_CROWD, _CROWD_OF_MODULES = 60, 200
#: A graph of no more boxes than this can be drawn whole, so only its lines of code are grouped.
_WHOLE = 500


def group(graph: Graph) -> Graph:
    """Divide ``graph`` into nested groups.

    Groups of kind ``"module"`` are kept, others made anew:

    - ``"repeat"``: three or more alike calls of modules in a row, "Block × 12", or a row of up to 8
      alike boxes each, "(Linear, ReLU) × 6". Alike are the labels, ops, parameters, shapes, and
      edges inside, and paths but for numbers. Where results before the last go to places of their
      own, as from the layers of a U-net, there is none.
    - In a graph without modules, where there are more than 60 boxes (with modules, in one of which
      there are more than 200), boxes in a row of one line of code are a ``"line"``, and lines that
      come again a ``"repeat"``, "rnn.py:7–8 × 25", in others where these come again; small
      constants may differ.
    - If that leaves too many, in a graph of more than 500, ops with one way in and one way out are
      a ``"chain"``, "tanh × 12"; if that does too, rows of boxes are a ``"band"``, nested so that
      each shows at most about 30 boxes.

    A leaf lies in the innermost group that holds all its users. Inputs stay outside of modules, and
    up to 30 inputs and 30 outputs outside of all other groups, where they are seen. A module's
    group that is not safe to draw as one box is left out.
    """
    forest = Forest(graph)
    keep_modules(forest)
    forest.keep_in_sight()
    levels = forest.levels()
    structures = Structures(forest)
    crowd = _CROWD
    if forest.groups:
        crowd = _CROWD_OF_MODULES
        key = structures.of_levels(levels)
        for level in list(levels.values()):
            levels.update((made.group, made) for made in structures.repeats(level, key))
    ways = (lines, chains, bands) if len(graph.vertices) > _WHOLE else (lines,)
    left = [(level, 0) for level in levels.values()]
    while left:
        level, done = left.pop()
        for finer, divide in enumerate(ways, 1):
            if finer > done and forest.crowd(level) > crowd:
                # Parts are divided further, but not in the same way; bands are.
                left += [(part, min(finer, 2)) for part in divide(forest, level)]
    return forest.numbered()
