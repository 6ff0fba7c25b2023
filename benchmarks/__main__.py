"""`python -m benchmarks [rows...] [--quick] [--threads N] [--json FILE]`."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine, ops_table, race, table
from benchmarks.rows import NAMES, ROWS, SWEEP
from benchmarks.timing import QUICK, Pace

LEGEND = "Medians of interleaved turns; ratio: ours over theirs, below 1 where ours is faster."


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=LEGEND)
    parser.add_argument("rows", nargs="*", metavar="row", help=f"some of {' '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="few steps: does it run at all?")
    parser.add_argument("--threads", type=int, default=min(2, machine.cores()))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there too")
    options = parser.parse_args(arguments)
    if unknown := [row for row in options.rows if row.upper() not in NAMES]:
        parser.error(f"no such row: {' '.join(unknown)}; there are {' '.join(NAMES)}")
    if options.threads < 1:
        parser.error(f"--threads {options.threads}: at least one thread is needed")
    return options


def show(message: str) -> None:
    """Say on a terminal what is going on, on a line that the next one overwrites."""
    if sys.stderr.isatty():
        print(f"\r\033[K{message}", end="", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rows asked for; 1 where a contestant failed or computed something else."""
    options = parse(arguments)
    chosen = [row.upper() for row in options.rows] or list(NAMES)
    pace = QUICK if options.quick else Pace()
    facts = machine.facts(options.threads)
    facts["date"] = datetime.now(UTC).date().isoformat()
    facts["quick"] = options.quick
    print(f"{table.machine_line(facts, facts['date'])}\n{LEGEND}\n")
    outcomes: list[race.Outcome | ops_table.Sweep] = []
    for name in chosen:
        outcome: race.Outcome | ops_table.Sweep
        if name == SWEEP:
            outcome = ops_table.run(ops_table.QUICK if options.quick else ops_table.FULL, show)
            text = outcome.text()
        else:
            outcome = race.run(ROWS[name], options.threads, pace, options.quick, show)
            text = table.text(outcome)
        show("")
        print(text, end="\n\n", flush=True)
        outcomes.append(outcome)
    failures = [result for outcome in outcomes for result in outcome.results if result.detail]
    for failure in failures:
        print(f"{failure.name}:\n{failure.detail}", file=sys.stderr)
    if options.json:
        report = {"machine": facts, "rows": [outcome.as_json() for outcome in outcomes]}
        text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
        options.json.write_text(text + "\n", encoding="utf-8")
    return int(bool(failures) or any(outcome.void for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
