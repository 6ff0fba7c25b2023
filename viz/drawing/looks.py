"""What a static drawing shows beside the boxes: the choices, and what they are measured by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from ..graph.contents import Contents
from ..graph.ir import Graph, Vertex
from ..graph.summary import Summary
from ..text import number

if TYPE_CHECKING:
    from ..graph.view import Arrow, Shown, View

__all__ = ["MANY_BOXES", "OVERLAYS", "Looks", "Scale", "amount", "check_size", "edge_norm"]

#: The overlays, and what their scale says.
OVERLAYS = {
    "role": "",
    "gradient": "gradient, root mean square",
    "value": "value, root mean square",
    "time": "time, forward and backward",
    "bytes": "bytes of the value",
    "saved": "bytes kept for the backward pass",
}
_EDGES = ("plain", "gradient")
#: A drawing of more boxes than this is made only by force.
MANY_BOXES = 100_000

#: Light to middle of ColorBrewer's YlGnBu, which colour-blind people can order; dark text can be
#: read on all of it.
_RAMP = ((255, 255, 217), (237, 248, 177), (199, 233, 180), (127, 205, 187), (80, 182, 204))
UNKNOWN = "#ffffff"


@dataclass(frozen=True, slots=True)
class Looks:
    """How a graph is drawn.

    ``overlay``
        what fills the boxes: their ``"role"``, or the size of ``"gradient"`` or ``"value"`` (root
        mean square), the ``"time"`` that they took, the ``"bytes"`` of the value, or the bytes
        ``"saved"`` for the backward pass.
    ``edges``
        ``"plain"``, or ``"gradient"``: as wide and dark as the norm of the gradient that flows
        through them.
    ``backward``
        draw the arrows of the backward pass too, beside those of the forward pass.
    ``step``
        draw the state after this step of ``graph.steps``; as in a list, 0 is the first and -1 the
        last. What is written below counts from 1.
    ``force``
        draw more than 100,000 boxes.

    >>> Looks(overlay="colour")
    Traceback (most recent call last):
        ...
    ValueError: unknown overlay 'colour'; the overlays are role, gradient, value, time, bytes, saved
    """

    overlay: str = "role"
    edges: str = "plain"
    backward: bool = False
    step: int | None = None
    force: bool = False

    def __post_init__(self) -> None:
        if self.overlay not in OVERLAYS:
            raise ValueError(
                f"unknown overlay {self.overlay!r}; the overlays are {', '.join(OVERLAYS)}"
            )
        if self.edges not in _EDGES:
            raise ValueError(f"unknown edges {self.edges!r}; they are drawn {' or '.join(_EDGES)}")
        for name in ("backward", "force"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be True or False, not {getattr(self, name)!r}")
        if self.step is not None and (isinstance(self.step, bool) or not _whole(self.step)):
            raise TypeError(f"step must be the number of a step, not {self.step!r}")

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Looks:
        """The looks of these names; a `TypeError` names one that there is not."""
        known = [field.name for field in fields(cls)]
        for name in given:
            if name not in known:
                raise TypeError(f"unknown look {name!r}; the looks are {', '.join(known)}")
        return cls(**given)


def _whole(value: object) -> bool:
    return hasattr(value, "__index__")


def check_size(boxes: int, looks: Looks) -> None:
    """Refuse to draw more boxes than anybody can look at, unless told to."""
    if boxes > MANY_BOXES and not looks.force:
        raise ValueError(
            f"a drawing of {boxes:,} boxes (more than {MANY_BOXES:,}) is slow to make and slower "
            "to look at: fold modules with depth=, save the page (.html), which opens folded, or "
            "pass force=True"
        )


@dataclass(frozen=True, slots=True)
class Scale:
    """From a quantity to a colour; ``log`` compares factors, else amounts from zero on.

    ``zeros`` are amounts of zero on a logarithmic one, which are at its start.
    """

    low: float
    high: float
    log: bool
    unit: str = ""
    zeros: bool = False

    @classmethod
    def of(cls, amounts: Iterable[float | None], log: bool, unit: str = "") -> Scale | None:
        """The scale that spans the finite ``amounts``; None if there are none."""
        known = [x for x in amounts if x is not None and math.isfinite(x)]
        if not known:
            return None
        positive = [x for x in known if x > 0] or [0.0]
        zeros = log and len(positive) < len(known)
        return cls(min(positive) if log else 0.0, max(positive), log, unit, zeros)

    @property
    def single(self) -> bool:
        """Whether all amounts are the same."""
        return self.high == 0.0 or (self.low == self.high and not self.zeros)

    def at(self, amount: float | None) -> float | None:
        """Where on the scale it is, from 0 to 1."""
        if amount is None or not math.isfinite(amount):
            return None
        if amount <= 0.0:
            part = 0.0
        elif not self.log:
            part = amount / self.high
        elif self.high <= self.low:
            part = 1.0
        else:
            # As logarithms, since their quotient may be no number that there is.
            low, high = math.log(self.low), math.log(self.high)
            part = (math.log(amount) - low) / (high - low)
        return min(1.0, max(0.0, part))

    def fill(self, amount: float | None) -> str:
        """The colour of a box."""
        part = self.at(amount)
        return UNKNOWN if part is None else colour(part)

    def ends(self) -> tuple[str, str]:
        """What to write at both ends."""
        low, high = _say(self.low, self.unit), _say(self.high, self.unit)
        if self.zeros:
            low = "0" if self.low == self.high else f"≤ {low}"
        return low, high


def colour(part: float) -> str:
    """The colour at ``part`` of the ramp, from 0 to 1."""
    at = part * (len(_RAMP) - 1)
    i = min(int(at), len(_RAMP) - 2)
    t = at - i
    mixed = [round(a + t * (b - a)) for a, b in zip(_RAMP[i], _RAMP[i + 1], strict=True)]
    return "#" + "".join(f"{x:02x}" for x in mixed)


def _say(amount: float, unit: str) -> str:
    if unit == "s":
        scale, name = (1e6, "µs") if amount < 1e-3 else (1e3, "ms") if amount < 1 else (1.0, "s")
        return f"{number(scale * amount)} {name}" if amount else "0"
    if unit == "B":
        size, names = float(amount), ["B", "kB", "MB", "GB", "TB"]
        while size >= 1000 and len(names) > 1:
            size /= 1000
            names.pop(0)
        return f"{number(size)} {names[0]}"
    return number(amount)


def overlay_scale(looks: Looks, amounts: Iterable[float | None]) -> Scale | None:
    """The scale of the overlay: logarithmic for sizes of arrays, from zero for time and bytes."""
    unit = {"time": "s", "bytes": "B", "saved": "B"}.get(looks.overlay, "")
    return Scale.of(amounts, log=not unit, unit=unit)


def amount(overlay: str, shown: Shown, graph: Graph, held: Sequence[Contents]) -> float | None:
    """What the overlay measures of a box; of a folded group, its result's or the sum."""
    if shown.group is None:
        assert shown.vertex is not None
        return _amount(overlay, graph.vertices[shown.vertex])
    sums = held[shown.group]
    if overlay in ("gradient", "value"):
        if len(sums.outputs) != 1:
            return None
        return _amount(overlay, graph.vertices[sums.outputs[0]])
    if overlay == "time":
        return sums.seconds
    return float(sums.nbytes if overlay == "bytes" else sums.held)


def _amount(overlay: str, vertex: Vertex) -> float | None:
    if overlay == "gradient":
        return _size(vertex.gradient)
    if overlay == "value":
        return _size(vertex.value)
    if overlay == "time":
        if vertex.seconds is None:
            return None
        return vertex.seconds + (vertex.backward_seconds or 0.0)
    if overlay == "saved":
        return float(vertex.held)
    return None if vertex.nbytes is None else float(vertex.nbytes)


def _size(summary: Summary | None) -> float | None:
    """The root mean square of an array, None if it is not finite."""
    if summary is None or not summary.finite or summary.mean is None or summary.std is None:
        return None
    return math.hypot(summary.mean, summary.std)


def edge_norm(graph: Graph, arrow: Arrow) -> float | None:
    """The norm of all that the backward pass sent along an arrow."""
    norms = [graph.edges[e].norm for e in arrow.edges]
    known = [x for x in norms if x is not None]
    return math.hypot(*known) if known else None


def edge_share(graph: Graph, arrow: Arrow) -> float | None:
    """The share of an explained gradient that came along an arrow."""
    shares = [graph.edges[e].share for e in arrow.edges]
    known = [x for x in shares if x is not None]
    return math.fsum(known) if known else None


def norms(view: View) -> Scale | None:
    """The scale of the arrows' norms."""
    return Scale.of([edge_norm(view.graph, arrow) for arrow in view.edges], log=True)
