"""Run the Python code blocks of a Markdown page as its reader would: from the top, one session."""

import contextlib
import doctest
import io
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

# A fence of three backticks with its language: Python code, or `text`: what the code above printed.
FENCE = re.compile(r"^```(?P<language>\w*)[^\n]*\n(?P<body>.*?)^```[ \t]*$", re.M | re.S)
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its lines, and where in the page its first line stands."""

    language: str
    body: str
    line: int


def blocks(text: str) -> list[Block]:
    """All fenced blocks of a page, in order.

    >>> [(b.language, b.line) for b in blocks("one\\n```python\\nx = 1\\n```\\n")]
    [('python', 3)]
    """
    return [
        Block(match["language"], match["body"], text.count("\n", 0, match.start("body")) + 1)
        for match in FENCE.finditer(text)
    ]


def run_page(path: Path) -> int:
    """Execute a page's Python blocks in one namespace; return how many there were.

    A block with prompts is a doctest. Another is executed, and where a `text` block comes next,
    that is compared with what it printed (`...` stands for anything).
    """
    page = blocks(path.read_text(encoding="utf-8"))
    session: dict[str, object] = {"__name__": "__main__"}
    ran = 0
    for block, after in itertools.zip_longest(page, page[1:]):
        if block.language != "python":
            continue
        ran += 1
        if block.body.lstrip().startswith(">>>"):
            run_prompts(block, path, session)
            continue
        printed = io.StringIO()
        # Blank lines in front put the page's own line numbers into a traceback.
        code = compile("\n" * (block.line - 1) + block.body, str(path), "exec")
        with contextlib.redirect_stdout(printed):
            exec(code, session)
        if after is not None and after.language == "text":
            checker = doctest.OutputChecker()
            if not checker.check_output(after.body, printed.getvalue(), OPTIONS):
                raise AssertionError(
                    f"{path.name}:{after.line} says\n{after.body}\nthe code above it prints\n"
                    f"{printed.getvalue()}"
                )
    return ran


def run_prompts(block: Block, path: Path, session: dict[str, object]) -> None:
    """Run a block of `>>>` prompts as a doctest that reads and writes the page's session."""
    test = doctest.DocTestParser().get_doctest(
        block.body, session, path.name, str(path), block.line - 1
    )
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False)
    runner.run(test, out=report.append, clear_globs=False)
    session.update(test.globs)
    if runner.failures:
        raise AssertionError("".join(report))
