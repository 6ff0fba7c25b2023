"""The graph as JSON, out and back in: to keep it, to compare it, to draw it elsewhere.

The file is the fields of `Graph`, `Vertex`, `Edge`, `Group`, `Step` and `Summary`, one box or
edge a line, so that a diff shows what changed; a field that has its default is left out. JSON has
no number that is not finite: these are the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``;
a complex number is ``{"re": 1.0, "im": 2.0}``. What is read is checked before anything is drawn:
types, ids, and that edges run forward.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .graph.ir import SCHEMA, Edge, Graph, Group, Step, Vertex
from .graph.summary import Summary
from .text import clean

__all__ = ["from_json", "read", "to_json"]

_Reader = Callable[[Any], Any]
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_PARTS = (Vertex, Edge, Group, Step, Summary)
_KINDS = {
    Vertex: ("op", "output", "parameter", "buffer", "input", "constant"),
    Group: ("module", "repeat", "line", "chain", "band"),
}
_PHASES = ("forward", "seed", "backward")
_CHANGES = ("", "added", "removed", "changed")


def to_json(graph: Graph) -> str:
    """Write a graph as JSON.

    >>> x = Vertex(0, "output", None, "x", None, (), "float64")
    >>> print(to_json(Graph((x,), (), (), ())))
    {
    "schema": 2,
    "vertices": [
    {"id": 0, "kind": "output", "op": null, "label": "x", "name": null, "shape": [], "dtype": ...}
    ],
    "edges": [],
    "forward": [],
    "backward": []
    }
    """
    fields = [f'"schema": {graph.schema}']
    for key, held in _fields_of(graph).items():
        if key == "schema":
            continue
        if key in ("vertices", "edges", "groups", "steps") and held:
            lines = ",\n".join(_text(_plain(part)) for part in held)
            fields.append(f'"{key}": [\n{lines}\n]')
        else:
            fields.append(f'"{key}": {_text(_plain(held))}')
    return "{\n" + ",\n".join(fields) + "\n}\n"


def from_json(text: str, name: str = "this text") -> Graph:
    """Read a graph that `to_json` wrote; ``name`` is what errors call it.

    Raises:
        ValueError: no JSON, no graph, of another schema, or one that cannot be: it says where.
    """
    try:
        held = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is no JSON: {error}") from None
    if not isinstance(held, dict) or "schema" not in held or "vertices" not in held:
        raise ValueError(
            f'{name} holds no flow graph, which is an object with "schema" and "vertices"; '
            "flow_graph(...).save('graph.json') writes one"
        )
    if held["schema"] != SCHEMA:
        raise ValueError(
            f"{name} has schema {held['schema']!r}, and this version of viz reads schema {SCHEMA}; "
            "save it again with this version, or read it with the one that wrote it"
        )
    try:
        graph: Graph = _maker(Graph)(held)
        _check(graph)
    except _Flaw as flaw:
        raise ValueError(f"{name} is not a flow graph: {flaw}") from None
    return graph


def read(path: str | Path) -> Graph:
    """Read a file that `to_json` filled.

    Raises:
        OSError: it cannot be read.
        ValueError: as of `from_json`.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no JSON: it is not UTF-8 text") from None
    return from_json(text, str(path))


class _Flaw(ValueError):
    """Where what was read differs from a graph, and how; who reads more adds to the ``path``."""

    path = ""

    def __str__(self) -> str:
        return f"{self.path.lstrip('.')} {self.args[0]}".lstrip()


def _text(plain: Any) -> str:
    return json.dumps(plain, ensure_ascii=False, allow_nan=False)


def _fields_of(part: Any) -> dict[str, Any]:
    """The fields that differ from their defaults; `Summary` has none."""
    return {
        field.name: held
        for field in dataclasses.fields(part)
        if (held := getattr(part, field.name)) is not field.default and held != field.default
    }


def _plain(held: Any) -> Any:
    """What JSON can hold of a part of a graph."""
    if isinstance(held, _PARTS):
        return {key: _plain(value) for key, value in _fields_of(held).items()}
    if isinstance(held, tuple | list):
        return [_plain(one) for one in held]
    if isinstance(held, complex):
        return {"re": _plain(held.real), "im": _plain(held.imag)}
    if isinstance(held, float):
        if math.isnan(held):
            return "NaN"
        return float(held) if math.isfinite(held) else "Infinity" if held > 0 else "-Infinity"
    return held


@functools.cache
def _maker(part: Any) -> _Reader:
    """A reader of objects that are a part of a graph."""
    readers = {key: _reader(hint) for key, hint in typing.get_type_hints(part).items()}
    if "shape" in readers:
        readers["shape"] = _shape

    def make(held: Any) -> Any:
        if not isinstance(held, dict):
            raise _Flaw(f"should be an object, and is {_shown(held)}")
        values = {}
        for key, one in held.items():
            reader = readers.get(key)
            if reader is None:
                raise _Flaw(f"has a field {key!r} that is none of schema {SCHEMA}")
            try:
                values[key] = reader(one)
            except _Flaw as flaw:
                flaw.path = f".{key}{flaw.path}"
                raise
        try:
            return part(**values)
        except TypeError:
            missing = [
                repr(field.name)
                for field in dataclasses.fields(part)
                if field.default is dataclasses.MISSING and field.name not in held
            ]
            raise _Flaw(f"lacks {', '.join(missing)}") from None

    return make


def _reader(hint: Any) -> _Reader:
    """A reader of a field of the type that its class declares."""
    if hint is Any or hint is float:
        return _number if hint is Any else _real
    if isinstance(hint, types.UnionType):
        (inner,) = (one for one in typing.get_args(hint) if one is not types.NoneType)
        known = _reader(inner)
        return lambda held: None if held is None else known(held)
    if typing.get_origin(hint) is tuple:
        return functools.partial(_items, _reader(typing.get_args(hint)[0]))
    if hint in _PARTS:
        return _maker(hint)

    def plain(held: Any) -> Any:
        if type(held) is not hint:
            raise _Flaw(f"should be of type {hint.__name__}, and is {_shown(held)}")
        # Text of a drawing is one line that XML can hold, whoever wrote the file.
        return clean(held) if hint is str else held

    return plain


def _items(reader: _Reader, held: Any) -> tuple[Any, ...]:
    if not isinstance(held, list):
        raise _Flaw(f"should be a list, and is {_shown(held)}")
    made: list[Any] = []
    try:
        made.extend(reader(one) for one in held)
    except _Flaw as flaw:
        flaw.path = f"[{len(made)}]{flaw.path}"
        raise
    return tuple(made)


def _number(held: Any) -> Any:
    if isinstance(held, bool | int | float):
        return held
    if isinstance(held, str) and held in _NOT_FINITE:
        return _NOT_FINITE[held]
    if isinstance(held, dict) and held.keys() == {"re", "im"}:
        return complex(_real(held["re"]), _real(held["im"]))
    raise _Flaw(f"should be a number, and is {_shown(held)}")


def _real(held: Any) -> float:
    value = held if type(held) is float else _number(held)
    if isinstance(value, bool | complex):
        raise _Flaw(f"should be a real number, and is {_shown(held)}")
    try:
        return float(value)
    except OverflowError:
        raise _Flaw(f"is too large, {_shown(held)}") from None


def _shape(held: Any) -> tuple[Any, ...] | None:
    """Read a shape, or those of several outputs; an axis may be a word, "N", or not known, NaN."""
    return None if held is None else _items(_axis, held)


def _axis(held: Any) -> Any:
    if isinstance(held, list):
        return _shape(held)
    if held == "NaN":
        return math.nan
    if isinstance(held, str):
        return clean(held)
    if type(held) is int:
        return held
    raise _Flaw(f"should be a length, and is {_shown(held)}")


def _shown(held: Any) -> str:
    text = json.dumps(held)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _check(graph: Graph) -> None:
    """See that ids are positions and that whatever refers to a box or a group finds it."""
    count, groups = len(graph.vertices), len(graph.groups)
    if not any(vertex.kind == "output" for vertex in graph.vertices):
        raise _Flaw("none of its vertices is an output")
    for i, vertex in enumerate(graph.vertices):
        where = f"vertices[{i}]"
        _entry(vertex, i, where)
        _within(vertex.group, groups, f"{where}.group")
        _within(vertex.stands_for, i, f"{where}.stands_for")
        _within(vertex.rule_of, count, f"{where}.rule_of")
        _summary(vertex.value, f"{where}.value")
        _summary(vertex.gradient, f"{where}.gradient")
    for i, edge in enumerate(graph.edges):
        where = f"edges[{i}]"
        _within(edge.target, count, f"{where}.target")
        _within(edge.source, count, f"{where}.source")
        _is(edge.source < edge.target, f"{where} should run from a smaller id to a larger one")
        _is(edge.operand >= 0, f"{where}.operand should be at least 0")
        _among(edge.change, _CHANGES, f"{where}.change")
    for i, group in enumerate(graph.groups):
        where = f"groups[{i}]"
        _entry(group, i, where)
        _within(group.parent, i, f"{where}.parent")
    for i, step in enumerate(graph.steps):
        where = f"steps[{i}]"
        _among(step.phase, _PHASES, f"{where}.phase")
        _within(step.vertex, count, f"{where}.vertex")
        _within(step.edge, len(graph.edges), f"{where}.edge")
    for key in ("forward", "backward"):
        for i, vertex_id in enumerate(getattr(graph, key)):
            _within(vertex_id, count, f"{key}[{i}]")


def _entry(held: Vertex | Group, i: int, where: str) -> None:
    """See to what boxes and groups have in common."""
    _among(held.kind, _KINDS[type(held)], f"{where}.kind")
    _among(held.change, _CHANGES, f"{where}.change")
    _is(held.id == i, f"{where}.id should be {i}, its position, and is {held.id}")


def _summary(held: Summary | None, where: str) -> None:
    """See that there is a first value of values, and all statistics or none."""
    if held is not None:
        first = min(held.size, 1)
        _is(0 <= first <= len(held.preview) <= held.size, f"{where}.preview is not of its size")
        told = [x for x in (held.mean, held.std, held.min, held.max) if x is not None]
        _is(len(told) in (0, 4), f"{where} should have mean, std, min and max, or none of them")
        _is(all(map(math.isfinite, told)), f"{where} should have statistics that are finite")


def _is(holds: bool, says: str) -> None:
    if not holds:
        raise _Flaw(says)


def _among(held: str, known: tuple[str, ...], where: str) -> None:
    _is(held in known, f"{where} is {held!r}, and should be one of {', '.join(map(repr, known))}")


def _within(held: int | None, count: int, where: str) -> None:
    _is(held is None or 0 <= held < count, f"{where} is {held}, and should be within 0 and {count}")
