"""The lecture's page has every row, each short and with its picture; `test_pages` runs its code."""

import importlib.util
import re
from pathlib import Path

import pytest

from tests.docs.markdown import blocks

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "lecture.md").read_text(encoding="utf-8")
IMAGES = ROOT / "docs" / "images" / "lecture"
LINES, WIDTH = 15, 90


def sections() -> dict[str, str]:
    """What stands under each heading of the third level, by the row it starts with: L1, L2, ..."""
    parts = re.split(r"^#{2,3} (.*)\n", PAGE, flags=re.M)
    return {
        heading.partition(":")[0]: text
        for heading, text in zip(parts[1::2], parts[2::2], strict=True)
        if re.match(r"L\d+: \w", heading)
    }


ROWS = sections()


def code(text: str) -> list[str]:
    """The lines of Python in a part of the page, without those that are blank."""
    python = [block.body for block in blocks(text) if block.language == "python"]
    return [line for body in python for line in body.splitlines() if line.strip()]


def shown(text: str) -> list[str]:
    """The pictures that a part of the page shows, each with words for those who cannot see it."""
    return re.findall(r"^!\[[^\]]{10,}\]\(images/lecture/([\w.-]+)\)$", text, re.M)


def saved(text: str) -> list[str]:
    """The pictures that the code in a part of the page saves."""
    return re.findall(r'(?:save_figure\(.*, |\.save\()"([\w.-]+)"\)$', "\n".join(code(text)), re.M)


def test_every_row_of_the_lecture_is_there_in_order() -> None:
    assert list(ROWS) == [f"L{k}" for k in range(1, 32)]


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_short_code_with_the_picture_it_draws(row: str) -> None:
    text = ROWS[row]
    lines = code(text)
    assert 1 <= len(lines) <= LINES, f"{row} has {len(lines)} lines of code"
    assert max(map(len, lines)) <= WIDTH, f"{row}: {max(lines, key=len)!r} has to be scrolled"
    assert not [line for line in lines if re.match(r"\s*(import|from) ", line)], (
        f"{row}: imports stand on top of the page"
    )
    assert text.split("```")[0].strip(), f"{row} says nothing before its code"
    assert shown(text), f"{row} shows no picture"
    assert shown(text) == saved(text), f"{row} shows other pictures than its code saves"


def test_the_pictures_are_those_of_the_page_and_small() -> None:
    files = {path.name: path.stat().st_size for path in IMAGES.iterdir()}
    assert sorted(files) == sorted(name for text in ROWS.values() for name in shown(text)), (
        "run python scripts/draw_docs.py, and look at the pictures"
    )
    for name, size in files.items():
        start = (IMAGES / name).read_bytes()[:8]
        assert start == b"\x89PNG\r\n\x1a\n" if name.endswith(".png") else start[:4] == b"<svg"
        assert 1_000 < size < 120_000, f"{name} has {size} bytes"
    assert sum(files.values()) < 1_200_000


def test_the_demonstrations_that_the_page_names_exist() -> None:
    named = set(re.findall(r"python -m (examples\.lecture\.\w+)", PAGE))
    assert len(named) > 10
    for name in named:
        assert importlib.util.find_spec(name), f"the page names {name}"
