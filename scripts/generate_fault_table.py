"""Write the table of planted faults in docs/gradient_testing.md, by planting them.

python scripts/generate_fault_table.py           # every op, some minutes
python scripts/generate_fault_table.py --check   # whether the page has a row for every fault
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from autograd_core.testing import GradientCheckError, check_gradients  # noqa: E402
from tests.autograd_core.testing.faults import (  # noqa: E402
    FAULTS,
    OPS_WITH_RULES,
    Fault,
    plant_many,
)
from tests.autograd_core.testing.hand_written import PAIRS  # noqa: E402

PAGE = ROOT / "docs" / "gradient_testing.md"
BEGIN, END = "<!-- planted faults: begin -->", "<!-- planted faults: end -->"
EXAMPLES, SEEDS = 4, 20


def in_rules(fault: Fault, names: list[str], examples: int) -> tuple[str, int, int, int]:
    """A row: the fault, how often it was planted and caught, and in how many ops."""
    count = plant_many(fault, names, examples)
    return fault.name, count.planted, count.caught, count.ops


def by_hand(kind: str, seeds: int) -> tuple[str, int, int]:
    """The same for a gradient that is written by hand."""
    caught = 0
    for seed in range(seeds):
        pair = PAIRS[kind](np.random.default_rng(seed))
        options = {"f": pair.f, **pair.wrong}
        f = options.pop("f")
        try:
            check_gradients(f, *pair.args, **options)
        except GradientCheckError:
            caught += 1
    return kind, seeds, caught


def rate(planted: int, caught: int) -> str:
    return f"{caught / planted:.1%}" if planted else "-"


def table(names: list[str], examples: int, seeds: int) -> str:
    """The two tables, in Markdown."""
    rows = [in_rules(fault, names, examples) for fault in FAULTS]
    lines = [
        "| fault in a rule | ops | planted | caught | rate |",
        "| --- | --- | --- | --- | --- |",
        *(f"| {name} | {ops} | {p} | {c} | {rate(p, c)} |" for name, p, c, ops in rows),
    ]
    hand = [by_hand(kind, seeds) for kind in PAIRS]
    lines += [
        "",
        "| fault in a gradient written by hand | planted | caught | rate |",
        "| --- | --- | --- | --- |",
        *(f"| {name} | {p} | {c} | {rate(p, c)} |" for name, p, c in hand),
    ]
    planted = sum(row[1] for row in rows) + sum(row[1] for row in hand)
    caught = sum(row[2] for row in rows) + sum(row[2] for row in hand)
    lines += ["", f"Together: {caught:,} of {planted:,}, {rate(planted, caught)}."]
    return "\n".join(lines)


def written() -> list[tuple[str, int, int]]:
    """The rows of the page: fault, planted, caught."""
    text = PAGE.read_text(encoding="utf-8")
    part = text[text.index(BEGIN) : text.index(END)]
    found = re.findall(r"^\| (.+?) \|(?: \d+ \|)?? (\d+) \| (\d+) \| [\d.]+% \|$", part, re.M)
    return [(name, int(planted), int(caught)) for name, planted, caught in found]


def behind() -> str:
    """What the page lacks; "" if it has a row for every fault."""
    names = [name for name, _, _ in written()]
    due = [fault.name for fault in FAULTS] + list(PAIRS)
    if names != due:
        return f"docs/gradient_testing.md lists {names}, and there are {due}"
    return ""


def main() -> None:
    if sys.argv[1:] == ["--check"]:
        if message := behind():
            sys.exit(f"{message}; run python scripts/generate_fault_table.py")
        return
    made = table(OPS_WITH_RULES, EXAMPLES, SEEDS)
    # Read after the minutes that this took, so that what was written meanwhile is kept.
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    page = f"{before}{BEGIN}\n\n{made}\n\n{END}{after}"
    PAGE.write_text(page, encoding="utf-8", newline="\n")
    print(made)


if __name__ == "__main__":
    main()
