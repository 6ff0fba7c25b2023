"""Front pages: packages whose names are imported when they are first asked for.

A package lists which of its modules has which names. ``package.name``, ``from package import name``
and ``dir(package)`` are as if it had imported them all, while ``import package`` costs only what
everybody needs. Type checkers read the stub beside the package, which ``scripts/generate_stubs.py``
writes from the same list.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["FRONT_PAGES", "front_page"]

#: What each front page lists: the module of a name, None where the name is the module itself.
FRONT_PAGES: dict[str, dict[str, str | None]] = {}


class _FrontPage(ModuleType):
    """A package in which a name stands for what its module has under it, not for the module.

    The import system binds a module to its package by the module's own name, which may be that of
    the function in it: ``viz.record`` is the function, whoever imported ``viz/record.py``.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType) and FRONT_PAGES[self.__name__].get(name) == name:
            value = getattr(value, name)
        super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Callable[[str], ModuleType], tuple[str]]:
        return import_module, (self.__name__,)  # to workers it goes by name, as other modules do


def front_page(
    package: str, modules: dict[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Make a package's ``__getattr__`` and ``__dir__``, and list the names that they find.

    ``modules`` maps a module of the package to the names of it that the package has, parted by
    spaces; no names stand for the module itself.
    """
    page = sys.modules[package]
    names: dict[str, str | None] = {}
    for module, listed in modules.items():
        names.update(dict.fromkeys(listed.split(), module) if listed else {module: None})
    FRONT_PAGES[package] = names
    page.__class__ = _FrontPage
    parts = {module.partition(".")[0] for module in modules}

    def find(name: str) -> Any:
        where = names.get(name)
        if where is None and name not in parts:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(f"{package}.{where or name}")
        value = page.__dict__[name] = getattr(module, name) if where else module
        return value

    def listing() -> list[str]:
        return sorted({*page.__dict__, *names})

    return find, listing, list(names)
