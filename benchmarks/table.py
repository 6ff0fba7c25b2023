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
        check = f"{check}; {', '.join(facts)}"
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


def target_lines(outcome: Outcome) -> list[str]:
    """Each target of a row beside what was reached."""
    lines = []
    for target in outcome.row.targets:
        reached = outcome.ratio(target.above, target.below)
        if reached is None:
            verdict = "not measured"
        else:
            verdict = f"{reached:.2f}, {'reached' if reached <= target.at_most else 'MISSED'}"
        lines.append(f"- {target.above} / {target.below}, at most {target.at_most}: {verdict}")
    return lines


def text(outcome: Outcome) -> str:
    """A row's heading, its table and its targets."""
    row = outcome.row
    staged = any(len(result.stages) > 1 for result in outcome.results)
    head = ["", f"{row.unit} {row.per}", "quartiles", "ratio"]
    head.append(f"{row.checked} after {row.warm_up} steps" if row.warm_up > 1 else row.checked)
    if staged:
        head.append("by stage")
    lines = [
        f"### {row.id}: {row.title}",
        "",
        markdown(head, [cells(result, row, staged) for result in outcome.results]),
        "",
        f"- agreement to {row.tolerance:g}, relative: "
        + (f"VOID, {', '.join(outcome.void)} computed something else" if outcome.void else "yes"),
        *target_lines(outcome),
    ]
    return "\n".join(lines)


def machine_line(facts: dict[str, Any], rest: str) -> str:
    """The machine in one sentence."""
    versions = ", ".join(f"{name} {v}" for name, v in facts["versions"].items() if v)
    return (
        f"{facts['system']} {facts['architecture']}, {facts['cores']} cores, {facts['threads']} "
        f"thread{'s' * (facts['threads'] != 1)}, Python {facts['python']}, {facts['blas']}; "
        f"{versions}. {rest}"
    )
