"""Outcomes as Markdown tables, which a terminal and the docs show alike."""

from collections.abc import Sequence
from typing import Any

from benchmarks.contest import UNITS, Row
from benchmarks.race import Outcome, Result

Cells = Sequence[str]


def number(value: float) -> str:
    """Three digits that count, without an exponent."""
    if value == 0:
        return "0"
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:,.{digits}f}".replace(",", " ")


def markdown(head: Cells, rows: Sequence[Cells]) -> str:
    """A Markdown table with columns as wide as their widest cell."""
    widths = [max(len(line[column]) for line in [head, *rows]) for column in range(len(head))]

    def line(cells: Cells, fill: str = " ") -> str:
        padded = (cell.ljust(width, fill) for cell, width in zip(cells, widths, strict=True))
        return "| " + " | ".join(padded) + " |"

    return "\n".join([line(head), line([""] * len(head), "-"), *(line(cells) for cells in rows)])


def cells(result: Result, row: Row, staged: bool) -> Cells:
    """A contestant's line of the table."""
    if result.problem:
        return [result.name, "-", "-", "-", result.problem] + [""] * staged
    scale = UNITS[row.unit]
    check = "-" if result.check is None else ", ".join(f"{n:.6g}" for n in result.check)
    if result.agrees is False:
        check = f"VOID: {check}"
    if result.facts:
        facts = (f"{number(value)} {name}" for name, value in result.facts.items())
        check = "; ".join([check] * (result.check is not None) + [", ".join(facts)])
    shown = [
        result.name,
        number(result.median * scale),
        f"{number(result.low * scale)}–{number(result.high * scale)}",
        "-" if result.ratio is None else f"{result.ratio:.2f}",
        check,
    ]
    if staged:
        parts = (f"{name} {number(time * scale)}" for name, time in result.stages.items())
        shown.append(" + ".join(parts) if len(result.stages) > 1 else "")
    return shown


def verdict(at_most: float | None, reached: float | None) -> str:
    """Whether a target was reached, in a word."""
    if reached is None:
        return "not measured"
    if at_most is None:
        return "-"
    return "yes" if reached <= at_most else "NO"


def ratio(value: float | None) -> str:
    """A ratio, or a number of bytes, that a target bounds."""
    return "-" if value is None else f"{value:.2f}" if value < 100 else number(value)


def target_lines(outcome: Outcome) -> list[str]:
    """Each target of a row beside what was reached."""
    words = {"yes": "reached", "NO": "MISSED"}
    lines = []
    for target in outcome.targets():
        at_most, reached = target["at_most"], target["reached"]
        word = verdict(at_most, reached)
        found = [ratio(reached)] * (reached is not None) + [words.get(word, word)] * (word != "-")
        bound = "" if at_most is None else f", at most {at_most}"
        lines.append(f"- {target['title']}{bound}: {', '.join(found)}")
    return lines


def summary(outcomes: Sequence[Outcome]) -> str:
    """All targets of all rows: what is asked, what was reached."""
    lines = [
        [
            outcome.row.id,
            target["title"],
            "-" if target["at_most"] is None else f"{target['at_most']}",
            ratio(target["reached"]),
            verdict(target["at_most"], target["reached"]),
        ]
        for outcome in outcomes
        for target in outcome.targets()
    ]
    bounded = [line[-1] for line in lines if line[-1] in ("yes", "NO")]
    head = ["row", "target", "at most", "measured", "reached"]
    return f"{markdown(head, lines)}\n\n{bounded.count('yes')} of {len(bounded)} reached."


def body(outcome: Outcome) -> str:
    """A row's table and its targets."""
    row = outcome.row
    staged = any(len(result.stages) > 1 for result in outcome.results)
    counted = any(result.check or result.facts for result in outcome.results)
    head = ["", f"{row.unit} {row.per}", "quartiles", "ratio"]
    head.append(f"{row.checked} after {row.warm_up} steps" if row.warm_up > 1 else row.checked)
    if staged:
        head.append("by stage")
    lines = [list(cells(result, row, staged)) for result in outcome.results]
    if not counted and not any(result.problem for result in outcome.results):
        del head[4]
        for line in lines:
            del line[4]
    notes = target_lines(outcome)
    if any(result.check for result in outcome.results):
        void = ", ".join(outcome.void)
        agreement = f"VOID, {void} computed something else" if void else "yes"
        notes.insert(0, f"- agreement to {row.tolerance:g}, relative: {agreement}")
    return "\n".join([markdown(head, lines), "", *notes]).rstrip()


def text(outcome: Outcome) -> str:
    """A row's heading, its table and its targets."""
    return f"### {outcome.row.id}: {outcome.row.title}\n\n{body(outcome)}"


def machine_line(facts: dict[str, Any], rest: str) -> str:
    """The machine in one sentence."""
    versions = ", ".join(f"{name} {v}" for name, v in facts["versions"].items() if v)
    return (
        f"{facts['system']} {facts['architecture']}, {facts['cores']} cores, {facts['threads']} "
        f"thread{'s' * (facts['threads'] != 1)}, Python {facts['python']}, {facts['blas']}; "
        f"{versions}. {rest}"
    )
