"""What is generated is what the code says now, and the reference leaves nothing out."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

import autograd_core as ag
from autograd_core import array_api, functions
from scripts import draw_docs, generate_ops_page

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_of_operations_is_up_to_date() -> None:
    assert generate_ops_page.PAGE.read_text(encoding="utf-8") == generate_ops_page.page(), (
        "run python scripts/generate_ops_page.py"
    )


@pytest.mark.parametrize("name", draw_docs.PICTURES)
def test_the_pictures_are_up_to_date(name: str) -> None:
    drawn = draw_docs.PICTURES[name]()
    assert (DOCS / "images" / name).read_text(encoding="utf-8") == drawn, (
        "run python scripts/draw_docs.py, and look at the pictures"
    )


# The array API standard's dtypes and constants are NumPy's objects, described there.
NUMPYS_OWN = {
    name
    for name in array_api.__all__
    if not inspect.isfunction(getattr(array_api, name)) and not name.startswith("_")
} | {"__array_api_version__"}


def whole_modules(page: str) -> set[str]:
    """The names of the modules that the page documents as a whole."""
    listed = re.findall(r"automodule:: (autograd_core\.\w+)\n   :members:", page)
    return {name for module in listed for name in importlib.import_module(module).__all__}


def test_every_public_name_is_in_the_reference() -> None:
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    missing = [
        name
        for name in sorted(set(ag.__all__) - set(functions.__all__) - whole_modules(page))
        if not inspect.ismodule(getattr(ag, name))
        and name not in NUMPYS_OWN
        and not re.search(rf"(module|class|function|exception|data):: .*\b{name}\n", page)
    ]
    assert not missing, f"docs/api.md does not mention {missing}"


def test_the_conventions_are_those_of_the_code() -> None:
    page = (DOCS / "conventions.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| (.*) \| (.*) \|$", page, re.MULTILINE)[2:]
    assert listed == [(row.point, row.derivative) for row in ag.conventions()]


def test_conventions_are_about_ops_that_exist() -> None:
    names = {op.name for op in ag.OPS.values()}
    assert {op for row in ag.conventions() for op in row.ops} <= names
    assert ag.conventions("relu")[0].derivative.startswith("0")
    assert len(str(ag.conventions()).splitlines()) == len(ag.conventions())
