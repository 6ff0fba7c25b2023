"""How Sphinx builds the documentation; `make docs` does it, and a warning is an error."""

from typing import Any

from docutils.nodes import Element
from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, GoogleDocstring
from sphinx.writers.html5 import HTML5Translator

from autograd_core import __version__

project = "autograd-core"
author = "the project's contributors"
copyright = author
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

# The public names in the order of their modules' __all__, with types where a reader looks for them.
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "undoc-members": False}
autodoc_typehints = "none"
default_role = "code"

# References to others' projects would need their inventories, which would need the network.
nitpick_ignore_regex = [
    ("py:.*", r"(numpy|np|hypothesis|graphviz|matplotlib|collections|typing|types)(\..*)?"),
    ("py:.*", r"(int|float|bool|str|complex|object|tuple|list|dict|set|callable|Exception)"),
]

html_theme = "furo"
html_static_path = ["_static"]
html_title = "autograd-core"


class Translator(HTML5Translator):
    """A link to a drawing or page beside a document opens it, where Sphinx would have it saved."""

    def visit_download_reference(self, node: Element) -> None:
        super().visit_download_reference(node)
        self.body[-1] = self.body[-1].replace(' download=""', "")


def read_sections(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Read `Args:`, `Returns:` and `Raises:` as the extension napoleon does.

    The extension itself would take a property's first words up to a colon for its type.
    """
    if what != "property":
        lines[:] = GoogleDocstring(lines, Config(), app, what, name, obj, options).lines()


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", read_sections)
    app.set_translator("html", Translator)
