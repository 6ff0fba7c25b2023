"""`python -m benchmarks [rows... | all] [--quick] [--threads N] [--json FILE]`."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine, ops_table, race, table
from benchmarks.rows import LISTED, NAMES, ROWS, SWEEP
from benchmarks.timing import QUICK, Pace

ALL = "all"
LEGEND = "Medians of interleaved turns; ratio: ours over theirs, below 1 where ours is faster."


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=LEGEND)
    parser.add_argument(
        "rows", nargs="*", metavar="row", help=f"{ALL}, or some of {' '.join(NAMES)}"
    )
    parser.add_argument("--quick", action="store_true", help="few steps: does it run at all?")
    parser.add_argument("--threads", type=int, default=min(2, machine.cores()))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there too")
    options = parser.parse_args(arguments)
    if unknown := [row for row in options.rows if row.upper() not in (ALL.upper(), *NAMES)]:
        parser.error(f"no such row: {' '.join(unknown)}; there are {' '.join(NAMES)}")
    options.chosen = [row.upper() for row in options.rows]
    if ALL.upper() in options.chosen or (options.quick and not options.chosen):
        options.chosen = list(NAMES)
    options.chosen = options.chosen or [row.id for row in LISTED]
    if options.threads < 1:
        parser.error(f"--threads {options.threads}: at least one thread is needed")
    return options


def show(message: str) -> None:
    """Say on a terminal what is going on, on a line that the next one overwrites."""
    if sys.stderr.isatty():
        print(f"\r\033[K{message}", end="", file=sys.stderr, flush=True)


def body(outcome: race.Outcome | ops_table.Sweep) -> str:
    """A row's table for the docs; of all ops only the worst."""
    return table.body(outcome) if isinstance(outcome, race.Outcome) else outcome.body(20)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rows asked for; 1 where a contestant failed or computed something else."""
    options = parse(arguments)
    pace = QUICK if options.quick else Pace()
    facts = machine.facts(options.threads)
    facts["date"] = datetime.now(UTC).date().isoformat()
    facts["quick"] = options.quick
    print(f"{table.machine_line(facts, facts['date'])}\n{LEGEND}\n")
    outcomes: list[race.Outcome | ops_table.Sweep] = []
    took: dict[str, float] = {}
    for name in options.chosen:
        started = time.monotonic()
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
        took[name] = round(time.monotonic() - started, 1)
    raced = [outcome for outcome in outcomes if isinstance(outcome, race.Outcome)]
    if any(outcome.row.targets for outcome in raced):
        print(f"### All targets\n\n{table.summary(raced)}\n", flush=True)
    print(f"Took {sum(took.values()) / 60:.1f} min.", file=sys.stderr)
    failures = [result for outcome in outcomes for result in outcome.results if result.detail]
    for failure in failures:
        print(f"{failure.name}:\n{failure.detail}", file=sys.stderr)
    if options.json:
        texts = {outcome.as_json()["id"]: body(outcome) for outcome in outcomes}
        texts |= {"machine": table.machine_line(facts, facts["date"])}
        texts |= {"summary": table.summary(raced)}
        report = {
            "machine": facts,
            "rows": [outcome.as_json() for outcome in outcomes],
            "took_seconds": took,
            "markdown": texts,
        }
        text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
        options.json.write_text(text + "\n", encoding="utf-8")
    return int(bool(failures) or any(outcome.void for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
