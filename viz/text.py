"""Text in drawings: how wide it will be, how to shorten it, how to write numbers and labels.

Nobody knows which font a viewer has, so widths are upper bounds: of DejaVu Sans Bold, the widest
of the usual faces, for labels, and of a fixed-width face for figures. What is written in a
narrower face only leaves more air.
"""

from __future__ import annotations

import functools
import html
import math
import unicodedata
from typing import Any

__all__ = [
    "attribute", "clean", "content", "fit", "number", "parameter", "shape_text", "short", "width",
]  # fmt: skip

LABEL_FONT = "Helvetica Neue, Helvetica, Arial, DejaVu Sans, sans-serif"
FIGURE_FONT = "ui-monospace, SF Mono, Menlo, Consolas, DejaVu Sans Mono, monospace"

# Advance widths of DejaVu Sans Bold for " " to "~", in hundredths of the font size.
_WIDTHS = (
    35, 46, 53, 84, 70, 101, 88, 31, 46, 46, 53, 84, 38, 42, 38, 37, 70, 70, 70, 70, 70, 70, 70,
    70, 70, 70, 40, 40, 84, 84, 84, 59, 100, 78, 77, 74, 84, 69, 69, 83, 84, 38, 38, 78, 64,
    100, 84, 86, 74, 86, 78, 73, 69, 82, 78, 111, 78, 73, 73, 46, 37, 46, 84, 50, 50, 68, 72,
    60, 72, 68, 44, 72, 72, 35, 35, 67, 35, 105, 72, 69, 72, 72, 50, 60, 48, 72, 66, 93, 65, 66,
    59, 72, 37, 72, 84,
)  # fmt: skip
_FIXED = 0.605


def width(text: str, size: float, *, fixed: bool = False) -> float:
    """An upper bound of the width of ``text`` at a font size, in the same unit.

    >>> width("+", 10)
    8.4
    """
    return size * sum([_advance(c, fixed) for c in text])


@functools.cache
def _advance(char: str, fixed: bool) -> float:
    if " " <= char <= "~":
        return _FIXED if fixed else _WIDTHS[ord(char) - 32] / 100
    if unicodedata.combining(char):
        return 0.0
    if char in "×÷±·−∇σΣΠ…":
        return 1.0 if char == "…" or not fixed else 0.85
    # Letters of most alphabets are at most an em wide; emoji and ideographs are more.
    return 1.4 if unicodedata.east_asian_width(char) in "WF" or char > "\u2fff" else 1.15


def fit(text: str, size: float, room: float, *, fixed: bool = False) -> str:
    """Shorten ``text`` in the middle so that it is at most ``room`` wide.

    >>> fit("a_very_long_name_indeed", 10, 80)
    'a_ver…ndeed'
    """
    if width(text, size, fixed=fixed) <= room:
        return text
    room -= width("…", size, fixed=fixed)
    advances = [size * _advance(c, fixed) for c in text]
    head = tail = 0
    used = 0.0
    while head + tail < len(text):
        at = head if head <= tail else len(text) - 1 - tail
        if used + advances[at] > room:
            break
        used += advances[at]
        if head <= tail:
            head += 1
        else:
            tail += 1
    return text[:head] + "…" + text[len(text) - tail :]


def clean(text: object) -> str:
    """Make any text one line that XML can hold; what cannot be shown is made visible.

    Controls become their pictures; what would reorder the text around it, and halves of
    surrogate pairs, become a replacement character.

    >>> clean("a\\nb")
    'a␊b'
    """
    plain = str(text)
    return plain if plain.isprintable() and plain.isascii() else "".join(map(_shown, plain))


def _shown(char: str) -> str:
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    category = unicodedata.category(char)
    if category in ("Zl", "Zp"):
        return "\u240a"
    # Joiners stay, since emoji are made with them.
    if category in ("Cc", "Cs", "Cn") or (category == "Cf" and char not in "\u200c\u200d"):
        return "\ufffd"
    return char


def content(text: str) -> str:
    """Escape text for a place between tags of XML.

    >>> content('<b> & "c"')
    '&lt;b&gt; &amp; "c"'
    """
    return html.escape(text, quote=False)


def attribute(text: str) -> str:
    """Escape and quote text for the value of an attribute.

    >>> attribute('a "b"')
    '"a &quot;b&quot;"'
    """
    return f'"{html.escape(text)}"'


def number(value: Any, digits: int = 3) -> str:
    """Write a number in few characters.

    >>> number(0.123456), number(1e-9), number(-3.0), number(float("nan")), number(2)
    ('0.123', '1e-9', '-3', 'NaN', '2')
    """
    if isinstance(value, complex):
        imaginary = number(value.imag, digits)
        sign = "" if imaginary.startswith("-") else "+"
        return f"{number(value.real, digits)}{sign}{imaginary}j"
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int) and abs(value) < 10**6:
        return str(value)
    if math.isnan(value):
        return "NaN"
    text = f"{value:.{digits}g}"
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if e else text


def shape_text(shape: Any) -> str:
    """Write a shape, or those of several outputs.

    >>> shape_text(("N", 10)), shape_text(()), shape_text(((3, 2), (2,)))
    ('(N, 10)', 'scalar', '(3, 2), (2,)')
    """
    if shape is None:
        return "?"
    if shape and isinstance(shape[0], tuple):
        return ", ".join(map(_lengths, shape))
    return _lengths(shape) if shape else "scalar"


def _lengths(shape: Any) -> str:
    return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"


def short(value: Any, room: int = 32) -> str:
    """Write a parameter of an op: slices and tuples as in an index, arrays by their shape.

    >>> short((slice(1, None), None, 0)), short(slice(None, None, -1)), short("ij,jk->ik")
    ('1:, None, 0', '::-1', 'ij,jk->ik')
    """
    if isinstance(value, slice):
        step = "" if value.step is None else f":{value.step}"
        ends = ["" if end is None else str(end) for end in (value.start, value.stop)]
        text = f"{ends[0]}:{ends[1]}{step}"
    elif isinstance(value, tuple | list):
        text = ", ".join(short(item, room) for item in value)
    elif value is Ellipsis:
        text = "..."
    elif getattr(value, "shape", ()) != ():
        text = f"array {tuple(value.shape)}"
    elif isinstance(value, float | complex) and not isinstance(value, bool):
        text = number(value, 4)
    else:
        text = str(value)
    text = clean(text)
    return text if len(text) <= room else text[: room - 1] + "…"


def parameter(value: Any) -> str:
    """Write a parameter of an op, as `short` does, but sequences in brackets.

    >>> parameter((1, -1)), parameter((3,)), parameter(()), parameter("mean")
    ('(1, -1)', '(3,)', '()', 'mean')
    """
    if type(value) is tuple:
        return f"({short(value)}{',' * (len(value) == 1)})"
    return f"[{short(value)}]" if type(value) is list else short(value)
