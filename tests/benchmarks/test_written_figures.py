"""The script that writes a run's figures into the pages."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.rows import ROWS
from scripts import write_benchmarks

PAGE = """# Fast
<!-- machine --><!-- end -->
P1 takes <!-- P1: ours -->?<!-- end -->, <!-- P1: ours, backward -->?<!-- end --> of it backward,
<!-- P1: ours / PyTorch eager, lean -->9.99<!-- end --> of PyTorch's; <!-- P2: ours -->old<!-- end -->

<!-- P1 -->

| an old | table |

<!-- end -->

a node: <!-- P9: ours, 10^6, bytes a node -->?<!-- end -->, over <!-- P9: a target -->?<!-- end -->
"""  # noqa: E501
WRITTEN = """# Fast
<!-- machine -->

Linux, 2 cores

<!-- end -->
P1 takes <!-- P1: ours -->84.0 µs<!-- end -->, <!-- P1: ours, backward -->50.0 µs<!-- end --> of it backward,
<!-- P1: ours / PyTorch eager, lean -->0.42<!-- end --> of PyTorch's; <!-- P2: ours -->old<!-- end -->

<!-- P1 -->

| a new | table |

<!-- end -->

a node: <!-- P9: ours, 10^6, bytes a node -->312 bytes a node<!-- end -->, over <!-- P9: a target -->0.80<!-- end -->
"""  # noqa: E501


def contestant(name: str, median: float, **more: Any) -> dict[str, Any]:
    return {"name": name, "median": median, "agrees": True, "stages": {}, "facts": {}, **more}


@pytest.fixture
def report() -> dict[str, Any]:
    """What `--json` writes, as far as the script reads it."""
    ours = contestant("ours", 84e-6, stages={"forward": 34e-6, "backward": 50e-6})
    p1 = [ours, contestant("PyTorch eager, lean", 200e-6), contestant("void", 1, agrees=False)]
    p9 = [contestant("ours, 10^6", 1e-6, facts={"bytes a node": 312.0})]
    target = {"title": "a target", "at_most": 1.3, "reached": 0.8}
    return {
        "machine": {"quick": False},
        "rows": [
            {"id": "P1", "unit": "µs", "targets": [], "contestants": p1},
            {"id": "P9", "unit": "ns", "targets": [target], "contestants": p9},
        ],
        "markdown": {"machine": "Linux, 2 cores", "P1": "| a new | table |"},
    }


def test_figures_are_filled_in(report: dict[str, Any]) -> None:
    assert write_benchmarks.filled(PAGE, report) == WRITTEN
    assert write_benchmarks.filled(WRITTEN, report) == WRITTEN


def test_products_are_no_emphasis(report: dict[str, Any]) -> None:
    report["markdown"]["P1"] = "| x*x*x |"
    page = write_benchmarks.filled("<!-- P1 --><!-- end -->", report)
    assert page == "<!-- P1 -->\n\n| x\\*x\\*x |\n\n<!-- end -->"


def test_a_void_ratio_is_none(report: dict[str, Any]) -> None:
    page = "<!-- P1: ours / void -->1<!-- end -->"
    assert write_benchmarks.filled(page, report) == "<!-- P1: ours / void -->-<!-- end -->"


@pytest.mark.parametrize("asked", ["nobody", "ours / nobody", "ours, sideways"])
def test_what_the_run_has_not_is_an_error(asked: str, report: dict[str, Any]) -> None:
    with pytest.raises(write_benchmarks.UnknownMark, match="P1 has no"):
        write_benchmarks.filled(f"<!-- P1: {asked} --><!-- end -->", report)


def test_pages_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: dict[str, Any]
) -> None:
    page, absent, numbers = (tmp_path / name for name in ("page.md", "absent.md", "n.json"))
    monkeypatch.setattr(write_benchmarks, "PAGES", (page, absent))
    page.write_text(PAGE, encoding="utf-8")
    numbers.write_text(json.dumps(report), encoding="utf-8")
    assert write_benchmarks.main([str(numbers), "--check"]) == 0
    assert page.read_text(encoding="utf-8") == PAGE
    assert write_benchmarks.main([str(numbers)]) == 0
    assert page.read_text(encoding="utf-8") == WRITTEN
    page.write_text("<!-- P99 --><!-- end -->", encoding="utf-8")
    with pytest.raises(write_benchmarks.UnknownMark, match=r"page\.md"):
        write_benchmarks.main([str(numbers)])
    report["machine"]["quick"] = True
    numbers.write_text(json.dumps(report), encoding="utf-8")
    with pytest.raises(SystemExit):
        write_benchmarks.main([str(numbers)])


@pytest.mark.parametrize("page", write_benchmarks.PAGES, ids=lambda page: page.name)
def test_marks_of_the_pages_are_of_rows_and_contestants(page: Path) -> None:
    if not page.exists():
        pytest.skip("not written yet")
    text = page.read_text(encoding="utf-8")
    marks = [match["key"] for match in write_benchmarks.MARK.finditer(text)]
    assert len(marks) == text.count("<!-- end -->") > 0
    for row, _, asked in (mark.partition(": ") for mark in marks):
        if asked:
            names = [contestant.name for contestant in ROWS[row].contestants]
            titles = [target.title for target in ROWS[row].targets]
            assert asked in titles or any(asked.startswith(name) for name in names), asked
