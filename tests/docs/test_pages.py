"""Every Python code block of the README and of the documentation runs, and prints what it says."""

from pathlib import Path

import pytest

from tests.docs.markdown import run_page

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
# A page without code to run is named here, so that a fence with a typo in its language is noticed.
WITHOUT_CODE = {
    "CONTRIBUTING.md",
    "api.md",
    "changelog.md",
    "contributing.md",
    "index.md",
    "ops.md",
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_blocks_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run_page(page)
    assert (ran == 0) == (page.name in WITHOUT_CODE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n", "page.md:6 says\n3"),
        ("```python\n>>> 1 + 1\n3\n```\n", "Expected"),
        ("```python\nx = 1\n```\n\n```python\n>>> x\n2\n```\n", "Expected"),
    ],
    ids=["printed", "prompt", "session"],
)
def test_a_wrong_page_is_caught(tmp_path: Path, text: str, message: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    with pytest.raises(AssertionError, match=message):
        run_page(page)


def test_a_traceback_names_the_line_of_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n```python\nx = 1\n1 / 0\n```\n", encoding="utf-8")
    with pytest.raises(ZeroDivisionError) as caught:
        run_page(page)
    assert caught.traceback[-1].lineno + 1 == 5
