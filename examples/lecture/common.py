"""What the demonstrations share: the command line, the digits, tables and pictures."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from sklearn.datasets import load_digits

import autograd_core as ag
import optim
import viz

Array = NDArray[Any]
#: Inputs and labels.
Part = tuple[Array, Array]


@dataclass(frozen=True)
class Options:
    """What the command line said."""

    out: Path
    seed: int
    quick: bool

    def rng(self, *more: int) -> np.random.Generator:
        """A generator for this seed and, in a series of runs, for the run's number."""
        return np.random.default_rng([self.seed, *more])


@dataclass(frozen=True)
class Digits:
    """The handwritten digits: images to learn from, to choose by and to judge by."""

    train: Part
    val: Part
    test: Part


def parse(arguments: Sequence[str] | None, name: str, about: str | None) -> Options:
    """Read the command line of the demonstration ``name``, and make the folder for its pictures."""
    parser = parser_of(name, about)
    return options_of(parser, parser.parse_args(arguments))


def parser_of(name: str, about: str | None) -> argparse.ArgumentParser:
    """A parser for a demonstration's command line, to which it may add options of its own."""
    parser = argparse.ArgumentParser(
        prog=f"python -m examples.lecture.{name}",
        description=(about or "").split("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_options(parser)
    return parser


def options_of(parser: argparse.ArgumentParser, given: argparse.Namespace) -> Options:
    """What every demonstration is told; make the folder for its pictures."""
    try:
        given.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"no folder for the pictures: {error}")
    return Options(given.out, given.seed, given.quick)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what every demonstration understands."""
    parser.add_argument(
        "--out", type=Path, default=Path("out/lecture"), help="folder for the pictures"
    )
    parser.add_argument("--seed", type=_seed, default=0, help="of everything left to chance")
    parser.add_argument(
        "--quick", action="store_true", help="a small size: to see that everything runs"
    )


def digits(
    options: Options,
    *,
    train: int | None = None,
    split: int = 0,
    dtype: DTypeLike = np.float64,
) -> Digits:
    """Split the 1,797 images that ship inside scikit-learn, stratified; pixels from 0 to 1.

    70 % are to train with, or the first ``train`` of them; 15 % each are for validation and test.
    Another ``split`` is another draw.
    """
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(dtype)
    rng = options.rng(split)
    parts = optim.train_val_test_split(X, y, validation=0.15, test=0.15, rng=rng)
    (images, labels), val, test = parts
    return Digits((images[:train], labels[:train]), val, test)


@ag.no_grad()
def accuracy(model: Any, examples: Part) -> float:
    """The share of examples whose right class has the largest output, in evaluation mode."""
    X, y = examples
    before = model.training
    model.eval()
    answers = model(X).data.argmax(axis=-1)
    model.train(before)
    return float((answers == y).mean())


def table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under headers; the first column is words, the others end flush on the right.

    >>> table(["bias", "ridge"], [["-2", "0.894"], ["0", "0"]])
      bias  ridge
      -2    0.894
      0         0
    """
    cells = [[str(cell) for cell in row] for row in [headers, *rows]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        first, *rest = row
        line = [first.ljust(widths[0])]
        line += [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        print("  " + "  ".join(line).rstrip())


def save(figure: Any, options: Options, name: str) -> Path:
    """Write a picture to the folder, and say where it is."""
    path = viz.save_figure(figure, options.out / name)
    print(f"picture: {path}")
    return path


def _seed(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 up")
    return value
