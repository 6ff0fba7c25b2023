"""``python -m viz``: draw what a script builds.

The script runs as it would by itself, with its passes recorded; then what was named of it is drawn.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from autograd_core import Tensor

from .drawing.dot import DotError
from .drawing.looks import OVERLAYS
from .files import check_place
from .flow_graph import FlowGraph, Options, flow_graph
from .load import load
from .record import Recording, record
from .recording.build import Known
from .recording.capture import walk_back
from .recording.modules import is_module
from .script import (
    Failed,
    Refused,
    Target,
    arguments_of,
    call_of,
    evaluate,
    excerpt,
    has,
    is_users,
    run,
)

__all__ = ["main"]

#: How many backward passes are remembered: those of a step may be more than one.
_PASSES = 3
_FORMS = ("html", "svg", "json", "dot", "txt")
_DRAWINGS = (".svg", ".png", ".pdf")
_SUFFIXES = (".html", ".svg", ".png", ".pdf", ".json", ".txt", ".dot", ".gv")

_ABOUT = """\
Draw the computation graph that a script builds, with values and gradients.

The script runs as it would by itself, then what is named of it is drawn:

  python -m viz train.py                   the last backward() that ran
  python -m viz train.py:loss              a tensor: all that it was computed from
  python -m viz train.py:f                 a function without arguments: it is run
  python -m viz 'train.py:f(x, y)'         any other expression
  python -m viz train.py:model --input-shape 64
                                           a module, before it has seen any data
  python -m viz package.module:loss        the same of a module, which is imported
  python -m viz graph.json                 a graph that was saved
"""
_MORE = """\
The suffix of the output says what is written: .html is a page of one file that steps through both
passes, works without a network and folds large graphs; .svg, .png and .pdf are drawings, .json can
be drawn again, .txt is a list, .dot is for Graphviz. Options of the drawing (--overlay, --edges,
--backward, --step) are for .svg, .png and .pdf.

  python -m viz train.py:loss -o loss.svg --overlay gradient
  python -m viz train.py:loss --open -- --epochs 1
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m viz",
        description=_ABOUT,
        epilog=_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        usage="python -m viz [options] script.py[:name] [-- arguments of the script]",
    )
    add = parser.add_argument
    add("target", metavar="script.py[:name]", help="what to draw, see above")
    add("-o", "--output", metavar="FILE", help="the file to write; - is the standard output")
    add("--form", choices=_FORMS, default="html", help="what to write to the standard output")
    add("--open", action="store_true", help="open what was written in the web browser")
    add("--input-shape", metavar="SHAPE", help="of a module: 64, or 3,32,32, as its input has it")
    add("--depth", type=int, metavar="N", help="how many levels of modules to draw open")
    add("--shared", choices=("proxy", "single"), default="proxy",
        help="a parameter used many times: a small box at each use, or one box")  # fmt: skip
    add(
        "--engine", choices=("auto", "dot", "builtin"), default="auto", help="what places the boxes"
    )
    looks = parser.add_argument_group("options of a drawing")
    add = looks.add_argument
    add("--overlay", choices=tuple(OVERLAYS), help="what fills the boxes")
    add("--edges", choices=("plain", "gradient"), help="as wide as the gradient that flows there")
    add("--backward", action="store_true", help="draw the arrows of the backward pass too")
    add("--step", type=int, metavar="N", help="the state after step N of both passes")
    add("--force", action="store_true", help="draw more than 100,000 boxes")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 0, 1, or what the script ended with."""
    words = list(sys.argv[1:] if argv is None else argv)
    at = words.index("--") if "--" in words else len(words)
    options = _parser().parse_args(words[:at])
    try:
        return _draw(options, words[at + 1 :])
    except Failed as failure:
        print(failure, file=sys.stderr)
        return failure.status
    except KeyboardInterrupt as stop:
        print(excerpt(stop), file=sys.stderr)
        return 130  # as shells tell it
    except BrokenPipeError:  # Who reads the standard output has read enough, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Refused, DotError, OSError, ValueError, TypeError, ImportError) as error:
        print(f"python -m viz: {error}", file=sys.stderr)
        return 1


def _draw(options: argparse.Namespace, arguments: list[str]) -> int:
    target = Target(options.target)
    # What cannot be written is refused before a script runs for an hour.
    path = _output(options, target)
    there = None if path is None else path.absolute()  # the script may change the folder
    shape = _shape(options.input_shape)
    looks: dict[str, Any] = {
        key: value
        for key in ("overlay", "edges", "backward", "step", "force")
        if (value := getattr(options, key)) not in (None, False)
    }
    form = f".{options.form}" if path is None else path.suffix.lower()
    if looks and form not in _DRAWINGS:
        raise Refused(f"--{next(iter(looks))} is for {', '.join(_DRAWINGS)}, not for {form}")
    # What the script prints must not mix with the drawing.
    with _apart() if path is None else contextlib.nullcontext():
        drawing = _drawing(target, arguments, options, shape)
    if path is None or there is None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # whatever the terminal's is
        sys.stdout.write(str(drawing._form(form, "it", looks)))  # of these forms none is bytes
        sys.stdout.flush()
        return 0
    drawing.save(there, **looks)
    print(f"{path}: {drawing!r}")
    if options.open and not webbrowser.open(there.as_uri()):
        print(f"no web browser was found; open {there} by hand", file=sys.stderr)
    return 0


@contextlib.contextmanager
def _apart() -> Iterator[None]:
    """Send to the standard error what is printed, by programs that the script starts too."""
    kept = None
    with contextlib.suppress(OSError):  # There may be none, as in a window without a terminal.
        kept = os.dup(1)
        os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)


def _output(options: argparse.Namespace, target: Target) -> Path | None:
    """The file to write, or None for the standard output."""
    if options.output == "-":
        if options.open:
            raise Refused("--open needs a file; leave out -o - or name one")
        return None
    path = Path(options.output or f"{target.stem}-graph.html")
    if path.suffix.lower() not in _SUFFIXES:
        raise Refused(f"cannot write {path.name!r}: the suffixes are {', '.join(_SUFFIXES)}")
    check_place(path)
    if not os.access(path.parent, os.W_OK):
        raise Refused(f"cannot write {path}: this user may not write to {path.parent}")
    if target.is_file and path.exists() and path.samefile(target.source):
        raise Refused(f"{path} is what is to be drawn; name another output")
    return path


def _shape(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(axis) for axis in text.strip("()").split(",") if axis.strip())
    except ValueError:
        raise Refused(f"--input-shape should be numbers with commas, not {text!r}") from None


def _drawing(
    target: Target, arguments: list[str], options: argparse.Namespace, shape: Any
) -> FlowGraph:
    """Run the script and draw what was named of it."""
    how = dict(engine=options.engine, depth=options.depth, shared=options.shared)
    Options(**how)  # it refuses what there is not, before a script runs
    if target.is_graph:
        if target.name or arguments or shape is not None or options.shared != "proxy":
            raise Refused(
                f"{target.source} is a graph that was made before: it takes no name, no arguments, "
                "no --input-shape and no --shared"
            )
        return load(target.source, engine=options.engine, depth=options.depth)
    # A script may train for long: what it did before its last passes is nobody's picture.
    with record(last=_PASSES) as recording:
        names = run(target, arguments)
        what = None if target.name is None else evaluate(target, names)
        _walk_back(what, recording)
    try:
        if shape is not None:
            if not is_module(what):
                raise Refused("--input-shape is of a module; name one, as in script.py:model")
            return flow_graph(what, input_shape=shape, **how)
        if target.name is None:
            return _last(target, recording, names, how)
        return _named(what, target, recording, names, how)
    except Refused:
        raise
    except Exception as error:
        # Where the user's code raised, it is shown; what cannot be drawn needs no traceback.
        if is_users(error):
            raise Failed(excerpt(error), 1) from None
        raise


def _walk_back(what: Any, recording: Recording) -> None:
    """Differentiate a number that the script did not, while the passes are recorded."""
    if not isinstance(what, Tensor) or what._node is None or what.size != 1:
        return
    if not any(what._node in walk.roots for walk in recording.inspection.walks):
        walk_back({what._node: what._seed(None)}, Known(seen=recording.inspection))


def _last(
    target: Target, recording: Recording, names: dict[str, Any], how: dict[str, Any]
) -> FlowGraph:
    """Draw the last backward pass that ran."""
    if not recording.inspection.walks:
        raise Refused(
            f"no backward pass ran in {target.source}; name what to draw, as in "
            f"{target.source}:loss{has(names)}"
        )
    return recording.flow_graph(names=names, **how)


def _named(
    what: Any, target: Target, recording: Recording, names: dict[str, Any], how: dict[str, Any]
) -> FlowGraph:
    """Draw what the target names, whatever can be drawn of it."""
    if isinstance(what, FlowGraph):
        chosen = Options(**how)
        opened = chosen.opened(what.graph)
        if chosen.engine == "auto" and opened is None:
            return what
        return FlowGraph(what.graph, chosen.engine, chosen.timeout, opened)
    if isinstance(what, Recording):
        return what.flow_graph(names=names, **how)
    several = isinstance(what, list | tuple) and what and all(isinstance(t, Tensor) for t in what)
    call = call_of(target, names)
    if isinstance(what, Tensor) and what._node is None and call is not None:
        return flow_graph(call[0], *call[1], names=names, **how)
    if isinstance(what, Tensor) or several:
        try:
            return recording.flow_graph(what, names=names, **how)
        except ValueError:  # It is older than the recording, or nothing was recorded at all.
            return flow_graph(what, names=names, **how)
    if is_module(what):
        raise Refused(
            f"{target.name} is a module: --input-shape 64 draws it for examples of 64 features, "
            f"'{target.source}:{target.name}(x)' what it computes of x"
        )
    if callable(what) and not isinstance(what, type):
        if missing := arguments_of(what):
            raise Refused(
                f"{target.name} takes arguments: write the call, as in "
                f"'{target.source}:{target.name}({', '.join(missing)})'"
            )
        return flow_graph(what, names=names, **how)
    if call is not None:
        return flow_graph(call[0], *call[1], names=names, **how)
    kind = "a class" if isinstance(what, type) else f"of type {type(what).__name__}"
    if isinstance(what, Mapping) and (keys := [k for k in what if isinstance(what[k], Tensor)]):
        kind += f'; "{target.source}:{target.name}[{keys[0]!r}]" is a tensor'
    raise Refused(
        f"{target.name} is {kind}; what can be drawn are tensors, functions, modules and flow "
        f"graphs{has(names)}"
    )


if __name__ == "__main__":
    sys.exit(main())
