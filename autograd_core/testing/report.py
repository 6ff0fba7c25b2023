"""What a check found: rows that passed, kinks that it met, and failures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

__all__ = ["Failure", "GradientCheckError", "Kink", "Report", "Row"]


class Row(NamedTuple):
    """One check that was made: its error, and what was allowed.

    Both are relative to the size of what was looked at. Where differences tell less than
    ``tolerance`` asks for, the error is a part of what they allow, and ``note`` says so.
    """

    check: str
    #: The operand that it is about; "" where it is about all of them.
    name: str
    error: float
    tolerance: float
    note: str = ""


class Kink(NamedTuple):
    """A point at which there is no derivative, found by one-sided differences."""

    #: One of ``"kink"``, ``"jump"``, ``"steep"`` (an infinite slope), ``"edge"`` (of the domain).
    kind: str
    name: str
    #: The element that moves over it; None for a direction in which several do.
    element: tuple[int, ...] | None
    #: The slopes on both sides, where there are two, of the weighted values.
    slopes: tuple[float, float] | None
    #: What the gradient says there.
    gradient: float
    order: int = 1

    def __str__(self) -> str:
        place = "along a direction" if self.element is None else f"at element {self.element}"
        order = "" if self.order == 1 else ", order 2"
        what = {
            "kink": "a kink",
            "jump": "a jump",
            "steep": "an infinite slope",
            "edge": "the edge of the domain",
        }[self.kind]
        text = f"{self.name}{order}: {what} {place}"
        if self.slopes is not None:
            text += (
                f", with slopes {self.slopes[0]:.6g} and {self.slopes[1]:.6g}; the gradient "
                f"{self.gradient:.6g} lies between"
            )
        return text


class Failure(NamedTuple):
    """One thing that is wrong."""

    #: The check that failed, for example ``"gradient"``, ``"forward mode"`` or ``"linear"``.
    check: str
    #: The operand, by the name in the function's signature and the path in its tree.
    name: str
    #: The sentence that says what is wrong.
    text: str
    element: tuple[int, ...] | None = None
    got: float | complex | None = None
    expected: float | complex | None = None
    error: float | None = None
    tolerance: float | None = None
    order: int = 1
    #: What kind of fault this looks like; "" where nothing fits.
    guess: str = ""

    def __str__(self) -> str:
        return self.text + (f"; {self.guess}" if self.guess else "")


class Report(Mapping[str, float]):
    """What was checked and found right; as a mapping, the error of each gradient by name.

    ``rows`` lists every check, ``kinks`` the points without a derivative that were met, ``notes``
    what could not be checked, and why. Printed as a table.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.kinks: list[Kink] = []
        self.notes: list[str] = []
        self._errors: dict[str, float] = {}

    def __getitem__(self, name: str) -> float:
        return self._errors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._errors)

    def __len__(self) -> int:
        return len(self._errors)

    def add(self, check: str, name: str, error: float, tolerance: float, note: str = "") -> None:
        """Enter a check that passed; made several times, it keeps the largest error."""
        for i, row in enumerate(self.rows):
            if (row.check, row.name) == (check, name):
                self.rows[i] = row._replace(error=max(row.error, error))
                return
        self.rows.append(Row(check, name, error, tolerance, note))

    def add_gradient(
        self, name: str, order: int, error: float, tolerance: float, note: str = ""
    ) -> None:
        """Enter a gradient that is right."""
        key = name if order == 1 else f"{name}, order {order}"
        self._errors[key] = max(error, self._errors.get(key, 0.0))
        self.add(f"gradient, order {order}", name, error, tolerance, note)

    def __str__(self) -> str:
        cells = [("check", "of", "error", "allowed", "")] + [
            (row.check, row.name, f"{row.error:.1e}", f"{row.tolerance:.1e}", row.note)
            for row in self.rows
        ]
        widths = [max(len(row[k]) for row in cells) for k in range(4)]
        lines = [
            f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}  {e}".rstrip()
            for a, b, c, d, e in cells
        ]
        lines += [str(kink) for kink in self.kinks]
        lines += [f"not checked: {note}" for note in self.notes]
        return "\n".join(lines)

    def __repr__(self) -> str:
        worst = max(self._errors.values(), default=0.0)
        kinks = f", {len(self.kinks)} kinks" if self.kinks else ""
        return f"<Report: {len(self.rows)} checks passed, worst error {worst:.1e}{kinks}>"


class GradientCheckError(AssertionError):
    """A gradient that is wrong; the message says where, by how much, and how to see it again.

    ``failures`` lists what is wrong, ``report`` what is right besides, ``snippet`` is the Python
    that does it again.
    """

    def __init__(
        self,
        message: str = "",
        failures: tuple[Failure, ...] = (),
        report: Any = None,
        snippet: str = "",
    ) -> None:
        super().__init__(message)
        self.failures, self.report, self.snippet = failures, report, snippet

    @classmethod
    def of(cls, failures: list[Failure], report: Report, snippet: str) -> GradientCheckError:
        """The error for some failures, the most telling first."""
        first, *others = failures
        lines = [str(first)]
        lines += [f"also: {failure}" for failure in others[:6]]
        if len(others) > 6:
            lines.append(f"and {len(others) - 6} more, in .failures")
        lines += [str(kink) for kink in report.kinks[:3]]
        lines += [
            "",
            "To see it again:",
            "",
            *(f"    {line}".rstrip() for line in snippet.splitlines()),
        ]
        return cls("\n".join(lines), tuple(failures), report, snippet)
