"""Write the figures of a run of the benchmarks into the pages that show them.

python -m benchmarks --json numbers.json
python scripts/write_benchmarks.py numbers.json
python scripts/write_benchmarks.py numbers.json --check   # are all marks known? writes nothing

The pages are docs/performance.md and benchmarks/README.md. They have marks, which stay, and what
stands between them is replaced:

    <!-- P1 -->                        the row's table and its targets; of OPS the twenty worst
    <!-- summary -->                   every target of every row
    <!-- machine -->                   the machine, the versions, the date
    <!-- P1: ours -->                  a median, as "183 µs"
    <!-- P1: ours, backward -->        that of a stage, or a fact: "81 µs", "312 bytes a node"
    <!-- P1: ours / PyTorch eager -->  a ratio of medians, as "0.42"
    <!-- P9: bytes a node, ours, 10^6 -->  what a target measured, by its words in the summary

each followed by <!-- end -->. Rows that the run did not measure are left as they are.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.contest import UNITS  # noqa: E402
from benchmarks.rows import NAMES  # noqa: E402
from benchmarks.table import number, ratio  # noqa: E402

PAGES = (ROOT / "docs" / "performance.md", ROOT / "benchmarks" / "README.md")
WHOLE = ("machine", "summary")
MARK = re.compile(
    rf"<!-- (?P<key>(?:{'|'.join([*WHOLE, *NAMES])})(?:: [^>]*?)?) -->(?P<old>.*?)<!-- end -->",
    re.DOTALL,
)


class UnknownMark(Exception):
    """A mark that asks for what the run has not."""


def figure(row: dict[str, Any], asked: str) -> str:
    """The text of a mark for one number of a row."""
    if "contestants" not in row:
        raise UnknownMark(f"{row['id']} is a table as a whole, without {asked!r}")
    for target in row["targets"]:
        if target["title"] == asked:
            return ratio(target["reached"])
    found = {contestant["name"]: contestant for contestant in row["contestants"]}
    above, slash, below = asked.partition(" / ")
    if slash and above in found and below in found:
        pair = [found[name]["median"] for name in (above, below)]
        void = any(found[name]["agrees"] is False for name in (above, below))
        return "-" if void or None in pair else ratio(pair[0] / pair[1])
    name = max((n for n in found if asked == n or asked.startswith(f"{n}, ")), key=len, default="")
    part = asked.removeprefix(name).removeprefix(", ")
    contestant = found.get(name, {"stages": {}, "facts": {}})
    if part in contestant["facts"]:
        return f"{number(contestant['facts'][part])} {part}"
    if name and (not part or part in contestant["stages"]):
        seconds = contestant["stages"][part] if part else contestant["median"]
        if seconds is None:
            return "-"
        return f"{number(seconds * UNITS[row['unit']])} {row['unit']}"
    raise UnknownMark(f"{row['id']} has no {asked!r}; it has {', '.join(found)}")


def filled(page: str, report: dict[str, Any]) -> str:
    """The page with the report's figures between its marks."""
    rows = {row["id"]: row for row in report["rows"]}

    def replaced(match: re.Match[str]) -> str:
        key, old = match["key"], match["old"]
        row, colon, asked = key.partition(": ")
        if colon:
            text = figure(rows[row], asked) if row in rows else old
        elif key in report["markdown"]:
            # A terminal shows x*x*x as it is; a page would have it in italics.
            table = report["markdown"][key].replace("*", r"\*")
            text = f"\n\n{table}\n\n"
        else:
            text = old
        return f"<!-- {key} -->{text}<!-- end -->"

    return MARK.sub(replaced, page)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill every page that there is."""
    parser = argparse.ArgumentParser(description="Write a run's figures into the pages.")
    parser.add_argument("report", type=Path, help="what `python -m benchmarks --json FILE` wrote")
    parser.add_argument("--check", action="store_true", help="only say whether all marks are known")
    options = parser.parse_args(arguments)
    report = json.loads(options.report.read_text(encoding="utf-8"))
    if report["machine"]["quick"] and not options.check:
        parser.error(f"{options.report} is of a quick run: its figures mean nothing")
    for page in PAGES:
        if not page.exists():
            continue
        before = page.read_text(encoding="utf-8")
        if before.count("<!-- end -->") != len(MARK.findall(before)):
            raise UnknownMark(f"{page.name}: a mark that is no row, or has no end")
        after = filled(before, report)
        if not options.check:
            page.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
