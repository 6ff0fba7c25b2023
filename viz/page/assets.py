"""The scripts, the style sheet and the elements of the page, as it carries them.

The scripts are joined in the order of `_SCRIPTS`, inside one function. What only people need is
taken out: comments that have a line of their own, and spaces that no word needs. So in a script
every statement ends in a semicolon, no text or pattern goes over a line, and a pattern stands only
where a bracket has opened. Then all is compressed together.
"""

from __future__ import annotations

import base64
import colorsys
import functools
import json
import re
import zlib
from importlib import resources

from ..drawing.boxes import ALARM, CHANGES, EDGE, FAINT, GRADIENT, NOW, STYLES, TEXT
from ..drawing.looks import OVERLAYS, colour
from ..text import FIGURE_FONT, LABEL_FONT

__all__ = ["dark", "pack", "packed", "squeeze", "unpack"]

_SCRIPTS = (
    "data.js", "view.js", "layout.js", "draw.js", "step.js", "tell.js", "search.js", "page.js",
)  # fmt: skip
#: Scripts of which one function is used elsewhere.
_ALONE = {"view.js": "view", "layout.js": "layered"}

#: The keys of the page.
_KEYS = (
    ("Tab", "from part to part; into the graph"),
    ("← →", "one step back or on; what happens inside a closed group is one"),
    (", .", "the same, also inside the graph"),
    ("Home End", "before the first step, the whole picture"),
    ("Space, p", "play, pause"),
    ("In the graph:", ""),
    ("← → ↑ ↓", "to the next box; with Shift: steps"),
    ("Enter, Space", "what depends on the box; open or close a group"),
    ("h", "what depends on the box, also of a group"),
    ("s", "the next step that computes the box or brings it a gradient; as a double click"),
    ("x", "close the group around the box"),
    ("Everywhere:", ""),
    ("/", "search; Enter, n, N: next, previous hit"),
    ("e c", "expand or collapse all"),
    ("+ − 0", "zoom in, out, fit"),
    ("Esc", "back to the plain picture"),
    ("Click", "what depends on the box; open or close a group; with Shift: what depends on it"),
    ("Drag, wheel", "move, zoom; inside another page the wheel zooms with Ctrl"),
)


def _style() -> str:
    """The style sheet, with the colours of both themes: ``light-dark(...)`` picks one."""
    colours = {
        "text": (TEXT, "#e8edf3"), "faint": (FAINT, "#aab6c3"), "edge": (EDGE, "#8a97a6"),
        "grad": (GRADIENT, dark(GRADIENT, 0.78)), "alarm": (ALARM, dark(ALARM, 0.74)),
        "now": (NOW, NOW),
    }  # fmt: skip
    rules = []
    for kind, style in STYLES.items():
        colours[kind] = style.fill, dark(style.fill, 0.1 if kind == "frame" else 0.16)
        colours[f"{kind}-line"] = style.line, dark(style.line, 0.66)
        dashes = f";stroke-dasharray:{style.dashes}" if style.dashes else ""
        rules.append(
            f":is(.{kind} .body,.{kind}.body){{fill:var(--{kind});stroke:var(--{kind}-line);"
            f"stroke-width:{style.stroke:g}{dashes}}}.{kind} .inner{{stroke:var(--{kind}-line)}}"
        )
    for change, (_, fill, _) in CHANGES.items():
        colours[change] = fill, dark(fill, 0.24)
        # An open group is only framed, or its colour would lie under all that is in it.
        rules.append(
            f":is(.{change}:not(.frame) .body,.{change}.body){{fill:var(--{change})}}"
            f".frame.{change} .body{{stroke-width:4;"
            f"stroke:color-mix(in srgb,var(--{change}) 70%,var(--text))}}"
        )
    for i in range(5):
        fill = colour(i / 4)
        colours[f"s{i}"] = fill, dark(fill, 0.14 + 0.045 * i)
    both = "".join(f"--{name}:light-dark({a},{b});" for name, (a, b) in colours.items())
    fonts = f"--face:{LABEL_FONT};--fixed:{FIGURE_FONT}"
    sheet = re.sub(r"/\*.*?\*/", "", _read("page.css"), flags=re.DOTALL)
    sheet = re.sub(r"\s*([{};,>])\s*", r"\1", " ".join(sheet.split())).replace(": ", ":")
    return f":root{{{both}{fonts}}}{''.join(rules)}{sheet.replace(';}', '}')}"


def dark(colour: str, lightness: float) -> str:
    """The same hue at another lightness; a light tint is given some of its colour back.

    >>> dark("#00639e", 0.66)
    '#6ab8e7'
    """
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    hue, _, saturation = colorsys.rgb_to_hls(red, green, blue)
    parts = colorsys.hls_to_rgb(hue, lightness, min(saturation, 0.72))
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)


@functools.cache
def _script() -> str:
    """The scripts, in one function, with what is the same for all graphs."""
    known = {
        "KINDS": [
            {"name": kind, "rounded": s.rounded, "double": s.double, "stacked": s.stacked,
             "says": s.says}
            for kind, s in STYLES.items()
        ],
        "SIGNS": {name: sign for name, (sign, _, _) in CHANGES.items()},
        "OVERLAYS": OVERLAYS,
        "KEYS": _KEYS,
    }  # fmt: skip
    parts = [f"const {name} = {json.dumps(held)};" for name, held in known.items()]
    for name in _SCRIPTS:
        text = _read(name)
        if name in _ALONE:
            # Its helpers are its own affair.
            text = f"const {_ALONE[name]} = (() => {{\n{text}\nreturn {_ALONE[name]};\n}})();"
        parts.append(text)
    return squeeze('"use strict";(() => {\n' + "\n".join(parts) + "\n})();")


@functools.cache
def packed() -> str:
    """The style sheet, the elements and the script, as the page carries them."""
    elements = "".join(line.strip() for line in _read("page.html").split("\n"))
    return pack("\0".join([_style(), elements, _script()]))


#: Base 85 takes 6 % less than base 64. Its digits in the page are the characters from ``#`` on,
#: but for three that mean something in a page or in a text of a script.
_DIGITS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_IN_PAGE = "".join(map(chr, range(35, 120))).translate(
    {ord(a): b for a, b in zip("&<\\", "xyz", strict=True)}
)
_TO_PAGE = dict(zip(_DIGITS, _IN_PAGE, strict=True))


def pack(text: str, level: int = 9) -> str:
    """Compress a text, to characters that any page can hold; the page's loader undoes it."""
    return base64.b85encode(zlib.compress(text.encode(), level)).decode().translate(_TO_PAGE)


def unpack(packed: str) -> str:
    """Undo `pack`.

    >>> unpack(pack("f(x) < 0 && g(y)"))
    'f(x) < 0 && g(y)'
    """
    back = {ord(shown): digit for digit, shown in _TO_PAGE.items()}
    return zlib.decompress(base64.b85decode(packed.translate(back))).decode()


#: Texts, and patterns.
_KEPT = re.compile(r'("(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|(?<=\()/(?:[^/\\\n]|\\.)+/[a-z]*)')


def squeeze(script: str) -> str:
    """Take out of a script what only people need; texts and patterns stay as they are.

    >>> squeeze('''
    ... // A comment.
    ... const both = "a  b" + c - -1;
    ...     return both;
    ... ''')
    'const both="a  b"+c- -1;return both;'
    >>> squeeze('said.replace(/ = "/, 1) / 2;')
    'said.replace(/ = "/,1)/2;'
    """
    lines = [line.strip() for line in script.split("\n")]
    text = "\n".join(line for line in lines if line and not line.startswith("//"))
    parts = _KEPT.split(text)
    for i in range(0, len(parts), 2):
        part = re.sub(r"([-+])\s+(?=\1)", "\\1\0", parts[i])
        part = re.sub(r"\s*([-+*/%=<>!&|?:,;{}()\[\]])\s*", r"\1", part)
        parts[i] = re.sub(r"\s+", " ", part.replace(";}", "}")).replace("\0", " ")
    return "".join(parts)


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
