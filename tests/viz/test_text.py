"""Text: bounds of its width, one line that XML can hold, short numbers."""

import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import font_manager, ft2font

from viz.text import clean, fit, number, shape_text, short, width

FACES = [("DejaVu Sans", "bold", False), ("DejaVu Sans", "normal", False)]
FACES.append(("DejaVu Sans Mono", "bold", True))


def real_width(text: str, family: str, weight: str, size: float) -> float:
    """The width of ``text`` as its font file tells; the fonts come with matplotlib."""
    path = font_manager.findfont(
        font_manager.FontProperties(family=family, weight=weight), fallback_to_default=False
    )
    font = ft2font.FT2Font(path)
    font.set_size(100.0, 72)
    return sum(font.load_char(ord(c)).linearHoriAdvance / 65536 for c in text) * size / 100


@pytest.mark.parametrize(("family", "weight", "fixed"), FACES)
@given(text=st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_width_is_an_upper_bound(text: str, family: str, weight: str, fixed: bool) -> None:
    bound = width(text, 13.0, fixed=fixed) + 1e-3 * len(text)  # the file's own rounding
    assert real_width(text, family, weight, 13.0) <= bound


@pytest.mark.parametrize(("family", "weight", "fixed"), FACES)
def test_signs_of_our_own_are_bounded_too(family: str, weight: str, fixed: bool) -> None:
    for sign in "×÷±·−∇ΣΠ…√²":
        assert real_width(sign, family, weight, 10.0) <= width(sign, 10.0, fixed=fixed)


@given(st.text(), st.floats(0, 200))
def test_fit_shortens_to_the_room_there_is(text: str, room: float) -> None:
    short_text = fit(text, 12.0, room)
    assert width(short_text, 12.0) <= max(room, width("…", 12.0))
    if width(text, 12.0) <= room:
        assert short_text == text


@given(st.text(st.characters(exclude_categories=())))
def test_clean_text_is_one_line_of_xml(text: str) -> None:
    shown = clean(text)
    assert "\n" not in shown
    assert ET.fromstring(f"<t>{escape(shown)}</t>").text == (shown or None)


def test_clean_shows_what_it_replaces() -> None:
    assert clean("a\nb\tc\x00\x7f") == "a␊b␉c␀␡"
    assert clean("\ud800\u202e\u2028") == "\ufffd\ufffd␊"
    assert clean("λ 😀 é 中 👩\u200d💻") == "λ 😀 é 中 👩\u200d💻"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"), (1.0, "1"), (-0.25, "-0.25"), (123456.0, "1.23e5"), (1e-10, "1e-10"),
        (float("inf"), "inf"), (float("-inf"), "-inf"), (float("nan"), "NaN"), (True, "True"),
        (12, "12"), (10**9, "1e9"), (1 - 2j, "1-2j"), (1 + 2j, "1+2j"),
    ],
)  # fmt: skip
def test_numbers_are_short(value: complex, shown: str) -> None:
    assert number(value) == shown


def test_parameters_are_short() -> None:
    import numpy as np

    assert short((slice(None), Ellipsis, 1)) == ":, ..., 1"
    assert short(np.zeros((3, 4))) == "array (3, 4)"
    assert short("x" * 99) == "x" * 31 + "…"
    assert short(0.5) == "0.5"
    assert shape_text(None) == "?"
