"""Parts of what has no modules to divide it: lines of code, chains, bands of rows."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate, pairwise

from .alike import Structures, alike
from .forest import Choice, Forest, Level
from .repeats import repeated, unit_label

__all__ = ["bands", "chains", "lines"]

#: How many boxes a band shows when it is opened.
_BAND = 30
#: A chain has at least so many links.
_LINKS = 3
#: So many leaves of one box go where it goes; more are boxes like others.
_RIDERS = 8
#: So many ops there are in one turn of a loop in one line.
_LOOP = 24


def lines(forest: Forest, level: Level) -> list[Level]:
    """Join boxes in a row of one line of code, then lines in a row that come again.

    Of a long row that comes of a loop in one line, each turn is one.
    """
    runs: list[list[int]] = []
    last = ""
    for item in forest.order(level):
        if item in forest.held:
            continue
        line = "" if item >= forest.n else forest.graph.vertices[item].line
        if line and line == last:
            runs[-1].append(item)
        else:
            runs.append([item])
        last = line
    vertices = forest.graph.vertices
    structures = Structures(forest)
    chosen: list[Choice] = []
    for items in runs:
        turns = _turns(items, structures, forest) if len(items) > _BAND else [items]
        chosen += [(turn, "line", vertices[turn[0]].line) for turn in turns if len(turn) > 1]
    made = forest.merge(level, chosen)
    if not made:
        return made
    key = {
        item: structures.number(alike(vertices[item], exactly=False)) if item < forest.n else -item
        for item in (*level.items, *(item for inner in made for item in inner.items))
    }
    new = made
    while new:  # What repeats may be a part of what repeats: a sum in a neuron, in a layer.
        for inner in new:
            inside = tuple(key[item] for item in forest.order(inner))
            what = forest.groups[inner.group].label, inside
            key[forest.n + inner.group] = structures.number(what)
        new = structures.repeats(level, key, by_line=True)
        made += new
    return made


def _turns(items: list[int], structures: Structures, forest: Forest) -> list[list[int]]:
    """Cut a row of ops into the turns of the loop that it is, if it is one."""
    vertices = forest.graph.vertices
    keys = [structures.number(alike(vertices[item], exactly=False)) for item in items]
    turns: list[list[int]] = []
    at = 0
    for run in repeated(keys, [True] * len(keys), period=_LOOP):
        if run.period > 1:
            cuts = [at, *range(run.start, run.end + 1, run.period)]
            turns += [items[a:b] for a, b in pairwise(cuts)]
            at = run.end
    return [*turns, items[at:]]


def chains(forest: Forest, level: Level) -> list[Level]:
    """Join ops that follow each other, where one goes nowhere else and the next needs no other."""
    sources: dict[int, set[int]] = {item: set() for item in level.items}
    targets: dict[int, set[int]] = {item: set() for item in level.items}
    for a, b, _ in level.edges:
        if not forest.is_leaf(a):
            sources[b].add(a)
            targets[a].add(b)
    links: dict[int, list[int]] = {}
    for item in forest.order(level):
        if item >= forest.n or item in forest.held:
            continue
        before = next(iter(sources[item])) if len(sources[item]) == 1 else -1
        if before in links and len(targets[before]) == 1:
            links[before].append(item)
            links[item] = links[before]
        else:
            links[item] = [item]
    chosen: list[Choice] = []
    for item, chain in links.items():
        if item == chain[0] and len(chain) >= _LINKS:
            labels = [forest.graph.vertices[v].label for v in chain]
            run = next(iter(repeated(labels, [True] * len(chain))), None)
            if run is not None and run.start == 0 and run.end == len(chain):
                label = unit_label(labels[: run.period], run.count)
            else:
                label = f"{len(chain):,} ops"
            chosen.append((chain, "chain", label))
    return forest.merge(level, chosen)


def bands(forest: Forest, level: Level) -> list[Level]:
    """Cut a level at rows, into parts that show about as many boxes as there are parts."""
    order = forest.order(level)
    row = dict.fromkeys(order, 1)
    index = {item: i for i, item in enumerate(order)}
    users: dict[int, set[int]] = {}
    onward: dict[int, list[int]] = {item: [] for item in order}
    for a, b, _ in level.edges:
        if forest.is_leaf(a):
            users.setdefault(a, set()).add(b)
        else:
            onward[a].append(b)
    for a in order:
        for b in onward[a]:
            row[b] = max(row[b], row[a] + 1)
    riders: dict[int, list[int]] = {}
    for leaf, using in users.items():
        if len(using) == 1 and leaf not in forest.held:
            riders.setdefault(min(using), []).append(leaf)
    weight = {item: 1 for item in level.items if item not in forest.held}
    for item, leaves in riders.items():
        if len(leaves) <= _RIDERS and item in weight:
            weight[item] += len(leaves)
            for leaf in leaves:
                del weight[leaf]
    place: list[tuple[int, int, int, int]] = []
    for item in weight:
        if item in row:
            place.append((row[item], index[item], 1, item))
        else:  # A leaf, just above its first use.
            using = users.get(item, set())
            at = min(((row[b], index[b]) for b in using), default=(1, 0))
            place.append((at[0] - 1, at[1], 0, item))
    place.sort()
    parts = _cut([weight[at[3]] for at in place], [at[0] for at in place])
    chosen: list[Choice] = []
    for i, part in enumerate(parts, 1):
        if len(part) > 1:
            items = [place[at][3] for at in part]
            chosen.append((items, "band", f"part {i} of {len(parts)}"))
    return forest.merge(level, chosen)


def _cut(weights: list[int], rows: list[int]) -> list[range]:
    """Cut a sequence into parts of about equal weight, between rows where these are near."""
    before = [0, *accumulate(weights)]
    total = before[-1]
    depth = 1
    while _BAND**depth < total:
        depth += 1
    parts = next(k for k in range(1, _BAND + 1) if k**depth >= total)
    cuts = [0]
    for i in range(1, parts):
        aim, near = total * i / parts, total / parts / 4
        between = range(
            max(bisect_left(before, aim - near), cuts[-1] + 1),
            min(bisect_right(before, aim + near), len(weights)),
        )
        new_row = [p for p in between if rows[p] != rows[p - 1]]
        cut = min(new_row or between, key=lambda p: abs(before[p] - aim), default=0)
        cut = cut or bisect_left(before, aim)
        if cuts[-1] < cut < len(weights):
            cuts.append(cut)
    return [range(a, b) for a, b in pairwise([*cuts, len(weights)])]
