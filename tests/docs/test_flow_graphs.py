"""The page on flow graphs shows what its code draws; `test_pages` runs that code."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from scripts import draw_docs
from tests.docs.markdown import blocks

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "flow_graphs.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^!\[[^\]]{10,}\]\(images/flow_graphs/([\w.-]+)\)$", PAGE, re.M)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    draw_docs.flow_graphs(folder / "images", folder / "live")
    return folder


def test_each_picture_is_what_the_code_above_it_saves() -> None:
    parts = re.split(r"^!\[[^\]]*\]\(images/flow_graphs/([\w.-]+)\)$", PAGE, flags=re.M)
    assert parts[1::2] == SHOWN
    assert len(SHOWN) > 8
    for before, name in zip(parts[::2], SHOWN, strict=False):
        code = [block.body for block in blocks(before) if block.language == "python"]
        assert f'save("{name}"' in code[-1]


def test_the_pictures_are_up_to_date_and_small(drawn: Path) -> None:
    there = {path.name: path for path in draw_docs.FLOW_GRAPHS.iterdir()}
    assert sorted(there) == sorted(SHOWN)
    for name, path in there.items():
        now = (drawn / "images" / name).read_text(encoding="utf-8")
        assert path.read_text(encoding="utf-8") == now, "run python scripts/draw_docs.py"
        assert 1_000 < path.stat().st_size < 60_000
    assert sum(path.stat().st_size for path in there.values()) < 300_000


def untimed(page: str) -> str:
    """The page without the seconds that were measured."""
    return re.sub(r'"(seconds|back)":[^,}]*', r'"\1":0', page)


def test_the_live_page_is_up_to_date_and_offline(drawn: Path) -> None:
    (live,) = draw_docs.LIVE.iterdir()
    assert f'src="_static/flow_graphs/{live.name}"' in PAGE
    text = live.read_text(encoding="utf-8")
    assert not re.search(r"https?://(?!www\.w3\.org/)", text)
    assert not re.search(r"/home/|/work/|/tmp/|[A-Z]:\\\\", text)
    assert len(text) < 60_000
    now = (drawn / "live" / live.name).read_text(encoding="utf-8")
    assert untimed(text) == untimed(now), "run python scripts/draw_docs.py"


def test_a_moving_picture_shows_each_drawing_in_turn() -> None:
    frames = draw_docs.readme().frames()
    root = ET.fromstring(draw_docs.moving(frames))
    shown = [g for g in root if re.fullmatch(r"f\d+", g.get("id", ""))]
    assert len(shown) == len(frames)
    defs = {g.get("id"): g for g in root.find(f"{SVG}defs") or ()}
    for group, frame in zip(shown, frames, strict=True):
        texts = []
        for element in group.iter():
            reference = element.get("href")
            inside = defs[reference[1:]].iter() if reference else [element]
            texts += [e.text for e in inside if e.tag == f"{SVG}text"]
        assert texts == [e.text for e in ET.fromstring(frame).iter(f"{SVG}text")]
    style = (root.find(f"{SVG}style") or root[0]).text or ""
    assert "prefers-reduced-motion" in style
